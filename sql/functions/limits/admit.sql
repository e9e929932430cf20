-- GCRA over many calls at once. A bucket is one timestamp, full_at: when it would be whole again. A call of cost c is
-- admitted while max(full_at, now) + c <= now + tolerance. Source: ITU-T I.371, virtual scheduling.
--
-- Locks: usage rows of quota, then bucket rows in order of (shared or not, policy_id, subject), in all ways below, so
-- that two batches never wait for each other in a circle. The rows that all share are taken last, by hot routes even after
-- their doors have done their work, so that they are held for little more than the commit. Time is read after the lock is
-- held, and full_at never moves back.

create or replace function limits.show_subject(p_scope text, p_account_id uuid, p_key_id uuid, p_address text, p_shares integer)
returns text
language sql
stable
security invoker
as $$
    select case
        when p_scope = 'all' then case
            when p_shares > 1 then '*/' || (pg_catalog.pg_backend_pid() % p_shares)::text else '*'
        end
        when p_scope = 'account' and p_account_id is not null then p_account_id::text
        when p_scope = 'key' and p_key_id is not null then p_key_id::text
        when p_address is null then 'unknown'
        when pg_catalog.strpos(p_address, ':') > 0
            then pg_catalog.network(pg_catalog.set_masklen(p_address::inet, 64))::text
        else p_address
    end
$$;
comment on function limits.show_subject(text, uuid, uuid, text, integer) is
$$Whose bucket a call falls into: * for all (*/N for this session's share of it), the account, the key, or else the address (IPv6
by its /64 network).$$;

-- Inlinable.
create or replace function limits.demand(p_calls http.call[])
returns table (
    ordinal integer, policy_id integer, subject text, scope text, is_shared boolean, is_shadow boolean, name text,
    quota integer, shares integer, emission interval, tolerance interval
)
language sql
stable
security invoker
as $$
    select
        c.ordinal, p.id, limits.show_subject(p.scope, c.account_id, c.key_id, c.address, p.shares), p.scope,
        p.scope = 'all', p.is_shadow, p.name, p.quota, p.shares, p.emission, p.tolerance
    from pg_catalog.unnest(p_calls) as c
    inner join limits.policy as p on p.route_class = c.limit_class or p.route_class = '*'
    where p.is_enabled and c.limit_class is not null and c.refusal is null and not c.is_charged
$$;
comment on function limits.demand(http.call[]) is
$$Which buckets the calls of a batch would charge: one row a call and policy. Refused and already charged calls charge none.$$;

create or replace function limits.count_left(p_full_at timestamptz, p_now timestamptz, p_emission interval, p_tolerance interval)
returns bigint
language sql
stable
security invoker
as $$
    select greatest(0, pg_catalog.floor(
        pg_catalog.date_part('epoch', p_tolerance - greatest(p_full_at - p_now, interval '0'))
        / pg_catalog.date_part('epoch', p_emission) + 0.000001
    ))::bigint
$$;
comment on function limits.count_left(timestamptz, timestamptz, interval, interval) is
$$How many calls a bucket admits at once.$$;

create or replace function limits.count_seconds(
    p_full_at timestamptz, p_now timestamptz, p_emission interval default interval '0', p_tolerance interval default interval '0'
)
returns bigint
language sql
stable
security invoker
as $$
    select pg_catalog.ceil(pg_catalog.date_part('epoch', greatest(
        p_full_at - p_now
            - case when p_full_at + p_emission > p_now + p_tolerance then p_tolerance - p_emission else interval '0' end,
        interval '0'
    )))::bigint
$$;
comment on function limits.count_seconds(timestamptz, timestamptz, interval, interval) is
$$Whole seconds until a bucket is whole again, or, when it admits nothing now, until it admits a call: the t of RateLimit, which a
Retry-After is never earlier than.$$;

create or replace function limits.show_headers(
    p_policies text, p_states text, p_tightest bigint[], p_allowed bigint, p_used bigint, p_month_item text,
    p_month_seconds bigint, p_now_seconds bigint
)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_left bigint;
begin
    if p_allowed is not null then
        v_left := greatest(p_allowed - p_used, 0);
        p_policies := coalesce(p_policies || ', ', '') || '\"calls-per-month\";q=' || p_allowed || p_month_item;
        p_states := coalesce(p_states || ', ', '') || '\"calls-per-month\";r=' || v_left || ';t=' || p_month_seconds;
        if p_tightest is null or v_left < p_tightest[1] then
            p_tightest := array[v_left, p_allowed, p_month_seconds];
        end if;
    end if;
    return '"RateLimit-Policy": "' || p_policies || '", "RateLimit": "' || p_states
        || '", "X-RateLimit-Limit": "' || p_tightest[2] || '", "X-RateLimit-Remaining": "' || p_tightest[1]
        || '", "X-RateLimit-Reset": "' || p_now_seconds + p_tightest[3] || '"';
