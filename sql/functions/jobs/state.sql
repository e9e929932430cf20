-- The state machine, and what every change of status leaves behind. Triggers, so that no way of changing a job goes
-- around it.

create or replace function jobs.refuse_submission()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using errcode = 'LQ409', message = 'a job begins as queued';
end;
$$;
comment on function jobs.refuse_submission() is
$$Trigger: a job begins as queued. Always raises LQ409.$$;

create or replace trigger job_begins_as_queued
before insert on jobs.job
for each row when (new.status <> 'queued' or new.attempt <> 0) execute function jobs.refuse_submission();

create or replace function jobs.keep_account()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from jobs.job as j where j.account_id = old.id) then
        raise exception using
            errcode = 'foreign_key_violation',
            message = 'an account with jobs stays',
            hint = 'Close it.';
    end if;
    return old;
end;
$$;
comment on function jobs.keep_account() is
$$Trigger: an account that has jobs is not deleted (23503), in place of a foreign key, which would cost each intake.$$;

create or replace trigger account_with_jobs_stays
before delete on identity.account
for each row execute function jobs.keep_account();

create or replace function jobs.note_changed()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bad record;
    v_job jobs.job;
begin
    select o.status as from_status, n.status as to_status
    into v_bad
    from new_jobs as n
    -- The id of a job never changes: its history refers to it.
    inner join old_jobs as o on o.account_id = n.account_id and o.id = n.id
    where o.status <> n.status
        and not exists (
            select from jobs.allowed_transition as t where t.from_status = o.status and t.to_status = n.status
        )
    limit 1;
    if found then
        raise exception using
            errcode = 'LQ409',
            message = format('a job can not go from %s to %s', v_bad.from_status, v_bad.to_status),
            hint = 'The table jobs.allowed_transition tells what can be.';
    end if;

    insert into jobs.transition (account_id, job_id, from_status, to_status, reason, attempt, actor, happened_at)
    select
        n.account_id, n.id, o.status, n.status, n.reason, n.attempt, core.current_actor(),
        -- Never before the step that led here, whatever the statements' own times are.
        greatest(core.now(), n.created_at, n.attempt_started_at)
    from new_jobs as n
    inner join old_jobs as o on o.account_id = n.account_id and o.id = n.id
    where o.status <> n.status;
    if not found then
        return null;
    end if;

    insert into jobs.attempt (account_id, job_id, number, lease_token, worker, outcome, error, started_at, finished_at)
    select
        o.account_id, o.id, o.attempt, o.lease_token, o.worker,
        case
            when n.reason = 'lease_expired' then 'lost'
            when n.status = 'queued' then 'failed'
            else n.status
        end,
        n.error, o.attempt_started_at, greatest(core.now(), o.attempt_started_at)
    from new_jobs as n
    inner join old_jobs as o on o.account_id = n.account_id and o.id = n.id
    where o.status = 'running' and n.status <> 'running';

    for v_job in
        select n.*
        from new_jobs as n
        inner join old_jobs as o on o.account_id = n.account_id and o.id = n.id
        where o.status <> n.status and n.finished_at is not null and n.callback_url is not null
        order by n.account_id, n.id
    loop
        perform outbox.send_webhook(
            v_job.account_id, v_job.callback_url, 'job.' || v_job.status, jobs.show_event(v_job), 'jobs',
            core.show_id('job', v_job.id)
        );
    end loop;
    return null;
end;
$$;
comment on function jobs.note_changed() is
$$Trigger: refuse what jobs.allowed_transition does not hold (LQ409); write the transition, the attempt that ended, and, when the
status is final and there is a callback_url, the webhook job.succeeded, job.failed or job.canceled.$$;

create or replace trigger job_change_is_noted
after update on jobs.job
referencing old table as old_jobs new table as new_jobs
for each statement execute function jobs.note_changed();

create or replace trigger transition_is_history
before update or delete or truncate on jobs.transition
for each statement execute function core.refuse_change();

create or replace trigger attempt_is_history
before update or delete or truncate on jobs.attempt
for each statement execute function core.refuse_change();

create or replace function jobs.show_event(p_job jobs.job)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'job_id', core.show_id('job', p_job.id),
        'workflow', p_job.workflow,
        'status', p_job.status,
        'result', p_job.result,
        'error', p_job.error,
        'created_at', p_job.created_at,
        'started_at', p_job.started_at,
        'finished_at', p_job.finished_at,
        'attempts', p_job.attempt
    )
$$;
comment on function jobs.show_event(jobs.job) is
$$What a webhook tells of a finished job.$$;

