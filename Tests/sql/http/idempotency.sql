-- Idempotency-Key, step by step: keys are opened and closed here as http.handle_many does it. What sessions of their own
-- see is committed, so the last part cleans up after itself.
begin;
select plan(107);

-- The fingerprint.
select is(
    http.fingerprint_call('POST', '/a', '{"id": "1"}', '{"b": 1}'), sha256(convert_to(E'POST\n/a\n{"id": "1"}\n{"b": 1}', 'UTF8')),
    'it is SHA-256 over method, path template, parameters and body'
);
select is(http.fingerprint_call('POST', '/a', '{}', null), http.fingerprint_call('POST', '/a', '{}', ''), 'no body is an empty one');
select is(
    count(distinct http.fingerprint_call(x.method, x.path, x.parameters, x.body)), 7::bigint, 'each part counts, byte by byte'
)
from (values
    ('POST', '/a', '{}', '{"a": 1, "b": 2}'), ('PUT', '/a', '{}', '{"a": 1, "b": 2}'), ('POST', '/b', '{}', '{"a": 1, "b": 2}'),
    ('POST', '/a', '{"id": "1"}', '{"a": 1, "b": 2}'), ('POST', '/a', '{}', '{"b": 2, "a": 1}'),
    ('POST', '/a', '{}', '{"a":1,"b":2}'), ('POST', '/a', '{}', '{"a": 1, "b": 2}' || E'\n')
) as x (method, path, parameters, body);
select is(octet_length(http.fingerprint_call('POST', '/a', '{}', '{"a": "ü€😀"}')), 32, 'any text has one');
select isnt(
    http.lock_of_key('018f0000-0000-7000-8000-000000000001', 'a'), http.lock_of_key('018f0000-0000-7000-8000-000000000002', 'a'),
    'an account''s lock is its own'
);

-- Opened and closed by hand.
set local role levqor_owner;
create function api.try_create(p_id text default null) returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
create function api.try_look() returns http.response language sql stable security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
select http.register_route(r.method, r.path, r.function, p_domain => 'http')
from (values
    ('POST', '/try/create', 'api.try_create'), ('POST', '/try/create/{id}', 'api.try_create'),
    ('GET', '/try/look', 'api.try_look'), ('PUT', '/try/create', 'api.try_create')
) as r (method, path, function);
reset role;
select test.make_account('A') as a, test.make_account('B') as b \gset
select core.enter_machinery();
select core.set_test_clock('2031-01-01T12:00:00Z');

-- p_calls: {path, method, account, refusal, request, header, parameters, body, context}; all but header may be left out.
create function pg_temp.open(p_calls jsonb) returns table (
    ordinal integer, verdict text, status integer, headers jsonb, body text, reveal jsonb, key text, fingerprint bytea
)
language sql as $$
    select o.*
    from (
        select
            array_agg(
                jsonb_populate_record(null::http.call, jsonb_build_object(
                    'ordinal', c.ordinal, 'route_id', r.id, 'refusal', c.value ->> 'refusal',
                    'account_id', coalesce(c.value -> 'account', to_jsonb(current_setting('test.account')))
                )) order by c.ordinal
            ) as calls,
            array_agg(
                coalesce(c.value -> 'context', '{}')
                    || case when c.value ? 'header' then jsonb_build_object('idempotency_key', c.value -> 'header') else '{}' end
                order by c.ordinal
            ) as contexts,
            array_agg(coalesce(c.value ->> 'request', 'req_' || c.ordinal) order by c.ordinal) as request_ids,
            array_agg(coalesce(c.value ->> 'parameters', '{}') order by c.ordinal) as parameters,
            array_agg(c.value ->> 'body' order by c.ordinal) as bodies
        from jsonb_array_elements(p_calls) with ordinality as c (value, ordinal)
        inner join http.route as r
            on r.method = coalesce(c.value ->> 'method', 'POST') and r.path = coalesce(c.value ->> 'path', '/try/create')
    ) as a
    cross join lateral http.open_idempotent(a.calls, a.contexts, a.request_ids, a.parameters, a.bodies) as o
