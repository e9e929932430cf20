-- Calls to the outside before an answer: a door answers with a request and the name of a function, its transaction
-- commits, the server sends the request with no connection held, and the function makes the answer from what came back.
--
-- Between the two statements only the server's memory knows of it. What has to happen although a server dies in between
-- belongs into the outbox.

create or replace function http.find_signer_fault(p_signer jsonb)
returns text
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_scheme text := p_signer ->> 'scheme';
    v_needed text[];
    v_taken text[];
    v_name text;
begin
    if jsonb_typeof(p_signer) is distinct from 'object' then
        return 'a signer is an object with a scheme';
    end if;
    case v_scheme
        when 'bearer', 'url', 'url-part' then
            v_needed := '{credential}';
        when 'basic' then
            v_needed := '{credential,user}';
        when 'header' then
            v_needed := '{credential,name}';
        when 'hmac-sha256' then
            v_needed := '{credential,header}';
            v_taken := '{prefix,encoding,content,timestamp_header}';
        when 'google-service-account' then
            v_needed := '{credential}';
            v_taken := '{subject}';
        else
            return format('the signer''s scheme %s is not known', coalesce(v_scheme, 'null'));
    end case;
    foreach v_name in array v_needed loop
        if coalesce(p_signer ->> v_name, '') = '' or jsonb_typeof(p_signer -> v_name) <> 'string' then
            return format('a signer %s needs the text %s', v_scheme, v_name);
        end if;
    end loop;
    if p_signer ->> 'credential' !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' then
        return 'the name of a credential has 1 to 64 letters, digits, dots, hyphens and underscores';
    end if;
    if v_scheme = 'google-service-account' and (
        jsonb_typeof(p_signer -> 'scopes') is distinct from 'array' or p_signer -> 'scopes' = '[]'
    ) then
        return 'a signer google-service-account needs an array scopes';
    end if;
    if v_scheme = 'hmac-sha256' then
        if p_signer ->> 'encoding' not in ('hex', 'base64') then
            return 'the encoding of a signer hmac-sha256 is hex or base64';
        end if;
        if p_signer ->> 'content' not in ('body', 'timestamp.body') then
            return 'the content of a signer hmac-sha256 is body or timestamp.body';
        end if;
        if p_signer ->> 'content' = 'timestamp.body' and p_signer ->> 'timestamp_header' is null
            and strpos(coalesce(p_signer ->> 'prefix', ''), '{timestamp}') = 0
        then
            return 'a signer hmac-sha256 over timestamp.body needs a timestamp_header, or {timestamp} in its prefix';
        end if;
    end if;
    select k.name into v_name
    from jsonb_object_keys(p_signer) as k (name)
    where k.name not in ('scheme', 'scopes') and not k.name = any (v_needed || v_taken)
        or k.name = 'scopes' and v_scheme <> 'google-service-account'
    order by k.name
    limit 1;
    if v_name is not null then
        return format('a signer %s knows no %s', v_scheme, v_name);
    end if;
    return null;
end;
$$;
comment on function http.find_signer_fault(jsonb) is
$$What is wrong with a signer, as a clause; null when nothing is.

A signer says how the server signs a request when it sends it, with a credential that it knows by name: scheme bearer; basic
(user); header (name); hmac-sha256 (header, prefix, encoding hex or base64, content body or timestamp.body,
timestamp_header); google-service-account (scopes, subject); url (the credential is the whole URL); url-part (it takes the place
of {credential} in the URL).$$;

create or replace function http.find_continuation(p_name text)
returns regprocedure
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_function regprocedure;
begin
    if p_name ~ '^api\.[a-z_][a-z0-9_]*$' then
        v_function := to_regprocedure(p_name || '(jsonb, jsonb)');
    end if;
    if v_function is null or not exists (
        select from pg_proc as p where p.oid = v_function and p.prorettype = 'http.response'::regtype
    ) then
        raise exception using
            errcode = 'LQ500',
            message = format('the continuation %s(p_state jsonb, p_outcome jsonb) returning http.response does not exist', p_name),
            hint = 'Name a function of the schema api.';
    end if;
    return v_function;
