-- Ready: can this deployment work? Status: how does it do?

create or replace function ops.list_unready_reasons(p_server text default null)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_agg(r.reason order by r.n, r.reason), '[]')
    from (
        select 1 as n, 'route and function do not fit: ' || b.route || ': ' || b.reason as reason
        from http.find_bad_routes() as b
        union all
        select 2, case
            when max(s.seen_at) is null then 'no reactor has reported yet'
            else format(
                'the reactor has been silent for %s seconds', floor(extract(epoch from core.now() - max(s.seen_at)))
            )
        end
        from ops.server as s
        where p_server is null or s.id = p_server
        having max(s.seen_at) is null
            or max(s.seen_at) <= core.now() - make_interval(secs => core.integer_setting('ops.reactor_silence_seconds'))
    ) as r
$$;
comment on function ops.list_unready_reasons(text) is
$$Why the deployment can not work just now: an array of texts, empty when it can. p_server: that server's reactor; null: any.$$;

create or replace function ops.clock_lag()
returns interval
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        max(core.now() - d.due_at) filter (where d.due_at > '-infinity' and d.due_at <= core.now()), interval '0'
    )
    from schedule.list_due() as d
$$;
comment on function ops.clock_lag() is
$$How long the most overdue task of the clock is overdue.$$;

create or replace function ops.readiness(p_server text default null)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_reasons jsonb;
begin
    perform core.enter_machinery();
    v_reasons := ops.list_unready_reasons(p_server);
    return jsonb_build_object(
        'ready', v_reasons = '[]',
        'reasons', v_reasons,
        'product_version', (select d.product_version from core.deployment as d),
        'breaking_level', (select d.breaking_level from core.deployment as d),
        'last_migration', (select max(m.number) from core.migration as m),
        'reactor_seconds', (
            select case when count(*) > 0 then greatest(0, floor(extract(epoch from core.now() - max(s.seen_at)))) end
            from ops.server as s
            where p_server is null or s.id = p_server
        ),
        'clock_lag_seconds', floor(extract(epoch from ops.clock_lag())),
        'time', core.now()
    );
end;
$$;
comment on function ops.readiness(text) is
$$What the database knows about readiness, for the server's /ready: ready, reasons, deployed version, last migration, age of the
reactor's last report, lag of the clock. p_server: the server that asks; null: any.$$;
grant execute on function ops.readiness(text) to levqor_server;

create or replace function ops.list_checks()
returns table (name text, status text, observed bigint, unit text, output text)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select 'database', 'pass', null::bigint, null, null
    union all
    select
        'reactor',
        case
            when max(s.seen_at)
                > core.now() - make_interval(secs => core.integer_setting('ops.reactor_silence_seconds')) then 'pass'
            else 'fail'
        end,
        case when count(*) > 0 then greatest(0, floor(extract(epoch from core.now() - max(s.seen_at))))::bigint end,
        'seconds since its last report',
        case when max(s.seen_at) is null then 'no reactor has reported yet' end
    from ops.server as s
    union all
    select
        'clock',
        case when l.lag <= make_interval(secs => core.integer_setting('ops.clock_silence_seconds')) and l.has_run
            then 'pass' else 'warn' end,
        floor(extract(epoch from l.lag))::bigint,
        'seconds that a task is overdue',
        case when not l.has_run then 'it has not run yet' end
    from (select ops.clock_lag() as lag, exists (select from schedule.run) as has_run) as l
    union all
    select
        'queue',
        case when (f.value ->> 'healthy')::boolean then 'pass' else 'warn' end,
        floor((f.value ->> 'oldest_queued_seconds')::numeric)::bigint,
        'seconds that the oldest due job has waited',
        case when f.value is null then 'it has not been measured yet' end
    from (select) as one
    left join ops.figure as f on f.name = 'queue'
$$;
comment on function ops.list_checks() is
$$The checks behind the status: database, reactor, clock, queue; each pass, warn or fail.$$;

create or replace function api.show_status()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'status', case
            when bool_or(c.status = 'fail') then 'fail'
            when bool_or(c.status = 'warn') then 'warn'
            else 'pass'
        end,
        'timestamp', core.now(),
        'checks', jsonb_object_agg(c.name, jsonb_strip_nulls(jsonb_build_object(
            'status', c.status, 'observed', c.observed, 'unit', c.unit, 'output', c.output
        )))
    ))
    from ops.list_checks() as c
$$;
comment on function api.show_status() is
$$How the deployment does

pass, warn or fail, with the check behind it. Always 200: for a load balancer take /ready.$$;

select http.register_route('GET', '/status', 'api.show_status', p_domain => 'ops', p_access => 'public',
    p_responses => '{"200": {"description": "Status", "schema": {"type": "object", "additionalProperties": false,
        "required": ["status", "timestamp", "checks"], "properties": {
            "status": {"enum": ["pass", "warn", "fail"]}, "timestamp": {"type": "string", "format": "date-time"},
            "checks": {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": false,
                "required": ["status"], "properties": {"status": {"enum": ["pass", "warn", "fail"]},
                    "observed": {"type": "integer"}, "unit": {"type": "string"}, "output": {"type": "string"}}}}}}}}');
