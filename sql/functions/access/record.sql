-- Servers hand in what they answered: up to 1,000 rows a call, at most a few calls a second, on a connection of their own.
--
-- Locks: those of access.make_day, when a day is missing; keys that nobody else holds; then the rows of limits.refusal in
-- order of (policy, subject), as the guard takes them, and last: a refused call waits for them.

create or replace function access.read_decision(p_text text, out decision jsonb, out refused jsonb)
returns record
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_decision jsonb;
    v_member text;
begin
    v_decision := p_text;
    if jsonb_typeof(v_decision) <> 'object' then
        return;
    end if;
    if v_decision -> 'flags' ? 'memory' then
        refused := v_decision -> 'violated';
    end if;
    foreach v_member in array array['violated', 'shadowed'] loop
        if v_decision ? v_member then
            for i in 0 .. jsonb_array_length(v_decision -> v_member) - 1 loop
                v_decision := v_decision #- array[v_member, i::text, 'subject'];
            end loop;
        end if;
    end loop;
    decision := v_decision;
exception
    when data_exception or program_limit_exceeded then
        decision := null;
        refused := null;
end;
$$;
comment on function access.read_decision(text) is
$$Read a decision as a server told it. Both are null for what is no decision.

decision: what is kept, without the subjects of the policies, which may be addresses. refused: the violated policies with their
subjects, when a server refused from memory (flag memory).$$;

