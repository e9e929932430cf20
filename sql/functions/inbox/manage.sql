-- The operator's side: sources, deliveries, replays.

create or replace function inbox.find_source(p_source text)
returns inbox.source
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source inbox.source;
begin
    select s.* into v_source
    from inbox.source as s
    where (s.name = p_source or s.id = core.read_id('src', p_source)) and s.deleted_at is null
    order by s.name = p_source desc
    limit 1;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such source';
    end if;
    return v_source;
end;
$$;
comment on function inbox.find_source(text) is
$$A source by its name or its id. Raises LQ404.$$;

create or replace function inbox.check_source(p_source inbox.source)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform inbox.find_handler(p_source.handler);
    if p_source.scheme = 'none' and core.text_setting('core.environment') <> 'development' then
        raise exception using
            errcode = 'LQ422',
            message = 'the scheme none is for development only',
            hint = 'Name the scheme that the sender signs with.';
    end if;
end;
$$;
comment on function inbox.check_source(inbox.source) is
$$Whether a source can be as it is. Raises LQ422 for a handler that is not there, and for the scheme none outside of development.$$;

create or replace function inbox.create_source(
    p_name text,
    p_scheme text,
    p_secrets text[] default '{}',
    p_handler text default 'inbox.keep',
    p_tolerance_seconds integer default 300,
    p_description text default '',
    p_account_id uuid default null
)
returns inbox.source
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source inbox.source;
begin
    insert into inbox.source (account_id, name, scheme, secrets, handler, tolerance_seconds, description)
    values (p_account_id, p_name, p_scheme, p_secrets, p_handler, p_tolerance_seconds, p_description)
    returning * into v_source;
    perform inbox.check_source(v_source);
    perform audit.record(
        'inbox.create_source', core.show_id('src', v_source.id), p_account_id,
        jsonb_build_object('name', p_name, 'scheme', p_scheme, 'secrets', p_secrets, 'handler', p_handler)
    );
    return v_source;
exception
    when unique_violation then
        raise exception using
            errcode = 'LQ409',
            message = 'there is a source of this name',
            hint = 'Take another name, or delete that one first.';
end;
$$;
comment on function inbox.create_source(text, text, text[], text, integer, text, uuid) is
$$Make a source: from now on its webhooks are received at /api/v1/inbox/NAME.

p_secrets: names of credentials, never secrets. p_account_id: in whose name the handler works; null for the operator. Raises LQ409
for a name that is taken, LQ422 for a handler that is not there.$$;

create or replace function inbox.change_source(
    p_source text,
    p_state text default null,
    p_secrets text[] default null,
    p_handler text default null,
    p_tolerance_seconds integer default null,
    p_description text default null
)
returns inbox.source
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source inbox.source := inbox.find_source(p_source);
begin
    update inbox.source as s
    set
        state = coalesce(p_state, s.state),
        secrets = coalesce(p_secrets, s.secrets),
        handler = coalesce(p_handler, s.handler),
        tolerance_seconds = coalesce(p_tolerance_seconds, s.tolerance_seconds),
        description = coalesce(p_description, s.description),
        updated_at = core.now()
    where s.id = v_source.id
    returning s.* into v_source;
    perform inbox.check_source(v_source);
    perform audit.record(
        'inbox.change_source', core.show_id('src', v_source.id), v_source.account_id,
        jsonb_strip_nulls(jsonb_build_object(
            'state', p_state, 'secrets', p_secrets, 'handler', p_handler, 'tolerance_seconds', p_tolerance_seconds
        ))
    );
    return v_source;
end;
$$;
comment on function inbox.change_source(text, text, text[], text, integer, text) is
$$Change a source, by its name or id; null leaves a thing as it is. Scheme and account never change.

p_state: active, paused (receive and keep, handle later) or disabled (refuse with 410). Raises LQ404, LQ422.$$;

create or replace function inbox.delete_source(p_source text)
returns inbox.source
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source inbox.source := inbox.find_source(p_source);
begin
    update inbox.source as s
    set deleted_at = core.now(), updated_at = core.now()
    where s.id = v_source.id
    returning s.* into v_source;
    perform audit.record('inbox.delete_source', core.show_id('src', v_source.id), v_source.account_id, '{}');
    return v_source;
