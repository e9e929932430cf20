-- Erasure and export over HTTP, for the platform. Names of persons travel in bodies, never in addresses, which are logged.

create or replace function privacy.read_subject(
    p_user_id text, p_email text, p_account_id text, p_identifier text, p_is_anonymous boolean, p_person_id bigint
)
returns privacy.subject
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := core.read_id('user', p_user_id);
    v_account_id uuid := core.read_id('acct', p_account_id);
begin
    if p_user_id is not null and v_user_id is null or p_account_id is not null and v_account_id is null then
        raise exception using
            errcode = 'LQ422', message = 'that is no id', hint = 'A user is user_…, an account acct_….';
    end if;
    -- A key that acts for one account asks for persons of that account.
    if not core.sees_all() then
        if coalesce(v_account_id, core.current_account()) <> core.current_account() then
            raise exception using errcode = 'LQ404', message = 'no such account';
        end if;
        v_account_id := core.current_account();
    end if;
    return privacy.find_subject(v_user_id, p_email, v_account_id, p_identifier, coalesce(p_is_anonymous, false), p_person_id);
end;
$$;
comment on function privacy.read_subject(text, text, text, text, boolean, bigint) is
$$The person that a request names, as privacy.find_subject(). With the header Levqor-Account only as that account knows it. Raises LQ404,
LQ422.$$;

