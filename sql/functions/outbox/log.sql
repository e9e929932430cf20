-- The delivery log: how messages stand, for clients over HTTP and for people in psql.

create or replace function outbox.message_state(p_account_id uuid, p_id uuid)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        (
            select case when d.lease_token is null then 'pending' else 'sending' end
            from outbox.delivery as d
            where d.account_id = p_account_id and d.message_id = p_id
        ),
        (select 'dead' from outbox.dead_letter as l where l.account_id = p_account_id and l.message_id = p_id),
        (select 'done' from outbox.message as m where m.account_id = p_account_id and m.id = p_id)
    )
$$;
comment on function outbox.message_state(uuid, uuid) is
$$How a message stands: pending (waits), sending (claimed), done (answered 2xx), dead (given up, until replayed). Null: unknown.$$;

create or replace function outbox.show_error(p_kind text, p_error text)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    -- The log has the whole text. It tells what a name resolves to here, which is not for customers.
    select case when p_kind in ('address_refused', 'addressRefused') then 'address refused' else p_error end
$$;
comment on function outbox.show_error(text, text) is
$$Why an attempt failed, as customers may know it.$$;

create or replace function outbox.show_attempts(p_account_id uuid, p_message_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'number', a.number, 'outcome', a.outcome, 'status', a.status, 'kind', a.kind,
        'error', outbox.show_error(a.kind, a.error), 'started_at', a.started_at, 'finished_at', a.finished_at
    ) order by a.number), '[]')
    from outbox.attempt as a
    where a.account_id = p_account_id and a.message_id = p_message_id
$$;
comment on function outbox.show_attempts(uuid, uuid) is
$$The attempts of a message in short, as clients see them.$$;

create or replace function outbox.show_deliveries(p_account_id uuid, p_source_domain text, p_source_id text)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'message_id', core.show_id('msg', m.id),
        'event_type', m.event_type,
        'url', m.url,
        'state', case
            when d.message_id is not null then case when d.lease_token is null then 'pending' else 'sending' end
            when l.message_id is not null then 'dead'
            else 'done'
        end,
        'created_at', m.created_at,
        'due_at', case when d.lease_token is null and d.wake_at < 'infinity' then d.wake_at end,
        'finished_at', case
            when d.message_id is not null then null
            when l.message_id is not null then l.died_at
            else (
                select max(a.finished_at) from outbox.attempt as a where a.account_id = m.account_id and a.message_id = m.id
            )
        end,
        'attempts', outbox.show_attempts(m.account_id, m.id)
    ) order by m.id), '[]')
    from outbox.message as m
    left join outbox.delivery as d on d.account_id = m.account_id and d.message_id = m.id
    left join outbox.dead_letter as l on l.account_id = m.account_id and l.message_id = m.id
    where m.account_id = p_account_id and m.source_domain = p_source_domain and m.source_id = p_source_id
$$;
comment on function outbox.show_deliveries(uuid, text, text) is
$$The messages about one thing with their attempts, as clients see them: an array of the schema Delivery.$$;

create or replace view outbox.message_status with (security_invoker = true) as
select
    m.account_id,
    m.id,
    m.kind,
    m.endpoint_id,
    m.event_type,
    m.source_domain,
    m.source_id,
    m.url,
    case
        when d.message_id is not null then case when d.lease_token is null then 'pending' else 'sending' end
        when l.message_id is not null then 'dead'
        else 'done'
    end as state,
    coalesce(d.attempt, a.number, 0) as attempt,
    coalesce(d.uncounted_attempts, 0) as uncounted_attempts,
    d.max_attempts,
    case when d.lease_token is null then d.wake_at end as due_at,
    case when d.lease_token is not null then d.wake_at end as leased_until,
    a.status as last_status,
    a.error as last_error,
    m.created_at,
    case when d.message_id is null then coalesce(l.died_at, a.finished_at) end as finished_at
