-- growth: events, the persons that they name, referrals, and what is counted from them.
--
-- growth.event is the base of every figure; all else here can be made again from it, as far back as months are kept. It is
-- partitioned by the month (UTC) in which an event happened, and a month goes as a whole. Duplicates are found by
-- growth.arrival, by the day (UTC) on which an event came: a unique key on events would have to hold their time, and then
-- let in the same event with another time. Neither table has a default partition: whoever needs a month or a day that is
-- not there makes it (growth.make_month, growth.make_arrival_day), which shuts out nobody; a default partition would have to
-- be locked and read each time.
create schema growth;
comment on schema growth is
'Insight: events and the persons they name, activity, funnels, cohorts, referrals. Cohort retention is here; data retention is not.';
grant usage on schema growth to levqor_dba;

create table growth.definition (
    account_id uuid not null,
    time_zone text not null default 'UTC',
    active_names text[],
    updated_at timestamptz not null default core.now(),
    constraint definition_pkey primary key (account_id),
    constraint definition_account_id_fkey foreign key (account_id) references identity.account (id) on delete cascade,
    constraint definition_time_zone_is_short_check check (length(time_zone) >= 1 and length(time_zone) <= 100),
    constraint definition_active_names_are_names_check
    check (cardinality(active_names) >= 1 and cardinality(active_names) <= 100 and array_position(active_names, null) is null)
);
comment on table growth.definition is
'How the analytics of an account are counted. An account without a row counts in UTC, and every event is activity. After a '
'change all activity of the account is counted again.';
comment on column growth.definition.account_id is 'the account';
comment on column growth.definition.time_zone is 'time zone of its days, weeks and months: an IANA name';
comment on column growth.definition.active_names is 'names of events that make a person active; null: any event does';
comment on column growth.definition.updated_at is 'last change';

create table growth.person (
    account_id uuid not null,
    person_id bigint not null generated always as identity,
    user_id uuid,
    first_event_at timestamptz,
    created_at timestamptz not null default core.now(),
    constraint person_pkey primary key (account_id, person_id),
    -- No foreign key to the account: the guard has just read it, and each check would lock the account's row.
    constraint person_user_id_fkey foreign key (user_id) references identity.user (id) on delete set null
) with (fillfactor = 90);
create index person_user_id_idx on growth.person (user_id);
comment on table growth.person is
'Whoever events of an account name, known or anonymous. When two turn out to be one, one is merged into the other and goes.';
comment on column growth.person.account_id is 'account whose events name the person';
comment on column growth.person.person_id is 'running number over all accounts; small, because figures are counted over many persons';
comment on column growth.person.user_id is 'the user of this deployment that it is, when one of its identifiers is such a user''s id';
comment on column growth.person.first_event_at is
'when the earliest event happened, over all history, also of months that were dropped; null: no event is left';
comment on column growth.person.created_at is 'when the first event came';

create table growth.identifier (
    account_id uuid not null,
    is_anonymous boolean not null,
    identifier text collate "C" not null,
    person_id bigint not null,
    seen_at timestamptz,
    created_at timestamptz not null default core.now(),
    -- With what a batch of events wants to know of each, so that the row itself need not be read.
    constraint identifier_pkey primary key (account_id, is_anonymous, identifier) include (person_id, seen_at),
    constraint identifier_person_id_fkey foreign key (account_id, person_id) references growth.person (account_id, person_id)
    on delete cascade,
    constraint identifier_is_short_check check (length(identifier) >= 1 and length(identifier) <= 200)
);
create index identifier_person_id_idx on growth.identifier (account_id, person_id);
comment on table growth.identifier is
'Under which names a person is known: any number of anonymous ones (a browser, a device), and the sender''s ids of the user.';
comment on column growth.identifier.account_id is 'account whose events name the person';
comment on column growth.identifier.is_anonymous is 'anonymous_id of events; otherwise their user_id';
comment on column growth.identifier.identifier is 'the name as it was sent, 1 to 200 characters';
comment on column growth.identifier.person_id is 'the person';
comment on column growth.identifier.seen_at is
'when an event of the person happened: none from then on can be its first, so that the person need not be looked up for most; null: '
'not known';
comment on column growth.identifier.created_at is 'when it came first';

create sequence growth.event_seq as bigint;
comment on sequence growth.event_seq is 'Order of arrival of events. A sequence of its own: partitions share it.';

