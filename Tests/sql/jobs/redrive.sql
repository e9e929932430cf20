-- Failed jobs are queued again, one or many.
begin;
select plan(25);

select test.clear_jobs();
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
create temp table k on commit drop as select test.make_key(a) as a, test.make_key(b) as b from t;
grant select on t, k to public;
select core.set_test_clock('2030-01-01 12:00:00+00');
create function pg_temp.failed(p_workflow text, p_key text default null) returns uuid language plpgsql as $$
declare
    v_job jobs.job;
begin
    perform jobs.submit_job(
        (select a from t), p_workflow, '{}', 'https://example.org/hook', p_max_attempts => 2, p_unique_key => p_key, p_unique_while => 'active'
    );
    select c.* into v_job from test.claim_jobs('me', array[p_workflow]) as c;
    perform jobs.fail_job(null, v_job.id, v_job.lease_token, '{"message": "no"}', false);
    perform core.set_test_clock(core.now() + interval '1 second');
    return v_job.id;
end;
$$;
create function pg_temp.redrive(p_id uuid, p_key text) returns test.answer language sql as $$
    select c.* from test.call('POST', '/api/v1/jobs/' || core.show_id('job', p_id) || '/redrive', p_key) as c
$$;

create temp table f on commit drop as select pg_temp.failed('w') as id;
select is(c.status, 404, 'another account''s job is not found') from f, k, pg_temp.redrive(f.id, k.b) as c;
select is(c.status || ' ' || (c.body ->> 'status'), '200 queued', 'a failed job is queued again') from f, k, pg_temp.redrive(f.id, k.a) as c;
select is(c.status || ' ' || (c.body ->> 'detail'), '409 The job is queued.', 'once') from f, k, pg_temp.redrive(f.id, k.a) as c;
select results_eq('select status, attempt, max_attempts, error ->> ''message'' from jobs.job', $$values ('queued', 1, 3, 'no')$$, 'with as many attempts as it had at first');
create temp table g on commit drop as select c.* from test.claim_jobs('again') as c;
select is((select attempt from g), 2, 'which go on counting');
select jobs.complete_job(null, id, lease_token, '1') from g;
select is(
    (select string_agg(l.to_status || ' ' || l.reason, ', ') from jobs.job as j cross join jobs.list_transitions(j) as l),
    'queued submitted, running claimed, failed attempt_failed, queued redriven, running claimed, succeeded completed', 'the history tells all'
);
select is(
    (select string_agg(m.event_type, ' ' order by m.id) from outbox.message as m where m.account_id = (select a from t)), 'job.failed job.succeeded',
    'both ends are told'
);
select is(c.status || ' ' || (c.body ->> 'detail'), '409 The job is succeeded.', 'what succeeded is not queued again') from f, k, pg_temp.redrive(f.id, k.a) as c;
select is((select sum(h.failed) from (select failed from jobs.hour union all select failed from jobs.tally_change) as h), 0::numeric, 'the counts agree');

-- A unique key.
create temp table u on commit drop as select pg_temp.failed('u', 'one') as id;
select jobs.submit_job(a, 'u', '{}', p_unique_key => 'one') from t;
select is(c.status || ' ' || (c.body ->> 'detail'), '409 Another job has its unique key.', 'not while another job has its unique key') from u, k, pg_temp.redrive(u.id, k.a) as c;
select is((select status from jobs.job where id = (select id from u)), 'failed', 'it stays failed');
select jobs.cancel_job(null, id) from jobs.job where workflow = 'u' and status = 'queued';
select is(c.status, 200, 'once that one has ended it is queued again') from u, k, pg_temp.redrive(u.id, k.a) as c;
select is(
    (select is_duplicate from t, jobs.submit_jobs(t.a, '[{"workflow": "u", "payload": {}, "unique_key": "one"}]')), true, 'and has its unique key again'
);
select jobs.cancel_job(null, id) from u;
select is(
    (select string_agg(l.from_status || ' ' || l.to_status || ' ' || l.reason, ', ') from u inner join jobs.job as j on j.id = u.id
        cross join jobs.list_transitions(j) as l where l.to_status = 'canceled'), 'queued canceled canceled', 'one that is canceled while it waits again says so'
);

-- Many.
select count(pg_temp.failed('many')) from generate_series(1, 5);
select results_eq(
    $$select * from jobs.redrive_jobs(p_workflow => 'many', p_limit => 2)$$, $$values (2::bigint, 0::bigint, true)$$, 'many are queued again, some at a time'
);
select is(c.body, '{"redriven": 3, "skipped": 0, "has_more": false}', 'to the end') from k, test.call('POST', '/api/v1/jobs/redrive', k.a, '{"workflow": "many"}') as c;
select pg_temp.failed('u2', 'two') is not null, jobs.submit_job(a, 'u2', '{}', p_unique_key => 'two') is not null from t;
select is(c.body, '{"redriven": 0, "skipped": 1, "has_more": false}', 'what can not be is skipped') from k, test.call('POST', '/api/v1/jobs/redrive', k.a, '{}') as c;
select is(c.body, '{"redriven": 0, "skipped": 0, "has_more": false}', 'another account has none') from k, test.call('POST', '/api/v1/jobs/redrive', k.b, '{}') as c;
select is((select count(*) from jobs.claim_jobs('w', '{many}', 10)), 5::bigint, 'all are claimed again');
select throws_ok('select jobs.redrive_jobs(p_limit => 0)', 'LQ422', 'up to 10000 jobs are queued again at once', 'a limit is positive');

-- Putting off, and what workers log.
select test.clear_jobs();
select jobs.submit_job(a, 's', '{}', p_max_attempts => 1) from t;
create temp table z on commit drop as select c.* from test.claim_jobs('w') as c;
select is(
    c.status || ' ' || (c.body - 'job_id')::text, '200 ' || jsonb_build_object('status', 'queued', 'attempt', 1, 'max_attempts', 2, 'retry_at', core.now() + interval '90 seconds')::text,
    'a job is put off, and the attempt does not count'
)
from z, k, test.call('POST', '/api/v1/worker/jobs/' || core.show_id('job', z.id) || '/fail', k.a,
    jsonb_build_object('lease_token', z.lease_token, 'snooze', true, 'retry_after_seconds', 90)) as c;
select is((select a.outcome || ' ' || a.reason from jobs.attempt as a), 'snoozed snoozed', 'the history knows');
select core.set_test_clock(core.now() + interval '90 seconds');
create temp table y on commit drop as select c.* from test.claim_jobs('w') as c;
select is(
    c.status, 200, 'a heartbeat brings lines of a log'
)
from y, k, test.call('POST', '/api/v1/worker/jobs/' || core.show_id('job', y.id) || '/heartbeat', k.a,
    jsonb_build_object('lease_token', y.lease_token, 'logs', '[{"message": "one"}, {"level": "warning", "message": "two"}]'::jsonb)) as c;
select is(
    jsonb_path_query_array(c.body, '$.logs[*].message') || jsonb_path_query_array(c.body, '$.logs[*].level'), '["one", "two", "info", "warning"]', 'which can be read'
)
from y, k, test.call('GET', '/api/v1/jobs/' || core.show_id('job', y.id) || '/logs', k.a) as c;
select is(c.status, 404, 'by the account alone') from y, k, test.call('GET', '/api/v1/jobs/' || core.show_id('job', y.id) || '/logs', k.b) as c;

select * from finish();
rollback;
