-- Funnels over the events of an account. January 2026 in minutes: all enter between 0 and 100 unless said otherwise.
begin;
select plan(29);
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
grant select on t to public;
select growth.make_month('2026-01-01');
select growth.make_month('2025-12-01');

create function pg_temp.at(p_minute numeric)
returns timestamptz
language sql
as $$
    select timestamptz '2026-01-01 00:00+00' + p_minute * interval '1 minute'
$$;
-- Persons as number: events with minutes, such as "visit@0 paid@5".
create function pg_temp.add(p_person bigint, p_events text, p_source text default 'direct', p_properties jsonb default '{}')
returns void
language sql
as $$
    insert into growth.person (account_id, person_id) overriding system value select t.a, p_person from t on conflict do nothing;
    insert into growth.event (account_id, person_id, event_at, event_id, name, source, properties)
    select t.a, p_person, pg_temp.at(split_part(e.event, '@', 2)::numeric), gen_random_uuid(), split_part(e.event, '@', 1), p_source,
    p_properties
    from t, regexp_split_to_table(p_events, ' ') as e (event);
$$;
create function pg_temp.steps(variadic p_names text[])
returns jsonb
language sql
as $$
    select jsonb_agg(jsonb_build_object('name', n.name) order by n.n) from unnest(p_names) with ordinality as n (name, n)
$$;
-- "converted/entered dropped incomplete excluded" of each step.
create function pg_temp.funnel(
    p_steps jsonb, p_window interval default '30 minutes', p_kind text default 'ordered', p_modes text[] default null,
    p_exclusions jsonb default '[]'
)
returns text[]
language sql
as $$
    select array_agg(format('%s/%s %s %s %s', f.converted, f.entered, f.dropped, f.incomplete, f.excluded) order by f.step)
    from t, growth.funnel(t.a, p_steps, pg_temp.at(0), pg_temp.at(100), p_window, p_kind, p_modes, p_exclusions) as f
$$;
select core.set_test_clock('2026-01-02 00:00+00');

select is(pg_temp.funnel(pg_temp.steps('visit', 'signup')), '{"0/0 0 0 0","0/0 0 0 0"}', 'nobody at all');
select pg_temp.add(1, 'visit@0 signup@10 paid@20');
select pg_temp.add(2, 'visit@5 signup@35 paid@36');
select pg_temp.add(3, 'visit@99 signup@110');
select pg_temp.add(4, 'visit@100 signup@101');
select pg_temp.add(5, 'signup@1 visit@2');
select pg_temp.add(6, 'visit@-1 signup@3');
select is(
    pg_temp.funnel(pg_temp.steps('visit', 'signup', 'paid')), '{"4/4 1 0 0","3/4 2 0 0","1/3 0 0 0"}',
    'the range says who enters, and the window runs past it, its end included'
);
select results_eq(
    $$select f.name, f.from_first, f.from_previous, f.median_from_first, f.p90_from_first, f.median_from_previous
    from t, growth.funnel(t.a, pg_temp.steps('visit', 'signup', 'paid'), pg_temp.at(0), pg_temp.at(100), '30 minutes')
        as f order by f.step$$,
    $$values ('visit', 1.0, 1.0, null::interval, null::interval, null::interval),
        ('signup', 0.75, 0.75, '11 minutes', '30 minutes', '11 minutes'),
        ('paid', 0.25, 0.333333, '20 minutes', '20 minutes', '10 minutes')$$, 'shares, and times that half and nine of ten did not exceed'
);
select is(
    (select array_agg(f.median_from_first order by f.step) from t, growth.funnel(
        t.a, pg_temp.steps('visit', 'signup'), pg_temp.at(0), pg_temp.at(100), '30 minutes', p_has_times => false
    ) as f), '{NULL,NULL}', 'or no times'
);
select is(
    pg_temp.funnel(pg_temp.steps('visit', 'signup', 'paid'), p_modes => '{strict_increase}'), '{"4/4 1 0 0","3/4 2 0 0","1/3 0 0 0"}',
    'the general way gives the same'
);
-- Open windows: person 3 entered at minute 99.
select core.set_test_clock(pg_temp.at(120));
select is(
    pg_temp.funnel(pg_temp.steps('visit', 'signup', 'paid')), '{"4/4 1 0 0","3/4 1 1 0","1/3 0 0 0"}',
    'whose window is open may still go on'
);
select is(
    pg_temp.funnel(pg_temp.steps('visit', 'signup', 'paid'), p_modes => '{strict_increase}'), '{"4/4 1 0 0","3/4 1 1 0","1/3 0 0 0"}',
    'by the general way too'
);
select core.set_test_clock(pg_temp.at(129));
select is((pg_temp.funnel(pg_temp.steps('visit', 'signup', 'paid')))[2], '3/4 1 1 0', 'up to its last moment');
select core.set_test_clock(pg_temp.at(129.01));
select is((pg_temp.funnel(pg_temp.steps('visit', 'signup', 'paid')))[2], '3/4 2 0 0', 'and not after it');

