-- outbox: messages to the outside, what is still due of them, and every attempt to deliver them.
--
-- A message is written once and never changed. What is still due or under way is a row of the small table outbox.delivery,
-- which goes when it is done or dead: only that table has dead rows, and it is rewritten while they are few.
create schema outbox;
comment on schema outbox is
'Machinery: messages to the outside, written in the transaction of what they tell, sent by the reactor.';
grant usage on schema outbox to levqor_server, levqor_dba;

create sequence outbox.lease_token as bigint;
comment on sequence outbox.lease_token is 'Fencing tokens: each claim of a message gets the next one.';

-- Where the round over accounts stands while more is due than one claim looks at. A sequence, because setting it
-- waits for nobody.
create sequence outbox.claim_cursor as bigint minvalue -9223372036854775808 start 0;
comment on sequence outbox.claim_cursor is 'Hash of the account that was looked at last when much is due.';

-- No CHECK and no foreign key: rows come through the functions outbox.send_* only, which refuse what does not fit.
create table outbox.message (
    account_id uuid not null,
    id uuid not null,
    kind text not null default 'http',
    endpoint_id uuid,
    event_type text not null,
    source_domain text,
    source_id text,
    method text not null default 'POST',
    url text not null,
    headers jsonb not null default '{}',
    body text not null,
    is_signed boolean not null default true,
    signer jsonb,
    mail jsonb,
    receiver text,
    receiver_context jsonb,
    created_at timestamptz not null,
    constraint message_pkey primary key (account_id, id)
) partition by range (id);
-- No other index begins with the account alone: a plan made before there were statistics might choose it for the key.
create index message_source_idx on outbox.message (source_id, source_domain, account_id);
create index message_endpoint_id_idx on outbox.message (account_id, endpoint_id, id) where endpoint_id is not null;
comment on table outbox.message is
'A message to the outside, a partition for each UTC day. Written in the transaction of what it tells, and never changed; '
'delivered at least once, with one id over all attempts. Kept for the setting outbox.keep_days.';
comment on column outbox.message.account_id is 'account in whose name it goes out';
comment on column outbox.message.id is 'UUIDv7; shown as msg_…, the webhook-id of every attempt';
comment on column outbox.message.kind is 'transport: http or mail';
comment on column outbox.message.endpoint_id is 'endpoint it goes to; null: to a URL of its own';
comment on column outbox.message.event_type is 'what it tells, such as thing.verb';
comment on column outbox.message.source_domain is 'domain that sent it';
comment on column outbox.message.source_id is 'shown id of what it is about, in that domain';
comment on column outbox.message.method is 'HTTP method';
comment on column outbox.message.url is
'where to; its address is checked when the connection is made. To an endpoint: its URL when this was written';
comment on column outbox.message.headers is 'header names to values';
comment on column outbox.message.body is 'the exact text that is signed and sent';
comment on column outbox.message.is_signed is
'signed by Standard Webhooks, with the secrets in force when it is sent: the endpoint''s, or the account''s';
comment on column outbox.message.signer is 'how else it is signed, with the name of a credential; null: not';
comment on column outbox.message.mail is 'the mail, for kind mail';
comment on column outbox.message.receiver is
'function schema.name(p_context jsonb, p_outcome jsonb) that is called when it is done or dead; null: nobody';
comment on column outbox.message.receiver_context is 'what the receiver gets as p_context';
comment on column outbox.message.created_at is 'when it was written';

