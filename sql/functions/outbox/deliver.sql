-- What the reactor calls: claim what is due, report what came of it, ask when to look again.
--
-- Locks: a claim skips rows that others hold, and so waits for nobody. A report locks its deliveries sorted by
-- (account, id), then endpoints and gates. It changes a delivery only while the lease token of its claim is still the
-- delivery's own.
--
-- While some transaction in the cluster holds an old snapshot, what has left outbox.delivery stays in its indexes as dead
-- entries, the oldest first, and every claim would step over all of them. So a session remembers where the first live one
-- was (levqor.outbox_floor) and begins there, once the table is large. That is a hint only: what comes in below it, by a
-- transaction that took long to commit, is found when the session looks from the beginning again, every two seconds.

create or replace function outbox.read_floor(p_now timestamptz)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_floor text := current_setting('levqor.outbox_floor', true);
    v_until text := current_setting('levqor.outbox_floor_until', true);
begin
    if pg_relation_size('outbox.delivery') < core.integer_setting('outbox.floor_bytes') then
        return '-infinity';
    end if;
    if v_floor <> '' and v_until <> '' and v_until::timestamptz > clock_timestamp() and v_floor::timestamptz <= p_now then
        return v_floor::timestamptz;
    end if;
    perform
        set_config('levqor.outbox_floor', '-infinity', false),
        set_config('levqor.outbox_floor_until', (clock_timestamp() + interval '2 seconds')::text, false);
    return '-infinity';
end;
$$;
comment on function outbox.read_floor(timestamptz) is
$$From which time on this session looks for what is due: -infinity, or, while the table is large, where it found the first before.$$;

create or replace function outbox.raise_floor(p_first timestamptz, p_now timestamptz)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('levqor.outbox_floor_until', true) <> '' then
        -- A transaction writes a message with the time it began: leave those that are about to commit above it.
        perform set_config(
            'levqor.outbox_floor', least(p_first, p_now - interval '250 milliseconds')::text, false
        );
    end if;
end;
$$;
comment on function outbox.raise_floor(timestamptz, timestamptz) is
$$Remember where the first live delivery was found; null: there was none that is due.$$;

create or replace function outbox.list_due(p_limit integer)
returns table (account_id uuid, message_id uuid, wake_at timestamptz)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_floor timestamptz := outbox.read_floor(v_now);
    v_window integer := 4 * p_limit;
    v_visits integer := 64;
    v_accounts uuid[];
    v_ids uuid[];
    v_times timestamptz[];
    v_start bigint;
    v_last bigint;
begin
    select array_agg(w.account_id), array_agg(w.message_id), array_agg(w.wake_at)
    into v_accounts, v_ids, v_times
    from (
        select d.account_id, d.message_id, d.wake_at
        from outbox.delivery as d
        where d.wake_at <= v_now and d.wake_at >= v_floor
        order by d.wake_at
        limit v_window
    ) as w;
    perform outbox.raise_floor(v_times[1], v_now);
    return query select w.account_id, w.id, w.wake_at from unnest(v_accounts, v_ids, v_times) as w (account_id, id, wake_at);
    if coalesce(cardinality(v_ids), 0) < v_window then
        return;
    end if;

    -- More is due than was looked at, and it may all be one account's. Look at the heads of some other accounts, and
    -- next time of the ones behind them. With many dead entries about, not in every claim.
    if v_floor > '-infinity' then
        if current_setting('levqor.outbox_round_after', true) > clock_timestamp()::text then
            return;
        end if;
        perform set_config(
            'levqor.outbox_round_after', (clock_timestamp() + interval '100 milliseconds')::text, false
        );
    end if;
    v_start := coalesce(pg_sequence_last_value('outbox.claim_cursor'), 0);
    for round in 1 .. 2 loop
        v_last := v_start;
        for visit in 1 .. v_visits loop
            select d.account_hash into v_last
            from outbox.delivery as d
            where d.account_hash > v_last and d.wake_at <= v_now and d.wake_at >= v_floor
            order by d.account_hash
            limit 1;
            exit when not found;
            return query
            select d.account_id, d.message_id, d.wake_at
            from outbox.delivery as d
            where d.account_hash = v_last and d.wake_at <= v_now and d.wake_at >= v_floor
            order by d.wake_at
            limit p_limit;
            v_start := v_last;
            v_visits := v_visits - 1;
        end loop;
        exit when v_visits <= 0 or round = 2;
        v_start := -9223372036854775808;
    end loop;
    perform setval('outbox.claim_cursor', v_start);
