-- What jobs are estimated to cost, and the limits on it.
begin;
select plan(60);

select core.set_test_clock('2031-01-31 12:00:00+00');
select identity.create_account('Acme') as acme, identity.create_account('Beta') as beta \gset
-- The error of a statement: SQLSTATE, message and members.
create function pg_temp.refusal(p_sql text) returns jsonb language plpgsql as $$
declare
    v_state text;
    v_message text;
    v_more text;
begin
    execute p_sql;
    return null;
exception
    when others then
        get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_more = schema_name;
        -- An error of PostgreSQL's own has the name of a schema there.
        return jsonb_build_object('state', v_state, 'message', v_message, 'more', case when v_more like '{%' then v_more::jsonb end);
end;
$$;

-- Prices.
select is(quota.estimate_cost('resize', 1024), 0::numeric, 'a workflow without a price costs nothing');
select is(quota.spend_many(array[:'acme', :'beta']::uuid[], '{a,b}', '{1,2}'), '{0,0}', 'nor do many');
select is(quota.spend_many('{}', '{}', '{}'), '{}', 'nor none');
update core.setting set value = '0.01' where name = 'quota.default_job_usd';
select is(quota.estimate_cost('resize', 1024), 0.01, 'but what the setting says');
select is(quota.spend_many(array[:'beta']::uuid[], '{a}', '{1}'), '{0.01}', 'also of many');
update core.setting set value = '0' where name = 'quota.default_job_usd';
delete from quota.spending;
insert into quota.price (workflow, usd_per_job, usd_per_kib) values ('video', 0.10, 0.05), ('thumb', 0, 0.000001), ('text', 0.3, 0);
select is(quota.estimate_cost('video', t.bytes), t.usd, t.why)
from (values
    (0, 0.10, 'a price a job'), (1024, 0.15, 'and one a KiB'), (1536, 0.175, 'a part of a KiB costs its part')
) as t (bytes, usd, why);
select is(quota.estimate_cost('thumb', 1), 0.000001, 'rounded up to a millionth');
select is(quota.estimate_cost('other', 204800), 0::numeric, 'other workflows cost nothing still');
select throws_ok($$insert into quota.price (workflow, usd_per_job) values ('x', -1)$$, '23514', null, 'no price is negative');

-- A job.
select quota.spend(:'acme', 0);
select is_empty('select from quota.spending', 'nothing is written for nothing');
select lives_ok(format('select quota.spend(%L, 0.35)', :'acme'), 'a job may cost as much as the limit');
select is(
    pg_temp.refusal(format('select quota.spend(%L, 0.350001)', :'acme')),
    '{"state": "LQ402", "message": "the job would cost more than one job may", "more": {"guardrail": "job",
        "estimated_cost_usd": 0.350001, "limit_usd": 0.35, "spent_today_usd": 0.35, "resets_at": null}}'::jsonb,
    'and not a millionth more, refused with the figures'
);
select is(pg_temp.refusal(format('select quota.spend(%L, 0.3500000001)', :'acme')) ->> 'state', 'LQ402', 'nor the least that can be told');
select is(pg_temp.refusal(format('select quota.spend(%L, %s)', :'acme', t.usd)) ->> 'state', 'LQ422', 'no cost: ' || t.usd)
from (values ('-0.01'), ('null'), ($$'NaN'::numeric$$)) as t (usd);
select is(s.reserved_usd, 0.35, 'a refusal reserves nothing') from quota.spending as s where s.account_id = :'acme';

