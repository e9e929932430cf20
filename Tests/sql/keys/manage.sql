begin;
select plan(68);

select test.make_account('A') as a, test.make_account('B') as b \gset
select core.set_test_clock('2031-01-01 12:00:00+00');

-- Making.
select c.id, c.key from keys.create_key(:'a', 'first') as c \gset
select matches(:'key'::text, '^lvk_live_[A-Za-z0-9_-]{80}$', 'a key has its form');
select is((select t.account_id from keys.read_text(:'key') as t), :'a'::uuid, 'it carries its account');
select is((select t.id from keys.read_text(:'key') as t), :'id'::uuid, 'and its id');
select is(
    (select k.hash from keys.api_key as k where k.id = :'id'), sha256(convert_to(:'key', 'UTF8')), 'only its hash is kept'
);
select is((select k.scopes from keys.api_key as k where k.id = :'id'), '{jobs:submit,jobs:read}', 'with the scopes of a client');
select matches((select c.key from keys.create_key(:'a', 'test', p_mode => 'test') as c), '^lvk_test_', 'a test key says so');
select throws_ok(
    format('select keys.create_key(%L, %L, p_mode => %L)', :'a', 'x', 'other'), 'LQ422', 'unknown mode', 'another mode is refused'
);
select throws_ok(
    format('select keys.create_key(%L, %L)', core.new_id(), 'x'), 'LQ404', 'no such account', 'an unknown account is refused'
);
select throws_ok(
    format('select keys.create_key(%L, %L, %L)', :'a', 'x', '{root}'), '23514', null, 'an unknown scope is refused'
);
select throws_ok(format('select keys.create_key(%L, %L)', :'a', ''), '23514', null, 'a key without a name is refused');
select is(
    (select e.target from audit.entry as e where e.action = 'keys.create' order by e.id limit 1),
    core.show_id('key', :'id'), 'making is recorded'
);

-- The operator's key.
select o.key as operator from keys.create_operator_key('first key') as o \gset
select is(
    (select k.scopes from keys.api_key as k where k.id = (select t.id from keys.read_text(:'operator') as t)),
    '{platform,admin,jobs:submit,jobs:read,jobs:work,events:write,analytics:read,keys:manage}', 'the operator''s key has every scope'
);
select is(
    (select a.kind from identity.account as a where a.id = test.key_account(:'operator')), 'operator', 'of the operator''s account'
);
select is(
    (select test.key_account(o.key) from keys.create_operator_key('second') as o), test.key_account(:'operator'),
    'of which there is one'
);
set local role levqor_owner;
select set_config('levqor.machinery', 'off', true);
select lives_ok($$select keys.create_operator_key('by the owner')$$, 'the owner needs no setting to make it');
reset role;
select core.set_caller(null, null, null, null, null, null, null);

-- Rotating.
select r.id as next_id, r.key as next, r.old_expires_at from keys.rotate_key(:'a', :'id', '1 hour') as r \gset
select is(:'old_expires_at'::timestamptz, '2031-01-01 13:00:00+00'::timestamptz, 'the old key works on for the overlap');
select is(
    (select row(k.name, k.scopes, k.mode, k.replaces_id)::text from keys.api_key as k where k.id = :'next_id'),
    (select row(k.name, k.scopes, k.mode, k.id)::text from keys.api_key as k where k.id = :'id'), 'the new one is like it'
);
select is(array_agg(c.refusal order by c.ordinal), '{null,null}', 'both are live')
from keys.authenticate_many(array[:'key', :'next']) as c;
select core.set_test_clock('2031-01-01 13:00:00+00');
select is(array_agg(c.refusal order by c.ordinal), '{expired,null}', 'then the new one only')
from keys.authenticate_many(array[:'key', :'next']) as c;
select throws_ok(
    format('select keys.rotate_key(%L, %L)', :'a', :'id'), 'LQ409', 'the key is no longer live', 'an expired key is not rotated'
);
select throws_ok(
    format('select keys.rotate_key(%L, %L, %L)', :'a', :'next_id', '31 days'), 'LQ422',
    'the overlap must be between nothing and 30 days', 'an overlap ends'
);
select throws_ok(
    format('select keys.rotate_key(%L, %L)', :'b', :'next_id'), 'LQ404', 'no such key', 'another account''s key is not there'
);

