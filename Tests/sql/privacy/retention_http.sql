-- Data retention over HTTP: for the platform, a dry run by default, and once for an Idempotency-Key.
begin;
select plan(41);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-06-15 12:00:00+00');
create temp table k on commit drop as
select test.make_key(test.make_account('Operator'), '{platform}') as platform, test.make_key(test.make_account('Other')) as other;
create temp table t on commit drop as select test.key_account(other) as account from k;
insert into audit.sensitive_call (happened_at, actor, request_id, route_id) values ('2010-01-01', 'x', 'r', 1);

-- Who may.
select is((test.call(v.method, v.path, k.other, v.body::jsonb)).status, 403, v.method || ' ' || v.path || ' is for the platform')
from k, (values
    ('GET', '/api/admin/retention-policies', null), ('PATCH', '/api/admin/retention-policies/audit.entry', '{"days": 1}'),
    ('GET', '/api/admin/retention-runs', null), ('POST', '/api/admin/retention-runs', '{}'),
    ('GET', '/api/admin/retention-runs/x', null), ('GET', '/api/admin/legal-holds', null),
    ('POST', '/api/admin/legal-holds', '{"reason": "x", "table": "audit.entry"}'), ('POST', '/api/admin/legal-holds/x/release', '{}')
) as v (method, path, body);
select is(
    (select c.status from k, t, test.call('POST', '/api/admin/retention-runs', k.platform, '{}', p_context => jsonb_build_object('account', core.show_id('acct', t.account))) as c),
    422, 'and not in the name of an account'
);

-- Policies.
create temp table c on commit drop as select x.* from k, test.call('GET', '/api/admin/retention-policies?limit=3', k.platform) as x;
select is((select row(status, jsonb_array_length(body -> 'policies'))::text from c), '(200,3)', 'a page of policies');
select is(
    (select x.body -> 'policies' -> 0 ->> 'table' > c.body ->> 'next' from c, k, lateral test.call('GET', '/api/admin/retention-policies?limit=3&after=' || (c.body ->> 'next'), k.platform) as x),
    true, 'next leads to the next one'
);
select is((select c.headers ->> 'Link' from c), '</api/admin/retention-policies?limit=3&after=' || (c.body ->> 'next') || '>; rel="next"', 'and so does the header') from c;
select is(
    (select p.value - 'reason' - 'legal_basis' from k, test.call('GET', '/api/admin/retention-policies', k.platform) as x, jsonb_array_elements(x.body -> 'policies') as p where p.value ->> 'table' = 'mail.message'),
    '{"table": "mail.message", "way": "own_task", "kept_for": "90 days", "kept_seconds": 7776000, "clock_column": "created_at", "setting": "mail.keep_days", "task": "mail-trim", "parent": null, "is_enabled": true, "has_personal_data": true, "heeds_holds": true, "is_changed": false, "last_run": null}',
    'a policy'
);
select is(
    (select row(x.status, x.body ->> 'kept_for', x.body ->> 'is_changed')::text from k, test.call('PATCH', '/api/admin/retention-policies/audit.sensitive_call', k.platform, '{"days": 90}') as x),
    '(200,"90 days",true)', 'a policy is changed'
);
select is(
    (select row(x.status, x.body ->> 'hint')::text from k, test.call('PATCH', '/api/admin/retention-policies/growth.event', k.platform, '{"days": 90}') as x),
    '(422,"Change the setting growth.keep_months instead.")', 'where a setting says how long, the hint names it'
);
select is((select x.status from k, test.call('PATCH', '/api/admin/retention-policies/no.table', k.platform, '{"days": 90}') as x), 404, 'no such policy');
select is((select x.status from k, test.call('PATCH', '/api/admin/retention-policies/audit.entry', k.platform, '{}') as x), 422, 'a change of nothing');

-- Runs.
create temp table r on commit drop as
select x.* from k, test.call('POST', '/api/admin/retention-runs', k.platform, '{"table": "audit.sensitive_call"}', p_context => '{"idempotency_key": "once"}') as x;
select is((select row(status, body ->> 'state', body ->> 'is_dry_run')::text from r), '(202,open,true)', 'a run is dry unless it is told otherwise');
select is((select headers ->> 'Location' from r), '/api/admin/retention-runs/' || (select body ->> 'id' from r), 'the answer says where to look');
select is(
    (select x.body ->> 'id' from k, test.call('POST', '/api/admin/retention-runs', k.platform, '{"table": "audit.sensitive_call"}', p_context => '{"idempotency_key": "once"}') as x),
    (select body ->> 'id' from r), 'with the same key it is the same run'
);
select ok('privacy-work-runs succeeded' = any (test.turn_clock()), 'the clock works it off');
create function pg_temp.look(p_answer test.answer) returns text language sql as $$
    select concat_ws(' ', x.status, x.body ->> 'state', x.body -> 'tables' -> 0 ->> 'table', x.body ->> 'rows', x.body -> 'tables' -> 0 ->> 'rows')
    from k, test.call('GET', p_answer.headers ->> 'Location', k.platform) as x
