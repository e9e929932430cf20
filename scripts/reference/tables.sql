select '# Tables and views

Made from the comments in the database by `scripts/reference.sh`. Do not edit.

A rule is a constraint; its name says what it demands. Row-level security: an account sees its own rows, the machinery and
the superuser see all.
';

create temp view relation as
select
    c.oid, s.name as schema, c.relname::text as name, c.relkind, c.relrowsecurity, c.relpersistence,
    obj_description(c.oid, 'pg_class') as comment
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm');

with part as (
    select s.name as schema, '' as name, 0 as n, 0 as m, format(E'## %s\n\n%s\n', s.name, pg_temp.prose(s.comment)) as text
    from product_schema as s
    where s.name in (select r.schema from relation as r)
    union all
    select r.schema, r.name, 1, 0, format(
        E'### %s.%s\n\n%s\n\n| column | type | | what it is |\n| --- | --- | --- | --- |',
        r.schema, r.name, pg_temp.prose(r.comment)
    )
    from relation as r
    union all
    select r.schema, r.name, 2, a.attnum, format(
        '| `%s` | %s | %s | %s |',
        a.attname,
        pg_temp.code(format_type(a.atttypid, a.atttypmod)),
        concat_ws(', ',
            case when a.attnotnull then 'not null' end,
            case when a.attidentity <> '' then 'identity' when a.attgenerated <> '' then 'generated' end
        ),
        pg_temp.cell(col_description(r.oid, a.attnum))
    )
    from relation as r
    inner join pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    union all
    select r.schema, r.name, 3, 0, E'\n' || concat_ws(E'\n',
        '- ' || case r.relkind when 'v' then 'View.' when 'm' then 'Materialized view.' end,
        (
            select string_agg('- ' || case k.contype when 'p' then 'Primary key' else 'Unique' end || ': ' || (
                select string_agg('`' || a.attname || '`', ', ' order by u.n)
                from unnest(k.conkey) with ordinality as u (attnum, n)
                inner join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = u.attnum
            ) || '.', E'\n' order by k.contype, k.conname collate "C")
            from pg_constraint as k
            where k.conrelid = r.oid and k.contype in ('p', 'u')
        ),
        (
            select string_agg('- Refers to `' || replace(k.confrelid::regclass::text, '"', '') || '` by ' || (
                select string_agg('`' || a.attname || '`', ', ' order by u.n)
                from unnest(k.conkey) with ordinality as u (attnum, n)
                inner join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = u.attnum
            ) || '.', E'\n' order by k.conname collate "C")
            from pg_constraint as k
            where k.conrelid = r.oid and k.contype = 'f'
        ),
        '- Rules: ' || (
            select string_agg(
                replace(regexp_replace(substring(k.conname from length(r.name) + 2), '_check$', ''), '_', ' '), '; '
                order by k.conname collate "C"
            )
            from pg_constraint as k
            where k.conrelid = r.oid and k.contype = 'c'
        ) || '.',
        '- Triggers: ' || (
            select string_agg(format('`%s` (%s)', g.tgname, coalesce(
                pg_temp.prose(regexp_replace(regexp_replace(obj_description(g.tgfoid, 'pg_proc'), '^Trigger[^:]*: ', ''), '\s+', ' ', 'g')), ''
            )), '; ' order by g.tgname collate "C")
            from pg_trigger as g
            where g.tgrelid = r.oid and not g.tgisinternal
        ) || '.',
        case when r.relrowsecurity then '- Row-level security.' end,
        case when r.relpersistence = 'u' then '- Unlogged: empty after a crash.' end,
        '- Read by ' || (
            select string_agg(distinct '`' || g.name || '`', ', ')
            from unnest(array['levqor_bi', 'levqor_dba']) as g (name)
            where has_any_column_privilege(g.name, r.oid, 'select')
        ) || case
            when not has_table_privilege('levqor_dba', r.oid, 'select') and has_any_column_privilege('levqor_dba', r.oid, 'select')
                then ' (not every column)'
            else ''
        end || '.'
    ) || E'\n'
    from relation as r
)
select p.text from part as p order by p.schema collate "C", p.name collate "C", p.n, p.m;
