-- The persons behind a funnel's figures.
begin;
select plan(9);
create temp table t on commit drop as select test.make_account('A') as a;
select growth.make_month('2026-01-01');
select core.set_test_clock('2026-01-02 00:00+00');
insert into growth.person (account_id, person_id) overriding system value select t.a, n from t, generate_series(1, 5) as n;
insert into growth.event (account_id, person_id, event_at, event_id, name)
select t.a, e.person, timestamptz '2026-01-01 00:00+00' + make_interval(mins => e.at), gen_random_uuid(), e.name
from t, (values
    (1, 0, 'visit'), (1, 3, 'signup'), (1, 5, 'paid'), (2, 1, 'visit'), (2, 2, 'signup'), (3, 7, 'visit'), (4, 8, 'visit'), (4, 9, 'help'),
    (4, 10, 'signup'), (5, 1430, 'visit')
) as e (person, at, name);

create function pg_temp.persons(p_outcome text, p_step integer default null, p_after bigint default null, p_limit integer default 100)
returns text
language sql
as $$
    select string_agg(concat_ws(' ', p.person_id, p.outcome, p.step, p.name, to_char(p.entered_at at time zone 'UTC', 'HH24:MI'),
        to_char(p.reached_at at time zone 'UTC', 'HH24:MI')), ', ' order by p.person_id)
    from t, growth.funnel_persons(
        t.a, '[{"name": "visit"}, {"name": "signup"}, {"name": "paid"}]', '2026-01-01 00:00+00', '2026-01-02 00:00+00', '30 minutes',
        p_exclusions => '[{"name": "help", "after_step": 1}]', p_outcome => p_outcome, p_step => p_step, p_after => p_after,
        p_limit => p_limit
    ) as p
$$;
select is(pg_temp.persons('dropped'), '2 dropped 2 signup 00:01 00:02, 3 dropped 1 visit 00:07 00:07', 'who stopped where, and when');
select is(pg_temp.persons('dropped', 1), '3 dropped 1 visit 00:07 00:07', 'on one step');
select is(pg_temp.persons('converted'), '1 converted 3 paid 00:00 00:05', 'who went through');
select is(pg_temp.persons('excluded'), '4 excluded 1 visit', 'who was kept back');
select is(pg_temp.persons('incomplete'), '5 incomplete 1 visit 23:50 23:50', 'whose window is open');
select is(
    pg_temp.persons('any', p_limit => 2) || ' | ' || pg_temp.persons('any', p_after => 2, p_limit => 2),
    '1 converted 3 paid 00:00 00:05, 2 dropped 2 signup 00:01 00:02 | 3 dropped 1 visit 00:07 00:07, 4 excluded 1 visit', 'in pages'
);
select results_eq(
    $$select f.step, f.dropped, f.incomplete, f.excluded from t, growth.funnel(
        t.a, '[{"name": "visit"}, {"name": "signup"}, {"name": "paid"}]', '2026-01-01 00:00+00', '2026-01-02 00:00+00', '30 minutes',
        p_exclusions => '[{"name": "help", "after_step": 1}]'
    ) as f order by f.step$$,
    'values (1, 1::bigint, 1::bigint, 1::bigint), (2, 1, 0, 0), (3, 0, 0, 0)', 'as many as the funnel counts'
);
select throws_ok($$select pg_temp.persons('lost')$$, 'LQ422', 'unknown outcome', 'an outcome that is none');
select throws_ok($$select pg_temp.persons('any', p_limit => 0)$$, 'LQ422', 'the limit must be between 1 and 10000', 'a page of nothing');

select * from finish();
rollback;
