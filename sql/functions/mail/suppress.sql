-- Who gets no mail: the list of addresses, and the one place that decides.

create or replace function mail.read_address(p_text text, p_name text default 'to')
returns text
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_address text := lower(btrim(coalesce(substring(p_text from '<([^<>]*)>\s*$'), p_text)));
begin
    -- A domain may be in any script: the server writes it as xn--… and judges it in full.
    if v_address ~ '^[a-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&''*+/=?^_`{|}~-]+)*@[^[:cntrl:][:space:]\x01-\x2c\x2f\x3a-\x60\x7b-\x7f]+$'
        and length(v_address) <= 320 and length(split_part(v_address, '@', 1)) <= 64
        and split_part(v_address, '@', 2) !~ '^[.-]|\.\.|[.-]$'
        and length(p_text) <= 640 and p_text !~ '[[:cntrl:]]'
    then
        return v_address;
    end if;
    raise exception using
        errcode = 'LQ422',
        message = format('"%s" holds what is no address', p_name),
        detail = 'A mail goes to name@example.com, or to Name <name@example.com>.',
        hint = 'The part before the at sign is in ASCII, without quotes.',
        schema = jsonb_build_object('errors', jsonb_build_array(
            jsonb_build_object('pointer', '/' || p_name, 'rule', 'format')
        ))::text;
end;
$$;
comment on function mail.read_address(text, text) is
$$The address in a text, in lower case, without the name beside it. Raises LQ422 for what is none. p_name: what the client calls it.$$;

create or replace function mail.suppress(
    p_address text,
    p_reason text default 'manual',
    p_note text default null,
    p_message_id uuid default null
)
returns mail.suppression
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_address text := mail.read_address(p_address, 'address');
    v_row mail.suppression;
begin
    if p_reason is null or p_reason not in ('bounce', 'complaint', 'manual', 'unsubscribe') then
        raise exception using
            errcode = 'LQ422',
            message = 'that is no reason to suppress an address',
            hint = 'Give bounce, complaint, manual or unsubscribe.',
            schema = '{"errors": [{"pointer": "/reason", "rule": "enum"}]}';
    end if;
    insert into mail.suppression as s (address, reason, note, message_id, created_at, created_by)
    values (v_address, p_reason, left(p_note, 1000), p_message_id, core.now(), core.current_actor())
    on conflict on constraint suppression_pkey do nothing
    returning s.* into v_row;
    if v_row.address is not null then
        -- What waits for it is given up; what a server is just sending is not called back.
        perform outbox.bury(array(
            select d
            from mail.message as m
            inner join outbox.delivery as d on d.account_id = m.account_id and d.message_id = m.outbox_id
            inner join mail.class as c on c.name = m.class
            where m.address = v_address and m.state = 'queued' and d.lease_token is null
                and (p_reason <> 'unsubscribe' or c.is_marketing)
            order by d.account_id, d.message_id
            for update of d skip locked
        ), 'the address gets no mail: ' || p_reason);
        -- The trail keeps no personal data: who has an address can find its entry, and nobody can read it out of one.
        perform audit.record(
            'mail.suppress', 'address:' || encode(substring(sha256(convert_to(v_address, 'UTF8')) for 8), 'hex'),
            core.current_account(), jsonb_build_object('reason', p_reason)
        );
        return v_row;
    end if;
    select s.* into v_row from mail.suppression as s where s.address = v_address and s.reason = p_reason;
    return v_row;
end;
$$;
comment on function mail.suppress(text, text, text, uuid) is
$$Let an address get no mail any more: select mail.suppress('ann@example.org', 'manual', 'asked by phone').

p_reason: bounce, complaint or manual stop everything; unsubscribe stops marketing. That holds for mails that wait too; one that is
being sent this moment is not called back. One that is there stays as it is. Raises LQ422.$$;

create or replace function mail.unsuppress(p_address text, p_reason text default null)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_address text := mail.read_address(p_address, 'address');
    v_reasons text[];
