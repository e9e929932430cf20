-- Idempotency-Key through http.handle_many: what clients see.
begin;
select plan(47);

-- Doors that count how often they were called.
set local role levqor_owner;
create table api.counted (n integer generated always as identity primary key, name text);
create function api.try_count(p_name text, p_state text default null) returns http.response
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_n integer;
begin
    insert into api.counted (name) values (p_name) returning n into v_n;
    if p_state is not null then
        raise exception using errcode = p_state, message = 'it is so';
    end if;
    return http.json(201, jsonb_build_object('n', v_n), jsonb_build_object('Location', '/counted/' || v_n));
end;
$$;
create function api.try_answer(p_status integer) returns http.response
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into api.counted (name) values ('answer');
    return http.json(p_status, jsonb_build_object('n', currval('api.counted_n_seq')));
end;
$$;
create function api.try_secret() returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as $$
    select row(201, '{"Cache-Control": "no-store"}', '{"secret": "placeholder_1"}', null, null, '{"placeholder_1": "signing/1"}')::http.response
$$;
create function api.try_wait(p_until timestamptz) returns http.response
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    if http.wait_until() is null then
        return http.wait('{things/*}', p_until);
    end if;
    return http.json(200, jsonb_build_object('until', http.wait_until()));
end;
$$;
select http.register_route('POST', '/try/' || r.name, 'api.try_' || r.name, p_domain => 'http', p_limit_class => r.class)
from (values ('count', null), ('answer', null), ('secret', null), ('wait', null)) as r (name, class);
select http.register_route('PUT', '/try/count', 'api.try_count', p_domain => 'http');
reset role;
select test.make_account('A') as a, test.make_account('B') as b \gset
select test.make_key(:'a') as key_a, test.make_key(:'a') as key_a2, test.make_key(:'b') as key_b, test.make_key(null, '{platform}') as key_p \gset
select core.set_test_clock('2031-01-01T12:00:00Z');
create function pg_temp.send(p_path text, p_key text, p_idempotency_key text, p_body jsonb default '{"name": "x"}', p_context jsonb default '{}')
returns test.answer language sql as $$
    select c.* from test.call('POST', p_path, p_key, p_body, null,
        p_context || jsonb_strip_nulls(jsonb_build_object('idempotency_key', p_idempotency_key))) as c
$$;
create function pg_temp.count(p_name text) returns bigint language sql as $$
    select count(*) from api.counted as c where c.name = p_name
$$;

-- Once.
create temp table one as select c.* from pg_temp.send('/try/count', :'key_a', 'k1') as c;
create temp table two as select c.* from pg_temp.send('/try/count', :'key_a', 'k1') as c;
select is(o.status, 201, 'a call with a key is carried out') from one as o;
select is(o.headers ->> 'Idempotent-Replayed', null, 'and not called a replay') from one as o;
select is(row(t.status, t.raw)::text, row(o.status, o.raw)::text, 'sent again it gets the same answer, byte by byte') from one as o, two as t;
select is(t.headers - 'Idempotent-Replayed', o.headers, 'with the same headers') from one as o, two as t;
select is(t.headers ->> 'Idempotent-Replayed', 'true', 'and is told so') from two as t;
select is(t.more -> 'decision' -> 'flags', '["replayed"]', 'as is the access record') from two as t;
select is(pg_temp.count('x'), 1::bigint, 'it was done once');
select is(c.raw, o.raw, 'another key of the account gets it too') from one as o, pg_temp.send('/try/count', :'key_a2', 'k1') as c;
select is(c.raw, o.raw, 'and the platform in its name')
from one as o, pg_temp.send('/try/count', :'key_p', 'k1', p_context => jsonb_build_object('account', core.show_id('acct', :'a'))) as c;
select isnt(c.raw, o.raw, 'another account does not') from one as o, pg_temp.send('/try/count', :'key_b', 'k1') as c;
select is(c.status || ' ' || (c.body ->> 'code'), '422 idempotency-key-reused', 'another body is refused') from pg_temp.send('/try/count', :'key_a', 'k1', '{"name": "y"}') as c;
select is(c.status, 422, 'another path too') from pg_temp.send('/try/answer', :'key_a', 'k1', '{"status": 200}') as c;
select is(pg_temp.count('y'), 0::bigint, 'and not done');
select is(c.status, 401, 'who has no key is told that first') from pg_temp.send('/try/count', null, 'k1') as c;
select isnt(c.raw, o.raw, 'without a key of its own each call is another') from one as o, pg_temp.send('/try/count', :'key_a', null) as c;
select is(c.status, 201, 'other methods have no such keys')
from one as o, test.call('PUT', '/try/count', :'key_a', '{"name": "put"}', null, '{"idempotency_key": "k1"}') as c;
select is(c.status || ' ' || (c.body ->> 'code'), '400 bad-request', 'a key that is none is refused') from pg_temp.send('/try/count', :'key_a', '') as c;
select core.set_test_clock('2031-01-02T12:00:00Z');
select is(c.status, 201, 'after a day the key is as new') from pg_temp.send('/try/count', :'key_a', 'k1', '{"name": "y"}') as c;
select core.set_test_clock('2031-01-01T12:00:00Z');

