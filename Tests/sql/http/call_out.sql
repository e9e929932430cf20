-- Calls to the outside before an answer: what is asked for, what the server is told, and how a request goes on.
begin;
select plan(80);

-- Signers.
select is(http.find_signer_fault(s.signer::jsonb), null, 'good: ' || left(s.signer, 60))
from (values
    ('{"scheme": "bearer", "credential": "a"}'), ('{"scheme": "url", "credential": "a-b.c_D9"}'),
    ('{"scheme": "url-part", "credential": "a"}'), ('{"scheme": "basic", "credential": "a", "user": "u"}'),
    ('{"scheme": "header", "credential": "a", "name": "X-Key"}'), ('{"scheme": "hmac-sha256", "credential": "a", "header": "h"}'),
    ('{"scheme": "hmac-sha256", "credential": "a", "header": "h", "prefix": "p", "encoding": "base64",
        "content": "timestamp.body", "timestamp_header": "t"}'),
    ('{"scheme": "hmac-sha256", "credential": "a", "header": "h", "prefix": "t={timestamp},v1=", "content": "timestamp.body"}'),
    ('{"scheme": "google-service-account", "credential": "a", "scopes": ["s"], "subject": "x"}')
) as s (signer);
select matches(http.find_signer_fault(s.signer::jsonb), s.fault, 'not good: ' || left(s.signer, 90))
from (values
    ('[]', 'an object'), ('{}', 'scheme null is not known'), ('{"scheme": "magic", "credential": "a"}', 'scheme magic'),
    ('{"scheme": "bearer"}', 'needs the text credential'), ('{"scheme": "bearer", "credential": 1}', 'needs the text credential'),
    ('{"scheme": "bearer", "credential": "../a"}', 'the name of a credential'),
    ('{"scheme": "bearer", "credential": "a", "value": "secret"}', 'bearer knows no value'),
    ('{"scheme": "bearer", "credential": "a", "scopes": []}', 'bearer knows no scopes'),
    ('{"scheme": "basic", "credential": "a"}', 'needs the text user'), ('{"scheme": "header", "credential": "a"}', 'the text name'),
    ('{"scheme": "hmac-sha256", "credential": "a"}', 'the text header'),
    ('{"scheme": "hmac-sha256", "credential": "a", "header": "h", "encoding": "utf8"}', 'hex or base64'),
    ('{"scheme": "hmac-sha256", "credential": "a", "header": "h", "content": "all"}', 'body or timestamp.body'),
    ('{"scheme": "hmac-sha256", "credential": "a", "header": "h", "content": "timestamp.body"}', 'timestamp_header'),
    ('{"scheme": "google-service-account", "credential": "a"}', 'an array scopes'),
    ('{"scheme": "google-service-account", "credential": "a", "scopes": []}', 'an array scopes')
) as s (signer, fault);

-- Doors that ask.
set local role levqor_owner;
create table api.asked (n integer generated always as identity primary key, what text, account_id uuid, request text);
create function api.try_ask(p_request jsonb, p_state jsonb default '{"n": 1.50}', p_continue text default 'api.try_asked')
returns http.response language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into api.asked (what, account_id, request) values ('first', core.current_account(), core.current_request());
    perform core.hint('asked');
    return http.call_out(p_request, p_continue, p_state);
end;
$$;
create function api.try_asked(p_state jsonb, p_outcome jsonb)
returns http.response language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into api.asked (what, account_id, request) values ('second', core.current_account(), core.current_request());
    if p_outcome ? 'again' then
        return http.call_out('{"url": "https://example.com/again"}', 'api.try_asked', p_state);
    elsif p_outcome ? 'wait' and http.wait_until() is null then
        return http.wait('{more}', core.now() + interval '1 minute');
    elsif p_outcome ? 'raise' then
        raise exception using errcode = 'LQ409', message = 'it is so';
    end if;
    return http.json(200, jsonb_build_object(
        'state', p_state, 'outcome', p_outcome, 'account', core.current_account(), 'key', core.current_key(),
        'agent', current_setting('levqor.user_agent'), 'machinery', core.is_machinery(), 'scopes', current_setting('levqor.scopes')
    ));
end;
$$;
create function api.try_look(p_url text) returns http.response language sql stable security definer
set search_path = pg_catalog, pg_temp as $$ select http.call_out(jsonb_build_object('url', p_url), 'api.try_seen') $$;
create function api.try_seen(p_state jsonb, p_outcome jsonb) returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    if p_outcome ? 'write' then
        insert into api.asked (what) values ('written by a reader');
    end if;
    return http.json(200, p_outcome);
