-- Events are kept, and sent to the endpoints that want them.
begin;
select plan(45);

select core.set_test_clock('2030-01-01 12:00:00.5+00');
select test.make_account() as account, test.make_account() as other \gset

-- Patterns.
select is(outbox.matches_event(t.patterns::text[], t.type), t.matches, t.patterns || ' and ' || t.type)
from (values
    ('{*}', 'quota.reached', true), ('{quota.*}', 'quota.reached', true), ('{quota.*}', 'quota.usage.reached', true),
    ('{quota.reached}', 'quota.reached', true), ('{quota.reached}', 'quota.reached_again', false), ('{quota.*}', 'quota', false),
    ('{quota.*}', 'quotas.reached', false), ('{job.*,quota.reached}', 'quota.reached', true), ('{job.*}', 'quota.reached', false),
    ('{q_ota.*}', 'quota.reached', false), ('{}', 'quota.reached', false)
) as t (patterns, type, matches);

-- Endpoints.
select outbox.add_endpoint(:'account', 'https://example.org/all') as whole,
    outbox.add_endpoint(:'account', 'https://example.org/quota', '{quota.*}') as quota,
    outbox.add_endpoint(:'account', 'https://example.org/jobs', '{job.succeeded,job.failed}') as jobs,
    outbox.add_endpoint(:'account', 'https://example.org/off') as off,
    outbox.add_endpoint(:'other', 'https://example.org/other') as elsewhere \gset
update outbox.endpoint set is_enabled = false where id = :'off';
select is(e.event_types, '{*}', 'an endpoint gets all by default') from outbox.endpoint as e where e.id = :'whole';
select is(e.facts, '{"event_types": ["quota.*"]}'::jsonb, 'adding one is recorded, without its URL')
from audit.entry as e where e.target = core.show_id('ep', :'quota');
select throws_ok(format('select outbox.add_endpoint(%L, %L)', :'account', 'ftp://a/'), 'LQ422', null, 'a URL that can not be called is refused');
select throws_ok(format('select outbox.add_endpoint(%L, null)', :'account'), 'LQ422', null, 'and none');
select throws_ok(
    format('select outbox.add_endpoint(%L, %L, %L)', :'account', 'https://a/', t.patterns), 'LQ422', 'that is no list of event types',
    'no patterns: ' || coalesce(t.patterns, 'null')
)
from (values ('{}'), ('{quota*}'), ('{"a b"}'), ('{Quota.reached}'), ('{*.reached}'), ('{NULL}'), (null)) as t (patterns);
select throws_ok(
    format('insert into outbox.endpoint (account_id, url, event_types, created_at) values (%L, %L, %L, now())', :'account', 'https://a/', '{a*}'),
    '23514', null, 'also where it is written by hand'
);
select throws_ok(format('select outbox.add_endpoint(%L, %L)', core.new_id(), 'https://a/'), 'LQ404', 'no such account', 'an unknown account has none');

-- Events.
select outbox.publish_event(:'account', 'quota.reached', '{"percent": 80}', 'first') as event \gset
select is(row(e.event_type, e.data, e.key, e.created_at)::text, row('quota.reached', '{"percent": 80}'::jsonb, 'first', core.now())::text, 'an event is kept')
from outbox.event as e where e.id = :'event';
select results_eq(
    format('select m.url from outbox.message as m where m.source_domain = %L and m.source_id = %L order by 1', 'outbox', core.show_id('evt', :'event')),
    $$values ('https://example.org/all'), ('https://example.org/quota')$$, 'and sent to those that want it'
);
select is(m.body, '{"type":"quota.reached","timestamp":"2030-01-01T12:00:00.500Z","data":{"percent": 80}}', 'as a Standard Webhooks event')
from outbox.message as m where m.url = 'https://example.org/quota';
select is(bool_and(m.is_signed and m.account_id = :'account'), true, 'signed with the account''s secret') from outbox.message as m;
select is(outbox.publish_event(:'account', 'quota.reached', '{"percent": 100}', 'first'), :'event'::uuid, 'the same key gives the same event');
select is(count(*), 2::bigint, 'and sends nothing') from outbox.message as m;
select isnt(outbox.publish_event(:'other', 'quota.reached', '{}', 'first'), :'event'::uuid, 'another account''s key is another one');
select isnt(outbox.publish_event(:'account', 'job.failed', null), outbox.publish_event(:'account', 'job.failed', null), 'without a key each is an event');
select is(count(*), 2::bigint, 'which who asked for it gets') from outbox.message as m where m.url = 'https://example.org/jobs';
select throws_ok(format('select outbox.publish_event(%L, %L, %L)', :'account', 'No Type', '{}'), '23514', null, 'a type is dotted');

-- Hints.
select core.enter_machinery();
select core.take_hints();
select outbox.publish_event(:'account', 'a.b', '{}');
select is(core.take_hints(), array[E'outbox\t1'], 'the reactor is told');
select set_config('levqor.machinery', 'off', true);

-- Removing.
select outbox.remove_endpoint(:'account', :'whole');
select throws_ok(format('select outbox.remove_endpoint(%L, %L)', :'account', :'whole'), 'LQ404', 'no such endpoint', 'an endpoint is removed once');
select throws_ok(format('select outbox.remove_endpoint(%L, %L)', :'account', :'elsewhere'), 'LQ404', 'no such endpoint', 'and not by another account');
select outbox.publish_event(:'account', 'thing.done', '{}', 'unheard') as unheard \gset
select is_empty(
    format('select from outbox.message as m where m.source_id = %L', core.show_id('evt', :'unheard')), 'what nobody wants is kept and not sent'
);

-- Old ones.
update outbox.event set created_at = core.now() - interval '91 days' where id = :'event';
update outbox.event set created_at = core.now() - interval '89 days' where id = :'unheard';
select is(outbox.trim_events(), 1::bigint, 'after 90 days an event goes');
update core.setting set value = '35' where name = 'outbox.keep_events_days';
select is(outbox.trim_events(), 1::bigint, 'or sooner');
select is(outbox.trim_events(), 0::bigint, 'but not within a month');

-- Rights.
select test.become('levqor_owner');
select test.act_for(:'other');
select is((select count(*) from outbox.event where account_id = :'account') + (select count(*) from outbox.endpoint where account_id = :'account'),
    0::bigint, 'another account sees none of it');
select isnt_empty('select from outbox.event', 'but its own');
select test.become('levqor_dba');
select isnt_empty('select from outbox.endpoint', 'a DBA sees all');
select test.become('none');
select throws_ok(
    format('select outbox.publish_event(%L, %L, %L, %L)', :'account', 'a.b', '{}', repeat('k', 201)), 'LQ422', 'the key must have 1 to 200 characters', 'a key is short'
);

select * from finish();
rollback;
