begin;
select plan(57);

select core.set_test_clock('2031-01-01 12:00:00+00');
select o.key from keys.create_operator_key('platform') as o \gset

-- In SQL.
select u.user_id as ada, u.is_created from identity.upsert_user('  Ada@Example.COM ', 'Ada', p_meta => '{"a": 1}') as u \gset
select is(:'is_created'::boolean, true, 'a user is made');
select is((select u.email from identity.user as u where u.id = :'ada'), 'ada@example.com', 'the e-mail is trimmed and lower-cased');
select is(
    (select row(a.kind, a.name, m.role)::text
        from identity.membership as m inner join identity.account as a on a.id = m.account_id where m.user_id = :'ada'),
    '(personal,Ada,owner)', 'who comes alone owns a personal account'
);
select core.set_test_clock('2031-01-01 13:00:00+00');
select is(
    (select row(u.user_id, u.is_created)::text from identity.upsert_user('ADA@example.com', p_locale => 'en-GB') as u),
    row(:'ada'::uuid, false)::text, 'who comes again is the same'
);
select is(
    (select row(u.name, u.locale, u.meta, u.updated_at)::text from identity.user as u where u.id = :'ada'),
    row('Ada', 'en-GB', '{"a": 1}'::jsonb, '2031-01-01 13:00:00+00'::timestamptz)::text, 'what is left out keeps its value'
);
select is((select count(*) from identity.membership as m where m.user_id = :'ada'), 1::bigint, 'and no account is made twice');
select core.set_test_clock('2031-01-01 14:00:00+00');
select is((identity.update_user(:'ada', p_name => 'Ada')).updated_at, '2031-01-01 13:00:00+00'::timestamptz,
    'what changes nothing is no update');
select is((identity.update_user(:'ada', p_meta => '{"b": {"c": 2}}')).meta, '{"a": 1, "b": {"c": 2}}'::jsonb, 'meta is merged');
select is((identity.update_user(:'ada', p_meta => '{"b": {"d": 3}}')).meta, '{"a": 1, "b": {"d": 3}}'::jsonb, 'key by key, not deeper');
select is((identity.update_user(:'ada', p_clear => '{name,meta}')).name, null, 'a field is emptied');
select is((select u.meta from identity.user as u where u.id = :'ada'), '{}'::jsonb, 'and so is meta');
select is(identity.find_user(' ADA@EXAMPLE.com'), :'ada'::uuid, 'a user is found by e-mail');
select is(identity.find_user('nobody@example.com'), null, 'and nobody is not');
select throws_ok(format('select identity.upsert_user(%L)', x.email), 'LQ422', 'that is no e-mail address', 'no e-mail: ' || x.email)
from (values (''), ('ada'), ('@example.com'), ('ada@'), ('a b@example.com'), ('a@b@c')) as x (email);
select is(identity.normalise_email(x.email), x.stored, 'only A to Z are folded: ' || x.email)
from (values ('İ@X.y', 'İ@x.y'), ('Ü@x.y', 'Ü@x.y'), (U&'\212A@x.y', U&'\212A@x.y')) as x (email, stored);
select isnt(
    (select u.user_id from identity.upsert_user(U&'\212Aim@x.y') as u), (select u.user_id from identity.upsert_user('kim@x.y') as u),
    'two addresses are two users'
);
select throws_ok(
    $$insert into identity.user (email) values ('Eve@x.y')$$, '23514', null, 'a row that is not folded is refused'
);
select lives_ok($$insert into identity.user (email) values ('İÜ@x.y')$$, 'one that no ASCII letter unfolds is not');
select is(
    (select c.collname from pg_attribute as a inner join pg_collation as c on c.oid = a.attcollation
        where a.attrelid = 'identity.user'::regclass and a.attname = 'email'), 'C', 'the key compares byte by byte'
);
select throws_matching(
    format($$select identity.update_user(%L, p_meta => jsonb_build_object('big', repeat('x', 65536)))$$, :'ada'), 'user_meta_is_small_check',
    'meta has 64 KiB as text at most'
);
select lives_ok(
    format($$select identity.update_user(%L, p_meta => jsonb_build_object('big', repeat('x', 65525)))$$, :'ada'), 'and 64 KiB are taken'
);
select throws_ok('select identity.upsert_user(null)', 'LQ422', 'that is no e-mail address', 'no e-mail: null');
select throws_ok(
    format('select identity.update_user(%L)', core.new_id()), 'LQ404', 'no such user', 'an unknown user is not changed'
);
select throws_ok(
    format('select identity.update_user(%L, p_currency => %L)', :'ada', 'XXX'), '23514', null, 'a currency is one we know'
);
select throws_ok(
    format('select identity.update_user(%L, p_meta => %L)', :'ada', '[1]'), 'LQ422', 'meta must be a JSON object', 'meta is an object'
);
select throws_ok(
    format('select identity.update_user(%L, p_clear => %L)', :'ada', '{email}'), 'LQ422',
    'only name, locale, currency and meta can be cleared', 'an e-mail is not emptied'
);

