-- What the operator does with alerts: see them, acknowledge, resolve.
--
-- Locks: the advisory lock of the alert, waited for: whoever raises it meanwhile does not wait (see raise.sql).

create or replace function alerts.show_alert(p_alert alerts.alert)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('alert', p_alert.id),
        'account_id', core.show_id('acct', p_alert.account_id),
        'fingerprint', p_alert.fingerprint,
        'level', p_alert.level,
        'source', p_alert.source,
        'message', p_alert.message,
        'facts', p_alert.facts,
        'state', p_alert.state,
        'occurrences', p_alert.occurrences,
        'times_opened', p_alert.times_opened,
        'is_held', p_alert.is_held,
        'first_seen_at', p_alert.first_seen_at,
        'last_seen_at', p_alert.last_seen_at,
        'opened_at', p_alert.opened_at,
        'acknowledged_at', p_alert.acknowledged_at,
        'acknowledged_by', p_alert.acknowledged_by,
        'resolved_at', p_alert.resolved_at,
        'resolved_by', p_alert.resolved_by
    )
$$;
comment on function alerts.show_alert(alerts.alert) is
$$An alert as clients see it.$$;

create or replace function alerts.show_history(p_alert_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'events', coalesce((
            select jsonb_agg(jsonb_build_object(
                'id', e.id, 'kind', e.kind, 'at', e.happened_at, 'actor', e.actor, 'level', e.level, 'channel', e.channel,
                'message_id', core.show_id('msg', e.message_id), 'facts', e.facts
            ) order by e.id)
            from (
                select o.* from alerts.event as o where o.alert_id = p_alert_id order by o.id desc limit 200
            ) as e
        ), '[]')
    )
$$;
comment on function alerts.show_history(uuid) is
$$What became of an alert: the last 200 events, the oldest first.$$;

create or replace function alerts.list_alerts(
    p_state text default null,
    p_level text default null,
    p_source text default null,
    p_account_id uuid default null,
    p_limit integer default 50,
    p_before_id uuid default null
)
returns setof alerts.alert
language plpgsql
stable
security invoker
rows 50
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Only the filters that are given, so that each combination finds its index.
    return query execute
        'select a.* from alerts.alert as a where true'
        || case p_state
            when 'unresolved' then ' and a.state <> ''resolved'''
            when 'resolved' then ' and a.state = ''resolved'''
            when 'open' then ' and a.state = ''open'' and a.state <> ''resolved'''
            when 'acknowledged' then ' and a.state = ''acknowledged'' and a.state <> ''resolved'''
            else ''
        end
        || case when p_level is not null then ' and alerts.rank(a.level) >= alerts.rank($1)' else '' end
        || case when p_source is not null then ' and alerts.matches($2, a.source)' else '' end
        || case when p_account_id is not null then ' and a.account_id = $3' else '' end
        || case when p_before_id is not null then ' and a.id < $5' else '' end
        || ' order by a.id desc limit $4'
    using p_level, p_source, p_account_id, p_limit, p_before_id;
end;
$$;
comment on function alerts.list_alerts(text, text, text, uuid, integer, uuid) is
$$Alerts, those first seen last first; null filters nothing: select id, level, message from alerts.list_alerts('unresolved').

p_state: open, acknowledged, resolved, or unresolved for both of the first. p_level: at least. p_source: * stands for any characters.
p_before_id: the last id of the page before.$$;

create or replace function alerts.lock_alert(p_id uuid)
returns alerts.alert
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_alert alerts.alert;
begin
    select a.* into v_alert from alerts.alert as a where a.id = p_id;
    if found then
        perform pg_advisory_xact_lock(alerts.lock_key(v_alert.fingerprint, v_alert.account_id));
        select a.* into v_alert from alerts.alert as a where a.id = p_id for no key update;
    end if;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such alert';
    end if;
    return v_alert;
end;
$$;
comment on function alerts.lock_alert(uuid) is
$$An alert under its locks, of those that the caller sees. Raises LQ404.$$;

create or replace function alerts.acknowledge(p_id uuid, p_comment text default null)
returns alerts.alert
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_alert alerts.alert := alerts.lock_alert(p_id);
    v_actor text := core.current_actor();
