-- Activity by day, and lifecycle: what is asked of the rollups and, where these are stale, of the bitmaps.

create or replace function growth.read_figures(
    p_account_id uuid, p_days date[], p_live_ranges daterange[], p_dimension text default null
)
returns setof growth.active_day
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_range daterange;
begin
    return query
    select a.*
    from growth.active_day as a
    where a.account_id = p_account_id and a.dimension = coalesce(p_dimension, '')
        and a.day between (select min(d.day) from unnest(p_days) as d (day)) and (select max(d.day) from unnest(p_days) as d (day))
        and a.day = any (p_days)
        and not exists (select from unnest(p_live_ranges) as r (days) where a.day <@ r.days);
    foreach v_range in array p_live_ranges loop
        return query
        select f.*
        from (
            select min(d.day) as first_day, max(d.day) as last_day from unnest(p_days) as d (day) where d.day <@ v_range
        ) as w
        cross join lateral growth.count_figures(p_account_id, w.first_day, w.last_day, p_dimension) as f
        where w.first_day is not null and f.day = any (p_days);
    end loop;
end;
$$;
comment on function growth.read_figures(uuid, date[], daterange[], text) is
$$Figures of some days: from the rollup, and for days in p_live_ranges from the bitmaps. Days and values with nothing have no row.$$;

