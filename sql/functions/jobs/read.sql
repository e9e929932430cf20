-- Read jobs: one, its history, pages of them.

create or replace function jobs.list_attempts(p_job jobs.job)
returns table (
    number integer, worker text, outcome text, reason text, error jsonb, started_at timestamptz, finished_at timestamptz,
    leased_until timestamptz, claimed_by text, finished_by text, next_due_at timestamptz
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        a.number, a.worker, a.outcome, a.reason, a.error, a.started_at, a.finished_at, null::timestamptz, a.claimed_by,
        a.finished_by, a.next_due_at
    from jobs.attempt as a
    where a.account_id = p_job.account_id and a.job_id = p_job.id
    union all
    select
        o.attempt, o.worker, case when o.reason = 'lease_expired' then 'lost' else o.status end, o.reason, o.error,
        o.attempt_started_at, o.finished_at, null, o.claimed_by, o.finished_by, null
    from jobs.outcome as o
    -- Without a token it ended while it waited: its last attempt is among those above.
    where o.account_id = p_job.account_id and o.job_id = p_job.id and o.lease_token is not null
    union all
    select r.attempt, r.worker, null, null, null, r.started_at, null, r.leased_until, r.claimed_by, null, null
    from jobs.running as r
    where r.account_id = p_job.account_id and r.job_id = p_job.id
    order by 1
$$;
comment on function jobs.list_attempts(jobs.job) is
$$The attempts of a job in their order, the running one (without outcome) and the last one among them.$$;

create or replace function jobs.list_transitions(p_job jobs.job)
returns table (from_status text, to_status text, reason text, attempt integer, actor text, at timestamptz)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select t.from_status, t.to_status, t.reason, t.attempt, t.actor, t.at
    from (
        select 0 as number, 0 as step, null as from_status, 'queued' as to_status, 'submitted' as reason, 0 as attempt,
            p_job.submitted_by as actor, p_job.created_at as at
        union all
        select a.number, 1, 'queued', 'running', 'claimed', a.number, a.claimed_by, a.started_at
        from jobs.list_attempts(p_job) as a
        union all
        select
            a.number, 2, 'running',
            case
                when a.next_due_at is not null then 'queued'
                when a.number = p_job.attempt and p_job.finished_at is not null and p_job.lease_token is not null
                    then p_job.status
                else 'failed'
            end,
            a.reason, a.number, a.finished_by, a.finished_at
        from jobs.list_attempts(p_job) as a
        where a.finished_at is not null
        union all
        select e.attempt, 3, 'failed', 'queued', 'redriven', e.attempt, e.actor, e.happened_at
        from jobs.event as e
        where e.account_id = p_job.account_id and e.job_id = p_job.id and e.kind = 'redriven'
        union all
        select o.attempt, 4, 'queued', o.status, o.reason, o.attempt, o.finished_by, o.finished_at
        from jobs.outcome as o
        where o.account_id = p_job.account_id and o.job_id = p_job.id and o.lease_token is null
    ) as t
    order by t.number, t.step, t.at
$$;
comment on function jobs.list_transitions(jobs.job) is
$$Every change of a job's status, with who and when, from when it was handed in. select * from jobs.list_transitions(j).$$;

create or replace view jobs.transition with (security_invoker = true) as
select
    j.account_id, j.id as job_id, t.from_status, t.to_status, t.reason, t.attempt, t.actor, t.at as happened_at
from jobs.job as j
cross join lateral jobs.list_transitions(j) as t;
comment on view jobs.transition is
'Every change of every job''s status, with who and when, in order within a job: put together from what jobs.job shows. Ask for one job '
'or a few.';
comment on column jobs.transition.account_id is 'account of the job';
comment on column jobs.transition.job_id is 'the job';
comment on column jobs.transition.from_status is 'status before; null: it was handed in';
comment on column jobs.transition.to_status is 'status after';
comment on column jobs.transition.reason is
'why: submitted, claimed, completed, attempt_failed, attempt_expired, lease_expired, snoozed, redriven, canceled';
comment on column jobs.transition.attempt is 'attempts begun by then';
comment on column jobs.transition.actor is 'who: user_…, key_…, system, or role:NAME';
comment on column jobs.transition.happened_at is 'when';

create or replace function jobs.show_history(p_job jobs.job)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'payload', p_job.payload,
        'result', p_job.result,
        'attempts', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'number', a.number, 'worker', a.worker, 'outcome', a.outcome, 'error', a.error,
                'started_at', a.started_at, 'finished_at', a.finished_at, 'leased_until', a.leased_until
            ) order by a.number), '[]')
            from jobs.list_attempts(p_job) as a
        ),
        'transitions', (
            select jsonb_agg(jsonb_build_object(
                'from', t.from_status, 'to', t.to_status, 'reason', t.reason, 'attempt', t.attempt, 'actor', t.actor,
                'at', t.at
            ))
            from jobs.list_transitions(p_job) as t
        ),
        'deliveries', outbox.show_deliveries(p_job.account_id, 'jobs', core.show_id('job', p_job.id))
    )
