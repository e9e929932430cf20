-- Views of bi: money, persons, campaigns.

create or replace view bi.fct_ledger_entries_daily as
select
    l.account_id, l.ledger_account_id, l.entry_date, l.ledger_code, l.ledger_category, l.currency, l.in_amount_minor,
    l.out_amount_minor, l.in_amount_minor - l.out_amount_minor as net_amount_minor, l.entries_count
from bi_store.ledger_daily as l;
select bi_store.describe('fct_ledger_entries_daily',
    'Turnover of ledger accounts by the day on which it happened (event_at). The sums over all ledger accounts of a currency are zero',
    'ledger account and UTC day', 'at most 20 minutes old', '{
    "account_id": ["whose books; see dim_accounts"],
    "ledger_account_id": ["the ledger account"],
    "entry_date": ["UTC day on which it happened"],
    "ledger_code": ["name of the ledger account within the books, such as revenue or cash"],
    "ledger_category": ["what its turnover counts as: revenue, ai_cost, infrastructure, fees, payouts, or none of these"],
    "currency": ["currency of the ledger account, ISO 4217"],
    "in_amount_minor": ["sum of what came in", "minor units of currency"],
    "out_amount_minor": ["sum of what went out", "minor units of currency"],
    "net_amount_minor": ["in less out: what the balance changed by", "minor units of currency"],
    "entries_count": ["entries", "entries"]}', 'ledger_daily');

create or replace view bi.fct_profitability_daily as
select
    s.account_id, s.profit_date, s.currency, s.revenue_amount_minor, s.ai_cost_amount_minor,
    s.infrastructure_amount_minor, s.fees_amount_minor, s.payouts_amount_minor,
    s.ai_cost_amount_minor + s.infrastructure_amount_minor + s.fees_amount_minor + s.payouts_amount_minor
        as costs_amount_minor,
    s.revenue_amount_minor
        - (s.ai_cost_amount_minor + s.infrastructure_amount_minor + s.fees_amount_minor + s.payouts_amount_minor)
        as net_amount_minor
from (
    select
        l.account_id, l.entry_date as profit_date, l.currency,
        (-coalesce(pg_catalog.sum(l.in_amount_minor - l.out_amount_minor) filter (where l.ledger_category = 'revenue'), 0))::bigint
            as revenue_amount_minor,
        coalesce(pg_catalog.sum(l.in_amount_minor - l.out_amount_minor) filter (where l.ledger_category = 'ai_cost'), 0)::bigint
            as ai_cost_amount_minor,
        coalesce(pg_catalog.sum(l.in_amount_minor - l.out_amount_minor) filter (where l.ledger_category = 'infrastructure'), 0)::bigint
            as infrastructure_amount_minor,
        coalesce(pg_catalog.sum(l.in_amount_minor - l.out_amount_minor) filter (where l.ledger_category = 'fees'), 0)::bigint
            as fees_amount_minor,
        coalesce(pg_catalog.sum(l.in_amount_minor - l.out_amount_minor) filter (where l.ledger_category = 'payouts'), 0)::bigint
            as payouts_amount_minor
    from bi_store.ledger_daily as l
    where l.ledger_category in ('revenue', 'ai_cost', 'infrastructure', 'fees', 'payouts')
    group by l.account_id, l.entry_date, l.currency
) as s;
select bi_store.describe('fct_profitability_daily',
    'Revenue, costs and what is left, as ledger.profitability() has them. Currencies are never added',
    'books, UTC day and currency', 'at most 20 minutes old', '{
    "account_id": ["whose books; those of the platform are the operator''s: dim_accounts.is_operator"],
    "profit_date": ["UTC day on which it happened"],
    "currency": ["currency of all amounts, ISO 4217"],
    "revenue_amount_minor": ["revenue; refunds make it less", "minor units of currency"],
    "ai_cost_amount_minor": ["cost of AI", "minor units of currency"],
    "infrastructure_amount_minor": ["cost of infrastructure", "minor units of currency"],
    "fees_amount_minor": ["fees of payment providers", "minor units of currency"],
    "payouts_amount_minor": ["payouts to partners", "minor units of currency"],
    "costs_amount_minor": ["the four costs together", "minor units of currency"],
    "net_amount_minor": ["revenue less costs", "minor units of currency"]}');

create or replace view bi.fct_profitability_monthly as
select
    s.account_id, s.month_date, s.currency, s.revenue_amount_minor, s.ai_cost_amount_minor, s.infrastructure_amount_minor,
    s.fees_amount_minor, s.payouts_amount_minor, s.costs_amount_minor,
    s.revenue_amount_minor - s.costs_amount_minor as net_amount_minor,
    case
        when s.revenue_amount_minor > 0
            then pg_catalog.round((s.revenue_amount_minor - s.costs_amount_minor) * 100.0 / s.revenue_amount_minor, 1)
        else 0
    end as margin_percent
