-- When each step was done. The levels are compared with ClickHouse by Tests/clients/check_funnel.py.
begin;
select plan(22);

-- Of events that fit one step each: time and step.
create function pg_temp.pack(p_events integer[][])
returns bigint[]
language sql
as $$
    select array_agg(p_events[i][1]::bigint * 32 + p_events[i][2] order by i) from generate_subscripts(p_events, 1) as i
$$;
select is(growth.trace_steps(10, 3, pg_temp.pack('{{0,1},{3,2},{7,3}}')), '{0,3,7}', 'all steps');
select is(growth.trace_steps(10, 3, pg_temp.pack('{{7,3},{0,1},{3,2}}')), '{0,3,7}', 'in any order of rows');
select is(growth.trace_steps(10, 3, pg_temp.pack('{{0,1},{2,1},{3,2},{4,2}}')), '{2,3}',
    'the attempt that began last, and its first event of a step');
select is(growth.trace_steps(5, 3, pg_temp.pack('{{0,1},{3,2},{6,3},{7,1},{9,2},{12,3}}')), '{7,9,12}',
    'the end of the window belongs to it');
select is(growth.trace_steps(4, 3, pg_temp.pack('{{0,1},{3,2},{6,3},{7,1},{9,2},{12,3}}')), '{0,3}', 'of attempts as far, the first');
select is(growth.trace_steps(10, 3, pg_temp.pack('{{5,2},{6,1},{8,1}}')), '{6}', 'step 1 alone: the first');
select is(growth.trace_steps(10, 3, pg_temp.pack('{{5,2}}')), '{}', 'no step 1');
select is(growth.trace_steps(10, 3, pg_temp.pack('{{4,3},{4,2},{4,1}}')), '{4,4,4}', 'a moment has the order of steps');

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
select is(
    (
        select count(*)
        from history as h
        where growth.trace_steps(8, 4, array(select u.at * 32 + u.step from unnest(h.times, h.steps) as u (at, step)))
            is distinct from growth.trace_funnel(8, h.times, array(select 1 << (s - 1) from unnest(h.steps) as s), 4, '{strict_once}')
    ), 0::bigint, 'the fast way is the general way'
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