$$;
comment on function jobs.show_history(jobs.job) is
$$What a single job shows beyond jobs.show_job: payload, result, attempts with the running one, transitions, deliveries.$$;

create or replace function jobs.list_jobs(
    p_account_id uuid default null,
    p_status text default null,
    p_workflow text default null,
    p_priority text default null,
    p_created_after timestamptz default null,
    p_created_before timestamptz default null,
    p_limit integer default 50,
    p_before_id uuid default null
)
returns setof jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set max_parallel_workers_per_gather = 0
set jit = off
as $$
declare
    -- Where the jobs of a status are: the others are not looked at.
    v_from text := case
        when p_status = 'queued' then 'jobs.waiting as k'
        when p_status = 'running' then 'jobs.running as k'
        when p_status is not null then 'jobs.outcome as k'
    end;
begin
    -- Only the filters that are given: each combination is planned with its own index. An id's time part is created_at.
    return query execute
        'select j.* from (select s.account_id, s.id from '
        || coalesce(v_from || ' inner join jobs.submission as s on s.account_id = k.account_id and s.id = k.job_id',
            'jobs.submission as s')
        || ' where true'
        || case when v_from like '%outcome%' then ' and k.status = ' || quote_literal(p_status) else '' end
        || case when v_from is not null and p_account_id is not null then ' and k.account_id = $1' else '' end
        || case when v_from is not null and p_workflow is not null then ' and k.workflow = $2' else '' end
        || case when v_from is not null and p_before_id is not null then ' and k.job_id < $7' else '' end
        || case when p_account_id is not null then ' and s.account_id = $1' else '' end
        || case when p_workflow is not null then ' and s.workflow = $2' else '' end
        || case when p_priority is not null then ' and s.priority = $3' else '' end
        || case
            when p_created_after is not null then ' and s.created_at >= $4 and s.id >= jobs.first_id_at($4)' else ''
        end
        || case
            when p_created_before is not null
                then ' and s.created_at < $5 and s.id < jobs.first_id_at($5 + interval ''1 millisecond'')'
            else ''
        end
        || case when p_before_id is not null then ' and s.id < $7' else '' end
        || case when v_from is not null then ' order by k.job_id desc' else ' order by s.id desc' end
        || ' limit $6) as f inner join jobs.job as j on j.account_id = f.account_id and j.id = f.id order by j.id desc'
    using
        p_account_id, p_workflow, p_priority, p_created_after, p_created_before, p_limit, p_before_id;
end;
$$;
comment on function jobs.list_jobs(uuid, text, text, text, timestamptz, timestamptz, integer, uuid) is
$$Jobs, newest first, those that have ended among them; null filters nothing.
select id, workflow, status from jobs.list_jobs(p_status => 'failed').

p_account_id: null for all that the caller may see. p_created_after: at or after. p_created_before: before. p_before_id: the last
id of the page before. A workflow or priority that is rare among many jobs takes a look at all of these.$$;

create or replace function jobs.encode_query_value(p_text text)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(string_agg(
        case
            when c.character ~ '^[A-Za-z0-9._~-]$' then c.character
            else regexp_replace(upper(encode(convert_to(c.character, 'UTF8'), 'hex')), '(..)', '%\1', 'g')
        end, '' order by c.ordinal
    ), '')
    from regexp_split_to_table(p_text, '') with ordinality as c (character, ordinal)
    where c.character <> ''
