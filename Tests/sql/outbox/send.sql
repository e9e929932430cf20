-- Messages are written: webhooks, calls and mails.
begin;
select plan(64);

create temp table t on commit drop as select test.make_account() as account;
grant select on t to public;
select core.set_test_clock('2030-01-01 12:00:00.5+00');

create temp table s on commit drop as
select outbox.send_webhook(account, 'https://example.org/hook', 'thing.done', '{"b": 1, "a": "ü\""}', 'things', 'thing_1') as id
from t;
create temp table m on commit drop as
select m.* from s inner join outbox.message as m on m.id = s.id;

select is(
    (select body from m), '{"type":"thing.done","timestamp":"2030-01-01T12:00:00.500Z","data":{"a": "ü\"", "b": 1}}',
    'the body is a Standard Webhooks event'
);
select is((select headers ->> 'Content-Type' from m), 'application/json', 'it is sent as JSON');
select ok((select headers ->> 'User-Agent' from m) <> '', 'it says who sends');
select is((select s.state || ' ' || s.attempt || ' ' || s.max_attempts from outbox.message_status as s inner join m on m.id = s.id), 'pending 0 10', 'it waits, with the whole plan before it');
select is((select s.due_at from outbox.message_status as s inner join m on m.id = s.id), core.now(), 'it is due at once');
select ok((select is_signed from m), 'it is signed');
select is(
    outbox.show_deliveries((select account from t), 'things', 'thing_1') #>> '{0,message_id}',
    (select core.show_id('msg', id) from m), 'its deliveries are found by what it is about'
);
select is(outbox.show_deliveries((select account from t), 'things', 'thing_2'), '[]'::jsonb, 'and only by that');

select lives_ok(format('select outbox.check_url(%L)', u.url), u.url || ' can be called')
from (values ('http://a'), ('HTTPS://example.org:8443/x?y=z#f'), ('http://[::1]:80/'), ('http://[::1]'), ('http://a:/'), ('http://a:065535'),
    ('http://a/?x=[:y]')) as u (url);
select throws_ok(format('select outbox.check_url(%L)', u.url), 'LQ422', '"url" is no URL that can be called', u.why)
from (values
    ('', 'an empty URL'),
    ('ftp://a/', 'another scheme'),
    ('//a/', 'no scheme'),
    ('http:///x', 'no host'),
    ('http://u:p@a/', 'user and password'),
    ('http://a\@b/', 'a backslash'),
    ('http://a/ b', 'a space'),
    ('http://ä/', 'a letter outside of ASCII'),
    ('http://a/' || repeat('x', 2040), 'too long a URL'),
    ('http://:80/', 'a port without a host'),
    ('http://[]/', 'brackets with nothing in them'),
    ('http://[]:80', 'and with a port'),
    ('http://a:0/', 'port 0'),
    ('http://a:65536/', 'a port too high'),
    ('http://a:123456', 'a port too long'),
    ('http://a:http/', 'a port that is no number'),
    ('http://a:-1/', 'a port below 0'),
    ('http://a:80:80/', 'two ports'),
    ('http://::1/', 'IPv6 without brackets'),
    ('http://[::1/', 'a bracket that is not closed'),
    ('http://::1]/', 'or not opened'),
    ('http://[::1]x/', 'something behind the brackets'),
    ('http://[::1]:x/', 'no number behind the brackets'),
    ('http://[a]/', 'a name in brackets')
) as u (url, why);

-- Many at once.
select outbox.send_webhooks(
    array[account, account, account], array['http://a/', 'http://b/', 'http://a/'], array['x.one', 'x.two', 'x.three'],
    array['{"n": 1}', '{"n": 2}', null]::jsonb[], 'things', array['thing_7', null, 'thing_8']
) as ids from t \gset
select is(
    (
        select array_agg(concat_ws(' ', m.url, m.event_type, m.body::jsonb ->> 'data', m.source_domain, m.source_id) order by i.place)
        from unnest(:'ids'::uuid[]) with ordinality as i (id, place) inner join outbox.message as m on m.id = i.id
    ),
    '{"http://a/ x.one {\"n\": 1} things thing_7","http://b/ x.two {\"n\": 2}","http://a/ x.three {} things thing_8"}',
    'many are written at once, their ids in the order of the arguments'
);
select is((select count(*) from outbox.delivery where message_id = any (:'ids'::uuid[])), 3::bigint, 'each is due');
select is(outbox.send_webhooks('{}', '{}', '{}', '{}'), '{}', 'and of none, none');
select throws_ok(
    format('select outbox.send_webhook(%L, %L, %L, null)', (select account from t), 'http://a/', 'No Type'), 'LQ422',
    'that is no event type', 'a type is dotted'
);

