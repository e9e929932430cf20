-- Claim jobs: give work to workers, under a lease with a fencing token.
--
-- Locks: rows are locked with skip locked, so that a claim waits for nobody and two claims never get the same job. A
-- claim over all accounts serves them in turn: it goes on after the account served last, gives each account one job,
-- and a further share only when all had their turn. It finds the next account by a step in an index, however many
-- jobs wait. Where jobs.concurrency bounds what runs at once, a claim holds an advisory lock of the account or workflow
-- while it counts and takes; one that does not get it at once passes on.

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
    v_group record;
    v_jobs integer := 0;
begin
    for v_group in
        with changed as (
            update jobs.waiting as w
            set is_delayed = false
            where w.ctid = any (array(
                select d.ctid
                from jobs.waiting as d
                where d.is_delayed and d.due_at <= v_now and (p_account_id is null or d.account_id = p_account_id)
                order by d.due_at
                limit p_limit
                for update skip locked
            ))
            returning w.account_id, w.workflow
        )
        select c.account_id, c.workflow, count(*)::integer as jobs
        from changed as c
        group by c.account_id, c.workflow
    loop
        v_jobs := v_jobs + v_group.jobs;
        perform core.hint(jobs.name_topic(v_group.account_id::text, v_group.workflow), v_group.jobs);
    end loop;
    return v_jobs;
end;
$$;
comment on function jobs.let_in_delayed(integer, uuid) is
$$Open delayed jobs that have become due to claims. Gives how many; more than p_limit wait for the next time.

For the clock; a claim that finds less than it asked for does it too, for what it may see.$$;

create or replace function jobs.rescue_expired(p_limit integer default 1000, p_account_id uuid default null)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_run jobs.running;
    v_jobs integer := 0;
    v_is_late boolean;
begin
    for v_run in
        select r.*
        from jobs.running as r
        where (r.leased_until <= v_now or r.expires_at <= v_now)
            and (p_account_id is null or r.account_id = p_account_id)
        order by r.leased_until
        limit p_limit
        for update skip locked
    loop
        v_jobs := v_jobs + 1;
        v_is_late := coalesce(v_run.expires_at <= v_now, false);
        perform jobs.end_attempt(
            v_run,
            case
                when v_run.cancel_requested_at is not null then 'canceled'
                when v_run.attempt >= v_run.max_attempts then 'failed'
                else 'queued'
            end,
            case when v_is_late then 'attempt_expired' else 'lease_expired' end,
            jsonb_build_object(
                'type', case when v_is_late then 'attempt_expired' else 'lease_expired' end,
                'message', case
                    when v_is_late then format('The attempt took longer than its %s s.', v_run.timeout_seconds)
                    else 'The worker let its lease run out.'
                end,
                'worker', v_run.worker
            ),
            v_now
        );
    end loop;
    return v_jobs;
end;
$$;
comment on function jobs.rescue_expired(integer, uuid) is
$$Take jobs back whose worker let the lease run out, or whose attempt took longer than its timeout: they are queued again at once,
or final when that was the last attempt, or when a cancel was asked for. Gives how many.

For the clock; a claim that finds less than it asked for does it too, for what it may see.$$;

