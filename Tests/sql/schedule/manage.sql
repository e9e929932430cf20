-- Tasks over HTTP: list, see, change, pause, run now; and their runs.
begin;
select plan(57);

update schedule.task set is_enabled = false;
select core.set_test_clock('2031-01-01 12:00:03+00');
set local role levqor_owner;
create function schedule.do_well() returns integer language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    return 7;
end;
$$;
create function schedule.do_in_steps(p_state jsonb) returns jsonb language sql stable as $$ select '{"more": true, "state": 1}'::jsonb $$;
reset role;
insert into schedule.task (name, function, every, owner, description) values ('t-well', 'schedule.do_well', '1 minute', 'ops', 'works');
insert into schedule.task (name, function, cron, zone, description) values ('t-cron', 'schedule.do_well', '0 9 * * mon-fri', 'Europe/London', 'on workdays');
create temp table k on commit drop as
select test.make_key(identity.operator_account(), '{platform}') as platform, test.make_key() as other;
select is(test.turn_clock(), '{"t-well succeeded"}', 'the clock runs');

-- Who may.
select is((test.call(c.method, c.path, k.other, c.body)).status, 403, 'a customer may not ' || c.method || ' ' || c.path)
from k, (values
    ('GET', '/api/admin/schedule', null), ('GET', '/api/admin/schedule/t-well', null), ('GET', '/api/admin/schedule/t-well/runs', null),
    ('PATCH', '/api/admin/schedule/t-well', '{"is_enabled": false}'::jsonb), ('POST', '/api/admin/schedule/t-well/run', null)
) as c (method, path, body);
select is((test.call(c.method, c.path, k.platform, c.body)).status, 404, 'no such task: ' || c.method || ' ' || c.path)
from k, (values
    ('GET', '/api/admin/schedule/t-no', null), ('GET', '/api/admin/schedule/t-no/runs', null),
    ('PATCH', '/api/admin/schedule/t-no', '{"is_enabled": false}'::jsonb), ('POST', '/api/admin/schedule/t-no/run', null)
) as c (method, path, body);

-- The list.
create temp table l on commit drop as select c.* from k, test.call('GET', '/api/admin/schedule?limit=200', k.platform) as c;
select is(l.status, 200, 'the list') from l;
select is(jsonb_array_length(l.body -> 'tasks')::bigint, (select count(*) from schedule.task), 'has every task') from l;
create temp table w on commit drop as select t.task from l, jsonb_array_elements(l.body -> 'tasks') as t (task) where t.task ->> 'name' = 't-well';
select is(w.task -> 'last_run' ->> 'status', 'succeeded', 'with its last run') from w;
select is(w.task -> 'last_run' -> 'rows', '7', 'and the rows it touched') from w;
select is((w.task ->> 'next_at')::timestamptz, '2031-01-01 12:01:00+00'::timestamptz, 'and its next time') from w;
select is(w.task -> 'every_seconds', '60', 'and its interval') from w;
select is(w.task -> 'problems', '[]', 'and its problems') from w;
select is(jsonb_array_length(c.body -> 'tasks'), 1, 'in pages') from k, test.call('GET', '/api/admin/schedule?limit=1', k.platform) as c;
select is(c.headers ->> 'Link', format('</api/admin/schedule?limit=1&after=%s>; rel="next"', c.body ->> 'next'), 'with a link') from k, test.call('GET', '/api/admin/schedule?limit=1', k.platform) as c;
select is(c.body -> 'tasks' -> 0 ->> 'name', 't-well', 'to the last') from k, test.call('GET', '/api/admin/schedule?limit=1&after=t-cron', k.platform) as c;
select is(c.body -> 'next', 'null', 'which has none') from k, test.call('GET', '/api/admin/schedule?limit=1&after=t-cron', k.platform) as c;
select is(c.body -> 'next_slots' ->> 2, '2031-01-06T09:00:00+00:00', 'a single task tells its next five slots') from k, test.call('GET', '/api/admin/schedule/t-cron', k.platform) as c;

-- Changes.
select is(row(c.status, c.body -> 'cron', c.body -> 'every_seconds', c.body ->> 'zone')::text, '(200,"""30 6 L * *""",null,Asia/Kolkata)', 'a cron text replaces the interval')
from k, test.call('PATCH', '/api/admin/schedule/t-well', k.platform, '{"cron": "30 6 L * *", "zone": "Asia/Kolkata"}') as c;
select is(row(c.status, c.body -> 'cron', c.body -> 'every_seconds')::text, '(200,null,90)', 'and an interval the cron text')
from k, test.call('PATCH', '/api/admin/schedule/t-well', k.platform, '{"every_seconds": 90, "zone": "UTC"}') as c;
select is(
    (select row(t.local_columns, t.every)::text from schedule.task as t where t.name = 't-well'), '("{cron,every,zone}",00:01:30)', 'a deploy will leave it'
);
select is(c.status, 200, 'everything can be changed')
from k, test.call('PATCH', '/api/admin/schedule/t-well', k.platform, '{"jitter_seconds": 1.5, "timeout_seconds": 5, "catch_up_seconds": 60,
    "catches_up_all": true, "overlap": "skip", "max_attempts": 2, "retry_after_seconds": 3, "alert_after": 1, "owner": "team", "description": "d"}') as c;
