-- Hot tables are rewritten when dead rows have made them large.
begin;
select plan(30);

create table core.hot (id integer primary key, keep boolean not null, padding text not null default repeat('x', 500));
alter table core.hot owner to levqor_owner;
insert into core.hot (id, keep) select n, n % 100 = 0 from generate_series(1, 1000) as n;
delete from core.compaction;
update core.setting set value = '100000000' where name = 'core.compact_bytes';
create function pg_temp.compact() returns bigint language plpgsql as $$
declare
    v_won bigint;
begin
    perform test.become('levqor_owner', true);
    v_won := core.compact('core.hot', 'keep');
    perform test.become('none');
    return v_won;
end;
$$;
create temp table before_all as select pg_relation_size('core.hot') as bytes;

select is(s.value, '100000000', 'the setting is there') from core.setting as s where s.name = 'core.compact_bytes';
select is(pg_temp.compact(), 0::bigint, 'a table below the setting is left alone');
select is((select count(*) from core.hot), 1000::bigint, 'with all its rows');
select is_empty('select from core.compaction', 'and that is not noted');

update core.setting set value = '1000' where name = 'core.compact_bytes';
set local lock_timeout = '7s';
create temp table won as select pg_temp.compact() as bytes;
select cmp_ok(w.bytes, '>', b.bytes / 2, 'a large one is rewritten, and tells what was won') from won as w cross join before_all as b;
select is(array_agg(h.id order by h.id), array(select n * 100 from generate_series(1, 10) as n), 'with the rows that are to be kept') from core.hot as h;
select is(b.bytes - pg_relation_size('core.hot'), w.bytes, 'to the byte') from won as w cross join before_all as b;
select is(row(c.table_name, c.bytes, c.bytes_before, c.times)::text, row('core.hot', pg_relation_size('core.hot'), b.bytes, 1)::text, 'it is noted')
from core.compaction as c cross join before_all as b;
select is(current_setting('lock_timeout'), '7s', 'the lock timeout is as it was');
select is(to_regclass('pg_temp.compact_rows'), null, 'no other table is left');
select lives_ok($$insert into core.hot (id, keep) values (1, true)$$, 'the table takes rows');
select throws_ok($$insert into core.hot (id, keep) values (1, true)$$, '23505', null, 'and has its key');

-- Not again until it has grown to four times what was left.
select is(pg_temp.compact(), 0::bigint, 'a table that needs its bytes is left alone');
insert into core.hot (id, keep) select n, true from generate_series(2, 60) as n where n % 100 <> 0;
select cmp_ok(pg_relation_size('core.hot'), '>', 4 * c.bytes, 'when it has grown') from core.compaction as c;
select is(pg_temp.compact() >= 0, true, 'it is rewritten again');
select is(row(c.times, c.bytes)::text, row(2, pg_relation_size('core.hot'))::text, 'which is noted') from core.compaction as c;
select is((select count(*) from core.hot), 70::bigint, 'with every row');

-- A table that somebody reads is left alone, and nobody waits.
set local client_min_messages = warning;
create extension if not exists dblink;
select dblink_connect('reader', format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
));
select dblink_exec('reader', 'begin');
select d.n from dblink('reader', 'select count(*) from limits.bucket') as d (n bigint);
insert into limits.bucket (policy_id, subject, full_at, cost, tolerance)
select 0, n::text, core.now(), interval '1 second', interval '1 minute' from generate_series(1, 100) as n;
select test.become('levqor_owner', true);
select is(core.compact('limits.bucket', 'policy_id = 0 and subject = ''1'''), 0::bigint, 'a table that is in use is left alone');
select test.become('none');
select is((select count(*) from limits.bucket as b where b.policy_id = 0), 100::bigint, 'with its rows');
select is(current_setting('lock_timeout'), '7s', 'and the lock timeout is as it was');
select dblink_exec('reader', 'commit');

-- An old snapshot, which keeps dead rows from being pruned, makes it worth while earlier. The writer's work is committed.
select dblink_connect('writer', format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
));
create function pg_temp.write(p_query text) returns text language sql as $$select d.told from dblink('writer', p_query) as d (told text)$$;
select dblink_exec('writer', 'create table core.small as select generate_series(1, 1000) as id');
select dblink_exec('writer', 'alter table core.small owner to levqor_owner');
-- As the clock asks: a role that sees little of other sessions.
select dblink_exec('writer', 'set role levqor_owner'), pg_temp.write($$select set_config('levqor.machinery', 'on', false)$$);
select is(pg_temp.write('select core.has_old_snapshot(1000000000)::text'), 'false', 'nobody holds a snapshot so old');
select dblink_exec('reader', 'begin isolation level repeatable read');
select d.n from dblink('reader', 'select count(*) from core.setting') as d (n bigint);
select is(pg_temp.write($$select core.compact('core.small', 'id > 990', 1)::text$$), '0', 'a small table is left alone while the snapshot is young');
select dblink_exec('writer', 'do $x$ begin for i in 1 .. 2100 loop perform txid_current(); commit; end loop; end $x$');
select is(pg_temp.write('select core.has_old_snapshot(2000)::text'), 'true', 'when it is old');
select is(pg_temp.write($$select core.compact('core.small', 'id > 990', 100000)::text$$), '0', 'one below the bound is left alone still');
select cmp_ok(pg_temp.write($$select core.compact('core.small', 'id > 990', 1)::text$$)::bigint, '>', 0::bigint, 'but others are rewritten');
select is(pg_temp.write('select count(*)::text from core.small'), '10', 'with what is to be kept');
select dblink_exec('reader', 'commit');
select dblink_exec('writer', $$drop table core.small; delete from core.compaction where table_name = 'core.small'$$);
select dblink_disconnect('reader'), dblink_disconnect('writer');

-- Rows that the caller does not see are not lost.
select test.make_account('A') as a \gset
insert into quota.usage (account_id, month, used, allowed) values (:'a', '2031-01-01', 5, 1000);
select test.become('levqor_owner');
select throws_ok('select quota.compact()', '42501', 'not every row of quota.usage can be seen', 'who does not see every row rewrites none');
select test.become('none');
select is((select u.used from quota.usage as u where u.account_id = :'a'), 5::bigint, 'and they stay');

-- Rights.
select function_privs_are('core', 'compact', array['regclass', 'text', 'bigint'], 'levqor_server', '{}', 'no server does it by itself');
select test.become('levqor_dba');
select isnt_empty('select from core.compaction', 'a DBA sees it');
select test.become('none');

select * from finish();
rollback;
