-- What doors answer with.

create or replace function http.json(p_status integer, p_body jsonb, p_headers jsonb default null)
returns http.response
language sql
immutable
security invoker
as $$
    select row(p_status, p_headers, p_body::text, null, null, null)::http.response
$$;
comment on function http.json(integer, jsonb, jsonb) is
$$Answer with JSON. p_headers: object of header names to values; a value may be an array.$$;

create or replace function http.text(p_status integer, p_content_type text, p_body text, p_headers jsonb default '{}')
returns http.response
language sql
immutable
security invoker
as $$
    select row(
        p_status, p_headers || pg_catalog.jsonb_build_object('Content-Type', p_content_type), p_body, null, null, null
    )::http.response
$$;
comment on function http.text(integer, text, text, jsonb) is
$$Answer with a text of another content type, such as text/html; charset=utf-8.$$;

create or replace function http.no_content()
returns http.response
language sql
immutable
security invoker
as $$
    select row(204, null, null, null, null, null)::http.response
$$;
comment on function http.no_content() is
$$Answer 204 without a body.$$;

create or replace function http.wait(p_topics text[], p_until timestamptz)
returns http.response
language sql
immutable
security invoker
as $$
    select row(null, null, null, p_topics, p_until, null)::http.response
$$;
comment on function http.wait(text[], timestamptz) is
$$Ask the server to park the request, with no connection held, and to call again on a hint, on a poll, or at the end.

p_topics: as in core.hint; a part may be *. p_until: the end, which the next call finds in http.wait_until(); from then on it
must answer.$$;

create or replace function http.need_secrets(p_names text[])
returns http.response
language sql
stable
security invoker
as $$
    select row(null, null, null, '{secrets}'::text[] || p_names, core.now(), null)::http.response
$$;
comment on function http.need_secrets(text[]) is
$$Ask the server for the values of secrets that it holds, and to call again with them at once: only of routes that take a raw body,
whose argument p_secrets has them as a JSON object by name.

p_names: credential/NAME, a credential of the server's environment; derived/NAME, a secret that it derives from its master key. One
that the server does not have is null in p_secrets. Nothing of the first call stays but what it wrote; a second such answer is
refused with 503.$$;

create or replace function http.wait_until()
returns timestamptz
language sql
stable
security invoker
as $$
    select nullif(pg_catalog.current_setting('levqor.wait_until', true), '')::timestamptz
$$;
comment on function http.wait_until() is
$$The end that this request asked to wait for when it was parked; null when it was not.$$;

create or replace function http.problem(
    p_sqlstate text,
    p_message text,
    p_detail text default null,
    p_hint text default null,
    p_more text default null,
    p_constraint text default null,
    p_headers jsonb default null
)
returns http.response
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_code core.error_code;
    v_detail text;
    v_problem jsonb;
begin
    select e.* into v_code
    from core.error_code as e
    where e.sqlstate in (p_sqlstate, left(p_sqlstate, 2))
    order by length(e.sqlstate) desc
    limit 1;
    if not found then
        select e.* into v_code from core.error_code as e where e.sqlstate = 'LQ500';
    end if;

    if v_code.is_shown then
        v_detail := upper(left(p_message, 1)) || substring(p_message from 2) || '.'
            || coalesce(' ' || nullif(p_detail, ''), '');
    elsif p_constraint <> '' then
        -- A constraint's name states its rule, in words that tell nothing but the rule.
        v_detail := 'Rule: '
            || replace(regexp_replace(p_constraint, '_(check|key|fkey|pkey|idx)$', ''), '_', ' ') || '.';
    end if;

    v_problem := jsonb_strip_nulls(jsonb_build_object(
        'type', '/problems/' || v_code.slug,
        'title', v_code.title,
        'status', v_code.status,
        'detail', v_detail,
        'hint', case when v_code.is_shown then nullif(p_hint, '') end,
        'code', v_code.slug,
        'request_id', core.current_request()
    ));
    if v_code.is_shown and p_more <> '' then
        v_problem := v_problem || p_more::jsonb;
    end if;
    return row(
        v_code.status,
        jsonb_build_object('Content-Type', 'application/problem+json')
            || case when v_code.status = 503 then '{"Retry-After": "1"}'::jsonb else '{}' end
            || case when v_code.status = 401 then '{"WWW-Authenticate": "ApiKey realm=\"levqor\""}'::jsonb else '{}' end
            || coalesce(p_headers, '{}'),
        v_problem::text, null, null, null
    )::http.response;
end;
$$;
comment on function http.problem(text, text, text, text, text, text, jsonb) is
$$Render an error as an RFC 9457 problem, by core.error_code.

Codes that are not shown tell neither message nor detail, only, for a violated constraint, the rule in its name. p_more:
JSON object whose members are added. An unknown SQLSTATE is rendered as LQ500.$$;
