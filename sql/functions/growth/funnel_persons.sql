-- Who they were: the persons behind the figures of a funnel.

create or replace function growth.funnel_persons(
    p_account_id uuid,
    p_steps jsonb,
    p_from timestamptz,
    p_to timestamptz,
    p_window interval default interval '7 days',
    p_kind text default 'ordered',
    p_modes text[] default null,
    p_exclusions jsonb default '[]',
    p_outcome text default 'dropped',
    p_step integer default null,
    p_after bigint default null,
    p_limit integer default 100
)
returns table (
    person_id bigint, user_id uuid, outcome text, step integer, name text, entered_at timestamptz, reached_at timestamptz
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set work_mem = '64MB'
set jit = off
as $$
declare
    v_plan jsonb;
    v_count integer;
    v_optional integer;
begin
    if p_outcome is null or p_outcome not in ('converted', 'dropped', 'incomplete', 'excluded', 'any') then
        raise exception using
            errcode = 'LQ422', message = 'unknown outcome', hint = 'Use converted, dropped, incomplete, excluded or any.';
    end if;
    if p_limit is null or p_limit not between 1 and 10000 then
        raise exception using errcode = 'LQ422', message = 'the limit must be between 1 and 10000';
    end if;
    v_plan := growth.plan_funnel(p_steps, p_from, p_to, p_window, p_kind, p_modes, p_exclusions);
    v_count := v_plan ->> 'count';
    v_optional := v_plan ->> 'optional';
    for person_id, user_id, outcome, step, name, entered_at, reached_at in execute format(
        'select w.person_id, p.user_id, w.outcome, w.step, w.name, growth.from_micros(w.entered), growth.from_micros(w.reached) '
        'from (select t.person_id, s.step, case when %L = ''unordered'' then ''any '' || s.step else $7 ->> s.step - 1 end as name, '
        't.path[1] as entered, case when t.path[1] is not null then t.path[s.step] end as reached, case '
        'when t.path[1] is null then ''excluded'' when cardinality(t.path) = %s then ''converted'' '
        'when t.last_start >= %s then ''incomplete'' else ''dropped'' end as outcome from (%s) as t '
        -- The step that it stood on: the last one that must be done.
        'cross join lateral (select max(n.step) as step from generate_series(1, cardinality(t.path)) as n (step) '
        'where (%s >> (n.step - 1)) & 1 = 0) as s where t.path <> ''{}'') as w '
        'left join growth.person as p on p.account_id = $1 and p.person_id = w.person_id '
        'where ($8 = ''any'' or w.outcome = $8) and ($9 is null or w.step = $9) order by w.person_id limit $10',
        p_kind, v_count, growth.to_micros(core.now()) - (v_plan ->> 'window')::bigint, growth.write_funnel(v_plan), v_optional
    )
    using
        p_account_id, p_after, null::bigint, p_from, p_to, (v_plan ->> 'until')::timestamptz, v_plan -> 'names', p_outcome, p_step,
        p_limit
    loop
        return next;
    end loop;
end;
$$;
comment on function growth.funnel_persons(
    uuid, jsonb, timestamptz, timestamptz, interval, text, text[], jsonb, text, integer, bigint, integer
) is
$$The persons of a funnel, by number: who converted, who stopped where, and when.

select * from growth.funnel_persons(ACCOUNT, STEPS, FROM, TO, p_outcome => 'dropped', p_step => 2). The first arguments are those of
growth.funnel, and the persons are those it counts. p_outcome: converted (did the last step), dropped, incomplete, excluded, or any.
p_step: only who stood on this step: for dropped those who did it and not the next; null: any. p_after: the last person_id of the
page before. p_limit: 1 to 10000.

step, name: the last step done that is not optional. entered_at: when step 1 was done; null for who is excluded. reached_at: when
step was. user_id: the user of this deployment that the person is, if known. Raises LQ422.$$;
grant execute on function growth.funnel_persons(
    uuid, jsonb, timestamptz, timestamptz, interval, text, text[], jsonb, text, integer, bigint, integer
) to levqor_dba;