create or replace function jobs.end_attempt(
    p_run jobs.running, p_status text, p_reason text, p_error jsonb, p_due_at timestamptz, p_outcome text default null
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := greatest(core.now(), p_run.started_at);
    v_is_delayed boolean := p_due_at > v_now;
    v_actor text := core.current_actor();
begin
    delete from jobs.running as r where r.lease_token = p_run.lease_token;
    if p_status = 'queued' then
        insert into jobs.attempt (
            account_id, job_id, number, lease_token, worker, claimed_by, finished_by, outcome, reason, error, started_at,
            finished_at, next_due_at
        )
        values (
            p_run.account_id, p_run.job_id, p_run.attempt, p_run.lease_token, p_run.worker, p_run.claimed_by, v_actor,
            coalesce(p_outcome, case when p_reason = 'lease_expired' then 'lost' else 'failed' end), p_reason, p_error,
            p_run.started_at, v_now, p_due_at
        );
        insert into jobs.waiting (
            account_id, job_id, workflow, priority_rank, due_at, attempt, max_attempts, is_delayed, has_callback,
            unique_while, timeout_seconds
        )
        values (
            p_run.account_id, p_run.job_id, p_run.workflow, p_run.priority_rank, p_due_at, p_run.attempt,
            p_run.max_attempts, v_is_delayed, p_run.has_callback, p_run.unique_while, p_run.timeout_seconds
        );
        if not v_is_delayed then
            perform core.hint(jobs.name_topic(p_run.account_id::text, p_run.workflow));
        end if;
    else
        insert into jobs.outcome (
            account_id, job_id, workflow, status, reason, attempt, max_attempts, worker, lease_token, claimed_by,
            finished_by, attempt_started_at, cancel_requested_at, finished_at, progress, error
        )
        values (
            p_run.account_id, p_run.job_id, p_run.workflow, p_status, p_reason, p_run.attempt, p_run.max_attempts,
            p_run.worker, p_run.lease_token, p_run.claimed_by, v_actor, p_run.started_at, p_run.cancel_requested_at,
            v_now, p_run.progress, p_error
        );
        if p_run.unique_while <> 'ever' then
            perform jobs.release_keys(array[p_run.account_id], array[p_run.job_id]);
        end if;
        if p_run.has_callback then
            perform jobs.tell_ends(array[p_run.account_id], array[p_run.job_id]);
        end if;
    end if;
    insert into jobs.tally_change (account_id, workflow, hour, waiting, running, failed, canceled)
    values (
        p_run.account_id, p_run.workflow, jobs.hour_of(v_now), case when p_status = 'queued' then 1 else 0 end, -1,
        case when p_status = 'failed' then 1 else 0 end, case when p_status = 'canceled' then 1 else 0 end
    );
end;
$$;
comment on function jobs.end_attempt(jobs.running, text, text, jsonb, timestamptz, text) is
$$End an attempt that did not succeed, whose row of jobs.running the caller has locked.

p_status: queued (with p_due_at, when it is tried again), failed or canceled. p_reason: as in jobs.job. p_outcome: of the attempt;
null: failed or lost, by the reason.$$;

create or replace function jobs.find_next_account(p_after uuid, p_workflows text[])
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid;
begin
    if p_workflows is null then
        select w.account_id into v_account_id
        from jobs.waiting as w
        where not w.is_delayed and w.account_id > p_after
        order by w.account_id, w.priority_rank, w.due_at, w.job_id
        limit 1;
    else
        select n.account_id into v_account_id
        from unnest(p_workflows) as f (workflow)
        cross join lateral (
            select w.account_id
            from jobs.waiting as w
            where not w.is_delayed and w.workflow = f.workflow and w.account_id > p_after
            order by w.account_id, w.priority_rank, w.due_at, w.job_id
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

create or replace function jobs.list_workflows(p_limit integer default 1000)
returns setof text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_workflow text := '';
begin
    for step in 1 .. p_limit loop
        select w.workflow into v_workflow
        from jobs.waiting as w
        where not w.is_delayed and w.workflow > v_workflow
        order by w.workflow
        limit 1;
        exit when not found;
        return next v_workflow;
    end loop;
end;
$$;
comment on function jobs.list_workflows(integer) is
$$The workflows that have claimable jobs: one step in an index each.$$;

create or replace function jobs.room_for(p_scope text, p_name text, p_account_id uuid)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_most integer;
    v_running bigint;
begin
    select c.max_running into v_most from jobs.concurrency as c where c.scope = p_scope and c.name = p_name;
    if not found then
        return null;
    end if;
    -- Exact without a row that all claims would update: who counts and takes holds the lock until its commit, and a claim
    -- that does not get it leaves these jobs to the one that has it.
    if not pg_try_advisory_xact_lock(
        hashtextextended('jobs.concurrency/' || p_scope || '/' || coalesce(p_account_id::text, p_name), 0)
    ) then
        return 0;
    end if;
    if p_scope = 'tier' then
        select count(*) into v_running
        from (select from jobs.running as r where r.account_id = p_account_id limit v_most) as r;
    else
        select count(*) into v_running
        from (select from jobs.running as r where r.workflow = p_name limit v_most) as r;
    end if;
    return v_most - v_running;
end;
$$;
comment on function jobs.room_for(text, text, uuid) is
$$How many more jobs may run at once: of the account, by its tier (p_scope tier), or of the workflow. Null: any number.

0 also while another claim is taking jobs of the same account or workflow.$$;

create or replace function jobs.take_jobs(
    p_account_id uuid, p_workflow text, p_limit integer, p_worker text, p_lease_seconds integer, p_is_bloated boolean
)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_actor text := core.current_actor();
    v_rows tid[];
    v_tokens bigint[];
    v_key_ids uuid[];
begin
    if p_limit < 1 then
        return '{}';
    elsif p_is_bloated then
        v_rows := jobs.pick_behind_floor(p_account_id, p_workflow, p_limit);
    elsif p_workflow is null then
        v_rows := array(
            select w.ctid
            from jobs.waiting as w
            where not w.is_delayed and w.account_id = p_account_id
            order by w.priority_rank, w.due_at, w.job_id
            limit p_limit
            for update skip locked
        );
    else
        v_rows := array(
            select w.ctid
            from jobs.waiting as w
            where not w.is_delayed and w.workflow = p_workflow and w.account_id = p_account_id
            order by w.priority_rank, w.due_at, w.job_id
            limit p_limit
            for update skip locked
        );
    end if;
    if v_rows = '{}' then
        return '{}';
    end if;
    with taken as (
        delete from jobs.waiting as w where w.ctid = any (v_rows) returning w.*
    ),
    begun as (
        insert into jobs.running as r (
            account_id, job_id, workflow, priority_rank, due_at, attempt, max_attempts, has_callback, unique_while,
            timeout_seconds, lease_token, lease_seconds, leased_until, expires_at, started_at, worker, claimed_by
        )
        select
            t.account_id, t.job_id, t.workflow, t.priority_rank, t.due_at, t.attempt + 1, t.max_attempts, t.has_callback,
            t.unique_while, t.timeout_seconds, nextval('jobs.lease_token'), p_lease_seconds,
            v_now + make_interval(secs => p_lease_seconds), v_now + make_interval(secs => t.timeout_seconds),
            -- The statement may have begun before the job that it finds was committed.
            case when t.attempt = 0 then greatest(v_now, t.due_at) else v_now end, p_worker, v_actor
        from taken as t
        returning r.lease_token, r.job_id, r.unique_while
    ),
    counted as (
        insert into jobs.tally_change (account_id, workflow, hour, waiting, running)
        select p_account_id, t.workflow, jobs.hour_of(v_now), -count(*), count(*)
        from taken as t
        group by t.workflow
    )
    select array_agg(b.lease_token), array_agg(b.job_id) filter (where b.unique_while = 'waiting')
    into v_tokens, v_key_ids
    from begun as b;
    if v_key_ids is not null then
        perform jobs.release_keys(array_fill(p_account_id, array[cardinality(v_key_ids)]), v_key_ids);
    end if;
    return coalesce(v_tokens, '{}');
end;
$$;
comment on function jobs.take_jobs(uuid, text, integer, text, integer, boolean) is
$$Move up to p_limit claimable jobs of one account that nobody else holds from waiting to running, by priority, then age. Gives
their lease tokens.

p_workflow: null for any. p_is_bloated: see jobs.pick_behind_floor.$$;

create or replace function jobs.pick_behind_floor(p_account_id uuid, p_workflow text, p_limit integer)
returns tid[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_floors jsonb := coalesce(nullif(current_setting('levqor.claim_floors', true), '')::jsonb, '{}');
    v_key text := p_account_id || '/' || coalesce(p_workflow, '');
    v_floor jsonb := v_floors -> v_key;
    v_now numeric := extract(epoch from clock_timestamp());
    v_rows tid[] := '{}'::tid[];
    v_row record;
    v_floor_at timestamptz;
    v_floor_id uuid;
    v_query refcursor;
begin
    if coalesce((v_floor ->> 'until')::numeric, 0) < v_now then
        v_floor := jsonb_build_object('until', v_now + 2);
    end if;
    -- A second look without the floor, when there is less behind it than is wanted: what was let in or given back since.
    for look in 1 .. 2 loop
        v_rows := '{}';
        for v_rank in 1 .. 3 loop
            v_floor_at := coalesce((v_floor -> v_rank::text ->> 0)::timestamptz, '-infinity');
            v_floor_id := coalesce((v_floor -> v_rank::text ->> 1)::uuid, '00000000-0000-0000-0000-000000000000');
            if p_workflow is null then
                open v_query for
                select w.ctid as place, w.due_at, w.job_id
                from jobs.waiting as w
                where not w.is_delayed and w.account_id = p_account_id and w.priority_rank = v_rank
                    and (w.due_at, w.job_id) > (v_floor_at, v_floor_id)
                order by w.due_at, w.job_id
                limit p_limit - cardinality(v_rows)
                for update skip locked;
            else
                open v_query for
                select w.ctid as place, w.due_at, w.job_id
                from jobs.waiting as w
                where not w.is_delayed and w.workflow = p_workflow and w.account_id = p_account_id
                    and w.priority_rank = v_rank and (w.due_at, w.job_id) > (v_floor_at, v_floor_id)
                order by w.due_at, w.job_id
                limit p_limit - cardinality(v_rows)
                for update skip locked;
            end if;
            loop
                fetch v_query into v_row;
                exit when not found;
                v_rows := v_rows || v_row.place;
                v_floor_at := v_row.due_at;
                v_floor_id := v_row.job_id;
            end loop;
            close v_query;
            if v_floor_at > '-infinity' then
                v_floor := v_floor || jsonb_build_object(v_rank::text, jsonb_build_array(v_floor_at, v_floor_id));
            end if;
            exit when cardinality(v_rows) >= p_limit;
        end loop;
        exit when cardinality(v_rows) >= p_limit or v_floor - 'until' = '{}' or look = 2;
        v_floor := jsonb_build_object('until', v_now + 2);
    end loop;
    if (select count(*) from jsonb_object_keys(v_floors)) >= 64 then
        v_floors := '{}';
    end if;
    perform set_config('levqor.claim_floors', (v_floors || jsonb_build_object(v_key, v_floor))::text, false);
    return v_rows;
end;
$$;
comment on function jobs.pick_behind_floor(uuid, text, integer) is
$$Lock the next claimable jobs of an account, as jobs.take_jobs does, without stepping over what this session has taken before.

While somebody holds an old snapshot, the rows that claims removed can not be pruned, and each claim would step over all of them.
So a session remembers for two seconds how far it got (in levqor.claim_floors), by priority. It is a hint only: whenever there is
less behind it than is wanted, it looks from the beginning.$$;

create or replace function jobs.measure_rooms(p_workflows text[], out workflows text[], out rooms jsonb)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limited text;
    v_room integer;
begin
    workflows := p_workflows;
    rooms := '{}';
    if not exists (select from jobs.concurrency as c where c.scope = 'workflow') then
        return;
    end if;
    workflows := coalesce(workflows, array(select w.workflow from jobs.list_workflows(10000) as w (workflow)));
    for v_limited in
        select c.name from jobs.concurrency as c where c.scope = 'workflow' and c.name = any (workflows) order by c.name
    loop
        v_room := jobs.room_for('workflow', v_limited, null);
        if v_room > 0 then
            rooms := rooms || jsonb_build_object(v_limited, v_room);
        else
            workflows := array_remove(workflows, v_limited);
        end if;
    end loop;
end;
$$;
comment on function jobs.measure_rooms(text[], out text[], out jsonb) is
$$Which workflows a claim may take jobs of (null: any), and how many of each that is limited: {"render": 3}. Once a claim.$$;

create or replace function jobs.choose_jobs(
    p_workflows text[], p_limit integer, p_worker text, p_lease_seconds integer, p_is_bloated boolean, p_account_id uuid,
    p_rooms jsonb, out tokens bigint[], out rooms jsonb
)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_workflow text;
    v_limit integer := p_limit;
    v_room integer;
    v_got bigint[];
begin
    tokens := '{}';
    rooms := p_rooms;
    if exists (select from jobs.concurrency as c where c.scope = 'tier') then
        v_limit := least(v_limit, jobs.room_for(
            'tier', (select a.tier from identity.account as a where a.id = p_account_id), p_account_id
        ));
    end if;
    if p_workflows is null or cardinality(p_workflows) = 1 then
        v_room := (rooms ->> p_workflows[1])::integer;
        tokens := jobs.take_jobs(
            p_account_id, p_workflows[1], least(v_limit, v_room), p_worker, p_lease_seconds, p_is_bloated
        );
        if v_room is not null then
            rooms := rooms || jsonb_build_object(p_workflows[1], v_room - cardinality(tokens));
        end if;
        return;
    end if;
    -- The workflow whose first job is most urgent comes first. To merge them row by row would lock rows that are not
    -- taken.
    for v_workflow in
        select f.workflow
        from (select distinct n.workflow from unnest(p_workflows) as n (workflow)) as f
        cross join lateral (
            select w.priority_rank, w.due_at, w.job_id
            from jobs.waiting as w
            where not w.is_delayed and w.workflow = f.workflow and w.account_id = p_account_id
            order by w.priority_rank, w.due_at, w.job_id
            limit 1
        ) as h
        order by h.priority_rank, h.due_at, h.job_id
    loop
        exit when cardinality(tokens) >= v_limit;
        v_room := (rooms ->> v_workflow)::integer;
        v_got := jobs.take_jobs(
            p_account_id, v_workflow, least(v_limit - cardinality(tokens), v_room), p_worker, p_lease_seconds,
            p_is_bloated
        );
        tokens := tokens || v_got;
        if v_room is not null then
            rooms := rooms || jsonb_build_object(v_workflow, v_room - cardinality(v_got));
        end if;
    end loop;
end;
$$;
comment on function jobs.choose_jobs(
    text[], integer, text, integer, boolean, uuid, jsonb, out bigint[], out jsonb
) is
$$Take up to p_limit claimable jobs of one account, within what may run at once. Gives their lease tokens, and what is left of
p_rooms (jobs.measure_rooms).

p_workflows: null for any. Of several workflows, the one with the most urgent job is emptied first.$$;

create or replace function jobs.serve_accounts(
    p_workflows text[], p_limit integer, p_worker text, p_lease_seconds integer, p_is_bloated boolean
)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_start uuid;
    v_at uuid;
    v_next uuid;
    v_is_wrapped boolean := false;
    v_visits integer := 0;
    v_looks integer := 0;
    v_workflows text[];
    v_rooms jsonb;
    v_got bigint[];
    v_turn uuid[] := '{}'::uuid[];
    v_full uuid[];
    v_account_id uuid;
    v_share integer;
    v_tokens bigint[] := '{}';
begin
    v_start := core.join_halves(
        coalesce(pg_sequence_last_value('jobs.claim_cursor_high'), 0),
        coalesce(pg_sequence_last_value('jobs.claim_cursor_low'), 0)
    );
    select r.workflows, r.rooms into v_workflows, v_rooms from jobs.measure_rooms(p_workflows) as r;
    if v_workflows = '{}' then
        return '{}';
    end if;
    v_at := v_start;
    -- First every account's turn: one job each, until there are enough, or the round is closed.
    while cardinality(v_tokens) < p_limit and v_visits < 1000 and v_looks < 10000 loop
        v_next := jobs.find_next_account(v_at, v_workflows);
        if v_is_wrapped and (v_next is null or v_next > v_start) then
            exit;
        end if;
        if v_next is null then
            v_is_wrapped := true;
            v_at := uuid '00000000-0000-0000-0000-000000000000';
            continue;
        end if;
        v_at := v_next;
        v_looks := v_looks + 1;
        -- A suspended or closed account's jobs stay where they are; its turn is passed over by one step in an index.
        continue when not jobs.is_served(v_at);
        v_visits := v_visits + 1;
        select c.tokens, c.rooms into v_got, v_rooms
        from jobs.choose_jobs(v_workflows, 1, p_worker, p_lease_seconds, p_is_bloated, v_at, v_rooms) as c;
        if v_got <> '{}' then
            v_tokens := v_tokens || v_got;
            v_turn := v_turn || v_at;
        end if;
    end loop;
    if v_looks > 0 and v_at <> v_start then
        perform
            setval('jobs.claim_cursor_high', core.high_half(v_at)),
            setval('jobs.claim_cursor_low', core.low_half(v_at));
    end if;

    -- Then equal shares of the rest for those that still have some.
    while cardinality(v_tokens) < p_limit and v_turn <> '{}' loop
        v_share := ceil((p_limit - cardinality(v_tokens))::numeric / cardinality(v_turn));
        v_full := '{}';
        foreach v_account_id in array v_turn loop
            exit when cardinality(v_tokens) >= p_limit;
            select c.tokens, c.rooms into v_got, v_rooms
            from jobs.choose_jobs(
                v_workflows, least(v_share, p_limit - cardinality(v_tokens)), p_worker, p_lease_seconds, p_is_bloated,
                v_account_id, v_rooms
            ) as c;
            v_tokens := v_tokens || v_got;
            if cardinality(v_got) = v_share then
                v_full := v_full || v_account_id;
            end if;
        end loop;
        v_turn := v_full;
    end loop;
    return v_tokens;
end;
$$;
comment on function jobs.serve_accounts(text[], integer, text, integer, boolean) is
$$Take up to p_limit claimable jobs of all accounts in turn, and remember whose turn is next. Gives their lease tokens.

Serves 1,000 accounts at most, and looks at 10,000; the next call goes on behind them.$$;

create or replace function jobs.note_worker(p_account_id uuid, p_worker text, p_workflows text[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_account_id uuid := coalesce(p_account_id, '00000000-0000-0000-0000-000000000000');
begin
    -- Read first: mostly it was noted a moment ago.
    perform
    from jobs.worker as w
    where w.account_id = v_account_id and w.name = p_worker
        and w.last_seen_at > v_now - make_interval(secs => core.integer_setting('jobs.worker_seen_seconds'));
    if found then
        return;
    end if;
    -- Another session notes it just now, or two workers in the other order: neither waits.
    if not pg_try_advisory_xact_lock(hashtextextended('jobs.worker/' || v_account_id || '/' || p_worker, 0)) then
        return;
    end if;
    insert into jobs.worker as w (account_id, name, workflows, seen_by, first_seen_at, last_seen_at)
    values (v_account_id, p_worker, nullif(p_workflows, '{}'), core.current_actor(), v_now, v_now)
    on conflict on constraint worker_pkey do update
    set
        last_seen_at = greatest(w.last_seen_at, excluded.last_seen_at),
        workflows = case when p_workflows = '{}' then w.workflows else excluded.workflows end,
        seen_by = excluded.seen_by;
end;
$$;
comment on function jobs.note_worker(uuid, text, text[]) is
$$Note that a worker was seen; written every jobs.worker_seen_seconds at most. p_account_id: null for one that works for all.
p_workflows: what it claims; null: any; empty: not known here.$$;

-- Plans are made once a connection and hold for all that it calls: to plan each claim anew costs twice what the claim
-- does. One made while the tables were still empty must be right when they are full, so only ordered index scans may be
-- chosen.
create or replace function jobs.claim_jobs(
    p_worker text,
    p_workflows text[] default null,
    p_max integer default 1,
    p_lease_seconds integer default 60,
    p_account_id uuid default null
)
returns setof jobs.claimed_job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    -- Large, and not only because many jobs wait.
    v_is_bloated boolean := pg_relation_size('jobs.waiting') > 1048576
        and pg_stat_get_dead_tuples('jobs.waiting'::regclass)
            > 5000 + pg_stat_get_live_tuples('jobs.waiting'::regclass) / 20;
    v_tokens bigint[];
begin
    if coalesce(p_max, 0) not between 1 and 1000 then
        raise exception using errcode = 'LQ422', message = 'the number of jobs must be between 1 and 1000';
    end if;
    if p_lease_seconds is null or p_lease_seconds < 1 or p_lease_seconds > 86400 then
        raise exception using errcode = 'LQ422', message = 'a lease lasts 1 to 86400 seconds';
    end if;
    perform jobs.note_worker(p_account_id, p_worker, p_workflows);
    if p_account_id is not null and not jobs.is_served(p_account_id) then
        return;
    end if;
    v_tokens := '{}';
    -- Who finds less than it asked for looks after what the clock does each second: then once more.
    for look in 1 .. 2 loop
        v_tokens := v_tokens || case
            when p_account_id is not null then (
                select c.tokens
                from jobs.measure_rooms(p_workflows) as r
                cross join lateral jobs.choose_jobs(
                    r.workflows, p_max - cardinality(v_tokens), p_worker, p_lease_seconds, v_is_bloated, p_account_id, r.rooms
                ) as c
            )
            else jobs.serve_accounts(
                p_workflows, p_max - cardinality(v_tokens), p_worker, p_lease_seconds, v_is_bloated
            )
        end;
        exit when look = 2 or cardinality(v_tokens) >= p_max;
        exit when jobs.rescue_expired(100, p_account_id) + jobs.let_in_delayed(1000, p_account_id) = 0;
    end loop;
    if v_tokens = '{}' then
        return;
    end if;

    return query
    select
        s.account_id, s.id, s.workflow, s.priority, s.payload, r.attempt::integer, r.max_attempts::integer, r.lease_token,
        r.leased_until, s.created_at, r.expires_at, s.expected_seconds
    from jobs.running as r
    inner join jobs.submission as s on s.account_id = r.account_id and s.id = r.job_id
    where r.lease_token = any (v_tokens)
    order by r.priority_rank, r.due_at, r.job_id;
end;
$$;
comment on function jobs.claim_jobs(text, text[], integer, integer, uuid) is
$$Take jobs to work on: select id, payload, lease_token from jobs.claim_jobs('me', '{resize}', 10).

p_worker: what the worker calls itself. p_workflows: null for any. p_max: up to 1000. p_lease_seconds: the worker must finish, or
send a heartbeat, before they are over. p_account_id: whose jobs; null for all that the caller may see, in fair turns.
Within an account high priority comes first, then age. Jobs of workers that were lost and delayed jobs that are due count.
Nobody else gets the same job while the lease lasts; lease_token proves it. Jobs of suspended and closed accounts wait, and so do
those beyond what may run at once (jobs.concurrency).$$;

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
        'expires_at', c.expires_at,
        'expected_seconds', c.expected_seconds,
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
    {"name": "jobs.retry_base_seconds", "value": 5, "minimum": 0, "maximum": 86400,
        "description": "integer: wait after the first failed attempt; it doubles with each"},
    {"name": "jobs.worker_seen_seconds", "value": 10, "minimum": 1, "maximum": 3600,
        "description": "integer: how often at most it is noted that a worker was seen"},
    {"name": "jobs.retry_cap_seconds", "value": 3600, "minimum": 0, "maximum": 604800,
        "description": "integer: longest wait between two attempts"}
]') as s (setting);

select http.register_route('POST', '/api/v1/worker/claim', 'api.claim_jobs', p_scopes => '{jobs:work}',
    p_limit_class => 'work', p_lane => 'alone', p_domain => 'jobs',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["worker"], "properties": {
        "worker": {"type": "string", "minLength": 1, "maxLength": 200, "description": "what the worker calls itself"},
        "workflows": {"type": "array", "minItems": 1, "maxItems": 100, "uniqueItems": true,
            "items": {"type": "string", "minLength": 1, "maxLength": 128}, "description": "left out: any"},
        "max": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1},
        "lease_seconds": {"type": "integer", "minimum": 5, "maximum": 3600, "default": 60},
        "wait_seconds": {"type": "integer", "minimum": 0, "maximum": 60, "default": 0}}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["jobs"], "additionalProperties": false,
        "properties": {
            "jobs": {"type": "array", "items": {"$ref": "#/components/schemas/ClaimedJob"}}}}},
        "204": {"description": "The server shuts down: ask again"}, "400": {}}');
select http.register_schema('ClaimedJob', '{"type": "object", "required": ["job_id", "account_id", "workflow",
    "priority",
    "payload", "attempt", "max_attempts", "lease_token", "leased_until", "expires_at", "expected_seconds",
    "created_at"], "additionalProperties": false,
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
        "expires_at": {"type": ["string", "null"], "format": "date-time",
            "description": "then the attempt has taken too long, heartbeats or not"},
        "expected_seconds": {"type": ["integer", "null"]},
        "created_at": {"type": "string", "format": "date-time"}}}');
