-- Why was a request admitted or refused, and with what numbers?

create or replace function access.read_policies(p_rate_limit text, p_rate_limit_policy text)
returns table (name text, quota bigint, window_seconds bigint, remaining bigint, reset_seconds bigint)
language sql
immutable
parallel safe
security invoker
rows 5
set search_path = pg_catalog, pg_temp
as $$
    select
        i.part[1],
        max(substring(i.part[2] from ';q=([0-9]{1,18})')::bigint),
        max(substring(i.part[2] from ';w=([0-9]{1,18})')::bigint),
        max(substring(i.part[2] from ';r=([0-9]{1,18})')::bigint),
        max(substring(i.part[2] from ';t=([0-9]{1,18})')::bigint)
    from regexp_matches(
        concat_ws(', ', p_rate_limit_policy, p_rate_limit), '"([a-z0-9-]+)"((?:;[a-z]+=(?:[0-9]+|"[^"]*"))*)', 'g'
    ) as i (part)
    group by i.part[1]
$$;
comment on function access.read_policies(text, text) is
$$The policies of the fields RateLimit ("name";r=19;t=3) and RateLimit-Policy ("name";q=20;w=60), a row a name.

Reads what this product writes, not all of RFC 9651.$$;

create or replace function access.list_policies(p_request access.request)
returns table (
    name text, scope text, quota bigint, window_seconds bigint, remaining bigint, reset_seconds bigint,
    has_refused boolean, is_shadow boolean
)
language sql
stable
security invoker
rows 5
set search_path = pg_catalog, pg_temp
as $$
    with violated as (
        select v.value ->> 'policy' as name, not m.is_shadow as has_refused, m.is_shadow
        from (values ('violated', false), ('shadowed', true)) as m (name, is_shadow)
        cross join lateral jsonb_array_elements(
            case
                when jsonb_typeof(p_request.decision -> m.name) = 'array' then p_request.decision -> m.name
                else '[]'
            end
        ) as v
        union all
        select substring(f.value from 8), false, true
        from jsonb_array_elements_text(
            case
                when jsonb_typeof(p_request.decision -> 'flags') = 'array' then p_request.decision -> 'flags'
                else '[]'
            end
        ) as f
        where f.value like 'shadow:%'
    )
    select
        n.name,
        case when n.name = 'calls-per-month' then 'account' else p.scope end,
        coalesce(max(n.quota), p.quota),
        coalesce(max(n.window_seconds), p.window_seconds),
        max(n.remaining),
        max(n.reset_seconds),
        bool_or(n.has_refused),
        bool_or(n.is_shadow)
    from (
        select f.*, false as has_refused, false as is_shadow
        from access.read_policies(p_request.rate_limit, p_request.rate_limit_policy) as f
        union all
        select v.name, null, null, null, null, v.has_refused, v.is_shadow
        from violated as v
        where v.name is not null
    ) as n
    left join limits.policy as p on p.name = n.name
    group by n.name, p.scope, p.quota, p.window_seconds
    order by n.name
$$;
comment on function access.list_policies(access.request) is
$$The policies that a request met, as it was told of them in its fields RateLimit and RateLimit-Policy and as its decision names
them.

scope comes from limits.policy as it is now; null: there is no such policy any more.$$;

create or replace function access.explain_decision(p_request_id text)
returns table (
    request_id text, at timestamptz, account text, key text, route text, status integer, tier text, policy text, scope text,
    quota bigint, "window" interval, remaining bigint, reset_seconds bigint, has_refused boolean, is_shadow boolean,
    flags text[]
)
language sql
stable
security invoker
rows 5
set search_path = pg_catalog, pg_temp
as $$
    select
        r.request_id,
        r.at,
        core.show_id('acct', r.account_id),
        core.show_id('key', r.key_id),
        r.route,
        r.status,
        r.decision ->> 'tier',
        p.name,
        p.scope,
        p.quota,
        make_interval(secs => p.window_seconds),
        p.remaining,
        p.reset_seconds,
        p.has_refused,
        p.is_shadow,
        array(
            select f.value
            from jsonb_array_elements_text(
                case when jsonb_typeof(r.decision -> 'flags') = 'array' then r.decision -> 'flags' else '[]' end
            ) with ordinality as f (value, n)
            order by f.n
        )
    from access.request as r
    left join lateral access.list_policies(r) as p on true
    where r.request_id = p_request_id
    order by r.at desc, p.has_refused desc, p.name
$$;
comment on function access.explain_decision(text) is
$$What decided a request: one row a policy that it met, those that refused it first; one row without a policy when nothing
limits the route. For DBAs, in psql:

\x on
select * from access.explain_decision('4f1c5b8e2a9d47c3b6e0f1a2d3c4b5a6');

quota, window, remaining, reset_seconds: as the client was told, after this request; calls-per-month is the month's quota of
the account. has_refused: this policy refused it. is_shadow: it would have refused it, and is only on trial. flags: memory
(the server answered without asking the database), replayed, limiter-failed-open, … A request shows here within a second, and
for the setting access.keep_days. An id that a client sent twice gives both, the newest first.$$;
grant execute on function
access.read_policies(text, text), access.list_policies(access.request), access.explain_decision(text) to levqor_dba;

