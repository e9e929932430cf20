-- Endpoints: where an account's events go.

create or replace function outbox.check_patterns(p_event_types text[])
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(cardinality(p_event_types), 0) not between 1 and 50 or exists (
        select from unnest(p_event_types) as p (pattern)
        where p.pattern is null or p.pattern !~ '^(\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?)$'
    ) then
        raise exception using
            errcode = 'LQ422',
            message = 'that is no list of event types',
            hint = 'Give 1 to 50 of: a type such as thing.verb, all under a prefix as thing.*, or * for all.';
    end if;
end;
$$;
comment on function outbox.check_patterns(text[]) is
$$Refuse what is no list of event types to listen to. Raises LQ422.$$;

create or replace function outbox.lock_endpoint(p_account_id uuid, p_id uuid)
returns outbox.endpoint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint outbox.endpoint;
begin
    select e.* into v_endpoint
    from outbox.endpoint as e
    where e.account_id = p_account_id and e.id = p_id and e.removed_at is null
    for update;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such endpoint';
    end if;
    return v_endpoint;
end;
$$;
comment on function outbox.lock_endpoint(uuid, uuid) is
$$Read an endpoint and keep others from changing it. Raises LQ404.$$;

create or replace function outbox.add_endpoint(
    p_account_id uuid,
    p_url text,
    p_event_types text[] default '{*}',
    p_description text default null,
    p_max_in_flight integer default null,
    p_rate_per_second integer default null
)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := core.new_id();
    v_most bigint := core.integer_setting('outbox.endpoints_per_account');
begin
    perform outbox.check_url(p_url);
    perform outbox.check_patterns(p_event_types);
    -- Two that come at once are counted one after the other.
    perform from identity.account as a where a.id = p_account_id for no key update;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such account';
    end if;
    if (
        select count(*) from outbox.endpoint as e where e.account_id = p_account_id and e.removed_at is null
    ) >= v_most then
        raise exception using
            errcode = 'LQ409',
            message = format('an account has %s endpoints at most', v_most),
            hint = 'Delete one, or let one receive more event types.';
    end if;
    insert into outbox.endpoint (
        account_id, id, url, event_types, description, max_in_flight, rate_per_second, created_at
    )
    values (
        p_account_id, v_id, p_url, p_event_types, p_description, p_max_in_flight, p_rate_per_second, core.now()
    );
    insert into outbox.endpoint_secret (account_id, endpoint_id, generation, created_at)
    values (p_account_id, v_id, 1, core.now());
    perform outbox.set_gates();
    perform audit.record(
        'outbox.add_endpoint', core.show_id('ep', v_id), p_account_id,
        jsonb_build_object('event_types', to_jsonb(p_event_types))
    );
    return v_id;
end;
$$;
comment on function outbox.add_endpoint(uuid, text, text[], text, integer, integer) is
$$Send an account's events to a URL from now on: select outbox.add_endpoint(ACCOUNT, 'https://…', '{quota.*}'). Gives its id.

p_max_in_flight: deliveries under way at once. p_rate_per_second: deliveries begun in a second. Null: no limit. Raises LQ404, LQ409
when the account has outbox.endpoints_per_account already, LQ422 for a URL that can not be called or a pattern that is none.$$;

