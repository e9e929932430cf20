-- Rate policies: exact numbers, one by one and in a batch. Cost, shares and shadows: limits/policies.sql.
begin;
select plan(52);

set local role levqor_owner;
create function api.try_limit() returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
select http.register_route('POST', '/try/limit', 'api.try_limit', p_domain => 'http', p_access => 'public',
    p_limit_class => 'write');
select http.register_route('POST', '/try/work', 'api.try_limit', p_domain => 'http', p_limit_class => 'work');
select http.register_route('POST', '/try/free', 'api.try_limit', p_domain => 'http', p_access => 'public');
reset role;
create function pg_temp.calls(p_number integer, p_address text, p_key text default null) returns jsonb language sql as $$
    select jsonb_agg(jsonb_build_object(
        'method', 'POST', 'path', case when p_key is null then '/try/limit' else '/try/work' end,
        'address', p_address, 'key', p_key
    )) from generate_series(1, p_number)
$$;

-- The seeded policies are those of the product.
select set_eq(
    'select name, scope, route_class, quota, window_seconds, burst from limits.policy',
    $$values ('write-address', 'address', 'write', 20, 60, 20), ('write-all', 'all', 'write', 200, 60, 200),
        ('manage-address', 'address', 'manage', 60, 60, 60), ('read-key', 'key', 'read', 600, 60, 100),
        ('work-key', 'key', 'work', 6000, 60, 600), ('inbox-address', 'address', 'inbox', 6000, 60, 1000),
        ('referral-address', 'address', 'referral', 20, 60, 20), ('referral-all', 'all', 'referral', 1200, 60, 200),
        ('events-key', 'key', 'events', 30000, 60, 3000)$$,
    'the policies'
);

-- 20 of 25, in one batch and one by one.
select is(core.set_test_clock('2031-01-01 12:00:00+00'), '2031-01-01 12:00:00+00', 'the clock stands');
create temp table batch as select c.* from test.call_many(pg_temp.calls(25, '192.0.2.1')) as c;
select is(array_agg(b.status order by b.call), array_fill(204, '{20}') || array_fill(429, '{5}'), 'a batch: 20 of 25')
from batch as b;
create temp table single as
select c.* from generate_series(1, 25) as n (n) cross join lateral test.call('POST', '/try/limit', null, null, case when n.n > 0 then '192.0.2.2' end) as c;
select is(
    (select count(*) from single as s where s.status = 204), 20::bigint, 'one by one: 20 of 25'
);
select is((select count(*) from single as s where s.status = 429), 5::bigint, 'and 5 are refused');

-- A second batch that does not fit as a whole is decided one by one.
select is(array_agg(c.status), array_fill(204, '{15}'), 'a batch that fits is admitted in one step')
from test.call_many(pg_temp.calls(15, '192.0.2.3')) as c;
select is(array_agg(c.status order by c.call), array_fill(204, '{5}') || array_fill(429, '{3}'), 'and then the rest: 5 of 8')
from test.call_many(pg_temp.calls(8, '192.0.2.3')) as c;

-- Fields.
select is(b.headers ->> 'RateLimit', '"write-address";r=0;t=3, "write-all";r=180;t=6', 'RateLimit of the last admitted')
from batch as b where b.call = 20;
select is(b.headers ->> 'RateLimit-Policy', '"write-address";q=20;w=60, "write-all";q=200;w=60', 'RateLimit-Policy')
from batch as b where b.call = 20;
select is(
    b.headers - 'RateLimit' - 'RateLimit-Policy' - 'Content-Type',
    '{"Retry-After": "3", "X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1925035203"}'::jsonb,
    'Retry-After, and the older fields'
)
from batch as b where b.call = 21;
select is(
    b.body - 'request_id',
    '{"type": "https://iana.org/assignments/http-problem-types#quota-exceeded", "title": "Too many requests", "status": 429,
      "detail": "Too many requests by the policy write-address.", "hint": "Come back in 3 seconds.", "code": "quota-exceeded",
      "violated-policies": ["write-address"], "retry_after": 3}'::jsonb,
    'the problem names the violated policies'
)
from batch as b where b.call = 21;
select is(c.headers ->> 'RateLimit', '"write-address";r=19;t=3, "write-all";r=139;t=19', 'who comes fresh is told what is left')
from test.call('POST', '/try/limit', null, null, '192.0.2.4') as c;
select is(c.headers - 'Content-Type', '{}'::jsonb, 'a route without a class has no such fields')
from test.call('POST', '/try/free', null, null, '192.0.2.1') as c;

