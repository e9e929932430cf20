-- What the holder of a lease may do: heartbeat, complete, fail.
--
-- Locks the one job. Every change asks for the lease token of the last claim: a worker that lost its lease to another
-- changes nothing. A repeat of what was done already, by the same token, gets the same answer: a worker whose answer
-- was lost may ask again. A lease that has run out and was given to nobody yet still holds.

create or replace function jobs.refuse_lease(p_job jobs.job, p_lease_token bigint)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_job.lease_token = p_lease_token and p_job.finished_at is not null then
        raise exception using
            errcode = 'LQ409',
            message = format('the job is already %s', p_job.status),
            hint = 'Drop the work: the job needs it no more.';
    end if;
    raise exception using
        errcode = 'LQ409',
        message = 'the lease has passed to another worker',
        detail = format('The job is %s.', p_job.status),
        hint = 'Drop the work, and send heartbeats in time.';
end;
$$;
comment on function jobs.refuse_lease(jobs.job, bigint) is
$$Refuse a worker that does not hold the job's lease. Always raises LQ409.$$;

create or replace function jobs.extend_lease(
    p_account_id uuid,
    p_id uuid,
    p_lease_token bigint,
    p_progress jsonb default null
)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.job;
begin
    if octet_length(p_progress::text) > 4096 then
        raise exception using
            errcode = 'LQ413', message = 'progress too large', detail = 'As text, 4096 bytes are allowed.';
    end if;
    update jobs.job as j
    set
        leased_until = core.now() + make_interval(secs => j.lease_seconds),
        progress = coalesce(p_progress, j.progress)
    where j.account_id = jobs.find_account(p_account_id, p_id) and j.id = p_id
        and j.status = 'running' and j.lease_token = p_lease_token
    returning j.* into v_job;
    if not found then
        perform jobs.refuse_lease(jobs.find_job(p_account_id, p_id), p_lease_token);
    end if;
    return v_job;
end;
$$;
comment on function jobs.extend_lease(uuid, uuid, bigint, jsonb) is
$$Heartbeat: keep the job for as long again as it was claimed for, and say how far the work is.

cancel_requested_at in the answer asks the worker to stop. p_account_id: null for any the caller may see. Raises LQ404, LQ409,
LQ413.$$;

create or replace function jobs.complete_job(
    p_account_id uuid, p_id uuid, p_lease_token bigint, p_result jsonb default null
)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bytes integer := octet_length(p_result::text);
    v_job jobs.job;
begin
    if v_bytes > 204800 then
        raise exception using
            errcode = 'LQ413',
            message = 'result too large',
            detail = format('It has %s bytes; 204800 are allowed.', v_bytes),
            hint = 'Store the data elsewhere and give a link.';
    end if;
    update jobs.job as j
    set
        status = 'succeeded',
        reason = 'completed',
        result = p_result,
        error = null,
        leased_until = null,
        finished_at = greatest(core.now(), j.attempt_started_at)
    where j.account_id = jobs.find_account(p_account_id, p_id) and j.id = p_id
        and j.status = 'running' and j.lease_token = p_lease_token
    returning j.* into v_job;
    if found then
        return v_job;
    end if;

    v_job := jobs.find_job(p_account_id, p_id);
    if v_job.status <> 'succeeded' or v_job.lease_token <> p_lease_token then
        perform jobs.refuse_lease(v_job, p_lease_token);
    end if;
    return v_job;
end;
$$;
comment on function jobs.complete_job(uuid, uuid, bigint, jsonb) is
$$Finish a job with success. Repeating it with the same token changes nothing and gives the job with the first result.

p_account_id: null for any the caller may see. p_lease_token: from the claim. p_result: up to 200 KiB. A cancel that was asked
for comes too late. Raises LQ404, LQ409 when the lease is no longer the caller's, LQ413.$$;

create or replace function jobs.fail_job(
    p_account_id uuid,
    p_id uuid,
    p_lease_token bigint,
    p_error jsonb,
    p_is_retry boolean default true,
    p_retry_after interval default null,
    p_jitter double precision default random()
)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.job;
    v_status text;
    v_delay interval;
