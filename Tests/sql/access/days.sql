-- Days of the access record: made ahead, made once, dropped in time.
begin;
select plan(30);

create function pg_temp.days() returns text language sql as $$
    select string_agg(d.day::text, ' ' order by d.day) from access.day as d where d.partition is not null
$$;
set local role levqor_owner;
do $$
declare
    v_partition regclass;
begin
    for v_partition in select d.partition from access.day as d where d.partition is not null loop
        execute format('drop table %s', v_partition);
    end loop;
end;
$$;
delete from access.dropped;
reset role;

-- Ahead.
select core.set_test_clock('2031-01-01 23:59:59+00');
set local role levqor_owner;
select is(access.make_days(), 4::bigint, 'today and three days ahead are made');
select is(pg_temp.days(), '2031-01-01 2031-01-02 2031-01-03 2031-01-04', 'by UTC');
select is(access.make_days(), 0::bigint, 'days that are there are not made again');
reset role;
select core.set_test_clock('2031-01-02 00:00:00+00');
set local time zone 'Pacific/Auckland';
set local role levqor_owner;
select is(access.make_days(1), 0::bigint, 'the next day has them');
select is(access.make_days(), 1::bigint, 'but the last, whatever the session''s time zone is');
select is(access.make_day('2031-01-07'), true, 'a day may be made by itself');
select is(access.make_day('2031-01-07'), false, 'and is made once');
select is(pg_temp.days(), '2031-01-01 2031-01-02 2031-01-03 2031-01-04 2031-01-05 2031-01-07', 'those are the days');
select ok(access.has_day('2031-01-07') and not access.has_day('2031-01-06'), 'a day is known to be there');
reset role;
select is(
    (select pg_get_expr(c.relpartbound, c.oid) from pg_class as c where c.oid = 'access.request_20310107'::regclass),
    $$FOR VALUES FROM ('2031-01-07 13:00:00+13') TO ('2031-01-08 13:00:00+13')$$, 'a day is a day of UTC'
);
set local time zone 'UTC';

-- A partition is no way around the table.
select ok(c.relrowsecurity and c.relforcerowsecurity, 'a partition has row-level security of its own')
from pg_class as c where c.oid = 'access.request_20310107'::regclass;
select is(pg_get_userbyid(c.relowner), 'levqor_owner', 'belongs to the owner') from pg_class as c where c.oid = 'access.request_20310107'::regclass;
select ok(obj_description('access.request_20310107'::regclass, 'pg_class') is not null, 'has a comment');
select ok(
    not has_table_privilege(r.role, 'access.request_20310107', 'select, insert, update, delete, truncate'), r.role || ' reaches it by the table only'
)
from unnest(array['levqor_server', 'levqor_dba', 'levqor_bi']) as r (role);
select test.make_account('A') as a \gset
select core.enter_machinery();
insert into access.request (at, account_id, micros, bytes_in, bytes_out, status, request_id, route)
values ('2031-01-07 12:00:00+00', :'a', 1, 1, 1, 200, 'request-1', 'GET /');
set local role levqor_owner;
select test.act_for(null);
select is_empty('select from access.request_20310107', 'nobody sees nothing in it');
select test.act_for(:'a');
select is((select r.request_id from access.request_20310107 as r), 'request-1', 'an account its own');
reset role;

-- Dropped.
select core.enter_machinery();
select access.record_many('one', 5, null, null, null, null, null, null, null, null, null, null, null, null, null);
select core.set_test_clock('2031-04-02 00:14:59+00');
set local role levqor_owner;
select is(access.drop_days(), 0::bigint, 'ninety days are kept, and a quarter of an hour');
reset role;
select core.set_test_clock('2031-04-02 00:15:00+00');
set local role levqor_owner;
select is(access.drop_days(), 1::bigint, 'older ones are dropped');
select is(pg_temp.days(), '2031-01-02 2031-01-03 2031-01-04 2031-01-05 2031-01-07', 'the oldest');
select is((select d.dropped from access.day as d where d.day = '2031-01-02'), 5::bigint, 'what servers dropped is kept as long');
reset role;
update core.setting set value = '87' where name = 'access.keep_days';
set local role levqor_owner;
select is(access.drop_days(), 3::bigint, 'a setting says how many');
select is_empty('select from access.dropped', 'what servers dropped on them is forgotten too');
select is((select count(*) from access.request), 1::bigint, 'the rows of other days stay') from core.enter_machinery();
reset role;
select core.set_test_clock('2031-01-08 00:15:00+00');
update core.setting set value = '1' where name = 'access.keep_days';
select access.drop_days();
set local role levqor_owner;
select is((select min(d.day) from access.day as d where d.partition is not null), '2031-01-07'::date, 'a day is kept at least');
reset role;
select throws_ok(
    $$update core.setting set value = '0' where name = 'access.keep_days'$$, '23514', null, 'the setting is no less than that'
);

-- Who may.
select throws_ok(format('set local role levqor_server; select %s', f.call), '42501', null, 'a server may not: ' || f.call)
from (values ('access.make_day(''2031-01-01'')'), ('access.drop_days()')) as f (call);
reset role;
select test.become('levqor_dba');
select isnt_empty('select from access.day', 'a DBA sees the days');
select test.become('none');

select * from finish();
rollback;