create table outbox.delivery (
    account_id uuid not null,
    message_id uuid not null,
    endpoint_id uuid,
    wake_at timestamptz not null,
    lease_token bigint,
    claimed_at timestamptz,
    attempt integer not null default 0,
    uncounted_attempts integer not null default 0,
    max_attempts integer not null,
    is_mail boolean not null default false,
    has_receiver boolean not null default false,
    worker text,
    account_hash bigint not null,
    constraint delivery_pkey primary key (account_id, message_id),
    constraint delivery_attempts_are_counted_check
    check (attempt >= 0 and uncounted_attempts >= 0 and uncounted_attempts <= attempt and max_attempts > 0),
    constraint delivery_lease_has_begin_check check ((lease_token is null) = (claimed_at is null))
)
with (
    autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_threshold = 100000, autovacuum_analyze_scale_factor = 1, vacuum_truncate = false
);
create index delivery_wake_at_idx on outbox.delivery (wake_at);
-- By the hash and not by the account: see outbox.message_source_idx.
create index delivery_account_hash_idx on outbox.delivery (account_hash, wake_at);
create index delivery_parked_idx on outbox.delivery (endpoint_id, message_id)
where wake_at = 'infinity'::timestamptz;
comment on table outbox.delivery is
'Hot: what is still due or under way, one row a message, removed when it is done or dead. No report reads it.';
comment on column outbox.delivery.account_id is 'account of the message';
comment on column outbox.delivery.message_id is 'the message';
comment on column outbox.delivery.endpoint_id is 'endpoint it goes to; null: none';
comment on column outbox.delivery.wake_at is
'when a claim may take it: when it is due, or when its lease lapses; infinity: parked until its endpoint lets it through';
comment on column outbox.delivery.lease_token is
'fencing token of the claim it is under; null: waiting. A report with another one changes nothing';
comment on column outbox.delivery.claimed_at is 'when it was claimed; null: waiting';
comment on column outbox.delivery.attempt is 'attempts begun; the number of the present or last one';
comment on column outbox.delivery.uncounted_attempts is
'attempts that do not use up the plan: those before a replay, and those a stopping server broke off';
comment on column outbox.delivery.max_attempts is 'counted attempts after which it is dead';
comment on column outbox.delivery.is_mail is 'whether the message is a mail';
comment on column outbox.delivery.has_receiver is 'whether a function is told of the end';
comment on column outbox.delivery.worker is 'who claimed it last';
comment on column outbox.delivery.account_hash is 'uuid_hash_extended of the account: the order in which accounts take turns';

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
    constraint attempt_pkey primary key (account_id, message_id, number)
) partition by range (message_id);
comment on table outbox.attempt is
'The delivery log: one row a finished attempt, never changed. A partition for each UTC day of the messages, kept as long.';
comment on column outbox.attempt.account_id is 'account of the message';
comment on column outbox.attempt.message_id is 'the message';
comment on column outbox.attempt.number is 'running number within the message, from 1';
comment on column outbox.attempt.outcome is
'delivered: answered 2xx; rejected: another answer; failed: no answer; lost: the lease ran out without a report';
comment on column outbox.attempt.worker is 'who sent it';
comment on column outbox.attempt.started_at is 'when it began';
comment on column outbox.attempt.finished_at is 'when it ended';
comment on column outbox.attempt.status is 'HTTP status of the answer, or SMTP reply code';
comment on column outbox.attempt.kind is 'kind of the failure, such as timeout or address_refused';
comment on column outbox.attempt.error is 'the failure in words';
comment on column outbox.attempt.response_headers is 'headers of the answer, up to 8 KiB';
comment on column outbox.attempt.response_body is 'first 2048 characters of the answer';
comment on column outbox.attempt.timing is 'milliseconds from the start to the end of each step';
comment on column outbox.attempt.remote_address is 'address that answered';

create table outbox.dead_letter (
    account_id uuid not null,
    message_id uuid not null,
    endpoint_id uuid,
    reason text not null,
    status integer,
    died_at timestamptz not null,
    constraint dead_letter_pkey primary key (account_id, message_id)
);
create index dead_letter_message_id_idx on outbox.dead_letter (message_id);
comment on table outbox.dead_letter is
'Messages that were given up; each until it is replayed, or as long as its message is kept.';
comment on column outbox.dead_letter.account_id is 'account of the message';
comment on column outbox.dead_letter.message_id is 'the message';
comment on column outbox.dead_letter.endpoint_id is 'endpoint it went to; null: none';
comment on column outbox.dead_letter.reason is 'why: the last failure in words, or what became of the endpoint';
comment on column outbox.dead_letter.status is 'HTTP status of the last answer; null: there was none';
comment on column outbox.dead_letter.died_at is 'when it was given up';

create table outbox.late_report (
    account_id uuid not null,
    message_id uuid not null,
    token bigint not null,
    reported_at timestamptz not null,
    status integer,
    constraint late_report_pkey primary key (account_id, message_id, token)
);
create index late_report_reported_at_idx on outbox.late_report (reported_at);
comment on table outbox.late_report is
'Reports that came after their lease had passed on, and were ignored. Kept for the setting outbox.keep_days.';
comment on column outbox.late_report.account_id is 'account of the message';
comment on column outbox.late_report.message_id is 'the message';
comment on column outbox.late_report.token is 'the token it came with';
comment on column outbox.late_report.reported_at is 'when it came first';
comment on column outbox.late_report.status is 'the answer''s status that it told of';

