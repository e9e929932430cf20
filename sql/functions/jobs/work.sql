-- What the holder of a lease may do: heartbeat, complete, fail, snooze.
--
-- Every change asks for the lease token of the last claim: a worker that lost its lease to another changes nothing. A
-- repeat of what was done already, by the same token, gets the same answer: a worker whose answer was lost may ask again.
-- A lease that has run out and was given to nobody yet still holds.

create or replace function jobs.refuse_lease(p_job jobs.job, p_lease_token bigint)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_job.lease_token = p_lease_token and p_job.finished_at is not null then
        raise exception using
            errcode = 'LQ409',
            message = format('the job is already %s', p_job.status),
            hint = 'Drop the work: the job needs it no more.';
    end if;
    raise exception using
        errcode = 'LQ409',
        message = 'the lease has passed to another worker',
        detail = format('The job is %s.', p_job.status),
        hint = 'Drop the work, and send heartbeats in time.';
end;
$$;
comment on function jobs.refuse_lease(jobs.job, bigint) is
$$Refuse a worker that does not hold the job's lease. Always raises LQ409.$$;

create or replace function jobs.extend_lease(
    p_account_id uuid,
    p_id uuid,
    p_lease_token bigint,
    p_progress jsonb default null,
    p_logs jsonb default null
)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run jobs.running;
begin
    if octet_length(p_progress::text) > 4096 then
        raise exception using
            errcode = 'LQ413', message = 'progress too large', detail = 'As text, 4096 bytes are allowed.';
    end if;
    update jobs.running as r
    set
        leased_until = greatest(r.leased_until, core.now() + make_interval(secs => r.lease_seconds)),
        progress = coalesce(p_progress, r.progress)
    where r.lease_token = p_lease_token and r.job_id = p_id and (p_account_id is null or r.account_id = p_account_id)
    returning r.* into v_run;
    if not found then
        perform jobs.refuse_lease(jobs.find_job(p_account_id, p_id), p_lease_token);
    end if;
    perform jobs.add_logs(v_run, p_logs);
    perform jobs.note_worker(p_account_id, v_run.worker, '{}');
    return jobs.find_job(v_run.account_id, p_id);
end;
$$;
comment on function jobs.extend_lease(uuid, uuid, bigint, jsonb, jsonb) is
$$Heartbeat: keep the job for as long again as it was claimed for, and say how far the work is.

p_progress: any JSON up to 4 KiB. p_logs: lines for jobs.log, as jobs.add_logs takes them.
cancel_requested_at in the answer asks the worker to stop, and so does an expires_at that is over. p_account_id: null for any the
caller may see. Raises LQ404, LQ409, LQ413, LQ422.$$;

