-- Transfers: many in one call, all of them or none.
--
-- Locks: rows of ledger.transfer by id, so that two calls with the same ids wait for each other and do not deadlock; then
-- rows of ledger.account by id, in one pass, held until the commit. A statement after these locks reads the last entries,
-- and balances are worked out by windows over the call's transfers in their order; no row is updated but for holds. Plans
-- are made for the indexes, also while a table is small: a session keeps them while the table grows. Holds have no lock of
-- their own: who ends one has locked its accounts.

create or replace function ledger.refuse_limit(
    p_account_id uuid, p_ledger_account_id uuid, p_transfer_id uuid, p_is_below boolean, p_minor bigint
)
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account ledger.balance;
begin
    select a.* into v_account from ledger.balance as a where a.account_id = p_account_id and a.id = p_ledger_account_id;
    perform core.raise(
        'LQLIM',
        case
            when p_minor is null then 'the balance may not go that far'
            else format('the account may not go %s zero', case when p_is_below then 'below' else 'above' end)
        end,
        format(
            'With this transfer %s would stand at %s (%s, minor units), holds included.', v_account.code,
            coalesce(p_minor::text, 'or hold more than ' || 9000000000000000000), v_account.currency
        ),
        'Nothing of the call was done.',
        jsonb_build_object(
            'transfer_id', core.show_id('xfer', p_transfer_id), 'ledger_account_id', core.show_id('lacc', p_ledger_account_id)
        )
    );
    return false;
end;
$$;
comment on function ledger.refuse_limit(uuid, uuid, uuid, boolean, bigint) is
$$Refuse a transfer for the limit of an account; p_minor null: for that of all numbers. Always raises LQLIM.$$;

