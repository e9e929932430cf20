-- Two sessions at once: events that come while their person is erased, erasures of one person, a crash, a hold. What they see is
-- committed, so this test cleans up after itself.
begin;
select plan(21);

set local client_min_messages = warning;
create extension if not exists dblink;
create temp table s on commit drop as
select format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
) as text;
select dblink_connect(n, s.text) from s, unnest('{one,two,three}'::text[]) as n;
create temp table worker on commit drop as
select n.name, d.pid from unnest('{one,two,three}'::text[]) as n (name), dblink(n.name, 'select pg_backend_pid()') as d (pid integer);
create temp table t on commit drop as
select d.account from dblink('one', $$with a as (insert into identity.account (name) values ('erasure race') returning id) select id from a$$) as d (account uuid);
create function pg_temp.fill(p_sql text) returns text language sql as $$ select replace(p_sql, 'ACCOUNT', quote_literal((select account from t)) || '::uuid') $$;
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, pg_temp.fill(p_sql)) as d (result text)
$$;
create function pg_temp.send(p_session text, p_sql text) returns integer language sql as $$ select dblink_send_query(p_session, pg_temp.fill(p_sql)) $$;
create function pg_temp.result(p_session text) returns text language plpgsql as $$
declare v_result text;
begin
    select r.result into v_result from dblink_get_result(p_session) as r (result text);
    perform from dblink_get_result(p_session) as r (result text);
    return v_result;
end $$;
-- Until the other one waits for a lock: no sleep that is too short or too long.
create function pg_temp.waits(p_session text) returns boolean language plpgsql as $$
declare v_until timestamptz := clock_timestamp() + interval '10 seconds';
begin
    while dblink_is_busy(p_session) = 1 and clock_timestamp() < v_until loop
        perform pg_stat_clear_snapshot();
        if exists (select from pg_locks as l where not l.granted and l.pid = (select w.pid from worker as w where w.name = p_session)) then
            return true;
        end if;
        perform pg_sleep(0.005);
    end loop;
    return false;
end $$;
create function pg_temp.come(p_id text, p_who text, p_days integer default 1) returns text language sql as $$
    select format($f$select accepted::text from growth.ingest_events(ACCOUNT, '[{"id": "%s", "name": "visit", "user_id": "%s", "event_at": "%s"}]')$f$,
        p_id, p_who, clock_timestamp() - make_interval(days => p_days))
$$;
create function pg_temp.erase(p_who text, p_seconds double precision default 10) returns text language sql as $$
    select format($f$select privacy.erase_person(p_account_id => ACCOUNT, p_identifier => '%s', p_is_dry_run => false, p_seconds => %s) ->> 'state'$f$, p_who, p_seconds)
$$;
create function pg_temp.state() returns text language sql as $$
    select pg_temp.run('three', $f$select format('%s persons, %s names, %s events, %s without a person, %s months',
        (select count(*) from growth.person where account_id = ACCOUNT), (select count(*) from growth.identifier where account_id = ACCOUNT),
        (select count(*) from growth.event where account_id = ACCOUNT),
        (select count(*) from growth.event as e where account_id = ACCOUNT and not exists (select from growth.person as p where p.account_id = e.account_id and p.person_id = e.person_id)),
        (select count(*) from growth.activity where account_id = ACCOUNT))$f$)
$$;

-- An event that comes while its person is erased.
select pg_temp.run('one', pg_temp.come('a1', 'ann'));
select dblink_exec('one', 'begin');
select is(pg_temp.run('one', pg_temp.erase('ann')), 'done', 'one erases');
select pg_temp.send('two', pg_temp.come('a2', 'ann'));
select ok(pg_temp.waits('two'), 'an event of the person waits');
select dblink_exec('one', 'commit');
select is(pg_temp.result('two'), '1', 'it is taken when the erasure is over');
select is(pg_temp.state(), '1 persons, 1 names, 1 events, 0 without a person, 1 months', 'as one of a new person: none belongs to the erased one');
select is(pg_temp.run('three', $$select count(*)::text from privacy.returned_identifier where account_id = ACCOUNT$$), '1', 'who is known as one that came again');
select is(pg_temp.run('three', 'select privacy.remove_late_events()::text'), '1', 'as it tells of the time before the erasure, it goes');
select is(pg_temp.state(), '0 persons, 0 names, 0 events, 0 without a person, 0 months', 'and the name with it');

-- An erasure that comes while an event is written.
select pg_temp.run('one', pg_temp.come('b1', 'bob'));
select dblink_exec('two', 'begin');
select pg_temp.run('two', pg_temp.come('b2', 'bob', 2));
select pg_temp.send('one', pg_temp.erase('bob'));
select ok(pg_temp.waits('one'), 'the erasure waits for the event');
select dblink_exec('two', 'commit');
select is(pg_temp.result('one'), 'done', 'then it goes on');
select is(pg_temp.state(), '0 persons, 0 names, 0 events, 0 without a person, 0 months', 'and the event is gone too');