-- Kinds.
select is(
    pg_temp.funnel(pg_temp.steps('signup', 'visit'), p_kind => 'unordered'), '{"5/5 1 0 0","4/5 0 0 0"}',
    'in any order, any step enters: 5 signed up first, and 6 only signed up in the range'
);
select pg_temp.add(7, 'visit@50 help@51 signup@52');
select is((pg_temp.funnel(pg_temp.steps('visit', 'signup'), p_kind => 'strict'))[2], '3/5 0 0 0', 'strict: nothing comes between');
select is((pg_temp.funnel(pg_temp.steps('visit', 'signup')))[2], '4/5 0 0 0', 'ordered: something may');
select is(
    (pg_temp.funnel(pg_temp.steps('visit', 'signup'), p_modes => '{strict_order}'))[2], '3/5 0 0 0',
    'which the mode strict_order forbids too'
);
select is((pg_temp.funnel(pg_temp.steps('visit', 'visit')))[2], '0/5 0 0 0'::text, 'one event is not two visits');
select is((pg_temp.funnel(pg_temp.steps('visit', 'visit'), p_modes => '{}'))[2], '5/5 0 0 0'::text, 'but for ClickHouse''s default');

-- Exclusions and optional steps.
select is(
    pg_temp.funnel(pg_temp.steps('visit', 'signup'), p_exclusions => '[{"name": "help", "after_step": 1}]'), '{"4/4 1 0 1","3/4 0 0 0"}',
    'who was kept back by an exclusion is counted apart'
);
select is(
    pg_temp.funnel('[{"name": "visit"}, {"name": "help", "is_optional": true}, {"name": "signup"}]'),
    '{"5/5 1 0 0","1/5   ","4/5 0 0 0"}', 'an optional step is counted and needed by nobody'
);

-- Filters and breakdowns.
select pg_temp.add(8, 'visit@60 signup@61', 'ads', '{"plan": "pro", "n": 5}');
select pg_temp.add(9, 'visit@60', 'mail', '{"plan": "free"}');
select pg_temp.add(9, 'visit@61 signup@62', 'direct', '{"plan": "pro"}');
select is(
    pg_temp.funnel('[{"name": "visit", "filters": {"plan": "pro"}}, {"name": "signup", "filters": {"n": {"gte": 5}}}]'),
    '{"2/2 1 0 0","1/2 0 0 0"}', 'steps with filters'
);
create function pg_temp.broken_down(p_breakdown text, p_attribution text default 'step_1', p_limit integer default 20)
returns text
language sql
as $$
    select string_agg(format('%s%s:%s', case when f.is_rest then '*' end, f.breakdown, f.converted), ' ' order by f.n)
    from t, growth.funnel(
        t.a, pg_temp.steps('visit', 'signup'), pg_temp.at(0), pg_temp.at(100), '30 minutes', p_breakdown => p_breakdown,
        p_attribution => p_attribution, p_limit => p_limit
    ) with ordinality as f (
        breakdown, is_rest, step, name, is_optional, entered, converted, from_first, from_previous, m1, p1, m2, p2,
        dropped, incomplete, excluded, n
    )
$$;
select is(pg_temp.broken_down('source'), 'direct:6 direct:5 ads:1 ads:1', 'by the source of the visit that led on');
select is(pg_temp.broken_down('source', 'first_touch'), 'direct:5 direct:4 ads:1 ads:1 mail:1 mail:1', 'by the first source that says one');
select is(pg_temp.broken_down('properties.plan', 'step_2'), ':5 :4 pro:2 pro:2', 'by the value at a step');
select is(pg_temp.broken_down('properties.plan', 'last_touch'), ':5 :4 pro:2 pro:2', 'by the last value');
select is(pg_temp.broken_down('source', 'first_touch', 1), 'direct:5 direct:4 *:2 *:2',
    'the values with most entrants, and the rest as one');
update growth.event as e set properties = jsonb_build_object('plan', repeat('x', 300)) from t where e.account_id = t.a and e.person_id = 8;
select is(pg_temp.broken_down('properties.plan', 'step_2'), format(':5 :4 pro:1 pro:1 %s:1 %1$s:1', repeat('x', 200)), 'long values to 200 characters');
select throws_ok($$select pg_temp.broken_down('colour')$$, 'LQ422', 'unknown breakdown', 'a breakdown that is none');
select throws_ok($$select pg_temp.broken_down('source', 'step_3')$$, 'LQ422', 'unknown attribution', 'a step that is not there');

-- Rights: the dba sees all; an account sees its own, in PostgreSQL's workers too.
select test.become('levqor_dba');
select is((pg_temp.funnel(pg_temp.steps('visit', 'signup')))[1], '7/7 1 0 0', 'the dba calls it');
select test.become('levqor_owner');
select test.act_for(b) from t;
select is((pg_temp.funnel(pg_temp.steps('visit', 'signup')))[1], '0/0 0 0 0', 'another account counts nobody');
select test.act_for(a) from t;
set local parallel_setup_cost = 0;
select is((pg_temp.funnel(pg_temp.steps('visit', 'signup')))[1], '7/7 1 0 0', 'its own account does');

select * from finish();
rollback;
