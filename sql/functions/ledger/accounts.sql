-- The accounts of the ledger. The standard ones of a set of books are opened together.

create or replace function ledger.books_of(p_account_id uuid)
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(p_account_id, (select a.id from identity.account as a where a.kind = 'operator'));
end;
$$;
comment on function ledger.books_of(uuid) is
$$Whose books are meant: the account that is named, or else the operator's. Null while there is no operator's account.$$;

create or replace function ledger.caller_books()
returns uuid
language sql
stable
security invoker
as $$
    select case when core.sees_all() then ledger.books_of(null) else core.current_account() end
$$;
comment on function ledger.caller_books() is
$$Whose books a call over HTTP means: the account it acts for; of a platform key that names none, the operator's.$$;

create or replace view ledger.balance with (security_invoker = true) as
select
    a.account_id, a.id, a.code, a.currency, a.category, a.name, a.may_be_negative, a.may_be_positive,
    coalesce(e.current_minor, 0) as balance_minor, a.held_out_minor, a.held_in_minor, coalesce(e.version, 0) as version,
    a.created_at
from ledger.account as a
left join lateral (
    select n.current_minor, n.version
    from ledger.entry as n
    where n.account_id = a.account_id and n.ledger_account_id = a.id
    order by n.version desc
    limit 1
) as e on true;
comment on view ledger.balance is
'Accounts of the ledger with their balances, of this moment. A positive balance is a debit balance: what is owned or was spent.';
comment on column ledger.balance.account_id is 'whose books it is in: identity.account';
comment on column ledger.balance.id is 'UUIDv7; shown as lacc_…';
comment on column ledger.balance.code is 'name within the books, such as revenue or cash; once a currency';
comment on column ledger.balance.currency is 'ISO 4217';
comment on column ledger.balance.category is 'what its turnover counts as, as in ledger.account';
comment on column ledger.balance.name is 'for people';
comment on column ledger.balance.may_be_negative is 'whether it may go below zero';
comment on column ledger.balance.may_be_positive is 'whether it may go above zero';
comment on column ledger.balance.balance_minor is 'sum of its entries in minor units: the balance after the last one';
comment on column ledger.balance.held_out_minor is 'sum of the open holds from it, in minor units';
comment on column ledger.balance.held_in_minor is 'sum of the open holds to it, in minor units';
comment on column ledger.balance.version is 'number of its entries, and of the last one';
comment on column ledger.balance.created_at is 'when it was opened';
grant select on ledger.balance to levqor_dba;

create or replace function ledger.open_account(
    p_code text,
    p_currency text,
    p_category text,
    p_name text default '',
    p_may_be_negative boolean default true,
    p_may_be_positive boolean default true,
    p_account_id uuid default null
)
returns ledger.balance
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := coalesce(p_account_id, identity.operator_account());
    v_account ledger.balance;
    v_id uuid;
begin
    if not exists (select from ledger.currency as c where c.code = p_currency) then
        raise exception using
            errcode = 'LQ422',
            message = 'unknown currency',
            detail = format('Got "%s".', coalesce(p_currency, 'null')),
            hint = 'Use a code of ISO 4217, such as USD: select * from ledger.currency.';
    end if;
    if p_code is null or p_code !~ '^[a-z0-9][a-z0-9_.:-]{0,99}$' then
        raise exception using
            errcode = 'LQ422',
            message = 'the code of an account is 1 to 100 of a-z, 0-9, _ . : - and begins with a letter or digit';
    end if;
    if core.read_id('lacc', p_code) is not null then
        raise exception using
            errcode = 'LQ422',
            message = 'the code of an account must not look like an id';
    end if;
    if p_category is null or p_category not in (
        'revenue', 'ai_cost', 'infrastructure', 'fees', 'payouts', 'asset', 'liability', 'payouts_due', 'equity', 'exchange'
    ) then
        raise exception using
            errcode = 'LQ422',
            message = 'unknown category',
            hint = 'Use revenue, ai_cost, infrastructure, fees, payouts, asset, liability, payouts_due, equity or exchange.';
    end if;
    if not (p_may_be_negative or p_may_be_positive) then
        raise exception using
            errcode = 'LQ422',
            message = 'an account must be able to be negative or positive';
    end if;
    insert into ledger.account as a (
        account_id, code, currency, category, name, may_be_negative, may_be_positive
    )
    values (
        v_books, p_code, p_currency, p_category, coalesce(p_name, ''), p_may_be_negative, p_may_be_positive
    )
    on conflict (account_id, code, currency) do nothing
    returning a.id into v_id;
    select a.* into strict v_account
    from ledger.balance as a
    where a.account_id = v_books and a.code = p_code and a.currency = p_currency;
    if v_id is null then
        if (v_account.category, v_account.name, v_account.may_be_negative, v_account.may_be_positive)
            is distinct from (p_category, coalesce(p_name, ''), p_may_be_negative, p_may_be_positive)
        then
            raise exception using
                errcode = 'LQ409',
                message = 'the account is there already, and is another',
                detail = format(
                    '%s in %s has the category %s and the name "%s".', p_code, p_currency, v_account.category, v_account.name
                ),
                hint = 'Choose another code.';
        end if;
    end if;
    return v_account;
