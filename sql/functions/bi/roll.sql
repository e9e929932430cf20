-- Tables of days: the records of requests, messages and mails are too long to read whole each time. A day is counted again
-- while it may still change, and once more when it can not; then it stays, also when its records are gone.
--
-- A day is counted in one transaction, which removes what it had and writes what it has: readers see the one or the other.
--
-- Locks: an advisory lock for each table of days, until the end of the transaction.

create or replace function bi_store.roll_request_day(p_day date)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before text := bi_store.begin_reading();
    v_rows bigint;
begin
    delete from bi_store.request_day as d where d.day = p_day;
    insert into bi_store.request_day (
        day, route, status_class, requests, accounts, total_micros, p50_micros, p95_micros, bytes_in, bytes_out
    )
    select
        p_day, r.route, r.status / 100 || 'xx', count(*), count(distinct r.account_id), sum(r.micros),
        percentile_disc(0.5) within group (order by r.micros), percentile_disc(0.95) within group (order by r.micros),
        sum(r.bytes_in), sum(r.bytes_out)
    from access.request as r
    where r.at >= p_day::timestamp at time zone 'UTC' and r.at < (p_day + 1)::timestamp at time zone 'UTC'
    group by r.route, r.status / 100;
    get diagnostics v_rows = row_count;
    perform bi_store.end_reading(v_before);
    return v_rows;
end;
$$;
comment on function bi_store.roll_request_day(date) is
$$Count a UTC day of the access record into bi_store.request_day. Gives the rows written.$$;

create or replace function bi_store.roll_delivery_day(p_day date)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before text := bi_store.begin_reading();
    v_from uuid := outbox.first_id_at(p_day::timestamp at time zone 'UTC');
    v_to uuid := outbox.first_id_at((p_day + 1)::timestamp at time zone 'UTC');
    v_rows bigint;
begin
    delete from bi_store.delivery_day as d where d.day = p_day;
    with tried as (
        select
            a.account_id, a.message_id, count(*) as attempts, count(*) filter (where a.outcome <> 'delivered') as failed,
            min(a.finished_at) filter (where a.outcome = 'delivered') as delivered_at
        from outbox.attempt as a
        where a.message_id >= v_from and a.message_id < v_to
        group by a.account_id, a.message_id
    )
    insert into bi_store.delivery_day (
        account_id, day, kind, event_type, messages, delivered, dead, attempts, failed_attempts, total_seconds
    )
    select
        m.account_id, p_day, m.kind, m.event_type, count(*), count(t.delivered_at),
        count(*) filter (where l.message_id is not null and t.delivered_at is null), coalesce(sum(t.attempts), 0),
        coalesce(sum(t.failed), 0),
        coalesce(sum(extract(epoch from greatest(t.delivered_at - m.created_at, interval '0'))), 0)
    from outbox.message as m
    left join tried as t on t.account_id = m.account_id and t.message_id = m.id
    left join outbox.dead_letter as l on l.account_id = m.account_id and l.message_id = m.id
    where m.id >= v_from and m.id < v_to
    group by m.account_id, m.kind, m.event_type;
    get diagnostics v_rows = row_count;
    perform bi_store.end_reading(v_before);
    return v_rows;
end;
$$;
comment on function bi_store.roll_delivery_day(date) is
$$Count the messages written on a UTC day, and what became of them, into bi_store.delivery_day. Gives the rows written.

Delivered: an attempt was answered well. Dead: given up, and no attempt was. Neither: still due.$$;

create or replace function bi_store.roll_mail_day(p_day date)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before text := bi_store.begin_reading();
    v_rows bigint;
begin
    delete from bi_store.mail_day as d where d.day = p_day;
    insert into bi_store.mail_day (account_id, day, template, class, state, reason, mails)
    select m.account_id, p_day, m.template, m.class, m.state, coalesce(m.reason, ''), count(*)
    from mail.message as m
    where m.created_at >= p_day::timestamp at time zone 'UTC' and m.created_at < (p_day + 1)::timestamp at time zone 'UTC'
    group by m.account_id, m.template, m.class, m.state, coalesce(m.reason, '');
    get diagnostics v_rows = row_count;
    perform bi_store.end_reading(v_before);
    return v_rows;
