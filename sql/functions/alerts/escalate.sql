-- What the clock does about alerts that nobody acknowledges, and about messages that were held back.
--
-- Locks: the advisory lock of each alert, passed over when somebody has it: the next minute comes.

create or replace function alerts.tell_held(p_limit integer default 200)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_alert alerts.alert;
    v_told bigint := 0;
begin
    for v_alert in
        select a.*
        from alerts.alert as a
        where a.state <> 'resolved' and a.is_held and alerts.find_silence(a) is null
        order by a.id
    loop
        exit when v_told >= p_limit;
        continue when not pg_try_advisory_xact_lock(alerts.lock_key(v_alert.fingerprint, v_alert.account_id));
        -- A newer look: whoever had the lock before may have changed it.
        select a.* into v_alert from alerts.alert as a where a.id = v_alert.id;
        continue when not (v_alert.state = 'open' and v_alert.is_held);
        v_told := v_told + alerts.tell(v_alert);
    end loop;
    return v_told;
end;
$$;
comment on function alerts.tell_held(integer) is
$$Tell the channels what a silence or a cool-down held back, where that is over and the alert is still open, about p_limit messages
at most. Gives how many were queued.$$;

create or replace function alerts.escalate(p_limit integer default 200)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_due record;
    v_alert alerts.alert;
    v_channel text;
    v_times integer;
    v_escalated bigint := 0;
begin
    perform alerts.tell_held(p_limit);
    for v_due in
        select a.id, a.opened_at, e.name, e.after, e.times, e.channels
        from alerts.escalation as e
        inner join alerts.alert as a
            on a.state <> 'resolved' and a.state = 'open' and alerts.rank(a.level) >= alerts.rank(e.level)
            and alerts.matches(e.source, a.source)
        left join alerts.escalated as d on d.alert_id = a.id and d.escalation = e.name
        where e.is_enabled
            and coalesce(d.escalated_at, greatest(a.opened_at, (
                -- An acknowledged one whose level rose is open since then.
                select max(v.happened_at) from alerts.event as v where v.alert_id = a.id and v.kind = 'level_raised'
            ))) + e.after <= core.now()
            and coalesce(d.times, 0) < e.times and alerts.find_silence(a) is null
        order by a.id, e.name
        limit p_limit
    loop
        select a.* into v_alert from alerts.alert as a where a.id = v_due.id;
        continue when not pg_try_advisory_xact_lock(alerts.lock_key(v_alert.fingerprint, v_alert.account_id));
        select a.* into v_alert from alerts.alert as a where a.id = v_due.id;
        continue when v_alert.state <> 'open' or v_alert.opened_at <> v_due.opened_at
            or alerts.find_silence(v_alert) is not null;
        insert into alerts.escalated as d (alert_id, escalation, escalated_at)
        values (v_alert.id, v_due.name, core.now())
        on conflict (alert_id, escalation) do update
        set times = d.times + 1, escalated_at = excluded.escalated_at
        returning d.times into v_times;
        perform alerts.note_event(
            v_alert.id, 'escalated', v_alert.level, jsonb_build_object('escalation', v_due.name, 'times', v_times)
        );
        for v_channel in
            select c.name
            from alerts.channel as c
            where c.is_enabled and alerts.names_channel(v_due.channels, c)
                and not (v_alert.source = 'alerts.channel' and v_alert.facts ->> 'channel' = c.name)
            order by c.name
        loop
            perform alerts.send(
                v_alert, v_channel, 'escalated', format('%s/%s/%s', v_due.name, v_alert.times_opened, v_times)
            );
        end loop;
        v_escalated := v_escalated + 1;
    end loop;
    return v_escalated;
end;
$$;
comment on function alerts.escalate(integer) is
$$Tell, by alerts.escalation, of alerts that have been open for too long with nobody acknowledging them, and by alerts.tell_held() what
was held back. A task of the clock. Gives how many were escalated.$$;