create table outbox.message_key (
    account_id uuid not null,
    key text not null,
    message_id uuid not null,
    created_at timestamptz not null,
    constraint message_key_pkey primary key (account_id, key),
    constraint message_key_key_is_short_check check (length(key) >= 1 and length(key) <= 200)
);
create index message_key_created_at_idx on outbox.message_key (created_at);
comment on table outbox.message_key is
'What messages are unique by within their account. Kept for the setting outbox.keep_days.';
comment on column outbox.message_key.account_id is 'the account';
comment on column outbox.message_key.key is 'what its sender named it';
comment on column outbox.message_key.message_id is 'the message that was written first';
comment on column outbox.message_key.created_at is 'when it was written';

create table outbox.receipt (
    account_id uuid not null,
    message_id uuid not null,
    receiver text not null,
    context jsonb,
    outcome jsonb not null,
    tries integer not null,
    due_at timestamptz not null,
    error text not null,
    constraint receipt_pkey primary key (account_id, message_id)
);
create index receipt_due_at_idx on outbox.receipt (due_at);
comment on table outbox.receipt is
'Outcomes of what was given up without an attempt, and those that a receiver raised an error about: the clock calls it. Removed '
'when it takes one; left alone after as many tries as the setting outbox.receiver_tries.';
comment on column outbox.receipt.account_id is 'account of the message';
comment on column outbox.receipt.message_id is 'the message';
comment on column outbox.receipt.receiver is 'the function, schema.name';
comment on column outbox.receipt.context is 'its p_context';
comment on column outbox.receipt.outcome is 'its p_outcome';
comment on column outbox.receipt.tries is 'calls that failed';
comment on column outbox.receipt.due_at is 'when it is called next; infinity: never again by itself';
comment on column outbox.receipt.error is 'the last error; empty before the first call';

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
    constraint event_key_is_short_check check (length(key) >= 1 and length(key) <= 200)
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
    description text,
    event_types text[] not null default '{*}',
    is_enabled boolean not null default true,
    paused_at timestamptz,
    max_in_flight integer,
    rate_per_second integer,
    is_limited boolean not null generated always as (
        max_in_flight is not null or rate_per_second is not null
    ) stored,
    breaker text not null default 'closed',
    breaker_until timestamptz,
    breaker_changed_at timestamptz,
    breaker_turns integer not null default 0,
    has_parked boolean not null default false,
    disabled_at timestamptz,
    disabled_reason text,
    told_at timestamptz,
    removed_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz,
    constraint endpoint_pkey primary key (account_id, id),
    constraint endpoint_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint endpoint_url_is_http_without_user_check
    check (length(url) <= 2048 and url ~ '^[hH][tT][tT][pP][sS]?://[!-"$-.0->A-Z\[\]^-~]+([/?#][!-\[\]-~]*)?$'),
    constraint endpoint_description_is_short_check check (length(description) <= 200),
    constraint endpoint_event_types_are_patterns_check check (
        cardinality(event_types) >= 1 and cardinality(event_types) <= 50
        and array_position(event_types, null) is null
        and array_to_string(event_types, ' ')
        ~ '^(\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?)( (\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?))*$'
    ),
    constraint endpoint_max_in_flight_is_bounded_check check (max_in_flight >= 1 and max_in_flight <= 1000),
    constraint endpoint_rate_is_bounded_check check (rate_per_second >= 1 and rate_per_second <= 10000),
    constraint endpoint_breaker_is_known_check check (breaker in ('closed', 'open', 'half_open')),
    constraint endpoint_breaker_has_time_check check ((breaker = 'closed') = (breaker_until is null)),
    constraint endpoint_disabled_has_reason_check check ((disabled_at is null) = (disabled_reason is null)),
    constraint endpoint_disabled_gets_nothing_check check (disabled_at is null or not is_enabled)
);
create index endpoint_has_parked_idx on outbox.endpoint (id) where has_parked;
create index endpoint_disabled_at_idx on outbox.endpoint (disabled_at) where disabled_at is not null;
comment on table outbox.endpoint is
'Where the events of an account go, each as a webhook signed with a secret of the endpoint''s own. A removed one is kept as '
'long as messages are.';
comment on column outbox.endpoint.account_id is 'the account';
comment on column outbox.endpoint.id is 'UUIDv7; shown as ep_…';
comment on column outbox.endpoint.url is 'where to; its address is checked when the connection is made';
comment on column outbox.endpoint.description is 'what it is for, in the account''s words';
comment on column outbox.endpoint.event_types is
'which events: a type such as thing.verb, all under a prefix as thing.*, or * for all';
comment on column outbox.endpoint.is_enabled is 'false: gets nothing';
comment on column outbox.endpoint.paused_at is 'since when it is paused: what comes waits; null: it is not';
comment on column outbox.endpoint.max_in_flight is 'deliveries under way at once, at most; null: no limit';
comment on column outbox.endpoint.rate_per_second is 'deliveries begun in a second, at most; null: no limit';
comment on column outbox.endpoint.is_limited is 'whether there is one of these limits';
comment on column outbox.endpoint.breaker is
'circuit breaker. closed: all go through; open: none until breaker_until; half_open: one is trying';
comment on column outbox.endpoint.breaker_until is 'when the next one is let through; null: closed';
comment on column outbox.endpoint.breaker_changed_at is 'when it opened or closed last';
comment on column outbox.endpoint.breaker_turns is 'how often it has opened since the last success';
comment on column outbox.endpoint.has_parked is 'whether deliveries may be parked for it';
comment on column outbox.endpoint.disabled_at is 'when the product disabled it; null: it did not';
comment on column outbox.endpoint.disabled_reason is 'gone: it answered 410; failing: its breaker opened too often';
comment on column outbox.endpoint.told_at is 'when the owner was told of that by another channel';
comment on column outbox.endpoint.removed_at is 'when it was removed; null: it is there';
comment on column outbox.endpoint.created_at is 'when it was added';
comment on column outbox.endpoint.updated_at is 'when it was changed last by its account';

