-- The catalogue of erasure: what it is made of, what it leaves out, and its hash. Its rows are in rules.sql.

create or replace trigger lookup_notes_local_columns
before update on privacy.lookup
for each row execute function core.note_local_columns();
create or replace trigger column_rule_notes_local_columns
before update on privacy.column_rule
for each row execute function core.note_local_columns();
create or replace trigger impersonal_column_notes_local_columns
before update on privacy.impersonal_column
for each row execute function core.note_local_columns();

create or replace function privacy.list_columns()
returns table (table_name text, column_name text, column_type text)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select n.nspname || '.' || c.relname, a.attname::text, format_type(a.atttypid, a.atttypmod)
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace
    inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    inner join pg_type as y on y.oid = a.atttypid
    left join pg_type as e on e.oid = y.typelem and y.typcategory = 'A'
    where c.relkind in ('r', 'p', 'm', 'f') and not c.relispartition
        and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public', 'test')
        -- Of all types, those that can not hold a name are left out, so that a type nobody thought of is asked about.
        and coalesce(e.oid, y.oid) not in (
            'boolean'::regtype, 'smallint'::regtype, 'integer'::regtype, 'real'::regtype, 'double precision'::regtype, 'numeric'::regtype,
            'date'::regtype, 'timestamptz'::regtype, 'interval'::regtype, 'regclass'::regtype, 'regproc'::regtype, 'xid8'::regtype
        )
        and (coalesce(e.oid, y.oid) <> 'bigint'::regtype or a.attname ~ '(person|user)_ids?$')
        and coalesce(e.typtype, y.typtype) not in ('e', 'r', 'm')
        -- Bookkeeping of seeded rows.
        and a.attname <> 'local_columns'
        and not (a.attname = 'origin' and exists (
            select from pg_attribute as l where l.attrelid = c.oid and l.attname = 'local_columns' and not l.attisdropped
        ))
        -- An account is no person. One that is a person's alone is closed, and its rows are found by the path account.
        and not (coalesce(e.oid, y.oid) = 'uuid'::regtype and a.attname ~ '(^|_)account_id$')
        -- The row's own number, or a reference to a row of another table than that of users.
        and not (coalesce(e.oid, y.oid) = 'uuid'::regtype and a.attname = 'id')
        and not (coalesce(e.oid, y.oid) = 'uuid'::regtype and exists (
            select from pg_constraint as k
            where k.contype = 'f' and k.conrelid = c.oid and a.attnum = any (k.conkey)
                and k.confrelid <> 'identity.user'::regclass
        ))
    order by 1, a.attnum
$$;
comment on function privacy.list_columns() is
$$Every column of the product whose type can hold a person: text, JSON, bytes, addresses, uuids, and numbers of persons and users.

Left out: numbers, times, account_id, a row's own id, and uuids that a foreign key says to be something else than a user.$$;

create or replace function privacy.list_unclassified()
returns table (table_name text, column_name text, fault text)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select c.table_name, c.column_name, 'classified nowhere: ' || c.column_type
    from privacy.list_columns() as c
    where not exists (
        select from privacy.column_rule as r where r.table_name = c.table_name and r.column_name = c.column_name
    ) and not exists (
        select from privacy.impersonal_column as i where i.table_name = c.table_name and i.column_name = c.column_name
    )
    union all
    select r.table_name, r.column_name, 'classified both ways'
    from (select distinct r.table_name, r.column_name from privacy.column_rule as r) as r
    inner join privacy.impersonal_column as i on i.table_name = r.table_name and i.column_name = r.column_name
    union all
    select r.table_name, r.column_name, 'there is no such column'
    from (
        select r.table_name, r.column_name from privacy.column_rule as r
        union
        select i.table_name, i.column_name from privacy.impersonal_column as i
    ) as r
    where not exists (
        select from pg_attribute as a
        where a.attrelid = to_regclass(r.table_name) and a.attname = r.column_name and a.attnum > 0 and not a.attisdropped
    )
    union all
    select l.table_name, l.path, 'a way to rows without a column'
    from privacy.lookup as l
    where not exists (select from privacy.column_rule as r where r.table_name = l.table_name and r.path = l.path)
    union all
    select l.table_name, l.path, 'rows that can not be found are kept, or nothing is'
    from privacy.lookup as l
    where l.condition is null and exists (
        select from privacy.column_rule as r
        where r.table_name = l.table_name and r.path = l.path and r.way <> 'keep'
    )
    union all
    select l.table_name, l.path, 'a handler that does not exist'
    from privacy.lookup as l
    where to_regprocedure(l.handler || '(privacy.subject, integer)') is null and l.handler is not null
    order by 1, 2, 3
