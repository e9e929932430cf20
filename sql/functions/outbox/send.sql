-- Write messages. Each writes the message and its delivery in one statement, in the transaction of what it tells.

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

create or replace function outbox.put_messages(p_messages outbox.message[], p_max_attempts integer default null)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_max_attempts integer := coalesce(p_max_attempts, outbox.count_plan());
begin
    -- Mostly made days ahead.
    if to_regclass('outbox.message_' || to_char(clock_timestamp() at time zone 'UTC', 'YYYYMMDD')) is null then
        perform outbox.make_day((clock_timestamp() at time zone 'UTC')::date);
    end if;
    with due as (
        insert into outbox.delivery (
            account_id, message_id, endpoint_id, wake_at, max_attempts, is_mail, has_receiver, account_hash
        )
        select
            m.account_id, m.id, m.endpoint_id, m.created_at, v_max_attempts, m.kind = 'mail', m.receiver is not null,
            uuid_hash_extended(m.account_id, 0)
        from unnest(p_messages) as m
    )
    insert into outbox.message (
        account_id, id, kind, endpoint_id, event_type, source_domain, source_id, method, url, headers, body, is_signed,
        signer, mail, receiver, receiver_context, created_at
    )
    select
        m.account_id, m.id, m.kind, m.endpoint_id, m.event_type, m.source_domain, m.source_id, m.method, m.url,
        m.headers, m.body, m.is_signed, m.signer, m.mail, m.receiver, m.receiver_context, m.created_at
    from unnest(p_messages) as m;
    perform core.hint('outbox', cardinality(p_messages));
end;
$$;
comment on function outbox.put_messages(outbox.message[], integer) is
$$Write messages that are whole and right, and let them be due at once. For the functions outbox.send_*.

p_max_attempts: counted attempts after which they are dead; null: as many as the retry plan has.$$;

create or replace function outbox.check_event_types(p_event_types text[])
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_type text;
begin
    select t.event_type into v_type
    from unnest(p_event_types) as t (event_type)
    where t.event_type is null or t.event_type !~ '^[a-z0-9_]+(\.[a-z0-9_]+)*$' or length(t.event_type) > 100
    limit 1;
    if found then
        raise exception using
            errcode = 'LQ422',
            message = 'that is no event type',
            detail = format('Got %s.', coalesce(quote_literal(v_type), 'none')),
            hint = 'Give words in lower case joined by dots, such as thing.done, up to 100 characters.';
    end if;
end;
$$;
comment on function outbox.check_event_types(text[]) is
$$Refuse what is no dotted event type such as thing.verb. Raises LQ422.$$;

