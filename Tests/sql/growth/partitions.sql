-- Partitions of growth: made ahead, made when they are missing, never made again once dropped, dropped by their age.
begin;
select plan(17);

select is(core.set_test_clock('2026-11-21 12:00:00+00'), '2026-11-21 12:00:00+00', 'the clock stands');
select growth.make_partitions();
select is(growth.make_partitions(), 0::bigint, 'all are there');
select is(growth.first_kept_month(), '2024-10-01 00:00:00+00', '25 months are kept beside this one');
select is(growth.oldest_month(), '2024-10-01 00:00:00+00', 'the first of them is there');
select set_has(
    $$select p.starts_on from growth.partition as p where p.table_name = 'event'$$, $$values ('2027-02-01'::date)$$,
    'and three months ahead'
);
select set_has(
    $$select p.starts_on from growth.partition as p where p.table_name = 'arrival'$$,
    $$values ('2026-11-21'::date), ('2026-11-24')$$, 'and the days of arrivals'
);
select ok(growth.make_month('2027-05-17'), 'a month is made by any of its days');
select ok(not growth.make_month('2027-05-01'), 'once');
set local time zone 'America/New_York';
select ok(growth.make_arrival_day('2026-12-24'), 'a day is made');
select is(
    (select pg_get_expr(c.relpartbound, c.oid) from pg_class as c where c.oid = 'growth.arrival_20261224'::regclass),
    'FOR VALUES FROM (''2026-12-24'') TO (''2026-12-25'')', 'of its bounds'
);
select ok(growth.make_month('2027-06-01'), 'a month is made in another time zone');
set local time zone 'UTC';
select is(
    (select pg_get_expr(c.relpartbound, c.oid) from pg_class as c where c.oid = 'growth.event_202706'::regclass),
    'FOR VALUES FROM (''2027-06-01 00:00:00+00'') TO (''2027-07-01 00:00:00+00'')', 'of the months of UTC'
);
select is(
    (select string_agg(c.relname, ', ') from pg_class as c where c.relnamespace = 'growth'::regnamespace and c.relkind = 'r'
        and c.relispartition and not (c.relrowsecurity and c.relforcerowsecurity)), null, 'each has row-level security, forced'
);

drop table growth.event_202410;
select growth.make_partitions();
select is(to_regclass('growth.event_202410'), null, 'a month that was dropped is not made again');

select growth.make_arrival_day('2026-10-19');
select growth.make_arrival_day('2026-10-20');
select is(core.set_test_clock('2026-11-21 00:16:00+00'), '2026-11-21 00:16:00+00', 'another day');
select set_eq(
    $$select d.dropped, to_regclass('growth.arrival_20261019') is null as is_gone, to_regclass('growth.arrival_20261020') is null as is_gone_too
        from growth.drop_arrival_days() as d (dropped)$$,
    $$values (1::bigint, true, false)$$, '32 days before today stay'
);

-- A superuser in psql may be the first to need a partition.
select test.become('none');
select growth.make_arrival_day('2043-05-06');
select is((select c.relowner::regrole::text from pg_class as c where c.oid = 'growth.arrival_20430506'::regclass), 'levqor_owner', 'it is the owner''s all the same');

select * from finish();
rollback;