$$;
create function pg_temp.open_one(p_header text, p_body text default '{}', p_request text default 'req_1', p_context jsonb default '{}')
returns table (
    ordinal integer, verdict text, status integer, headers jsonb, body text, reveal jsonb, key text, fingerprint bytea
)
language sql as $$
    select o.* from pg_temp.open(jsonb_build_array(jsonb_build_object(
        'header', p_header, 'body', p_body, 'request', p_request, 'context', p_context
    ))) as o
$$;
create function pg_temp.verdicts(p_calls jsonb) returns text language sql as $$
    select string_agg(o.ordinal || ' ' || o.verdict, ', ' order by o.ordinal) from pg_temp.open(p_calls) as o
$$;
create function pg_temp.close(p_key text, p_status integer, p_body text default '{"id": 1}', p_headers jsonb default '{}',
    p_reveal jsonb default null, p_request text default 'req_1', p_sent text default '{}')
returns void language sql as $$
    select http.close_idempotent(
        array[current_setting('test.account')::uuid], array[p_key], array[http.fingerprint_call('POST', '/try/create', '{}', p_sent)],
        array[p_request], array[p_status], array[p_headers], array[p_body], array[p_reveal]
    )
$$;
create function pg_temp.hold(p_key text, p_until timestamptz, p_request text default 'req_1') returns void language sql as $$
    select http.hold_idempotent(
        array[current_setting('test.account')::uuid], array[p_key], array[http.fingerprint_call('POST', '/try/create', '{}', '{}')],
        array[p_request], array[p_until]
    )
$$;
select set_config('test.account', :'a', true);

-- Which calls have to do with it.
select is(
    pg_temp.verdicts('[
        {}, {"header": "k1"}, {"header": "k2", "refusal": "LQ403"}, {"header": "k3", "account": null},
        {"header": "k4", "method": "GET", "path": "/try/look"}, {"header": "k5", "method": "PUT"},
        {"header": ""}, {"header": null}, {"header": "k6"}
    ]'),
    '2 new, 7 malformed, 8 malformed, 9 new', 'only POSTs of a known account that nothing refuses'
);
select is_empty('select from http.idempotency_key', 'opening writes nothing');
select is((select count(*) from pg_temp.open('[{}, {}]')), 0::bigint, 'a batch without keys has no row');
select is(
    (select count(*) from pg_locks as l where l.locktype = 'advisory' and l.pid = pg_backend_pid()), 2::bigint,
    'one lock for each key that was read'
);
select is(o.status || ' ' || (o.body::jsonb ->> 'code') || ' ' || (o.body::jsonb ->> 'request_id'), '400 bad-request req_9', 'malformed is 400')
from pg_temp.open_one(repeat('x', 256), p_request => 'req_9') as o;
select is(o.body::jsonb ->> 'detail', 'The header Idempotency-Key holds no key.', 'and says what') from pg_temp.open_one('') as o;
select is(o.verdict, 'new', '255 characters are a key') from pg_temp.open_one(repeat('x', 255)) as o;
select is(row(o.key, o.status, o.headers, o.body)::text, '("a ""k"" 7",,,)', 'new has a key and no answer yet') from pg_temp.open_one('a "k" 7') as o;
select is(o.fingerprint, http.fingerprint_call('POST', '/try/create/{id}', '{"id": "7"}', '{"x":1}'), 'and the fingerprint to close it with')
from pg_temp.open('[{"header": "k8", "path": "/try/create/{id}", "parameters": "{\"id\": \"7\"}", "body": "{\"x\":1}"}]') as o;

