-- Profitability: what came in, what it cost, what is left, by currency.

create or replace function ledger.profitability(
    p_from timestamptz default core.now() - interval '30 days',
    p_to timestamptz default core.now(),
    p_currency text default null,
    p_account_id uuid default null
)
returns table (
    currency text, revenue_minor numeric, ai_cost_minor numeric, infrastructure_minor numeric, fees_minor numeric,
    payouts_minor numeric, total_costs_minor numeric, net_minor numeric, margin_pct numeric, payouts_pending_minor numeric
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with turnover as materialized (
        select t.currency, t.category, sum(t.net_minor) as net
        from ledger.turnover(p_from, p_to, '{revenue,ai_cost,infrastructure,fees,payouts}', null, p_account_id) as t
        group by t.currency, t.category
    ),
    pending as materialized (
        select t.currency, -sum(t.net_minor) as net
        from ledger.turnover('-infinity', p_to, '{payouts_due}', null, p_account_id) as t
        group by t.currency
    ),
    sums as (
        select
            c.currency,
            coalesce(-sum(t.net) filter (where t.category = 'revenue'), 0) as revenue,
            coalesce(sum(t.net) filter (where t.category = 'ai_cost'), 0) as ai_cost,
            coalesce(sum(t.net) filter (where t.category = 'infrastructure'), 0) as infrastructure,
            coalesce(sum(t.net) filter (where t.category = 'fees'), 0) as fees,
            coalesce(sum(t.net) filter (where t.category = 'payouts'), 0) as payouts,
            coalesce(sum(t.net) filter (where t.category <> 'revenue'), 0) as costs
        from (select t.currency from turnover as t union select p.currency from pending as p) as c
        left join turnover as t on t.currency = c.currency
        group by c.currency
    )
    select
        s.currency, s.revenue, s.ai_cost, s.infrastructure, s.fees, s.payouts, s.costs, s.revenue - s.costs,
        case when s.revenue > 0 then round((s.revenue - s.costs) * 100 / s.revenue, 1) else 0 end,
        coalesce(p.net, 0)
    from sums as s
    left join pending as p on p.currency = s.currency
    where p_currency is null or s.currency = p_currency
    order by s.currency
$$;
comment on function ledger.profitability(timestamptz, timestamptz, text, uuid) is
$$Revenue, costs, net and margin of a period, a row a currency, never mixed:
select * from ledger.profitability('2026-11-01', '2026-12-01').

p_from inclusive, p_to exclusive, by event_at; the last 30 days unless said otherwise. p_currency: only this one. p_account_id: whose
books, null for the operator's. Amounts in minor units of the currency.

Formulas: revenue = −Σ of entries on accounts of the category revenue (a refund makes it less); ai_cost, infrastructure, fees, payouts
= Σ of entries on accounts of these categories (a credit note makes it less); total_costs = their sum; net = revenue − total_costs;
margin_pct = 100 × net ÷ revenue, rounded to one decimal, 0 where revenue is 0 or less; payouts_pending = −(balance of the accounts of
the category payouts_due at p_to): what is owed to partners and not paid. A currency without an account of these categories has no row.
Raises LQ422 for a period that ends before it begins.$$;
grant execute on function ledger.profitability(timestamptz, timestamptz, text, uuid) to levqor_dba;

create or replace function api.show_profitability(
    p_from timestamptz default null, p_to timestamptz default null, p_currency text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_to timestamptz := coalesce(p_to, core.now());
    v_from timestamptz := coalesce(p_from, v_to - interval '30 days');
    v_currencies jsonb;
begin
    select coalesce(jsonb_agg(jsonb_build_object(
        'currency', p.currency,
        'digits', c.digits,
        'revenue_30d', p.revenue_minor,
        'openai_cost_30d', p.ai_cost_minor,
        'infra_cost_30d', p.infrastructure_minor,
        'fees_30d', p.fees_minor,
        'partner_payouts_30d', p.payouts_minor,
        'partner_payouts_pending', p.payouts_pending_minor,
        'total_costs_30d', p.total_costs_minor,
        'net_30d', p.net_minor,
        'margin_pct', p.margin_pct
    ) order by p.currency), '[]')
    into v_currencies
    from ledger.profitability(v_from, v_to, p_currency, ledger.caller_books()) as p
    inner join ledger.currency as c on c.code = p.currency;
    return http.json(
        200, jsonb_build_object('from', v_from, 'to', v_to, 'currencies', v_currencies),
        -- Of the figures alone: a period that ends now has another end at each call.
        jsonb_build_object('ETag', 'W/"' || md5(concat_ws(' ', p_from, p_to, v_currencies)) || '"', 'Cache-Control', 'no-cache')
    );
end;
$$;
comment on function api.show_profitability(timestamptz, timestamptz, text) is
$$See revenue, costs, net and margin

One element a currency, amounts in its minor units; currencies are never added. The last 30 days unless from (inclusive) and to
(exclusive) say otherwise: the figures are of that period then, whatever their names say. margin_pct is 0 where there is no revenue.
partner_payouts_pending is what is owed at the end of the period.$$;

select http.register_route('GET', '/api/admin/ledger', 'api.show_profitability', p_domain => 'ledger',
    p_scopes => '{platform}', p_limit_class => 'manage', p_lane => 'alone', p_timeout_ms => 10000,
    p_parameters => '{
        "from": {"type": "string", "format": "date-time", "description": "begin of the period; 30 days before its end unless said"},
        "to": {"type": "string", "format": "date-time", "description": "end of the period, exclusive; now unless said"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "only this one"}}',
    p_responses => '{"200": {"description": "The figures", "schema": {"type": "object", "additionalProperties": false,
        "required": ["from", "to", "currencies"], "properties": {
            "from": {"type": "string", "format": "date-time"},
            "to": {"type": "string", "format": "date-time"},
            "currencies": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["currency", "digits", "revenue_30d", "openai_cost_30d", "infra_cost_30d", "fees_30d",
                    "partner_payouts_30d", "partner_payouts_pending", "total_costs_30d", "net_30d", "margin_pct"],
                "properties": {
                    "currency": {"type": "string", "description": "ISO 4217"},
                    "digits": {"type": "integer", "description": "decimal digits of its minor unit"},
                    "revenue_30d": {"type": "integer"}, "openai_cost_30d": {"type": "integer"},
                    "infra_cost_30d": {"type": "integer"}, "fees_30d": {"type": "integer"},
                    "partner_payouts_30d": {"type": "integer"},
                    "partner_payouts_pending": {"type": "integer"}, "total_costs_30d": {"type": "integer"},
                    "net_30d": {"type": "integer"}, "margin_pct": {"type": "number"}}}}}},
        "headers": {"ETag": {"description": "Changes when a figure does", "schema": {"type": "string"}}}}, "422": {}}');
