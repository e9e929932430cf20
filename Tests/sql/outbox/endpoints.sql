-- Endpoints are made, changed and removed by their account.
begin;
select plan(58);

select test.make_account() as account, test.make_account() as other \gset
select test.make_key(:'account') as key, test.make_key(:'other') as stranger, test.make_key(:'account', '{jobs:read}') as reader \gset
select core.set_test_clock('2030-01-01 12:00:00+00');

-- In SQL.
select outbox.add_endpoint(:'account', 'https://example.org/quota', '{quota.*}') as quota \gset
select is(e.event_types, '{quota.*}', 'an endpoint listens to what it is told') from outbox.endpoint as e where e.id = :'quota';
select is(e.facts, '{"event_types": ["quota.*"]}'::jsonb, 'adding one is recorded, without its URL')
from audit.entry as e where e.target = core.show_id('ep', :'quota');
select throws_ok(format('select outbox.add_endpoint(%L, %L)', :'account', 'ftp://a/'), 'LQ422', null, 'a URL that can not be called is refused');
select throws_ok(format('select outbox.add_endpoint(%L, null)', :'account'), 'LQ422', null, 'and none');
select throws_ok(
    format('select outbox.add_endpoint(%L, %L, %L)', :'account', 'https://a/', t.patterns), 'LQ422', 'that is no list of event types',
    'no patterns: ' || coalesce(t.patterns, 'null')
)
from (values ('{}'), ('{quota*}'), ('{"a b"}'), ('{Quota.reached}'), ('{*.reached}'), ('{NULL}'), (null)) as t (patterns);
select throws_ok(
    format('insert into outbox.endpoint (account_id, url, event_types, created_at) values (%L, %L, %L, now())', :'account', 'https://a/', '{a*}'),
    '23514', null, 'also where it is written by hand'
);
select throws_ok(format('select outbox.add_endpoint(%L, %L)', core.new_id(), 'https://a/'), 'LQ404', 'no such account', 'an unknown account has none');

-- Over HTTP.
create function pg_temp.call(p_method text, p_path text, p_key text, p_body jsonb default null, out status integer, out body jsonb, out more jsonb)
language sql as $$
    select c.status, c.body, c.more from test.call(p_method, '/api/v1/endpoints' || p_path, p_key, p_body) as c
$$;
select c.body ->> 'id' as id, core.read_id('ep', c.body ->> 'id') as uuid, c.status, c.body, c.more
from pg_temp.call('POST', '', :'key', '{"url": "https://example.org/hook", "event_types": ["job.*"], "description": "mine"}') as c \gset
select is(:status, 201, 'one is made');
select is(
    :'body'::jsonb - 'id' - 'secret' - 'created_at',
    '{"url": "https://example.org/hook", "description": "mine", "event_types": ["job.*"], "enabled": true, "paused": false, "max_in_flight": null,
        "rate_per_second": null, "breaker": "closed", "disabled_at": null, "disabled_reason": null, "updated_at": null, "generation": 1}', 'and shown'
);
select is(
    :'more'::jsonb -> 'reveal', jsonb_build_object(:'body'::jsonb ->> 'secret', format('webhook/%s/%s/1', :'account', :'uuid')),
    'with its secret, which the server derives'
);
select is(c.status, 403, 'a key without the scope makes none') from pg_temp.call('POST', '', :'reader', '{"url": "https://a/"}') as c;
select is(jsonb_array_length(c.body -> 'endpoints'), 2, 'all are listed') from pg_temp.call('GET', '', :'reader') as c;
select is(c.body -> 'endpoints', '[]', 'not another account''s') from pg_temp.call('GET', '', :'stranger') as c;
select is(c.body ->> 'description', 'mine', 'one is read') from pg_temp.call('GET', '/' || :'id', :'key') as c;
select is(c.body ? 'secret', false, 'without its secret') from pg_temp.call('GET', '/' || :'id', :'key') as c;
select is(c.status, 404, 'another account reads ' || r.method || ' ' || r.path || ' as unknown')
from (values
    ('GET', '', null), ('PATCH', '', '{"enabled": false}'), ('DELETE', '', null), ('POST', '/pause', null), ('POST', '/resume', null),
    ('POST', '/test', null), ('GET', '/secrets', null), ('POST', '/secrets', null), ('POST', '/secrets/rotate', '{}'),
    ('POST', '/replay', '{"since": "2029-01-01T00:00:00Z"}')
) as r (method, path, body)
cross join lateral pg_temp.call(r.method, '/' || :'id' || r.path, :'stranger', r.body::jsonb) as c;

