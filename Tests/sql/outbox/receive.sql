-- Receivers are told of the end of a message, each apart.
begin;
select plan(33);

select test.make_account() as account \gset
select core.set_test_clock('2030-01-01 12:00:00+00');
create schema receiving;
create table receiving.told (n integer generated always as identity, context jsonb, outcome jsonb);
create table receiving.mood (is_good boolean);
insert into receiving.mood values (true);
create function receiving.take(p_context jsonb, p_outcome jsonb) returns void language plpgsql as $$
begin
    insert into receiving.told (context, outcome) values (p_context, p_outcome);
    if not (select m.is_good from receiving.mood as m) then
        raise exception using errcode = 'LQ409', message = 'not now';
    end if;
    perform core.hint('received');
end;
$$;
grant usage on schema receiving to public;
grant all on all tables in schema receiving to public;
grant execute on function receiving.take(jsonb, jsonb) to public;

create function pg_temp.ask() returns uuid language sql as $$
    select outbox.send_request(
        (select a.id from identity.account as a order by a.created_at desc, a.id desc limit 1), 'POST', 'https://example.org/', '{}', 'x', 'thing.asked',
        p_receiver => 'receiving.take', p_receiver_context => '{"thing": 1}'
    )
$$;
create function pg_temp.answer(p_outcome jsonb) returns text language sql as $$
    select string_agg(r.result, ',')
    from outbox.report_outcomes((
        select jsonb_agg(jsonb_build_object('account_id', c.account_id, 'id', c.id, 'token', c.token) || p_outcome)
        from outbox.claim_messages('w', 32) as c
    ), 0.5) as r
$$;
delete from outbox.delivery;

select pg_temp.ask() as asked \gset
select is((select c.body_kept from outbox.claim_messages('w', 1) as c), 65536, 'who has a receiver gets the whole answer');
select core.set_test_clock(core.now() + interval '2 minutes');
select is(pg_temp.answer('{"outcome": "response", "status": 500}'), 'retry', 'a failure is tried again');
select is((select count(*) from receiving.told), 0::bigint, 'and nobody is told');
select core.set_test_clock(core.now() + interval '1 hour');
select is(
    pg_temp.answer(jsonb_build_object('outcome', 'response', 'status', 201, 'headers', '{"x": "y"}'::jsonb, 'body', repeat('b', 3000))), 'done', 'a success'
);
select is((select context from receiving.told), '{"thing": 1}', 'is told with the sender''s context');
select is(
    (select outcome - 'body' from receiving.told),
    jsonb_build_object('message_id', core.show_id('msg', :'asked'), 'state', 'done', 'status', 201, 'headers', '{"x": "y"}'::jsonb, 'error', null, 'kind', null),
    'and what came of it'
);
select is((select length(outcome ->> 'body') from receiving.told), 3000, 'with all of the body');
select is((select length(response_body) from outbox.attempt where message_id = :'asked' and status = 201), 2048, 'of which the log keeps the beginning');

-- One that is dead.
select pg_temp.ask() as dead \gset
select is(pg_temp.answer('{"outcome": "failure", "kind": "credential_missing", "message": "set it"}'), 'dead', 'what can not be sent is dead');
select is(
    (select (outcome ->> 'state') || ' ' || (outcome ->> 'kind') || ' ' || (outcome ->> 'error') from receiving.told order by n desc limit 1),
    'dead credential_missing set it', 'which is told with its reason'
);