create or replace function api.create_erasure(
    p_user_id text default null,
    p_email text default null,
    p_account_id text default null,
    p_identifier text default null,
    p_is_anonymous boolean default false,
    p_person_id bigint default null,
    p_dry_run boolean default true,
    p_reason text default null
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_subject privacy.subject;
    v_erasure privacy.erasure;
    v_plan jsonb;
begin
    if p_dry_run is false then
        perform pg_advisory_xact_lock(hashtextextended('privacy.erase_person', 0));
    end if;
    v_subject := privacy.read_subject(p_user_id, p_email, p_account_id, p_identifier, p_is_anonymous, p_person_id);
    v_erasure := privacy.find_erasure(v_subject);
    if v_erasure.state is distinct from 'running' then
        v_plan := privacy.show_plan(v_subject);
        if (v_plan ->> 'rows')::bigint > 0 then
            if p_dry_run is not false then
                perform audit.record('privacy.plan_erasure', null, v_subject.scope);
                return http.json(200, jsonb_build_object('state', 'dry-run', 'subject', encode(v_subject.digests[1], 'hex')) || v_plan);
            end if;
            perform privacy.check_holds(v_subject);
            v_erasure := privacy.begin_erasure(v_subject, p_reason);
        elsif v_erasure.id is null then
            raise exception using
                errcode = 'LQ404', message = 'nothing is held about this person',
                hint = 'Look at the name that was given; an identifier is compared as it was sent.';
        end if;
    end if;
    perform audit.record('privacy.ask_erasure', core.show_id('erasure', v_erasure.id), v_subject.scope);
    return http.json(
        case when v_erasure.state = 'done' then 200 else 202 end, privacy.show_erasure(v_erasure),
        jsonb_build_object('Location', '/api/admin/privacy/erasures/' || core.show_id('erasure', v_erasure.id))
    );
end;
$$;
comment on function api.create_erasure(text, text, text, text, boolean, bigint, boolean, text) is
$$Erase a person

Begin with dry_run, which is the default: it says by table and column what would go, what would be kept and on what basis, and which
legal holds are in the way. With dry_run false the erasure is begun and the clock carries it out; see how far it is by its id. Name the
person by user_id or email, everywhere; or by email, identifier or person_id with account_id, as that account knows the person. Asked for
again, it gives the same erasure.$$;

create or replace function api.show_erasure(p_erasure_id text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_erasure privacy.erasure;
begin
    select e.* into v_erasure from privacy.erasure as e where e.id = core.read_id('erasure', p_erasure_id);
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such erasure';
    end if;
    return http.json(200, privacy.show_erasure(v_erasure));
end;
$$;
comment on function api.show_erasure(text) is
$$See how far an erasure is

running, held (a legal hold stands in its way, see hold_id) or done; counts are rows so far, by table and way.$$;

create or replace function api.show_erasure_certificate(p_erasure_id text)
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, privacy.show_certificate(core.read_id('erasure', p_erasure_id)))
$$;
comment on function api.show_erasure_certificate(text) is
$$Get the certificate of an erasure

What was removed, changed and kept, by table, with the hash that proves it. No personal data. 409 while the erasure is running.$$;

create or replace function api.create_export(
    p_user_id text default null,
    p_email text default null,
    p_account_id text default null,
    p_identifier text default null,
    p_is_anonymous boolean default false,
    p_person_id bigint default null
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_subject privacy.subject;
    v_export privacy.export;
begin
    v_subject := privacy.read_subject(p_user_id, p_email, p_account_id, p_identifier, p_is_anonymous, p_person_id);
    insert into privacy.export (subject, digests, requested_at, requested_by, expires_at)
    values (
        to_jsonb(v_subject), v_subject.digests, core.now(), core.current_actor(),
        core.now() + make_interval(hours => core.integer_setting('privacy.export_hours')::integer)
    )
    returning * into v_export;
    perform audit.record('privacy.export', core.show_id('export', v_export.id), v_subject.scope);
    return http.json(
        201, jsonb_build_object('export_id', core.show_id('export', v_export.id), 'expires_at', v_export.expires_at),
        jsonb_build_object('Location', '/api/admin/privacy/exports/' || core.show_id('export', v_export.id))
    );
end;
$$;
comment on function api.create_export(text, text, text, text, boolean, bigint) is
$$Order an export of a person

Gives an id under which all that is held about the person can be read for a day. Named as in the erasure of a person.$$;

create or replace function api.show_export(p_export_id text, p_cursor text default null, p_max_bytes integer default 1048576)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_export privacy.export;
begin
    select x.* into v_export
    from privacy.export as x
    where x.id = core.read_id('export', p_export_id) and x.expires_at > core.now();
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such export', hint = 'An export is there for a day.';
    end if;
    return http.json(
        200,
        privacy.export_subject(jsonb_populate_record(null::privacy.subject, v_export.subject), p_cursor, p_max_bytes),
        '{"Cache-Control": "no-store"}'
    );
end;
$$;
comment on function api.show_export(text, text, integer) is
$$Read a page of an export

Tables with their rows, and what they mean. next is the cursor of the next page, null on the last one.$$;

create or replace function privacy.trim_exports()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows bigint;
begin
    delete from privacy.export as x where x.expires_at <= core.now();
    get diagnostics v_rows = row_count;
    return v_rows;
end;
$$;
comment on function privacy.trim_exports() is
$$Remove orders of exports that have expired. Gives how many.$$;

select core.seed('core.setting', '{name}', '{"name": "privacy.export_hours", "value": 24, "minimum": 1, "maximum": 8760,
    "description": "whole number of hours for which an export can be read"}');
select core.seed('schedule.task', '{name}', '{"name": "privacy-trim-exports", "function": "privacy.trim_exports", "every": "10 minutes",
    "description": "remove orders of exports that have expired"}');

select http.register_schema('Erasure', '{"type": "object", "additionalProperties": false, "required": ["state", "subject"],
    "properties": {
        "state": {"enum": ["dry-run", "running", "held", "done"]},
        "subject": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "keyed hash of the person''s name"},
        "tables": {"type": "array", "description": "dry run: what would go", "items": {"type": "object"}},
        "kept": {"type": "array", "description": "dry run: what would be kept, and why", "items": {"type": "object"}},
        "holds": {"type": "array", "description": "dry run: legal holds in the way", "items": {"type": "object"}},
        "rows": {"type": "integer", "description": "dry run: rows that would go or be changed"},
        "erasure_id": {"type": "string", "pattern": "^erasure_[0-9a-f]{32}$"},
        "hold_id": {"type": ["string", "null"]}, "reason": {"type": ["string", "null"]},
        "counts": {"type": "object", "description": "rows so far, by table and way"},
        "pass": {"type": "integer"}, "catalogue": {"type": "string"}, "certificate": {"type": ["string", "null"]},
        "requested_at": {"type": "string", "format": "date-time"},
        "finished_at": {"type": ["string", "null"], "format": "date-time"}}}');

do $$
declare
    v_person text := '"user_id": {"type": "string", "maxLength": 64, "description": "user_…"},
        "email": {"type": "string", "minLength": 3, "maxLength": 320, "examples": ["ann@example.org"]},
        "account_id": {"type": "string", "maxLength": 64, "description": "acct_…: only as this account knows the person"},
        "identifier": {"type": "string", "minLength": 1, "maxLength": 200, "description": "user_id or anonymous_id of events"},
        "is_anonymous": {"type": "boolean", "default": false, "description": "the identifier is an anonymous_id"},
        "person_id": {"type": "integer", "minimum": 1}';
begin
    perform http.register_route('POST', '/api/admin/privacy/erasures', 'api.create_erasure', p_domain => 'privacy',
        p_scopes => '{platform}', p_lane => 'alone', p_timeout_ms => 120000, p_limit_class => 'manage', p_is_sensitive => true,
        p_request_schema => format('{"type": "object", "additionalProperties": false, "properties": {%s,
            "dry_run": {"type": "boolean", "default": true},
            "reason": {"type": ["string", "null"], "maxLength": 500, "description": "without personal data"}}}', v_person)::jsonb,
        p_responses => '{"200": {"description": "What would be done, or was done before",
                "schema": {"$ref": "#/components/schemas/Erasure"}},
            "202": {"description": "Begun", "schema": {"$ref": "#/components/schemas/Erasure"},
                "headers": {"Location": {"description": "Path of the erasure", "schema": {"type": "string"}}}},
            "404": {}, "409": {}, "422": {}}');
    perform http.register_route('POST', '/api/admin/privacy/exports', 'api.create_export', p_domain => 'privacy',
        p_scopes => '{platform}', p_lane => 'alone', p_timeout_ms => 60000, p_limit_class => 'manage', p_is_sensitive => true,
        p_request_schema => format('{"type": "object", "additionalProperties": false, "properties": {%s}}', v_person)::jsonb,
        p_responses => '{"201": {"description": "Ordered", "schema": {"type": "object", "additionalProperties": false,
            "required": ["export_id", "expires_at"], "properties": {
                "export_id": {"type": "string", "pattern": "^export_[0-9a-f]{32}$"},
                "expires_at": {"type": "string", "format": "date-time"}}},
            "headers": {"Location": {"description": "Path of the export", "schema": {"type": "string"}}}}, "404": {}, "422": {}}');
