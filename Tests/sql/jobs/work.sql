-- Only the holder of the lease works on a job.
begin;
select plan(45);

select test.clear_jobs();
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
create temp table k on commit drop as
select test.make_key(a) as a, test.make_key(b) as b, test.make_key(b, '{platform,jobs:work}') as all from t;
grant select on t, k to public;
select core.set_test_clock('2030-01-01 12:00:00+00');
create function pg_temp.claim(p_max_attempts integer default 5, p_callback text default null) returns jobs.job language plpgsql as $$
declare
    v_job jobs.job;
begin
    perform test.clear_jobs();
    perform jobs.submit_job((select a from t), 'w', '{}', p_callback, p_max_attempts => p_max_attempts);
    select c.* into v_job from test.claim_jobs('me', null, 1, 60) as c;
    return v_job;
end;
$$;
create function pg_temp.work(p_verb text, p_job jobs.job, p_body jsonb default '{}', p_key text default null) returns test.answer language sql as $$
    select c.* from test.call(
        'POST', '/api/v1/worker/jobs/' || core.show_id('job', p_job.id) || '/' || p_verb, coalesce(p_key, (select a from k)),
        jsonb_build_object('lease_token', p_job.lease_token) || p_body
    ) as c
$$;

create temp table j on commit drop as select c as job from pg_temp.claim() as c;
select core.set_test_clock('2030-01-01 12:00:50+00');
select is(w.status || ' ' || w.body::text, format('200 {"leased_until": "2030-01-01T12:01:50+00:00", "cancel_requested": false}'), 'a heartbeat extends the lease')
from j, pg_temp.work('heartbeat', j.job, '{"progress": {"percent": 10}}') as w;
select is((select progress from jobs.job), '{"percent": 10}'::jsonb, 'and tells the progress');
select jobs.extend_lease(null, (job).id, (job).lease_token) from j;
select is((select progress from jobs.job), '{"percent": 10}'::jsonb, 'which stays until it is told again');
select is(w.status, 413, 'progress is short')
from j, pg_temp.work('heartbeat', j.job, jsonb_build_object('progress', repeat('x', 4095))) as w;
select is(w.status || ' ' || (w.body ->> 'detail'), '409 The lease has passed to another worker. The job is running.', v.verb || ' with a wrong token is refused')
from j, (values ('heartbeat', '{}'), ('complete', '{}'), ('fail', '{"error": {}}')) as v (verb, body),
    pg_temp.work(v.verb, j.job, v.body::jsonb || '{"lease_token": 999999999}') as w;
select is(w.status || ' ' || (w.body ->> 'detail'), '404 No such job.', v.verb || ' of another account''s job is refused')
from j, (values ('heartbeat', '{}'), ('complete', '{}'), ('fail', '{"error": {}}')) as v (verb, body),
    pg_temp.work(v.verb, j.job, v.body::jsonb, (select b from k)) as w;
select is(w.status, 200, 'a platform key works on every account''s jobs')
from j, pg_temp.work('heartbeat', j.job, '{}', (select "all" from k)) as w;

create temp table done on commit drop as select w.* from j, pg_temp.work('complete', j.job, '{"result": {"n": 1}}') as w;
select is((select status || ' ' || (body - 'job_id')::text from done), '200 {"result": {"n": 1}, "status": "succeeded", "finished_at": "2030-01-01T12:00:50+00:00"}', 'a job is completed');
select core.set_test_clock('2030-01-01 12:00:55+00');
select is(w.body, (select body from done), 'again with the same token gives the same answer')
from j, pg_temp.work('complete', j.job, '{"result": "other"}') as w;
select is((select result from jobs.job), '{"n": 1}'::jsonb, 'and the first result stands');
select is((select count(*) from jobs.job as j cross join jobs.list_attempts(j) as a), 1::bigint, 'there was one attempt');
select is(w.status || ' ' || (w.body ->> 'detail'), '409 The job is already succeeded.', 'what is completed takes no heartbeat')
from j, pg_temp.work('heartbeat', j.job) as w;
select is(w.status, 409, 'and does not fail')
from j, pg_temp.work('fail', j.job, '{"error": {}}') as w;

-- The late worker.
create temp table late on commit drop as select c as job from pg_temp.claim() as c;
select core.set_test_clock(core.now() + interval '60 seconds');
create temp table new on commit drop as select c as job from test.claim_jobs('other', null, 1, 60) as c;
select is(w.status || ' ' || (w.body ->> 'detail'), '409 The lease has passed to another worker. The job is running.', 'a late worker can not ' || v.verb)
from late, (values ('heartbeat', '{}'), ('complete', '{"result": 1}'), ('fail', '{"error": {}}')) as v (verb, body),
    pg_temp.work(v.verb, late.job, v.body::jsonb) as w;
