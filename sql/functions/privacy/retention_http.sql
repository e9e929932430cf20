-- Data retention over HTTP, for the platform: policies, runs, legal holds. Cohort retention is elsewhere, in growth.

create or replace function privacy.require_platform()
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if not core.sees_all() then
        raise exception using
            errcode = 'LQ422',
            message = 'data retention is of the whole deployment, not in the name of one account',
            hint = 'Leave the header Levqor-Account out.';
    end if;
end;
$$;
comment on function privacy.require_platform() is
$$For doors: raise LQ422 when the call acts in the name of an account.$$;

create or replace function api.list_retention_policies(p_limit integer default 200, p_after text default null)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_policies jsonb;
    v_next text;
begin
    perform privacy.require_platform();
    select jsonb_agg(privacy.show_policy(row(r.*)::privacy.retention) order by r.table_name collate "C") into v_policies
    from (
        select a.*
        from privacy.retention as a
        where p_after is null or a.table_name collate "C" > p_after
        order by a.table_name collate "C"
        limit p_limit + 1
    ) as r;
    -- One more than asked for tells whether there is a next page.
    if jsonb_array_length(v_policies) > p_limit then
        v_policies := v_policies - p_limit;
        v_next := v_policies -> -1 ->> 'table';
    end if;
    return http.json(
        200,
        jsonb_build_object('policies', coalesce(v_policies, '[]'), 'next', v_next),
        case when v_next is not null then jsonb_build_object(
            'Link', format('</api/admin/retention-policies?limit=%s&after=%s>; rel="next"', p_limit, v_next)
        ) end
    );
end;
$$;
comment on function api.list_retention_policies(integer, text) is
$$List how long data is kept

One row a table: how its rows go, after how long, why, and what the last run did. next holds the value of after for the next page, as
does the Link header; null on the last page.$$;

create or replace function api.change_retention_policy(p_table text, p_days integer default null, p_is_enabled boolean default null)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform privacy.require_platform();
    perform privacy.change_policy(p_table, p_days, p_is_enabled);
    return http.json(200, (
        select privacy.show_policy(row(r.*)::privacy.retention) from privacy.retention as r where r.table_name = p_table
    ));
end;
$$;
comment on function api.change_retention_policy(text, integer, boolean) is
$$Change how long a table is kept

days, or is_enabled to leave the table alone. It counts from the next run on. Tables whose policy names a setting are changed by that
setting, and those that data retention does not touch not at all: 422.$$;

create or replace function api.list_retention_runs(p_limit integer default 20, p_cursor text default null)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before uuid := core.read_id('retrun', p_cursor);
    v_runs jsonb;
    v_next text;
begin
    perform privacy.require_platform();
    if p_cursor is not null and v_before is null then
        raise exception using
            errcode = 'LQ422', message = 'unknown cursor', hint = 'Take next_cursor from the page before.';
    end if;
    select jsonb_agg(privacy.show_run(row(r.*)::privacy.run_report) order by r.run_id desc) into v_runs
    from (
        select a.*
        from privacy.run_report as a
        where v_before is null or a.run_id < v_before
        order by a.run_id desc
        limit p_limit + 1
    ) as r;
    if jsonb_array_length(v_runs) > p_limit then
        v_runs := v_runs - p_limit;
        v_next := v_runs -> -1 ->> 'id';
    end if;
    return http.json(
        200,
        jsonb_build_object('runs', coalesce(v_runs, '[]'), 'next_cursor', v_next),
        case when v_next is not null then jsonb_build_object(
            'Link', format('</api/admin/retention-runs?limit=%s&cursor=%s>; rel="next"', p_limit, v_next)
        ) end
    );
end;
$$;
comment on function api.list_retention_runs(integer, text) is
$$List runs of data retention, newest first

In pages: next_cursor, and the header Link, lead to the next one; null, and no such header, on the last.$$;

