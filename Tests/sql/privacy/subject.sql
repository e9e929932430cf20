-- Who is meant by a name, and which legal holds are on the person.
begin;
select plan(32);
set local levqor.machinery = 'on';

create temp table u on commit drop as select test.make_person('zoe.quill@mail.test', 'Zoe Quill') as zoe, test.make_person('max@mail.test') as max;
create temp table p on commit drop as
select i.account_id, i.person_id from growth.identifier as i where i.identifier = 'zoe.quill@mail.test';
create function pg_temp.zoe() returns privacy.subject language sql as $$ select privacy.find_subject(p_email => 'zoe.quill@mail.test') $$;

-- Everywhere.
select is((pg_temp.zoe()).users, array[u.zoe], 'a user is found by e-mail') from u;
select is((privacy.find_subject(p_email => '  Zoe.QUILL@mail.test')).users, array[u.zoe], 'however it is typed') from u;
select is(privacy.find_subject(p_user_id => u.zoe), pg_temp.zoe(), 'and by id, with the same names') from u;
select is((pg_temp.zoe()).addresses, '{zoe.quill@mail.test}', 'with the address');
select is((pg_temp.zoe()).names, '{"Zoe Quill",zoe.quill@mail.test}', 'the names an account may have from it');
select is((pg_temp.zoe()).accounts, array(select a.id from identity.account as a where a.name = 'Zoe Quill'), 'the account that is the person''s alone, not the company''s');
select is((pg_temp.zoe()).actors, array(select core.show_id('user', u.zoe) union all select core.show_id('key', k.id) from keys.api_key as k where k.account_id = any ((pg_temp.zoe()).accounts)), 'the actors') from u;
select is((pg_temp.zoe()).persons, array(select p.person_id from p), 'the person in analytics');
select is(cardinality((pg_temp.zoe()).identifiers), 2, 'with all its names');
select is(cardinality((pg_temp.zoe()).digests), 5, 'and a keyed hash of every name: user, address, two identifiers, person');
select is((pg_temp.zoe()).digests[1], privacy.hash_name('user', u.zoe::text), 'first the one that says who it is') from u;
insert into identity.membership (account_id, user_id) select a.id, u.max from u, identity.account as a where a.name = 'Zoe Quill';
select is((pg_temp.zoe()).accounts, '{}', 'an account that somebody else has joined is not the person''s alone');
delete from identity.membership as m using u, identity.account as a where a.name = 'Zoe Quill' and m.account_id = a.id and m.user_id = u.max;
select growth.ingest_events(identity.operator_account(), '[{"id": "m", "name": "visit", "user_id": "Mixed@Mail.test"}]');
select is(cardinality((privacy.find_subject(p_email => 'mixed@mail.TEST')).persons), 1, 'an e-mail that was sent as an id is found in whatever case');
select is((privacy.find_subject(p_email => 'nobody@mail.test')).users, '{}', 'nobody is nobody');
select is(cardinality((privacy.find_subject(p_email => 'nobody@mail.test')).digests), 1, 'but has a hash');

-- As an account knows the person.
select is((privacy.find_subject(p_account_id => p.account_id, p_identifier => 'browser of zoe.quill@mail.test', p_is_anonymous => true)).persons, array[p.person_id], 'by an anonymous id') from p;
select is((privacy.find_subject(p_account_id => p.account_id, p_identifier => 'browser of zoe.quill@mail.test')).persons, '{}', 'which is no other id') from p;
select is((privacy.find_subject(p_account_id => p.account_id, p_person_id => p.person_id)).persons, array[p.person_id], 'by number') from p;
select is(row((s).users, (s).accounts, (s).marks)::text, row('{}'::uuid[], '{}'::uuid[], '{}'::text[])::text, 'nothing outside of the account')
from (select privacy.find_subject(p_account_id => p.account_id, p_email => 'zoe.quill@mail.test') as s from p) as q;
select is((privacy.find_subject(p_account_id => test.make_account(), p_email => 'zoe.quill@mail.test')).persons, '{}', 'another account does not know the person');

select throws_ok('select privacy.find_subject()', 'LQ422', 'a person is named in one way', 'nobody named is refused');
select throws_ok($$select privacy.find_subject(p_user_id => core.new_id(), p_email => 'a@b.c')$$, 'LQ422', 'a person is named in one way', 'two names are refused');
select throws_ok($$select privacy.find_subject(p_identifier => 'x')$$, 'LQ422', 'an identifier means nothing without its account', 'an identifier needs its account');
select throws_ok($$select privacy.find_subject(p_user_id => core.new_id(), p_account_id => core.new_id())$$, 'LQ422', 'a user belongs to the deployment, not to one account', 'a user has none');
select throws_ok($$select privacy.find_subject(p_email => 'x y')$$, 'LQ422', 'that is no e-mail address', 'an e-mail must be one');

-- Keyed hashes.
select is(privacy.hash_name('user', 'x'), inbox.hmac_sha256((select k.key from privacy.hash_key as k), E'user\nx'::bytea), 'HMAC-SHA256 of kind and name');
select isnt(privacy.hash_name('user', 'x'), privacy.hash_name('address', 'x'), 'of another kind another one');
select ok(not has_table_privilege('levqor_dba', 'privacy.hash_key', 'select') and not has_table_privilege('levqor_server', 'privacy.hash_key', 'select'), 'no role reads the key');

-- Legal holds.
create function pg_temp.held() returns bigint language sql as $$ select count(*) from privacy.find_subject_holds(pg_temp.zoe()) $$;
select is(pg_temp.held(), 0::bigint, 'no hold');
select privacy.place_hold('case', p_user_id => u.max) from u;
insert into privacy.hold (table_name, reason, placed_by) values ('outbox.late_report', 'case', 'test');
select is(pg_temp.held(), 0::bigint, 'a hold on somebody else, or on a table without rows of the person, is none');
create temp table h on commit drop as
select privacy.place_hold('user', p_user_id => u.zoe) as hold from u
union all select privacy.place_hold('person', p_account_id => p.account_id, p_person_id => p.person_id) from p
union all select privacy.place_hold('account', p_account_id => p.account_id) from p
union all select privacy.place_hold('company', p_account_id => m.account_id) from u inner join identity.membership as m on m.user_id = u.zoe inner join identity.account as a on a.id = m.account_id and a.kind = 'company';
insert into privacy.hold (table_name, reason, placed_by) values ('growth.referral', 'case', 'test');
insert into h select g from privacy.hold as g where g.table_name = 'growth.referral';
select is(pg_temp.held(), 5::bigint, 'holds on the user, the person, an account with the person, a company of the person, a table with rows of the person');
select privacy.release_hold((h.hold).id) from h;
select is(pg_temp.held(), 0::bigint, 'until they are released');

select * from finish();
rollback;
