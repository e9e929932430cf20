-- The state machine holds, whoever changes a job, and leaves a history.
begin;
select plan(31);

create temp table t on commit drop as select test.make_account() as account;
create function pg_temp.in_status(p_status text) returns uuid language plpgsql as $$
declare
    v_job jobs.job;
begin
    v_job := jobs.submit_job((select account from t), 'w', '{}', 'https://example.org/hook');
    if p_status in ('running', 'succeeded', 'failed') then
        select c.* into v_job from jobs.claim_jobs('me', '{w}', 1, 60, v_job.account_id) as c;
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
-- A change that every constraint of the row allows: only the state machine can refuse it.
create function pg_temp.force(p_from text, p_to text) returns void language plpgsql as $$
declare
    v_id uuid := pg_temp.in_status(p_from);
begin
    update jobs.job as j
    set
        status = p_to, is_delayed = false,
        result = case when p_to = 'succeeded' then j.result end,
        worker = 'me', lease_token = 1, lease_seconds = 60, attempt_started_at = core.now(),
        leased_until = case when p_to = 'running' then core.now() end,
        finished_at = case when p_to in ('succeeded', 'failed', 'canceled') then core.now() end
    where j.id = v_id;
end;
$$;

select throws_ok(
    format('select pg_temp.force(%L, %L)', f.status, g.status),
    'LQ409', format('a job can not go from %s to %s', f.status, g.status), f.status || ' to ' || g.status || ' is refused'
)
from unnest(array['queued', 'running', 'succeeded', 'failed', 'canceled']) as f (status)
cross join unnest(array['queued', 'running', 'succeeded', 'failed', 'canceled']) as g (status)
where f.status <> g.status
    and not exists (
        select from jobs.allowed_transition as a where a.from_status = f.status and a.to_status = g.status
    );
select is((select count(*) from jobs.allowed_transition), 6::bigint, 'six transitions are allowed');
select throws_ok(
    $$insert into jobs.job (account_id, id, workflow, max_attempts, due_at, created_at, payload, status, finished_at)
        select account, core.new_id(), 'w', 1, now(), now(), '{}', 'failed', now() from t$$,
    'LQ409', 'a job begins as queued', 'a job begins as queued'
);
select throws_ok(
    $$insert into jobs.job (account_id, id, workflow, max_attempts, due_at, created_at, payload, attempt)
        select account, core.new_id(), 'w', 1, now(), now(), '{}', 1 from t$$,
    'LQ409', 'a job begins as queued', 'and without an attempt'
);
create temp table j on commit drop as select pg_temp.in_status('succeeded') as id;
select throws_ok(
    $$update jobs.job set id = core.new_id() where id = (select id from j)$$, '23503', null, 'a job keeps its id'
);

select results_eq(
    'select from_status, to_status, reason, attempt from jobs.transition where job_id = (select id from j) order by id',
    $$values ('queued', 'running', 'claimed', 1), ('running', 'succeeded', 'completed', 1)$$, 'every change is in the history'
);
select results_eq(
    'select number, worker, outcome from jobs.attempt where job_id = (select id from j)',
    $$values (1, 'me', 'succeeded')$$, 'and the attempt'
);
select results_eq(
    $$select event_type, url, (body::jsonb -> 'data') - '{created_at,started_at,finished_at}'::text[]
        from outbox.message where source_id = (select core.show_id('job', id) from j)$$,
    $$select 'job.succeeded', 'https://example.org/hook', jsonb_build_object('job_id', core.show_id('job', id), 'workflow', 'w',
        'status', 'succeeded', 'result', '{"n": 1}'::jsonb, 'error', null, 'attempts', 1) from j$$,
    'and a webhook tells the end'
);
create temp table k on commit drop as select pg_temp.in_status('failed') as id;
select results_eq(
    $$select event_type, body::jsonb #> '{data,error}' from outbox.message where source_id = (select core.show_id('job', id) from k)$$,
    $$values ('job.failed', '{"message": "no"}'::jsonb)$$, 'a failure is told too'
);
create temp table l on commit drop as select pg_temp.in_status('canceled') as id;
select is(
    (select event_type from outbox.message where source_id = (select core.show_id('job', id) from l)), 'job.canceled',
    'and a cancellation'
);
select is(
    (select count(*) from outbox.message where source_id = (select core.show_id('job', pg_temp.in_status('running')))), 0::bigint,
    'what is not over tells nothing'
);
-- In place of a foreign key to the account.
select test.make_account('without jobs') as idle \gset
select lives_ok(format('delete from identity.account where id = %L', :'idle'), 'an account without jobs can go');
select test.make_account('with a job') as busy \gset
select jobs.submit_job(:'busy', 'w', '{}');
select throws_ok(
    format('delete from identity.account where id = %L', :'busy'), '23503', 'an account with jobs stays', 'one with jobs stays'
);
set local levqor.retention = 'on';
delete from jobs.job where account_id = :'busy';
set local levqor.retention = 'off';
select lives_ok(format('delete from identity.account where id = %L', :'busy'), 'until they are gone');

select throws_ok(format('select jobs.find_job(null, %L)', core.new_id()), 'LQ404', 'no such job', 'an unknown job is not found');
select throws_ok(format('select jobs.lock_job(null, %L)', core.new_id()), 'LQ404', 'no such job', 'nor locked');
select is(jobs.name_topic('a', 'w-1'), 'jobs/a/w-1', 'a topic names account and workflow');
select is(jobs.name_topic(null, E'a/b\t'), 'jobs/*/~' || md5(E'a/b\t'), 'and is one word whatever the workflow is');

select * from finish();
rollback;