-- Answers that are kept.
select pg_temp.close('done', 201, '{"id": 1}', '{"Location": "/things/1"}');
select is(
    row(o.verdict, o.status, o.headers, o.body, o.reveal)::text,
    row('replay', 201, '{"Location": "/things/1", "Idempotent-Replayed": "true"}'::jsonb, '{"id": 1}', null)::text,
    'the same request gets the same answer, and is told that it did'
)
from pg_temp.open_one('done') as o;
select is(o.verdict, 'replay', 'also the one that got it first') from pg_temp.open_one('done', p_context => '{"admitted": true}') as o;
select is(
    pg_temp.verdicts('[{"header": "done", "body": "{}"}, {"header": "done", "body": "{}"}, {"header": "done", "body": "{ }"}]'),
    '1 replay, 2 replay, 3 mismatch', 'as often as it likes, also in one batch'
);
select is(
    row(o.verdict, o.status, o.body::jsonb, o.headers)::text,
    row('mismatch', 422,
        '{"type": "/problems/idempotency-key-reused", "title": "This key came with another request", "status": 422,
            "code": "idempotency-key-reused", "detail": "This Idempotency-Key came before with another request. Method, path, parameters or the bytes of the body differ.",
            "hint": "Send the very same request, or a key of its own for this one.", "request_id": "req_5"}'::jsonb,
        '{"Content-Type": "application/problem+json"}'::jsonb)::text,
    'another request under the key is 422'
)
from pg_temp.open_one('done', '{"a":1}', 'req_5') as o;
select pg_temp.close('bytes', 201, p_sent => '{"a": 1, "b": 2}');
select is(o.verdict, 'replay', 'the same bytes are the same request') from pg_temp.open_one('bytes', '{"a": 1, "b": 2}') as o;
select is(o.verdict, 'mismatch', 'members in another order are not') from pg_temp.open_one('bytes', '{"b": 2, "a": 1}') as o;
select is(o.verdict, 'mismatch', 'nor is other space') from pg_temp.open_one('bytes', '{"a":1,"b":2}') as o;
select is(
    pg_temp.verdicts('[{"header": "done", "body": "{}", "path": "/try/create/{id}", "parameters": "{\"id\": \"1\"}"}]'), '1 mismatch',
    'nor is another path'
);
select is(
    pg_temp.verdicts(jsonb_build_array(jsonb_build_object('header', 'done', 'body', '{}', 'account', :'b'))), '1 new',
    'another account''s key of the same text is another key'
);

-- Which answers are kept.
select pg_temp.close('s' || s.status, s.status, null) from unnest('{200,202,204,303,400,402,403,404,410,422}'::integer[]) as s (status);
select pg_temp.close('s' || s.status, s.status, null) from unnest('{409,429,500,503}'::integer[]) as s (status);
select is(
    (select array_agg(i.status order by i.status) from http.idempotency_key as i where i.key ~ '^s[0-9]'),
    '{200,202,204,303,400,402,403,404,410,422}', 'kept is what will not end otherwise: no 409, no 429, no 5xx'
);
select is(
    pg_temp.verdicts('[{"header": "s409"}, {"header": "s429"}, {"header": "s500"}, {"header": "s503"}]'), '1 new, 2 new, 3 new, 4 new',
    'the others may be sent again'
);
select is(row(o.status, o.body)::text, '(204,)', 'an answer without a body has none again') from pg_temp.open_one('s204') as o;
select pg_temp.close('shown', 201, '{"secret": "placeholder_1"}', '{"Cache-Control": "no-store"}', '{"placeholder_1": "signing/1"}');
select is(
    row(o.verdict, o.body, o.reveal)::text, row('replay', '{"secret": "placeholder_1"}', '{"placeholder_1": "signing/1"}'::jsonb)::text,
    'a placeholder comes with what it stands for'
)
from pg_temp.open_one('shown') as o;
select pg_temp.close('secret', 201, '{"key": "lvk_live_secret"}', '{"cache-control": "private, no-store"}');
select is_empty(
    $$select from http.idempotency_key as i where i::text like '%lvk_live_secret%'$$, 'a secret that is shown once is not kept'
);
select is(
    row(o.verdict, o.status, o.body::jsonb ->> 'code', o.headers ->> 'Idempotent-Replayed', o.body::jsonb ->> 'detail')::text,
    row('withheld', 409, 'idempotency-answer-withheld', 'true',
        'This was done before, and its answer can not be given again. It had the status 201 and held a secret that is shown once and kept nowhere.')::text,
    'sent again it is not done again, and says so'
)
from pg_temp.open_one('secret') as o;
select pg_temp.close('refused', 422, '{"code": "invalid-value"}', '{"Cache-Control": "no-store"}');
select is(o.body, '{"code": "invalid-value"}', 'a refusal holds no secret') from pg_temp.open_one('refused') as o;
select http.close_idempotent(
    array[:'b', :'a', :'a']::uuid[], '{many,many-2,many-1}', array_fill(sha256(''), '{3}'), '{r1,r2,r3}', '{201,500,404}',
    array[null, null, '{"A": "b"}']::jsonb[], '{1,2,null}', array_fill(null::jsonb, '{3}')
);
select results_eq(
    $$select i.key, i.request_id, i.status, i.headers, i.body from http.idempotency_key as i where i.key like 'many%' order by i.key$$,
    $$values ('many', 'r1', 201, '{}'::jsonb, '1'), ('many-1', 'r3', 404, '{"A": "b"}', null)$$, 'many are closed in one step'
);

