-- Counting cohorts, in two ways to the same figures. By events: any pair of events, both clocks, any dimension. By activity:
-- where any event starts and any event returns, on the calendar; a person's periods are then the bits of one number, made from
-- the days in growth.activity, and hardly an event is read.

create or replace function growth.period_step(p_period text)
returns interval
language sql
immutable
parallel safe
security invoker
as $$
    select ('1 ' || p_period)::interval
$$;
comment on function growth.period_step(text) is
$$The length of a period on the calendar. p_period: day, week or month.$$;

create or replace function growth.count_periods(p_period text, p_from date, p_to date)
returns integer
language sql
immutable
parallel safe
security invoker
as $$
    select case p_period
        when 'day' then p_to - p_from
        when 'week' then pg_catalog.floor((p_to - p_from) / 7.0)::integer
        when 'month' then (
            (pg_catalog.date_part('year', p_to) - pg_catalog.date_part('year', p_from)) * 12
            + pg_catalog.date_part('month', p_to) - pg_catalog.date_part('month', p_from)
        )::integer
    end
$$;
comment on function growth.count_periods(text, date, date) is
$$How many periods after the one that begins on p_from the day p_to lies; negative: before it.

p_period: day, week or month. p_from: the first day of a period.$$;

create or replace function growth.read_dimension(p_column text, p_path text[], p_event growth.event)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select coalesce(
        pg_catalog.left(
            case
                when p_path is not null then p_event.properties #>> p_path
                when p_column = 'source' then p_event.source
                when p_column = 'campaign' then p_event.campaign
                when p_column = 'medium' then p_event.medium
                when p_column = 'origin' then p_event.origin
                when p_column = 'name' then p_event.name
            end, 200
        ), ''
    )
$$;
comment on function growth.read_dimension(text, text[], growth.event) is
$$The value that an event has in a dimension, cut to 200 characters; empty when it has none.

p_column, p_path: as in growth.dimension. A path goes into the properties.$$;

-- What the first start event of a period is, is settled for each person first; then each return falls into a period after it.
create or replace function growth.count_cohorts_by_events(
    p_account_id uuid,
    p_zone text,
    p_period text,
    p_first date,
    p_end date,
    p_kind text,
    p_return text,
    p_clock text,
    p_start_names text[],
    p_return_names text[],
    p_column text,
    p_path text[],
    p_periods integer
)
returns table (cohort_start date, value text, size bigint, period integer, persons bigint)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set work_mem = '64MB'
set jit = off
as $$
declare
    v_from_at timestamptz := p_first::timestamp at time zone p_zone;
    v_to_at timestamptz := p_end::timestamp at time zone p_zone;
    -- The fixed lengths of the rolling clock: 24 hours, 7 times and 30 times that.
    v_seconds integer := case p_period when 'day' then 86400 when 'week' then 604800 else 2592000 end;
    v_until timestamptz := case
        when p_return = 'on_or_after' then 'infinity'
        when p_clock = 'rolling' then v_to_at + make_interval(secs => v_seconds::double precision * (p_periods + 1))
        else (p_end::timestamp + p_periods * growth.period_step(p_period)) at time zone p_zone
    end;
