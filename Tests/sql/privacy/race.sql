-- Two sessions at once, and one that dies. What they see is committed, so this test cleans up after itself.
begin;
select plan(30);

set local client_min_messages = warning;
create extension if not exists dblink;
create temp table s on commit drop as
select format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
) as text;
select dblink_connect('one', text) from s;
select dblink_connect('two', text) from s;
-- Nobody should wait here but who places a hold: who does fails.
select dblink_exec(n, $$set lock_timeout = '5s'; set levqor.machinery = 'on'$$) from unnest(array['one', 'two']) as n;
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, p_sql) as d (result text)
$$;
create function pg_temp.step(p_session text) returns text language sql as $$
    select pg_temp.run(p_session, $q$select privacy.work_step(run_id)::jsonb ->> 'rows' from (select max(run_id::text)::uuid as run_id from privacy.run) as r$q$)
$$;
create function pg_temp.work(p_session text) returns text language plpgsql as $$
begin
    loop
        exit when pg_temp.run(p_session, $q$select privacy.work_step(run_id)::jsonb ->> 'more' from (select max(run_id::text)::uuid as run_id from privacy.run) as r$q$) = 'false';
    end loop;
    return pg_temp.run(p_session, $q$select concat_ws(' ', r.state, r.rows, r.held) from privacy.run as r order by r.run_id::text desc limit 1$q$);
end;
$$;
create function pg_temp.start(p_table text) returns text language sql as $$
    select pg_temp.run('one', format('select privacy.begin_run(%L)::text', p_table))
$$;
create function pg_temp.fill() returns text language sql as $$
    select dblink_exec('one', $q$
        truncate core.race_tale;
        insert into core.race_tale (id, account_id, told_at)
        select i, (select a.account_id from core.race_account as a), core.now() - interval '2 days' - i * interval '1 second'
        from generate_series(1, 5000) as i;
        insert into core.race_tale (id, told_at) select -i, core.now() from generate_series(1, 10) as i
    $q$)
$$;
select dblink_exec('one', $$
    create table core.race_tale (id bigint primary key, account_id uuid, told_at timestamptz not null);
    create index race_tale_told_at_idx on core.race_tale (told_at);
    create table core.race_part (id bigint, told_at timestamptz not null) partition by range (told_at);
    create table core.race_part_1 partition of core.race_part for values from ('2020-01-01') to ('2020-02-01');
    insert into core.race_part select i, '2020-01-15' from generate_series(1, 7) as i;
    create table core.race_account (account_id uuid);
    with made as (insert into identity.account (name) values ('A race of data retention') returning id) insert into core.race_account select id from made;
    alter table core.race_tale owner to levqor_owner;
    alter table core.race_part owner to levqor_owner;
    alter table core.race_part_1 owner to levqor_owner;
    insert into privacy.policy (table_name, way, clock_column, days, has_personal_data, reason, legal_basis)
    values ('core.race_tale', 'delete', 'told_at', 1, true, 'a race', 'none'), ('core.race_part', 'drop_partition', 'told_at', 1, true, 'a race', 'none');
    -- Were the table locked while its rows are looked at, all would be spared, and the partition not dropped.
    update privacy.policy set spare_if = 'exists (select from pg_locks as l where l.pid = pg_backend_pid() and l.relation = ''core.race_part''::regclass and l.mode = ''AccessExclusiveLock'')'
    where table_name = 'core.race_part';
$$);

-- Two at one run: each batch is done by one of them, and neither waits.
select pg_temp.fill();
select pg_temp.start('core.race_tale');
select dblink_exec('one', 'begin');
select is(pg_temp.step('one'), '1000', 'one works');
select is(pg_temp.step('two'), '0', 'another one does not wait, and does nothing of it');
select dblink_exec('one', 'rollback');
select is(pg_temp.run('two', 'select count(*)::text from core.race_tale'), '5010', 'who dies in a batch has done nothing of it');
select is(pg_temp.step('two'), '1000', 'another one does it');
select is(pg_temp.work('one'), 'done 5000 0', 'and either of them the rest: all rows once');
select is(pg_temp.run('two', 'select count(*)::text from core.race_tale'), '10', 'what is young stays');

-- A row that somebody has.
select pg_temp.fill();
select pg_temp.start('core.race_tale');
select dblink_exec('two', 'begin');
select pg_temp.run('two', 'select id::text from core.race_tale where id = 17 for update');
select is(pg_temp.work('one'), 'done 4999 0', 'a row that somebody has is left');
select dblink_exec('two', 'rollback');
select pg_temp.start('core.race_tale');
select is(pg_temp.work('one'), 'done 1 0', 'to the next run');

-- A hold that is placed while a batch is under way waits for it, and from then on all heed it.
select pg_temp.fill();
select pg_temp.start('core.race_tale');
select dblink_exec('one', 'begin');
select is(pg_temp.step('one'), '1000', 'a batch is under way');
select dblink_send_query('two', $$select h.id::text from core.race_account as a, privacy.place_hold('a race', p_account_id => a.account_id) as h$$);
select is(dblink_is_busy('two'), 1, 'a hold waits for it');
select dblink_exec('one', 'commit');
create temp table h on commit drop as select r.result::uuid as id from dblink_get_result('two') as r (result text);
select count(*) from dblink_get_result('two') as r (result text);
select is(pg_temp.work('one'), 'done 1000 4000', 'then nothing of it goes');
select dblink_exec('one', 'begin');
select pg_temp.run('one', format('select privacy.release_hold(%L)::text', h.id)) from h;
select pg_temp.start('core.race_tale');
select is(pg_temp.run('one', 'select count(*)::text from privacy.run where state = ''open'' and table_name like ''core.race%'''), '1', 'a hold is being released');
select dblink_exec('one', 'commit');
select is(pg_temp.work('two'), 'done 4000 0', 'released, they go');