$$;
comment on function jobs.encode_query_value(text) is
$$Percent-encode a value for a query (RFC 3986: all but the unreserved characters).$$;

create or replace view jobs.status_of with (security_invoker = true) as
select
    s.account_id,
    s.id,
    case
        when o.job_id is not null then o.status
        when exists (
            select from jobs.running as r where r.account_id = s.account_id and r.job_id = s.id
        ) then 'running'
        else 'queued'
    end as status,
    s.created_at,
    o.result,
    case
        when o.job_id is not null then o.error
        else (
            select a.error
            from jobs.attempt as a
            where a.account_id = s.account_id and a.job_id = s.id and a.error is not null
            order by a.number desc
            limit 1
        )
    end as error
from jobs.submission as s
left join jobs.outcome as o on o.account_id = s.account_id and o.job_id = s.id;
comment on view jobs.status_of is 'How jobs stand: the few columns of jobs.job that are asked for most.';
comment on column jobs.status_of.account_id is 'account it belongs to';
comment on column jobs.status_of.id is 'UUIDv7; shown as job_…';
comment on column jobs.status_of.status is 'queued, running, succeeded, failed or canceled';
comment on column jobs.status_of.created_at is 'when it was handed in';
comment on column jobs.status_of.result is 'what the worker gave';
comment on column jobs.status_of.error is 'what went wrong in the last failed attempt; gone after a success';

create or replace function api.get_job_status(p_job_id text)
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select row(
        200, null, jobs.show_status(j.id, j.status, j.created_at, j.result, j.error), null, null, null
    )::http.response
    from jobs.find_job(jobs.caller_account(), core.read_id('job', p_job_id)) as j
$$;
comment on function api.get_job_status(text) is
$$Ask how a job stands

Its status, and its result or the error of its last failed attempt.$$;

create or replace function api.get_job_statuses(p_calls http.call[], p_parameters jsonb[], p_bodies jsonb[])
returns http.response[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        -- In the order of the arguments: an answer in another place would be another caller's.
        select array_agg(j.response order by g.place)
        from rows from (unnest(p_parameters), unnest(p_calls)) with ordinality as g (
            parameters, ordinal, route_id, account_id, user_id, key_id, scopes, sees_all, address, request_id, tier,
            limit_class, is_metered, is_charged, refusal, refusal_more, place
        )
        -- Worked out apart: below row-level security no index serves a comparison with a function that is not leakproof.
        -- What has another parameter goes to the single door, which refuses it.
        cross join lateral (
            select case when g.parameters - 'job_id' = '{}' then core.read_id('job', g.parameters ->> 'job_id') end as id offset 0
        ) as w
        left join lateral (
            select row(
                200, null, jobs.show_status(o.id, o.status, o.created_at, o.result, o.error), null, null, null
            )::http.response as response
            from jobs.status_of as o
            where o.account_id = g.account_id and o.id = w.id and not g.sees_all
            union all
            select row(
                200, null, jobs.show_status(o.id, o.status, o.created_at, o.result, o.error), null, null, null
            )::http.response
            from jobs.status_of as o
            where o.id = w.id and g.sees_all
        ) as j on true
    );
end;
$$;
comment on function api.get_job_statuses(http.call[], jsonb[], jsonb[]) is
$$Plural door of api.get_job_status: all reads of a batch in one statement.$$;

create or replace function jobs.show_status(
    p_id uuid, p_status text, p_created_at timestamptz, p_result jsonb, p_error jsonb
)
returns text
language sql
stable
security invoker
as $$
    select '{"job_id": "' || core.show_id('job', p_id) || '", "status": "' || p_status || '", "created_at": '
        || pg_catalog.to_json(p_created_at)::text || ', "result": ' || coalesce(p_result::text, 'null') || ', "error": '
        || coalesce(p_error::text, 'null') || '}'
$$;
comment on function jobs.show_status(uuid, text, timestamptz, jsonb, jsonb) is
$$How a job stands, as JSON text.$$;

