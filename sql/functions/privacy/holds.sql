-- Legal holds: what nothing may remove while a case is open.
--
-- Locks: who places or releases a hold takes the advisory lock of core.lock_holds() alone, and so waits for batches under way,
-- which are short. When it is placed, nothing under it goes any more.

create or replace function privacy.list_active_holds(p_table text default null)
returns setof privacy.hold
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select h.*
    from privacy.hold as h
    where h.released_at is null and h.from_at <= core.now() and (h.until_at is null or h.until_at > core.now())
        and (p_table is null or h.table_name is null or h.table_name = p_table)
    order by h.id
$$;
comment on function privacy.list_active_holds(text) is
$$The holds in force now: select * from privacy.list_active_holds(). p_table: only those that reach this table, schema.name.$$;

create or replace function privacy.find_holds(
    p_account_id uuid default null, p_user_id uuid default null, p_person_id bigint default null
)
returns setof privacy.hold
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select h.*
    from privacy.list_active_holds() as h
    where (h.account_id is null and h.user_id is null)
        or (h.account_id = p_account_id and (h.person_id is null or h.person_id = p_person_id))
        or exists (
            select
            from jsonb_to_recordset(h.identifiers) as n (is_anonymous boolean, identifier text)
            inner join growth.identifier as i
                on i.account_id = h.account_id and i.is_anonymous = n.is_anonymous and i.identifier = n.identifier
            where h.account_id = p_account_id and i.person_id = p_person_id
        )
        or h.user_id = p_user_id
        or exists (
            select
            from growth.person as p
            where p.account_id = p_account_id and p.person_id = p_person_id and p.user_id = h.user_id
        )
        or exists (
            select
            from growth.identifier as i
            inner join identity.user as u
                on i.identifier = any (array[u.email, lower(u.email), u.id::text, core.show_id('user', u.id)])
            where i.account_id = p_account_id and i.person_id = p_person_id and not i.is_anonymous and u.id = h.user_id
        )
$$;
comment on function privacy.find_holds(uuid, uuid, bigint) is
$$The holds in force that reach rows of an account, of a user, or of a person of growth in an account. Those of a whole table are
always among them. For whoever removes rows by person: it is refused, or spares what is held.$$;

create or replace function privacy.held_condition(p_table text)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_accounts uuid[];
    v_users uuid[];
    v_emails text[];
    v_columns text[];
    v_conditions text[] := '{}';
    v_tells_users boolean;
begin
    if not exists (select from privacy.list_active_holds(p_table)) then
        return 'false';
    end if;
    if exists (
        select from privacy.list_active_holds(p_table) as h
        where h.account_id is null and h.user_id is null
    ) then
        return 'true';
    end if;
    v_columns := array(
        select a.attname || ' ' || format_type(a.atttypid, null)
        from pg_attribute as a
        where a.attrelid = to_regclass(p_table) and a.attnum > 0 and not a.attisdropped
    );
    v_accounts := array(
        select distinct h.account_id
        from privacy.list_active_holds(p_table) as h
        where h.account_id is not null and h.person_id is null
    );
    v_users := array(select distinct h.user_id from privacy.list_active_holds(p_table) as h where h.user_id is not null);

    v_tells_users := p_table = 'identity.user' or v_columns && array[
        'user_id uuid', 'person_id bigint', 'actor text', 'email text', 'address text'
    ];
    if p_table = 'identity.user' then
        v_conditions := v_conditions || format('t.id = any (%L::uuid[])', v_users);
    end if;
    if 'user_id uuid' = any (v_columns) then
        v_conditions := v_conditions || format('t.user_id = any (%L::uuid[])', v_users);
    end if;
    -- Who did it, or to whom it was done.
    v_conditions := v_conditions || array(
        select format('t.%I = any (%L::text[])', c.name, array(select core.show_id('user', u.id) from unnest(v_users) as u (id)))
        from unnest(array['actor', 'target', 'requested_by', 'created_by']) as c (name)
        where c.name || ' text' = any (v_columns)
    );
    if v_columns && array['email text', 'address text'] then
        v_emails := array(select u.email from identity.user as u where u.id = any (v_users));
        v_conditions := v_conditions || array(
            select format('lower(t.%I collate "C") = any (%L::text[])', c.name, v_emails)
            from unnest(array['email', 'address']) as c (name)
            where c.name || ' text' = any (v_columns)
        );
    end if;
    if v_columns @> array['account_id uuid', 'person_id bigint'] then
        v_conditions := v_conditions || array(
            select format(
                't.account_id = %L::uuid and t.person_id = any (%L::bigint[])', p.account_id, array_agg(p.person_id order by p.person_id)
            )
            from (
                select h.account_id, h.person_id from privacy.list_active_holds(p_table) as h where h.person_id is not null
                union
                select i.account_id, i.person_id
                from privacy.list_active_holds(p_table) as h
                cross join lateral jsonb_to_recordset(h.identifiers) as n (is_anonymous boolean, identifier text)
                inner join growth.identifier as i
                    on i.account_id = h.account_id and i.is_anonymous = n.is_anonymous and i.identifier = n.identifier
                where h.person_id is not null
                union
                select g.account_id, g.person_id from growth.person as g where g.user_id = any (v_users)
                union
                -- By what analytics call the user, as when the user is erased.
                select i.account_id, i.person_id
                from identity.user as u
                cross join identity.account as a
                inner join growth.identifier as i
                    on i.account_id = a.id and not i.is_anonymous
                        and i.identifier = any (array[u.email, lower(u.email), u.id::text, core.show_id('user', u.id)])
                where u.id = any (v_users)
            ) as p
            group by p.account_id
            order by p.account_id
        );
    end if;
    -- A table that tells no users apart: all rows of the accounts that the user is a member of.
    if not v_tells_users then
        v_accounts := v_accounts || array(select m.account_id from identity.membership as m where m.user_id = any (v_users));
    end if;
    if p_table = 'identity.account' then
        v_conditions := v_conditions || format('t.id = any (%L::uuid[])', v_accounts);
    end if;
    v_conditions := v_conditions || array(
        select format('t.%I = any (%L::uuid[])', c.name, v_accounts)
        from unnest(array['account_id', 'only_account_id']) as c (name)
        where c.name || ' uuid' = any (v_columns)
    );
    v_conditions := array(select c.text from unnest(v_conditions) as c (text) where c.text not like '%= any (''{}''%');
    return case
        when v_conditions = '{}' then 'false' else array_to_string(v_conditions, ' or ')
    end;
