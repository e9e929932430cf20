-- What decided a request: for DBAs, and for the account.
begin;
select plan(38);

select test.make_account('A') as a, test.make_account('B') as b \gset
create temp table k on commit drop as
select test.make_key(:'a', '{jobs:work}') as a, test.make_key(:'b') as b, test.make_key(:'b', '{platform}') as all;
create temp table x on commit drop as select t.id as key from k, keys.read_text(k.a) as t;
select core.set_test_clock('2031-01-01 12:00:00+00');
create function pg_temp.record(p_id text, p_at timestamptz, p_account uuid, p_status integer, p_limit text, p_policy text, p_decision text)
returns void language sql as $$
    select access.record_many('one', 0, array[p_at], array[p_id], array[p_account], array[(select key from x)], array['POST /api/v1/intake'],
        array[p_status], '{100}', '{1}', '{1}', '{\\x00}', array[p_limit], array[p_policy], array[p_decision])
$$;
create function pg_temp.get(p_id text, p_key text default null) returns test.answer language sql as $$
    select c.* from test.call('GET', '/api/v1/decisions/' || p_id, coalesce(p_key, (select a from k))) as c
$$;
select pg_temp.record('admitted-1', now(), :'a', 202,
    '"write-address";r=19;t=3, "write-all";r=180;t=6, "calls-per-month";r=922;t=864000',
    '"write-address";q=20;w=60, "write-all";q=200;w=60, "calls-per-month";q=1000;w=2592000', '{"tier": "sandbox"}');
select pg_temp.record('refused-01', now(), :'a', 429, '"write-address";r=0;t=60, "write-all";r=180;t=6', '"write-address";q=20;w=60, "write-all";q=200;w=60',
    '{"tier": "pro", "violated": [{"policy": "write-address", "id": 1, "subject": "192.0.2.1"}], "shadowed": [{"policy": "write-all", "id": 2, "subject": "*"}], "flags": ["shadow:on-trial", "memory"]}');
select pg_temp.record('unlimited-1', now(), :'a', 200, null, null, '{"tier": "enterprise"}');
select pg_temp.record('nobody-01', now(), null, 401, null, null, null);
select pg_temp.record('month-001', now(), :'a', 429, '"calls-per-month";r=0;t=86400', '"calls-per-month";q=1000;w=2592000',
    '{"tier": "sandbox", "violated": [{"policy": "calls-per-month"}]}');

-- For DBAs.
select test.become('levqor_dba');
select results_eq(
    $$select policy, scope, quota, "window", remaining, reset_seconds, has_refused, is_shadow from access.explain_decision('admitted-1')$$,
    $$values ('calls-per-month', 'account', 1000::bigint, interval '720 hours', 922::bigint, 864000::bigint, false, false),
        ('write-address', 'address', 20, interval '1 minute', 19, 3, false, false), ('write-all', 'all', 200, interval '1 minute', 180, 6, false, false)$$,
    'a row for each policy, with its numbers'
);
select is(
    (select array_agg(distinct row(e.request_id, e.at, e.account, e.key is not null, e.route, e.status, e.tier, e.flags)::text) from access.explain_decision('admitted-1') as e),
    array[row('admitted-1', now(), core.show_id('acct', :'a'), true, 'POST /api/v1/intake', 202, 'sandbox', '{}')::text], 'and the request on each'
);
select results_eq(
    $$select policy, scope, remaining, has_refused, is_shadow from access.explain_decision('refused-01')$$,
    $$values ('write-address', 'address', 0::bigint, true, false), ('on-trial', null, null, false, true), ('write-all', 'all', 180, false, true)$$,
    'who refused comes first; policies on trial are told, also one that is gone'
);
select is((select array_agg(distinct e.flags::text) from access.explain_decision('refused-01') as e), array['{shadow:on-trial,memory}'], 'flags are told');
select results_eq(
    $$select policy, tier, status, has_refused from access.explain_decision('unlimited-1')$$, $$values (null::text, 'enterprise', 200, null::boolean)$$,
    'a request that nothing limited has one row'
);
select results_eq($$select account, status, tier from access.explain_decision('nobody-01')$$, $$values (null::text, 401, null::text)$$, 'one of nobody too');
select is_empty($$select from access.explain_decision('unknown-1')$$, 'an unknown one has none');
select is_empty($$select from access.explain_decision(null)$$, 'nor has null');
select test.become('none');
select function_returns('access', 'explain_decision', array['text'], 'setof record', 'it gives rows');
select volatility_is('access', 'explain_decision', 'stable', 'it only reads');
select test.become('levqor_server');
select throws_ok($$select from access.explain_decision('admitted-1')$$, '42501', null, 'it is not for servers');
select test.become('none');
select test.become('levqor_owner');
select test.act_for(:'b');
select is_empty($$select from access.explain_decision('admitted-1')$$, 'nor shows one account what another did');
select test.become('none');