end;
$$;
comment on function outbox.list_due(integer) is
$$Deliveries that a claim may take: the earliest due, and, while more is due than that, the heads of some accounts in turn.

May list one twice. Bounded in cost, however much is due.$$;

create or replace function outbox.log_lost(p_rows outbox.delivery[])
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into outbox.attempt (
        account_id, message_id, number, outcome, worker, started_at, finished_at, kind, error
    )
    select
        r.account_id, r.message_id, r.attempt, 'lost', r.worker, r.claimed_at, greatest(r.wake_at, r.claimed_at),
        'lease_expired', 'the lease ran out without a report'
    from unnest(p_rows) as r
    on conflict do nothing
$$;
comment on function outbox.log_lost(outbox.delivery[]) is
$$Log claims that ran out: nobody knows whether they were sent. Each counts as an attempt.$$;

create or replace function outbox.may_have_arrived(p_account_id uuid, p_message_id uuid)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from outbox.attempt as a
        where a.account_id = p_account_id and a.message_id = p_message_id
            and (a.outcome = 'lost' or a.outcome = 'failed' and a.kind in ('timeout', 'protocol', 'cancelled', 'shutdown', 'internal'))
    )
$$;
comment on function outbox.may_have_arrived(uuid, uuid) is
$$Whether an attempt of a message may have reached its receiver although nobody heard the answer.$$;

