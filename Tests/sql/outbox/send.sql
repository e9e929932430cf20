-- Messages are written, shown and redriven.
begin;
select plan(26);

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
from (values ('http://a'), ('HTTPS://example.org:8443/x?y=z#f'), ('http://[::1]:80/')) as u (url);
select throws_ok(format('select outbox.check_url(%L)', u.url), 'LQ422', 'url is no URL that can be called', u.why)
from (values
    ('', 'an empty URL'),
    ('ftp://a/', 'another scheme'),
    ('//a/', 'no scheme'),
    ('http:///x', 'no host'),
    ('http://u:p@a/', 'user and password'),
    ('http://a\@b/', 'a backslash'),
    ('http://a/ b', 'a space'),
    ('http://ä/', 'a letter outside of ASCII'),
    ('http://a/' || repeat('x', 2040), 'too long a URL')
) as u (url, why);

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
