-- What was done is taken back by new transfers.
begin;
select plan(14);

set local levqor.machinery = 'on';
create temp table t on commit drop as select identity.operator_account() as operator, core.new_id() as u;
select count(*) from ledger.open_books('USD');
create function pg_temp.id(p_number integer) returns uuid language sql as $$ select lpad(to_hex(p_number), 32, '0')::uuid $$;
create function pg_temp.balances() returns text language sql as $$
    select string_agg(code || ' ' || balance_minor, ', ' order by code) from ledger.balance where balance_minor <> 0
$$;
select ledger.transfer('revenue', 'cash', 500, 'USD', pg_temp.id(1), p_user_id => u) from t;
select is(
    (select (r.kind, r.amount_minor, r.reverses_id, r.link_id)::text from ledger.reverse(pg_temp.id(1), pg_temp.id(2), '2026-02-01', 'r', 'wrong') as r),
    ('transfer', 500, pg_temp.id(1), null)::text, 'a transfer is reversed by a new one'
);
select is(pg_temp.balances(), null, 'and its effect is gone');
select is((select count(*) from ledger.entry), 4::bigint, 'with all entries in place');
select is((select count(*) from ledger.transfer_person as p where p.user_id = u), 2::bigint, 'its person is also that of the reversal') from t;
select is((select r.id from ledger.reverse(pg_temp.id(1), pg_temp.id(2), '2026-02-01', 'r', 'wrong') as r), pg_temp.id(2), 'the same again gives the same');
select is((select count(*) from ledger.entry), 4::bigint, 'and does nothing');
select throws_ok($$select ledger.reverse(pg_temp.id(1), pg_temp.id(3))$$, 'LQ409', 'the transfer is reversed already', 'a transfer is reversed once');
select throws_ok($$select ledger.reverse(pg_temp.id(2))$$, 'LQ409', 'a reversal is not reversed', 'a reversal is not');
select throws_ok($$select ledger.reverse(pg_temp.id(9))$$, 'LQ404', 'no such transfer', 'nor one that is not there');
select ledger.hold('cash', 'fees', 1, 'USD', p_id => pg_temp.id(4));
select throws_ok($$select ledger.reverse(pg_temp.id(4))$$, 'LQ409', 'this transfer moved no money', 'a hold is voided, not reversed');

-- Linked ones go together.
select count(*) from ledger.transfer_many(jsonb_build_array(
    jsonb_build_object('id', pg_temp.id(11), 'from', 'revenue', 'to', 'cash', 'currency', 'USD', 'amount_minor', 100, 'link', pg_temp.id(11)),
    jsonb_build_object('id', pg_temp.id(12), 'from', 'cash', 'to', 'fees', 'currency', 'USD', 'amount_minor', 3, 'link', pg_temp.id(11))
));
select is((select count(*) from ledger.reverse(pg_temp.id(12), pg_temp.id(13))), 2::bigint, 'linked transfers are reversed together');
select is(pg_temp.balances(), null, 'all of them');
select throws_ok($$select ledger.reverse(pg_temp.id(11), pg_temp.id(14))$$, 'LQ409', 'the transfer is reversed already', 'so the other one is reversed too');
select is_empty('select * from ledger.reconcile() where not is_good', 'the reconciliation finds nothing');

select * from finish();
rollback;
