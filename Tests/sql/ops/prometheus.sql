-- The database's figures for /metrics, one by one.
begin;
select plan(39);

delete from ops.server;
delete from ops.figure;
delete from ops.uptime_sample;
delete from schedule.run;
select test.clear_jobs();
delete from outbox.delivery;
delete from outbox.dead_letter;
delete from limits.refusal;
select core.set_test_clock('2031-01-10 12:00:00+00');

-- As the server asks, whoever it acted for last.
create temp table sample (name text, help text, type text, labels jsonb, value double precision, place bigint);
grant all on sample to public;
create function pg_temp.scrape() returns void language plpgsql as $$
begin
    delete from sample;
    perform core.set_caller('01a1fe28-d477-77f6-a72a-000000000001', null, null, '{}', null, null, 'req_1');
    perform set_config('role', 'levqor_server', true);
    insert into sample select p.* from ops.prometheus() with ordinality as p;
    perform set_config('role', 'none', true);
end;
$$;
create function pg_temp.of(p_name text, p_label text default null) returns jsonb language sql as $$
    select case
        when p_label is null then (select to_jsonb(s.value) from sample as s where s.name = p_name and s.labels = '{}')
        else (select jsonb_object_agg(s.labels ->> p_label, s.value) from sample as s where s.name = p_name)
    end
$$;

-- Nothing has happened yet.
select pg_temp.scrape();
select is(
    pg_temp.of('levqor_jobs', 'status'), '{"queued": 0, "running": 0, "succeeded": 0, "failed": 0, "canceled": 0}'::jsonb,
    'an empty queue has five counts of nothing'
);
select is(pg_temp.of('levqor_jobs_oldest_queued_seconds'), '0', 'where nothing waits, nothing waits long');
select is(pg_temp.of('levqor_jobs_oldest_lease_overdue_seconds'), '0', 'and no lease is overdue');
select is(
    pg_temp.of('levqor_outbox_messages', 'state'), '{"pending": 0, "sending": 0, "dead": 0}'::jsonb, 'an empty outbox is told too'
);
select is(pg_temp.of('levqor_outbox_oldest_due_seconds'), '0', 'with nothing due');
select is(
    pg_temp.of('levqor_limit_refusals_today', 'policy'), (select jsonb_object_agg(p.name, 0) from limits.policy as p),
    'each policy has refused nobody'
);
select is(
    array_agg(k.kind order by k.kind), '{dead,live}', 'the buckets'' rows are told, live and dead'
)
from jsonb_object_keys(pg_temp.of('levqor_limit_bucket_rows', 'kind')) as k (kind);
select is(
    pg_temp.of('levqor_schedule_overdue_seconds', 'task'),
    (select jsonb_object_agg(t.name, 0) from schedule.task as t where t.is_enabled), 'a task that never ran is not overdue'
);
select is(
    pg_temp.of('levqor_schedule_last_run_failed', 'task'),
    (select jsonb_object_agg(t.name, 0) from schedule.task as t where t.is_enabled), 'and has not failed'
);
select is(pg_temp.of('levqor_uptime_ratio', 'window'), null, 'no sample, no uptime');
select is(pg_temp.of('levqor_audit_coverage_ratio'), null, 'no sensitive action, no coverage');
select is(pg_temp.of('levqor_servers'), '0', 'no server is alive');
select is(pg_temp.of('levqor_ready'), '0', 'so it is not ready');

-- Jobs and messages of two accounts.
select test.make_account('A') as a, test.make_account('B') as b \gset
select jobs.submit_job(:'a', 'w', '{}'), jobs.submit_job(:'b', 'w', '{}'), jobs.submit_job(:'a', 'claimed', '{}'),
    jobs.submit_job(:'b', 'canceled', '{}'), jobs.submit_job(:'b', 'w', '{}', p_run_at => core.now() + interval '1 day');