create or replace function access.find_request(p_account_id uuid, p_request_id text)
returns access.request
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_request access.request;
begin
    -- In plpgsql for its kept plan: planning for ninety days takes longer than looking into them.
    select r.* into v_request
    from access.request as r
    where r.request_id = p_request_id and (p_account_id is null or r.account_id = p_account_id)
    order by r.at desc
    limit 1;
    if not found then
        raise exception using
            errcode = 'LQ404',
            message = 'no such request',
            hint = format(
                'A request is found a second after its answer, and for %s days.', core.integer_setting('access.keep_days')
            );
    end if;
    return v_request;
end;
$$;
comment on function access.find_request(uuid, text) is
$$The newest request with an id. p_account_id: only this account's; null: of all that the caller may see. Raises LQ404.$$;

create or replace function access.show_decision(p_request access.request)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'request_id', p_request.request_id,
        'at', p_request.at,
        'route', p_request.route,
        'status', p_request.status,
        'tier', p_request.decision -> 'tier',
        'policies', coalesce(jsonb_agg(jsonb_build_object(
            'name', p.name, 'scope', p.scope, 'quota', p.quota, 'window_seconds', p.window_seconds,
            'remaining', p.remaining, 'reset_seconds', p.reset_seconds, 'has_refused', p.has_refused,
            'is_shadow', p.is_shadow
        ) order by p.name) filter (where p.name <> 'calls-per-month'), '[]'),
        'quota', (jsonb_agg(jsonb_build_object(
            'limit', p.quota, 'used', greatest(p.quota - p.remaining, 0), 'remaining', p.remaining,
            -- The seconds are rounded up, and a month ends with a minute.
            'resets_at', date_trunc('minute', p_request.at + make_interval(secs => p.reset_seconds + 30))
        )) filter (where p.name = 'calls-per-month' and p.remaining is not null)) -> 0,
        'violated', coalesce(jsonb_agg(p.name order by p.name) filter (where p.has_refused), '[]'),
        'flags', case
            when jsonb_typeof(p_request.decision -> 'flags') = 'array' then p_request.decision -> 'flags'
            else '[]'
        end
    )
    from access.list_policies(p_request) as p
$$;
comment on function access.show_decision(access.request) is
$$What decided a request, as its account sees it.$$;

create or replace function api.show_decision(p_request_id text)
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, access.show_decision(access.find_request(
        case when not core.sees_all() then core.current_account() end, p_request_id
    )))
$$;
comment on function api.show_decision(text) is
$$See what decided a request

By the request id that every answer bears in X-Request-Id: the rate policies that the request met, with what was left of each
when it was answered, the month's quota, the tier, which policies refused it, and flags (memory: refused without asking the
database; replayed: an answer given before, by Idempotency-Key). A policy on trial
shows when it would have refused the request. A request is found within a second of its answer. When an id was sent twice, the newest request is shown.$$;

select http.register_route('GET', '/api/v1/decisions/{request_id}', 'api.show_decision', p_limit_class => 'read',
    p_domain => 'access', p_parameters => '{"request_id": {"type": "string", "minLength": 1, "maxLength": 200}}',
    p_responses => '{"200": {"schema": {"$ref": "#/components/schemas/Decision"}}, "404": {}}');
select http.register_schema('Decision', '{"type": "object", "additionalProperties": false,
    "required": ["request_id", "at", "route", "status", "tier", "policies", "quota", "violated", "flags"], "properties": {
        "request_id": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
        "route": {"type": "string", "description": "method and path, or none"},
        "status": {"type": "integer"},
        "tier": {"type": ["string", "null"], "description": "tier of the account; null: nobody asked for it"},
        "policies": {"type": "array", "items": {"type": "object", "additionalProperties": false,
            "required": ["name", "scope", "quota", "window_seconds", "remaining", "reset_seconds", "has_refused", "is_shadow"],
            "properties": {
                "name": {"type": "string"},
                "scope": {"enum": ["address", "account", "key", "all", null], "description": "null: it is no more"},
                "quota": {"type": ["integer", "null"]}, "window_seconds": {"type": ["integer", "null"]},
                "remaining": {"type": ["integer", "null"]},
                "reset_seconds": {"type": ["integer", "null"], "description": "from then on until it is whole again"},
                "has_refused": {"type": "boolean"},
                "is_shadow": {"type": "boolean", "description": "on trial: it would have refused"}}}},
        "quota": {"type": ["object", "null"], "additionalProperties": false,
            "description": "of the month, after this request; null: not counted, or unlimited",
            "required": ["limit", "used", "remaining", "resets_at"], "properties": {
                "limit": {"type": "integer"}, "used": {"type": "integer"}, "remaining": {"type": "integer"},
                "resets_at": {"type": ["string", "null"], "format": "date-time"}}},
        "violated": {"type": "array", "items": {"type": "string"}, "description": "policies that refused it"},
        "flags": {"type": "array", "items": {"type": "string"}}}}');
