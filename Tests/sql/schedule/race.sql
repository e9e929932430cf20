-- Two servers at once. What they see is committed, so this test cleans up after itself.
begin;
select plan(19);

set local client_min_messages = warning;
create extension if not exists dblink;
create temp table s on commit drop as
select format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
) as text;
select dblink_connect('one', text) from s;
select dblink_connect('two', text) from s;
-- Nobody should wait here: who does fails.
select dblink_exec(n, $$set lock_timeout = '5s'$$) from unnest(array['one', 'two']) as n;
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, p_sql) as d (result text)
$$;
create function pg_temp.turn(p_session text) returns text language sql as $$
    select pg_temp.run(p_session, 'select string_agg(task || '' '' || outcome, '','' order by task) from schedule.run_due() where task like ''race-%''')
$$;
-- As if the task had not been run yet in the slot of this moment.
create function pg_temp.make_due(p_task text) returns text language sql as $$
    select dblink_exec('one', format('delete from schedule.run where task = %1$L; update schedule.state set next_slot = next_slot - interval ''7 days'', due_at = due_at - interval ''7 days'', last_slot = null where task = %1$L', p_task))
$$;
-- Other tasks are asleep meanwhile.
select dblink_exec('one', $$
    create table schedule.race_done (what text);
    alter table schedule.race_done owner to levqor_owner;
    create function schedule.race_once() returns integer language plpgsql volatile set search_path = pg_catalog, pg_temp as
        'begin insert into schedule.race_done values (''once''); return 1; end';
    create function schedule.race_steps(p_state jsonb) returns jsonb language plpgsql volatile set search_path = pg_catalog, pg_temp as
        'begin
            insert into schedule.race_done values (''step '' || coalesce(p_state #>> ''{}'', ''0''));
            return jsonb_build_object(''more'', coalesce(p_state::integer, 0) < 2, ''state'', coalesce(p_state::integer, 0) + 1);
        end';
    alter function schedule.race_once() owner to levqor_owner;
    alter function schedule.race_steps(jsonb) owner to levqor_owner;
    create table schedule.race_asleep as select name from schedule.task where is_enabled;
    set levqor.seeding = 'on';
    update schedule.task set is_enabled = false where is_enabled;
    insert into schedule.task (name, function, every, description) values ('race-once', 'schedule.race_once', '7 days', 'a race')
$$);

-- One slot, two servers.
select dblink_exec('one', 'begin');
select is(pg_temp.turn('one'), 'race-once succeeded', 'one server runs the slot');
select is(pg_temp.turn('two'), null, 'another one does not wait, and runs nothing');
select dblink_exec('one', 'commit');
select is(pg_temp.turn('two'), null, 'nor later');
select is(pg_temp.run('two', 'select count(*)::text from schedule.race_done'), '1', 'it was run once');
select is(pg_temp.run('two', $$select count(*)::text from schedule.run where task = 'race-once'$$), '1', 'and recorded once');

-- A server that dies in the middle of a run: as if it had never begun.
select pg_temp.make_due('race-once');
select dblink_exec('one', 'begin');
select is(pg_temp.turn('one'), 'race-once succeeded', 'a server runs the next slot');
select dblink_exec('one', 'rollback');
select is(pg_temp.turn('two'), 'race-once succeeded', 'and dies before it commits: another one runs it');
select is(pg_temp.run('two', 'select count(*)::text from schedule.race_done'), '2', 'once');

-- Somebody who locked the task's row, a deploy or an operator, holds up no run; and a run holds up no change.
select pg_temp.make_due('race-once');
select dblink_exec('two', 'begin');
select dblink_exec('two', $$update schedule.task set timeout = '40 seconds' where name = 'race-once'$$);
select is(pg_temp.turn('one'), 'race-once succeeded', 'a change that is not committed holds up no run');
select dblink_exec('two', 'commit');
select pg_temp.make_due('race-once');
select dblink_exec('one', 'begin');
select pg_temp.turn('one');
select is(dblink_exec('two', $$update schedule.task set description = 'changed' where name = 'race-once'$$), 'UPDATE 1', 'a run holds up no change');
select is(pg_temp.run('two', $$select kind from schedule.run_now('race-once', 'me')$$), 'manual', 'nor a request to run');
select dblink_exec('one', 'commit');

-- Steps: each is committed, and any server goes on.
select dblink_exec('one', $$update schedule.task set is_enabled = false where name = 'race-once';
    delete from schedule.run where kind = 'manual' and task = 'race-once';
    insert into schedule.task (name, function, every, description) values ('race-steps', 'schedule.race_steps', '7 days', 'a race in steps')$$);
select is(pg_temp.turn('one'), 'race-steps running', 'one server does the first step');
select dblink_exec('one', 'begin');
select is(pg_temp.turn('one'), 'race-steps running', 'and is in the second');
select is(pg_temp.turn('two'), null, 'which no other server does meanwhile');
select dblink_exec('one', 'rollback');
select is(pg_temp.turn('two'), 'race-steps running', 'it dies: another one does the second step');
select is(pg_temp.turn('one'), 'race-steps succeeded', 'and either of them the third');
select is(
    pg_temp.run('two', $$select string_agg(what, ',' order by what) from schedule.race_done where what like 'step%'$$), 'step 0,step 1,step 2', 'each step was done once'
);
select is(pg_temp.run('two', $$select string_agg(steps::text, ',') from schedule.run where task = 'race-steps'$$), '3', 'in one slot');

-- Two who ask for a run at once.
select dblink_exec('one', 'begin');
select pg_temp.run('one', $$select kind from schedule.run_now('race-steps', 'one')$$);
select dblink_send_query('two', $$select requested_by from schedule.run_now('race-steps', 'two')$$);
select dblink_exec('one', 'commit');
select is((select r.result from dblink_get_result('two') as r (result text)), 'one', 'two who ask at once get the same run');
select count(*) from dblink_get_result('two') as r (result text);

select dblink_exec('one', $$
    delete from schedule.task where name like 'race-%';
    update schedule.task as t set is_enabled = true from schedule.race_asleep as a where a.name = t.name;
    drop table schedule.race_asleep, schedule.race_done;
    drop function schedule.race_once(), schedule.race_steps(jsonb);
    set levqor.retention = 'on';
    delete from audit.entry where target like 'race-%';
$$);
select dblink_disconnect('one'), dblink_disconnect('two');

select * from finish();
rollback;
