-- What keeps strangers apart in one statement, rule by rule.
begin;
select plan(131);

-- Doors that do what no door of the product may.
set local role levqor_owner;
create table api.deferred_parent (id integer primary key);
create table api.deferred_child (
    id integer primary key,
    parent_id integer references api.deferred_parent (id) deferrable initially deferred
);
create function api.try_context() returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as $$
    select http.json(200, jsonb_build_object(
        'account', current_setting('levqor.account_id', true), 'user', current_setting('levqor.user_id', true),
        'key', current_setting('levqor.key_id', true), 'scopes', current_setting('levqor.scopes', true),
        'address', current_setting('levqor.address', true), 'agent', current_setting('levqor.user_agent', true),
        'request', current_setting('levqor.request_id', true), 'machinery', current_setting('levqor.machinery', true),
        'sees_all', case when core.sees_all() then 'on' else 'off' end, 'wait_until', current_setting('levqor.wait_until', true),
        'hints', current_setting('levqor.hints', true), 'read_only', current_setting('transaction_read_only'),
        'accounts', (select count(*) from identity.account)
    ))
$$;
create function api.try_hint(p_topic text) returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    perform core.hint(p_topic);
    return http.no_content();
end;
$$;
create function api.try_insert(p_id integer, p_parent_id integer default null) returns http.response
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into api.deferred_child (id, parent_id) values (p_id, p_parent_id);
    perform core.hint('inserted');
    return http.json(201, jsonb_build_object('id', p_id));
end;
$$;
create function api.try_raise(p_state text, p_message text default 'secret inside', p_detail text default '')
returns http.response language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into api.deferred_parent (id) values (77);
    raise exception using errcode = p_state, message = p_message, detail = p_detail, hint = 'Do this.',
        schema = '{"errors": [{"pointer": "/x"}]}';
end;
$$;
create function api.try_assert() returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    assert false, 'secret inside';
    return http.no_content();
end;
$$;
create function api.try_divide(p_by integer) returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    return http.json(200, jsonb_build_object('quotient', 6 / p_by));
end;
$$;
create function api.try_nothing() returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as 'select null::http.response';
create function api.try_wait(p_until timestamptz) returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    if http.wait_until() is null then
        return http.wait('{things/*}', p_until);
    end if;
    return http.json(200, jsonb_build_object('until', http.wait_until()));
end;
$$;
create function api.try_audited(p_is_recorded boolean) returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    if p_is_recorded then
        perform audit.record('things.do', 'thing_1');
    end if;
    return http.no_content();
end;
$$;
select http.register_route('POST', '/try/' || r.name, 'api.try_' || r.function, p_domain => 'http',
    p_access => r.access, p_is_sensitive => r.name = 'audited', p_mode => r.mode, p_scopes => r.scopes::text[],
    p_limit_class => 'tried')
from (values
    ('context', 'context', 'public', 'any', '{}'), ('mine', 'context', 'key', 'any', '{}'),
    ('hint', 'hint', 'public', 'any', '{}'), ('insert', 'insert', 'public', 'any', '{}'),
    ('raise', 'raise', 'public', 'any', '{}'), ('assert', 'assert', 'public', 'any', '{}'),
    ('divide', 'divide', 'public', 'any', '{}'),
    ('nothing', 'nothing', 'public', 'any', '{}'), ('wait', 'wait', 'public', 'any', '{}'),
    ('audited', 'audited', 'key', 'any', '{}'), ('development', 'context', 'public', 'development', '{}'),
    ('platform', 'context', 'key', 'any', '{platform}')
) as r (name, function, access, mode, scopes);
select http.register_route('GET', '/try/insert', 'api.try_insert', p_domain => 'http', p_access => 'public',
    p_parameters => '{"id": {"type": "integer"}}');
select http.register_route('GET', '/try/context', 'api.try_context', p_domain => 'http', p_access => 'public');
reset role;

select test.make_account('A') as a, test.make_account('B') as b \gset
select test.make_key(:'a') as key_a, test.make_key(:'b') as key_b, test.make_key(null, '{platform}') as key_p \gset