$$;
comment on function privacy.list_unclassified() is
$$What is wrong with the catalogue: columns that it does not know, knows twice, or that are gone. No row: it fits the schema.

A new column stands here until it gets a row of privacy.column_rule or privacy.impersonal_column.$$;

create or replace function privacy.describe_catalogue()
returns table (
    table_name text, column_name text, path text, way text, replacement text, basis text, reason text, condition text, handler text
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select l.table_name, r.column_name, l.path, r.way, r.replacement, r.basis, r.reason, l.condition, l.handler
    from privacy.lookup as l
    inner join privacy.column_rule as r on r.table_name = l.table_name and r.path = l.path
    order by l.table_name, l.path, r.column_name
$$;
comment on function privacy.describe_catalogue() is
$$The catalogue of erasure and export, one row a column and way that leads to it.

select table_name, column_name, way, basis from privacy.describe_catalogue() where way = 'keep';$$;

create or replace function privacy.hash_catalogue()
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select encode(sha256(convert_to(coalesce(string_agg(
        concat_ws(E'\t', d.table_name, d.path, d.column_name, d.way, coalesce(d.replacement, '-'), coalesce(d.basis, '-'),
            coalesce(d.condition, '-'), coalesce(d.handler, '-')),
        E'\n' order by d.table_name, d.path, d.column_name
    ), ''), 'UTF8')), 'hex')
    from privacy.describe_catalogue() as d
$$;
comment on function privacy.hash_catalogue() is
$$SHA-256 of the catalogue, in hex: two erasures with the same hash went by the same rules.

Formula: one line a rule, in order of table, path and column, of table, path, column, way, replacement, basis, condition and handler,
with tabs between them and - for what is empty; lines joined by a line feed.$$;

create or replace function privacy.seed_rules(p_rules jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rule jsonb;
    v_way text;
    v_column text;
    v_replacement text;
begin
    for v_rule in select r.rule from jsonb_array_elements(p_rules) as r (rule) loop
        perform core.seed('privacy.lookup', '{table_name,path}', jsonb_build_object(
            'table_name', v_rule -> 'table', 'path', v_rule -> 'path', 'position', v_rule -> 'position',
            'condition', v_rule -> 'find', 'handler', v_rule -> 'handler', 'description', v_rule -> 'rows'
        ));
        foreach v_way in array array['delete', 'anonymise', 'detach', 'keep'] loop
            for v_column, v_replacement in
                select w.name, null
                from jsonb_array_elements_text(
                    case when jsonb_typeof(v_rule -> v_way) = 'array' then v_rule -> v_way else '[]' end
                ) as w (name)
                union all
                select w.name, w.value
                from jsonb_each_text(
                    case when jsonb_typeof(v_rule -> v_way) = 'object' then v_rule -> v_way else '{}' end
                ) as w (name, value)
            loop
                perform core.seed('privacy.column_rule', '{table_name,column_name,path}', jsonb_build_object(
                    'table_name', v_rule -> 'table', 'column_name', v_column, 'path', v_rule -> 'path', 'way', v_way,
                    'replacement', v_replacement, 'basis', case when v_way = 'keep' then v_rule -> 'basis' end,
                    'reason', v_rule -> 'why'
                ));
            end loop;
        end loop;
    end loop;
end;
$$;
comment on function privacy.seed_rules(jsonb) is
$$Put rules of the product into the catalogue: an array of {"table", "path", "position", "find": condition, "handler", "rows": what they
are, "why", "basis", and by way: "delete": [columns], "keep": [columns], "anonymise" and "detach": {column: replacement}}.$$;

create or replace function privacy.seed_impersonal(p_columns jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.seed('privacy.impersonal_column', '{table_name,column_name}', jsonb_build_object(
        'table_name', c.entry -> 'table', 'column_name', n.name, 'reason', c.entry -> 'why'
    ))
    from jsonb_array_elements(p_columns) as c (entry)
    cross join lateral regexp_split_to_table(c.entry ->> 'columns', ' ') as n (name);
end;
$$;
comment on function privacy.seed_impersonal(jsonb) is
$$Put columns that hold no person into the list: an array of {"table", "columns": names with spaces between them, "why"}.$$;

create or replace function privacy.compile_condition(p_condition text)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select regexp_replace(p_condition, '\{([a-z_]+)\}', '($1).\1', 'g')
$$;
comment on function privacy.compile_condition(text) is
$$A condition of the catalogue as SQL: {users} becomes ($1).users, a member of the privacy.subject that is its parameter.$$;

create or replace function privacy.mentions(p_body bytea, p_addresses text[])
returns boolean
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    -- Bytes above 127 stand as \ooo, a backslash as two: any bytes can be read so, and A to Z folded.
    select exists (
        select
        from (select lower(encode(p_body, 'escape') collate "C")) as b (text)
        cross join lateral (
            select lower(encode(convert_to(a.address, 'UTF8'), 'escape') collate "C") from unnest(p_addresses) as a (address)
        ) as x (address)
        where strpos(b.text, x.address) > 0 and b.text ~ concat(
            -- Before it: no character of an address, unless it ends the escape of one that is none, of JSON or of a URL.
            '(?:^|[^a-z0-9._+-]|\\[0-7]{3}|\\\\(?:[bfnrt]|u(?:00[0-7]|[1-9a-f][0-9a-f]{2})[0-9a-f])|%[0-9a-f]{2})',
            '(?<!\\3(?:0[3-7]|[1-3][0-7])\\[0-7]{3})',
            regexp_replace(x.address, '([^a-z0-9@_-])', '\\\1', 'g'),
            '(?![a-z0-9_]|[.-]+[a-z0-9]|\\3(?:0[3-7]|[1-3][0-7])\\[0-7]{3})'
        )
    )
$$;
comment on function privacy.mentions(bytea, text[]) is
$$Whether one of these e-mail addresses stands in a body as a whole: joann@example.org is no mention of ann@example.org. A to Z are
folded. Letters of two bytes in UTF-8 count as characters of an address, others do not.$$;

create or replace function privacy.concerns(p_lookup privacy.lookup, p_subject privacy.subject)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select to_regclass(p_lookup.table_name) is not null and coalesce(bool_or(
        case m.name[1]
            when 'users' then cardinality(p_subject.users)
            when 'addresses' then cardinality(p_subject.addresses)
            when 'names' then cardinality(p_subject.names)
            when 'actors' then cardinality(p_subject.actors)
            when 'marks' then cardinality(p_subject.marks)
            when 'accounts' then cardinality(p_subject.accounts)
            when 'keys' then cardinality(p_subject.keys)
            when 'persons' then cardinality(p_subject.persons)
            when 'identifiers' then cardinality(p_subject.identifiers)
            when 'digests' then cardinality(p_subject.digests)
            else 0
        end > 0
    ), false)
    from regexp_matches(p_lookup.condition, '\{([a-z_]+)\}', 'g') as m (name)
$$;
comment on function privacy.concerns(privacy.lookup, privacy.subject) is
$$Whether a way to rows can find any for a person: whether there is anything to look for. Spares walks through large tables.$$;

create or replace function privacy.list_leaves(p_table text)
returns setof regclass
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    -- The function knows partitioned tables only.
    select c.oid::regclass
    from pg_class as c
    where c.oid = to_regclass(p_table) and c.relkind <> 'p'
    union all
    (
        select p.relid
        from pg_partition_tree(to_regclass(p_table)) as p
        where p.isleaf
        order by p.relid::text
    )
$$;
comment on function privacy.list_leaves(text) is
$$The tables that hold a table's rows: its partitions, or itself.$$;

create or replace function privacy.document_catalogue()
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select E'| table | found by | what becomes of its rows | why |\n| --- | --- | --- | --- |\n' || string_agg(
        format('| `%s` | %s | %s | %s |', g.table_name, g.path, g.ways, g.why), E'\n' order by g.table_name, g.path
    )
    from (
        select
            w.table_name, w.path, string_agg(w.way || ': ' || w.columns, '; ' order by w.way) as ways,
            -- Of what goes, the reason; of what stays, the basis.
            max(coalesce(w.basis, w.reason)) as why
        from (
            select r.table_name, r.path, r.way, string_agg(r.column_name, ', ' order by r.column_name) as columns,
                max(r.basis) as basis, max(r.reason) as reason
            from privacy.column_rule as r
            where r.origin = 'file'
            group by r.table_name, r.path, r.way
        ) as w
        group by w.table_name, w.path
    ) as g
$$;
comment on function privacy.document_catalogue() is
$$The catalogue of the product as a table in Markdown, as docs/explanation/erasure.md shows it; a test compares both.$$;

grant execute on function
privacy.list_columns(), privacy.list_unclassified(), privacy.describe_catalogue(), privacy.hash_catalogue()
to levqor_dba;
