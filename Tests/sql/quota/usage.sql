-- What is used, across months, and how the account sees it.
begin;
select plan(21);

select core.set_test_clock('2031-01-31 23:59:59.5+00');
select identity.create_account('Acme') as acme, identity.create_account('Beta') as beta \gset
select test.make_key(:'acme', '{jobs:read}') as key, test.make_key(:'beta', '{}') as beta_key \gset
insert into quota.usage (account_id, month, used, allowed) values (:'acme', '2031-01-01', 990, 1000), (:'beta', '2031-01-01', 7, 1000);
select is(row(u.used, u.remaining)::text, '(990,10)', 'January''s calls are used') from quota.usage_of(:'acme') as u;

-- GET /api/developer/usage.
select c.status, c.body from test.call('GET', '/api/developer/usage', :'key') as c \gset
select is(:'status'::integer, 200, 'any key of the account sees it');
select is(:'body'::jsonb, '{"ok": true, "tier": "sandbox", "periods": [],
    "current_period": {"calls_used": 990, "calls_limit": 1000, "calls_remaining": 10, "reset_at": "2031-02-01T00:00:00+00:00"},
    "spending": {"day": "2031-01-31", "spent_usd": 0, "remaining_usd": 10, "reset_at": "2031-02-01T00:00:00+00:00"},
    "guardrails": {"job_usd": 0.35, "day_usd": 10}}'::jsonb, 'it tells calls and costs');
select is((quota.usage_of(:'acme')).used, 990::bigint, 'asking is not counted');
select is(r.is_metered, false, 'as its route says') from http.route as r where r.path = '/api/developer/usage';
select is(c.body #>> '{current_period,calls_used}', '7', 'another account sees its own')
from test.call('GET', '/api/developer/usage', :'beta_key') as c;
select is(c.status, 401, 'nobody sees none') from test.call('GET', '/api/developer/usage') as c;
select test.make_key(identity.operator_account(), '{platform}') as platform_key \gset
select is((c.body -> 'current_period') - 'reset_at', '{"calls_used": 0, "calls_limit": null, "calls_remaining": null}'::jsonb, 'unlimited is told as null')
from test.call('GET', '/api/developer/usage', :'platform_key') as c;
select is(c.body #>> '{current_period,calls_used}', '990', 'a platform key sees that of an account')
from test.call('GET', '/api/developer/usage', :'platform_key', null, null, jsonb_build_object('account', core.show_id('acct', :'acme'))) as c;

-- Midnight.
select core.set_test_clock('2031-02-01 00:00:00+00');
select is(row(u.used, u.remaining, u.month, u.resets_at)::text, '(0,1000,2031-02-01,"2031-03-01 00:00:00+00")', 'in February counting begins anew')
from quota.usage_of(:'acme') as u;
select is(p.*::text, '(2031-01-01,990,1000,sandbox)', 'and January is a period, though nothing was moved') from quota.list_periods(:'acme') as p;
insert into quota.usage (account_id, month, used, allowed) values (:'acme', '2031-02-01', 5, 1000);
select core.set_test_clock('2031-02-02 00:00:00+00');
select core.enter_machinery();
select quota.roll_over();
select is(p.*::text, '(2031-01-01,990,1000,sandbox)', 'January is the same period after the move') from quota.list_periods(:'acme') as p;
insert into quota.usage (account_id, month, used, allowed) values (:'acme', '2031-01-01', 3, 1000);
select is(p.used, 993::bigint, 'a call that came late is in it') from quota.list_periods(:'acme') as p;
select quota.roll_over();
select is(p.used, 993::bigint, 'also after the move') from quota.list_periods(:'acme') as p;

-- History.
insert into quota.usage_history (account_id, month, used, allowed, tier)
select :'acme', ('2031-02-01'::date - make_interval(months => n))::date, n, null, 'enterprise' from generate_series(2, 30) as n;
select c.body from test.call('GET', '/api/developer/usage', :'key') as c \gset
select is(jsonb_array_length(:'body'::jsonb -> 'periods'), 12, 'twelve periods are told');
select is(:'body'::jsonb #> '{periods,1}', '{"month": "2030-12", "calls_used": 2, "calls_limit": null, "tier": "enterprise"}'::jsonb, 'latest first');
select is(:'body'::jsonb #>> '{periods,11,month}', '2030-02', 'a year back');

-- Row-level security.
select test.become('levqor_owner');
select test.act_for(:'beta');
select is(
    (select count(*) from quota.usage) + (select count(*) from quota.spending) + (select count(*) from quota.usage_history where account_id = :'acme'),
    0::bigint, 'another account sees nothing of it'
);
select is((quota.usage_of(:'acme')).tier, null, 'also not by the function');
select test.act_for(:'acme');
select isnt_empty('select from quota.usage', 'the account sees its own');
select test.become('levqor_dba');
select isnt_empty('select from quota.usage_history', 'a DBA reads the history');
select test.become('none');

select * from finish();
rollback;
