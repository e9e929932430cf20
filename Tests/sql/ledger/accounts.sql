-- Accounts of the ledger.
begin;
select plan(20);

set local levqor.machinery = 'on';
create temp table t on commit drop as select identity.operator_account() as operator, test.make_account('A') as a;
select is((select count(*) from ledger.open_books('USD')), 9::bigint, 'a set of books has nine accounts');
select is((select count(*) from ledger.open_books('USD')), 9::bigint, 'and has them once');
select is((select count(*) from ledger.account), 9::bigint, 'however often they are opened');
select is((select a.account_id from ledger.find_account('cash', 'USD') as a), operator, 'they are the operator''s') from t;
select is((ledger.open_account('cash', 'USD', 'asset', 'Cash and bank')).id, (ledger.find_account('cash', 'USD')).id, 'the same again gives the same');
select throws_ok(
    $$select ledger.open_account('cash', 'USD', 'revenue')$$, 'LQ409', 'the account is there already, and is another', 'other content is a conflict'
);
select throws_ok($$select ledger.open_account('x', 'USX', 'asset')$$, 'LQ422', 'unknown currency', 'an unknown currency');
select throws_ok($$select ledger.open_account('x', null, 'asset')$$, 'LQ422', 'unknown currency', 'no currency');
select throws_ok($$select ledger.open_account('x', 'USD', 'assets')$$, 'LQ422', 'unknown category', 'an unknown category');
select throws_ok(
    $$select ledger.open_account('X y', 'USD', 'asset')$$, 'LQ422',
    'the code of an account is 1 to 100 of a-z, 0-9, _ . : - and begins with a letter or digit', 'a code that is none'
);
select throws_ok(
    $$select ledger.open_account('00000000-0000-7000-8000-000000000001', 'USD', 'asset')$$, 'LQ422',
    'the code of an account must not look like an id', 'a code that looks like an id'
);
select throws_ok(
    $$select ledger.open_account('x', 'USD', 'asset', '', false, false)$$, 'LQ422',
    'an account must be able to be negative or positive', 'an account that may be nothing'
);
select isnt(
    (select (ledger.open_account('cash', 'USD', 'asset', p_account_id => a)).id from t), (ledger.find_account('cash', 'USD')).id,
    'another customer''s books have accounts of their own'
);
select is((ledger.find_account(core.show_id('lacc', f.id))).code, 'cash', 'found by its id') from ledger.find_account('cash', 'USD') as f;
select is((ledger.find_account('cash')).currency, 'USD', 'found by its code alone while it is in one currency');
select ledger.open_account('cash', 'JPY', 'asset');
select throws_ok($$select ledger.find_account('cash')$$, 'LQ422', 'the account is there in more than one currency', 'and not when it is in two');
select throws_ok($$select ledger.find_account('gold', 'USD')$$, 'LQ404', 'no such ledger account', 'an unknown one');
select throws_ok(
    format($$select ledger.find_account(%L, null, %L)$$, (ledger.find_account('cash', 'USD')).id, a), 'LQ404', 'no such ledger account',
    'nor is one found in other books'
) from t;
select is(
    (select string_agg(c.code || c.digits, ' ' order by c.code) from ledger.currency as c where c.code in ('USD', 'JPY', 'KWD', 'GBP')),
    'GBP2 JPY0 KWD3 USD2', 'currencies have their digits'
);
select test.act_for(a) from t;
set local role levqor_owner;
select is((select count(*) from ledger.account), 1::bigint, 'an account sees its own books only');

select * from finish();
rollback;
