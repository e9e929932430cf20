-- The limiter breaks: routes are closed, or open, as their rows say; the month's quota holds all the same.
begin;
select plan(27);
set local client_min_messages = error;

set local role levqor_owner;
create function api.try_call() returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
create function api.try_fault() returns http.response language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'broken';
end;
$$;
create function api.try_calls(p_calls http.call[], p_parameters jsonb[], p_bodies jsonb[]) returns http.response[] language sql volatile
security definer set search_path = pg_catalog, pg_temp as $$
    select array_agg(http.json(200, '{"plural": true}')) from unnest(p_calls)
$$;
select http.register_route('POST', '/try/closed', 'api.try_call', p_domain => 'http', p_limit_class => 'tried', p_is_metered => true);
select http.register_route('POST', '/try/open', 'api.try_call', p_domain => 'http', p_limit_class => 'tried', p_is_metered => true,
    p_when_limiter_fails => 'open');
select http.register_route('POST', '/try/plural', 'api.try_call', p_domain => 'http', p_limit_class => 'tried', p_is_metered => true,
    p_when_limiter_fails => 'open', p_plural_function => 'api.try_calls');
select http.register_route('POST', '/try/fault', 'api.try_fault', p_domain => 'http', p_limit_class => 'tried', p_is_metered => true,
    p_when_limiter_fails => 'open');
select http.register_route('POST', '/try/unlimited', 'api.try_call', p_domain => 'http', p_access => 'public');
reset role;
insert into limits.policy (name, scope, route_class, quota, burst, window_seconds) values ('tried', 'address', 'tried', 1, 2, 60);
select core.set_test_clock('2031-01-01 12:00:00+00');
select test.make_account('A') as a \gset
select test.make_key(:'a') as key \gset
create function pg_temp.calls(p_names text[], p_key text) returns jsonb language sql as $$
    select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/try/' || n.name, 'key', p_key, 'address', '192.0.2.1') order by n.n)
    from unnest(p_names) with ordinality as n (name, n)
$$;
select is(r.when_limiter_fails, 'closed', 'a route is closed unless its row says otherwise') from http.route as r where r.path = '/try/closed';
select is(c.status, 204, 'while it works, a call is charged') from test.call('POST', '/try/closed', :'key', null, '192.0.2.1') as c;

-- The buckets are gone.
alter table limits.bucket rename to bucket_gone;
create temp table single as
select n.name, c.* from unnest('{closed,open,unlimited}'::text[]) as n (name)
cross join lateral test.call('POST', '/try/' || n.name, :'key', null, '192.0.2.1') as c;
select is(row(s.status, s.body ->> 'code', s.headers ->> 'Retry-After')::text, '(503,unavailable,1)', 'a closed route answers 503')
from single as s where s.name = 'closed';
select is(s.body ->> 'detail', 'The rate limiter does not work just now.', 'and says why') from single as s where s.name = 'closed';
select is(row(s.status, s.more -> 'decision' -> 'flags')::text, '(204,"[""limiter-failed-open""]")', 'an open one goes on, and that is told')
from single as s where s.name = 'open';
select is(s.headers ? 'RateLimit', false, 'no limit is told that nobody knows') from single as s where s.name = 'open';
select is(row(s.status, s.more -> 'decision' ? 'flags')::text, '(204,f)', 'a route without limits does not notice') from single as s where s.name = 'unlimited';
create temp table many as select c.* from test.call_many(pg_temp.calls('{closed,open,plural,unlimited,open,closed}', :'key')) as c;
select is(array_agg(m.status order by m.call), '{503,204,204,204,204,503}', 'in a batch each is as alone') from many as m;
select is(
    array_agg(coalesce(m.more #>> '{decision,flags,0}', '-') order by m.call),
    '{-,limiter-failed-open,limiter-failed-open,-,limiter-failed-open,-}', 'and is told as alone'
)
from many as m;
select is(c.status, 401, 'who is not known is refused as ever') from test.call('POST', '/try/open', 'lvk_live_x') as c;
select is(u.used, 5::bigint, 'what goes on is counted in the month all the same') from quota.usage as u where u.account_id = :'a';
select is(c.status, 500, 'a fault behind it') from test.call('POST', '/try/fault', :'key') as c;
select is(u.used, 5::bigint, 'gives its call back') from quota.usage as u where u.account_id = :'a';
update http.route set when_limiter_fails = 'open' where path = '/try/closed';
select is(c.status, 204, 'a DBA opens a route with the next call') from test.call('POST', '/try/closed', :'key') as c;
update http.route set when_limiter_fails = 'closed' where path = '/try/closed';
alter table limits.bucket_gone rename to bucket;
select is(c.status, 204, 'when it works again') from test.call('POST', '/try/closed', :'key', null, '192.0.2.1') as c;
select is(c.status, 429, 'it stands where it stood') from test.call('POST', '/try/closed', :'key', null, '192.0.2.1') as c;

-- The month's usage is gone.
alter table quota.usage rename to usage_gone;
select is(array_agg(c.status order by c.call), '{503,503,204}', 'a month that can not be counted closes open routes too')
from test.call_many(pg_temp.calls('{closed,open,unlimited}', :'key')) as c;
select is(c.status, 503, 'also for one call') from test.call('POST', '/try/closed', :'key') as c;
select lives_ok(format('select * from test.call_many(pg_temp.calls(%L, %L))', '{fault,unlimited}', :'key'),
    'a fault behind an open one takes nothing of others with it');
alter table quota.usage_gone rename to usage;

-- The policies can not be read.
alter table limits.policy rename to policy_gone;
select is(array_agg(c.status order by c.call), '{503,204,204}', 'policies that can not be read are a limiter that is broken')
from test.call_many(pg_temp.calls('{closed,open,unlimited}', :'key')) as c;
select is(c.status, 503, 'also for one call') from test.call('POST', '/try/closed', :'key') as c;
alter table limits.policy_gone rename to policy;

-- Locks of others are no fault of the limiter: the server sends the calls again, each alone.
create function pg_temp.refuse_lock() returns trigger language plpgsql as $$
begin
    raise exception using errcode = current_setting('test.state'), message = 'held by another';
end;
$$;
create trigger bucket_is_held before insert on limits.bucket for each row execute function pg_temp.refuse_lock();
select set_config('test.state', '40P01', true);
select throws_ok(format('select * from test.call_many(pg_temp.calls(%L, %L))', '{closed,open}', :'key'), '40P01', null, 'a deadlock in a batch is raised');
select set_config('test.state', '55P03', true);
select throws_ok(format('select * from test.call_many(pg_temp.calls(%L, %L))', '{closed,open}', :'key'), '55P03', null, 'and so is a lock that was not to be had');
select throws_ok(format('select * from test.call(%L, %L, %L)', 'POST', '/try/closed', :'key'), '55P03', null, 'also alone');
select throws_ok(format('select * from test.call(%L, %L, %L)', 'POST', '/try/open', :'key'), '55P03', null, 'and on an open route: nothing goes on uncharged');
drop trigger bucket_is_held on limits.bucket;
select is(u.used, 8::bigint, 'the month knows of all that went on') from quota.usage as u where u.account_id = :'a';
select is(c.status, 429, 'the buckets know of nothing') from test.call('POST', '/try/closed', :'key', null, '192.0.2.1') as c;

select * from finish();
rollback;
