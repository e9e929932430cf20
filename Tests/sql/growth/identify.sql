-- Who is meant by the identifiers of events.
begin;
select plan(20);

select core.set_test_clock('2026-11-21 12:00:00+00');
select growth.make_partitions();
create temp table t on commit drop as select test.make_account('A') as a, (identity.upsert_user('ada@example.com')).user_id as ada;
create function pg_temp.send(p_user text, p_anonymous text) returns void language sql as $$
    select growth.ingest_events(t.a, jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
        'id', gen_random_uuid(), 'name', 'visit', 'user_id', p_user, 'anonymous_id', p_anonymous
    )))) from t
$$;
create function pg_temp.person(p_identifier text, p_is_anonymous boolean default false) returns bigint language sql as $$
    select i.person_id from growth.identifier as i, t
    where i.account_id = t.a and i.identifier = p_identifier and i.is_anonymous = p_is_anonymous
$$;

select pg_temp.send('u1', null), pg_temp.send(null, 'u1');
select isnt(pg_temp.person('u1'), pg_temp.person('u1', true), 'the same text as a user_id and as an anonymous_id are two names');
select is((growth.find_persons(a, '{u1,null,u1,u9}', '{null,u1,u1,null}')), array[pg_temp.person('u1'), pg_temp.person('u1', true), pg_temp.person('u1'), null], 'the user comes first') from t;

-- An anonymous person becomes a user.
select pg_temp.send(null, 'x');
create temp table p on commit drop as select pg_temp.person('x', true) as x;
select pg_temp.send('new', 'x');
select is(pg_temp.person('new'), p.x, 'a new user is the anonymous person it was') from p;
select pg_temp.send(null, 'y');
select pg_temp.send('new', 'y');
select is(pg_temp.person('y', true), p.x, 'another one is merged into it') from p;
select is((select count(*) from growth.event as e, t, p where e.account_id = t.a and e.person_id = p.x), 4::bigint, 'with its events');
select pg_temp.send('other', 'y');
select isnt(pg_temp.person('other'), p.x, 'who is a user already is not merged into another') from p;
select is(pg_temp.person('y', true), p.x, 'and keeps its anonymous name') from p;
select is((select count(*) from growth.event as e, t where e.account_id = t.a and e.person_id = pg_temp.person('other')), 1::bigint, 'the event is the user''s');
select pg_temp.send('other', 'z');
select is(pg_temp.person('z', true), pg_temp.person('other'), 'a new anonymous name is the user''s');

-- Users of this deployment.
select core.set_caller(null, null, null, null, null, null, null);
select set_config('levqor.machinery', 'on', true);
select pg_temp.send(core.show_id('user', ada), null) from t;
select is(o.user_id, t.ada, 'a person whose identifier is a user''s id is that user') from growth.person as o, t where o.person_id = pg_temp.person(core.show_id('user', t.ada));
select pg_temp.send(ada::text, null) from t;
select is(pg_temp.person(ada::text), pg_temp.person(core.show_id('user', ada)), 'in each form of the id') from t;
select is(growth.user_of('ada'), null, 'other names are no user');
select is(growth.user_of(gen_random_uuid()::text), null, 'nor is the id of nobody');

-- Two forms at once, and one after an anonymous person under the other.
create temp table b on commit drop as
select (identity.upsert_user('bea@example.com')).user_id as bea, (identity.upsert_user('cy@example.com')).user_id as cy;
select growth.ingest_events(t.a, jsonb_build_array(
    jsonb_build_object('id', 'f1', 'name', 'visit', 'user_id', b.bea), jsonb_build_object('id', 'f2', 'name', 'visit', 'user_id', core.show_id('user', b.bea))
)) from t, b;
select is(pg_temp.person(core.show_id('user', bea)), pg_temp.person(bea::text), 'in two forms in one batch') from b;
select pg_temp.send(cy::text, null), pg_temp.send(null, 'c') from b;
select pg_temp.send(core.show_id('user', cy), 'c') from b;
select is(
    array[pg_temp.person(core.show_id('user', cy)), pg_temp.person('c', true)], array[pg_temp.person(cy::text), pg_temp.person(cy::text)],
    'and when an anonymous person is named in the other'
) from b;

-- An anonymous id that two users have: its person is the first, and so are its times.
select growth.ingest_events(a, '[
    {"id": "t1", "name": "visit", "user_id": "first", "anonymous_id": "shared", "event_at": "2026-11-10T00:00:00Z"},
    {"id": "t2", "name": "visit", "user_id": "second", "anonymous_id": "shared", "event_at": "2026-11-05T00:00:00Z"}]') from t;
select growth.ingest_events(a, '[{"id": "t3", "name": "visit", "anonymous_id": "shared", "event_at": "2026-11-07T00:00:00Z"}]') from t;
select is(o.first_event_at, '2026-11-07 00:00:00+00', 'an earlier event under a shared name is the first') from growth.person as o where o.person_id = pg_temp.person('first');

-- Without the lock persons are not merged.
select pg_temp.send(null, 'm');
select throws_ok(
    format($$select growth.resolve_persons(%L, '{new}', '{m}', '{2026-11-21}', false)$$, a), 'LQUND', 'persons turn out to be one', 'who has not the account alone is told'
) from t;
select is(growth.resolve_persons(a, '{new,null}', '{m,k}', '{2026-11-21,2026-11-20}', true), array[p.x, pg_temp.person('k', true)], 'who has it gets the persons') from t, p;
select is(growth.add_identifiers(a, true, '{k}', array[null::bigint], '{2026-11-21}'), 0::bigint, 'an identifier that is there is not added') from t;
select is_empty(
    $$select from growth.person as o, t where o.account_id = t.a and not exists (
        select from growth.identifier as i where i.account_id = o.account_id and i.person_id = o.person_id
    )$$,
    'and nobody is left without a name'
);

select * from finish();
rollback;
