-- keys: API keys.
create schema keys;
comment on schema keys is 'Who: API keys, stored hashed, with scopes.';
grant usage on schema keys to levqor_dba;

create table keys.api_key (
    account_id uuid not null,
    id uuid not null default core.new_id(),
    name text not null,
    mode text not null default 'live',
    hash bytea not null,
    scopes text[] not null default '{}',
    not_before timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    replaces_id uuid,
    created_at timestamptz not null default clock_timestamp(),
    constraint api_key_pkey primary key (account_id, id),
    constraint api_key_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint api_key_name_is_short_check check (length(name) between 1 and 100),
    constraint api_key_mode_is_known_check check (mode in ('live', 'test')),
    constraint api_key_hash_is_sha256_check check (length(hash) = 32),
    constraint api_key_scopes_are_known_check
    check (scopes <@ array['platform', 'admin', 'jobs:submit', 'jobs:read', 'jobs:work', 'events:write', 'analytics:read', 'keys:manage']),
    constraint api_key_ends_after_start_check check (expires_at > coalesce(not_before, '-infinity'))
);
comment on table keys.api_key is 'API keys. The text is shown once, when the key is made; here is only its SHA-256.';
comment on column keys.api_key.account_id is 'owner; also inside the key''s text';
comment on column keys.api_key.id is 'UUIDv7, shown as key_…; also inside the key''s text';
comment on column keys.api_key.name is 'what its owner calls it';
comment on column keys.api_key.mode is 'live or test; told by the prefix lvk_live_ or lvk_test_';
comment on column keys.api_key.hash is 'SHA-256 of the whole text';
comment on column keys.api_key.scopes is
'what it may do: platform, admin, jobs:submit, jobs:read, jobs:work, events:write, analytics:read, keys:manage';
comment on column keys.api_key.not_before is 'refused before this time';
comment on column keys.api_key.expires_at is 'refused from this time on';
comment on column keys.api_key.revoked_at is 'refused from this time on; set by a person';
comment on column keys.api_key.last_used_at is 'last use, to the minute';
comment on column keys.api_key.replaces_id is 'the key it was rotated from';
comment on column keys.api_key.created_at is 'when it was made';

alter table keys.api_key enable row level security;
alter table keys.api_key force row level security;
create policy account_sees_its_keys on keys.api_key
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on keys.api_key for select to levqor_dba using (true);
grant select (
    account_id, id, name, mode, scopes, not_before, expires_at, revoked_at, last_used_at, replaces_id, created_at
) on keys.api_key to levqor_dba;