$$;
select is((select pg_temp.look(row(r.*)::test.answer) from r), '200 done audit.sensitive_call 1 1', 'it counted');
select is((select count(*) from audit.sensitive_call where happened_at < '2011-01-01'), 1::bigint, 'and removed nothing');
create temp table w on commit drop as
select x.* from k, test.call('POST', '/api/admin/retention-runs', k.platform, '{"table": "audit.sensitive_call", "is_dry_run": false, "budget_seconds": 60}') as x;
select test.turn_clock();
select is((select pg_temp.look(row(w.*)::test.answer) from w), '200 done audit.sensitive_call 1 1', 'a run that is not dry');
select is((select count(*) from audit.sensitive_call where happened_at < '2011-01-01'), 0::bigint, 'removes');
select is((select x.body -> 'last_run' ->> 'rows' from k, lateral (select p.value as body from test.call('GET', '/api/admin/retention-policies', k.platform) as q, jsonb_array_elements(q.body -> 'policies') as p where p.value ->> 'table' = 'audit.sensitive_call') as x), '1', 'the policy tells its last run');
select is(
    (select string_agg(p.value ->> 'id', ' ' order by o) from k, test.call('GET', '/api/admin/retention-runs', k.platform) as x, jsonb_array_elements(x.body -> 'runs') with ordinality as p (value, o)),
    (select w.body ->> 'id' from w) || ' ' || (select r.body ->> 'id' from r), 'runs are listed, newest first'
);
select is(
    (select row(jsonb_array_length(y.body -> 'runs'), y.body ->> 'next_cursor')::text from k, test.call('GET', '/api/admin/retention-runs?limit=1', k.platform) as x, lateral test.call('GET', '/api/admin/retention-runs?limit=1&cursor=' || (x.body ->> 'next_cursor'), k.platform) as y),
    '(1,)', 'in pages'
);
select is((select x.status from k, test.call('GET', '/api/admin/retention-runs?cursor=x', k.platform) as x), 422, 'an unknown cursor');
select is((select x.status from k, test.call('GET', '/api/admin/retention-runs/retrun_x', k.platform) as x), 404, 'no such run');
select is((select x.status from k, test.call('POST', '/api/admin/retention-runs', k.platform, '{"table": "identity.user"}') as x), 422, 'what is kept is not run');

-- Holds.
create temp table h on commit drop as
select x.* from k, t, test.call('POST', '/api/admin/legal-holds', k.platform, jsonb_build_object('reason', 'case 12', 'account_id', core.show_id('acct', t.account), 'until', '2026-07-01T00:00:00Z')) as x;
select is((select row(status, body ->> 'state', body ->> 'reason')::text from h), '(201,"in force","case 12")', 'a hold is placed');
select is((select body ->> 'account_id' from h), (select core.show_id('acct', account) from t), 'on the account');
select is((select jsonb_array_length(x.body -> 'holds') from k, test.call('GET', '/api/admin/legal-holds', k.platform) as x), 1, 'it is listed');
select is((select row(x.status, x.body ->> 'state', x.body ->> 'released_reason')::text from k, h, lateral test.call('POST', '/api/admin/legal-holds/' || (h.body ->> 'id') || '/release', k.platform, '{"reason": "settled"}') as x), '(200,released,settled)', 'and released');
select is((select jsonb_array_length(x.body -> 'holds') from k, test.call('GET', '/api/admin/legal-holds', k.platform) as x), 0, 'then it is not listed');
select is((select jsonb_array_length(x.body -> 'holds') from k, test.call('GET', '/api/admin/legal-holds?state=all', k.platform) as x), 1, 'but with all');
select is((select x.status from k, test.call('POST', '/api/admin/legal-holds', k.platform, '{"reason": "x"}') as x), 422, 'a hold of nothing');
select is((select x.status from k, test.call('POST', '/api/admin/legal-holds', k.platform, '{"reason": "x", "account_id": "acct_1"}') as x), 404, 'a hold of nobody');
select is((select x.status from k, test.call('POST', '/api/admin/legal-holds/hold_1/release', k.platform, '{}') as x), 404, 'no such hold');
select is(audit.measure_coverage('2026-06-15 12:00:00+00'), 100.00, 'every sensitive call left an entry in the trail');

select * from finish();
rollback;
