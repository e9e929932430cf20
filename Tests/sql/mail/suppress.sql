-- Addresses that get no mail.
begin;
select plan(64);

select core.set_test_clock('2031-01-15 12:00:00+00');
select is(mail.read_address(t.text), t.address, 'an address: ' || t.text)
from (values
    ('ann@example.org', 'ann@example.org'), (' Ann@Example.ORG ', 'ann@example.org'),
    ('Ann Lee <Ann.Lee+x@example.org>', 'ann.lee+x@example.org'), ('"Lee, Ann" <a@b>', 'a@b'),
    ('Jörg <info@müller.example>', 'info@müller.example'), ('o''brien@example.org', 'o''brien@example.org')
) as t (text, address);
select throws_ok(
    format('select mail.read_address(%L)', t.text), 'LQ422', '"to" holds what is no address', 'no address: ' || coalesce(t.text, 'none')
)
from (values
    (null), (''), ('ann'), ('@example.org'), ('ann@'), ('ann@exam ple.org'), ('ann lee@example.org'), ('a..b@example.org'),
    ('jörg@example.org'), ('a@b@c.de'), ('ann@[192.0.2.1]'), ('ann@example.org,bob@example.org'), (E'ann@example.org\r\nBcc: b@c.de'),
    (E'A\nB <ann@example.org>'), ('ann@.org'), ('ann@example..org'), ('<ann@example.org'), (repeat('a', 65) || '@b.de')
) as t (text);

-- By SQL.
select identity.create_account('Acme') as acme \gset
select is((mail.suppress('Ann@example.org', 'bounce', 'No such user')).address, 'ann@example.org', 'an address is suppressed in lower case');
select is((mail.suppress('ann@example.org', 'bounce', 'again')).note, 'No such user', 'twice is once');
select is(
    (select array_agg(e.facts) from audit.entry as e where e.action = 'mail.suppress' and e.happened_at = core.now()),
    array['{"reason": "bounce"}'::jsonb], 'it is recorded once'
);
select is(
    (select count(*) from audit.entry as e where e.action = 'mail.suppress' and e::text like '%ann@%'), 0::bigint, 'without the address'
);
select throws_ok($$select mail.suppress('a@b.de', 'whim')$$, 'LQ422', 'that is no reason to suppress an address', 'a reason is known');
select throws_ok($$select mail.suppress('a@b.de', null)$$, 'LQ422', 'that is no reason to suppress an address', 'and given');
select throws_ok($$select mail.suppress('nobody')$$, 'LQ422', '"address" holds what is no address', 'an address is one');

-- Who decides.
select is(mail.find_refusal(:'acme', 'ann@example.org', 'transactional'), 'bounce', 'a bounce stops everything');
select is(mail.find_refusal(:'acme', 'bob@example.org', 'newsletter'), null, 'others get all');
select mail.suppress('bob@example.org', 'unsubscribe');
select is(mail.find_refusal(:'acme', 'bob@example.org', 'newsletter'), 'unsubscribe', 'who has unsubscribed gets no marketing');
select is(mail.find_refusal(:'acme', 'bob@example.org', 'transactional'), null, 'and what is needed');
select ok(mail.may_send(:'acme', 'ann@example.org', 'transactional'), 'what is transactional needs no consent');
select ok(not mail.may_send(:'acme', 'bob@example.org', 'offers'), 'marketing does');
select mail.suppress('bob@example.org', 'complaint');
select is(mail.find_refusal(:'acme', 'bob@example.org', 'transactional'), 'complaint', 'the stronger reason counts');

select is(mail.unsuppress('Bob@example.org', 'complaint'), 1, 'one reason is lifted');
select is(mail.find_refusal(:'acme', 'bob@example.org', 'newsletter'), 'unsubscribe', 'and the other stays');
select is(mail.unsuppress('bob@example.org'), 1, 'all are lifted');
select is(mail.unsuppress('bob@example.org'), 0, 'and then there is none');
select is(
    (select count(*) from audit.entry as e where e.action = 'mail.unsuppress'), 2::bigint, 'both are recorded, and what did nothing is not'
);

-- What waits already.
select mail.send(:'acme', '{eve@example.org}', 'notice', p_key => 'waits') as waits, mail.send(:'acme', '{eve@example.org}', 'notice', p_key => 'goes') as goes \gset
update outbox.delivery as d set lease_token = 1, claimed_at = core.now() from mail.message as m where m.id = :'goes' and d.message_id = m.outbox_id;
create function pg_temp.due() returns text language sql as $$
    select string_agg(m.key, ' ' order by m.key) from mail.message as m inner join outbox.delivery as d on d.account_id = m.account_id and d.message_id = m.outbox_id
    where m.address = 'eve@example.org'
