-- Idempotency-Key (IETF httpapi draft): the same POST sent again gets the answer of the first, and is not done again.
-- The server has read the header: context.idempotency_key is the key without quotes.
--
-- http.handle_many opens the keys of a batch after the guard and before anything is charged, and closes those of the
-- calls that were done, in the one transaction of the batch. So the answer is kept exactly if its work is.
--
-- Locks, of which none is waited for:
--   - the advisory lock of (account, key) where there is no row: the row of an open transaction can not be seen, and its
--     lock can. 64 bits of a hash: if two keys ever share one, the second call is told 409 and succeeds a second later.
--   - the row, where there is one that will be written over. It keeps http.purge_idempotency, which takes no advisory
--     locks, away from it, and a request that was parked apart from another that takes its place.
-- All of this is right at the isolation level read committed, where each query sees what was committed before it began.

create or replace function http.fingerprint_call(p_method text, p_path text, p_parameters text, p_body text)
returns bytea
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    -- None of the first three can hold a line feed: JSON text has it escaped.
    select sha256(convert_to(concat_ws(E'\n', p_method, p_path, coalesce(p_parameters, ''), coalesce(p_body, '')), 'UTF8'))
$$;
comment on function http.fingerprint_call(text, text, text, text) is
$$What makes two requests under one key the same: SHA-256 of method, path template, parameters of path and query as JSON text,
and the bytes of the body. Other bytes are another request, also where the JSON means the same.$$;

create or replace function http.lock_of_key(p_account_id uuid, p_key text)
returns bigint
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    -- SHA-256, because nobody can find a key that falls on a stranger's lock.
    select ('x' || encode(
        substring(sha256('idempotency-key'::bytea || uuid_send(p_account_id) || convert_to(p_key, 'UTF8')) from 1 for 8),
        'hex'
    ))::bit(64)::bigint
$$;
comment on function http.lock_of_key(uuid, text) is
$$The advisory lock of an account's Idempotency-Key: 64 bits of a hash of both.$$;

create or replace function http.refuse_key(p_verdict text, p_request_id text, p_status integer default null)
returns http.response
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    -- No call is being carried out yet, so the problem does not know its request by itself.
    v_more text := jsonb_build_object('request_id', p_request_id)::text;
begin
    return case p_verdict
        when 'busy' then http.problem(
            'LQIKU', 'another call with this Idempotency-Key is being carried out',
            p_hint => 'Send the same again in a second: it gets the answer of that one.',
            p_more => v_more, p_headers => '{"Retry-After": "1"}'
        )
        when 'mismatch' then http.problem(
            'LQIKR', 'this Idempotency-Key came before with another request',
            'Method, path, parameters or the bytes of the body differ.',
            'Send the very same request, or a key of its own for this one.', v_more
        )
        when 'withheld' then http.problem(
            'LQIKW', 'this was done before, and its answer can not be given again',
            format('It had the status %s and held a secret that is shown once and kept nowhere.', p_status),
            'If that answer never arrived: take back what was made, and make another under a new Idempotency-Key.',
            v_more, p_headers => '{"Idempotent-Replayed": "true"}'
        )
        else http.problem(
            'LQ400', 'the header Idempotency-Key holds no key',
            p_hint => 'Send it once, with 1 to 255 characters of visible ASCII, such as a UUID.', p_more => v_more
        )
    end;
end;
$$;
comment on function http.refuse_key(text, text, integer) is
$$The answer to a call that is not carried out because of its Idempotency-Key.

p_verdict: busy (409), mismatch (422), withheld (409), malformed (400). p_status: of the answer that is withheld.$$;

