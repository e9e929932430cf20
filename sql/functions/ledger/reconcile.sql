-- Reconciliation: everything counted anew, and compared with what is kept.
--
-- Locks nothing. Each statement compares within one snapshot, so work that goes on does no harm. Reads all entries: seconds
-- for millions.

create or replace function ledger.check_money(p_account_id uuid default null)
returns table (check_name text, scope text, expected numeric, actual numeric, checked bigint)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with entry as materialized (
        select
            e.account_id, e.ledger_account_id, e.version, e.transfer_id, e.amount_minor, e.current_minor,
            e.previous_minor is distinct from lag(e.current_minor, 1, 0::bigint) over w as is_break
        from ledger.entry as e
        where p_account_id is null or e.account_id = p_account_id
        window w as (partition by e.account_id, e.ledger_account_id order by e.version)
    ),
    sum_of as materialized (
        select
            e.account_id, e.ledger_account_id, sum(e.amount_minor) as balance, count(*) as entries, max(e.version) as version,
            count(*) filter (where e.is_break) as breaks
        from entry as e
        group by e.account_id, e.ledger_account_id
    ),
    account as materialized (
        select
            a.account_id, a.id, a.code, a.currency, a.balance_minor, a.version, a.held_out_minor, a.held_in_minor,
            not a.may_be_negative and a.balance_minor - a.held_out_minor < 0
            or not a.may_be_positive and a.balance_minor + a.held_in_minor > 0 as is_beyond,
            coalesce(s.balance, 0) as counted_balance, coalesce(s.entries, 0) as counted_entries,
            coalesce(s.version, 0) as counted_version, coalesce(s.breaks, 0) as breaks
        from ledger.balance as a
        left join sum_of as s on s.account_id = a.account_id and s.ledger_account_id = a.id
        where p_account_id is null or a.account_id = p_account_id
    )
    select 'entries sum to zero', a.currency, 0::numeric, sum(a.counted_balance), sum(a.counted_entries)::bigint
    from account as a
    group by a.currency
    union all
    select 'entries belong to an account', 'all', 0, count(*), count(*)
    from sum_of as s
    where not exists (select from account as a where a.account_id = s.account_id and a.id = s.ledger_account_id)
    union all
    select 'balances are the sums of their entries', a.currency, sum(a.counted_balance), sum(a.balance_minor), count(*)
    from account as a
    group by a.currency
    union all
    select
        'accounts with another balance than their entries', 'all', 0,
        count(*) filter (where a.balance_minor <> a.counted_balance), count(*)
    from account as a
    union all
    select
        'entries are numbered and linked without a gap', 'all', 0,
        count(*) filter (where a.version <> a.counted_entries or a.version <> a.counted_version or a.breaks > 0), count(*)
    from account as a
    union all
    select 'accounts keep within their limits', 'all', 0, count(*) filter (where a.is_beyond), count(*)
    from account as a
    union all
    select
        'transfers that moved money have both entries', 'all', 0,
        count(*) filter (
            where o.id is null or t.transfer_id is null or t.entries <> 2 or t.sum <> 0 or t.moved <> 2 * o.amount_minor
        ), count(*)
    from (
        select
            e.account_id, e.transfer_id, count(*) as entries, sum(e.amount_minor) as sum, sum(abs(e.amount_minor)) as moved
        from entry as e
        group by e.account_id, e.transfer_id
    ) as t
    full join (
        select x.account_id, x.id, x.amount_minor
        from ledger.transfer as x
        where x.kind in ('transfer', 'post') and (p_account_id is null or x.account_id = p_account_id)
    ) as o on o.account_id = t.account_id and o.id = t.transfer_id
    union all
    select
        'held amounts are the sums of open holds', 'all', 0,
        count(*) filter (where a.held_out_minor <> coalesce(o.minor, 0) or a.held_in_minor <> coalesce(i.minor, 0)), count(*)
    from account as a
    left join (
        select h.account_id, h.from_id, sum(h.amount_minor) as minor
        from ledger.hold as h
        where h.state = 'open'
        group by h.account_id, h.from_id
    ) as o on o.account_id = a.account_id and o.from_id = a.id
    left join (
        select h.account_id, h.to_id, sum(h.amount_minor) as minor
        from ledger.hold as h
        where h.state = 'open'
        group by h.account_id, h.to_id
    ) as i on i.account_id = a.account_id and i.to_id = a.id
    union all
    select
        'holds ended as their transfers say', 'all', 0,
        count(*) filter (where case
            when h.transfer_id is null or t.id is null then true
            when h.state = 'open' then e.id is not null
            else e.id is distinct from h.ended_by
                or h.state <> case e.kind when 'post' then 'posted' when 'void' then 'voided' else 'expired' end
                or e.kind = 'post' and h.posted_minor <> e.amount_minor
        end), count(*)
    from (
        select x.account_id, x.id
        from ledger.transfer as x
        where x.kind = 'hold' and (p_account_id is null or x.account_id = p_account_id)
    ) as t
    full join (
        select o.* from ledger.hold as o where p_account_id is null or o.account_id = p_account_id
    ) as h on h.account_id = t.account_id and h.transfer_id = t.id
    left join ledger.transfer as e on e.account_id = t.account_id and e.hold_id = t.id
    union all
    select
        'exchanges are pairs of transfers', 'all', 0,
        count(*) filter (
            where (s.amount_minor, s.currency, b.amount_minor, b.currency, s.link_id, b.link_id)
                is distinct from (x.sell_minor, x.sell_currency, x.buy_minor, x.buy_currency, x.id, x.id)
        ), count(*)
    from ledger.exchange as x
    left join ledger.transfer as s on s.account_id = x.account_id and s.id = x.sell_transfer_id
    left join ledger.transfer as b on b.account_id = x.account_id and b.id = x.buy_transfer_id
    where p_account_id is null or x.account_id = p_account_id
    union all
    select
        'rollups by ' || g.grain || ' are the sums of what was folded', 'all', 0,
        count(*) filter (where (f.net, f.entries) is distinct from (r.net, r.entries)), count(*)
    from (values ('hour'), ('day'), ('month')) as g (grain)
    cross join (
        select s.account_id, s.ledger_account_id, sum(e.amount_minor) as net, count(*) as entries
        from ledger.rollup_state as s
        inner join entry as e
            on e.account_id = s.account_id and e.ledger_account_id = s.ledger_account_id and e.version <= s.folded_version
        group by s.account_id, s.ledger_account_id
    ) as f
    left join (
        select
            o.account_id, o.ledger_account_id, o.grain, sum(o.in_minor - o.out_minor) as net, sum(o.entries)::bigint as entries
        from ledger.rollup as o
        group by o.account_id, o.ledger_account_id, o.grain
    ) as r on r.account_id = f.account_id and r.ledger_account_id = f.ledger_account_id and r.grain = g.grain
    group by g.grain
