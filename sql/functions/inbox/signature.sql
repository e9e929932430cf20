-- Who signed it. Three schemes, all HMAC-SHA256; the time of signing is within a tolerance; any of several secrets may fit.

create or replace function inbox.hmac_sha256(p_key bytea, p_message bytea)
returns bytea
language sql
immutable
parallel safe
security invoker
as $$
    -- Bit strings have the exclusive or that bytea lacks; sent, they are their bytes behind a length of four.
    select pg_catalog.sha256(
        pg_catalog.substring(pg_catalog.bit_send(k.bits # ('x' || pg_catalog.repeat('5c', 64))::bit(512)), 5)
        || pg_catalog.sha256(
            pg_catalog.substring(pg_catalog.bit_send(k.bits # ('x' || pg_catalog.repeat('36', 64))::bit(512)), 5) || p_message
        )
    )
    from (
        select ('x' || pg_catalog.rpad(pg_catalog.encode(
            case when pg_catalog.length(p_key) > 64 then pg_catalog.sha256(p_key) else p_key end, 'hex'
        ), 128, '0'))::bit(512) as bits
    ) as k
$$;
comment on function inbox.hmac_sha256(bytea, bytea) is
$$HMAC-SHA256 (RFC 2104) without an extension.$$;

create or replace function inbox.is_same(p_left bytea, p_right bytea)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_salt bytea := uuid_send(gen_random_uuid());
begin
    -- What is compared byte by byte is a hash that the sender can not foresee.
    return sha256(v_salt || p_left) = sha256(v_salt || p_right);
end;
$$;
comment on function inbox.is_same(bytea, bytea) is
$$Whether two codes are the same, in a time that tells nothing about where they differ.$$;

create or replace function inbox.read_key(p_scheme text, p_secret text)
returns bytea
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_text text := p_secret;
begin
    if p_scheme <> 'standard-webhooks' then
        return convert_to(p_secret, 'UTF8');
    end if;
    if starts_with(v_text, 'whsec_') then
        v_text := substr(v_text, 7);
    end if;
    v_text := rtrim(v_text, '=');
    if v_text !~ '^[A-Za-z0-9+/]+$' or length(v_text) % 4 = 1 then
        return null;
    end if;
    return decode(rpad(v_text, (length(v_text) + 3) / 4 * 4, '='), 'base64');
end;
$$;
comment on function inbox.read_key(text, text) is
$$The bytes that a scheme signs with: the text of the secret itself, or, of standard-webhooks, what its base64 behind whsec_ stands
for; null when that is no base64.$$;

create or replace function inbox.read_json(p_body bytea)
returns jsonb
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return convert_from(p_body, 'UTF8')::jsonb;
exception
    when data_exception or untranslatable_character or program_limit_exceeded or statement_too_complex then
        return null;
end;
$$;
comment on function inbox.read_json(bytea) is
$$A body as JSON; null when it is none that the database can hold.$$;

create or replace function inbox.read_time(p_value jsonb)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when jsonb_typeof(p_value) = 'number' and p_value::numeric >= 0 and p_value::numeric < 253402300800
            then to_timestamp(p_value::double precision)
        when jsonb_typeof(p_value) = 'string' and p_value #>> '{}' ~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)$'
            then (p_value #>> '{}')::timestamptz
    end;
exception
    when data_exception then
        return null;
end;
$$;
comment on function inbox.read_time(jsonb) is
$$A time as senders write it: seconds since 1970, or ISO 8601 with its zone; null for anything else.$$;

create or replace function inbox.clean_headers(p_headers jsonb)
returns jsonb
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(lower(h.key), h.value), '{}')
    from jsonb_each(p_headers) as h
    where lower(h.key) not in ('authorization', 'proxy-authorization', 'cookie', 'x-api-key')
$$;
comment on function inbox.clean_headers(jsonb) is
$$Headers by name in lower case, without those that hold secrets: Authorization, Proxy-Authorization, Cookie, X-Api-Key.$$;

create or replace function inbox.read_signatures(
    p_scheme text, p_headers jsonb, out signed_at bigint, out signed_before text, out codes bytea[]
)
returns record
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts text[];
    v_times text[];
    v_prefix text;
begin
    case p_scheme
        when 'stripe' then
            v_parts := string_to_array(replace(p_headers ->> 'stripe-signature', ' ', ''), ',');
            select array_agg(substr(p.part, 3)) into v_times from unnest(v_parts) as p (part) where starts_with(p.part, 't=');
            if cardinality(v_times) = 1 and v_times[1] ~ '^[0-9]{1,11}$' then
                signed_at := v_times[1]::bigint;
                signed_before := v_times[1] || '.';
            end if;
            select array_agg(decode(substr(p.part, 4), 'hex')) into codes
            from (
                select p.part
                from unnest(v_parts) as p (part)
                where p.part ~ '^v1=[0-9a-f]{64}$'
                limit 20
            ) as p;
        when 'standard-webhooks' then
            -- Svix, whose scheme this was first, still sends its own names.
            v_prefix := case when p_headers ? 'webhook-id' then 'webhook-' else 'svix-' end;
            if p_headers ->> (v_prefix || 'id') ~ '^[!-~]{1,255}$'
                and p_headers ->> (v_prefix || 'timestamp') ~ '^[0-9]{1,11}$'
            then
                signed_at := (p_headers ->> (v_prefix || 'timestamp'))::bigint;
                signed_before := concat(p_headers ->> (v_prefix || 'id'), '.', p_headers ->> (v_prefix || 'timestamp'), '.');
            end if;
            select array_agg(decode(substr(p.part, 4), 'base64')) into codes
            from (
                select p.part
                from unnest(string_to_array(p_headers ->> (v_prefix || 'signature'), ' ')) as p (part)
                where p.part ~ '^v1,[A-Za-z0-9+/]{43}=$'
                limit 20
            ) as p;
        when 'github' then
            signed_before := '';
            if p_headers ->> 'x-hub-signature-256' ~ '^sha256=[0-9a-f]{64}$' then
                codes := array[decode(substr(p_headers ->> 'x-hub-signature-256', 8), 'hex')];
            end if;
    end case;
end;
$$;
comment on function inbox.read_signatures(text, jsonb) is
$$What the headers say of the signature: when it was made (seconds; null for a scheme without), what is signed before the body (null:
the headers are not as they must be), and the codes, at most 20.

What is no well-formed code of the scheme's current version is passed over, as is any code of another version.$$;

create or replace function inbox.find_signature_fault(
    p_scheme text,
    p_secrets text[],
    p_tolerance_seconds integer,
    p_headers jsonb,
    p_body bytea,
    p_now timestamptz default core.now()
)
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_said record;
    v_key bytea;
    v_secret text;
    v_code bytea;
    v_made bytea;
    v_is_good boolean := false;
begin
    if p_scheme = 'none' then
        return null;
    end if;
    v_said := inbox.read_signatures(p_scheme, p_headers);
    if v_said.signed_before is null or v_said.codes is null then
        return 'headers';
    end if;
    if abs(v_said.signed_at - floor(extract(epoch from p_now))) > p_tolerance_seconds then
        return 'time';
    end if;
    foreach v_secret in array coalesce(p_secrets, '{}') loop
        v_key := inbox.read_key(p_scheme, v_secret);
        continue when coalesce(length(v_key), 0) = 0;
        v_made := inbox.hmac_sha256(v_key, convert_to(v_said.signed_before, 'UTF8') || p_body);
        foreach v_code in array v_said.codes loop
            v_is_good := inbox.is_same(v_made, v_code) or v_is_good;
        end loop;
    end loop;
    return case when not v_is_good then 'signature' end;
end;
$$;
comment on function inbox.find_signature_fault(text, text[], integer, jsonb, bytea, timestamptz) is
$$Why a webhook is not believed; null when it is. headers: they are missing or malformed; time: signed too long ago, or in the future;
signature: no code fits any secret.

p_secrets: any may have signed. An empty one, and one that is not what the scheme signs with, fits nothing. p_headers: by name in
lower case. The time counts in whole seconds, and a difference of just the tolerance is good.$$;

create or replace function inbox.identify(
    p_scheme text, p_headers jsonb, p_payload jsonb, out event_id text, out event_type text, out event_at timestamptz
)
returns record
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    case p_scheme
        when 'stripe' then
            event_id := case when jsonb_typeof(p_payload -> 'id') = 'string' then p_payload ->> 'id' end;
            event_type := p_payload ->> 'type';
            event_at := inbox.read_time(p_payload -> 'created');
        when 'standard-webhooks' then
            event_id := coalesce(p_headers ->> 'webhook-id', p_headers ->> 'svix-id');
            event_type := p_payload ->> 'type';
            event_at := inbox.read_time(p_payload -> 'timestamp');
        when 'github' then
            event_id := p_headers ->> 'x-github-delivery';
            event_type := concat_ws('.', p_headers ->> 'x-github-event', p_payload ->> 'action');
        else
            event_id := coalesce(
                p_headers ->> 'webhook-id', case when jsonb_typeof(p_payload -> 'id') = 'string' then p_payload ->> 'id' end,
                gen_random_uuid()::text
            );
            event_type := p_payload ->> 'type';
            event_at := inbox.read_time(p_payload -> 'timestamp');
    end case;
    if event_id = '' or length(event_id) > 255 then
        event_id := null;
    end if;
    event_type := left(nullif(event_type, ''), 255);
end;
$$;
comment on function inbox.identify(text, jsonb, jsonb) is
$$The sender's id, type and time of an event. Null id: there is none, or none of 1 to 255 characters.

stripe: id, type and created of the JSON. standard-webhooks: webhook-id, and type and timestamp of the JSON. github:
X-GitHub-Delivery, X-GitHub-Event with the action behind a dot, and no time. none: webhook-id, or id of the JSON, or a new one.$$;
