-- Funnels over the events of one person: how far somebody came along a chain of steps within a window.
--
-- Times are microseconds since 1970, so that two numbers compare as the two times do. A set of steps is a bit mask: bit 0 is
-- step 1. The rules and the names of the modes are those of ClickHouse's windowFunnel, and so are the results, level for level.

create or replace function growth.to_micros(p_at timestamptz)
returns bigint
language sql
stable
parallel safe
security invoker
as $$
    select (pg_catalog.date_part('epoch', p_at) * 1000000)::bigint
$$;
comment on function growth.to_micros(timestamptz) is
$$A time as microseconds since 1970. Exact until the year 2255.$$;
grant execute on function growth.to_micros(timestamptz) to levqor_dba;

create or replace function growth.from_micros(p_micros bigint)
returns timestamptz
language sql
immutable
parallel safe
security invoker
as $$
    select timestamptz '1970-01-01 00:00:00+00' + p_micros * interval '1 microsecond'
$$;
comment on function growth.from_micros(bigint) is
$$The time that is so many microseconds after 1970 began in UTC.$$;
grant execute on function growth.from_micros(bigint) to levqor_dba;

create or replace function growth.read_funnel_window(p_window interval)
returns bigint
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_window is null or p_window < interval '0' or date_part('year', p_window) <> 0 or date_part('month', p_window) <> 0
        or p_window > interval '3650 days'
    then
        raise exception using
            errcode = 'LQ422',
            message = 'the window of a funnel must be between 0 and 3650 days',
            detail = format('Got %s.', coalesce(p_window::text, 'none')),
            hint = 'Say it in days, hours, minutes or seconds; months and years differ in length.';
    end if;
    -- A day is 24 hours here, whatever the clocks of a place do.
    return (date_part('epoch', p_window) * 1000000)::bigint;
end;
$$;
comment on function growth.read_funnel_window(interval) is
$$The window of a funnel in microseconds; a day has 24 hours. Raises LQ422 for months and years, for less than 0 and for more than 3650
days.$$;
grant execute on function growth.read_funnel_window(interval) to levqor_dba;

create or replace function growth.check_funnel_modes(p_modes text[])
returns void
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if not p_modes <@ '{strict_order,strict_deduplication,strict_increase,strict_once,allow_reentry}' then
        raise exception using
            errcode = 'LQ422',
            message = 'unknown mode of a funnel',
            detail = format('Got %s.', array_to_string(p_modes, ', ', 'null')),
            hint = 'Use strict_order, strict_deduplication, strict_increase, strict_once or allow_reentry; none is the default.';
    end if;
    if 'allow_reentry' = any (p_modes) and not 'strict_order' = any (p_modes) then
        raise exception using
            errcode = 'LQ422', message = 'allow_reentry needs strict_order', hint = 'Name both, or neither.';
    end if;
end;
$$;
comment on function growth.check_funnel_modes(text[]) is
$$Refuse modes of a funnel that are not known, and allow_reentry without strict_order: LQ422.$$;
grant execute on function growth.check_funnel_modes(text[]) to levqor_dba;

create or replace function growth.match_steps(p_steps integer[], p_first integer, p_last integer)
returns integer
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_owner integer[] := array_fill(0, array[cardinality(p_steps)]);
    v_via integer[];
    v_queue integer[];
    v_step integer;
    v_found integer;
    v_previous integer;
begin
    -- One step after the other gets an event of its own; where all that fit are taken, an earlier step moves to another one.
    for v_new in p_first .. p_last loop
        v_via := array_fill(0, array[cardinality(p_steps)]);
        v_queue := array[v_new];
        v_found := 0;
        while v_found = 0 and cardinality(v_queue) > 0 loop
            v_step := v_queue[1];
            v_queue := v_queue[2:];
            for e in 1 .. cardinality(p_steps) loop
                if v_via[e] = 0 and (p_steps[e] >> (v_step - 1)) & 1 = 1 then
                    v_via[e] := v_step;
                    if v_owner[e] = 0 then
                        v_found := e;
                        exit;
                    end if;
                    v_queue := v_queue || v_owner[e];
                end if;
            end loop;
        end loop;
        if v_found = 0 then
            return v_new - 1;
        end if;
        loop
            v_step := v_via[v_found];
            v_previous := array_position(v_owner, v_step);
            v_owner[v_found] := v_step;
            exit when v_step = v_new;
            v_found := v_previous;
        end loop;
    end loop;
    return p_last;
