-- Funnels over the events of an account: who entered, who went on, who stopped where, and how long it took.
--
-- The persons are counted in four parts, by number, so that PostgreSQL can share them out among itself and its workers; persons
-- of some numbers have more events than others, and who is done first takes the next part. Each part reads events, groups
-- them by person, follows each person through the steps, and gives few rows. Only these are put together.

create or replace function growth.write_breakdown(p_plan jsonb, p_breakdown text, p_attribution text)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value text;
    v_step integer;
    v_told text;
begin
    if p_breakdown is null then
        return null;
    end if;
    v_value := case
        when p_breakdown in ('source', 'campaign', 'medium') then growth.write_value('$' || p_breakdown)
        when starts_with(p_breakdown, 'properties.') and length(p_breakdown) > 11
            then format('left(%s, 200)', growth.write_value(substr(p_breakdown, 12)))
    end;
    if v_value is null then
        raise exception using
            errcode = 'LQ422', message = 'unknown breakdown', detail = format('Got %s.', p_breakdown),
            hint = 'Use source, campaign, medium, or properties.NAME.';
    end if;
    if p_attribution in ('first_touch', 'last_touch') then
        -- A direct visit tells no source: one that tells counts, if there is any.
        v_told := case when p_breakdown = 'source' then ' and e.source <> ''direct''' else '' end;
        return format(
            'coalesce((select %s from growth.event as e where e.account_id = $1 and e.person_id = p.person_id '
            'and e.event_at <= growth.from_micros(p.entered) and %s is not null%s order by e.event_at %s, e.seq %s limit 1)%s)',
            v_value, v_value, v_told, case p_attribution when 'last_touch' then 'desc' else 'asc' end,
            case p_attribution when 'last_touch' then 'desc' else 'asc' end,
            case when p_breakdown = 'source' then ', ''direct''' else '' end
        );
    end if;
    v_step := substring(p_attribution, '^step_([1-9][0-9]?)$')::integer;
    if v_step is null or v_step > (p_plan ->> 'count')::integer then
        raise exception using
            errcode = 'LQ422', message = 'unknown attribution', detail = format('Got %s.', coalesce(p_attribution, 'none')),
            hint = 'Use first_touch, last_touch, or step_N with the number of a step.';
    end if;
    return format(
        '(select %s from growth.event as e where e.account_id = $1 and e.person_id = p.person_id '
        'and e.event_at = growth.from_micros(%s) and (%s) order by e.seq limit 1)',
        v_value, case v_step when 1 then 'p.entered' else format('p.path[%s]', v_step) end,
        case
            when p_plan ->> 'kind' <> 'unordered' then p_plan -> 'conditions' ->> v_step - 1
            -- There the N-th step is any of them.
            else (
                select string_agg(format('(%s)', c.condition), ' or ')
                from jsonb_array_elements_text(p_plan -> 'conditions') as c (condition)
            )
        end
    );
end;
$$;
comment on function growth.write_breakdown(jsonb, text, text) is
$$The value by which a person p is broken down, as SQL; null for none. The arguments are those of growth.funnel.

Raises LQ422.$$;
grant execute on function growth.write_breakdown(jsonb, text, text) to levqor_dba;

create or replace function growth.count_funnel_part(
    p_account_id uuid, p_plan jsonb, p_breakdown text, p_has_times boolean, p_after bigint, p_up_to bigint
)
returns table (
    breakdown text, reached integer, is_excluded boolean, is_open boolean, step integer, persons bigint, from_first bigint[],
    from_previous bigint[]
)
language plpgsql
stable
parallel safe
cost 1000000
rows 100
security invoker
set search_path = pg_catalog, pg_temp
set work_mem = '64MB'
set jit = off
as $$
declare
    v_count constant integer := (p_plan ->> 'count')::integer;
    v_now constant bigint := growth.to_micros(core.now());
    -- Whether anything but the furthest step counts.
    v_has_steps constant boolean := p_has_times or p_plan ->> 'optional' <> '0';
    v_sql text;
begin
    v_sql := format(
        'with person as ('
        'select %s p.reached, p.is_excluded, '
        'not p.is_excluded and p.reached < %s and coalesce(p.last_start >= %s, false) as is_open, %s as breakdown '
        'from (select t.*, %s as is_excluded, %s as entered from (%s) as t) as p) '
        'select p.breakdown, p.reached, p.is_excluded, p.is_open, null::integer, count(*), null::bigint[], null::bigint[] '
        'from person as p group by 1, 2, 3, 4',
        case when v_has_steps then 'p.path,' end, v_count, v_now - (p_plan ->> 'window')::bigint,
        coalesce(p_breakdown, 'null::text'),
        case when p_plan ->> 'exclusion' is null then 'false' else 't.path[1] is null' end,
        -- Somebody who is excluded has no time of step 1 left in the path: the last possible one stands for it.
        'coalesce(t.path[1], t.last_start)', growth.write_funnel(p_plan)
    );
    for k in 2 .. case when v_has_steps then v_count else 1 end loop
        v_sql := v_sql || format(
            ' union all select p.breakdown, null, null, null, %s, count(*), %s, %s '
            'from person as p where p.path[%s] is not null and not p.is_excluded group by 1',
            k,
            case when p_has_times then format('array_agg(p.path[%s] - p.path[1])', k) else 'null' end,
            case
                when p_has_times then format('array_agg(p.path[%s] - greatest(%s))', k, (
                    select string_agg(format('p.path[%s]', b.before), ', ') from generate_series(1, k - 1) as b (before)
                ))
                else 'null'
            end,
            k
        );
    end loop;
    for breakdown, reached, is_excluded, is_open, step, persons, from_first, from_previous in execute v_sql
    using
        p_account_id, p_after, p_up_to, (p_plan ->> 'from')::timestamptz, (p_plan ->> 'to')::timestamptz,
        (p_plan ->> 'until')::timestamptz
    loop
        return next;
    end loop;
