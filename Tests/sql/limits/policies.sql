-- What a policy may be beyond quota and burst: a cost, a shadow, one of several, one for every class, a shared bucket in parts.
begin;
select plan(58);

set local role levqor_owner;
create function api.try_limit() returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
select http.register_route('POST', '/try/' || r.class, 'api.try_limit', p_domain => 'http', p_access => 'public', p_limit_class => r.class)
from (values ('one'), ('two')) as r (class);
select http.register_route('POST', '/try/unlimited', 'api.try_limit', p_domain => 'http', p_access => 'public');
select http.register_route('POST', '/try/keyed', 'api.try_limit', p_domain => 'http', p_limit_class => 'keyed');
reset role;
create function pg_temp.policy(p_name text, p_scope text, p_class text, p_quota integer, p_burst integer, p_cost integer default 1,
    p_is_shadow boolean default false, p_shares integer default 1) returns integer language sql as $$
    insert into limits.policy (name, scope, route_class, quota, burst, window_seconds, cost, is_shadow, shares)
    values (p_name, p_scope, p_class, p_quota, p_burst, 60, p_cost, p_is_shadow, p_shares) returning id
$$;
create function pg_temp.calls(p_number integer, p_class text, p_address text) returns jsonb language sql as $$
    select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/try/' || p_class, 'address', p_address))
    from generate_series(1, p_number)
$$;
create function pg_temp.batch(p_number integer, p_class text, p_address text) returns setof test.answer language sql as $$
    select c.* from test.call_many(pg_temp.calls(p_number, p_class, p_address)) as c
$$;
create function pg_temp.one_by_one(p_number integer, p_class text, p_address text) returns setof test.answer language plpgsql as $$
begin
    for i in 1 .. p_number loop
        return query select i, c.outcome, c.status, c.headers, c.body, c.raw, c.hints, c.more
        from test.call('POST', '/try/' || p_class, null, null, p_address) as c;
    end loop;
end;
$$;
create function pg_temp.full_at() returns text language sql as $$
    select string_agg(p.name || ' ' || b.subject || ' ' || extract(epoch from b.full_at - core.now())::integer, ', ' order by p.name, b.subject)
    from limits.bucket as b inner join limits.policy as p on p.id = b.policy_id
    where b.full_at > core.now()
$$;
select core.set_test_clock('2031-01-01 12:00:00+00');

-- Cost: a call takes so many tokens.
select pg_temp.policy('dear', 'address', 'one', 60, 10, p_cost => 3);
select is(array_agg(c.status order by c.call), '{204,204,204,429}', 'a call that costs 3 of 10 goes three times')
from pg_temp.batch(4, 'one', '192.0.2.1') as c;
select is(array_agg(c.status order by c.call), '{204,204,204,429}', 'one by one too') from pg_temp.one_by_one(4, 'one', '192.0.2.2') as c;
select is(
    c.headers ->> 'RateLimit' || ' ' || (c.headers ->> 'RateLimit-Policy'), '"dear";r=2;t=3 "dear";q=60;w=60',
    'what is left is told in calls, and the quota as it stands'
)
from test.call('POST', '/try/one', null, null, '192.0.2.3') as c;
select is(c.headers ->> 'Retry-After', '2', 'it comes back when three tokens are there, and one is left over')
from test.call('POST', '/try/one', null, null, '192.0.2.1') as c;
select core.set_test_clock('2031-01-01 12:00:01.999+00');
select is(c.status, 429, 'not before') from test.call('POST', '/try/one', null, null, '192.0.2.1') as c;
select core.set_test_clock('2031-01-01 12:00:02+00');
select is(c.status, 204, 'and then') from test.call('POST', '/try/one', null, null, '192.0.2.1') as c;
select throws_ok(
    format('select pg_temp.policy(%L, %L, %L, 1, %s, p_cost => %s, p_shares => %s)', 'odd', x.scope, 'odd', x.burst, x.cost, x.shares), '23514',
    format('new row for relation "policy" violates check constraint "policy_%s_check"', x.rule), x.told
)
from (values
    ('address', 2, 3, 1, 'burst_holds_a_call_of_each_share', 'a burst that never holds a call is refused'),
    ('all', 5, 2, 3, 'burst_holds_a_call_of_each_share', 'also where its parts hold none'),
    ('address', 2, 0, 1, 'cost_is_bounded', 'a call costs something'),
    ('address', 8, 1, 2, 'only_shared_bucket_is_split', 'a bucket of one address has no parts'),
    ('all', 100, 1, 65, 'only_shared_bucket_is_split', 'and one of all 64 at most')
) as x (scope, burst, cost, shares, rule, told);
delete from limits.policy where name = 'dear';

