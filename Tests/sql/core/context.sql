begin;
select plan(35);

create function pg_temp.context() returns jsonb language sql as $$
    select jsonb_build_object(
        'account', core.current_account(), 'user', core.current_user_id(), 'key', core.current_key(),
        'request', core.current_request(), 'address', core.current_address(), 'machinery', core.is_machinery(),
        'sees_all', core.sees_all(), 'scope', core.has_scope('platform')
    )
$$;
select is(
    pg_temp.context() - 'machinery' - 'sees_all' - 'scope',
    '{"account": null, "user": null, "key": null, "request": null, "address": null}'::jsonb, 'outside of a request nobody calls'
);
select is(core.is_machinery(), false, 'and nothing is the machinery');

select core.set_caller(
    '01a1fe28-d477-77f6-a72a-000000000001', '01a1fe28-d477-77f6-a72a-000000000002', '01a1fe28-d477-77f6-a72a-000000000003',
    '{platform,admin}', '192.0.2.1', 'agent', 'req_1', true
);
select is(
    pg_temp.context(),
    '{"account": "01a1fe28-d477-77f6-a72a-000000000001", "user": "01a1fe28-d477-77f6-a72a-000000000002",
      "key": "01a1fe28-d477-77f6-a72a-000000000003", "request": "req_1", "address": "192.0.2.1", "machinery": false,
      "sees_all": true, "scope": true}'::jsonb, 'a caller is set'
);
select is(core.has_scope('jobs:read'), false, 'with the scopes it has');
select is(core.current_actor(), 'user_01a1fe28d47777f6a72a000000000002', 'a user acts as a user');
select core.set_caller(null, null, '01a1fe28-d477-77f6-a72a-000000000003', null, null, null, 'req_2');
select is(
    pg_temp.context(),
    '{"account": null, "user": null, "key": "01a1fe28-d477-77f6-a72a-000000000003", "request": "req_2", "address": null,
      "machinery": false, "sees_all": false, "scope": false}'::jsonb, 'the next one overwrites all of it'
);
select is(core.current_actor(), 'key_01a1fe28d47777f6a72a000000000003', 'a key acts as a key');
select core.set_caller(null, null, null, null, null, null, 'req_3');
select is(core.current_actor(), 'anonymous', 'without a key somebody is anonymous');
select core.set_caller(null, null, null, null, null, null, null);
select is(core.current_actor(), 'role:' || session_user, 'in psql it is the login');

-- The machinery.
select core.set_caller('01a1fe28-d477-77f6-a72a-000000000001', null, null, '{platform}', null, null, 'req_4');
select core.enter_machinery();
select is(core.is_machinery(), true, 'an entry point enters the machinery');
select is(core.sees_all(), true, 'which sees all');
select is(core.current_account(), null, 'and has no caller');
select core.set_caller(null, null, null, null, null, null, null);
select is(core.is_machinery(), false, 'a caller ends it');

-- Who acts when the clock does: what its task gives is kept with the run. Another login works for the server by its role.
create role context_login;
grant levqor_server to context_login;
grant execute on function schedule.run_due() to context_login;
update schedule.task set is_enabled = false;
insert into schedule.task (name, function, every, description)
values ('tell-actor', 'core.current_actor', '1 second', 'tells who acts');
create function pg_temp.actor() returns text language sql security definer as 'select core.current_actor()';
create function pg_temp.last_actor() returns text language sql as $$
    select r.result from schedule.run as r where r.task = 'tell-actor' order by r.slot desc limit 1
$$;

select core.set_test_clock('2031-01-01 12:00:00+00');
set local session authorization context_login;
set local role levqor_server;
select is(array_agg(r.outcome), '{succeeded}', 'a login runs the clock as the server') from schedule.run_due() as r;
reset session authorization;
select is(pg_temp.last_actor(), 'system', 'and the system acts');

select core.set_test_clock('2031-01-01 12:00:01+00');
set local session authorization levqor_server;
select is(array_agg(r.outcome), '{succeeded}', 'the server''s own login runs the clock') from schedule.run_due() as r;
reset session authorization;
select is(pg_temp.last_actor(), 'system', 'and the system acts too');

select core.set_test_clock('2031-01-01 12:00:02+00');
set local session authorization context_login;
select is(array_agg(r.outcome), '{succeeded}', 'the login runs the clock in its own name') from schedule.run_due() as r;
reset session authorization;
select is(pg_temp.last_actor(), 'role:context_login', 'and is named');

select core.set_caller(null, null, null, null, null, null, null);
set local session authorization context_login;
set local role levqor_server;
select is(pg_temp.actor(), 'role:context_login', 'outside of the machinery the role makes nobody the system');
reset session authorization;
select core.set_caller(null, null, null, null, null, null, 'req_5');
set local session authorization context_login;
set local role levqor_server;
select is(pg_temp.actor(), 'anonymous', 'nor in a request');
reset session authorization;
select core.set_caller(null, null, null, null, null, null, null);
set local role levqor_owner;
select set_config('levqor.machinery', 'on', true);
select is(core.current_actor(), 'role:' || session_user, 'who works as the owner in psql is named');
reset role;
select core.set_caller(null, null, null, null, null, null, null);
select core.set_test_clock(null);

-- What an account sees.
select test.make_account('A') as a, test.make_account('B') as b \gset
select keys.create_key(:'a', 'of A'), keys.create_key(:'b', 'of B');
set local role levqor_owner;
select test.act_for(:'a');
select is((select array_agg(k.name) from keys.api_key as k), '{"of A"}', 'an account sees its rows');
select throws_ok(
    format('insert into keys.api_key (account_id, name, hash) values (%L, %L, sha256(%L))', :'b', 'x', 'x'), '42501',
    'new row violates row-level security policy for table "api_key"', 'and writes none for another'
);
with changed as (update keys.api_key set name = 'taken' returning id) select is(count(*), 1::bigint, 'nor changes one') from changed;
select test.act_for(null);
select is((select count(*) from keys.api_key as k), 0::bigint, 'nobody sees none');
select set_config('levqor.machinery', 'on', true);
select is((select count(*) from keys.api_key as k), 2::bigint, 'the machinery sees all');
reset role;
set local role levqor_dba;
select set_config('levqor.machinery', 'off', true);
select is((select count(id) from keys.api_key as k), 2::bigint, 'the dba reads all');
select throws_ok('select hash from keys.api_key', '42501', null, 'but no hash');
select throws_ok('select from limits.bucket', '42501', 'permission denied for table bucket', 'and no hot table');
select throws_ok('update keys.api_key set name = name', '42501', null, 'and changes nothing');
reset role;

-- Hints.
select core.enter_machinery();
select core.hint('one'), core.hint('two', 3);
select is(core.take_hints(), array[E'one\t1', E'two\t3'], 'hints are collected');
select is(core.take_hints(), '{}', 'and taken once');
select core.hint('one', 2), core.hint_all(array['two', 'three']), core.hint_all('{}'), core.hint_all(null);
select is(core.take_hints(), array[E'one\t2', E'two\t1', E'three\t1'], 'also many at once');
select core.set_caller(null, null, null, null, null, null, 'req_5');
select core.hint('three');
select core.set_caller(null, null, null, null, null, null, 'req_6');
select is(core.take_hints(), '{}', 'another call has none of them');

select * from finish();
rollback;
