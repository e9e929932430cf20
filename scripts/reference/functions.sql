select '# Functions

Made from the comments in the database by `scripts/reference.sh`. Do not edit.

Every function can be called from psql by anybody who may execute it. Nobody but the owner may, unless a line says so.
Doors (schema `api`) and trigger functions are left out: see [routes](routes.md) and the table they belong to.
';

with shown as (
    select
        s.name as schema,
        p.proname::text as name,
        pg_get_function_identity_arguments(p.oid) as identity,
        format(
            '### %s.%s

```sql
%1$s.%2$s(%3$s)
returns %4$s
```

%5$s

%6$s%7$s%8$s
',
            s.name,
            p.proname,
            case
                when length(pg_get_function_arguments(p.oid)) > 60
                    then E'\n    ' || replace(
                        regexp_replace(pg_get_function_arguments(p.oid), ', ((OUT |INOUT |VARIADIC )?p?_?[a-z_0-9]+ )', E',\n    \\1', 'g'),
                        '"', ''
                    ) || E'\n'
                else pg_get_function_arguments(p.oid)
            end,
            pg_get_function_result(p.oid),
            pg_temp.prose(obj_description(p.oid, 'pg_proc')),
            case p.provolatile when 'i' then 'Immutable' when 's' then 'Stable' else 'Volatile' end,
            case when p.prosecdef then ', runs with the rights of its owner' else '' end || '.',
            coalesce(' Executed by ' || (
                select string_agg('`' || x.grantee::regrole::text || '`', ', ' order by x.grantee::regrole::text)
                from aclexplode(p.proacl) as x
                where x.privilege_type = 'EXECUTE' and x.grantee <> p.proowner
            ) || '.', '')
        ) as text
    from pg_proc as p
    inner join product_schema as s on s.oid = p.pronamespace
    where s.name <> 'api' and p.prorettype <> 'trigger'::regtype
)
select t.text
from (
    select s.name as schema, '' as name, '' as identity, format(E'## %s\n\n%s\n', s.name, pg_temp.prose(s.comment)) as text
    from product_schema as s
    where s.name in (select f.schema from shown as f)
    union all
    select f.schema, f.name, f.identity, f.text from shown as f
) as t
order by t.schema collate "C", t.name collate "C", t.identity collate "C";