-- Several policies: all or nothing.
select core.set_test_clock('2031-01-01 13:00:00+00');
select pg_temp.policy('wide', 'address', 'one', 60, 10), pg_temp.policy('all', 'all', 'one', 60, 5), pg_temp.policy('narrow', 'address', 'one', 60, 3);
select is(array_agg(c.status order by c.call), '{204,204,204,429,429}', 'the tightest decides') from pg_temp.batch(5, 'one', '192.0.2.1') as c;
select is(pg_temp.full_at(), 'all * 3, narrow 192.0.2.1 3, wide 192.0.2.1 3', 'what it refuses charges none of the others');
select is(array_agg(c.status order by c.call), '{204,204,429,429}', 'the bucket of all decides') from pg_temp.batch(4, 'one', '192.0.2.2') as c;
select is(
    pg_temp.full_at(), 'all * 5, narrow 192.0.2.1 3, narrow 192.0.2.2 2, wide 192.0.2.1 3, wide 192.0.2.2 2', 'and charges none of the addresses'
);
select is(c.status, 429, 'nor alone') from test.call('POST', '/try/one', null, null, '192.0.2.3') as c;
select is(
    pg_temp.full_at(), 'all * 5, narrow 192.0.2.1 3, narrow 192.0.2.2 2, wide 192.0.2.1 3, wide 192.0.2.2 2',
    'one that comes fresh leaves no charge'
);
select is(c.body -> 'violated-policies', '["narrow", "all"]'::jsonb, 'every policy that refuses is named, that of all last')
from test.call('POST', '/try/one', null, null, '192.0.2.1') as c;
select is(
    c.headers ->> 'RateLimit' || ' | ' || (c.headers ->> 'RateLimit-Policy'),
    '"wide";r=7;t=3, "narrow";r=0;t=1, "all";r=0;t=1 | "wide";q=60;w=60, "narrow";q=60;w=60, "all";q=60;w=60',
    'both fields list them in one order: as they were made, that of all last'
)
from test.call('POST', '/try/one', null, null, '192.0.2.1') as c;
select is(
    c.more -> 'decision' -> 'violated',
    (select jsonb_agg(jsonb_build_object('policy', p.name, 'id', p.id, 'subject', case p.name when 'all' then '*' else '192.0.2.1' end)
        order by p.scope = 'all', p.id) from limits.policy as p where p.name in ('narrow', 'all')), 'the decision names them with their subjects'
)
from test.call('POST', '/try/one', null, null, '192.0.2.1') as c;
select core.set_test_clock('2031-01-01 14:00:00+00');
create temp table batched as select c.* from pg_temp.batch(2, 'one', '192.0.2.1') as c;
select core.set_test_clock('2031-01-01 15:00:00+00');
create temp table singly as select c.* from pg_temp.one_by_one(2, 'one', '192.0.2.1') as c;
select is(
    (select b.headers from batched as b where b.call = 2),
    (select s.headers || '{"X-RateLimit-Reset": "1925042402"}' from singly as s where s.call = 2), 'a batch and single calls are told the same'
);
select is(b.headers ->> 'X-RateLimit-Limit' || ' ' || (b.headers ->> 'X-RateLimit-Remaining'), '60 1', 'the older fields tell the tightest')
from batched as b where b.call = 2;
delete from limits.policy where name in ('wide', 'narrow', 'all');

