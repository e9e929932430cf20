-- What the materialized views hold: figures of all accounts, whoever refreshes them, and nothing that tells who a person is.
begin;
select plan(27);

select core.set_test_clock('2031-03-05 12:34:56+00');
delete from quota.usage;
select test.make_account('Ada Lovelace') as a \gset
select test.make_account('Two Ltd') as b \gset
update identity.account set created_at = '2031-01-02 03:04:05+00', kind = 'personal' where id = :'a';
select u.user_id as u from identity.upsert_user('ada@example.com', 'Ada', 'en-GB', 'GBP') as u \gset
insert into identity.membership (account_id, user_id) values (:'b', :'u');

select test.become('levqor_owner');
select is_empty('select from identity.account', 'the owner sees no account');
select is(
    row(r.account_code, r.account_kind, r.account_status, r.tier, r.users_count, r.created_at)::text,
    row(core.show_id('acct', :'a'), 'personal', 'active', 'sandbox', 0, '2031-01-02 03:04:05+00'::timestamptz)::text,
    'but what it reads for bi is of all'
)
from bi_store.read_accounts() as r
where r.account_id = :'a';
select is(coalesce(current_setting('levqor.machinery', true), ''), 'off', 'and it sees no more afterwards');
select is(r.users_count, 1::bigint, 'members are counted') from bi_store.read_accounts() as r where r.account_id = :'b';
set local row_security = off;
select throws_ok('select from identity.account', '42501', null, 'without row security, as in a restore, the owner reads nothing');
select isnt_empty('select from bi_store.read_accounts()', 'and what it reads for bi comes all the same');
set local row_security = on;
select is(
    row(r.language_code, r.currency, r.accounts_count)::text, '(en,GBP,2)', 'of a user the language, the currency, the accounts'
)
from bi_store.read_users() as r
where r.user_id = :'u';
select test.become('none');
update identity.user set locale = 'my locale is secret' where id = :'u';
select is(r.language_code, null, 'a locale that is none is not told') from bi_store.read_users() as r where r.user_id = :'u';

-- Jobs.
delete from jobs.hour;
insert into jobs.hour (account_id, workflow, hour, submitted, succeeded, failed, canceled) values
(:'a', 'w', '2031-03-04 23:00:00+00', 5, 1, 2, 0),
(:'a', 'w', '2031-03-05 00:00:00+00', 10, 20, 40, 80),
(:'a', 'w', '2031-03-05 12:00:00+00', 100, 200, -1, 800),
(:'b', 'w', '2031-03-05 12:00:00+00', 7, 0, 0, 0),
(:'a', 'w', '2031-01-29 11:00:00+00', 3, 0, 0, 0);
select results_eq(
    format($$select r.job_date, r.submitted_count, r.succeeded_count, r.failed_count, r.canceled_count
        from bi_store.read_jobs_daily() as r where r.account_id = %L order by 1$$, :'a'),
    $$values ('2031-01-29'::date, 3::bigint, 0::bigint, 0::bigint, 0::bigint), ('2031-03-04', 5, 1, 2, 0),
        ('2031-03-05', 110, 220, 39, 880)$$,
    'hours are added up by UTC day'
);
set local timezone = 'Asia/Tokyo';
select is(
    r.submitted_count, 110::bigint, 'whatever time zone the session has'
)
from bi_store.read_jobs_daily() as r
where r.account_id = :'a' and r.job_date = '2031-03-05';
set local timezone = 'UTC';
select is(
    array_agg(row(r.account_id, r.hour_at, r.submitted_count)::text order by r.hour_at, r.submitted_count),
    array[
        row(:'a'::uuid, '2031-03-04 23:00:00+00'::timestamptz, 5)::text, row(:'a'::uuid, '2031-03-05 00:00:00+00'::timestamptz, 10)::text,
        row(:'b'::uuid, '2031-03-05 12:00:00+00'::timestamptz, 7)::text, row(:'a'::uuid, '2031-03-05 12:00:00+00'::timestamptz, 100)::text
    ],
    'of hours there are 35 days'
)
from bi_store.read_jobs_hourly() as r;

-- The queue, from the counts that are folded.
select jobs.submit_job(:'a', 'q', '{}') is not null as is_submitted \gset
select is_empty('select from bi_store.read_queues() where workflow = ''q''', 'a job that is not folded yet is not counted');
select jobs.fold_tallies();
select is(row(r.account_id, r.waiting_count, r.running_count)::text, row(:'a'::uuid, 1, 0)::text, 'one that is folded is')
from bi_store.read_queues() as r
where r.workflow = 'q';
update jobs.tally set waiting = 0 where workflow = 'q';
select is_empty('select from bi_store.read_queues() where workflow = ''q''', 'and none, once none is there');