create or replace function jobs.add_logs(p_run jobs.running, p_logs jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_logs is null or p_logs = '[]' then
        return;
    end if;
    if jsonb_typeof(p_logs) <> 'array' or jsonb_array_length(p_logs) > 100 then
        raise exception using errcode = 'LQ422', message = 'logs come as an array of up to 100 lines';
    end if;
    if exists (
        select
        from jsonb_array_elements(p_logs) as l (line)
        where jsonb_typeof(l.line) <> 'object' or coalesce(l.line ->> 'message', '') = ''
            or coalesce(l.line ->> 'level', 'info') not in ('debug', 'info', 'warning', 'error')
    ) then
        raise exception using
            errcode = 'LQ422', message = 'each line of logs has a message, and perhaps a level',
            detail = 'Levels are debug, info, warning and error.';
    end if;
    insert into jobs.log (account_id, job_id, attempt, level, message, logged_at)
    select
        p_run.account_id, p_run.job_id, p_run.attempt, coalesce(l.line ->> 'level', 'info'),
        left(l.line ->> 'message', 4000), core.now()
    from jsonb_array_elements(p_logs) with ordinality as l (line, place)
    order by l.place;
end;
$$;
comment on function jobs.add_logs(jobs.running, jsonb) is
$$Keep lines that a worker logged: [{"level": "info", "message": "…"}], up to 100; longer messages are cut at 4,000 characters.

Raises LQ422.$$;

create or replace function jobs.complete_jobs(
    p_ids uuid[], p_lease_tokens bigint[], p_results jsonb[] default null, p_account_id uuid default null
)
returns table (id uuid, outcome text)
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
    v_now timestamptz := core.now();
    v_actor text := core.current_actor();
    v_done bigint[];
    v_loose record;
begin
    if cardinality(p_ids) is distinct from cardinality(p_lease_tokens)
        or cardinality(p_results) <> cardinality(p_ids)
    then
        raise exception using errcode = 'LQ422', message = 'there must be as many tokens, and results, as ids';
    end if;
    if p_results is not null and exists (
        select from unnest(p_results) as r (result)
        where octet_length(r.result::text) > 204800
    ) then
        raise exception using
            errcode = 'LQ413',
            message = 'result too large',
            detail = '204800 bytes are allowed.',
            hint = 'Store the data elsewhere and give a link.';
    end if;

    with gone as (
        delete from jobs.running as r
        using unnest(p_ids, p_lease_tokens, p_results) as t (id, token, result)
        where r.lease_token = t.token and r.job_id = t.id and (p_account_id is null or r.account_id = p_account_id)
        returning r.*, t.result
    ),
    kept as (
        insert into jobs.outcome as o (
            account_id, job_id, workflow, status, reason, attempt, max_attempts, worker, lease_token, claimed_by,
            finished_by, attempt_started_at, cancel_requested_at, finished_at, progress, result
        )
        select
            g.account_id, g.job_id, g.workflow, 'succeeded', 'completed', g.attempt, g.max_attempts, g.worker,
            g.lease_token, g.claimed_by, v_actor, g.started_at, g.cancel_requested_at, greatest(v_now, g.started_at),
            g.progress, g.result
        from gone as g
    ),
    counted as (
        insert into jobs.tally_change (account_id, workflow, hour, running, succeeded)
        select g.account_id, g.workflow, jobs.hour_of(v_now), -count(*), count(*)
        from gone as g
        group by g.account_id, g.workflow
    )
    select
        array_agg(g.lease_token) as tokens,
        array_agg(g.account_id) filter (where g.unique_while in ('waiting', 'active')) as key_accounts,
        array_agg(g.job_id) filter (where g.unique_while in ('waiting', 'active')) as key_ids,
        array_agg(g.account_id) filter (where g.has_callback) as told_accounts,
        array_agg(g.job_id) filter (where g.has_callback) as told_ids
    into v_loose
    from gone as g;
    v_done := coalesce(v_loose.tokens, '{}');
    if v_loose.key_ids is not null then
        perform jobs.release_keys(v_loose.key_accounts, v_loose.key_ids);
    end if;
    if v_loose.told_ids is not null then
        perform jobs.tell_ends(v_loose.told_accounts, v_loose.told_ids);
    end if;

    if cardinality(v_done) = cardinality(p_ids) then
        return query select t.id, 'done' from unnest(p_ids) as t (id);
    else
        return query
        select
            t.id,
            case
                when t.token = any (v_done) then 'done'
                when exists (
                    select
                    from jobs.outcome as o
                    where o.account_id = jobs.find_account(p_account_id, t.id) and o.job_id = t.id
                        and o.lease_token = t.token and o.status = 'succeeded'
                ) then 'repeated'
                else 'lost'
            end
        from unnest(p_ids, p_lease_tokens) as t (id, token);
    end if;
end;
$$;
comment on function jobs.complete_jobs(uuid[], bigint[], jsonb[], uuid) is
$$Finish jobs with success, many at once: select * from jobs.complete_jobs('{ID,…}', '{TOKEN,…}', array['{"ok": true}', …]::jsonb[]).

p_results: null, or one for each id (null: none), of up to 200 KiB. p_account_id: whose jobs; null for any the caller may see.
Gives a row each: done; repeated, when it was done before with this token; lost, when the lease has passed on or the job has ended
otherwise, or there is no such job: drop that work. Only jobs that still run under the token are changed. Raises LQ413, LQ422.$$;

create or replace function jobs.complete_job(
    p_account_id uuid, p_id uuid, p_lease_token bigint, p_result jsonb default null
)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.job;
    v_outcome text;
begin
    select c.outcome into v_outcome
    from jobs.complete_jobs(array[p_id], array[p_lease_token], array[p_result], p_account_id) as c;
    v_job := jobs.find_job(p_account_id, p_id);
    if v_outcome = 'lost' then
        perform jobs.refuse_lease(v_job, p_lease_token);
    end if;
    return v_job;
end;
$$;
comment on function jobs.complete_job(uuid, uuid, bigint, jsonb) is
$$Finish a job with success. Repeating it with the same token changes nothing and gives the job with the first result.

p_account_id: null for any the caller may see. p_lease_token: from the claim. p_result: up to 200 KiB. A cancel that was asked
for comes too late. Raises LQ404, LQ409 when the lease is no longer the caller's, LQ413.$$;

create or replace function jobs.lock_run(p_account_id uuid, p_id uuid, p_lease_token bigint)
returns jobs.running
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run jobs.running;
begin
    select r.* into v_run
    from jobs.running as r
    where r.lease_token = p_lease_token and r.job_id = p_id and (p_account_id is null or r.account_id = p_account_id)
    for update;
    return v_run;
end;
$$;
comment on function jobs.lock_run(uuid, uuid, bigint) is
$$The attempt that runs under a token, locked; null when there is none any more.$$;

create or replace function jobs.has_ended_attempt(p_job jobs.job, p_lease_token bigint)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select
        from jobs.attempt as a
        where a.account_id = p_job.account_id and a.job_id = p_job.id and a.lease_token = p_lease_token
            and a.outcome <> 'lost'
    ) or (
        -- One that ended while it waited has no token.
        p_job.lease_token is not distinct from p_lease_token and p_job.status in ('failed', 'canceled')
        and p_job.reason not in ('lease_expired', 'attempt_expired')
    )
