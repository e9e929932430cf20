-- Cohort retention: worked triangles, the eight variants, what is not over yet, and a plain recount.
begin;
select plan(58);
-- The recount below is one large statement, which takes longer to compile than to run.
set local jit = off;

create function pg_temp.put(p_account uuid, p_who text, p_name text, p_ats timestamptz[], p_source text default 'direct')
returns void language sql as $$
    select growth.ingest_events(p_account, jsonb_agg(jsonb_build_object(
        'id', gen_random_uuid(), 'name', p_name, 'event_at', a.at, 'user_id', p_who, 'source', p_source
    ))) from unnest(p_ats) as a (at)
$$;
-- A triangle as text: a line a cohort, persons by period, a dot where it is not over.
create function pg_temp.draw(
    p_account uuid, p_period text, p_from date, p_to date, p_kind text default 'first_time', p_return text default 'on',
    p_clock text default 'calendar', p_start text default null, p_name text default null, p_periods integer default null
) returns text language sql as $$
    select string_agg(l.line, ' / ' order by l.cohort_start) from (
        select r.cohort_start, r.size || ':' || string_agg(coalesce(r.persons::text, '.'), ' ' order by r.period) as line
        from growth.cohort_retention(p_account, p_period, p_from, p_to, p_kind, p_return, p_clock, p_start, p_name, null, p_periods) as r
        group by r.cohort_start, r.size
    ) as l
$$;
create temp table t on commit drop as
select test.make_account('A') as a, test.make_account('B') as b, test.make_account('C') as c, test.make_account('D') as d,
    test.make_account('E') as e, test.make_account('F') as f, test.make_account('G') as g;

-- Months before the oldest that is there are not taken.
select growth.make_month('2020-01-01');
-- PostHog's published triangle by days: two persons, recurring. Person 1 comes on days 0, 1, 2, 5 (twice), 6; person 2 on 1, 2, 3, 6.
select core.set_test_clock('2020-07-30 12:00Z');
select pg_temp.put(t.a, 'person1', '$pageview', array(
    select '2020-06-10 05:00Z'::timestamptz + make_interval(hours => 24 * n) from unnest('{0,1,2,5,6}'::integer[]) as n
) || '2020-06-15 09:00Z'::timestamptz) from t;
select pg_temp.put(t.a, 'person2', '$pageview', array(
    select '2020-06-10 05:00Z'::timestamptz + make_interval(hours => 24 * n) from unnest('{1,2,3,6}'::integer[]) as n
)) from t;
select is(
    pg_temp.draw(t.a, 'day', '2020-06-10', '2020-06-20', 'recurring'),
    '1:1 1 1 0 0 1 1 0 0 0 0 / 2:2 2 1 0 1 2 0 0 0 0 / 2:2 1 0 1 2 0 0 0 0 / 1:1 0 0 1 0 0 0 0 / 0:0 0 0 0 0 0 0 / 1:1 1 0 0 0 0'
        ' / 2:2 0 0 0 0 / 0:0 0 0 0 / 0:0 0 0 / 0:0 0 / 0:0', 'the triangle by days'
) from t;
select is(
    pg_temp.draw(t.a, 'day', '2020-06-10', '2020-06-20'),
    '1:1 1 1 0 0 1 1 0 0 0 0 / 1:1 1 1 0 0 1 0 0 0 0 / 0:0 0 0 0 0 0 0 0 0 / 0:0 0 0 0 0 0 0 0 / 0:0 0 0 0 0 0 0 / 0:0 0 0 0 0 0'
        ' / 0:0 0 0 0 0 / 0:0 0 0 0 / 0:0 0 0 / 0:0 0 / 0:0', 'first time: each is in one cohort'
) from t;
select is(
    pg_temp.draw(t.a, 'day', '2020-06-10', '2020-06-13', 'recurring', 'on_or_after'),
    '1:1 1 1 1 / 2:2 2 2 / 2:2 2 / 1:1', 'on or after reads past the last day of the range'
) from t;
select is(
    pg_temp.draw(t.a, 'day', '2020-06-10', '2020-06-11', 'first_time', 'on_or_after', p_periods => 7),
    '1:1 1 1 1 1 1 1 0 / 1:1 1 1 1 1 1 0 0', 'on or after: until the last return'
) from t;

-- And by months: eleven of them. Each event comes when it happens.
do $$
declare
    v_month integer;
