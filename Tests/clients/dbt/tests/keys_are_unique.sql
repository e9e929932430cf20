-- What a row is told by, where it is more than one column. No row: all is well.
{% set keys = {
    'fct_jobs_daily': 'account_id, job_date, workflow',
    'fct_jobs_hourly': 'account_id, hour_at, workflow',
    'fct_queues': 'account_id, workflow',
    'fct_usage_monthly': 'account_id, month_date',
    'fct_spending_daily': 'account_id, spending_date',
    'fct_requests_daily': 'request_date, route, status_class',
    'fct_webhook_deliveries_daily': 'account_id, message_date, event_type',
    'fct_mails_daily': 'account_id, mail_date, template, mail_class, mail_state, left_out_reason',
    'fct_ledger_entries_daily': 'ledger_account_id, entry_date',
    'fct_profitability_daily': 'account_id, profit_date, currency',
    'fct_profitability_monthly': 'account_id, month_date, currency',
    'fct_activity_daily': 'account_id, activity_date',
    'fct_activity_by_dimension_daily': 'account_id, activity_date, dimension_name, dimension_value',
    'fct_cohorts_weekly': 'account_id, cohort_date, period_number',
    'fct_lifecycle_periods': 'account_id, period_kind, period_date',
    'fct_events_daily': 'account_id, event_date, event_name, source',
    'fct_referrals_daily': 'account_id, referral_date, source, campaign, medium',
    'fct_campaign_spend_daily': 'account_id, spend_date, source, campaign, currency',
    'fct_schedule_runs': 'task_name, slot_at',
} %}
{% for view, columns in keys.items() %}
select '{{ view }}' as view_name, count(*) as rows_count
from {{ source('bi', view) }}
group by {{ columns }}
having count(*) > 1
{% if not loop.last %}union all{% endif %}
{% endfor %}
