-- Tables of days: what may still change is counted again, what can not stays.
begin;
select plan(32);

select core.set_test_clock('2031-03-05 12:00:00+00');
delete from access.request;
do $$
declare
    v_day record;
begin
    for v_day in select d.partition from access.day as d where d.partition is not null loop
        execute format('drop table %s', v_day.partition);
    end loop;
end;
$$;
delete from bi_store.rolled_day;
select test.make_account('A') as a \gset
select test.make_account('B') as b \gset
select access.make_day('2031-03-04');
select access.make_day('2031-03-05');
insert into access.request (at, account_id, micros, bytes_in, bytes_out, status, request_id, route)
select '2031-03-04 00:00:00+00'::timestamptz + n * interval '1 minute', case when n % 2 = 0 then :'a' else :'b' end::uuid, n * 1000, 1, 2,
    case when n <= 90 then 200 else 404 end, 'r' || n, 'GET /x'
from generate_series(1, 100) as n;
insert into access.request (at, account_id, micros, bytes_in, bytes_out, status, request_id, route)
values ('2031-03-05 00:00:00+00', null, 5, 0, 0, 204, 'today', 'GET /x');

select test.become('levqor_owner', true);
select is(bi_store.first_day('request_day'), '2031-03-04'::date, 'the first day that is there');
select is(bi_store.roll_days('request_day'), '{"more": false, "rows": 3}'::jsonb, 'days are counted');
select test.become('none');
select results_eq(
    $$select d.day, d.route, d.status_class, d.requests, d.accounts, d.total_micros, d.p50_micros, d.p95_micros, d.bytes_in, d.bytes_out
        from bi_store.request_day as d order by 1, 3$$,
    $$values ('2031-03-04'::date, 'GET /x', '2xx', 90::bigint, 2::bigint, 4095000::numeric, 45000::bigint, 86000::bigint, 90::numeric, 180::numeric),
        ('2031-03-04', 'GET /x', '4xx', 10, 2, 955000, 95000, 100000, 10, 20),
        ('2031-03-05', 'GET /x', '2xx', 1, 0, 5, 5, 5, 0, 0)$$,
    'by route and class of status'
);
select results_eq(
    $$select r.day, r.is_final from bi_store.rolled_day as r where r.name = 'request_day' order by 1$$,
    $$values ('2031-03-04'::date, true), ('2031-03-05', false)$$, 'the day that is over is final'
);
insert into access.request (at, micros, bytes_in, bytes_out, status, request_id, route) values
('2031-03-04 23:00:00+00', 1, 0, 0, 200, 'late', 'GET /x'), ('2031-03-05 11:00:00+00', 1, 0, 0, 503, 'more', 'GET /x');
select core.set_test_clock('2031-03-05 12:05:00+00');
select test.become('levqor_owner', true);
select is(bi_store.roll_days('request_day'), '{"more": false, "rows": 2}'::jsonb, 'again');
select test.become('none');
select is((select sum(d.requests) from bi_store.request_day as d where d.day = '2031-03-05'), 2::numeric, 'today has what came');
select is((select sum(d.requests) from bi_store.request_day as d where d.day = '2031-03-04'), 100::numeric, 'a final day stays');
do $$
begin
    drop table access.request_20310304;
end;
$$;
select core.set_test_clock('2031-03-06 00:30:00+00');
select test.become('levqor_owner', true);
select bi_store.roll_days('request_day');
select test.become('none');
select is((select sum(d.requests) from bi_store.request_day as d where d.day = '2031-03-04'), 100::numeric, 'also without its records');
select is((select r.is_final from bi_store.rolled_day as r where r.day = '2031-03-05' and r.name = 'request_day'), false,
    'half an hour after its end a day is not final');
select core.set_test_clock('2031-03-06 01:00:00+00');
select test.become('levqor_owner', true);
select bi_store.roll_days('request_day');
select test.become('none');
select is((select r.is_final from bi_store.rolled_day as r where r.day = '2031-03-05' and r.name = 'request_day'), true,
    'an hour after it, it is');

