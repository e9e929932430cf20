-- Views of bi: jobs, calls, messages, and how the deployment does.

create or replace view bi.fct_jobs_daily as
select
    j.account_id, j.job_date, j.workflow, j.submitted_count, j.succeeded_count, j.failed_count, j.canceled_count,
    j.succeeded_count + j.failed_count + j.canceled_count as ended_count
from bi_store.jobs_daily as j;
select bi_store.describe('fct_jobs_daily', 'Jobs that came and ended. Kept for the setting jobs.keep_hours_days',
    'account, UTC day and workflow', 'at most 20 minutes old', '{
    "account_id": ["account of the jobs; see dim_accounts"],
    "job_date": ["UTC day on which they came or ended"],
    "workflow": ["what was to be done"],
    "submitted_count": ["jobs handed in on the day", "jobs"],
    "succeeded_count": ["jobs that succeeded on the day, whenever they came", "jobs"],
    "failed_count": ["jobs that failed for good on the day, less failed ones handed in again; so it may be negative", "jobs"],
    "canceled_count": ["jobs canceled on the day", "jobs"],
    "ended_count": ["succeeded, failed and canceled ones together", "jobs"]}', 'jobs_daily');

create or replace view bi.fct_jobs_hourly as
select
    j.account_id, j.hour_at, j.workflow, j.submitted_count, j.succeeded_count, j.failed_count, j.canceled_count,
    j.succeeded_count + j.failed_count + j.canceled_count as ended_count
from bi_store.jobs_hourly as j;
select bi_store.describe('fct_jobs_hourly', 'Jobs that came and ended in the last 35 days', 'account, hour and workflow',
    'at most 20 minutes old', '{
    "account_id": ["account of the jobs; see dim_accounts"],
    "hour_at": ["begin of the hour"],
    "workflow": ["what was to be done"],
    "submitted_count": ["jobs handed in in the hour", "jobs"],
    "succeeded_count": ["jobs that succeeded in the hour, whenever they came", "jobs"],
    "failed_count": ["jobs that failed for good in the hour, less failed ones handed in again; so it may be negative", "jobs"],
    "canceled_count": ["jobs canceled in the hour", "jobs"],
    "ended_count": ["succeeded, failed and canceled ones together", "jobs"]}', 'jobs_hourly');

create or replace view bi.fct_queues as
select q.account_id, q.workflow, q.waiting_count, q.running_count, q.counted_at
from bi_store.queues as q;
select bi_store.describe('fct_queues', 'Jobs that wait and run now; no row where there are none', 'account and workflow',
    'at most 10 minutes old', '{
    "account_id": ["account of the jobs; see dim_accounts"],
    "workflow": ["what is to be done"],
    "waiting_count": ["jobs that wait, delayed ones among them", "jobs"],
    "running_count": ["jobs that workers have", "jobs"],
    "counted_at": ["when these counts changed last"]}', 'queues');

create or replace view bi.fct_uptime_minutes as
select u.minute as minute_at, u.is_ready, u.queue_depth as waiting_count
from ops.uptime_sample as u;
select bi_store.describe('fct_uptime_minutes',
    'Samples of readiness. A minute without a row counts as down. Kept for the setting ops.keep_samples_days', 'minute', 'live', '{
    "minute_at": ["begin of the minute; key"],
    "is_ready": ["whether the deployment was ready"],
    "waiting_count": ["jobs that waited, over all accounts", "jobs"]}');

create or replace view bi.fct_usage_monthly as
select
    u.account_id, u.month_date, u.tier, u.used_count, u.allowed_count, u.allowed_count is null as is_unlimited,
    pg_catalog.round(u.used_count::numeric / nullif(u.allowed_count, 0), 4) as used_ratio, u.is_current
from bi_store.usage_monthly as u;
select bi_store.describe('fct_usage_monthly', 'Metered calls and what the tier allows. Kept for the setting quota.keep_history_months',
    'account and month', 'at most 20 minutes old', '{
    "account_id": ["account that called; see dim_accounts"],
    "month_date": ["first day of the month"],
    "tier": ["tier at the end of the month; of the current one, now"],
    "used_count": ["calls charged, less those given back", "calls"],
    "allowed_count": ["calls that the tier allowed; null: unlimited", "calls"],
    "is_unlimited": ["whether calls were not limited"],
    "used_ratio": ["used_count ÷ allowed_count; null: unlimited, or none allowed", "ratio, 1 is all"],
    "is_current": ["whether the month is under way"]}', 'usage_monthly');

