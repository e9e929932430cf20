-- GCRA over many calls at once. A bucket is one timestamp, full_at: when it would be whole again. A call of cost c is
-- admitted while max(full_at, now) + c <= now + tolerance. Source: ITU-T I.371, virtual scheduling.
--
-- Locks: bucket rows in order of (policy_id, subject), in both ways below, so that two batches never wait for each
-- other in a circle. Time is read after the lock is held, and full_at never moves back.

create or replace function limits.show_subject(p_scope text, p_account_id uuid, p_key_id uuid, p_address text)
returns text
language sql
immutable
security invoker
as $$
    select case
        when p_scope = 'all' then '*'
        when p_scope = 'account' and p_account_id is not null then p_account_id::text
        when p_scope = 'key' and p_key_id is not null then p_key_id::text
        when p_address is null then 'unknown'
        when pg_catalog.strpos(p_address, ':') > 0
            then pg_catalog.network(pg_catalog.set_masklen(p_address::inet, 64))::text
        else p_address
    end
$$;
comment on function limits.show_subject(text, uuid, uuid, text) is
$$Whose bucket a call falls into: * for all, the account, the key, or else the address (IPv6 by its /64 network).$$;

create or replace function limits.demand(p_calls http.call[], p_addresses text[], p_contexts jsonb[])
returns table (ordinal integer, policy_id integer, subject text)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select c.ordinal, p.id, limits.show_subject(p.scope, c.account_id, c.key_id, p_addresses[c.ordinal])
    from unnest(p_calls) as c
    inner join http.route as r on r.id = c.route_id
    inner join limits.policy as p on p.route_class = r.limit_class and p.is_enabled
    where c.refusal is null and not coalesce((p_contexts[c.ordinal] ->> 'admitted')::boolean, false);
end;
$$;
comment on function limits.demand(http.call[], text[], jsonb[]) is
$$Which buckets the calls of a batch would charge: one row a call and policy. Refused and already admitted calls charge none.$$;

create or replace function limits.show_headers(p_policies jsonb)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select jsonb_build_object(
            'RateLimit-Policy',
            string_agg(format('"%s";q=%s;w=%s', p.name, p.quota, p.window_seconds), ', ' order by p.name),
            'RateLimit', string_agg(format('"%s";r=%s;t=%s', p.name, p.remaining, p.seconds), ', ' order by p.name),
            'X-RateLimit-Limit', (array_agg(p.quota order by p.remaining, p.name))[1]::text,
            'X-RateLimit-Remaining', min(p.remaining)::text,
            'X-RateLimit-Reset', (array_agg(
                (extract(epoch from core.real_now()) + p.seconds)::bigint order by p.remaining, p.name
            ))[1]::text
        )
        from jsonb_to_recordset(p_policies) as p (
            name text, quota integer, window_seconds integer, remaining bigint, seconds integer
        )
    );
end;
$$;
comment on function limits.show_headers(jsonb) is
$$The RateLimit and RateLimit-Policy fields (IETF httpapi draft), and the older X-RateLimit-* of the tightest policy.$$;

create or replace function limits.charge_all(p_calls http.call[], p_addresses text[], p_contexts jsonb[])
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_result jsonb;
    v_wanted bigint;
    v_charged bigint;
begin
    with demand as materialized (
        select d.ordinal, d.policy_id, d.subject
        from limits.demand(p_calls, p_addresses, p_contexts) as d
    ),
    total as materialized (
        select d.policy_id, d.subject, p.emission * count(*) as cost, p.tolerance
        from demand as d
        inner join limits.policy as p on p.id = d.policy_id
        group by d.policy_id, d.subject, p.emission, p.tolerance
    ),
    charged as (
        insert into limits.bucket as b (policy_id, subject, full_at, cost, tolerance)
        select t.policy_id, t.subject, core.real_now() + t.cost, t.cost, t.tolerance
        from total as t
        where t.cost <= t.tolerance
        order by t.policy_id, t.subject
        on conflict (policy_id, subject) do update
        set
            full_at = greatest(b.full_at, core.real_now()) + excluded.cost,
            cost = excluded.cost,
            tolerance = excluded.tolerance
        where greatest(b.full_at, core.real_now()) + excluded.cost <= core.real_now() + excluded.tolerance
        returning b.policy_id, b.subject, b.full_at
    ),
    told as (
        select d.ordinal, limits.show_headers(jsonb_agg(limits.show_state(p, c.full_at))) as headers
        from demand as d
        inner join charged as c on c.policy_id = d.policy_id and c.subject = d.subject
        inner join limits.policy as p on p.id = d.policy_id
        group by d.ordinal
    )
    select
        (select count(*) from total),
        (select count(*) from charged),
        coalesce((select jsonb_object_agg(t.ordinal, jsonb_build_object('headers', t.headers)) from told as t), '{}')
    into v_wanted, v_charged, v_result;

    if v_charged < v_wanted then
        raise exception using errcode = 'LQUND', message = 'not every bucket holds the whole batch';
    end if;
    return v_result;