end;
$$;
comment on function inbox.delete_source(text) is
$$Delete a source: its address answers 404, its name is free, what waits is not handled any more. Deliveries stay to be read until
inbox.keep_days have passed. Raises LQ404.$$;

create or replace function inbox.make_secret(p_source text, p_overlap interval default interval '1 day')
returns inbox.source
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source inbox.source := inbox.find_source(p_source);
begin
    if p_overlap is null or p_overlap < interval '0' or p_overlap > interval '30 days' then
        raise exception using errcode = 'LQ422', message = 'the overlap must be between nothing and 30 days';
    end if;
    update inbox.source as s
    set
        secret_generation = s.secret_generation + 1,
        secret_previous_until = case
            when s.secret_generation > 0 and p_overlap > interval '0' then core.now() + p_overlap
        end,
        updated_at = core.now()
    where s.id = v_source.id
    returning s.* into v_source;
    perform audit.record(
        'inbox.make_secret', core.show_id('src', v_source.id), v_source.account_id,
        jsonb_build_object('generation', v_source.secret_generation)
    );
    return v_source;
end;
$$;
comment on function inbox.make_secret(text, interval) is
$$Make the source a derived secret, or a new one; the one before counts until the overlap ends. Raises LQ404, LQ422.

The server derives it from inbox.name_secret(id, secret_generation). p_overlap: 0 to 30 days.$$;

create or replace function inbox.list_deliveries(
    p_source_id uuid default null,
    p_state text default null,
    p_event_type text default null,
    p_event_id text default null,
    p_received_after timestamptz default null,
    p_received_before timestamptz default null,
    p_limit integer default 50,
    p_before_id uuid default null
)
returns setof inbox.delivery
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Only the filters that are given: each combination is planned with its own index.
    return query execute
        'select d.* from inbox.delivery as d where true'
        || case when p_source_id is not null then ' and d.source_id = $1' else '' end
        || case
            when p_state = 'done' then ' and d.state = $2'
            -- Repeats what the partial index holds, as the planner can not know the value.
            when p_state is not null then ' and d.state = $2 and d.state <> ''done'''
            else ''
        end
        || case when p_event_type is not null then ' and d.event_type = $3' else '' end
        || case when p_event_id is not null then ' and d.event_id = $4' else '' end
        || case when p_received_after is not null then ' and d.received_at >= $5' else '' end
        || case when p_received_before is not null then ' and d.received_at < $6' else '' end
        || case when p_before_id is not null then ' and d.id < $8' else '' end
        || ' order by d.id desc limit $7'
    using
        p_source_id, p_state, p_event_type, p_event_id, p_received_after, p_received_before, p_limit, p_before_id;
end;
$$;
comment on function inbox.list_deliveries(uuid, text, text, text, timestamptz, timestamptz, integer, uuid) is
$$Deliveries, newest first; null filters nothing. select event_id, state from inbox.list_deliveries(p_state => 'dead').

p_received_after: at or after. p_received_before: before. p_before_id: the last id of the page before.$$;

create or replace function inbox.show_source(p_source inbox.source)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('src', p_source.id),
        'name', p_source.name,
        'path', '/api/v1/inbox/' || p_source.name,
        'account_id', core.show_id('acct', p_source.account_id),
        'scheme', p_source.scheme,
        'secrets', to_jsonb(p_source.secrets),
        'secret_generation', p_source.secret_generation,
        'secret_previous_until', case when p_source.secret_previous_until > core.now() then p_source.secret_previous_until end,
        'tolerance_seconds', p_source.tolerance_seconds,
        'handler', p_source.handler,
        'state', p_source.state,
        'description', p_source.description,
        'created_at', p_source.created_at,
        'updated_at', p_source.updated_at
    )
$$;
comment on function inbox.show_source(inbox.source) is
$$A source as JSON. Secrets by name only.$$;

create or replace function inbox.show_tally(p_source_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'waiting', (
            select count(*)
            from (
                select from inbox.delivery as d where d.source_id = p_source_id and d.state = 'waiting' limit 10000
            ) as d
        ),
        'dead', (
            select count(*)
            from (
                select from inbox.delivery as d where d.source_id = p_source_id and d.state = 'dead' limit 10000
            ) as d
        ),
        'days', coalesce((
            select jsonb_agg(jsonb_build_object('day', w.day) || w.counts order by w.day desc)
            from (
                select t.day, jsonb_object_agg(t.what, t.times) as counts
                from inbox.tally as t
                where t.source_id = p_source_id and t.day > (core.now() at time zone 'UTC')::date - 7
                group by t.day
            ) as w
        ), '[]')
    )
