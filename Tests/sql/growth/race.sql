-- Two sessions at once. What they see is committed, so this test cleans up after itself.
begin;
select plan(22);

set local client_min_messages = warning;
create extension if not exists dblink;
create temp table s on commit drop as
select format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
) as text;
select dblink_connect('one', text) from s;
select dblink_connect('two', text) from s;
create temp table t on commit drop as
select d.account from dblink('one', $$with a as (insert into identity.account (name) values ('growth race') returning id) select id from a$$) as d (account uuid);
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, replace(p_sql, 'ACCOUNT', quote_literal((select account from t)) || '::uuid')) as d (result text)
$$;
create function pg_temp.send(p_session text, p_sql text) returns void language sql as $$
    select dblink_send_query(p_session, replace(p_sql, 'ACCOUNT', quote_literal((select account from t)) || '::uuid'))
$$;
-- Ends when the session waits for a lock of the other.
create function pg_temp.wait_for(p_session text) returns boolean language plpgsql as $$
declare
    v_pid integer := (select p.pid from wait_pid as p where p.session = p_session);
begin
    for i in 1 .. 400 loop
        if exists (select from pg_locks as l where l.pid = v_pid and not l.granted) then
            return true;
        end if;
        perform pg_sleep(0.01);
    end loop;
    return false;
end;
$$;
create function pg_temp.receive(p_session text) returns text language plpgsql as $$
declare
    v_result text;
begin
    select r.result into v_result from dblink_get_result(p_session) as r (result text);
    perform from dblink_get_result(p_session) as r (result text);
    return v_result;
end;
$$;
create temp table wait_pid on commit drop as
select n.session, pg_temp.run(n.session, 'select pg_backend_pid()::text')::integer as pid from (values ('one'), ('two')) as n (session);
-- Each session has a clock of its own.
create function pg_temp.set_clock(p_session text, p_at text) returns void language sql as $$
    select pg_temp.run(p_session, format('select set_config(%L, %L, false)', 'levqor.now', p_at))
$$;
select pg_temp.set_clock(n.session, '2033-05-20 12:00:00+00') from (values ('one'), ('two')) as n (session);
-- What they make belongs to the owner, as the server's does.
select dblink_exec(n.session, 'set role levqor_owner'), pg_temp.run(n.session, $$select set_config('levqor.machinery', 'on', false)$$)
from (values ('one'), ('two')) as n (session);

-- One id in two batches.
select dblink_exec('one', 'begin');
select is(pg_temp.run('one', $$select growth.ingest_events(ACCOUNT, '[{"id": "1", "name": "x", "user_id": "u"}, {"id": "2", "name": "x", "user_id": "u"}]')::text$$), '(2,{},{},{})', 'one adds two');
select pg_temp.send('two', $$select growth.ingest_events(ACCOUNT, '[{"id": "2", "name": "x", "user_id": "u"}, {"id": "3", "name": "x", "user_id": "v"}]')::text$$);
select ok(pg_temp.wait_for('two'), 'the other waits');
select dblink_exec('one', 'commit');
select is(pg_temp.receive('two'), '(1,{0},{},{})', 'and finds the duplicate');

-- One user in two forms of the id.
select pg_temp.run('one', $$with u as (insert into identity.user (email) values ('race-forms@example.com') returning id) select id::text from u$$) as forms \gset
select dblink_exec('one', 'begin');
select pg_temp.run('one', format($$select growth.ingest_events(ACCOUNT, '[{"id": "f1", "name": "x", "user_id": "%s"}]')::text$$, :'forms'));
select pg_temp.send('two', format($$select growth.ingest_events(ACCOUNT, '[{"id": "f2", "name": "x", "user_id": "%s"}]')::text$$, core.show_id('user', :'forms')));
select ok(pg_temp.wait_for('two'), 'who names the same user otherwise waits');
select dblink_exec('one', 'commit');
select is(pg_temp.receive('two'), '(1,{},{},{})', 'and is counted');
select is(pg_temp.run('one', format('select count(*)::text from growth.person where account_id = ACCOUNT and user_id = %L', :'forms')), '1', 'for the same person');
select pg_temp.run('one', format('with p as (update growth.person set user_id = null where user_id = %1$L), u as (delete from identity.user where id = %1$L returning 1) select count(*)::text from u', :'forms'));

-- One who undoes.
select dblink_exec('one', 'begin');
select pg_temp.run('one', $$select growth.ingest_events(ACCOUNT, '[{"id": "4", "name": "x", "user_id": "w"}]')::text$$);
select pg_temp.send('two', $$select growth.ingest_events(ACCOUNT, '[{"id": "4", "name": "x", "user_id": "w"}]')::text$$);
select pg_temp.wait_for('two');
select dblink_exec('one', 'rollback');
select is(pg_temp.receive('two'), '(1,{},{},{})', 'what was undone is no duplicate');

-- One new person in two batches.
select dblink_exec('one', 'begin');
select pg_temp.run('one', $$select growth.ingest_events(ACCOUNT, '[{"id": "5", "name": "x", "user_id": "new"}]')::text$$);
select pg_temp.send('two', $$select growth.ingest_events(ACCOUNT, '[{"id": "6", "name": "x", "user_id": "new", "event_at": "2033-05-02T00:00:00Z"}]')::text$$);
select ok(pg_temp.wait_for('two'), 'who names the same new person waits');
select dblink_exec('one', 'commit');
select is(pg_temp.receive('two'), '(1,{},{},{})', 'and adds');
select is(pg_temp.run('one', $$select concat_ws(' ', count(*), min(p.first_event_at at time zone 'UTC'), (
        select count(*) from growth.event as e where e.account_id = ACCOUNT and e.person_id = min(p.person_id)
    )) from growth.person as p inner join growth.identifier as i on i.account_id = p.account_id and i.person_id = p.person_id
    where p.account_id = ACCOUNT and i.identifier = 'new'$$), '1 2033-05-02 00:00:00 2', 'to the one person there is');
