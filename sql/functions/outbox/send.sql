-- Write messages; show and redrive them.

create or replace function outbox.check_url(p_url text, p_name text default 'url', p_longest integer default 2048)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_authority text := substring(p_url from '^[^:]*://([^/?#]*)');
    v_port text := substring(v_authority from '^(?:\[[^\]]*\]|[^\[][^:]*):(.*)$');
    v_detail text;
begin
    v_detail := case
        when p_url is null or p_url = '' then 'It is empty.'
        when length(p_url) > p_longest then format('It is longer than %s characters.', p_longest)
        when p_url !~ '^[!-\[\]-~]+$' then 'It holds a character other than printable ASCII, or a backslash.'
        when p_url !~* '^https?://' then 'It starts with neither http:// nor https://.'
        when v_authority like '%@%' then 'It holds a user name or password.'
        when v_authority ~ '^(\[\])?(:|$)' then 'It names no host.'
        when v_authority like '[%' and v_authority !~ '^\[[^\[\]]*:[^\[\]]*\](:|$)'
            or v_authority !~ '^\[' and v_authority ~ '[\[\]]'
            then 'Its brackets hold no IPv6 address.'
        -- A colon with nothing behind it means the scheme's own port.
        when v_port <> '' and (
            v_port !~ '^0*[0-9]{1,5}$' or v_port ~ '^0+$' or ltrim(v_port, '0')::integer > 65535
        ) then 'Its port is no number from 1 to 65535.'
    end;
    if v_detail is not null then
        raise exception using
            errcode = 'LQ422',
            message = format('"%s" is no URL that can be called', p_name),
            detail = v_detail,
            hint = 'Give an absolute http or https URL, with anything else percent-encoded.',
            schema = jsonb_build_object('errors', jsonb_build_array(
                jsonb_build_object('pointer', '/' || p_name, 'rule', 'pattern')
            ))::text;
    end if;
end;
$$;
comment on function outbox.check_url(text, text, integer) is
$$Refuse a URL that no message can go to: other than absolute http or https, with user name or password, without a host, with a
port that is none, too long. Raises LQ422.

p_name: what the client calls it. Whether its address is allowed is checked when the connection is made.$$;

create or replace function outbox.count_plan()
returns integer
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_array_length(core.setting('outbox.retry_plan')) + 1
$$;
comment on function outbox.count_plan() is
$$How many attempts the retry plan allows: the first, and one after each wait.$$;

