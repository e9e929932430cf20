-- What the clock does for quotas: move months that are over, and forget what is old.
--
-- Locks: rows of months that are over, skipped when a charge has them. No charge of the current month waits.

create or replace function quota.roll_over(p_limit integer default 10000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_moved bigint;
begin
    -- A day late: a statement that began before midnight still charges the month before.
    with moved as (
        delete from quota.usage as u
        where u.ctid = any (array(
            select o.ctid
            from quota.usage as o
            where o.month < quota.month(core.now() - interval '1 day')
            limit p_limit
            for update skip locked
        ))
        returning u.account_id, u.month, u.used, u.allowed
    )
    insert into quota.usage_history as h (account_id, month, used, allowed, tier)
    select m.account_id, m.month, m.used, nullif(m.allowed, 9223372036854775807), a.tier
    from moved as m
    inner join identity.account as a on a.id = m.account_id
    order by m.account_id, m.month
    on conflict (account_id, month) do update
    set used = h.used + excluded.used, allowed = excluded.allowed, tier = excluded.tier;
    get diagnostics v_moved = row_count;
    return v_moved;
end;
$$;
comment on function quota.roll_over(integer) is
$$Move usage of months that have been over for a day to quota.usage_history, p_limit rows at most. Gives how many went.$$;

create or replace function quota.trim(p_limit integer default 10000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_spending bigint;
    v_history bigint;
    v_held uuid[] := core.held_accounts('quota.spending');
begin
    delete from quota.spending as s
    where s.ctid = any (array(
        select o.ctid
        from quota.spending as o
        -- Never today's or yesterday's, whatever the setting says: they may still be charged.
        where o.day < quota.day() - core.integer_setting('quota.keep_spending_days')::integer
            and not coalesce(o.account_id = any (v_held), v_held is null)
        limit p_limit
        for update skip locked
    ));
    get diagnostics v_spending = row_count;
    v_held := core.held_accounts('quota.usage_history');
    delete from quota.usage_history as h
    where h.ctid = any (array(
        select o.ctid
        from quota.usage_history as o
        where o.month < quota.month()
            - make_interval(months => core.integer_setting('quota.keep_history_months')::integer)
            and not coalesce(o.account_id = any (v_held), v_held is null)
        limit p_limit
        for update skip locked
    ));
    get diagnostics v_history = row_count;
    return v_spending + v_history;
end;
$$;
comment on function quota.trim(integer) is
$$Remove spending and usage older than the settings quota.keep_spending_days and quota.keep_history_months say, p_limit rows of
each at most. What is under a legal hold stays. Gives how many went.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "quota.keep_spending_days", "value": 400, "minimum": 1, "maximum": 36500,
        "description": "whole number of days that estimated costs are kept, at least 1"},
    {"name": "quota.keep_history_months", "value": 24, "minimum": 1, "maximum": 1200,
        "description": "whole number of months that usage of past months is kept, at least 1"}
]') as s (setting);

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "quota-roll-over", "function": "quota.roll_over", "every": "10 minutes",
        "description": "move usage of months that are over out of the hot table"},
    {"name": "quota-compact", "function": "quota.compact", "every": "5 seconds", "is_alone": true,
        "description": "rewrite the calls of the month when dead rows have made them large"},
    {"name": "quota-trim", "function": "quota.trim", "every": "1 hour",
        "description": "remove old costs and usage"}
]') as t (task);
