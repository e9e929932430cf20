-- Who is meant: the persons of a batch of events, by the identifiers that come with them.

create or replace function growth.find_persons(p_account_id uuid, p_user_ids text[], p_anonymous_ids text[])
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set plan_cache_mode = force_generic_plan
as $$
begin
    return (
        select array_agg(coalesce(k.person_id, a.person_id) order by e.place)
        from unnest(p_user_ids, p_anonymous_ids) with ordinality as e (user_id, anonymous_id, place)
        left join lateral (
            select i.person_id
            from growth.identifier as i
            where i.account_id = p_account_id and not i.is_anonymous and i.identifier = e.user_id
            offset 0
        ) as k on true
        left join lateral (
            select i.person_id
            from growth.identifier as i
            where i.account_id = p_account_id and i.is_anonymous and i.identifier = e.anonymous_id
            offset 0
        ) as a on true
    );
end;
$$;
comment on function growth.find_persons(uuid, text[], text[]) is
$$The persons of events, in their order: by user_id, or else by anonymous_id; null where neither is there yet.

Volatile, so that it sees what its caller's transaction, and others meanwhile, have added.$$;

create or replace function growth.user_of(p_identifier text)
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if length(p_identifier) not in (32, 36, 37) then
        return null;
    end if;
    return (select u.id from identity.user as u where u.id = core.read_id('user', p_identifier));
end;
$$;
comment on function growth.user_of(text) is
$$The user of this deployment whose id an identifier is (user_…, or the bare UUID), as far as the caller may see users; otherwise
null.$$;

