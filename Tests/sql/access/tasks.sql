-- The clock makes days of the access record and drops them.
begin;
select plan(5);

update schedule.task set is_enabled = name like 'access-%';
delete from schedule.run where task like 'access-%';
select core.set_test_clock('2031-01-01 12:00:00+00');
select is(test.turn_clock(), '{"access-drop-days succeeded","access-make-days succeeded"}', 'both run');
select set_eq(
    $$select d.day from access.day as d where d.day between '2031-01-01' and '2031-12-31' and d.partition is not null$$,
    $$values ('2031-01-01'::date), ('2031-01-02'), ('2031-01-03'), ('2031-01-04')$$, 'the next days are there'
);
select core.set_test_clock('2031-04-03 12:05:00+00');
select is(test.turn_clock(), '{"access-drop-days succeeded","access-make-days succeeded"}', 'and again, months later');
select is((select min(d.day) from access.day as d where d.day >= '2031-01-01'), '2031-01-03'::date, 'old days are gone');
select is((select max(d.day) from access.day as d), '2031-04-06'::date, 'and new ones made');

select * from finish();
rollback;
