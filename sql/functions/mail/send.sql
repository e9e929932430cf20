-- Ask for mails. Each address gets a mail of its own: nobody sees who else got it, and a refusal hits nobody else.

create or replace function mail.check_attachments(p_attachments jsonb)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_most bigint := core.integer_setting('mail.attachment_bytes');
begin
    if jsonb_typeof(p_attachments) is distinct from 'array' or exists (
        select
        from jsonb_array_elements(case when jsonb_typeof(p_attachments) = 'array' then p_attachments else '[]' end) as a
        where jsonb_typeof(a) <> 'object'
            or coalesce(a ->> 'name', '') !~ '^[^[:cntrl:]]{1,255}$'
            or coalesce(a ->> 'content_type', '') !~* '^(?!multipart/|message/)[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}$'
            or coalesce(a ->> 'content', '-') !~ '^[A-Za-z0-9+/\s]*=?\s*=?\s*$'
            or length(regexp_replace(a ->> 'content', '\s+', '', 'g')) % 4 <> 0
    ) then
        raise exception using
            errcode = 'LQ422',
            message = 'an attachment can not be read',
            hint = 'Give an array of {"name": "a.pdf", "content_type": "application/pdf", "content": "Base64"}.';
    end if;
    if jsonb_array_length(p_attachments) > 20 then
        raise exception using errcode = 'LQ422', message = 'a mail has 20 attachments at most';
    end if;
    if (select sum(length(a ->> 'content')) from jsonb_array_elements(p_attachments) as a) > v_most * 4 / 3 + 4 then
        raise exception using
            errcode = 'LQ422', message = 'the attachments are too large', detail = format('%s bytes at most.', v_most),
            hint = 'Send a link, or change the setting mail.attachment_bytes.';
    end if;
end;
$$;
comment on function mail.check_attachments(jsonb) is
$$Refuse attachments that no mail can carry, or that are larger than the setting mail.attachment_bytes. Raises LQ422.$$;