-- The fields.
select results_eq(
    format('select * from access.read_policies(%L, %L) order by 1', f.rate_limit, f.policy), format('values %s', f.expected), f.told
)
from (values
    ('"a";r=1;t=2', '"a";q=3;w=4', $$('a', 3::bigint, 4::bigint, 1::bigint, 2::bigint)$$, 'both fields make one row'),
    (null, '"a";q=3;w=4', $$('a', 3::bigint, 4::bigint, null::bigint, null::bigint)$$, 'one field is enough'),
    ('"a";r=1;t=2, "b";t=9;r=0', null, $$('a', null::bigint, null::bigint, 1::bigint, 2::bigint), ('b', null, null, 0, 9)$$, 'or the other, in any order'),
    ('"a";r=1', '"a";qu="requests";q=9;w=4;pk="x"', $$('a', 9::bigint, 4::bigint, 1::bigint, null::bigint)$$, 'parameters that are not known are passed over')
) as f (rate_limit, policy, expected, told);
select is_empty(format('select from access.read_policies(%L, %L)', f.text, f.text), 'no policy in: ' || coalesce(f.text, 'null'))
from (values (null), (''), ('r=1'), ('a;q=1')) as f (text);
select lives_ok($$select * from access.read_policies('"a";r=99999999999999999999999999;t=-1', '"a";q=1.5')$$, 'and nothing breaks it');

-- For the account.
select is(
    g.body, jsonb_build_object('request_id', 'admitted-1', 'at', now(), 'route', 'POST /api/v1/intake', 'status', 202, 'tier', 'sandbox',
        'policies', '[{"name": "write-address", "scope": "address", "quota": 20, "window_seconds": 60, "remaining": 19, "reset_seconds": 3, "has_refused": false, "is_shadow": false},
            {"name": "write-all", "scope": "all", "quota": 200, "window_seconds": 60, "remaining": 180, "reset_seconds": 6, "has_refused": false, "is_shadow": false}]'::jsonb,
        'quota', jsonb_build_object('limit', 1000, 'used', 78, 'remaining', 922, 'resets_at', date_trunc('minute', now() + interval '864030 seconds')),
        'violated', '[]'::jsonb, 'flags', '[]'::jsonb), 'an account sees what decided its request'
) from pg_temp.get('admitted-1') as g;
select is(g.body - 'policies' - 'at', '{"request_id": "refused-01", "route": "POST /api/v1/intake", "status": 429, "tier": "pro", "quota": null, "violated": ["write-address"],
    "flags": ["shadow:on-trial", "memory"]}'::jsonb, 'and what refused it') from pg_temp.get('refused-01') as g;
select is(g.body - 'at' - 'quota', '{"request_id": "month-001", "route": "POST /api/v1/intake", "status": 429, "tier": "sandbox", "policies": [], "violated": ["calls-per-month"], "flags": []}'::jsonb, 'also the month''s quota')
from pg_temp.get('month-001') as g;
select is(g.body #>> '{quota,used}', '1000', 'which is used up') from pg_temp.get('month-001') as g;
select is(g.body - 'at', '{"request_id": "unlimited-1", "route": "POST /api/v1/intake", "status": 200, "tier": "enterprise", "policies": [], "quota": null, "violated": [], "flags": []}'::jsonb,
    'or that nothing limits it') from pg_temp.get('unlimited-1') as g;
select is(g.status, 404, v.told)
from k, (values ('admitted-1', 'b', 'another account''s is not found'), ('unknown-1', 'a', 'nor an unknown one'), ('nobody-01', 'a', 'nor one of nobody')) as v (id, who, told)
cross join lateral pg_temp.get(v.id, case v.who when 'a' then k.a else k.b end) as g;
select is(g.body ->> 'hint', 'A request is found a second after its answer, and for 90 days.', 'and it is told why that may be') from pg_temp.get('unknown-1') as g;
select is(g.body ->> 'status', v.status, 'a platform key sees all') from k, (values ('admitted-1', '202'), ('nobody-01', '401')) as v (id, status) cross join lateral pg_temp.get(v.id, k.all) as g;
select is(g.status, 404, 'but of the account that it acts for')
from k, test.call('GET', '/api/v1/decisions/nobody-01', k.all, p_context => jsonb_build_object('account', core.show_id('acct', :'a'))) as g;
select is(g.status, 401, 'nobody sees none') from test.call('GET', '/api/v1/decisions/admitted-1') as g;

-- An id that was sent twice.
select pg_temp.record('admitted-1', now() + interval '1 second', :'a', 200, null, null, '{"tier": "pro"}');
select is(g.body ->> 'tier', 'pro', 'the newest is shown') from pg_temp.get('admitted-1') as g;
select is((select array_agg(e.status) from access.explain_decision('admitted-1') as e), '{200,202,202,202}', 'a DBA sees all of them');
select pg_temp.record('admitted-1', now() + interval '2 seconds', :'b', 200, null, null, '{"tier": "enterprise"}');
select is(g.body ->> 'tier', 'pro', 'and what another account sent changes nothing') from pg_temp.get('admitted-1') as g;

select is(
    (select array_agg(n order by n) from pg_temp.get('admitted-1') as g, jsonb_object_keys(g.body) as n),
    (select array_agg(n order by n) from http.shared_schema as s, jsonb_array_elements_text(s.definition -> 'required') as n where s.name = 'Decision'),
    'all that the schema says'
);

select * from finish();
rollback;
