-- The clock raises alerts about what lower floors know, and resolves them.
begin;
select plan(31);

delete from alerts.alert;
delete from alerts.channel;
delete from alerts.route where origin = 'local';
select core.set_test_clock('2031-05-01 12:00:00+00');
create function pg_temp.alerts(p_source text) returns text language sql as $$
    select string_agg(concat_ws(' ', a.fingerprint, a.level, a.state, a.occurrences), ', ' order by a.fingerprint) from alerts.alert as a where a.source = p_source
$$;

-- Tasks.
update schedule.task set is_enabled = false;
delete from schedule.run;
delete from schedule.state;
select is(alerts.watch_schedule(), 0::bigint, 'all is well');
insert into schedule.task (name, function, every, description, alert_after) values ('watch-test', 'test.fails', '1 hour', 'fails', 2);
update schedule.state set failures = 2, failing_since = '2031-05-01 10:00:00+00' where task = 'watch-test';
insert into schedule.run (task, slot, started_at, finished_at, outcome, sqlstate, error)
values ('watch-test', '2031-05-01 12:00:00+00', '2031-05-01 12:00:00+00', '2031-05-01 12:00:00+00', 'failed', 'XX000', 'no luck');
select is(alerts.watch_schedule(), 1::bigint, 'a task that fails is a problem');
select is(pg_temp.alerts('schedule'), 'schedule/failing/watch-test error open 1', 'and an alert');
select ok(a.message like '%watch-test%no luck%' and a.facts ->> 'failures' = '2' and a.facts ->> 'count' = '2' and a.facts ? 'since', 'that says what it is')
from alerts.alert as a where a.source = 'schedule';
select alerts.watch_schedule();
select is(pg_temp.alerts('schedule'), 'schedule/failing/watch-test error open 2', 'counted as long as it lasts');
update schedule.state set failures = 0, failing_since = null where task = 'watch-test';
select is(alerts.watch_schedule(), 0::bigint, 'when it is over');
select is(pg_temp.alerts('schedule'), 'schedule/failing/watch-test error resolved 2', 'the alert is resolved');
select alerts.raise('error', 'other', 'm', p_fingerprint => 'schedule/failing/nothing');
select alerts.watch_schedule();
select is(pg_temp.alerts('other'), 'schedule/failing/nothing error open 1', 'alerts of others are left alone');

-- Endpoints.
select test.make_account('Acme') as acme, test.make_account('Nobody') as nobody \gset
with u as (insert into identity.user (email) values ('owner@acme.example'), ('member@acme.example') returning id, email)
insert into identity.membership (account_id, user_id, role) select :'acme', u.id, split_part(u.email, '@', 1) from u;
with e as (
    insert into outbox.endpoint (account_id, url, created_at) values (:'acme', 'https://a.example/1', core.now()), (:'acme', 'https://a.example/2', core.now()),
        (:'nobody', 'https://a.example/3', core.now()) returning account_id, id, url
)
select max(e.id::text) filter (where e.url like '%1') as one, max(e.id::text) filter (where e.url like '%3') as three from e \gset
select is(alerts.watch_endpoints(), 0::bigint, 'endpoints that work are nothing to tell of');
select outbox.disable_endpoint(:'acme', :'one', 'gone'), outbox.disable_endpoint(:'nobody', :'three', 'failing');
select is(alerts.watch_endpoints(), 2::bigint, 'those that were disabled are');
select is(string_agg(concat_ws(' ', a.level, a.state, a.facts ->> 'reason', a.facts ->> 'owners_told', a.facts ->> 'error'), ', ' order by a.facts ->> 'reason'),
    'info open failing 0, info open gone 1', 'each is an alert') from alerts.alert as a where a.source = 'outbox.endpoint';
