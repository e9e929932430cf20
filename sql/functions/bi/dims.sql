-- Views of bi: what facts are told by.
--
-- A view runs with the rights of its owner, but its functions with those of whoever asks: so there are none of ours in here.

create or replace view bi.dim_dates as
select
    d.day::date as calendar_date,
    pg_catalog.date_part('year', d.day)::integer as year_number,
    pg_catalog.date_part('quarter', d.day)::integer as quarter_number,
    pg_catalog.date_part('month', d.day)::integer as month_number,
    pg_catalog.date_part('day', d.day)::integer as day_number,
    pg_catalog.date_part('isoyear', d.day)::integer as iso_year_number,
    pg_catalog.date_part('week', d.day)::integer as iso_week_number,
    pg_catalog.date_part('isodow', d.day)::integer as weekday_number,
    pg_catalog.date_trunc('month', d.day)::date as month_date,
    pg_catalog.date_trunc('week', d.day)::date as week_date,
    pg_catalog.date_part('isodow', d.day) >= 6 as is_weekend
from pg_catalog.generate_series('2015-01-01'::timestamp, '2049-12-31'::timestamp, '1 day'::interval) as d (day);
select bi_store.describe('dim_dates', 'The calendar, from 2015 to 2049', 'day', 'never changes', '{
    "calendar_date": ["the day; key"],
    "year_number": ["its year", "years"],
    "quarter_number": ["its quarter, 1 to 4"],
    "month_number": ["its month, 1 to 12"],
    "day_number": ["day of the month, 1 to 31"],
    "iso_year_number": ["year that its ISO 8601 week belongs to", "years"],
    "iso_week_number": ["its ISO 8601 week, 1 to 53"],
    "weekday_number": ["its weekday, 1 (Monday) to 7"],
    "month_date": ["first day of its month"],
    "week_date": ["Monday of its week"],
    "is_weekend": ["whether it is a Saturday or Sunday"]}', p_time_zone => 'none: a day on the calendar');

create or replace view bi.dim_accounts as
select
    a.account_id, a.account_code, a.account_kind, a.account_status, a.tier, a.account_kind = 'operator' as is_operator,
    a.users_count, a.created_at, (a.created_at at time zone 'UTC')::date as created_date
from bi_store.accounts as a;
select bi_store.describe('dim_accounts', 'Accounts: the customers and the operator. Without names, which may be those of persons',
    'account', 'at most 20 minutes old', '{
    "account_id": ["the account; key"],
    "account_code": ["the same as the API shows it, acct_…"],
    "account_kind": ["operator: who runs this deployment; company; personal: made for a user who came alone"],
    "account_status": ["active; suspended: may read only; closed"],
    "tier": ["tier it is on now; see dim_tiers"],
    "is_operator": ["whether it is the operator''s own"],
    "users_count": ["users who are members now", "users"],
    "created_at": ["when it was made"],
    "created_date": ["UTC day on which it was made"]}', 'accounts');

create or replace view bi.dim_users as
select
    u.user_id, u.user_code, u.language_code, u.currency, u.accounts_count, u.created_at,
    (u.created_at at time zone 'UTC')::date as created_date
from bi_store.users as u;
select bi_store.describe('dim_users', 'Users: persons who can log in. Without e-mail and name', 'user', 'at most 20 minutes old', '{
    "user_id": ["the user; key. A pseudonym: it is still a person''s"],
    "user_code": ["the same as the API shows it, user_…"],
    "language_code": ["language of the user''s locale, ISO 639; null: not told"],
    "currency": ["currency that the user prefers, ISO 4217; null: not told"],
    "accounts_count": ["accounts the user is a member of now", "accounts"],
    "created_at": ["when the user was made"],
    "created_date": ["UTC day on which the user was made"]}', 'users');

create or replace view bi.dim_tiers as
select t.name as tier, t.calls_per_month as allowed_count, t.calls_per_month is null as is_unlimited
from quota.tier as t;
select bi_store.describe('dim_tiers', 'Tiers that accounts can be on', 'tier', 'live', '{
    "tier": ["name of the tier; key"],
    "allowed_count": ["metered calls a calendar month (UTC); null: unlimited", "calls"],
    "is_unlimited": ["whether calls are not limited"]}');

create or replace view bi.dim_servers as
select
    s.id as server_id, s.version as server_version, s.build as server_build, s.started_at, s.seen_at,
    s.seen_at > pg_catalog.now() - '30 seconds'::interval as is_alive
from ops.server as s;
select bi_store.describe('dim_servers', 'Server processes that run or ran in the last 30 days', 'server process', 'live', '{
    "server_id": ["name of the process; key"],
    "server_version": ["version of the product it runs"],
    "server_build": ["build it runs"],
    "started_at": ["when it started"],
    "seen_at": ["when it said last that it is alive; every five seconds"],
    "is_alive": ["whether it said so in the last 30 seconds"]}');

create or replace view bi.refreshes as
select
    p.name as store_name, p.kind as store_kind, r.refreshed_at,
    pg_catalog.date_part('epoch', p.every)::bigint as interval_seconds,
    pg_catalog.round(pg_catalog.date_part('epoch', r.took)::numeric, 3) as took_seconds,
    r.rows as rows_count,
    r.failed_at, r.sqlstate as failure_code, r.stood_back_at, r.stood_back_for as stood_back_reason,
    r.refreshed_at is null or r.refreshed_at < pg_catalog.now() - 4 * p.every - '1 hour'::interval as is_late
from bi_store.plan as p
left join bi_store.refresh as r on r.name = p.name;
select bi_store.describe('refreshes', 'What the views of bi show is of when: one row for each store behind them', 'store', 'live', '{
    "store_name": ["materialized view or table of days in bi_store; key. The dictionary says which view shows it"],
    "store_kind": ["view: refreshed as a whole; days: days that may still change are counted again"],
    "refreshed_at": ["what it shows is of this time; null: never refreshed"],
    "interval_seconds": ["how often it is refreshed at most", "seconds"],
    "took_seconds": ["how long the last refresh took", "seconds"],
    "rows_count": ["rows it has; of days: rows the last refresh wrote", "rows"],
    "failed_at": ["when a refresh failed; null: not since the last good one"],
    "failure_code": ["SQLSTATE of that failure"],
    "stood_back_at": ["when a refresh was put off last to spare the queue; null: not since the last good one"],
    "stood_back_reason": ["why it was put off"],
    "is_late": ["whether it is older than four intervals and an hour"]}');
