-- The question of a funnel, read and turned into SQL. Names and values of the caller enter it as quoted literals only.

create or replace function growth.write_filter(p_key text, p_value jsonb)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_column constant boolean := p_key in ('$source', '$campaign', '$medium');
    v_operator text;
    v_operand jsonb;
    v_left text;
    v_conditions text[] := '{}';
begin
    if jsonb_typeof(p_value) = 'object' then
        if p_value = '{}' then
            raise exception using
                errcode = 'LQ422', message = 'a filter says nothing', detail = format('Property %s.', p_key),
                hint = 'Use in, ne, gt, gte, lt, lte or exists.';
        end if;
        for v_operator, v_operand in select o.key, o.value from jsonb_each(p_value) as o loop
            if v_operator = 'in' and jsonb_typeof(v_operand) = 'array' then
                v_conditions := v_conditions || growth.write_filter(p_key, v_operand);
            elsif v_operator = 'ne' and jsonb_typeof(v_operand) in ('string', 'number', 'boolean') then
                v_conditions := v_conditions || ('(' || growth.write_filter(p_key, v_operand) || ') is not true');
            elsif v_operator = 'exists' and jsonb_typeof(v_operand) = 'boolean' then
                v_conditions := v_conditions || (
                    growth.write_value(p_key) || case when v_operand = 'true' then ' is not null' else ' is null' end
                );
            elsif v_operator in ('gt', 'gte', 'lt', 'lte') and not v_is_column and jsonb_typeof(v_operand) = 'number' then
                v_left := format('e.properties -> %L', p_key);
                v_conditions := v_conditions || format(
                    'case when jsonb_typeof(%s) = ''number'' then (%s)::numeric %s %L::numeric else false end', v_left, v_left,
                    case v_operator when 'gt' then '>' when 'gte' then '>=' when 'lt' then '<' else '<=' end, v_operand::text
                );
            else
                raise exception using
                    errcode = 'LQ422', message = 'a filter cannot be read',
                    detail = format('Property %s: %s with %s.', p_key, v_operator, left(v_operand::text, 100)),
                    hint = 'Use in with an array, ne with a value, gt, gte, lt or lte with a number, exists with true or false.';
            end if;
        end loop;
        return array_to_string(v_conditions, ' and ');
    elsif jsonb_typeof(p_value) = 'array' then
        if p_value = '[]' or jsonb_path_exists(p_value, '$[*] ? (@.type() == "object" || @.type() == "array" || @ == null)') then
            raise exception using
                errcode = 'LQ422', message = 'a filter cannot be read', detail = format('Property %s.', p_key),
                hint = 'List one value or more: texts, numbers, true or false.';
        end if;
        return (
            select '(' || string_agg(growth.write_filter(p_key, v.value), ' or ') || ')' from jsonb_array_elements(p_value) as v
        );
    elsif p_value is null or p_value = 'null' then
        raise exception using
            errcode = 'LQ422', message = 'a filter has no value', detail = format('Property %s.', p_key),
            hint = 'Write {"exists": false} for events that lack the property.';
    elsif v_is_column then
        return format('%s = %L', growth.write_value(p_key), p_value #>> '{}');
    end if;
    return format('e.properties -> %L = %L::jsonb', p_key, p_value::text);
end;
$$;
comment on function growth.write_filter(text, jsonb) is
$$One filter of a step as SQL about the event e.

p_key: a property's name, or $source, $campaign, $medium. p_value: the value, an array of values any of which will do, or an object of
conditions all of which must hold: in, ne, gt, gte, lt, lte, exists. Raises LQ422.$$;
grant execute on function growth.write_filter(text, jsonb) to levqor_dba;

create or replace function growth.write_value(p_key text)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select case p_key
        when '$source' then 'e.source' when '$campaign' then 'e.campaign' when '$medium' then 'e.medium'
        else pg_catalog.format('e.properties ->> %L', p_key)
    end
$$;
comment on function growth.write_value(text) is
$$A property of the event e, or its source, campaign or medium ($source, $campaign, $medium), as SQL that gives a text.$$;
grant execute on function growth.write_value(text) to levqor_dba;

create or replace function growth.write_condition(p_step jsonb)
returns text
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select format('e.name = %L', p_step ->> 'name') || coalesce(' and ' || string_agg(growth.write_filter(f.key, f.value), ' and '), '')
    from jsonb_each(p_step -> 'filters') as f
$$;
comment on function growth.write_condition(jsonb) is
$$Which events a step {"name", "filters"} means, as SQL about the event e. Raises LQ422 for filters that cannot be read.$$;
grant execute on function growth.write_condition(jsonb) to levqor_dba;

create or replace function growth.check_funnel_events(p_events jsonb, p_allowed text[], p_what text)
returns void
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_event jsonb;
    v_unknown text;
begin
    if jsonb_typeof(p_events) is distinct from 'array' then
        raise exception using
            errcode = 'LQ422', message = format('the %ss must be an array', p_what), hint = 'As in [{"name": "visit"}].';
    end if;
    for v_event in select e.value from jsonb_array_elements(p_events) as e loop
        if jsonb_typeof(v_event) <> 'object' or jsonb_typeof(v_event -> 'name') is distinct from 'string'
            or length(v_event ->> 'name') not between 1 and 100
        then
            raise exception using
                errcode = 'LQ422', message = format('each %s needs the name of an event', p_what), hint = 'As in {"name": "visit"}.';
        end if;
        select k.key into v_unknown from jsonb_object_keys(v_event) as k (key) where not k.key = any (p_allowed) limit 1;
        if found then
            raise exception using
                errcode = 'LQ422', message = format('unknown member of a %s', p_what), detail = format('Got %s.', v_unknown),
                hint = format('Use %s.', array_to_string(p_allowed, ', '));
        end if;
        if v_event ? 'filters' and jsonb_typeof(v_event -> 'filters') <> 'object' then
            raise exception using
                errcode = 'LQ422', message = 'filters must be an object', hint = 'As in {"plan": "pro", "amount": {"gte": 10}}.';
        end if;
        if v_event ? 'is_optional' and jsonb_typeof(v_event -> 'is_optional') <> 'boolean' then
            raise exception using errcode = 'LQ422', message = 'is_optional must be true or false';
        end if;
    end loop;
end;
$$;
comment on function growth.check_funnel_events(jsonb, text[], text) is
$$Refuse steps or exclusions that are not of the form of growth.funnel: LQ422. p_allowed: names of members. p_what: step or exclusion.$$;
grant execute on function growth.check_funnel_events(jsonb, text[], text) to levqor_dba;

create or replace function growth.plan_funnel(
    p_steps jsonb, p_from timestamptz, p_to timestamptz, p_window interval, p_kind text, p_modes text[], p_exclusions jsonb
)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_window constant bigint := growth.read_funnel_window(p_window);
    v_modes constant text[] := coalesce(p_modes, '{strict_once}');
    v_count integer;
    v_optional integer := 0;
    v_exclusion jsonb;
    v_exclusion_sql text := '';
    v_after integer;
begin
    perform growth.check_funnel_events(p_steps, '{name,filters,is_optional}', 'step');
    perform growth.check_funnel_events(p_exclusions, '{name,filters,after_step}', 'exclusion');
    v_count := jsonb_array_length(p_steps);
    if v_count not between 1 and 30 then
        raise exception using errcode = 'LQ422', message = 'a funnel has 1 to 30 steps', detail = format('Got %s.', v_count);
    end if;
    if p_from is null or p_to is null or not isfinite(p_from) or not isfinite(p_to) or p_from >= p_to then
        raise exception using
            errcode = 'LQ422', message = 'the range must end after it begins',
            hint = 'p_from is the first moment to enter, p_to the first one behind the range.';
    end if;
    if p_from < timestamptz '1970-01-01 00:00:00+00' or p_to > timestamptz '2200-01-01 00:00:00+00' then
        raise exception using errcode = 'LQ422', message = 'the range must lie between 1970 and 2200';
    end if;
    if p_kind is null or p_kind not in ('ordered', 'strict', 'unordered') then
        raise exception using errcode = 'LQ422', message = 'unknown kind of funnel', hint = 'Use ordered, strict or unordered.';
    end if;
    perform growth.check_funnel_modes(v_modes);
    if p_modes is not null and p_kind <> 'ordered' then
        raise exception using errcode = 'LQ422', message = 'modes are for ordered funnels', hint = 'Leave them out.';
    end if;
    select coalesce(sum(1 << (s.n - 1)::integer), 0)
    into v_optional
    from jsonb_array_elements(p_steps) with ordinality as s (step, n)
    where (s.step -> 'is_optional')::boolean;
    if v_optional & 1 = 1 or (v_optional >> (v_count - 1)) & 1 = 1 then
        raise exception using errcode = 'LQ422', message = 'the first and the last step cannot be optional';
    end if;
    if v_optional <> 0 and p_kind = 'unordered' then
        raise exception using errcode = 'LQ422', message = 'steps in any order cannot be optional';
    end if;
    if p_exclusions <> '[]' and p_kind <> 'ordered' then
        raise exception using errcode = 'LQ422', message = 'exclusions are for ordered funnels';
    end if;
    if (p_exclusions <> '[]' or v_optional <> 0) and v_modes && '{strict_order,strict_deduplication}' then
        raise exception using
            errcode = 'LQ422', message = 'optional steps and exclusions do not go with strict_order and strict_deduplication';
    end if;

    for v_exclusion in select e.value from jsonb_array_elements(p_exclusions) as e loop
        if v_exclusion ? 'after_step' then
            if jsonb_typeof(v_exclusion -> 'after_step') <> 'number'
                or not (v_exclusion -> 'after_step')::numeric between 1 and v_count - 1
                or (v_exclusion -> 'after_step')::numeric % 1 <> 0
            then
                raise exception using
                    errcode = 'LQ422', message = 'after_step must be the number of a step before the last',
                    detail = format('Got %s of %s steps.', v_exclusion -> 'after_step', v_count);
            end if;
            v_after := 1 << ((v_exclusion ->> 'after_step')::integer - 1);
        else
            -- Between any two.
            v_after := (1 << (v_count - 1)) - 1;
        end if;
        v_exclusion_sql := v_exclusion_sql || format(
            ' | case when %s then %s else 0 end', growth.write_condition(v_exclusion), v_after
        );
    end loop;

    return jsonb_build_object(
        'count', v_count, 'window', v_window, 'kind', p_kind, 'modes', v_modes, 'optional', v_optional,
        'from', p_from, 'to', p_to,
        -- Who enters does so before p_to, so the last window ends before this.
        'until', p_to + v_window * interval '1 microsecond',
        'names', (select jsonb_agg(s.step -> 'name' order by s.n) from jsonb_array_elements(p_steps) with ordinality as s (step, n)),
        'conditions', (
            select jsonb_agg(growth.write_condition(s.step) order by s.n)
            from jsonb_array_elements(p_steps) with ordinality as s (step, n)
        ),
        'exclusion', nullif(v_exclusion_sql, ''),
        'read_names', (
            -- In the order of the steps: the first ones happen most often, and are found first.
            select jsonb_agg(n.name order by n.place)
            from (
                select e.event -> 'name' as name, min(e.n) as place
                from jsonb_array_elements(p_steps || p_exclusions) with ordinality as e (event, n)
                group by e.event -> 'name'
            ) as n
        ),
        -- No event can fit two steps, and nothing but steps counts.
        'is_simple', p_kind = 'ordered' and v_modes <@ '{strict_once}' and v_optional = 0 and p_exclusions = '[]'
            and (select count(distinct s.step -> 'name') from jsonb_array_elements(p_steps) as s (step)) = v_count
    );
end;
$$;
comment on function growth.plan_funnel(jsonb, timestamptz, timestamptz, interval, text, text[], jsonb) is
$$The question of a funnel, checked, as growth.write_funnel needs it. Raises LQ422. The arguments are those of growth.funnel.$$;
grant execute on function growth.plan_funnel(jsonb, timestamptz, timestamptz, interval, text, text[], jsonb) to levqor_dba;

create or replace function growth.write_funnel_events(p_plan jsonb)
returns text
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_simple constant boolean := p_plan -> 'is_simple';
    v_is_unordered constant boolean := p_plan ->> 'kind' = 'unordered';
    v_reads_all constant boolean := p_plan ->> 'kind' = 'strict' or p_plan -> 'modes' ? 'strict_order';
    v_where constant text := 'from growth.event as e where ($2::bigint is null or e.person_id > $2)'
        ' and ($3::bigint is null or e.person_id <= $3) and e.account_id = $1 and e.event_at >= $4 and e.event_at < $6';
    v_names constant text := format(' and e.name = any (%L::text[])', array(
        select n.name from jsonb_array_elements_text(p_plan -> 'read_names') as n (name)
    ));
    v_steps text;
begin
    select string_agg(
        format(
            case when v_is_simple then 'when %s%s then %s' else 'case when %s%s then %s else 0 end' end,
            c.condition, case when c.n = 1 and not v_is_unordered then ' and e.event_at < $5' else '' end,
            case when v_is_simple then c.n else 1 << (c.n - 1)::integer end
        ),
        case when v_is_simple then ' ' else ' | ' end
        order by c.n
    )
    into v_steps
    from jsonb_array_elements_text(p_plan -> 'conditions') with ordinality as c (condition, n);
    if v_is_simple then
        return format(
            'from (select e.person_id, e.event_at as at, case %s end as step %s%s and (e.name <> %L or e.event_at < $5) '
            'order by e.person_id, e.event_at offset 0) as x',
            v_steps, v_where, v_names, p_plan -> 'names' ->> 0
        );
    end if;
    return format(
        'from (select e.person_id, growth.to_micros(e.event_at) as at, %s as steps, 0%s as exclusions %s%s '
        'order by e.person_id, e.event_at, e.seq offset 0) as x%s',
        v_steps, p_plan ->> 'exclusion', v_where, case when v_reads_all then '' else v_names end,
        case when v_reads_all then '' else ' where x.steps <> 0 or x.exclusions <> 0' end
    );
end;
$$;
comment on function growth.write_funnel_events(jsonb) is
$$The events that a plan of growth.plan_funnel reads, as the FROM of a query: person_id, at and step (null: none) of a simple plan,
otherwise person_id, at (microseconds), steps and exclusions (bits). In the order of persons and their events, which the primary
key has.

$1: account. $2, $3: only persons after and up to this one; null: all. $4, $5, $6: from, to and until of the plan.$$;
grant execute on function growth.write_funnel_events(jsonb) to levqor_dba;

create or replace function growth.write_simple_funnel(p_plan jsonb)
returns text
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count constant integer := (p_plan ->> 'count')::integer;
    -- The latest step 1 up to the step 2 that is tried, and the end of its window.
    c_start constant text := 'width_bucket(u.at, p.s1)';
    v_end constant text := format('p.s1[%s] + %s * interval ''1 microsecond''', c_start, p_plan ->> 'window');
    -- How many of a step came before the step before it, and the first that did not.
    c_before constant text := 'width_bucket(%2$s - interval ''1 microsecond'', p.s%1$s)';
    c_next constant text := format('p.s%%1$s[%s + 1]', c_before);
    v_at text[] := '{null,u.at}';
    v_time text[] := array['p.s1[coalesce(p.best & 268435455, 1)]'];
    v_path text := format('growth.to_micros(%s)', v_time[1]);
    v_best text := 'null';
    v_arrays text;
begin
    select string_agg(format('array_agg(x.at) filter (where x.step = %s) as s%s', k, k), ', ' order by k)
    into v_arrays
    from generate_series(1, v_count) as k;
    for k in 2 .. v_count loop
        v_at[k] := case when k = 2 then 'u.at' else format(c_next, k, v_at[k - 1]) end;
        v_time[k] := format(c_next, k, v_time[k - 1]);
        v_path := v_path || format(', case when p.best >> 56 >= %s then growth.to_micros(%s) end', k, v_time[k]);
    end loop;
    -- The furthest step; of attempts as far the one that was there first; of these the one that began last.
    for k in reverse v_count .. 2 loop
        v_best := format(
            'case when %s <= %s then %s end', v_at[k], v_end,
            format(
                'coalesce(%s, (%s::bigint << 56) | ((268435455 - %s)::bigint << 28) | %s)',
                v_best, k, format(c_before, k, case when k = 2 then 'u.at' else v_at[k - 1] end), c_start
            )
        );
    end loop;
    return format(
        'select p.person_id, coalesce(p.best >> 56, 1)::integer as reached, (array[%s])[:coalesce(p.best >> 56, 1)] as path, '
        'growth.to_micros(p.s1[cardinality(p.s1)]) as last_start from ('
        'select p.*, %s as best from (select x.person_id, %s %s group by x.person_id offset 0) as p '
        'where p.s1 is not null offset 0) as p offset 0',
        v_path,
        case
            when v_count = 1 then 'null::bigint'
            else format(
                'case when p.s1[1] <= p.s2[cardinality(p.s2)] then '
                '(select max(%s) from (select unnest(p.s2) as at offset 0) as u) end',
                v_best
            )
        end,
        v_arrays, growth.write_funnel_events(p_plan)
    );
end;
$$;
comment on function growth.write_simple_funnel(jsonb) is
$$Part of growth.write_funnel: the query of a simple plan, as SQL alone, because a call for each person would cost more than the rest.

The times of each step of a person are an array, s1, s2, …, in their order, so width_bucket finds by halving which of them was the
last before a time, or the first after one. Each step 2 is tried with the latest step 1 up to it and the first of each further step
after it: no other choice goes further. best is the best try as one number: the step that it reached, how many of that step came
before it (counted down from 2^28 - 1), and which step 1 it began with. An array has fewer than 2^28 elements.$$;
grant execute on function growth.write_simple_funnel(jsonb) to levqor_dba;

create or replace function growth.write_funnel(p_plan jsonb)
returns text
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_unordered constant boolean := p_plan ->> 'kind' = 'unordered';
    v_window constant text := p_plan ->> 'window';
    v_count constant text := p_plan ->> 'count';
    v_modes constant text := format('%L::text[]', array(select m.name from jsonb_array_elements_text(p_plan -> 'modes') as m (name)));
    v_events constant text := 'array_agg(x.at), array_agg(x.steps)';
begin
    if (p_plan -> 'is_simple')::boolean then
        return growth.write_simple_funnel(p_plan);
    end if;
    return format(
        'select t.*, cardinality(t.path) as reached from ('
        'select x.person_id, %s as path, max(x.at) filter (where %s) as last_start %s group by x.person_id having bool_or(%s)'
        ') as t where t.path <> ''{}'' offset 0',
        case
            when v_is_unordered then format('growth.trace_unordered(%s, %s, %s, growth.to_micros($5))', v_window, v_events, v_count)
            when p_plan ->> 'exclusion' is not null then format(
                'growth.trace_excluding(%s, %s, %s, %s, %s, array_agg(x.exclusions))',
                v_window, v_events, v_count, v_modes, p_plan ->> 'optional'
            )
            else format(
                'growth.trace_funnel(%s, %s, %s, %s, %s, %s)', v_window, v_events, v_count, v_modes,
                (p_plan ->> 'kind' = 'strict')::text, p_plan ->> 'optional'
            )
        end,
        case when v_is_unordered then 'x.steps <> 0 and x.at < growth.to_micros($5)' else 'x.steps & 1 = 1' end,
        growth.write_funnel_events(p_plan),
        case when v_is_unordered then 'x.steps <> 0' else 'x.steps & 1 = 1' end
    );
end;
$$;
comment on function growth.write_funnel(jsonb) is
$$The query that a plan of growth.plan_funnel means: one row a person who entered, with path (see growth.trace_funnel), reached (the
furthest step) and last_start, the microsecond of the last event with which the person could enter. What is not asked of it is not
computed. Parameters as in growth.write_funnel_events.$$;
grant execute on function growth.write_funnel(jsonb) to levqor_dba;