$$;
comment on function inbox.show_tally(uuid) is
$$How a source is doing: what waits and what is dead (counted up to 10000), and of the last seven days how often an event came again
(repeated) or was refused, and why.$$;

create or replace function inbox.show_delivery(p_delivery inbox.delivery)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('rcv', p_delivery.id),
        'source', (select s.name from inbox.source as s where s.id = p_delivery.source_id),
        'account_id', core.show_id('acct', p_delivery.account_id),
        'event_id', p_delivery.event_id,
        'event_type', p_delivery.event_type,
        'event_at', p_delivery.event_at,
        'received_at', p_delivery.received_at,
        'request_id', p_delivery.request_id,
        'state', p_delivery.state,
        'due_at', case when p_delivery.state = 'waiting' then p_delivery.due_at end,
        'attempts', p_delivery.attempts,
        'replays', p_delivery.replays,
        'handled_at', p_delivery.handled_at,
        'bytes', length(p_delivery.body)
    )
$$;
comment on function inbox.show_delivery(inbox.delivery) is
$$A delivery as JSON, without headers and body.$$;

create or replace function inbox.show_contents(p_delivery inbox.delivery)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'headers', p_delivery.headers,
        'body', translate(encode(p_delivery.body, 'base64'), E'\n', ''),
        'history', coalesce((
            select jsonb_agg(jsonb_build_object(
                'number', a.number, 'handler', a.handler, 'is_replay', a.is_replay, 'started_at', a.started_at,
                'finished_at', a.finished_at, 'outcome', a.outcome, 'sqlstate', a.sqlstate, 'error', a.error
            ) order by a.number)
            from inbox.attempt as a
            where a.delivery_id = p_delivery.id
        ), '[]')
    )
$$;
comment on function inbox.show_contents(inbox.delivery) is
$$What a single delivery shows beyond inbox.show_delivery(): headers, the body in base64, each attempt.$$;

