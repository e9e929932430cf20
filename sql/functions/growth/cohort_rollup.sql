-- The rollup behind cohort retention by weeks and months: how many persons of each cohort were active in each period that is over.
--
-- A period is counted here only while it has no row in growth.stale_day. When rows of that list go, whoever removes them, the
-- periods they name are forgotten in the same transaction (a trigger), and counted again by the clock. Both sides hold an
-- advisory lock of the account, so that no period is kept that was counted before the change and stored after it.

create or replace function growth.count_cohort_columns(p_account_id uuid, p_zone text, p_period text, p_starts date[])
returns table (starts_on date, cohort_start date, persons bigint)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set work_mem = '64MB'
set jit = off
as $$
begin
    return query
    with
    piece as (
        select d.starts_on, d.month, bit_or(1 << d.day - d.month) as mask
        from (
            select s.starts_on, n.day::date as day, date_trunc('month', n.day)::date as month
            from unnest(p_starts) as s (starts_on)
            cross join lateral generate_series(
                s.starts_on::timestamp, s.starts_on::timestamp + growth.period_step(p_period) - interval '1 day', interval '1 day'
            ) as n (day)
        ) as d
        group by d.starts_on, d.month
    ),

    active as (
        select h.starts_on, h.person_id
        from (
            select p.starts_on, a.person_id
            from piece as p
            inner join growth.activity as a on a.month = p.month and a.days & p.mask <> 0
            where a.account_id = p_account_id
                and a.month >= (select min(f.month) from piece as f) and a.month <= (select max(f.month) from piece as f)
        ) as h
        group by h.starts_on, h.person_id
    )

    select a.starts_on, date_trunc(p_period, p.first_event_at at time zone p_zone)::date, count(*)
    from active as a
    inner join growth.person as p on p.account_id = p_account_id and p.person_id = a.person_id
    group by a.starts_on, date_trunc(p_period, p.first_event_at at time zone p_zone)::date;
end;
$$;
comment on function growth.count_cohort_columns(uuid, text, text, date[]) is
$$Count who was active in some weeks or months, by the week or month of their first event: from growth.activity.

p_zone: IANA time zone. p_period: week or month. p_starts: the first days of the periods. Only right where every event is activity.$$;

create or replace function growth.list_kept_columns(p_account_id uuid, p_period text, p_from date, p_to date)
returns setof date
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select c.starts_on
    from growth.cohort_period as c
    where c.account_id = p_account_id and c.period = p_period and c.starts_on >= p_from and c.starts_on < p_to
        and c.time_zone = (growth.definition_of(p_account_id)).time_zone
        and not exists (
            select
            from growth.stale_day as s
            where s.account_id = p_account_id and s.day >= c.starts_on
                and s.day < (c.starts_on + growth.period_step(p_period))::date
        );
end;
$$;
comment on function growth.list_kept_columns(uuid, text, date, date) is
$$First days of the weeks or months from p_from to before p_to whose cohorts can be taken from the rollup.$$;

create or replace function growth.forget_cohort_periods()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(growth.lock_key('cohorts', a.account_id::text))
    from (select distinct g.account_id from gone as g order by g.account_id) as a;
    delete from growth.cohort_period as c
    using (
        select distinct g.account_id, n.period, date_trunc(n.period, g.day::timestamp)::date as starts_on
        from gone as g
        cross join unnest('{week,month}'::text[]) as n (period)
    ) as d
    where c.account_id = d.account_id and c.period = d.period and c.starts_on = d.starts_on;
    return null;
end;
$$;
comment on function growth.forget_cohort_periods() is
$$Trigger: days are no longer stale, so that cohorts of their weeks and months have to be counted again before the rollup tells them.$$;

create or replace trigger stale_day_forgets_cohort_periods
after delete on growth.stale_day
referencing old table as gone
for each statement execute function growth.forget_cohort_periods();

create or replace function growth.roll_up_cohorts_of(p_account_id uuid, p_limit integer default 4)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_definition growth.definition := growth.definition_of(p_account_id);
    v_today date := (core.now() at time zone v_definition.time_zone)::date;
    v_first date;
    v_period text;
    v_starts date[];
    v_count integer := 0;