create or replace function outbox.send_webhook(
    p_account_id uuid,
    p_url text,
    p_event_type text,
    p_data jsonb,
    p_source_domain text default null,
    p_source_id text default null
)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := core.new_id();
begin
    perform outbox.check_url(p_url);
    insert into outbox.message (
        account_id, id, event_type, source_domain, source_id, url, headers, body, max_attempts, due_at, created_at
    )
    values (
        p_account_id, v_id, p_event_type, p_source_domain, p_source_id, p_url,
        jsonb_build_object('Content-Type', 'application/json', 'User-Agent', core.text_setting('outbox.user_agent')),
        -- Text, in the order of the specification: these very bytes are signed and sent.
        format(
            '{"type":%s,"timestamp":"%s","data":%s}',
            to_json(p_event_type),
            to_char(core.now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            coalesce(p_data, '{}')
        ),
        outbox.count_plan(), core.now(), core.now()
    );
    perform core.hint('outbox');
    return v_id;
end;
$$;
comment on function outbox.send_webhook(uuid, text, text, jsonb, text, text) is
$$Send a webhook by Standard Webhooks 1.0.0, signed with the account's secret, once this transaction commits.
Gives the message's id.

p_event_type: such as thing.verb. p_data: what the receiver gets under "data". p_source_domain, p_source_id: what it is about,
to find its deliveries by. Raises LQ422 for a URL that can not be called.$$;

create or replace function outbox.redrive_message(p_account_id uuid, p_id uuid)
returns outbox.message
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_message outbox.message;
begin
    update outbox.message as m
    set
        state = 'pending',
        due_at = core.now(),
        finished_at = null,
        uncounted_attempts = m.attempt,
        max_attempts = outbox.count_plan()
    where m.account_id = p_account_id and m.id = p_id and m.state = 'dead'
    returning m.* into v_message;
    if not found then
        select m.* into v_message from outbox.message as m where m.account_id = p_account_id and m.id = p_id;
        if not found then
            raise exception using errcode = 'LQ404', message = 'no such message';
        end if;
        raise exception using
            errcode = 'LQ409',
            message = 'only a dead message can be redriven',
            detail = format('It is %s.', v_message.state);
    end if;
    perform core.hint('outbox');
    return v_message;
end;
$$;
comment on function outbox.redrive_message(uuid, uuid) is
$$Send a dead message again, from the start of the retry plan, with the same id. Raises LQ404, and LQ409 when it is not dead.$$;

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
        'state', m.state,
        'created_at', m.created_at,
        'due_at', case when m.state = 'pending' then m.due_at end,
        'finished_at', m.finished_at,
        'attempts', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'number', a.number, 'outcome', a.outcome, 'status', a.status, 'kind', a.kind,
                -- The log has the whole text. It tells what a name resolves to here, which is not for customers.
                'error', case
                    when a.kind in ('address_refused', 'addressRefused') then 'address refused' else a.error
                end,
                'started_at', a.started_at, 'finished_at', a.finished_at
            ) order by a.number), '[]')
            from outbox.attempt as a
            where a.account_id = m.account_id and a.message_id = m.id
        )
    ) order by m.id), '[]')
    from outbox.message as m
    where m.account_id = p_account_id and m.source_domain = p_source_domain and m.source_id = p_source_id
$$;
comment on function outbox.show_deliveries(uuid, text, text) is
$$The messages about one thing with their attempts, as clients see them: an array of the schema Delivery.$$;

create or replace view outbox.overview with (security_invoker = true) as
select
    m.account_id,
    m.event_type,
    count(*) filter (where m.state = 'pending') as pending,
    count(*) filter (where m.state = 'sending') as sending,
    count(*) filter (where m.state = 'done') as done,
    count(*) filter (where m.state = 'dead') as dead,
    min(m.wake_at) filter (where m.state in ('pending', 'sending')) as next_wake_at,
    sum(m.late_reports) as late_reports
from outbox.message as m
group by m.account_id, m.event_type;
comment on view outbox.overview is
'Messages by account and event type: how many in each state, and when the next one is due. Reads the whole table.';
comment on column outbox.overview.account_id is 'the account';
comment on column outbox.overview.event_type is 'what the messages tell';
comment on column outbox.overview.pending is 'waiting for their time';
comment on column outbox.overview.sending is 'on their way';
comment on column outbox.overview.done is 'delivered';
comment on column outbox.overview.dead is 'given up';
comment on column outbox.overview.next_wake_at is 'earliest time at which one is due, or its lease lapses';
comment on column outbox.overview.late_reports is 'reports that came after their lease had passed on';
grant select on outbox.overview to levqor_dba;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "outbox.retry_plan", "value": [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400],
     "description":
        "array of integers: seconds to wait after each failed attempt; when it is used up, the message is dead"},
    {"name": "outbox.retry_jitter", "value": 0.1,
     "description": "number: share by which each wait is lengthened or shortened at random"},
    {"name": "outbox.longest_retry_after", "value": 86400,
     "description": "integer: seconds; a longer Retry-After of a receiver is cut to this"},
    {"name": "outbox.timeout_ms", "value": 20000, "description": "integer: milliseconds an attempt may take in all"},
    {"name": "outbox.response_cap", "value": 65536, "description": "integer: bytes of an answer that are read at most"},
    {"name": "outbox.user_agent", "value": "LevqorPG-Webhooks/1.0", "description": "text: User-Agent of webhooks"}
]') as s (setting);

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