create table growth.event (
    account_id uuid not null,
    person_id bigint not null,
    event_at timestamptz not null,
    seq bigint not null default nextval('growth.event_seq'),
    event_id uuid not null,
    name text collate "C" not null,
    source text collate "C" not null default 'direct',
    campaign text,
    medium text,
    origin text collate "C" not null default 'api',
    is_consented boolean,
    properties jsonb not null default '{}',
    received_at timestamptz not null default core.now(),
    -- By person and time: funnels read a person's events in their order. No foreign key to the person: each check would
    -- lock its row, for which all its events would meet; merges and erasures move or remove events and person together.
    constraint event_pkey primary key (account_id, person_id, event_at, seq) include (name),
    constraint event_name_is_short_check check (length(name) >= 1 and length(name) <= 100),
    constraint event_source_is_short_check check (length(source) >= 1 and length(source) <= 200),
    constraint event_campaign_is_short_check check (length(campaign) <= 200),
    constraint event_medium_is_short_check check (length(medium) <= 200),
    constraint event_origin_is_short_check check (length(origin) >= 1 and length(origin) <= 100),
    -- Measured as text once, when they come (8 KiB). Here the stored size is bounded, with room for that.
    constraint event_properties_are_bounded_object_check
    check (jsonb_typeof(properties) = 'object' and pg_column_size(properties) <= 131072)
) partition by range (event_at);
create index event_event_at_idx on growth.event using brin (event_at);
comment on table growth.event is
'What persons did, one row an event. Written once; a merge of two persons changes whose it is. A partition for each month (UTC) of '
'event_at: event_YYYYMM. Kept for growth.keep_months.';
comment on column growth.event.account_id is 'account that sent it';
comment on column growth.event.person_id is 'whose it is';
comment on column growth.event.event_at is 'when it happened, as the sender says';
comment on column growth.event.seq is 'order of arrival over all accounts, with gaps';
comment on column growth.event.event_id is
'the sender''s id; one that is no UUID is folded to a UUIDv8 of its SHA-256. Once within account and origin for 32 days of arrival';
comment on column growth.event.name is 'what happened: visit, signup, active, paid, or any other name';
comment on column growth.event.source is 'where the person came from (utm_source)';
comment on column growth.event.campaign is 'campaign that brought the person (utm_campaign)';
comment on column growth.event.medium is 'kind of the way there (utm_medium)';
comment on column growth.event.origin is 'which system sent it: ids are unique within account and origin';
comment on column growth.event.is_consented is 'whether the person consented to analytics, as the sender says; null: not told';
comment on column growth.event.properties is 'further facts: an object, up to 8 KiB as text';
comment on column growth.event.received_at is 'when it came';

create table growth.arrival (
    account_id uuid not null,
    origin text collate "C" not null,
    event_id uuid not null,
    arrived_on date not null,
    event_at timestamptz not null,
    constraint arrival_pkey primary key (account_id, origin, event_id, arrived_on)
) partition by range (arrived_on);
comment on table growth.arrival is
'Which events came, by UTC day of arrival, so that a repeat is known as one. A partition for each day: arrival_YYYYMMDD. Kept for 32 '
'days and the day that is under way.';
comment on column growth.arrival.account_id is 'account that sent it';
comment on column growth.arrival.origin is 'which of its systems sent it';
comment on column growth.arrival.event_id is 'its id';
comment on column growth.arrival.arrived_on is 'UTC day on which it came';
comment on column growth.arrival.event_at is 'when it happened, as it said when it came first';

create table growth.activity (
    account_id uuid not null,
    person_id bigint not null,
    month date not null,
    days integer not null,
    -- By month first: batches of events look into one or two months, whose part of the index stays near.
    constraint activity_pkey primary key (account_id, month, person_id),
    constraint activity_month_is_first_day_check check (extract(day from month) = 1),
    constraint activity_days_are_31_bits_check check (days > 0)
) with (fillfactor = 80);
create index activity_person_id_idx on growth.activity (account_id, person_id);
comment on table growth.activity is
'On which days each person was active: the exact base of all activity figures. Kept in step with events by whoever writes these, in '
'the same transaction; a month without activity has no row.';
comment on column growth.activity.account_id is 'the account';
comment on column growth.activity.person_id is 'the person';
comment on column growth.activity.month is 'first day of the month, in the time zone of the account';
comment on column growth.activity.days is 'bit 0 is the first day of the month, bit 30 the 31st; set: active on that day';

