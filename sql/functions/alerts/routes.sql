-- Which alerts go to which channels, and in which windows to none.

create or replace trigger route_notes_local_columns
before update on alerts.route
for each row execute function core.note_local_columns();

create or replace trigger escalation_notes_local_columns
before update on alerts.escalation
for each row execute function core.note_local_columns();

create or replace function alerts.names_channel(p_channels text[], p_channel alerts.channel)
returns boolean
language sql
immutable
security invoker
as $$
    select p_channel.name = any (p_channels)
        or '@all' = any (p_channels)
        or '@' || p_channel.kind = any (p_channels)
        or p_channel.kind in ('slack', 'telegram') and '@chat' = any (p_channels)
$$;
comment on function alerts.names_channel(text[], alerts.channel) is
$$Whether a route's list of channels names one: by its name, its kind (@slack, @telegram, @mail, @webhook), @chat or @all.$$;

create or replace function alerts.list_targets(p_alert alerts.alert)
returns table (channel text, cool_down interval, route text)
language sql
stable
security invoker
rows 5
set search_path = pg_catalog, pg_temp
as $$
    with fitting as (
        select
            r.*,
            coalesce(bool_or(r.is_last) over (
                order by r.position, r.name rows between unbounded preceding and 1 preceding
            ), false) as is_behind_last
        from alerts.route as r
        where r.is_enabled and alerts.rank(r.level) <= alerts.rank(p_alert.level)
            and alerts.matches(r.source, p_alert.source)
            and (r.only_account_id is null or r.only_account_id = p_alert.account_id)
    )
    select distinct on (c.name) c.name, f.cool_down, f.name
    from fitting as f
    inner join alerts.channel as c on alerts.names_channel(f.channels, c)
    where not f.is_behind_last and c.is_enabled
        -- That a channel does not get through is told by the others.
        and not (p_alert.source = 'alerts.channel' and p_alert.facts ->> 'channel' = c.name)
    order by c.name, f.position, f.name
$$;
comment on function alerts.list_targets(alerts.alert) is
$$Which channels an alert goes to, by alerts.route: the rows that fit, by position, up to one that is last. Where two name a channel,
the first says its cool-down.$$;

create or replace function alerts.find_silence(p_alert alerts.alert)
returns uuid
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select s.id
    from alerts.silence as s
    where s.until_at > core.now() and s.from_at <= core.now() and s.ended_at is null
        and alerts.rank(s.level) >= alerts.rank(p_alert.level)
        and alerts.matches(s.source, p_alert.source)
        and (s.fingerprint is null or s.fingerprint = p_alert.fingerprint)
        and (s.only_account_id is null or s.only_account_id = p_alert.account_id)
    order by s.until_at desc
    limit 1
$$;
comment on function alerts.find_silence(alerts.alert) is
$$The silence that keeps an alert from the channels now, the one that ends last; null: none.$$;

create or replace function alerts.check_channels(p_channels text[])
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_unknown text;
begin
    select c.name into v_unknown
    from unnest(p_channels) as c (name)
    where c.name is null
        or c.name not in ('@slack', '@telegram', '@chat', '@mail', '@webhook', '@all')
        and not exists (select from alerts.channel as k where k.name = c.name)
    limit 1;
    if found then
        raise exception using
            errcode = 'LQ422',
            message = 'there is no such channel',
            detail = format('Got %s.', coalesce(quote_literal(v_unknown), 'null')),
            hint = 'Name channels that are there, or @slack, @telegram, @chat, @mail, @webhook, @all.',
            schema = '{"errors": [{"pointer": "/channels", "rule": "enum"}]}';
    end if;
end;
$$;
comment on function alerts.check_channels(text[]) is
$$Refuse (LQ422) a list with a channel that is not there.$$;

