-- Legal holds: whom they reach, and since when.
begin;
select plan(56);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-06-15 12:00:00+00');
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
create temp table u on commit drop as
select (identity.upsert_user('ann@example.org')).user_id as ann, (identity.upsert_user('bob@example.org')).user_id as bob;
insert into identity.membership (account_id, user_id, role) select a, ann, 'member' from t, u;
create temp table p on commit drop as
with made as (
    insert into growth.person (account_id, user_id) select t.a, x.id from t, u, lateral (values (u.ann), (null), (null)) as x (id)
    returning person_id, user_id
)
select min(m.person_id) filter (where m.user_id is not null) as ann, min(m.person_id) filter (where m.user_id is null) as stranger,
    max(m.person_id) filter (where m.user_id is null) as other
from made as m;
insert into growth.identifier (account_id, is_anonymous, identifier, person_id) select t.a, true, 'browser', p.stranger from t, p;
create function pg_temp.is_held(p_table text, p_row jsonb) returns boolean language plpgsql as $$
declare
    v_is_held boolean;
begin
    execute format('select (%s) is true from jsonb_populate_record(null::%s, $1) as t', privacy.held_condition(p_table), p_table) into v_is_held using p_row;
    return v_is_held;
end;
$$;
create function pg_temp.is_found_by(p_name text) returns boolean language plpgsql as $$
begin
    delete from growth.identifier where not is_anonymous;
    insert into growth.identifier (account_id, is_anonymous, identifier, person_id) select t.a, false, p_name, p.stranger from t, p;
    return pg_temp.is_held('growth.event', jsonb_build_object('account_id', t.a, 'person_id', p.stranger))
        and (select count(*) = 1 from privacy.find_holds(p_account_id => t.a, p_person_id => p.stranger)) from t, p;
end;
$$;
create function pg_temp.plan_of(p_statement text) returns text language plpgsql as $$
declare
    v_line text;
    v_plan text := '';
begin
    for v_line in execute 'explain (costs off) ' || p_statement loop
        v_plan := v_plan || v_line || ' ';
    end loop;
    return v_plan;
end;
$$;

select is(privacy.held_condition('audit.entry'), 'false', 'without a hold nothing is held');

-- An account.
create temp table h on commit drop as select x.* from t, privacy.place_hold('case 1', p_account_id => a) as x;
select is((select h.placed_by from h), 'role:' || session_user, 'who placed it is kept');
select is((select count(*) from audit.entry as e, h where e.action = 'privacy.place_hold' and e.target = core.show_id('hold', h.id)), 1::bigint, 'it is in the trail');
select ok(pg_temp.is_held('audit.entry', jsonb_build_object('account_id', a)), 'rows of the account are held') from t;
select ok(not pg_temp.is_held('audit.entry', jsonb_build_object('account_id', b)), 'those of another are not') from t;
select ok(not pg_temp.is_held('audit.entry', '{}'), 'nor those of nobody');
select ok(pg_temp.is_held('growth.event', jsonb_build_object('account_id', a, 'person_id', 1)), 'in every table') from t;
select ok(pg_temp.is_held('identity.account', jsonb_build_object('id', a)), 'the account itself') from t;
select ok(pg_temp.is_held('alerts.silence', jsonb_build_object('only_account_id', a)), 'and what is only about it') from t;
select is(privacy.held_condition('ops.figure'), 'false', 'a table without accounts is not reached');
select is(core.held_accounts('mail.message'), array[a], 'other floors know') from t;
select is((select count(*) from privacy.find_holds(p_account_id => (select a from t))), 1::bigint, 'it is found by the account');
select is((select count(*) from privacy.find_holds(p_account_id => (select b from t))), 0::bigint, 'and not by another');

-- Released.
select is((privacy.release_hold(h.id, ' settled ')).released_reason, 'settled', 'a hold is released') from h;
select is(privacy.held_condition('audit.entry'), 'false', 'then nothing is held');
select is(core.held_accounts('mail.message'), '{}'::uuid[], 'on no floor');
select core.set_test_clock('2026-06-15 13:00:00+00');
select is((privacy.release_hold(h.id, 'again')).released_at, '2026-06-15 12:00:00+00', 'released again, it stays as it was') from h;
select is((select count(*) from audit.entry as e where e.action = 'privacy.release_hold'), 1::bigint, 'and is in the trail once');

-- From, until, and in one table.
select privacy.place_hold('case 2', p_account_id => a, p_table => 'audit.entry', p_from_at => '2026-06-16', p_until_at => '2026-06-17') from t;
select is(privacy.held_condition('audit.entry'), 'false', 'a hold ahead holds nothing yet');
select core.set_test_clock('2026-06-16 00:00:00+00');
select isnt(privacy.held_condition('audit.entry'), 'false', 'it holds from its begin');
select is(privacy.held_condition('growth.event'), 'false', 'only the table it names');
select is(core.held_accounts('mail.message'), '{}'::uuid[], 'on every floor');
select core.set_test_clock('2026-06-17 00:00:00+00');
select is(privacy.held_condition('audit.entry'), 'false', 'and to before its end');

