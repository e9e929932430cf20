-- What is held is not removed on any floor.
begin;
select plan(28);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-06-15 12:00:00+00');
create temp table t on commit drop as select test.make_account('Held') as held, test.make_account('Free') as free;

select is(core.held_accounts('mail.message'), '{}'::uuid[], 'without a hold nothing is held');
select is(core.held_addresses('mail.message'), '{}'::text[], 'nor an address');
insert into core.held (hold_id, id, table_name, account_id, from_at, until_at)
select gen_random_uuid(), 1, v.table_name, held, v.from_at, v.until_at
from t, (values
    ('outbox.event', timestamptz '2026-06-01', null::timestamptz), ('jobs.hour', '2026-06-01', '2026-06-15 12:00:00+00'),
    ('mail.message', '2026-06-15 12:00:01+00', null)
) as v (table_name, from_at, until_at);
select is(core.held_accounts('outbox.event'), array[held], 'an account is held in a table') from t;
select is(core.held_accounts('jobs.hour'), '{}'::uuid[], 'a hold that is over holds nothing');
select is(core.held_accounts('mail.message'), '{}'::uuid[], 'nor one that has not begun');
insert into core.held (hold_id, id, account_id, from_at) select gen_random_uuid(), 1, held, core.now() from t;
select is(core.held_accounts('mail.message'), array[held], 'an account is held in every table') from t;
select is(core.held_accounts('outbox.event'), array[held], 'and is named once') from t;
insert into core.held (hold_id, id, table_name, from_at) values (gen_random_uuid(), 1, 'schedule.run', core.now());
select is(core.held_accounts('schedule.run'), null, 'a whole table is held');
select is(core.held_accounts('outbox.event'), array[held], 'no other one is') from t;
insert into core.held (hold_id, id, address, from_at) values (gen_random_uuid(), 1, 'ann@example.org', core.now());
select is(core.held_addresses('mail.message'), '{ann@example.org}'::text[], 'an address is held');

-- Partitions.
create table core.tale (account_id uuid, day date) partition by range (day);
create table core.tale_1 partition of core.tale for values from ('2026-01-01') to ('2026-02-01');
create table core.tale_2 partition of core.tale for values from ('2026-02-01') to ('2026-03-01');
insert into core.tale select held, date '2026-01-15' from t union all select free, date '2026-02-15' from t;
select ok(core.has_held('core.tale_1'), 'a partition with a row of a held account is known');
select ok(not core.has_held('core.tale_2'), 'one without is too');
insert into core.held (hold_id, id, table_name, from_at) values (gen_random_uuid(), 1, 'core.tale', core.now());
select ok(core.has_held('core.tale_2'), 'a hold on the table holds its partitions');

-- The tasks of the domains.
create function pg_temp.left_of(p_table regclass) returns text language plpgsql as $$
declare
    v_left text;
begin
    execute format('select string_agg(case when x.account_id = t.held then ''held'' else ''free'' end, '' '') from %s as x, t', p_table)
    into v_left;
    return v_left;
end;
$$;
insert into outbox.event (account_id, event_type, data, created_at) select a, 'thing.done', '{}', '2026-01-01' from t, unnest(array[held, free]) as a;
select outbox.trim_events();
select is(pg_temp.left_of('outbox.event'), 'held', 'outbox.trim_events heeds holds');
insert into mail.message (account_id, address, template, class, created_at)
select a, x, 'hello', (select c.name from mail.class as c limit 1), '2026-01-01'
from t, unnest(array[held, free]) as a, unnest(array['bob@example.org', 'Ann@Example.org']) as x;
select mail.trim_messages();
select is(pg_temp.left_of('mail.message'), 'held held free', 'mail.trim_messages heeds holds on accounts and on addresses');
insert into outbox.message_key (account_id, key, message_id, created_at)
select a, 'k', core.new_id(), '2026-01-01' from t, unnest(array[held, free]) as a;
insert into outbox.late_report (account_id, message_id, token, reported_at)
select a, core.new_id(), 1, '2026-01-01' from t, unnest(array[held, free]) as a;
insert into outbox.endpoint (account_id, url, created_at, removed_at, is_enabled)
select a, 'https://example.org/', '2026-01-01', '2026-01-01', false from t, unnest(array[held, free]) as a;
insert into outbox.replay (account_id, endpoint_id, since, until, only_failed, created_at, finished_at)
select a, core.new_id(), '2025-01-01', '2026-01-01', false, '2026-01-01', '2026-01-01' from t, unnest(array[held, free]) as a;
select outbox.trim_old();
select is(pg_temp.left_of(x), 'held', 'outbox.trim_old heeds holds: ' || x)
from unnest(array['outbox.message_key', 'outbox.late_report', 'outbox.endpoint', 'outbox.replay']) as x;
insert into quota.spending (account_id, day, reserved_usd) select a, '2024-01-01', 1 from t, unnest(array[held, free]) as a;
insert into quota.usage_history (account_id, month, used, tier) select a, '2020-01-01', 1, 'sandbox' from t, unnest(array[held, free]) as a;
select quota.trim();
select is(pg_temp.left_of(x), 'held', 'quota.trim heeds holds: ' || x) from unnest(array['quota.spending', 'quota.usage_history']) as x;
insert into jobs.hour (account_id, workflow, hour, submitted, succeeded, failed, canceled)
select a, 'w', '2024-01-01', 1, 1, 0, 0 from t, unnest(array[held, free]) as a;
select jobs.drop_days();
select is(pg_temp.left_of('jobs.hour'), 'held', 'jobs.drop_days heeds holds');
insert into inbox.source (account_id, name, scheme) select a, 's' || row_number() over (), 'none' from t, unnest(array[held, free]) as a;
insert into inbox.delivery (id, source_id, account_id, event_id, received_at, due_at, state, handled_at, headers, body)
select core.new_id(), s.id, s.account_id, 'e', '2026-01-01', '2026-01-01', 'done', '2026-01-01', '{}', '' from inbox.source as s;
select inbox.trim();
select is(pg_temp.left_of('inbox.delivery'), 'held', 'inbox.trim heeds holds');
insert into http.idempotency_key (account_id, key, fingerprint, state, request_id, status, created_at, expires_at)
select a, 'k', sha256(''), 'done', 'req', 200, '2026-01-01', '2026-01-02' from t, unnest(array[held, free]) as a;
select http.purge_idempotency();
select is(pg_temp.left_of('http.idempotency_key'), 'held', 'http.purge_idempotency heeds holds');

-- Days of the access record.
select access.make_day('2026-01-01'), access.make_day('2026-01-02');
insert into access.request (at, account_id, micros, bytes_in, bytes_out, status, request_id, route)
select v.at, v.account, 1, 1, 1, 200, 'r', 'GET /' from t, lateral (values
    (timestamptz '2026-01-01 12:00:00+00', held), ('2026-01-01 13:00:00+00', free), ('2026-01-02 12:00:00+00', free)
) as v (at, account);
select is(access.drop_days(), 1::bigint, 'a day without a held row goes');
select is(to_regclass('access.request_20260101')::text, 'access.request_20260101', 'one with a held row stays');
select throws_ok($$select core.held_accounts(null, null)$$, '42883', null, 'one table is asked for');
set local role levqor_server;
select throws_ok($$select core.held_accounts('mail.message')$$, '42501', null, 'the server may not ask');

select * from finish();
rollback;
