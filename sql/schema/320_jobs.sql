-- jobs: the queue, its history, and the leases of workers.
--
-- What is written once stays where it is: a row of jobs.submission when a job comes, one of jobs.outcome when it ends, one
-- of jobs.attempt for each attempt before the last. These are partitioned by the UTC day in the job's id, and a day goes
-- as a whole. What changes is in two small tables, jobs.waiting and jobs.running, whose rows are moved and removed; they
-- are all that an old snapshot can bloat, are rewritten when that happens (core.compact), and nobody reports from them.
-- A job is in exactly one of waiting, running and outcome. The view jobs.job puts all together.
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

create table jobs.submission (
    account_id uuid not null,
    id uuid not null,
    workflow text not null,
    priority text not null default 'normal',
    max_attempts smallint not null,
    run_at timestamptz,
    timeout_seconds integer,
    expected_seconds integer,
    unique_key text,
    unique_while text,
    callback_url text,
    created_at timestamptz not null,
    submitted_by text not null,
    payload jsonb not null,
    constraint submission_pkey primary key (account_id, id),
    -- No foreign key to the account: the guard has just read it, a trigger keeps an account that has jobs
    -- (account_with_jobs_stays), and each check would lock the account's row, for which all its intakes would meet.
    constraint submission_workflow_is_short_check check (length(workflow) >= 1 and length(workflow) <= 128),
    constraint submission_priority_is_known_check check (priority in ('low', 'normal', 'high')),
    constraint submission_max_attempts_is_bounded_check check (max_attempts >= 1 and max_attempts <= 100),
    constraint submission_timeout_is_bounded_check check (timeout_seconds >= 1 and timeout_seconds <= 604800),
    constraint submission_expected_is_bounded_check check (expected_seconds >= 1 and expected_seconds <= 604800),
    constraint submission_unique_key_is_short_check check (length(unique_key) >= 1 and length(unique_key) <= 200),
    constraint submission_callback_url_is_http_without_user_check
    check (
        length(callback_url) <= 1024
        and callback_url ~ '^[hH][tT][tT][pP][sS]?://[!-"$-.0->A-Z\[\]^-~]+([/?#][!-\[\]-~]*)?$'
    ),
    -- The payload is measured as text once, when it comes. Here its stored size is bounded, with room for 200 KiB of text.
    constraint submission_payload_is_bounded_object_check
    check (jsonb_typeof(payload) = 'object' and pg_column_size(payload) <= 2097152)
) partition by range (id);
create index submission_id_idx on jobs.submission (id);
create table jobs.submission_default partition of jobs.submission default;
comment on table jobs.submission is
'What was handed in: one row a job, never changed. A partition for each UTC day in the id. Kept for jobs.keep_days.';
comment on table jobs.submission_default is 'Jobs of days that had no partition when they came.';
comment on column jobs.submission.account_id is 'account it belongs to';
comment on column jobs.submission.id is 'UUIDv7 of created_at; shown as job_…';
comment on column jobs.submission.workflow is 'what is to be done: workers claim by it';
comment on column jobs.submission.priority is
'low, normal or high: claimed in order of priority, then age, within the account';
comment on column jobs.submission.max_attempts is 'attempts after which it has failed for good';
comment on column jobs.submission.run_at is 'not claimed before; null: at once';
comment on column jobs.submission.timeout_seconds is
'how long one attempt may take, however many heartbeats come; null: as long as they come';
comment on column jobs.submission.expected_seconds is 'how long an attempt is expected to take; null: unknown';
comment on column jobs.submission.unique_key is 'no second job of the account takes the same key while this one has it: jobs.unique_key';
comment on column jobs.submission.unique_while is 'how long it has the key: waiting (for its first worker), active, active_or_succeeded or ever';
comment on column jobs.submission.callback_url is 'gets a webhook when the job has ended';
comment on column jobs.submission.created_at is 'when it was handed in';
comment on column jobs.submission.submitted_by is 'who handed it in: user_…, key_…, system, or role:NAME';
comment on column jobs.submission.payload is 'what the client sent; up to 200 KiB as text';