-- A hold that is being placed: a batch waits 50 ms, and is tried again.
select pg_temp.fill();
select pg_temp.start('core.race_tale');
select dblink_exec('two', 'begin');
select pg_temp.run('two', $$select core.lock_holds(false)::text$$);
select is(pg_temp.step('one'), '0', 'while a hold is being placed no batch is done');
select is(pg_temp.run('one', $$select concat_ws(' ', state, place ->> 'tries') from privacy.run order by run_id::text desc limit 1$$), 'open 1', 'it is tried again');
select dblink_exec('two', 'commit');
select is(pg_temp.work('one'), 'done 5000 0', 'and then it is done');

-- A partition that somebody reads.
select pg_temp.start('core.race_part');
select dblink_exec('two', 'begin');
select pg_temp.run('two', 'select count(*)::text from core.race_part');
select is(pg_temp.work('one'), 'locked 0 0', 'a partition that is being read is left after 50 ms');
select dblink_exec('two', 'commit');
select is(pg_temp.run('two', 'select count(*)::text from core.race_part'), '7', 'it is whole');
select pg_temp.start('core.race_part');
select is(pg_temp.work('one'), 'done 7 0', 'the next run drops it');
select is(pg_temp.run('two', $$select to_regclass('core.race_part_1')::text$$), null, 'it is gone, and its rows were looked at before the table was locked');

-- The procedure commits batch by batch; one that is killed is gone on with.
select pg_temp.fill();
select is(
    pg_temp.run('one', $$call privacy.run_retention(p_table => 'core.race_tale', p_is_dry_run => true)$$) is not null, true, 'a dry run by the procedure'
);
select is(pg_temp.run('two', $$select concat_ws(' ', state, rows, is_dry_run) from privacy.run order by run_id::text desc limit 1$$), 'done 5000 t', 'counts');
select dblink_exec('one', $$update core.setting set value = '5' where name = 'privacy.batch_ms'$$);
select dblink_exec('one', $$insert into core.race_tale (id, told_at) select i, core.now() - interval '3 days' - i * interval '1 second' from generate_series(10001, 60000) as i$$);
create temp table v on commit drop as select pg_temp.run('one', 'select pg_backend_pid()::text')::integer as pid;
select dblink_send_query('one', $$call privacy.run_retention(p_table => 'core.race_tale')$$);
create function pg_temp.await_batches() returns integer language plpgsql as $$
declare
    v_batches integer;
begin
    for i in 1 .. 100000 loop
        select d.batches into v_batches
        from dblink('two', $q$select coalesce((select r.batches from privacy.run as r where not r.is_dry_run and r.rows > 0 and r.table_name = 'core.race_tale' and r.rows < 55000 order by r.run_id::text desc limit 1), 0)$q$) as d (batches integer);
        exit when v_batches > 0 or dblink_is_busy('one') = 0;
    end loop;
    return v_batches;
end;
$$;
select ok(pg_temp.await_batches() is not null, 'a run is under way');
select pg_temp.run('two', format('select pg_terminate_backend(%s, 5000)::text', v.pid)) from v;
select is(pg_temp.run('two', format('select count(*)::text from pg_stat_activity where pid = %s', v.pid)), '0', 'its session is killed') from v;
select dblink_disconnect('one');
select dblink_connect('one', text) from s;
select dblink_exec('one', $$set levqor.machinery = 'on'$$);
select is(
    pg_temp.run('two', $$select (r.rows = 55000 - (select count(*) from core.race_tale where id > 0))::text from privacy.run as r order by r.run_id::text desc limit 1$$), 'true',
    'the run says exactly what went'
);
select is(
    pg_temp.run('two', format('call privacy.run_retention(p_run_id => %L)', v.id)), v.id, 'somebody goes on with it'
)
from (select pg_temp.run('two', 'select max(r.run_id::text) from privacy.run as r') as id) as v;
select is(pg_temp.run('two', $$select concat_ws(' ', r.state, r.rows, r.held) from privacy.run as r order by r.run_id::text desc limit 1$$), 'done 55000 0', 'and ends it with all rows counted once');
select is(pg_temp.run('two', 'select count(*)::text from core.race_tale'), '10', 'what is young stays');
select is(
    pg_temp.run('two', $$select string_agg(distinct e.facts ->> 'rows', ' ') from audit.entry as e where e.action = 'privacy.run_retention' and e.facts ->> 'rows' = '55000'$$),
    '55000', 'the trail has it'
);
select is(
    pg_temp.run('two', $$select count(*)::text from audit.entry as e where e.action = 'privacy.run_retention' and e.facts ->> 'rows' = '55000'$$), '1', 'once'
);

select dblink_exec('two', $$
    drop table core.race_tale, core.race_part;
    delete from privacy.policy where table_name like 'core.race\_%';
    delete from privacy.hold where reason = 'a race';
    delete from privacy.run where table_name like 'core.race\_%';
    set levqor.seeding = 'on';
    update core.setting set value = '30' where name = 'privacy.batch_ms';
    update core.setting set local_columns = '{}' where name = 'privacy.batch_ms';
    set levqor.seeding = 'off';
    set levqor.retention = 'on';
    delete from audit.entry where target like 'core.race\_%' or action in ('privacy.begin_run', 'privacy.place_hold', 'privacy.release_hold');
    delete from identity.account as a using core.race_account as r where a.id = r.account_id;
    drop table core.race_account;
$$);
select dblink_disconnect('one'), dblink_disconnect('two');

select * from finish();
rollback;