end;
$$;
comment on function growth.count_funnel_part(uuid, jsonb, text, boolean, bigint, bigint) is
$$Part of growth.funnel: counts some of the persons.

p_plan: of growth.plan_funnel. p_breakdown: of growth.write_breakdown, or null. p_has_times: whether times to convert are asked for.
p_after, p_up_to: only persons whose number is above the one and not above the other; null: no bound. Rows without step: persons by
the furthest step that they reached. Rows with step: persons who did it, and the microseconds it took each of them.$$;
grant execute on function growth.count_funnel_part(uuid, jsonb, text, boolean, bigint, bigint) to levqor_dba;

create or replace function growth.funnel(
    p_account_id uuid,
    p_steps jsonb,
    p_from timestamptz,
    p_to timestamptz,
    p_window interval default interval '7 days',
    p_kind text default 'ordered',
    p_modes text[] default null,
    p_exclusions jsonb default '[]',
    p_breakdown text default null,
    p_attribution text default 'step_1',
    p_limit integer default 20,
    p_has_times boolean default true
)
returns table (
    breakdown text, is_rest boolean, step integer, name text, is_optional boolean, entered bigint, converted bigint,
    from_first numeric, from_previous numeric, median_from_first interval, p90_from_first interval, median_from_previous interval,
    p90_from_previous interval, dropped bigint, incomplete bigint, excluded bigint
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_plan jsonb;
    v_breakdown text;
    v_count integer;
    v_optional integer;
    v_cuts bigint[];
begin
    if p_limit is null or p_limit not between 1 and 1000 then
        raise exception using errcode = 'LQ422', message = 'the limit must be between 1 and 1000';
    end if;
    v_plan := growth.plan_funnel(p_steps, p_from, p_to, p_window, p_kind, p_modes, p_exclusions);
    v_breakdown := growth.write_breakdown(v_plan, p_breakdown, p_attribution);
    v_count := v_plan ->> 'count';
    v_optional := v_plan ->> 'optional';
    select array_agg(coalesce(b.first + (b.last - b.first) / 4 * n, n) order by n)
    into v_cuts
    from (select min(p.person_id) as first, max(p.person_id) as last from growth.person as p where p.account_id = p_account_id) as b
    cross join generate_series(1, 3) as n;

    return query
    with
    part as materialized (
        select c.* from growth.count_funnel_part(p_account_id, v_plan, v_breakdown, p_has_times, null, v_cuts[1]) as c
        union all
        select c.* from growth.count_funnel_part(p_account_id, v_plan, v_breakdown, p_has_times, v_cuts[1], v_cuts[2]) as c
        union all
        select c.* from growth.count_funnel_part(p_account_id, v_plan, v_breakdown, p_has_times, v_cuts[2], v_cuts[3]) as c
        union all
        select c.* from growth.count_funnel_part(p_account_id, v_plan, v_breakdown, p_has_times, v_cuts[3], null) as c
    ),

    -- The values with the most entrants, each with its place; all others share one.
    weighed as (
        select
            t.*,
            sum(t.persons) filter (where t.step is null and not t.is_excluded) over (partition by t.breakdown) as entrants
        from part as t
    ),

    ranked as materialized (
        select
            w.*,
            least(dense_rank() over (order by coalesce(w.entrants, 0) desc, w.breakdown collate "C" nulls last), p_limit + 1) as place
        from weighed as w
    ),

    value as (
        select r.place, case when r.place <= p_limit then min(r.breakdown) end as breakdown from ranked as r group by r.place
        union all
        select 1, null where not exists (select from ranked)
    ),

    reach as materialized (
        select r.place, r.reached, r.is_excluded, r.is_open, sum(r.persons) as persons
        from ranked as r
        where r.step is null
        group by r.place, r.reached, r.is_excluded, r.is_open
    ),

    done as materialized (
        select
            r.place, r.step, sum(r.persons) as persons
        from ranked as r
        where r.step is not null
        group by r.place, r.step
    ),

    taken as materialized (
        select
            r.place, r.step,
            percentile_disc('{0.5,0.9}'::double precision[]) within group (order by t.from_first) as from_first,
            percentile_disc('{0.5,0.9}'::double precision[]) within group (order by t.from_previous) as from_previous
        from ranked as r
        cross join lateral unnest(r.from_first, r.from_previous) as t (from_first, from_previous)
        where r.step is not null
        group by r.place, r.step
    ),

    -- Each step with the ones that must be done before and after it.
    chain as (
        select
            s.step, (v_optional >> (s.step - 1)) & 1 = 1 as is_optional,
            (
                select max(b.step) from generate_series(1, s.step - 1) as b (step) where (v_optional >> (b.step - 1)) & 1 = 0
            ) as before,
            (
                select min(b.step) from generate_series(s.step + 1, v_count) as b (step) where (v_optional >> (b.step - 1)) & 1 = 0
            ) as after
        from generate_series(1, v_count) as s (step)
    ),

    counted as (
        select
            v.place, v.breakdown, c.step, c.is_optional,
            coalesce(sum(r.persons) filter (where not r.is_excluded and r.reached >= coalesce(c.before, 1)), 0)::bigint as entered,
            case
                when c.is_optional then coalesce(
                    (select d.persons from done as d where d.place = v.place and d.step = c.step), 0
                )
                else coalesce(sum(r.persons) filter (where not r.is_excluded and r.reached >= c.step), 0)
            end::bigint as converted,
            coalesce(sum(r.persons) filter (where not r.is_excluded), 0)::bigint as entrants,
            sum(r.persons) filter (
                where not r.is_excluded and not r.is_open and r.reached >= c.step and r.reached < c.after
            ) as dropped,
            sum(r.persons) filter (where r.is_open and r.reached >= c.step and r.reached < c.after) as incomplete,
            sum(r.persons) filter (
                where r.is_excluded and r.reached >= c.step and r.reached < coalesce(c.after, v_count + 1)
            ) as excluded
        from value as v
        cross join chain as c
        left join reach as r on r.place = v.place
        group by v.place, v.breakdown, c.step, c.is_optional, c.before, c.after
    )

    select
        c.breakdown, c.place > p_limit, c.step,
        case when p_kind = 'unordered' then 'any ' || c.step else v_plan -> 'names' ->> c.step - 1 end,
        c.is_optional, c.entered, c.converted,
        round(c.converted::numeric / nullif(c.entrants, 0), 6), round(c.converted::numeric / nullif(c.entered, 0), 6),
        t.from_first[1] * interval '1 microsecond', t.from_first[2] * interval '1 microsecond',
        t.from_previous[1] * interval '1 microsecond', t.from_previous[2] * interval '1 microsecond',
        case when not c.is_optional then coalesce(c.dropped, 0)::bigint end,
        case when not c.is_optional then coalesce(c.incomplete, 0)::bigint end,
        case when not c.is_optional then coalesce(c.excluded, 0)::bigint end
    from counted as c
    left join taken as t on t.place = c.place and t.step = c.step
    order by c.place, c.step;
end;
$$;
comment on function growth.funnel(
    uuid, jsonb, timestamptz, timestamptz, interval, text, text[], jsonb, text, text, integer, boolean
) is
$$A funnel: of the persons who did step 1 in the range, how many did each further step within the window. One row a step, and a
value of the breakdown.

select step, name, converted from growth.funnel(ACCOUNT, '[{"name": "visit"}, {"name": "signup"}]', '2026-01-01', '2026-02-01').
p_steps: array of {"name", "filters", "is_optional"}, 1 to 30. filters: {"plan": "pro", "amount": {"gte": 10}, "$source": ["ads",
"mail"]}; see growth.write_filter. The first and the last step cannot be optional. p_from, p_to: who enters does step 1 at or after
p_from and before p_to; later steps may come behind p_to. p_window: from step 1, its end included; a day has 24 hours. p_kind:
ordered (other events may come between), strict (each step is the person's very next event), unordered (the steps in any order; row
N is N of them, and any step enters). Events of one moment are taken in the order of steps, and an event serves one step. p_modes:
for ordered ones, other rules as in growth.window_funnel; {} is ClickHouse's default, where one event may serve two steps.
p_exclusions: array of {"name", "filters", "after_step"}: who did that after this step (absent: any) and before the next went no
further on that way; somebody whom only that kept back counts in excluded and nowhere else. p_breakdown: source, campaign, medium or
properties.NAME, of which the first 200 characters count. p_attribution: where the value is read: step_N (the event that did step N;
null where it was not done), first_touch, last_touch (the first or last event with a value up to the entry; of sources one other than
direct, if there is any). p_limit: so many values, those with the most entrants; all others are one row a step, with is_rest.
p_has_times: false leaves the times out, which is faster.

entered: persons who did the step before that is not optional. converted: of these, who did this one. from_first, from_previous:
converted by persons of step 1, and by entered; null where there are none. median_, p90_: time from step 1 and from the step done
before, which half and 9 of 10 of them did not exceed. dropped: did this step and not the next, and the window is over. incomplete:
the same, but a window is still open. excluded: see above, by the step they stood on. Raises LQ422.$$;
grant execute on function growth.funnel(
    uuid, jsonb, timestamptz, timestamptz, interval, text, text[], jsonb, text, text, integer, boolean
) to levqor_dba;
