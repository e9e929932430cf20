-- What is long over goes; the clock runs all of it.
begin;
select plan(11);

delete from alerts.alert;
delete from alerts.silence;
delete from alerts.channel;
update core.setting set value = '30' where name = 'alerts.keep_days';
update core.setting set value = '3' where name = 'alerts.keep_events';
select core.set_test_clock('2031-01-01 12:00:00+00');
select alerts.raise('info', 's', 'old', p_fingerprint => 't-old'), alerts.raise('info', 's', 'open', p_fingerprint => 't-open'), alerts.resolve('t-old');
select alerts.silence('2031-01-01 12:00:00.5+00', 'c');
select core.set_test_clock('2031-01-20 12:00:00+00');
select alerts.raise('info', 's', 'new', p_fingerprint => 't-new'), alerts.resolve('t-new');
select alerts.raise('info', 's', 'often', p_fingerprint => 't-often'), alerts.resolve('t-often') from generate_series(1, 3);
select alerts.silence('2031-03-01 13:00:00+00', 'long');

update core.setting set value = '60' where name = 'alerts.stale_days';
select core.set_test_clock('2031-01-31 12:00:00+00');
select is(alerts.trim(), 0::bigint, 'to the day');
select core.set_test_clock('2031-01-31 12:00:01+00');
select is(alerts.trim(), 1::bigint, 'what was resolved long ago goes');
select is(array_agg(a.fingerprint order by a.fingerprint), '{t-new,t-often,t-open}', 'and what is open stays, however old') from alerts.alert as a;
select is(array_agg(s.comment), '{long}', 'silences that are over go') from alerts.silence as s;
select is(count(*)::integer, 3, 'of many events the newest stay') from alerts.event as e inner join alerts.alert as a on a.id = e.alert_id where a.fingerprint = 't-often';
select is(array_agg(e.kind order by e.id), '{resolved,reopened,resolved}', 'those') from alerts.event as e
inner join alerts.alert as a on a.id = e.alert_id where a.fingerprint = 't-often';
select is(count(*)::integer, 2, 'of few all') from alerts.event as e inner join alerts.alert as a on a.id = e.alert_id where a.fingerprint = 't-new';

update core.setting set value = '30' where name = 'alerts.stale_days';
select alerts.raise('info', 's', 'fresh', p_fingerprint => 't-fresh');
select alerts.trim();
select is(string_agg(a.fingerprint || ' ' || a.state, ', ' order by a.fingerprint), 't-fresh open, t-open resolved', 'what was not seen for long is resolved')
from alerts.alert as a where a.fingerprint in ('t-open', 't-fresh');
select ok(e.facts ->> 'comment' like 'not seen for 30 days', 'with the reason') from alerts.event as e
inner join alerts.alert as a on a.id = e.alert_id where a.fingerprint = 't-open' and e.kind = 'resolved';

-- The clock.
update schedule.task set is_enabled = name like 'alerts-%';
select is(
    test.turn_clock(),
    '{"alerts-escalate succeeded","alerts-gather succeeded","alerts-trim succeeded","alerts-watch-dead-letters succeeded","alerts-watch-endpoints succeeded","alerts-watch-inbox succeeded","alerts-watch-receivers succeeded","alerts-watch-schedule succeeded"}',
    'the clock runs the tasks'
);
select is(count(*)::integer, 8, 'which are the product''s') from schedule.task as t where t.name like 'alerts-%' and t.origin = 'file';

select core.set_test_clock(null);
select * from finish();
rollback;
