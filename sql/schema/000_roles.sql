-- Roles. They belong to the cluster, not to a database, so this file makes what is missing and changes nothing else.
-- Run by a superuser, or by a login with CREATEROLE that may create schemas in this database.

do $$
declare
    v_role record;
begin
    for v_role in
        select *
        from (values
            ('levqor_owner', 'owns every LevqorPG object; nobody logs in as it'),
            ('levqor_server', 'the server: may execute the entry points and nothing else'),
            ('levqor_dba', 'reads everything but the live hot tables and runs the analytics'),
            ('levqor_bi', 'reads the schema bi and nothing else')
        ) as r (name, comment)
    loop
        if not exists (select from pg_catalog.pg_roles as r where r.rolname = v_role.name) then
            execute format('create role %I nologin noinherit', v_role.name);
            execute format('comment on role %I is %L', v_role.name, v_role.comment);
        end if;
    end loop;
end;
$$;

-- The deploying login works as the owner. From PostgreSQL 16 on, a creator is a member who may not yet SET ROLE.
do $$
declare
    v_right text := case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end;
    v_role text;
begin
    foreach v_role in array array['levqor_owner', 'levqor_server'] loop
        if not pg_catalog.pg_has_role(current_user, v_role, v_right) then
            execute format('grant %I to %I', v_role, current_user);
        end if;
    end loop;
    if not pg_catalog.has_database_privilege('levqor_owner', current_database(), 'create') then
        execute format('grant create on database %I to levqor_owner', current_database());
    end if;
end;
$$;

-- What a login as levqor_bi begins with, so that a query or a transaction that a BI tool forgot ends by itself. No barrier: a
-- session may change these, its rights keep it out of all but bi. What is set already stays. Managed services may refuse it.
do $$
declare
    v_setting record;
begin
    for v_setting in
        select s.name, s.value
        from (values
            ('statement_timeout', '60s'),
            ('idle_in_transaction_session_timeout', '60s'),
            ('default_transaction_read_only', 'on')
        ) as s (name, value)
        where not exists (
            select
            from pg_catalog.pg_db_role_setting as d
            cross join lateral unnest(d.setconfig) as c (text)
            where d.setrole = 'levqor_bi'::regrole and d.setdatabase = 0 and starts_with(c.text, s.name || '=')
        )
    loop
        execute format('alter role levqor_bi set %I = %L', v_setting.name, v_setting.value);
    end loop;
    if (select r.rolconnlimit = -1 from pg_catalog.pg_roles as r where r.rolname = 'levqor_bi') then
        alter role levqor_bi connection limit 20;
    end if;
exception
    when insufficient_privilege then
        raise warning 'levqor_bi has no time-outs: %', sqlerrm
        using hint = 'Have somebody who may do it run the statements of docs/how-to/connect-a-bi-tool.md.';
end;
$$;

set role levqor_owner;