create table outbox.endpoint_secret (
    account_id uuid not null,
    endpoint_id uuid not null,
    generation integer not null,
    created_at timestamptz not null,
    shown_at timestamptz,
    expires_at timestamptz,
    constraint endpoint_secret_pkey primary key (account_id, endpoint_id, generation),
    constraint endpoint_secret_endpoint_id_fkey foreign key (account_id, endpoint_id)
    references outbox.endpoint (account_id, id) on delete cascade,
    constraint endpoint_secret_generation_is_positive_check check (generation >= 1)
);
comment on table outbox.endpoint_secret is
'Signing secrets of an endpoint: their generations, never the secrets, which the server derives. Every live one signs.';
comment on column outbox.endpoint_secret.account_id is 'the account';
comment on column outbox.endpoint_secret.endpoint_id is 'the endpoint';
comment on column outbox.endpoint_secret.generation is 'running number, from 1';
comment on column outbox.endpoint_secret.created_at is 'when it began to sign';
comment on column outbox.endpoint_secret.shown_at is 'when it was shown; null: not yet';
comment on column outbox.endpoint_secret.expires_at is 'when it stops to sign; null: it is the one in use';

create table outbox.gate (
    account_id uuid not null,
    endpoint_id uuid not null,
    in_flight integer not null default 0,
    rate_at timestamptz not null default '-infinity',
    constraint gate_pkey primary key (account_id, endpoint_id),
    constraint gate_endpoint_id_fkey foreign key (account_id, endpoint_id)
    references outbox.endpoint (account_id, id) on delete cascade
);
comment on table outbox.gate is
'Hot: where the limits of an endpoint stand. One row a limited endpoint, written once a claim and once a report.';
comment on column outbox.gate.account_id is 'the account';
comment on column outbox.gate.endpoint_id is 'the endpoint';
comment on column outbox.gate.in_flight is 'deliveries under way';
comment on column outbox.gate.rate_at is 'when all that were begun would have been due at an even pace';

create table outbox.tally (
    account_id uuid not null,
    endpoint_id uuid not null,
    at timestamptz not null,
    id bigint not null generated always as identity,
    tries integer not null,
    failures integer not null,
    constraint tally_pkey primary key (account_id, endpoint_id, at, id)
);
create index tally_at_idx on outbox.tally using brin (at);
comment on table outbox.tally is
'What came of an endpoint''s attempts, one row a report: what its breaker is decided by. Kept for some minutes.';
comment on column outbox.tally.account_id is 'the account';
comment on column outbox.tally.endpoint_id is 'the endpoint';
comment on column outbox.tally.at is 'when it was reported';
comment on column outbox.tally.id is 'running number';
comment on column outbox.tally.tries is 'attempts that ended';
comment on column outbox.tally.failures is 'those of them that failed';