-- What ends badly.
create temp table bad as
select s.state, c.status, c.raw as first, d.raw as second, d.headers ->> 'Idempotent-Replayed' as replayed
from unnest('{LQ404,LQ422,LQ409,LQ503,XX000}'::text[]) as s (state)
cross join lateral pg_temp.send('/try/count', :'key_a', 'bad-' || s.state, jsonb_build_object('name', 'bad', 'state', s.state)) as c
cross join lateral (select * from pg_temp.send('/try/count', :'key_a', 'bad-' || s.state,
    jsonb_build_object('name', 'bad', 'state', s.state)) as e where c.status is not null) as d;
select is(
    (select string_agg(b.status || coalesce(' ' || b.replayed, ''), ', ' order by b.status, b.state) from bad as b),
    '404 true, 409, 422 true, 500, 503', 'kept is what would end so again'
);
select is(b.first, b.second, 'byte by byte: ' || b.state) from bad as b where b.replayed = 'true' order by b.state;
select is(
    (select array_agg(c.status order by c.n) from (values (1, 503), (2, 201)) as x (n, status)
        cross join lateral (select x.n, d.status from pg_temp.send('/try/answer', :'key_a', 'comes', jsonb_build_object('status', x.status)) as d) as c),
    '{503,201}', 'after a failure of ours another request may use the key'
);

-- Many in one statement.
create temp table many as
select c.* from test.call_many(jsonb_build_array(
    jsonb_build_object('method', 'POST', 'path', '/try/count', 'key', :'key_a', 'body', '{"name": "m1"}'::jsonb, 'context', '{"idempotency_key": "m"}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/count', 'key', :'key_b', 'body', '{"name": "m2"}'::jsonb, 'context', '{"idempotency_key": "m"}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/count', 'key', :'key_a', 'body', '{"name": "m1"}'::jsonb, 'context', '{"idempotency_key": "m"}'::jsonb,
        'request_id', 'req_third'),
    jsonb_build_object('method', 'POST', 'path', '/try/count', 'key', :'key_a', 'body', '{"name": "x"}'::jsonb, 'context', '{"idempotency_key": "k1"}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/count', 'key', :'key_a', 'body', '{"name": "m3"}'::jsonb)
)) as c;
select is(array_agg(m.status order by m.call), '{201,201,409,422,201}', 'each gets its own') from many as m;
select is(
    row(m.body ->> 'code', m.body ->> 'request_id', m.headers ->> 'Retry-After')::text, '(idempotency-key-in-use,req_third,1)',
    'the second of equal keys is told to come again'
)
from many as m where m.call = 3;
select is((select count(*) from http.idempotency_key as i where i.key = 'm'), 2::bigint, 'two keys are kept, of two accounts');

-- Behind a call that ends the batch.
create temp table behind as
select c.* from test.call_many(jsonb_build_array(
    jsonb_build_object('method', 'POST', 'path', '/try/count', 'key', :'key_a', 'body', '{"name": "s", "state": "55P03"}'::jsonb,
        'context', '{"idempotency_key": "s1"}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/count', 'key', :'key_a', 'body', '{"name": "s"}'::jsonb, 'context', '{"idempotency_key": "s2"}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/count', 'key', :'key_a', 'body', '{"name": "m1"}'::jsonb, 'context', '{"idempotency_key": "m"}'::jsonb)
)) as c;
select is(array_agg(b.outcome || coalesce(' ' || b.status, '') order by b.call), '{again,again,"done 201"}', 'a stored answer needs no call')
from behind as b;
select is_empty($$select from http.idempotency_key as i where i.key in ('s1', 's2')$$, 'what is sent again leaves nothing');
select is(c.status, 201, 'and is done then') from pg_temp.send('/try/count', :'key_a', 's2', '{"name": "s"}', '{"admitted": true}') as c;

