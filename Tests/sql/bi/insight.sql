-- Money, persons and campaigns as BI tools see them.
begin;
select plan(9);

select core.set_test_clock('2031-03-05 12:00:00+00');
insert into identity.account (name, kind) select 'Operator', 'operator' where not exists (select from identity.account as a where a.kind = 'operator');
select test.make_account('A') as a \gset
select (ledger.open_account(c.code, c.currency, c.category)).id
from (values
    ('bi_cash', 'asset'), ('bi_revenue', 'revenue'), ('bi_ai', 'ai_cost'), ('bi_infra', 'infrastructure'), ('bi_fees', 'fees'), ('bi_payouts', 'payouts')
) as a (code, category)
cross join (values ('EUR'), ('USD')) as b (currency)
cross join lateral (select a.code, b.currency, a.category) as c;
-- A transfer a day and kind, with refunds among them.
select (ledger.transfer(
    case when n % 7 = 0 then 'bi_cash' else 'bi_revenue' end, case when n % 7 = 0 then 'bi_revenue' else 'bi_cash' end, 100 + n, c.currency,
    p_event_at => '2031-01-20 00:00:00+00'::timestamptz + n * interval '13 hours'
)).id
from generate_series(1, 60) as n
cross join (values ('EUR'), ('USD')) as c (currency);
select (ledger.transfer('bi_cash', k.code, n * k.factor, 'EUR', p_event_at => '2031-01-20 00:00:00+00'::timestamptz + n * interval '17 hours')).id
from generate_series(1, 40) as n
cross join (values ('bi_ai', 3), ('bi_infra', 1), ('bi_fees', 2), ('bi_payouts', 1)) as k (code, factor);
select ledger.fold_rollups(7);
insert into growth.active_day (
    account_id, day, dimension, value, dau, wau, mau, wau_calendar, mau_calendar, returning_day, returning_week, returning_month, new_day, new_week,
    new_month
) values
(:'a', '2031-03-02', '', '', 2, 3, 8, 2, 2, 1, 0, 0, 1, 1, 1), (:'a', '2031-03-02', 'source', 'ad', 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1);
select growth.make_month('2031-03-01');
select growth.ingest_events(:'a', jsonb_agg(jsonb_build_object(
    'id', 'e' || n, 'name', case when n <= 6 then 'visit' else 'signup' end, 'event_at', '2031-03-04T10:00:00Z', 'user_id', 'u' || n % 3,
    'source', 'ad', 'is_consented', n % 2 = 0
)))
from generate_series(1, 8) as n;
select test.become('levqor_owner', true);
select bi_store.refresh_all();
select test.become('none');
create temp table sums as
select d.currency, sum(d.revenue_amount_minor) as revenue, sum(d.ai_cost_amount_minor) as ai, sum(d.infrastructure_amount_minor) as infra,
    sum(d.fees_amount_minor) as fees, sum(d.payouts_amount_minor) as payouts, sum(d.costs_amount_minor) as costs, sum(d.net_amount_minor) as net
from bi.fct_profitability_daily as d
where d.account_id = identity.operator_account() and d.profit_date >= '2031-01-25' and d.profit_date < '2031-02-10'
group by d.currency;
select bag_eq(
    'select s.currency, s.revenue, s.ai, s.infra, s.fees, s.payouts, s.costs, s.net from sums as s',
    $$select p.currency, p.revenue_minor, p.ai_cost_minor, p.infrastructure_minor, p.fees_minor, p.payouts_minor, p.total_costs_minor, p.net_minor
        from ledger.profitability('2031-01-25', '2031-02-10') as p where p.currency in ('EUR', 'USD')$$,
    'days add up to what ledger.profitability() says'
);
select cmp_ok((select s.costs from sums as s where s.currency = 'EUR'), '>', 0::numeric, 'which is not nothing');
select bag_eq(
    $$select m.currency, m.revenue_amount_minor, m.costs_amount_minor, m.net_amount_minor, m.margin_percent
        from bi.fct_profitability_monthly as m where m.account_id = identity.operator_account() and m.month_date = '2031-02-01'$$,
    $$select p.currency, p.revenue_minor, p.total_costs_minor, p.net_minor, p.margin_pct from ledger.profitability('2031-02-01', '2031-03-01') as p$$,
    'and so do months, with the margin'
);
select is_empty(
    'select e.currency from bi.fct_ledger_entries_daily as e group by e.currency having sum(e.net_amount_minor) <> 0', 'in all nothing is made or lost'
);
select test.become('levqor_bi');
select is(
    (select row(f.activity_date, f.dau_count, f.wau_count, f.mau_count, f.stickiness_ratio)::text from bi.fct_activity_daily as f where f.account_id = :'a'),
    '(2031-03-02,2,3,8,0.2500)', 'activity in all'
);
select is(
    (select row(f.dimension_name, f.dimension_value, f.dau_count)::text from bi.fct_activity_by_dimension_daily as f where f.account_id = :'a'),
    '(source,ad,1)', 'and by value of a dimension'
);
select results_eq(
    format('select f.event_date, f.event_name, f.source, f.events_count, f.persons_count, f.consented_count from bi.fct_events_daily as f where f.account_id = %L order by 2', :'a'),
    $$values ('2031-03-04'::date, 'signup', 'ad', 2::bigint, 2::bigint, 1::bigint), ('2031-03-04', 'visit', 'ad', 6, 3, 3)$$, 'events by day, name and source'
);
select is((select c.dormant_count from bi.fct_lifecycle_periods as c where c.account_id = :'a' and c.period_kind = 'day' and c.period_date = '2031-03-03'),
    2::bigint, 'who is gone');
select test.become('none');
select is_empty(
    $$select from bi.fct_lifecycle_periods as c where c.active_count <> c.new_count + c.returning_count + c.resurrecting_count$$, 'active are new, back or woken up'
);

select * from finish();
rollback;