create table outbox.replay (
    account_id uuid not null,
    id uuid not null default core.new_id(),
    endpoint_id uuid not null,
    since timestamptz not null,
    until timestamptz not null,
    only_failed boolean not null,
    before_id uuid,
    replayed bigint not null default 0,
    created_at timestamptz not null,
    finished_at timestamptz,
    constraint replay_pkey primary key (account_id, id),
    constraint replay_range_is_not_empty_check check (since < until)
);
create index replay_unfinished_idx on outbox.replay (id) where finished_at is null;
create index replay_created_at_idx on outbox.replay (created_at);
comment on table outbox.replay is
'Orders to send the messages of a time to an endpoint again, worked off by the clock. Kept for the setting outbox.keep_days.';
comment on column outbox.replay.account_id is 'the account';
comment on column outbox.replay.id is 'UUIDv7; shown as replay_…';
comment on column outbox.replay.endpoint_id is 'the endpoint';
comment on column outbox.replay.since is 'messages written at or after this time';
comment on column outbox.replay.until is 'messages written before this time';
comment on column outbox.replay.only_failed is 'true: the dead ones only; false: the done ones too';
comment on column outbox.replay.before_id is 'how far it is: the next messages are those before this id; null: not begun';
comment on column outbox.replay.replayed is 'messages sent again so far';
comment on column outbox.replay.created_at is 'when it was ordered';
comment on column outbox.replay.finished_at is 'when all were sent again; null: not yet';

create table outbox.retry_step (
    failures integer not null,
    wait_seconds double precision not null,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint retry_step_pkey primary key (failures),
    constraint retry_step_failures_are_counted_check check (failures >= 1 and failures <= 50),
    constraint retry_step_wait_is_bounded_check check (wait_seconds >= 0 and wait_seconds <= 604800),
    constraint retry_step_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table outbox.retry_step is
'The retry plan: how long to wait after each failed attempt. After one more failure than there are rows a message is dead.';
comment on column outbox.retry_step.failures is 'after so many failed attempts';
comment on column outbox.retry_step.wait_seconds is 'seconds to wait, made longer or shorter by outbox.retry_jitter';
comment on column outbox.retry_step.origin is 'file: seeded by the product; local: made by the operator';
comment on column outbox.retry_step.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table outbox.backlog (
    account_id uuid not null,
    waiting bigint not null,
    in_flight bigint not null,
    parked bigint not null,
    next_wake_at timestamptz,
    measured_at timestamptz not null,
    constraint backlog_pkey primary key (account_id)
);
comment on table outbox.backlog is
'What was still to be delivered by account when the clock looked last: for reports, which do not read outbox.delivery.';
comment on column outbox.backlog.account_id is 'the account';
comment on column outbox.backlog.waiting is 'waiting for their time';
comment on column outbox.backlog.in_flight is 'on their way';
comment on column outbox.backlog.parked is 'held back for an endpoint that is paused, failing or at its limit';
comment on column outbox.backlog.next_wake_at is 'earliest time at which one is due, or its lease lapses';
comment on column outbox.backlog.measured_at is 'when this was counted';

create type outbox.judgement as (
    account_id uuid, message_id uuid, endpoint_id uuid, token bigint, attempt integer, uncounted_attempts integer,
    max_attempts integer, is_mail boolean, has_receiver boolean, worker text, claimed_at timestamptz, status integer,
    kind text, message text, headers jsonb, body text, timing jsonb, remote_address text, started_at timestamptz,
    finished_at timestamptz, outcome text, is_uncounted boolean, is_gone boolean, state text, delay interval
);
comment on type outbox.judgement is 'A reported outcome with the delivery it belongs to, and what is to become of that.';

-- Whose rows they are is asked second: the machinery writes most of them.
do $$
declare
    v_table text;
begin
    foreach v_table in array array[
        'message', 'delivery', 'attempt', 'dead_letter', 'late_report', 'message_key', 'receipt', 'event', 'endpoint',
        'endpoint_secret', 'gate', 'tally', 'replay', 'backlog'
    ] loop
        execute format('alter table outbox.%I enable row level security', v_table);
        execute format('alter table outbox.%I force row level security', v_table);
        execute format(
            'create policy account_sees_its_own on outbox.%I using (core.sees_all() or account_id = core.current_account())',
            v_table
        );
        -- What is hot no report reads: a reader with an old snapshot would hold up its rewriting.
        if v_table not in ('delivery', 'gate', 'tally') then
            execute format('create policy dba_reads_all on outbox.%I for select to levqor_dba using (true)', v_table);
            execute format('grant select on outbox.%I to levqor_dba', v_table);
        end if;
    end loop;
end;
$$;
grant select, update (wait_seconds) on outbox.retry_step to levqor_dba;
