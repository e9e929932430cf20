-- Facts as BI tools see them.
begin;
select plan(14);

select core.set_test_clock('2031-03-05 12:00:00+00');
select test.make_account('A') as a \gset
delete from jobs.hour;
insert into jobs.hour (account_id, workflow, hour, submitted, succeeded, failed, canceled) values
(:'a', 'w', '2031-03-05 10:00:00+00', 10, 5, 2, 1), (:'a', 'w', '2031-03-05 11:00:00+00', 1, 1, 1, 1);
delete from jobs.tally;
insert into jobs.tally (account_id, workflow, waiting, running, folded_at) values (:'a', 'w', 4, 2, '2031-03-05 11:59:58+00');
insert into quota.usage (account_id, month, used, allowed) values (:'a', '2031-03-01', 250, 1000);
insert into quota.usage_history (account_id, month, used, allowed, tier) values
(:'a', '2031-02-01', 5, null, 'enterprise'), (:'a', '2031-01-01', 0, 0, 'sandbox');
insert into quota.spending (account_id, day, reserved_usd) values (:'a', '2031-03-04', 0.5);
delete from ops.uptime_sample;
insert into ops.uptime_sample (minute, is_ready, queue_depth) values ('2031-03-05 11:59:00+00', false, 6);
select alerts.raise('critical', 'test.bi', 'no', p_fingerprint => 'bi-fact') as alert \gset
select core.set_test_clock('2031-03-05 12:10:00+00');
select alerts.resolve('bi-fact');
delete from schedule.run;
insert into schedule.run (task, slot, started_at, finished_at, outcome, worked, steps, touched, error, due_at)
values ('bi-refresh', '2031-03-04 23:55:00+00', '2031-03-05 00:00:00+00', '2031-03-05 00:00:02+00', 'failed', '1.5 seconds', 3, 7, 'secret words', null),
('bi-refresh', '2031-03-05 00:00:00+00', '2031-03-05 00:00:00+00', null, null, '0', 0, null, null, '2031-03-05 00:00:00+00');
select test.become('levqor_owner', true);
select bi_store.refresh_all();
-- After the refresh, which counts the days of the access record that there are.
delete from bi_store.request_day;
insert into bi_store.request_day (day, route, status_class, requests, accounts, total_micros, p50_micros, p95_micros, bytes_in, bytes_out)
values ('2031-03-04', 'GET /x', '2xx', 4, 1, 10000, 2000, 5500, 10, 20);
select test.become('levqor_bi');

select is(
    (select row(f.job_date, f.workflow, f.submitted_count, f.succeeded_count, f.failed_count, f.canceled_count, f.ended_count)::text
        from bi.fct_jobs_daily as f where f.account_id = :'a'), '(2031-03-05,w,11,6,3,2,11)', 'jobs by day'
);
select is((select array_agg(f.ended_count order by f.hour_at) from bi.fct_jobs_hourly as f where f.account_id = :'a'), '{8,3}', 'and by hour');
select is(
    (select row(f.waiting_count, f.running_count, f.counted_at)::text from bi.fct_queues as f where f.account_id = :'a' and f.workflow = 'w'),
    row(4, 2, '2031-03-05 11:59:58+00'::timestamptz)::text, 'the queue'
);
select results_eq(
    format($$select f.month_date, f.used_count, f.allowed_count, f.is_unlimited, f.used_ratio, f.is_current
        from bi.fct_usage_monthly as f where f.account_id = %L order by 1$$, :'a'),
    $$values ('2031-01-01'::date, 0::bigint, 0::bigint, false, null::numeric, false), ('2031-02-01', 5, null, true, null, false),
        ('2031-03-01', 250, 1000, false, 0.2500, true)$$, 'usage by month'
);
select is(
    (select row(f.spending_date, f.reserved_amount_minor, f.currency)::text from bi.fct_spending_daily as f where f.account_id = :'a'),
    '(2031-03-04,50.000000,USD)', 'spending by day'
);
select is((select row(f.minute_at, f.is_ready, f.waiting_count)::text from bi.fct_uptime_minutes as f),
    row('2031-03-05 11:59:00+00'::timestamptz, false, 6)::text, 'samples of uptime');
select is(
    (select row(f.alert_level, f.alert_state, f.is_open, f.opened_date, f.acknowledge_seconds, f.resolve_seconds)::text
        from bi.fct_alerts as f where f.alert_id = :'alert'), '(critical,resolved,f,2031-03-05,,600.000)', 'an alert and how long it was'
);
select is(
    (select row(f.run_outcome, f.run_kind, f.slot_date, f.worked_seconds, f.steps_count, f.rows_count, f.failure_code)::text
        from bi.fct_schedule_runs as f where f.slot_at = '2031-03-04 23:55:00+00'), '(failed,scheduled,2031-03-04,1.500000,3,7,)', 'a run'
);
select is((select f.run_outcome from bi.fct_schedule_runs as f where f.slot_at = '2031-03-05 00:00:00+00'), 'running', 'one that has more to do');
select is_empty($$select from bi.fct_schedule_runs as f where f::text like '%secret%'$$, 'nothing of what went wrong in words');
select is(
    (select row(f.requests_count, f.mean_ms, f.p50_ms, f.p95_ms, f.received_bytes, f.sent_bytes)::text from bi.fct_requests_daily as f),
    '(4,2.500,2.000,5.500,10,20)', 'requests, in milliseconds'
);
select test.become('none');

-- Names say what a column is.
create temp view bi_column as
select c.relname as view, a.attname as name, format_type(a.atttypid, null) as type
from pg_class as c
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
where c.relnamespace = 'bi'::regnamespace;
select is_empty($$
    select b.view, b.name, b.type from bi_column as b
    where (b.name ~ '_at$') <> (b.type = 'timestamp with time zone') or (b.name ~ '_date$') <> (b.type = 'date')
        or (b.name ~ '^(is|has)_') <> (b.type = 'boolean') or b.type = 'uuid' and b.name !~ '_id$'
        or b.name ~ '_minor$' and b.type not in ('bigint', 'numeric')$$,
    '_at is a timestamp, _date a date, is_ a boolean, _id an id, _minor money'
);
select is_empty($$
    select b.view from bi_column as b where b.name ~ '_minor$'
    except select b.view from bi_column as b where b.name = 'currency'$$, 'money has its currency beside it');
select is_empty($$select distinct b.view from bi_column as b where b.view !~ '^((fct|dim)_[a-z_]+(s|ly)|refreshes)$'$$, 'facts and dimensions, in the plural');

select * from finish();
rollback;