end;
$$;
create function api.try_other(p_state jsonb, p_outcome jsonb) returns jsonb language sql as 'select p_state';
select http.register_route('POST', '/try/ask', 'api.try_ask', p_domain => 'http', p_limit_class => 'tried', p_is_metered => true,
    p_request_schema => '{"type": "object"}');
select http.register_route('GET', '/try/look', 'api.try_look', p_domain => 'http', p_parameters => '{"url": {"type": "string"}}');
reset role;
insert into limits.policy (name, scope, route_class, quota, burst, window_seconds) values ('tried', 'key', 'tried', 60, 30, 60);
select core.set_test_clock('2031-01-01 12:00:00+00');

-- What is asked for.
select is(
    http.call_out('{"url": "https://example.com/"}', 'api.try_asked', '1'),
    row(
        null, null, jsonb_build_object(
            'request', '{"method": "GET", "url": "https://example.com/", "headers": {}, "timeout_ms": 10000}'::jsonb,
            'function', 'api.try_asked', 'state', 1
        )::text,
        '{call-out}'::text[], '2031-01-01 12:00:10+00'::timestamptz, null
    )::http.response, 'a GET without a body, for ten seconds'
);
select is(
    (http.call_out(
        '{"url": "http://example.com", "body": {"a": 1}, "headers": {"X-A": "b"}, "timeout_ms": 1.0,
            "signer": {"scheme": "bearer", "credential": "c"}}', 'api.try_asked', null
    )).body::jsonb,
    '{"request": {"method": "POST", "url": "http://example.com", "body": "{\"a\": 1}", "timeout_ms": 1,
        "headers": {"X-A": "b", "Content-Type": "application/json"}, "signer": {"scheme": "bearer", "credential": "c"}},
        "function": "api.try_asked", "state": null}'::jsonb, 'a body makes a POST; an object is sent as JSON'
);
select is(
    (http.call_out(
        '{"method": "PUT", "url": "https://example.com/", "body": ["a"], "headers": {"content-TYPE": "x/y"}}', 'api.try_asked'
    )).body::jsonb #> '{request,headers}', '{"content-TYPE": "x/y"}', 'its own type is kept'
);
select is(
    (http.call_out('{"signer": {"scheme": "url", "credential": "c"}}', 'api.try_asked')).body::jsonb #>> '{request,url}',
    'https://credential.invalid/', 'where the URL is secret, there is a placeholder'
);
select throws_like(
    format('select http.call_out(%L, %L)', c.request, 'api.try_asked'), 'a call-out is not well formed: ' || c.fault,
    'refused: ' || coalesce(left(c.request, 60), 'null')
)
from (values
    (null, '%no object'), ('[]', '%no object'), ('{"url": "https://a/", "uri": 1}', '%uri, which is not known'),
    ('{"url": "ftp://a/"}', '%no http or https URL'), ('{}', '%no http or https URL'), ('{"method": "get", "url": "https://a/"}', '%method%'),
    ('{"url": "https://a/", "headers": []}', '%headers%'), ('{"url": "https://a/", "headers": {"a": 1}}', '%headers%'),
    ('{"url": "https://a/", "timeout_ms": 30001}', '%1 to 30000'), ('{"url": "https://a/", "timeout_ms": "5"}', '%no number'),
    ('{"url": "https://a/", "signer": {"scheme": "x"}}', '%scheme x%'),
    (jsonb_build_object('url', 'https://a/', 'body', repeat('a', 1048577))::text, '%longer than 1 MiB')
) as c (request, fault);
select throws_like(
    format('select http.call_out(%L, %L, %L)', '{"url": "https://a/"}', 'api.try_asked', to_jsonb(repeat('a', 65535))),
    '%state is longer%', 'a state is bounded'
);
select throws_ok(
    format('select http.call_out(%L, %L)', '{"url": "https://a/"}', f.name), 'LQ500',
    format('the continuation %s(p_state jsonb, p_outcome jsonb) returning http.response does not exist', f.name),
    'no continuation: ' || f.name
)
from (values ('api.no_such'), ('api.try_ask'), ('api.try_other'), ('core.now'), ('api.try_asked(1); select 1')) as f (name);

