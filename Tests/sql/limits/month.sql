-- The month's calls at the gate: exactly the number, in any mixture, told in the fields, announced, given back after our faults.
begin;
select plan(61);

set local role levqor_owner;
create function api.try_call() returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
create function api.try_fault() returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'broken';
end;
$$;
create function api.try_refusal() returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    raise exception using errcode = 'LQ422', message = 'no';
end;
$$;
create function api.try_wait() returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as $$
    select case when http.wait_until() is null then http.wait('{x}', core.now()) else http.no_content() end
$$;
create function api.try_lock() returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    raise exception using errcode = '55P03', message = 'locked';
end;
$$;
select http.register_route('POST', '/try/' || f.name, 'api.try_' || f.name, p_domain => 'http', p_limit_class => 'tried', p_is_metered => true)
from (values ('call'), ('fault'), ('refusal'), ('wait'), ('lock')) as f (name);
select http.register_route('POST', '/try/unmetered', 'api.try_call', p_domain => 'http', p_limit_class => 'tried');
select http.register_route('POST', '/try/unlimited', 'api.try_call', p_domain => 'http', p_is_metered => true);
select http.register_route('POST', '/try/public', 'api.try_call', p_domain => 'http', p_is_metered => true, p_access => 'public',
    p_limit_class => 'tried');
reset role;
insert into limits.policy (name, scope, route_class, quota, burst, window_seconds) values ('tried', 'key', 'tried', 60, 1000, 60);
update quota.tier set calls_per_month = case name when 'sandbox' then 10 when 'pro' then 20 end;

select test.make_account('A') as a, test.make_account('B') as b, test.make_account('C') as c \gset
update identity.account set tier = 'enterprise' where id = :'c';
select test.make_key(:'a') as key_a, test.make_key(:'b') as key_b, test.make_key(:'c') as key_c,
    test.make_key(identity.operator_account(), '{platform}') as key_p \gset
create function pg_temp.calls(p_keys text[], p_name text default 'call', p_context jsonb default '{}') returns jsonb language sql as $$
    select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/try/' || p_name, 'key', k.key, 'address', '192.0.2.1', 'context', p_context)
        order by k.n)
    from unnest(p_keys) with ordinality as k (key, n)
$$;
create function pg_temp.single(p_keys text[], p_name text default 'call') returns setof integer language plpgsql as $$
declare
    v_key text;
begin
    foreach v_key in array p_keys loop
        return query select c.status from test.call('POST', '/try/' || p_name, v_key, null, '192.0.2.1') as c;
    end loop;
end;
$$;
create function pg_temp.used(p_account_id uuid) returns bigint language sql as $$
    select u.used from quota.usage as u where u.account_id = p_account_id and u.month = quota.month()
$$;
create function pg_temp.told(p_account_id uuid) returns text language sql as $$
    select string_agg(e.data ->> 'percent', ',' order by e.created_at, (e.data ->> 'percent')::integer)
    from outbox.event as e where e.account_id = p_account_id and e.data ->> 'month' = to_char(quota.month(), 'YYYY-MM')
$$;

-- One by one: exactly the number.
select core.set_test_clock('2031-01-30 12:00:00+00');
select is(array(select pg_temp.single(array_fill(:'key_a'::text, '{12}'))), array_fill(204, '{10}') || array_fill(429, '{2}'), 'one by one: 10 of 12');
select is(pg_temp.used(:'a'), 10::bigint, 'as many are used');
select is(pg_temp.told(:'a'), '80,100', '80 % and 100 % are told once');
-- In a batch.
select is(array_agg(c.status order by c.call), array_fill(204, '{10}') || array_fill(429, '{2}'), 'a batch: 10 of 12')
from test.call_many(pg_temp.calls(array_fill(:'key_b'::text, '{12}'))) as c;
select is(pg_temp.used(:'b'), 10::bigint, 'as many are used');
select is(pg_temp.told(:'b'), '80,100', 'and told');
select is(array_agg(c.status order by c.call), '{429,204,429,204}', 'others of a batch have their own month')
from test.call_many(pg_temp.calls(array[:'key_a', :'key_c', :'key_b', :'key_p'])) as c;
select is(pg_temp.used(:'c'), 1::bigint, 'a tier without a limit is counted too');

