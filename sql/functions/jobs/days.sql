-- The days of jobs: partitions of all that is written once, made ahead by UTC day of the job's id, and dropped when all
-- jobs of a day have ended and are old.
--
-- Locks: adding a day takes SHARE UPDATE EXCLUSIVE on the table, which lets rows be written and read, and ACCESS EXCLUSIVE
-- on its default partition, which is mostly empty. Dropping one takes ACCESS EXCLUSIVE on the table. Both wait for 50 ms at
-- most, and try again with the next run.

create or replace function jobs.list_day_tables()
returns text[]
language sql
immutable
parallel safe
security invoker
as $$
    select array['submission', 'outcome', 'attempt', 'event', 'log']
$$;
comment on function jobs.list_day_tables() is
$$The tables that have a partition for each day.$$;

create or replace view jobs.day with (security_invoker = true) as
select
    pg_catalog.to_date(pg_catalog.right(c.relname, 8), 'YYYYMMDD') as day,
    p.relname::text as table_name,
    c.oid::regclass as partition,
    nullif(c.reltuples, -1)::bigint as rows_estimated,
    pg_catalog.pg_total_relation_size(c.oid) as bytes
from pg_catalog.pg_inherits as i
inner join pg_catalog.pg_class as c on c.oid = i.inhrelid
inner join pg_catalog.pg_class as p on p.oid = i.inhparent
inner join pg_catalog.pg_namespace as n on n.oid = p.relnamespace
where n.nspname = 'jobs' and p.relkind = 'p' and c.relname ~ '_[0-9]{8}$';
comment on view jobs.day is 'The partitions of jobs: table and UTC day, and about how many rows and bytes each holds.';
comment on column jobs.day.day is 'UTC day';
comment on column jobs.day.table_name is 'submission, outcome, attempt, event or log';
comment on column jobs.day.partition is 'the partition';
comment on column jobs.day.rows_estimated is 'rows, as estimated by the last (auto)analyze; null: not yet';
comment on column jobs.day.bytes is 'bytes on disk, with indexes';
grant select on jobs.day to levqor_dba;

create or replace function jobs.make_day(p_table text, p_day date)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name text := p_table || to_char(p_day, '_YYYYMMDD');
    v_key text := case when p_table = 'submission' then 'id' else 'job_id' end;
    v_from uuid := jobs.first_id_at(p_day::timestamp at time zone 'UTC');
    v_to uuid := jobs.first_id_at((p_day + 1)::timestamp at time zone 'UTC');
    v_is_late boolean;
begin
    if to_regclass('jobs.' || v_name) is not null then
        return false;
    end if;
    -- The lock that attaching takes anyway: one session makes the day, and others that wait here find it made.
    execute format('lock table jobs.%I in share update exclusive mode', p_table);
    if to_regclass('jobs.' || v_name) is not null then
        return false;
    end if;
    -- What has come for a day that was not made yet stays in the default partition, and so does all of that day.
    execute format('select exists (select from jobs.%I where %I >= $1 and %I < $2)', p_table || '_default', v_key, v_key)
    into v_is_late using v_from, v_to;
    if v_is_late then
        return false;
    end if;
    -- Made apart and then attached: "create table … partition of" would lock out every reader and writer.
    execute format('create table jobs.%I (like jobs.%I including all) with (%s)', v_name, p_table, core.partition_options());
    -- Also where a superuser's job in psql came first.
    execute format('alter table jobs.%I owner to levqor_owner', v_name);
    execute format('comment on table jobs.%I is %L', v_name, 'Jobs handed in on ' || p_day || ' (UTC): ' || p_table || '.');
    execute format('alter table jobs.%I enable row level security', v_name);
    execute format('alter table jobs.%I force row level security', v_name);
    execute format(
        'create policy account_sees_its_own on jobs.%I using (account_id = core.current_account() or core.sees_all())',
        v_name
    );
    execute format(
        'alter table jobs.%I attach partition jobs.%I for values from (%L) to (%L)', p_table, v_name, v_from, v_to
    );
    return true;
end;
$$;
comment on function jobs.make_day(text, date) is
$$Make the partition of a table for a UTC day, unless it is there, or its jobs are in the default partition already. Gives whether it
was made.$$;

create or replace function jobs.make_days(p_ahead integer default 3, p_from integer default 1)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
begin
    return (
        select count(*) filter (where jobs.make_day(t.name, (core.now() at time zone 'UTC')::date + n.ahead))
        from generate_series(p_from, p_ahead) as n (ahead)
        cross join unnest(jobs.list_day_tables()) as t (name)
    );
