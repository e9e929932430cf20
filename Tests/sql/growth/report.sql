-- What each source brought: visits, sign-ups by first touch, revenue of the ledger, cost of spend.
begin;
select plan(25);

select core.set_test_clock('2026-03-31 12:00Z');
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
create function pg_temp.put(p_account uuid, p_who text, p_name text, p_at timestamptz, p_source text default null)
returns void language sql as $$
    select growth.ingest_events(p_account, jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
        'id', gen_random_uuid(), 'name', p_name, 'event_at', p_at, 'anonymous_id', p_who, 'source', p_source
    ))))
$$;
create function pg_temp.person(p_account uuid, p_who text) returns bigint language sql as $$
    select i.person_id from growth.identifier as i where i.account_id = p_account and i.identifier = p_who
$$;
create function pg_temp.pay(p_account uuid, p_minor bigint, p_at timestamptz, p_person bigint, p_user uuid default null, p_currency text default 'USD')
returns uuid language sql as $$
    select x.id from ledger.transfer('revenue', 'cash', p_minor, p_currency, core.new_id(), p_event_at => p_at, p_user_id => p_user, p_person_id => p_person, p_account_id => p_account) as x
$$;
select ledger.open_books(c, t.a) from t, unnest('{USD,EUR}'::text[]) as c;

-- Ann comes from ads, comes again by herself, signs up; Bob comes from mail twice; Cy signs up out of nowhere.
select pg_temp.put(t.a, 'ann', 'visit', '2026-03-05 10:00Z', 'ads') from t;
select pg_temp.put(t.a, 'ann', 'visit', '2026-03-06 10:00Z') from t;
select pg_temp.put(t.a, 'ann', 'signup', '2026-03-06 10:05Z') from t;
select pg_temp.put(t.a, 'bob', 'visit', '2026-03-07 10:00Z', 'mail') from t;
select pg_temp.put(t.a, 'bob', 'visit', '2026-03-07 11:00Z', 'mail') from t;
select pg_temp.put(t.a, 'cy', 'signup', '2026-03-08 10:00Z') from t;
-- Dee came from ads long before the range, and signs up twice in it.
select pg_temp.put(t.a, 'dee', 'visit', '2025-12-01 10:00Z', 'ads') from t;
select pg_temp.put(t.a, 'dee', 'signup', '2026-03-09 10:00Z', 'mail') from t;
select pg_temp.put(t.a, 'dee', 'signup', '2026-03-10 10:00Z', 'mail') from t;
-- Money: Ann pays 50.00 and gets 10.00 back, Dee pays 30.00, Bob before the range and in another currency, somebody 7.00.
select pg_temp.pay(t.a, 5000, '2026-03-10 00:00Z', pg_temp.person(t.a, 'ann')) from t;
select ledger.transfer('cash', 'revenue', 1000, 'USD', core.new_id(), p_event_at => '2026-03-11 00:00Z', p_person_id => pg_temp.person(t.a, 'ann'), p_account_id => t.a) from t;
select pg_temp.pay(t.a, 3000, '2026-03-12 00:00Z', pg_temp.person(t.a, 'dee')) from t;
select pg_temp.pay(t.a, 9900, '2026-02-28 23:59:59Z', pg_temp.person(t.a, 'bob')) from t;
select pg_temp.pay(t.a, 2500, '2026-03-12 00:00Z', pg_temp.person(t.a, 'bob'), p_currency => 'EUR') from t;
select pg_temp.pay(t.a, 700, '2026-03-13 00:00Z', null) from t;
select growth.add_spend(t.a, 'ads', '2026-03-01', 1500, 'USD') from t;
select growth.add_spend(t.a, 'ads', '2026-03-31', 500, 'USD', 'spring', 'agency') from t;
select growth.add_spend(t.a, 'radio', '2026-03-15', 4000, 'USD') from t;
select growth.add_spend(t.a, 'ads', '2026-02-28', 77777, 'USD') from t;
select growth.add_spend(t.a, 'ads', '2026-03-15', 88888, 'EUR') from t;

select results_eq(
    format($$select * from growth.source_report(%L, '2026-03-01', '2026-03-31')$$, t.a),
    $$values
        ('ads', 1::bigint, 1::bigint, 2::bigint, 200.00, 7000::bigint, 2::bigint, 3500.00, 2000::bigint, 2.5000),
        (null, 0, 0, 0, null, 700, 0, null, 0, null),
        ('mail', 2, 1, 0, 0.00, 0, 0, null, 0, null),
        ('direct', 1, 1, 1, 100.00, 0, 0, 0.00, 0, null),
        ('radio', 0, 0, 0, null, 0, 0, null, 4000, -1.0000)$$, 'each source'
) from t;
select results_eq(
    format($$select source, revenue_minor, cost_minor, roi from growth.source_report(%L, '2026-03-01', '2026-03-31', 'EUR') where revenue_minor + cost_minor > 0$$, t.a),
    $$values ('mail', 2500::bigint, 0::bigint, null::numeric), ('ads', 0, 88888, -1.0000)$$, 'another currency, apart'
) from t;
select is(
    (select sum(r.revenue_minor) from growth.source_report(t.a, '2026-03-01', '2026-03-31') as r),
    (select p.revenue_minor from ledger.profitability('2026-03-01', '2026-04-01', 'USD', t.a) as p)::numeric, 'together it is the ledger''s revenue'
) from t;
select is((select sum(r.visits)::text || ' ' || sum(r.cost_minor) from growth.source_report(t.a, '2026-03-07', '2026-03-15') as r), '2 4000', 'days at both ends count') from t;
select is((select count(*) from growth.source_report(t.b) as r), 0::bigint, 'another account has nothing') from t;
select is((select sum(r.visits) from growth.source_report(t.a) as r), 4::numeric, 'the last 30 days, when nothing is said') from t;

