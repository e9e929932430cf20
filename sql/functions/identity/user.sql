-- Users: persons with an e-mail. An e-mail is unique over all accounts, so these routes lock shared rows and run alone.

-- Only A to Z are folded. What a locale folds beyond them can make one address of two (İ, the Kelvin sign), and would
-- give another answer on another machine; two addresses must never be one user.
create or replace function identity.normalise_email(p_email text)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.lower(pg_catalog.btrim(p_email, E' \t\r\n') collate "C")
$$;
comment on function identity.normalise_email(text) is
$$An e-mail as it is stored and compared: trimmed, and A to Z lower-cased, whatever the locale. Other letters stay as they are.$$;

create or replace function identity.update_user(
    p_id uuid,
    p_name text default null,
    p_locale text default null,
    p_currency text default null,
    p_meta jsonb default null,
    p_clear text[] default '{}'
)
returns identity.user
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user identity.user;
    v_old identity.user;
begin
    select u.* into v_old from identity.user as u where u.id = p_id for update;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such user';
    end if;
    if not p_clear <@ array['name', 'locale', 'currency', 'meta'] then
        raise exception using
            errcode = 'LQ422',
            message = 'only name, locale, currency and meta can be cleared';
    end if;
    if jsonb_typeof(p_meta) <> 'object' then
        raise exception using errcode = 'LQ422', message = 'meta must be a JSON object';
    end if;

    v_user := v_old;
    v_user.name := case when 'name' = any (p_clear) then null else coalesce(p_name, v_old.name) end;
    v_user.locale := case when 'locale' = any (p_clear) then null else coalesce(p_locale, v_old.locale) end;
    v_user.currency := case when 'currency' = any (p_clear) then null else coalesce(p_currency, v_old.currency) end;
    v_user.meta := case when 'meta' = any (p_clear) then '{}' else v_old.meta end || coalesce(p_meta, '{}');
    if v_user is distinct from v_old then
        update identity.user as u
        set
            name = v_user.name,
            locale = v_user.locale,
            currency = v_user.currency,
            meta = v_user.meta,
            updated_at = core.now()
        where u.id = p_id
        returning u.* into v_user;
    end if;
    perform audit.record('identity.update_user', core.show_id('user', p_id), p_facts => jsonb_build_object(
        'changed', array(
            select n.key
            from jsonb_each(to_jsonb(v_user)) as n
            where n.value is distinct from to_jsonb(v_old) -> n.key and n.key <> 'updated_at'
            order by n.key
        )
    ));
    return v_user;
end;
$$;
comment on function identity.update_user(uuid, text, text, text, jsonb, text[]) is
$$Change a user and give the new row.

p_name, p_locale, p_currency: null keeps the value. p_meta: merged key by key into what is there. p_clear: names of fields to
empty first (name, locale, currency, meta). Raises LQ404 for an unknown user, LQ422 for values that are not acceptable.$$;

-- Two upserts of one e-mail: the second waits on the unique index, and then updates the row of the first.
create or replace function identity.upsert_user(
    p_email text,
    p_name text default null,
    p_locale text default null,
    p_currency text default null,
    p_meta jsonb default null,
    p_clear text[] default '{}',
    out user_id uuid,
    out is_created boolean
)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_email text := identity.normalise_email(p_email);
    v_account_id uuid;
begin
    if v_email is null or v_email collate "C" !~ '^[^@[:space:]]+@[^@[:space:]]+$' then
        raise exception using
            errcode = 'LQ422',
            message = 'that is no e-mail address',
            hint = 'It has one @ with something on both sides, and no spaces.';
    end if;
    if jsonb_typeof(p_meta) <> 'object' then
        raise exception using errcode = 'LQ422', message = 'meta must be a JSON object';
    end if;

    insert into identity.user as u (email, name, locale, currency, meta, created_at, updated_at)
    values (v_email, p_name, p_locale, p_currency, coalesce(p_meta, '{}'), core.now(), core.now())
    on conflict (email) do nothing
    returning u.id into user_id;
    is_created := user_id is not null;

    if not is_created then
        select u.id into strict user_id from identity.user as u where u.email = v_email;
        perform identity.update_user(user_id, p_name, p_locale, p_currency, p_meta, p_clear);
        return;
    end if;
    v_account_id := identity.create_account(coalesce(nullif(btrim(p_name), ''), left(v_email, 200)), 'personal');
    insert into identity.membership (account_id, user_id, role, created_at)
    values (v_account_id, upsert_user.user_id, 'owner', core.now());
    perform audit.record('identity.create_user', core.show_id('user', user_id), v_account_id);
