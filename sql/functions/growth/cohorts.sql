-- Cohort retention: who began in a period, and who came back in the periods after it.
--
-- Three ways to the same figures, the cheapest that fits: by the rollup (weeks and months, first time, on), by activity (any
-- event starts and any event returns, on the calendar), by events (all else).

create or replace function growth.check_cohort_question(
    p_period text, p_from date, p_to date, p_kind text, p_return text, p_clock text, p_periods integer
)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_most constant integer := 400;
begin
    if p_period is null or p_period not in ('day', 'week', 'month') then
        raise exception using
            errcode = 'LQ422', message = 'unknown period', hint = 'Use day, week or month.';
    end if;
    if p_kind is null or p_kind not in ('first_time', 'recurring') then
        raise exception using
            errcode = 'LQ422', message = 'unknown kind of cohort', hint = 'Use first_time or recurring.';
    end if;
    if p_return is null or p_return not in ('on', 'on_or_after') then
        raise exception using
            errcode = 'LQ422', message = 'unknown kind of return', hint = 'Use on or on_or_after.';
    end if;
    if p_clock is null or p_clock not in ('calendar', 'rolling') then
        raise exception using errcode = 'LQ422', message = 'unknown clock', hint = 'Use calendar or rolling.';
    end if;
    if p_from > p_to then
        raise exception using
            errcode = 'LQ422', message = 'the range ends before it begins',
            detail = format('It begins on %s and ends on %s.', p_from, p_to);
    end if;
    if p_from < date '1970-01-01' or p_to >= date '9000-01-01' then
        raise exception using
            errcode = 'LQ422', message = 'the range is out of bounds', hint = 'Begin in 1970 or later.';
    end if;
    if growth.count_periods(p_period, date_trunc(p_period, p_from::timestamp)::date, p_to) >= v_most then
        raise exception using
            errcode = 'LQ422', message = 'the range is too long',
            detail = format('It has more than %s cohorts.', v_most), hint = 'Ask for fewer, or for longer periods.';
    end if;
    if p_periods < 0 or p_periods > v_most then
        raise exception using
            errcode = 'LQ422', message = format('periods must be between 0 and %s', v_most);
    end if;
end;
$$;
comment on function growth.check_cohort_question(text, date, date, text, text, text, integer) is
$$Refuse a question about cohorts that has no answer: LQ422 for an unknown word, a range of more than 400 cohorts or one that ends
before it begins, and for periods that are not between 0 and 400.$$;

create or replace function growth.count_cohorts_by_rollup(
    p_account_id uuid, p_zone text, p_period text, p_first date, p_end date, p_periods integer, p_kept date[], p_missing date[]
)
returns table (cohort_start date, value text, size bigint, period integer, persons bigint)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with cell as materialized (
        select c.starts_on, c.cohort_start, c.persons::bigint as persons
        from growth.cohort_cell as c
        where c.account_id = p_account_id and c.period = p_period and c.starts_on = any (p_kept)
            and c.cohort_start >= p_first and c.cohort_start < p_end
        union all
        select c.starts_on, c.cohort_start, c.persons
        from growth.count_cohort_columns(p_account_id, p_zone, p_period, p_missing) as c
        where c.cohort_start >= p_first and c.cohort_start < p_end
    ),
    -- Whoever began in a period was active in it. What is under way is in no column yet.
    cohort as (
        select c.cohort_start, c.persons as size from cell as c where c.starts_on = c.cohort_start
        union all
        select date_trunc(p_period, p.first_event_at at time zone p_zone)::date, count(*)
        from growth.person as p
        where p.account_id = p_account_id
            and p.first_event_at >= greatest(p_first, (
                select (max(k.starts_on) + growth.period_step(p_period))::date from unnest(p_kept || p_missing) as k (starts_on)
            ))::timestamp at time zone p_zone
            and p.first_event_at < p_end::timestamp at time zone p_zone
        group by date_trunc(p_period, p.first_event_at at time zone p_zone)::date
    )
    select h.cohort_start, '', h.size, n.period, coalesce(c.persons, 0)
    from cohort as h
    cross join generate_series(0, p_periods) as n (period)
    left join cell as c
        on c.cohort_start = h.cohort_start
        and c.starts_on = (h.cohort_start + n.period * growth.period_step(p_period))::date;
end;
$$;
comment on function growth.count_cohorts_by_rollup(uuid, text, text, date, date, integer, date[], date[]) is
$$Count cohorts and who returned in weeks or months, where any event starts and any event returns: from growth.cohort_cell.

p_kept: periods to be read there; p_missing: periods to be counted from growth.activity. Both together are all that are over, without a
gap from p_first on; cells of later ones have no meaning. Rows as growth.count_cohorts_by_events() gives them.$$;

