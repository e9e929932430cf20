-- A person is erased: after a dry run, once, in steps, and not under a legal hold.
begin;
select plan(49);
set local levqor.machinery = 'on';
select core.set_test_clock('2026-03-10 12:00:00+00');

create temp table u on commit drop as select test.make_person('zoe.quill@mail.test', 'Zoe Quill', 30) as zoe, test.make_person('max@mail.test') as max;
create function pg_temp.erase(p_dry boolean default false, p_seconds double precision default 10) returns jsonb language sql as $$
    select privacy.erase_person(p_email => 'zoe.quill@mail.test', p_is_dry_run => p_dry, p_reason => 'asked', p_seconds => p_seconds)
$$;
create function pg_temp.traces() returns bigint language sql as $$
    select count(*) from u, test.find_text(array['zoe.quill@mail.test', 'zoe quill', replace(u.zoe::text, '-', '')]) as f where f.place <> 'ledger.transfer'
$$;

-- Refusals.
select throws_ok($$select privacy.erase_person(p_email => 'nobody@mail.test', p_is_dry_run => false)$$, 'LQ404', 'nothing is held about this person', 'nobody can not be erased');
select throws_ok('select privacy.erase_person()', 'LQ422', null, 'nobody named neither');
select is(privacy.erase_person(p_email => 'nobody@mail.test') ->> 'rows', '0', 'a dry run finds nothing of nobody');
select is((select count(*) from privacy.erasure), 0::bigint, 'and writes nothing');

