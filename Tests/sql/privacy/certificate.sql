-- Certificates say what was done, without saying of whom, and can be checked.
begin;
select plan(20);
set local levqor.machinery = 'on';
select core.set_test_clock('2026-03-10 12:00:00+00');
create temp table u on commit drop as select test.make_person('zoe.quill@mail.test', 'Zoe Quill') as id;
select is(privacy.erase_person(p_user_id => u.id, p_is_dry_run => false, p_seconds => 0) ->> 'state', 'running', 'begun') from u;
create temp table e on commit drop as select r.id from privacy.erasure as r;
select throws_ok('select privacy.show_certificate(e.id) from e', 'LQ409', 'the erasure is still running', 'no certificate before the end');
select is(privacy.erase_person(p_user_id => u.id, p_is_dry_run => false) ->> 'state', 'done', 'done') from u;
create temp table c on commit drop as select privacy.show_certificate(e.id) as doc from e;

select is(split_part(c.doc ->> 'text', E'\n', 1), 'levqor erasure certificate 1', 'it has a form') from c;
select is(split_part(c.doc ->> 'text', E'\n', 4), 'requested 2026-03-10T12:00:00.000000Z', 'times in UTC') from c;
select is(split_part(c.doc ->> 'text', E'\n', 3), 'subject ' || encode(privacy.hash_name('user', u.id::text), 'hex'), 'the person as a keyed hash') from c, u;
select is(split_part(c.doc ->> 'text', E'\n', 6), 'catalogue ' || privacy.hash_catalogue(), 'the rules') from c;
select is(
    array(select t from c, regexp_split_to_table(c.doc ->> 'text', E'\n') with ordinality as t (t, n) where n > 6 order by n),
    array(select concat_ws(' ', w.key, t.key, w.value) from privacy.erasure as r, jsonb_each(r.counts) as t, jsonb_each(t.value) as w order by t.key collate "C", w.key collate "C"),
    'and a line for each table and way'
);
select ok(c.doc ->> 'text' ~ E'\nkeep ledger.entry 2(\n|$)', 'also for what is kept') from c;
select is(c.doc ->> 'sha256', encode(sha256(convert_to(c.doc ->> 'text', 'UTF8')), 'hex'), 'its hash is that of the text') from c;
select is_empty($$select from c, u where lower(c.doc::text) ~ 'zoe|quill|mail\.test' or strpos(c.doc::text, replace(u.id::text, '-', '')) > 0 or strpos(c.doc::text, u.id::text) > 0$$, 'it holds no personal data');
select is(c.doc -> 'is_valid', 'true', 'it is valid') from c;
select ok(privacy.verify_certificate(e.id, upper(c.doc ->> 'sha256')), 'so is the hash that was handed out') from e, c;
select ok(not privacy.verify_certificate(e.id, repeat('0', 64)), 'another one is not') from e;
-- Somebody with all rights changes the row.
set local session_replication_role = replica;
update privacy.erasure set counts = counts || '{"growth.event": {"delete": 4}}';
select ok(not privacy.verify_certificate(e.id), 'a changed row is found') from e;
update privacy.erasure as r set certificate = privacy.hash_certificate(r);
select ok(not privacy.verify_certificate(e.id), 'also one with a new hash: the audit trail knows the old one') from e;
select ok(not privacy.verify_certificate(e.id, c.doc ->> 'sha256'), 'and so does who has the certificate') from e, c;
set local session_replication_role = default;
select throws_ok('select privacy.verify_certificate(core.new_id())', 'LQ404', 'no such erasure', 'an unknown one is none');
select test.become('levqor_dba');
select lives_ok('select privacy.show_certificate(r.id) from privacy.erasure as r', 'who reports may check them');
select test.become('none', true);
select is(provolatile::text, 's', 'checking only reads') from pg_proc where proname = 'verify_certificate';

select * from finish();
rollback;
