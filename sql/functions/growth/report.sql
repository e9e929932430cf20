-- What each source brought: visits, sign-ups, revenue from the ledger, cost from growth.spend.

create or replace function growth.next_link(p_path text, p_next text, p_query jsonb)
returns jsonb
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_next is null then
        return null;
    end if;
    return jsonb_build_object('Link', (
        select '<' || p_path || '?' || string_agg(
            q.key || '=' || (
                select string_agg(
                    -- RFC 3986: all but its unreserved characters is written as bytes.
                    case when c.letter ~ '^[A-Za-z0-9_.~-]$' then c.letter
                        else regexp_replace(upper(encode(convert_to(c.letter, 'UTF8'), 'hex')), '(..)', '%\1', 'g') end,
                    '' order by c.n
                )
                from regexp_split_to_table(q.value, '') with ordinality as c (letter, n)
            ), '&' order by q.key = 'after', q.key
        ) || '>; rel="next"'
        from jsonb_each_text(p_query || jsonb_build_object('after', p_next)) as q
        where q.value <> ''
    ));
end;
$$;
comment on function growth.next_link(text, text, jsonb) is
$$The header Link to the next page, as an object of headers; null when there is none.

p_next: the value of after for it, null on the last page. p_query: the other parameters of the question; those that are null or empty
are left out.$$;

create or replace function growth.first_touches(p_account_id uuid, p_person_ids bigint[])
returns table (person_id bigint, source text, campaign text, medium text, touched_at timestamptz)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
begin
    return query
    select p.person_id, t.source, coalesce(t.campaign, ''), coalesce(t.medium, ''), t.touched_at
    from unnest(p_person_ids) as w (person_id)
    inner join growth.person as p on p.account_id = p_account_id and p.person_id = w.person_id
    cross join lateral (
        select o.source, o.campaign, o.medium, o.touched_at
        from (
            (
                -- At a known time of a known person: one row of one partition is read.
                select e.source, e.campaign, e.medium, e.event_at as touched_at, 2 as rank, e.seq::text as tie
                from growth.event as e
                where e.account_id = p_account_id and e.person_id = p.person_id and e.event_at = p.first_event_at
                order by e.seq
                limit 1
            )
            union all
            (
                select r.source, r.campaign, r.medium, r.first_at, 1, r.id::text
                from growth.referral as r
                where r.account_id = p_account_id and r.user_id = p.user_id
                order by r.first_at, r.id
                limit 1
            )
        ) as o
        order by o.touched_at, o.rank
        limit 1
    ) as t;
end;
$$;
comment on function growth.first_touches(uuid, bigint[]) is
$$Where persons came from first: source, campaign and medium of their earliest event over all history, or of the earliest referral of
their user when that came no later.

p_person_ids: each once. A person whose first event was in a month that is gone, and who has no referral before it, has no row.$$;

create or replace function growth.source_revenue(
    p_account_id uuid, p_from_at timestamptz, p_to_at timestamptz, p_currency text
)
returns table (source text, revenue_minor bigint, payers bigint)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
    v_person_ids bigint[];
    v_sums bigint[];
begin
    select array_agg(m.person_id), array_agg(m.sum)
    into v_person_ids, v_sums
    from (
        select w.person_id, -sum(e.amount_minor)::bigint as sum
        from ledger.account as a
        inner join ledger.entry as e on e.account_id = a.account_id and e.ledger_account_id = a.id
        left join ledger.transfer_person as t on t.account_id = e.account_id and t.transfer_id = e.transfer_id
        -- A user may be several persons while nobody has told that they are one: the oldest stands for all.
        left join lateral (
            select coalesce(
                (
                    select p.person_id
                    from growth.person as p
                    where p.account_id = p_account_id and p.person_id = t.person_id
                ), (
                    select p.person_id
                    from growth.person as p
                    where p.account_id = p_account_id and p.user_id = t.user_id
                    order by p.first_event_at, p.person_id
                    limit 1
                )
            ) as person_id
        ) as w on true
        where a.account_id = p_account_id and a.category = 'revenue' and a.currency = p_currency
            and e.event_at >= p_from_at and e.event_at < p_to_at
        group by w.person_id
    ) as m;
    return query
    select f.source, sum(m.sum)::bigint, count(m.person_id) filter (where m.sum > 0)
    from unnest(v_person_ids, v_sums) as m (person_id, sum)
    left join growth.first_touches(p_account_id, array_remove(v_person_ids, null)) as f on f.person_id = m.person_id
    group by f.source;
end;
$$;
comment on function growth.source_revenue(uuid, timestamptz, timestamptz, text) is
$$Revenue of an account by the source that its payers came from first. All rows together are the revenue of ledger.profitability() for
the same time and currency.

