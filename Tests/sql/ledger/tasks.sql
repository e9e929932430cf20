-- What the clock does for the ledger.
begin;
select plan(9);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-06-15 03:16:00+00');
select identity.operator_account(), test.clear_jobs();
select count(*) from ledger.open_books('USD');
select test.turn_clock();
select ledger.transfer('revenue', 'cash', 5, 'USD'), ledger.hold('cash', 'fees', 1, 'USD', 20);
select core.set_test_clock('2026-06-15 03:17:00+00');
select ok(
    test.turn_clock() @> '{ledger-expire-holds succeeded,ledger-fold-rollups succeeded,ledger-reconcile succeeded}', 'the clock does its tasks'
);
select is((select h.state from ledger.hold as h), 'expired', 'holds are let go');
select is((select count(*) from ledger.rollup as r where r.grain = 'day'), 2::bigint, 'entries are folded');
select is((select r.is_good from ledger.reconciliation as r), true, 'what was found is kept');
select is((select count(*) from alerts.alert as a where a.fingerprint = 'ledger/reconciliation'), 0::bigint, 'nobody is told that all is well');

set local session_replication_role = 'replica';
update ledger.account set held_in_minor = held_in_minor + 1 where code = 'fees';
set local session_replication_role = 'origin';
select core.set_test_clock('2026-06-16 03:17:00+00');
select is(ledger.record_reconciliation() ->> 'is_good', 'false', 'what differs is found');
select is(
    (select a.level || ' ' || a.state from alerts.alert as a where a.fingerprint = 'ledger/reconciliation'), 'critical open', 'and somebody is told'
);
update ledger.account set held_in_minor = held_in_minor - 1 where code = 'fees';
select core.set_test_clock('2026-06-17 03:17:00+00');
select ledger.record_reconciliation();
select is((select a.state from alerts.alert as a where a.fingerprint = 'ledger/reconciliation'), 'resolved', 'until it is right again');
select core.set_test_clock('2028-06-17 03:17:00+00');
select ledger.record_reconciliation();
select is((select count(*) from ledger.reconciliation), 1::bigint, 'what is old goes');

select * from finish();
rollback;
