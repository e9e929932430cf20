-- What the operator's front end shows.
begin;
select plan(20);

select core.set_test_clock('2026-03-31 12:00Z');
create temp table t on commit drop as select identity.operator_account() as o, test.make_account('A') as a;
create temp table k on commit drop as select test.make_key(t.o, '{platform}') as o, test.make_key(t.a) as weak, core.show_id('acct', t.a) as a from t;

-- Users and referrals.
insert into identity.user (email, created_at) values
('new@example.org', '2026-03-30 00:00Z'), ('month@example.org', '2026-03-10 00:00Z'), ('old@example.org', '2025-01-01 00:00Z');
insert into identity.membership (account_id, user_id) select t.a, u.id from t, identity.user as u where u.email = 'month@example.org';
insert into growth.referral (account_id, id, email, source, campaign, medium, first_at, last_at)
select t.o, core.new_id(), 'x' || n || '@example.org', 's' || lpad((n / 2)::text, 2, '0'), '', '', timestamptz '2026-03-31 00:00Z' - n * interval '1 day', '2026-03-31 00:00Z'
from t, generate_series(0, 40) as n;
create temp table c on commit drop as select c.* from k, test.call('GET', '/admin/analytics', k.o) as c;
select is(c.status, 200, 'the figures') from c;
select is(c.body -> 'users', (select jsonb_build_object('total', count(*), 'new_7d', 1, 'new_30d', 2) from identity.user), 'users, of all accounts') from c;
select is(c.body #>> '{referrals,total_7d}' || ' ' || (c.body #>> '{referrals,total_30d}'), '7 30', 'referrals that were new') from c;
select is((select string_agg((s ->> 'source') || ' ' || (s ->> 'count'), ', ') from jsonb_array_elements(c.body #> '{referrals,top_sources}') as s),
    's00 2, s01 2, s02 2, s03 2, s04 2, s05 2, s06 2, s07 2, s08 2, s09 2', 'the ten sources with the most') from c;
select is((c.body ->> 'timestamp')::timestamptz, '2026-03-31 12:00Z', 'at this time') from c;
select is(d.body -> 'users' || (d.body -> 'referrals'), '{"total": 1, "new_7d": 0, "new_30d": 1, "total_7d": 0, "total_30d": 0, "top_sources": []}', 'in the name of an account, its own')
from k, test.call('GET', '/admin/analytics', k.o, p_context => jsonb_build_object('account', k.a)) as d;
select core.set_test_clock('2026-03-31 12:00:05Z');
select is(d.headers ->> 'ETag', c.headers ->> 'ETag', 'the same figures have the same ETag a little later') from k, c, test.call('GET', '/admin/analytics', k.o) as d;

-- Activity.
select growth.ingest_events(t.o, (
    select jsonb_agg(jsonb_build_object('id', gen_random_uuid(), 'name', 'visit', 'user_id', v.who, 'event_at', v.at, 'source', 'ads'))
    from (values ('a', '2026-03-30 10:00Z'), ('b', '2026-03-30 11:00Z'), ('a', '2026-03-25 11:00Z'), ('c', '2026-03-01 11:00Z'), ('d', '2026-03-31 10:00Z')) as v (who, at)
)) from t;
create temp table r on commit drop as select c.* from k, test.call('GET', '/admin/retention', k.o) as c;
select is(r.body ->> 'ok' || ' ' || (r.body ->> 'count') || ' ' || jsonb_array_length(r.body -> 'metrics'), 'true 30 30', '30 days') from r;
select is((r.body #> '{metrics,0}') - 'computed_at', '{"day": "2026-03-30", "dau": 2, "wau": 2, "mau": 3}', 'the latest first, without the one that is under way') from r;
select is(r.body #>> '{metrics,29,day}', '2026-03-01', 'to the 30th before') from r;
select is((r.body #>> '{metrics,0,computed_at}')::timestamptz, '2026-03-31 12:00:05Z', 'counted now, as nothing is rolled up') from r;

-- By source.
select ledger.open_books('USD', t.o) from t;
select ledger.transfer('revenue', 'cash', 1000, 'USD', core.new_id(), p_event_at => '2026-03-30 12:00Z', p_account_id => t.o,
    p_person_id => (select i.person_id from growth.identifier as i where i.account_id = t.o and i.identifier = 'a')) from t;
select growth.add_spend(t.o, 'ads', '2026-03-30', 400, 'USD') from t;
select growth.add_spend(t.o, 'radio', '2026-03-30', 100, 'USD') from t;
create temp table g on commit drop as select c.* from k, test.call('GET', '/api/admin/growth', k.o) as c;
select is(g.body - '{sources}'::text[], '{"from": "2026-03-02", "to": "2026-03-31", "window_days": 30, "currency": "USD", "next": null,
    "summary": {"total_visits": 4, "total_signups": 0, "total_revenue_minor": 1000, "total_cost_minor": 500, "overall_conversion_pct": 0.00, "overall_roi": 1.0000}}', '30 days in dollars') from g;
select is(g.body -> 'sources', (select jsonb_agg(to_jsonb(s)) from growth.source_report(t.o, '2026-03-02', '2026-03-31', 'USD') as s), 'as the function tells it') from g, t;
select is(d.raw, E'source,visits,visitors,signups,conversion_pct,revenue_minor,payers,arpu_minor,cost_minor,roi\r\nads,4,3,0,0.00,1000,1,,400,1.5000\r\nradio,0,0,0,,0,0,,100,-1.0000\r\n', 'as CSV')
from k, test.call('GET', '/api/admin/growth?accept=text/csv', k.o) as d;
select is(d.body #>> '{sources,0,source}' || ' ' || (d.body ->> 'next') || ' ' || (d.headers ->> 'Link') || (d.body -> 'summary' = g.body -> 'summary'),
    'ads 1 </api/admin/growth?currency=USD&from=2026-03-02&limit=1&to=2026-03-31&after=1>; rel="next"true', 'in pages, with the sum of all') from k, g, test.call('GET', '/api/admin/growth?limit=1', k.o) as d;
select is(d.body #>> '{sources,0,source}' || coalesce(d.body ->> 'next', ''), 'radio', 'to the last') from k, test.call('GET', '/api/admin/growth?limit=1&after=1', k.o) as d;
select is(d.status, 422, v.query) from k, (values ('after=x'), ('from=2025-01-01')) as v (query), test.call('GET', '/api/admin/growth?' || v.query, k.o) as d;
select is(d.status, 403, 'not for customers: ' || v.path) from k, (values ('/admin/analytics'), ('/admin/retention')) as v (path), test.call('GET', v.path, k.weak) as d;

select * from finish();
rollback;
