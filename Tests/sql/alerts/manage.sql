-- The operator sees, acknowledges and resolves alerts.
begin;
select plan(40);

delete from alerts.alert;
delete from alerts.channel;
delete from alerts.route where origin = 'local';
select test.make_account('Acme') as acme, test.make_account('Beta') as beta \gset
select alerts.set_channel('hook', 'webhook', '{"url": "https://a.example/x"}');
select test.make_key(identity.operator_account(), '{platform}') as key, test.make_key(identity.operator_account(), '{admin}') as admin, test.make_key(:'acme') as weak \gset
select core.set_test_clock('2031-05-01 12:00:00+00');
select alerts.raise('info', 'm.one', 'one', p_fingerprint => 'm1') as one \gset
select alerts.raise('warning', 'm.two', 'two', p_fingerprint => 'm2', p_account_id => :'acme') as two \gset
select alerts.raise('critical', 'm.three', 'three', '{"a": 1}', p_fingerprint => 'm3') as three \gset
create function pg_temp.list(p_query text, p_key text) returns text language sql as $$
    select concat_ws(' ', c.status, (select string_agg(a.value ->> 'fingerprint', ' ' order by a.n) from jsonb_array_elements(c.body -> 'alerts') with ordinality as a (value, n)))
    from test.call('GET', '/api/admin/alerts' || p_query, p_key) as c
$$;
-- In the order of their ids, which are made within a millisecond here.
create function pg_temp.newest(variadic p_fingerprints text[]) returns text language sql as $$
    select string_agg(a.fingerprint, ' ' order by a.id desc) from alerts.alert as a where a.fingerprint = any (p_fingerprints)
$$;

-- Lists.
select is(pg_temp.list('', :'key'), '200 ' || pg_temp.newest('m3', 'm2', 'm1'), 'the newest first');
select is(pg_temp.list('', :'admin'), '200 ' || pg_temp.newest('m3', 'm2', 'm1'), 'for the scope admin too');
select is(pg_temp.list('?level=warning', :'key'), '200 ' || pg_temp.newest('m3', 'm2'), 'at least a level');
select is(pg_temp.list('?source=m.t*', :'key'), '200 ' || pg_temp.newest('m3', 'm2'), 'by source');
select is(pg_temp.list('?account_id=' || core.show_id('acct', :'acme'), :'key'), '200 m2', 'by account');
select is(pg_temp.list('?account_id=x', :'key'), '422', 'which must be one');
select is(pg_temp.list('', :'weak'), '403', 'not for customers');
select c.body ->> 'next_cursor' as cursor, c.body as body from test.call('GET', '/api/admin/alerts?limit=2', :'key') as c \gset
select is(jsonb_array_length(:'body'::jsonb -> 'alerts'), 2, 'a page');
select is(
    pg_temp.list('?limit=2&cursor=' || :'cursor', :'key'), '200 ' || split_part(pg_temp.newest('m1', 'm2', 'm3'), ' ', 3), 'and the next'
);
select is(c.body -> 'next_cursor', 'null', 'the last has no next') from test.call('GET', '/api/admin/alerts?limit=3', :'key') as c;
select is(c.status, 422, 'a cursor is one') from test.call('GET', '/api/admin/alerts?cursor=x', :'key') as c;
-- A platform key that acts for an account sees what is about that account.
select is(jsonb_path_query_array(c.body, '$.alerts[*].fingerprint'), '["m2"]', 'acting for an account: its own')
from test.call('GET', '/api/admin/alerts', :'key', p_context => jsonb_build_object('account', core.show_id('acct', :'acme'))) as c;

-- One.
select is(c.body - 'events' - 'deliveries', jsonb_build_object(
    'id', core.show_id('alert', :'three'), 'account_id', null, 'fingerprint', 'm3', 'level', 'critical', 'source', 'm.three', 'message', 'three',
    'facts', '{"a": 1}'::jsonb, 'state', 'open', 'occurrences', 1, 'times_opened', 1, 'is_held', false, 'first_seen_at', '2031-05-01T12:00:00+00:00',
    'last_seen_at', '2031-05-01T12:00:00+00:00', 'opened_at', '2031-05-01T12:00:00+00:00', 'acknowledged_at', null, 'acknowledged_by', null,
    'resolved_at', null, 'resolved_by', null), 'an alert') from test.call('GET', '/api/admin/alerts/' || core.show_id('alert', :'three'), :'key') as c;