create or replace function ledger.apply_specs(p_account_id uuid, p_specs ledger.spec[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_now timestamptz := core.now();
    v_accounts uuid[];
    v_standings ledger.standing[];
    v_hold record;
begin
    v_accounts := array(select s.from_id from unnest(p_specs) as s union select s.to_id from unnest(p_specs) as s);
    perform
    from ledger.account as a
    where a.account_id = p_account_id and a.id = any (v_accounts)
    order by a.id
    for no key update;
    -- A new statement, with a newer look than the locks: it sees what those did who had them before.
    select array_agg(
        row(a.id, a.may_be_negative, a.may_be_positive, coalesce(e.current_minor, 0), a.held_out_minor, a.held_in_minor,
            coalesce(e.version, 0))::ledger.standing
    )
    into v_standings
    from unnest(v_accounts) as l (id)
    cross join lateral (
        select o.* from ledger.account as o where o.account_id = p_account_id and o.id = l.id limit 1
    ) as a
    left join lateral (
        select n.current_minor, n.version
        from ledger.entry as n
        where n.account_id = p_account_id and n.ledger_account_id = l.id
        order by n.version desc
        limit 1
    ) as e on true;

    -- Under the locks of their accounts nobody else ends these holds.
    if exists (select from unnest(p_specs) as s where s.hold_id is not null) then
        select s.hold_id, h.state into v_hold
        from unnest(p_specs) as s
        left join ledger.hold as h on h.account_id = p_account_id and h.transfer_id = s.hold_id
        where h.state is distinct from 'open' or s.kind = 'post' and h.expires_at <= v_now
            or 1 < (select count(*) from unnest(p_specs) as o where o.hold_id = s.hold_id)
        limit 1;
        if found then
            perform core.raise(
                'LQ409', 'the hold has ended',
                format('%s is %s.', core.show_id('xfer', v_hold.hold_id), case v_hold.state when 'open' then
                    'over its time, or ended twice in this call' else v_hold.state end),
                'A hold is posted or voided once, before it expires.'
            );
        end if;
        update ledger.hold as h
        set
            state = case s.kind when 'post' then 'posted' when 'void' then 'voided' else 'expired' end,
            posted_minor = case s.kind when 'post' then s.amount_minor end,
            ended_by = s.id,
            ended_at = v_now
        from unnest(p_specs) as s
        where h.account_id = p_account_id and h.transfer_id = s.hold_id;
    end if;
    if exists (select from unnest(p_specs) as s where s.kind = 'hold') then
        insert into ledger.hold (account_id, transfer_id, from_id, to_id, amount_minor, expires_at)
        select
            p_account_id, s.id, s.from_id, s.to_id, s.amount_minor,
            v_now + make_interval(secs => s.hold_seconds)
        from unnest(p_specs) as s
        where s.kind = 'hold';
    end if;

    with move as (
        select s.ordinal, s.id as transfer_id, coalesce(s.event_at, v_now) as event_at, m.id, m.amount, m.held_out, m.held_in
        from unnest(p_specs) as s
        cross join lateral (values
            (
                s.from_id, case when s.kind in ('transfer', 'post') then -s.amount_minor else 0 end,
                case when s.kind = 'hold' then s.amount_minor else -coalesce(s.held_minor, 0) end, 0::bigint
            ),
            (
                s.to_id, case when s.kind in ('transfer', 'post') then s.amount_minor else 0 end, 0::bigint,
                case when s.kind = 'hold' then s.amount_minor else -coalesce(s.held_minor, 0) end
            )
        ) as m (id, amount, held_out, held_in)
    ),
    step as materialized (
        select
            m.ordinal, m.transfer_id, m.event_at, m.id, m.amount, z.may_be_negative, z.may_be_positive,
            z.balance_minor + sum(m.amount) over w as balance,
            z.held_out_minor + sum(m.held_out) over w as held_out,
            z.held_in_minor + sum(m.held_in) over w as held_in,
            z.version + count(*) filter (where m.amount <> 0) over w as version
        from move as m
        inner join unnest(v_standings) as z on z.id = m.id
        window w as (partition by m.id order by m.ordinal)
    ),
    fine as materialized (
        select s.*
        from step as s
        where case
            -- Numbers that do not fit into their columns.
            when greatest(abs(s.balance), s.held_out, s.held_in) > 9000000000000000000
                then ledger.refuse_limit(p_account_id, s.id, s.transfer_id, s.balance < 0, null)
            when not s.may_be_negative and s.balance - s.held_out < 0
                then ledger.refuse_limit(p_account_id, s.id, s.transfer_id, true, (s.balance - s.held_out)::bigint)
            when not s.may_be_positive and s.balance + s.held_in > 0
                then ledger.refuse_limit(p_account_id, s.id, s.transfer_id, false, (s.balance + s.held_in)::bigint)
            else true
        end
    )
    insert into ledger.entry (
        account_id, ledger_account_id, version, transfer_id, amount_minor, previous_minor, current_minor, event_at,
        created_at
    )
    select
        p_account_id, f.id, f.version, f.transfer_id, f.amount, (f.balance - f.amount)::bigint, f.balance::bigint, f.event_at,
        v_now
    from fine as f
    where f.amount <> 0;

    if exists (select from unnest(p_specs) as s where s.kind <> 'transfer') then
        update ledger.account as a
        set held_out_minor = a.held_out_minor + h.held_out, held_in_minor = a.held_in_minor + h.held_in
        from (
            select m.id, sum(m.held_out)::bigint as held_out, sum(m.held_in)::bigint as held_in
            from unnest(p_specs) as s
            cross join lateral (
                select case when s.kind = 'hold' then s.amount_minor else -coalesce(s.held_minor, 0) end as held
            ) as d
            cross join lateral (values (s.from_id, d.held, 0::bigint), (s.to_id, 0::bigint, d.held)) as m (id, held_out, held_in)
            where s.kind <> 'transfer'
            group by m.id
        ) as h
        where a.account_id = p_account_id and a.id = h.id;
    end if;
end;
$$;
comment on function ledger.apply_specs(uuid, ledger.spec[]) is
$$Do what was written into ledger.transfer: lock the accounts, check limits and holds, write entries and balances.

Raises LQLIM for a limit, LQ409 for a hold that has ended.$$;

create or replace function ledger.refuse_taken(p_account_id uuid, p_specs ledger.spec[])
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_taken record;
begin
    select t.id, d.members into v_taken
    from unnest(p_specs) as s
    inner join ledger.transfer as t on t.account_id = p_account_id and t.id = s.id
    cross join lateral (
        select string_agg(m.name, ', ' order by m.place) as members
        from (values
            (1, 'kind', t.kind = s.kind),
            (2, 'from', t.from_id = s.from_id),
            (3, 'to', t.to_id = s.to_id),
            (4, 'amount_minor', t.amount_minor = s.amount_minor),
            (5, 'event_at', s.event_at is null or t.event_at = s.event_at),
            (6, 'link', t.link_id is not distinct from s.link_id),
            (7, 'hold', t.hold_id is not distinct from s.hold_id),
            (8, 'reverses_id', t.reverses_id is not distinct from s.reverses_id),
            (9, 'hold_seconds', t.hold_seconds is not distinct from s.hold_seconds),
            (10, 'reference', t.reference is not distinct from s.reference),
            (11, 'description', t.description is not distinct from s.description)
        ) as m (place, name, is_same)
        where not m.is_same
    ) as d
    where d.members is not null
    order by s.ordinal
    limit 1;
    if found then
        perform core.raise(
            'LQTID', 'another transfer has this id',
            format('%s is there with another %s.', core.show_id('xfer', v_taken.id), v_taken.members),
            'Make a new id for each transfer, and send the same content again with the same id only. Nothing of the call was '
            'done.',
            jsonb_build_object('transfer_id', core.show_id('xfer', v_taken.id))
        );
    end if;
end;
$$;
comment on function ledger.refuse_taken(uuid, ledger.spec[]) is
$$Raise LQTID, naming what differs, when one of the ids is there with other content. An event_at that was left out is not compared.$$;

create or replace function ledger.make_transfers(p_account_id uuid, p_specs ledger.spec[])
returns setof ledger.transfer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_now timestamptz := core.now();
    v_actor text := core.current_actor();
    v_specs ledger.spec[] := p_specs;
    v_made uuid[];
begin
    with made as (
        insert into ledger.transfer as t (
            account_id, id, kind, from_id, to_id, amount_minor, currency, event_at, created_at, link_id, hold_id,
            reverses_id, hold_seconds, reference, description, made_by
        )
        select
            p_account_id, s.id, s.kind, s.from_id, s.to_id, s.amount_minor, s.currency, coalesce(s.event_at, v_now), v_now,
            s.link_id, s.hold_id, s.reverses_id, s.hold_seconds, s.reference, s.description, v_actor
        from unnest(p_specs) as s
        order by s.id
        on conflict (account_id, id) do nothing
        returning t.id
    )
    select coalesce(array_agg(m.id), '{}') into v_made from made as m;

    if cardinality(v_made) < cardinality(p_specs) then
        perform ledger.refuse_taken(p_account_id, p_specs);
        v_specs := array(select s from unnest(p_specs) as s where s.id = any (v_made) order by s.ordinal);
    end if;
    if v_specs <> '{}' then
        insert into ledger.transfer_person (account_id, transfer_id, user_id, person_id)
        select p_account_id, s.id, s.user_id, s.person_id
        from unnest(v_specs) as s
        where s.user_id is not null or s.person_id is not null;
        perform ledger.apply_specs(p_account_id, v_specs);
    end if;
    if cardinality(v_made) = cardinality(p_specs) then
        return query
        select
            p_account_id, s.id, s.kind, s.from_id, s.to_id, s.amount_minor, s.currency, coalesce(s.event_at, v_now), v_now,
            s.link_id, s.hold_id, s.reverses_id, s.hold_seconds, s.reference, s.description, v_actor
        from unnest(p_specs) as s
        order by s.ordinal;
    else
        return query
        select t.*
        from unnest(p_specs) as s
        inner join ledger.transfer as t on t.account_id = p_account_id and t.id = s.id
        order by s.ordinal;
    end if;
end;
$$;
comment on function ledger.make_transfers(uuid, ledger.spec[]) is
$$Make the transfers that were read: those whose ids are there already with the same content are given back as they are.

Raises LQTID, LQLIM, LQ409.$$;

create or replace function ledger.transfer_many(p_transfers jsonb, p_account_id uuid default null)
returns setof ledger.transfer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := ledger.books_of(p_account_id);
    v_specs ledger.spec[] := ledger.read_specs(v_books, p_transfers);
    v_spec ledger.spec;
begin
    if cardinality(v_specs) > 10000 then
        raise exception using errcode = 'LQ422', message = 'at most 10000 transfers fit into a call';
    end if;
    select s.* into v_spec from unnest(v_specs) as s where s.fault is not null order by s.ordinal limit 1;
    if found then
        perform core.raise(
            split_part(v_spec.fault, '|', 1), split_part(v_spec.fault, '|', 2),
            concat_ws(' ', nullif(split_part(v_spec.fault, '|', 3), ''), format('Transfer %s of the call.', v_spec.ordinal)),
            'Nothing of the call was done.', jsonb_build_object('transfer', v_spec.ordinal)
        );
    end if;
    if v_specs is not null then
        return query select t.* from ledger.make_transfers(v_books, v_specs) as t;
    end if;
end;
$$;
comment on function ledger.transfer_many(jsonb, uuid) is
$$Make up to 10,000 transfers, all of them or none, in their order:
select * from ledger.transfer_many('[{"id": "…", "from": "revenue", "to": "cash", "currency": "USD", "amount_minor": 1999}]').

p_transfers: array of {id (a UUID of the client''s), from, to (id or code), amount_minor, currency (where accounts are named by code),
kind (transfer, hold, post, void), event_at, link, hold (of a post or void), hold_seconds, reference, description, user, person_id}.
p_account_id: whose books, null for the operator''s. Gives the transfers in the order of the call. One whose id is there already with
the same content does nothing, and is given as it is.

Raises LQ422 for what is not right, LQ404 for an unknown hold, LQTID (409) for an id that is there with other content, LQLIM (409)
where a balance would go beyond its limit, LQ409 for a hold that has ended.$$;

create or replace function ledger.transfer(
    p_from text,
    p_to text,
    p_amount_minor bigint,
    p_currency text default null,
    p_id uuid default core.new_id(),
    p_event_at timestamptz default null,
    p_reference text default null,
    p_description text default null,
    p_user_id uuid default null,
    p_person_id bigint default null,
    p_account_id uuid default null
)
returns ledger.transfer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_transfer ledger.transfer;
begin
    select t.* into v_transfer
    from ledger.transfer_many(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
        'id', p_id, 'from', p_from, 'to', p_to, 'amount_minor', p_amount_minor, 'currency', p_currency,
        'event_at', p_event_at, 'reference', p_reference, 'description', p_description, 'user', p_user_id,
        'person_id', p_person_id
    ))), p_account_id) as t;
    return v_transfer;
