-- Jobs are read: one, its history, pages.
begin;
select plan(48);

select test.clear_jobs();
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
create temp table k on commit drop as
select test.make_key(a, '{jobs:read}') as a, test.make_key(b, '{jobs:read}') as b, test.make_key(b, '{platform}') as all,
    test.make_key(a, '{jobs:work}') as weak
from t;
grant select on t, k to public;
select core.set_test_clock('2030-01-01 12:00:00+00');

-- Ten jobs a second apart: 1 to 5 of workflow odd, 6 to 10 of workflow even/2.
create temp table j on commit drop as select n, null::text as id from generate_series(1, 10) as n;
create function pg_temp.fill() returns void language plpgsql as $$
declare
    v_job jobs.job;
begin
    for i in 1 .. 10 loop
        v_job := jobs.submit_job((select a from t), case when i <= 5 then 'odd' else 'even/ü 2' end, jsonb_build_object('n', i),
            case when i = 1 then 'http://example.org/' end, case when i = 3 then 'high' else 'normal' end);
        update j set id = core.show_id('job', v_job.id) where n = i;
        perform core.set_test_clock(core.now() + interval '1 second');
    end loop;
end;
$$;
select pg_temp.fill();
create function pg_temp.page(p_query text, p_key text default null) returns test.answer language sql as $$
    select c.* from test.call('GET', '/api/v1/jobs' || p_query, coalesce(p_key, (select a from k))) as c
$$;
create function pg_temp.numbers(p_body jsonb) returns text language sql as $$
    select string_agg(j.n::text, ' ' order by o.ordinal)
    from jsonb_array_elements(p_body -> 'jobs') with ordinality as o (job, ordinal)
    join j on j.id = o.job ->> 'job_id'
$$;
create temp table c on commit drop as select x as job from test.claim_jobs('me', '{odd}', 2, 60) as x;
select jobs.complete_job(null, (job).id, (job).lease_token, '{"n": 1}') from c where (job).priority = 'normal';
select jobs.fail_job(null, (job).id, (job).lease_token, '{"message": "no"}', false) from c where (job).priority = 'high';
select jobs.claim_jobs('me', '{odd}');

select is(pg_temp.numbers(p.body), '10 9 8 7 6 5 4 3 2 1', 'jobs come newest first') from pg_temp.page('') as p;
select is(p.body ->> 'next_cursor', null, 'a whole list has no next page') from pg_temp.page('?limit=10') as p;
select ok(not p.headers ? 'Link', 'and no link') from pg_temp.page('?limit=10') as p;
create temp table p1 on commit drop as select p.* from pg_temp.page('?limit=4') as p;
select is(pg_temp.numbers(body), '10 9 8 7', 'the first page is the newest') from p1;
select is(headers ->> 'Link', '</api/v1/jobs?limit=4&cursor=' || (body ->> 'next_cursor') || '>; rel="next"', 'a link leads to the next') from p1;
create temp table p2 on commit drop as select p.* from p1, pg_temp.page('?limit=4&cursor=' || (body ->> 'next_cursor')) as p;
select is(pg_temp.numbers(body), '6 5 4 3', 'which goes on') from p2;
select is(pg_temp.numbers(p.body) || coalesce(p.body ->> 'next_cursor', ''), '2 1', 'to the end')
from p2, pg_temp.page('?limit=4&cursor=' || (p2.body ->> 'next_cursor')) as p;
select is(pg_temp.numbers(p.body), v.numbers, v.query)
from (values
    ('?status=succeeded', '1'),
    ('?status=failed', '3'),
    ('?status=running', '2'),
    ('?status=queued', '10 9 8 7 6 5 4'),
    ('?status=canceled', null),
    ('?workflow=odd', '5 4 3 2 1'),
    ('?workflow=odd&status=queued&limit=1', '5'),
    ('?priority=high', '3'),
    ('?created_after=2030-01-01T12:00:08Z', '10 9'),
    ('?created_before=2030-01-01T12:00:02Z', '2 1'),
    ('?created_after=2030-01-01T12:00:02Z&created_before=2030-01-01T12:00:04Z', '4 3')
) as v (query, numbers)
cross join lateral pg_temp.page(v.query) as p;
select is(
    p.headers ->> 'Link',
    '</api/v1/jobs?workflow=even%2F%C3%BC%202&created_after=2030-01-01T12%3A00%3A00%2B00%3A00&limit=1&cursor='
        || (select id from j where n = 10) || '>; rel="next"', 'the link keeps the filters, encoded'
)
from test.call_many(jsonb_build_array(jsonb_build_object('method', 'GET', 'path', '/api/v1/jobs', 'key', (select a from k),
    'parameters', '{"workflow": "even/ü 2", "limit": 1, "created_after": "2030-01-01T12:00:00Z"}'))) as p;
select is(p.status, 422, 'an unknown cursor is refused') from pg_temp.page('?cursor=x') as p;
select is(p.body, '{"jobs": [], "next_cursor": null}', 'another account sees none') from k, pg_temp.page('', k.b) as p;
select is(pg_temp.numbers(p.body), '10 9', 'a platform key sees all') from k, pg_temp.page('?limit=2', k.all) as p;
select is(p.status, 403, 'a key without the scope sees none') from k, pg_temp.page('', k.weak) as p;