-- A policy of every class.
select core.set_test_clock('2031-01-01 16:00:00+00');
select pg_temp.policy('any', 'address', '*', 60, 3), pg_temp.policy('first', 'address', 'one', 60, 2);
select is(array_agg(c.status order by c.call), '{204,204,429,204,429,204}', 'a policy of every class counts them together')
from test.call_many(pg_temp.calls(3, 'one', '192.0.2.1') || pg_temp.calls(2, 'two', '192.0.2.1') || pg_temp.calls(1, 'unlimited', '192.0.2.1')) as c;
select is(array_agg(c.status order by c.n), '{204,204,429,204,429,204}', 'one by one too')
from (
    select x.n, c.* from (values (1, 'one'), (2, 'one'), (3, 'one'), (4, 'two'), (5, 'two'), (6, 'unlimited')) as x (n, class)
    cross join lateral test.call('POST', '/try/' || x.class, null, null, '192.0.2.2') as c
) as c;
select is(c.headers ->> 'RateLimit-Policy', x.told, x.why)
from (values
    ('one', '"any";q=60;w=60, "first";q=60;w=60', 'it is told beside the class''s own'), ('two', '"any";q=60;w=60', 'and alone'),
    ('unlimited', null, 'a route without a class has no limit at all')
) as x (class, told, why)
cross join lateral test.call('POST', '/try/' || x.class, null, null, '192.0.2.9') as c;
delete from limits.policy where name in ('any', 'first');

