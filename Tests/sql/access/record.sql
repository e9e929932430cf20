-- Rows of the access record, as servers hand them in.
begin;
select plan(42);

select test.make_account('A') as a, test.make_account('B') as b \gset
select test.make_key(:'a') as key_a, test.make_key(:'b', '{platform}') as key_b \gset
select (keys.read_text(:'key_a')).id as ka, (keys.read_text(:'key_b')).id as kb \gset
delete from access.dropped;
delete from limits.refusal;
-- Times of rows are real ones: the same throughout this test.
create temp table c on commit drop as select now() as at, (now() at time zone 'UTC')::date as day;
grant select on c to public;
create function pg_temp.record(
    p_ids text[], p_times timestamptz[] default null, p_decisions text[] default '{}', p_account uuid default null,
    p_key uuid default null, p_dropped bigint default 0, p_server text default 'one'
) returns void language plpgsql as $$
begin
    set local role levqor_server;
    perform access.record_many(
        p_server, p_dropped, coalesce(p_times, array_fill(now(), array[cardinality(p_ids)])), p_ids,
        array_fill(p_account, array[cardinality(p_ids)]), array_fill(p_key, array[cardinality(p_ids)]),
        array_fill('POST /api/v1/intake'::text, array[cardinality(p_ids)]), array_fill(202, array[cardinality(p_ids)]),
        array_fill(1500::bigint, array[cardinality(p_ids)]), array_fill(10::bigint, array[cardinality(p_ids)]),
        array_fill(20::bigint, array[cardinality(p_ids)]), array_fill('\x01'::bytea, array[cardinality(p_ids)]),
        array_fill('"x";r=1;t=2'::text, array[cardinality(p_ids)]), array_fill('"x";q=3;w=4'::text, array[cardinality(p_ids)]),
        p_decisions
    );
    reset role;
    perform core.set_caller(null, null, null, null, null, null, null);
end;
$$;
create function pg_temp.ids(p_like text) returns text language sql as $$
    select string_agg(r.request_id, ' ' order by r.request_id) from access.request as r where r.request_id like p_like
$$;

-- A row.
select lives_ok(
    format('select pg_temp.record(%L, null, %L, %L, %L)', '{usual-01}', array['{"tier": "sandbox"}'], :'a', :'ka'), 'a server hands rows in'
);
select is(
    (select to_jsonb(r) from access.request as r where r.request_id = 'usual-01'),
    jsonb_build_object(
        'at', c.at, 'account_id', :'a', 'key_id', :'ka', 'micros', 1500, 'bytes_in', 10, 'bytes_out', 20, 'status', 202,
        'request_id', 'usual-01', 'route', 'POST /api/v1/intake', 'address_hash', '\x01', 'rate_limit', '"x";r=1;t=2',
        'rate_limit_policy', '"x";q=3;w=4', 'decision', '{"tier": "sandbox"}'::jsonb
    ), 'as they are'
) from c;
select ok(access.has_day(c.day), 'the day is made when its first row comes') from c;
select pg_temp.record('{usual-02,usual-03,usual-01}');
select is(pg_temp.ids('usual-%'), 'usual-01 usual-02 usual-03', 'what is handed in again adds nothing');
select pg_temp.record('{usual-01}', array[now() + interval '1 second']);
select is(pg_temp.ids('usual-01'), 'usual-01 usual-01', 'an id that a client sent twice is two requests');

