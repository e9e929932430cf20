-- Nothing changes what happened, and entries fit their transfers and sum to zero.
begin;
select plan(26);

set local levqor.machinery = 'on';
create temp table t on commit drop as select identity.operator_account() as a;
select ledger.open_books('USD') limit 0;
select count(*) from ledger.open_books('USD');
create temp table x on commit drop as
select v.* from ledger.transfer('revenue', 'cash', 100, 'USD', '00000000-0000-7000-8000-000000000001') as v;
select count(*) from ledger.exchange('cash', 'cash', 'USD', 'EUR', 10, 0.5) as e where false;

create function pg_temp.refused(p_sql text, p_name text) returns text language sql as $$
    select throws_ok(p_sql, '42501', 'ledger.' || p_name || ' is history: its rows stay as they are', p_sql)
$$;
select pg_temp.refused(c.sql, c.name)
from (values
    ('update ledger.entry set amount_minor = 1', 'entry'),
    ('delete from ledger.entry', 'entry'),
    ('truncate ledger.entry', 'entry'),
    ('update ledger.transfer set description = ''x''', 'transfer'),
    ('delete from ledger.transfer', 'transfer'),
    ('truncate ledger.transfer', 'transfer'),
    ('update ledger.exchange set rate = 1', 'exchange'),
    ('delete from ledger.exchange where true', 'exchange')
) as c (sql, name);
set local levqor.retention = 'on';
select pg_temp.refused('delete from ledger.entry where false', 'entry');
set local levqor.retention = '';
set local session_replication_role = 'replica';
select pg_temp.refused(c.sql, c.name)
from (values
    ('update ledger.entry set amount_minor = 2', 'entry'), ('delete from ledger.transfer where true', 'transfer'),
    ('update ledger.exchange set rate = 2', 'exchange')
) as c (sql, name);
set local session_replication_role = 'origin';

create function pg_temp.add(p_code text, p_amount bigint, p_previous bigint, p_version bigint)
returns void language sql as $$
    insert into ledger.entry (
        account_id, ledger_account_id, version, transfer_id, amount_minor, previous_minor, current_minor, event_at, created_at
    )
    select
        x.account_id, a.id, p_version, '00000000-0000-7000-8000-000000000002', p_amount, p_previous, p_previous + p_amount, x.event_at,
        x.created_at
    from x, ledger.find_account(p_code, 'USD') as a
$$;
insert into ledger.transfer (account_id, id, kind, from_id, to_id, amount_minor, currency, event_at, created_at, made_by)
select x.account_id, '00000000-0000-7000-8000-000000000002', x.kind, x.from_id, x.to_id, 50, x.currency, x.event_at, x.created_at, 'test'
from x;
select throws_ok(
    $$select pg_temp.add('fees', 50, 0, 1)$$, 'LQSUM', 'an entry is no side of its transfer', 'an account that the transfer does not name'
);
select throws_ok(
    $$select pg_temp.add('cash', 49, 100, 2)$$, 'LQSUM', 'an entry is no side of its transfer', 'another amount than the transfer''s'
);
select throws_ok(
    $$select pg_temp.add('cash', 50, 101, 2)$$, 'LQSUM', 'an entry does not follow the one before', 'an entry that begins at another balance'
);
select throws_ok($$select pg_temp.add('cash', 50, 100, 3)$$, 'LQSUM', 'an entry does not follow the one before', 'an entry that leaves a number out');
select throws_ok($$select pg_temp.add('cash', 50, 0, 1)$$, '23505', null, 'a number that is taken');
select throws_ok(
    $$insert into ledger.entry select e.account_id, e.ledger_account_id, 9, e.transfer_id, 1, 1, 3, e.event_at, e.created_at from ledger.entry as e limit 1$$,
    '23514', null, 'an entry that does not add up'
);

-- One side alone passes until the commit, here asked for by hand.
select lives_ok($$select pg_temp.add('cash', 50, 100, 2)$$, 'one side of a transfer may come first');
select throws_ok(
    'set constraints all immediate', 'LQSUM', 'the entries of a transfer do not sum to zero', 'but a commit without the other one is refused'
);
select pg_temp.add('revenue', -50, -100, 2);
select lives_ok('set constraints all immediate', 'with the other one it passes');
select is_empty('select from ledger.imbalance', 'and nothing is left noted');

-- It does not matter who calls by then: the owner is below row-level security too.
grant select on x to levqor_owner;
set local role levqor_owner;
set constraints all deferred;
insert into ledger.transfer (account_id, id, kind, from_id, to_id, amount_minor, currency, event_at, created_at, made_by)
select x.account_id, '00000000-0000-7000-8000-000000000003', x.kind, x.from_id, x.to_id, 70, x.currency, x.event_at, x.created_at, 'test'
from x;
insert into ledger.entry (
    account_id, ledger_account_id, version, transfer_id, amount_minor, previous_minor, current_minor, event_at, created_at
)
select x.account_id, x.to_id, 3, '00000000-0000-7000-8000-000000000003', 70, 150, 220, x.event_at, x.created_at
from x;
select core.set_caller(null, null, null, null, null, null, null);
select is((select count(*) from ledger.entry), 0::bigint, 'a caller that sees no entry');
select throws_ok(
    'set constraints all immediate', 'LQSUM', 'the entries of a transfer do not sum to zero', 'does not get one side past the commit'
);
set local levqor.machinery = 'on';
insert into ledger.entry (
    account_id, ledger_account_id, version, transfer_id, amount_minor, previous_minor, current_minor, event_at, created_at
)
select x.account_id, x.from_id, 3, '00000000-0000-7000-8000-000000000003', -70, -150, -220, x.event_at, x.created_at
from x;
select core.set_caller(null, null, null, null, null, null, null);
select lives_ok('set constraints all immediate', 'both sides pass');
select is(core.sees_all(), false, 'and the caller sees no more than before');
reset role;

select * from finish();
rollback;