create or replace function outbox.render_event(p_event_type text, p_data jsonb)
returns text
language sql
stable
security invoker
as $$
    -- Text, in the order of the specification: these very bytes are signed and sent.
    select '{"type":' || pg_catalog.to_json(p_event_type)::text || ',"timestamp":"'
        || pg_catalog.to_char(core.now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '","data":'
        || coalesce(p_data, '{}')::text || '}'
$$;
comment on function outbox.render_event(text, jsonb) is
$$The body of a webhook by Standard Webhooks: type, timestamp, data.$$;

create or replace function outbox.webhook_headers()
returns jsonb
language sql
stable
security invoker
as $$
    select pg_catalog.jsonb_build_object(
        'Content-Type', 'application/json', 'User-Agent', core.text_setting('outbox.user_agent')
    )
$$;
comment on function outbox.webhook_headers() is
$$The headers that every webhook has; the server adds those of the signature.$$;

create or replace function outbox.send_webhooks(
    p_account_ids uuid[],
    p_urls text[],
    p_event_type text[],
    p_data jsonb[],
    p_source_domain text default null,
    p_source_ids text[] default null
)
returns uuid[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_messages outbox.message[];
    v_headers jsonb := outbox.webhook_headers();
    v_now timestamptz := core.now();
begin
    perform outbox.check_url(u.url) from (select distinct n.url from unnest(p_urls) as n (url)) as u;
    perform outbox.check_event_types(array(select distinct n.event_type from unnest(p_event_type) as n (event_type)));
    select array_agg(
        row(
            w.account_id, core.new_id(), 'http', null, w.event_type, case when w.source_id is not null then p_source_domain end,
            w.source_id, 'POST', w.url, v_headers, outbox.render_event(w.event_type, w.data), true, null, null, null, null,
            v_now
        )::outbox.message
        order by w.place
    )
    into v_messages
    from unnest(p_account_ids, p_urls, p_event_type, p_data, p_source_ids) with ordinality as w (
        account_id, url, event_type, data, source_id, place
    );
    if v_messages is null then
        return '{}';
    end if;
    perform outbox.put_messages(v_messages);
    return array(select m.id from unnest(v_messages) with ordinality as m order by m.ordinality);
end;
$$;
comment on function outbox.send_webhooks(uuid[], text[], text[], jsonb[], text, text[]) is
$$Send many webhooks by Standard Webhooks 1.0.0, each signed with its account's secret, once this transaction commits. Gives the
messages' ids, in the order of the arguments, which are of one length.

p_event_type: such as thing.verb. p_data: what each receiver gets under "data". p_source_domain, p_source_ids: what they are about,
to find their deliveries by. Raises LQ422 for a URL that can not be called.$$;

create or replace function outbox.send_webhook(
    p_account_id uuid,
    p_url text,
    p_event_type text,
    p_data jsonb,
    p_source_domain text default null,
    p_source_id text default null
)
returns uuid
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select (outbox.send_webhooks(
        array[p_account_id], array[p_url], array[p_event_type], array[p_data], p_source_domain, array[p_source_id]
    ))[1]
$$;
comment on function outbox.send_webhook(uuid, text, text, jsonb, text, text) is
$$Send a webhook by Standard Webhooks 1.0.0, signed with the account's secret, once this transaction commits.
Gives the message's id.

p_event_type: such as thing.verb. p_data: what the receiver gets under "data". p_source_domain, p_source_id: what it is about,
to find its deliveries by. Raises LQ422 for a URL that can not be called.$$;

create or replace function outbox.take_key(p_account_id uuid, p_key text, p_id uuid)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_key is null then
        return p_id;
    end if;
    if length(p_key) not between 1 and 200 then
        raise exception using
            errcode = 'LQ422', message = 'the key must have 1 to 200 characters',
            schema = '{"errors": [{"pointer": "/key", "rule": "maxLength"}]}';
    end if;
    insert into outbox.message_key (account_id, key, message_id, created_at)
    values (p_account_id, p_key, p_id, core.now())
    on conflict on constraint message_key_pkey do nothing;
    if found then
        return p_id;
    end if;
    return (select k.message_id from outbox.message_key as k where k.account_id = p_account_id and k.key = p_key);
end;
$$;
comment on function outbox.take_key(uuid, text, uuid) is
$$Let a message be the one of its key: gives its id, or that of the message that was first. Without a key each is its own.$$;

create or replace function outbox.send_request(
    p_account_id uuid,
    p_method text,
    p_url text,
    p_headers jsonb,
    p_body text,
    p_event_type text,
    p_source_domain text default null,
    p_source_id text default null,
    p_signer jsonb default null,
    p_receiver text default null,
    p_receiver_context jsonb default null,
    p_max_attempts integer default null,
    p_key text default null
)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := core.new_id();
    v_taken uuid;
begin
    perform outbox.check_url(p_url);
    perform outbox.check_event_types(array[p_event_type]);
    if p_method is null or p_method not in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE') then
        raise exception using
            errcode = 'LQ422', message = 'that is no method', hint = 'Give GET, POST, PUT, PATCH or DELETE.';
    end if;
    if jsonb_typeof(coalesce(p_headers, '{}')) <> 'object' or exists (
        select from jsonb_each(coalesce(p_headers, '{}')) as h where jsonb_typeof(h.value) <> 'string'
    ) then
        raise exception using errcode = 'LQ422', message = 'headers are an object of names to texts';
    end if;
    if octet_length(p_body) > 1048576 then
        raise exception using errcode = 'LQ422', message = 'the body is longer than a mebibyte';
    end if;
    if p_signer is not null and jsonb_typeof(p_signer -> 'scheme') is distinct from 'string' then
        raise exception using
            errcode = 'LQ422', message = 'a signer names its scheme',
            hint = 'Such as {"scheme": "bearer", "credential": "NAME"}.';
    end if;
    if p_max_attempts < 1 then
        raise exception using errcode = 'LQ422', message = 'there is one attempt at least';
    end if;
    perform outbox.check_receiver(p_receiver);
    v_taken := outbox.take_key(p_account_id, p_key, v_id);
    if v_taken is distinct from v_id then
        return v_taken;
    end if;
    perform outbox.put_messages(array[row(
        p_account_id, v_id, 'http', null, p_event_type, case when p_source_id is not null then p_source_domain end,
        case when p_source_domain is not null then p_source_id end, p_method, p_url, coalesce(p_headers, '{}'),
        coalesce(p_body, ''), false, p_signer, null, p_receiver, p_receiver_context, core.now()
    )::outbox.message], p_max_attempts);
    return v_id;
end;
$$;
comment on function outbox.send_request(
    uuid, text, text, jsonb, text, text, text, text, jsonb, text, jsonb, integer, text
) is
$$Call the outside once this transaction commits, and be told what came of it. Gives the message's id.

p_headers: object of names to texts. p_signer: how it is signed, with the name of a credential, such as {"scheme": "bearer",
"credential": "NAME"}; the server has the credential. p_receiver: function schema.name(p_context jsonb, p_outcome jsonb), called
with p_receiver_context when the message is done or dead; p_outcome is {message_id, state, status, headers, body, error, kind}.
p_max_attempts: null for the whole retry plan. p_key: a second call with the same key writes nothing and gives the first id.
Raises LQ422.$$;

create or replace function outbox.send_mail(
    p_account_id uuid,
    p_mail jsonb,
    p_event_type text,
    p_source_domain text default null,
    p_source_id text default null,
    p_key text default null
)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := core.new_id();
    v_taken uuid;
begin
    perform outbox.check_event_types(array[p_event_type]);
    if jsonb_typeof(p_mail) is distinct from 'object' then
        raise exception using errcode = 'LQ422', message = 'a mail is an object';
    end if;
    v_taken := outbox.take_key(p_account_id, p_key, v_id);
    if v_taken is distinct from v_id then
        return v_taken;
    end if;
    perform outbox.put_messages(array[row(
        p_account_id, v_id, 'mail', null, p_event_type, case when p_source_id is not null then p_source_domain end,
        case when p_source_domain is not null then p_source_id end, 'POST', 'mailto:', '{}', '', false, null, p_mail,
        null, null, core.now()
    )::outbox.message]);
    return v_id;
end;
$$;
comment on function outbox.send_mail(uuid, jsonb, text, text, text, text) is
$$Send a mail that is whole once this transaction commits. Gives the message's id. For the domain that makes mails.

p_key: a second call with the same key writes nothing and gives the first id. Raises LQ422.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "outbox.user_agent", "value": "LevqorPG-Webhooks/1.0", "description": "text: User-Agent of webhooks"}
]') as s (setting);