end;
$$;
comment on function identity.upsert_user(text, text, text, text, jsonb, text[]) is
$$Make a user, or change the one who has this e-mail, trimmed and lower-cased. Gives the id, and whether the user is new.

A new user gets a personal account, as its owner. Arguments as in identity.update_user. Raises LQ422.$$;

create or replace function identity.find_user(p_email text)
returns uuid
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select u.id from identity.user as u where u.email = identity.normalise_email(p_email)
$$;
comment on function identity.find_user(text) is
$$The id of the user with this e-mail, trimmed and lower-cased; null when there is none.$$;

create or replace function identity.show_user(p_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('user', u.id),
        'email', u.email,
        'name', u.name,
        'locale', u.locale,
        'currency', u.currency,
        'meta', u.meta,
        'accounts', coalesce((
            select jsonb_agg(
                jsonb_build_object('id', core.show_id('acct', m.account_id), 'role', m.role)
                order by m.created_at, m.account_id
            )
            from identity.membership as m
            where m.user_id = u.id
        ), '[]'),
        'created_at', u.created_at,
        'updated_at', u.updated_at
    )
    from identity.user as u
    where u.id = p_id
$$;
comment on function identity.show_user(uuid) is
$$A user as clients see it, with the accounts that the caller may see; null when there is none. Never a secret or an address.$$;

create or replace function api.upsert_user(p_body jsonb)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_done record;
begin
    if not core.sees_all() then
        raise exception using
            errcode = 'LQ422',
            message = 'users are kept by the platform, not in the name of one account',
            hint = 'Leave the header Levqor-Account out.';
    end if;
    select d.user_id, d.is_created into v_done
    from identity.upsert_user(
        p_body ->> 'email', p_body ->> 'name', p_body ->> 'locale', p_body ->> 'currency', p_body -> 'meta',
        array(select f.key from jsonb_each(p_body) as f where f.value = 'null' and f.key <> 'email')
    ) as d;
    if v_done.is_created then
        return http.json(
            201,
            jsonb_build_object('created', true, 'user', identity.show_user(v_done.user_id)),
            jsonb_build_object('Location', '/api/v1/users/' || core.show_id('user', v_done.user_id))
        );
    end if;
    return http.json(200, jsonb_build_object('updated', true, 'user', identity.show_user(v_done.user_id)));
end;
$$;
comment on function api.upsert_user(jsonb) is
$$Make a user, or change the one with this e-mail

The e-mail is trimmed and its letters A to Z are lower-cased, so the same person is met again however it is typed. Fields left out keep their value,
null empties them, and meta is merged key by key. A new user gets a personal account.$$;

create or replace function api.update_user(p_user_id text, p_body jsonb)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := core.read_id('user', p_user_id);
begin
    perform identity.update_user(
        v_id, p_body ->> 'name', p_body ->> 'locale', p_body ->> 'currency', p_body -> 'meta',
        array(select f.key from jsonb_each(p_body) as f where f.value = 'null')
    );
    return http.json(200, jsonb_build_object('updated', true, 'user', identity.show_user(v_id)));
end;
$$;
comment on function api.update_user(text, jsonb) is
$$Change a user

Fields left out keep their value, null empties them, and meta is merged key by key.$$;