-- Calls to the outside.
create function pg_temp.call(p_changes jsonb default '{}') returns uuid language sql as $$
    select outbox.send_request(
        (select account from t), coalesce(p_changes ->> 'method', 'PUT'), coalesce(p_changes ->> 'url', 'https://example.org/x'),
        coalesce(p_changes -> 'headers', '{"X-A": "b"}'), coalesce(p_changes ->> 'body', 'text'), 'thing.asked', 'things', 'thing_3',
        coalesce(p_changes -> 'signer', '{"scheme": "bearer", "credential": "X"}'), p_changes ->> 'receiver', '{"c": 1}',
        (p_changes ->> 'max_attempts')::integer, p_changes ->> 'key'
    )
$$;
select pg_temp.call('{"max_attempts": 2, "key": "once"}') as asked \gset
select is(
    row(m.method, m.url, m.headers, m.body, m.is_signed, m.signer, m.kind)::text,
    row('PUT', 'https://example.org/x', '{"X-A": "b"}'::jsonb, 'text', false, '{"scheme": "bearer", "credential": "X"}'::jsonb, 'http')::text,
    'a call is written as it was asked for'
) from outbox.message as m where m.id = :'asked';
select is(d.max_attempts, 2, 'with its own number of attempts') from outbox.delivery as d where d.message_id = :'asked';
select is(pg_temp.call('{"key": "once", "body": "other"}'), :'asked'::uuid, 'the same key gives the first');
select is((select count(*) from outbox.message where event_type = 'thing.asked'), 1::bigint, 'and writes nothing');
select throws_ok(format('select pg_temp.call(%L)', c.changes), 'LQ422', c.message, c.message)
from (values
    ('{"method": "TRACE"}', 'that is no method'), ('{"headers": []}', 'headers are an object of names to texts'),
    ('{"headers": {"a": 1}}', 'headers are an object of names to texts'), ('{"signer": {"credential": "X"}}', 'a signer names its scheme'),
    ('{"max_attempts": 0}', 'there is one attempt at least'), ('{"receiver": "outbox.nobody"}', 'there is no such receiver'),
    ('{"receiver": "pg_sleep"}', 'there is no such receiver'), ('{"url": "ftp://a/"}', '"url" is no URL that can be called')
) as c (changes, message);
select throws_ok(
    format('select outbox.send_request(%L, %L, %L, null, %L, %L)', (select account from t), 'POST', 'http://a/', repeat('x', 1048577), 'a.b'),
    'LQ422', 'the body is longer than a mebibyte', 'a body is bounded'
);
select outbox.send_mail(account, '{"to": []}', 'thing.mailed', 'things', 'thing_4', 'mail-key') as mailed from t \gset
select is(m.kind || ' ' || m.mail::text, 'mail {"to": []}', 'a mail is a message') from outbox.message as m where m.id = :'mailed';
select is(outbox.send_mail(account, '{"to": [1]}', 'thing.mailed', null, null, 'mail-key'), :'mailed'::uuid, 'with a key of its own too') from t;
select throws_ok(format('select outbox.send_mail(%L, %L, %L)', (select account from t), '[]', 'a.b'), 'LQ422', 'a mail is an object', 'it is an object');

select is(core.take_hints(), '{}', 'in psql a hint is a NOTIFY') from t;
select test.become('levqor_owner');
select test.act_for((select pg_catalog.gen_random_uuid()));
select is((select count(*) from outbox.message), 0::bigint, 'another account sees no message');
select test.act_for((select account from t));
select is((select count(*) from outbox.message), 6::bigint, 'the account sees its own');
select test.become('none');
select function_privs_are(
    'outbox', 'send_webhook', array['uuid', 'text', 'text', 'jsonb', 'text', 'text'], 'levqor_server', array[]::text[],
    'the server can not write messages'
);
select throws_ok(
    format('select outbox.send_mail(%L, %L, %L, null, null, %L)', t.account, '{}', 'a.b', repeat('k', 201)), 'LQ422', 'the key must have 1 to 200 characters',
    'a key is short'
) from t;

select * from finish();
rollback;
