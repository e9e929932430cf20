-- Rollups say at any time what a plain recount from raw events says, after any history: late, sent again, merged, erased, under another
-- definition, rolled up or not.
begin;
select plan(32);

select core.set_test_clock('2026-11-15 12:00:00+00');
select growth.make_partitions();
select setseed(0.37);
set local jit = off;
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;

-- Events at random; some ids twice, some persons by two names.
create temp table sent on commit drop as select null::jsonb as event limit 0;
create function pg_temp.send(p_count integer, p_back interval, p_kind text default 'known') returns integer language plpgsql as $$
declare
    v_events jsonb;
begin
    select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'id', gen_random_uuid(), 'name', (array['visit', 'active', 'paid'])[1 + floor(random() * 3)::integer],
        'event_at', core.now() - random() * p_back,
        'user_id', case p_kind when 'known' then 'u' || floor(random() ^ 2 * 30)::integer when 'both' then 'n' || floor(random() * 15)::integer end,
        'anonymous_id', case when p_kind in ('anonymous', 'both') then 'x' || floor(random() * 15)::integer end,
        'source', (array['ads', 'mail', null])[1 + floor(random() * 3)::integer],
        'properties', jsonb_build_object('user', jsonb_build_object('plan', (array['free', 'pro', null])[1 + floor(random() * 3)::integer]))
    )))
    into v_events
    from generate_series(1, p_count);
    insert into sent (event) select e.event from jsonb_array_elements(v_events) as e (event);
    return (select i.accepted from t, growth.ingest_events(t.a, v_events) as i);
end;
$$;
create function pg_temp.send_again() returns integer language sql as $$
    select i.accepted from t, growth.ingest_events(t.a, (select jsonb_agg(s.event) from (select s.event from sent as s order by random() limit 20) as s)) as i
$$;