end;
$$;
select http.register_route('GET', '/api/admin/privacy/erasures/{erasure_id}', 'api.show_erasure', p_domain => 'privacy',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{"erasure_id": {"type": "string", "maxLength": 64, "description": "id of the erasure, erasure_…"}}',
    p_responses => '{"200": {"description": "The erasure", "schema": {"$ref": "#/components/schemas/Erasure"}}, "404": {}}');
select http.register_route('GET', '/api/admin/privacy/erasures/{erasure_id}/certificate', 'api.show_erasure_certificate',
    p_domain => 'privacy', p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{"erasure_id": {"type": "string", "maxLength": 64, "description": "id of the erasure, erasure_…"}}',
    p_responses => '{"200": {"description": "The certificate", "schema": {"type": "object", "additionalProperties": false,
        "required": ["erasure_id", "subject", "requested_at", "finished_at", "catalogue", "counts", "text", "sha256", "is_valid"],
        "properties": {
            "erasure_id": {"type": "string", "pattern": "^erasure_[0-9a-f]{32}$"},
            "subject": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "requested_at": {"type": "string", "format": "date-time"}, "finished_at": {"type": "string", "format": "date-time"},
            "catalogue": {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "counts": {"type": "object"},
            "text": {"type": "string", "description": "what sha256 is the hash of"},
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "is_valid": {"type": "boolean", "description": "text, row and audit trail agree"}}}}, "404": {}, "409": {}}');
select http.register_route('GET', '/api/admin/privacy/exports/{export_id}', 'api.show_export', p_domain => 'privacy',
    p_scopes => '{platform}', p_lane => 'alone', p_timeout_ms => 60000, p_limit_class => 'manage',
    p_parameters => '{"export_id": {"type": "string", "maxLength": 64, "description": "id of the export, export_…"},
        "cursor": {"type": "string", "maxLength": 4000, "description": "next of the page before"},
        "max_bytes": {"type": "integer", "minimum": 1024, "maximum": 16777216, "default": 1048576,
            "description": "bytes of rows in a page, at most"}}',
    p_responses => '{"200": {"description": "A page of the export", "schema": {"type": "object", "additionalProperties": false,
        "required": ["made_at", "catalogue", "tables", "next"], "properties": {
            "made_at": {"type": "string", "format": "date-time"}, "catalogue": {"type": "string"},
            "tables": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["table", "path", "what", "meaning", "columns", "rows"], "properties": {
                    "table": {"type": "string"}, "path": {"type": "string"}, "what": {"type": "string"},
                    "meaning": {"type": ["string", "null"]}, "columns": {"type": "object"},
                    "rows": {"type": "array", "items": {"type": "object"}}}}},
            "next": {"type": ["string", "null"]}}}}, "404": {}, "422": {}}');
