-- Activity by day and lifecycle, told from rollups and bitmaps.
begin;
select plan(38);

select core.set_test_clock('2026-11-21 12:00:00+00');
select growth.make_partitions();
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
create function pg_temp.send(p_account uuid, p_person text, variadic p_days text[]) returns integer language sql as $$
    select i.accepted from growth.ingest_events(p_account, (
        select jsonb_agg(jsonb_build_object(
            'id', gen_random_uuid(), 'name', 'visit', 'user_id', p_person, 'event_at', split_part(d.day, ' ', 1) || 'T12:00:00Z',
            'source', coalesce(nullif(split_part(d.day, ' ', 2), ''), 'direct')
        ))
        from unnest(p_days) as d (day)
    )) as i
$$;
create function pg_temp.told(p_from date, p_to date, p_period text, p_dimension text default null) returns text language sql as $$
    select string_agg(format(
        '%s%s %s %s %s %s', to_char(l.starts_on, 'MMDD'), ' ' || l.value, l.new_persons, l.returning_persons, l.resurrecting_persons, l.dormant_persons
    ), ', ' order by l.starts_on, l.value)
    from t, growth.lifecycle(t.a, p_from, p_to, p_period, p_dimension) as l
$$;

-- The worked case of PostHog's lifecycle: one is new, returns, pauses, comes back; one is new and goes.
select pg_temp.send(a, 'one', '2026-06-01', '2026-06-02', '2026-06-05'), pg_temp.send(a, 'two', '2026-06-02') from t;
select is(
    pg_temp.told('2026-06-01', '2026-06-06', 'day'),
    '0601 1 0 0 0, 0602 1 1 0 0, 0603 0 0 0 -2, 0604 0 0 0 0, 0605 0 0 1 0, 0606 0 0 0 -1', 'by day, before anything is rolled up'
);
select is(pg_temp.told('2026-06-03', '2026-06-03', 'day'), '0603 0 0 0 -2', 'the day before the range decides');
select is(pg_temp.told('2026-06-03', '2026-06-09', 'week'), '0601 2 0 0 0, 0608 0 0 0 -2', 'weeks are told whole');
select is(pg_temp.told('2026-06-03', '2026-07-09', 'month'), '0601 2 0 0 0, 0701 0 0 0 -2', 'and months');
select is(
    (select string_agg(concat_ws(' ', d.dau, d.wau, d.mau, d.wau_calendar, d.mau_calendar, d.stickiness), ', ' order by d.day)
    from t, growth.activity_by_day(t.a, '2026-05-31', '2026-06-02') as d),
    '0 0 0 0 0, 1 1 1 1 1 1.0000, 2 2 2 2 2 1.0000', 'activity by day, a day with nobody too'
);

-- The same from the rollup.
select growth.roll_up(a) from t;
select is_empty('select from growth.stale_day as s, t where s.account_id = t.a', 'nothing is stale');
select isnt_empty('select from growth.active_day as d, t where d.account_id = t.a', 'figures are kept');
select is(
    pg_temp.told('2026-06-01', '2026-06-06', 'day'),
    '0601 1 0 0 0, 0602 1 1 0 0, 0603 0 0 0 -2, 0604 0 0 0 0, 0605 0 0 1 0, 0606 0 0 0 -1', 'by day, from the rollup'
);
select is(pg_temp.told('2026-06-03', '2026-06-09', 'week'), '0601 2 0 0 0, 0608 0 0 0 -2', 'by week');
select is(pg_temp.told('2026-06-03', '2026-07-09', 'month'), '0601 2 0 0 0, 0701 0 0 0 -2', 'by month');
update growth.active_day as d set dau = 77, wau = 77, mau = 77 from t where d.account_id = t.a and d.day = '2026-06-02';
select is((select d.dau from t, growth.activity_by_day(t.a, '2026-06-02', '2026-06-02') as d), 77::bigint, 'it is the rollup that is read');

-- A late event: what it reaches is counted anew, what it does not is read.
select pg_temp.send(a, 'two', '2026-06-01') from t;
select is((select d.dau from t, growth.activity_by_day(t.a, '2026-06-02', '2026-06-02') as d), 2::bigint, 'a stale day is counted from the bitmaps');
select is(pg_temp.told('2026-06-01', '2026-06-03', 'day'), '0601 2 0 0 0, 0602 0 2 0 0, 0603 0 0 0 -2', 'two was new a day earlier');
update growth.active_day as d set dau = 66, wau = 66, mau = 66 from t where d.account_id = t.a and d.day = '2026-06-05';
select is(pg_temp.told('2026-06-05', '2026-06-05', 'day'), '0605 0 0 66 0', 'by day it reaches the next day only');
select is((select d.mau from t, growth.activity_by_day(t.a, '2026-06-05', '2026-06-05') as d), 2::bigint, 'and 30 days of MAU');
select growth.roll_up(a) from t;
select is(pg_temp.told('2026-06-05', '2026-06-05', 'day'), '0605 0 0 1 0', 'the rollup is made again as far as it is stale');

