-- Send messages again, under their ids: one, or those of a time.

create or replace function outbox.replay_messages(p_account_id uuid, p_ids uuid[])
returns uuid[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_replayed uuid[];
begin
    with begun as (
        insert into outbox.delivery (
            account_id, message_id, endpoint_id, wake_at, attempt, uncounted_attempts, max_attempts, is_mail,
            has_receiver, account_hash
        )
        select
            m.account_id, m.id, m.endpoint_id, core.now(), l.number, l.number, outbox.count_plan(), m.kind = 'mail',
            m.receiver is not null, uuid_hash_extended(m.account_id, 0)
        from unnest(p_ids) as r (id)
        inner join outbox.message as m on m.account_id = p_account_id and m.id = r.id
        cross join lateral (
            select coalesce(max(a.number), 0) as number
            from outbox.attempt as a
            where a.account_id = m.account_id and a.message_id = m.id
        ) as l
        order by m.id
        -- What is still due or under way is left alone.
        on conflict on constraint delivery_pkey do nothing
        returning message_id
    )
    select array_agg(b.message_id) into v_replayed from begun as b;
    delete from outbox.dead_letter as l where l.account_id = p_account_id and l.message_id = any (v_replayed);
    if v_replayed is not null then
        perform core.hint('outbox', cardinality(v_replayed));
    end if;
    return coalesce(v_replayed, '{}');
end;
$$;
comment on function outbox.replay_messages(uuid, uuid[]) is
$$Send messages that are done or dead again, from the start of the retry plan, with the same ids. Gives which: not those that are
still due or under way.$$;

create or replace function outbox.redrive_message(p_account_id uuid, p_id uuid)
returns outbox.message
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_message outbox.message;
    v_state text := outbox.message_state(p_account_id, p_id);
begin
    if v_state is null then
        raise exception using errcode = 'LQ404', message = 'no such message';
    end if;
    if v_state <> 'dead' or outbox.replay_messages(p_account_id, array[p_id]) = '{}' then
        raise exception using
            errcode = 'LQ409',
            message = 'only a dead message can be redriven',
            detail = format('It is %s.', outbox.message_state(p_account_id, p_id));
    end if;
    select m.* into v_message from outbox.message as m where m.account_id = p_account_id and m.id = p_id;
    return v_message;
end;
$$;
comment on function outbox.redrive_message(uuid, uuid) is
$$Send a dead message again, from the start of the retry plan, with the same id. Raises LQ404, and LQ409 when it is not dead.$$;

create or replace function outbox.check_replay(p_account_id uuid, p_endpoint_id uuid)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_endpoint_id is not null and not exists (
        select from outbox.endpoint as e
        where e.account_id = p_account_id and e.id = p_endpoint_id and e.is_enabled and e.removed_at is null
    ) then
        raise exception using
            errcode = 'LQ409',
            message = 'the endpoint is disabled or removed',
            hint = 'Enable it first.';
    end if;
end;
$$;
comment on function outbox.check_replay(uuid, uuid) is
$$Refuse to send again what its endpoint does not take. Raises LQ409.$$;

create or replace function outbox.order_replay(
    p_account_id uuid,
    p_endpoint_id uuid,
    p_since timestamptz,
    p_until timestamptz default null,
    p_only_failed boolean default true
)
returns outbox.replay
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_replay outbox.replay;
begin
    -- Whose row is held: two orders at once are one after the other.
    perform outbox.lock_endpoint(p_account_id, p_endpoint_id);
    perform outbox.check_replay(p_account_id, p_endpoint_id);
    if p_since is null or p_since >= coalesce(p_until, core.now()) then
        raise exception using
            errcode = 'LQ422', message = 'since must be before until', hint = 'Leave until out for up to now.',
            schema = '{"errors": [{"pointer": "/since", "rule": "maximum"}]}';
    end if;
    if exists (
        select from outbox.replay as r
        where r.account_id = p_account_id and r.endpoint_id = p_endpoint_id and r.finished_at is null
    ) then
        raise exception using
            errcode = 'LQ409', message = 'a replay of this endpoint is under way', hint = 'Wait until it is finished.';
    end if;
    insert into outbox.replay (account_id, endpoint_id, since, until, only_failed, created_at)
    values (
        p_account_id, p_endpoint_id, p_since, least(coalesce(p_until, core.now()), core.now()),
        coalesce(p_only_failed, true), core.now()
    )
    returning * into v_replay;
    perform audit.record(
        'outbox.order_replay', core.show_id('ep', p_endpoint_id), p_account_id,
        jsonb_build_object('since', v_replay.since, 'until', v_replay.until, 'only_failed', v_replay.only_failed)
    );
    return v_replay;
end;
$$;
comment on function outbox.order_replay(uuid, uuid, timestamptz, timestamptz, boolean) is
$$Send the messages of a time to an endpoint again, newest first, with their ids: the clock works it off.

p_since: at or after. p_until: before; null for now. p_only_failed: false sends the done ones again too. Raises LQ404, LQ409 when the
endpoint is disabled or a replay is under way, LQ422.$$;

create or replace function outbox.work_replays(p_limit integer default 5000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_replay outbox.replay;
    v_ids uuid[];
    v_seen integer;
    v_sent integer;
    v_total bigint := 0;
begin
    for v_replay in
        select r.* from outbox.replay as r where r.finished_at is null order by r.id limit 4 for update skip locked
    loop
        if not exists (
            select from outbox.endpoint as e
            where e.account_id = v_replay.account_id and e.id = v_replay.endpoint_id and e.is_enabled
                and e.removed_at is null
        ) then
            -- It was disabled or removed since: nothing more goes there.
            update outbox.replay as r
            set finished_at = core.now()
            where r.account_id = v_replay.account_id and r.id = v_replay.id;
            continue;
        end if;
        select array_agg(m.id order by m.id desc)
        into v_ids
        from (
            select n.id
            from outbox.message as n
            where n.account_id = v_replay.account_id and n.endpoint_id = v_replay.endpoint_id
                and n.id >= outbox.first_id_at(v_replay.since)
                and n.id < coalesce(v_replay.before_id, outbox.first_id_at(v_replay.until))
            order by n.id desc
            limit p_limit
        ) as m;
        v_seen := coalesce(cardinality(v_ids), 0);
        if v_replay.only_failed then
            v_sent := cardinality(outbox.replay_messages(v_replay.account_id, array(
                select l.message_id
                from outbox.dead_letter as l
                where l.account_id = v_replay.account_id and l.message_id = any (v_ids)
            )));
        else
            v_sent := cardinality(outbox.replay_messages(v_replay.account_id, v_ids));
        end if;
        update outbox.replay as r
        set
            before_id = coalesce(v_ids[v_seen], r.before_id),
            replayed = r.replayed + v_sent,
            finished_at = case when v_seen < p_limit then core.now() end
        where r.account_id = v_replay.account_id and r.id = v_replay.id;
        v_total := v_total + v_sent;
    end loop;
    return v_total;
end;
$$;
comment on function outbox.work_replays(integer) is
$$Work on replays, looking at p_limit messages of each at most. A task of the clock. Gives how many messages were sent again.

One whose endpoint was disabled or removed since is finished as it stands.$$;

create or replace function outbox.trim_old(p_limit integer default 10000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before timestamptz := core.now()
        - make_interval(days => core.integer_setting('outbox.keep_days')::integer);
    v_gone bigint;
    v_total bigint := 0;
    v_held uuid[] := core.held_accounts('outbox.message_key');
begin
    delete from outbox.message_key as k
    where k.ctid = any (array(
        select o.ctid
        from outbox.message_key as o
        where o.created_at < v_before and not coalesce(o.account_id = any (v_held), v_held is null)
        order by o.created_at
        limit p_limit
    ));
    get diagnostics v_gone = row_count;
    v_total := v_total + v_gone;
    v_held := core.held_accounts('outbox.late_report');
    delete from outbox.late_report as r
    where r.ctid = any (array(
        select o.ctid
        from outbox.late_report as o
        where o.reported_at < v_before and not coalesce(o.account_id = any (v_held), v_held is null)
        order by o.reported_at
        limit p_limit
    ));
    get diagnostics v_gone = row_count;
    v_total := v_total + v_gone;
    v_held := core.held_accounts('outbox.replay');
    delete from outbox.replay as r
    where r.ctid = any (array(
        select o.ctid
        from outbox.replay as o
        where o.created_at < v_before and o.finished_at is not null
            and not coalesce(o.account_id = any (v_held), v_held is null)
        order by o.created_at
        limit p_limit
    ));
    get diagnostics v_gone = row_count;
    v_total := v_total + v_gone;
    v_held := core.held_accounts('outbox.endpoint');
    delete from outbox.endpoint as e
    where e.removed_at < v_before and not coalesce(e.account_id = any (v_held), v_held is null)
        -- What is still due would go on without its secrets.
        and not exists (select from outbox.delivery as d where d.account_id = e.account_id and d.endpoint_id = e.id);
    get diagnostics v_gone = row_count;
    return v_total + v_gone;
end;
$$;
comment on function outbox.trim_old(integer) is
$$Remove keys, late reports, finished replays and removed endpoints older than the setting outbox.keep_days, p_limit of each at most.
An endpoint for which something is still due stays, and what is under a legal hold. A task of the clock. Gives how many went.$$;

create or replace function outbox.show_replay(p_replay outbox.replay)
returns jsonb
language sql
stable
security invoker
as $$
    select pg_catalog.jsonb_build_object(
        'replay_id', core.show_id('replay', p_replay.id),
        'endpoint_id', core.show_id('ep', p_replay.endpoint_id),
        'since', p_replay.since,
        'until', p_replay.until,
        'only_failed', p_replay.only_failed,
        'replayed', p_replay.replayed,
        'created_at', p_replay.created_at,
        'finished_at', p_replay.finished_at
    )
$$;
comment on function outbox.show_replay(outbox.replay) is
$$A replay as clients see it.$$;

create or replace function api.replay_delivery(p_message_id text)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_message outbox.message := outbox.find_message(core.current_account(), core.read_id('msg', p_message_id));
begin
    perform outbox.check_replay(v_message.account_id, v_message.endpoint_id);
    if outbox.replay_messages(v_message.account_id, array[v_message.id]) = '{}' then
        raise exception using
            errcode = 'LQ409',
            message = 'the delivery is still under way',
            detail = format('It is %s.', outbox.message_state(v_message.account_id, v_message.id)),
            hint = 'Wait until it is done or dead.';
    end if;
    return http.json(202, outbox.show_message(v_message));
end;
$$;
comment on function api.replay_delivery(text) is
$$Send a webhook again

With the same webhook-id and body, signed anew, from the start of the retry plan. It must be done or dead.$$;

create or replace function api.order_replay(
    p_endpoint_id text, p_since timestamptz, p_until timestamptz default null, p_only_failed boolean default true
)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(202, outbox.show_replay(outbox.order_replay(
        core.current_account(), core.read_id('ep', p_endpoint_id), p_since, p_until, p_only_failed
    )))
$$;
comment on function api.order_replay(text, timestamptz, timestamptz, boolean) is
$$Send an endpoint's webhooks of a time again

In the background, newest first, some thousands at a time, with the ids they had. only_failed: true, the default, takes those that
were given up; false those that were delivered too.$$;

create or replace function api.get_replay(p_endpoint_id text, p_replay_id text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_replay outbox.replay;
begin
    select r.* into v_replay
    from outbox.replay as r
    where r.account_id = core.current_account() and r.id = core.read_id('replay', p_replay_id)
        and r.endpoint_id = core.read_id('ep', p_endpoint_id);
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such replay';
    end if;
    return http.json(200, outbox.show_replay(v_replay));
end;
$$;
comment on function api.get_replay(text, text) is
$$See how far a replay is$$;

select http.register_route('POST', '/api/v1/deliveries/{message_id}/replay', 'api.replay_delivery',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'manage', p_domain => 'outbox',
    p_responses => '{"202": {"schema": {"$ref": "#/components/schemas/WebhookDelivery"}}, "404": {}, "409": {}}');
select http.register_route('POST', '/api/v1/endpoints/{endpoint_id}/replay', 'api.order_replay',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'manage', p_is_sensitive => true, p_domain => 'outbox',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["since"], "properties": {
        "since": {"type": "string", "format": "date-time"},
        "until": {"type": ["string", "null"], "format": "date-time"},
        "only_failed": {"type": "boolean", "default": true}}}',
    p_responses => '{"202": {"schema": {"$ref": "#/components/schemas/Replay"}}, "400": {}, "404": {}, "409": {}}');
select http.register_route('GET', '/api/v1/endpoints/{endpoint_id}/replays/{replay_id}', 'api.get_replay',
    p_scopes => '{keys:manage,platform}', p_limit_class => 'read', p_domain => 'outbox',
    p_responses => '{"200": {"schema": {"$ref": "#/components/schemas/Replay"}}, "404": {}}');
select http.register_schema('Replay', '{"type": "object", "required": ["replay_id", "endpoint_id", "since", "until",
    "only_failed", "replayed", "created_at", "finished_at"], "additionalProperties": false, "properties": {
        "replay_id": {"type": "string", "pattern": "^replay_[0-9a-f]{32}$"}, "endpoint_id": {"type": "string"},
        "since": {"type": "string", "format": "date-time"}, "until": {"type": "string", "format": "date-time"},
        "only_failed": {"type": "boolean"},
        "replayed": {"type": "integer", "minimum": 0, "description": "webhooks sent again so far"},
        "created_at": {"type": "string", "format": "date-time"},
        "finished_at": {"type": ["string", "null"], "format": "date-time"}}}');
