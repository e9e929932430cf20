-- Raise and resolve alerts, from any function, in its own transaction.
--
-- Locks: the advisory lock of the alert, until the transaction ends, and under it the alert's row. Whoever raises or resolves
-- never waits for the lock: when another open transaction has it, what was said goes into alerts.waiting, and the clock takes it
-- in. So an alert can neither deadlock nor hold up the function that raises it, in whatever order alerts are raised.

create or replace function alerts.rank(p_level text)
returns integer
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.array_position(array['info', 'warning', 'error', 'critical'], p_level)
$$;
comment on function alerts.rank(text) is
$$A level as a number: info 1, warning 2, error 3, critical 4; null for another word.$$;

create or replace function alerts.matches(p_pattern text, p_text text)
returns boolean
language sql
immutable
parallel safe
security invoker
as $$
    select p_text like pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
        p_pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%')
$$;
comment on function alerts.matches(text, text) is
$$Whether a text fits a pattern, in which * stands for any characters and everything else for itself.$$;

create or replace function alerts.make_fingerprint(p_source text, p_message text)
returns text
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select left(encode(sha256(convert_to(
        p_source || E'\n' || regexp_replace(regexp_replace(
            p_message,
            -- Ids: UUIDs, ours, and other long hexadecimal numbers.
            '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\m[a-z]+_[0-9a-f]{32}\M|\m[0-9a-fA-F]*[0-9][0-9a-fA-F]*\M', '#', 'g'
        ), '[#0-9]+([.,:][#0-9]+)*', '#', 'g'), 'UTF8'
    )), 'hex'), 32)
$$;
comment on function alerts.make_fingerprint(text, text) is
$$What makes two alerts the same when the caller does not say: a hash of source and message, in which all numbers and ids count as
one.$$;

create or replace function alerts.lock_key(p_fingerprint text, p_account_id uuid)
returns bigint
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.hashtextextended('alerts.alert/' || coalesce(p_account_id::text, '') || '/' || p_fingerprint, 0)
$$;
comment on function alerts.lock_key(text, uuid) is
$$The advisory lock of an alert: 64 bits of a hash.$$;

create or replace function alerts.enter()
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before text := coalesce(current_setting('levqor.machinery', true), '');
begin
    perform set_config('levqor.machinery', 'on', true);
    return v_before;
end;
$$;
comment on function alerts.enter() is
$$Work as the machinery until alerts.leave(), because alerts belong to the operator, whoever's call raises them. Gives what
leave() needs.

An error in between leaves too: with the subtransaction that it undoes, the setting goes back.$$;

