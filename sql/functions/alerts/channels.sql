-- Where alerts go: channels, and a try of one.

create or replace function alerts.check_settings(p_kind text, p_settings jsonb)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_allowed text[] := case p_kind
        when 'slack' then '{credential}'
        when 'telegram' then '{credential,chat_id,base_url,message_thread_id,is_silent}'
        when 'mail' then '{to}'
        when 'webhook' then '{url}'
    end;
    v_detail text;
    v_name text;
begin
    select k.name into v_name from jsonb_object_keys(p_settings) as k (name) where not k.name = any (v_allowed) limit 1;
    v_detail := case
        when v_allowed is null then 'The kind is slack, telegram, mail or webhook.'
        when v_name is not null then format('%s has no setting %s.', p_kind, quote_literal(left(v_name, 60)))
        when p_kind in ('slack', 'telegram') and not coalesce(
            jsonb_typeof(p_settings -> 'credential') = 'string' and length(p_settings ->> 'credential') <= 64
            and p_settings ->> 'credential' ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$', false
        ) then 'credential is the name of a credential, never its value.'
        when p_kind = 'telegram' and not coalesce(p_settings ->> 'chat_id' ~ '^(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64})$', false)
            then 'chat_id is a number, or the @name of a channel.'
        when p_kind = 'telegram' and not coalesce(
            jsonb_typeof(p_settings -> 'message_thread_id') = 'number' and p_settings ->> 'message_thread_id' ~ '^[0-9]{1,18}$',
            not p_settings ? 'message_thread_id'
        ) then 'message_thread_id is a number.'
        when p_kind = 'telegram' and not coalesce(jsonb_typeof(p_settings -> 'is_silent') = 'boolean', true)
            then 'is_silent is true or false.'
        when p_kind = 'mail' and not coalesce(
            jsonb_typeof(p_settings -> 'to') = 'array' and jsonb_array_length(p_settings -> 'to') >= 1
            and jsonb_array_length(p_settings -> 'to') <= 20
            and not exists (
                select from jsonb_array_elements(p_settings -> 'to') as t (address)
                where jsonb_typeof(t.address) <> 'string' or length(t.address #>> '{}') > 320
                    or t.address #>> '{}' !~ '^[^@[:space:]<>,;"]+@[^@[:space:]<>,;"]+$'
            ), false
        ) then 'to is an array of 1 to 20 mail addresses.'
    end;
    if v_detail is not null then
        raise exception using
            errcode = 'LQ422',
            message = 'these settings are not for a channel of this kind',
            detail = v_detail,
            hint = 'slack: {"credential"}; telegram: {"chat_id", "credential"}, and if wanted base_url, message_thread_id, '
                'is_silent; mail: {"to": […]}; webhook: {"url"}.',
            schema = '{"errors": [{"pointer": "/settings", "rule": "properties"}]}';
    end if;
    if p_kind = 'webhook' or p_settings ? 'base_url' then
        perform outbox.check_url(coalesce(p_settings ->> 'url', p_settings ->> 'base_url'), 'settings', 1900);
    end if;
end;
$$;
comment on function alerts.check_settings(text, jsonb) is
$$Refuse (LQ422) settings that are not for a channel of this kind, and what is no name of a credential.$$;

create or replace function alerts.set_channel(
    p_name text,
    p_kind text,
    p_settings jsonb,
    p_is_enabled boolean default true,
    p_tells_resolve boolean default false,
    p_description text default ''
)
returns alerts.channel
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_channel alerts.channel;
    v_before text;
begin
    perform alerts.check_settings(p_kind, p_settings);
    -- In whose name alerts go out. Two who raise alerts would wait for each other where both had to make it.
    v_before := alerts.enter();
    perform identity.operator_account();
    perform alerts.leave(v_before);
    insert into alerts.channel as c (name, kind, settings, is_enabled, tells_resolve, description, updated_at)
    values (p_name, p_kind, p_settings, p_is_enabled, p_tells_resolve, p_description, core.now())
    on conflict (name) do update
    set
        kind = excluded.kind, settings = excluded.settings, is_enabled = excluded.is_enabled,
        tells_resolve = excluded.tells_resolve, description = excluded.description, updated_at = excluded.updated_at
    returning c.* into v_channel;
    perform audit.record(
        'alerts.set_channel', p_name, null,
        -- No addresses of people in the trail.
        jsonb_build_object(
            'kind', p_kind, 'is_enabled', p_is_enabled, 'tells_resolve', p_tells_resolve,
            'settings', encode(sha256(convert_to(p_settings::text, 'UTF8')), 'hex')
        )
    );
    return v_channel;
end;
$$;
comment on function alerts.set_channel(text, text, jsonb, boolean, boolean, text) is
$$Make a channel of alerts, or change it whole:

select alerts.set_channel('team', 'slack', '{"credential": "SLACK_TEAM"}');
select alerts.set_channel('night-shift', 'telegram', '{"credential": "TELEGRAM_BOT", "chat_id": "-1001234567890"}');
select alerts.set_channel('people', 'mail', '{"to": ["ops@example.com"]}');
select alerts.set_channel('pager', 'webhook', '{"url": "https://pager.example.com/hook"}');

A credential is named here, and kept by the server (LEVQOR_CREDENTIAL_…): for slack the whole URL of the incoming webhook, for
telegram the bot's token. Webhooks are signed by Standard Webhooks with the signing secret of the operator's account. Gives the row.
Raises LQ422.$$;

create or replace function alerts.show_channel(p_channel alerts.channel)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'name', p_channel.name, 'kind', p_channel.kind, 'settings', p_channel.settings, 'is_enabled', p_channel.is_enabled,
        'tells_resolve', p_channel.tells_resolve, 'description', p_channel.description, 'updated_at', p_channel.updated_at
    )
