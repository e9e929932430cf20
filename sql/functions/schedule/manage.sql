-- Tasks and their runs as people see them; change them, pause them, run them now.
--
-- Locks: the task's row of schedule.task, which no run holds, or a new row of schedule.run.

create or replace function schedule.find_task(p_task text)
returns schedule.task
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_task schedule.task;
begin
    select t.* into v_task from schedule.task as t where t.name = p_task;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such task', hint = 'GET /api/admin/schedule lists them.';
    end if;
    return v_task;
end;
$$;
comment on function schedule.find_task(text) is
$$The task of a name. Raises LQ404.$$;

create or replace function schedule.run_now(p_task text, p_actor text default core.current_actor())
returns schedule.run
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name text := (schedule.find_task(p_task)).name;
    v_run schedule.run;
    v_slot timestamptz := core.now();
begin
    loop
        -- Two who ask at once: the unique index lets one in, and the other one finds the first's.
        insert into schedule.run as r (task, slot, kind, requested_by, due_at)
        values (v_name, v_slot, 'manual', left(p_actor, 200), core.now())
        on conflict do nothing
        returning r.* into v_run;
        exit when found;
        select r.* into v_run
        from schedule.run as r
        where r.task = v_name and r.kind = 'manual' and r.outcome is null;
        exit when found;
        v_slot := v_slot + interval '1 microsecond';
    end loop;
    perform audit.record('schedule.run_now', v_name, p_facts => jsonb_build_object('slot', v_run.slot));
    perform core.hint('schedule');
    return v_run;
end;
$$;
comment on function schedule.run_now(text, text) is
$$Have the clock run a task once, now, also while it is paused: select schedule.run_now('schedule-trim-runs'). Gives the run.

It waits while the task is running. A manual run that is open is given again: there is one at a time. p_actor: who asks. Raises LQ404.$$;

create or replace function schedule.change_task(p_task text, p_changes jsonb)
returns schedule.task
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_task schedule.task := schedule.find_task(p_task);
    v_new schedule.task;
    v_changes jsonb := '{}';
    v_change record;
