-- Make, list, rotate and revoke API keys.

create or replace function keys.create_key(
    p_account_id uuid,
    p_name text,
    p_scopes text[] default array['jobs:submit', 'jobs:read'],
    p_mode text default 'live',
    p_not_before timestamptz default null,
    p_expires_at timestamptz default null,
    p_replaces_id uuid default null,
    out id uuid,
    out key text
)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_prefix text := 'lvk_' || p_mode || '_';
    v_bytes bytea;
begin
    if p_mode is null or p_mode not in ('live', 'test') then
        raise exception using
            errcode = 'LQ422',
            message = 'unknown mode',
            hint = 'Use live or test.';
    end if;
    if not exists (select from identity.account as a where a.id = p_account_id) then
        raise exception using
            errcode = 'LQ404',
            message = 'no such account',
            hint = 'Make one with identity.create_account.';
    end if;
    if p_expires_at <= core.now() then
        raise exception using
            errcode = 'LQ422',
            message = 'the key would have expired already',
            hint = 'Give a time to come as expires_at, or leave it out.',
            schema = '{"errors": [{"pointer": "/expires_at", "rule": "minimum"}]}';
    end if;

    id := core.new_id();
    v_bytes := uuid_send(p_account_id) || uuid_send(id) || core.random_bytes(24);
    v_bytes := v_bytes || substring(sha256(convert_to(v_prefix, 'UTF8') || v_bytes) from 1 for 4);
    key := v_prefix || translate(encode(v_bytes, 'base64'), E'+/\n', '-_');

    insert into keys.api_key (account_id, id, name, mode, hash, scopes, not_before, expires_at, replaces_id)
    values (
        p_account_id, create_key.id, p_name, p_mode, sha256(convert_to(key, 'UTF8')),
        coalesce(p_scopes, '{}'), p_not_before, p_expires_at, p_replaces_id
    );
    perform audit.record('keys.create', core.show_id('key', id), p_account_id, jsonb_build_object('scopes', p_scopes));
end;
$$;
comment on function keys.create_key(uuid, text, text[], text, timestamptz, timestamptz, uuid) is
$$Make an API key. Its text is given here, once, and stored nowhere: only its SHA-256 is.

p_scopes: platform, admin, jobs:submit, jobs:read, jobs:work, events:write,
analytics:read, keys:manage. p_mode: live or test. p_not_before, p_expires_at:
when it may be used. Raises LQ404 for an unknown account, LQ422 for an unknown mode or a p_expires_at that is over.$$;

create or replace function keys.revoke_key(p_account_id uuid, p_id uuid)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_revoked_at timestamptz;
begin
    update keys.api_key as k
    set revoked_at = coalesce(k.revoked_at, core.now())
    where k.account_id = p_account_id and k.id = p_id
    returning k.revoked_at into v_revoked_at;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such key';
    end if;
    perform audit.record('keys.revoke', core.show_id('key', p_id), p_account_id);
    return v_revoked_at;
end;
$$;
comment on function keys.revoke_key(uuid, uuid) is
$$Refuse a key from now on; gives the time since when. Revoking twice changes nothing. Raises LQ404.$$;

create or replace function keys.rotate_key(
    p_account_id uuid,
    p_id uuid,
    p_overlap interval default interval '24 hours',
    out id uuid,
    out key text,
    out old_expires_at timestamptz
)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_old keys.api_key;
begin
    select k.* into v_old
    from keys.api_key as k
    where k.account_id = p_account_id and k.id = p_id
    for update;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such key';
    end if;
    if v_old.revoked_at is not null or v_old.expires_at <= core.now() then
        raise exception using
            errcode = 'LQ409',
            message = 'the key is no longer live',
            hint = 'Make a new one instead.';
    end if;
    if v_old.not_before > core.now() then
        raise exception using
            errcode = 'LQ409',
            message = 'the key is not valid yet',
            hint = 'Revoke it and make another one, or wait until it is.';
    end if;
    if p_overlap is null or p_overlap < interval '0' or p_overlap > interval '30 days' then
        raise exception using
            errcode = 'LQ422',
            message = 'the overlap must be between nothing and 30 days';
    end if;

    -- A key ends after its start, also one that began this very moment.
    old_expires_at := least(
        v_old.expires_at, greatest(core.now() + p_overlap, v_old.not_before + interval '1 microsecond')
    );
    update keys.api_key as k
    set expires_at = rotate_key.old_expires_at
    where k.account_id = p_account_id and k.id = p_id;
    select c.id, c.key into rotate_key.id, rotate_key.key
    from keys.create_key(
        p_account_id, v_old.name, v_old.scopes, v_old.mode, v_old.not_before, v_old.expires_at, p_id
    ) as c;
    perform audit.record('keys.rotate', core.show_id('key', p_id), p_account_id);