-- A day.
select quota.spend(:'acme', 0.35) from generate_series(2, 28);
select is((quota.spending_of(:'acme')).spent_usd, 9.80, 'a day adds up');
select is(
    pg_temp.refusal(format('select quota.spend(%L, 0.200001)', :'acme')),
    '{"state": "LQ402", "message": "the job would pass what the account may spend a day", "more": {"guardrail": "day",
        "estimated_cost_usd": 0.200001, "limit_usd": 10, "spent_today_usd": 9.8, "resets_at": "2031-02-01T00:00:00+00:00"}}'::jsonb,
    'a job that would pass the day''s limit is refused with the figures'
);
select lives_ok(format('select quota.spend(%L, 0.20)', :'acme'), 'one that fills it is not');
select is(row(s.spent_usd, s.remaining_usd)::text, '(10.000000,0.000000)', 'nothing remains then') from quota.spending_of(:'acme') as s;
select is(pg_temp.refusal(format('select quota.spend(%L, 0.000001)', :'acme')) ->> 'state', 'LQ402', 'not a millionth more');
select is(pg_temp.refusal(format('select quota.spend(%L, 0.0000001)', :'acme')) ->> 'state', 'LQ402', 'nor a part of one');
select lives_ok(format('select quota.spend(%L, 0)', :'acme'), 'what costs nothing still goes');
select lives_ok(format('select quota.spend(%L, 0.35)', :'beta'), 'as does what another account hands in');
select core.set_test_clock('2031-01-31 23:59:59.999+00');
select is(pg_temp.refusal(format('select quota.spend(%L, 0.1)', :'acme')) ->> 'state', 'LQ402', 'until the last moment of the day');
select core.set_test_clock('2031-02-01 00:00:00+00');
select lives_ok(format('select quota.spend(%L, 0.35)', :'acme'), 'at midnight UTC a new day begins');
select results_eq(
    format('select s.day, s.reserved_usd from quota.spending as s where s.account_id = %L order by s.day', :'acme'),
    $$values ('2031-01-31'::date, 10.0), ('2031-02-01', 0.35)$$, 'each day has its sum'
);

