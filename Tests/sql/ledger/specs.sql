-- What a call asks for is read, and what is wrong with it is said.
begin;
select plan(28);

set local levqor.machinery = 'on';
select identity.operator_account();
select count(*) from ledger.open_books('USD'), ledger.open_account('yen', 'JPY', 'asset') as y;
create temp table h on commit drop as
select v.id from ledger.hold('cash', 'fees', 100, 'USD', p_id => '00000000-0000-7000-8000-00000000000a') as v;

create function pg_temp.refused(p_transfer text, p_sqlstate text, p_message text) returns text language sql as $$
    select throws_ok(
        format(
            'select from ledger.transfer_many(jsonb_build_array(%L::jsonb || %L))', '{"id": "00000000-0000-7000-8000-000000000001"}', p_transfer
        ), p_sqlstate, p_message, p_transfer
    )
$$;
select pg_temp.refused(c.transfer, c.sqlstate, c.message)
from (values
    ('{"from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1, "amont": 1}', 'LQ422', 'unknown member "amont"'),
    ('{"kind": "gift", "from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1}', 'LQ422', 'unknown kind of transfer'),
    ('{"id": "one", "from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1}', 'LQ422', 'the id must be a UUID'),
    ('{"from": "cash", "to": "fees", "amount_minor": 1}', 'LQ422', 'no account to take from: "cash"'),
    ('{"from": "cash", "to": "fee", "currency": "USD", "amount_minor": 1}', 'LQ422', 'no account to give to: "fee"'),
    ('{"from": "cash", "currency": "USD", "amount_minor": 1}', 'LQ422', 'no account to give to'),
    ('{"from": "cash", "to": "cash", "currency": "USD", "amount_minor": 1}', 'LQ422', 'a transfer needs two accounts'),
    ('{"from": "cash", "to": "fees", "currency": "USD"}', 'LQ422', 'the amount is missing'),
    ('{"from": "cash", "to": "fees", "currency": "USD", "amount_minor": 0}', 'LQ422', 'the amount must be positive'),
    ('{"from": "cash", "to": "fees", "currency": "USD", "amount_minor": -5}', 'LQ422', 'the amount must be positive'),
    ('{"from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1000000000000001}', 'LQ422', 'the amount must be at most 1000000000000000'),
    ('{"kind": "post", "hold": "00000000-0000-7000-8000-00000000000b"}', 'LQ404', 'no such hold'),
    ('{"kind": "void"}', 'LQ404', 'no such hold'),
    ('{"kind": "post", "hold": "00000000-0000-7000-8000-00000000000a", "amount_minor": 101}', 'LQ422', 'more than the hold has'),
    ('{"kind": "void", "hold": "00000000-0000-7000-8000-00000000000a", "amount_minor": 99}', 'LQ422', 'a hold is voided as a whole'),
    ('{"kind": "void", "hold": "00000000-0000-7000-8000-00000000000a", "from": "cash"}', 'LQ422', 'a hold is ended between its own accounts: leave out from and to'),
    ('{"hold": "00000000-0000-7000-8000-00000000000a", "from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1}', 'LQ422', 'only a post or a void names a hold'),
    ('{"from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1, "hold_seconds": 5}', 'LQ422', 'only a hold ends after hold_seconds'),
    ('{"kind": "hold", "from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1, "hold_seconds": 0}', 'LQ422', 'hold_seconds must be between 1 and 31622400'),
    ('{"from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1, "link": "x"}', 'LQ422', 'the link must be a UUID'),
    ('{"from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1, "event_at": "infinity"}', 'LQ422', 'event_at must be a time'),
    ('{"from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1, "event_at": "1899-12-31T23:59:59Z"}', 'LQ422', 'event_at must be between 1900-01-01 and 9999-12-31'),
    ('{"from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1, "event_at": "4714-11-25 00:00:00+00 BC"}', 'LQ422', 'event_at must be between 1900-01-01 and 9999-12-31'),
    ('{"from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1, "event_at": "10000-01-01T00:00:00Z"}', 'LQ422', 'event_at must be between 1900-01-01 and 9999-12-31')
) as c (transfer, sqlstate, message);
select throws_ok(
    format($$select ledger.transfer(%L, 'yen', 1)$$, a.id), 'LQ422', 'no account to give to: "yen"', 'a code is looked for in the currency of the other side'
) from ledger.find_account('cash', 'USD') as a;
select throws_ok(
    format($$select ledger.transfer(%L, %L, 1)$$, a.id, y.id), 'LQ422', 'both accounts must have one currency', 'currencies never mix'
) from ledger.find_account('cash', 'USD') as a, ledger.find_account('yen', 'JPY') as y;
select throws_ok($$select ledger.transfer_many('{}')$$, 'LQ422', 'the transfers must be a JSON array', 'no array');
select is(ledger.derive_id('00000000-0000-7000-8000-000000000005', 'x'), '4b982209-cc65-866f-ae9f-9c59e97588ff', 'a derived id is the same everywhere');

select * from finish();
rollback;
