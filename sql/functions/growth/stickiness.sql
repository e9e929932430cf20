-- Stickiness: on how many days of a range persons are active. From the bitmaps at each question.

create or replace function growth.stickiness(
    p_account_id uuid, p_from date, p_to date, p_period text default 'day', p_dimension text default null
)
returns setof growth.stickiness_count
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set work_mem = '64MB'
set jit = off
as $$
declare
    v_from record;
    v_of text;
    v_most integer;
begin
    perform growth.check_range(p_from, p_to);
    if p_period is null or p_period not in ('day', 'week', 'month') then
        raise exception using errcode = 'LQ422', message = 'unknown period', hint = 'Use day, week or month.';
    end if;
    v_most := (
        select count(*)
        from generate_series(date_trunc(p_period, p_from::timestamp), p_to, ('1 ' || p_period)::interval)
    );
    select b.* into v_from
    from growth.bitmaps(
        p_account_id, p_dimension, date_trunc('month', p_from::timestamp)::date, date_trunc('month', p_to::timestamp)::date
    ) as b;
    v_of := format(case when v_from.condition = 'true' then 'true' else '%1$s.' || v_from.condition end, 'c');
    return query execute v_from.prelude
        -- The bits of a month that are in the range, and of those the ones of each week.
        || case when v_from.prelude = '' then 'with ' else ', ' end
        || $sql$piece as (
            select
                date_trunc('month', n.day)::date as month,
                case $3 when 'week' then date_trunc('week', n.day)::date end as week,
                bit_or(1 << extract(day from n.day)::integer - 1) as bits
            from generate_series($1::timestamp, $2, interval '1 day') as n (day)
            group by 1, 2
        ),
        person as ($sql$
        || format(
            case p_period
                when 'week' then
                    'select %1$s as value, c.person_id, count(distinct p.week) as periods '
                    'from %2$s as c inner join piece as p on p.month = c.month and c.days & p.bits <> 0 where %3$s '
                    'and c.month between date_trunc(''month'', $1::timestamp) and $2 group by 1, 2'
                when 'month' then
                    'select %1$s as value, c.person_id, count(*) as periods '
                    'from %2$s as c inner join piece as p on p.month = c.month and c.days & p.bits <> 0 where %3$s '
                    'and c.month between date_trunc(''month'', $1::timestamp) and $2 group by 1, 2'
                else
                    'select %1$s as value, c.person_id, sum(bit_count((c.days & p.bits)::bit(32))) as periods '
                    'from %2$s as c inner join piece as p on p.month = c.month and c.days & p.bits <> 0 where %3$s '
                    'and c.month between date_trunc(''month'', $1::timestamp) and $2 group by 1, 2'
            end,
            format(v_from.value, 'c'), v_from.relation, v_of
        )
        || $sql$),
        counted as materialized (
            select p.value, p.periods::integer as periods, count(*) as persons from person as p group by 1, 2
        )
        select
            v.value, n.periods, coalesce(c.persons, 0),
            coalesce(sum(c.persons) over (partition by v.value order by n.periods desc), 0)::bigint
        from (select distinct k.value from counted as k where $5 union all select null where not $5) as v
        cross join generate_series(1, $4) as n (periods)
        left join counted as c on c.periods = n.periods and (c.value = v.value or v.value is null)
        order by v.value, n.periods
        $sql$
    using p_from, p_to, p_period, v_most, p_dimension is not null;
end;
$$;
comment on function growth.stickiness(uuid, date, date, text, text) is
$$On how many periods of a range persons were active: for each number, from 1 to as many as there are, the persons with exactly so many,
and with so many or more.

p_period: day, week (from Monday) or month; of one that p_from or p_to cut only the days in the range count. p_dimension: by value of a
dimension. Always exact. Raises LQ404 for the dimension, LQ422.$$;
grant execute on function growth.stickiness(uuid, date, date, text, text) to levqor_dba;
