-- Figures over all accounts. The clock measures them; the public pages read what it measured.

create or replace function ops.record_figure(p_name text, p_value jsonb)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into ops.figure as f (name, value, measured_at)
    values (p_name, p_value, core.now())
    on conflict (name) do update set value = excluded.value, measured_at = excluded.measured_at
$$;
comment on function ops.record_figure(text, jsonb) is
$$Keep a measured figure.$$;

create or replace function ops.record_queue()
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue jsonb := jobs.queue_health();
begin
    perform ops.record_figure('queue', v_queue);
    return v_queue;
end;
$$;
comment on function ops.record_queue() is
$$Measure the queue of all accounts by jobs.queue_health() and keep the figures. A task of the clock.$$;

create or replace function ops.record_sample()
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue jsonb := ops.record_queue();
    v_reasons jsonb := ops.list_unready_reasons();
begin
    insert into ops.uptime_sample as s (minute, is_ready, queue_depth, facts)
    values (
        date_trunc('minute', core.now()), v_reasons = '[]', (v_queue -> 'queue_stats' ->> 'queued')::bigint,
        jsonb_build_object('reasons', v_reasons, 'queue', v_queue)
    )
    -- The first look at a minute stands.
    on conflict (minute) do nothing;
    perform ops.record_figure('jobs_today', to_jsonb((
        select coalesce(sum(c.submitted), 0)::bigint
        from (
            select h.hour, h.submitted from jobs.hour as h
            union all
            select d.hour, d.submitted from jobs.tally_change as d
        ) as c
        where c.hour >= date_trunc('day', core.now() at time zone 'UTC') at time zone 'UTC'
    )));
    perform ops.record_figure('audit_coverage', coalesce(to_jsonb(audit.measure_coverage()), 'null'));
    return jsonb_build_object('is_ready', v_reasons = '[]', 'reasons', v_reasons);
end;
$$;
comment on function ops.record_sample() is
$$Record whether the deployment is ready in this minute, and measure jobs of today and audit coverage. A task of the clock.$$;

create or replace function ops.measure_uptime(p_window interval)
returns numeric
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select round(100.0 * count(*) filter (where s.is_ready) / nullif((extract(epoch from
        greatest(date_trunc('minute', core.now()), min(s.minute) + interval '1 minute')
        -- A window that begins before the first sample begins with it.
        - case when w.is_older then w.from_at else min(s.minute) end
    ) / 60)::bigint, 0), 3)
    from (
        select b.from_at, exists (select from ops.uptime_sample as o where o.minute < b.from_at) as is_older
        from (select date_trunc('minute', core.now() - p_window) as from_at) as b
    ) as w
    left join ops.uptime_sample as s
        on s.minute >= w.from_at
        and (s.minute < date_trunc('minute', core.now()) or not exists (
            select from ops.uptime_sample as e where e.minute < date_trunc('minute', core.now())
        ))
    group by w.from_at, w.is_older
$$;
comment on function ops.measure_uptime(interval) is
$$Uptime over a window in percent, null when nothing was recorded.

Formula: 100 × minutes with a good sample ÷ whole minutes since the later of the first sample and the window's begin. The current
minute does not count, unless it is the only one. A minute without a sample counts as down.$$;

create or replace function ops.trim()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_trimmed bigint;
    v_is_held boolean := core.held_accounts('ops.uptime_sample') is null;
begin
    delete from ops.uptime_sample as s
    where s.minute < core.now() - make_interval(days => core.integer_setting('ops.keep_samples_days')::integer)
        and not v_is_held;
    get diagnostics v_trimmed = row_count;
    delete from ops.server as s where s.seen_at < core.now() - interval '30 days';
    return v_trimmed;
end;
$$;
comment on function ops.trim() is
$$Remove samples older than the setting ops.keep_samples_days, and servers gone for 30 days. Gives how many samples went.$$;

create or replace function api.show_public_metrics()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'uptime_rolling_7d', ops.measure_uptime('7 days'),
        'uptime_rolling_30d', ops.measure_uptime('30 days'),
        'jobs_today', (select f.value from ops.figure as f where f.name = 'jobs_today'),
        'audit_coverage', (select f.value from ops.figure as f where f.name = 'audit_coverage'),
        'last_updated', (select f.measured_at from ops.figure as f where f.name = 'jobs_today')
    ), '{"Cache-Control": "public, max-age=10"}')
