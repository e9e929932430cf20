-- Runs: what is too old goes in batches, what is held stays, and a run that was cut off is gone on with.
begin;
select plan(75);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-06-15 12:00:00+00');
create temp table t on commit drop as select test.make_account('Held') as held, test.make_account('Free') as free;
create table core.tale (
    id uuid primary key, account_id uuid, told_at timestamptz, day date, said text, n integer generated always as (length(said)) stored
);
create index tale_told_at_idx on core.tale (told_at);
create table core.part (id bigint, account_id uuid, told_at timestamptz, primary key (id, told_at)) partition by range (told_at);
create table core.part_1 partition of core.part for values from ('2026-01-01') to ('2026-02-01');
create table core.part_2 partition of core.part for values from ('2026-02-01') to ('2026-03-01');
create table core.part_6 partition of core.part for values from ('2026-06-01') to ('2026-07-01');
create table core.part_default partition of core.part default;
alter table core.tale owner to levqor_owner;
alter table core.part owner to levqor_owner;
create function pg_temp.keep(p_table text, p_way text, p_clock text, p_more jsonb default '{"days": 100}') returns void language sql as $$
    delete from privacy.policy where table_name = p_table;
    insert into privacy.policy
    select (jsonb_populate_record(null::privacy.policy, jsonb_build_object('table_name', p_table, 'way', p_way, 'clock_column', p_clock,
        'has_personal_data', true, 'reason', 'r', 'legal_basis', 'b', 'is_enabled', true, 'heeds_holds', true, 'origin', 'local',
        'local_columns', '[]'::jsonb) || p_more)).*;
$$;
create function pg_temp.work(p_run_id uuid) returns integer language plpgsql as $$
declare
    v_steps integer := 0;
begin
    while (privacy.work_step(p_run_id) -> 'more')::boolean loop
        v_steps := v_steps + 1;
    end loop;
    return v_steps;
end;
$$;
create function pg_temp.run(p_table text, p_is_dry_run boolean default false) returns privacy.run language plpgsql as $$
declare
    v_run privacy.run;
    v_id uuid := privacy.begin_run(p_table, p_is_dry_run);
begin
    perform pg_temp.work(v_id);
    select r.* into strict v_run from privacy.run as r where r.run_id = v_id;
    return v_run;
end;
$$;
-- 3,000 rows of an hour each, the last ones of now: 598 are 100 days old or younger, by hours 2400.
create function pg_temp.fill() returns void language sql as $$
    delete from core.tale;
    insert into core.tale (id, account_id, told_at, day, said)
    select jobs.first_id_at(x.at), case when i % 100 = 0 then t.held else t.free end, x.at, (x.at at time zone 'UTC')::date, 'said'
    from t, generate_series(1, 3000) as i, lateral (select core.now() - i * interval '1 hour' as at) as x;
$$;

-- Delete by a time that has an index, by a day and by an id that have none.
select pg_temp.fill();
select pg_temp.keep('core.tale', 'delete', 'told_at');
select is(
    (select row(r.state, r.rows, r.held, r.is_dry_run, r.partitions)::text from pg_temp.run('core.tale', true) as r), '(done,600,0,t,0)',
    'a dry run counts'
);
select is((select count(*) from core.tale), 3000::bigint, 'and removes nothing');
select is(
    (select row(r.state, r.rows, r.held, r.way)::text from pg_temp.run('core.tale') as r), '(done,600,0,delete)', 'a run removes what is too old'
);
select is((select min(x.told_at) from core.tale as x), core.now() - interval '100 days', 'and nothing else');
select is(
    (select row(r.state, r.rows)::text from pg_temp.run('core.tale') as r), '(done,0)', 'a second run finds nothing'
);
select is((select count(*) from audit.entry as e where e.action = 'privacy.run_retention'), 1::bigint, 'the trail has an entry of the run that removed rows, only');
select is(
    (select e.facts - 'run' - 'before' from audit.entry as e where e.action = 'privacy.run_retention' and e.target = 'core.tale'),
    '{"way": "delete", "held": 0, "rows": 600, "state": "done", "partitions": 0}', 'with the counts'
);
select pg_temp.fill();
select pg_temp.keep('core.tale', 'delete', 'day');
select is((select r.rows from pg_temp.run('core.tale', true) as r), (select count(*) from core.tale where day < '2026-03-07'), 'a dry run by day');
select is((select r.state from pg_temp.run('core.tale') as r), 'done', 'a run by day');
select is((select min(x.day) from core.tale as x), '2026-03-07', 'a day goes when all of it is too old');
select pg_temp.fill();
select pg_temp.keep('core.tale', 'delete', 'id');
select is((select r.rows from pg_temp.run('core.tale') as r), 600::bigint, 'a run by the time inside of a UUIDv7');
select is((select min(x.told_at) from core.tale as x), core.now() - interval '100 days', 'removes the same');