-- The dry run.
create temp table d on commit drop as select pg_temp.erase(true) as plan;
select is(d.plan ->> 'state', 'dry-run', 'without p_is_dry_run => false it is a dry run') from d;
select is(privacy.erase_person(p_email => 'zoe.quill@mail.test') -> 'tables', d.plan -> 'tables', 'which is what is meant when nothing is said') from d;
select cmp_ok((d.plan ->> 'rows')::integer, '>', 40, 'it counts rows') from d;
select is(t -> 'columns' -> 'properties', '{"way": "delete", "rows": 30}', 'by column') from d, jsonb_array_elements(d.plan -> 'tables') as t where t ->> 'table' = 'growth.event' and t ->> 'path' = 'person';
select matches(t #>> '{columns,description,basis}', '^Art\. 17\(3\)\(b\)', 'it says what is kept, and on what basis') from d, jsonb_array_elements(d.plan -> 'kept') as t where t ->> 'table' = 'ledger.transfer' and t ->> 'path' = 'account';
select is(t -> 'rows', 'null', 'and what cannot be counted') from d, jsonb_array_elements(d.plan -> 'kept') as t where t ->> 'table' = 'jobs.log' and t ->> 'path' = 'mention';
select is(d.plan -> 'holds', '[]', 'no hold is in the way') from d;
select is_empty($$select from d where strpos(lower(d.plan::text), 'zoe') > 0$$, 'it holds nothing of the person');
select is((select count(*) from privacy.erasure) + (select count(*) from privacy.tombstone), 0::bigint, 'nothing is written');
select cmp_ok(pg_temp.traces(), '>', 10::bigint, 'and nobody erased');

-- A legal hold.
create temp table h on commit drop as select privacy.place_hold('case 12', p_user_id => u.zoe) as hold from u;
select is(pg_temp.erase(true) #>> '{holds,0,hold_id}', core.show_id('hold', (h.hold).id), 'the dry run shows it') from h;
select throws_ok('select pg_temp.erase()', 'LQHLD', 'a legal hold keeps this person from being erased', 'the erasure is refused');
do $$ declare v_detail text; v_hold text := (select core.show_id('hold', (h.hold).id) from h);
begin
    perform pg_temp.erase();
exception when sqlstate 'LQHLD' then
    get stacked diagnostics v_detail = pg_exception_detail;
    perform set_config('test.detail', (strpos(v_detail, v_hold) > 0 and v_detail !~ 'case 12')::text, true);
end $$;
select is(current_setting('test.detail'), 'true', 'the error names the hold, and not the case');
select is((select count(*) from privacy.erasure), 0::bigint, 'nothing has begun');
select privacy.release_hold((h.hold).id) from h;

-- In steps: nothing at first, then as the clock goes on.
select is(pg_temp.erase(p_seconds => 0) ->> 'state', 'running', 'an erasure is begun');
create temp table e on commit drop as select r.id from privacy.erasure as r;
select is((select count(*) from privacy.tombstone as t, e where t.erasure_id = e.id), 5::bigint, 'keyed hashes of all names are there from the beginning');
select is(pg_temp.erase(true) ->> 'state', 'running', 'a dry run tells of it');
update core.setting set value = '7' where name = 'privacy.erase_rows';
select is((privacy.step_erasure(e.id)).state, 'running', 'a step does a part') from e;
create temp table after_one on commit drop as select r.counts, r.done, r.subject from privacy.erasure as r;
select cmp_ok(cardinality(a.done), '>', 0, 'it notes where it stands') from after_one as a;
select privacy.place_hold('case 13', p_user_id => u.zoe) from u;
select is(privacy.show_erasure(privacy.step_erasure(e.id)) ->> 'state', 'held', 'a hold that is placed now stops it') from e;
select is((select r.counts from privacy.erasure as r), a.counts, 'nothing is done meanwhile') from after_one as a;
select is(privacy.erase_due() ->> 'more', 'false', 'the clock does not spin');
select privacy.release_hold(g.id) from privacy.hold as g where g.reason = 'case 13';
do $$ begin
    for i in 1 .. 100 loop
        exit when privacy.erase_due() ->> 'more' = 'false';
    end loop;
end $$;
select is((select (r.state, r.held_by is null, r.subject is null, r.done)::text from privacy.erasure as r), '(done,t,t,{})', 'when it is released the clock ends it, and forgets who it was');
select is((select (r.counts #>> '{growth.event,delete}')::integer from privacy.erasure as r), 30, 'in batches of seven, all events');
select is(pg_temp.traces(), 0::bigint, 'nothing is left');
select is((select r.pass > 1 and r.pass_rows = 0 from privacy.erasure as r), true, 'the last walk found nothing');
select is((select t.touched >= 0 from schedule.task as s left join lateral (select 0 as touched) as t on true where s.name = 'privacy-erase' and s.function = 'privacy.erase_due'), true, 'it is a task of the clock');

-- Again.
create temp table again on commit drop as select pg_temp.erase() as answer;
select is(a.answer ->> 'certificate', r.certificate, 'asked for again, it gives the same certificate') from again as a, privacy.erasure as r;
select is(privacy.erase_person(p_user_id => u.zoe, p_is_dry_run => false), a.answer, 'also by the id that is gone') from u, again as a;
select is(privacy.erase_person(p_account_id => identity.operator_account(), p_identifier => 'browser of zoe.quill@mail.test', p_is_anonymous => true, p_is_dry_run => false), a.answer, 'and by any other name') from again as a;
select is((select count(*) from privacy.erasure), 1::bigint, 'there is one erasure');
select is(pg_temp.erase(true), a.answer, 'and a dry run tells of it') from again as a;

-- Back again.
create temp table z on commit drop as select test.make_person('zoe.quill@mail.test', 'Zoe Q.') as id;
select is(pg_temp.erase() ->> 'state', 'done', 'who comes back can be erased again');
select is((select count(distinct r.pseudonym) || ' ' || count(*) from privacy.erasure as r), '2 2', 'by another erasure, of another user');
select is(pg_temp.traces(), 0::bigint, 'nothing is left');

-- As one account knows the person.
create temp table s on commit drop as select test.make_account() as id;
select growth.ingest_events(s.id, '[{"id": "a", "name": "visit", "user_id": "max@mail.test"}]') from s;
create temp table max_before on commit drop as select t.place, t.rows from test.find_text('{max@mail.test}') as t where t.place not like 'growth.%';
select is(
    privacy.erase_person(p_account_id => s.id, p_email => 'max@mail.test', p_is_dry_run => false) -> 'counts',
    '{"growth.event": {"delete": 1}, "growth.person": {"delete": 1}, "growth.activity": {"delete": 1}, "growth.identifier": {"delete": 1}, "privacy.tombstone": {"keep": 3}}',
    'a customer erases a person in its own data alone'
) from s;
select bag_eq($$select t.place, t.rows from test.find_text('{max@mail.test}') as t where t.place not like 'growth.%'$$, 'select * from max_before', 'nothing else');
select ok(exists (select from growth.identifier as i where i.account_id = identity.operator_account() and i.identifier = 'max@mail.test'), 'others know the person still');

-- Rights and shape.
select throws_ok($$update privacy.erasure set reason = 'x' where state = 'done'$$, '42501', null, 'an erasure that is done never changes');
select throws_ok($$delete from privacy.erasure$$, '42501', null, 'nor goes');
select is(provolatile::text || prosecdef::text, 'vfalse', 'it is a volatile function with the caller''s rights') from pg_proc where proname = 'erase_person';
select ok(not has_function_privilege('levqor_dba', 'privacy.erase_person(uuid, text, uuid, text, boolean, bigint, boolean, text, double precision)', 'execute'), 'for the owner alone');
select ok(not has_column_privilege('levqor_dba', 'privacy.erasure', 'subject', 'select') and has_column_privilege('levqor_dba', 'privacy.erasure', 'counts', 'select'), 'who reports sees the counts, and not whose');
select is((select count(*) from audit.entry as a where a.action in ('privacy.begin_erasure', 'privacy.erase')), 6::bigint, 'the audit trail tells of the begin and the end of each');
select is((select string_agg(k.value, '') from (select privacy.add_count(privacy.add_count('{}', 'a.b', 'delete', 3), 'a.b', 'delete', 4)::text) as k (value)), '{"a.b": {"delete": 7}}', 'counts are added up');

select * from finish();
rollback;
