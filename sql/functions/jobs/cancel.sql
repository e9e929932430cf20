-- Cancel jobs. Locks the one job: a claim that has it first wins, and the cancel then asks its worker to stop.

create or replace function jobs.cancel_job(p_account_id uuid, p_id uuid)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.job;
    v_waiting jobs.waiting;
begin
    v_job := jobs.lock_job(p_account_id, p_id);
    if v_job.status in ('succeeded', 'failed') then
        raise exception using
            errcode = 'LQ409',
            message = format('the job is already %s', v_job.status),
            hint = 'Only a queued or running job can be canceled.';
    end if;

    if v_job.status = 'canceled' or v_job.cancel_requested_at is not null then
        return v_job;
    end if;
    insert into jobs.event (account_id, job_id, kind, attempt, actor, happened_at)
    values (v_job.account_id, v_job.id, 'cancel_requested', v_job.attempt, core.current_actor(), core.now());
    if v_job.status = 'running' then
        update jobs.running as r
        set cancel_requested_at = core.now()
        where r.account_id = v_job.account_id and r.job_id = v_job.id;
        return jobs.find_job(v_job.account_id, v_job.id);
    end if;

    delete from jobs.waiting as w
    where w.account_id = v_job.account_id and w.job_id = v_job.id
    returning w.* into v_waiting;
    insert into jobs.outcome (
        account_id, job_id, workflow, status, reason, attempt, max_attempts, finished_by, cancel_requested_at,
        finished_at, error
    )
    values (
        v_job.account_id, v_job.id, v_job.workflow, 'canceled', 'canceled', v_job.attempt, v_job.max_attempts,
        core.current_actor(), core.now(), greatest(core.now(), v_job.created_at), v_job.error
    );
    insert into jobs.tally_change (account_id, workflow, hour, waiting, canceled)
    values (v_job.account_id, v_job.workflow, jobs.hour_of(core.now()), -1, 1);
    if v_waiting.unique_while <> 'ever' then
        perform jobs.release_keys(array[v_job.account_id], array[v_job.id]);
    end if;
    if v_waiting.has_callback then
        perform jobs.tell_ends(array[v_job.account_id], array[v_job.id]);
    end if;
    return jobs.find_job(v_job.account_id, v_job.id);
end;
$$;
comment on function jobs.cancel_job(uuid, uuid) is
$$Cancel a job. A queued one is canceled at once; a running one when its worker stops, fails or is lost, and may still succeed
before. Repeating it changes nothing. p_account_id: null for any the caller may see. Raises LQ404, LQ409 after its end.$$;

create or replace function api.cancel_job(p_job_id text)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jobs.show_job(j))
    from jobs.cancel_job(jobs.caller_account(), core.read_id('job', p_job_id)) as j
$$;
comment on function api.cancel_job(text) is
$$Cancel a job

A queued job is canceled at once. Of a running one the worker is told with its next heartbeat: cancel_requested is true until
it stops. May be repeated. 409: the job has succeeded or failed already.$$;

select http.register_route('POST', '/api/v1/jobs/{job_id}/cancel', 'api.cancel_job',
    p_scopes => '{jobs:submit,platform}',
    p_limit_class => 'manage', p_domain => 'jobs', p_parameters => '{"job_id": {"type": "string"}}',
    p_responses => '{"200": {"schema": {"$ref": "#/components/schemas/Job"}}, "400": {}, "404": {}, "409": {}}');
