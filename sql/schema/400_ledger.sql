-- ledger: money, in double entry.
--
-- What has happened is in ledger.transfer and ledger.entry, which nothing changes and nothing removes. The balance of an
-- account is that of its last entry, so that a transfer updates no row: the account's row is its lock only, and a long
-- report, whose snapshot keeps dead rows of hot tables, does not slow transfers down. What is reserved is in ledger.hold,
-- and its sums in ledger.account. An entry's foreign keys are checked by a trigger a statement (entry_fits_its_transfer)
-- instead of one check a row: it looks at more than that transfer and account exist, for a fraction of the cost.
create schema ledger;
comment on schema ledger is 'Money: accounts, transfers and entries in double entry, holds, exchange, profitability, reconciliation.';
grant usage on schema ledger to levqor_dba;

create table ledger.currency (
    code text not null,
    digits smallint not null,
    constraint currency_pkey primary key (code),
    constraint currency_code_is_iso_4217_check check (code ~ '^[A-Z]{3}$'),
    constraint currency_digits_are_bounded_check check (digits >= 0 and digits <= 4)
);
comment on table ledger.currency is 'The currencies of ISO 4217 that are in use. Kept for good.';
comment on column ledger.currency.code is 'ISO 4217, three letters';
comment on column ledger.currency.digits is 'decimal digits of the minor unit: 2 for USD, 0 for JPY, 3 for KWD';

-- Updated by holds: half of each page is free, and no index holds what changes, so that updates stay on their page (HOT).
create table ledger.account (
    account_id uuid not null,
    id uuid not null default core.new_id(),
    code text collate "C" not null,
    currency text not null,
    category text not null,
    name text not null default '',
    may_be_negative boolean not null default true,
    may_be_positive boolean not null default true,
    held_out_minor bigint not null default 0,
    held_in_minor bigint not null default 0,
    created_at timestamptz not null default core.now(),
    constraint account_pkey primary key (account_id, id),
    constraint account_code_is_there_once_key unique (account_id, code, currency),
    constraint account_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint account_currency_fkey foreign key (currency) references ledger.currency (code),
    constraint account_code_is_token_check check (code ~ '^[a-z0-9][a-z0-9_.:-]{0,99}$'),
    constraint account_category_is_known_check check (category in (
        'revenue', 'ai_cost', 'infrastructure', 'fees', 'payouts', 'asset', 'liability', 'payouts_due', 'equity', 'exchange'
    )),
    constraint account_name_is_short_check check (length(name) <= 200),
    constraint account_may_be_something_check check (may_be_negative or may_be_positive),
    constraint account_held_is_not_negative_check check (held_out_minor >= 0 and held_in_minor >= 0)
) with (fillfactor = 50, autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_scale_factor = 0.1);
create index account_currency_idx on ledger.account (currency);
comment on table ledger.account is
'Accounts of the ledger: each belongs to the books of one customer, or of the operator, and has one currency. '
'Balances are in ledger.balance. Kept for good.';
comment on column ledger.account.account_id is 'whose books it is in: identity.account';
comment on column ledger.account.id is 'UUIDv7; shown as lacc_…';
comment on column ledger.account.code is 'name within the books, such as revenue or cash; once a currency';
comment on column ledger.account.currency is 'ISO 4217; every amount of it is in minor units of this';
comment on column ledger.account.category is
'what its turnover counts as: revenue, or a cost (ai_cost, infrastructure, fees, payouts), or neither: asset, liability, '
'payouts_due (owed to partners), equity, exchange';
comment on column ledger.account.name is 'for people; no personal data';
comment on column ledger.account.may_be_negative is
'false: what would take the balance, less what is held to go out, below zero is refused';
comment on column ledger.account.may_be_positive is
'false: what would take the balance, with what is held to come in, above zero is refused';
comment on column ledger.account.held_out_minor is 'sum of the open holds from it';
comment on column ledger.account.held_in_minor is 'sum of the open holds to it';
comment on column ledger.account.created_at is 'when it was opened';