end;
$$;
comment on function ledger.transfer(
    text, text, bigint, text, uuid, timestamptz, text, text, uuid, bigint, uuid
) is
$$Move money: select * from ledger.transfer('revenue', 'cash', 1999, 'USD', p_id => '…').

As ledger.transfer_many() with one. p_from, p_to: id or code of a ledger account. p_amount_minor: in minor units, more than 0. p_id: make
it before, so that a call whose answer was lost can be sent again. p_event_at: when it happened, null for now.$$;

create or replace function ledger.move_person(p_account_id uuid, p_from bigint, p_into bigint)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    update ledger.transfer_person as t set person_id = p_into where t.account_id = p_account_id and t.person_id = p_from;
end;
$$;
comment on function ledger.move_person(uuid, bigint, bigint) is
$$Two persons of analytics turned out to be one: the transfers of p_from are those of p_into.$$;

create or replace function ledger.show_transfer(p_transfer ledger.transfer)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('xfer', p_transfer.id),
        'kind', p_transfer.kind,
        'from', core.show_id('lacc', p_transfer.from_id),
        'to', core.show_id('lacc', p_transfer.to_id),
        'amount_minor', p_transfer.amount_minor,
        'currency', p_transfer.currency,
        'event_at', p_transfer.event_at,
        'created_at', p_transfer.created_at,
        'link', core.show_id('xfer', p_transfer.link_id),
        'hold', core.show_id('xfer', p_transfer.hold_id),
        'reverses', core.show_id('xfer', p_transfer.reverses_id),
        'hold_seconds', p_transfer.hold_seconds,
        'reference', p_transfer.reference,
        'description', p_transfer.description,
        'made_by', p_transfer.made_by
    )
$$;
comment on function ledger.show_transfer(ledger.transfer) is
$$A transfer as clients see it.$$;