begin
    for v_month in 1 .. 11 loop
        perform core.set_test_clock(make_timestamptz(2020, v_month, 10, 5, 0, 0, 'UTC'));
        perform pg_temp.put(t.b, 'person1', '$pageview', array[core.now()]) from t where v_month = any ('{1,2,3,5,6,9}');
        perform pg_temp.put(t.b, 'person2', '$pageview', array[core.now()]) from t where v_month = any ('{1,2,3,6,7,11}');
    end loop;
end;
$$;
select core.set_test_clock('2021-01-15 12:00Z');
select is(
    pg_temp.draw(t.b, 'month', '2020-01-01', '2020-11-25', 'recurring'),
    '2:2 2 2 0 1 2 1 0 1 0 1 / 2:2 2 0 1 2 1 0 1 0 1 / 2:2 0 1 2 1 0 1 0 1 / 0:0 0 0 0 0 0 0 0 / 1:1 1 0 0 1 0 0 / 2:2 1 0 1 0 1'
        ' / 1:1 0 0 0 1 / 0:0 0 0 0 / 1:1 0 0 / 0:0 0 / 1:1', 'the triangle by months'
) from t;
select is(
    pg_temp.draw(t.b, 'month', '2020-01-20', '2020-11-03', 'recurring'), pg_temp.draw(t.b, 'month', '2020-01-01', '2020-11-30', 'recurring'),
    'a day stands for its month'
) from t;
select is(pg_temp.draw(t.b, 'month', '2020-02-01', '2020-03-01'), '0:0 0 / 0:0', 'first time looks at all history, not at the range') from t;
select is(pg_temp.draw(t.b, 'month', '2020-11-01', '2021-01-31', 'recurring'), '1:1 0 . / 0:0 . / 0:.', 'what is not over is null') from t;

-- The two clocks. Signed up on Monday at 20:00; seen 10, 49 and 75 hours later.
select core.set_test_clock('2026-03-01 00:00Z');
select pg_temp.put(t.c, 'p', 'signup', '{2026-01-05 20:00Z}') from t;
select pg_temp.put(t.c, 'p', 'visit', '{2026-01-06 06:00Z,2026-01-07 21:00Z,2026-01-08 23:00Z}') from t;
select is(pg_temp.draw(t.c, 'day', '2026-01-05', '2026-01-05', k.kind, k.return, k.clock, 'signup', 'visit', 5), k.wanted, concat_ws(' ', k.kind, k.return, k.clock))
from t, (values
    ('first_time', 'on', 'calendar', '1:0 1 1 1 0 0'), ('first_time', 'on', 'rolling', '1:1 0 1 1 0 0'),
    ('first_time', 'on_or_after', 'calendar', '1:1 1 1 1 0 0'), ('first_time', 'on_or_after', 'rolling', '1:1 1 1 1 0 0'),
    ('recurring', 'on', 'calendar', '1:0 1 1 1 0 0'), ('recurring', 'on', 'rolling', '1:1 0 1 1 0 0'),
    ('recurring', 'on_or_after', 'calendar', '1:1 1 1 1 0 0'), ('recurring', 'on_or_after', 'rolling', '1:1 1 1 1 0 0')
) as k (kind, return, clock, wanted);
select pg_temp.put(t.c, 'p', 'signup', '{2026-01-12 12:00Z}') from t;
select is(pg_temp.draw(t.c, 'day', '2026-01-12', '2026-01-12', 'first_time', p_start => 'signup'), '0:0', 'the second sign-up is not the first') from t;
select is(pg_temp.draw(t.c, 'day', '2026-01-12', '2026-01-12', 'recurring', p_start => 'signup'), '1:1', 'but recurs') from t;
-- A return before the start does not count, on the same day either; and a start counts as a return of its own kind.
select pg_temp.put(t.c, 'q', 'visit', '{2026-02-02 08:00Z}') from t;
select pg_temp.put(t.c, 'q', 'signup', '{2026-02-02 09:00Z}') from t;
select is(pg_temp.draw(t.c, 'day', '2026-02-02', '2026-02-02', 'first_time', 'on', 'calendar', 'signup', 'visit'), '1:0', 'what was before the start is no return') from t;
select is(pg_temp.draw(t.c, 'day', '2026-02-02', '2026-02-02', 'first_time', 'on', 'rolling', 'signup', 'signup'), '1:1', 'the start itself counts when it is of that kind') from t;
-- Edges of the rolling clock: 30 days to the second are a month.
select pg_temp.put(t.d, 'p', 'signup', '{2025-12-31 10:00Z}') from t;
select pg_temp.put(t.d, 'p', 'visit', '{2026-01-30 09:59:59Z}') from t;
select is(pg_temp.draw(t.d, 'month', '2025-12-01', '2025-12-01', 'first_time', 'on', 'rolling', 'signup', 'visit', 1), '1:1 .', 'a second less than 30 days: month 0; month 1 may come') from t;
select pg_temp.put(t.d, 'p', 'visit', '{2026-01-30 10:00Z}') from t;
select core.set_test_clock('2026-03-02 00:00Z');
select is(pg_temp.draw(t.d, 'month', '2025-12-01', '2025-12-01', 'first_time', 'on', 'rolling', 'signup', 'visit', 1), '1:1 1', '30 days: month 1') from t;
select is(pg_temp.draw(t.d, 'week', '2025-12-29', '2025-12-29', 'first_time', 'on', 'rolling', 'signup', 'visit', 5), '1:0 0 0 0 1 0', 'and week 4: 28 to 35 days') from t;
select is(pg_temp.draw(t.d, 'week', '2025-12-31', '2025-12-31', 'first_time', 'on', 'calendar', 'signup', 'visit', 5), '1:0 0 0 0 1 0', 'weeks begin on Monday') from t;

