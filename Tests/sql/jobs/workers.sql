-- Workers are seen, with what each has in hand.
begin;
select plan(8);

select test.clear_jobs();
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
create temp table k on commit drop as select test.make_key(a) as a, test.make_key(b) as b, test.make_key(b, '{platform,jobs:work}') as all from t;
grant select on t, k to public;
select core.set_test_clock('2030-01-01 12:00:00+00');
select jobs.submit_job(a, 'w', '{}') from t, generate_series(1, 2);
create temp table c on commit drop as
select x.* from k, test.call('POST', '/api/v1/worker/claim', k.a, '{"worker": "one", "workflows": ["w"]}') as x;
select x.* from k, test.call('POST', '/api/v1/worker/claim', k.all, '{"worker": "two"}') as x;
create function pg_temp.list(p_key text, p_query text default '') returns test.answer language sql as $$
    select c.* from test.call('GET', '/api/v1/workers' || p_query, p_key) as c
$$;
select is(
    jsonb_path_query_array(l.body, '$.workers[*].name') || jsonb_path_query_array(l.body, '$.workers[*].running[*].workflow'), '["one", "w"]',
    'an account sees its workers and what each has in hand'
)
from k, pg_temp.list(k.a) as l;
select is(l.body -> 'workers', '[]', 'another account sees none') from k, pg_temp.list(k.b) as l;
select is(jsonb_path_query_array(l.body, '$.workers[*].name'), '["one", "two"]', 'a platform key sees all') from k, pg_temp.list(k.all) as l;
select is(l.body ->> 'next_cursor', 'one', 'in pages') from k, pg_temp.list(k.all, '?limit=1') as l;
select is(jsonb_path_query_array(l.body, '$.workers[*].name'), '["two"]', 'that go on') from k, pg_temp.list(k.all, '?limit=1&cursor=one') as l;
select core.set_test_clock('2030-01-01 12:00:05+00');
select jobs.note_worker(a, 'one', '{w}') from t;
select is((select max(last_seen_at) from jobs.worker where name = 'one'), '2030-01-01 12:00:00+00'::timestamptz, 'that one was seen is noted now and then');
select core.set_test_clock('2030-01-01 12:00:11+00');
select jobs.note_worker(a, 'one', '{}') from t;
select is((select max(last_seen_at) from jobs.worker where name = 'one'), core.now(), 'not each time');
select is((select workflows from jobs.worker where name = 'one'), '{w}', 'a heartbeat leaves what it claims');

select * from finish();
rollback;
