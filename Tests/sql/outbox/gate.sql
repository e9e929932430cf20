-- Endpoints let deliveries through, or hold them back.
begin;
select plan(55);

select test.make_account() as account \gset
select core.set_test_clock('2030-01-01 12:00:00+00');
delete from outbox.delivery;
select outbox.add_endpoint(:'account', 'https://example.org/one', '{one.*}') as one,
    outbox.add_endpoint(:'account', 'https://example.org/all', '{endpoint.*}') as watcher \gset

create temp table claim (account_id uuid, id uuid, token bigint, url text, secrets text[]) on commit drop;
create function pg_temp.claim(p_limit integer default 32) returns bigint language sql as $$
    delete from claim;
    insert into claim select c.account_id, c.id, c.token, c.url, c.signing_secrets from outbox.claim_messages('w', p_limit) as c;
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

-- An open one.
select pg_temp.publish(:'account', 1);
select is(pg_temp.claim(), 1::bigint, 'an open endpoint lets through');
select is((select secrets from claim), array[format('webhook/%s/%s/1', :'account', :'one')], 'signed with its own secret');
update outbox.endpoint set url = 'https://example.org/moved' where id = :'one';
select is(pg_temp.answer(500), 'retry', 'a failure');
select pg_temp.wait('5 seconds');
select pg_temp.claim();
select is((select url from claim), 'https://example.org/moved', 'a retry goes where the endpoint is now');
select pg_temp.answer(200);

-- A pause.
select outbox.pause_endpoint(:'account', :'one');
select pg_temp.publish(:'account', 3);
select is(pg_temp.claim(), 0::bigint, 'a paused endpoint lets nothing through');
select is(pg_temp.parked(), 3::bigint, 'what came is parked');
select is(outbox.next_due(), null, 'and not due');
select ok((select has_parked from outbox.endpoint where id = :'one'), 'which the endpoint knows');
select is(outbox.tend_endpoints(), 0::bigint, 'the clock lets nothing out');
select outbox.pause_endpoint(:'account', :'one', false);
select is(pg_temp.claim(), 3::bigint, 'resumed, all go');
select is(pg_temp.answer(200), 'done', 'and arrive');
select is(outbox.tend_endpoints(), 0::bigint, 'the clock finds nothing more');
select ok((select not has_parked from outbox.endpoint where id = :'one'), 'and forgets it');

-- The breaker.
select core.set_test_clock('2030-01-01 13:00:00+00');
select pg_temp.publish(:'account', 9);
select pg_temp.claim();
select pg_temp.answer(500);
select is((select breaker from outbox.endpoint where id = :'one'), 'closed', 'nine failures do not open the breaker');
select pg_temp.publish(:'account', 1);
select pg_temp.claim();
select pg_temp.answer(500);
select is((select breaker || ' ' || breaker_turns from outbox.endpoint where id = :'one'), 'open 1', 'the tenth does');
select is((select breaker_until from outbox.endpoint where id = :'one'), core.now() + interval '30 seconds', 'for half a minute');
select pg_temp.wait('5 seconds');
select is(pg_temp.claim(), 0::bigint, 'then nothing goes');
select is(pg_temp.parked(), 10::bigint, 'all is parked');
select is(outbox.tend_endpoints(), 0::bigint, 'nor before the time');
select pg_temp.wait('25 seconds');
select is(outbox.tend_endpoints(), 1::bigint, 'then one is let out');
select is(pg_temp.claim(), 1::bigint, 'and claimed');
select is((select breaker from outbox.endpoint where id = :'one'), 'half_open', 'by itself');
select pg_temp.publish(:'account', 1);
create temp table probe on commit drop as select * from claim;
select is(pg_temp.claim(), 0::bigint, 'others wait for it');
delete from claim;
insert into claim select * from probe;
select pg_temp.answer(500);
select is((select breaker || ' ' || breaker_turns from outbox.endpoint where id = :'one'), 'open 2', 'when it fails, the breaker opens again');
select pg_temp.wait('30 seconds');
select outbox.tend_endpoints();
select pg_temp.claim();
select is(pg_temp.answer(200), 'done', 'when one arrives');
select is((select breaker || ' ' || breaker_turns from outbox.endpoint where id = :'one'), 'closed 0', 'it closes');
select is(pg_temp.parked(), 0::bigint, 'and all is let out');
select ok(pg_temp.claim() >= 9, 'to be sent');
select pg_temp.answer(200);
select pg_temp.wait('1 hour');
select pg_temp.claim();
select pg_temp.answer(200);

