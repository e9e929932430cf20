-- Money is held, taken in whole or in part, let go, and let go by the clock.
begin;
select plan(33);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-05-01 12:00:00+00');
select identity.operator_account();
select count(*) from ledger.open_books('USD');
select ledger.open_account('wallet', 'USD', 'liability', p_may_be_negative => false);
select ledger.open_account('credit', 'USD', 'liability', p_may_be_positive => false);
create function pg_temp.id(p_number integer) returns uuid language sql as $$ select lpad(to_hex(p_number), 32, '0')::uuid $$;
create function pg_temp.stand(p_code text) returns text language sql as $$
    select balance_minor || ' ' || held_out_minor || ' ' || held_in_minor || ' ' || version from ledger.find_account(p_code, 'USD')
$$;
select ledger.transfer('cash', 'wallet', 1000, 'USD');

select is((ledger.hold('wallet', 'revenue', 600, 'USD', 3600, pg_temp.id(1))).kind, 'hold', 'money is held');
select is(pg_temp.stand('wallet'), '1000 600 0 1', 'the balance stays, and no entry is made');
select is(pg_temp.stand('revenue'), '0 0 600 0', 'on neither side');
select throws_ok($$select ledger.transfer('wallet', 'fees', 401, 'USD')$$, 'LQLIM', 'the account may not go below zero', 'what is held can not be used');
select throws_ok($$select ledger.hold('wallet', 'fees', 401, 'USD')$$, 'LQLIM', 'the account may not go below zero', 'nor held once more');
select lives_ok($$select ledger.transfer('wallet', 'fees', 400, 'USD')$$, 'the rest can');
select is((ledger.hold('wallet', 'revenue', 600, 'USD', 3600, pg_temp.id(1))).kind, 'hold', 'the same hold again');
select is(pg_temp.stand('wallet'), '600 600 0 2', 'holds nothing more');
select throws_ok($$select ledger.hold('cash', 'credit', 1, 'USD')$$, 'LQLIM', 'the account may not go above zero', 'what is held to come in counts on the other side');

select is((ledger.post(pg_temp.id(1), 350, pg_temp.id(2))).amount_minor, 350::bigint, 'a part is posted');
select is(pg_temp.stand('wallet'), '250 0 0 3', 'it moves, and the rest is let go');
select is(pg_temp.stand('revenue'), '350 0 0 1', 'also where it was to come in');
select is((ledger.post(pg_temp.id(1), 350, pg_temp.id(2))).amount_minor, 350::bigint, 'the same post again gives the same');
select throws_ok($$select ledger.post(pg_temp.id(1), 350, pg_temp.id(2), p_reference => 'x')$$, 'LQTID', null, 'another one with its id is a conflict');
select throws_ok($$select ledger.post(pg_temp.id(1), 1)$$, 'LQ409', 'the hold has ended', 'a hold is ended once');
select throws_ok($$select ledger.void(pg_temp.id(1))$$, 'LQ409', 'the hold has ended', 'in either way');
select throws_ok($$select ledger.post(pg_temp.id(2))$$, 'LQ404', 'no such hold', 'a transfer is no hold');
select is(
    (select (h.state, h.posted_minor, h.ended_by)::text from ledger.hold as h), ('posted', 350, pg_temp.id(2))::text, 'what became of it is kept'
);

select ledger.hold('wallet', 'revenue', 250, 'USD', null, pg_temp.id(3));
select is((ledger.void(pg_temp.id(3), pg_temp.id(4))).amount_minor, 250::bigint, 'a hold is voided as a whole');
select is(pg_temp.stand('wallet'), '250 0 0 3', 'and nothing is held, nothing moved');
select throws_ok(
    $$select ledger.transfer_many('[
        {"id": "00000000-0000-0000-0000-0000000000a1", "kind": "post", "hold": "00000000-0000-0000-0000-000000000005"},
        {"id": "00000000-0000-0000-0000-0000000000a2", "kind": "void", "hold": "00000000-0000-0000-0000-000000000005"}]')
    from ledger.hold('wallet', 'revenue', 1, 'USD', null, pg_temp.id(5))$$, 'LQ409', 'the hold has ended', 'nor twice in one call'
);

-- The clock.
select ledger.hold('wallet', 'revenue', 100, 'USD', 60, pg_temp.id(6)), ledger.hold('wallet', 'revenue', 50, 'USD', 61, pg_temp.id(7));
select core.set_test_clock('2026-05-01 12:01:00+00');
select throws_ok($$select ledger.post(pg_temp.id(6))$$, 'LQ409', 'the hold has ended', 'over its time a hold can not be posted, even before the clock came');
select is(ledger.expire_holds(), 1::bigint, 'the clock lets it go');
select is(pg_temp.stand('wallet') || ', ' || pg_temp.stand('revenue'), '250 50 0 3, 350 0 50 1', 'and leaves the one that has time');
select is(
    (select (x.kind, x.amount_minor, x.event_at)::text from ledger.transfer as x where x.hold_id = pg_temp.id(6)),
    '(expiry,100,"2026-05-01 12:01:00+00")', 'by a transfer of its own'
);
select is(ledger.expire_holds(), 0::bigint, 'once');
select is_empty('select * from ledger.reconcile() where not is_good', 'the reconciliation finds nothing');

-- One set of books does not stop the others.
create temp table b on commit drop as select test.make_account('B') as b;
select count(*) from b, ledger.open_books('USD', b);
select ledger.hold('cash', 'fees', 1, 'USD', 60, pg_temp.id(21)), ledger.hold('cash', 'fees', 2, 'USD', 61, pg_temp.id(22), p_account_id => b) from b;
select lives_ok(
    $$select ledger.transfer('revenue', 'cash', 1, 'USD', ledger.derive_id(pg_temp.id(21), 'expiry'))$$, 'a client may make any id'
);
select core.set_test_clock('2026-05-01 12:05:00+00');
select format('alter table ledger.hold add constraint broken_check check (account_id <> %L) not valid', identity.operator_account()) \gexec
select is(ledger.expire_holds(1), 1::bigint, 'where a set of books fails the next one has its turn, however few are asked for');
select is((select h.state from ledger.hold as h where h.transfer_id = pg_temp.id(22)), 'expired', 'and its hold is let go');
select is(
    (select a.level || ' ' || (a.facts ->> 'account') from alerts.alert as a where a.fingerprint like 'ledger/holds over their time%'),
    'error ' || core.show_id('acct', identity.operator_account()), 'and somebody is told'
);
alter table ledger.hold drop constraint broken_check;
select is(ledger.expire_holds(), 2::bigint, 'once it can be, it is let go too, whatever ids are taken');
select is_empty('select from ledger.hold as h where h.state = ''open'' and h.expires_at <= core.now()', 'and nothing is left over');

select * from finish();
rollback;