-- Shadows.
select core.set_test_clock('2031-01-01 17:00:00+00');
delete from limits.refusal;
select pg_temp.policy('trial', 'address', 'one', 60, 2, p_is_shadow => true), pg_temp.policy('real', 'address', 'one', 60, 4);
create temp table tried as select c.* from pg_temp.batch(5, 'one', '192.0.2.1') as c;
select is(array_agg(t.status order by t.call), '{204,204,204,204,429}', 'a shadow refuses nothing') from tried as t;
select is(
    array_agg(coalesce(t.more #>> '{decision,shadowed,0,policy}', '-') order by t.call), '{-,-,trial,trial,trial}',
    'and is told where it would'
)
from tried as t;
select is(
    t.more -> 'decision' -> 'shadowed', jsonb_build_array(jsonb_build_object('policy', 'trial', 'id', p.id, 'subject', '192.0.2.1')),
    'with number and subject'
)
from tried as t cross join limits.policy as p where t.call = 3 and p.name = 'trial';
select is(t.more -> 'decision' ? 'violated', false, 'not as one that refused') from tried as t where t.call = 3;
select is(
    jsonb_path_query_array(t.more, '$.decision.violated[*].policy') || jsonb_path_query_array(t.more, '$.decision.shadowed[*].policy'),
    '["real", "trial"]', 'a call may meet both'
)
from tried as t where t.call = 5;
select is(t.body -> 'violated-policies', '["real"]'::jsonb, 'and is told of the one that refused it') from tried as t where t.call = 5;
select is(pg_temp.full_at(), 'real 192.0.2.1 4, trial 192.0.2.1 2', 'what a shadow would refuse is not charged to it');
select results_eq(
    'select p.name, r.subject, r.refused, r.shadowed from limits.refusal as r inner join limits.policy as p on p.id = r.policy_id order by 1',
    $$values ('real', '192.0.2.1', 1::bigint, 0::bigint), ('trial', '192.0.2.1', 0, 3)$$, 'both are counted, apart'
);
select is(array_agg(c.status || ' ' || coalesce(c.more #>> '{decision,shadowed,0,policy}', '-') order by c.call),
    '{"204 -","204 -","204 trial","204 trial","429 trial"}', 'one by one too')
from pg_temp.one_by_one(5, 'one', '192.0.2.2') as c;
select is(t.headers ->> 'RateLimit', '"real";r=1;t=3', 'clients are told nothing of a shadow') from tried as t where t.call = 3;
update limits.policy set is_shadow = false where name = 'trial';
select is(array_agg(c.status order by c.call), '{204,204,429}', 'taken off trial it refuses with the next call')
from pg_temp.batch(3, 'one', '192.0.2.3') as c;
delete from limits.policy where name in ('trial', 'real');

-- Numbers that divide a window unevenly: as many as the burst says go at once, and not one more.
create temp table uneven as
select x.quota, pg_temp.policy('uneven-' || x.quota, 'address', 'uneven-' || x.quota, x.quota, x.quota) as id
from unnest('{7,11,13,17,19,23,300}'::integer[]) as x (quota);
set local role levqor_owner;
select http.register_route('POST', '/try/uneven-' || x.quota, 'api.try_limit', p_domain => 'http', p_access => 'public', p_limit_class => 'uneven-' || x.quota)
from unnest('{7,11,13,17,19,23,300}'::integer[]) as x (quota);
reset role;
select core.set_test_clock('2031-01-01 17:30:00+00');
select is(
    (select count(*) from pg_temp.batch(u.quota + 2, 'uneven-' || u.quota, '192.0.2.1') as c where c.status = 204), u.quota::bigint,
    'a burst of ' || u.quota || ' admits ' || u.quota
)
from uneven as u;

-- By account and by key.
select core.set_test_clock('2031-01-01 18:00:00+00');
select pg_temp.policy('account', 'account', 'keyed', 60, 3), pg_temp.policy('key', 'key', 'keyed', 60, 2);
select test.make_account('A') as a \gset
select test.make_key(:'a') as key, test.make_key(:'a') as second, test.make_key() as stranger \gset
select is(array_agg(c.status order by c.call), '{204,204,429,204,429,204}', 'keys of an account share its bucket and have their own')
from test.call_many((
    select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/try/keyed', 'key', k.key) order by k.n)
    from unnest(array[:'key', :'key', :'key', :'second', :'second', :'stranger']) with ordinality as k (key, n)
)) as c;
select is(c.body -> 'violated-policies', '["account", "key"]'::jsonb, 'whichever is empty') from test.call('POST', '/try/keyed', :'key') as c;
select is(c.body -> 'violated-policies', '["account"]'::jsonb, 'refuses') from test.call('POST', '/try/keyed', :'second') as c;
create temp table before_nobody as select pg_temp.full_at() as told;
select is(array_agg(c.status order by c.call), '{401,401,401}', 'who is not known is refused')
from test.call_many('[{"method": "POST", "path": "/try/keyed", "key": "lvk_live_x", "address": "192.0.2.66"},
    {"method": "POST", "path": "/try/keyed", "address": "192.0.2.66"}, {"method": "POST", "path": "/try/keyed", "address": "192.0.2.66"}]') as c;
select is(c.status, 401, 'alone too') from test.call('POST', '/try/keyed', null, null, '192.0.2.66') as c;
select is(c.headers ? 'RateLimit', false, 'told of no limit') from test.call('POST', '/try/keyed', null, null, '192.0.2.66') as c;
select is(pg_temp.full_at(), b.told, 'and charged nothing') from before_nobody as b;

-- Subjects.
select is(limits.show_subject(x.scope, x.account::uuid, x.key::uuid, x.address, 1), x.subject, x.told)
from (values
    ('address', null, null, '192.0.2.1', '192.0.2.1', 'an address is itself'),
    ('address', null, null, '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', 'one of IPv6 is its network'),
    ('address', null, null, null, 'unknown', 'an unknown one is unknown'),
    ('key', null, null, '2001:db8:1:2::1', '2001:db8:1:2::/64', 'without a key it is the address'),
    ('account', null, null, '192.0.2.1', '192.0.2.1', 'nor an account')
) as x (scope, account, key, address, subject, told);
select is(limits.show_subject('all', null, null, '192.0.2.1', 3), '*/' || pg_backend_pid() % 3, 'a session has its part of a shared bucket');

select * from finish();
rollback;