create or replace function mail.send(
    p_account_id uuid,
    p_to text[],
    p_template text,
    p_data jsonb default '{}',
    p_class text default 'transactional',
    p_key text default null,
    p_attachments jsonb default '[]',
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
    v_template mail.template := mail.find_template(p_template);
    v_class mail.class;
    v_unsubscribe_url text := core.text_setting('mail.unsubscribe_url');
    v_recipient record;
    v_message mail.message;
    v_url text;
    v_first uuid;
begin
    select c.* into v_class from mail.class as c where c.name = p_class;
    if not found then
        raise exception using
            errcode = 'LQ422', message = 'there is no such class of mails',
            hint = 'Take transactional, or a marketing category of mail.class.';
    end if;
    if v_class.is_marketing and v_unsubscribe_url = '' then
        raise exception using
            errcode = 'LQ422', message = 'marketing mail needs a way out',
            hint = 'Set mail.unsubscribe_url to the address of your page, such as https://example.com/unsubscribe/{token}.';
    end if;
    if coalesce(cardinality(p_to), 0) < 1 or cardinality(p_to) > 50 then
        raise exception using errcode = 'LQ422', message = 'a mail goes to 1 to 50 addresses';
    end if;
    if jsonb_typeof(p_data) is distinct from 'object' or octet_length(p_data::text) > 262144 then
        raise exception using errcode = 'LQ422', message = 'the data of a mail are an object of at most 256 KiB';
    end if;
    if length(p_key) not between 1 and 200 then
        raise exception using
            errcode = 'LQ422', message = 'the key must have 1 to 200 characters',
            schema = '{"errors": [{"pointer": "/key", "rule": "maxLength"}]}';
    end if;
    perform mail.check_attachments(p_attachments);

    for v_recipient in
        select r.address, (array_agg(r.text order by r.place))[1] as text, min(r.place) as place
        from (
            select mail.read_address(t.text) as address, btrim(t.text) as text, t.place
            from unnest(p_to) with ordinality as t (text, place)
        ) as r
        group by r.address
        order by 3
    loop
        v_message := null;
        insert into mail.message as m (
            account_id, key, address, template, class, source_domain, source_id, state, reason, unsubscribe_token,
            created_at, finished_at
        )
        select
            p_account_id, p_key, v_recipient.address, p_template, p_class,
            case when p_source_id is not null then p_source_domain end,
            case when p_source_domain is not null then p_source_id end,
            case when f.refusal is null then 'queued' else 'left-out' end, f.refusal,
            case when v_class.is_marketing then encode(core.random_bytes(16), 'hex') end,
            core.now(), case when f.refusal is not null then core.now() end
        from mail.find_refusal(p_account_id, v_recipient.address, p_class) as f (refusal)
        on conflict on constraint message_account_id_key_address_key do nothing
        returning m.* into v_message;
        if v_message.id is null then
            -- Its key was used before, for the same address: that was this mail.
            v_first := coalesce(v_first, (
                select m.id
                from mail.message as m
                where m.account_id = p_account_id and m.key = p_key and m.address = v_recipient.address
            ));
            continue;
        end if;
        v_first := coalesce(v_first, v_message.id);
        continue when v_message.state <> 'queued';

        v_url := case when v_class.is_marketing then replace(v_unsubscribe_url, '{token}', v_message.unsubscribe_token) end;
        update mail.message as m
        set outbox_id = mail.hand_over(v_message, jsonb_build_object(
            'from', v_template.from_address, 'to', jsonb_build_array(v_recipient.text), 'reply_to', v_template.reply_to,
            'subject_template', v_template.subject, 'text_template', v_template.text,
            'html_template', v_template.html, 'partials', mail.show_partials(),
            'data', p_data || jsonb_build_object('mail', jsonb_strip_nulls(jsonb_build_object(
                'class', p_class, 'product', core.text_setting('mail.product'), 'unsubscribe_url', v_url
            ))),
            'class', p_class, 'message_id', core.show_id('mail', v_message.id),
            'date', to_char(core.now() at time zone 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS "+0000"'),
            'list_unsubscribe', v_url, 'attachments', p_attachments
        ))
        where m.account_id = p_account_id and m.id = v_message.id;
    end loop;
    return v_first;
end;
$$;
comment on function mail.send(uuid, text[], text, jsonb, text, text, jsonb, text, text) is
$$Send a mail to each of some addresses once this transaction commits: select mail.send(ACCOUNT, '{ann@example.org}', 'notice',
'{"title": "Hello", "message": "How are you?"}'). Gives the id in mail.message of the first one.

p_to: 1 to 50 of name@example.com or Name <name@example.com>; each gets a mail of its own, and one that is on the list of
mail.suppression is left out, which mail.message tells. p_template: of mail.template. p_data: what its Mustache is filled with; the
member mail is the product's own. p_class: transactional, or a marketing category of mail.class, whose mails carry
List-Unsubscribe. p_key: a second call with the same key writes nothing for an address that had one, and gives the first id.
p_attachments: array of {"name", "content_type", "content": Base64}. p_source_domain, p_source_id: what it is about, to find it by.
Raises LQ422.$$;

create or replace function mail.hand_over(p_message mail.message, p_mail jsonb)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := core.new_id();
begin
    -- Not outbox.send_mail: it names no receiver.
    perform outbox.put_messages(array[jsonb_populate_record(null::outbox.message, jsonb_build_object(
        'account_id', p_message.account_id, 'id', v_id, 'kind', 'mail',
        'event_type', 'mail.' || replace(p_message.template, '-', '_'),
        'source_domain', 'mail', 'source_id', core.show_id('mail', p_message.id),
        'method', 'POST', 'url', 'mailto:', 'headers', '{}'::jsonb, 'body', '', 'is_signed', false, 'mail', p_mail,
        'receiver', 'mail.note_outcome',
        'receiver_context', jsonb_build_object('account_id', p_message.account_id, 'id', p_message.id),
        'created_at', core.now()
    ))]);
    return v_id;
end;
$$;
comment on function mail.hand_over(mail.message, jsonb) is
$$Put a mail into the outbox. Gives its message there; mail.note_outcome is told what came of it.$$;

create or replace function api.send_test_mail(p_to text, p_template text default 'notice')
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
    v_message mail.message;
begin
    v_id := mail.send(
        core.current_account(), array[p_to], p_template,
        jsonb_build_object(
            'title', 'Mail works', 'message', 'This is a test, sent by ' || core.current_actor() || '.',
            'level', 'info', 'source', 'test', 'reason', 'test', 'url', 'https://example.com/'
        )
    );
    select m.* into v_message from mail.message as m where m.account_id = core.current_account() and m.id = v_id;
    return http.json(202, jsonb_build_object(
        'mail_id', core.show_id('mail', v_id), 'state', v_message.state, 'reason', v_message.reason
    ));
end;
$$;
comment on function api.send_test_mail(text, text) is
$$Send a test mail

To see that mail leaves. What came of it is told by GET /api/admin/mail/messages/{mail_id}.$$;

create or replace function api.show_mail(p_mail_id text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_message mail.message;
begin
    select m.* into v_message
    from mail.message as m
    where m.id = core.read_id('mail', p_mail_id) and (m.account_id = core.current_account() or core.sees_all());
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such mail';
    end if;
    return http.json(200, jsonb_build_object(
        'mail_id', core.show_id('mail', v_message.id), 'address', v_message.address, 'template', v_message.template,
        'class', v_message.class, 'state', v_message.state, 'reason', v_message.reason, 'status', v_message.status,
        'error', v_message.error, 'message_id', core.show_id('msg', v_message.outbox_id),
        'created_at', v_message.created_at, 'finished_at', v_message.finished_at
    ));
end;
$$;
comment on function api.show_mail(text) is
$$See what became of a mail

queued, left-out (with the reason), sent, bounced or failed; sent means that a mail server took it.$$;

select http.register_route('POST', '/api/admin/mail/test', 'api.send_test_mail', p_domain => 'mail',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["to"], "properties": {
        "to": {"type": "string", "minLength": 3, "maxLength": 640, "examples": ["ann@example.org"]},
        "template": {"type": "string", "minLength": 1, "maxLength": 63, "default": "notice"}}}',
    p_responses => '{"202": {"description": "In the outbox, or left out", "schema": {"type": "object",
        "additionalProperties": false, "required": ["mail_id", "state", "reason"], "properties": {
            "mail_id": {"type": "string", "pattern": "^mail_[0-9a-f]{32}$"},
            "state": {"enum": ["queued", "left-out"]}, "reason": {"type": ["string", "null"]}}}}, "422": {}}');
