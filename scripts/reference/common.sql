-- What every page needs. The owner may read all that is shown, and no tenant's rows are.
set role levqor_owner;

-- Text of a comment as Markdown prose.
create function pg_temp.prose(p_text text)
returns text
language sql
immutable
as $$
    select replace(replace(p_text, '<', '&lt;'), '*', '\*')
$$;

-- The same in one line, for a cell of a table.
create function pg_temp.cell(p_text text)
returns text
language sql
immutable
as $$
    select replace(regexp_replace(pg_temp.prose(coalesce(p_text, '')), '\s+', ' ', 'g'), '|', '\|')
$$;

-- Code in a cell; null for nothing.
create function pg_temp.code(p_text text)
returns text
language sql
immutable
as $$
    select case when p_text <> '' then '`' || replace(p_text, '|', '\|') || '`' end
$$;

create temp view product_schema as
select n.oid, n.nspname::text as name, obj_description(n.oid, 'pg_namespace') as comment
from pg_namespace as n
where pg_get_userbyid(n.nspowner) = 'levqor_owner' and n.nspname !~ '^pg_';
