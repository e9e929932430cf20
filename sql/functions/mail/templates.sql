-- What mails say, and which classes of them there are. Rows of the product, which an operator may change.

create or replace trigger template_notes_local_columns
before update on mail.template
for each row execute function core.note_local_columns();

create or replace trigger class_notes_local_columns
before update on mail.class
for each row execute function core.note_local_columns();

create or replace function mail.find_template(p_name text)
returns mail.template
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_template mail.template;
begin
    select t.* into v_template from mail.template as t where t.name = p_name and not t.is_partial;
    if not found then
        raise exception using
            errcode = 'LQ422',
            message = 'there is no such template',
            detail = format('Got %s.', coalesce(quote_literal(p_name), 'none')),
            hint = 'Take one of mail.template that is no partial.';
    end if;
    return v_template;
end;
$$;
comment on function mail.find_template(text) is
$$The template of a name. Raises LQ422 for an unknown one, and for a partial.$$;

create or replace function mail.show_partials()
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(t.name, jsonb_build_object('text', t.text, 'html', t.html)), '{}')
    from mail.template as t
    where t.is_partial
$$;
comment on function mail.show_partials() is
$$All partials, as the server reads them: {name: {text, html}}.$$;

create or replace function api.list_mail_templates()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object('templates', coalesce(jsonb_agg(
        jsonb_build_object(
            'name', t.name, 'is_partial', t.is_partial, 'subject', t.subject, 'text', t.text, 'html', t.html,
            'from', t.from_address, 'reply_to', t.reply_to, 'description', t.description,
            'is_changed', t.origin = 'local' or t.local_columns <> '{}'
        ) order by t.name
    ), '[]')))
    from mail.template as t
$$;
comment on function api.list_mail_templates() is
$$List the templates of mails

Mustache. is_changed: made or changed here, so that a deploy leaves it alone. They are changed in psql, as rows of mail.template.$$;

select http.register_route('GET', '/api/admin/mail/templates', 'api.list_mail_templates', p_domain => 'mail',
    p_scopes => '{platform}', p_responses => '{"200": {"description": "The templates", "schema": {"type": "object",
        "additionalProperties": false, "required": ["templates"], "properties": {"templates": {"type": "array",
            "items": {"type": "object", "additionalProperties": false,
                "required": ["name", "is_partial", "subject", "text", "html", "from", "reply_to", "description",
                    "is_changed"],
                "properties": {
                    "name": {"type": "string"}, "is_partial": {"type": "boolean"},
                    "subject": {"type": ["string", "null"]}, "text": {"type": "string"},
                    "html": {"type": ["string", "null"]}, "from": {"type": ["string", "null"]},
                    "reply_to": {"type": ["string", "null"]}, "description": {"type": "string"},
                    "is_changed": {"type": "boolean"}}}}}}}}');

select core.seed('mail.class', '{name}', c.class)
from jsonb_array_elements('[
    {"name": "transactional", "is_marketing": false,
        "description": "what a person needs to use the product: alerts, notices about the account"},
    {"name": "newsletter", "is_marketing": true, "description": "news of the product"},
    {"name": "offers", "is_marketing": true, "description": "offers and discounts"}
]') as c (class);

