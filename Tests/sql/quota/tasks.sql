-- What the clock does for quotas.
begin;
select plan(24);

-- As the product seeds them.
select set_eq(
    $$select t.name, t.function, t.is_alone, t.is_enabled, t.origin from schedule.task as t where t.function like 'quota.%'$$,
    $$values ('quota-roll-over', 'quota.roll_over', false, true, 'file'), ('quota-trim', 'quota.trim', false, true, 'file'),
        ('quota-compact', 'quota.compact', true, true, 'file')$$,
    'months that are over are moved, what is old is removed, and the hot table is kept small'
);
select ok(t.every <= interval '1 day', t.name || ' runs daily or more often') from schedule.task as t
where t.name in ('quota-roll-over', 'quota-trim') order by t.name;

-- A month that is over.
select core.set_test_clock('2031-01-31 23:59:59.5+00');
select test.make_account('Acme') as acme, test.make_account('Beta') as beta, test.make_account('Gamma') as gamma \gset
update identity.account set tier = 'enterprise' where id = :'gamma';
insert into quota.usage (account_id, month, used, allowed)
values (:'acme', '2031-01-01', 990, 1000), (:'beta', '2031-01-01', 7, 1000), (:'gamma', '2031-01-01', 5000, 9223372036854775807);
select core.set_test_clock('2031-02-01 00:00:00+00');
insert into quota.usage (account_id, month, used, allowed) values (:'acme', '2031-02-01', 5, 1000);
select core.enter_machinery();
select is(quota.roll_over(), 0::bigint, 'on the first day nothing is moved: a late call may still count');
select core.set_test_clock('2031-02-01 23:59:59.999+00');
select is(quota.roll_over(), 0::bigint, 'until the last moment of it');
select core.set_test_clock('2031-02-02 00:00:00+00');
select is(quota.roll_over(1), 1::bigint, 'a day later it is, in small steps');
select is(quota.roll_over(), 2::bigint, 'until all is');
select is(quota.roll_over(), 0::bigint, 'once');
select results_eq(
    'select u.account_id, u.month, u.used from quota.usage as u',
    format($$values (%L::uuid, '2031-02-01'::date, 5::bigint)$$, :'acme'), 'the month that runs stays'
);
select results_eq(
    'select h.month, h.used, h.allowed, h.tier from quota.usage_history as h order by h.used',
    $$values ('2031-01-01'::date, 7::bigint, 1000::bigint, 'sandbox'), ('2031-01-01', 990, 1000, 'sandbox'), ('2031-01-01', 5000, null, 'enterprise')$$,
    'the history holds the others, unlimited as null'
);
insert into quota.usage (account_id, month, used, allowed) values (:'acme', '2031-01-01', 3, 1000);
select is(quota.roll_over(), 1::bigint, 'a call that came late is moved after them');
select is(h.used, 993::bigint, 'and added') from quota.usage_history as h where h.account_id = :'acme';

-- What is kept how long.
insert into quota.usage_history (account_id, month, used, allowed, tier)
select :'beta', ('2031-02-01'::date - make_interval(months => n))::date, n, null, 'enterprise' from generate_series(2, 30) as n;
insert into quota.spending (account_id, day, reserved_usd)
values (:'acme', '2031-02-02', 1), (:'acme', '2031-02-01', 1), (:'acme', '2029-12-29', 1), (:'acme', '2029-12-28', 1);
select is(quota.trim(1), 2::bigint, 'old rows go in small steps');
select is(quota.trim(), 5::bigint, 'until all that is older than the settings say has gone');
select is(min(h.month), '2029-02-01'::date, 'usage after 24 months') from quota.usage_history as h;
select is(min(s.day), '2029-12-29'::date, 'costs after 400 days') from quota.spending as s;
update core.setting set value = '1' where name in ('quota.keep_spending_days', 'quota.keep_history_months');
select quota.trim();
select results_eq('select s.day from quota.spending as s order by 1', $$values ('2031-02-01'::date), ('2031-02-02')$$,
    'but never what may still be charged');
select is(min(h.month), '2031-01-01'::date, 'nor the month before') from quota.usage_history as h;

-- By the clock itself.
insert into quota.usage (account_id, month, used, allowed) values (:'beta', '2030-11-01', 1, 1000);
update schedule.task set is_enabled = starts_with(name, 'quota-');
delete from schedule.run;
select is(
    test.turn_clock(), '{"quota-compact succeeded","quota-roll-over succeeded","quota-trim succeeded"}', 'the clock runs all of them'
);
select is(count(*), 1::bigint, 'and nothing old is left in the hot table') from quota.usage as u;

-- The hot table.
update core.setting set value = '1' where name = 'core.compact_bytes';
insert into quota.usage (account_id, month, used, allowed) values (:'beta', '2030-12-01', 3, 1000);
create temp table usage_before as select u.* from quota.usage as u;
select core.enter_machinery();
select cmp_ok(quota.compact(), '>=', 0::bigint, 'it is rewritten');
select set_eq('select * from quota.usage', 'select * from usage_before', 'and loses no row');
select isnt_empty($$select from core.compaction as c where c.table_name = 'quota.usage'$$, 'which is noted');

-- Rights.
select function_privs_are('quota', 'roll_over', array['integer'], 'levqor_server', '{}', 'no server moves by itself');

select * from finish();
rollback;