create or replace function outbox.remove_endpoint(p_account_id uuid, p_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform outbox.lock_endpoint(p_account_id, p_id);
    update outbox.endpoint as e
    set removed_at = core.now(), paused_at = null
    where e.account_id = p_account_id and e.id = p_id;
    perform audit.record('outbox.remove_endpoint', core.show_id('ep', p_id), p_account_id);
end;
$$;
comment on function outbox.remove_endpoint(uuid, uuid) is
$$Send no more events there. What is on its way already is still delivered. Raises LQ404.$$;

create or replace function outbox.change_endpoint(p_account_id uuid, p_id uuid, p_changes jsonb)
returns outbox.endpoint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_old outbox.endpoint := outbox.lock_endpoint(p_account_id, p_id);
    v_new outbox.endpoint;
    v_types text[];
    v_enables boolean := coalesce((p_changes ->> 'enabled')::boolean, false);
begin
    if p_changes ? 'url' then
        perform outbox.check_url(p_changes ->> 'url');
    end if;
    v_types := v_old.event_types;
    if p_changes ? 'event_types' then
        v_types := array(select t.value from jsonb_array_elements_text(p_changes -> 'event_types') as t (value));
        perform outbox.check_patterns(v_types);
    end if;
    update outbox.endpoint as e
    set
        url = coalesce(p_changes ->> 'url', e.url),
        event_types = v_types,
        description = case when p_changes ? 'description' then p_changes ->> 'description' else e.description end,
        max_in_flight = case
            when p_changes ? 'max_in_flight' then (p_changes ->> 'max_in_flight')::integer else e.max_in_flight
        end,
        rate_per_second = case
            when p_changes ? 'rate_per_second' then (p_changes ->> 'rate_per_second')::integer else e.rate_per_second
        end,
        is_enabled = coalesce((p_changes ->> 'enabled')::boolean, e.is_enabled),
        -- Enabling begins anew, whatever was before.
        disabled_at = case when not v_enables then e.disabled_at end,
        disabled_reason = case when not v_enables then e.disabled_reason end,
        breaker = case when v_enables then 'closed' else e.breaker end,
        breaker_until = case when not v_enables then e.breaker_until end,
        breaker_changed_at = case when v_enables then core.now() else e.breaker_changed_at end,
        breaker_turns = case when v_enables then 0 else e.breaker_turns end,
        updated_at = core.now()
    where e.account_id = p_account_id and e.id = p_id
    returning e.* into v_new;
    perform outbox.set_gates();
    perform audit.record(
        'outbox.change_endpoint', core.show_id('ep', p_id), p_account_id,
        -- A URL may hold a secret.
        jsonb_build_object('changed', array(select k.name from jsonb_object_keys(p_changes) as k (name) order by k.name))
    );
    return v_new;
end;
$$;
comment on function outbox.change_endpoint(uuid, uuid, jsonb) is
$$Change an endpoint. p_changes: any of url, event_types, description, max_in_flight, rate_per_second, enabled. Raises LQ404, LQ422.

What waits goes to the new URL. Enabling one that was disabled closes its circuit breaker; what was given up meanwhile stays dead,
until it is replayed.$$;

create or replace function outbox.pause_endpoint(p_account_id uuid, p_id uuid, p_pause boolean default true)
returns outbox.endpoint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint outbox.endpoint := outbox.lock_endpoint(p_account_id, p_id);
begin
    if (v_endpoint.paused_at is not null) <> p_pause then
        update outbox.endpoint as e
        set paused_at = case when p_pause then core.now() end, updated_at = core.now()
        where e.account_id = p_account_id and e.id = p_id
        returning e.* into v_endpoint;
        if not p_pause then
            -- The first ones at once; the clock lets the others out.
            perform outbox.unpark(p_id, least(1000, v_endpoint.max_in_flight, v_endpoint.rate_per_second));
        end if;
    end if;
    perform audit.record(
        case when p_pause then 'outbox.pause_endpoint' else 'outbox.resume_endpoint' end, core.show_id('ep', p_id),
        p_account_id
    );
    return v_endpoint;
end;
$$;
comment on function outbox.pause_endpoint(uuid, uuid, boolean) is
$$Let what comes for an endpoint wait, or, with p_pause false, let it go again. What is on its way is not held back. Raises LQ404.

What waits longer than messages are kept (outbox.keep_days) is lost.$$;

create or replace function outbox.test_endpoint(p_account_id uuid, p_id uuid)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint outbox.endpoint := outbox.lock_endpoint(p_account_id, p_id);
begin
    perform outbox.check_replay(p_account_id, p_id);
    return (outbox.send_to_endpoints(
        array[v_endpoint], 'endpoint.test',
        jsonb_build_object('endpoint_id', core.show_id('ep', p_id), 'message', 'This is a test.'), 'outbox',
        core.show_id('ep', p_id)
    ))[1];
end;
$$;
comment on function outbox.test_endpoint(uuid, uuid) is
$$Send an event endpoint.test to one endpoint, whatever it listens to. Gives the message's id. Raises LQ404, and LQ409 when it is
disabled.$$;

create or replace function outbox.show_endpoint_secret(p_account_id uuid, p_id uuid)
returns outbox.endpoint_secret
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_secret outbox.endpoint_secret;
begin
    perform outbox.lock_endpoint(p_account_id, p_id);
    update outbox.endpoint_secret as s
    set shown_at = core.now()
    where s.account_id = p_account_id and s.endpoint_id = p_id and s.expires_at is null and s.shown_at is null
    returning s.* into v_secret;
    if not found then
        raise exception using
            errcode = 'LQ409',
            message = 'the signing secret was shown before',
            detail = 'It is shown once.',
            hint = 'Rotate it to get a new one; both sign until the overlap ends.';
    end if;
    perform audit.record('outbox.show_endpoint_secret', core.show_id('ep', p_id), p_account_id);
    return v_secret;
end;
$$;
comment on function outbox.show_endpoint_secret(uuid, uuid) is
$$Note that the endpoint's secret in use is shown now, which can be done once. Raises LQ404, LQ409.$$;

create or replace function outbox.rotate_endpoint_secret(
    p_account_id uuid, p_id uuid, p_overlap interval default interval '1 day'
)
returns outbox.endpoint_secret
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_secret outbox.endpoint_secret;
begin
    if p_overlap is null or p_overlap < interval '0' or p_overlap > interval '30 days' then
        raise exception using
            errcode = 'LQ422',
            message = 'the overlap must be between nothing and 30 days';
    end if;
    perform outbox.lock_endpoint(p_account_id, p_id);
    if (
        select count(*)
        from outbox.endpoint_secret as s
        where s.account_id = p_account_id and s.endpoint_id = p_id and (s.expires_at is null or s.expires_at > core.now())
    ) >= 5 and p_overlap > interval '0' then
        raise exception using
            errcode = 'LQ409',
            message = 'five secrets of this endpoint are live',
            hint = 'Wait until the overlap of one has ended, or rotate with none.';
    end if;
    update outbox.endpoint_secret as s
    set expires_at = core.now() + p_overlap
    where s.account_id = p_account_id and s.endpoint_id = p_id
        and (s.expires_at is null or (p_overlap = interval '0' and s.expires_at > core.now()));
    insert into outbox.endpoint_secret (account_id, endpoint_id, generation, created_at, shown_at)
    select p_account_id, p_id, max(s.generation) + 1, core.now(), core.now()
    from outbox.endpoint_secret as s
    where s.account_id = p_account_id and s.endpoint_id = p_id
    returning * into v_secret;
    perform audit.record(
        'outbox.rotate_endpoint_secret', core.show_id('ep', p_id), p_account_id,
        jsonb_build_object('generation', v_secret.generation)
    );
    return v_secret;
end;
$$;
comment on function outbox.rotate_endpoint_secret(uuid, uuid, interval) is
$$Sign an endpoint's webhooks with a new secret from now on; the one before signs too until the overlap ends.

p_overlap: 0 to 30 days; none ends every other one at once. Five may be live. Gives the new one. Raises LQ404, LQ409, LQ422.$$;

create or replace function outbox.show_endpoint(p_endpoint outbox.endpoint)
returns jsonb
language sql
stable
security invoker
as $$
    select pg_catalog.jsonb_build_object(
        'id', core.show_id('ep', p_endpoint.id),
        'url', p_endpoint.url,
        'description', p_endpoint.description,
        'event_types', p_endpoint.event_types,
        'enabled', p_endpoint.is_enabled,
        'paused', p_endpoint.paused_at is not null,
        'max_in_flight', p_endpoint.max_in_flight,
        'rate_per_second', p_endpoint.rate_per_second,
        'breaker', p_endpoint.breaker,
        'disabled_at', p_endpoint.disabled_at,
        'disabled_reason', p_endpoint.disabled_reason,
        'created_at', p_endpoint.created_at,
        'updated_at', p_endpoint.updated_at
    )
$$;
comment on function outbox.show_endpoint(outbox.endpoint) is
$$An endpoint as clients see it: never its secrets.$$;

create or replace function outbox.reveal_endpoint_secret(p_status integer, p_body jsonb, p_secret outbox.endpoint_secret)
returns http.response
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_placeholder text := 'placeholder_' || encode(core.random_bytes(24), 'hex');
begin
    return row(
        p_status, jsonb_build_object('Cache-Control', 'no-store'),
        (p_body || jsonb_build_object('secret', v_placeholder, 'generation', p_secret.generation))::text,
        null, null,
        jsonb_build_object(v_placeholder, outbox.name_endpoint_secret(
            p_secret.account_id, p_secret.endpoint_id, p_secret.generation
        ))
    )::http.response;
end;
$$;
comment on function outbox.reveal_endpoint_secret(integer, jsonb, outbox.endpoint_secret) is
$$The answer that shows an endpoint's secret beside other members: the server puts it in place of the placeholder.$$;

create or replace function outbox.find_endpoint(p_account_id uuid, p_id uuid)
returns outbox.endpoint
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint outbox.endpoint;
begin
    select e.* into v_endpoint
    from outbox.endpoint as e
    where e.account_id = p_account_id and e.id = p_id and e.removed_at is null;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such endpoint';
    end if;
    return v_endpoint;
end;
$$;
comment on function outbox.find_endpoint(uuid, uuid) is
$$Read an endpoint of an account. Raises LQ404.$$;

create or replace function api.create_endpoint(
    p_url text,
    p_event_types text[] default '{*}',
    p_description text default null,
    p_max_in_flight integer default null,
    p_rate_per_second integer default null
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := outbox.add_endpoint(
        core.current_account(), p_url, p_event_types, p_description, p_max_in_flight, p_rate_per_second
    );
begin
    return outbox.reveal_endpoint_secret(
        201, outbox.show_endpoint(outbox.find_endpoint(core.current_account(), v_id)),
        outbox.show_endpoint_secret(core.current_account(), v_id)
    );
end;
$$;
comment on function api.create_endpoint(text, text[], text, integer, integer) is
$$Add a webhook endpoint

The account's events go there from now on, signed by Standard Webhooks with the secret in this answer, which is shown this once.
event_types: types such as thing.verb, all under a prefix as thing.*, or * for all. max_in_flight: deliveries under way at once;
rate_per_second: deliveries begun in a second; null: no limit.$$;

create or replace function api.list_endpoints()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object('endpoints', coalesce(
        jsonb_agg(outbox.show_endpoint(e) order by e.id), '[]'
    )))
    from outbox.endpoint as e
    where e.account_id = core.current_account() and e.removed_at is null
$$;
comment on function api.list_endpoints() is
$$List webhook endpoints

All of the account: it has a few at most.$$;

create or replace function api.get_endpoint(p_endpoint_id text)
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, outbox.show_endpoint(
        outbox.find_endpoint(core.current_account(), core.read_id('ep', p_endpoint_id))
    ))