$$;
comment on function jobs.has_ended_attempt(jobs.job, bigint) is
$$Whether the worker itself ended its attempt under a token without success: then this is a repeat.$$;

create or replace function jobs.fail_job(
    p_account_id uuid,
    p_id uuid,
    p_lease_token bigint,
    p_error jsonb,
    p_is_retry boolean default true,
    p_retry_after interval default null,
    p_jitter double precision default random()
)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run jobs.running;
    v_job jobs.job;
    v_status text;
begin
    if jsonb_typeof(p_error) is distinct from 'object' then
        raise exception using errcode = 'LQ422', message = 'the error must be a JSON object';
    end if;
    if octet_length(p_error::text) > 16384 then
        raise exception using
            errcode = 'LQ413', message = 'error too large', detail = 'As text, 16384 bytes are allowed.';
    end if;
    if p_retry_after < interval '0' or p_retry_after > interval '7 days' then
        raise exception using errcode = 'LQ422', message = 'a retry comes at once, or within 7 days';
    end if;

    v_run := jobs.lock_run(p_account_id, p_id, p_lease_token);
    if v_run.job_id is null then
        v_job := jobs.find_job(p_account_id, p_id);
        if not jobs.has_ended_attempt(v_job, p_lease_token) then
            perform jobs.refuse_lease(v_job, p_lease_token);
        end if;
        return v_job;
    end if;
    v_status := case
        when v_run.cancel_requested_at is not null then 'canceled'
        when coalesce(p_is_retry, true) and v_run.attempt < v_run.max_attempts then 'queued'
        else 'failed'
    end;
    perform jobs.end_attempt(
        v_run, v_status, case when v_status = 'canceled' then 'canceled' else 'attempt_failed' end, p_error,
        core.now() + coalesce(p_retry_after, jobs.next_delay(v_run.attempt, p_jitter))
    );
    return jobs.find_job(v_run.account_id, p_id);
