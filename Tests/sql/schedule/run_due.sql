begin;
select plan(100);

update schedule.task set is_enabled = false;
set local role levqor_owner;
create table schedule.done (what text, at timestamptz);
create function schedule.do_well() returns integer language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    insert into schedule.done values ('well', core.now());
    perform core.hint('things');
    return 5;
end;
$$;
create function schedule.do_badly() returns integer language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    insert into schedule.done values ('badly', core.now());
    perform core.hint('nothing');
    raise exception using errcode = 'LQ409', message = 'it can not be';
end;
$$;
create function schedule.do_slowly() returns integer language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_sleep(3600);
    return 1;
end;
$$;
create function schedule.be_stopped() returns integer language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    raise exception using errcode = '57014', message = 'canceling statement due to user request';
end;
$$;
create function schedule.do_in_steps(p_state jsonb) returns jsonb language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    v_done integer := coalesce((p_state ->> 'done')::integer, 0);
begin
    if exists (select from schedule.done where what = 'break') and v_done = 1 then
        raise exception 'broken at %', v_done;
    end if;
    insert into schedule.done values ('step ' || v_done || ' of ' || schedule.current_slot()::time, core.now());
    return jsonb_build_object('more', v_done < 2, 'state', jsonb_build_object('done', v_done + 1), 'rows', 10);
end;
$$;
create function schedule.look() returns text language sql stable set search_path = pg_catalog, pg_temp as $$
    select core.is_machinery() || ' ' || core.sees_all() || ' ' || coalesce(core.current_account()::text, 'nobody')
$$;
reset role;
insert into schedule.task (name, function, every, description) values
('a-badly', 'schedule.do_badly', '10 seconds', 'fails'), ('b-well', 'schedule.do_well', '10 seconds', 'works'),
('c-missing', 'schedule.no_such', '1 minute', 'is not there'), ('d-look', 'schedule.look', '1 minute', 'looks');
insert into schedule.task (name, function, every, is_enabled, description)
values ('e-off', 'schedule.do_well', '10 seconds', false, 'is off');

select core.set_test_clock('2031-01-01 12:00:03+00');
set local role levqor_server;
select is(schedule.next_due(), '2031-01-01 12:00:03+00'::timestamptz, 'a new task is due at once');
create temp table ran as select r.* from schedule.run_due() as r;
select is(
    array_agg(r.task || ' ' || r.outcome order by r.task),
    '{a-badly failed,b-well succeeded,c-missing failed,d-look succeeded}', 'all that is due runs, and a failure stops nothing'
)
from ran as r;
select is(r.slot, '2031-01-01 12:00:00+00'::timestamptz, 'in the slot of this moment') from ran as r where r.task = 'b-well';
select is(r.next_due, '2031-01-01 12:00:10+00'::timestamptz, 'and says when it is due next') from ran as r where r.task = 'b-well';
select is(r.hints, array[E'things\t1'], 'its hints are given') from ran as r where r.task = 'b-well';
select is(r.hints, '{}', 'those of one that failed are not') from ran as r where r.task = 'a-badly';
select is_empty('select from schedule.run_due()', 'a second server finds nothing to do');
select is(schedule.next_due(), '2031-01-01 12:00:10+00'::timestamptz, 'until the next slot');
reset role;
select is((select array_agg(d.what) from schedule.done as d), '{well}', 'what failed is undone');
select is(
    (select row(r.outcome, r.result, r.sqlstate, r.error)::text from schedule.run as r where r.task = 'b-well'), '(succeeded,5,,)',
    'a run is kept with its result'
);
select is(
    (select row(r.outcome, r.result, r.sqlstate, r.error)::text from schedule.run as r where r.task = 'a-badly'),
    '(failed,,LQ409,"it can not be")', 'and with its error'
);
select is(
    (select r.error from schedule.run as r where r.task = 'c-missing'), 'no function named schedule.no_such', 'also of none'
);
select is((select r.result from schedule.run as r where r.task = 'd-look'), 'true true nobody', 'a task is the machinery');

