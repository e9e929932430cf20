-- The one entry point. It names steps of keys, identity, limits and audit, which stand on higher floors: here the
-- guard is put together.
--
-- Locks: the guard's buckets in sorted order; then each call, in a subtransaction of its own, rows of its own account
-- only (a route that locks more has lane = alone). The commit of the statement is the only flush.

create or replace function http.refuse_argument(p_name text, p_message text, p_rule text, p_limit text default null)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using
        errcode = 'LQ422',
        -- In quotes: a name stays as it is written, also at the head of the sentence that the problem makes of this.
        message = format('"%s" %s', p_name, p_message),
        hint = case
            when p_rule = 'additionalProperties' then 'Leave it out, or look the name up in the reference.' else ''
        end,
        schema = jsonb_build_object('errors', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
            'pointer', '/' || replace(replace(p_name, '~', '~0'), '/', '~1'), 'rule', p_rule, 'limit', p_limit
        ))))::text;
end;
$$;
comment on function http.refuse_argument(text, text, text, text) is
$$Refuse an argument by name, with a JSON Pointer to it. Always raises LQ422.$$;

create or replace function http.bind_number(p_name text, p_type text, p_text text)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_longest bigint := case p_type
        when 'smallint' then 32767 when 'integer' then 2147483647 when 'bigint' then 9223372036854775807
    end;
    v_number numeric;
begin
    -- A whole number may come as 1.0 or 1e2: JSON knows one kind of number.
    if p_text !~ '^-?[0-9]+$' then
        if p_text !~ '^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$' then
            perform http.refuse_argument(p_name, 'must be of type number', 'type', 'number');
        end if;
    end if;
    if v_longest is null then
        return format('p_%s => %L::pg_catalog.numeric::%s', p_name, p_text, p_type);
    end if;
    v_number := p_text::numeric;
    if v_number <> trunc(v_number) then
        perform http.refuse_argument(p_name, 'must be a whole number', 'type', 'integer');
    end if;
    if v_number not between -v_longest - 1 and v_longest then
        perform http.refuse_argument(
            p_name, format('must be between %s and %s', -v_longest - 1, v_longest),
            case when v_number < 0 then 'minimum' else 'maximum' end,
            case when v_number < 0 then -v_longest - 1 else v_longest end::text
        );
    end if;
    return format('p_%s => %L::%s', p_name, trunc(v_number), p_type);
end;
$$;
comment on function http.bind_number(text, text, text) is
$$One numeric argument of a call, from the text of a number. Raises LQ422 for no number, and for integer types for a fraction or
one that is out of range.$$;

create or replace function http.bind_arguments(p_route_id integer, p_parameters jsonb, p_body jsonb)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_values jsonb := p_parameters;
    v_argument record;
    v_list text := '';
    v_known text[] := '{}';
    v_takes_body boolean := false;
    v_kind text;
    v_wanted text;
    v_name text;