create table growth.stale_person (
    account_id uuid not null,
    person_id bigint not null,
    id bigint not null generated always as identity,
    noted_at timestamptz not null default core.now(),
    constraint stale_person_pkey primary key (account_id, person_id, id)
);
comment on table growth.stale_person is
'Persons whose activity has to be counted again from their events. Rows are only added, so that nobody waits; whoever has counted '
'removes the ones it had read before it began.';
comment on column growth.stale_person.account_id is 'the account';
comment on column growth.stale_person.person_id is 'the person';
comment on column growth.stale_person.id is 'running number';
comment on column growth.stale_person.noted_at is 'since when';

create table growth.stale_day (
    account_id uuid not null,
    day date not null,
    id bigint not null generated always as identity,
    noted_at timestamptz not null default core.now(),
    constraint stale_day_pkey primary key (account_id, day, id)
);
comment on table growth.stale_day is
'Days whose events, activity or first events changed: rollups that count them have to be made again. Rows are only added, so that '
'nobody waits and no change is missed; whoever has made a rollup again removes the rows it had read before it began.';
comment on column growth.stale_day.account_id is 'the account';
comment on column growth.stale_day.day is 'the day, in the time zone of the account';
comment on column growth.stale_day.id is 'running number';
comment on column growth.stale_day.noted_at is 'since when';

create table growth.referral (
    account_id uuid not null,
    id uuid not null,
    email text collate "C" not null,
    user_id uuid,
    source text collate "C" not null,
    campaign text collate "C" not null,
    medium text collate "C" not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    touches integer not null default 1,
    joined_at timestamptz,
    constraint referral_pkey primary key (account_id, id),
    constraint referral_account_id_fkey foreign key (account_id) references identity.account (id) on delete cascade,
    constraint referral_user_id_fkey foreign key (user_id) references identity.user (id) on delete set null,
    -- By ASCII alone, as in identity.normalise_email: the same in every locale.
    constraint referral_email_is_lower_case_check check (email = lower(btrim(email) collate "C") and length(email) <= 320),
    constraint referral_source_is_short_check check (length(source) >= 1 and length(source) <= 200),
    constraint referral_campaign_is_short_check check (length(campaign) <= 200),
    constraint referral_medium_is_short_check check (length(medium) <= 200),
    constraint referral_ends_after_start_check check (last_at >= first_at),
    constraint referral_touches_is_positive_check check (touches > 0)
) with (fillfactor = 90);
create index referral_email_idx on growth.referral (account_id, email);
create index referral_unjoined_idx on growth.referral (email) where user_id is null;
create index referral_unjoined_last_at_idx on growth.referral (last_at) where user_id is null;
create index referral_user_id_idx on growth.referral (user_id);
create index referral_first_at_idx on growth.referral (account_id, first_at);
comment on table growth.referral is
'Through which link an e-mail address came: one row for each address, source, campaign and medium. What came first is its first '
'touch, what came last its last touch.';
comment on column growth.referral.account_id is 'account whose page it was';
comment on column growth.referral.id is 'shown as ref_…; made from what the row says, so that it tells nobody whether the row was there';
comment on column growth.referral.email is 'trimmed, A to Z lower-cased: as in identity.user';
comment on column growth.referral.user_id is 'the user with this address, from sign-up on';
comment on column growth.referral.source is 'utm_source; direct: none was told';
comment on column growth.referral.campaign is 'utm_campaign; empty: none';
comment on column growth.referral.medium is 'utm_medium; empty: none';
comment on column growth.referral.first_at is 'when it came first';
comment on column growth.referral.last_at is 'when it came last';
comment on column growth.referral.touches is 'how often it came';
comment on column growth.referral.joined_at is 'when it was joined to the user; null: not yet';

do $$
declare
    v_table text;
begin
    foreach v_table in array
        '{definition,person,identifier,event,arrival,activity,stale_person,stale_day,referral}'::text[]
    loop
        execute format('alter table growth.%I enable row level security', v_table);
        execute format('alter table growth.%I force row level security', v_table);
        -- Sub-selects: read once a statement, not once a row.
        execute format(
            'create policy account_sees_its_own on growth.%I '
            'using (account_id = (select core.current_account()) or (select core.sees_all()))',
            v_table
        );
        execute format('create policy dba_reads_all on growth.%I for select to levqor_dba using (true)', v_table);
        execute format('grant select on growth.%I to levqor_dba', v_table);
    end loop;
