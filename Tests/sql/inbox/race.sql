-- Several sessions at once. What they see is committed, so this test cleans up after itself.
begin;
select plan(8);

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
create function pg_temp.come(p_id text) returns text language sql as $$
    select format(
        'select (inbox.receive(''inbox-race'', %L, %L, ''{"credential/X": "s"}'')).outcome', 'x',
        jsonb_build_object('x-github-delivery', p_id, 'x-hub-signature-256', 'sha256=' || encode(inbox.hmac_sha256('s', 'x'), 'hex'))
    )
$$;
select dblink_exec('one', 'set role levqor_owner'), dblink_exec('two', 'set role levqor_owner');
select dblink_exec('one', 'set levqor.machinery = ''on'''), dblink_exec('two', 'set levqor.machinery = ''on''');
select pg_temp.run('one', 'select (inbox.create_source(''inbox-race'', ''github'', ''{X}'')).name');

-- The same event twice at once.
select dblink_exec('one', 'begin');
select is(pg_temp.run('one', pg_temp.come('a')), 'accepted', 'one session brings an event');
select dblink_send_query('two', pg_temp.come('a'));
select dblink_exec('one', 'commit');
select is((select r.result from dblink_get_result('two') as r (result text)), 'repeated', 'another waits for it, and brings a repeat');
select count(*) from dblink_get_result('two') as r (result text);

-- One that is undone leaves the way free.
select dblink_exec('one', 'begin');
select is(pg_temp.run('one', pg_temp.come('b')), 'accepted', 'one session brings another event');
select dblink_send_query('two', pg_temp.come('b'));
select dblink_exec('one', 'rollback');
select is((select r.result from dblink_get_result('two') as r (result text)), 'accepted', 'when that is undone, the other brings it');
select count(*) from dblink_get_result('two') as r (result text);

-- Two clocks at once.
select dblink_exec('one', 'begin');
select is(pg_temp.run('one', 'select inbox.handle_due(0)::text'), '1', 'one session handles an event');
select is(pg_temp.run('two', 'select inbox.handle_due()::text'), '1', 'another passes it over, and handles the other');
select dblink_exec('one', 'commit');
select is(pg_temp.run('two', 'select inbox.handle_due()::text'), '0', 'nothing is left');
select is(
    pg_temp.run('one', 'select count(*) || '' '' || sum(d.attempts) from inbox.delivery as d inner join inbox.source as o on o.id = d.source_id where o.name = ''inbox-race'''),
    '2 2', 'each was handled once'
);

select dblink_exec('one', 'delete from inbox.delivery where source_id = (select id from inbox.source where name = ''inbox-race'')');
select dblink_exec('one', 'delete from inbox.source where name = ''inbox-race''');
select dblink_disconnect('one'), dblink_disconnect('two');
select * from finish();
rollback;
