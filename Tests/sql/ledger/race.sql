-- Two sessions at once. What they see is committed, so this test cleans up after itself.
begin;
select plan(17);

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
create function pg_temp.sql(p_sql text) returns text language sql as $$
    select replace(p_sql, 'ACCOUNT', quote_literal((select account from t)) || '::uuid')
$$;
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, pg_temp.sql(p_sql)) as d (result text)
$$;
-- Begins and does not wait.
create function pg_temp.send(p_session text, p_sql text) returns integer language sql as $$ select dblink_send_query(p_session, pg_temp.sql(p_sql)) $$;
-- Its result, or SQLSTATE and message.
create function pg_temp.get(p_session text) returns text language plpgsql as $$
declare
    v_result text;
begin
    begin
        select d.result into v_result from dblink_get_result(p_session) as d (result text);
    exception
        when others then
            v_result := sqlstate || ' ' || sqlerrm;
    end;
    perform from dblink_get_result(p_session) as d (result text);
    return v_result;
end;
$$;
create function pg_temp.waits(p_session text) returns boolean language plpgsql as $$
begin
    for i in 1 .. 500 loop
        if exists (select from pg_locks as l inner join pg_stat_activity as a on a.pid = l.pid
            where not l.granted and a.pid <> pg_backend_pid() and a.datname = current_database() and a.query like '%' || p_session || '%')
        then
            return true;
        end if;
        perform pg_sleep(0.01);
        perform pg_stat_clear_snapshot();
    end loop;
    return false;
end;
$$;
create function pg_temp.move(p_name text, p_from text, p_to text, p_minor bigint, p_id text default null) returns text language sql as $$
    select format(
        'select /* %s */ amount_minor::text from ledger.transfer(%L, %L, %s, ''USD'', p_id => %s, p_account_id => ACCOUNT)',
        p_name, p_from, p_to, p_minor, coalesce(quote_literal(p_id) || '::uuid', 'core.new_id()')
    )
$$;
select pg_temp.run('one', $$select count(*)::text from ledger.open_books('USD', ACCOUNT)$$);
select pg_temp.run('one', $$select a.code from ledger.open_account('wallet', 'USD', 'liability', p_may_be_negative => false, p_account_id => ACCOUNT) as a$$);
select pg_temp.run('one', pg_temp.move('fill', 'cash', 'wallet', 100));

-- The same money twice.
select dblink_exec('one', 'begin');
select is(pg_temp.run('one', pg_temp.move('first', 'wallet', 'fees', 70)), '70', 'the first takes what is there');
select pg_temp.send('two', pg_temp.move('second', 'wallet', 'revenue', 70));
select ok(pg_temp.waits('second'), 'the second waits for it');
select dblink_exec('one', 'commit');
select is(pg_temp.get('two'), 'LQLIM the account may not go below zero', 'and finds too little left');
select is(pg_temp.run('one', $$select balance_minor::text from ledger.find_account('wallet', 'USD', ACCOUNT)$$), '30', 'so the balance keeps its limit');

-- The same id twice.
select dblink_exec('one', 'begin');
select pg_temp.run('one', pg_temp.move('first', 'wallet', 'fees', 5, '00000000-0000-7000-8000-000000000001'));
select pg_temp.send('two', pg_temp.move('repeat', 'wallet', 'fees', 5, '00000000-0000-7000-8000-000000000001'));
select ok(pg_temp.waits('repeat'), 'a repeat waits for the first');
select dblink_exec('one', 'commit');
select is(pg_temp.get('two'), '5', 'and gives the same');
select dblink_exec('one', 'begin');
select pg_temp.run('one', pg_temp.move('first', 'wallet', 'fees', 5, '00000000-0000-7000-8000-000000000002'));
select pg_temp.send('two', pg_temp.move('other', 'wallet', 'fees', 6, '00000000-0000-7000-8000-000000000002'));
select ok(pg_temp.waits('other'), 'so does another transfer with its id');
select dblink_exec('one', 'commit');
select is(pg_temp.get('two'), 'LQTID another transfer has this id', 'which is a conflict then');
select dblink_exec('one', 'begin');
select pg_temp.run('one', pg_temp.move('first', 'wallet', 'fees', 5, '00000000-0000-7000-8000-000000000003'));
select pg_temp.send('two', pg_temp.move('undone', 'wallet', 'fees', 6, '00000000-0000-7000-8000-000000000003'));
select pg_temp.waits('undone');
select dblink_exec('one', 'rollback');
select is(pg_temp.get('two'), '6', 'unless the first was undone');
select is(pg_temp.run('one', $$select balance_minor::text from ledger.find_account('wallet', 'USD', ACCOUNT)$$), '14', 'each was done once');

