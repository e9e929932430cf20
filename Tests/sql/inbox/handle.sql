-- Handlers: called outside of the request, retried, given up, replayed.
begin;
select plan(41);

set local levqor.machinery = 'on';
update core.setting set value = '"development"' where name = 'core.environment';
select core.set_test_clock('2026-03-01 12:00:00+00');
create schema shop;
grant usage on schema shop to public;
create table shop.seen (
    n integer generated always as identity, event_id text, attempt integer, is_replay boolean, payload jsonb, body bytea, at timestamptz,
    account uuid, machinery boolean
);
create table shop.broken (event_id text primary key, how text);
grant all on shop.seen, shop.broken to public;
create function shop.take(p_event inbox.event) returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    insert into shop.seen (event_id, attempt, is_replay, payload, body, at, account, machinery)
    values (p_event.event_id, p_event.attempt, p_event.is_replay, p_event.payload, p_event.body, p_event.event_at, core.current_account(),
        core.is_machinery());
    case (select b.how from shop.broken as b where b.event_id = p_event.event_id)
        when 'raise' then raise exception using errcode = 'LQ500', message = 'the shop is shut';
        when 'cancel' then raise exception using errcode = 'query_canceled', message = 'canceling statement due to statement timeout';
        when 'hint' then perform core.hint('shop');
        else null;
    end case;
end $$;
create function shop.tidy() returns void language sql as 'select';
create temp table s on commit drop as
select inbox.create_source('shop', 'none', p_handler => 'shop.take') as shop, inbox.create_source('other', 'none') as other;
create function pg_temp.come(p_id text, p_source text default 'shop') returns text language sql as $$
    select r.outcome from inbox.receive(p_source, convert_to(format('{"id": "%s", "timestamp": 1772366000}', p_id), 'UTF8'), '{}') as r
$$;
create function pg_temp.state(p_id text) returns text language sql as $$
    select concat_ws(' ', d.state, d.attempts, d.tries, d.replays) from inbox.delivery as d where d.event_id = p_id
$$;

select is(pg_temp.come('e1'), 'accepted', 'an event comes');
select is_empty('select from shop.seen', 'and is not handled at once');
select is(inbox.handle_due(), 1, 'the clock has it handled');
select is(
    (select (w.event_id, w.attempt, w.is_replay, w.payload, w.body, extract(epoch from w.at), w.account is null, w.machinery)::text from shop.seen as w),
    (select ('e1'::text, 1, false, '{"id": "e1", "timestamp": 1772366000}'::jsonb, '{"id": "e1", "timestamp": 1772366000}'::bytea,
        1772366000.000000, true, true)::text),
    'with all that is known of it, as machinery for the operator'
);
select is(pg_temp.state('e1'), 'done 1 0 0', 'it is done');
select is(inbox.handle_due(), 0, 'and not handled again');
select is(pg_temp.come('e1'), 'repeated', 'nor when it comes again');
select is(inbox.handle_due(), 0, 'a repeat is not handled');
select is(
    (select concat_ws(' ', a.number, a.handler, a.is_replay, a.outcome, a.sqlstate) from inbox.attempt as a), '1 shop.take f done',
    'the attempt is written down'
);

-- A handler that fails.
insert into shop.broken values ('e2', 'raise');
select pg_temp.come('e2'), pg_temp.come('e3');
select is(inbox.handle_due(), 2, 'one that fails does not keep the next from being handled');
select is(pg_temp.state('e2') || ', ' || pg_temp.state('e3'), 'waiting 1 1 0, done 1 0 0', 'it waits for another attempt');
select is((select count(*) from shop.seen as w where w.event_id = 'e2'), 0::bigint, 'what it had done is undone');
select is(
    (select concat_ws(' ', a.outcome, a.sqlstate, a.error) from inbox.attempt as a where a.outcome <> 'done'), 'failed LQ500 the shop is shut',
    'the failure is written down'
);
select ok(d.due_at between core.now() + interval '9 seconds' and core.now() + interval '11 seconds', 'after the first wait of the plan, more or less')
from inbox.delivery as d where d.event_id = 'e2';
select is(inbox.handle_due(), 0, 'not before');
select core.set_test_clock(core.now() + interval '11 seconds');
select is(inbox.handle_due(), 1, 'then again');
select is(pg_temp.state('e2'), 'waiting 2 2 0', 'it fails again');
do $$
begin
    for i in 1 .. 10 loop
        perform core.set_test_clock(core.now() + interval '2 days');
        perform inbox.handle_due();
    end loop;