select jobs.claim_jobs('me', '{claimed}', 1, 20);
select jobs.cancel_job(j.account_id, j.id) from jobs.job as j where j.workflow = 'canceled';
select outbox.send_webhook(x.id::uuid, 'https://example.org/', 'thing.done', '{}')
from (values (:'a'), (:'a'), (:'b'), (:'b'), (:'b'), (:'b')) as x (id);
create temp table numbered as
select d.account_id, d.message_id, row_number() over (order by d.message_id) as n from outbox.delivery as d;
update outbox.delivery as d
set lease_token = case when n.n = 1 then 1 end, claimed_at = case when n.n = 1 then core.now() end,
    wake_at = core.now() + case n.n when 5 then interval '10 seconds' when 6 then '1 day' else '0' end
from numbered as n
where d.message_id = n.message_id;
delete from outbox.delivery as d using numbered as n where d.message_id = n.message_id and n.n between 2 and 4;
insert into outbox.dead_letter (account_id, message_id, reason, died_at)
select n.account_id, n.message_id, 'answered 500', core.now() from numbered as n where n.n in (2, 3);
select core.set_test_clock('2031-01-10 12:00:45.5+00');
select pg_temp.scrape();
select is(
    pg_temp.of('levqor_jobs', 'status'), '{"queued": 3, "running": 1, "succeeded": 0, "failed": 0, "canceled": 1}'::jsonb,
    'the jobs of all accounts are counted'
);
select is(pg_temp.of('levqor_jobs_oldest_queued_seconds'), '45.5', 'with how long the oldest has waited');
select is(pg_temp.of('levqor_jobs_oldest_lease_overdue_seconds'), '25.5', 'and how long a lease has been over');
select is(
    pg_temp.of('levqor_outbox_messages', 'state'), '{"pending": 2, "sending": 1, "dead": 2}'::jsonb,
    'messages that are not done are counted by state'
);
select is(pg_temp.of('levqor_outbox_oldest_due_seconds'), '35.5', 'with how long the oldest due one has waited');

-- Limits.
insert into limits.refusal (day, policy_id, subject, refused)
select d.day::date, p.id, d.subject, d.refused
from limits.policy as p
cross join (values
    ('2031-01-10', '192.0.2.1', 2), ('2031-01-10', '192.0.2.2', 3), ('2031-01-09', '192.0.2.1', 50), ('2031-01-11', 'x', 70)
) as d (day, subject, refused)
where p.name = 'write-address';
set local time zone 'Pacific/Auckland';
select pg_temp.scrape();
set local time zone 'UTC';
select is(pg_temp.of('levqor_limit_refusals_today', 'policy') -> 'write-address', '5', 'refusals of this day of UTC are added up');
select is(pg_temp.of('levqor_limit_refusals_today', 'policy') -> 'write-all', '0', 'for each policy its own');

-- The clock's tasks.
update schedule.task set is_enabled = false where name not in ('ops-record-queue', 'ops-trim', 'ops-record-sample');
insert into schedule.run (task, slot, started_at, finished_at, outcome) values
('ops-record-queue', '2031-01-10 12:00:20+00', core.now(), core.now(), 'failed'),
('ops-record-queue', '2031-01-10 12:00:10+00', core.now(), core.now(), 'succeeded'),
('ops-record-sample', '2031-01-10 12:00:00+00', core.now(), core.now(), 'timed out'),
('ops-trim', '2031-01-10 00:00:00+00', core.now(), core.now(), 'succeeded'),
('ops-trim', '2031-01-09 00:00:00+00', core.now(), core.now(), 'failed');
update schedule.state as s
set plan = schedule.plan_of(t), due_at = d.due_at
from schedule.task as t, (values
    ('ops-record-queue', '2031-01-10 12:00:30+00'::timestamptz), ('ops-record-sample', '2031-01-10 12:01:00+00'),
    ('ops-trim', '2031-01-11 00:00:00+00')
) as d (task, due_at)
where t.name = s.task and d.task = s.task;
select pg_temp.scrape();
select is(
    pg_temp.of('levqor_schedule_overdue_seconds', 'task'),
    '{"ops-record-queue": 15.5, "ops-record-sample": 0, "ops-trim": 0}'::jsonb, 'a task is overdue from when it was due'
);
select is(
    pg_temp.of('levqor_schedule_last_run_failed', 'task'),
    '{"ops-record-queue": 1, "ops-record-sample": 1, "ops-trim": 0}'::jsonb, 'the last run counts, and to take too long is to fail'
);
update schedule.task set is_enabled = false where name = 'ops-record-sample';
select pg_temp.scrape();
select ok(
    not pg_temp.of(n.name, 'task') ? 'ops-record-sample', 'a task that is off is not told: ' || n.name
)
from (values ('levqor_schedule_overdue_seconds'), ('levqor_schedule_last_run_failed')) as n (name);