-- Equal keys in one batch.
select is(
    pg_temp.verdicts('[{"header": "twin"}, {"header": "other"}, {"header": "twin"}, {"header": "twin", "body": "{\"a\":1}"}]'),
    '1 new, 2 new, 3 busy, 4 busy', 'of equal keys in one batch the first is carried out'
);
select is(
    row(o.status, o.headers, o.body::jsonb)::text,
    row(409, '{"Retry-After": "1", "Content-Type": "application/problem+json"}'::jsonb,
        '{"type": "/problems/idempotency-key-in-use", "title": "A call with this key is being carried out", "status": 409,
            "code": "idempotency-key-in-use", "detail": "Another call with this Idempotency-Key is being carried out.",
            "hint": "Send the same again in a second: it gets the answer of that one.", "request_id": "req_2"}'::jsonb)::text,
    'the others are told to come again'
)
from pg_temp.open('[{"header": "twin"}, {"header": "twin"}]') as o where o.ordinal = 2;
select is(
    pg_temp.verdicts(jsonb_build_array(
        jsonb_build_object('header', 'twin'), jsonb_build_object('header', 'twin', 'account', :'b')
    )), '1 new, 2 new', 'two accounts are no equal keys'
);

-- Expiry.
select is((select i.expires_at from http.idempotency_key as i where i.key = 'done'), '2031-01-02T12:00:00Z'::timestamptz, 'kept for 24 hours');
select core.set_test_clock('2031-01-02T11:59:59.999Z');
select is(o.verdict, 'replay', 'to the last moment') from pg_temp.open_one('done') as o;
select core.set_test_clock('2031-01-02T12:00:00Z');
select is(o.verdict, 'new', 'and no longer') from pg_temp.open_one('done') as o;
select is(o.verdict, 'new', 'also for another request') from pg_temp.open_one('done', '{"a":1}') as o;
select is(pg_temp.verdicts('[{"header": "done"}, {"header": "done"}]'), '1 new, 2 busy', 'one of two');
select pg_temp.close('done', 202, '{"id": 2}', p_sent => '{"a":1}', p_request => 'req_new');
select is(row(o.verdict, o.status, o.body, o.headers)::text, '(replay,202,"{""id"": 2}","{""Idempotent-Replayed"": ""true""}")', 'whose answer is written over the old one')
from pg_temp.open_one('done', '{"a":1}') as o;
select is(http.purge_idempotency(3), 3::bigint, 'what expired is removed, in bites');
select cmp_ok(http.purge_idempotency(), '>', 5::bigint, 'until it is gone');
select is((select array_agg(i.key) from http.idempotency_key as i), '{done}', 'and what did not, stays');
select is(http.purge_idempotency(), 0::bigint, 'there is no more');
update core.setting set value = '2' where name = 'http.idempotency_hours';
select pg_temp.close('short', 200);
select is((select i.expires_at - core.now() from http.idempotency_key as i where i.key = 'short'), '2 hours'::interval, 'the setting says how long');
select throws_ok(
    format('update core.setting set value = %L where name = %L', v.hours, 'http.idempotency_hours'), '23514', null, v.what
)
from (values ('0', 'an hour at least'), ('8761', 'a year at most')) as v (hours, what);
update core.setting set value = '24' where name = 'http.idempotency_hours';

