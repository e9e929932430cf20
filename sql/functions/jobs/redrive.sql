-- Dead letters: jobs that failed for good. They can be queued again, one or many.
--
-- Locks the row of the outcome: of two redrives of one job, one does it.

create or replace function jobs.redrive_job(p_account_id uuid, p_id uuid)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_outcome jobs.outcome;
    v_unique_while text;
    v_job jobs.job := jobs.find_job(p_account_id, p_id);
begin
    delete from jobs.outcome as o
    where o.account_id = v_job.account_id and o.job_id = v_job.id and o.status = 'failed'
    returning o.* into v_outcome;
    if not found then
        raise exception using
            errcode = 'LQ409',
            message = format('the job is %s', (jobs.find_job(v_job.account_id, p_id)).status),
            hint = 'Only a failed job can be queued again.';
    end if;
    select s.unique_while into v_unique_while
    from jobs.submission as s
    where s.account_id = v_job.account_id and s.id = v_job.id;
    if v_unique_while is not null then
        insert into jobs.unique_key as k (account_id, key, job_id, unique_while)
        values (v_job.account_id, v_job.unique_key, v_job.id, v_unique_while)
        on conflict on constraint unique_key_pkey do nothing;
    end if;
    if v_unique_while is not null and not exists (
        select
        from jobs.unique_key as k
        where k.account_id = v_job.account_id and k.key = v_job.unique_key and k.job_id = v_job.id
    ) then
        raise exception using
            errcode = 'LQ409',
            message = 'another job has its unique key',
            hint = 'Let that one end, or cancel it.';
    end if;
    insert into jobs.attempt (
        account_id, job_id, number, lease_token, worker, claimed_by, finished_by, outcome, reason, error, started_at,
        finished_at
    )
    values (
        v_outcome.account_id, v_outcome.job_id, v_outcome.attempt, v_outcome.lease_token, v_outcome.worker,
        v_outcome.claimed_by, v_outcome.finished_by,
        case when v_outcome.reason = 'lease_expired' then 'lost' else 'failed' end, v_outcome.reason, v_outcome.error,
        v_outcome.attempt_started_at, v_outcome.finished_at
    );
    insert into jobs.event (account_id, job_id, kind, attempt, actor, happened_at)
    values (v_job.account_id, v_job.id, 'redriven', v_outcome.attempt, core.current_actor(), v_now);
    insert into jobs.waiting (
        account_id, job_id, workflow, priority_rank, due_at, attempt, max_attempts, has_callback, unique_while,
        timeout_seconds
    )
    select
        s.account_id, s.id, s.workflow, jobs.rank_of(s.priority), v_now, v_outcome.attempt,
        -- As many attempts as it had at first.
        least(v_outcome.attempt + s.max_attempts, 30000), s.callback_url is not null, s.unique_while, s.timeout_seconds
    from jobs.submission as s
    where s.account_id = v_job.account_id and s.id = v_job.id;
    -- Of the hour in which it failed.
    insert into jobs.tally_change (account_id, workflow, hour, waiting, failed)
    values (v_job.account_id, v_job.workflow, jobs.hour_of(v_outcome.finished_at), 1, -1);
    perform core.hint(jobs.name_topic(v_job.account_id::text, v_job.workflow));
    return jobs.find_job(v_job.account_id, v_job.id);
end;
$$;
comment on function jobs.redrive_job(uuid, uuid) is
$$Queue a failed job again, with as many attempts as it had at first. Its history stays; its end is told again.

p_account_id: null for any the caller may see. A unique key that it let go at its end is taken again. Raises LQ404; LQ409 when
it is not failed, or another job has its unique key.$$;

create or replace function jobs.redrive_jobs(
    p_account_id uuid default null,
    p_workflow text default null,
    p_created_after timestamptz default null,
    p_created_before timestamptz default null,
    p_limit integer default 1000
)
returns table (redriven bigint, skipped bigint, has_more boolean)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job record;
    v_looked bigint := 0;
begin
    if p_limit is null or p_limit < 1 or p_limit > 10000 then
        raise exception using errcode = 'LQ422', message = 'up to 10000 jobs are queued again at once';
    end if;
    redriven := 0;
    skipped := 0;
    for v_job in
        select j.account_id, j.id
        from jobs.list_jobs(
            p_account_id, 'failed', p_workflow, null, p_created_after, p_created_before, p_limit + 1
        ) as j
    loop
        v_looked := v_looked + 1;
        exit when v_looked > p_limit;
        begin
            perform jobs.redrive_job(v_job.account_id, v_job.id);
            redriven := redriven + 1;
        exception
            when sqlstate 'LQ409' or sqlstate 'LQ404' then
                skipped := skipped + 1;
        end;
    end loop;
    has_more := v_looked > p_limit;
    return next;
end;
$$;
comment on function jobs.redrive_jobs(uuid, text, timestamptz, timestamptz, integer) is
$$Queue failed jobs again, newest first: select * from jobs.redrive_jobs(p_workflow => 'resize').

Null filters nothing. p_limit: up to 10,000 in one call. skipped: jobs that could not be, such as those whose unique key another has.
has_more: call again; where skipped is not 0, with a narrower time.$$;

create or replace function api.redrive_job(p_job_id text)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jobs.show_job(j))
    from jobs.redrive_job(jobs.caller_account(), core.read_id('job', p_job_id)) as j
$$;
comment on function api.redrive_job(text) is
$$Queue a failed job again

With as many attempts as it had at first; its history stays. 409: it is not failed.$$;

create or replace function api.redrive_jobs(
    p_workflow text default null,
    p_created_after timestamptz default null,
    p_created_before timestamptz default null,
    p_limit integer default 100
)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object('redriven', r.redriven, 'skipped', r.skipped, 'has_more', r.has_more))
    from jobs.redrive_jobs(jobs.caller_account(), p_workflow, p_created_after, p_created_before, p_limit) as r
$$;
comment on function api.redrive_jobs(text, timestamptz, timestamptz, integer) is
$$Queue failed jobs again

Those of the account, newest first, up to limit; while has_more is true, ask again. skipped counts jobs that could not be queued, such
as those whose unique key another job has.$$;

select http.register_route('POST', '/api/v1/jobs/{job_id}/redrive', 'api.redrive_job',
    p_scopes => '{jobs:submit,platform}', p_limit_class => 'manage', p_domain => 'jobs',
    p_parameters => '{"job_id": {"type": "string"}}',
    p_responses => '{"200": {"schema": {"$ref": "#/components/schemas/Job"}}, "400": {}, "404": {}, "409": {}}');
select http.register_route('POST', '/api/v1/jobs/redrive', 'api.redrive_jobs',
    p_scopes => '{jobs:submit,platform}', p_limit_class => 'manage', p_lane => 'alone', p_domain => 'jobs',
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "workflow": {"type": "string", "minLength": 1, "maxLength": 128},
        "created_after": {"type": "string", "format": "date-time"},
        "created_before": {"type": "string", "format": "date-time"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["redriven", "skipped", "has_more"],
        "additionalProperties": false, "properties": {
            "redriven": {"type": "integer", "minimum": 0}, "skipped": {"type": "integer", "minimum": 0},
            "has_more": {"type": "boolean"}}}}, "400": {}}');