create or replace function http.open_idempotent(
    p_calls http.call[],
    p_contexts jsonb[],
    p_request_ids text[],
    p_parameters text[],
    p_bodies text[]
)
returns table (
    ordinal integer,
    verdict text,
    status integer,
    headers jsonb,
    body text,
    reveal jsonb,
    key text,
    fingerprint bytea
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_calls http.keyed_call[];
    v_row record;
    v_answer http.response;
    v_is_absent boolean;
    v_taken text[] := '{}';
begin
    select array_agg(
        row(
            k.ordinal, k.account_id, k.key, k.fingerprint, k.request_id, k.is_continued,
            k.key is not null and pg_try_advisory_xact_lock(http.lock_of_key(k.account_id, k.key))
        )::http.keyed_call
    )
    into v_calls
    from (
        select
            c.ordinal,
            c.account_id,
            case
                when length(p_contexts[c.ordinal] ->> 'idempotency_key') between 1 and 255
                    then p_contexts[c.ordinal] ->> 'idempotency_key'
            end as key,
            http.fingerprint_call(r.method, r.path, p_parameters[c.ordinal], p_bodies[c.ordinal]) as fingerprint,
            p_request_ids[c.ordinal] as request_id,
            p_contexts[c.ordinal] ?| '{wait_until,admitted}' as is_continued
        from unnest(p_calls) as c
        inner join http.route as r on r.id = c.route_id and r.method = 'POST'
        where c.refusal is null and c.account_id is not null and p_contexts[c.ordinal] ? 'idempotency_key'
        offset 0
    ) as k;

    -- A query of its own, begun when the locks were held: what the holder before us left is committed and seen here.
    for v_row in
        select a.*, i.fingerprint as first_fingerprint, i.state, i.request_id as owner, i.leased_until, i.status, i.headers,
            i.body, i.reveal, i.is_withheld, i.expires_at
        from unnest(v_calls) as a
        left join lateral (
            select o.* from http.idempotency_key as o where o.account_id = a.account_id and o.key = a.key offset 0
        ) as i on true
        -- A parked call goes before one that would take its place.
        order by a.is_continued desc, a.ordinal
    loop
        ordinal := v_row.ordinal;
        key := v_row.key;
        fingerprint := v_row.fingerprint;
        v_is_absent := v_row.state is null or v_row.expires_at <= core.now();
        verdict := case
            when v_row.key is null then 'malformed'
            -- Locks are re-entrant: equal keys within this batch are only found by comparing.
            when v_is_absent and (not v_row.is_locked or v_row.account_id || v_row.key = any (v_taken)) then 'busy'
            when v_is_absent then 'new'
            when v_row.first_fingerprint <> v_row.fingerprint then 'mismatch'
            when v_row.state = 'done' and v_row.is_withheld then 'withheld'
            when v_row.state = 'done' then 'replay'
            when v_row.account_id || v_row.key = any (v_taken) then 'busy'
            when v_row.is_continued and v_row.owner = v_row.request_id then 'new'
            when v_row.leased_until > core.now() then 'busy'
            else 'new'
        end;
        if verdict = 'new' and v_row.state is not null then
            -- Also refuses a row that has changed since it was read.
            perform
            from http.idempotency_key as i
            where i.account_id = v_row.account_id and i.key = v_row.key and i.state = v_row.state
                and i.request_id = v_row.owner and i.expires_at = v_row.expires_at
            for update skip locked;
            if not found then
                verdict := 'busy';
            end if;
        end if;

        v_answer := null;
        if verdict = 'new' then
            v_taken := v_taken || (v_row.account_id || v_row.key);
        elsif verdict = 'replay' then
            v_answer := row(
                v_row.status, v_row.headers || '{"Idempotent-Replayed": "true"}', v_row.body, null, null, v_row.reveal
            );
        else
            v_answer := http.refuse_key(verdict, v_row.request_id, v_row.status);
        end if;
        status := v_answer.status;
        headers := v_answer.headers;
        body := v_answer.body;
        reveal := v_answer.reveal;
        return next;
    end loop;
end;
$$;
comment on function http.open_idempotent(http.call[], jsonb[], text[], text[], text[]) is
$$Look up the Idempotency-Keys of a batch: one row for each POST of a known account that bears one and that nothing refuses yet.

verdict: new: go on; the key is held until this transaction ends, and is to be closed with key and fingerprint as given here.
Anything else is the answer, with status, headers, body and reveal: replay (the stored one), busy (409: another call with this
key is going on, or stands before it in this batch), mismatch (422: the key came with another request), withheld (409: the
answer held a secret), malformed (400: a key that is empty or too long, which the server does not let in).

Waits for nothing and writes nothing: a call that is refused afterwards leaves no trace.

Call it outside of any subtransaction: an error in one gives its locks away.$$;

create or replace function http.idempotency_interval()
returns interval
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select make_interval(hours => core.integer_setting('http.idempotency_hours')::integer)
$$;
comment on function http.idempotency_interval() is
$$How long an answer is kept for its Idempotency-Key, by the setting http.idempotency_hours: an hour to a year.$$;

create or replace function http.close_idempotent(
    p_account_ids uuid[],
    p_keys text[],
    p_fingerprints bytea[],
    p_request_ids text[],
    p_statuses integer[],
    p_headers jsonb[],
    p_bodies text[],
    p_reveals jsonb[]
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_kept_for interval := http.idempotency_interval();
begin
    insert into http.idempotency_key as i (
        account_id, key, fingerprint, state, request_id, status, headers, body, reveal, is_withheld, created_at, expires_at
    )
    select
        d.account_id, d.key, d.fingerprint, 'done', d.request_id, d.status, coalesce(d.headers, '{}'),
        case when not w.is_withheld then d.body end, d.reveal, w.is_withheld, core.now(),
        core.now() + v_kept_for
    from unnest(
        p_account_ids, p_keys, p_fingerprints, p_request_ids, p_statuses, p_headers, p_bodies, p_reveals
    ) as d (account_id, key, fingerprint, request_id, status, headers, body, reveal)
    -- With a placeholder for each secret, the body itself holds none.
    cross join lateral (
        select d.status < 400 and d.reveal is null and coalesce(d.headers::text ilike '%no-store%', false) as is_withheld
    ) as w
    where d.status < 500 and d.status not in (409, 429)
    order by d.account_id, d.key
    on conflict on constraint idempotency_key_pkey do update
    set
        fingerprint = excluded.fingerprint,
        state = excluded.state,
        request_id = excluded.request_id,
        leased_until = null,
        status = excluded.status,
        headers = excluded.headers,
        body = excluded.body,
        reveal = excluded.reveal,
        is_withheld = excluded.is_withheld,
        created_at = excluded.created_at,
        expires_at = excluded.expires_at;

    -- What may end otherwise next time is not remembered: the key is free again.
    delete from http.idempotency_key as i
    using unnest(p_account_ids, p_keys, p_statuses) as d (account_id, key, status)
    where i.account_id = d.account_id and i.key = d.key and (d.status >= 500 or d.status in (409, 429));
end;
$$;
comment on function http.close_idempotent(uuid[], text[], bytea[], text[], integer[], jsonb[], text[], jsonb[]) is
$$Keep the answers of calls that http.open_idempotent called new, for as many hours as the setting http.idempotency_hours says.

One array element a call. p_headers: the door's own, without those of rate limits, which every answer gets anew. Not kept:
5xx, 409 and 429; their keys are free again. Of a success with Cache-Control: no-store and no reveal the body is not kept.

As the machinery, in the transaction of the calls.$$;

create or replace function http.hold_idempotent(
    p_account_ids uuid[],
    p_keys text[],
    p_fingerprints bytea[],
    p_request_ids text[],
    p_until timestamptz[]
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_kept_for interval := http.idempotency_interval();
begin
    insert into http.idempotency_key as i (
        account_id, key, fingerprint, state, request_id, leased_until, created_at, expires_at
    )
    select
        d.account_id, d.key, d.fingerprint, 'running', d.request_id, l.leased_until, core.now(),
        greatest(
            core.now() + v_kept_for,
            l.leased_until
        )
    from unnest(p_account_ids, p_keys, p_fingerprints, p_request_ids, p_until)
        as d (account_id, key, fingerprint, request_id, until)
    -- The last call of a parked request comes a little after its end, and may have to come twice.
    cross join lateral (
        select greatest(d.until, core.now()) + interval '30 seconds' as leased_until
    ) as l
    order by d.account_id, d.key
    on conflict on constraint idempotency_key_pkey do update
    set
        fingerprint = excluded.fingerprint,
        state = excluded.state,
        request_id = excluded.request_id,
        leased_until = excluded.leased_until,
        status = null,
        headers = null,
        body = null,
        reveal = null,
        is_withheld = false,
        created_at = excluded.created_at,
        expires_at = excluded.expires_at
    -- A request that is only parked again, until the same end, writes nothing.
    where (i.state, i.request_id, i.leased_until) is distinct from ('running', excluded.request_id, excluded.leased_until);
end;
$$;
comment on function http.hold_idempotent(uuid[], text[], bytea[], text[], timestamptz[]) is
$$Keep the keys of calls that are parked: they hold no transaction, so a lease stands for them until 30 seconds after p_until.

For calls that http.open_idempotent called new. Until the lease ends the same key is answered 409; then the same request takes
it over. The parked call itself comes back under its request id, with wait_until or admitted in its context.

As the machinery, in the transaction of the calls.$$;

create or replace function http.settle_idempotent(
    p_calls http.call[],
    p_request_ids text[],
    p_keys text[],
    p_fingerprints bytea[],
    p_answers http.response[]
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform http.close_idempotent(
        array_agg(d.account_id), array_agg(d.key), array_agg(d.fingerprint), array_agg(d.request_id), array_agg(d.status),
        array_agg(d.headers), array_agg(d.body), array_agg(d.reveal)
    )
    from (
        select c.account_id, p_keys[c.ordinal] as key, p_fingerprints[c.ordinal] as fingerprint,
            p_request_ids[c.ordinal] as request_id, a.status, a.headers, a.body, a.reveal
        from unnest(p_calls) as c
        cross join lateral (select (p_answers[c.ordinal]).*) as a
        where p_keys[c.ordinal] is not null and a.status is not null
    ) as d
    having count(*) > 0;

    perform http.hold_idempotent(
        array_agg(d.account_id), array_agg(d.key), array_agg(d.fingerprint), array_agg(d.request_id), array_agg(d.wait_until)
    )
    from (
        select c.account_id, p_keys[c.ordinal] as key, p_fingerprints[c.ordinal] as fingerprint,
            p_request_ids[c.ordinal] as request_id, a.wait_until
        from unnest(p_calls) as c
        cross join lateral (select (p_answers[c.ordinal]).*) as a
        where p_keys[c.ordinal] is not null and a.status is null and a.wait_for is not null
    ) as d
    having count(*) > 0;
end;
$$;
comment on function http.settle_idempotent(http.call[], text[], text[], bytea[], http.response[]) is
$$Close and hold the keys of a batch at its end, by what its calls answered.

p_keys, p_fingerprints: as http.open_idempotent gave them, by place in the batch, null for calls that are not new. p_answers:
what the doors answered, null for calls that are sent again: their keys are free when the transaction ends.

As the machinery, in the transaction of the calls.$$;

create or replace function http.purge_idempotency(p_limit integer default 100000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_purged bigint;
    v_held uuid[] := core.held_accounts('http.idempotency_key');
begin
    delete from http.idempotency_key as i
    where i.ctid = any (array(
        select o.ctid
        from http.idempotency_key as o
        where o.expires_at <= core.now() and not coalesce(o.account_id = any (v_held), v_held is null)
        order by o.expires_at
        limit p_limit
        -- What a call is about to write over is left to it.
        for update skip locked
    ));
    get diagnostics v_purged = row_count;
    return v_purged;
end;
$$;
comment on function http.purge_idempotency(integer) is
$$Remove expired answers that are under no legal hold, the oldest first, up to a number. Gives how many went.$$;

select core.seed_error_codes('[
  {"sqlstate": "LQIKU", "status": 409, "slug": "idempotency-key-in-use",
      "title": "A call with this key is being carried out", "is_shown": true},
  {"sqlstate": "LQIKR", "status": 422, "slug": "idempotency-key-reused",
      "title": "This key came with another request", "is_shown": true},
  {"sqlstate": "LQIKW", "status": 409, "slug": "idempotency-answer-withheld",
      "title": "The answer was shown once and is not kept", "is_shown": true}
]');

select core.seed('core.setting', '{name}', '{
    "name": "http.idempotency_hours", "value": 24, "minimum": 1, "maximum": 8760,
    "description": "integer: hours that an answer is kept for its Idempotency-Key, 1 to 8760"}');
