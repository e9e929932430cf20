-- Which rows a batch takes.
begin;
select plan(19);

set local levqor.machinery = 'on';
create table core.tale (id uuid primary key, told_at timestamptz, day date, said text);
create index tale_told_at_idx on core.tale (told_at);
create index tale_day_idx on core.tale (day) where said is null;
create index tale_said_idx on core.tale using brin (day);
create table core.part (told_at timestamptz, id bigint) partition by range (told_at);
create table core.part_1 partition of core.part for values from ('2026-01-01 00:00:00+00') to ('2026-02-01 00:00:00+00');
create table core.part_2 partition of core.part for values from ('2026-02-01 00:00:00+00') to ('2026-03-01 00:00:00+00');
create table core.part_9 partition of core.part for values from ('2026-03-01 00:00:00+00') to (maxvalue);

select is(privacy.cutoff_text('core.tale', v.name, '2026-06-15 23:30:00.5+02'), v.text, 'the cut-off as ' || v.name)
from (values ('told_at', '2026-06-15 21:30:00.500000+00'), ('day', '2026-06-15'), ('id', jobs.first_id_at('2026-06-15 21:30:00.5+00')::text)) as v (name, text);
set local datestyle = 'German';
set local timezone = 'America/New_York';
select is(privacy.cutoff_text('core.tale', 'told_at', '2026-06-15 21:30:00.5+00'), '2026-06-15 21:30:00.500000+00', 'whatever the session shows');
select is((privacy.next_partition('core.part', 'told_at', '2026-02-01 00:00:00+00', null)).partition, 'core.part_1', 'partitions too');
reset datestyle;
reset timezone;
select is(
    privacy.age_condition('core.tale', 'day', '2026-06-15 12:00:00+00'), 't.day < ''2026-06-15''::date', 'a condition on the row'
);
select ok(privacy.can_seek('core.tale', 'told_at'), 'an index that begins with the column leads to old rows');
select ok(privacy.can_seek('core.tale', 'id'), 'and so does the key');
select ok(not privacy.can_seek('core.tale', 'day'), 'a partial one does not, nor one that is no btree');
select ok(not privacy.can_seek('core.tale', 'said'), 'nor none');

select is((n.partition, n.upper_bound::timestamptz)::text, '(core.part_1,"2026-02-01 00:00:00+00")', 'the oldest partition first')
from privacy.next_partition('core.part', 'told_at', '2026-04-01 00:00:00+00', null) as n;
select is((privacy.next_partition('core.part', 'told_at', '2026-04-01 00:00:00+00', '2026-02-01 00:00:00+00')).partition, 'core.part_2', 'then the next');
select is((privacy.next_partition('core.part', 'told_at', '2026-04-01 00:00:00+00', '2026-03-01 00:00:00+00')).partition, null, 'one without an end never');
select is((privacy.next_partition('core.part', 'told_at', '2026-01-31 23:59:59+00', null)).partition, null, 'nor one that is not over');

select is((select row(r.rows, r.held, r.ms >= 0)::text from privacy.run_timed('select 3, 4') as r), '(3,4,t)', 'a statement is timed');
select is(
    (select row(r.longest_ms, r.worked_ms)::text from privacy.add_time(jsonb_populate_record(null::privacy.run, '{"longest_ms": 5, "worked_ms": 7}'), 3) as r),
    '(5,10)', 'its time is added'
);
select is(
    (select r.longest_ms from privacy.add_time(jsonb_populate_record(null::privacy.run, '{"longest_ms": 5, "worked_ms": 7}'), 6) as r), 6::double precision, 'the longest is kept'
);
select is(privacy.drop_partition('core.part_1'), 1, 'a partition is dropped');
select is(to_regclass('core.part_1'), null, 'and gone');

select * from finish();
rollback;
