-- Take back what was done: by new transfers the other way round.
--
-- Locks: as every transfer. A unique index lets a transfer be reversed once.

create or replace function ledger.reverse(
    p_transfer_id uuid,
    p_id uuid default core.new_id(),
    p_event_at timestamptz default null,
    p_reference text default null,
    p_description text default null,
    p_account_id uuid default null
)
returns setof ledger.transfer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := ledger.books_of(p_account_id);
    v_transfer ledger.transfer;
    v_specs ledger.spec[];
    v_rule text;
begin
    if p_id is null then
        raise exception using errcode = 'LQ422', message = 'the id must be a UUID';
    end if;
    select t.* into v_transfer from ledger.transfer as t where t.account_id = v_books and t.id = p_transfer_id;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such transfer';
    end if;
    if v_transfer.kind not in ('transfer', 'post') then
        raise exception using
            errcode = 'LQ409',
            message = 'this transfer moved no money',
            detail = format('It is a %s.', v_transfer.kind),
            hint = case v_transfer.kind when 'hold' then 'Void the hold.' else '' end;
    end if;
    if v_transfer.reverses_id is not null then
        raise exception using
            errcode = 'LQ409',
            message = 'a reversal is not reversed',
            hint = 'Make the first transfer anew.';
    end if;
    if p_event_at not between '1900-01-01 00:00:00+00' and '9999-12-31 00:00:00+00' then
        raise exception using errcode = 'LQ422', message = 'event_at must be between 1900-01-01 and 9999-12-31';
    end if;
    if exists (
        select
        from ledger.transfer as t
        inner join ledger.hold as h on h.account_id = t.account_id and h.transfer_id = t.id and h.state = 'open'
        where t.account_id = v_books and t.link_id = v_transfer.link_id and t.kind = 'hold'
    ) and not exists (select from ledger.transfer as t where t.account_id = v_books and t.id = p_id) then
        raise exception using
            errcode = 'LQ409',
            message = 'a hold that is linked to the transfer is open',
            hint = 'Void it first, or post it with the same link.';
    end if;
    -- Linked ones go together, the last first: the first one of the new ones has the id that the caller made. What another
    -- call has reversed stays as it is; a call that is sent again gives what it reversed, whatever was linked since.
    select array_agg(
        row(
            r.place, 'transfer',
            case r.place when 1 then p_id else ledger.derive_id(p_id, 'reverse ' || r.id) end,
            r.to_id, r.from_id, r.amount_minor, r.currency, p_event_at, case when r.linked > 1 then p_id end, null, r.id, null,
            p_reference, p_description, r.user_id, r.person_id, null, null
        )::ledger.spec
        order by r.place
    )
    into v_specs
    from (
        select
            t.*, p.user_id, p.person_id, count(*) over () as linked,
            row_number() over (order by t.created_at desc, t.id = t.link_id, t.id desc)::integer as place
        from ledger.transfer as t
        left join ledger.transfer_person as p on p.account_id = t.account_id and p.transfer_id = t.id
        left join ledger.transfer as b on b.account_id = t.account_id and b.reverses_id = t.id
        left join ledger.transfer as n on n.account_id = t.account_id and n.id = p_id
        where t.account_id = v_books and t.kind in ('transfer', 'post') and t.reverses_id is null
            and (
                t.id = p_transfer_id
                or t.link_id = v_transfer.link_id
                and case when n.id is null then b.id is null else b.id = p_id or b.link_id = p_id end
            )
    ) as r;
    return query select t.* from ledger.make_transfers(v_books, v_specs) as t;
exception
    when unique_violation then
        get stacked diagnostics v_rule = constraint_name;
        if v_rule <> 'transfer_reverses_id_idx' then
            raise;
        end if;
        raise exception using
            errcode = 'LQ409',
            message = 'the transfer is reversed already',
            hint = 'A transfer is reversed once; a new one does the same again.';
end;
$$;
comment on function ledger.reverse(uuid, uuid, timestamptz, text, text, uuid) is
$$Take a transfer back by a new one the other way round, of the same amount, and with it all that are linked to it and not reversed yet:
select * from ledger.reverse('…', p_id => '…').

p_id: of the new transfer; the same again gives the same. p_event_at: when it is taken back, null for now; the time of the first one
takes it out of that period. Persons of the first are persons of the new one. Raises LQ404 for an unknown transfer, LQ409 for one that
moved no money, is reversed already, is a reversal, or has a linked hold that is open, LQ422 for an event_at out of range, LQTID, LQLIM.$$;
