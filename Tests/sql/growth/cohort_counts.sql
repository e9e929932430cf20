-- Cohorts by activity are cohorts by events, in all variants; and how days become bits.
begin;
select plan(12);

create temp table t on commit drop as select test.make_account('A') as a;
select setseed(0.7);
select core.set_test_clock('2026-06-20 09:30Z');
select growth.set_definition(t.a, 'Asia/Kolkata') from t;
select count(growth.ingest_events(t.a, h.events)) from t, (
    select n % 3, jsonb_agg(jsonb_build_object(
        'id', gen_random_uuid(), 'name', (array['visit', 'buy', 'signup'])[1 + floor(random() * 3)::integer],
        'event_at', timestamptz '2026-06-20 09:00Z' - random() * interval '150 days', 'user_id', 'r' || floor(random() * 20),
        'source', (array['ads', 'mail'])[1 + floor(random() * 2)::integer]
    )) as events
    from generate_series(1, 500) as n group by 1
) as h;

select is(
    (
        select string_agg(concat_ws(' ', p.period, k.kind, r.return, d.name), '; ')
        from (values ('day', '2026-03-25'::date, '2026-04-20'::date, 30), ('week', '2026-02-02', '2026-05-04', 12), ('month', '2026-01-01', '2026-06-01', 6))
                as p (period, first, after, periods),
            (values ('first_time'), ('recurring')) as k (kind), (values ('on'), ('on_or_after')) as r (return),
            (values (null), ('source')) as d (name)
        where (k.kind = 'first_time' or d.name is null) and exists (
            (select * from growth.count_cohorts_by_events(t.a, 'Asia/Kolkata', p.period, p.first, p.after, k.kind, r.return, 'calendar', null, null, d.name, null, p.periods)
            except
            select * from growth.count_cohorts_by_activity(t.a, 'Asia/Kolkata', p.period, p.first, p.after, k.kind, r.return, true, d.name, null, p.periods, 61))
            union all
            (select * from growth.count_cohorts_by_activity(t.a, 'Asia/Kolkata', p.period, p.first, p.after, k.kind, r.return, true, d.name, null, p.periods, 61)
            except
            select * from growth.count_cohorts_by_events(t.a, 'Asia/Kolkata', p.period, p.first, p.after, k.kind, r.return, 'calendar', null, null, d.name, null, p.periods))
        )
    ), null, 'both ways give the same'
) from t;
select cmp_ok(
    (select sum(c.persons) from growth.count_cohorts_by_events(t.a, 'Asia/Kolkata', 'week', '2026-02-02', '2026-05-04', 'recurring', 'on', 'calendar', null, null, null, null, 12) as c),
    '>', 100::numeric, 'which is not nothing'
) from t;

-- Only some events are activity: whoever was active before the range is no newcomer.
select growth.set_definition(t.a, 'Asia/Kolkata', '{buy,signup}') from t;
do $$begin perform growth.recount_person(p.account_id, p.person_id) from growth.person as p inner join t on t.a = p.account_id; end$$;
select is(
    (
        select string_agg(concat_ws(' ', p.period, k.kind, r.return), '; ')
        from (values ('day', '2026-02-20'::date, '2026-03-10'::date, 20), ('week', '2026-01-26', '2026-05-04', 12)) as p (period, first, after, periods),
            (values ('first_time'), ('recurring')) as k (kind), (values ('on'), ('on_or_after')) as r (return)
        where exists (
            select * from growth.count_cohorts_by_activity(t.a, 'Asia/Kolkata', p.period, p.first, p.after, k.kind, r.return, false, null, null, p.periods, 61)
            except
            select * from growth.count_cohorts_by_events(t.a, 'Asia/Kolkata', p.period, p.first, p.after, k.kind, r.return, 'calendar', '{buy,signup}', '{buy,signup}', null, null, p.periods)
        ) or not exists (
            select from growth.count_cohorts_by_activity(t.a, 'Asia/Kolkata', p.period, p.first, p.after, k.kind, r.return, false, null, null, p.periods, 61)
        )
    ), null, 'also where not every event is activity'
) from t;

select is(growth.count_periods(c.period, c.first, c.day), c.wanted, c.period || 's from ' || c.first || ' to ' || c.day)
from (values
    ('day', '2026-03-01'::date, '2026-02-28'::date, -1), ('week', '2026-03-02', '2026-03-08', 0), ('week', '2026-03-02', '2026-03-01', -1),
    ('week', '2026-03-02', '2026-03-09', 1), ('month', '2025-11-01', '2026-02-28', 3), ('month', '2026-01-01', '2025-12-31', -1)
) as c (period, first, day, wanted);
select is(concat(b.masks, b.weights), '{3,508,65024,8323072,1065353216}{1,2,4,8,16}', 'the weeks of November 2025: its first two days are before the first Monday')
from growth.period_bits('week', '2025-11-03', 53) as b where b.month = '2025-11-01';
select is(concat_ws(' ', b.straight, b.up, b.down, b.masks, b.weights), '4092 0 1 {3,1073737728} {1,4611686018427387904}', 'ten days of it: the others are before or after')
from growth.period_bits('day', '2025-11-03', 10) as b;
select is(
    array(
        select growth.read_dimension(d.name, d.path, row(null, 1, now(), 1, null, 'buy', 'ads', null, null, 'api', null, '{"plan": {"name": "pro"}}', now())::growth.event)
        from (values ('source', null::text[]), ('name', null), ('campaign', null), (null, '{plan,name}'), (null, '{plan,size}')) as d (name, path)
    ), '{ads,buy,"",pro,""}', 'values of dimensions'
);

select * from finish();
rollback;