end;
$$;
comment on function http.find_continuation(text) is
$$The function that continues a request, by its name in api. Raises LQ500 when there is none that takes (jsonb, jsonb) and returns
http.response.$$;

create or replace function http.call_out(p_request jsonb, p_continue text, p_state jsonb default '{}')
returns http.response
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_fault text;
    v_name text;
    v_body text := p_request ->> 'body';
    v_headers jsonb := coalesce(nullif(p_request -> 'headers', 'null'), '{}');
    v_method text := coalesce(p_request ->> 'method', case when v_body is null then 'GET' else 'POST' end);
    v_timeout jsonb := coalesce(nullif(p_request -> 'timeout_ms', 'null'), '10000');
    v_signer jsonb := nullif(p_request -> 'signer', 'null');
begin
    perform http.find_continuation(p_continue);
    select k.name into v_name
    from jsonb_object_keys(case when jsonb_typeof(p_request) = 'object' then p_request else '{}' end) as k (name)
    where k.name not in ('method', 'url', 'headers', 'body', 'signer', 'timeout_ms')
    limit 1;
    v_fault := case
        when jsonb_typeof(p_request) is distinct from 'object' then 'the request is no object'
        when v_name is not null then format('the request has a member %s, which is not known', v_name)
        when v_method not in ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE') then 'the method is not known'
        when v_signer is not null then http.find_signer_fault(v_signer)
    end;
    v_fault := coalesce(v_fault, case
        when coalesce(p_request ->> 'url', '') !~ '^https?://' and v_signer ->> 'scheme' is distinct from 'url'
            then 'the url is no http or https URL'
        when jsonb_typeof(v_headers) <> 'object' or exists (
            select from jsonb_each(case when jsonb_typeof(v_headers) = 'object' then v_headers else '{}' end) as h
            where jsonb_typeof(h.value) <> 'string'
        ) then 'the headers are no object of texts'
        when length(v_body) > 1048576 then 'the body is longer than 1 MiB'
        when jsonb_typeof(v_timeout) <> 'number' then 'timeout_ms is no number'
        when v_timeout::numeric < 1 or v_timeout::numeric > 30000 then 'timeout_ms is not from 1 to 30000'
        when length(p_state::text) > 65536 then 'the state is longer than 64 KiB'
    end);
    if v_fault is not null then
        raise exception using errcode = 'LQ500', message = 'a call-out is not well formed: ' || v_fault;
    end if;
    if jsonb_typeof(p_request -> 'body') in ('object', 'array') and not exists (
        select from jsonb_object_keys(v_headers) as h (name) where lower(h.name) = 'content-type'
    ) then
        v_headers := v_headers || '{"Content-Type": "application/json"}';
    end if;
    return row(
        null, null,
        jsonb_build_object(
            'request', jsonb_strip_nulls(jsonb_build_object(
                'method', v_method, 'url', coalesce(p_request ->> 'url', 'https://credential.invalid/'),
                'body', v_body, 'signer', v_signer, 'timeout_ms', v_timeout::numeric::integer
            )) || jsonb_build_object('headers', v_headers),
            'function', p_continue, 'state', coalesce(p_state, 'null')
        )::text,
        '{call-out}'::text[], core.now() + make_interval(secs => v_timeout::numeric::double precision / 1000), null
    )::http.response;
end;
$$;
comment on function http.call_out(jsonb, text, jsonb) is
$$Answer later: ask the server to send a request to the outside first, and to have the answer made by another function.

What the call has done is committed; no transaction is open and no connection is held while the outside answers. Then the server
calls p_continue in the same request, account and user, and does not charge it again. It may answer, wait, or call out again, three
times in all. A call-out is not repeated, and is lost when the server dies: what has to happen goes through the outbox.