create or replace function api.create_inbox_source(
    p_name text,
    p_scheme text,
    p_secrets text[] default '{}',
    p_handler text default 'inbox.keep',
    p_tolerance_seconds integer default 300,
    p_description text default ''
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source inbox.source := inbox.create_source(
        p_name, p_scheme, p_secrets, p_handler, p_tolerance_seconds, p_description,
        case when not core.sees_all() then core.current_account() end
    );
begin
    return http.json(
        201, inbox.show_source(v_source), jsonb_build_object('Location', '/api/admin/inbox/sources/' || v_source.name)
    );
end;
$$;
comment on function api.create_inbox_source(text, text, text[], text, integer, text) is
$$Make a source of webhooks

Its webhooks are received at /api/v1/inbox/NAME. secrets names credentials that the server has in its environment
(LEVQOR_CREDENTIAL_NAME), of which any may have signed; where the sender lets you choose the secret, have one derived instead, with
POST /api/admin/inbox/sources/{source}/secret. handler names a SQL function that takes an inbox.event. With the header
Levqor-Account the handler works in the name of that account.$$;

create or replace function api.list_inbox_sources(p_limit integer default 50, p_after text default null)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sources jsonb;
    v_next text;
begin
    -- One more than asked for tells whether there is a next page.
    select jsonb_agg(inbox.show_source(s) order by s.name)
    into v_sources
    from (
        select s.*
        from inbox.source as s
        where s.deleted_at is null and (p_after is null or s.name > p_after)
        order by s.name
        limit p_limit + 1
    ) as o
    inner join inbox.source as s on s.id = o.id;
    if jsonb_array_length(v_sources) > p_limit then
        v_sources := v_sources - p_limit;
        v_next := v_sources -> -1 ->> 'name';
    end if;
    return http.json(
        200,
        jsonb_build_object('sources', coalesce(v_sources, '[]'), 'next', v_next),
        case when v_next is not null then jsonb_build_object(
            'Link', format('</api/admin/inbox/sources?limit=%s&after=%s>; rel="next"', p_limit, v_next)
        ) end
    );
end;
$$;
comment on function api.list_inbox_sources(integer, text) is
$$List sources of webhooks

By name. next holds the value of after for the next page, as does the Link header; null on the last page.$$;

create or replace function api.show_inbox_source(p_source text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source inbox.source := inbox.find_source(p_source);
begin
    return http.json(200, inbox.show_source(v_source) || inbox.show_tally(v_source.id));
end;
$$;
comment on function api.show_inbox_source(text) is
$$See a source of webhooks, and how it is doing

By its name or id: what waits, what is dead, and of the last seven days what came again or was refused, and why.$$;

create or replace function api.change_inbox_source(
    p_source text,
    p_state text default null,
    p_secrets text[] default null,
    p_handler text default null,
    p_tolerance_seconds integer default null,
    p_description text default null
)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, inbox.show_source(
        inbox.change_source(p_source, p_state, p_secrets, p_handler, p_tolerance_seconds, p_description)
    ))
$$;
comment on function api.change_inbox_source(text, text, text[], text, integer, text) is
$$Pause, disable or change a source of webhooks

paused: webhooks are received and kept, and handled when it is active again. disabled: the sender gets 410, which tells many to stop
for good. What is left out stays as it is.$$;

create or replace function api.delete_inbox_source(p_source text)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform inbox.delete_source(p_source);
    return http.no_content();
end;
$$;
comment on function api.delete_inbox_source(text) is
$$Delete a source of webhooks

Its address answers 404 and its name is free. What waits is not handled any more; deliveries can be read until they are trimmed.$$;

create or replace function api.make_inbox_secret(p_source text, p_overlap_seconds integer default 86400)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source inbox.source := inbox.make_secret(p_source, make_interval(secs => p_overlap_seconds));
    v_placeholder text := 'placeholder_' || encode(core.random_bytes(24), 'hex');
begin
    return row(
        201, '{"Cache-Control": "no-store"}',
        jsonb_build_object(
            'secret', v_placeholder,
            'generation', v_source.secret_generation,
            'previous_until', v_source.secret_previous_until
        )::text,
        null, null,
        jsonb_build_object(v_placeholder, inbox.name_secret(v_source.id, v_source.secret_generation))
    )::http.response;
end;
$$;
comment on function api.make_inbox_secret(text, integer) is
$$Have a secret made for a source of webhooks

For senders that let you choose the secret. It is shown this once. Calling it again makes another; the one before counts until the
overlap ends (by default a day), so that the sender is moved without a gap.$$;

create or replace function api.list_inbox_deliveries(
    p_source text default null,
    p_state text default null,
    p_event_type text default null,
    p_event_id text default null,
    p_received_after timestamptz default null,
    p_received_before timestamptz default null,
    p_limit integer default 50,
    p_cursor text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before_id uuid := core.read_id('rcv', p_cursor);
    v_source_id uuid := case when p_source is not null then (inbox.find_source(p_source)).id end;
    v_deliveries jsonb;
    v_next text;
begin
    if p_cursor is not null and v_before_id is null then
        raise exception using
            errcode = 'LQ422', message = 'unknown cursor', hint = 'Take next_cursor from the page before.';
    end if;
    -- One more than asked for tells whether there is a next page.
    select jsonb_agg(inbox.show_delivery(d) order by d.id desc) into v_deliveries
    from inbox.list_deliveries(
        v_source_id, p_state, p_event_type, p_event_id, p_received_after, p_received_before, p_limit + 1, v_before_id
    ) as d;
    if jsonb_array_length(v_deliveries) > p_limit then
        v_deliveries := v_deliveries - p_limit;
        v_next := v_deliveries -> -1 ->> 'id';
    end if;
    return http.json(
        200, jsonb_build_object('deliveries', coalesce(v_deliveries, '[]'), 'next_cursor', v_next)
    );
end;
$$;
comment on function api.list_inbox_deliveries(text, text, text, text, timestamptz, timestamptz, integer, text) is
$$List webhooks that came in, newest first

In pages: next_cursor leads to the next one; null on the last. received_after is inclusive, received_before exclusive. Headers and
body are with the single delivery.$$;

create or replace function api.show_inbox_delivery(p_delivery_id text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_delivery inbox.delivery;
begin
    select d.* into v_delivery from inbox.delivery as d where d.id = core.read_id('rcv', p_delivery_id);
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such delivery';
    end if;
    return http.json(200, inbox.show_delivery(v_delivery) || inbox.show_contents(v_delivery));
end;
$$;
comment on function api.show_inbox_delivery(text) is
$$See a webhook that came in, with headers, body and each attempt

The body is base64 of the bytes that came.$$;

create or replace function api.replay_inbox_delivery(p_delivery_id text)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(202, inbox.show_delivery(inbox.replay(core.read_id('rcv', p_delivery_id))))
$$;
comment on function api.replay_inbox_delivery(text) is
$$Have a webhook that came in handled again

With the same event id; the handler is told that it is a replay. One that waits is due at once.$$;

create or replace function api.replay_inbox_deliveries(
    p_source text,
    p_states text[] default '{dead}',
    p_event_type text default null,
    p_received_after timestamptz default null,
    p_received_before timestamptz default null,
    p_limit integer default 1000,
    p_cursor text default null
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_after_id uuid := core.read_id('rcv', p_cursor);
    v_done record;
begin
    if p_cursor is not null and v_after_id is null then
        raise exception using
            errcode = 'LQ422', message = 'unknown cursor', hint = 'Take next_cursor from the answer before.';
    end if;
    v_done := inbox.replay_many(
        p_source, p_states, p_event_type, p_received_after, p_received_before, v_after_id, p_limit
    );
    return http.json(202, jsonb_build_object(
        'replayed', v_done.replayed,
        'next_cursor', case when v_done.replayed = p_limit then core.show_id('rcv', v_done.last_id) end
    ));
end;
$$;
comment on function api.replay_inbox_deliveries(text, text[], text, timestamptz, timestamptz, integer, text) is
$$Have a range of webhooks that came in handled again

The oldest first, up to limit; while next_cursor is not null, send it as cursor for the next ones.$$;

select http.register_schema('InboxSource', '{"type": "object", "required": ["id", "name", "path", "account_id", "scheme", "secrets",
    "secret_generation", "secret_previous_until", "tolerance_seconds", "handler", "state", "description", "created_at", "updated_at"],
    "properties": {
        "id": {"type": "string", "pattern": "^src_[0-9a-f]{32}$"},
        "name": {"type": "string"},
        "path": {"type": "string", "description": "where the sender sends to"},
        "account_id": {"type": ["string", "null"], "description": "in whose name the handler works; null: the operator''s"},
        "scheme": {"enum": ["stripe", "standard-webhooks", "github", "none"]},
        "secrets": {"type": "array", "items": {"type": "string"}, "description": "names of credentials"},
        "secret_generation": {"type": "integer", "minimum": 0, "description": "of the derived secret; 0: there is none"},
        "secret_previous_until": {"type": ["string", "null"], "format": "date-time"},
        "tolerance_seconds": {"type": "integer"},
        "handler": {"type": "string"},
        "state": {"enum": ["active", "paused", "disabled"]},
        "description": {"type": "string"},
        "created_at": {"type": "string", "format": "date-time"},
        "updated_at": {"type": "string", "format": "date-time"}}}');
select http.register_schema('InboxDelivery', '{"type": "object", "required": ["id", "source", "account_id", "event_id", "event_type",
    "event_at", "received_at", "request_id", "state", "due_at", "attempts", "replays", "handled_at", "bytes"], "properties": {
        "id": {"type": "string", "pattern": "^rcv_[0-9a-f]{32}$"},
        "source": {"type": "string"},
        "account_id": {"type": ["string", "null"]},
        "event_id": {"type": "string"},
        "event_type": {"type": ["string", "null"]},
        "event_at": {"type": ["string", "null"], "format": "date-time", "description": "as the sender says; null: it does not"},
        "received_at": {"type": "string", "format": "date-time"},
        "request_id": {"type": ["string", "null"]},
        "state": {"enum": ["waiting", "done", "dead"]},
        "due_at": {"type": ["string", "null"], "format": "date-time", "description": "when it is handled next, while it waits"},
        "attempts": {"type": "integer", "minimum": 0},
        "replays": {"type": "integer", "minimum": 0},
        "handled_at": {"type": ["string", "null"], "format": "date-time"},
        "bytes": {"type": "integer", "minimum": 0, "description": "length of the body"}}}');

select http.register_route('POST', '/api/admin/inbox/sources', 'api.create_inbox_source', p_domain => 'inbox',
    p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["name", "scheme"], "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "examples": ["payments"]},
        "scheme": {"enum": ["stripe", "standard-webhooks", "github", "none"], "examples": ["standard-webhooks"]},
        "secrets": {"type": "array", "maxItems": 8,
            "items": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}, "examples": [["PAYMENTS_WEBHOOK"]]},
        "handler": {"type": "string", "pattern": "^[a-z_][a-z0-9_]*\\.[a-z_][a-z0-9_]*$", "maxLength": 127, "default": "inbox.keep",
            "examples": ["inbox.keep"]},
        "tolerance_seconds": {"type": "integer", "minimum": 1, "maximum": 86400, "default": 300},
        "description": {"type": "string", "maxLength": 500}}}',
    p_responses => '{"201": {"description": "Made", "schema": {"$ref": "#/components/schemas/InboxSource"},
        "headers": {"Location": {"description": "Path of the new source", "schema": {"type": "string"}}}}, "409": {}}');
