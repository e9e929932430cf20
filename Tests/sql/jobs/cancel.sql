-- Jobs are canceled: at once, or by asking the worker.
begin;
select plan(19);

select test.clear_jobs();
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
create temp table k on commit drop as
select test.make_key(a) as a, test.make_key(b) as b, test.make_key(b, '{platform}') as all, test.make_key(a, '{jobs:read}') as weak from t;
grant select on t, k to public;
select core.set_test_clock('2030-01-01 12:00:00+00');
create function pg_temp.cancel(p_id uuid, p_key text) returns test.answer language sql as $$
    select c.* from test.call('POST', '/api/v1/jobs/' || core.show_id('job', p_id) || '/cancel', p_key) as c
$$;

create temp table q on commit drop as
select s.id from t, jobs.submit_job(t.a, 'w', '{}', p_run_at => core.now() + interval '1 day') as s;
select is(c.status, 404, 'another account''s job is not found') from q, k, pg_temp.cancel(q.id, k.b) as c;
select is(c.status, 403, 'a key that only reads can not cancel') from q, k, pg_temp.cancel(q.id, k.weak) as c;
select is((select status from jobs.job), 'queued', 'and the job stays');
select is(c.status || ' ' || (c.body ->> 'status'), '200 canceled', 'a queued job is canceled at once') from q, k, pg_temp.cancel(q.id, k.a) as c;
select is(c.status || ' ' || (c.body ->> 'status'), '200 canceled', 'again is fine') from q, k, pg_temp.cancel(q.id, k.a) as c;
select is(
    (select count(*) from jobs.job as j cross join jobs.list_transitions(j) as h where h.to_status = 'canceled'), 1::bigint,
    'and happens once'
);
select is((select count(*) from jobs.claim_jobs('me')), 0::bigint, 'a canceled job is not claimed');

create temp table r on commit drop as select s.id from t, jobs.submit_job(t.a, 'w', '{}') as s;
create temp table j on commit drop as select c as job from test.claim_jobs('me') as c;
select is(c.body ->> 'status' || ' ' || (c.body ->> 'cancel_requested'), 'running true', 'of a running job it is asked for')
from r, k, pg_temp.cancel(r.id, k.all) as c;
select is(c.status, 200, 'again is fine') from r, k, pg_temp.cancel(r.id, k.a) as c;
select ok((select cancel_requested_at is not null from jobs.extend_lease(null, (select id from r), (select (job).lease_token from j))), 'the worker is told');
select is(
    (select status || ' ' || reason from jobs.fail_job(null, (select id from r), (select (job).lease_token from j), '{"message": "stopped"}')),
    'canceled canceled', 'when it stops, the job is canceled and not tried again'
);
select is((select a.outcome from jobs.job as j cross join jobs.list_attempts(j) as a where j.id = (select id from r)), 'canceled', 'and so is the attempt');
select throws_ok(
    format('select jobs.%s(null, %L, 1, %s)', v.name, (select id from q), v.more), 'LQ409', 'the lease has passed to another worker',
    'what ended while it waited takes no ' || v.name || ' under any token'
)
from (values ('fail_job', '''{}'''), ('snooze_job', 'interval ''1 minute''')) as v (name, more);
select throws_ok(
    format('select jobs.complete_job(null, %L, %s)', (select id from r), (select (job).lease_token from j)),
    'LQ409', 'the job is already canceled', 'a canceled job is not completed'
);

create temp table u on commit drop as select s.id from t, jobs.submit_job(t.a, 'w', '{}') as s;
create temp table v on commit drop as select c as job from test.claim_jobs('me') as c;
select jobs.cancel_job(null, id) from u;
select is(
    (select status from jobs.complete_job(null, (select id from u), (select (job).lease_token from v))), 'succeeded',
    'a worker that is faster than the cancel succeeds'
);
select is(c.status || ' ' || (c.body ->> 'detail'), '409 The job is already succeeded.', 'what is over can not be canceled') from u, k, pg_temp.cancel(u.id, k.a) as c;
select is(c.status, 404, 'an unknown job is not found') from k, pg_temp.cancel(core.new_id(), k.a) as c;
select is(c.status, 404, 'nor is nonsense') from k, test.call('POST', '/api/v1/jobs/nonsense/cancel', k.a) as c;

select * from finish();
rollback;
