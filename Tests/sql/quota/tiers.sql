-- Tiers as rows, who is on which, and what a change of it does.
begin;
select plan(44);

select core.set_test_clock('2031-01-15 12:00:00+00');
select results_eq(
    'select t.name, t.calls_per_month, t.origin from quota.tier as t order by t.calls_per_month, t.name',
    $$values ('sandbox', 1000::bigint, 'file'), ('pro', 10000, 'file'), ('enterprise', null, 'file')$$,
    'the product has three tiers'
);
select is(identity.operator_account(), identity.operator_account(), 'there is an operator');
select is(a.tier, 'enterprise', 'who is on the tier enterprise') from identity.account as a where a.kind = 'operator';
select identity.create_account('Acme') as acme, identity.create_account('Beta') as beta \gset
select is(a.tier, 'sandbox', 'an account begins on the tier sandbox') from identity.account as a where a.id = :'acme';
select is(u.*::text, '(sandbox,2031-01-01,0,1000,1000,"2031-02-01 00:00:00+00")', 'without a call nothing is used')
from quota.usage_of(:'acme') as u;
select is((quota.usage_of(core.new_id())).used, null, 'of an unknown account nothing is known');

-- An operator's change stays through a deploy.
update quota.tier set calls_per_month = 2000 where name = 'sandbox';
select core.seed('quota.tier', '{name}', '{"name": "sandbox", "calls_per_month": 1000, "description": "anew"}');
select is(row(t.calls_per_month, t.description)::text, '(2000,anew)', 'a deploy keeps what the operator changed')
from quota.tier as t where t.name = 'sandbox';
update quota.tier set calls_per_month = 1000, local_columns = '{}' where name = 'sandbox';

-- By SQL.
select quota.set_tier(:'acme', 'pro');
select is(a.tier || ' ' || a.updated_at, 'pro ' || core.now(), 'an account changes its tier') from identity.account as a where a.id = :'acme';
select is(e.facts, '{"from": "sandbox", "to": "pro"}'::jsonb, 'and that is recorded')
from audit.entry as e where e.account_id = :'acme' and e.action = 'quota.set_tier';
select is((quota.usage_of(:'acme')).allowed, 10000::bigint, 'its limit is the other one at once');
select quota.set_tier(:'acme', 'enterprise');
select is(
    (select row(u.allowed, u.remaining)::text from quota.usage_of(:'acme') as u), '(,)', 'enterprise is unlimited, told as null'
);
select throws_ok(format('select quota.set_tier(%L, %L)', :'acme', 'gold'), 'LQ422', 'no such tier', 'an unknown tier is refused');
select throws_ok(format('select quota.set_tier(%L, null)', :'acme'), 'LQ422', 'no such tier', 'and so is none');
select throws_ok(format('select quota.set_tier(%L, %L)', core.new_id(), 'pro'), 'LQ404', 'no such account', 'and an unknown account');
select throws_ok($$delete from quota.tier where name = 'enterprise'$$, '23503', null, 'a tier in use stays');
select throws_ok($$insert into quota.tier (name, calls_per_month) values ('less', -1)$$, '23514', null, 'no tier allows less than nothing');
select throws_ok($$insert into quota.tier (name) values ('Gold Tier')$$, '23514', null, 'a tier''s name is a token');

-- What is told when usage has reached the limit of a tier.
insert into quota.usage (account_id, month, used, allowed) values (:'beta', '2031-01-01', 8500, 9223372036854775807);
update identity.account set tier = 'enterprise' where id = :'beta';
select is(count(*), 0::bigint, 'nothing is announced of no limit') from outbox.event as e where e.account_id = :'beta';
select quota.set_tier(:'beta', 'pro');
select is(e.data, '{"percent": 80, "used": 8500, "limit": 10000, "month": "2031-01", "tier": "pro", "resets_at": "2031-02-01T00:00:00+00:00"}'::jsonb,
    'a tier of which 80 % are used is announced')
