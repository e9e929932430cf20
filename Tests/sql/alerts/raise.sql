-- Alerts are grouped by fingerprint, counted, resolved and opened again, from any function, and nobody waits.
begin;
select plan(56);

delete from alerts.channel;
delete from alerts.route where origin = 'local';
select alerts.rank('info') < alerts.rank('warning') and alerts.rank('warning') < alerts.rank('error')
    and alerts.rank('error') < alerts.rank('critical') as ordered \gset
select ok(:'ordered'::boolean, 'levels are ordered');
select is(alerts.rank('fatal'), null, 'and there are no others');
select ok(alerts.matches(m.pattern, m.text) = m.is_match, format('%s %s %s', m.pattern, case when m.is_match then 'fits' else 'does not fit' end, m.text))
from (values
    ('*', 'a.b', true), ('a.*', 'a.b', true), ('a.*', 'ab', false), ('a_b', 'axb', false), ('100%', '100x', false),
    ('a\b', 'a\b', true), ('*.c', 'a.b.c', true), ('a.b', 'a.bc', false)
) as m (pattern, text, is_match);

-- Fingerprints.
select is(alerts.make_fingerprint('s', a.text), alerts.make_fingerprint('s', b.text), format('%s is %s', a.text, b.text))
from (values ('12 jobs late', '7 jobs late')) as p (x, y), lateral (select p.x as text) as a, lateral (select p.y as text) as b;
select is(alerts.make_fingerprint('s', p.x), alerts.make_fingerprint('s', p.y), format('%s is %s', p.x, p.y))
from (values
    ('job job_01a1fedb08967b9fa99326a36b697718 failed', 'job job_01a1fedb08987a75ba5a4b1de654e78a failed'),
    ('row 01a1fedb-0896-7b9f-a993-26a36b697718', 'row 01a1fedb-0898-7a75-ba5a-4b1de654e78a'),
    ('took 3.5s of 2,000', 'took 12s of 7'), ('at 12:30:01', 'at 9:05'), ('digest 9f86d081884c7d65', 'digest 60303ae22b998861')
) as p (x, y);
select isnt(alerts.make_fingerprint('s', 'jobs late'), alerts.make_fingerprint('s', 'jobs early'), 'other words are another alert');
select isnt(alerts.make_fingerprint('s', 'jobs late'), alerts.make_fingerprint('t', 'jobs late'), 'as is another source');

-- Raised, again, higher.
select core.set_test_clock('2031-05-01 12:00:00+00');
select alerts.raise('warning', 'test.queue', '12 jobs are late', '{"jobs": 12}') as id \gset
select is(
    row(a.level, a.source, a.message, a.facts, a.state, a.occurrences, a.first_seen_at, a.account_id)::text,
    row('warning', 'test.queue', '12 jobs are late', '{"jobs": 12}'::jsonb, 'open', 1, '2031-05-01 12:00:00+00'::timestamptz, null)::text,
    'an alert is a row'
) from alerts.alert as a where a.id = :'id';
select core.set_test_clock('2031-05-01 12:05:00+00');
select is(alerts.raise('info', 'test.queue', '13 jobs are late', '{"jobs": 13}'), :'id', 'the same again is the same alert');
select is(
    row(a.level, a.message, a.facts, a.occurrences, a.first_seen_at, a.last_seen_at)::text,
    row('warning', '13 jobs are late', '{"jobs": 13}'::jsonb, 2, '2031-05-01 12:00:00+00'::timestamptz, '2031-05-01 12:05:00+00'::timestamptz)::text,
    'counted, with the highest level and the last message'
) from alerts.alert as a where a.id = :'id';
select alerts.raise('error', 'test.queue', '14 jobs are late');
select is(a.level, 'error', 'its level rises') from alerts.alert as a where a.id = :'id';
select is(array_agg(e.kind order by e.id), '{raised,level_raised}', 'what is new has an event, a repetition has none')
from alerts.event as e where e.alert_id = :'id';