create or replace view bi.fct_spending_daily as
select s.account_id, s.spending_date, s.reserved_amount_minor, s.currency
from bi_store.spending_daily as s;
select bi_store.describe('fct_spending_daily',
    'Estimated costs of the jobs taken. No money moved by it: see fct_ledger_entries_daily. Kept for the setting quota.keep_spending_days',
    'account and UTC day', 'at most 20 minutes old', '{
    "account_id": ["account of the jobs; see dim_accounts"],
    "spending_date": ["UTC day on which they were taken"],
    "reserved_amount_minor": ["sum of their estimated costs, with fractions of a cent", "minor units of currency"],
    "currency": ["currency of the amount, ISO 4217"]}', 'spending_daily');

create or replace view bi.fct_requests_daily as
select
    r.day as request_date, r.route, r.status_class, r.requests as requests_count, r.accounts as accounts_count,
    pg_catalog.round(r.total_micros / r.requests / 1000, 3) as mean_ms,
    pg_catalog.round(r.p50_micros / 1000.0, 3) as p50_ms,
    pg_catalog.round(r.p95_micros / 1000.0, 3) as p95_ms,
    r.bytes_in as received_bytes, r.bytes_out as sent_bytes
from bi_store.request_day as r;
select bi_store.describe('fct_requests_daily', 'Requests over HTTP, from the access record. Kept for the setting bi.keep_days',
    'UTC day, route and class of status', 'at most 70 minutes old', '{
    "request_date": ["UTC day on which they came"],
    "route": ["method and path of the route; none: there was no route"],
    "status_class": ["class of the HTTP status: 2xx, 3xx, 4xx or 5xx"],
    "requests_count": ["requests", "requests"],
    "accounts_count": ["different accounts that they were made for; not to be added up over rows", "accounts"],
    "mean_ms": ["mean time from the request to the answer", "milliseconds"],
    "p50_ms": ["half of them took no longer", "milliseconds"],
    "p95_ms": ["95 of 100 took no longer", "milliseconds"],
    "received_bytes": ["bytes of their bodies", "bytes"],
    "sent_bytes": ["bytes of the answers'' bodies", "bytes"]}');

create or replace view bi.fct_webhook_deliveries_daily as
select
    d.account_id, d.day as message_date, d.event_type, d.messages as messages_count, d.delivered as delivered_count,
    d.dead as dead_count, d.messages - d.delivered - d.dead as due_count, d.attempts as attempts_count,
    d.failed_attempts as failed_attempts_count,
    pg_catalog.round(d.total_seconds / nullif(d.delivered, 0), 3) as mean_delivery_seconds
from bi_store.delivery_day as d
where d.kind = 'http';
select bi_store.describe('fct_webhook_deliveries_daily',
    'Webhooks and other HTTP messages to the outside, by the day they were written, and what became of them so far. A day is counted '
    'again for 8 days; what a later replay does is not in it. Kept for the setting bi.keep_days',
    'account, UTC day and event type', 'at most 20 minutes old for today and yesterday, 6 hours for days before', '{
    "account_id": ["account in whose name they went out; see dim_accounts"],
    "message_date": ["UTC day on which they were written"],
    "event_type": ["what they told, such as thing.verb"],
    "messages_count": ["messages written", "messages"],
    "delivered_count": ["messages that were answered well", "messages"],
    "dead_count": ["messages given up", "messages"],
    "due_count": ["messages that were neither when the day was counted", "messages"],
    "attempts_count": ["attempts that ended", "attempts"],
    "failed_attempts_count": ["attempts that delivered nothing", "attempts"],
    "mean_delivery_seconds": ["mean time from writing to delivery, of the delivered ones; null: none was", "seconds"]}');

create or replace view bi.fct_mails_daily as
select
    m.account_id, m.day as mail_date, m.template, m.class as mail_class, m.state as mail_state,
    nullif(m.reason, '') as left_out_reason, m.mails as mails_count
from bi_store.mail_day as m;
select bi_store.describe('fct_mails_daily',
    'Mails by the day they were made, and what became of them so far. A day is counted again for 8 days. Kept for the setting bi.keep_days',
    'account, UTC day, template, class, state and reason', 'at most 20 minutes old for today and yesterday, 6 hours for days before', '{
    "account_id": ["account in whose name they go; see dim_accounts"],
    "mail_date": ["UTC day on which they were made"],
    "template": ["name of the template"],
    "mail_class": ["transactional, or the marketing category"],
    "mail_state": ["queued; left-out: not sent, see left_out_reason; sent: a mail server took it; bounced; failed"],
    "left_out_reason": ["bounce, complaint, manual, unsubscribe or refused; null: not left out"],
    "mails_count": ["mails, one for each address", "mails"]}');