begin
    perform pg_advisory_xact_lock(growth.lock_key('cohorts', p_account_id::text));
    delete from growth.cohort_period as c where c.account_id = p_account_id and c.time_zone <> v_definition.time_zone;
    if v_definition.active_names is not null
        or exists (select from growth.stale_person as s where s.account_id = p_account_id)
        or exists (select from growth.recount as r where r.account_id = p_account_id)
    then
        return 0;
    end if;
    select (min(p.first_event_at) at time zone v_definition.time_zone)::date into v_first
    from growth.person as p
    where p.account_id = p_account_id;
    foreach v_period in array '{month,week}'::text[] loop
        -- What is over, the latest first; as far back as a question may reach.
        select array_agg(s.starts_on) into v_starts
        from (
            select n.start::date as starts_on
            from generate_series(
                greatest(
                    date_trunc(v_period, v_first::timestamp),
                    date_trunc(v_period, v_today::timestamp) - 400 * growth.period_step(v_period)
                ),
                date_trunc(v_period, v_today::timestamp) - growth.period_step(v_period), growth.period_step(v_period)
            ) as n (start)
            where not exists (
                select
                from growth.cohort_period as c
                where c.account_id = p_account_id and c.period = v_period and c.starts_on = n.start::date
            ) and not exists (
                select
                from growth.stale_day as d
                where d.account_id = p_account_id and d.day >= n.start and d.day < n.start + growth.period_step(v_period)
            )
            order by n.start desc
            limit p_limit - v_count
        ) as s;
        continue when v_starts is null;
        insert into growth.cohort_period (account_id, period, starts_on, time_zone, computed_at)
        select p_account_id, v_period, s.starts_on, v_definition.time_zone, core.now()
        from unnest(v_starts) as s (starts_on);
        insert into growth.cohort_cell (account_id, period, starts_on, cohort_start, persons)
        select p_account_id, v_period, c.starts_on, c.cohort_start, c.persons
        from growth.count_cohort_columns(p_account_id, v_definition.time_zone, v_period, v_starts) as c
        order by c.starts_on, c.cohort_start;
        v_count := v_count + cardinality(v_starts);
    end loop;
    return v_count;
end;
$$;
comment on function growth.roll_up_cohorts_of(uuid, integer) is
$$Count the cohorts of weeks and months that are over, have no stale day and are not in the rollup: p_limit of them at most. Gives how
many.

Counts nothing for an account in which not every event is activity, or whose activity is being counted again.$$;

create or replace function growth.roll_up_cohorts(p_state jsonb default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid;
    v_rows integer;
begin
    -- An account a step, again while there is something to do: its lock is held no longer than that.
    select r.account_id into v_account_id
    from growth.rollup as r
    where r.account_id >= coalesce((p_state ->> 'account_id')::uuid, '00000000-0000-0000-0000-000000000000')
        and r.account_id is distinct from (p_state ->> 'done_id')::uuid
    order by r.account_id
    limit 1;
    if v_account_id is null then
        return '{"more": false, "rows": 0}';
    end if;
    v_rows := growth.roll_up_cohorts_of(v_account_id);
    return jsonb_build_object('more', true, 'rows', v_rows, 'state', jsonb_build_object(
        'account_id', v_account_id, 'done_id', case when v_rows = 0 then v_account_id end
    ));
end;
$$;
comment on function growth.roll_up_cohorts(jsonb) is
$$Task: count the cohorts of weeks and months that are over and not in the rollup, account by account.

p_state: as the step before left it, null at first. Gives {more, rows, state}.$$;

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "growth-roll-up-cohorts", "function": "growth.roll_up_cohorts", "every": "5 minutes",
        "description": "count the cohorts of weeks and months that are over"}
]') as t (task);

grant execute on function growth.count_cohort_columns(uuid, text, text, date[]) to levqor_dba;

grant execute on function growth.list_kept_columns(uuid, text, date, date) to levqor_dba;
