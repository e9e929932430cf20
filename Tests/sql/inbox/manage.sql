-- The operator's routes: sources, deliveries, replays.
begin;
select plan(45);

create temp table t on commit drop as select test.make_account('Shop') as shop, test.make_account('Other') as other;
create temp table k on commit drop as
select test.make_key(t.shop, '{platform}') as key, test.make_key(t.shop) as weak, core.show_id('acct', t.other) as other from t;

create temp table made on commit drop as
select c.* from k, test.call('POST', '/api/admin/inbox/sources', k.key,
    '{"name": "pay", "scheme": "stripe", "secrets": ["PAY"], "description": "payments"}') as c;
select is(m.status, 201, 'a source is made') from made as m;
select is(m.headers ->> 'Location', '/api/admin/inbox/sources/pay', 'and can be found') from made as m;
select is(
    m.body - '{id,created_at,updated_at}'::text[],
    '{"name": "pay", "path": "/api/v1/inbox/pay", "scheme": "stripe", "secrets": ["PAY"], "secret_generation": 0, "secret_previous_until": null,
        "tolerance_seconds": 300, "handler": "inbox.keep", "state": "active", "description": "payments", "account_id": null}', 'as it was asked for'
) from made as m;
select is(c.status, 409, 'a name is taken once') from k, test.call('POST', '/api/admin/inbox/sources', k.key, '{"name": "pay", "scheme": "github"}') as c;
select is(c.status, 422, 'a handler must be there')
from k, test.call('POST', '/api/admin/inbox/sources', k.key, '{"name": "x", "scheme": "github", "handler": "pg_catalog.now"}') as c;
select is(c.status, 422, 'no signature is for development only') from k, test.call('POST', '/api/admin/inbox/sources', k.key, '{"name": "x", "scheme": "none"}') as c;
select is(c.status, 422, 'names of secrets are names') from k, test.call('POST', '/api/admin/inbox/sources', k.key, '{"name": "x", "scheme": "github", "secrets": ["../x"]}') as c;
select is(c.status, 422, 'and not too many')
from k, test.call('POST', '/api/admin/inbox/sources', k.key, '{"name": "x", "scheme": "github", "secrets": ["1","2","3","4","5","6","7","8","9"]}') as c;
select is(c.status, 201, 'one for an account') from k,
    test.call('POST', '/api/admin/inbox/sources', k.key, '{"name": "theirs", "scheme": "github"}', p_context => jsonb_build_object('account', k.other)) as c;
select is(c.body ->> 'account_id', k.other, 'is the account''s') from k, test.call('GET', '/api/admin/inbox/sources/theirs', k.key) as c;
select is(c.status, v.status, v.name)
from k, lateral (values
    (k.weak, 403, 'who is not the platform may not see them'), (null, 401, 'nor may nobody')
) as v (key, status, name), test.call('GET', '/api/admin/inbox/sources', v.key) as c;
select is(
    (select string_agg(o ->> 'name', ' ') from jsonb_array_elements(c.body -> 'sources') as o), 'pay theirs', 'all are listed by name'
) from k, test.call('GET', '/api/admin/inbox/sources', k.key) as c;
select is(
    (select string_agg(o ->> 'name', ' ') from jsonb_array_elements(c.body -> 'sources') as o), 'theirs', 'acting for an account, its own'
) from k, test.call('GET', '/api/admin/inbox/sources', k.key, p_context => jsonb_build_object('account', k.other)) as c;
select is(c.body ->> 'next' || ' ' || (c.headers ->> 'Link'), 'pay </api/admin/inbox/sources?limit=1&after=pay>; rel="next"', 'in pages')
from k, test.call('GET', '/api/admin/inbox/sources?limit=1', k.key) as c;
select is(c.body -> 'sources' -> 0 ->> 'name' || coalesce(c.body ->> 'next', ''), 'theirs', 'to the last')
from k, test.call('GET', '/api/admin/inbox/sources?limit=1&after=pay', k.key) as c;
select is(c.status, 404, 'acting for another account, it is not found')
from k, test.call('GET', '/api/admin/inbox/sources/pay', k.key, p_context => jsonb_build_object('account', k.other)) as c;

-- Secrets that are derived.
create temp table shown on commit drop as select c.* from k, test.call('POST', '/api/admin/inbox/sources/pay/secret', k.key, '{}') as c;
select is(s.status, 201, 'a secret is made') from shown as s;
select is(s.headers ->> 'Cache-Control', 'no-store', 'and kept nowhere') from shown as s;
select is(s.more -> 'reveal' ->> (s.body ->> 'secret'), inbox.name_secret(o.id, 1), 'the server derives it from a name')
from shown as s, inbox.source as o where o.name = 'pay';
select is(c.body ->> 'generation' || ' ' || ((c.body ->> 'previous_until')::timestamptz > now())::text, '2 true', 'another, while the first counts')
from k, test.call('POST', '/api/admin/inbox/sources/pay/secret', k.key, '{"overlap_seconds": 60}') as c;
select throws_ok($$select inbox.make_secret('pay', '31 days')$$, 'LQ422', 'the overlap must be between nothing and 30 days', 'not for ever');

