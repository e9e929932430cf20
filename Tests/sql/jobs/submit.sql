-- Jobs are handed in.
begin;
select plan(70);

create temp table k on commit drop as
select test.make_key() as key, test.make_key(p_scopes => '{jobs:read}') as weak;
grant select on k to public;
delete from limits.bucket;
create function pg_temp.post(p_body jsonb) returns test.answer language sql as $$
    select c.* from test.call('POST', '/api/v1/intake', (select key from k), p_body) as c
$$;

create temp table r on commit drop as
select * from pg_temp.post('{"workflow": "resize", "payload": {"a": 1}, "callback_url": "http://example.org/", "priority": "high"}');
select is((select status from r), 202, 'a job is taken');
select is((select body ->> 'status' from r), 'queued', 'it is queued');
select is((select headers ->> 'Location' from r), (select '/api/v1/jobs/' || (body ->> 'job_id') from r), 'and where it can be seen');
select is(
    (select hints from r), (select array[E'jobs/' || test.key_account(key) || E'/resize\t1'] from k), 'waiting workers get a hint'
);
select results_eq(
    $$select workflow, payload, callback_url, priority, status, attempt, max_attempts, account_id from jobs.job
        where id = (select core.read_id('job', body ->> 'job_id') from r)$$,
    $$select 'resize', '{"a": 1}'::jsonb, 'http://example.org/', 'high', 'queued', 0, 5, test.key_account(key) from k$$,
    'it is stored as sent'
);
select is(p.status, 202, 'a short one is taken too')
from pg_temp.post('{"workflow": "x", "payload": {}}') as p;
select is(
    (select count(*) from jobs.job where workflow = 'x' and priority = 'normal' and callback_url is null
        and account_id = (select test.key_account(key) from k)), 1::bigint,
    'priority and callback may be left out'
);
select is(c.status, 403, 'a key without the scope can not')
from test.call('POST', '/api/v1/intake', (select weak from k), '{"workflow": "x", "payload": {}}') as c;
select is(c.status, 401, 'nor can nobody')
from test.call('POST', '/api/v1/intake', null, '{"workflow": "x", "payload": {}}') as c;

select is(p.status, v.status, v.why)
from (values
    ('{"workflow": "x", "payload": []}', 422, 'a payload is an object'),
    ('{"workflow": "x"}', 422, 'a payload is needed'),
    ('{"workflow": "", "payload": {}}', 422, 'a workflow has a name'),
    ('{"workflow": "x", "payload": {}, "priority": "urgent"}', 422, 'a priority is known'),
    ('{"workflow": "x", "payload": {}, "callback_url": "ftp://a/"}', 422, 'a callback is http'),
    ('{"workflow": "x", "payload": {}, "extra": 1}', 422, 'nothing else is taken')
) as v (body, status, why)
cross join lateral pg_temp.post(v.body::jsonb) as p;
select is(p.status, 202, 'a payload of 200 KiB is taken')
from pg_temp.post(jsonb_build_object('workflow', 'x', 'payload', jsonb_build_object('a', repeat('x', 204800 - 9)))) as p;
select is(p.status, 413, 'one byte more is not')
from pg_temp.post(jsonb_build_object('workflow', 'x', 'payload', jsonb_build_object('a', repeat('x', 204800 - 8)))) as p;

select core.set_test_clock('2030-01-01 12:00:00.1239+00');
create temp table d on commit drop as
select s.* from k, jobs.submit_job(test.key_account(key), 'later', '{}', p_run_at => '2030-01-02 00:00:00+00', p_max_attempts => 1) as s;
select results_eq('select is_delayed, due_at, max_attempts from d', $$values (true, '2030-01-02 00:00:00+00'::timestamptz, 1)$$,
    'a job may wait for its time');
