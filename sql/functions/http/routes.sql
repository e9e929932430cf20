-- Routes are rows; this is how files register them and how the server reads them.

create or replace trigger route_notes_local_columns
before update on http.route
for each row execute function core.note_local_columns();

create or replace trigger shared_schema_notes_local_columns
before update on http.shared_schema
for each row execute function core.note_local_columns();

create or replace function http.raise_route_version()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    new.version := old.version + 1;
    return new;
end;
$$;
comment on function http.raise_route_version() is
$$Trigger: a changed route gets a new version, so that calls by the old one are answered stale.$$;

create or replace trigger route_raises_version
before update on http.route
for each row when (old.* is distinct from new.*) execute function http.raise_route_version();

create or replace function http.tell_route_change()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('levqor', E'routes\t1');
    return null;
end;
$$;
comment on function http.tell_route_change() is
$$Trigger: tell the servers that routes changed. It is a hint: a call by an old version is answered stale in any case.$$;

create or replace trigger route_change_is_told
after insert or update or delete on http.route
for each statement execute function http.tell_route_change();

create or replace function http.register_route(
    p_method text,
    p_path text,
    p_function text,
    p_access text default 'key',
    p_scopes text[] default '{}',
    p_lane text default 'gathered',
    p_timeout_ms integer default 5000,
    p_body_cap integer default 524288,
    p_limit_class text default null,
    p_mode text default 'any',
    p_is_sensitive boolean default false,
    p_request_schema jsonb default null,
    p_parameters jsonb default '{}',
    p_responses jsonb default '{}',
    p_domain text default null,
    p_plural_function text default null,
    p_is_metered boolean default false,
    p_when_limiter_fails text default 'closed',
    p_constant jsonb default null,
    p_body_kind text default 'json'
)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select core.seed('http.route', array['method', 'path'], jsonb_build_object(
        'method', p_method, 'path', p_path, 'function', p_function,
        'domain', coalesce(p_domain, split_part(p_path, '/', 4), ''),
        'access', p_access, 'scopes', p_scopes, 'lane', p_lane, 'timeout_ms', p_timeout_ms, 'body_cap', p_body_cap,
        'limit_class', p_limit_class, 'mode', p_mode, 'is_sensitive', p_is_sensitive,
        'request_schema', p_request_schema, 'parameters', p_parameters, 'responses', p_responses,
        'plural_function', p_plural_function, 'is_metered', p_is_metered, 'when_limiter_fails', p_when_limiter_fails,
        'constant', p_constant, 'body_kind', p_body_kind
    ))
$$;
comment on function http.register_route(
    text, text, text, text, text[], text, integer, integer, text, text, boolean, jsonb, jsonb, jsonb, text, text, boolean,
    text, jsonb, text
) is
$$Register a route of the product, beside its function. Repeatable; keeps what an operator changed.

The arguments are the columns of http.route. JSON members, path parts and query parameters reach the function as the
arguments p_NAME; one left out takes the argument's default; an argument p_body takes the whole body.$$;

create or replace function http.register_schema(p_name text, p_definition jsonb)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select core.seed(
        'http.shared_schema', array['name'], jsonb_build_object('name', p_name, 'definition', p_definition)
    )
$$;
comment on function http.register_schema(text, jsonb) is
$$Register a JSON Schema that routes refer to as #/components/schemas/NAME. Repeatable.$$;

create or replace view http.route_argument as
select
    r.id as route_id,
    a.ordinal::integer as ordinal,
    substring(a.name from 3) as name,
    pg_catalog.format_type(a.type, null) as type,
    a.ordinal > p.pronargs - p.pronargdefaults as has_default
from http.route as r
join pg_catalog.pg_proc as p
    on p.oid = pg_catalog.to_regproc(r.function)
cross join lateral unnest(p.proargnames::text[], p.proargtypes::oid[]) with ordinality as a (name, type, ordinal)
where a.ordinal <= p.pronargs;
comment on view http.route_argument is 'Arguments of the routes'' functions, as the catalog has them.';
comment on column http.route_argument.route_id is 'the route';
comment on column http.route_argument.ordinal is 'place in the function''s arguments, from 1';
comment on column http.route_argument.name is 'without the leading p_: as clients send it';
comment on column http.route_argument.type is 'SQL type';
comment on column http.route_argument.has_default is 'whether it may be left out';