-- What a refused one is told.
create temp table refused as select c.* from test.call('POST', '/try/call', :'key_a', null, '192.0.2.1') as c;
select is(
    r.body - 'request_id',
    '{"type": "https://iana.org/assignments/http-problem-types#quota-exceeded", "title": "Too many requests", "status": 429,
      "detail": "The calls of the month are used up in the tier sandbox.", "code": "quota-exceeded",
      "hint": "Wait for the next month, or ask for a higher tier.", "violated-policies": ["calls-per-month"], "retry_after": 129600}'::jsonb,
    'the problem says that it is the month'
)
from refused as r;
select is(r.headers ->> 'Retry-After', '129600', 'it may come back when the month is over') from refused as r;
select is(r.headers ->> 'RateLimit', '"tried";r=990;t=10, "calls-per-month";r=0;t=129600', 'RateLimit names the month behind the rates') from refused as r;
select is(r.headers ->> 'RateLimit-Policy', '"tried";q=60;w=60, "calls-per-month";q=10;w=2678400', 'and so does RateLimit-Policy') from refused as r;
select is(
    (r.headers ->> 'X-RateLimit-Limit') || ' ' || (r.headers ->> 'X-RateLimit-Remaining') || ' ' || (r.headers ->> 'X-RateLimit-Reset'),
    '10 0 ' || extract(epoch from '2031-02-01 00:00:00+00'::timestamptz)::bigint, 'the older fields tell of it as the tightest'
)
from refused as r;
select is(r.more -> 'decision', '{"tier": "sandbox", "violated": [{"policy": "calls-per-month"}]}'::jsonb, 'as does the decision') from refused as r;
select is(
    b.full_at, core.now() + interval '10 seconds', 'what the month refuses is not charged to the rates'
)
from limits.bucket as b inner join limits.policy as p on p.id = b.policy_id
inner join keys.api_key as k on k.id::text = b.subject and k.account_id = :'a'
where p.name = 'tried';
select is_empty($$select from limits.refusal as f left join limits.policy as p on p.id = f.policy_id where p.id is null$$, 'nor counted as a policy');

-- A tier without a limit, and routes that are not metered or not limited.
select is(c.headers ->> 'RateLimit', '"tried";r=998;t=2', 'no limit is not told') from test.call('POST', '/try/call', :'key_c', null, '192.0.2.1') as c;
select is(c.status, 204, 'a route that is not metered is open when the month is used up') from test.call('POST', '/try/unmetered', :'key_a') as c;
select is(c.headers ->> 'RateLimit', '"tried";r=988;t=12', 'and does not tell of it') from test.call('POST', '/try/unmetered', :'key_a') as c;
select is(c.status, 429, 'a metered one without a class is not') from test.call('POST', '/try/unlimited', :'key_a') as c;
select is(c.headers ->> 'RateLimit', '"calls-per-month";r=0;t=129600', 'and tells of the month alone') from test.call('POST', '/try/unlimited', :'key_a') as c;
select is(array_agg(c.status), '{429,204,204}', 'in a batch too')
from test.call_many(pg_temp.calls(array[:'key_a', :'key_c'], 'unlimited') || pg_temp.calls(array[:'key_a'], 'unmetered')) as c;
select is(c.status, 204, 'a public route is metered for nobody') from test.call('POST', '/try/public') as c;
select is(c.status, 429, 'and for who sends a key') from test.call('POST', '/try/public', :'key_a') as c;