create or replace function growth.cohort_retention(
    p_account_id uuid,
    p_period text default 'week',
    p_from date default null,
    p_to date default null,
    p_kind text default 'first_time',
    p_return text default 'on',
    p_clock text default 'calendar',
    p_start_name text default null,
    p_return_name text default null,
    p_dimension text default null,
    p_periods integer default null
)
returns table (
    cohort_start date, dimension text, size bigint, period integer, persons bigint, rate numeric, is_mature boolean
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_definition growth.definition := growth.definition_of(p_account_id);
    v_zone text := v_definition.time_zone;
    v_now timestamptz := core.now();
    v_today date := (v_now at time zone v_zone)::date;
    v_to date := coalesce(p_to, v_today);
    v_from date;
    v_first date;
    v_end date;
    v_step interval;
    v_seconds integer;
    v_cohorts integer;
    v_periods integer;
    v_length integer;
    v_dimension growth.dimension;
    v_is_plain boolean;
    v_way text := 'events';
    v_kept date[];
    v_missing date[];
begin
    perform growth.check_cohort_question(p_period, p_from, v_to, p_kind, p_return, p_clock, p_periods);
    v_step := growth.period_step(p_period);
    v_from := coalesce(p_from, (date_trunc(p_period, v_to::timestamp) - 11 * v_step)::date);
    v_first := date_trunc(p_period, v_from::timestamp)::date;
    v_end := (date_trunc(p_period, v_to::timestamp) + v_step)::date;
    v_cohorts := growth.count_periods(p_period, v_first, v_end);
    v_periods := coalesce(p_periods, v_cohorts - 1);
    v_seconds := case p_period when 'day' then 86400 when 'week' then 604800 else 2592000 end;
    if p_dimension is not null then
        v_dimension := growth.find_dimension(p_account_id, p_dimension);
    end if;
    -- Cells of periods that are not over are not shown, so that they need not be counted.
    v_length := greatest(
        least(
            case when p_periods is null then v_cohorts else v_cohorts + v_periods end,
            growth.count_periods(p_period, v_first, v_today) + 1
        ), v_cohorts
    );

    v_is_plain := p_clock = 'calendar' and p_start_name is null and p_return_name is null
        and not exists (select from growth.stale_person as s where s.account_id = p_account_id)
        and not exists (select from growth.recount as r where r.account_id = p_account_id);
    if v_is_plain and v_length <= 61 and (
        p_dimension is null or p_kind = 'first_time' and v_definition.active_names is null
    ) then
        v_way := 'activity';
    end if;
    if v_is_plain and p_kind = 'first_time' and p_return = 'on' and p_period <> 'day' and p_dimension is null
        and v_definition.active_names is null
    then
        v_kept := array(
            select k.starts_on
            from growth.list_kept_columns(
                p_account_id, p_period, v_first,
                least((v_first + v_length * v_step)::date, date_trunc(p_period, v_today::timestamp)::date)
            ) as k (starts_on)
        );
        v_missing := array(
            select n.start::date
            from generate_series(
                v_first::timestamp,
                least(v_first + (v_length - 1) * v_step, date_trunc(p_period, v_today::timestamp) - v_step), v_step
            ) as n (start)
            where n.start::date <> all (v_kept)
        );
        -- Counting a few periods is less work than putting all activity together.
        if cardinality(v_missing) <= 8 or v_way = 'events' then
            v_way := 'rollup';
        end if;
    end if;

    return query
    with
    counted as materialized (
        select c.cohort_start, c.value, c.size, c.period, c.persons
        from growth.count_cohorts_by_rollup(
            p_account_id, v_zone, p_period, v_first, v_end, v_periods, v_kept, v_missing
        ) as c
        where v_way = 'rollup'
        union all
        select c.cohort_start, c.value, c.size, c.period, c.persons
        from growth.count_cohorts_by_activity(
            p_account_id, v_zone, p_period, v_first, v_end, p_kind, p_return, v_definition.active_names is null,
            v_dimension.column_name, v_dimension.path, v_periods, v_length
        ) as c
        where v_way = 'activity'
        union all
        select c.cohort_start, c.value, c.size, c.period, c.persons
        from growth.count_cohorts_by_events(
            p_account_id, v_zone, p_period, v_first, v_end, p_kind, p_return, p_clock,
            case when p_start_name is null then v_definition.active_names else array[p_start_name] end,
            case when p_return_name is null then v_definition.active_names else array[p_return_name] end,
            v_dimension.column_name, v_dimension.path, v_periods
        ) as c
        where v_way = 'events'
    ),

    cohort as (
        select (v_first + n.ordinal * v_step)::date as cohort_start, n.ordinal, s.value, coalesce(s.size, 0) as size
        from generate_series(0, v_cohorts - 1) as n (ordinal)
        left join (
            select distinct c.cohort_start, c.value, c.size from counted as c
        ) as s on s.cohort_start = (v_first + n.ordinal * v_step)::date
        -- Values that nobody began with in a period are left out; a period that nobody began in stays.
        where p_dimension is null or s.value is not null
    )

    select
        h.cohort_start, case when p_dimension is not null then h.value end, h.size, n.period,
        case when m.is_mature then coalesce(c.persons, 0) end,
        case when m.is_mature and h.size > 0 then round(coalesce(c.persons, 0)::numeric / h.size, 6) end,
        m.is_mature
    from cohort as h
    cross join generate_series(0, v_periods) as n (period)
    cross join lateral (
        select case p_clock
            when 'calendar' then (h.cohort_start + (n.period + 1) * v_step) at time zone v_zone
            else (h.cohort_start + v_step) at time zone v_zone
                + make_interval(secs => (n.period + 1)::double precision * v_seconds)
        end <= v_now as is_mature
    ) as m
    left join counted as c
        on c.cohort_start = h.cohort_start and c.value = h.value and c.period = n.period
    where p_periods is not null or h.ordinal + n.period < v_cohorts
    order by coalesce(h.value, '') collate "C", h.cohort_start, n.period;
end;
$$;
comment on function growth.cohort_retention(
    uuid, text, date, date, text, text, text, text, text, text, integer
) is
$$Cohort retention: select * from growth.cohort_retention(account, 'week', '2026-01-01', '2026-03-31').

A row a cohort and period. p_period: day, week (from Monday) or month. p_from, p_to: days, both inclusive; each period that holds one of
them is a cohort. Without p_to until today, without p_from twelve cohorts. Days are those of growth.definition.time_zone.

p_kind: first_time, a person is in the cohort of its first start event over all history; recurring, in each period with a start event.
p_return: on, who returned in the period; on_or_after, in it or any time later. p_clock: calendar, period n is the nth period after the
cohort's; rolling, the time from n to n+1 times 24 hours (week: 7 days, month: 30 days) after the person's first start event in the
cohort. p_start_name, p_return_name: names of events; null for any that makes a person active. A return counts from the start event on,
and the start event counts itself when it is of the kind that returns. p_dimension: split by source or the dimension of a row of
growth.dimension, with the value of the start event; empty for none. p_periods: show periods 0 to this; null for the triangle,
which ends with p_to.

size: persons in the cohort. persons, rate (persons / size, 6 digits): null while the period is not over for everybody in the cohort
(is_mature), whose time may come; rate is null for an empty cohort too. Averages: growth.cohort_average(). Raises LQ422 for an unknown
word and for more than 400 cohorts or periods, LQ404 for an unknown dimension.$$;

create or replace function growth.cohort_average(
    p_account_id uuid,
    p_period text default 'week',
    p_from date default null,
    p_to date default null,
    p_kind text default 'first_time',
    p_return text default 'on',
    p_clock text default 'calendar',
    p_start_name text default null,
    p_return_name text default null,
    p_dimension text default null,
    p_periods integer default null
)
returns table (dimension text, period integer, cohorts bigint, size bigint, persons bigint, rate numeric)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select
        r.dimension, r.period, count(*) filter (where r.is_mature and r.size > 0),
        coalesce(sum(r.size) filter (where r.is_mature), 0)::bigint, coalesce(sum(r.persons), 0)::bigint,
        round(sum(r.persons) / nullif(sum(r.size) filter (where r.is_mature), 0), 6)
    from growth.cohort_retention(
        p_account_id, p_period, p_from, p_to, p_kind, p_return, p_clock, p_start_name, p_return_name, p_dimension, p_periods
    ) as r
    group by r.dimension, r.period
    order by r.dimension collate "C", r.period;
end;
$$;
comment on function growth.cohort_average(
    uuid, text, date, date, text, text, text, text, text, text, integer
) is
$$Average retention over the cohorts of growth.cohort_retention(), whose arguments it takes: select * from
growth.cohort_average(account, 'week', '2026-01-01', '2026-03-31').

A row a period. Weighted: rate = Σ persons / Σ size, over the cohorts for which the period is over; a cohort that is not that old counts
in neither sum. cohorts: how many there are that are old enough and not empty; rate is null without one.$$;

-- The inner ones too: whoever calls the outer ones runs these with its own rights.
grant execute on function
growth.cohort_retention(uuid, text, date, date, text, text, text, text, text, text, integer),
growth.cohort_average(uuid, text, date, date, text, text, text, text, text, text, integer),
growth.check_cohort_question(text, date, date, text, text, text, integer),
growth.count_cohorts_by_rollup(uuid, text, text, date, date, integer, date[], date[])
to levqor_dba;