create table ledger.transfer (
    account_id uuid not null,
    id uuid not null,
    kind text not null,
    from_id uuid not null,
    to_id uuid not null,
    amount_minor bigint not null,
    currency text not null,
    event_at timestamptz not null,
    created_at timestamptz not null,
    link_id uuid,
    hold_id uuid,
    reverses_id uuid,
    hold_seconds integer,
    reference text collate "C",
    description text,
    made_by text not null,
    constraint transfer_pkey primary key (account_id, id),
    constraint transfer_kind_is_known_check check (kind in ('transfer', 'hold', 'post', 'void', 'expiry')),
    constraint transfer_has_two_sides_check check (from_id <> to_id),
    -- A thousand million million: nine thousand of these still fit into a balance.
    constraint transfer_amount_is_positive_and_bounded_check
    check (amount_minor > 0 and amount_minor <= 1000000000000000),
    constraint transfer_hold_id_is_of_what_ends_one_check check ((hold_id is null) = (kind in ('transfer', 'hold'))),
    constraint transfer_reversal_moves_money_check check (reverses_id is null or kind = 'transfer'),
    constraint transfer_hold_seconds_are_bounded_check
    check (hold_seconds is null or kind = 'hold' and hold_seconds >= 1 and hold_seconds <= 31622400),
    constraint transfer_reference_is_short_check check (length(reference) >= 1 and length(reference) <= 200),
    constraint transfer_description_is_short_check check (length(description) <= 500)
);
create unique index transfer_reverses_id_idx on ledger.transfer (account_id, reverses_id) where reverses_id is not null;
create index transfer_link_id_idx on ledger.transfer (account_id, link_id) where link_id is not null;
create index transfer_hold_id_idx on ledger.transfer (account_id, hold_id) where hold_id is not null;
create index transfer_reference_idx on ledger.transfer (account_id, reference) where reference is not null;
create index transfer_created_at_idx on ledger.transfer using brin (created_at);
comment on table ledger.transfer is
'Everything that was done with money, one row each, never changed. The id is the client''s: the same one again does nothing. Kept for '
'good; what person it concerns is in ledger.transfer_person.';
comment on column ledger.transfer.account_id is 'whose books: identity.account';
comment on column ledger.transfer.id is 'made by the client, once within the books; shown as xfer_…';
comment on column ledger.transfer.kind is
'transfer: money moved; hold: money reserved; post: a hold''s money, or part of it, moved, and the rest let go; void: a hold let go; '
'expiry: the same by the clock';
comment on column ledger.transfer.from_id is 'ledger account that gives: its balance goes down';
comment on column ledger.transfer.to_id is 'ledger account that gets: its balance goes up';
comment on column ledger.transfer.amount_minor is 'how much, in minor units; of a void or expiry, what was let go';
comment on column ledger.transfer.currency is 'ISO 4217, of both accounts';
comment on column ledger.transfer.event_at is 'when it happened: rollups and profitability count by this';
comment on column ledger.transfer.created_at is 'when it was written';
comment on column ledger.transfer.link_id is 'transfers with the same one belong together, and are reversed together';
comment on column ledger.transfer.hold_id is 'the hold that a post, void or expiry ends';
comment on column ledger.transfer.reverses_id is 'the transfer whose effect this one takes back; one can be reversed once';
comment on column ledger.transfer.hold_seconds is 'how long a hold lasts, from created_at; null: until it is posted or voided';
comment on column ledger.transfer.reference is 'what it is for, such as an invoice or a job by its id; no personal data';
comment on column ledger.transfer.description is 'for people; no personal data';
comment on column ledger.transfer.made_by is 'who made it: user_…, key_…, system, or role:NAME';

