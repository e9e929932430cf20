-- How an account is counted, and counting all of it again when that changes.
--
-- A change locks the account (growth.lock_account), so that every event is counted either before it, in the old way, or after
-- it, in the new one. Then the clock goes through the persons in the order of their numbers, some at a time, each step with the
-- account locked. Until it is through, readers count from events what has not been counted again.

create or replace function growth.note_recount()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before growth.definition;
    v_after growth.definition;
begin
    if tg_op <> 'INSERT' then
        v_before := old;
    end if;
    if tg_op <> 'DELETE' then
        v_after := new;
    end if;
    if coalesce(v_before.time_zone, 'UTC') = coalesce(v_after.time_zone, 'UTC')
        and v_before.active_names is not distinct from v_after.active_names
    then
        return coalesce(new, old);
    end if;
    if tg_op = 'DELETE' and not exists (select from identity.account as a where a.id = old.account_id) then
        return old;
    end if;
    perform growth.lock_account(coalesce(v_after.account_id, v_before.account_id));
    insert into growth.recount as r (account_id)
    values (coalesce(v_after.account_id, v_before.account_id))
    on conflict (account_id) do update set after_person_id = 0, asked_at = excluded.asked_at;
    return coalesce(new, old);
end;
$$;
comment on function growth.note_recount() is
$$Trigger of growth.definition: a change of the time zone or of the active names locks the account and has all its activity counted
again.$$;

create or replace trigger definition_notes_recount
before insert or update or delete on growth.definition
for each row execute function growth.note_recount();

create or replace function growth.set_definition(
    p_account_id uuid, p_time_zone text default 'UTC', p_active_names text[] default null
)
returns growth.definition
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_definition growth.definition;
begin
    -- Names of tzdata only: abbreviations and offsets know no summer time.
    if p_time_zone is null or not exists (
        select from pg_timezone_names as z where z.name = p_time_zone and z.name !~ '^(posix|right)/|^posixrules$|^Factory$'
    ) then
        raise exception using
            errcode = 'LQ422', message = 'unknown time zone', hint = 'Use an IANA name, such as Europe/London.';
    end if;
    -- The account before the row, as the trigger does.
    perform growth.lock_account(p_account_id);
    insert into growth.definition as d (account_id, time_zone, active_names)
    values (p_account_id, p_time_zone, p_active_names)
    on conflict (account_id) do update
    set time_zone = excluded.time_zone, active_names = excluded.active_names, updated_at = excluded.updated_at
    returning d.* into v_definition;
    return v_definition;
exception
    when foreign_key_violation then
        raise exception using errcode = 'LQ404', message = 'no such account';
    when check_violation then
        raise exception using
            errcode = 'LQ422',
            message = 'active names are 1 to 100 names of events',
            hint = 'Leave them out where every event is activity.';
end;
$$;
comment on function growth.set_definition(uuid, text, text[]) is
$$Set how the analytics of an account are counted. A change has all its activity counted again by the clock; figures are exact at once,
and slow until it is done.

p_time_zone: IANA name. p_active_names: names of events that make a person active; null: any event. Raises LQ404, LQ422. Waits for
events that are being added.$$;

create or replace function growth.days_through(p_month date, p_days integer, p_last date)
returns integer
language sql
immutable
parallel safe
security invoker
as $$
    select case
        when p_month > p_last then 0
        when p_last - p_month >= 30 then p_days
        else p_days & (1 << p_last - p_month + 1) - 1
    end
$$;
comment on function growth.days_through(date, integer, date) is
$$Of the days of a month's bitmap those up to p_last, inclusive.$$;

create or replace function growth.recount_persons(p_account_id uuid, p_after bigint, p_limit integer default 500)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
    v_definition growth.definition;
    v_oldest_day date;
    v_person_ids bigint[];