$$;
comment on function api.get_endpoint(text) is
$$See a webhook endpoint

breaker tells whether it takes deliveries: closed, open (it fails, and they wait), half_open (one is trying). disabled_reason: gone
(it answered 410) or failing.$$;

create or replace function api.change_endpoint(p_endpoint_id text, p_body jsonb)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, outbox.show_endpoint(
        outbox.change_endpoint(core.current_account(), core.read_id('ep', p_endpoint_id), p_body)
    ))
$$;
comment on function api.change_endpoint(text, jsonb) is
$$Change a webhook endpoint

What waits goes to the new URL. enabled: false gives up what waits for it; true takes one back that was disabled.$$;

create or replace function api.remove_endpoint(p_endpoint_id text)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform outbox.remove_endpoint(core.current_account(), core.read_id('ep', p_endpoint_id));
    return http.no_content();
end;
$$;
comment on function api.remove_endpoint(text) is
$$Delete a webhook endpoint

No more events go there. What is on its way already is still delivered.$$;

create or replace function api.pause_endpoint(p_endpoint_id text)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, outbox.show_endpoint(
        outbox.pause_endpoint(core.current_account(), core.read_id('ep', p_endpoint_id))
    ))
$$;
comment on function api.pause_endpoint(text) is
$$Pause a webhook endpoint