create or replace function growth.activity_by_day(p_account_id uuid, p_from date, p_to date, p_dimension text default null)
returns table (
    day date,
    value text,
    dau bigint,
    wau bigint,
    mau bigint,
    wau_calendar bigint,
    mau_calendar bigint,
    stickiness numeric
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_through date := p_from - 1;
    v_is_rolled_up boolean;
begin
    perform growth.check_range(p_from, p_to);
    v_is_rolled_up := growth.is_rolled_up(p_account_id, p_dimension);
    if v_is_rolled_up then
        select least(r.rolled_through, p_to) into v_through from growth.rollup as r where r.account_id = p_account_id;
    end if;
    return query
    with figure as materialized (
        select a.day, a.value, a.dau, a.wau, a.mau, a.wau_calendar, a.mau_calendar
        from growth.active_day as a
        where v_is_rolled_up and a.account_id = p_account_id and a.dimension = coalesce(p_dimension, '')
            and a.day between p_from and v_through
            and not exists (
                select
                from growth.list_stale_ranges(p_account_id, p_from, p_to, 'active') as s
                where a.day between s.first_day and s.last_day
            )
        union all
        select c.day, c.value, c.dau, c.wau, c.mau, c.wau_calendar, c.mau_calendar
        from (
            -- The ranges that the rollup is not read for: those up to an earlier day may be others.
            select s.first_day, least(s.last_day, v_through) as last_day
            from growth.list_stale_ranges(p_account_id, p_from, p_to, 'active') as s
            where v_is_rolled_up and s.first_day <= v_through
            union all
            select greatest(v_through + 1, p_from), p_to where v_through < p_to
        ) as l
        cross join lateral growth.count_days(p_account_id, l.first_day, l.last_day, p_dimension) as c
        where c.dau + c.wau + c.mau + c.wau_calendar + c.mau_calendar > 0
    )
    select
        n.day::date, v.value, coalesce(f.dau, 0), coalesce(f.wau, 0), coalesce(f.mau, 0), coalesce(f.wau_calendar, 0),
        coalesce(f.mau_calendar, 0), case when f.mau > 0 then round(f.dau::numeric / f.mau, 4) end
    from (select distinct g.value from figure as g where p_dimension is not null union all select null where p_dimension is null) as v
    cross join generate_series(p_from::timestamp, p_to, interval '1 day') as n (day)
    left join figure as f on f.day = n.day::date and (f.value = v.value or v.value is null)
    order by n.day, v.value;
end;
$$;
comment on function growth.activity_by_day(uuid, date, date, text) is
$$How many persons were active, for every day from p_from to p_to: dau on the day; wau and mau on it and the 6, the 29 days before;
wau_calendar from Monday to it; mau_calendar from the first of the month to it; stickiness: dau / mau, 4 digits, null where mau is 0.

Days are those of the account's time zone, and what is activity its growth.definition says. p_dimension: by value of a dimension
(source, or one of growth.dimension); every value with a figure in the range has all days; an empty value is that of events without
one. A person counts once under each of its values. Always exact: from the rollup, and from the bitmaps what is stale there. Raises
LQ404 for the dimension, LQ422 for a range that is no range or has more than 1,100 days.$$;

create or replace function growth.lifecycle(
    p_account_id uuid, p_from date, p_to date, p_period text default 'day', p_dimension text default null
)
returns table (
    starts_on date,
    value text,
    new_persons bigint,
    returning_persons bigint,
    resurrecting_persons bigint,
    dormant_persons bigint
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_step interval;
    v_first date;
    v_last date;
    v_through date;
    v_ranges daterange[];
begin
    perform growth.check_range(p_from, p_to);
    if p_period is null or p_period not in ('day', 'week', 'month') then
        raise exception using errcode = 'LQ422', message = 'unknown period', hint = 'Use day, week or month.';
    end if;
    v_step := '1 ' || p_period;
    -- One period more before the range: who was active in it returns, or is dormant.
    v_first := (date_trunc(p_period, p_from::timestamp) - v_step)::date;
    v_last := (date_trunc(p_period, p_to::timestamp) + v_step)::date - 1;
    if growth.is_rolled_up(p_account_id, p_dimension) then
        select r.rolled_through into v_through from growth.rollup as r where r.account_id = p_account_id;
        v_ranges := array(
            select daterange(s.first_day, s.last_day, '[]')
            from growth.list_stale_ranges(p_account_id, v_first, v_last, p_period) as s
        );
    else
        -- Nobody was active before 1970, and no figure is asked for from then.
        v_ranges := array[daterange(greatest(v_first, date '1970-01-01'), v_last, '[]')];
    end if;
    return query
    with asked as materialized (
        -- The figures of a period are those to date on its last day. What is not rolled up yet has no activity, unless it is stale.
        select
            p.starts_on::date as starts_on,
            case
                when (p.starts_on + v_step)::date - 1 <@ any (v_ranges) then (p.starts_on + v_step)::date - 1
                when p.starts_on::date <= v_through then least((p.starts_on + v_step)::date - 1, v_through)
            end as day
        from generate_series(v_first::timestamp, v_last, v_step) as p (starts_on)
    ),
    figure as materialized (
        select
            a.starts_on, f.value,
            case p_period when 'day' then f.dau when 'week' then f.wau_calendar else f.mau_calendar end as active,
            case p_period when 'day' then f.returning_day when 'week' then f.returning_week else f.returning_month end as again,
            case p_period when 'day' then f.new_day when 'week' then f.new_week else f.new_month end as fresh
        from asked as a
        inner join growth.read_figures(
            p_account_id, array(select k.day from asked as k where k.day is not null), v_ranges, p_dimension
        ) as f on f.day = a.day
    )
    select
        a.starts_on, v.value, coalesce(f.fresh, 0), coalesce(f.again, 0), coalesce(f.active - f.again - f.fresh, 0),
        coalesce(f.again, 0) - coalesce(b.active, 0)
    from asked as a
    cross join (
        select distinct g.value from figure as g where p_dimension is not null and g.active > 0
        union all
        select null where p_dimension is null
    ) as v
    left join figure as f on f.starts_on = a.starts_on and (f.value = v.value or v.value is null)
    left join figure as b on b.starts_on = (a.starts_on - v_step)::date and (b.value = v.value or v.value is null)
    where a.starts_on > v_first
    order by a.starts_on, v.value;
end;
$$;
comment on function growth.lifecycle(uuid, date, date, text, text) is
$$How the persons of each period come and go: new: its first event of all was in the period; returning: active in the period before
too; resurrecting: active again after a pause; dormant, as a negative number: active in the period before and not in this one.

p_period: day, week (from Monday) or month; those that p_from to p_to touch are told whole, and one that is under way so far. new +
returning + resurrecting are the active persons of a period. p_dimension: by value of a dimension: activity under the value alone, but
a first event under any. PostHog counts the same. Always exact. Raises LQ404 for the dimension, LQ422.$$;

grant execute on function
growth.read_figures(uuid, date[], daterange[], text), growth.activity_by_day(uuid, date, date, text),
growth.lifecycle(uuid, date, date, text, text) to levqor_dba;
