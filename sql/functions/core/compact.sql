-- Hot tables, whose rows are updated by every request, are pruned as they are used, unless a transaction anywhere in the
-- database holds an old snapshot: then each update leaves a dead row that has to be stepped over, and they slow down to a
-- third within a minute or two. Rewriting the live rows into an empty file helps at once, which VACUUM can not. Without an old
-- snapshot VACUUM does it, and nobody waits for a lock; so only a table that has grown large all the same is rewritten then.
--
-- Locks: ACCESS EXCLUSIVE on the one table, for a tenth of a second for each ten thousand rows; given up when it is not to be
-- had within 50 ms, so that nobody queues behind it. A reader of the table with an older snapshot finds it empty for that
-- one statement: what must not be fooled reads it in volatile functions, whose statements look anew after their locks, and
-- no role of reports may read hot tables.

create or replace function core.has_old_snapshot(p_transactions bigint default 2000)
returns boolean
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    -- Sessions of reports, walsenders of standbys that ask for it (they have no database), slots, prepared transactions; also who
    -- has no snapshot any more but has written. Snapshots of other databases hold nothing back here. VACUUM looks past its own kind,
    -- which has no user; what else it is, is hidden from who is not pg_read_all_stats.
    select exists (
        select from pg_stat_activity as a
        where greatest(age(a.backend_xmin), age(a.backend_xid)) > p_transactions
            and coalesce(a.datname = current_database(), true) and a.pid <> pg_backend_pid() and a.usesysid is not null
    )
    or exists (select from pg_replication_slots as s where age(s.xmin) > p_transactions)
    or exists (
        select from pg_prepared_xacts as x
        where age(x.transaction) > p_transactions and x.database = current_database()
    )
$$;
comment on function core.has_old_snapshot(bigint) is
$$Whether somebody holds a snapshot of this database from which on p_transactions transactions or more have begun, so that rows that
died since are not pruned.$$;

create or replace function core.compact(p_table regclass, p_condition text, p_least_bytes bigint default null)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bytes bigint := pg_relation_size(p_table);
    v_least bigint := core.integer_setting('core.compact_bytes');
    v_lock_timeout text := current_setting('lock_timeout');
    v_left bigint;
begin
    -- The rows that a policy hides would be lost.
    if row_security_active(p_table) and not core.is_machinery() then
        raise exception using
            errcode = 'insufficient_privilege',
            message = format('not every row of %s can be seen', p_table),
            hint = 'set levqor.machinery = ''on''';
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception using
            errcode = 'LQ500',
            message = 'a table is compacted at the isolation level read committed only',
            hint = 'An older snapshot would lose what was written since.';
    end if;
    if p_least_bytes < v_least and v_bytes >= p_least_bytes and core.has_old_snapshot() then
        v_least := p_least_bytes;
    end if;
    if v_bytes < greatest(v_least, 4 * coalesce(
        (select c.bytes from core.compaction as c where c.table_name = p_table::text), 0
    )) then
        return 0;
    end if;
    -- Large because of what lives in it, and not empty for the most part: little would be won, and copying it takes long.
    if p_condition = 'true'
        and pg_stat_get_live_tuples(p_table) > greatest(pg_stat_get_dead_tuples(p_table), v_bytes / 8192 * 10)
    then
        return 0;
    end if;
    perform set_config('lock_timeout', '50ms', true);
    begin
        execute format('lock table %s in access exclusive mode', p_table);
    exception
        when lock_not_available then
            perform set_config('lock_timeout', v_lock_timeout, true);
            return 0;
    end;
    perform set_config('lock_timeout', v_lock_timeout, true);

    execute format('create temp table compact_rows on commit drop as select t.* from %s as t where %s', p_table, p_condition);
    execute format('truncate %s', p_table);
    execute format('insert into %s select r.* from pg_temp.compact_rows as r', p_table);
    drop table pg_temp.compact_rows;
    v_left := pg_relation_size(p_table);
    insert into core.compaction as c (table_name, bytes, bytes_before, compacted_at)
    values (p_table::text, v_left, v_bytes, clock_timestamp())
    on conflict (table_name) do update
    set bytes = excluded.bytes, bytes_before = excluded.bytes_before, compacted_at = excluded.compacted_at,
        times = c.times + 1;
    return v_bytes - v_left;
end;
$$;
comment on function core.compact(regclass, text, bigint) is
$$Rewrite a hot table when it has grown to the setting core.compact_bytes (to p_least_bytes, if that is less, while somebody holds
an old snapshot), and to four times what the last rewriting left.

p_table: one that no reporting role reads. p_condition: SQL of the rows to keep. Gives the bytes won; 0 when there is nothing to
win, or the table is in use. Raises 42501 when row-level security would hide rows. For tasks, each in a transaction of its own.$$;

select core.seed('core.setting', '{name}', '{
    "name": "core.compact_bytes", "value": 16777216, "minimum": 0, "maximum": 1000000000000,
    "description": "integer: bytes from which a hot table (rate buckets, calls of the month) is rewritten without its dead rows"}');