select is(jsonb_path_query_array(c.body, '$.events[*].kind'), '["raised", "sent"]', 'with its events')
from test.call('GET', '/api/admin/alerts/' || core.show_id('alert', :'three'), :'key') as c;
select is(c.body #>> '{deliveries,0,message_id}', c.body #>> '{events,1,message_id}', 'and its messages')
from test.call('GET', '/api/admin/alerts/' || core.show_id('alert', :'three'), :'key') as c;
select is(c.status, 404, 'an unknown one: 404') from test.call('GET', '/api/admin/alerts/' || core.show_id('alert', core.new_id()), :'key') as c;
select is(c.status, 404, 'no id: 404') from test.call('GET', '/api/admin/alerts/x', :'key') as c;
select is(c.status, 403, 'not for customers') from test.call('GET', '/api/admin/alerts/' || core.show_id('alert', :'two'), :'weak') as c;

-- Acknowledge.
select '/api/admin/alerts/' || core.show_id('alert', :'three') as path \gset
select is(row(c.status, c.body ->> 'state', c.body ->> 'acknowledged_at', c.body ->> 'acknowledged_by' like 'key\_%')::text,
    '(200,acknowledged,2031-05-01T12:00:00+00:00,t)', 'acknowledged') from test.call('POST', :'path' || '/acknowledge', :'key', '{"comment": "I look"}') as c;
select is(c.body ->> 'acknowledged_by', a.acknowledged_by, 'who was first stays') from test.call('POST', :'path' || '/acknowledge', :'admin', '{}') as c, alerts.alert as a
where a.id = :'three';
select is(pg_temp.list('?state=acknowledged', :'key') || ', ' || pg_temp.list('?state=open', :'key') || ', ' || pg_temp.list('?state=unresolved', :'key'),
    format('200 m3, 200 %s, 200 %s', pg_temp.newest('m1', 'm2'), pg_temp.newest('m1', 'm2', 'm3')), 'lists tell them apart');
select is(row(count(*), max(e.facts ->> 'comment'))::text, '(1,"I look")', 'noted once') from alerts.event as e where e.alert_id = :'three' and e.kind = 'acknowledged';
select is(c.status, 404, 'an unknown one: 404') from test.call('POST', '/api/admin/alerts/x/acknowledge', :'key', '{}') as c;

select is(string_agg(concat_ws(' ', c.level, c.state, c.alerts), ', '), 'info open 1, info acknowledged 0, warning open 1, warning acknowledged 0, '
    'error open 0, error acknowledged 0, critical open 0, critical acknowledged 1', 'counted') from alerts.count_unresolved() as c;

-- Resolve.
select is(row(c.status, c.body ->> 'state', c.body ->> 'resolved_by' like 'key\_%')::text, '(200,resolved,t)', 'resolved')
from test.call('POST', :'path' || '/resolve', :'key', '{"comment": "done"}') as c;
select is(c.status, 200, 'twice is once') from test.call('POST', :'path' || '/resolve', :'key', '{}') as c;
select is(count(*)::integer, 1, 'noted once') from alerts.event as e where e.alert_id = :'three' and e.kind = 'resolved';
select is(row(c.status, c.body ->> 'code')::text, '(409,conflict)', 'what is resolved is not acknowledged')
from test.call('POST', :'path' || '/acknowledge', :'key', '{}') as c;
select is(pg_temp.list('?state=resolved', :'key'), '200 m3', 'listed as such');
select alerts.raise('info', 'm.three', 'three', p_fingerprint => 'm3');
select is(pg_temp.list('?state=open', :'key'), '200 ' || pg_temp.newest('m3', 'm2', 'm1'), 'raised again it is open');
select is(c.status, 404, 'an unknown one: 404') from test.call('POST', '/api/admin/alerts/x/resolve', :'key', '{}') as c;
select is(array_agg(c.status), '{403,403}', 'customers may do neither') from unnest('{acknowledge,resolve}'::text[]) as v (verb)
cross join lateral test.call('POST', '/api/admin/alerts/' || core.show_id('alert', :'two') || '/' || v.verb, :'weak', '{}') as c;
select is(array_agg(e.action order by e.id), '{alerts.acknowledge,alerts.acknowledge,alerts.resolve,alerts.resolve}', 'every one is recorded')
from audit.entry as e where e.target = core.show_id('alert', :'three');
select is(audit.measure_coverage(core.now() - interval '1 minute'), 100.00, 'nothing sensitive is without its entry');

-- In psql.
select is(array_agg(a.fingerprint order by a.fingerprint), '{m2,m3}', 'in psql') from alerts.list_alerts(p_state => 'open', p_source => 'm.t*') as a;
select throws_ok(format('select alerts.acknowledge(%L)', core.new_id()), 'LQ404', 'no such alert', 'there must be one');
select throws_ok(format('select alerts.close(%L)', core.new_id()), 'LQ404', 'no such alert', 'to resolve as well');
select throws_ok($$select alerts.acknowledge(null)$$, 'LQ404', 'no such alert', 'null is none');
select is((alerts.acknowledge(:'one')).acknowledged_by, 'role:' || session_user, 'a login acknowledges') ;

-- An account's own call sees nothing of others.
select set_config('role', 'levqor_owner', true), test.act_for(:'beta');
select is_empty('select from alerts.alert', 'another account sees none');
select set_config('role', 'none', true);

select core.set_test_clock(null);
select * from finish();
rollback;