-- Limits of its own.
select quota.set_guardrails(:'acme', 2, null);
select is(g.*::text, '(2.000000,10)', 'an account has a limit of its own, and else the default') from quota.guardrails_of(:'acme') as g;
select lives_ok(format('select quota.spend(%L, 1.65)', :'acme'), 'a job by it is taken');
select is(g.*::text, '(0.35,10)', 'others are not touched') from quota.guardrails_of(:'beta') as g;
select quota.set_guardrails(:'acme', null, 2.5);
select is(pg_temp.refusal(format('select quota.spend(%L, 1)', :'acme')) #>> '{more,guardrail}', 'job', 'what is not given again is the default again');
select is(
    pg_temp.refusal(format('select quota.spend(%L, 0.30 + 0.21)', :'acme')) #>> '{more,limit_usd}', '0.35', 'the tighter one is told'
);
select lives_ok(format('select quota.spend(%L, 0.3)', :'acme'), 'a day''s limit of its own holds: this fits');
select is(pg_temp.refusal(format('select quota.spend(%L, 0.3)', :'acme')) #>> '{more,limit_usd}', '2.5', 'and this does not');
update core.setting set value = '0.1' where name = 'quota.job_cost_limit_usd';
select is(pg_temp.refusal(format('select quota.spend(%L, 0.2)', :'beta')) #>> '{more,limit_usd}', '0.1', 'a changed setting holds at once');
update core.setting set value = '0.35' where name = 'quota.job_cost_limit_usd';
select quota.set_guardrails(:'beta', 0, 0);
select is(pg_temp.refusal(format('select quota.spend(%L, 0.000001)', :'beta')) ->> 'state', 'LQ402', 'with limits of 0 nothing that costs is taken');
select is(pg_temp.refusal(format('select quota.set_guardrails(%L, -1)', :'beta')) ->> 'state', 'LQ422', 'no limit is negative');
select is(pg_temp.refusal(format('select quota.set_guardrails(%L, 1000001)', :'beta')) ->> 'state', 'LQ422', 'or boundless');
select is(pg_temp.refusal(format('select quota.set_guardrails(%L, 1)', core.new_id())) ->> 'state', 'LQ404', 'an unknown account has none');
select is(e.facts, '{"job_usd": 0, "day_usd": 0}'::jsonb, 'setting them is recorded')
from audit.entry as e where e.account_id = :'beta' and e.action = 'quota.set_guardrails' order by e.id desc limit 1;

-- Many at once.
select quota.set_guardrails(:'acme', null, null), quota.set_guardrails(:'beta', null, null);
delete from quota.spending;
select is(
    quota.spend_many(array[:'acme', :'beta', :'acme', :'acme']::uuid[], '{video,text,free,text}', '{1024,1,1,1}'),
    '{0.15,0.3,0,0.3}'::numeric[], 'many give their costs in order'
);
select is(
    array_agg(s.reserved_usd order by s.reserved_usd), '{0.3,0.45}', 'and are reserved by account'
) from quota.spending as s;
select is(
    pg_temp.refusal(format('select quota.spend_many(array[%L, %L]::uuid[], %L, %L)', :'acme', :'beta', '{text,video}', '{1,10240}')) #>> '{more,guardrail}',
    'job', 'one that costs too much refuses all'
);
select quota.set_guardrails(:'beta', null, 0.8);
select is(
    pg_temp.refusal(format('select quota.spend_many(array[%1$L, %2$L, %2$L]::uuid[], %3$L, %4$L)', :'acme', :'beta', '{text,text,text}', '{1,1,1}')) ->> 'state',
    'LQ402', 'as do some that do not fit together'
);
select is(
    array_agg(s.reserved_usd order by s.reserved_usd), '{0.3,0.45}', 'and nothing is reserved then'
) from quota.spending as s;
select lives_ok(format('select quota.spend_many(array[%1$L, %2$L]::uuid[], %3$L, %4$L)', :'acme', :'beta', '{text,text}', '{1,1}'), 'fewer of them fit');
delete from quota.spending;
select is(quota.spend_many(array[:'acme', :'beta']::uuid[], '{free,other}', '{1,1}'), '{0,0}', 'workflows without a price cost nothing among priced ones');
select is_empty('select from quota.spending', 'and write nothing');
select is(
    pg_temp.refusal(format('select quota.spend_many(array[%L]::uuid[], %L, %L)', core.new_id(), '{text}', '{1}')) ->> 'state', '23503',
    'no account, no spending'
);

-- Over HTTP.
select test.make_key(identity.operator_account(), '{platform}') as key, test.make_key(:'acme') as acme_key,
    '/api/admin/accounts/' || core.show_id('acct', :'acme') || '/guardrails' as path \gset
select is(c.body, jsonb_build_object('account_id', core.show_id('acct', :'acme'), 'job_usd', 1.5, 'day_usd', 10,
    'overrides', '{"job_usd": 1.5, "day_usd": null}'::jsonb), 'PUT sets them and tells what holds')
from test.call('PUT', :'path', :'key', '{"job_usd": 1.5, "day_usd": null}') as c;
select is(c.body -> 'guardrails', '{"job_usd": 1.5, "day_usd": 10}'::jsonb, 'the account sees them')
from test.call('GET', '/api/developer/usage', :'acme_key') as c;
select is(c.status, 403, 'and does not set them') from test.call('PUT', :'path', :'acme_key', '{"job_usd": 1000}') as c;
select is(c.body #> '{overrides,job_usd}', 'null', 'an empty body takes them away') from test.call('PUT', :'path', :'key', '{}') as c;
select is(c.status, 404, 'an unknown account: 404') from test.call('PUT', '/api/admin/accounts/none/guardrails', :'key', '{}') as c;

-- Rights.
select test.become('levqor_owner');
select test.act_for(:'beta');
select is((select count(*) from quota.guardrail where account_id = :'acme'), 0::bigint, 'another account does not see them');
select test.become('levqor_dba');
select isnt_empty('select from quota.guardrail', 'a DBA does');
select throws_ok($$update quota.price set usd_per_job = 0$$, '42501', null, 'and changes no price');
select test.become('none');

select * from finish();
rollback;
