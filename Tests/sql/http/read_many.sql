-- Reads on a replica: the guard on the primary, the function there. Both are this database here.
begin;
select plan(36);

set local role levqor_owner;
create table api.replica_row (id integer primary key);
create function api.try_read(p_id integer, p_state text default null) returns http.response language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
    if p_state is not null then
        raise exception using errcode = p_state, message = 'secret inside', detail = 'secret detail';
    end if;
    return http.json(200, jsonb_build_object('id', p_id, 'account', core.current_account(), 'key', core.current_key() is not null,
        'request', core.current_request(), 'address', host(core.current_address()), 'agent', current_setting('levqor.user_agent'),
        'machinery', core.is_machinery(), 'sees_all', core.sees_all(), 'scopes', current_setting('levqor.scopes'),
        'read_only', current_setting('transaction_read_only'), 'accounts', (select count(*) from identity.account)), '{"X-By": "door"}');
end;
$$;
create function api.try_write(p_id integer) returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    insert into api.replica_row (id) values (p_id);
    return http.no_content();
end;
$$;
create function api.try_nothing() returns http.response language sql stable security definer
set search_path = pg_catalog, pg_temp as 'select null::http.response';
select http.register_route('GET', '/try/read', 'api.try_read', p_domain => 'http', p_limit_class => 'tried', p_is_metered => true,
    p_parameters => '{"id": {"type": "integer"}}');
select http.register_route('GET', '/try/write', 'api.try_write', p_domain => 'http', p_parameters => '{"id": {"type": "integer"}}');
select http.register_route('GET', '/try/nothing', 'api.try_nothing', p_domain => 'http');
select http.register_route('GET', '/try/primary', 'api.try_read', p_domain => 'http', p_parameters => '{"id": {"type": "integer"}}');
reset role;
update http.route set reads_replica = true where path in ('/try/read', '/try/write', '/try/nothing');
insert into limits.policy (name, scope, route_class, quota, burst, window_seconds) values ('tried', 'key', 'tried', 60, 30, 60);
select core.set_test_clock('2031-01-01 12:00:00+00');
select test.make_account('A') as a, test.make_account('B') as b \gset
select test.make_key(:'a') as key_a, test.make_key(:'b') as key_b, test.make_key(null, '{platform}') as key_p \gset
create function pg_temp.get(p_path text, p_key text, p_context jsonb default '{}') returns jsonb language sql as $$
    select jsonb_build_object('method', 'GET', 'path', p_path, 'key', p_key, 'address', '192.0.2.1', 'user_agent', 'agent', 'request_id', 'req_' || p_path,
        'context', '{"has_replica": true}'::jsonb || p_context)
$$;
-- What a server does: the handovers go to the replica.
create function pg_temp.read_there(p_handovers text[], p_parameters text[] default null) returns setof test.answer language plpgsql as $$
declare
    v_answers test.answer[];
begin
    perform set_config('role', 'levqor_server', true);
    select array_agg(row(r.call, r.outcome, r.status, r.headers::jsonb, nullif(r.body, '')::jsonb, r.body, r.hints, r.more::jsonb)::test.answer order by r.call)
    into v_answers
    from http.read_many(
        p_handovers, array_fill('agent'::text, array[cardinality(p_handovers)]),
        coalesce(p_parameters, array_fill('{"id": 7}'::text, array[cardinality(p_handovers)]))
    ) as r;
    perform set_config('role', 'none', true);
    perform core.set_caller(null, null, null, null, null, null, null);
    return query select a.* from unnest(v_answers) as a;
end;
$$;

-- The guard, on the primary.
create temp table asked as
select c.* from test.call_many(jsonb_build_array(
    pg_temp.get('/try/read?id=7', :'key_a'), pg_temp.get('/try/read?id=7', :'key_b'), pg_temp.get('/try/read?id=7', 'lvk_live_x'),
    pg_temp.get('/try/primary?id=7', :'key_a'), pg_temp.get('/try/read?id=7', :'key_p'),
    pg_temp.get('/try/read?id=7', :'key_p', jsonb_build_object('account', core.show_id('acct', :'b')))
)) as c;
select is(array_agg(coalesce(a.status::text, a.outcome) order by a.call), '{replica,replica,401,200,replica,replica}', 'reads of such routes are handed over')
from asked as a;
select is(u.used, 1::bigint, 'charged to the month') from quota.usage as u where u.account_id = :'a';
select is(a.headers, null, 'with no answer yet') from asked as a where a.call = 1;
select is(c.outcome || ' ' || (c.body ->> 'id'), 'done 7', 'a server without a replica gets its answer')
from test.call('GET', '/try/read?id=7', :'key_a') as c;
update http.route set reads_replica = false where path = '/try/read';
select is(c.outcome, 'done', 'and so does one with it when a DBA takes the route off')
from test.call('GET', '/try/read?id=7', :'key_a', null, null, '{"has_replica": true}') as c;
update http.route set reads_replica = true where path = '/try/read';
select throws_ok($$update http.route set reads_replica = true where method = 'POST' and path = '/api/v1/intake'$$, '23514', null, 'no route that writes is handed over');

-- The route has changed twice since: what was handed over before is sent back.
select is(array_agg(r.outcome), '{again,again,again,again}', 'another version of the route is the primary''s business')
from (select array_agg(a.raw order by a.call) as all from asked as a where a.outcome = 'replica') as a
cross join lateral pg_temp.read_there(a.all) as r;
update asked as a set raw = jsonb_set(a.raw::jsonb, '{version}', to_jsonb(r.version))::text
from http.route as r where r.path = '/try/read' and a.outcome = 'replica';