-- Usage: what is over, and what is under way.
insert into quota.usage (account_id, month, used, allowed) values
(:'a', '2031-03-01', 12, 1000), (:'a', '2031-02-01', 11, 1000), (:'b', '2031-03-01', 5, 9223372036854775807);
insert into quota.usage_history (account_id, month, used, allowed, tier) values
(:'a', '2031-02-01', 99, 1000, 'growth'), (:'a', '2031-01-01', 10, 500, 'starter');
select results_eq(
    format($$select r.month_date, r.tier, r.used_count, r.allowed_count, r.is_current
        from bi_store.read_usage_monthly() as r where r.account_id = %L order by 1$$, :'a'),
    $$values ('2031-01-01'::date, 'starter', 10::bigint, 500::bigint, false), ('2031-02-01', 'sandbox', 11, 1000, false),
        ('2031-03-01', 'sandbox', 12, 1000, true)$$,
    'each month once, also one that is not moved yet'
);
select is(r.allowed_count, null, 'unlimited is null') from bi_store.read_usage_monthly() as r where r.account_id = :'b';

insert into quota.spending (account_id, day, reserved_usd) values (:'a', '2031-03-04', 1.234567);
select is(
    row(r.spending_date, r.reserved_amount_minor, r.currency)::text, '(2031-03-04,123.456700,USD)', 'money is in cents, with its currency'
)
from bi_store.read_spending_daily() as r;

-- Alerts.
select alerts.raise('error', 'test.bi', 'call Ada at 555', '{"who": "Ada"}', :'a', 'bi-test') as alert \gset
select is(
    row(r.account_id, r.alert_level, r.alert_source, r.alert_state, r.occurrences_count, r.openings_count, r.opened_at, r.resolved_at)::text,
    row(:'a'::uuid, 'error', 'test.bi', 'open', 1, 1, core.now(), null::timestamptz)::text, 'an alert, without what it says'
)
from bi_store.read_alerts() as r
where r.alert_id = :'alert';

-- What must not be there.
select is_empty($$
    select c.relname, a.attname
    from pg_class as c
    inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace in ('bi'::regnamespace, 'bi_store'::regnamespace) and c.relkind in ('r', 'm', 'v')
        and (
            a.atttypid in ('json'::regtype, 'jsonb'::regtype, 'inet'::regtype, 'cidr'::regtype, 'bytea'::regtype)
            or a.attname ~ '(e_?mail|address|ip|phone|payload|message|comment|note|description|agent|url|body|meta|facts|identifier)$'
            or a.attname in ('name', 'full_name', 'account_name', 'user_name', 'person_name') and c.relname not in ('plan', 'refresh', 'rolled_day', 'reopened_day', 'event_day')
            or a.attname ~ '^(acknowledged|resolved|created|made)_by$'
        )$$, 'no column is of a kind that holds a person''s address, name or words');
select is_empty(
    $$select from bi_store.read_accounts() as r where r::text like '%Ada%'$$, 'no name of an account'
);
select is_empty(
    $$select from bi_store.read_users() as r where r::text ~ 'Ada|ada@|secret'$$, 'no name, address or locale of a user'
);
select is_empty($$select from bi_store.read_alerts() as r where r::text like '%555%'$$, 'no words of an alert');
select is_empty($$
    select p.oid::regprocedure
    from pg_proc as p
    inner join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname !~ '^(pg_|bi_store$|information_schema$|public$|test$)' and p.prosrc ~ '\mbi_store\.'$$,
    'no function outside of bi_store uses one of it: none sees all accounts by the way'
);
select is_empty($$
    select p.oid::regprocedure
    from pg_proc as p
    where p.pronamespace = 'bi_store'::regnamespace and p.proname like 'read\_%'
        and (
            p.provolatile <> 'v' or not p.proconfig @> '{row_security=on}'
            or p.prosrc !~ 'bi_store.begin_reading' or p.prosrc !~ 'bi_store.end_reading'
        )$$,
    'each reading function reads with row security, as the machinery, and only as long as it takes'
);
select is_empty($$
    select c.oid::regclass
    from pg_class as c
    where c.relnamespace = 'bi_store'::regnamespace and c.relkind = 'm'
        and pg_get_viewdef(c.oid) !~ ('FROM bi_store.read_' || c.relname || '\(\)')$$,
    'each materialized view holds what its function reads'
);
select function_privs_are('bi_store', 'read_accounts', '{}', r.role, '{}', r.role || ' may not call it')
from (values ('levqor_bi'), ('levqor_server')) as r (role);

select * from finish();
rollback;
