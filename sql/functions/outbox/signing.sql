-- The signing secrets of accounts and of endpoints. Nobody stores them: the server derives one from its master key and a name, and
-- puts it into the answer in place of a random placeholder.

create or replace function outbox.name_secret(p_account_id uuid, p_generation integer)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select 'webhook/' || p_account_id::text || '/' || p_generation::text
$$;
comment on function outbox.name_secret(uuid, integer) is
$$The name that the server derives a signing secret from.$$;

create or replace function outbox.name_secrets(p_account identity.account)
returns text[]
language sql
stable
security invoker
as $$
    select array[outbox.name_secret(p_account.id, p_account.signing_generation)]
        || case
            when p_account.signing_generation > 1 and p_account.signing_previous_until > core.now()
                then array[outbox.name_secret(p_account.id, p_account.signing_generation - 1)]
            else '{}'
        end
$$;
comment on function outbox.name_secrets(identity.account) is
$$Names of the secrets that sign now, newest first: the one in use, and the one before while the overlap lasts.$$;

create or replace function outbox.name_endpoint_secret(p_account_id uuid, p_endpoint_id uuid, p_generation integer)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select 'webhook/' || p_account_id::text || '/' || p_endpoint_id::text || '/' || p_generation::text
$$;
comment on function outbox.name_endpoint_secret(uuid, uuid, integer) is
$$The name that the server derives a signing secret of an endpoint from.$$;

create or replace function outbox.name_endpoint_secrets(p_account_id uuid, p_endpoint_id uuid)
returns text[]
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select array(
        select outbox.name_endpoint_secret(s.account_id, s.endpoint_id, s.generation)
        from outbox.endpoint_secret as s
        where s.account_id = p_account_id and s.endpoint_id = p_endpoint_id
            and (s.expires_at is null or s.expires_at > core.now())
        order by s.generation desc
    )
$$;
comment on function outbox.name_endpoint_secrets(uuid, uuid) is
$$Names of the secrets that sign an endpoint's webhooks now, newest first: the one in use, and those before whose overlap lasts.$$;

create or replace function outbox.show_first_secret(p_account_id uuid)
returns identity.account
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account identity.account;
begin
    update identity.account as a
    set signing_shown_at = core.now()
    where a.id = p_account_id and a.signing_shown_at is null
    returning a.* into v_account;
    if not found then
        if not exists (select from identity.account as a where a.id = p_account_id) then
            raise exception using errcode = 'LQ404', message = 'no such account';
        end if;
        raise exception using
            errcode = 'LQ409',
            message = 'the signing secret was shown before',
            detail = 'It is shown once.',
            hint = 'Rotate it to get a new one; both sign until the overlap ends.';
    end if;
    perform audit.record('outbox.show_signing_secret', core.show_id('acct', p_account_id), p_account_id);
    return v_account;
end;
$$;
comment on function outbox.show_first_secret(uuid) is
$$Note that the account's first signing secret is shown now, which can be done once. Raises LQ404, LQ409.

Gives the account: the server derives the secret from outbox.name_secret(id, signing_generation).$$;

create or replace function outbox.rotate_secret(p_account_id uuid, p_overlap interval default interval '1 day')
returns identity.account
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account identity.account;
begin
    if p_overlap is null or p_overlap < interval '0' or p_overlap > interval '30 days' then
        raise exception using
            errcode = 'LQ422',
            message = 'the overlap must be between nothing and 30 days';
    end if;
    update identity.account as a
    set
        signing_generation = a.signing_generation + 1,
        signing_previous_until = case when p_overlap > interval '0' then core.now() + p_overlap end,
        signing_shown_at = core.now(),
        updated_at = core.now()
    where a.id = p_account_id
    returning a.* into v_account;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such account';
    end if;
    perform audit.record(
        'outbox.rotate_signing_secret', core.show_id('acct', p_account_id), p_account_id,
        jsonb_build_object('generation', v_account.signing_generation)
    );
    return v_account;