begin
    if p_body is not null and exists (
        select from http.route_argument as a where a.route_id = p_route_id and a.name = 'body'
    ) then
        v_takes_body := true;
    elsif p_body is not null then
        if jsonb_typeof(p_body) <> 'object' then
            raise exception using errcode = 'LQ422', message = 'the body must be a JSON object';
        end if;
        select k.name into v_name from jsonb_object_keys(p_body) as k (name) where p_parameters ? k.name limit 1;
        if found then
            perform http.refuse_argument(v_name, 'is already given outside of the body', 'additionalProperties');
        end if;
        v_values := v_values || p_body;
    end if;

    for v_argument in
        select a.name, a.type, a.has_default
        from http.route_argument as a
        where a.route_id = p_route_id
        order by a.ordinal
    loop
        v_known := v_known || v_argument.name;
        if v_argument.name = 'body' then
            v_list := v_list || ', p_body => $2';
            continue;
        end if;
        v_kind := jsonb_typeof(v_values -> v_argument.name);
        if v_kind is null then
            if not v_argument.has_default then
                perform http.refuse_argument(v_argument.name, 'is missing', 'required');
            end if;
            continue;
        end if;
        if v_argument.type = 'jsonb' then
            v_list := v_list || format(', p_%s => $1 -> %L', v_argument.name, v_argument.name);
            continue;
        end if;
        v_wanted := case
            when v_argument.type like '%[]' then 'array'
            when v_argument.type = 'boolean' then 'boolean'
            when v_argument.type in ('smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision')
                then 'number'
            else 'string'
        end;
        -- A path or a query has only text; without a schema the server passes it on as it is.
        if v_kind = 'string' and p_parameters ? v_argument.name and (
            v_wanted = 'number'
            or v_wanted = 'boolean' and v_values ->> v_argument.name in ('true', 'false')
        ) then
            v_kind := v_wanted;
        end if;
        if v_kind not in (v_wanted, 'null') then
            perform http.refuse_argument(v_argument.name, 'must be of type ' || v_wanted, 'type', v_wanted);
        end if;
        if v_kind = 'number' then
            v_list := v_list || ', '
                || http.bind_number(v_argument.name, v_argument.type, v_values ->> v_argument.name);
        elsif v_kind = 'array' then
            v_list := v_list || format(
                ', p_%s => array(select pg_catalog.jsonb_array_elements_text($1 -> %L))::%s',
                v_argument.name, v_argument.name, v_argument.type
            );
        else
            v_list := v_list || format(
                ', p_%s => ($1 ->> %L)::%s', v_argument.name, v_argument.name, v_argument.type
            );
        end if;
    end loop;

    select k.name into v_name
    from jsonb_object_keys(case when v_takes_body then p_parameters else v_values end) as k (name)
    where not k.name = any (v_known)
    order by k.name
    limit 1;
    if found then
        -- A server that has not heard of it yet may still call a route whose function has gone.
        if v_known = '{}' and to_regproc((select r.function from http.route as r where r.id = p_route_id)) is null then
            raise exception using
                errcode = 'LQ500', message = 'the function of the route does not exist, or exists more than once';
        end if;
        perform http.refuse_argument(v_name, 'is not known here', 'additionalProperties');
    end if;
    return substring(v_list from 3);
end;
$$;
comment on function http.bind_arguments(integer, jsonb, jsonb) is
$$Turn parameters and JSON members into named, typed arguments: the argument list of a call, with the values in $1 and the
body in $2.

Numbers and booleans of path and query may come as text. Raises LQ422 for a missing, unknown or wrongly typed one, and for a
body that is no object; LQ500 when the route's function has gone.$$;

create or replace function http.guard(
    p_routes integer[],
    p_versions integer[],
    p_keys text[],
    p_contexts jsonb[]
)
returns http.call[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_agg(
            row(
                g.ordinal, r.id, coalesce(b.id, a.account_id), null, a.key_id, a.account_id, a.scopes,
                case
                    when r.id is null then 'stale'
                    when r.mode = 'development' and e.environment <> 'development' then 'LQ404'
                    when r.access = 'public' then null
                    when k.ordinal is null or k.refusal is not null then 'LQ401'
                    when r.scopes <> '{}' and not r.scopes && k.scopes then 'LQ403'
                    when g.context ? 'account' and b.id is null then 'LQ404'
                    -- Another's key is refused as unknown: here is a platform key that acts for a closed account.
                    when coalesce(b.status, k.account_status) = 'closed' and r.method <> 'GET' then 'LQ403'
                    when coalesce(b.status, k.account_status) = 'suspended' and r.method <> 'GET'
                        and not 'platform' = any (k.scopes) then 'LQ403'
                end,
                case
                    when r.access = 'public' then null
                    when k.ordinal is null then '{"detail": "Send an API key in the header X-Api-Key."}'::jsonb
                    when k.refusal is not null then jsonb_build_object('detail', 'This API key is ' || k.refusal || '.')
                    when r.scopes <> '{}' and not r.scopes && k.scopes then
                        jsonb_build_object(
                            'detail', 'The key needs one of the scopes ' || array_to_string(r.scopes, ', ') || '.'
                        )
                    when g.context ? 'account' and b.id is null then '{"detail": "No such account."}'
                    when coalesce(b.status, k.account_status) = 'closed' then
                        '{"detail": "The account is closed: nothing can be done in its name.",
                            "code": "account-closed"}'
                    when coalesce(b.status, k.account_status) = 'suspended' then
                        '{"detail": "The account is suspended: it can read, and change nothing.",
                            "code": "account-suspended"}'
                end
            )::http.call
            order by g.ordinal
        )
        from unnest(p_routes, p_versions, p_contexts) with ordinality as g (route_id, version, context, ordinal)
        cross join (select core.text_setting('core.environment') as environment) as e
        left join http.route as r on r.id = g.route_id and r.version = g.version and r.is_enabled
        left join keys.authenticate_many(p_keys) as k on k.ordinal = g.ordinal
        -- A key that is refused stands for nobody, also where a public route would not have asked for one.
        left join lateral (select k.account_id, k.key_id, k.scopes where k.refusal is null) as a on true
        -- A platform key may act for any account; another key only for its own.
        -- Looked up by its key, call by call: joined as a table, all accounts would be read for each batch. The id is worked
        -- out apart: below row-level security no index serves a comparison with a function that is not leakproof.
        left join lateral (
            select core.read_id('acct', g.context ->> 'account') as id offset 0
        ) as w on g.context ? 'account'
        left join lateral (
            select o.id, o.status
            from identity.account as o
            where o.id = w.id and ('platform' = any (a.scopes) or o.id = a.account_id)
            offset 0
        ) as b on true
    );
