-- Claim jobs: give work to workers, under a lease with a fencing token.
--
-- Locks: rows are locked with skip locked, so that a claim waits for nobody and two claims never get the same job. A
-- claim over all accounts serves them in turn: it goes on after the account served last, gives each account one job,
-- and a further share only when all had their turn. It finds the next account by a step in an index, however many
-- jobs wait.

create or replace function jobs.next_delay(p_attempt integer, p_jitter double precision default random())
returns interval
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select make_interval(secs =>
        least(
            core.integer_setting('jobs.retry_base_seconds') * 2 ^ least(greatest(p_attempt, 1) - 1, 40),
            core.integer_setting('jobs.retry_cap_seconds')
        ) * (0.8 + 0.4 * p_jitter)
    )
$$;
comment on function jobs.next_delay(integer, double precision) is
$$How long to wait after the p_attempt-th failed attempt.

Formula: min(jobs.retry_base_seconds × 2^(p_attempt − 1), jobs.retry_cap_seconds) × (0.8 + 0.4 × p_jitter). p_jitter: 0 to 1.$$;

create or replace function jobs.let_in_delayed(p_limit integer default 1000, p_account_id uuid default null)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_accounts uuid[];
    v_ids uuid[];
    v_group record;
begin
    select array_agg(d.account_id), array_agg(d.id)
    into v_accounts, v_ids
    from (
        select j.account_id, j.id
        from jobs.job as j
        where j.status = 'queued' and j.is_delayed and j.due_at <= v_now
            and (p_account_id is null or j.account_id = p_account_id)
        order by j.due_at
        limit p_limit
        for update skip locked
    ) as d;
    if v_ids is null then
        return 0;
    end if;
    for v_group in
        with changed as (
            update jobs.job as j
            set is_delayed = false
            from unnest(v_accounts, v_ids) as d (account_id, id)
            where j.account_id = d.account_id and j.id = d.id
            returning j.account_id, j.workflow
        )
        select c.account_id, c.workflow, count(*)::integer as jobs
        from changed as c
        group by c.account_id, c.workflow
    loop
        perform core.hint(jobs.name_topic(v_group.account_id::text, v_group.workflow), v_group.jobs);
    end loop;
    return array_length(v_ids, 1);
end;
$$;
comment on function jobs.let_in_delayed(integer, uuid) is
$$Open delayed jobs that have become due to claims. Gives how many; more than p_limit wait for the next time.$$;

create or replace function jobs.rescue_expired(p_limit integer default 1000, p_account_id uuid default null)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_accounts uuid[];
    v_ids uuid[];
    v_group record;
begin
    select array_agg(e.account_id), array_agg(e.id)
    into v_accounts, v_ids
    from (
        select j.account_id, j.id
        from jobs.job as j
        where j.status = 'running' and j.leased_until <= v_now
            and (p_account_id is null or j.account_id = p_account_id)
        order by j.leased_until
        limit p_limit
        for update skip locked
    ) as e;
    if v_ids is null then
        return 0;
    end if;
    for v_group in
        with changed as (
            update jobs.job as j
            set
                status = case
                    when j.cancel_requested_at is not null then 'canceled'
                    when j.attempt >= j.max_attempts then 'failed'
                    else 'queued'
                end,
                reason = 'lease_expired',
                due_at = v_now,
                leased_until = null,
                finished_at = case
                    when j.cancel_requested_at is not null or j.attempt >= j.max_attempts then v_now
                end,
                error = jsonb_build_object(
                    'type', 'lease_expired', 'message', 'The worker let its lease run out.', 'worker', j.worker
                )
            from unnest(v_accounts, v_ids) as e (account_id, id)
            where j.account_id = e.account_id and j.id = e.id
            returning j.account_id, j.workflow, j.status
        )
        select c.account_id, c.workflow, count(*)::integer as jobs
        from changed as c
        where c.status = 'queued'
        group by c.account_id, c.workflow
    loop
        perform core.hint(jobs.name_topic(v_group.account_id::text, v_group.workflow), v_group.jobs);
    end loop;
    return array_length(v_ids, 1);
end;
$$;
comment on function jobs.rescue_expired(integer, uuid) is
$$Take jobs back whose worker let the lease run out: they are queued again at once, or final when that was the last attempt, or
when a cancel was asked for. Gives how many. For the clock; every claim does it too for what it may see.$$;

