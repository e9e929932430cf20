-- Who is calling. Set by the entry points only; an API function reads it and can not change it.

create or replace function core.current_account()
returns uuid
language sql
stable
parallel safe
security invoker
as $$
    select nullif(pg_catalog.current_setting('levqor.account_id', true), '')::uuid
$$;
comment on function core.current_account() is
$$The account in whose name the call runs, or null.$$;

create or replace function core.is_machinery()
returns boolean
language sql
stable
parallel safe
security invoker
as $$
    select coalesce(pg_catalog.current_setting('levqor.machinery', true) = 'on', false)
$$;
comment on function core.is_machinery() is
$$Whether the product's own machinery (guard, reactor, clock, claim) is running rather than an API function.

Row-level security lets machinery see every account. In psql, the owner sets it with: set levqor.machinery = 'on'.$$;

create or replace function core.sees_all()
returns boolean
language sql
stable
parallel safe
security invoker
as $$
    select coalesce(
        pg_catalog.current_setting('levqor.machinery', true) = 'on'
        or pg_catalog.current_setting('levqor.sees_all', true) = 'on',
        false
    )
$$;
comment on function core.sees_all() is
$$Whether every account is visible: to the machinery, and to a platform key that acts for no account in particular.$$;

create or replace function core.current_user_id()
returns uuid
language sql
stable
parallel safe
security invoker
as $$
    select nullif(pg_catalog.current_setting('levqor.user_id', true), '')::uuid
$$;
comment on function core.current_user_id() is
$$The user who calls, or null where a key acts alone.$$;

create or replace function core.current_key()
returns uuid
language sql
stable
parallel safe
security invoker
as $$
    select nullif(pg_catalog.current_setting('levqor.key_id', true), '')::uuid
$$;
comment on function core.current_key() is
$$The API key that calls, or null.$$;

create or replace function core.has_scope(p_scope text)
returns boolean
language sql
stable
parallel safe
security invoker
as $$
    select coalesce(
        p_scope = any (nullif(pg_catalog.current_setting('levqor.scopes', true), '')::text[]),
        false
    )
$$;
comment on function core.has_scope(text) is
$$Whether the calling key holds a scope.$$;

create or replace function core.current_request()
returns text
language sql
stable
parallel safe
security invoker
as $$
    select nullif(pg_catalog.current_setting('levqor.request_id', true), '')
$$;
comment on function core.current_request() is
$$The request id, as in the X-Request-Id header and the server's log; null outside of a request.$$;

create or replace function core.current_address()
returns inet
language sql
stable
parallel safe
security invoker
as $$
    select nullif(pg_catalog.current_setting('levqor.address', true), '')::inet
$$;
comment on function core.current_address() is
$$The client's address, or null outside of a request.$$;

create or replace function core.current_actor()
returns text
language sql
stable
parallel safe
security invoker
as $$
    select case
        when core.current_user_id() is not null then core.show_id('user', core.current_user_id())
        when core.current_key() is not null then core.show_id('key', core.current_key())
        when core.current_request() is not null then 'anonymous'
        when core.is_machinery()
            and 'levqor_server' in (session_user, pg_catalog.current_setting('role', true)) then 'system'
        else 'role:' || session_user
    end
$$;
comment on function core.current_actor() is
$$Who acts, for histories: user_…, key_…, anonymous, system, or role:NAME in psql.$$;

create or replace function core.show_actor(p_user_id uuid, p_key_id uuid)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select coalesce(core.show_id('user', p_user_id), core.show_id('key', p_key_id), 'anonymous')
$$;
comment on function core.show_actor(uuid, uuid) is
$$Who acts in a call, as core.current_actor() says it: user_…, key_… or anonymous. For plural doors.$$;