-- The plain recount: raw events, distinct persons, no bitmap.
create function pg_temp.active(p_dimension text) returns table (value text, person_id bigint, day date) language sql as $$
    select distinct
        case p_dimension when 'source' then e.source when 'plan' then coalesce(e.properties #>> '{user,plan}', '') else '' end,
        e.person_id, (e.event_at at time zone d.time_zone)::date
    from t
    inner join growth.event as e on e.account_id = t.a
    cross join lateral growth.definition_of(t.a) as d
    where d.active_names is null or e.name = any (d.active_names)
$$;
create function pg_temp.plain_days(p_dimension text)
returns table (day date, value text, dau bigint, wau bigint, mau bigint, wau_calendar bigint, mau_calendar bigint) language sql as $$
    with a as materialized (select * from pg_temp.active(p_dimension))
    select
        n.day::date, a.value,
        count(distinct a.person_id) filter (where a.day = n.day),
        count(distinct a.person_id) filter (where a.day > n.day - interval '7 days'),
        count(distinct a.person_id) filter (where a.day > n.day - interval '30 days'),
        count(distinct a.person_id) filter (where a.day >= date_trunc('week', n.day)),
        count(distinct a.person_id) filter (where a.day >= date_trunc('month', n.day))
    from generate_series('2026-09-10'::timestamp, '2026-11-20', interval '1 day') as n (day)
    inner join a on a.day <= n.day and (a.day > n.day - interval '30 days' or a.day >= date_trunc('month', n.day))
    group by 1, 2
$$;
create function pg_temp.plain_lifecycle(p_period text, p_dimension text)
returns table (starts_on date, value text, new bigint, again bigint, back bigint, gone bigint) language sql as $$
    with f as (
        select e.person_id, date_trunc(p_period, min(e.event_at) at time zone (growth.definition_of(t.a)).time_zone) as first
        from t inner join growth.event as e on e.account_id = t.a group by e.person_id, t.a
    ),
    a as materialized (
        select distinct a.value, a.person_id, date_trunc(p_period, a.day::timestamp) as p, f.first
        from pg_temp.active(p_dimension) as a inner join f on f.person_id = a.person_id
    ),
    s as (
        select
            a.value, a.p,
            case
                when a.p = a.first then 'new'
                when exists (
                    select from a as b where b.value = a.value and b.person_id = a.person_id and b.p + ('1 ' || p_period)::interval = a.p
                ) then 'again'
                else 'back'
            end as status
        from a
        union all
        select a.value, a.p + ('1 ' || p_period)::interval, 'gone'
        from a
        where not exists (
            select from a as b where b.value = a.value and b.person_id = a.person_id and b.p = a.p + ('1 ' || p_period)::interval
        )
    )
    select
        s.p::date, s.value, count(*) filter (where s.status = 'new'), count(*) filter (where s.status = 'again'),
        count(*) filter (where s.status = 'back'), -count(*) filter (where s.status = 'gone')
    from s
    where s.p between date_trunc(p_period, '2026-09-10'::timestamp) and '2026-11-20'
    group by 1, 2
$$;
create function pg_temp.plain_stickiness(p_period text, p_dimension text) returns table (value text, periods integer, persons bigint) language sql as $$
    select p.value, p.periods, count(*)
    from (
        select a.value, a.person_id, count(distinct date_trunc(p_period, a.day::timestamp))::integer as periods
        from pg_temp.active(p_dimension) as a
        where a.day between '2026-09-10' and '2026-11-20'
        group by 1, 2
    ) as p
    group by 1, 2
$$;
-- All figures of both, and those that differ.
create function pg_temp.differences() returns text language plpgsql as $$
declare
    v_dimension text;
    v_period text;
    v_checked integer := 0;
    v_count integer;
    v_different text[] := '{}';
begin
    foreach v_dimension in array array[null, 'source', 'plan'] loop
        continue when v_dimension = 'plan' and not exists (select from growth.dimension as d, t where d.account_id = t.a and d.name = 'plan');
        with g as materialized (
            select d.day, coalesce(d.value, '') as value, d.dau, d.wau, d.mau, d.wau_calendar, d.mau_calendar
            from t, growth.activity_by_day(t.a, '2026-09-10', '2026-11-20', v_dimension) as d
            where d.dau + d.wau + d.mau + d.wau_calendar + d.mau_calendar > 0
        ),
        w as materialized (select * from pg_temp.plain_days(v_dimension)),
        x as ((table g except table w) union all (table w except table g))
        select v_checked + (select count(*) from w), (select count(*) from x) into v_checked, v_count;
        if v_count > 0 then
            v_different := v_different || format('%s days %s', v_count, v_dimension);
        end if;
        foreach v_period in array '{day,week,month}'::text[] loop
            with g as materialized (
                select l.starts_on, coalesce(l.value, '') as value, l.new_persons, l.returning_persons, l.resurrecting_persons, l.dormant_persons
                from t, growth.lifecycle(t.a, '2026-09-10', '2026-11-20', v_period, v_dimension) as l
                where l.new_persons + l.returning_persons + l.resurrecting_persons - l.dormant_persons > 0
            ),
            w as materialized (select * from pg_temp.plain_lifecycle(v_period, v_dimension)),
            x as ((table g except table w) union all (table w except table g))
            select v_checked + (select count(*) from w), (select count(*) from x) into v_checked, v_count;
            if v_count > 0 then
                v_different := v_different || format('%s lifecycle %s %s', v_count, v_period, v_dimension);
            end if;
            with g as materialized (
                select coalesce(s.value, '') as value, s.periods, s.persons
                from t, growth.stickiness(t.a, '2026-09-10', '2026-11-20', v_period, v_dimension) as s
                where s.persons > 0
            ),
            w as materialized (select * from pg_temp.plain_stickiness(v_period, v_dimension)),
            x as ((table g except table w) union all (table w except table g))
            select v_checked + (select count(*) from w), (select count(*) from x) into v_checked, v_count;
            if v_count > 0 then
                v_different := v_different || format('%s stickiness %s %s', v_count, v_period, v_dimension);
            end if;
        end loop;
    end loop;
    if v_checked < 150 then
        return 'only ' || v_checked || ' figures';
    end if;
    return array_to_string(v_different, ', ');
end;
$$;
-- The clock's task, to its end.
create function pg_temp.roll() returns integer language plpgsql as $$
declare
    v_answer jsonb;
    v_steps integer := 0;
begin
    loop
        v_answer := growth.roll_up_step(v_answer -> 'state');
        exit when v_answer -> 'more' = 'false';
        v_steps := v_steps + 1;
        exit when v_steps = 200;
    end loop;
    return v_steps;
end;
$$;

select pg_temp.send(250, '100 days');
select is(pg_temp.differences(), '', 'counted from the bitmaps alone');
select cmp_ok(pg_temp.roll(), '<', 200, 'rolling up comes to an end');
select is_empty('select from growth.stale_day as s, t where s.account_id = t.a', 'nothing is stale then');
select is(pg_temp.differences(), '', 'rolled up');
update growth.active_day as d set mau = d.mau + 1 from t where d.account_id = t.a and d.day = '2026-10-10';
select is(pg_temp.differences(), '2 days ', 'a wrong figure would be found');
update growth.active_day as d set mau = d.mau - 1 from t where d.account_id = t.a and d.day = '2026-10-10';

select pg_temp.send(20, '2 days'), pg_temp.send(10, '100 days');
select is(pg_temp.send_again(), 0, 'nothing is counted that is sent again');
select is(pg_temp.differences(), '', 'late events');
select is(r.has_more, true, 'a step makes two months of notes') from t, growth.roll_up(t.a) as r;
select is(pg_temp.differences(), '', 'rolled up in part');
select pg_temp.roll();
select is(pg_temp.differences(), '', 'rolled up');

select pg_temp.send(40, '60 days', 'anonymous');
select pg_temp.roll();
select pg_temp.send(10, '3 days', 'both');
select is(pg_temp.differences(), '', 'persons that turn out to be one');
select pg_temp.roll();
select is(pg_temp.differences(), '', 'rolled up');

-- Dimensions, counted month by month while events come.
select growth.add_dimension(a, 'source', 'source'), growth.add_dimension(a, 'plan', p_path => '{user,plan}') from t;
select is(pg_temp.differences(), '', 'dimensions of which nothing is counted');
select growth.count_dimension_step(a, 'plan'), growth.count_dimension_step(a, 'plan'), growth.count_dimension_step(a, 'source') from t;
select pg_temp.send(15, '80 days');
select is(pg_temp.differences(), '', 'counted in part, and events since');
select pg_temp.roll();
select is((select count(*) from growth.dimension as d, t where d.account_id = t.a and d.is_counted), 2::bigint, 'the clock counts them');
select is(pg_temp.differences(), '', 'rolled up');
select pg_temp.send(15, '80 days'), pg_temp.send(10, '60 days', 'both');
select is(pg_temp.differences(), '', 'late events and merges with dimensions');
select pg_temp.roll();
select is(pg_temp.differences(), '', 'rolled up');

-- Erasure: of some persons all, of some a part.
delete from growth.event as e using t
where e.account_id = t.a and (e.person_id % 7 = 0 or e.person_id % 5 = 0 and e.event_at < '2026-10-01');
select growth.recount_person(t.a, p.person_id) from t, growth.person as p where p.account_id = t.a and (p.person_id % 7 = 0 or p.person_id % 5 = 0) order by p.person_id;
delete from growth.person as p using t
where p.account_id = t.a and not exists (select from growth.event as e where e.account_id = t.a and e.person_id = p.person_id);
select is(pg_temp.differences(), '', 'erased');
select pg_temp.roll();
select is(pg_temp.differences(), '', 'rolled up');
delete from growth.event as e using t where e.account_id = t.a and e.person_id % 11 = 0 and e.event_at < '2026-11-01';
insert into growth.stale_person (account_id, person_id) select t.a, p.person_id from t, growth.person as p where p.account_id = t.a and p.person_id % 11 = 0;
select pg_temp.roll();
select is(pg_temp.differences(), '', 'persons that were noted to be counted again');
select is_empty('select from growth.stale_person as s, t where s.account_id = t.a', 'are noted no more');

-- Another definition.
select growth.set_definition(a, 'Pacific/Auckland', '{visit,paid}') from t;
select is(pg_temp.differences(), '', 'of which nothing is counted again');
update growth.recount as r set after_person_id = growth.recount_persons(t.a, 0, 12) from t where r.account_id = t.a;
select pg_temp.send(15, '80 days');
select is(pg_temp.differences(), '', 'counted again in part, and events since');
select is(r.rolled, 0::bigint, 'nothing is rolled up before that is done') from t, growth.roll_up(t.a) as r;
select pg_temp.roll();
select is_empty('select from growth.recount as r, t where r.account_id = t.a', 'the clock counts it again');
select is(pg_temp.differences(), '', 'and rolls it up');

-- Days go by.
select core.set_test_clock('2026-11-18 12:00:00+00');
select is(pg_temp.differences(), '', 'three days later');
select is(growth.next_unrolled(null), t.a, 'they have to be rolled up') from t;
select pg_temp.roll();
select is(pg_temp.differences(), '', 'rolled up');
select is(growth.next_unrolled(null), null, 'there is nothing to do');
select growth.remove_dimension(a, 'plan') from t;
select is((select count(*) from growth.active_day as d, t where d.account_id = t.a and d.dimension = 'plan'), 0::bigint, 'a dimension goes with its figures');

select * from finish();
rollback;