select is((select left(id::text, 15) from d), left(jobs.first_id_at('2030-01-01 12:00:00.123+00')::text, 14) || '7', 'its id tells when it was made');
select ok((select id > jobs.first_id_at(created_at) and id < jobs.first_id_at(created_at + interval '1 ms') from d), 'and is in the range of its millisecond');
select is(jobs.first_id_at('0001-01-01'), '00000000-0000-0000-0000-000000000000', 'no id is older than 1970');
select is(jobs.first_id_at('infinity'), 'ffffffff-ffff-0000-0000-000000000000', 'nor younger than the last');
select throws_ok(
    format('select jobs.submit_job(%L, ''w'', ''[]'')', core.new_id()), 'LQ422', 'the payload must be a JSON object', 'psql gets the same refusal'
);
select is((select s.due_at from k, jobs.submit_job(test.key_account(key), 'past', '{}', p_run_at => '2020-01-01') as s), core.now(),
    'a time in the past is now');

select throws_matching(
    $$insert into jobs.outcome (account_id, job_id, workflow, status, reason, attempt, max_attempts, finished_by, finished_at, error)
        select test.key_account(key), core.new_id(), 'w', 'failed', 'canceled', 1, 1, 'system', now(), jsonb_build_object('a', repeat('x', 16384)) from k$$,
    'outcome_error_is_small_object_check', 'an error has 16 KiB as text at most'
);
select throws_matching(
    $$insert into jobs.running (account_id, job_id, workflow, priority_rank, due_at, attempt, max_attempts, has_callback, lease_token, lease_seconds,
        leased_until, started_at, worker, claimed_by, progress)
        select test.key_account(key), core.new_id(), 'w', 1, now(), 1, 1, false, 1, 1, now(), now(), 'w', 'system', jsonb_build_object('a', repeat('x', 4096)) from k$$,
    'running_progress_is_small_check', 'and progress 4 KiB'
);
-- As text 200 KiB, stored many times that: the bound on what is stored lets it in.
select lives_ok(
    $$select jobs.submit_job(test.key_account(key), 'w', jsonb_build_object('a', (select jsonb_agg(1) from generate_series(1, 68000)))) from k$$,
    'a payload of many small values is taken'
);

-- What it may cost.
select core.set_test_clock('2031-01-01 12:00:00+00');
insert into quota.price (workflow, usd_per_job) values ('dear', 0.30), ('too dear', 0.36), ('dearer', 0.35);
select quota.set_guardrails(test.key_account(key), null, 1) from k;
create function pg_temp.spent() returns numeric language sql as $$
    select coalesce(sum(s.reserved_usd), 0) from quota.spending as s where s.account_id = (select test.key_account(key) from k)
$$;
create function pg_temp.posts(p_workflows text[], p_key text default null) returns setof test.answer language sql as $$
    select c.* from test.call_many((
        select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/api/v1/intake', 'key', coalesce(p_key, (select key from k)),
            'body', jsonb_build_object('workflow', w.name, 'payload', '{}'::jsonb)) order by w.n)
        from unnest(p_workflows) with ordinality as w (name, n)
    )) as c
$$;
select is(
    p.body - 'request_id',
    '{"type": "/problems/payment-required", "title": "A spending limit is reached", "status": 402, "code": "payment-required",
      "detail": "The job would cost more than one job may. It is estimated at 0.36 USD; the limit is 0.35 USD.",
      "hint": "Make the payload smaller, or ask for a higher limit.", "guardrail": "job", "estimated_cost_usd": 0.36,
      "limit_usd": 0.35, "spent_today_usd": 0, "resets_at": null}'::jsonb, 'a job that is too dear is 402, with the figures'
)
from pg_temp.post('{"workflow": "too dear", "payload": {}}') as p;
select is(pg_temp.spent(), 0::numeric, 'and spends nothing');
select is(array_agg(p.status order by p.call), '{202,402,202,202,402}', 'among others it is the one that is refused')
from pg_temp.posts('{dear,"too dear",dear,free,"too dear"}') as p;
select is(pg_temp.spent(), 0.60, 'the others are spent');
select is(array_agg(p.status order by p.call), '{202,402,202,202}', 'jobs that together are too dear are taken as long as they fit')
from pg_temp.posts('{dear,dear,free,free}') as p;
select is(pg_temp.spent(), 0.90, 'to the cent');
select is(
    (p.body ->> 'guardrail') || ' ' || (p.body ->> 'spent_today_usd') || ' ' || (p.body ->> 'limit_usd') || ' ' || (p.body ->> 'resets_at'),
    'day 0.9 1 2031-01-02T00:00:00+00:00', 'what a day may cost is told with its end'
)
from pg_temp.post('{"workflow": "dear", "payload": {}}') as p;
select is(p.status, 202, 'what costs nothing is taken still') from pg_temp.post('{"workflow": "free", "payload": {}}') as p;
select is(p.status, 202, 'another account has its own day') from pg_temp.posts('{dear}', (select test.make_key())) as p;
select throws_ok(
    $$select jobs.submit_job(test.key_account(key), 'dear', '{}') from k$$, 'LQ402', 'the job would pass what the account may spend a day',
    'psql gets the same refusal'
);
select is(
    (select count(*) from jobs.job as j inner join k on test.key_account(k.key) = j.account_id where j.workflow in ('dear', 'too dear')), 3::bigint,
    'no job is there that was refused'
);
update core.setting set value = '0.05' where name = 'quota.default_job_usd';
select is(array_agg(p.status order by p.call), '{202,202,402}', 'with a price for any job, any job counts')
from pg_temp.posts('{free,free,free}') as p;
select core.set_test_clock('2031-01-02 00:00:00+00');
select is(array_agg(p.status order by p.call), '{202,202}', 'the next day is another') from pg_temp.posts('{free,dear}') as p;
update core.setting set value = '0' where name = 'quota.default_job_usd';

