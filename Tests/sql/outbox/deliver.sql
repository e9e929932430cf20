-- Messages are claimed, reported, retried and given up.
begin;
select plan(77);

-- Due messages of other tests are out of the way.
create function pg_temp.forget() returns void language sql as $$
    delete from outbox.delivery;
    delete from outbox.dead_letter;
    delete from outbox.attempt;
    delete from outbox.message;
$$;
select pg_temp.forget();
create temp table t on commit drop as
select test.make_account('A') as a, test.make_account('B') as b;
select core.set_test_clock('2030-01-01 12:00:00+00');

create function pg_temp.send(p_account uuid, p_type text default 'thing.done') returns uuid language sql as $$
    select outbox.send_webhook(p_account, 'https://example.org/' || p_type, p_type, '{}')
$$;
create temp table claim (
    account_id uuid, id uuid, token bigint, message_id text, method text, url text, headers jsonb, body text,
    signing_secrets text[], attempt integer, timeout_ms integer, response_cap integer, kind text, signer jsonb, mail jsonb,
    body_kept integer
) on commit drop;
create function pg_temp.claim(p_limit integer default 32, p_lease integer default 60) returns bigint language sql as $$
    delete from claim;
    insert into claim select * from outbox.claim_messages('w', p_limit, p_lease);
    select count(*) from claim
$$;
create function pg_temp.report(p_more jsonb, p_jitter double precision default 0.5) returns text language sql as $$
    select string_agg(r.result, ',' order by r.id)
    from outbox.report_outcomes((
        select jsonb_agg(jsonb_build_object('account_id', c.account_id, 'id', c.id, 'token', c.token) || p_more) from claim as c
    ), p_jitter) as r
$$;

select is(outbox.next_due(), null, 'nothing is due');
select is(pg_temp.claim(), 0::bigint, 'nothing is claimed');
select pg_temp.send(a) from t;
select is(outbox.next_due(), core.now(), 'a new message is due');
select is(pg_temp.claim(), 1::bigint, 'it is claimed');
select is(pg_temp.claim(), 0::bigint, 'and not again');
select is(outbox.next_due(), core.now() + interval '1 minute', 'until its lease ends');
select is((select state from outbox.message_status), 'sending', 'it is being sent');

-- The lease ends without a report.
select core.set_test_clock('2030-01-01 12:01:00+00');
create temp table late on commit drop as select * from claim;
insert into late select d.account_id, d.message_id, d.lease_token from outbox.delivery as d;
select is(pg_temp.claim(), 1::bigint, 'when the lease has ended it is claimed again');
select is((select attempt from claim), 2, 'as the second attempt');
select is((select message_id from claim), (select core.show_id('msg', id) from outbox.message), 'under the same message id');
select is((select signing_secrets from claim), (select array['webhook/' || a || '/1'] from t), 'signed with the account''s secret');
select is((select method || ' ' || url from claim), 'POST https://example.org/thing.done', 'to the same place');
select is((select outcome from outbox.attempt where number = 1), 'lost', 'the attempt nobody reported is lost');
select is(
    (select r.result || ' ' || r.state from outbox.report_outcomes((
        select jsonb_agg(jsonb_build_object(
            'account_id', l.account_id, 'id', l.id, 'token', l.token, 'outcome', 'response', 'status', 200
        )) from late as l
    )) as r),
    'ignored sending', 'a report under the old lease changes nothing'
);
select is((select count(*) from outbox.late_report where status = 200), 1::bigint, 'but is noted');
select is(
    (select result from outbox.report_outcomes(jsonb_build_array(jsonb_build_object(
        'account_id', core.new_id(), 'id', core.new_id(), 'token', 1, 'outcome', 'response', 'status', 200)))),
    'ignored', 'a report on an unknown message is ignored'
);

select is(
    pg_temp.report('{"outcome": "response", "status": 200, "headers": {"x": "y"}, "body": "fine", "timing": {"total": 3.5},
        "remote_address": "192.0.2.1", "started_at": "2030-01-01T12:01:00Z", "finished_at": "2030-01-01T12:01:01Z"}'),
    'done', 'an answer 2xx is a success'
);
select results_eq(
    'select outcome, status, response_body, response_headers ->> ''x'', timing ->> ''total'', remote_address,
        finished_at - started_at from outbox.attempt where number = 2',
    $$values ('delivered', 200, 'fine', 'y', '3.5', '192.0.2.1', interval '1 second')$$, 'the attempt is in the log'
);
select is(outbox.next_due(), null, 'a delivered message is not due');
select is(pg_temp.report('{"outcome": "response", "status": 500}'), 'ignored', 'a second report of the same claim is ignored');
select is((select state from outbox.message_status), 'done', 'and changes nothing');
select is((select count(*) from outbox.delivery), 0::bigint, 'what is done leaves no row behind in the hot table');

-- The plan.
select pg_temp.forget();
select pg_temp.send(a) from t;
create function pg_temp.exhaust() returns setof text language plpgsql as $$
declare
    v_result text;
    v_due timestamptz;
