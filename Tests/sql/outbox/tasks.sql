-- What the clock does for the outbox.
begin;
select plan(6);

select results_eq(
    $$select t.name, t.is_alone from schedule.task as t where t.function like 'outbox.%' and t.is_enabled order by 1$$,
    $$values ('outbox-call-receivers', false), ('outbox-compact', true), ('outbox-drop-days', true), ('outbox-make-days', true),
        ('outbox-measure-backlog', false), ('outbox-tend-endpoints', false), ('outbox-trim-events', false), ('outbox-trim-old', false),
        ('outbox-trim-tallies', false), ('outbox-work-replays', false)$$,
    'the clock tends the outbox; what takes a table''s lock runs alone'
);

select core.set_test_clock('2031-01-01 12:30:00+00');
select test.make_account('Acme') as acme \gset
select outbox.publish_event(:'acme', 'thing.done', '{}', 'old'), outbox.publish_event(:'acme', 'thing.done', '{}', 'new');
update outbox.event set created_at = core.now() - interval '90 days' + interval '1 minute' where key = 'old';
update schedule.task set is_enabled = name = 'outbox-trim-events';
delete from schedule.run;
select is(test.turn_clock(), '{"outbox-trim-events succeeded"}', 'the clock does it');
select is(count(*), 2::bigint, 'and removes none of the last 90 days') from outbox.event as e where e.account_id = :'acme';
select core.set_test_clock('2031-01-01 13:00:00+00');
select is(test.turn_clock(), '{"outbox-trim-events succeeded"}', 'an hour later again');
select is(array_agg(e.key), '{new}', 'when the old one has had its time') from outbox.event as e where e.account_id = :'acme';
select core.set_test_clock('2031-01-01 13:59:59+00');
select is(test.turn_clock(), null, 'and not before the next hour');

select * from finish();
rollback;