create table jobs.waiting (
    account_id uuid not null,
    job_id uuid not null,
    workflow text not null,
    priority_rank smallint not null,
    due_at timestamptz not null,
    attempt smallint not null default 0,
    max_attempts smallint not null,
    is_delayed boolean not null default false,
    has_callback boolean not null default false,
    unique_while text,
    timeout_seconds integer,
    constraint waiting_pkey primary key (account_id, job_id),
    constraint waiting_unique_while_is_known_check
    check (unique_while in ('waiting', 'active', 'active_or_succeeded', 'ever'))
) with (
    fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_threshold = 100000, autovacuum_analyze_scale_factor = 1, vacuum_truncate = false
);
-- In the order of claims, for any workflow and for named ones. Delayed jobs are let in when due, so that a claim never
-- steps over jobs that it may not take.
create index waiting_claimable_idx on jobs.waiting (account_id, priority_rank, due_at, job_id) where not is_delayed;
create index waiting_claimable_by_workflow_idx on jobs.waiting (workflow, account_id, priority_rank, due_at, job_id)
where not is_delayed;
create index waiting_delayed_idx on jobs.waiting (due_at, account_id, job_id) where is_delayed;
comment on table jobs.waiting is 'Jobs that wait for a worker. Hot: nobody reports from it.';
comment on column jobs.waiting.account_id is 'account of the job';
comment on column jobs.waiting.job_id is 'the job';
comment on column jobs.waiting.workflow is 'its workflow';
comment on column jobs.waiting.priority_rank is '1 high, 2 normal, 3 low: the order of claims';
comment on column jobs.waiting.due_at is 'not claimed before';
comment on column jobs.waiting.attempt is 'attempts begun so far';
comment on column jobs.waiting.max_attempts is 'attempts after which it has failed for good; grows when it is snoozed or redriven';
comment on column jobs.waiting.is_delayed is 'due later: out of the reach of claims until one of them, or the clock, lets it in';
comment on column jobs.waiting.has_callback is 'whether its end is told to a URL';
comment on column jobs.waiting.unique_while is 'how long its unique key is taken; null: it has none';
comment on column jobs.waiting.timeout_seconds is 'how long one attempt may take; null: as long as heartbeats come';

create table jobs.running (
    account_id uuid not null,
    job_id uuid not null,
    workflow text not null,
    priority_rank smallint not null,
    due_at timestamptz not null,
    attempt smallint not null,
    max_attempts smallint not null,
    has_callback boolean not null,
    unique_while text,
    timeout_seconds integer,
    lease_token bigint not null,
    lease_seconds integer not null,
    leased_until timestamptz not null,
    expires_at timestamptz,
    started_at timestamptz not null,
    cancel_requested_at timestamptz,
    worker text not null,
    claimed_by text not null,
    progress jsonb,
    constraint running_pkey primary key (account_id, job_id),
    constraint running_lease_token_key unique (lease_token),
    constraint running_lease_is_bounded_check check (lease_seconds >= 1 and lease_seconds <= 86400),
    constraint running_worker_is_short_check check (length(worker) >= 1 and length(worker) <= 200),
    constraint running_progress_is_small_check check (octet_length(progress::text) <= 4096)
) with (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_threshold = 100000, autovacuum_analyze_scale_factor = 1, vacuum_truncate = false
);
comment on table jobs.running is 'Jobs that workers have, with their leases. Hot: nobody reports from it.';
comment on column jobs.running.account_id is 'account of the job';
comment on column jobs.running.job_id is 'the job';
comment on column jobs.running.workflow is 'its workflow';
comment on column jobs.running.priority_rank is '1 high, 2 normal, 3 low';
comment on column jobs.running.due_at is 'when the attempt was due';
comment on column jobs.running.attempt is 'number of the attempt, from 1';
comment on column jobs.running.max_attempts is 'attempts after which it has failed for good';
comment on column jobs.running.has_callback is 'whether its end is told to a URL';
comment on column jobs.running.unique_while is 'how long its unique key is taken; null: it has none';
comment on column jobs.running.timeout_seconds is 'how long one attempt may take; null: as long as heartbeats come';
comment on column jobs.running.lease_token is 'fencing token of the claim: only its holder may go on with the job';
comment on column jobs.running.lease_seconds is 'how long each heartbeat extends the lease';
comment on column jobs.running.leased_until is 'when the lease runs out and the job may go to another worker';
comment on column jobs.running.expires_at is 'when the attempt has taken too long, heartbeats or not; null: no bound';
comment on column jobs.running.started_at is 'when the attempt began';
comment on column jobs.running.cancel_requested_at is 'when a cancel was asked for';
comment on column jobs.running.worker is 'who has it, as the worker calls itself';
comment on column jobs.running.claimed_by is 'who claimed it: key_…, user_…, system, or role:NAME';
comment on column jobs.running.progress is 'what the worker told last of its progress';