end;
$$;
comment on function bi_store.roll_mail_day(date) is
$$Count the mails made on a UTC day, and what became of them, into bi_store.mail_day. Gives the rows written.$$;

create or replace function bi_store.roll_event_day(p_day date)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before text := bi_store.begin_reading();
    v_rows bigint;
begin
    delete from bi_store.event_day as d where d.day = p_day;
    insert into bi_store.event_day (account_id, day, name, source, events, persons, consented)
    select
        e.account_id, p_day, e.name, e.source, count(*), count(distinct e.person_id),
        count(*) filter (where e.is_consented)
    from growth.event as e
    where e.event_at >= p_day::timestamp at time zone 'UTC' and e.event_at < (p_day + 1)::timestamp at time zone 'UTC'
    group by e.account_id, e.name, e.source;
    get diagnostics v_rows = row_count;
    perform bi_store.end_reading(v_before);
    return v_rows;
end;
$$;
comment on function bi_store.roll_event_day(date) is
$$Count the events of a UTC day into bi_store.event_day. Gives the rows written.$$;

create or replace function bi_store.reopen_event_days()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A day of an account lies in two days of UTC, as a rule. Today and yesterday are counted anew in any case.
    insert into bi_store.reopened_day (name, day)
    select distinct 'event_day', u.day::date
    from gone as g
    left join growth.definition as d on d.account_id = g.account_id
    cross join lateral (select coalesce(d.time_zone, 'UTC') as name) as z
    cross join lateral generate_series(
        date_trunc('day', (g.day::timestamp at time zone z.name) at time zone 'UTC'),
        ((g.day + 1)::timestamp at time zone z.name) at time zone 'UTC' - interval '1 microsecond', '1 day'
    ) as u (day)
    where u.day < date_trunc('day', core.now() at time zone 'UTC') - interval '1 day';
    return null;
end;
$$;
comment on function bi_store.reopen_event_days() is
$$Trigger: days that were stale are counted again into bi_store.event_day, however old: late events, merges and erasures change them.$$;

create or replace trigger stale_day_reopens_event_days
after delete on growth.stale_day
referencing old table as gone
for each statement execute function bi_store.reopen_event_days();

create or replace function bi_store.first_day(p_name text)
returns date
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return case p_name
        when 'request_day' then (select min(d.day) from access.day as d where d.partition is not null)
        -- The first of the record: what was before it is gone, and stays as it was counted.
        when 'delivery_day' then (
            select min(to_date(right(c.relname, 8), 'YYYYMMDD'))
            from pg_inherits as i
            inner join pg_class as c on c.oid = i.inhrelid
            where i.inhparent = 'outbox.message'::regclass and c.relname ~ '_[0-9]{8}$'
        )
        when 'mail_day' then (select min(m.created_at at time zone 'UTC')::date from mail.message as m)
        when 'event_day' then (
            select min(to_date(right(c.relname, 6), 'YYYYMM'))
            from pg_inherits as i
            inner join pg_class as c on c.oid = i.inhrelid
            where i.inhparent = 'growth.event'::regclass and c.relname ~ '_[0-9]{6}$'
        )
    end;
end;
$$;
comment on function bi_store.first_day(text) is
$$The first UTC day of which all records are there, for a table of days; null: there is none before today.$$;

create or replace function bi_store.list_open_days(p_name text, p_since timestamptz)
returns setof date
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select d.day
    from bi_store.plan as p
    cross join lateral (select (core.now() at time zone 'UTC')::date as today) as n
    cross join lateral (
        select s.day::date as day
        from generate_series(
            greatest(
                least(bi_store.first_day(p.name), n.today), n.today - core.integer_setting('bi.keep_days')::integer
            )::timestamp,
            n.today::timestamp, '1 day'
        ) as s (day)
    ) as d
    left join bi_store.rolled_day as r on r.name = p.name and r.day = d.day
    where p.name = p_name
        and (
            r.day is null
            or exists (select from bi_store.reopened_day as o where o.name = p.name and o.day = d.day)
            -- Today and the day that has just ended each time; older ones a few times a day, until they can not change any more.
            or not r.is_final and r.rolled_at < p_since and (
                r.day >= n.today - 1 or r.rolled_at <= core.now() - interval '6 hours'
                or bi_store.is_over(r.day, p.open_days)
            )
        )
    order by d.day
