-- Channels hold no secrets, and can be tried.
begin;
select plan(43);

delete from alerts.channel;
select lives_ok(format('select alerts.check_settings(%L, %L)', g.kind, g.settings), format('%s %s', g.kind, g.settings))
from (values
    ('slack', '{"credential": "SLACK_TEAM"}'), ('slack', '{"credential": "team.slack-1"}'),
    ('telegram', '{"credential": "B", "chat_id": -1001234567890}'), ('telegram', '{"credential": "B", "chat_id": "@channel_name"}'),
    ('telegram', '{"credential": "B", "chat_id": "5", "base_url": "http://127.0.0.1:8081", "message_thread_id": 5, "is_silent": true}'),
    ('mail', '{"to": ["a@example.com", "b@example.com"]}'), ('webhook', '{"url": "https://a.example/x?y=1"}')
) as g (kind, settings);
select throws_ok(format('select alerts.check_settings(%L, %L)', g.kind, g.settings), 'LQ422', null, format('not %s %s', g.kind, left(g.settings, 60)))
from (values
    ('fax', '{}'), ('slack', '{}'), ('slack', '{"url": "https://hooks.slack.com/services/T/B/x"}'),
    ('slack', '{"credential": "https://hooks.slack.com/services/T/B/x"}'), ('slack', '{"credential": "A", "channel": "#x"}'), ('slack', '{"credential": 5}'),
    ('telegram', '{"credential": "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11", "chat_id": 1}'), ('telegram', '{"credential": "B"}'),
    ('telegram', '{"credential": "B", "chat_id": "a b"}'), ('telegram', '{"credential": "B", "chat_id": 1, "base_url": "ftp://x"}'),
    ('telegram', '{"credential": "B", "chat_id": 1, "message_thread_id": "x"}'), ('telegram', '{"credential": "B", "chat_id": 1, "is_silent": "yes"}'),
    ('mail', '{"to": []}'), ('mail', '{"to": "a@example.com"}'), ('mail', '{"to": ["a"]}'), ('mail', '{"to": ["a@b, c@d"]}'), ('mail', '{"to": [5]}'),
    ('webhook', '{}'), ('webhook', '{"url": "https://user:secret@a.example"}'), ('webhook', '{"url": "nowhere"}')
) as g (kind, settings);

select alerts.set_channel('hook', 'webhook', '{"url": "https://a.example/x"}', p_description => 'one');
select is(row(c.kind, c.description)::text, '(webhook,one)', 'a channel is a row') from alerts.channel as c where c.name = 'hook';
select alerts.set_channel('hook', 'mail', '{"to": ["a@example.com"]}');
select is(row(c.kind, c.description, c.settings)::text, '(mail,"","{""to"": [""a@example.com""]}")', 'it is changed whole') from alerts.channel as c where c.name = 'hook';
select ok(e.facts::text not like '%example%', 'no address is in the trail') from audit.entry as e
where e.action = 'alerts.set_channel' order by e.id desc limit 1;
select isnt_empty($$select from identity.account where kind = 'operator'$$, 'the operator''s account is there');
select throws_ok($$select alerts.set_channel('Not A Name', 'webhook', '{"url": "https://a.example/x"}')$$, '23514', null, 'a name is a name');

-- A try.
select alerts.set_channel('hook', 'webhook', '{"url": "https://a.example/x"}');
select alerts.test_channel('hook', 'hello') as id \gset
select is(row(a.state, a.level, a.source, a.message)::text, '(resolved,info,alerts.test,hello)', 'a test is an alert that is over')
from alerts.alert as a where a.id = :'id';
select is(m.body::jsonb #>> '{data,title}', '[TEST] alerts.test', 'and a message') from outbox.message as m
where m.source_id = core.show_id('alert', :'id') and m.event_type = 'alert.test';
select is(alerts.test_channel('hook'), :'id'::uuid, 'the next is the same alert');
select is(count(*)::integer, 2, 'and another message') from outbox.message as m where m.source_id = core.show_id('alert', :'id');
select alerts.set_channel('hook', 'webhook', '{"url": "https://a.example/x"}', p_is_enabled => false);
select throws_ok($$select alerts.test_channel('hook')$$, 'LQ404', 'no such channel, or it is not enabled', 'a disabled one is not tried');

-- Over HTTP.
select test.make_key(identity.operator_account(), '{admin}') as key, test.make_key() as weak \gset
select is(c.status, 200, 'PUT makes one') from test.call('PUT', '/api/admin/alerts/channels/team', :'key', '{"kind": "slack", "settings": {"credential": "TEAM"}}') as c;
select is((c.body #> '{channels,1}') - 'updated_at', '{"name": "team", "kind": "slack", "settings": {"credential": "TEAM"}, "is_enabled": true,
    "tells_resolve": false, "description": ""}', 'GET lists it') from test.call('GET', '/api/admin/alerts/channels', :'key') as c;
select is(row(c.status, c.body #>> '{errors,0,pointer}')::text, '(422,/settings)', 'bad settings are refused')
from test.call('PUT', '/api/admin/alerts/channels/x', :'key', '{"kind": "slack", "settings": {"url": "https://x"}}') as c;
select is(row(c.status, c.body ->> 'channel', c.hints @> array[E'outbox\t1'])::text, '(202,team,t)', 'POST tries it, and the reactor is told')
from test.call('POST', '/api/admin/alerts/test', :'key', '{"channel": "team"}') as c;
select is(c.status, 404, 'one that is not there: 404') from test.call('POST', '/api/admin/alerts/test', :'key', '{"channel": "none"}') as c;
select is(array_agg(c.status), '{403,403,403}', 'customers may do none of it') from (values
    ('GET', '/api/admin/alerts/channels', null::jsonb), ('PUT', '/api/admin/alerts/channels/x', '{"kind": "slack", "settings": {"credential": "TEAM"}}'),
    ('POST', '/api/admin/alerts/test', '{"channel": "team"}')
) as m (method, path, body) cross join lateral test.call(m.method, m.path, :'weak', m.body) as c;

select * from finish();
rollback;