create or replace function jobs.find_next_account(p_after uuid, p_workflows text[])
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid;
begin
    -- In the whole order of the index of claimable jobs: any other one that begins with the account would step over all
    -- that is finished.
    if p_workflows is null then
        select j.account_id into v_account_id
        from jobs.job as j
        where j.status = 'queued' and not j.is_delayed and j.account_id > p_after
        order by j.account_id, j.priority_rank, j.due_at, j.id
        limit 1;
    else
        select n.account_id into v_account_id
        from unnest(p_workflows) as w (workflow)
        cross join lateral (
            select j.account_id
            from jobs.job as j
            where j.status = 'queued' and not j.is_delayed and j.workflow = w.workflow and j.account_id > p_after
            order by j.account_id, j.priority_rank, j.due_at, j.id
            limit 1
        ) as n
        order by n.account_id
        limit 1;
    end if;
    return v_account_id;
end;
$$;
comment on function jobs.find_next_account(uuid, text[]) is
$$The next account after p_after with a claimable job, of the workflows or of any. One step in an index for each workflow.$$;

create or replace function jobs.is_served(p_account_id uuid)
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from identity.account as a where a.id = p_account_id and a.status = 'active');
end;
$$;
comment on function jobs.is_served(uuid) is
$$Whether workers get the account's jobs: only while it is active.$$;

