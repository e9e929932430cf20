-- Two phases: reserve, then take all or a part of it, or let go. The clock lets go what has expired.
--
-- Locks: as every transfer. The clock locks the accounts of the holds it is about to end before it looks at them.

create or replace function ledger.hold(
    p_from text,
    p_to text,
    p_amount_minor bigint,
    p_currency text default null,
    p_seconds integer default null,
    p_id uuid default core.new_id(),
    p_event_at timestamptz default null,
    p_reference text default null,
    p_description text default null,
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
        'kind', 'hold', 'id', p_id, 'from', p_from, 'to', p_to, 'amount_minor', p_amount_minor, 'currency', p_currency,
        'hold_seconds', p_seconds, 'event_at', p_event_at, 'reference', p_reference, 'description', p_description
    ))), p_account_id) as t;
    return v_transfer;
end;
$$;
comment on function ledger.hold(text, text, bigint, text, integer, uuid, timestamptz, text, text, uuid) is
$$Reserve money: the balance stays, and what is held can not be used by anything else.
select * from ledger.hold('wallet', 'revenue', 500, 'USD', p_seconds => 3600).

p_seconds: how long it lasts, up to 31,622,400 (366 days); null: until it is posted or voided. The others as ledger.transfer().$$;

create or replace function ledger.post(
    p_hold_id uuid,
    p_amount_minor bigint default null,
    p_id uuid default core.new_id(),
    p_event_at timestamptz default null,
    p_reference text default null,
    p_description text default null,
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
        'kind', 'post', 'id', p_id, 'hold', p_hold_id, 'amount_minor', p_amount_minor, 'event_at', p_event_at,
        'reference', p_reference, 'description', p_description
    ))), p_account_id) as t;
    return v_transfer;
end;
$$;
comment on function ledger.post(uuid, bigint, uuid, timestamptz, text, text, uuid) is
$$Move what a hold reserved, or part of it; the rest is let go. select * from ledger.post(p_hold_id => '…', p_amount_minor => 350).

p_amount_minor: up to what is held; null for all of it. Raises LQ404 for an unknown hold, LQ409 for one that has ended or is over its
time, LQ422 for more than it holds.$$;

create or replace function ledger.void(
    p_hold_id uuid,
    p_id uuid default core.new_id(),
    p_reference text default null,
    p_description text default null,
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
        'kind', 'void', 'id', p_id, 'hold', p_hold_id, 'reference', p_reference, 'description', p_description
    ))), p_account_id) as t;
    return v_transfer;
end;
$$;
comment on function ledger.void(uuid, uuid, text, text, uuid) is
$$Let go what a hold reserved: select * from ledger.void(p_hold_id => '…').

Raises LQ404 for an unknown hold, LQ409 for one that has ended.$$;

create or replace function ledger.tell_failed(p_what text, p_account_id uuid, p_sqlstate text, p_error text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform alerts.raise(
        'error', 'ledger', format('In some books %s', p_what),
        jsonb_build_object(
            'account', core.show_id('acct', p_account_id), 'sqlstate', p_sqlstate, 'error', left(p_error, 300)
        ),
        p_fingerprint => format('ledger/%s/%s', p_what, p_account_id)
    );
end;
$$;
comment on function ledger.tell_failed(text, uuid, text, text) is
$$Raise an alert (error): a task of the clock failed in one set of books, and went on with the others.$$;

create or replace function ledger.expire_holds(p_limit integer default 1000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_books record;
    v_specs ledger.spec[];
    v_failed uuid[] := '{}';
    v_failures integer;
    v_expired bigint := 0;
begin
    loop
        v_failures := cardinality(v_failed);
        for v_books in
            select h.account_id, array_agg(h.transfer_id) as holds, array_agg(h.from_id) || array_agg(h.to_id) as accounts
            from (
                select o.*
                from ledger.hold as o
                where o.state = 'open' and o.expires_at <= v_now and o.account_id <> all (v_failed)
                order by o.expires_at
                limit p_limit - v_expired
            ) as h
            group by h.account_id
            order by h.account_id
        loop
            begin
                perform
                from ledger.account as a
                where a.account_id = v_books.account_id and a.id = any (v_books.accounts)
                order by a.id
                for no key update;
                -- A newer look than the list: one may have been posted or voided meanwhile.
                select array_agg(
                    row(
                        t.ordinal, 'expiry', core.new_id(), h.from_id, h.to_id, h.amount_minor, o.currency, h.expires_at, null,
                        h.transfer_id, null, null, null, null, null, null, h.amount_minor, null
                    )::ledger.spec
                    order by t.ordinal
                )
                into v_specs
                from unnest(v_books.holds) with ordinality as t (id, ordinal)
                inner join ledger.hold as h on h.account_id = v_books.account_id and h.transfer_id = t.id and h.state = 'open'
                inner join ledger.transfer as o on o.account_id = h.account_id and o.id = h.transfer_id;
                if v_specs is not null then
                    perform ledger.make_transfers(v_books.account_id, v_specs);
                    v_expired := v_expired + cardinality(v_specs);
                end if;
            exception
                when others then
                    v_failed := v_failed || v_books.account_id;
                    perform ledger.tell_failed('holds over their time are not let go', v_books.account_id, sqlstate, sqlerrm);
            end;
        end loop;
        -- The next look takes what the failed ones kept from the list.
        exit when cardinality(v_failed) = v_failures;
    end loop;
    return v_expired;
end;
$$;
comment on function ledger.expire_holds(integer) is
$$Let go the holds that are over their time, the oldest first, p_limit at most, each by a transfer of kind expiry. A task of the clock.
Books in which it fails are left as they are, with an alert. Gives how many there were.$$;