end;
$$;
comment on function outbox.rotate_secret(uuid, interval) is
$$Sign with a new secret from now on; the one before signs too until the overlap ends, and the one before that no more.

p_overlap: 0 to 30 days. Gives the account. Raises LQ404, LQ422.$$;

create or replace function outbox.reveal_secret(p_status integer, p_account identity.account)
returns http.response
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_placeholder text := 'placeholder_' || encode(core.random_bytes(24), 'hex');
begin
    return row(
        p_status, jsonb_build_object('Cache-Control', 'no-store'),
        jsonb_build_object(
            'secret', v_placeholder,
            'generation', p_account.signing_generation,
            'previous_until', p_account.signing_previous_until
        )::text,
        null, null,
        jsonb_build_object(v_placeholder, outbox.name_secret(p_account.id, p_account.signing_generation))
    )::http.response;
end;
$$;
comment on function outbox.reveal_secret(integer, identity.account) is
$$The answer that shows the secret in use: the server puts it in place of the placeholder.$$;

create or replace function api.show_signing_secret()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'generation', a.signing_generation,
        'previous_until', case when a.signing_previous_until > core.now() then a.signing_previous_until end,
        'shown_at', a.signing_shown_at
    ))
    from identity.account as a
    where a.id = core.current_account()
$$;
comment on function api.show_signing_secret() is
$$See which signing secret is in use

Its generation, until when the one before signs too, and when it was shown. Never the secret.$$;

create or replace function api.reveal_signing_secret()
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select outbox.reveal_secret(201, outbox.show_first_secret(core.current_account()))
$$;
comment on function api.reveal_signing_secret() is
$$Get the signing secret, once

Webhooks of the account are signed with it by Standard Webhooks. It is shown this once; later, rotate it to get a new one.$$;

create or replace function api.rotate_signing_secret(p_overlap_seconds integer default 86400)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select outbox.reveal_secret(
        200, outbox.rotate_secret(core.current_account(), make_interval(secs => p_overlap_seconds))
    )
$$;
comment on function api.rotate_signing_secret(integer) is
$$Rotate the signing secret

The answer holds the new secret, this once. Until the overlap ends (by default a day) every webhook carries a signature by each
of the two, so that receivers move without a gap. Rotating again in the meantime ends the oldest one at once.$$;

select http.register_route('GET', '/api/v1/signing-secret', 'api.show_signing_secret',
    p_scopes => '{keys:manage,platform}',
    p_limit_class => 'manage', p_domain => 'outbox', p_responses => '{"200": {"schema": {"type": "object",
        "required": ["generation", "previous_until", "shown_at"], "additionalProperties": false, "properties": {
            "generation": {"type": "integer", "minimum": 1},
            "previous_until": {"type": ["string", "null"], "format": "date-time"},
            "shown_at": {"type": ["string", "null"], "format": "date-time"}}}}}');
select http.register_route('POST', '/api/v1/signing-secret', 'api.reveal_signing_secret',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'manage', p_is_sensitive => true, p_domain => 'outbox',
    p_responses => '{"201": {"schema": {"$ref": "#/components/schemas/SigningSecret"}}, "404": {}, "409": {}}');
select http.register_route('POST', '/api/v1/signing-secret/rotate', 'api.rotate_signing_secret',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'manage', p_is_sensitive => true, p_domain => 'outbox',
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "overlap_seconds": {"type": "integer", "minimum": 0, "maximum": 2592000, "default": 86400}}}',
    p_responses => '{"200": {"schema": {"$ref": "#/components/schemas/SigningSecret"}}, "400": {}, "404": {}}');
select http.register_schema('SigningSecret', '{"type": "object", "required": ["secret", "generation", "previous_until"],
    "additionalProperties": false, "properties": {
        "secret": {"type": "string", "pattern": "^whsec_[A-Za-z0-9+/]+=*$",
            "description": "by Standard Webhooks; shown this once"},
        "generation": {"type": "integer", "minimum": 1},
        "previous_until": {"type": ["string", "null"], "format": "date-time",
            "description": "until then the secret before signs too"}}}');
