-- What the operator's front end shows: users and referrals, activity of the last days, and what each source brought.

create or replace function api.show_growth(
    p_from date default null,
    p_to date default null,
    p_currency text default 'USD',
    p_limit integer default 100,
    p_after text default null,
    p_accept text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := ledger.caller_books();
    v_today date := (core.now() at time zone (growth.definition_of(v_account_id)).time_zone)::date;
    v_to date := coalesce(p_to, v_today);
    v_from date := coalesce(p_from, v_to - 29);
    v_skip integer := 0;
    v_all jsonb;
    v_rows jsonb;
    v_next text;
    v_summary jsonb;
begin
    if p_after is not null then
        if p_after !~ '^[0-9]{1,9}$' then
            raise exception using
                errcode = 'LQ422', message = '"after" is no place in the list', hint = 'Take it from next of the page before.';
        end if;
        v_skip := p_after::integer;
    end if;
    with reported as (
        select r.*, row_number() over () as place
        from growth.source_report(v_account_id, v_from, v_to, p_currency) as r
    )
    select
        coalesce(jsonb_agg(to_jsonb(r) - 'place' order by r.place), '[]'),
        jsonb_build_object(
            'total_visits', coalesce(sum(r.visits), 0), 'total_signups', coalesce(sum(r.signups), 0),
            'total_revenue_minor', coalesce(sum(r.revenue_minor), 0), 'total_cost_minor', coalesce(sum(r.cost_minor), 0),
            'overall_conversion_pct', round(sum(r.signups) * 100.0 / nullif(sum(r.visits), 0), 2),
            'overall_roi', round((sum(r.revenue_minor) - sum(r.cost_minor)) / nullif(sum(r.cost_minor), 0), 4)
        )
    into v_all, v_summary
    from reported as r;
    select coalesce(jsonb_agg(s.value order by s.place), '[]') into v_rows
    from jsonb_array_elements(v_all) with ordinality as s (value, place)
    where s.place > v_skip and s.place <= v_skip + p_limit;
    if jsonb_array_length(v_all) > v_skip + p_limit then
        v_next := v_skip + p_limit;
    end if;
    return http.rows(
        p_accept,
        jsonb_build_object(
            'from', v_from, 'to', v_to, 'window_days', v_to - v_from + 1, 'currency', p_currency,
            'sources', v_rows, 'summary', v_summary, 'next', v_next
        ),
        '{source,visits,visitors,signups,conversion_pct,revenue_minor,payers,arpu_minor,cost_minor,roi}', v_rows,
        growth.next_link('/api/admin/growth', v_next, jsonb_build_object(
            'from', v_from, 'to', v_to, 'currency', p_currency, 'limit', p_limit
        ))
    );
end;
$$;
comment on function api.show_growth(date, date, text, integer, text, text) is
$$See what each source brought and cost

Visits, sign-ups, conversion, revenue, revenue a sign-up and return on spend, by source, the one with the most revenue first; the last
30 days unless from and to say otherwise. Money in minor units of one currency: amounts in others are not counted. Revenue is the
ledger's, and belongs to the source that its payer came from first, however long ago; cost is what POST /api/admin/growth/spend entered.
A source of null: payers that nobody is known for. summary is of all sources, whatever the page. next holds the value of after for the
next page, as does the Link header. CSV by Accept.$$;

create or replace function api.show_admin_analytics()
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := ledger.caller_books();
    v_now timestamptz := core.now();
    v_users jsonb;
    v_referrals jsonb;
begin
    select jsonb_build_object(
        'total', count(*),
        'new_7d', count(*) filter (where u.created_at > v_now - interval '7 days'),
        'new_30d', count(*) filter (where u.created_at > v_now - interval '30 days')
    ) into v_users
    from identity.user as u
    where core.sees_all() or exists (
        select from identity.membership as m where m.user_id = u.id and m.account_id = v_account_id
    );
    select jsonb_build_object(
        'total_7d', coalesce(sum(r.week), 0), 'total_30d', coalesce(sum(r.month), 0),
        'top_sources', coalesce(
            jsonb_agg(jsonb_build_object('source', r.source, 'count', r.month) order by r.place) filter (where r.place <= 10), '[]'
        )
    ) into v_referrals
    from (
        select
            f.source, count(*) filter (where f.first_at > v_now - interval '7 days') as week, count(*) as month,
            row_number() over (order by count(*) desc, f.source) as place
        from growth.referral as f
        where f.account_id = v_account_id and f.first_at > v_now - interval '30 days'
        group by f.source
    ) as r;
    return http.json(200, jsonb_build_object('users', v_users, 'referrals', v_referrals, 'timestamp', v_now), jsonb_build_object(
        -- Of the figures alone: the time of the answer is another at each call.
        'ETag', 'W/"' || md5(v_users::text || v_referrals) || '"', 'Cache-Control', 'private, no-cache'
    ));
end;
$$;
comment on function api.show_admin_analytics() is
$$See users and referrals

Users in all and new ones of the last 7 and 30 times 24 hours: of the whole deployment, or, in the name of an account, its members.
Referrals that were new in that time, and the ten sources with the most of them in 30 days.$$;

create or replace function api.show_admin_retention()
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := ledger.caller_books();
    v_today date := (core.now() at time zone (growth.definition_of(v_account_id)).time_zone)::date;
    v_metrics jsonb;
begin
    -- Whole days only: the last is yesterday.
    select coalesce(jsonb_agg(jsonb_build_object(
        'day', a.day, 'dau', a.dau, 'wau', a.wau, 'mau', a.mau, 'computed_at', coalesce(r.computed_at, core.now())
    ) order by a.day desc), '[]') into v_metrics
    from growth.activity_by_day(v_account_id, v_today - 30, v_today - 1) as a
    -- A day that is not kept in the rollup was counted just now.
    left join growth.active_day as r
        on r.account_id = v_account_id and r.dimension = '' and r.day = a.day and r.value = ''
        and not exists (select from growth.stale_day as s where s.account_id = v_account_id and s.day = a.day);
    return http.json(
        200, jsonb_build_object('ok', true, 'metrics', v_metrics, 'count', jsonb_array_length(v_metrics)),
        jsonb_build_object(
            'ETag', 'W/"' || md5((
                select string_agg((m.value - 'computed_at')::text, ' ' order by m.place)
                from jsonb_array_elements(v_metrics) with ordinality as m (value, place)
            )) || '"', 'Cache-Control', 'private, no-cache'
        )
    );
end;
$$;
comment on function api.show_admin_retention() is
$$See how many persons were active on the last 30 days

dau, wau (7 days) and mau (30 days) up to each day, the latest first; the day that is under way is left out. computed_at: when it was
counted. More of it at GET /api/v1/analytics/activity.$$;

select http.register_route('GET', '/admin/retention', 'api.show_admin_retention', p_domain => 'growth',
    p_scopes => '{platform}', p_limit_class => 'manage', p_lane => 'alone', p_timeout_ms => 10000,
    p_responses => '{"200": {"description": "The figures", "schema": {"type": "object", "additionalProperties": false,
        "required": ["ok", "metrics", "count"], "properties": {"ok": {"const": true}, "count": {"type": "integer", "minimum": 0},
            "metrics": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["day", "dau", "wau", "mau", "computed_at"], "properties": {
                    "day": {"type": "string", "format": "date"}, "dau": {"type": "integer"}, "wau": {"type": "integer"},
                    "mau": {"type": "integer"}, "computed_at": {"type": "string", "format": "date-time"}}}}}},
        "headers": {"ETag": {"description": "Changes when the figures do", "schema": {"type": "string"}}}}}');
