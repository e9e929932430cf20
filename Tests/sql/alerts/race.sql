-- Two sessions raise the same alert at once: neither waits, and one message is queued. What sessions see is committed, so this test
-- cleans up after itself.
begin;
select plan(14);

set local client_min_messages = warning;
create extension if not exists dblink;
create temp table s on commit drop as
select n.name, format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
) as text
from (values ('a'), ('b'), ('c')) as n (name);
select dblink_connect(s.name, s.text) from s;
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, p_sql) as d (result text)
$$;
select pg_temp.run('c', $$select (alerts.set_channel('race-hook', 'webhook', '{"url": "https://hook.example.com/"}')).name$$);
select pg_temp.run('c', $$select (alerts.set_route('race', 0, '{race-hook}', p_source => 'race', p_is_last => true)).name$$);
-- The clock makes the days of the outbox ahead; here it may not have run yet.
select pg_temp.run('c', $$select outbox.make_day((clock_timestamp() at time zone 'UTC')::date + d)::text from generate_series(0, 1) as d$$);

select dblink_exec(s.name, 'begin') from s where s.name in ('a', 'b');
-- A lock that is waited for would end in an error.
select dblink_exec(s.name, $$set local statement_timeout = '5s'$$) from s where s.name in ('a', 'b');
select isnt(pg_temp.run('a', $$select alerts.raise('error', 'race', 'both say so', p_fingerprint => 'race-1')::text$$), null, 'one raises it');
select is(pg_temp.run('b', $$select alerts.raise('critical', 'race', 'both say so', p_fingerprint => 'race-1')::text$$), null, 'the other does not wait');
-- In the other order, which would be a deadlock if anybody waited.
select isnt(pg_temp.run('b', $$select alerts.raise('error', 'race', 'two', p_fingerprint => 'race-2')::text$$), null, 'and raises another');
select is(pg_temp.run('a', $$select alerts.raise('error', 'race', 'two', p_fingerprint => 'race-2')::text$$), null, 'which the first does too');
select dblink_exec(s.name, 'commit') from s where s.name in ('a', 'b');
select is(
    pg_temp.run('c', $$select count(*)::text from outbox.message where source_domain = 'alerts' and event_type = 'alert.raised'
        and source_id in (select core.show_id('alert', id) from alerts.alert where fingerprint in ('race-1', 'race-2'))$$),
    '2', 'each alert has one message'
);
select is(pg_temp.run('c', $$select alerts.gather()::text$$), '2', 'the clock takes in the others');
select is(
    pg_temp.run('c', $$select string_agg(format('%s %s %s', fingerprint, level, occurrences), ', ' order by fingerprint)
        from alerts.alert where fingerprint in ('race-1', 'race-2')$$),
    'race-1 critical 2, race-2 error 2', 'and all are counted'
);
select is(
    pg_temp.run('c', $$select string_agg(t.level || ' ' || t.times, ', ' order by a.fingerprint) from alerts.told as t
        inner join alerts.alert as a on a.id = t.alert_id where a.fingerprint in ('race-1', 'race-2')$$),
    'critical 2, error 1', 'within the cool-down only the higher level is told'
);

-- What is rolled back was never raised; what waited for it is.
select dblink_exec(s.name, 'begin') from s where s.name in ('a');
select pg_temp.run('a', $$select alerts.raise('error', 'race', 'three', p_fingerprint => 'race-3')::text$$);
select pg_temp.run('b', $$select alerts.raise('error', 'race', 'three', p_fingerprint => 'race-3')::text$$);
select is(pg_temp.run('c', $$select alerts.gather()::text$$), '0', 'while it is open, the clock passes it over');
select dblink_exec('a', 'rollback');
select is(pg_temp.run('c', $$select alerts.gather()::text$$), '1', 'afterwards it takes in the other');
select is(
    pg_temp.run('c', $$select a.occurrences || ' ' || t.times from alerts.alert as a inner join alerts.told as t on t.alert_id = a.id
        where a.fingerprint = 'race-3'$$), '1 1', 'which is told'
);

-- Much that waits for one that is busy does not hold up the others.
select dblink_exec('a', 'begin');
select pg_temp.run('a', $$select alerts.raise('error', 'race', 'five', p_fingerprint => 'race-5')::text$$);
select pg_temp.run('b', $$select alerts.raise('error', 'race', 'five', p_fingerprint => 'race-5')::text from generate_series(1, 3)$$);
select pg_temp.run('b', $$insert into alerts.waiting (fingerprint, level, source, message, facts, actor, happened_at)
    values ('race-6', 'error', 'race', 'six', '{}', 'x', core.now()) returning fingerprint$$);
select is(pg_temp.run('c', $$select alerts.gather(2)::text$$), '1', 'another is taken in though more than a step waits before it');
select dblink_exec('a', 'rollback');
select is(pg_temp.run('c', $$select alerts.gather()::text$$), '3', 'and the others when they can be');

-- The report of an outcome does not wait for who raises the alert.
select dblink_exec('a', 'begin');
select pg_temp.run('a', $$select alerts.raise('error', 'race', 'again', p_fingerprint => 'race-1')::text$$);
select pg_temp.run('b', $$select set_config('statement_timeout', '5s', false)$$);
select is(
    pg_temp.run('b', $$select alerts.note_outcome(jsonb_build_object('alert_id', a.id, 'channel', 'race-hook', 'kind', 'raised'),
        '{"state": "dead", "status": 404}')::text from alerts.alert as a where a.fingerprint = 'race-1'$$), '', 'an outcome is noted meanwhile'
);
select dblink_exec('a', 'rollback');

-- The test's own rows go; messages stay for data retention, and go nowhere.
select pg_temp.run('c', $$with d as (delete from alerts.alert where fingerprint like 'race-%' or fingerprint = 'alerts.channel/race-hook' returning 1) select count(*)::text from d$$);
select pg_temp.run('c', $$with d as (delete from outbox.delivery where message_id in (
    select id from outbox.message where url = 'https://hook.example.com/') returning 1) select count(*)::text from d$$);
select pg_temp.run('c', $$with d as (delete from outbox.message where url = 'https://hook.example.com/' returning 1) select count(*)::text from d$$);
select pg_temp.run('c', $$with d as (delete from alerts.route where name = 'race' returning 1) select count(*)::text from d$$);
select pg_temp.run('c', $$with d as (delete from alerts.channel where name = 'race-hook' returning 1) select count(*)::text from d$$);
select dblink_disconnect(s.name) from s;

select * from finish();
rollback;
