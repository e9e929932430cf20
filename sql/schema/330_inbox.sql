-- inbox: webhooks that others send to us.
create schema inbox;
comment on schema inbox is 'Machinery: webhooks from others, checked, kept, handled once, replayed.';
grant usage on schema inbox to levqor_dba;

create table inbox.source (
    id uuid not null default core.new_id(),
    account_id uuid,
    name text not null,
    scheme text not null,
    secrets text[] not null default '{}',
    secret_generation integer not null default 0,
    secret_previous_until timestamptz,
    tolerance_seconds integer not null default 300,
    handler text not null default 'inbox.keep',
    state text not null default 'active',
    description text not null default '',
    created_at timestamptz not null default core.now(),
    updated_at timestamptz not null default core.now(),
    deleted_at timestamptz,
    constraint source_pkey primary key (id),
    constraint source_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint source_name_is_kebab_case_check check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    constraint source_scheme_is_known_check check (scheme in ('stripe', 'standard-webhooks', 'github', 'none')),
    constraint source_secrets_are_names_check check (
        cardinality(secrets) <= 8 and array_position(secrets, null) is null
        and array_to_string(secrets, ' ') ~ '^([A-Za-z0-9][A-Za-z0-9._-]{0,63}( [A-Za-z0-9][A-Za-z0-9._-]{0,63})*)?$'
    ),
    constraint source_secret_generation_is_no_negative_check check (secret_generation >= 0),
    constraint source_tolerance_is_bounded_check check (tolerance_seconds >= 1 and tolerance_seconds <= 86400),
    constraint source_handler_is_qualified_check check (handler ~ '^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$'),
    constraint source_state_is_known_check check (state in ('active', 'paused', 'disabled')),
    constraint source_description_is_short_check check (length(description) <= 500)
);
create unique index source_name_idx on inbox.source (name) where deleted_at is null;
create index source_account_id_idx on inbox.source (account_id);
comment on table inbox.source is
'Who may send us webhooks: one row a sender. It names the scheme of the signature, the secrets by name, and the function that '
'handles what comes.';
comment on column inbox.source.id is 'shown as src_…';
comment on column inbox.source.account_id is 'account in whose name the handler works; null: the operator''s, which sees all';
comment on column inbox.source.name is 'last part of its address: POST /api/v1/inbox/NAME; no two live sources share one';
comment on column inbox.source.scheme is
'how it signs: stripe (t=…,v1=…), standard-webhooks (webhook-id, -timestamp, -signature), github (X-Hub-Signature-256), none (only '
'in development)';
comment on column inbox.source.secrets is
'names of credentials of the server (LEVQOR_CREDENTIAL_NAME), any of which may have signed; never a secret itself';
comment on column inbox.source.secret_generation is
'generation of the derived secret, which the server makes from its master key; 0: none was made';
comment on column inbox.source.secret_previous_until is 'until then the generation before counts too';
comment on column inbox.source.tolerance_seconds is 'how far the time of a signature may be from ours, before or after';
comment on column inbox.source.handler is 'function schema.name(inbox.event) that handles an event, outside of the request';
comment on column inbox.source.state is
'active; paused: events are received and kept, and handled when it is active again; disabled: the sender gets 410';
comment on column inbox.source.description is 'what it is for';
comment on column inbox.source.created_at is 'when it was made';
comment on column inbox.source.updated_at is 'when it was changed last';
comment on column inbox.source.deleted_at is 'from then on it is unknown; the row stays as long as its deliveries';

create table inbox.delivery (
    id uuid not null,
    source_id uuid not null,
    account_id uuid,
    event_id text not null,
    event_type text,
    event_at timestamptz,
    headers jsonb not null,
    body bytea not null,
    received_at timestamptz not null,
    request_id text,
    state text not null default 'waiting',
    due_at timestamptz not null,
    tries integer not null default 0,
    attempts integer not null default 0,
    replays integer not null default 0,
    handled_at timestamptz,
    constraint delivery_pkey primary key (id),
    constraint delivery_event_is_received_once_key unique (source_id, event_id),
    constraint delivery_source_id_fkey foreign key (source_id) references inbox.source (id),
    constraint delivery_event_id_is_short_check check (length(event_id) >= 1 and length(event_id) <= 255),
    constraint delivery_event_type_is_short_check check (length(event_type) <= 255),
    constraint delivery_headers_are_object_check check (jsonb_typeof(headers) = 'object'),
    constraint delivery_state_is_known_check check (state in ('waiting', 'done', 'dead')),
    constraint delivery_tries_are_attempts_check check (tries >= 0 and tries <= attempts),
    constraint delivery_done_was_handled_check check (state <> 'done' or handled_at is not null)
) with (autovacuum_vacuum_scale_factor = 0.05);
create index delivery_source_id_idx on inbox.delivery (source_id, id);
create index delivery_waiting_idx on inbox.delivery (source_id, due_at) where state = 'waiting';
create index delivery_state_idx on inbox.delivery (state, id) where state <> 'done';
create index delivery_received_at_idx on inbox.delivery (received_at);
comment on table inbox.delivery is
'Events that came with a good signature, byte for byte, each once. Handled ones go after inbox.keep_days; until then a repeat of '
'the sender is known as one.';
comment on column inbox.delivery.id is 'shown as rcv_…';
comment on column inbox.delivery.source_id is 'who sent it';
comment on column inbox.delivery.account_id is 'account of the source when it came';
comment on column inbox.delivery.event_id is
'the sender''s id of the event: id of the JSON (stripe), webhook-id, X-GitHub-Delivery; the same in each repeat';
comment on column inbox.delivery.event_type is 'the sender''s name of what happened';
comment on column inbox.delivery.event_at is
'when it happened, as the sender says; null where it does not. Events come in any order: compare this before you overwrite';
comment on column inbox.delivery.headers is 'headers by name in lower case, without those that hold secrets';
comment on column inbox.delivery.body is 'the very bytes that were signed';
comment on column inbox.delivery.received_at is 'when it came first';
comment on column inbox.delivery.request_id is 'the request that brought it';
comment on column inbox.delivery.state is 'waiting: to be handled at due_at; done; dead: the retries are used up';
comment on column inbox.delivery.due_at is 'when the handler is called next, while waiting';
comment on column inbox.delivery.tries is 'failed attempts since it came or was replayed last: the place in the retry plan';
comment on column inbox.delivery.attempts is 'attempts in all';
comment on column inbox.delivery.replays is 'how often it was replayed';
comment on column inbox.delivery.handled_at is 'when a handler was done with it last';

