-- The days of messages and attempts: made ahead, or when a message of a missing day comes, and dropped when they are old.
--
-- Locks: adding a day takes SHARE UPDATE EXCLUSIVE on the two tables, which lets rows be written and read. Dropping one
-- takes ACCESS EXCLUSIVE on them, so it waits for 50 ms at most, and tries again with the next run.

create or replace function outbox.first_id_at(p_at timestamptz)
returns uuid
language sql
immutable
strict
parallel safe
security invoker
as $$
    select (
        pg_catalog.lpad(pg_catalog.to_hex(
            pg_catalog.floor(pg_catalog.date_part('epoch', p_at) * 1000)::bigint
        ), 12, '0') || '00000000000000000000'
    )::uuid
$$;
comment on function outbox.first_id_at(timestamptz) is
$$The lowest id that a message of this millisecond can have.$$;

create or replace function outbox.make_day(p_day date)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_suffix text := to_char(p_day, 'YYYYMMDD');
    v_table text;
    v_name text;
begin
    if to_regclass('outbox.message_' || v_suffix) is not null then
        return false;
    end if;
    -- The lock that attaching takes anyway: one session makes the day, and others that wait here find it made.
    lock table outbox.message, outbox.attempt in share update exclusive mode;
    if to_regclass('outbox.message_' || v_suffix) is not null then
        return false;
    end if;
    foreach v_table in array array['message', 'attempt'] loop
        v_name := v_table || '_' || v_suffix;
        -- Made apart and then attached: "create table … partition of" would lock out every reader and writer.
        execute format('create table outbox.%I (like outbox.%I including all) with (%s)', v_name, v_table, core.partition_options());
        -- Also where a superuser's message in psql came first.
        execute format('alter table outbox.%I owner to levqor_owner', v_name);
        execute format(
            'comment on table outbox.%I is %L', v_name, initcap(v_table) || 's of messages of ' || p_day || ' (UTC).'
        );
        -- Who names the partition instead of the table meets the partition's own policies.
        execute format('alter table outbox.%I enable row level security', v_name);
        execute format('alter table outbox.%I force row level security', v_name);
        execute format(
            'create policy account_sees_its_own on outbox.%I '
            'using (core.sees_all() or account_id = core.current_account())', v_name
        );
        execute format(
            'alter table outbox.%I attach partition outbox.%I for values from (%L) to (%L)', v_table, v_name,
            outbox.first_id_at(p_day::timestamp at time zone 'UTC'),
            outbox.first_id_at((p_day + 1)::timestamp at time zone 'UTC')
        );
    end loop;
    return true;
end;
$$;
comment on function outbox.make_day(date) is
$$Make the partitions of a UTC day for messages and attempts, unless they are there. Gives whether they were made.$$;

create or replace function outbox.make_days(p_ahead integer default 3)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
begin
    -- Ids tell the time of the machine, whatever clock a test has set.
    return (
        select count(*) filter (where outbox.make_day((clock_timestamp() at time zone 'UTC')::date + n.ahead))
        from generate_series(0, p_ahead) as n (ahead)
    );
end;
$$;
comment on function outbox.make_days(integer) is
$$Make the partitions of today and of the days after it. A task of the clock. Gives how many days were made.

p_ahead: days after today. Raises 55P03 when another session holds a table for longer than 50 ms: the next run tries again.$$;

create or replace function outbox.drop_days()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
    -- Never shorter than the retry plan lasts: what is still due has its message.
    v_before date := (core.now() at time zone 'UTC' - interval '15 minutes')::date
        - core.integer_setting('outbox.keep_days')::integer;
    v_first uuid := outbox.first_id_at(v_before::timestamp at time zone 'UTC');
    v_day record;
    v_dropped bigint := 0;
    v_due outbox.delivery[];
    v_is_due boolean := false;
    v_until timestamptz := clock_timestamp() + interval '5 seconds';
    v_held uuid[];
begin
    -- What is still due of an old day is given up first, so that somebody hears of it: its day goes with the next run.
    loop
        v_due := array(
            select d
            from outbox.delivery as d
            where d.message_id < v_first
            order by d.account_id, d.message_id
            limit 5000
            for update skip locked
        );
        exit when v_due = '{}';
        v_is_due := true;
        perform outbox.leave_gates(v_due);
        perform outbox.bury(v_due, 'its message is not kept any longer');
        exit when clock_timestamp() > v_until;
    end loop;
    if v_is_due or exists (select from outbox.delivery as d where d.message_id < v_first) then
        return 0;
    end if;
    for v_day in
        select right(c.relname, 8) as suffix
        from pg_inherits as i
        inner join pg_class as c on c.oid = i.inhrelid
        where i.inhparent = 'outbox.message'::regclass and to_date(right(c.relname, 8), 'YYYYMMDD') < v_before
        order by 1
    loop
        -- Of a day with rows under a legal hold, data retention removes the others.
        continue when core.has_held(to_regclass('outbox.message_' || v_day.suffix))
            or core.has_held(to_regclass('outbox.attempt_' || v_day.suffix));
        begin
            execute format('drop table outbox.%I, outbox.%I', 'message_' || v_day.suffix, 'attempt_' || v_day.suffix);
            v_dropped := v_dropped + 1;
        exception
            when lock_not_available then
                exit;
        end;
    end loop;
    if v_dropped > 0 then
        v_held := core.held_accounts('outbox.dead_letter');
        delete from outbox.dead_letter as d
        where d.message_id < v_first and not coalesce(d.account_id = any (v_held), v_held is null);
        v_held := core.held_accounts('outbox.receipt');
        delete from outbox.receipt as r
        where r.message_id < v_first and not coalesce(r.account_id = any (v_held), v_held is null);
    end if;
    return v_dropped;
end;
$$;
comment on function outbox.drop_days() is
$$Drop messages and attempts that are older than the setting outbox.keep_days, at least 8. A task of the clock. Gives how many days
went.

What is still due of such a day is given up first, and the day goes with a later run, once receivers have been told. A day whose
lock is not to be had within 50 ms stays for the next run, one with rows under a legal hold until the hold ends.$$;

select core.seed('core.setting', '{name}', '{
    "name": "outbox.keep_days", "value": 30, "minimum": 8, "maximum": 36500,
    "description": "whole number of days that messages and attempts are kept, at least 8, today not counted"}');