-- Plans are made once a connection, and one made while the tables were still empty must be right when they are full: only
-- index scans in nested loops may be chosen.
create or replace function outbox.claim_messages(
    p_worker text,
    p_limit integer default 32,
    p_lease_seconds integer default 60
)
returns table (
    account_id uuid, id uuid, token bigint, message_id text, method text, url text, headers jsonb, body text,
    signing_secrets text[], attempt integer, timeout_ms integer, response_cap integer, kind text, signer jsonb,
    mail jsonb, body_kept integer
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_now timestamptz;
    v_lease interval := make_interval(secs => p_lease_seconds);
    v_accounts uuid[];
    v_ids uuid[];
    v_rows outbox.delivery[];
    v_lost outbox.delivery[];
    v_exhausted outbox.delivery[];
    v_timeout integer := core.integer_setting('outbox.timeout_ms')::integer;
    v_cap integer := core.integer_setting('outbox.response_cap')::integer;
begin
    perform core.enter_machinery();
    v_now := core.now();

    -- Every account's first message comes before any account's second. Some more than are wanted: others may hold some.
    select array_agg(c.account_id), array_agg(c.message_id)
    into v_accounts, v_ids
    from (
        select p.account_id, p.message_id
        from (
            select
                d.account_id, d.message_id, d.wake_at,
                row_number() over (partition by d.account_id order by d.wake_at, d.message_id) as place
            from (select distinct l.account_id, l.message_id, l.wake_at from outbox.list_due(p_limit) as l) as d
        ) as p
        order by p.place, p.wake_at, p.message_id
        limit 4 * p_limit
    ) as c;
    if v_ids is null then
        return;
    end if;
    select array_agg(l.taken)
    into v_rows
    from (
        select d as taken
        from unnest(v_accounts, v_ids) with ordinality as c (account_id, message_id, place)
        inner join outbox.delivery as d on d.account_id = c.account_id and d.message_id = c.message_id
        where d.wake_at <= v_now
        order by c.place
        limit p_limit
        for update of d skip locked
    ) as l;
    if v_rows is null then
        return;
    end if;

    select array_agg(r) filter (where r.lease_token is not null), array_agg(r) filter (
        where r.lease_token is not null and r.attempt - r.uncounted_attempts >= r.max_attempts
    )
    into v_lost, v_exhausted
    from unnest(v_rows) as r;
    if v_lost is not null then
        perform outbox.log_lost(v_lost);
    end if;
    if v_exhausted is not null then
        perform outbox.leave_gates(v_exhausted);
        perform outbox.bury(v_exhausted, 'the lease ran out without a report');
        v_rows := array(select r from unnest(v_rows) as r where not r = any (v_exhausted));
    end if;
    if exists (select from unnest(v_rows) as r where r.endpoint_id is not null) then
        v_rows := outbox.pass_gates(v_rows, v_lease);
    end if;

    return query
    with claimed as (
        update outbox.delivery as d
        set
            attempt = d.attempt + 1,
            worker = p_worker,
            lease_token = nextval('outbox.lease_token'),
            claimed_at = v_now,
            wake_at = v_now + v_lease
        from unnest(v_rows) as r
        where d.account_id = r.account_id and d.message_id = r.message_id
        returning d.*, r.wake_at as due_at
    ),
    -- Secrets by who signs: looked up once each, however many messages there are.
    signed as materialized (
        select n.account_id, n.endpoint_id, (
            -- A retry goes where the endpoint is now.
            select e.url from outbox.endpoint as e where e.account_id = n.account_id and e.id = n.endpoint_id
        ) as url, case
            when n.endpoint_id is null
                then (select outbox.name_secrets(a) from identity.account as a where a.id = n.account_id)
            else outbox.name_endpoint_secrets(n.account_id, n.endpoint_id)
        end as secrets
        from (select distinct r.account_id, r.endpoint_id from unnest(v_rows) as r) as n
    )
    select
        c.account_id, c.message_id, c.lease_token, core.show_id('msg', c.message_id), m.method,
        coalesce(s.url, m.url), m.headers, case when r.is_repeated then m.receiver_context ->> 'repeated_body' else m.body end,
        case when m.is_signed then s.secrets else '{}' end,
        c.attempt, v_timeout, v_cap, m.kind, m.signer, m.mail,
        case when m.receiver is null then 2048 else v_cap end
    from claimed as c
    -- Apart: a plan made without statistics might begin with all messages of the accounts that sign.
    cross join lateral (
        select n.* from outbox.message as n where n.account_id = c.account_id and n.id = c.message_id limit 1
    ) as m
    -- Receivers without a key to tell a repetition by are told in the body, where its sender has made one for that.
    cross join lateral (
        select case
            when c.attempt > 1 and m.receiver_context ? 'repeated_body'
                then outbox.may_have_arrived(c.account_id, c.message_id)
            else false
        end as is_repeated
    ) as r
    inner join signed as s on s.account_id = c.account_id and s.endpoint_id is not distinct from c.endpoint_id
    order by c.due_at, c.message_id;
end;
$$;
comment on function outbox.claim_messages(text, integer, integer) is
$$Claim messages that are due, and those whose lease ran out, for p_lease_seconds. Fair between accounts. For the reactor.

token: fencing token for the report. message_id: the webhook-id, the same in every attempt. signing_secrets: names of the
secrets to sign with, newest first, as they are in force now, so that a retry after a rotation is signed with both. signer: how
else it is signed. mail: what to send, for kind mail. body_kept: how many bytes of the answer's body the report is to hold.$$;
grant execute on function outbox.claim_messages(text, integer, integer) to levqor_server;

create or replace function outbox.cap_headers(p_headers jsonb)
returns jsonb
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case
        when jsonb_typeof(p_headers) is distinct from 'object' then null
        when length(p_headers::text) <= 8192 then p_headers
        else (
            select coalesce(jsonb_object_agg(s.key, s.value), '{}')
            from (
                select h.key, h.value, sum(length(h.key) + length(h.value::text) + 6) over (order by h.key) as total
                from jsonb_each(p_headers) as h
            ) as s
            where s.total <= 8192
        )
    end
$$;
comment on function outbox.cap_headers(jsonb) is
$$Keep of an answer's headers what fits into 8 KiB, in order of their names.$$;

create or replace function outbox.judge_outcomes(p_outcomes jsonb, p_jitter double precision)
returns outbox.judgement[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_judged outbox.judgement[];
begin
    with reported as (
        select distinct on (o.account_id, o.id, o.token)
            o.account_id, o.id, o.token, o.kind, o.message, o.headers, o.body, o.timing, o.remote_address, o.started_at,
            o.finished_at, o.retry_after,
            case when o.outcome = 'response' then o.status end as status
        from jsonb_to_recordset(p_outcomes) as o (
            account_id uuid, id uuid, token bigint, outcome text, kind text, status integer, message text,
            headers jsonb, body text, timing jsonb, remote_address text, started_at timestamptz,
            finished_at timestamptz, retry_after jsonb
        )
        order by o.account_id, o.id, o.token
    ),
    locked as (
        select r.*, d.endpoint_id, d.attempt, d.uncounted_attempts, d.max_attempts, d.is_mail, d.has_receiver, d.worker,
            d.claimed_at
        from reported as r
        inner join outbox.delivery as d on d.account_id = r.account_id and d.message_id = r.id and d.lease_token = r.token
        order by d.account_id, d.message_id
        for update of d
    ),
    judged as (
        select
            l.*,
            case
                when l.status between 200 and 299 then 'delivered' when l.status is not null then 'rejected' else 'failed'
            end as outcome,
            -- A server that stops breaks off what it sends: that is nobody's fault and uses up nothing.
            l.status is null and coalesce(l.kind in ('shutdown', 'cancelled', 'not_configured'), false) as is_uncounted,
            case
                when l.status between 200 and 299 then 'done'
                when l.status = 410 and not l.is_mail or l.status between 500 and 599 and l.is_mail then 'dead'
                when l.status is null and l.kind in ('shutdown', 'cancelled', 'not_configured') then 'pending'
                when l.status is null and l.kind in (
                    'address_refused', 'addressRefused', 'invalid_url', 'invalidURL', 'invalid_request',
                    'invalidRequest', 'credential_missing', 'credential_unusable'
                ) then 'dead'
                when l.attempt - l.uncounted_attempts >= l.max_attempts then 'dead'
                else 'pending'
            end as state
        from locked as l
    )
    select array_agg(
        row(
            j.account_id, j.id, j.endpoint_id, j.token, j.attempt, j.uncounted_attempts, j.max_attempts, j.is_mail,
            j.has_receiver, j.worker, j.claimed_at, j.status, case when j.status is null then coalesce(j.kind, 'unknown') end,
            j.message, j.headers, j.body, j.timing, j.remote_address, j.started_at, j.finished_at, j.outcome,
            j.is_uncounted, j.endpoint_id is not null and coalesce(j.status = 410, false), j.state,
            case when j.state = 'pending' and j.kind = 'not_configured' then interval '5 minutes' when j.state = 'pending' then outbox.next_delay(
                case when j.is_uncounted then 1 else j.attempt - j.uncounted_attempts end,
                coalesce(p_jitter, random()),
                case when j.status is not null then outbox.read_retry_after(j.retry_after) end
            ) end
        )::outbox.judgement
        order by j.account_id, j.id
    )
    into v_judged
    from judged as j;
    return v_judged;
end;
$$;
comment on function outbox.judge_outcomes(jsonb, double precision) is
$$Read reported outcomes, lock those of their deliveries that are still under the reported lease, and say what is to become of each.
Null: none is.$$;

create or replace function outbox.tell_receivers(p_judged outbox.judgement[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_end record;
    v_outcome jsonb;
    v_error text;
begin
    for v_end in
        select j.*, m.receiver, m.receiver_context
        from unnest(p_judged) as j
        inner join outbox.message as m on m.account_id = j.account_id and m.id = j.message_id
        where j.has_receiver and j.state <> 'pending'
        order by j.account_id, j.message_id
    loop
        v_outcome := jsonb_build_object(
            'message_id', core.show_id('msg', v_end.message_id), 'state', v_end.state, 'status', v_end.status, 'headers',
            coalesce(v_end.headers, '{}'), 'body', coalesce(v_end.body, ''), 'error', v_end.message, 'kind', v_end.kind
        );
        v_error := outbox.call_receiver(v_end.receiver, v_end.receiver_context, v_outcome);
        if v_error is not null then
            perform outbox.keep_receipt(
                v_end.account_id, v_end.message_id, v_end.receiver, v_end.receiver_context, v_outcome, v_error
            );
        end if;
    end loop;
end;
$$;
comment on function outbox.tell_receivers(outbox.judgement[]) is
$$Call the receivers of messages that are done or dead. One that raises an error is called again by the clock.$$;

create or replace function outbox.report_outcomes(p_outcomes jsonb, p_jitter double precision default null)
returns table (account_id uuid, id uuid, token bigint, result text, state text, due_at timestamptz)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_now timestamptz;
    v_judged outbox.judgement[];
    v_hint text;
begin
    perform core.enter_machinery();
    v_now := core.now();
    v_judged := outbox.judge_outcomes(p_outcomes, p_jitter);

    if v_judged is not null then
        insert into outbox.attempt (
            account_id, message_id, number, outcome, worker, started_at, finished_at, status, kind, error,
            response_headers, response_body, timing, remote_address
        )
        select
            j.account_id, j.message_id, j.attempt, j.outcome, j.worker, coalesce(j.started_at, j.claimed_at),
            coalesce(j.finished_at, v_now), j.status, j.kind, left(j.message, 1000),
            -- Nearly always they fit, which costs no call.
            case
                when jsonb_typeof(j.headers) = 'object' and length(j.headers::text) <= 8192 then j.headers
                else outbox.cap_headers(j.headers)
            end,
            left(j.body, 2048), j.timing, left(j.remote_address, 100)
        from unnest(v_judged) as j
        on conflict do nothing;
        delete from outbox.delivery as d
        using unnest(v_judged) as j
        where d.account_id = j.account_id and d.message_id = j.message_id and j.state <> 'pending';
        if exists (select from unnest(v_judged) as j where j.state <> 'done') then
            update outbox.delivery as d
            set
                lease_token = null,
                claimed_at = null,
                wake_at = v_now + j.delay,
                uncounted_attempts = d.uncounted_attempts + j.is_uncounted::integer
            from unnest(v_judged) as j
            where d.account_id = j.account_id and d.message_id = j.message_id and j.state = 'pending';
            insert into outbox.dead_letter as l (account_id, message_id, endpoint_id, reason, status, died_at)
            select
                j.account_id, j.message_id, j.endpoint_id,
                left(coalesce(j.message, 'answered ' || j.status, j.kind), 1000), j.status, v_now
            from unnest(v_judged) as j
            where j.state = 'dead'
            on conflict on constraint dead_letter_pkey do update
            set reason = excluded.reason, status = excluded.status, died_at = excluded.died_at;
        end if;
        if exists (select from unnest(v_judged) as j where j.endpoint_id is not null) then
            perform outbox.turn_breakers(v_judged);
            perform outbox.leave_gates(array(
                select row(
                    j.account_id, j.message_id, j.endpoint_id, v_now, j.token, v_now, j.attempt, j.uncounted_attempts,
                    j.max_attempts, j.is_mail, j.has_receiver, j.worker, 0
                )::outbox.delivery
                from unnest(v_judged) as j
                where j.endpoint_id is not null
            ));
        end if;
        if exists (select from unnest(v_judged) as j where j.has_receiver and j.state <> 'pending') then
            perform outbox.tell_receivers(v_judged);
        end if;
    end if;

    -- Deliveries that were let out, and what receivers began. Nobody is waiting for this statement's answer.
    foreach v_hint in array core.take_hints() loop
        perform pg_notify('levqor', v_hint);
    end loop;

    return query
    select
        j.account_id, j.message_id, j.token, case j.state when 'pending' then 'retry' else j.state end, j.state,
        case when j.state = 'pending' then v_now + j.delay end
    from unnest(v_judged) as j;
    if cardinality(v_judged) = jsonb_array_length(p_outcomes) then
        return;
    end if;
    return query
    with late as materialized (
        select distinct on (o.account_id, o.id, o.token) o.account_id, o.id, o.token, o.status
        from jsonb_to_recordset(p_outcomes) as o (account_id uuid, id uuid, token bigint, status integer)
        where not exists (
            select from unnest(v_judged) as j
            where j.account_id = o.account_id and j.message_id = o.id and j.token = o.token
        )
        order by o.account_id, o.id, o.token
    ),
    noted as (
        insert into outbox.late_report (account_id, message_id, token, reported_at, status)
        select l.account_id, l.id, l.token, v_now, l.status
        from late as l
        where exists (select from outbox.message as m where m.account_id = l.account_id and m.id = l.id)
        on conflict on constraint late_report_pkey do nothing
    )
    select l.account_id, l.id, l.token, 'ignored', outbox.message_state(l.account_id, l.id), null::timestamptz
    from late as l;
end;
$$;
comment on function outbox.report_outcomes(jsonb, double precision) is
$$Record what came of claimed messages. For the reactor.

p_outcomes: array of {account_id, id, token, outcome: response or failure, kind, status, message, headers, body, timing,
remote_address, started_at, finished_at, retry_after}. p_jitter: 0 to 1, or null for chance.

result: done (2xx); retry (at due_at); dead (410, an address or URL that is refused, a credential that is missing, or the plan is
used up); ignored (the lease has passed on, or the message is gone: nothing changed but the list of late reports). A redirect is no
success. Of a mail, status is the SMTP reply: 4xx is tried again, 5xx is final. A retry waits as long as Retry-After asks, up to a
day. A transfer broken off by a stopping server is repeated and uses up nothing of the plan. 410 disables the endpoint.$$;
grant execute on function outbox.report_outcomes(jsonb, double precision) to levqor_server;

create or replace function outbox.next_due()
returns timestamptz
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
    perform core.enter_machinery();
    -- Between now and the next one there may be dead entries of many leases: do not step over them, look again soon.
    if pg_relation_size('outbox.delivery') >= core.integer_setting('outbox.floor_bytes') then
        return core.now() + interval '1 second';
    end if;
    return (
        select d.wake_at from outbox.delivery as d where d.wake_at < 'infinity' order by d.wake_at limit 1
    );
end;
$$;
comment on function outbox.next_due() is
$$When a claim will find something: the earliest due time or end of a lease. Null: nothing waits. For the reactor.

While the table of deliveries is large (outbox.floor_bytes): in a second, whatever waits.$$;
grant execute on function outbox.next_due() to levqor_server;

create or replace function outbox.compact()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return core.compact('outbox.delivery', 'true', core.integer_setting('outbox.compact_bytes'));
end;
$$;
comment on function outbox.compact() is
$$Rewrite the deliveries when dead rows have made their table large, which an old snapshot does to it: core.compact(). Gives the bytes
won.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "outbox.timeout_ms", "value": 20000, "minimum": 100, "maximum": 600000,
        "description": "integer: milliseconds an attempt may take in all"},
    {"name": "outbox.response_cap", "value": 65536, "minimum": 0, "maximum": 1048576,
        "description": "integer: bytes of an answer that are read at most"},
    {"name": "outbox.compact_bytes", "value": 4194304, "minimum": 0, "maximum": 1000000000000,
     "description": "integer: bytes from which outbox.delivery is rewritten without its dead rows while somebody holds an old snapshot, if that is less than core.compact_bytes"},
    {"name": "outbox.floor_bytes", "value": 1048576, "minimum": 0, "maximum": 1000000000000,
     "description": "integer: bytes of outbox.delivery from which claims remember where the first due one was"}
]') as s (setting);