-- Acknowledged.
select alerts.acknowledge(:'id');
select alerts.raise('error', 'test.queue', '15 jobs are late');
select is(a.state, 'acknowledged', 'raised again it stays acknowledged') from alerts.alert as a where a.id = :'id';
select alerts.raise('critical', 'test.queue', '16 jobs are late');
select is(row(a.state, a.acknowledged_at)::text, '(open,)', 'unless its level rises') from alerts.alert as a where a.id = :'id';

-- Resolved, and opened again.
select ok(not alerts.resolve('no such fingerprint'), 'nothing to resolve is no error');
select ok(alerts.resolve(alerts.make_fingerprint('test.queue', '1 jobs are late'), p_comment => 'all done'), 'a function resolves it');
select is(row(a.state, a.resolved_at, a.resolved_by)::text, format('(resolved,"2031-05-01 12:05:00+00",role:%s)', session_user), 'by whom')
from alerts.alert as a where a.id = :'id';
select ok(not alerts.resolve(alerts.make_fingerprint('test.queue', '1 jobs are late')), 'twice is once');
select core.set_test_clock('2031-05-01 13:00:00+00');
select is(alerts.raise('info', 'test.queue', '1 jobs are late'), :'id', 'raised after that it is the same alert');
select is(
    row(a.state, a.level, a.times_opened, a.occurrences, a.opened_at, a.first_seen_at, a.resolved_at)::text,
    '(open,info,2,6,"2031-05-01 13:00:00+00","2031-05-01 12:00:00+00",)', 'opened again, at its level of now'
) from alerts.alert as a where a.id = :'id';
select is(
    array_agg(e.kind order by e.id), '{raised,level_raised,acknowledged,level_raised,resolved,reopened}', 'its history'
) from alerts.event as e where e.alert_id = :'id';
select is(e.facts ->> 'comment', 'all done', 'with the comment') from alerts.event as e where e.alert_id = :'id' and e.kind = 'resolved';

-- Fingerprints of the caller, and accounts.
select test.make_account('Acme') as acme, test.make_account('Beta') as beta \gset
select alerts.raise('info', 'test', 'one', p_fingerprint => 'mine') as mine \gset
select is(alerts.raise('info', 'other', 'two', p_fingerprint => 'mine'), :'mine'::uuid, 'the caller says what is the same');
select alerts.raise('info', 'test', 'one', p_account_id => :'acme', p_fingerprint => 'mine') as acmes \gset
select isnt(:'acmes'::uuid, :'mine'::uuid, 'what is about an account is another alert');
select isnt(alerts.raise('info', 'test', 'one', p_account_id => :'beta', p_fingerprint => 'mine'), :'acmes'::uuid, 'each account''s its own');
select ok(alerts.resolve('mine', :'acme'), 'resolved by account');
select is(string_agg(concat_ws(' ', c.name, a.state), ', ' order by c.name nulls first), 'open, Acme resolved, Beta open', 'and only there')
from alerts.alert as a left join identity.account as c on c.id = a.account_id
where a.fingerprint = 'mine' and (a.account_id is null or a.account_id in (:'acme', :'beta'));

select alerts.raise('info', 'test', 'one', p_fingerprint => ' ' || repeat('f', 250));
select ok(alerts.resolve(' ' || repeat('f', 250)), 'a fingerprint is cut alike by both');

-- Odd arguments.
select throws_ok($$select alerts.raise('fatal', 's', 'm')$$, 'LQ422', 'unknown level of an alert', 'no other level');
select throws_ok($$select alerts.raise(null, 's', 'm')$$, 'LQ422', 'unknown level of an alert', 'nor none');
select is(row(a.source, a.message, a.facts)::text, '(unknown,"(no message)",{})', 'all else is taken as it comes')
from alerts.alert as a where a.id = alerts.raise('info', null, null, null);
select is(row(a.source, length(a.message), a.facts)::text, '(a-b/c,2000,"{""facts"": [1]}")', 'made to fit')
from alerts.alert as a where a.id = alerts.raise('info', ' a<&b/c', repeat('x', 3000), '[1]');
select is(length(a.facts ->> 'facts_cut'), 4000, 'large facts are cut')
from alerts.alert as a where a.id = alerts.raise('info', 'large', 'facts', jsonb_build_object('x', repeat('y', 20000)));