-- One that was cut off goes on.
delete from bi_store.rolled_day;
select access.make_day(d::date) from generate_series('2031-02-01'::timestamp, '2031-02-03', '1 day') as d;
select test.become('levqor_owner', true);
select is(bi_store.roll_days('request_day', core.now() + interval '1 microsecond', -1), '{"more": true, "rows": 0}'::jsonb, 'time is up at once');
select is(
    (select count(*) from bi_store.list_open_days('request_day', core.now() + interval '1 microsecond')), 34::bigint,
    'all days from the first on are open'
);
insert into bi_store.rolled_day (name, day, rolled_at, is_final) values ('request_day', '2031-03-06', core.now(), false);
select is(
    (select max(o.day) from bi_store.list_open_days('request_day', core.now()) as o (day)), '2031-03-05'::date,
    'what was counted since the refresh began is not counted again'
);
select test.become('none');

-- Messages to the outside.
insert into identity.account (name, kind) select 'Operator', 'operator' where not exists (select from identity.account as a where a.kind = 'operator');
delete from outbox.delivery;
select outbox.first_id_at('2031-03-02 10:00:00+00') as low \gset
select outbox.make_day('2031-03-02');
insert into outbox.message (account_id, id, event_type, url, body, created_at)
select a.id, overlay(:'low'::text placing a.tag || n from 35 for 2)::uuid, 'thing.done', 'https://example.com', '{}', '2031-03-02 10:00:00+00'
from (values (:'a'::uuid, 'a'), (:'b'::uuid, 'b')) as a (id, tag)
cross join generate_series(1, 4) as n
where a.tag = 'a' or n = 1;
insert into outbox.attempt (account_id, message_id, number, outcome, started_at, finished_at)
select m.account_id, m.id, t.number, t.outcome, '2031-03-02 10:00:00+00', '2031-03-02 10:00:00+00'::timestamptz + t.number * interval '10 seconds'
from outbox.message as m
inner join (values ('a1', 1, 'delivered'), ('a2', 1, 'failed'), ('a2', 2, 'delivered'), ('a3', 1, 'rejected'), ('b1', 1, 'delivered'))
    as t (tag, number, outcome) on right(m.id::text, 2) = t.tag;
insert into outbox.dead_letter (account_id, message_id, reason, died_at)
select m.account_id, m.id, 'no', '2031-03-02 11:00:00+00' from outbox.message as m where right(m.id::text, 2) = 'a3';
select core.set_test_clock('2031-03-05 12:00:00+00');
select test.become('levqor_owner', true);
select bi_store.roll_delivery_day('2031-03-02');
select test.become('none');
select results_eq(
    format($$select d.account_id = %L, d.kind, d.event_type, d.messages, d.delivered, d.dead, d.attempts, d.failed_attempts, d.total_seconds
        from bi_store.delivery_day as d where d.day = '2031-03-02' order by 1 desc$$, :'a'),
    $$values (true, 'http', 'thing.done', 4::bigint, 2::bigint, 1::bigint, 4::bigint, 2::bigint, 30::numeric),
        (false, 'http', 'thing.done', 1, 1, 0, 1, 0, 10)$$,
    'messages by account, and what became of them'
);
select is(
    row(f.messages_count, f.delivered_count, f.dead_count, f.due_count, f.mean_delivery_seconds)::text, '(4,2,1,1,15.000)', 'as bi shows it'
)
from bi.fct_webhook_deliveries_daily as f
where f.account_id = :'a' and f.message_date = '2031-03-02';
select test.become('levqor_owner', true);
select bi_store.roll_delivery_day('2031-03-02');
select test.become('none');
select is((select sum(d.messages) from bi_store.delivery_day as d where d.day = '2031-03-02'), 5::numeric, 'counted again, nothing is there twice');
select is(bi_store.is_over('2031-03-02', 8), false, 'three days later it may still change');
select core.set_test_clock('2031-03-11 00:59:59+00');
select is(bi_store.is_over('2031-03-02', 8), false, 'as long as retries may come');
select core.set_test_clock('2031-03-11 01:00:00+00');
select is(bi_store.is_over('2031-03-02', 8), true, 'and then not any more');