end;
$$;
comment on function jobs.fail_job(uuid, uuid, bigint, jsonb, boolean, interval, double precision) is
$$Say that an attempt failed. The job is queued again after a wait, or has failed for good when it was the last attempt or
p_is_retry is false, or is canceled when that was asked for. Repeating it with the same token changes nothing.

p_error: object, kept with the job and the attempt; up to 16 KiB. p_retry_after: the wait, up to 7 days; by default
jobs.next_delay. p_account_id: null for any the caller may see. Raises LQ404, LQ409, LQ413, LQ422.$$;

create or replace function jobs.snooze_job(p_account_id uuid, p_id uuid, p_lease_token bigint, p_for interval)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run jobs.running;
    v_job jobs.job;
    v_is_canceled boolean;
begin
    if p_for is null or p_for < interval '0' or p_for > interval '7 days' then
        raise exception using errcode = 'LQ422', message = 'a job is put off for up to 7 days';
    end if;
    v_run := jobs.lock_run(p_account_id, p_id, p_lease_token);
    if v_run.job_id is null then
        v_job := jobs.find_job(p_account_id, p_id);
        if not jobs.has_ended_attempt(v_job, p_lease_token) then
            perform jobs.refuse_lease(v_job, p_lease_token);
        end if;
        return v_job;
    end if;
    v_is_canceled := v_run.cancel_requested_at is not null;
    -- It does not use up an attempt: there may be one more. Numbers of attempts end at 30,000.
    v_run.max_attempts := least(v_run.max_attempts + 1, 30000);
    perform jobs.end_attempt(
        v_run,
        case when v_is_canceled then 'canceled' when v_run.attempt >= 30000 then 'failed' else 'queued' end,
        case when v_is_canceled then 'canceled' when v_run.attempt >= 30000 then 'attempt_failed' else 'snoozed' end,
        null, core.now() + p_for, 'snoozed'
    );
    return jobs.find_job(v_run.account_id, p_id);
end;
$$;
comment on function jobs.snooze_job(uuid, uuid, bigint, interval) is
$$Put a job off: it is queued again after p_for (up to 7 days), and the attempt does not count. Canceled when that was asked for.

Repeating it with the same token changes nothing. Raises LQ404, LQ409, LQ422.$$;

create or replace function jobs.complete_in_development(
    p_account_id uuid, p_id uuid, p_result jsonb default '{"ok": true}'
)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.job := jobs.lock_job(p_account_id, p_id);
    v_token bigint := v_job.lease_token;
begin
    if v_job.status in ('failed', 'canceled') then
        raise exception using errcode = 'LQ409', message = format('the job is already %s', v_job.status);
    elsif v_job.status = 'succeeded' then
        return v_job;
    elsif v_job.status = 'queued' then
        v_token := nextval('jobs.lease_token');
        with taken as (
            delete from jobs.waiting as w where w.account_id = v_job.account_id and w.job_id = p_id returning w.*
        )
        insert into jobs.running (
            account_id, job_id, workflow, priority_rank, due_at, attempt, max_attempts, has_callback, unique_while,
            timeout_seconds, lease_token, lease_seconds, leased_until, started_at, worker, claimed_by
        )
        select
            t.account_id, t.job_id, t.workflow, t.priority_rank, t.due_at, t.attempt + 1, t.max_attempts, t.has_callback,
            t.unique_while, t.timeout_seconds, v_token, 60, core.now() + interval '1 minute',
            greatest(core.now(), v_job.created_at), 'development', core.current_actor()
        from taken as t;
        insert into jobs.tally_change (account_id, workflow, hour, waiting, running)
        values (v_job.account_id, v_job.workflow, jobs.hour_of(core.now()), -1, 1);
    end if;
    return jobs.complete_job(v_job.account_id, v_job.id, v_token, p_result);
