-- The database's side of /metrics. The server adds its own and writes the text format.

create or replace function ops.prometheus()
returns table (name text, help text, type text, labels jsonb, value double precision)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue jsonb;
begin
    perform core.enter_machinery();
    v_queue := jobs.queue_health();
    return query
    select 'levqor_jobs',
        'Jobs of all accounts by status; finished ones are those of this hour and the 23 before it.',
        'gauge', jsonb_build_object('status', q.key), (q.value #>> '{}')::double precision
    from jsonb_each(v_queue -> 'queue_stats') as q
    where q.key <> 'total'
    union all
    select 'levqor_jobs_oldest_queued_seconds', 'How long the oldest due job has waited.', 'gauge', '{}',
        coalesce((v_queue ->> 'oldest_queued_seconds')::double precision, 0)
    union all
    select 'levqor_jobs_oldest_lease_overdue_seconds', 'How long the most overdue lease has been over.', 'gauge', '{}',
        coalesce((v_queue ->> 'oldest_lease_overdue_seconds')::double precision, 0)
    union all
    select 'levqor_outbox_messages', 'Messages that are not done, by state, each up to 100000.', 'gauge',
        jsonb_build_object('state', s.state), s.messages::double precision
    from outbox.measure_states() as s
    union all
    select 'levqor_outbox_oldest_due_seconds', 'How long the oldest due message has waited.', 'gauge', '{}',
        coalesce(greatest(0, extract(epoch from core.now() - outbox.oldest_due())), 0)::double precision
    union all
    select 'levqor_limit_refusals_today', 'Calls refused since midnight UTC, by policy.', 'gauge',
        jsonb_build_object('policy', p.name), coalesce((
            select sum(r.refused)
            from limits.refusal as r
            where r.policy_id = p.id and r.day = (core.now() at time zone 'UTC')::date
        ), 0)::double precision
    from limits.policy as p
    union all
    select 'levqor_limit_bucket_rows', 'Rows of the rate buckets: live, and dead ones not yet pruned.', 'gauge',
        jsonb_build_object('kind', k.kind), k.rows::double precision
    from pg_stat_user_tables as t
    cross join lateral (values ('live', t.n_live_tup), ('dead', t.n_dead_tup)) as k (kind, rows)
    where t.schemaname = 'limits' and t.relname = 'bucket'
    union all
    select 'levqor_schedule_overdue_seconds', 'How long a task of the clock is overdue.', 'gauge',
        jsonb_build_object('task', d.task),
        case
            when d.due_at = '-infinity' then 0
            else greatest(0, extract(epoch from core.now() - d.due_at))
        end::double precision
    from schedule.list_due() as d
    union all
    select 'levqor_schedule_last_run_failed', 'Whether the last run of a task failed.', 'gauge',
        jsonb_build_object('task', t.name), coalesce((
            select (r.outcome <> 'succeeded')::integer
            from schedule.run as r
            where r.task = t.name
            order by r.slot desc
            limit 1
        ), 0)::double precision
    from schedule.task as t
    where t.is_enabled
    union all
    select 'levqor_uptime_ratio', 'Uptime by recorded samples.', 'gauge', jsonb_build_object('window', w.name),
        (ops.measure_uptime(w.length) / 100)::double precision
    from (values ('7d', interval '7 days'), ('30d', interval '30 days')) as w (name, length)
    where ops.measure_uptime(w.length) is not null
    union all
    select 'levqor_audit_coverage_ratio', 'Sensitive actions of 7 days that left an entry in the trail.', 'gauge', '{}',
        (f.value #>> '{}')::double precision / 100
    from ops.figure as f
    where f.name = 'audit_coverage' and f.value <> 'null'
    union all
    select 'levqor_alerts', 'Alerts that are not resolved, by level and state.', 'gauge',
        jsonb_build_object('level', a.level, 'state', a.state), a.alerts::double precision
    from alerts.count_unresolved() as a
    union all
    select 'levqor_servers', 'Servers whose reactor is alive.', 'gauge', '{}', count(*)::double precision
    from ops.list_live_servers()
    union all
    select 'levqor_ready', 'Whether the deployment is ready by the database''s own checks.', 'gauge', '{}',
        (ops.list_unready_reasons() = '[]')::integer::double precision
    order by 1, 4;
end;
$$;
comment on function ops.prometheus() is
$$Figures of the database for /metrics, ordered by name: one row a sample, with help and type the same over a name.$$;
grant execute on function ops.prometheus() to levqor_server;
