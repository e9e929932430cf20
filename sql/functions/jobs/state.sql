-- What a job is: the view that puts its parts together, and how one is found, locked and shown.

create or replace function jobs.keep_account()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from jobs.submission as s where s.account_id = old.id) then
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

create or replace trigger submission_is_history
before update or delete or truncate on jobs.submission
for each statement execute function core.refuse_change();

create or replace trigger attempt_is_history
before update or delete or truncate on jobs.attempt
for each statement execute function core.refuse_change();

create or replace trigger event_is_history
before update or delete or truncate on jobs.event
for each statement execute function core.refuse_change();

create or replace trigger outcome_stays_as_it_is
before update or truncate on jobs.outcome
for each statement execute function core.refuse_change();

create or replace trigger concurrency_notes_local_columns
before update on jobs.concurrency
for each row execute function core.note_local_columns();

create or replace view jobs.job with (security_invoker = true) as
select
    s.account_id,
    s.id,
    s.workflow,
    s.priority,
    case
        when o.job_id is not null then o.status
        when r.job_id is not null then 'running'
        else 'queued'
    end as status,
    case
        when o.job_id is not null then o.reason
        when r.job_id is not null then 'claimed'
        else coalesce((
            select a.reason
            from jobs.attempt as a
            where a.account_id = s.account_id and a.job_id = s.id and a.number = w.attempt
        ), 'submitted')
    end as reason,
    coalesce(o.attempt, r.attempt, w.attempt)::integer as attempt,
    coalesce(o.max_attempts, r.max_attempts, w.max_attempts, s.max_attempts)::integer as max_attempts,
    coalesce(w.due_at, r.due_at, s.run_at, s.created_at) as due_at,
    coalesce(w.is_delayed, false) as is_delayed,
    coalesce(r.worker, o.worker, (
        select a.worker
        from jobs.attempt as a
        where a.account_id = s.account_id and a.job_id = s.id
        order by a.number desc
        limit 1
    )) as worker,
    coalesce(r.lease_token, o.lease_token) as lease_token,
    r.lease_seconds,
    r.leased_until,
    r.expires_at,
    coalesce(r.started_at, o.attempt_started_at, (
        select a.started_at
        from jobs.attempt as a
        where a.account_id = s.account_id and a.job_id = s.id
        order by a.number desc
        limit 1
    )) as attempt_started_at,
    coalesce(r.cancel_requested_at, o.cancel_requested_at) as cancel_requested_at,
    s.callback_url,
    s.created_at,
    s.submitted_by,
    coalesce((
        select a.started_at
        from jobs.attempt as a
        where a.account_id = s.account_id and a.job_id = s.id
        order by a.number
        limit 1
    ), r.started_at, o.attempt_started_at) as started_at,
    o.finished_at,
    coalesce(r.progress, o.progress) as progress,
    s.payload,
    o.result,
    case
        when o.job_id is not null then o.error
        else (
            select a.error
            from jobs.attempt as a
            where a.account_id = s.account_id and a.job_id = s.id and a.error is not null
            order by a.number desc
            limit 1
        )
    end as error,
    s.run_at,
    s.timeout_seconds,
    s.expected_seconds,
    s.unique_key,
    case s.priority when 'high' then 1 when 'normal' then 2 else 3 end::smallint as priority_rank
from jobs.submission as s
left join jobs.waiting as w on w.account_id = s.account_id and w.job_id = s.id
left join jobs.running as r on r.account_id = s.account_id and r.job_id = s.id
left join jobs.outcome as o on o.account_id = s.account_id and o.job_id = s.id;
comment on view jobs.job is
'A job as a whole, wherever its parts are. For the product itself: it reads the hot tables. Reports read jobs.history.';
comment on column jobs.job.account_id is 'account it belongs to';
comment on column jobs.job.id is 'UUIDv7 of created_at; shown as job_…';
comment on column jobs.job.workflow is 'what is to be done: workers claim by it';
comment on column jobs.job.priority is 'low, normal or high';
comment on column jobs.job.status is 'queued, running, succeeded, failed or canceled; the last three are final';
comment on column jobs.job.reason is
'why it is in this status: submitted, claimed, completed, attempt_failed, attempt_expired, lease_expired, snoozed, canceled';
comment on column jobs.job.attempt is 'attempts begun; the number of the present or last one';
comment on column jobs.job.max_attempts is 'attempts after which it has failed for good';
comment on column jobs.job.due_at is 'not claimed before this time';
comment on column jobs.job.is_delayed is 'due later: out of the reach of claims until one of them, or the clock, lets it in';
comment on column jobs.job.worker is 'who has or had it, as the worker calls itself';
comment on column jobs.job.lease_token is 'fencing token of the last claim';
comment on column jobs.job.lease_seconds is 'how long each heartbeat extends the lease';
comment on column jobs.job.leased_until is 'when the lease runs out and the job may go to another worker';
comment on column jobs.job.expires_at is 'when the present attempt has taken too long';
comment on column jobs.job.attempt_started_at is 'when the present or last attempt began';
comment on column jobs.job.cancel_requested_at is 'when a cancel was asked for while it ran';
comment on column jobs.job.callback_url is 'gets a webhook when the status is final';
comment on column jobs.job.created_at is 'when it was handed in';
comment on column jobs.job.submitted_by is 'who handed it in: user_…, key_…, system, or role:NAME';
comment on column jobs.job.started_at is 'when the first attempt began';
comment on column jobs.job.finished_at is 'when the status became final';
comment on column jobs.job.progress is 'what the worker told last of its progress';
comment on column jobs.job.payload is 'what the client sent';
comment on column jobs.job.result is 'what the worker gave';
comment on column jobs.job.error is 'what went wrong in the last failed attempt; gone after a success';
comment on column jobs.job.run_at is 'not before this time, as the client asked';
comment on column jobs.job.timeout_seconds is 'how long one attempt may take';
comment on column jobs.job.expected_seconds is 'how long an attempt is expected to take';
comment on column jobs.job.unique_key is 'no second job of the account takes the same key while this one has it';
comment on column jobs.job.priority_rank is '1 high, 2 normal, 3 low: the order of claims';

