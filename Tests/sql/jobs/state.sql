-- A job is in one place, and leaves a history wherever it goes.
begin;
select plan(24);

select test.clear_jobs();
create temp table t on commit drop as select test.make_account() as account;
select core.set_test_clock('2030-01-01 12:00:00+00');
create function pg_temp.in_status(p_status text) returns uuid language plpgsql as $$
declare
    v_job jobs.job;
begin
    v_job := jobs.submit_job((select account from t), 'w', '{}', 'https://example.org/hook');
    if p_status in ('running', 'succeeded', 'failed') then
        select c.* into v_job from test.claim_jobs('me', '{w}', 1, 60, v_job.account_id) as c;
    end if;
    if p_status = 'succeeded' then
        v_job := jobs.complete_job(v_job.account_id, v_job.id, v_job.lease_token, '{"n": 1}');
    elsif p_status = 'failed' then
        v_job := jobs.fail_job(v_job.account_id, v_job.id, v_job.lease_token, '{"message": "no"}', false);
    elsif p_status = 'canceled' then
        v_job := jobs.cancel_job(v_job.account_id, v_job.id);
    end if;
    return v_job.id;
end;
$$;
create temp table s on commit drop as
select n.status, pg_temp.in_status(n.status) as id from unnest('{succeeded,failed,running,canceled,queued}'::text[]) as n (status);
select is(j.status, s.status, 'a job is ' || s.status) from s inner join jobs.job as j on j.id = s.id;
select is(
    (select count(*) from jobs.waiting as w where w.job_id = s.id) + (select count(*) from jobs.running as r where r.job_id = s.id)
        + (select count(*) from jobs.outcome as o where o.job_id = s.id), 1::bigint, 'one that is ' || s.status || ' is in one place'
)
from s;
select is(h.told, v.told, 'the history of a job that is ' || v.status)
from (values
    ('queued', '> queued submitted 0'),
    ('canceled', '> queued submitted 0, queued > canceled canceled 0'),
    ('running', '> queued submitted 0, queued > running claimed 1'),
    ('failed', '> queued submitted 0, queued > running claimed 1, running > failed attempt_failed 1'),
    ('succeeded', '> queued submitted 0, queued > running claimed 1, running > succeeded completed 1')
) as v (status, told)
inner join s on s.status = v.status
inner join jobs.job as j on j.id = s.id
cross join lateral (
    select string_agg(ltrim(coalesce(l.from_status, '') || ' > ' || l.to_status || ' ' || l.reason || ' ' || l.attempt), ', ') as told
    from jobs.list_transitions(j) as l
) as h;
select results_eq(
    $$select event_type, url, (body::jsonb -> 'data') - '{created_at,started_at,finished_at}'::text[]
        from outbox.message where source_id = (select core.show_id('job', id) from s where status = 'succeeded')$$,
    $$select 'job.succeeded', 'https://example.org/hook', jsonb_build_object('job_id', core.show_id('job', id), 'workflow', 'w',
        'status', 'succeeded', 'result', '{"n": 1}'::jsonb, 'error', null, 'attempts', 1) from s where status = 'succeeded'$$,
    'and a webhook tells the end'
);
select is(
    (select string_agg(m.event_type, ' ' order by m.event_type) from outbox.message as m where m.account_id = (select account from t)),
    'job.canceled job.failed job.succeeded', 'of every job that has ended'
);
select throws_ok('select jobs.find_job(null, core.new_id())', 'LQ404', 'no such job', 'an unknown job is not found');
select is((jobs.lock_job(null, s.id)).status, 'running', 'a job is locked where it is') from s where s.status = 'running';
select throws_ok(
    $$update jobs.outcome set status = 'succeeded', error = null$$, '42501', null, 'how a job ended stays as it is'
);
select throws_ok('delete from identity.account where id = (select account from t)', '23503', 'an account with jobs stays', 'an account with jobs stays');
set local levqor.retention = 'off';
select throws_ok('delete from jobs.submission', '42501', null, 'and so do the jobs');
select is(jobs.name_topic('a', 'x y'), 'jobs/a/~' || md5('x y'), 'a topic is one word between slashes');
select is(jobs.name_topic(null, null), 'jobs/*/*', 'or a star');

select * from finish();
rollback;
