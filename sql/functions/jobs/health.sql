-- How the queue is. Bounded in cost: each figure stops counting at a cap.

create or replace function jobs.count_up_to(p_status text, p_since timestamptz, p_cap integer)
returns bigint
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_status = 'queued' then
        return (
            select count(*)
            from (
                select from jobs.job as j where j.status = 'queued' and not j.is_delayed
                union all
                select from jobs.job as j where j.status = 'queued' and j.is_delayed
                limit p_cap
            ) as c
        );
    end if;
    if p_status = 'running' then
        return (select count(*) from (select from jobs.job as j where j.status = 'running' limit p_cap) as c);
    end if;
    return (
        select count(*)
        from (
            select from jobs.job as j where j.finished_at >= p_since and j.status = p_status limit p_cap
        ) as c
    );
end;
$$;
comment on function jobs.count_up_to(text, timestamptz, integer) is
$$Count jobs in a status, but not beyond p_cap. Final ones: those that ended at or after p_since.$$;

create or replace function jobs.find_oldest_due(p_accounts integer default 1000)
returns timestamptz
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    -- From account to account by steps in the index, and to the head of each priority.
    with recursive visited as (
        select (
            select j.account_id
            from jobs.job as j
            where j.status = 'queued' and not j.is_delayed
            order by j.account_id
            limit 1
        ) as account_id, 1 as visit
        union all
        select (
            select j.account_id
            from jobs.job as j
            where j.status = 'queued' and not j.is_delayed and j.account_id > v.account_id
            order by j.account_id
            limit 1
        ), v.visit + 1
        from visited as v
        where v.account_id is not null and v.visit < p_accounts
    )
    select min(h.due_at)
    from visited as v
    cross join (values (1::smallint), (2::smallint), (3::smallint)) as r (priority_rank)
    cross join lateral (
        select j.due_at
        from jobs.job as j
        where j.status = 'queued' and not j.is_delayed
            and j.account_id = v.account_id and j.priority_rank = r.priority_rank
        order by j.due_at, j.id
        limit 1
    ) as h
$$;
comment on function jobs.find_oldest_due(integer) is
$$Since when the oldest claimable job has been due, of the first p_accounts accounts that have any; null: none waits.$$;

create or replace function jobs.queue_health(p_cap integer default 10000)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_now timestamptz := core.now();
    v_since timestamptz := core.now() - interval '24 hours';
    v_queued bigint := jobs.count_up_to('queued', v_since, p_cap);
    v_running bigint := jobs.count_up_to('running', v_since, p_cap);
    v_succeeded bigint := jobs.count_up_to('succeeded', v_since, p_cap);
    v_failed bigint := jobs.count_up_to('failed', v_since, p_cap);
    v_canceled bigint := jobs.count_up_to('canceled', v_since, p_cap);
    v_oldest_seconds numeric := round(extract(epoch from v_now - jobs.find_oldest_due()), 3);
    v_overdue_seconds numeric := round(extract(epoch from v_now - (
        select j.leased_until from jobs.job as j where j.status = 'running' order by j.leased_until limit 1
    )), 3);
    v_limit bigint := core.integer_setting('jobs.healthy_wait_seconds');
begin
    return jsonb_build_object(
        'healthy', coalesce(v_oldest_seconds, 0) <= v_limit and coalesce(v_overdue_seconds, 0) <= v_limit,
        'queue_stats', jsonb_build_object(
            'queued', v_queued, 'running', v_running, 'succeeded', v_succeeded,
            'failed', v_failed, 'canceled', v_canceled,
            'total', v_queued + v_running + v_succeeded + v_failed + v_canceled
        ),
        'is_capped', greatest(v_queued, v_running, v_succeeded, v_failed, v_canceled) >= p_cap,
        'since', v_since,
        'oldest_queued_seconds', case when v_oldest_seconds is not null then greatest(v_oldest_seconds, 0) end,
        'oldest_lease_overdue_seconds', case when v_overdue_seconds > 0 then v_overdue_seconds end,
        'timestamp', v_now
    );
end;
$$;
comment on function jobs.queue_health(integer) is
$$How the queue is: {healthy, queue_stats: {queued, running, succeeded, failed, canceled, total}, is_capped, since,
oldest_queued_seconds, oldest_lease_overdue_seconds, timestamp}, over what the caller may see.

queued and running are all there are; the final ones those of the last 24 hours; each is counted up to p_cap, and is_capped tells
whether one reached it. healthy: no claimable job waits, and no lease is overdue, for longer than jobs.healthy_wait_seconds.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "jobs.healthy_wait_seconds", "value": 300,
     "description":
        "integer: seconds that a claimable job may wait, or a lease be overdue, before the queue counts as unhealthy"}
]') as s (setting);