create or replace function privacy.show_whole_run(p_run_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select privacy.show_run(row(r.*)::privacy.run_report) || jsonb_build_object('tables', (
        select jsonb_agg(privacy.show_table_run(row(t.*)::privacy.run) order by t.table_name collate "C")
        from privacy.run as t
        where t.run_id = p_run_id
    ))
    from privacy.run_report as r
    where r.run_id = p_run_id
$$;
comment on function privacy.show_whole_run(uuid) is
$$A run with each of its tables, as JSON; null when there is none.$$;

create or replace function api.show_retention_run(p_run text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run jsonb := privacy.show_whole_run(core.read_id('retrun', p_run));
begin
    perform privacy.require_platform();
    if v_run is null then
        raise exception using
            errcode = 'LQ404', message = 'no such run', hint = 'GET /api/admin/retention-runs lists them.';
    end if;
    return http.json(200, v_run);
end;
$$;
comment on function api.show_retention_run(text) is
$$See a run of data retention, table by table

rows: what went, of a dry run what would; held: what is too old and stays because of a legal hold.$$;

create or replace function api.start_retention_run(
    p_is_dry_run boolean default true, p_table text default null, p_budget_seconds integer default null
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run_id uuid;
begin
    perform privacy.require_platform();
    v_run_id := privacy.begin_run(p_table, p_is_dry_run, make_interval(secs => p_budget_seconds));
    perform schedule.run_now('privacy-work-runs');
    return http.json(202, privacy.show_whole_run(v_run_id), jsonb_build_object(
        'Location', '/api/admin/retention-runs/' || core.show_id('retrun', v_run_id)
    ));
end;
$$;
comment on function api.start_retention_run(boolean, text, integer) is
$$Run data retention now

A dry run unless is_dry_run is false: it counts what would go, and removes nothing. The clock works it off, batch by batch; Location
says where to look. table: only this one. budget_seconds: what is not done by then is left to the next run.$$;

create or replace function api.list_legal_holds(p_state text default 'open', p_limit integer default 50, p_cursor text default null)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before uuid := core.read_id('hold', p_cursor);
    v_holds jsonb;
    v_next text;
begin
    perform privacy.require_platform();
    if p_cursor is not null and v_before is null then
        raise exception using
            errcode = 'LQ422', message = 'unknown cursor', hint = 'Take next_cursor from the page before.';
    end if;
    select jsonb_agg(privacy.show_hold(row(h.*)::privacy.hold) order by h.id desc) into v_holds
    from (
        select a.*
        from privacy.hold as a
        where (v_before is null or a.id < v_before)
            and (p_state = 'all' or a.released_at is null and (a.until_at is null or a.until_at > core.now()))
        order by a.id desc
        limit p_limit + 1
    ) as h;
    if jsonb_array_length(v_holds) > p_limit then
        v_holds := v_holds - p_limit;
        v_next := v_holds -> -1 ->> 'id';
    end if;
    return http.json(
        200,
        jsonb_build_object('holds', coalesce(v_holds, '[]'), 'next_cursor', v_next),
        case when v_next is not null then jsonb_build_object(
            'Link', format('</api/admin/legal-holds?state=%s&limit=%s&cursor=%s>; rel="next"', p_state, p_limit, v_next)
        ) end
    );
end;
$$;
comment on function api.list_legal_holds(text, integer, text) is
$$List legal holds, newest first

Those in force and ahead; state=all: those that are over or were released as well.$$;

create or replace function api.place_legal_hold(
    p_reason text,
    p_account_id text default null,
    p_user_id text default null,
    p_person_id bigint default null,
    p_table text default null,
    p_until text default null
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := core.read_id('acct', p_account_id);
    v_user_id uuid := core.read_id('user', p_user_id);
    v_hold privacy.hold;
begin
    perform privacy.require_platform();
    if p_account_id is not null and v_account_id is null then
        raise exception using errcode = 'LQ404', message = 'no such account';
    elsif p_user_id is not null and v_user_id is null then
        raise exception using errcode = 'LQ404', message = 'no such user';
    end if;
    v_hold := privacy.place_hold(p_reason, v_account_id, v_user_id, p_person_id, p_table, p_until::timestamptz);
    return http.json(201, privacy.show_hold(v_hold));
end;
$$;
comment on function api.place_legal_hold(text, text, text, bigint, text, text) is
$$Hold rows for the law

From the answer on nothing removes or anonymises them, however old they are. Of an account_id, of a user_id, of a person_id with
account_id, or of a whole table; table also narrows the others. until: null holds until it is released.$$;

create or replace function api.release_legal_hold(p_hold text, p_reason text default null)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform privacy.require_platform();
    return http.json(200, privacy.show_hold(privacy.release_hold(core.read_id('hold', p_hold), p_reason)));
end;
$$;
comment on function api.release_legal_hold(text, text) is
$$Release a legal hold

What is too old goes with the next run. The hold stays on record; released again, nothing changes.$$;

select http.register_schema('RetentionPolicy', '{"type": "object", "additionalProperties": false,
    "required": ["table", "way", "kept_for", "kept_seconds", "clock_column", "setting", "task", "parent", "is_enabled",
        "has_personal_data", "heeds_holds", "reason", "legal_basis", "is_changed", "last_run"], "properties": {
        "table": {"type": "string", "examples": ["audit.entry"]},
        "way": {"enum": ["drop_partition", "delete", "anonymise", "own_task", "with_parent", "passing", "keep"],
            "description": "own_task: a task of its domain removes rows; with_parent: they go with the row they belong to; passing: the work itself removes them; keep: never by age"},
        "kept_for": {"type": ["string", "null"], "description": "null: not by age", "examples": ["365 days", "25 months"]},
        "kept_seconds": {"type": ["integer", "null"], "description": "a month as 30 days"},
        "clock_column": {"type": ["string", "null"]}, "setting": {"type": ["string", "null"], "description": "setting that says how long"},
        "task": {"type": ["string", "null"]}, "parent": {"type": ["string", "null"]}, "is_enabled": {"type": "boolean"},
        "has_personal_data": {"type": "boolean"},
        "heeds_holds": {"type": "boolean", "description": "false: legal holds do not reach it"}, "reason": {"type": "string"}, "legal_basis": {"type": "string"},
        "is_changed": {"type": "boolean", "description": "whether the operator made or changed it"},
        "last_run": {"anyOf": [{"type": "null"}, {"type": "object", "additionalProperties": false,
            "required": ["began_at", "state", "rows", "held"], "properties": {
                "began_at": {"type": "string", "format": "date-time"}, "state": {"type": "string"},
                "rows": {"type": "integer", "minimum": 0}, "held": {"type": "integer", "minimum": 0}}}]}}}');
select http.register_schema('RetentionRun', '{"type": "object", "additionalProperties": false,
    "required": ["id", "is_dry_run", "requested_by", "state", "began_at", "finished_at", "rows", "held", "partitions", "batches",
        "longest_ms"], "properties": {
        "id": {"type": "string", "examples": ["retrun_01a1fe4a148e7b9fa3ba78800393ebe6"]}, "is_dry_run": {"type": "boolean"},
        "requested_by": {"type": "string"},
        "state": {"enum": ["open", "done", "out of time", "locked", "failed"], "description": "the worst of its tables"},
        "began_at": {"type": "string", "format": "date-time"}, "finished_at": {"type": ["string", "null"], "format": "date-time"},
        "rows": {"type": "integer", "minimum": 0, "description": "rows that went or were anonymised; of a dry run, that would"},
        "held": {"type": "integer", "minimum": 0, "description": "rows that are too old and stay because of a legal hold"},
        "partitions": {"type": "integer", "minimum": 0}, "batches": {"type": "integer", "minimum": 0},
        "longest_ms": {"type": "number", "minimum": 0, "description": "its longest statement"},
        "tables": {"type": "array", "items": {"type": "object", "additionalProperties": false,
            "required": ["table", "way", "state", "before", "rows", "rows_are_estimated", "held", "partitions", "batches", "longest_ms",
                "worked_ms", "finished_at", "sqlstate", "error"], "properties": {
                "table": {"type": "string"}, "way": {"enum": ["drop_partition", "delete", "anonymise", "own_task"]},
                "state": {"enum": ["open", "done", "out of time", "locked", "failed"]},
                "before": {"type": "string", "format": "date-time", "description": "what is from before then is too old"},
                "rows": {"type": "integer", "minimum": 0},
                "rows_are_estimated": {"type": "boolean", "description": "a dropped partition was too large to count"},
                "held": {"type": "integer", "minimum": 0}, "partitions": {"type": "integer", "minimum": 0},
                "batches": {"type": "integer", "minimum": 0}, "longest_ms": {"type": "number", "minimum": 0},
                "worked_ms": {"type": "number", "minimum": 0},
                "finished_at": {"type": ["string", "null"], "format": "date-time"}, "sqlstate": {"type": ["string", "null"]},
                "error": {"type": ["string", "null"]}}}}}}');
select http.register_schema('LegalHold', '{"type": "object", "additionalProperties": false,
    "required": ["id", "account_id", "user_id", "person_id", "table", "reason", "state", "from", "until", "placed_by", "placed_at",
        "released_at", "released_by", "released_reason"], "properties": {
        "id": {"type": "string", "examples": ["hold_01a1fe4a148e7b9fa3ba78800393ebe6"]},
        "account_id": {"type": ["string", "null"]}, "user_id": {"type": ["string", "null"]},
        "person_id": {"type": ["integer", "null"]}, "table": {"type": ["string", "null"], "description": "only rows of this table"},
        "reason": {"type": "string"}, "state": {"enum": ["ahead", "in force", "over", "released"]},
        "from": {"type": "string", "format": "date-time"}, "until": {"type": ["string", "null"], "format": "date-time"},
        "placed_by": {"type": "string"}, "placed_at": {"type": "string", "format": "date-time"},
        "released_at": {"type": ["string", "null"], "format": "date-time"}, "released_by": {"type": ["string", "null"]},
        "released_reason": {"type": ["string", "null"]}}}');
select http.register_route('GET', '/api/admin/retention-policies', 'api.list_retention_policies', p_domain => 'privacy',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 200, "description": "policies a page"},
        "after": {"type": "string", "maxLength": 128, "description": "next of the page before"}}',
    p_responses => '{"200": {"description": "A page of policies", "schema": {"type": "object", "additionalProperties": false,
        "required": ["policies", "next"], "properties": {
            "policies": {"type": "array", "items": {"$ref": "#/components/schemas/RetentionPolicy"}},
            "next": {"type": ["string", "null"]}}},
        "headers": {"Link": {"description": "rel=next: the next page, when there is one", "schema": {"type": "string"}}}}}');