end;
$$;

-- == activity: dimensions and rollups ==
--
-- Figures of days, weeks and months are kept by growth.roll_up; a figure that is nil has no row. What growth.stale_day names is not
-- taken from here by any reader but counted from the bitmaps, and so is all that comes after rollup.rolled_through.

create table growth.dimension (
    account_id uuid not null,
    name text collate "C" not null,
    column_name text,
    path text[],
    next_month date,
    is_counted boolean not null default false,
    created_at timestamptz not null default core.now(),
    constraint dimension_pkey primary key (account_id, name),
    constraint dimension_account_id_fkey foreign key (account_id) references identity.account (id) on delete cascade,
    constraint dimension_name_is_identifier_check check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint dimension_column_is_known_check check (column_name in ('source', 'campaign', 'medium', 'origin', 'name')),
    constraint dimension_path_is_short_check
    check (
        cardinality(path) >= 1 and cardinality(path) <= 8 and array_position(path, null) is null
        and length(array_to_string(path, '')) <= 500
    ),
    constraint dimension_has_column_or_path_check check (num_nonnulls(column_name, path) = 1)
);
comment on table growth.dimension is
'By what an account''s activity is counted beside the total. Each costs a bitmap for every person, month and value, and a figure for '
'every day and value: choose what has few values.';
comment on column growth.dimension.account_id is 'the account';
comment on column growth.dimension.name is 'its name in p_dimension';
comment on column growth.dimension.column_name is 'column of growth.event that holds the value; null: path does';
comment on column growth.dimension.path is
'where in growth.event.properties the value is: keys from the outside in; null: column_name says';
comment on column growth.dimension.next_month is
'while it is counted for the first time: months before this one are; null: it has not begun';
comment on column growth.dimension.is_counted is 'whether bitmaps and rollups are there; until then readers count from events';
comment on column growth.dimension.created_at is 'when it was chosen';

create table growth.dimension_activity (
    account_id uuid not null,
    dimension text collate "C" not null,
    person_id bigint not null,
    month date not null,
    value text collate "C" not null,
    days integer not null,
    constraint dimension_activity_pkey primary key (account_id, dimension, person_id, month, value),
    -- No foreign key to the dimension: each check would cost more than the row.
    constraint dimension_activity_days_are_31_bits_check check (days > 0)
) with (fillfactor = 80);
create index dimension_activity_month_idx on growth.dimension_activity (account_id, dimension, month);
comment on table growth.dimension_activity is
'On which days each person was active under each value of a dimension. Kept by growth.roll_up, so it is behind by the days in '
'growth.stale_day; readers count those from events.';
comment on column growth.dimension_activity.account_id is 'the account';
comment on column growth.dimension_activity.dimension is 'name of the dimension';
comment on column growth.dimension_activity.person_id is 'the person';
comment on column growth.dimension_activity.month is 'first day of the month, in the time zone of the account';
comment on column growth.dimension_activity.value is 'the value, cut to 200 characters; empty: the event has none';
comment on column growth.dimension_activity.days is 'as in growth.activity: bit 0 is the first day of the month';

create table growth.rollup (
    account_id uuid not null,
    rolled_through date not null,
    runs bigint not null default 0,
    rolled_at timestamptz not null default core.now(),
    constraint rollup_pkey primary key (account_id)
);
comment on table growth.rollup is
'How far the rollups of an account are. Its row is the lock of whoever makes them: figures are written in the order in which they '
'were counted.';
comment on column growth.rollup.account_id is 'the account';
comment on column growth.rollup.rolled_through is 'last day, in the time zone of the account, whose figures are in growth.active_day';
comment on column growth.rollup.runs is 'steps taken';
comment on column growth.rollup.rolled_at is 'when the last step was taken';

create table growth.recount (
    account_id uuid not null,
    after_person_id bigint not null default 0,
    asked_at timestamptz not null default core.now(),
    constraint recount_pkey primary key (account_id)
);
comment on table growth.recount is
'Accounts whose growth.definition changed, and how far their activity has been counted again. While a row is here, readers count '
'from events what has not been, and no rollup is read.';
comment on column growth.recount.account_id is 'the account';
comment on column growth.recount.after_person_id is 'persons up to this one have been counted again';
comment on column growth.recount.asked_at is 'when the definition changed';