-- Nothing crosses: A, somebody without a key, B, in one statement.
create temp table mixed as
select c.* from test.call_many(jsonb_build_array(
    jsonb_build_object('method', 'POST', 'path', '/try/mine', 'key', :'key_a', 'address', '192.0.2.1', 'user_agent', 'agent A',
        'request_id', 'req_a', 'context', '{"wait_until": "2031-01-01T00:00:00Z"}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/context', 'address', '192.0.2.2', 'user_agent', null,
        'request_id', 'req_none'),
    jsonb_build_object('method', 'POST', 'path', '/try/mine', 'key', :'key_b', 'address', '192.0.2.3', 'user_agent', 'agent B',
        'request_id', 'req_b'),
    jsonb_build_object('method', 'POST', 'path', '/try/platform', 'key', :'key_p', 'request_id', 'req_p'),
    jsonb_build_object('method', 'POST', 'path', '/try/platform', 'key', :'key_p', 'request_id', 'req_pb',
        'context', jsonb_build_object('account', core.show_id('acct', :'b'))),
    jsonb_build_object('method', 'POST', 'path', '/try/context', 'request_id', 'req_last')
)) as c;
select is(m.status, 200, 'call ' || m.call || ' is answered') from mixed as m order by m.call;
select is(
    (select m.body - 'scopes' - 'key' from mixed as m where m.call = 1),
    jsonb_build_object('account', :'a', 'user', '', 'address', '192.0.2.1', 'agent', 'agent A', 'request', 'req_a',
        'machinery', 'off', 'sees_all', 'off', 'wait_until', '2031-01-01T00:00:00Z', 'hints', '', 'read_only', 'off',
        'accounts', 1),
    'A is A, and sees one account'
);
select is(
    (select m.body from mixed as m where m.call = 2),
    '{"account": "", "user": "", "key": "", "scopes": "", "address": "192.0.2.2", "agent": "pgTAP", "request": "req_none",
        "machinery": "off", "sees_all": "off", "wait_until": "", "hints": "", "read_only": "off", "accounts": 0}'::jsonb,
    'who comes without a key behind A is nobody, and sees no account'
);
select is(
    (select m.body - 'scopes' - 'key' from mixed as m where m.call = 3),
    jsonb_build_object('account', :'b', 'user', '', 'address', '192.0.2.3', 'agent', 'agent B', 'request', 'req_b',
        'machinery', 'off', 'sees_all', 'off', 'wait_until', '', 'hints', '', 'read_only', 'off', 'accounts', 1),
    'B is B'
);
select isnt(
    (select m.body ->> 'key' from mixed as m where m.call = 1), (select m.body ->> 'key' from mixed as m where m.call = 3),
    'and has its own key'
);
select is((select m.body ->> 'sees_all' from mixed as m where m.call = 4), 'on', 'a platform key sees all accounts');
select is(
    (select m.body -> 'account' || (m.body -> 'sees_all') || (m.body -> 'accounts') from mixed as m where m.call = 5),
    jsonb_build_array(:'b', 'off', 1), 'and only one when it names that one'
);
select is(
    (select m.body -> 'sees_all' || (m.body -> 'accounts') from mixed as m where m.call = 6),
    '["off", 0]'::jsonb, 'who comes behind it sees none'
);
select is((select count(*) from mixed as m where m.body ->> 'machinery' = 'on'), 0::bigint, 'no door runs as the machinery');

-- Hints.
create temp table hinted as
select c.* from test.call_many(
    '[{"method": "POST", "path": "/try/hint", "body": {"topic": "one"}}, {"method": "POST", "path": "/try/context"},
      {"method": "POST", "path": "/try/hint", "body": {"topic": "two"}},
      {"method": "POST", "path": "/try/insert", "body": {"id": 5, "parent_id": 404}}]'
) as c;
select is((select h.hints from hinted as h where h.call = 1), array[E'one\t1'], 'a hint travels with its own call');
select is((select h.hints from hinted as h where h.call = 2), '{}', 'the next call has none');
select is((select h.body ->> 'hints' from hinted as h where h.call = 2), '', 'and does not see it');
select is((select h.hints from hinted as h where h.call = 3), array[E'two\t1'], 'each has its own');
select is((select h.hints from hinted as h where h.call = 4), '{}', 'a call that fails gives none');