end;
$$;
comment on function limits.show_headers(text, text, bigint[], bigint, bigint, text, bigint, bigint) is
$$The RateLimit and RateLimit-Policy fields (IETF httpapi draft), and the older X-RateLimit-* of the tightest policy, as members
of a JSON object; null when nothing limits the call.

p_policies, p_states: items of the two fields, with their quotes escaped. p_tightest: remaining, quota, seconds. p_allowed, p_used:
calls of the month, null when they are not limited. p_month_item: ;w= and the length of the month in seconds. p_month_seconds:
until its end. p_now_seconds: Unix time.$$;

create or replace function limits.show_policies(p_limit_class text)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select string_agg(p.item, ', ' order by p.scope = 'all', p.id)
        from limits.policy as p
        where p.route_class in (p_limit_class, '*') and p.is_enabled and not p.is_shadow and p_limit_class is not null
    );
end;
$$;
comment on function limits.show_policies(text) is
$$The items of RateLimit-Policy for a class of routes, with their quotes escaped for JSON; null when there are none. Shadows are not
told to clients.$$;

-- Without nested loops: the planner can not know how many calls a batch has, and would join its parts by them.
create or replace function limits.charge_buckets(p_calls http.call[], p_is_shared boolean)
returns limits.charged[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
    v_test_now timestamptz := nullif(current_setting('levqor.now', true), '')::timestamptz;
    v_wanted bigint;
    v_charged limits.charged[];
begin
    -- The time is that of the test clock, or of the very moment that a row is locked.
    with total as materialized (
        select d.policy_id, d.subject, count(*) as calls, array_agg(d.ordinal) as ordinals
        from limits.demand(p_calls) as d
        where d.is_shared = p_is_shared
        group by d.policy_id, d.subject
    ),
    charged as (
        insert into limits.bucket as b (policy_id, subject, full_at, cost, tolerance)
        select
            t.policy_id, t.subject, coalesce(v_test_now, clock_timestamp()) + p.emission * t.calls, p.emission * t.calls,
            p.tolerance
        from total as t
        inner join limits.policy as p on p.id = t.policy_id
        where p.emission * t.calls <= p.tolerance
        order by t.policy_id, t.subject collate "C"
        on conflict (policy_id, subject) do update
        set
            full_at = greatest(b.full_at, coalesce(v_test_now, clock_timestamp())) + excluded.cost,
            cost = excluded.cost,
            tolerance = excluded.tolerance
        where greatest(b.full_at, coalesce(v_test_now, clock_timestamp())) + excluded.cost
            <= coalesce(v_test_now, clock_timestamp()) + excluded.tolerance
        returning b.policy_id, b.subject, b.full_at
    )
    select
        (select count(*) from total),
        coalesce(array_agg(row(c.policy_id, c.full_at, t.ordinals)::limits.charged), '{}')
    into v_wanted, v_charged
    from charged as c
    inner join total as t on t.policy_id = c.policy_id and t.subject = c.subject;
    if cardinality(v_charged) < v_wanted then
        raise exception using errcode = 'LQUND', message = 'not every bucket holds the whole batch';
    end if;
    return v_charged;
end;
$$;
comment on function limits.charge_buckets(http.call[], boolean) is
$$Charge the batch's sums in one step. p_is_shared: the buckets that all callers share, or all the others. Gives what stands in
them. Raises LQUND, and the caller undoes it, when one is too full for the sum.$$;

create or replace function limits.tell(p_calls http.call[], p_charged limits.charged[], p_quotas quota.charge[])
returns limits.verdict[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
    v_now timestamptz := core.real_now();
    v_now_seconds bigint := floor(date_part('epoch', v_now));
    v_month_ends timestamptz := quota.month_end(quota.month());
    v_month_seconds bigint := greatest(date_part('epoch', v_month_ends)::bigint - v_now_seconds, 0);
    v_month_item text := ';w=' || quota.month_seconds(v_month_ends);
    v_verdicts limits.verdict[];
begin
    -- Once a bucket, however many calls share it.
    with stated as materialized (
        select
            c.policy_id, c.ordinals, p.scope = 'all' as is_shared,
            '\"' || p.name || '\";r=' || n.remaining || ';t=' || n.seconds as item,
            array[n.remaining, p.quota, n.seconds] as numbers
        from unnest(p_charged) as c
        inner join limits.policy as p on p.id = c.policy_id and not p.is_shadow
        cross join lateral (
            select
                limits.count_left(c.full_at, v_now, p.emission, p.tolerance) * p.shares as remaining,
                limits.count_seconds(c.full_at, v_now, p.emission, p.tolerance) as seconds
            offset 0
        ) as n
    ),
    told as (
        select o.ordinal, string_agg(s.item, ', ' order by s.is_shared, s.policy_id) as states, min(s.numbers) as tightest
        from stated as s
        cross join lateral unnest(s.ordinals) as o (ordinal)
        group by o.ordinal
    ),
    class as (
        select k.limit_class, limits.show_policies(k.limit_class) as policies
        from (select distinct c.limit_class from unnest(p_calls) as c) as k
    )
    select array_agg(
        row(
            false,
            limits.show_headers(
                p.policies, t.states, t.tightest, q.allowed, q.used, v_month_item, v_month_seconds, v_now_seconds
            ),
            null, null, null, null
        )::limits.verdict
        order by c.ordinal
    )
    into v_verdicts
    from unnest(p_calls) as c
    left join told as t on t.ordinal = c.ordinal
    left join class as p on p.limit_class = c.limit_class
    left join unnest(p_quotas) as q
        on q.account_id = c.account_id and q.allowed < 9223372036854775807
        and c.is_metered and not c.is_charged and c.refusal is null;
    return v_verdicts;
end;
$$;
comment on function limits.tell(http.call[], limits.charged[], quota.charge[]) is
$$The verdict a call, in order, of a batch whose sums were all charged: nobody is refused, and each is told where it stands.$$;

create or replace function limits.charge_all(p_calls http.call[])
returns limits.verdict[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_quotas quota.charge[];
begin
    v_quotas := quota.charge_all(p_calls);
    return limits.tell(
        p_calls, limits.charge_buckets(p_calls, false) || limits.charge_buckets(p_calls, true), v_quotas
    );
exception
    when sqlstate 'LQUND' then
        return null;
end;
$$;
comment on function limits.charge_all(http.call[]) is
$$Charge the batch's sums, month's quota and buckets: all or nothing. Gives a verdict a call, in order; null, and nothing charged,
when something is too full.$$;

create or replace function limits.has_room(p_call http.call)
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.real_now();
begin
    return not exists (
        select
        from limits.policy as p
        inner join limits.bucket as b
            on b.policy_id = p.id
            and b.subject = limits.show_subject(p.scope, p_call.account_id, p_call.key_id, p_call.address, p.shares)
        where p.is_enabled and (p.route_class = p_call.limit_class or p.route_class = '*')
            and greatest(b.full_at, v_now) + p.emission > v_now + p.tolerance
    );
end;
$$;
comment on function limits.has_room(http.call) is
$$Whether all buckets of a call would take it now. Locks none, so that another call may be faster.$$;

create or replace function limits.charge_one(p_call http.call, p_allowed bigint, out is_charged boolean, out headers text)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_test_now timestamptz := nullif(current_setting('levqor.now', true), '')::timestamptz;
    v_month date := quota.month();
    v_month_ends timestamptz := quota.month_end(v_month);
    v_used bigint;
    v_policy record;
    v_full_at timestamptz;
    v_now timestamptz;
    v_left bigint;
    v_seconds bigint;
    v_policies text;
    v_states text;
    v_tightest bigint[];
begin
    -- In the order of all guards: the month, then the buckets, those that all share last.
    if p_call.is_metered then
        insert into quota.usage as u (account_id, month, used, allowed)
        values (p_call.account_id, v_month, 1, p_allowed)
        on conflict (account_id, month) do update
        set used = u.used + 1, allowed = excluded.allowed
        where u.used < excluded.allowed
        returning u.used into v_used;
        -- What is nearly used up is announced, and is for the other way too.
        if v_used is null or quota.is_near(v_used, p_allowed) then
            is_charged := false;
            return;
        end if;
    end if;
    for v_policy in
        select p.id, p.scope, p.shares, p.emission, p.tolerance, p.name, p.item, p.quota, p.is_shadow
        from limits.policy as p
        where p.is_enabled and (p.route_class = p_call.limit_class or p.route_class = '*')
        order by p.scope = 'all', p.id
    loop
        insert into limits.bucket as b (policy_id, subject, full_at, cost, tolerance)
        values (
            v_policy.id,
            limits.show_subject(v_policy.scope, p_call.account_id, p_call.key_id, p_call.address, v_policy.shares),
            coalesce(v_test_now, clock_timestamp()) + v_policy.emission, v_policy.emission, v_policy.tolerance
        )
        on conflict (policy_id, subject) do update
        set
            full_at = greatest(b.full_at, coalesce(v_test_now, clock_timestamp())) + excluded.cost,
            cost = excluded.cost,
            tolerance = excluded.tolerance
        where greatest(b.full_at, coalesce(v_test_now, clock_timestamp())) + excluded.cost
            <= coalesce(v_test_now, clock_timestamp()) + excluded.tolerance
        returning b.full_at into v_full_at;
        if not found then
            is_charged := false;
            return;
        end if;
        continue when v_policy.is_shadow;
        v_now := coalesce(v_test_now, clock_timestamp());
        v_left := limits.count_left(v_full_at, v_now, v_policy.emission, v_policy.tolerance) * v_policy.shares;
        v_seconds := limits.count_seconds(v_full_at, v_now, v_policy.emission, v_policy.tolerance);
        v_policies := coalesce(v_policies || ', ', '') || v_policy.item;
        v_states := coalesce(v_states || ', ', '') || '\"' || v_policy.name || '\";r=' || v_left || ';t=' || v_seconds;
        if v_tightest is null or v_left < v_tightest[1] then
            v_tightest := array[v_left, v_policy.quota, v_seconds];
        end if;
    end loop;
    v_now := core.real_now();
    is_charged := true;
    headers := limits.show_headers(
        v_policies, v_states, v_tightest, case when p_call.is_metered then nullif(p_allowed, 9223372036854775807) end, v_used,
        ';w=' || quota.month_seconds(v_month_ends), limits.count_seconds(v_month_ends, v_now),
        floor(date_part('epoch', v_now))::bigint
    );
end;
$$;
comment on function limits.charge_one(http.call, bigint) is
$$Charge one call, whose account may make p_allowed calls a month. headers: the fields of its limits; null: nothing limits
it. Not charged when a bucket is too full, or the month is, or is nearly, used up: then the caller undoes it, and limits.admit_many()
decides.$$;

create or replace function limits.charge_each(p_calls http.call[])
returns limits.verdict[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_quotas quota.charge[];
    v_keys text[];
    v_full_at timestamptz[];
    v_changed boolean[];
    v_demand record;
    v_now timestamptz;
    v_month_ends timestamptz := quota.month_end(quota.month());
    v_verdicts limits.verdict[] := array_fill(null::limits.verdict, array[cardinality(p_calls)]);
    v_call http.call;
    v_account integer;
    v_allowed bigint;
    v_at integer;
    v_wait interval;
    v_retry interval;
    v_scope text;
    v_violated jsonb;
    v_shadows jsonb;
    v_policies text;
    v_states text;
    v_tightest bigint[];
begin
    v_quotas := quota.lock_usage(p_calls);
    -- Makes what is missing, and locks what is there by writing it as it is: no sweep can come in between.
    with locked as (
        insert into limits.bucket as b (policy_id, subject, full_at, cost, tolerance)
        select n.policy_id, n.subject, core.real_now(), interval '0', interval '0'
        from (select distinct d.policy_id, d.subject, d.is_shared from limits.demand(p_calls) as d) as n
        order by n.is_shared, n.policy_id, n.subject collate "C"
        on conflict (policy_id, subject) do update set full_at = b.full_at
        returning b.policy_id, b.subject, b.full_at
    )
    select array_agg(l.policy_id || ' ' || l.subject), array_agg(l.full_at), array_agg(false)
    into v_keys, v_full_at, v_changed
    from locked as l;
    v_now := core.real_now();

    for v_demand in
        select
            c.ordinal,
            array_agg(d.policy_id order by d.is_shared, d.policy_id) filter (where d.policy_id is not null) as ids,
            array_agg(d.name order by d.is_shared, d.policy_id) as names,
            array_agg(d.scope order by d.is_shared, d.policy_id) as scopes,
            array_agg(d.quota order by d.is_shared, d.policy_id) as quotas,
            array_agg(d.shares order by d.is_shared, d.policy_id) as shares,
            array_agg(d.is_shadow order by d.is_shared, d.policy_id) as is_shadow,
            array_agg(d.emission order by d.is_shared, d.policy_id) as emissions,
            array_agg(d.tolerance order by d.is_shared, d.policy_id) as tolerances,
            array_agg(d.subject order by d.is_shared, d.policy_id) as subjects,
            array_agg(array_position(v_keys, d.policy_id || ' ' || d.subject) order by d.is_shared, d.policy_id) as places,
            limits.show_policies(c.limit_class) as policies
        from unnest(p_calls) as c
        left join limits.demand(p_calls) as d on d.ordinal = c.ordinal
        where c.refusal is null and not c.is_charged and (d.policy_id is not null or c.is_metered)
        group by c.ordinal, c.limit_class
        order by c.ordinal
    loop
        v_call := p_calls[v_demand.ordinal];
        v_violated := '[]';
        v_shadows := '[]';
        v_retry := interval '0';
        v_scope := null;
        for i in 1 .. coalesce(cardinality(v_demand.ids), 0) loop
            v_at := v_demand.places[i];
            v_wait := v_full_at[v_at] + v_demand.emissions[i] - v_demand.tolerances[i] - v_now;
            if v_wait > interval '0' or v_demand.emissions[i] > v_demand.tolerances[i] then
                if v_demand.is_shadow[i] then
                    v_shadows := v_shadows || jsonb_build_object(
                        'policy', v_demand.names[i], 'id', v_demand.ids[i], 'subject', v_demand.subjects[i]
                    );
                else
                    v_violated := v_violated || jsonb_build_object(
                        'policy', v_demand.names[i], 'id', v_demand.ids[i], 'subject', v_demand.subjects[i]
                    );
                    if v_wait > v_retry then
                        v_retry := v_wait;
                        v_scope := case when v_demand.shares[i] = 1 then v_demand.scopes[i] end;
                    end if;
                end if;
            end if;
        end loop;
        v_account := null;
        v_allowed := null;
        if v_call.is_metered then
            select q.n into v_account
            from unnest(v_quotas) with ordinality as q (account_id, used, allowed, calls, n)
            where q.account_id = v_call.account_id;
            if v_quotas[v_account].used >= v_quotas[v_account].allowed then
                v_violated := v_violated || jsonb_build_object('policy', 'calls-per-month');
                v_retry := greatest(v_retry, v_month_ends - v_now);
            end if;
        end if;

        v_policies := v_demand.policies;
        v_states := null;
        v_tightest := null;
        for i in 1 .. coalesce(cardinality(v_demand.ids), 0) loop
            v_at := v_demand.places[i];
            -- A shadow that is too full is not charged: it stands as it would if it refused.
            if v_violated = '[]' and not v_shadows @> jsonb_build_array(jsonb_build_object('id', v_demand.ids[i])) then
                v_full_at[v_at] := greatest(v_full_at[v_at], v_now) + v_demand.emissions[i];
                v_changed[v_at] := true;
            end if;
            continue when v_demand.is_shadow[i];
            v_states := concat_ws(', ', v_states, format(
                '\"%s\";r=%s;t=%s', v_demand.names[i],
                limits.count_left(v_full_at[v_at], v_now, v_demand.emissions[i], v_demand.tolerances[i])
                    * v_demand.shares[i],
                limits.count_seconds(v_full_at[v_at], v_now, v_demand.emissions[i], v_demand.tolerances[i])
            ));
            v_tightest := least(v_tightest, array[
                limits.count_left(v_full_at[v_at], v_now, v_demand.emissions[i], v_demand.tolerances[i])
                    * v_demand.shares[i],
                v_demand.quotas[i],
                limits.count_seconds(v_full_at[v_at], v_now, v_demand.emissions[i], v_demand.tolerances[i])
            ]);
        end loop;
        if v_account is not null then
            if v_violated = '[]' then
                v_quotas[v_account].used := v_quotas[v_account].used + 1;
                v_quotas[v_account].calls := v_quotas[v_account].calls + 1;
            end if;
            v_allowed := nullif(v_quotas[v_account].allowed, 9223372036854775807);
        end if;

        v_verdicts[v_demand.ordinal] := row(
            v_violated <> '[]',
            limits.show_headers(
                v_policies, v_states, v_tightest, v_allowed, (v_quotas[v_account]).used,
                ';w=' || quota.month_seconds(v_month_ends), limits.count_seconds(v_month_ends, v_now),
                floor(date_part('epoch', v_now))::bigint
            ),
            nullif(jsonb_strip_nulls(jsonb_build_object(
                'violated', nullif(v_violated, '[]'), 'shadowed', nullif(v_shadows, '[]')
            )), '{}'),
            nullif(v_violated, '[]'),
            greatest(1, ceil(date_part('epoch', v_retry)))::integer,
            null
        )::limits.verdict;
        if v_violated <> '[]' then
            v_verdicts[v_demand.ordinal].deny := limits.show_denial(
                v_call, v_violated, v_scope, v_retry
            );
        end if;
    end loop;

    update limits.bucket as b
    set full_at = n.full_at
    from (
        select split_part(k.key, ' ', 1)::integer as policy_id, substring(k.key from '^[0-9]+ (.*)$') as subject, k.full_at
        from unnest(v_keys, v_full_at, v_changed) as k (key, full_at, is_changed)
        where k.is_changed
    ) as n
    where b.policy_id = n.policy_id and b.subject = n.subject;
    if v_quotas is not null then
        perform quota.write_usage(v_quotas);
    end if;
    perform limits.count_refusals(array_agg(v.decision)) from unnest(v_verdicts) as v where v.decision is not null;
    return v_verdicts;
end;
$$;
comment on function limits.charge_each(http.call[]) is
$$Decide the calls one by one, in the order they came: each charges its month and all of its buckets, or nothing; refusals are
counted. Gives a verdict a call, in order; null for calls that nothing limits.$$;

create or replace function limits.show_denial(p_call http.call, p_violated jsonb, p_scope text, p_wait interval)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- By the test clock nobody can say when real time is up. The month's quota does not hold for the whole class, and a call of
    -- it may be given back, or bought.
    if p_scope is null or p_call.limit_class is null or current_setting('levqor.now', true) <> ''
        or p_violated @> '[{"policy": "calls-per-month"}]'
    then
        return null;
    end if;
    return jsonb_build_object(
        'for', case
            -- What names policies of this caller is not for the others.
            when p_scope = 'all' and jsonb_array_length(p_violated) = 1 then 'all'
            when p_scope in ('key', 'account') and p_call.key_id is not null then 'key'
            else 'address'
        end,
        'class', p_call.limit_class,
        'seconds', date_part('epoch', p_wait)
    );
end;
$$;
comment on function limits.show_denial(http.call, jsonb, text, interval) is
$$What the server may remember of a refusal: for whom (address, key or all), for which class, for how many seconds. Null when
nothing may be remembered.

p_scope: of the policy that holds longest; null when it is one share of many, as another session's may still hold tokens. p_wait:
how long it does.$$;

create or replace function limits.count_refusals(p_decisions jsonb[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into limits.refusal as f (day, policy_id, subject, refused, shadowed)
    select
        (core.now() at time zone 'UTC')::date, v.id, v.subject,
        count(*) filter (where not v.is_shadow), count(*) filter (where v.is_shadow)
    from unnest(p_decisions) as d (decision)
    cross join lateral (
        select r.id, r.subject, false as is_shadow
        from jsonb_to_recordset(d.decision -> 'violated') as r (id integer, subject text)
        union all
        select r.id, r.subject, true
        from jsonb_to_recordset(d.decision -> 'shadowed') as r (id integer, subject text)
    ) as v
    where v.id is not null
    group by v.id, v.subject
    order by v.id, v.subject
    on conflict (day, policy_id, subject) do update
    set refused = f.refused + excluded.refused, shadowed = f.shadowed + excluded.shadowed;
end;
$$;
comment on function limits.count_refusals(jsonb[]) is
$$Count refusals by day, policy and subject, from decisions: {"violated": [{"id", "subject"}], "shadowed": […]}.$$;

create or replace function limits.admit_without_buckets(p_calls http.call[])
returns limits.verdict[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_calls http.call[] := p_calls;
    v_quotas quota.charge[];
    v_verdicts limits.verdict[] := array_fill(null::limits.verdict, array[cardinality(p_calls)]);
    v_place integer;
    v_retry interval := quota.month_end(quota.month()) - core.real_now();
begin
    -- Those that are refused in any case are not charged.
    for i in 1 .. cardinality(v_calls) loop
        if not exists (
            select from http.route as r where r.id = v_calls[i].route_id and r.when_limiter_fails = 'open'
        ) then
            v_calls[i].is_metered := false;
        end if;
    end loop;
    v_quotas := quota.lock_usage(v_calls);
    for i in 1 .. cardinality(v_calls) loop
        continue when not v_calls[i].is_metered or v_calls[i].is_charged or v_calls[i].refusal is not null;
        select q.n into v_place
        from unnest(v_quotas) with ordinality as q (account_id, used, allowed, calls, n)
        where q.account_id = v_calls[i].account_id;
        if v_quotas[v_place].used < v_quotas[v_place].allowed then
            v_quotas[v_place].used := v_quotas[v_place].used + 1;
            v_quotas[v_place].calls := v_quotas[v_place].calls + 1;
        else
            v_verdicts[i] := row(
                true, null, '{"violated": [{"policy": "calls-per-month"}]}', '[{"policy": "calls-per-month"}]',
                ceil(date_part('epoch', v_retry)), null
            )::limits.verdict;
        end if;
    end loop;
    if v_quotas is not null then
        perform quota.write_usage(v_quotas);
    end if;
    return v_verdicts;
end;
$$;
comment on function limits.admit_without_buckets(http.call[]) is
$$When the buckets can not be charged: calls of routes that go on then are held to the month's quota all the same.$$;

create or replace function limits.peek(p_call http.call)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.real_now();
    v_policies text;
    v_states text;
    v_tightest bigint[];
begin
    select
        string_agg(p.item, ', ' order by p.scope = 'all', p.id),
        string_agg(format('\"%s\";r=%s;t=%s', p.name, n.remaining, n.seconds), ', ' order by p.scope = 'all', p.id),
        min(array[n.remaining, p.quota, n.seconds])
    into v_policies, v_states, v_tightest
    from limits.policy as p
    left join limits.bucket as b
        on b.policy_id = p.id
        and b.subject = limits.show_subject(p.scope, p_call.account_id, p_call.key_id, p_call.address, p.shares)
    cross join lateral (
        select
            limits.count_left(coalesce(b.full_at, v_now), v_now, p.emission, p.tolerance) * p.shares as remaining,
            limits.count_seconds(coalesce(b.full_at, v_now), v_now, p.emission, p.tolerance) as seconds
    ) as n
    where p.is_enabled and not p.is_shadow and p.route_class in (p_call.limit_class, '*')
        and (p.scope in ('address', 'all') or p_call.refusal is null);
    return limits.show_headers(
        v_policies, v_states, v_tightest, null, null, null, null, floor(date_part('epoch', v_now))::bigint
    );
end;
$$;
comment on function limits.peek(http.call) is
$$The fields of a call that charges nothing, because it is refused before, or was charged before: how its buckets stand. Null when
nothing limits it. One who is refused is told only of what his address, and all, may do.$$;

create or replace function limits.admit_many(p_calls http.call[])
returns limits.verdict[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return coalesce(limits.charge_all(p_calls), limits.charge_each(p_calls));
end;
$$;
comment on function limits.admit_many(http.call[]) is
$$Admit or refuse the calls of a batch by the rate policies and the month's quota. Gives a verdict a call, in order; null for
calls that nothing limits.$$;

create or replace function limits.refuse(p_verdict limits.verdict, p_call http.call, p_is_template boolean default false)
returns http.response
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_month boolean := p_verdict.violated @> '[{"policy": "calls-per-month"}]';
    v_seconds text := case when p_is_template and not v_is_month then '{seconds}' else p_verdict.retry_after::text end;
    v_names jsonb;
    v_response http.response;
begin
    select jsonb_agg(v.value -> 'policy') into v_names from jsonb_array_elements(p_verdict.violated) as v;
    v_response := http.problem(
        'LQ429',
        case
            when v_is_month then format('the calls of the month are used up in the tier %s', p_call.tier)
            else format('too many requests by the policy %s', v_names ->> 0)
        end,
        p_hint => case
            when v_is_month then 'Wait for the next month, or ask for a higher tier.'
            else format('Come back in %s seconds.', v_seconds)
        end,
        p_more => jsonb_build_object(
            'type', 'https://iana.org/assignments/http-problem-types#quota-exceeded',
            'violated-policies', v_names,
            'retry_after', case when p_is_template then '"' || v_seconds || '"' else v_seconds end::jsonb
        )::text,
        p_headers => jsonb_build_object('Retry-After', v_seconds)
    );
    if p_is_template then
        v_response.body := replace(v_response.body, '"' || v_seconds || '"', v_seconds);
    end if;
    return v_response;
end;
$$;
comment on function limits.refuse(limits.verdict, http.call, boolean) is
$$The answer 429: all violated policies, Retry-After, and the problem type quota-exceeded.

p_is_template: true puts {seconds} where the seconds that are left stand, for a server that repeats it from memory.$$;

create or replace function limits.show_memory(p_verdict limits.verdict, p_call http.call)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_template http.response;
    v_limits text;
begin
    if p_verdict.deny is null then
        return null;
    end if;
    perform core.set_caller(null, null, null, null, null, null, '{request_id}');
    v_template := limits.refuse(p_verdict, p_call, true);
    if p_verdict.deny ->> 'for' = 'key' then
        v_limits := regexp_replace(
            p_verdict.headers, '("(?!calls-per-month)[a-z0-9-]+\\";r=0;t=)[0-9]+', '\1{seconds}', 'g'
        );
    else
        -- For others than this caller: nothing that tells of its key, its account or its month.
        select limits.show_headers(
            string_agg(p.item, ', ' order by p.id),
            string_agg('\"' || p.name || '\";r=0;t={seconds}', ', ' order by p.id),
            array[0, min(p.quota), p_verdict.retry_after], null, null, null, null,
            floor(date_part('epoch', core.real_now()))::bigint
        )
        into v_limits
        from jsonb_to_recordset(p_verdict.violated) as v (id integer)
        inner join limits.policy as p on p.id = v.id and p.scope in ('address', 'all');
    end if;
    return jsonb_build_object('deny', p_verdict.deny || jsonb_build_object(
        'headers', http.show_headers(v_limits, v_template.headers)::jsonb,
        'body', v_template.body
    ));
end;
$$;
comment on function limits.show_memory(limits.verdict, http.call) is
$$What the server may repeat from memory instead of asking again: {"deny": {for, class, seconds, headers, body}}, with {seconds}
and {request_id} in place of what changes. Null when nothing may be repeated.$$;

create or replace function limits.sweep()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_swept bigint;
    v_held uuid[] := core.held_accounts('limits.refusal');
begin
    delete from limits.bucket as b
    where b.ctid = any (array(
        select o.ctid
        from limits.bucket as o
        where o.full_at < core.real_now() - interval '1 minute'
        for update skip locked
    ));
    get diagnostics v_swept = row_count;
    delete from limits.refusal as r
    where r.day < (core.now() at time zone 'UTC')::date - core.integer_setting('limits.keep_refusal_days')::integer
        and not coalesce(r.subject = any (v_held::text[]), v_held is null);
    return v_swept;
end;
$$;
comment on function limits.sweep() is
$$Remove buckets that are whole again, of which a fresh one is made when needed, and counts of refusals older than the setting
limits.keep_refusal_days: their subjects may be addresses. Gives how many buckets went.$$;

select core.seed('core.setting', '{name}', '{
    "name": "limits.keep_refusal_days", "value": 90, "minimum": 1, "maximum": 36500,
    "description": "whole number of days that counts of refusals are kept; their subjects may be addresses"}');

create or replace function limits.compact()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return core.compact('limits.bucket', format('full_at > %L', core.real_now()));
end;
$$;
comment on function limits.compact() is
$$Rewrite the buckets when dead rows have made their table large, which an old snapshot does to it: core.compact(). Buckets that are
whole go. Gives the bytes won.$$;

create or replace function limits.tell_change()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('levqor', E'limits\t1');
    return null;
end;
$$;
comment on function limits.tell_change() is
$$Trigger: tell the servers that policies changed, so that they forget the refusals they remember.$$;

create or replace trigger policy_change_is_told
after insert or update or delete on limits.policy
for each statement execute function limits.tell_change();

create or replace trigger clock_change_is_told
after insert or update or delete on core.test_clock
for each statement execute function limits.tell_change();

-- Policies of the product. The original limited these routes to 20 a minute per address and 200 a minute in all, and its
-- protected paths (here the class manage) to 60 a minute per address.
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
