-- Seeded rows: a deploy updates the product's columns and never an operator's changes.

create or replace function core.note_local_columns()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_changed text[];
begin
    if current_setting('levqor.seeding', true) = 'on' then
        return new;
    end if;
    select coalesce(array_agg(n.key order by n.key), '{}')
    into v_changed
    from jsonb_each(to_jsonb(new)) as n
    where n.value is distinct from to_jsonb(old) -> n.key
        and n.key not in ('local_columns', 'origin', 'version')
        and not exists (
            select from pg_attribute as a where a.attrelid = tg_relid and a.attname = n.key and a.attgenerated <> ''
        )
        and not n.key = any (old.local_columns);
    -- An operator who sets local_columns himself hands columns back to the deploy.
    if new.local_columns is not distinct from old.local_columns then
        new.local_columns := old.local_columns || v_changed;
    end if;
    return new;
end;
$$;
comment on function core.note_local_columns() is
$$Trigger of seeded tables: remember which columns the operator changed, so that no deploy overwrites them.$$;

create or replace function core.seed(p_table regclass, p_key text[], p_row jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_columns text;
    v_values text;
    v_where text;
    v_set text;
    v_differs text;
begin
    select
        string_agg(format('%I', c.name), ', ' order by c.name),
        string_agg(format('r.%I', c.name), ', ' order by c.name),
        string_agg(format('t.%1$I = r.%1$I', c.name), ' and ' order by c.name) filter (where c.name = any (p_key)),
        string_agg(
            format('%1$I = case when %2$L = any (t.local_columns) then t.%1$I else r.%1$I end', c.name, c.name),
            ', ' order by c.name
        ) filter (where not c.name = any (p_key)),
        string_agg(
            format('(t.%1$I is distinct from r.%1$I and not %2$L = any (t.local_columns))', c.name, c.name),
            ' or ' order by c.name
        ) filter (where not c.name = any (p_key))
    into v_columns, v_values, v_where, v_set, v_differs
    from jsonb_object_keys(p_row) as c (name);

    perform set_config('levqor.seeding', 'on', true);
    execute format(
        'with r as (select (jsonb_populate_record(null::%1$s, $1)).*), '
        'changed as (update %1$s as t set origin = ''file'', %2$s from r where %3$s and (%4$s)) '
        'insert into %1$s (origin, %5$s) select ''file'', %6$s from r '
        'where not exists (select from %1$s as t where %3$s)',
        p_table, v_set, v_where, v_differs, v_columns, v_values
    )
    using p_row;
    perform set_config('levqor.seeding', 'off', true);
    -- A deploy asks which rows a file seeds, so that `migrate --prune` can remove those that left the files.
    if current_setting('levqor.deploying', true) = 'on' then
        perform set_config('levqor.seeded', concat(
            current_setting('levqor.seeded', true),
            jsonb_build_object('table', p_table, 'key', (
                select jsonb_object_agg(k.name, p_row -> k.name) from unnest(p_key) as k (name)
            )::text), E'\n'
        ), true);
    end if;
end;
$$;
comment on function core.seed(regclass, text[], jsonb) is
$$Put a row of the product into a seeded table: insert it, or update the columns that no operator has changed.

p_table: has the columns origin and local_columns. p_key: columns that find the row. p_row: column values; columns left
out keep their value or default. A row that is already so is not touched.$$;

create or replace trigger setting_notes_local_columns
before update on core.setting
for each row execute function core.note_local_columns();

create or replace function core.setting(p_name text)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value jsonb;
begin
    select s.value into v_value from core.setting as s where s.name = p_name;
    if not found then
        raise exception using errcode = 'LQ500', message = format('no setting named %s', p_name);
    end if;
    return v_value;
end;
$$;
comment on function core.setting(text) is
$$Read a setting. Raises LQ500 for a name that does not exist.$$;

-- Inlinable.
create or replace function core.integer_setting(p_name text)
returns bigint
language sql
stable
security invoker
as $$
    select (core.setting(p_name) #>> '{}')::numeric::bigint
$$;
comment on function core.integer_setting(text) is
$$Read a setting that is a whole number; a fraction is rounded.$$;

-- Inlinable.
create or replace function core.text_setting(p_name text)
returns text
language sql
stable
security invoker
as $$
    select core.setting(p_name) #>> '{}'
$$;
comment on function core.text_setting(text) is
$$Read a setting that is a text.$$;

select core.seed('core.setting', '{name}', '{
    "name": "core.environment", "value": "production",
    "description": "text: production, or development, which opens the routes of mode development"}');
