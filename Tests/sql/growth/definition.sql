-- How an account is counted, and counted again.
begin;
select plan(26);

select core.set_test_clock('2026-11-21 12:00:00+00');
select growth.make_partitions();
create temp table t on commit drop as select test.make_account('A') as a;
create function pg_temp.days() returns text language sql as $$
    select string_agg(to_char(d.day, 'MMDD'), ' ' order by d.day)
    from t, growth.activity_by_day(t.a, '2026-09-01', '2026-11-30') as d
    where d.dau > 0
$$;
select growth.ingest_events(a, '[
    {"id": "1", "name": "visit", "user_id": "u", "event_at": "2026-10-31T23:30:00Z"},
    {"id": "2", "name": "paid", "user_id": "u", "event_at": "2026-11-10T12:00:00Z"},
    {"id": "3", "name": "visit", "user_id": "v", "event_at": "2026-11-11T22:30:00Z"}]') from t;
select growth.roll_up(a) from t;
select is(pg_temp.days(), '1031 1110 1111', 'in UTC');

select is((growth.set_definition(a)).time_zone, 'UTC', 'what is said already') from t;
select is_empty('select from growth.recount as r, t where r.account_id = t.a', 'has nothing counted again');
select is((growth.set_definition(a, 'Europe/Berlin')).time_zone, 'Europe/Berlin', 'another zone') from t;
select isnt_empty('select from growth.recount as r, t where r.account_id = t.a', 'has all counted again');
select is(pg_temp.days(), '1101 1110 1111', 'and is counted in at once');
select is(growth.recount_step(a), null, 'all persons in a step') from t;
select is(pg_temp.days(), '1101 1110 1111', 'counted again');
select set_eq('select y.month, y.days from growth.activity as y, t where y.account_id = t.a',
    $$values ('2026-11-01'::date, 1 | 512), ('2026-11-01', 1024)$$, 'the bitmaps are those of the zone, and a month with nothing has none');
select is_empty('select from growth.active_day as d, t where d.account_id = t.a', 'old figures are gone');
select set_eq('select distinct s.day from growth.stale_day as s, t where s.account_id = t.a', $$values ('2026-11-01'::date), ('2026-11-10'), ('2026-11-11')$$, 'all days are stale');
select is(growth.recount_step(a), null, 'there is nothing more') from t;

select growth.set_definition(a, 'Europe/Berlin', '{paid}') from t;
select is(pg_temp.days(), '1110', 'only what is activity counts');
select growth.recount_persons(a, 0, 1) from t;
update growth.recount as r set after_person_id = (select min(p.person_id) from growth.person as p, t where p.account_id = t.a);
select is(pg_temp.days(), '1110', 'with one of two persons counted');
select growth.recount_step(a) from t;
select is(pg_temp.days(), '1110', 'with both');
update growth.definition as d set active_names = null from t where d.account_id = t.a;
select is(pg_temp.days(), '1101 1110 1111', 'a change by hand is seen as well');
select growth.set_definition(a, 'UTC') from t;
delete from growth.definition as d using t where d.account_id = t.a;
select is(pg_temp.days(), '1031 1110 1111', 'and so is the end of a definition');

-- The first day of the oldest month is there, and is counted again.
create temp table o on commit drop as select test.make_account('O') as a;
select growth.ingest_events(a, '[
    {"id": "1", "name": "visit", "user_id": "u", "source": "ads", "event_at": "2024-10-01T12:00:00Z"},
    {"id": "2", "name": "paid", "user_id": "u", "source": "ads", "event_at": "2024-10-02T12:00:00Z"}]') from o;
select growth.roll_up(a) from o;
create function pg_temp.oldest(p_dimension text) returns text language sql as $$
    select string_agg(d.dau::text, ' ' order by d.day) from o, growth.activity_by_day(o.a, '2024-10-01', '2024-10-02', p_dimension) as d
$$;
select is(pg_temp.oldest('source'), '1 1', 'by a dimension too');
select growth.set_definition(a, 'UTC', '{paid}') from o;
select is(concat_ws(', ', pg_temp.oldest(null), pg_temp.oldest('source')), '0 1, 0 1', 'while another definition is to be counted');
select growth.recount_step(a) from o;
select is(concat_ws(', ', pg_temp.oldest(null), pg_temp.oldest('source')), '0 1, 0 1', 'and when it is');

-- Months whose events are gone keep what was counted.
select is(growth.days_through('2026-10-01', 7, '2026-10-02'), 3, 'days up to one');
select is(growth.days_through('2026-10-01', 7, '2026-09-30'), 0, 'of a month that is all later');
select is(growth.days_through('2026-10-01', 1073741824, '2026-10-31'), 1073741824, 'of one that is all earlier');

select throws_ok(format('select growth.set_definition(%L, %L)', a, 'CEST+2'), 'LQ422', 'unknown time zone') from t;
select throws_ok(format('select growth.set_definition(%L, %L, %L)', a, 'UTC', '{}'), 'LQ422', 'active names are 1 to 100 names of events') from t;
select throws_ok(format('select growth.set_definition(%L, %L)', gen_random_uuid(), 'UTC'), 'LQ404', 'no such account');
select * from finish();
rollback;
