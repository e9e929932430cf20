-- A person is erased: after a dry run, once, in steps, and not under a legal hold.
begin;
select plan(66);
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
select is(privacy.erase_person(p_email => 'zoe.quill@mail.test', p_is_dry_run => null) ->> 'state', 'dry-run', 'null is a dry run too');

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

-- A hold on somebody else, whose rows would go with the person.
select test.make_person('ivy@mail.test', 'Ivy') as ivy \gset
create temp table held on commit drop as select test.make_account() as company, (select m.account_id from identity.membership as m
    inner join identity.account as a on a.id = m.account_id and a.kind = 'personal' where m.user_id = :'ivy') as own;
create function pg_temp.erase_ivy(p_account uuid default null) returns jsonb language sql as $$
    select privacy.erase_person(p_email => 'ivy@mail.test', p_account_id => p_account, p_is_dry_run => false, p_seconds => 10)
$$;
insert into mail.message (account_id, address, template, class, state, created_at, finished_at, outbox_id)
select held.company, 'ivy@mail.test', 'x', c.name, 'sent', core.now(), core.now(), core.new_id() from held, (select min(name) as name from mail.class) as c;
create temp table on_company on commit drop as select privacy.place_hold('case 20', p_account_id => held.company) as hold from held;
select throws_ok(format('select pg_temp.erase_ivy(%L)', held.company), 'LQHLD', 'a legal hold keeps this person from being erased', 'a mail to the person in an account under a hold stays') from held;
select throws_ok('select pg_temp.erase_ivy()', 'LQHLD', null, 'however the person is named');
select is(privacy.erase_person(p_email => 'ivy@mail.test') #>> '{holds,0,hold_id}', core.show_id('hold', (c.hold).id), 'the dry run names the hold') from on_company as c;
select privacy.release_hold((c.hold).id) from on_company as c;
select growth.ingest_events(held.own, '[{"id": "a", "name": "visit", "user_id": "guest"}]') from held;
create temp table on_guest on commit drop as
select privacy.place_hold('case 21', p_account_id => i.account_id, p_person_id => i.person_id) as hold from growth.identifier as i where i.identifier = 'guest';
select throws_ok('select pg_temp.erase_ivy()', 'LQHLD', null, 'so does a hold on a person in the analytics of the account that is the person''s alone');
select is((select string_agg(h.reason, ',') from privacy.find_row_holds(privacy.find_subject(p_email => 'ivy@mail.test')) as h), 'case 21,case 21,case 21,case 21', 'it is found by the rows');
select privacy.release_hold((c.hold).id) from on_guest as c;
select max.max as max from u as max \gset
insert into growth.person (account_id, user_id) select held.own, :'max' from held;
select privacy.place_hold('case 22', p_user_id => :'max');
select throws_ok('select pg_temp.erase_ivy()', 'LQHLD', null, 'and a hold on a user who is known there');
select privacy.release_hold(h.id) from privacy.hold as h where h.reason = 'case 22';

-- One that reaches less far is another one.
select growth.ingest_events(held.company, '[{"id": "b", "name": "visit", "user_id": "ivy@mail.test"}]') from held;
create temp table small on commit drop as
select privacy.erase_person(p_email => 'ivy@mail.test', p_account_id => held.company, p_is_dry_run => false, p_seconds => 0) as answer from held;
create temp table whole on commit drop as select privacy.erase_person(p_email => 'ivy@mail.test', p_is_dry_run => false, p_seconds => 0) as answer;
select isnt(whole.answer ->> 'erasure_id', small.answer ->> 'erasure_id', 'while an account erases the person, the deployment begins an erasure of its own') from small, whole;
select is(privacy.erase_person(p_user_id => :'ivy', p_is_dry_run => false, p_seconds => 0) ->> 'erasure_id', whole.answer ->> 'erasure_id', 'which is the same by any name') from whole;
select is(pg_temp.erase_ivy(held.company) ->> 'erasure_id', small.answer ->> 'erasure_id', 'and each goes on by itself') from held, small;
select is(pg_temp.erase_ivy() ->> 'state', 'done', 'to its end');
select is((select string_agg(f.place, ',') from test.find_text('{ivy@mail.test}') as f), null, 'and nothing is left');

-- A webhook that is still to be handled says who it is about.
select test.make_person('kim@mail.test', 'Kim') as kim \gset
insert into inbox.source (account_id, name, scheme) select held.company, 'sender', 'none' from held;
insert into inbox.delivery (id, source_id, account_id, event_id, headers, body, received_at, due_at)
select core.new_id(), s.id, s.account_id, 'e1', '{}', '{"of": "Kim@Mail.test"}', core.now(), core.now() from inbox.source as s where s.name = 'sender';
create function pg_temp.erase_kim() returns text language sql as $$ select privacy.erase_person(p_user_id => null, p_email => 'kim@mail.test', p_is_dry_run => false, p_seconds => 10) ->> 'state' $$;
create temp table begun on commit drop as select clock_timestamp() as at, pg_temp.erase_kim() as state;
select is((b.state, clock_timestamp() - b.at < interval '8 seconds')::text, '(running,t)', 'the erasure is not done before it is handled, and does not spin') from begun as b;
select is((select string_agg(f.place || ' ' || f.rows, ',') from test.find_text('{kim@mail.test,Kim@Mail.test}') as f where f.place not in ('privacy.erasure')), 'inbox.delivery 1', 'all else is gone');
select is(privacy.erase_due() ->> 'more', 'false', 'the clock waits');
update inbox.delivery set state = 'done', handled_at = core.now() where event_id = 'e1';
do $$ begin
    for i in 1 .. 20 loop
        exit when privacy.erase_due() ->> 'more' = 'false';
    end loop;
end $$;
select is((select string_agg(f.place, ',') from test.find_text('{kim@mail.test,Kim@Mail.test}') as f), null, 'and ends it afterwards');
select is((select count(*) from privacy.erasure as r where r.state = 'running'), 0::bigint, 'all are done');

-- Rights and shape.
select throws_ok($$update privacy.erasure set reason = 'x' where state = 'done'$$, '42501', null, 'an erasure that is done never changes');
select throws_ok($$delete from privacy.erasure$$, '42501', null, 'nor goes');
select is(provolatile::text || prosecdef::text, 'vfalse', 'it is a volatile function with the caller''s rights') from pg_proc where proname = 'erase_person';
select ok(not has_function_privilege('levqor_dba', 'privacy.erase_person(uuid, text, uuid, text, boolean, bigint, boolean, text, double precision)', 'execute'), 'for the owner alone');
select ok(not has_column_privilege('levqor_dba', 'privacy.erasure', 'subject', 'select') and has_column_privilege('levqor_dba', 'privacy.erasure', 'counts', 'select'), 'who reports sees the counts, and not whose');
select is((select count(*) from audit.entry as a where a.action in ('privacy.begin_erasure', 'privacy.erase')), 12::bigint, 'the audit trail tells of the begin and the end of each');
select is((select string_agg(k.value, '') from (select privacy.add_count(privacy.add_count('{}', 'a.b', 'delete', 3), 'a.b', 'delete', 4)::text) as k (value)), '{"a.b": {"delete": 7}}', 'counts are added up');

select * from finish();
rollback;
