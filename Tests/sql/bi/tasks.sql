-- The clock refreshes the views, however many there are.
begin;
select plan(7);

select core.set_test_clock('2031-03-05 12:00:00+00');
update core.setting set value = '1000000000' where name in ('bi.stand_back_snapshot_seconds', 'bi.stand_back_dead_rows');
delete from bi_store.refresh;
update schedule.task set is_enabled = name in ('bi-refresh', 'bi-trim-days');
select test.make_account('A') as a \gset
select is(
    (select array_agg(distinct t.told order by t.told) from unnest(test.turn_clock()) as t (told)),
    '{"bi-refresh running","bi-refresh succeeded","bi-trim-days succeeded"}', 'the tasks run'
);
select is(row(r.outcome, r.steps, r.touched)::text, row('succeeded', p.count + 1, p.count)::text, 'a step for each, and one to begin with')
from schedule.run as r
cross join (select count(*) as count from bi_store.plan) as p
where r.task = 'bi-refresh';
select is_empty('select f.store_name from bi.refreshes as f where f.refreshed_at is distinct from core.now()', 'all are refreshed');
select ok(:'a' in (select a.account_id from bi.dim_accounts as a), 'with what is there');
select is(array_agg(t.is_alone), '{t,t}', 'each step has a transaction of its own')
from schedule.task as t where t.function like 'bi_store.%';
select core.set_test_clock('2031-03-05 12:05:00+00');
select test.turn_clock();
select is(
    (select array_agg(r.name order by r.name) from bi_store.refresh as r where r.refreshed_at = core.now()),
    (select array_agg(p.name order by p.name) from bi_store.plan as p where p.every = '5 minutes'), 'then each at its interval'
);
select ok(r.result ~ '"more": false', 'and the run ends') from schedule.run as r where r.task = 'bi-refresh' and r.slot = '2031-03-05 12:05:00+00';

select * from finish();
rollback;