-- From the call of a customer.
select alerts.set_channel('raise-hook', 'webhook', '{"url": "https://hook.example.com/"}');
select alerts.set_route('raise-test', 1, '{raise-hook}', p_source => 'customer', p_is_last => true);
select set_config('role', 'levqor_owner', true), core.set_caller(:'acme', null, null, '{jobs:submit}', null, null, 'req-1');
select alerts.raise('warning', 'customer', 'from a call') as called \gset
select is(current_setting('levqor.machinery'), 'off', 'the call is no machinery afterwards');
select is_empty('select from alerts.alert where account_id is null', 'and sees no alert of the deployment');
select is(core.take_hints() @> array[E'outbox\t1'], true, 'the server is hinted to');
select throws_ok($$select alerts.raise('none', 'customer', 'from a call')$$, 'LQ422', null, 'after an error');
select is(current_setting('levqor.machinery'), 'off', 'it is none either');
select set_config('role', 'none', true), core.set_caller(null, null, null, null, null, null, null);
select is(e.actor, 'anonymous', 'who raised it is known') from alerts.event as e where e.alert_id = :'called' and e.kind = 'raised';
select is(count(*)::integer, 1, 'and the channel is told') from outbox.message as m
where m.source_domain = 'alerts' and m.source_id = core.show_id('alert', :'called') and m.account_id = identity.operator_account();

-- What waited.
insert into alerts.waiting (fingerprint, level, source, message, facts, actor, happened_at) values
    ('w1', 'error', 'wait', 'first', '{"n": 1}', 'user_x', '2031-05-01 12:59:58+00'), ('w1', 'info', 'wait', 'second', '{}', 'user_y', '2031-05-01 12:59:59+00');
insert into alerts.waiting (is_resolve, fingerprint, actor, happened_at) values (true, 'w1', 'user_x', '2031-05-01 12:59:58.5+00');
select is(alerts.gather(), 3::bigint, 'the clock takes in what waited');
select is(row(a.state, a.level, a.message, a.occurrences, a.first_seen_at)::text, '(open,error,second,2,"2031-05-01 12:59:58+00")',
    'in its order, and a resolve of before resolves nothing') from alerts.alert as a where a.fingerprint = 'w1';
select is(e.actor, 'user_x', 'in the name of whom it came from') from alerts.event as e
inner join alerts.alert as a on a.id = e.alert_id where a.fingerprint = 'w1' and e.kind = 'raised';
select alerts.resolve('w1');
insert into alerts.waiting (fingerprint, level, source, message, facts, actor, happened_at) values ('w1', 'info', 'wait', 'late', '{}', 'x', '2031-05-01 12:59:59+00');
select alerts.gather();
select is(row(a.state, a.occurrences)::text, '(resolved,3)', 'what happened before the resolve is counted, and opens nothing')
from alerts.alert as a where a.fingerprint = 'w1';
insert into alerts.waiting (is_resolve, fingerprint, actor, happened_at) values (true, 'mine', 'user_x', '2031-05-01 13:00:00+00');
select alerts.gather();
select is(row(a.state, a.resolved_by)::text, '(resolved,user_x)', 'and a resolve that waited resolves') from alerts.alert as a
where a.fingerprint = 'mine' and a.account_id is null;

-- Rights.
select set_config('role', 'levqor_dba', true);
select isnt_empty('select from alerts.alert', 'a DBA sees alerts');
select throws_ok($$delete from alerts.alert$$, '42501', null, 'and changes none');
select throws_ok($$select settings from alerts.channel$$, '42501', null, 'nor sees the addresses of channels');
select set_config('role', 'none', true);

select core.set_test_clock(null);
select * from finish();
rollback;
