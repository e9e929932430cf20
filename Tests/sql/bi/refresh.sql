-- How the views of bi are kept fresh: by the clock, one a step, standing back, telling.
begin;
select plan(40);

select core.set_test_clock('2031-03-05 12:00:00+00');
update core.setting set value = '1000000000' where name in ('bi.stand_back_snapshot_seconds', 'bi.stand_back_dead_rows');
delete from bi_store.refresh;
delete from bi_store.rolled_day;
-- Two views are enough to see the order.
update bi_store.plan set is_enabled = name in ('accounts', 'jobs_daily');
select test.make_account('A') as a \gset
grant select on bi_store.refresh, bi_store.plan to public;

-- Every materialized view and every table of days is in the plan, and can be refreshed while it is read.
select is(
    (select array_agg(p.name order by p.name) from bi_store.plan as p where p.kind = 'view'),
    (select array_agg(c.relname::text order by c.relname) from pg_class as c
        where c.relnamespace = 'bi_store'::regnamespace and c.relkind = 'm'),
    'each materialized view is in the plan'
);
select is_empty($$
    select c.relname
    from pg_class as c
    where c.relnamespace = 'bi_store'::regnamespace and c.relkind = 'm' and not exists (
        select
        from pg_index as i
        where i.indrelid = c.oid and i.indisunique and i.indpred is null and i.indexprs is null
    )$$, 'each has a unique index on plain columns'
);
select is_empty($$
    select p.name from bi_store.plan as p
    where p.kind = 'days' and (to_regproc('bi_store.roll_' || p.name) is null or to_regclass('bi_store.' || p.name) is null)$$,
    'each table of days has a function that counts a day'
);
select is_empty('select p.name from bi_store.plan as p where p.origin <> ''file''', 'the plan is the product''s');

-- One by hand.
select test.become('levqor_owner', true);
select is(bi_store.refresh_one('accounts'), false, 'one is refreshed at once');
select test.become('none');
select ok(:'a' in (select a.account_id from bi.dim_accounts as a), 'and shows what is');
select is(
    row(r.attempted_at, r.refreshed_at, r.rows, r.failed_at)::text,
    row(core.now(), core.now(), (select count(*) from identity.account), null::timestamptz)::text, 'which is noted'
)
from bi_store.refresh as r
where r.name = 'accounts';
select cmp_ok(r.took, '>', interval '0', 'with the time it took') from bi_store.refresh as r where r.name = 'accounts';
select throws_ok($$select bi_store.refresh_one('nothing')$$, 'LQ404', 'no such view', 'an unknown one is refused');
delete from bi_store.refresh;

-- By the clock: each step refreshes one, and announces the next.
create temp table step (n integer, answer jsonb);
grant all on step to public;
select test.become('levqor_owner', true);
insert into step select 1, bi_store.refresh_step(null);
select is(s.answer, '{"more": true, "rows": 0, "state": {"next": "jobs_daily", "since": "2031-03-05T12:00:00+00:00", "failed": [], "is_over": false}}'::jsonb,
    'the first step announces the first') from step as s where s.n = 1;
select is(row(r.attempted_at, r.refreshed_at)::text, row(core.now(), null::timestamptz)::text, 'in the table, before it is begun')
from bi_store.refresh as r where r.name = 'jobs_daily';
insert into step select 2, bi_store.refresh_step((select s.answer -> 'state' from step as s where s.n = 1));
select is(s.answer -> 'state' ->> 'next', 'accounts', 'the second refreshes it and announces the next') from step as s where s.n = 2;
select is(r.refreshed_at, core.now(), 'it is refreshed') from bi_store.refresh as r where r.name = 'jobs_daily';
insert into step select 3, bi_store.refresh_step((select s.answer -> 'state' from step as s where s.n = 2));
select is(s.answer ->> 'more', 'false', 'the last step is the last') from step as s where s.n = 3;
select is_empty('select bi_store.list_due()', 'then nothing is due');
select core.set_test_clock('2031-03-05 12:04:31+00');
select is(array(select bi_store.list_due()), '{accounts}', 'until its time comes, less half a minute');
select core.set_test_clock('2031-03-05 12:15:00+00');
select is(array(select bi_store.list_due()), '{jobs_daily,accounts}', 'in the order of the plan');

-- One that fails keeps nobody waiting, and is told.
select test.become('none');
alter materialized view bi_store.jobs_daily rename to jobs_gone;
select test.become('levqor_owner', true);
delete from step;
insert into step select 1, bi_store.refresh_step('{"next": "jobs_daily", "since": "2031-03-05T12:15:00+00:00", "failed": []}');
select is(s.answer -> 'state' -> 'failed', '["jobs_daily"]', 'a failure is carried on') from step as s;
select is(s.answer -> 'state' ->> 'next', 'accounts', 'the next is announced all the same') from step as s;
select is(row(r.sqlstate, r.failed_at, r.refreshed_at)::text,
    row('42P01', core.now(), '2031-03-05 12:00:00+00'::timestamptz)::text, 'it is noted, and what is shown is of before')
