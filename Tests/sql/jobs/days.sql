-- Days of jobs are made ahead, indexed when they are over, and dropped when all their jobs are old and have ended.
begin;
select plan(19);

select test.clear_jobs();
select core.set_test_clock('2033-05-10 12:00:00+00');
-- Those of the day on which this runs.
select jobs.drop_days();
select is(jobs.make_days(1, 0), 10::bigint, 'each table gets its days');
select is(jobs.make_days(1, 0), 0::bigint, 'once');
select is(
    (select count(*) from jobs.day where day in ('2033-05-10', '2033-05-11')), 10::bigint, 'and they can be seen'
);
create temp table t on commit drop as select test.make_account('A') as a;
create temp table j on commit drop as select s.id from t, jobs.submit_job(t.a, 'w', '{}') as s;
select is((select tableoid::regclass::text from jobs.submission where id = (select id from j)), 'jobs.submission_20330510', 'a job goes to its day');
select core.set_test_clock('2033-05-20 12:00:00+00');
create temp table l on commit drop as select s.id from t, jobs.submit_job(t.a, 'w', '{}') as s;
select is((select tableoid::regclass::text from jobs.submission where id = (select id from l)), 'jobs.submission_default', 'one of a day that is not there is kept all the same');
select is(jobs.make_days(0, 0), 4::bigint, 'its day is made for what is not there yet');
select is((select tableoid::regclass::text from jobs.submission where id = (select id from l)), 'jobs.submission_default', 'and it stays where it is');
select is(jobs.index_days(), 2::bigint, 'days that are over are indexed');
select is(jobs.index_days(), 0::bigint, 'once');
set local enable_seqscan = off;
create function pg_temp.plan() returns text language plpgsql as $$
declare
    v_line text;
    v_plan text := '';
begin
    for v_line in execute format('explain select from jobs.submission_20330510 where account_id = %L and workflow = ''w'' order by id desc limit 5', (select a from t)) loop
        v_plan := v_plan || v_line;
    end loop;
    return v_plan;
end;
$$;
select matches(pg_temp.plan(), 'submission_workflow_20330510', 'and lists by workflow use that');

select core.set_test_clock('2033-06-30 12:00:00+00');
select is(jobs.drop_days(), 1::bigint, 'a day stays while one of its jobs has not ended, and holds no other one up');
select jobs.cancel_job(null, id) from j;
select is(jobs.drop_days(), 1::bigint, 'then it goes');
select is_empty('select from jobs.job where id = (select id from j)', 'with their jobs');
select is((select count(*) from jobs.job), 1::bigint, 'and no other');
select is((select count(*) from jobs.day where day < '2033-05-12' and day > '2033-01-01'), 0::bigint, 'no partition stays');
select ok(
    (select bool_and(c.relrowsecurity and c.relforcerowsecurity) from jobs.day as d inner join pg_class as c on c.oid = d.partition),
    'every day has its own row-level security'
);

select jobs.make_days(0, 0), jobs.drop_days();
select jobs.cancel_job(null, s.id) from t, jobs.submit_job(t.a, 'w', '{}') as s;
select throws_ok($$update core.setting set value = '0' where name = 'jobs.keep_days'$$, '23514', null, 'no day is refused');
update core.setting set value = '1' where name = 'jobs.keep_days';
select is(jobs.drop_days(), 0::bigint, 'a day is kept at least');

-- A superuser in psql may be the first to need a partition.
select test.become('none');
select jobs.make_day('log', '2043-05-06');
select is((select c.relowner::regrole::text from pg_class as c where c.oid = 'jobs.log_20430506'::regclass), 'levqor_owner', 'it is the owner''s all the same');

select * from finish();
rollback;
