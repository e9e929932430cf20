-- outbox: messages to the outside, and every attempt to deliver them.
create schema outbox;
comment on schema outbox is
'Machinery: messages to the outside, written in the transaction of what they tell, sent by the reactor.';
grant usage on schema outbox to levqor_server, levqor_dba;

create sequence outbox.lease_token as bigint;
comment on sequence outbox.lease_token is 'Fencing tokens: each claim of a message gets the next one.';

-- Where the round over accounts stands while more is due than one claim looks at. A sequence, because setting it
-- waits for nobody. Two, because a UUID has twice the bits; halves of two claims that mix do no harm.
create sequence outbox.claim_cursor_high as bigint minvalue -9223372036854775808 start 0;
comment on sequence outbox.claim_cursor_high is 'First half of the account that was looked at last when much is due.';
create sequence outbox.claim_cursor_low as bigint minvalue -9223372036854775808 start 0;
comment on sequence outbox.claim_cursor_low is 'Second half of the account that was looked at last when much is due.';

create table outbox.message (
    account_id uuid not null,
    id uuid not null default core.new_id(),
    kind text not null default 'http',
    event_type text not null,
    source_domain text,
    source_id text,
    method text not null default 'POST',
    url text not null,
    headers jsonb not null default '{}',
    body text not null,
    is_signed boolean not null default true,
    state text not null default 'pending',
    attempt integer not null default 0,
    uncounted_attempts integer not null default 0,
    max_attempts integer not null,
    due_at timestamptz not null,
    worker text,
    lease_token bigint,
    claimed_at timestamptz,
    leased_until timestamptz,
    last_status integer,
    last_error text,
    late_reports integer not null default 0,
    created_at timestamptz not null,
    finished_at timestamptz,
    wake_at timestamptz generated always as (
        case state when 'pending' then due_at when 'sending' then leased_until end
    ) stored,
    constraint message_pkey primary key (account_id, id),
    constraint message_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint message_kind_is_known_check check (kind in ('http')),
    constraint message_event_type_is_dotted_check
    check (event_type ~ '^[a-z0-9_]+(\.[a-z0-9_]+)*$' and length(event_type) <= 100),
    constraint message_source_is_whole_check check ((source_domain is null) = (source_id is null)),
    constraint message_method_is_known_check check (method in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
    constraint message_url_is_http_without_user_check
    check (length(url) <= 2048 and url ~ '^[hH][tT][tT][pP][sS]?://[!-"$-.0->A-Z\[\]^-~]+([/?#][!-\[\]-~]*)?$'),
    constraint message_headers_are_object_check check (jsonb_typeof(headers) = 'object'),
    constraint message_body_is_bounded_check check (octet_length(body) <= 1048576),
    constraint message_state_is_known_check check (state in ('pending', 'sending', 'done', 'dead')),
    constraint message_attempts_are_counted_check
    check (attempt >= 0 and uncounted_attempts between 0 and attempt and max_attempts > 0),
    constraint message_sending_has_lease_check
    check (
        (state = 'sending') = (leased_until is not null)
        and (state <> 'sending' or (lease_token is not null and claimed_at is not null))
    ),
    constraint message_end_has_time_check check ((state in ('done', 'dead')) = (finished_at is not null))
);
create index message_wake_at_idx on outbox.message (wake_at, account_id, id) where state in ('pending', 'sending');
create index message_account_id_wake_at_idx on outbox.message (account_id, wake_at)
where state in ('pending', 'sending');
create index message_source_idx on outbox.message (account_id, source_domain, source_id);
create index message_dead_idx on outbox.message (finished_at, account_id, id) where state = 'dead';
comment on table outbox.message is
'A message to the outside. Written in the transaction of what it tells; delivered at least once, with one id over all '
'attempts.';
comment on column outbox.message.account_id is 'account in whose name it goes out';
comment on column outbox.message.id is 'UUIDv7; shown as msg_…, the webhook-id of every attempt';
comment on column outbox.message.kind is 'transport: http';
comment on column outbox.message.event_type is 'what it tells, such as thing.verb';
comment on column outbox.message.source_domain is 'domain that sent it';
comment on column outbox.message.source_id is 'shown id of what it is about, in that domain';
comment on column outbox.message.method is 'HTTP method';
comment on column outbox.message.url is 'where to; its address is checked when the connection is made';
comment on column outbox.message.headers is 'header names to values';
comment on column outbox.message.body is 'the exact text that is signed and sent';
comment on column outbox.message.is_signed is
'signed with the account''s signing secrets (Standard Webhooks), those in force when it is sent';
comment on column outbox.message.state is
'pending: due at due_at; sending: claimed until leased_until; done: answered 2xx; dead: given up, until redriven';
comment on column outbox.message.attempt is 'attempts begun; the number of the present or last one';
comment on column outbox.message.uncounted_attempts is
'attempts that do not use up the plan: those before a redrive, and those a stopping server broke off';
comment on column outbox.message.max_attempts is 'counted attempts after which it is dead';
comment on column outbox.message.due_at is 'when the next attempt is due';
comment on column outbox.message.worker is 'who claimed it last';
comment on column outbox.message.lease_token is
'fencing token of the last claim: a report with another one changes nothing';
comment on column outbox.message.claimed_at is 'when it was claimed last';
comment on column outbox.message.leased_until is 'when the claim lapses and anybody may claim again';
comment on column outbox.message.last_status is 'HTTP status of the last answer';
comment on column outbox.message.last_error is 'why the last attempt gave no answer';
comment on column outbox.message.late_reports is 'reports that came after their lease had passed on, and were ignored';
comment on column outbox.message.created_at is 'when it was written';
comment on column outbox.message.finished_at is 'when it was done or dead';
comment on column outbox.message.wake_at is
'when a claim may take it: due_at while pending, leased_until while sending';

create table outbox.attempt (
    account_id uuid not null,
    message_id uuid not null,
    number integer not null,
    outcome text not null,
    worker text,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    status integer,
    kind text,
    error text,
    response_headers jsonb,
    response_body text,
    timing jsonb,
    remote_address text,
    constraint attempt_pkey primary key (account_id, message_id, number),
    constraint attempt_message_id_fkey foreign key (account_id, message_id)
    references outbox.message (account_id, id) on delete cascade,
    constraint attempt_outcome_is_known_check check (outcome in ('delivered', 'rejected', 'failed', 'lost')),
    constraint attempt_answer_has_status_check check ((outcome in ('delivered', 'rejected')) = (status is not null)),
    constraint attempt_response_body_is_short_check check (length(response_body) <= 2048)
);
comment on table outbox.attempt is 'The delivery log: one row a finished attempt.';
comment on column outbox.attempt.account_id is 'account of the message';
comment on column outbox.attempt.message_id is 'the message';
comment on column outbox.attempt.number is 'running number within the message, from 1';
comment on column outbox.attempt.outcome is
'delivered: answered 2xx; rejected: another answer; failed: no answer; lost: the lease ran out without a report';
comment on column outbox.attempt.worker is 'who sent it';
comment on column outbox.attempt.started_at is 'when it began';
comment on column outbox.attempt.finished_at is 'when it ended';
comment on column outbox.attempt.status is 'HTTP status of the answer';
comment on column outbox.attempt.kind is 'kind of the failure, such as timeout or address_refused';
comment on column outbox.attempt.error is 'the failure in words';
comment on column outbox.attempt.response_headers is 'headers of the answer, up to 8 KiB';
comment on column outbox.attempt.response_body is 'first 2048 characters of the answer';
comment on column outbox.attempt.timing is 'milliseconds from the start to the end of each step';
comment on column outbox.attempt.remote_address is 'address that answered';

alter table outbox.message enable row level security;
alter table outbox.message force row level security;
create policy account_sees_its_messages on outbox.message
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on outbox.message for select to levqor_dba using (true);

alter table outbox.attempt enable row level security;
alter table outbox.attempt force row level security;
create policy account_sees_its_attempts on outbox.attempt
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on outbox.attempt for select to levqor_dba using (true);

grant select on outbox.message, outbox.attempt to levqor_dba;

create table outbox.event (
    account_id uuid not null,
    id uuid not null default core.new_id(),
    event_type text not null,
    data jsonb not null,
    key text,
    created_at timestamptz not null,
    constraint event_pkey primary key (account_id, id),
    constraint event_account_id_key_key unique (account_id, key),
    constraint event_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint event_event_type_is_dotted_check
    check (event_type ~ '^[a-z0-9_]+(\.[a-z0-9_]+)*$' and length(event_type) <= 100),
    constraint event_data_are_bounded_check check (octet_length(data::text) <= 1000000),
    constraint event_key_is_short_check check (length(key) between 1 and 200)
);
create index event_created_at_idx on outbox.event (created_at);
comment on table outbox.event is
'What happened to an account and is told to its endpoints. Kept for the setting outbox.keep_events_days.';
comment on column outbox.event.account_id is 'the account';
comment on column outbox.event.id is 'UUIDv7; shown as evt_…; source_id of its messages in the domain outbox';
comment on column outbox.event.event_type is 'what it tells, such as thing.verb';
comment on column outbox.event.data is 'what the receiver gets under "data"';
comment on column outbox.event.key is 'what it is unique by within the account; null: published as often as asked';
comment on column outbox.event.created_at is 'when it was published';

create table outbox.endpoint (
    account_id uuid not null,
    id uuid not null default core.new_id(),
    url text not null,
    event_types text[] not null default '{*}',
    is_enabled boolean not null default true,
    created_at timestamptz not null,
    constraint endpoint_pkey primary key (account_id, id),
    constraint endpoint_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint endpoint_url_is_http_without_user_check
    check (length(url) <= 2048 and url ~ '^[hH][tT][tT][pP][sS]?://[!-"$-.0->A-Z\[\]^-~]+([/?#][!-\[\]-~]*)?$'),
    constraint endpoint_event_types_are_patterns_check check (
        cardinality(event_types) >= 1 and cardinality(event_types) <= 50
        and array_position(event_types, null) is null
        and array_to_string(event_types, ' ')
        ~ '^(\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?)( (\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?))*$'
    )
);
comment on table outbox.endpoint is
'Where the events of an account go, each as a webhook signed with the account''s secret. Kept until it is removed.';
comment on column outbox.endpoint.account_id is 'the account';
comment on column outbox.endpoint.id is 'UUIDv7; shown as ep_…';
comment on column outbox.endpoint.url is 'where to; its address is checked when the connection is made';
comment on column outbox.endpoint.event_types is
'which events: a type such as thing.verb, all under a prefix as thing.*, or * for all';
comment on column outbox.endpoint.is_enabled is 'false: gets nothing';
comment on column outbox.endpoint.created_at is 'when it was added';

alter table outbox.event enable row level security;
alter table outbox.event force row level security;
create policy account_sees_its_events on outbox.event
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on outbox.event for select to levqor_dba using (true);

alter table outbox.endpoint enable row level security;
alter table outbox.endpoint force row level security;
create policy account_sees_its_endpoints on outbox.endpoint
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on outbox.endpoint for select to levqor_dba using (true);

grant select on outbox.event, outbox.endpoint to levqor_dba;
