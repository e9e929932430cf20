-- The door for webhooks of others: checked, kept, answered; handled later.
--
-- Locks: nothing but the new delivery's key. Two that bring the same event at once: the second waits for the first, and
-- is a repeat.

create or replace function inbox.name_secrets(p_source inbox.source)
returns text[]
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select array(select 'credential/' || s.name from unnest(p_source.secrets) as s (name))
        || case
            when p_source.secret_generation > 0
                then array['derived/' || inbox.name_secret(p_source.id, p_source.secret_generation)]
            else '{}'
        end
        || case
            when p_source.secret_generation > 1 and p_source.secret_previous_until > core.now()
                then array['derived/' || inbox.name_secret(p_source.id, p_source.secret_generation - 1)]
            else '{}'
        end
$$;
comment on function inbox.name_secrets(inbox.source) is
$$Names of the secrets that count now, as http.need_secrets() takes them: the credentials, the derived secret, and the one before while
the overlap lasts.$$;

create or replace function inbox.name_secret(p_source_id uuid, p_generation integer)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select 'inbox/' || p_source_id::text || '/' || p_generation::text
$$;
comment on function inbox.name_secret(uuid, integer) is
$$The name that the server derives a source's secret from.$$;

create or replace function inbox.count_up(p_source_id uuid, p_what text)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into inbox.tally as t (source_id, day, what, times, last_at)
    values (p_source_id, (core.now() at time zone 'UTC')::date, p_what, 1, core.now())
    on conflict (source_id, day, what) do update set times = t.times + 1, last_at = excluded.last_at
$$;
comment on function inbox.count_up(uuid, text) is
$$Count what came and was not kept.$$;

create or replace function inbox.receive(p_source text, p_body bytea, p_headers jsonb, p_secrets jsonb default '{}')
returns inbox.receipt
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source inbox.source;
    v_receipt inbox.receipt;
    v_headers jsonb;
    v_payload jsonb;
    v_names text[];
    v_known text[];
    v_event record;
begin
    select s.* into v_source from inbox.source as s where s.name = p_source and s.deleted_at is null;
    if not found then
        v_receipt.outcome := 'unknown';
        return v_receipt;
    end if;
    if v_source.state = 'disabled'
        or v_source.scheme = 'none' and core.text_setting('core.environment') <> 'development'
    then
        v_receipt.outcome := 'disabled';
        return v_receipt;
    end if;

    v_headers := inbox.clean_headers(p_headers);
    if v_source.scheme <> 'none' then
        v_names := inbox.name_secrets(v_source);
        if not coalesce(p_secrets, '{}') ?& v_names then
            v_receipt.outcome := 'secrets';
            v_receipt.secrets := v_names;
            return v_receipt;
        end if;
        v_known := array(select p_secrets ->> n.name from unnest(v_names) as n (name) where p_secrets ->> n.name <> '');
        if v_known = '{}' then
            perform inbox.count_up(v_source.id, 'secret');
            v_receipt.outcome := 'unready';
            return v_receipt;
        end if;
        v_receipt.reason := inbox.find_signature_fault(
            v_source.scheme, v_known, v_source.tolerance_seconds, v_headers, p_body
        );
    end if;
    if v_receipt.reason is null then
        v_payload := inbox.read_json(p_body);
        v_event := inbox.identify(v_source.scheme, v_headers, v_payload);
        if v_event.event_id is null then
            v_receipt.reason := 'event';
        end if;
    end if;
    if v_receipt.reason is not null then
        perform inbox.count_up(v_source.id, v_receipt.reason);
        v_receipt.outcome := 'refused';
        return v_receipt;
    end if;

    v_receipt.delivery_id := core.new_id();
    -- Not "on conflict": that would need the right to see the other row, which nobody's caller has.
    begin
        insert into inbox.delivery (
            id, source_id, account_id, event_id, event_type, event_at, headers, body, received_at, request_id, due_at
        )
        values (
            v_receipt.delivery_id, v_source.id, v_source.account_id, v_event.event_id, v_event.event_type, v_event.event_at,
            v_headers, p_body, core.now(), core.current_request(), core.now()
        );
        v_receipt.outcome := 'accepted';
    exception
        when unique_violation then
            v_receipt.outcome := 'repeated';
            v_receipt.delivery_id := null;
    end;
    if v_receipt.outcome = 'repeated' then
        perform inbox.count_up(v_source.id, 'repeated');
    end if;
    return v_receipt;