create or replace function alerts.leave(p_before text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_hint text;
begin
    perform set_config('levqor.machinery', p_before, true);
    -- In psql nobody takes the hints that the machinery collected.
    if p_before <> 'on' and coalesce(current_setting('levqor.request_id', true), '') = '' then
        foreach v_hint in array core.take_hints() loop
            perform pg_notify('levqor', v_hint);
        end loop;
    end if;
end;
$$;
comment on function alerts.leave(text) is
$$End what alerts.enter() began.$$;

create or replace function alerts.note_event(
    p_alert_id uuid,
    p_kind text,
    p_level text default null,
    p_facts jsonb default '{}',
    p_channel text default null,
    p_message_id uuid default null,
    p_actor text default core.current_actor()
)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into alerts.event (alert_id, kind, happened_at, actor, level, channel, message_id, facts)
    values (
        p_alert_id, p_kind, core.now(), p_actor, p_level, p_channel, p_message_id, jsonb_strip_nulls(coalesce(p_facts, '{}'))
    )
$$;
comment on function alerts.note_event(uuid, text, text, jsonb, text, uuid, text) is
$$Add to what became of an alert.$$;

create or replace function alerts.cap_facts(p_facts jsonb)
returns jsonb
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case
        when jsonb_typeof(p_facts) = 'object' and octet_length(p_facts::text) <= 16384 then p_facts
        when p_facts is null or p_facts = 'null' then '{}'
        when octet_length(p_facts::text) <= 16384 then jsonb_build_object('facts', p_facts)
        else jsonb_build_object('facts_cut', left(p_facts::text, 4000))
    end
$$;
comment on function alerts.cap_facts(jsonb) is
$$Facts as they are kept: an object of at most 16 KiB. More is cut to the begin of its text, under facts_cut.$$;

create or replace function alerts.take_in(
    p_fingerprint text,
    p_account_id uuid,
    p_level text,
    p_source text,
    p_message text,
    p_facts jsonb,
    p_actor text,
    p_late_at timestamptz default null
)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_old alerts.alert;
    v_new alerts.alert;
    v_at timestamptz := coalesce(p_late_at, core.now());
    v_kind text;
begin
    select a.* into v_old
    from alerts.alert as a
    where a.fingerprint = p_fingerprint and a.account_id is not distinct from p_account_id
    for no key update;
    if not found then
        insert into alerts.alert (
            account_id, fingerprint, level, source, message, facts, first_seen_at, last_seen_at, opened_at
        )
        values (p_account_id, p_fingerprint, p_level, p_source, p_message, p_facts, v_at, v_at, v_at)
        returning * into v_new;
        v_kind := 'raised';
    else
        v_kind := case
            -- What was said before it was resolved is over as well.
            when v_old.state = 'resolved' then case when p_late_at < v_old.resolved_at then 'late' else 'reopened' end
            when alerts.rank(p_level) > alerts.rank(v_old.level) then 'level_raised'
            else 'repeated'
        end;
        update alerts.alert as a
        set
            occurrences = a.occurrences + 1,
            last_seen_at = greatest(a.last_seen_at, v_at),
            level = case when v_kind in ('reopened', 'level_raised') then p_level else a.level end,
            source = case when v_kind = 'late' then a.source else p_source end,
            message = case when v_kind = 'late' then a.message else p_message end,
            facts = case when v_kind = 'late' then a.facts else p_facts end,
            state = case when v_kind in ('reopened', 'level_raised') then 'open' else a.state end,
            times_opened = a.times_opened + case when v_kind = 'reopened' then 1 else 0 end,
            opened_at = case when v_kind = 'reopened' then v_at else a.opened_at end,
            acknowledged_at = case when v_kind not in ('reopened', 'level_raised') then a.acknowledged_at end,
            acknowledged_by = case when v_kind not in ('reopened', 'level_raised') then a.acknowledged_by end,
            resolved_at = case when v_kind = 'late' then a.resolved_at end,
            resolved_by = case when v_kind = 'late' then a.resolved_by end,
            is_held = a.is_held and v_kind <> 'reopened'
        where a.id = v_old.id
        returning a.* into v_new;
        if v_kind = 'reopened' then
            delete from alerts.escalated as e where e.alert_id = v_new.id;
        end if;
    end if;
    if v_kind in ('raised', 'reopened', 'level_raised') then
        perform alerts.note_event(
            v_new.id, v_kind, p_level, jsonb_build_object('message', p_message, 'facts', nullif(p_facts, '{}')),
            p_actor => p_actor
        );
    end if;
    if v_new.state = 'open' then
        perform alerts.tell(v_new);
    end if;
    return v_new.id;
end;
$$;
comment on function alerts.take_in(text, uuid, text, text, text, jsonb, text, timestamptz) is
$$Count an occurrence of an alert whose advisory lock is held, open it where it is not, and tell the channels. Gives its id.

p_late_at: when it happened, for one that waited.$$;

create or replace function alerts.raise(
    p_level text,
    p_source text,
    p_message text,
    p_facts jsonb default '{}',
    p_account_id uuid default null,
    p_fingerprint text default null
)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source text := coalesce(nullif(left(regexp_replace(btrim(p_source), '[^A-Za-z0-9_.:/-]+', '-', 'g'), 100), ''), 'unknown');
    v_message text := coalesce(nullif(left(btrim(p_message), 2000), ''), '(no message)');
    v_facts jsonb := alerts.cap_facts(p_facts);
    v_fingerprint text := coalesce(nullif(left(btrim(p_fingerprint), 200), ''), alerts.make_fingerprint(v_source, v_message));
    v_actor text := core.current_actor();
    v_before text;
    v_id uuid;
begin
    if alerts.rank(p_level) is null then
        raise exception using
            errcode = 'LQ422',
            message = 'unknown level of an alert',
            detail = format('Got %s.', coalesce(quote_literal(p_level), 'none')),
            hint = 'Use info, warning, error or critical.';
    end if;
    v_before := alerts.enter();
    if pg_try_advisory_xact_lock(alerts.lock_key(v_fingerprint, p_account_id)) then
        v_id := alerts.take_in(v_fingerprint, p_account_id, p_level, v_source, v_message, v_facts, v_actor);
    else
        insert into alerts.waiting (fingerprint, account_id, level, source, message, facts, actor, happened_at)
        values (v_fingerprint, p_account_id, p_level, v_source, v_message, v_facts, v_actor, core.now());
        select a.id into v_id
        from alerts.alert as a
        where a.fingerprint = v_fingerprint and a.account_id is not distinct from p_account_id;
    end if;
    perform alerts.leave(v_before);
    return v_id;
end;
$$;
comment on function alerts.raise(text, text, text, jsonb, uuid, text) is
$$Tell the operator: select alerts.raise('warning', 'billing.sync', 'the provider is 12 minutes late', '{"minutes": 12}'). From any
function, in its transaction: it counts, and messages go out, once that commits.

There is one alert a fingerprint (and account, where one is named): raised again it is counted, keeps the highest level, and
channels are told at most once a cool-down; after a resolve it is opened again. p_level: info, warning, error or critical.
p_source: what raises it, such as domain.thing. p_message: a sentence for people; p_facts: an object with the details, of at most
16 KiB. No secrets in either. p_fingerprint: what makes it the same alert; by default source and message, in which all numbers and
ids count as one.

Gives the alert's id; null when another open transaction is raising the same one for the first time. Never waits and, once the
arguments are right, never refuses: a channel that is badly set is noted in alerts.event. In a read-only transaction nothing can be
raised: it fails with 25006. Raises LQ422 for an unknown level.$$;

create or replace function alerts.resolve_alert(p_alert alerts.alert, p_comment text, p_actor text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_alert alerts.alert;
begin
    update alerts.alert as a
    set state = 'resolved', resolved_at = core.now(), resolved_by = p_actor, is_held = false
    where a.id = p_alert.id
    returning a.* into v_alert;
    perform alerts.note_event(
        v_alert.id, 'resolved', v_alert.level, jsonb_build_object('comment', p_comment), p_actor => p_actor
    );
    perform alerts.send(v_alert, t.channel, 'resolved', v_alert.times_opened::text)
    from alerts.told as t
    inner join alerts.channel as c on c.name = t.channel
    where t.alert_id = v_alert.id and t.told_at >= v_alert.opened_at and c.is_enabled and c.tells_resolve
        and alerts.find_silence(v_alert) is null
    order by t.channel;
end;
$$;
comment on function alerts.resolve_alert(alerts.alert, text, text) is
$$Resolve an alert whose advisory lock is held, and tell the channels that want to know and were told of it.$$;

create or replace function alerts.resolve(p_fingerprint text, p_account_id uuid default null, p_comment text default null)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    -- As raise() makes it.
    v_fingerprint text := left(btrim(p_fingerprint), 200);
    v_key bigint := alerts.lock_key(v_fingerprint, p_account_id);
    v_actor text := core.current_actor();
    v_before text := alerts.enter();
    v_alert alerts.alert;
    v_is_free boolean;
begin
    -- Who finds nothing to resolve holds the lock together with others: this is called where all is well.
    v_is_free := case
        when exists (
            select from alerts.alert as a
            where a.fingerprint = v_fingerprint and a.account_id is not distinct from p_account_id and a.state <> 'resolved'
        ) then pg_try_advisory_xact_lock(v_key)
        else pg_try_advisory_xact_lock_shared(v_key)
    end;
    if not v_is_free then
        insert into alerts.waiting (is_resolve, fingerprint, account_id, message, actor, happened_at)
        values (true, v_fingerprint, p_account_id, p_comment, v_actor, core.now());
        perform alerts.leave(v_before);
        return false;
    end if;
    select a.* into v_alert
    from alerts.alert as a
    where a.fingerprint = v_fingerprint and a.account_id is not distinct from p_account_id and a.state <> 'resolved';
    if found then
        perform alerts.resolve_alert(v_alert, p_comment, v_actor);
    end if;
    perform alerts.leave(v_before);
    return v_alert.id is not null;
end;
$$;
comment on function alerts.resolve(text, uuid, text) is
$$Say that an alert is over, from any function: select alerts.resolve('billing.sync/late'). By fingerprint and account as it was
raised with. Gives whether there was one to resolve.

Nothing happens when there is none. When another open transaction is raising or resolving it, the clock does it in a moment.$$;

create or replace function alerts.gather(p_limit integer default 1000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_waiting alerts.waiting;
    v_alert alerts.alert;
    v_key bigint;
    v_taken bigint := 0;
begin
    -- Alert by alert: what waits for one that is busy must not keep the others waiting.
    for v_key in
        select k.key
        from (
            select alerts.lock_key(w.fingerprint, w.account_id) as key, min(w.id) as first_id
            from alerts.waiting as w
            group by 1
        ) as k
        order by k.first_id
    loop
        exit when v_taken >= p_limit;
        continue when not pg_try_advisory_xact_lock(v_key);
        for v_waiting in
            select w.*
            from alerts.waiting as w
            where alerts.lock_key(w.fingerprint, w.account_id) = v_key
            order by w.id
            limit p_limit - v_taken
            for update
        loop
            if v_waiting.is_resolve then
                select a.* into v_alert
                from alerts.alert as a
                where a.fingerprint = v_waiting.fingerprint and a.account_id is not distinct from v_waiting.account_id
                    -- What was seen later is not over.
                    and a.state <> 'resolved' and a.last_seen_at <= v_waiting.happened_at;
                if found then
                    perform alerts.resolve_alert(v_alert, v_waiting.message, v_waiting.actor);
                end if;
            else
                perform alerts.take_in(
                    v_waiting.fingerprint, v_waiting.account_id, v_waiting.level, v_waiting.source, v_waiting.message,
                    v_waiting.facts, v_waiting.actor, v_waiting.happened_at
                );
            end if;
            delete from alerts.waiting as w where w.id = v_waiting.id;
            v_taken := v_taken + 1;
        end loop;
    end loop;
    return v_taken;
end;
$$;
comment on function alerts.gather(integer) is
$$Take in what waits, p_limit at most, of each alert in its order; alerts that another transaction has are passed over. A task of the
clock. Gives how many were taken in.$$;
