-- Exchange: a pair of linked transfers, one in each currency, with the rate as it was agreed.
--
-- Locks: as every transfer.

create or replace function ledger.convert_minor(p_minor bigint, p_from_currency text, p_to_currency text, p_rate numeric)
returns bigint
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select round(p_minor * p_rate * 10::numeric ^ (t.digits - f.digits))::bigint
    from ledger.currency as f
    cross join ledger.currency as t
    where f.code = p_from_currency and t.code = p_to_currency
$$;
comment on function ledger.convert_minor(bigint, text, text, numeric) is
$$An amount in minor units in those of another currency.

Formula: round(p_minor × p_rate × 10 ^ (digits of p_to_currency − digits of p_from_currency)), halves away from zero. p_rate: units of
p_to_currency for one unit of p_from_currency. Null for an unknown currency.$$;

create or replace function ledger.exchange(
    p_from text,
    p_to text,
    p_sell_currency text,
    p_buy_currency text,
    p_sell_minor bigint,
    p_rate numeric,
    p_buy_minor bigint default null,
    p_id uuid default core.new_id(),
    p_event_at timestamptz default null,
    p_reference text default null,
    p_description text default null,
    p_account_id uuid default null
)
returns ledger.exchange
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := ledger.books_of(p_account_id);
    v_from ledger.balance;
    v_to ledger.balance;
    v_exact bigint;
    v_first ledger.transfer;
    v_exchange ledger.exchange;
begin
    if p_rate is null or not (p_rate > 0 and p_rate < 'infinity') then
        raise exception using errcode = 'LQ422', message = 'the rate must be a positive number';
    end if;
    if p_sell_minor is null or p_sell_minor <= 0 then
        raise exception using errcode = 'LQ422', message = 'the amount must be positive';
    end if;
    v_from := ledger.find_account(p_from, p_sell_currency, v_books);
    v_to := ledger.find_account(p_to, p_buy_currency, v_books);
    if v_from.currency = v_to.currency then
        raise exception using
            errcode = 'LQ422',
            message = 'an exchange needs two currencies',
            hint = 'ledger.transfer() moves money within one.';
    end if;
    begin
        v_exact := ledger.convert_minor(p_sell_minor, v_from.currency, v_to.currency, p_rate);
    exception
        when numeric_value_out_of_range then
            raise exception using
                errcode = 'LQ422', message = 'the amount that is bought must be at most 1000000000000000';
    end;
    if v_exact < 1 or p_buy_minor < 1 then
        raise exception using errcode = 'LQ422', message = 'the amount that is bought must be positive';
    end if;
    -- Whoever exchanged may have rounded the other way.
    if abs(p_buy_minor - v_exact) > 1 then
        raise exception using
            errcode = 'LQ422',
            message = 'the amounts do not fit the rate',
            detail = format('%s at this rate is %s (minor units); got %s.', p_sell_minor, v_exact, p_buy_minor);
    end if;
    perform ledger.open_account('exchange', c.currency, 'exchange', 'Exchange of currencies', p_account_id => v_books)
    from (values (v_from.currency), (v_to.currency)) as c (currency)
    where not exists (
        select from ledger.account as a where a.account_id = v_books and a.code = 'exchange' and a.currency = c.currency
    );

    select t.* into v_first
    from ledger.transfer_many(jsonb_build_array(
        jsonb_strip_nulls(jsonb_build_object(
            'id', p_id, 'from', v_from.id, 'to', 'exchange', 'currency', v_from.currency, 'amount_minor', p_sell_minor,
            'link', p_id, 'event_at', p_event_at, 'reference', p_reference, 'description', p_description
        )),
        jsonb_strip_nulls(jsonb_build_object(
            'id', ledger.derive_id(p_id, 'buy'), 'from', 'exchange', 'to', v_to.id, 'currency', v_to.currency,
            'amount_minor', coalesce(p_buy_minor, v_exact), 'link', p_id, 'event_at', p_event_at,
            'reference', p_reference, 'description', p_description
        ))
    ), v_books) as t
    limit 1;
    insert into ledger.exchange as x (
        account_id, id, sell_transfer_id, buy_transfer_id, sell_currency, sell_minor, buy_currency, buy_minor, rate,
        event_at, created_at
    )
    values (
        v_books, p_id, p_id, ledger.derive_id(p_id, 'buy'), v_from.currency, p_sell_minor, v_to.currency,
        coalesce(p_buy_minor, v_exact), p_rate, v_first.event_at, v_first.created_at
    )
    on conflict (account_id, id) do nothing;
    select x.* into strict v_exchange from ledger.exchange as x where x.account_id = v_books and x.id = p_id;
    if v_exchange.rate <> p_rate then
        perform core.raise(
            'LQTID', 'another transfer has this id', 'The exchange is there with another rate.',
            'Make a new id for each exchange.', jsonb_build_object('transfer_id', core.show_id('xfer', p_id))
        );
    end if;
    return v_exchange;
end;
$$;
comment on function ledger.exchange(
    text, text, text, text, bigint, numeric, bigint, uuid, timestamptz, text, text, uuid
) is
$$Exchange money of one currency for another, by two linked transfers over the exchange account of each currency:
select * from ledger.exchange('cash', 'cash', 'USD', 'EUR', 10000, 0.9137).

p_from, p_to: id or code of the accounts that give and get. p_sell_minor: what is given, in minor units. p_rate: units of
p_buy_currency for one of p_sell_currency, kept exactly as it is said. p_buy_minor: what is got, when it is known: at most one minor unit
beside round(p_sell_minor × p_rate × 10 ^ difference of digits), which null stands for. p_id: the same again gives the same. Raises
LQ404, LQ422, LQTID, LQLIM.$$;