What comes for it waits until it is resumed, as long as messages are kept.$$;

create or replace function api.resume_endpoint(p_endpoint_id text)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, outbox.show_endpoint(
        outbox.pause_endpoint(core.current_account(), core.read_id('ep', p_endpoint_id), false)
    ))
$$;
comment on function api.resume_endpoint(text) is
$$Resume a webhook endpoint

What waited goes out, some thousands at a time.$$;

create or replace function api.test_endpoint(p_endpoint_id text)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(202, jsonb_build_object('message_id', core.show_id('msg', outbox.test_endpoint(
        core.current_account(), core.read_id('ep', p_endpoint_id)
    ))))
$$;
comment on function api.test_endpoint(text) is
$$Send a test webhook

An event endpoint.test, whatever the endpoint listens to. What came of it: GET /api/v1/deliveries/{message_id}.$$;

create or replace function api.list_endpoint_secrets(p_endpoint_id text)
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object('secrets', coalesce((
        select jsonb_agg(jsonb_build_object(
            'generation', s.generation, 'created_at', s.created_at, 'shown_at', s.shown_at, 'expires_at', s.expires_at
        ) order by s.generation desc)
        from outbox.endpoint_secret as s
        where s.account_id = e.account_id and s.endpoint_id = e.id
            and (s.expires_at is null or s.expires_at > core.now())
    ), '[]')))
    from outbox.find_endpoint(core.current_account(), core.read_id('ep', p_endpoint_id)) as e