from bi_store.refresh as r where r.name = 'jobs_daily';
update step set answer = bi_store.refresh_step(answer -> 'state'), n = 2;
select is(s.answer, '{"more": true, "rows": 1, "state": {"next": null, "since": "2031-03-05T12:15:00+00:00", "failed": ["jobs_daily"], "is_over": true}}'::jsonb,
    'when all others are done') from step as s;
select throws_ok(
    $$select bi_store.refresh_step(s.answer -> 'state') from step as s$$, 'LQ500', '1 views for BI tools could not be refreshed: jobs_daily',
    'the run fails'
);
select test.become('none');
alter materialized view bi_store.jobs_gone rename to jobs_daily;
select is(row(f.failure_code, f.failed_at is not null)::text, '(42P01,t)', 'BI users see it too')
from bi.refreshes as f where f.store_name = 'jobs_daily';

-- One that did not come back is the last of those that are due.
select core.set_test_clock('2031-03-05 12:40:00+00');
update bi_store.refresh set attempted_at = '2031-03-05 12:20:00+00' where name = 'jobs_daily';
select is(array(select bi_store.list_due()), '{accounts,jobs_daily}', 'what was cut off comes last');

-- Standing back.
update core.setting set value = '-1' where name = 'bi.stand_back_dead_rows';
select test.become('levqor_owner', true);
select matches(bi_store.should_stand_back(), '^[a-z]+\.[a-z_]+ has about [0-9]+ dead rows, more than -1$', 'dead rows are a reason');
insert into step select 9, bi_store.refresh_step('{"next": "accounts", "since": "2031-03-05T12:40:00+00:00", "failed": []}');
select is(row(s.answer -> 'more', s.answer -> 'rows', s.answer ->> 'stood_back_for' ~ 'dead rows')::text, '(false,0,t)', 'the run ends')
from step as s where s.n = 9;
select is(
    array_agg(row(r.name, r.stood_back_at, r.attempted_at = r.refreshed_at)::text order by r.name),
    array[row('accounts', core.now(), true)::text, row('jobs_daily', core.now(), false)::text],
    'which is noted with all that were due, and what was announced is so still'
)
from bi_store.refresh as r;
select test.become('none');
select matches(f.stood_back_reason, 'dead rows', 'and told to BI users') from bi.refreshes as f where f.store_name = 'accounts';
update core.setting set value = '1000000000' where name = 'bi.stand_back_dead_rows';
select test.become('levqor_owner', true);
select is(bi_store.should_stand_back(), null, 'without a reason it goes on');
select bi_store.refresh_one('accounts');
select is(r.stood_back_at, null, 'and then it is over') from bi_store.refresh as r where r.name = 'accounts';
select test.become('none');

-- Long transactions of others.
set local client_min_messages = warning;
create extension if not exists dblink;
select dblink_connect('other', format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
));
select dblink_exec('other', 'begin');
select d.n from dblink('other', 'select count(*) from core.setting') as d (n bigint);
select test.become('levqor_owner', true);
select isnt(bi_store.find_oldest_transaction(), null, 'another''s transaction is seen');
update bi_store.seen_transaction set seen_at = seen_at - interval '301 seconds';
update core.setting set value = '300' where name = 'bi.stand_back_snapshot_seconds';
select matches(bi_store.should_stand_back(), '^a transaction has been open for 30[12] seconds, more than 300$', 'when it is long, it is a reason');
select test.become('none');
select dblink_exec('other', 'rollback');
select dblink_disconnect('other');
select test.become('levqor_owner', true);
select ok(
    coalesce(bi_store.find_oldest_transaction(), core.real_now()) > core.real_now() - interval '300 seconds', 'once it has ended, it is none'
);

-- What is old is an alert.
select core.set_test_clock('2031-03-05 13:59:59+00');
update bi_store.refresh set refreshed_at = '2031-03-05 12:00:00+00' where name = 'jobs_daily';
update bi_store.refresh set refreshed_at = core.now() where name = 'accounts';
select is(bi_store.tell_late(), 0::bigint, 'four intervals and an hour are not late');
select core.set_test_clock('2031-03-05 14:00:01+00');
update bi_store.refresh set refreshed_at = core.now() where name = 'accounts';
select is(bi_store.tell_late(), 1::bigint, 'more are');
select is(row(a.level, a.state, a.facts -> 'views')::text, row('warning', 'open', '["jobs_daily"]'::jsonb)::text, 'and the operator is told which')
from alerts.alert as a where a.fingerprint = 'bi.refresh';
select bi_store.refresh_all();
select is(bi_store.tell_late(), 0::bigint, 'when it is fresh');
select is(a.state, 'resolved', 'the alert is resolved') from alerts.alert as a where a.fingerprint = 'bi.refresh';
select test.become('none');

-- An operator's change of the plan stays.
update bi_store.plan set every = '1 hour' where name = 'accounts';
select is(p.local_columns, '{every}', 'what the operator changes is noted') from bi_store.plan as p where p.name = 'accounts';
select core.seed('bi_store.plan', '{name}', '{"name": "accounts", "kind": "view", "position": 91, "every": "5 minutes"}');
select is(p.every, interval '1 hour', 'and kept by a deploy') from bi_store.plan as p where p.name = 'accounts';

select * from finish();
rollback;
