-- Comments of the views of bi: the same five keys on each view and each column, which the data dictionary is made from, and
-- which BI tools show as they are.

create or replace function bi_store.describe(
    p_view text,
    p_definition text,
    p_grain text,
    p_freshness text,
    p_columns jsonb,
    p_store text default null,
    p_time_zone text default 'UTC'
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_more text := format(E'grain: %s\ntime zone: %s\nfreshness: %s', p_grain, p_time_zone, p_freshness);
    v_column record;
    v_comment text;
begin
    execute format('comment on view bi.%I is %L', p_view, format(E'definition: %s\nunit: rows\n%s', p_definition, v_more));
    execute format('grant select on bi.%I to levqor_bi, levqor_dba', p_view);
    for v_column in
        select c.key as name, c.value ->> 0 as definition, coalesce(c.value ->> 1, case
            when c.key ~ '_at$' then 'moment'
            when c.key ~ '_date$' then 'day'
            when c.key ~ '^is_' then 'true or false'
            else 'none'
        end) as unit
        from jsonb_each(p_columns) as c
    loop
        v_comment := format(E'definition: %s\nunit: %s\n%s', v_column.definition, v_column.unit, v_more);
        execute format('comment on column bi.%I.%I is %L', p_view, v_column.name, v_comment);
        if exists (
            select
            from pg_attribute as a
            where a.attrelid = to_regclass('bi_store.' || quote_ident(p_store)) and a.attname = v_column.name
        ) then
            execute format('comment on column bi_store.%I.%I is %L', p_store, v_column.name, v_column.definition);
        end if;
    end loop;
end;
$$;
comment on function bi_store.describe(text, text, text, text, jsonb, text, text) is
$$Comment a view of bi and its columns, and let levqor_bi read it. For the files that make the views.

p_definition: what a row is. p_grain: what there is one row for. p_freshness: how old it may be. p_columns: by column an array of its
definition and its unit; without a unit: moment for …_at, day for …_date, true or false for is_…, none for others. p_store: the
materialized view of bi_store that holds it, whose columns of the same names get the definitions too. p_time_zone: whose days they are.$$;
