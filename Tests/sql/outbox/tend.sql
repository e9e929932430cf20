-- What an endpoint holds back comes out again, whatever happened to it meanwhile.
begin;
select plan(25);

select test.make_account() as account \gset
select core.set_test_clock('2030-01-01 12:00:00+00');
delete from outbox.delivery;
delete from outbox.dead_letter;
create temp table claim (account_id uuid, id uuid, token bigint) on commit drop;
create function pg_temp.claim(p_limit integer default 32) returns bigint language sql as $$
    delete from claim;
    insert into claim select c.account_id, c.id, c.token from outbox.claim_messages('w', p_limit) as c;
    select count(*) from claim
$$;
create function pg_temp.answer(p_status integer) returns text language sql as $$
    select string_agg(distinct r.result, ',')
    from outbox.report_outcomes((
        select jsonb_agg(jsonb_build_object('account_id', c.account_id, 'id', c.id, 'token', c.token, 'outcome', 'response', 'status', p_status))
        from claim as c
    ), 0.5) as r
$$;
create function pg_temp.publish(p_account uuid, p_count integer) returns bigint language sql as $$
    select count(outbox.publish_event(p_account, 'one.happened', '{}')) from generate_series(1, p_count)
$$;
create function pg_temp.wait(p_wait interval) returns timestamptz language sql as $$
    select core.set_test_clock(core.now() + p_wait)
$$;
create function pg_temp.parked() returns bigint language sql as $$
    select count(*) from outbox.delivery as d where d.wake_at = 'infinity'
$$;

-- Limited by its rate alone.
select outbox.add_endpoint(:'account', 'https://example.org/rate', '{one.*}', p_rate_per_second => 5) as rate \gset
select outbox.pause_endpoint(:'account', :'rate');
select pg_temp.publish(:'account', 20);
select pg_temp.claim();
select is(pg_temp.parked(), 20::bigint, 'what comes for a paused endpoint is parked');
select outbox.pause_endpoint(:'account', :'rate', false);
select is(pg_temp.parked(), 15::bigint, 'resumed, a second''s worth goes');
select is(outbox.tend_endpoints(), 15::bigint, 'and the clock lets the others out, though nothing limits how many are under way');

-- A clock that was set back.
update outbox.gate set rate_at = core.now() + interval '1 day' where endpoint_id = :'rate';
select pg_temp.claim();
select is(bool_and(d.wake_at < core.now() + interval '10 seconds'), true, 'what was reckoned with a clock that was ahead delays nothing for long')
from outbox.delivery as d;
select outbox.remove_endpoint(:'account', :'rate');
delete from outbox.delivery;

-- A lease that ran out while the endpoint was paused.
select outbox.add_endpoint(:'account', 'https://example.org/flight', '{one.*}', p_max_in_flight => 1) as flight \gset
select pg_temp.publish(:'account', 1);
select is(pg_temp.claim(), 1::bigint, 'one is under way');
select outbox.pause_endpoint(:'account', :'flight');
select pg_temp.wait('61 seconds');
select is(pg_temp.claim(), 0::bigint, 'its lease ends while the endpoint is paused');
select is(row(d.wake_at, d.lease_token, d.claimed_at)::text, '(infinity,,)', 'it is parked, and nobody''s') from outbox.delivery as d;
select is(g.in_flight, 0, 'and its place is free') from outbox.gate as g where g.endpoint_id = :'flight';
select outbox.pause_endpoint(:'account', :'flight', false);
select is(pg_temp.claim(), 1::bigint, 'resumed, it goes');
select is(g.in_flight, 1, 'counted once') from outbox.gate as g where g.endpoint_id = :'flight';
select is(pg_temp.answer(200), 'done', 'and arrives');
select outbox.remove_endpoint(:'account', :'flight');

-- Only the one that a half-open breaker let through closes it.
select outbox.add_endpoint(:'account', 'https://example.org/breaker', '{one.*}') as breaker \gset
select pg_temp.publish(:'account', 11);
select pg_temp.claim(1);
create temp table slow on commit drop as select * from claim;
select pg_temp.claim();
select pg_temp.answer(500);
select is(e.breaker, 'open', 'the breaker opens') from outbox.endpoint as e where e.id = :'breaker';
delete from claim;
insert into claim select * from slow;
select is(pg_temp.answer(200), 'done', 'one that was sent before arrives late');
select is(e.breaker, 'open', 'which does not close it') from outbox.endpoint as e where e.id = :'breaker';
select pg_temp.wait('30 seconds');
select outbox.tend_endpoints();
select pg_temp.claim();
select pg_temp.answer(200);
select is(e.breaker, 'closed', 'the one that it lets through does') from outbox.endpoint as e where e.id = :'breaker';
delete from outbox.delivery;

-- A 410 of where it went before.
select pg_temp.publish(:'account', 1);
select pg_temp.claim();
select pg_temp.wait('1 second');
select outbox.change_endpoint(:'account', :'breaker', '{"url": "https://example.org/moved"}');
select is(pg_temp.answer(410), 'dead', 'the old address says that it is gone');
select ok(e.is_enabled, 'which says nothing about the new one') from outbox.endpoint as e where e.id = :'breaker';
select pg_temp.publish(:'account', 1);
select pg_temp.claim();
select pg_temp.answer(410);
select ok(not e.is_enabled, 'until that says so too') from outbox.endpoint as e where e.id = :'breaker';

-- A removed one that is gone.
select outbox.add_endpoint(:'account', 'https://example.org/removed', '{one.*}') as removed,
    outbox.add_endpoint(:'account', 'https://example.org/watcher', '{endpoint.*}') as watcher \gset
select outbox.remove_endpoint(:'account', :'breaker');
select pg_temp.publish(:'account', 3);
select outbox.remove_endpoint(:'account', :'removed');
select is(pg_temp.claim(1), 1::bigint, 'what is on its way to a removed endpoint still goes');
select is(pg_temp.answer(410), 'dead', 'it is gone');
select ok(not e.is_enabled, 'and so disabled') from outbox.endpoint as e where e.id = :'removed';
select is(pg_temp.claim(), 0::bigint, 'nothing more is sent there');
select is(array_agg(l.reason order by l.reason), '{"answered 410","the endpoint is disabled","the endpoint is disabled"}', 'but given up')
from outbox.dead_letter as l where l.endpoint_id = :'removed';
select is_empty(
    format('select from outbox.message as m where m.endpoint_id = %L', :'watcher'), 'and nobody is told of an endpoint that its account removed'
);
select outbox.publish_event(:'account', 'endpoint.told', '{}');
select isnt_empty(format('select from outbox.message as m where m.endpoint_id = %L', :'watcher'), 'who would have been');

select * from finish();
rollback;
