-- Turnover by hour, day and month is exact: after late entries, folded or not, for any period.
begin;
select plan(22);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-06-15 12:34:56+00');
create temp table t on commit drop as select identity.operator_account() as operator, test.make_account('A') as a;
select ledger.open_account('c' || n, 'USD', case n % 3 when 0 then 'asset' when 1 then 'revenue' else 'fees' end) from generate_series(0, 4) as n;
select count(*) from t, ledger.open_books('USD', a);

select setseed(0.7);
create temp table period on commit drop as
select least(a, b) as from_at, greatest(a, b) as to_at
from (
    select
        '2026-01-01 00:00+00'::timestamptz + random() * interval '190 days' as a, '2026-01-01 00:00+00'::timestamptz + random() * interval '190 days' as b
    from generate_series(1, 60)
) as r;
insert into period
values ('-infinity', 'infinity'), ('2026-02-01', '2026-04-01'), ('2026-02-01 00:00+00', '2026-02-01 00:00+00'),
('2026-02-01 10:00+00', '2026-02-01 11:00+00'), ('2026-02-01 10:10+00', '2026-02-01 10:50+00'), ('2026-02-01 10:10+00', '2026-02-01 11:05+00'),
('2026-02-01 23:10+00', '2026-02-02 00:50+00'), ('2026-01-31 23:00+00', '2026-02-01 01:00+00'), ('2026-01-31 00:00+00', '2026-02-02 00:00+00'),
('-infinity', '2026-03-03 03:03+00'), ('2026-03-03 03:03+00', 'infinity');

-- Plain counts, of entries alone.
create function pg_temp.plain(p_from timestamptz, p_to timestamptz) returns table (code text, i bigint, o bigint, n bigint) language sql as $$
    select
        a.code, coalesce(sum(e.amount_minor) filter (where e.amount_minor > 0), 0)::bigint,
        coalesce(-sum(e.amount_minor) filter (where e.amount_minor < 0), 0)::bigint, count(e.version)
    from ledger.account as a
    left join ledger.entry as e on e.ledger_account_id = a.id and e.event_at >= p_from and e.event_at < p_to
    where a.code ~ '^c[0-4]$'
    group by a.code
$$;
create function pg_temp.turnover(p_from timestamptz, p_to timestamptz) returns table (code text, i bigint, o bigint, n bigint) language sql as $$
    select v.code, v.in_minor, v.out_minor, v.entries from ledger.turnover(p_from, p_to) as v
$$;
create function pg_temp.buckets(p_grain text) returns table (bucket timestamptz, code text, i bigint, o bigint, n bigint) language sql as $$
    select v.bucket, v.code, v.in_minor, v.out_minor, v.entries from ledger.list_buckets(p_grain, '-infinity', 'infinity') as v
$$;
create function pg_temp.plain_buckets(p_grain text) returns table (bucket timestamptz, code text, i bigint, o bigint, n bigint) language sql as $$
    select
        date_trunc(p_grain, e.event_at, 'UTC'), a.code, coalesce(sum(e.amount_minor) filter (where e.amount_minor > 0), 0)::bigint,
        coalesce(-sum(e.amount_minor) filter (where e.amount_minor < 0), 0)::bigint, count(*)
    from ledger.account as a
    inner join ledger.entry as e on e.ledger_account_id = a.id
    where a.code ~ '^c[0-4]$'
    group by 1, 2
$$;
create function pg_temp.differ() returns bigint language sql as $$
    select count(*)
    from (
        select p.from_at, p.to_at, x.*
        from period as p
        cross join lateral (
            (select * from pg_temp.plain(p.from_at, p.to_at) except select * from pg_temp.turnover(p.from_at, p.to_at))
            union all
            (select * from pg_temp.turnover(p.from_at, p.to_at) except select * from pg_temp.plain(p.from_at, p.to_at))
        ) as x
    ) as d
$$;
create function pg_temp.differ_buckets() returns bigint language sql as $$
    select count(*)
    from unnest('{hour,day,month}'::text[]) as g (grain)
    cross join lateral (
        (select * from pg_temp.plain_buckets(g.grain) except select * from pg_temp.buckets(g.grain))
        union all
        (select * from pg_temp.buckets(g.grain) except select * from pg_temp.plain_buckets(g.grain))
    ) as x
$$;

