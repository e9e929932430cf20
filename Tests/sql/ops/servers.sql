-- Servers say that they are there, and the pages tell it.
begin;
select plan(40);

delete from ops.server;
select core.set_test_clock('2031-01-10 12:00:00+00');

-- Nobody yet.
select is(
    c.body, '{"ok": true, "service": "levqor", "version": null, "build": null}'::jsonb, 'without a server no version is made up'
)
from test.call('GET', '/') as c;
select is(
    c.body, '{"uptime_seconds": null, "start_time": null, "current_time": "2031-01-10T12:00:00+00:00", "version": null,
        "build": null}'::jsonb, 'nor an uptime'
)
from test.call('GET', '/ops/uptime') as c;
select is_empty('select from ops.list_live_servers()', 'nobody is alive');

-- A start.
set local role levqor_server;
select lives_ok($$select ops.note_server_start('one', '1.0', 'abc')$$, 'a server starts');
select is(ops.note_server_alive('none'), false, 'one that never started is told so');
reset role;
select results_eq(
    'select s.id, s.started_at, s.seen_at, s.version, s.build from ops.server as s',
    $$values ('one', core.now(), core.now(), '1.0', 'abc')$$, 'its row tells since when, and what it runs'
);
select is(core.is_machinery(), true, 'it is the machinery that says it');

-- A sign of life.
select core.set_test_clock('2031-01-10 12:00:05.5+00');
set local role levqor_server;
select is(ops.note_server_alive('one'), true, 'a server is alive');
reset role;
select is(
    (select row(s.started_at, s.seen_at)::text from ops.server as s),
    row('2031-01-10 12:00:00+00'::timestamptz, '2031-01-10 12:00:05.5+00'::timestamptz)::text, 'and started when it did'
);
select core.set_test_clock('2031-01-10 12:00:04+00');
select is(ops.note_server_alive('one'), true, 'a report that comes late counts');
select is(
    (select s.seen_at from ops.server as s), '2031-01-10 12:00:05.5+00'::timestamptz, 'and takes nothing back'
);

-- The pages.
select core.set_test_clock('2031-01-10 12:00:10.9+00');
select ops.note_server_start('two', '1.1', 'def');
select is(
    c.body, '{"uptime_seconds": 10, "start_time": "2031-01-10T12:00:00+00:00",
        "current_time": "2031-01-10T12:00:10.9+00:00", "version": "1.1", "build": "def"}'::jsonb,
    'whole seconds since the oldest that lives, and the newest one''s version'
)
from test.call('GET', '/ops/uptime') as c;
select is(
    row(c.status, c.body)::text, row(200, '{"ok": true, "service": "levqor", "version": "1.1", "build": "def"}'::jsonb)::text,
    'the root tells who was seen last'
)
from test.call('GET', '/') as c;
select core.set_test_clock('2031-01-10 12:00:12+00');
select ops.note_server_alive('one'), ops.note_server_alive('two');
select is(c.body ->> 'version', '1.1', 'of two that were seen together the one that started later')
from test.call('GET', '/') as c;
select core.set_test_clock('2031-01-10 12:00:13+00');
select ops.note_server_alive('one');
select is(c.body ->> 'version', '1.0', 'but who was seen last before all') from test.call('GET', '/') as c;
select is(c.body ->> 'version', '1.1', 'while the uptime''s version is the newest')
from test.call('GET', '/ops/uptime') as c;

-- Silence.
select is(array_agg(s.id), '{one,two}', 'who is alive is listed, the oldest first') from ops.list_live_servers() as s;
select core.set_test_clock('2031-01-10 12:00:31.999+00');
select is(array_agg(s.id), '{one,two}', 'just below the silence that is allowed both are')
from ops.list_live_servers() as s;
select core.set_test_clock('2031-01-10 12:00:32+00');
select is(array_agg(s.id), '{one}', 'at it the silent one is gone') from ops.list_live_servers() as s;
update core.setting set value = '30' where name = 'ops.reactor_silence_seconds';
select is(array_agg(s.id), '{one,two}', 'a setting says how long it is') from ops.list_live_servers() as s;
update core.setting set value = '20' where name = 'ops.reactor_silence_seconds';
select core.set_test_clock('2031-01-10 12:00:33+00');
select is(
    c.body, '{"uptime_seconds": null, "start_time": null, "current_time": "2031-01-10T12:00:33+00:00", "version": null,
        "build": null}'::jsonb, 'with nobody alive there is no uptime'
)
from test.call('GET', '/ops/uptime') as c;
select is(c.body ->> 'build', 'abc', 'the root remembers the last') from test.call('GET', '/') as c;
select ops.note_server_alive('two');
select is(c.body ->> 'start_time', '2031-01-10T12:00:10.9+00:00', 'who comes back is up since its own start')
from test.call('GET', '/ops/uptime') as c;

-- A server that starts again.
select ops.note_server_start('one', '2.0', 'ghi');
select results_eq(
    $$select s.started_at, s.seen_at, s.version, s.build from ops.server as s where s.id = 'one'$$,
    $$values (core.now(), core.now(), '2.0', 'ghi')$$, 'a second start under one name is a new start'
);
select is((select count(*) from ops.server as s), 2::bigint, 'and no second server');
select ops.note_server_start('bare', '2.0');
select is(
    (select s.build from ops.server as s where s.id = 'bare'), 'dev', 'a build without a name is one of development'
);

-- Rows that can not be.
select throws_ok(
    format('select ops.note_server_start(%L, %L, %L)', x.id, x.version, x.build), x.state, x.message, x.told
)
from (values
    ('', '1', 'b', '23514', 'new row for relation "server" violates check constraint "server_id_is_short_check"',
        'a server has a name'),
    (repeat('x', 201), '1', 'b', '23514', 'new row for relation "server" violates check constraint "server_id_is_short_check"',
        'of at most 200 characters'),
    (null, '1', 'b', '23502', 'null value in column "id" of relation "server" violates not-null constraint', 'not none'),
    ('x', null, 'b', '23502', 'null value in column "version" of relation "server" violates not-null constraint',
        'it says its version')
) as x (id, version, build, state, message, told);
select throws_ok(
    $$update ops.server set seen_at = started_at - interval '1 second'$$, '23514',
    'new row for relation "server" violates check constraint "server_was_seen_after_its_start_check"',
    'nobody is seen before its start'
);

-- Rights.
select is(
    format('%s: %s %s %s', f.name, p.provolatile, p.prosecdef, has_function_privilege('levqor_server', p.oid, 'execute')),
    f.name || ': ' || f.expected, f.told
)
from (values
    ('ops.note_server_start', 'v t t', 'a server says that it starts'),
    ('ops.note_server_alive', 'v t t', 'and that it is alive'),
    ('ops.list_live_servers', 's f f', 'who is alive it reads on the pages'),
    ('api.show_root', 's t f', 'which are doors'), ('api.show_uptime', 's t f', 'and only read')
) as f (name, expected, told)
inner join pg_proc as p on p.oid = to_regproc(f.name);
set local role levqor_server;
select throws_ok('select from ops.server', '42501', 'permission denied for table server', 'the server reads no row');
reset role;
set local role levqor_dba;
select lives_ok('select from ops.server', 'a reader reads who ran');
select throws_ok('delete from ops.server', '42501', 'permission denied for table server', 'and removes nobody');
select throws_ok(
    $$select ops.note_server_alive('one')$$, '42501', 'permission denied for function note_server_alive',
    'nor says that one is alive'
);
reset role;

select * from finish();
rollback;