select http.register_route('GET', '/api/admin/inbox/sources', 'api.list_inbox_sources', p_domain => 'inbox',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50, "description": "sources a page"},
        "after": {"type": "string", "maxLength": 64, "description": "next of the page before"}}',
    p_responses => '{"200": {"description": "A page of sources", "schema": {"type": "object", "required": ["sources", "next"],
        "additionalProperties": false, "properties": {
            "sources": {"type": "array", "items": {"$ref": "#/components/schemas/InboxSource"}},
            "next": {"type": ["string", "null"]}}},
        "headers": {"Link": {"description": "rel=next: the next page, when there is one", "schema": {"type": "string"}}}}}');
select http.register_route('GET', '/api/admin/inbox/sources/{source}', 'api.show_inbox_source', p_domain => 'inbox',
    p_scopes => '{platform}', p_limit_class => 'manage', p_lane => 'alone',
    p_parameters => '{"source": {"type": "string", "maxLength": 64, "description": "name or id of the source"}}',
    p_responses => '{"200": {"description": "The source", "schema": {"allOf": [{"$ref": "#/components/schemas/InboxSource"},
        {"type": "object", "required": ["waiting", "dead", "days"], "properties": {
            "waiting": {"type": "integer", "minimum": 0, "description": "deliveries to be handled, counted up to 10000"},
            "dead": {"type": "integer", "minimum": 0, "description": "deliveries given up, counted up to 10000"},
            "days": {"type": "array", "items": {"type": "object", "required": ["day"], "additionalProperties": false,
                "description": "how often an event came again, or was refused, and why", "properties": {
                    "day": {"type": "string", "format": "date"}, "repeated": {"type": "integer"}, "headers": {"type": "integer"},
                    "time": {"type": "integer"}, "signature": {"type": "integer"}, "event": {"type": "integer"},
                    "secret": {"type": "integer"}}}}}}]}}}');
