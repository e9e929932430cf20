-- limits: rate policies and their buckets.
create schema limits;
comment on schema limits is 'How much: rate policies as rows, enforced by GCRA.';
grant usage on schema limits to levqor_dba;

create table limits.policy (
    id integer generated always as identity,
    name text not null,
    scope text not null,
    route_class text not null,
    quota integer not null,
    window_seconds integer not null default 60,
    burst integer not null,
    cost integer not null default 1,
    is_shadow boolean not null default false,
    shares integer not null default 1,
    is_enabled boolean not null default true,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    -- Both from one token of whole microseconds: rounded apart, the burst would lack a call now and then.
    emission interval not null generated always as (
        interval '1 microsecond' * (
            round(window_seconds::numeric * 1000000 / greatest(quota, 1)) * cost * shares
        )::double precision
    ) stored,
    tolerance interval not null generated always as (
        interval '1 microsecond' * (
            round(window_seconds::numeric * 1000000 / greatest(quota, 1)) * burst
        )::double precision
    ) stored,
    item text not null generated always as ('\"' || name || '\";q=' || quota::text || ';w=' || window_seconds::text) stored,
    constraint policy_pkey primary key (id),
    constraint policy_name_key unique (name),
    constraint policy_name_is_token_check check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$' and name <> 'calls-per-month'),
    constraint policy_scope_is_known_check check (scope in ('address', 'account', 'key', 'all')),
    constraint policy_quota_is_positive_check check (quota between 1 and 1000000000),
    constraint policy_window_is_bounded_check check (window_seconds between 1 and 86400),
    constraint policy_burst_is_positive_check check (burst between 1 and 1000000000),
    constraint policy_cost_is_bounded_check check (cost between 1 and 1000000),
    constraint policy_only_shared_bucket_is_split_check check (shares >= 1 and shares <= 64 and (shares = 1 or scope = 'all')),
    -- A smaller one would never admit a call.
    constraint policy_burst_holds_a_call_of_each_share_check check (burst >= cost::bigint * shares),
    -- PostgreSQL counts time in microseconds: a finer emission interval would be zero.
    constraint policy_rate_is_at_most_a_million_a_second_check check (quota <= window_seconds::bigint * 1000000),
    constraint policy_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table limits.policy is
'Rate policies; an UPDATE takes effect with the next call. GCRA: a window admits at most burst + quota, and quota a '
'window in the long run.';
comment on column limits.policy.id is 'number in the buckets';
comment on column limits.policy.name is 'name in the RateLimit fields';
comment on column limits.policy.scope is
'whose calls share a bucket: address (IPv6 by /64), account, key, or all (of the class)';
comment on column limits.policy.route_class is 'http.route.limit_class it applies to; * for every limited route';
comment on column limits.policy.quota is 'tokens per window';
comment on column limits.policy.window_seconds is 'length of the window in seconds';
comment on column limits.policy.burst is 'tokens that may be taken at once';
comment on column limits.policy.cost is 'tokens that a call takes';
comment on column limits.policy.is_shadow is
'true: what it would refuse is counted (limits.refusal) and told in the decision, and goes on';
comment on column limits.policy.shares is
'buckets that a shared one (scope all) is split into, so that calls do not queue for one row. Each holds its part of the '
'burst and of the quota: together they admit no more than one bucket would, but a share may be empty, and refuse, while '
'others hold up to burst × (1 - 1/shares). 1: exact';
comment on column limits.policy.is_enabled is 'false: not applied';
comment on column limits.policy.origin is 'file: seeded by the product; local: made by the operator';
comment on column limits.policy.local_columns is 'columns the operator changed; a deploy leaves them alone';
comment on column limits.policy.emission is 'GCRA emission interval of a call: window / quota × cost × shares';
comment on column limits.policy.item is 'its item of RateLimit-Policy, with the quotes escaped for JSON';
comment on column limits.policy.tolerance is 'GCRA tolerance: window / quota × burst';

create unlogged table limits.bucket (
    policy_id integer not null,
    subject text collate "C" not null,
    full_at timestamptz not null,
    cost interval not null,
    tolerance interval not null,
    constraint bucket_pkey primary key (policy_id, subject)
) with (
    fillfactor = 50, autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_scale_factor = 0.1,
    autovacuum_analyze_threshold = 100000, autovacuum_analyze_scale_factor = 1, vacuum_truncate = false
);
comment on table limits.bucket is
'GCRA state. Unlogged: after a crash every bucket is empty, which admits at most one burst more. Hot: no reporting '
'role may read it; limits.compact() keeps it small under an old snapshot.';
comment on column limits.bucket.policy_id is 'limits.policy.id; no foreign key, for speed: orphans are swept';
comment on column limits.bucket.subject is 'address, account, key, * for all, or */N for a share of all';
comment on column limits.bucket.full_at is 'theoretical arrival time: when the bucket will be whole again';
comment on column limits.bucket.cost is 'cost of the last charge';
comment on column limits.bucket.tolerance is 'tolerance of the last charge';

create table limits.refusal (
    day date not null,
    policy_id integer not null,
    subject text not null,
    refused bigint not null,
    shadowed bigint not null default 0,
    constraint refusal_pkey primary key (day, policy_id, subject)
);
comment on table limits.refusal is 'How many calls each policy refused, or would have refused in shadow, by day and subject.';
comment on column limits.refusal.day is 'UTC day';
comment on column limits.refusal.policy_id is 'the policy';
comment on column limits.refusal.subject is 'whose calls';
comment on column limits.refusal.refused is 'calls refused';
comment on column limits.refusal.shadowed is 'calls that went on because the policy is a shadow';

create type limits.charged as (
    policy_id integer,
    full_at timestamptz,
    ordinals integer[]
);
comment on type limits.charged is 'A bucket after it was charged: when it would be whole again, and which calls charged it.';

create type limits.verdict as (
    is_refused boolean,
    headers text,
    decision jsonb,
    violated jsonb,
    retry_after integer,
    deny jsonb
);
comment on type limits.verdict is
'What policies and quota say of a call: headers (members of a JSON object, as text); decision: members for the access '
'record; and, of a refused one, the violated policies, seconds until it may come again, and what the server may remember.';
grant select on limits.policy, limits.refusal to levqor_dba;
grant update (quota, window_seconds, burst, cost, is_shadow, shares, is_enabled) on limits.policy to levqor_dba;
