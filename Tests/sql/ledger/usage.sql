-- Estimated costs of jobs are posted once a day and account.
begin;
select plan(12);

set local levqor.machinery = 'on';
create temp table t on commit drop as
select identity.operator_account() as operator, test.make_account('A') as a, test.make_account('B') as b;
insert into quota.price (workflow, usd_per_job) values ('w', 0.125);
select core.set_test_clock('2026-06-14 23:59:59+00');
select jobs.submit_job(t.a, 'w', '{}'), jobs.submit_job(t.a, 'w', '{}'), jobs.submit_job(t.b, 'w', '{}') from t;
select is((select sum(s.reserved_usd) from quota.spending as s), 0.375::numeric, 'jobs have estimated costs');
select is(ledger.post_job_costs(), 0::bigint, 'a day that goes on is not posted');
select core.set_test_clock('2026-06-15 00:59:59+00');
select is(ledger.post_job_costs(), 0::bigint, 'nor is one that has just ended');
select core.set_test_clock('2026-06-15 01:00:00+00');
select is(ledger.post_job_costs(), 2::bigint, 'an hour later it is, one transfer an account');
select is(ledger.post_job_costs(), 0::bigint, 'once');
select is(
    (select string_agg(x.amount_minor || ' ' || x.currency || ' ' || (x.event_at at time zone 'UTC')::date, ', ' order by x.amount_minor) from ledger.transfer as x),
    '13 USD 2026-06-14, 25 USD 2026-06-14', 'in cents, rounded halves up, of the day'
);
select is(
    (select p.ai_cost_minor from ledger.profitability('2026-06-14', '2026-06-15') as p), 38::numeric, 'it is AI cost'
);
select is((ledger.find_account('accrued_costs', 'USD')).balance_minor, -38::bigint, 'not yet invoiced');
select core.set_test_clock('2026-06-16 01:00:00+00');
select is(
    (select (c.expected, c.actual, c.checked)::text from ledger.check_costs() as c where c.check_name like 'job costs%'), '(38,38,2)', 'jobs and money agree'
);
update quota.spending set reserved_usd = 1 where account_id = (select b from t);
select is(
    (select string_agg((c.expected, c.actual)::text, ' ') from ledger.check_costs() as c), '(125,38) (0,1)', 'and where they do not, it is seen'
);
update core.setting set value = 'false' where name = 'ledger.posts_job_costs';
update quota.spending set day = day + 1;
select is(ledger.post_job_costs(), 0::bigint, 'it can be switched off');
update core.setting set value = 'true' where name = 'ledger.posts_job_costs';
select is(ledger.post_job_costs(), 2::bigint, 'and on again');

select * from finish();
rollback;
