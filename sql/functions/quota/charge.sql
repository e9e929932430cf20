-- Charge the calls of a batch to their accounts' month. Exact: one guarded upsert a batch, or rows locked in order.
--
-- Locks: usage rows in order of account. The guard takes them before the buckets of limits.

create or replace function quota.month_seconds(p_month_ends timestamptz)
returns bigint
language sql
immutable
security invoker
as $$
    select pg_catalog.date_part('epoch', p_month_ends - (p_month_ends at time zone 'UTC' - interval '1 month') at time zone 'UTC')::bigint
$$;
comment on function quota.month_seconds(timestamptz) is
$$Length in seconds of the month that ends then.$$;

-- Inlinable.
create or replace function quota.is_near(p_used bigint, p_allowed bigint)
returns boolean
language sql
immutable
parallel safe
security invoker
as $$
    select p_used * 5::numeric >= p_allowed * 4::numeric
$$;
comment on function quota.is_near(bigint, bigint) is
$$Whether so many calls of a month are 80 % or more of those allowed: then crossings are announced.$$;

create or replace function quota.find_allowed(p_account_id uuid)
returns bigint
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(t.calls_per_month, 9223372036854775807)
        from identity.account as a
        inner join quota.tier as t on t.name = a.tier
        where a.id = p_account_id
    );
end;
$$;
comment on function quota.find_allowed(uuid) is
$$How many calls a month the account's tier allows now; 9223372036854775807: any number.$$;

create or replace function quota.charge_all(p_calls http.call[])
returns quota.charge[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_month date := quota.month();
    v_charges quota.charge[];
    v_wanted bigint;
    v_charged bigint;
    v_crossing record;
begin
    with wanted as materialized (
        select c.account_id, count(*) as calls, coalesce(min(t.calls_per_month), 9223372036854775807) as allowed
        from unnest(p_calls) as c
        inner join quota.tier as t on t.name = c.tier
        where c.is_metered and not c.is_charged and c.refusal is null
        group by c.account_id
    ),
    charged as (
        insert into quota.usage as u (account_id, month, used, allowed)
        select w.account_id, v_month, w.calls, w.allowed
        from wanted as w
        where w.calls <= w.allowed
        order by w.account_id
        on conflict (account_id, month) do update
        set used = u.used + excluded.used, allowed = excluded.allowed
        where u.used + excluded.used <= excluded.allowed
        returning u.account_id, u.used, u.allowed
    )
    select
        (select count(*) from wanted),
        count(*),
        array_agg(row(c.account_id, c.used, c.allowed, w.calls)::quota.charge)
    into v_wanted, v_charged, v_charges
    from charged as c
    inner join wanted as w on w.account_id = c.account_id;
    if v_charged < v_wanted then
        raise exception using errcode = 'LQUND', message = 'not every account has room for its calls';
    end if;
    for v_crossing in select c.* from unnest(v_charges) as c where quota.is_near(c.used, c.allowed) loop
        perform quota.note_crossing(v_crossing.account_id, v_month, v_crossing.used - v_crossing.calls,
            v_crossing.used, v_crossing.allowed);
    end loop;
    return v_charges;
end;
$$;
comment on function quota.charge_all(http.call[]) is
$$Charge a batch: one call more for each metered one, all accounts or none. Gives one element an account.

Raises LQUND, with nothing charged, when an account has no room for all of its calls.$$;

create or replace function quota.lock_usage(p_calls http.call[])
returns quota.charge[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_month date := quota.month();
    v_charges quota.charge[];
begin
    -- Makes what is missing, and locks what is there by writing it as it is.
    with wanted as (
        select c.account_id, coalesce(min(t.calls_per_month), 9223372036854775807) as allowed
        from unnest(p_calls) as c
        inner join quota.tier as t on t.name = c.tier
        where c.is_metered and not c.is_charged and c.refusal is null
        group by c.account_id
    ),
    locked as (
        insert into quota.usage as u (account_id, month, used, allowed)
        select w.account_id, v_month, 0, w.allowed
        from wanted as w
        order by w.account_id
        on conflict (account_id, month) do update set used = u.used
        returning u.account_id, u.used
    )
    select array_agg(row(l.account_id, l.used, w.allowed, 0)::quota.charge)
    into v_charges
    from locked as l
    inner join wanted as w on w.account_id = l.account_id;
    return v_charges;
end;
$$;
comment on function quota.lock_usage(http.call[]) is
$$Lock what the calls of a batch would be charged to, and tell how it stands: one element an account, nothing charged yet.$$;

create or replace function quota.write_usage(p_charges quota.charge[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_month date := quota.month();
    v_crossing record;
begin
    update quota.usage as u
    set used = c.used, allowed = c.allowed
    from unnest(p_charges) as c
    where u.account_id = c.account_id and u.month = v_month and c.calls > 0;
    for v_crossing in
        select c.* from unnest(p_charges) as c where c.calls > 0 and quota.is_near(c.used, c.allowed)
    loop
        perform quota.note_crossing(v_crossing.account_id, v_month, v_crossing.used - v_crossing.calls,
            v_crossing.used, v_crossing.allowed);
    end loop;
end;
$$;
comment on function quota.write_usage(quota.charge[]) is
$$Write what was decided call by call on the rows that quota.lock_usage() locked.$$;

create or replace function quota.note_crossing(
    p_account_id uuid, p_month date, p_before bigint, p_used bigint, p_allowed bigint
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if not quota.is_near(p_before, p_allowed) and quota.is_near(p_used, p_allowed) then
        perform quota.announce(p_account_id, p_month, p_used, p_allowed, 80);
    end if;
    if p_before < p_allowed and p_used >= p_allowed then
        perform quota.announce(p_account_id, p_month, p_used, p_allowed, 100);
    end if;
end;
$$;
comment on function quota.note_crossing(uuid, date, bigint, bigint, bigint) is
$$Announce 80 % and 100 % of the month's calls when a charge from p_before to p_used crossed them.$$;

create or replace function quota.refund(p_account_ids uuid[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_month date := quota.month();
begin
    update quota.usage as u
    set used = greatest(u.used - r.calls, 0)
    from (
        select l.account_id, r.calls
        from (select a.id, count(*) as calls from unnest(p_account_ids) as a (id) group by a.id) as r
        cross join lateral (
            select o.account_id
            from quota.usage as o
            where o.account_id = r.id and o.month = v_month
            -- What this transaction charged it holds. What an earlier one charged may be held by a guard that waits for us.
            for update skip locked
        ) as l
        order by l.account_id
    ) as r
    where u.account_id = r.account_id and u.month = v_month;
end;
$$;
comment on function quota.refund(uuid[]) is
$$Give calls back that ended with a fault of ours (5xx): one for each element. In the transaction that charged them.$$;

create or replace function quota.compact()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return core.compact('quota.usage', 'true');
end;
$$;
comment on function quota.compact() is
$$Rewrite the usage of the month when dead rows have made its table large, which an old snapshot does to it: core.compact(). Gives
the bytes won.$$;