end;
$$;
comment on function keys.rotate_key(uuid, uuid, interval) is
$$Make a successor with the same name, scopes, start and end; the old key works on until the overlap ends, or its own end.

p_overlap: 0 to 30 days. Gives the new id and text, and when the old key ends. Raises LQ404, LQ409 for a key that is no longer
live or not yet valid, LQ422.$$;

create or replace function keys.create_operator_key(p_name text, out id uuid, out key text)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- In psql, outside of any request, whoever may run this works for the whole deployment.
    if core.current_request() is null then
        perform set_config('levqor.machinery', 'on', true);
    end if;
    select c.id, c.key into create_operator_key.id, create_operator_key.key
    from keys.create_key(
        identity.operator_account(), p_name,
        array['platform', 'admin', 'jobs:submit', 'jobs:read', 'jobs:work', 'events:write', 'analytics:read', 'keys:manage']
    ) as c;
end;
$$;
comment on function keys.create_operator_key(text) is
$$Make a key of the operator, with every scope; its account is made if it is missing. The text is shown this once.

For the first key of a deployment, in psql, as the owner or a superuser:
select * from keys.create_operator_key('first key');$$;

create or replace function keys.show(p_key keys.api_key)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('key', p_key.id),
        'name', p_key.name,
        'mode', p_key.mode,
        'scopes', p_key.scopes,
        'not_before', p_key.not_before,
        'expires_at', p_key.expires_at,
        'revoked_at', p_key.revoked_at,
        'last_used_at', p_key.last_used_at,
        'replaces_id', core.show_id('key', p_key.replaces_id),
        'created_at', p_key.created_at
    )
$$;
comment on function keys.show(keys.api_key) is
$$A key as clients see it: never its hash.$$;

-- An account's manager key gives any of the customer's scopes, also ones that it does not hold: who manages the keys of
-- an account is trusted with what the account may do. What is the operator's, only the operator's platform key touches.
create or replace function keys.check_reach(p_scopes text[])
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_scope text;
begin
    if core.has_scope('platform') then
        return;
    end if;
    select s.scope into v_scope
    from unnest(p_scopes) as s (scope)
    where s.scope in ('platform', 'admin')
    order by s.scope desc
    limit 1;
    if found then
        raise exception using
            errcode = 'LQ403',
            message = format('the scope %s is the operator''s', v_scope),
            hint = 'Leave keys with it to the operator.';
    end if;
end;
$$;
comment on function keys.check_reach(text[]) is
$$Refuse (LQ403) a calling key that would make, rotate or revoke a key with the scope platform or admin and does not hold
platform itself.

The other scopes are the customer's: a key with keys:manage may give each of them (jobs:submit, jobs:read, jobs:work, events:write,
analytics:read, keys:manage), whether it holds it or not. It manages all keys of its account, and so reaches what they may do in any case.$$;

create or replace function api.create_key(
    p_name text,
    p_scopes text[] default array['jobs:submit', 'jobs:read'],
    p_mode text default 'live',
    p_not_before timestamptz default null,
    p_expires_at timestamptz default null
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_new record;
begin
    perform keys.check_reach(p_scopes);
    select c.id, c.key into v_new
    from keys.create_key(core.current_account(), p_name, p_scopes, p_mode, p_not_before, p_expires_at) as c;
    return http.json(201, (
        select keys.show(k) || jsonb_build_object('key', v_new.key)
        from keys.api_key as k
        where k.account_id = core.current_account() and k.id = v_new.id
    ), '{"Cache-Control": "no-store"}');
end;
$$;
comment on function api.create_key(text, text[], text, timestamptz, timestamptz) is
$$Make an API key

The answer holds the key's text: it is shown this once and can not be read again. A key with keys:manage may give any scope but
platform and admin, which are the operator's.$$;

create or replace function api.list_keys()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object('keys', coalesce(jsonb_agg(keys.show(k) order by k.id), '[]')))
    from keys.api_key as k
    where k.account_id = core.current_account()
$$;
comment on function api.list_keys() is
$$List the account's API keys

