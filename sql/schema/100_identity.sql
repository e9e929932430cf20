-- identity: accounts, users, memberships.
create schema identity;
comment on schema identity is 'Who: accounts (customers), users (persons with an e-mail), memberships.';
grant usage on schema identity to levqor_dba;

create table identity.account (
    id uuid not null default core.new_id(),
    name text not null,
    kind text not null default 'company',
    status text not null default 'active',
    tier text not null default 'sandbox',
    signing_generation integer not null default 1,
    signing_previous_until timestamptz,
    signing_shown_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint account_pkey primary key (id),
    constraint account_name_is_short_check check (length(name) between 1 and 200),
    constraint account_kind_is_known_check check (kind in ('operator', 'company', 'personal')),
    constraint account_status_is_known_check check (status in ('active', 'suspended', 'closed')),
    constraint account_signing_generation_is_positive_check check (signing_generation > 0)
);
create unique index account_operator_is_one_idx on identity.account (kind) where kind = 'operator';
comment on table identity.account is
'A customer: one person or a company. Jobs, quota, ledger and data belong to it. The operator is one too.';
comment on column identity.account.id is 'UUIDv7; shown as acct_…';
comment on column identity.account.name is 'name shown to people';
comment on column identity.account.kind is
'operator: who runs this deployment; company; personal: made for a user who came alone';
comment on column identity.account.status is 'active; suspended: may read only; closed: nothing';
comment on column identity.account.tier is 'quota.tier it is on: how many calls a month, and at what prices';
comment on column identity.account.signing_generation is
'number of the webhook signing secret in use; the secret is derived from it and kept nowhere';
comment on column identity.account.signing_previous_until is 'until then the previous generation signs too';
comment on column identity.account.signing_shown_at is 'when the signing secret in use was shown; null: never yet';
comment on column identity.account.created_at is 'when it was made';
comment on column identity.account.updated_at is 'last change';

create table identity.user (
    id uuid not null default core.new_id(),
    email text collate "C" not null,
    name text,
    locale text,
    currency text,
    meta jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint user_pkey primary key (id),
    constraint user_email_key unique (email),
    -- By ASCII alone, as in identity.normalise_email: the same in every locale.
    constraint user_email_is_lower_case_check check (email = lower(btrim(email) collate "C")),
    constraint user_email_has_at_sign_check check (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and length(email) <= 320),
    constraint user_name_is_short_check check (length(name) <= 200),
    constraint user_locale_is_short_check check (length(locale) <= 35),
    constraint user_currency_is_supported_check check (currency in ('GBP', 'USD', 'EUR')),
    constraint user_meta_is_object_check check (jsonb_typeof(meta) = 'object'),
    constraint user_meta_is_small_check check (octet_length(meta::text) <= 65536)
);
comment on table identity.user is 'A person with an e-mail, a member of one or more accounts.';
comment on column identity.user.id is 'UUIDv7; shown as user_…';
comment on column identity.user.email is 'trimmed, A to Z lower-cased, all else as typed; unique over all accounts';
comment on column identity.user.name is 'name shown to people';
comment on column identity.user.locale is 'BCP 47 language tag';
comment on column identity.user.currency is 'preferred currency, ISO 4217';
comment on column identity.user.meta is 'free facts of the front end, up to 64 KiB as text; a change is merged key by key';
comment on column identity.user.created_at is 'when it was made';
comment on column identity.user.updated_at is 'last change';

create table identity.membership (
    account_id uuid not null,
    user_id uuid not null,
    role text not null default 'owner',
    created_at timestamptz not null default clock_timestamp(),
    constraint membership_pkey primary key (account_id, user_id),
    constraint membership_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint membership_user_id_fkey foreign key (user_id) references identity.user (id),
    constraint membership_role_is_known_check check (role in ('owner', 'admin', 'support', 'auditor', 'member'))
);
create index membership_user_id_idx on identity.membership (user_id);
comment on table identity.membership is 'Which user belongs to which account, and as what.';
comment on column identity.membership.account_id is 'the account';
comment on column identity.membership.user_id is 'the user';
comment on column identity.membership.role is 'owner, admin, support, auditor or member';
comment on column identity.membership.created_at is 'since when';

alter table identity.account enable row level security;
alter table identity.account force row level security;
create policy account_sees_itself on identity.account
using (id = core.current_account() or core.sees_all());
create policy dba_reads_all on identity.account for select to levqor_dba using (true);

alter table identity.user enable row level security;
alter table identity.user force row level security;
create policy user_is_seen_by_machinery_platform_and_members on identity.user
using (
    core.sees_all()
    or exists (
        select from identity.membership as m
        where m.user_id = identity.user.id and m.account_id = core.current_account()
    )
);
create policy dba_reads_all on identity.user for select to levqor_dba using (true);

alter table identity.membership enable row level security;
alter table identity.membership force row level security;
create policy account_sees_its_members on identity.membership
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on identity.membership for select to levqor_dba using (true);

grant select on identity.account, identity.user, identity.membership to levqor_dba;
