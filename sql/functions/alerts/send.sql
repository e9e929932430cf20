-- Tell the channels: one message an alert, channel and cool-down, queued in the transaction of what it tells.
--
-- Locks: alerts.tell is called under the advisory lock of the alert (see raise.sql), so two never find a cool-down over at once.

create or replace function alerts.queue_message(
    p_alert alerts.alert, p_channel alerts.channel, p_kind text, p_key text
)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_operator uuid := identity.operator_account();
    v_id text := core.show_id('alert', p_alert.id);
    v_settings jsonb := p_channel.settings;
    v_headers jsonb := '{"Content-Type": "application/json; charset=utf-8"}';
    -- Slack and Telegram know no key by which they could tell that a message came before: repeated_body is what is sent instead
    -- when an attempt before may have arrived.
    v_context jsonb := jsonb_build_object('alert_id', p_alert.id, 'channel', p_channel.name, 'kind', p_kind);
    v_message_id uuid;
begin
    case p_channel.kind
        when 'slack' then
            return outbox.send_request(
                v_operator, 'POST', 'https://credential.invalid/', v_headers, alerts.render_slack(p_alert, p_kind)::text,
                'alert.' || p_kind, 'alerts', v_id,
                jsonb_build_object('scheme', 'url', 'credential', v_settings ->> 'credential'),
                'alerts.note_outcome',
                v_context || jsonb_build_object('repeated_body', alerts.render_slack(p_alert, p_kind, true)::text),
                p_key => p_key
            );
        when 'telegram' then
            return outbox.send_request(
                v_operator, 'POST',
                coalesce(rtrim(v_settings ->> 'base_url', '/'), 'https://api.telegram.org') || '/bot{credential}/sendMessage',
                v_headers, alerts.render_telegram(p_alert, p_kind, v_settings)::text, 'alert.' || p_kind, 'alerts', v_id,
                jsonb_build_object('scheme', 'url-part', 'credential', v_settings ->> 'credential'),
                'alerts.note_outcome',
                v_context || jsonb_build_object('repeated_body', alerts.render_telegram(p_alert, p_kind, v_settings, true)::text),
                p_key => p_key
            );
        when 'mail' then
            perform mail.send(
                v_operator, array(select t.value from jsonb_array_elements_text(v_settings -> 'to') as t), 'alert',
                alerts.describe_mail(p_alert, p_kind), 'transactional', p_key, p_source_domain => 'alerts', p_source_id => v_id
            );
            select m.outbox_id into v_message_id
            from mail.message as m
            where m.account_id = v_operator and m.key = p_key and m.outbox_id is not null
            order by m.id
            limit 1;
            if not found then
                raise exception using
                    errcode = 'LQ409',
                    message = 'every address of the channel is on the list of those that get no mail',
                    hint = 'See mail.suppression.';
            end if;
            return v_message_id;
        else
            return outbox.send_webhook(
                v_operator, v_settings ->> 'url', 'alert.' || p_kind, alerts.describe(p_alert, p_kind), 'alerts', v_id
            );
    end case;
end;
$$;
comment on function alerts.queue_message(alerts.alert, alerts.channel, text, text) is
$$Render an alert for a channel and queue the message. Gives the message's id, of mails to several addresses that of the first. p_key:
what it is queued once by.$$;

create or replace function alerts.send(p_alert alerts.alert, p_channel text, p_kind text, p_part text)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_channel alerts.channel;
    v_message_id uuid;
    v_state text;
    v_error text;
begin
    select c.* into strict v_channel from alerts.channel as c where c.name = p_channel;
    begin
        v_message_id := alerts.queue_message(
            p_alert, v_channel, p_kind, format('alerts/%s/%s/%s/%s', p_alert.id, p_channel, p_kind, p_part)
        );
    exception
        when lock_not_available or deadlock_detected or serialization_failure or read_only_sql_transaction then
            raise;
        when others then
            -- One channel that is badly set must not keep the others from being told, nor fail what raised the alert.
            get stacked diagnostics v_state = returned_sqlstate, v_error = message_text;
    end;
    perform alerts.note_event(
        p_alert.id, case when v_error is null then 'sent' else 'not_sent' end, p_alert.level,
        jsonb_build_object('kind', p_kind, 'sqlstate', v_state, 'error', v_error), p_channel, v_message_id
    );
    return v_message_id;
end;
$$;
comment on function alerts.send(alerts.alert, text, text, text) is
$$Queue a message about an alert to a channel, whatever routes, silences and cool-downs say, and note it. Gives the message's id;
null when the channel is badly set, which is noted too.