from (
    select
        d.account_id, pg_catalog.date_trunc('month', d.profit_date::timestamp)::date as month_date, d.currency,
        pg_catalog.sum(d.revenue_amount_minor)::bigint as revenue_amount_minor,
        pg_catalog.sum(d.ai_cost_amount_minor)::bigint as ai_cost_amount_minor,
        pg_catalog.sum(d.infrastructure_amount_minor)::bigint as infrastructure_amount_minor,
        pg_catalog.sum(d.fees_amount_minor)::bigint as fees_amount_minor,
        pg_catalog.sum(d.payouts_amount_minor)::bigint as payouts_amount_minor,
        pg_catalog.sum(d.costs_amount_minor)::bigint as costs_amount_minor
    from bi.fct_profitability_daily as d
    group by d.account_id, pg_catalog.date_trunc('month', d.profit_date::timestamp)::date, d.currency
) as s;
select bi_store.describe('fct_profitability_monthly',
    'Revenue, costs, what is left and the margin, as ledger.profitability() has them. Currencies are never added',
    'books, month and currency', 'at most 20 minutes old', '{
    "account_id": ["whose books; those of the platform are the operator''s: dim_accounts.is_operator"],
    "month_date": ["first day of the month"],
    "currency": ["currency of all amounts, ISO 4217"],
    "revenue_amount_minor": ["revenue; refunds make it less", "minor units of currency"],
    "ai_cost_amount_minor": ["cost of AI", "minor units of currency"],
    "infrastructure_amount_minor": ["cost of infrastructure", "minor units of currency"],
    "fees_amount_minor": ["fees of payment providers", "minor units of currency"],
    "payouts_amount_minor": ["payouts to partners", "minor units of currency"],
    "costs_amount_minor": ["the four costs together", "minor units of currency"],
    "net_amount_minor": ["revenue less costs", "minor units of currency"],
    "margin_percent": ["100 × net ÷ revenue, rounded to one decimal; 0 where there is no revenue", "percent"]}');

create or replace view bi.fct_activity_by_dimension_daily as
select
    d.account_id, d.activity_date, d.dimension_name, d.dimension_value, d.dau_count, d.wau_count, d.mau_count,
    d.returning_count, d.new_count, d.counted_at
from bi_store.activity_daily as d
where d.dimension_name <> '';
select bi_store.describe('fct_activity_by_dimension_daily',
    'Active persons by the values of the dimensions that the account counts (growth.dimension), such as source. A person may be under '
    'several',
    'account, day, dimension and value', 'at most 20 minutes behind the rollups; see counted_at', '{
    "account_id": ["account whose persons they are; see dim_accounts"],
    "activity_date": ["the day"],
    "dimension_name": ["name of the dimension"],
    "dimension_value": ["value of the dimension; empty: none"],
    "dau_count": ["persons active under the value on the day; not to be added up over values", "persons"],
    "wau_count": ["persons active under it on the day or one of the 6 days before", "persons"],
    "mau_count": ["persons active under it on the day or one of the 29 days before", "persons"],
    "returning_count": ["persons of dau_count who were active under it on the day before too", "persons"],
    "new_count": ["persons of dau_count whose first event of all was on the day", "persons"],
    "counted_at": ["when the rollup of the day was made"]}', 'activity_daily', 'the account''s (growth.definition)');

create or replace view bi.fct_activity_daily as
select
    d.account_id, d.activity_date, d.dau_count, d.wau_count, d.mau_count, d.calendar_wau_count, d.calendar_mau_count,
    pg_catalog.round(d.dau_count::numeric / nullif(d.mau_count, 0), 4) as stickiness_ratio, d.counted_at
from bi_store.activity_daily as d
where d.dimension_name = '';
select bi_store.describe('fct_activity_daily',
    'Active persons, as growth.activity_by_day() has them. On a day without a row nobody was active',
    'account and day', 'at most 20 minutes behind the rollups; see counted_at', '{
    "account_id": ["account whose persons they are; see dim_accounts"],
    "activity_date": ["the day"],
    "dau_count": ["persons active on the day", "persons"],
    "wau_count": ["persons active on the day or one of the 6 days before", "persons"],
    "mau_count": ["persons active on the day or one of the 29 days before", "persons"],
    "calendar_wau_count": ["persons active from Monday to the day", "persons"],
    "calendar_mau_count": ["persons active from the first of the month to the day", "persons"],
    "stickiness_ratio": ["dau_count ÷ mau_count", "ratio, 1 is all"],
    "counted_at": ["when the rollup of the day was made"]}', 'activity_daily', 'the account''s (growth.definition)');

create or replace view bi.fct_lifecycle_periods as
select
    c.account_id, c.period_kind, c.period_date, c.active_count, c.new_count, c.returning_count, c.resurrecting_count,
    c.dormant_count
from bi_store.lifecycles as c;
select bi_store.describe('fct_lifecycle_periods',
    'Active persons by where they are in their life with the account, and those who have gone (in growth.lifecycle() a negative '
    'number)',
    'account, kind of period and period', 'at most 20 minutes behind the rollups', '{
    "account_id": ["account whose persons they are; see dim_accounts"],
    "period_kind": ["day, week (from Monday) or month"],
    "period_date": ["first day of the period"],
    "active_count": ["persons active in the period, of the one under way so far: new, returning and resurrecting ones", "persons"],
    "new_count": ["those whose first event of all was in it", "persons"],
    "returning_count": ["those active in the period before too", "persons"],
    "resurrecting_count": ["those active before, and not in the period before", "persons"],
    "dormant_count": ["persons active in the period before, and not in it", "persons"]}', 'lifecycles',
    'the account''s (growth.definition)');