select http.register_route('PATCH', '/api/admin/inbox/sources/{source}', 'api.change_inbox_source', p_domain => 'inbox',
    p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_parameters => '{"source": {"type": "string", "maxLength": 64, "description": "name or id of the source"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "minProperties": 1, "properties": {
        "state": {"enum": ["active", "paused", "disabled"]},
        "secrets": {"type": "array", "maxItems": 8,
            "items": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}},
        "handler": {"type": "string", "pattern": "^[a-z_][a-z0-9_]*\\.[a-z_][a-z0-9_]*$", "maxLength": 127,
            "examples": ["inbox.keep"]},
        "tolerance_seconds": {"type": "integer", "minimum": 1, "maximum": 86400},
        "description": {"type": "string", "maxLength": 500}}}',
    p_responses => '{"200": {"description": "Changed", "schema": {"$ref": "#/components/schemas/InboxSource"}}, "404": {}}');
select http.register_route('DELETE', '/api/admin/inbox/sources/{source}', 'api.delete_inbox_source', p_domain => 'inbox',
    p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_parameters => '{"source": {"type": "string", "maxLength": 64, "description": "name or id of the source"}}',
    p_responses => '{"204": {"description": "Deleted"}, "404": {}}');
select http.register_route('POST', '/api/admin/inbox/sources/{source}/secret', 'api.make_inbox_secret', p_domain => 'inbox',
    p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_parameters => '{"source": {"type": "string", "maxLength": 64, "description": "name or id of the source"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "overlap_seconds": {"type": "integer", "minimum": 0, "maximum": 2592000, "default": 86400}}}',
    p_responses => '{"201": {"description": "Made", "schema": {"$ref": "#/components/schemas/SigningSecret"}}, "404": {}}');