$$;
comment on function api.show_public_metrics() is
$$Figures for everybody

Measured, not claimed: uptime in percent from a sample each minute (a missing one counts as down); jobs submitted since midnight
UTC; share of sensitive actions of 7 days, in percent, that left an entry in the audit trail. Null where nothing was recorded.
Measured once a minute: last_updated says when.$$;

create or replace function api.show_queue_health()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'healthy', coalesce(
            (f.value ->> 'healthy')::boolean
            and f.measured_at > core.now() - make_interval(secs => core.integer_setting('ops.clock_silence_seconds')),
            false
        ),
        'queue_stats', (
            select jsonb_object_agg(s.name, coalesce((f.value -> 'queue_stats' ->> s.member)::bigint, 0))
            from (values
                ('queued', 'queued'), ('running', 'running'), ('completed', 'succeeded'), ('failed', 'failed'),
                ('canceled', 'canceled'), ('total', 'total')
            ) as s (name, member)
        ),
        'oldest_queued_seconds', f.value -> 'oldest_queued_seconds',
        'oldest_lease_overdue_seconds', f.value -> 'oldest_lease_overdue_seconds',
        'timestamp', f.measured_at
    ))
    from (select) as one
    left join ops.figure as f on f.name = 'queue'
$$;
comment on function api.show_queue_health() is
$$How the queue does

Counts over all accounts, measured every ten seconds and each up to 100,000; completed, failed and canceled are those of the last 24
hours. healthy is false when the oldest due job waits too long, when a lease ended long ago and was not taken back, or when the
measuring itself has stopped.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "ops.clock_silence_seconds", "value": 60, "minimum": 1, "maximum": 86400,
        "description": "whole number of seconds after which figures that were not measured anew count as old"},
    {"name": "ops.keep_samples_days", "value": 400, "minimum": 1, "maximum": 36500,
        "description": "whole number of days that uptime samples are kept"}
]') as s (setting);
select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "ops-record-queue", "function": "ops.record_queue", "every": "10 seconds",
        "description": "measure the queue for the pages of health"},
    {"name": "ops-record-sample", "function": "ops.record_sample", "every": "1 minute",
        "description": "record whether the deployment is ready, and measure the public figures"},
    {"name": "ops-trim", "function": "ops.trim", "every": "1 day", "description": "remove old samples and servers"}
]') as t (task);
select http.register_route('GET', '/public/metrics', 'api.show_public_metrics', p_domain => 'ops', p_access => 'public',
    p_responses => '{"200": {"description": "Figures", "schema": {"type": "object", "additionalProperties": false,
        "required": ["uptime_rolling_7d", "uptime_rolling_30d", "jobs_today", "audit_coverage", "last_updated"],
        "properties": {
            "uptime_rolling_7d": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
            "uptime_rolling_30d": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
            "jobs_today": {"type": ["integer", "null"], "minimum": 0},
            "audit_coverage": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
            "last_updated": {"type": ["string", "null"], "format": "date-time"}}}}}');
select http.register_route('GET', '/ops/queue_health', 'api.show_queue_health', p_domain => 'ops', p_access => 'public',
    p_responses => '{"200": {"description": "The queue", "schema": {"type": "object", "additionalProperties": false,
        "required": ["healthy", "queue_stats", "oldest_queued_seconds", "oldest_lease_overdue_seconds", "timestamp"],
        "properties": {
            "healthy": {"type": "boolean"},
            "queue_stats": {"type": "object", "additionalProperties": false,
                "required": ["queued", "running", "completed", "failed", "canceled", "total"], "properties": {
                    "queued": {"type": "integer"}, "running": {"type": "integer"}, "completed": {"type": "integer"},
                    "failed": {"type": "integer"}, "canceled": {"type": "integer"}, "total": {"type": "integer"}}},
            "oldest_queued_seconds": {"type": ["number", "null"]},
            "oldest_lease_overdue_seconds": {"type": ["number", "null"]},
            "timestamp": {"type": ["string", "null"], "format": "date-time"}}}}}');