-- Changes.
select is(c.body ->> 'state' || (c.body -> 'secrets')::text, 'paused["PAY", "PAY_NEXT"]', 'a source is changed')
from k, test.call('PATCH', '/api/admin/inbox/sources/pay', k.key, '{"state": "paused", "secrets": ["PAY", "PAY_NEXT"]}') as c;
select is(c.body ->> 'state' || (c.body ->> 'tolerance_seconds'), 'paused60', 'what is left out stays')
from k, test.call('PATCH', '/api/admin/inbox/sources/pay', k.key, '{"tolerance_seconds": 60}') as c;
select is(c.status, 404, 'one that is not there is not') from k, test.call('PATCH', '/api/admin/inbox/sources/none', k.key, '{"state": "active"}') as c;
select is(
    (select string_agg(e.action, ' ' order by e.id) from audit.entry as e where e.action like 'inbox.%'),
    'inbox.create_source inbox.create_source inbox.make_secret inbox.make_secret inbox.change_source inbox.change_source',
    'each is in the audit trail'
);
select is(
    (select count(*) from audit.sensitive_call as c inner join audit.entry as e on e.request_id = c.request_id and e.action like 'inbox.%'), 6::bigint,
    'and measured by it'
);

-- Deliveries.
set local levqor.machinery = 'on';
insert into inbox.delivery (id, source_id, event_id, event_type, headers, body, received_at, due_at, state, handled_at, attempts, tries)
select core.new_id(), o.id, 'e' || n, 'type.' || n % 2, '{"a": "b"}', '\x00ff', '2026-03-01 12:00:00+00'::timestamptz + n * interval '1 minute', now(),
    case when n <= 2 then 'done' when n = 3 then 'dead' else 'waiting' end, case when n <= 2 then now() end, 1, 0
from inbox.source as o, generate_series(1, 5) as n where o.name = 'pay';
set local levqor.machinery = 'off';
create function pg_temp.list(p_query text) returns text language sql as $$
    select (select string_agg(d ->> 'event_id', ' ' order by d ->> 'event_id') from jsonb_array_elements(c.body -> 'deliveries') as d)
    from k, test.call('GET', '/api/admin/inbox/deliveries?' || p_query, k.key) as c
$$;
select is(pg_temp.list(v.query), v.told, 'deliveries by ' || v.query)
from (values
    ('source=pay', 'e1 e2 e3 e4 e5'), ('state=done', 'e1 e2'), ('state=dead', 'e3'), ('state=waiting&event_type=type.0', 'e4'),
    ('event_id=e2', 'e2'), ('received_after=2026-03-01T12:02:00Z&received_before=2026-03-01T12:04:00Z', 'e2 e3'), ('source=theirs', null)
) as v (query, told);
create temp table page on commit drop as select c.* from k, test.call('GET', '/api/admin/inbox/deliveries?limit=3', k.key) as c;
select is(jsonb_array_length(p.body -> 'deliveries'), 3, 'in pages') from page as p;
select is(jsonb_array_length(c.body -> 'deliveries')::text || coalesce(c.body ->> 'next_cursor', ' and no more'), '2 and no more', 'to the last')
from page as p, k, test.call('GET', '/api/admin/inbox/deliveries?limit=3&cursor=' || (p.body ->> 'next_cursor'), k.key) as c;
select is(c.status, 404, 'of an unknown source') from k, test.call('GET', '/api/admin/inbox/deliveries?source=none', k.key) as c;
create temp table one on commit drop as
select c.* from k, inbox.delivery as d, test.call('GET', '/api/admin/inbox/deliveries/' || core.show_id('rcv', d.id), k.key) as c
where d.event_id = 'e3';
select is(o.body ->> 'body' || (o.body -> 'headers')::text || (o.body -> 'history')::text, 'AP8={"a": "b"}[]', 'one, with its bytes in base64') from one as o;
select is(c.status, 404, 'an unknown one') from k, test.call('GET', '/api/admin/inbox/deliveries/rcv_' || repeat('0', 32), k.key) as c;
select is(c.status, 404, 'and one of no account, for an account') from one as o, k,
    test.call('GET', '/api/admin/inbox/deliveries/' || (o.body ->> 'id'), k.key, p_context => jsonb_build_object('account', k.other)) as c;
select is(c.body ->> 'waiting' || (c.body ->> 'dead'), '21', 'a source tells what waits and what is dead')
from k, test.call('GET', '/api/admin/inbox/sources/pay', k.key) as c;

-- Replays.
select is(c.status || (c.body ->> 'state'), '202waiting', 'a delivery is replayed') from one as o, k,
    test.call('POST', '/api/admin/inbox/deliveries/' || (o.body ->> 'id') || '/replay', k.key) as c;
select is(c.body ->> 'replayed' || (c.body -> 'next_cursor' <> 'null')::text, '1true', 'a range, and where it goes on')
from k, test.call('POST', '/api/admin/inbox/replays', k.key, '{"source": "pay", "states": ["done", "dead"], "limit": 1}') as c;

select is(c.status, 204, 'a source is deleted') from k, test.call('DELETE', '/api/admin/inbox/sources/pay', k.key) as c;
select is(c.status, 404, 'and gone') from k, test.call('GET', '/api/admin/inbox/sources/pay', k.key) as c;

select * from finish();
rollback;
