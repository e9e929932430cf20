-- Entries of a currency sum to zero; months are the sums of their days; net is revenue less costs.
select 'entries' as what, currency
from {{ source('bi', 'fct_ledger_entries_daily') }}
group by account_id, currency
having sum(net_amount_minor) <> 0
union all
select 'months', m.currency
from {{ source('bi', 'fct_profitability_monthly') }} as m
left join (
    select account_id, date_trunc('month', profit_date)::date as month_date, currency, sum(net_amount_minor) as net
    from {{ source('bi', 'fct_profitability_daily') }}
    group by 1, 2, 3
) as d on d.account_id = m.account_id and d.month_date = m.month_date and d.currency = m.currency
where d.net is distinct from m.net_amount_minor
    or m.net_amount_minor <> m.revenue_amount_minor - m.costs_amount_minor
