-- What an account has used, and may still use.

create or replace function quota.usage_of(
    p_account_id uuid,
    out tier text,
    out month date,
    out used bigint,
    out allowed bigint,
    out remaining bigint,
    out resets_at timestamptz
)
returns record
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        a.tier, m.month, coalesce(u.used, 0), t.calls_per_month,
        case when t.calls_per_month is not null then greatest(t.calls_per_month - coalesce(u.used, 0), 0) end,
        quota.month_end(m.month)
    from identity.account as a
    inner join quota.tier as t on t.name = a.tier
    cross join (select quota.month() as month) as m
    left join quota.usage as u on u.account_id = a.id and u.month = m.month
    where a.id = p_account_id
$$;
comment on function quota.usage_of(uuid) is
$$What an account has used of this month's metered calls: select * from quota.usage_of(ACCOUNT).

allowed, remaining: null for unlimited. remaining is 0 also where a lower tier allows less than was used. All null for an unknown
account. resets_at: when the next month begins, UTC.$$;

create or replace function quota.list_periods(p_account_id uuid, p_months integer default 12)
returns table (month date, used bigint, allowed bigint, tier text)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select p.month, sum(p.used)::bigint, max(p.allowed), min(p.tier)
    from (
        select h.month, h.used, h.allowed, h.tier
        from quota.usage_history as h
        where h.account_id = p_account_id
        union all
        -- Over, and not yet moved.
        select u.month, u.used, nullif(u.allowed, 9223372036854775807), a.tier
        from quota.usage as u
        inner join identity.account as a on a.id = u.account_id
        where u.account_id = p_account_id
    ) as p
    where p.month < quota.month() and p.month >= quota.month() - make_interval(months => p_months)
    group by p.month
    order by p.month desc
$$;
comment on function quota.list_periods(uuid, integer) is
$$What an account used in the last p_months months that are over, latest first; months without a call are left out.

allowed: null for unlimited. tier: of the end of the month.$$;

create or replace function api.show_usage()
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := core.current_account();
    v_usage record;
    v_costs record;
begin
    select u.* into v_usage from quota.usage_of(v_account_id) as u;
    select c.* into v_costs from quota.spending_of(v_account_id) as c;
    return http.json(200, jsonb_build_object(
        'ok', true,
        'tier', v_usage.tier,
        'current_period', jsonb_build_object(
            'calls_used', v_usage.used,
            'calls_limit', v_usage.allowed,
            'calls_remaining', v_usage.remaining,
            'reset_at', v_usage.resets_at
        ),
        'spending', jsonb_build_object(
            'day', v_costs.day,
            'spent_usd', trim_scale(v_costs.spent_usd),
            'remaining_usd', trim_scale(v_costs.remaining_usd),
            'reset_at', v_costs.resets_at
        ),
        'guardrails', jsonb_build_object(
            'job_usd', trim_scale(v_costs.job_usd), 'day_usd', trim_scale(v_costs.day_usd)
        ),
        'periods', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'month', to_char(p.month, 'YYYY-MM'), 'calls_used', p.used, 'calls_limit', p.allowed, 'tier', p.tier
            ) order by p.month desc), '[]')
            from quota.list_periods(v_account_id) as p
        )
    ));
end;
$$;
comment on function api.show_usage() is
$$See what the account has used

Metered calls of this month and of the last twelve, and estimated costs of today. Asking is not metered. A limit of null: unlimited.$$;

select http.register_route('GET', '/api/developer/usage', 'api.show_usage', p_domain => 'quota', p_limit_class => 'read',
    p_responses => '{"200": {"description": "What is used, and what is left", "schema": {"type": "object",
        "additionalProperties": false,
        "required": ["ok", "tier", "current_period", "spending", "guardrails", "periods"], "properties": {
            "ok": {"const": true},
            "tier": {"type": "string"},
            "current_period": {"type": "object", "additionalProperties": false,
                "required": ["calls_used", "calls_limit", "calls_remaining", "reset_at"], "properties": {
                    "calls_used": {"type": "integer", "minimum": 0},
                    "calls_limit": {"type": ["integer", "null"], "minimum": 0, "description": "null: unlimited"},
                    "calls_remaining": {"type": ["integer", "null"], "minimum": 0, "description": "null: unlimited"},
                    "reset_at": {"type": "string", "format": "date-time"}}},
            "spending": {"type": "object", "additionalProperties": false,
                "required": ["day", "spent_usd", "remaining_usd", "reset_at"], "properties": {
                    "day": {"type": "string", "format": "date"},
                    "spent_usd": {"type": "number", "minimum": 0, "description": "estimated costs of the jobs of the day"},
                    "remaining_usd": {"type": "number", "minimum": 0},
                    "reset_at": {"type": "string", "format": "date-time"}}},
            "guardrails": {"type": "object", "additionalProperties": false, "required": ["job_usd", "day_usd"],
                "properties": {
                    "job_usd": {"type": "number", "minimum": 0, "description": "highest estimated cost of a job"},
                    "day_usd": {"type": "number", "minimum": 0, "description": "highest sum of a day"}}},
            "periods": {"type": "array", "description": "months that are over, latest first", "items": {
                "type": "object", "additionalProperties": false,
                "required": ["month", "calls_used", "calls_limit", "tier"], "properties": {
                    "month": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
                    "calls_used": {"type": "integer", "minimum": 0},
                    "calls_limit": {"type": ["integer", "null"], "minimum": 0},
                    "tier": {"type": "string"}}}}}}}}');
