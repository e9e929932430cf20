-- Who works: workers that were seen, what each has in hand, and what it logged.

create or replace function jobs.list_workers(
    p_account_id uuid default null, p_limit integer default 100, p_after text default null
)
returns table (
    account_id uuid, name text, workflows text[], seen_by text, first_seen_at timestamptz, last_seen_at timestamptz,
    running jsonb
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        w.account_id, w.name, w.workflows, w.seen_by, w.first_seen_at, w.last_seen_at,
        coalesce((
            select jsonb_agg(jsonb_build_object(
                'job_id', core.show_id('job', r.job_id), 'workflow', r.workflow, 'attempt', r.attempt,
                'started_at', r.started_at, 'leased_until', r.leased_until, 'progress', r.progress
            ) order by r.started_at, r.job_id)
            from (
                select n.*
                from jobs.running as n
                where n.worker = w.name
                    and (w.account_id = '00000000-0000-0000-0000-000000000000' or n.account_id = w.account_id)
                order by n.started_at
                limit 100
            ) as r
        ), '[]')
    from jobs.worker as w
    where (p_account_id is null or w.account_id = p_account_id) and (p_after is null or w.name > p_after)
    order by w.name, w.account_id
    limit p_limit
$$;
comment on function jobs.list_workers(uuid, integer, text) is
$$Workers that were seen in the last day, by name, with the jobs that each has in hand: select * from jobs.list_workers().

p_account_id: whose key they have; null: any the caller may see. running: JSON array of up to 100 jobs. p_after: the last name of the
page before. An account_id of zeros: it works for all accounts.$$;

create or replace function api.list_workers(p_limit integer default 100, p_cursor text default null)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_workers jsonb;
    v_next text;
begin
    -- One more than asked for tells whether there is a next page.
    select jsonb_agg(jsonb_build_object(
        'name', w.name, 'workflows', w.workflows, 'first_seen_at', w.first_seen_at, 'last_seen_at', w.last_seen_at,
        'running', w.running
    ) order by w.name)
    into v_workers
    from jobs.list_workers(jobs.caller_account(), p_limit + 1, p_cursor) as w;
    if jsonb_array_length(v_workers) > p_limit then
        v_workers := v_workers - p_limit;
        v_next := v_workers -> p_limit - 1 ->> 'name';
    end if;
    return http.json(200, jsonb_build_object('workers', coalesce(v_workers, '[]'), 'next_cursor', v_next));
end;
$$;
comment on function api.list_workers(integer, text) is
$$List workers

Those that claimed jobs or sent heartbeats in the last day, by name, each with the jobs it has in hand. next_cursor leads to the next
page; null on the last.$$;

create or replace function api.list_job_logs(p_job_id text, p_limit integer default 100, p_cursor bigint default null)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.job := jobs.find_job(jobs.caller_account(), core.read_id('job', p_job_id));
    v_logs jsonb;
    v_next bigint;
begin
    select jsonb_agg(jsonb_build_object(
        'line', l.line, 'attempt', l.attempt, 'level', l.level, 'message', l.message,
        'logged_at', l.logged_at
    ) order by l.line)
    into v_logs
    from (
        select o.*
        from jobs.log as o
        where o.account_id = v_job.account_id and o.job_id = v_job.id and (p_cursor is null or o.line > p_cursor)
        order by o.line
        limit p_limit + 1
    ) as l;
    if jsonb_array_length(v_logs) > p_limit then
        v_logs := v_logs - p_limit;
        v_next := v_logs -> p_limit - 1 ->> 'line';
    end if;
    return http.json(200, jsonb_build_object('logs', coalesce(v_logs, '[]'), 'next_cursor', v_next));
end;
$$;
comment on function api.list_job_logs(text, integer, bigint) is
$$Read what workers logged of a job

Oldest first, over all its attempts. next_cursor leads to the next page; null on the last.$$;

select http.register_route('GET', '/api/v1/workers', 'api.list_workers', p_scopes => '{jobs:read,jobs:work,platform}',
    p_limit_class => 'read', p_domain => 'jobs', p_parameters => '{
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 100},
        "cursor": {"type": "string", "minLength": 1, "maxLength": 200}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["workers", "next_cursor"],
        "additionalProperties": false, "properties": {
            "workers": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["name", "workflows", "first_seen_at", "last_seen_at", "running"], "properties": {
                    "name": {"type": "string"},
                    "workflows": {"type": ["array", "null"], "items": {"type": "string"}, "description": "null: any"},
                    "first_seen_at": {"type": "string", "format": "date-time"},
                    "last_seen_at": {"type": "string", "format": "date-time"},
                    "running": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                        "required": ["job_id", "workflow", "attempt", "started_at", "leased_until", "progress"],
                        "properties": {
                            "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"},
                            "workflow": {"type": "string"}, "attempt": {"type": "integer", "minimum": 1},
                            "started_at": {"type": "string", "format": "date-time"},
                            "leased_until": {"type": "string", "format": "date-time"},
                            "progress": {}}}}}}},
            "next_cursor": {"type": ["string", "null"]}}}}, "400": {}}');
select http.register_route('GET', '/api/v1/jobs/{job_id}/logs', 'api.list_job_logs', p_scopes => '{jobs:read,platform}',
    p_limit_class => 'read', p_domain => 'jobs', p_parameters => '{
        "job_id": {"type": "string"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
        "cursor": {"type": "integer", "minimum": 0, "maximum": 9007199254740991}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["logs", "next_cursor"],
        "additionalProperties": false, "properties": {
            "logs": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["line", "attempt", "level", "message", "logged_at"], "properties": {
                    "line": {"type": "integer", "description": "grows with each line"},
                    "attempt": {"type": "integer", "minimum": 1},
                    "level": {"enum": ["debug", "info", "warning", "error"]},
                    "message": {"type": "string"},
                    "logged_at": {"type": "string", "format": "date-time"}}}},
            "next_cursor": {"type": ["integer", "null"]}}}}, "400": {}, "404": {}}');