from outbox.message as m
left join outbox.delivery as d on d.account_id = m.account_id and d.message_id = m.id
left join outbox.dead_letter as l on l.account_id = m.account_id and l.message_id = m.id
left join lateral (
    select t.number, t.status, t.error, t.finished_at
    from outbox.attempt as t
    where t.account_id = m.account_id and t.message_id = m.id
    order by t.number desc
    limit 1
) as a on true;
comment on view outbox.message_status is
'How messages stand. For the owner: it reads the hot table outbox.delivery, which no report may.';
comment on column outbox.message_status.account_id is 'account of the message';
comment on column outbox.message_status.id is 'the message';
comment on column outbox.message_status.kind is 'transport: http or mail';
comment on column outbox.message_status.endpoint_id is 'endpoint it goes to; null: none';
comment on column outbox.message_status.event_type is 'what it tells';
comment on column outbox.message_status.source_domain is 'domain that sent it';
comment on column outbox.message_status.source_id is 'what it is about';
comment on column outbox.message_status.url is 'where to, when it was written';
comment on column outbox.message_status.state is
'pending: waits; sending: claimed until leased_until; done: answered 2xx; dead: given up, until replayed';
comment on column outbox.message_status.attempt is 'attempts begun';
comment on column outbox.message_status.uncounted_attempts is 'those of them that do not use up the plan; 0 when it is over';
comment on column outbox.message_status.max_attempts is 'counted attempts after which it is dead; null when it is over';
comment on column outbox.message_status.due_at is 'when the next attempt is due; infinity: parked for its endpoint';
comment on column outbox.message_status.leased_until is 'when the claim lapses';
comment on column outbox.message_status.last_status is 'status of the last answer';
comment on column outbox.message_status.last_error is 'why the last attempt gave no answer';
comment on column outbox.message_status.created_at is 'when it was written';
comment on column outbox.message_status.finished_at is 'when it was done or dead';

create or replace view outbox.overview with (security_invoker = true) as
select
    b.account_id,
    b.waiting,
    b.in_flight,
    b.parked,
    b.next_wake_at,
    (select count(*) from outbox.dead_letter as l where l.account_id = b.account_id) as dead,
    (select count(*) from outbox.late_report as r where r.account_id = b.account_id) as late_reports,
    b.measured_at
from outbox.backlog as b;
comment on view outbox.overview is
'What is still to be delivered by account, as the clock measured it last, with what was given up. For reports.';
comment on column outbox.overview.account_id is 'the account';
comment on column outbox.overview.waiting is 'waiting for their time';
comment on column outbox.overview.in_flight is 'on their way';
comment on column outbox.overview.parked is 'held back for an endpoint that is paused, failing or at its limit';
comment on column outbox.overview.next_wake_at is 'earliest time at which one is due, or its lease lapses';
comment on column outbox.overview.dead is 'given up';
comment on column outbox.overview.late_reports is 'reports that came after their lease had passed on';
comment on column outbox.overview.measured_at is 'when the first four were counted';
grant select on outbox.overview to levqor_dba;

create or replace function outbox.measure_backlog(p_limit integer default 100000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_measured bigint;
begin
    delete from outbox.backlog as b
    where not exists (select from outbox.delivery as d where d.account_id = b.account_id);
    insert into outbox.backlog as b (account_id, waiting, in_flight, parked, next_wake_at, measured_at)
    select
        d.account_id,
        count(*) filter (where d.lease_token is null and d.wake_at < 'infinity'),
        count(*) filter (where d.lease_token is not null),
        count(*) filter (where d.wake_at = 'infinity'),
        min(d.wake_at) filter (where d.wake_at < 'infinity'),
        core.now()
    from (
        select n.account_id, n.lease_token, n.wake_at from outbox.delivery as n limit p_limit
    ) as d
    group by d.account_id
    order by d.account_id
    on conflict (account_id) do update
    set
        waiting = excluded.waiting, in_flight = excluded.in_flight, parked = excluded.parked,
        next_wake_at = excluded.next_wake_at, measured_at = excluded.measured_at;
    get diagnostics v_measured = row_count;
    return v_measured;
end;
$$;
comment on function outbox.measure_backlog(integer) is
$$Count what is still to be delivered into outbox.backlog, looking at p_limit deliveries at most. A task of the clock. Gives for how
many accounts.$$;

create or replace function outbox.measure_states(p_limit integer default 100000)
returns table (state text, messages bigint)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select s.state, count(d.state)
    from unnest(array['pending', 'sending', 'dead']) as s (state)
    left join (
        select * from (
            select case when d.lease_token is null then 'pending' else 'sending' end as state
            from outbox.delivery as d
            limit p_limit
        ) as n
        union all
        select * from (select 'dead' from outbox.dead_letter as l limit p_limit) as l
    ) as d on d.state = s.state
    group by s.state
$$;
comment on function outbox.measure_states(integer) is
$$How many messages are not done, by state: pending, sending, dead; looks at p_limit deliveries and p_limit dead letters at most.$$;

create or replace function outbox.oldest_due()
returns timestamptz
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select min(d.wake_at) from outbox.delivery as d where d.wake_at <= core.now() and d.lease_token is null
$$;
comment on function outbox.oldest_due() is
$$Since when the oldest due message has waited; null: none is due.$$;

create or replace function outbox.list_messages(
    p_account_id uuid,
    p_endpoint_id uuid default null,
    p_state text default null,
    p_event_type text default null,
    p_created_after timestamptz default null,
    p_created_before timestamptz default null,
    p_limit integer default 50,
    p_before_id uuid default null
)
returns setof outbox.message
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Only the filters that are given: each combination is planned with its own index. An id's time part is created_at.
    return query execute
        'select m.* from outbox.message as m '
        || case
            when p_state in ('pending', 'sending')
                then 'inner join outbox.delivery as d on d.account_id = m.account_id and d.message_id = m.id '
            when p_state = 'dead'
                then 'inner join outbox.dead_letter as l on l.account_id = m.account_id and l.message_id = m.id '
            else ''
        end
        || 'where m.account_id = $1 and m.is_signed'
        || case p_state
            when 'pending' then ' and d.lease_token is null'
            when 'sending' then ' and d.lease_token is not null'
            when 'done' then
                ' and not exists (select from outbox.delivery as d where d.account_id = m.account_id and d.message_id = m.id)'
                ' and not exists (select from outbox.dead_letter as l where l.account_id = m.account_id and l.message_id = m.id)'
            else ''
        end
        || case when p_endpoint_id is not null then ' and m.endpoint_id = $2' else '' end
        || case when p_event_type is not null then ' and m.event_type = $3' else '' end
        || case when p_created_after is not null then ' and m.id >= outbox.first_id_at($4)' else '' end
        || case when p_created_before is not null then ' and m.id < outbox.first_id_at($5)' else '' end
        || case when p_before_id is not null then ' and m.id < $6' else '' end
        || ' order by m.id desc limit $7'
    using
        p_account_id, p_endpoint_id, p_event_type, p_created_after, p_created_before, p_before_id, p_limit;
end;
$$;
comment on function outbox.list_messages(uuid, uuid, text, text, timestamptz, timestamptz, integer, uuid) is
$$Webhooks of an account, newest first; null filters nothing. p_state: pending, sending, done or dead.

p_created_after: at or after. p_created_before: before. p_before_id: the last id of the page before. Calls to the outside that the
product makes for itself are not among them.$$;

create or replace function outbox.show_message(p_message outbox.message)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'message_id', core.show_id('msg', s.id),
        'endpoint_id', core.show_id('ep', s.endpoint_id),
        'event_type', s.event_type,
        'url', s.url,
        'state', s.state,
        'attempts', s.attempt,
        'last_status', s.last_status,
        'created_at', s.created_at,
        'due_at', case when s.due_at < 'infinity' then s.due_at end,
        'finished_at', s.finished_at
    )
    from outbox.message_status as s
    where s.account_id = p_message.account_id and s.id = p_message.id
