-- bi_store: the materialized views behind bi.
--
-- Each holds what a function of its own reads (see functions/bi/read.sql), and has a unique index on plain columns, which
-- REFRESH MATERIALIZED VIEW CONCURRENTLY needs. A changed column needs a migration that drops the materialized view and its
-- function and makes both anew; the view of bi comes with its file.

create materialized view bi_store.accounts as
select r.* from bi_store.read_accounts() as r;
create unique index accounts_key_idx on bi_store.accounts (account_id);
comment on materialized view bi_store.accounts is 'Accounts, without their names.';

create materialized view bi_store.users as
select r.* from bi_store.read_users() as r;
create unique index users_key_idx on bi_store.users (user_id);
comment on materialized view bi_store.users is 'Users, without their addresses and names.';

create materialized view bi_store.jobs_daily as
select r.* from bi_store.read_jobs_daily() as r;
create unique index jobs_daily_key_idx on bi_store.jobs_daily (account_id, job_date, workflow);
comment on materialized view bi_store.jobs_daily is 'Jobs by account, UTC day and workflow.';

create materialized view bi_store.jobs_hourly as
select r.* from bi_store.read_jobs_hourly() as r;
create unique index jobs_hourly_key_idx on bi_store.jobs_hourly (account_id, hour_at, workflow);
comment on materialized view bi_store.jobs_hourly is 'Jobs by account, hour and workflow, of 35 days.';

create materialized view bi_store.queues as
select r.* from bi_store.read_queues() as r;
create unique index queues_key_idx on bi_store.queues (account_id, workflow);
comment on materialized view bi_store.queues is 'Jobs that wait and run, by account and workflow.';

create materialized view bi_store.usage_monthly as
select r.* from bi_store.read_usage_monthly() as r;
create unique index usage_monthly_key_idx on bi_store.usage_monthly (account_id, month_date);
comment on materialized view bi_store.usage_monthly is 'Metered calls by account and month.';

create materialized view bi_store.spending_daily as
select r.* from bi_store.read_spending_daily() as r;
create unique index spending_daily_key_idx on bi_store.spending_daily (account_id, spending_date);
comment on materialized view bi_store.spending_daily is 'Estimated costs reserved, by account and UTC day.';

create materialized view bi_store.ledger_daily as
select r.* from bi_store.read_ledger_daily() as r;
create unique index ledger_daily_key_idx on bi_store.ledger_daily (account_id, ledger_account_id, entry_date);
comment on materialized view bi_store.ledger_daily is 'Turnover of ledger accounts by UTC day.';

create materialized view bi_store.activity_daily as
select r.* from bi_store.read_activity_daily() as r;
create unique index activity_daily_key_idx on bi_store.activity_daily (account_id, activity_date, dimension_name, dimension_value);
comment on materialized view bi_store.activity_daily is 'Active persons by account, day and value of a dimension.';

create materialized view bi_store.lifecycles as
select r.* from bi_store.read_lifecycles() as r;
create unique index lifecycles_key_idx on bi_store.lifecycles (account_id, period_kind, period_date);
comment on materialized view bi_store.lifecycles is 'New, returning, resurrecting and dormant persons by account and period.';

create materialized view bi_store.referrals_daily as
select r.* from bi_store.read_referrals_daily() as r;
create unique index referrals_daily_key_idx on bi_store.referrals_daily (account_id, referral_date, source, campaign, medium);
comment on materialized view bi_store.referrals_daily is 'Referrals by account, UTC day, source, campaign and medium.';

create materialized view bi_store.campaign_spend_daily as
select r.* from bi_store.read_campaign_spend_daily() as r;
create unique index campaign_spend_daily_key_idx on bi_store.campaign_spend_daily (account_id, spend_date, source, campaign, currency);
comment on materialized view bi_store.campaign_spend_daily is 'What campaigns cost, by account, day, source, campaign and currency.';

create materialized view bi_store.cohorts_weekly as
select r.* from bi_store.read_cohorts_weekly() as r;
create unique index cohorts_weekly_key_idx on bi_store.cohorts_weekly (account_id, cohort_date, period_number);
comment on materialized view bi_store.cohorts_weekly is 'Weekly cohorts of first events, and who came back.';

create materialized view bi_store.alerts as
select r.* from bi_store.read_alerts() as r;
create unique index alerts_key_idx on bi_store.alerts (alert_id);
comment on materialized view bi_store.alerts is 'Alerts, without what they say.';

grant select on
bi_store.accounts, bi_store.users, bi_store.jobs_daily, bi_store.jobs_hourly, bi_store.queues,
bi_store.usage_monthly, bi_store.spending_daily, bi_store.ledger_daily, bi_store.activity_daily, bi_store.lifecycles,
bi_store.referrals_daily, bi_store.campaign_spend_daily, bi_store.cohorts_weekly, bi_store.alerts
to levqor_dba;
