-- What the clock does for webhooks that came in.
begin;
select plan(12);

set local levqor.machinery = 'on';
update core.setting set value = '"development"' where name = 'core.environment';
select core.set_test_clock('2026-03-01 12:00:00+00');
select inbox.create_source('a', 'none'), inbox.create_source('b', 'none');
select inbox.receive(v.source, convert_to(format('{"id": "%s"}', v.id), 'UTF8'), '{}')
from (values ('a', 'old'), ('a', 'waits'), ('b', 'gone')) as v (source, id);
update inbox.delivery set state = 'done', handled_at = core.now() where event_id = 'old';
select inbox.count_up((inbox.find_source('a')).id, 'signature');
select inbox.change_source('a', p_state => 'paused'), inbox.delete_source('b');
select core.set_test_clock('2026-03-31 11:59:00+00');
select is(inbox.trim(), 0::bigint, 'nothing goes before its days are over');
select core.set_test_clock('2026-04-01 12:00:01+00');
select is(inbox.trim(), 2::bigint, 'what is over goes');
select is((select string_agg(d.event_id, ' ') from inbox.delivery as d), 'waits', 'what waits stays, unless its source was deleted');
select is_empty('select from inbox.tally', 'old tallies go');
select is((select string_agg(o.name, ' ') from inbox.source as o), 'a', 'and so does a deleted source with nothing left');
select is((inbox.receive('a', '{"id": "old"}', '{}')).outcome, 'accepted', 'what was trimmed is new again');
select is(inbox.handle_step(), '{"rows": 0, "more": false, "state": {}}', 'nothing of a paused source is handled');
select inbox.change_source('a', p_state => 'active');
select is(inbox.handle_step(), '{"rows": 2, "more": false, "state": {}}', 'a step tells how much it did, and that nothing is left');
create function core.inbox_retry(p_event inbox.event) returns void language plpgsql as $$ begin raise exception 'not yet'; end $$;
select inbox.change_source('a', p_handler => 'core.inbox_retry'), inbox.receive('a', '{"id": "bad"}', '{}');
select is(inbox.handle_step(), '{"rows": 1, "more": false, "state": {}}', 'what is to be tried again later is nothing that is left');
select throws_ok($$update core.setting set value = '0' where name = 'inbox.keep_days'$$, '23514', null, 'no day is refused');
update core.setting set value = '1' where name = 'inbox.keep_days';
select is(inbox.trim(), 1::bigint, 'a day is kept at least: only what is older goes');
select ok(test.turn_clock() @> '{inbox-handle succeeded,inbox-trim succeeded}', 'the clock does both');

select * from finish();
rollback;