end;
$$;
comment on function privacy.held_condition(text) is
$$SQL condition on a row t of a table: whether a hold in force reaches it. The text false when none reaches the table, true when the
whole table is held. Put it in parentheses: it is several, joined by or, so that indexes serve them; and a column that is null makes
it null, so what is not held is (…) is not true.

A hold on a user reaches rows that name the user by user_id, by e-mail, as actor or target, or by a person of growth; where a table
tells no users apart, all rows of the user's accounts.$$;

create or replace function privacy.publish_hold(p_hold privacy.hold)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from core.held as h where h.hold_id = p_hold.id;
    if p_hold.released_at is not null or p_hold.person_id is not null then
        -- Rows of a person of growth are removed by privacy alone.
        return;
    end if;
    insert into core.held (hold_id, id, table_name, account_id, address, from_at, until_at)
    select
        p_hold.id, row_number() over (order by r.account_id, r.address), p_hold.table_name, r.account_id, r.address,
        p_hold.from_at, p_hold.until_at
    from (
        select p_hold.account_id, null::text as address where p_hold.user_id is null
        union all
        select m.account_id, null from identity.membership as m where m.user_id = p_hold.user_id
        union all
        select null, u.email from identity.user as u where u.id = p_hold.user_id
    ) as r;
end;
$$;
comment on function privacy.publish_hold(privacy.hold) is
$$Write what a hold reaches into core.held, for those who remove old rows on other floors; take it away when it was released.$$;

create or replace function privacy.refresh_holds()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_hold privacy.hold;
    v_refreshed bigint := 0;
begin
    for v_hold in
        select h.* from privacy.hold as h where h.user_id is not null and h.released_at is null order by h.id
    loop
        if v_refreshed = 0 then
            perform core.lock_holds(p_is_shared => false);
        end if;
        perform privacy.publish_hold(v_hold);
        v_refreshed := v_refreshed + 1;
    end loop;
    return v_refreshed;
end;
$$;
comment on function privacy.refresh_holds() is
$$Hold what users have become members of since, and their new e-mail addresses. Gives how many holds were looked at.$$;