$$;
comment on function alerts.show_channel(alerts.channel) is
$$A channel as clients see it.$$;

create or replace function alerts.test_channel(p_name text, p_message text default 'This is a test.')
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_fingerprint text := 'alerts.test/' || p_name;
    v_before text;
    v_alert alerts.alert;
begin
    if not exists (select from alerts.channel as c where c.name = p_name and c.is_enabled) then
        raise exception using
            errcode = 'LQ404',
            message = 'no such channel, or it is not enabled',
            hint = 'GET /api/admin/alerts/channels lists them.';
    end if;
    v_before := alerts.enter();
    perform pg_advisory_xact_lock(alerts.lock_key(v_fingerprint, null));
    insert into alerts.alert as a (
        fingerprint, level, source, message, facts, state, first_seen_at, last_seen_at, opened_at, resolved_at, resolved_by
    )
    values (
        v_fingerprint, 'info', 'alerts.test', p_message, jsonb_build_object('channel', p_name), 'resolved', core.now(),
        core.now(), core.now(), core.now(), core.current_actor()
    )
    on conflict on constraint alert_fingerprint_key do update
    set
        message = excluded.message, occurrences = a.occurrences + 1, last_seen_at = core.now(),
        resolved_at = core.now(), resolved_by = excluded.resolved_by
    returning a.* into v_alert;
    perform alerts.send(v_alert, p_name, 'test', v_alert.occurrences::text);
    perform alerts.leave(v_before);
    perform audit.record('alerts.test_channel', p_name, null);
    return v_alert.id;
end;
$$;
comment on function alerts.test_channel(text, text) is
$$Try a channel: queue a test alert to it, whatever routes, silences and cool-downs say. Gives the alert's id; the alert is there to
see what became of the message, and counts as resolved. Raises LQ404.$$;

create or replace function api.list_alert_channels()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object('channels', coalesce(jsonb_agg(alerts.show_channel(c) order by c.name), '[]')))
    from alerts.channel as c
$$;
comment on function api.list_alert_channels() is
$$List the channels of alerts$$;