create or replace function jobs.lock_claimable(
    p_account_id uuid, p_workflows text[], p_limit integer, p_held uuid[] default '{}'
)
returns uuid[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids uuid[] := '{}'::uuid[];
    v_more uuid[];
    v_workflow text;
begin
    if p_workflows is null then
        return array(
            select j.id
            from jobs.job as j
            where j.status = 'queued' and not j.is_delayed and j.account_id = p_account_id and not j.id = any (p_held)
            order by j.priority_rank, j.due_at, j.id
            limit p_limit
            for update skip locked
        );
    end if;
    -- The workflow whose first job is most urgent comes first. To merge them row by row would lock rows that are not
    -- taken.
    for v_workflow in
        select distinct_workflow.workflow
        from (select distinct w.workflow from unnest(p_workflows) as w (workflow)) as distinct_workflow
        cross join lateral (
            select j.priority_rank, j.due_at, j.id
            from jobs.job as j
            where j.status = 'queued' and not j.is_delayed and j.workflow = distinct_workflow.workflow
                and j.account_id = p_account_id and not j.id = any (p_held)
            order by j.priority_rank, j.due_at, j.id
            limit 1
        ) as h
        order by h.priority_rank, h.due_at, h.id
    loop
        v_more := array(
            select j.id
            from jobs.job as j
            where j.status = 'queued' and not j.is_delayed and j.workflow = v_workflow
                and j.account_id = p_account_id and not j.id = any (p_held)
            order by j.priority_rank, j.due_at, j.id
            limit p_limit - cardinality(v_ids)
            for update skip locked
        );
        v_ids := v_ids || v_more;
        exit when cardinality(v_ids) >= p_limit;
    end loop;
    return v_ids;
end;
$$;
comment on function jobs.lock_claimable(uuid, text[], integer, uuid[]) is
$$Lock up to p_limit claimable jobs of one account that nobody else holds, by priority, then age, and give their ids.

p_held: ids that are locked already and not wanted again. Of several workflows, the one with the most urgent job is emptied
first.$$;

create or replace function jobs.choose_jobs(p_workflows text[], p_limit integer, out account_ids uuid[], out ids uuid[])
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_zero uuid := uuid '00000000-0000-0000-0000-000000000000';
    v_start uuid;
    v_at uuid;
    v_next uuid;
    v_is_wrapped boolean := false;
    v_visits integer := 0;
    v_got uuid[];
    v_turn uuid[] := '{}'::uuid[];
    v_full uuid[];
    v_account_id uuid;
    v_share integer;
begin
    account_ids := '{}';
    ids := '{}';
    v_start := core.join_halves(
        coalesce(pg_sequence_last_value('jobs.claim_cursor_high'), 0),
        coalesce(pg_sequence_last_value('jobs.claim_cursor_low'), 0)
    );
    v_at := v_start;
    -- First every account's turn: one job each, until there are enough, or the round is closed.
    while cardinality(ids) < p_limit and v_visits < 1000 loop
        v_next := jobs.find_next_account(v_at, p_workflows);
        if v_is_wrapped and (v_next is null or v_next > v_start) then
            exit;
        end if;
        if v_next is null then
            v_is_wrapped := true;
            v_at := v_zero;
            continue;
        end if;
        v_at := v_next;
        v_visits := v_visits + 1;
        -- A suspended or closed account's jobs stay where they are; its turn is passed over by one step in an index.
        continue when not jobs.is_served(v_at);
        v_got := jobs.lock_claimable(v_at, p_workflows, 1);
        if v_got <> '{}' then
            account_ids := account_ids || v_at;
            ids := ids || v_got;
            v_turn := v_turn || v_at;
        end if;
    end loop;
    if v_visits > 0 then
        perform
            setval('jobs.claim_cursor_high', core.high_half(v_at)),
            setval('jobs.claim_cursor_low', core.low_half(v_at));
    end if;

    -- Then equal shares of the rest for those that still have some.
    while cardinality(ids) < p_limit and v_turn <> '{}' loop
        v_share := ceil((p_limit - cardinality(ids))::numeric / cardinality(v_turn));
        v_full := '{}';
        foreach v_account_id in array v_turn loop
            exit when cardinality(ids) >= p_limit;
            v_got := jobs.lock_claimable(
                v_account_id, p_workflows, least(v_share, p_limit - cardinality(ids)), ids
            );
            account_ids := account_ids || array_fill(v_account_id, array[cardinality(v_got)]);
            ids := ids || v_got;
            if cardinality(v_got) = v_share then
                v_full := v_full || v_account_id;
            end if;
        end loop;
        v_turn := v_full;
    end loop;
end;
$$;
comment on function jobs.choose_jobs(text[], integer, out uuid[], out uuid[]) is
$$Lock up to p_limit claimable jobs of all accounts in turn, and remember whose turn is next.

Looks at 1,000 accounts at most; the next call goes on behind them.$$;

-- Plans are made once a connection and hold for all that it calls: to plan each claim anew costs twice what the claim
-- does. One made while the table was still empty must be right when it is full, so only ordered index scans may be
-- chosen.
create or replace function jobs.claim_jobs(
    p_worker text,
    p_workflows text[] default null,
    p_max integer default 1,
    p_lease_seconds integer default 60,
    p_account_id uuid default null
)
returns setof jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_now timestamptz := core.now();
    v_accounts uuid[];
    v_ids uuid[];
begin
    if coalesce(p_max, 0) not between 1 and 1000 then
        raise exception using errcode = 'LQ422', message = 'the number of jobs must be between 1 and 1000';
    end if;
    perform jobs.rescue_expired(100, p_account_id), jobs.let_in_delayed(1000, p_account_id);

    if p_account_id is not null then
        if not jobs.is_served(p_account_id) then
            return;
        end if;
        v_ids := jobs.lock_claimable(p_account_id, p_workflows, p_max);
        v_accounts := array_fill(p_account_id, array[cardinality(v_ids)]);
    else
        select c.account_ids, c.ids into v_accounts, v_ids from jobs.choose_jobs(p_workflows, p_max) as c;
    end if;
    if v_ids = '{}' then
        return;
    end if;

    return query
    with claimed as (
        update jobs.job as j
        set
            status = 'running',
            reason = 'claimed',
            attempt = j.attempt + 1,
            worker = p_worker,
            lease_token = nextval('jobs.lease_token'),
            lease_seconds = p_lease_seconds,
            leased_until = v_now + make_interval(secs => p_lease_seconds),
            -- The statement may have begun before the job that it finds was committed.
            attempt_started_at = greatest(v_now, j.created_at),
            started_at = coalesce(j.started_at, greatest(v_now, j.created_at)),
            progress = null
        from unnest(v_accounts, v_ids) as c (account_id, id)
        where j.account_id = c.account_id and j.id = c.id
        returning j.*
    )
    select c.* from claimed as c order by c.priority_rank, c.due_at, c.id;
end;
$$;
comment on function jobs.claim_jobs(text, text[], integer, integer, uuid) is
$$Take jobs to work on: select id, payload, lease_token from jobs.claim_jobs('me', '{resize}', 10).

p_worker: what the worker calls itself. p_workflows: null for any. p_max: up to 1000. p_lease_seconds: the worker must finish, or
send a heartbeat, before they are over. p_account_id: whose jobs; null for all that the caller may see, in fair turns.
Within an account high priority comes first, then age. Jobs of workers that were lost and delayed jobs that are due count.
Nobody else gets the same job while the lease lasts; lease_token proves it. Jobs of suspended and closed accounts wait.$$;

create or replace function api.claim_jobs(
    p_worker text,
    p_workflows text[] default null,
    p_max integer default 1,
    p_lease_seconds integer default 60,
    p_wait_seconds integer default 0
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := jobs.caller_account();
    v_until timestamptz := coalesce(http.wait_until(), core.now() + make_interval(secs => p_wait_seconds));
    v_jobs jsonb;
begin
    select jsonb_agg(jsonb_build_object(
        'job_id', core.show_id('job', c.id),
        'account_id', core.show_id('acct', c.account_id),
        'workflow', c.workflow,
        'priority', c.priority,
        'payload', c.payload,
        'attempt', c.attempt,
        'max_attempts', c.max_attempts,
        'lease_token', c.lease_token,
        'leased_until', c.leased_until,
        'created_at', c.created_at
    ))
    into v_jobs
    from jobs.claim_jobs(p_worker, p_workflows, p_max, p_lease_seconds, v_account_id) as c;

    if v_jobs is null and core.now() < v_until then
        return http.wait(
            array(
                select jobs.name_topic(v_account_id::text, w.workflow)
                from unnest(coalesce(p_workflows, array[null::text])) as w (workflow)
            ),
            v_until
        );
    end if;
    return http.json(200, jsonb_build_object('jobs', coalesce(v_jobs, '[]')));
end;
$$;
comment on function api.claim_jobs(text, text[], integer, integer, integer) is
$$Take jobs to work on

Gives up to max jobs, each under a lease: finish it, or send a heartbeat, before leased_until, and send its lease_token with
both. With wait_seconds the request waits until there is a job. A key of an account gets that account's jobs; a platform key
those of all, in fair turns. An empty list (or 204 when the server shuts down) means: ask again.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "jobs.retry_base_seconds", "value": 5,
        "description": "integer: wait after the first failed attempt; it doubles with each"},
    {"name": "jobs.retry_cap_seconds", "value": 3600, "description": "integer: longest wait between two attempts"}
]') as s (setting);

