-- What a server may repeat from memory of a refusal, to whom and for how long.
begin;
select plan(35);

set local role levqor_owner;
create function api.try_limit() returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
select http.register_route('POST', '/try/' || r.class, 'api.try_limit', p_domain => 'http', p_access => r.access, p_limit_class => r.class,
    p_is_metered => r.is_metered)
from (values ('addressed', 'public', false), ('shared', 'public', false), ('split', 'public', false), ('keyed', 'key', false), ('counted', 'key', true))
    as r (class, access, is_metered);
select http.register_route('POST', '/try/unlimited', 'api.try_limit', p_domain => 'http', p_is_metered => true);
reset role;
-- A token in two hours: no test runs long enough to see one come.
insert into limits.policy (name, scope, route_class, quota, burst, window_seconds, shares) values
('by-address', 'address', 'addressed', 12, 1, 86400, 1), ('by-all', 'all', 'shared', 12, 2, 86400, 1),
('by-part', 'all', 'split', 12, 2, 86400, 2),
('by-account', 'account', 'keyed', 12, 3, 86400, 1), ('by-key', 'key', 'keyed', 12, 2, 86400, 1);
update quota.tier set calls_per_month = 1 where name = 'sandbox';
select test.make_account('A') as a \gset
select test.make_key(:'a') as key, test.make_key(:'a') as second, test.make_key() as counted, test.make_key() as unlimited \gset
create function pg_temp.post(p_class text, p_key text default null, p_address text default '192.0.2.1') returns test.answer language sql as $$
    select c.* from test.call_many(jsonb_build_array(jsonb_build_object('method', 'POST', 'path', '/try/' || p_class, 'key', p_key,
        'address', p_address, 'request_id', 'req_of_' || p_class))) as c
$$;
create temp table answer (name text, status integer, headers jsonb, body jsonb, more jsonb);
create function pg_temp.keep(p_name text, p_answer test.answer) returns void language sql as $$
    insert into answer values (p_name, p_answer.status, p_answer.headers, p_answer.body, p_answer.more)
$$;
create function pg_temp.denial(p_name text) returns jsonb language sql as $$
    select a.more -> 'deny' from answer as a where a.name = p_name
$$;
-- What a server makes of a template, as it puts the seconds, the end and the id into it.
create function pg_temp.fill(p_text text, p_seconds text) returns text language sql as $$
    select replace(replace(p_text, '{seconds}', p_seconds), '{request_id}', 'req_later')
$$;