-- One that raises.
update receiving.mood set is_good = false;
select pg_temp.ask() as first, pg_temp.ask() as second \gset
select is(pg_temp.answer('{"outcome": "response", "status": 200}'), 'done,done', 'a receiver that raises an error spoils no report');
select is((select count(*) from receiving.told), 2::bigint, 'what it did is undone');
select is(
    (select array_agg(error || ' ' || tries) from outbox.receipt), '{"LQ409 not now 1","LQ409 not now 1"}', 'and the outcome is kept'
);
select is(outbox.call_receivers(), 0::bigint, 'for a moment');
select core.set_test_clock(core.now() + interval '10 seconds');
select is(outbox.call_receivers(), 2::bigint, 'then it is called again');
select is((select array_agg(due_at - core.now()) from outbox.receipt), '{00:00:20,00:00:20}', 'and again, later');
update receiving.mood set is_good = true;
select core.set_test_clock(core.now() + interval '20 seconds');
select is(outbox.call_receivers(), 2::bigint, 'until it takes it');
select is((select count(*) from receiving.told) || ' ' || (select count(*) from outbox.receipt), '4 0', 'once each');
update core.setting set value = '2' where name = 'outbox.receiver_tries';
update receiving.mood set is_good = false;
select pg_temp.ask();
select pg_temp.answer('{"outcome": "response", "status": 200}');
select core.set_test_clock(core.now() + interval '10 seconds');
select outbox.call_receivers();
select is((select due_at from outbox.receipt), 'infinity', 'after so many calls it is left alone');

-- One whose name is that of several functions.
delete from outbox.receipt;
delete from receiving.told;
update receiving.mood set is_good = true;
create function receiving.take(p_number integer) returns void language sql as 'select';
select pg_temp.ask();
select pg_temp.answer('{"outcome": "response", "status": 200}');
select is((select count(*) from receiving.told) || ' ' || (select count(*) from outbox.receipt), '1 0', 'of several functions of its name the right one is called');

-- One that has no attempt left when a claim meets it: the clock tells its receiver, not the claim.
delete from receiving.told;
select pg_temp.ask();
update outbox.delivery set max_attempts = 1;
select count(*) from outbox.claim_messages('w', 32);
select core.set_test_clock(core.now() + interval '2 minutes');
select is(count(*), 0::bigint, 'one whose last lease ran out is not claimed') from outbox.claim_messages('w', 32);
select is((select count(*) from receiving.told), 0::bigint, 'the claim calls nobody');
select is(row(r.tries, r.due_at)::text, row(0, core.now())::text, 'but leaves the outcome to the clock') from outbox.receipt as r;
select is(outbox.call_receivers(), 1::bigint, 'which calls the receiver');
select is(
    (select concat_ws(': ', t.outcome ->> 'state', t.outcome ->> 'error') from receiving.told as t), 'dead: the lease ran out without a report', 'with the reason'
);

-- How it is called.
delete from receiving.told;
create or replace function receiving.take(p_context jsonb, p_outcome jsonb) returns void language plpgsql as $$
begin
    insert into receiving.told (context) values (to_jsonb(current_setting('lock_timeout')));
end;
$$;
set local lock_timeout = '7s';
select outbox.call_receiver('receiving.take', '{}', '{}');
select is((select t.context #>> '{}' from receiving.told as t), '1s', 'it waits a second for a lock at most');
select is(current_setting('lock_timeout'), '7s', 'and whoever calls it as long as before');

-- Failed assertions and cancelled statements are no ordinary errors.
create or replace function receiving.take(p_context jsonb, p_outcome jsonb) returns void language plpgsql as $$
begin
    assert p_outcome ->> 'state' = 'never', 'never';
end;
$$;
select pg_temp.ask();
select is(pg_temp.answer('{"outcome": "response", "status": 200}'), 'done', 'a failed assertion spoils no report either');
select is((select r.error from outbox.receipt as r), 'P0004 never', 'and is kept');
create or replace function receiving.take(p_context jsonb, p_outcome jsonb) returns void language plpgsql as $$
begin
    raise exception using errcode = 'query_canceled', message = 'too long';
end;
$$;
update outbox.receipt set due_at = core.now(), tries = 0;
insert into outbox.receipt select r.account_id, core.new_id(), r.receiver, r.context, r.outcome, 0, core.now(), '' from outbox.receipt as r;
select is(outbox.call_receivers(), 1::bigint, 'one that takes too long ends the run');
select is((select array_agg(r.error order by r.error) from outbox.receipt as r where r.tries = 1), '{"57014 too long"}', 'and has had its try');

select lives_ok('select outbox.check_receiver(null)', 'nobody is a receiver too');
select throws_ok('select outbox.check_receiver(''receiving.take(jsonb, jsonb); drop table x'')', 'LQ422', 'there is no such receiver', 'and a sentence is none');

select * from finish();
rollback;