-- An error undoes its own call, and no other.
create temp table torn as
select c.* from test.call_many(
    '[{"method": "POST", "path": "/try/insert", "body": {"id": 1}},
      {"method": "POST", "path": "/try/insert", "body": {"id": 1}},
      {"method": "POST", "path": "/try/insert", "body": {"id": 2, "parent_id": 404}},
      {"method": "POST", "path": "/try/insert", "body": {"id": 3}}]'
) as c;
select is(array_agg(t.status order by t.call), '{201,409,409,201}', 'two fail, two are done') from torn as t;
select is(array_agg(d.id order by d.id), '{1,3}', 'what is done stays') from api.deferred_child as d;
select is(
    (select t.body ->> 'detail' from torn as t where t.call = 3), 'Rule: deferred child parent id.',
    'a deferred constraint fails its own call, by name'
);

-- Reading calls read.
create temp table reading as
select c.* from test.call_many(
    '[{"method": "GET", "path": "/try/context"}, {"method": "GET", "path": "/try/insert?id=8"},
      {"method": "POST", "path": "/try/insert", "body": {"id": 9}}, {"method": "GET", "path": "/try/context"},
      {"method": "POST", "path": "/try/context"}]'
) as c;
select is((select r.body ->> 'read_only' from reading as r where r.call = 1), 'on', 'a GET runs read-only');
select is((select r.status from reading as r where r.call = 2), 500, 'a GET that writes is our mistake');
select is((select r.more ->> 'sqlstate' from reading as r where r.call = 2), '25006', 'of the state 25006');
select is((select r.status from reading as r where r.call = 3), 201, 'a write behind a GET can write');
select is((select r.body ->> 'read_only' from reading as r where r.call = 5), 'off', 'and so can one behind the next');
select is(array_agg(d.id order by d.id), '{1,3,9}', 'nothing of the GET is left') from api.deferred_child as d;

-- Errors become problems.
select is(
    c.body,
    '{"type": "/problems/conflict", "title": "The state does not allow it", "status": 409, "code": "conflict",
      "detail": "It is done already. Since noon.", "hint": "Do this.", "request_id": "req_1", "errors": [{"pointer": "/x"}]}',
    'an error of ours becomes its problem'
)
from test.call_many('[{"method": "POST", "path": "/try/raise", "request_id": "req_1",
    "body": {"state": "LQ409", "message": "it is done already", "detail": "Since noon."}}]') as c;
create temp table broken as
select c.* from test.call_many('[
    {"method": "POST", "path": "/try/raise", "request_id": "req_2", "body": {"state": "XX000", "detail": "secret detail"}},
    {"method": "POST", "path": "/try/assert", "request_id": "req_3"},
    {"method": "POST", "path": "/try/nothing", "request_id": "req_4"},
    {"method": "POST", "path": "/try/raise", "request_id": "req_5", "body": {"state": "23514"}},
    {"method": "POST", "path": "/try/context"}]') as c;
select is(b.status, 500, 'an unknown error is 500: call ' || b.call) from broken as b where b.call <= 3 order by b.call;
select is(
    (select b.body from broken as b where b.call = 1),
    '{"type": "/problems/internal-error", "title": "Something went wrong on our side", "status": 500,
      "code": "internal-error", "request_id": "req_2"}', 'and tells nothing but the request id'
);
select unalike((select string_agg(b.raw, '') from broken as b), '%secret%', 'no text of an error of others gets out');
select is(
    (select b.more -> 'fault' ->> 'message' from broken as b where b.call = 1), 'secret inside', 'the log gets the message'
);
select is(
    (select b.more -> 'fault' ->> 'detail' from broken as b where b.call = 1), null, 'but not the detail, which may quote rows'
);
select is((select b.status from broken as b where b.call = 4), 422, 'a violated check is 422');
select is((select b.status from broken as b where b.call = 5), 200, 'and the call behind goes on');
select is_empty('select from api.deferred_parent', 'nothing of the failed calls is left');

-- A division by zero is of the class of values that are not acceptable, and yet no client's mistake.
create temp table divided as
select c.* from test.call_many('[{"method": "POST", "path": "/try/divide", "request_id": "req_6", "body": {"by": 0}},
    {"method": "POST", "path": "/try/divide", "body": {"by": 2}}]') as c;
select is(
    (select row(d.status, d.body)::text from divided as d where d.call = 1),
    row(500, '{"type": "/problems/internal-error", "title": "Something went wrong on our side", "status": 500,
        "code": "internal-error", "request_id": "req_6"}'::jsonb)::text, 'a division by zero is 500 and tells nothing'
);
select is((select d.more ->> 'sqlstate' from divided as d where d.call = 1), '22012', 'of the state 22012');
select is(
    (select d.more -> 'fault' ->> 'message' from divided as d where d.call = 1), 'division by zero', 'which the log gets'
);
select is((select d.body from divided as d where d.call = 2), '{"quotient": 3}'::jsonb, 'and the call behind goes on');