-- Seven of ten are enough, six are not; what is older than five minutes does not count.
select pg_temp.wait('5 minutes');
select pg_temp.publish(:'account', 6);
select pg_temp.claim();
select pg_temp.answer(500);
select pg_temp.publish(:'account', 4);
select pg_temp.claim();
select pg_temp.answer(200);
select is((select breaker from outbox.endpoint where id = :'one'), 'closed', 'six of ten do not open it');
select pg_temp.wait('5 seconds');
select pg_temp.claim(4);
select pg_temp.answer(500);
select is((select breaker from outbox.endpoint where id = :'one'), 'open', 'ten of fourteen do');
select outbox.change_endpoint(:'account', :'one', '{"enabled": true}');
select is((select breaker from outbox.endpoint where id = :'one'), 'closed', 'enabling closes it');
select pg_temp.wait('2 hours');
delete from outbox.delivery;

-- After ten turns it is disabled.
select pg_temp.publish(:'account', 12);
select pg_temp.claim();
select pg_temp.answer(500);
do $$
begin
    for i in 1 .. 10 loop
        perform pg_temp.wait('30 seconds');
        perform outbox.unpark((select e.id from outbox.endpoint as e where e.breaker <> 'closed'), 1);
        perform pg_temp.claim(1);
        perform pg_temp.answer(500);
    end loop;
end;
$$;
select is(
    (select row(is_enabled, disabled_reason, disabled_at, told_at)::text from outbox.endpoint where id = :'one'),
    row(false, 'failing', core.now(), null)::text, 'after ten turns it is disabled'
);
select results_eq(
    $$select m.endpoint_id, m.body::jsonb #>> '{data,reason}' from outbox.message as m where m.event_type = 'endpoint.disabled'$$,
    format('values (%L::uuid, %L)', :'watcher', 'failing'), 'the account''s other endpoint is told'
);
select pg_temp.wait('1 hour');
select is(pg_temp.claim(), 1::bigint, 'of which nothing but that is sent');
select outbox.tend_endpoints();
select is((select count(*) from outbox.delivery where endpoint_id = :'one'), 0::bigint, 'what waited for it');
select is((select count(*) from outbox.dead_letter where endpoint_id = :'one' and reason = 'the endpoint is disabled'), 12::bigint, 'is dead');
select pg_temp.publish(:'account', 1);
select is((select count(*) from outbox.delivery where endpoint_id = :'one'), 0::bigint, 'and it gets no more');

-- 410.
select outbox.change_endpoint(:'account', :'one', '{"enabled": true}');
select is((select disabled_at from outbox.endpoint where id = :'one'), null, 'it can be enabled again');
delete from outbox.delivery;
select pg_temp.publish(:'account', 1);
select pg_temp.claim();
select is(pg_temp.answer(410), 'dead', '410 ends a message');
select is((select disabled_reason from outbox.endpoint where id = :'one'), 'gone', 'and disables the endpoint');
select outbox.change_endpoint(:'account', :'one', '{"enabled": true}');
delete from outbox.delivery;

-- How many at once.
select outbox.change_endpoint(:'account', :'one', '{"max_in_flight": 2}');
select pg_temp.publish(:'account', 5);
select is(pg_temp.claim(), 2::bigint, 'no more are under way than may be');
select is(pg_temp.parked(), 3::bigint, 'the others are parked');
select is((select in_flight from outbox.gate where endpoint_id = :'one'), 2, 'which the gate counts');
select pg_temp.answer(200);
select is(pg_temp.parked() || ' ' || (select in_flight from outbox.gate where endpoint_id = :'one'), '1 0', 'as many as end are let out');
select is(pg_temp.claim(), 2::bigint, 'and go');
select pg_temp.wait('61 seconds');
select is(pg_temp.claim(), 2::bigint, 'when their leases end, they go again');
select is((select in_flight from outbox.gate where endpoint_id = :'one'), 2, 'and are counted once');
select pg_temp.answer(500);
select is((select in_flight from outbox.gate where endpoint_id = :'one'), 0, 'a failure makes room too');

-- How many a second.
delete from outbox.delivery;
select outbox.change_endpoint(:'account', :'one', '{"max_in_flight": null, "rate_per_second": 2}');
select pg_temp.wait('1 hour');
select pg_temp.publish(:'account', 30);
select is(pg_temp.claim(), 2::bigint, 'a second''s worth goes at once');
select is(pg_temp.claim() || ' ' || pg_temp.parked(), '0 8', 'then none, and of the others those of ten seconds are not parked');
select pg_temp.wait('1 second');
select is(pg_temp.claim(), 2::bigint, 'a second later as many again');
select pg_temp.wait('10 seconds');
select is(pg_temp.claim(), 2::bigint, 'and never more');
select outbox.change_endpoint(:'account', :'one', '{"rate_per_second": null}');
select is((select count(*) from outbox.gate), 0::bigint, 'without a limit there is no gate');
select outbox.tend_endpoints();
select pg_temp.wait('10 seconds');
select ok(pg_temp.claim(100) >= 20, 'and all goes');

select outbox.trim_tallies();
select pg_temp.wait('10 minutes 1 second');
select outbox.trim_tallies();
select is((select count(*) from outbox.tally), 0::bigint, 'old tallies go');

select * from finish();
rollback;
