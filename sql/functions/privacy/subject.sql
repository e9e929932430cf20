-- Who a person is: all names that lead to rows, as keyed hashes too, and the legal holds on them.

insert into privacy.hash_key (key) values (core.random_bytes(32)) on conflict on constraint hash_key_pkey do nothing;

create or replace function privacy.hash_name(p_kind text, p_name text)
returns bytea
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- No kind holds a line feed: two kinds never meet.
    return (select inbox.hmac_sha256(k.key, convert_to(p_kind || E'\n' || p_name, 'UTF8')) from privacy.hash_key as k);
end;
$$;
comment on function privacy.hash_name(text, text) is
$$A name of a person as a keyed hash: HMAC-SHA256 with privacy.hash_key. Null when the key was destroyed.

p_kind: user (name: the uuid), address (name: the e-mail, normalised), person (ACCOUNT/PERSON_ID), identifier (ACCOUNT/true or
false/IDENTIFIER).$$;

create or replace function privacy.find_subject(
    p_user_id uuid default null,
    p_email text default null,
    p_account_id uuid default null,
    p_identifier text default null,
    p_is_anonymous boolean default false,
    p_person_id bigint default null
)
returns privacy.subject
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_subject privacy.subject;
    v_email text := identity.normalise_email(p_email);
begin
    if num_nonnulls(p_user_id, p_email, p_identifier, p_person_id) <> 1 then
        raise exception using
            errcode = 'LQ422', message = 'a person is named in one way',
            hint = 'Give one of user_id, email, identifier, person_id; the last two with account_id.';
    end if;
    if p_account_id is null and (p_identifier is not null or p_person_id is not null) then
        raise exception using
            errcode = 'LQ422', message = 'an identifier means nothing without its account', hint = 'Give account_id too.';
    end if;
    if p_account_id is not null and p_user_id is not null then
        raise exception using
            errcode = 'LQ422', message = 'a user belongs to the deployment, not to one account',
            hint = 'Leave account_id out, or name the person as the account does, by email, identifier or person_id.';
    end if;
    if p_email is not null and v_email collate "C" !~ '^[^@[:space:]]+@[^@[:space:]]+$' then
        raise exception using
            errcode = 'LQ422', message = 'that is no e-mail address',
            hint = 'It has one @ with something on both sides, and no spaces.';
    end if;

    v_subject.scope := p_account_id;
    v_subject.users := array(
        select u.id
        from identity.user as u
        where p_account_id is null and (u.id = p_user_id or u.email = v_email)
    );
    v_subject.addresses := array(
        select u.email from identity.user as u where u.id = any (v_subject.users)
        union
        -- As mail.message has it.
        select lower(u.email) from identity.user as u where u.id = any (v_subject.users)
        union
        select a.email from unnest(array[v_email, lower(v_email)]) as a (email) where a.email is not null
        order by 1
    );
    v_subject.names := array(
        select coalesce(nullif(btrim(u.name), ''), left(u.email, 200)) from identity.user as u where u.id = any (v_subject.users)
        union
        select left(a.address, 200) from unnest(v_subject.addresses) as a (address)
    );
    v_subject.marks := array(
        select 'address:' || encode(substring(sha256(convert_to(a.address, 'UTF8')) for 8), 'hex')
        from unnest(v_subject.addresses) as a (address)
        where p_account_id is null
    );
    -- Also when somebody else has joined since: then it is not the person's alone.
    v_subject.accounts := array(
        select a.id
        from identity.account as a
        where a.kind = 'personal' and exists (
            select from identity.membership as m where m.account_id = a.id and m.user_id = any (v_subject.users)
        ) and not exists (
            select from identity.membership as m where m.account_id = a.id and not m.user_id = any (v_subject.users)
        )
        order by a.id
    );
    v_subject.keys := array(select k.id from keys.api_key as k where k.account_id = any (v_subject.accounts) order by k.id);
    v_subject.actors := array(
        -- One who was erased already is still looked for under the id given.
        select core.show_id('user', u.id)
        from (select unnest(v_subject.users) union select p_user_id where p_user_id is not null) as u (id)
        union all
        select core.show_id('key', k.id) from unnest(v_subject.keys) as k (id)
    );

    select coalesce(array_agg(p.account_id order by p.account_id, p.person_id), '{}'),
        coalesce(array_agg(p.person_id order by p.account_id, p.person_id), '{}')
    into v_subject.person_accounts, v_subject.persons
    from (
        select p.account_id, p.person_id
        from growth.person as p
        where p.user_id = any (v_subject.users)
        union
        select i.account_id, i.person_id
        from growth.identifier as i
        where not i.is_anonymous and (p_account_id is null or i.account_id = p_account_id)
            and i.account_id in (select a.id from identity.account as a)
            and i.identifier = any (v_subject.actors
                || array(select u.id::text from unnest(v_subject.users || p_user_id) as u (id) where u.id is not null))
        union
        -- As it was sent, in whatever case.
        select i.account_id, i.person_id
        from growth.identifier as i
        where not i.is_anonymous and (p_account_id is null or i.account_id = p_account_id)
            and lower(i.identifier) = any (v_subject.addresses)
        union
        select i.account_id, i.person_id
        from growth.identifier as i
        where i.account_id = p_account_id and i.is_anonymous = p_is_anonymous and i.identifier = p_identifier
        union
        select p.account_id, p.person_id
        from growth.person as p
        where p.account_id = p_account_id and p.person_id = p_person_id
    ) as p;
    v_subject.identifiers := array(
        select i.account_id || '/' || i.is_anonymous || '/' || i.identifier
        from unnest(v_subject.person_accounts, v_subject.persons) as p (account_id, person_id)
        inner join growth.identifier as i on i.account_id = p.account_id and i.person_id = p.person_id
        union
        select p_account_id || '/' || p_is_anonymous || '/' || p_identifier
        where p_identifier is not null
        order by 1
    );
    -- The first says who the person is, however it was asked for.
    select array_agg(privacy.hash_name(d.kind, d.name) order by d.place, d.name) into v_subject.digests
    from (
        select 1, 'user', u.id::text
        from (select unnest(v_subject.users) union select p_user_id where p_user_id is not null) as u (id)
        union all
        select 2, 'address', coalesce(p_account_id || '/', '') || a.address from unnest(v_subject.addresses) as a (address)
        union all
        select 3, 'identifier', i.identifier from unnest(v_subject.identifiers) as i (identifier)
        union all
        select 4, 'person', p.account_id || '/' || p.person_id
        from unnest(v_subject.person_accounts, v_subject.persons) as p (account_id, person_id)
        union all
        select 4, 'person', p_account_id || '/' || p_person_id
        where p_person_id is not null and not p_person_id = any (v_subject.persons)
    ) as d (place, kind, name);
    return v_subject;
