-- The second half of a read whose route reads the replica: the guard has run on the primary, the function runs here.

create or replace function http.read_many(
    p_handovers text[],
    p_user_agents text[],
    p_parameters text[]
)
returns table (
    call integer, outcome text, status integer, headers text, body text, hints text[], more text
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_handover jsonb;
    v_call http.call;
    v_route http.route;
    v_response http.response;
    v_more jsonb;
    v_state text;
    v_message text;
    v_detail text;
    v_hint text;
    v_constraint text;
    v_schema text;
    v_context text;
begin
    perform core.enter_machinery();
    for i in 1 .. coalesce(cardinality(p_handovers), 0) loop
        v_handover := p_handovers[i]::jsonb;
        v_call := jsonb_populate_record(null::http.call, v_handover -> 'call');
        v_more := v_handover -> 'more';
        call := i;
        outcome := 'done';
        hints := '{}';
        v_response := null;
        select r.* into v_route
        from http.route as r
        where r.id = v_call.route_id and r.version = (v_handover ->> 'version')::integer and r.method = 'GET'
            and r.reads_replica;
        if not found then
            -- A replica that is behind, or ahead: the primary knows.
            outcome := 'again';
        else
            begin
                perform http.enter_call(v_call, p_user_agents[i]);
                perform set_config('transaction_read_only', 'on', true);
                v_response := http.call_single(v_route, p_parameters[i]::jsonb, null);
                raise exception using errcode = 'LQUND', message = 'end of a reading call';
            exception
                when sqlstate 'LQUND' then
                    null;
                when serialization_failure or deadlock_detected or lock_not_available then
                    -- Among them: what it reads was vacuumed on the primary (recovery conflict).
                    outcome := 'again';
                when others or assert_failure then
                    get stacked diagnostics
                        v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail,
                        v_hint = pg_exception_hint, v_constraint = constraint_name, v_schema = schema_name,
                        v_context = pg_exception_context;
                    perform core.set_caller(null, null, null, null, null, null, v_call.request_id);
                    v_response := http.problem(
                        v_state, v_message, v_detail, v_hint,
                        case when v_schema like '{%' then v_schema end, v_constraint
                    );
                    v_more := v_more || jsonb_build_object('sqlstate', v_state);
                    if v_response.status >= 500 then
                        v_more := v_more || jsonb_build_object('fault', jsonb_build_object(
                            'message', v_message, 'context', v_context
                        ));
                    end if;
            end;
            -- What only the primary can answer, or could answer better.
            if v_response.status is null or v_response.status >= 500 then
                outcome := 'again';
            end if;
        end if;
        status := v_response.status;
        headers := http.show_headers(v_handover ->> 'limits', v_response.headers);
        body := v_response.body;
        more := v_more::text;
        return next;
    end loop;
end;
$$;
comment on function http.read_many(text[], text[], text[]) is
$$Answer reading calls on a replica, in one statement: those that http.handle_many() on the primary gave the outcome replica.

p_handovers: the bodies of those answers, which name caller and route: whoever may execute this function is trusted with every
account. Rows as http.handle_many() gives them. outcome: done; again: send the call to the primary, admitted, and without
has_replica.$$;
grant execute on function http.read_many(text[], text[], text[]) to levqor_server;