-- Two erasures of one person.
select pg_temp.run('one', pg_temp.come('c1', 'cat'));
select dblink_exec('one', 'begin');
select pg_temp.run('one', pg_temp.erase('cat'));
select pg_temp.send('two', pg_temp.erase('cat'));
select ok(pg_temp.waits('two'), 'the second waits for the first');
select dblink_exec('one', 'commit');
select is(pg_temp.result('two'), 'done', 'and finds it done');
select is(
    pg_temp.run('three', $$select count(*)::text from privacy.erasure as e inner join privacy.tombstone as t on t.erasure_id = e.id
        where t.digest = privacy.hash_name('identifier', ACCOUNT || '/false/cat')$$), '1', 'there is one erasure'
);

-- A crash in the middle of one: what was committed stays, what was not is done again.
select pg_temp.run('one', $$select g.accepted::text from growth.ingest_events(ACCOUNT, (
    select jsonb_agg(jsonb_build_object('id', 'd' || n, 'name', 'visit', 'user_id', 'dan', 'event_at', now() - make_interval(hours => n))) from generate_series(1, 300) as n)) as g$$);
select pg_temp.run('one', $$with u as (update core.setting set value = '40' where name = 'privacy.erase_rows' returning 1) select count(*)::text from u$$);
select is(pg_temp.run('one', pg_temp.erase('dan', 0)), 'running', 'an erasure is begun');
create temp table e on commit drop as select pg_temp.run('three', $$select e.id::text from privacy.erasure as e where e.state = 'running'$$) as id;
select pg_temp.run('one', format('select (privacy.step_erasure(%L)).state', e.id)) from e;
select pg_temp.run('one', format('select (privacy.step_erasure(%L)).state', e.id)) from e;
create temp table half on commit drop as select pg_temp.state() as state, pg_temp.run('three', format($$select counts::text from privacy.erasure where id = %L$$, e.id)) as counts from e;
select dblink_exec('one', 'begin');
select pg_temp.run('one', format('select (privacy.step_erasure(%L)).state', e.id)) from e;
select pg_temp.run('three', format('select pg_terminate_backend(%s)::text', pg_temp.run('one', 'select pg_backend_pid()::text')));
select dblink_disconnect('one');
select dblink_connect('one', s.text) from s;
update worker as w set pid = d.pid from dblink('one', 'select pg_backend_pid()') as d (pid integer) where w.name = 'one';
select is(row(pg_temp.state(), pg_temp.run('three', format($$select counts::text from privacy.erasure where id = %L$$, e.id)))::text, row(h.state, h.counts)::text, 'what a session that died had done is undone, counts and all') from half as h, e;
select is(pg_temp.run('one', pg_temp.erase('dan')), 'done', 'whoever comes next goes on');
select is(pg_temp.state(), '0 persons, 0 names, 0 events, 0 without a person, 0 months', 'to the end');
select is(pg_temp.run('three', format($$select counts::text from privacy.erasure where id = %L$$, e.id))::jsonb #>> '{growth.event,delete}', '300', 'and has counted every event once') from e;
select pg_temp.run('one', $$with u as (update core.setting set value = '5000', local_columns = '{}' where name = 'privacy.erase_rows' returning 1) select count(*)::text from u$$);

-- A hold that is placed while a step runs.
select pg_temp.run('one', pg_temp.come('f1', 'flo'));
select pg_temp.run('one', pg_temp.erase('flo', 0));
select dblink_exec('one', 'begin');
select pg_temp.run('one', $$select (privacy.step_erasure(e.id, 0)).state from privacy.erasure as e where e.state = 'running'$$);
select pg_temp.send('two', $$select (privacy.place_hold('case', p_account_id => ACCOUNT)).id::text$$);
select ok(pg_temp.waits('two'), 'a hold waits for a step that is under way');
select dblink_exec('one', 'commit');
create temp table h on commit drop as select pg_temp.result('two') as id;
select is(pg_temp.run('one', $$select (e.held_by is not null)::text from privacy.erasure as r, privacy.step_erasure(r.id) as e where r.state = 'running'$$), 'true', 'from then on the erasure stands still');
select pg_temp.run('one', format($$select (privacy.release_hold(%L)).id::text$$, h.id)) from h;
select is(pg_temp.run('one', pg_temp.erase('flo')), 'done', 'until it is released');

select dblink_exec('three', $$set levqor.retention = 'on'$$);
select dblink_exec('three', pg_temp.fill('delete from privacy.hold where account_id = ACCOUNT'));
select dblink_exec('three', 'delete from privacy.erasure');
select dblink_exec('three', $$delete from audit.entry where action like 'privacy.%'$$);
select dblink_exec('three', pg_temp.fill(format('delete from growth.%s where account_id = ACCOUNT', n))) from unnest('{arrival,stale_day,stale_person}'::text[]) as n;
select dblink_exec('three', pg_temp.fill('delete from identity.account where id = ACCOUNT'));
select dblink_disconnect(n) from unnest('{one,two,three}'::text[]) as n;

select * from finish();
rollback;
