-- OpenAPI 3.1, made from routes, schemas and comments: one source for the reference, for clients and for tests.

create or replace function http.argument_schema(p_type text)
returns jsonb
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_type like '%[]' then
            jsonb_build_object('type', 'array', 'items', http.argument_schema(left(p_type, -2)))
        when p_type in ('smallint', 'integer', 'bigint') then '{"type": "integer"}'::jsonb
        when p_type in ('numeric', 'real', 'double precision') then '{"type": "number"}'
        when p_type = 'boolean' then '{"type": "boolean"}'
        when p_type = 'timestamp with time zone' then '{"type": "string", "format": "date-time"}'
        when p_type = 'date' then '{"type": "string", "format": "date"}'
        when p_type = 'uuid' then '{"type": "string", "format": "uuid"}'
        when p_type in ('json', 'jsonb') then '{}'
        when p_type = 'bytea' then '{"type": "string", "contentEncoding": "base64"}'
        else '{"type": "string"}'
    end
$$;
comment on function http.argument_schema(text) is
$$The JSON Schema of an argument whose route says nothing about it, by its SQL type.$$;

create or replace function http.read_comment(p_function text, out summary text, out description text)
returns record
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        coalesce(nullif(split_part(c.text, E'\n', 1), ''), p_function),
        -- One line break is only the width of the file; an empty line is a paragraph.
        nullif(regexp_replace(
            btrim(substring(c.text from strpos(c.text || E'\n', E'\n')), E' \n'), E'(?<!\n)\n(?!\n)', ' ', 'g'
        ), '')
    from (select btrim(coalesce(obj_description(to_regproc(p_function), 'pg_proc'), ''), E' \n') as text) as c
$$;
comment on function http.read_comment(text) is
$$What the comment of a function says: its first line, and the rest as paragraphs.$$;

create or replace function http.list_parameters(p_route http.route)
returns table (name text, place text, is_required boolean, description text, schema jsonb)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        a.name,
        case when p_route.path like '%{' || a.name || '}%' then 'path' else 'query' end,
        p_route.path like '%{' || a.name || '}%' or not a.has_default,
        p_route.parameters -> a.name ->> 'description',
        coalesce((p_route.parameters -> a.name) - 'description', http.argument_schema(a.type))
    from http.route_argument as a
    where a.route_id = p_route.id
        and a.name <> 'body'
        -- A header Accept is told by the types of the answer.
        and coalesce(p_route.parameters -> a.name ->> 'in', '') <> 'header'
        and (
            p_route.path like '%{' || a.name || '}%'
            or p_route.parameters ? a.name
            or p_route.method in ('GET', 'DELETE')
        )
    order by a.ordinal
$$;
comment on function http.list_parameters(http.route) is
$$The path and query parameters of a route, in the order of its function's arguments. What is neither comes in the body.$$;

create or replace function http.list_statuses(p_route http.route)
returns table (status text, response jsonb)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select s.status, coalesce(p_route.responses -> s.status, '{}')
    from (
        select k.status from jsonb_object_keys(p_route.responses) as k (status)
        union
        select u.status
        from unnest(array['400', '422', '431', '500', '503']) as u (status)
        union
        select u.status
        from unnest(array['401', '403', '404']) as u (status)
        where p_route.access = 'key'
        union
        select '404' where p_route.path like '%{%' or p_route.mode = 'development'
        union
        select u.status
        from unnest(array['408', '413', '415']) as u (status)
        where p_route.request_schema is not null or p_route.body_kind = 'raw' and u.status <> '415'
        union
        select '429' where p_route.limit_class is not null
        union
        -- Of the Idempotency-Key.
        select '409' where p_route.method = 'POST' and p_route.access = 'key'
    ) as s
    order by s.status
$$;
comment on function http.list_statuses(http.route) is
$$Every status a route can answer: its own, and those of the gateway and the guard in front of it.$$;