begin
    for v_change in
        select c.key, c.value from jsonb_each(p_changes) as c
    loop
        if v_change.key in (
            'is_enabled', 'cron', 'zone', 'catches_up_all', 'overlap', 'max_attempts', 'alert_after', 'owner', 'description'
        ) then
            v_changes := v_changes || jsonb_build_object(v_change.key, v_change.value);
        elsif v_change.key in (
            'every_seconds', 'jitter_seconds', 'timeout_seconds', 'catch_up_seconds', 'retry_after_seconds'
        ) then
            v_changes := v_changes || jsonb_build_object(
                left(v_change.key, -8), make_interval(secs => (v_change.value #>> '{}')::double precision)
            );
        else
            raise exception using
                errcode = 'LQ422',
                message = format('"%s" is nothing that can be changed', left(v_change.key, 60)),
                hint = 'See PATCH /api/admin/schedule/{task} in the reference.';
        end if;
    end loop;
    -- One replaces the other.
    if v_changes -> 'cron' <> 'null' and not v_changes ? 'every' then
        v_changes := v_changes || '{"every": null}';
    elsif v_changes -> 'every' <> 'null' and not v_changes ? 'cron' then
        v_changes := v_changes || '{"cron": null}';
    end if;
    v_new := jsonb_populate_record(v_task, v_changes);
    update schedule.task as t
    set
        is_enabled = v_new.is_enabled, every = v_new.every, cron = v_new.cron, zone = v_new.zone, jitter = v_new.jitter,
        timeout = v_new.timeout, catch_up = v_new.catch_up, catches_up_all = v_new.catches_up_all,
        overlap = v_new.overlap, max_attempts = v_new.max_attempts, retry_after = v_new.retry_after,
        alert_after = v_new.alert_after, owner = v_new.owner, description = v_new.description
    where t.name = v_task.name
    returning t.* into v_new;
    perform audit.record('schedule.change_task', v_task.name, p_facts => jsonb_build_object(
        'changed', (select jsonb_agg(c.key order by c.key) from jsonb_object_keys(p_changes) as c (key)),
        'to', p_changes - '{owner,description}'::text[]
    ));
    return v_new;
end;
$$;
comment on function schedule.change_task(text, jsonb) is
$$Change a task: select schedule.change_task('daily-report', '{"cron": "0 9 * * mon-fri", "zone": "Europe/London"}'). Gives it as it is.

p_changes: any of is_enabled, every_seconds or cron (one replaces the other), zone, jitter_seconds, timeout_seconds, catch_up_seconds
(null: however late), catches_up_all, overlap, max_attempts, retry_after_seconds, alert_after, owner, description. A deploy leaves what
was changed alone. Raises LQ404; LQ422 or 23514 for a value that can not be.$$;

create or replace function schedule.show_run(p_run schedule.run)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case when p_run.task is not null then jsonb_build_object(
        'slot', p_run.slot,
        'kind', p_run.kind,
        'requested_by', p_run.requested_by,
        'status', case
            when p_run.outcome is not null then p_run.outcome
            when p_run.attempts > 0 then 'retrying'
            when p_run.started_at is not null then 'running'
            else 'waiting'
        end,
        'started_at', p_run.started_at,
        'finished_at', p_run.finished_at,
        'next_try_at', case when p_run.attempts > 0 then p_run.due_at end,
        'worked_ms', round(extract(epoch from p_run.worked) * 1000, 3),
        'steps', p_run.steps,
        'attempts', p_run.attempts,
        'rows', p_run.touched,
        'missed', p_run.missed,
        'result', p_run.result,
        'sqlstate', p_run.sqlstate,
        'error', p_run.error
    ) end
$$;
comment on function schedule.show_run(schedule.run) is
$$A run as clients see it; null for none.$$;

create or replace function schedule.show_task(p_task schedule.task)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'name', p_task.name,
        'function', p_task.function,
        'description', p_task.description,
        'owner', p_task.owner,
        'is_enabled', p_task.is_enabled,
        'every_seconds', extract(epoch from p_task.every)::double precision,
        'cron', p_task.cron,
        'zone', p_task.zone,
        'jitter_seconds', extract(epoch from p_task.jitter)::double precision,
        'timeout_seconds', extract(epoch from p_task.timeout)::double precision,
        'catch_up_seconds', extract(epoch from p_task.catch_up)::double precision,
        'catches_up_all', p_task.catches_up_all,
        'overlap', p_task.overlap,
        'max_attempts', p_task.max_attempts,
        'retry_after_seconds', extract(epoch from p_task.retry_after)::double precision,
        'alert_after', p_task.alert_after,
        'next_slot', case when p_task.is_enabled then s.next_slot end,
        'next_at', case when p_task.is_enabled then s.due_at end,
        'failures', s.failures,
        'open_run', schedule.show_run(o),
        'last_run', schedule.show_run(l)
    )
    from (select) as one
    left join schedule.state as s on s.task = p_task.name
    left join lateral (
        select r.*
        from schedule.run as r
        where r.task = p_task.name and r.outcome is null
        order by r.started_at nulls last, r.slot
        limit 1
    ) as o on true
    left join lateral (
        select r.* from schedule.run as r where r.task = p_task.name and r.outcome is not null order by r.slot desc limit 1
    ) as l on true
$$;
comment on function schedule.show_task(schedule.task) is
$$A task as clients see it, with its next time, its open run and its last finished one.$$;

create or replace function api.list_schedule(p_limit integer default 100, p_after text default null)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_problems jsonb;
    v_tasks jsonb;
    v_next text;
begin
    select coalesce(jsonb_object_agg(p.task, p.problems), '{}') into v_problems
    from (
        select q.task, jsonb_agg(jsonb_build_object('kind', q.kind, 'since', q.since, 'count', q.count, 'message', q.message)) as problems
        from schedule.list_problems() as q
        group by q.task
    ) as p;
    -- One more than asked for tells whether there is a next page.
    select jsonb_agg(
        schedule.show_task(row(t.*)::schedule.task) || jsonb_build_object('problems', coalesce(v_problems -> t.name, '[]'))
        order by t.name
    ) into v_tasks
    from (
        select a.* from schedule.task as a where p_after is null or a.name > p_after order by a.name limit p_limit + 1
    ) as t;
    if jsonb_array_length(v_tasks) > p_limit then
        v_tasks := v_tasks - p_limit;
        v_next := v_tasks -> -1 ->> 'name';
    end if;
    return http.json(
        200,
        jsonb_build_object('tasks', coalesce(v_tasks, '[]'), 'next', v_next, 'time', core.now()),
        case when v_next is not null then jsonb_build_object(
            'Link', format('</api/admin/schedule?limit=%s&after=%s>; rel="next"', p_limit, v_next)
        ) end
    );
end;
$$;
comment on function api.list_schedule(integer, text) is
$$List what the clock does

Every task with its next time, its last run, its open one, and what is wrong with it: overdue, failing, missed. next holds the value
of after for the next page, as does the Link header; null on the last page.$$;

create or replace function api.show_task(p_task text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_task schedule.task := schedule.find_task(p_task);
    v_at timestamptz := core.now();
    v_slots jsonb := '[]';
begin
    while v_task.is_enabled and jsonb_array_length(v_slots) < 5 loop
        v_at := schedule.task_slot_after(v_task, v_at);
        v_slots := v_slots || to_jsonb(v_at);
    end loop;
    return http.json(200, schedule.show_task(v_task) || jsonb_build_object(
        'problems', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'kind', p.kind, 'since', p.since, 'count', p.count, 'message', p.message
            )), '[]')
            from schedule.list_problems() as p
            where p.task = v_task.name
        ),
        'next_slots', v_slots
    ));
