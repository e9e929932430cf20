-- The way of one person through a funnel: when each step was done.
--
-- A path is an array of times in microseconds, one for each step up to the furthest that was reached. An optional step that
-- was skipped is null in it. For each step one attempt is kept, the one that began last: what follows can reach as far from it
-- as from any earlier one. Its steps are the first that came after the step before.

create or replace function growth.trace_unordered(
    p_window bigint, p_times bigint[], p_steps integer[], p_count integer, p_until bigint
)
returns bigint[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_times bigint[];
    v_steps integer[];
    v_path bigint[];
    v_best bigint[] := '{}';
    v_most integer;
    v_done integer;
    v_left integer;
begin
    select array_agg(e.at order by e.at, e.n), array_agg(e.steps order by e.at, e.n)
    into v_times, v_steps
    from unnest(p_times, p_steps) with ordinality as e (at, steps, n)
    where e.steps <> 0;
    -- Who never did a step would have all windows tried for it.
    select least(p_count, bit_count((bit_or(s.steps))::bit(32)))::integer into v_most from unnest(v_steps) as s (steps);
    for i in 1 .. coalesce(cardinality(v_times), 0) loop
        exit when v_times[i] >= p_until or cardinality(v_best) >= v_most;
        v_path := '{}';
        v_done := 0;
        for j in i .. cardinality(v_times) loop
            exit when v_times[j] > v_times[i] + p_window or cardinality(v_path) = p_count;
            v_left := v_steps[j] & ~v_done;
            if v_left <> 0 then
                -- The lowest step that it fits and that is not done.
                v_done := v_done | (v_left & -v_left);
                v_path := v_path || v_times[j];
            end if;
        end loop;
        if cardinality(v_path) > cardinality(v_best) then
            v_best := v_path;
        end if;
    end loop;
    return v_best;
end;
$$;
comment on function growth.trace_unordered(bigint, bigint[], integer[], integer, bigint) is
$$The path through a funnel whose steps may come in any order: when the first step was done, the second different one, and so on.

The most different steps within one window; of several windows with as many the first. A window begins with an event of any step
before p_until. An event that fits several steps counts for the lowest that is not done yet.$$;
grant execute on function growth.trace_unordered(bigint, bigint[], integer[], integer, bigint) to levqor_dba;

create or replace function growth.trace_funnel(
    p_window bigint,
    p_times bigint[],
    p_steps integer[],
    p_count integer,
    p_modes text[] default '{}',
    p_is_strict boolean default false,
    p_optional integer default 0,
    p_exclusions integer[] default null
)
returns bigint[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    c_order constant boolean := 'strict_order' = any (p_modes);
    c_once constant boolean := p_is_strict or 'strict_once' = any (p_modes);
    c_increase constant boolean := 'strict_increase' = any (p_modes);
    c_single constant boolean := 'strict_deduplication' = any (p_modes);
    c_reentry constant boolean := 'allow_reentry' = any (p_modes);
    -- One event after the other, also within a moment.
    c_one_by_one constant boolean := p_is_strict or p_optional <> 0;
    v_times bigint[] := p_times;
    v_steps integer[] := p_steps;
    v_exclusions integer[] := p_exclusions;
    v_first integer := 1;
    v_last integer;
    v_at bigint;
    v_group integer[];
    v_union integer;
    v_fitting integer;
    v_has_entered boolean := false;
    -- By step: when the latest attempt that reached it began, when it reached it last, and its path. old: before this moment.
    v_start bigint[] := '{}';
    v_reached bigint[] := '{}';
    v_path bigint[] := array_fill(null::bigint, array[p_count * p_count]);
    v_old_start bigint[];
    v_old_reached bigint[];
    v_old_path bigint[];
    -- By step that an attempt stands on (element 1: on none): how far the events of this moment can take it.
    v_run integer[];
    v_fillers integer[];
    v_from integer;
    v_candidate integer;
    v_begin bigint;
    v_other bigint;
    v_best bigint[] := '{}';
    v_is_last boolean;
begin
    if cardinality(v_times) > 1 then
        select
            array_agg(e.at order by e.at, e.place, e.n), array_agg(e.steps order by e.at, e.place, e.n),
            case when p_exclusions is not null then array_agg(e.exclusions order by e.at, e.place, e.n) end
        into v_times, v_steps, v_exclusions
        from (
            select
                u.at, u.steps, coalesce(u.exclusions, 0) as exclusions, u.n,
                -- Events of one moment in the order of the lowest step they fit; those of none first, exclusions last.
                case
                    when not c_one_by_one then 0
                    when u.steps = 0 and u.exclusions <> 0 then 8589934592
                    else (u.steps::bigint & 4294967295) & -(u.steps::bigint & 4294967295)
                end as place
            from unnest(p_times, p_steps, p_exclusions) with ordinality as u (at, steps, exclusions, n)
        ) as e;
    end if;

    while v_first <= cardinality(v_times) loop
        v_at := v_times[v_first];
        v_last := v_first;
        while not c_one_by_one and v_times[v_last + 1] = v_at loop
            v_last := v_last + 1;
        end loop;
        v_group := v_steps[v_first:v_last];
        v_union := 0;
        for e in 1 .. cardinality(v_group) loop
            v_union := v_union | v_group[e];
            if c_order and v_group[e] = 0 and v_has_entered then
                return v_best;
            end if;
        end loop;

        v_old_start := v_start;
        v_old_reached := v_reached;
        v_old_path := v_path;
        v_fillers := '{}';
        if p_is_strict then
            v_start := '{}';
        end if;
        v_run := null;
        if c_once and cardinality(v_group) > 1 and not c_single then
            v_run := array_fill(0, array[p_count]);
            for b in 0 .. p_count - 1 loop
                if (b = 0 or v_at <= v_old_start[b] + p_window) and (v_union >> b) & 1 = 1 then
                    v_run[b + 1] := growth.match_steps(v_group, b + 1, case when c_increase then b + 1 else p_count end);
                end if;
            end loop;
        end if;

        for k in 1 .. p_count loop
            continue when (v_union >> (k - 1)) & 1 = 0;
            if k = 1 then
                v_start[1] := v_at;
                v_reached[1] := v_at;
                v_path[1] := v_at;
                v_has_entered := true;
                if cardinality(v_best) = 0 then
                    v_best := array[v_at];
                end if;
                continue;
            end if;
            if c_single and v_start[k] is not null then
                return v_best;
            end if;
            if c_order and v_has_entered and v_start[k - 1] is null then
                continue when c_reentry;
                return v_best;
            end if;

            -- From which step an attempt goes on to this one, and when that attempt began.
            v_from := null;
            v_begin := null;
            v_is_last := true;
            if v_run is not null then
                -- The one that began last; of attempts that began at once the furthest.
                for b in reverse k - 1 .. 0 loop
                    v_other := case when b = 0 then v_at else v_old_start[b] end;
                    if v_run[b + 1] >= k and (v_begin is null or v_begin < v_other) then
                        v_from := b;
                        v_begin := v_other;
                    end if;
                end loop;
            elsif c_once and c_single then
                for e in 1 .. cardinality(v_group) loop
                    continue when (v_group[e] >> (k - 1)) & 1 = 0;
                    if v_from is not null then
                        -- The step comes once more.
                        v_is_last := false;
                        exit;
                    end if;
                    continue when e = any (v_fillers) or (c_increase and cardinality(v_fillers) > 0);
                    v_candidate := k - 1 - cardinality(v_fillers);
                    if v_candidate = 1 and not c_increase then
                        -- An event of this moment that is still free may be step 1.
                        for f in 1 .. cardinality(v_group) loop
                            if v_group[f] & 1 = 1 and f <> e and not f = any (v_fillers) then
                                v_from := 0;
                                v_begin := v_at;
                            end if;
                        end loop;
                    end if;
                    if v_from is null and v_at <= v_old_start[v_candidate] + p_window then
                        v_from := v_candidate;
                        v_begin := v_old_start[v_candidate];
                    end if;
                    if v_from is not null then
                        v_fillers := v_fillers || e;
                    end if;
                end loop;
            else
                v_candidate := k - 1;
                loop
                    v_other := case when c_once then v_old_start[v_candidate] else v_start[v_candidate] end;
                    if (v_begin is null or v_begin < v_other) and v_at <= v_other + p_window
                        and (
                            not c_increase or (c_once and v_old_reached[v_candidate] < v_at)
                            or (not c_once and v_reached[v_candidate] < v_at)
                        )
                    then
                        v_from := v_candidate;
                        v_begin := v_other;
                    end if;
                    exit when (p_optional >> (v_candidate - 1)) & 1 = 0 or v_candidate = 1;
                    v_candidate := v_candidate - 1;
                end loop;
            end if;
            continue when v_from is null;

            if v_start[k] is null or v_start[k] < v_begin then
                for s in 1 .. k loop
                    v_path[(k - 1) * p_count + s] := case
                        when s = k or v_run is not null and s > v_from or c_once and c_single and s > v_from then v_at
                        when s > v_from then null
                        when c_once then v_old_path[(v_from - 1) * p_count + s]
                        else v_path[(v_from - 1) * p_count + s]
                    end;
                end loop;
            end if;
            v_start[k] := v_begin;
            v_reached[k] := v_at;
            if k > cardinality(v_best) then
                v_best := v_path[(k - 1) * p_count + 1:(k - 1) * p_count + k];
            end if;
            if k = p_count then
                return v_best;
            end if;
            if c_single then
                select count(*) into v_fitting from unnest(v_group) as g (steps) where (g.steps >> (k - 1)) & 1 = 1;
                if v_fitting > 1 and (not c_once or not v_is_last) then
                    return v_best;
                end if;
            end if;
        end loop;

        -- An attempt that stands where something excluded happens goes no further.
        if v_exclusions is not null then
            for e in v_first .. v_last loop
                for k in 1 .. p_count loop
                    if (v_exclusions[e] >> (k - 1)) & 1 = 1 then
                        v_start[k] := null;
                    end if;
                end loop;
            end loop;
        end if;
        v_first := v_last + 1;
    end loop;
    return v_best;
end;
$$;
comment on function growth.trace_funnel(bigint, bigint[], integer[], integer, text[], boolean, integer, integer[]) is
$$The path through an ordered funnel, by any rules. Empty: there was no step 1.

p_window: microseconds from step 1, inclusive. p_times: microseconds, in any order. p_steps: which steps each event fits, as bits; step
1 only where a person may enter. p_count: number of steps. p_modes: as in growth.window_funnel. p_is_strict: each step must be the
very next event of the person; an attempt that meets any other event is over, and the next may begin. p_optional: bits of
steps that may be left out, never step 1. p_exclusions: bits of the steps after which an event ends the attempts that stand there.
Optional steps and exclusions go with the modes strict_once and strict_increase only.$$;
grant execute on function growth.trace_funnel(bigint, bigint[], integer[], integer, text[], boolean, integer, integer[]) to levqor_dba;

create or replace function growth.trace_excluding(
    p_window bigint, p_times bigint[], p_steps integer[], p_count integer, p_modes text[], p_optional integer, p_exclusions integer[]
)
returns bigint[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_path bigint[] := growth.trace_funnel(
        p_window, p_times, p_steps, p_count, p_modes, p_optional => p_optional, p_exclusions => p_exclusions
    );
begin
    if cardinality(v_path) < p_count and cardinality(v_path) < cardinality(growth.trace_funnel(
        p_window, p_times, p_steps, p_count, p_modes, p_optional => p_optional
    )) then
        v_path[1] := null;
    end if;
    return v_path;
end;
$$;
comment on function growth.trace_excluding(bigint, bigint[], integer[], integer, text[], integer, integer[]) is
$$The path through an ordered funnel with exclusions. Its first time is null where only an exclusion kept the person from going
further: such a person is dropped, and the path says how far it went without one.

The arguments are those of growth.trace_funnel.$$;
grant execute on function growth.trace_excluding(bigint, bigint[], integer[], integer, text[], integer, integer[]) to levqor_dba;