create or replace function http.describe_response(p_route http.route, p_status text, p_response jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_status >= '400' and not p_response ? 'schema' then
            jsonb_build_object('$ref', '#/components/responses/Problem' || p_status)
        else jsonb_build_object(
            'description', coalesce(p_response ->> 'description', 'Done'),
            'headers', '{"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}'::jsonb
                || case when p_route.limit_class is null then '{}'::jsonb else jsonb_build_object(
                    'RateLimit', '{"$ref": "#/components/headers/RateLimit"}'::jsonb,
                    'RateLimit-Policy', '{"$ref": "#/components/headers/RateLimitPolicy"}'::jsonb
                ) end
                || coalesce(p_response -> 'headers', '{}')
        ) || case when p_response ? 'schema' or p_response ? 'content_type' then jsonb_build_object(
            'content', jsonb_build_object(
                coalesce(p_response ->> 'content_type', 'application/json'),
                jsonb_build_object('schema', coalesce(p_response -> 'schema', '{"type": "string"}'))
            ) || case
                when p_response -> 'csv' = 'true' then '{"text/csv": {"schema": {"type": "string"}}}'::jsonb else '{}'
            end
        ) else '{}' end
    end
$$;
comment on function http.describe_response(http.route, text, jsonb) is
$$A response of a route as OpenAPI has it. p_response: the row's entry {schema, content_type, csv, description, headers}; csv true: CSV too, by Accept.$$;

create or replace function http.describe_route(p_route http.route)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'operationId', substring(p_route.function from 5)
            || case when exists (
                select from http.route as o
                where o.function = p_route.function and o.id < p_route.id and o.is_enabled
            ) then '_' || p_route.id else '' end,
        'tags', jsonb_build_array(p_route.domain),
        'summary', c.summary,
        'description', c.description
    ))
    || jsonb_build_object(
        'security', case
            when p_route.access = 'public' then '[]'::jsonb
            when p_route.scopes = '{}' then '[{"ApiKey": []}]'
            else (
                select jsonb_agg(jsonb_build_object('ApiKey', jsonb_build_array(s.scope)) order by s.n)
                from unnest(p_route.scopes) with ordinality as s (scope, n)
            )
        end,
        'responses', (
            select jsonb_object_agg(s.status, http.describe_response(p_route, s.status, s.response))
            from http.list_statuses(p_route) as s
        )
    )
    || coalesce((
        select jsonb_build_object('parameters', jsonb_agg(p.parameter order by p.n))
        from (
            select
                row_number() over () as n,
                jsonb_strip_nulls(jsonb_build_object(
                    'name', l.name, 'in', l.place, 'required', l.is_required, 'description', l.description
                )) || jsonb_build_object('schema', l.schema) as parameter
            from http.list_parameters(p_route) as l
            union all
            select 1000000, '{"$ref": "#/components/parameters/Account"}' where p_route.access = 'key'
            union all
            select 1000001, '{"$ref": "#/components/parameters/IdempotencyKey"}'
            where p_route.access = 'key' and p_route.method = 'POST'
        ) as p
        having count(*) > 0
    ), '{}')
    || case
        when p_route.body_kind = 'raw' then '{"requestBody": {"required": false,
            "description": "Any bytes of any type: they are taken as they come.", "content": {"*/*": {}}}}'::jsonb
        when p_route.request_schema is null then '{}'
        else jsonb_build_object('requestBody', jsonb_build_object(
            'required', coalesce(jsonb_array_length(p_route.request_schema -> 'required'), 0) > 0,
            'content', jsonb_build_object('application/json', jsonb_build_object('schema', p_route.request_schema))
        ))
    end
    from http.read_comment(p_route.function) as c
$$;
comment on function http.describe_route(http.route) is
$$A route as an OpenAPI operation.$$;

create or replace function http.open_routes()
returns setof http.route
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select r.*
    from http.route as r
    where r.is_enabled
        and to_regproc(r.function) is not null
        and (r.mode = 'any' or core.text_setting('core.environment') = 'development')
$$;
comment on function http.open_routes() is
$$The routes that answer here: enabled ones, and those of development mode only where it is on.$$;