select is((select status || ' ' || worker from jobs.job), 'running other', 'the job stays with the new one');
select is(w.status, 200, 'who completes it')
from new, pg_temp.work('complete', new.job, '{"result": 2}') as w;
select is(w.status, 409, 'the late one is refused still')
from late, pg_temp.work('complete', late.job, '{"result": 1}') as w;
create temp table slow on commit drop as select c as job from pg_temp.claim() as c;
select core.set_test_clock(core.now() + interval '1 hour');
select is(w.status, 200, 'a lease that ran out and passed to nobody still holds')
from slow, pg_temp.work('complete', slow.job) as w;
create temp table rescued on commit drop as select c as job from pg_temp.claim() as c;
select core.set_test_clock(core.now() + interval '1 hour');
select test.tend_queue();
select is(w.status || ' ' || (w.body ->> 'detail'), '409 The lease has passed to another worker. The job is queued.', 'once it is rescued it does not')
from rescued, pg_temp.work('complete', rescued.job) as w;

-- Failing.
create temp table f on commit drop as select c as job from pg_temp.claim(2, 'http://example.org/') as c;
create temp table failed on commit drop as
select w.* from f, pg_temp.work('fail', f.job, '{"error": {"message": "no"}, "retry_after_seconds": 7}') as w;
select is(
    (select status || ' ' || (body - 'job_id')::text from failed),
    format('200 {"status": "queued", "attempt": 1, "retry_at": %s, "max_attempts": 2}', to_json(core.now() + interval '7 seconds')), 'a failed attempt is tried again'
);
select is(w.body, (select body from failed), 'failing again with the same token changes nothing')
from f, pg_temp.work('fail', f.job, '{"error": {"message": "no"}}') as w;
select is((select count(*) from jobs.claim_jobs('me')), 0::bigint, 'before its time it is not given out');
select core.set_test_clock(core.now() + interval '7 seconds');
create temp table g on commit drop as select c as job from test.claim_jobs('me') as c;
select is((select (job).error ->> 'message' from g), 'no', 'the next worker sees what went wrong');
select is(w.body ->> 'status', 'failed', 'the last attempt ends it')
from g, pg_temp.work('fail', g.job, '{"error": {"message": "no again"}}') as w;
select is((select string_agg(event_type, ',') from outbox.message where source_domain = 'jobs' and account_id = (select a from t)), 'job.failed', 'the end is told once');
select is(w.body ->> 'status', 'failed', 'a worker can say that trying again is no use')
from pg_temp.claim() as c, pg_temp.work('fail', c, '{"error": {}, "retry": false}') as w;
select ok(
    (w.body ->> 'retry_at')::timestamptz - core.now() between interval '4 seconds' and interval '6 seconds', 'by default the wait is 5 s, more or less'
)
from pg_temp.claim() as c, pg_temp.work('fail', c, '{"error": {}}') as w;
select is(w.hints, array['jobs/' || (select a from t) || E'/w\t1'], 'a retry at once is hinted')
from pg_temp.claim() as c, pg_temp.work('fail', c, '{"error": {}, "retry_after_seconds": 0}') as w;
select is(w.status, 422, 'an error is an object') from pg_temp.claim() as c, pg_temp.work('fail', c, '{"error": "x"}') as w;
select is(w.status, 413, 'and short')
from pg_temp.claim() as c, pg_temp.work('fail', c, jsonb_build_object('error', jsonb_build_object('a', repeat('x', 20000)))) as w;
select is(w.status, 413, 'a result is bounded')
from pg_temp.claim() as c, pg_temp.work('complete', c, jsonb_build_object('result', repeat('x', 204800))) as w;
select throws_ok(
    format('select jobs.fail_job(null, %L, 1, ''{}'', true, interval ''8 days'')', core.new_id()),
    'LQ422', 'a retry comes at once, or within 7 days', 'a wait is bounded'
);

-- In development.
select is(d.status, 404, 'in production there is no way to complete a job without a worker')
from test.call('POST', '/api/v1/_dev/complete/job_00000000000000000000000000000000', (select a from k), '{}') as d;
update core.setting set value = '"development"' where name = 'core.environment';
select test.clear_jobs();
create temp table q on commit drop as select core.show_id('job', s.id) as id from t, jobs.submit_job(t.a, 'w', '{}') as s;
select is(d.status || ' ' || d.body::text, '200 {"ok": true}', 'in development there is')
from test.call('POST', '/api/v1/_dev/complete/' || (select id from q), (select a from k), '{}') as d;
select is((select status || ' ' || result::text || ' ' || worker from jobs.job), 'succeeded {"ok": true} development', 'the job succeeds');
select is(d.status, 404, 'another account''s job is not found')
from test.call('POST', '/api/v1/_dev/complete/' || (select id from q), (select b from k), '{}') as d;
select is(
    (select d.status::text from jobs.submit_job((select a from t), 'w', '{}') as s, jobs.cancel_job(null, s.id) as c,
        test.call('POST', '/api/v1/_dev/complete/' || core.show_id('job', c.id), (select a from k), '{}') as d),
    '409', 'a canceled job stays canceled'
);
create temp table twice on commit drop as select c as job from pg_temp.claim() as c;
select is(
    (select array_agg(c.outcome) from twice, jobs.complete_jobs(array[(job).id, (job).id], array[1, (job).lease_token]) as c), '{lost,done}',
    'of a job that is named twice each token gets its answer'
);
select throws_ok(format('select jobs.complete_job(null, %L, 1)', core.new_id()), 'LQ404', 'no such job', 'an unknown job is not completed');

select * from finish();
rollback;