create or replace function api.get_job(p_job_id text)
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jobs.show_job(j) || jobs.show_history(j))
    from jobs.find_job(jobs.caller_account(), core.read_id('job', p_job_id)) as j
$$;
comment on function api.get_job(text) is
$$See a job with its history

Payload, result, every attempt (the running one has no outcome yet), every change of status, and the webhooks sent about it.$$;

create or replace function api.list_jobs(
    p_status text default null,
    p_workflow text default null,
    p_priority text default null,
    p_created_after timestamptz default null,
    p_created_before timestamptz default null,
    p_limit integer default 50,
    p_cursor text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before_id uuid := core.read_id('job', p_cursor);
    v_jobs jsonb;
    v_ids uuid[];
    v_next text;
begin
    if p_cursor is not null and v_before_id is null then
        raise exception using
            errcode = 'LQ422',
            message = 'unknown cursor',
            hint = 'Take next_cursor from the page before.';
    end if;
    -- One more than asked for tells whether there is a next page.
    select jsonb_agg(jobs.show_job(j) order by j.id desc), array_agg(j.id order by j.id desc)
    into v_jobs, v_ids
    from jobs.list_jobs(
        jobs.caller_account(), p_status, p_workflow, p_priority, p_created_after, p_created_before,
        p_limit + 1, v_before_id
    ) as j;
    if cardinality(v_ids) > p_limit then
        v_next := core.show_id('job', v_ids[p_limit]);
        v_jobs := v_jobs - p_limit;
    end if;
    return http.json(
        200,
        jsonb_build_object('jobs', coalesce(v_jobs, '[]'), 'next_cursor', v_next),
        case when v_next is not null then jsonb_build_object('Link', (
            select format(
                '</api/v1/jobs?%s>; rel="next"',
                string_agg(q.name || '=' || jobs.encode_query_value(q.value), '&' order by q.place)
            )
            from (values
                (1, 'status', p_status),
                (2, 'workflow', p_workflow),
                (3, 'priority', p_priority),
                (4, 'created_after', to_jsonb(p_created_after) #>> '{}'),
                (5, 'created_before', to_jsonb(p_created_before) #>> '{}'),
                (6, 'limit', p_limit::text),
                (7, 'cursor', v_next)
            ) as q (place, name, value)
            where q.value is not null
        )) end
    );
end;
$$;
comment on function api.list_jobs(text, text, text, timestamptz, timestamptz, integer, text) is
$$List jobs, newest first

In pages: next_cursor, and the header Link, lead to the next one; null, and no such header, on the last. created_after is
inclusive, created_before exclusive. Payloads and results are with the single job.$$;

create or replace view jobs.overview with (security_invoker = true) as
select
    coalesce(t.account_id, h.account_id) as account_id,
    coalesce(t.workflow, h.workflow) as workflow,
    coalesce(t.waiting, 0) as queued,
    coalesce(t.running, 0) as running,
    coalesce(h.submitted, 0) as submitted,
    coalesce(h.succeeded, 0) as succeeded,
    coalesce(h.failed, 0) as failed,
    coalesce(h.canceled, 0) as canceled,
    t.folded_at
from jobs.tally as t
full join (
    select
        s.account_id, s.workflow, sum(s.submitted)::bigint as submitted, sum(s.succeeded)::bigint as succeeded,
        sum(s.failed)::bigint as failed, sum(s.canceled)::bigint as canceled
    from jobs.hour as s
    group by s.account_id, s.workflow
) as h on h.account_id = t.account_id and h.workflow = t.workflow;
comment on view jobs.overview is
'Jobs by account and workflow: how many wait and run, as of a second or two ago, and how many came and ended in the time that '
'jobs.hour is kept. For reports: it counts no jobs.';
comment on column jobs.overview.account_id is 'the account';
comment on column jobs.overview.workflow is 'the workflow';
comment on column jobs.overview.queued is 'waiting, delayed ones among them';
comment on column jobs.overview.running is 'with a worker';
comment on column jobs.overview.submitted is 'handed in';
comment on column jobs.overview.succeeded is 'ended well';
comment on column jobs.overview.failed is 'ended badly, after their last attempt';
comment on column jobs.overview.canceled is 'canceled';
comment on column jobs.overview.folded_at is 'when the first two were brought up to date last';
grant select on jobs.overview to levqor_dba;

select http.register_route('GET', '/api/v1/status/{job_id}', 'api.get_job_status', p_scopes => '{jobs:read,platform}',
    p_plural_function => 'api.get_job_statuses', p_limit_class => 'read', p_is_metered => true, p_domain => 'jobs',
    p_parameters => '{"job_id": {"type": "string"}}',
    p_responses => '{"200": {"schema": {"type": "object",
        "required": ["job_id", "status", "created_at", "result", "error"],
        "additionalProperties": false, "properties": {
            "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"},
            "status": {"$ref": "#/components/schemas/JobStatus"},
            "created_at": {"type": "string", "format": "date-time"},
            "result": {"description": "what the worker gave"},
            "error": {"type": ["object", "null"], "description": "of the last failed attempt"}}}},
        "400": {}, "404": {}}');
