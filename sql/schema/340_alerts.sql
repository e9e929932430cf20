-- alerts: what the operator must know, and by which channels it is told.
create schema alerts;
comment on schema alerts is
'Machinery: what the operator must know, grouped by fingerprint, and by which channels it is told.';
grant usage on schema alerts to levqor_dba;

create table alerts.channel (
    name text not null,
    kind text not null,
    settings jsonb not null,
    tells_resolve boolean not null default false,
    is_enabled boolean not null default true,
    description text not null default '',
    updated_at timestamptz not null default clock_timestamp(),
    constraint channel_pkey primary key (name),
    constraint channel_name_is_kebab_case_check check (name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(name) <= 63),
    constraint channel_kind_is_known_check check (kind in ('slack', 'telegram', 'mail', 'webhook')),
    constraint channel_settings_are_object_check check (jsonb_typeof(settings) = 'object'),
    constraint channel_settings_are_small_check check (octet_length(settings::text) <= 8192)
);
comment on table alerts.channel is
'Where alerts go. Made by the operator: alerts.set_channel(). Holds no secret, only the names of credentials.';
comment on column alerts.channel.name is 'name of the channel';
comment on column alerts.channel.kind is 'slack, telegram, mail or webhook';
comment on column alerts.channel.settings is
'slack: {"credential"}; telegram: {"chat_id", "credential", "base_url", "message_thread_id"}; mail: {"to": […]}; '
'webhook: {"url"}';
comment on column alerts.channel.tells_resolve is 'true: it is told too when an alert that it was told of is resolved';
comment on column alerts.channel.is_enabled is 'false: gets nothing';
comment on column alerts.channel.description is 'what it is, for people';
comment on column alerts.channel.updated_at is 'last change';
-- Targets are addresses of people.
grant select (name, kind, tells_resolve, is_enabled, description, updated_at) on alerts.channel to levqor_dba;