-- Arguments.
select is(c.status, x.status, x.told)
from (values
    ('{"topic": 1}'::jsonb, 422, 'an argument of another type is refused'),
    ('{}', 422, 'a missing one is refused'),
    ('{"topic": "x", "other": 1}', 422, 'an unknown one is refused'),
    ('[1]', 422, 'a body that is no object is refused'),
    ('{"topic": "x"}', 204, 'the right ones are taken')
) as x (body, status, told)
cross join lateral test.call('POST', '/try/hint', null, x.body) as c;
select is(c.status, 400, 'a NUL is no text')
from test.call_many('[{"method": "POST", "path": "/try/hint", "parameters": "{\"topic\": \"\\u0000\"}"}]') as c;

set local role levqor_owner;
create function api.try_types(p_small smallint default 0, p_whole integer default 0, p_big bigint default 0, p_number numeric default 0,
    p_flag boolean default false, p_text text default '')
returns http.response language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select http.json(200, jsonb_build_object('small', p_small, 'whole', p_whole, 'big', p_big, 'number', p_number, 'flag', p_flag,
        'text', p_text))
$$;
select http.register_route('POST', '/try/types', 'api.try_types', p_domain => 'http', p_access => 'public', p_limit_class => 'tried');
reset role;
create function pg_temp.types(p_body text, p_parameters text default null) returns test.answer language sql as $$
    select c.* from test.call_many(jsonb_build_array(
        jsonb_build_object('method', 'POST', 'path', '/try/types', 'body', p_body::jsonb, 'parameters', p_parameters)
    )) as c