$$;
comment on function ledger.check_money(uuid) is
$$Count the ledger anew: every entry, transfer, hold, exchange and rollup. One row a check; expected and actual are equal where all is well.

p_account_id: only these books; null for all that the caller may see. checked: how many rows were looked at.$$;

create or replace function ledger.check_jobs()
returns table (check_name text, scope text, expected numeric, actual numeric, checked bigint)
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with place as materialized (
        select w.account_id, w.job_id, 'waiting' as place from jobs.waiting as w
        union all
        select r.account_id, r.job_id, 'running' from jobs.running as r
        union all
        select o.account_id, o.job_id, 'ended' from jobs.outcome as o
    )
    select
        'jobs are waiting, running or ended: one of these', 'all', 0::numeric,
        count(*) filter (where s.id is null or p.places is distinct from 1)::numeric, count(*)
    from jobs.submission as s
    full join (
        select l.account_id, l.job_id, count(*) as places from place as l group by l.account_id, l.job_id
    ) as p on p.account_id = s.account_id and p.job_id = s.id
    union all
    select
        'tallies of the queue are its counts', k.place, count(p.job_id)::numeric,
        (
            select coalesce(sum(case k.place when 'waiting' then t.waiting else t.running end), 0)
            from (
                select y.waiting, y.running from jobs.tally as y
                union all
                select c.waiting, c.running from jobs.tally_change as c
            ) as t
        ), count(p.job_id)
    from (values ('waiting'), ('running')) as k (place)
    left join place as p on p.place = k.place
    group by k.place
$$;
comment on function ledger.check_jobs() is
$$Count the jobs anew. Volatile, as all that reads the queue's hot tables. For roles that may read these.$$;

