-- What became of a mail is noted; an address that does not exist gets no further one.
begin;
select plan(24);

select core.set_test_clock('2031-02-01 10:00:00+00');
select identity.create_account('Acme') as acme \gset
create temp table told (name text, id uuid);
create function pg_temp.tell(p_name text, p_outcome jsonb) returns mail.message language plpgsql as $$
declare
    v_id uuid := mail.send((select a.id from identity.account as a where a.name = 'Acme'), array[p_name || '@example.org'], 'notice');
    v_message mail.message;
begin
    perform mail.note_outcome(o.receiver_context, p_outcome)
    from outbox.message as o inner join mail.message as m on m.outbox_id = o.id
    where m.id = v_id;
    select m.* into v_message from mail.message as m where m.id = v_id;
    return v_message;
end;
$$;

select is(
    row(m.state, m.status, m.error, m.finished_at = core.now())::text, '(sent,250,,t)', 'a mail that was taken is sent'
) from pg_temp.tell('sent', '{"state": "done", "status": 250, "headers": {}, "body": "250 Ok"}') as m;
select is(
    row(m.state, m.status, m.error)::text, '(bounced,550,"550 5.1.1 No such user")', 'one to nobody has bounced'
) from pg_temp.tell('bounced', '{"state": "dead", "status": 550, "headers": {"smtp-command": "RCPT"}, "body": "550 5.1.1 No such user"}') as m;
select is(
    row(s.reason, s.note, s.message_id is not null)::text, '(bounce,"550 5.1.1 No such user",t)', 'and its address is on the list'
) from mail.suppression as s where s.address = 'bounced@example.org';
select mail.send(:'acme', '{Bounced@example.org}', 'notice') as next \gset
select is((select m.state from mail.message as m where m.id = :'next'), 'left-out', 'for the next one');
select is(
    row(m.state, m.error)::text, '(failed,"554 5.7.1 spam")', 'one that was refused for what it says has failed'
) from pg_temp.tell('spam', '{"state": "dead", "status": 554, "headers": {"smtp-command": "DATA"}, "body": "554 5.7.1 spam"}') as m;
select is(
    row(m.state, m.status, m.error)::text, '(failed,,"no connection")', 'and so has one that never left'
) from pg_temp.tell('gone', '{"state": "dead", "status": null, "headers": {}, "body": "", "error": "no connection", "kind": "connect"}') as m;
select is((select count(*) from mail.suppression), 1::bigint, 'neither stops further mail');

select is(mail.is_hard_bounce(t.outcome::jsonb), t.is_bounce, coalesce(t.outcome::jsonb ->> 'body', 'nothing'))
from (values
    ('{"status": 550, "headers": {"smtp-command": "RCPT"}, "body": "550 5.1.1 unknown"}', true),
    ('{"status": 550, "headers": {"smtp-command": "RCPT"}, "body": "550-5.1.1 unknown\n550 5.1.1 see"}', true),
    ('{"status": 550, "headers": {"smtp-command": "RCPT"}, "body": "550 5.1.10 null MX"}', true),
    ('{"status": 550, "headers": {"smtp-command": "RCPT"}, "body": "550 No such user"}', true),
    ('{"status": 550, "headers": {"smtp-command": "RCPT"}, "body": "550 Relaying denied"}', false),
    ('{"status": 550, "headers": {"smtp-command": "RCPT"}, "body": "550 5.7.1 blocked"}', false),
    ('{"status": 550, "headers": {"smtp-command": "RCPT"}, "body": "550 5.1.8 sender unknown"}', false),
    ('{"status": 552, "headers": {"smtp-command": "RCPT"}, "body": "552 5.2.2 mailbox full"}', false),
    ('{"status": 450, "headers": {"smtp-command": "RCPT"}, "body": "450 5.1.1 later"}', false),
    ('{"status": 550, "headers": {"smtp-command": "MAIL"}, "body": "550 5.1.1 you"}', false),
    ('{"status": 554, "headers": {}, "body": "HTTP 422: {}"}', false),
    ('{"status": null, "headers": {}}', false)
) as t (outcome, is_bounce);

select lives_ok($$select mail.note_outcome('{"account_id": null, "id": null}', '{"state": "done", "status": 250}')$$, 'a mail that is gone is no error');

-- Resend's webhooks.
select is(mail.note_resend_event('{"type": "email.bounced", "data": {"to": ["R1@example.org"], "bounce": {"type": "Permanent", "message": "gone"}}}'), 1, 'a permanent bounce counts');
select is(mail.note_resend_event('{"type": "email.bounced", "data": {"to": ["r2@example.org"], "bounce": {"type": "Transient"}}}'), 0, 'a passing one does not');
select is(mail.note_resend_event('{"type": "email.complained", "data": {"to": ["r3@example.org"]}}'), 1, 'a complaint counts');
select results_eq(
    $$select s.address, s.reason, s.note from mail.suppression as s where s.address like 'r%' order by 1$$,
    $$values ('r1@example.org', 'bounce', 'gone'), ('r3@example.org', 'complaint', null)$$, 'they are on the list'
);

select * from finish();
rollback;