end;
$$;
comment on function jobs.complete_in_development(uuid, uuid, jsonb) is
$$Let a job succeed without a worker, for whoever develops against the API: it is claimed and completed in one step.

One that runs is taken from its worker; one that succeeded is left as it is. Raises LQ404, LQ409.$$;

create or replace function api.extend_lease(
    p_job_id text, p_lease_token bigint, p_progress jsonb default null, p_logs jsonb default null
)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'leased_until', j.leased_until,
        'cancel_requested', j.cancel_requested_at is not null or coalesce(j.expires_at <= core.now(), false)
    ))
    from jobs.extend_lease(jobs.caller_account(), core.read_id('job', p_job_id), p_lease_token, p_progress, p_logs) as j
$$;
comment on function api.extend_lease(text, bigint, jsonb, jsonb) is
$$Send a heartbeat

Keeps the job for as long again as it was claimed for. When cancel_requested is true (somebody canceled the job, or the attempt
has taken longer than its timeout), stop and call fail. 409: the lease has passed to another worker; drop the work.$$;

create or replace function api.complete_job(p_job_id text, p_lease_token bigint, p_result jsonb default null)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'job_id', core.show_id('job', j.id), 'status', j.status, 'result', j.result, 'finished_at', j.finished_at
    ))
    from jobs.complete_job(jobs.caller_account(), core.read_id('job', p_job_id), p_lease_token, p_result) as j
$$;
comment on function api.complete_job(text, bigint, jsonb) is
$$Complete a job

May be repeated with the same lease_token: the first result stands and is given again. 409: the lease has passed to another
worker, or the job is canceled; drop the work.$$;

create or replace function api.complete_jobs(p_jobs jsonb)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object('jobs', coalesce(jsonb_agg(jsonb_build_object(
        'job_id', core.show_id('job', c.id), 'outcome', c.outcome
    )), '[]')))
    from (
        select
            array_agg(coalesce(core.read_id('job', b.job ->> 'job_id'), '00000000-0000-0000-0000-000000000000'::uuid)
                order by b.place) as ids,
            array_agg((b.job ->> 'lease_token')::bigint order by b.place) as tokens,
            array_agg(b.job -> 'result' order by b.place) as results
        from jsonb_array_elements(p_jobs) with ordinality as b (job, place)
    ) as j
    cross join lateral jobs.complete_jobs(j.ids, j.tokens, j.results, jobs.caller_account()) as c
$$;
comment on function api.complete_jobs(jsonb) is
$$Complete many jobs

May be repeated with the same lease tokens. In the order of the request, outcome says of each: done; repeated (it was done before
with this token); lost: the lease has passed on, or the job has ended otherwise; drop the work.$$;

