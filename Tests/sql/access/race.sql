-- Several sessions at once. What they see is committed, so this test cleans up after itself.
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
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, p_sql) as d (result text)
$$;
-- Days of long ago: no other test meets them.
create function pg_temp.days() returns text language sql as $$
    select pg_temp.run('one', 'select string_agg(day::text, '' '' order by day) from access.day where day < ''2000-01-08'' and partition is not null')
$$;
create function pg_temp.record(p_session text, p_id text) returns text language sql as $$
    select pg_temp.run(p_session, format('with r as (select access.record_many(''race'', 0, array[now()], array[%L], null, null, null, null, null, null, null, null, null, null, null)) select ''done'' from r', p_id))
$$;
select dblink_exec('one', 'set role levqor_owner'), dblink_exec('two', 'set role levqor_owner');
select pg_temp.record('one', 'race-today');

-- Two that miss the same day.
select dblink_exec('one', 'begin');
select is(pg_temp.run('one', $$select access.make_day('2000-01-01')::text$$), 'true', 'one session makes a day');
select is(pg_temp.record('two', 'race-0001'), 'done', 'rows of other days are written meanwhile');
select is(pg_temp.run('two', $$select count(*)::text from access.request where request_id = 'race-x'$$), '0', 'and read');
select dblink_send_query('two', $$select access.make_day('2000-01-01')::text$$);
select dblink_exec('one', 'commit');
select is((select r.result from dblink_get_result('two') as r (result text)), 'false', 'another one waits for it, and makes none');
select count(*) from dblink_get_result('two') as r (result text);
select is(pg_temp.days(), '2000-01-01', 'there is one');

-- A session that looks at the table keeps a day from being dropped, and nobody waits long.
select dblink_exec('two', 'begin');
select pg_temp.run('two', 'select count(*)::text from access.request where request_id = ''race-x''');
select is(pg_temp.run('one', 'select access.drop_days()::text'), '0', 'a day that is being read stays');
select is(pg_temp.days(), '2000-01-01', 'as it is');
select dblink_exec('two', 'commit');
select isnt(pg_temp.run('one', 'select access.drop_days()::text'), '0', 'and goes with the next run');
select is(pg_temp.days(), null, 'then it is gone');

select dblink_exec('one', $$set levqor.machinery = 'on'$$);
select pg_temp.run('one', $$with g as (delete from access.request where request_id like 'race-%' returning 1) select count(*)::text from g$$);
select dblink_disconnect('one'), dblink_disconnect('two');

select * from finish();
rollback;
