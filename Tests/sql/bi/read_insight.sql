-- What the materialized views hold of the ledger and of growth.
begin;
select plan(11);

select core.set_test_clock('2031-03-05 12:00:00+00');
insert into identity.account (name, kind) select 'Operator', 'operator' where not exists (select from identity.account as a where a.kind = 'operator');
select test.make_account('A') as a \gset
select (ledger.open_account(c.code, 'EUR', c.category)).id from (values ('bi_cash', 'asset'), ('bi_revenue', 'revenue'), ('bi_ai', 'ai_cost')) as c (code, category);
select (ledger.open_account('bi_cash', 'EUR', 'asset', p_account_id => :'a')).id as a_cash \gset
select (ledger.open_account('bi_revenue', 'EUR', 'revenue', p_account_id => :'a')).id;
select (ledger.transfer('bi_revenue', 'bi_cash', t.amount, 'EUR', p_event_at => t.at)).id
from (values (1000, '2031-03-04 23:59:59+00'::timestamptz), (500, '2031-03-05 00:00:00+00'), (70, '2031-03-05 08:00:00+00')) as t (amount, at);
select (ledger.transfer('bi_cash', 'bi_revenue', 200, 'EUR', p_event_at => '2031-03-05 09:00:00+00')).id;
select (ledger.transfer('bi_revenue', 'bi_cash', 11, 'EUR', p_event_at => '2031-03-05 09:00:00+00', p_account_id => :'a')).id;

create temp view told as
select r.account_id, r.entry_date, r.ledger_code, r.ledger_category, r.currency, r.in_amount_minor, r.out_amount_minor, r.entries_count
from bi_store.read_ledger_daily() as r
where r.ledger_code like 'bi\_%';
select results_eq(
    $$select t.entry_date, t.ledger_code, t.ledger_category, t.currency, t.in_amount_minor, t.out_amount_minor, t.entries_count
        from told as t where t.account_id = identity.operator_account() order by 1, 2$$,
    $$values ('2031-03-04'::date, 'bi_cash', 'asset', 'EUR', 1000::bigint, 0::bigint, 1::bigint),
        ('2031-03-04', 'bi_revenue', 'revenue', 'EUR', 0, 1000, 1), ('2031-03-05', 'bi_cash', 'asset', 'EUR', 570, 200, 3),
        ('2031-03-05', 'bi_revenue', 'revenue', 'EUR', 200, 570, 3)$$,
    'entries that are not folded yet, by the day on which they happened'
);
create temp table before_folding as select * from told;
select cmp_ok(ledger.fold_rollups(), '>', 0::bigint, 'folded');
select bag_eq('select * from told', 'select * from before_folding', 'they are the same');
select (ledger.transfer('bi_revenue', 'bi_cash', 5, 'EUR', p_event_at => '2031-03-04 01:00:00+00')).id;
select is(
    (select row(t.in_amount_minor, t.entries_count)::text from told as t
        where t.ledger_code = 'bi_cash' and t.entry_date = '2031-03-04' and t.account_id = identity.operator_account()),
    '(1005,2)', 'a late entry is on its day'
);
select is((select row(t.in_amount_minor)::text from told as t where t.account_id = :'a' and t.ledger_code = 'bi_cash'), '(11)', 'other books are beside');
select is_empty(
    'select t.currency from told as t group by t.account_id, t.currency having sum(t.in_amount_minor - t.out_amount_minor) <> 0', 'the sums are zero'
);

