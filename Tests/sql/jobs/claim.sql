-- Jobs are claimed: in order, in fair turns, by one worker each, again when a lease ends.
begin;
select plan(63);

select test.clear_jobs();
-- Made in one millisecond, they are in no order but this.
create temp table t on commit drop as
select o.ids[1] as a, o.ids[2] as b, o.ids[3] as c
from (select array_agg(m.id order by m.id) as ids from (select test.make_account() as id from generate_series(1, 3)) as m) as o;
create temp table k on commit drop as
select test.make_key(a, '{jobs:work}') as a, test.make_key(b, '{jobs:work}') as b, test.make_key(a, '{jobs:read}') as weak,
    test.make_key(c, '{platform,jobs:work}') as all
from t;
grant select on t, k to public;
select core.set_test_clock('2030-01-01 12:00:00+00');
create function pg_temp.submit(
    p_account uuid, p_workflow text, p_priority text default 'normal', p_max_attempts integer default 5, p_run_at timestamptz default null
) returns uuid language sql as $$
    select s.id from jobs.submit_job(p_account, p_workflow, jsonb_build_object('n', p_workflow), null, p_priority, p_max_attempts, p_run_at) as s
$$;
create function pg_temp.claimed(p_workflows text[] default null, p_max integer default 1, p_account uuid default null)
returns text language sql as $$
    select string_agg(c.workflow, ' ' order by c.ordinal)
    from jobs.claim_jobs('w', p_workflows, p_max, 60, p_account) with ordinality as c (
        account_id, id, workflow, priority, payload, attempt, max_attempts, lease_token, leased_until, created_at, expires_at,
        expected_seconds, ordinal
    )
$$;
create function pg_temp.tick(p_seconds integer) returns void language sql as $$
    select core.set_test_clock(core.now() + make_interval(secs => p_seconds))
$$;

-- Order within an account.
select count(pg_temp.submit(t.a, 'low', 'low')) from t;
select pg_temp.tick(1);
select count(pg_temp.submit(t.a, 'old')) from t;
select pg_temp.tick(1);
select count(pg_temp.submit(t.a, 'young')), count(pg_temp.submit(t.a, 'high', 'high')) from t;
select is(pg_temp.claimed(p_account => a), 'high', 'high priority comes first') from t;
select is(pg_temp.claimed(p_max => 2, p_account => a), 'old young', 'then age') from t;
select is(pg_temp.claimed('{high,old}', 5, a), null, 'what is claimed is not claimed again') from t;
select is(pg_temp.claimed('{low}', 5, a), 'low', 'low priority comes last') from t;

-- By workflow.
select test.clear_jobs();
select count(pg_temp.submit(t.a, w)), count(pg_temp.tick(1)) from t, unnest(array['one', 'two', 'three']) as w;
select is(pg_temp.claimed('{four}', 5, a), null, 'another workflow''s jobs are not given') from t;
select is(pg_temp.claimed('{two}', 5, a), 'two', 'the workflow''s are') from t;
select pg_temp.submit(t.a, 'urgent', 'high') from t;
select is(pg_temp.claimed('{one,urgent,three}', 1, a), 'urgent', 'the most urgent of several workflows comes first') from t;
select is(pg_temp.claimed('{one,three,one}', 5), 'one three', 'over all accounts too');

-- Fair turns.
select test.clear_jobs();
select setval('jobs.claim_cursor_high', 0), setval('jobs.claim_cursor_low', 0);
select count(pg_temp.submit(t.a, 'a')) from t, generate_series(1, 50);
select pg_temp.tick(1);
select count(pg_temp.submit(t.b, 'b')), count(pg_temp.submit(t.b, 'b')), count(pg_temp.submit(t.c, 'c')) from t;
select is((select string_agg(pg_temp.claimed(), ' ' order by n) from generate_series(1, 5) as n), 'a b c a b', 'one after the other, accounts take turns');
select count(pg_temp.submit(t.b, 'b')), count(pg_temp.submit(t.b, 'b')), count(pg_temp.submit(t.c, 'c')) from t;
select is(
    (select string_agg(c.workflow, ' ' order by c.workflow) from jobs.claim_jobs('w', '{a,b,c}', 6) as c), 'a a a b b c',
    'a claim of many shares out equally'
);
select is(length(replace(pg_temp.claimed(p_max => 100), ' ', '')), 45, 'and empties the queue when it may');
select is(pg_temp.claimed(), null, 'until nothing is left');

