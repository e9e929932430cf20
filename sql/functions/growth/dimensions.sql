-- Dimensions: by what activity is counted beside the total. A dimension is a column of events or a place in their properties.
--
-- Its bitmaps are made by the clock, month by month from the oldest (growth.count_dimension_step), and from then on for the days
-- that growth.stale_day names. Until they are there, and for those days, readers count from events.

create or replace function growth.find_dimension(p_account_id uuid, p_name text)
returns growth.dimension
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_dimension growth.dimension;
begin
    select d.* into v_dimension from growth.dimension as d where d.account_id = p_account_id and d.name = p_name;
    if not found then
        -- Where persons came from is told without being chosen, only not as fast.
        if p_name = 'source' then
            v_dimension := row(p_account_id, 'source', 'source', null, null, false, core.now())::growth.dimension;
            return v_dimension;
        end if;
        raise exception using
            errcode = 'LQ404',
            message = 'no such dimension',
            hint = 'Choose it first: growth.add_dimension(account, name, column or path).';
    end if;
    return v_dimension;
end;
$$;
comment on function growth.find_dimension(uuid, text) is
$$A dimension of an account by its name. source is there for every account; where it was not chosen it is counted from events at each
question. Raises LQ404.$$;

create or replace function growth.dimension_sql(p_dimension growth.dimension)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select format(
        'left(coalesce(%s, ''''), 200) collate "C"',
        coalesce(
            case p_dimension.column_name
                when 'source' then 'e.source'
                when 'campaign' then 'e.campaign'
                when 'medium' then 'e.medium'
                when 'origin' then 'e.origin'
                when 'name' then 'e.name'
            end,
            format('e.properties #>> %L::text[]', p_dimension.path)
        )
    )
$$;
comment on function growth.dimension_sql(growth.dimension) is
$$The SQL of a dimension's value over growth.event as e: text of at most 200 characters, empty where there is none.$$;

create or replace function growth.add_dimension(
    p_account_id uuid, p_name text, p_column text default null, p_path text[] default null
)
returns growth.dimension
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_dimension growth.dimension;
begin
    insert into growth.dimension (account_id, name, column_name, path)
    values (p_account_id, p_name, p_column, p_path)
    returning * into v_dimension;
    return v_dimension;
exception
    when unique_violation then
        raise exception using
            errcode = 'LQ409', message = 'there is a dimension of this name', hint = 'Take another name, or remove that one first.';
    when foreign_key_violation then
        raise exception using errcode = 'LQ404', message = 'no such account';
    when check_violation or not_null_violation then
        raise exception using
            errcode = 'LQ422',
            message = 'that is no dimension',
            detail = 'Its name is of a to z, 0 to 9 and _ and begins with a letter; it has a column or a path, not both.',
            hint = 'Columns are source, campaign, medium, origin and name. A path is 1 to 8 keys of properties.';
end;
$$;
comment on function growth.add_dimension(uuid, text, text, text[]) is
$$Choose a dimension by which an account's activity is counted. The clock counts what is there; until then questions are answered from
events, exactly and more slowly.

p_name: a to z, 0 to 9 and _, up to 63. p_column: source, campaign, medium, origin or name; or p_path: keys of the events' properties
from the outside in, 1 to 8. Raises LQ404 for the account, LQ409 for a name that is taken, LQ422.$$;

create or replace function growth.remove_dimension(p_account_id uuid, p_name text)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_removed bigint;
begin
    -- Nobody rolls it up meanwhile.
    perform from growth.rollup as r where r.account_id = p_account_id for update;
    delete from growth.dimension as d where d.account_id = p_account_id and d.name = p_name;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such dimension';
    end if;
    delete from growth.active_day as a where a.account_id = p_account_id and a.dimension = p_name;
    delete from growth.dimension_activity as a where a.account_id = p_account_id and a.dimension = p_name;
    get diagnostics v_removed = row_count;
    return v_removed;
end;
$$;
comment on function growth.remove_dimension(uuid, text) is
$$Give a dimension up, with its bitmaps and rollups. Gives how many bitmaps went; a million take some seconds. Raises LQ404.$$;

create or replace function growth.merge_dimension_activity(p_account_id uuid, p_from bigint, p_into bigint)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_moved bigint;
begin
    insert into growth.dimension_activity as a (account_id, dimension, person_id, month, value, days)
    select o.account_id, o.dimension, p_into, o.month, o.value, o.days
    from growth.dimension_activity as o
    where o.account_id = p_account_id and o.person_id = p_from
        and o.dimension = any (array(select d.name from growth.dimension as d where d.account_id = p_account_id))
    order by o.dimension, o.month, o.value
    on conflict (account_id, dimension, person_id, month, value) do update set days = a.days | excluded.days;
    delete from growth.dimension_activity as a
    where a.account_id = p_account_id and a.person_id = p_from
        and a.dimension = any (array(select d.name from growth.dimension as d where d.account_id = p_account_id));
    get diagnostics v_moved = row_count;
    return v_moved;
end;
$$;
comment on function growth.merge_dimension_activity(uuid, bigint, bigint) is
$$Make one of the bitmaps of two persons: those of p_from become p_into's. Part of growth.merge_persons, for months whose events are
gone; days that are here are counted again anyway. Gives how many bitmaps were moved.$$;

grant execute on function growth.find_dimension(uuid, text), growth.dimension_sql(growth.dimension) to levqor_dba;