create or replace function alerts.set_route(
    p_name text,
    p_position integer,
    p_channels text[],
    p_level text default 'info',
    p_source text default '*',
    p_account_id uuid default null,
    p_cool_down interval default interval '1 hour',
    p_is_last boolean default false,
    p_is_enabled boolean default true,
    p_description text default ''
)
returns alerts.route
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_route alerts.route;
begin
    perform alerts.check_channels(p_channels);
    insert into alerts.route as r (
        name, position, level, source, only_account_id, channels, cool_down, is_last, is_enabled, description
    )
    values (
        p_name, p_position, p_level, p_source, p_account_id, p_channels, p_cool_down, p_is_last, p_is_enabled, p_description
    )
    on conflict (name) do update
    set
        position = excluded.position, level = excluded.level, source = excluded.source,
        only_account_id = excluded.only_account_id, channels = excluded.channels, cool_down = excluded.cool_down,
        is_last = excluded.is_last, is_enabled = excluded.is_enabled, description = excluded.description
    returning r.* into v_route;
    perform audit.record('alerts.set_route', p_name, null, alerts.show_route(v_route) - 'name' - 'description');
    return v_route;
end;
$$;
comment on function alerts.set_route(
    text, integer, text[], text, text, uuid, interval, boolean, boolean, text
) is
$$Make a route of alerts, or change it whole. The arguments are the columns of alerts.route. Felt by the next alert. Gives the row.

Raises LQ422 for a channel that is not there.$$;

create or replace function alerts.show_route(p_route alerts.route)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'name', p_route.name,
        'position', p_route.position,
        'level', p_route.level,
        'source', p_route.source,
        'account_id', core.show_id('acct', p_route.only_account_id),
        'channels', to_jsonb(p_route.channels),
        'cool_down_seconds', extract(epoch from p_route.cool_down)::bigint,
        'is_last', p_route.is_last,
        'is_enabled', p_route.is_enabled,
        'description', p_route.description
    )
$$;
comment on function alerts.show_route(alerts.route) is
$$A route as clients see it.$$;

create or replace function alerts.read_account(p_account_id text)
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := core.read_id('acct', p_account_id);
begin
    if p_account_id is not null and v_id is null then
        raise exception using
            errcode = 'LQ422',
            message = '"account_id" is no id of an account',
            hint = 'Give it as acct_… with 32 hexadecimal digits.',
            schema = '{"errors": [{"pointer": "/account_id", "rule": "pattern"}]}';
    end if;
    return v_id;
end;
$$;
comment on function alerts.read_account(text) is
$$Read the id of an account that a client sent; null for null. Raises LQ422 for what is none.$$;

create or replace function api.list_alert_routes()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'routes', coalesce(jsonb_agg(alerts.show_route(r) order by r.position, r.name), '[]')
    ))
    from alerts.route as r
$$;
comment on function api.list_alert_routes() is
$$List the routes of alerts

In the order in which they are looked at. Each that fits an alert adds its channels, until one that is last.$$;

create or replace function api.set_alert_route(
    p_name text,
    p_position integer,
    p_channels text[],
    p_level text default 'info',
    p_source text default '*',
    p_account_id text default null,
    p_cool_down_seconds integer default 3600,
    p_is_last boolean default false,
    p_is_enabled boolean default true,
    p_description text default ''
)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, alerts.show_route(alerts.set_route(
        p_name, p_position, p_channels, p_level, p_source, alerts.read_account(p_account_id),
        make_interval(secs => p_cool_down_seconds), p_is_last, p_is_enabled, p_description
    )))
$$;
comment on function api.set_alert_route(
    text, integer, text[], text, text, text, integer, boolean, boolean, text
) is
$$Make or change a route of alerts

The whole of it: what is left out gets its default. Felt by the next alert. To take a route away, disable it.$$;

