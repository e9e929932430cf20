-- Transfers: all of a call or none, once an id, in order, within limits; and a random history against a plain recount.
begin;
select plan(40);

set local levqor.machinery = 'on';
create temp table t on commit drop as
select identity.operator_account() as operator, test.make_account('A') as a, core.new_id() as u;
select count(*) from ledger.open_books('USD');
select ledger.open_account('wallet', 'USD', 'liability', p_may_be_negative => false);
select ledger.open_account('debt', 'USD', 'liability', p_may_be_positive => false);
create function pg_temp.id(p_number integer) returns uuid language sql as $$ select lpad(to_hex(p_number), 32, '0')::uuid $$;
create function pg_temp.balance(p_code text) returns bigint language sql as $$ select balance_minor from ledger.find_account(p_code, 'USD') $$;

-- One.
create temp table one on commit drop as
select v.* from ledger.transfer('revenue', 'cash', 1999, 'USD', pg_temp.id(1), '2026-01-31 10:00+00', 'inv-1', 'Plan pro') as v;
select is(
    (select (v.kind, v.amount_minor, v.currency, v.event_at, v.reference, v.description, v.made_by)::text from one as v),
    '(transfer,1999,USD,"2026-01-31 10:00:00+00",inv-1,"Plan pro",role:' || session_user || ')', 'a transfer is kept as it was sent'
);
select ok((select v.created_at > v.event_at from one as v), 'when it was written is apart from when it happened');
select is(
    (select string_agg(a.code || ' ' || (e.version, e.amount_minor, e.previous_minor, e.current_minor, e.event_at), ', ' order by a.code)
        from ledger.entry as e inner join ledger.account as a on a.id = e.ledger_account_id),
    'cash (1,1999,0,1999,"2026-01-31 10:00:00+00"), revenue (1,-1999,0,-1999,"2026-01-31 10:00:00+00")', 'it has two entries with balances before and after'
);

-- The same again.
select is(
    (select v from ledger.transfer('revenue', 'cash', 1999, 'USD', pg_temp.id(1), '2026-01-31 10:00+00', 'inv-1', 'Plan pro') as v)::text,
    (select row(v.*)::text from one as v), 'the same id with the same content gives the same'
);
select is((select count(*) from ledger.entry), 2::bigint, 'and does nothing');
select is(
    (select (v.id, v.event_at)::text from ledger.transfer('revenue', 'cash', 1999, 'USD', pg_temp.id(1), null, 'inv-1', 'Plan pro') as v),
    (select (v.id, v.event_at)::text from one as v), 'a time that is left out is not compared'
);
create function pg_temp.conflicts(p_more text, p_detail text) returns text language plpgsql as $$
declare
    v_detail text;
begin
    perform ledger.transfer_many(jsonb_build_array(jsonb_build_object(
        'id', pg_temp.id(1), 'from', 'revenue', 'to', 'cash', 'currency', 'USD', 'amount_minor', 1999, 'reference', 'inv-1',
        'description', 'Plan pro'
    ) || p_more::jsonb));
    return fail('conflicts: ' || p_more);
exception
    when sqlstate 'LQTID' then
        get stacked diagnostics v_detail = pg_exception_detail;
        return is(v_detail, 'xfer_00000000000000000000000000000001 is there with another ' || p_detail || '.', 'conflicts: ' || p_more);
end;
$$;
select pg_temp.conflicts('{"amount_minor": 1998}', 'amount_minor');
select pg_temp.conflicts('{"from": "cash", "to": "revenue"}', 'from, to');
select pg_temp.conflicts('{"event_at": "2026-01-31 10:00:01+00"}', 'event_at');
select pg_temp.conflicts('{"reference": null}', 'reference');
select pg_temp.conflicts('{"description": "Plan"}', 'description');
select pg_temp.conflicts('{"kind": "hold"}', 'kind');
select lives_ok(
    format($$select ledger.transfer('revenue', 'cash', 5, 'USD', pg_temp.id(1), p_account_id => %L) from ledger.open_books('USD', %L)$$, a, a),
    'ids of other books are others'
) from t;