-- Slots.
select core.set_test_clock('2031-01-01 12:00:09.999+00');
select is_empty('select from schedule.run_due()', 'one run a slot');
select core.set_test_clock('2031-01-01 12:00:10+00');
select is((select count(*) from schedule.run_due()), 2::bigint, 'the next slot, the next run');
select core.set_test_clock('2031-01-01 15:00:00+00');
select is((select array_agg(r.slot) from schedule.run_due() as r where r.task = 'b-well'),
    array['2031-01-01 15:00:00+00'::timestamptz], 'slots that nobody was there for are not caught up');
select is((select count(*) from schedule.done), 3::bigint, 'three runs did work');
insert into schedule.run (task, slot, started_at, finished_at, outcome)
values ('b-well', '2031-01-01 15:00:10+00', core.now(), core.now(), 'succeeded');
select core.set_test_clock('2031-01-01 15:00:12+00');
select is((select count(*) from schedule.run_due() as r where r.task = 'b-well'), 0::bigint, 'a slot that is taken is not run');
select throws_ok(
    $$insert into schedule.run (task, slot, due_at) values ('b-well', '2031-01-01 15:00:10+00', now())$$, '23505', null,
    'nor can it be taken twice'
);

-- Changes of an operator.
update schedule.task set is_enabled = false where is_enabled;
select is_empty('select from schedule.run_due()', 'what was paused does not run');
select is(schedule.next_due(), null, 'nothing enabled, nothing due');
update schedule.task set is_enabled = true where name = 'e-off';
select is((select r.outcome from schedule.run_due() as r), 'succeeded', 'a task switched on runs');
select is((select t.local_columns from schedule.task as t where t.name = 'e-off'), '{is_enabled}', 'and the change is noted');

-- A timeout ends the round, and is recorded.
update schedule.task set is_enabled = true, function = 'schedule.do_slowly' where name = 'a-badly';
update schedule.task set is_enabled = true where name = 'b-well';
select core.set_test_clock('2031-01-01 16:00:00+00');
update schedule.task set timeout = '1 second' where name in ('a-badly', 'b-well', 'e-off');
set local statement_timeout = '1s';
select is((select array_agg(r.task || ' ' || r.outcome) from schedule.run_due() as r), '{a-badly timed out}', 'a timeout is told');
set local statement_timeout = 0;
select is(
    (select array_agg(r.task || ' ' || r.outcome order by r.task) from schedule.run_due() as r), '{b-well succeeded,e-off succeeded}',
    'and the next call goes on behind it'
);
-- Stopped before its time, by a server that shuts down: nothing is recorded.
update schedule.task set function = 'schedule.be_stopped' where name = 'a-badly';
select core.set_test_clock('2031-01-01 16:00:10+00');
create function pg_temp.turn() returns text language plpgsql as $$
begin
    return (select string_agg(r.task, ',') from schedule.run_due() as r);
exception
    when query_canceled then
        return 'stopped';
end;
$$;
select is(pg_temp.turn(), 'stopped', 'who is asked to stop stops');
select is(
    (select array_agg(d.task) from schedule.list_due() as d where d.due_at = '2031-01-01 16:00:10+00'), '{a-badly,b-well,e-off}',
    'and the slot is due as before'
);
update schedule.task set is_enabled = false where name = 'a-badly';

-- Each task has its own timeout: a call runs those that have the first one's.
update schedule.task set timeout = '90 seconds' where name = 'e-off';
select is(schedule.timeout_ms(), 1000, 'the timeout of what is first');
select is((select array_agg(r.task) from schedule.run_due() as r), '{b-well}', 'which is run');
select is(schedule.timeout_ms(), 90000, 'then that of the next');
set local statement_timeout = '30s';
select is_empty('select from schedule.run_due()', 'which is not run under a shorter one');
set local statement_timeout = '90s';
select is((select array_agg(r.task) from schedule.run_due() as r), '{e-off}', 'but under its own');
set local statement_timeout = 0;
select is(schedule.timeout_ms(), 30000, 'nothing due, the usual one');

