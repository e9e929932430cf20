-- What the reactor calls: claim what is due, report what came of it, ask when to look again.
--
-- Locks: a claim skips rows that others hold, and so waits for nobody. A report locks its messages sorted by
-- (account, id). A report changes a message only while the lease token of its claim is still the message's own.

create or replace function outbox.list_due(p_limit integer)
returns table (account_id uuid, id uuid, wake_at timestamptz)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_window integer := 8 * p_limit;
    v_visits integer := 64;
    v_found integer;
    v_start uuid;
    v_last uuid;
begin
    return query
    select m.account_id, m.id, m.wake_at
    from outbox.message as m
    where m.state in ('pending', 'sending') and m.wake_at <= v_now
    order by m.wake_at, m.account_id, m.id
    limit v_window;
    get diagnostics v_found = row_count;
    if v_found < v_window then
        return;
    end if;

    -- More is due than was looked at, and it may all be one account's. Look at the heads of some other accounts, and
    -- next time of the ones behind them.
    v_start := core.join_halves(
        coalesce(pg_sequence_last_value('outbox.claim_cursor_high'), 0),
        coalesce(pg_sequence_last_value('outbox.claim_cursor_low'), 0)
    );
    for round in 1 .. 2 loop
        v_last := v_start;
        for visit in 1 .. v_visits loop
            select m.account_id into v_last
            from outbox.message as m
            where m.state in ('pending', 'sending') and m.account_id > v_last
            order by m.account_id
            limit 1;
            exit when not found;
            return query
            select m.account_id, m.id, m.wake_at
            from outbox.message as m
            where m.state in ('pending', 'sending') and m.account_id = v_last and m.wake_at <= v_now
            order by m.wake_at
            limit p_limit;
            v_start := v_last;
            v_visits := v_visits - 1;
        end loop;
        exit when v_visits <= 0 or round = 2;
        v_start := '00000000-0000-0000-0000-000000000000';
    end loop;
    perform
        setval('outbox.claim_cursor_high', core.high_half(v_start)),
        setval('outbox.claim_cursor_low', core.low_half(v_start));
end;
$$;
comment on function outbox.list_due(integer) is
$$Messages that a claim may take: the earliest due, and, while more is due than that, the heads of some accounts in turn.

May list a message twice. Bounded in cost, however much is due.$$;