create table inbox.attempt (
    delivery_id uuid not null,
    number integer not null,
    account_id uuid,
    handler text not null,
    is_replay boolean not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    outcome text not null,
    sqlstate text,
    error text,
    constraint attempt_pkey primary key (delivery_id, number),
    constraint attempt_delivery_id_fkey foreign key (delivery_id) references inbox.delivery (id) on delete cascade,
    constraint attempt_outcome_is_known_check check (outcome in ('done', 'failed', 'timed out')),
    constraint attempt_ends_after_start_check check (finished_at >= started_at),
    constraint attempt_failure_has_sqlstate_check check ((outcome = 'done') = (sqlstate is null))
);
comment on table inbox.attempt is 'Each call of a handler, and what came of it. Goes with its delivery.';
comment on column inbox.attempt.delivery_id is 'the delivery';
comment on column inbox.attempt.number is 'running number, from 1';
comment on column inbox.attempt.account_id is 'as in the delivery';
comment on column inbox.attempt.handler is 'the function that was called';
comment on column inbox.attempt.is_replay is 'whether the handler was told that it is a replay';
comment on column inbox.attempt.started_at is 'begin';
comment on column inbox.attempt.finished_at is 'end';
comment on column inbox.attempt.outcome is 'done; failed: it raised; timed out: it was cancelled. What it had done is undone';
comment on column inbox.attempt.sqlstate is 'SQLSTATE of the failure';
comment on column inbox.attempt.error is 'message of the failure';

create table inbox.tally (
    source_id uuid not null,
    day date not null,
    what text not null,
    times bigint not null,
    last_at timestamptz not null,
    constraint tally_pkey primary key (source_id, day, what),
    constraint tally_source_id_fkey foreign key (source_id) references inbox.source (id) on delete cascade,
    constraint tally_what_is_known_check
    check (what in ('repeated', 'headers', 'time', 'signature', 'event', 'secret')),
    constraint tally_times_is_positive_check check (times > 0)
);
comment on table inbox.tally is 'What came and was not kept, counted by source and day (UTC). Holds nothing of what was sent.';
comment on column inbox.tally.source_id is 'the source';
comment on column inbox.tally.day is 'the day, UTC';
comment on column inbox.tally.what is
'repeated: an event that is here already; refused: headers (missing or malformed), time (beyond the tolerance), signature (none '
'fits), event (no id in it), secret (the server knows none of the source''s)';
comment on column inbox.tally.times is 'how often';
comment on column inbox.tally.last_at is 'when last';

create type inbox.event as (
    delivery_id uuid,
    source text,
    account_id uuid,
    event_id text,
    event_type text,
    event_at timestamptz,
    received_at timestamptz,
    payload jsonb,
    headers jsonb,
    body bytea,
    attempt integer,
    is_replay boolean
);
comment on type inbox.event is
'What a handler gets: the delivery, who sent it, the sender''s id, type and time of the event, the body parsed (payload; null: no '
'JSON) and as it came, headers by name in lower case, the number of the attempt, and whether it was handled or given up before and '
'is replayed.';

create type inbox.receipt as (
    outcome text,
    delivery_id uuid,
    reason text,
    secrets text[]
);
comment on type inbox.receipt is
'What became of a webhook. outcome: accepted, repeated, refused (reason: headers, time, signature, event), unknown (no such '
'source), disabled, unready (no secret is there), or secrets: call again with the values of these.';

alter table inbox.source enable row level security;
alter table inbox.source force row level security;
create policy account_sees_its_sources on inbox.source using (account_id = core.current_account() or core.sees_all());
create policy nobody_finds_a_source on inbox.source for select using (core.current_account() is null);
create policy dba_reads_all on inbox.source for select to levqor_dba using (true);
alter table inbox.delivery enable row level security;
alter table inbox.delivery force row level security;
create policy account_sees_its_deliveries on inbox.delivery
using (account_id = core.current_account() or core.sees_all());
create policy anybody_adds_deliveries on inbox.delivery for insert with check (true);
create policy dba_reads_all on inbox.delivery for select to levqor_dba using (true);
alter table inbox.attempt enable row level security;
alter table inbox.attempt force row level security;
create policy account_sees_its_attempts on inbox.attempt
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on inbox.attempt for select to levqor_dba using (true);
grant select on inbox.source, inbox.delivery, inbox.attempt, inbox.tally to levqor_dba;
