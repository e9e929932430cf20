-- Accounts: the operator's, and those of its customers.

create or replace function identity.create_account(p_name text, p_kind text default 'company')
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    if p_kind is null or p_kind not in ('company', 'personal') then
        raise exception using
            errcode = 'LQ422',
            message = 'unknown kind of account',
            hint = 'Use company or personal; the operator''s account comes from identity.operator_account().';
    end if;
    if coalesce(btrim(p_name), '') = '' then
        raise exception using
            errcode = 'LQ422',
            message = 'the account needs a name';
    end if;
    insert into identity.account (name, kind, created_at, updated_at)
    values (btrim(p_name), p_kind, core.now(), core.now())
    returning id into v_id;
    perform audit.record(
        'identity.create_account', core.show_id('acct', v_id), v_id, jsonb_build_object('kind', p_kind)
    );
    return v_id;
end;
$$;
comment on function identity.create_account(text, text) is
$$Make an account and give its id.

p_name: 1 to 200 characters. p_kind: company or personal. Raises LQ422 for another kind or no name.$$;

-- Two who ask at once: the second waits on the unique index, and then finds the row of the first.
create or replace function identity.operator_account()
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    select a.id into v_id from identity.account as a where a.kind = 'operator';
    if v_id is null then
        insert into identity.account (name, kind, created_at, updated_at)
        values ('Operator', 'operator', core.now(), core.now())
        on conflict (kind) where kind = 'operator' do nothing
        returning id into v_id;
        if v_id is null then
            select a.id into strict v_id from identity.account as a where a.kind = 'operator';
        else
            perform audit.record(
                'identity.create_account', core.show_id('acct', v_id), v_id, jsonb_build_object('kind', 'operator')
            );
        end if;
    end if;
    return v_id;
end;
$$;
comment on function identity.operator_account() is
$$The account of who runs this deployment; made at the first call. There is one, and its id stays.$$;

create or replace function identity.show_account(p_account identity.account)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('acct', p_account.id),
        'name', p_account.name,
        'kind', p_account.kind,
        'status', p_account.status,
        'created_at', p_account.created_at,
        'updated_at', p_account.updated_at
    )
$$;
comment on function identity.show_account(identity.account) is
$$An account as clients see it.$$;

create or replace function identity.list_accounts(p_limit integer default 50, p_after uuid default null)
returns setof identity.account
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select a.*
    from identity.account as a
    where (a.id = core.current_account() or core.sees_all())
        and (p_after is null or a.id > p_after)
    order by a.id
    limit least(greatest(p_limit, 0), 1000)
$$;
comment on function identity.list_accounts(integer, uuid) is
$$Accounts in the order they were made, a page at a time.

p_limit: rows of the page, at most 1000. p_after: id of the last row of the page before.$$;

create or replace function api.create_account(p_name text, p_kind text default 'company')
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    if not core.sees_all() then
        raise exception using
            errcode = 'LQ422',
            message = 'accounts are made by the platform, not in the name of one of them',
            hint = 'Leave the header Levqor-Account out.';
    end if;
    v_id := identity.create_account(p_name, p_kind);
    return http.json(
        201,
        (select identity.show_account(a) from identity.account as a where a.id = v_id),
        jsonb_build_object('Location', '/api/v1/accounts/' || core.show_id('acct', v_id))
    );
end;
$$;
comment on function api.create_account(text, text) is
$$Make an account

A company's, or a personal one. A key for it is made by POST /api/v1/keys with the header Levqor-Account.$$;

create or replace function api.show_account(p_account_id text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account identity.account;
begin
    select a.* into v_account
    from identity.account as a
    where a.id = core.read_id('acct', p_account_id)
        and (a.id = core.current_account() or core.sees_all());
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such account';
    end if;
    return http.json(200, identity.show_account(v_account));
end;
$$;
comment on function api.show_account(text) is
$$Show an account$$;

create or replace function api.list_accounts(p_limit integer default 50, p_after text default null)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_after uuid := core.read_id('acct', p_after);
    v_accounts jsonb;
    v_next text;
begin
    if p_after is not null and v_after is null then
        raise exception using
            errcode = 'LQ422',
            message = '"after" is no id of an account',
            hint = 'Take it from next of the page before.';
    end if;
    -- One more than asked for tells whether there is a next page.
    select jsonb_agg(identity.show_account(a) order by a.id) into v_accounts
    from identity.list_accounts(p_limit + 1, v_after) as a;
    if jsonb_array_length(v_accounts) > p_limit then
        v_accounts := v_accounts - p_limit;
        v_next := v_accounts -> -1 ->> 'id';
    end if;
    return http.json(
        200,
        jsonb_build_object('accounts', coalesce(v_accounts, '[]'), 'next', v_next),
        case when v_next is not null then jsonb_build_object(
            'Link', format('</api/v1/accounts?limit=%s&after=%s>; rel="next"', p_limit, v_next)
        ) end
    );
end;
$$;
comment on function api.list_accounts(integer, text) is
$$List accounts

In the order they were made. next holds the value of after for the next page, as does the Link header; null on the last page.$$;

select http.register_schema('Account', '{"type": "object", "additionalProperties": false,
    "required": ["id", "name", "kind", "status", "created_at", "updated_at"], "properties": {
        "id": {"type": "string", "pattern": "^acct_[0-9a-f]{32}$"}, "name": {"type": "string"},
        "kind": {"enum": ["operator", "company", "personal"]}, "status": {"enum": ["active", "suspended", "closed"]},
        "created_at": {"type": "string", "format": "date-time"},
        "updated_at": {"type": "string", "format": "date-time"}}}');
select http.register_route('POST', '/api/v1/accounts', 'api.create_account', p_domain => 'identity',
    p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true,
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["Acme Ltd"]},
        "kind": {"enum": ["company", "personal"], "default": "company"}}}',
    p_responses => '{"201": {"description": "Made", "schema": {"$ref": "#/components/schemas/Account"},
        "headers": {"Location": {"description": "Path of the new account", "schema": {"type": "string"}}}}}');
select http.register_route('GET', '/api/v1/accounts', 'api.list_accounts', p_domain => 'identity',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50, "description": "accounts a page"},
        "after": {"type": "string", "maxLength": 64, "description": "next of the page before"}}',
    p_responses => '{"200": {"description": "A page of accounts", "schema": {"type": "object",
        "additionalProperties": false, "required": ["accounts", "next"], "properties": {
            "accounts": {"type": "array", "items": {"$ref": "#/components/schemas/Account"}},
            "next": {"type": ["string", "null"]}}},
        "headers": {"Link": {"description": "rel=next: the next page, when there is one",
            "schema": {"type": "string"}}}}}');
select http.register_route('GET', '/api/v1/accounts/{account_id}', 'api.show_account', p_domain => 'identity',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{"account_id": {"type": "string", "maxLength": 64, "description": "id of the account, acct_…"}}',
    p_responses => '{"200": {"description": "The account", "schema": {"$ref": "#/components/schemas/Account"}},
        "404": {}}');