end;
$$;
comment on function api.show_task(text) is
$$See a task of the clock

As in the list, and its next five slots.$$;

create or replace function api.change_task(p_task text, p_body jsonb)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return http.json(200, schedule.show_task(schedule.change_task(p_task, p_body)));
end;
$$;
comment on function api.change_task(text, jsonb) is
$$Change, pause or resume a task

Pause with {"is_enabled": false}. cron replaces every_seconds, and the other way round. It takes effect within seconds; a cron text
counts from then, so that slots before are not caught up. What is left out stays.$$;

create or replace function api.run_task(p_task text)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run schedule.run := schedule.run_now(p_task);
begin
    return http.json(
        202, schedule.show_run(v_run), jsonb_build_object('Location', format('/api/admin/schedule/%s/runs', v_run.task))
    );
end;
$$;
comment on function api.run_task(text) is
$$Run a task now

The clock does it, at once or when the run that is under way is over, also when the task is paused. An earlier request that is not
done yet is given again.$$;

create or replace function api.list_task_runs(
    p_task text, p_status text default null, p_limit integer default 50, p_cursor text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_task schedule.task := schedule.find_task(p_task);
    v_before timestamptz := case
        when p_cursor ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$' then p_cursor::timestamptz
    end;
    v_runs jsonb;
    v_next text;
begin
    if p_cursor is not null and v_before is null then
        raise exception using
            errcode = 'LQ422',
            message = 'unknown cursor',
            hint = 'Take next_cursor from the page before.';
    end if;
    -- One more than asked for tells whether there is a next page.
    select jsonb_agg(schedule.show_run(row(r.*)::schedule.run) order by r.slot desc),
        to_char((array_agg(r.slot order by r.slot desc))[p_limit] at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    into v_runs, v_next
    from (
        select a.*
        from schedule.run as a
        where a.task = v_task.name
            and (v_before is null or a.slot < v_before)
            and (p_status is null or a.outcome = p_status or p_status = 'open' and a.outcome is null)
        order by a.slot desc
        limit p_limit + 1
    ) as r;
    if jsonb_array_length(v_runs) > p_limit then
        v_runs := v_runs - p_limit;
    else
        v_next := null;
    end if;
    return http.json(
        200,
        jsonb_build_object('runs', coalesce(v_runs, '[]'), 'next_cursor', v_next),
        case when v_next is not null then jsonb_build_object('Link', format(
            '</api/admin/schedule/%s/runs?%slimit=%s&cursor=%s>; rel="next"', v_task.name,
            'status=' || replace(p_status, ' ', '%20') || '&', p_limit, v_next
        )) end
    );
end;
$$;
comment on function api.list_task_runs(text, text, integer, text) is
$$List the runs of a task, newest slot first

In pages: next_cursor, and the header Link, lead to the next one; null, and no such header, on the last.$$;

select http.register_schema('TaskRun', '{"type": "object", "additionalProperties": false,
    "required": ["slot", "kind", "requested_by", "status", "started_at", "finished_at", "next_try_at", "worked_ms", "steps",
        "attempts", "rows", "missed", "result", "sqlstate", "error"], "properties": {
        "slot": {"type": "string", "format": "date-time", "description": "of a manual run: when it was asked for"},
        "kind": {"enum": ["scheduled", "manual"]}, "requested_by": {"type": ["string", "null"]},
        "status": {"enum": ["waiting", "running", "retrying", "succeeded", "failed", "timed out", "missed"],
            "description": "missed: it came too late for the task''s catch_up_seconds"},
        "started_at": {"type": ["string", "null"], "format": "date-time"},
        "finished_at": {"type": ["string", "null"], "format": "date-time"},
        "next_try_at": {"type": ["string", "null"], "format": "date-time"},
        "worked_ms": {"type": "number", "minimum": 0}, "steps": {"type": "integer", "minimum": 0},
        "attempts": {"type": "integer", "minimum": 0, "description": "failed attempts of its last step"},
        "rows": {"type": ["integer", "null"], "description": "rows touched, where the function tells"},
        "missed": {"type": "integer", "minimum": 0, "description": "slots before this one that were left out"},
        "result": {"type": ["string", "null"]}, "sqlstate": {"type": ["string", "null"]},
        "error": {"type": ["string", "null"]}}}');
select http.register_schema('Task', '{"type": "object", "additionalProperties": false,
    "required": ["name", "function", "description", "owner", "is_enabled", "every_seconds", "cron", "zone", "jitter_seconds",
        "timeout_seconds", "catch_up_seconds", "catches_up_all", "overlap", "max_attempts", "retry_after_seconds",
        "alert_after", "next_slot", "next_at", "failures", "open_run", "last_run"], "properties": {
        "name": {"type": "string"}, "function": {"type": "string"}, "description": {"type": "string"},
        "owner": {"type": "string"}, "is_enabled": {"type": "boolean"},
        "every_seconds": {"type": ["number", "null"], "description": "null: by its cron text"},
        "cron": {"type": ["string", "null"], "description": "null: by its interval"}, "zone": {"type": "string"},
        "jitter_seconds": {"type": "number"}, "timeout_seconds": {"type": "number"},
        "catch_up_seconds": {"type": ["number", "null"], "description": "null: however late"},
        "catches_up_all": {"type": "boolean"}, "overlap": {"enum": ["skip", "queue"]},
        "max_attempts": {"type": "integer"}, "retry_after_seconds": {"type": "number"}, "alert_after": {"type": "integer"},
        "next_slot": {"type": ["string", "null"], "format": "date-time"},
        "next_at": {"type": ["string", "null"], "format": "date-time", "description": "the slot and its jitter"},
        "failures": {"type": "integer", "minimum": 0, "description": "failed runs in a row"},
        "open_run": {"anyOf": [{"$ref": "#/components/schemas/TaskRun"}, {"type": "null"}]},
        "last_run": {"anyOf": [{"$ref": "#/components/schemas/TaskRun"}, {"type": "null"}]},
        "next_slots": {"type": "array", "items": {"type": "string", "format": "date-time"}},
        "problems": {"type": "array", "items": {"type": "object", "additionalProperties": false,
            "required": ["kind", "since", "count", "message"], "properties": {
                "kind": {"enum": ["overdue", "failing", "missed"]}, "since": {"type": "string", "format": "date-time"},
                "count": {"type": "integer"}, "message": {"type": "string"}}}}}}');
select http.register_route('GET', '/api/admin/schedule', 'api.list_schedule', p_domain => 'schedule',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 100, "description": "tasks a page"},
        "after": {"type": "string", "maxLength": 100, "description": "next of the page before"}}',
    p_responses => '{"200": {"description": "A page of tasks", "schema": {"type": "object",
        "additionalProperties": false, "required": ["tasks", "next", "time"], "properties": {
            "tasks": {"type": "array", "items": {"$ref": "#/components/schemas/Task"}},
            "next": {"type": ["string", "null"]}, "time": {"type": "string", "format": "date-time"}}},
        "headers": {"Link": {"description": "rel=next: the next page, when there is one",
            "schema": {"type": "string"}}}}}');