end $$;
select is(pg_temp.state('e2'), 'dead 9 9 0', 'after the last of the plan it is dead');
select is((select max(a.number) from inbox.attempt as a), 9, 'with all its attempts');

-- Replay of one.
delete from shop.broken;
select is((inbox.replay(d.id)).state, 'waiting', 'a dead one is replayed') from inbox.delivery as d where d.event_id = 'e2';
select is(inbox.handle_due(), 1, 'it is handled');
select is(pg_temp.state('e2'), 'done 10 0 1', 'and done');
select is((select concat_ws(' ', w.event_id, w.attempt, w.is_replay) from shop.seen as w order by w.n desc limit 1), 'e2 10 t',
    'the handler learns that it is a replay, of the same event');
select throws_ok($$select inbox.replay(core.new_id())$$, 'LQ404', 'no such delivery, or its source was deleted', 'an unknown one is not');
select is((select e.target from audit.entry as e where e.action = 'inbox.replay'), core.show_id('rcv', d.id), 'a replay is audited')
from inbox.delivery as d where d.event_id = 'e2';

-- Replay of a range.
select is(r.replayed, 2::bigint, 'the oldest two of those that are done') from inbox.replay_many('shop', '{done}', p_limit => 2) as r;
-- Made in one millisecond, they are in no order but that of their ids.
create temp table ranged on commit drop as
select array_agg(d.id order by d.id) as ids, array_agg(d.state order by d.id) as states from inbox.delivery as d
where d.event_id in ('e1', 'e2', 'e3');
select is(states, '{waiting,waiting,done}', 'these') from ranged;
select is(r.replayed, 0::bigint, 'none before they came') from inbox.replay_many('shop', '{done,dead}', p_received_before => '2026-03-01 12:00:00+00') as r;
select is(r.replayed, 1::bigint, 'and the rest, behind the last') from ranged as d,
    lateral inbox.replay_many('shop', '{done}', p_received_after => '2026-03-01 12:00:00+00', p_after_id => d.ids[2]) as r;
select is(inbox.handle_due(), 3, 'they are handled again');
select throws_ok($$select inbox.replay_many('shop', '{waiting}')$$, 'LQ422', 'only what is done or dead can be replayed', 'what waits is not');

-- A handler that hangs ends the run, and is one failed attempt of its event.
insert into shop.broken values ('e4', 'cancel');
select pg_temp.come('e4');
select is(inbox.handle_due(), 1, 'one that is cancelled');
select is(pg_temp.state('e4') || ' ' || (select a.outcome from inbox.attempt as a where a.sqlstate = '57014'), 'waiting 1 1 0 timed out', 'is tried again');

-- Of an account: in its name.
create temp table acc on commit drop as select test.make_account('Shop') as id;
update inbox.source as o set account_id = acc.id from acc where o.name = 'shop';
insert into shop.broken values ('e5', 'hint');
select pg_temp.come('e5');
select core.take_hints();
select core.hint('before');
select is(inbox.handle_due(), 1, 'an event of an account''s source');
select is((select row(w.account, w.machinery)::text from shop.seen as w order by w.n desc limit 1), (select row(acc.id, false)::text from acc),
    'is handled in the account''s name, and sees no other');
select ok(core.is_machinery() and core.take_hints() @> array[E'before\t1'], 'and what follows is machinery again');

-- Pausing, taking turns.
select inbox.change_source('shop', p_state => 'paused');
select pg_temp.come('e6');
select is(inbox.handle_due(), 0, 'nothing of a paused source is handled');
select inbox.change_source('shop', p_state => 'active');
select pg_temp.come('o1', 'other');
select is(inbox.handle_due(0), 1, 'no other is begun when the time is up');
select is(inbox.handle_due(), 1, 'the next run goes on');

-- Only what was made to be a handler can be one.
select throws_ok($$select inbox.change_source('shop', p_handler => 'shop.tidy')$$, 'LQ422', 'no handler shop.tidy(p_event inbox.event)', 'not any function');
drop function shop.take(inbox.event);
select pg_temp.come('e7');
select inbox.handle_due();
select is(
    (select a.sqlstate || ' ' || a.error from inbox.attempt as a inner join inbox.delivery as d on d.id = a.delivery_id where d.event_id = 'e7'),
    'LQ422 no handler shop.take(p_event inbox.event)', 'one that went is told in the attempt'
);

select * from finish();
rollback;