end;
$$;
comment on function ledger.open_account(text, text, text, text, boolean, boolean, uuid) is
$$Open an account, or find it: the same again gives the same.

p_code: name within the books. p_currency: ISO 4217. p_category: what its turnover counts as, see ledger.account. p_may_be_negative,
p_may_be_positive: what its balance may become. p_account_id: whose books, null for the operator's. Raises LQ422, and LQ409 where the
code is taken in this currency by an account of other content.$$;

create or replace function ledger.open_books(p_currency text, p_account_id uuid default null)
returns setof ledger.balance
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select a.*
    from (values
        ('cash', 'asset', 'Cash and bank'),
        ('revenue', 'revenue', 'Revenue'),
        ('ai_cost', 'ai_cost', 'AI cost'),
        ('infrastructure', 'infrastructure', 'Infrastructure'),
        ('fees', 'fees', 'Payment and other fees'),
        ('payouts', 'payouts', 'Shares of partners'),
        ('payouts_due', 'payouts_due', 'Owed to partners'),
        ('accrued_costs', 'liability', 'Costs not yet invoiced'),
        ('exchange', 'exchange', 'Exchange of currencies')
    ) as b (code, category, name)
    cross join lateral ledger.open_account(b.code, p_currency, b.category, b.name, p_account_id => p_account_id) as a
$$;
comment on function ledger.open_books(text, uuid) is
$$Open the standard accounts of a set of books in a currency, as far as they are not there: cash, revenue, ai_cost, infrastructure,
fees, payouts, payouts_due, accrued_costs, exchange.

p_account_id: whose books, null for the operator's.$$;

create or replace function ledger.find_account(p_account text, p_currency text default null, p_account_id uuid default null)
returns ledger.balance
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := ledger.books_of(p_account_id);
    v_id uuid := core.read_id('lacc', p_account);
    v_account ledger.balance;
begin
    if v_id is not null then
        select a.* into v_account from ledger.balance as a where a.account_id = v_books and a.id = v_id;
    elsif p_currency is not null then
        select a.* into v_account
        from ledger.balance as a
        where a.account_id = v_books and a.code = p_account and a.currency = p_currency;
    elsif 1 < (select count(*) from ledger.account as a where a.account_id = v_books and a.code = p_account) then
        raise exception using
            errcode = 'LQ422',
            message = 'the account is there in more than one currency',
            hint = 'Say which: currency.';
    else
        select a.* into v_account from ledger.balance as a where a.account_id = v_books and a.code = p_account;
    end if;
    if v_account.id is null then
        raise exception using
            errcode = 'LQ404',
            message = 'no such ledger account',
            hint = 'Accounts are opened by ledger.open_account() and ledger.open_books().';
    end if;
    return v_account;
end;
$$;
comment on function ledger.find_account(text, text, uuid) is
$$Find an account by its id (lacc_…) or its code: select * from ledger.find_account('revenue', 'USD').

p_currency: needed where the code is there in several. p_account_id: whose books, null for the operator's. Raises LQ404, LQ422.$$;

create or replace function ledger.show_account(p_account ledger.balance)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('lacc', p_account.id),
        'code', p_account.code,
        'currency', p_account.currency,
        'category', p_account.category,
        'name', p_account.name,
        'may_be_negative', p_account.may_be_negative,
        'may_be_positive', p_account.may_be_positive,
        'balance_minor', p_account.balance_minor,
        'held_out_minor', p_account.held_out_minor,
        'held_in_minor', p_account.held_in_minor,
        'version', p_account.version,
        'created_at', p_account.created_at
    )
$$;
comment on function ledger.show_account(ledger.balance) is
$$A ledger account as clients see it.$$;

grant execute on function ledger.books_of(uuid), ledger.find_account(text, text, uuid) to levqor_dba;