begin
    if v_alert.state = 'resolved' then
        raise exception using
            errcode = 'LQ409',
            message = 'the alert is resolved',
            detail = format('Since %s.', to_jsonb(v_alert.resolved_at) #>> '{}');
    end if;
    if v_alert.state = 'open' then
        update alerts.alert as a
        set state = 'acknowledged', acknowledged_at = core.now(), acknowledged_by = v_actor, is_held = false
        where a.id = p_id
        returning a.* into v_alert;
        perform alerts.note_event(p_id, 'acknowledged', v_alert.level, jsonb_build_object('comment', p_comment));
    end if;
    perform audit.record('alerts.acknowledge', core.show_id('alert', p_id), v_alert.account_id);
    return v_alert;
end;
$$;
comment on function alerts.acknowledge(uuid, text) is
$$Say that somebody is on it: no more messages about the alert, and no escalation, until its level rises or it is resolved and raised
again. Who came first stays. Gives the row. Raises LQ404, and LQ409 when it is resolved.$$;

create or replace function alerts.close(p_id uuid, p_comment text default null)
returns alerts.alert
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_alert alerts.alert := alerts.lock_alert(p_id);
    v_actor text := core.current_actor();
    v_before text;
begin
    if v_alert.state <> 'resolved' then
        v_before := alerts.enter();
        perform alerts.resolve_alert(v_alert, p_comment, v_actor);
        perform alerts.leave(v_before);
        select a.* into v_alert from alerts.alert as a where a.id = p_id;
    end if;
    perform audit.record('alerts.resolve', core.show_id('alert', p_id), v_alert.account_id);
    return v_alert;
end;
$$;
comment on function alerts.close(uuid, text) is
$$Resolve an alert by its id, as the operator does; functions use alerts.resolve(). Raised again, it is opened again. One that is
resolved stays as it is. Gives the row. Raises LQ404.$$;

create or replace function alerts.count_unresolved()
returns table (level text, state text, alerts bigint)
language sql
stable
security invoker
rows 8
set search_path = pg_catalog, pg_temp
as $$
    select l.level, s.state, count(a.id)
    from unnest(array['info', 'warning', 'error', 'critical']) as l (level)
    cross join unnest(array['open', 'acknowledged']) as s (state)
    left join alerts.alert as a on a.state <> 'resolved' and a.state = s.state and a.level = l.level
    group by l.level, s.state
    order by alerts.rank(l.level), s.state desc
$$;
comment on function alerts.count_unresolved() is
$$How many alerts are open and acknowledged, by level: always eight rows.$$;

create or replace function api.list_alerts(
    p_state text default null,
    p_level text default null,
    p_source text default null,
    p_account_id text default null,
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
    v_before_id uuid := core.read_id('alert', p_cursor);
    v_alerts jsonb;
    v_ids uuid[];
    v_next text;
begin
    if p_cursor is not null and v_before_id is null then
        raise exception using
            errcode = 'LQ422',
            message = 'unknown cursor',
            hint = 'Take next_cursor from the page before.';
    end if;
    -- One more than asked for tells whether there is a next page.
    select jsonb_agg(alerts.show_alert(a) order by a.id desc), array_agg(a.id order by a.id desc)
    into v_alerts, v_ids
    from alerts.list_alerts(
        p_state, p_level, p_source, alerts.read_account(p_account_id), p_limit + 1, v_before_id
    ) as a;
    if cardinality(v_ids) > p_limit then
        v_next := core.show_id('alert', v_ids[p_limit]);
        v_alerts := v_alerts - p_limit;
    end if;
    return http.json(200, jsonb_build_object('alerts', coalesce(v_alerts, '[]'), 'next_cursor', v_next));
end;
$$;
comment on function api.list_alerts(text, text, text, text, integer, text) is
$$List alerts

Those first seen last first, in pages: next_cursor leads to the next; null on the last. state: open, acknowledged, resolved, or
unresolved for both of the first. level: at least.$$;

create or replace function api.show_alert(p_alert_id text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_alert alerts.alert;
begin
    select a.* into v_alert from alerts.alert as a where a.id = core.read_id('alert', p_alert_id);
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such alert';
    end if;
    return http.json(200, alerts.show_alert(v_alert) || alerts.show_history(v_alert.id) || jsonb_build_object(
        'deliveries', coalesce((
            select outbox.show_deliveries(o.id, 'alerts', core.show_id('alert', v_alert.id))
            from identity.account as o
            where o.kind = 'operator'
        ), '[]')
    ));
end;
$$;
comment on function api.show_alert(text) is
$$See an alert with what became of it

The last 200 events (opened, sent, acknowledged, …; repetitions are only counted), and the messages with their attempts.$$;

create or replace function api.acknowledge_alert(p_alert_id text, p_comment text default null)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, alerts.show_alert(alerts.acknowledge(core.read_id('alert', p_alert_id), p_comment)))
$$;
comment on function api.acknowledge_alert(text, text) is
$$Acknowledge an alert

Somebody is on it: no more messages and no escalation, until its level rises, or it is resolved and raised again.$$;

create or replace function api.resolve_alert(p_alert_id text, p_comment text default null)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, alerts.show_alert(alerts.close(core.read_id('alert', p_alert_id), p_comment)))
$$;
comment on function api.resolve_alert(text, text) is
$$Resolve an alert

It is over. Raised again, the same alert is opened again.$$;

select http.register_schema('Alert', '{"type": "object",
    "required": ["id", "account_id", "fingerprint", "level", "source", "message", "facts", "state", "occurrences",
        "times_opened", "is_held", "first_seen_at", "last_seen_at", "opened_at", "acknowledged_at", "acknowledged_by",
        "resolved_at", "resolved_by"], "properties": {
        "id": {"type": "string", "pattern": "^alert_[0-9a-f]{32}$"},
        "account_id": {"type": ["string", "null"], "description": "account it is about; null: the deployment"},
        "fingerprint": {"type": "string", "description": "what makes it the same alert"},
        "level": {"$ref": "#/components/schemas/AlertLevel"}, "source": {"type": "string"},
        "message": {"type": "string", "description": "as it was told last"},
        "facts": {"type": "object", "description": "of the last occurrence"},
        "state": {"enum": ["open", "acknowledged", "resolved"]},
        "occurrences": {"type": "integer", "minimum": 1}, "times_opened": {"type": "integer", "minimum": 1},
        "is_held": {"type": "boolean",
            "description": "a message was held back by a silence or the cool-down and is sent when that ends"},
        "first_seen_at": {"type": "string", "format": "date-time"},
        "last_seen_at": {"type": "string", "format": "date-time"},
        "opened_at": {"type": "string", "format": "date-time"},
        "acknowledged_at": {"type": ["string", "null"], "format": "date-time"},
        "acknowledged_by": {"type": ["string", "null"]},
        "resolved_at": {"type": ["string", "null"], "format": "date-time"},
        "resolved_by": {"type": ["string", "null"]}}}');
select http.register_schema('AlertWithHistory', '{"allOf": [{"$ref": "#/components/schemas/Alert"}, {"type": "object",
    "required": ["events", "deliveries"], "properties": {
        "events": {"type": "array", "items": {"type": "object", "additionalProperties": false,
            "required": ["id", "kind", "at", "actor", "level", "channel", "message_id", "facts"], "properties": {
                "id": {"type": "integer"},
                "kind": {"enum": ["raised", "reopened", "level_raised", "silenced", "sent", "not_sent", "not_delivered",
                    "escalated", "acknowledged", "resolved"]},
                "at": {"type": "string", "format": "date-time"}, "actor": {"type": "string"},
                "level": {"type": ["string", "null"]}, "channel": {"type": ["string", "null"]},
                "message_id": {"type": ["string", "null"]}, "facts": {"type": "object"}}}},
        "deliveries": {"type": "array", "items": {"$ref": "#/components/schemas/Delivery"}}}}]}');