select http.register_route('GET', '/api/admin/schedule/{task}', 'api.show_task', p_domain => 'schedule',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{"task": {"type": "string", "maxLength": 100, "description": "name of the task"}}',
    p_responses => '{"200": {"description": "The task", "schema": {"$ref": "#/components/schemas/Task"}}, "404": {}}');
select http.register_route('PATCH', '/api/admin/schedule/{task}', 'api.change_task', p_domain => 'schedule',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage', p_is_sensitive => true,
    p_parameters => '{"task": {"type": "string", "maxLength": 100, "description": "name of the task"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "minProperties": 1, "properties": {
        "is_enabled": {"type": "boolean"},
        "every_seconds": {"type": ["number", "null"], "minimum": 1, "maximum": 604800},
        "cron": {"type": ["string", "null"], "minLength": 1, "maxLength": 500, "examples": ["30 9 * * mon-fri"]},
        "zone": {"type": "string", "minLength": 1, "maxLength": 100, "examples": ["Europe/London"]},
        "jitter_seconds": {"type": "number", "minimum": 0, "maximum": 3600},
        "timeout_seconds": {"type": "number", "minimum": 1, "maximum": 3600},
        "catch_up_seconds": {"type": ["number", "null"], "minimum": 0, "maximum": 2678400},
        "catches_up_all": {"type": "boolean"}, "overlap": {"enum": ["skip", "queue"]},
        "max_attempts": {"type": "integer", "minimum": 1, "maximum": 20},
        "retry_after_seconds": {"type": "number", "minimum": 0, "maximum": 3600},
        "alert_after": {"type": "integer", "minimum": 1, "maximum": 1000000},
        "owner": {"type": "string", "minLength": 1, "maxLength": 200},
        "description": {"type": "string", "minLength": 1, "maxLength": 1000}}}',
    p_responses => '{"200": {"description": "As it is now", "schema": {"$ref": "#/components/schemas/Task"}}, "404": {}}');