create or replace function api.show_user(p_user_id text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user jsonb := identity.show_user(core.read_id('user', p_user_id));
begin
    if v_user is null then
        raise exception using errcode = 'LQ404', message = 'no such user';
    end if;
    return http.json(200, v_user);
end;
$$;
comment on function api.show_user(text) is
$$Show a user$$;

create or replace function api.find_user(p_email text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user jsonb := identity.show_user(identity.find_user(p_email));
begin
    if v_user is null then
        raise exception using errcode = 'LQ404', message = 'no user has this e-mail';
    end if;
    return http.json(200, v_user);
end;
$$;
comment on function api.find_user(text) is
$$Find a user by e-mail

Trimmed and lower-cased before it is looked up.$$;

select http.register_schema('User', '{"type": "object", "additionalProperties": false,
    "required": ["id", "email", "name", "locale", "currency", "meta", "accounts", "created_at", "updated_at"],
    "properties": {
        "id": {"type": "string", "pattern": "^user_[0-9a-f]{32}$"}, "email": {"type": "string"},
        "name": {"type": ["string", "null"]}, "locale": {"type": ["string", "null"]},
        "currency": {"enum": ["GBP", "USD", "EUR", null]}, "meta": {"type": "object"},
        "accounts": {"type": "array", "items": {"type": "object", "additionalProperties": false,
            "required": ["id", "role"], "properties": {"id": {"type": "string", "pattern": "^acct_[0-9a-f]{32}$"},
                "role": {"enum": ["owner", "admin", "support", "auditor", "member"]}}}},
        "created_at": {"type": "string", "format": "date-time"},
        "updated_at": {"type": "string", "format": "date-time"}}}');
select http.register_schema('UserUpdated', '{"type": "object", "additionalProperties": false,
    "required": ["updated", "user"],
    "properties": {"updated": {"const": true}, "user": {"$ref": "#/components/schemas/User"}}}');
select http.register_route('POST', '/api/v1/users/upsert', 'api.upsert_user', p_domain => 'identity',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'write', p_is_sensitive => true,
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["email"], "properties": {
        "email": {"type": "string", "minLength": 3, "maxLength": 320,
            "pattern": "^[ \\t\\r\\n]*[^@\\s]+@[^@\\s]+[ \\t\\r\\n]*$", "examples": ["ada@example.com"]},
        "name": {"type": ["string", "null"], "maxLength": 200, "examples": ["Ada Lovelace"]},
        "locale": {"type": ["string", "null"], "maxLength": 35, "examples": ["en-GB"]},
        "currency": {"enum": ["GBP", "USD", "EUR", null]},
        "meta": {"type": "object", "maxProperties": 200}}}',
    p_responses => '{"201": {"description": "Made", "schema": {"type": "object", "additionalProperties": false,
            "required": ["created", "user"],
            "properties": {"created": {"const": true}, "user": {"$ref": "#/components/schemas/User"}}},
            "headers": {"Location": {"description": "Path of the new user", "schema": {"type": "string"}}}},
        "200": {"description": "Changed", "schema": {"$ref": "#/components/schemas/UserUpdated"}}}');
select http.register_route('PATCH', '/api/v1/users/{user_id}', 'api.update_user', p_domain => 'identity',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'write', p_is_sensitive => true,
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "name": {"type": ["string", "null"], "maxLength": 200, "examples": ["Ada King"]},
        "locale": {"type": ["string", "null"], "maxLength": 35},
        "currency": {"enum": ["GBP", "USD", "EUR", null]},
        "meta": {"type": "object", "maxProperties": 200}}}',
    p_parameters => '{"user_id": {"type": "string", "maxLength": 64, "description": "id of the user, user_…"}}',
    p_responses => '{"200": {"description": "Changed", "schema": {"$ref": "#/components/schemas/UserUpdated"}},
        "404": {}}');
select http.register_route('GET', '/api/v1/users/{user_id}', 'api.show_user', p_domain => 'identity',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{"user_id": {"type": "string", "maxLength": 64, "description": "id of the user, user_…"}}',
    p_responses => '{"200": {"description": "The user", "schema": {"$ref": "#/components/schemas/User"}}, "404": {}}');
select http.register_route('GET', '/api/v1/users', 'api.find_user', p_domain => 'identity',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{"email": {"type": "string", "minLength": 3, "maxLength": 330, "examples": ["ada@example.com"],
        "description": "the e-mail; trimmed and lower-cased"}}',
    p_responses => '{"200": {"description": "The user", "schema": {"$ref": "#/components/schemas/User"}}, "404": {}}');