create table ledger.entry (
    account_id uuid not null,
    ledger_account_id uuid not null,
    version bigint not null,
    transfer_id uuid not null,
    amount_minor bigint not null,
    previous_minor bigint not null,
    current_minor bigint not null,
    event_at timestamptz not null,
    created_at timestamptz not null,
    constraint entry_pkey primary key (account_id, ledger_account_id, version),
    constraint entry_amount_is_not_zero_check check (amount_minor <> 0),
    constraint entry_current_is_previous_and_amount_check check (current_minor = previous_minor + amount_minor),
    constraint entry_version_is_positive_check check (version > 0)
);
-- Not by account first: while the table is small, a plan for the last entry of a ledger account could take it instead of the
-- primary key, and keep it.
create index entry_transfer_id_idx on ledger.entry (transfer_id);
create index entry_event_at_idx on ledger.entry using brin (event_at);
create index entry_created_at_idx on ledger.entry using brin (created_at);
comment on table ledger.entry is
'The two sides of every transfer that moved money: minus the amount on the account that gave, plus the amount on the account that got. '
'Never changed, kept for good.';
comment on column ledger.entry.account_id is 'whose books: identity.account';
comment on column ledger.entry.ledger_account_id is 'the account';
comment on column ledger.entry.version is 'running number within the account, from 1 without a gap';
comment on column ledger.entry.transfer_id is 'the transfer';
comment on column ledger.entry.amount_minor is 'what the balance changed by, in minor units of the account''s currency';
comment on column ledger.entry.previous_minor is 'balance before: current_minor of the version before, 0 for the first';
comment on column ledger.entry.current_minor is 'balance after';
comment on column ledger.entry.event_at is 'as in the transfer';
comment on column ledger.entry.created_at is 'as in the transfer';

create table ledger.hold (
    account_id uuid not null,
    transfer_id uuid not null,
    from_id uuid not null,
    to_id uuid not null,
    amount_minor bigint not null,
    state text not null default 'open',
    expires_at timestamptz,
    posted_minor bigint,
    ended_by uuid,
    ended_at timestamptz,
    constraint hold_pkey primary key (account_id, transfer_id),
    constraint hold_amount_is_positive_check check (amount_minor > 0),
    constraint hold_state_is_known_check check (state in ('open', 'posted', 'voided', 'expired')),
    constraint hold_open_has_not_ended_check
    check ((state = 'open') = (ended_by is null) and (state = 'open') = (ended_at is null)),
    constraint hold_posted_is_part_of_amount_check
    check ((state = 'posted') = (posted_minor is not null) and posted_minor > 0 and posted_minor <= amount_minor)
);
create index hold_open_idx on ledger.hold (account_id, from_id, to_id) where state = 'open';
create index hold_expires_at_idx on ledger.hold (expires_at) where state = 'open' and expires_at is not null;
comment on table ledger.hold is
'What became of each hold. It changes once, from open; the transfers that did it are in ledger.transfer. Kept for good.';
comment on column ledger.hold.account_id is 'whose books: identity.account';
comment on column ledger.hold.transfer_id is 'the transfer of kind hold';
comment on column ledger.hold.from_id is 'account whose money is held';
comment on column ledger.hold.to_id is 'account it is held for';
comment on column ledger.hold.amount_minor is 'how much is held, in minor units';
comment on column ledger.hold.state is 'open; posted: ended by a post; voided; expired: by the clock';
comment on column ledger.hold.expires_at is 'from then on it can not be posted, and the clock lets it go; null: never';
comment on column ledger.hold.posted_minor is 'how much of it was posted';
comment on column ledger.hold.ended_by is 'the transfer that ended it';
comment on column ledger.hold.ended_at is 'when it ended';