$$;
comment on function outbox.show_message(outbox.message) is
$$A webhook as clients see it in a list.$$;

create or replace function outbox.find_message(p_account_id uuid, p_id uuid)
returns outbox.message
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_message outbox.message;
begin
    select m.* into v_message
    from outbox.message as m
    where m.account_id = p_account_id and m.id = p_id and m.is_signed;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such delivery';
    end if;
    return v_message;
end;
$$;
comment on function outbox.find_message(uuid, uuid) is
$$Read a webhook of an account. Raises LQ404.$$;

create or replace function api.list_deliveries(
    p_endpoint text default null,
    p_state text default null,
    p_event_type text default null,
    p_created_after timestamptz default null,
    p_created_before timestamptz default null,
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
    v_before_id uuid := core.read_id('msg', p_cursor);
    v_endpoint_id uuid := core.read_id('ep', p_endpoint);
    v_messages jsonb;
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
    select jsonb_agg(outbox.show_message(m) order by m.id desc), array_agg(m.id order by m.id desc)
    into v_messages, v_ids
    from outbox.list_messages(
        core.current_account(),
        -- An id that can not be is an endpoint without deliveries.
        case when p_endpoint is not null then coalesce(v_endpoint_id, '00000000-0000-0000-0000-000000000000') end,
        p_state, p_event_type, p_created_after, p_created_before, p_limit + 1, v_before_id
    ) as m;
    if cardinality(v_ids) > p_limit then
        v_next := core.show_id('msg', v_ids[p_limit]);
        v_messages := v_messages - p_limit;
    end if;
    return http.json(200, jsonb_build_object('deliveries', coalesce(v_messages, '[]'), 'next_cursor', v_next));
end;
$$;
comment on function api.list_deliveries(text, text, text, timestamptz, timestamptz, integer, text) is
$$List webhook deliveries, newest first

In pages: next_cursor leads to the next one; null on the last. created_after is inclusive, created_before exclusive. Request and
answers are with the single delivery. Kept for 30 days, or as the operator set it.$$;

create or replace function api.get_delivery(p_message_id text)
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, outbox.show_message(m) || jsonb_build_object(
        'request', jsonb_build_object('method', m.method, 'headers', m.headers, 'body', m.body),
        'attempts', coalesce((
            select jsonb_agg(jsonb_build_object(
                'number', a.number, 'outcome', a.outcome, 'status', a.status, 'kind', a.kind,
                'error', outbox.show_error(a.kind, a.error), 'started_at', a.started_at, 'finished_at', a.finished_at,
                'response_headers', a.response_headers, 'response_body', a.response_body, 'timing', a.timing
            ) order by a.number)
            from outbox.attempt as a
            where a.account_id = m.account_id and a.message_id = m.id
        ), '[]')
    ))
    from outbox.find_message(core.current_account(), core.read_id('msg', p_message_id)) as m
