-- What was done is taken back by new transfers.
begin;
select plan(27);

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
create function pg_temp.link(p_number integer, p_link integer) returns uuid language sql as $$
    select v.id
    from ledger.transfer_many(jsonb_build_array(jsonb_build_object(
        'id', pg_temp.id(p_number), 'from', 'revenue', 'to', 'cash', 'currency', 'USD', 'amount_minor', 10, 'link', pg_temp.id(p_link)
    ))) as v
$$;
select throws_ok($$select pg_temp.link(15, 13)$$, 'LQ422', 'the link is that of a reversal', 'nothing is linked to a reversal');
select is(pg_temp.link(16, 11), pg_temp.id(16), 'a transfer is linked to what is reversed');
select is((select count(*) from ledger.reverse(pg_temp.id(12), pg_temp.id(13))), 2::bigint, 'the reversal, sent again, gives what it gave');
select is(
    (select array_agg(r.reverses_id) from ledger.reverse(pg_temp.id(16), pg_temp.id(17)) as r), array[pg_temp.id(16)],
    'and the late one is reversed alone'
);
select is((select count(*) from ledger.reverse(pg_temp.id(16), pg_temp.id(17))), 1::bigint, 'once');
select is(pg_temp.balances(), null, 'with all effects gone');
-- An id that was a link before it was that of a reversal.
select pg_temp.link(21, 29), pg_temp.link(22, 20), pg_temp.link(23, 20);
select is((select count(*) from ledger.reverse(pg_temp.id(22), pg_temp.id(29))), 2::bigint, 'a reversal takes the link of another transfer');
select is(pg_temp.link(21, 29), pg_temp.id(21), 'which may be sent again');
select is(
    (select array_agg(r.reverses_id) from ledger.reverse(pg_temp.id(21), pg_temp.id(30)) as r), array[pg_temp.id(21)],
    'a reversal is not reversed through its link'
);
select is(pg_temp.balances(), null, 'and all effects are gone');

select throws_ok(
    $$select ledger.reverse(pg_temp.id(1), pg_temp.id(3), '294276-01-01')$$, 'LQ422', 'event_at must be between 1900-01-01 and 9999-12-31',
    'the time of a reversal is bounded'
);
-- Holds.
select pg_temp.link(41, 40);
select count(*) from ledger.transfer_many(jsonb_build_array(jsonb_build_object(
    'kind', 'hold', 'id', pg_temp.id(42), 'from', 'revenue', 'to', 'cash', 'currency', 'USD', 'amount_minor', 5, 'link', pg_temp.id(40)
)));
select throws_ok(
    $$select ledger.reverse(pg_temp.id(41), pg_temp.id(43))$$, 'LQ409', 'a hold that is linked to the transfer is open', 'no hold stays open behind'
);
select ledger.void(pg_temp.id(42));
select is((select count(*) from ledger.reverse(pg_temp.id(41), pg_temp.id(43))), 1::bigint, 'once it is void the transfer is reversed');
select is_empty('select * from ledger.reconcile() where not is_good', 'the reconciliation finds nothing');

select * from finish();
rollback;
