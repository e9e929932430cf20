-- What is done with an event, outside of the request that brought it.
--
-- Locks: a delivery at a time, skipped when another server has it; all are held until the clock's run commits. What a
-- handler does, and that it did it, commit together: inside the database an event is handled exactly once.

create or replace function inbox.keep(p_event inbox.event)
returns void
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
$$;
comment on function inbox.keep(inbox.event) is
$$The handler of sources that name none: the delivery is kept, and that is all.$$;

create or replace function inbox.find_handler(p_name text)
returns regprocedure
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_function regprocedure;
begin
    -- Only what was made to be a handler has this argument: no other function can be named.
    if p_name ~ '^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$' then
        v_function := to_regprocedure(p_name || '(inbox.event)');
    end if;
    if v_function is null then
        raise exception using
            errcode = 'LQ422',
            message = format('no handler %s(p_event inbox.event)', p_name),
            hint = 'Make the function first, or name another.';
    end if;
    return v_function;
end;
$$;
comment on function inbox.find_handler(text) is
$$The function behind the name of a handler. Raises LQ422 when there is none that takes an inbox.event.$$;

create or replace function inbox.read_event(p_delivery inbox.delivery, p_source text)
returns inbox.event
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select row(
        p_delivery.id, p_source, p_delivery.account_id, p_delivery.event_id, p_delivery.event_type, p_delivery.event_at,
        p_delivery.received_at, inbox.read_json(p_delivery.body), p_delivery.headers, p_delivery.body,
        p_delivery.attempts + 1, p_delivery.replays > 0
    )::inbox.event
$$;
comment on function inbox.read_event(inbox.delivery, text) is
$$A delivery as its handler gets it.$$;

create or replace function inbox.handle(p_delivery inbox.delivery, p_source inbox.source)
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_event inbox.event := inbox.read_event(p_delivery, p_source.name);
    v_plan jsonb := core.setting('inbox.retry_plan');
    v_started_at timestamptz := core.real_now();
    v_hints text := coalesce(current_setting('levqor.hints', true), '');
    v_lock_timeout text := current_setting('lock_timeout');
    v_outcome text := 'done';
    v_state text;
    v_error text;
begin
    begin
        perform set_config('lock_timeout', '5s', true);
        if p_delivery.account_id is not null then
            perform core.set_caller(p_delivery.account_id, null, null, null, null, null, null);
        end if;
        execute format('select %s($1)', inbox.find_handler(p_source.handler)::regproc) using v_event;
        set constraints all immediate;
        set constraints all deferred;
    exception
        when query_canceled then
            get stacked diagnostics v_state = returned_sqlstate, v_error = message_text;
            v_outcome := 'timed out';
        when others or assert_failure then
            get stacked diagnostics v_state = returned_sqlstate, v_error = message_text;
            v_outcome := 'failed';
    end;
    if p_delivery.account_id is not null then
        -- Back from the account's name; the hints of the run so far stay with what the handler gave.
        v_hints := v_hints || case when v_outcome = 'done' then coalesce(current_setting('levqor.hints', true), '') else '' end;
        perform core.enter_machinery();
        perform set_config('levqor.hints', v_hints, true);
    end if;
    perform set_config('lock_timeout', v_lock_timeout, true);

    insert into inbox.attempt (
        delivery_id, number, account_id, handler, is_replay, started_at, finished_at, outcome, sqlstate, error
    )
    values (
        p_delivery.id, p_delivery.attempts + 1, p_delivery.account_id, p_source.handler, v_event.is_replay, v_started_at,
        greatest(core.real_now(), v_started_at), v_outcome, v_state, left(v_error, 1000)
    );
    update inbox.delivery as d
    set
        attempts = d.attempts + 1,
        tries = case when v_outcome = 'done' then d.tries else d.tries + 1 end,
        state = case
            when v_outcome = 'done' then 'done'
            when d.tries >= jsonb_array_length(v_plan) then 'dead'
            else 'waiting'
        end,
        -- A tenth shorter or longer, so that what failed together does not come back together.
        due_at = case
            when v_outcome = 'done' or d.tries >= jsonb_array_length(v_plan) then d.due_at
            else core.real_now() + make_interval(secs => (v_plan ->> d.tries)::double precision * (0.9 + random() * 0.2))
        end,
        handled_at = case when v_outcome = 'done' then core.real_now() else d.handled_at end
    where d.id = p_delivery.id;
    return v_outcome;
end;
$$;
comment on function inbox.handle(inbox.delivery, inbox.source) is
$$Call the handler for a delivery whose row is locked, in a subtransaction, and write down what came of it: done, failed or timed out.

Runs in the name of the source's account, or as machinery. A failure is tried again by the setting inbox.retry_plan, then the
delivery is dead.$$;

create or replace function inbox.handle_due(p_seconds numeric default 1)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_until timestamptz := clock_timestamp() + make_interval(secs => p_seconds::double precision);
    v_source inbox.source;
    v_delivery inbox.delivery;
    v_handled integer := 0;
    v_before integer;
begin
    -- The sources take turns: one that got a million events does not hold up the others.
    loop
        v_before := v_handled;
        for v_source in
            select s.*
            from inbox.source as s
            where s.state = 'active' and s.deleted_at is null
            order by s.id
        loop
            select d.* into v_delivery
            from inbox.delivery as d
            where d.source_id = v_source.id and d.state = 'waiting' and d.due_at <= core.now()
            order by d.due_at
            limit 1
            for update skip locked;
            continue when not found;
            v_handled := v_handled + 1;
            -- A statement that was cancelled has no timeout any more.
            if inbox.handle(v_delivery, v_source) = 'timed out' or clock_timestamp() >= v_until then
                return v_handled;
            end if;
        end loop;
        exit when v_handled = v_before;
    end loop;
    return v_handled;
