-- Currencies are exchanged by a pair of transfers, with the rate as it was agreed.
begin;
select plan(18);

set local levqor.machinery = 'on';
select identity.operator_account();
select count(*) from ledger.open_books('USD');
select ledger.open_account('cash', c.currency, 'asset', 'Cash and bank') from (values ('EUR'), ('JPY'), ('KWD')) as c (currency);
create function pg_temp.id(p_number integer) returns uuid language sql as $$ select lpad(to_hex(p_number), 32, '0')::uuid $$;

select is(ledger.convert_minor(10000, 'USD', 'EUR', 0.9137), 9137::bigint, 'two digits to two');
select is(ledger.convert_minor(10000, 'USD', 'JPY', 150.255), 15026::bigint, 'two digits to none, halves away from zero');
select is(ledger.convert_minor(15026, 'JPY', 'USD', 0.00665), 9992::bigint, 'none to two');
select is(ledger.convert_minor(10000, 'USD', 'KWD', 0.30715), 30715::bigint, 'two to three');

create temp table e on commit drop as
select v.* from ledger.exchange('cash', 'cash', 'USD', 'EUR', 10000, 0.91370000000000000000000001, p_id => pg_temp.id(1), p_reference => 'fx-1') as v;
select is((select e.buy_minor || ' ' || e.rate from e), '9137 0.91370000000000000000000001', 'the rate is kept exactly');
select is(
    (select string_agg(x.currency || ' ' || x.amount_minor || ' ' || f.code || '>' || o.code, ', ' order by x.currency desc)
        from ledger.transfer as x
        inner join ledger.account as f on f.id = x.from_id
        inner join ledger.account as o on o.id = x.to_id
        where x.link_id = pg_temp.id(1)),
    'USD 10000 cash>exchange, EUR 9137 exchange>cash', 'it is two linked transfers'
);
select is(
    (select v from ledger.exchange('cash', 'cash', 'USD', 'EUR', 10000, 0.91370000000000000000000001, p_id => pg_temp.id(1), p_reference => 'fx-1') as v)::text,
    (select row(e.*)::text from e), 'the same again gives the same'
);
select is((select count(*) from ledger.transfer), 2::bigint, 'and does nothing');
select throws_ok(
    $$select ledger.exchange('cash', 'cash', 'USD', 'EUR', 10000, 0.9137, p_id => pg_temp.id(1), p_reference => 'fx-1')$$, 'LQTID', null, 'another rate is a conflict'
);
select throws_ok(
    $$select ledger.exchange('cash', 'cash', 'USD', 'EUR', 20000, 0.9137, p_id => pg_temp.id(1), p_reference => 'fx-1')$$, 'LQTID', null, 'and so is another amount'
);
select is((ledger.exchange('cash', 'cash', 'USD', 'EUR', 10000, 0.9137, 9136)).buy_minor, 9136::bigint, 'who exchanged may have rounded otherwise');
select throws_ok($$select ledger.exchange('cash', 'cash', 'USD', 'EUR', 10000, 0.9137, 9135)$$, 'LQ422', 'the amounts do not fit the rate', 'by one unit at most');
select throws_ok($$select ledger.exchange('cash', 'fees', 'USD', 'USD', 10000, 1)$$, 'LQ422', 'an exchange needs two currencies', 'one currency');
select throws_ok($$select ledger.exchange('cash', 'cash', 'USD', 'EUR', 10000, 0)$$, 'LQ422', 'the rate must be a positive number', 'no rate');
select throws_ok($$select ledger.exchange('cash', 'cash', 'USD', 'EUR', 1, 0.001)$$, 'LQ422', 'the amount that is bought must be positive', 'nothing for it');
select throws_ok(
    $$select ledger.exchange('cash', 'cash', 'USD', 'EUR', 1000000000000000, 999999999999999999)$$, 'LQ422',
    'the amount that is bought must be at most 1000000000000000', 'more than fits'
);
select throws_ok($$select ledger.exchange('cash', 'cash', 'USD', 'GBP', 1, 1)$$, 'LQ404', 'no such ledger account', 'an account that is not open');
select is_empty('select * from ledger.reconcile() where not is_good', 'the reconciliation finds nothing');

select * from finish();
rollback;