-- Batches: many rows of one moment; small batches reach the end too.
update core.setting set value = '5' where name = 'privacy.batch_ms';
delete from core.tale;
insert into core.tale (id, told_at, said) select gen_random_uuid(), '2026-01-01 00:00:00+00', 'once' from generate_series(1, 2500);
insert into core.tale (id, told_at, said) select gen_random_uuid(), '2026-01-02 00:00:00+00', 'then' from generate_series(1, 10);
select pg_temp.keep('core.tale', 'delete', 'told_at');
select is(
    (select row(r.state, r.rows, r.batches > 1, r.longest_ms > 0, r.worked_ms >= r.longest_ms)::text from pg_temp.run('core.tale') as r),
    '(done,2510,t,t,t)', 'rows of one moment are more than a batch'
);
select is((select count(*) from core.tale), 0::bigint, 'and all go');
insert into core.tale (id, told_at, said) select gen_random_uuid(), null, 'never' from generate_series(1, 3);
select is((select r.rows from pg_temp.run('core.tale') as r), 0::bigint, 'a row without a time is not too old');

-- Cut off: whoever comes next goes on.
select pg_temp.fill();
update core.setting set value = '50' where name = 'privacy.batch_ms';
create temp table cut on commit drop as select privacy.begin_run('core.tale') as id;
update privacy.run set batch_rows = 100 where run_id = (select id from cut);
select is(privacy.work_step(id) -> 'rows', '100', 'one step is one batch') from cut;
select is((select row(r.state, r.rows, r.batches)::text from privacy.run as r, cut where r.run_id = cut.id), '(open,100,1)', 'the run says where it stands');
select isnt((select r.place ->> 'low' from privacy.run as r, cut where r.run_id = cut.id), null, 'past what it removed: no batch steps over that again');
select ok(pg_temp.work(id) > 0, 'the run is gone on with') from cut;
select is((select row(r.state, r.rows)::text from privacy.run as r, cut where r.run_id = cut.id), '(done,600)', 'and ends with all rows counted once');
select is((select count(*) from core.tale where told_at < core.now() - interval '100 days'), 0::bigint, 'nothing old is left');

-- Holds.
select pg_temp.fill();
create temp table h on commit drop as select x.id from t, privacy.place_hold('case', p_account_id => held) as x;
select is((select row(r.rows, r.held)::text from pg_temp.run('core.tale', true) as r), '(594,6)', 'a dry run tells what is held');
select is((select row(r.rows, r.held)::text from pg_temp.run('core.tale') as r), '(594,6)', 'held rows stay and are counted');
select is((select count(*) from core.tale, t where account_id = held and told_at < core.now() - interval '100 days'), 6::bigint, 'all of them');
select is((select row(r.rows, r.held)::text from pg_temp.run('core.tale') as r), '(0,6)', 'again');
select pg_temp.keep('core.tale', 'delete', 'id');
select is((select row(r.rows, r.held)::text from pg_temp.run('core.tale') as r), '(0,6)', 'also along the file');
select pg_temp.keep('core.tale', 'delete', 'told_at');
select privacy.release_hold(h.id) from h;
select is((select row(r.rows, r.held)::text from pg_temp.run('core.tale') as r), '(6,0)', 'released, they go');
select pg_temp.fill();
truncate h;
insert into h select x.id from privacy.place_hold('case', p_table => 'core.tale') as x;
select is((select row(r.rows, r.held)::text from pg_temp.run('core.tale') as r), '(0,600)', 'a whole table is held');
select privacy.release_hold(h.id) from h;