-- What is under way, and what has not come.
select pg_temp.send(a, 'one', '2026-11-20') from t;
select is(pg_temp.told('2026-11-16', '2026-11-29', 'week'), '1116 0 0 1 0, 1123 0 0 0 -1', 'a week under way is told so far');
select growth.roll_up(a) from t;
select is(pg_temp.told('2026-11-16', '2026-11-29', 'week'), '1116 0 0 1 0, 1123 0 0 0 -1', 'from the rollup too');
select is(pg_temp.told('2026-11-01', '2026-12-31', 'month'), '1101 0 0 1 0, 1201 0 0 0 -1', 'and a month');
select is((select d.mau from t, growth.activity_by_day(t.a, '2026-12-19', '2026-12-19') as d), 1::bigint, 'days to come know what is known');
select is((select d.mau from t, growth.activity_by_day(t.a, '2026-12-20', '2026-12-20') as d), 0::bigint, 'to the end of the window');
select core.set_test_clock('2026-12-19 12:00:00+00');
select growth.roll_up(a) from t;
select is((select d.mau from t, growth.activity_by_day(t.a, '2026-12-19', '2026-12-19') as d), 1::bigint, 'time goes on: the new days are rolled up');
select is((select max(d.day) from growth.active_day as d, t where d.account_id = t.a), '2026-12-19', 'as long as they have figures');
select core.set_test_clock('2026-11-21 12:00:00+00');

-- By source, without it having been chosen.
select pg_temp.send(a, 'three', '2026-07-06 ads', '2026-07-07 mail', '2026-07-08 ads') from t;
select is(
    pg_temp.told('2026-07-06', '2026-07-08', 'day', 'source'),
    '0706 ads 1 0 0 0, 0706 mail 0 0 0 0, 0707 ads 0 0 0 -1, 0707 mail 0 0 1 0, 0708 ads 0 0 1 0, 0708 mail 0 0 0 -1',
    'activity under the value alone, a first event under any'
);
select is(
    (select string_agg(concat_ws(' ', d.value, d.dau, d.mau), ', ' order by d.day, d.value)
    from t, growth.activity_by_day(t.a, '2026-07-06', '2026-07-07', 'source') as d),
    'ads 1 1, mail 0 0, ads 0 1, mail 1 1', 'activity by day and source'
);

-- While the rollup is behind: what is stale, and what it does not know yet.
create temp table late on commit drop as select test.make_account('C') as a;
select pg_temp.send(a, 'u1', variadic array(
    select to_char(d.day, 'YYYY-MM-DD') from generate_series(timestamp '2026-10-05', '2026-11-21', '1 day') as d (day)
)) from late;
select growth.roll_up(a) from late;
select pg_temp.send(a, 'u2', '2026-10-08') from late;
select core.set_test_clock('2026-11-23 12:00:00+00');
select pg_temp.send(a, 'u1', '2026-11-23') from late;
select is(
    (select string_agg(to_char(d.day, 'MMDD ') || d.dau || ' ' || d.mau, ', ' order by d.day)
    from late, growth.activity_by_day(late.a, '2026-10-05', '2026-11-23') as d
    where d.day in ('2026-10-08', '2026-11-06', '2026-11-07', '2026-11-21', '2026-11-22', '2026-11-23')),
    '1008 2 2, 1106 1 2, 1107 1 1, 1121 1 1, 1122 0 1, 1123 1 1', 'days between a late event and one behind the rollup'
);

-- The first days there are.
select is(
    (select string_agg(concat_ws(' ', l.starts_on, l.new_persons), ', ') from t, growth.lifecycle(t.b, '1970-01-01', '1970-01-31', p.period) as l),
    p.told, 'from the first day that may be asked for, by ' || p.period
) from (values ('month', '1970-01-01 0')) as p (period, told);
select lives_ok(format('select growth.lifecycle(%L, %L, %L, %L)', t.b, '1970-01-01', '1970-01-31', p.period), 'and by ' || p.period)
from t, (values ('day'), ('week')) as p (period);

-- An account sees its own.
select is((select sum(d.dau) from t, growth.activity_by_day(t.b, '2026-06-01', '2026-06-30') as d), 0::numeric, 'another account has none');
select throws_ok(format('select growth.activity_by_day(%L, %L, %L, %L)', t.a, '2026-06-01', '2026-06-01', 'nothing'), 'LQ404', 'no such dimension') from t;
select throws_ok(format('select growth.activity_by_day(%L, null, %L)', t.a, '2026-06-01'), 'LQ422', 'a range has a first and a last day') from t;
select throws_ok(format('select growth.activity_by_day(%L, %L, %L)', t.a, '2020-06-01', '2026-06-01'), 'LQ422', 'the range is too long') from t;
select throws_ok(format('select growth.activity_by_day(%L, %L, %L)', t.a, '1920-06-01', '1920-06-02'), 'LQ422', 'the range is out of bounds') from t;
select throws_ok(format('select growth.lifecycle(%L, %L, %L, %L)', t.a, '2026-06-01', '2026-06-01', 'year'), 'LQ422', 'unknown period') from t;
select throws_ok(format('select growth.lifecycle(%L, %L, %L)', t.a, '2026-06-02', '2026-06-01'), 'LQ422', 'the range ends before it begins') from t;
grant select on t to levqor_dba;
select test.become('levqor_dba');
select lives_ok(format('select growth.activity_by_day(p_account_id => %L, p_from => %L, p_to => %L, p_dimension => %L)', t.a, '2026-06-01', '2026-06-07', 'source'), 'a DBA may ask') from t;
select lives_ok(format('select growth.lifecycle(p_account_id => %L, p_from => %L, p_to => %L, p_period => %L)', t.a, '2026-06-01', '2026-06-07', 'week'), 'and for the lifecycle') from t;
select * from finish();
rollback;
