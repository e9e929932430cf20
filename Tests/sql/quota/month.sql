-- The calendar of quotas.
begin;
select plan(11);

select is(quota.month(t.at), t.month, t.why)
from (values
    ('2031-01-31 23:59:59.999999+00'::timestamptz, '2031-01-01'::date, 'the last microsecond belongs to the month'),
    ('2031-02-01 00:00:00+00', '2031-02-01', 'the next to the next'),
    ('2031-02-01 00:30:00+01', '2031-01-01', 'whatever the time zone says'),
    ('2032-02-29 12:00:00+00', '2032-02-01', 'also in a leap year')
) as t (at, month, why);
set local time zone 'America/New_York';
select is(quota.month('2031-02-01 00:00:00+00'), '2031-02-01'::date, 'and whatever the session''s is');
select is(quota.month_end('2031-01-01'), '2031-02-01 00:00:00+00'::timestamptz, 'a month ends by UTC');
select is(quota.month_end('2031-12-01'), '2032-01-01 00:00:00+00'::timestamptz, 'and a year');
select is(quota.day('2031-02-01 00:00:00+00'), '2031-02-01'::date, 'a day begins by UTC');
select is(quota.day_end('2031-02-28'), '2031-03-01 00:00:00+00'::timestamptz, 'and ends by UTC');
reset time zone;

-- The one clock.
select core.set_test_clock('2031-01-31 23:59:59.999+00');
select is(row(quota.month(), quota.day())::text, '(2031-01-01,2031-01-31)', 'month and day follow the one clock');
select core.set_test_clock('2031-02-01 00:00:00+00');
select is(row(quota.month(), quota.day())::text, '(2031-02-01,2031-02-01)', 'to the next');

select * from finish();
rollback;