create table jobs.outcome (
    account_id uuid not null,
    job_id uuid not null,
    workflow text not null,
    status text not null,
    reason text not null,
    attempt smallint not null,
    max_attempts smallint not null,
    worker text,
    lease_token bigint,
    claimed_by text,
    finished_by text not null,
    attempt_started_at timestamptz,
    cancel_requested_at timestamptz,
    finished_at timestamptz not null,
    progress jsonb,
    result jsonb,
    error jsonb,
    constraint outcome_pkey primary key (account_id, job_id),
    constraint outcome_status_is_final_check check (status in ('succeeded', 'failed', 'canceled')),
    constraint outcome_reason_is_known_check
    check (reason in ('completed', 'attempt_failed', 'lease_expired', 'attempt_expired', 'canceled')),
    constraint outcome_only_success_has_result_check check (result is null or status = 'succeeded'),
    constraint outcome_result_is_bounded_check check (pg_column_size(result) <= 2097152),
    constraint outcome_error_is_small_object_check
    check (jsonb_typeof(error) = 'object' and octet_length(error::text) <= 16384)
) partition by range (job_id);
create index outcome_unsuccessful_idx on jobs.outcome (account_id, status, job_id) where status <> 'succeeded';
create table jobs.outcome_default partition of jobs.outcome default;
comment on table jobs.outcome is
'How jobs ended: one row a job that has ended. Only a redrive of a failed job removes one. A partition for each UTC day in '
'the job''s id.';
comment on table jobs.outcome_default is 'Ends of jobs of days that had no partition when they came.';
comment on column jobs.outcome.account_id is 'account of the job';
comment on column jobs.outcome.job_id is 'the job';
comment on column jobs.outcome.workflow is 'its workflow';
comment on column jobs.outcome.status is 'succeeded, failed (the dead letters) or canceled';
comment on column jobs.outcome.reason is 'why: completed, attempt_failed, lease_expired, attempt_expired, canceled';
comment on column jobs.outcome.attempt is 'attempts begun';
comment on column jobs.outcome.max_attempts is 'attempts it had at most';
comment on column jobs.outcome.worker is 'who had it last';
comment on column jobs.outcome.lease_token is 'fencing token of its last claim; null: it was never claimed';
comment on column jobs.outcome.claimed_by is 'who claimed it last';
comment on column jobs.outcome.finished_by is 'who ended it: key_…, user_…, system, or role:NAME';
comment on column jobs.outcome.attempt_started_at is 'when the last attempt began; null: there was none';
comment on column jobs.outcome.cancel_requested_at is 'when a cancel was asked for';
comment on column jobs.outcome.finished_at is 'when it ended';
comment on column jobs.outcome.progress is 'what the last worker told last of its progress';
comment on column jobs.outcome.result is 'what the worker gave; up to 200 KiB as text';
comment on column jobs.outcome.error is 'what went wrong in the last attempt, where it did';

