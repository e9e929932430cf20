-- The queue tells how it is.
begin;
select plan(12);

select test.clear_jobs();
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
select core.set_test_clock('2030-01-01 12:00:00+00');
select is(
    jobs.queue_health() - 'since',
    '{"healthy": true, "oldest_queued_seconds": null, "oldest_lease_overdue_seconds": null,
        "queue_stats": {"queued": 0, "running": 0, "succeeded": 0, "failed": 0, "canceled": 0, "total": 0},
        "timestamp": "2030-01-01T12:00:00+00:00"}', 'an empty queue is healthy'
);
select count(jobs.submit_job(t.a, 'w', '{}')), count(jobs.submit_job(t.a, 'x', '{}')) from t;
select count(jobs.submit_job(t.b, 'w', '{}', p_run_at => core.now() + interval '1 day')) from t;
select jobs.claim_jobs('me', '{x}');
select core.set_test_clock('2030-01-01 12:00:50+00');
select is(jobs.queue_health() -> 'queue_stats', '{"queued": 2, "running": 1, "succeeded": 0, "failed": 0, "canceled": 0, "total": 3}', 'it counts what is live');
select is(jobs.queue_health() ->> 'oldest_queued_seconds', '50.000', 'and tells how long the oldest has waited');
select is(jobs.fold_tallies(), 4::bigint, 'the counts are brought up to date');
select is(jobs.queue_health() #>> '{queue_stats,total}', '3', 'and stay the same');
select core.set_test_clock('2030-01-01 12:05:30+00');
select is(jobs.queue_health() ->> 'healthy', 'false', 'a job that waits too long is no good sign');
select jobs.cancel_job(null, id) from jobs.job where status = 'queued' and not is_delayed;
select is(jobs.queue_health() ->> 'healthy', 'true', 'without it the queue is healthy');
select is(jobs.queue_health() ->> 'oldest_lease_overdue_seconds', '270.000', 'it tells of a lease that is overdue');
select core.set_test_clock('2030-01-01 12:06:01+00');
select is(jobs.queue_health() ->> 'healthy', 'false', 'which is no good sign either');
select jobs.rescue_expired();
select is(jobs.queue_health() ->> 'healthy', 'true', 'once it is rescued the queue is healthy');
select is(jobs.queue_health() #>> '{queue_stats,canceled}', '1', 'it counts what ended in the last day');
select core.set_test_clock('2030-01-02 13:06:00+00');
select is(jobs.queue_health() #>> '{queue_stats,canceled}', '0', 'and nothing older');

select * from finish();
rollback;
