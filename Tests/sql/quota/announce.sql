-- What an account has reached of its month is told once.
begin;
select plan(13);

select core.set_test_clock('2031-01-15 12:00:00+00');
select test.make_account('Acme') as acme, test.make_account('Beta') as beta \gset
select outbox.add_endpoint(:'acme', 'https://example.org/quota', '{quota.*}');
update identity.account set tier = 'pro' where id = :'beta';

select quota.announce(:'acme', '2031-01-01', 800, 1000, 80);
select is(
    row(e.event_type, e.data)::text,
    row('quota.reached', '{"percent": 80, "used": 800, "limit": 1000, "month": "2031-01", "tier": "sandbox",
        "resets_at": "2031-02-01T00:00:00+00:00"}'::jsonb)::text,
    'an announcement tells how much of what is used, and until when'
)
from outbox.event as e where e.account_id = :'acme';
select is(
    m.body::jsonb -> 'data' ->> 'percent', '80', 'and goes to the endpoint that wants it'
)
from outbox.message as m where m.account_id = :'acme';
select quota.announce(:'acme', '2031-01-01', 801, 1000, 80) from generate_series(1, 3);
select is(count(*), 1::bigint, 'once') from outbox.event as e where e.account_id = :'acme';
select is(count(*), 1::bigint, 'and is sent once') from outbox.message as m where m.account_id = :'acme';
select quota.announce(:'acme', '2031-01-01', 1000, 1000, 100);
select is(count(*), 2::bigint, 'another percent is another one') from outbox.event as e where e.account_id = :'acme';
select quota.announce(:'acme', '2031-02-01', 800, 1000, 80);
select is(count(*), 3::bigint, 'as is another month') from outbox.event as e where e.account_id = :'acme';
select quota.announce(:'acme', '2031-01-01', 8000, 10000, 80);
select is(count(*), 4::bigint, 'and another limit') from outbox.event as e where e.account_id = :'acme';
select is(count(*), 0::bigint, 'another account hears nothing of it') from outbox.event as e where e.account_id = :'beta';
select quota.announce(:'beta', '2031-01-01', 8000, 10000, 80);
select is(e.data ->> 'tier', 'pro', 'and has its own') from outbox.event as e where e.account_id = :'beta';
select quota.announce(:'beta', '2031-12-01', 8000, 10000, 80);
select is(
    (select e.data ->> 'resets_at' from outbox.event as e where e.data ->> 'month' = '2031-12'), '2032-01-01T00:00:00+00:00',
    'December ends with the year'
);

-- What a month has reached of another limit.
delete from outbox.event;
select quota.announce_reached(:'acme', x.used, x.allowed) from (values (799, 1000), (0, 0), (5, null::bigint)) as x (used, allowed);
select is(count(*), 0::bigint, 'less than 80 %, nothing of nothing, and no limit are no news') from outbox.event as e;
select quota.announce_reached(:'acme', 800, 1000), quota.announce_reached(:'acme', 999, 1000), quota.announce_reached(:'acme', 1001, 1000);
select is(array_agg(e.data ->> 'percent' order by e.data ->> 'percent'), '{100,80}', '80 % and all are, each once') from outbox.event as e;
select is(array_agg(e.data ->> 'used' order by e.data ->> 'percent'), '{1001,800}', 'when they are met') from outbox.event as e;

select * from finish();
rollback;