begin
    if jsonb_typeof(p_error) is distinct from 'object' then
        raise exception using errcode = 'LQ422', message = 'the error must be a JSON object';
    end if;
    if octet_length(p_error::text) > 16384 then
        raise exception using
            errcode = 'LQ413', message = 'error too large', detail = 'As text, 16384 bytes are allowed.';
    end if;
    if p_retry_after < interval '0' or p_retry_after > interval '7 days' then
        raise exception using errcode = 'LQ422', message = 'a retry comes at once, or within 7 days';
    end if;

    v_job := jobs.lock_job(p_account_id, p_id);
    if v_job.status <> 'running' or v_job.lease_token is distinct from p_lease_token then
        if exists (
            select from jobs.attempt as a
            where a.account_id = v_job.account_id and a.job_id = v_job.id
                and a.lease_token = p_lease_token and a.outcome in ('failed', 'canceled')
        ) then
            return v_job;
        end if;
        perform jobs.refuse_lease(v_job, p_lease_token);
    end if;

    v_status := case
        when v_job.cancel_requested_at is not null then 'canceled'
        when coalesce(p_is_retry, true) and v_job.attempt < v_job.max_attempts then 'queued'
        else 'failed'
    end;
    v_delay := coalesce(p_retry_after, jobs.next_delay(v_job.attempt, p_jitter));
    update jobs.job as j
    set
        status = v_status,
        reason = case when v_status = 'canceled' then 'canceled' else 'attempt_failed' end,
        error = p_error,
        due_at = case when v_status = 'queued' then core.now() + v_delay else j.due_at end,
        is_delayed = v_status = 'queued' and v_delay > interval '0',
        leased_until = null,
        finished_at = case when v_status <> 'queued' then greatest(core.now(), j.attempt_started_at) end
    where j.account_id = v_job.account_id and j.id = v_job.id
    returning j.* into v_job;
    if v_job.status = 'queued' and not v_job.is_delayed then
        perform core.hint(jobs.name_topic(v_job.account_id::text, v_job.workflow));
    end if;
    return v_job;
end;
$$;
comment on function jobs.fail_job(uuid, uuid, bigint, jsonb, boolean, interval, double precision) is
$$Say that an attempt failed. The job is queued again after a wait, or has failed for good when it was the last attempt or
p_is_retry is false, or is canceled when that was asked for. Repeating it with the same token changes nothing.

p_error: object, kept with the job and the attempt; up to 16 KiB. p_retry_after: the wait, up to 7 days; by default
jobs.next_delay. p_account_id: null for any the caller may see. Raises LQ404, LQ409, LQ413, LQ422.$$;

create or replace function jobs.complete_in_development(
    p_account_id uuid, p_id uuid, p_result jsonb default '{"ok": true}'
)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.job;
begin
    v_job := jobs.lock_job(p_account_id, p_id);
    if v_job.status = 'queued' then
        update jobs.job as j
        set
            status = 'running', reason = 'claimed', attempt = j.attempt + 1, worker = 'development', is_delayed = false,
            lease_token = nextval('jobs.lease_token'), lease_seconds = 60,
            leased_until = core.now() + interval '1 minute',
            attempt_started_at = core.now(), started_at = coalesce(j.started_at, core.now()), progress = null
        where j.account_id = v_job.account_id and j.id = v_job.id
        returning j.* into v_job;
    elsif v_job.status in ('failed', 'canceled') then
        raise exception using errcode = 'LQ409', message = format('the job is already %s', v_job.status);
    end if;
    return jobs.complete_job(v_job.account_id, v_job.id, v_job.lease_token, p_result);
end;
$$;
comment on function jobs.complete_in_development(uuid, uuid, jsonb) is
$$Let a job succeed without a worker, for whoever develops against the API: it is claimed and completed in one step.

One that runs is taken from its worker; one that succeeded is left as it is. Raises LQ404, LQ409.$$;

create or replace function api.extend_lease(p_job_id text, p_lease_token bigint, p_progress jsonb default null)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'leased_until', j.leased_until, 'cancel_requested', j.cancel_requested_at is not null
    ))
    from jobs.extend_lease(jobs.caller_account(), core.read_id('job', p_job_id), p_lease_token, p_progress) as j
$$;
comment on function api.extend_lease(text, bigint, jsonb) is
$$Send a heartbeat

Keeps the job for as long again as it was claimed for. When cancel_requested is true, stop and call fail: the job is then
canceled. 409: the lease has passed to another worker; drop the work.$$;

create or replace function api.complete_job(p_job_id text, p_lease_token bigint, p_result jsonb default null)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'job_id', core.show_id('job', j.id), 'status', j.status, 'result', j.result, 'finished_at', j.finished_at
    ))
    from jobs.complete_job(jobs.caller_account(), core.read_id('job', p_job_id), p_lease_token, p_result) as j
$$;
comment on function api.complete_job(text, bigint, jsonb) is
$$Complete a job

