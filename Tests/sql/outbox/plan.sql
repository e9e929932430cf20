-- The retry plan is rows.
begin;
select plan(21);

select is(outbox.count_plan(), 10, 'the plan has ten attempts');
select results_eq(
    'select extract(epoch from outbox.next_delay(n, 0.5))::integer from generate_series(1, 11) as n',
    'values (5), (300), (1800), (7200), (18000), (36000), (50400), (72000), (86400), (86400), (86400)', 'and these waits between them'
);
select is(outbox.next_delay(0, 0.5), interval '5 seconds', 'no failure waits as the first');
select is(outbox.next_delay(2, 0), interval '270 seconds', 'the jitter shortens by a tenth');
select is(outbox.next_delay(2, 1), interval '330 seconds', 'or lengthens by one');
select is(outbox.next_delay(1, 0.5, interval '1 minute'), interval '1 minute', 'a receiver may ask for longer');
select is(outbox.next_delay(2, 0.5, interval '1 minute'), interval '5 minutes', 'and not for shorter');
select ok(outbox.next_delay(1) between interval '4.5 seconds' and interval '5.5 seconds', 'by chance it is somewhere between');

-- A DBA changes it, and no deploy changes it back.
select test.become('levqor_dba');
update outbox.retry_step set wait_seconds = 7.5 where failures = 1;
select throws_ok('delete from outbox.retry_step', '42501', null, 'a DBA removes no step');
select test.become('none');
select is(outbox.next_delay(1, 0.5), interval '7.5 seconds', 'what a DBA sets holds at once');
select core.seed('outbox.retry_step', '{failures}', '{"failures": 1, "wait_seconds": 5}');
select is((select wait_seconds from outbox.retry_step where failures = 1), 7.5::double precision, 'and stays');
delete from outbox.retry_step where failures > 2;
select is(outbox.count_plan(), 3, 'with fewer rows there are fewer attempts');
select is(outbox.next_delay(9, 0.5), interval '5 minutes', 'the last step holds on');
delete from outbox.retry_step;
select is(outbox.next_delay(1, 0.5), interval '0', 'without rows nothing waits');
select is(outbox.count_plan(), 1, 'and there is one attempt');
select throws_ok('insert into outbox.retry_step (failures, wait_seconds) values (1, 604801)', '23514', null, 'a week is the longest');

select core.set_test_clock('2030-01-01 12:00:00+00');
select is(outbox.read_retry_after(r.value::jsonb), r.wait, 'Retry-After: ' || r.value)
from (values
    ('"120"', interval '2 minutes'), ('"Tue, 01 Jan 2030 12:00:30 GMT"', interval '30 seconds'),
    ('"Tue, 01 Jan 2030 11:00:00 GMT"', interval '0'), ('"9999999"', interval '1 day'), ('"-5"', null)
) as r (value, wait);

select * from finish();
rollback;