select http.register_route('GET', '/api/admin/growth', 'api.show_growth', p_domain => 'growth',
    p_scopes => '{platform}', p_limit_class => 'manage', p_lane => 'alone', p_timeout_ms => 30000,
    p_parameters => '{
        "from": {"type": "string", "format": "date", "description": "first day; default: 29 days before the last"},
        "to": {"type": "string", "format": "date", "description": "last day; default: today. 366 days at most"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "default": "USD", "description": "ISO 4217"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100, "description": "sources a page"},
        "after": {"type": "string", "maxLength": 9, "description": "next of the page before"},
        "accept": {"type": "string", "maxLength": 1000, "in": "header"}}',
    p_responses => '{"200": {"description": "By source", "schema": {"type": "object", "additionalProperties": false,
        "required": ["from", "to", "window_days", "currency", "sources", "summary", "next"], "properties": {
            "from": {"type": "string", "format": "date"}, "to": {"type": "string", "format": "date"},
            "window_days": {"type": "integer", "minimum": 1, "maximum": 366}, "currency": {"type": "string"},
            "sources": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["source", "visits", "visitors", "signups", "conversion_pct", "revenue_minor", "payers", "arpu_minor",
                    "cost_minor", "roi"], "properties": {
                "source": {"type": ["string", "null"], "description": "null: nobody knows where they came from"},
                "visits": {"type": "integer", "minimum": 0}, "visitors": {"type": "integer", "minimum": 0},
                "signups": {"type": "integer", "minimum": 0},
                "conversion_pct": {"type": ["number", "null"], "description": "100 times signups by visits; null: no visit"},
                "revenue_minor": {"type": "integer"}, "payers": {"type": "integer", "minimum": 0},
                "arpu_minor": {"type": ["number", "null"], "description": "revenue by signups; null: no sign-up"},
                "cost_minor": {"type": "integer", "minimum": 0},
                "roi": {"type": ["number", "null"], "description": "revenue less cost, by cost; null: no cost"}}}},
            "summary": {"type": "object", "additionalProperties": false, "required": ["total_visits", "total_signups",
                "total_revenue_minor", "total_cost_minor", "overall_conversion_pct", "overall_roi"], "properties": {
                "total_visits": {"type": "integer"}, "total_signups": {"type": "integer"},
                "total_revenue_minor": {"type": "integer"}, "total_cost_minor": {"type": "integer"},
                "overall_conversion_pct": {"type": ["number", "null"]}, "overall_roi": {"type": ["number", "null"]}}},
            "next": {"type": ["string", "null"]}}},
        "csv": true, "headers": {"Link": {"description": "rel=next: the next page, when there is one", "schema": {"type": "string"}},
            "ETag": {"description": "Changes when the answer does", "schema": {"type": "string"}}}}}');