begin
    with gone as (
        delete from mail.suppression as s
        where s.address = v_address and (p_reason is null or s.reason = p_reason)
        returning s.reason
    )
    select array_agg(g.reason order by g.reason) into v_reasons from gone as g;
    if v_reasons is not null then
        perform audit.record(
            'mail.unsuppress', 'address:' || encode(substring(sha256(convert_to(v_address, 'UTF8')) for 8), 'hex'),
            core.current_account(), jsonb_build_object('reasons', v_reasons)
        );
    end if;
    return coalesce(cardinality(v_reasons), 0);
end;
$$;
comment on function mail.unsuppress(text, text) is
$$Let an address get mail again. p_reason: only this one; null: all. Gives how many were lifted. Raises LQ422.$$;

create or replace function mail.may_send(p_account_id uuid, p_address text, p_class text)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select not c.is_marketing
        or p_account_id is not null and not exists (
            select from mail.suppression as s where s.address = p_address and s.reason = 'unsubscribe'
        )
    from mail.class as c
    where c.name = p_class
$$;
comment on function mail.may_send(uuid, text, text) is
$$Whether a person wants mails of a class from an account: always what is transactional; marketing unless unsubscribed.

The one place to ask for consent. p_address: in lower case.$$;

create or replace function mail.find_refusal(p_account_id uuid, p_address text, p_class text)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        (
            select s.reason
            from mail.suppression as s
            where s.address = p_address and s.reason <> 'unsubscribe'
            order by s.reason
            limit 1
        ),
        case when mail.may_send(p_account_id, p_address, p_class) then null else coalesce(
            (select s.reason from mail.suppression as s where s.address = p_address and s.reason = 'unsubscribe'), 'refused'
        ) end
    )
$$;
comment on function mail.find_refusal(uuid, text, text) is
$$Why an address gets no mail of a class: a reason of mail.suppression, or refused; null: it gets it. p_address: in lower case.$$;

create or replace function mail.unsubscribe(p_token text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_message mail.message;
begin
    select m.* into v_message from mail.message as m where m.unsubscribe_token = p_token;
    if not found then
        return false;
    end if;
    perform mail.suppress(v_message.address, 'unsubscribe', null, v_message.id);
    return true;
end;
$$;
comment on function mail.unsubscribe(text) is
$$Take who got a marketing mail off the list, by the token in its List-Unsubscribe. False for an unknown token.

The token is good for as long as the mail is kept (mail.keep_days). As often as one likes.$$;

create or replace function api.suppress_address(p_address text, p_reason text default 'manual', p_note text default null)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'address', s.address, 'reason', s.reason, 'note', s.note, 'created_at', s.created_at
    ))
    from mail.suppress(p_address, p_reason, p_note) as s
$$;
comment on function api.suppress_address(text, text, text) is
$$Stop mail to an address

bounce, complaint and manual stop all mails to it, unsubscribe the marketing ones. One that is on the list stays as it is.$$;

create or replace function api.unsuppress_address(p_address text, p_reason text default null)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if mail.unsuppress(p_address, p_reason) = 0 then
        raise exception using errcode = 'LQ404', message = 'the address is not on the list';
    end if;
    return http.no_content();
end;
$$;
comment on function api.unsuppress_address(text, text) is
$$Let an address get mail again

reason: lift only this one; left out, all of the address.$$;