-- Through the entry point.
select test.make_account('A') as a, test.make_account('B') as b \gset
select test.make_key(:'a') as key_a, test.make_key(:'b') as key_b \gset
create temp table asked as
select c.*
from test.call_many(jsonb_build_array(jsonb_build_object(
    'method', 'POST', 'path', '/try/ask', 'key', :'key_a', 'request_id', 'req_1', 'address', '192.0.2.1',
    'context', '{"idempotency_key": "k"}'::jsonb,
    'body', '{"request": {"url": "https://example.com/"}}'::jsonb
))) as c;
select is(a.outcome, 'call', 'the server is to ask the outside') from asked as a;
select is(a.status, null, 'and nothing to answer yet') from asked as a;
select is(
    (a.more -> 'call_out') - 'caller',
    '{"request": {"method": "GET", "url": "https://example.com/", "headers": {}, "timeout_ms": 10000},
        "function": "api.try_asked", "state": {"n": 1.50}, "round": 1}'::jsonb, 'it is told what, and how it goes on'
) from asked as a;
select is(a.hints, array[E'asked\t1'], 'hints go out at once: the first half is committed') from asked as a;
select is((select string_agg(s.what, ',') from api.asked as s), 'first', 'the first half is done');
select is(
    (select row(i.state, i.leased_until)::text from http.idempotency_key as i where i.account_id = :'a'),
    row('running', '2031-01-01 12:00:40+00'::timestamptz)::text,
    'its Idempotency-Key is held until half a minute after the time of the call-out'
);
select is(
    (select u.used from quota.usage as u where u.account_id = :'a'), 1::bigint, 'and it is charged'
);

-- The server's second call, with whatever outcome.
create function pg_temp.go_on(p_call_out jsonb, p_outcome jsonb, p_key text, p_more jsonb default '{}') returns jsonb language sql as $$
    select jsonb_build_object(
        'method', 'POST', 'path', '/try/ask', 'key', p_key, 'request_id', 'req_1', 'address', '192.0.2.1',
        'body', '{"request": {"url": "https://example.com/"}}'::jsonb,
        'context', '{"admitted": true}'::jsonb || p_more
            || jsonb_build_object('continue', p_call_out || jsonb_build_object('outcome', p_outcome))
    )
$$;
select is(
    (select c.outcome from test.call_many(jsonb_build_array(pg_temp.go_on(a.more -> 'call_out', '{"wait": 1}', :'key_a'))) as c),
    'wait', 'a continuation may wait'
) from asked as a;
select is(
    (select c.status from test.call_many(jsonb_build_array(
        pg_temp.go_on(a.more -> 'call_out', '{"wait": 1}', :'key_a', '{"wait_until": "2031-01-01T12:01:00Z"}')
    )) as c), 200, 'and is called again'
) from asked as a;
select is(
    (select c.more #>> '{call_out,round}' from test.call_many(jsonb_build_array(
        pg_temp.go_on(a.more -> 'call_out', '{"again": 1}', :'key_a')
    )) as c), '2', 'or call out again, the second time'
) from asked as a;
select is(
    (select c.outcome || (c.more #>> '{call_out,round}') from test.call_many(jsonb_build_array(
        pg_temp.go_on(a.more -> 'call_out' || '{"round": 3}', '{"again": 1}', :'key_a')
    )) as c), 'call4', 'three times more in all'
) from asked as a;
select is(
    (select c.status || (c.more #>> '{fault,message}') from test.call_many(jsonb_build_array(
        pg_temp.go_on(a.more -> 'call_out' || '{"round": 4}', '{"again": 1}', :'key_a')
    )) as c), '500api.try_asked called out: continuations may do so three times in a request', 'and not a fourth'
) from asked as a;
select is(
    (select c.status from test.call_many(jsonb_build_array(pg_temp.go_on(a.more -> 'call_out', '{"raise": 1}', :'key_a'))) as c),
    409, 'an error is a problem as ever'
) from asked as a;
select is(
    (select c.status from test.call_many(jsonb_build_array(
        pg_temp.go_on(a.more -> 'call_out' || '{"function": "api.gone"}', '{}', :'key_a')
    )) as c), 500, 'one that has gone since is one of ours'
) from asked as a;

