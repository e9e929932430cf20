-- Figures from the bitmaps: who was active on each day, in the week and in the month before it.
--
-- All of them follow from one small table: how many active days of persons there are on each day with each gap to the same
-- person's next active day. A person who is active on day t, and next on day t + g, counts for the 7 days that end on d when
-- t <= d < t + min(g, 7): so each active day enters a sum on its day and leaves it when the window has passed or the next one
-- has come, and every figure is a running sum of what enters less what leaves.
--
-- Gaps inside a month hang on its bitmap alone. So bitmaps are grouped first: by half months, and the halves by quarters, which
-- leaves few rows; beside them go the pairs (last day of one piece, first day of the next), the widest over two months from a
-- join. Each month is a branch of its own, and the branches share the processors.

create or replace function growth.check_range(p_from date, p_to date, p_most integer default 1100)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_from is null or p_to is null then
        raise exception using
            errcode = 'LQ422', message = 'a range has a first and a last day', hint = 'Name both.';
    end if;
    if p_from > p_to then
        raise exception using
            errcode = 'LQ422', message = 'the range ends before it begins',
            detail = format('It begins on %s and ends on %s.', p_from, p_to);
    end if;
    if p_from < date '1970-01-01' or p_to > date '9000-01-01' then
        raise exception using
            errcode = 'LQ422', message = 'the range is out of bounds', hint = 'Begin in 1970 or later.';
    end if;
    if p_to - p_from >= p_most then
        raise exception using
            errcode = 'LQ422', message = 'the range is too long', hint = format('Ask for %s days at most.', p_most);
    end if;
end;
$$;
comment on function growth.check_range(date, date, integer) is
$$Refuse a range of days that has no answer: LQ422 for one without an end, that ends before it begins, out of bounds, or of more than
p_most days.$$;

create or replace function growth.last_bit(p_bits integer)
returns integer
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.width_bucket(
        p_bits::double precision,
        '{1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768,65536,'
        '131072,262144,524288,1048576,2097152,4194304,8388608,16777216,33554432,67108864,134217728,268435456,'
        '536870912,1073741824}'::double precision[]
    )
$$;
comment on function growth.last_bit(integer) is
$$The number, from 1, of the highest bit that is set: of a month's bitmap its last active day. 0: none is.$$;