select http.register_route('GET', '/api/admin/mail/messages/{mail_id}', 'api.show_mail', p_domain => 'mail',
    p_scopes => '{platform}',
    p_parameters => '{"mail_id": {"type": "string", "maxLength": 64, "description": "id of the mail, mail_…"}}',
    p_responses => '{"200": {"description": "The mail", "schema": {"type": "object", "additionalProperties": false,
        "required": ["mail_id", "address", "template", "class", "state", "reason", "status", "error", "message_id",
            "created_at", "finished_at"],
        "properties": {
            "mail_id": {"type": "string", "pattern": "^mail_[0-9a-f]{32}$"}, "address": {"type": "string"},
            "template": {"type": "string"}, "class": {"type": "string"},
            "state": {"enum": ["queued", "left-out", "sent", "bounced", "failed"]},
            "reason": {"type": ["string", "null"]}, "status": {"type": ["integer", "null"]},
            "error": {"type": ["string", "null"]}, "message_id": {"type": ["string", "null"]},
            "created_at": {"type": "string", "format": "date-time"},
            "finished_at": {"type": ["string", "null"], "format": "date-time"}}}}, "404": {}}');

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "mail.unsubscribe_url", "value": "",
     "description":
        "text: URL of the operator''s page in marketing mails, with {token} in it; empty: no marketing mail is sent"},
    {"name": "mail.attachment_bytes", "value": 10485760, "minimum": 0, "maximum": 52428800,
     "description": "whole number of bytes that the attachments of a mail may have together"}
]') as s (setting);
