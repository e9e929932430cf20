-- Windows of time in which alerts are kept and counted, and no channel is told.

create or replace function alerts.silence(
    p_until timestamptz,
    p_comment text,
    p_source text default '*',
    p_fingerprint text default null,
    p_level text default 'critical',
    p_account_id uuid default null,
    p_from timestamptz default null
)
returns alerts.silence
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_from timestamptz := coalesce(p_from, core.now());
    v_silence alerts.silence;
begin
    if p_until is null or p_until <= greatest(v_from, core.now()) or p_until > v_from + interval '366 days' then
        raise exception using
            errcode = 'LQ422',
            message = 'a silence ends in the future, after its begin, within a year',
            hint = 'Give "until" as a time to come.',
            schema = '{"errors": [{"pointer": "/until", "rule": "minimum"}]}';
    end if;
    if coalesce(btrim(p_comment), '') = '' then
        raise exception using
            errcode = 'LQ422',
            message = 'a silence says why',
            schema = '{"errors": [{"pointer": "/comment", "rule": "minLength"}]}';
    end if;
    insert into alerts.silence (
        source, fingerprint, level, only_account_id, from_at, until_at, made_by, comment, created_at
    )
    values (
        p_source, p_fingerprint, p_level, p_account_id, v_from, p_until, core.current_actor(), btrim(p_comment), core.now()
    )
    returning * into v_silence;
    perform audit.record(
        'alerts.silence', core.show_id('silence', v_silence.id), null,
        alerts.show_silence(v_silence) - 'comment' - 'id' - 'made_by' - 'ended_at' - 'created_at'
    );
    return v_silence;
end;
$$;
comment on function alerts.silence(timestamptz, text, text, text, text, uuid, timestamptz) is
$$Let no channel be told of some alerts until a time: select alerts.silence(now() + '2 hours', 'new version', 'deploy.*').

Alerts are kept and counted. What is still open when it ends is told then. p_source: * stands for any characters. p_fingerprint:
only this one. p_level: alerts of at most this level. p_from: default now. Gives the row. Raises LQ422.$$;

create or replace function alerts.end_silence(p_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from alerts.silence as s where s.id = p_id) then
        raise exception using errcode = 'LQ404', message = 'no such silence';
    end if;
    update alerts.silence as s
    set ended_at = core.now()
    where s.id = p_id and s.ended_at is null and s.until_at > core.now();
    perform audit.record('alerts.end_silence', core.show_id('silence', p_id), null, jsonb_build_object('was_over', not found));
end;
$$;
comment on function alerts.end_silence(uuid) is
$$End a silence now. One that is over stays as it is. Raises LQ404.$$;

create or replace function alerts.show_silence(p_silence alerts.silence)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('silence', p_silence.id),
        'source', p_silence.source,
        'fingerprint', p_silence.fingerprint,
        'level', p_silence.level,
        'account_id', core.show_id('acct', p_silence.only_account_id),
        'from', p_silence.from_at,
        'until', p_silence.until_at,
        'made_by', p_silence.made_by,
        'comment', p_silence.comment,
        'ended_at', p_silence.ended_at,
        'created_at', p_silence.created_at
    )
$$;
comment on function alerts.show_silence(alerts.silence) is
$$A silence as clients see it.$$;

create or replace function api.make_alert_silence(
    p_until timestamptz,
    p_comment text,
    p_source text default '*',
    p_fingerprint text default null,
    p_level text default 'critical',
    p_account_id text default null,
    p_from timestamptz default null
)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(201, alerts.show_silence(alerts.silence(
        p_until, p_comment, p_source, p_fingerprint, p_level, alerts.read_account(p_account_id), p_from
    )))
$$;
comment on function api.make_alert_silence(timestamptz, text, text, text, text, text, timestamptz) is
$$Silence alerts for a time

They are kept and counted, and no channel is told. What is still open when the silence ends is told then. level: alerts of at most
this level.$$;