-- Reversed: it is taken away where it counted.
select ledger.reverse((select x.id from ledger.transfer as x where x.account_id = t.a and x.amount_minor = 3000), p_account_id => t.a) from t;
select is((select r.revenue_minor from growth.source_revenue(t.a, '2026-03-01', '2026-04-01', 'USD') as r where r.source = 'ads'), 4000::bigint, 'what is reversed is taken away from its source') from t;

-- By the user, and by a referral that came before the first event.
create temp table u on commit drop as select x.user_id as id from identity.upsert_user('eve@example.org') as x;
insert into growth.person (account_id, user_id) select t.b, u.id from t, u;
select ledger.open_books('USD', t.b) from t;
select pg_temp.pay(t.b, 100, '2026-03-20 00:00Z', null, u.id) from t, u;
select is((select array_agg(r.source || ' ' || r.revenue_minor) from growth.source_revenue(t.b, '2026-03-01', '2026-04-01', 'USD') as r), '{NULL}', 'a person without a touch') from t;
insert into growth.referral (account_id, id, email, user_id, source, campaign, medium, first_at, last_at)
select t.b, core.new_id(), 'eve@example.org', u.id, v.source, 'c', 'm', v.at, v.at from t, u, (values ('friend', '2026-03-02 00:00Z'::timestamptz), ('blog', '2026-03-03 00:00Z')) as v (source, at);
select is((select array_agg(r.source || ' ' || r.revenue_minor) from growth.source_revenue(t.b, '2026-03-01', '2026-04-01', 'USD') as r), '{"friend 100"}', 'by the earliest referral of its user') from t;
insert into growth.event (account_id, person_id, event_at, event_id, name, source)
select p.account_id, p.person_id, '2026-03-01 00:00Z', gen_random_uuid(), 'visit', 'ads' from growth.person as p inner join t on t.b = p.account_id;
update growth.person as p set first_event_at = '2026-03-01 00:00Z' from t where p.account_id = t.b;
select is((select array_agg(concat_ws(' ', f.source, f.touched_at at time zone 'UTC')) from growth.first_touches(t.b, array(select p.person_id from growth.person as p where p.account_id = t.b)) as f), '{"ads 2026-03-01 00:00:00"}', 'by the first event, when that came before') from t;
-- Erased: the money stays, and is nobody's.
delete from ledger.transfer_person as x using t where x.account_id = t.b;
select is((select array_agg(concat_ws(' ', r.source, r.revenue_minor, r.payers)) from growth.source_revenue(t.b, '2026-03-01', '2026-04-01', 'USD') as r), '{"100 0"}', 'when nobody is linked, it has no source') from t;

-- The time zone of the account.
select growth.set_definition(t.a, 'America/New_York') from t;
select is((select sum(r.visits) from growth.source_report(t.a, '2026-03-05', '2026-03-05') as r), 1::numeric, 'in New York it is the same day') from t;
select pg_temp.put(t.a, 'fay', 'visit', '2026-03-21 03:59Z', 'late') from t;
select is((select r.visits from growth.source_report(t.a, '2026-03-20', '2026-03-20') as r where r.source = 'late'), 1::bigint, 'just before midnight there') from t;

select throws_ok(format('select * from growth.source_report(%L, %s)', t.a, q.arguments), 'LQ422', q.message, q.message)
from t, (values
    ($$'2026-03-02', '2026-03-01'$$, 'the range ends before it begins'), ($$'2025-03-01', '2026-03-31'$$, 'the range is too long'),
    ($$p_currency => 'XXY'$$, 'unknown currency')
) as q (arguments, message);

select is(growth.next_link('/x', null, '{"a": 1}'), null, 'no next page, no link');
select is(growth.next_link('/x', '2026-01-05~ä&b', '{"limit": 10, "from": null, "dimension": "", "z": "c d"}') ->> 'Link', '</x?limit=10&z=c%20d&after=2026-01-05~%C3%A4%26b>; rel="next"', 'a link with what was asked for');
select volatility_is('growth', f.name, 'stable', f.name || ' only reads') from unnest('{source_report,source_revenue,first_touches}'::name[]) as f (name);
select function_privs_are('growth', 'source_report', '{uuid,date,date,text}', r.role, r.privileges, r.role || ' and the report')
from (values ('levqor_dba', '{EXECUTE}'::text[]), ('levqor_server', '{}')) as r (role, privileges);
grant select on t to levqor_dba;
select test.become('levqor_dba');
select is((select sum(r.visits) from growth.source_report(t.a, '2026-03-01', '2026-03-31') as r), 5::numeric, 'a DBA calls it from psql') from t;
select is((select sum(r.revenue_minor) from growth.source_report(t.a, '2026-03-01', '2026-03-31') as r), 4700::numeric, 'with the money') from t;

select * from finish();
rollback;