end;
$$;
comment on function http.guard(integer[], integer[], text[], jsonb[]) is
$$Say who each call is and whether it may go on: stale route, no key, no scope, no account, suspended or closed. Limits come after.$$;

create or replace function http.handle_many(
    p_request_ids text[],
    p_routes integer[],
    p_versions integer[],
    p_keys text[],
    p_addresses text[],
    p_user_agents text[],
    p_parameters text[],
    p_bodies text[],
    p_contexts jsonb[]
)
returns table (
    call integer, outcome text, status integer, headers text, body text, hints text[], more text
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_calls http.call[];
    v_call http.call;
    v_route http.route;
    v_limits jsonb;
    v_limit jsonb;
    v_response http.response;
    v_more jsonb;
    v_done_sensitive jsonb := '[]';
    v_is_stopped boolean := false;
    v_state text;
    v_message text;
    v_detail text;
    v_hint text;
    v_constraint text;
    v_schema text;
    v_context text;
begin
    perform core.enter_machinery();
    v_calls := http.guard(p_routes, p_versions, p_keys, p_contexts);
    v_limits := limits.admit_many(v_calls, p_addresses, p_contexts);
    perform keys.note_use(v_calls);
    -- The guard waits for other guards, which are short. In a batch a call that meets a lock must not hold up the
    -- others.
    if array_length(v_calls, 1) > 1 then
        perform set_config('lock_timeout', '100ms', true);
    end if;

    for i in 1 .. coalesce(array_length(v_calls, 1), 0) loop
        v_call := v_calls[i];
        call := i;
        status := null;
        headers := null;
        body := null;
        hints := '{}';
        v_response := null;
        v_more := jsonb_build_object('account', v_call.account_id, 'key', v_call.key_id);
        v_limit := v_limits -> (i::text);

        if v_call.refusal = 'stale' then
            outcome := 'stale';
        elsif v_call.refusal is not null or (v_limit ->> 'is_refused')::boolean then
            -- Also behind a call that ended the batch: what is sent again counts as admitted.
            outcome := 'done';
            perform core.set_caller(null, null, null, null, null, null, p_request_ids[i]);
            if v_call.refusal is not null then
                v_response := http.problem(
                    v_call.refusal, case v_call.refusal when 'LQ404' then 'no such path or account' else 'refused' end,
                    p_more => (v_call.refusal_more)::text
                );
            else
                v_response := limits.refuse(v_limit);
            end if;
            more := v_more::text;
        elsif v_is_stopped then
            outcome := 'again';
            more := v_more::text;
        else
            -- What happens in this block is undone when it ends with an error; the variables keep what they got.
            begin
                perform core.set_caller(
                    v_call.account_id, v_call.user_id, v_call.key_id, v_call.scopes,
                    p_addresses[i], p_user_agents[i], p_request_ids[i],
                    coalesce('platform' = any (v_call.scopes), false) and not coalesce(p_contexts[i] ? 'account', false)
                );
                if p_contexts[i] ? 'wait_until' then
                    perform set_config('levqor.wait_until', p_contexts[i] ->> 'wait_until', true);
                end if;
                select r.* into v_route from http.route as r where r.id = v_call.route_id;
                outcome := 'done';
                if v_route.method = 'GET' then
                    perform set_config('transaction_read_only', 'on', true);
                end if;
                execute format(
                    'select * from %s(%s)',
                    v_route.function,
                    http.bind_arguments(v_route.id, p_parameters[i]::jsonb, nullif(p_bodies[i], '')::jsonb)
                )
                into v_response
                using p_parameters[i]::jsonb || case
                    when jsonb_typeof(nullif(p_bodies[i], '')::jsonb) = 'object' then p_bodies[i]::jsonb
                    else '{}'
                end, nullif(p_bodies[i], '')::jsonb;
                if v_route.method = 'GET' then
                    -- Read-only can not be switched off again but by undoing the subtransaction.
                    raise exception using errcode = 'LQUND', message = 'end of a reading call';
                end if;
                set constraints all immediate;
                set constraints all deferred;
                hints := core.take_hints();
            exception
                when sqlstate 'LQUND' then
                    null;
                when deadlock_detected or lock_not_available or serialization_failure then
                    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
                    outcome := 'again';
                    v_is_stopped := true;
                    v_more := v_more || jsonb_build_object('sqlstate', v_state);
                when query_canceled then
                    v_is_stopped := true;
                    v_more := v_more || jsonb_build_object('sqlstate', '57014');
                    perform core.set_caller(null, null, null, null, null, null, p_request_ids[i]);
                    v_response := http.problem('57014', 'the call took too long');
                when others or assert_failure then
                    get stacked diagnostics
                        v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail,
                        v_hint = pg_exception_hint, v_constraint = constraint_name, v_schema = schema_name,
                        v_context = pg_exception_context;
                    perform core.set_caller(null, null, null, null, null, null, p_request_ids[i]);
                    v_response := http.problem(
                        v_state, v_message, v_detail, v_hint,
                        case when v_schema like '{%' then v_schema end, v_constraint
                    );
                    v_more := v_more || jsonb_build_object('sqlstate', v_state);
                    if v_response.status >= 500 then
                        -- Without the detail: it may quote the row.
                        v_more := v_more || jsonb_build_object('fault', jsonb_build_object(
                            'message', v_message, 'context', v_context
                        ));
                    end if;
            end;
            if outcome = 'done' and v_response.status is null and v_response.wait_for is null then
                perform core.set_caller(null, null, null, null, null, null, p_request_ids[i]);
                v_response := http.problem('LQ500', 'the function answered nothing');
                v_more := v_more || jsonb_build_object('sqlstate', 'LQ500', 'fault', jsonb_build_object(
                    'message', format('%s answered nothing', v_route.function)
                ));
            end if;
            if v_response.wait_for is not null then
                outcome := 'wait';
                v_more := v_more || jsonb_build_object(
                    'wait_for', v_response.wait_for, 'wait_until', v_response.wait_until,
                    'wait_seconds', extract(epoch from v_response.wait_until - core.real_now())
                );
            end if;
            if v_response.reveal is not null then
                v_more := v_more || jsonb_build_object('reveal', v_response.reveal);
            end if;
            if outcome = 'done' and v_response.status < 400 and v_route.is_sensitive then
                v_done_sensitive := v_done_sensitive
                    || jsonb_build_object(
                        'request', p_request_ids[i], 'route', v_route.id, 'actor', core.current_actor()
                    );
            end if;
            more := v_more::text;
        end if;

        if outcome = 'done' then
            status := v_response.status;
            headers := (coalesce(v_limit -> 'headers', '{}') || coalesce(v_response.headers, '{}'))::text;
            body := v_response.body;
        end if;
        return next;
    end loop;

    if v_done_sensitive <> '[]' then
        perform core.enter_machinery();
        perform audit.note_sensitive_calls(v_done_sensitive);
    end if;
end;
$$;
comment on function http.handle_many(text[], integer[], integer[], text[], text[], text[], text[], text[], jsonb[]) is
$$Answer many calls in one statement and one commit. The server's only way in; this signature never changes.

One array element a call: request id; route and its version, as http.load_routes() gave them; API key; address; user agent;
parameters (JSON object text of path and query); body (JSON text, or null); context (JSON: account to act for, admitted: true
when this call was charged before, wait_until of a parked call).

One row a call. outcome: done (status, headers as JSON, body); stale (load the routes again and send again); again (send again,
admitted, alone if it bears a sqlstate); wait (more.wait_for, more.wait_until). hints: TOPIC tab COUNT. more: JSON with account,
key, sqlstate, fault (for the log, never for the client), reveal.$$;
grant execute on function http.handle_many(
    text[], integer[], integer[], text[], text[], text[], text[], text[], jsonb[]
) to levqor_server;
