-- Runs with their sums, and the table of the documentation.
begin;
select plan(23);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-06-15 12:00:00+00');
insert into privacy.run (run_id, table_name, way, is_dry_run, requested_by, began_at, until_at, cutoff_at, state, rows, held, partitions, batches, longest_ms, finished_at, sqlstate)
select
    v.run::uuid, v.name, 'delete', false, 'system', core.now(), core.now() + interval '1 hour', core.now(), v.state, v.rows, 1, 2, 3, v.ms,
    case when v.state <> 'open' then core.now() + v.ms * interval '1 second' end, case when v.state = 'failed' then '23503' end
from (values
    ('00000000-0000-7000-8000-000000000001', 'a.a', 'done', 10, 5), ('00000000-0000-7000-8000-000000000001', 'a.b', 'done', 20, 7),
    ('00000000-0000-7000-8000-000000000002', 'a.a', 'done', 1, 1), ('00000000-0000-7000-8000-000000000002', 'a.b', 'out of time', 1, 1),
    ('00000000-0000-7000-8000-000000000003', 'a.a', 'locked', 1, 1), ('00000000-0000-7000-8000-000000000003', 'a.b', 'out of time', 1, 1),
    ('00000000-0000-7000-8000-000000000004', 'a.a', 'locked', 1, 1), ('00000000-0000-7000-8000-000000000004', 'a.b', 'failed', 1, 1),
    ('00000000-0000-7000-8000-000000000005', 'a.a', 'open', 1, 1), ('00000000-0000-7000-8000-000000000005', 'a.b', 'failed', 1, 1)
) as v (run, name, state, rows, ms);
select is(
    (select row(r.state, r.tables, r.rows, r.held, r.partitions, r.batches, r.longest_ms, r.finished_at - r.began_at)::text from privacy.run_report as r where r.run_id = '00000000-0000-7000-8000-000000000001'),
    '(done,2,30,2,4,6,7,00:00:07)', 'sums of a run'
);
select is((select r.state from privacy.run_report as r where r.run_id = v.run::uuid), v.state, 'the worst of its tables: ' || v.state)
from (values
    ('00000000-0000-7000-8000-000000000002', 'out of time'), ('00000000-0000-7000-8000-000000000003', 'locked'),
    ('00000000-0000-7000-8000-000000000004', 'failed'), ('00000000-0000-7000-8000-000000000005', 'open')
) as v (run, state);
select is((select r.finished_at from privacy.run_report as r where r.run_id = '00000000-0000-7000-8000-000000000005'), null, 'an open run has no end');
select is(
    (select privacy.show_run(r) - 'began_at' - 'finished_at' from privacy.run_report as r where r.run_id = '00000000-0000-7000-8000-000000000001'),
    '{"id": "retrun_00000000000070008000000000000001", "held": 2, "rows": 30, "state": "done", "batches": 6, "is_dry_run": false, "longest_ms": 7, "partitions": 4, "requested_by": "system"}',
    'a run as JSON'
);
select is((select privacy.show_table_run(r) ->> 'sqlstate' from privacy.run as r where r.state = 'failed' limit 1), '23503', 'a table''s failure is shown');

select is(privacy.say_interval(v.kept::interval), v.said, 'in words: ' || coalesce(v.said, 'nothing'))
from (values ('25 months', '25 months'), ('2 years', '24 months'), ('90 days', '90 days'), ('24 hours', '24 hours'), ('300 seconds', '300 seconds'), (null, null)) as v (kept, said);

select is((select count(*) from privacy.write_table()), (select count(*) + 2 from privacy.policy), 'the table has a line for each policy');
select is((select count(*) from privacy.write_table() as w where w is null), 0::bigint, 'and none is empty');
select is(
    (select w from privacy.write_table() as w where w like '| `audit.sensitive_call`%'),
    '| `audit.sensitive_call` ● | 365 days after `happened_at` | deleted in batches | what audit coverage is measured against, a year back | Art. 6(1)(f) GDPR: legitimate interest |',
    'a table that rows are deleted of'
);
select matches(
    (select w from privacy.write_table() as w where w like '| `growth.event`%'),
    '25 months after `event_at` \| partition dropped, setting `growth.keep_months`', 'one that partitions are dropped of'
);
select matches((select w from privacy.write_table() as w where w like '| `mail.message`%'), '90 days after `created_at` \| task `mail-trim`, setting `mail.keep_days`', 'one of an own task');
select matches((select w from privacy.write_table() as w where w like '| `inbox.attempt`%'), 'as its parent \| with `inbox.delivery`', 'one that goes with another');
select matches((select w from privacy.write_table() as w where w like '| `jobs.waiting`%'), 'in passing \| by the work itself', 'one that the work empties');

-- Holds.
create temp table h on commit drop as select x.* from privacy.place_hold('case', p_table => 'mail.message', p_from_at => '2026-06-16', p_until_at => '2026-06-17') as x;
create function pg_temp.state_at(p_at timestamptz) returns text language plpgsql as $$
begin
    perform core.set_test_clock(p_at);
    return (select privacy.show_hold(row(x.*)::privacy.hold) ->> 'state' from privacy.hold as x, h where x.id = h.id);
end;
$$;
select is(
    (select string_agg(pg_temp.state_at(a), ', ') from unnest(array['2026-06-15', '2026-06-16', '2026-06-17']::timestamptz[]) as a), 'ahead, in force, over',
    'a hold is ahead, in force, and over'
);
select is((select (privacy.show_hold(privacy.release_hold(h.id))) ->> 'state' from h), 'released', 'or released');

select * from finish();
rollback;
