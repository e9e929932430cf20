-- What an erasure does with rows: in batches, in partitions, in histories.
begin;
select plan(18);
set local levqor.machinery = 'on';

create table growth.shop (id integer primary key, who text, note text, at timestamptz not null default core.now()) partition by range (id);
create table growth.shop_1 partition of growth.shop for values from (0) to (100);
create table growth.shop_2 partition of growth.shop for values from (100) to (200);
insert into growth.shop select n, case when n % 2 = 0 then 'user_1' else 'user_2' end, 'n' || n from generate_series(0, 199) as n;
select privacy.seed_rules('[{"table": "growth.shop", "path": "actor", "position": 500, "find": "t.who = any ({actors})", "rows": "r", "why": "w",
    "detach": {"who": "''erased''"}, "anonymise": {"note": "null"}}]');
create temp table s on commit drop as
select row('{}', '{}', '{}', '{user_1}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', null)::privacy.subject as subject;
create function pg_temp.erase(p_leaf regclass, p_limit integer, p_path text default 'actor') returns bigint language sql as $$
    select privacy.erase_rows(l, p_leaf, s.subject, p_limit) from s, privacy.lookup as l
    where l.table_name = (select n.nspname || '.' || regexp_replace(c.relname, '_[0-9]+$', '') from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace where c.oid = p_leaf) and l.path = p_path
$$;

select is((select (c.way, c.rows)::text from s, privacy.count_rows(s.subject) as c where c.table_name = 'growth.shop'), '(anonymise,100)', 'rows are counted');
select is(pg_temp.erase('growth.shop_1', 30), 30::bigint, 'a batch changes as many as it may');
select is(pg_temp.erase('growth.shop_1', 30), 20::bigint, 'the next the rest of the partition');
select is(pg_temp.erase('growth.shop_1', 30), 0::bigint, 'then none: what is done is not done again');
select is((select (c.rows, c.columns -> 'who' ->> 'rows')::text from s, privacy.count_rows(s.subject) as c where c.table_name = 'growth.shop'), '(50,50)', 'the other partition is still to be done');
select is(pg_temp.erase('growth.shop_2', 1000), 50::bigint, 'it is');
select is((select count(*) from growth.shop as t where t.who = 'erased' and t.note is null), 100::bigint, 'both columns are changed');
select is((select count(*) from growth.shop as t where t.who = 'user_2' and t.note is not null), 100::bigint, 'and nothing of others');
update privacy.column_rule set way = 'delete', replacement = null where table_name = 'growth.shop';
update privacy.lookup set condition = 't.who = ''user_2'' and {actors} is not null' where table_name = 'growth.shop';
select is(pg_temp.erase('growth.shop_1', 1000), 50::bigint, 'rows are removed');
select is((select count(*) from growth.shop as t where t.who = 'user_2'), 50::bigint, 'those of the partition');

-- A history: its rows are put back with number, time and all.
insert into audit.entry (happened_at, actor, action, target) select core.now(), 'user_1', 'shop.buy', 'thing_' || n from generate_series(1, 5) as n;
create temp table trail on commit drop as select a.* from audit.entry as a;
select throws_ok($$update audit.entry set actor = 'x'$$, '42501', null, 'the trail can not be changed');
select set_config('levqor.retention', 'on', true);
select is(pg_temp.erase('audit.entry', 3), 3::bigint, 'a batch of a history');
select is(pg_temp.erase('audit.entry', 1000), 2::bigint, 'and the rest');
select set_config('levqor.retention', 'off', true);
select bag_eq(
    $$select a.id, a.account_id, a.happened_at, a.actor, a.action, a.target, a.request_id, a.facts from audit.entry as a$$,
    $$select t.id, t.account_id, t.happened_at, case t.actor when 'user_1' then 'erased' else t.actor end, t.action, t.target, t.request_id, t.facts from trail as t$$,
    'every entry is there, with its number, and without the actor'
);

-- Days to be counted again, in the time zone of the account.
create temp table a on commit drop as select test.make_account() as id;
select privacy.note_stale_times(array[a.id, a.id, a.id], '{2026-01-01 23:30:00+00,2026-01-01 23:40:00+00,2026-01-03 01:00:00+00}') from a;
select results_eq('select d.day from a, growth.stale_day as d where d.account_id = a.id order by 1', $$values ('2026-01-01'::date), ('2026-01-03')$$, 'in UTC, once each');
insert into growth.definition (account_id, time_zone) select a.id, 'Asia/Tokyo' from a;
delete from growth.stale_day as d using a where d.account_id = a.id;
select privacy.note_stale_times(array[a.id], '{2026-01-01 23:30:00+00}') from a;
select results_eq('select d.day from a, growth.stale_day as d where d.account_id = a.id', $$values ('2026-01-02'::date)$$, 'in the zone of the account');

-- Handlers work in batches too.
delete from growth.definition as d using a where d.account_id = a.id;
select growth.ingest_events(a.id, (
    select jsonb_agg(jsonb_build_object('id', gen_random_uuid(), 'name', 'visit', 'user_id', 'u', 'event_at', core.now() - make_interval(hours => n))) from generate_series(1, 50) as n
)) from a;
select is(
    array(select privacy.erase_events(privacy.find_subject(p_account_id => a.id, p_identifier => 'u'), 20) from a, generate_series(1, 4)), '{20,20,10,0}',
    'events go in batches'
);
select is(
    array(select privacy.erase_persons(privacy.find_subject(p_account_id => a.id, p_identifier => 'u'), 20) from a, generate_series(1, 2)), '{1,0}', 'the person goes'
);

select * from finish();
rollback;