May be repeated with the same lease_token: the first result stands and is given again. 409: the lease has passed to another
worker, or the job is canceled; drop the work.$$;

create or replace function api.fail_job(
    p_job_id text,
    p_lease_token bigint,
    p_error jsonb,
    p_retry boolean default true,
    p_retry_after_seconds integer default null
)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'job_id', core.show_id('job', j.id), 'status', j.status, 'attempt', j.attempt, 'max_attempts', j.max_attempts,
        'retry_at', case when j.status = 'queued' then j.due_at end
    ))
    from jobs.fail_job(
        jobs.caller_account(), core.read_id('job', p_job_id), p_lease_token, p_error, p_retry,
        make_interval(secs => p_retry_after_seconds)
    ) as j
$$;
comment on function api.fail_job(text, bigint, jsonb, boolean, integer) is
$$Report a failed attempt

The job is tried again after a growing wait (or retry_after_seconds) until its attempts are used up, or not at all with
"retry": false. May be repeated with the same lease_token.$$;

create or replace function api.complete_job_in_development(p_job_id text, p_result jsonb default '{"ok": true}')
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object('ok', j.status = 'succeeded'))
    from jobs.complete_in_development(jobs.caller_account(), core.read_id('job', p_job_id), p_result) as j
$$;
comment on function api.complete_job_in_development(text, jsonb) is
$$Let a job succeed without a worker

In development only; in production this path does not exist.$$;

select http.register_route('POST', '/api/v1/worker/jobs/{job_id}/heartbeat', 'api.extend_lease',
    p_scopes => '{jobs:work}',
    p_limit_class => 'work', p_domain => 'jobs', p_parameters => '{"job_id": {"type": "string"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["lease_token"], "properties": {
        "lease_token": {"type": "integer", "minimum": 1, "maximum": 9007199254740991},
        "progress": {"description": "any JSON, up to 4 KiB; left out: as before"}}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["leased_until", "cancel_requested"],
        "additionalProperties": false, "properties": {
            "leased_until": {"type": "string", "format": "date-time"}, "cancel_requested": {"type": "boolean"}}}},
        "400": {}, "404": {}, "409": {}, "413": {}}');
select http.register_route('POST', '/api/v1/worker/jobs/{job_id}/complete', 'api.complete_job',
    p_scopes => '{jobs:work}',
    p_limit_class => 'work', p_domain => 'jobs', p_parameters => '{"job_id": {"type": "string"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["lease_token"], "properties": {
        "lease_token": {"type": "integer", "minimum": 1, "maximum": 9007199254740991},
        "result": {"description": "any JSON, up to 200 KiB"}}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["job_id", "status", "result", "finished_at"],
        "additionalProperties": false, "properties": {
            "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"}, "status": {"const": "succeeded"},
            "result": {}, "finished_at": {"type": "string", "format": "date-time"}}}},
        "400": {}, "404": {}, "409": {}, "413": {}}');
select http.register_route('POST', '/api/v1/worker/jobs/{job_id}/fail', 'api.fail_job', p_scopes => '{jobs:work}',
    p_limit_class => 'work', p_domain => 'jobs', p_parameters => '{"job_id": {"type": "string"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["lease_token", "error"],
        "properties": {
        "lease_token": {"type": "integer", "minimum": 1, "maximum": 9007199254740991},
        "error": {"type": "object", "description": "what went wrong, up to 16 KiB"},
        "retry": {"type": "boolean", "default": true},
        "retry_after_seconds": {"type": "integer", "minimum": 0, "maximum": 604800}}}',
    p_responses => '{"200": {"schema": {"type": "object",
        "required": ["job_id", "status", "attempt", "max_attempts", "retry_at"],
        "additionalProperties": false, "properties": {
            "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"},
            "status": {"$ref": "#/components/schemas/JobStatus"},
            "attempt": {"type": "integer", "minimum": 1}, "max_attempts": {"type": "integer", "minimum": 1},
            "retry_at": {"type": ["string", "null"], "format": "date-time"}}}},
        "400": {}, "404": {}, "409": {}, "413": {}}');
select http.register_route('POST', '/api/v1/_dev/complete/{job_id}', 'api.complete_job_in_development',
    p_scopes => '{jobs:submit,jobs:work,platform}', p_limit_class => 'write', p_mode => 'development',
    p_domain => 'jobs',
    p_parameters => '{"job_id": {"type": "string"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "result": {"description": "any JSON; left out: {\"ok\": true}"}}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["ok"], "additionalProperties": false,
        "properties": {
        "ok": {"const": true}}}}, "400": {}, "404": {}, "409": {}, "413": {}}');
