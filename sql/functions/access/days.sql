-- The days of the access record: made ahead, or when a row of a missing day comes, and dropped when they are old.
--
-- Locks: adding a day takes SHARE UPDATE EXCLUSIVE on access.request, which lets rows be written and read. Dropping one
-- takes ACCESS EXCLUSIVE on it, so it waits for 50 ms at most, and tries again with the next run.

create or replace view access.day with (security_invoker = true) as
select
    coalesce(p.day, d.day) as day,
    p.partition,
    p.rows_estimated,
    p.bytes,
    coalesce(d.dropped, 0) as dropped
from (
    select
        pg_catalog.to_date(pg_catalog.right(c.relname, 8), 'YYYYMMDD') as day,
        c.oid::regclass as partition,
        nullif(c.reltuples, -1)::bigint as rows_estimated,
        pg_catalog.pg_total_relation_size(c.oid) as bytes
    from pg_catalog.pg_inherits as i
    inner join pg_catalog.pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'access.request'::regclass
) as p
full join (
    select r.day, pg_catalog.sum(r.rows)::bigint as dropped
    from access.dropped as r
    group by r.day
) as d on d.day = p.day;
comment on view access.day is
'The access record by UTC day: its partition, about how many rows and bytes it holds, and how many rows servers had to drop.';
comment on column access.day.day is 'UTC day';
comment on column access.day.partition is 'partition of access.request; null: there is none (any more)';
comment on column access.day.rows_estimated is 'rows, as estimated by the last (auto)analyze; null: not yet';
comment on column access.day.bytes is 'bytes on disk, with indexes';
comment on column access.day.dropped is 'rows that servers had to drop on that day, see access.dropped';
grant select on access.day to levqor_dba;

create or replace function access.has_day(p_day date)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select
        from pg_inherits as i
        where i.inhparent = 'access.request'::regclass
            and i.inhrelid = to_regclass('access.request_' || to_char(p_day, 'YYYYMMDD'))
    )
$$;
comment on function access.has_day(date) is
$$Whether there is a partition for a UTC day.$$;

create or replace function access.make_day(p_day date)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name text := 'request_' || to_char(p_day, 'YYYYMMDD');
begin
    if access.has_day(p_day) then
        return false;
    end if;
    -- The lock that attaching takes anyway: one session makes the day, and others that wait here find it made.
    lock table access.request in share update exclusive mode;
    if access.has_day(p_day) then
        return false;
    end if;
    -- Made apart and then attached: "create table … partition of" would lock out every reader and writer.
    execute format('create table access.%I (like access.request including all) with (%s)', v_name, core.partition_options());
    -- Also where a superuser makes it in psql.
    execute format('alter table access.%I owner to levqor_owner', v_name);
    execute format('comment on table access.%I is %L', v_name, 'Requests of ' || p_day || ' (UTC).');
    -- Who names the partition instead of the table meets the partition's own policies.
    execute format('alter table access.%I enable row level security', v_name);
    execute format('alter table access.%I force row level security', v_name);
    execute format(
        'create policy account_sees_its_requests on access.%I for select '
        'using (account_id = core.current_account() or core.sees_all())', v_name
    );
    -- Data retention removes rows of a day that others of are held.
    execute format('create policy machinery_writes on access.%I using (core.is_machinery())', v_name);
    execute format(
        'alter table access.request attach partition access.%I for values from (%L) to (%L)',
        v_name, p_day || ' 00:00:00+00', p_day + 1 || ' 00:00:00+00'
    );
    return true;
end;
$$;
comment on function access.make_day(date) is
$$Make the partition of a UTC day, unless it is there. Gives whether it was made.$$;

create or replace function access.make_days(p_ahead integer default 3)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
begin
    return (
        select count(*) filter (where access.make_day((core.now() at time zone 'UTC')::date + n.ahead))
        from generate_series(0, p_ahead) as n (ahead)
    );
end;
$$;
comment on function access.make_days(integer) is
$$Make the partitions of today and of the days after it. A task of the clock. Gives how many were made.

p_ahead: days after today. Raises 55P03 when another session holds the table for longer than 50 ms: the next run tries again.$$;

create or replace function access.drop_days()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
    -- A day goes a quarter of an hour late: at midnight all the daily tasks run in one transaction with this one, and
    -- the lock would be held until their end.
    v_before date := (core.now() at time zone 'UTC' - interval '15 minutes')::date
        - core.integer_setting('access.keep_days')::integer;
    v_day record;
    v_dropped bigint := 0;
begin
    for v_day in
        select d.partition
        from access.day as d
        where d.day < v_before and d.partition is not null
        order by d.day
    loop
        -- Of a day with rows under a legal hold, data retention removes the others.
        continue when core.has_held(v_day.partition);
        begin
            execute format('drop table %s', v_day.partition);
            v_dropped := v_dropped + 1;
        exception
            when lock_not_available then
                exit;
        end;
    end loop;
    delete from access.dropped as d where d.day < v_before and core.held_accounts('access.dropped') is not null;
    return v_dropped;
end;
$$;
comment on function access.drop_days() is
$$Drop the days that are older than the setting access.keep_days. A task of the clock. Gives how many went.

A day whose lock is not to be had within 50 ms stays for the next run, one with rows under a legal hold until the hold ends.$$;

select core.seed('core.setting', '{name}', '{
    "name": "access.keep_days", "value": 90, "minimum": 1, "maximum": 36500,
    "description": "whole number of days that the access record is kept, today not counted"}');