create or replace function api.fail_job(
    p_job_id text,
    p_lease_token bigint,
    p_error jsonb default '{}',
    p_retry boolean default true,
    p_retry_after_seconds integer default null,
    p_snooze boolean default false
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := core.read_id('job', p_job_id);
    v_job jobs.job;
begin
    if p_snooze then
        v_job := jobs.snooze_job(
            jobs.caller_account(), v_id, p_lease_token, make_interval(secs => coalesce(p_retry_after_seconds, 60))
        );
    else
        v_job := jobs.fail_job(
            jobs.caller_account(), v_id, p_lease_token, p_error, p_retry, make_interval(secs => p_retry_after_seconds)
        );
    end if;
    return http.json(200, jsonb_build_object(
        'job_id', core.show_id('job', v_job.id), 'status', v_job.status, 'attempt', v_job.attempt,
        'max_attempts', v_job.max_attempts, 'retry_at', case when v_job.status = 'queued' then v_job.due_at end
    ));
end;
$$;
comment on function api.fail_job(text, bigint, jsonb, boolean, integer, boolean) is
$$Report a failed attempt, or put the job off

The job is tried again after a growing wait (or retry_after_seconds) until its attempts are used up, or not at all with
"retry": false. With "snooze": true it is only put off, for retry_after_seconds (60 by default): the attempt does not count. May be
repeated with the same lease_token.$$;

create or replace function api.fail_jobs(p_jobs jsonb)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_failed record;
    v_answers jsonb := '[]';
    v_job jobs.job;
begin
    for v_failed in
        select
            core.read_id('job', b.job ->> 'job_id') as id, (b.job ->> 'lease_token')::bigint as token,
            coalesce(b.job -> 'error', '{}') as error, coalesce((b.job ->> 'retry')::boolean, true) as is_retry,
            (b.job ->> 'retry_after_seconds')::integer as seconds, b.job ->> 'job_id' as shown
        from jsonb_array_elements(p_jobs) with ordinality as b (job, place)
        order by b.place
    loop
        begin
            v_job := jobs.fail_job(
                jobs.caller_account(), v_failed.id, v_failed.token, v_failed.error, v_failed.is_retry,
                make_interval(secs => v_failed.seconds)
            );
            v_answers := v_answers || jsonb_build_object('job_id', v_failed.shown, 'outcome', v_job.status);
        exception
            when sqlstate 'LQ404' or sqlstate 'LQ409' then
                v_answers := v_answers || jsonb_build_object('job_id', v_failed.shown, 'outcome', 'lost');
        end;
    end loop;
    return http.json(200, jsonb_build_object('jobs', v_answers));
end;
$$;
comment on function api.fail_jobs(jsonb) is
$$Report many failed attempts

As for one. In the order of the request, outcome says of each what it is now: queued (it is tried again), failed, canceled, or
lost: the lease has passed on, or there is no such job; drop the work.$$;

create or replace function api.complete_job_in_development(p_job_id text, p_result jsonb default '{"ok": true}')
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object('ok', j.status = 'succeeded'))
    from jobs.complete_in_development(jobs.caller_account(), core.read_id('job', p_job_id), p_result) as j
$$;
comment on function api.complete_job_in_development(text, jsonb) is
$$Let a job succeed without a worker

In development only; in production this path does not exist.$$;

select http.register_route('POST', '/api/v1/worker/jobs/{job_id}/heartbeat', 'api.extend_lease',
    p_scopes => '{jobs:work}',
    p_limit_class => 'work', p_domain => 'jobs', p_parameters => '{"job_id": {"type": "string"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["lease_token"], "properties": {
        "lease_token": {"type": "integer", "minimum": 1, "maximum": 9007199254740991},
        "progress": {"description": "any JSON, up to 4 KiB; left out: as before"},
        "logs": {"type": "array", "maxItems": 100, "items": {"type": "object", "additionalProperties": false,
            "required": ["message"], "properties": {
                "level": {"enum": ["debug", "info", "warning", "error"], "default": "info"},
                "message": {"type": "string", "minLength": 1, "maxLength": 4000}}}}}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["leased_until", "cancel_requested"],
        "additionalProperties": false, "properties": {
            "leased_until": {"type": "string", "format": "date-time"}, "cancel_requested": {"type": "boolean"}}}},
        "400": {}, "404": {}, "409": {}, "413": {}}');
select http.register_route('POST', '/api/v1/worker/jobs/{job_id}/complete', 'api.complete_job',
    p_scopes => '{jobs:work}',
    p_limit_class => 'work', p_domain => 'jobs', p_parameters => '{"job_id": {"type": "string"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["lease_token"], "properties": {
        "lease_token": {"type": "integer", "minimum": 1, "maximum": 9007199254740991},
        "result": {"description": "any JSON, up to 200 KiB"}}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["job_id", "status", "result", "finished_at"],
        "additionalProperties": false, "properties": {
            "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"}, "status": {"const": "succeeded"},
            "result": {}, "finished_at": {"type": "string", "format": "date-time"}}}},
        "400": {}, "404": {}, "409": {}, "413": {}}');
