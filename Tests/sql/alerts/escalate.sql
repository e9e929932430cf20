-- What nobody acknowledges is told again, by rows, so many times.
begin;
select plan(24);

delete from alerts.channel;
delete from alerts.route where origin = 'local';
delete from alerts.escalation;
delete from alerts.alert;
select alerts.set_channel('hook', 'webhook', '{"url": "https://a.example/x"}'), alerts.set_channel('boss', 'webhook', '{"url": "https://boss.example/x"}');
select alerts.set_route('all', 1, '{hook}', p_is_last => true);
insert into alerts.escalation (name, level, source, after, channels, times) values ('boss', 'error', 'e.*', '10 minutes', '{boss}', 2);
create function pg_temp.sent() returns text language sql as $$
    select string_agg(format('%s:%s:%s', a.fingerprint, e.channel, e.facts ->> 'kind'), ' ' order by e.id)
    from alerts.event as e inner join alerts.alert as a on a.id = e.alert_id where e.kind = 'sent' and e.channel = 'boss'
$$;

select core.set_test_clock('2031-05-01 12:00:00+00');
select alerts.raise('error', 'e.x', 'm', p_fingerprint => 'e1'), alerts.raise('warning', 'e.x', 'm', p_fingerprint => 'e2'), alerts.raise('critical', 'f', 'm', p_fingerprint => 'e3'),
    alerts.raise('critical', 'e.y', 'm', p_fingerprint => 'e4'), alerts.raise('critical', 'e.y', 'm', p_fingerprint => 'e5');
select alerts.acknowledge(a.id) from alerts.alert as a where a.fingerprint = 'e4';
select alerts.resolve('e5');
select is(alerts.escalate(), 0::bigint, 'not at once');
select core.set_test_clock('2031-05-01 12:09:59+00');
select is(alerts.escalate(), 0::bigint, 'not before the time');
select core.set_test_clock('2031-05-01 12:10:00+00');
select is(alerts.escalate(), 1::bigint, 'then what is open, high enough and of the source');
select is(pg_temp.sent(), 'e1:boss:escalated', 'to the channels of the row');
select ok(m.body::jsonb #>> '{data,title}' = '[ERROR] e.x (nobody has acknowledged it)' and m.event_type = 'alert.escalated', 'as what it is')
from outbox.message as m where m.url like 'https://boss%';
select is(alerts.escalate(), 0::bigint, 'once');
select alerts.raise('error', 'e.x', 'm', p_fingerprint => 'e1');
select core.set_test_clock('2031-05-01 12:20:00+00');
select is(alerts.escalate(), 1::bigint, 'again after as long');
select core.set_test_clock('2031-05-01 12:40:00+00');
select is(alerts.escalate(), 0::bigint, 'so many times');
select is(row(d.times, d.escalated_at)::text, '(2,"2031-05-01 12:20:00+00")', 'counted') from alerts.escalated as d;
select is(array_agg(e.facts - 'kind' order by e.id), '{"{\"times\": 1, \"escalation\": \"boss\"}","{\"times\": 2, \"escalation\": \"boss\"}"}', 'noted')
from alerts.event as e where e.kind = 'escalated';

-- Opened again: from the beginning.
select alerts.resolve('e1');
select is_empty($$select from alerts.escalated as d inner join alerts.alert as a on a.id = d.alert_id where a.state = 'open'$$, 'resolved');
select alerts.raise('error', 'e.x', 'm', p_fingerprint => 'e1');
select is(alerts.escalate(), 0::bigint, 'opened again: not at once');
select core.set_test_clock('2031-05-01 12:50:00+00');
select is(alerts.escalate(), 1::bigint, 'but after the time');

-- Neither silenced nor disabled.
select alerts.silence('2031-05-01 13:30:00+00', 'c', 'e.*');
select core.set_test_clock('2031-05-01 13:00:00+00');
select is(alerts.escalate(), 0::bigint, 'not in a silence');
select core.set_test_clock('2031-05-01 13:30:00+00');
update alerts.escalation set is_enabled = false;
select is(alerts.escalate(), 0::bigint, 'not when it is disabled');
update alerts.escalation set is_enabled = true;
select alerts.acknowledge(a.id) from alerts.alert as a where a.fingerprint = 'e1';
select is(alerts.escalate(), 0::bigint, 'not what is acknowledged');
select alerts.raise('critical', 'e.x', 'm', p_fingerprint => 'e1');
select is(alerts.escalate(), 1::bigint, 'whose level rises is open again');

-- Held messages.
select alerts.silence('2031-05-01 14:00:00+00', 'c', 'h');
select alerts.raise('info', 'h', 'm', p_fingerprint => 'h1');
select core.set_test_clock('2031-05-01 14:00:00+00');
select alerts.escalate();
select is(count(*)::integer, 1, 'the same task tells what was held back') from alerts.event as e
inner join alerts.alert as a on a.id = e.alert_id where a.fingerprint = 'h1' and e.kind = 'sent';

-- A deaf channel is not told that it is.
insert into alerts.escalation (name, level, after, channels, times) values ('deaf', 'error', '1 minute', '{@webhook}', 1);
select alerts.raise('error', 'alerts.channel', 'm', '{"channel": "boss"}', p_fingerprint => 'deaf');
select core.set_test_clock('2031-05-01 14:05:00+00');
select alerts.escalate();
select is(array_agg(distinct e.channel), '{hook}', 'the others are') from alerts.event as e
inner join alerts.alert as a on a.id = e.alert_id where a.fingerprint = 'deaf' and e.kind = 'sent' and e.facts ->> 'kind' = 'escalated';

-- What was acknowledged, and rises: counted from then.
select alerts.raise('warning', 'e.z', 'm', p_fingerprint => 'rises');
select alerts.acknowledge(a.id) from alerts.alert as a where a.fingerprint = 'rises';
select core.set_test_clock('2031-05-01 15:05:00+00');
select alerts.raise('critical', 'e.z', 'm', p_fingerprint => 'rises'), alerts.escalate();
select is(pg_temp.sent() like '%rises:boss%', false, 'the time begins when the level rises');
select core.set_test_clock('2031-05-01 15:15:00+00');
select alerts.escalate();
select is(pg_temp.sent() like '%rises:boss%', true, 'and ends then');

select throws_ok($$insert into alerts.escalation (name, level, after, channels) values ('x', 'error', '1 second', '{a}')$$, '23514', null, 'not before a minute');
select throws_ok($$insert into alerts.escalation (name, level, after, channels) values ('x', 'error', '1 hour', '{}')$$, '23514', null, 'somebody must be told');
update alerts.escalation set times = 3 where name = 'boss';
select is(e.local_columns, '{is_enabled,times}', 'what the operator changes is remembered') from alerts.escalation as e where e.name = 'boss';

select core.set_test_clock(null);
select * from finish();
rollback;
