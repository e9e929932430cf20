-- quota: tiers, what accounts have used of them, and what their jobs may cost.
create schema quota;
comment on schema quota is 'How much: calls a month by tier, and the guardrails on what jobs may cost.';
grant usage on schema quota to levqor_dba;

create table quota.tier (
    name text not null,
    calls_per_month bigint,
    description text not null default '',
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint tier_pkey primary key (name),
    constraint tier_name_is_token_check check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    -- The highest bigint stands for unlimited where calls are counted.
    constraint tier_calls_per_month_are_bounded_check check (calls_per_month between 0 and 1000000000000000),
    constraint tier_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table quota.tier is
'What an account may use in a calendar month (UTC); an UPDATE takes effect with the next call. Kept for good.';
comment on column quota.tier.name is 'name, as in identity.account.tier';
comment on column quota.tier.calls_per_month is 'metered calls a month; null: unlimited';
comment on column quota.tier.description is 'what it is, for people';
comment on column quota.tier.origin is 'file: seeded by the product; local: made by the operator';
comment on column quota.tier.local_columns is 'columns the operator changed; a deploy leaves them alone';

alter table identity.account
add constraint account_tier_fkey foreign key (tier) references quota.tier (name) on update cascade;
create index account_tier_idx on identity.account (tier);

-- Updated by every metered call: half of each page is free, and no index holds what changes, so that updates stay on
-- their page (HOT). No role of reports may read it: a long snapshot would keep the dead rows.
create table quota.usage (
    account_id uuid not null,
    month date not null,
    used bigint not null,
    allowed bigint not null,
    constraint usage_pkey primary key (account_id, month),
    constraint usage_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint usage_month_begins_on_its_first_check check (extract(day from month) = 1),
    constraint usage_used_is_not_negative_check check (used >= 0),
    constraint usage_allowed_is_not_negative_check check (allowed >= 0)
) with (
    fillfactor = 50, autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_scale_factor = 0.1,
    autovacuum_analyze_threshold = 100000, autovacuum_analyze_scale_factor = 1, vacuum_truncate = false
);
comment on table quota.usage is
'Metered calls of the current month. Logged and exact. Hot: no reporting role may read it; a task moves months that are '
'over to quota.usage_history.';
comment on column quota.usage.account_id is 'the account';
comment on column quota.usage.month is 'first day of the month, UTC';
comment on column quota.usage.used is 'calls charged, less those given back';
comment on column quota.usage.allowed is
'calls the tier allowed at the last charge or change of tier; 9223372036854775807: unlimited';

create type quota.charge as (
    account_id uuid,
    used bigint,
    allowed bigint,
    calls bigint
);
comment on type quota.charge is
'What a batch charges to an account''s month: how much is used and allowed then, and how many calls of it are new.';

create table quota.usage_history (
    account_id uuid not null,
    month date not null,
    used bigint not null,
    allowed bigint,
    tier text not null,
    constraint usage_history_pkey primary key (account_id, month),
    constraint usage_history_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint usage_history_month_begins_on_its_first_check check (extract(day from month) = 1),
    constraint usage_history_used_is_not_negative_check check (used >= 0)
);
create index usage_history_month_idx on quota.usage_history (month);
comment on table quota.usage_history is
'Metered calls of months that are over. No personal data beyond the account. Kept for the setting '
'quota.keep_history_months.';
comment on column quota.usage_history.account_id is 'the account';
comment on column quota.usage_history.month is 'first day of the month, UTC';
comment on column quota.usage_history.used is 'calls charged, less those given back';
comment on column quota.usage_history.allowed is 'calls allowed at the end of the month; null: unlimited';
comment on column quota.usage_history.tier is 'tier of the account when the month was moved here';

create table quota.price (
    workflow text not null,
    usd_per_job numeric(14, 6) not null default 0,
    usd_per_kib numeric(14, 6) not null default 0,
    constraint price_pkey primary key (workflow),
    constraint price_workflow_is_short_check check (length(workflow) between 1 and 128),
    constraint price_usd_per_job_is_not_negative_check check (usd_per_job >= 0),
    constraint price_usd_per_kib_is_not_negative_check check (usd_per_kib >= 0)
);
comment on table quota.price is
'What a job is estimated to cost, for the guardrails; a change takes effect with the next job. A workflow without a row '
'costs the setting quota.default_job_usd.';
comment on column quota.price.workflow is 'jobs.job.workflow it is for';
comment on column quota.price.usd_per_job is 'US dollars a job';
comment on column quota.price.usd_per_kib is 'US dollars more for each KiB of the payload''s text';

create table quota.guardrail (
    account_id uuid not null,
    job_usd numeric(14, 6),
    day_usd numeric(14, 6),
    updated_at timestamptz not null default clock_timestamp(),
    constraint guardrail_pkey primary key (account_id),
    constraint guardrail_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint guardrail_job_usd_is_not_negative_check check (job_usd >= 0),
    constraint guardrail_day_usd_is_not_negative_check check (day_usd >= 0)
);
comment on table quota.guardrail is
'Accounts with limits of their own on estimated costs. Kept as long as the account.';
comment on column quota.guardrail.account_id is 'the account';
comment on column quota.guardrail.job_usd is
'highest estimated cost of one job in US dollars; null: the setting quota.job_cost_limit_usd';
comment on column quota.guardrail.day_usd is
'highest sum of estimated costs a UTC day in US dollars; null: the setting quota.day_cost_limit_usd';
comment on column quota.guardrail.updated_at is 'last change';

create table quota.spending (
    account_id uuid not null,
    day date not null,
    reserved_usd numeric(14, 6) not null,
    constraint spending_pkey primary key (account_id, day),
    constraint spending_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint spending_reserved_usd_is_not_negative_check check (reserved_usd >= 0)
) with (fillfactor = 70);
create index spending_day_idx on quota.spending (day);
comment on table quota.spending is
'Estimated costs of the jobs taken, by day. A row only where a job had a price. Kept for the setting '
'quota.keep_spending_days. A job that is cancelled before it ran keeps its reservation.';
comment on column quota.spending.account_id is 'the account';
comment on column quota.spending.day is 'UTC day on which the jobs were taken';
comment on column quota.spending.reserved_usd is 'sum of their estimated costs in US dollars';

alter table quota.usage enable row level security;
alter table quota.usage force row level security;
create policy account_sees_its_usage on quota.usage
using (account_id = core.current_account() or core.sees_all());

alter table quota.usage_history enable row level security;
alter table quota.usage_history force row level security;
create policy account_sees_its_history on quota.usage_history
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on quota.usage_history for select to levqor_dba using (true);

alter table quota.guardrail enable row level security;
alter table quota.guardrail force row level security;
create policy account_sees_its_guardrail on quota.guardrail
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on quota.guardrail for select to levqor_dba using (true);

alter table quota.spending enable row level security;
alter table quota.spending force row level security;
create policy account_sees_its_spending on quota.spending
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on quota.spending for select to levqor_dba using (true);

grant select on quota.tier, quota.usage_history, quota.price, quota.guardrail, quota.spending to levqor_dba;
