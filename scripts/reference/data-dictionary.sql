select '# Data dictionary

Made from the comments of the views of `bi` by `scripts/reference.sh`. Do not edit.

What BI tools see: plain views over all accounts, read by the role `levqor_bi`. [How to connect](../how-to/connect-a-bi-tool.md).

- `fct_…` are facts, `dim_…` what they are told by. `…_id` is a key, `…_at` a moment (timestamptz), `…_date` a day, `is_…` true or false.
- `…_amount_minor` is money in minor units of the column `currency` beside it. Amounts of different currencies are never added.
- Grain: what there is one row for. Time zone: whose days the days of the view are.
- Freshness: how old it may be while the clock runs and nothing makes it stand back. `bi.refreshes` says how old it is.
';

-- The value of a key in a comment.
create function pg_temp.said(p_comment text, p_key text)
returns text
language sql
immutable
as $$
    select substring(p_comment from '(?n)^' || p_key || ': (.*)$')
$$;

create temp view bi_view as
select
    c.oid, c.relname::text as name, obj_description(c.oid, 'pg_class') as comment,
    (
        select string_agg(distinct '`bi_store.' || t.relname || '`', ', ')
        from pg_rewrite as w
        inner join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
        inner join pg_class as t on t.oid = d.refobjid and t.relnamespace = 'bi_store'::regnamespace
        where w.ev_class = c.oid and t.relname in (select p.name from bi_store.plan as p)
    ) as stores
from pg_class as c
where c.relnamespace = 'bi'::regnamespace and c.relkind = 'v';

select '| view | what it holds | a row for each |
| --- | --- | --- |';
select format('| [`%s`](#bi%1$s) | %s | %s |', v.name, pg_temp.cell(split_part(pg_temp.said(v.comment, 'definition'), '. ', 1)),
    pg_temp.cell(pg_temp.said(v.comment, 'grain')))
from bi_view as v
order by v.name collate "C";

with part as (
    select v.name, 0 as n, format(
        E'\n## bi.%s\n\n%s.\n\n- Grain: %s.\n- Time zone: %s.\n- Freshness: %s.%s\n\n| column | type | unit | definition |\n| --- | --- | --- | --- |',
        v.name, pg_temp.prose(pg_temp.said(v.comment, 'definition')), pg_temp.said(v.comment, 'grain'),
        pg_temp.said(v.comment, 'time zone'), pg_temp.said(v.comment, 'freshness'),
        coalesce(E'\n- Refreshed as: ' || v.stores || '.', '')
    ) as text
    from bi_view as v
    union all
    select v.name, a.attnum, format(
        '| `%s` | %s | %s | %s |', a.attname, pg_temp.code(format_type(a.atttypid, a.atttypmod)),
        pg_temp.cell(nullif(pg_temp.said(col_description(v.oid, a.attnum), 'unit'), 'none')),
        pg_temp.cell(pg_temp.said(col_description(v.oid, a.attnum), 'definition'))
    )
    from bi_view as v
    inner join pg_attribute as a on a.attrelid = v.oid and a.attnum > 0 and not a.attisdropped
)
select p.text from part as p order by p.name collate "C", p.n;