p_kind: raised, escalated, resolved or test. p_part: with alert, channel and kind it makes the message one that is queued once.$$;

create or replace function alerts.tell(p_alert alerts.alert)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_silence uuid := alerts.find_silence(p_alert);
    v_target record;
    -- What is grave and goes to nobody waits for a channel that takes it.
    v_is_held boolean := alerts.rank(p_alert.level) >= alerts.rank('error')
        and not exists (select from alerts.list_targets(p_alert));
    v_sent integer := 0;
begin
    if v_silence is not null then
        if not p_alert.is_held then
            update alerts.alert as a set is_held = true where a.id = p_alert.id;
            perform alerts.note_event(
                p_alert.id, 'silenced', p_alert.level, jsonb_build_object('silence_id', core.show_id('silence', v_silence))
            );
        end if;
        return 0;
    end if;
    for v_target in
        select
            t.channel,
            coalesce(d.times, 0) + 1 as times,
            -- Not told since it was opened: what the cool-down holds back is news.
            coalesce(d.told_at < p_alert.opened_at, true) as is_news,
            d.told_at is null
            or alerts.rank(p_alert.level) > alerts.rank(d.level)
            or d.told_at + t.cool_down <= core.now() and d.told_at <= p_alert.last_seen_at as is_due
        from alerts.list_targets(p_alert) as t
        left join alerts.told as d on d.alert_id = p_alert.id and d.channel = t.channel
        order by t.channel
    loop
        if not v_target.is_due then
            v_is_held := v_is_held or v_target.is_news;
            continue;
        end if;
        if alerts.send(p_alert, v_target.channel, 'raised', v_target.times::text) is null then
            -- Not told: the next occurrence tries again. The others hear of it, but not of what tells them just that.
            if p_alert.source <> 'alerts.channel' then
                perform alerts.raise(
                    'error', 'alerts.channel', format('the channel %s does not take alerts', v_target.channel),
                    jsonb_build_object('channel', v_target.channel, 'alert_id', core.show_id('alert', p_alert.id)),
                    p_fingerprint => 'alerts.channel/' || v_target.channel
                );
            end if;
            continue;
        end if;
        insert into alerts.told as d (alert_id, channel, level, told_at)
        values (p_alert.id, v_target.channel, p_alert.level, core.now())
        on conflict (alert_id, channel) do update
        set level = excluded.level, told_at = excluded.told_at, times = d.times + 1;
        v_sent := v_sent + 1;
    end loop;
    if v_is_held <> p_alert.is_held then
        update alerts.alert as a set is_held = v_is_held where a.id = p_alert.id;
    end if;
    return v_sent;
end;
$$;
comment on function alerts.tell(alerts.alert) is
$$Tell the channels that an alert goes to, each at most once a cool-down, unless its level has risen since. Gives how many were told.

That it was opened, and a silence or a cool-down kept a channel from being told, is noted in is_held: alerts.tell_held() tells it when
that ends. So is an alert of level error or critical that goes to no channel at all. A channel that is badly set was not told: the
next occurrence tries again, and an alert alerts.channel tells the others.$$;

create or replace function alerts.note_outcome(p_context jsonb, p_outcome jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_channel text := p_context ->> 'channel';
    v_id uuid := (p_context ->> 'alert_id')::uuid;
    v_fingerprint text := 'alerts.channel/' || v_channel;
begin
    if p_outcome ->> 'state' = 'done' then
        perform alerts.resolve(v_fingerprint, p_comment => 'a message got through');
        return;
    end if;
    -- Retention may have taken the alert away.
    if exists (select from alerts.alert as a where a.id = v_id) then
        perform alerts.note_event(
            v_id, 'not_delivered', null, jsonb_build_object(
                'kind', p_context ->> 'kind', 'status', p_outcome -> 'status', 'error', left(p_outcome ->> 'error', 500),
                'answer', left(p_outcome ->> 'body', 200)
            ), v_channel, core.read_id('msg', p_outcome ->> 'message_id')
        );
    end if;
    perform alerts.raise(
        'error', 'alerts.channel', format('the channel %s does not take alerts', v_channel),
        jsonb_strip_nulls(jsonb_build_object(
            'channel', v_channel, 'status', p_outcome -> 'status', 'error', left(p_outcome ->> 'error', 500),
            'answer', left(p_outcome ->> 'body', 200), 'alert_id', core.show_id('alert', v_id)
        )), p_fingerprint => v_fingerprint
    );
end;
$$;
comment on function alerts.note_outcome(jsonb, jsonb) is
$$Receiver of the outbox: what came of a message to a channel. One that was given up is noted, and raises an alert that goes to the
other channels; the next one that gets through resolves that.$$;