end;
$$;
comment on function privacy.find_subject(uuid, text, uuid, text, boolean, bigint) is
$$All that leads to a person's rows. Raises LQ422 unless the person is named in one way. Somebody who is not there has nothing in it but
the name that was given.

p_user_id or p_email alone: the person wherever the deployment has it: as a user, in the accounts that are the person's alone, and in
the analytics of every account that names the user or the e-mail. p_account_id with p_email, p_identifier (p_is_anonymous: it is an
anonymous_id) or p_person_id: the person as that account knows it, and nothing outside of the account.$$;

create or replace function privacy.find_subject_holds(p_subject privacy.subject)
returns setof privacy.hold
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select h.*
    from privacy.list_active_holds() as h
    where h.id in (
        select f.id from unnest(p_subject.users) as u (id) cross join lateral privacy.find_holds(p_user_id => u.id) as f
        union all
        select f.id
        from unnest(p_subject.person_accounts, p_subject.persons) as p (account_id, person_id)
        cross join lateral privacy.find_holds(p_account_id => p.account_id, p_person_id => p.person_id) as f
        union all
        select f.id
        from (
            select unnest(p_subject.accounts)
            union
            select m.account_id from identity.membership as m where m.user_id = any (p_subject.users)
        ) as a (id)
        cross join lateral privacy.find_holds(p_account_id => a.id) as f
    )
    -- Of a table: of whoever has rows in it that would go.
    and (h.table_name is null or privacy.has_rows(h.table_name, p_subject))
    union
    select r.* from privacy.find_row_holds(p_subject) as r
    order by placed_at, id