select is_empty(
    $$select b.call from batch as b
        where (b.headers ->> 'Retry-After')::integer < (substring(b.headers ->> 'RateLimit' from '"write-address";r=0;t=(\d+)'))::integer$$,
    'Retry-After is never earlier than the t of what is used up'
);
select is(
    row(b.headers ->> 'RateLimit', b.headers ->> 'X-RateLimit-Reset')::text, '("""write-address"";r=0;t=3, ""write-all"";r=180;t=6",1925035203)',
    'an empty bucket tells when it admits a call again'
)
from batch as b where b.call = 25;

-- Refused calls cost nothing, and are counted.
select is(
    (select b.full_at from limits.bucket as b where b.subject = '192.0.2.1'), '2031-01-01 12:01:00+00'::timestamptz,
    'the bucket holds the 20'
);
select is(c.status, 429, 'one more is refused') from test.call('POST', '/try/limit', null, null, '192.0.2.1') as c;
select is(
    (select b.full_at from limits.bucket as b where b.subject = '192.0.2.1'), '2031-01-01 12:01:00+00'::timestamptz,
    'and has not moved it'
);
select is(
    (select b.full_at from limits.bucket as b where b.subject = '*'), '2031-01-01 12:00:00+00'::timestamptz + 61 * interval '0.3 seconds',
    'nor the bucket of all'
);
select is(
    (select r.refused from limits.refusal as r where r.day = '2031-01-01' and r.subject = '192.0.2.1'), 6::bigint,
    'refusals are counted'
);

-- Time.
select core.set_test_clock('2031-01-01 12:00:02.999+00');
select is(c.status, 429, 'too early is too early') from test.call('POST', '/try/limit', null, null, '192.0.2.1') as c;
select core.set_test_clock('2031-01-01 12:00:03+00');
select is(c.status, 204, 'at the time told, one goes') from test.call('POST', '/try/limit', null, null, '192.0.2.1') as c;
select is(c.status, 429, 'and one only') from test.call('POST', '/try/limit', null, null, '192.0.2.1') as c;
select core.set_test_clock('2031-01-01 11:00:00+00');
select is(c.status, 429, 'a clock that goes back opens nothing')
from test.call('POST', '/try/limit', null, null, '192.0.2.1') as c;
select core.set_test_clock('2031-01-01 13:00:00+00');

-- IPv6 by its /64.
select is(array_agg(c.status), array_fill(204, '{20}'), 'a network of IPv6')
from test.call_many(pg_temp.calls(20, '2001:db8:0:1::1')) as c;
select is(c.status, 429, 'is one subject') from test.call('POST', '/try/limit', null, null, '2001:db8:0:1:ffff::2') as c;
select is(c.status, 204, 'the next network is another') from test.call('POST', '/try/limit', null, null, '2001:db8:0:2::1') as c;

-- All together.
select core.set_test_clock('2031-01-01 14:00:00+00');
select is(
    array_agg(c.status order by c.call), array_fill(204, '{200}') || array_fill(429, '{5}'), '200 of 205 from everywhere'
)
from test.call_many((
    select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/try/limit', 'address', '198.51.100.' || n))
    from generate_series(1, 205) as n
)) as c;
select is(c.body -> 'violated-policies', '["write-all"]'::jsonb, 'by the policy of all')
from test.call('POST', '/try/limit', null, null, '203.0.113.77') as c;
select is_empty(
    $$select from limits.bucket where subject = '203.0.113.77' and full_at > core.now()$$, 'which costs the address nothing'
);