-- In real time: the test clock is taken away for this transaction.
select core.set_test_clock(null);
select is(c.status, 204, 'the first is admitted') from pg_temp.post('addressed') as c;
select pg_temp.keep('address', c) from pg_temp.post('addressed') as c;
select is(a.status, 429, 'the second is refused') from answer as a where a.name = 'address';
select is(
    (pg_temp.denial('address') - '{seconds,headers,body}'::text[])::text, '{"for": "address", "class": "addressed"}',
    'what an address used up is denied to it, for the class'
);
select ok((pg_temp.denial('address') ->> 'seconds')::numeric between 7100 and 7200, 'for as long as it lasts');
select ok(
    (a.headers ->> 'Retry-After')::integer - (pg_temp.denial('address') ->> 'seconds')::numeric between 0 and 1, 'which Retry-After rounds up'
)
from answer as a where a.name = 'address';
select is(
    pg_temp.fill(pg_temp.denial('address') ->> 'body', a.body ->> 'retry_after')::jsonb, a.body || '{"request_id": "req_later"}',
    'the body is that of the refusal, but for seconds and request'
)
from answer as a where a.name = 'address';
select is(
    pg_temp.fill(pg_temp.denial('address') ->> 'headers', a.headers ->> 'Retry-After')::jsonb - 'X-RateLimit-Reset', a.headers - 'X-RateLimit-Reset',
    'and so are the headers'
)
from answer as a where a.name = 'address';
select is(pg_temp.denial('address') #>> '{headers,Retry-After}', '{seconds}', 'Retry-After counts down');
select is(
    pg_temp.denial('address') #>> '{headers,RateLimit}', '"by-address";r=0;t={seconds}', 'as does the t of what is used up'
);
select matches(pg_temp.denial('address') ->> 'body', '"hint": "Come back in \{seconds\} seconds\."', 'and the hint');
select matches(pg_temp.denial('address') ->> 'body', '"retry_after": \{seconds\}[,}]', 'and the member, as a number');
select matches(pg_temp.denial('address') ->> 'body', '"request_id": "\{request_id\}"', 'the request is whichever comes');
select is(c.more ? 'deny', false, 'who is admitted is denied nothing') from pg_temp.post('addressed', null, '192.0.2.2') as c;
select is(array_agg(c.more -> 'deny' ->> 'for' order by c.call), '{NULL,address,address}', 'a batch tells it call by call')
from test.call_many((
    select jsonb_agg('{"method": "POST", "path": "/try/addressed", "address": "2001:db8::1"}'::jsonb) from generate_series(1, 3)
)) as c;

-- For all.
select is(array_agg(c.status), '{204,204}', 'all together are admitted twice')
from test.call_many('[{"method": "POST", "path": "/try/shared"}, {"method": "POST", "path": "/try/shared"}]') as c;
select pg_temp.keep('all', c) from pg_temp.post('shared') as c;
select is(pg_temp.denial('all') ->> 'for', 'all', 'what all used up is denied to all');
insert into limits.policy (name, scope, route_class, quota, burst, window_seconds) values ('shared-address', 'address', 'shared', 12, 1, 86400);
update limits.policy set is_enabled = false where name = 'by-all';
select is(c.status, 204, 'one address') from pg_temp.post('shared') as c;
update limits.policy set is_enabled = true where name = 'by-all';
select is(c.more -> 'deny' ->> 'for', 'address', 'what names a policy of one caller is not for the others') from pg_temp.post('shared') as c;

-- For a key.
select is(c.status, 204, 'a key is admitted') from pg_temp.post('keyed', :'key') as c;
select is(c.status, 204, 'twice') from pg_temp.post('keyed', :'key') as c;
select pg_temp.keep('key', c) from pg_temp.post('keyed', :'key') as c;
select is((pg_temp.denial('key') ->> 'for') || ' ' || (pg_temp.denial('key') ->> 'class'), 'key keyed', 'what a key used up is denied to it');
select is(c.status, 204, 'another key of the account') from pg_temp.post('keyed', :'second') as c;
select pg_temp.keep('account', c) from pg_temp.post('keyed', :'second') as c;
select is((a.body -> 'violated-policies')::text || ' ' || (pg_temp.denial('account') ->> 'for'), '["by-account"] key',
    'what its account used up is denied to each key that comes')
from answer as a where a.name = 'account';

-- The month.
select is(c.status, 204, 'the one call of the month') from pg_temp.post('counted', :'counted') as c;
select pg_temp.keep('month', c) from pg_temp.post('counted', :'counted') as c;
select is(a.body -> 'violated-policies', '["calls-per-month"]'::jsonb, 'and no other') from answer as a where a.name = 'month';
select is(pg_temp.denial('month'), null, 'a month that is used up is not remembered: other calls of the class are free of it');
select is(c.status, 204, 'a route without a class') from pg_temp.post('unlimited', :'unlimited') as c;
select pg_temp.keep('no class', c) from pg_temp.post('unlimited', :'unlimited') as c;
select is(row(a.status, a.more ? 'deny')::text, '(429,f)', 'is asked each time: a server remembers by class') from answer as a where a.name = 'no class';

-- A part of a bucket of all.
select pg_temp.keep('part', c) from pg_temp.post('split') as c;
select pg_temp.keep('empty part', c) from pg_temp.post('split') as c;
select is(a.status, 204, 'a part is admitted once') from answer as a where a.name = 'part';
select is(row(a.status, a.more -> 'decision' #>> '{violated,0,subject}')::text, row(429, '*/' || pg_backend_pid() % 2)::text, 'and is empty')
from answer as a where a.name = 'empty part';
select isnt(pg_temp.denial('empty part') ->> 'for', 'all', 'which is not denied to all: another part may hold what they need');

-- Refusals for other reasons are not remembered, nor is anything under the test clock.
select is(c.more ? 'deny', false, 'a key that is none is no refusal of limits') from pg_temp.post('keyed', 'lvk_live_x') as c;
select core.set_test_clock(core.now());
select is(c.status, 429, 'by the test clock it is refused') from pg_temp.post('addressed') as c;
select is(c.more ? 'deny', false, 'and nobody can say until when') from pg_temp.post('addressed') as c;

-- What makes servers forget.
select is(
    (select array_agg(t.tgrelid::regclass::text order by t.tgrelid::regclass::text) from pg_trigger as t where t.tgname in ('policy_change_is_told', 'clock_change_is_told', 'tier_change_is_told')
        and t.tgenabled = 'O'),
    '{core.test_clock,limits.policy,quota.tier}', 'a change of policies, tiers or the test clock is told'
);

select * from finish();
rollback;