$$;
comment on function privacy.find_subject_holds(privacy.subject) is
$$The legal holds in force that keep a person from being erased.

Those on the person as a user or in analytics, on an account that the person is a member of or whose analytics name the person, on
a table that has rows of the person which would go, and those on anybody else that reach a row which would go.$$;

create or replace function privacy.find_row_holds(p_subject privacy.subject)
returns setof privacy.hold
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_lookup privacy.lookup;
    v_held text;
    v_row jsonb;
    v_account_id uuid;
begin
    for v_lookup in
        select l.*
        from privacy.lookup as l
        where exists (
            select from privacy.column_rule as r where r.table_name = l.table_name and r.path = l.path and r.way <> 'keep'
        ) and not exists (
            -- Copies that pass, which no hold reaches.
            select from privacy.policy as p where p.table_name = l.table_name and not p.heeds_holds
        ) and exists (select from privacy.list_active_holds(l.table_name))
        order by l.position, l.table_name, l.path
    loop
        continue when not privacy.concerns(v_lookup, p_subject);
        v_held := privacy.held_condition(v_lookup.table_name);
        continue when v_held = 'false';
        execute format(
            'select to_jsonb(t) from %s as t where %s and (%s) limit 1', to_regclass(v_lookup.table_name),
            privacy.find_condition(v_lookup), v_held
        )
        into v_row using p_subject;
        continue when v_row is null;
        v_account_id := case when v_lookup.table_name = 'identity.account' then v_row ->> 'id' else v_row ->> 'account_id' end;
        -- One is enough to refuse. Where the row does not tell which, the oldest that reaches the table.
        return query
        select h.*
        from privacy.list_active_holds(v_lookup.table_name) as h
        left join identity.user as u on u.id = h.user_id
        order by (
            h.id in (select f.id from privacy.find_holds(v_account_id, p_person_id => (v_row ->> 'person_id')::bigint) as f)
            or exists (
                select
                from jsonb_each_text(v_row) as c
                where c.value in (h.user_id::text, core.show_id('user', h.user_id))
                    or c.key in ('email', 'address') and lower(c.value collate "C") = u.email
            )
        ) desc, exists (
            select from identity.membership as m where m.user_id = h.user_id and m.account_id = v_account_id
        ) desc, h.placed_at, h.id
        limit 1;
    end loop;
end;
$$;
comment on function privacy.find_row_holds(privacy.subject) is
$$The legal holds in force that reach rows which an erasure would remove or change, whoever they are on: for each way to rows, one.$$;

create or replace function privacy.has_rows(p_table text, p_subject privacy.subject)
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_lookup privacy.lookup;
    v_has boolean;
begin
    for v_lookup in
        select l.*
        from privacy.lookup as l
        where l.table_name = p_table and exists (
            select from privacy.column_rule as r
            where r.table_name = l.table_name and r.path = l.path and r.way <> 'keep'
        )
        order by l.position
    loop
        continue when not privacy.concerns(v_lookup, p_subject);
        execute format(
            'select exists (select from %s as t where %s)', to_regclass(p_table), privacy.compile_condition(v_lookup.condition)
        )
        into v_has using p_subject;
        if v_has then
            return true;
        end if;
    end loop;
    return false;
end;
$$;
comment on function privacy.has_rows(text, privacy.subject) is
$$Whether a table has rows of a person that an erasure would remove or change. p_table: schema.table.$$;