end;
$$;
comment on function growth.match_steps(integer[], integer, integer) is
$$Events of one moment, each with the steps it fits: up to which step, from p_first on, each step can have an event of its own.

p_first - 1: not even the first. At most p_last.$$;
grant execute on function growth.match_steps(integer[], integer, integer) to levqor_dba;

create or replace function growth.fold_window_funnel(
    p_window interval, p_times timestamptz[], p_steps integer[], p_modes text[] default '{}', p_count integer default null
)
returns integer
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_window constant bigint := growth.read_funnel_window(p_window);
    v_count integer := p_count;
begin
    if cardinality(p_times) is distinct from cardinality(p_steps) or array_position(p_times, null) is not null
        or array_position(p_steps, null) is not null
    then
        raise exception using
            errcode = 'LQ422', message = 'each time needs its set of steps', hint = 'Give two arrays of one length without nulls.';
    end if;
    perform growth.check_funnel_modes(p_modes);
    if v_count is null then
        -- As many steps as the highest bit says.
        select max(b.step)
        into v_count
        from unnest(p_steps) as s (steps)
        cross join generate_series(1, 32) as b (step)
        where (s.steps >> (b.step - 1)) & 1 = 1;
    elsif v_count not between 1 and 32 then
        raise exception using errcode = 'LQ422', message = 'a funnel has 1 to 32 steps';
    end if;
    if v_count is null then
        return 0;
    end if;
    return cardinality(growth.trace_funnel(
        v_window, array(select growth.to_micros(t.at) from unnest(p_times) with ordinality as t (at, n) order by t.n), p_steps,
        v_count, p_modes
    ));
end;
$$;
comment on function growth.fold_window_funnel(interval, timestamptz[], integer[], text[], integer) is
$$How many steps of a funnel one person did in a row within the window: ClickHouse's windowFunnel over arrays.

select growth.fold_window_funnel('7 days', array_agg(event_at), array_agg(steps)). p_window: from step 1, inclusive. p_times: in any
order. p_steps: which steps each event fits, as a bit mask (1: step 1, 2: step 2, 4: step 3, 5: steps 1 and 3, 0: none). p_modes:
as in growth.window_funnel. p_count: how many steps there are, 1 to 32; null: up to the highest that occurs. Raises LQ422.$$;
grant execute on function growth.fold_window_funnel(interval, timestamptz[], integer[], text[], integer) to levqor_dba;

create or replace function growth.add_to_window_funnel(
    p_state bigint[], p_window interval, p_modes text[], p_at timestamptz, variadic p_conditions boolean[]
)
returns bigint[]
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_steps bigint := 0;
begin
    if p_state is null then
        if cardinality(p_conditions) > 32 then
            raise exception using errcode = 'LQ422', message = 'a funnel has 1 to 32 steps';
        end if;
        perform growth.check_funnel_modes(p_modes);
        p_state := array[
            growth.read_funnel_window(p_window), cardinality(p_conditions),
            case when 'strict_order' = any (p_modes) then 1 else 0 end
            + case when 'strict_deduplication' = any (p_modes) then 2 else 0 end
            + case when 'strict_increase' = any (p_modes) then 4 else 0 end
            + case when 'strict_once' = any (p_modes) then 8 else 0 end
            + case when 'allow_reentry' = any (p_modes) then 16 else 0 end
        ];
    end if;
    if p_at is null then
        return p_state;
    end if;
    for k in 1 .. cardinality(p_conditions) loop
        if p_conditions[k] then
            v_steps := v_steps | (1::bigint << (k - 1));
        end if;
    end loop;
    -- An event of no step counts in strict_order alone.
    if v_steps = 0 and p_state[3] & 1 = 0 then
        return p_state;
    end if;
    return p_state || array[growth.to_micros(p_at), v_steps];
end;
$$;
comment on function growth.add_to_window_funnel(bigint[], interval, text[], timestamptz, boolean[]) is
$$Part of the aggregate growth.window_funnel: take one row in.

The state: window, number of steps, modes as bits, and then time and steps of each event.$$;