-- Over HTTP.
create temp table made as
select c.* from test.call('POST', '/api/v1/users/upsert', :'key',
    '{"email": " Bob@Example.com", "name": "Bob", "currency": "EUR", "meta": {"x": 1}}') as c;
select is(m.status, 201, 'POST upsert makes a user') from made as m;
select is(m.body -> 'created', 'true', 'and says so') from made as m;
select is(
    (select array_agg(k order by k) from jsonb_object_keys(m.body -> 'user') as k),
    '{accounts,created_at,currency,email,id,locale,meta,name,updated_at}', 'no secret and no address is shown'
)
from made as m;
select is(m.body -> 'user' ->> 'email', 'bob@example.com', 'the e-mail is normalised') from made as m;
select m.body -> 'user' ->> 'id' as bob, m.body -> 'user' -> 'accounts' -> 0 ->> 'id' as bobs from made as m \gset
select is(m.headers ->> 'Location', '/api/v1/users/' || :'bob', 'Location names it') from made as m;
select is(
    row(c.status, c.body -> 'updated', c.body -> 'user' ->> 'name', c.body -> 'user' ->> 'currency', c.body -> 'user' -> 'meta')::text,
    row(200, 'true'::jsonb, 'Bob', null::text, '{"x": 1, "y": 2}'::jsonb)::text,
    'again: absent keeps, null empties, meta is merged'
)
from test.call('POST', '/api/v1/users/upsert', :'key',
    '{"email": "bob@example.com", "currency": null, "meta": {"y": 2}}') as c;
select is(row(c.status, c.body -> 'user' ->> 'name')::text, '(200,Robert)', 'PATCH changes one')
from test.call('PATCH', '/api/v1/users/' || :'bob', :'key', '{"name": "Robert"}') as c;
select is(c.status, 422, 'with values that are acceptable')
from test.call('PATCH', '/api/v1/users/' || :'bob', :'key', '{"currency": "XXX"}') as c;
select is(c.status, 200, 'nothing to change is well') from test.call('PATCH', '/api/v1/users/' || :'bob', :'key', '{}') as c;
select is(c.status, 404, 'PATCH of nobody: 404')
from test.call('PATCH', '/api/v1/users/user_01a1fe28d47777f6a72ab18bf435a844', :'key', '{}') as c;
select is(row(c.status, c.body ->> 'name')::text, '(200,Robert)', 'GET by id')
from test.call('GET', '/api/v1/users/' || :'bob', :'key') as c;
select is(c.status, 404, 'GET of nobody: 404') from test.call('GET', '/api/v1/users/nobody', :'key') as c;
select is(row(c.status, c.body ->> 'id')::text, row(200, :'bob')::text, 'GET by e-mail')
from test.call('GET', '/api/v1/users?email=BOB@example.com', :'key') as c;
select is(c.status, 404, 'GET by an e-mail nobody has: 404')
from test.call('GET', '/api/v1/users?email=nobody@example.com', :'key') as c;
select is(c.status, 422, 'GET without an e-mail: 422') from test.call('GET', '/api/v1/users', :'key') as c;

-- Who may.
select is(c.status, 403, 'an account''s key: 403, ' || x.method || ' ' || x.path)
from (values
    ('POST', '/api/v1/users/upsert', '{"email": "eve@example.com"}'::jsonb),
    ('PATCH', '/api/v1/users/' || :'bob', '{"name": "Eve"}'),
    ('GET', '/api/v1/users/' || :'bob', null), ('GET', '/api/v1/users?email=bob@example.com', null)
) as x (method, path, body)
cross join lateral test.call(
    x.method, x.path, test.make_key(core.read_id('acct', :'bobs'), '{admin,jobs:submit,jobs:read,jobs:work,keys:manage}'), x.body
) as c;
select is(c.status, 422, 'no user is made in the name of one account')
from test.call('POST', '/api/v1/users/upsert', :'key', '{"email": "eve@example.com"}', null,
    jsonb_build_object('account', :'bobs')) as c;
select is(c.status, 200, 'in the name of an account its users are seen')
from test.call('GET', '/api/v1/users/' || :'bob', :'key', null, null, jsonb_build_object('account', :'bobs')) as c;
select is(c.status, 404, 'and others are not')
from test.call('GET', '/api/v1/users/' || core.show_id('user', :'ada'), :'key', null, null,
    jsonb_build_object('account', :'bobs')) as c;
select is(audit.measure_coverage(), 100.00, 'every change left an entry');
select unalike((select string_agg(e.facts::text, '') from audit.entry as e), '%example.com%', 'with no personal data');

select * from finish();
rollback;
