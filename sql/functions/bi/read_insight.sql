-- What the materialized views of bi_store hold, from the ledger and growth. See read.sql.

create or replace function bi_store.read_ledger_daily()
returns table (
    account_id uuid, ledger_account_id uuid, entry_date date, ledger_code text, ledger_category text, currency text,
    in_amount_minor bigint, out_amount_minor bigint, entries_count bigint
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
    -- As ledger.list_buckets(), for all books at once: what is folded, and what is not.
    return query
    select
        a.account_id, a.id, m.day, a.code, a.category, a.currency, sum(m.in_minor)::bigint, sum(m.out_minor)::bigint,
        sum(m.entries)::bigint
    from ledger.account as a
    inner join (
        select
            r.account_id, r.ledger_account_id, (r.bucket at time zone 'UTC')::date as day, r.in_minor, r.out_minor,
            r.entries
        from ledger.rollup as r
        where r.grain = 'day'
        union all
        select
            e.account_id, e.ledger_account_id, (e.event_at at time zone 'UTC')::date, greatest(e.amount_minor, 0),
            greatest(-e.amount_minor, 0), 1
        from ledger.account as o
        left join ledger.rollup_state as s on s.account_id = o.account_id and s.ledger_account_id = o.id
        inner join ledger.entry as e
            on e.account_id = o.account_id and e.ledger_account_id = o.id and e.version > coalesce(s.folded_version, 0)
    ) as m on m.account_id = a.account_id and m.ledger_account_id = a.id
    group by a.account_id, a.id, m.day, a.code, a.category, a.currency;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_ledger_daily() is
$$Rows of bi_store.ledger_daily: turnover of every ledger account by UTC day of event_at, exactly, late entries among them.$$;

create or replace function bi_store.read_activity_daily()
returns table (
    account_id uuid, activity_date date, dimension_name text, dimension_value text, dau_count bigint, wau_count bigint,
    mau_count bigint, calendar_wau_count bigint, calendar_mau_count bigint, returning_count bigint, new_count bigint,
    counted_at timestamptz
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
        d.account_id, d.day, d.dimension::text, d.value::text, d.dau, d.wau, d.mau, d.wau_calendar, d.mau_calendar,
        d.returning_day, d.new_day, d.computed_at
    from growth.active_day as d
    left join growth.definition as f on f.account_id = d.account_id
    -- Rollups are a day or two ahead.
    where d.day <= (core.now() at time zone coalesce(f.time_zone, 'UTC'))::date;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_activity_daily() is
$$Rows of bi_store.activity_daily, from the rollup growth.active_day.$$;

create or replace function bi_store.read_lifecycles()
returns table (
    account_id uuid, period_kind text, period_date date, active_count bigint, new_count bigint, returning_count bigint,
    resurrecting_count bigint, dormant_count bigint
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
    with counted as (
        -- The last day of a week or month that has a row has the whole of it.
        select distinct on (d.account_id, k.kind, k.starts_on)
            d.account_id, k.kind, k.starts_on, (k.starts_on + ('1 ' || k.kind)::interval)::date as next_on, k.active, k.fresh,
            k.back
        from growth.active_day as d
        left join growth.definition as f on f.account_id = d.account_id
        cross join lateral (values
            ('day', d.day, d.dau, d.new_day, d.returning_day),
            ('week', date_trunc('week', d.day::timestamp)::date, d.wau_calendar, d.new_week, d.returning_week),
            ('month', date_trunc('month', d.day::timestamp)::date, d.mau_calendar, d.new_month, d.returning_month)
        ) as k (kind, starts_on, active, fresh, back)
        where d.dimension = '' and d.day <= (core.now() at time zone coalesce(f.time_zone, 'UTC'))::date
        order by d.account_id, k.kind, k.starts_on, d.day desc
    )

    -- Dormant in a period are those of the period before who did not come back; also in one in which nobody was active.
    select
        s.account_id, s.kind, s.starts_on, sum(s.active)::bigint, sum(s.fresh)::bigint, sum(s.back)::bigint,
        sum(s.active - s.fresh - s.back)::bigint, sum(s.before - s.back)::bigint
    from (
        select c.account_id, c.kind, c.starts_on, c.active, c.fresh, c.back, 0 as before from counted as c
        union all
        select c.account_id, c.kind, c.next_on, 0, 0, 0, c.active
        from counted as c
        left join growth.definition as d on d.account_id = c.account_id
        -- Not of a period that has not begun.
        where c.next_on <= (core.now() at time zone coalesce(d.time_zone, 'UTC'))::date
    ) as s
    group by s.account_id, s.kind, s.starts_on
    having sum(s.active) <> 0 or sum(s.before) <> 0;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_lifecycles() is
$$Rows of bi_store.lifecycles, from the rollup growth.active_day.

Of those active in a period: new (their first event of all is in it), returning (active in the period before too), resurrecting (the
others). dormant: active in the period before, and not in it. Of the period that is under way, so far.$$;

create or replace function bi_store.read_referrals_daily()
returns table (
    account_id uuid, referral_date date, source text, campaign text, medium text, referrals_count bigint,
    touches_count bigint, joined_count bigint
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
        r.account_id, (r.first_at at time zone 'UTC')::date, r.source::text, r.campaign::text, r.medium::text, count(*),
        sum(r.touches)::bigint, count(r.joined_at)
    from growth.referral as r
    group by 1, 2, 3, 4, 5;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_referrals_daily() is
$$Rows of bi_store.referrals_daily, from growth.referral: counts, no address.$$;

create or replace function bi_store.read_campaign_spend_daily()
returns table (
    account_id uuid, spend_date date, source text, campaign text, currency text, spend_amount_minor bigint,
    entries_count bigint
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
    select s.account_id, s.day, s.source::text, s.campaign::text, s.currency, sum(s.amount_minor)::bigint, count(*)
    from growth.spend as s
    group by 1, 2, 3, 4, 5;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_campaign_spend_daily() is
$$Rows of bi_store.campaign_spend_daily, from growth.spend.$$;

create or replace function bi_store.read_cohorts_weekly()
returns table (
    account_id uuid, cohort_date date, period_number integer, size_count bigint, returned_count bigint, is_mature boolean
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
    select a.id, c.cohort_start, c.period, c.size, c.persons, c.is_mature
    from identity.account as a
    left join growth.definition as d on d.account_id = a.id
    cross join lateral (
        select (core.now() at time zone coalesce(d.time_zone, 'UTC'))::date as today
    ) as n
    cross join lateral growth.cohort_retention(a.id, 'week', n.today - 52 * 7, n.today) as c
    where exists (select from growth.person as p where p.account_id = a.id) and c.size > 0;
    perform bi_store.end_reading(v_before);
end;
$$;
comment on function bi_store.read_cohorts_weekly() is
$$Rows of bi_store.cohorts_weekly: growth.cohort_retention() by week, of first events, returns on, calendar, for the cohorts of 53 weeks.$$;