$$;
comment on function api.get_delivery(text) is
$$See a webhook delivery with its request and every attempt

The request as it was written: headers of the signature are added when it is sent. Of each answer: status, headers, the first 2048
characters of the body, and milliseconds from the start to the end of each step.$$;

select http.register_route('GET', '/api/v1/deliveries', 'api.list_deliveries',
    p_scopes => '{jobs:read,keys:manage,platform}', p_limit_class => 'read', p_lane => 'alone', p_domain => 'outbox',
    p_parameters => '{
        "endpoint": {"type": "string", "maxLength": 100},
        "state": {"enum": ["pending", "sending", "done", "dead"]},
        "event_type": {"type": "string", "maxLength": 100},
        "created_after": {"type": "string", "format": "date-time"},
        "created_before": {"type": "string", "format": "date-time"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
        "cursor": {"type": "string", "pattern": "^msg_[0-9a-f]{32}$"}}',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["deliveries", "next_cursor"],
        "additionalProperties": false, "properties": {
            "deliveries": {"type": "array", "items": {"$ref": "#/components/schemas/WebhookDelivery"}},
            "next_cursor": {"type": ["string", "null"]}}}}, "400": {}}');
select http.register_route('GET', '/api/v1/deliveries/{message_id}', 'api.get_delivery',
    p_scopes => '{jobs:read,keys:manage,platform}', p_limit_class => 'read', p_domain => 'outbox',
    p_responses => '{"200": {"schema": {"type": "object", "required": ["message_id", "state", "request", "attempts"],
        "properties": {"message_id": {"type": "string"}, "state": {"enum": ["pending", "sending", "done", "dead"]},
            "request": {"type": "object", "required": ["method", "headers", "body"], "properties": {
                "method": {"type": "string"}, "headers": {"type": "object"}, "body": {"type": "string"}}},
            "attempts": {"type": "array", "items": {"type": "object", "required": ["number", "outcome", "status", "kind",
                "error", "started_at", "finished_at", "response_headers", "response_body", "timing"]}}}}},
        "404": {}}');
select http.register_schema('WebhookDelivery', '{"type": "object", "required": ["message_id", "endpoint_id", "event_type",
    "url", "state", "attempts", "last_status", "created_at", "due_at", "finished_at"], "additionalProperties": false,
    "properties": {
        "message_id": {"type": "string", "pattern": "^msg_[0-9a-f]{32}$",
            "description": "the webhook-id of every attempt"},
        "endpoint_id": {"type": ["string", "null"], "description": "null: to the callback_url of one request"},
        "event_type": {"type": "string"}, "url": {"type": "string"},
        "state": {"enum": ["pending", "sending", "done", "dead"]},
        "attempts": {"type": "integer", "minimum": 0, "description": "attempts begun"},
        "last_status": {"type": ["integer", "null"]},
        "created_at": {"type": "string", "format": "date-time"},
        "due_at": {"type": ["string", "null"], "format": "date-time",
            "description": "of the next attempt; null while it is held back for its endpoint"},
        "finished_at": {"type": ["string", "null"], "format": "date-time"}}}');
select http.register_schema('Delivery', '{"type": "object",
    "required": ["message_id", "event_type", "url", "state", "created_at", "due_at", "finished_at", "attempts"],
    "additionalProperties": false, "properties": {
        "message_id": {"type": "string", "pattern": "^msg_[0-9a-f]{32}$",
            "description": "the webhook-id of every attempt"},
        "event_type": {"type": "string"}, "url": {"type": "string"},
        "state": {"enum": ["pending", "sending", "done", "dead"]},
        "created_at": {"type": "string", "format": "date-time"},
        "due_at": {"type": ["string", "null"], "format": "date-time"},
        "finished_at": {"type": ["string", "null"], "format": "date-time"},
        "attempts": {"type": "array", "items": {"type": "object",
            "required": ["number", "outcome", "status", "kind", "error", "started_at", "finished_at"],
            "additionalProperties": false, "properties": {
                "number": {"type": "integer", "minimum": 1},
                "outcome": {"enum": ["delivered", "rejected", "failed", "lost"]},
                "status": {"type": ["integer", "null"]}, "kind": {"type": ["string", "null"]},
                "error": {"type": ["string", "null"]},
                "started_at": {"type": "string", "format": "date-time"},
                "finished_at": {"type": "string", "format": "date-time"}}}}}}');
