-- http: routes as rows, the one entry point, problems, OpenAPI.
create schema http;
comment on schema http is 'HTTP in SQL: routes as rows, the one entry point, problems, OpenAPI.';
grant usage on schema http to levqor_server, levqor_dba;

create schema api;
comment on schema api is
'Doors: one function a route. They check who asks, call the domain and shape the answer. Reached through '
'http.handle_many only.';

create table http.route (
    id integer generated always as identity,
    method text not null,
    path text not null,
    function text,
    plural_function text,
    constant jsonb,
    domain text not null,
    access text not null default 'key',
    scopes text[] not null default '{}',
    lane text not null default 'gathered',
    timeout_ms integer not null default 5000,
    body_cap integer not null default 524288,
    limit_class text,
    when_limiter_fails text not null default 'closed',
    is_metered boolean not null default false,
    reads_replica boolean not null default false,
    mode text not null default 'any',
    is_sensitive boolean not null default false,
    is_enabled boolean not null default true,
    request_schema jsonb,
    parameters jsonb not null default '{}',
    responses jsonb not null default '{}',
    version integer not null default 1,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    body_kind text not null default 'json',
    constraint route_pkey primary key (id),
    constraint route_method_path_key unique (method, path),
    constraint route_method_is_known_check check (method in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
    constraint route_path_is_absolute_check
    check (path ~ '^/([A-Za-z0-9._~-]+|\{[a-z][a-z0-9_]*\})?(/([A-Za-z0-9._~-]+|\{[a-z][a-z0-9_]*\}))*$'),
    constraint route_function_is_in_api_check check (function ~ '^api\.[a-z_][a-z0-9_]*$'),
    constraint route_plural_function_is_in_api_check check (plural_function ~ '^api\.[a-z_][a-z0-9_]*$'),
    constraint route_has_function_or_constant_check check ((function is null) = (constant is not null)),
    constraint route_plural_function_stands_beside_function_check
    check (plural_function is null or (function is not null and lane = 'gathered')),
    constraint route_constant_is_answer_check
    check ((jsonb_typeof(constant -> 'status') = 'number') is not false and jsonb_typeof(constant) = 'object'),
    constraint route_when_limiter_fails_is_known_check check (when_limiter_fails in ('open', 'closed')),
    constraint route_only_get_reads_replica_check check (not reads_replica or method = 'GET'),
    constraint route_access_is_known_check check (access in ('public', 'key')),
    constraint route_public_route_has_no_scopes_check check (access <> 'public' or scopes = '{}'),
    constraint route_lane_is_known_check check (lane in ('gathered', 'alone')),
    constraint route_timeout_is_bounded_check check (timeout_ms between 10 and 600000),
    constraint route_body_cap_is_bounded_check check (body_cap between 0 and 16777216),
    constraint route_mode_is_known_check check (mode in ('any', 'development')),
    constraint route_body_kind_is_known_check check (body_kind in ('json', 'raw')),
    constraint route_raw_body_has_no_schema_check
    check (
        body_kind = 'json'
        or (request_schema is null and plural_function is null and constant is null and method in ('POST', 'PUT', 'PATCH'))
    ),
    constraint route_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table http.route is
'One row a route: which function answers it and under what rules. Registered beside the function; an UPDATE takes '
'effect at once.';
comment on column http.route.id is 'number the server sends with each call';
comment on column http.route.method is 'HTTP method; a GET answers HEAD too';
comment on column http.route.path is 'path with {named} parts; each names an argument of the function';
comment on column http.route.function is 'function in api that answers; null: the constant does';
comment on column http.route.plural_function is
'function in api that answers all calls of the route in a batch: (http.call[], jsonb[] parameters, jsonb[] bodies) gives '
'http.response[]; a null element, or an error, sends the call to the function';
comment on column http.route.constant is
'answer that the server gives from memory: {"status": 200, "headers": {…}, "body": "…"}';
comment on column http.route.domain is 'schema it belongs to; groups the routes in OpenAPI';
comment on column http.route.access is 'public: anybody; key: a live API key is needed';
comment on column http.route.scopes is 'scopes of which the key must hold one; empty: any key';
comment on column http.route.lane is
'gathered: shares a statement with others; alone: locks shared rows, needs another isolation level, or may take '
'longer than 50 ms';
comment on column http.route.timeout_ms is
'statement timeout in milliseconds in the lane alone; the gathered lane has its own';
comment on column http.route.body_cap is 'largest request body in bytes; more is 413';
comment on column http.route.limit_class is
'class whose rate policies apply (limits.policy.route_class); null: not limited';
comment on column http.route.when_limiter_fails is
'when the rate limiter itself breaks. closed: refused with 503; open: goes on, uncharged';
comment on column http.route.is_metered is 'true: an admitted call counts against the month''s quota of the account';
comment on column http.route.reads_replica is
'true: after the guard on the primary the function runs on the read replica, when the server has one';
comment on column http.route.mode is
'development: answered with 404 unless the setting core.environment is development';
comment on column http.route.is_sensitive is 'a success must leave an entry in audit.entry; counted for audit coverage';
comment on column http.route.is_enabled is 'false: answered as if it did not exist';
comment on column http.route.request_schema is 'JSON Schema 2020-12 of the body; null: no body is taken';
comment on column http.route.parameters is 'JSON Schema by name for path and query parameters';
comment on column http.route.responses is 'by status: {"schema": …, "description": …, "headers": …}';
comment on column http.route.version is 'raised by every change; a call that names another version is answered stale';
comment on column http.route.origin is 'file: registered by the product; local: made by the operator';
comment on column http.route.local_columns is 'columns the operator changed; a deploy leaves them alone';
comment on column http.route.body_kind is
'json: the body is JSON by request_schema; raw: any bytes of any type, which the function gets untouched as p_body (bytea), with the '
'headers as p_headers (jsonb, names in lower case) and, after http.need_secrets(), the values as p_secrets (jsonb)';

create type http.response as (
    status integer,
    headers jsonb,
    body text,
    wait_for text[],
    wait_until timestamptz,
    reveal jsonb
);
comment on type http.response is
'What a door answers: status; headers (object; a value may be an array to repeat the header); '
'body as text; or what to wait
for (topics, until when; with a body: a call to the outside); reveal maps a random placeholder in the body to the name of a secret '
'that only the server can derive.';

create type http.call as (
    ordinal integer,
    route_id integer,
    account_id uuid,
    user_id uuid,
    key_id uuid,
    scopes text[],
    sees_all boolean,
    address text,
    request_id text,
    tier text,
    limit_class text,
    is_metered boolean,
    is_charged boolean,
    refusal text,
    refusal_more jsonb
);
comment on type http.call is
'A call on its way through the guard: who it is, what may be charged for it (is_charged: it was already), and the '
'SQLSTATE that refuses it, if any.';

create table http.shared_schema (
    name text not null,
    definition jsonb not null,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint shared_schema_pkey primary key (name),
    constraint shared_schema_name_is_pascal_case_check check (name ~ '^[A-Z][A-Za-z0-9]*$')
);
comment on table http.shared_schema is 'JSON Schemas that routes refer to as #/components/schemas/NAME.';
comment on column http.shared_schema.name is 'name in OpenAPI''s components';
comment on column http.shared_schema.definition is 'JSON Schema 2020-12';
comment on column http.shared_schema.origin is 'file: registered by the product; local: made by the operator';
comment on column http.shared_schema.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table http.document (
    name text not null,
    fingerprint text not null,
    body text not null,
    made_at timestamptz not null,
    constraint document_pkey primary key (name)
);
comment on table http.document is
'Documents made from the routes, kept because making them takes tens of milliseconds.';
comment on column http.document.name is 'openapi or docs';
comment on column http.document.fingerprint is
'http.fingerprint_routes() it was made from; another one: made anew when asked for';
comment on column http.document.body is 'the document';
comment on column http.document.made_at is 'when it was made';

-- No foreign key to the account, which stands on a higher floor: rows are gone a day later in any case.
create table http.idempotency_key (
    account_id uuid not null,
    key text not null,
    fingerprint bytea not null,
    state text not null,
    request_id text not null,
    leased_until timestamptz,
    status integer,
    headers jsonb,
    body text,
    reveal jsonb,
    is_withheld boolean not null default false,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    constraint idempotency_key_pkey primary key (account_id, key),
    constraint idempotency_key_key_is_short_check check (length(key) between 1 and 255),
    constraint idempotency_key_fingerprint_is_sha256_check check (length(fingerprint) = 32),
    constraint idempotency_key_state_is_known_check check (state in ('running', 'done')),
    constraint idempotency_key_running_has_lease_check check ((state = 'running') = (leased_until is not null)),
    constraint idempotency_key_done_has_status_check check ((state = 'done') = (status is not null)),
    constraint idempotency_key_failure_of_ours_is_not_kept_check
    check (status >= 200 and status <= 499 and status not in (409, 429)),
    constraint idempotency_key_withheld_answer_is_not_here_check check (not is_withheld or body is null),
    constraint idempotency_key_lease_ends_before_row_check check (leased_until <= expires_at),
    constraint idempotency_key_expires_after_start_check check (expires_at > created_at)
) with (autovacuum_vacuum_scale_factor = 0.05);
create index idempotency_key_expires_at_idx on http.idempotency_key (expires_at);
comment on table http.idempotency_key is
'What was answered under an Idempotency-Key, so that the same request sent again gets the same answer. Written in the '
'transaction of the call itself. A row from expires_at on counts as absent.';
comment on column http.idempotency_key.account_id is 'account that the call acted for: a key means nothing to another';
comment on column http.idempotency_key.key is 'as the client sent it, without quotes';
comment on column http.idempotency_key.fingerprint is
'SHA-256 of method, path template, parameters and raw body: http.fingerprint_call()';
comment on column http.idempotency_key.state is
'running: the call waits without a transaction, under a lease; done: this is its answer';
comment on column http.idempotency_key.request_id is 'request that runs, or that got the answer first';
comment on column http.idempotency_key.leased_until is
'until then the running request is waited for; later the same request sent again takes its place';
comment on column http.idempotency_key.status is 'HTTP status of the answer';
comment on column http.idempotency_key.headers is 'headers of the answer, without those of rate limits';
comment on column http.idempotency_key.body is 'body of the answer, as text';
comment on column http.idempotency_key.reveal is
'as in http.response: which placeholder in the body stands for which secret of the server';
comment on column http.idempotency_key.is_withheld is
'the body held a secret that is shown once (Cache-Control: no-store) and was not kept';
comment on column http.idempotency_key.created_at is 'when the answer was kept, or the lease taken';
comment on column http.idempotency_key.expires_at is 'from then on the key is as new';

alter table http.idempotency_key enable row level security;
alter table http.idempotency_key force row level security;
create policy account_sees_its_keys on http.idempotency_key
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on http.idempotency_key for select to levqor_dba using (true);
-- Never what was answered.
grant select (
    account_id, key, state, request_id, leased_until, status, is_withheld, created_at, expires_at
) on http.idempotency_key to levqor_dba;

create type http.keyed_call as (
    ordinal integer,
    account_id uuid,
    key text,
    fingerprint bytea,
    request_id text,
    is_continued boolean,
    is_locked boolean
);
comment on type http.keyed_call is
'A call with an Idempotency-Key: its place in the batch, whose key it is (null: none that fits), whether it was in '
'the database before, and whether the lock of its key was free.';

grant select on http.route, http.shared_schema, http.document to levqor_dba;
-- What a DBA may turn while the product runs. Triggers note the changed columns, so that no deploy takes them back.
grant update (is_enabled, timeout_ms, body_cap, limit_class, when_limiter_fails, is_metered, reads_replica) on http.route to levqor_dba;
grant select on core.error_code, core.setting, core.migration, core.deployed_file, core.deployment to levqor_dba;
grant update (value) on core.setting to levqor_dba;