create or replace view bi.fct_cohorts_weekly as
select
    c.account_id, c.cohort_date, c.period_number, c.size_count, c.returned_count,
    pg_catalog.round(c.returned_count::numeric / nullif(c.size_count, 0), 6) as retention_ratio, c.is_mature
from bi_store.cohorts_weekly as c;
select bi_store.describe('fct_cohorts_weekly',
    'Weekly cohort retention of the last 53 cohorts, as growth.cohort_retention() has it: who came first in a week and was active in a '
    'later one',
    'account, cohort and number of the week after it', 'at most 7 hours old', '{
    "account_id": ["account whose persons they are; see dim_accounts"],
    "cohort_date": ["Monday of the week of their first event of all"],
    "period_number": ["week after it: 0 is the same week", "weeks"],
    "size_count": ["persons in the cohort", "persons"],
    "returned_count": ["those of them who were active in the week; null: it is not over", "persons"],
    "retention_ratio": ["returned_count ÷ size_count; null: it is not over. Averages: Σ ÷ Σ of mature rows", "ratio, 1 is all"],
    "is_mature": ["whether the week is over"]}', 'cohorts_weekly', 'the account''s (growth.definition)');

create or replace view bi.fct_events_daily as
select
    e.account_id, e.day as event_date, e.name as event_name, e.source as source, e.events as events_count,
    e.persons as persons_count, e.consented as consented_count
from bi_store.event_day as e;
select bi_store.describe('fct_events_daily',
    'Events that accounts sent, by the day on which they happened. Late events, merges and erasures are in it '
    'as soon as the rollups have them. Kept for the setting bi.keep_days',
    'account, UTC day, name and source', 'at most 20 minutes old; for days before yesterday, behind the rollups', '{
    "account_id": ["account that sent them; see dim_accounts"],
    "event_date": ["UTC day on which they happened"],
    "event_name": ["what happened: visit, signup, active, paid, or any other name"],
    "source": ["where the persons came from (utm_source); direct: not told"],
    "events_count": ["events", "events"],
    "persons_count": ["different persons they name; not to be added up over rows", "persons"],
    "consented_count": ["events of which the sender said that the person consented to analytics", "events"]}');

create or replace view bi.fct_referrals_daily as
select
    r.account_id, r.referral_date, r.source, r.campaign, r.medium, r.referrals_count, r.touches_count, r.joined_count
from bi_store.referrals_daily as r;
select bi_store.describe('fct_referrals_daily', 'Persons who came through a link, by the day on which they came through it first',
    'account, UTC day, source, campaign and medium', 'at most 20 minutes old', '{
    "account_id": ["account whose page it was; see dim_accounts"],
    "referral_date": ["UTC day on which they came first"],
    "source": ["utm_source; direct: none was told"],
    "campaign": ["utm_campaign; empty: none"],
    "medium": ["utm_medium; empty: none"],
    "referrals_count": ["addresses that came", "addresses"],
    "touches_count": ["how often they came, on whatever day", "touches"],
    "joined_count": ["those of them who have signed up since", "addresses"]}', 'referrals_daily');

create or replace view bi.fct_campaign_spend_daily as
select s.account_id, s.spend_date, s.source, s.campaign, s.currency, s.spend_amount_minor, s.entries_count
from bi_store.campaign_spend_daily as s;
select bi_store.describe('fct_campaign_spend_daily',
    'What campaigns cost, as the operator entered it. No money moved by it: see fct_ledger_entries_daily',
    'account, day, source, campaign and currency', 'at most 20 minutes old', '{
    "account_id": ["account whose campaign it was; see dim_accounts"],
    "spend_date": ["the day it was spent for"],
    "source": ["source that it was spent on, as in fct_events_daily"],
    "campaign": ["the campaign; empty: none"],
    "currency": ["currency of the amount, ISO 4217"],
    "spend_amount_minor": ["what it cost", "minor units of currency"],
    "entries_count": ["entries that it is the sum of", "entries"]}', 'campaign_spend_daily', 'none: a day on the calendar');

select core.seed('bi_store.plan', '{name}', p.plan)
from jsonb_array_elements('[
    {"name": "ledger_daily", "kind": "view", "position": 50, "every": "15 minutes"},
    {"name": "activity_daily", "kind": "view", "position": 60, "every": "15 minutes"},
    {"name": "lifecycles", "kind": "view", "position": 61, "every": "15 minutes"},
    {"name": "event_day", "kind": "days", "position": 62, "every": "15 minutes", "open_days": 2},
    {"name": "referrals_daily", "kind": "view", "position": 63, "every": "15 minutes"},
    {"name": "campaign_spend_daily", "kind": "view", "position": 64, "every": "15 minutes"},
    {"name": "cohorts_weekly", "kind": "view", "position": 65, "every": "6 hours"}
]') as p (plan);
