-- Deliveries are shown: to clients, without what is none of their business, and to people in psql.
begin;
select plan(35);

select test.make_account() as account, test.make_account() as other \gset
select test.make_key(:'account') as key, test.make_key(:'other') as stranger, test.make_key(:'account', '{jobs:submit}') as weak \gset
select core.set_test_clock('2030-01-01 12:00:00+00');
delete from outbox.delivery;
delete from outbox.dead_letter;
select outbox.add_endpoint(:'account', 'https://example.org/hook', '{thing.*}') as endpoint \gset

-- Ids of one millisecond are in no order: the next one begins.
create function pg_temp.tick() returns void language plpgsql as $$
declare
    v_first uuid := outbox.first_id_at(clock_timestamp());
begin
    while outbox.first_id_at(clock_timestamp()) = v_first loop
    end loop;
end;
$$;

select outbox.send_webhook(:'account', 'https://example.org/a', 'thing.done', '{"n": 1}', 'things', 'thing_1') as done \gset
select pg_temp.tick();
select outbox.send_webhook(:'account', 'https://example.org/b', 'thing.failed', '{"n": 2}', 'things', 'thing_2') as dead \gset
create function pg_temp.answer(p_id uuid, p_outcome jsonb) returns text language sql as $$
    select string_agg(r.result, ',')
    from outbox.report_outcomes((
        select jsonb_agg(jsonb_build_object('account_id', c.account_id, 'id', c.id, 'token', c.token) || p_outcome)
        from outbox.claim_messages('w', 32) as c where c.id = p_id
    ), 0.5) as r
$$;
update outbox.delivery set wake_at = 'infinity' where message_id = :'dead';
select pg_temp.answer(:'done', '{"outcome": "response", "status": 200, "headers": {"x": "y"}, "body": "fine", "timing": {"total": 3.5},
    "remote_address": "192.0.2.1:443", "started_at": "2030-01-01T12:00:00Z", "finished_at": "2030-01-01T12:00:01Z"}');
update outbox.delivery set wake_at = core.now() where message_id = :'dead';
select pg_temp.answer(:'dead', '{"outcome": "failure", "kind": "address_refused", "message": "example.org is at 10.0.0.5"}');
select pg_temp.tick();
select outbox.publish_event(:'account', 'thing.told', '{}');
select m.id as waiting from outbox.message as m where m.endpoint_id = :'endpoint' \gset
select outbox.send_request(:'account', 'POST', 'https://inside.example/', '{"X": "secret"}', 'x', 'own.call') as own \gset

select is(outbox.message_state(:'account', :'done'), 'done', 'one is done');
select is(outbox.message_state(:'account', :'dead'), 'dead', 'one is dead');
select is(outbox.message_state(:'account', :'waiting'), 'pending', 'one waits');
select is(outbox.message_state(:'other', :'done'), null, 'and none is another account''s');

-- What a customer sees of an address that was refused.
select is(
    outbox.show_deliveries(:'account', 'things', 'thing_2') #> '{0,attempts,0,error}', '"address refused"',
    'a customer is not told what a name resolves to here'
);
select is((select error from outbox.attempt where message_id = :'dead'), 'example.org is at 10.0.0.5', 'the log is');
select is(
    outbox.show_deliveries(:'account', 'things', 'thing_1') -> 0,
    jsonb_build_object(
        'message_id', core.show_id('msg', :'done'), 'event_type', 'thing.done', 'url', 'https://example.org/a', 'state', 'done',
        'created_at', core.now(), 'due_at', null, 'finished_at', '2030-01-01T12:00:01+00:00',
        'attempts', '[{"number": 1, "outcome": "delivered", "status": 200, "kind": null, "error": null,
            "started_at": "2030-01-01T12:00:00+00:00", "finished_at": "2030-01-01T12:00:01+00:00"}]'::jsonb
    ), 'a delivery is shown by what it is about'
);
select is(outbox.show_deliveries(:'account', 'things', 'thing_9'), '[]', 'and only by that');

-- Over HTTP.
create function pg_temp.list(p_key text, p_query text) returns text language sql as $$
    select string_agg(d ->> 'event_type', ',' order by n)
    from test.call('GET', '/api/v1/deliveries?' || p_query, p_key) as c,
        jsonb_array_elements(c.body -> 'deliveries') with ordinality as d (d, n)