select http.register_route('POST', '/api/admin/schedule/{task}/run', 'api.run_task', p_domain => 'schedule',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage', p_is_sensitive => true,
    p_parameters => '{"task": {"type": "string", "maxLength": 100, "description": "name of the task"}}',
    p_responses => '{"202": {"description": "The clock will run it", "schema": {"$ref": "#/components/schemas/TaskRun"},
        "headers": {"Location": {"description": "Path of the runs", "schema": {"type": "string"}}}}, "404": {}}');
select http.register_route('GET', '/api/admin/schedule/{task}/runs', 'api.list_task_runs', p_domain => 'schedule',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{
        "task": {"type": "string", "maxLength": 100, "description": "name of the task"},
        "status": {"enum": ["open", "succeeded", "failed", "timed out", "missed"], "description": "only these"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50, "description": "runs a page"},
        "cursor": {"type": "string", "maxLength": 64, "description": "next_cursor of the page before"}}',
    p_responses => '{"200": {"description": "A page of runs", "schema": {"type": "object",
        "additionalProperties": false, "required": ["runs", "next_cursor"], "properties": {
            "runs": {"type": "array", "items": {"$ref": "#/components/schemas/TaskRun"}},
            "next_cursor": {"type": ["string", "null"]}}},
        "headers": {"Link": {"description": "rel=next: the next page, when there is one",
            "schema": {"type": "string"}}}}, "404": {}}');
