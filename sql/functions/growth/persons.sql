-- Persons: how an account is counted, two that turn out to be one, and counting again.
--
-- Locks: whoever adds events of an account shares its advisory lock (growth.share_account); whoever changes whose events
-- are, removes some, or changes how they are counted has it alone (growth.lock_account), before any row. So no event is
-- added to a person that is merged or erased meanwhile, and all that is counted from events can be read and written in peace.
-- Holding it shared, nobody asks for it alone: two who do would wait for each other.

create or replace function growth.lock_key(p_what text, p_of text)
returns bigint
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.hashtextextended('growth.' || p_what || ' ' || p_of, 0)
$$;
comment on function growth.lock_key(text, text) is
$$The key of an advisory lock: 64 bits of a hash. p_what: account or day. p_of: its id, or its date.$$;

create or replace function growth.lock_account(p_account_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(growth.lock_key('account', p_account_id::text));
end;
$$;
comment on function growth.lock_account(uuid) is
$$Keep everybody else from adding, moving or counting events of an account until the end of the transaction. Waits for those who
do.$$;

create or replace function growth.share_account(p_account_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock_shared(growth.lock_key('account', p_account_id::text));
end;
$$;
comment on function growth.share_account(uuid) is
$$Add events of an account until the end of the transaction, beside others who do, while nobody moves or counts them.$$;

create or replace function growth.definition_of(p_account_id uuid)
returns growth.definition
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_definition growth.definition;
begin
    select d.* into v_definition from growth.definition as d where d.account_id = p_account_id;
    if not found then
        v_definition.account_id := p_account_id;
        v_definition.time_zone := 'UTC';
    end if;
    return v_definition;
end;
$$;
comment on function growth.definition_of(uuid) is
$$How the analytics of an account are counted: its row of growth.definition, or, without one, UTC and every event (active_names
null).$$;

create or replace function growth.note_stale_days(p_account_id uuid, p_person_ids bigint[])
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
    v_noted bigint;
begin
    insert into growth.stale_day (account_id, day)
    select distinct p_account_id, a.month + n.bit
    from growth.activity as a
    cross join generate_series(0, 30) as n (bit)
    where a.account_id = p_account_id and a.person_id = any (p_person_ids) and a.days >> n.bit & 1 = 1;
    get diagnostics v_noted = row_count;
    return v_noted;
end;
$$;
comment on function growth.note_stale_days(uuid, bigint[]) is
$$Note that rollups of all days on which these persons are active have to be made again. Gives how many days that are.$$;

create or replace function growth.recount_person(p_account_id uuid, p_person_id bigint)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_definition growth.definition;
    v_person growth.person;
    v_oldest_at timestamptz := growth.oldest_month();
    v_oldest_day date;
    v_first_at timestamptz;
begin
    perform growth.lock_account(p_account_id);
    select p.* into v_person from growth.person as p
    where p.account_id = p_account_id and p.person_id = p_person_id
    for update;
    if not found then
        return;
    end if;
    v_definition := growth.definition_of(p_account_id);
    v_oldest_day := ((v_oldest_at at time zone v_definition.time_zone) - interval '1 microsecond')::date;
    perform growth.note_stale_days(p_account_id, array[p_person_id]);

    select min(e.event_at) into v_first_at
    from growth.event as e
    where e.account_id = p_account_id and e.person_id = p_person_id;
    -- What was first in a month that is gone was first still.
    v_first_at := least(v_first_at, case when v_person.first_event_at < v_oldest_at then v_person.first_event_at end);

    with counted as (
        select date_trunc('month', d.day::timestamp)::date as month, bit_or(1 << extract(day from d.day)::integer - 1) as days
        from (
            select distinct (e.event_at at time zone v_definition.time_zone)::date as day
            from growth.event as e
            where e.account_id = p_account_id and e.person_id = p_person_id
                and (v_definition.active_names is null or e.name = any (v_definition.active_names))
        ) as d
        group by 1
    ),
    wanted as (
        -- Days that begin before the oldest month keep what is set.
        select m.month, bit_or(m.days) as days
        from (
            select c.month, c.days from counted as c
            union all
            select a.month, case
                when a.month > v_oldest_day then 0
                when v_oldest_day - a.month >= 30 then a.days
                else a.days & (1 << v_oldest_day - a.month + 1) - 1
            end
            from growth.activity as a
            where a.account_id = p_account_id and a.person_id = p_person_id
        ) as m
        group by m.month
    ),
    gone as (
        delete from growth.activity as a
        using wanted as w
        where a.account_id = p_account_id and a.person_id = p_person_id and a.month = w.month and w.days = 0
    )
    insert into growth.activity as a (account_id, person_id, month, days)
    select p_account_id, p_person_id, w.month, w.days from wanted as w where w.days <> 0 order by w.month
    on conflict (account_id, person_id, month) do update set days = excluded.days
    where a.days <> excluded.days;

    update growth.person as p set first_event_at = v_first_at
    where p.account_id = p_account_id and p.person_id = p_person_id and p.first_event_at is distinct from v_first_at;
    update growth.identifier as i set seen_at = v_first_at
    where i.account_id = p_account_id and i.person_id = p_person_id
        and (v_first_at is null or i.seen_at < v_first_at);
    perform growth.note_stale_days(p_account_id, array[p_person_id]);
end;
$$;
comment on function growth.recount_person(uuid, bigint) is
$$Count a person's activity and first event again from the events that are there, and note the days on which it was or is active as
stale. For whoever has removed or changed events of the person, in the same transaction.

Days of months that were dropped stay as they were counted. A person without events is left without activity and with first_event_at
null; it is the caller's to remove. Takes growth.lock_account. An unknown person changes nothing.$$;

create or replace function growth.merge_persons(p_account_id uuid, p_from bigint, p_into bigint)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_from growth.person;
    v_into growth.person;
    v_zone text;
    v_moved bigint;
begin
    perform growth.lock_account(p_account_id);
    v_zone := (growth.definition_of(p_account_id)).time_zone;
    perform from growth.person as p
    where p.account_id = p_account_id and p.person_id in (p_from, p_into)
    order by p.person_id
    for update;
    select p.* into v_from from growth.person as p where p.account_id = p_account_id and p.person_id = p_from;
    select p.* into v_into from growth.person as p where p.account_id = p_account_id and p.person_id = p_into;
    if v_from.person_id is null or v_into.person_id is null then
        raise exception using errcode = 'LQ404', message = 'no such person';
    end if;
    if p_from = p_into then
        raise exception using
            errcode = 'LQ422', message = 'a person cannot be merged with itself', hint = 'Name two persons.';
    end if;

    perform growth.note_stale_days(
        p_account_id,
        -- Who begins earlier than before has all days counted in another cohort.
        case when v_from.first_event_at < v_into.first_event_at then array[p_from, p_into] else array[p_from] end
    );
    -- Days of events that are no activity too: they have other persons.
    insert into growth.stale_day (account_id, day)
    select distinct p_account_id, (e.event_at at time zone v_zone)::date
    from growth.event as e
    where e.account_id = p_account_id and e.person_id = p_from;
    update growth.event as e set person_id = p_into where e.account_id = p_account_id and e.person_id = p_from;
    get diagnostics v_moved = row_count;
    update growth.identifier as i set person_id = p_into where i.account_id = p_account_id and i.person_id = p_from;
    -- Both sides are exact, so together they are: no event has to be read, and months that are gone count on.
    insert into growth.activity as a (account_id, person_id, month, days)
    select o.account_id, p_into, o.month, o.days
    from growth.activity as o
    where o.account_id = p_account_id and o.person_id = p_from
    order by o.month
    on conflict (account_id, person_id, month) do update set days = a.days | excluded.days;
    delete from growth.activity as a where a.account_id = p_account_id and a.person_id = p_from;
    perform growth.merge_dimension_activity(p_account_id, p_from, p_into);
    perform ledger.move_person(p_account_id, p_from, p_into);
    insert into growth.stale_person (account_id, person_id)
    select p_account_id, p_into
    where exists (select from growth.stale_person as s where s.account_id = p_account_id and s.person_id = p_from);
    delete from growth.person as p where p.account_id = p_account_id and p.person_id = p_from;
    update growth.person as p
    set
        first_event_at = least(v_into.first_event_at, v_from.first_event_at),
        user_id = coalesce(v_into.user_id, v_from.user_id),
        created_at = least(v_into.created_at, v_from.created_at)
    where p.account_id = p_account_id and p.person_id = p_into;
    -- The one is counted as it is said now, the other not yet: counting again will not come back to p_into.
    if exists (
        select
        from growth.recount as r
        where r.account_id = p_account_id and r.after_person_id >= p_into and r.after_person_id < p_from
    ) then
        perform growth.recount_person(p_account_id, p_into);
    end if;
    return v_moved;
end;
$$;
comment on function growth.merge_persons(uuid, bigint, bigint) is
$$Make one of two persons: identifiers, events, activity and transfers of p_from become those of p_into, and p_from goes. Gives how many events
were moved.

first_event_at and created_at are the earlier of both; the user is that of p_into, or else that of p_from. It can not be undone. Takes
growth.lock_account. Raises LQ404 when there is none of them, LQ422 for one and the same.$$;

grant execute on function growth.definition_of(uuid) to levqor_dba;