$$;
select is(pg_temp.list(:'key', 'limit=10'), 'thing.told,thing.failed,thing.done', 'webhooks are listed, newest first; own calls are not');
select is(pg_temp.list(:'stranger', 'limit=10'), null, 'another account sees none');
select is(pg_temp.list(:'key', 'state=' || s.state), s.types, 'in state ' || s.state)
from (values ('done', 'thing.done'), ('dead', 'thing.failed'), ('pending', 'thing.told'), ('sending', null)) as s (state, types);
select is(pg_temp.list(:'key', 'event_type=thing.failed'), 'thing.failed', 'by type');
select is(pg_temp.list(:'key', 'endpoint=' || core.show_id('ep', :'endpoint')), 'thing.told', 'by endpoint');
select is(pg_temp.list(:'key', 'endpoint=nonsense'), null, 'an endpoint that can not be has none');
select is(pg_temp.list(:'key', 'created_after=2000-01-01T00:00:00Z'), 'thing.told,thing.failed,thing.done', 'since then');
select is(pg_temp.list(:'key', 'created_before=2000-01-01T00:00:00Z'), null, 'none before that');
select c.body ->> 'next_cursor' as cursor, c.body #>> '{deliveries,0,event_type}' as first from test.call('GET', '/api/v1/deliveries?limit=1', :'key') as c \gset
select is(:'first'::text, 'thing.told', 'a page');
select is(pg_temp.list(:'key', 'limit=1&cursor=' || :'cursor'), 'thing.failed', 'and the next');
select is(c.body ->> 'next_cursor', null, 'the last has none') from test.call('GET', '/api/v1/deliveries?limit=3', :'key') as c;
select is(c.status, 422, 'a cursor that is none is refused') from test.call('GET', '/api/v1/deliveries?cursor=msg_x', :'key') as c;
select is(c.status, 403, 'a key that may not read is refused') from test.call('GET', '/api/v1/deliveries', :'weak') as c;

select is(
    c.body #> '{request}', (select jsonb_build_object('method', 'POST', 'headers', m.headers, 'body', m.body) from outbox.message as m where m.id = :'done'),
    'a single one shows its request'
) from test.call('GET', '/api/v1/deliveries/' || core.show_id('msg', :'done'), :'key') as c;
select is(
    c.body #> '{attempts,0}', '{"number": 1, "outcome": "delivered", "status": 200, "kind": null, "error": null,
        "started_at": "2030-01-01T12:00:00+00:00", "finished_at": "2030-01-01T12:00:01+00:00", "response_headers": {"x": "y"},
        "response_body": "fine", "timing": {"total": 3.5}}', 'and the answer, head and timing'
) from test.call('GET', '/api/v1/deliveries/' || core.show_id('msg', :'done'), :'key') as c;
select is(c.body #>> '{attempts,0,error}', 'address refused', 'but nothing of the inside')
from test.call('GET', '/api/v1/deliveries/' || core.show_id('msg', :'dead'), :'key') as c;
select is(c.status, 404, 'another account''s is unknown') from test.call('GET', '/api/v1/deliveries/' || core.show_id('msg', :'done'), :'stranger') as c;
select is(c.status, 404, 'and so is an own call') from test.call('GET', '/api/v1/deliveries/' || core.show_id('msg', :'own'), :'key') as c;

-- For reports.
select is(outbox.measure_backlog(), 1::bigint, 'the clock counts what waits');
select test.become('levqor_dba');
select is(
    (select row(waiting, in_flight, parked, dead, late_reports)::text from outbox.overview where account_id = :'account'), '(2,0,0,1,0)', 'for reports'
);
select throws_ok('select from outbox.delivery', '42501', null, 'which do not read what is hot');
select test.become('none');
select results_eq('select * from outbox.measure_states() order by 1', $$values ('dead', 1::bigint), ('pending', 2), ('sending', 0)$$, 'and for metrics');
select is(outbox.oldest_due(), core.now(), 'as is since when the oldest is due');
delete from outbox.delivery;
select outbox.measure_backlog();
select is((select count(*) from outbox.backlog), 0::bigint, 'who waits for nothing is forgotten');

select * from finish();
rollback;
