-- Rolling up while events come, and two rollers at once. What they see is committed, so this test cleans up after itself.
begin;
select plan(9);

set local client_min_messages = warning;
create extension if not exists dblink;
create temp table s on commit drop as
select format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
) as text;
select dblink_connect('one', text) from s;
select dblink_connect('two', text) from s;
select dblink_exec(n.name, 'set levqor.now = ''2026-11-21 12:00:00+00''; set levqor.machinery = ''on''') from unnest('{one,two}'::text[]) as n (name);
create temp table t on commit drop as
select d.account from dblink('one', $$with a as (insert into identity.account (name) values ('rollup race') returning id) select id from a$$) as d (account uuid);
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, replace(p_sql, 'ACCOUNT', quote_literal((select account from t)) || '::uuid')) as d (result text)
$$;
create function pg_temp.send(p_session text, p_id text, p_person text) returns text language sql as $$
    select pg_temp.run(p_session, format(
        'select i.accepted::text from growth.ingest_events(ACCOUNT, %L) as i',
        jsonb_build_array(jsonb_build_object('id', p_id, 'name', 'visit', 'user_id', p_person, 'event_at', '2026-11-20T10:00:00Z'))
    ))
$$;
create function pg_temp.told(p_session text) returns text language sql as $$
    select pg_temp.run(p_session, $r$select concat_ws(' ', d.dau, d.mau) from growth.activity_by_day(ACCOUNT, '2026-11-20', '2026-11-20') as d$r$)
$$;

select pg_temp.send('one', 'race-1', 'u');
select dblink_exec('one', 'begin'), dblink_exec('two', 'begin');
-- Two has sent, and not committed, when one removes the notes it sees.
select pg_temp.send('two', 'race-2', 'v');
select pg_temp.run('one', 'select rolled::text from growth.roll_up(ACCOUNT)');
select is(pg_temp.told('one'), '1 1', 'the roller counts what is committed');
select dblink_exec('two', 'commit');
select dblink_exec('one', 'commit');
select is(pg_temp.run('two', 'select string_agg(distinct s.day::text, '' '') from growth.stale_day as s where s.account_id = ACCOUNT'), '2026-11-20', 'the note of the other is still there');
select is(pg_temp.told('two'), '2 2', 'so that readers count the day anew');
select pg_temp.run('one', 'select rolled::text from growth.roll_up(ACCOUNT)');
select is(pg_temp.run('two', 'select d.dau::text from growth.active_day as d where d.account_id = ACCOUNT and d.day = ''2026-11-20'''), '2', 'and the next step stores both');

-- A second roller waits for the first, and counts what is there then.
select pg_temp.send('one', 'race-3', 'w');
select dblink_exec('one', 'begin');
select pg_temp.run('one', 'select rolled::text from growth.roll_up(ACCOUNT)');
create temp table w on commit drop as select d.pid::integer as pid from dblink('two', 'select pg_backend_pid()') as d (pid integer);
select dblink_send_query('two', format('select rolled::text from growth.roll_up(%L)', account)) from t;
do $$
begin
    for i in 1 .. 400 loop
        exit when exists (select from pg_locks as l, w where l.pid = w.pid and not l.granted);
        perform pg_sleep(0.01);
    end loop;
end;
$$;
select ok(exists (select from pg_locks as l, w where l.pid = w.pid and not l.granted), 'it waits');
select dblink_exec('one', 'commit');
select is((select r.result from dblink_get_result('two') as r (result text)), '0', 'and finds nothing left');
select count(*) from dblink_get_result('two') as r (result text);

-- A roller that is killed has done nothing.
select pg_temp.send('one', 'race-4', 'x');
select dblink_exec('two', 'begin');
select pg_temp.run('two', 'select rolled::text from growth.roll_up(ACCOUNT)');
select pg_terminate_backend(w.pid, 5000) from w;
select is(pg_temp.run('one', 'select count(*)::text from growth.stale_day as s where s.account_id = ACCOUNT'), '1', 'a roller that dies leaves its notes');
select is(pg_temp.told('one'), '4 4', 'readers are exact');
select pg_temp.run('one', 'select rolled::text from growth.roll_up(ACCOUNT)');
select is(pg_temp.run('one', 'select d.dau::text from growth.active_day as d where d.account_id = ACCOUNT and d.day = ''2026-11-20'''), '4', 'another run ends in the exact state');

select dblink_exec('one', $$set levqor.retention = 'on'$$);
select pg_temp.run('one', format('with j as (delete from growth.%s where account_id = ACCOUNT returning 1) select count(*)::text from j', n.name))
from unnest('{event,arrival,activity,stale_day,active_day,rollup,identifier,person}'::text[]) as n (name);
select pg_temp.run('one', $$with a as (delete from identity.account where id = ACCOUNT returning 1) select count(*)::text from a$$);
select dblink_disconnect('one'), dblink_disconnect('two');

select * from finish();
rollback;
