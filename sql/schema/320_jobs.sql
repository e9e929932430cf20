-- jobs: the queue, its history, and the leases of workers.
create schema jobs;
comment on schema jobs is 'Machinery: jobs that clients hand in and workers take, with leases, retries and history.';
grant usage on schema jobs to levqor_dba;

create sequence jobs.lease_token as bigint;
comment on sequence jobs.lease_token is 'Fencing tokens: each claim of a job gets the next one.';

-- Where the round over accounts stands. A sequence, because setting it waits for nobody. Two, because a UUID has
-- twice the bits; halves of two claims that mix do no harm.
create sequence jobs.claim_cursor_high as bigint minvalue -9223372036854775808 start 0;
comment on sequence jobs.claim_cursor_high is 'First half of the account that a claim over all accounts served last.';
create sequence jobs.claim_cursor_low as bigint minvalue -9223372036854775808 start 0;
comment on sequence jobs.claim_cursor_low is 'Second half of the account that a claim over all accounts served last.';

create table jobs.allowed_transition (
    from_status text not null,
    to_status text not null,
    meaning text not null,
    constraint allowed_transition_pkey primary key (from_status, to_status)
);
comment on table jobs.allowed_transition is 'The state machine of jobs: what is not here is refused.';
comment on column jobs.allowed_transition.from_status is 'status before';
comment on column jobs.allowed_transition.to_status is 'status after';
comment on column jobs.allowed_transition.meaning is 'when this happens';
insert into jobs.allowed_transition (from_status, to_status, meaning)
values
('queued', 'running', 'a worker claims it'),
('queued', 'canceled', 'it is canceled before a worker has it'),
('running', 'succeeded', 'the worker completes it'),
('running', 'failed', 'the last attempt fails or is lost'),
('running', 'queued', 'an attempt fails or is lost, and another follows'),
('running', 'canceled', 'the worker gives it up, or is lost, after a cancel was asked for');

