begin;
select plan(19);

select core.set_test_clock('2031-01-01 12:00:00+00');
select test.make_account('A') as a \gset
select test.make_key(:'a', '{jobs:read}') as key \gset

select is(keys.read_text(:'key') is not null, true, 'a key is read');
select is((select t.id from keys.read_text(x.text) as t), null, 'no key: ' || x.told)
from (values
    ('', 'nothing'), ('lvk_live_', 'a prefix'), (left(:'key', -1), 'one character short'), (:'key' || 'A', 'one too many'),
    (overlay(:'key' placing case substring(:'key' from 60 for 1) when 'A' then 'B' else 'A' end from 60), 'one mistyped'),
    (replace(:'key', 'live', 'test'), 'of the other mode'), (upper(:'key'), 'in upper case')
) as x (text, told);

select is(
    (select row(c.ordinal, c.account_id, c.scopes, c.account_status, c.refusal)::text
        from keys.authenticate_many(array[null, :'key']) as c),
    row(2, :'a'::uuid, '{jobs:read}'::text[], 'active', null::text)::text, 'a key is found, in its place; none for none'
);
select is(c.refusal, 'unknown', 'a malformed one is unknown') from keys.authenticate_many('{x}') as c;
update keys.api_key set hash = sha256('other') where account_id = :'a';
select is(c.refusal, 'unknown', 'one with another secret is unknown') from keys.authenticate_many(array[:'key']) as c;
update keys.api_key set hash = sha256(convert_to(:'key', 'UTF8')), not_before = '2031-01-01 12:00:01+00' where account_id = :'a';
select is(c.refusal, 'not yet valid', 'one may begin later') from keys.authenticate_many(array[:'key']) as c;
update keys.api_key set not_before = '2031-01-01 12:00:00+00', expires_at = '2031-01-01 12:00:01+00' where account_id = :'a';
select is(c.refusal, null, 'and begins on time') from keys.authenticate_many(array[:'key']) as c;
select core.set_test_clock('2031-01-01 12:00:01+00');
select is(c.refusal, 'expired', 'and ends on time') from keys.authenticate_many(array[:'key']) as c;
update keys.api_key set expires_at = null where account_id = :'a';
update identity.account set status = 'closed' where id = :'a';
select is(c.refusal, 'unknown', 'a closed account has no keys') from keys.authenticate_many(array[:'key']) as c;
update identity.account set status = 'active' where id = :'a';

-- The last use is noted with the access record, not by the guard, which would write a row for each call.
update keys.api_key set scopes = '{keys:manage}' where account_id = :'a';
select is(c.status, 200, 'a use') from test.call('GET', '/api/v1/keys', :'key') as c;
select is((select k.last_used_at from keys.api_key as k where k.account_id = :'a'), null, 'writes nothing into the key');
select access.note_keys(array[t.id], array[core.now()]) from keys.read_text(:'key') as t;
select is(
    (select k.last_used_at from keys.api_key as k where k.account_id = :'a'), '2031-01-01 12:00:01+00'::timestamptz,
    'the access record notes it'
);
select is(
    (select c.body #>> '{keys,0,last_used_at}' from test.call('GET', '/api/v1/keys', :'key') as c), '2031-01-01T12:00:01+00:00',
    'and it is shown'
);

select * from finish();
rollback;