exception
    when sqlstate 'LQUND' then
        return null;
end;
$$;
comment on function limits.charge_all(http.call[], text[], jsonb[]) is
$$Charge the batch's sums in one step: all or nothing. Null, and nothing charged, when some bucket is too full.$$;

create or replace function limits.show_state(p_policy limits.policy, p_full_at timestamptz)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select jsonb_build_object(
            'name', p_policy.name, 'quota', p_policy.quota, 'window_seconds', p_policy.window_seconds,
            'remaining', greatest(0, floor(
                extract(epoch from p_policy.tolerance - greatest(p_full_at - core.real_now(), interval '0'))
                / extract(epoch from p_policy.emission) + 0.000001
            )),
            'seconds', ceil(extract(epoch from greatest(p_full_at - core.real_now(), interval '0')))
        )
    );
end;
$$;
comment on function limits.show_state(limits.policy, timestamptz) is
$$What a policy's bucket holds: calls that may come at once, and seconds until it is whole again.$$;

create or replace function limits.charge_each(p_calls http.call[], p_addresses text[], p_contexts jsonb[])
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_policies limits.policy[];
    v_subjects text[];
    v_full_at timestamptz[];
    v_demand record;
    v_policy limits.policy;
    v_now timestamptz;
    v_result jsonb := '{}';
    v_states jsonb;
    v_violated jsonb;
    v_retry interval;
begin
    insert into limits.bucket (policy_id, subject, full_at, cost, tolerance)
    select distinct d.policy_id, d.subject, core.real_now(), interval '0', interval '0'
    from limits.demand(p_calls, p_addresses, p_contexts) as d
    order by d.policy_id, d.subject
    on conflict (policy_id, subject) do nothing;

    select array_agg(l.policy order by l.n), array_agg(l.subject order by l.n), array_agg(l.full_at order by l.n)
    into v_policies, v_subjects, v_full_at
    from (
        select row_number() over () as n, k.policy, k.subject, k.full_at
        from (
            select p as policy, b.subject, b.full_at
            from limits.bucket as b
            inner join limits.policy as p on p.id = b.policy_id
            where (b.policy_id, b.subject) in (
                select d.policy_id, d.subject from limits.demand(p_calls, p_addresses, p_contexts) as d
            )
            order by b.policy_id, b.subject
            for update of b
        ) as k
    ) as l;
    v_now := core.real_now();

    for v_demand in
        select d.ordinal, array_agg(s.i order by s.i) as buckets
        from limits.demand(p_calls, p_addresses, p_contexts) as d
        inner join generate_subscripts(v_subjects, 1) as s (i)
            on v_subjects[s.i] = d.subject and (v_policies[s.i]).id = d.policy_id
        group by d.ordinal
        order by d.ordinal
    loop
        v_violated := '[]';
        v_states := '[]';
        v_retry := interval '0';
        for i in 1 .. array_length(v_demand.buckets, 1) loop
            v_policy := v_policies[v_demand.buckets[i]];
            if greatest(v_full_at[v_demand.buckets[i]], v_now) + v_policy.emission > v_now + v_policy.tolerance then
                v_violated := v_violated || jsonb_build_object(
                    'policy', v_policy.name, 'id', v_policy.id, 'subject', v_subjects[v_demand.buckets[i]]
                );
                v_retry := greatest(
                    v_retry, v_full_at[v_demand.buckets[i]] + v_policy.emission - v_policy.tolerance - v_now
                );
            end if;
        end loop;
        for i in 1 .. array_length(v_demand.buckets, 1) loop
            v_policy := v_policies[v_demand.buckets[i]];
            if v_violated = '[]' then
                v_full_at[v_demand.buckets[i]] := greatest(v_full_at[v_demand.buckets[i]], v_now) + v_policy.emission;
            end if;
            v_states := v_states || limits.show_state(v_policy, v_full_at[v_demand.buckets[i]]);
        end loop;
        v_result := v_result || jsonb_build_object(v_demand.ordinal, jsonb_build_object(
            'is_refused', v_violated <> '[]',
            'violated', v_violated,
            'retry_after', greatest(1, ceil(extract(epoch from v_retry))),
            'headers', limits.show_headers(v_states)
        ));
    end loop;

    update limits.bucket as b
    set full_at = n.full_at, cost = n.emission, tolerance = n.tolerance
    from (
        select (v_policies[s.i]).id as policy_id, (v_policies[s.i]).emission as emission,
            (v_policies[s.i]).tolerance as tolerance, v_subjects[s.i] as subject, v_full_at[s.i] as full_at
        from generate_subscripts(v_subjects, 1) as s (i)
    ) as n
    where b.policy_id = n.policy_id and b.subject = n.subject and b.full_at <> n.full_at;

    insert into limits.refusal as f (day, policy_id, subject, refused)
    select (core.now() at time zone 'UTC')::date, v.id, v.subject, count(*)
    from jsonb_each(v_result) as c
    cross join jsonb_to_recordset(c.value -> 'violated') as v (id integer, subject text)
    group by v.id, v.subject
    order by v.id, v.subject
    on conflict (day, policy_id, subject) do update set refused = f.refused + excluded.refused;
    return v_result;
