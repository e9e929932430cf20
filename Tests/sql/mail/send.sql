-- Mails are asked for: one for each address, into the outbox.
begin;
select plan(45);

select core.set_test_clock('2031-02-01 10:00:00+00');
select identity.create_account('Acme') as acme, identity.create_account('Beta') as beta \gset
create temp view sent as
select m.*, o.mail, o.kind, o.event_type, o.receiver, o.receiver_context, o.source_id as outbox_source
from mail.message as m
left join outbox.message as o on o.account_id = m.account_id and o.id = m.outbox_id;

select mail.send(
    :'acme', '{"Jörg <Joerg@example.org>"}', 'notice', '{"title": "Hi", "message": "there"}',
    p_source_domain => 'jobs', p_source_id => 'job_1'
) as first \gset
select is(
    row(s.address, s.state, s.template, s.class, s.source_domain, s.source_id, s.kind, s.event_type)::text,
    '(joerg@example.org,queued,notice,transactional,jobs,job_1,mail,mail.notice)', 'a mail goes into the outbox'
) from sent as s where s.id = :'first';
select is(s.mail -> 'to', '["Jörg <Joerg@example.org>"]'::jsonb, 'to whom was said') from sent as s where s.id = :'first';
select is(
    s.mail - '{text_template,html_template,partials,data,to}'::text[],
    jsonb_build_object(
        'from', null, 'reply_to', null, 'subject_template', '{{title}}', 'class', 'transactional',
        'message_id', core.show_id('mail', :'first'), 'date', 'Sat, 01 Feb 2031 10:00:00 +0000', 'list_unsubscribe', null,
        'attachments', '[]'::jsonb
    ), 'with all that the server needs'
) from sent as s where s.id = :'first';
select is(s.mail -> 'data', '{"title": "Hi", "message": "there", "mail": {"class": "transactional", "product": "Levqor"}}', 'and the data')
from sent as s where s.id = :'first';
select ok(s.mail ? 'text_template' and s.mail ? 'html_template' and s.mail -> 'partials' ? 'layout', 'and the templates')
from sent as s where s.id = :'first';
select is(
    row(s.receiver, s.receiver_context, s.outbox_source)::text,
    row('mail.note_outcome', jsonb_build_object('account_id', :'acme', 'id', :'first'), core.show_id('mail', :'first'))::text,
    'the outbox tells what comes of it'
) from sent as s where s.id = :'first';

-- Several addresses.
select mail.suppress('gone@example.org', 'bounce');
select mail.send(:'acme', '{a@example.org,gone@example.org,"B <b@example.org>",A@example.org}', 'notice', p_key => 'k1') as several \gset
select results_eq(
    format('select s.address, s.state, s.reason, s.mail -> ''to'' from sent as s where s.key = ''k1'' order by s.address'),
    $$values ('a@example.org', 'queued', null, '["a@example.org"]'::jsonb), ('b@example.org', 'queued', null, '["B <b@example.org>"]'),
        ('gone@example.org', 'left-out', 'bounce', null)$$,
    'each address gets a mail of its own, once, and one on the list is left out'
);
select is((select s.address from sent as s where s.id = :'several'), 'a@example.org', 'the id is that of the first');
select is((select s.finished_at from sent as s where s.address = 'gone@example.org'), core.now(), 'what is left out is over');

-- Keys.
select is(mail.send(:'acme', '{a@example.org,b@example.org}', 'notice', p_key => 'k1'), :'several', 'the same key gives the first id');
select is((select count(*) from sent as s where s.key = 'k1'), 3::bigint, 'and sends nothing');
select mail.send(:'acme', '{b@example.org,new@example.org}', 'notice', p_key => 'k1');
select is((select count(*) from sent as s where s.key = 'k1' and s.address = 'new@example.org'), 1::bigint, 'except to who had none');
select isnt(mail.send(:'beta', '{a@example.org}', 'notice', p_key => 'k1'), :'several', 'a key is the account''s');
select isnt(mail.send(:'acme', '{a@example.org}', 'notice'), mail.send(:'acme', '{a@example.org}', 'notice'), 'without a key each is its own');

-- Marketing.
select throws_ok(
    format('select mail.send(%L, %L, %L, p_class => %L)', :'acme', '{a@example.org}', 'notice', 'newsletter'),
    'LQ422', 'marketing mail needs a way out', 'marketing waits for the page to unsubscribe on'
);
update core.setting set value = '"https://example.com/u/{token}?x=1"' where name = 'mail.unsubscribe_url';
select mail.suppress('off@example.org', 'unsubscribe');
select mail.send(:'acme', '{on@example.org,off@example.org}', 'notice', p_class => 'newsletter', p_key => 'm');
select ok(s.mail ->> 'list_unsubscribe' = 'https://example.com/u/' || s.unsubscribe_token || '?x=1'
    and s.unsubscribe_token ~ '^[0-9a-f]{32}$', 'it carries a way out')
