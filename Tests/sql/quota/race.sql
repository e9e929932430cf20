-- Two sessions at once. What they see is committed, so this test cleans up after itself.
begin;
select plan(13);

set local client_min_messages = warning;
create extension if not exists dblink;
create temp table s on commit drop as
select format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
) as text;
select dblink_connect('one', text), dblink_connect('two', text) from s;
create temp table t on commit drop as
select d.account
from dblink('one', $$
    with a as (insert into identity.account (name) values ('race') returning id)
    select id from a
$$) as d (account uuid);
create function pg_temp.fill(p_sql text) returns text language sql as $$
    select replace(p_sql, 'ACCOUNT', quote_literal((select account from t)) || '::uuid')
$$;
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, pg_temp.fill(p_sql)) as d (result text)
$$;
create function pg_temp.send(p_session text, p_sql text) returns integer language sql as $$
    select dblink_send_query(p_session, pg_temp.fill(p_sql))
$$;
-- What a query that was sent gave, or its error.
create function pg_temp.get(p_session text) returns text language plpgsql as $$
declare
    v_result text;
begin
    begin
        select r.result into v_result from dblink_get_result(p_session) as r (result text);
    exception
        when others then
            v_result := sqlstate;
    end;
    perform from dblink_get_result(p_session, false) as r (result text);
    return v_result;
end;
$$;
-- Until session two waits for a lock, so that it is sure to meet the other one.
create function pg_temp.wait_for_two() returns boolean language plpgsql as $$
begin
    for i in 1 .. 20000 loop
        if exists (select from pg_locks as l where not l.granted and l.pid = (select pid from two)) then
            return true;
        end if;
        perform pg_stat_clear_snapshot();
    end loop;
    return false;
end;
$$;
create temp table two on commit drop as
select d.pid from dblink('two', 'select pg_backend_pid()') as d (pid integer);

-- The first of the day, and the second that waits for it: together they would be too much.
select pg_temp.run('one', $$select quota.set_guardrails(ACCOUNT, 100, 10)::text$$);
select dblink_exec('one', 'begin');
select pg_temp.run('one', 'select quota.spend(ACCOUNT, 6)::text');
select pg_temp.send('two', 'select quota.spend(ACCOUNT, 4.000001)::text');
select ok(pg_temp.wait_for_two(), 'who spends at the same time waits');
select dblink_exec('one', 'commit');
select is(pg_temp.get('two'), 'LQ402', 'and is refused when both are too much');
select is(pg_temp.run('one', 'select reserved_usd::text from quota.spending where account_id = ACCOUNT'), '6.000000', 'not one cent too many');

-- One that fits exactly.
select dblink_exec('one', 'begin');
select pg_temp.run('one', 'select quota.spend(ACCOUNT, 3)::text');
select pg_temp.send('two', 'select quota.spend(ACCOUNT, 1)::text');
select ok(pg_temp.wait_for_two(), 'the next waits too');
select dblink_exec('one', 'commit');
select is(pg_temp.get('two'), '', 'and is taken when both fit exactly');

-- What is undone is free for who waited.
select pg_temp.run('one', $$with d as (delete from quota.spending where account_id = ACCOUNT returning 1) select count(*)::text from d$$);
select dblink_exec('one', 'begin');
select pg_temp.run('one', 'select quota.spend(ACCOUNT, 10)::text');
select pg_temp.send('two', $$select quota.spend_many(array[ACCOUNT, ACCOUNT], '{race-a,race-a}', '{1,1}')::text$$);
select pg_temp.run('one', $$select 'nothing is priced, so it did not wait'$$);
select is(pg_temp.get('two'), '{0,0}', 'what costs nothing waits for nobody');
select pg_temp.send('two', 'select quota.spend(ACCOUNT, 10)::text');
select ok(pg_temp.wait_for_two(), 'what costs waits');
select dblink_exec('one', 'rollback');
select is(pg_temp.get('two'), '', 'and gets what was undone');

-- Both without a pause, until the day is full: 2 x 60 tries of 0.10 fill 10 dollars exactly.
select pg_temp.run('one', $$with d as (delete from quota.spending where account_id = ACCOUNT returning 1) select count(*)::text from d$$);
select pg_temp.send(n.session, $race$do $do$
declare
    v_taken integer := 0;
begin
    for i in 1 .. 60 loop
        begin
            perform quota.spend(ACCOUNT, 0.10);
            v_taken := v_taken + 1;
        exception
            when sqlstate 'LQ402' then null;
        end;
        commit;
    end loop;
    perform set_config('test.taken', v_taken::text, false);
end $do$$race$)
from (values ('one'), ('two')) as n (session);
select pg_temp.get('one'), pg_temp.get('two');
select is(
    pg_temp.run('one', $$select current_setting('test.taken')$$)::integer + pg_temp.run('two', $$select current_setting('test.taken')$$)::integer, 100,
    'of 120 jobs at 0.10 USD, 100 are taken'
);
select is(pg_temp.run('one', 'select reserved_usd::text from quota.spending where account_id = ACCOUNT'), '10.000000', 'and the day is full to the cent');

-- A move of months, beside a charge that has the row.
select pg_temp.run('one', $$with i as (insert into quota.usage values (ACCOUNT, '2001-01-01', 5, 1000) returning 1) select count(*)::text from i$$);
select dblink_exec('one', 'begin');
select pg_temp.run('one', $$with u as (update quota.usage set used = used + 1 where account_id = ACCOUNT returning 1) select count(*)::text from u$$);
select is(pg_temp.run('two', $$select quota.roll_over() || ' ' || count(*) from quota.usage where account_id = ACCOUNT$$), '0 1', 'what a charge holds is not moved, and not waited for');
select dblink_exec('one', 'commit');
select is(pg_temp.run('two', 'select quota.roll_over()::text'), '1', 'later it is');
select is(pg_temp.run('two', 'select used::text from quota.usage_history where account_id = ACCOUNT'), '6', 'with every call in it');

select dblink_exec('one', $$set levqor.retention = 'on'$$);
select pg_temp.run('one', $$with d as (delete from quota.spending where account_id = ACCOUNT returning 1) select count(*)::text from d$$);
select pg_temp.run('one', $$with d as (delete from quota.guardrail where account_id = ACCOUNT returning 1) select count(*)::text from d$$);
select pg_temp.run('one', $$with d as (delete from quota.usage_history where account_id = ACCOUNT returning 1) select count(*)::text from d$$);
select pg_temp.run('one', $$with d as (delete from audit.entry where account_id = ACCOUNT returning 1) select count(*)::text from d$$);
select pg_temp.run('one', $$with a as (delete from identity.account where id = ACCOUNT returning 1) select count(*)::text from a$$);
select dblink_disconnect('one'), dblink_disconnect('two');

select * from finish();
rollback;