select http.register_route('GET', '/api/admin/inbox/deliveries', 'api.list_inbox_deliveries', p_domain => 'inbox',
    p_scopes => '{platform}', p_limit_class => 'manage', p_lane => 'alone',
    p_parameters => '{
        "source": {"type": "string", "maxLength": 64, "description": "name or id of the source"},
        "state": {"enum": ["waiting", "done", "dead"]},
        "event_type": {"type": "string", "minLength": 1, "maxLength": 255},
        "event_id": {"type": "string", "minLength": 1, "maxLength": 255},
        "received_after": {"type": "string", "format": "date-time"},
        "received_before": {"type": "string", "format": "date-time"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
        "cursor": {"type": "string", "pattern": "^rcv_[0-9a-f]{32}$"}}',
    p_responses => '{"200": {"description": "A page of deliveries", "schema": {"type": "object",
        "required": ["deliveries", "next_cursor"], "additionalProperties": false, "properties": {
            "deliveries": {"type": "array", "items": {"$ref": "#/components/schemas/InboxDelivery"}},
            "next_cursor": {"type": ["string", "null"]}}}}, "404": {}}');
select http.register_route('GET', '/api/admin/inbox/deliveries/{delivery_id}', 'api.show_inbox_delivery', p_domain => 'inbox',
    p_scopes => '{platform}', p_limit_class => 'manage', p_lane => 'alone',
    p_parameters => '{"delivery_id": {"type": "string", "maxLength": 64, "description": "id of the delivery, rcv_…"}}',
    p_responses => '{"200": {"description": "The delivery", "schema": {"allOf": [{"$ref": "#/components/schemas/InboxDelivery"},
        {"type": "object", "required": ["headers", "body", "history"], "properties": {
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "body": {"type": "string", "contentEncoding": "base64"},
            "history": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["number", "handler", "is_replay", "started_at", "finished_at", "outcome", "sqlstate", "error"],
                "properties": {
                    "number": {"type": "integer", "minimum": 1}, "handler": {"type": "string"},
                    "is_replay": {"type": "boolean"},
                    "started_at": {"type": "string", "format": "date-time"},
                    "finished_at": {"type": "string", "format": "date-time"},
                    "outcome": {"enum": ["done", "failed", "timed out"]},
                    "sqlstate": {"type": ["string", "null"]}, "error": {"type": ["string", "null"]}}}}}}]}}}');
select http.register_route('POST', '/api/admin/inbox/deliveries/{delivery_id}/replay', 'api.replay_inbox_delivery',
    p_domain => 'inbox', p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_parameters => '{"delivery_id": {"type": "string", "maxLength": 64, "description": "id of the delivery, rcv_…"}}',
    p_responses => '{"202": {"description": "It is handled again", "schema": {"$ref": "#/components/schemas/InboxDelivery"}},
        "404": {}}');
select http.register_route('POST', '/api/admin/inbox/replays', 'api.replay_inbox_deliveries', p_domain => 'inbox',
    p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["source"], "properties": {
        "source": {"type": "string", "maxLength": 64},
        "states": {"type": "array", "items": {"enum": ["done", "dead"]}, "minItems": 1, "uniqueItems": true, "default": ["dead"]},
        "event_type": {"type": "string", "minLength": 1, "maxLength": 255},
        "received_after": {"type": "string", "format": "date-time"},
        "received_before": {"type": "string", "format": "date-time"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 10000, "default": 1000},
        "cursor": {"type": "string", "pattern": "^rcv_[0-9a-f]{32}$"}}}',
    p_responses => '{"202": {"description": "They are handled again", "schema": {"type": "object",
        "required": ["replayed", "next_cursor"], "additionalProperties": false, "properties": {
            "replayed": {"type": "integer", "minimum": 0},
            "next_cursor": {"type": ["string", "null"]}}}}, "404": {}}');
