-- Calls as the server makes them: http.handle_many as the role levqor_server. Loaded into the schema test before the run.
\echo 1..0 # SKIP helpers, loaded before the run
set client_min_messages = warning;
create schema if not exists test;
comment on schema test is 'Helpers of the pgTAP tests; never in a product database.';
grant usage on schema test to public;

do $$
begin
    if to_regtype('test.answer') is null then
        create type test.answer as (
            call integer, outcome text, status integer, headers jsonb, body jsonb, raw text, hints text[], more jsonb
        );
        comment on type test.answer is 'A row of http.handle_many: headers, body and more parsed; raw is the body''s text.';
    end if;
end;
$$;

create or replace function test.find_route(p_method text, p_path text, out id integer, out version integer, out parameters jsonb)
returns record
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_path text := split_part(p_path, '?', 1);
    v_route http.route;
    v_names text[];
    v_values text[];
    v_pair text;
    v_name text;
begin
    select r.* into v_route
    from http.route as r
    where r.method = p_method
        and v_path ~ ('^' || regexp_replace(replace(r.path, '.', '\.'), '\{[a-z0-9_]+\}', '([^/]+)', 'g') || '$')
    order by length(regexp_replace(r.path, '[^{]', '', 'g')), r.path
    limit 1;
    if not found then
        return;
    end if;
    id := v_route.id;
    version := v_route.version;
    parameters := '{}';

    select array_agg(m.part[1]) into v_names from regexp_matches(v_route.path, '\{([a-z0-9_]+)\}', 'g') as m (part);
    v_values := regexp_match(
        v_path, '^' || regexp_replace(replace(v_route.path, '.', '\.'), '\{[a-z0-9_]+\}', '([^/]+)', 'g') || '$'
    );
    for i in 1 .. coalesce(array_length(v_names, 1), 0) loop
        parameters := parameters || jsonb_build_object(v_names[i], v_values[i]);
    end loop;

    foreach v_pair in array string_to_array(nullif(split_part(p_path, '?', 2), ''), '&') loop
        v_name := split_part(v_pair, '=', 1);
        parameters := parameters || case v_route.parameters -> v_name ->> 'type'
            when 'integer' then jsonb_build_object(v_name, split_part(v_pair, '=', 2)::bigint)
            when 'number' then jsonb_build_object(v_name, split_part(v_pair, '=', 2)::numeric)
            when 'boolean' then jsonb_build_object(v_name, split_part(v_pair, '=', 2)::boolean)
            else jsonb_build_object(v_name, split_part(v_pair, '=', 2))
        end;
    end loop;
exception
    when null_value_not_allowed then
        return;
end;
$$;
comment on function test.find_route(text, text) is
$$Find the route of a concrete path, as the server does, with its path and query parameters. Null id: no such route.

Query values are taken as they stand, with no decoding of %XX.$$;

create or replace function test.call_many(p_calls jsonb)
returns setof test.answer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_call record;
    v_found record;
    v_ids text[] := '{}';
    v_routes integer[] := '{}';
    v_versions integer[] := '{}';
    v_keys text[] := '{}';
    v_addresses text[] := '{}';
    v_agents text[] := '{}';
    v_parameters text[] := '{}';
    v_bodies text[] := '{}';
    v_contexts jsonb[] := '{}';
    v_role text := current_setting('role');
    v_lock_timeout text := current_setting('lock_timeout');
    v_answers test.answer[];
begin
    for v_call in
        select c.value, c.ordinal
        from jsonb_array_elements(p_calls) with ordinality as c (value, ordinal)
        order by c.ordinal
    loop
        select f.* into v_found
        from test.find_route(v_call.value ->> 'method', v_call.value ->> 'path') as f;
        v_ids := v_ids || coalesce(v_call.value ->> 'request_id', 'req_' || replace(gen_random_uuid()::text, '-', ''));
        v_routes := v_routes || coalesce((v_call.value ->> 'route')::integer, v_found.id, -1);
        v_versions := v_versions || coalesce((v_call.value ->> 'version')::integer, v_found.version, 0);
        v_keys := v_keys || (v_call.value ->> 'key');
        -- An address of its own for every call that names none: tests meet a limit only where they mean to.
        v_addresses := v_addresses || coalesce(v_call.value ->> 'address', format(
            '10.%s.%s.%s', floor(random() * 256), floor(random() * 256), floor(random() * 256)
        ));
        v_agents := v_agents || coalesce(v_call.value ->> 'user_agent', 'pgTAP');
        v_parameters := v_parameters || coalesce(v_call.value ->> 'parameters', v_found.parameters::text, '{}');
        v_bodies := v_bodies || coalesce(
            v_call.value ->> 'raw_body', case when jsonb_typeof(v_call.value -> 'body') <> 'null' then (v_call.value -> 'body')::text end
        );
        v_contexts := v_contexts || coalesce(nullif(v_call.value -> 'context', 'null'), '{}');
    end loop;

    perform set_config('role', 'levqor_server', true);
    select array_agg(
        row(
            h.call, h.outcome, h.status, h.headers::jsonb,
            case when h.headers::jsonb ->> 'Content-Type' is null or h.headers::jsonb ->> 'Content-Type' like '%json%'
                then nullif(h.body, '')::jsonb
            end,
            h.body, h.hints, h.more::jsonb
        )::test.answer
        order by h.call
    )
    into v_answers
    from http.handle_many(
        v_ids, v_routes, v_versions, v_keys, v_addresses, v_agents, v_parameters, v_bodies, v_contexts
    ) as h;
    perform set_config('role', v_role, true);
    -- What follows in the test is no request, and waits for other tests as long as it takes.
    perform core.set_caller(null, null, null, null, null, null, null);
    perform set_config('lock_timeout', v_lock_timeout, true);
    return query select a.* from unnest(v_answers) as a;
end;
$$;
comment on function test.call_many(jsonb) is
$$Call http.handle_many once, as levqor_server, with a batch: an array of {method, path, key, body, address, context, request_id,
user_agent, and to force them: route, version, parameters, raw_body (text, also of what is no JSON)}.

A path may carry a query: ?name=value&name=value. One test.answer a call, in order.$$;

create or replace function test.call(
    p_method text,
    p_path text,
    p_key text default null,
    p_body jsonb default null,
    p_address text default null,
    p_context jsonb default '{}'
)
returns test.answer
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select c.*
    from test.call_many(jsonb_build_array(jsonb_build_object(
        'method', p_method, 'path', p_path, 'key', p_key, 'body', p_body, 'address', p_address, 'context', p_context
    ))) as c
$$;
comment on function test.call(text, text, text, jsonb, text, jsonb) is
$$Make one call as the server would: select (test.call('GET', '/api/v1/keys', v_key)).status.

Written like that it is called once a field: prefer select c.status from test.call(…) as c.$$;

grant execute on all functions in schema test to public;
