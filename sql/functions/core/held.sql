-- Legal holds, for whoever removes old rows on any floor. They are placed in privacy.
--
-- Locks: who removes rows shares an advisory lock to the end of the transaction; who places or changes a hold takes it alone.
-- So a hold that is placed has waited for what was under way, and everything later heeds it.

create or replace function core.lock_holds(p_is_shared boolean default true)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_is_shared then
        perform pg_advisory_xact_lock_shared(hashtextextended('core.held', 0));
    else
        perform pg_advisory_xact_lock(hashtextextended('core.held', 0));
    end if;
end;
$$;
comment on function core.lock_holds(boolean) is
$$Keep holds as they are until the transaction ends. p_is_shared: false for whoever changes them, who waits for those who remove rows.$$;

create or replace function core.held_accounts(p_table text)
returns uuid[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_accounts uuid[];
begin
    perform core.lock_holds();
    if exists (
        select
        from core.held as h
        where h.table_name = p_table and h.account_id is null and h.address is null
            and h.from_at <= v_now and (h.until_at is null or h.until_at > v_now)
    ) then
        return null;
    end if;
    select coalesce(array_agg(distinct h.account_id), '{}') into v_accounts
    from core.held as h
    where h.account_id is not null and (h.table_name is null or h.table_name = p_table)
        and h.from_at <= v_now and (h.until_at is null or h.until_at > v_now);
    return v_accounts;
end;
$$;
comment on function core.held_accounts(text) is
$$The accounts whose rows in a table nothing may remove now; null: none of the table's rows may go.

For whoever removes old rows: v_held := core.held_accounts('mail.message'), and then only rows that are not
coalesce(account_id = any (v_held), v_held is null). Waits while a hold is being placed.$$;

create or replace function core.held_addresses(p_table text)
returns text[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
begin
    perform core.lock_holds();
    return (
        select coalesce(array_agg(distinct h.address), '{}')
        from core.held as h
        where h.address is not null and (h.table_name is null or h.table_name = p_table)
            and h.from_at <= v_now and (h.until_at is null or h.until_at > v_now)
    );
end;
$$;
comment on function core.held_addresses(text) is
$$The e-mail addresses whose rows in a table nothing may remove now, as identity.user has them. See core.held_accounts().$$;

create or replace function core.has_held(p_relation regclass)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_held uuid[];
    v_has_held boolean := false;
begin
    select core.held_accounts(format('%s.%s', n.nspname, c.relname)) into v_held
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace
    where c.oid = coalesce((select i.inhparent from pg_inherits as i where i.inhrelid = p_relation), p_relation);
    if v_held is null then
        return true;
    end if;
    if v_held <> '{}' then
        execute format('select exists (select from %s as t where t.account_id = any ($1))', p_relation) into v_has_held
        using v_held;
    end if;
    return v_has_held;
end;
$$;
comment on function core.has_held(regclass) is
$$Whether a table or partition holds rows that nothing may remove now. For whoever drops days: one that does stays, and data
retention removes its other rows in batches. The table has the column account_id.$$;