-- Leases.
select test.clear_jobs();
create temp table j on commit drop as select pg_temp.submit(t.a, 'x', p_max_attempts => 2) as id from t;
create temp table c1 on commit drop as select c.* from test.claim_jobs('first', null, 1, 30) as c;
select results_eq(
    'select status, attempt, worker, leased_until - core.now(), lease_token > 0 from c1',
    $$values ('running', 1, 'first', interval '30 seconds', true)$$, 'a claim is a lease'
);
select pg_temp.tick(29);
select is(jobs.rescue_expired(), 0, 'before its end nothing is rescued');
select pg_temp.tick(1);
create temp table c2 on commit drop as select c.* from test.claim_jobs('second', null, 1, 30) as c;
select is((select attempt || ' ' || worker from c2), '2 second', 'at its end a claim takes the job over');
select isnt((select lease_token from c2), (select lease_token from c1), 'under another token');
select results_eq(
    'select number::integer, worker, outcome from jobs.attempt where job_id = (select id from j)', $$values (1, 'first', 'lost')$$,
    'the lost attempt counts'
);
select pg_temp.tick(30);
select is(test.tend_queue(), '{}', 'the clock finds that the last attempt is lost');
select is((select status || ' ' || (error ->> 'type') from jobs.job where id = (select id from j)), 'failed lease_expired', 'and the job has failed');

select test.clear_jobs();
select pg_temp.submit(t.a, 'x') from t;
select jobs.claim_jobs('first');
select jobs.cancel_job(null, (select id from jobs.job));
select pg_temp.tick(60);
select test.tend_queue();
select is((select status from jobs.job), 'canceled', 'a lost job that was to be canceled is canceled');

select test.clear_jobs();
select pg_temp.submit(t.a, 'x y') from t;
select jobs.claim_jobs('first');
select pg_temp.tick(60);
select is(test.tend_queue(), array['jobs/' || a || '/~' || md5('x y') || E'\t1'], 'a rescue hints to waiting workers') from t;

-- Delayed jobs.
select test.clear_jobs();
select pg_temp.submit(t.a, 'later', p_run_at => core.now() + interval '10 seconds') from t;
select is(pg_temp.claimed(), null, 'a delayed job is not claimed');
select pg_temp.tick(10);
select is(pg_temp.claimed('{later}', 1, b), null, 'then it is still not another account''s') from t;
select is(pg_temp.claimed(), 'later', 'but its own');
select test.clear_jobs();
select pg_temp.submit(t.a, 'later', p_run_at => core.now() + interval '10 seconds') from t;
select pg_temp.tick(10);
select is(test.tend_queue(), array['jobs/' || a || E'/later\t1'], 'the clock lets it in with a hint') from t;
select is(pg_temp.claimed(), 'later', 'and it is claimed');