begin
    for i in 1 .. 11 loop
        if pg_temp.claim() = 0 then
            return;
        end if;
        v_result := pg_temp.report('{"outcome": "response", "status": 503}');
        v_due := outbox.next_due();
        return next v_result || coalesce(' ' || extract(epoch from v_due - core.now())::integer, '');
        perform core.set_test_clock(coalesce(v_due, core.now()));
    end loop;
end;
$$;
select results_eq(
    'select * from pg_temp.exhaust()',
    $$values ('retry 5'), ('retry 300'), ('retry 1800'), ('retry 7200'), ('retry 18000'), ('retry 36000'), ('retry 50400'),
        ('retry 72000'), ('retry 86400'), ('dead')$$,
    'failures are retried by the plan, and then the message is dead'
);
select is((select count(*) from outbox.attempt where outcome = 'rejected'), 10::bigint, 'every attempt is in the log');
select is((select reason || ' ' || status from outbox.dead_letter), 'answered 503 503', 'it is a dead letter');
select is((select (outbox.redrive_message((select a from t), m.id)).id = m.id from outbox.message as m), true, 'it is redriven');
select is((select state || ' ' || attempt from outbox.message_status), 'pending 10', 'and waits, its attempts counted on');
select is_empty('select from outbox.dead_letter', 'and is no dead letter any more');
select is((select count(*) from pg_temp.exhaust()), 10::bigint, 'and gets the whole plan again');

-- Verdicts.
create function pg_temp.try(p_more jsonb, p_jitter double precision default 0.5) returns text language plpgsql as $$
declare
    v_result text;
begin
    perform pg_temp.forget();
    perform pg_temp.send(a) from t;
    perform pg_temp.claim();
    v_result := pg_temp.report(p_more, p_jitter);
    return v_result || coalesce(' ' || extract(epoch from outbox.next_due() - core.now())::numeric(12, 1), '');
end;
$$;
select is(pg_temp.try(v.more::jsonb), v.verdict, v.why)
from (values
    ('{"outcome": "response", "status": 204}', 'done', '204 is a success'),
    ('{"outcome": "response", "status": 302}', 'retry 5.0', 'a redirect is a failure'),
    ('{"outcome": "response", "status": 404}', 'retry 5.0', '404 is a failure'),
    ('{"outcome": "response", "status": 410}', 'dead', '410 ends it at once'),
    ('{"outcome": "failure", "kind": "timeout", "message": "too slow"}', 'retry 5.0', 'a timeout is a failure'),
    ('{"outcome": "failure", "kind": "address_refused"}', 'dead', 'a refused address ends it at once'),
    ('{"outcome": "failure", "kind": "addressRefused"}', 'dead', 'in either spelling'),
    ('{"outcome": "failure", "kind": "invalid_url"}', 'dead', 'an impossible URL ends it at once'),
    ('{"outcome": "failure", "kind": "credential_missing", "message": "set LEVQOR_CREDENTIAL_X"}', 'dead', 'a credential that is missing too'),
    ('{"outcome": "failure", "status": 200}', 'retry 5.0', 'a failure with a status is no success'),
    ('{"outcome": "response", "status": 429, "retry_after": 60}', 'retry 60.0', 'Retry-After is honoured'),
    ('{"outcome": "response", "status": 429, "retry_after": "61"}', 'retry 61.0', 'as text too'),
    ('{"outcome": "response", "status": 503, "retry_after": 1}', 'retry 5.0', 'but never shortens the wait'),
    ('{"outcome": "response", "status": 503, "retry_after": "99999999999999999999"}', 'retry 86400.0', 'nor makes it longer than a day'),
    ('{"outcome": "response", "status": 503, "retry_after": "soon"}', 'retry 5.0', 'nonsense is no Retry-After'),
    ('{"outcome": "response", "status": 503, "retry_after": "Mon, 31 Feb 2030 12:00:00 GMT"}', 'retry 5.0', 'nor is an impossible date'),
    ('{"outcome": "response", "status": 503, "retry_after": "Sun, 00 Nov 2030 12:00:00 GMT"}', 'retry 5.0', 'nor one that can not be read')
) as v (more, verdict, why);
select core.set_test_clock('2030-01-01 12:00:00+00');
select is(
    pg_temp.try('{"outcome": "response", "status": 503, "retry_after": "Tue, 01 Jan 2030 12:10:00 GMT"}'), 'retry 600.0',
    'a date is a Retry-After'
);
select is(pg_temp.try('{"outcome": "response", "status": 503}', 0), 'retry 4.5', 'the jitter shortens the wait by a tenth');
select is(pg_temp.try('{"outcome": "response", "status": 503}', 1), 'retry 5.5', 'or lengthens it by a tenth');
select is(pg_temp.try('{"outcome": "failure", "kind": "shutdown"}'), 'retry 5.0', 'a stopping server''s message is sent again');
select is((select attempt - uncounted_attempts from outbox.delivery), 0, 'and the plan is as long as before');
select is(
    (select pg_temp.try(jsonb_build_object('outcome', 'response', 'status', 500, 'body', repeat('x', 5000),
        'headers', jsonb_build_object('big', repeat('y', 9000), 'a', 'b')))), 'retry 5.0', 'a long answer is a failure as any'
);
select is(
    (select length(response_body) || ' ' || response_headers::text from outbox.attempt), '2048 {"a": "b"}', 'of which the head is kept'
);

