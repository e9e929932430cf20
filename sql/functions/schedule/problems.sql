-- What is wrong with tasks, for whoever raises alerts and for people.

create or replace function schedule.list_problems()
returns table (
    task text, kind text, level text, since timestamptz, count bigint, message text, fingerprint text, facts jsonb
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        p.task, p.kind, p.level, p.since, p.count, p.message, 'schedule/' || p.kind || '/' || p.task,
        p.facts || jsonb_build_object('task', p.task, 'owner', t.owner, 'description', t.description)
    from (
        select
            d.task, 'overdue' as kind, 'error' as level, d.due_at as since, 1::bigint as count,
            format('the task %s should have run %s seconds ago', d.task, floor(extract(epoch from core.now() - d.due_at))) as message,
            jsonb_build_object('slot', d.slot, 'due_at', d.due_at) as facts
        from schedule.list_due() as d
        inner join schedule.task as t on t.name = d.task
        where d.due_at > '-infinity' and d.due_at < core.now() - greatest(
            t.timeout, make_interval(secs => core.integer_setting('schedule.overdue_seconds'))
        )
        union all
        select
            s.task, 'failing', 'error', s.failing_since, s.failures::bigint,
            format('the task %s has failed %s times in a row: %s', s.task, s.failures, coalesce(l.error, l.outcome)),
            jsonb_build_object(
                'failures', s.failures, 'slot', l.slot, 'outcome', l.outcome, 'sqlstate', l.sqlstate, 'error', l.error
            )
        from schedule.state as s
        inner join schedule.task as t on t.name = s.task
        left join lateral (
            select r.slot, r.outcome, r.sqlstate, r.error
            from schedule.run as r
            where r.task = s.task and r.outcome in ('failed', 'timed out')
            order by r.slot desc
            limit 1
        ) as l on true
        where t.is_enabled and s.failures >= t.alert_after
        union all
        select
            r.task, 'missed', 'warning', min(r.finished_at), sum(1 + r.missed),
            format('the task %s was not run in %s slots: too late, last for that of %s', r.task, sum(1 + r.missed), max(r.slot)),
            jsonb_build_object('slot', max(r.slot))
        from schedule.run as r
        where r.outcome = 'missed'
            and r.finished_at > core.now() - make_interval(hours => core.integer_setting('schedule.missed_hours')::integer)
        group by r.task
    ) as p
    inner join schedule.task as t on t.name = p.task
    order by p.task, p.kind
$$;
comment on function schedule.list_problems() is
$$What is wrong with tasks now: at most one row a task and kind. For alerts and for people: select * from schedule.list_problems().

kind overdue (error): due for longer than the setting schedule.overdue_seconds and than the task's timeout. failing (error): as many
failed runs in a row as the task's alert_after. missed (warning): slots that came too late for the task's catch_up within the hours
of the setting schedule.missed_hours. count: failed runs, or slots. fingerprint: the same as long as it is the same problem. A problem
that is solved is no longer listed.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "schedule.overdue_seconds", "value": 300, "minimum": 1, "maximum": 604800,
        "description": "whole number of seconds that a task may be overdue, or its timeout when that is longer, before it is a problem"},
    {"name": "schedule.missed_hours", "value": 24, "minimum": 0, "maximum": 8760,
        "description": "whole number of hours that a missed slot is told as a problem"}
]') as s (setting);