create or replace function core.enter_machinery()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.load_test_clock();
    -- Settings of a call last as long as its transaction: mostly there are none to take away.
    if concat(
        current_setting('levqor.sees_all', true), current_setting('levqor.account_id', true),
        current_setting('levqor.user_id', true), current_setting('levqor.key_id', true),
        current_setting('levqor.scopes', true), current_setting('levqor.address', true),
        current_setting('levqor.user_agent', true), current_setting('levqor.request_id', true),
        current_setting('levqor.wait_until', true), current_setting('levqor.hints', true)
    ) <> '' then
        perform core.set_caller(null, null, null, null, null, null, null);
    end if;
    perform set_config('levqor.machinery', 'on', true);
end;
$$;
comment on function core.enter_machinery() is
$$Begin the work of the machinery: no caller, all accounts visible, the clock loaded. First line of every entry point.$$;

create or replace function core.set_caller(
    p_account_id uuid,
    p_user_id uuid,
    p_key_id uuid,
    p_scopes text[],
    p_address text,
    p_user_agent text,
    p_request_id text,
    p_sees_all boolean default false
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform
        set_config('levqor.machinery', 'off', true),
        set_config('levqor.sees_all', case when p_sees_all then 'on' else '' end, true),
        set_config('levqor.account_id', coalesce(p_account_id::text, ''), true),
        set_config('levqor.user_id', coalesce(p_user_id::text, ''), true),
        set_config('levqor.key_id', coalesce(p_key_id::text, ''), true),
        set_config('levqor.scopes', coalesce(p_scopes::text, ''), true),
        set_config('levqor.address', coalesce(p_address, ''), true),
        set_config('levqor.user_agent', coalesce(p_user_agent, ''), true),
        set_config('levqor.request_id', coalesce(p_request_id, ''), true),
        set_config('levqor.wait_until', '', true),
        set_config('levqor.hints', '', true);
end;
$$;
comment on function core.set_caller(uuid, uuid, uuid, text[], text, text, text, boolean) is
$$Overwrite the whole context of a call, to empty where absent, and switch the machinery off.

p_sees_all: true for a platform key that acts for no account in particular.$$;

create or replace function core.hint(p_topic text, p_count integer default 1)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('levqor.request_id', true) <> '' or current_setting('levqor.machinery', true) = 'on' then
        perform set_config(
            'levqor.hints',
            coalesce(current_setting('levqor.hints', true), '') || p_topic || E'\t' || p_count || E'\n',
            true
        );
    else
        perform pg_notify('levqor', p_topic || E'\t' || p_count);
    end if;
end;
$$;
comment on function core.hint(text, integer) is
$$Say that there may be work on a topic, such as outbox or jobs/ACCOUNT/WORKFLOW. Never data: polling is the truth.

Inside a server's statement the hint travels with the answer (a NOTIFY in each commit would cost more than half of the
speed); in psql it is a NOTIFY on the channel levqor.$$;

create or replace function core.hint_all(p_topics text[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_topics is null or p_topics = '{}' then
        return;
    elsif current_setting('levqor.request_id', true) <> '' or current_setting('levqor.machinery', true) = 'on' then
        perform set_config(
            'levqor.hints',
            coalesce(current_setting('levqor.hints', true), '') || array_to_string(p_topics, E'\t1\n') || E'\t1\n',
            true
        );
    else
        perform pg_notify('levqor', t.topic || E'\t1') from unnest(p_topics) as t (topic);
    end if;
end;
$$;
comment on function core.hint_all(text[]) is
$$core.hint for many topics at once, none of which is empty.$$;

create or replace function core.take_hints()
returns text[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_hints text := current_setting('levqor.hints', true);
begin
    if v_hints is null or v_hints = '' then
        return '{}';
    end if;
    perform set_config('levqor.hints', '', true);
    return string_to_array(rtrim(v_hints, E'\n'), E'\n');
end;
$$;
comment on function core.take_hints() is
$$Give the hints collected so far, as TOPIC tab COUNT, and forget them. For entry points.$$;
