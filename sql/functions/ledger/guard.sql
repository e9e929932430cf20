-- What keeps the books true below every function: history that nothing changes, entries that fit, sums of zero.
--
-- Each statement that adds entries is checked at its end. One that leaves a transfer with one side is noted in
-- ledger.imbalance, and looked at once more when the transaction commits: nothing is done a row, and nothing at the
-- commit, where all is well.

select core.seed_error_codes('[
    {"sqlstate": "LQTID", "status": 409, "slug": "transfer-id-taken", "title": "Another transfer has this id",
        "is_shown": true},
    {"sqlstate": "LQLIM", "status": 409, "slug": "balance-limit", "title": "A balance may not go that far",
        "is_shown": true},
    {"sqlstate": "LQSUM", "status": 500, "slug": "internal-error", "title": "Something went wrong on our side"}
]');

create or replace function ledger.refuse_change()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using
        errcode = 'insufficient_privilege',
        message = format('%s.%s is history: its rows stay as they are', tg_table_schema, tg_table_name),
        hint = 'Set it right with another transfer: ledger.reverse(). Persons are unlinked in ledger.transfer_person.';
end;
$$;
comment on function ledger.refuse_change() is
$$Trigger of the ledger's histories: refuse (42501) every UPDATE, DELETE and TRUNCATE, whoever asks. No setting lets one through.$$;

create or replace trigger transfer_is_history
before update or delete or truncate on ledger.transfer
for each statement execute function ledger.refuse_change();

create or replace trigger entry_is_history
before update or delete or truncate on ledger.entry
for each statement execute function ledger.refuse_change();

create or replace trigger exchange_is_history
before update or delete or truncate on ledger.exchange
for each statement execute function ledger.refuse_change();

-- Also where session_replication_role would let triggers out.
alter table ledger.transfer enable always trigger transfer_is_history;
alter table ledger.entry enable always trigger entry_is_history;
alter table ledger.exchange enable always trigger exchange_is_history;

create or replace function ledger.check_entries()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_bad record;
begin
    select a.account_id, a.transfer_id, a.ledger_account_id, a.version into v_bad
    from added as a
    where not exists (
        select
        from ledger.transfer as t
        where t.account_id = a.account_id and t.id = a.transfer_id and t.kind in ('transfer', 'post')
            and t.event_at = a.event_at
            and a.amount_minor = case a.ledger_account_id when t.from_id then -t.amount_minor when t.to_id then t.amount_minor end
    )
    limit 1;
    if found then
        raise exception using
            errcode = 'LQSUM',
            message = 'an entry is no side of its transfer',
            detail = format('Version %s of account %s, transfer %s.', v_bad.version, v_bad.ledger_account_id, v_bad.transfer_id);
    end if;

    -- One after the other, without a gap, from the last one that was there before.
    select c.ledger_account_id as id into v_bad
    from (
        select
            a.account_id, a.ledger_account_id, a.version, a.previous_minor,
            lag(a.version) over w as last_version, lag(a.current_minor) over w as last_current
        from added as a
        window w as (partition by a.account_id, a.ledger_account_id order by a.version)
    ) as c
    where case
        when c.last_version is not null then c.last_version <> c.version - 1 or c.last_current <> c.previous_minor
        when c.version = 1 then c.previous_minor <> 0
        else not exists (
            select
            from ledger.entry as e
            where e.account_id = c.account_id and e.ledger_account_id = c.ledger_account_id and e.version = c.version - 1
                and e.current_minor = c.previous_minor
        )
    end
    limit 1;
    if found then
        raise exception using
            errcode = 'LQSUM',
            message = 'an entry does not follow the one before',
            detail = format('Account %s.', v_bad.id);
    end if;

    insert into ledger.imbalance (account_id, transfer_id)
    select a.account_id, a.transfer_id
    from added as a
    group by a.account_id, a.transfer_id
    having sum(a.amount_minor) <> 0
    on conflict do nothing;
    return null;
end;
$$;
comment on function ledger.check_entries() is
$$Trigger of ledger.entry, once a statement. Raises LQSUM for an entry that is no side of its transfer, and for one that does not go on,
with its number and balance, from the one before; notes transfers whose entries do not sum to zero, for the commit.$$;

create or replace trigger entry_fits_its_transfer
after insert on ledger.entry
referencing new table as added
for each statement execute function ledger.check_entries();

create or replace function ledger.check_balance()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before text := coalesce(current_setting('levqor.machinery', true), '');
    v_sum numeric;
begin
    -- Whoever calls by the commit may see other books, or none.
    perform set_config('levqor.machinery', 'on', true);
    select coalesce(sum(e.amount_minor), 0) into v_sum
    from ledger.entry as e
    where e.account_id = new.account_id and e.transfer_id = new.transfer_id;
    if v_sum <> 0 then
        raise exception using
            errcode = 'LQSUM',
            message = 'the entries of a transfer do not sum to zero',
            detail = format('Transfer %s: the sum is %s.', new.transfer_id, v_sum);
    end if;
    delete from ledger.imbalance as i where i.account_id = new.account_id and i.transfer_id = new.transfer_id;
    if not found then
        raise exception using
            errcode = 'LQSUM',
            message = 'a transfer that was noted can not be looked at',
            detail = format('Transfer %s.', new.transfer_id);
    end if;
    perform set_config('levqor.machinery', v_before, true);
    return null;
end;
$$;
comment on function ledger.check_balance() is
$$Trigger of ledger.imbalance, at the commit: refuse it (LQSUM) while the entries of the transfer do not sum to zero, whatever the
caller may see by then.$$;

-- There is no "create or replace" of a constraint trigger. Made anew each time, so that a deploy knows it as this file's; only
-- transfers that do not balance within their call write to the table.
drop trigger if exists transfer_sums_to_zero_at_commit on ledger.imbalance;
create constraint trigger transfer_sums_to_zero_at_commit
after insert on ledger.imbalance
deferrable initially deferred
for each row execute function ledger.check_balance();