create or replace function http.openapi()
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'openapi', '3.1.0',
        'info', jsonb_build_object(
            'title', 'LevqorPG',
            'summary', 'Jobs, webhooks and accounts over HTTP.',
            'version', coalesce((select d.product_version from core.deployment as d), 'undeployed'),
            'description', 'Every error is an RFC 9457 problem. Every answer carries X-Request-Id. '
                'This document is made from the routes of this very server.',
            'license', '{"name": "Apache-2.0", "identifier": "Apache-2.0"}'::jsonb
        ),
        'servers', '[{"url": "/", "description": "this server"}]'::jsonb,
        'tags', (
            select jsonb_agg(jsonb_build_object(
                'name', t.domain,
                'description', coalesce(obj_description(to_regnamespace(nullif(t.domain, '')), 'pg_namespace'), t.domain)
            ) order by t.domain)
            from (select distinct r.domain from http.open_routes() as r union select 'ops') as t
        ),
        'paths', (
            select jsonb_object_agg(p.path, p.operations)
            from (
                select r.path, jsonb_object_agg(lower(r.method), http.describe_route(r)) as operations
                from http.open_routes() as r
                group by r.path
            ) as p
        ) || '{
            "/health": {"get": {"operationId": "health", "tags": ["ops"], "summary": "Is the server alive?",
                "description": "Answered by the server itself, without a database.", "security": [], "responses": {
                    "200": {"description": "Alive",
                        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
                        "content": {"application/json": {"schema": {"type": "object", "required": ["ok"],
                            "properties": {"ok": {"type": "boolean"},
                                "ts": {"type": "integer", "description": "Unix time"}}}}}}}}},
            "/ready": {"get": {"operationId": "ready", "tags": ["ops"], "summary": "Can the server work?",
                "description": "Whether database, deployed version and reactor are well, with reasons where not.",
                "security": [], "responses": {
                    "200": {"description": "Ready",
                        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Readiness"}}}},
                    "503": {"description": "Not ready",
                        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Readiness"}}}}}}}
        }'::jsonb,
        'components', jsonb_build_object(
            'securitySchemes', '{"ApiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key",
                "description":
                    "A key of an account. An operation that names scopes wants a key that holds one of them."}}'::jsonb,
            'parameters', '{"Account": {"name": "Levqor-Account", "in": "header", "required": false,
                "description":
                    "For keys with the scope platform: the account to act for. Other keys may name only their own.",
                "schema": {"type": "string", "pattern": "^acct_[0-9a-f]{32}$"}}}'::jsonb
                || jsonb_build_object('IdempotencyKey', jsonb_build_object(
                    'name', 'Idempotency-Key', 'in', 'header', 'required', false, 'description', format(
                        'A key of your own, new for each thing that is to be done: the same request sent again under it '
                        'gets the first answer, with Idempotent-Replayed, and is not done again. Kept for %s hours.',
                        core.integer_setting('http.idempotency_hours')
                    ),
                    'schema', '{"type": "string", "minLength": 1, "maxLength": 255,
                        "pattern": "^[!#-\\[\\]-~]+$"}'::jsonb
                )),
            'headers', '{
                "RequestId": {"description": "Id of the request; quote it when you ask for help",
                    "schema": {"type": "string"}},
                "RateLimit": {"description": "What is left, by policy: r calls now; t seconds until all are back, or with r=0 until the next call",
                    "schema": {"type": "string"}},
                "RateLimitPolicy": {"description": "The policies: q calls in w seconds", "schema": {"type": "string"}},
                "RetryAfter": {"description": "Seconds to wait", "schema": {"type": "string"}}}'::jsonb,
            'schemas', coalesce(
                (select jsonb_object_agg(s.name, s.definition) from http.shared_schema as s), '{}'
            ),
            'responses', (
                select jsonb_object_agg('Problem' || p.status, jsonb_build_object(
                    'description', p.title,
                    'headers', '{"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}'::jsonb || case
                        when p.status = 429 then '{"Retry-After": {"$ref": "#/components/headers/RetryAfter"},
                            "RateLimit": {"$ref": "#/components/headers/RateLimit"},
                            "RateLimit-Policy": {"$ref": "#/components/headers/RateLimitPolicy"}}'::jsonb
                        when p.status = 503 then '{"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}'
                        else '{}'
                    end,
                    'content',
                    '{"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}'::jsonb
                ))
                from (
                    select e.status, e.title
                    from core.error_code as e
                    where e.sqlstate = 'LQ' || e.status
                ) as p
            )
        )
    )
$$;
comment on function http.openapi() is
$$The OpenAPI 3.1 document of this database: its routes, their schemas, and the comments of their functions.$$;

select http.register_schema('Problem', '{"type": "object", "required": ["type", "title", "status"],
    "description": "RFC 9457 problem", "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "which error it is; a page about it"},
        "title": {"type": "string", "description": "the same for every occurrence"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "what is wrong this time"},
        "hint": {"type": "string", "description": "what to do"},
        "code": {"type": "string", "description": "last part of the type, or a closer name of the case"},
        "request_id": {"type": "string"},
        "errors": {"type": "array", "description": "each value that broke a rule", "items": {"type": "object",
            "properties": {"pointer": {"type": "string", "description": "JSON Pointer into the body or parameters"},
                "rule": {"type": "string", "description": "keyword of JSON Schema"}}}},
        "violated-policies": {"type": "array", "items": {"type": "string"}},
        "retry_after": {"type": "integer", "description": "seconds"}}}');
select http.register_schema('Readiness', '{"type": "object", "required": ["ready"], "properties": {
    "ready": {"type": "boolean"},
    "reasons": {"type": "array", "items": {"type": "string"}, "description": "why not; empty when ready"},
    "database": {"type": ["object", "null"],
        "description": "what the database knows: deployed version, reactor, clock"}}}');
