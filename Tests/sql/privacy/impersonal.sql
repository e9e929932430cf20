-- Columns that are said to hold no person.
begin;
select plan(4);

-- Names that speak of persons: each of these was looked at.
select set_eq(
    $$select i.table_name || '.' || i.column_name from privacy.impersonal_column as i
    where i.column_name ~* 'mail|address|user|person|actor|owner|_by$|^by$|phone|birth|agent|body|payload|meta$|note$|comment$|recipient|customer'
        and i.origin = 'file'$$,
    array[
        'http.document.body', 'mail.template.from_address', 'http.route.body_kind', 'ledger.hold.ended_by', 'growth.recount.after_person_id',
        'core.deployment.deployed_by', 'privacy.erasure.held_by'
    ],
    'no column whose name speaks of a person is said to hold none, but those that were looked at'
);
select is_empty($$select i.table_name, i.column_name from privacy.impersonal_column as i where length(i.reason) < 6$$, 'each has a reason');
select is_empty(
    $$select i.table_name, i.column_name from privacy.impersonal_column as i
    inner join pg_constraint as k on k.conrelid = to_regclass(i.table_name) and k.contype = 'f' and k.confrelid = 'identity.user'::regclass
    inner join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = any (k.conkey) and a.attname = i.column_name$$,
    'none refers to a user'
);
select throws_ok($$insert into privacy.impersonal_column (table_name, column_name, reason) values ('a.b', 'c', '')$$, '23514', null, 'a reason must be given');

select * from finish();
rollback;