select is(pg_temp.run('one', $$select count(*)::text from growth.person as p where p.account_id = ACCOUNT and not exists (
    select from growth.identifier as i where i.account_id = p.account_id and i.person_id = p.person_id)$$), '0', 'nobody is left without a name');

-- A merge while events come.
select pg_temp.run('one', $$select growth.ingest_events(ACCOUNT, '[{"id": "7", "name": "x", "anonymous_id": "a"}]')::text$$);
select dblink_exec('one', 'begin');
select pg_temp.run('one', $$select growth.ingest_events(ACCOUNT, '[{"id": "8", "name": "x", "anonymous_id": "a", "event_at": "2033-05-03T00:00:00Z"}]')::text$$);
select pg_temp.send('two', $$select growth.ingest_events(ACCOUNT, '[{"id": "9", "name": "x", "anonymous_id": "a", "user_id": "u"}]')::text$$);
select ok(pg_temp.wait_for('two'), 'a batch that merges waits for those who add');
select dblink_exec('one', 'commit');
select is(pg_temp.receive('two'), '(1,{},{},{})', 'and merges what they added');
select is(pg_temp.run('one', $$select count(*) || ' ' || count(distinct e.person_id) from growth.event as e
    where e.account_id = ACCOUNT and e.event_id in (growth.fold_id('1'), growth.fold_id('7'), growth.fold_id('8'), growth.fold_id('9'))$$), '4 1', 'all events are of one person');
select is(pg_temp.run('one', $$select string_agg(y.month || ' ' || y.days, ' ') from growth.activity as y, growth.identifier as i
    where y.account_id = ACCOUNT and i.account_id = ACCOUNT and i.identifier = 'a' and y.person_id = i.person_id$$), '2033-05-01 524292', 'and so is the activity');

-- The first event of somebody without a name, while another tells who it is.
select dblink_exec('one', 'begin');
select pg_temp.run('one', $$select growth.ingest_events(ACCOUNT, '[{"id": "13", "name": "x", "anonymous_id": "b"}]')::text$$);
select pg_temp.send('two', $$select growth.ingest_events(ACCOUNT, '[{"id": "14", "name": "x", "anonymous_id": "b", "user_id": "ub"}]')::text$$);
select ok(pg_temp.wait_for('two'), 'who names the same anonymous person waits');
select dblink_exec('one', 'commit');
select is(pg_temp.receive('two'), '(1,{},{},{})', 'and adds');
select is(pg_temp.run('one', $$select count(*) || ' ' || count(distinct e.person_id) from growth.event as e
    where e.account_id = ACCOUNT and e.event_id in (growth.fold_id('13'), growth.fold_id('14'))$$), '2 1', 'both events are of one person');

-- Midnight: one batch begins before it, the other after.
select pg_temp.set_clock('one', '2033-05-20 23:59:59+00'), pg_temp.set_clock('two', '2033-05-21 00:00:01+00');
select dblink_exec('one', 'begin');
select pg_temp.run('one', $$select growth.ingest_events(ACCOUNT, '[{"id": "10", "name": "x", "user_id": "u"}]')::text$$);
select pg_temp.send('two', $$select growth.ingest_events(ACCOUNT, '[{"id": "10", "name": "x", "user_id": "u"}]')::text$$);
select ok(pg_temp.wait_for('two'), 'a batch of the new day waits for those of the old');
select dblink_exec('one', 'commit');
select is(pg_temp.receive('two'), '(0,{0},{},{})', 'and finds the duplicate');
select dblink_exec('two', 'begin');
select pg_temp.run('two', $$select growth.ingest_events(ACCOUNT, '[{"id": "11", "name": "x", "user_id": "u"}]')::text$$);
select is(pg_temp.run('one', $$select set_config('levqor.now', '2033-05-21 00:00:02+00', false)$$) is not null
    and pg_temp.run('one', $$select growth.ingest_events(ACCOUNT, '[{"id": "12", "name": "x", "user_id": "v"}]')::text$$) = '(1,{},{},{})', true,
    'batches of the new day do not wait for each other');
select dblink_exec('two', 'commit');

-- A partition that two make at once.
select dblink_exec('one', 'begin');
select pg_temp.run('one', $$select growth.make_month('2033-09-01')::text$$);
select pg_temp.send('two', $$select growth.make_month('2033-09-01')::text$$);
select pg_temp.wait_for('two');
select dblink_exec('one', 'commit');
select is(pg_temp.receive('two'), 'false', 'a month is made by one of two');

select pg_temp.run('one', format('with d as (delete from growth.%I where account_id = ACCOUNT returning 1) select count(*)::text from d', p.name))
from unnest('{identifier,person,event,arrival,activity,stale_person,stale_day}'::text[]) as p (name);
select pg_temp.run('one', $$with a as (delete from identity.account where id = ACCOUNT returning 1) select count(*)::text from a$$);
select dblink_exec('one', 'drop table growth.event_203305, growth.event_203309, growth.arrival_20330520, growth.arrival_20330521');
select dblink_disconnect('one'), dblink_disconnect('two');

select * from finish();
rollback;
