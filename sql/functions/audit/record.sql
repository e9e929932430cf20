-- The trail of sensitive actions.

create or replace function audit.record(
    p_action text,
    p_target text,
    p_account_id uuid default core.current_account(),
    p_facts jsonb default '{}'
)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into audit.entry (account_id, happened_at, actor, action, target, request_id, facts)
    values (p_account_id, core.now(), core.current_actor(), p_action, p_target, core.current_request(), p_facts)
$$;
comment on function audit.record(text, text, uuid, jsonb) is
$$Add an entry to the audit trail, in the transaction of the action itself.

p_action: domain.verb. p_target: the shown id of what it was done to. p_facts: no secret, no personal data.$$;

create or replace trigger entry_is_history
before update or delete or truncate on audit.entry
for each statement execute function core.refuse_change();

create or replace function audit.note_sensitive_calls(p_calls jsonb)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into audit.sensitive_call (happened_at, actor, request_id, route_id)
    select core.now(), c.actor, c.request, c.route
    from jsonb_to_recordset(p_calls) as c (actor text, request text, route integer)
$$;
comment on function audit.note_sensitive_calls(jsonb) is
$$Count successful calls of sensitive routes: an array of {actor, request, route}. For the entry point.$$;

create or replace function audit.measure_coverage(p_since timestamptz default core.now() - interval '7 days')
returns numeric
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select round(
        100.0 * count(*) filter (where exists (
            -- A client may send one request id twice: so by the same caller, and in the same statement, which tells
            -- one time throughout.
            select from audit.entry as e
            where e.request_id = c.request_id and e.happened_at = c.happened_at and e.actor = c.actor
        )) / nullif(count(*), 0), 2
    )
    from audit.sensitive_call as c
    where c.happened_at >= p_since
$$;
comment on function audit.measure_coverage(timestamptz) is
$$Share of sensitive actions that left an entry in the trail, in percent; null when there was none.

Formula: 100 × sensitive calls with an entry of the same request, caller and time ÷ sensitive calls, since p_since.$$;