select core.seed('mail.template', '{name}', jsonb_build_object(
    'name', t.name, 'is_partial', t.subject is null, 'subject', t.subject, 'text', t.text, 'html', t.html,
    'description', t.description
))
from (values
    (
        'layout', null,
        E'{{$content}}{{/content}}\n-- \n{{mail.product}}\n'
        '{{#mail.unsubscribe_url}}Unsubscribe: {{{mail.unsubscribe_url}}}\n{{/mail.unsubscribe_url}}',
        E'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n<title>{{subject}}</title>\n</head>\n'
        '<body style="margin:0;padding:24px;background:#f3f4f8;color:#1a1d24;font:16px/1.5 system-ui,sans-serif">\n'
        '<main style="max-width:560px;margin:0 auto;padding:24px;background:#ffffff;border-radius:8px">\n'
        '{{$content}}{{/content}}\n</main>\n'
        '<p style="max-width:560px;margin:16px auto 0;color:#575e6b;font-size:13px">{{mail.product}}'
        '{{#mail.unsubscribe_url}} · <a href="{{mail.unsubscribe_url}}">Unsubscribe</a>{{/mail.unsubscribe_url}}</p>\n'
        '</body>\n</html>\n',
        'around every mail: {{<layout}}{{$content}}…{{/content}}{{/layout}}'
    ),
    (
        'notice', '{{title}}',
        E'{{<layout}}{{$content}}{{title}}\n\n{{message}}\n{{#url}}\n\n{{{url}}}\n{{/url}}\n{{/content}}{{/layout}}',
        E'{{<layout}}{{$content}}<h1 style="font-size:20px;margin:0 0 12px">{{title}}</h1>\n'
        '<p style="white-space:pre-wrap;margin:0">{{message}}</p>\n'
        '{{#url}}<p><a href="{{url}}">{{url}}</a></p>\n{{/url}}{{/content}}{{/layout}}',
        'anything else. Data: title, message, url (may be missing)'
    ),
    (
        'alert', '[{{level}}] {{source}}: {{message}}',
        E'{{<layout}}{{$content}}{{level}} from {{source}}{{#is_repeated}} (may be a repetition){{/is_repeated}}\n\n'
        '{{message}}\n{{#has_facts}}\n\n{{/has_facts}}\n{{#facts}}\n{{name}}: {{value}}\n{{/facts}}\n{{#url}}\n\n{{{url}}}\n{{/url}}\n'
        '{{/content}}{{/layout}}',
        E'{{<layout}}{{$content}}<p style="margin:0;color:#575e6b">{{level}} from {{source}}'
        '{{#is_repeated}} (may be a repetition){{/is_repeated}}</p>\n'
        '<h1 style="font-size:20px;margin:4px 0 12px;white-space:pre-wrap">{{message}}</h1>\n'
        '{{#has_facts}}<table style="font-size:14px">{{#facts}}<tr><td style="padding-right:16px;color:#575e6b">{{name}}</td>'
        '<td>{{value}}</td></tr>{{/facts}}</table>\n{{/has_facts}}'
        '{{#url}}<p><a href="{{url}}">{{url}}</a></p>\n{{/url}}{{/content}}{{/layout}}',
        'alerts to those who look after the product. Data: level, source, message; may be missing: has_facts, facts (array of '
        '{name, value}), is_repeated, url'
    ),
    (
        'endpoint-disabled', 'Webhooks to {{url}} have stopped',
        E'{{<layout}}{{$content}}We have stopped sending webhooks to\n\n{{{url}}}\n\nReason: {{reason}}\n\n'
        'When the address answers again, enable it and replay what was under way. '
        'Events that happen while it is disabled are not kept for it.\n{{/content}}{{/layout}}',
        E'{{<layout}}{{$content}}<h1 style="font-size:20px;margin:0 0 12px">Webhooks have stopped</h1>\n'
        '<p>We have stopped sending webhooks to <code>{{url}}</code>.</p>\n<p>Reason: {{reason}}</p>\n'
        '<p>When the address answers again, enable it and replay what was under way. '
        'Events that happen while it is disabled are not kept for it.</p>\n'
        '{{/content}}{{/layout}}',
        'an endpoint of the account was disabled. Data: url, reason'
    ),
    (
        'quota-reached', '{{percent}} % of this month''s calls are used',
        E'{{<layout}}{{$content}}{{used}} of {{limit}} calls of {{month}} are used ({{percent}} %).\n\n'
        'The count starts again at {{resets_at}}.\n{{/content}}{{/layout}}',
        E'{{<layout}}{{$content}}<h1 style="font-size:20px;margin:0 0 12px">{{percent}} % of this month''s calls are used</h1>\n'
        '<p>{{used}} of {{limit}} calls of {{month}} are used. The count starts again at {{resets_at}}.</p>\n'
        '{{/content}}{{/layout}}',
        'the month''s quota is nearly or wholly used. Data: as the event quota.reached'
    )
) as t (name, subject, text, html, description);

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "mail.product", "value": "Levqor", "description": "text: what mails call the product, at their end"}
]') as s (setting);