create table alerts.route (
    name text not null,
    position integer not null,
    level text not null default 'info',
    source text not null default '*',
    only_account_id uuid,
    channels text[] not null default '{}',
    cool_down interval not null default interval '1 hour',
    is_last boolean not null default false,
    is_enabled boolean not null default true,
    description text not null default '',
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint route_pkey primary key (name),
    constraint route_name_is_kebab_case_check check (name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(name) <= 63),
    constraint route_position_is_bounded_check check (position >= 0 and position <= 1000000),
    constraint route_level_is_known_check check (level in ('info', 'warning', 'error', 'critical')),
    constraint route_source_is_pattern_check check (length(source) >= 1 and length(source) <= 100),
    constraint route_channels_are_names_check check (
        cardinality(channels) <= 50 and array_position(channels, null) is null
        and (channels = '{}' or array_to_string(channels, ' ') ~ '^@?[a-z0-9-]+( @?[a-z0-9-]+)*$')
    ),
    constraint route_cool_down_is_bounded_check check (cool_down >= interval '0' and cool_down <= interval '31 days'),
    constraint route_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table alerts.route is
'Which alerts go to which channels: rows are looked at by position, each that fits adds its channels, until one that is '
'last. A change is felt by the next alert.';
comment on column alerts.route.name is 'name of the route';
comment on column alerts.route.position is 'order in which routes are looked at, lowest first; those of the product begin at 900';
comment on column alerts.route.level is 'fits alerts of at least this level';
comment on column alerts.route.source is 'fits alerts of this source; * stands for any characters';
comment on column alerts.route.only_account_id is 'fits alerts about this account only; null: any, and none';
comment on column alerts.route.channels is
'names of channels, or @slack, @telegram, @chat (both), @mail, @webhook, @all; empty: kept only';
comment on column alerts.route.cool_down is 'how long a channel is not told again of the same alert at the same level';
comment on column alerts.route.is_last is 'true: routes behind it are not looked at';
comment on column alerts.route.is_enabled is 'false: as if it were not there';
comment on column alerts.route.description is 'what it is for';
comment on column alerts.route.origin is 'file: seeded by the product; local: made by the operator';
comment on column alerts.route.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table alerts.escalation (
    name text not null,
    level text not null,
    source text not null default '*',
    after interval not null,
    channels text[] not null,
    times integer not null default 1,
    is_enabled boolean not null default true,
    description text not null default '',
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint escalation_pkey primary key (name),
    constraint escalation_name_is_kebab_case_check check (name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(name) <= 63),
    constraint escalation_level_is_known_check check (level in ('info', 'warning', 'error', 'critical')),
    constraint escalation_source_is_pattern_check check (length(source) >= 1 and length(source) <= 100),
    constraint escalation_after_is_bounded_check check (after >= interval '1 minute' and after <= interval '31 days'),
    constraint escalation_channels_are_names_check check (
        cardinality(channels) >= 1 and cardinality(channels) <= 50 and array_position(channels, null) is null
        and array_to_string(channels, ' ') ~ '^@?[a-z0-9-]+( @?[a-z0-9-]+)*$'
    ),
    constraint escalation_times_are_bounded_check check (times >= 1 and times <= 100),
    constraint escalation_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table alerts.escalation is
'Who is told, besides, of an alert that nobody acknowledges. A change is felt within a minute.';
comment on column alerts.escalation.name is 'name of the escalation';
comment on column alerts.escalation.level is 'for alerts of at least this level';
comment on column alerts.escalation.source is 'for alerts of this source; * stands for any characters';
comment on column alerts.escalation.after is 'how long after the alert was opened, and between repetitions';
comment on column alerts.escalation.channels is 'as in alerts.route; no cool-down holds for them';
comment on column alerts.escalation.times is 'how often at most, until the alert is opened again';
comment on column alerts.escalation.is_enabled is 'false: as if it were not there';
comment on column alerts.escalation.description is 'what it is for';
comment on column alerts.escalation.origin is 'file: seeded by the product; local: made by the operator';
comment on column alerts.escalation.local_columns is 'columns the operator changed; a deploy leaves them alone';

-- No foreign key to the account, here and below: an alert must never fail what it tells of.
create table alerts.alert (
    id uuid not null default core.new_id(),
    account_id uuid,
    fingerprint text not null,
    level text not null,
    source text not null,
    message text not null,
    facts jsonb not null default '{}',
    state text not null default 'open',
    occurrences bigint not null default 1,
    times_opened integer not null default 1,
    is_held boolean not null default false,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    opened_at timestamptz not null,
    acknowledged_at timestamptz,
    acknowledged_by text,
    resolved_at timestamptz,
    resolved_by text,
    constraint alert_pkey primary key (id),
    constraint alert_fingerprint_key unique nulls not distinct (fingerprint, account_id),
    constraint alert_fingerprint_is_short_check check (length(fingerprint) >= 1 and length(fingerprint) <= 200),
    constraint alert_level_is_known_check check (level in ('info', 'warning', 'error', 'critical')),
    constraint alert_source_is_short_check check (length(source) >= 1 and length(source) <= 100),
    constraint alert_message_is_short_check check (length(message) >= 1 and length(message) <= 2000),
    constraint alert_facts_are_object_check check (jsonb_typeof(facts) = 'object'),
    constraint alert_state_is_known_check check (state in ('open', 'acknowledged', 'resolved')),
    constraint alert_acknowledged_has_time_check check (state <> 'acknowledged' or acknowledged_at is not null),
    constraint alert_resolved_has_time_check check ((state = 'resolved') = (resolved_at is not null))
) with (fillfactor = 80);
create index alert_unresolved_idx on alerts.alert (id) where state <> 'resolved';
create index alert_resolved_at_idx on alerts.alert (resolved_at) where state = 'resolved';
create index alert_account_id_idx on alerts.alert (account_id, id) where account_id is not null;
comment on table alerts.alert is
'What the operator must know: one row a fingerprint and account, however often it is raised. Resolved ones are kept for the '
'setting alerts.keep_days. No personal data beyond what the message says.';
comment on column alerts.alert.id is 'UUIDv7; shown as alert_…';
comment on column alerts.alert.account_id is 'account it is about; null: the deployment';
comment on column alerts.alert.fingerprint is 'what makes it the same alert: alerts.make_fingerprint(), or what the caller says';
comment on column alerts.alert.level is 'info, warning, error or critical: the highest since it was opened';
comment on column alerts.alert.source is 'what raised it, such as domain.thing';
comment on column alerts.alert.message is 'what happened, as it was told last';
comment on column alerts.alert.facts is 'details of the last occurrence';
comment on column alerts.alert.state is
'open; acknowledged: somebody is on it, no more messages unless its level rises; resolved: over, until raised again';
comment on column alerts.alert.occurrences is 'how often it was raised';
comment on column alerts.alert.times_opened is 'how often it was opened: 1, and one more each time after a resolve';
comment on column alerts.alert.is_held is
'a message was held back by a silence or the cool-down, and is sent when that ends, if it is still open';
comment on column alerts.alert.first_seen_at is 'first occurrence';
comment on column alerts.alert.last_seen_at is 'last occurrence';
comment on column alerts.alert.opened_at is 'when it was opened last';
comment on column alerts.alert.acknowledged_at is 'when somebody took it on; null: nobody since it was opened';
comment on column alerts.alert.acknowledged_by is 'who, as in audit.entry';
comment on column alerts.alert.resolved_at is 'when it was over; null: it is not';
comment on column alerts.alert.resolved_by is 'who said so, as in audit.entry';

create table alerts.event (
    alert_id uuid not null,
    id bigint generated always as identity,
    kind text not null,
    happened_at timestamptz not null,
    actor text not null,
    level text,
    channel text,
    message_id uuid,
    facts jsonb not null default '{}',
    constraint event_pkey primary key (alert_id, id),
    constraint event_alert_id_fkey foreign key (alert_id) references alerts.alert (id) on delete cascade,
    constraint event_kind_is_known_check check (kind in (
        'raised', 'reopened', 'level_raised', 'silenced', 'sent', 'not_sent', 'not_delivered', 'escalated', 'acknowledged',
        'resolved'
    ))
);
comment on table alerts.event is
'What became of an alert. No row for a mere repetition: those are counted. Kept as long as the alert, at most the setting '
'alerts.keep_events of each.';
comment on column alerts.event.alert_id is 'the alert';
comment on column alerts.event.id is 'running number';
comment on column alerts.event.kind is
'raised, reopened, level_raised, silenced, sent, not_sent (the channel is badly set), not_delivered, escalated, '
'acknowledged, resolved';
comment on column alerts.event.happened_at is 'when, by core.now()';
comment on column alerts.event.actor is 'who, as in audit.entry';
comment on column alerts.event.level is 'level of the alert then';
comment on column alerts.event.channel is 'channel it is about';
comment on column alerts.event.message_id is 'message in outbox.message, of the operator''s account';
comment on column alerts.event.facts is 'what else there is to say';

create table alerts.told (
    alert_id uuid not null,
    channel text not null,
    level text not null,
    told_at timestamptz not null,
    times integer not null default 1,
    constraint told_pkey primary key (alert_id, channel),
    constraint told_alert_id_fkey foreign key (alert_id) references alerts.alert (id) on delete cascade
);
comment on table alerts.told is 'When a channel was told of an alert last: what cool-downs are measured by.';
comment on column alerts.told.alert_id is 'the alert';
comment on column alerts.told.channel is 'the channel';
comment on column alerts.told.level is 'level that it was told';
comment on column alerts.told.told_at is 'when the message was queued';
comment on column alerts.told.times is 'how many messages it was sent about it in all';

create table alerts.escalated (
    alert_id uuid not null,
    escalation text not null,
    times integer not null default 1,
    escalated_at timestamptz not null,
    constraint escalated_pkey primary key (alert_id, escalation),
    constraint escalated_alert_id_fkey foreign key (alert_id) references alerts.alert (id) on delete cascade
);
comment on table alerts.escalated is 'How often an alert was escalated since it was opened.';
comment on column alerts.escalated.alert_id is 'the alert';
comment on column alerts.escalated.escalation is 'the escalation';
comment on column alerts.escalated.times is 'how often';
comment on column alerts.escalated.escalated_at is 'when last';

create table alerts.silence (
    id uuid not null default core.new_id(),
    source text not null default '*',
    fingerprint text,
    level text not null default 'critical',
    only_account_id uuid,
    from_at timestamptz not null,
    until_at timestamptz not null,
    made_by text not null,
    comment text not null,
    ended_at timestamptz,
    created_at timestamptz not null,
    constraint silence_pkey primary key (id),
    constraint silence_source_is_pattern_check check (length(source) >= 1 and length(source) <= 100),
    constraint silence_fingerprint_is_short_check check (length(fingerprint) >= 1 and length(fingerprint) <= 200),
    constraint silence_level_is_known_check check (level in ('info', 'warning', 'error', 'critical')),
    constraint silence_ends_after_begin_check check (until_at > from_at),
    constraint silence_comment_says_why_check check (length(comment) >= 1 and length(comment) <= 1000)
);
create index silence_until_at_idx on alerts.silence (until_at);
comment on table alerts.silence is
'Windows of time in which alerts are kept and counted, and no channel is told. Kept for the setting alerts.keep_days after '
'their end.';
comment on column alerts.silence.id is 'UUIDv7; shown as silence_…';
comment on column alerts.silence.source is 'alerts of this source; * stands for any characters';
comment on column alerts.silence.fingerprint is 'only this one; null: any';
comment on column alerts.silence.level is 'alerts of at most this level';
comment on column alerts.silence.only_account_id is 'only alerts about this account; null: any, and none';
comment on column alerts.silence.from_at is 'begin';
comment on column alerts.silence.until_at is 'end, exclusive';
comment on column alerts.silence.made_by is 'who made it, as in audit.entry';
comment on column alerts.silence.comment is 'why';
comment on column alerts.silence.ended_at is 'when it was ended early; null: it was not';
comment on column alerts.silence.created_at is 'when it was made';

create table alerts.waiting (
    id bigint generated always as identity,
    is_resolve boolean not null default false,
    fingerprint text not null,
    account_id uuid,
    level text,
    source text,
    message text,
    facts jsonb,
    actor text not null,
    happened_at timestamptz not null,
    constraint waiting_pkey primary key (id)
);
comment on table alerts.waiting is
'Alerts raised or resolved while another open transaction had the same one: nobody waits for it. The clock takes them in '
'within seconds, in their order.';
comment on column alerts.waiting.id is 'running number';
comment on column alerts.waiting.is_resolve is 'true: resolve; false: raise';
comment on column alerts.waiting.fingerprint is 'which alert';
comment on column alerts.waiting.account_id is 'account it is about; null: the deployment';
comment on column alerts.waiting.level is 'level';
comment on column alerts.waiting.source is 'source';
comment on column alerts.waiting.message is 'what happened, or the comment of the resolve';
comment on column alerts.waiting.facts is 'details';
comment on column alerts.waiting.actor is 'who, as in audit.entry';
comment on column alerts.waiting.happened_at is 'when';

alter table alerts.alert enable row level security;
alter table alerts.alert force row level security;
create policy operator_sees_alerts on alerts.alert
using (core.sees_all() or core.has_scope('admin') or account_id = core.current_account());
create policy dba_reads_all on alerts.alert for select to levqor_dba using (true);

alter table alerts.waiting enable row level security;
alter table alerts.waiting force row level security;
create policy operator_sees_waiting on alerts.waiting using (core.sees_all() or core.has_scope('admin'));
create policy dba_reads_all on alerts.waiting for select to levqor_dba using (true);

grant select on
alerts.route, alerts.escalation, alerts.alert, alerts.event, alerts.told, alerts.escalated, alerts.silence, alerts.waiting
to levqor_dba;