$$;
select is(c.body ->> x.name, x.value, 'taken: ' || x.told)
from (values
    ('{"whole": 1.0}', null, 'whole', '1', 'a whole number with a point'),
    ('{"whole": 1e2}', null, 'whole', '100', 'one with an exponent'),
    ('{"whole": -2147483648}', null, 'whole', '-2147483648', 'the smallest'),
    ('{"big": 9223372036854775807}', null, 'big', '9223372036854775807', 'the largest'),
    ('{"number": 1.5}', null, 'number', '1.5', 'a fraction where one may be'),
    ('{"flag": true}', null, 'flag', 'true', 'a boolean'),
    ('{"whole": null}', null, 'whole', null, 'null'),
    (null, '{"whole": "12"}', 'whole', '12', 'a number of the query as text'),
    (null, '{"whole": "1e2"}', 'whole', '100', 'with an exponent too'),
    (null, '{"number": "-1.50"}', 'number', '-1.50', 'a fraction of the query'),
    (null, '{"flag": "true"}', 'flag', 'true', 'a boolean of the query'),
    (null, '{"text": "12"}', 'text', '12', 'a text that looks like a number')
) as x (body, parameters, name, value, told)
cross join lateral pg_temp.types(x.body, x.parameters) as c;
select is(
    row(c.status, c.body ->> 'detail', c.body #>> '{errors,0,pointer}')::text, row(422, x.detail, x.pointer)::text, 'refused: ' || x.detail
)
from (values
    ('{"whole": 1.5}', null, '"whole" must be a whole number.', '/whole'),
    ('{"whole": 2147483648}', null, '"whole" must be between -2147483648 and 2147483647.', '/whole'),
    ('{"small": -32769}', null, '"small" must be between -32768 and 32767.', '/small'),
    ('{"big": 1e300}', null, '"big" must be between -9223372036854775808 and 9223372036854775807.', '/big'),
    ('{"whole": "1"}', null, '"whole" must be of type number.', '/whole'),
    ('{"flag": "true"}', null, '"flag" must be of type boolean.', '/flag'),
    ('{"text": 1}', null, '"text" must be of type string.', '/text'),
    (null, '{"whole": "1.5"}', '"whole" must be a whole number.', '/whole'),
    (null, '{"whole": "many"}', '"whole" must be of type number.', '/whole'),
    (null, '{"whole": ""}', '"whole" must be of type number.', '/whole'),
    (null, '{"number": "NaN"}', '"number" must be of type number.', '/number'),
    (null, '{"number": "1e9999"}', '"number" must be of type number.', '/number'),
    (null, '{"flag": "maybe"}', '"flag" must be of type boolean.', '/flag'),
    ('{"p_limit": 1}', null, '"p_limit" is not known here.', '/p_limit'),
    ('{"whole": 1}', '{"whole": 1}', '"whole" is already given outside of the body.', '/whole')
) as x (body, parameters, detail, pointer)
cross join lateral pg_temp.types(x.body, x.parameters) as c;
drop function api.try_types(smallint, integer, bigint, numeric, boolean, text);
select is(row(c.status, c.more ->> 'sqlstate')::text, x.answer, 'a route whose function has gone is our mistake: ' || x.body)
from (values ('{"whole": 1}', '(500,LQ500)'), ('{}', '(500,42883)')) as x (body, answer)
cross join lateral pg_temp.types(x.body) as c;

-- Who may.
select is(c.status, 401, 'no key: 401') from test.call('POST', '/try/mine') as c;
select is(c.headers ->> 'WWW-Authenticate', 'ApiKey realm="levqor"', 'and says what is wanted')
from test.call('POST', '/try/mine') as c;
select is(c.status, 401, 'a mistyped key: 401') from test.call('POST', '/try/mine', left(:'key_a', -1) || '!') as c;
select is(c.status, 403, 'a key without the scope: 403') from test.call('POST', '/try/platform', :'key_a') as c;
select is(c.body ->> 'detail', 'The key needs one of the scopes platform.', 'and says which')
from test.call('POST', '/try/platform', :'key_a') as c;
select is(c.status, 404, 'another account: 404')
from test.call('POST', '/try/mine', :'key_a', null, null, jsonb_build_object('account', core.show_id('acct', :'b'))) as c;
select is(c.body ->> 'account', :'a', 'its own account may be named')
from test.call('POST', '/try/mine', :'key_a', null, null, jsonb_build_object('account', core.show_id('acct', :'a'))) as c;

-- A key whose text names account and key rightly, with a secret that is made up.
select v.prefix || translate(encode(
    substring(v.bytes from 1 for 32) || s.secret
        || substring(sha256(convert_to(v.prefix, 'UTF8') || substring(v.bytes from 1 for 32) || s.secret) from 1 for 4),
    'base64'), E'+/\n', '-_') as forged
from (
    select left(:'key_p', 9) as prefix, decode(translate(substring(:'key_p' from 10), '-_', '+/'), 'base64') as bytes
) as v
cross join (select decode(repeat('07', 24), 'hex') as secret) as s \gset
select isnt((select t.id from keys.read_text(:'forged') as t), null, 'the forged key is well formed');
select is(c.status, 401, 'a forged key: 401') from test.call('POST', '/try/mine', :'forged') as c;
select is(
    c.body - 'address' - 'request' - 'agent',
    '{"account": "", "user": "", "key": "", "scopes": "", "machinery": "off", "sees_all": "off", "wait_until": "",
      "hints": "", "read_only": "off", "accounts": 0}'::jsonb,
    'and on a public route it stands for nobody'
)
from test.call('POST', '/try/context', :'forged') as c;

-- Suspended accounts read only.
update identity.account set status = 'suspended' where id = :'b';
select is(c.status, 403, 'a suspended account changes nothing') from test.call('POST', '/try/mine', :'key_b') as c;
select is(c.body ->> 'code', 'account-suspended', 'and is told why') from test.call('POST', '/try/mine', :'key_b') as c;
select is(c.status, 200, 'and reads') from test.call('GET', '/try/context', :'key_b') as c;


-- In the name of closed ones nothing is done.
update identity.account set status = 'closed' where id = :'b';
select is(row(c.status, c.body ->> 'code')::text, x.answer, 'a closed account: ' || x.told)
from (values
    ('POST', '/try/mine', :'key_p', '{"account": true}'::jsonb, '(403,account-closed)', 'the platform changes nothing in its name'),
    ('POST', '/try/mine', :'key_b', '{}', '(401,unauthenticated)', 'its own key is none')
) as x (method, path, key, context, answer, told)
cross join lateral test.call(x.method, x.path, x.key, null, null,
    case when x.context ? 'account' then jsonb_build_object('account', core.show_id('acct', :'b')) else '{}' end) as c;