-- Two accounts and somebody else's ordinary call in one batch; the first one's key is revoked meanwhile.
-- Answers with 500 gave back what was charged.
update quota.usage set used = 1 where account_id = :'a';
update keys.api_key set revoked_at = core.now() where account_id = :'a';
create temp table both_sides as
select c.*
from asked as a, test.call_many(jsonb_build_array(
    pg_temp.go_on(a.more -> 'call_out', '{"status": 200}', :'key_a', '{"idempotency_key": "k"}'),
    jsonb_build_object('method', 'POST', 'path', '/try/ask', 'key', :'key_b', 'user_agent', 'other',
        'body', '{"request": {"url": "https://example.com/b"}}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/ask', 'key', :'key_a', 'body', '{"request": {"url": "https://example.com/"}}'::jsonb)
)) as c;
select is(
    (select b.body - 'key' - 'scopes' from both_sides as b where b.call = 1),
    jsonb_build_object('state', '{"n": 1.50}'::jsonb, 'outcome', '{"status": 200}'::jsonb, 'account', :'a', 'agent', 'pgTAP', 'machinery', false),
    'it goes on as who it was, though the key is revoked'
);
select isnt((select b.body ->> 'key' from both_sides as b where b.call = 1), null, 'with its key');
select is((select b.outcome from both_sides as b where b.call = 2), 'call', 'its neighbour asks for itself');
select is((select b.more #>> '{call_out,caller,account_id}' from both_sides as b where b.call = 2), :'b', 'as itself');
select is((select b.status from both_sides as b where b.call = 3), 401, 'and the revoked key begins nothing new');
select is(
    (select u.used from quota.usage as u where u.account_id = :'a'), 1::bigint, 'no second half was charged'
);
select is(
    (select row(i.state, i.status)::text from http.idempotency_key as i where i.account_id = :'a'), '(done,200)',
    'the answer of the continuation is kept for the Idempotency-Key'
);

-- A reading route.
select is(c.outcome, 'call', 'a GET may ask too') from test.call('GET', '/try/look?url=https://example.com/', :'key_b') as c;
create temp table look as select c.* from test.call('GET', '/try/look?url=https://example.com/', :'key_b') as c;
select is(
    (select c.status from test.call_many(jsonb_build_array(jsonb_build_object(
        'method', 'GET', 'path', '/try/look?url=https://example.com/', 'key', :'key_b',
        'context', jsonb_build_object('admitted', true, 'continue', l.more -> 'call_out' || jsonb_build_object('outcome', o.outcome))
    ))) as c), o.status, format('its continuation reads, and may not write: %s', o.outcome)
)
from look as l, (values ('{"a": 1}'::jsonb, 200), ('{"write": 1}', 500)) as o (outcome, status);

-- No continuation by what clients send.
select is(
    (select c.status from test.call_many(jsonb_build_array(jsonb_build_object(
        'method', 'POST', 'path', '/try/ask', 'key', :'key_b',
        'body', '{"request": {"url": "https://example.com/"}, "continue": {"function": "api.try_asked"}}'::jsonb
    ))) as c), 422, 'a member of this name is unknown'
);
select is(
    (select c.outcome from test.call_many(jsonb_build_array(jsonb_build_object(
        'method', 'POST', 'path', '/try/ask', 'key', :'key_b', 'context', '{"idempotency_key": "continue"}'::jsonb,
        'body', '{"request": {"url": "https://example.com/"}}'::jsonb
    ))) as c), 'call', 'and a key of this name means nothing'
);

-- The usual answers to failures.
select is(
    (http.refuse_call_out(o.outcome::jsonb)).status, o.status, o.outcome
)
from (values
    ('{"kind": "busy", "status": null}', 503), ('{"kind": "shutdown"}', 503), ('{"kind": "timeout"}', 504),
    ('{"kind": "connect"}', 502), ('{"kind": null, "status": 404, "body": "secret"}', 502)
) as o (outcome, status);
select unalike((http.refuse_call_out('{"status": 404, "body": "secret"}')).body, '%secret%', 'the words of the outside are not shown');

-- Rights.
select is_empty(
    $$select p.oid::regprocedure from pg_proc as p
        where p.pronamespace = 'http'::regnamespace
            and p.proname in ('call_out', 'call_continued', 'resume_calls', 'find_continuation', 'find_signer_fault', 'refuse_call_out')
            and (p.prosecdef or has_function_privilege('levqor_server', p.oid, 'execute'))$$,
    'they have the rights of the door, and no server calls them'
);

select * from finish();
rollback;
