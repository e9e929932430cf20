-- What an erasure does with rows: count, remove and change them by the catalogue. Handlers do what is more than that.

create or replace function privacy.count_rows(
    p_subject privacy.subject,
    out table_name text, out path text, out way text, out rows bigint, out columns jsonb, out description text
)
returns setof record
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_lookup privacy.lookup;
    v_counts text;
    v_condition text;
begin
    for v_lookup in select l.* from privacy.lookup as l order by l.position, l.table_name, l.path loop
        table_name := v_lookup.table_name;
        path := v_lookup.path;
        description := v_lookup.description;
        select
            case when bool_or(r.way = 'delete') then 'delete' when bool_or(r.way = 'anonymise') then 'anonymise'
                when bool_or(r.way = 'detach') then 'detach' else 'keep'
            end,
            string_agg(format(
                '%L, jsonb_build_object(''way'', %L, ''rows'', count(*) filter (where %s))', r.column_name, r.way,
                case when r.way in ('anonymise', 'detach') and v_lookup.handler is null
                    then format('t.%I is distinct from (%s)', r.column_name, privacy.compile_condition(r.replacement))
                    else format('t.%I is not null', r.column_name)
                end
            ), ', ' order by r.column_name)
        into way, v_counts
        from privacy.column_rule as r
        where r.table_name = v_lookup.table_name and r.path = v_lookup.path;
        continue when v_lookup.condition is not null and not privacy.concerns(v_lookup, p_subject);
        if v_lookup.condition is null then
            rows := null;
            columns := (
                select jsonb_object_agg(r.column_name, jsonb_build_object('way', r.way))
                from privacy.column_rule as r
                where r.table_name = v_lookup.table_name and r.path = v_lookup.path
            );
        else
            v_condition := privacy.find_condition(v_lookup);
            execute format(
                'select count(*), jsonb_build_object(%s) from %s as t where %s', v_counts, to_regclass(v_lookup.table_name), v_condition
            )
            into rows, columns using p_subject;
            continue when rows = 0;
        end if;
        return next;
    end loop;
end;
$$;
comment on function privacy.count_rows(privacy.subject) is
$$What an erasure would do now: one row for each table and way that leads to rows of the person, with the rows and, by column, what
becomes of it. rows is null where rows can not be found without reading what they say.$$;

create or replace function privacy.find_condition(p_lookup privacy.lookup)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    -- Of a row that is changed: only while it is not yet as it will be.
    select concat('(', privacy.compile_condition(p_lookup.condition), ')', ' and (' || string_agg(
        format('t.%I is distinct from (%s)', r.column_name, privacy.compile_condition(r.replacement)), ' or '
    ) || ')')
    from privacy.column_rule as r
    where r.table_name = p_lookup.table_name and r.path = p_lookup.path and r.way in ('anonymise', 'detach')
        and p_lookup.handler is null
$$;
comment on function privacy.find_condition(privacy.lookup) is
$$The SQL condition of the rows that an erasure still has to remove or change.$$;

create or replace function privacy.erase_rows(p_lookup privacy.lookup, p_leaf regclass, p_subject privacy.subject, p_limit integer)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_found text := format(
        'array(select t.ctid from only %s as t where %s limit %s for update of t)', p_leaf, privacy.find_condition(p_lookup), p_limit
    );
    v_set text;
    v_columns text;
    v_values text;
    v_is_history boolean;
    v_rows bigint;
begin
    if exists (
        select from privacy.column_rule as r
        where r.table_name = p_lookup.table_name and r.path = p_lookup.path and r.way = 'delete'
    ) then
        execute format(
            'with gone as (delete from only %s as t where t.ctid = any (%s) returning 1) select count(*) from gone', p_leaf, v_found
        )
        into v_rows using p_subject;
        return v_rows;
    end if;

    select string_agg(format('%I = %s', r.column_name, privacy.compile_condition(r.replacement)), ', ' order by r.column_name)
    into v_set
    from privacy.column_rule as r
    where r.table_name = p_lookup.table_name and r.path = p_lookup.path;
    -- Rows of a history are never updated. They are taken out, as data retention may, and put back as they must be.
    v_is_history := exists (
        select from pg_trigger as g
        where g.tgrelid = p_leaf and g.tgfoid = 'core.refuse_change()'::regprocedure and g.tgtype & 16 <> 0
    );
    if not v_is_history then
        execute format(
            'with changed as (update only %s as t set %s where t.ctid = any (%s) returning 1) select count(*) from changed',
            p_leaf, v_set, v_found
        )
        into v_rows using p_subject;
        return v_rows;
    end if;
    select
        string_agg(format('%I', a.attname), ', ' order by a.attnum),
        string_agg(coalesce('(' || privacy.compile_condition(r.replacement) || ')', format('t.%I', a.attname)), ', ' order by a.attnum)
    into v_columns, v_values
    from pg_attribute as a
    left join privacy.column_rule as r
        on r.table_name = p_lookup.table_name and r.path = p_lookup.path and r.column_name = a.attname
    where a.attrelid = p_leaf and a.attnum > 0 and not a.attisdropped and a.attgenerated = '';
    execute format(
        'with gone as (delete from only %1$s as t where t.ctid = any (%2$s) returning t.*), '
        'again as (insert into %1$s (%3$s) overriding system value select %4$s from gone as t returning 1) '
        'select count(*) from again', p_leaf, v_found, v_columns, v_values
    )
    into v_rows using p_subject;
    return v_rows;
end;
$$;
comment on function privacy.erase_rows(privacy.lookup, regclass, privacy.subject, integer) is
$$Remove or change, by the catalogue, up to p_limit rows of a person in a table or partition. Gives how many it were.$$;

