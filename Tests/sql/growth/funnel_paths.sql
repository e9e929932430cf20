-- When each step was done. The levels are compared with ClickHouse by Tests/clients/check_funnel.py.
begin;
select plan(22);

create temp table t on commit drop as select test.make_account('A') as a;
select growth.make_month('2026-01-01');

-- Of events that fit one step each, by the query of a simple plan. Times are microseconds.
create function pg_temp.follow(p_window integer, p_count integer)
returns table (person_id bigint, path bigint[], reached integer, last_start bigint)
language plpgsql
as $$
declare
    v_start constant timestamptz := '2026-01-01 00:00+00';
    v_plan constant jsonb := growth.plan_funnel(
        (select jsonb_agg(jsonb_build_object('name', n::text) order by n) from generate_series(1, p_count) as n), v_start,
        v_start + interval '1 day', p_window * interval '1 microsecond', 'ordered', null, '[]'
    );
begin
    assert (v_plan -> 'is_simple')::boolean;
    return query execute format(
        'select f.person_id, array(select u.at - $7 from unnest(f.path) with ordinality as u (at, n) order by u.n), f.reached, '
        'f.last_start - $7 from (%s) as f',
        growth.write_funnel(v_plan)
    )
    using
        (select t.a from t), null::bigint, null::bigint, v_start, v_start + interval '1 day',
        (v_plan ->> 'until')::timestamptz, growth.to_micros(v_start);
end;
$$;
create function pg_temp.path(p_window integer, p_events integer[][])
returns bigint[]
language plpgsql
as $$
begin
    delete from growth.event as e where e.account_id = (select t.a from t);
    insert into growth.event (account_id, person_id, event_at, event_id, name)
    select t.a, 1, timestamptz '2026-01-01 00:00+00' + p_events[i][1] * interval '1 microsecond', gen_random_uuid(), p_events[i][2]
    from t, generate_subscripts(p_events, 1) as i
    order by i;
    return (select f.path from pg_temp.follow(p_window, 3) as f);
end;
$$;
select is(pg_temp.path(10, '{{0,1},{3,2},{7,3}}'), '{0,3,7}', 'all steps');
select is(pg_temp.path(10, '{{7,3},{0,1},{3,2}}'), '{0,3,7}', 'in any order of arrival');
select is(pg_temp.path(10, '{{0,1},{2,1},{3,2},{4,2}}'), '{2,3}', 'the attempt that began last, and its first event of a step');
select is(pg_temp.path(5, '{{0,1},{3,2},{6,3},{7,1},{9,2},{12,3}}'), '{7,9,12}', 'the end of the window belongs to it');
select is(pg_temp.path(4, '{{0,1},{3,2},{6,3},{7,1},{9,2},{12,3}}'), '{0,3}', 'of attempts as far, the first');
select is(pg_temp.path(10, '{{5,2},{6,1},{8,1}}'), '{6}', 'step 1 alone: the first');
select is(pg_temp.path(10, '{{5,2}}'), null, 'no step 1');
select is(pg_temp.path(10, '{{4,3},{4,2},{4,1}}'), '{4,4,4}', 'a moment has the order of steps');

-- The general way gives the same path; 2000 random histories.
select setseed(0.25);
create temp table history as
select p.person, array_agg(e.at) as times, array_agg(e.step) as steps
from generate_series(1, 2000) as p (person)
cross join lateral (
    select floor(random() * 30)::bigint as at, 1 + floor(random() * 4)::integer as step
    from generate_series(1, 1 + floor(random() * 12 + p.person * 0)::integer)
) as e
group by p.person;
delete from growth.event as e where e.account_id = (select t.a from t);
insert into growth.event (account_id, person_id, event_at, event_id, name)
select t.a, h.person, timestamptz '2026-01-01 00:00+00' + u.at * interval '1 microsecond', gen_random_uuid(), u.step
from t, history as h, unnest(h.times, h.steps) as u (at, step);
select is(
    (
        select count(*)
        from generate_series(1, 4) as c (count)
        cross join history as h
        cross join lateral (
            select
                growth.trace_funnel(
                    8, array_agg(u.at), array_agg(1 << u.step - 1), c.count, '{strict_once}'
                ) as path,
                max(u.at) filter (where u.step = 1) as last_start
            from unnest(h.times, h.steps) as u (at, step)
            where u.step <= c.count
        ) as g
        left join (
            select n as count, f.* from generate_series(1, 4) as n cross join lateral pg_temp.follow(8, n) as f
        ) as f on f.count = c.count and f.person_id = h.person
        where (coalesce(f.path, '{}'), coalesce(f.reached, 0), f.last_start)
            is distinct from (coalesce(g.path, '{}'), coalesce(cardinality(g.path), 0), g.last_start)
    ), 0::bigint, 'the fast way is the general way, for 1 to 4 steps'
);
select cmp_ok((
    select count(*) from history as h
    where cardinality(growth.trace_funnel(8, h.times, array(select 1 << (s - 1) from unnest(h.steps) as s), 4)) = 4
), '>', 50::bigint, 'with long paths among them');

-- Strict: the very next event. Masks: 1, 2, 4 are steps 1 to 3, 0 is another event.
select is(growth.trace_funnel(10, '{0,1,2}', '{1,2,4}', 3, p_is_strict => true), '{0,1,2}', 'one directly after the other');
select is(growth.trace_funnel(10, '{0,1,2,3}', '{1,0,2,4}', 3, p_is_strict => true), '{0}', 'another event between ends the attempt');
select is(growth.trace_funnel(10, '{0,1,2,3,4}', '{1,0,1,2,4}', 3, p_is_strict => true), '{2,3,4}', 'and the next one may succeed');

-- Optional steps.
select is(growth.trace_funnel(10, '{0,2}', '{1,4}', 3, p_optional => 2), '{0,NULL,2}', 'step 2 was left out');
select is(growth.trace_funnel(10, '{0,1,2}', '{1,2,4}', 3, p_optional => 2), '{0,1,2}', 'or was not');
select is(growth.trace_funnel(10, '{0,1,5,6}', '{1,2,1,4}', 3, p_optional => 2), '{5,NULL,6}', 'the attempt that began last goes on');

-- Exclusions: bit 0 is an exclusion after step 1.
select is(growth.trace_excluding(10, '{0,1,2}', '{1,0,2}', 2, '{}', 0, '{0,1,0}'), '{NULL}', 'kept back by an exclusion alone');
select is(growth.trace_excluding(10, '{0,1,2,3}', '{1,0,1,2}', 2, '{}', 0, '{0,1,0,0}'), '{2,3}', 'another attempt without one is as good');
select is(growth.trace_excluding(10, '{0,2,2}', '{1,0,2}', 2, '{}', 0, '{0,1,0}'), '{0,2}',
    'at the moment of the next step it is too late');

-- Any order.
select is(growth.trace_unordered(10, '{0,5,7,30}', '{4,1,4,2}', 3, 100), '{0,5}', 'different steps within a window');
select is(growth.trace_unordered(10, '{0,5,20,22,23}', '{4,1,4,2,1}', 3, 20), '{0,5}', 'which must begin before the end of the range');
-- Half a minute, if every event were tried for a step that never comes.
set local statement_timeout = '10s';
select is(
    growth.trace_unordered(1000000, array(select n::bigint from generate_series(1, 40000) as n), array_fill(1, array[40000]), 2, 1000000),
    '{1}', 'a step that never comes costs nothing'
);

select * from finish();
rollback;