-- A hold ended by two.
select pg_temp.run('one', $$select kind from ledger.hold('wallet', 'fees', 10, 'USD', p_id => '00000000-0000-7000-8000-000000000004', p_account_id => ACCOUNT)$$);
select dblink_exec('one', 'begin');
select pg_temp.run('one', $$select kind from ledger.void('00000000-0000-7000-8000-000000000004', p_account_id => ACCOUNT)$$);
select pg_temp.send('two', $$select /* late post */ kind from ledger.post('00000000-0000-7000-8000-000000000004', p_account_id => ACCOUNT)$$);
select ok(pg_temp.waits('late post'), 'a post waits for a void');
select dblink_exec('one', 'commit');
select is(pg_temp.get('two'), 'LQ409 the hold has ended', 'and finds the hold ended');

-- Many in opposite order do not stop each other.
select pg_temp.send('one', $$
    select count(v.id)::text from generate_series(1, 60) as i, lateral ledger.transfer_many(jsonb_build_array(
        jsonb_build_object('id', core.new_id(), 'from', 'cash', 'to', 'fees', 'currency', 'USD', 'amount_minor', i),
        jsonb_build_object('id', core.new_id(), 'from', 'revenue', 'to', 'cash', 'currency', 'USD', 'amount_minor', i)), ACCOUNT) as v$$);
select pg_temp.send('two', $$
    select count(v.id)::text from generate_series(1, 60) as i, lateral ledger.transfer_many(jsonb_build_array(
        jsonb_build_object('id', core.new_id(), 'from', 'fees', 'to', 'revenue', 'currency', 'USD', 'amount_minor', i),
        jsonb_build_object('id', core.new_id(), 'from', 'cash', 'to', 'revenue', 'currency', 'USD', 'amount_minor', i)), ACCOUNT) as v$$);
select is(pg_temp.get('one') || ' ' || pg_temp.get('two'), '120 120', 'accounts in any order are no deadlock');

-- The commit looks once more.
select dblink_exec('one', 'begin');
select pg_temp.run('one', $$
    with x as (
        insert into ledger.transfer (account_id, id, kind, from_id, to_id, amount_minor, currency, event_at, created_at, made_by)
        select ACCOUNT, '00000000-0000-7000-8000-000000000005', 'transfer', f.id, c.id, 1, 'USD', now(), now(), 'test'
        from ledger.find_account('fees', 'USD', ACCOUNT) as f, ledger.find_account('cash', 'USD', ACCOUNT) as c
        returning id
    )
    select id::text from x$$);
select pg_temp.run('one', $$
    with e as (
        insert into ledger.entry
        select b.account_id, b.id, b.version + 1, '00000000-0000-7000-8000-000000000005', 1, b.balance_minor, b.balance_minor + 1, t.event_at, t.created_at
        from ledger.find_account('cash', 'USD', ACCOUNT) as b, ledger.transfer as t
        where t.account_id = ACCOUNT and t.id = '00000000-0000-7000-8000-000000000005'
        returning 1
    )
    select count(*)::text from e$$);
select throws_ok(
    $$select dblink_exec('one', 'commit')$$, 'LQSUM', 'the entries of a transfer do not sum to zero', 'one entry without the other is refused at the commit'
);
select is(
    pg_temp.run('one', $$select count(*)::text from ledger.transfer where account_id = ACCOUNT and id = '00000000-0000-7000-8000-000000000005'$$), '0', 'and nothing of it stays'
);

-- Two foldings.
select dblink_exec('one', 'begin');
select isnt(pg_temp.run('one', $$select ledger.fold_accounts(array_agg(account_id), array_agg(id))::text from ledger.account where account_id = ACCOUNT$$), '0', 'a folding folds');
select pg_temp.send('two', $$select /* folding */ ledger.fold_accounts(array_agg(account_id), array_agg(id))::text from ledger.account where account_id = ACCOUNT$$);
select pg_temp.waits('folding');
select dblink_exec('one', 'commit');
select is(
    pg_temp.get('two') || ' ' || pg_temp.run('one', $$select count(*)::text from ledger.reconcile(ACCOUNT) where not is_good$$), '0 0', 'another at the same time folds nothing twice'
);

select dblink_exec('one', c.sql)
from unnest('{begin,set local session_replication_role = ''replica'',alter table ledger.entry disable trigger entry_is_history,'
    'alter table ledger.transfer disable trigger transfer_is_history}'::text[]) as c (sql);
select pg_temp.run('one', format('with j as (delete from ledger.%I where account_id = ACCOUNT returning 1) select count(*)::text from j', p.name))
from unnest('{entry,hold,transfer,rollup,rollup_state,account}'::text[]) as p (name);
select pg_temp.run('one', $$with a as (delete from identity.account where id = ACCOUNT returning 1) select count(*)::text from a$$);
select dblink_exec('one', c.sql)
from unnest('{alter table ledger.entry enable always trigger entry_is_history,'
    'alter table ledger.transfer enable always trigger transfer_is_history,commit}'::text[]) as c (sql);
select dblink_disconnect('one'), dblink_disconnect('two');

select * from finish();
rollback;