select is(array_agg(a.account_id order by a.facts ->> 'reason'), array[:'nobody', :'acme']::uuid[], 'about its account')
from alerts.alert as a where a.source = 'outbox.endpoint';
select is(count(*)::integer, 1, 'the owners get a mail, where there are any') from outbox.message as m where m.kind = 'mail' and m.account_id in (:'acme', :'nobody');
select ok(m.mail::text like '%owner@acme.example%' and m.mail::text not like '%member@acme.example%' and m.mail::text like '%https://a.example/1%', 'that names the endpoint')
from outbox.message as m where m.kind = 'mail' and m.account_id = :'acme';
select is(alerts.watch_endpoints(), 0::bigint, 'once');
select ok(e.told_at >= e.disabled_at, 'which is noted') from outbox.endpoint as e where e.id = :'one';
update outbox.endpoint set is_enabled = true, disabled_at = null, disabled_reason = null where id = :'one';
select alerts.watch_endpoints();
select is(string_agg(a.state, ' ' order by a.facts ->> 'reason'), 'open resolved', 'enabled again, the alert is resolved')
from alerts.alert as a where a.source = 'outbox.endpoint';
select core.set_test_clock('2031-05-02 12:00:00+00');
select outbox.disable_endpoint(:'acme', :'one', 'failing');
select is(alerts.watch_endpoints(), 1::bigint, 'disabled again, it is told again');
select is(count(*)::integer, 2, 'by another mail') from outbox.message as m where m.kind = 'mail' and m.account_id = :'acme';

-- Dead letters.
delete from outbox.dead_letter;
update core.setting set value = '2' where name = 'alerts.dead_letters_an_hour';
insert into outbox.dead_letter (account_id, message_id, reason, died_at) select :'acme', core.new_id(), 'x', core.now() from generate_series(1, 2);
select is(alerts.watch_dead_letters(), 2::bigint, 'some messages are given up');
select is(pg_temp.alerts('outbox.dead-letters'), null, 'that is no alert');
insert into outbox.dead_letter (account_id, message_id, reason, died_at) select :'acme', core.new_id(), 'x', core.now();
select alerts.watch_dead_letters();
select is(pg_temp.alerts('outbox.dead-letters'), 'outbox.dead-letters warning open 1', 'more than the setting are');
select core.set_test_clock('2031-05-02 13:00:01+00');
select is(alerts.watch_dead_letters(), 0::bigint, 'an hour later');
select is(pg_temp.alerts('outbox.dead-letters'), 'outbox.dead-letters warning resolved 1', 'it is over');

-- One owner whose mail can not be made.
with u as (insert into identity.user (email) values ('jörg@acme.example') returning id)
insert into identity.membership (account_id, user_id, role) select :'acme', u.id, 'owner' from u;
insert into outbox.endpoint (account_id, url, created_at) values (:'acme', 'https://a.example/4', core.now()) returning id as four \gset
select outbox.disable_endpoint(:'acme', :'four', 'failing'), alerts.watch_endpoints();
select is(concat_ws(' ', a.facts ->> 'owners_told', a.facts ->> 'error'), '1 "to" holds what is no address', 'keeps the other from nothing')
from alerts.alert as a where a.fingerprint = 'outbox.endpoint/' || core.show_id('ep', :'four');

-- Webhooks that come in.
select alerts.watch_inbox();
update core.setting set value = '"development"' where name = 'core.environment';
select inbox.create_source('watched', 'none');
select inbox.receive('watched', '{"id": "1"}', '{}');
update inbox.delivery as d set state = 'dead' from inbox.source as s where s.id = d.source_id and s.name = 'watched';
select cmp_ok(alerts.watch_inbox(), '>=', 1::bigint, 'what was given up is a problem');
select ok(pg_temp.alerts('inbox') like '%inbox/dead/watched error open 1%', 'and an alert');
delete from inbox.delivery;
select alerts.watch_inbox();
select ok(pg_temp.alerts('inbox') like '%inbox/dead/watched error resolved 1%', 'until it is over');

-- Outcomes that nobody takes.
delete from outbox.receipt;
insert into outbox.receipt (account_id, message_id, receiver, outcome, tries, due_at, error)
values (:'acme', core.new_id(), 'a.b', '{}', 20, 'infinity', 'x'), (:'acme', core.new_id(), 'a.c', '{}', 1, core.now(), 'x');
select is(alerts.watch_receivers(), 1::bigint, 'an outcome whose receiver is not called any more');
select is(pg_temp.alerts('outbox.receivers'), 'outbox.receivers error open 1', 'is an alert');
delete from outbox.receipt;
select alerts.watch_receivers();
select is(pg_temp.alerts('outbox.receivers'), 'outbox.receivers error resolved 1', 'until it is gone');

select core.set_test_clock(null);
select * from finish();
rollback;