-- Maturity to the second, by either clock.
select is(
    (select string_agg(r.period || coalesce(' ' || r.persons, ' -') || coalesce(' ' || r.rate, ' -') || ' ' || r.is_mature, ', ' order by r.period)
        from growth.cohort_retention(t.d, 'day', '2025-12-31', '2025-12-31', p_clock => c.clock, p_start_name => 'signup', p_return_name => 'visit', p_periods => 2) as r),
    c.wanted, 'over or not: ' || c.clock || ' at ' || c.now
)
from t, (values
    ('calendar', '2026-01-01 23:59:59Z', '0 0 0.000000 true, 1 - - false, 2 - - false'),
    ('calendar', '2026-01-02 00:00Z', '0 0 0.000000 true, 1 0 0.000000 true, 2 - - false'),
    ('rolling', '2026-01-01 23:59:59Z', '0 - - false, 1 - - false, 2 - - false'),
    ('rolling', '2026-01-02 00:00Z', '0 0 0.000000 true, 1 - - false, 2 - - false')
) as c (clock, now, wanted), core.set_test_clock(c.now::timestamptz);

-- The account's time zone, over the change to summer time on 2026-03-29.
select core.set_test_clock('2026-05-01 00:00Z');
select growth.set_definition(t.e, 'Europe/Berlin') from t;
select pg_temp.put(t.e, 'p', 'visit', '{2026-03-28 22:30Z,2026-03-29 21:30Z,2026-03-29 22:30Z}') from t;
select is(pg_temp.draw(t.e, 'day', '2026-03-28', '2026-03-30'), '1:1 1 1 / 0:0 0 / 0:0', 'Saturday, Sunday and Monday in Berlin') from t;
select is(pg_temp.draw(t.e, 'day', '2026-03-28', '2026-03-28', p_clock => 'rolling', p_periods => 2), '1:1 1 0', 'of 23 and 24 hours by the clock that rolls') from t;
select is(pg_temp.draw(t.e, 'week', '2026-03-23', '2026-03-30'), '1:1 1 / 0:0', 'and two weeks') from t;
select core.set_test_clock('2026-03-30 21:59:59Z');
select is(pg_temp.draw(t.e, 'day', '2026-03-30', '2026-03-30', 'recurring'), '1:.', 'its day is over at midnight in Berlin') from t;
select core.set_test_clock('2026-03-30 22:00Z');
select is(pg_temp.draw(t.e, 'day', '2026-03-30', '2026-03-30', 'recurring'), '1:1', 'and no earlier') from t;