-- The function, there.
create temp table told as
select r.* from (select array_agg(a.raw order by a.call) as all from asked as a where a.outcome = 'replica') as a
cross join lateral pg_temp.read_there(a.all) as r;
select is(array_agg(t.call || ' ' || t.outcome || ' ' || t.status order by t.call), '{"1 done 200","2 done 200","3 done 200","4 done 200"}', 'each is answered, in order')
from told as t;
select is(
    t.body - 'scopes',
    jsonb_build_object('id', 7, 'account', :'a', 'key', true, 'request', 'req_/try/read?id=7', 'address', '192.0.2.1', 'agent', 'agent',
        'machinery', false, 'sees_all', false, 'read_only', 'on', 'accounts', 1), 'in the name of the caller, read-only, with one account in sight'
)
from told as t where t.call = 1;
select is((t.body ->> 'account') || ' ' || (t.body ->> 'accounts'), :'b' || ' 1', 'the next is the next') from told as t where t.call = 2;
select is(t.body ->> 'sees_all', 'true', 'a platform key sees all') from told as t where t.call = 3;
select is((t.body ->> 'account') || ' ' || (t.body ->> 'sees_all') || ' ' || (t.body ->> 'accounts'), :'b' || ' false 1', 'and only one when it names that one')
from told as t where t.call = 4;
select is(t.headers ->> 'X-By', 'door', 'with the door''s headers') from told as t where t.call = 1;
select is(t.headers ->> 'RateLimit', '"tried";r=29;t=1, "calls-per-month";r=999;t=2635200', 'and those of the limits, from the primary') from told as t where t.call = 1;
select is(t.more -> 'decision', '{"tier": "sandbox"}'::jsonb, 'what decided is told') from told as t where t.call = 1;
select is(t.more ->> 'account', :'a', 'and who it was') from told as t where t.call = 1;
select is(t.hints, '{}', 'a read gives no hints') from told as t where t.call = 1;
select is(
    (select t.body - 'accounts' from told as t where t.call = 1),
    (select c.body - 'accounts' from test.call_many(jsonb_build_array(pg_temp.get('/try/read?id=7', :'key_a', '{"has_replica": true}') #- '{context,has_replica}')) as c),
    'the primary answers the same'
);

-- Errors.
create temp table one as select array[a.raw] as all from asked as a where a.call = 1;
select is(r.status || ' ' || (r.body ->> 'detail'), '404 Secret inside. secret detail', 'an error of ours becomes its problem')
from one cross join lateral pg_temp.read_there(one.all, array['{"id": 7, "state": "LQ404"}']) as r;
select is(r.body ->> 'request_id', 'req_/try/read?id=7', 'with the request''s id')
from one cross join lateral pg_temp.read_there(one.all, array['{"id": 7, "state": "LQ404"}']) as r;
select is(r.status || ' ' || (r.body ->> 'detail'), '422 "x" is not known here.', 'arguments are looked at as ever')
from one cross join lateral pg_temp.read_there(one.all, array['{"id": 7, "x": 1}']) as r;
select is(r.outcome, 'again', 'what the replica can not do goes to the primary: ' || s.state)
from one cross join unnest('{40001,40P01,55P03,XX000,22012,LQ503}'::text[]) as s (state)
cross join lateral pg_temp.read_there(one.all, array[format('{"id": 7, "state": "%s"}', s.state)]) as r;
select is(
    array_agg(r.outcome || coalesce(' ' || r.status, '') order by r.call) filter (where r.call <> 2), '{"done 200","done 200"}', 'an error is its own call''s'
)
from one cross join lateral pg_temp.read_there(
    array[one.all[1], one.all[1], one.all[1]], '{"{\"id\": 7}","{\"id\": 7, \"state\": \"XX000\"}","{\"id\": 8}"}'
) as r;
create temp table odd as
select c.path, r.outcome from unnest('{/try/write?id=1,/try/nothing}'::text[]) as c (path)
cross join lateral test.call_many(jsonb_build_array(pg_temp.get(c.path, :'key_a'))) as a
cross join lateral pg_temp.read_there(array[a.raw], array[case when c.path like '%id%' then '{"id": 1}' else '{}' end]) as r;
select is(o.outcome, 'again', 'a function that writes, or answers nothing, is the primary''s to report: ' || o.path) from odd as o;
select is_empty('select from api.replica_row', 'and has written nothing');

-- A replica that knows another route, or none.
select is(r.outcome, 'again', 'a route that it does not know')
from one cross join lateral pg_temp.read_there(array[jsonb_set(one.all[1]::jsonb, '{call,route_id}', '-1')::text]) as r;
update http.route set reads_replica = false where path = '/try/read';
select is(r.outcome, 'again', 'or that reads no replica any more') from one cross join lateral pg_temp.read_there(one.all) as r;
select is_empty($$select http.read_many('{}', '{}', '{}')$$, 'nothing is nothing');

-- Rights.
select function_privs_are('http', 'read_many', array['text[]', 'text[]', 'text[]'], 'levqor_server', array['EXECUTE'], 'the server may call it');
select function_privs_are('http', 'read_many', array['text[]', 'text[]', 'text[]'], 'levqor_dba', '{}', 'and no DBA: it trusts what it is told');

select * from finish();
rollback;