-- Rows that are not as they should be.
select lives_ok(
    $$select pg_temp.record('{bad-0001,bad-0002,bad-0003,bad-0004,bad-0005}',
        array['1970-01-01', '2999-01-01', null, 'infinity', now() - interval '23 hours'], '{"{", "[]", "3"}')$$,
    'bad times and decisions are taken'
);
select is(pg_temp.ids('bad-%'), 'bad-0001 bad-0002 bad-0003 bad-0004 bad-0005', 'none is lost');
select is(
    (select array_agg(r.at > c.at - interval '1 minute' and r.at < c.at + interval '1 hour' order by r.request_id) from access.request as r, c where r.request_id like 'bad-%'),
    '{t,t,t,t,f}', 'a time that is far off is taken as now'
);
select is(
    (select r.at from access.request as r where r.request_id = 'bad-0005'), c.at - interval '23 hours', 'one that is near as it is'
) from c;
select is((select array_agg(distinct r.decision) from access.request as r where r.request_id like 'bad-%'), '{null}', 'what is no decision is none');
select is((select count(*) from access.day as d where d.day not between c.day - 1 and c.day + 4), 0::bigint, 'and no day is made for it') from c;
set local role levqor_server;
select lives_ok(format($$
    select access.record_many('one', 0, array[now(), now()], '{short-01}', '{}', array[null, %L]::uuid[], null, '{}', null, '{1,2,3}',
        '{}', null, null, '{}', '{}')
$$, :'ka'), 'arrays of different length are taken');
select lives_ok($$select access.record_many(null, null, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')$$, 'no rows too');
select lives_ok($$select access.record_many('one', null, null, null, null, null, null, null, null, null, null, null, null, null, null)$$, 'or none at all');
reset role;
select is(
    (select row(r.status, r.micros, r.route, r.account_id)::text from access.request as r where r.request_id = 'short-01'), '(0,0,none,)', 'what is missing is nothing'
);
select is((select r.key_id from access.request as r where r.request_id = 'none'), :'ka'::uuid, 'a row without an id is kept');
select pg_temp.record(array[repeat('x', 5000)]);
select is((select max(length(r.request_id)) from access.request as r where r.request_id like 'xxx%'), 200, 'a long id is cut');
select pg_temp.record('{unknown-1}', p_account => '01a1fe28-d477-77f6-a72a-000000000003', p_key => '01a1fe28-d477-77f6-a72a-000000000004');
select is((select r.account_id from access.request as r where r.request_id = 'unknown-1'), '01a1fe28-d477-77f6-a72a-000000000003', 'an account that is gone is kept as it was');

-- Refusals from memory.
select core.set_test_clock('2031-01-01 12:00:00+00');
select pg_temp.record('{memory-1,memory-2,memory-3,memory-4,memory-5,memory-6,memory-7}', null, array[
    '{"tier": "pro", "violated": [{"policy": "write-all", "id": 2, "subject": "*"}, {"policy": "write-address", "id": 1, "subject": "192.0.2.1"}], "flags": ["memory"]}',
    '{"tier": "pro", "violated": [{"policy": "write-all", "id": 2, "subject": "*"}, {"policy": "write-address", "id": 1, "subject": "192.0.2.1"}], "flags": ["memory"]}',
    '{"tier": "pro", "violated": [{"policy": "write-address", "id": 1, "subject": "192.0.2.2"}], "flags": ["replayed", "memory"]}',
    '{"violated": [{"policy": "write-address", "id": 1, "subject": "192.0.2.9"}], "shadowed": [{"policy": "s", "id": 8, "subject": "192.0.2.9"}], "flags": []}',
    '{"violated": [{"policy": "calls-per-month"}, {"id": "x", "subject": "y"}, {"id": 99999999999, "subject": "y"}, 4], "flags": ["memory"]}',
    '{"violated": {"a": "memory"}, "flags": ["memory"]}',
    '{"tier": "\"memory\"", "violated": [{"policy": "write-address", "id": 1, "subject": "192.0.2.9"}]}'
]);
select results_eq(
    $$select day::text || ' ' || policy_id || ' ' || subject || ' ' || refused from limits.refusal order by policy_id, subject$$,
    array['2031-01-01 1 192.0.2.1 2', '2031-01-01 1 192.0.2.2 1', '2031-01-01 2 * 2'], 'refusals from memory are counted, and no others'
);
select is(pg_temp.ids('memory-%'), 'memory-1 memory-2 memory-3 memory-4 memory-5 memory-6 memory-7', 'all are recorded');
select is(
    (select r.decision from access.request as r where r.request_id = 'memory-1'),
    '{"tier": "pro", "flags": ["memory"], "violated": [{"id": 2, "policy": "write-all"}, {"id": 1, "policy": "write-address"}]}'::jsonb,
    'without the subjects'
);
select is_empty($$select from access.request as r where r.decision::text ~ '192\.0\.2|subject'$$, 'no address is kept, of shadows neither');
select pg_temp.record('{memory-8}', null, array['{"violated": [{"policy": "write-all", "id": 2, "subject": "*"}], "flags": ["memory"]}']);
select is((select f.refused from limits.refusal as f where f.subject = '*'), 3::bigint, 'and added up');
select is(
    access.read_decision('{"violated": [{"policy": "p", "id": 1, "subject": "s"}], "flags": ["memory"]}')::text,
    row('{"violated": [{"policy": "p", "id": 1}], "flags": ["memory"]}'::jsonb, '[{"policy": "p", "id": 1, "subject": "s"}]'::jsonb)::text,
    'a decision is read once: what is kept, and what was refused'
);
select is(access.read_decision('{"x": "' || chr(92) || 'u0000"}')::text, '(,)', 'what PostgreSQL can not hold is no decision');
select is(access.read_decision(repeat('[', 20000))::text, '(,)', 'nor is what is too deep');

-- Last use of keys.
select is((select k.last_used_at from keys.api_key as k where k.id = :'ka'), c.at, 'a key''s last use is noted') from c;
select pg_temp.record('{key-0001}', array[now() + interval '1 minute'], p_account => :'a', p_key => :'ka');
select is((select k.last_used_at from keys.api_key as k where k.id = :'ka'), c.at, 'once a minute') from c;
select pg_temp.record('{key-0002,key-0003}', array[now() + interval '61 seconds', now() + interval '60 seconds'], p_key => :'ka');
select is((select k.last_used_at from keys.api_key as k where k.id = :'ka'), c.at + interval '61 seconds', 'by its newest row') from c;
select pg_temp.record('{key-0004}', p_key => :'ka');
select is((select k.last_used_at from keys.api_key as k where k.id = :'ka'), c.at + interval '61 seconds', 'never back in time') from c;
select pg_temp.record('{key-0005}', p_account => :'a', p_key => :'kb');
select is((select k.last_used_at from keys.api_key as k where k.id = :'kb'), c.at, 'also of a key that acted for another account') from c;

-- Dropped rows.
select pg_temp.record('{drop-001}', p_dropped => 7);
select pg_temp.record('{drop-002}', p_dropped => 5);
select pg_temp.record('{drop-003}', p_dropped => -1);
select pg_temp.record('{drop-004}', p_dropped => 3, p_server => 'two');
select results_eq(
    $$select day::text || ' ' || server || ' ' || rows from access.dropped order by server$$, array['2031-01-01 one 12', '2031-01-01 two 3'],
    'rows that servers dropped are counted by server and day'
);
select is((select d.dropped from access.day as d where d.day = '2031-01-01'), 15::bigint, 'and shown by day');

-- Who may.
select function_privs_are('access', 'record_many', (select array_agg(format_type(t, null)::name order by n) from pg_proc, unnest(proargtypes) with ordinality as a (t, n) where proname = 'record_many'), 'levqor_server', '{EXECUTE}', 'a server writes by one function');
select test.become('levqor_server');
select throws_ok('select from access.request', '42501', null, 'and reads nothing');
select throws_ok('insert into access.dropped values (now(), ''x'', 1)', '42501', null, 'nor writes otherwise');
select test.become('levqor_dba');
select isnt_empty('select from access.request', 'a DBA reads all');
select throws_ok('delete from access.request', '42501', null, 'and changes nothing');
select test.become('levqor_owner');
select test.act_for(:'a');
select is((select array_agg(distinct r.account_id) from access.request as r), array[:'a']::uuid[], 'an account sees its requests');
select throws_ok(
    format($$insert into access.request (at, account_id, micros, bytes_in, bytes_out, status, request_id, route) values (now(), %L, 1, 1, 1, 200, 'mine-001', 'none')$$, :'a'),
    '42501', 'new row violates row-level security policy for table "request"', 'and writes none itself'
);
with u as (update access.request set status = 200 returning 1) select is(count(*), 0::bigint, 'nor changes one') from u;
select test.act_for(null);
select is_empty('select from access.request', 'nobody sees none');
select test.become('none');

select * from finish();
rollback;
