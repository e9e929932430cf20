-- What the clock does for alerts.

create or replace function alerts.trim(p_limit integer default 1000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before timestamptz := core.now() - make_interval(days => core.integer_setting('alerts.keep_days')::integer);
    v_stale_days integer := core.integer_setting('alerts.stale_days')::integer;
    v_alert record;
    v_stale alerts.alert;
    v_trimmed bigint := 0;
    v_held uuid[] := core.held_accounts('alerts.alert');
    v_held_silences uuid[] := core.held_accounts('alerts.silence');
begin
    for v_alert in
        select a.id, a.fingerprint, a.account_id
        from alerts.alert as a
        where a.state = 'resolved' and a.resolved_at < v_before
            and not coalesce(a.account_id = any (v_held), v_held is null)
        order by a.resolved_at
        limit p_limit
    loop
        continue when not pg_try_advisory_xact_lock(alerts.lock_key(v_alert.fingerprint, v_alert.account_id));
        delete from alerts.alert as a where a.id = v_alert.id and a.state = 'resolved' and a.resolved_at < v_before;
        v_trimmed := v_trimmed + found::integer;
    end loop;
    for v_stale in
        select a.*
        from alerts.alert as a
        where a.state <> 'resolved' and a.last_seen_at < core.now() - make_interval(days => v_stale_days)
        order by a.id
        limit p_limit
    loop
        continue when not pg_try_advisory_xact_lock(alerts.lock_key(v_stale.fingerprint, v_stale.account_id));
        perform alerts.resolve_alert(v_stale, format('not seen for %s days', v_stale_days), core.current_actor());
    end loop;
    delete from alerts.silence as s
    where least(s.until_at, s.ended_at) < v_before
        and not coalesce(s.only_account_id = any (v_held_silences), v_held_silences is null);
    -- An alert that comes again and again has many events: the newest are kept.
    delete from alerts.event as e
    using (
        select o.alert_id, (array_agg(o.id order by o.id desc))[core.integer_setting('alerts.keep_events')::integer] as first_kept
        from alerts.event as o
        group by o.alert_id
        having count(*) > core.integer_setting('alerts.keep_events')
    ) as k
    where e.alert_id = k.alert_id and e.id < k.first_kept
        and not exists (
            select from alerts.alert as a
            where a.id = e.alert_id and coalesce(a.account_id = any (v_held), v_held is null)
        );
    return v_trimmed;
end;
$$;
comment on function alerts.trim(integer) is
$$Remove alerts that have been resolved, and silences that have been over, for longer than the setting alerts.keep_days, and of each
alert the events but the newest alerts.keep_events; what is under a legal hold stays. Resolve alerts that were not seen for the setting alerts.stale_days. Gives how
many alerts went.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "alerts.keep_days", "value": 180, "minimum": 1, "maximum": 36500,
        "description": "whole number of days that resolved alerts and silences that are over are kept, at least 1"},
    {"name": "alerts.stale_days", "value": 30, "minimum": 1, "maximum": 36500,
        "description": "whole number of days after which an alert that was not raised again is resolved, at least 1"},
    {"name": "alerts.keep_events", "value": 1000, "minimum": 1, "maximum": 1000000,
        "description": "whole number of events that are kept of each alert, the newest ones"}
]') as s (setting);
select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "alerts-gather", "function": "alerts.gather", "every": "5 seconds",
        "description": "take in alerts that were raised while another transaction had the same one"},
    {"name": "alerts-escalate", "function": "alerts.escalate", "every": "1 minute",
        "description": "tell of alerts that nobody acknowledges, and of those that a silence or a cool-down held back"},
    {"name": "alerts-watch-schedule", "function": "alerts.watch_schedule", "every": "1 minute",
        "description": "raise alerts for tasks that are late or fail"},
    {"name": "alerts-watch-inbox", "function": "alerts.watch_inbox", "every": "1 minute",
        "description": "raise alerts for webhooks that came in and are not handled"},
    {"name": "alerts-watch-receivers", "function": "alerts.watch_receivers", "every": "5 minutes",
        "description": "raise an alert while outcomes of messages are taken by no receiver"},
    {"name": "alerts-watch-endpoints", "function": "alerts.watch_endpoints", "every": "1 minute",
        "description": "tell owners of endpoints that were disabled"},
    {"name": "alerts-watch-dead-letters", "function": "alerts.watch_dead_letters", "every": "5 minutes",
        "description": "raise an alert when many messages are given up"},
    {"name": "alerts-trim", "function": "alerts.trim", "every": "1 hour",
        "description": "remove alerts and silences that have long been over, and resolve alerts that were not seen for long"}
]') as t (task);
