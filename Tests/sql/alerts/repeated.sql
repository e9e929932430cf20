-- A message that may have arrived before says so, where its receiver has no other way to know.
begin;
select plan(5);

delete from alerts.channel;
delete from alerts.route where origin = 'local';
delete from outbox.delivery;
select alerts.set_channel('team', 'slack', '{"credential": "S"}');
select core.set_test_clock('2031-01-01 12:00:00+00');
select alerts.raise('critical', 'x', 'm', p_fingerprint => 'rep');
select unalike(c.body, '%(repeated)%', 'the first attempt says nothing') from outbox.claim_messages('w1') as c;
select core.set_test_clock('2031-01-01 12:02:00+00');
select alike(c.body, '%(repeated) [CRITICAL]%', 'after a lost one it says so') from outbox.claim_messages('w2') as c;
-- An answer is no doubt.
select core.set_test_clock('2031-01-01 12:02:01+00');
delete from outbox.delivery;
select alerts.raise('critical', 'x', 'm', p_fingerprint => 'rep2');
create temp table cl on commit drop as select * from outbox.claim_messages('w1');
select is(count(*)::integer, 1, 'another alert is told') from cl;
select r.result from outbox.report_outcomes((select jsonb_agg(jsonb_build_object('account_id', account_id, 'id', id, 'token', token, 'outcome', 'response', 'status', 503, 'headers', '{}'::jsonb, 'body','')) from cl)) as r;
select core.set_test_clock('2031-01-01 12:03:00+00');
select unalike(c.body, '%(repeated)%', 'after a refusal it is new') from outbox.claim_messages('w1') as c;
select is(count(*)::integer, 1, 'lost ones are logged') from outbox.attempt where outcome = 'lost' and message_id in (select id from outbox.message where receiver_context ->> 'channel' = 'team');
select * from finish();
rollback;