create or replace function growth.add_identifiers(
    p_account_id uuid,
    p_is_anonymous boolean,
    p_identifiers text[],
    p_person_ids bigint[],
    p_first_ats timestamptz[]
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
as $$
declare
    v_person_ids bigint[];
    v_made bigint[];
    v_added bigint;
begin
    -- Numbers for those who are nobody yet. Another session may add the same identifier at this moment: then it is the
    -- other's person, and ours goes again.
    select array_agg(coalesce(e.person_id, e.made) order by e.place), array_agg(e.made order by e.made)
    into v_person_ids, v_made
    from (
        select n.person_id, n.place, case when n.person_id is null then nextval('growth.person_person_id_seq') end as made
        from unnest(p_person_ids) with ordinality as n (person_id, place)
    ) as e;
    insert into growth.person (account_id, person_id, user_id, first_event_at)
    overriding system value
    select
        p_account_id, e.person_id, case when not p_is_anonymous then growth.user_of(e.identifier) end, e.first_at
    from unnest(p_identifiers, v_person_ids, p_person_ids, p_first_ats) as e (identifier, person_id, known_id, first_at)
    where e.known_id is null;
    insert into growth.identifier (account_id, is_anonymous, identifier, person_id, seen_at)
    select p_account_id, p_is_anonymous, e.identifier, e.person_id, e.first_at
    from unnest(p_identifiers, v_person_ids, p_first_ats) as e (identifier, person_id, first_at)
    order by e.identifier
    on conflict do nothing;
    get diagnostics v_added = row_count;
    if v_added < cardinality(p_identifiers) then
        delete from growth.person as p
        where p.account_id = p_account_id and p.person_id = any (v_made)
            and not exists (
                select from growth.identifier as i where i.account_id = p_account_id and i.person_id = p.person_id
            );
    end if;
    return v_added;
end;
$$;
comment on function growth.add_identifiers(uuid, boolean, text[], bigint[], timestamptz[]) is
$$Add identifiers to persons, and make a person for each one without. Gives how many were added; the others are there already.

The arrays go by identifier, each of which comes once. p_first_ats: when the first event happened that names it here. A null in
p_person_ids makes a person, whose first event that is, and who is the user whose id the identifier is.$$;

create or replace function growth.join_identifiers(p_account_id uuid, p_user_id text, p_anonymous_id text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_known bigint := (growth.find_persons(p_account_id, array[p_user_id], array[null::text]))[1];
    v_anonymous bigint := (growth.find_persons(p_account_id, array[null::text], array[p_anonymous_id]))[1];
    v_user_id uuid;
begin
    v_user_id := growth.user_of(p_user_id);
    if v_known is null and v_user_id is not null then
        -- The same user under another form of the id.
        select p.person_id into v_known
        from growth.person as p
        where p.account_id = p_account_id and p.user_id = v_user_id
        order by p.person_id
        limit 1;
    end if;
    if v_anonymous is null or v_known = v_anonymous or exists (
        select from growth.identifier as i
        where i.account_id = p_account_id and i.person_id = v_anonymous and not i.is_anonymous
    ) then
        return;
    end if;
    if v_known is not null then
        perform growth.merge_persons(p_account_id, v_anonymous, v_known);
        return;
    end if;
    insert into growth.identifier (account_id, is_anonymous, identifier, person_id, seen_at)
    select p_account_id, false, p_user_id, v_anonymous, i.seen_at
    from growth.identifier as i
    where i.account_id = p_account_id and i.is_anonymous and i.identifier = p_anonymous_id;
    if v_user_id is not null then
        update growth.person as p set user_id = v_user_id where p.account_id = p_account_id and p.person_id = v_anonymous;
    end if;
end;
$$;
comment on function growth.join_identifiers(uuid, text, text) is
$$Make one person of a user and an anonymous person, under growth.lock_account: the anonymous one is merged into the user's, or becomes
it when the user is new. Nothing happens when the anonymous one is a user already, or not there.$$;

create or replace function growth.resolve_persons(
    p_account_id uuid,
    p_user_ids text[],
    p_anonymous_ids text[],
    p_event_ats timestamptz[],
    p_is_alone boolean
)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_identifiers text[];
    v_person_ids bigint[];
    v_first_ats timestamptz[];
    v_are_more boolean;
    v_added bigint;
    v_same record;
begin
    -- Anonymous persons who turn out to be a user. An anonymous id goes with the user who is named with it first.
    for v_same in
        select f.user_id, f.anonymous_id
        from (
            select distinct on (e.anonymous_id) e.anonymous_id, e.user_id, e.place
            from unnest(p_user_ids, p_anonymous_ids) with ordinality as e (user_id, anonymous_id, place)
            where e.user_id is not null and e.anonymous_id is not null
            order by e.anonymous_id, e.place
        ) as f
        cross join lateral (
            select i.person_id
            from growth.identifier as i
            where i.account_id = p_account_id and i.is_anonymous and i.identifier = f.anonymous_id
            offset 0
        ) as a
        where not exists (
            select from growth.identifier as i
            where i.account_id = p_account_id and i.person_id = a.person_id and not i.is_anonymous
        )
        order by f.place
    loop
        if not p_is_alone then
            raise exception using errcode = 'LQUND', message = 'persons turn out to be one';
        end if;
        perform growth.join_identifiers(p_account_id, v_same.user_id, v_same.anonymous_id);
    end loop;

    -- Another session may name the same user in another form of the id at this moment: who comes second waits, and finds the person.
    perform pg_advisory_xact_lock(growth.lock_key('user', p_account_id || ' ' || u.user_id))
    from (
        select distinct growth.user_of(e.user_id) as user_id
        from unnest(p_user_ids) as e (user_id)
        where e.user_id is not null
        order by 1
    ) as u
    where u.user_id is not null;
    -- New users. Of one who is named in several forms of the id the first is added first, and is there for the others.
    loop
        select
            array_agg(n.user_id) filter (where n.form = 1), array_agg(n.person_id) filter (where n.form = 1),
            array_agg(n.first_at) filter (where n.form = 1), max(n.form) > 1
        into v_identifiers, v_person_ids, v_first_ats, v_are_more
        from (
            select
                m.user_id, m.first_at, o.person_id,
                row_number() over (partition by coalesce(u.user_id::text, m.user_id) order by m.user_id) as form
            from (
                select e.user_id, min(e.event_at) as first_at
                from unnest(p_user_ids, p_event_ats) as e (user_id, event_at)
                where e.user_id is not null
                group by e.user_id
            ) as m
            -- The user is found first, apart: below row-level security no index serves a comparison with what is not leakproof.
            cross join lateral (select growth.user_of(m.user_id) as user_id offset 0) as u
            left join lateral (
                -- The same user under another form of the id.
                select p.person_id
                from growth.person as p
                where p.account_id = p_account_id and p.user_id = u.user_id
                order by p.person_id
                limit 1
            ) as o on u.user_id is not null
            where not exists (
                select from growth.identifier as i
                where i.account_id = p_account_id and not i.is_anonymous and i.identifier = m.user_id
            )
        ) as n;
        if v_identifiers is not null then
            perform growth.add_identifiers(p_account_id, false, v_identifiers, v_person_ids, v_first_ats);
        end if;
        exit when v_are_more is not true;
    end loop;

    -- New anonymous ids: of the user who is named with it first, or of a person of its own.
    select array_agg(n.anonymous_id), array_agg(n.person_id), array_agg(n.first_at)
    into v_identifiers, v_person_ids, v_first_ats
    from (
        select m.anonymous_id, m.first_at, k.person_id
        from (
            -- Events of another user, named with it later, are not its person's.
            select
                e.anonymous_id, min(e.event_at) filter (where e.user_id is null or e.user_id = e.first_user_id) as first_at,
                min(e.first_user_id) as user_id
            from (
                select
                    u.anonymous_id, u.user_id, u.event_at,
                    first_value(u.user_id) over (partition by u.anonymous_id order by u.user_id is null, u.place) as first_user_id
                from unnest(p_user_ids, p_anonymous_ids, p_event_ats) with ordinality as u (user_id, anonymous_id, event_at, place)
                where u.anonymous_id is not null
            ) as e
            group by e.anonymous_id
        ) as m
        left join lateral (
            select i.person_id
            from growth.identifier as i
            where i.account_id = p_account_id and not i.is_anonymous and i.identifier = m.user_id
            offset 0
        ) as k on true
        where not exists (
            select from growth.identifier as i
            where i.account_id = p_account_id and i.is_anonymous and i.identifier = m.anonymous_id
        )
    ) as n;
    if v_identifiers is not null then
        v_added := growth.add_identifiers(p_account_id, true, v_identifiers, v_person_ids, v_first_ats);
        -- Added by another session meanwhile, an anonymous person may be a user who is named with it here.
        if v_added < cardinality(v_identifiers) and not p_is_alone and exists (
            select
            from unnest(p_user_ids, p_anonymous_ids) as e (user_id, anonymous_id)
            where e.user_id is not null and e.anonymous_id is not null
        ) then
            raise exception using errcode = 'LQUND', message = 'persons turn out to be one';
        end if;
    end if;
    return growth.find_persons(p_account_id, p_user_ids, p_anonymous_ids);
end;
$$;
comment on function growth.resolve_persons(uuid, text[], text[], timestamptz[], boolean) is
$$The persons of a batch of events, in their order, making and joining whom it needs.

p_is_alone: the caller has growth.lock_account. Without it LQUND is raised when an anonymous person turns out to be a user.$$;