-- What a condition spares.
select pg_temp.keep('core.tale', 'delete', 'told_at', '{"days": 100, "spare_if": "t.account_id is null or exists (select from core.setting as s where s.name = t.said)"}');
insert into core.tale (id, account_id, told_at, said) select gen_random_uuid(), t.free, '2026-01-01', x from t, unnest(array['core.environment', 'x', null]) as x;
insert into core.tale (id, told_at, said) values (gen_random_uuid(), '2026-01-01', 'y');
select is((select r.rows from pg_temp.run('core.tale') as r), 602::bigint, 'what the policy spares stays');
select is((select string_agg(x.said, ' ' order by x.said) from core.tale as x where told_at < '2026-02-01'), 'core.environment y', 'however old');

-- Anonymise.
select pg_temp.fill();
select pg_temp.keep('core.tale', 'anonymise', 'told_at', '{"days": 100, "new_values": {"said": "", "account_id": null}}');
select is((select r.rows from pg_temp.run('core.tale', true) as r), 600::bigint, 'a dry run counts what would be anonymised');
select is((select row(r.state, r.rows)::text from pg_temp.run('core.tale') as r), '(done,600)', 'old rows are anonymised');
select is(
    (select string_agg(distinct concat(x.said, coalesce(x.account_id::text, '-'), x.n), ' ') from core.tale as x where told_at < core.now() - interval '100 days'),
    '-0', 'with the values of the policy'
);
select is((select count(*) from core.tale where said = 'said' and account_id is not null), 2400::bigint, 'younger ones stay as they are');
select is((select r.rows from pg_temp.run('core.tale') as r), 0::bigint, 'what is anonymised is not again');
select pg_temp.fill();
select pg_temp.keep('core.tale', 'anonymise', 'id', '{"days": 100, "new_values": {"said": null}}');
select is((select r.rows from pg_temp.run('core.tale') as r), 600::bigint, 'also along the file, where rows move');

-- Partitions.
select pg_temp.keep('core.part', 'drop_partition', 'told_at');
insert into core.part select i, t.free, d from t, generate_series(1, 50) as i, unnest(array['2026-01-15', '2026-02-15', '2026-06-14', '2025-01-01']::timestamptz[]) as d;
insert into core.part select 51, t.held, '2026-02-15' from t;
truncate h;
insert into h select x.id from t, privacy.place_hold('case', p_account_id => held) as x;
select is(
    (select row(r.state, r.rows, r.held, r.partitions, r.rows_are_estimated)::text from pg_temp.run('core.part', true) as r), '(done,150,1,1,f)',
    'a dry run counts partitions'
);
select is(to_regclass('core.part_1')::text, 'core.part_1', 'and drops none');
select is(
    (select row(r.state, r.rows, r.held, r.partitions)::text from pg_temp.run('core.part') as r), '(done,150,1,1)', 'a partition that is too old goes'
);
select is(to_regclass('core.part_1'), null, 'as a whole');
select is((select count(*) from core.part_2), 1::bigint, 'of one with a held row the others go');
select is((select count(*) from core.part_default), 0::bigint, 'and what came into the default partition');
select is((select count(*) from core.part_6), 50::bigint, 'a young one stays');
select is((select row(r.rows, r.held, r.partitions)::text from pg_temp.run('core.part') as r), '(0,1,0)', 'again, the held row is counted');
select privacy.release_hold(h.id) from h;
select is((select row(r.rows, r.held, r.partitions)::text from pg_temp.run('core.part') as r), '(1,0,1)', 'released, the partition goes');