create table jobs.attempt (
    account_id uuid not null,
    job_id uuid not null,
    number smallint not null,
    lease_token bigint not null,
    worker text not null,
    claimed_by text not null,
    finished_by text not null,
    outcome text not null,
    reason text not null,
    error jsonb,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    next_due_at timestamptz,
    constraint attempt_pkey primary key (account_id, job_id, number),
    constraint attempt_outcome_is_known_check check (outcome in ('failed', 'lost', 'snoozed', 'canceled')),
    constraint attempt_error_is_small_object_check
    check (jsonb_typeof(error) = 'object' and octet_length(error::text) <= 16384)
) partition by range (job_id);
create table jobs.attempt_default partition of jobs.attempt default;
comment on table jobs.attempt is
'One row an attempt that did not succeed; the one that did is in jobs.outcome, the one under way in jobs.running. A partition '
'for each UTC day in the job''s id.';
comment on table jobs.attempt_default is 'Attempts of jobs of days that had no partition when they came.';
comment on column jobs.attempt.account_id is 'account of the job';
comment on column jobs.attempt.job_id is 'the job';
comment on column jobs.attempt.number is 'running number within the job, from 1';
comment on column jobs.attempt.lease_token is 'fencing token it ran under';
comment on column jobs.attempt.worker is 'who tried';
comment on column jobs.attempt.claimed_by is 'who claimed it: key_…, user_…, system, or role:NAME';
comment on column jobs.attempt.finished_by is 'who ended it';
comment on column jobs.attempt.outcome is
'failed: the worker said so, or it took too long; lost: the lease ran out; snoozed: put off by the worker; canceled';
comment on column jobs.attempt.reason is 'attempt_failed, attempt_expired, lease_expired, snoozed or canceled';
comment on column jobs.attempt.error is 'what went wrong';
comment on column jobs.attempt.started_at is 'when it was claimed';
comment on column jobs.attempt.finished_at is 'when it ended';
comment on column jobs.attempt.next_due_at is 'when the next one is due; null: there is none';

create table jobs.event (
    account_id uuid not null,
    job_id uuid not null,
    id uuid not null default core.new_id(),
    kind text not null,
    attempt smallint not null,
    actor text not null,
    happened_at timestamptz not null,
    constraint event_pkey primary key (account_id, job_id, id),
    constraint event_kind_is_known_check check (kind in ('cancel_requested', 'redriven'))
) partition by range (job_id);
create table jobs.event_default partition of jobs.event default;
comment on table jobs.event is 'What people did to a job after it was handed in. A partition for each UTC day in the job''s id.';
comment on table jobs.event_default is 'Events of jobs of days that had no partition when they came.';
comment on column jobs.event.account_id is 'account of the job';
comment on column jobs.event.job_id is 'the job';
comment on column jobs.event.id is 'UUIDv7';
comment on column jobs.event.kind is 'cancel_requested or redriven';
comment on column jobs.event.attempt is 'attempts begun by then';
comment on column jobs.event.actor is 'who: user_…, key_…, system, or role:NAME';
comment on column jobs.event.happened_at is 'when';

create sequence jobs.log_line as bigint;
comment on sequence jobs.log_line is 'Numbers of the lines that workers log.';
create table jobs.log (
    account_id uuid not null,
    job_id uuid not null,
    line bigint not null default nextval('jobs.log_line'),
    attempt smallint not null,
    level text not null,
    message text not null,
    logged_at timestamptz not null,
    constraint log_pkey primary key (account_id, job_id, line),
    constraint log_level_is_known_check check (level in ('debug', 'info', 'warning', 'error')),
    constraint log_message_is_short_check check (length(message) >= 1 and length(message) <= 4000)
) partition by range (job_id);
create table jobs.log_default partition of jobs.log default;
comment on table jobs.log is
'What workers logged of their attempts, with their heartbeats. A partition for each UTC day in the job''s id.';
comment on table jobs.log_default is 'Logs of jobs of days that had no partition when they came.';
comment on column jobs.log.account_id is 'account of the job';
comment on column jobs.log.job_id is 'the job';
comment on column jobs.log.line is 'running number: the order of the lines';
comment on column jobs.log.attempt is 'number of the attempt';
comment on column jobs.log.level is 'debug, info, warning or error';
comment on column jobs.log.message is 'the line, up to 4,000 characters';
comment on column jobs.log.logged_at is 'when it came';