create table ledger.transfer_person (
    account_id uuid not null,
    transfer_id uuid not null,
    user_id uuid,
    person_id bigint,
    constraint transfer_person_pkey primary key (account_id, transfer_id),
    constraint transfer_person_is_somebody_check check (user_id is not null or person_id is not null)
);
create index transfer_person_user_id_idx on ledger.transfer_person (account_id, user_id) where user_id is not null;
create index transfer_person_person_id_idx on ledger.transfer_person (account_id, person_id) where person_id is not null;
comment on table ledger.transfer_person is
'Whom a transfer concerns. The only place of the ledger that knows of persons: to erase one is to remove rows here, and changes no '
'figure.';
comment on column ledger.transfer_person.account_id is 'whose books: identity.account';
comment on column ledger.transfer_person.transfer_id is 'the transfer';
comment on column ledger.transfer_person.user_id is 'the user, when it is one: identity.user';
comment on column ledger.transfer_person.person_id is 'the person of the account''s analytics: growth.person';

create table ledger.exchange (
    account_id uuid not null,
    id uuid not null,
    sell_transfer_id uuid not null,
    buy_transfer_id uuid not null,
    sell_currency text not null,
    sell_minor bigint not null,
    buy_currency text not null,
    buy_minor bigint not null,
    rate numeric not null,
    event_at timestamptz not null,
    created_at timestamptz not null,
    constraint exchange_pkey primary key (account_id, id),
    constraint exchange_currencies_differ_check check (sell_currency <> buy_currency),
    constraint exchange_amounts_are_positive_check check (sell_minor > 0 and buy_minor > 0),
    constraint exchange_rate_is_positive_check check (rate > 0 and rate < 'infinity')
);
comment on table ledger.exchange is
'Exchanges of one currency for another: the two linked transfers, and the rate as it was agreed. Never changed, kept for good.';
comment on column ledger.exchange.account_id is 'whose books: identity.account';
comment on column ledger.exchange.id is 'made by the client; link_id of both transfers';
comment on column ledger.exchange.sell_transfer_id is 'transfer of what was given, to the exchange account of its currency';
comment on column ledger.exchange.buy_transfer_id is 'transfer of what was got, from the exchange account of its currency';
comment on column ledger.exchange.sell_currency is 'ISO 4217 of what was given';
comment on column ledger.exchange.sell_minor is 'what was given, in minor units';
comment on column ledger.exchange.buy_currency is 'ISO 4217 of what was got';
comment on column ledger.exchange.buy_minor is 'what was got, in minor units';
comment on column ledger.exchange.rate is 'units of buy_currency for one unit of sell_currency, exact';
comment on column ledger.exchange.event_at is 'when it happened';
comment on column ledger.exchange.created_at is 'when it was written';

-- Only within a transaction are there rows: what a statement leaves unbalanced is looked at once more at the commit.
create table ledger.imbalance (
    account_id uuid not null,
    transfer_id uuid not null,
    constraint imbalance_pkey primary key (account_id, transfer_id)
);
comment on table ledger.imbalance is
'Transfers whose entries a statement left without their other side. Empty at every commit: a transaction that can not say so is undone.';
comment on column ledger.imbalance.account_id is 'whose books';
comment on column ledger.imbalance.transfer_id is 'the transfer';

create table ledger.rollup (
    account_id uuid not null,
    ledger_account_id uuid not null,
    grain text collate "C" not null,
    bucket timestamptz not null,
    -- What came and went may be more than a balance can be.
    in_minor numeric not null,
    out_minor numeric not null,
    entries bigint not null,
    constraint rollup_pkey primary key (account_id, ledger_account_id, grain, bucket),
    constraint rollup_grain_is_known_check check (grain in ('hour', 'day', 'month')),
    constraint rollup_sums_are_not_negative_check check (in_minor >= 0 and out_minor >= 0),
    constraint rollup_entries_are_positive_check check (entries > 0)
) with (fillfactor = 80);
comment on table ledger.rollup is
'Turnover by hour, day and month of event_at (UTC), as far as it was folded: ledger.rollup_state. Ask ledger.turnover(), which adds '
'what was not. Made from entries, so it can be made again.';
comment on column ledger.rollup.account_id is 'whose books';
comment on column ledger.rollup.ledger_account_id is 'the ledger account';
comment on column ledger.rollup.grain is 'hour, day or month';
comment on column ledger.rollup.bucket is 'begin of the hour, day or month, UTC';
comment on column ledger.rollup.in_minor is 'sum of what came in, in minor units';
comment on column ledger.rollup.out_minor is 'sum of what went out, in minor units';
comment on column ledger.rollup.entries is 'number of entries';

