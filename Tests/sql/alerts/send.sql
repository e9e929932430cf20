-- Each channel gets one message a cool-down, as a message of the outbox; what does not get through is an alert of its own.
begin;
select plan(48);

delete from alerts.channel;
delete from alerts.route where origin = 'local';
select alerts.set_channel('team', 'slack', '{"credential": "SLACK"}'), alerts.set_channel('bot', 'telegram',
    '{"credential": "BOT", "chat_id": "-5", "base_url": "http://127.0.0.1:9/api/"}'), alerts.set_channel('people', 'mail', '{"to": ["a@example.com", "b@example.com"]}'),
    alerts.set_channel('hook', 'webhook', '{"url": "https://a.example/x"}');
-- By what is noted: a mail's message belongs to the domain mail.
create temp view sent as
select m.*, a.fingerprint, a.id as alert_id, e.channel from alerts.event as e
inner join alerts.alert as a on a.id = e.alert_id
inner join outbox.message as m on m.id = e.message_id;
create function pg_temp.count_sent(p_fingerprint text) returns bigint language sql as $$
    select count(*) from pg_temp.sent as s where s.fingerprint = p_fingerprint
$$;

-- The wire.
select core.set_test_clock('2031-05-01 12:00:00+00');
select alerts.raise('critical', 'test', 'a <b>', '{"n": 1}', p_fingerprint => 'wire') as id \gset
select is(pg_temp.count_sent('wire'), 4::bigint, 'a critical alert goes to all channels');
select is(array_agg(distinct s.account_id), array[identity.operator_account()], 'in the name of the operator') from sent as s;
select is(
    row(s.method, s.url, s.headers ->> 'Content-Type', s.signer, s.is_signed, s.event_type, s.receiver)::text,
    row('POST', 'https://credential.invalid/', 'application/json; charset=utf-8', '{"scheme": "url", "credential": "SLACK"}'::jsonb, false,
        'alert.raised', 'alerts.note_outcome')::text, 'Slack: the URL is a credential'
) from sent as s where s.signer ->> 'scheme' = 'url';
select is(s.body::jsonb, alerts.render_slack(a, 'raised'), 'its body') from sent as s, alerts.alert as a
where s.signer ->> 'scheme' = 'url' and a.id = :'id';
select is(
    row(s.method, s.url, s.signer)::text,
    row('POST', 'http://127.0.0.1:9/api/bot{credential}/sendMessage', '{"scheme": "url-part", "credential": "BOT"}'::jsonb)::text,
    'Telegram: the token is a part of the URL'
) from sent as s where s.signer ->> 'scheme' = 'url-part';
select is(s.body::jsonb ->> 'chat_id', '-5', 'its chat') from sent as s where s.signer ->> 'scheme' = 'url-part';
select is(
    row(s.url, s.is_signed, s.event_type, s.signer)::text, row('https://a.example/x', true, 'alert.raised', null::jsonb)::text, 'a webhook is signed'
) from sent as s where s.url like 'https://a.example%';
select is(s.body::jsonb #>> '{data,message}', 'a <b>', 'its body') from sent as s where s.url like 'https://a.example%';
select is(array_agg(distinct m.mail ->> 'to' order by m.mail ->> 'to'), '{"[\"a@example.com\"]","[\"b@example.com\"]"}', 'a mail to each address')
from outbox.message as m where m.kind = 'mail' and m.event_type = 'mail.alert';
select is(array_agg(e.channel order by e.channel), '{bot,hook,people,team}', 'each is noted') from alerts.event as e
where e.alert_id = :'id' and e.kind = 'sent';
select is(e.message_id, (select s.id from sent as s where s.signer ->> 'scheme' = 'url'), 'with its message') from alerts.event as e
where e.alert_id = :'id' and e.channel = 'team';

-- The cool-down: an hour for errors.
select alerts.raise('error', 'test', 'm', p_fingerprint => 'cool');
select is(pg_temp.count_sent('cool'), 3::bigint, 'an error: chat and mail');
select alerts.raise('error', 'test', 'm', p_fingerprint => 'cool') from generate_series(1, 20);
select core.set_test_clock('2031-05-01 12:59:59+00');
select alerts.raise('error', 'test', 'm', p_fingerprint => 'cool');
select is(pg_temp.count_sent('cool'), 3::bigint, 'within the cool-down nobody is told again');
select core.set_test_clock('2031-05-01 13:00:00+00');
select alerts.raise('error', 'test', 'm', p_fingerprint => 'cool');
select is(pg_temp.count_sent('cool'), 6::bigint, 'afterwards they are');
select ok(bool_or(s.body like '%Seen 23 times%'), 'how often it was seen') from sent as s where s.fingerprint = 'cool';
select alerts.raise('critical', 'test', 'm', p_fingerprint => 'cool');
select is(pg_temp.count_sent('cool'), 10::bigint, 'a higher level is told at once');
select alerts.raise('error', 'test', 'm', p_fingerprint => 'cool');
select is(pg_temp.count_sent('cool'), 10::bigint, 'a lower one is not');
select ok(not a.is_held, 'a repetition holds nothing back') from alerts.alert as a where a.fingerprint = 'cool';
select alerts.acknowledge(a.id) from alerts.alert as a where a.fingerprint = 'cool';
select core.set_test_clock('2031-05-02 13:00:00+00');
select alerts.raise('critical', 'test', 'm', p_fingerprint => 'cool');
select is(pg_temp.count_sent('cool'), 10::bigint, 'what is acknowledged is counted only');

-- Opened again within the cool-down.
select alerts.raise('error', 'test', 'm', p_fingerprint => 'again'), alerts.resolve('again');
select core.set_test_clock('2031-05-02 13:30:00+00');
select alerts.raise('error', 'test', 'm', p_fingerprint => 'again');
select is(pg_temp.count_sent('again'), 3::bigint, 'opened again within the cool-down: nobody is told yet');
select ok(a.is_held, 'it is held') from alerts.alert as a where a.fingerprint = 'again';
select core.set_test_clock('2031-05-02 14:00:00+00');
select is(alerts.tell_held(), 3::bigint, 'and told when that ends');
select is(alerts.tell_held(), 0::bigint, 'once');
select core.set_test_clock('2031-05-02 20:00:00+00');
select is(alerts.tell_held(), 0::bigint, 'and nothing more without a new occurrence');

-- Resolve is told to those who want to know.
select alerts.set_channel('hook', 'webhook', '{"url": "https://a.example/x"}', p_tells_resolve => true);
select alerts.raise('critical', 'test', 'm', p_fingerprint => 'over');
select alerts.resolve('over');
select is(array_agg(s.url order by s.url), '{https://a.example/x}', 'a resolve goes to the channels that want it') from sent as s
where s.fingerprint = 'over' and s.event_type = 'alert.resolved';
select alerts.raise('warning', 'test', 'm', p_fingerprint => 'untold');
select alerts.resolve('untold');
select is_empty($$select from sent as s where s.fingerprint = 'untold' and s.event_type = 'alert.resolved'$$, 'and not to those that were not told');

-- A channel without anybody.
select mail.suppress('a@example.com'), mail.suppress('b@example.com');
select alerts.raise('error', 'test', 'm', p_fingerprint => 'nobody');
select is(row(e.kind, e.facts ->> 'sqlstate')::text, '(not_sent,LQ409)', 'addresses that get no mail are noted') from alerts.event as e
inner join alerts.alert as a on a.id = e.alert_id where a.fingerprint = 'nobody' and e.channel = 'people';

-- A channel that is badly set.
update alerts.channel set settings = '{"url": "nowhere"}' where name = 'hook';
select lives_ok($$select alerts.raise('critical', 'test', 'm', p_fingerprint => 'bad')$$, 'one bad channel does not fail the caller');
select is(pg_temp.count_sent('bad'), 2::bigint, 'nor keep the others from being told');
select is(row(e.channel, e.message_id, e.facts ->> 'sqlstate')::text, '(hook,,LQ422)', 'it is noted') from alerts.event as e
inner join alerts.alert as a on a.id = e.alert_id where a.fingerprint = 'bad' and e.kind = 'not_sent' and e.channel = 'hook';
select is_empty($$select from alerts.told as t inner join alerts.alert as a on a.id = t.alert_id where a.fingerprint = 'bad' and t.channel = 'hook'$$, 'it was not told');
select is(row(a.level, a.state, a.source)::text, '(error,open,alerts.channel)', 'the others hear of it') from alerts.alert as a where a.fingerprint = 'alerts.channel/hook';
select is_empty($$select from sent as s where s.fingerprint = 'alerts.channel/hook' and s.channel = 'hook'$$, 'and not itself');
update alerts.channel set settings = '{"url": "https://a.example/x"}' where name = 'hook';
select alerts.raise('critical', 'test', 'm', p_fingerprint => 'bad');
select is(pg_temp.count_sent('bad'), 3::bigint, 'when it is mended the next occurrence is told, within the cool-down of the others');

-- What came of it.
select jsonb_build_object('alert_id', :'id', 'channel', 'team', 'kind', 'raised') as context,
    jsonb_build_object('message_id', 'msg_01a1fedb08967b9fa99326a36b697718', 'state', 'dead', 'status', 404, 'body', 'no_service', 'error', null) as outcome \gset
select alerts.note_outcome(:'context', :'outcome');
select is(row(e.channel, e.facts)::text, row('team', '{"kind": "raised", "status": 404, "answer": "no_service"}'::jsonb)::text, 'a message given up is noted')
from alerts.event as e where e.alert_id = :'id' and e.kind = 'not_delivered';
select is(row(a.level, a.source, a.state, a.facts ->> 'status')::text, '(error,alerts.channel,open,404)', 'and raises an alert')
from alerts.alert as a where a.fingerprint = 'alerts.channel/team';
select is(array_agg(distinct s.channel), '{bot}', 'to the others')
from sent as s where s.fingerprint = 'alerts.channel/team';
select alerts.note_outcome(:'context', :'outcome');
select is(pg_temp.count_sent('alerts.channel/team'), 1::bigint, 'once a cool-down');
select alerts.note_outcome(:'context', '{"state": "done", "status": 200}');
select is(a.state, 'resolved', 'the next that gets through resolves it') from alerts.alert as a where a.fingerprint = 'alerts.channel/team';
select lives_ok(format('select alerts.note_outcome(%L, %L)', :'context'::jsonb || jsonb_build_object('alert_id', core.new_id()), :'outcome'),
    'an alert that is gone is no error');

-- The real report calls the receiver.
select is(array_agg(distinct s.receiver_context ->> 'channel' order by s.receiver_context ->> 'channel'), '{bot,team}', 'chat says what is to be told of')
from sent as s where s.receiver = 'alerts.note_outcome' and s.fingerprint = 'wire';
select is(s.receiver_context - 'repeated_body', jsonb_build_object('alert_id', :'id', 'channel', 'team', 'kind', 'raised'), 'the context')
from sent as s where s.fingerprint = 'wire' and s.receiver_context ->> 'channel' = 'team';
select is(array_agg(s.receiver_context ->> 'repeated_body' like '%(repeated)%' and s.body not like '%(repeated)%'), '{t,t}', 'chat has the text of a repetition ready')
from sent as s where s.fingerprint = 'wire' and s.receiver is not null and s.kind = 'http';
select is(count(*)::integer, 1, 'a message has a key: it is queued once') from outbox.message_key as k
where k.key = format('alerts/%s/team/raised/1', :'id');

-- Nobody to tell.
update alerts.channel set is_enabled = false;
select alerts.raise('error', 'test', 'm', p_fingerprint => 'lonely'), alerts.raise('warning', 'test', 'm', p_fingerprint => 'lonely-warning');
select ok(a.is_held, 'what is grave and goes to no channel is held') from alerts.alert as a where a.fingerprint = 'lonely';
select ok(not a.is_held, 'what is not is not') from alerts.alert as a where a.fingerprint = 'lonely-warning';
update alerts.channel set is_enabled = true where name = 'bot';
select alerts.tell_held();
select is(pg_temp.count_sent('lonely'), 1::bigint, 'and told when there is a channel');
select ok(not a.is_held, 'once') from alerts.alert as a where a.fingerprint = 'lonely';

select core.set_test_clock(null);
select * from finish();
rollback;
