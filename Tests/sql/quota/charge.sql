-- The month's calls are charged exactly: a batch in one step, and call by call. Through the guard: limits/month.sql.
begin;
select plan(38);

select core.set_test_clock('2031-01-15 12:00:00+00');
select test.make_account('A') as a, test.make_account('B') as b, test.make_account('C') as c \gset
update quota.tier set calls_per_month = 10 where name = 'sandbox';
update quota.tier set calls_per_month = 20 where name = 'pro';
-- A call on its way, as the guard makes it.
create function pg_temp.call(p_account_id uuid, p_tier text default 'sandbox', p_is_metered boolean default true,
    p_is_charged boolean default false, p_refusal text default null) returns http.call language sql as $$
    select row(1, null, p_account_id, null, null, '{}', false, '192.0.2.1', 'req', p_tier, null, p_is_metered, p_is_charged, p_refusal, null)::http.call
$$;
create function pg_temp.calls(p_number integer, p_account_id uuid, p_tier text default 'sandbox') returns http.call[] language sql as $$
    select array_agg(pg_temp.call(p_account_id, p_tier)) from generate_series(1, p_number)
$$;
create function pg_temp.used() returns text language sql as $$
    select string_agg(a.name || ' ' || u.used || '/' || u.allowed, ', ' order by a.name)
    from quota.usage as u inner join identity.account as a on a.id = u.account_id
    where u.month = quota.month()
$$;
create function pg_temp.charges(p_charges quota.charge[]) returns text language sql as $$
    select string_agg(a.name || ' ' || c.used || '/' || c.allowed || ' +' || c.calls, ', ' order by a.name)
    from unnest(p_charges) as c inner join identity.account as a on a.id = c.account_id
$$;

-- The length of a month.
select is(quota.month_seconds(quota.month_end(t.month::date)), t.days * 86400::bigint, t.month || ' has ' || t.days || ' days')
from (values ('2031-01-01', 31), ('2031-02-01', 28), ('2032-02-01', 29), ('2031-12-01', 31)) as t (month, days);

-- A batch.
select is(
    pg_temp.charges(quota.charge_all(pg_temp.calls(7, :'a') || pg_temp.calls(2, :'b', 'pro') || pg_temp.calls(1, :'c', 'enterprise'))),
    'A 7/10 +7, B 2/20 +2, C 1/9223372036854775807 +1', 'a batch is charged by account, each by its tier'
);
select is(pg_temp.used(), 'A 7/10, B 2/20, C 1/9223372036854775807', 'and written');
select is(
    pg_temp.charges(quota.charge_all(array[
        pg_temp.call(:'a', p_is_metered => false), pg_temp.call(:'a', p_is_charged => true), pg_temp.call(:'a', p_refusal => 'LQ401'),
        pg_temp.call(:'b', 'pro')
    ])),
    'B 3/20 +1', 'calls that are not metered, were charged before, or are refused are not charged'
);
select is(quota.charge_all(array[pg_temp.call(:'a', p_is_metered => false)]), null, 'nor is a batch of such');
select throws_ok(
    format('select quota.charge_all(pg_temp.calls(1, %L, %L) || pg_temp.calls(4, %L))', :'b', 'pro', :'a'), 'LQUND',
    'not every account has room for its calls', 'a batch in which one account has too many is not charged'
);
select is(pg_temp.used(), 'A 7/10, B 3/20, C 1/9223372036854775807', 'for nobody');
select is(pg_temp.charges(quota.charge_all(pg_temp.calls(3, :'a'))), 'A 10/10 +3', 'what fills the month exactly is');
select throws_ok(format('select quota.charge_all(pg_temp.calls(1, %L))', :'a'), 'LQUND', null, 'and no call more');
select throws_ok(
    format('select quota.charge_all(pg_temp.calls(11, %L))', test.make_account('D')), 'LQUND', null,
    'nor too many at once for an account without a call yet'
);
select is(pg_temp.charges(quota.charge_all(pg_temp.calls(1, :'a', 'pro'))), 'A 11/20 +1', 'a higher tier has room at once');
select throws_ok(format('select quota.charge_all(pg_temp.calls(1, %L))', :'a'), 'LQUND', null, 'and a lower one none');

-- One call.
create function pg_temp.one(p_account_id uuid, p_tier text) returns text language sql as $$
    select pg_temp.charges(quota.charge_all(pg_temp.calls(1, p_account_id, p_tier)))
