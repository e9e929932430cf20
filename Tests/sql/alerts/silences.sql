-- In a silence alerts are counted and nobody is told; afterwards what is still open is told.
begin;
select plan(31);

delete from alerts.channel;
delete from alerts.route where origin = 'local';
delete from alerts.silence;
select alerts.set_channel('hook', 'webhook', '{"url": "https://a.example/x"}');
select alerts.set_route('all', 1, '{hook}', p_is_last => true);
create function pg_temp.count_sent(p_fingerprint text) returns bigint language sql as $$
    select count(*) from outbox.message as m inner join alerts.alert as a on m.source_id = core.show_id('alert', a.id)
    where m.source_domain = 'alerts' and a.fingerprint = p_fingerprint
$$;

select core.set_test_clock('2031-05-01 12:00:00+00');
select (alerts.silence('2031-05-01 13:00:00+00', 'new version', 'deploy.*', p_level => 'error')).id as id \gset
select alerts.raise('error', 'deploy.x', 'm', p_fingerprint => 's1'), alerts.raise('error', 'deploy.x', 'm', p_fingerprint => 's1');
select is(pg_temp.count_sent('s1'), 0::bigint, 'silenced');
select is(row(a.occurrences, a.state, a.is_held)::text, '(2,open,t)', 'kept, counted and held') from alerts.alert as a where a.fingerprint = 's1';
select is(array_agg(e.kind order by e.id), '{raised,silenced}', 'noted once') from alerts.event as e
inner join alerts.alert as a on a.id = e.alert_id where a.fingerprint = 's1';
select alerts.raise('error', 'other', 'm', p_fingerprint => 's2');
select is(pg_temp.count_sent('s2'), 1::bigint, 'another source is not');
select alerts.raise('critical', 'deploy.x', 'm', p_fingerprint => 's3');
select is(pg_temp.count_sent('s3'), 1::bigint, 'nor a higher level');
select alerts.raise('error', 'deploy.x', 'm', p_fingerprint => 's4'), alerts.resolve('s4');
select is(alerts.tell_held(), 0::bigint, 'while it lasts nothing is told');
select core.set_test_clock('2031-05-01 13:00:00+00');
select is(alerts.tell_held(), 1::bigint, 'when it ends, what is still open is');
select is(pg_temp.count_sent('s1') || ' ' || pg_temp.count_sent('s4'), '1 0', 'and what was resolved is not');
select ok(not a.is_held, 'then it is held no more') from alerts.alert as a where a.fingerprint = 's1';

-- By fingerprint, by account, to come, ended early.
select test.make_account('Acme') as acme \gset
select alerts.silence('2031-05-01 14:00:00+00', 'c', p_fingerprint => 's5'), alerts.silence('2031-05-01 14:00:00+00', 'c', p_source => 'acc', p_account_id => :'acme'),
    alerts.silence('2031-05-01 15:00:00+00', 'c', p_source => 'later', p_from => '2031-05-01 14:00:00+00');
select alerts.raise('critical', 'x', 'm', p_fingerprint => 's5'), alerts.raise('critical', 'x', 'm', p_fingerprint => 's6');
select is(pg_temp.count_sent('s5') || ' ' || pg_temp.count_sent('s6'), '0 1', 'by fingerprint');
select alerts.raise('critical', 'acc', 'm', p_account_id => :'acme', p_fingerprint => 's7'), alerts.raise('critical', 'acc', 'm', p_fingerprint => 's8');
select is(pg_temp.count_sent('s7') || ' ' || pg_temp.count_sent('s8'), '0 1', 'by account');
select alerts.raise('critical', 'later', 'm', p_fingerprint => 's9');
select is(pg_temp.count_sent('s9'), 1::bigint, 'one to come does not silence yet');
select core.set_test_clock('2031-05-01 14:30:00+00');
select alerts.raise('critical', 'later', 'm', p_fingerprint => 's10');
select is(pg_temp.count_sent('s10'), 0::bigint, 'in its time it does');
select alerts.end_silence(s.id) from alerts.silence as s where s.source = 'later';
select alerts.raise('critical', 'later', 'm', p_fingerprint => 's10');
select is(pg_temp.count_sent('s10'), 1::bigint, 'ended early it does no more');
select lives_ok(format('select alerts.end_silence(%L)', :'id'), 'one that is over can be ended');
select is(s.ended_at, null, 'and stays as it is') from alerts.silence as s where s.id = :'id';
select throws_ok(format('select alerts.end_silence(%L)', core.new_id()), 'LQ404', 'no such silence', 'there must be one');
select throws_ok($$select alerts.silence('2031-05-01 14:00:00+00', 'c')$$, 'LQ422', null, 'it ends in the future');
select throws_ok($$select alerts.silence('2031-05-01 15:00:00+00', 'c', p_from => '2031-05-01 15:00:00+00')$$, 'LQ422', null, 'after its begin');
select throws_ok($$select alerts.silence('2033-05-01 15:00:00+00', 'c')$$, 'LQ422', null, 'within a year');
select throws_ok($$select alerts.silence('2031-05-01 15:00:00+00', ' ')$$, 'LQ422', 'a silence says why', 'and says why');

-- Over HTTP.
select test.make_key(identity.operator_account(), '{platform}') as key, test.make_key(:'acme') as weak \gset
select c.status as made, c.body ->> 'id' as path, c.body as body from test.call('POST', '/api/admin/alerts/silences', :'key', jsonb_build_object(
    'until', '2031-05-01T16:00:00Z', 'comment', 'move', 'source', 'mail.*', 'level', 'warning', 'account_id', core.show_id('acct', :'acme'))) as c \gset
select is(:made, 201, 'POST makes one');
select is(:'body'::jsonb - 'id' - 'made_by', jsonb_build_object('source', 'mail.*', 'fingerprint', null, 'level', 'warning', 'account_id', core.show_id('acct', :'acme'),
    'from', '2031-05-01T14:30:00+00:00', 'until', '2031-05-01T16:00:00+00:00', 'comment', 'move', 'ended_at', null, 'created_at', '2031-05-01T14:30:00+00:00'), 'as asked');
select ok(:'body'::jsonb ->> 'made_by' like 'key\_%', 'by whom');
select is(jsonb_path_query_array(c.body, '$.silences[*].source'), '["mail.*"]', 'GET lists those in force and to come')
from test.call('GET', '/api/admin/alerts/silences', :'key') as c;
select is(jsonb_array_length(c.body -> 'silences'), 5, 'or all') from test.call('GET', '/api/admin/alerts/silences?all=true', :'key') as c;
select is(c.status, 204, 'DELETE ends it') from test.call('DELETE', '/api/admin/alerts/silences/' || :'path', :'key') as c;
select is(c.body -> 'silences', '[]', 'then it is over') from test.call('GET', '/api/admin/alerts/silences', :'key') as c;
select is(c.status, 404, 'an unknown one: 404') from test.call('DELETE', '/api/admin/alerts/silences/x', :'key') as c;
select is(array_agg(e.action order by e.id), '{alerts.silence,alerts.end_silence}', 'both are recorded') from audit.entry as e where e.target = :'path';
select is(array_agg(c.status), '{403,403,403}', 'customers may do none of it') from (values
    ('GET', '/api/admin/alerts/silences', null::jsonb), ('POST', '/api/admin/alerts/silences', '{"until": "2031-05-01T16:00:00Z", "comment": "x"}'),
    ('DELETE', '/api/admin/alerts/silences/x', null)
) as m (method, path, body) cross join lateral test.call(m.method, m.path, :'weak', m.body) as c;

select core.set_test_clock(null);
select * from finish();
rollback;
