-- What the materialized views of bi_store hold, from the domains below growth. A function each, because
--   - row-level security is forced on the owner: only the machinery sees all accounts, whoever says "refresh";
--   - pg_restore refreshes with row_security off, which fails where a query meets a policy itself.
-- They are for the materialized views only; no door calls them (tested).

create or replace function bi_store.begin_reading()
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before text := coalesce(current_setting('levqor.machinery', true), '');
begin
    perform set_config('levqor.machinery', 'on', true);
    return v_before;
end;
$$;
comment on function bi_store.begin_reading() is
$$See all accounts, for what makes the views of bi. Gives what bi_store.end_reading() needs.$$;

create or replace function bi_store.end_reading(p_before text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('levqor.machinery', p_before, true);
end;
$$;
comment on function bi_store.end_reading(text) is
$$See again what was seen before bi_store.begin_reading(), whose answer p_before is.$$;

create or replace function bi_store.read_accounts()
returns table (
    account_id uuid, account_code text, account_kind text, account_status text, tier text, users_count bigint,
    created_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
    v_before text := bi_store.begin_reading();
begin
    return query
    select a.id, core.show_id('acct', a.id), a.kind, a.status, a.tier, coalesce(m.users, 0), a.created_at
    from identity.account as a
    left join (
        select s.account_id, count(*) as users from identity.membership as s group by s.account_id
    ) as m on m.account_id = a.id;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_accounts() is
$$Rows of bi_store.accounts: accounts without their names, which may be those of persons.$$;

create or replace function bi_store.read_users()
returns table (
    user_id uuid, user_code text, language_code text, currency text, accounts_count bigint, created_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
    v_before text := bi_store.begin_reading();
begin
    return query
    select
        u.id, core.show_id('user', u.id), lower(substring(u.locale from '^([A-Za-z]{2,3})(?:[-_]|$)')), u.currency,
        coalesce(m.accounts, 0), u.created_at
    from identity.user as u
    left join (
        select s.user_id, count(*) as accounts from identity.membership as s group by s.user_id
    ) as m on m.user_id = u.id;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_users() is
$$Rows of bi_store.users: users without e-mail, name and meta. Of the locale the language only.$$;

create or replace function bi_store.read_jobs_daily()
returns table (
    account_id uuid, job_date date, workflow text, submitted_count bigint, succeeded_count bigint, failed_count bigint,
    canceled_count bigint
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
    v_before text := bi_store.begin_reading();
begin
    return query
    select
        h.account_id, (h.hour at time zone 'UTC')::date, h.workflow, sum(h.submitted)::bigint, sum(h.succeeded)::bigint,
        sum(h.failed)::bigint, sum(h.canceled)::bigint
    from jobs.hour as h
    group by 1, 2, 3;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_jobs_daily() is
$$Rows of bi_store.jobs_daily, from jobs.hour.$$;

create or replace function bi_store.read_jobs_hourly()
returns table (
    account_id uuid, hour_at timestamptz, workflow text, submitted_count bigint, succeeded_count bigint,
    failed_count bigint, canceled_count bigint
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
    v_before text := bi_store.begin_reading();
begin
    return query
    select h.account_id, h.hour, h.workflow, h.submitted, h.succeeded, h.failed, h.canceled
    from jobs.hour as h
    where h.hour >= date_trunc('hour', core.now()) - interval '35 days';
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_jobs_hourly() is
$$Rows of bi_store.jobs_hourly, from jobs.hour: the last 35 days.$$;

create or replace function bi_store.read_queues()
returns table (
    account_id uuid, workflow text, waiting_count bigint, running_count bigint, counted_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
    v_before text := bi_store.begin_reading();
begin
    return query
    select t.account_id, t.workflow, t.waiting, t.running, t.folded_at
    from jobs.tally as t
    where t.waiting <> 0 or t.running <> 0;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_queues() is
$$Rows of bi_store.queues, from jobs.tally: the counts that the clock folds, not the tables of waiting and running jobs.$$;

create or replace function bi_store.read_usage_monthly()
returns table (
    account_id uuid, month_date date, tier text, used_count bigint, allowed_count bigint, is_current boolean
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
    v_before text := bi_store.begin_reading();
begin
    -- The month that is under way is in a hot table, which no report may read. This is the copy that reports read: a short
    -- statement of the clock, volatile as all that reads hot tables (core.compact).
    return query
    select u.account_id, u.month, a.tier, u.used, nullif(u.allowed, 9223372036854775807), u.month = quota.month()
    from quota.usage as u
    inner join identity.account as a on a.id = u.account_id
    union all
    select h.account_id, h.month, h.tier, h.used, h.allowed, false
    from quota.usage_history as h
    where not exists (select from quota.usage as c where c.account_id = h.account_id and c.month = h.month);
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_usage_monthly() is
$$Rows of bi_store.usage_monthly: months that are over from quota.usage_history, and a copy of the month that is under way.$$;

create or replace function bi_store.read_spending_daily()
returns table (account_id uuid, spending_date date, reserved_amount_minor numeric, currency text)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
    v_before text := bi_store.begin_reading();
begin
    return query
    select s.account_id, s.day, s.reserved_usd * 100, 'USD'
    from quota.spending as s;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_spending_daily() is
$$Rows of bi_store.spending_daily, from quota.spending.$$;

create or replace function bi_store.read_alerts()
returns table (
    alert_id uuid, account_id uuid, alert_level text, alert_source text, alert_state text, occurrences_count bigint,
    openings_count integer, first_seen_at timestamptz, last_seen_at timestamptz, opened_at timestamptz,
    acknowledged_at timestamptz, resolved_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
    v_before text := bi_store.begin_reading();
begin
    return query
    select
        a.id, a.account_id, a.level, a.source, a.state, a.occurrences, a.times_opened, a.first_seen_at, a.last_seen_at,
        a.opened_at, a.acknowledged_at, a.resolved_at
    from alerts.alert as a;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_alerts() is
$$Rows of bi_store.alerts: alerts without what they say and who took them on.$$;