create or replace function access.note_keys(p_key_ids uuid[], p_times timestamptz[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    update keys.api_key as k
    set last_used_at = l.used_at
    from (
        select u.account_id, u.id, n.used_at
        from (
            select r.key_id, max(r.at) as used_at
            from unnest(p_key_ids, p_times) as r (key_id, at)
            where r.key_id is not null
            group by r.key_id
        ) as n
        inner join keys.api_key as u on u.id = n.key_id
        where u.last_used_at is null or u.last_used_at < n.used_at - interval '1 minute'
        order by u.account_id, u.id
        for update of u skip locked
    ) as l
    where k.account_id = l.account_id and k.id = l.id;
end;
$$;
comment on function access.note_keys(uuid[], timestamptz[]) is
$$Note when keys were used last, at most once a minute a key; never back in time. Waits for nobody: a key that is locked is
noted with its next use.$$;

create or replace function access.count_refusals(p_refused jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into limits.refusal as f (day, policy_id, subject, refused)
    select (core.now() at time zone 'UTC')::date, v.id, v.subject, sum(v.calls)
    from (
        select
            (p.value ->> 'id')::integer as id, left(p.value ->> 'subject', 200) as subject,
            (r.value ->> 'calls')::bigint as calls
        from jsonb_array_elements(p_refused) as r
        cross join lateral jsonb_array_elements(r.value -> 'refused') as p
        -- The month's quota has no id: quota.usage tells of it.
        where p.value ->> 'id' ~ '^[0-9]{1,9}$' and p.value ->> 'subject' is not null
    ) as v
    group by v.id, v.subject
    order by v.id, v.subject
    on conflict (day, policy_id, subject) do update set refused = f.refused + excluded.refused;
end;
$$;
comment on function access.count_refusals(jsonb) is
$$Count the refusals that servers made from memory in limits.refusal; the guard has counted all others.

p_refused: an array of {"calls": 12, "refused": [{"id": 1, "subject": "192.0.2.1"}]}.$$;

create or replace function access.record_many(
    p_server text,
    p_dropped bigint,
    p_times timestamptz[],
    p_request_ids text[],
    p_account_ids uuid[],
    p_key_ids uuid[],
    p_routes text[],
    p_statuses integer[],
    p_micros bigint[],
    p_bytes_in bigint[],
    p_bytes_out bigint[],
    p_address_hashes bytea[],
    p_rate_limits text[],
    p_rate_limit_policies text[],
    p_decisions text[]
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := clock_timestamp();
    v_times timestamptz[] := p_times;
    v_is_near boolean;
    v_first timestamptz;
    v_last timestamptz;
    v_decisions jsonb;
    v_refused jsonb;
begin
    perform core.enter_machinery();
    -- Rows are seconds old at most, so where a server's clock is far off, the database's tells better.
    select
        bool_and(t.at is not null) and min(t.at) > v_now - interval '1 day' and max(t.at) < v_now + interval '1 day'
            and count(*) = cardinality(p_request_ids),
        min(t.at), max(t.at)
    into v_is_near, v_first, v_last
    from unnest(v_times) as t (at);
    if v_is_near is not true then
        v_times := array(
            select case when t.at between v_now - interval '1 day' and v_now + interval '1 day' then t.at else v_now end
            from unnest(v_times, p_request_ids) with ordinality as t (at, id, n)
            order by t.n
        );
        select min(t.at), max(t.at) into v_first, v_last from unnest(v_times) as t (at);
    end if;
    for v_ahead in 0 .. coalesce((v_last at time zone 'UTC')::date - (v_first at time zone 'UTC')::date, -1) loop
        perform access.make_day((v_first at time zone 'UTC')::date + v_ahead);
    end loop;

    -- Few of a flush differ, and reading one costs as much as writing a row. Without "offset 0" they would be read before
    -- they are made distinct.
    select
        coalesce(jsonb_object_agg(t.text, d.decision) filter (where d.decision is not null), '{}'),
        jsonb_agg(jsonb_build_object('calls', t.calls, 'refused', d.refused)) filter (where d.refused is not null)
    into v_decisions, v_refused
    from (
        select u.text, count(*) as calls
        from unnest(p_decisions) as u (text)
        where u.text is not null
        group by u.text
        offset 0
    ) as t
    cross join lateral access.read_decision(t.text) as d;

    insert into access.request (
        at, account_id, key_id, micros, bytes_in, bytes_out, status, request_id, route, address_hash, rate_limit,
        rate_limit_policy, decision
    )
    select
        r.at, r.account_id, r.key_id, coalesce(r.micros, 0), coalesce(r.bytes_in, 0), coalesce(r.bytes_out, 0),
        coalesce(r.status, 0), coalesce(left(r.request_id, 200), 'none'), coalesce(left(r.route, 200), 'none'),
        r.address_hash, r.rate_limit, r.rate_limit_policy, v_decisions -> r.decision
    from unnest(
        v_times, p_request_ids, p_account_ids, p_key_ids, p_routes, p_statuses, p_micros, p_bytes_in, p_bytes_out,
        p_address_hashes, p_rate_limits, p_rate_limit_policies, p_decisions
    ) as r (
        at, request_id, account_id, key_id, route, status, micros, bytes_in, bytes_out, address_hash, rate_limit,
        rate_limit_policy, decision
    )
    where r.at is not null
    -- A flush that is sent again, as its first answer was lost, adds nothing. With the columns named, every row would be
    -- held against the policies for reading too.
    on conflict do nothing;

    perform access.note_keys(p_key_ids, v_times);
    if coalesce(p_dropped, 0) > 0 then
        insert into access.dropped as d (day, server, rows)
        values ((core.now() at time zone 'UTC')::date, left(coalesce(p_server, ''), 200), p_dropped)
        on conflict (day, server) do update set rows = d.rows + excluded.rows;
    end if;
    if v_refused is not null then
        perform access.count_refusals(v_refused);
    end if;
end;
$$;
comment on function access.record_many(
    text, bigint, timestamptz[], text[], uuid[], uuid[], text[], integer[], bigint[], bigint[], bigint[], bytea[], text[],
    text[], text[]
) is
$$Write rows of the access record: one array element a request, in a call of up to about a thousand. For servers.

p_server: as in ops.server. p_dropped: rows this server had to drop since its last call. The others as the columns of
access.request. A time more than a day off is taken as now, a decision that is no JSON object as none. Sent again, a row adds
nothing, but p_dropped and refusals from memory count again. Also notes the last use of keys, and counts refusals from
memory.$$;
grant execute on function access.record_many(
    text, bigint, timestamptz[], text[], uuid[], uuid[], text[], integer[], bigint[], bigint[], bigint[], bytea[], text[],
    text[], text[]
) to levqor_server;