create table ledger.rollup_state (
    account_id uuid not null,
    ledger_account_id uuid not null,
    folded_version bigint not null default 0,
    folded_at timestamptz not null,
    constraint rollup_state_pkey primary key (account_id, ledger_account_id),
    constraint rollup_state_folded_version_is_not_negative_check check (folded_version >= 0)
) with (fillfactor = 80);
comment on table ledger.rollup_state is
'Up to which entry an account was folded into ledger.rollup. Versions have no gap and no entry changes, so each is counted once, '
'however late its event_at.';
comment on column ledger.rollup_state.account_id is 'whose books';
comment on column ledger.rollup_state.ledger_account_id is 'the ledger account';
comment on column ledger.rollup_state.folded_version is 'version of the last entry that is in ledger.rollup';
comment on column ledger.rollup_state.folded_at is 'when it was folded last';

create table ledger.reconciliation (
    at timestamptz not null,
    is_good boolean not null,
    findings jsonb not null,
    constraint reconciliation_pkey primary key (at)
);
comment on table ledger.reconciliation is
'What the clock found when it reconciled the books: ledger.reconcile(). Kept for the setting ledger.keep_reconciliations_days.';
comment on column ledger.reconciliation.at is 'when';
comment on column ledger.reconciliation.is_good is 'whether nothing differed';
comment on column ledger.reconciliation.findings is 'the checks, as ledger.reconcile() gives them';

create type ledger.spec as (
    ordinal integer,
    kind text,
    id uuid,
    from_id uuid,
    to_id uuid,
    amount_minor bigint,
    currency text,
    event_at timestamptz,
    link_id uuid,
    hold_id uuid,
    reverses_id uuid,
    hold_seconds integer,
    reference text,
    description text,
    user_id uuid,
    person_id bigint,
    held_minor bigint,
    fault text
);
comment on type ledger.spec is
'A transfer to be made, as ledger.read_specs() has read it: its place in the call, what was asked, the accounts found, for what ends a '
'hold the hold''s amount, and what is wrong with it, if anything.';

create type ledger.standing as (
    id uuid,
    may_be_negative boolean,
    may_be_positive boolean,
    balance_minor bigint,
    held_out_minor bigint,
    held_in_minor bigint,
    version bigint
);
comment on type ledger.standing is 'How a ledger account stands under its lock.';

do $$
declare
    v_table text;
begin
    foreach v_table in array '{account,transfer,entry,hold,transfer_person,exchange,imbalance,rollup,rollup_state}'::text[]
    loop
        execute format('alter table ledger.%I enable row level security', v_table);
        execute format('alter table ledger.%I force row level security', v_table);
        -- With sub-selects, so that a scan asks once and not for each row.
        execute format(
            'create policy account_sees_its_own on ledger.%I '
            'using (account_id = (select core.current_account()) or (select core.sees_all()))', v_table
        );
    end loop;
    foreach v_table in array '{account,transfer,entry,hold,transfer_person,exchange,rollup,rollup_state}'::text[] loop
        execute format('create policy dba_reads_all on ledger.%I for select to levqor_dba using (true)', v_table);
        execute format('grant select on ledger.%I to levqor_dba', v_table);
    end loop;
end;
$$;
grant select on ledger.currency, ledger.reconciliation to levqor_dba;

insert into ledger.currency (code, digits)
select
    c.code,
    d.digits
from (
    values
    (0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'),
    (
        2,
        'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK '
        'DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD '
        'KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP '
        'PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH '
        'USD UYU UZS VES WST XCD YER ZAR ZMW'
    ),
    (3, 'BHD IQD JOD KWD LYD OMR TND')
) as d (digits, codes)
cross join lateral regexp_split_to_table(d.codes, ' ') as c (code);