from sent as s where s.key = 'm' and s.address = 'on@example.org';
select is(s.mail #>> '{data,mail,unsubscribe_url}', s.mail ->> 'list_unsubscribe', 'also for the text')
from sent as s where s.key = 'm' and s.address = 'on@example.org';
select is(row(s.state, s.reason)::text, '(left-out,unsubscribe)', 'and goes to nobody who took it')
from sent as s where s.key = 'm' and s.address = 'off@example.org';
select mail.send(:'acme', '{off@example.org}', 'notice', p_key => 'needed');
select is(s.state, 'queued', 'who gets what is needed') from sent as s where s.key = 'needed';
select is(mail.unsubscribe(s.unsubscribe_token), true, 'the token works')
from sent as s where s.key = 'm' and s.address = 'on@example.org';
select mail.send(:'acme', '{on@example.org}', 'notice', p_class => 'offers', p_key => 'm2');
select is(s.state, 'left-out', 'at once') from sent as s where s.key = 'm2';

-- A sender of the template's own, and attachments.
update mail.template set from_address = 'Alerts <alerts@example.com>', reply_to = 'help@example.com' where name = 'alert';
select mail.send(
    :'acme', '{a@example.org}', 'alert', p_key => 'own',
    p_attachments => '[{"name": "Über.pdf", "content_type": "application/pdf", "content": "AAAA"}]'
);
select is(
    row(s.mail ->> 'from', s.mail ->> 'reply_to', s.mail #>> '{attachments,0,name}')::text,
    '("Alerts <alerts@example.com>",help@example.com,Über.pdf)', 'a template may name sender and reply'
) from sent as s where s.key = 'own';
select throws_ok(
    format('select mail.check_attachments(%L)', t.wrong), 'LQ422', 'an attachment can not be read', 'no attachments: ' || t.wrong
)
from (values
    ('{}'), ('[1]'), ('[{"name": "a"}]'), ('[{"name": "", "content_type": "a/b", "content": ""}]'),
    ('[{"name": "a\nb", "content_type": "a/b", "content": ""}]'), ('[{"name": "a", "content_type": "a", "content": ""}]'),
    ('[{"name": "a", "content_type": "message/rfc822", "content": ""}]'),
    ('[{"name": "a", "content_type": "a/b", "content": "%"}]'), ('[{"name": "a", "content_type": "a/b", "content": "AAAAA"}]')
) as t (wrong);
update core.setting set value = '3' where name = 'mail.attachment_bytes';
select lives_ok($$select mail.check_attachments('[{"name": "a", "content_type": "a/b", "content": "AAAA"}]')$$, 'as much as is allowed');
select throws_ok(
    $$select mail.check_attachments('[{"name": "a", "content_type": "a/b", "content": "AAAAAAAAAAAA"}]')$$, 'LQ422',
    'the attachments are too large', 'and no more'
);

select throws_ok(
    format('select mail.check_attachments(%L)', (select jsonb_agg('{"name": "a", "content_type": "a/b", "content": ""}'::jsonb) from generate_series(1, 21))),
    'LQ422', 'a mail has 20 attachments at most', 'nor more of them'
);

-- What is refused.
select throws_ok(
    format('select mail.send(%L, %s)', :'acme', t.arguments), 'LQ422', t.message, t.message
)
from (values
    ($$'{}', 'notice'$$, 'a mail goes to 1 to 50 addresses'), ($$'{ann}', 'notice'$$, '"to" holds what is no address'),
    ($$'{a@b.de}', 'notice', p_key => repeat('k', 201)$$, 'the key must have 1 to 200 characters'),
    ($$'{a@b.de}', 'nothing'$$, 'there is no such template'), ($$'{a@b.de}', 'notice', p_class => 'x'$$, 'there is no such class of mails'),
    ($$'{a@b.de}', 'notice', '[]'$$, 'the data of a mail are an object of at most 256 KiB')
) as t (arguments, message);

-- Over HTTP.
select test.make_key(identity.operator_account(), '{platform}') as key, test.make_key(:'acme') as weak \gset
select c.body ->> 'mail_id' as mail_id, row(c.status, c.body ->> 'state')::text as answer
from test.call('POST', '/api/admin/mail/test', :'key', '{"to": "Ann <ann@example.org>"}') as c \gset
select is(:'answer'::text, '(202,queued)', 'an operator sends a test');
select is(
    row(c.status, c.body ->> 'address', c.body ->> 'state')::text, '(200,ann@example.org,queued)', 'and sees what comes of it'
) from test.call('GET', '/api/admin/mail/messages/' || :'mail_id', :'key') as c;
select is(c.status, 404, 'not of a mail that is none') from test.call('GET', '/api/admin/mail/messages/mail_1', :'key') as c;
select is(c.status, 403, 'nobody else sends') from test.call('POST', '/api/admin/mail/test', :'weak', '{"to": "a@b.de"}') as c;
select test.act_for(:'beta'), test.become('levqor_owner');
select is((select count(*) from mail.message as m where m.account_id <> :'beta'), 0::bigint, 'an account sees its own mails only');

select * from finish();
rollback;