create or replace function growth.bitmaps_from_events(
    p_account_id uuid, p_dimension growth.dimension, p_zone text, p_active_names text[], p_days date[], p_after_person_id bigint
)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- The ranges prune partitions, wider than the days by what a clock is ever put back; the day itself decides.
    return format(
        'select d.value, d.person_id, date_trunc(''month'', d.day::timestamp)::date as month, '
        'bit_or(1 << extract(day from d.day)::integer - 1) as days '
        'from (select distinct %1$s as value, e.person_id, (e.event_at at time zone %2$L)::date as day '
        'from (select min(n.day) as first, max(n.day) as last from ('
        'select u.day, u.day - row_number() over (order by u.day)::integer as island from unnest(%3$L::date[]) as u (day)) as n '
        'group by n.island) as r '
        'inner join growth.event as e on e.account_id = %4$L '
        'and e.event_at >= (r.first::timestamp at time zone %2$L) - interval ''3 hours'' '
        'and e.event_at < ((r.last + 1)::timestamp at time zone %2$L) + interval ''3 hours'' '
        'where (e.event_at at time zone %2$L)::date between r.first and r.last and e.person_id > %5$s and %6$s) as d '
        'group by 1, 2, 3',
        case when p_dimension.name is null then '''''::text' else growth.dimension_sql(p_dimension) end,
        p_zone, p_days, p_account_id, p_after_person_id,
        case when p_active_names is null then 'true' else format('e.name = any (%L::text[])', p_active_names) end
    );
end;
$$;
comment on function growth.bitmaps_from_events(uuid, growth.dimension, text, text[], date[], bigint) is
$$SQL that counts bitmaps (value, person_id, month, days) from events.

p_dimension: null name: in all, and the value is empty. p_days: of these days alone. p_after_person_id: of persons after this one.$$;

create or replace function growth.bitmaps(
    p_account_id uuid,
    p_dimension text,
    p_first_month date,
    p_last_month date,
    out prelude text,
    out relation text,
    out condition text,
    out value text
)
returns record
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_definition growth.definition := growth.definition_of(p_account_id);
    v_dimension growth.dimension;
    v_after bigint := (select r.after_person_id from growth.recount as r where r.account_id = p_account_id);
    v_oldest_day date;
    v_last date := (p_last_month + interval '1 month')::date - 1;
    -- Days that are counted from events.
    v_days date[];
begin
    if p_dimension is null then
        relation := 'growth.activity';
        condition := format('account_id = %L', p_account_id);
        value := '''''::text';
        if v_after is null then
            prelude := '';
            return;
        end if;
        v_oldest_day := coalesce(
            ((growth.oldest_month() at time zone v_definition.time_zone) - interval '1 microsecond')::date, date '1900-01-01'
        );
        v_days := array(
            select n.day::date
            from generate_series(greatest(p_first_month, v_oldest_day + 1)::timestamp, v_last, interval '1 day') as n (day)
        );
        prelude := format(
            'select m.value, m.person_id, m.month, bit_or(m.days) as days from ('
            'select ''''::text as value, a.person_id, a.month, '
            'case when a.person_id <= %1$s then a.days else growth.days_through(a.month, a.days, %2$L) end as days '
            'from growth.activity as a where a.account_id = %3$L and a.month between %4$L and %5$L union all %6$s) as m '
            'where m.days <> 0 group by 1, 2, 3',
            v_after, v_oldest_day, p_account_id, p_first_month, p_last_month,
            growth.bitmaps_from_events(
                p_account_id, null, v_definition.time_zone, v_definition.active_names, v_days, v_after
            )
        );
    else
        v_dimension := growth.find_dimension(p_account_id, p_dimension);
        relation := 'growth.dimension_activity';
        condition := format('account_id = %L and %%1$s.dimension = %L', p_account_id, p_dimension);
        value := '%1$s.value';
        if v_after is null and (v_dimension.is_counted or p_last_month < v_dimension.next_month) and not exists (
            select from growth.stale_day as s where s.account_id = p_account_id and s.day between p_first_month and v_last
        ) then
            prelude := '';
            return;
        end if;
        v_oldest_day := coalesce(
            ((growth.oldest_month() at time zone v_definition.time_zone) - interval '1 microsecond')::date, date '1900-01-01'
        );
        if (v_dimension.is_counted or p_last_month < v_dimension.next_month) and v_after is null then
            v_days := array(
                select distinct s.day
                from growth.stale_day as s
                where s.account_id = p_account_id and s.day between greatest(p_first_month, v_oldest_day + 1) and v_last
            );
            if v_days = '{}' then
                prelude := '';
                return;
            end if;
        else
            v_days := array(
                select n.day::date
                from generate_series(greatest(p_first_month, v_oldest_day + 1)::timestamp, v_last, interval '1 day') as n (day)
            );
        end if;
        prelude := format(
            'select m.value, m.person_id, m.month, bit_or(m.days) as days from ('
            'select a.value, a.person_id, a.month, a.days & ~coalesce(l.days, 0) as days '
            'from growth.dimension_activity as a left join ('
            'select date_trunc(''month'', u.day::timestamp)::date as month, bit_or(1 << extract(day from u.day)::integer - 1) as days '
            'from unnest(%1$L::date[]) as u (day) group by 1) as l on l.month = a.month '
            'where a.account_id = %2$L and a.dimension = %3$L and a.month between %4$L and %5$L union all %6$s) as m '
            'where m.days <> 0 group by 1, 2, 3',
            v_days, p_account_id, p_dimension, p_first_month, p_last_month,
            growth.bitmaps_from_events(
                p_account_id, v_dimension, v_definition.time_zone, v_definition.active_names, v_days, 0
            )
        );
    end if;
    prelude := 'with bitmap as materialized (' || prelude || ') ';
    relation := 'bitmap';
    condition := 'true';
    value := case when p_dimension is null then '''''::text' else '%1$s.value' end;
end;
$$;
comment on function growth.bitmaps(uuid, text, date, date) is
$$Where the bitmaps of some months are, as SQL: a beginning of the statement (empty, or WITH), the relation, a condition on it, and its
value column. Condition and value are formats, in which %1$s stands for the alias; the condition begins with a column of it.

p_dimension: null: in all. Exact at any time: what is behind is counted from events in the beginning.$$;

create or replace function growth.gap_sql(p_account_id uuid, p_dimension text, p_first_month date, p_last_month date)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_from record;
    v_of text;
    v_branches text[] := '{}';
    v_month date := p_first_month;
    v_next date;
begin
    select b.* into v_from from growth.bitmaps(p_account_id, p_dimension, p_first_month, p_last_month) as b;
    v_of := case when v_from.condition = 'true' then 'true' else '%1$s.' || v_from.condition end;
    while v_month <= p_last_month loop
        v_next := (v_month + interval '1 month')::date;
        -- Pieces of a month: quarters by bitmap, and from piece to piece the last day and the first. Without a dimension there is no
        -- value to group by: an empty one would have to be hashed for every row.
        v_branches := v_branches || format(
            'select %1$L::date as month, %5$s as value, g.base, g.low, g.high, g.last, g.first, sum(g.persons)::bigint as persons '
            'from (select %6$s case when h.half is null then 100 else h.at end as base, h.half & 255 as low, h.half >> 8 as high, '
            'case when h.half is null then h.last else growth.last_bit(h.half & 255) end as last, '
            'case when h.half is null then h.first else (h.half >> 8) & -(h.half >> 8) end as first, h.persons '
            'from (select %7$s coalesce(q.low, q.high) as half, case when q.low is null then 16 else 0 end as at, '
            'q.last, q.first, count(*) as persons '
            'from (select %2$s as value, c.days & 65535 as low, c.days >> 16 as high, growth.last_bit(c.days & 65535) as last, '
            '(c.days >> 16) & -(c.days >> 16) as first from %3$s as c where %4$s and c.month = %1$L) as q '
            'group by grouping sets ((%7$s q.low), (%7$s q.high), (%7$s q.last, q.first))) as h) as g '
            'group by grouping sets ((%8$s g.base, g.low), (%8$s g.base, g.high), (%8$s g.base, g.last, g.first))',
            v_month, format(v_from.value, 'c'), v_from.relation, format(v_of, 'c'),
            case when p_dimension is null then quote_literal('') || '::text' else 'g.value' end,
            case when p_dimension is not null then 'h.value,' end, case when p_dimension is not null then 'q.value,' end,
            case when p_dimension is not null then 'g.value,' end
        );
        if v_next <= p_last_month then
            v_branches := v_branches || format(
                'select %1$L::date, %2$s, 200, null::integer, null::integer, growth.last_bit(c.days), n.days & -n.days, count(*) '
                'from %3$s as c inner join %3$s as n on n.person_id = c.person_id and %5$s '
                'where %4$s and c.month = %1$L and %6$s and n.month = %7$L group by %8$s 6, 7',
                v_month, format(v_from.value, 'c'), v_from.relation, format(v_of, 'c'),
                case when p_dimension is null then 'true' else 'n.value = c.value' end, format(v_of, 'n'), v_next,
                case when p_dimension is not null then '2,' end
            );
        end if;
        -- From the last of January to the first of March are 29 days when February has 28, which is less than 30.
        if extract(month from v_month) = 1 and (v_month + interval '2 months')::date <= p_last_month
            and (v_month + interval '2 months')::date - v_next = 28
        then
            v_branches := v_branches || format(
                'select %1$L::date, %2$s, 300, null::integer, null::integer, 31, 1, count(*) '
                'from %3$s as c inner join %3$s as n on n.person_id = c.person_id and %5$s = %2$s '
                'where %4$s and c.month = %1$L and c.days >> 30 = 1 and %6$s and n.month = %7$L and n.days & 1 = 1 '
                'and not exists (select from %3$s as b where %8$s and b.month = %9$L and b.person_id = c.person_id and %10$s = %2$s) '
                'group by 2',
                v_month, format(v_from.value, 'c'), v_from.relation, format(v_of, 'c'), format(v_from.value, 'n'),
                format(v_of, 'n'), (v_month + interval '2 months')::date, format(v_of, 'b'), v_next, format(v_from.value, 'b')
            );
        end if;
        v_month := v_next;
    end loop;
    return v_from.prelude || array_to_string(v_branches, ' union all ');
end;
$$;
comment on function growth.gap_sql(uuid, text, date, date) is
$$SQL that counts pieces of bitmaps and the steps between them, for the months from p_first_month to p_last_month: (month, value, base,
low, high, last, first, persons).

base 0 and 16: bitmaps of the 8 days after it (low) and after 8 more (high), and the steps from the first to the second. base 100:
steps from the first half of the month to the second. base 200: steps to the next month, 300: over a February. last: number of the
last active day in the one piece, from its begin; first: bit of the first active day in the other.$$;

create or replace function growth.count_days(p_account_id uuid, p_from date, p_to date, p_dimension text default null)
returns setof growth.day_count
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set work_mem = '64MB'
set jit = off
-- Without these the planner gives each month workers of its own. Few persons are worth none.
set enable_parallel_hash = off
set parallel_tuple_cost = 0
set min_parallel_table_scan_size = '1TB'
set min_parallel_index_scan_size = '1TB'
as $$
declare
    v_first date;
begin
    -- Somewhat more than a question may ask for: periods begin before it and end after it.
    perform growth.check_range(p_from, p_to, 1200);
    -- Back to where the widest figure of the first day begins.
    v_first := least(
        date_trunc('month', p_from::timestamp) - interval '1 month', date_trunc('month', (p_from - 30)::timestamp)
    )::date;
    return query execute
        'with piece as materialized ('
        || growth.gap_sql(p_account_id, p_dimension, v_first, date_trunc('month', p_to::timestamp)::date)
        || $sql$),
        eight as (
            select p.month + p.base + e.at as starts_on, p.value, e.bits, p.persons
            from piece as p
            cross join lateral (values (p.low, 0), (p.high, 8)) as e (bits, at)
            where e.bits <> 0
        ),
        step as (
            select e.starts_on + b.bit as day, e.value, growth.last_bit((e.bits >> b.bit + 1) & -(e.bits >> b.bit + 1)) as gap, e.persons
            from eight as e
            cross join generate_series(0, 6) as b (bit)
            where e.bits >> b.bit & 1 = 1 and e.bits >> b.bit + 1 <> 0
            union all
            select
                p.month + p.last + case when p.base < 100 then p.base else 0 end - 1,
                p.value,
                case p.base
                    when 100 then p.month + 16
                    when 200 then (p.month + interval '1 month')::date
                    when 300 then (p.month + interval '2 months')::date
                    else p.month + p.base + 8
                end + growth.last_bit(p.first)
                - (p.month + p.last + case when p.base < 100 then p.base else 0 end),
                p.persons
            from piece as p
            where p.last <> 0 and p.first <> 0
        ),
        change as (
            -- Each active day enters, and leaves when the window has passed.
            select e.starts_on + b.bit as day, e.value, e.persons, 0 as gap
            from eight as e
            cross join generate_series(0, 7) as b (bit)
            where e.bits >> b.bit & 1 = 1
            union all
            -- The next one has come earlier than that: from then on it counts instead.
            select s.day, s.value, -s.persons, s.gap from step as s
        ),
        grouped as materialized (
            select c.day, c.value, c.gap, sum(c.persons) as persons from change as c group by c.day, c.value, c.gap
        ),
        moved as (
            select
                m.day, g.value,
                sum(case when m.kind = 'day' then g.persons else 0 end) as dau,
                sum(case when m.kind = 'wau' then m.sign * g.persons else 0 end) as wau,
                sum(case when m.kind = 'mau' then m.sign * g.persons else 0 end) as mau,
                sum(case when m.kind = 'week' then m.sign * g.persons else 0 end) as week,
                sum(case when m.kind = 'month' then m.sign * g.persons else 0 end) as month,
                sum(case when m.kind = 'two weeks' then m.sign * g.persons else 0 end) as two_weeks,
                sum(case when m.kind = 'returning day' then -g.persons else 0 end) as returning_day,
                sum(case when m.kind = 'returning month' then -g.persons else 0 end) as returning_month
            from grouped as g
            cross join lateral (
                select
                    g.day + g.gap as comes_on,
                    date_trunc('week', g.day::timestamp)::date as week,
                    date_trunc('month', g.day::timestamp)::date as month
            ) as t
            cross join lateral (
                values
                ('day', g.day, case when g.gap = 0 then 1 end),
                ('returning day', t.comes_on, case when g.gap = 1 then 1 end),
                (
                    'returning month', t.comes_on,
                    case when date_trunc('month', t.comes_on::timestamp) = t.month + interval '1 month' then 1 end
                ),
                ('wau', t.comes_on, case when g.gap < 7 then 1 end),
                ('wau', g.day + 7, case when g.gap < 7 then -1 end),
                ('mau', t.comes_on, case when g.gap < 30 then 1 end),
                ('mau', g.day + 30, case when g.gap < 30 then -1 end),
                ('week', t.comes_on, case when t.comes_on < t.week + 7 then 1 end),
                ('week', t.week + 7, case when t.comes_on < t.week + 7 then -1 end),
                ('two weeks', t.comes_on, case when t.comes_on < t.week + 14 then 1 end),
                ('two weeks', t.week + 14, case when t.comes_on < t.week + 14 then -1 end),
                ('month', t.comes_on, case when date_trunc('month', t.comes_on::timestamp) = t.month then 1 end),
                (
                    'month', (t.month + interval '1 month')::date,
                    case when date_trunc('month', t.comes_on::timestamp) = t.month then -1 end
                )
            ) as m (kind, day, sign)
            where m.sign is not null
            group by m.day, g.value
        ),
        ran as materialized (
            select
                n.day::date as day, v.value,
                coalesce(m.dau, 0) as dau,
                sum(m.wau) over w as wau,
                sum(m.mau) over w as mau,
                coalesce(sum(m.week) over w, 0) as week,
                sum(m.month) over w as month,
                coalesce(sum(m.two_weeks) over w, 0) as two_weeks,
                coalesce(m.returning_day, 0) as returning_day,
                coalesce(sum(m.returning_month) over (
                    partition by v.value, date_trunc('month', n.day) order by n.day
                ), 0) as returning_month
            from (select distinct g.value from grouped as g) as v
            cross join generate_series($1::timestamp, $3::timestamp, interval '1 day') as n (day)
            left join moved as m on m.day = n.day and m.value = v.value
            window w as (partition by v.value order by n.day)
        )
        select
            r.day, r.value, r.dau::bigint, coalesce(r.wau, 0)::bigint, coalesce(r.mau, 0)::bigint, r.week::bigint,
            coalesce(r.month, 0)::bigint, r.returning_day::bigint, (r.week + b.week - r.two_weeks)::bigint, r.returning_month::bigint
        from ran as r
        inner join ran as b on b.value = r.value and b.day = date_trunc('week', r.day::timestamp)::date - 1
        where r.day >= $2 and (r.mau > 0 or r.week > 0 or r.month > 0)
        $sql$
    using v_first, p_from, p_to;
end;
$$;
comment on function growth.count_days(uuid, date, date, text) is
$$Count from the bitmaps how many persons were active: on each day, in the 7 and the 30 days that end on it, from Monday to it, and
from the first of the month to it; and of those of the day, the week and the month so far, how many were active in the one before.

p_dimension: by its values; null: in all, value is empty. Days and values with nothing have no row. Exact at any time. Raises LQ404
for the dimension, LQ422 for the range.$$;

create or replace function growth.count_new(p_account_id uuid, p_from date, p_to date, p_dimension text default null)
returns setof growth.new_count
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set work_mem = '64MB'
set jit = off
as $$
declare
    v_zone text := (growth.definition_of(p_account_id)).time_zone;
    v_first date := least(date_trunc('month', p_from::timestamp), date_trunc('week', p_from::timestamp))::date;
    v_from record;
    v_of text;
begin
    -- Somewhat more than a question may ask for: periods begin before it and end after it.
    perform growth.check_range(p_from, p_to, 1200);
    select b.* into v_from
    from growth.bitmaps(
        p_account_id, p_dimension, date_trunc('month', v_first::timestamp)::date, date_trunc('month', p_to::timestamp)::date
    ) as b;
    v_of := format(case when v_from.condition = 'true' then 'true' else '%1$s.' || v_from.condition end, 'c');
    return query execute
        v_from.prelude || format(
            -- A column of one kind a person: its first event's day, and the month and perhaps the next of its week.
            'select n.day::date, v.value, sum(v.new_day) filter (where v.day = n.day)::bigint, '
            'sum(v.new_week) filter (where v.day >= date_trunc(''week'', n.day))::bigint, '
            'sum(v.new_month) filter (where v.day >= date_trunc(''month'', n.day))::bigint '
            'from (select f.value, f.day, count(*) filter (where f.day = f.first_day) as new_day, '
            'count(*) filter (where f.day < date_trunc(''week'', f.first_day::timestamp) + interval ''7 days'') as new_week, '
            'count(*) filter (where f.day < date_trunc(''month'', f.first_day::timestamp) + interval ''1 month'') as new_month '
            'from (select p.first_day, p.person_id, %1$s as value, '
            'min(c.month + growth.last_bit(r.bits & -r.bits) - 1) as day '
            'from (select h.person_id, h.first_day, date_trunc(''month'', h.first_day::timestamp)::date as month, '
            'date_trunc(''month'', date_trunc(''week'', h.first_day::timestamp) + interval ''6 days'')::date as next_month '
            'from (select o.person_id, (o.first_event_at at time zone %2$L)::date as first_day from growth.person as o '
            'where o.account_id = %3$L and o.first_event_at >= ($1::timestamp at time zone %2$L) - interval ''3 hours'' '
            'and o.first_event_at < (($2 + 1)::timestamp at time zone %2$L) + interval ''3 hours'') as h '
            'where h.first_day between $1 and $2) as p '
            'cross join lateral (select p.month union select p.next_month) as m (month) '
            'inner join %4$s as c on c.person_id = p.person_id and c.month = m.month and %5$s '
            'cross join lateral (select case when c.month > p.first_day then c.days '
            'else c.days >> p.first_day - c.month << p.first_day - c.month end as bits) as r '
            'where r.bits <> 0 group by 1, 2, 3) as f group by 1, 2) as v '
            'inner join generate_series($3::timestamp, $2::timestamp, interval ''1 day'') as n (day) '
            'on n.day >= v.day and (n.day < date_trunc(''week'', v.day::timestamp) + interval ''7 days'' '
            'or n.day < date_trunc(''month'', v.day::timestamp) + interval ''1 month'') '
            'group by 1, 2',
            format(v_from.value, 'c'), v_zone, p_account_id, v_from.relation, v_of
        )
    using v_first, p_to, p_from;
end;
$$;
comment on function growth.count_new(uuid, date, date, text) is
$$Count who was new: of those active on each day, in its week and in its month so far, the ones whose first event of all was on that
day, in that week, in that month.

p_dimension: by its values; null: in all, value is empty. A person is new under each value of its activity in the period. Days and
values with nothing have no row. Raises LQ404 for the dimension, LQ422 for the range.$$;

-- A question runs with the rights of who asks: of what it calls, reports may call all that only reads.
grant execute on function
growth.check_range(date, date, integer),
growth.last_bit(integer),
growth.bitmaps(uuid, text, date, date),
growth.bitmaps_from_events(uuid, growth.dimension, text, text[], date[], bigint),
growth.gap_sql(uuid, text, date, date),
growth.count_days(uuid, date, date, text),
growth.count_new(uuid, date, date, text)
to levqor_dba;