create or replace view jobs.history with (security_invoker = true) as
select
    s.account_id,
    s.id,
    s.workflow,
    s.priority,
    coalesce(o.status, 'open') as status,
    o.reason,
    o.attempt::integer as attempts,
    o.worker,
    s.created_at,
    o.attempt_started_at,
    o.finished_at,
    o.error,
    s.submitted_by
from jobs.submission as s
left join jobs.outcome as o on o.account_id = s.account_id and o.job_id = s.id;
comment on view jobs.history is
'Jobs and how they ended, for reports: reads none of the tables that claims need, so it may take long. What waits or runs is '
'open here; jobs.tally says how many of these there are.';
comment on column jobs.history.account_id is 'account it belongs to';
comment on column jobs.history.id is 'UUIDv7 of created_at; ids of a time: jobs.first_id_at()';
comment on column jobs.history.workflow is 'its workflow';
comment on column jobs.history.priority is 'low, normal or high';
comment on column jobs.history.status is 'open, succeeded, failed or canceled';
comment on column jobs.history.reason is 'why it ended so';
comment on column jobs.history.attempts is 'attempts it took';
comment on column jobs.history.worker is 'who had it last';
comment on column jobs.history.created_at is 'when it was handed in';
comment on column jobs.history.attempt_started_at is 'when the last attempt began';
comment on column jobs.history.finished_at is 'when it ended';
comment on column jobs.history.error is 'what went wrong in the last attempt, where it did';
comment on column jobs.history.submitted_by is 'who handed it in';
grant select on jobs.history to levqor_dba;

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

create or replace function jobs.tell_ends(p_account_ids uuid[], p_ids uuid[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform outbox.send_webhooks(
        array_agg(j.account_id), array_agg(j.callback_url), array_agg('job.' || j.status),
        array_agg(jobs.show_event(j)), 'jobs', array_agg(core.show_id('job', j.id))
    )
    from unnest(p_account_ids, p_ids) as e (account_id, id)
    inner join jobs.job as j on j.account_id = e.account_id and j.id = e.id
    having count(*) > 0;
end;
$$;
comment on function jobs.tell_ends(uuid[], uuid[]) is
$$Send the webhooks job.succeeded, job.failed and job.canceled of jobs that have just ended and have a callback_url.$$;

create or replace function jobs.release_keys(p_account_ids uuid[], p_ids uuid[])
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    delete from jobs.unique_key as k
    using unnest(p_account_ids, p_ids) as e (account_id, id)
    where k.account_id = e.account_id and k.job_id = e.id
$$;
comment on function jobs.release_keys(uuid[], uuid[]) is
$$Let the unique keys of jobs go.$$;

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

-- Volatile, as all that reads the hot tables: one that waits for a rewriting (core.compact) must not look with a snapshot from
-- before it, which would find them empty. With plans of many partitions, to plan each look anew costs ten times the look.
create or replace function jobs.find_account(p_account_id uuid, p_id uuid)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
    v_account_id uuid;
begin
    if p_account_id is not null then
        return p_account_id;
    end if;
    select s.account_id into v_account_id from jobs.submission as s where s.id = p_id limit 1;
    return v_account_id;
end;
$$;
comment on function jobs.find_account(uuid, uuid) is
$$The account of a job: the one given, or, when that is null, the one that has it among those the caller may see.$$;

create or replace function jobs.find_job(p_account_id uuid, p_id uuid)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
    v_account_id uuid := jobs.find_account(p_account_id, p_id);
    v_job jobs.job;
begin
    select j.* into v_job from jobs.job as j where j.account_id = v_account_id and j.id = p_id;
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
    v_account_id uuid := jobs.find_account(p_account_id, p_id);
begin
    -- A job that moves between two looks is found by the next ones.
    for look in 1 .. 100 loop
        perform from jobs.waiting as w where w.account_id = v_account_id and w.job_id = p_id for update;
        if not found then
            perform from jobs.running as r where r.account_id = v_account_id and r.job_id = p_id for update;
        end if;
        exit when found
            or exists (select from jobs.outcome as o where o.account_id = v_account_id and o.job_id = p_id)
            or not exists (select from jobs.submission as s where s.account_id = v_account_id and s.id = p_id);
    end loop;
    return jobs.find_job(v_account_id, p_id);
end;
$$;
comment on function jobs.lock_job(uuid, uuid) is
$$Read a job and, while it has not ended, keep others from moving it. p_account_id: null for any account the caller may see.

Raises LQ404.$$;

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