create or replace function ledger.check_usage()
returns table (check_name text, scope text, expected numeric, actual numeric, checked bigint)
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    -- Jobs came by metered calls, except for those handed in from psql. Calls in one statement have one time, so the times
    -- at which an account's keys handed in jobs are no more than its calls.
    select
        'calls that handed in jobs are counted as used', 'accounts and months', 0::numeric,
        count(*) filter (where coalesce(u.used, 0) < c.calls)::numeric, count(*)
    from (
        select s.account_id, quota.month(s.created_at) as month, count(distinct s.created_at) as calls
        from jobs.submission as s
        where s.submitted_by like 'key\_%'
        group by s.account_id, quota.month(s.created_at)
    ) as c
    left join (
        select o.account_id, o.month, sum(o.used) as used
        from (
            select n.account_id, n.month, n.used from quota.usage as n
            union all
            select h.account_id, h.month, h.used from quota.usage_history as h
        ) as o
        group by o.account_id, o.month
    ) as u on u.account_id = c.account_id and u.month = c.month
    -- History shorter than the jobs' would say too little.
    where u.month is not null or c.month >= quota.month()
$$;
comment on function ledger.check_usage() is
$$Compare the jobs that are kept with the calls of the month that they were charged to. For roles that may read the hot tables.$$;

create or replace function ledger.check_costs()
returns table (check_name text, scope text, expected numeric, actual numeric, checked bigint)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        'job costs of days that are over are posted', 'USD', coalesce(sum(d.minor), 0), coalesce(sum(t.amount_minor), 0), count(*)
    from (
        select s.account_id, s.day, round(s.reserved_usd * 100) as minor
        from quota.spending as s
        -- The last day may not be posted yet.
        where s.day < ledger.last_spending_day()
    ) as d
    left join ledger.transfer as t
        on t.account_id = ledger.books_of(null) and t.id = ledger.spending_transfer_id(d.account_id, d.day)
    where d.minor > 0
        and exists (select from core.setting as o where o.name = 'ledger.posts_job_costs' and o.value = 'true')
    union all
    select
        'accounts and days with other costs than posted', 'USD', 0, count(*) filter (where d.minor <> t.amount_minor), count(*)
    from (
        select s.account_id, s.day, round(s.reserved_usd * 100) as minor from quota.spending as s
    ) as d
    inner join ledger.transfer as t
        on t.account_id = ledger.books_of(null) and t.id = ledger.spending_transfer_id(d.account_id, d.day)
$$;
comment on function ledger.check_costs() is
$$Compare the estimated costs of jobs (quota.spending) with what was posted of them. The day before today is left out: it may
not be posted yet.$$;