create table growth.active_day (
    account_id uuid not null,
    dimension text collate "C" not null default '',
    day date not null,
    value text collate "C" not null default '',
    dau bigint not null,
    wau bigint not null,
    mau bigint not null,
    wau_calendar bigint not null,
    mau_calendar bigint not null,
    returning_day bigint not null,
    returning_week bigint not null,
    returning_month bigint not null,
    new_day bigint not null,
    new_week bigint not null,
    new_month bigint not null,
    computed_at timestamptz not null default core.now(),
    constraint active_day_pkey primary key (account_id, dimension, day, value)
);
comment on table growth.active_day is
'Rollup: how many persons were active, by day, in all and by value of each dimension. A day without a row had none, or is stale, or '
'comes after rollup.rolled_through.';
comment on column growth.active_day.account_id is 'the account';
comment on column growth.active_day.dimension is 'name of the dimension; empty: in all';
comment on column growth.active_day.day is 'the day, in the time zone of the account';
comment on column growth.active_day.value is 'value of the dimension; empty: none, or in all';
comment on column growth.active_day.dau is 'persons active on the day';
comment on column growth.active_day.wau is 'persons active on the day or one of the 6 days before';
comment on column growth.active_day.mau is 'persons active on the day or one of the 29 days before';
comment on column growth.active_day.wau_calendar is 'persons active from Monday to the day';
comment on column growth.active_day.mau_calendar is 'persons active from the first of the month to the day';
comment on column growth.active_day.returning_day is 'of dau: who was active on the day before too';
comment on column growth.active_day.returning_week is 'of wau_calendar: who was active in the week before too';
comment on column growth.active_day.returning_month is 'of mau_calendar: who was active in the month before too';
comment on column growth.active_day.new_day is 'of dau: whose first event of all was on the day';
comment on column growth.active_day.new_week is 'of wau_calendar: whose first event of all was in the week';
comment on column growth.active_day.new_month is 'of mau_calendar: whose first event of all was in the month';
comment on column growth.active_day.computed_at is 'when it was counted';

create type growth.day_count as (
    day date,
    value text,
    dau bigint,
    wau bigint,
    mau bigint,
    wau_calendar bigint,
    mau_calendar bigint,
    returning_day bigint,
    returning_week bigint,
    returning_month bigint
);
comment on type growth.day_count is
'What growth.count_days gives: columns as in growth.active_day. value: of the dimension; empty in all.';

create type growth.new_count as (
    day date,
    value text,
    new_day bigint,
    new_week bigint,
    new_month bigint
);
comment on type growth.new_count is 'What growth.count_new gives: columns as in growth.active_day.';

create type growth.stickiness_count as (
    value text,
    periods integer,
    persons bigint,
    persons_or_more bigint
);
comment on type growth.stickiness_count is
'What growth.stickiness gives: value of the dimension (null: in all), a number of periods, how many persons were active in exactly so '
'many, and how many in so many or more.';

do $$
declare
    v_table text;
begin
    foreach v_table in array '{dimension,dimension_activity,rollup,recount,active_day}'::text[] loop
        execute format('alter table growth.%I enable row level security', v_table);
        execute format('alter table growth.%I force row level security', v_table);
        execute format(
            'create policy account_sees_its_own on growth.%I '
            'using (account_id = (select core.current_account()) or (select core.sees_all()))',
            v_table
        );
        execute format('create policy dba_reads_all on growth.%I for select to levqor_dba using (true)', v_table);
        execute format('grant select on growth.%I to levqor_dba', v_table);
    end loop;
end;
$$;
-- == end of activity ==

-- == cohorts: rollup and spend ==
--
-- Who began in which period and was active in which one later: kept for weeks and months that are over. A period whose days are
-- in growth.stale_day is not taken from here by any reader; when those rows go, the period goes from here with them, and the
-- clock counts it again.