create or replace function jobs.show_job(p_job jobs.job)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'job_id', core.show_id('job', p_job.id),
        'account_id', core.show_id('acct', p_job.account_id),
        'workflow', p_job.workflow,
        'priority', p_job.priority,
        'status', p_job.status,
        'attempt', p_job.attempt,
        'max_attempts', p_job.max_attempts,
        'due_at', p_job.due_at,
        'callback_url', p_job.callback_url,
        'cancel_requested', p_job.cancel_requested_at is not null,
        'progress', p_job.progress,
        'error', p_job.error,
        'created_at', p_job.created_at,
        'started_at', p_job.started_at,
        'finished_at', p_job.finished_at
    )
$$;
comment on function jobs.show_job(jobs.job) is
$$A job as clients see it in a list: all but payload and result.$$;

create or replace function jobs.caller_account()
returns uuid
language sql
stable
parallel safe
security invoker
as $$
    select case when core.sees_all() then null else core.current_account() end
$$;
comment on function jobs.caller_account() is
$$The account whose jobs the caller is confined to; null for one who sees all.$$;

create or replace function jobs.find_account(p_account_id uuid, p_id uuid)
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid;
begin
    if p_account_id is not null then
        return p_account_id;
    end if;
    select j.account_id into v_account_id from jobs.job as j where j.id = p_id limit 1;
    return v_account_id;
end;
$$;
comment on function jobs.find_account(uuid, uuid) is
$$The account of a job: the one given, or, when that is null, the one that has it among those the caller may see.$$;

create or replace function jobs.find_job(p_account_id uuid, p_id uuid)
returns jobs.job
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.job;
begin
    select j.* into v_job
    from jobs.job as j
    where j.account_id = jobs.find_account(p_account_id, p_id) and j.id = p_id;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such job';
    end if;
    return v_job;
end;
$$;
comment on function jobs.find_job(uuid, uuid) is
$$Read a job. p_account_id: null for any account the caller may see. Raises LQ404.$$;

create or replace function jobs.lock_job(p_account_id uuid, p_id uuid)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.job;
begin
    select j.* into v_job
    from jobs.job as j
    where j.account_id = jobs.find_account(p_account_id, p_id) and j.id = p_id
    for update;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such job';
    end if;
    return v_job;
end;
$$;
comment on function jobs.lock_job(uuid, uuid) is
$$Read a job and keep others from changing it. p_account_id: null for any account the caller may see. Raises LQ404.$$;

create or replace function jobs.name_topic(p_account text, p_workflow text)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select 'jobs/' || coalesce(p_account, '*') || '/' || case
        when p_workflow is null then '*'
        when p_workflow ~ '^[A-Za-z0-9._:-]+$' then p_workflow
        -- A workflow may be any text; a topic is one word between slashes.
        else '~' || pg_catalog.md5(p_workflow)
    end
$$;
comment on function jobs.name_topic(text, text) is
$$The topic of hints about claimable jobs. Null stands for any account or any workflow.$$;

select http.register_schema('JobStatus', '{"enum": ["queued", "running", "succeeded", "failed", "canceled"],
    "description": "succeeded, failed and canceled are final"}');
select http.register_schema('JobPriority', '{"enum": ["low", "normal", "high"]}');
select http.register_schema('Job', '{"type": "object", "required": ["job_id", "account_id", "workflow", "priority",
    "status", "attempt", "max_attempts", "due_at", "callback_url", "cancel_requested", "progress", "error",
    "created_at", "started_at",
    "finished_at"], "properties": {
        "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"},
        "account_id": {"type": "string", "pattern": "^acct_[0-9a-f]{32}$"},
        "workflow": {"type": "string"},
        "priority": {"$ref": "#/components/schemas/JobPriority"},
        "status": {"$ref": "#/components/schemas/JobStatus"},
        "attempt": {"type": "integer", "minimum": 0, "description": "attempts begun"},
        "max_attempts": {"type": "integer", "minimum": 1},
        "due_at": {"type": "string", "format": "date-time", "description": "not claimed before"},
        "callback_url": {"type": ["string", "null"]},
        "cancel_requested": {"type": "boolean"},
        "progress": {"description": "what the worker told last"},
        "error": {"type": ["object", "null"], "description": "of the last failed attempt; gone after a success"},
        "created_at": {"type": "string", "format": "date-time"},
        "started_at": {"type": ["string", "null"], "format": "date-time"},
        "finished_at": {"type": ["string", "null"], "format": "date-time"}}}');
