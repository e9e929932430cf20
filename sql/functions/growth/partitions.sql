-- The partitions of growth: events by month (UTC) of when they happened, arrivals by day (UTC) of when they came. Both are made
-- ahead by the clock, and by the intake itself where one is missing. Months are dropped by data retention, by the setting
-- growth.keep_months; days of arrival here.
--
-- Locks: making one takes SHARE UPDATE EXCLUSIVE on the table, which lets rows be written and read; without a default partition
-- attaching needs no more. Dropping one takes ACCESS EXCLUSIVE on the table, waits for 50 ms at most, and tries again with the
-- next run.

create or replace view growth.partition with (security_invoker = true) as
select
    p.relname::text as table_name,
    pg_catalog.to_date(
        pg_catalog.rpad(pg_catalog.substring(c.relname::text, '_([0-9]+)$'), 8, '01'), 'YYYYMMDD'
    ) as starts_on,
    c.oid::regclass as partition,
    nullif(c.reltuples, -1)::bigint as rows_estimated,
    pg_catalog.pg_total_relation_size(c.oid) as bytes
from pg_catalog.pg_inherits as i
inner join pg_catalog.pg_class as c on c.oid = i.inhrelid
inner join pg_catalog.pg_class as p on p.oid = i.inhparent
inner join pg_catalog.pg_namespace as n on n.oid = p.relnamespace
where n.nspname = 'growth' and p.relkind = 'p' and c.relname ~ '_([0-9]{6}|[0-9]{8})$';
comment on view growth.partition is
'The partitions of growth: months of events, days of arrivals, and about how many rows and bytes each holds.';
comment on column growth.partition.table_name is 'event or arrival';
comment on column growth.partition.starts_on is 'first UTC day of the month, or the UTC day';
comment on column growth.partition.partition is 'the partition';
comment on column growth.partition.rows_estimated is 'rows, as estimated by the last (auto)analyze; null: not yet';
comment on column growth.partition.bytes is 'bytes on disk, with indexes';
grant select on growth.partition to levqor_dba;

create or replace function growth.first_kept_month()
returns timestamptz
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select (
        date_trunc('month', core.now() at time zone 'UTC') - make_interval(months => core.integer_setting('growth.keep_months')::integer)
    ) at time zone 'UTC'
$$;
comment on function growth.first_kept_month() is
$$When the first month of events begins that is kept: the setting growth.keep_months before this month, in UTC. Events before it are
not taken.$$;

create or replace function growth.oldest_month()
returns timestamptz
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select min(p.starts_on)::timestamp at time zone 'UTC' from growth.partition as p where p.table_name = 'event'
$$;
comment on function growth.oldest_month() is
$$When the oldest month of events begins that is here. What happened before can not be counted again: figures of it stay as they
are.$$;

