-- How the views of bi are kept fresh: one materialized view, or some days of a table, in a transaction of its own.
--
-- Locks: REFRESH MATERIALIZED VIEW CONCURRENTLY takes EXCLUSIVE on the materialized view, which lets it be read. What is
-- refreshed next is noted in the transaction before, so that one that is cut off by its time-out goes to the end of the row
-- and does not keep the others waiting.

create or replace trigger plan_notes_local_columns
before update on bi_store.plan
for each row execute function core.note_local_columns();

create or replace function bi_store.find_oldest_transaction()
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Not what was looked at earlier in this transaction.
    perform pg_stat_clear_snapshot();
    -- When a transaction began is hidden from whoever is not pg_read_all_stats, but not that it is there. Those of other
    -- databases hold nothing of ours back, nor do those of autovacuum, which have no user.
    with present as materialized (
        select l.pid, l.virtualtransaction
        from pg_locks as l
        inner join pg_stat_activity as a on a.pid = l.pid
        where l.locktype = 'virtualxid' and l.granted and l.mode = 'ExclusiveLock' and l.pid <> pg_backend_pid()
            and a.datname = current_database() and a.usesysid is not null
    ),
    gone as (
        delete from bi_store.seen_transaction as s
        where not exists (
            select from present as p where p.pid = s.pid and p.virtualtransaction = s.virtual_transaction
        )
    )
    insert into bi_store.seen_transaction as s (pid, virtual_transaction, seen_at)
    select p.pid, p.virtualtransaction, core.real_now() from present as p
    on conflict do nothing;
    return least(
        (select min(s.seen_at) from bi_store.seen_transaction as s),
        (select min(x.prepared) from pg_prepared_xacts as x where x.database = current_database())
    );
end;
$$;
comment on function bi_store.find_oldest_transaction() is
$$Since when at least the oldest transaction of this database has been open, prepared ones among them; null: none is, but this one.

What is not prepared counts from the first call that saw it.$$;

create or replace function bi_store.should_stand_back()
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_seconds bigint := extract(epoch from core.real_now() - bi_store.find_oldest_transaction());
    v_most_seconds bigint := core.integer_setting('bi.stand_back_snapshot_seconds');
    v_most_dead bigint := core.integer_setting('bi.stand_back_dead_rows');
    v_hot record;
begin
    select s.schemaname || '.' || s.relname as name, s.n_dead_tup as dead into v_hot
    from pg_stat_user_tables as s
    inner join pg_class as c on c.oid = s.relid
    where s.relid = any (array[
        'jobs.waiting', 'jobs.running', 'jobs.tally_change', 'limits.bucket', 'outbox.delivery', 'quota.usage'
    ]::regclass[])
    order by s.n_dead_tup desc
    limit 1;
    return case
        when v_hot.dead > v_most_dead
            then format('%s has about %s dead rows, more than %s', v_hot.name, v_hot.dead, v_most_dead)
        when v_seconds > v_most_seconds
            then format('a transaction has been open for %s seconds, more than %s', v_seconds, v_most_seconds)
    end;
end;
$$;
comment on function bi_store.should_stand_back() is
$$Why the views of bi are not refreshed now; null: they may be.

A refresh holds a snapshot as long as it takes, and so adds to the dead rows that hot tables can not lose. It waits while one of them
has more than bi.stand_back_dead_rows of them, or some transaction of this database has been open for bi.stand_back_snapshot_seconds.$$;

create or replace function bi_store.list_due()
returns setof text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select p.name
    from bi_store.plan as p
    left join bi_store.refresh as r on r.name = p.name
    where p.is_enabled
        -- Half a minute less: a run of the clock may be a little late or early.
        and coalesce(r.attempted_at, '-infinity') <= core.now() - p.every + interval '30 seconds'
    order by coalesce(r.refreshed_at, '-infinity') >= coalesce(r.attempted_at, '-infinity') desc, p.position, p.name
$$;
comment on function bi_store.list_due() is
$$What has to be refreshed now, by bi_store.plan; last come those that did not end well the last time.$$;

create or replace function bi_store.refresh_one(p_name text, p_since timestamptz default core.now() + interval '1 microsecond')
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_kind text := (select p.kind from bi_store.plan as p where p.name = p_name);
    v_began_at timestamptz := clock_timestamp();
    v_now timestamptz := core.now();
    v_rolled jsonb;
    v_rows bigint;
begin
    if v_kind is null then
        raise exception using errcode = 'LQ404', message = 'no such view', hint = 'See bi_store.plan.';
    elsif v_kind = 'view' then
        execute format('refresh materialized view concurrently bi_store.%I', p_name);
        execute format('select count(*) from bi_store.%I', p_name) into v_rows;
    else
        v_rolled := bi_store.roll_days(p_name, p_since);
        v_rows := (v_rolled ->> 'rows')::bigint;
        if v_rolled -> 'more' = 'true' then
            return true;
        end if;
    end if;
    insert into bi_store.refresh as r (name, attempted_at, refreshed_at, took, rows)
    values (p_name, v_now, v_now, clock_timestamp() - v_began_at, v_rows)
    on conflict on constraint refresh_pkey do update
    set
        attempted_at = greatest(r.attempted_at, excluded.attempted_at), refreshed_at = excluded.refreshed_at, took = excluded.took,
        rows = excluded.rows, failed_at = null, sqlstate = null, error = null, stood_back_at = null, stood_back_for = null;
    return false;
