-- How the queue is. Bounded in cost: nothing is counted; the counts come from jobs.tally and jobs.hour.

create or replace function jobs.fold_tallies(p_limit integer default 100000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_folded bigint;
begin
    -- One at a time: two would meet in the rows of the sums.
    if not pg_try_advisory_xact_lock(hashtextextended('jobs.fold_tallies', 0)) then
        return 0;
    end if;
    with gone as (
        delete from jobs.tally_change as c
        where c.ctid = any (array(select d.ctid from jobs.tally_change as d limit p_limit))
        returning c.*
    ),
    summed as materialized (
        select
            g.account_id, g.workflow, g.hour, count(*) as changes, sum(g.waiting) as waiting, sum(g.running) as running,
            sum(g.submitted) as submitted, sum(g.succeeded) as succeeded, sum(g.failed) as failed,
            sum(g.canceled) as canceled
        from gone as g
        group by g.account_id, g.workflow, g.hour
    ),
    -- Updates, and inserts of what they did not find: others at most delete these rows, and ON CONFLICT would lock each before.
    depths as materialized (
        select s.account_id, s.workflow, sum(s.waiting) as waiting, sum(s.running) as running
        from summed as s
        group by s.account_id, s.workflow
    ),
    tallied as (
        update jobs.tally as t
        set waiting = t.waiting + d.waiting, running = t.running + d.running, folded_at = v_now
        from depths as d
        where t.account_id = d.account_id and t.workflow = d.workflow
        returning t.account_id, t.workflow
    ),
    new_tallied as (
        insert into jobs.tally (account_id, workflow, waiting, running, folded_at)
        select d.account_id, d.workflow, d.waiting, d.running, v_now
        from depths as d
        where (d.account_id, d.workflow) not in (select t.account_id, t.workflow from tallied as t)
    ),
    ends as materialized (
        select s.* from summed as s where s.submitted <> 0 or s.succeeded <> 0 or s.failed <> 0 or s.canceled <> 0
    ),
    timed as (
        update jobs.hour as h
        set
            submitted = h.submitted + s.submitted, succeeded = h.succeeded + s.succeeded, failed = h.failed + s.failed,
            canceled = h.canceled + s.canceled
        from ends as s
        where h.account_id = s.account_id and h.workflow = s.workflow and h.hour = s.hour
        returning h.account_id, h.workflow, h.hour
    ),
    new_timed as (
        insert into jobs.hour (account_id, workflow, hour, submitted, succeeded, failed, canceled)
        select s.account_id, s.workflow, s.hour, s.submitted, s.succeeded, s.failed, s.canceled
        from ends as s
        where (s.account_id, s.workflow, s.hour) not in (select t.account_id, t.workflow, t.hour from timed as t)
    )
    select coalesce(sum(s.changes), 0) into v_folded from summed as s;
    return v_folded;
end;
$$;
comment on function jobs.fold_tallies(integer) is
$$Fold up to p_limit differences of jobs.tally_change into jobs.tally and jobs.hour. A task of the clock. Gives how many there were.$$;

create or replace function jobs.count_by_status(p_since timestamptz)
returns table (queued bigint, running bigint, succeeded bigint, failed bigint, canceled bigint)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        coalesce(sum(c.waiting), 0)::bigint, coalesce(sum(c.running), 0)::bigint, coalesce(sum(c.succeeded), 0)::bigint,
        coalesce(sum(c.failed), 0)::bigint, coalesce(sum(c.canceled), 0)::bigint
    from (
        select t.waiting, t.running, 0 as succeeded, 0 as failed, 0 as canceled from jobs.tally as t
        union all
        select 0, 0, h.succeeded, h.failed, h.canceled from jobs.hour as h where h.hour >= p_since
        union all
        select
            d.waiting, d.running, case when d.hour >= p_since then d.succeeded else 0 end,
            case when d.hour >= p_since then d.failed else 0 end, case when d.hour >= p_since then d.canceled else 0 end
        from jobs.tally_change as d
    ) as c
$$;
comment on function jobs.count_by_status(timestamptz) is
$$How many jobs wait and run, and how many ended in the hours from p_since on, exactly, of those the caller may see.$$;

create or replace function jobs.find_oldest_due(p_accounts integer default 1000)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- From account to account by steps in the index, and to the head of each priority.
    return (with recursive visited as (
        select (
            select w.account_id
            from jobs.waiting as w
            where not w.is_delayed
            order by w.account_id
            limit 1
        ) as account_id, 1 as visit
        union all
        select (
            select w.account_id
            from jobs.waiting as w
            where not w.is_delayed and w.account_id > v.account_id
            order by w.account_id
            limit 1
        ), v.visit + 1
        from visited as v
        where v.account_id is not null and v.visit < p_accounts
    )
    select min(h.due_at)
    from visited as v
    cross join (values (1::smallint), (2::smallint), (3::smallint)) as r (priority_rank)
    cross join lateral (
        select w.due_at
        from jobs.waiting as w
        where not w.is_delayed and w.account_id = v.account_id and w.priority_rank = r.priority_rank
        order by w.due_at, w.job_id
        limit 1
    ) as h);
end;
$$;
comment on function jobs.find_oldest_due(integer) is
$$Since when the oldest claimable job has been due, of the first p_accounts accounts that have any; null: none waits.$$;

create or replace function jobs.queue_health()
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_now timestamptz := core.now();
    v_since timestamptz := jobs.hour_of(core.now() - interval '23 hours');
    v_counts record;
    v_oldest_seconds numeric := round(extract(epoch from v_now - jobs.find_oldest_due()), 3);
    v_overdue_seconds numeric := round(extract(epoch from v_now - (select min(r.leased_until) from jobs.running as r)), 3);
    v_limit bigint := core.integer_setting('jobs.healthy_wait_seconds');
begin
    select c.* into v_counts from jobs.count_by_status(v_since) as c;
    return jsonb_build_object(
        'healthy', coalesce(v_oldest_seconds, 0) <= v_limit and coalesce(v_overdue_seconds, 0) <= v_limit,
        'queue_stats', jsonb_build_object(
            'queued', v_counts.queued, 'running', v_counts.running, 'succeeded', v_counts.succeeded,
            'failed', v_counts.failed, 'canceled', v_counts.canceled,
            'total',
            v_counts.queued + v_counts.running + v_counts.succeeded + v_counts.failed + v_counts.canceled
        ),
        'since', v_since,
        'oldest_queued_seconds', case when v_oldest_seconds is not null then greatest(v_oldest_seconds, 0) end,
        'oldest_lease_overdue_seconds', case when v_overdue_seconds > 0 then v_overdue_seconds end,
        'timestamp', v_now
    );
end;
$$;
comment on function jobs.queue_health() is
$$How the queue is: {healthy, queue_stats: {queued, running, succeeded, failed, canceled, total}, since, oldest_queued_seconds,
oldest_lease_overdue_seconds, timestamp}, over what the caller may see.

queued and running are all there are; the final ones those of this hour and the 23 before it. healthy: no claimable job waits, and
no lease is overdue, for longer than jobs.healthy_wait_seconds.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "jobs.healthy_wait_seconds", "value": 300, "minimum": 1, "maximum": 604800,
     "description":
        "integer: seconds that a claimable job may wait, or a lease be overdue, before the queue counts as unhealthy"}
]') as s (setting);