$$;
comment on function api.list_endpoint_secrets(text) is
$$See which secrets sign an endpoint's webhooks

Newest first: the one in use, and those before whose overlap lasts. Never the secrets.$$;

create or replace function api.reveal_endpoint_secret(p_endpoint_id text)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select outbox.reveal_endpoint_secret(201, '{}', outbox.show_endpoint_secret(
        core.current_account(), core.read_id('ep', p_endpoint_id)
    ))
$$;
comment on function api.reveal_endpoint_secret(text) is
$$Get an endpoint's signing secret, once

For an endpoint that was made in SQL. One made over HTTP has shown it already: rotate it to get a new one.$$;

create or replace function api.rotate_endpoint_secret(p_endpoint_id text, p_overlap_seconds integer default 86400)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select outbox.reveal_endpoint_secret(200, '{}', outbox.rotate_endpoint_secret(
        core.current_account(), core.read_id('ep', p_endpoint_id), make_interval(secs => p_overlap_seconds)
    ))
$$;
comment on function api.rotate_endpoint_secret(text, integer) is
$$Rotate an endpoint's signing secret

The answer holds the new secret, this once. Until the overlap ends (by default a day) every webhook carries a signature by each live
secret. An overlap of 0 ends all others at once.$$;

select core.seed('core.setting', '{name}', '{
    "name": "outbox.endpoints_per_account", "value": 20, "minimum": 0, "maximum": 1000000,
    "description": "integer: endpoints an account may have"}');

select http.register_schema('Endpoint', '{"type": "object", "required": ["id", "url", "description", "event_types",
    "enabled", "paused", "max_in_flight", "rate_per_second", "breaker", "disabled_at", "disabled_reason", "created_at",
    "updated_at"], "properties": {
        "id": {"type": "string", "pattern": "^ep_[0-9a-f]{32}$"}, "url": {"type": "string"},
        "description": {"type": ["string", "null"]},
        "event_types": {"type": "array", "items": {"type": "string"}},
        "enabled": {"type": "boolean"}, "paused": {"type": "boolean"},
        "max_in_flight": {"type": ["integer", "null"]}, "rate_per_second": {"type": ["integer", "null"]},
        "breaker": {"enum": ["closed", "open", "half_open"]},
        "disabled_at": {"type": ["string", "null"], "format": "date-time"},
        "disabled_reason": {"enum": ["gone", "failing", null]},
        "created_at": {"type": "string", "format": "date-time"},
        "updated_at": {"type": ["string", "null"], "format": "date-time"}}}');
select http.register_schema('EndpointSecret', '{"type": "object", "required": ["secret", "generation"], "properties": {
    "secret": {"type": "string", "pattern": "^whsec_[A-Za-z0-9+/]+=*$",
        "description": "by Standard Webhooks; shown this once"},
    "generation": {"type": "integer", "minimum": 1}}}');
select http.register_route('POST', '/api/v1/endpoints', 'api.create_endpoint', p_scopes => '{keys:manage,platform}',
    p_limit_class => 'manage', p_is_sensitive => true, p_domain => 'outbox', p_request_schema => '{"type": "object",
        "additionalProperties": false, "required": ["url"], "properties": {
            "url": {"type": "string", "minLength": 1, "maxLength": 2048},
            "event_types": {"type": "array", "minItems": 1, "maxItems": 50, "items": {
                "type": "string", "maxLength": 100, "pattern": "^([*]|[a-z0-9_]+([.][a-z0-9_]+)*([.][*])?)$"}},
            "description": {"type": ["string", "null"], "maxLength": 200},
            "max_in_flight": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000},
            "rate_per_second": {"type": ["integer", "null"], "minimum": 1, "maximum": 10000}}}',
    p_responses => '{"201": {"schema": {"allOf": [{"$ref": "#/components/schemas/Endpoint"},
        {"$ref": "#/components/schemas/EndpointSecret"}]}}, "400": {}, "409": {}}');