-- Parked calls.
select core.set_test_clock('2031-02-01T12:00:00Z');
select is(o.verdict, 'new', 'a call that will wait begins as any') from pg_temp.open_one('wait') as o;
select pg_temp.hold('wait', '2031-02-01T12:01:00Z');
select is(
    row(i.state, i.request_id, i.leased_until, i.status, i.expires_at)::text,
    row('running', 'req_1', '2031-02-01T12:01:30Z'::timestamptz, null, '2031-02-02T12:00:00Z'::timestamptz)::text,
    'parked, it is kept under a lease, a little longer than the wait'
)
from http.idempotency_key as i where i.key = 'wait';
select is(row(o.verdict, o.status, o.headers ->> 'Retry-After')::text, '(busy,409,1)', 'another one has to wait') from pg_temp.open_one('wait', p_request => 'req_2') as o;
select is(o.verdict, 'busy', 'also with the same request id, which clients choose') from pg_temp.open_one('wait') as o;
select is(o.verdict, 'mismatch', 'another request is another request') from pg_temp.open_one('wait', '{"a":1}', 'req_2') as o;
select is(o.verdict, 'new', 'the parked one comes back') from pg_temp.open_one('wait', p_context => '{"wait_until": "2031-02-01T12:01:00Z"}') as o;
select is(o.verdict, 'new', 'also as admitted') from pg_temp.open_one('wait', p_context => '{"admitted": true}') as o;
select is(o.verdict, 'busy', 'but not another that was admitted') from pg_temp.open_one('wait', p_request => 'req_2', p_context => '{"admitted": true}') as o;
select is(
    pg_temp.verdicts('[{"header": "wait", "body": "{}", "request": "req_2"},
        {"header": "wait", "body": "{}", "request": "req_1", "context": {"wait_until": "2031-02-01T12:01:00Z"}}]'),
    '1 busy, 2 new', 'of two in one batch it is the one'
);
create temp table before on commit drop as select i.ctid as place from http.idempotency_key as i where i.key = 'wait';
select pg_temp.hold('wait', '2031-02-01T12:01:00Z');
select is((select i.ctid from http.idempotency_key as i where i.key = 'wait'), b.place, 'parked again until the same end, nothing is written') from before as b;
select pg_temp.hold('wait', '2031-02-01T12:02:00Z');
select is((select i.leased_until from http.idempotency_key as i where i.key = 'wait'), '2031-02-01T12:02:30Z'::timestamptz, 'until a later one, the lease is longer');
select pg_temp.close('wait', 503);
select is_empty($$select from http.idempotency_key as i where i.key = 'wait'$$, 'a failure of ours frees the key');
select pg_temp.hold('wait', '2031-02-01T12:01:00Z');
select pg_temp.close('wait', 200);
select is(
    row(i.state, i.leased_until, i.status)::text, '(done,,200)', 'the end of the wait keeps the answer'
)
from http.idempotency_key as i where i.key = 'wait';
select is(o.verdict, 'replay', 'which the parked one gets too, should it come again') from pg_temp.open_one('wait', p_context => '{"wait_until": "2031-02-01T12:01:00Z"}') as o;

