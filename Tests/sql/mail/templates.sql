-- Templates and classes of mails are rows; a deploy leaves alone what was changed here.
begin;
select plan(16);

select set_eq(
    $$select t.name from mail.template as t where t.origin = 'file'$$,
    $$values ('layout'), ('notice'), ('alert'), ('endpoint-disabled'), ('quota-reached')$$, 'the product has its templates'
);
select is((select count(*) from mail.template as t where not t.is_partial and t.html is null), 0::bigint, 'each with text and HTML');
select results_eq(
    'select c.name, c.is_marketing from mail.class as c order by c.name',
    $$values ('newsletter', true), ('offers', true), ('transactional', false)$$, 'and its classes'
);
select is((mail.find_template('notice')).subject, '{{title}}', 'a template is found');
select throws_ok($$select mail.find_template('nothing')$$, 'LQ422', 'there is no such template', 'an unknown one is refused');
select throws_ok($$select mail.find_template('layout')$$, 'LQ422', 'there is no such template', 'and a partial');
select throws_ok($$select mail.find_template(null)$$, 'LQ422', 'there is no such template', 'and none');
select is((select array_agg(k) from jsonb_object_keys(mail.show_partials()) as k), '{layout}', 'partials are shown by name');

update mail.template set html = '<p>ours</p>' where name = 'notice';
select is(t.local_columns, '{html}', 'a change is noted') from mail.template as t where t.name = 'notice';
select core.seed('mail.template', '{name}', '{"name": "notice", "subject": "New", "html": "theirs", "text": "t", "description": "d"}');
select is(row(t.subject, t.html)::text, '(New,<p>ours</p>)', 'and a deploy keeps it') from mail.template as t where t.name = 'notice';

select throws_ok(
    $$insert into mail.template (name, subject, text, description) values ('a', E'a\r\nBcc: b', 'x', 'd')$$, '23514', null,
    'a subject is one line'
);
select throws_ok(
    $$insert into mail.template (name, is_partial, text, description) values ('a', true, '{{> a}}', 'd')$$, '23514', null,
    'a partial includes nothing, so none includes itself'
);
select throws_ok(
    $$insert into mail.template (name, text, description) values ('a', 'x', 'd')$$, '23514', null, 'a mail has a subject'
);

select test.make_key(identity.operator_account(), '{platform}') as key, test.make_key() as weak \gset
select is(
    row(c.status, jsonb_array_length(c.body -> 'templates'))::text, '(200,5)', 'an operator sees them'
) from test.call('GET', '/api/admin/mail/templates', :'key') as c;
select is(
    c.body -> 'templates' @> '[{"name": "notice", "is_changed": true}, {"name": "alert", "is_changed": false}]', true,
    'and which were changed'
) from test.call('GET', '/api/admin/mail/templates', :'key') as c;
select is(c.status, 403, 'nobody else does') from test.call('GET', '/api/admin/mail/templates', :'weak') as c;

select * from finish();
rollback;
