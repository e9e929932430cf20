-- Messages are sent again under their ids.
begin;
select plan(36);

select test.make_account() as account, test.make_account() as other \gset
select test.make_key(:'account') as key, test.make_key(:'other') as stranger \gset
select core.set_test_clock('2030-01-01 12:00:00+00');
delete from outbox.delivery;
delete from outbox.dead_letter;
select outbox.add_endpoint(:'account', 'https://example.org/hook', '{thing.*}') as endpoint \gset

create function pg_temp.run(p_status integer) returns text language sql as $$
    select string_agg(r.result, ',')
    from outbox.report_outcomes((
        select jsonb_agg(jsonb_build_object('account_id', c.account_id, 'id', c.id, 'token', c.token, 'outcome', 'response', 'status', p_status))
        from outbox.claim_messages('w', 100) as c
    ), 0.5) as r
$$;
create function pg_temp.kill() returns bigint language sql as $$
    update outbox.delivery set max_attempts = 1;
    select pg_temp.run(500);
    select count(*) from outbox.dead_letter
$$;

select throws_ok(format('select outbox.redrive_message(%L, %L)', :'account', core.new_id()), 'LQ404', 'no such message', 'an unknown message can not be redriven');
select outbox.publish_event(:'account', 'thing.done', '{}');
select m.id as message from outbox.message as m where m.endpoint_id = :'endpoint' \gset
select throws_ok(
    format('select outbox.redrive_message(%L, %L)', :'account', :'message'), 'LQ409', 'only a dead message can be redriven', 'a waiting one can not'
);
select is(c.status, 409, 'nor be replayed') from test.call('POST', format('/api/v1/deliveries/%s/replay', core.show_id('msg', :'message')), :'key') as c;
select is(pg_temp.run(200), 'done', 'it arrives');
select is((c.status, c.body ->> 'state', c.body ->> 'message_id')::text, format('(202,pending,%s)', core.show_id('msg', :'message')), 'a done one is sent again')
from test.call('POST', format('/api/v1/deliveries/%s/replay', core.show_id('msg', :'message')), :'key') as c;
select is((select row(attempt, uncounted_attempts, max_attempts)::text from outbox.delivery), '(1,1,10)', 'with the whole plan before it');
select is(pg_temp.run(200), 'done', 'and arrives again');
select is((select array_agg(number || outcome order by number) from outbox.attempt where message_id = :'message'), '{1delivered,2delivered}', 'as the second attempt');
select is(c.status, 404, 'another account can not') from test.call('POST', format('/api/v1/deliveries/%s/replay', core.show_id('msg', :'message')), :'stranger') as c;

-- A dead one.
select outbox.publish_event(:'account', 'thing.done', '{}');
select is(pg_temp.kill(), 1::bigint, 'one dies');
select message_id as dead from outbox.dead_letter \gset
select is((outbox.redrive_message(:'account', :'dead')).id, :'dead'::uuid, 'it is redriven');
select is(outbox.replay_messages(:'account', array[:'dead']::uuid[]), '{}', 'once');
select is(pg_temp.kill(), 1::bigint, 'it dies again');

-- A time.
select count(outbox.publish_event(:'account', 'thing.done', '{}')) from generate_series(1, 4);
select pg_temp.run(200);
select is((select count(*) from outbox.message where endpoint_id = :'endpoint'), 6::bigint, 'there are six');
create function pg_temp.order(p_path text, p_key text, p_body jsonb, out status integer, out body jsonb) language sql as $$
    select c.status, c.body from test.call('POST', p_path, p_key, p_body) as c
$$;
select format('/api/v1/endpoints/%s/replay', core.show_id('ep', :'endpoint')) as path \gset
select is(c.status, 422, 'since is before until') from pg_temp.order(:'path', :'key', '{"since": "2029-01-01T00:00:00Z", "until": "2028-01-01T00:00:00Z"}') as c;
select c.status, c.body ->> 'replay_id' as replay, c.body ->> 'finished_at' as finished
from pg_temp.order(:'path', :'key', '{"since": "2020-01-01T00:00:00Z"}') as c \gset
select is(:status, 202, 'a replay is ordered');
select is(c.status, 409, 'one at a time') from pg_temp.order(:'path', :'key', '{"since": "2020-01-01T00:00:00Z"}') as c;
select is(outbox.work_replays(), 1::bigint, 'the clock sends the dead one again');
select is((c.body ->> 'replayed') || ' ' || (c.body ->> 'finished_at'), '1 2030-01-01T12:00:00+00:00', 'and then it is finished')
from test.call('GET', format('/api/v1/endpoints/%s/replays/%s', core.show_id('ep', :'endpoint'), :'replay'), :'key') as c;
select is(c.status, 404, 'another account does not see it')
from test.call('GET', format('/api/v1/endpoints/%s/replays/%s', core.show_id('ep', :'endpoint'), :'replay'), :'stranger') as c;
select pg_temp.run(200);
select is(outbox.work_replays(), 0::bigint, 'nothing is left to do');
select is(c.status, 202, 'all are ordered') from pg_temp.order(:'path', :'key', '{"since": "2020-01-01T00:00:00Z", "only_failed": false}') as c;
select is(outbox.work_replays(4), 4::bigint, 'a few at a time');
select is(outbox.work_replays(4), 2::bigint, 'and the others');
select is((select count(*) from outbox.replay where finished_at is null), 0::bigint, 'to the end');
select is((select count(*) from outbox.delivery), 6::bigint, 'each once');
create temp table kept on commit drop as select * from outbox.delivery;
delete from outbox.delivery;
select is(c.status, 202, 'another is ordered') from pg_temp.order(:'path', :'key', '{"since": "2020-01-01T00:00:00Z", "only_failed": false}') as c;
update outbox.endpoint set is_enabled = false where id = :'endpoint';
select is(outbox.work_replays(), 0::bigint, 'when its endpoint is disabled meanwhile, nothing is sent');
select is((select count(*) from outbox.replay where finished_at is null), 0::bigint, 'and it is finished');
insert into outbox.delivery select * from kept;
select is(c.status, 409, 'to a disabled endpoint nothing is sent again') from pg_temp.order(:'path', :'key', '{"since": "2020-01-01T00:00:00Z"}') as c;
select is((select count(*) from audit.entry where action = 'outbox.order_replay'), 3::bigint, 'orders are in the trail');

-- Old ones.
select outbox.send_mail(:'account', '{}', 'a.b', null, null, 'key');
select core.set_test_clock('2030-01-31 11:59:59+00');
select is(outbox.trim_old(), 0::bigint, 'for 30 days keys and replays are kept');
update outbox.endpoint set removed_at = '2030-01-01 12:00:00+00' where id = :'endpoint';
select core.set_test_clock('2030-01-31 12:00:01+00');
select is(outbox.trim_old(), 4::bigint, 'and no longer');
select is((select count(*) from outbox.endpoint where account_id = :'account'), 1::bigint, 'a removed endpoint stays while something is due for it');
delete from outbox.delivery where endpoint_id = :'endpoint';
select is(outbox.trim_old(), 1::bigint, 'and then goes');
select is((select count(*) from outbox.endpoint where account_id = :'account'), 0::bigint, 'as the others');

select * from finish();
rollback;