select http.register_route('GET', '/api/admin/alerts', 'api.list_alerts', p_domain => 'alerts',
    p_scopes => '{platform,admin}', p_limit_class => 'manage', p_parameters => '{
        "state": {"enum": ["open", "acknowledged", "resolved", "unresolved"]},
        "level": {"enum": ["info", "warning", "error", "critical"], "description": "at least"},
        "source": {"type": "string", "minLength": 1, "maxLength": 100, "description": "* stands for any characters"},
        "account_id": {"type": "string", "maxLength": 64, "description": "only alerts about this account"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
        "cursor": {"type": "string", "pattern": "^alert_[0-9a-f]{32}$"}}',
    p_responses => '{"200": {"description": "A page of alerts", "schema": {"type": "object", "additionalProperties": false,
        "required": ["alerts", "next_cursor"], "properties": {
            "alerts": {"type": "array", "items": {"$ref": "#/components/schemas/Alert"}},
            "next_cursor": {"type": ["string", "null"]}}}}, "422": {}}');
select http.register_route('GET', '/api/admin/alerts/{alert_id}', 'api.show_alert', p_domain => 'alerts',
    p_scopes => '{platform,admin}', p_limit_class => 'manage',
    p_parameters => '{"alert_id": {"type": "string", "maxLength": 64}}',
    p_responses => '{"200": {"description": "The alert", "schema": {"$ref": "#/components/schemas/AlertWithHistory"}},
        "404": {}}');
select http.register_route('POST', '/api/admin/alerts/{alert_id}/' || v.verb, 'api.' || v.verb || '_alert', p_domain => 'alerts',
    p_scopes => '{platform,admin}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_parameters => '{"alert_id": {"type": "string", "maxLength": 64}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "comment": {"type": ["string", "null"], "maxLength": 1000}}}',
    p_responses => v.responses)
from (values
    ('acknowledge', '{"200": {"description": "The alert", "schema": {"$ref": "#/components/schemas/Alert"}}, "404": {}, "409": {}}'::jsonb),
    ('resolve', '{"200": {"description": "The alert", "schema": {"$ref": "#/components/schemas/Alert"}}, "404": {}}'::jsonb)
) as v (verb, responses);
