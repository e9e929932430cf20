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

set role levqor_owner;
