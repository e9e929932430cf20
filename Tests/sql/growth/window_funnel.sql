-- How far somebody came along a chain of steps. Tests/clients/check_funnel.py compares the same with ClickHouse, at random.
begin;
select plan(30);

-- A history as text: step letters at seconds. "a0 b5 -7" is step 1 at 0, step 2 at 5, and an event of no step at 7; "ab3" fits both.
create function pg_temp.level(p_history text, p_window integer, p_modes text[] default '{}', p_count integer default 3)
returns integer
language sql
as $$
    select growth.fold_window_funnel(
        make_interval(secs => p_window),
        array_agg(timestamptz '2026-01-01 00:00+00' + make_interval(secs => substring(e.event, '[0-9]+$')::integer) order by e.n),
        array_agg((
            select coalesce(sum(1 << ascii(l.letter) - 97), 0)::integer
            from regexp_split_to_table(substring(e.event, '^[a-z]*'), '') as l (letter)
            where l.letter <> ''
        ) order by e.n),
        p_modes, p_count
    )
    from regexp_split_to_table(p_history, ' ') with ordinality as e (event, n)
$$;

select is(pg_temp.level('a0 b5 c10', 10), 3, 'the end of the window belongs to it');
select is(pg_temp.level('a0 b5 c11', 10), 2, 'and nothing after it');
select is(pg_temp.level('b0 a1 c2', 10), 1, 'steps out of order do not count');
select is(pg_temp.level('b0 c2', 10), 0, 'without step 1 there is no level');
select is(pg_temp.level('a0 a8 b9 c12', 5), 3, 'a later start counts');
select is(pg_temp.level('a0 b1 a8 c9', 5), 2, 'a later start does not take what an earlier one reached');
select is(pg_temp.level('c4 b4 a4', 0), 3, 'events of one moment are taken in the order of steps');
select is(pg_temp.level('abc4', 0), 3, 'by default one event serves several steps');
select is(pg_temp.level('abc4', 0, '{strict_once}'), 1, 'once, it serves one');
select is(pg_temp.level('abc4 abc4', 0, '{strict_once}'), 2, 'and two of them serve two');
select is(pg_temp.level('ab4 a4 bc4', 0, '{strict_once}'), 3, 'the events of a moment are dealt out to the best');
select is(pg_temp.level('a0 -1 b2', 10, '{strict_order}'), 1, 'in order, an event of no step ends it');
select is(pg_temp.level('-0 a1 b2', 10, '{strict_order}'), 2, 'but not before it began');
select is(pg_temp.level('a0 c1 b2', 10, '{strict_order}'), 1, 'and so does a step that is not to come yet');
select is(pg_temp.level('a0 c1 b2 c3', 10, '{strict_order,allow_reentry}'), 3, 'unless reentry is allowed');
select is(pg_temp.level('a0 b1 b2 c3', 10, '{strict_deduplication}'), 2, 'a step that comes again ends it');
select is(pg_temp.level('a0 b0 c1', 10, '{strict_increase}'), 1, 'a later step must have a later time');
select is(pg_temp.level('a0 b1 c2', 10, '{strict_increase}'), 3, 'which it has here');
select is(pg_temp.level('a0', 10, '{}', 1), 1, 'a funnel of one step');

select is(growth.fold_window_funnel('1 day', '{}', '{}'), 0, 'no events, no level');
select is(growth.fold_window_funnel('1 day', array[timestamptz '2026-01-01'], array[1 << 31], p_count => 32), 0, 'there may be 32 steps');
select throws_ok($$select growth.fold_window_funnel('1 day', '{}', '{}', '{strict}')$$, 'LQ422', 'unknown mode of a funnel',
    'a mode that is none');
select throws_ok(
    $$select growth.fold_window_funnel('1 day', '{}', '{}', '{allow_reentry}')$$, 'LQ422', 'allow_reentry needs strict_order', 'half a mode'
);
select throws_ok(
    $$select growth.fold_window_funnel('1 month', '{}', '{}')$$, 'LQ422', 'the window of a funnel must be between 0 and 3650 days',
    'a month has no length'
);
select throws_ok(
    $$select growth.fold_window_funnel('1 day', array[now()], '{}')$$, 'LQ422', 'each time needs its set of steps', 'arrays that do not fit'
);

-- The aggregates.
create temp table event as
select e.person, timestamptz '2026-01-01 00:00+00' + make_interval(mins => e.at) as at, e.name
from (values (1, 0, 'visit'), (1, 5, 'signup'), (1, 9, 'paid'), (2, 3, 'signup'), (2, 4, 'visit'), (3, 1, 'other')) as e (person, at, name);
select results_eq(
    $$select e.person, growth.window_funnel('5 minutes', '{}', e.at, e.name = 'visit', e.name = 'signup', e.name = 'paid')
    from event as e group by e.person order by e.person$$,
    'values (1, 2), (2, 1), (3, 0)', 'over rows, in any order'
);
select is(
    (select growth.window_funnel('5 minutes', '{}', e.at, e.name = 'visit', null) from event as e where false), 0, 'over no rows'
);
select results_eq(
    $$select e.person, growth.retention_flags(e.name = 'visit', e.name = 'paid', e.name = 'signup') from event as e
    group by e.person order by e.person$$,
    $$values (1, '{t,t,t}'::boolean[]), (2, '{t,f,t}'), (3, '{f,f,f}')$$, 'retention: nothing without the first condition'
);
select volatility_is(
    'growth', 'fold_window_funnel', array['interval', 'timestamp with time zone[]', 'integer[]', 'text[]', 'integer'], 'stable',
    'it reads only'
);
select is(growth.from_micros(growth.to_micros('2026-07-01 12:34:56.123457+00')), '2026-07-01 12:34:56.123457+00', 'microseconds stay');

select * from finish();
rollback;