$$;
select mail.suppress('eve@example.org', 'unsubscribe');
select is(pg_temp.due(), 'goes waits', 'who unsubscribes still gets what is needed');
select mail.suppress('eve@example.org', 'complaint');
select is(pg_temp.due(), 'goes', 'what waits for an address that is suppressed is given up, but not what is being sent');
select is(l.reason, 'the address gets no mail: complaint', 'with the reason') from outbox.dead_letter as l
inner join mail.message as m on m.account_id = l.account_id and m.outbox_id = l.message_id where m.id = :'waits';
select cmp_ok(outbox.call_receivers(), '>=', 1::bigint, 'the clock tells it');
select is(m.state, 'failed', 'and its mail is over') from mail.message as m where m.id = :'waits';
select mail.unsuppress('eve@example.org');

-- By token.
insert into mail.message (account_id, address, template, class, unsubscribe_token, created_at)
values (:'acme', 'cy@example.org', 'notice', 'newsletter', 'token', core.now());
select ok(mail.unsubscribe('token'), 'a token unsubscribes');
select ok(mail.unsubscribe('token'), 'and again');
select ok(not mail.unsubscribe('other') and not mail.unsubscribe(null), 'an unknown one does not');
select is((select array_agg(s.reason) from mail.suppression as s where s.address = 'cy@example.org'), '{unsubscribe}', 'its address is on the list');

-- Over HTTP.
select test.make_key(identity.operator_account(), '{platform}') as key, test.make_key(:'acme') as weak \gset
select is(
    row(c.status, c.body ->> 'reason', c.body ->> 'note')::text, '(200,manual,"by phone")', 'an operator suppresses'
) from test.call('POST', '/api/admin/mail/suppressions', :'key', '{"address": "Dan@example.org", "note": "by phone"}') as c;
select is(
    c.body #>> '{suppressions,0,address}', 'dan@example.org', 'and finds'
) from test.call('GET', '/api/admin/mail/suppressions?address=DAN@example.org', :'key') as c;
select is(
    row(c.body #>> '{suppressions,0,address}', c.body ->> 'next_cursor')::text, '(ann@example.org,"ann@example.org bounce")', 'a page at a time'
) from test.call('GET', '/api/admin/mail/suppressions?limit=1', :'key') as c;
select is(
    row(c.body #>> '{suppressions,1,address}', c.body ->> 'next_cursor')::text, '(dan@example.org,)', 'to the last'
) from test.call('GET', '/api/admin/mail/suppressions?limit=2&cursor=ann@example.org bounce', :'key') as c;
select is(c.status, 422, 'a wrong cursor is refused') from test.call('GET', '/api/admin/mail/suppressions?cursor=x', :'key') as c;
select is(
    jsonb_array_length(c.body -> 'suppressions'), 1, 'by reason'
) from test.call('GET', '/api/admin/mail/suppressions?reason=unsubscribe', :'key') as c;
select is(c.status, 204, 'and lifts') from test.call('DELETE', '/api/admin/mail/suppressions/dan@example.org', :'key') as c;
select is(c.status, 404, 'once') from test.call('DELETE', '/api/admin/mail/suppressions/dan@example.org', :'key') as c;
select is(c.status, 422, 'not what is no address') from test.call('DELETE', '/api/admin/mail/suppressions/dan', :'key') as c;
select is(c.status, 204, 'a page unsubscribes') from test.call('POST', '/api/admin/mail/unsubscribe', :'key', '{"token": "token"}') as c;
select is(c.status, 404, 'by a token that is one') from test.call('POST', '/api/admin/mail/unsubscribe', :'key', '{"token": "x"}') as c;
select is(array_agg(distinct c.status), '{403}', 'nobody else may any of it')
from test.call_many(jsonb_build_array(
    jsonb_build_object('method', 'GET', 'path', '/api/admin/mail/suppressions', 'key', :'weak'),
    jsonb_build_object('method', 'POST', 'path', '/api/admin/mail/suppressions', 'key', :'weak', 'body', '{"address": "a@b.de"}'::jsonb),
    jsonb_build_object('method', 'DELETE', 'path', '/api/admin/mail/suppressions/ann@example.org', 'key', :'weak'),
    jsonb_build_object('method', 'POST', 'path', '/api/admin/mail/unsubscribe', 'key', :'weak', 'body', '{"token": "token"}'::jsonb)
)) as c;

select * from finish();
rollback;
