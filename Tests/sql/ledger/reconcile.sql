-- Everything is counted anew, and each kind of damage is found.
begin;
select plan(21);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-06-15 12:00:00+00');
create temp table t on commit drop as select identity.operator_account() as operator, test.make_account('A') as a;
create temp table k on commit drop as select test.make_key(operator, '{platform}') as platform, test.make_key(a) as a from t;
select test.clear_jobs();
select count(*) from ledger.open_books('USD') union all select count(*) from ledger.open_books('EUR');
select ledger.open_account('wallet', 'USD', 'liability', p_may_be_negative => false);
create function pg_temp.id(p_number integer) returns uuid language sql as $$ select lpad(to_hex(p_number), 32, '0')::uuid $$;
select ledger.transfer('revenue', 'cash', 100, 'USD', pg_temp.id(1)), ledger.transfer('cash', 'wallet', 50, 'USD', pg_temp.id(2));
select ledger.hold('wallet', 'revenue', 20, 'USD', null, pg_temp.id(3)), ledger.hold('wallet', 'revenue', 5, 'USD', null, pg_temp.id(4));
select ledger.post(pg_temp.id(3), 12, pg_temp.id(5));
select ledger.exchange('cash', 'cash', 'USD', 'EUR', 10, 0.9, p_id => pg_temp.id(6));
select ledger.fold_rollups();
select c.status from k, test.call('POST', '/api/v1/intake', k.a, '{"workflow": "w", "payload": {}}') as c;
select jobs.submit_job(a, 'w', '{}') from t;

select is_empty('select * from ledger.reconcile() where is_good is not true', 'where all is well nothing differs');
select is((select count(*) from ledger.reconcile()), 21::bigint, 'of 21 checks and scopes');
select is((select count(*) from ledger.reconcile(a)), 8::bigint, 'of books without accounts, those of money that have no currency') from t;

-- A history refuses changes, so damage is done with its triggers away.
create function pg_temp.finds(p_check text, p_damage text) returns text language plpgsql as $$
declare
    v_found text[];
begin
    begin
        perform set_config('session_replication_role', 'replica', true);
        alter table ledger.transfer disable trigger transfer_is_history;
        alter table ledger.entry disable trigger entry_is_history;
        alter table ledger.exchange disable trigger exchange_is_history;
        execute p_damage;
        perform set_config('session_replication_role', 'origin', true);
        v_found := array(select r.check_name from ledger.reconcile() as r where not r.is_good);
        raise exception using errcode = 'LQUND', message = 'undone';
    exception
        when sqlstate 'LQUND' then null;
    end;
    return ok(p_check = any (v_found), p_check || ' finds: ' || p_damage || coalesce(nullif(' (' || array_to_string(v_found, '; ') || ')', ' ()'), ''));
end;
$$;
select pg_temp.finds(d.check_name, d.damage)
from (values
    ('entries sum to zero', 'update ledger.entry set amount_minor = amount_minor + 1, current_minor = current_minor + 1 where version = 1 and amount_minor = 100'),
    ('accounts with another balance than their entries', 'update ledger.entry set previous_minor = previous_minor + 1, current_minor = current_minor + 1 where version = 3'),
    ('balances are the sums of their entries', 'update ledger.entry set previous_minor = previous_minor + 1, current_minor = current_minor + 1 where version = 3'),
    ('entries are numbered and linked without a gap', 'update ledger.entry set previous_minor = previous_minor + 1, current_minor = current_minor + 1 where version = 2'),
    ('entries are numbered and linked without a gap', 'update ledger.entry set version = 9 where version = 2'),
    ('entries belong to an account', 'delete from ledger.account where code = ''wallet'''),
    ('transfers that moved money have both entries', 'delete from ledger.entry where version = 1 and amount_minor < 0'),
    ('transfers that moved money have both entries', 'delete from ledger.transfer where id = pg_temp.id(1)'),
    ('held amounts are the sums of open holds', 'update ledger.account set held_out_minor = held_out_minor + 1 where code = ''wallet'''),
    ('holds ended as their transfers say', 'update ledger.hold set posted_minor = 11 where state = ''posted'''),
    ('exchanges are pairs of transfers', 'update ledger.exchange set buy_minor = 8'),
    ('rollups by day are the sums of what was folded', 'update ledger.rollup set in_minor = in_minor + 1 where grain = ''day'''),
    ('rollups by hour are the sums of what was folded', 'delete from ledger.rollup where grain = ''hour'''),
    ('jobs are waiting, running or ended: one of these', 'delete from jobs.waiting'),
    ('tallies of the queue are its counts', 'delete from jobs.tally_change'),
    ('calls that handed in jobs are counted as used', 'update quota.usage set used = 0')
) as d (check_name, damage);

select is(
    (c.body ->> 'is_good') || ' ' || jsonb_array_length(c.body -> 'checks') || ' ' || (c.body -> 'last_recorded'), 'true 21 null',
    'over HTTP it is shown, with nothing recorded yet'
) from k, test.call('GET', '/api/admin/reconciliation', k.platform) as c;
select is(c.status, 403, 'to the platform only') from k, test.call('GET', '/api/admin/reconciliation', k.a) as c;

select * from finish();
rollback;
