begin;
select plan(27);

delete from ops.server;
delete from schedule.run;
delete from ops.figure;
select core.set_test_clock('2031-01-10 12:00:00+00');

-- Before any server.
set local role levqor_server;
select is(ops.readiness() - 'product_version' - 'breaking_level' - 'last_migration', '{"ready": false,
    "reasons": ["no reactor has reported yet"], "reactor_seconds": null, "clock_lag_seconds": 0,
    "time": "2031-01-10T12:00:00+00:00"}'::jsonb, 'without a reactor it is not ready, and says why');
reset role;
select is((ops.readiness() ->> 'last_migration')::integer, (select max(m.number) from core.migration as m), 'it tells the migrations');
select is(row(c.status, c.body ->> 'status')::text, '(200,fail)', 'the status is fail') from test.call('GET', '/status') as c;
select is(
    c.body -> 'checks' -> 'clock', '{"status": "warn", "observed": 0, "unit": "seconds that a task is overdue",
        "output": "it has not run yet"}'::jsonb, 'with a clock that has not run'
)
from test.call('GET', '/status') as c;
select is(
    c.body, '{"uptime_seconds": null, "start_time": null, "current_time": "2031-01-10T12:00:00+00:00", "version": null,
        "build": null}'::jsonb, 'and no uptime'
)
from test.call('GET', '/ops/uptime') as c;
select is(c.body, '{"ok": true, "service": "levqor", "version": null, "build": null}'::jsonb, 'the root answers')
from test.call('GET', '/') as c;

-- Servers.
set local role levqor_server;
select lives_ok($$select ops.note_server_start('one', '1.0', 'abc')$$, 'a server starts');
select is(ops.readiness() -> 'ready', 'true', 'and it is ready');
reset role;
select core.set_test_clock('2031-01-10 12:00:15+00');
set local role levqor_server;
select lives_ok($$select ops.note_server_start('two', '1.1', 'def')$$, 'another starts');
select is(ops.note_server_alive('one'), true, 'a server is alive');
select is(ops.note_server_alive('none'), false, 'one that is not known is told so');
reset role;
select is(
    c.body, '{"uptime_seconds": 15, "start_time": "2031-01-10T12:00:00+00:00", "current_time": "2031-01-10T12:00:15+00:00",
        "version": "1.1", "build": "def"}'::jsonb, 'up since the oldest that lives, with the newest version'
)
from test.call('GET', '/ops/uptime') as c;
select core.set_test_clock('2031-01-10 12:00:20+00');
select ops.note_server_alive('two');
select core.set_test_clock('2031-01-10 12:00:36+00');
select is(c.body -> 'uptime_seconds', '21', 'a server that is silent no longer counts') from test.call('GET', '/ops/uptime') as c;
select is(ops.readiness('one') -> 'reasons', '["the reactor has been silent for 21 seconds"]'::jsonb, 'it hears why it is not ready');
select is(ops.readiness('two') -> 'ready', 'true', 'while the other is');
select is(ops.readiness() -> 'reactor_seconds', '16', 'and so is the whole');
select core.set_test_clock('2031-01-10 12:00:40+00');
select is(ops.readiness() -> 'ready', 'false', 'until nobody is left');
select is(c.body -> 'build', '"def"', 'the root remembers the last') from test.call('GET', '/') as c;

-- All is well.
select ops.note_server_alive('two');
select test.turn_clock();
select is(c.body ->> 'status', 'pass', 'with everything running it passes') from test.call('GET', '/status') as c;
select core.set_test_clock('2031-01-10 12:02:00+00');
select ops.note_server_alive('two');
select is(c.body -> 'checks' -> 'clock' ->> 'status', 'warn', 'a clock that stands is a warning') from test.call('GET', '/status') as c;
select is(c.body ->> 'status', 'warn', 'and no failure') from test.call('GET', '/status') as c;
select cmp_ok((ops.readiness() ->> 'clock_lag_seconds')::integer, '>=', 60, 'which readiness tells');
insert into http.route (method, path, function, domain, access, responses)
values ('GET', '/bad', 'api.no_such', 'http', 'public', '{}');
select is(
    ops.readiness() -> 'reasons',
    '["route and function do not fit: GET /bad: the function api.no_such does not exist, or exists more than once"]'::jsonb,
    'a route that does not fit makes it not ready'
);
delete from http.route where path = '/bad';

-- Prometheus.
select core.enter_machinery();
set local role levqor_server;
select isnt_empty($$select from ops.prometheus() as p where p.name = 'levqor_ready' and p.value = 1$$, 'figures for Prometheus');
select is_empty(
    $$select p.name from ops.prometheus() as p group by p.name having count(distinct p.help || p.type) > 1$$, 'one help a name'
);
select is_empty(
    $$select from ops.prometheus() as p where p.name !~ '^levqor_[a-z_0-9]+$' or p.value is null or p.type not in ('gauge', 'counter')
        or jsonb_typeof(p.labels) <> 'object'$$, 'in its form'
);
select is_empty($$select from ops.prometheus() as p group by p.name, p.labels having count(*) > 1$$, 'each series once');
reset role;

select * from finish();
rollback;
