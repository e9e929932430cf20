-- Rollups of activity: figures of each day, made again for the days that are stale.
--
-- Exact at any time: a day's figures change only with activity, and whoever changes activity notes its day in growth.stale_day in
-- the same transaction. Readers take a day from the rollup when no note reaches it, and count it from the bitmaps otherwise, in
-- one snapshot. The roller first removes notes, then counts with a newer snapshot, and writes in the same transaction: what was
-- not committed when it removed them has notes of its own. Killed at any moment, it has done all of a step or nothing.
--
-- Locks: the row of growth.rollup, for the whole step; nobody else waits for it.

create or replace function growth.stale_through(p_day date, p_figures text)
returns date
language sql
immutable
parallel safe
security invoker
as $$
    select case p_figures
        when 'day' then p_day + 1
        when 'week' then pg_catalog.date_trunc('week', p_day::timestamp)::date + 13
        when 'month' then (pg_catalog.date_trunc('month', p_day::timestamp) + interval '2 months')::date - 1
        when 'active' then greatest(
            p_day + 29, (pg_catalog.date_trunc('month', p_day::timestamp) + interval '1 month')::date - 1
        )
        else greatest(p_day + 29, (pg_catalog.date_trunc('month', p_day::timestamp) + interval '2 months')::date - 1)
    end
$$;
comment on function growth.stale_through(date, text) is
$$The last day whose figures change with activity on a day; the first is the day itself.

p_figures: active: DAU, WAU and MAU, rolling and calendar; day, week, month: lifecycle by these; all.$$;

create or replace function growth.list_stale_ranges(p_account_id uuid, p_from date, p_to date, p_figures text)
returns table (first_day date, last_day date)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select greatest(min(i.day), p_from), least(max(i.through), p_to)
    from (
        select m.day, m.through, count(*) filter (where m.is_first) over (order by m.day) as island
        from (
            select
                d.day, d.through,
                -- Counting a month costs the same for one day and for all, so what is less than a month apart is one range.
                d.day > max(d.through) over (order by d.day rows between unbounded preceding and 1 preceding) + 31 is not false as is_first
            from (
                select distinct s.day, growth.stale_through(s.day, p_figures) as through
                from growth.stale_day as s
                where s.account_id = p_account_id and s.day > p_from - 70 and s.day <= p_to
            ) as d
            where d.through >= p_from
        ) as m
    ) as i
    group by i.island
    order by 1;
end;
$$;
comment on function growth.list_stale_ranges(uuid, date, date, text) is
$$The ranges of days from p_from to p_to that hold all days whose figures are stale; days between near ones are in them too.

p_figures: which ones, as for growth.stale_through.$$;

create or replace function growth.is_rolled_up(p_account_id uuid, p_dimension text default null)
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return not exists (select from growth.recount as r where r.account_id = p_account_id)
        and exists (select from growth.rollup as r where r.account_id = p_account_id)
        and (p_dimension is null or (growth.find_dimension(p_account_id, p_dimension)).is_counted);
end;
$$;
comment on function growth.is_rolled_up(uuid, text) is
$$Whether figures of an account may be taken from the rollup, but for stale days: not while all is counted for the first time, or again.
Raises LQ404 for the dimension.$$;

create or replace function growth.count_figures(p_account_id uuid, p_from date, p_to date, p_dimension text default null)
returns setof growth.active_day
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select
        p_account_id, coalesce(p_dimension, '') collate "C", d.day, d.value collate "C", d.dau, d.wau, d.mau, d.wau_calendar,
        d.mau_calendar, d.returning_day, d.returning_week, d.returning_month, coalesce(n.new_day, 0), coalesce(n.new_week, 0),
        coalesce(n.new_month, 0), core.now()
    from growth.count_days(p_account_id, p_from, p_to, p_dimension) as d
    left join growth.count_new(p_account_id, p_from, p_to, p_dimension) as n on n.day = d.day and n.value = d.value;
end;
$$;
comment on function growth.count_figures(uuid, date, date, text) is
$$Count all figures of some days from the bitmaps, as the rollup keeps them.$$;

