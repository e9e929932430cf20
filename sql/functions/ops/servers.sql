-- Servers say when they start and, every few seconds, that their reactor is alive.

create or replace function ops.note_server_start(p_server text, p_version text, p_build text default 'dev')
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.enter_machinery();
    insert into ops.server as s (id, started_at, seen_at, version, build)
    values (p_server, core.now(), core.now(), p_version, p_build)
    on conflict (id) do update
    set started_at = excluded.started_at, seen_at = excluded.seen_at,
        version = excluded.version, build = excluded.build;
end;
$$;
comment on function ops.note_server_start(text, text, text) is
$$Note that a server started. p_server: a name no other process has, such as host:pid:time.$$;
grant execute on function ops.note_server_start(text, text, text) to levqor_server;

create or replace function ops.note_server_alive(p_server text)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.enter_machinery();
    update ops.server as s
    set seen_at = greatest(s.seen_at, core.now())
    where s.id = p_server;
    return found;
end;
$$;
comment on function ops.note_server_alive(text) is
$$Note that a server's reactor is alive; every five seconds. False: the server is not known (any more), call
ops.note_server_start.$$;
grant execute on function ops.note_server_alive(text) to levqor_server;

create or replace function ops.list_live_servers()
returns setof ops.server
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select s.*
    from ops.server as s
    where s.seen_at > core.now() - make_interval(secs => core.integer_setting('ops.reactor_silence_seconds'))
    order by s.started_at, s.id
$$;
comment on function ops.list_live_servers() is
$$Servers whose reactor was alive within the setting ops.reactor_silence_seconds, the oldest first.$$;

create or replace function api.show_root()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'ok', true,
        'service', 'levqor',
        'version', s.version,
        'build', s.build
    ))
    from (select) as one
    left join lateral (
        select l.version, l.build from ops.server as l order by l.seen_at desc, l.started_at desc limit 1
    ) as s on true
$$;
comment on function api.show_root() is
$$What answers here

Name, version and build of the service.$$;

create or replace function api.show_uptime()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'uptime_seconds', floor(extract(epoch from core.now() - o.started_at)),
        'start_time', o.started_at,
        'current_time', core.now(),
        'version', n.version,
        'build', n.build
    ))
    from (select) as one
    left join lateral (select l.started_at from ops.list_live_servers() as l order by l.started_at limit 1) as o on true
    left join lateral (
        select l.version, l.build from ops.list_live_servers() as l order by l.started_at desc limit 1
    ) as n on true
$$;
comment on function api.show_uptime() is
$$How long the deployment has been up

Since the start of the oldest server that is alive; version and build are the newest one's. Null while none has reported.$$;

select core.seed('core.setting', '{name}', '{
    "name": "ops.reactor_silence_seconds", "value": 20, "minimum": 1, "maximum": 3600,
    "description": "whole number of seconds after which a server that did not report counts as gone"}');
select http.register_route('GET', '/', 'api.show_root', p_domain => 'ops', p_access => 'public',
    p_responses => '{"200": {"description": "The service", "schema": {"type": "object", "additionalProperties": false,
        "required": ["ok", "service", "version", "build"], "properties": {"ok": {"const": true},
            "service": {"type": "string"}, "version": {"type": ["string", "null"]},
            "build": {"type": ["string", "null"]}}}}}');
select http.register_route('GET', '/ops/uptime', 'api.show_uptime', p_domain => 'ops', p_access => 'public',
    p_responses => '{"200": {"description": "Uptime", "schema": {"type": "object", "additionalProperties": false,
        "required": ["uptime_seconds", "start_time", "current_time", "version", "build"], "properties": {
            "uptime_seconds": {"type": ["integer", "null"], "minimum": 0},
            "start_time": {"type": ["string", "null"], "format": "date-time"},
            "current_time": {"type": "string", "format": "date-time"},
            "version": {"type": ["string", "null"]}, "build": {"type": ["string", "null"]}}}}}');
