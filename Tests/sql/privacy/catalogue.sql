-- The catalogue of erasure fits the schema: every column that can hold a person is in it, or said to hold none.
begin;
select plan(22);
set local levqor.machinery = 'on';

select is(
    (select string_agg(concat_ws(' ', u.table_name, u.column_name, u.fault), E'\n') from privacy.list_unclassified() as u), null,
    'every column is classified, once, and every rule has its column: see privacy.list_unclassified()'
);
select cmp_ok((select count(*) from privacy.list_columns()), '>', 400::bigint, 'columns are asked about');
select is(
    (select count(*) from privacy.list_columns() as c where c.table_name in ('identity.user', 'growth.identifier') and c.column_name in ('email', 'meta', 'identifier')),
    3::bigint, 'among them those that hold persons'
);

-- What is new is caught.
create schema shop;
create table shop.customer (
    id uuid primary key, account_id uuid, name text, born date, tags text[], facts jsonb, seen_from inet, photo bytea, buyer uuid,
    user_id uuid references identity.user (id), price numeric, ok boolean, person_id bigint, amount bigint
);
create table shop.sale (id uuid primary key, customer_id uuid references shop.customer (id), at timestamptz, many integer[]);
create materialized view shop.names as select name from shop.customer;
create type shop.pair as (a text, b text);
create table shop.odd (p shop.pair primary key);
create domain shop.email as text;
create table shop.mailed (e shop.email primary key);
select is(
    (select string_agg(u.table_name || '.' || u.column_name, ' ' order by u.table_name collate "C", u.column_name collate "C") from privacy.list_unclassified() as u where u.table_name ~ '^shop'),
    'shop.customer.buyer shop.customer.facts shop.customer.name shop.customer.person_id shop.customer.photo shop.customer.seen_from '
    'shop.customer.tags shop.customer.user_id shop.mailed.e shop.names.name shop.odd.p',
    'a new column of a type that can hold a person is found, in tables and materialized views'
);
select privacy.seed_impersonal('[{"table": "shop.customer", "columns": "facts photo", "why": "a test"}]');
select ok(not exists (select from privacy.list_unclassified() as u where u.column_name in ('facts', 'photo')), 'until it is said to hold none');
select privacy.seed_rules('[{"table": "shop.customer", "path": "user", "position": 500, "find": "t.user_id = any ({users})", "rows": "r",
    "why": "w", "delete": ["user_id", "name", "facts", "gone"]}]');
select set_eq(
    $$select u.column_name || ': ' || u.fault from privacy.list_unclassified() as u where u.table_name = 'shop.customer' and u.fault not like 'classified nowhere%'$$,
    array['facts: classified both ways', 'gone: there is no such column'], 'a rule that does not fit is found too'
);
select privacy.seed_rules('[{"table": "shop.odd", "path": "user", "position": 501, "find": null, "rows": "r", "why": "w", "delete": ["p"]}]');
select privacy.seed_rules('[{"table": "shop.mailed", "path": "user", "position": 502, "find": "true", "handler": "privacy.nothing", "rows": "r", "why": "w"}]');
select set_eq(
    $$select u.table_name || ': ' || u.fault from privacy.list_unclassified() as u where u.column_name = 'user' $$,
    array['shop.odd: rows that can not be found are kept, or nothing is', 'shop.mailed: a way to rows without a column', 'shop.mailed: a handler that does not exist'],
    'and a way to rows that leads nowhere'
);
create table shop.later (id uuid primary key);
alter table shop.later add column note text;
select isnt_empty($$select from privacy.list_unclassified() as u where u.table_name = 'shop.later' and u.column_name = 'note'$$, 'a column that is added later is found');

-- The rules themselves.
select throws_ok(
    $$insert into privacy.column_rule (table_name, column_name, path, way, reason) values ('shop.customer', 'x', 'user', 'keep', 'because')$$,
    '23514', null, 'what is kept needs a basis'
);
select throws_ok(
    $$insert into privacy.column_rule (table_name, column_name, path, way, reason) values ('shop.customer', 'x', 'user', 'anonymise', 'because')$$,
    '23514', null, 'what is changed needs a new value'
);
select throws_ok(
    $$insert into privacy.column_rule (table_name, column_name, path, way, reason) values ('shop.customer', 'x', 'nowhere', 'delete', 'because')$$,
    '23503', null, 'a rule needs a way to its rows'
);
select is_empty(
    $$select d.table_name, d.column_name from privacy.describe_catalogue() as d where d.way = 'keep' and d.basis !~ 'Art\. \d+'$$,
    'every basis names an article'
);
select bag_eq($$select distinct d.way from privacy.describe_catalogue() as d$$, array['anonymise', 'delete', 'detach', 'keep'], 'all four ways are used');

-- Its hash.
create temp table h on commit drop as select privacy.hash_catalogue() as hash;
select matches(hash, '^[0-9a-f]{64}$', 'the catalogue has a hash') from h;
select is(
    privacy.hash_catalogue(), encode(sha256(convert_to((
        select string_agg(concat_ws(E'\t', l.table_name, l.path, r.column_name, r.way, coalesce(r.replacement, '-'), coalesce(r.basis, '-'),
            coalesce(l.condition, '-'), coalesce(l.handler, '-')), E'\n' order by l.table_name collate "C", l.path collate "C", r.column_name collate "C")
        from privacy.lookup as l inner join privacy.column_rule as r using (table_name, path)
    ), 'UTF8')), 'hex'), 'by the formula of its comment'
);
update privacy.column_rule set basis = 'Art. 1 GDPR' where table_name = 'ledger.entry';
select isnt(privacy.hash_catalogue(), hash, 'another rule is another hash') from h;
select is(
    (select r.local_columns from privacy.column_rule as r where r.table_name = 'ledger.entry' limit 1), '{basis}', 'what an operator changes stays through deploys'
);

select is(privacy.compile_condition('t.a = any ({users}) and ''{to}'' <> ''x'''), 't.a = any (($1).users) and ''($1).to'' <> ''x''', 'a condition is made SQL');
select set_eq(
    $$select l::text from privacy.list_leaves('jobs.log') as l$$, $$select c.oid::regclass::text from pg_inherits as i
    inner join pg_class as c on c.oid = i.inhrelid where i.inhparent = 'jobs.log'::regclass$$, 'the leaves of a partitioned table are its partitions'
);
select is((select array_agg(l::text) from privacy.list_leaves('identity.user') as l), '{"identity.\"user\""}', 'of another table it is itself');
select is(privacy.concerns(l, row('{}', '{a@b.c}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', null)::privacy.subject), l.path = 'address', l.path || ' is asked only with something to look for')
from privacy.lookup as l where l.table_name = 'mail.message' and l.path in ('address', 'account') order by l.path;

select * from finish();
rollback;