create or replace function api.set_alert_channel(
    p_name text,
    p_kind text,
    p_settings jsonb,
    p_is_enabled boolean default true,
    p_tells_resolve boolean default false,
    p_description text default ''
)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, alerts.show_channel(alerts.set_channel(
        p_name, p_kind, p_settings, p_is_enabled, p_tells_resolve, p_description
    )))
$$;
comment on function api.set_alert_channel(text, text, jsonb, boolean, boolean, text) is
$$Make or change a channel of alerts

The whole of it. settings by kind: slack {"credential"}; telegram {"chat_id", "credential"}, and if wanted base_url,
message_thread_id, is_silent; mail {"to": […]}; webhook {"url"}. A credential is a name: its value is set at the server, as
LEVQOR_CREDENTIAL_… (for slack the whole URL of the incoming webhook, for telegram the bot's token). To take a channel away, disable
it.$$;

create or replace function api.test_alert_channel(p_channel text, p_message text default 'This is a test.')
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id text := core.show_id('alert', alerts.test_channel(p_channel, p_message));
begin
    return http.json(
        202, jsonb_build_object('alert_id', v_id, 'channel', p_channel),
        jsonb_build_object('Location', '/api/admin/alerts/' || v_id)
    );
end;
$$;
comment on function api.test_alert_channel(text, text) is
$$Try a channel of alerts

Sends a test alert there, whatever routes, silences and cool-downs say. What became of the message is at Location.$$;

select http.register_schema('AlertChannel', '{"type": "object", "additionalProperties": false,
    "required": ["name", "kind", "settings", "is_enabled", "tells_resolve", "description", "updated_at"], "properties": {
        "name": {"type": "string"}, "kind": {"enum": ["slack", "telegram", "mail", "webhook"]},
        "settings": {"type": "object"}, "is_enabled": {"type": "boolean"},
        "tells_resolve": {"type": "boolean"}, "description": {"type": "string"},
        "updated_at": {"type": "string", "format": "date-time"}}}');
select http.register_route('GET', '/api/admin/alerts/channels', 'api.list_alert_channels', p_domain => 'alerts',
    p_scopes => '{platform,admin}', p_limit_class => 'manage',
    p_responses => '{"200": {"description": "The channels", "schema": {"type": "object", "additionalProperties": false,
        "required": ["channels"], "properties": {
            "channels": {"type": "array", "items": {"$ref": "#/components/schemas/AlertChannel"}}}}}}');
select http.register_route('PUT', '/api/admin/alerts/channels/{name}', 'api.set_alert_channel', p_domain => 'alerts',
    p_scopes => '{platform,admin}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_parameters => '{"name": {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 63}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["kind", "settings"], "properties": {
        "kind": {"enum": ["slack", "telegram", "mail", "webhook"]},
        "settings": {"type": "object", "examples": [{"credential": "SLACK_TEAM"}]},
        "is_enabled": {"type": "boolean", "default": true},
        "tells_resolve": {"type": "boolean", "default": false,
            "description": "true: it is told too when an alert that it was told of is resolved"},
        "description": {"type": "string", "maxLength": 1000, "default": ""}}}',
    p_responses => '{"200": {"description": "The channel", "schema": {"$ref": "#/components/schemas/AlertChannel"}},
        "422": {}}');
select http.register_route('POST', '/api/admin/alerts/test', 'api.test_alert_channel', p_domain => 'alerts',
    p_scopes => '{platform,admin}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["channel"], "properties": {
        "channel": {"type": "string", "maxLength": 63, "examples": ["team"]},
        "message": {"type": "string", "minLength": 1, "maxLength": 2000, "default": "This is a test."}}}',
    p_responses => '{"202": {"description": "Queued", "schema": {"type": "object", "additionalProperties": false,
        "required": ["alert_id", "channel"], "properties": {
            "alert_id": {"type": "string", "pattern": "^alert_[0-9a-f]{32}$"}, "channel": {"type": "string"}}},
        "headers": {"Location": {"description": "Path of the test alert", "schema": {"type": "string"}}}}, "404": {}}');
