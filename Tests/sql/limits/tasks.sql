-- What the clock does for rate limits.
begin;
select plan(11);

select set_eq(
    $$select t.name, t.function, t.every, t.is_alone, t.is_enabled, t.origin from schedule.task as t where t.function like 'limits.%'$$,
    $$values ('limits-sweep', 'limits.sweep', interval '1 hour', false, true, 'file'),
        ('limits-compact', 'limits.compact', interval '5 seconds', true, true, 'file')$$,
    'whole buckets are removed, and their table is kept small'
);

-- Buckets that are whole for long, just whole, and not whole.
delete from limits.bucket;
select core.set_test_clock('2031-01-01 12:00:00+00');
insert into limits.bucket (policy_id, subject, full_at, cost, tolerance)
select 1, b.subject, b.full_at, interval '1 second', interval '1 minute'
from (values ('long', core.now() - interval '61 seconds'), ('just', core.now()), ('not', core.now() + interval '1 minute')) as b (subject, full_at);
update schedule.task set is_enabled = starts_with(name, 'limits-');
delete from schedule.run;
update schedule.state set plan = null, last_slot = null;
create function pg_temp.buckets() returns text language sql as $$
    select string_agg(b.subject, ',' order by b.subject) from limits.bucket as b
$$;
select is(test.turn_clock(), '{"limits-compact succeeded","limits-sweep succeeded"}', 'the clock runs both');
select is(pg_temp.buckets(), 'just,not', 'what has been whole for a minute goes');
select core.set_test_clock('2031-01-01 12:00:04.999+00');
select is(test.turn_clock(), null, 'then there is a pause');
select core.set_test_clock('2031-01-01 12:00:05+00');
select is(test.turn_clock(), '{"limits-compact succeeded"}', 'of five seconds for the size');
select is(pg_temp.buckets(), 'just,not', 'a small table stays as it is');

-- The rewriting is alone in its call, so that no other task waits with its lock.
update schedule.task set is_enabled = true where name = 'outbox-trim-events';
select core.set_test_clock('2031-01-01 12:00:07+00');
delete from schedule.run;
update schedule.state set plan = null, last_slot = null;
create temp table calls (tasks text[]);
create function pg_temp.turn() returns void language plpgsql as $$
begin
    for i in 1 .. 4 loop
        insert into calls select array_agg(r.task) from schedule.run_due() as r;
    end loop;
end;
$$;
select pg_temp.turn();
select is(
    (select array_agg(cardinality(c.tasks)) filter (where 'limits-compact' = any (c.tasks)) from calls as c), '{1}', 'it runs in a call of its own'
);
select is((select count(*) from calls as c cross join unnest(c.tasks) as t (task)), 3::bigint, 'and the others in others');
update schedule.task set is_enabled = false where name = 'outbox-trim-events';

-- A large one: every row that was updated while somebody held an old snapshot leaves a dead one. Here inserted ones do.
update core.setting set value = '100000' where name = 'core.compact_bytes';
insert into limits.bucket (policy_id, subject, full_at, cost, tolerance)
select 2, n::text, core.now() - interval '1 second', interval '1 second', interval '1 minute' from generate_series(1, 5000) as n;
select core.set_test_clock('2031-01-01 12:00:15+00');
select is(test.turn_clock(), '{"limits-compact succeeded"}', 'a large one is rewritten');
select is(pg_temp.buckets(), 'not', 'with the buckets that are not whole');
select cmp_ok(pg_relation_size('limits.bucket'), '<=', 8192::bigint, 'and is small then');

select * from finish();
rollback;