-- A table.
create temp table w on commit drop as select x.* from privacy.place_hold('case 3', p_table => 'mail.message') as x;
select is(privacy.held_condition('mail.message'), 'true', 'a whole table is held');
select is(core.held_accounts('mail.message'), null, 'on every floor');
select is(privacy.held_condition('audit.entry'), 'false', 'no other');
select privacy.release_hold(w.id) from w;

-- A user.
create temp table hu on commit drop as select x.* from u, privacy.place_hold('case 4', p_user_id => ann) as x;
select ok(pg_temp.is_held('audit.entry', jsonb_build_object('account_id', b, 'actor', core.show_id('user', ann))), 'what a held user did') from t, u;
select ok(pg_temp.is_held('audit.entry', jsonb_build_object('account_id', b, 'target', core.show_id('user', ann))), 'and what was done to the user') from t, u;
select ok(not pg_temp.is_held('audit.entry', jsonb_build_object('account_id', a, 'actor', core.show_id('user', bob))), 'not what others did') from t, u;
select ok(pg_temp.is_held('mail.message', jsonb_build_object('account_id', b, 'address', 'Ann@example.org')), 'mails to the user') from t, u;
select ok(not pg_temp.is_held('mail.message', jsonb_build_object('account_id', b, 'address', 'bob@example.org')), 'not those to others') from t;
select ok(pg_temp.is_held('growth.referral', jsonb_build_object('account_id', b, 'email', 'ann@example.org')), 'links the user came by') from t;
select ok(pg_temp.is_held('growth.event', jsonb_build_object('account_id', t.a, 'person_id', p.ann)), 'events of the person that the user is') from t, p;
select ok(not pg_temp.is_held('growth.event', jsonb_build_object('account_id', t.a, 'person_id', p.other)), 'not those of others') from t, p;
-- A person whom only an identifier names.
select ok(not pg_temp.is_held('growth.event', jsonb_build_object('account_id', t.a, 'person_id', p.stranger)), 'no person that nothing leads to') from t, p;
insert into growth.identifier (account_id, is_anonymous, identifier, person_id) select t.a, true, 'ann@example.org', p.other from t, p;
select ok(not pg_temp.is_held('growth.event', jsonb_build_object('account_id', t.a, 'person_id', p.other)), 'nor one whose anonymous id looks like it') from t, p;
delete from growth.identifier where identifier = 'ann@example.org';
select ok(pg_temp.is_found_by(n.name), 'events of a person named by the user''s ' || n.kind)
from u, lateral (values ('address', 'ann@example.org'), ('id', u.ann::text), ('shown id', core.show_id('user', u.ann))) as n (kind, name);
select matches(
    pg_temp.plan_of(format('select from growth.event as t where %s', privacy.held_condition('growth.event'))), 'Index Cond: .*person_id',
    'indexes lead to what is held'
);
select ok(pg_temp.is_held('jobs.log', jsonb_build_object('account_id', a)), 'a table that tells no users apart: all of the user''s accounts') from t;
select ok(not pg_temp.is_held('jobs.log', jsonb_build_object('account_id', b)), 'and no other account') from t;
select is(core.held_addresses('mail.message'), '{ann@example.org}'::text[], 'other floors know the address');
insert into identity.membership (account_id, user_id, role) select b, ann, 'member' from t, u;
select is(privacy.refresh_holds(), 1::bigint, 'a later membership is taken in');
select ok(core.held_accounts('jobs.log') @> array[b], 'on every floor') from t;
select privacy.release_hold(hu.id) from hu;

-- A person of growth.
create temp table hp on commit drop as select x.* from t, p, privacy.place_hold('case 5', p_account_id => t.a, p_person_id => p.stranger) as x;
select ok(pg_temp.is_held('growth.event', jsonb_build_object('account_id', t.a, 'person_id', p.stranger)), 'events of a held person') from t, p;
select ok(not pg_temp.is_held('growth.event', jsonb_build_object('account_id', t.b, 'person_id', p.stranger)), 'not of another account') from t, p;
select is(core.held_accounts('jobs.log'), '{}'::uuid[], 'the account is not held');
update growth.identifier set person_id = p.other from p where identifier = 'browser';
select ok(pg_temp.is_held('growth.event', jsonb_build_object('account_id', t.a, 'person_id', p.other)), 'the hold follows a merge') from t, p;
select is((select count(*) from t, p, privacy.find_holds(p_account_id => t.a, p_person_id => p.other)), 1::bigint, 'and is found by it');

select throws_ok(v.call, v.state, v.message, v.message)
from (values
    ($$select privacy.place_hold('why')$$, 'LQ422', 'a hold must hold something'),
    ($$select privacy.place_hold('', p_table => 'audit.entry')$$, 'LQ422', 'a hold needs a reason of 1 to 1000 characters'),
    ($$select privacy.place_hold('why', p_person_id => 1)$$, 'LQ422', 'a hold is of an account, of a user, or of a person of an account'),
    ($$select privacy.place_hold('why', p_table => 'audit.entry', p_until_at => '2026-06-01')$$, 'LQ422', 'the hold would be over before it begins'),
    ($$select privacy.place_hold('why', p_table => 'jobs.waiting')$$, 'LQ422', 'legal holds do not reach this table'),
    ($$select privacy.place_hold('why', p_user_id => core.new_id())$$, 'LQ404', 'no such user')
) as v (call, state, message);

select * from finish();
rollback;