create table growth.cohort_period (
    account_id uuid not null,
    period text collate "C" not null,
    starts_on date not null,
    time_zone text not null,
    computed_at timestamptz not null default core.now(),
    constraint cohort_period_pkey primary key (account_id, period, starts_on),
    constraint cohort_period_period_is_known_check check (period in ('week', 'month')),
    constraint cohort_period_begins_a_period_check check (starts_on = date_trunc(period, starts_on::timestamp)::date)
);
comment on table growth.cohort_period is
'Rollup: weeks and months of which it is kept who was active, by the period in which each began.';
comment on column growth.cohort_period.account_id is 'the account';
comment on column growth.cohort_period.period is 'week or month';
comment on column growth.cohort_period.starts_on is 'Monday of the week or first of the month, in the time zone';
comment on column growth.cohort_period.time_zone is 'time zone in which it was counted: of no use when the account has another by now';
comment on column growth.cohort_period.computed_at is 'when it was counted';

create table growth.cohort_cell (
    account_id uuid not null,
    period text collate "C" not null,
    starts_on date not null,
    cohort_start date not null,
    persons integer not null,
    constraint cohort_cell_pkey primary key (account_id, period, starts_on, cohort_start),
    constraint cohort_cell_period_fkey foreign key (account_id, period, starts_on)
    references growth.cohort_period (account_id, period, starts_on) on delete cascade,
    constraint cohort_cell_cohort_is_not_later_check check (cohort_start <= starts_on),
    constraint cohort_cell_has_persons_check check (persons > 0)
);
comment on table growth.cohort_cell is
'Rollup: how many persons whose first event of all was in one period were active in another. None: no row.';
comment on column growth.cohort_cell.account_id is 'the account';
comment on column growth.cohort_cell.period is 'week or month';
comment on column growth.cohort_cell.starts_on is 'the period of activity: as in growth.cohort_period';
comment on column growth.cohort_cell.cohort_start is 'the period of the first event';
comment on column growth.cohort_cell.persons is 'persons of both; of one and the same period: size of the cohort';

create table growth.spend (
    account_id uuid not null,
    id uuid not null default core.new_id(),
    source text collate "C" not null,
    campaign text collate "C" not null default '',
    day date not null,
    amount_minor bigint not null,
    currency text not null,
    note text not null default '',
    made_by text not null,
    created_at timestamptz not null default core.now(),
    constraint spend_pkey primary key (account_id, id),
    constraint spend_account_id_fkey foreign key (account_id) references identity.account (id) on delete cascade,
    constraint spend_currency_fkey foreign key (currency) references ledger.currency (code),
    constraint spend_source_is_short_check check (length(source) >= 1 and length(source) <= 200),
    constraint spend_campaign_is_short_check check (length(campaign) <= 200),
    constraint spend_amount_is_positive_and_bounded_check check (amount_minor > 0 and amount_minor <= 1000000000000000),
    constraint spend_note_is_short_check check (length(note) <= 500),
    constraint spend_day_is_a_day_check check (day >= '1970-01-01' and day < '9000-01-01')
);
create index spend_day_idx on growth.spend (account_id, day);
create index spend_currency_idx on growth.spend (currency);
comment on table growth.spend is
'What campaigns cost, entered by the operator: the cost side of the return by source. It moves no money and is not in the ledger.';
comment on column growth.spend.account_id is 'whose campaign it was';
comment on column growth.spend.id is 'UUIDv7; shown as spend_…';
comment on column growth.spend.source is 'source of events that it paid for (utm_source)';
comment on column growth.spend.campaign is 'campaign (utm_campaign); empty: none in particular';
comment on column growth.spend.day is 'day it was spent for, in the time zone of the account';
comment on column growth.spend.amount_minor is 'how much, in minor units of the currency';
comment on column growth.spend.currency is 'ISO 4217';
comment on column growth.spend.note is 'for people; no personal data';
comment on column growth.spend.made_by is 'who entered it: user_…, key_…, or role:NAME';
comment on column growth.spend.created_at is 'when it was entered';

do $$
declare
    v_table text;
begin
    foreach v_table in array '{cohort_period,cohort_cell,spend}'::text[] loop
        execute format('alter table growth.%I enable row level security', v_table);
        execute format('alter table growth.%I force row level security', v_table);
        execute format(
            'create policy account_sees_its_own on growth.%I '
            'using (account_id = (select core.current_account()) or (select core.sees_all()))',
            v_table
        );
        execute format('create policy dba_reads_all on growth.%I for select to levqor_dba using (true)', v_table);
        execute format('grant select on growth.%I to levqor_dba', v_table);
    end loop;
end;
$$;
-- == end of cohorts ==