select is(
    (select row(t.jitter, t.timeout, t.catch_up, t.catches_up_all, t.overlap, t.max_attempts, t.retry_after, t.alert_after, t.owner, t.description)::text
        from schedule.task as t where t.name = 't-well'),
    '(00:00:01.5,00:00:05,00:01:00,t,skip,2,00:00:03,1,team,d)', 'in one call'
);
select is(c.body -> 'catch_up_seconds', 'null', 'null takes a bound away')
from k, test.call('PATCH', '/api/admin/schedule/t-well', k.platform, '{"catch_up_seconds": null, "catches_up_all": false}') as c;
select is(row(c.status, c.body ->> 'detail')::text, '(422,"The cron text''s hour can not be read. Got ""25"": a number from 0 to 23 is expected.")', 'what can not be read is named')
from k, test.call('PATCH', '/api/admin/schedule/t-well', k.platform, '{"cron": "0 25 * * *"}') as c;
select is(row(c.status, c.body ->> 'hint')::text, '(422,"Meant is perhaps Europe/London.")', 'a zone too')
from k, test.call('PATCH', '/api/admin/schedule/t-well', k.platform, '{"zone": "europe/london"}') as c;
select is(row(c.status, c.body ->> 'detail')::text, '(422,"Rule: task catching up all needs catch up.")', 'and a rule')
from k, test.call('PATCH', '/api/admin/schedule/t-well', k.platform, '{"catches_up_all": true}') as c;
select is(c.status, 422, 'neither an interval nor a cron text is nothing') from k, test.call('PATCH', '/api/admin/schedule/t-well', k.platform, '{"every_seconds": null}') as c;
select is(c.status, 422, 'other columns stay') from k, test.call('PATCH', '/api/admin/schedule/t-well', k.platform, '{"function": "core.now"}') as c;
select throws_ok($$select schedule.change_task('t-well', '{"origin": "file"}')$$, 'LQ422', '"origin" is nothing that can be changed', 'also in SQL');
select is(
    (select row(e.actor ~ '^key_', e.target, e.facts -> 'changed', e.facts -> 'to')::text from audit.entry as e where e.action = 'schedule.change_task' order by e.id limit 1),
    '(t,t-well,"[""cron"", ""zone""]","{""cron"": ""30 6 L * *"", ""zone"": ""Asia/Kolkata""}")', 'changes are on the trail'
);
select is((select e.facts -> 'to' ? 'owner' from audit.entry as e where e.facts -> 'changed' ? 'owner'), false, 'without names');

-- Pause, and run now all the same.
select is(c.body -> 'is_enabled', 'false', 'pause') from k, test.call('PATCH', '/api/admin/schedule/t-well', k.platform, '{"is_enabled": false}') as c;
select is(test.turn_clock(), null, 'a paused task does not run');
create temp table r on commit drop as select c.* from k, test.call('POST', '/api/admin/schedule/t-well/run', k.platform) as c;
select is(row(r.status, r.body ->> 'status', r.body ->> 'kind', r.headers ->> 'Location')::text, '(202,waiting,manual,/api/admin/schedule/t-well/runs)', 'but when it is asked for') from r;
select is(r.hints, array[E'schedule\t1'], 'the clock is told') from r;
select is(c.body ->> 'slot', r.body ->> 'slot', 'asked again it is the same run') from r, k, test.call('POST', '/api/admin/schedule/t-well/run', k.platform) as c;
select is((select d.due_at from schedule.list_due() as d where d.task = 't-well'), core.now(), 'it is due');
select is(test.turn_clock(), '{"t-well succeeded"}', 'and runs');
select is(test.turn_clock(), null, 'once');
select is((select r.requested_by ~ '^key_' from schedule.run as r where r.kind = 'manual'), true, 'it tells who asked');
select is((select count(*) from audit.entry as e where e.action = 'schedule.run_now' and e.target = 't-well'), 2::bigint, 'and so does the trail');
select is((schedule.run_now('t-well', 'me')).slot, core.now() + interval '1 microsecond', 'from psql as well, in a slot of its own');
select is(test.turn_clock(), '{"t-well succeeded"}', 'and again');

-- Runs in pages.
create temp table g on commit drop as select c.* from k, test.call('GET', '/api/admin/schedule/t-well/runs?limit=2', k.platform) as c;
select is(jsonb_array_length(g.body -> 'runs'), 2, 'a page of runs') from g;
select is(g.body -> 'runs' -> 0 ->> 'requested_by', 'me', 'the newest first') from g;
select is(g.headers ->> 'Link', format('</api/admin/schedule/t-well/runs?limit=2&cursor=%s>; rel="next"', g.body ->> 'next_cursor'), 'with a link') from g;
select is(c.body -> 'runs' -> 0 ->> 'kind', 'scheduled', 'the next page')
from g, k, test.call('GET', '/api/admin/schedule/t-well/runs?limit=2&cursor=' || (g.body ->> 'next_cursor'), k.platform) as c;
select is(c.body -> 'next_cursor', 'null', 'is the last')
from g, k, test.call('GET', '/api/admin/schedule/t-well/runs?limit=2&cursor=' || (g.body ->> 'next_cursor'), k.platform) as c;
select is(c.status, 422, 'a cursor that is none') from k, test.call('GET', '/api/admin/schedule/t-well/runs?cursor=yesterday', k.platform) as c;
update schedule.task set function = 'schedule.do_in_steps', is_enabled = true where name = 't-cron';
select schedule.run_now('t-cron');
select count(*) from schedule.run_due();
select is(c.body -> 'runs' -> 0 ->> 'status', 'running', 'an open run')
from k, test.call('GET', '/api/admin/schedule/t-cron/runs?status=open', k.platform) as c;
select is(jsonb_array_length(c.body -> 'runs'), 0, 'is not a failed one') from k, test.call('GET', '/api/admin/schedule/t-cron/runs?status=failed', k.platform) as c;
select is(c.body -> 'open_run' -> 'steps', '1', 'and stands with the task') from k, test.call('GET', '/api/admin/schedule/t-cron', k.platform) as c;

select * from finish();
rollback;