-- Steps: each call does one, and the slot stays open.
update schedule.task set is_enabled = false where is_enabled;
insert into schedule.task (name, function, every, description) values ('f-steps', 'schedule.do_in_steps', '1 hour', 'in steps');
select core.set_test_clock('2031-01-02 10:20:00+00');
select is((select string_agg(r.task || ' ' || r.outcome, ',') from schedule.run_due() as r), 'f-steps running', 'a step');
select is(schedule.next_due(), core.now(), 'the next one is due at once');
select is(
    (select row(r.outcome, r.state, r.steps, r.touched)::text from schedule.run as r where r.task = 'f-steps'),
    '(,"{""done"": 1}",1,10)', 'what it left is kept'
);
insert into schedule.done values ('break');
select is((select string_agg(r.outcome, ',') from schedule.run_due() as r), 'failed', 'a step that fails');
delete from schedule.done where what = 'break';
select is_empty('select from schedule.run_due()', 'ends the run');
update schedule.task set max_attempts = 3 where name = 'f-steps';
select core.set_test_clock('2031-01-02 11:00:00+00');
select is((select string_agg(r.outcome, ',') from schedule.run_due() as r), 'running', 'the next slot begins from the start');
insert into schedule.done values ('break');
select is((select string_agg(r.outcome, ',') from schedule.run_due() as r), 'retrying', 'with attempts left it is tried again');
select is(schedule.next_due(), '2031-01-02 11:01:00+00'::timestamptz, 'a minute later');
select core.set_test_clock('2031-01-02 11:01:00+00');
select is((select string_agg(r.outcome, ',') from schedule.run_due() as r), 'retrying', 'and again');
select is(schedule.next_due(), '2031-01-02 11:03:00+00'::timestamptz, 'after twice as long');
select core.set_test_clock('2031-01-02 12:30:00+00');
delete from schedule.done where what = 'break';
update schedule.task set is_enabled = false where name = 'f-steps';
select is_empty('select from schedule.run_due()', 'a paused task does no step');
update schedule.task set is_enabled = true where name = 'f-steps';
select is((select string_agg(r.outcome || ' ' || r.slot::timetz, ',') from schedule.run_due() as r), 'running 11:00:00+00', 'from the state it left, in its slot');
select is((select string_agg(r.outcome || ' ' || r.slot::timetz, ',') from schedule.run_due() as r), 'succeeded 11:00:00+00', 'to the end');
select is(
    (select row(r.steps, r.attempts, r.touched)::text from schedule.run as r where r.task = 'f-steps' order by r.slot desc limit 1), '(3,0,30)',
    'steps and rows are counted'
);
select is(
    (select array_agg(d.what order by d.what) from schedule.done as d where d.what like 'step % of 11:%'),
    '{"step 0 of 11:00:00","step 1 of 11:00:00","step 2 of 11:00:00"}', 'each was done once, for its slot'
);
select is(
    (select string_agg(r.outcome || ' ' || r.slot::timetz, ',') from schedule.run_due() as r), 'running 12:00:00+00',
    'and the slot that came meanwhile is run then'
);

-- With overlap = skip it is not.
update schedule.task set overlap = 'skip' where name = 'f-steps';
select core.set_test_clock('2031-01-02 15:20:00+00');
select is((select string_agg(r.outcome, ',') from schedule.run_due() as r), 'running', 'a long run');
select is((select string_agg(r.outcome, ',') from schedule.run_due() as r), 'succeeded', 'ends at last');
select is_empty('select from schedule.run_due()', 'slots that came meanwhile are left out');
select is(schedule.next_due(), '2031-01-02 16:00:00+00'::timestamptz, 'until the next');
select core.set_test_clock('2031-01-02 16:00:00+00');
select is_empty('select from schedule.run_due() as r where r.outcome <> ''running''', 'which runs');
select is((select r.missed from schedule.run as r where r.task = 'f-steps' order by r.slot desc limit 1), 3, 'and tells how many were left out');
update schedule.task set is_enabled = false where name = 'f-steps';

-- What a function says of its rows is not believed blindly.
set local role levqor_owner;
create function schedule.boast() returns jsonb language sql stable as $$ select '{"rows": 1e300, "more": "yes", "state": [1]}'::jsonb $$;
reset role;
insert into schedule.task (name, function, every, description) values ('h-boasts', 'schedule.boast', '7 days', 'says too much');
select is((select string_agg(r.outcome, ',') from schedule.run_due() as r where r.task = 'h-boasts'), 'succeeded', 'a figure that is too large is left out');
select is((select row(r.touched, r.steps)::text from schedule.run as r where r.task = 'h-boasts'), '(,1)', 'and only true is more');
delete from schedule.task where name = 'h-boasts';