select core.seed('alerts.route', '{name}', r.route)
from jsonb_array_elements('[
    {"name": "default-critical", "position": 900, "level": "critical", "channels": ["@all"], "is_last": true,
        "cool_down": "15 minutes", "description": "critical: every channel"},
    {"name": "default-error", "position": 910, "level": "error", "channels": ["@chat", "@mail"], "is_last": true,
        "cool_down": "1 hour", "description": "error: chat and mail"},
    {"name": "default-warning", "position": 920, "level": "warning", "channels": ["@chat"], "is_last": true,
        "cool_down": "4 hours", "description": "warning: chat"},
    {"name": "default-info", "position": 930, "level": "info", "channels": [], "is_last": true,
        "cool_down": "1 day", "description": "info: kept, and nobody is told"}
]') as r (route);
select core.seed('alerts.escalation', '{name}', e.escalation)
from jsonb_array_elements('[
    {"name": "critical-again", "level": "critical", "after": "15 minutes", "channels": ["@all"], "times": 4,
        "description": "critical and acknowledged by nobody: every channel again, each 15 minutes, four times"},
    {"name": "error-again", "level": "error", "after": "4 hours", "channels": ["@chat", "@mail"], "times": 1,
        "description": "error and acknowledged by nobody for four hours: chat and mail once more"}
]') as e (escalation);

select http.register_schema('AlertLevel', '{"enum": ["info", "warning", "error", "critical"]}');
select http.register_schema('AlertRoute', '{"type": "object", "additionalProperties": false,
    "required": ["name", "position", "level", "source", "account_id", "channels", "cool_down_seconds", "is_last", "is_enabled",
        "description"], "properties": {
        "name": {"type": "string"}, "position": {"type": "integer"},
        "level": {"$ref": "#/components/schemas/AlertLevel"}, "source": {"type": "string"},
        "account_id": {"type": ["string", "null"], "pattern": "^acct_[0-9a-f]{32}$"},
        "channels": {"type": "array", "items": {"type": "string"}}, "cool_down_seconds": {"type": "integer"},
        "is_last": {"type": "boolean"}, "is_enabled": {"type": "boolean"}, "description": {"type": "string"}}}');
select http.register_route('GET', '/api/admin/alerts/routes', 'api.list_alert_routes', p_domain => 'alerts',
    p_scopes => '{platform,admin}', p_limit_class => 'manage',
    p_responses => '{"200": {"description": "The routes", "schema": {"type": "object", "additionalProperties": false,
        "required": ["routes"], "properties": {
            "routes": {"type": "array", "items": {"$ref": "#/components/schemas/AlertRoute"}}}}}}');
select http.register_route('PUT', '/api/admin/alerts/routes/{name}', 'api.set_alert_route', p_domain => 'alerts',
    p_scopes => '{platform,admin}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_parameters => '{"name": {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 63}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["position", "channels"], "properties": {
        "position": {"type": "integer", "minimum": 0, "maximum": 1000000, "examples": [100],
            "description": "order in which routes are looked at; those of the product begin at 900"},
        "channels": {"type": "array", "maxItems": 50, "items": {"type": "string", "pattern": "^@?[a-z0-9]+(-[a-z0-9]+)*$"},
            "examples": [["@chat", "night-shift"]],
            "description": "names of channels, or @slack, @telegram, @chat, @mail, @webhook, @all; empty: kept only"},
        "level": {"enum": ["info", "warning", "error", "critical"], "default": "info", "description": "at least"},
        "source": {"type": "string", "minLength": 1, "maxLength": 100, "default": "*", "examples": ["billing.*"],
            "description": "* stands for any characters"},
        "account_id": {"type": ["string", "null"], "maxLength": 64, "description": "alerts about this account only"},
        "cool_down_seconds": {"type": "integer", "minimum": 0, "maximum": 2678400, "default": 3600},
        "is_last": {"type": "boolean", "default": false}, "is_enabled": {"type": "boolean", "default": true},
        "description": {"type": "string", "maxLength": 1000, "default": ""}}}',
    p_responses => '{"200": {"description": "The route", "schema": {"$ref": "#/components/schemas/AlertRoute"}}, "422": {}}');