select http.register_route('POST', '/api/v1/worker/claim', 'api.claim_jobs', p_scopes => '{jobs:work}',
    p_limit_class => 'work', p_lane => 'alone', p_domain => 'jobs',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["worker"], "properties": {
        "worker": {"type": "string", "minLength": 1, "maxLength": 200, "description": "what the worker calls itself"},
        "workflows": {"type": "array", "minItems": 1, "maxItems": 100, "uniqueItems": true,
            "items": {"type": "string", "minLength": 1, "maxLength": 128}, "description": "left out: any"},
        "max": {"type": "integer", "minimum": 1, "maximum": 100, "default": 1},
        "lease_seconds": {"type": "integer", "minimum": 5, "maximum": 3600, "default": 60},
        "wait_seconds": {"type": "integer", "minimum": 0, "maximum": 60, "default": 0}}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["jobs"], "additionalProperties": false,
        "properties": {
            "jobs": {"type": "array", "items": {"$ref": "#/components/schemas/ClaimedJob"}}}}},
        "204": {"description": "The server shuts down: ask again"}, "400": {}}');
select http.register_schema('ClaimedJob', '{"type": "object", "required": ["job_id", "account_id", "workflow",
    "priority",
    "payload", "attempt", "max_attempts", "lease_token", "leased_until", "created_at"], "additionalProperties": false,
    "properties": {
        "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"},
        "account_id": {"type": "string", "pattern": "^acct_[0-9a-f]{32}$"},
        "workflow": {"type": "string"},
        "priority": {"$ref": "#/components/schemas/JobPriority"},
        "payload": {"type": "object"},
        "attempt": {"type": "integer", "minimum": 1},
        "max_attempts": {"type": "integer", "minimum": 1},
        "lease_token": {"type": "integer", "description": "send it with heartbeat, complete and fail"},
        "leased_until": {"type": "string", "format": "date-time"},
        "created_at": {"type": "string", "format": "date-time"}}}');
