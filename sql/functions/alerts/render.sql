-- An alert as each channel wants it, escaped for it. What it says comes from anywhere: nothing of it may work as markup, as a
-- mention or as a link.

create or replace function alerts.clip(p_text text, p_most integer, p_markup text default 'none')
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_whole text := case
        when p_markup = 'none' then p_text
        else replace(replace(replace(p_text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')
    end;
begin
    -- Mostly so: UTF-8 has never fewer bytes than UTF-16 has units.
    if octet_length(v_whole) <= p_most or p_text is null then
        return v_whole;
    end if;
    return (
        with piece as (
            select
                c.place,
                e.text,
                -- Receivers count UTF-16: what lies beyond the first plane is two.
                sum(length(e.text) + (ascii(c.letter) > 65535)::integer) over (order by c.place) as total
            from string_to_table(p_text, null) with ordinality as c (letter, place)
            cross join lateral (
                select case
                    when p_markup = 'none' then c.letter
                    when c.letter = '&' then '&amp;'
                    when c.letter = '<' then '&lt;'
                    when c.letter = '>' then '&gt;'
                    else c.letter
                end as text
            ) as e
        )
        select coalesce(string_agg(p.text, '' order by p.place) filter (where p.total <= p_most - f.is_cut::integer), '')
            || case when f.is_cut then '…' else '' end
        from (select coalesce(max(q.total), 0) > p_most as is_cut from piece as q) as f
        left join piece as p on true
        group by f.is_cut
    );
end;
$$;
comment on function alerts.clip(text, integer, text) is
$$A text cut to p_most UTF-16 units, with … at its end where it was cut, never within a character or an entity.

p_markup: none; or html, which makes &, < and > harmless, as Slack and Telegram both want it; the entities count.$$;

create or replace function alerts.defuse_mentions(p_text text)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    -- A zero-width space behind the @.
    select pg_catalog.regexp_replace(p_text, '@(?=(channel|here|everyone)\M)', '@' || pg_catalog.chr(8203), 'gi')
$$;
comment on function alerts.defuse_mentions(text) is
$$Keep @channel, @here and @everyone from calling everybody, also where a receiver links plain names.$$;

create or replace function alerts.title(p_alert alerts.alert, p_kind text)
returns text
language sql
stable
security invoker
as $$
    select '[' || case p_kind
        when 'resolved' then 'RESOLVED'
        when 'test' then 'TEST'
        else pg_catalog.upper(p_alert.level)
    end || '] ' || p_alert.source || case p_kind
        when 'escalated' then ' (nobody has acknowledged it)'
        else ''
    end
$$;
comment on function alerts.title(alerts.alert, text) is
$$The first line of a message: [LEVEL] source.$$;

create or replace function alerts.link(p_alert alerts.alert)
returns text
language sql
stable
security invoker
as $$
    select case when s.template <> '' then pg_catalog.replace(s.template, '{id}', core.show_id('alert', p_alert.id)) end
    from (select core.text_setting('alerts.link') as template) as s
$$;
comment on function alerts.link(alerts.alert) is
$$Where people see the alert, by the setting alerts.link; null where that is empty.$$;

create or replace function alerts.show_time(p_at timestamptz)
returns text
language sql
immutable
security invoker
as $$
    select pg_catalog.to_char(p_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
$$;
comment on function alerts.show_time(timestamptz) is
$$A time for people, in UTC.$$;

create or replace function alerts.describe(p_alert alerts.alert, p_kind text)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'kind', p_kind,
        'title', alerts.title(p_alert, p_kind),
        'alert_id', core.show_id('alert', p_alert.id),
        'account_id', core.show_id('acct', p_alert.account_id),
        'fingerprint', p_alert.fingerprint,
        'level', p_alert.level,
        'source', p_alert.source,
        'message', p_alert.message,
        'facts', p_alert.facts,
        'state', p_alert.state,
        'occurrences', p_alert.occurrences,
        'first_seen_at', p_alert.first_seen_at,
        'last_seen_at', p_alert.last_seen_at,
        'opened_at', p_alert.opened_at,
        'resolved_at', p_alert.resolved_at,
        'link', alerts.link(p_alert)
    )
$$;
comment on function alerts.describe(alerts.alert, text) is
$$An alert as webhooks get it. p_kind: raised, escalated, resolved or test.$$;

create or replace function alerts.count_line(p_alert alerts.alert)
returns text
language sql
stable
security invoker
as $$
    select case p_alert.occurrences
        when 1 then 'once, ' || alerts.show_time(p_alert.first_seen_at)
        else p_alert.occurrences || ' times, ' || alerts.show_time(p_alert.first_seen_at) || ' to '
            || alerts.show_time(p_alert.last_seen_at)
    end
$$;
comment on function alerts.count_line(alerts.alert) is
$$How often an alert was seen, and when, in words.$$;

create or replace function alerts.list_facts(p_facts jsonb, p_most integer)
returns table (name text, value text)
language sql
immutable
security invoker
rows 10
set search_path = pg_catalog, pg_temp
as $$
    select f.key, coalesce(p_facts ->> f.key, 'null')
    from jsonb_object_keys(p_facts) with ordinality as f (key, place)
    order by f.place
    limit p_most
$$;
comment on function alerts.list_facts(jsonb, integer) is
$$The first facts of an alert as texts.$$;

create or replace function alerts.describe_mail(p_alert alerts.alert, p_kind text)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'level', case when p_kind in ('resolved', 'test') then p_kind else p_alert.level end,
        'source', p_alert.source || case when p_kind = 'escalated' then ' (nobody has acknowledged it)' else '' end,
        'message', p_alert.message,
        'has_facts', true,
        'facts', (
            select jsonb_agg(jsonb_build_object('name', f.name, 'value', left(f.value, 500)) order by f.place, f.name)
            from (
                select 1 as place, l.name, l.value from alerts.list_facts(p_alert.facts, 50) as l
                union all
                select 2, 'seen', alerts.count_line(p_alert)
                union all
                select 3, 'alert', core.show_id('alert', p_alert.id)
                union all
                select 4, 'account', core.show_id('acct', p_alert.account_id)
                where p_alert.account_id is not null
            ) as f
        ),
        'url', alerts.link(p_alert)
    )
$$;
comment on function alerts.describe_mail(alerts.alert, text) is
$$The data of the mail template alert.$$;

create or replace function alerts.render_slack(p_alert alerts.alert, p_kind text, p_is_repeated boolean default false)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_title text := case when p_is_repeated then '(repeated) ' else '' end || alerts.title(p_alert, p_kind);
    v_message text := alerts.defuse_mentions(p_alert.message);
    v_fields jsonb;
    v_link text := alerts.link(p_alert);
begin
    -- plain_text throughout: nothing in it is formatted, linked or mentioned.
    select jsonb_agg(jsonb_build_object(
        'type', 'plain_text', 'emoji', false,
        'text', alerts.clip(alerts.defuse_mentions(f.name || ': ' || f.value), 500, 'html')
    ))
    into v_fields
    from alerts.list_facts(p_alert.facts, 10) as f;
    return jsonb_build_object(
        -- What notifications show, and clients without blocks.
        'text', alerts.clip(v_title || ': ' || v_message, 3000, 'html'),
        'mrkdwn', false,
        'link_names', false,
        'parse', 'none',
        'unfurl_links', false,
        'unfurl_media', false,
        'blocks', jsonb_build_array(
            jsonb_build_object('type', 'header', 'text', jsonb_build_object(
                'type', 'plain_text', 'emoji', false, 'text', alerts.clip(v_title, 150, 'html')
            )),
            jsonb_strip_nulls(jsonb_build_object('type', 'section', 'text', jsonb_build_object(
                'type', 'plain_text', 'emoji', false, 'text', alerts.clip(v_message, 3000, 'html')
            ), 'fields', v_fields)),
            jsonb_build_object('type', 'context', 'elements', jsonb_build_array(jsonb_build_object(
                'type', 'plain_text', 'emoji', false, 'text', alerts.clip(
                    'Seen ' || alerts.count_line(p_alert) || '. ' || core.show_id('alert', p_alert.id)
                    || coalesce(', ' || core.show_id('acct', p_alert.account_id), ''), 1000, 'html'
                )
            )))
        ) || case when v_link is not null then jsonb_build_array(jsonb_build_object(
            'type', 'actions', 'elements', jsonb_build_array(jsonb_build_object(
                'type', 'button', 'url', v_link, 'text', jsonb_build_object(
                    'type', 'plain_text', 'emoji', false, 'text', 'Open'
                )
            ))
        )) else '[]' end
    );
end;
$$;
comment on function alerts.render_slack(alerts.alert, text, boolean) is
$$An alert as the body of a Slack incoming webhook. p_is_repeated: it may have arrived before, and says so.$$;

create or replace function alerts.render_telegram(
    p_alert alerts.alert, p_kind text, p_settings jsonb, p_is_repeated boolean default false
)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_link text := alerts.link(p_alert);
    v_facts text;
begin
    select string_agg(f.name || ': ' || f.value, E'\n') into v_facts
    from alerts.list_facts(p_alert.facts, 20) as f;
    return jsonb_strip_nulls(jsonb_build_object(
        'chat_id', p_settings -> 'chat_id',
        'message_thread_id', p_settings -> 'message_thread_id',
        'disable_notification', p_settings -> 'is_silent',
        'parse_mode', 'HTML',
        'link_preview_options', '{"is_disabled": true}'::jsonb,
        -- Within pre and code nothing is a mention, a command or a link. 4096 in all.
        'text', '<b>' || case when p_is_repeated then '(repeated) ' else '' end
            || alerts.clip(alerts.title(p_alert, p_kind), 250, 'html') || '</b>'
            || E'\n<pre>' || alerts.clip(p_alert.message, 2300, 'html') || '</pre>'
            || coalesce(E'\n<pre>' || alerts.clip(v_facts, 800, 'html') || '</pre>', '')
            || E'\nSeen ' || alerts.count_line(p_alert) || '.'
            || E'\n<code>' || core.show_id('alert', p_alert.id) || '</code>'
            || coalesce(E'\n<code>' || core.show_id('acct', p_alert.account_id) || '</code>', '')
            || coalesce(E'\n<a href="' || http.escape_html(left(v_link, 200)) || '">Open</a>', '')
    ));
end;
$$;
comment on function alerts.render_telegram(alerts.alert, text, jsonb, boolean) is
$$An alert as the body of Telegram's sendMessage, in HTML, of at most 4096 characters. p_settings: those of the channel.
p_is_repeated: it may have arrived before, and says so.$$;

select core.seed('core.setting', '{name}', '{
    "name": "alerts.link", "value": "",
    "description": "text: URL where people see an alert, with {id} for its id, as messages show it; empty: no link"}');