-- Averages: by weight, over what is over.
select core.set_test_clock('2026-01-15 00:00Z');
select pg_temp.put(t.f, 'a' || n, 'visit', '{2026-01-10 10:00Z,2026-01-11 10:00Z}', 'ads') from t, generate_series(1, 3) as n;
select pg_temp.put(t.f, 'b', 'visit', '{2026-01-11 10:00Z}', 'mail') from t;
select pg_temp.put(t.f, 'c' || n, 'visit', '{2026-01-13 10:00Z}', 'ads') from t, generate_series(1, 2) as n;
select pg_temp.put(t.f, 'c1', 'visit', '{2026-01-14 10:00Z}', 'mail') from t;
select is(
    (select string_agg(format('%s: %s of %s in %s, %s', a.period, a.persons, a.size, a.cohorts, a.rate), '; ' order by a.period)
        from growth.cohort_average(t.f, 'day', '2026-01-10', '2026-01-14', p_periods => 2) as a),
    '0: 6 of 6 in 3, 1.000000; 1: 4 of 6 in 3, 0.666667; 2: 0 of 4 in 2, 0.000000', 'the average is weighted, and leaves out who is not that old'
) from t;
select is(
    (select string_agg(format('%s %s %s', r.dimension, r.cohort_start, array_agg), '; ' order by r.dimension, r.cohort_start)
        from (select r.dimension, r.cohort_start, array_agg(r.persons order by r.period) from growth.cohort_retention(
            t.f, 'day', '2026-01-10', '2026-01-14', p_dimension => 'source', p_periods => 1) as r group by 1, 2) as r),
    'ads 2026-01-10 {3,3}; ads 2026-01-13 {2,1}; mail 2026-01-11 {1,0}', 'by source: of the start event, whatever the return says'
) from t;
select is(
    (select string_agg(format('%s %s %s', a.dimension, a.period, a.rate), '; ' order by a.dimension, a.period)
        from growth.cohort_average(t.f, 'day', '2026-01-10', '2026-01-14', p_dimension => 'source', p_periods => 1) as a),
    'ads 0 1.000000; ads 1 0.800000; mail 0 1.000000; mail 1 0.000000', 'averages by source'
) from t;
select is(
    (select string_agg(r.cohort_start::text, ' ' order by r.cohort_start) from growth.cohort_retention(t.f, 'week', p_periods => 0) as r),
    (select string_agg((date '2026-01-12' - 7 * n)::text, ' ' order by n desc) from generate_series(0, 11) as n), 'twelve weeks until today, when nothing is said'
) from t;
select is(
    (select array_agg(distinct r.rate) from growth.cohort_retention(t.g, 'week', '2026-01-01', '2026-01-08') as r), '{NULL}', 'nobody: sizes of 0, no rate'
) from t;

-- Random histories, with questions of all kinds, against a plain recount.
select setseed(0.42);
select core.set_test_clock('2026-04-20 09:30Z');
select growth.set_definition(t.g, 'America/New_York') from t;
select count(growth.ingest_events(t.g, h.events)) from t, (
    select n % 7, jsonb_agg(jsonb_build_object(
        'id', gen_random_uuid(), 'name', (array['visit', 'buy', 'signup'])[1 + floor(random() * 3)::integer],
        'event_at', timestamptz '2026-04-20 09:00Z' - random() * interval '60 days', 'user_id', 'r' || floor(random() * 5),
        'source', (array['ads', 'mail'])[1 + floor(random() * 2)::integer]
    )) as events
    from generate_series(1, 130) as n group by 1
) as h;
create function pg_temp.recount(
    p_account uuid, p_period text, p_from date, p_to date, p_kind text, p_return text, p_clock text, p_start text, p_name text, p_periods integer
) returns text language sql as $$
    with c as (
        select n::date as cohort from generate_series(date_trunc(p_period, p_from::timestamp), p_to, ('1 ' || p_period)::interval) as n
    ), e as materialized (
        select v.person_id, v.event_at as at, v.name, v.event_at at time zone 'America/New_York' as local from growth.event as v where v.account_id = p_account
    ), m as materialized (
        select c.cohort, s.person_id, min(s.at) as at
        from c inner join e as s on date_trunc(p_period, s.local)::date = c.cohort and (p_start is null or s.name = p_start)
            and (p_kind = 'recurring' or not exists (select from e as o where o.person_id = s.person_id and o.at < s.at and (p_start is null or o.name = p_start)))
        group by 1, 2
    ), k as (
        select c.cohort, n as period from c cross join generate_series(0, p_periods) as n
    )
    select string_agg(l.line, ' / ' order by l.cohort) from (
        select k.cohort, (select count(*) from m where m.cohort = k.cohort) || ':' || string_agg(case when case p_clock
                when 'calendar' then (k.cohort + (k.period + 1) * ('1 ' || p_period)::interval) at time zone 'America/New_York'
                else (k.cohort + ('1 ' || p_period)::interval) at time zone 'America/New_York' + (k.period + 1) * len.gth
            end > core.now() then '.' else (
                select count(*)::text from m where m.cohort = k.cohort and exists (
                    select from e as r where r.person_id = m.person_id and r.at >= m.at and (p_name is null or r.name = p_name) and case
                        when p_clock = 'calendar' and p_return = 'on' then date_trunc(p_period, r.local) = k.cohort + k.period * ('1 ' || p_period)::interval
                        when p_clock = 'calendar' then date_trunc(p_period, r.local) >= k.cohort + k.period * ('1 ' || p_period)::interval
                        when p_return = 'on' then r.at >= m.at + k.period * len.gth and r.at < m.at + (k.period + 1) * len.gth
                        else r.at >= m.at + k.period * len.gth
                    end
                )
            ) end, ' ' order by k.period) as line
        from k cross join (select case p_period when 'day' then interval '24 hours' when 'week' then interval '168 hours' else interval '720 hours' end as gth) as len
        group by k.cohort
    ) as l