create or replace function http.find_bad_routes()
returns table (route text, reason text)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select r.method || ' ' || r.path, b.reason
    from http.route as r
    left join pg_proc as p on p.oid = to_regproc(r.function)
    cross join lateral (
        select 'the function ' || r.function || ' does not exist, or exists more than once'
        where p.oid is null and r.function is not null
        union all
        select 'the function ' || r.plural_function || '(http.call[], jsonb[], jsonb[]) returning http.response[] does not exist'
        where r.plural_function is not null and not exists (
            select from pg_proc as m
            where m.oid = to_regprocedure(r.plural_function || '(http.call[], jsonb[], jsonb[])')
                and m.prorettype = 'http.response[]'::regtype
                and (r.method <> 'GET' or m.provolatile <> 'v')
        )
        union all
        select 'the function ' || r.function || ' does not return http.response'
        where p.prorettype <> 'http.response'::regtype
        union all
        select 'a GET must call a STABLE or IMMUTABLE function' where r.method = 'GET' and p.provolatile = 'v'
        union all
        select 'the path part {' || m.part[1] || '} is no argument p_' || m.part[1] || ' of ' || r.function
        from regexp_matches(r.path, '\{([a-z0-9_]+)\}', 'g') as m (part)
        where p.oid is not null and not 'p_' || m.part[1] = any (coalesce(p.proargnames, '{}'))
        union all
        select 'the argument ' || a.name || ' of ' || r.function || ' does not start with p_'
        from unnest(p.proargnames) as a (name)
        where a.name not like 'p\_%'
        union all
        select 'it takes a body but has no request_schema'
        where r.method in ('PUT', 'PATCH') and r.request_schema is null and r.body_kind = 'json'
        union all
        select 'it takes a raw body, and ' || r.function || ' has no argument ' || n.name || ' ' || n.type
        from (values ('body', 'bytea'), ('headers', 'jsonb'), ('secrets', 'jsonb')) as n (name, type)
        where r.body_kind = 'raw' and p.oid is not null and not exists (
            select from http.route_argument as a where a.route_id = r.id and a.name = n.name and a.type = n.type
        )
        union all
        select 'a constant is public: nobody checks a key for it' where r.constant is not null and r.access <> 'public'
        union all
        select 'public routes that write need a limit_class'
        where r.access = 'public' and r.method <> 'GET' and r.limit_class is null and r.constant is null
    ) as b (reason)
    where r.is_enabled
    order by 1, 2
$$;
comment on function http.find_bad_routes() is
$$Routes whose row and function do not fit, with the reason. A server does not start while there is one.$$;

create or replace function http.load_routes(p_skip_bad boolean default false)
returns table (
    id integer, method text, path text, version integer, lane text, timeout_ms integer, body_cap integer,
    request_schema text, parameters text, limit_class text, constant text, access text, reads_replica boolean,
    body_kind text
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bad text;
    v_bad_routes text[];
begin
    select string_agg(b.route || ': ' || b.reason, '; '), coalesce(array_agg(b.route), '{}')
    into v_bad, v_bad_routes
    from http.find_bad_routes() as b;
    if v_bad is not null and not coalesce(p_skip_bad, false) then
        raise exception using
            errcode = 'LQ500',
            message = 'routes and functions do not fit',
            detail = v_bad,
            hint = 'Correct or disable the rows of http.route, or deploy again.';
    end if;
    perform http.refresh_documents();
    return query
    select
        r.id, r.method, r.path, r.version, r.lane, r.timeout_ms, r.body_cap,
        http.resolve_schema(r.request_schema)::text, r.parameters::text, r.limit_class, r.constant::text, r.access,
        r.reads_replica, r.body_kind
    from http.route as r
    where r.is_enabled
        and (r.mode = 'any' or core.text_setting('core.environment') = 'development')
        and not r.method || ' ' || r.path = any (v_bad_routes)
    order by r.id;
end;
$$;
comment on function http.load_routes(boolean) is
$$The routes as a server needs them. A server calls http.load_routes() at boot, and http.load_routes(true) at reloads.

p_skip_bad: false raises LQ500 and names the rows when one does not fit its function, so that no server starts; true leaves out
the rows that http.find_bad_routes() lists and raises nothing for them, so that one wrong row does not keep the others from
changing.$$;
grant execute on function http.load_routes(boolean) to levqor_server;

create or replace function http.resolve_schema(p_schema jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    -- References into OpenAPI's components become references into the schema's own $defs.
    select case
        when p_schema is null then null
        when p_schema::text not like '%#/components/schemas/%' then p_schema
        else replace(p_schema::text, '#/components/schemas/', '#/$defs/')::jsonb || jsonb_build_object('$defs', (
            select jsonb_object_agg(
                s.name, replace(s.definition::text, '#/components/schemas/', '#/$defs/')::jsonb
            )
            from http.shared_schema as s
        ))
    end
$$;
comment on function http.resolve_schema(jsonb) is
$$A schema that stands alone: the shared schemas it may refer to are put into its $defs.$$;
