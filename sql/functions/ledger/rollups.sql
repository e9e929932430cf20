-- Turnover by hour, day and month, exact at any moment.
--
-- An account's entries are numbered without a gap, and are made under its lock: those up to ledger.rollup_state.folded_version
-- are in ledger.rollup, those after it are not, whatever their event_at. So an entry that comes late goes into its old
-- bucket with the next folding, and a reading adds what is not folded. Nothing is ever counted twice or left out.
--
-- Locks: rows of ledger.rollup_state in order, skipped where another folding has them. No transfer waits.

create or replace function ledger.fold_accounts(p_account_ids uuid[], p_ledger_account_ids uuid[])
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_states ledger.rollup_state[];
    v_folded bigint;
begin
    insert into ledger.rollup_state (account_id, ledger_account_id, folded_at)
    select w.account_id, w.id, core.now()
    from unnest(p_account_ids, p_ledger_account_ids) as w (account_id, id)
    order by w.account_id, w.id
    on conflict (account_id, ledger_account_id) do nothing;
    select array_agg(l.state) into v_states
    from (
        select s as state
        from ledger.rollup_state as s
        inner join unnest(p_account_ids, p_ledger_account_ids) as w (account_id, id)
            on w.account_id = s.account_id and w.id = s.ledger_account_id
        order by s.account_id, s.ledger_account_id
        for update of s skip locked
    ) as l;

    -- A new statement, with a newer look than the locks: it sees all that was folded before.
    with entry as materialized (
        select e.account_id, e.ledger_account_id, e.version, e.amount_minor, e.event_at
        from unnest(v_states) as s
        cross join lateral (
            select n.*
            from ledger.entry as n
            where n.account_id = s.account_id and n.ledger_account_id = s.ledger_account_id and n.version > s.folded_version
        ) as e
    ),
    written as (
        insert into ledger.rollup as r (account_id, ledger_account_id, grain, bucket, in_minor, out_minor, entries)
        select
            e.account_id, e.ledger_account_id, g.grain, date_trunc(g.grain, e.event_at, 'UTC') as bucket,
            coalesce(sum(e.amount_minor) filter (where e.amount_minor > 0), 0),
            coalesce(-sum(e.amount_minor) filter (where e.amount_minor < 0), 0), count(*)
        from entry as e
        cross join (values ('hour'), ('day'), ('month')) as g (grain)
        group by e.account_id, e.ledger_account_id, g.grain, bucket
        order by e.account_id, e.ledger_account_id, g.grain, bucket
        on conflict (account_id, ledger_account_id, grain, bucket) do update
        set
            in_minor = r.in_minor + excluded.in_minor,
            out_minor = r.out_minor + excluded.out_minor,
            entries = r.entries + excluded.entries
    ),
    moved as (
        update ledger.rollup_state as s
        set folded_version = m.version, folded_at = core.now()
        from (
            select e.account_id, e.ledger_account_id, max(e.version) as version
            from entry as e
            group by e.account_id, e.ledger_account_id
        ) as m
        where s.account_id = m.account_id and s.ledger_account_id = m.ledger_account_id
    )
    select count(*) into v_folded from entry;
    return v_folded;
end;
$$;
comment on function ledger.fold_accounts(uuid[], uuid[]) is
$$Fold what the named accounts (pairs of books and ledger account) have not folded yet. Gives the number of entries.$$;