create or replace function growth.end_window_funnel(p_state bigint[])
returns integer
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_times bigint[];
    v_steps integer[];
begin
    if p_state is null then
        return 0;
    end if;
    select
        array_agg(e.value order by e.n) filter (where e.n % 2 = 0),
        -- Bit 31 is the sign of an integer.
        array_agg(
            case when e.value >= 2147483648 then e.value - 4294967296 else e.value end order by e.n
        ) filter (where e.n % 2 = 1)
    into v_times, v_steps
    from unnest(p_state) with ordinality as e (value, n)
    where e.n > 3;
    return cardinality(growth.trace_funnel(
        p_state[1], coalesce(v_times, '{}'), coalesce(v_steps, '{}'), p_state[2]::integer, array(
            select m.name
            from unnest('{strict_order,strict_deduplication,strict_increase,strict_once,allow_reentry}'::text[])
                with ordinality as m (name, n)
            where (p_state[3] >> (m.n - 1)::integer) & 1 = 1
        )
    ));
end;
$$;
comment on function growth.end_window_funnel(bigint[]) is
$$Part of the aggregate growth.window_funnel: from its state to the level.$$;

create or replace aggregate growth.window_funnel(
    p_window interval, p_modes text[], p_at timestamptz, variadic p_conditions boolean[]
) (
    sfunc = growth.add_to_window_funnel,
    stype = bigint[],
    finalfunc = growth.end_window_funnel,
    parallel = safe
);
comment on aggregate growth.window_funnel(interval, text[], timestamptz, boolean[]) is
$$How many steps of a funnel were done in a row within the window, as ClickHouse's windowFunnel counts them: 0 to the number of steps.

select person_id, growth.window_funnel('7 days', '{}', event_at, name = 'visit', name = 'signup', name = 'paid') from growth.event
group by person_id. p_window: from step 1, inclusive. p_conditions: one a step, up to 32; a row may fit several. p_modes: {} (the
default rules), or any of strict_order (a row of no step, or of a step that is not to come yet, ends it), strict_deduplication (a
step that was done already ends it), strict_increase (a later step has a later time), strict_once (a row serves one step only),
allow_reentry (with strict_order: a step that is not to come yet is passed over). Rows of one time are taken in the order of steps.
Rows without a time are left out. Window and modes are read from the first row of a group. Raises LQ422.$$;
grant execute on function growth.window_funnel(interval, text[], timestamptz, boolean[]) to levqor_dba;

create or replace function growth.add_to_retention_flags(p_state boolean[], variadic p_conditions boolean[])
returns boolean[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_state is null then
        if cardinality(p_conditions) > 32 then
            raise exception using errcode = 'LQ422', message = 'there are 1 to 32 conditions';
        end if;
        p_state := array_fill(false, array[cardinality(p_conditions)]);
    end if;
    for k in 1 .. cardinality(p_conditions) loop
        if p_conditions[k] and not p_state[k] then
            p_state[k] := true;
        end if;
    end loop;
    return p_state;
end;
$$;
comment on function growth.add_to_retention_flags(boolean[], boolean[]) is
$$Part of the aggregate growth.retention_flags: take one row in.$$;

create or replace function growth.end_retention_flags(p_state boolean[])
returns boolean[]
language sql
immutable
parallel safe
security invoker
as $$
    select case when p_state[1] then p_state else pg_catalog.array_fill(false, array[pg_catalog.cardinality(p_state)]) end
$$;
comment on function growth.end_retention_flags(boolean[]) is
$$Part of the aggregate growth.retention_flags: nothing counts without the first condition.$$;

create or replace aggregate growth.retention_flags(variadic p_conditions boolean[]) (
    sfunc = growth.add_to_retention_flags,
    stype = boolean[],
    finalfunc = growth.end_retention_flags,
    parallel = safe
);
comment on aggregate growth.retention_flags(boolean[]) is
$$Which conditions some row met, of those who met the first: ClickHouse's retention(c1, c2, …), as booleans.

select person_id, growth.retention_flags(day = '2026-01-01', day = '2026-01-02') … group by person_id. Element 1: some row meets
condition 1; element i: some row meets condition 1 and some row meets condition i. Up to 32 conditions. Null: no row at all.
Raises LQ422.$$;
grant execute on function growth.retention_flags(boolean[]) to levqor_dba;