-- One job.
create function pg_temp.get(p_path text, p_n integer, p_key text default null) returns test.answer language sql as $$
    select c.* from test.call('GET', '/api/v1/' || p_path || '/' || (select id from j where n = p_n), coalesce(p_key, (select a from k))) as c
$$;
select is(
    s.body, jsonb_build_object('job_id', j.id, 'status', 'succeeded', 'result', '{"n": 1}'::jsonb, 'error', null,
        'created_at', '2030-01-01T12:00:00+00:00'), 'the status tells the result'
)
from j, pg_temp.get('status', 1) as s where j.n = 1;
select is(s.body -> 'error', '{"message": "no"}', 'or the error') from pg_temp.get('status', 3) as s;
select is(s.status, 404, v.path || ': another account''s job is not found') from (values ('status'), ('jobs')) as v (path), k, pg_temp.get(v.path, 1, k.b) as s;
select is(s.status, 200, 'a platform key finds it') from k, pg_temp.get('jobs', 1, k.all) as s;

create temp table g on commit drop as select s.body from pg_temp.get('jobs', 1) as s;
select is(body -> 'payload', '{"n": 1}', 'the job shows its payload') from g;
select is(jsonb_path_query_array(body, '$.transitions[*].to'), '["queued", "running", "succeeded"]', 'its history') from g;
select is(jsonb_path_query_array(body, '$.deliveries[*].event_type'), '["job.succeeded"]', 'and its webhooks') from g;
select is(
    (select array_agg(n order by n) from g, jsonb_object_keys(body) as n),
    (select array_agg(n order by n)
    from http.shared_schema as s,
        jsonb_array_elements_text(case s.name when 'Job' then s.definition -> 'required' else s.definition #> '{allOf,1,required}' end) as n
    where s.name in ('Job', 'JobWithHistory')), 'all that the schema says'
);
select is(s.body #> '{attempts,0,outcome}', 'null', 'the running attempt is shown without an outcome') from pg_temp.get('jobs', 2) as s;

select is(
    body #> '{transitions,0}', jsonb_build_object('from', null, 'to', 'queued', 'reason', 'submitted', 'attempt', 0, 'actor', 'role:' || session_user,
        'at', body -> 'created_at'), 'which begins with who handed it in, and when'
) from g;
select is(jsonb_array_length(s.body -> 'transitions'), 1, 'a job that waits has that alone') from pg_temp.get('jobs', 10) as s;

-- The plural door answers in the order of its arguments, whatever the numbers of the calls are.
create function pg_temp.plural(p_order integer[]) returns text language sql as $$
    select string_agg(coalesce(p.body::jsonb ->> 'status', 'none'), ' ' order by p.n)
    from unnest(api.get_job_statuses(
        (select array_agg(row(o.ordinal, null, t.a, null, null, '{}', false, null, null, null, null, false, false, null, null)::http.call order by o.n)
            from unnest(p_order) with ordinality as o (ordinal, n) cross join t),
        (select array_agg(jsonb_build_object('job_id', j.id) order by o.n) from unnest(p_order) with ordinality as o (ordinal, n)
            inner join j on j.n = o.ordinal),
        array_fill(null::jsonb, array[cardinality(p_order)])
    )) with ordinality as p (status, headers, body, wait_for, wait_until, reveal, n)
$$;
-- As http.call_plural runs it.
select core.enter_machinery();
select is(pg_temp.plural(x.numbers::integer[]), x.told, 'the plural door answers in order: ' || x.numbers)
from (values ('{1,2,3,4}', 'succeeded running failed queued'), ('{4,3,1,2}', 'queued failed succeeded running'), ('{3,3,1}', 'failed failed succeeded'))
    as x (numbers, told);

-- Reads are limited by key.
select is(
    (select array_agg(r.path || ' ' || coalesce(r.limit_class, 'none') order by r.path)
    from http.route as r where r.function in ('api.list_jobs', 'api.get_job', 'api.get_job_status')),
    '{"/api/v1/jobs read","/api/v1/jobs/{job_id} read","/api/v1/status/{job_id} read"}', 'every read has a limit'
);
delete from limits.bucket;
update limits.policy set quota = 1, burst = 1 where name = 'read-key';
select is(array_agg(p.status order by n), '{200,429}', 'which holds by key')
from generate_series(1, 2) as n cross join lateral pg_temp.page(case when n > 0 then '' end) as p;
select is(p.status, 429, 'for all reads together') from pg_temp.get('status', 1) as p;
select is(p.status, 200, 'and for no other') from k, pg_temp.page('', k.b) as p;

select jobs.fold_tallies();
select test.become('levqor_dba');
select results_eq(
    'select workflow, queued, running, succeeded, failed, canceled from jobs.overview where account_id = (select a from t) order by 1',
    $$values ('even/ü 2', 5::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint), ('odd', 2, 1, 1, 1, 0)$$, 'a DBA sees the overview'
);
select results_eq(
    'select status, count(*) from jobs.history where account_id = (select a from t) group by 1 order by 1',
    $$values ('failed', 1::bigint), ('open', 8), ('succeeded', 1)$$, 'and the history'
);
select throws_ok('select from jobs.' || h.name, '42501', null, 'but not ' || h.name)
from unnest('{job,waiting,running,tally_change}'::text[]) as h (name);
select test.become('none');

select * from finish();
rollback;