-- By key.
select test.make_key() as key, test.make_key() as other \gset
select is(
    array_agg(c.status order by c.call), array_fill(204, '{600}') || array_fill(429, '{2}'), 'a worker''s burst is 600'
)
from test.call_many(pg_temp.calls(602, '203.0.113.78', :'key')) as c;
select is(c.status, 204, 'another key has its own') from test.call('POST', '/try/work', :'other') as c;
select is(c.status, 401, 'a refused key') from test.call('POST', '/try/work', 'lvk_live_x') as c;

-- A change of a policy takes effect at once.
select core.set_test_clock('2031-01-01 15:00:00+00');
update limits.policy set quota = 3, burst = 3 where name = 'write-address';
select is(array_agg(c.status order by c.call), '{204,204,204,429}', 'a tighter policy')
from test.call_many(pg_temp.calls(4, '192.0.2.50')) as c;
select is((select p.local_columns from limits.policy as p where p.name = 'write-address'), '{burst,quota}',
    'the operator''s change is noted, without what follows from it');
update limits.policy set is_enabled = false where name = 'write-address';
select is(c.status, 204, 'no policy, no limit') from test.call('POST', '/try/limit', null, null, '192.0.2.50') as c;

-- Rates that can not be. Time is counted in microseconds: a finer emission interval would be none, and limit nothing.
select throws_ok(
    format(
        'insert into limits.policy (name, scope, route_class, quota, window_seconds, burst) values (%L, %L, %L, %s, %s, %s)',
        'odd', 'all', 'odd', x.quota, x.window_seconds, x.burst
    ), '23514', format('new row for relation "policy" violates check constraint "policy_%s_check"', x.rule), x.told
)
from (values
    (1000001, 1, 1, 'rate_is_at_most_a_million_a_second', 'an emission interval below a microsecond is refused'),
    (60000001, 60, 1, 'rate_is_at_most_a_million_a_second', 'also where it would be rounded up to one'),
    (-1, 1, 1, 'quota_is_positive', 'as are fewer calls than none'), (1, 1, 0, 'burst_holds_a_call_of_each_share', 'no burst'),
    (1, 86401, 1, 'window_is_bounded', 'and a window of more than a day')
) as x (quota, window_seconds, burst, rule, told);
insert into limits.policy (name, scope, route_class, quota, window_seconds, burst)
values ('fast', 'all', 'fast', 60000000, 60, 3);
select is(
    row(p.emission, p.tolerance)::text, '(00:00:00.000001,00:00:00.000003)', 'a million a second is the most there is'
)
from limits.policy as p where p.name = 'fast';
select throws_ok(
    $$update limits.policy set window_seconds = 59 where name = 'fast'$$, '23514',
    'new row for relation "policy" violates check constraint "policy_rate_is_at_most_a_million_a_second_check"',
    'and no change makes it more'
);

-- Sweeping.
select core.set_test_clock('2031-01-02 15:00:00+00');
select cmp_ok(limits.sweep(), '>', 0::bigint, 'whole buckets are swept');
select is_empty('select from limits.bucket', 'all of them');

select has_function('limits', 'admit_many', 'one way to admit');
-- Who may change them.
set local role levqor_dba;
select lives_ok($$update limits.policy set quota = 30, window_seconds = 60, burst = 5, is_enabled = true where name = 'write-address'$$,
    'a DBA turns a policy');
select throws_ok($$update limits.policy set scope = 'all'$$, '42501', null, 'and makes no other of it');
select throws_ok($$delete from limits.policy$$, '42501', null, 'nor takes it away');
select lives_ok($$update http.route set limit_class = 'write', timeout_ms = 4000, body_cap = 1000, is_enabled = false where path = '/try/free'$$,
    'a DBA puts a route under other policies, or switches it off');
select lives_ok($$update core.setting set value = '6' where name = 'jobs.max_attempts'$$, 'and changes a setting');
reset role;
select ok(
    (select p.local_columns @> '{burst,quota}' from limits.policy as p where p.name = 'write-address'), 'which no deploy takes back'
);

select * from finish();
rollback;
