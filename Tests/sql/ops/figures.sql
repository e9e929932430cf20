begin;
select plan(29);

delete from ops.uptime_sample;
delete from ops.figure;
delete from audit.sensitive_call;
select core.set_test_clock('2031-01-10 12:00:30+00');
select is(ops.measure_uptime('7 days'), null, 'nothing recorded, no uptime');
select is(
    c.body, '{"uptime_rolling_7d": null, "uptime_rolling_30d": null, "jobs_today": null, "audit_coverage": null,
        "last_updated": null}'::jsonb, 'and no figure is made up'
)
from test.call('GET', '/public/metrics') as c;
select is(c.body -> 'healthy', 'false', 'a queue that nobody measured is not healthy')
from test.call('GET', '/ops/queue_health') as c;

-- Samples.
select ops.note_server_start('one', '1.0', 'abc');
select core.enter_machinery();
select is(ops.record_sample(), '{"is_ready": true, "reasons": []}'::jsonb, 'a minute is sampled');
select is(
    (select row(s.minute, s.is_ready, s.queue_depth)::text from ops.uptime_sample as s),
    row('2031-01-10 12:00:00+00'::timestamptz, true, 0)::text, 'as good'
);
select is(ops.measure_uptime('7 days'), 100.000, 'the first minute counts');
delete from ops.server;
select core.set_test_clock('2031-01-10 12:00:50+00');
select is(ops.record_sample() -> 'is_ready', 'false', 'a second look at a minute');
select is((select s.is_ready from ops.uptime_sample as s), true, 'changes nothing: the first stands');
select core.set_test_clock('2031-01-10 12:01:10+00');
select is(ops.record_sample() -> 'reasons', '["no reactor has reported yet"]'::jsonb, 'a minute without a reactor is a bad one');
select is(ops.measure_uptime('7 days'), 100.000, 'the current minute does not count yet');
select core.set_test_clock('2031-01-10 12:02:00+00');
select is(ops.measure_uptime('7 days'), 50.000, 'one good minute of two');
select core.set_test_clock('2031-01-10 12:04:00+00');
select is(ops.measure_uptime('7 days'), 25.000, 'minutes without a sample are bad ones');
insert into ops.uptime_sample (minute, is_ready, queue_depth)
select m, true, 0 from generate_series('2031-01-10 12:04:00+00'::timestamptz, '2031-01-18 12:03:00+00', interval '1 minute') as m;
select core.set_test_clock('2031-01-18 12:04:00+00');
select is(ops.measure_uptime('7 days'), 100.000, 'seven days back is all good');
select is(ops.measure_uptime('30 days'), round(100.0 * (8 * 24 * 60 + 4 - 3) / (8 * 24 * 60 + 4), 3), 'thirty are not');
delete from ops.uptime_sample where minute >= '2031-01-18 00:00:00+00';
select is(ops.measure_uptime('7 days'), round(100.0 * (7 * 1440 - 724) / (7 * 1440), 3), 'a day that ends early is told');
delete from ops.uptime_sample where minute < '2031-01-17 00:00:00+00' and minute > '2031-01-10 12:00:00+00';
select is(ops.measure_uptime('7 days'), round(100.0 * 1440 / (7 * 1440), 3), 'a window that begins in a gap counts the gap');

-- Figures.
select test.make_key() as key \gset
select jobs.submit_job(test.key_account(:'key'), 'count', '{}');
select core.enter_machinery();
select is(ops.record_queue() -> 'queue_stats' -> 'queued', '1', 'the queue is measured');
select ops.record_sample();
select is(
    c.body -> 'queue_stats', '{"queued": 1, "running": 0, "completed": 0, "failed": 0, "canceled": 0, "total": 1}'::jsonb,
    'over all accounts, for everybody'
)
from test.call('GET', '/ops/queue_health') as c;
select is(c.body -> 'healthy', 'true', 'it is healthy') from test.call('GET', '/ops/queue_health') as c;
select is(
    row(c.body -> 'jobs_today', c.body -> 'last_updated')::text, '(1,"""2031-01-18T12:04:00+00:00""")', 'jobs of today are counted'
)
from test.call('GET', '/public/metrics') as c;
select core.set_test_clock('2031-01-18 12:05:01+00');
select is(c.body -> 'healthy', 'false', 'a measure that is old is not trusted') from test.call('GET', '/ops/queue_health') as c;
select core.set_test_clock('2031-01-18 12:20:00+00');
select core.enter_machinery();
select ops.record_queue();
select is(c.body -> 'healthy', 'false', 'a job that waits too long is told') from test.call('GET', '/ops/queue_health') as c;
update core.setting set value = '3600' where name = 'jobs.healthy_wait_seconds';
select core.enter_machinery();
select ops.record_queue();
select is(c.body -> 'healthy', 'true', 'by a setting') from test.call('GET', '/ops/queue_health') as c;
select core.set_test_clock('2031-01-19 00:00:10+00');
select core.enter_machinery();
select ops.record_sample();
select is(c.body -> 'jobs_today', '0', 'today begins at midnight UTC') from test.call('GET', '/public/metrics') as c;

-- Coverage.
select is(c.status, 201, 'a sensitive action') from test.call('POST', '/api/v1/keys', :'key', '{"name": "x"}') as c;
select core.enter_machinery();
select ops.record_sample();
select is(c.body -> 'audit_coverage', '100.00', 'is covered') from test.call('GET', '/public/metrics') as c;

-- Trimming.
select core.set_test_clock('2033-01-01 00:00:00+00');
select cmp_ok(ops.trim(), '>', 0::bigint, 'old samples go');
select is_empty('select from ops.uptime_sample', 'all of them');
select is(array_agg(c.headers ->> 'RateLimit' is null), '{t,t,t,t,t}', 'none of the pages is limited')
from (values ('/'), ('/status'), ('/public/metrics'), ('/ops/uptime'), ('/ops/queue_health')) as p (path)
cross join lateral test.call('GET', p.path) as c;

select * from finish();
rollback;