-- Cron texts.
insert into schedule.task (name, function, cron, zone, description)
values ('g-cron', 'schedule.do_well', '0 9 * * *', 'Europe/London', 'in the morning');
select core.set_test_clock('2031-06-10 12:00:00+00');
select is_empty('select from schedule.run_due()', 'a new cron text waits for its first slot');
select is(schedule.next_due(), '2031-06-11 08:00:00+00'::timestamptz, 'in its zone');
select core.set_test_clock('2031-06-11 08:00:00+00');
select is((select string_agg(r.slot || ' ' || r.next_due, ',') from schedule.run_due() as r), '2031-06-11 08:00:00+00 2031-06-12 08:00:00+00', 'then it runs');
select core.set_test_clock('2031-06-14 20:00:00+00');
select is((select string_agg(r.slot::text, ',') from schedule.run_due() as r), '2031-06-14 08:00:00+00', 'of several missed slots the latest is run, however late');
select is((select r.missed from schedule.run as r where r.task = 'g-cron' order by r.slot desc limit 1), 2, 'and the others are counted');
update schedule.task set catch_up = '1 hour' where name = 'g-cron';
select core.set_test_clock('2031-06-16 09:00:00.000001+00');
select is((select string_agg(r.outcome || ' ' || r.slot, ',') from schedule.run_due() as r), 'missed 2031-06-16 08:00:00+00', 'too late is missed, and told');
select is_empty('select from schedule.run_due()', 'once');
select is((select r.missed from schedule.run as r where r.task = 'g-cron' order by r.slot desc limit 1), 1, 'with those before it');
select core.set_test_clock('2031-06-17 09:00:00+00');
select is((select string_agg(r.outcome, ',') from schedule.run_due() as r), 'succeeded', 'an hour late is not too late');
update schedule.task set catch_up = '2 days', catches_up_all = true where name = 'g-cron';
select core.set_test_clock('2031-06-21 07:59:00+00');
select is((select string_agg(r.slot::text, ',') from schedule.run_due() as r), '2031-06-19 08:00:00+00', 'all that are not too late');
select is((select string_agg(r.slot::text, ',') from schedule.run_due() as r), '2031-06-20 08:00:00+00', 'one after the other, the oldest first');
select is_empty('select from schedule.run_due()', 'and no more');
update schedule.task set cron = '0 7 * * *' where name = 'g-cron';
select is_empty('select from schedule.run_due()', 'a changed text counts from now');
select is(schedule.next_due(), '2031-06-22 06:00:00+00'::timestamptz, 'slots before it are not missed');
update schedule.task set is_enabled = false where name = 'g-cron';
select is_empty('select from schedule.run_due()', 'paused');
select core.set_test_clock('2031-06-25 12:00:00+00');
update schedule.task set is_enabled = true where name = 'g-cron';
select is_empty('select from schedule.run_due()', 'resumed');
select is(schedule.next_due(), '2031-06-26 06:00:00+00'::timestamptz, 'what came while it was paused is not caught up');
update schedule.task set every = '1 hour', cron = null where name = 'g-cron';
select is((select string_agg(r.slot::text, ',') from schedule.run_due() as r), '2031-06-25 12:00:00+00', 'an interval in its place');
update schedule.task set catch_up = '3 hours' where name = 'g-cron';
select core.set_test_clock('2031-06-25 20:30:00+00');
select is((select string_agg(r.slot::text, ',') from schedule.run_due() as r), '2031-06-25 18:00:00+00', 'intervals are caught up in the same way');