begin
    return query
    with
    began as materialized (
        select p.person_id, p.first_event_at as at
        from growth.person as p
        where p.account_id = p_account_id and p_kind = 'first_time' and p_start_names is null
            and p.first_event_at >= v_from_at and p.first_event_at < v_to_at
        union all
        select e.person_id, min(e.event_at)
        from growth.event as e
        where e.account_id = p_account_id and p_kind = 'first_time' and e.event_at < v_to_at
            and e.name = any (p_start_names)
        group by e.person_id
        having min(e.event_at) >= v_from_at
        union all
        select e.person_id, min(e.event_at)
        from growth.event as e
        where e.account_id = p_account_id and p_kind = 'recurring'
            and e.event_at >= v_from_at and e.event_at < v_to_at
            and (p_start_names is null or e.name = any (p_start_names))
        group by e.person_id, date_trunc(p_period, e.event_at at time zone p_zone)
    ),

    member as materialized (
        select
            b.person_id, b.at, date_trunc(p_period, b.at at time zone p_zone)::date as cohort,
            case when p_column is null and p_path is null then '' else coalesce((
                select growth.read_dimension(p_column, p_path, e)
                from growth.event as e
                where e.account_id = p_account_id and e.person_id = b.person_id and e.event_at = b.at
                    and (p_start_names is null or e.name = any (p_start_names))
                order by e.seq
                limit 1
            ), '') end as value
        from began as b
    ),

    returned as (
        select
            m.person_id, m.cohort, m.value,
            case p_clock
                when 'calendar' then growth.count_periods(p_period, m.cohort, (e.event_at at time zone p_zone)::date)
                else floor(extract(epoch from e.event_at - m.at) / v_seconds)::integer
            end as period
        from member as m
        inner join growth.event as e on e.person_id = m.person_id and e.event_at >= m.at
        where e.account_id = p_account_id and e.event_at >= v_from_at and e.event_at < v_until
            and (p_return_names is null or e.name = any (p_return_names))
    ),

    counted as (
        select d.cohort, d.value, d.period, count(*) as persons
        from (
            select distinct r.person_id, r.cohort, r.value, r.period
            from returned as r
            where p_return = 'on' and r.period <= p_periods
        ) as d
        group by d.cohort, d.value, d.period
        union all
        -- Whoever came last in a period came on or after each period up to it.
        select l.cohort, l.value, least(l.last, p_periods), count(*)
        from (
            select r.person_id, r.cohort, r.value, max(r.period) as last
            from returned as r
            where p_return = 'on_or_after'
            group by r.person_id, r.cohort, r.value
        ) as l
        group by l.cohort, l.value, least(l.last, p_periods)
    ),

    cohort as (
        select m.cohort, m.value, count(*) as size from member as m group by m.cohort, m.value
    )

    select
        c.cohort, c.value, c.size, n.period,
        case p_return
            when 'on' then coalesce(t.persons, 0)
            else coalesce(sum(t.persons) over (partition by c.cohort, c.value order by n.period desc), 0)::bigint
        end
    from cohort as c
    cross join generate_series(0, p_periods) as n (period)
    left join counted as t on t.cohort = c.cohort and t.value = c.value and t.period = n.period;
end;
$$;
comment on function growth.count_cohorts_by_events(
    uuid, text, text, date, date, text, text, text, text[], text[], text, text[], integer
) is
$$Count cohorts and who returned, from the events. Without judging which cells are mature: growth.cohort_retention() does.

p_zone: IANA time zone. p_first: first day of the first cohort; p_end: the day after the last cohort. p_start_names,
p_return_names: null for any event. p_column, p_path: the dimension, as in growth.dimension; both null for none. One row a cohort with
members, value of the dimension (of the start event; empty for none) and period, 0 to p_periods.$$;

-- Bit 0: active before the first cohort. Bits 1 to 61: active in the period 0 to 60 from it. Bit 62: active after those.
create or replace function growth.period_bits(p_period text, p_first date, p_length integer)
returns table (month date, straight integer, up integer, down integer, masks integer[], weights bigint[])
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with day as (
        select
            m.month::date as month, n.day, growth.count_periods(p_period, p_first, m.month::date + n.day) as period
        from generate_series(
            date_trunc('month', p_first::timestamp), p_first::timestamp + p_length * growth.period_step(p_period),
            interval '1 month'
        ) as m (month)
        cross join lateral generate_series(
            0, (m.month + interval '1 month')::date - m.month::date - 1
        ) as n (day)
    ),

    piece as (
        select
            d.month, d.bit, bit_or(1 << d.day) as mask
        from (
            select
                y.month, y.day,
                case when y.period < 0 then 0 when y.period >= p_length then 62 else y.period + 1 end as bit
            from day as y
        ) as d
        group by d.month, d.bit
    )

    select
        p.month,
        coalesce(bit_or(p.mask) filter (where s.is_straight), 0),
        greatest(p.month - p_first + 1, 0), greatest(p_first - p.month - 1, 0),
        array_agg(p.mask order by p.bit) filter (where not s.is_straight),
        array_agg(1::bigint << p.bit order by p.bit) filter (where not s.is_straight)
    from piece as p
    cross join lateral (select p_period = 'day' and p.bit between 1 and 61 as is_straight) as s
    group by p.month
$$;
comment on function growth.period_bits(text, date, integer) is
$$How the days of a month become bits of periods, for each month that holds a day of the first p_length periods from p_first on.