-- Older open days are counted every six hours.
delete from bi_store.rolled_day;
select core.set_test_clock('2031-03-05 12:00:00+00');
select test.become('levqor_owner', true);
select bi_store.roll_days('delivery_day');
select core.set_test_clock('2031-03-05 17:59:00+00');
select is(
    array(select bi_store.list_open_days('delivery_day', core.now())), '{2031-03-04,2031-03-05}'::date[], 'yesterday and today each time'
);
select core.set_test_clock('2031-03-05 18:00:00+00');
select ok('2031-03-02'::date in (select bi_store.list_open_days('delivery_day', core.now())), 'others six hours later');
select test.become('none');

-- Mails.
insert into mail.message (account_id, key, address, template, class, state, reason, created_at, finished_at)
select :'a', 'k' || n, 'a@example.com', 'x', 'transactional', case when n = 1 then 'left-out' else 'sent' end,
    case when n = 1 then 'bounce' end, '2031-03-04 10:00:00+00', '2031-03-04 10:00:01+00'
from generate_series(1, 3) as n;
select test.become('levqor_owner', true);
select bi_store.roll_mail_day('2031-03-04');
select test.become('none');
select results_eq(
    $$select f.mail_date, f.template, f.mail_class, f.mail_state, f.left_out_reason, f.mails_count from bi.fct_mails_daily as f
        where f.mail_date = '2031-03-04' order by 4$$,
    $$values ('2031-03-04'::date, 'x', 'transactional', 'left-out', 'bounce', 1::bigint), ('2031-03-04', 'x', 'transactional', 'sent', null, 2)$$,
    'mails by what became of them'
);

-- Who sees the days.
select test.become('levqor_owner');
select test.act_for(:'b');
select ok((select count(*) from bi_store.delivery_day) >= 2, 'outside of a request all accounts are seen');
select core.set_caller(:'b', null, null, null, null, null, 'req_1');
select is(
    array(select distinct d.account_id from bi_store.delivery_day as d), array[:'b'::uuid], 'in a request an account sees its own'
);
select core.set_caller(null, null, null, null, null, null, 'req_1');
select is_empty('select from bi_store.delivery_day', 'and nobody sees nothing');
select test.act_for(null);
select test.become('none');
select is(
    (select array_agg(c.relname::text order by c.relname) from pg_class as c where c.relnamespace = 'bi_store'::regnamespace
        and c.relkind = 'r' and c.relrowsecurity and c.relforcerowsecurity),
    (select array_agg(c.relname::text order by c.relname) from pg_class as c where c.relnamespace = 'bi_store'::regnamespace
        and c.relkind = 'r' and exists (select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'account_id')),
    'every table of days by account has that wall'
);

-- Trimming.
update core.setting set value = '2' where name = 'bi.keep_days';
select core.set_test_clock('2031-03-05 18:00:00+00');
select test.become('levqor_owner', true);
select ok(bi_store.trim_days() >= 2, 'old days go');
select is((select count(*) from bi_store.delivery_day as d where d.day < '2031-03-03'), 0::bigint, 'all of them');
select is((select count(*) from bi_store.rolled_day as d where d.day < '2031-03-03'), 0::bigint, 'and what is noted of them');
select is(
    (select min(o.day) from bi_store.list_open_days('delivery_day', core.now()) as o (day)), '2031-03-03'::date,
    'and they are not counted again'
);
select throws_ok($$select bi_store.roll_days('nothing')$$, 'LQ404', 'no such table of days', 'a table that is none is refused');
select throws_ok($$select bi_store.roll_days('accounts')$$, 'LQ404', 'no such table of days', 'and so is a view');
select test.become('none');

select * from finish();
rollback;