-- Over HTTP.
select test.clear_jobs();
select pg_temp.submit(t.a, 'a'), pg_temp.submit(t.b, 'b') from t;
create temp table h on commit drop as
select c.* from test.call('POST', '/api/v1/worker/claim', (select a from k), '{"worker": "w", "max": 10, "lease_seconds": 5}') as c;
select results_eq(
    $$select status, jsonb_array_length(body -> 'jobs'), body #>> '{jobs,0,workflow}', body #> '{jobs,0,payload}', body #>> '{jobs,0,attempt}' from h$$,
    $$values (200, 1, 'a', '{"n": "a"}'::jsonb, '1')$$, 'an account''s key gets its own jobs'
);
select is(
    (select array_agg(n order by n) from h, jsonb_object_keys(body #> '{jobs,0}') as n),
    (select array_agg(n order by n) from jsonb_array_elements_text((select definition -> 'required' from http.shared_schema where name = 'ClaimedJob')) as n),
    'with what the schema says'
);
select is(c.outcome || ' ' || (c.body ->> 'jobs'), 'done []', 'no job, no waiting: an empty list')
from test.call('POST', '/api/v1/worker/claim', (select a from k), '{"worker": "w"}') as c;
select is(
    (c.outcome, c.more -> 'wait_for', (c.more ->> 'wait_until')::timestamptz)::text,
    ('wait', jsonb_build_array('jobs/' || test.key_account((select a from k)) || '/a', 'jobs/' || test.key_account((select a from k)) || '/z'),
        core.now() + interval '20 seconds')::text,
    'no job but waiting: the request is parked'
)
from test.call('POST', '/api/v1/worker/claim', (select a from k), '{"worker": "w", "workflows": ["a", "z"], "wait_seconds": 20}') as c;
select is(c.outcome || ' ' || (c.body ->> 'jobs'), 'done []', 'when the wait is over it is answered')
from test.call('POST', '/api/v1/worker/claim', (select a from k), '{"worker": "w", "wait_seconds": 20}', null,
    jsonb_build_object('wait_until', core.now())) as c;
select is(c.body #>> '{jobs,0,workflow}', 'b', 'a platform key gets the jobs of all')
from test.call('POST', '/api/v1/worker/claim', (select "all" from k), '{"worker": "w", "max": 5}') as c;
select is(c.more -> 'wait_for', '["jobs/*/*"]', 'and waits for those of all')
from test.call('POST', '/api/v1/worker/claim', (select "all" from k), '{"worker": "w", "wait_seconds": 5}') as c;
select is(c.more -> 'wait_for', jsonb_build_array('jobs/' || (select b from t) || '/*'), 'or of the one it acts for')
from test.call('POST', '/api/v1/worker/claim', (select "all" from k), '{"worker": "w", "wait_seconds": 5}', null,
    jsonb_build_object('account', core.show_id('acct', (select b from t)))) as c;
select is(c.status, 403, 'a key without the scope gets none')
from test.call('POST', '/api/v1/worker/claim', (select weak from k), '{"worker": "w"}') as c;
select throws_ok('select jobs.claim_jobs(''w'', null, 0)', 'LQ422', 'the number of jobs must be between 1 and 1000', 'a claim takes one at least');

select is(jobs.next_delay(1, 0.5), interval '5 seconds', 'the first wait is 5 s');
select is(jobs.next_delay(3, 0.5), interval '20 seconds', 'waits double');
select is(jobs.next_delay(50, 0.5), interval '1 hour', 'up to an hour');
select is(jobs.next_delay(1, 0) || ' ' || jobs.next_delay(1, 1), '00:00:04 00:00:06', 'with a fifth of jitter');
select function_privs_are('jobs', 'claim_jobs', array['text', 'text[]', 'integer', 'integer', 'uuid'], 'levqor_server', array[]::text[], 'and claims through the door only');

-- Suspended and closed accounts.
select test.clear_jobs();
select pg_temp.submit(a, 'of-a'), pg_temp.submit(b, 'of-b'), pg_temp.submit(c, 'of-c') from t;
update identity.account set status = 'suspended' where id = (select a from t);
update identity.account set status = 'closed' where id = (select c from t);
select is(pg_temp.claimed(p_max => 10), 'of-b', 'only the jobs of active accounts go to workers');
select is(pg_temp.claimed('{of-a,of-c}', 10), null, 'whatever workflow they ask for');
select is(pg_temp.claimed(p_account => a), null, 'or account') from t;
select is((select count(*) from jobs.job where status = 'queued'), 2::bigint, 'the others wait');
update identity.account set status = 'active';
select set_eq($$select unnest(string_to_array(pg_temp.claimed(p_max => 10), ' '))$$, '{of-a,of-c}'::text[], 'until their account is active again');
select ok(jobs.is_served(a) and not jobs.is_served(core.new_id()), 'an unknown account is not served') from t;

-- How many may run at once.
select test.clear_jobs();
update identity.account set tier = 'pro' where id = (select a from t);
insert into jobs.concurrency (scope, name, max_running) values ('tier', 'pro', 2), ('workflow', 'rare', 1);
select pg_temp.submit(t.a, w.name, w.priority), pg_temp.submit(t.b, w.name, w.priority)
from t, (values ('rare', 'high'), ('rare', 'high'), ('often', 'normal'), ('often', 'normal')) as w (name, priority);
select is(
    (select array_agg(c.workflow order by c.workflow) from jobs.claim_jobs('w', null, 10, 60, (select a from t)) as c), '{often,rare}',
    'an account has no more jobs running than its tier may, of a workflow no more than it may'
);
select is(
    (select array_agg(c.workflow order by c.workflow) from jobs.claim_jobs('w', null, 10, 60) as c), '{often,often}',
    'over all accounts'
);
select is((select count(*) from jobs.claim_jobs('w', '{rare,often}', 10, 60)), 0::bigint, 'and not one more');
select jobs.complete_job(null, id, lease_token) from jobs.job where status = 'running' and workflow = 'rare';
select is((select count(*) from jobs.claim_jobs('w', '{rare}', 10, 60)), 1::bigint, 'one that ends makes room');
update jobs.concurrency set max_running = 0 where scope = 'workflow';
select jobs.complete_job(null, id, lease_token) from jobs.job where status = 'running';
select is(pg_temp.claimed(p_max => 10), 'often', 'none of a workflow that is stopped');
delete from jobs.concurrency;
select is(length(replace(pg_temp.claimed(p_max => 10), ' ', '')), 8, 'without a bound, all');

-- What takes too long.
select test.clear_jobs();
select jobs.submit_job(t.a, 'long', '{}', p_timeout_seconds => 100, p_max_attempts => 2) from t;
create temp table long on commit drop as select c.* from test.claim_jobs('w', '{long}') as c;
select is((select expires_at - core.now() from long), interval '100 seconds', 'an attempt expires');
select pg_temp.tick(50);
select jobs.extend_lease(null, id, lease_token) from long;
select pg_temp.tick(50);
select is(
    (c.body ->> 'cancel_requested'), 'true', 'a heartbeat then tells the worker to stop'
)
from long as l, test.call('POST', '/api/v1/worker/jobs/' || core.show_id('job', l.id) || '/heartbeat', (select a from k),
    jsonb_build_object('lease_token', l.lease_token)) as c;
select jobs.rescue_expired();
select is((select status || ' ' || reason || ' ' || (error ->> 'type') from jobs.job), 'queued attempt_expired attempt_expired', 'and the clock takes it back');

-- While an old snapshot keeps dead rows, a session goes on where it was.
select test.clear_jobs();
select count(pg_temp.submit(t.a, 'floor', p)) from t, unnest('{low,normal,high}'::text[]) as p, generate_series(1, 4);
create function pg_temp.behind(p_limit integer) returns text language plpgsql as $$
declare
    v_told text;
    v_rows tid[] := jobs.pick_behind_floor((select a from t), 'floor', p_limit);
begin
    select string_agg(w.priority_rank::text, '' order by w.priority_rank) into v_told from jobs.waiting as w where w.ctid = any (v_rows);
    return v_told;
end;
$$;
select is(pg_temp.behind(3), '111', 'first the most urgent');
select is(pg_temp.behind(3), '122', 'then those behind them');
select is(pg_temp.behind(6), '223333', 'to the end');
select is(pg_temp.behind(2), '11', 'and from the beginning when there are too few');
select pg_temp.tick(1);
select count(pg_temp.submit(t.a, 'floor', 'high')) from t;
select is(pg_temp.behind(3), '111', 'what comes is not stepped over, whatever is behind');
select is(nullif(current_setting('levqor.claim_floors', true), '') is not null, true, 'the session remembers');

-- Who works.
select test.clear_jobs();
select pg_temp.submit(t.a, 'seen') from t;
select jobs.claim_jobs('worker-1', '{seen}', 1, 60, a) from t;
select results_eq('select name, workflows from jobs.worker', $$values ('worker-1', '{seen}'::text[])$$, 'a worker that claims is noted');

select * from finish();
rollback;
