-- History stays: of jobs, of the trail, and of whatever else takes the trigger.
begin;
select plan(17);

create table core.tale (id integer primary key);
create trigger tale_is_history before update or delete or truncate on core.tale
for each statement execute function core.refuse_change();
insert into core.tale (id) values (1), (2);

create temp table t on commit drop as select test.make_account() as account;
create temp table j on commit drop as select s.* from t, jobs.submit_job(account, 'w', '{}') as s;
select jobs.claim_jobs('me', '{w}', 1, 60, account) from t;
select jobs.fail_job(c.account_id, c.id, c.lease_token, '{}') from j inner join jobs.job as c on c.id = j.id;

select throws_ok(
    format(x.command, x.name), '42501', x.name || ' is history: its rows stay as they are', format(x.command, x.name)
)
from (
    select t.name, c.command
    from (values ('core.tale'), ('jobs.submission'), ('jobs.attempt')) as t (name)
    cross join (values ('delete from %s'), ('truncate %s')) as c (command)
    union all
    values ('core.tale', 'update %s set id = 3'), ('jobs.submission', 'update %s set workflow = ''x'''),
    ('jobs.attempt', 'update %s set worker = ''x''')
) as x (name, command);
select throws_ok(
    'delete from jobs.submission where id = (select id from j)', '42501', null, 'nor does a job go by itself'
);
select is((select count(*) from jobs.job where id = (select id from j)), 1::bigint, 'and so it stays itself');
create function pg_temp.hint_of(p_command text) returns text language plpgsql as $$
declare
    v_hint text;
begin
    execute p_command;
    return null;
exception
    when insufficient_privilege then
        get stacked diagnostics v_hint = pg_exception_hint;
        return v_hint;
end;
$$;
select matches(pg_temp.hint_of('delete from core.tale'), 'levqor\.retention', 'the hint says what data retention does');
select is(pg_temp.hint_of('update core.tale set id = 3'), 'Add a row that sets it right.', 'and what is done instead of a change');

set local levqor.retention = 'on';
select throws_ok(
    'update core.tale set id = 3', '42501', 'core.tale is history: its rows stay as they are', 'data retention changes nothing'
);
select lives_ok('delete from core.tale where id = 1', 'but deletes');
select lives_ok('delete from jobs.submission where id = (select id from j)', 'a job goes then');
select lives_ok('delete from jobs.attempt where job_id = (select id from j)', 'and its history');

select * from finish();
rollback;