Counted: −Σ of the entries, with event_at from p_from_at to before p_to_at, on the account's ledger accounts of the category revenue in
p_currency; so a refund or reversal takes away from the source it once counted for. A transfer is of the person that
ledger.transfer_person names: its person_id, or else the oldest person of its user_id. That person's source is its first touch
(growth.first_touches()), however long ago. source null: transfers of nobody, of persons that were erased, and of persons whose first
touch is not known. payers: persons whose sum is above zero.$$;

create or replace function growth.source_report(
    p_account_id uuid,
    p_from date default null,
    p_to date default null,
    p_currency text default 'USD'
)
returns table (
    source text, visits bigint, visitors bigint, signups bigint, conversion_pct numeric, revenue_minor bigint, payers bigint,
    arpu_minor numeric, cost_minor bigint, roi numeric
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
    v_zone text := (growth.definition_of(p_account_id)).time_zone;
    v_to date := coalesce(p_to, (core.now() at time zone v_zone)::date);
    v_from date := coalesce(p_from, v_to - 29);
    v_from_at timestamptz := v_from::timestamp at time zone v_zone;
    v_to_at timestamptz := (v_to + 1)::timestamp at time zone v_zone;
    v_signed_up bigint[];
begin
    perform growth.check_range(v_from, v_to, 366);
    if not exists (select from ledger.currency as c where c.code = p_currency) then
        raise exception using
            errcode = 'LQ422', message = 'unknown currency', hint = 'Use a code of ISO 4217, such as USD.';
    end if;
    v_signed_up := array(
        select distinct e.person_id
        from growth.event as e
        where e.account_id = p_account_id and e.name = 'signup' and e.event_at >= v_from_at and e.event_at < v_to_at
    );
    return query
    with
    figure as (
        select e.source::text collate "default" as source, count(*) as visits, count(distinct e.person_id) as visitors, 0::bigint as signups, 0::bigint as revenue,
            0::bigint as payers, 0::bigint as cost
        from growth.event as e
        where e.account_id = p_account_id and e.name = 'visit' and e.event_at >= v_from_at and e.event_at < v_to_at
        group by e.source
        union all
        select f.source collate "default", 0, 0, count(*), 0, 0, 0
        from unnest(v_signed_up) as s (person_id)
        left join growth.first_touches(p_account_id, v_signed_up) as f on f.person_id = s.person_id
        group by f.source
        union all
        select r.source collate "default", 0, 0, 0, r.revenue_minor, r.payers, 0
        from growth.source_revenue(p_account_id, v_from_at, v_to_at, p_currency) as r
        union all
        select s.source collate "default", 0, 0, 0, 0, 0, sum(s.amount_minor)::bigint
        from growth.spend as s
        where s.account_id = p_account_id and s.day >= v_from and s.day <= v_to and s.currency = p_currency
        group by s.source
    ),

    summed as (
        select
            f.source, sum(f.visits)::bigint as visits, sum(f.visitors)::bigint as visitors, sum(f.signups)::bigint as signups,
            sum(f.revenue)::bigint as revenue, sum(f.payers)::bigint as payers, sum(f.cost)::bigint as cost
        from figure as f
        group by f.source
    )

    select
        s.source, s.visits, s.visitors, s.signups, round(s.signups * 100.0 / nullif(s.visits, 0), 2), s.revenue, s.payers,
        round(s.revenue::numeric / nullif(s.signups, 0), 2), s.cost,
        round((s.revenue - s.cost)::numeric / nullif(s.cost, 0), 4)
    from summed as s
    where (s.visits, s.signups, s.revenue, s.payers, s.cost) <> (0, 0, 0, 0, 0)
    order by s.revenue desc, s.visits desc, s.source collate "C";
end;
$$;
comment on function growth.source_report(uuid, date, date, text) is
$$What each source brought and cost: select * from growth.source_report(account, '2026-01-01', '2026-01-31', 'EUR').

p_from, p_to: days of the account's time zone, both inclusive, 366 at most; the last 30 unless said otherwise. p_currency: only money in
this one is counted; currencies are never added.

visits: events named visit with this source; visitors: persons of these. signups: persons with an event named signup in the range whose
first touch (growth.first_touches()) is this source, whatever source the sign-up itself says. conversion_pct = 100 × signups ÷ visits.
revenue_minor, payers: growth.source_revenue(), in minor units. arpu_minor = revenue_minor ÷ signups. cost_minor: growth.spend of these
days. roi = (revenue_minor − cost_minor) ÷ cost_minor: 0 when it has just earned what it cost. A figure whose divisor is nil is null.
source null: sign-ups and revenue whose first touch nobody knows. Raises LQ422 for a range that ends before it begins or is too long,
and for an unknown currency.$$;

grant execute on function
growth.source_report(uuid, date, date, text),
growth.source_revenue(uuid, timestamptz, timestamptz, text),
growth.first_touches(uuid, bigint[])
to levqor_dba;
