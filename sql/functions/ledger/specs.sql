-- What a call asks for: its transfers read, accounts and holds found, faults named.
--
-- Plans are made for the indexes, also while a table is small: a session keeps them while the table grows. Locks nothing.

create or replace function ledger.derive_id(p_id uuid, p_purpose text)
returns uuid
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.encode(pg_catalog.set_byte(
        pg_catalog.set_byte(h.hash, 6, pg_catalog.get_byte(h.hash, 6) & 15 | 128), 8,
        pg_catalog.get_byte(h.hash, 8) & 63 | 128
    ), 'hex')::uuid
    from (
        select pg_catalog.substring(pg_catalog.sha256(
            pg_catalog.uuid_send(p_id) || pg_catalog.convert_to(p_purpose, 'UTF8')
        ), 1, 16) as hash
    ) as h
$$;
comment on function ledger.derive_id(uuid, text) is
$$An id made from another one: UUID version 8 of its SHA-256 with p_purpose. The same again gives the same.$$;

create or replace function ledger.read_specs(p_account_id uuid, p_transfers jsonb)
returns ledger.spec[]
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
    if p_transfers is null or jsonb_typeof(p_transfers) <> 'array' then
        raise exception using errcode = 'LQ422', message = 'the transfers must be a JSON array';
    end if;
    return (
        select array_agg(
            row(
                r.ordinal, r.kind, r.id, r.from_id, r.to_id, r.amount, r.currency, r.event_at, r.link_id, r.hold_id,
                r.reverses_id, r.hold_seconds, r.reference, r.description, r.user_id, r.person_id, r.held,
                case
                    when r.strange is not null then format('LQ422|unknown member "%s"', r.strange)
                    when r.kind not in ('transfer', 'hold', 'post', 'void') then 'LQ422|unknown kind of transfer'
                    when r.id is null then 'LQ422|the id must be a UUID'
                    when r.times > 1 then 'LQ422|the same id is there twice in one call'
                    when r.kind in ('post', 'void') and r.held is null then 'LQ404|no such hold'
                    when r.kind in ('post', 'void') and (r."from" is not null or r."to" is not null)
                        then 'LQ422|a hold is ended between its own accounts: leave out from and to'
                    when r.kind in ('transfer', 'hold') and r.hold is not null
                        then 'LQ422|only a post or a void names a hold'
                    when r.from_id is null then format('LQ422|no account to take from%s', ': "' || r."from" || '"')
                    when r.to_id is null then format('LQ422|no account to give to%s', ': "' || r."to" || '"')
                    when r.from_id = r.to_id then 'LQ422|a transfer needs two accounts'
                    when r.from_currency <> r.to_currency
                        then 'LQ422|both accounts must have one currency|ledger.exchange() is for two.'
                    when r.asked_currency <> r.currency then 'LQ422|the accounts have another currency'
                    when r.amount is null then 'LQ422|the amount is missing'
                    when r.amount <= 0 then 'LQ422|the amount must be positive'
                    when r.amount > 1000000000000000 then 'LQ422|the amount must be at most 1000000000000000'
                    when r.kind in ('post', 'void') and r.amount > r.held
                        then format('LQ422|more than the hold has|It holds %s.', r.held)
                    when r.kind = 'void' and r.amount <> r.held then 'LQ422|a hold is voided as a whole'
                    when r.hold_seconds is not null and r.kind <> 'hold' then 'LQ422|only a hold ends after hold_seconds'
                    when r.hold_seconds not between 1 and 31622400
                        then 'LQ422|hold_seconds must be between 1 and 31622400'
                    when length(r.reference) not between 1 and 200
                        then 'LQ422|the reference must have 1 to 200 characters'
                    when length(r.description) > 500 then 'LQ422|the description must have 500 characters at most'
                    when r.link is not null and r.link_id is null then 'LQ422|the link must be a UUID'
                    -- One that was made before the reversal took the id may be sent again.
                    when r.link_id is not null and exists (
                        select
                        from ledger.transfer as x
                        where x.account_id = p_account_id and x.link_id = r.link_id and x.reverses_id is not null
                    ) and not exists (select from ledger.transfer as x where x.account_id = p_account_id and x.id = r.id)
                        then 'LQ422|the link is that of a reversal|Make a new id for each link.'
                    when r."user" is not null and r.user_id is null then 'LQ422|no such user'
                    when not isfinite(r.event_at) then 'LQ422|event_at must be a time'
                    when r.event_at not between '1900-01-01 00:00:00+00' and '9999-12-31 00:00:00+00'
                        then 'LQ422|event_at must be between 1900-01-01 and 9999-12-31'
                end
            )::ledger.spec
            order by r.ordinal
        )
        from (
            select
                s.ordinal, k.kind, k.id, count(*) over (partition by k.id) as times,
                coalesce(h.from_id, f.id) as from_id, coalesce(h.to_id, t.id) as to_id, s."from", s."to",
                f.currency as from_currency, t.currency as to_currency,
                coalesce(h.currency, f.currency, t.currency) as currency, s.currency as asked_currency,
                coalesce(s.amount_minor, case when k.kind in ('post', 'void') then h.amount_minor end) as amount,
                s.event_at, s.link, k.link_id, s.hold, k.hold_id, s.reverses_id,
                s.hold_seconds, s.reference, s.description, s."user", k.user_id,
                s.person_id, h.amount_minor as held, k.strange
            from rows from (
                jsonb_to_recordset(p_transfers) as (
                    kind text, id text, "from" text, "to" text, amount_minor bigint, currency text, event_at timestamptz,
                    link text, hold text, reverses_id uuid, hold_seconds integer, reference text, description text,
                    "user" text, person_id bigint
                ),
                jsonb_array_elements(p_transfers)
            ) with ordinality as s (
                kind, id, "from", "to", amount_minor, currency, event_at, link, hold, reverses_id, hold_seconds, reference,
                description, "user", person_id, element, ordinal
            )
            -- Worked out apart: below row-level security no index serves a comparison with a function that is not
            -- leakproof.
            cross join lateral (
                select
                    coalesce(s.kind, 'transfer') as kind, core.read_id('xfer', s.id) as id,
                    case when s.hold is not null then core.read_id('xfer', s.hold) end as hold_id,
                    case when length(s."from") >= 32 then core.read_id('lacc', s."from") end as from_id,
                    case when length(s."to") >= 32 then core.read_id('lacc', s."to") end as to_id,
                    case when s.link is not null then core.read_id('xfer', s.link) end as link_id,
                    case when s."user" is not null then core.read_id('user', s."user") end as user_id,
                    (
                        select o.name
                        from jsonb_object_keys(s.element - '{kind,id,from,to,amount_minor,currency,event_at,link,hold,'
                            'reverses_id,hold_seconds,reference,description,user,person_id}'::text[]) as o (name)
                        limit 1
                    ) as strange
                offset 0
            ) as k
            left join lateral (
                select x.from_id, x.to_id, x.currency, x.amount_minor
                from ledger.transfer as x
                where x.account_id = p_account_id and x.id = k.hold_id and x.kind = 'hold'
                limit 1
            ) as h on k.kind in ('post', 'void')
            -- By id or by code; a code needs the currency, or that of the other side.
            left join lateral (
                select a.id, a.currency
                from ledger.account as a
                where k.from_id is not null and a.account_id = p_account_id and a.id = k.from_id
                limit 1
            ) as fi on true
            left join lateral (
                select a.id, a.currency
                from ledger.account as a
                where k.to_id is not null and a.account_id = p_account_id and a.id = k.to_id
                limit 1
            ) as ti on true
            left join lateral (
                select a.id, a.currency
                from ledger.account as a
                where k.from_id is null and a.account_id = p_account_id and a.code = s."from"
                    and a.currency = coalesce(s.currency, ti.currency)
                limit 1
            ) as fc on true
            left join lateral (
                select a.id, a.currency
                from ledger.account as a
                where k.to_id is null and a.account_id = p_account_id and a.code = s."to"
                    and a.currency = coalesce(s.currency, fi.currency)
                limit 1
            ) as tc on true
            cross join lateral (select coalesce(fi.id, fc.id) as id, coalesce(fi.currency, fc.currency) as currency) as f
            cross join lateral (select coalesce(ti.id, tc.id) as id, coalesce(ti.currency, tc.currency) as currency) as t
        ) as r
    );
end;
$$;
comment on function ledger.read_specs(uuid, jsonb) is
$$Read the transfers of a call: find accounts and holds, and say what is wrong with each (fault: SQLSTATE|message|detail).

Null for an empty array. Raises LQ422 for what is no array.$$;

grant execute on function ledger.derive_id(uuid, text) to levqor_dba;
