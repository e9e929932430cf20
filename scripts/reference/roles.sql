select '# Roles

Made from the catalog by `scripts/reference.sh`. Do not edit.

None of these can log in. Grant one to a login: `grant levqor_dba to ada;`. A login inherits its rights at once, unless the
login was made `noinherit`; `set role levqor_dba;` makes the session just that role. Settings of a role hold for logins under
its own name only.

| role | what it is for |
| --- | --- |';
select format('| `%s` | %s |', r.rolname, pg_temp.cell(shobj_description(r.oid, 'pg_authid')))
from pg_roles as r
where r.rolname in ('levqor_owner', 'levqor_server', 'levqor_dba', 'levqor_bi')
order by r.rolname collate "C";
select '
## What levqor_server may execute

The entry points, and nothing else. It may read no table.

| function | what it does |
| --- | --- |';
select format('| `%s` | %s |', p.oid::regprocedure, pg_temp.cell(split_part(obj_description(p.oid, 'pg_proc'), E'\n\n', 1)))
from pg_proc as p
inner join product_schema as s on s.oid = p.pronamespace
where has_function_privilege('levqor_server', p.oid, 'execute')
order by p.oid::regprocedure::text collate "C";
select '
## What levqor_dba may read

| table or view | columns |
| --- | --- |';
select format(
    '| `%s` | %s |', replace(c.oid::regclass::text, '"', ''),
    case when has_table_privilege('levqor_dba', c.oid, 'select') then 'all' else (
        select string_agg(pg_temp.code(a.attname::text), ', ' order by a.attnum)
        from pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            and has_column_privilege('levqor_dba', c.oid, a.attnum, 'select')
    ) end
)
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm') and has_any_column_privilege('levqor_dba', c.oid, 'select')
order by c.oid::regclass::text collate "C";
select '
## What levqor_bi may read
';
select coalesce(string_agg('- `' || c.oid::regclass || '`', E'\n' order by c.oid::regclass::text collate "C"),
    'Nothing yet: the schema `bi` has not been built.')
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm') and has_any_column_privilege('levqor_bi', c.oid, 'select');
