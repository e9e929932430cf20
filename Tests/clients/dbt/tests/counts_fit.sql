-- Parts are not more than their whole.
select 'fct_webhook_deliveries_daily' as view_name
from {{ source('bi', 'fct_webhook_deliveries_daily') }}
where delivered_count + dead_count > messages_count or due_count < 0 or failed_attempts_count > attempts_count
union all
select 'fct_activity_daily'
from {{ source('bi', 'fct_activity_daily') }}
where dau_count > wau_count or wau_count > mau_count or dau_count > calendar_wau_count or dau_count > calendar_mau_count
union all
select 'fct_lifecycle_periods'
from {{ source('bi', 'fct_lifecycle_periods') }}
where active_count <> new_count + returning_count + resurrecting_count
union all
select 'fct_events_daily'
from {{ source('bi', 'fct_events_daily') }}
where persons_count > events_count or consented_count > events_count
union all
select 'fct_referrals_daily'
from {{ source('bi', 'fct_referrals_daily') }}
where joined_count > referrals_count or referrals_count > touches_count