create or replace view bi.fct_schedule_runs as
select
    r.task as task_name, r.slot as slot_at, r.kind as run_kind, coalesce(r.outcome, 'running') as run_outcome,
    r.started_at, r.finished_at, (r.slot at time zone 'UTC')::date as slot_date,
    pg_catalog.round(pg_catalog.date_part('epoch', r.worked)::numeric, 6) as worked_seconds,
    r.steps as steps_count, r.attempts as failed_attempts_count, r.touched as rows_count, r.missed as missed_slots_count,
    r.sqlstate as failure_code
from schedule.run as r;
select bi_store.describe('fct_schedule_runs',
    'Runs of scheduled tasks. Kept for the setting schedule.keep_runs_days; good ones of tasks that run more than once a minute for an '
    'hour',
    'task and slot', 'live', '{
    "task_name": ["the task"],
    "slot_at": ["begin of the slot it was due in; of a manual run, when it was asked for"],
    "run_kind": ["scheduled, or manual: asked for by somebody"],
    "run_outcome": ["succeeded, failed, timed out, missed (too late to be run), running (there is more to do)"],
    "started_at": ["begin of the work; null: not begun, or missed"],
    "finished_at": ["end of the work; null: not ended"],
    "slot_date": ["UTC day of the slot"],
    "worked_seconds": ["time that its steps took together", "seconds"],
    "steps_count": ["steps that were done well", "steps"],
    "failed_attempts_count": ["failed attempts of the last step", "attempts"],
    "rows_count": ["rows it touched, as the task told; null: it tells none", "rows"],
    "missed_slots_count": ["slots before this one that were left out", "slots"],
    "failure_code": ["SQLSTATE of the last failure; null: none"]}');

create or replace view bi.fct_alerts as
select
    a.alert_id, a.account_id, a.alert_level, a.alert_source, a.alert_state, a.occurrences_count, a.openings_count,
    a.first_seen_at, a.last_seen_at, a.opened_at, (a.opened_at at time zone 'UTC')::date as opened_date,
    a.acknowledged_at, a.resolved_at, a.resolved_at is null as is_open,
    pg_catalog.round(pg_catalog.date_part('epoch', a.acknowledged_at - a.opened_at)::numeric, 3) as acknowledge_seconds,
    pg_catalog.round(pg_catalog.date_part('epoch', a.resolved_at - a.opened_at)::numeric, 3) as resolve_seconds
from bi_store.alerts as a;
select bi_store.describe('fct_alerts',
    'Alerts to the operator: one for each cause, however often it is raised. Resolved ones are kept for the setting alerts.keep_days',
    'alert', 'at most 10 minutes old', '{
    "alert_id": ["the alert; key"],
    "account_id": ["account it is about; null: the deployment"],
    "alert_level": ["info, warning, error or critical: the highest since it was opened"],
    "alert_source": ["what raised it, such as domain.thing"],
    "alert_state": ["open; acknowledged: somebody is on it; resolved"],
    "occurrences_count": ["how often it was raised", "occurrences"],
    "openings_count": ["how often it was opened: 1, and one more after each resolve", "openings"],
    "first_seen_at": ["first occurrence"],
    "last_seen_at": ["last occurrence"],
    "opened_at": ["when it was opened last"],
    "opened_date": ["UTC day on which it was opened last"],
    "acknowledged_at": ["when somebody took it on; null: nobody since it was opened"],
    "resolved_at": ["when it was over; null: it is not"],
    "is_open": ["whether it is not over"],
    "acknowledge_seconds": ["from opening to acknowledging", "seconds"],
    "resolve_seconds": ["from the last opening to the end", "seconds"]}', 'alerts');

select core.seed('bi_store.plan', '{name}', p.plan)
from jsonb_array_elements('[
    {"name": "jobs_daily", "kind": "view", "position": 10, "every": "15 minutes"},
    {"name": "jobs_hourly", "kind": "view", "position": 11, "every": "15 minutes"},
    {"name": "queues", "kind": "view", "position": 12, "every": "5 minutes"},
    {"name": "usage_monthly", "kind": "view", "position": 20, "every": "15 minutes"},
    {"name": "spending_daily", "kind": "view", "position": 21, "every": "15 minutes"},
    {"name": "alerts", "kind": "view", "position": 30, "every": "5 minutes"},
    {"name": "request_day", "kind": "days", "position": 40, "every": "1 hour"},
    {"name": "delivery_day", "kind": "days", "position": 41, "every": "15 minutes", "open_days": 8},
    {"name": "mail_day", "kind": "days", "position": 42, "every": "15 minutes", "open_days": 8},
    {"name": "users", "kind": "view", "position": 90, "every": "15 minutes"},
    {"name": "accounts", "kind": "view", "position": 91, "every": "5 minutes"}
]') as p (plan);