create or replace function privacy.note_stale_times(p_account_ids uuid[], p_times timestamptz[])
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into growth.stale_day (account_id, day)
    select distinct t.account_id, (t.at at time zone coalesce(d.time_zone, 'UTC'))::date
    from unnest(p_account_ids, p_times) as t (account_id, at)
    left join growth.definition as d on d.account_id = t.account_id
    where t.at is not null
    order by 1, 2
$$;
comment on function privacy.note_stale_times(uuid[], timestamptz[]) is
$$Have the rollups of the days that these times fall into, in the time zone of their accounts, made again.$$;

create or replace function privacy.erase_activity(p_subject privacy.subject, p_limit integer)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows bigint;
begin
    with gone as (
        delete from growth.activity as t
        where (t.account_id, t.person_id, t.month) in (
            select f.account_id, f.person_id, f.month
            from (
                select a.account_id, a.person_id, a.month
                from unnest(p_subject.person_accounts, p_subject.persons) as s (account_id, person_id)
                inner join growth.activity as a on a.account_id = s.account_id and a.person_id = s.person_id
                union
                select a.account_id, a.person_id, a.month from growth.activity as a where a.account_id = any (p_subject.accounts)
            ) as f
            limit p_limit
        )
        returning t.account_id, t.month, t.days
    ), stale as (
        insert into growth.stale_day (account_id, day)
        select distinct g.account_id, g.month + n.bit
        from gone as g
        cross join generate_series(0, 30) as n (bit)
        where g.days >> n.bit & 1 = 1
        order by 1, 2
    )
    select count(*) into v_rows from gone;
    return v_rows;
end;
$$;
comment on function privacy.erase_activity(privacy.subject, integer) is
$$Handler of the catalogue: remove the activity of a person, and of the person's account, and have the rollups of its days made again.$$;

create or replace function privacy.erase_dimension_activity(p_subject privacy.subject, p_limit integer)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows bigint;
begin
    with gone as (
        delete from growth.dimension_activity as t
        where (t.account_id, t.dimension, t.person_id, t.month, t.value) in (
            select f.account_id, f.dimension, f.person_id, f.month, f.value
            from (
                select a.account_id, a.dimension, a.person_id, a.month, a.value
                from unnest(p_subject.person_accounts, p_subject.persons) as s (account_id, person_id)
                inner join growth.dimension_activity as a on a.account_id = s.account_id and a.person_id = s.person_id
                union
                select a.account_id, a.dimension, a.person_id, a.month, a.value
                from growth.dimension_activity as a
                where a.account_id = any (p_subject.accounts)
            ) as f
            limit p_limit
        )
        returning t.account_id, t.month, t.days
    ), stale as (
        insert into growth.stale_day (account_id, day)
        select distinct g.account_id, g.month + n.bit
        from gone as g
        cross join generate_series(0, 30) as n (bit)
        where g.days >> n.bit & 1 = 1
        order by 1, 2
    )
    select count(*) into v_rows from gone;
    return v_rows;
end;
$$;
comment on function privacy.erase_dimension_activity(privacy.subject, integer) is
$$Handler of the catalogue: the same for activity by value of a dimension.$$;

create or replace function privacy.erase_persons(p_subject privacy.subject, p_limit integer)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows bigint;
begin
    with gone as (
        delete from growth.person as p
        where (p.account_id, p.person_id) in (
            select f.account_id, f.person_id
            from (
                select s.account_id, s.person_id
                from unnest(p_subject.person_accounts, p_subject.persons) as s (account_id, person_id)
                inner join growth.person as h on h.account_id = s.account_id and h.person_id = s.person_id
                union
                select h.account_id, h.person_id from growth.person as h where h.account_id = any (p_subject.accounts)
            ) as f
            limit p_limit
        )
        returning p.account_id, p.first_event_at
    ), noted as materialized (
        select privacy.note_stale_times(array_agg(g.account_id), array_agg(g.first_event_at)) from gone as g
    )
    select (select count(*) from gone) into v_rows from noted;
    return v_rows;
end;
$$;
comment on function privacy.erase_persons(privacy.subject, integer) is
$$Handler of the catalogue: remove a person, and the persons of its account, from the analytics, with their names, and have the rollups
of their first days made again.$$;

create or replace function privacy.erase_events(p_subject privacy.subject, p_limit integer)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_accounts uuid[];
    v_times timestamptz[];
begin
    with gone as (
        delete from growth.event as e
        using (
            select f.account_id, f.person_id, f.event_at, f.seq
            from unnest(p_subject.person_accounts, p_subject.persons) as s (account_id, person_id)
            cross join lateral (
                select v.account_id, v.person_id, v.event_at, v.seq
                from growth.event as v
                where v.account_id = s.account_id and v.person_id = s.person_id
                limit p_limit
            ) as f
            union
            select f.account_id, f.person_id, f.event_at, f.seq
            from unnest(p_subject.accounts) as a (id)
            cross join lateral (
                select v.account_id, v.person_id, v.event_at, v.seq from growth.event as v where v.account_id = a.id limit p_limit
            ) as f
            limit p_limit
        ) as f
        where e.account_id = f.account_id and e.person_id = f.person_id and e.event_at = f.event_at and e.seq = f.seq
        returning e.account_id, e.event_at
    )
    select array_agg(g.account_id), array_agg(g.event_at) into v_accounts, v_times from gone as g;
    perform privacy.note_stale_times(v_accounts, v_times);
    return coalesce(cardinality(v_times), 0);
end;
$$;
comment on function privacy.erase_events(privacy.subject, integer) is
$$Handler of the catalogue: remove the events of a person, and of the person's account, and have the rollups of their days made again.$$;