create table jobs.job (
    account_id uuid not null,
    id uuid not null,
    workflow text not null,
    priority text not null default 'normal',
    status text not null default 'queued',
    reason text not null default 'submitted',
    attempt integer not null default 0,
    max_attempts integer not null,
    due_at timestamptz not null,
    is_delayed boolean not null default false,
    worker text,
    lease_token bigint,
    lease_seconds integer,
    leased_until timestamptz,
    attempt_started_at timestamptz,
    cancel_requested_at timestamptz,
    callback_url text,
    created_at timestamptz not null,
    submitted_by text not null,
    started_at timestamptz,
    finished_at timestamptz,
    progress jsonb,
    payload jsonb not null,
    result jsonb,
    error jsonb,
    priority_rank smallint not null generated always as (
        case priority when 'high' then 1 when 'normal' then 2 else 3 end
    ) stored,
    constraint job_pkey primary key (account_id, id),
    -- No foreign key to the account: the guard has just read it, a trigger keeps an account that has jobs
    -- (account_with_jobs_stays), and each check would lock the account's row, for which all its intakes would meet.
    constraint job_workflow_is_short_check check (length(workflow) between 1 and 128),
    constraint job_priority_is_known_check check (priority in ('low', 'normal', 'high')),
    constraint job_status_is_known_check check (status in ('queued', 'running', 'succeeded', 'failed', 'canceled')),
    constraint job_reason_is_known_check check (
        reason in ('submitted', 'claimed', 'completed', 'attempt_failed', 'lease_expired', 'canceled')
    ),
    constraint job_max_attempts_is_bounded_check check (max_attempts between 1 and 100),
    constraint job_attempt_is_within_max_attempts_check check (attempt between 0 and max_attempts),
    constraint job_only_queued_is_delayed_check check (not is_delayed or status = 'queued'),
    constraint job_running_has_lease_check check (
        (status = 'running') = (leased_until is not null)
        and (
            status <> 'running'
            or (
                lease_token is not null and lease_seconds is not null and worker is not null
                and attempt_started_at is not null
            )
        )
    ),
    constraint job_lease_is_bounded_check check (lease_seconds between 1 and 86400),
    constraint job_worker_is_short_check check (length(worker) between 1 and 200),
    constraint job_callback_url_is_http_without_user_check
    check (
        length(callback_url) <= 1024
        and callback_url ~ '^[hH][tT][tT][pP][sS]?://[!-"$-.0->A-Z\[\]^-~]+([/?#][!-\[\]-~]*)?$'
    ),
    constraint job_final_status_has_time_check
    check ((status in ('succeeded', 'failed', 'canceled')) = (finished_at is not null)),
    constraint job_only_success_has_result_check check (result is null or status = 'succeeded'),
    constraint job_payload_is_object_check check (jsonb_typeof(payload) = 'object'),
    -- Payload and result are measured as text once, when they come. A CHECK runs at every change of the row, so here only
    -- their stored size is bounded, with room for any 200 KiB of text.
    constraint job_payload_is_bounded_check check (pg_column_size(payload) <= 2097152),
    constraint job_result_is_bounded_check check (pg_column_size(result) <= 2097152),
    constraint job_error_is_object_check check (jsonb_typeof(error) = 'object'),
    constraint job_error_is_small_check check (octet_length(error::text) <= 16384),
    constraint job_progress_is_small_check check (octet_length(progress::text) <= 4096)
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- What may be claimed, in the order of claims: for any workflow, and for named ones. Delayed jobs are let in when
-- due, so that a claim never steps over jobs that it may not take.
create index job_claimable_idx on jobs.job (account_id, priority_rank, due_at, id)
where status = 'queued' and not is_delayed;
create index job_claimable_by_workflow_idx on jobs.job (workflow, account_id, priority_rank, due_at, id)
where status = 'queued' and not is_delayed;
create index job_delayed_idx on jobs.job (due_at, account_id, id) where status = 'queued' and is_delayed;
create index job_leased_until_idx on jobs.job (leased_until, account_id, id) where status = 'running';
create index job_account_id_status_idx on jobs.job (account_id, status, id) where status <> 'succeeded';
create index job_account_id_workflow_idx on jobs.job (account_id, workflow, id);
create index job_finished_at_idx on jobs.job (finished_at, status) where finished_at is not null;
create index job_id_idx on jobs.job (id);
comment on table jobs.job is
'One row a job. Who changes its status goes by jobs.allowed_transition, and leaves a row in jobs.transition.';
comment on column jobs.job.account_id is 'account it belongs to';
comment on column jobs.job.id is 'UUIDv7 of created_at; shown as job_…';
comment on column jobs.job.workflow is 'what is to be done: workers claim by it';
comment on column jobs.job.priority is
'low, normal or high: claimed in order of priority, then age, within the account';
comment on column jobs.job.status is 'queued, running, succeeded, failed or canceled; the last three are final';
comment on column jobs.job.reason is 'why it is in this status';
comment on column jobs.job.attempt is 'attempts begun; the number of the present or last one';
comment on column jobs.job.max_attempts is 'attempts after which it has failed for good';
comment on column jobs.job.due_at is 'not claimed before this time';
comment on column jobs.job.is_delayed is
'due later: out of the reach of claims until one of them, or the clock, lets it in';
comment on column jobs.job.worker is 'who has or had it, as the worker calls itself';
comment on column jobs.job.lease_token is 'fencing token of the last claim: only its holder may go on with the job';
comment on column jobs.job.lease_seconds is 'how long each heartbeat extends the lease';
comment on column jobs.job.leased_until is 'when the lease runs out and the job may go to another worker';
comment on column jobs.job.attempt_started_at is 'when the present or last attempt began';
comment on column jobs.job.cancel_requested_at is 'when a cancel was asked for while it ran';
comment on column jobs.job.callback_url is 'gets a webhook when the status is final';
comment on column jobs.job.created_at is 'when it was handed in';
comment on column jobs.job.submitted_by is 'who handed it in: user_…, key_…, system, or role:NAME';
comment on column jobs.job.started_at is 'when the first attempt began';
comment on column jobs.job.finished_at is 'when the status became final';
comment on column jobs.job.progress is 'what the worker told last of its progress';
comment on column jobs.job.payload is 'what the client sent; up to 200 KiB as text';
comment on column jobs.job.result is 'what the worker gave; up to 200 KiB as text';
comment on column jobs.job.error is 'what went wrong in the last failed attempt; gone after a success';
comment on column jobs.job.priority_rank is '1 high, 2 normal, 3 low: the order of claims';

create table jobs.attempt (
    account_id uuid not null,
    job_id uuid not null,
    number integer not null,
    lease_token bigint not null,
    worker text not null,
    outcome text not null,
    error jsonb,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    constraint attempt_pkey primary key (account_id, job_id, number),
    constraint attempt_job_id_fkey foreign key (account_id, job_id)
    references jobs.job (account_id, id) on delete cascade,
    constraint attempt_outcome_is_known_check check (outcome in ('succeeded', 'failed', 'lost', 'canceled'))
);
comment on table jobs.attempt is 'One row a finished attempt; the running one is in jobs.job. History: it goes with its job, by data retention '
'(levqor.retention).';
comment on column jobs.attempt.account_id is 'account of the job';
comment on column jobs.attempt.job_id is 'the job';
comment on column jobs.attempt.number is 'running number within the job, from 1';
comment on column jobs.attempt.lease_token is 'fencing token it ran under';
comment on column jobs.attempt.worker is 'who tried';
comment on column jobs.attempt.outcome is 'succeeded; failed: the worker said so; lost: the lease ran out; canceled';
comment on column jobs.attempt.error is 'what went wrong';
comment on column jobs.attempt.started_at is 'when it was claimed';
comment on column jobs.attempt.finished_at is 'when it ended';

create table jobs.transition (
    account_id uuid not null,
    job_id uuid not null,
    id bigint generated always as identity,
    from_status text,
    to_status text not null,
    reason text not null,
    attempt integer not null,
    actor text not null,
    happened_at timestamptz not null,
    constraint transition_pkey primary key (account_id, job_id, id),
    constraint transition_job_id_fkey foreign key (account_id, job_id)
    references jobs.job (account_id, id) on delete cascade
);
comment on table jobs.transition is 'Every change of a job''s status after it was handed in (that is created_at and submitted_by of the job), written by a '
'trigger. History: it goes with its job, by data retention '
'(levqor.retention).';
comment on column jobs.transition.account_id is 'account of the job';
comment on column jobs.transition.job_id is 'the job';
comment on column jobs.transition.id is 'running number';
comment on column jobs.transition.from_status is 'status before; null: it was handed in';
comment on column jobs.transition.to_status is 'status after';
comment on column jobs.transition.reason is
'why: submitted, claimed, completed, attempt_failed, lease_expired, canceled';
comment on column jobs.transition.attempt is 'attempts begun by then';
comment on column jobs.transition.actor is 'who: user_…, key_…, system, or role:NAME';
comment on column jobs.transition.happened_at is 'when';

alter table jobs.job enable row level security;
alter table jobs.job force row level security;
create policy account_sees_its_jobs on jobs.job
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on jobs.job for select to levqor_dba using (true);

alter table jobs.attempt enable row level security;
alter table jobs.attempt force row level security;
create policy account_sees_its_attempts on jobs.attempt
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on jobs.attempt for select to levqor_dba using (true);

alter table jobs.transition enable row level security;
alter table jobs.transition force row level security;
create policy account_sees_its_transitions on jobs.transition
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on jobs.transition for select to levqor_dba using (true);

grant select on jobs.allowed_transition, jobs.job, jobs.attempt, jobs.transition to levqor_dba;
