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
    insert into outbox.event (account_id, event_type, data, key, created_at)
    values (p_account_id, p_event_type, coalesce(p_data, '{}'), p_key, core.now())
    on conflict on constraint event_account_id_key_key do nothing
    returning id into v_id;
    if not found then
        return (select e.id from outbox.event as e where e.account_id = p_account_id and e.key = p_key);
    end if;
    perform outbox.send_webhook(
        e.account_id, e.url, p_event_type, p_data, 'outbox', core.show_id('evt', v_id)
    )
    from outbox.endpoint as e
    where e.account_id = p_account_id and e.is_enabled and outbox.matches_event(e.event_types, p_event_type);
    return v_id;
end;
$$;
comment on function outbox.publish_event(uuid, text, jsonb, text) is
$$Tell an event of an account: keep it, and send it as a signed webhook to each enabled endpoint that wants it, once this
transaction commits. Gives the event's id.

p_event_type: such as thing.verb. p_data: what the receiver gets under "data". p_key: an event with the same key was published
before: nothing happens, and its id is given.$$;

create or replace function outbox.add_endpoint(p_account_id uuid, p_url text, p_event_types text[] default '{*}')
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    perform outbox.check_url(p_url);
    if not exists (select from identity.account as a where a.id = p_account_id) then
        raise exception using errcode = 'LQ404', message = 'no such account';
    end if;
    if coalesce(cardinality(p_event_types), 0) not between 1 and 50 or exists (
        select from unnest(p_event_types) as p (pattern)
        where p.pattern is null or p.pattern !~ '^(\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?)$'
    ) then
        raise exception using
            errcode = 'LQ422',
            message = 'that is no list of event types',
            hint = 'Give 1 to 50 of: a type such as thing.verb, all under a prefix as thing.*, or * for all.';
    end if;
    insert into outbox.endpoint (account_id, url, event_types, created_at)
    values (p_account_id, p_url, p_event_types, core.now())
    returning id into v_id;
    perform audit.record(
        'outbox.add_endpoint', core.show_id('ep', v_id), p_account_id,
        jsonb_build_object('event_types', to_jsonb(p_event_types))
    );
    return v_id;
end;
$$;
comment on function outbox.add_endpoint(uuid, text, text[]) is
$$Send an account's events to a URL from now on: select outbox.add_endpoint(ACCOUNT, 'https://…', '{quota.*}'). Gives its id.

Raises LQ404, and LQ422 for a URL that can not be called or a pattern that is none.$$;

create or replace function outbox.remove_endpoint(p_account_id uuid, p_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from outbox.endpoint as e where e.account_id = p_account_id and e.id = p_id;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such endpoint';
    end if;
    perform audit.record('outbox.remove_endpoint', core.show_id('ep', p_id), p_account_id);
end;
$$;
comment on function outbox.remove_endpoint(uuid, uuid) is
$$Send no more events there. What is on its way already is still delivered. Raises LQ404.$$;

create or replace function outbox.trim_events(p_limit integer default 10000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_trimmed bigint;
begin
    delete from outbox.event as e
    where e.ctid = any (array(
        select o.ctid
        from outbox.event as o
        where o.created_at < core.now()
            - make_interval(days => greatest(core.integer_setting('outbox.keep_events_days')::integer, 35))
        order by o.created_at
        limit p_limit
        for update skip locked
    ));
    get diagnostics v_trimmed = row_count;
    return v_trimmed;
end;
$$;
comment on function outbox.trim_events(integer) is
$$Remove events older than the setting outbox.keep_events_days, p_limit at most. Gives how many went.$$;

select core.seed('core.setting', '{name}', '{
    "name": "outbox.keep_events_days", "value": 90,
    "description": "whole number of days that events are kept, at least 35: within a month a key tells that one was published"}');
