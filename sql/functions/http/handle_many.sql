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
        select from http.route_argument as a where a.route_id = p_route_id and a.name = 'body' and a.type <> 'bytea'
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
        if v_argument.name = 'body' and v_argument.type <> 'bytea' then
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
        elsif v_argument.type = 'bytea' then
            v_list := v_list || format(
                ', p_%s => pg_catalog.decode($1 ->> %L, ''base64'')', v_argument.name, v_argument.name
            );
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

Numbers and booleans of path and query may come as text; bytea comes as base64. Raises LQ422 for a missing, unknown or wrongly typed one, and for a
body that is no object; LQ500 when the route's function has gone.$$;

create or replace function http.judge(
    p_route http.route,
    p_has_key boolean,
    p_key_refusal text,
    p_key_scopes text[],
    p_wants_account boolean,
    p_account_id uuid,
    p_account_status text,
    out refusal text,
    out refusal_more jsonb
)
returns record
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_route.mode = 'development' and core.text_setting('core.environment') <> 'development' then
        refusal := 'LQ404';
    elsif p_route.access = 'public' then
        return;
    elsif not p_has_key then
        refusal := 'LQ401';
        refusal_more := '{"detail": "Send an API key in the header X-Api-Key."}';
    elsif p_key_refusal is not null then
        refusal := 'LQ401';
        refusal_more := jsonb_build_object('detail', 'This API key is ' || p_key_refusal || '.');
    elsif p_route.scopes <> '{}' and not p_route.scopes && p_key_scopes then
        refusal := 'LQ403';
        refusal_more := jsonb_build_object(
            'detail', 'The key needs one of the scopes ' || array_to_string(p_route.scopes, ', ') || '.'
        );
    elsif p_wants_account and p_account_id is null then
        refusal := 'LQ404';
        refusal_more := '{"detail": "No such account."}';
    elsif p_account_status <> 'active' and p_route.method <> 'GET' then
        if p_account_status = 'closed' then
            -- Another's key is refused as unknown: here is a platform key that acts for a closed account.
            refusal := 'LQ403';
            refusal_more := '{"detail": "The account is closed: nothing can be done in its name.",
                "code": "account-closed"}';
        elsif not 'platform' = any (p_key_scopes) then
            refusal := 'LQ403';
            refusal_more := '{"detail": "The account is suspended: it can read, and change nothing.",
                "code": "account-suspended"}';
        end if;
    end if;
end;
$$;
comment on function http.judge(http.route, boolean, text, text[], boolean, uuid, text) is
$$Why a call may not go on, as SQLSTATE and members of the problem: no key, no scope, no account, suspended or closed. Null when it
may.

p_account_id, p_account_status: of the account that it acts for.$$;

