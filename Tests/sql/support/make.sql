-- Roles to become, and rows that tests need. Loaded into the schema test before the run.
\echo 1..0 # SKIP helpers, loaded before the run
set client_min_messages = warning;
create schema if not exists test;
grant usage on schema test to public;

create or replace function test.become(p_role text, p_is_machinery boolean default false)
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('role', p_role, true);
    perform set_config('levqor.machinery', case when p_is_machinery then 'on' else 'off' end, true);
    return p_role;
end;
$$;
comment on function test.become(text, boolean) is
$$Work as a role until the end of the test; none goes back to the login. p_is_machinery: row-level security shows all accounts.$$;

create or replace function test.act_for(p_account_id uuid)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.set_caller(p_account_id, null, null, null, null, null, null);
    return p_account_id;
end;
$$;
comment on function test.act_for(uuid) is
$$Run what follows in the name of an account, as an API function would see it; null for nobody.$$;

create or replace function test.make_account(p_name text default 'Test account')
returns uuid
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into identity.account (name) values (p_name) returning id
$$;
comment on function test.make_account(text) is
$$Make an account. As the login, or as levqor_owner with the machinery on.$$;

create or replace function test.make_key(
    p_account_id uuid default null,
    p_scopes text[] default array['jobs:submit', 'jobs:read', 'jobs:work', 'events:write', 'analytics:read', 'keys:manage']
)
returns text
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select k.key from keys.create_key(coalesce(p_account_id, test.make_account()), 'test key', p_scopes) as k
$$;
comment on function test.make_key(uuid, text[]) is
$$Make an API key and give its text; of a new account when none is named.$$;

create or replace function test.key_account(p_key text)
returns uuid
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select t.account_id from keys.read_text(p_key) as t
$$;
comment on function test.key_account(text) is
$$The account a key belongs to.$$;

grant execute on all functions in schema test to public;
