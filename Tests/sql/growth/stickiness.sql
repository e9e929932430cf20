-- On how many days, weeks and months of a range persons are active.
begin;
select plan(11);

select core.set_test_clock('2026-11-21 12:00:00+00');
select growth.make_partitions();
create temp table t on commit drop as select test.make_account('A') as a;
select growth.ingest_events(t.a, (
    select jsonb_agg(jsonb_build_object(
        'id', gen_random_uuid(), 'name', 'visit', 'user_id', e.person, 'event_at', e.day || 'T12:00:00Z', 'source', e.source
    ))
    from (values
        ('one', '2026-06-01', 'ads'), ('one', '2026-06-02', 'ads'), ('one', '2026-06-02', 'mail'), ('one', '2026-07-01', 'ads'),
        ('two', '2026-06-30', 'ads'), ('two', '2026-07-01', 'mail'), ('three', '2026-05-31', 'ads')
    ) as e (person, day, source)
)) from t;
create function pg_temp.told(p_from date, p_to date, p_period text, p_dimension text default null) returns text language sql as $$
    select string_agg(concat_ws(' ', s.value, s.periods, s.persons, s.persons_or_more), ', ' order by s.value, s.periods)
    from t, growth.stickiness(t.a, p_from, p_to, p_period, p_dimension) as s
$$;

select is(pg_temp.told('2026-06-01', '2026-06-03', 'day'), '1 0 1, 2 1 1, 3 0 0', 'a number for each of the days');
select is(
    (select string_agg(concat_ws(' ', s.periods, s.persons), ', ' order by s.periods) from t, growth.stickiness(t.a, '2026-06-01', '2026-07-01') as s where s.persons > 0),
    '2 1, 3 1', 'days by default, over the end of a month'
);
select is(pg_temp.told('2026-05-31', '2026-06-01', 'day'), '1 2 2, 2 0 0', 'only days in the range count');
select is(pg_temp.told('2026-06-01', '2026-07-05', 'week'), '1 1 2, 2 1 1, 3 0 0, 4 0 0, 5 0 0', 'a week over two months is one');
select is(pg_temp.told('2026-06-02', '2026-07-01', 'month'), '1 0 2, 2 2 2', 'months');
select is(pg_temp.told('2026-06-01', '2026-07-01', 'month', 'source'), 'ads 1 1 2, ads 2 1 1, mail 1 2 2, mail 2 0 0', 'by source');
select is(pg_temp.told('2026-08-01', '2026-08-02', 'day'), '1 0 0, 2 0 0', 'nobody');
select throws_ok(format('select growth.stickiness(%L, %L, %L, %L)', t.a, '2026-06-01', '2026-06-01', 'year'), 'LQ422', 'unknown period') from t;
select throws_ok(format('select growth.stickiness(%L, %L, %L)', t.a, '2026-06-02', '2026-06-01'), 'LQ422', 'the range ends before it begins') from t;
select throws_ok(format('select growth.stickiness(%L, %L, %L, %L, %L)', t.a, '2026-06-01', '2026-06-01', 'day', 'x'), 'LQ404', 'no such dimension') from t;
grant select on t to levqor_dba;
select test.become('levqor_dba');
select lives_ok(format('select growth.stickiness(p_account_id => %L, p_from => %L, p_to => %L)', t.a, '2026-06-01', '2026-06-07'), 'a DBA may ask') from t;
select * from finish();
rollback;