create or replace function ledger.fold_rollups(
    p_limit integer default 2000, p_since timestamptz default core.now() - interval '15 minutes'
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books record;
    v_failed uuid[] := '{}';
    v_failures integer;
    v_accounts bigint := 0;
    v_folded bigint := 0;
begin
    loop
        v_failures := cardinality(v_failed);
        for v_books in
            select b.account_id, array_agg(b.account_id) as books, array_agg(b.id) as accounts
            from (
                select a.account_id, a.id
                from (
                    select e.account_id, e.ledger_account_id as id, max(e.version) as version
                    from ledger.entry as e
                    where p_since is not null and e.created_at >= p_since
                    group by e.account_id, e.ledger_account_id
                    union all
                    select o.account_id, o.id, o.version from ledger.balance as o where p_since is null
                ) as a
                left join ledger.rollup_state as s on s.account_id = a.account_id and s.ledger_account_id = a.id
                where a.version > coalesce(s.folded_version, 0) and a.account_id <> all (v_failed)
                order by a.version - coalesce(s.folded_version, 0) desc, a.id
                limit p_limit - v_accounts
            ) as b
            group by b.account_id
            order by b.account_id
        loop
            begin
                v_folded := v_folded + ledger.fold_accounts(v_books.books, v_books.accounts);
                v_accounts := v_accounts + cardinality(v_books.accounts);
            exception
                when others then
                    v_failed := v_failed || v_books.account_id;
                    perform ledger.tell_failed('entries are not folded', v_books.account_id, sqlstate, sqlerrm);
            end;
        end loop;
        -- The next look takes what the failed ones kept from the list.
        exit when cardinality(v_failed) = v_failures;
    end loop;
    return v_folded;
end;
$$;
comment on function ledger.fold_rollups(integer, timestamptz) is
$$Fold the entries that are not in ledger.rollup yet, of up to p_limit accounts, those that are furthest behind first. A task of the
clock. Books in which it fails are left as they are, with an alert. Gives the number of entries.

p_since: only accounts with entries written since; null: looks at all accounts.$$;

create or replace function ledger.next_bucket(p_grain text, p_at timestamptz)
returns timestamptz
language sql
immutable
parallel safe
security invoker
as $$
    select case
        when pg_catalog.date_trunc(p_grain, p_at, 'UTC') = p_at then p_at
        else (pg_catalog.date_trunc(p_grain, p_at at time zone 'UTC') + ('1 ' || p_grain)::interval) at time zone 'UTC'
    end
$$;
comment on function ledger.next_bucket(text, timestamptz) is
$$The first begin of an hour, day or month (UTC) that is not before a moment.$$;

create or replace function ledger.turnover(
    p_from timestamptz default '-infinity',
    p_to timestamptz default 'infinity',
    p_categories text[] default null,
    p_ledger_account_id uuid default null,
    p_account_id uuid default null
)
returns table (
    ledger_account_id uuid, code text, currency text, category text, in_minor numeric, out_minor numeric, net_minor numeric,
    entries bigint
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := ledger.books_of(p_account_id);
    v_from_hour timestamptz := ledger.next_bucket('hour', p_from);
    v_to_hour timestamptz := date_trunc('hour', p_to, 'UTC');
    v_from_day timestamptz := ledger.next_bucket('day', p_from);
    v_to_day timestamptz := date_trunc('day', p_to, 'UTC');
    v_from_month timestamptz := ledger.next_bucket('month', p_from);
    v_to_month timestamptz := date_trunc('month', p_to, 'UTC');
begin
    if p_from is null or p_to is null or p_from > p_to then
        raise exception using
            errcode = 'LQ422',
            message = 'the period must end after it begins',
            hint = 'p_from is inclusive, p_to is not; -infinity and infinity are allowed.';
    end if;
    -- The largest buckets that fit, smaller ones at both ends, and single entries in what is less than an hour.
    if v_from_month > v_to_month then
        v_from_month := v_from_day;
        v_to_month := v_from_day;
    end if;
    if v_from_day > v_to_day then
        v_from_day := v_from_hour;
        v_to_day := v_from_hour;
        v_from_month := v_from_hour;
        v_to_month := v_from_hour;
    end if;
    if v_from_hour > v_to_hour then
        v_from_hour := p_to;
        v_to_hour := p_to;
        v_from_day := p_to;
        v_to_day := p_to;
        v_from_month := p_to;
        v_to_month := p_to;
    end if;
    return query
    with edge as materialized (
        -- Folded, in an hour that the period cuts.
        select
            e.ledger_account_id as id, coalesce(sum(e.amount_minor) filter (where e.amount_minor > 0), 0) as in_minor,
            coalesce(-sum(e.amount_minor) filter (where e.amount_minor < 0), 0) as out_minor, count(*) as entries
        from ledger.entry as e
        inner join ledger.rollup_state as s
            on s.account_id = e.account_id and s.ledger_account_id = e.ledger_account_id and e.version <= s.folded_version
        where e.account_id = v_books
            and (e.event_at >= p_from and e.event_at < v_from_hour or e.event_at >= v_to_hour and e.event_at < p_to)
        group by e.ledger_account_id
    )
    select
        a.id, a.code, a.currency, a.category, m.in_minor + coalesce(d.in_minor, 0), m.out_minor + coalesce(d.out_minor, 0),
        m.in_minor - m.out_minor + coalesce(d.in_minor - d.out_minor, 0),
        (m.entries + coalesce(d.entries, 0))::bigint
    from ledger.account as a
    left join ledger.rollup_state as s on s.account_id = a.account_id and s.ledger_account_id = a.id
    left join edge as d on d.id = a.id
    cross join lateral (
        select
            coalesce(sum(u.in_minor), 0) as in_minor, coalesce(sum(u.out_minor), 0) as out_minor,
            coalesce(sum(u.entries), 0) as entries
        from (
            select r.in_minor, r.out_minor, r.entries
            from ledger.rollup as r
            where r.account_id = a.account_id and r.ledger_account_id = a.id and r.grain = 'month'
                and r.bucket >= v_from_month and r.bucket < v_to_month
            union all
            select r.in_minor, r.out_minor, r.entries
            from ledger.rollup as r
            where r.account_id = a.account_id and r.ledger_account_id = a.id and r.grain = 'day'
                and (r.bucket >= v_from_day and r.bucket < v_from_month or r.bucket >= v_to_month and r.bucket < v_to_day)
            union all
            select r.in_minor, r.out_minor, r.entries
            from ledger.rollup as r
            where r.account_id = a.account_id and r.ledger_account_id = a.id and r.grain = 'hour'
                and (r.bucket >= v_from_hour and r.bucket < v_from_day or r.bucket >= v_to_day and r.bucket < v_to_hour)
            union all
            -- Not folded yet.
            select greatest(e.amount_minor, 0), greatest(-e.amount_minor, 0), 1
            from ledger.entry as e
            where e.account_id = a.account_id and e.ledger_account_id = a.id
                and e.version > coalesce(s.folded_version, 0) and e.event_at >= p_from and e.event_at < p_to
        ) as u
    ) as m
    where a.account_id = v_books
        and (p_categories is null or a.category = any (p_categories))
        and (p_ledger_account_id is null or a.id = p_ledger_account_id)
    order by a.code, a.currency;
end;
$$;
comment on function ledger.turnover(timestamptz, timestamptz, text[], uuid, uuid) is
$$What came into each account and went out of it, by event_at, exactly: select * from ledger.turnover('2026-11-01', '2026-12-01').

p_from inclusive, p_to exclusive; without bounds net_minor is the balance. p_categories: only accounts of these; p_ledger_account_id:
only this one. p_account_id: whose books, null for the operator's. Amounts in minor units of the account's currency. Read from months,
days and hours (UTC), with single entries for parts of an hour and for what is not folded yet. Raises LQ422 for a period that ends
before it begins.$$;

create or replace function ledger.list_buckets(
    p_grain text,
    p_from timestamptz,
    p_to timestamptz,
    p_categories text[] default null,
    p_ledger_account_id uuid default null,
    p_account_id uuid default null
)
returns table (
    bucket timestamptz, ledger_account_id uuid, code text, currency text, category text, in_minor numeric, out_minor numeric,
    net_minor numeric, entries bigint
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := ledger.books_of(p_account_id);
begin
    if p_grain is null or p_grain not in ('hour', 'day', 'month') then
        raise exception using errcode = 'LQ422', message = 'unknown grain', hint = 'Use hour, day or month.';
    end if;
    return query
    select
        m.bucket, a.id, a.code, a.currency, a.category, sum(m.in_minor), sum(m.out_minor), sum(m.in_minor - m.out_minor),
        sum(m.entries)::bigint
    from ledger.account as a
    left join ledger.rollup_state as s on s.account_id = a.account_id and s.ledger_account_id = a.id
    cross join lateral (
        select r.bucket, r.in_minor, r.out_minor, r.entries
        from ledger.rollup as r
        where r.account_id = a.account_id and r.ledger_account_id = a.id and r.grain = p_grain
            and r.bucket >= p_from and r.bucket < p_to
        union all
        select
            date_trunc(p_grain, e.event_at, 'UTC'), greatest(e.amount_minor, 0), greatest(-e.amount_minor, 0), 1
        from ledger.entry as e
        where e.account_id = a.account_id and e.ledger_account_id = a.id and e.version > coalesce(s.folded_version, 0)
            and date_trunc(p_grain, e.event_at, 'UTC') >= p_from and date_trunc(p_grain, e.event_at, 'UTC') < p_to
    ) as m
    where a.account_id = v_books
        and (p_categories is null or a.category = any (p_categories))
        and (p_ledger_account_id is null or a.id = p_ledger_account_id)
    group by m.bucket, a.id, a.code, a.currency, a.category
    order by m.bucket, a.code, a.currency;
end;
$$;
comment on function ledger.list_buckets(text, timestamptz, timestamptz, text[], uuid, uuid) is
$$Turnover by hour, day or month (UTC) of event_at, exactly, buckets without an entry left out:
select * from ledger.list_buckets('day', '2026-11-01', '2026-12-01', '{revenue}').

Buckets that begin at or after p_from and before p_to. The others as ledger.turnover(). Raises LQ422 for another grain.$$;

grant execute on function
ledger.next_bucket(text, timestamptz), ledger.turnover(timestamptz, timestamptz, text[], uuid, uuid),
ledger.list_buckets(text, timestamptz, timestamptz, text[], uuid, uuid) to levqor_dba;