-- Another tier holds from the next call on.
select quota.set_tier(:'a', 'pro');
select is(array(select pg_temp.single(array[:'key_a'])), '{204}', 'a higher tier has room');
select is(pg_temp.used(:'a'), 11::bigint, 'behind what was used');
select is(array_agg(c.status order by c.call), array_fill(204, '{9}') || 429, 'and no more than its own')
from test.call_many(pg_temp.calls(array_fill(:'key_a'::text, '{10}'))) as c;
select is(pg_temp.told(:'a'), '80,80,100,100', 'what is reached of it is told');
update quota.tier set calls_per_month = 21 where name = 'pro';
select is(array(select pg_temp.single(array[:'key_a', :'key_a'])), '{204,429}', 'so does a tier that changes');
select quota.set_tier(:'a', 'enterprise');
select is(array_agg(c.status), '{204,204}', 'and one without a limit') from test.call_many(pg_temp.calls(array[:'key_a', :'key_a'])) as c;
select quota.set_tier(:'a', 'sandbox');
select is(array(select pg_temp.single(array[:'key_a'])), '{429}', 'a lower one refuses at once');
select is(c.headers ->> 'RateLimit', '"tried";r=974;t=26, "calls-per-month";r=0;t=129600', 'less than nothing is not told')
from test.call('POST', '/try/call', :'key_a', null, '192.0.2.1') as c;

-- A platform key charges the account that it acts for.
select core.set_test_clock('2031-02-15 12:00:00+00');
select is(c.status, 204, 'a platform key in the name of an account')
from test.call('POST', '/try/call', :'key_p', null, '192.0.2.1', jsonb_build_object('account', core.show_id('acct', :'a'))) as c;
select is(pg_temp.used(:'a'), 1::bigint, 'is charged to its month');
select is(c.headers ->> 'RateLimit' like '%"calls-per-month";r=8;%', true, 'by its tier')
from test.call('POST', '/try/call', :'key_p', null, '192.0.2.1', jsonb_build_object('account', core.show_id('acct', :'a'))) as c;

-- Mixed batches of several accounts.
select core.set_test_clock('2031-03-15 12:00:00+00');
select is(
    array_agg(c.status order by c.call), '{204,204,204,204,401,204,204}', 'a batch of many accounts, in which all fit, is charged in one step'
)
from test.call_many(pg_temp.calls(array[:'key_a', :'key_b', :'key_c', :'key_a', 'lvk_live_x', :'key_p', :'key_b'])) as c;
select is(row(pg_temp.used(:'a'), pg_temp.used(:'b'), pg_temp.used(:'c'))::text, '(2,2,1)', 'each account its own');
select is(
    array_agg(c.status order by c.call), array_fill(204, '{9}') || array[429, 204, 204, 429], 'one in which one does not fit is decided call by call'
)
from test.call_many(pg_temp.calls(array_fill(:'key_a'::text, '{8}') || array[:'key_b', :'key_a', :'key_b', :'key_c', :'key_a'])) as c;
select is(row(pg_temp.used(:'a'), pg_temp.used(:'b'), pg_temp.used(:'c'))::text, '(10,4,2)', 'and charges what it admits');
select is(pg_temp.told(:'a'), '80,100', 'which is told as well');

-- What is refused for another reason uses nothing of the month.
select core.set_test_clock('2031-04-15 12:00:00+00');
update limits.policy set quota = 1, burst = 3 where name = 'tried';
select is(array_agg(c.status order by c.call), '{204,204,204,429,429}', 'a rate refuses') from test.call_many(pg_temp.calls(array_fill(:'key_a'::text, '{5}'))) as c;
select is(array(select pg_temp.single(array[:'key_a'])), '{429}', 'alone too');
select is(pg_temp.used(:'a'), 3::bigint, 'and uses no call of the month');
update quota.usage set used = 10 where account_id = :'a';
select is(
    row(c.body -> 'violated-policies', c.headers ->> 'Retry-After')::text, '("[""tried"", ""calls-per-month""]",1339200)',
    'who met both is told of both, and of the later time'
)
from test.call('POST', '/try/call', :'key_a', null, '192.0.2.1') as c;
update limits.policy set quota = 60, burst = 1000 where name = 'tried';

