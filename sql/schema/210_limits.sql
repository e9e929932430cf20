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
    is_enabled boolean not null default true,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    emission interval not null generated always as (
        make_interval(secs => window_seconds::double precision / greatest(quota, 1))
    ) stored,
    tolerance interval not null generated always as (
        make_interval(secs => window_seconds::double precision / greatest(quota, 1) * burst)
    ) stored,
    constraint policy_pkey primary key (id),
    constraint policy_name_key unique (name),
    constraint policy_name_is_token_check check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    constraint policy_scope_is_known_check check (scope in ('address', 'account', 'key', 'all')),
    constraint policy_quota_is_positive_check check (quota between 1 and 1000000000),
    constraint policy_window_is_bounded_check check (window_seconds between 1 and 86400),
    constraint policy_burst_is_positive_check check (burst between 1 and 1000000000),
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
'whose calls share a bucket: address (IPv6 by /64), account, key, or all';
comment on column limits.policy.route_class is 'http.route.limit_class it applies to';
comment on column limits.policy.quota is 'calls per window';
comment on column limits.policy.window_seconds is 'length of the window in seconds';
comment on column limits.policy.burst is 'calls that may come at once';
comment on column limits.policy.is_enabled is 'false: not applied';
comment on column limits.policy.origin is 'file: seeded by the product; local: made by the operator';
comment on column limits.policy.local_columns is 'columns the operator changed; a deploy leaves them alone';
comment on column limits.policy.emission is 'GCRA emission interval: window / quota';
comment on column limits.policy.tolerance is 'GCRA tolerance: emission × burst';

create unlogged table limits.bucket (
    policy_id integer not null,
    subject text not null,
    full_at timestamptz not null,
    cost interval not null,
    tolerance interval not null,
    constraint bucket_pkey primary key (policy_id, subject)
) with (fillfactor = 50);
comment on table limits.bucket is
'GCRA state. Unlogged: after a crash every bucket is empty, which admits at most one burst more. Hot: no reporting '
'role may read it.';
comment on column limits.bucket.policy_id is 'limits.policy.id; no foreign key, for speed: orphans are swept';
comment on column limits.bucket.subject is 'address, account, key, or * for all';
comment on column limits.bucket.full_at is 'theoretical arrival time: when the bucket will be whole again';
comment on column limits.bucket.cost is 'cost of the last charge';
comment on column limits.bucket.tolerance is 'tolerance of the last charge';

create table limits.refusal (
    day date not null,
    policy_id integer not null,
    subject text not null,
    refused bigint not null,
    constraint refusal_pkey primary key (day, policy_id, subject)
);
comment on table limits.refusal is 'How many calls each policy refused, by day and subject.';
comment on column limits.refusal.day is 'UTC day';
comment on column limits.refusal.policy_id is 'the policy';
comment on column limits.refusal.subject is 'whose calls';
comment on column limits.refusal.refused is 'calls refused';
grant select on limits.policy, limits.refusal to levqor_dba;
grant update (quota, window_seconds, burst, is_enabled) on limits.policy to levqor_dba;
