-- schedule: what the clock does.
create schema schedule;
comment on schema schedule is 'Machinery: what the clock does, one run a task and slot.';
grant usage on schema schedule to levqor_server, levqor_dba;

create table schedule.task (
    name text not null,
    function text not null,
    every interval not null,
    timeout interval not null default interval '30 seconds',
    is_alone boolean not null default false,
    is_enabled boolean not null default true,
    description text not null,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint task_pkey primary key (name),
    constraint task_name_is_kebab_case_check check (name ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    constraint task_function_is_qualified_check check (function ~ '^[a-z_]+\.[a-z_][a-z0-9_]*$'),
    constraint task_every_is_a_second_to_a_week_check check (every between interval '1 second' and interval '7 days'),
    constraint task_timeout_is_bounded_check check (timeout between interval '1 second' and interval '1 hour'),
    constraint task_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table schedule.task is
'What runs at an interval; an UPDATE takes effect at once. Slots are counted from 2000-01-01 UTC, so a daily task runs '
'at midnight UTC.
Cron texts with time zones, catch-up windows and tasks that commit in steps are not in it yet.';
comment on column schedule.task.name is 'name of the task';
comment on column schedule.task.function is
'function that does the work, schema.name, called without arguments; what it returns is kept with the run';
comment on column schedule.task.every is 'length of a slot: once in each';
comment on column schedule.task.timeout is
'how long a run may take; the server takes the longest of all as the statement timeout of its clock';
comment on column schedule.task.is_alone is
'true: in a transaction of its own, because it takes a lock that must not wait for other tasks to end';
comment on column schedule.task.is_enabled is 'false: does not run';
comment on column schedule.task.description is 'what it is for';
comment on column schedule.task.origin is 'file: seeded by the product; local: made by the operator';
comment on column schedule.task.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table schedule.run (
    task text not null,
    slot timestamptz not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    outcome text,
    result text,
    sqlstate text,
    error text,
    constraint run_pkey primary key (task, slot),
    constraint run_task_fkey foreign key (task) references schedule.task (name) on update cascade on delete cascade,
    constraint run_outcome_is_known_check check (outcome in ('succeeded', 'failed', 'timed out')),
    constraint run_outcome_comes_with_its_end_check check ((outcome is null) = (finished_at is null))
);
create index run_started_at_idx on schedule.run (started_at);
comment on table schedule.run is 'One row a task and slot: the row, the work and the outcome commit together.';
comment on column schedule.run.task is 'the task';
comment on column schedule.run.slot is 'begin of the slot';
comment on column schedule.run.started_at is 'begin of the work';
comment on column schedule.run.finished_at is 'end of the work; null only inside the run''s own transaction';
comment on column schedule.run.outcome is 'succeeded, failed or timed out; null only inside the run''s own transaction';
comment on column schedule.run.result is 'what the function returned';
comment on column schedule.run.sqlstate is 'SQLSTATE of the failure';
comment on column schedule.run.error is 'message of the failure';

grant select on schedule.task, schedule.run to levqor_dba;