$$;
select is(
    (
        select string_agg(concat_ws(' ', p.period, k.kind, r.return, c.clock, n.start, n.name), '; ')
        from (values ('day', 6, 6), ('week', 50, 3), ('month', 50, 2)) as p (period, days, periods),
            (values ('first_time'), ('recurring')) as k (kind), (values ('on'), ('on_or_after')) as r (return), (values ('calendar'), ('rolling')) as c (clock),
            (values (null, null), ('signup', 'buy'), ('visit', 'visit'), ('buy', null), (null, 'buy')) as n (start, name)
        where pg_temp.draw(t.g, p.period, date '2026-04-01' - p.days, '2026-04-05', k.kind, r.return, c.clock, n.start, n.name, p.periods)
            is distinct from pg_temp.recount(t.g, p.period, date '2026-04-01' - p.days, '2026-04-05', k.kind, r.return, c.clock, n.start, n.name, p.periods)
    ), null, 'all variants are as a plain recount has them, in New York'
) from t;
select isnt(
    pg_temp.draw(t.g, 'week', '2026-02-01', '2026-03-01', 'recurring', p_periods => 3), pg_temp.draw(t.g, 'week', '2026-02-01', '2026-03-01', 'first_time', p_periods => 3),
    'which are not all the same'
) from t;

-- Refusals.
select throws_ok(format('select * from growth.cohort_retention(%L, %s)', t.g, q.arguments), q.code, q.message, q.message)
from t, (values
    ($$'hour'$$, 'LQ422', 'unknown period'), ($$p_kind => 'x'$$, 'LQ422', 'unknown kind of cohort'),
    ($$p_return => 'never'$$, 'LQ422', 'unknown kind of return'), ($$p_clock => 'sun'$$, 'LQ422', 'unknown clock'),
    ($$'day', '2026-02-01', '2026-01-31'$$, 'LQ422', 'the range ends before it begins'),
    ($$'day', '2024-01-01', '2026-01-31'$$, 'LQ422', 'the range is too long'),
    ($$'day', '1969-12-31', '1969-12-31'$$, 'LQ422', 'the range is out of bounds'),
    ($$p_periods => 401$$, 'LQ422', 'periods must be between 0 and 400'), ($$p_dimension => 'shoe'$$, 'LQ404', 'no such dimension')
) as q (arguments, code, message);

-- Rights: a DBA runs it, and sees every account; the server does not.
select function_privs_are('growth', f.name, f.arguments, r.role, r.privileges, format('%s may %s %s', r.role, r.privileges, f.name))
from (values
    ('cohort_retention', '{uuid,text,date,date,text,text,text,text,text,text,integer}'::text[]),
    ('cohort_average', '{uuid,text,date,date,text,text,text,text,text,text,integer}')
) as f (name, arguments), (values ('levqor_dba', '{EXECUTE}'::text[]), ('levqor_server', '{}')) as r (role, privileges);
select volatility_is('growth', f.name, 'stable', f.name || ' only reads') from unnest('{cohort_retention,cohort_average}'::name[]) as f (name);
grant select on t to levqor_dba;
select core.set_test_clock('2026-01-15 00:00Z');
select test.become('levqor_dba');
select is(pg_temp.draw(t.f, 'day', '2026-01-10', '2026-01-11', p_periods => 0), '3:3 / 1:1', 'a DBA calls it from psql, by activity') from t;
select is(pg_temp.draw(t.f, 'day', '2026-01-10', '2026-01-11', p_clock => 'rolling', p_periods => 0), '3:3 / 1:1', 'and by events') from t;
select is(pg_temp.draw(t.f, 'week', '2026-01-05', '2026-01-11', p_periods => 0), '4:4', 'and by weeks') from t;

select * from finish();
rollback;
