-- Messages and attempts lie in partitions by the UTC day of the message's id.
begin;
select plan(18);

select is(outbox.first_id_at('2030-01-01 00:00:00.123+00'), '01b8dac5-b47b-0000-0000-000000000000'::uuid, 'a time is the head of an id');
select is(outbox.first_id_at(null), null, 'no time is none');
select ok(
    core.new_id() between outbox.first_id_at(clock_timestamp() - interval '1 minute') and outbox.first_id_at(clock_timestamp() + interval '1 minute'),
    'ids of now are between those of a minute ago and in a minute'
);

select ok(outbox.make_day('2040-02-29'), 'a day is made');
select ok(not outbox.make_day('2040-02-29'), 'once');
select is(
    (select count(*) from pg_inherits where inhrelid in ('outbox.message_20400229'::regclass, 'outbox.attempt_20400229'::regclass)), 2::bigint,
    'for messages and attempts'
);
select is(
    (select array_agg(relrowsecurity and relforcerowsecurity) from pg_class where relname in ('message_20400229', 'attempt_20400229')), '{t,t}',
    'each with row-level security of its own'
);
select is(pg_get_userbyid(relowner), 'levqor_owner', 'owned by the owner') from pg_class where relname = 'message_20400229';
select test.make_account() as account \gset
insert into outbox.message (account_id, id, event_type, url, body, created_at)
values (:'account', outbox.first_id_at('2040-02-29 23:59:59.999+00'), 'a.b', 'http://a/', '', now());
select is(tableoid::regclass::text, 'outbox.message_20400229', 'a message lies in the day of its id') from outbox.message where account_id = :'account';
select throws_ok(
    format('insert into outbox.message (account_id, id, event_type, url, body, created_at) values (%L, outbox.first_id_at(%L), %L, %L, %L, now())',
        :'account', '2040-03-01 00:00:00+00', 'a.b', 'http://a/', ''), '23514', null, 'the next day is another partition'
);

-- The days to come, and one that is missing.
select cmp_ok(outbox.make_days(2), '<=', 3::bigint, 'today and days to come are made');
select is(outbox.make_days(2), 0::bigint, 'once');
-- Old ones go with all that hangs on them.
select outbox.make_day('2030-01-01'), outbox.make_day('2030-01-02');
select test.make_account() as account \gset
insert into outbox.message (account_id, id, event_type, url, body, created_at)
values (:'account', outbox.first_id_at('2030-01-01 12:00:00+00'), 'a.b', 'http://a/', '', now()),
    (:'account', outbox.first_id_at('2030-01-02 12:00:00+00'), 'a.b', 'http://a/', '', now());
insert into outbox.delivery (account_id, message_id, wake_at, max_attempts, account_hash)
select account_id, id, 'infinity', 1, 0 from outbox.message where account_id = :'account';
update core.setting set value = '8' where name = 'outbox.keep_days';
select core.set_test_clock('2030-01-10 00:14:00+00');
-- Days before 2030 that hold real messages go too: nothing of this test is kept.
select outbox.drop_days();
select outbox.drop_days();
select is((select count(*) from outbox.message where account_id = :'account'), 2::bigint, 'never before eight days are over');
select core.set_test_clock('2030-01-10 00:20:00+00');
select is(outbox.drop_days(), 0::bigint, 'a quarter of an hour after midnight the oldest day goes, but not while something of it is due');
select is((select array_agg(l.reason) from outbox.dead_letter as l where l.account_id = :'account'), '{"its message is not kept any longer"}', 'that is given up');
select is(outbox.drop_days(), 1::bigint, 'and the day goes with the next run');
select is((select count(*) from outbox.message where account_id = :'account'), 1::bigint, 'with its messages');
select is((select count(*) from outbox.delivery where account_id = :'account'), 1::bigint, 'and what was parked of them');

select * from finish();
rollback;