create table jobs.unique_key (
    account_id uuid not null,
    key text not null,
    job_id uuid not null,
    unique_while text not null,
    constraint unique_key_pkey primary key (account_id, key),
    constraint unique_key_is_short_check check (length(key) >= 1 and length(key) <= 200),
    constraint unique_key_unique_while_is_known_check
    check (unique_while in ('waiting', 'active', 'active_or_succeeded', 'ever'))
);
create index unique_key_job_id_idx on jobs.unique_key (account_id, job_id);
comment on table jobs.unique_key is
'Unique keys that are taken: by which job, and while that is waiting, waiting or running (active), or also after it has '
'succeeded, or ever. Goes with its job.';
comment on column jobs.unique_key.account_id is 'account of the job';
comment on column jobs.unique_key.key is 'the key, as the client chose it';
comment on column jobs.unique_key.job_id is 'the job that has it';
comment on column jobs.unique_key.unique_while is 'waiting, active, active_or_succeeded or ever';

create table jobs.concurrency (
    scope text not null,
    name text not null,
    max_running integer not null,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint concurrency_pkey primary key (scope, name),
    constraint concurrency_scope_is_known_check check (scope in ('tier', 'workflow')),
    constraint concurrency_max_running_is_natural_check check (max_running >= 0 and max_running <= 100000),
    constraint concurrency_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table jobs.concurrency is
'How many jobs may run at once: of each account in a tier, and of a workflow over all accounts. No row: as many as are claimed. '
'An UPDATE takes effect with the next claim.';
comment on column jobs.concurrency.scope is 'tier or workflow';
comment on column jobs.concurrency.name is 'name of the tier (quota.tier) or of the workflow';
comment on column jobs.concurrency.max_running is 'how many may run at once; 0: none';
comment on column jobs.concurrency.origin is 'file: seeded by the product; local: made by the operator';
comment on column jobs.concurrency.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table jobs.worker (
    account_id uuid not null,
    name text not null,
    workflows text[],
    seen_by text not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    constraint worker_pkey primary key (account_id, name),
    constraint worker_name_is_short_check check (length(name) >= 1 and length(name) <= 200)
);
comment on table jobs.worker is
'Workers that were seen: noted with their claims and heartbeats, every jobs.worker_seen_seconds at most. Kept for a day '
'after they were seen last.';
comment on column jobs.worker.account_id is
'account whose key the worker has; 00000000-0000-0000-0000-000000000000: one that works for all accounts';
comment on column jobs.worker.name is 'as it calls itself';
comment on column jobs.worker.workflows is 'what it claims; null: any';
comment on column jobs.worker.seen_by is 'who it is to the guard: key_…, user_…, or role:NAME';
comment on column jobs.worker.first_seen_at is 'when it was seen first';
comment on column jobs.worker.last_seen_at is 'when it was seen last';

-- Depth without counting: each statement that moves jobs adds a row of differences, and the clock folds them.
create table jobs.tally_change (
    id bigint generated by default as identity,
    account_id uuid not null,
    workflow text not null,
    hour timestamptz not null,
    submitted integer not null default 0,
    waiting integer not null default 0,
    running integer not null default 0,
    succeeded integer not null default 0,
    failed integer not null default 0,
    canceled integer not null default 0,
    constraint tally_change_pkey primary key (id)
) with (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_threshold = 100000, autovacuum_analyze_scale_factor = 1, vacuum_truncate = false
);
comment on table jobs.tally_change is
'Differences of jobs.tally and jobs.hour that are not yet folded into them. Hot: nobody reports from it.';
comment on column jobs.tally_change.id is 'running number';
comment on column jobs.tally_change.account_id is 'account of the jobs';
comment on column jobs.tally_change.workflow is 'their workflow';
comment on column jobs.tally_change.hour is 'begin of the hour (UTC)';
comment on column jobs.tally_change.submitted is 'jobs handed in';
comment on column jobs.tally_change.waiting is 'jobs more (or less) that wait';
comment on column jobs.tally_change.running is 'jobs more (or less) that run';
comment on column jobs.tally_change.succeeded is 'jobs that succeeded';
comment on column jobs.tally_change.failed is 'jobs that failed; less by those redriven';
comment on column jobs.tally_change.canceled is 'jobs that were canceled';

create table jobs.tally (
    account_id uuid not null,
    workflow text not null,
    waiting bigint not null,
    running bigint not null,
    folded_at timestamptz not null,
    constraint tally_pkey primary key (account_id, workflow)
);
comment on table jobs.tally is
'How many jobs wait and run, by account and workflow: exact as of the last folding (each second or two). What came since is '
'in jobs.tally_change.';
comment on column jobs.tally.account_id is 'account of the jobs';
comment on column jobs.tally.workflow is 'their workflow';
comment on column jobs.tally.waiting is 'jobs that wait, delayed ones among them';
comment on column jobs.tally.running is 'jobs that workers have';
comment on column jobs.tally.folded_at is 'when this row was changed last';

create table jobs.hour (
    account_id uuid not null,
    workflow text not null,
    hour timestamptz not null,
    submitted bigint not null,
    succeeded bigint not null,
    failed bigint not null,
    canceled bigint not null,
    constraint hour_pkey primary key (account_id, workflow, hour)
);
create index hour_hour_idx on jobs.hour (hour);
comment on table jobs.hour is 'How many jobs came and ended, by account, workflow and hour. Kept for jobs.keep_hours_days.';
comment on column jobs.hour.account_id is 'account of the jobs';
comment on column jobs.hour.workflow is 'their workflow';
comment on column jobs.hour.hour is 'begin of the hour (UTC)';
comment on column jobs.hour.submitted is 'jobs handed in';
comment on column jobs.hour.succeeded is 'jobs that succeeded';
comment on column jobs.hour.failed is 'jobs that failed for good; less by those redriven';
comment on column jobs.hour.canceled is 'jobs that were canceled';

create type jobs.claimed_job as (
    account_id uuid,
    id uuid,
    workflow text,
    priority text,
    payload jsonb,
    attempt integer,
    max_attempts integer,
    lease_token bigint,
    leased_until timestamptz,
    created_at timestamptz,
    expires_at timestamptz,
    expected_seconds integer
);
comment on type jobs.claimed_job is 'A job as a worker gets it: jobs.claim_jobs().';

do $$
declare
    v_table text;
begin
    -- Partitions have policies of their own, for whoever names them instead of the table.
    foreach v_table in array '{submission,submission_default,waiting,running,outcome,outcome_default,attempt,'
        'attempt_default,event,event_default,log,log_default,unique_key,worker,tally_change,tally,hour}'::text[]
    loop
        execute format('alter table jobs.%I enable row level security', v_table);
        execute format('alter table jobs.%I force row level security', v_table);
        execute format(
            'create policy account_sees_its_own on jobs.%I using (account_id = core.current_account() or core.sees_all())',
            v_table
        );
    end loop;
    foreach v_table in array '{submission,outcome,attempt,event,log,unique_key,worker,tally,hour}'::text[] loop
        execute format('create policy dba_reads_all on jobs.%I for select to levqor_dba using (true)', v_table);
        execute format('grant select on jobs.%I to levqor_dba', v_table);
    end loop;
end;
$$;
grant select on jobs.concurrency to levqor_dba;