end;
$$;
comment on function limits.charge_each(http.call[], text[], jsonb[]) is
$$Decide the calls one by one, in the order they came: each charges all of its buckets or none, and refusals are counted.$$;

create or replace function limits.admit_many(p_calls http.call[], p_addresses text[], p_contexts jsonb[])
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(
        limits.charge_all(p_calls, p_addresses, p_contexts),
        limits.charge_each(p_calls, p_addresses, p_contexts)
    );
end;
$$;
comment on function limits.admit_many(http.call[], text[], jsonb[]) is
$$Admit or refuse the calls of a batch by the rate policies.

Gives an object from ordinal to {headers, is_refused, violated, retry_after}; calls that no policy limits are not in it.$$;

create or replace function limits.refuse(p_limit jsonb)
returns http.response
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_names jsonb;
begin
    select jsonb_agg(v.value -> 'policy') into v_names from jsonb_array_elements(p_limit -> 'violated') as v;
    return http.problem(
        'LQ429',
        format('too many requests by the policy %s', v_names ->> 0),
        p_hint => format('Come back in %s seconds.', p_limit ->> 'retry_after'),
        p_more => jsonb_build_object(
            'type', 'https://iana.org/assignments/http-problem-types#quota-exceeded',
            'violated-policies', v_names,
            'retry_after', (p_limit ->> 'retry_after')::integer
        )::text,
        p_headers => jsonb_build_object('Retry-After', p_limit ->> 'retry_after')
    );
end;
$$;
comment on function limits.refuse(jsonb) is
$$The answer 429: all violated policies, Retry-After, and the problem type quota-exceeded.$$;

create or replace function limits.sweep()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_swept bigint;
begin
    delete from limits.bucket as b
    where b.ctid = any (array(
        select o.ctid
        from limits.bucket as o
        where o.full_at < core.real_now() - interval '1 minute'
        for update skip locked
    ));
    get diagnostics v_swept = row_count;
    return v_swept;
end;
$$;
comment on function limits.sweep() is
$$Remove buckets that are whole again: a fresh one is made when needed. Gives how many went.$$;

-- Policies of the product. The original limited these routes to 20 a minute per address and 200 a minute in all.
select core.seed('limits.policy', '{name}', p.policy)
from jsonb_array_elements('[
    {"name": "write-address", "scope": "address", "route_class": "write", "quota": 20, "burst": 20,
     "window_seconds": 60},
    {"name": "write-all", "scope": "all", "route_class": "write", "quota": 200, "burst": 200, "window_seconds": 60},
    {"name": "manage-address", "scope": "address", "route_class": "manage", "quota": 60, "burst": 60,
     "window_seconds": 60},
    {"name": "read-key", "scope": "key", "route_class": "read", "quota": 600, "burst": 100, "window_seconds": 60},
    {"name": "work-key", "scope": "key", "route_class": "work", "quota": 6000, "burst": 600, "window_seconds": 60}
]') as p (policy);

create or replace trigger policy_notes_local_columns
before update on limits.policy
for each row execute function core.note_local_columns();