create or replace function growth.make_partition(p_table text, p_name text, p_from text, p_to text, p_what text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if to_regclass('growth.' || p_name) is not null then
        return false;
    end if;
    -- The lock that attaching takes anyway: one session makes the partition, and others that wait here find it made.
    execute format('lock table growth.%I in share update exclusive mode', p_table);
    if to_regclass('growth.' || p_name) is not null then
        return false;
    end if;
    -- Made apart and then attached: "create table … partition of" would lock out every reader and writer.
    execute format('create table growth.%I (like growth.%I including all) with (%s)', p_name, p_table, core.partition_options());
    -- Also where a superuser's event in psql came first.
    execute format('alter table growth.%I owner to levqor_owner', p_name);
    execute format('comment on table growth.%I is %L', p_name, p_what);
    execute format('alter table growth.%I enable row level security', p_name);
    execute format('alter table growth.%I force row level security', p_name);
    execute format(
        'create policy account_sees_its_own on growth.%I '
        'using (account_id = (select core.current_account()) or (select core.sees_all()))',
        p_name
    );
    execute format(
        'alter table growth.%I attach partition growth.%I for values from (%L) to (%L)', p_table, p_name, p_from, p_to
    );
    return true;
end;
$$;
comment on function growth.make_partition(text, text, text, text, text) is
$$Make a partition of a table and attach it, unless one of that name is there. Gives whether it was made.

p_from, p_to: its bounds, the second outside. p_what: its comment.$$;

create or replace function growth.make_month(p_month date)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_month date := date_trunc('month', p_month::timestamp)::date;
begin
    return growth.make_partition(
        'event', 'event_' || to_char(v_month, 'YYYYMM'), v_month || ' 00:00:00+00',
        (v_month + interval '1 month')::date || ' 00:00:00+00', 'Events of ' || to_char(v_month, 'YYYY-MM') || ' (UTC).'
    );
end;
$$;
comment on function growth.make_month(date) is
$$Make the partition of events for the month that p_month is in, unless it is there. Gives whether it was made.$$;

create or replace function growth.make_months(p_first date, p_last date)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_month date := date_trunc('month', p_first::timestamp)::date;
    v_made bigint := 0;
begin
    -- Nearly always all are there: one look-up in the catalog for each.
    while v_month <= p_last loop
        if to_regclass('growth.event_' || to_char(v_month, 'YYYYMM')) is null then
            v_made := v_made + growth.make_month(v_month)::integer;
        end if;
        v_month := v_month + interval '1 month';
    end loop;
    return v_made;
end;
$$;
comment on function growth.make_months(date, date) is
$$Make the partitions of events for the months of two UTC days and those between, where one is missing. Gives how many were made.$$;

create or replace function growth.make_arrival_day(p_day date)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return growth.make_partition(
        'arrival', 'arrival_' || to_char(p_day, 'YYYYMMDD'), p_day::text, (p_day + 1)::text,
        'Events that came on ' || p_day || ' (UTC).'
    );
end;
$$;
comment on function growth.make_arrival_day(date) is
$$Make the partition of arrivals for a UTC day, unless it is there. Gives whether it was made.$$;

create or replace function growth.make_partitions(p_months_ahead integer default 3, p_days_ahead integer default 3)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
    v_today date := (core.now() at time zone 'UTC')::date;
begin
    return (
        select count(*) filter (where growth.make_month(m.month::date))
        from generate_series(
            -- Not before the oldest that is there: what was dropped stays away.
            greatest(growth.first_kept_month(), growth.oldest_month()) at time zone 'UTC',
            date_trunc('month', v_today::timestamp) + make_interval(months => p_months_ahead), interval '1 month'
        ) as m (month)
    ) + (
        select count(*) filter (where growth.make_arrival_day(v_today + d.ahead))
        from generate_series(0, p_days_ahead) as d (ahead)
    );
end;
$$;
comment on function growth.make_partitions(integer, integer) is
$$Make the partitions of events from the first kept month to p_months_ahead after this one, and those of arrivals from today to
p_days_ahead days after it. A task of the clock. Gives how many were made.

Raises 55P03 when another session holds a table for longer than 50 ms: the next run tries again.$$;

create or replace function growth.drop_arrival_days()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
    v_before date := (core.now() at time zone 'UTC' - interval '15 minutes')::date
        - core.integer_setting('growth.keep_arrival_days')::integer;
    v_day record;
    v_dropped bigint := 0;
begin
    for v_day in
        select p.partition from growth.partition as p where p.table_name = 'arrival' and p.starts_on < v_before order by p.starts_on
    loop
        begin
            execute format('drop table %s', v_day.partition);
            v_dropped := v_dropped + 1;
        exception
            when lock_not_available then
                exit;
        end;
    end loop;
    return v_dropped;
end;
$$;
comment on function growth.drop_arrival_days() is
$$Drop the days of arrivals that are older than the setting growth.keep_arrival_days, of which 32 count at least. A task of the
clock. Gives how many went.

A day whose lock is not to be had within 50 ms stays for the next run.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "growth.keep_months", "value": 25, "minimum": 1, "maximum": 1200,
        "description": "months that events are kept, by when they happened, this month not counted; older ones are not taken"},
    {"name": "growth.keep_arrival_days", "value": 32, "minimum": 32, "maximum": 3650,
        "description": "whole number of days that a repeated event is known as one, by when it came, today not counted; at least 32"}
]') as s (setting);

grant execute on function growth.oldest_month() to levqor_dba;