-- Routes that changed, or are not for here.
select is(c.outcome, 'stale', 'a route unknown here is stale')
from test.call_many('[{"method": "GET", "path": "/no/such"}]') as c;
select is(c.outcome, 'stale', 'an old version is stale')
from test.call_many('[{"method": "POST", "path": "/try/context", "version": 0}]') as c;
select is(c.status, 404, 'a route of development is 404 in production') from test.call('POST', '/try/development') as c;
update core.setting set value = '"development"' where name = 'core.environment';
select is(c.status, 200, 'and answers in development') from test.call('POST', '/try/development') as c;

-- The end of a batch.
select is(
    array_agg(c.outcome order by c.call), '{done,again,done,again}',
    'a deadlock ends the batch: the calls behind come back, refused ones are answered'
)
from test.call_many('[{"method": "POST", "path": "/try/context"},
    {"method": "POST", "path": "/try/raise", "body": {"state": "40P01"}}, {"method": "POST", "path": "/try/mine"},
    {"method": "POST", "path": "/try/context"}]') as c;
select is(c.more ->> 'sqlstate', '55P03', 'a lock that was not to be had comes back with its state')
from test.call('POST', '/try/raise', null, '{"state": "55P03"}') as c;
select is(
    array_agg(row(c.outcome, c.status, c.body ->> 'request_id')::text order by c.call),
    array['(done,200,)', '(done,503,req_late)', '(again,,)'], 'a call that timed out is 503, under its own id'
)
from test.call_many('[{"method": "POST", "path": "/try/context"},
    {"method": "POST", "path": "/try/raise", "request_id": "req_late", "body": {"state": "57014"}},
    {"method": "POST", "path": "/try/context"}]') as c;

-- Charges stay when the call fails; what is refused behind the end of a batch is not let in by the retry.
insert into limits.policy (name, scope, route_class, quota, burst, window_seconds) values ('tried', 'address', 'tried', 2, 2, 60);
select is(
    array_agg(c.status order by c.call), '{500,500,429}', 'a failed call keeps its charge'
)
from test.call_many((
    select jsonb_agg('{"method": "POST", "path": "/try/raise", "address": "192.0.2.9", "body": {"state": "XX000"}}'::jsonb)
    from generate_series(1, 3)
)) as c;
select is(
    array_agg(row(c.outcome, c.status)::text order by c.call), array['(again,)', '(again,)', '(done,429)'],
    'behind a deadlock a refused call is refused'
)
from test.call_many((
    select jsonb_agg('{"method": "POST", "path": "/try/raise", "address": "192.0.2.10", "body": {"state": "40P01"}}'::jsonb)
    from generate_series(1, 3)
)) as c;
select is(c.status, 200, 'a call that bears its admission is not charged again')
from test.call('POST', '/try/context', null, null, '192.0.2.10', '{"admitted": true}') as c;

-- Waiting.
select is(
    row(c.outcome, c.status, c.more -> 'wait_for')::text, '(wait,,"[""things/*""]")', 'a call can ask to wait'
)
from test.call('POST', '/try/wait', null, '{"until": "2031-01-01T00:00:00Z"}') as c;
select is(c.status, 200, 'and is called again with its end')
from test.call('POST', '/try/wait', null, '{"until": "2031-01-01T00:00:00Z"}', null, '{"wait_until": "2031-01-01T00:00:00Z"}') as c;

-- Sensitive calls are counted.
delete from audit.sensitive_call;
select is(c.status, 204, 'a sensitive call') from test.call('POST', '/try/audited', :'key_a', '{"is_recorded": true}') as c;
select is(audit.measure_coverage(), 100.00, 'that is recorded is covered');
select is(c.status, 204, 'another') from test.call('POST', '/try/audited', :'key_a', '{"is_recorded": false}') as c;
select is(audit.measure_coverage(), 50.00, 'that is not recorded is not');
select is(
    array_agg(s.actor), array[core.show_id('key', t.id), core.show_id('key', t.id)], 'and it is known who called'
)
from audit.sensitive_call as s cross join keys.read_text(:'key_a') as t group by t.id;

