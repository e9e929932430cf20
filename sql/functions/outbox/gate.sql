-- What an endpoint lets through: pause, circuit breaker, limits; and when its breaker turns.
--
-- Deliveries that are not let through are parked (wake_at = infinity), so that no claim meets them again, and let out a few
-- at a time. Locks: a claim takes the rows of endpoints and gates that nobody holds and waits for none; a report takes
-- endpoints and gates sorted, after its deliveries.

create or replace function outbox.bury(p_rows outbox.delivery[], p_reason text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row outbox.delivery;
    v_message outbox.message;
begin
    delete from outbox.delivery as d
    using unnest(p_rows) as r
    where d.account_id = r.account_id and d.message_id = r.message_id;
    insert into outbox.dead_letter as l (account_id, message_id, endpoint_id, reason, died_at)
    select r.account_id, r.message_id, r.endpoint_id, p_reason, core.now()
    from unnest(p_rows) as r
    on conflict on constraint dead_letter_pkey do update set reason = excluded.reason, died_at = excluded.died_at;
    foreach v_row in array p_rows loop
        continue when not v_row.has_receiver;
        select m.* into v_message
        from outbox.message as m
        where m.account_id = v_row.account_id and m.id = v_row.message_id;
        continue when not found;
        -- Called by the clock: a receiver that takes long must not hold up a claim.
        insert into outbox.receipt as r (account_id, message_id, receiver, context, outcome, tries, due_at, error)
        values (
            v_row.account_id, v_row.message_id, v_message.receiver, v_message.receiver_context,
            jsonb_build_object(
                'message_id', core.show_id('msg', v_row.message_id), 'state', 'dead', 'status', null, 'headers',
                jsonb_build_object(), 'body', '', 'error', p_reason, 'kind', null
            ), 0, core.now(), ''
        )
        on conflict on constraint receipt_pkey do update
        set outcome = excluded.outcome, tries = excluded.tries, due_at = excluded.due_at, error = excluded.error;
    end loop;
end;
$$;
comment on function outbox.bury(outbox.delivery[], text) is
$$Give deliveries up without a further attempt: they are dead letters, and the clock tells their receivers.$$;

create or replace function outbox.park(p_rows outbox.delivery[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of those whose lease ran out the place is free again: nobody else would give it back.
    update outbox.gate as g
    set in_flight = greatest(0, g.in_flight - r.lapsed)
    from (
        select n.account_id, n.endpoint_id, count(*)::integer as lapsed
        from unnest(p_rows) as n
        where n.lease_token is not null
        group by n.account_id, n.endpoint_id
    ) as r
    where g.account_id = r.account_id and g.endpoint_id = r.endpoint_id;
    update outbox.delivery as d
    set wake_at = 'infinity', lease_token = null, claimed_at = null
    from unnest(p_rows) as r
    where d.account_id = r.account_id and d.message_id = r.message_id;
    update outbox.endpoint as e
    set has_parked = true
    from (select distinct r.account_id, r.endpoint_id from unnest(p_rows) as r) as r
    where e.account_id = r.account_id and e.id = r.endpoint_id and not e.has_parked;
end;
$$;
comment on function outbox.park(outbox.delivery[]) is
$$Put deliveries aside until their endpoint lets them through. The caller holds the endpoints' rows.$$;

create or replace function outbox.unpark(p_endpoint_id uuid, p_limit integer)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_let_out integer;
begin
    update outbox.delivery as d
    set wake_at = core.now()
    where d.ctid = any (array(
        select p.ctid
        from outbox.delivery as p
        where p.endpoint_id = p_endpoint_id and p.wake_at = 'infinity'
        order by p.message_id
        limit greatest(p_limit, 0)
        for update skip locked
    ));
    get diagnostics v_let_out = row_count;
    if v_let_out > 0 then
        perform core.hint('outbox', v_let_out);
    end if;
    return v_let_out;
end;
$$;
comment on function outbox.unpark(uuid, integer) is
$$Let the oldest parked deliveries of an endpoint be due, p_limit at most. Gives how many.$$;

create or replace function outbox.pass_gates(p_rows outbox.delivery[], p_lease interval)
returns outbox.delivery[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_passed outbox.delivery[];
    v_of_endpoint outbox.delivery[];
    v_endpoint outbox.endpoint;
    v_gate outbox.gate;
    v_named record;
    v_free integer;
    v_now_free integer;
    v_fresh integer;
    v_step interval;
    v_late outbox.delivery[];
begin
    -- Most have no endpoint, or one that is open to all.
    select array_agg(r)
    into v_passed
    from unnest(p_rows) as r
    left join outbox.endpoint as e on e.account_id = r.account_id and e.id = r.endpoint_id
    where e.id is null or (e.is_enabled and e.paused_at is null and e.breaker = 'closed' and not e.is_limited);
    if cardinality(v_passed) = cardinality(p_rows) then
        return p_rows;
    end if;

    for v_named in
        select r.account_id, r.endpoint_id
        from (select distinct n.account_id, n.endpoint_id from unnest(p_rows) as n where n.endpoint_id is not null) as r
        inner join outbox.endpoint as e on e.account_id = r.account_id and e.id = r.endpoint_id
        where not (e.is_enabled and e.paused_at is null and e.breaker = 'closed' and not e.is_limited)
        order by r.account_id, r.endpoint_id
    loop
        select e.* into v_endpoint
        from outbox.endpoint as e
        where e.account_id = v_named.account_id and e.id = v_named.endpoint_id
        for update skip locked;
        -- Somebody is at it: its deliveries are met again by the next claim.
        continue when not found;
        -- Those whose lease ran out passed before, and are still counted as under way.
        select array_agg(o.delivery order by n.lease_token is null, n.place)
        into v_of_endpoint
        from unnest(p_rows) with ordinality as n (
            account_id, message_id, endpoint_id, wake_at, lease_token, claimed_at, attempt, uncounted_attempts,
            max_attempts, is_mail, has_receiver, worker, account_hash, place
        )
        cross join lateral (
            select (
                n.account_id, n.message_id, n.endpoint_id, n.wake_at, n.lease_token, n.claimed_at, n.attempt,
                n.uncounted_attempts, n.max_attempts, n.is_mail, n.has_receiver, n.worker, n.account_hash
            )::outbox.delivery as delivery
        ) as o
        where n.endpoint_id = v_endpoint.id;

        if not v_endpoint.is_enabled then
            perform outbox.leave_gates(v_of_endpoint);
            perform outbox.bury(v_of_endpoint, 'the endpoint is disabled');
            continue;
        end if;
        if v_endpoint.paused_at is not null or (v_endpoint.breaker <> 'closed' and v_endpoint.breaker_until > v_now) then
            v_free := 0;
        elsif v_endpoint.breaker <> 'closed' then
            v_free := 1;
            update outbox.endpoint as e
            set breaker = 'half_open', breaker_until = v_now + p_lease
            where e.account_id = v_endpoint.account_id and e.id = v_endpoint.id;
        else
            v_free := cardinality(v_of_endpoint);
        end if;
        v_late := null;
        if v_endpoint.is_limited and v_free > 0 then
            select g.* into v_gate
            from outbox.gate as g
            where g.account_id = v_endpoint.account_id and g.endpoint_id = v_endpoint.id
            for update skip locked;
            continue when not found;
            v_fresh := (select count(*) from unnest(v_of_endpoint) as r where r.lease_token is null);
            if v_endpoint.max_in_flight is not null then
                v_free := least(
                    v_free,
                    greatest(v_endpoint.max_in_flight - v_gate.in_flight, 0) + cardinality(v_of_endpoint) - v_fresh
                );
            end if;
            if v_endpoint.rate_per_second is not null then
                v_step := interval '1 second' / v_endpoint.rate_per_second;
                v_gate.rate_at := least(greatest(v_gate.rate_at, v_now), v_now + interval '1 second');
                -- A second's worth may go at once; of the others those of some seconds are made due at an even pace.
                v_now_free := greatest(0, floor(
                    extract(epoch from v_now + interval '1 second' - v_gate.rate_at) * v_endpoint.rate_per_second + 0.000001
                )::integer);
                if v_now_free < v_free then
                    v_late := v_of_endpoint[v_now_free + 1:least(v_free, v_now_free + 10 * v_endpoint.rate_per_second)];
                    v_free := v_now_free;
                end if;
                v_gate.rate_at := v_gate.rate_at + v_free * v_step;
            end if;
            update outbox.gate as g
            set
                in_flight = g.in_flight + (
                    select count(*) from unnest(v_of_endpoint[1:v_free]) as r where r.lease_token is null
                ),
                rate_at = v_gate.rate_at
            where g.account_id = v_endpoint.account_id and g.endpoint_id = v_endpoint.id;
            update outbox.delivery as d
            set wake_at = greatest(v_gate.rate_at - interval '1 second', v_now) + l.place * v_step
            from unnest(v_late) with ordinality as l (
                account_id, message_id, endpoint_id, wake_at, lease_token, claimed_at, attempt, uncounted_attempts,
                max_attempts, is_mail, has_receiver, worker, account_hash, place
            )
            where d.account_id = l.account_id and d.message_id = l.message_id;
        end if;
        v_passed := v_passed || v_of_endpoint[1:v_free];
        if v_free + coalesce(cardinality(v_late), 0) < cardinality(v_of_endpoint) then
            perform outbox.park(v_of_endpoint[v_free + coalesce(cardinality(v_late), 0) + 1:]);
        end if;
    end loop;
    return v_passed;
end;
$$;
comment on function outbox.pass_gates(outbox.delivery[], interval) is
$$Which of the deliveries that a claim has locked their endpoints let through now; the others are parked, made due later, or, where
the endpoint is disabled, given up.

p_lease: how long a half-open breaker waits for the one that it lets through.$$;

create or replace function outbox.leave_gates(p_rows outbox.delivery[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_left record;
begin
    for v_left in
        select r.account_id, r.endpoint_id, count(*)::integer as left_it
        from unnest(p_rows) as r
        inner join outbox.gate as g on g.account_id = r.account_id and g.endpoint_id = r.endpoint_id
        where r.lease_token is not null
        group by r.account_id, r.endpoint_id
        order by r.account_id, r.endpoint_id
    loop
        update outbox.gate as g
        set in_flight = greatest(0, g.in_flight - v_left.left_it)
        where g.account_id = v_left.account_id and g.endpoint_id = v_left.endpoint_id;
        perform outbox.unpark(v_left.endpoint_id, v_left.left_it)
        from outbox.endpoint as e
        where e.account_id = v_left.account_id and e.id = v_left.endpoint_id
            and e.is_enabled and e.paused_at is null and e.breaker = 'closed' and e.has_parked;
    end loop;
end;
$$;
comment on function outbox.leave_gates(outbox.delivery[]) is
$$Note that deliveries are no longer under way, and let out as many of those parked for the same limited endpoints.$$;

create or replace function outbox.disable_endpoint(p_account_id uuid, p_id uuid, p_reason text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint outbox.endpoint;
begin
    update outbox.endpoint as e
    set
        is_enabled = false, disabled_at = core.now(), disabled_reason = p_reason, told_at = null, breaker = 'closed',
        breaker_until = null, breaker_changed_at = core.now()
    where e.account_id = p_account_id and e.id = p_id and e.is_enabled
    returning e.* into v_endpoint;
    if not found then
        return;
    end if;
    perform audit.record(
        'outbox.disable_endpoint', core.show_id('ep', p_id), p_account_id, jsonb_build_object('reason', p_reason)
    );
    -- Of one that its account has removed nobody wants to hear.
    if v_endpoint.removed_at is not null then
        return;
    end if;
    perform outbox.publish_event(p_account_id, 'endpoint.disabled', jsonb_build_object(
        'endpoint_id', core.show_id('ep', p_id), 'url', v_endpoint.url, 'reason', p_reason,
        'disabled_at', v_endpoint.disabled_at
    ));
end;
$$;
comment on function outbox.disable_endpoint(uuid, uuid, text) is
$$Disable an endpoint for the product's own reason, and tell the account's other endpoints (event endpoint.disabled).

disabled_at > told_at says that the owner is to be told by another channel.$$;

create or replace function outbox.turn_breakers(p_judged outbox.judgement[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_open interval := make_interval(secs => core.integer_setting('outbox.breaker_open_seconds'));
    v_of record;
    v_endpoint outbox.endpoint;
    v_tries bigint;
    v_failures bigint;
begin
    insert into outbox.tally (account_id, endpoint_id, at, tries, failures)
    select j.account_id, j.endpoint_id, v_now, count(*), count(*) filter (where j.outcome <> 'delivered')
    from unnest(p_judged) as j
    where j.endpoint_id is not null and not j.is_uncounted
    group by j.account_id, j.endpoint_id;

    for v_of in
        select
            r.*,
            -- Sent before the endpoint was changed, it went somewhere else, or says what its account has mended.
            coalesce(r.gone_at >= coalesce(e.updated_at, '-infinity'), false) as is_gone
        from (
            select
                j.account_id, j.endpoint_id, max(j.claimed_at) filter (where j.is_gone) as gone_at,
                count(*) filter (where j.outcome = 'delivered') as delivered,
                count(*) filter (where j.outcome <> 'delivered') as failed
            from unnest(p_judged) as j
            where j.endpoint_id is not null and not j.is_uncounted
            group by j.account_id, j.endpoint_id
        ) as r
        inner join outbox.endpoint as e on e.account_id = r.account_id and e.id = r.endpoint_id
        where r.failed > 0 or e.breaker <> 'closed'
        order by r.account_id, r.endpoint_id
    loop
        if v_of.is_gone then
            perform outbox.disable_endpoint(v_of.account_id, v_of.endpoint_id, 'gone');
            continue;
        end if;
        select e.* into v_endpoint
        from outbox.endpoint as e
        where e.account_id = v_of.account_id and e.id = v_of.endpoint_id
        for update;
        if v_endpoint.breaker = 'half_open' and v_of.delivered > 0 then
            update outbox.endpoint as e
            set breaker = 'closed', breaker_until = null, breaker_changed_at = v_now, breaker_turns = 0
            where e.account_id = v_of.account_id and e.id = v_of.endpoint_id;
            perform outbox.unpark(v_of.endpoint_id, least(1000, v_endpoint.max_in_flight, v_endpoint.rate_per_second));
        elsif v_endpoint.breaker = 'half_open' then
            if v_endpoint.breaker_turns >= core.integer_setting('outbox.breaker_turns') then
                perform outbox.disable_endpoint(v_of.account_id, v_of.endpoint_id, 'failing');
            else
                update outbox.endpoint as e
                set
                    breaker = 'open', breaker_until = v_now + v_open, breaker_changed_at = v_now,
                    breaker_turns = e.breaker_turns + 1
                where e.account_id = v_of.account_id and e.id = v_of.endpoint_id;
            end if;
        elsif v_endpoint.breaker = 'closed' and v_endpoint.is_enabled then
            select sum(t.tries), sum(t.failures)
            into v_tries, v_failures
            from outbox.tally as t
            where t.account_id = v_of.account_id and t.endpoint_id = v_of.endpoint_id
                and t.at > v_now - make_interval(secs => core.integer_setting('outbox.breaker_window_seconds'))
                and t.at > coalesce(v_endpoint.breaker_changed_at, '-infinity');
            if v_tries >= core.integer_setting('outbox.breaker_least_tries')
                and v_failures * 100 >= v_tries * core.integer_setting('outbox.breaker_percent')
            then
                update outbox.endpoint as e
                set breaker = 'open', breaker_until = v_now + v_open, breaker_changed_at = v_now, breaker_turns = 1
                where e.account_id = v_of.account_id and e.id = v_of.endpoint_id;
            end if;
        end if;
    end loop;
end;
$$;
comment on function outbox.turn_breakers(outbox.judgement[]) is
$$Let the breakers of endpoints turn by what came of their deliveries, and disable those that answered 410 or fail on and on.

A closed one opens when, of at least outbox.breaker_least_tries attempts in outbox.breaker_window_seconds, outbox.breaker_percent
failed. An open one lets one delivery through after outbox.breaker_open_seconds: a success closes it, a failure opens it again, and
after outbox.breaker_turns turns the endpoint is disabled.$$;

create or replace function outbox.tend_endpoints(p_limit integer default 20000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint outbox.endpoint;
    v_rows outbox.delivery[];
    v_most integer;
    v_let_out integer;
    v_total bigint := 0;
begin
    for v_endpoint in
        select e.* from outbox.endpoint as e where e.has_parked order by e.account_id, e.id for update skip locked
    loop
        if not v_endpoint.is_enabled then
            select array_agg(d)
            into v_rows
            from (
                select p.*
                from outbox.delivery as p
                where p.endpoint_id = v_endpoint.id and p.wake_at = 'infinity'
                order by p.message_id
                limit p_limit
                for update skip locked
            ) as d;
            if v_rows is not null then
                perform outbox.bury(v_rows, 'the endpoint is disabled');
                continue;
            end if;
        elsif v_endpoint.paused_at is not null then
            continue;
        elsif v_endpoint.breaker <> 'closed' then
            if v_endpoint.breaker_until <= core.now() then
                v_total := v_total + outbox.unpark(v_endpoint.id, 1);
            end if;
            continue;
        else
            v_most := least(
                p_limit, 10 * v_endpoint.rate_per_second, (
                    select greatest(v_endpoint.max_in_flight - g.in_flight, 0)
                    from outbox.gate as g
                    where g.account_id = v_endpoint.account_id and g.endpoint_id = v_endpoint.id
                        -- Nulls are passed over by greatest: who is limited by a rate alone would have no room.
                        and v_endpoint.max_in_flight is not null
                )
            );
            v_let_out := outbox.unpark(v_endpoint.id, v_most);
            v_total := v_total + v_let_out;
            continue when v_let_out >= v_most;
        end if;
        -- There were fewer than might have gone: nothing is parked any more, but what another holds this moment.
        update outbox.endpoint as e
        set has_parked = exists (
            select from outbox.delivery as d where d.endpoint_id = e.id and d.wake_at = 'infinity'
        )
        where e.account_id = v_endpoint.account_id and e.id = v_endpoint.id;
    end loop;
    return v_total;
end;
$$;
comment on function outbox.tend_endpoints(integer) is
$$Let parked deliveries out where their endpoint takes them again, p_limit an endpoint at most, and give up those of endpoints that
are disabled. A task of the clock. Gives how many were let out.$$;

create or replace function outbox.set_gates()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_changed bigint;
    v_deleted bigint;
begin
    insert into outbox.gate as g (account_id, endpoint_id, in_flight)
    select e.account_id, e.id, (
        select count(*)
        from outbox.delivery as d
        where d.account_id = e.account_id and d.endpoint_id = e.id and d.lease_token is not null
    )
    from outbox.endpoint as e
    where e.is_limited and not exists (
        select from outbox.gate as g where g.account_id = e.account_id and g.endpoint_id = e.id
    )
    on conflict on constraint gate_pkey do nothing;
    get diagnostics v_changed = row_count;
    delete from outbox.gate as g
    where not exists (
        select from outbox.endpoint as e where e.account_id = g.account_id and e.id = g.endpoint_id and e.is_limited
    );
    get diagnostics v_deleted = row_count;
    return v_changed + v_deleted;
end;
$$;
comment on function outbox.set_gates() is
$$Give every limited endpoint its gate, with what is under way already, and take those away that no longer limit.$$;

create or replace function outbox.trim_tallies()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_trimmed bigint;
begin
    delete from outbox.tally as t
    where t.at < core.now() - make_interval(secs => 2 * core.integer_setting('outbox.breaker_window_seconds'));
    get diagnostics v_trimmed = row_count;
    return v_trimmed;
end;
$$;
comment on function outbox.trim_tallies() is
$$Remove tallies that no breaker looks at any more. A task of the clock. Gives how many went.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "outbox.breaker_percent", "value": 70, "minimum": 1, "maximum": 100,
     "description": "integer: per cent of an endpoint''s attempts that must fail to open its circuit breaker"},
    {"name": "outbox.breaker_least_tries", "value": 10, "minimum": 1, "maximum": 1000000,
     "description": "integer: attempts that there must have been at least"},
    {"name": "outbox.breaker_window_seconds", "value": 300, "minimum": 1, "maximum": 86400,
     "description": "integer: seconds of attempts that count"},
    {"name": "outbox.breaker_open_seconds", "value": 30, "minimum": 1, "maximum": 86400,
     "description": "integer: seconds after which an open breaker lets one delivery through"},
    {"name": "outbox.breaker_turns", "value": 10, "minimum": 1, "maximum": 1000000,
     "description": "integer: turns from open to half-open to open after which an endpoint is disabled"}
]') as s (setting);