select http.register_route('GET', '/api/v1/jobs/{job_id}', 'api.get_job', p_scopes => '{jobs:read,platform}',
    p_limit_class => 'read', p_is_metered => true, p_domain => 'jobs', p_parameters => '{"job_id": {"type": "string"}}',
    p_responses => '{"200": {"schema": {"$ref": "#/components/schemas/JobWithHistory"}}, "400": {}, "404": {}}');
select http.register_route('GET', '/api/v1/jobs', 'api.list_jobs', p_scopes => '{jobs:read,platform}',
    p_limit_class => 'read', p_is_metered => true, p_lane => 'alone', p_domain => 'jobs', p_parameters => '{
        "status": {"enum": ["queued", "running", "succeeded", "failed", "canceled"]},
        "workflow": {"type": "string", "minLength": 1, "maxLength": 128},
        "priority": {"enum": ["low", "normal", "high"]},
        "created_after": {"type": "string", "format": "date-time"},
        "created_before": {"type": "string", "format": "date-time"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
        "cursor": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"}}',
    p_responses => '{"200": {"headers": {"Link": {"schema": {"type": "string"},
        "description": "rel=\"next\": the next page"}},
        "schema": {"type": "object", "required": ["jobs", "next_cursor"], "additionalProperties": false, "properties": {
            "jobs": {"type": "array", "items": {"$ref": "#/components/schemas/Job"}},
            "next_cursor": {"type": ["string", "null"]}}}}, "400": {}, "422": {}}');
select http.register_schema('JobWithHistory', '{"allOf": [{"$ref": "#/components/schemas/Job"}, {"type": "object",
    "required": ["payload", "result", "attempts", "transitions", "deliveries"], "properties": {
        "payload": {"type": "object"},
        "result": {"description": "what the worker gave"},
        "attempts": {"type": "array", "items": {"type": "object",
            "required": ["number", "worker", "outcome", "error", "started_at", "finished_at", "leased_until"],
            "additionalProperties": false, "properties": {
                "number": {"type": "integer", "minimum": 1}, "worker": {"type": "string"},
                "outcome": {"enum": ["succeeded", "failed", "lost", "snoozed", "canceled", null],
                    "description": "null: it runs; lost: the lease ran out"},
                "error": {"type": ["object", "null"]},
                "started_at": {"type": "string", "format": "date-time"},
                "finished_at": {"type": ["string", "null"], "format": "date-time"},
                "leased_until": {"type": ["string", "null"], "format": "date-time"}}}},
        "transitions": {"type": "array", "items": {"type": "object",
            "required": ["from", "to", "reason", "attempt", "actor", "at"],
            "additionalProperties": false, "properties": {
                "from": {"anyOf": [{"$ref": "#/components/schemas/JobStatus"}, {"type": "null"}]},
                "to": {"$ref": "#/components/schemas/JobStatus"},
                "reason": {"enum": [
                    "submitted", "claimed", "completed", "attempt_failed", "attempt_expired", "lease_expired",
                    "snoozed", "redriven", "canceled"]},
                "attempt": {"type": "integer", "minimum": 0}, "actor": {"type": "string"},
                "at": {"type": "string", "format": "date-time"}}}},
        "deliveries": {"type": "array", "items": {"$ref": "#/components/schemas/Delivery"}}}}]}');
