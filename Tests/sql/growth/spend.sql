-- What campaigns cost, entered, listed and taken away.
begin;
select plan(28);

create temp table t on commit drop as select test.make_account('Shop') as shop, test.make_account('Other') as other, identity.operator_account() as operator;
create temp table k on commit drop as
select test.make_key(t.operator, '{platform}') as key, test.make_key(t.shop) as weak, core.show_id('acct', t.shop) as shop from t;

create temp table made on commit drop as
select c.* from k, test.call('POST', '/api/admin/growth/spend', k.key,
    '{"source": "news, weekly", "day": "2026-01-31", "amount_minor": 12500, "currency": "USD", "campaign": "spring", "note": "first"}') as c;
select is(m.status, 201, 'spend is entered') from made as m;
select is(
    m.body - '{id,created_at,made_by}'::text[],
    '{"source": "news, weekly", "day": "2026-01-31", "amount_minor": 12500, "currency": "USD", "campaign": "spring", "note": "first"}', 'as it was told'
) from made as m;
select matches(m.body ->> 'made_by', '^key_', 'with who did it') from made as m;
select is((select s.account_id from growth.spend as s), t.operator, 'who names no account means the operator''s') from t;
select is((select count(*) from audit.entry as e where e.action = 'growth.add_spend'), 1::bigint, 'and leaves a trace');
select is(c.status, 201, 'a second') from k, test.call('POST', '/api/admin/growth/spend', k.key, '{"source": "ads", "day": "2026-02-01", "amount_minor": 1, "currency": "EUR"}') as c;
select is(c.status, 201, 'one for an account') from k,
    test.call('POST', '/api/admin/growth/spend', k.key, '{"source": "ads", "day": "2026-02-01", "amount_minor": 7, "currency": "EUR"}', p_context => jsonb_build_object('account', k.shop)) as c;
select is((select string_agg(s ->> 'source', '; ') from jsonb_array_elements(c.body -> 'spend') as s), 'ads; news, weekly', 'listed, the latest first')
from k, test.call('GET', '/api/admin/growth/spend', k.key) as c;
select is((select string_agg(s ->> 'amount_minor', '; ') from jsonb_array_elements(c.body -> 'spend') as s), '7', 'each account has its own')
from k, test.call('GET', '/api/admin/growth/spend', k.key, p_context => jsonb_build_object('account', k.shop)) as c;
select is(c.status, v.status, v.name)
from k, lateral (values (k.weak, 403, 'not for customers'), (null, 401, 'nor for nobody')) as v (key, status, name), test.call('GET', '/api/admin/growth/spend', v.key) as c;

create temp table page on commit drop as select c.* from k, test.call('GET', '/api/admin/growth/spend?limit=1&from=2026-01-01', k.key) as c;
select is(p.headers ->> 'Link', '</api/admin/growth/spend?from=2026-01-01&limit=1&after=' || (p.body ->> 'next') || '>; rel="next"', 'in pages') from page as p;
select is(c.body #>> '{spend,0,source}' || coalesce(c.body ->> 'next', ''), 'news, weekly', 'to the last')
from k, page as p, test.call('GET', '/api/admin/growth/spend?limit=1&after=' || (p.body ->> 'next'), k.key) as c;
select is(jsonb_array_length(c.body -> 'spend'), v.rows, v.query)
from k, (values ('source=ads', 1), ('from=2026-02-01', 1), ('to=2026-01-31', 1), ('from=2026-01-31&to=2026-02-01', 2)) as v (query, rows),
    test.call('GET', '/api/admin/growth/spend?' || v.query, k.key) as c;
select is(c.status, 422, 'no cursor') from k, test.call('GET', '/api/admin/growth/spend?after=x', k.key) as c;
select matches(c.raw, E'^id,source,campaign,day,amount_minor,currency,note,made_by,created_at\r\nspend_[0-9a-f]{32},"news, weekly",spring,2026-01-31,12500,USD,first,key_.*\r\n$', 'as CSV')
from k, test.call('GET', '/api/admin/growth/spend?to=2026-01-31&accept=text/csv', k.key) as c;

select throws_ok(format('select growth.add_spend(%L, %s)', t.shop, q.arguments), 'LQ422', q.message, q.message)
from t, (values
    ($$'', '2026-01-01', 1, 'USD'$$, 'the source must have 1 to 200 characters'), ($$'a', null, 1, 'USD'$$, 'the day is out of bounds'),
    ($$'a', '2026-01-01', 0, 'USD'$$, 'the amount must be between 1 and 1000000000000000'), ($$'a', '2026-01-01', 1, 'XXY'$$, 'unknown currency')
) as q (arguments, message);
select throws_ok($$select growth.add_spend(gen_random_uuid(), 'a', '2026-01-01', 1, 'USD')$$, 'LQ404', 'no such account', 'nobody''s');

select is(c.status, 404, 'another account''s is not found') from k, made as m,
    test.call('DELETE', '/api/admin/growth/spend/' || (m.body ->> 'id'), k.key, p_context => jsonb_build_object('account', k.shop)) as c;
select is(c.status, 204, 'taken away') from k, made as m, test.call('DELETE', '/api/admin/growth/spend/' || (m.body ->> 'id'), k.key) as c;
select is(c.status, 404, 'once') from k, made as m, test.call('DELETE', '/api/admin/growth/spend/' || (m.body ->> 'id'), k.key) as c;
select is((select count(*) from audit.entry as e where e.action = 'growth.remove_spend'), 1::bigint, 'with a trace');

select * from finish();
rollback;
