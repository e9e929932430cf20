-- Every view of bi and every column says what it is, in what unit, for what there is a row, by whose days, and how old it may be.
begin;
select plan(9);

create temp view described as
select c.relname::text as name, obj_description(c.oid, 'pg_class') as comment
from pg_class as c
where c.relnamespace = 'bi'::regnamespace
union all
select c.relname || '.' || a.attname, col_description(c.oid, a.attnum)
from pg_class as c
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'bi'::regnamespace;

-- A key a line, in this order, each with something behind it.
create temp view lacking as
select d.name, d.comment
from described as d
where d.comment is null
    or d.comment !~ E'^definition: \\S[^\\n]+\\nunit: \\S[^\\n]*\\ngrain: \\S[^\\n]+\\ntime zone: \\S[^\\n]+\\nfreshness: \\S[^\\n]+$';
select cmp_ok((select count(*) from described), '>', 100::bigint, 'there are views to look at');
select is_empty('select l.name, l.comment from lacking as l', 'each view and column has every key');

create view bi.fct_untold as select 1 as thing, now() as made_at;
select is((select array_agg(l.name order by l.name) from lacking as l), '{fct_untold,fct_untold.made_at,fct_untold.thing}', 'one without is found');
grant select on described, lacking to public;
alter view bi.fct_untold owner to levqor_owner;
select test.become('levqor_owner');
select bi_store.describe('fct_untold', 'Things', 'thing', 'live', '{"made_at": ["when it was made"]}');
select is((select array_agg(l.name) from lacking as l), '{fct_untold.thing}', 'also a column that is left out');
select is(
    col_description('bi.fct_untold'::regclass, 2),
    E'definition: when it was made\nunit: moment\ngrain: thing\ntime zone: UTC\nfreshness: live', 'the unit of a moment needs no word'
);
select throws_ok(
    $$select bi_store.describe('fct_untold', 'Things', 'thing', 'live', '{"gone": ["a column that is not there"]}')$$, '42703', null,
    'a column that is not there is refused'
);
comment on column bi.fct_untold.thing is E'definition: a thing\nunit: things\ngrain: \ntime zone: UTC\nfreshness: live';
select is((select array_agg(l.name) from lacking as l), '{fct_untold.thing}', 'an empty key is none');
select ok(has_table_privilege('levqor_bi', 'bi.fct_untold', 'select'), 'what is described may be read');
select test.become('none');
select is(
    col_description('bi_store.accounts'::regclass, 1), 'the account; key', 'what is behind a view has the definitions of its columns'
);

select * from finish();
rollback;