Without their texts, which nobody can read again.$$;

create or replace function api.rotate_key(p_key_id text, p_overlap_seconds integer default 86400)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_new record;
begin
    -- The scopes of a key never change: no lock is needed yet. An unknown key is refused below.
    perform keys.check_reach(k.scopes)
    from keys.api_key as k
    where k.account_id = core.current_account() and k.id = core.read_id('key', p_key_id);
    select r.* into v_new
    from keys.rotate_key(
        core.current_account(), core.read_id('key', p_key_id), make_interval(secs => p_overlap_seconds)
    ) as r;
    return http.json(201, (
        select keys.show(k) || jsonb_build_object('key', v_new.key, 'old_expires_at', v_new.old_expires_at)
        from keys.api_key as k
        where k.account_id = core.current_account() and k.id = v_new.id
    ), '{"Cache-Control": "no-store"}');
end;
$$;
comment on function api.rotate_key(text, integer) is
$$Rotate an API key

Makes a successor with the same name, scopes, start and end; the old key works until the overlap ends (by default a day), so
that clients move without a gap. A key with platform or admin is rotated by a platform key only.$$;

create or replace function api.revoke_key(p_key_id text)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform keys.check_reach(k.scopes)
    from keys.api_key as k
    where k.account_id = core.current_account() and k.id = core.read_id('key', p_key_id);
    perform keys.revoke_key(core.current_account(), core.read_id('key', p_key_id));
    return http.no_content();
end;
$$;
comment on function api.revoke_key(text) is
$$Revoke an API key

It is refused from now on. Revoking twice changes nothing. A key with platform or admin is revoked by a platform key only.$$;

select http.register_route('GET', '/api/v1/keys', 'api.list_keys', p_scopes => '{keys:manage,platform}',
    p_limit_class => 'manage',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["keys"], "properties": {
        "keys": {"type": "array", "items": {"$ref": "#/components/schemas/ApiKey"}}}}}}');
select http.register_route('POST', '/api/v1/keys', 'api.create_key', p_scopes => '{keys:manage,platform}',
    p_limit_class => 'manage', p_is_sensitive => true,
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 100},
        "scopes": {"type": "array", "uniqueItems": true, "items": {
            "enum": ["platform", "admin", "jobs:submit", "jobs:read", "jobs:work",
                "events:write", "analytics:read", "keys:manage"]}},
        "mode": {"enum": ["live", "test"]},
        "not_before": {"type": ["string", "null"], "format": "date-time"},
        "expires_at": {"type": ["string", "null"], "format": "date-time"}}}',
    p_responses => '{"201": {"schema": {"allOf": [{"$ref": "#/components/schemas/ApiKey"},
        {"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}}}]}}}');
select http.register_route('POST', '/api/v1/keys/{key_id}/rotate', 'api.rotate_key',
    p_scopes => '{keys:manage,platform}',
    p_limit_class => 'manage', p_is_sensitive => true,
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "overlap_seconds": {"type": "integer", "minimum": 0, "maximum": 2592000}}}',
    p_responses => '{"201": {"schema": {"allOf": [{"$ref": "#/components/schemas/ApiKey"},
        {"type": "object", "required": ["key", "old_expires_at"], "properties": {"key": {"type": "string"},
            "old_expires_at": {"type": "string", "format": "date-time"}}}]}}, "404": {}, "409": {}}');
select http.register_route('DELETE', '/api/v1/keys/{key_id}', 'api.revoke_key', p_scopes => '{keys:manage,platform}',
    p_limit_class => 'manage', p_is_sensitive => true, p_responses => '{"204": {"description": "Revoked"}, "404": {}}');
select http.register_schema('ApiKey', '{"type": "object", "required": ["id", "name", "mode", "scopes", "created_at"],
    "properties": {"id": {"type": "string", "pattern": "^key_[0-9a-f]{32}$"}, "name": {"type": "string"},
        "mode": {"enum": ["live", "test"]}, "scopes": {"type": "array", "items": {"type": "string"}},
        "not_before": {"type": ["string", "null"], "format": "date-time"},
        "expires_at": {"type": ["string", "null"], "format": "date-time"},
        "revoked_at": {"type": ["string", "null"], "format": "date-time"},
        "last_used_at": {"type": ["string", "null"], "format": "date-time"},
        "replaces_id": {"type": ["string", "null"]}, "created_at": {"type": "string", "format": "date-time"}}}');