create or replace function privacy.place_hold(
    p_reason text,
    p_account_id uuid default null,
    p_user_id uuid default null,
    p_person_id bigint default null,
    p_table text default null,
    p_until_at timestamptz default null,
    p_from_at timestamptz default core.now(),
    p_actor text default core.current_actor()
)
returns privacy.hold
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_hold privacy.hold;
begin
    if num_nonnulls(p_account_id, p_user_id, p_person_id, p_table) = 0 then
        raise exception using
            errcode = 'LQ422', message = 'a hold must hold something',
            hint = 'Name an account, a user, a person of an account, or a table.';
    elsif p_user_id is not null and num_nonnulls(p_account_id, p_person_id) > 0
        or p_person_id is not null and p_account_id is null
    then
        raise exception using
            errcode = 'LQ422', message = 'a hold is of an account, of a user, or of a person of an account',
            hint = 'A person comes with its account; a user comes alone.';
    elsif length(btrim(coalesce(p_reason, ''))) not between 1 and 1000 then
        raise exception using
            errcode = 'LQ422', message = 'a hold needs a reason of 1 to 1000 characters',
            hint = 'Say which case, which order, and who asked.';
    elsif p_until_at <= greatest(p_from_at, core.now()) then
        raise exception using errcode = 'LQ422', message = 'the hold would be over before it begins';
    end if;
    if p_account_id is not null and not exists (select from identity.account as a where a.id = p_account_id) then
        raise exception using errcode = 'LQ404', message = 'no such account';
    elsif p_user_id is not null and not exists (select from identity.user as u where u.id = p_user_id) then
        raise exception using errcode = 'LQ404', message = 'no such user';
    elsif p_person_id is not null and not exists (
        select from growth.person as p where p.account_id = p_account_id and p.person_id = p_person_id
    ) then
        raise exception using errcode = 'LQ404', message = 'no such person';
    elsif p_table is not null and not (privacy.find_policy(p_table)).heeds_holds then
        raise exception using
            errcode = 'LQ422', message = 'legal holds do not reach this table',
            hint = 'It holds counts without persons, or copies that pass within minutes or days.';
    end if;
    -- Batches under way end first: they are short.
    perform core.lock_holds(p_is_shared => false);
    insert into privacy.hold (account_id, user_id, person_id, identifiers, table_name, reason, from_at, until_at, placed_by)
    values (
        p_account_id, p_user_id, p_person_id,
        coalesce((
            select jsonb_agg(jsonb_build_object('is_anonymous', i.is_anonymous, 'identifier', i.identifier))
            from growth.identifier as i
            where i.account_id = p_account_id and i.person_id = p_person_id
        ), '[]'),
        p_table, btrim(p_reason), coalesce(p_from_at, core.now()), p_until_at, left(p_actor, 200)
    )
    returning * into v_hold;
    perform privacy.publish_hold(v_hold);
    perform audit.record('privacy.place_hold', core.show_id('hold', v_hold.id), p_account_id, jsonb_strip_nulls(jsonb_build_object(
        'user_id', core.show_id('user', p_user_id), 'person_id', p_person_id, 'table', p_table, 'until', p_until_at
    )));
    return v_hold;
end;
$$;
comment on function privacy.place_hold(text, uuid, uuid, bigint, text, timestamptz, timestamptz, text) is
$$Hold rows for the law: from now on, nothing that removes old rows touches them:
select privacy.place_hold('case 12/2026', p_account_id => core.read_id('acct', 'acct_…')).

p_reason: the case, who asked. One of p_account_id; p_user_id; p_person_id with p_account_id; and or alone p_table, schema.name. p_until_at:
null holds until privacy.release_hold(). p_from_at: in force from then on. Waits for batches under way. Raises LQ404, LQ422.$$;

create or replace function privacy.find_hold(p_id uuid)
returns privacy.hold
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_hold privacy.hold;
begin
    select h.* into v_hold from privacy.hold as h where h.id = p_id;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such hold';
    end if;
    return v_hold;
end;
$$;
comment on function privacy.find_hold(uuid) is
$$A hold by its id. Raises LQ404.$$;

create or replace function privacy.release_hold(p_id uuid, p_reason text default null, p_actor text default core.current_actor())
returns privacy.hold
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_hold privacy.hold := privacy.find_hold(p_id);
begin
    if length(p_reason) > 1000 then
        raise exception using errcode = 'LQ422', message = 'the reason has at most 1000 characters';
    end if;
    perform core.lock_holds(p_is_shared => false);
    update privacy.hold as h
    set released_at = core.now(), released_by = left(p_actor, 200), released_reason = nullif(btrim(p_reason), '')
    where h.id = v_hold.id and h.released_at is null
    returning h.* into v_hold;
    if not found then
        -- Released before: that stays as it was.
        return privacy.find_hold(p_id);
    end if;
    perform privacy.publish_hold(v_hold);
    perform audit.record('privacy.release_hold', core.show_id('hold', v_hold.id), v_hold.account_id);
    return v_hold;
end;
$$;
comment on function privacy.release_hold(uuid, text, text) is
$$Release a hold: what is too old goes with the next run. The hold stays on record. Released again, nothing changes. Raises LQ404,
LQ422.$$;
