-- schedule: what the clock does.
create schema schedule;
comment on schema schedule is 'Machinery: what the clock does, one run a task and slot.';
grant usage on schema schedule to levqor_server, levqor_dba;

create type schedule.cron as (
    minutes text,
    hours text,
    days text,
    months text,
    weekdays text,
    is_hourly boolean
);
comment on type schedule.cron is 'A cron text as it was read: a 1 at the place of each value that matches. See schedule.parse_cron().';
comment on column schedule.cron.minutes is '60 places, from minute 0';
comment on column schedule.cron.hours is '24 places, from hour 0';
comment on column schedule.cron.days is '31 places for the days, 28 for the last day of the month and those before it; null: not restricted';
comment on column schedule.cron.months is '12 places';
comment on column schedule.cron.weekdays is
'7 places from Sunday for the first of its weekday in the month, as many for each of the second to the fifth, and for the last; '
'null: not restricted';
comment on column schedule.cron.is_hourly is 'every hour matches: runs follow real time when clocks are changed';

create table schedule.task (
    name text not null,
    function text not null,
    every interval,
    cron text,
    zone text not null default 'UTC',
    jitter interval not null default interval '0',
    timeout interval not null default interval '30 seconds',
    catch_up interval,
    catches_up_all boolean not null default false,
    overlap text not null default 'queue',
    max_attempts integer not null default 1,
    retry_after interval not null default interval '1 minute',
    alert_after integer not null default 3,
    is_alone boolean not null default false,
    is_enabled boolean not null default true,
    owner text not null default 'platform',
    description text not null,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint task_pkey primary key (name),
    constraint task_name_is_kebab_case_check check (name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(name) <= 100),
    constraint task_function_is_qualified_check check (function ~ '^[a-z_]+\.[a-z_][a-z0-9_]*$'),
    constraint task_has_either_every_or_cron_check check ((every is null) <> (cron is null)),
    constraint task_every_is_a_second_to_a_week_check check (every >= interval '1 second' and every <= interval '7 days'),
    constraint task_jitter_is_at_most_an_hour_check check (jitter >= interval '0' and jitter <= interval '1 hour'),
    constraint task_timeout_is_a_second_to_an_hour_check check (timeout >= interval '1 second' and timeout <= interval '1 hour'),
    constraint task_catch_up_is_at_most_31_days_check check (catch_up >= interval '0' and catch_up <= interval '31 days'),
    constraint task_catching_up_all_needs_catch_up_check check (not catches_up_all or catch_up is not null),
    constraint task_overlap_is_skip_or_queue_check check (overlap in ('skip', 'queue')),
    constraint task_max_attempts_is_1_to_20_check check (max_attempts >= 1 and max_attempts <= 20),
    constraint task_retry_after_is_at_most_an_hour_check check (retry_after >= interval '0' and retry_after <= interval '1 hour'),
    constraint task_alert_after_is_positive_check check (alert_after >= 1),
    constraint task_owner_is_at_most_200_characters_check check (length(owner) >= 1 and length(owner) <= 200),
    constraint task_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table schedule.task is
'What runs when, at an interval or by a cron text; an UPDATE takes effect within seconds. Slots of an interval are counted from '
'2000-01-01 UTC, so a daily one begins at midnight UTC.';
comment on column schedule.task.name is 'name of the task';
comment on column schedule.task.function is
'function that does the work, schema.name, called without arguments, or with the argument p_state when it has that; see schedule.run_due()';
comment on column schedule.task.every is 'length of a slot: once in each; null when there is a cron text';
comment on column schedule.task.cron is 'cron text, as schedule.parse_cron() reads it; null when there is an interval';
comment on column schedule.task.zone is 'time zone that the cron text is meant in, by its IANA name';
comment on column schedule.task.jitter is
'up to how much later than its slot a run begins: always the same for a slot, another for each, and less than the way to the next slot';
comment on column schedule.task.timeout is 'how long a run, or a step of it, may take';
comment on column schedule.task.catch_up is
'how late a slot may still be run; null: however late. What is later is recorded with the outcome missed';
comment on column schedule.task.catches_up_all is 'of several missed slots, false: run the latest; true: run all, the oldest first';
comment on column schedule.task.overlap is
'what becomes of slots whose time comes while the task is running. queue: run them then, as catch_up says; skip: leave them out';
comment on column schedule.task.max_attempts is 'how often a run, or a step of it, is tried';
comment on column schedule.task.retry_after is 'wait before the second attempt; doubled before each further one, up to an hour';
comment on column schedule.task.alert_after is 'how many failed runs in a row are a problem that schedule.list_problems() tells';
comment on column schedule.task.is_alone is
'true: in a transaction of its own, because it takes a lock that must not wait for other tasks to end';
comment on column schedule.task.is_enabled is 'false: paused; it runs only when asked for';
comment on column schedule.task.owner is 'who is asked about it: a person or a team';
comment on column schedule.task.description is 'what it is for';
comment on column schedule.task.origin is 'file: seeded by the product; local: made by the operator';
comment on column schedule.task.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table schedule.state (
    task text not null,
    plan text,
    next_slot timestamptz,
    due_at timestamptz,
    last_slot timestamptz,
    missed integer not null default 0,
    failures integer not null default 0,
    failing_since timestamptz,
    constraint state_pkey primary key (task),
    constraint state_task_fkey foreign key (task) references schedule.task (name) on update cascade on delete cascade
);
comment on table schedule.state is
'Where each task stands. Its row is locked by whoever runs the task; so a change of schedule.task waits for no run.';
comment on column schedule.state.task is 'the task';
comment on column schedule.state.plan is 'the plan that next_slot was worked out by; when the task''s is another, it is worked out anew';
comment on column schedule.state.next_slot is 'the first slot that has not been run; null before the clock has seen the task, and while it is paused';
comment on column schedule.state.due_at is 'when that slot is due: the slot and its jitter';
comment on column schedule.state.last_slot is 'the last slot that was run or missed';
comment on column schedule.state.missed is 'slots left out since the last run';
comment on column schedule.state.failures is 'failed runs in a row';
comment on column schedule.state.failing_since is 'end of the first of them';

create table schedule.run (
    task text not null,
    slot timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz,
    outcome text,
    result text,
    sqlstate text,
    error text,
    kind text not null default 'scheduled',
    requested_by text,
    due_at timestamptz,
    state jsonb,
    steps integer not null default 0,
    attempts integer not null default 0,
    touched bigint,
    worked interval not null default interval '0',
    missed integer not null default 0,
    constraint run_pkey primary key (task, slot),
    constraint run_task_fkey foreign key (task) references schedule.task (name) on update cascade on delete cascade,
    constraint run_outcome_is_known_check check (outcome in ('succeeded', 'failed', 'timed out', 'missed')),
    constraint run_outcome_comes_with_its_end_check check ((outcome is null) = (finished_at is null)),
    constraint run_open_one_is_due_check check ((outcome is null) = (due_at is not null)),
    constraint run_kind_is_known_check check (kind in ('scheduled', 'manual'))
);
create index run_started_at_idx on schedule.run (started_at);
create index run_open_idx on schedule.run (task) where outcome is null;
create unique index run_open_manual_idx on schedule.run (task) where outcome is null and kind = 'manual';
create index run_missed_idx on schedule.run (finished_at) where outcome = 'missed';
comment on table schedule.run is
'One row a task and slot: the row, the work and the outcome commit together, or each step of the work with the state it leaves.';
comment on column schedule.run.task is 'the task';
comment on column schedule.run.slot is 'begin of the slot; of a manual run the moment it was asked for';
comment on column schedule.run.started_at is 'begin of the work; null while a manual run waits';
comment on column schedule.run.finished_at is 'end of the work; null while there is more to do';
comment on column schedule.run.outcome is
'succeeded, failed, timed out, or missed (too late to be run); null while there is more to do';
comment on column schedule.run.result is 'what the function returned at last';
comment on column schedule.run.sqlstate is 'SQLSTATE of the last failure';
comment on column schedule.run.error is 'message of the last failure';
comment on column schedule.run.kind is 'scheduled, or manual: asked for by somebody';
comment on column schedule.run.requested_by is 'who asked for a manual run';
comment on column schedule.run.due_at is 'when the next step or attempt is due; null when it is over';
comment on column schedule.run.state is 'what the last step left for the next one, its argument p_state';
comment on column schedule.run.steps is 'steps that were done well';
comment on column schedule.run.attempts is 'failed attempts of the step it is at, or of the last one';
comment on column schedule.run.touched is 'rows touched, as the function told: its whole number, or the sum of the member rows over the steps';
comment on column schedule.run.worked is 'sum of the time its steps took';
comment on column schedule.run.missed is 'slots before this one that were left out';

grant select on schedule.task, schedule.state, schedule.run to levqor_dba;