select http.register_route('PATCH', '/api/admin/retention-policies/{table}', 'api.change_retention_policy', p_domain => 'privacy',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage', p_is_sensitive => true,
    p_parameters => '{"table": {"type": "string", "maxLength": 128, "description": "the table, such as audit.sensitive_call"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "minProperties": 1, "properties": {
        "days": {"type": "integer", "minimum": 1, "maximum": 36500}, "is_enabled": {"type": "boolean"}}}',
    p_responses => '{"200": {"description": "As it is now", "schema": {"$ref": "#/components/schemas/RetentionPolicy"}}, "404": {}}');
select http.register_route('GET', '/api/admin/retention-runs', 'api.list_retention_runs', p_domain => 'privacy',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{
        "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20, "description": "runs a page"},
        "cursor": {"type": "string", "maxLength": 64, "description": "next_cursor of the page before"}}',
    p_responses => '{"200": {"description": "A page of runs, without their tables", "schema": {"type": "object",
        "additionalProperties": false, "required": ["runs", "next_cursor"], "properties": {
            "runs": {"type": "array", "items": {"$ref": "#/components/schemas/RetentionRun"}},
            "next_cursor": {"type": ["string", "null"]}}},
        "headers": {"Link": {"description": "rel=next: the next page, when there is one", "schema": {"type": "string"}}}}}');