-- Activity. Three persons: one on the 1st and 2nd, one on the 2nd, one on the 4th who was there long before.
delete from growth.active_day;
insert into growth.active_day (
    account_id, day, dimension, value, dau, wau, mau, wau_calendar, mau_calendar, returning_day, returning_week, returning_month, new_day, new_week,
    new_month
) values
(:'a', '2031-02-20', '', '', 4, 4, 5, 4, 5, 0, 0, 0, 1, 1, 5), (:'a', '2031-03-01', '', '', 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1),
(:'a', '2031-03-02', '', '', 2, 2, 2, 3, 2, 1, 2, 1, 1, 1, 1), (:'a', '2031-03-04', '', '', 1, 3, 3, 1, 3, 0, 0, 1, 0, 0, 1),
(:'a', '2031-03-02', 'source', 'ad', 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1);
select results_eq(
    $$select r.activity_date, r.dimension_name, r.dimension_value, r.dau_count, r.mau_count, r.returning_count from bi_store.read_activity_daily() as r order by 1, 2$$,
    $$values ('2031-02-20'::date, '', '', 4::bigint, 5::bigint, 0::bigint), ('2031-03-01', '', '', 1, 1, 0), ('2031-03-02', '', '', 2, 2, 1),
        ('2031-03-02', 'source', 'ad', 1, 1, 0), ('2031-03-04', '', '', 1, 3, 0)$$,
    'active persons by day, in all and by value'
);
select results_eq(
    $$select r.period_kind, r.period_date, r.active_count, r.new_count, r.returning_count, r.resurrecting_count, r.dormant_count
        from bi_store.read_lifecycles() as r order by 1, 2$$,
    $$values ('day', '2031-02-20'::date, 4::bigint, 1::bigint, 0::bigint, 3::bigint, 0::bigint), ('day', '2031-02-21', 0, 0, 0, 0, 4),
        ('day', '2031-03-01', 1, 1, 0, 0, 0), ('day', '2031-03-02', 2, 1, 1, 0, 0), ('day', '2031-03-03', 0, 0, 0, 0, 2),
        ('day', '2031-03-04', 1, 0, 0, 1, 0), ('day', '2031-03-05', 0, 0, 0, 0, 1), ('month', '2031-02-01', 5, 5, 0, 0, 0),
        ('month', '2031-03-01', 3, 1, 1, 1, 4), ('week', '2031-02-17', 4, 1, 0, 3, 0), ('week', '2031-02-24', 3, 1, 2, 0, 2),
        ('week', '2031-03-03', 1, 0, 0, 1, 3)$$,
    'who is new, back, woken up or gone, up to the period that is under way'
);
insert into growth.definition (account_id, time_zone) values (:'a', 'Pacific/Honolulu');
select core.set_test_clock('2031-03-05 09:00:00+00');
select is_empty(
    $$select from bi_store.read_lifecycles() as r where r.period_date = '2031-03-05'$$, 'whose day it is is told by the account''s time zone'
);

-- Referrals.
insert into growth.referral (account_id, id, email, source, campaign, medium, first_at, last_at, touches, joined_at)
select :'a', core.new_id(), 'p' || n || '@example.com', 'ad', 'spring', case when n = 3 then 'mail' else '' end, '2031-03-04 23:00:00+00', '2031-03-05 23:00:00+00', n,
    case when n = 1 then '2031-03-05 23:00:00+00'::timestamptz end
from generate_series(1, 3) as n;
select results_eq(
    format($$select r.referral_date, r.source, r.campaign, r.medium, r.referrals_count, r.touches_count, r.joined_count
        from bi_store.read_referrals_daily() as r where r.account_id = %L order by 4$$, :'a'),
    $$values ('2031-03-04'::date, 'ad', 'spring', '', 2::bigint, 3::bigint, 1::bigint), ('2031-03-04', 'ad', 'spring', 'mail', 1, 3, 0)$$,
    'referrals, counted'
);

insert into growth.spend (account_id, source, campaign, day, amount_minor, currency, made_by)
values (:'a', 'ad', 'spring', '2031-03-04', 500, 'EUR', 'test'), (:'a', 'ad', 'spring', '2031-03-04', 70, 'EUR', 'test'),
(:'a', 'ad', 'spring', '2031-03-04', 9, 'USD', 'test');
select results_eq(
    format($$select r.spend_date, r.source, r.campaign, r.currency, r.spend_amount_minor, r.entries_count
        from bi_store.read_campaign_spend_daily() as r where r.account_id = %L order by 4$$, :'a'),
    $$values ('2031-03-04'::date, 'ad', 'spring', 'EUR', 570::bigint, 2::bigint), ('2031-03-04', 'ad', 'spring', 'USD', 9, 1)$$,
    'what campaigns cost, by currency'
);

select * from finish();
rollback;