end;
$$;
comment on function inbox.handle_due(numeric) is
$$Handle what is due, source by source in turn, for a second or so. Gives how many deliveries it took up. For the clock; safe to call
by several at once.

p_seconds: begin no other after so long.$$;

create or replace function inbox.replay(p_delivery_id uuid)
returns inbox.delivery
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_delivery inbox.delivery;
begin
    update inbox.delivery as d
    set
        state = 'waiting', due_at = core.now(), tries = 0,
        replays = case when d.state = 'waiting' then d.replays else d.replays + 1 end
    from inbox.source as s
    where d.id = p_delivery_id and s.id = d.source_id and s.deleted_at is null
    returning d.* into v_delivery;
    if not found then
        raise exception using
            errcode = 'LQ404',
            message = 'no such delivery, or its source was deleted';
    end if;
    perform audit.record('inbox.replay', core.show_id('rcv', p_delivery_id), v_delivery.account_id);
    return v_delivery;
end;
$$;
comment on function inbox.replay(uuid) is
$$Have a delivery handled again, from the start of the retry plan. One that waits is due at once, and is no replay. Raises LQ404.

The handler gets the same event_id and, where the delivery was done or dead before, is_replay.$$;

create or replace function inbox.replay_many(
    p_source text,
    p_states text[] default '{dead}',
    p_event_type text default null,
    p_received_after timestamptz default null,
    p_received_before timestamptz default null,
    p_after_id uuid default null,
    p_limit integer default 1000,
    out replayed bigint,
    out last_id uuid
)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source inbox.source := inbox.find_source(p_source);
begin
    if p_limit is null or p_limit < 1 or p_limit > 10000 then
        raise exception using errcode = 'LQ422', message = 'the limit must be from 1 to 10000';
    end if;
    if p_states is null or not p_states <@ '{done,dead}' or p_states = '{}' then
        raise exception using
            errcode = 'LQ422', message = 'only what is done or dead can be replayed', hint = 'What waits comes by itself.';
    end if;
    with chosen as (
        select d.id
        from inbox.delivery as d
        where d.source_id = v_source.id and d.state = any (p_states)
            and (p_event_type is null or d.event_type = p_event_type)
            and (p_received_after is null or d.received_at >= p_received_after)
            and (p_received_before is null or d.received_at < p_received_before)
            and (p_after_id is null or d.id > p_after_id)
        order by d.id
        limit p_limit
        for update
    ),
    changed as (
        update inbox.delivery as d
        set state = 'waiting', due_at = core.now(), tries = 0, replays = d.replays + 1
        from chosen as c
        where d.id = c.id
        returning d.id
    )
    select count(*), (array_agg(c.id order by c.id desc))[1] into replayed, last_id
    from changed as c;
    perform audit.record(
        'inbox.replay_many', core.show_id('src', v_source.id), v_source.account_id,
        jsonb_strip_nulls(jsonb_build_object(
            'replayed', replayed, 'states', p_states, 'event_type', p_event_type, 'received_after', p_received_after,
            'received_before', p_received_before
        ))
    );
end;
$$;
comment on function inbox.replay_many(text, text[], text, timestamptz, timestamptz, uuid, integer) is
$$Have a range of a source's deliveries handled again, the oldest first. Gives how many, and the id of the last: while it is as many
as the limit, call again with that as p_after_id.

p_states: done, dead or both. p_received_after: at or after. p_received_before: before. p_limit: 1 to 10000. Raises LQ404, LQ422.$$;

create or replace function inbox.trim()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before timestamptz := core.now() - make_interval(days => core.integer_setting('inbox.keep_days')::integer);
    v_until timestamptz := clock_timestamp() + interval '5 seconds';
    v_trimmed bigint := 0;
    v_count bigint;
    v_held uuid[] := core.held_accounts('inbox.delivery');
    v_held_sources uuid[] := core.held_accounts('inbox.source');
begin
    loop
        with gone as (
            select d.id
            from inbox.delivery as d
            inner join inbox.source as s on s.id = d.source_id
            where d.received_at < v_before and (d.state <> 'waiting' or s.deleted_at is not null)
                and not coalesce(d.account_id = any (v_held), v_held is null)
            order by d.received_at
            limit 1000
            for update of d skip locked
        )
        delete from inbox.delivery as d
        using gone as g
        where d.id = g.id;
        get diagnostics v_count = row_count;
        v_trimmed := v_trimmed + v_count;
        exit when v_count < 1000 or clock_timestamp() > v_until;
    end loop;
    delete from inbox.tally as t
    where t.day < (v_before at time zone 'UTC')::date and core.held_accounts('inbox.tally') is not null;
    delete from inbox.source as s
    where s.deleted_at < v_before and not exists (select from inbox.delivery as d where d.source_id = s.id)
        and not coalesce(s.account_id = any (v_held_sources), v_held_sources is null);
    return v_trimmed;
end;
$$;
comment on function inbox.trim() is
$$Remove deliveries that came before the setting inbox.keep_days and do not wait any more, old tallies, and deleted sources that have
none left. What is under a legal hold stays. Gives how many deliveries went. For the clock.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "inbox.retry_plan", "value": [10, 60, 300, 1800, 7200, 21600, 43200, 86400],
        "description": "array of seconds: the waits between attempts to handle a webhook that came in, each a tenth shorter or longer at random; when it is used up the delivery is dead"},
    {"name": "inbox.keep_days", "value": 30, "minimum": 1, "maximum": 36500,
        "description": "whole number of days that webhooks that came in are kept, and that a repeat of one is known as such"}
]') as s (setting);