-- Secrets.
select is(c.raw || ' ' || (c.more -> 'reveal' ->> 'placeholder_1'), '{"secret": "placeholder_1"} signing/1', 'a secret by placeholder is revealed again')
from (select pg_temp.send('/try/secret', :'key_a', 'secret', null)) as f, pg_temp.send('/try/secret', :'key_a', 'secret', null) as c;
create temp table made as select c.* from pg_temp.send('/api/v1/keys', :'key_a', 'new-key', '{"name": "made once"}') as c;
select matches(m.body ->> 'key', '^lvk_live_', 'a key is made') from made as m;
select is_empty(
    $$select from http.idempotency_key as i, made as m where strpos(i::text, m.body ->> 'key') > 0$$, 'and kept nowhere'
);
select is(c.status || ' ' || (c.body ->> 'code'), '409 idempotency-answer-withheld', 'sent again it says so')
from pg_temp.send('/api/v1/keys', :'key_a', 'new-key', '{"name": "made once"}') as c;
select is((select count(*) from keys.api_key as k where k.name = 'made once'), 1::bigint, 'and makes no other');

-- Waiting.
create function pg_temp.wait(p_request text, p_context jsonb default '{}') returns test.answer language sql as $$
    select c.* from test.call_many(jsonb_build_array(jsonb_build_object('method', 'POST', 'path', '/try/wait',
        'key', current_setting('test.key'), 'request_id', p_request, 'body', '{"until": "2031-01-01T12:00:20Z"}'::jsonb,
        'context', p_context || '{"idempotency_key": "w"}'))) as c
$$;
select set_config('test.key', :'key_a', true);
select is((pg_temp.wait('req_wait')).outcome, 'wait', 'a call is parked');
select is((select i.state || ' ' || i.request_id from http.idempotency_key as i where i.key = 'w'), 'running req_wait', 'with its key');
select is(c.status, 409, 'another one is told to come again') from pg_temp.wait('req_other') as c;
select is(c.status, 200, 'it comes back and ends') from pg_temp.wait('req_wait', '{"wait_until": "2031-01-01T12:00:20Z"}') as c;
select is(c.headers ->> 'Idempotent-Replayed', 'true', 'and the other gets its answer') from pg_temp.wait('req_other') as c;

-- Limits and quota, on the hot route.
create function pg_temp.intake(p_calls text) returns setof test.answer language sql as $$
    select c.* from test.call_many((
        select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/api/v1/intake', 'key', current_setting('test.key'), 'address', '192.0.2.9',
            'body', '{"workflow": "w", "payload": {}}'::jsonb, 'context', jsonb_build_object('idempotency_key', i.key)))
        from unnest(p_calls::text[]) as i (key)
    )) as c
$$;
create function pg_temp.used() returns bigint language sql as $$
    select coalesce(sum(u.used), 0)::bigint from quota.usage as u where u.account_id = test.key_account(current_setting('test.key'))
$$;
create temp table quota_before as select pg_temp.used() as used;
create temp table job as select i.* from pg_temp.intake('{i1,i2,i1}') as i;
select is(array_agg(j.status order by j.call), '{202,202,409}', 'jobs are handed in, one a key') from job as j;
select is(pg_temp.used() - b.used, 2::bigint, 'each is charged') from quota_before as b;
create temp table again as select i.* from pg_temp.intake('{i2,i1}') as i;
select is(array_agg(a.raw order by a.call desc), (select array_agg(j.raw order by j.call) from job as j where j.status = 202), 'sent again they are the same')
from again as a;
select is(pg_temp.used() - b.used, 2::bigint, 'a replay uses no quota') from quota_before as b;
select is(
    max((substring(j.headers ->> 'RateLimit' from '"write-address";r=(\d+)'))::integer)
        - min((substring(a.headers ->> 'RateLimit' from '"write-address";r=(\d+)'))::integer), 2,
    'and rate tokens as any'
)
from job as j, again as a;
select is(
    array_agg(i.status order by i.call), array_fill(202, '{15}') || 429, 'until there are none'
)
from pg_temp.intake((array_fill('i1'::text, '{16}'))::text) as i;
select is(i.status, 429, 'a new call is refused') from pg_temp.intake('{i3}') as i;
select is_empty($$select from http.idempotency_key as i where i.key = 'i3'$$, 'and leaves nothing');
select core.set_test_clock('2031-01-01T12:01:00Z');
select is(array_agg(i.status order by i.call), '{202,202}', 'so both are answered later') from pg_temp.intake('{i1,i3}') as i;

select * from finish();
rollback;
