-- bi: views for BI tools. bi_store: what they show.
--
-- A tool sees the plain views of bi and nothing else, and their names and columns are the promise. Behind them, in bi_store, are
-- materialized views (595_bi_store.sql), and tables with a row a day where reading all of the base each time would take too
-- long. Nothing here reads a hot table as a tool asks; nothing here holds a person's address, name or words.
create schema bi;
comment on schema bi is 'Insight: plain views for BI tools, over all accounts. What a tool sees is stable; what is behind it may change.';
grant usage on schema bi to levqor_dba, levqor_bi;

create schema bi_store;
comment on schema bi_store is 'Insight: what the views of bi show: materialized views and days, and how they are kept fresh.';
grant usage on schema bi_store to levqor_dba;

create table bi_store.plan (
    name text not null,
    kind text not null,
    position integer not null,
    every interval not null,
    open_days integer not null default 0,
    is_enabled boolean not null default true,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint plan_pkey primary key (name),
    constraint plan_kind_is_known_check check (kind in ('view', 'days')),
    constraint plan_every_is_a_minute_to_a_week_check check (every >= interval '1 minute' and every <= interval '7 days'),
    constraint plan_open_days_are_bounded_check check (open_days >= 0 and open_days <= 400),
    constraint plan_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table bi_store.plan is
'What is refreshed how often. A change is felt with the next run of the task bi-refresh.';
comment on column bi_store.plan.name is 'materialized view, or table of days, in bi_store';
comment on column bi_store.plan.kind is
'view: a materialized view, refreshed as a whole; days: a table, of which the days that may still change are counted again';
comment on column bi_store.plan.position is 'order among those that are due';
comment on column bi_store.plan.every is 'how often it is refreshed at most';
comment on column bi_store.plan.open_days is 'of days: for how many days after its end a day may still change';
comment on column bi_store.plan.is_enabled is 'false: it stays as it is';
comment on column bi_store.plan.origin is 'file: seeded by the product; local: made by the operator';
comment on column bi_store.plan.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table bi_store.refresh (
    name text not null,
    attempted_at timestamptz,
    refreshed_at timestamptz,
    took interval,
    rows bigint,
    failed_at timestamptz,
    sqlstate text,
    error text,
    stood_back_at timestamptz,
    stood_back_for text,
    constraint refresh_pkey primary key (name),
    constraint refresh_name_fkey foreign key (name) references bi_store.plan (name) on update cascade on delete cascade
);
comment on table bi_store.refresh is 'When each was refreshed last, and what kept it from being.';
comment on column bi_store.refresh.name is 'as in bi_store.plan';
comment on column bi_store.refresh.attempted_at is 'when its refresh was begun last; null: never';
comment on column bi_store.refresh.refreshed_at is 'what it shows is of this time; null: it was never refreshed';
comment on column bi_store.refresh.took is 'how long the last refresh took';
comment on column bi_store.refresh.rows is 'how many rows it has, or of days, how many the last refresh wrote';
comment on column bi_store.refresh.failed_at is 'when a refresh failed last; null: not since the last good one';
comment on column bi_store.refresh.sqlstate is 'SQLSTATE of that failure';
comment on column bi_store.refresh.error is 'its message';
comment on column bi_store.refresh.stood_back_at is 'when its refresh was put off last, although it was due';
comment on column bi_store.refresh.stood_back_for is 'why';

create table bi_store.seen_transaction (
    pid integer not null,
    virtual_transaction text not null,
    seen_at timestamptz not null,
    constraint seen_transaction_pkey primary key (pid, virtual_transaction)
);
comment on table bi_store.seen_transaction is
'Transactions of this database that were open when the clock looked last. Since when they are is hidden from the owner; so it is '
'told from when they were seen first.';
comment on column bi_store.seen_transaction.pid is 'process that has it open';
comment on column bi_store.seen_transaction.virtual_transaction is 'which of its transactions, as in pg_locks';
comment on column bi_store.seen_transaction.seen_at is 'when it was seen first';

create table bi_store.rolled_day (
    name text not null,
    day date not null,
    rolled_at timestamptz not null,
    is_final boolean not null,
    constraint rolled_day_pkey primary key (name, day),
    constraint rolled_day_name_fkey foreign key (name) references bi_store.plan (name) on update cascade on delete cascade
);
comment on table bi_store.rolled_day is 'Days that were counted into a table of days. Kept for the setting bi.keep_days.';
comment on column bi_store.rolled_day.name is 'the table, as in bi_store.plan';
comment on column bi_store.rolled_day.day is 'UTC day';
comment on column bi_store.rolled_day.rolled_at is 'when it was counted last';
comment on column bi_store.rolled_day.is_final is 'true: it was counted when it could not change any more';

create table bi_store.reopened_day (
    name text not null,
    day date not null,
    id bigint not null generated always as identity,
    constraint reopened_day_pkey primary key (name, day, id)
);
comment on table bi_store.reopened_day is
'Days of a table of days that have changed after they were counted: late events, merges, erasures. Rows are only added, so that nobody '
'waits; whoever counts a day removes those that are there before.';
comment on column bi_store.reopened_day.name is 'the table, as in bi_store.plan';
comment on column bi_store.reopened_day.day is 'UTC day';
comment on column bi_store.reopened_day.id is 'running number';

create table bi_store.request_day (
    day date not null,
    route text not null,
    status_class text not null,
    requests bigint not null,
    accounts bigint not null,
    total_micros numeric not null,
    p50_micros bigint not null,
    p95_micros bigint not null,
    bytes_in numeric not null,
    bytes_out numeric not null,
    constraint request_day_pkey primary key (day, route, status_class)
);
comment on table bi_store.request_day is 'The access record by UTC day, route and class of status. Kept for the setting bi.keep_days.';
comment on column bi_store.request_day.day is 'UTC day';
comment on column bi_store.request_day.route is 'method and path of the route; none: there was no route';
comment on column bi_store.request_day.status_class is '2xx, 4xx, …';
comment on column bi_store.request_day.requests is 'how many requests';
comment on column bi_store.request_day.accounts is 'of how many accounts';
comment on column bi_store.request_day.total_micros is 'microseconds that they took together';
comment on column bi_store.request_day.p50_micros is 'half of them took no longer';
comment on column bi_store.request_day.p95_micros is '95 of 100 took no longer';
comment on column bi_store.request_day.bytes_in is 'bytes of their bodies';
comment on column bi_store.request_day.bytes_out is 'bytes of the answers'' bodies';

create table bi_store.delivery_day (
    account_id uuid not null,
    day date not null,
    kind text not null,
    event_type text not null,
    messages bigint not null,
    delivered bigint not null,
    dead bigint not null,
    attempts bigint not null,
    failed_attempts bigint not null,
    total_seconds numeric not null,
    constraint delivery_day_pkey primary key (account_id, day, kind, event_type)
);
create index delivery_day_day_idx on bi_store.delivery_day (day);
comment on table bi_store.delivery_day is
'Messages to the outside by UTC day on which they were written, and what became of them. Kept for the setting bi.keep_days.';
comment on column bi_store.delivery_day.account_id is 'account in whose name they went out';
comment on column bi_store.delivery_day.day is 'UTC day on which they were written';
comment on column bi_store.delivery_day.kind is 'http or mail';
comment on column bi_store.delivery_day.event_type is 'what they told, such as thing.verb';
comment on column bi_store.delivery_day.messages is 'messages written';
comment on column bi_store.delivery_day.delivered is 'messages that were delivered';
comment on column bi_store.delivery_day.dead is 'messages that are given up';
comment on column bi_store.delivery_day.attempts is 'attempts that ended';
comment on column bi_store.delivery_day.failed_attempts is 'attempts that did not deliver';
comment on column bi_store.delivery_day.total_seconds is 'seconds from writing to delivery, over the delivered ones';

create table bi_store.mail_day (
    account_id uuid not null,
    day date not null,
    template text not null,
    class text not null,
    state text not null,
    reason text not null,
    mails bigint not null,
    constraint mail_day_pkey primary key (account_id, day, template, class, state, reason)
);
create index mail_day_day_idx on bi_store.mail_day (day);
comment on table bi_store.mail_day is
'Mails by UTC day on which they were made, and what became of them. Kept for the setting bi.keep_days.';
comment on column bi_store.mail_day.account_id is 'account in whose name they go';
comment on column bi_store.mail_day.day is 'UTC day on which they were made';
comment on column bi_store.mail_day.template is 'the template';
comment on column bi_store.mail_day.class is 'the class: mail.class';
comment on column bi_store.mail_day.state is 'queued, left-out, sent, bounced or failed';
comment on column bi_store.mail_day.reason is 'why they were left out; empty: they were not';
comment on column bi_store.mail_day.mails is 'how many';

create table bi_store.event_day (
    account_id uuid not null,
    day date not null,
    name text not null,
    source text not null,
    events bigint not null,
    persons bigint not null,
    consented bigint not null,
    constraint event_day_pkey primary key (account_id, day, name, source)
);
create index event_day_day_idx on bi_store.event_day (day);
comment on table bi_store.event_day is
'Events by UTC day on which they happened, name and source. Kept for the setting bi.keep_days.';
comment on column bi_store.event_day.account_id is 'account that sent them';
comment on column bi_store.event_day.day is 'UTC day on which they happened';
comment on column bi_store.event_day.name is 'what happened';
comment on column bi_store.event_day.source is 'where the persons came from';
comment on column bi_store.event_day.events is 'how many events';
comment on column bi_store.event_day.persons is 'of how many persons';
comment on column bi_store.event_day.consented is 'of how many of them the sender said that the person consented';

-- In a request an account sees its own; outside of one, as when a BI tool reads the views of bi, there is no account to keep
-- to. Without functions of ours: these would be executed with the rights of whoever reads the view.
do $$
declare
    v_table text;
begin
    foreach v_table in array '{delivery_day,mail_day,event_day}'::text[] loop
        execute format('alter table bi_store.%I enable row level security', v_table);
        execute format('alter table bi_store.%I force row level security', v_table);
        execute format(
            'create policy request_sees_its_own on bi_store.%I using ('
            'account_id = (select nullif(current_setting(''levqor.account_id'', true), '''')::uuid) '
            'or (select coalesce(current_setting(''levqor.request_id'', true), '''') = '''' '
            'or current_setting(''levqor.machinery'', true) = ''on''))',
            v_table
        );
    end loop;
end;
$$;

grant select on
bi_store.plan, bi_store.refresh, bi_store.rolled_day, bi_store.reopened_day, bi_store.request_day, bi_store.delivery_day, bi_store.mail_day,
bi_store.event_day
to levqor_dba;