-- All that a job may say.
select core.set_test_clock('2032-01-01 12:00:00+00');
create temp table full_job on commit drop as
select p.* from pg_temp.post('{"workflow": "full", "payload": {}, "run_at": "2032-01-02T00:00:00Z", "max_attempts": 3, "timeout_seconds": 60,
    "expected_seconds": 30, "unique_key": "one", "unique_while": "active"}') as p;
select results_eq(
    $$select status, is_delayed, due_at, max_attempts, timeout_seconds, expected_seconds, unique_key from jobs.job where workflow = 'full'$$,
    $$values ('queued', true, '2032-01-02 00:00:00+00'::timestamptz, 3, 60, 30, 'one')$$, 'a job says all it may over HTTP'
);
select is(p.status || ' ' || (p.body ->> 'job_id'), '200 ' || (f.body ->> 'job_id'), 'a second one with its unique key is the first')
from full_job as f, pg_temp.post('{"workflow": "full", "payload": {}, "unique_key": "one"}') as p;
select is((select count(*) from jobs.job where workflow = 'full'), 1::bigint, 'and none is made');
select is(p.status, 202, 'another account has its own keys')
from pg_temp.post('{"workflow": "w", "payload": {}}') as a, test.call('POST', '/api/v1/intake', (select test.make_key()), '{"workflow": "full", "payload": {}, "unique_key": "one"}') as p;

-- How long a unique key is taken.
create function pg_temp.is_free(p_key text) returns boolean language sql as $$
    select not exists (select from jobs.unique_key as u, k where u.account_id = test.key_account(k.key) and u.key = p_key)
$$;
create function pg_temp.live(p_while text) returns text language plpgsql as $$
declare
    v_account uuid := (select test.key_account(key) from k);
    v_told text := '';
    v_claim record;
begin
    perform jobs.submit_job(v_account, 'life', '{}', p_unique_key => p_while, p_unique_while => p_while);
    v_told := v_told || pg_temp.is_free(p_while);
    select c.* into v_claim from jobs.claim_jobs('w', '{life}', 1, 60, v_account) as c;
    v_told := v_told || ' ' || pg_temp.is_free(p_while);
    perform jobs.complete_job(v_account, v_claim.id, v_claim.lease_token);
    return v_told || ' ' || pg_temp.is_free(p_while);
end;
$$;
select is(pg_temp.live(w.name), w.told, 'a key that is taken while ' || w.name)
from (values ('waiting', 'false true true'), ('active', 'false false true'), ('active_or_succeeded', 'false false false'), ('ever', 'false false false'))
    as w (name, told);

-- Many at once.
create function pg_temp.batch(p_jobs jsonb, p_key text default null) returns test.answer language sql as $$
    select c.* from test.call('POST', '/api/v1/jobs/batch', coalesce(p_key, (select key from k)), jsonb_build_object('jobs', p_jobs)) as c