-- A parked call whose server died.
select pg_temp.hold('lost', '2031-02-01T12:01:00Z');
select core.set_test_clock('2031-02-01T12:01:29.999Z');
select is(o.verdict, 'busy', 'until the lease ends nobody takes its place') from pg_temp.open_one('lost', p_request => 'req_2') as o;
select core.set_test_clock('2031-02-01T12:01:30Z');
select is(o.verdict, 'mismatch', 'then still no other request') from pg_temp.open_one('lost', '{"a":1}', 'req_2') as o;
select is(
    pg_temp.verdicts('[{"header": "lost", "body": "{}", "request": "req_2"}, {"header": "lost", "body": "{}", "request": "req_3"},
        {"header": "lost", "body": "{}", "request": "req_1", "context": {"wait_until": "2031-02-01T12:01:00Z"}}]'),
    '1 busy, 2 busy, 3 new', 'late it is still the first to go on'
);
select is(
    pg_temp.verdicts('[{"header": "lost", "body": "{}", "request": "req_2"}, {"header": "lost", "body": "{}", "request": "req_3"}]'),
    '1 new, 2 busy', 'and without it one of the same request'
);
select pg_temp.hold('lost', '2031-02-01T12:03:00Z', 'req_2');
select is(o.verdict, 'busy', 'whose lease it then is') from pg_temp.open_one('lost', p_context => '{"wait_until": "2031-02-01T12:01:00Z"}') as o;
select is(o.verdict, 'new', 'and no other''s') from pg_temp.open_one('lost', p_request => 'req_2', p_context => '{"wait_until": "2031-02-01T12:03:00Z"}') as o;
select pg_temp.hold('far', '2031-03-01T12:00:00Z');
select is((select i.expires_at from http.idempotency_key as i where i.key = 'far'), '2031-03-01T12:00:30Z'::timestamptz, 'a row outlives its lease');
select pg_temp.hold('none', null);
select is((select i.leased_until from http.idempotency_key as i where i.key = 'none'), '2031-02-01T12:02:00Z'::timestamptz, 'a wait without an end has the shortest lease');

-- Who sees what.
select test.act_for(:'b');
set local role levqor_owner;
select is_empty($$select from http.idempotency_key as i where i.key = 'lost'$$, 'an account does not see another''s keys');
select test.act_for(:'a');
select isnt_empty($$select from http.idempotency_key as i where i.key = 'lost'$$, 'it sees its own');
set local role levqor_dba;
select isnt_empty('select i.account_id, i.key, i.state, i.status, i.expires_at from http.idempotency_key as i', 'a report sees which keys there are');
select throws_ok(format('select i.%I from http.idempotency_key as i', c.name), '42501', null, 'but not ' || c.name)
from unnest('{body,headers,reveal,fingerprint}'::text[]) as c (name);
reset role;
select is(
    row(c.relpersistence, c.relforcerowsecurity)::text, '(p,t)', 'answers are as durable as what they tell'
)
from pg_class as c where c.oid = 'http.idempotency_key'::regclass;
select core.set_test_clock(null);

select is(
    p.provolatile, 'v', 'the rows are read by a query that begins when the locks are held, and so sees what their last holder left'
)
from pg_proc as p where p.oid = 'http.open_idempotent'::regproc;

-- Sessions of their own. A job is handed in under a key; the commit decides.
set local client_min_messages = warning;
create extension if not exists dblink;
create temp table s on commit drop as
select format(
    -- Nothing here may wait for a lock: a step that does fails.
    'dbname=%s host=%s port=%s user=%s options=''-c lock_timeout=1s''', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
) as text;
select dblink_connect(n.name, s.text) from s, unnest('{one,two,purge}'::text[]) as n (name);
create temp table t on commit drop as
select d.account
from dblink('one', $$
    with a as (insert into identity.account (name) values ('idempotent race') returning id)
    select id from a
$$) as d (account uuid);
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, replace(p_sql, 'ACCOUNT', quote_literal((select account from t)) || '::uuid')) as d (result text)
$$;
-- One intake as http.handle_many carries it out: open; when new, the work; close. Gives the verdict and the body.
create function pg_temp.intake(p_session text, p_key text, p_body text default '{}', p_status integer default 202) returns text language sql as $$
    select pg_temp.run(p_session, format(
        $sql$
            with opened as materialized (
                select o.*
                from http.route as r
                cross join lateral http.open_idempotent(
                    array[jsonb_populate_record(null::http.call, jsonb_build_object('ordinal', 1, 'route_id', r.id, 'account_id', ACCOUNT))],
                    array[jsonb_build_object('idempotency_key', %1$L)], array['req_' || pg_backend_pid()], '{"{}"}', array[%2$L]
                ) as o
                where r.method = 'POST' and r.path = '/api/v1/intake'
            ),
            worked as materialized (
                select o.key, o.fingerprint, (jobs.submit_job(ACCOUNT, 'idempotent', '{}')).id::text as body
                from opened as o
                where o.verdict = 'new'
            ),
            closed as materialized (
                select http.close_idempotent(array[ACCOUNT], array[w.key], array[w.fingerprint], array['req_' || pg_backend_pid()],
                    array[%3$s], array['{}'::jsonb], array[w.body], array[null::jsonb])::text as nothing
                from worked as w
            )
            select o.verdict || ' ' || coalesce(w.body, case o.verdict when 'replay' then o.body end, '') || coalesce(c.nothing, '')
            from opened as o
            left join worked as w on true
            left join closed as c on true
        $sql$, p_key, p_body, p_status
    ))
