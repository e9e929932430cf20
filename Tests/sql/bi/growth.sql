-- What BI tools see of persons is what the functions of growth say.
begin;
select plan(13);

select core.set_test_clock('2031-03-12 12:00:00+00');
select test.make_account('A') as a \gset
select test.make_account('B') as b \gset
select growth.set_definition(:'b', 'Pacific/Auckland');
select growth.make_month(m::date) from generate_series('2031-01-01'::timestamp, '2031-03-01', '1 month') as m;
-- 40 persons who come with gaps of their own, some of them in one week only.
select growth.ingest_events(a.id, jsonb_agg(jsonb_build_object(
    'id', a.id || '-' || p || '-' || n, 'name', case when n = 0 then 'signup' else 'visit' end, 'user_id', 'u' || p, 'source', 's' || p % 3,
    'event_at', '2031-01-06 09:00:00+00'::timestamptz + p * interval '33 hours' + n * (p % 9 + 1) * interval '29 hours'
)))
from unnest(array[:'a', :'b']::uuid[]) as a (id)
cross join generate_series(1, 40) as p
cross join generate_series(0, 6) as n
where '2031-01-06 09:00:00+00'::timestamptz + p * interval '33 hours' + n * (p % 9 + 1) * interval '29 hours' < '2031-03-12 12:00:00+00'
group by a.id, p % 3;
do $$
begin
    perform test.become('levqor_owner', true);
    for i in 1 .. 200 loop
        exit when (growth.roll_up_step(null) -> 'more') is distinct from 'true' and not exists (select from growth.stale_day);
    end loop;
    perform bi_store.refresh_all();
    perform test.become('none');
end;
$$;
select is_empty('select from growth.stale_day', 'all is rolled up');
select cmp_ok((select count(*) from bi.fct_activity_daily as f where f.account_id = :'a'), '>', 50::bigint, 'there are days');
select bag_eq(
    format('select f.activity_date, f.dau_count, f.wau_count, f.mau_count from bi.fct_activity_daily as f where f.account_id = %L and f.mau_count > 0', account),
    format(
        'select d.day, d.dau, d.wau, d.mau from growth.activity_by_day(%L, ''2031-01-01'', %L) as d where d.mau > 0', account,
        (core.now() at time zone (growth.definition_of(account)).time_zone)::date
    ),
    'activity by day, up to today'
)
from unnest(array[:'a', :'b']::uuid[]) as account;
select bag_eq(
    format($$select f.period_kind, f.period_date, f.new_count, f.returning_count, f.resurrecting_count, -f.dormant_count
        from bi.fct_lifecycle_periods as f where f.account_id = %L$$, :'b'),
    format($$select k.kind, l.starts_on, l.new_persons, l.returning_persons, l.resurrecting_persons, l.dormant_persons
        from unnest('{day,week,month}'::text[]) as k (kind)
        cross join lateral growth.lifecycle(%L, '2031-01-01', '2031-03-13', k.kind) as l
        where l.new_persons <> 0 or l.returning_persons <> 0 or l.resurrecting_persons <> 0 or l.dormant_persons <> 0$$, :'b'),
    'lifecycle by day, week and month, in a time zone'
);
select bag_eq(
    format('select f.cohort_date, f.period_number, f.size_count, f.returned_count, f.retention_ratio, f.is_mature from bi.fct_cohorts_weekly as f where f.account_id = %L', account),
    format($$select c.cohort_start, c.period, c.size, c.persons, c.rate, c.is_mature
        from growth.cohort_retention(%L, 'week', '2031-01-01', '2031-03-13') as c where c.size > 0$$, account),
    'weekly cohorts'
)
from unnest(array[:'a', :'b']::uuid[]) as account;
select cmp_ok((select count(*) from bi.fct_cohorts_weekly as f where f.account_id = :'b' and f.returned_count > 0 and f.period_number > 2), '>', 5::bigint,
    'in which somebody came back');
select results_eq(
    format('select sum(f.events_count)::bigint from bi.fct_events_daily as f where f.account_id = %L', :'a'),
    format('select count(*) from growth.event as e where e.account_id = %L', :'a'), 'every event is counted once'
);

-- An event that comes seven weeks late, and somebody who is erased.
create temp view differing as
select coalesce(f.account_id, e.account_id) as account_id, coalesce(f.event_date, e.day) as day
from bi.fct_events_daily as f
full join (
    select v.account_id, (v.event_at at time zone 'UTC')::date as day, v.name, v.source, count(*) as events, count(distinct v.person_id) as persons
    from growth.event as v
    group by 1, 2, 3, 4
) as e on e.account_id = f.account_id and e.day = f.event_date and e.name = f.event_name and e.source = f.source
where f.events_count is distinct from e.events or f.persons_count is distinct from e.persons;
select is_empty('select * from differing', 'by day, name and source they are those of a recount');
select core.set_test_clock('2031-03-13 12:00:00+00');
select growth.ingest_events(:'b', '[{"id": "late", "name": "visit", "user_id": "u3", "event_at": "2031-01-22T03:00:00Z"}]');
select privacy.erase_person(p_account_id => :'a', p_identifier => 'u7', p_is_dry_run => false) ->> 'state';
select isnt_empty('select * from differing', 'a change is not there at once');
do $$
begin
    perform test.become('levqor_owner', true);
    for i in 1 .. 200 loop
        exit when (growth.roll_up_step(null) -> 'more') is distinct from 'true' and not exists (select from growth.stale_day);
    end loop;
    perform bi_store.refresh_one('event_day');
    perform test.become('none');
end;
$$;
select is_empty('select * from differing', 'but with the next refresh, on however old a day');
select is_empty('select from bi_store.reopened_day', 'and nothing is left to count');

select * from finish();
rollback;
