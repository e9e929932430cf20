-- Routes say which channels an alert goes to, and how often.
begin;
select plan(30);

delete from alerts.channel;
delete from alerts.route where origin = 'local';
select test.make_account('Acme') as acme, test.make_account('Beta') as beta \gset
select alerts.set_channel('team', 'slack', '{"credential": "A"}'), alerts.set_channel('bot', 'telegram', '{"credential": "A", "chat_id": 1}'),
    alerts.set_channel('people', 'mail', '{"to": ["a@example.com"]}'), alerts.set_channel('hook', 'webhook', '{"url": "https://a.example"}');

create function pg_temp.targets(p_level text, p_source text, p_account_id uuid default null, p_facts jsonb default '{}') returns text language sql as $$
    select coalesce(string_agg(t.channel, ' ' order by t.channel), 'nobody')
    from alerts.list_targets(jsonb_populate_record(null::alerts.alert, jsonb_build_object(
        'level', p_level, 'source', p_source, 'account_id', p_account_id, 'facts', p_facts
    ))) as t
$$;

-- The product's own.
select is(pg_temp.targets('info', 'x'), 'nobody', 'info is kept only');
select is(pg_temp.targets('warning', 'x'), 'bot team', 'warning goes to chat');
select is(pg_temp.targets('error', 'x'), 'bot people team', 'error to chat and mail');
select is(pg_temp.targets('critical', 'x'), 'bot hook people team', 'critical everywhere');
select alerts.set_channel('bot', 'telegram', '{"credential": "A", "chat_id": 1}', p_is_enabled => false);
select is(pg_temp.targets('critical', 'x'), 'hook people team', 'but where it is disabled');
select is(pg_temp.targets('critical', 'alerts.channel', null, '{"channel": "team"}'), 'hook people', 'a channel is not told that it is deaf');
select is(pg_temp.targets('critical', 'other', null, '{"channel": "team"}'), 'hook people team', 'of other things it is');

-- The operator's.
select alerts.set_route('billing', 10, '{hook}', 'info', 'billing.*');
select is(pg_temp.targets('info', 'billing.sync'), 'hook', 'a route of the operator''s adds to them');
select is(pg_temp.targets('warning', 'billing.sync'), 'hook team', 'to all that fit');
select is(pg_temp.targets('info', 'billing'), 'nobody', 'others it does not fit');
select alerts.set_route('billing', 10, '{hook}', 'warning', 'billing.*', p_is_last => true);
select is(pg_temp.targets('critical', 'billing.sync'), 'hook', 'one that is last ends it');
select is(pg_temp.targets('info', 'billing.sync'), 'nobody', 'where it fits');
select alerts.set_route('quiet', 5, '{}', 'info', 'billing.noise', p_is_last => true);
select is(pg_temp.targets('critical', 'billing.noise'), 'nobody', 'one without channels keeps only');
select alerts.set_route('acme', 6, '{people,@webhook}', p_account_id => :'acme', p_is_last => true);
select is(pg_temp.targets('info', 'y', :'acme'), 'hook people', 'a route for an account');
select is(pg_temp.targets('info', 'y', :'beta') || ' ' || pg_temp.targets('info', 'y'), 'nobody nobody', 'is for no other, and not for none');
select alerts.set_route('acme', 6, '{people}', p_account_id => :'acme', p_is_last => true, p_is_enabled => false);
select is(pg_temp.targets('info', 'y', :'acme'), 'nobody', 'a disabled one is as if it were not there');
select alerts.set_route('first', 1, '{team}', p_cool_down => '1 minute');
select is(t.cool_down, interval '1 minute', 'the first that names a channel says its cool-down')
from alerts.list_targets(jsonb_populate_record(null::alerts.alert, '{"level": "error", "source": "x", "facts": {}}')) as t
where t.channel = 'team';
select throws_ok($$select alerts.set_route('x', 1, '{nowhere}')$$, 'LQ422', 'there is no such channel', 'a channel must be there');
select throws_ok($$select alerts.set_route('x', 1, array[null])$$, 'LQ422', 'there is no such channel', 'null is none');
select throws_ok($$select alerts.set_route('x', 1, '{}', 'fatal')$$, '23514', null, 'a level must be one');

-- What the operator changes stays.
update alerts.route set channels = '{people}' where name = 'default-warning';
select core.seed('alerts.route', '{name}', '{"name": "default-warning", "channels": ["@chat"], "cool_down": "2 hours"}');
select is(row(r.channels, r.cool_down)::text, '({people},02:00:00)', 'a deploy leaves it, and changes the rest')
from alerts.route as r where r.name = 'default-warning';

-- Over HTTP.
select test.make_key(identity.operator_account(), '{platform}') as key, test.make_key(identity.operator_account(), '{admin}') as admin,
    test.make_key(:'acme') as weak \gset
select is(c.status, 200, 'PUT makes a route') from test.call('PUT', '/api/admin/alerts/routes/night', :'key',
    '{"position": 3, "channels": ["@chat", "hook"], "level": "error", "source": "jobs.*", "cool_down_seconds": 60, "is_last": true}') as c;
select is(c.body -> 'routes' -> 1, jsonb_build_object('name', 'night', 'position', 3, 'level', 'error', 'source', 'jobs.*', 'account_id', null,
    'channels', '["@chat", "hook"]'::jsonb, 'cool_down_seconds', 60, 'is_last', true, 'is_enabled', true, 'description', ''), 'GET lists it in its place')
from test.call('GET', '/api/admin/alerts/routes', :'admin') as c;
select is(c.body ->> 'account_id', core.show_id('acct', :'acme'), 'one for an account') from test.call('PUT', '/api/admin/alerts/routes/acme', :'admin',
    jsonb_build_object('position', 6, 'channels', '[]'::jsonb, 'account_id', core.show_id('acct', :'acme'))) as c;
select is(c.status, 422, 'an unknown channel is refused') from test.call('PUT', '/api/admin/alerts/routes/x', :'key', '{"position": 3, "channels": ["x"]}') as c;
select is(c.status, 422, 'as is an id that is none')
from test.call('PUT', '/api/admin/alerts/routes/x', :'key', '{"position": 3, "channels": [], "account_id": "x"}') as c;
select is(array_agg(c.status), '{403,403}', 'a customer does not see or set them') from unnest('{GET,PUT}'::text[]) as m (method)
cross join lateral test.call(m.method, case m.method when 'GET' then '/api/admin/alerts/routes' else '/api/admin/alerts/routes/x' end, :'weak',
    case m.method when 'PUT' then '{"position": 3, "channels": []}'::jsonb end) as c;
select is(row(e.target, e.facts -> 'channels', e.actor like 'key\_%')::text, '(acme,[],t)', 'a change is recorded')
from audit.entry as e where e.action = 'alerts.set_route' order by e.id desc limit 1;
select is(count(*)::integer, 2, 'and is sensitive') from http.route as r
where r.is_sensitive and r.path in ('/api/admin/alerts/routes/{name}', '/api/admin/alerts/channels/{name}');
select is((select array_agg(e.name order by e.name) from alerts.escalation as e where e.origin = 'file'), '{critical-again,error-again}', 'escalations are seeded');

select * from finish();
rollback;
