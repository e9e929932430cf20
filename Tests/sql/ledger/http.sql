-- The ledger over HTTP.
begin;
select plan(37);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-06-15 12:00:00+00');
create temp table t on commit drop as select identity.operator_account() as operator, test.make_account('A') as a;
create temp table k on commit drop as select test.make_key(operator, '{platform}') as p, test.make_key(a) as weak from t;
create function pg_temp.call(p_method text, p_path text, p_body jsonb default null, p_context jsonb default '{}')
returns test.answer language sql as $$
    select c.* from k, test.call(p_method, '/api/admin/ledger/' || p_path, k.p, p_body, null, p_context) as c
$$;
grant select on k, t to public;

select is(c.status, 403, 'for the platform only: ' || r.method || ' ' || r.path)
from (values ('POST', 'accounts'), ('GET', 'accounts'), ('GET', 'accounts/cash'), ('GET', 'accounts/cash/entries'), ('POST', 'transfers'),
    ('GET', 'transfers/x'), ('POST', 'transfers/x/reversal'), ('POST', 'exchanges')) as r (method, path)
cross join k
cross join lateral test.call(r.method, '/api/admin/ledger/' || r.path, k.weak, case r.method when 'POST' then '{}'::jsonb end) as c;

-- Accounts.
select is(c.status, 201, 'an account is opened')
from pg_temp.call('POST', 'accounts', '{"code": "cash", "currency": "USD", "category": "asset", "name": "Bank"}') as c;
select is(c.status, 201, 'and found by the same again')
from pg_temp.call('POST', 'accounts', '{"code": "cash", "currency": "USD", "category": "asset", "name": "Bank"}') as c;
select is(c.status || ' ' || (c.body ->> 'code'), '409 conflict', 'another one of its code is a conflict')
from pg_temp.call('POST', 'accounts', '{"code": "cash", "currency": "USD", "category": "revenue"}') as c;
select pg_temp.call('POST', 'accounts', jsonb_build_object('code', v.code, 'currency', v.currency, 'category', v.category, 'may_be_negative', v.free))
from (values ('revenue', 'USD', 'revenue', true), ('fees', 'USD', 'fees', true), ('wallet', 'USD', 'liability', false), ('cash', 'EUR', 'asset', true))
    as v (code, currency, category, free);
select is(
    c.status || ' ' || (c.body - '{id,created_at}'::text[]),
    '200 {"code": "wallet", "name": "", "version": 0, "category": "liability", "currency": "USD", "balance_minor": 0, "held_in_minor": 0, "held_out_minor": 0,'
    ' "may_be_negative": false, "may_be_positive": true}', 'an account is shown'
) from pg_temp.call('GET', 'accounts/wallet') as c;
select is(c.status, 422, 'by a code that is there twice it is not') from pg_temp.call('GET', 'accounts/cash') as c;
select is(c.body ->> 'currency', 'EUR', 'but with its currency') from pg_temp.call('GET', 'accounts/cash?currency=EUR') as c;
select is(c.status, 404, 'an unknown one is not there') from pg_temp.call('GET', 'accounts/gold') as c;
create temp table page on commit drop as select c.* from pg_temp.call('GET', 'accounts?limit=3') as c;
select is(jsonb_array_length(p.body -> 'accounts'), 3, 'accounts come in pages') from page as p;
select is(
    p.headers ->> 'Link', '</api/admin/ledger/accounts?limit=3&cursor=' || (p.body ->> 'next_cursor') || '>; rel="next"', 'with a link to the next'
) from page as p;
select is(jsonb_array_length(c.body -> 'accounts') || ' ' || (c.body -> 'next_cursor') || ' ' || (c.headers ? 'Link'), '2 null false', 'up to the last')
from page as p, pg_temp.call('GET', 'accounts?limit=3&cursor=' || (p.body ->> 'next_cursor')) as c;
select is(jsonb_array_length(c.body -> 'accounts'), 1, 'and by currency and category') from pg_temp.call('GET', 'accounts?currency=USD&category=fees') as c;

-- Transfers.
create temp table made on commit drop as
select c.* from pg_temp.call('POST', 'transfers', '{"transfers": [
    {"id": "019ab0e2-3c54-7d20-8a0e-000000000001", "from": "revenue", "to": "cash", "currency": "USD", "amount_minor": 1999, "reference": "inv-1"},
    {"id": "019ab0e2-3c54-7d20-8a0e-000000000002", "from": "cash", "to": "fees", "currency": "USD", "amount_minor": 59, "event_at": "2026-06-01T00:00:00Z"}]}') as c;
select is(m.status || ' ' || jsonb_array_length(m.body -> 'transfers'), '201 2', 'transfers are made') from made as m;
select is(
    (m.body -> 'transfers' -> 1) - '{from,to,made_by}'::text[],
    '{"id": "xfer_019ab0e23c547d208a0e000000000002", "kind": "transfer", "amount_minor": 59, "currency": "USD", "event_at": "2026-06-01T00:00:00+00:00",
        "created_at": "2026-06-15T12:00:00+00:00", "link": null, "hold": null, "reverses": null, "hold_seconds": null, "reference": null, "description": null}',
    'and shown'
) from made as m;
select is(c.status || c.body::text, m.status || m.body::text, 'the same again is answered the same')
from made as m, pg_temp.call('POST', 'transfers', '{"transfers": [
    {"id": "019ab0e2-3c54-7d20-8a0e-000000000001", "from": "revenue", "to": "cash", "currency": "USD", "amount_minor": 1999, "reference": "inv-1"},
    {"id": "019ab0e2-3c54-7d20-8a0e-000000000002", "from": "cash", "to": "fees", "currency": "USD", "amount_minor": 59, "event_at": "2026-06-01T00:00:00Z"}]}') as c;