select lives_ok(
    format('select keys.rotate_key(%L, c.id, %L) from keys.create_key(%L, %L, p_not_before => core.now()) as c', :'a', '0', :'a', 'n'),
    'a key that began this moment can be ended at once'
);
select c.id as dated from keys.create_key(
    :'a', 'dated', p_not_before => '2031-01-01 12:00:00+00', p_expires_at => '2031-01-01 18:00:00+00'
) as c \gset
select r.id as redated, r.old_expires_at as dated_ends from keys.rotate_key(:'a', :'dated', '24 hours') as r \gset
select is(
    (select row(k.not_before, k.expires_at)::text from keys.api_key as k where k.id = :'redated'),
    row('2031-01-01 12:00:00+00'::timestamptz, '2031-01-01 18:00:00+00'::timestamptz)::text,
    'a successor begins and ends as the old one did'
);
select is(:'dated_ends'::timestamptz, '2031-01-01 18:00:00+00'::timestamptz, 'which no overlap makes live longer');
select is(
    (select k.not_before from keys.api_key as k where k.id = :'dated'), '2031-01-01 12:00:00+00'::timestamptz, 'or begin earlier'
);
select c.id as early from keys.create_key(:'a', 'early', p_not_before => '2031-01-02 00:00:00+00') as c \gset
select throws_ok(
    format('select keys.rotate_key(%L, %L)', :'a', :'early'), 'LQ409', 'the key is not valid yet', 'a key to come is not rotated'
);
select is(
    (select k.not_before from keys.api_key as k where k.id = :'early'), '2031-01-02 00:00:00+00'::timestamptz, 'and comes when it did'
);
select throws_ok(
    format('select keys.create_key(%L, %L, p_expires_at => core.now())', :'a', 'late'), 'LQ422',
    'the key would have expired already', 'no key is made that has ended'
);

-- Revoking.
select is(keys.revoke_key(:'a', :'next_id'), '2031-01-01 13:00:00+00'::timestamptz, 'a key is revoked');
select core.set_test_clock('2031-01-01 13:30:00+00');
select is(keys.revoke_key(:'a', :'next_id'), '2031-01-01 13:00:00+00'::timestamptz, 'twice changes nothing');
select is(c.refusal, 'revoked', 'it is refused') from keys.authenticate_many(array[:'next']) as c;
select throws_ok(
    format('select keys.revoke_key(%L, %L)', :'b', :'next_id'), 'LQ404', 'no such key', 'another account''s key is not there'
);

-- Through the doors.
select test.make_key(:'a', '{keys:manage}') as manager, test.make_key(:'b', '{keys:manage}') as stranger \gset
select c.status as made, c.body ->> 'id' as shown, c.body ->> 'key' as text, c.headers ->> 'Cache-Control' as cached
from test.call('POST', '/api/v1/keys', :'manager', '{"name": "from outside"}') as c \gset
select is(:'made'::integer, 201, 'POST /api/v1/keys makes one');
select is(:'cached'::text, 'no-store', 'and its text is to be kept nowhere on the way');
select is(c.refusal, null, 'that works') from keys.authenticate_many(array[:'text']) as c;
select is(c.status, 403, 'with the operator''s scopes for the operator only')
from test.call('POST', '/api/v1/keys', :'manager', '{"name": "x", "scopes": ["platform"]}') as c;
select is(c.status, 201, 'who may give them')
from test.call('POST', '/api/v1/keys', :'operator', '{"name": "x", "scopes": ["platform"]}') as c;
select is(test.key_account(c.body ->> 'key'), :'b'::uuid, 'and makes keys for the account it names')
from test.call('POST', '/api/v1/keys', :'operator', '{"name": "x"}', null,
    jsonb_build_object('account', core.show_id('acct', :'b'))) as c;
select is(c.status, 422, 'a scope that does not exist is refused')
from test.call('POST', '/api/v1/keys', :'manager', '{"name": "x", "scopes": ["root"]}') as c;
select is(c.status, 403, 'a key without the scope is refused') from test.call('GET', '/api/v1/keys', test.make_key(:'a', '{}')) as c;
select is(
    array_agg(distinct k.value ->> 'name'), '{dated,early,first,"from outside",n,test,"test key"}', 'GET /api/v1/keys lists its own'
)
from test.call('GET', '/api/v1/keys', :'manager') as c
cross join lateral jsonb_array_elements(c.body -> 'keys') as k;
select unalike(c.raw, '%hash%', 'without hashes') from test.call('GET', '/api/v1/keys', :'manager') as c;
select unalike(c.raw, '%lvk_%', 'and without texts') from test.call('GET', '/api/v1/keys', :'manager') as c;
select is(c.status, 404, 'rotating a stranger''s: 404')
from test.call('POST', '/api/v1/keys/' || :'shown' || '/rotate', :'stranger') as c;
select is(row(c.status, c.headers ->> 'Cache-Control')::text, '(201,no-store)', 'rotating')
from test.call('POST', '/api/v1/keys/' || :'shown' || '/rotate', :'manager') as c;
select is(array_agg(c.status || coalesce(' ' || (c.body ->> 'code'), '') order by c.n), '{201,"409 idempotency-answer-withheld"}',
    'under an Idempotency-Key the successor''s text is not given again')