$$;
create temp table many on commit drop as
select p.* from pg_temp.batch('[{"workflow": "b", "payload": {"n": 1}}, {"workflow": "b", "payload": {"n": 2}, "priority": "high", "unique_key": "two"},
    {"workflow": "c", "payload": {"n": 3}, "unique_key": "two"}]') as p;
select is(m.status, 202, 'many jobs are taken at once') from many as m;
select is(jsonb_path_query_array(m.body, '$.jobs[*].is_duplicate'), '[false, false, true]', 'but for one with a key that is taken') from many as m;
select is(m.body #> '{jobs,1,job_id}', m.body #> '{jobs,2,job_id}', 'which is answered with the other') from many as m;
select results_eq(
    $$select j.payload ->> 'n', j.priority from jobs.job as j inner join k on test.key_account(k.key) = j.account_id where j.workflow in ('b', 'c') order by 1$$,
    $$values ('1', 'normal'), ('2', 'high')$$, 'they are stored as sent'
);
select is(cardinality(m.hints), 1, 'with one hint a workflow') from many as m;
select throws_ok(
    format('select jobs.submit_jobs(%L, %L)', test.key_account(k.key), v.jobs), v.code, v.message, v.message
)
from k, (values
    ('{}', 'LQ422', 'the jobs must be a JSON array'),
    ('[{"workflow": "b", "payload": {}}, {"workflow": "b"}]', 'LQ422', 'job 2: payload must be an object'),
    ('[1]', 'LQ422', 'job 1: must be an object'),
    ('[{"workflow": "b", "payload": {}, "max_attempts": 1.5}]', 'LQ422', 'job 1: max_attempts must be a whole number from 1 to 100'),
    ('[{"workflow": "b", "payload": {}, "run_at": "soon"}]', 'LQ422', 'job 1: run_at must be a time within a year from now, such as 2030-01-31T12:00:00Z'),
    ('[{"workflow": "b", "payload": {}, "unique_while": "often"}]', 'LQ422', 'job 1: unique_while must be waiting, active, active_or_succeeded or ever'),
    ('[{"workflow": "b", "payload": {}, "colour": 1}]', 'LQ422', 'job 1: unknown member colour')
) as v (jobs, code, message);
select is((select count(*) from jobs.job where workflow = 'b'), 2::bigint, 'of a batch with a fault nothing is taken');
select throws_ok(format('select jobs.submit_job(%L, %s)', test.key_account(k.key), v.more), 'LQ422', v.message, v.message)
from k, (values
    ($$'w', '{}', p_max_attempts => 100000$$, 'a job has 1 to 100 attempts'),
    ($$'w', '{}', p_priority => 'urgent'$$, 'the priority must be low, normal or high'),
    ($$'', '{}'$$, 'a workflow has 1 to 128 characters'),
    ($$'w', '{}', p_run_at => 'infinity'$$, 'a job waits for up to 366 days')
) as v (more, message);
select throws_ok(
    format('select jobs.submit_jobs(%L, %L)', test.key_account(key),
        jsonb_build_array(jsonb_build_object('workflow', 'w', 'payload', jsonb_build_object('x', (select jsonb_agg('1e308'::jsonb) from generate_series(1, 700)))))),
    'LQ413', 'job 1: payload too large: 204800 bytes are allowed', 'what is small only as it is stored is too large'
) from k;
select is_empty(format('select from jobs.submit_jobs(%L, ''[]'')', test.key_account(key)), 'an empty batch is no fault') from k;

-- Who handed it in, and whose it is.
select is(j.submitted_by, core.show_id('key', (r.more ->> 'key')::uuid), 'a job knows who handed it in')
from r inner join jobs.job as j on j.id = core.read_id('job', r.body ->> 'job_id');
select is(s.submitted_by, 'role:' || session_user, 'also in psql') from k, jobs.submit_job(test.key_account(key), 'w', '{}') as s;
select throws_ok(format('select jobs.submit_job(%L, ''w'', ''{}'')', core.new_id()), 'LQ404', 'no such account', 'an unknown account has no jobs');

select * from finish();
rollback;
