-- Figures from the bitmaps: windows, calendars, and where months meet.
begin;
select plan(25);

select core.set_test_clock('2026-11-21 12:00:00+00');
select growth.make_partitions();
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
create function pg_temp.be_active(p_account uuid, p_person bigint, variadic p_days date[]) returns void language sql as $$
    insert into growth.activity as a (account_id, person_id, month, days)
    select p_account, p_person, date_trunc('month', d.day::timestamp)::date, bit_or(1 << extract(day from d.day)::integer - 1)
    from unnest(p_days) as d (day)
    group by 3
    on conflict (account_id, person_id, month) do update set days = a.days | excluded.days
$$;
create function pg_temp.figures(p_day date) returns text language sql as $$
    select concat_ws(' ', c.dau, c.wau, c.mau, c.wau_calendar, c.mau_calendar, c.returning_day, c.returning_week, c.returning_month)
    from t, growth.count_days(t.a, p_day, p_day) as c
$$;

select is_empty('select c.* from t, growth.count_days(t.a, ''2026-01-01'', ''2026-12-31'') as c', 'nobody: no row');

-- 2026-06-01 is a Monday.
select pg_temp.be_active(t.a, 1, '2026-06-01', '2026-06-02', '2026-06-08') from t;
select pg_temp.be_active(t.a, 2, '2026-06-02', '2026-06-30', '2026-07-01') from t;
select pg_temp.be_active(t.b, 3, '2026-06-01') from t;
select is(pg_temp.figures('2026-06-01'), '1 1 1 1 1 0 0 0', 'the first day');
select is(pg_temp.figures('2026-06-02'), '2 2 2 2 2 1 0 0', 'one more, and one who returns');
select is(pg_temp.figures('2026-06-07'), '0 2 2 2 2 0 0 0', 'Sunday: the week to date is whole');
select is(pg_temp.figures('2026-06-08'), '1 2 2 1 2 0 1 0', 'a new week: who was there in the last one returns');
select is(pg_temp.figures('2026-06-09'), '0 1 2 1 2 0 1 0', 'the seventh day before does not count');
select is(pg_temp.figures('2026-06-14'), '0 1 2 1 2 0 1 0', 'six days before do');
select is(pg_temp.figures('2026-06-15'), '0 0 2 0 2 0 0 0', 'a week with nobody');
select is(pg_temp.figures('2026-07-01'), '1 1 2 1 1 1 0 1', '29 days before count, over the end of a month');
select is(pg_temp.figures('2026-07-08'), '0 0 1 0 1 0 0 1', '30 days before do not');
select is(pg_temp.figures('2026-07-30'), '0 0 1 0 1 0 0 1', 'the last day of the window');
select is(pg_temp.figures('2026-07-31'), '0 0 0 0 1 0 0 1', 'the month to date is longer than 30 days');
select is(pg_temp.figures('2026-08-01'), null, 'nothing is left');

-- February is shorter than the window.
select pg_temp.be_active(t.a, 4, '2026-01-31', '2026-03-01') from t;
select pg_temp.be_active(t.a, 5, '2026-01-31') from t;
select is(pg_temp.figures('2026-03-01'), '1 1 2 1 1 0 0 0', 'the 1st of March reaches to the 31st of January, and counts nobody twice');
select is(pg_temp.figures('2026-03-02'), '0 1 1 0 1 0 0 0', 'the 2nd does not');
select pg_temp.be_active(t.a, 4, '2024-01-31', '2024-03-01') from t;
select is(pg_temp.figures('2024-03-01'), '1 1 1 1 1 0 0 0', 'in a leap year neither does the 1st');

-- The year's end, and ISO weeks over it: 2025-12-29 is a Monday.
select pg_temp.be_active(t.a, 6, '2025-12-22', '2025-12-31', '2026-01-02') from t;
select is(pg_temp.figures('2026-01-02'), '1 1 1 1 1 0 1 1', 'the week begins in the old year');

-- Each figure of each day against a plain count, for bitmaps at random.
select setseed(0.5);
insert into growth.activity (account_id, person_id, month, days)
select t.b, 100 + p.n, m.month::date, 1 + floor(random() ^ 4 * ((1 << extract(day from m.month + interval '1 month - 1 day')::integer - 1) * 2.0 - 1))::integer
from t, generate_series(1, 60) as p (n), generate_series('2025-11-01'::timestamp, '2026-04-01', interval '1 month') as m (month)
where random() < 0.6;
create temp table d on commit drop as
select a.person_id, a.month + n.bit as day
from growth.activity as a, t, generate_series(0, 30) as n (bit)
where a.account_id = t.b and a.days >> n.bit & 1 = 1;
create temp table got on commit drop as select c.* from t, growth.count_days(t.b, '2025-12-01', '2026-05-31') as c;
select is(count(*), 180::bigint, 'every day has a figure, to the end of the last window') from got;
select is_empty(
    $$select n.day, g.* from generate_series('2025-12-01'::timestamp, '2026-05-31', interval '1 day') as n (day)
    cross join lateral (
        select
            count(distinct d.person_id) filter (where d.day = n.day) as dau,
            count(distinct d.person_id) filter (where d.day > n.day - interval '7 days') as wau,
            count(distinct d.person_id) filter (where d.day > n.day - interval '30 days') as mau,
            count(distinct d.person_id) filter (where d.day >= date_trunc('week', n.day)) as wau_calendar,
            count(distinct d.person_id) filter (where d.day >= date_trunc('month', n.day)) as mau_calendar
        from d where d.day <= n.day
    ) as w
    left join got as g on g.day = n.day
    where (coalesce(g.dau, 0), coalesce(g.wau, 0), coalesce(g.mau, 0), coalesce(g.wau_calendar, 0), coalesce(g.mau_calendar, 0))
        is distinct from (w.dau, w.wau, w.mau, w.wau_calendar, w.mau_calendar)$$,
    'no difference to a plain count'
);
select is((select sum(c.dau) from t, growth.count_days(t.b, '2026-02-10', '2026-02-20') as c),
    (select sum(g.dau) from got as g where g.day between '2026-02-10' and '2026-02-20'), 'a part of the range says the same as the whole');

select is(growth.last_bit(b.bits), b.wanted, format('the last day of %s', b.bits))
from (values (0, 0), (1, 1), (2147483647, 31), (1073741823, 30)) as b (bits, wanted);
select throws_ok(format('select growth.count_days(%L, ''2026-01-02'', ''2026-01-01'')', t.a), 'LQ422', 'the range ends before it begins') from t;
select * from finish();
rollback;