from (
    select n, t.* from generate_series(1, 2) as n
    cross join lateral test.call('POST', '/api/v1/keys/' || case when n > 0 then :'shown' end || '/rotate', :'manager', null, null,
        '{"idempotency_key": "rotate-once"}') as t
) as c;
select is(c.status, 422, 'with an overlap that is too long')
from test.call('POST', '/api/v1/keys/' || :'shown' || '/rotate', :'manager', '{"overlap_seconds": 99999999}') as c;
select is(c.status, 404, 'revoking a stranger''s: 404') from test.call('DELETE', '/api/v1/keys/' || :'shown', :'stranger') as c;
select is(c.status, 204, 'revoking') from test.call('DELETE', '/api/v1/keys/' || :'shown', :'manager') as c;
select is(c.status, 401, 'a revoked key: 401') from test.call('GET', '/api/v1/keys', :'text') as c;
select is(c.body ->> 'detail', 'This API key is revoked.', 'and says so') from test.call('GET', '/api/v1/keys', :'text') as c;
select is(c.status, 404, 'an id of nothing: 404') from test.call('DELETE', '/api/v1/keys/nothing', :'manager') as c;

-- What is the operator's.
select test.make_key(:'a', '{platform}') as platform \gset
select core.show_id('key', c.id) as high, c.key as high_text from keys.create_key(:'a', 'high', '{platform,keys:manage}') as c \gset
select core.show_id('key', c.id) as admin from keys.create_key(:'a', 'admin', '{admin,jobs:read}') as c \gset
select is(c.status, 403, 'an account''s manager does not rotate a key with ' || x.scope)
from (values (:'high', 'platform'), (:'admin', 'admin')) as x (id, scope)
cross join lateral test.call('POST', '/api/v1/keys/' || x.id || '/rotate', :'manager') as c;
select is(c.status, 403, 'nor revokes one with ' || x.scope)
from (values (:'high', 'platform'), (:'admin', 'admin')) as x (id, scope)
cross join lateral test.call('DELETE', '/api/v1/keys/' || x.id, :'manager') as c;
select is(c.body ->> 'detail', 'The scope platform is the operator''s.', 'and is told why')
from test.call('DELETE', '/api/v1/keys/' || :'high', :'manager') as c;
select is(c.status, 200, 'the key lives on') from test.call('GET', '/api/v1/keys', :'high_text') as c;
select is(c.status, 404, 'a stranger''s manager learns nothing of it')
from test.call('POST', '/api/v1/keys/' || :'high' || '/rotate', :'stranger') as c;
select is(c.status, 201, 'a platform key rotates it')
from test.call('POST', '/api/v1/keys/' || :'high' || '/rotate', :'platform', null, null,
    jsonb_build_object('account', core.show_id('acct', :'a'))) as c;
select is(c.status, 204, 'and revokes it')
from test.call('DELETE', '/api/v1/keys/' || :'admin', :'platform', null, null,
    jsonb_build_object('account', core.show_id('acct', :'a'))) as c;
select is(c.status, x.status, 'a manager that holds nothing else gives ' || x.scope || ': ' || x.status)
from (values ('jobs:submit', 201), ('jobs:work', 201), ('platform', 403), ('admin', 403)) as x (scope, status)
cross join lateral test.call('POST', '/api/v1/keys', test.make_key(:'a', '{keys:manage}'),
    jsonb_build_object('name', 'given', 'scopes', jsonb_build_array(x.scope))) as c;
select ok(r.responses ?& '{404,409}', 'rotating tells of its 404 and 409')
from http.route as r where r.function = 'api.rotate_key';
select is(audit.measure_coverage(), 100.00, 'every one of these actions left an entry');

select * from finish();
rollback;
