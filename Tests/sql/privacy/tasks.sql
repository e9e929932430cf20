-- The clock begins a run each day and works it off.
begin;
select plan(9);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-06-15 02:59:59+00');
select test.turn_clock();
select core.set_test_clock('2026-06-15 02:59:59.5+00');
select is((select count(*) from privacy.run), 0::bigint, 'before three nothing is begun');
insert into audit.sensitive_call (happened_at, actor, request_id, route_id) select '2010-01-01', 'x', 'r' || i, 1 from generate_series(1, 2500) as i;
insert into audit.sensitive_call (happened_at, actor, request_id, route_id) values (core.now(), 'x', 'r', 1);
select core.set_test_clock('2026-06-15 03:00:00+00');
select ok(test.turn_clock() @> '{privacy-begin-run succeeded,privacy-work-runs running,privacy-work-runs succeeded}', 'at three UTC a run is begun, and worked off in steps');
select is((select count(*) from audit.sensitive_call), 1::bigint, 'what is too old is gone');
select is(
    (select row(r.state, r.rows, r.requested_by, r.is_dry_run)::text from privacy.run as r where r.table_name = 'audit.sensitive_call'), '(done,2500,system,f)',
    'there is a row of the run and table'
);
select is((select count(distinct r.run_id) from privacy.run as r), 1::bigint, 'one run');
select is((select count(*) from privacy.run as r where r.state <> 'done'), 0::bigint, 'all its tables are done');
select is(
    (select row(e.actor, e.facts ->> 'rows')::text from audit.entry as e where e.action = 'privacy.run_retention'), '(system,2500)', 'the trail says it was the clock'
);
select is((select r.touched from schedule.run as r where r.task = 'privacy-work-runs' and r.touched > 0), 2500::bigint, 'and the clock how many rows');
select core.set_test_clock('2026-06-16 03:00:00+00');
select test.turn_clock();
select is((select count(distinct r.run_id) from privacy.run as r), 2::bigint, 'the next day there is another');

select * from finish();
rollback;