grant execute on function
growth.stale_through(date, text), growth.list_stale_ranges(uuid, date, date, text), growth.is_rolled_up(uuid, text),
growth.count_figures(uuid, date, date, text) to levqor_dba;

create or replace function growth.recount_dimension(p_account_id uuid, p_dimension growth.dimension, p_days date[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set work_mem = '64MB'
as $$
declare
    v_definition growth.definition := growth.definition_of(p_account_id);
    v_oldest_day date := coalesce(
        ((growth.oldest_month() at time zone v_definition.time_zone) - interval '1 microsecond')::date, date '1900-01-01'
    );
    v_days date[] := array(select u.day from unnest(p_days) as u (day) where u.day > v_oldest_day);
begin
    if v_days = '{}' then
        return;
    end if;
    execute 'with counted as materialized ('
        || growth.bitmaps_from_events(
            p_account_id, p_dimension, v_definition.time_zone, v_definition.active_names, v_days, 0
        )
        || $sql$),
        live as (
            select date_trunc('month', u.day::timestamp)::date as month, bit_or(1 << extract(day from u.day)::integer - 1) as days
            from unnest($3) as u (day)
            group by 1
        ),
        wanted as materialized (
            select
                coalesce(a.person_id, c.person_id) as person_id, coalesce(a.month, c.month) as month,
                coalesce(a.value, c.value) as value, coalesce(a.others, 0) | coalesce(c.days, 0) as days
            from (
                select k.person_id, k.month, k.value, k.days, k.days & ~l.days as others
                from growth.dimension_activity as k
                inner join live as l on l.month = k.month
                where k.account_id = $1 and k.dimension = $2
            ) as a
            full join counted as c on c.person_id = a.person_id and c.month = a.month and c.value = a.value
            where coalesce(a.days, 0) <> (coalesce(a.others, 0) | coalesce(c.days, 0))
        ),
        gone as (
            delete from growth.dimension_activity as k
            using wanted as w
            where k.account_id = $1 and k.dimension = $2 and k.person_id = w.person_id and k.month = w.month and k.value = w.value
                and w.days = 0
        )
        insert into growth.dimension_activity as k (account_id, dimension, person_id, month, value, days)
        select $1, $2, w.person_id, w.month, w.value, w.days
        from wanted as w
        where w.days <> 0
        on conflict (account_id, dimension, person_id, month, value) do update set days = excluded.days
        $sql$
    using p_account_id, p_dimension.name, v_days;
end;
$$;
comment on function growth.recount_dimension(uuid, growth.dimension, date[]) is
$$Bring the bitmaps of a dimension up to date for some days, from events; days up to the one on which the oldest month begins stay as
they are. For whoever holds the account's row of growth.rollup.$$;

create or replace function growth.lock_rollup(p_account_id uuid)
returns growth.rollup
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rollup growth.rollup;
begin
    -- Tomorrow too: events may be a day ahead.
    insert into growth.rollup (account_id, rolled_through)
    values (p_account_id, (core.now() at time zone (growth.definition_of(p_account_id)).time_zone)::date + 1)
    on conflict do nothing;
    -- Changed, not only locked: a caller with an older snapshot must not go on.
    update growth.rollup as r set runs = r.runs + 1, rolled_at = core.now() where r.account_id = p_account_id returning * into v_rollup;
    return v_rollup;
end;
$$;
comment on function growth.lock_rollup(uuid) is
$$Make rollups of an account until the end of the transaction, with nobody else at it.$$;

create or replace function growth.store_figures(p_account_id uuid, p_from date, p_to date, p_dimension text default null)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from growth.active_day as a
    where a.account_id = p_account_id and a.dimension = coalesce(p_dimension, '') and a.day between p_from and p_to;
    insert into growth.active_day
    select f.* from growth.count_figures(p_account_id, p_from, p_to, p_dimension) as f order by f.day, f.value;
end;
$$;
comment on function growth.store_figures(uuid, date, date, text) is
$$Make the rollup of a range of days again. For whoever holds the account's row of growth.rollup.$$;

create or replace function growth.roll_up(p_account_id uuid, out rolled bigint, out has_more boolean)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rollup growth.rollup := growth.lock_rollup(p_account_id);
    v_until date := (core.now() at time zone (growth.definition_of(p_account_id)).time_zone)::date + 1;
    v_first date;
    v_stale date[];
    v_person_ids bigint[];
    v_dimension growth.dimension;
    v_range record;
begin
    rolled := 0;
    has_more := false;
    if exists (select from growth.recount as r where r.account_id = p_account_id) then
        return;
    end if;
    -- Persons that somebody wants counted again: their days become stale.
    with gone as (
        delete from growth.stale_person as s
        where s.account_id = p_account_id and s.person_id in (
            select p.person_id from growth.stale_person as p where p.account_id = p_account_id order by p.person_id limit 100
        )
        returning s.person_id
    )
    select array_agg(distinct g.person_id order by g.person_id) into v_person_ids from gone as g;
    perform growth.recount_person(p_account_id, p.person_id) from unnest(v_person_ids) as p (person_id);

    select s.day into v_first from growth.stale_day as s where s.account_id = p_account_id order by s.day limit 1;
    -- Two months of notes at most, which make figures of four.
    with gone as (
        delete from growth.stale_day as s where s.account_id = p_account_id and s.day < v_first + 62 returning s.day
    )
    select coalesce(array_agg(distinct g.day), '{}') into v_stale from gone as g;
    v_until := least(greatest(v_until, v_rollup.rolled_through), v_rollup.rolled_through + 92);

    for v_dimension in
        select d.* from growth.dimension as d where d.account_id = p_account_id order by d.name
    loop
        if v_dimension.is_counted then
            perform growth.recount_dimension(p_account_id, v_dimension, v_stale);
        elsif v_first < v_dimension.next_month then
            update growth.dimension as d
            set next_month = date_trunc('month', v_first::timestamp)::date
            where d.account_id = p_account_id and d.name = v_dimension.name;
        end if;
    end loop;

    for v_range in
        select min(i.day) as first_day, max(i.day) as last_day
        from (
            select d.day, d.day - row_number() over (order by d.day)::integer as island
            from (
                select n.day::date as day
                from unnest(v_stale) as s (day)
                cross join lateral generate_series(
                    s.day::timestamp, least(growth.stale_through(s.day, 'all'), v_until), interval '1 day'
                ) as n (day)
                union
                select n.day::date from generate_series((v_rollup.rolled_through + 1)::timestamp, v_until, interval '1 day') as n (day)
            ) as d
        ) as i
        group by i.island
        order by 1
    loop
        perform growth.store_figures(p_account_id, v_range.first_day, v_range.last_day);
        for v_dimension in
            select d.* from growth.dimension as d where d.account_id = p_account_id and d.is_counted order by d.name
        loop
            perform growth.store_figures(p_account_id, v_range.first_day, v_range.last_day, v_dimension.name);
        end loop;
        rolled := rolled + (v_range.last_day - v_range.first_day + 1);
    end loop;
    update growth.rollup as r set rolled_through = v_until where r.account_id = p_account_id;
    has_more := exists (select from growth.stale_day as s where s.account_id = p_account_id and s.day >= v_first + 62)
        or coalesce(cardinality(v_person_ids), 0) = 100
        or v_until < (core.now() at time zone (growth.definition_of(p_account_id)).time_zone)::date + 1;
end;
$$;
comment on function growth.roll_up(uuid) is
$$Make the rollups of an account again for what is stale: the notes of two months, the oldest first. Gives how many days were made, and
whether there is more.

Safe to call at any time, by anybody, as often as one likes. Does nothing while the account is counted again.$$;

create or replace function growth.count_dimension_step(p_account_id uuid, p_name text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rollup growth.rollup := growth.lock_rollup(p_account_id);
    v_dimension growth.dimension;
    v_month date;
    v_next date;
begin
    select d.* into v_dimension from growth.dimension as d where d.account_id = p_account_id and d.name = p_name for update;
    if not found or v_dimension.is_counted or exists (select from growth.recount as r where r.account_id = p_account_id) then
        return false;
    end if;
    v_month := coalesce(
        v_dimension.next_month,
        (select a.month from growth.activity as a where a.account_id = p_account_id order by a.month limit 1)
    );
    if v_month is not null and v_month <= v_rollup.rolled_through then
        v_next := (v_month + interval '1 month')::date;
        perform growth.recount_dimension(p_account_id, v_dimension, array(
            select n.day::date from generate_series(v_month::timestamp, v_next - 1, interval '1 day') as n (day)
        ));
        update growth.dimension as d set next_month = v_next where d.account_id = p_account_id and d.name = p_name;
        perform growth.store_figures(p_account_id, v_month, least(v_next - 1, v_rollup.rolled_through), p_name);
        if v_next <= v_rollup.rolled_through then
            return true;
        end if;
    end if;
    update growth.dimension as d set is_counted = true where d.account_id = p_account_id and d.name = p_name;
    return false;
end;
$$;
comment on function growth.count_dimension_step(uuid, text) is
$$Count the next month of a new dimension, and its figures. Gives whether there are more months; after the last one readers use the
rollup.$$;

create or replace function growth.next_unrolled(p_after uuid)
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_after uuid := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
begin
    return (
        select n.account_id
        from (
            (select s.account_id from growth.stale_day as s where s.account_id > v_after order by s.account_id limit 1)
            union all
            (select s.account_id from growth.stale_person as s where s.account_id > v_after order by s.account_id limit 1)
            union all
            (select r.account_id from growth.recount as r where r.account_id > v_after order by r.account_id limit 1)
            union all
            (
                select d.account_id
                from growth.dimension as d
                where d.account_id > v_after and not d.is_counted
                order by d.account_id
                limit 1
            )
            union all
            (
                select r.account_id
                from growth.rollup as r
                left join growth.definition as d on d.account_id = r.account_id
                where r.account_id > v_after
                    and r.rolled_through < (core.now() at time zone coalesce(d.time_zone, 'UTC'))::date + 1
                order by r.account_id
                limit 1
            )
        ) as n
        order by n.account_id
        limit 1
    );
end;
$$;
comment on function growth.next_unrolled(uuid) is
$$The next account, in the order of ids after p_after, of which something has to be rolled up or counted again; null: none.$$;

create or replace function growth.roll_up_step(p_state jsonb default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := growth.next_unrolled((p_state ->> 'after')::uuid);
    v_rolled bigint := 0;
    v_has_more boolean := true;
    v_dimension text;
begin
    if v_account_id is null then
        return '{"rows": 0, "more": false}';
    end if;
    if exists (select from growth.recount as r where r.account_id = v_account_id) then
        perform growth.recount_step(v_account_id);
    else
        select r.rolled, r.has_more into v_rolled, v_has_more from growth.roll_up(v_account_id) as r;
        select d.name into v_dimension
        from growth.dimension as d
        where d.account_id = v_account_id and not d.is_counted
        order by d.name
        limit 1;
        if v_dimension is not null and not v_has_more then
            perform growth.count_dimension_step(v_account_id, v_dimension);
            v_has_more := exists (select from growth.dimension as d where d.account_id = v_account_id and not d.is_counted);
        end if;
    end if;
    -- Once more the same account, or the one after it.
    return jsonb_build_object(
        'rows', v_rolled, 'more', true,
        'state', jsonb_build_object('after', case when v_has_more then p_state ->> 'after' else v_account_id::text end)
    );
end;
$$;
comment on function growth.roll_up_step(jsonb) is
$$The task of the clock: one step for the next account that needs it: counting it again, its stale days, a month of a new dimension.

p_state: as the step before left it, null at first. Gives {rows, more, state}.$$;

select core.seed('schedule.task', '{name}', '{
    "name": "growth-roll-up", "function": "growth.roll_up_step", "every": "30 seconds", "is_alone": true, "timeout": "10 minutes",
    "description": "make rollups of activity again for stale days, count new dimensions, count again after a change of definition"}');