end;
$$;
comment on function bi_store.refresh_one(text, timestamptz) is
$$Refresh one materialized view or table of days and note it: select bi_store.refresh_one('jobs_daily'). Gives whether there is more to
do: then call it again with the same p_since, when the refresh began. Raises LQ404.$$;

create or replace function bi_store.refresh_all()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name text;
    v_since timestamptz := core.now() + interval '1 microsecond';
    v_count bigint := 0;
begin
    for v_name in
        select p.name from bi_store.plan as p where p.is_enabled order by p.position, p.name
    loop
        while bi_store.refresh_one(v_name, v_since) loop
            null;
        end loop;
        v_count := v_count + 1;
    end loop;
    return v_count;
end;
$$;
comment on function bi_store.refresh_all() is
$$Refresh all at once, due or not, in one transaction: after a restore, and for demonstrations. On a busy database let the task bi-refresh
do it step by step. Gives how many there are.$$;

create or replace function bi_store.tell_late()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_late record;
begin
    select count(*) as count, min(r.refreshed_at) as since, array_agg(p.name order by p.position, p.name) as names,
        max(coalesce(r.error, r.stood_back_for)) as reason
    into v_late
    from bi_store.plan as p
    inner join bi_store.refresh as r on r.name = p.name
    where p.is_enabled and coalesce(r.refreshed_at, r.attempted_at) < core.now() - 4 * p.every - interval '1 hour';
    if v_late.count > 0 then
        perform alerts.raise(
            'warning', 'bi.refresh', format('%s views for BI tools are old', v_late.count),
            jsonb_build_object('views', v_late.names, 'since', v_late.since, 'reason', v_late.reason),
            p_fingerprint => 'bi.refresh'
        );
    else
        perform alerts.resolve('bi.refresh', p_comment => 'all are fresh');
    end if;
    return v_late.count;
end;
$$;
comment on function bi_store.tell_late() is
$$Raise an alert (warning) while something is older than four times its interval and an hour, and resolve it then. Gives how many are.$$;

create or replace function bi_store.refresh_step(p_state jsonb default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name text := p_state ->> 'next';
    v_failed text[] := array(select f.name from jsonb_array_elements_text(p_state -> 'failed') as f (name));
    v_since timestamptz := (p_state ->> 'since')::timestamptz;
    v_reason text := bi_store.should_stand_back();
    v_has_more boolean := false;
    v_count bigint := 0;
    v_sqlstate text;
    v_error text;
begin
    if p_state -> 'is_over' = 'true' then
        perform core.raise(
            'LQ500', format('%s views for BI tools could not be refreshed: %s', cardinality(v_failed), array_to_string(v_failed, ', ')),
            p_hint => 'See bi.refreshes and bi_store.refresh.error.'
        );
    end if;
    if v_reason is not null then
        insert into bi_store.refresh as r (name, stood_back_at, stood_back_for)
        select d.name, core.now(), v_reason from bi_store.list_due() as d (name)
        union
        select v_name, core.now(), v_reason where v_name is not null
        on conflict on constraint refresh_pkey do update
        set stood_back_at = excluded.stood_back_at, stood_back_for = excluded.stood_back_for,
            -- What was announced is still due.
            attempted_at = case when r.name = v_name then r.refreshed_at else r.attempted_at end;
        perform bi_store.tell_late();
        return jsonb_build_object('more', v_failed <> '{}', 'stood_back_for', v_reason, 'rows', 0, 'state', jsonb_build_object(
            'is_over', v_failed <> '{}', 'failed', v_failed
        ));
    end if;

    if v_name is not null then
        begin
            v_has_more := bi_store.refresh_one(v_name, v_since);
            v_count := (not v_has_more)::integer;
        exception
            when lock_not_available or deadlock_detected or serialization_failure then
                raise;
            when others then
                -- One that can not be refreshed does not keep the others from it.
                get stacked diagnostics v_sqlstate = returned_sqlstate, v_error = message_text;
                update bi_store.refresh as r
                set failed_at = core.now(), sqlstate = v_sqlstate, error = left(v_error, 1000)
                where r.name = v_name;
                v_failed := v_failed || v_name;
        end;
    end if;
    if not v_has_more then
        v_name := (select d.name from bi_store.list_due() as d (name) where not d.name = any (v_failed) limit 1);
        v_since := core.now();
        insert into bi_store.refresh as r (name, attempted_at)
        select v_name, core.now() where v_name is not null
        on conflict on constraint refresh_pkey do update set attempted_at = excluded.attempted_at;
    end if;
    if v_name is null then
        perform bi_store.tell_late();
    end if;
    return jsonb_build_object(
        'more', v_name is not null or v_failed <> '{}', 'rows', v_count,
        'state', jsonb_build_object('next', v_name, 'since', v_since, 'failed', v_failed, 'is_over', v_name is null)
    );
end;
$$;
comment on function bi_store.refresh_step(jsonb) is
$$A step of the task bi-refresh: refresh what the step before has announced, and announce what is next, as long as something is due.

Stands back while bi_store.should_stand_back() has a reason, and notes it in bi_store.refresh. What fails is noted there too; when
all others are done, the run fails with LQ500 and the names.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "bi.stand_back_snapshot_seconds", "value": 300, "minimum": 0, "maximum": 1000000000,
     "description": "integer: seconds that a transaction may be open before views for BI tools are no longer refreshed beside it"},
    {"name": "bi.stand_back_dead_rows", "value": 200000, "minimum": -1, "maximum": 1000000000,
     "description": "integer: dead rows in one hot table from which on views for BI tools are not refreshed; -1: always"}
]') as s (setting);
