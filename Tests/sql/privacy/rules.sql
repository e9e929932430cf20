-- The rules of the catalogue do what they say: each condition can be carried out, and nothing of a person is left.
begin;
select plan(21);
\set page `cat docs/explanation/erasure.md`
set local levqor.machinery = 'on';

select ok(strpos(:'page', privacy.document_catalogue()) > 0, 'docs/explanation/erasure.md shows the rules as they are: write its table again by privacy.document_catalogue()');

-- Somebody to whom every way leads: no condition and no replacement is wrong SQL.
create temp table f on commit drop as
select row(
    array[core.new_id()], '{x@y.z}', '{X}', '{user_0}', '{address:0}', array[core.new_id()], array[core.new_id()], array[core.new_id()], '{1}', '{a/b/c}',
    array['\x00'::bytea], null
)::privacy.subject as subject;
select lives_ok('select count(*) from f, privacy.count_rows(f.subject)', 'every condition can be carried out');
select is((select count(*) from f, privacy.count_rows(f.subject) as c where c.way <> 'keep'), 0::bigint, 'and finds nothing of somebody who is not there');
select is_empty(
    $$select l.table_name, l.path from privacy.lookup as l cross join f where to_regclass(l.table_name) is not null and l.condition is not null and not privacy.concerns(l, f.subject)$$,
    'each is asked for somebody'
);
select is_empty(
    $$select l.position from privacy.lookup as l where l.origin = 'file' and l.condition ~ 'mail\.message' and l.position >= (
        select m.position from privacy.lookup as m where m.table_name = 'mail.message' and m.path = 'address')$$,
    'what is found through mails goes before these'
);

-- Whole addresses, and of the account alone that is asked about.
select is(
    (select string_agg(b.body, ' ') from unnest(array[
        'ann@x.test', 'Ann@X.test.', '{"a":"ann@x.test"}', '<ann@x.test>', 'hi\nann@x.test\n', '=%3Cann@x.test%3E', '\u003cann@x.test\u003e', '“ann@x.test”', '\ann@x.test'
    ]) as b (body) where not privacy.mentions(convert_to(b.body, 'UTF8'), '{ann@x.test}')), null, 'an address is found wherever it stands as a whole'
);
select is(
    (select string_agg(b.body, ' ') from unnest(array['joann@x.test', 'jo.ann@x.test', 'jo+ann@x.test', 'äann@x.test', 'ann@x.test.uk', 'ann@x.testing', 'ann@x-test', '']) as b (body)
    where privacy.mentions(convert_to(b.body, 'UTF8'), '{ann@x.test}')), null, 'another address that holds it is none'
);
select is((privacy.mentions('\xff00616e6e40782e7465737400'::bytea, '{ann@x.test}'), privacy.mentions(null, '{ann@x.test}'))::text, '(t,f)', 'in any bytes');
insert into inbox.source (account_id, name, scheme) values (test.make_account('Sender'), 'sender', 'none');
insert into inbox.delivery (id, source_id, account_id, event_id, headers, body, received_at, state, due_at, handled_at)
select core.new_id(), s.id, s.account_id, e.id, '{"x": "y"}', convert_to(e.body, 'UTF8'), core.now(), 'done', core.now(), core.now()
from inbox.source as s, (values ('e1', 'joann@x.test'), ('e2', 'To: Ann@X.test')) as e (id, body);
create function pg_temp.count_webhooks(p_account uuid) returns bigint language sql as $$
    select count(*) from privacy.count_rows(privacy.find_subject(p_email => 'ann@x.test', p_account_id => p_account)) as c where c.table_name = 'inbox.delivery' and c.rows = 1
$$;
select is(concat_ws(' ', pg_temp.count_webhooks(null), pg_temp.count_webhooks(s.account_id), pg_temp.count_webhooks(identity.operator_account())), '1 1 0', 'a webhook of another account is out of reach') from inbox.source as s;
select is((
    select string_agg(k.key, ' ' order by k.key)
    from jsonb_array_elements(privacy.export_person(p_email => 'ann@x.test') -> 'tables') as t, jsonb_object_keys(t.value #> '{rows,0}') as k (key) where t.value ->> 'table' = 'inbox.delivery'
), 'due_at event_at handled_at id received_at', 'an export has its key and times');

create temp table u on commit drop as select test.make_person('zoe.quill@mail.test', 'Zoe Quill') as id, test.make_person('other@mail.test', 'Other') as other;
create temp table n on commit drop as select array['zoe.quill@mail.test', 'zoe quill', replace(u.id::text, '-', '')] as texts, array['other@mail.test'] as others from u;
select cmp_ok((select count(*) from n, test.find_text(n.texts)), '>=', 15::bigint, 'the person is in many tables');
create temp table before on commit drop as select f.* from n, test.find_text(n.others) as f;
create temp table usage on commit drop as select a.id, a.account_id, a.happened_at, a.action from audit.entry as a;
create temp table books on commit drop as select e.* from ledger.entry as e;
create temp table dry on commit drop as select c.* from u, privacy.count_rows(privacy.find_subject(p_user_id => u.id)) as c;
create temp table e on commit drop as select privacy.erase_person(p_user_id => u.id, p_is_dry_run => false) as answer from u;
select is(e.answer ->> 'state', 'done', 'the erasure is done') from e;

select is(
    (select string_agg(f.place || ' ' || f.rows, ', ') from n, test.find_text(n.texts) as f where f.place not in ('ledger.transfer')), null,
    'the name, the e-mail and the id stand in no table any more, in whatever column'
);
select bag_eq('select f.* from n, test.find_text(n.others) as f', 'select * from before', 'of others nothing has changed');
select is_empty('select * from usage except select a.id, a.account_id, a.happened_at, a.action from audit.entry as a', 'the audit trail has no gap');
select isnt_empty($$select from audit.entry as a where a.actor = 'erased' and a.action = 'quota.set_tier'$$, 'it does not tell any more who it was');
select bag_eq('select * from books', 'select e.* from ledger.entry as e', 'no entry of the books has changed');
select is_empty('select from ledger.transfer_person as t inner join u on t.user_id = u.id', 'but they lead to nobody');
select is(
    (select string_agg(concat_ws(' ', a.name, a.status), ', ') from identity.account as a where a.kind = 'personal' order by 1), 'Other active, erased account closed',
    'the account of the person is closed and named after nobody'
);
select is_empty($$select from keys.api_key as k inner join identity.account as a on a.id = k.account_id where a.status = 'closed' and k.revoked_at is null$$, 'its keys are revoked');
select is(
    (select jsonb_object_agg(d.table_name, d.rows) from (select d.table_name, sum(d.rows) as rows from dry as d where d.way <> 'keep' group by d.table_name) as d
    where d.table_name not in ('identity.account', 'audit.entry')),
    (select jsonb_object_agg(t.key, (select sum(w.value::bigint) from jsonb_each_text(t.value) as w where w.key <> 'keep'))
    from e, jsonb_each(e.answer -> 'counts') as t where exists (select from jsonb_object_keys(t.value) as k where k <> 'keep') and t.key not in ('identity.account', 'audit.entry')),
    'the dry run had told as many rows of each table'
);

select * from finish();
rollback;