$$;
comment on function bi_store.list_open_days(text, timestamptz) is
$$The UTC days of a table of days that have to be counted in a refresh that began at p_since, oldest first.$$;

create or replace function bi_store.is_over(p_day date, p_open_days integer)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    -- An hour more: what servers still have in their hands at midnight comes within moments.
    select core.now() >= ((p_day + 1 + p_open_days)::timestamp at time zone 'UTC') + interval '1 hour'
$$;
comment on function bi_store.is_over(date, integer) is
$$Whether a UTC day can not change any more: it ended p_open_days and an hour ago.$$;

create or replace function bi_store.roll_days(
    p_name text, p_since timestamptz default core.now() + interval '1 microsecond', p_seconds double precision default 5
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_day date;
    v_rows bigint;
    v_total bigint := 0;
    v_until timestamptz := clock_timestamp() + make_interval(secs => p_seconds);
    v_is_over boolean;
    v_open_days integer := (select p.open_days from bi_store.plan as p where p.name = p_name and p.kind = 'days');
begin
    if v_open_days is null then
        raise exception using
            errcode = 'LQ404', message = 'no such table of days', hint = 'See bi_store.plan where kind = ''days''.';
    end if;
    -- One at a time: two would write the same rows.
    perform pg_advisory_xact_lock(hashtextextended('bi_store.roll_days ' || p_name, 0));
    for v_day in
        select o.day from bi_store.list_open_days(p_name, p_since) as o (day)
    loop
        if clock_timestamp() > v_until then
            return jsonb_build_object('rows', v_total, 'more', true);
        end if;
        -- Before it is counted: what is added from here on has the day counted once more.
        delete from bi_store.reopened_day as o where o.name = p_name and o.day = v_day;
        v_is_over := bi_store.is_over(v_day, v_open_days);
        execute format('select bi_store.%I($1)', 'roll_' || p_name) into v_rows using v_day;
        insert into bi_store.rolled_day as r (name, day, rolled_at, is_final)
        values (p_name, v_day, core.now(), v_is_over)
        on conflict on constraint rolled_day_pkey do update
        set rolled_at = excluded.rolled_at, is_final = excluded.is_final;
        v_total := v_total + v_rows;
    end loop;
    -- Whose records are gone stay as they were counted.
    delete from bi_store.reopened_day as o where o.name = p_name and o.day < bi_store.first_day(p_name);
    return jsonb_build_object('rows', v_total, 'more', false);
end;
$$;
comment on function bi_store.roll_days(text, timestamptz, double precision) is
$$Count the open days of a table of days again, for about p_seconds: {"rows": rows written, "more": whether days are left}.

p_since: when this refresh began; days counted since then are not counted again, so that a call that ended early is gone on with.
By default all are. Raises LQ404.$$;

create or replace function bi_store.trim_days()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before date := (core.now() at time zone 'UTC')::date - core.integer_setting('bi.keep_days')::integer;
    v_seen text := bi_store.begin_reading();
    v_name text;
    v_rows bigint;
    v_total bigint := 0;
begin
    for v_name in
        select p.name from bi_store.plan as p where p.kind = 'days' order by p.name
    loop
        execute format('delete from bi_store.%I as d where d.day < $1', v_name) using v_before;
        get diagnostics v_rows = row_count;
        v_total := v_total + v_rows;
    end loop;
    delete from bi_store.rolled_day as r where r.day < v_before;
    perform bi_store.end_reading(v_seen);
    return v_total;
end;
$$;
comment on function bi_store.trim_days() is
$$Remove days older than the setting bi.keep_days. A task of the clock. Gives the rows removed.$$;

select core.seed('core.setting', '{name}', '{
    "name": "bi.keep_days", "value": 800, "minimum": 1, "maximum": 36500,
    "description": "whole number of days that requests, deliveries, mails and events counted by day are kept for BI tools"}');