end;
$$;
comment on function inbox.receive(text, bytea, jsonb, jsonb) is
$$Take a webhook in: find the source, check the signature, keep the event unless it is here already. Nothing is handled yet.

p_headers: by name. p_secrets: {"credential/NAME": "value", "derived/NAME": "value"}, where null stands for one that is not known;
without those of the source nothing is checked, and the receipt names them. They are bound, compared and forgotten.$$;

create or replace function api.receive_webhook(p_source text, p_body bytea, p_headers jsonb, p_secrets jsonb)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_receipt inbox.receipt := inbox.receive(p_source, p_body, p_headers, p_secrets);
begin
    return case v_receipt.outcome
        when 'accepted' then http.json(202, jsonb_build_object(
            'received', true, 'repeated', false, 'id', core.show_id('rcv', v_receipt.delivery_id)
        ))
        when 'repeated' then http.json(200, '{"received": true, "repeated": true}')
        when 'secrets' then http.need_secrets(v_receipt.secrets)
        when 'unknown' then http.problem('LQ404', 'no such source')
        when 'disabled' then http.problem('LQ410', 'nothing is received here any more')
        when 'unready' then http.problem(
            'LQ503', 'the signature can not be checked just now', p_hint => 'Send it again later.'
        )
        else case v_receipt.reason
            when 'event' then http.problem('LQ422', 'the event has no id of 1 to 255 characters')
            else http.problem(
                'LQSIG',
                case v_receipt.reason
                    when 'headers' then 'the headers of the signature are missing or malformed'
                    when 'time' then 'it was signed too long ago, or in the future'
                    else 'the signature does not fit'
                end,
                p_headers => '{"WWW-Authenticate": "Signature realm=\"inbox\""}'
            )
        end
    end;
end;
$$;
comment on function api.receive_webhook(text, bytea, jsonb, jsonb) is
$$Receive a webhook

For senders whose webhooks the operator has made a source for. The body is whatever was signed; the signature stands in the headers,
by the scheme of the source: Stripe-Signature, webhook-id with webhook-timestamp and webhook-signature (Standard Webhooks), or
X-Hub-Signature-256.

202: kept, and handled soon. 200: this event is here already, and is not handled again. 401: the signature does not fit, or is too
old. Anything else than 2xx: send it again later.$$;

select core.seed_error_codes('[
  {"sqlstate": "LQSIG", "status": 401, "slug": "signature-invalid", "title": "The signature is not good", "is_shown": true},
  {"sqlstate": "LQ410", "status": 410, "slug": "gone", "title": "Not here any more", "is_shown": true}
]');
select core.seed('limits.policy', '{name}', '{
    "name": "inbox-address", "scope": "address", "route_class": "inbox", "quota": 6000, "burst": 1000, "window_seconds": 60}');
select http.register_schema('WebhookReceipt', '{"type": "object", "required": ["received", "repeated"],
    "additionalProperties": false, "properties": {
        "received": {"const": true},
        "repeated": {"type": "boolean", "description": "whether the event was here already"},
        "id": {"type": "string", "pattern": "^rcv_[0-9a-f]{32}$", "description": "of the delivery, unless repeated"}}}');
select http.register_route('POST', '/api/v1/inbox/{source}', 'api.receive_webhook', p_domain => 'inbox', p_access => 'public',
    p_limit_class => 'inbox', p_lane => 'alone', p_body_cap => 1048576, p_body_kind => 'raw',
    p_parameters => '{"source": {"type": "string", "maxLength": 63, "description": "name of the source"}}',
    p_responses => '{
        "200": {"description": "Here already", "schema": {"$ref": "#/components/schemas/WebhookReceipt"}},
        "202": {"description": "Kept", "schema": {"$ref": "#/components/schemas/WebhookReceipt"}},
        "401": {"description": "The signature does not fit"}, "410": {"description": "The source is disabled"}}');
