-- Every table has a policy, or is on the list of reference tables here.
begin;
select plan(12);

set local levqor.machinery = 'on';
-- Rows that the product, a deploy or an operator writes, a few each, about no person.
create temp table reference_table (name text primary key);
insert into reference_table (name) values
('bi_store.plan'), ('bi_store.refresh'), ('core.compaction'), ('core.deployed_file'), ('core.deployment'), ('core.error_code'),
('core.migration'), ('core.setting'), ('core.test_clock'), ('http.document'), ('http.route'), ('http.shared_schema'),
('jobs.concurrency'), ('ledger.currency'), ('limits.policy'), ('mail.class'), ('mail.template'), ('ops.figure'), ('outbox.retry_step'),
('privacy.column_rule'), ('privacy.hash_key'), ('privacy.impersonal_column'), ('privacy.lookup'), ('privacy.policy'), ('quota.price'),
('quota.tier'), ('schedule.state'), ('schedule.task');
create temp view gap as
select g.table_name from privacy.list_gaps() as g where g.table_name not in (select r.name from reference_table as r);
create temp view unfit as
select format('%s.%s', r.name, a.attname) as "column"
from reference_table as r
inner join pg_attribute as a on a.attrelid = to_regclass(r.name) and a.attnum > 0 and not a.attisdropped
where a.attname in ('account_id', 'user_id', 'person_id', 'email', 'address', 'actor', 'identifier', 'remote_address', 'payload')
    or format_type(a.atttypid, null) in ('inet', 'cidr');

select is((select string_agg(g.table_name, ', ') from gap as g), null, 'every table has a policy or is a reference table');
select is((select string_agg(u."column", ', ') from unfit as u), null, 'no reference table has a column for persons or accounts');
select is(
    (select string_agg(p.table_name, ', ') from privacy.policy as p where privacy.find_fault(p) is not null), null, 'every policy can be carried out'
);
select is(
    (select string_agg(p.table_name, ', ') from privacy.policy as p where p.table_name in (select r.name from reference_table as r)), null,
    'no table is on both lists'
);
-- The task that is named removes rows of the table, or of the partitions of it, and heeds holds where the policy says so.
create temp view task_of as
select p.table_name, p.heeds_holds, f.prosrc as source
from privacy.policy as p
inner join schedule.task as t on t.name = p.task
inner join pg_proc as f on f.oid = to_regproc(t.function)
where p.way = 'own_task' and p.table_name not like 'bi\_store.%';
select is(
    (
        select string_agg(t.table_name, ', ')
        from task_of as t
        where t.source !~ ('delete from ' || t.table_name || '\M') and t.source !~* 'drop table'
    ), null, 'every own task removes rows of its table'
);
select is(
    (
        select string_agg(t.table_name, ', ')
        from task_of as t
        where t.heeds_holds <> (t.source ~ ('core\.held_accounts\(''' || t.table_name || '''\)') or t.source ~ 'core\.has_held')
    ), null, 'every own task heeds legal holds where its policy says so, and only there'
);
select is(
    (select string_agg(p.table_name, ', ') from privacy.policy as p, task_of as t where t.table_name = p.table_name and t.source !~ p.setting
        -- Its age is written into expires_at when the row is.
        and p.table_name <> 'http.idempotency_key'),
    null, 'every own task reads the setting of the policy'
);
select is(
    (select string_agg(p.table_name || ' ' || p.way, ', ' order by p.table_name) from privacy.policy as p where p.table_name like 'ledger.%' and p.way not in ('keep', 'passing') and p.table_name <> 'ledger.reconciliation'),
    null, 'nothing of the books goes by age'
);

-- Offenders.
create schema untold;
create table untold.thing (id bigint);
select is((select string_agg(g.table_name, ', ') from gap as g), 'untold.thing', 'a table without a policy is caught');
create table untold.tale (id bigint, email text);
insert into reference_table (name) values ('untold.tale'), ('untold.thing');
select is((select string_agg(u."column", ', ') from unfit as u), 'untold.tale.email', 'and a reference table that holds persons');
select is((select string_agg(g.table_name, ', ') from gap as g), null, 'which is no gap');
drop table growth.referral cascade;
select is(
    (select string_agg(p.table_name, ', ') from privacy.policy as p where privacy.find_fault(p) is not null), 'growth.referral',
    'a policy of a table that is gone is caught'
);

select * from finish();
rollback;