select http.register_route('GET', '/admin/analytics', 'api.show_admin_analytics', p_domain => 'growth',
    p_scopes => '{platform}', p_limit_class => 'manage', p_lane => 'alone', p_timeout_ms => 10000,
    p_responses => '{"200": {"description": "The figures", "schema": {"type": "object", "additionalProperties": false,
        "required": ["users", "referrals", "timestamp"], "properties": {
            "users": {"type": "object", "additionalProperties": false, "required": ["total", "new_7d", "new_30d"], "properties": {
                "total": {"type": "integer"}, "new_7d": {"type": "integer"}, "new_30d": {"type": "integer"}}},
            "referrals": {"type": "object", "additionalProperties": false, "required": ["total_7d", "total_30d", "top_sources"],
                "properties": {"total_7d": {"type": "integer"}, "total_30d": {"type": "integer"},
                    "top_sources": {"type": "array", "maxItems": 10, "items": {"type": "object", "additionalProperties": false,
                        "required": ["source", "count"], "properties": {
                            "source": {"type": "string"}, "count": {"type": "integer", "minimum": 1}}}}}},
            "timestamp": {"type": "string", "format": "date-time"}}},
        "headers": {"ETag": {"description": "Changes when the figures do", "schema": {"type": "string"}}}}}');
