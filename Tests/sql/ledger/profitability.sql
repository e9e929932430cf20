-- Revenue, costs, net and margin, by currency and period.
begin;
select plan(16);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-06-15 12:00:00+00');
create temp table t on commit drop as
select identity.operator_account() as operator, test.make_account('A') as a;
create temp table k on commit drop as select test.make_key(operator, '{platform}') as platform, test.make_key(a) as weak from t;
select count(*) from ledger.open_books('USD') union all select count(*) from ledger.open_books('EUR');
create function pg_temp.post(p_from text, p_to text, p_minor bigint, p_at timestamptz, p_currency text default 'USD') returns void language sql as $$
    select from ledger.transfer(p_from, p_to, p_minor, p_currency, p_event_at => p_at)
$$;
create function pg_temp.figures(p_from timestamptz, p_to timestamptz, p_currency text default 'USD') returns text language sql as $$
    select (p.revenue_minor, p.ai_cost_minor, p.infrastructure_minor, p.fees_minor, p.payouts_minor, p.total_costs_minor, p.net_minor, p.margin_pct,
        p.payouts_pending_minor)::text
    from ledger.profitability(p_from, p_to, p_currency) as p
$$;
select pg_temp.post('revenue', 'cash', 100000, '2026-06-01 00:00+00'), pg_temp.post('revenue', 'cash', 50000, '2026-06-10 10:00+00'),
    pg_temp.post('cash', 'revenue', 20000, '2026-06-11 10:00+00'), pg_temp.post('accrued_costs', 'ai_cost', 30001, '2026-06-02 10:00+00'),
    pg_temp.post('cash', 'infrastructure', 10000, '2026-06-03 10:00+00'), pg_temp.post('cash', 'fees', 4500, '2026-06-03 10:00+00'),
    pg_temp.post('payouts_due', 'payouts', 20000, '2026-06-04 10:00+00'), pg_temp.post('payouts_due', 'cash', 0 + 1, '2026-07-01 00:00+00'),
    pg_temp.post('cash', 'payouts_due', 5000, '2026-06-05 10:00+00');

select is(pg_temp.figures('2026-06-01', '2026-07-01'), '(130000,30001,10000,4500,20000,64501,65499,50.4,15000)', 'a month');
select is(pg_temp.figures('2026-06-01', '2026-06-10 10:00+00'), '(100000,30001,10000,4500,20000,64501,35499,35.5,15000)', 'the end is exclusive');
select is(pg_temp.figures('2026-06-01', '2026-06-10 10:00:00.000001+00'), '(150000,30001,10000,4500,20000,64501,85499,57.0,15000)', 'to the microsecond');
select is(pg_temp.figures('2026-06-02', '2026-06-05'), '(0,30001,10000,4500,20000,64501,-64501,0,20000)', 'without revenue the margin is 0, and what is owed is that of the end');
select is(pg_temp.figures('2026-06-11', '2026-06-12'), '(-20000,0,0,0,0,0,-20000,0,15000)', 'and so it is with more refunds than sales');
select is(pg_temp.figures('2026-06-01', '2026-06-01'), '(0,0,0,0,0,0,0,0,0)', 'an empty period is 0');
select is((select p.revenue_minor from ledger.profitability(p_currency => 'USD') as p), 130000::numeric, 'the last 30 days, unless said otherwise');
select is(pg_temp.figures('2026-06-01', '2026-07-01', 'EUR'), '(0,0,0,0,0,0,0,0,0)', 'currencies are never added');
select pg_temp.post('revenue', 'cash', 700, '2026-06-01 00:00+00', 'EUR');
select is((select string_agg(p.currency || ' ' || p.revenue_minor, ', ') from ledger.profitability('2026-06-01', '2026-07-01') as p), 'EUR 700, USD 130000', 'a row a currency');
select ledger.fold_rollups();
select is(pg_temp.figures('2026-06-01', '2026-07-01'), '(130000,30001,10000,4500,20000,64501,65499,50.4,15000)', 'folded it is the same');
select is_empty($$select from ledger.profitability(p_account_id => (select a from t))$$, 'books without accounts have no row');

select is(
    c.body -> 'currencies' -> 1,
    '{"currency": "USD", "digits": 2, "revenue_30d": 130000, "openai_cost_30d": 30001, "infra_cost_30d": 10000, "fees_30d": 4500,
        "partner_payouts_30d": 20000, "partner_payouts_pending": 15000, "total_costs_30d": 64501, "net_30d": 65499, "margin_pct": 50.4}',
    'the same over HTTP'
) from k, test.call('GET', '/api/admin/ledger', k.platform) as c;
select is(jsonb_array_length(c.body -> 'currencies') || ' ' || (c.body -> 'currencies' -> 0 ->> 'revenue_30d'), '1 0', 'of a period and a currency')
from k, test.call('GET', '/api/admin/ledger?from=2026-06-02T00:00:00Z&to=2026-06-05T00:00:00Z&currency=USD', k.platform) as c;
select is(b.headers ->> 'ETag', a.headers ->> 'ETag', 'the tag stays while the figures do')
from k, test.call('GET', '/api/admin/ledger', k.platform) as a, test.call('GET', '/api/admin/ledger', k.platform) as b;
select is(c.status, 422, 'a period that ends before it begins')
from k, test.call('GET', '/api/admin/ledger?from=2026-06-05T00:00:00Z&to=2026-06-02T00:00:00Z', k.platform) as c;
select is(c.status, 403, 'for the platform only') from k, test.call('GET', '/api/admin/ledger', k.weak) as c;

select * from finish();
rollback;