-- A call of lane alone is charged after its work, in the same transaction: nobody waits for its buckets meanwhile.
insert into limits.policy (name, scope, route_class, quota, burst, window_seconds) values ('late', 'key', 'late', 4, 4, 60);
set local role levqor_owner;
create table api.late (id integer primary key, buckets bigint, used bigint);
-- How often the door was called, undone or not.
create sequence api.late_runs;
create function api.try_late(p_id integer) returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    perform core.enter_machinery();
    perform nextval('api.late_runs');
    insert into api.late (id, buckets, used)
    select p_id,
        (select count(*) from limits.bucket as b inner join limits.policy as p on p.id = b.policy_id where p.name = 'late'),
        (select coalesce(sum(u.used), 0) from quota.usage as u inner join keys.read_text(current_setting('test.key')) as k on k.account_id = u.account_id);
    if p_id < 0 then
        raise exception using errcode = 'LQ422', message = 'not this one';
    end if;
    return http.json(200, '{}');
end;
$$;
reset role;
select test.make_account('Late') as late \gset
update identity.account set tier = 'sandbox' where id = :'late';
select test.make_key(:'late') as key_b \gset
select set_config('test.key', :'key_b', true);
select http.register_route('POST', '/try/late', 'api.try_late', p_domain => 'http', p_limit_class => 'late', p_lane => 'alone',
    p_is_metered => true);
delete from quota.usage;
select core.set_test_clock('2031-02-01 12:00:00+00');
create function pg_temp.late(p_id integer) returns text language sql as $$
    select concat_ws(' ', c.status, substring(c.headers ->> 'RateLimit' from '"late";r=[0-9]+'))
    from test.call('POST', '/try/late', current_setting('test.key'), jsonb_build_object('id', p_id)) as c
$$;
select is(pg_temp.late(1), '200 "late";r=3', 'a call alone tells its limits');
select is(row(l.buckets, l.used)::text, '(0,0)', 'which it was not charged to while it worked') from api.late as l;
select is(pg_temp.late(-1), '422 "late";r=2', 'one that fails is charged too');
select is(pg_temp.late(1), '409 "late";r=1', 'and one that breaks a rule');
select is(pg_temp.late(2), '200 "late";r=0', 'the last that has room');
select is(left(pg_temp.late(3), 3), '429', 'is the last');
select is(r.last_value, 4::bigint, 'and nobody works in vain') from api.late_runs as r;
select is(array_agg(l.id order by l.id), '{1,2}', 'what there was no room for, and what failed, is undone') from api.late as l;
select is(u.used, 4::bigint, 'the month counts all but what was refused')
from quota.usage as u inner join keys.read_text(:'key_b') as k on k.account_id = u.account_id;
update quota.usage as u set used = u.allowed - 1 from keys.read_text(:'key_b') as k where k.account_id = u.account_id;
select core.set_test_clock('2031-02-01 12:10:00+00');
select is(left(pg_temp.late(4), 3), '200', 'the last call of the month is made');
select is(left(pg_temp.late(5), 3), '429', 'and none after it');
select is(max(l.id), 4, 'nor its work') from api.late as l;
update quota.usage set used = 0;
select setval('api.late_runs', 1);
update limits.policy set is_enabled = false;
select is(pg_temp.late(6), '200', 'a call that nothing limits');
select is(r.last_value, 2::bigint, 'is made once') from api.late_runs as r;
alter table limits.bucket rename to bucket_gone;
update limits.policy set is_enabled = true where name = 'late';
select is(c.status, 503, 'where the limiter is broken, it is refused as its route says') from test.call('POST', '/try/late', :'key_b', '{"id": 7}') as c;
select is(max(l.id), 6, 'and leaves nothing') from api.late as l;
update http.route set when_limiter_fails = 'open' where path = '/try/late';
select is(c.more #> '{decision,flags}', '["limiter-failed-open"]', 'or made')
from test.call('POST', '/try/late', :'key_b', '{"id": 8}') as c;
alter table limits.bucket_gone rename to bucket;

-- Rights.
select function_privs_are('http', 'handle_many', array[
    'text[]', 'integer[]', 'integer[]', 'text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'jsonb[]'
], 'levqor_server', array['EXECUTE'], 'the server may call it');
select is_empty($$select http.handle_many('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')$$, 'an empty batch is nothing');
set local role levqor_server;
select throws_ok('select from identity.account', '42501', 'permission denied for schema identity', 'and read no table');
select throws_ok('select from http.route', '42501', 'permission denied for table route', 'not even the routes');
reset role;

select * from finish();
rollback;
