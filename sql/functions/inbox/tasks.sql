-- What the clock does for webhooks that came in.

create or replace function inbox.handle_step()
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_handled integer := inbox.handle_due();
begin
    return jsonb_build_object(
        'rows', v_handled,
        'more', v_handled > 0 and exists (
            select from inbox.delivery as d
            inner join inbox.source as s on s.id = d.source_id
            where d.state = 'waiting' and d.due_at <= core.now() and s.state = 'active' and s.deleted_at is null
        ),
        'state', '{}'::jsonb
    );
end;
$$;
comment on function inbox.handle_step() is
$$The task of the clock: a second of inbox.handle_due(), committed as a step, and another at once while there is more that is due.$$;

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "inbox-handle", "function": "inbox.handle_step", "every": "2 seconds", "is_alone": true,
        "description": "call the handlers of webhooks that came in"},
    {"name": "inbox-trim", "function": "inbox.trim", "every": "1 hour",
        "description": "remove webhooks that came in and are older than inbox.keep_days"}
]') as t (task);