-- Uptime, coverage, servers.
insert into ops.uptime_sample (minute, is_ready, queue_depth)
select m, m >= '2031-01-10 11:57:00+00', 0
from generate_series('2031-01-10 11:56:00+00'::timestamptz, '2031-01-10 11:59:00+00', interval '1 minute') as m;
select ops.record_figure('audit_coverage', '87.5');
select ops.note_server_start('one', '1', 'b'), ops.note_server_start('two', '1', 'b'), ops.note_server_start('gone', '1', 'b');
update ops.server set started_at = core.now() - interval '2 minutes', seen_at = core.now() - interval '1 minute' where id = 'gone';
select pg_temp.scrape();
select is(pg_temp.of('levqor_uptime_ratio', 'window'), '{"7d": 0.75, "30d": 0.75}'::jsonb, 'three good minutes of four are 0.75');
select is(pg_temp.of('levqor_audit_coverage_ratio'), '0.875', 'coverage is a ratio too');
select is(pg_temp.of('levqor_servers'), '2', 'servers that are silent do not count');
select is(pg_temp.of('levqor_ready'), '1', 'and with one alive it is ready');
select ops.record_figure('audit_coverage', 'null');
insert into ops.uptime_sample (minute, is_ready, queue_depth) values ('2031-01-01 12:00:00+00', true, 0);
select pg_temp.scrape();
select is(pg_temp.of('levqor_audit_coverage_ratio'), null, 'a coverage that was measured as none is none');
select is(
    pg_temp.of('levqor_uptime_ratio', 'window'), '{"7d": 0.0003, "30d": 0.00031}'::jsonb,
    'each window has its own: 3 good minutes of 10080, 4 of 12960'
);

-- The form.
select is_empty(
    $$select s.name from sample as s group by s.name having count(distinct row(s.help, s.type)) > 1$$, 'a name has one help and type'
);
select is_empty(
    $$select s.name from sample as s where s.name !~ '^levqor_[a-z]+(_[a-z]+)*$' or s.type <> 'gauge' or s.value is null
        or s.help !~ '^[A-Z].*\.$' or jsonb_typeof(s.labels) <> 'object'$$, 'every sample is in its form'
);
select is_empty('select from sample as s group by s.name, s.labels having count(*) > 1', 'each series is there once');
select is(
    (select array_agg(s.name || s.labels::text order by s.place) from sample as s),
    (select array_agg(s.name || s.labels::text order by s.name, s.labels) from sample as s), 'in the order of names and labels'
);

-- Rights.
select volatility_is('ops', 'prometheus', array[]::text[], 'volatile', 'it begins the work of the machinery');
select is_definer('ops', 'prometheus', array[]::text[], 'with the rights of its owner');
select function_privs_are('ops', 'prometheus', array[]::text[], r.role, r.rights, r.told)
from (values
    ('levqor_server', array['EXECUTE'], 'a server asks'), ('levqor_dba', '{}', 'a reader has the tables'),
    ('public', '{}', 'nobody else asks')
) as r (role, rights, told);

select * from finish();
rollback;