$$;
create function pg_temp.count_jobs() returns text language sql as $$
    select pg_temp.run('one', $sql$select count(*)::text from jobs.job where account_id = ACCOUNT$sql$)
$$;

-- Uncommitted, then committed.
select dblink_exec('one', 'begin');
create temp table first on commit drop as select pg_temp.intake('one', 'race') as answer;
select matches(f.answer, '^new [0-9a-f-]{36}$', 'the first hands a job in') from first as f;
select is(pg_temp.intake('two', 'race'), 'busy ', 'one that comes before its commit is told to come again, and does not wait');
select is(pg_temp.intake('two', 'race', '{"a":1}'), 'busy ', 'whatever it brings: what is not committed can not be seen');
select dblink_exec('one', 'commit');
select is(pg_temp.intake('two', 'race'), replace(f.answer, 'new', 'replay'), 'after the commit it gets the same job') from first as f;
select is(pg_temp.intake('two', 'race', '{"a":1}'), 'mismatch ', 'and another request is refused');
select is(pg_temp.count_jobs(), '1', 'there is one job');

-- Undone: a crash, or an error of the whole batch.
select dblink_exec('one', 'begin');
select pg_temp.intake('one', 'undone');
select is(pg_temp.intake('two', 'undone'), 'busy ', 'one that comes meanwhile waits');
select dblink_exec('one', 'rollback');
select matches(pg_temp.intake('two', 'undone'), '^new ', 'and does it when the first was undone');
select is(pg_temp.count_jobs(), '2', 'there is one job more');
-- The session dies with its transaction open, as in a kill -9.
select dblink_exec('one', 'begin');
select pg_temp.intake('one', 'killed');
select dblink_disconnect('one');
select dblink_connect('one', text) from s;
create function pg_temp.intake_when_free(p_session text, p_key text) returns text language plpgsql as $$
declare
    v_answer text;
begin
    -- The server process of a connection that broke ends a moment later.
    for i in 1 .. 100000 loop
        v_answer := pg_temp.intake(p_session, p_key);
        exit when v_answer <> 'busy ';
    end loop;
    return v_answer;
end;
$$;
select matches(pg_temp.intake_when_free('two', 'killed'), '^new ', 'a connection that broke leaves nothing');
select is(pg_temp.count_jobs(), '3', 'there is one job more');
-- A failure of ours.
select matches(pg_temp.intake('one', 'failed', p_status => 503), '^new ', 'a failure is answered');
select matches(pg_temp.intake('two', 'failed'), '^new ', 'and may be tried again');

-- The other order: the second is the one that comes through first.
select dblink_exec('one', 'begin'), dblink_exec('two', 'begin');
select matches(pg_temp.intake('two', 'other-order'), '^new ', 'the other way round');
select is(pg_temp.intake('one', 'other-order'), 'busy ', 'it is the first that is told to come again');
select matches(pg_temp.intake('one', 'another'), '^new ', 'and a key of its own goes on');
select is(pg_temp.intake('two', 'another'), 'busy ', 'each waits for none');
select dblink_exec('one', 'commit'), dblink_exec('two', 'commit');
select is(
    (regexp_split_to_array(pg_temp.intake('one', 'other-order'), ' '))[1] || (regexp_split_to_array(pg_temp.intake('two', 'another'), ' '))[1],
    'replayreplay', 'and gets the answer of the other'
);

-- A parked call and one that takes its place when its lease has ended, both at once.
create function pg_temp.verdict(p_session text, p_request text, p_context text default '{}') returns text language sql as $$
    select pg_temp.run(p_session, format(
        $sql$
            select o.verdict
            from http.route as r
            cross join lateral http.open_idempotent(
                array[jsonb_populate_record(null::http.call, jsonb_build_object('ordinal', 1, 'route_id', r.id, 'account_id', ACCOUNT))],
                array[jsonb_build_object('idempotency_key', 'parked') || %2$L], array[%1$L], '{"{}"}', '{"{}"}'
            ) as o
            where r.method = 'POST' and r.path = '/api/v1/intake'
        $sql$, p_request, p_context
    ))
