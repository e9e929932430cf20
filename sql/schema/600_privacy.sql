-- privacy: how long what is kept, what is held for the law, and who is forgotten.
create schema privacy;
comment on schema privacy is
'Rights: data retention by policies, legal holds, erasure and export of a person. Cohort retention is in growth.';
grant usage on schema privacy to levqor_dba;

-- Data retention.

create table privacy.policy (
    table_name text not null,
    way text not null,
    clock_column text,
    days integer,
    setting text,
    setting_unit text,
    new_values jsonb,
    spare_if text,
    task text,
    parent text,
    has_personal_data boolean not null,
    heeds_holds boolean not null default true,
    reason text not null,
    legal_basis text not null,
    is_enabled boolean not null default true,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint policy_pkey primary key (table_name),
    constraint policy_table_name_is_qualified_check check (table_name ~ '^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$'),
    constraint policy_way_is_known_check
    check (way in ('drop_partition', 'delete', 'anonymise', 'own_task', 'with_parent', 'passing', 'keep')),
    constraint policy_days_are_1_to_36500_check check (days >= 1 and days <= 36500),
    constraint policy_age_is_told_once_check check (
        num_nonnulls(days, setting) = (way in ('drop_partition', 'delete', 'anonymise', 'own_task'))::integer
        and (setting is null) = (setting_unit is null)
    ),
    constraint policy_own_task_has_its_setting_check check (way <> 'own_task' or setting is not null and task is not null),
    constraint policy_task_is_of_own_task_or_passing_check check (task is null or way in ('own_task', 'passing')),
    constraint policy_setting_unit_is_known_check check (setting_unit in ('seconds', 'hours', 'days', 'months')),
    constraint policy_clock_is_told_where_it_counts_check
    check (clock_column is not null or way in ('own_task', 'with_parent', 'passing', 'keep')),
    constraint policy_new_values_are_of_anonymise_check
    check ((way = 'anonymise') = (new_values is not null and jsonb_typeof(new_values) = 'object' and new_values <> '{}')),
    constraint policy_passing_heeds_no_hold_check check (way <> 'passing' or not heeds_holds),
    constraint policy_parent_is_of_with_parent_check check ((way = 'with_parent') = (parent is not null)),
    constraint policy_reason_is_told_check check (length(reason) >= 1 and length(reason) <= 1000),
    constraint policy_legal_basis_is_told_check check (length(legal_basis) >= 1 and length(legal_basis) <= 500),
    constraint policy_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table privacy.policy is
'How long the rows of each table are kept, and how they go: one row a table. Those of the product are seeded; a change by the '
'operator stays through deploys. Without a policy of its table no row goes by data retention.';
comment on column privacy.policy.table_name is 'the table, schema.name; of a partitioned one its parent';
comment on column privacy.policy.way is
'drop_partition: a whole partition once all of it is too old; delete: rows, in batches; anonymise: new_values in old rows, in '
'batches; own_task: a task of its domain removes them, by the same setting; with_parent: they go with the row they belong to, by '
'its foreign key; passing: the work itself removes them, within minutes or days; keep: never by age';
comment on column privacy.policy.clock_column is
'what a row''s age is counted from: a timestamptz, a date (UTC), or a UUIDv7, whose time is inside of it; null in the column: the row '
'is not too old';
comment on column privacy.policy.days is 'days that a row is kept; null where a setting says it, and where nothing goes by age';
comment on column privacy.policy.setting is 'core.setting that says how long a row is kept, in place of days';
comment on column privacy.policy.setting_unit is 'unit of the setting: seconds, hours, days or months';
comment on column privacy.policy.new_values is 'for anonymise: object of columns and the values they get; null empties';
comment on column privacy.policy.spare_if is
'SQL condition on the row t that spares it however old it is, such as work that is not over; null: none';
comment on column privacy.policy.task is 'task of the clock that removes the rows (own_task, passing)';
comment on column privacy.policy.parent is 'table whose rows take these along (with_parent)';
comment on column privacy.policy.has_personal_data is 'whether a row can tell of a person';
comment on column privacy.policy.heeds_holds is
'false: legal holds do not reach it: counts without persons, and technical copies that pass within minutes or days';
comment on column privacy.policy.reason is 'why so long and not longer';
comment on column privacy.policy.legal_basis is 'what allows or demands it: article of the GDPR, or another law';
comment on column privacy.policy.is_enabled is 'false: data retention leaves the table alone; no switch for an own task';
comment on column privacy.policy.origin is 'file: seeded by the product; local: made by the operator';
comment on column privacy.policy.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table privacy.hold (
    id uuid not null default core.new_id(),
    account_id uuid,
    user_id uuid,
    person_id bigint,
    identifiers jsonb not null default '[]',
    table_name text,
    reason text not null,
    from_at timestamptz not null default core.now(),
    until_at timestamptz,
    placed_by text not null,
    placed_at timestamptz not null default core.now(),
    released_at timestamptz,
    released_by text,
    released_reason text,
    constraint hold_pkey primary key (id),
    constraint hold_holds_something_check check (num_nonnulls(account_id, user_id, person_id, table_name) >= 1),
    constraint hold_person_is_of_an_account_check check (person_id is null or account_id is not null),
    constraint hold_user_is_told_alone_check check (user_id is null or account_id is null and person_id is null),
    constraint hold_table_name_is_qualified_check check (table_name ~ '^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$'),
    constraint hold_reason_is_told_check check (length(reason) >= 1 and length(reason) <= 1000),
    constraint hold_ends_after_its_begin_check check (until_at > from_at),
    constraint hold_release_is_whole_check
    check ((released_at is null) = (released_by is null) and (released_at is not null or released_reason is null)),
    constraint hold_released_reason_is_short_check check (length(released_reason) <= 1000)
);
create index hold_account_id_idx on privacy.hold (account_id);
create index hold_unreleased_idx on privacy.hold (id) where released_at is null;
comment on table privacy.hold is
'Legal holds: rows that nothing may remove or anonymise while a hold is in force, however old they are. In force from from_at until '
'until_at or its release. Never deleted.';
comment on column privacy.hold.id is 'shown as hold_…';
comment on column privacy.hold.account_id is 'holds the rows of this account; of a person, the account whose events name it';
comment on column privacy.hold.user_id is
'holds the rows that name this user by id, actor or e-mail; in a table that tells no users apart, the rows of the user''s accounts';
comment on column privacy.hold.person_id is 'holds the rows of this person of growth, and of whom it is merged into';
comment on column privacy.hold.identifiers is
'under which names the person was known when the hold was placed, {is_anonymous, identifier}: they lead to whom it is merged into';
comment on column privacy.hold.table_name is 'holds only rows of this table; told alone, all of them. Null: of every table';
comment on column privacy.hold.reason is 'why: the case, the order, who asked';
comment on column privacy.hold.from_at is 'in force from then on';
comment on column privacy.hold.until_at is 'in force before then; null: until it is released';
comment on column privacy.hold.placed_by is 'who placed it: user_…, key_…, or role:NAME';
comment on column privacy.hold.placed_at is 'when';
comment on column privacy.hold.released_at is 'when it was released; null: it was not';
comment on column privacy.hold.released_by is 'who released it';
comment on column privacy.hold.released_reason is 'why';

create table privacy.run (
    run_id uuid not null,
    table_name text not null,
    way text not null,
    is_dry_run boolean not null,
    requested_by text not null,
    began_at timestamptz not null,
    until_at timestamptz not null,
    cutoff_at timestamptz not null,
    state text not null default 'open',
    rows bigint not null default 0,
    rows_are_estimated boolean not null default false,
    held bigint not null default 0,
    partitions integer not null default 0,
    batches integer not null default 0,
    longest_ms double precision not null default 0,
    worked_ms double precision not null default 0,
    batch_rows integer not null default 1000,
    place jsonb not null default '{}',
    worked_at timestamptz,
    finished_at timestamptz,
    sqlstate text,
    error text,
    constraint run_pkey primary key (run_id, table_name),
    constraint run_state_is_known_check check (state in ('open', 'done', 'out of time', 'locked', 'failed')),
    constraint run_end_has_time_check check ((state = 'open') = (finished_at is null)),
    constraint run_failure_has_sqlstate_check check ((state = 'failed') = (sqlstate is not null)),
    constraint run_counts_are_no_negatives_check check (rows >= 0 and held >= 0 and partitions >= 0 and batches >= 0)
);
create index run_open_idx on privacy.run (run_id, table_name) where state = 'open';
create index run_began_at_idx on privacy.run (began_at);
comment on table privacy.run is
'Runs of data retention: one row a run and table. It is written in the transaction of each batch, so that it says what was done '
'also after a crash, and anybody can go on from it.';
comment on column privacy.run.run_id is 'the run, shown as retrun_…';
comment on column privacy.run.table_name is 'the table';
comment on column privacy.run.way is 'how its rows go, as in the policy when the run began';
comment on column privacy.run.is_dry_run is 'true: rows are counted, and nothing goes';
comment on column privacy.run.requested_by is 'who asked for it; system: the clock';
comment on column privacy.run.began_at is 'when the run began';
comment on column privacy.run.until_at is 'when its time budget ends: what is still open then is left to the next run';
comment on column privacy.run.cutoff_at is 'rows of before then are too old';
comment on column privacy.run.state is
'open: there is more to do; done; out of time: the rest is left to the next run; locked: a partition''s lock was not to be had '
'within 50 ms, it is left to the next run; failed: see error, the other tables go on';
comment on column privacy.run.rows is 'rows that went or were anonymised; of a dry run, that would';
comment on column privacy.run.rows_are_estimated is
'true: a dropped partition was too large to count at once, and is in rows as the last (auto)analyze estimated it';
comment on column privacy.run.held is 'rows that are too old and stay because of a legal hold';
comment on column privacy.run.partitions is 'partitions dropped; of a dry run, that would be';
comment on column privacy.run.batches is 'steps it took, each a transaction of its own';
comment on column privacy.run.longest_ms is 'milliseconds of its longest statement';
comment on column privacy.run.worked_ms is 'milliseconds of all its statements';
comment on column privacy.run.batch_rows is 'how many rows the next batch takes: set by how long the last one took';
comment on column privacy.run.place is 'where it stands in the table';
comment on column privacy.run.worked_at is 'end of the last batch';
comment on column privacy.run.finished_at is 'when it ended';
comment on column privacy.run.sqlstate is 'SQLSTATE of the failure';
comment on column privacy.run.error is 'message of the failure';

-- A hold is the operator's affair: the account it is about does not see it.
alter table privacy.hold enable row level security;
alter table privacy.hold force row level security;
create policy platform_sees_holds on privacy.hold using (core.sees_all());
create policy dba_reads_all on privacy.hold for select to levqor_dba using (true);
grant select on privacy.policy, privacy.hold, privacy.run to levqor_dba;

-- Erasure and export ------------------------------------------------------------------------------------------------------
--
-- The catalogue says of every column of the product whether it can hold a person, how a person's rows are found, and what
-- becomes of them. privacy.erase_person and privacy.export_person do what it says and know no table by themselves.
create type privacy.subject as (
    users uuid[],
    addresses text[],
    names text[],
    actors text[],
    marks text[],
    accounts uuid[],
    keys uuid[],
    person_accounts uuid[],
    persons bigint[],
    identifiers text[],
    digests bytea[],
    scope uuid
);
comment on type privacy.subject is
'A person, by all that is known to lead to the person''s rows: users, e-mail addresses, names, actors as histories name them (user_…, '
'key_…), marks of addresses in the audit trail, accounts that are the person''s alone, the keys of these, persons of analytics (person_accounts and persons, side by side), their identifiers, keyed hashes of all of these; '
'scope: only in this account, null: everywhere.';

create table privacy.hash_key (
    is_only_row boolean not null default true,
    key bytea not null,
    made_at timestamptz not null default clock_timestamp(),
    constraint hash_key_pkey primary key (is_only_row),
    constraint hash_key_has_one_row_check check (is_only_row),
    constraint hash_key_is_long_check check (length(key) >= 32)
);
comment on table privacy.hash_key is
'The secret of keyed hashes: who was erased can be recognised with it, and not without it. Where the row is removed, hashes made '
'so far are random numbers for good. No role may read it.';
comment on column privacy.hash_key.is_only_row is 'keeps the table at one row';
comment on column privacy.hash_key.key is '32 random bytes, made with the database';
comment on column privacy.hash_key.made_at is 'when it was made';

create table privacy.lookup (
    table_name text collate "C" not null,
    path text collate "C" not null,
    position integer not null,
    condition text,
    handler text,
    description text not null,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint lookup_pkey primary key (table_name, path),
    constraint lookup_path_is_name_check check (path ~ '^[a-z]+$'),
    constraint lookup_handler_is_qualified_check check (handler ~ '^privacy\.[a-z_]+$'),
    constraint lookup_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table privacy.lookup is
'How the rows of a person are found in a table: one row a way that leads there. Part of the catalogue of erasure and export.';
comment on column privacy.lookup.table_name is 'schema.table';
comment on column privacy.lookup.path is
'what leads there: user, address, account (one that is the person''s alone), actor (who did it), person (of analytics), mention '
'(in free text), hash';
comment on column privacy.lookup.position is 'order of the work, lowest first: what is found through other rows comes before these';
comment on column privacy.lookup.condition is
'SQL condition on t, the table''s row, with {users}, {addresses} and the other members of privacy.subject; null: rows can not be '
'found without reading what they say';
comment on column privacy.lookup.handler is
'function (p_subject privacy.subject, p_limit integer) that does the work in place of the general way, and gives the rows it '
'changed; null: the general way';
comment on column privacy.lookup.description is 'what the rows are to the person';
comment on column privacy.lookup.origin is 'file: seeded by the product; local: made by the operator';
comment on column privacy.lookup.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table privacy.column_rule (
    table_name text collate "C" not null,
    column_name text collate "C" not null,
    path text collate "C" not null,
    way text not null,
    replacement text,
    basis text,
    reason text not null,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint column_rule_pkey primary key (table_name, column_name, path),
    constraint column_rule_lookup_fkey foreign key (table_name, path) references privacy.lookup (table_name, path)
    on delete cascade,
    constraint column_rule_way_is_known_check check (way in ('delete', 'anonymise', 'detach', 'keep')),
    constraint column_rule_only_changed_value_has_replacement_check
    check ((replacement is not null) = (way in ('anonymise', 'detach'))),
    constraint column_rule_kept_has_basis_check check (way <> 'keep' or basis is not null),
    constraint column_rule_origin_is_known_check check (origin in ('file', 'local'))
);
create index column_rule_lookup_idx on privacy.column_rule (table_name, path);
comment on table privacy.column_rule is
'The catalogue of erasure: every column that can hold a person, and what becomes of it. A column that holds none is in '
'privacy.impersonal_column; a test fails for one that is in neither.';
comment on column privacy.column_rule.table_name is 'schema.table';
comment on column privacy.column_rule.column_name is 'the column';
comment on column privacy.column_rule.path is 'how the rows are found, as in privacy.lookup';
comment on column privacy.column_rule.way is
'delete: the row goes; anonymise: the value is replaced by one that tells nothing; detach: the reference to the person is cut; keep: it '
'stays, on the basis given';
comment on column privacy.column_rule.replacement is 'SQL expression of the new value, for anonymise and detach';
comment on column privacy.column_rule.basis is 'article of the GDPR on which it is kept';
comment on column privacy.column_rule.reason is 'why this way';
comment on column privacy.column_rule.origin is 'file: seeded by the product; local: made by the operator';
comment on column privacy.column_rule.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table privacy.impersonal_column (
    table_name text collate "C" not null,
    column_name text collate "C" not null,
    reason text not null,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint impersonal_column_pkey primary key (table_name, column_name),
    constraint impersonal_column_reason_is_given_check check (length(reason) >= 3),
    constraint impersonal_column_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table privacy.impersonal_column is
'Columns of a type that could hold a person, and that hold none, with the reason.';
comment on column privacy.impersonal_column.table_name is 'schema.table';
comment on column privacy.impersonal_column.column_name is 'the column';
comment on column privacy.impersonal_column.reason is 'why it holds no person';
comment on column privacy.impersonal_column.origin is 'file: seeded by the product; local: made by the operator';
comment on column privacy.impersonal_column.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table privacy.erasure (
    id uuid not null default core.new_id(),
    pseudonym bytea not null,
    state text not null default 'running',
    requested_at timestamptz not null,
    requested_by text not null,
    reason text,
    subject jsonb,
    pass integer not null default 1,
    pass_rows bigint not null default 0,
    done text[] not null default '{}',
    counts jsonb not null default '{}',
    held_by uuid,
    finished_at timestamptz,
    catalogue_hash text not null,
    certificate text,
    constraint erasure_pkey primary key (id),
    constraint erasure_pseudonym_is_sha256_check check (length(pseudonym) = 32),
    constraint erasure_state_is_known_check check (state in ('running', 'done')),
    constraint erasure_done_has_certificate_and_no_subject_check
    check ((state = 'done') = (finished_at is not null and certificate is not null and subject is null)),
    constraint erasure_reason_is_short_check check (length(reason) <= 500),
    constraint erasure_counts_are_object_check check (jsonb_typeof(counts) = 'object')
);
create index erasure_running_idx on privacy.erasure (id) where state = 'running';
create index erasure_requested_at_idx on privacy.erasure (requested_at);
comment on table privacy.erasure is
'One row an erasure: where it stands and, when it is done, its certificate. A row that is done holds no personal data and never '
'changes. Kept as proof (GDPR Art. 5(2)).';
comment on column privacy.erasure.id is 'UUIDv7; shown as erasure_…';
comment on column privacy.erasure.pseudonym is 'keyed hash of what the person was named by: only who knows that name can tell whose it is';
comment on column privacy.erasure.state is 'running or done';
comment on column privacy.erasure.requested_at is 'when it was asked for';
comment on column privacy.erasure.requested_by is 'who asked, as in audit.entry';
comment on column privacy.erasure.reason is 'why, in the operator''s words, without personal data';
comment on column privacy.erasure.subject is 'the person, as privacy.subject: only while it is running';
comment on column privacy.erasure.pass is 'running number of the walk through the catalogue; the last one finds nothing any more';
comment on column privacy.erasure.pass_rows is 'rows that this walk has changed so far';
comment on column privacy.erasure.done is 'what this walk is through with: table, path, partition';
comment on column privacy.erasure.counts is 'rows so far: {"schema.table": {"delete": 3}}';
comment on column privacy.erasure.held_by is 'the legal hold that keeps it from going on; null: none';
comment on column privacy.erasure.finished_at is 'when it was done';
comment on column privacy.erasure.catalogue_hash is 'SHA-256 of the catalogue it went by, in hex: privacy.hash_catalogue()';
comment on column privacy.erasure.certificate is 'SHA-256 of privacy.write_certificate(), in hex';

create table privacy.tombstone (
    digest bytea not null,
    kind text not null,
    erasure_id uuid not null,
    erased_at timestamptz not null,
    last_seq bigint,
    constraint tombstone_pkey primary key (digest),
    constraint tombstone_erasure_id_fkey foreign key (erasure_id) references privacy.erasure (id) on delete cascade,
    constraint tombstone_kind_is_known_check check (kind in ('user', 'address', 'person', 'identifier'))
);
create index tombstone_erasure_id_idx on privacy.tombstone (erasure_id);
comment on table privacy.tombstone is
'What erased persons were named by, as keyed hashes: so that an erasure asked for again is recognised, and that events from before '
'it do not bring the person back. Goes with its erasure.';
comment on column privacy.tombstone.digest is 'privacy.hash_name()';
comment on column privacy.tombstone.kind is 'user, address, person or identifier';
comment on column privacy.tombstone.erasure_id is 'the last erasure by which it went';
comment on column privacy.tombstone.erased_at is 'when that began: what happened before is erased';
comment on column privacy.tombstone.last_seq is
'growth.event.seq of the last event that had come when the name went; null: it has not gone yet';

create table privacy.returned_identifier (
    account_id uuid not null,
    is_anonymous boolean not null,
    identifier text collate "C" not null,
    erased_at timestamptz not null,
    last_seq bigint not null,
    seen_at timestamptz not null,
    constraint returned_identifier_pkey primary key (account_id, is_anonymous, identifier),
    constraint returned_identifier_identifier_fkey foreign key (account_id, is_anonymous, identifier)
    references growth.identifier (account_id, is_anonymous, identifier) on delete cascade
);
comment on table privacy.returned_identifier is
'Names of analytics that were erased and came again: of new persons, without a link to the old one. The clock removes events that '
'came under such a name after the erasure and tell of the time before it. Kept for the setting privacy.late_days.';
comment on column privacy.returned_identifier.account_id is 'the account';
comment on column privacy.returned_identifier.is_anonymous is 'as in growth.identifier';
comment on column privacy.returned_identifier.identifier is 'as in growth.identifier';
comment on column privacy.returned_identifier.erased_at is 'as in privacy.tombstone';
comment on column privacy.returned_identifier.last_seq is 'as in privacy.tombstone';
comment on column privacy.returned_identifier.seen_at is 'when it came again';

create table privacy.suppressed_address (
    digest bytea not null,
    reason text not null,
    suppressed_at timestamptz not null,
    constraint suppressed_address_pkey primary key (digest, reason),
    constraint suppressed_address_reason_is_known_check
    check (reason in ('bounce', 'complaint', 'manual', 'unsubscribe'))
);
comment on table privacy.suppressed_address is
'Addresses of erased persons that get no mail, as keyed hashes: that they said no, or do not exist, must still be known (GDPR Art. '
'21(3)). Kept until it is lifted: privacy.unsuppress_erased().';
comment on column privacy.suppressed_address.digest is 'privacy.hash_name() of the address';
comment on column privacy.suppressed_address.reason is 'as in mail.suppression';
comment on column privacy.suppressed_address.suppressed_at is 'since when';

create table privacy.export (
    id uuid not null default core.new_id(),
    subject jsonb not null,
    digests bytea[] not null,
    requested_at timestamptz not null,
    requested_by text not null,
    expires_at timestamptz not null,
    constraint export_pkey primary key (id),
    constraint export_expires_after_request_check check (expires_at > requested_at)
);
create index export_expires_at_idx on privacy.export (expires_at);
comment on table privacy.export is
'Orders to export a person over HTTP: whose rows may be read by whoever has the id. Holds no copy of these; goes at expires_at.';
comment on column privacy.export.id is 'UUIDv7; shown as export_…';
comment on column privacy.export.subject is 'the person, as privacy.subject';
comment on column privacy.export.digests is 'keyed hashes of what the person is named by, to find the row when the person is erased';
comment on column privacy.export.requested_at is 'when it was asked for';
comment on column privacy.export.requested_by is 'who asked, as in audit.entry';
comment on column privacy.export.expires_at is 'from then on it is unknown';

alter table privacy.returned_identifier enable row level security;
alter table privacy.returned_identifier force row level security;
create policy account_sees_its_own on privacy.returned_identifier
using (account_id = (select core.current_account()) or (select core.sees_all()));
create policy dba_reads_all on privacy.returned_identifier for select to levqor_dba using (true);

grant select on
privacy.lookup, privacy.column_rule, privacy.impersonal_column, privacy.tombstone, privacy.returned_identifier
to levqor_dba;
-- Never the subject.
grant select (
    id, pseudonym, state, requested_at, requested_by, reason, pass, counts, held_by, finished_at, catalogue_hash, certificate
) on privacy.erasure to levqor_dba;
