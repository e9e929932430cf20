-- A question about a funnel is checked, and what it says is quoted.
begin;
select plan(24);

create function pg_temp.ask(p_steps text, p_kind text default 'ordered', p_modes text[] default null, p_exclusions text default '[]')
returns jsonb
language sql
as $$
    select growth.plan_funnel(p_steps::jsonb, '2026-01-01', '2026-02-01', '7 days', p_kind, p_modes, p_exclusions::jsonb)
$$;
create function pg_temp.refused(p_steps text, p_message text, p_kind text default 'ordered', p_modes text[] default null,
    p_exclusions text default '[]')
returns text
language sql
as $$
    select throws_ok(
        format('select pg_temp.ask(%L, %L, %L, %L)', p_steps, p_kind, p_modes, p_exclusions), 'LQ422', p_message, p_message
    )
$$;

select is(pg_temp.ask('[{"name": "a"}, {"name": "b"}]') -> 'is_simple', 'true', 'names that differ: the fast way');
select is(pg_temp.ask('[{"name": "a"}, {"name": "a"}]') -> 'is_simple', 'false', 'an event may fit two steps: the general way');
select is(pg_temp.ask('[{"name": "a"}, {"name": "b"}]', p_modes => '{strict_order}') -> 'is_simple', 'false', 'and so with other rules');
select pg_temp.refused('{}', 'the steps must be an array');
select pg_temp.refused('[]', 'a funnel has 1 to 30 steps');
select pg_temp.refused('[{"nam": "a"}]', 'each step needs the name of an event');
select pg_temp.refused('[{"name": "a", "nam": 1}]', 'unknown member of a step');
select pg_temp.refused('[{"name": "a", "filters": []}]', 'filters must be an object');
select pg_temp.refused('[{"name": "a", "filters": {"x": null}}]', 'a filter has no value');
select pg_temp.refused('[{"name": "a", "filters": {"x": {"like": 1}}}]', 'a filter cannot be read');
select pg_temp.refused('[{"name": "a", "filters": {"x": []}}]', 'a filter cannot be read');
select pg_temp.refused('[{"name": "a", "is_optional": true}, {"name": "b"}]', 'the first and the last step cannot be optional');
select pg_temp.refused('[{"name": "a"}]', 'unknown kind of funnel', 'sideways');
select pg_temp.refused('[{"name": "a"}]', 'modes are for ordered funnels', 'strict', '{strict_once}');
select pg_temp.refused('[{"name": "a"}, {"name": "b"}]', 'exclusions are for ordered funnels', 'unordered', null, '[{"name": "x"}]');
select pg_temp.refused(
    '[{"name": "a"}, {"name": "b"}]', 'after_step must be the number of a step before the last', 'ordered', null,
    '[{"name": "x", "after_step": 2}]'
);
select pg_temp.refused(
    '[{"name": "a"}, {"name": "b"}]', 'optional steps and exclusions do not go with strict_order and strict_deduplication', 'ordered',
    '{strict_order}', '[{"name": "x"}]'
);
select throws_ok(
    $$select growth.plan_funnel('[{"name": "a"}]', '2026-01-01', '2026-01-01', '1 day', 'ordered', null, '[]')$$, 'LQ422',
    'the range must end after it begins', 'an empty range'
);

-- Filters, each tried on an event.
create function pg_temp.fits(p_filters text, p_properties text, p_source text default 'direct')
returns boolean
language plpgsql
as $$
declare
    v_fits boolean;
begin
    execute format(
        'select %s from (select ''it''''s''::text as name, %L::jsonb as properties, %L::text as source, '
        'null::text as campaign, null::text as medium) as e',
        growth.write_condition(jsonb_build_object('name', 'it''s', 'filters', p_filters::jsonb)), p_properties, p_source
    ) into v_fits;
    return coalesce(v_fits, false);
end;
$$;
select ok(pg_temp.fits('{"plan": "it''s"}', '{"plan": "it''s"}') and not pg_temp.fits('{"plan": "x"}', '{"plan": "y"}'), 'a value, quoted');
select ok(pg_temp.fits('{"n": 1}', '{"n": 1.0}') and not pg_temp.fits('{"n": 1}', '{"n": "1"}'), 'numbers are numbers');
select ok(pg_temp.fits('{"n": {"gte": 10, "lt": 20}}', '{"n": 10}') and not pg_temp.fits('{"n": {"gt": 10}}', '{"n": "many"}'), 'bounds');
select ok(pg_temp.fits('{"n": ["a", 2]}', '{"n": 2}') and not pg_temp.fits('{"n": ["a", 2]}', '{}'), 'any of a list');
select ok(pg_temp.fits('{"n": {"ne": 1}}', '{}') and pg_temp.fits('{"n": {"exists": false}}', '{}'), 'what is not there');
select ok(
    pg_temp.fits('{"$source": ["ads", "mail"]}', '{}', 'mail') and not pg_temp.fits('{"$source": {"ne": "mail"}}', '{}', 'mail'),
    'the source'
);

select * from finish();
rollback;