-- Partitions with rows that the policy spares, beside held ones and without.
create table core.part_3 partition of core.part for values from ('2026-03-01') to ('2026-03-02');
create table core.part_4 partition of core.part for values from ('2026-03-02') to ('2026-03-03');
insert into core.part select i, t.free, d from t, generate_series(1, 5) as i, unnest(array['2026-03-01', '2026-03-02']::timestamptz[]) as d;
select pg_temp.keep('core.part', 'drop_partition', 'told_at', '{"days": 100, "spare_if": "t.id = 2 and t.told_at < ''2026-03-02''"}');
select is((select row(r.rows, r.partitions)::text from pg_temp.run('core.part', true) as r), '(9,1)', 'a dry run spares');
select is((select row(r.rows, r.held, r.partitions)::text from pg_temp.run('core.part') as r), '(9,0,1)', 'of a partition with a spared row the others go');
select is((select string_agg(x.id::text, ' ') from core.part_3 as x), '2', 'the spared one stays');
select is(to_regclass('core.part_4'), null, 'a partition without any goes as a whole');
drop table core.part_3;

-- What an own task left for a hold.
insert into core.part select i, case when i = 1 then t.held else t.free end, '2026-03-01' from t, generate_series(1, 5) as i where false;
create table core.part_3 partition of core.part for values from ('2026-03-01') to ('2026-03-02');
create table core.part_4 partition of core.part for values from ('2026-03-02') to ('2026-03-03');
insert into core.part select i, case when i = 1 then t.held else t.free end, '2026-03-01' from t, generate_series(1, 5) as i;
insert into core.part select i, t.free, '2026-03-02' from t, generate_series(1, 5) as i;
select pg_temp.keep('core.part', 'own_task', 'told_at', '{"setting": "mail.keep_days", "setting_unit": "days", "task": "mail-trim", "spare_if": "t.id = 2"}');
select privacy.place_hold('case', p_account_id => held) from t;
create temp table own on commit drop as select privacy.begin_run() as id;
delete from privacy.run where table_name <> 'core.part' and run_id = (select id from own);
select pg_temp.work(id) from own;
select is((select row(r.state, r.rows, r.held, r.partitions)::text from privacy.run as r, own where r.run_id = own.id), '(done,3,1,0)', 'rows of a partition that an own task left go');
select is((select string_agg(x.id::text, ' ' order by x.id) from core.part_3 as x), '1 2', 'but what is held, and what the policy spares');
select is((select count(*) from core.part_4), 5::bigint, 'a partition without a held row is left to its task');
select throws_ok($$select privacy.begin_run('core.part')$$, 'LQ422', 'data retention does not remove rows of this table', 'of an own task''s table no run is made');

-- A policy that is made longer while a run is open; settings that keep nothing.
select pg_temp.fill();
select pg_temp.keep('core.tale', 'delete', 'told_at');
create temp table longer on commit drop as select privacy.begin_run('core.tale') as id;
select privacy.change_policy('core.tale', 120);
select pg_temp.work(id) from longer;
select is((select row(r.state, r.rows)::text from privacy.run as r, longer where r.run_id = longer.id), '(done,118)', 'a policy made longer counts for the run that is open');
update privacy.policy set days = 124 where table_name = 'core.tale';
insert into longer select privacy.begin_run('core.tale');
select privacy.change_policy('core.tale', 100);
select pg_temp.work(id) from longer;
select is((select sum(r.rows) from privacy.run as r, longer where r.run_id = longer.id), 118::numeric, 'one made shorter from the next run on');
create temp table shipped on commit drop as
select s.name, s.value from core.setting as s where s.name in (select p.setting from privacy.policy as p);
update core.setting as s set value = to_jsonb(s.minimum) from shipped as o where o.name = s.name;
select is_empty(
    $$select r.table_name from privacy.retention as r where r.setting is not null and r.kept_for > '0' is not true$$,
    'no table is kept for no time at all, whatever its setting says'
);
update core.setting as s set value = o.value from shipped as o where o.name = s.name;

