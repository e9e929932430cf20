-- Views that facts are told by.
begin;
select plan(13);

select is(
    (select row(count(*), count(distinct d.calendar_date), min(d.calendar_date), max(d.calendar_date))::text from bi.dim_dates as d),
    '(12784,12784,2015-01-01,2049-12-31)', 'every day of 35 years once'
);
select is(
    (select row(d.year_number, d.quarter_number, d.month_number, d.day_number, d.iso_year_number, d.iso_week_number, d.weekday_number,
        d.month_date, d.week_date, d.is_weekend)::text from bi.dim_dates as d where d.calendar_date = '2027-01-03'),
    '(2027,1,1,3,2026,53,7,2027-01-01,2026-12-28,t)', 'a Sunday at the turn of the year'
);
set local timezone = 'America/New_York';
select is((select d.month_date from bi.dim_dates as d where d.calendar_date = '2031-03-09'), '2031-03-01', 'in any time zone');
set local timezone = 'UTC';

select core.set_test_clock('2031-03-05 12:00:00+00');
insert into identity.account (name, kind, created_at) values ('Ada', 'personal', '2031-03-04 23:30:00+00') returning id as a \gset
select u.user_id as u from identity.upsert_user('ada@example.com', 'Ada', 'de-DE', 'EUR') as u \gset
select test.become('levqor_owner', true);
select bi_store.refresh_all();
select test.become('levqor_bi');
set local timezone = 'Asia/Tokyo';
select is(
    (select row(d.account_code = 'acct_' || replace(d.account_id::text, '-', ''), d.account_kind, d.account_status, d.tier, d.is_operator,
        d.users_count, d.created_date)::text from bi.dim_accounts as d where d.account_id = :'a'),
    '(t,personal,active,sandbox,f,0,2031-03-04)', 'an account; its day is one of UTC'
);
set local timezone = 'UTC';
select is(
    (select row(d.user_code = 'user_' || replace(d.user_id::text, '-', ''), d.language_code, d.currency)::text from bi.dim_users as d where d.user_id = :'u'),
    '(t,de,EUR)', 'a user'
);
select is_empty(
    $$select d.tier from bi.dim_accounts as d where not exists (select from bi.dim_tiers as t where t.tier = d.tier)$$, 'every tier is known'
);
select ok((select t.is_unlimited from bi.dim_tiers as t where t.allowed_count is null limit 1), 'a tier without a limit says so');
select test.become('none');

delete from ops.server;
insert into ops.server (id, started_at, seen_at, version, build) values
('alive', now() - interval '1 hour', now() - interval '29 seconds', '1', 'b'), ('gone', now() - interval '1 hour', now() - interval '31 seconds', '1', 'b');
select test.become('levqor_bi');
select results_eq('select s.server_id, s.is_alive from bi.dim_servers as s order by 1', $$values ('alive', true), ('gone', false)$$, 'servers, by their last sign of life');
select test.become('none');

delete from bi_store.refresh where name = 'queues';
update bi_store.refresh set took = interval '1.5 seconds', rows = 7, refreshed_at = now() - interval '119 minutes' where name = 'jobs_daily';
update bi_store.refresh set refreshed_at = now() - interval '121 minutes' where name = 'users';
select test.become('levqor_bi');
select is(
    (select row(r.store_kind, r.interval_seconds, r.took_seconds, r.rows_count, r.is_late)::text from bi.refreshes as r where r.store_name = 'jobs_daily'),
    '(view,900,1.500,7,f)', 'a store and its last refresh'
);
select is((select r.is_late from bi.refreshes as r where r.store_name = 'users'), true, 'one that is old is late');
select is((select row(r.refreshed_at, r.is_late)::text from bi.refreshes as r where r.store_name = 'queues'), '(,t)', 'one that never was is late');
select test.become('none');
select is((select array_agg(p.name::text order by p.name) from bi_store.plan as p), (select array_agg(r.store_name order by r.store_name) from bi.refreshes as r), 'all are there');

-- What a key is, is one.
select is_empty($$
    select 'dim_accounts' from bi.dim_accounts group by account_id having count(*) > 1 union all
    select 'dim_users' from bi.dim_users group by user_id having count(*) > 1 union all
    select 'dim_tiers' from bi.dim_tiers group by tier having count(*) > 1 union all
    select 'dim_servers' from bi.dim_servers group by server_id having count(*) > 1$$, 'keys are unique');

select * from finish();
rollback;