-- Faults of ours are given back; refusals of the door are not.
select core.set_test_clock('2031-05-15 12:00:00+00');
select is(array(select pg_temp.single(array[:'key_a'], 'refusal')), '{422}', 'a door that refuses');
select is(pg_temp.used(:'a'), 1::bigint, 'is charged');
select is(array(select pg_temp.single(array[:'key_a', :'key_a'], 'fault')), '{500,500}', 'one that breaks');
select is(pg_temp.used(:'a'), 1::bigint, 'is not');
select is(array_agg(c.status order by c.call), '{500,204,500,500,422}', 'in a batch')
from test.call_many(pg_temp.calls(array[:'key_a'], 'fault') || pg_temp.calls(array[:'key_a']) || pg_temp.calls(array[:'key_a', :'key_b'], 'fault')
    || pg_temp.calls(array[:'key_b'], 'refusal')) as c;
select is(row(pg_temp.used(:'a'), pg_temp.used(:'b'))::text, '(2,1)', 'neither, and its neighbours are');
select is(
    (select extract(epoch from b.full_at - core.now())::integer from limits.bucket as b inner join limits.policy as p on p.id = b.policy_id
        inner join keys.api_key as k on k.id::text = b.subject and k.account_id = :'a' where p.name = 'tried'),
    6, 'the rates keep what breaks'
);

-- Charged once, however often it comes.
select is(c.outcome, 'wait', 'a call that waits') from test.call('POST', '/try/wait', :'key_a') as c;
select is(c.status, 204, 'and comes back') from test.call('POST', '/try/wait', :'key_a', null, null, '{"admitted": true, "wait_until": "2031-05-15T12:00:00Z"}') as c;
select is(pg_temp.used(:'a'), 3::bigint, 'is charged once');
select is(array_agg(c.outcome order by c.call), '{again,again}', 'calls that met a lock')
from test.call_many(pg_temp.calls(array[:'key_a', :'key_a'], 'lock')) as c;
select is(array_agg(c.status || ' ' || (c.headers ? 'RateLimit')::text), '{"204 true","204 true"}', 'and are sent again, admitted, with the fields all the same')
from test.call_many(pg_temp.calls(array[:'key_a', :'key_a'], 'call', '{"admitted": true}')) as c;
select is(pg_temp.used(:'a'), 5::bigint, 'too');

-- What is announced is sent: the server hears of it with the call that reached it.
select core.set_test_clock('2031-06-15 12:00:00+00');
select outbox.add_endpoint(:'a', 'https://example.org/quota', '{quota.*}'), outbox.add_endpoint(:'b', 'https://example.org/quota', '{quota.*}');
insert into quota.usage (account_id, month, used, allowed) values (:'a', '2031-06-01', 7, 10), (:'b', '2031-06-01', 7, 10);
select is(c.hints, array[E'outbox\t1'], 'one call that reaches 80 % wakes the reactor') from test.call('POST', '/try/call', :'key_a') as c;
select is(
    (select count(*) from test.call_many(pg_temp.calls(array[:'key_b', :'key_c'])) as c cross join unnest(c.hints) as h (hint) where h.hint = E'outbox\t1'),
    1::bigint, 'a batch that does too'
);
select is(
    (select count(*) from test.call_many(pg_temp.calls(array[:'key_a', :'key_a', :'key_a'])) as c cross join unnest(c.hints) as h (hint) where h.hint like E'outbox\t%'),
    1::bigint, 'also one that is decided call by call'
);
select is(m.body::jsonb #>> '{data,percent}', '80', 'the webhook is there') from outbox.message as m where m.account_id = :'b';

select * from finish();
rollback;