create or replace function http.guard(
    p_routes integer[],
    p_versions integer[],
    p_keys text[],
    p_addresses text[],
    p_request_ids text[],
    p_contexts jsonb[]
)
returns http.call[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return (
        select array_agg(
            row(
                g.ordinal, r.id, coalesce(b.id, a.account_id), null, a.key_id, a.scopes,
                coalesce('platform' = any (a.scopes), false) and not g.context ? 'account',
                g.address, g.request_id, coalesce(b.tier, a.tier), r.limit_class,
                r.is_metered and a.key_id is not null, coalesce((g.context ->> 'admitted')::boolean, false),
                case
                    when r.id is null then 'stale'
                    -- Nearly always.
                    when f.is_good then null
                    else (http.judge(
                        r, k.ordinal is not null, k.refusal, k.scopes, g.context ? 'account', b.id,
                        coalesce(b.status, k.account_status)
                    )).refusal
                end,
                case
                    when f.is_good is not true then (http.judge(
                        r, k.ordinal is not null, k.refusal, k.scopes, g.context ? 'account', b.id,
                        coalesce(b.status, k.account_status)
                    )).refusal_more
                end
            )::http.call
            order by g.ordinal
        )
        from unnest(p_routes, p_versions, p_addresses, p_request_ids, p_contexts)
            with ordinality as g (route_id, version, address, request_id, context, ordinal)
        left join http.route as r
            on r.id = g.route_id and r.version = g.version and r.is_enabled and r.function is not null
        left join keys.authenticate_many(p_keys) as k on k.ordinal = g.ordinal
        -- A key that is refused stands for nobody, also where a public route would not have asked for one.
        left join lateral (select k.account_id, k.key_id, k.scopes, k.tier where k.refusal is null) as a on true
        -- A platform key may act for any account; another key only for its own.
        -- Looked up by its key, call by call: joined as a table, all accounts would be read for each batch. The id is worked
        -- out apart: below row-level security no index serves a comparison with a function that is not leakproof.
        left join lateral (
            select core.read_id('acct', g.context ->> 'account') as id offset 0
        ) as w on g.context ? 'account'
        left join lateral (
            select o.id, o.status, o.tier
            from identity.account as o
            where o.id = w.id and ('platform' = any (a.scopes) or o.id = a.account_id)
            offset 0
        ) as b on true
        cross join lateral (
            select
                r.mode = 'any' and r.access = 'key' and k.ordinal is not null and k.refusal is null
                and k.account_status = 'active' and (r.scopes = '{}' or r.scopes && k.scopes) and g.context = '{}'
                as is_good
            offset 0
        ) as f
    );
end;
$$;
comment on function http.guard(integer[], integer[], text[], text[], text[], jsonb[]) is
$$Say who each call is and whether it may go on: stale route, no key, no scope, no account, suspended or closed. Limits come after.$$;

create or replace function http.enter_call(p_call http.call, p_user_agent text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.set_caller(
        p_call.account_id, p_call.user_id, p_call.key_id, p_call.scopes, p_call.address, p_user_agent, p_call.request_id,
        p_call.sees_all
    );
end;
$$;
comment on function http.enter_call(http.call, text) is
$$Make the call the caller: all of the context is overwritten, and the machinery is switched off.$$;

create or replace function http.call_single(p_route http.route, p_parameters jsonb, p_body jsonb)
returns http.response
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_response http.response;
begin
    execute format('select * from %s(%s)', p_route.function, http.bind_arguments(p_route.id, p_parameters, p_body))
    into v_response
    using p_parameters || case when jsonb_typeof(p_body) = 'object' then p_body else '{}' end, p_body;
    return v_response;
end;
$$;
comment on function http.call_single(http.route, jsonb, jsonb) is
$$Call a route's function with named, typed arguments. Raises what the function raises, and LQ422 for arguments that do not fit.$$;

-- A plural door runs as machinery, which sees every account: it takes who may do what from its calls alone.
create or replace function http.call_plural(p_function text, p_method text, p_calls http.call[], p_parameters jsonb[], p_bodies jsonb[])
returns http.response[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
    v_responses http.response[];
begin
    if p_method = 'GET' then
        perform set_config('transaction_read_only', 'on', true);
    end if;
    execute format('select %s($1, $2, $3)', p_function) into v_responses using p_calls, p_parameters, p_bodies;
    if p_method = 'GET' then
        -- Read-only can not be switched off again but by undoing the subtransaction.
        raise exception using errcode = 'LQUND', message = 'end of reading calls';
    end if;
    set constraints all immediate;
    set constraints all deferred;
    return v_responses;
exception
    when sqlstate 'LQUND' then
        return v_responses;
    when query_canceled then
        for i in 1 .. cardinality(p_calls) loop
            perform core.set_caller(null, null, null, null, null, null, (p_calls[i]).request_id);
            v_responses[i] := http.problem('57014', 'the call took too long');
        end loop;
        perform core.enter_machinery();
        return v_responses;
    when others or assert_failure then
        -- Each call for itself tells which one it was, and why.
        perform core.enter_machinery();
        return null;
end;
$$;
comment on function http.call_plural(text, text, http.call[], jsonb[], jsonb[]) is
$$Call a plural door in a subtransaction: one response a call, in order; null for those that must be called one by one, or for all
when it raised.$$;

create or replace function http.call_doors(p_calls http.call[], p_parameters text[], p_bodies text[], p_contexts jsonb[], p_skips boolean[])
returns http.response[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
    v_all http.response[] := array_fill(null::http.response, array[cardinality(p_calls)]);
    v_parameters jsonb[];
    v_bodies jsonb[];
    v_plural record;
    v_responses http.response[];
begin
    begin
        v_parameters := p_parameters::jsonb[];
        v_bodies := array(select nullif(b.body, '')::jsonb from unnest(p_bodies) with ordinality as b (body, n) order by b.n);
    exception
        when others then
            -- One of them is no JSON: each for itself finds out whether it is that one.
            return v_all;
    end;
    -- Mostly they are all of one route, and all good: then nothing has to be sorted out.
    select r.plural_function as function, r.method
    into v_plural
    from http.route as r
    where p_skips is null and r.id = p_calls[1].route_id and r.plural_function is not null and not r.reads_replica and not exists (
        select from unnest(p_calls) as c
        where c.route_id is distinct from p_calls[1].route_id or c.refusal is not null or c.is_charged
    );
    if found then
        return coalesce(http.call_plural(v_plural.function, v_plural.method, p_calls, v_parameters, v_bodies), v_all);
    end if;
    for v_plural in
        select
            r.plural_function as function, r.method, array_agg(c.ordinal order by c.ordinal) as ordinals,
            array_agg(c order by c.ordinal) as calls,
            array_agg(v_parameters[c.ordinal] order by c.ordinal) as parameters,
            array_agg(v_bodies[c.ordinal] order by c.ordinal) as bodies
        from unnest(p_calls) as c
        inner join http.route as r on r.id = c.route_id
        where r.plural_function is not null and not (r.reads_replica and p_contexts[c.ordinal] ? 'has_replica')
            and c.refusal is null and not c.is_charged and p_skips[c.ordinal] is not true
        group by r.plural_function, r.method
    loop
        v_responses := http.call_plural(
            v_plural.function, v_plural.method, v_plural.calls, v_plural.parameters, v_plural.bodies
        );
        continue when v_responses is null;
        for i in 1 .. cardinality(v_responses) loop
            v_all[v_plural.ordinals[i]] := v_responses[i];
        end loop;
    end loop;
    return v_all;
end;
$$;
comment on function http.call_doors(http.call[], text[], text[], jsonb[], boolean[]) is
$$Call the plural doors of a batch: a response a call, in order; with a null status for those that must be called one by one.

p_skips: calls that are not to be called here.$$;

create or replace function http.show_headers(p_limits text, p_headers jsonb)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when p_limits is null then coalesce(p_headers::text, '{}')
        when p_headers is null or p_headers = '{}' then '{' || p_limits || '}'
        else '{' || p_limits || ', ' || substr(p_headers::text, 2)
    end;
end;
$$;
comment on function http.show_headers(text, jsonb) is
$$Headers of an answer as JSON text: the fields of the limits (members, as text), and those of the response.$$;

create or replace function http.show_more(p_account_id uuid, p_key_id uuid, p_tier text, p_decision jsonb)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return '{' || coalesce('"account": "' || p_account_id || '", ', '') || coalesce('"key": "' || p_key_id || '", ', '')
        || '"decision": ' || case
            when p_decision is not null then (coalesce(jsonb_build_object('tier', p_tier), '{}') || p_decision)::text
            when p_tier is not null then '{"tier": "' || p_tier || '"}'
            else '{}'
        end || '}';
end;
$$;
comment on function http.show_more(uuid, uuid, text, jsonb) is
$$What the server is told about a call beside its answer: account, key, and the decision for the access record, as JSON text.$$;

-- For a call that comes alone, the set-based steps of the guard cost several times what they do (each begins a plan with
-- joins). Here they are for one call and its good end; whatever is unusual is undone, and goes the way of all calls. A call of a
-- route with a plural door is answered at once; another one is only admitted.
create or replace function http.answer_hot(
    p_request_id text,
    p_route integer,
    p_version integer,
    p_key text,
    p_address text,
    p_parameters text,
    p_body text,
    p_context jsonb,
    out status integer,
    out headers text,
    out body text,
    out hints text[],
    out more text,
    out calls http.call[],
    out is_due boolean
)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_hex text;
    v_account_id uuid;
    v_key_id uuid;
    v_salt bytea := uuid_send(gen_random_uuid());
    v_hot record;
    v_lock_timeout text := current_setting('lock_timeout');
    v_is_charged boolean := coalesce((p_context ->> 'admitted')::boolean, false);
    v_call http.call;
    v_is_first boolean;
    v_limits record;
    v_responses http.response[];
begin
    if p_key is null or length(p_key) <> 89 or p_context - '{admitted,wait_until}'::text[] <> '{}' then
        return;
    end if;
    -- As in keys.read_text(): what is no key at all raises, or fits no hash.
    v_hex := encode(decode(translate(substr(p_key, 10, 44), '-_', '+/'), 'base64'), 'hex');
    v_account_id := substr(v_hex, 1, 32)::uuid;
    v_key_id := substr(v_hex, 33, 32)::uuid;
    select
        case when not v_is_charged and p_context = '{}' then r.plural_function end as plural_function, r.method, r.lane,
        r.limit_class, r.is_metered, k.scopes, a.tier, coalesce(t.calls_per_month, 9223372036854775807) as allowed
    into v_hot
    from keys.api_key as k
    inner join identity.account as a on a.id = k.account_id
    inner join quota.tier as t on t.name = a.tier
    inner join http.route as r on r.id = p_route and r.version = p_version
    where k.account_id = v_account_id and k.id = v_key_id
        and keys.judge(
            sha256(v_salt || k.hash) = sha256(v_salt || sha256(convert_to(p_key, 'UTF8'))),
            k.revoked_at, k.expires_at, k.not_before, a.status
        ) is null
        and a.status = 'active' and r.is_enabled and r.function is not null and r.mode = 'any' and r.access = 'key'
        and (r.scopes = '{}' or r.scopes && k.scopes);
    if not found then
        return;
    end if;

    v_call := row(
        1, p_route, v_account_id, null, v_key_id, v_hot.scopes, 'platform' = any (v_hot.scopes), p_address, p_request_id,
        v_hot.tier, v_hot.limit_class, v_hot.is_metered, v_is_charged, null, null
    )::http.call;
    if v_is_charged then
        calls := array[v_call];
        return;
    end if;
    -- Where jobs have prices, their work locks what the account has spent, which others do behind its month.
    v_is_first := v_hot.plural_function is null or quota.has_prices();
    if v_hot.lane = 'alone' and v_hot.method <> 'GET' and not quota.has_prices() and limits.has_room(v_call)
        and not (v_hot.is_metered and exists (
            select from quota.usage as u
            where u.account_id = v_account_id and u.month = quota.month() and quota.is_near(u.used + 1, v_hot.allowed)
        ))
    then
        calls := array[v_call];
        is_due := true;
        return;
    end if;

    if v_is_first then
        v_limits := limits.charge_one(v_call, v_hot.allowed);
    end if;
    if v_hot.plural_function is not null then
        perform set_config('lock_timeout', '100ms', true);
        v_responses := http.call_plural(
            v_hot.plural_function, v_hot.method, array[v_call], array[p_parameters::jsonb], array[nullif(p_body, '')::jsonb]
        );
        if (v_responses[1]).status is null then
            raise exception using errcode = 'LQUND', message = 'the plural door leaves it to the single one';
        end if;
        perform set_config('lock_timeout', v_lock_timeout, true);
    end if;
    -- After the work, so that nobody who shares a bucket waits for it.
    if not v_is_first then
        v_limits := limits.charge_one(v_call, v_hot.allowed);
    end if;
    if not v_limits.is_charged then
        raise exception using errcode = 'LQUND', message = 'a limit is near, or reached';
    end if;
    if v_responses is null then
        calls := array[v_call];
        headers := v_limits.headers;
        return;
    end if;
    status := (v_responses[1]).status;
    if status >= 500 and v_hot.is_metered then
        perform quota.refund(array[v_account_id]);
    end if;
    headers := http.show_headers(v_limits.headers, (v_responses[1]).headers);
    body := (v_responses[1]).body;
    hints := core.take_hints();
    more := http.show_more(v_account_id, v_key_id, v_hot.tier, null);
exception
    when others then
        -- Undone, charges and all. The way of all calls says what is wrong, or does it.
        status := null;
        calls := null;
        perform core.enter_machinery();
end;
$$;
comment on function http.answer_hot(text, integer, integer, text, text, text, text, jsonb) is
$$Answer one call of a hot route (one with a plural door) at less cost than a batch; or only admit one of another route, or one that
was charged before: calls is then what http.guard() would give, and headers are the fields of its limits. A call of lane alone that writes
is not charged yet when is_due: that is for after its work. Both status and calls are
null, and nothing is done, when the way of all calls has to decide: the key is not good, a limit is near, the door raises.$$;

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
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_single record;
    v_is_admitted boolean := false;
    v_is_due boolean := false;
    v_is_done boolean := false;
    v_charge record;
    v_actor text;
    v_calls http.call[];
    v_call http.call;
    v_route http.route;
    v_verdicts limits.verdict[];
    v_verdict limits.verdict;
    v_is_limiter_broken boolean := false;
    v_is_quota_broken boolean := false;
    v_has_continued boolean;
    v_is_continued boolean;
    v_bears_keys boolean;
    v_keys text[];
    v_fingerprints bytea[];
    v_opened record;
    v_replays http.response[];
    v_answers http.response[];
    v_quotas quota.charge[];
    v_charged limits.charged[];
    v_lock_timeout text := current_setting('lock_timeout');
    v_responses http.response[];
    v_response http.response;
    v_hints text[];
    v_first bigint;
    v_more jsonb;
    v_done_sensitive jsonb := '[]';
    v_refunds uuid[] := '{}';
    v_is_stopped boolean := false;
    v_state text;
    v_message text;
    v_detail text;
    v_hint text;
    v_constraint text;
    v_schema text;
    v_context text;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception using errcode = 'LQ500', message = 'calls are answered at the isolation level read committed only';
    end if;
    perform core.enter_machinery();
    if cardinality(p_routes) = 1 then
        select a.* into v_single
        from http.answer_hot(
            p_request_ids[1], p_routes[1], p_versions[1], p_keys[1], p_addresses[1], p_parameters[1], p_bodies[1], p_contexts[1]
        ) as a;
        if v_single.status is not null then
            return query select
                1, 'done', v_single.status, v_single.headers, v_single.body, v_single.hints, v_single.more;
            return;
        end if;
        v_is_admitted := v_single.calls is not null;
        v_is_due := v_single.is_due is true;
    end if;

    if v_is_admitted then
        v_calls := v_single.calls;
        v_verdicts := array[row(false, v_single.headers, null, null, null, null)::limits.verdict];
    else
        v_calls := http.guard(p_routes, p_versions, p_keys, p_addresses, p_request_ids, p_contexts);
        if v_calls is null then
            return;
        end if;
    end if;
    v_context := p_contexts::text;
    v_bears_keys := strpos(v_context, 'idempotency_key') > 0;
    v_has_continued := strpos(v_context, 'continue') > 0;
    if v_has_continued then
        v_calls := http.resume_calls(v_calls, p_contexts);
    end if;
    if v_bears_keys then
        v_keys := array_fill(null::text, array[cardinality(v_calls)]);
        v_fingerprints := array_fill(null::bytea, array[cardinality(v_calls)]);
        v_replays := array_fill(null::http.response, array[cardinality(v_calls)]);
        v_answers := v_replays;
        for v_opened in
            select o.* from http.open_idempotent(v_calls, p_contexts, p_request_ids, p_parameters, p_bodies) as o
        loop
            if v_opened.verdict = 'new' then
                v_keys[v_opened.ordinal] := v_opened.key;
                v_fingerprints[v_opened.ordinal] := v_opened.fingerprint;
            else
                -- It costs tokens of the rate limits, and none of the month's calls.
                v_calls[v_opened.ordinal].is_metered := false;
                v_replays[v_opened.ordinal] := row(
                    v_opened.status, v_opened.headers, v_opened.body, null, null, v_opened.reveal
                )::http.response;
            end if;
        end loop;
    end if;
    if not v_is_admitted and not v_bears_keys and not v_has_continued then
        -- Nearly always there is room for all. Then the buckets that everybody shares are charged after the work, and held for
        -- little more than the commit; else all of this is undone, and the calls are decided before they are called.
        begin
            v_quotas := quota.charge_all(v_calls);
            v_charged := limits.charge_buckets(v_calls, false);
            perform set_config('lock_timeout', '100ms', true);
            -- A call that comes alone was tried by http.answer_hot, and is none for a plural door.
            if cardinality(v_calls) > 1 then
                v_responses := http.call_doors(v_calls, p_parameters, p_bodies, p_contexts, null);
            end if;
            perform set_config('lock_timeout', v_lock_timeout, true);
            v_verdicts := limits.tell(v_calls, v_charged || limits.charge_buckets(v_calls, true), v_quotas);
        exception
            when deadlock_detected or lock_not_available then
                -- The server sends each call again, alone.
                raise;
            when others then
                v_verdicts := null;
                v_responses := null;
                perform core.enter_machinery();
        end;
    end if;
    if v_verdicts is null and not v_is_admitted then
        begin
            v_verdicts := limits.admit_many(v_calls);
        exception
            when others then
                get stacked diagnostics
                    v_state = returned_sqlstate, v_message = message_text, v_context = pg_exception_context;
                -- A lock that others hold is no fault of the limiter: the server sends each call again, alone.
                if v_state in ('40P01', '55P03') then
                    raise;
                end if;
                v_is_limiter_broken := true;
                begin
                    v_verdicts := limits.admit_without_buckets(v_calls);
                exception
                    when others then
                        -- Not even the month can be counted: nothing goes on.
                        v_is_quota_broken := true;
                        v_verdicts := array_fill(null::limits.verdict, array[cardinality(v_calls)]);
                end;
                raise warning 'the rate limiter failed: % %', v_state, v_message using detail = v_context;
        end;
    end if;
    -- What the guard itself announced goes out with the first answer.
    v_hints := core.take_hints();
    -- The guard waits for other guards, which are short. A call that meets a lock must not hold up the others, of its batch
    -- and of the buckets it holds: it is sent again, alone and admitted, and may wait longer then.
    if cardinality(v_calls) > 1 or not v_calls[1].is_charged then
        perform set_config('lock_timeout', '100ms', true);
    end if;

    -- All calls of a hot route at once.
    if v_responses is null and cardinality(v_calls) > 1 and not v_is_limiter_broken then
        v_responses := http.call_doors(v_calls, p_parameters, p_bodies, p_contexts, array(
            select (v_verdicts[c.ordinal]).is_refused is true or (v_replays[c.ordinal]).status is not null
            from unnest(v_calls) as c
            order by c.ordinal
        ));
        v_hints := v_hints || core.take_hints();
    end if;
    if v_responses is not null then
        select min(a.place) into v_first
        from unnest(v_responses) with ordinality as a (status, headers, body, wait_for, wait_until, reveal, place)
        where a.status is not null;
        return query
        select
            g.ordinal, 'done', g.status, http.show_headers(g.limits, g.headers), g.body,
            case when g.place = v_first then v_hints else '{}' end,
            http.show_more(g.account_id, g.key_id, g.tier, g.decision)
        from rows from (
            unnest(v_calls), unnest(v_responses), unnest(v_verdicts)
        ) with ordinality as g (
            ordinal, route_id, account_id, user_id, key_id, scopes, sees_all, address, request_id, tier,
            limit_class, is_metered, is_charged, refusal, refusal_more,
            status, headers, body, wait_for, wait_until, reveal,
            is_refused, limits, decision, violated, retry_after, deny, place
        )
        where g.status is not null;
        if v_first is not null then
            v_hints := '{}';
        end if;
        for i in 1 .. cardinality(v_responses) loop
            continue when v_responses[i].status is null;
            -- After a timeout nothing bounds the statement any more.
            v_is_stopped := v_is_stopped or v_responses[i].status = 503;
            if v_responses[i].status >= 500 and v_calls[i].is_metered then
                v_refunds := v_refunds || v_calls[i].account_id;
            end if;
            if v_bears_keys then
                v_answers[i] := v_responses[i];
            end if;
        end loop;
    end if;

    for i in 1 .. coalesce(cardinality(v_calls), 0) loop
        continue when (v_responses[i]).status is not null;
        v_call := v_calls[i];
        v_verdict := v_verdicts[i];
        call := i;
        status := null;
        headers := null;
        body := null;
        hints := '{}';
        v_response := null;
        v_more := http.show_more(v_call.account_id, v_call.key_id, v_call.tier, v_verdict.decision)::jsonb;
        select r.* into v_route from http.route as r where r.id = v_call.route_id;
        v_is_continued := v_has_continued and p_contexts[i] ? 'continue';

        if v_call.refusal = 'stale' then
            outcome := 'stale';
        elsif v_call.refusal is not null or v_verdict.is_refused
            or v_is_limiter_broken and not v_is_continued and (v_call.limit_class is not null or v_call.is_metered)
                and (v_route.when_limiter_fails = 'closed' or v_is_quota_broken and v_call.is_metered)
        then
            -- Also behind a call that ended the batch: what is sent again counts as admitted.
            outcome := 'done';
            perform core.set_caller(null, null, null, null, null, null, p_request_ids[i]);
            if v_call.refusal is not null then
                v_response := http.problem(
                    v_call.refusal, case v_call.refusal when 'LQ404' then 'no such path or account' else 'refused' end,
                    p_more => (v_call.refusal_more)::text
                );
            elsif v_verdict.is_refused is not true then
                v_response := http.problem('LQ503', 'the rate limiter does not work just now');
            else
                v_response := limits.refuse(v_verdict, v_call);
                v_more := v_more || coalesce(limits.show_memory(v_verdict, v_call), '{}');
            end if;
        elsif (v_replays[i]).status is not null then
            outcome := 'done';
            v_response := v_replays[i];
            if v_response.headers ? 'Idempotent-Replayed' then
                v_more := jsonb_set(v_more, '{decision, flags}', '["replayed"]');
            end if;
            if v_response.reveal is not null then
                v_more := v_more || jsonb_build_object('reveal', v_response.reveal);
            end if;
        elsif v_is_stopped then
            outcome := 'again';
        elsif v_route.reads_replica and p_contexts[i] ? 'has_replica' then
            outcome := 'replica';
            body := jsonb_build_object(
                'call', to_jsonb(v_call), 'version', v_route.version, 'limits', v_verdict.headers, 'more', v_more
            )::text;
        else
            if v_is_limiter_broken and (v_call.limit_class is not null or v_call.is_metered) then
                v_more := jsonb_set(v_more, '{decision, flags}', '["limiter-failed-open"]');
            end if;
            -- What happens in this block is undone when it ends with an error; the variables keep what they got.
            begin
                perform http.enter_call(v_call, p_user_agents[i]);
                if p_contexts[i] ? 'wait_until' then
                    perform set_config('levqor.wait_until', p_contexts[i] ->> 'wait_until', true);
                end if;
                outcome := 'done';
                if v_route.method = 'GET' then
                    perform set_config('transaction_read_only', 'on', true);
                end if;
                if v_is_continued then
                    v_response := http.call_continued(p_contexts[i] -> 'continue');
                else
                    v_response := http.call_single(v_route, p_parameters[i]::jsonb, nullif(p_bodies[i], '')::jsonb);
                end if;
                if v_route.is_sensitive then
                    v_actor := core.current_actor();
                end if;
                if v_route.method = 'GET' then
                    -- Read-only can not be switched off again but by undoing the subtransaction.
                    raise exception using errcode = 'LQUND', message = 'end of a reading call';
                end if;
                set constraints all immediate;
                set constraints all deferred;
                hints := core.take_hints();
                if v_is_due then
                    -- Work of the lane alone may take long, and its key's and account's other calls would wait for it.
                    perform core.enter_machinery();
                    perform set_config('lock_timeout', v_lock_timeout, true);
                    v_charge := limits.charge_one(v_call, quota.find_allowed(v_call.account_id));
                    if not v_charge.is_charged then
                        raise exception using errcode = 'LQUND', message = 'a limit is near, or reached';
                    end if;
                    v_verdict.headers := v_charge.headers;
                end if;
                v_is_done := true;
            exception
                when sqlstate 'LQUND' then
                    null;
                when deadlock_detected or lock_not_available or serialization_failure then
                    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
                    outcome := 'again';
                    v_response := null;
                    hints := '{}';
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
            -- The work is undone, but was done: it is charged. What has no room is for the way of all calls.
            if v_is_due and not v_is_done then
                perform core.enter_machinery();
                perform set_config('lock_timeout', v_lock_timeout, true);
                begin
                    v_charge := limits.charge_one(v_call, quota.find_allowed(v_call.account_id));
                    if not v_charge.is_charged then
                        raise exception using errcode = 'LQUND', message = 'a limit is near, or reached';
                    end if;
                    v_verdict.headers := v_charge.headers;
                exception
                    when deadlock_detected or lock_not_available then
                        raise;
                    when others then
                        -- A call that took too long is not made again: nothing bounds the statement any more.
                        if v_more ->> 'sqlstate' is distinct from '57014' then
                            return query select h.*
                            from http.handle_many(
                                p_request_ids, p_routes, p_versions, p_keys, p_addresses, p_user_agents, p_parameters, p_bodies,
                                array[p_contexts[1] || '{"is_near_limit": true}']
                            ) as h;
                            return;
                        end if;
                        v_call.is_metered := false;
                        v_verdict.headers := null;
                end;
            end if;
            if outcome = 'done' and v_response.status is null and v_response.wait_for is null then
                perform core.set_caller(null, null, null, null, null, null, p_request_ids[i]);
                v_response := http.problem('LQ500', 'the function answered nothing');
                v_more := v_more || jsonb_build_object('sqlstate', 'LQ500', 'fault', jsonb_build_object(
                    'message', format('%s answered nothing', v_route.function)
                ));
            end if;
            if v_response.wait_for = '{call-out}' then
                outcome := 'call';
                v_more := v_more || jsonb_build_object('call_out', v_response.body::jsonb || jsonb_build_object(
                    'caller', jsonb_strip_nulls(to_jsonb(v_call)),
                    'round', coalesce((p_contexts[i] #>> '{continue,round}')::integer, 0) + 1
                ));
            elsif v_response.wait_for is not null then
                outcome := 'wait';
                v_more := v_more || jsonb_build_object(
                    'wait_for', v_response.wait_for, 'wait_until', v_response.wait_until,
                    'wait_seconds', extract(epoch from v_response.wait_until - core.real_now())
                );
            end if;
            if v_response.reveal is not null then
                v_more := v_more || jsonb_build_object('reveal', v_response.reveal);
            end if;
            if v_bears_keys and outcome <> 'again' then
                v_answers[i] := v_response;
            end if;
            if outcome = 'done' and v_response.status < 400 and v_route.is_sensitive then
                v_done_sensitive := v_done_sensitive
                    || jsonb_build_object(
                        'request', p_request_ids[i], 'route', v_route.id, 'actor', v_actor
                    );
            end if;
            if outcome = 'done' and v_response.status >= 500 and v_call.is_metered and v_call.refusal is null
                and not v_is_quota_broken
            then
                v_refunds := v_refunds || v_call.account_id;
            end if;
        end if;

        more := v_more::text;
        hints := v_hints || hints;
        v_hints := '{}';
        if outcome = 'done' then
            status := v_response.status;
            headers := http.show_headers(
                coalesce(v_verdict.headers, case
                    when v_call.limit_class is not null and not v_is_limiter_broken then limits.peek(v_call)
                end),
                v_response.headers
            );
            body := v_response.body;
        end if;
        return next;
    end loop;

    if v_done_sensitive <> '[]' or v_refunds <> '{}' or v_bears_keys then
        perform core.enter_machinery();
        if v_bears_keys then
            perform http.settle_idempotent(v_calls, p_request_ids, v_keys, v_fingerprints, v_answers);
        end if;
        perform audit.note_sensitive_calls(v_done_sensitive);
        perform quota.refund(v_refunds);
    end if;
end;
$$;
comment on function http.handle_many(text[], integer[], integer[], text[], text[], text[], text[], text[], jsonb[]) is
$$Answer many calls in one statement and one commit. The server's only way in; this signature never changes.

One array element a call: request id; route and its version, as http.load_routes() gave them; API key; address; user agent;
parameters (JSON object text of path and query); body (JSON text, or null); context (JSON: account to act for, admitted: true
when this call was charged before, wait_until of a parked call, idempotency_key, has_replica: true when the server has one, continue
of a call that called out: it names the caller, so whoever may execute this function is trusted with every account).

One row a call. outcome: done (status, headers as JSON, body); stale (load the routes again and send again); again (send again,
admitted, alone if it bears a sqlstate); wait (more.wait_for, more.wait_until); call (send more.call_out.request to the outside, then
send the call again, admitted, with context.continue: more.call_out and the outcome); replica (hand the body to http.read_many() there). hints: TOPIC tab COUNT. more: JSON with account,
key, sqlstate, fault (for the log, never for the client), reveal, decision (for the access record), deny (of a refusal that the server
may repeat from memory: limits.show_memory()).$$;
grant execute on function http.handle_many(
    text[], integer[], integer[], text[], text[], text[], text[], text[], jsonb[]
) to levqor_server;
