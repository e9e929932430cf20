-- Events of an account: kept as rows, and sent to its endpoints.

create or replace function outbox.matches_event(p_patterns text[], p_event_type text)
returns boolean
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(bool_or(
        p.pattern in ('*', p_event_type)
        or right(p.pattern, 2) = '.*' and starts_with(p_event_type, left(p.pattern, -1))
    ), false)
    from unnest(p_patterns) as p (pattern)
$$;
comment on function outbox.matches_event(text[], text) is
$$Whether one of the patterns stands for an event type: the type itself, PREFIX.* for all under it, or * for all.$$;

create or replace function outbox.send_to_endpoints(
    p_endpoints outbox.endpoint[], p_event_type text, p_data jsonb, p_source_domain text, p_source_id text
)
returns uuid[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_headers jsonb;
    v_body text;
    v_messages outbox.message[];
begin
    if cardinality(p_endpoints) = 0 then
        return '{}';
    end if;
    v_headers := outbox.webhook_headers();
    v_body := outbox.render_event(p_event_type, p_data);
    v_messages := array(
        select row(
            e.account_id, core.new_id(), 'http', e.id, p_event_type, p_source_domain, p_source_id, 'POST', e.url,
            v_headers, v_body, true, null, null, null, null, core.now()
        )::outbox.message
        from unnest(p_endpoints) as e
    );
    perform outbox.put_messages(v_messages);
    return array(select m.id from unnest(v_messages) as m);
end;
$$;
comment on function outbox.send_to_endpoints(outbox.endpoint[], text, jsonb, text, text) is
$$Send one webhook to each of some endpoints, signed with their own secrets. Gives the messages' ids.$$;

create or replace function outbox.publish_event(
    p_account_id uuid, p_event_type text, p_data jsonb, p_key text default null
)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    if length(p_key) not between 1 and 200 then
        raise exception using
            errcode = 'LQ422', message = 'the key must have 1 to 200 characters',
            schema = '{"errors": [{"pointer": "/key", "rule": "maxLength"}]}';
    end if;
    insert into outbox.event (account_id, event_type, data, key, created_at)
    values (p_account_id, p_event_type, coalesce(p_data, '{}'), p_key, core.now())
    on conflict on constraint event_account_id_key_key do nothing
    returning id into v_id;
    if not found then
        return (select e.id from outbox.event as e where e.account_id = p_account_id and e.key = p_key);
    end if;
    perform outbox.send_to_endpoints(
        array(
            select e
            from outbox.endpoint as e
            where e.account_id = p_account_id and e.is_enabled and e.removed_at is null
                and outbox.matches_event(e.event_types, p_event_type)
            order by e.id
        ),
        p_event_type, p_data, 'outbox', core.show_id('evt', v_id)
    );
    return v_id;
end;
$$;
comment on function outbox.publish_event(uuid, text, jsonb, text) is
$$Tell an event of an account: keep it, and send it as a signed webhook to each enabled endpoint that wants it, once this
transaction commits. Gives the event's id.

p_event_type: such as thing.verb. p_data: what the receiver gets under "data". p_key: an event with the same key was published
before: nothing happens, and its id is given; 1 to 200 characters, or LQ422.$$;

create or replace function outbox.trim_events(p_limit integer default 10000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_trimmed bigint;
    v_held uuid[] := core.held_accounts('outbox.event');
begin
    delete from outbox.event as e
    where e.ctid = any (array(
        select o.ctid
        from outbox.event as o
        where o.created_at < core.now()
            - make_interval(days => core.integer_setting('outbox.keep_events_days')::integer)
            and not coalesce(o.account_id = any (v_held), v_held is null)
        order by o.created_at
        limit p_limit
        for update skip locked
    ));
    get diagnostics v_trimmed = row_count;
    return v_trimmed;
end;
$$;
comment on function outbox.trim_events(integer) is
$$Remove events older than the setting outbox.keep_events_days and under no legal hold, p_limit at most. Gives how many went.$$;

select core.seed('core.setting', '{name}', '{
    "name": "outbox.keep_events_days", "value": 90, "minimum": 35, "maximum": 36500,
    "description": "whole number of days that events are kept, at least 35: within a month a key tells that one was published"}');