p_request: {"method", "url", "headers", "body", "signer", "timeout_ms"}. method: by default GET, and POST with a body. body: a text,
sent byte for byte, or an object or array, sent as JSON. signer: see http.find_signer_fault(). timeout_ms: for all of it, 1 to
30000, by default 10000. Addresses that are private are refused, redirects are not followed, 64 KiB of the answer are read.

p_continue: name of a function api.NAME(p_state jsonb, p_outcome jsonb) that returns http.response, in the transaction rules of
the route. p_outcome: {"state", "status", "headers", "body", "is_truncated", "kind", "error"}. state: done for a status from 200 to
299, else dead. status is null when no answer came; then kind says why (timeout, connect, address_refused, credential_missing, busy
…). headers: by name in lower case.

p_state: what the continuation needs to know, up to 64 KiB. It never leaves the server.

Raises LQ500 for a continuation that does not exist and for a request that is not well formed, and then nothing is sent.$$;

create or replace function http.refuse_call_out(p_outcome jsonb)
returns http.response
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when p_outcome ->> 'kind' in ('busy', 'shutdown') then http.problem(
            'LQ503', 'the service that this needs could not be asked just now', p_hint => 'Send the same again in a second.'
        )
        when p_outcome ->> 'kind' = 'timeout' then http.problem(
            'LQGTO', 'the service that this needs did not answer in time', 'It may have done its part.'
        )
        when p_outcome ->> 'status' is not null then http.problem(
            'LQBGW', 'the service that this needs refused', format('It answered %s.', p_outcome ->> 'status')
        )
        else http.problem('LQBGW', 'the service that this needs could not be reached')
    end;
end;
$$;
comment on function http.refuse_call_out(jsonb) is
$$The answer when a call-out did not end well, for continuations that have none of their own: 503 when it was not sent (too many at
once, or the server stops), 504 when the time was over, 502 for everything else.

p_outcome: as the continuation got it. Of the outside's own words nothing is shown.$$;

create or replace function http.resume_calls(p_calls http.call[], p_contexts jsonb[])
returns http.call[]
language sql
stable
security invoker
as $$
    select pg_catalog.array_agg(
        case
            when p_contexts[c.ordinal] ? 'continue' then pg_catalog.jsonb_populate_record(
                null::http.call,
                (p_contexts[c.ordinal] #> '{continue,caller}') || pg_catalog.jsonb_build_object(
                    'ordinal', c.ordinal, 'is_charged', true
                )
            )
            else c
        end
        order by c.ordinal
    )
    from pg_catalog.unnest(p_calls) as c
$$;
comment on function http.resume_calls(http.call[], jsonb[]) is
$$Put those who called out back into their places, as they were let in then: a key that was revoked in between, or a route that was
switched off, does not keep a continuation from recording what the outside has done.$$;

create or replace function http.call_continued(p_continue jsonb)
returns http.response
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_response http.response;
begin
    perform http.find_continuation(p_continue ->> 'function');
    execute format('select * from %s($1, $2)', p_continue ->> 'function')
    into v_response
    using p_continue -> 'state', p_continue -> 'outcome';
    if v_response.wait_for = '{call-out}' and (p_continue ->> 'round')::integer > 3 then
        raise exception using
            errcode = 'LQ500',
            message = format('%s called out: continuations may do so three times in a request', p_continue ->> 'function');
    end if;
    return v_response;
end;
$$;
comment on function http.call_continued(jsonb) is
$$Call the function that continues a request after a call-out, with its state and the outcome. Raises what it raises, and LQ500 for
the fourth call-out of continuations.$$;

select core.seed_error_codes('[
  {"sqlstate": "LQBGW", "status": 502, "slug": "bad-gateway", "title": "A service that this needs failed", "is_shown": true},
  {"sqlstate": "LQGTO", "status": 504, "slug": "gateway-timeout", "title": "A service that this needs did not answer in time",
      "is_shown": true}
]');
