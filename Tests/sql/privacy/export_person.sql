-- Everything that is held about a person is exported, a page at a time, and nothing that is not the person's.
begin;
select plan(24);
set local levqor.machinery = 'on';
select core.set_test_clock('2026-03-10 12:00:00+00');
create temp table u on commit drop as select test.make_person('zoe.quill@mail.test', 'Zoe Quill', 40) as zoe, test.make_person('max@mail.test') as max;
select privacy.release_hold((privacy.place_hold('Max@mail told us', p_user_id => u.zoe)).id, 'as max@mail said') from u;
create temp table x on commit drop as select privacy.export_person(p_user_id => u.zoe) as doc from u;
create temp view row as
select t.value ->> 'table' as table_name, t.value ->> 'path' as path, r.value as row
from x, jsonb_array_elements(x.doc -> 'tables') as t, jsonb_array_elements(t.value -> 'rows') as r;

select is(x.doc -> 'next', 'null', 'it fits into a page') from x;
select is((select r.row ->> 'email' from row as r where r.table_name = 'identity.user'), 'zoe.quill@mail.test', 'the user');
select is((select r.row #>> '{meta,town}' from row as r where r.table_name = 'identity.user'), 'Bath', 'with free facts');
select is((select count(*) from row as r where r.table_name = 'growth.event'), 40::bigint, 'all events');
select is((select string_agg(r.row #>> '{payload,email}', ',') from row as r where r.table_name = 'jobs.submission' and r.path = 'account'), 'zoe.quill@mail.test', 'jobs of the person''s account, with what is in them');
select is((select count(*) from row as r where r.table_name = 'jobs.submission' and r.row ? 'payload' and r.path = 'actor'), 0::bigint, 'of a company''s job only that the person handed it in');
select is((select (r.row ->> 'submitted_by', r.row ? 'created_at', r.row ? 'id')::text from u, row as r where r.table_name = 'jobs.submission' and r.path = 'actor'),
    (select (core.show_id('user', u.zoe), true, true)::text from u), 'with key and times');
select is((select count(*) from row as r where r.table_name in ('ledger.entry', 'ledger.transfer')), 3::bigint, 'also what an erasure keeps');
select isnt_empty($$select from row as r where r.table_name = 'mail.suppression'$$, 'also that there is no mail');
select is_empty($$select r.row from row as r where strpos(lower(r.row::text), 'max@mail') > 0$$, 'nothing of others');
select is((select r.row ?| '{reason,released_reason,identifiers}' from row as r where r.table_name = 'privacy.hold'), false, 'nor what a legal hold is about');
select is_empty($$select r.row from row as r where r.row ?| '{hash,unsubscribe_token,fingerprint,digest}'$$, 'no secret');
select set_eq(
    $$select distinct r.table_name || ' ' || r.path from row as r$$,
    $$select c.table_name || ' ' || c.path from u, privacy.count_rows(privacy.find_subject(p_user_id => u.zoe)) as c where c.rows > 0$$,
    'the same tables as in the dry run of an erasure'
);
select is(t.value ->> 'meaning', obj_description('growth.event'::regclass), 'each with what it means') from x, jsonb_array_elements(x.doc -> 'tables') as t where t.value ->> 'table' = 'growth.event';
select is(t.value #>> '{columns,properties}', col_description('growth.event'::regclass, 12), 'and each column') from x, jsonb_array_elements(x.doc -> 'tables') as t where t.value ->> 'table' = 'growth.event';

-- Pages.
create temp table page (n integer, doc jsonb) on commit drop;
do $$
declare
    v_user uuid := (select u.zoe from u);
    v_after text;
    v_n integer := 0;
begin
    loop
        v_n := v_n + 1;
        insert into page select v_n, privacy.export_person(p_user_id => v_user, p_after => v_after, p_max_bytes => 1500);
        select p.doc ->> 'next' into v_after from page as p where p.n = v_n;
        exit when v_after is null or v_n > 200;
    end loop;
end $$;
create temp view paged as
select t.value ->> 'table' as table_name, t.value ->> 'path' as path, r.value as row
from page as p, jsonb_array_elements(p.doc -> 'tables') as t, jsonb_array_elements(t.value -> 'rows') as r;
select cmp_ok((select count(*) from page), '>', 10::bigint, 'it comes in pages');
select bag_eq('select * from paged', 'select * from row', 'which together hold the same rows, each once');
select is_empty($$
    select p.n from page as p cross join lateral (
        select sum(octet_length(r.value::text)) as bytes, count(*) as rows
        from jsonb_array_elements(p.doc -> 'tables') as t, jsonb_array_elements(t.value -> 'rows') as r) as s
    where s.bytes > 1500 and s.rows > 1$$, 'no page is larger than asked for, unless by one row alone');
select is_empty($$select from page as p where p.doc -> 'tables' = '[]'$$, 'none is empty');
select throws_ok($$select privacy.export_person(p_email => 'a@b.c', p_after => 'zz')$$, 'LQ422', 'unknown cursor', 'a cursor is taken as it stands');
select throws_ok($$select privacy.export_person(p_email => 'a@b.c', p_after => '5b5d')$$, 'LQ422', 'unknown cursor', 'or not');
select throws_ok($$select privacy.export_person(p_email => 'a@b.c', p_max_bytes => 1)$$, 'LQ422', 'a page of an export has 1 KiB to 16 MiB', 'a page has a size');
select is(privacy.export_person(p_email => 'nobody@mail.test') -> 'tables', '[]', 'of nobody there is nothing');
select privacy.erase_person(p_user_id => u.zoe, p_is_dry_run => false) from u;
select set_eq(
    $$select t.value ->> 'table' from u, jsonb_array_elements(privacy.export_person(p_user_id => u.zoe) -> 'tables') as t$$, array['privacy.tombstone', 'privacy.erasure'],
    'of who was erased, that it was done'
);

select * from finish();
rollback;