select http.register_route('POST', '/api/v1/worker/complete', 'api.complete_jobs', p_scopes => '{jobs:work}',
    p_limit_class => 'work', p_lane => 'alone', p_body_cap => 4194304, p_domain => 'jobs',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["jobs"], "properties": {
        "jobs": {"type": "array", "minItems": 1, "maxItems": 1000, "items": {"type": "object",
            "additionalProperties": false, "required": ["job_id", "lease_token"], "properties": {
                "job_id": {"type": "string"},
                "lease_token": {"type": "integer", "minimum": 1, "maximum": 9007199254740991},
                "result": {"description": "any JSON, up to 200 KiB"}}}}}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["jobs"], "additionalProperties": false,
        "properties": {"jobs": {"type": "array", "items": {"type": "object", "required": ["job_id", "outcome"],
            "additionalProperties": false, "properties": {
                "job_id": {"type": "string"}, "outcome": {"enum": ["done", "repeated", "lost"]}}}}}}},
        "400": {}, "413": {}}');
select http.register_route('POST', '/api/v1/worker/fail', 'api.fail_jobs', p_scopes => '{jobs:work}',
    p_limit_class => 'work', p_lane => 'alone', p_body_cap => 4194304, p_domain => 'jobs',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["jobs"], "properties": {
        "jobs": {"type": "array", "minItems": 1, "maxItems": 1000, "items": {"type": "object",
            "additionalProperties": false, "required": ["job_id", "lease_token", "error"], "properties": {
                "job_id": {"type": "string"},
                "lease_token": {"type": "integer", "minimum": 1, "maximum": 9007199254740991},
                "error": {"type": "object", "description": "what went wrong, up to 16 KiB"},
                "retry": {"type": "boolean", "default": true},
                "retry_after_seconds": {"type": "integer", "minimum": 0, "maximum": 604800}}}}}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["jobs"], "additionalProperties": false,
        "properties": {"jobs": {"type": "array", "items": {"type": "object", "required": ["job_id", "outcome"],
            "additionalProperties": false, "properties": {
                "job_id": {"type": "string"}, "outcome": {"enum": ["queued", "failed", "canceled", "lost"]}}}}}}},
        "400": {}, "413": {}, "422": {}}');
select http.register_route('POST', '/api/v1/worker/jobs/{job_id}/fail', 'api.fail_job', p_scopes => '{jobs:work}',
    p_limit_class => 'work', p_domain => 'jobs', p_parameters => '{"job_id": {"type": "string"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["lease_token"],
        "properties": {
        "lease_token": {"type": "integer", "minimum": 1, "maximum": 9007199254740991},
        "error": {"type": "object", "description": "what went wrong, up to 16 KiB"},
        "retry": {"type": "boolean", "default": true},
        "retry_after_seconds": {"type": "integer", "minimum": 0, "maximum": 604800},
        "snooze": {"type": "boolean", "default": false, "description": "only put off: the attempt does not count"}}}',
    p_responses => '{"200": {"schema": {"type": "object",
        "required": ["job_id", "status", "attempt", "max_attempts", "retry_at"],
        "additionalProperties": false, "properties": {
            "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"},
            "status": {"$ref": "#/components/schemas/JobStatus"},
            "attempt": {"type": "integer", "minimum": 1}, "max_attempts": {"type": "integer", "minimum": 1},
            "retry_at": {"type": ["string", "null"], "format": "date-time"}}}},
        "400": {}, "404": {}, "409": {}, "413": {}}');
select http.register_route('POST', '/api/v1/_dev/complete/{job_id}', 'api.complete_job_in_development',
    p_scopes => '{jobs:submit,jobs:work,platform}', p_limit_class => 'write', p_mode => 'development',
    p_domain => 'jobs',
    p_parameters => '{"job_id": {"type": "string"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "result": {"description": "any JSON; left out: {\"ok\": true}"}}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["ok"], "additionalProperties": false,
        "properties": {
        "ok": {"const": true}}}}, "400": {}, "404": {}, "409": {}, "413": {}}');