create or replace function api.list_suppressions(
    p_address text default null,
    p_reason text default null,
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
    v_after text[] := string_to_array(p_cursor, ' ');
    v_rows jsonb;
    v_next text;
begin
    if p_cursor is not null and coalesce(cardinality(v_after), 0) <> 2 then
        raise exception using
            errcode = 'LQ422', message = 'unknown cursor', hint = 'Take next_cursor from the page before.';
    end if;
    -- One more than asked for tells whether there is a next page.
    select jsonb_agg(jsonb_build_object(
        'address', p.address, 'reason', p.reason, 'note', p.note, 'created_at', p.created_at
    ) order by p.address, p.reason)
    into v_rows
    from (
        select s.*
        from mail.suppression as s
        where (p_address is null or s.address = mail.read_address(p_address, 'address'))
            and (p_reason is null or s.reason = p_reason)
            and (p_cursor is null or (s.address, s.reason) > (v_after[1], v_after[2]))
        order by s.address, s.reason
        limit p_limit + 1
    ) as p;
    if jsonb_array_length(v_rows) > p_limit then
        v_rows := v_rows - p_limit;
        v_next := concat_ws(' ', v_rows -> -1 ->> 'address', v_rows -> -1 ->> 'reason');
    end if;
    return http.json(200, jsonb_build_object('suppressions', coalesce(v_rows, '[]'), 'next_cursor', v_next));
end;
$$;
comment on function api.list_suppressions(text, text, integer, text) is
$$List the addresses that get no mail

By address. In pages: next_cursor leads to the next one; null on the last.$$;

create or replace function api.unsubscribe_address(p_token text)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not mail.unsubscribe(p_token) then
        raise exception using
            errcode = 'LQ404', message = 'no such token', hint = 'Take it from the URL in List-Unsubscribe.';
    end if;
    return http.no_content();
end;
$$;
comment on function api.unsubscribe_address(text) is
$$Unsubscribe from marketing mails

For the page or the one-click address that mail.unsubscribe_url names: the token is in its URL.$$;

select http.register_schema('Suppression', '{"type": "object", "additionalProperties": false,
    "required": ["address", "reason", "note", "created_at"], "properties": {
        "address": {"type": "string"}, "reason": {"enum": ["bounce", "complaint", "manual", "unsubscribe"]},
        "note": {"type": ["string", "null"]}, "created_at": {"type": "string", "format": "date-time"}}}');
select http.register_route('GET', '/api/admin/mail/suppressions', 'api.list_suppressions', p_domain => 'mail',
    p_scopes => '{platform}', p_parameters => '{
        "address": {"type": "string", "maxLength": 320, "description": "only of this address"},
        "reason": {"enum": ["bounce", "complaint", "manual", "unsubscribe"], "description": "only with this reason"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50, "description": "rows of the page"},
        "cursor": {"type": "string", "maxLength": 400, "description": "next_cursor of the page before"}}',
    p_responses => '{"200": {"description": "The list", "schema": {"type": "object", "additionalProperties": false,
        "required": ["suppressions", "next_cursor"], "properties": {
            "suppressions": {"type": "array", "items": {"$ref": "#/components/schemas/Suppression"}},
            "next_cursor": {"type": ["string", "null"]}}}}, "422": {}}');
select http.register_route('POST', '/api/admin/mail/suppressions', 'api.suppress_address', p_domain => 'mail',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["address"], "properties": {
        "address": {"type": "string", "minLength": 3, "maxLength": 320, "examples": ["ann@example.org"]},
        "reason": {"enum": ["bounce", "complaint", "manual", "unsubscribe"], "default": "manual"},
        "note": {"type": ["string", "null"], "maxLength": 1000}}}',
    p_responses => '{"200": {"description": "On the list",
        "schema": {"$ref": "#/components/schemas/Suppression"}}, "422": {}}');
select http.register_route('DELETE', '/api/admin/mail/suppressions/{address}', 'api.unsuppress_address', p_domain => 'mail',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage', p_is_sensitive => true,
    p_parameters => '{"address": {"type": "string", "maxLength": 320, "description": "the address"},
        "reason": {"enum": ["bounce", "complaint", "manual", "unsubscribe"], "description": "only this reason"}}',
    p_responses => '{"204": {"description": "Lifted"}, "404": {}, "422": {}}');
select http.register_route('POST', '/api/admin/mail/unsubscribe', 'api.unsubscribe_address', p_domain => 'mail',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["token"], "properties": {
        "token": {"type": "string", "minLength": 1, "maxLength": 64}}}',
    p_responses => '{"204": {"description": "Unsubscribed, now or before"}, "404": {}}');