from outbox.event as e where e.account_id = :'beta' and e.event_type = 'quota.reached';
select is(u.allowed, 10000::bigint, 'the month has the limit of the tier') from quota.usage as u where u.account_id = :'beta';
select quota.set_tier(:'beta', 'sandbox');
select is(array_agg(e.data ->> 'percent' order by (e.data ->> 'limit')::integer), '{100,80}', 'and one that is used up')
from outbox.event as e where e.account_id = :'beta';
select is(row(u.used, u.allowed, u.remaining)::text, '(8500,1000,0)', 'less than nothing never remains') from quota.usage_of(:'beta') as u;
select quota.set_tier(:'beta', 'pro'), quota.set_tier(:'beta', 'sandbox');
select is(count(*), 2::bigint, 'there and back is no news') from outbox.event as e where e.account_id = :'beta';
select is(core.show_id('acct', :'beta'), 'acct_' || replace(:'beta', '-', ''), 'ids are shown as clients see them');

-- A tier's own limit.
select quota.set_tier(:'beta', 'enterprise');
update quota.tier set calls_per_month = 20000 where name = 'enterprise';
select is(count(*), 2::bigint, 'a limit far away is not announced') from outbox.event as e where e.account_id = :'beta';
update quota.tier set calls_per_month = 10600 where name = 'enterprise';
select is(e.data ->> 'percent', '80', 'a tier that is made smaller is announced to who has used as much')
from outbox.event as e where e.account_id = :'beta' and e.data ->> 'limit' = '10600';
update quota.tier set calls_per_month = 8500 where name = 'enterprise';
select is(e.data ->> 'percent', '100', 'also when it is used up')
from outbox.event as e where e.account_id = :'beta' and e.data ->> 'limit' = '8500';
select is(count(*), 0::bigint, 'and to nobody else') from outbox.event as e where e.account_id = :'acme';
update quota.tier set calls_per_month = null where name = 'enterprise';

-- Over HTTP.
select test.make_key(identity.operator_account(), '{platform}') as key, test.make_key(:'acme') as acme_key,
    '/api/admin/accounts/' || core.show_id('acct', :'acme') || '/tier' as path \gset
select c.status, c.body, c.more from test.call('PUT', :'path', :'key', '{"tier": "sandbox"}') as c \gset
select is(:'status'::integer, 200, 'PUT sets it');
select is(:'body'::jsonb, jsonb_build_object('account_id', core.show_id('acct', :'acme'), 'tier', 'sandbox', 'calls_used', 0,
    'calls_limit', 1000, 'calls_remaining', 1000, 'reset_at', '2031-02-01T00:00:00+00:00'), 'and tells what that means');
select is(e.actor like 'key\_%' and e.request_id is not null, true, 'the entry names key and request')
from audit.entry as e where e.account_id = :'acme' and e.action = 'quota.set_tier' order by e.id desc limit 1;
select is(audit.measure_coverage(core.now()), 100.00, 'it is a sensitive call with its entry');
select is(c.status, x.status, x.why)
from (values
    (:'path', :'key', '{"tier": "gold"}'::jsonb, 422, 'an unknown tier: 422'),
    (:'path', :'key', '{}', 422, 'none: 422'),
    (:'path', :'acme_key', '{"tier": "enterprise"}', 403, 'the account''s own key: 403'),
    ('/api/admin/accounts/none/tier', :'key', '{"tier": "pro"}', 404, 'an unknown account: 404')
) as x (path, key, body, status, why)
cross join lateral test.call('PUT', x.path, x.key, x.body) as c;
select is(c.status, 404, 'in the name of another account: 404')
from test.call('PUT', :'path', :'key', '{"tier": "pro"}', null, jsonb_build_object('account', core.show_id('acct', :'beta'))) as c;
select is(r.lane || ' ' || r.is_metered, 'alone false', 'it locks the usage of another account: alone, and with none of its own')
from http.route as r where r.path = '/api/admin/accounts/{account_id}/tier';
select is(c.status, 200, 'any key lists the tiers') from test.call('GET', '/api/v1/tiers', :'acme_key') as c;
select is(jsonb_path_query_array(c.body, '$.tiers[*].name'), '["sandbox", "pro", "enterprise"]', 'from the smallest')
from test.call('GET', '/api/v1/tiers', :'acme_key') as c;

-- Rights.
select test.become('levqor_dba');
select isnt_empty('select from quota.tier', 'a DBA reads the tiers');
select throws_ok('select * from quota.usage', '42501', null, 'and no hot table');
select throws_ok(format('select quota.set_tier(%L, %L)', :'acme', 'pro'), '42501', null, 'and sets nobody''s tier');
select test.become('none');
select throws_ok(format('set local role levqor_server; select quota.set_tier(%L, %L)', :'acme', 'pro'), '42501', null, 'nor does the server by SQL');
select test.become('none');

select * from finish();
rollback;