end;
$$;
comment on function jobs.make_days(integer, integer) is
$$Make the partitions of the next days. A task of the clock. Gives how many were made.

p_ahead: days after today. p_from: the first of them; 0, today, only while nobody hands in jobs: an intake on its way into the default
partition would fail. So the day on which the clock comes back after days without it stays in the default partition. Raises 55P03 when another session holds a table for longer than 50 ms: the next run tries again.$$;

create or replace function jobs.index_days()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
    v_day record;
    v_made bigint := 0;
begin
    -- Not while jobs come into the day: this index would cost each intake. Nobody writes into a day that is over.
    for v_day in
        select d.partition, 'submission_workflow_' || to_char(d.day, 'YYYYMMDD') as name
        from jobs.day as d
        where d.table_name = 'submission' and d.day < (core.now() at time zone 'UTC' - interval '15 minutes')::date
        order by d.day desc
    loop
        if to_regclass('jobs.' || v_day.name) is null then
            execute format('create index %I on %s (account_id, workflow, id)', v_day.name, v_day.partition);
            v_made := v_made + 1;
        end if;
    end loop;
    return v_made;
end;
$$;
comment on function jobs.index_days() is
$$Index the days that are over by workflow, for lists by workflow. A task of the clock. Gives how many were indexed.$$;

create or replace function jobs.drop_days()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
    v_before date := (core.now() at time zone 'UTC' - interval '15 minutes')::date
        - core.integer_setting('jobs.keep_days')::integer;
    v_before_id uuid;
    v_day record;
    v_dropped bigint := 0;
    v_held uuid[] := core.held_accounts('jobs.hour');
    v_held_keys uuid[] := core.held_accounts('jobs.unique_key');
begin
    perform set_config('levqor.retention', 'on', true);
    for v_day in
        select d.day, array_agg(d.partition::text) as partitions from jobs.day as d where d.day < v_before group by d.day
        order by d.day
    loop
        -- A day stays as long as one of its jobs has not ended.
        continue when exists (
            select
            from (select w.job_id from jobs.waiting as w union all select r.job_id from jobs.running as r) as o
            where o.job_id >= jobs.first_id_at(v_day.day::timestamp at time zone 'UTC')
                and o.job_id < jobs.first_id_at((v_day.day + 1)::timestamp at time zone 'UTC')
        );
        -- Of a day with rows under a legal hold, data retention removes the others.
        continue when exists (
            select from unnest(v_day.partitions) as p (partition) where core.has_held(p.partition::regclass)
        );
        begin
            execute (
                select string_agg(format('drop table %s', p.partition), '; ') from unnest(v_day.partitions) as p (partition)
            );
            v_dropped := v_dropped + 1;
        exception
            when lock_not_available then
                exit;
        end;
    end loop;
    v_before_id := jobs.first_id_at(v_before::timestamp at time zone 'UTC');
    delete from jobs.unique_key as k where k.job_id < v_before_id and not exists (
        select from jobs.submission as s where s.account_id = k.account_id and s.id = k.job_id
    ) and not coalesce(k.account_id = any (v_held_keys), v_held_keys is null);
    delete from jobs.hour as h
    where h.hour < core.now() - make_interval(days => core.integer_setting('jobs.keep_hours_days')::integer)
        and not coalesce(h.account_id = any (v_held), v_held is null);
    delete from jobs.worker as w where w.last_seen_at < core.now() - interval '1 day';
    delete from jobs.tally as t
    where t.waiting = 0 and t.running = 0 and t.folded_at < core.now() - interval '1 day';
    return v_dropped;
end;
$$;
comment on function jobs.drop_days() is
$$Drop the days that are older than the setting jobs.keep_days and whose jobs have all ended, and what belonged to them. A task of
the clock. Gives how many went.

A day whose lock is not to be had within 50 ms stays for the next run, one with rows under a legal hold until the hold ends. What came into the default partitions stays there.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "jobs.keep_days", "value": 30, "minimum": 1, "maximum": 36500,
        "description": "whole number of days that jobs are kept, by when they were handed in, today not counted"},
    {"name": "jobs.keep_hours_days", "value": 400, "minimum": 1, "maximum": 36500,
        "description": "whole number of days that the hourly counts of jobs are kept"}
]') as s (setting);