select http.register_route('GET', '/api/v1/endpoints', 'api.list_endpoints',
    p_scopes => '{jobs:read,keys:manage,platform}', p_limit_class => 'read', p_domain => 'outbox',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["endpoints"], "properties": {
        "endpoints": {"type": "array", "items": {"$ref": "#/components/schemas/Endpoint"}}}}}}');
select http.register_route('GET', '/api/v1/endpoints/{endpoint_id}', 'api.get_endpoint',
    p_scopes => '{jobs:read,keys:manage,platform}', p_limit_class => 'read', p_domain => 'outbox',
    p_responses => '{"200": {"schema": {"$ref": "#/components/schemas/Endpoint"}}, "404": {}}');
select http.register_route('PATCH', '/api/v1/endpoints/{endpoint_id}', 'api.change_endpoint',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'manage', p_is_sensitive => true, p_domain => 'outbox',
    p_request_schema => '{"type": "object", "additionalProperties": false, "minProperties": 1, "properties": {
        "url": {"type": "string", "minLength": 1, "maxLength": 2048},
        "event_types": {"type": "array", "minItems": 1, "maxItems": 50, "items": {
            "type": "string", "maxLength": 100, "pattern": "^([*]|[a-z0-9_]+([.][a-z0-9_]+)*([.][*])?)$"}},
        "description": {"type": ["string", "null"], "maxLength": 200},
        "max_in_flight": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000},
        "rate_per_second": {"type": ["integer", "null"], "minimum": 1, "maximum": 10000},
        "enabled": {"type": "boolean"}}}',
    p_responses => '{"200": {"schema": {"$ref": "#/components/schemas/Endpoint"}}, "400": {}, "404": {}}');
select http.register_route('DELETE', '/api/v1/endpoints/{endpoint_id}', 'api.remove_endpoint',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'manage', p_is_sensitive => true, p_domain => 'outbox',
    p_responses => '{"204": {"description": "Deleted"}, "404": {}}');
select http.register_route('POST', '/api/v1/endpoints/{endpoint_id}/pause', 'api.pause_endpoint',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'manage', p_is_sensitive => true, p_domain => 'outbox',
    p_responses => '{"200": {"schema": {"$ref": "#/components/schemas/Endpoint"}}, "404": {}}');
select http.register_route('POST', '/api/v1/endpoints/{endpoint_id}/resume', 'api.resume_endpoint',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'manage', p_is_sensitive => true, p_domain => 'outbox',
    p_responses => '{"200": {"schema": {"$ref": "#/components/schemas/Endpoint"}}, "404": {}}');
select http.register_route('POST', '/api/v1/endpoints/{endpoint_id}/test', 'api.test_endpoint',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'manage', p_domain => 'outbox',
    p_responses => '{"202": {"schema": {"type": "object", "required": ["message_id"], "properties": {
        "message_id": {"type": "string", "pattern": "^msg_[0-9a-f]{32}$"}}}}, "404": {}, "409": {}}');
select http.register_route('GET', '/api/v1/endpoints/{endpoint_id}/secrets', 'api.list_endpoint_secrets',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'read', p_domain => 'outbox',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["secrets"], "properties": {
        "secrets": {"type": "array", "items": {"type": "object",
            "required": ["generation", "created_at", "shown_at", "expires_at"], "properties": {
                "generation": {"type": "integer"}, "created_at": {"type": "string", "format": "date-time"},
                "shown_at": {"type": ["string", "null"], "format": "date-time"},
                "expires_at": {"type": ["string", "null"], "format": "date-time"}}}}}}}, "404": {}}');
select http.register_route('POST', '/api/v1/endpoints/{endpoint_id}/secrets', 'api.reveal_endpoint_secret',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'manage', p_is_sensitive => true, p_domain => 'outbox',
    p_responses => '{"201": {"schema": {"$ref": "#/components/schemas/EndpointSecret"}}, "404": {}, "409": {}}');
select http.register_route('POST', '/api/v1/endpoints/{endpoint_id}/secrets/rotate', 'api.rotate_endpoint_secret',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'manage', p_is_sensitive => true, p_domain => 'outbox',
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "overlap_seconds": {"type": "integer", "minimum": 0, "maximum": 2592000, "default": 86400}}}',
    p_responses => '{"200": {"schema": {"$ref": "#/components/schemas/EndpointSecret"}},
        "400": {}, "404": {}, "409": {}}');