$$;
select is(pg_temp.one(:'b', 'pro'), 'B 4/20 +1', 'one call is charged');
select is(pg_temp.one(:'c', 'enterprise'), 'C 2/9223372036854775807 +1', 'also where there is no limit');
update quota.usage set used = 19 where account_id = :'b';
select is(pg_temp.one(:'b', 'pro'), 'B 20/20 +1', 'the last one too');
select throws_ok(format('select pg_temp.one(%L, %L)', :'b', 'pro'), 'LQUND', 'not every account has room for its calls', 'and no more');
update quota.tier set calls_per_month = 0 where name = 'pro';
select throws_ok(format('select pg_temp.one(%L, %L)', test.make_account('E'), 'pro'), 'LQUND', null, 'a tier may allow none');
update quota.tier set calls_per_month = 20 where name = 'pro';

-- A month begins.
select core.set_test_clock('2031-02-01 00:00:00+00');
select is(pg_temp.one(:'b', 'pro'), 'B 1/20 +1', 'a new month begins with nothing');
select is(
    (select u.used from quota.usage as u where u.account_id = :'b' and u.month = '2031-01-01'), 20::bigint, 'and the old one stays as it was'
);

-- Call by call, on locked rows.
select core.set_test_clock('2031-03-15 12:00:00+00');
select pg_temp.one(:'a', 'sandbox') from generate_series(1, 7);
select is(
    pg_temp.charges(quota.lock_usage(pg_temp.calls(5, :'a') || pg_temp.calls(2, :'b', 'pro') || pg_temp.call(:'c', p_is_charged => true))),
    'A 7/10 +0, B 0/20 +0', 'rows are locked as they stand, with what the tiers allow'
);
select quota.write_usage(array[row(:'a', 9, 10, 2), row(:'b', 1, 20, 1)]::quota.charge[]);
select is(pg_temp.used(), 'A 9/10, B 1/20', 'and written as decided');
select quota.write_usage(array[row(:'a', 1, 1, 0)]::quota.charge[]);
select is(pg_temp.used(), 'A 9/10, B 1/20', 'who was charged nothing is not written');
select is(quota.lock_usage(array[pg_temp.call(:'a', p_is_metered => false)]), null, 'a batch without metered calls locks nothing');

-- What was reached is told once, however it is charged.
create function pg_temp.told() returns text language sql as $$
    select string_agg(a.name || ' ' || (e.data ->> 'percent') || ' ' || (e.data ->> 'month') || ' at ' || (e.data ->> 'used'), ', '
        order by a.name, e.data ->> 'month', (e.data ->> 'percent')::integer)
    from outbox.event as e inner join identity.account as a on a.id = e.account_id
$$;
delete from outbox.event;
select core.set_test_clock('2031-04-15 12:00:00+00');
select quota.charge_all(pg_temp.calls(7, :'a'));
select is(pg_temp.told(), null, 'below 80 % nothing is told');
select pg_temp.one(:'a', 'sandbox');
select is(pg_temp.told(), 'A 80 2031-04 at 8', '80 % is told by the call that reaches it');
select pg_temp.one(:'a', 'sandbox');
select is(pg_temp.told(), 'A 80 2031-04 at 8', 'and by no other');
select pg_temp.one(:'a', 'sandbox');
select is(pg_temp.told(), 'A 80 2031-04 at 8, A 100 2031-04 at 10', 'as is the last call');
select quota.charge_all(pg_temp.calls(20, :'b', 'pro'));
select is(pg_temp.told(), 'A 80 2031-04 at 8, A 100 2031-04 at 10, B 80 2031-04 at 20, B 100 2031-04 at 20', 'a batch may reach both at once');
delete from outbox.event;
select core.set_test_clock('2031-05-15 12:00:00+00');
select quota.lock_usage(pg_temp.calls(1, :'a'));
select quota.write_usage(array[row(:'a', 9, 10, 9)]::quota.charge[]);
select is(pg_temp.told(), 'A 80 2031-05 at 9', 'as may what is decided call by call');
select quota.charge_all(pg_temp.calls(50, :'c', 'enterprise'));
select is(pg_temp.told(), 'A 80 2031-05 at 9', 'of no limit nothing is reached');

-- What is given back.
select quota.refund(array[:'a', :'c', :'a', :'c', :'c']::uuid[]);
select is(pg_temp.used(), 'A 7/10, C 47/9223372036854775807', 'calls are given back, one for each time an account is named');
select pg_temp.one(:'a', 'sandbox');
select is(pg_temp.told(), 'A 80 2031-05 at 9', 'what is reached again is no news');
select quota.refund(array_fill(:'a'::uuid, '{30}'));
select is(pg_temp.used(), 'A 0/10, C 47/9223372036854775807', 'never more than was charged');
select quota.refund(array[:'b']::uuid[]), quota.refund('{}');
select is(pg_temp.used(), 'A 0/10, C 47/9223372036854775807', 'who used nothing gets nothing');
select is(
    (select u.used from quota.usage as u where u.account_id = :'a' and u.month = '2031-04-01'), 10::bigint, 'other months stay'
);

select * from finish();
rollback;
