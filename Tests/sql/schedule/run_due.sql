begin;
select plan(33);

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
    raise exception using errcode = '57014', message = 'canceling statement due to statement timeout';
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
    $$insert into schedule.run (task, slot, started_at) values ('b-well', '2031-01-01 15:00:10+00', now())$$, '23505', null,
    'nor can it be taken twice'
);

-- Changes of an operator.
update schedule.task set is_enabled = false where is_enabled;
select is(schedule.next_due(), null, 'nothing enabled, nothing due');
update schedule.task set is_enabled = true where name = 'e-off';
select is((select r.outcome from schedule.run_due() as r), 'succeeded', 'a task switched on runs');
select is((select t.local_columns from schedule.task as t where t.name = 'e-off'), '{is_enabled}', 'and the change is noted');

-- A timeout ends the round, and is recorded.
update schedule.task set is_enabled = true, function = 'schedule.do_slowly' where name = 'a-badly';
update schedule.task set is_enabled = true where name = 'b-well';
select core.set_test_clock('2031-01-01 16:00:00+00');
select is((select array_agg(r.task || ' ' || r.outcome) from schedule.run_due() as r), '{a-badly timed out}', 'a timeout is told');
select is(
    (select array_agg(r.task || ' ' || r.outcome order by r.task) from schedule.run_due() as r), '{b-well succeeded,e-off succeeded}',
    'and the next call goes on behind it'
);
update schedule.task set timeout = '90 seconds' where name = 'b-well';
select is(schedule.timeout_ms(), 90000, 'the longest timeout is told');

-- Old runs.
select core.set_test_clock('2031-01-20 12:00:00+00');
select cmp_ok(schedule.trim_runs(), '>', 0::bigint, 'old runs are removed');
select is((select count(*) from schedule.run as r where r.task = 'd-look'), 1::bigint, 'the last one of a task stays');

-- The product's tasks all work.
update schedule.task set is_enabled = (origin = 'file');
select cmp_ok((select count(*) from schedule.task as t where t.is_enabled), '>', 3::bigint, 'the product has tasks');
select ops.note_server_start('test', '1', 'dev');
select is((select string_agg(r.task, ', ') from schedule.run_due() as r where r.outcome <> 'succeeded'), null, 'that all succeed');
select is(x.privileges, true, 'the server may call ' || x.name)
from (values ('schedule.run_due()'), ('schedule.next_due()'), ('schedule.timeout_ms()')) as f (name)
cross join lateral (select has_function_privilege('levqor_server', f.name, 'execute') as privileges, f.name) as x;
select function_privs_are('schedule', 'trim_runs', '{}', 'levqor_server', '{}', 'and nothing else');

select * from finish();
rollback;