begin
    perform growth.lock_account(p_account_id);
    v_definition := growth.definition_of(p_account_id);
    v_oldest_day := coalesce(((growth.oldest_month() at time zone v_definition.time_zone) - interval '1 microsecond')::date, '-infinity');
    select array_agg(n.person_id order by n.person_id) into v_person_ids
    from (
        select p.person_id
        from growth.person as p
        where p.account_id = p_account_id and p.person_id > p_after
        order by p.person_id
        limit p_limit
    ) as n;
    if v_person_ids is null then
        return null;
    end if;
    with wanted as (
        select m.person_id, m.month, bit_or(m.days) as days
        from (
            select d.person_id, date_trunc('month', d.day::timestamp)::date as month, 1 << extract(day from d.day)::integer - 1 as days
            from (
                select distinct e.person_id, (e.event_at at time zone v_definition.time_zone)::date as day
                from growth.event as e
                where e.account_id = p_account_id and e.person_id = any (v_person_ids)
                    and (v_definition.active_names is null or e.name = any (v_definition.active_names))
            ) as d
            union all
            -- Days that begin before the oldest month can not be counted again and keep what is set.
            select a.person_id, a.month, growth.days_through(a.month, a.days, v_oldest_day)
            from growth.activity as a
            where a.account_id = p_account_id and a.person_id = any (v_person_ids)
        ) as m
        group by m.person_id, m.month
    ),
    gone as (
        delete from growth.activity as a
        using wanted as w
        where a.account_id = p_account_id and a.person_id = w.person_id and a.month = w.month and w.days = 0
    )
    insert into growth.activity as a (account_id, person_id, month, days)
    select p_account_id, w.person_id, w.month, w.days
    from wanted as w
    where w.days <> 0
    order by w.person_id, w.month
    on conflict (account_id, person_id, month) do update set days = excluded.days
    where a.days <> excluded.days;
    return v_person_ids[cardinality(v_person_ids)];
end;
$$;
comment on function growth.recount_persons(uuid, bigint, integer) is
$$Count the activity of the next persons of an account again, from their events. Gives the last of them; null: there are no more.

p_after: begin after this person. p_limit: how many at most. Takes growth.lock_account, as growth.recount_person does for one.$$;

create or replace function growth.recount_step(p_account_id uuid)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_recount growth.recount;
    v_until timestamptz := clock_timestamp() + interval '300 milliseconds';
    v_last bigint;
begin
    -- In the order of everybody else: the account, then the row.
    perform growth.lock_account(p_account_id);
    select r.* into v_recount from growth.recount as r where r.account_id = p_account_id for update;
    if not found then
        return null;
    end if;
    loop
        v_last := growth.recount_persons(p_account_id, v_recount.after_person_id);
        exit when v_last is null;
        v_recount.after_person_id := v_last;
        exit when clock_timestamp() >= v_until;
    end loop;
    if v_last is not null then
        update growth.recount as r set after_person_id = v_last where r.account_id = p_account_id;
        return v_last;
    end if;

    -- All is counted: what was rolled up goes, and every day has to be made again.
    perform from growth.rollup as r where r.account_id = p_account_id for update;
    delete from growth.active_day as a where a.account_id = p_account_id;
    update growth.dimension as d set is_counted = false, next_month = null where d.account_id = p_account_id;
    insert into growth.stale_day (account_id, day)
    select p_account_id, m.month + n.bit
    from (
        select a.month, bit_or(a.days) as days from growth.activity as a where a.account_id = p_account_id group by a.month
    ) as m
    cross join generate_series(0, 30) as n (bit)
    where m.days >> n.bit & 1 = 1;
    delete from growth.recount as r where r.account_id = p_account_id;
    return null;
end;
$$;
comment on function growth.recount_step(uuid) is
$$Go on with counting an account again after a change of its definition, for a third of a second, with the account locked. Gives the
last person that was counted; null: it is done, and every day is stale.$$;

grant execute on function growth.days_through(date, integer, date) to levqor_dba;