select is(c.status || ' ' || (c.body ->> 'code') || ' ' || (c.body ->> 'transfer_id'), '409 transfer-id-taken xfer_019ab0e23c547d208a0e000000000001', 'other content is a conflict')
from pg_temp.call('POST', 'transfers', '{"transfers": [
    {"id": "019ab0e2-3c54-7d20-8a0e-000000000001", "from": "revenue", "to": "cash", "currency": "USD", "amount_minor": 2999, "reference": "inv-1"}]}') as c;
select is(c.status || ' ' || (c.body ->> 'code'), '409 balance-limit', 'and so is a balance beyond its limit')
from pg_temp.call('POST', 'transfers', '{"transfers": [
    {"id": "019ab0e2-3c54-7d20-8a0e-000000000003", "from": "wallet", "to": "cash", "currency": "USD", "amount_minor": 1}]}') as c;
select is(c.status || ' ' || (c.body ->> 'transfer'), '422 1', 'an account that is not open is named by its place')
from pg_temp.call('POST', 'transfers', '{"transfers": [
    {"id": "019ab0e2-3c54-7d20-8a0e-000000000003", "from": "gold", "to": "cash", "currency": "USD", "amount_minor": 1}]}') as c;
select is(c.status || ' ' || jsonb_array_length(c.body -> 'entries'), '200 2', 'a transfer is shown with its entries')
from pg_temp.call('GET', 'transfers/xfer_019ab0e23c547d208a0e000000000001') as c;
select is(c.status, 404, 'an unknown one is not there') from pg_temp.call('GET', 'transfers/019ab0e2-3c54-7d20-8a0e-000000000009') as c;
select pg_temp.call('POST', 'transfers', '{"transfers": [
    {"id": "019ab0e2-3c54-7d20-8a0e-000000000004", "kind": "hold", "from": "cash", "to": "fees", "currency": "USD", "amount_minor": 100, "hold_seconds": 60}]}');
select is((c.body ->> 'state') || ' ' || (c.body -> 'entries'), 'open []', 'a hold is open') from pg_temp.call('GET', 'transfers/019ab0e2-3c54-7d20-8a0e-000000000004') as c;
select pg_temp.call('POST', 'transfers', '{"transfers": [
    {"id": "019ab0e2-3c54-7d20-8a0e-000000000005", "kind": "post", "hold": "019ab0e2-3c54-7d20-8a0e-000000000004", "amount_minor": 40}]}');
select is(c.body ->> 'state', 'posted', 'until it is posted') from pg_temp.call('GET', 'transfers/019ab0e2-3c54-7d20-8a0e-000000000004') as c;
select is(c.status || ' ' || (c.body -> 'transfers' -> 0 ->> 'reverses'), '201 xfer_019ab0e23c547d208a0e000000000001', 'a transfer is taken back')
from pg_temp.call('POST', 'transfers/019ab0e2-3c54-7d20-8a0e-000000000001/reversal', '{"id": "019ab0e2-3c54-7d20-8a0e-000000000006"}') as c;
select is(c.status || ' ' || (c.body ->> 'rate') || ' ' || (c.body ->> 'buy_minor'), '201 0.91370000000000000001 9137', 'money is exchanged, the rate to the last digit')
from pg_temp.call('POST', 'exchanges', '{"id": "019ab0e2-3c54-7d20-8a0e-000000000007", "from": "cash", "to": "cash", "sell_currency": "USD",
    "buy_currency": "EUR", "sell_minor": 10000, "rate": "0.91370000000000000001"}') as c;

-- Entries.
create temp table entries on commit drop as select c.* from pg_temp.call('GET', 'accounts/cash/entries?currency=USD&limit=2') as c;
select is(
    (select string_agg(x.e ->> 'amount_minor', ' ') from entries as n, jsonb_array_elements(n.body -> 'entries') as x (e)), '-10000 -1999', 'entries come newest first'
);
select is(
    (select string_agg(x.e ->> 'amount_minor', ' ') || ' ' || (c.body -> 'next_cursor')
        from entries as n, pg_temp.call('GET', 'accounts/cash/entries?currency=USD&limit=3&cursor=' || (n.body ->> 'next_cursor')) as c,
            jsonb_array_elements(c.body -> 'entries') as x (e) group by c.body -> 'next_cursor'), '-40 -59 1999 null', 'page by page'
);
select is(
    (select string_agg(x.e ->> 'amount_minor', ' ')
        from pg_temp.call('GET', 'accounts/cash/entries?currency=USD&to=2026-06-02T00:00:00Z') as c, jsonb_array_elements(c.body -> 'entries') as x (e)),
    '-59', 'and by when it happened'
);
select is(a.headers ->> 'ETag' = b.headers ->> 'ETag', true, 'the tag stays while the page does')
from pg_temp.call('GET', 'accounts/fees/entries') as a, pg_temp.call('GET', 'accounts/fees/entries') as b;
select is(
    (select count(*) from audit.entry as e where e.action like 'ledger.%' and e.actor like 'key\_%'), 12::bigint, 'what was done is in the audit trail'
);
select is(c.body -> 'accounts', '[]', 'in the name of an account its own books are meant')
from t, pg_temp.call('GET', 'accounts', null, jsonb_build_object('account', core.show_id('acct', a))) as c;

select * from finish();
rollback;
