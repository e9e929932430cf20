-- The rollup of cohorts tells what a count tells, whatever comes, moves or goes after it was made.
begin;
select plan(19);

create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
select setseed(0.3);
select core.set_test_clock('2026-06-20 09:30Z');
create function pg_temp.put(p_account uuid, p_count integer, p_persons integer, p_days integer) returns bigint language sql as $$
    select count(growth.ingest_events(p_account, h.events)) from (
        select n / 500, jsonb_agg(jsonb_build_object(
            'id', gen_random_uuid(), 'name', 'visit', 'user_id', 'r' || floor(random() * p_persons),
            'event_at', core.now() - interval '1 hour' - random() * p_days * interval '1 day'
        )) as events
        from generate_series(1, p_count) as n group by 1
    ) as h
$$;
-- Cells that the answer and a count from the events do not share.
create function pg_temp.differences(p_account uuid, p_period text) returns bigint language sql as $$
    select count(*) from (
        select r.cohort_start, r.size, r.period, r.persons
        from growth.cohort_retention(p_account, p_period, '2026-01-05', '2026-06-20') as r
        where r.is_mature and r.size > 0
        except
        select c.cohort_start, c.size, c.period, c.persons
        from growth.count_cohorts_by_events(
            p_account, 'UTC', p_period, date_trunc(p_period, timestamp '2026-01-05')::date, '2026-07-01', 'first_time', 'on', 'calendar', null, null, null, null, 30
        ) as c
    ) as d
$$;
create function pg_temp.roll(p_account uuid) returns integer language sql as $$
    insert into growth.rollup (account_id, rolled_through) values (p_account, '2026-06-20') on conflict do nothing;
    delete from growth.stale_day where account_id = p_account;
    select growth.roll_up_cohorts_of(p_account, 100);
$$;
create function pg_temp.kept(p_account uuid) returns bigint language sql as $$
    select count(*) from growth.list_kept_columns(p_account, 'week', '2026-01-05', '2026-07-01')
$$;

select pg_temp.put(t.a, 400, 25, 150) from t;
select is(growth.roll_up_cohorts_of(t.a), 0, 'what is stale is not kept') from t;
select cmp_ok(pg_temp.roll(t.a), '>=', 20, 'weeks and months that are over are counted') from t;
select is(growth.roll_up_cohorts_of(t.a), 0, 'once') from t;
select is((select max(c.starts_on) from growth.cohort_period as c where c.account_id = t.a and c.period = 'week'), '2026-06-08', 'not the one that is under way') from t;
select is(pg_temp.differences(t.a, 'week') + pg_temp.differences(t.a, 'month'), 0::bigint, 'and are right') from t;
select is(
    (select sum(r.persons) from growth.cohort_retention(t.a, 'week', '2026-01-05', '2026-06-07') as r),
    (select sum(c.persons)::numeric from growth.cohort_cell as c where c.account_id = t.a and c.period = 'week' and c.cohort_start >= '2026-01-05' and c.starts_on < '2026-06-08'),
    'the answer is read from them'
) from t;
-- That it is: a wrong cell would show.
savepoint s;
update growth.cohort_cell as c set persons = c.persons + 1 from t where c.account_id = t.a;
select cmp_ok(pg_temp.differences(t.a, 'week'), '>', 10::bigint, 'a cell that is wrong is seen by this test') from t;
rollback to s;

-- Late events, also ones that move first events.
create temp table k on commit drop as select pg_temp.kept(t.a) as before from t;
select pg_temp.put(t.a, 3, 30, 120) from t;
select cmp_ok(pg_temp.kept(t.a), '<', k.before, 'late events: their weeks are not taken from it') from t, k;
select is(pg_temp.differences(t.a, 'week') + pg_temp.differences(t.a, 'month'), 0::bigint, 'and the answer is right') from t;
delete from growth.stale_day as s using t where s.account_id = t.a;
select cmp_ok(pg_temp.kept(t.a), '<', k.before, 'nor are they when the days are no longer stale') from t, k;
select is(pg_temp.differences(t.a, 'week') + pg_temp.differences(t.a, 'month'), 0::bigint, 'right still') from t;
select pg_temp.roll(t.a) from t;
select is(pg_temp.kept(t.a), k.before, 'until they are counted again') from t, k;
select is(pg_temp.differences(t.a, 'week') + pg_temp.differences(t.a, 'month'), 0::bigint, 'right again') from t;

-- Two persons are one; a person is erased.
select growth.merge_persons(t.a, p.ids[1], p.ids[2]) from t, (select array_agg(p.person_id order by p.first_event_at desc) as ids from growth.person as p inner join t on t.a = p.account_id) as p;
select is(pg_temp.differences(t.a, 'week') + pg_temp.differences(t.a, 'month'), 0::bigint, 'after a merge') from t;
select pg_temp.roll(t.a) from t;
create temp table gone on commit drop as select p.person_id from growth.person as p inner join t on t.a = p.account_id order by p.first_event_at limit 1;
delete from growth.event as e using t, gone as g where e.account_id = t.a and e.person_id = g.person_id;
select growth.recount_person(t.a, g.person_id) from t, gone as g;
select is(pg_temp.differences(t.a, 'week') + pg_temp.differences(t.a, 'month'), 0::bigint, 'after an erasure') from t;
select pg_temp.roll(t.a) from t;
select is(pg_temp.differences(t.a, 'week') + pg_temp.differences(t.a, 'month'), 0::bigint, 'and when that is rolled up') from t;

-- Another time zone, and another idea of activity.
update growth.cohort_period as c set time_zone = 'Europe/Berlin' from t where c.account_id = t.a;
select is(pg_temp.kept(t.a), 0::bigint, 'what was counted in another time zone is of no use') from t;
select pg_temp.put(t.b, 20, 3, 60) from t;
insert into growth.definition (account_id, active_names) select t.b, '{visit}' from t;
select is(pg_temp.roll(t.b), 0, 'nothing is kept where not every event is activity') from t;

-- The task goes through all accounts, step by step.
create function pg_temp.run() returns bigint language plpgsql as $$
declare
    v_done jsonb;
    v_rows bigint := 0;
begin
    for i in 1 .. 100 loop
        v_done := growth.roll_up_cohorts(v_done -> 'state');
        v_rows := v_rows + (v_done ->> 'rows')::bigint;
        if not (v_done ->> 'more')::boolean then
            return v_rows;
        end if;
    end loop;
end;
$$;
select is(pg_temp.run() >= 20 and pg_temp.run() = 0, true, 'the task counts what is missing, and then nothing') from t;

select * from finish();
rollback;
