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
create function pg_temp.claim(p_session text, p_limit integer) returns text[] language sql as $$
    select coalesce(string_to_array(pg_temp.run(p_session, format(
        'select string_agg(c.id || '' '' || c.token, '','') from outbox.claim_messages(%L, %s) as c where c.account_id = ACCOUNT', p_session, p_limit
    )), ','), '{}')
$$;
create function pg_temp.report(p_claimed text[], p_status integer) returns text language sql as $$
    select format(
        'select string_agg(r.result, '','') from outbox.report_outcomes(%L) as r', (
            select jsonb_agg(jsonb_build_object(
                'account_id', t.account, 'id', split_part(c.claimed, ' ', 1), 'token', split_part(c.claimed, ' ', 2), 'outcome', 'response', 'status', p_status
            ))
            from t, unnest(p_claimed) as c (claimed)
        )
    )
$$;

-- Two claims at once.
select pg_temp.run('one', $$select count(outbox.send_webhook(ACCOUNT, 'http://127.0.0.1:9/', 'race.done', '{}'))::text from generate_series(1, 5)$$);
select pg_temp.begin('one'), pg_temp.begin('two');
create temp table c on commit drop as select pg_temp.claim('one', 2) as one, pg_temp.claim('two', 100) as two;
select ok(cardinality(one) <= 2 and cardinality(one) + cardinality(two) = 5, 'two claims share what is due, and neither waits') from c;
select ok(not one && two, 'none is given twice') from c;
select dblink_exec('two', 'rollback');
select pg_temp.commit('one');
update c set two = pg_temp.claim('two', 100);
select is(cardinality(one) + cardinality(two), 5, 'what an undone claim held is given') from c;

-- A report at the same time as another of the same lease, and one that comes late.
select pg_temp.begin('one');
select pg_temp.run('one', pg_temp.report(two, 200)) as first from c \gset
select dblink_send_query('two', pg_temp.report(two, 500)) from c;
select pg_temp.commit('one');
select ok(:'first' ~ '^done(,done)*$', 'a report is taken');
select is((select string_agg(distinct x, ',') from dblink_get_result('two') as r (result text), unnest(string_to_array(r.result, ',')) as x), 'ignored', 'the same lease is reported once');
select count(*) from dblink_get_result('two') as r (result text);
select is(
    pg_temp.run('one', $$select count(*)::text from outbox.late_report where account_id = ACCOUNT$$)::bigint, cardinality(two)::bigint, 'which is noted'
) from c;

-- Replays at the same time.
select pg_temp.begin('one');
select pg_temp.run('one', $$select cardinality(outbox.replay_messages(ACCOUNT, array(select m.id from outbox.message as m where m.account_id = ACCOUNT)))::text$$) as first \gset
select dblink_send_query('two', format(
    'select cardinality(outbox.replay_messages(%1$L, array(select m.id from outbox.message as m where m.account_id = %1$L)))::text', account
)) from t;
select pg_temp.commit('one');
select is(:'first'::bigint, cardinality(two)::bigint, 'what is done is replayed, not what is under way') from c;
select is((select r.result from dblink_get_result('two') as r (result text)), '0', 'once');
select count(*) from dblink_get_result('two') as r (result text);
select pg_temp.run('one', $$with d as (delete from outbox.delivery where account_id = ACCOUNT returning 1) select count(*)::text from d$$);

-- A limited endpoint's gate is held by one claim: the other does not wait, and meets its deliveries later.
select pg_temp.run('one', $$select outbox.add_endpoint(ACCOUNT, 'http://127.0.0.1:9/limited', '{*}', null, 2)::text$$) as endpoint \gset
select pg_temp.run('one', $$select count(outbox.publish_event(ACCOUNT, 'race.done', '{}'))::text from generate_series(1, 4)$$);
select pg_temp.begin('one'), pg_temp.begin('two');
update c set one = pg_temp.claim('one', 1);
update c set two = pg_temp.claim('two', 100);
select is(cardinality(one) || ' ' || cardinality(two), '1 0', 'while one claim has the gate, another gets none') from c;
select pg_temp.commit('one'), pg_temp.commit('two');
update c set two = pg_temp.claim('two', 100);
select is(cardinality(two), 1, 'afterwards as many as are free') from c;
select is(pg_temp.run('one', $$select in_flight::text from outbox.gate where account_id = ACCOUNT$$), '2', 'and all are counted');

-- The hot table is not rewritten while somebody has it, and nobody queues behind that.
select pg_temp.run('one', $$select set_config('levqor.machinery', 'on', false)$$);
select pg_temp.run('one', $$with u as (update core.setting set value = '1' where name = 'core.compact_bytes' returning 1) select count(*)::text from u$$);
select pg_temp.begin('two');
select pg_temp.run('two', $$select count(*)::text from outbox.delivery where account_id = ACCOUNT$$);
select is(pg_temp.run('one', 'select outbox.compact()::text'), '0', 'a table that is read is left alone');
select pg_temp.commit('two');
select is(pg_temp.run('two', $$select count(*)::text from outbox.delivery where account_id = ACCOUNT$$), '4', 'with all that is in it');
select pg_temp.run('one', $$with u as (update core.setting set value = '16777216' where name = 'core.compact_bytes' returning 1) select count(*)::text from u$$);

select pg_temp.run('one', format('with d as (delete from outbox.%s where account_id = ACCOUNT returning 1) select count(*)::text from d', p.name))
from unnest('{delivery,attempt,late_report,message,tally,event,endpoint}'::text[]) as p (name);
select dblink_exec('one', $$set levqor.retention = 'on'$$);
select pg_temp.run('one', $$with a as (delete from audit.entry where account_id = ACCOUNT returning 1) select count(*)::text from a$$);
select pg_temp.run('one', $$with a as (delete from identity.account where id = ACCOUNT returning 1) select count(*)::text from a$$);
select dblink_disconnect('one'), dblink_disconnect('two');

select * from finish();
rollback;