create or replace function ledger.reconcile(p_account_id uuid default null)
returns table (
    check_name text, scope text, expected numeric, actual numeric, difference numeric, is_good boolean, checked bigint
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select c.check_name, c.scope, c.expected, c.actual, c.actual - c.expected, c.actual = c.expected, c.checked
    from ledger.check_money(p_account_id) as c
    order by c.check_name, c.scope;
    if p_account_id is not null then
        return;
    end if;
    return query
    select c.check_name, c.scope, c.expected, c.actual, c.actual - c.expected, c.actual = c.expected, c.checked
    from ledger.check_costs() as c
    order by c.check_name, c.scope;
    -- Roles of reports do not read the hot tables: they see these two in ledger.reconciliation.
    if has_table_privilege('jobs.waiting', 'select') then
        return query
        select c.check_name, c.scope, c.expected, c.actual, c.actual - c.expected, c.actual = c.expected, c.checked
        from ledger.check_jobs() as c
        order by c.check_name, c.scope;
    end if;
    if has_table_privilege('quota.usage', 'select') then
        return query
        select c.check_name, c.scope, c.expected, c.actual, c.actual - c.expected, c.actual = c.expected, c.checked
        from ledger.check_usage() as c
        order by c.check_name, c.scope;
    end if;
end;
$$;
comment on function ledger.reconcile(uuid) is
$$Count money, jobs and usage anew and compare with what is kept: select * from ledger.reconcile() where not is_good.

p_account_id: only the money of these books; null for all books, jobs and usage. One row a check and scope; is_good is true where
expected and actual are equal; checked is the number of rows it looked at. levqor_dba sees the checks of jobs and usage as of the last
run of the clock, in ledger.reconciliation.$$;
grant execute on function
ledger.reconcile(uuid),
ledger.check_money(uuid),
ledger.check_costs()
to levqor_dba;

create or replace function ledger.show_findings()
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_findings jsonb;
    v_is_good boolean;
begin
    -- A look at a hot table that waits for its rewriting (core.compact) finds it empty: such a look is repeated.
    for i in 1 .. 3 loop
        select
            coalesce(jsonb_agg(jsonb_build_object(
                'check', r.check_name, 'scope', r.scope, 'expected', r.expected, 'actual', r.actual,
                'difference', r.difference, 'is_good', r.is_good, 'checked', r.checked
            )), '[]'),
            bool_and(r.is_good)
        into v_findings, v_is_good
        from ledger.reconcile() as r;
        exit when v_is_good;
    end loop;
    return v_findings;
end;
$$;
comment on function ledger.show_findings() is
$$The findings of ledger.reconcile() as JSON.$$;

create or replace function ledger.record_reconciliation()
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_findings jsonb := ledger.show_findings();
    v_bad jsonb := jsonb_path_query_array(v_findings, '$[*] ? (@.is_good == false)');
begin
    insert into ledger.reconciliation (at, is_good, findings)
    values (core.now(), v_bad = '[]', v_findings)
    on conflict (at) do update set is_good = excluded.is_good, findings = excluded.findings;
    delete from ledger.reconciliation as r
    where r.at < core.now() - make_interval(days => core.integer_setting('ledger.keep_reconciliations_days')::integer);
    if v_bad <> '[]' then
        perform alerts.raise(
            'critical', 'ledger', 'The books do not reconcile', jsonb_build_object('findings', v_bad),
            p_fingerprint => 'ledger/reconciliation'
        );
    else
        perform alerts.resolve('ledger/reconciliation');
    end if;
    return jsonb_build_object('is_good', v_bad = '[]', 'checks', jsonb_array_length(v_findings), 'differences', v_bad);
end;
$$;
comment on function ledger.record_reconciliation() is
$$Reconcile, keep the findings in ledger.reconciliation, and raise a critical alert while something differs. A task of the clock.$$;

create or replace function api.show_reconciliation()
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_findings jsonb;
begin
    if not core.sees_all() then
        raise exception using
            errcode = 'LQ422',
            message = 'the whole deployment is reconciled, not one account',
            hint = 'Leave the header Levqor-Account out.';
    end if;
    v_findings := ledger.show_findings();
    return http.json(
        200,
        jsonb_build_object(
            'at', core.now(),
            'is_good', not v_findings @> '[{"is_good": false}]',
            'checks', v_findings,
            'last_recorded', (
                select jsonb_build_object('at', r.at, 'is_good', r.is_good)
                from ledger.reconciliation as r
                order by r.at desc
                limit 1
            )
        ),
        jsonb_build_object('Cache-Control', 'no-store')
    );
end;
$$;
comment on function api.show_reconciliation() is
$$See whether the books reconcile

Counts money, jobs and usage anew, at this moment, and compares with what is kept: each check with what was expected, what is there, and
the difference, 0 where all is well. Takes seconds on large books. last_recorded: what the clock found last.$$;

select http.register_route('GET', '/api/admin/reconciliation', 'api.show_reconciliation', p_domain => 'ledger',
    p_scopes => '{platform}', p_limit_class => 'manage', p_lane => 'alone', p_timeout_ms => 60000,
    p_responses => '{"200": {"description": "What was found", "schema": {"type": "object", "additionalProperties": false,
        "required": ["at", "is_good", "checks", "last_recorded"], "properties": {
            "at": {"type": "string", "format": "date-time"},
            "is_good": {"type": "boolean", "description": "whether nothing differs"},
            "checks": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["check", "scope", "expected", "actual", "difference", "is_good", "checked"], "properties": {
                    "check": {"type": "string"},
                    "scope": {"type": "string", "description": "a currency, or what it is about"},
                    "expected": {"type": "number"}, "actual": {"type": "number"}, "difference": {"type": "number"},
                    "is_good": {"type": "boolean"},
                    "checked": {"type": "integer", "description": "how many rows were looked at"}}}},
            "last_recorded": {"type": ["object", "null"], "additionalProperties": false, "required": ["at", "is_good"],
                "properties": {"at": {"type": "string", "format": "date-time"}, "is_good": {"type": "boolean"}}}}}}}');
