-- The queue's tasks of the clock.
begin;
select plan(21);

-- As the product seeds them.
select set_eq(
    $$select t.name, t.function, t.every, t.is_enabled, t.origin from schedule.task as t where t.function like 'jobs.%'$$,
    $$values ('jobs-tend-queue', 'jobs.tend_queue', interval '1 second', true, 'file'),
        ('jobs-fold-tallies', 'jobs.fold_tallies', interval '1 second', true, 'file'),
        ('jobs-compact-hot', 'jobs.compact_hot', interval '1 second', true, 'file'),
        ('jobs-make-days', 'jobs.make_days', interval '1 hour', true, 'file'),
        ('jobs-index-days', 'jobs.index_days', interval '1 hour', true, 'file'),
        ('jobs-drop-days', 'jobs.drop_days', interval '1 hour', true, 'file')$$,
    'six tasks tend the queue'
);

-- A job whose worker is gone, one on its last attempt, and one that is delayed.
select test.clear_jobs();
update schedule.task set is_enabled = false where function <> 'jobs.tend_queue';
delete from schedule.run;
select core.set_test_clock('2031-01-01 12:00:00+00');
select test.make_account('A') as a \gset
select jobs.submit_job(:'a', 'lost', '{}'), jobs.submit_job(:'a', 'spent', '{}', p_max_attempts => 1),
    jobs.submit_job(:'a', 'later', '{}', p_run_at => core.now() + interval '1 minute');
select jobs.claim_jobs('gone', '{lost,spent}', 2, 30);
create temp view queue as
select string_agg(j.workflow || ' ' || j.status || case when j.is_delayed then ' delayed' else '' end, ', ' order by j.workflow) as told
from jobs.job as j;
select is(q.told, 'later queued delayed, lost running, spent running', 'two jobs run and one waits for its time')
from queue as q;

-- The clock, as the server calls it.
select core.set_test_clock('2031-01-01 12:00:29+00');
set local role levqor_server;
create temp table early as select r.* from schedule.run_due() as r;
reset role;
select is(
    array_agg(e.task || ' ' || e.outcome order by e.task), '{jobs-tend-queue succeeded}', 'the task runs'
)
from early as e;
select is(q.told, 'later queued delayed, lost running, spent running', 'and too early they change nothing')
from queue as q;
select is(max(e.next_due), '2031-01-01 12:00:30+00'::timestamptz, 'it is due in the next slot, of a second')
from early as e;
select core.set_test_clock('2031-01-01 12:00:29.999+00');
select is_empty('select from schedule.run_due()', 'and not before');

select core.set_test_clock('2031-01-01 12:00:31+00');
set local role levqor_server;
create temp table rescued as select r.* from schedule.run_due() as r;
reset role;
select is(q.told, 'later queued delayed, lost queued, spent failed', 'a job whose worker is gone is taken back')
from queue as q;
select is(
    array_agg(r.task || ' ' || r.outcome order by r.task), '{jobs-tend-queue succeeded}',
    'by a run that succeeded'
)
from rescued as r;
select ok(
    exists (select from rescued as r cross join lateral unnest(r.hints) as h (hint)
        where r.task = 'jobs-tend-queue' and starts_with(h.hint, 'jobs/') and strpos(h.hint, '/lost') > 0),
    'workers that wait get a hint'
);
select is(
    (select array_agg(l.actor || ' ' || l.to_status order by l.to_status) from jobs.job as j cross join jobs.list_transitions(j) as l
        where l.reason = 'lease_expired'),
    '{"system failed","system queued"}', 'the history names the system'
);

select core.set_test_clock('2031-01-01 12:01:00+00');
set local role levqor_server;
create temp table let_in as select r.* from schedule.run_due() as r;
reset role;
select is(q.told, 'later queued, lost queued, spent failed', 'a job whose time has come is let in') from queue as q;
select ok(
    exists (select from let_in as r cross join lateral unnest(r.hints) as h (hint)
        where r.task = 'jobs-tend-queue' and starts_with(h.hint, 'jobs/') and strpos(h.hint, '/later') > 0),
    'with a hint for its workers'
);
select is(
    array_agg(j.workflow order by j.workflow), '{later,lost}', 'and both can be claimed'
)
from jobs.claim_jobs('next', '{later,lost}', 5, 30) as j;

-- An operator's change stays.
update schedule.task set every = '1 minute' where name = 'jobs-tend-queue';
select core.seed('schedule.task', '{name}', '{"name": "jobs-tend-queue", "function": "jobs.tend_queue",
    "every": "1 second", "description": "take jobs back from workers that are gone, let in delayed ones"}');
select is(
    (select t.every from schedule.task as t where t.name = 'jobs-tend-queue'), '1 minute', 'a deploy leaves the operator''s interval'
);
update schedule.task set is_enabled = false where name = 'jobs-tend-queue';
select core.set_test_clock('2031-01-01 12:05:00+00');
select is_empty('select from schedule.run_due()', 'and a task that is off is off');

-- Tables that dead rows have made large are rewritten, one a run.
select is(jobs.compact_hot(), 0::bigint, 'small tables are left alone');
insert into jobs.waiting (account_id, job_id, workflow, priority_rank, due_at, max_attempts)
select :'a', core.new_id(), 'filler', 2, now(), 1 from generate_series(1, 20000);
delete from jobs.waiting where workflow = 'filler';
select is(jobs.compact_hot(), 0::bigint, 'a large one is left to VACUUM');
update core.setting set value = '1000000' where name = 'core.compact_bytes';
select ok(jobs.compact_hot() > 1000000, 'a very large one is rewritten');
select is((select count(*) from jobs.waiting), 0::bigint, 'with what lives in it');

-- Rights: the clock is their only caller.
select function_privs_are(
    'jobs', 'rescue_expired', array['integer', 'uuid'], 'levqor_server', '{}', 'no server rescues by itself'
);
select function_privs_are('jobs', 'let_in_delayed', array['integer', 'uuid'], 'levqor_server', '{}', 'nor lets in');

select * from finish();
rollback;