-- All or none, in order.
select throws_ok(
    $$select ledger.transfer_many('[
        {"id": "00000000-0000-0000-0000-000000000002", "from": "cash", "to": "wallet", "currency": "USD", "amount_minor": 10},
        {"id": "00000000-0000-0000-0000-000000000003", "from": "wallet", "to": "fees", "currency": "USD", "amount_minor": 11}]')$$,
    'LQLIM', 'the account may not go below zero', 'a call with one that can not be is refused'
);
select is(pg_temp.balance('wallet') || ' ' || (select count(*) from ledger.transfer as x where x.account_id = operator), '0 1', 'and nothing of it is done') from t;
select lives_ok(
    $$select ledger.transfer_many('[
        {"id": "00000000-0000-0000-0000-000000000002", "from": "cash", "to": "wallet", "currency": "USD", "amount_minor": 10},
        {"id": "00000000-0000-0000-0000-000000000003", "from": "wallet", "to": "fees", "currency": "USD", "amount_minor": 10}]')$$,
    'what came in before in the call can be used'
);
select throws_ok(
    $$select ledger.transfer_many('[
        {"id": "00000000-0000-0000-0000-000000000004", "from": "wallet", "to": "fees", "currency": "USD", "amount_minor": 10},
        {"id": "00000000-0000-0000-0000-000000000005", "from": "cash", "to": "wallet", "currency": "USD", "amount_minor": 10}]')$$,
    'LQLIM', 'the account may not go below zero', 'what comes in later can not'
);
select throws_ok($$select ledger.transfer('cash', 'debt', 1, 'USD')$$, 'LQLIM', 'the account may not go above zero', 'nor may a balance be positive where it may not');
select lives_ok($$select ledger.transfer('debt', 'cash', 7, 'USD', pg_temp.id(8)), ledger.transfer('cash', 'debt', 7, 'USD', pg_temp.id(9))$$, 'up to zero it may come');
select is(
    (select string_agg(v.id || ' ' || v.amount_minor, ', ') from ledger.transfer_many(jsonb_build_array(
        jsonb_build_object('id', pg_temp.id(17), 'from', 'cash', 'to', 'fees', 'currency', 'USD', 'amount_minor', 3),
        jsonb_build_object('id', pg_temp.id(1), 'from', 'revenue', 'to', 'cash', 'currency', 'USD', 'amount_minor', 1999,
            'reference', 'inv-1', 'description', 'Plan pro'),
        jsonb_build_object('id', pg_temp.id(16), 'from', 'cash', 'to', 'fees', 'currency', 'USD', 'amount_minor', 4)
    )) as v),
    pg_temp.id(17) || ' 3, ' || pg_temp.id(1) || ' 1999, ' || pg_temp.id(16) || ' 4', 'new ones and old ones come in the order of the call'
);
select is((select pg_temp.balance('cash')), 1999::bigint - 10 - 3 - 4, 'and the new ones alone were made');
select throws_ok(
    $$select ledger.transfer_many('[
        {"id": "00000000-0000-0000-0000-000000000006", "from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1},
        {"id": "00000000-0000-0000-0000-000000000006", "from": "cash", "to": "fees", "currency": "USD", "amount_minor": 1}]')$$,
    'LQ422', 'the same id is there twice in one call', 'an id is there once in a call'
);
select is_empty($$select from ledger.transfer_many('[]')$$, 'no transfer is no work');
select throws_ok(
    $$select ledger.transfer_many((select jsonb_agg('{}'::jsonb) from generate_series(1, 10001)))$$, 'LQ422', 'at most 10000 transfers fit into a call', 'there is an end to a call'
);
select throws_ok(
    $$select ledger.transfer('equity', 'cash', 1000000000000000, 'USD', pg_temp.id(100 + i)) from generate_series(1, 2) as i$$, 'LQ422',
    'no account to take from: "equity"', 'an account that is not open'
);

-- Persons are kept apart.
select ledger.transfer('revenue', 'cash', 10, 'USD', pg_temp.id(20), p_user_id => u, p_person_id => 7) from t;
select is((select (p.transfer_id, p.user_id, p.person_id)::text from ledger.transfer_person as p), (pg_temp.id(20), u, 7)::text, 'whom it concerns is in a table of its own') from t;
select hasnt_column('ledger', 'entry', 'user_id', 'not with the entry');
select lives_ok($$delete from ledger.transfer_person$$, 'and can be forgotten');
select is((ledger.transfer('revenue', 'cash', 10, 'USD', pg_temp.id(20), p_user_id => u)).amount_minor, 10::bigint, 'the same id gives the same then too') from t;
select is_empty('select from ledger.transfer_person', 'and does not bring the person back');

-- A random history, against a plain recount.
select setseed(0.42);
select ledger.open_account('r' || n, 'USD', 'asset', p_may_be_negative => n % 3 > 0, p_may_be_positive => n % 3 <> 1)
from generate_series(0, 5) as n;
create temp table history on commit drop as
select
    n, pg_temp.id(1000 + n) as id, (random() * 5)::integer as giver, (random() * 5)::integer as taker, 1 + (random() * 50)::bigint as amount,
    floor(n / 7) as call
from generate_series(1, 1400) as n;
delete from history as h where h.giver = h.taker;
create temp table done (call numeric, is_done boolean);
do $$
declare
    v_call record;
begin
    for v_call in
        select h.call, jsonb_agg(jsonb_build_object(
            'id', h.id, 'from', 'r' || h.giver, 'to', 'r' || h.taker, 'currency', 'USD', 'amount_minor', h.amount
        ) order by h.n) as transfers
        from history as h
        group by h.call
        order by h.call
    loop
        begin
            perform ledger.transfer_many(v_call.transfers);
            insert into done values (v_call.call, true);
        exception
            when sqlstate 'LQLIM' then
                insert into done values (v_call.call, false);
        end;
    end loop;
end;
$$;
-- The recount goes through the history in order, a row at a time, and knows nothing of the ledger.
create temp table plain (call numeric, is_done boolean);
create temp table book on commit drop as select n as account, 0::bigint as balance from generate_series(0, 5) as n;
do $$
declare
    v_call record;
    v_step record;
    v_books bigint[] := '{0,0,0,0,0,0}';
    v_before bigint[];
    v_is_done boolean;
begin
    for v_call in select distinct h.call from history as h order by h.call loop
        v_before := v_books;
        v_is_done := true;
        for v_step in select h.* from history as h where h.call = v_call.call order by h.n loop
            v_books[v_step.giver + 1] := v_books[v_step.giver + 1] - v_step.amount;
            v_books[v_step.taker + 1] := v_books[v_step.taker + 1] + v_step.amount;
            v_is_done := v_is_done and v_books[1] >= 0 and v_books[4] >= 0 and v_books[2] <= 0 and v_books[5] <= 0;
        end loop;
        if not v_is_done then
            v_books := v_before;
        end if;
        insert into plain values (v_call.call, v_is_done);
    end loop;
    update book set balance = v_books[account + 1];
end;
$$;
select results_eq('select * from done order by 1', 'select * from plain order by 1', 'the calls are done that a plain count does, and no other');
select ok((select count(*) filter (where is_done) > 20 and count(*) filter (where not is_done) > 20 from done), 'of both kinds there are many');
select results_eq(
    $$select a.balance_minor from ledger.balance as a where a.code ~ '^r[0-5]$' order by a.code$$, 'select balance from book order by account',
    'and the balances are its balances'
);
select is((select sum(e.amount_minor) from ledger.entry as e inner join history as h on h.id = e.transfer_id), 0::numeric, 'all entries sum to zero');
select is(
    (select sum(e.amount_minor) from ledger.entry as e where e.transfer_id in (select h.id from history as h where h.n % 13 = 4)), 0::numeric,
    'and so does any set of transfers'
);
select is_empty('select * from ledger.reconcile() where not is_good', 'the reconciliation finds nothing');

-- Two persons who turn out to be one.
select ledger.open_account(c, 'USD', 'asset', p_account_id => test.make_account(c)) from unnest('{merge}'::text[]) as c;
create temp table merged on commit drop as select a.account_id from ledger.account as a where a.code = 'merge';
select ledger.open_account('other', 'USD', 'asset', p_account_id => m.account_id) from merged as m;
select ledger.transfer('merge', 'other', 100, 'USD', p_person_id => p.id, p_account_id => m.account_id)
from merged as m, unnest('{7,8}'::bigint[]) as p (id);
select lives_ok($$select ledger.move_person(m.account_id, 7, 9) from merged as m$$, 'their transfers are moved');
select is((select array_agg(t.person_id order by t.person_id) from ledger.transfer_person as t, merged as m where t.account_id = m.account_id), '{8,9}', 'and no other''s');

-- What does not fit into a balance, or into what is held.
create function pg_temp.many(p_kind text) returns bigint language sql as $$
    select count(v.id)
    from ledger.transfer_many((
        select jsonb_agg(jsonb_build_object(
            'kind', p_kind, 'id', core.new_id(), 'from', 'revenue', 'to', 'cash', 'currency', 'USD', 'amount_minor', 1000000000000000
        ))
        from generate_series(1, 9300)
    )) as v
$$;
select throws_ok($$select pg_temp.many('transfer')$$, 'LQLIM', 'the balance may not go that far', 'a balance beyond all numbers');
select throws_ok($$select pg_temp.many('hold')$$, 'LQLIM', 'the balance may not go that far', 'nor may more be held');

select * from finish();
rollback;