$$;
create function pg_temp.hold_in(p_session text, p_request text, p_until timestamptz) returns text language sql as $$
    select pg_temp.run(p_session, format(
        $sql$select http.hold_idempotent(array[ACCOUNT], '{parked}', array[http.fingerprint_call('POST', '/api/v1/intake', '{}', '{}')],
            array[%L], array[%L::timestamptz])::text$sql$, p_request, p_until
    ))
$$;
select pg_temp.hold_in('one', 'req_first', now() - interval '1 hour');
select pg_temp.run('one', $sql$with u as (update http.idempotency_key set leased_until = now() - interval '1 minute'
    where account_id = ACCOUNT and key = 'parked' returning 1) select count(*)::text from u$sql$);
select dblink_exec('one', 'begin'), dblink_exec('two', 'begin');
select is(pg_temp.verdict('one', 'req_first', '{"wait_until": "2031-01-01"}'), 'new', 'the parked call comes back late');
select is(pg_temp.verdict('two', 'req_second'), 'busy', 'and nobody takes its place while it runs');
select dblink_exec('one', 'rollback'), dblink_exec('two', 'rollback');
select dblink_exec('one', 'begin'), dblink_exec('two', 'begin');
select is(pg_temp.verdict('two', 'req_second'), 'new', 'another one takes its place');
select is(pg_temp.verdict('one', 'req_first', '{"wait_until": "2031-01-01"}'), 'busy', 'and it does not come back while that runs');
select pg_temp.hold_in('two', 'req_second', now() + interval '1 hour');
select dblink_exec('one', 'rollback'), dblink_exec('two', 'commit');
select is(pg_temp.verdict('one', 'req_first', '{"wait_until": "2031-01-01"}'), 'busy', 'nor later');
-- Those who ask in vain do not stand in the way of the one who waits.
select dblink_exec('one', 'begin');
select is(pg_temp.verdict('one', 'req_third'), 'busy', 'one asks in vain');
select is(pg_temp.verdict('two', 'req_second', '{"admitted": true}'), 'new', 'and the parked call goes on meanwhile');
select dblink_exec('one', 'rollback');

-- What is being removed, and what is about to be written over.
select pg_temp.run('one', $sql$with u as (
    update http.idempotency_key set created_at = now() - interval '3 days', expires_at = now() - interval '2 days'
    where account_id = ACCOUNT and key in ('race', 'undone') returning 1) select count(*)::text from u$sql$);
select dblink_exec('one', 'begin');
select matches(pg_temp.intake('one', 'race'), '^new ', 'an expired key is used anew');
select dblink_exec('purge', 'begin');
select pg_temp.run('purge', 'select http.purge_idempotency()::text');
select is(pg_temp.intake('two', 'undone'), 'busy ', 'one that is being removed is not waited for');
select dblink_exec('purge', 'commit');
select matches(pg_temp.intake('two', 'undone'), '^new ', 'and is as new afterwards');
select dblink_exec('one', 'commit');
select matches(pg_temp.intake('two', 'race'), '^replay ', 'what was written over meanwhile was not removed');

select dblink_exec('one', $$set levqor.retention = 'on'$$);
select pg_temp.run('one', format('with j as (delete from jobs.%s where account_id = ACCOUNT returning 1) select count(*)::text from j', p.name))
from unnest('{submission,waiting,tally_change}'::text[]) as p (name);
select pg_temp.run('one', $$with i as (delete from http.idempotency_key where account_id = ACCOUNT returning 1) select count(*)::text from i$$);
select pg_temp.run('one', $$with a as (delete from identity.account where id = ACCOUNT returning 1) select count(*)::text from a$$);
select dblink_disconnect(n.name) from unnest('{one,two,purge}'::text[]) as n (name);

select * from finish();
rollback;