-- Fairness: one account's backlog does not keep another's message waiting.
select pg_temp.forget();
select count(pg_temp.send(t.a, 'many.done')) from t, generate_series(1, 100);
select core.set_test_clock('2030-01-01 12:00:10+00');
select count(pg_temp.send(t.b, 'few.done')) from t;
select pg_temp.claim(4);
select is(
    (select count(*) filter (where url like '%few%') || ' of ' || count(*) from claim), '1 of 4',
    'a claim serves every account before it serves one twice'
);

-- Of many due messages of one account, another one's is found by the round over accounts.
select pg_temp.forget();
select count(pg_temp.send(t.a, 'many.done')) from t, generate_series(1, 30);
select core.set_test_clock('2030-01-01 12:00:20+00');
select pg_temp.send(t.b, 'few.done') from t;
select is(
    (select count(*) from outbox.list_due(2) as l inner join t on t.b = l.account_id), 1::bigint,
    'also one that is behind more than a claim looks at'
);

-- A report names several messages, and is whole.
select pg_temp.forget();
select count(pg_temp.send(t.a)) from t, generate_series(1, 3);
select pg_temp.claim();
select is(pg_temp.report('{"outcome": "response", "status": 200}'), 'done,done,done', 'three are reported in one');
select is((select count(*) from outbox.attempt), 3::bigint, 'each is in the log');

-- The last lease that runs out.
select pg_temp.forget();
select pg_temp.send(a) from t;
update outbox.delivery set max_attempts = 1;
select pg_temp.claim();
select core.set_test_clock(core.now() + interval '61 seconds');
select is(pg_temp.claim(), 0::bigint, 'what had its last attempt is not claimed again when the lease ends');
select is((select reason from outbox.dead_letter), 'the lease ran out without a report', 'but dead');
select is((select outcome from outbox.attempt), 'lost', 'with its last attempt in the log');

-- Mails.
select pg_temp.forget();
select outbox.send_mail(a, '{"to": ["a@example.org"]}', 'thing.done') from t;
select pg_temp.claim();
select is((select kind || ' ' || mail::text || ' ' || signing_secrets::text from claim), 'mail {"to": ["a@example.org"]} {}', 'a mail is claimed');
select is(pg_temp.report('{"outcome": "response", "status": 451}'), 'retry', 'a mail that is put off is tried again');
select core.set_test_clock(core.now() + interval '5 seconds');
select pg_temp.claim();
select is(pg_temp.report('{"outcome": "response", "status": 550}'), 'dead', 'one that is refused is not');
select outbox.send_mail(a, '{"to": ["a@example.org"]}', 'thing.done') from t;
select pg_temp.claim();
select is(pg_temp.report('{"outcome": "response", "status": 250, "body": "queued"}'), 'done', 'one that is taken is done');

-- The floor: with many dead entries about, a session begins where it found the first live one.
select pg_temp.forget();
update core.setting set value = '0' where name = 'outbox.floor_bytes';
select pg_temp.send(a) from t;
select is(outbox.read_floor(core.now()), '-infinity', 'at first it looks from the beginning');
select pg_temp.claim();
select is(current_setting('levqor.outbox_floor')::timestamptz, core.now() - interval '250 milliseconds', 'and remembers');
insert into outbox.delivery (account_id, message_id, wake_at, max_attempts, account_hash)
select a, core.new_id(), core.now() - interval '1 hour', 1, 0 from t;
select is_empty('select from outbox.list_due(10)', 'what came in below is not found at once');
select is(outbox.next_due(), core.now() + interval '1 second', 'but the reactor looks again soon');
select set_config('levqor.outbox_floor_until', '2000-01-01', false);
select isnt_empty('select from outbox.list_due(10)', 'and finds it');
update core.setting set value = '1048576' where name = 'outbox.floor_bytes';

-- Dead rows go by rewriting.
delete from core.compaction where table_name = 'outbox.delivery';
update core.setting set value = '1' where name = 'core.compact_bytes';
select cmp_ok(outbox.compact(), '>=', 0::bigint, 'the hot table is rewritten');
select is((select count(*) from core.compaction where table_name = 'outbox.delivery'), 1::bigint, 'which is noted');
select is((select count(*) from outbox.delivery), 2::bigint, 'with what is still due');

select function_privs_are('outbox', 'claim_messages', array['text', 'integer', 'integer'], 'levqor_server', array['EXECUTE'], 'the server claims');
select function_privs_are('outbox', 'report_outcomes', array['jsonb', 'double precision'], 'levqor_server', array['EXECUTE'], 'and reports');
select function_privs_are('outbox', 'next_due', array[]::text[], 'levqor_server', array['EXECUTE'], 'and asks when');
select table_privs_are('outbox', 'message', 'levqor_server', array[]::text[], 'but reads no message by itself');
select table_privs_are('outbox', 'delivery', 'levqor_dba', array[]::text[], 'no report reads the hot table');

select * from finish();
rollback;