select http.register_route('POST', '/api/admin/retention-runs', 'api.start_retention_run', p_domain => 'privacy',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage', p_is_sensitive => true,
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "is_dry_run": {"type": "boolean", "default": true, "description": "false: rows go"},
        "table": {"type": "string", "maxLength": 128, "description": "only this one", "examples": ["audit.sensitive_call"]},
        "budget_seconds": {"type": "integer", "minimum": 1, "maximum": 86400}}}',
    p_responses => '{"202": {"description": "The clock works it off", "schema": {"$ref": "#/components/schemas/RetentionRun"},
        "headers": {"Location": {"description": "Path of the run", "schema": {"type": "string"}}}}, "404": {}}');
select http.register_route('GET', '/api/admin/retention-runs/{run}', 'api.show_retention_run', p_domain => 'privacy',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{"run": {"type": "string", "maxLength": 64, "description": "id of the run"}}',
    p_responses => '{"200": {"description": "The run", "schema": {"$ref": "#/components/schemas/RetentionRun"}}, "404": {}}');
select http.register_route('GET', '/api/admin/legal-holds', 'api.list_legal_holds', p_domain => 'privacy',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{
        "state": {"enum": ["open", "all"], "default": "open", "description": "all: also those that are over or released"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50, "description": "holds a page"},
        "cursor": {"type": "string", "maxLength": 64, "description": "next_cursor of the page before"}}',
    p_responses => '{"200": {"description": "A page of holds", "schema": {"type": "object", "additionalProperties": false,
        "required": ["holds", "next_cursor"], "properties": {
            "holds": {"type": "array", "items": {"$ref": "#/components/schemas/LegalHold"}},
            "next_cursor": {"type": ["string", "null"]}}},
        "headers": {"Link": {"description": "rel=next: the next page, when there is one", "schema": {"type": "string"}}}}}');
select http.register_route('POST', '/api/admin/legal-holds', 'api.place_legal_hold', p_domain => 'privacy',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage', p_is_sensitive => true,
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["reason"], "properties": {
        "reason": {"type": "string", "minLength": 1, "maxLength": 1000, "examples": ["case 12/2026, asked by counsel"]},
        "account_id": {"type": "string", "maxLength": 64}, "user_id": {"type": "string", "maxLength": 64},
        "person_id": {"type": "integer", "minimum": 1, "maximum": 9007199254740991},
        "table": {"type": "string", "maxLength": 128}, "until": {"type": "string", "format": "date-time"}}}',
    p_responses => '{"201": {"description": "The hold", "schema": {"$ref": "#/components/schemas/LegalHold"}}, "404": {}}');
select http.register_route('POST', '/api/admin/legal-holds/{hold}/release', 'api.release_legal_hold', p_domain => 'privacy',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage', p_is_sensitive => true,
    p_parameters => '{"hold": {"type": "string", "maxLength": 64, "description": "id of the hold"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "reason": {"type": "string", "minLength": 1, "maxLength": 1000}}}',
    p_responses => '{"200": {"description": "The hold as it is now", "schema": {"$ref": "#/components/schemas/LegalHold"}}, "404": {}}');