-- Jitter.
update schedule.task set jitter = '30 minutes', catches_up_all = false, catch_up = null where name = 'g-cron';
create temp table j as
select s.slot, schedule.due_at(t, s.slot) as due_at
from schedule.task as t
cross join generate_series('2031-07-01'::timestamptz, '2031-07-03', '1 hour') as s (slot)
where t.name = 'g-cron';
select is((select count(*) from j where due_at >= slot and due_at < slot + interval '30 minutes'), 49::bigint, 'a slot is due within its jitter');
select cmp_ok((select count(distinct due_at - slot) from j), '>', 40::bigint, 'every slot at another time');
select is_empty('select from j, schedule.task as t where t.name = ''g-cron'' and j.due_at <> schedule.due_at(t, j.slot)', 'and always the same');
update schedule.task set every = null, cron = '* * * * *', jitter = '1 hour' where name = 'g-cron';
select ok(
    bool_and(schedule.due_at(t, s.slot) < s.slot + interval '1 minute'), 'it never reaches the next slot'
)
from schedule.task as t cross join generate_series('2031-07-01'::timestamptz, '2031-07-01 03:00', '1 minute') as s (slot) where t.name = 'g-cron';
update schedule.task set cron = '0 * * * *' where name = 'g-cron';
select core.set_test_clock('2031-07-02 07:59:59+00');
select is_empty('select from schedule.run_due()', 'a slot begins');
select is(schedule.next_due(), (select schedule.due_at(t, '2031-07-02 08:00+00') from schedule.task as t where t.name = 'g-cron'), 'and is due with its jitter');
select core.set_test_clock((select schedule.due_at(t, '2031-07-02 10:00+00') - interval '1 microsecond' from schedule.task as t where t.name = 'g-cron'));
select is_empty('select from schedule.run_due()', 'the latest missed slot keeps its jitter');
select core.set_test_clock((select schedule.due_at(t, '2031-07-02 10:00+00') from schedule.task as t where t.name = 'g-cron'));
select is((select string_agg(r.slot::text, ',') from schedule.run_due() as r), '2031-07-02 10:00:00+00', 'then it runs');

-- What can not be is refused when it is written.
select throws_ok(u.sql, u.code, null, u.why)
from (values
    ($$update schedule.task set cron = '61 * * * *' where name = 'g-cron'$$, 'LQ422', 'a cron text that can not be read'),
    ($$update schedule.task set zone = 'Mars/Olympus' where name = 'g-cron'$$, 'LQ422', 'a zone that is none'),
    ($$insert into schedule.task (name, function, every, cron, description) values ('x', 'a.b', '1 day', '@daily', '')$$, '23514', 'an interval and a cron text'),
    ($$insert into schedule.task (name, function, description) values ('x', 'a.b', '')$$, '23514', 'neither'),
    ($$insert into schedule.task (name, function, every, jitter, description) values ('x', 'a.b', '1 minute', '1 minute', '')$$, 'LQ422', 'a jitter as long as the interval'),
    ($$update schedule.task set catches_up_all = true, catch_up = null where name = 'g-cron'$$, '23514', 'catching up all without an end'),
    ($$update schedule.task set overlap = 'both' where name = 'g-cron'$$, '23514', 'an overlap rule that is none')
) as u (sql, code, why);
update schedule.task set is_enabled = false where name = 'g-cron';

-- Old runs.
select core.set_test_clock('2031-01-20 12:00:00+00');
select cmp_ok(schedule.trim_runs(), '>', 0::bigint, 'old runs are removed');
select is((select count(*) from schedule.run as r where r.task = 'd-look'), 1::bigint, 'the last one of a task stays');

-- The product's tasks all work.
update schedule.task set is_enabled = (origin = 'file');
select cmp_ok((select count(*) from schedule.task as t where t.is_enabled), '>', 3::bigint, 'the product has tasks');
select ops.note_server_start('test', '1', 'dev');
select is((select string_agg(t.told, ', ') from unnest(test.turn_clock()) as t (told) where t.told not like '% succeeded' and t.told not like '% running'), null, 'that all succeed');
select is((select count(*) from schedule.task as t where t.is_enabled and t.cron is null and not exists (
    select from schedule.run as r where r.task = t.name and r.slot > '2031-01-19'
)), 0::bigint, 'and every one was run');
select is(x.privileges, true, 'the server may call ' || x.name)
from (values ('schedule.run_due()'), ('schedule.next_due()'), ('schedule.timeout_ms()')) as f (name)
cross join lateral (select has_function_privilege('levqor_server', f.name, 'execute') as privileges, f.name) as x;
select function_privs_are('schedule', 'trim_runs', '{}', 'levqor_server', '{}', 'and nothing else');

select * from finish();
rollback;