-- Changing.
select is(
    (c.status, c.body ->> 'url', c.body ->> 'description', c.body ->> 'max_in_flight', c.body -> 'event_types')::text,
    '(200,https://example.org/new,,7,"[""*""]")', 'members that are given are changed, null takes away'
) from pg_temp.call('PATCH', '/' || :'id', :'key', '{"url": "https://example.org/new", "description": null, "max_in_flight": 7, "event_types": ["*"]}') as c;
select is(g.in_flight, 0, 'a limit has a gate') from outbox.gate as g where g.endpoint_id = :'uuid';
select is(e.facts, '{"changed": ["description", "event_types", "max_in_flight", "url"]}', 'the trail names what changed, not how')
from audit.entry as e where e.target = :'id' and e.action = 'outbox.change_endpoint';
select is((c.status, c.body ->> 'description', c.body ->> 'max_in_flight')::text, '(200,x,7)', 'what is left out stays')
from pg_temp.call('PATCH', '/' || :'id', :'key', '{"description": "x"}') as c;
select is(c.status, 422, 'a URL that can not be called is refused') from pg_temp.call('PATCH', '/' || :'id', :'key', '{"url": "ftp://x/"}') as c;
select is((c.status, c.body ->> 'enabled')::text, '(200,false)', 'it is disabled') from pg_temp.call('PATCH', '/' || :'id', :'key', '{"enabled": false}') as c;
select is(c.status, 409, 'a disabled one is not tested') from pg_temp.call('POST', '/' || :'id' || '/test', :'key') as c;
select is((c.status, c.body ->> 'enabled')::text, '(200,true)', 'and enabled') from pg_temp.call('PATCH', '/' || :'id', :'key', '{"enabled": true}') as c;

-- Pausing, testing.
select is((c.status, c.body ->> 'paused')::text, '(200,true)', 'it is paused') from pg_temp.call('POST', '/' || :'id' || '/pause', :'key') as c;
select is((c.status, c.body ->> 'paused')::text, '(200,true)', 'twice as well') from pg_temp.call('POST', '/' || :'id' || '/pause', :'key') as c;
select is((c.status, c.body ->> 'paused')::text, '(200,false)', 'and resumed') from pg_temp.call('POST', '/' || :'id' || '/resume', :'key') as c;
select c.status, c.body ->> 'message_id' as message from pg_temp.call('POST', '/' || :'id' || '/test', :'key') as c \gset
select is(:status, 202, 'a test is sent');
select is(
    row(m.event_type, m.endpoint_id, m.body::jsonb -> 'data')::text,
    row('endpoint.test', :'uuid'::uuid, jsonb_build_object('endpoint_id', :'id', 'message', 'This is a test.'))::text, 'as an event of its own'
) from outbox.message as m where m.id = core.read_id('msg', :'message');

-- Secrets.
select is(c.status, 409, 'what was shown is not shown again') from pg_temp.call('POST', '/' || :'id' || '/secrets', :'key') as c;
select is((c.status, c.body ->> 'generation')::text, '(201,1)', 'that of one made in SQL is shown')
from pg_temp.call('POST', '/' || core.show_id('ep', :'quota') || '/secrets', :'key') as c;
select c.status, c.body, c.more from pg_temp.call('POST', '/' || :'id' || '/secrets/rotate', :'key', '{"overlap_seconds": 60}') as c \gset
select is(
    :'more'::jsonb -> 'reveal', jsonb_build_object(:'body'::jsonb ->> 'secret', format('webhook/%s/%s/2', :'account', :'uuid')), 'a new one is made'
);
select c.status from pg_temp.call('POST', '/' || :'id' || '/secrets/rotate', :'key', '{"overlap_seconds": 120}') as c \gset
select is(
    outbox.name_endpoint_secrets(:'account', :'uuid'),
    array(select outbox.name_endpoint_secret(:'account', :'uuid', n) from unnest(array[3, 2, 1]) as n), 'several sign at once, newest first'
);
select is(jsonb_array_length(c.body -> 'secrets'), 3, 'and are listed') from pg_temp.call('GET', '/' || :'id' || '/secrets', :'key') as c;
select core.set_test_clock(core.now() + interval '61 seconds');
select is(cardinality(outbox.name_endpoint_secrets(:'account', :'uuid')), 2, 'each until its overlap ends');
select count(c.status) from generate_series(1, 3) as n cross join lateral pg_temp.call('POST', '/' || :'id' || '/secrets/rotate', :'key', jsonb_build_object('overlap_seconds', 1000 + n)) as c;
select is(c.status, 409, 'five at most') from pg_temp.call('POST', '/' || :'id' || '/secrets/rotate', :'key', '{}') as c;
select is(c.status, 200, 'a rotation without an overlap') from pg_temp.call('POST', '/' || :'id' || '/secrets/rotate', :'key', '{"overlap_seconds": 0}') as c;
select is(cardinality(outbox.name_endpoint_secrets(:'account', :'uuid')), 1, 'ends all others');
select throws_ok(
    format('select outbox.rotate_endpoint_secret(%L, %L, %L)', :'account', :'uuid', '31 days'), 'LQ422',
    'the overlap must be between nothing and 30 days', 'an overlap is bounded'
);

-- Removing, and how many there may be.
select is(c.status, 204, 'one is deleted') from pg_temp.call('DELETE', '/' || :'id', :'key') as c;
select is(c.status, 404, 'once') from pg_temp.call('DELETE', '/' || :'id', :'key') as c;
update core.setting set value = '1' where name = 'outbox.endpoints_per_account';
select is(c.status, 409, 'an account has only so many') from pg_temp.call('POST', '', :'key', '{"url": "https://a/"}') as c;
select is(audit.measure_coverage(), 100.00, 'no sensitive action is missing in the trail');

select * from finish();
rollback;
