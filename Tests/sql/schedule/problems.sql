-- Problems of tasks come, and go when they are solved.
begin;
select plan(20);

update schedule.task set is_enabled = false;
select core.set_test_clock('2031-01-01 12:00:03+00');
set local role levqor_owner;
create table schedule.broken (is_so boolean);
insert into schedule.broken values (true);
create function schedule.fail_if_broken() returns integer language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    if (select b.is_so from schedule.broken as b) then
        raise exception using errcode = 'LQ409', message = 'the pipe is clogged';
    end if;
    return 1;
end;
$$;
reset role;
insert into schedule.task (name, function, every, owner, description) values ('t-fails', 'schedule.fail_if_broken', '1 minute', 'ops@example.com', 'may fail');
select count(*) from schedule.run_due();
select is_empty('select from schedule.list_problems()', 'one failed run is none');
select core.set_test_clock('2031-01-01 12:01:03+00');
select count(*) from schedule.run_due();
select is_empty('select from schedule.list_problems()', 'nor are two');
select core.set_test_clock('2031-01-01 12:02:03+00');
select count(*) from schedule.run_due();
create temp table p as select * from schedule.list_problems();
select is((select count(*) from p), 1::bigint, 'three are');
select is(row(p.task, p.kind, p.level, p.count, p.fingerprint)::text, '(t-fails,failing,error,3,schedule/failing/t-fails)', 'with what they are') from p;
select is(p.since, '2031-01-01 12:00:03+00'::timestamptz, 'since when') from p;
select is(p.message, 'the task t-fails has failed 3 times in a row: the pipe is clogged', 'and why') from p;
select is(p.facts ->> 'owner', 'ops@example.com', 'and whom to ask') from p;
select is(p.facts ->> 'sqlstate', 'LQ409', 'and the code') from p;
update schedule.task set alert_after = 5 where name = 't-fails';
select is_empty('select from schedule.list_problems()', 'unless the task may fail more often');
update schedule.task set alert_after = 1 where name = 't-fails';
update schedule.broken set is_so = false;
select core.set_test_clock('2031-01-01 12:03:03+00');
select count(*) from schedule.run_due();
select is_empty('select from schedule.list_problems()', 'a run that succeeds ends it');
select is((select row(s.failures, s.failing_since)::text from schedule.state as s where s.task = 't-fails'), '(0,)', 'and is counted from the start');

-- Overdue.
select core.set_test_clock('2031-01-01 12:08:59+00');
select is_empty('select from schedule.list_problems()', 'five minutes late is none');
select core.set_test_clock('2031-01-01 12:09:01+00');
select is((select string_agg(row(q.task, q.kind, q.level, q.since)::text, '') from schedule.list_problems() as q), '(t-fails,overdue,error,"2031-01-01 12:04:00+00")', 'more is');
update schedule.task set timeout = '10 minutes' where name = 't-fails';
select is_empty('select from schedule.list_problems()', 'unless its run may take longer');
update schedule.task set timeout = '10 seconds' where name = 't-fails';
update core.setting set value = '3600' where name = 'schedule.overdue_seconds';
select is_empty('select from schedule.list_problems()', 'or the setting says so');

-- Missed.
update schedule.task set catch_up = '0 seconds' where name = 't-fails';
select count(*) from schedule.run_due();
select is(
    (select string_agg(row(q.task, q.kind, q.level, q.count)::text, '') from schedule.list_problems() as q), '(t-fails,missed,warning,6)', 'slots that came too late'
);
select core.set_test_clock('2031-01-01 12:12:30+00');
select count(*) from schedule.run_due();
select is((select q.count from schedule.list_problems() as q where q.kind = 'missed'), 9::bigint, 'and more of them');
update core.setting set value = '0' where name = 'schedule.missed_hours';
select is_empty('select from schedule.list_problems()', 'for as long as the setting says');
update schedule.task set is_enabled = false;
select is_empty('select from schedule.list_problems()', 'a paused task has none');
select function_privs_are('schedule', 'list_problems', '{}', 'levqor_server', '{}', 'no role of the network reads them');

select * from finish();
rollback;