straight: the days that are shifted as they are, by up and then down (periods of a day); masks and weights: the days whose
activity sets the bits of the weight. Bit 0: before p_first; bit 1: the first period; bit 62: after the last.$$;

-- A year of 200,000 persons is a million numbers to be put together; the rest is done on one number a person.
create or replace function growth.count_cohorts_by_activity(
    p_account_id uuid,
    p_zone text,
    p_period text,
    p_first date,
    p_end date,
    p_kind text,
    p_return text,
    p_is_any boolean,
    p_column text,
    p_path text[],
    p_periods integer,
    p_length integer
)
returns table (cohort_start date, value text, size bigint, period integer, persons bigint)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set work_mem = '128MB'
set jit = off
as $$
declare
    v_cohorts integer := growth.count_periods(p_period, p_first, p_end);
    v_from_at timestamptz := p_first::timestamp at time zone p_zone;
    v_has_dimension boolean := p_column is not null or p_path is not null;
    v_months date[];
    v_straight integer[];
    v_up integer[];
    v_down integer[];
    v_masks integer[];
    v_weights bigint[];
begin
    select
        array_agg(m.month order by m.month), array_agg(m.straight order by m.month), array_agg(m.up order by m.month),
        array_agg(m.down order by m.month)
    into v_months, v_straight, v_up, v_down
    from growth.period_bits(p_period, p_first, p_length) as m;
    -- Six pieces a month, the most that weeks make of one; what is missing is empty.
    select
        array_agg(coalesce(m.masks[n.piece], 0) order by n.piece, m.month),
        array_agg(coalesce(m.weights[n.piece], 0) order by n.piece, m.month)
    into v_masks, v_weights
    from growth.period_bits(p_period, p_first, p_length) as m
    cross join generate_series(1, 6) as n (piece);

    return query
    with
    person as (
        select
            a.person_id,
            bit_or(
                case
                    when a.month < v_months[1] then 1::bigint
                    when m.month is null then 1::bigint << 62
                    else (a.days & m.straight)::bigint >> m.down << m.up
                        | case when a.days & m.m1 <> 0 then m.w1 else 0 end
                        | case when a.days & m.m2 <> 0 then m.w2 else 0 end
                        | case when a.days & m.m3 <> 0 then m.w3 else 0 end
                        | case when a.days & m.m4 <> 0 then m.w4 else 0 end
                        | case when a.days & m.m5 <> 0 then m.w5 else 0 end
                        | case when a.days & m.m6 <> 0 then m.w6 else 0 end
                end
            ) as bits
        from growth.activity as a
        left join unnest(
            v_months, v_straight, v_up, v_down,
            v_masks[1 : cardinality(v_months)],
            v_masks[cardinality(v_months) + 1 : cardinality(v_months) * 2],
            v_masks[cardinality(v_months) * 2 + 1 : cardinality(v_months) * 3],
            v_masks[cardinality(v_months) * 3 + 1 : cardinality(v_months) * 4],
            v_masks[cardinality(v_months) * 4 + 1 : cardinality(v_months) * 5],
            v_masks[cardinality(v_months) * 5 + 1 : cardinality(v_months) * 6],
            v_weights[1 : cardinality(v_months)],
            v_weights[cardinality(v_months) + 1 : cardinality(v_months) * 2],
            v_weights[cardinality(v_months) * 2 + 1 : cardinality(v_months) * 3],
            v_weights[cardinality(v_months) * 3 + 1 : cardinality(v_months) * 4],
            v_weights[cardinality(v_months) * 4 + 1 : cardinality(v_months) * 5],
            v_weights[cardinality(v_months) * 5 + 1 : cardinality(v_months) * 6]
        ) as m (month, straight, up, down, m1, m2, m3, m4, m5, m6, w1, w2, w3, w4, w5, w6) on m.month = a.month
        where a.account_id = p_account_id
            -- Where every event counts, the person's row knows whether there was one before.
            and (a.month >= v_months[1] or not p_is_any and p_kind = 'first_time')
            and (a.month <= v_months[cardinality(v_months)] or p_return = 'on_or_after')
        group by a.person_id
    ),

    member as materialized (
        select
            b.bits, b.bits & - b.bits as low,
            case when v_has_dimension then coalesce((
                select growth.read_dimension(p_column, p_path, e)
                from growth.event as e
                where e.account_id = p_account_id and e.person_id = b.person_id and e.event_at = p.first_event_at
                order by e.seq
                limit 1
            ), '') else '' end as value
        from person as b
        inner join growth.person as p on p.account_id = p_account_id and p.person_id = b.person_id
        where p_kind = 'recurring' and b.bits > 1
            or p_kind = 'first_time' and b.bits & - b.bits between 2 and 1::bigint << v_cohorts
            and (p.first_event_at >= v_from_at or not p_is_any)
    ),

    -- First time: members by cohort, and how many of them have each bit, counted eight bits at a time.
    first_size as materialized (
        select f.low, f.value, count(*) as members from member as f where p_kind = 'first_time' group by f.low, f.value
    ),

    first_bit as materialized (
        select b.low, b.value, b.part * 8 + n.bit as bit, sum(b.members)::bigint as members
        from (
            select f.low, f.value, n.part, f.bits >> n.part * 8 & 255 as byte, count(*) as members
            from member as f
            cross join generate_series(0, 7) as n (part)
            where p_kind = 'first_time' and p_return = 'on'
            group by f.low, f.value, n.part, f.bits >> n.part * 8 & 255
        ) as b
        cross join generate_series(0, 7) as n (bit)
        where b.byte >> n.bit & 1 = 1
        group by b.low, b.value, b.part * 8 + n.bit
    ),

    first_last as materialized (
        select f.low, f.value, 64 - position(B'1' in f.bits::bit(64)) as bit, count(*) as members
        from member as f
        where p_kind = 'first_time' and p_return = 'on_or_after'
        group by f.low, f.value, 64 - position(B'1' in f.bits::bit(64))
    ),

    -- Recurring: a set of persons for each period. Each is made by a pass over the same rows in the same order.
    recurring_set as materialized (
        select n.bit, (
            select string_agg(case when f.bits >> n.bit & 1 = 1 then '1' else '0' end, '')::bit varying from member as f
        ) as members
        from generate_series(1, 62) as n (bit)
        where p_kind = 'recurring'
    ),

    recurring_return as (
        select
            s.bit,
            case p_return when 'on' then s.members else bit_or(s.members) over (order by s.bit desc) end as members
        from recurring_set as s
        where s.members is not null
    )

    select
        (p_first + (c.ordinal - 1) * growth.period_step(p_period))::date, s.value, s.members, n.period,
        case p_return
            when 'on' then coalesce(b.members, 0)
            else coalesce((
                select sum(l.members)
                from first_last as l
                where l.low = s.low and l.value = s.value and l.bit >= c.ordinal + n.period
            ), 0)::bigint
        end
    from generate_series(1, v_cohorts) as c (ordinal)
    inner join first_size as s on s.low = 1::bigint << c.ordinal
    cross join generate_series(0, p_periods) as n (period)
    left join first_bit as b on b.low = s.low and b.value = s.value and b.bit = c.ordinal + n.period
    union all
    select
        (p_first + (c.ordinal - 1) * growth.period_step(p_period))::date, '', bit_count(s.members), n.period,
        bit_count(s.members & r.members)
    from generate_series(1, v_cohorts) as c (ordinal)
    inner join recurring_set as s on s.bit = c.ordinal
    cross join generate_series(0, p_periods) as n (period)
    inner join recurring_return as r on r.bit = c.ordinal + n.period
    where bit_count(s.members) > 0;
end;
$$;
comment on function growth.count_cohorts_by_activity(
    uuid, text, text, date, date, text, text, boolean, text, text[], integer, integer
) is
$$Count cohorts and who returned, where any event starts and any event returns, on the calendar: from growth.activity.

As growth.count_cohorts_by_events(). p_is_any: every event is activity. p_length: how many periods count from p_first on, 61 at most
and no fewer than there are cohorts; cells beyond have no meaning. A dimension goes with first_time and p_is_any only.$$;

grant execute on function growth.count_cohorts_by_activity(uuid, text, text, date, date, text, text, boolean, text, text[], integer, integer) to levqor_dba;

grant execute on function growth.count_cohorts_by_events(uuid, text, text, date, date, text, text, text, text[], text[], text, text[], integer) to levqor_dba;

grant execute on function growth.period_bits(text, date, integer) to levqor_dba;

grant execute on function growth.period_step(text) to levqor_dba;

grant execute on function growth.count_periods(text, date, date) to levqor_dba;

grant execute on function growth.read_dimension(text, text[], growth.event) to levqor_dba;