-- Failures.
create table core.ref (tale_id uuid references core.tale (id));
select pg_temp.fill();
select pg_temp.keep('core.tale', 'delete', 'told_at');
insert into core.ref select x.id from core.tale as x where told_at < '2026-02-15' limit 1;
select is(
    (select row(r.state, r.sqlstate, r.rows, r.finished_at is not null)::text from pg_temp.run('core.tale') as r), '(failed,23503,0,t)',
    'a table whose rows others refer to fails'
);
select ok(exists (select from alerts.alert as a where a.fingerprint = 'privacy/retention/core.tale' and a.state = 'open'), 'and an alert is raised');
select is((select count(*) from core.tale), 3000::bigint, 'the batch was undone');
drop table core.ref;

-- Time.
create temp table late on commit drop as select privacy.begin_run('core.tale', p_budget => '1 minute') as id;
select core.set_test_clock('2026-06-15 12:01:00+00');
select pg_temp.work(id) from late;
select is((select row(r.state, r.rows)::text from privacy.run as r, late where r.run_id = late.id), '("out of time",0)', 'when the time is over the rest is left');
create temp table off on commit drop as select privacy.begin_run('core.tale') as id;
update privacy.policy set is_enabled = false where table_name = 'core.tale';
select pg_temp.work(id) from off;
select is((select row(r.state, r.rows)::text from privacy.run as r, off where r.run_id = off.id), '(done,0)', 'a policy that is switched off meanwhile removes nothing');
select throws_ok($$select privacy.begin_run('core.tale')$$, 'LQ422', 'data retention does not remove rows of this table', 'nor is a run begun');
select throws_ok($$select privacy.begin_run('core.nothing')$$, 'LQ404', 'no policy for this table', 'nor of a table without a policy');
select throws_ok($$select privacy.begin_run('audit.entry', p_budget => '0')$$, 'LQ422', 'the time budget must be a second to a day', 'nor without time');
select throws_ok($$select privacy.begin_run('audit.entry', p_budget => '2 days')$$, 'LQ422', 'the time budget must be a second to a day', 'nor for days');
select is(privacy.work_step(), '{"rows": 0, "more": false}', 'when nothing is open there is nothing to do');

-- As the owner, behind row-level security; histories.
insert into audit.entry (account_id, happened_at, actor, action) select free, '2010-01-01', 'x', 'thing.done' from t;
insert into audit.sensitive_call (happened_at, actor, request_id, route_id) values ('2010-01-01', 'x', 'r', 1);
drop table core.part;
select privacy.begin_run();
select isnt(current_setting('levqor.retention', true), 'on', 'the door of histories is closed');
select test.become('levqor_owner', false);
select throws_ok('select privacy.work_step()', '42501', 'not every row can be seen', 'a run that could not see all is refused');
select test.become('levqor_owner', true);
select lives_ok($$select privacy.work_step() from generate_series(1, 100)$$, 'the owner works it off');
select is((select count(*) from privacy.run as r where r.state not in ('done', 'out of time', 'failed')), 0::bigint, 'to its end');
select is((select string_agg(r.table_name || ' ' || r.error, ', ') from privacy.run as r where r.state = 'failed' and r.table_name <> 'core.tale'), null, 'no table fails');
select is((select count(*) from audit.entry where happened_at < '2011-01-01'), 0::bigint, 'a history is shortened');
select isnt(current_setting('levqor.retention', true), 'on', 'and its door closed again');
select throws_ok('delete from audit.entry', '42501', null, 'nobody else removes its rows');
select is(current_setting('lock_timeout'), '0', 'the lock timeout is as it was');

select * from finish();
rollback;