create function pg_temp.act(p_many integer) returns bigint language sql as $$
    select count(v.id)
    from ledger.transfer_many((
        select jsonb_agg(jsonb_build_object(
            'id', core.new_id(), 'from', 'c' || (n % 5), 'to', 'c' || ((n + 1 + n / 5 % 4) % 5), 'currency', 'USD', 'amount_minor', 1 + (random() * 99)::integer,
            'event_at', '2026-01-01 00:00+00'::timestamptz + random() * interval '190 days'
        ))
        from generate_series(1, p_many) as n
    )) as v
$$;
select is(pg_temp.act(300), 300::bigint, 'transfers of half a year');
select is(pg_temp.differ(), 0::bigint, 'before anything is folded every period is exact');
select is(ledger.fold_rollups(2), (select sum(c.version)::bigint from (select a.version from ledger.balance as a order by a.version desc limit 2) as c), 'some accounts are folded, those furthest behind');
select is(pg_temp.differ() + pg_temp.differ_buckets(), 0::bigint, 'half folded it is exact');
select ledger.fold_rollups();
select is(pg_temp.differ() + pg_temp.differ_buckets(), 0::bigint, 'folded it is exact');
select is(ledger.fold_rollups(), 0::bigint, 'nothing is folded twice');
select is(pg_temp.act(200), 200::bigint, 'late entries come into old hours');
select is(pg_temp.differ() + pg_temp.differ_buckets(), 0::bigint, 'at once it is exact');
select is(ledger.fold_rollups(), 400::bigint, 'they are folded alone');
select is(pg_temp.differ() + pg_temp.differ_buckets(), 0::bigint, 'and it is exact');
select is_empty('select * from ledger.reconcile() where not is_good', 'the reconciliation finds nothing');

select is((select count(*) from ledger.turnover(p_categories => '{fees}')), 1::bigint, 'of a category');
select is(
    (select v.net_minor from ledger.turnover(p_ledger_account_id => a.id) as v), a.balance_minor::numeric, 'without bounds the net is the balance'
) from ledger.find_account('c3', 'USD') as a;
select is((select count(*) from ledger.turnover(p_account_id => a)), 9::bigint, 'of other books') from t;
select throws_ok($$select * from ledger.turnover('2026-02-01', '2026-01-01')$$, 'LQ422', 'the period must end after it begins', 'a period that ends before it begins');
select throws_ok($$select * from ledger.list_buckets('week', '2026-02-01', '2026-03-01')$$, 'LQ422', 'unknown grain', 'another grain');
select set_config('timezone', 'Asia/Kolkata', true);
select is(pg_temp.differ() + pg_temp.differ_buckets(), 0::bigint, 'in a session of another time zone too');

-- More goes through than a balance can be, and one set of books does not stop the others.
select set_config('timezone', 'UTC', true);
select count(*) from ledger.open_books('USD');
create function pg_temp.to_and_fro() returns bigint language sql as $$
    select count(v.id)
    from ledger.transfer_many((
        select jsonb_agg(jsonb_build_object(
            'id', core.new_id(), 'from', case n % 2 when 0 then 'revenue' else 'cash' end,
            'to', case n % 2 when 0 then 'cash' else 'revenue' end, 'currency', 'USD', 'amount_minor', 1000000000000000,
            'event_at', '2026-06-01 00:00+00'
        ))
        from generate_series(1, 9500) as n
    )) as v
$$;
select is(pg_temp.to_and_fro() + pg_temp.to_and_fro(), 19000::bigint, 'much money goes to and fro');
select ledger.fold_rollups();
select is(
    (select (v.in_minor, v.out_minor, v.net_minor)::text from ledger.turnover('2026-06-01', '2026-06-02', p_ledger_account_id => a.id) as v),
    '(9500000000000000000,9500000000000000000,0)', 'and its turnover is exact'
) from ledger.find_account('cash', 'USD') as a;
select ledger.transfer('revenue', 'cash', 1, 'USD'), ledger.transfer('revenue', 'cash', 1, 'USD', p_account_id => a) from t;
select format('alter table ledger.rollup add constraint broken_check check (account_id <> %L) not valid', operator) from t \gexec
select is(ledger.fold_rollups(), 2::bigint, 'where a set of books fails the others are folded');
select is(
    (select a.level || ' ' || (a.facts ->> 'account') from alerts.alert as a where a.fingerprint like 'ledger/entries are not folded/%'),
    'error ' || core.show_id('acct', operator), 'and somebody is told which'
) from t;
alter table ledger.rollup drop constraint broken_check;
select is(ledger.fold_rollups(), 2::bigint, 'once it can be, it is folded too');

select * from finish();
rollback;
