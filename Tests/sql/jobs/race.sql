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
select dblink_connect('one', text) from s;
select dblink_connect('two', text) from s;
create temp table t on commit drop as
select d.account
from dblink('one', $$
    with a as (insert into identity.account (name) values ('race') returning id)
    select id from a
$$) as d (account uuid);
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, replace(p_sql, 'ACCOUNT', quote_literal((select account from t)) || '::uuid')) as d (result text)
$$;
create function pg_temp.begin(p_session text) returns text language sql as $$ select dblink_exec(p_session, 'begin') $$;
create function pg_temp.commit(p_session text) returns text language sql as $$ select dblink_exec(p_session, 'commit') $$;

select pg_temp.run('one', $$select count(jobs.submit_job(ACCOUNT, 'w', '{}', 'http://127.0.0.1:9/'))::text from generate_series(1, 10)$$);

-- Two claims at once.
select pg_temp.begin('one'), pg_temp.begin('two');
create temp table c on commit drop as
select
    string_to_array(pg_temp.run('one', $$select string_agg(id::text, ',') from jobs.claim_jobs('one', null, 4, 60, ACCOUNT)$$), ',') as one,
    string_to_array(pg_temp.run('two', $$select string_agg(id::text, ',') from jobs.claim_jobs('two', '{w}', 8, 60, ACCOUNT)$$), ',') as two;
select is(cardinality(one), 4, 'the first gets what it asks for') from c;
select is(cardinality(two), 6, 'the second the rest, and does not wait') from c;
select ok(not one && two, 'no job is given twice') from c;
select is(pg_temp.run('two', $$select count(*)::text from jobs.claim_jobs('two', null, 1, 60, ACCOUNT)$$), '0', 'what a running claim holds is not given');
select dblink_exec('one', 'rollback');
select is(pg_temp.run('two', $$select count(*)::text from jobs.claim_jobs('two', null, 100, 60, ACCOUNT)$$), '4', 'what an undone claim held is given');
select pg_temp.commit('two');
select is(pg_temp.run('one', $$select count(*) || ' ' || count(distinct lease_token) from jobs.job where account_id = ACCOUNT and status = 'running'$$), '10 10', 'each under a token of its own');

-- A cancel that waits for a claim.
create temp table j on commit drop as
select pg_temp.run('one', $$select id::text from jobs.submit_job(ACCOUNT, 'x', '{}')$$) as id;
select pg_temp.begin('one');
select pg_temp.run('one', $$select id::text from jobs.claim_jobs('one', '{x}', 1, 60, ACCOUNT)$$);
select dblink_send_query('two', format('select status || '' '' || (cancel_requested_at is not null) from jobs.cancel_job(%L, %L)', account, id)) from t, j;
select pg_temp.commit('one');
select is((select r.result from dblink_get_result('two') as r (result text)), 'running true', 'a cancel that came during a claim asks the worker to stop');
select count(*) from dblink_get_result('two') as r (result text);

-- Two completions of one claim.
select pg_temp.begin('one');
select is(
    pg_temp.run('one', format($$select j.result::text from jobs.job as k, jobs.complete_job(k.account_id, k.id, k.lease_token, '1') as j where k.id = %L$$, id)),
    '1', 'a job is completed'
) from j;
select dblink_send_query('two', format($$select c.result::text from jobs.job as k, jobs.complete_job(k.account_id, k.id, k.lease_token, '2') as c where k.id = %L$$, id)) from j;
select pg_temp.commit('one');
select is((select r.result from dblink_get_result('two') as r (result text)), '1', 'a repeat at the same time gets the first result');
select count(*) from dblink_get_result('two') as r (result text);

-- A rescue while the worker completes.
select pg_temp.begin('one');
create temp table v on commit drop as
select pg_temp.run('one', $$select c.id::text from jobs.job as k, jobs.complete_job(k.account_id, k.id, k.lease_token, '3') as c
    where k.account_id = ACCOUNT and k.workflow = 'w' order by k.id limit 1$$) as id;
select pg_temp.run('two', format($$with u as (select set_config('levqor.now', (now() + interval '1 hour')::text, false)) select jobs.rescue_expired(1000, %L)::text from u$$, account)) from t;
select pg_temp.commit('one');
select is(pg_temp.run('one', format($$select status || ' ' || result::text from jobs.job where id = %L$$, id)), 'succeeded 3', 'a completion that a rescue met stands')
from v;

-- Two reactors.
select pg_temp.run('one', $$select count(outbox.send_webhook(ACCOUNT, 'http://127.0.0.1:9/', 'race.done', '{}'))::text from generate_series(1, 5)$$);
select pg_temp.begin('one'), pg_temp.begin('two');
create temp table m on commit drop as
select
    string_to_array(pg_temp.run('one', $$select string_agg(id::text, ',') from outbox.claim_messages('one', 2)$$), ',') as one,
    string_to_array(pg_temp.run('two', $$select string_agg(id::text, ',') from outbox.claim_messages('two', 32)$$), ',') as two;
select is(cardinality(one), 2, 'a reactor claims two messages') from m;
select ok(cardinality(two) >= 3 and not one && two, 'another one the rest, none of them twice') from m;
select dblink_exec('one', 'rollback'), dblink_exec('two', 'rollback');
select is(pg_temp.run('one', $$select count(*)::text from outbox.delivery where account_id = ACCOUNT and lease_token is not null$$), '0', 'an undone claim leaves nothing');

select dblink_exec('one', $$set levqor.retention = 'on'$$);
select pg_temp.run('one', format('with j as (delete from jobs.%s where account_id = ACCOUNT returning 1) select count(*)::text from j', p.name))
from unnest('{submission,waiting,running,outcome,attempt,event,tally_change,worker}'::text[]) as p (name);
select pg_temp.run('one', $$with m as (delete from outbox.message where account_id = ACCOUNT returning 1), d as (delete from outbox.delivery where account_id = ACCOUNT) select count(*)::text from m$$);
select pg_temp.run('one', $$with a as (delete from identity.account where id = ACCOUNT returning 1) select count(*)::text from a$$);
select dblink_disconnect('one'), dblink_disconnect('two');

select * from finish();
rollback;
