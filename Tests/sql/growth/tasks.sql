-- What the clock does for events and referrals.
begin;
select plan(4);

select core.set_test_clock('2030-11-21 12:00:00+00');
update schedule.task set is_enabled = name like 'growth-%';
select test.turn_clock();
select ok(to_regclass('growth.event_203102') is not null, 'months of events are made ahead');
select ok(to_regclass('growth.arrival_20301124') is not null, 'and days of arrivals');
select core.set_test_clock('2030-12-25 13:00:00+00');
select set_has(
    $$select unnest(test.turn_clock())$$,
    $$values ('growth-drop-arrival-days succeeded'), ('growth-make-partitions succeeded'), ('growth-join-referrals succeeded')$$, 'all run'
);
select is(to_regclass('growth.arrival_20301122'), null, 'old days of arrivals go');

select * from finish();
rollback;
