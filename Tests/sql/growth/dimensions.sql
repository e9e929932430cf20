-- Dimensions: chosen, counted, given up.
begin;
select plan(24);

select core.set_test_clock('2026-11-21 12:00:00+00');
select growth.make_partitions();
create temp table t on commit drop as select test.make_account('A') as a;
select is((growth.find_dimension(a, 'source')).is_counted, false, 'source is there for everybody') from t;
select throws_ok(format('select growth.find_dimension(%L, %L)', a, 'plan'), 'LQ404', 'no such dimension') from t;
select is((growth.add_dimension(a, 'plan', p_path => '{user,plan}')).path, '{user,plan}', 'a place in the properties') from t;
select is((growth.add_dimension(a, 'event', 'name')).column_name, 'name', 'a column') from t;
select throws_ok(format('select growth.add_dimension(%L, %L, %L)', a, 'plan', 'source'), 'LQ409', 'there is a dimension of this name') from t;
select throws_ok(format('select growth.add_dimension(%L, %L, %L)', gen_random_uuid(), 'plan', 'source'), 'LQ404', 'no such account');
select throws_ok(format('select growth.add_dimension(%L, %s)', a, c.arguments), 'LQ422', 'that is no dimension', c.arguments)
from t, (values
    ('null, ''source'''), ('''Plan'', ''source'''), ('''x'', ''person_id'''), ('''x'''), ('''x'', ''source'', ''{a}'''), ('''x'', null, ''{}'''),
    ('''x'', null, ''{a,null}'''), ('''x'', null, ''{1,2,3,4,5,6,7,8,9}''')
) as c (arguments);

select growth.ingest_events(a, jsonb_build_array(
    '{"id": "1", "name": "visit", "user_id": "u", "event_at": "2026-11-20T10:00:00Z", "properties": {"user": {"plan": "pro"}}}'::jsonb,
    '{"id": "2", "name": "visit", "user_id": "u", "event_at": "2026-11-20T11:00:00Z", "properties": {"user": "none"}}'::jsonb,
    '{"id": "3", "name": "paid", "user_id": "u", "event_at": "2026-11-19T10:00:00Z", "properties": {"user": {"plan": {"a": 1}}}}'::jsonb,
    jsonb_build_object('id', '4', 'name', 'visit', 'user_id', 'v', 'event_at', '2026-11-20T10:00:00Z', 'properties',
        jsonb_build_object('user', jsonb_build_object('plan', repeat('x', 300))))
)) from t;
create function pg_temp.told(p_dimension text) returns text language sql as $$
    select string_agg(concat_ws(' ', left(d.value, 9), length(d.value), d.dau), ', ' order by d.day, d.value)
    from t, growth.activity_by_day(t.a, '2026-11-19', '2026-11-20', p_dimension) as d
    where d.dau > 0
$$;
select is(pg_temp.told('plan'), '{"a": 1} 8 1,  0 1, pro 3 1, xxxxxxxxx 200 1', 'values are text, cut to 200 characters, empty where there is none');
select growth.roll_up(a), growth.count_dimension_step(a, 'plan'), growth.count_dimension_step(a, 'event') from t;
select is(pg_temp.told('plan'), '{"a": 1} 8 1,  0 1, pro 3 1, xxxxxxxxx 200 1', 'and the same when they are counted');
select is(pg_temp.told('event'), 'paid 4 1, visit 5 2', 'by name');
select is((select count(*) from growth.dimension as d, t where d.account_id = t.a and d.is_counted), 2::bigint, 'both are counted');

-- A merge takes the bitmaps along, for months whose events are gone.
create temp table p on commit drop as
select min(p.person_id) as u, max(p.person_id) as v from growth.person as p, t where p.account_id = t.a;
insert into growth.dimension_activity (account_id, dimension, person_id, month, value, days)
select t.a, 'plan', p.u, '2020-01-01'::date, 'pro', 3 from t, p union all select t.a, 'plan', p.v, '2020-01-01', 'pro', 6 from t, p;
select is(growth.merge_dimension_activity(t.a, p.v, p.u), 3::bigint, 'bitmaps are moved') from t, p;
select is((select k.days from growth.dimension_activity as k, t, p where k.account_id = t.a and k.person_id = p.u and k.month = '2020-01-01'), 7, 'and made one');

select cmp_ok(growth.remove_dimension(a, 'plan'), '>', 0::bigint, 'given up') from t;
select is((select count(*) from growth.dimension_activity as k, t where k.account_id = t.a and k.dimension = 'plan'), 0::bigint, 'its bitmaps go');
select throws_ok(format('select growth.remove_dimension(%L, %L)', a, 'plan'), 'LQ404', 'no such dimension') from t;
select growth.roll_up(a) from t;
select is(pg_temp.told('event'), 'paid 4 1, visit 5 2', 'the other stays');
select * from finish();
rollback;