-- Plans are made once a connection, and one made while the table was still empty must be right when it is full: only
-- index scans may be chosen.
create or replace function outbox.claim_messages(
    p_worker text,
    p_limit integer default 32,
    p_lease_seconds integer default 60
)
returns table (
    account_id uuid, id uuid, token bigint, message_id text, method text, url text, headers jsonb, body text,
    signing_secrets text[], attempt integer, timeout_ms integer, response_cap integer
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_now timestamptz;
    v_accounts uuid[];
    v_ids uuid[];
begin
    perform core.enter_machinery();
    v_now := core.now();

    -- Every account's first message comes before any account's second. Some more than are wanted: others may hold some.
    select array_agg(c.account_id), array_agg(c.id)
    into v_accounts, v_ids
    from (
        select p.account_id, p.id
        from (
            select
                d.account_id, d.id, d.wake_at,
                row_number() over (partition by d.account_id order by d.wake_at, d.id) as place
            from (select distinct l.account_id, l.id, l.wake_at from outbox.list_due(p_limit) as l) as d
        ) as p
        order by p.place, p.wake_at, p.id
        limit 4 * p_limit
    ) as c;
    select array_agg(l.account_id), array_agg(l.id)
    into v_accounts, v_ids
    from (
        select m.account_id, m.id
        from unnest(v_accounts, v_ids) with ordinality as c (account_id, id, place)
        inner join outbox.message as m on m.account_id = c.account_id and m.id = c.id
        where m.state in ('pending', 'sending') and m.wake_at <= v_now
        order by c.place
        limit p_limit
        for update of m skip locked
    ) as l;
    if v_ids is null then
        return;
    end if;

    -- A claim that ran out: nobody knows whether it was sent. It counts as an attempt.
    insert into outbox.attempt (account_id, message_id, number, outcome, worker, started_at, finished_at, kind, error)
    select
        m.account_id, m.id, m.attempt, 'lost', m.worker, m.claimed_at, greatest(m.leased_until, m.claimed_at),
        'lease_expired',
        'the lease ran out without a report'
    from unnest(v_accounts, v_ids) as c (account_id, id)
    inner join outbox.message as m on m.account_id = c.account_id and m.id = c.id
    where m.state = 'sending'
    on conflict do nothing;

    update outbox.message as m
    set state = 'dead', leased_until = null, finished_at = v_now, last_error = 'the lease ran out without a report'
    from unnest(v_accounts, v_ids) as c (account_id, id)
    where m.account_id = c.account_id and m.id = c.id
        and m.state = 'sending' and m.attempt - m.uncounted_attempts >= m.max_attempts;

    return query
    with claimed as (
        update outbox.message as m
        set
            state = 'sending',
            attempt = m.attempt + 1,
            worker = p_worker,
            lease_token = nextval('outbox.lease_token'),
            claimed_at = v_now,
            leased_until = v_now + make_interval(secs => p_lease_seconds)
        from unnest(v_accounts, v_ids) as c (account_id, id)
        where m.account_id = c.account_id and m.id = c.id and m.state in ('pending', 'sending')
        returning m.*
    )
    select
        m.account_id, m.id, m.lease_token, core.show_id('msg', m.id), m.method, m.url, m.headers, m.body,
        case when m.is_signed then outbox.name_secrets(a) else '{}' end,
        m.attempt,
        core.integer_setting('outbox.timeout_ms')::integer,
        core.integer_setting('outbox.response_cap')::integer
    from claimed as m
    inner join identity.account as a on a.id = m.account_id
    order by m.due_at, m.id;
end;
$$;
comment on function outbox.claim_messages(text, integer, integer) is
$$Claim messages that are due, and those whose lease ran out, for p_lease_seconds. Fair between accounts. For the reactor.

token: fencing token for the report. message_id: the webhook-id, the same in every attempt. signing_secrets: names of the
secrets to sign with, newest first, as they are in force now, so that a retry after a rotation is signed with both.$$;
grant execute on function outbox.claim_messages(text, integer, integer) to levqor_server;

create or replace function outbox.read_retry_after(p_value jsonb)
returns interval
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_text text := btrim(p_value #>> '{}');
    v_longest bigint := core.integer_setting('outbox.longest_retry_after');
begin
    if v_text ~ '^[0-9]{1,9}(\.[0-9]+)?$' then
        return make_interval(secs => least(v_text::numeric, v_longest)::double precision);
    end if;
    if v_text ~ '^[0-9]+(\.[0-9]+)?$' then
        return make_interval(secs => v_longest);
    end if;
    if v_text ~ '^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) '
            '\d{4} \d\d:\d\d:\d\d GMT$'
    then
        return least(
            greatest(v_text::timestamptz - core.now(), interval '0'), make_interval(secs => v_longest)
        );
    end if;
    return null;
exception
    when datetime_field_overflow then
        return null;
end;
$$;
comment on function outbox.read_retry_after(jsonb) is
$$Read a Retry-After: seconds, as number or text, or an HTTP date. Never longer than the setting outbox.longest_retry_after.

Null for anything else.$$;

create or replace function outbox.next_delay(
    p_failures integer,
    p_jitter double precision default random(),
    p_retry_after interval default null
)
returns interval
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select greatest(
        make_interval(secs =>
            (p.plan ->> least(greatest(p_failures, 1), jsonb_array_length(p.plan)) - 1)::double precision
            * (1 + (2 * p_jitter - 1) * (core.setting('outbox.retry_jitter') #>> '{}')::double precision)),
        p_retry_after
    )
    from (select core.setting('outbox.retry_plan') as plan) as p
$$;
comment on function outbox.next_delay(integer, double precision, interval) is
$$How long to wait after the p_failures-th failed attempt: the plan's wait, made longer or shorter by the jitter, or what the
receiver asked for where that is longer.

Formula: plan[p_failures] × (1 + (2 × p_jitter − 1) × outbox.retry_jitter). p_jitter: 0 to 1; 0.5 is the plan itself.$$;

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

create or replace function outbox.report_outcomes(p_outcomes jsonb, p_jitter double precision default null)
returns table (account_id uuid, id uuid, token bigint, result text, state text, due_at timestamptz)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz;
begin
    perform core.enter_machinery();
    v_now := core.now();

    perform m.id
    from outbox.message as m
    where (m.account_id, m.id) in (
        select o.account_id, o.id from jsonb_to_recordset(p_outcomes) as o (account_id uuid, id uuid)
    )
    order by m.account_id, m.id
    for update;

    return query
    with reported as materialized (
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
    judged as materialized (
        select
            r.*, m.attempt, m.worker, m.claimed_at,
            case
                when r.status between 200 and 299 then 'delivered'
                when r.status is not null then 'rejected'
                else 'failed'
            end as outcome,
            -- A server that stops breaks off what it sends: that is nobody's fault and uses up nothing.
            (r.status is null and coalesce(r.kind in ('shutdown', 'cancelled'), false)) as is_uncounted,
            case
                when r.status between 200 and 299 then 'done'
                when r.status = 410 then 'dead'
                when r.status is not null then null
                when r.kind in ('shutdown', 'cancelled') then 'pending'
                when r.kind in (
                    'address_refused', 'addressRefused', 'invalid_url', 'invalidURL',
                    'invalid_request', 'invalidRequest'
                ) then 'dead'
            end as verdict,
            m.attempt - m.uncounted_attempts as counted,
            m.max_attempts
        from reported as r
        inner join outbox.message as m on m.account_id = r.account_id and m.id = r.id
        where m.state = 'sending' and m.lease_token = r.token
    ),
    logged as (
        insert into outbox.attempt (
            account_id, message_id, number, outcome, worker, started_at, finished_at, status, kind, error,
            response_headers,
            response_body, timing, remote_address
        )
        select
            j.account_id, j.id, j.attempt, j.outcome, j.worker, coalesce(j.started_at, j.claimed_at),
            coalesce(j.finished_at, v_now), j.status, case when j.status is null then coalesce(j.kind, 'unknown') end,
            left(j.message, 1000), outbox.cap_headers(j.headers), left(j.body, 2048),
            j.timing, left(j.remote_address, 100)
        from judged as j
        on conflict do nothing
    ),
    changed as (
        update outbox.message as m
        set
            state = s.state,
            uncounted_attempts = m.uncounted_attempts + case when s.is_uncounted then 1 else 0 end,
            due_at = case when s.state = 'pending' then v_now + s.delay else m.due_at end,
            leased_until = null,
            finished_at = case when s.state <> 'pending' then v_now end,
            last_status = s.status,
            last_error = case when s.status is null then left(coalesce(s.message, s.kind, 'unknown'), 1000) end
        from (
            select
                j.account_id, j.id, j.token, j.status, j.message, j.kind, j.is_uncounted,
                coalesce(j.verdict, case when j.counted >= j.max_attempts then 'dead' else 'pending' end) as state,
                outbox.next_delay(
                    case when j.is_uncounted then 1 else j.counted end,
                    coalesce(p_jitter, random()),
                    case when j.status is not null then outbox.read_retry_after(j.retry_after) end
                ) as delay
            from judged as j
        ) as s
        where m.account_id = s.account_id and m.id = s.id
        returning m.account_id, m.id, s.token, m.state, m.due_at
    ),
    late as (
        update outbox.message as m
        set late_reports = m.late_reports + 1
        from reported as r
        where m.account_id = r.account_id and m.id = r.id
            and not exists (select from judged as j where j.account_id = r.account_id and j.id = r.id)
        returning m.account_id, m.id, r.token
    )
    select
        r.account_id, r.id, r.token,
        case
            when c.state = 'pending' then 'retry'
            when c.state is not null then c.state
            else 'ignored'
        end,
        coalesce(c.state, m.state),
        case when c.state = 'pending' then c.due_at end
    from reported as r
    left join changed as c on c.account_id = r.account_id and c.id = r.id and c.token = r.token
    left join outbox.message as m on m.account_id = r.account_id and m.id = r.id
    order by r.account_id, r.id, r.token;
end;
$$;
comment on function outbox.report_outcomes(jsonb, double precision) is
$$Record what came of claimed messages. For the reactor.

p_outcomes: array of {account_id, id, token, outcome: response or failure, kind, status, message, headers, body, timing,
remote_address, started_at, finished_at, retry_after}. p_jitter: 0 to 1, or null for chance.

result: done (2xx); retry (at due_at); dead (410, an address or URL that is refused, or the plan is used up); ignored (the
lease has passed on, or the message is gone: nothing changed but a count). A redirect is no success. A retry waits as long as
Retry-After asks, up to a day. A transfer broken off by a stopping server is repeated and uses up nothing of the plan.$$;
grant execute on function outbox.report_outcomes(jsonb, double precision) to levqor_server;

create or replace function outbox.next_due()
returns timestamptz
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.enter_machinery();
    return (
        select m.wake_at
        from outbox.message as m
        where m.state in ('pending', 'sending')
        order by m.wake_at
        limit 1
    );
end;
$$;
comment on function outbox.next_due() is
$$When a claim will find something: the earliest due time or end of a lease. Null: nothing waits. For the reactor.$$;
grant execute on function outbox.next_due() to levqor_server;