create or replace function api.list_alert_silences(p_all boolean default false)
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object(
        'silences', coalesce(jsonb_agg(alerts.show_silence(s) order by s.id desc), '[]')
    ))
    from (
        select o.*
        from alerts.silence as o
        where p_all or (o.ended_at is null and o.until_at > core.now())
        order by o.id desc
        limit 1000
    ) as s
$$;
comment on function api.list_alert_silences(boolean) is
$$List silences

Those in force and to come, newest first, up to 1000; with all=true those that are over too, as long as they are kept.$$;

create or replace function api.end_alert_silence(p_silence_id text)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform alerts.end_silence(core.read_id('silence', p_silence_id));
    return http.no_content();
end;
$$;
comment on function api.end_alert_silence(text) is
$$End a silence

Now. Ending one that is over changes nothing. Within a minute the channels are told of what it held back and is still open.$$;

select http.register_schema('AlertSilence', '{"type": "object", "additionalProperties": false,
    "required": ["id", "source", "fingerprint", "level", "account_id", "from", "until", "made_by", "comment", "ended_at",
        "created_at"], "properties": {
        "id": {"type": "string", "pattern": "^silence_[0-9a-f]{32}$"},
        "source": {"type": "string"}, "fingerprint": {"type": ["string", "null"]},
        "level": {"$ref": "#/components/schemas/AlertLevel"}, "account_id": {"type": ["string", "null"]},
        "from": {"type": "string", "format": "date-time"}, "until": {"type": "string", "format": "date-time"},
        "made_by": {"type": "string"}, "comment": {"type": "string"},
        "ended_at": {"type": ["string", "null"], "format": "date-time", "description": "when it was ended early"},
        "created_at": {"type": "string", "format": "date-time"}}}');
select http.register_route('POST', '/api/admin/alerts/silences', 'api.make_alert_silence', p_domain => 'alerts',
    p_scopes => '{platform,admin}', p_limit_class => 'manage', p_is_sensitive => true,
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["until", "comment"], "properties": {
        "until": {"type": "string", "format": "date-time"},
        "comment": {"type": "string", "minLength": 1, "maxLength": 1000, "examples": ["maintenance of the mail server"]},
        "source": {"type": "string", "minLength": 1, "maxLength": 100, "default": "*", "examples": ["mail.*"],
            "description": "* stands for any characters"},
        "fingerprint": {"type": ["string", "null"], "minLength": 1, "maxLength": 200, "description": "only this one"},
        "level": {"enum": ["info", "warning", "error", "critical"], "default": "critical", "description": "at most"},
        "account_id": {"type": ["string", "null"], "maxLength": 64, "description": "alerts about this account only"},
        "from": {"type": ["string", "null"], "format": "date-time", "description": "default: now"}}}',
    p_responses => '{"201": {"description": "Made", "schema": {"$ref": "#/components/schemas/AlertSilence"}}, "422": {}}');
select http.register_route('GET', '/api/admin/alerts/silences', 'api.list_alert_silences', p_domain => 'alerts',
    p_scopes => '{platform,admin}', p_limit_class => 'manage',
    p_parameters => '{"all": {"type": "boolean", "default": false, "description": "those that are over too"}}',
    p_responses => '{"200": {"description": "The silences", "schema": {"type": "object", "additionalProperties": false,
        "required": ["silences"], "properties": {
            "silences": {"type": "array", "items": {"$ref": "#/components/schemas/AlertSilence"}}}}}}');
select http.register_route('DELETE', '/api/admin/alerts/silences/{silence_id}', 'api.end_alert_silence', p_domain => 'alerts',
    p_scopes => '{platform,admin}', p_limit_class => 'manage', p_is_sensitive => true,
    p_parameters => '{"silence_id": {"type": "string", "maxLength": 64}}',
    p_responses => '{"204": {"description": "Ended"}, "404": {}}');
