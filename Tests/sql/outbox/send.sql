-- Messages are written, shown and redriven.
begin;
select plan(47);

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
select is((select state || ' ' || attempt || ' ' || max_attempts from m), 'pending 0 10', 'it waits, with the whole plan before it');
select is((select due_at from m), core.now(), 'it is due at once');
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

-- What a customer sees of an address that was refused.
insert into outbox.attempt (account_id, message_id, number, outcome, started_at, finished_at, kind, error)
select account_id, id, a.number, 'failed', core.now(), core.now(), a.kind, a.error
from m, (values (1, 'address_refused', 'example.org is at 10.0.0.5'), (2, 'addressRefused', '10.0.0.5'), (3, 'timeout', 'too slow')) as a (
    number, kind, error
);
select is(
    jsonb_path_query_array(outbox.show_deliveries((select account from t), 'things', 'thing_1'), '$[0].attempts[*].error'),
    '["address refused", "address refused", "too slow"]', 'a customer is not told what a name resolves to here'
);
select is((select error from outbox.attempt where number = 1 and message_id = (select id from m)), 'example.org is at 10.0.0.5', 'the log is');

select throws_ok(
    format('select outbox.redrive_message(%L, %L)', (select account from t), (select id from m)),
    'LQ409', 'only a dead message can be redriven', 'a waiting message can not be redriven'
);
select throws_ok(
    format('select outbox.redrive_message(%L, %L)', (select account from t), core.new_id()),
    'LQ404', 'no such message', 'an unknown message can not be redriven'
);
update outbox.message set state = 'dead', attempt = 10, finished_at = core.now() where id = (select id from m);
select results_eq(
    format(
        'select state, attempt, attempt - uncounted_attempts, due_at from outbox.redrive_message(%L, %L)',
        (select account from t), (select id from m)
    ),
    'select ''pending'', 10, 0, core.now()', 'a dead message is redriven from the start of the plan'
);
select test.become('levqor_owner');
select test.act_for((select pg_catalog.gen_random_uuid()));
select is((select count(*) from outbox.message), 0::bigint, 'another account sees no message');
select test.act_for((select account from t));
select is((select count(*) from outbox.message), 1::bigint, 'the account sees its own');
select test.become('none');
select function_privs_are(
    'outbox', 'send_webhook', array['uuid', 'text', 'text', 'jsonb', 'text', 'text'], 'levqor_server', array[]::text[],
    'the server can not write messages'
);

select * from finish();
rollback;
