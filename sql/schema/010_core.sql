-- core: ids, errors, settings, the clock, what is deployed.
create schema core;
comment on schema core is 'Ground floor: ids, errors, settings, the one clock, and what is deployed.';
grant usage on schema core to levqor_server, levqor_dba;

create table core.error_code (
    sqlstate text not null,
    status integer not null,
    slug text not null,
    title text not null,
    is_shown boolean not null default false,
    constraint error_code_pkey primary key (sqlstate),
    constraint error_code_sqlstate_is_five_or_two_characters_check check (sqlstate ~ '^([0-9A-Z]{5}|[0-9A-Z]{2})$'),
    constraint error_code_status_is_http_error_check check (status between 400 and 599),
    constraint error_code_slug_is_kebab_case_check check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$')
);
comment on table core.error_code is
'The one table from SQLSTATE to HTTP problem. A row of two characters covers its whole class; five characters win '
'over two.';
comment on column core.error_code.sqlstate is 'SQLSTATE of five characters, or a class of two';
comment on column core.error_code.status is 'HTTP status of the problem';
comment on column core.error_code.slug is 'last part of the problem''s type URI';
comment on column core.error_code.title is 'RFC 9457 title: the same for every occurrence';
comment on column core.error_code.is_shown is
'whether message, detail and hint go to the client (true for our own codes; false where they could tell internals)';

create table core.setting (
    name text not null,
    value jsonb not null,
    description text not null,
    minimum numeric,
    maximum numeric,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint setting_pkey primary key (name),
    constraint setting_origin_is_known_check check (origin in ('file', 'local')),
    -- A case, so that no text is taken for a number.
    constraint setting_value_is_within_bounds_check check (
        case
            when num_nulls(minimum, maximum) = 2 then true
            when jsonb_typeof(value) = 'number' then (value #>> '{}')::numeric >= minimum and (value #>> '{}')::numeric <= maximum
            else false
        end
    )
);
comment on table core.setting is
'Settings an operator may change with UPDATE; a change is felt by the next call. Deploys never overwrite a changed '
'value.';
comment on column core.setting.name is 'dotted name, domain first';
comment on column core.setting.value is 'JSON value; its type is fixed by the description';
comment on column core.setting.description is 'what it does, with type and unit';
comment on column core.setting.minimum is 'least number that value may be; null: value is no number, or has no bounds';
comment on column core.setting.maximum is 'greatest number that value may be; null: value is no number, or has no bounds';
comment on column core.setting.origin is 'file: seeded by the product; local: made by the operator';
comment on column core.setting.local_columns is 'columns the operator changed; a deploy leaves them alone';

create table core.test_clock (
    is_only_row boolean not null default true,
    now_at timestamptz not null,
    constraint test_clock_pkey primary key (is_only_row),
    constraint test_clock_has_one_row_check check (is_only_row)
);
comment on table core.test_clock is
'Empty in production. A row here is the time that core.now() tells, for tests and rehearsals.';
comment on column core.test_clock.is_only_row is 'keeps the table at one row';
comment on column core.test_clock.now_at is 'the time told by core.now()';

create table core.migration (
    number integer not null,
    name text not null,
    checksum text,
    applied_at timestamptz not null default clock_timestamp(),
    constraint migration_pkey primary key (number),
    constraint migration_number_is_positive_check check (number > 0)
);
comment on table core.migration is
'Migrations this database holds; a fresh install records those that its schema already includes.';
comment on column core.migration.number is 'NNNN of the file in sql/migrations';
comment on column core.migration.name is 'file name without number and ending';
comment on column core.migration.checksum is
'SHA-256 of the file in hex; null when recorded by a fresh install through psql';
comment on column core.migration.applied_at is 'when it was applied or recorded';

create table core.deployed_file (
    path text not null,
    checksum text not null,
    objects text[] not null default '{}',
    left_objects text[] not null default '{}',
    applied_at timestamptz not null default clock_timestamp(),
    constraint deployed_file_pkey primary key (path)
);
comment on table core.deployed_file is 'Function files as last replayed: an unchanged checksum is not replayed again.';
comment on column core.deployed_file.path is 'path under sql/, such as functions/jobs/submit.sql';
comment on column core.deployed_file.checksum is 'SHA-256 of the file in hex';
comment on column core.deployed_file.objects is
'what it made: functions, views, triggers by identity, seeded rows by table and key';
comment on column core.deployed_file.left_objects is
'what earlier versions of it made and it does not; gone after migrate --prune';
comment on column core.deployed_file.applied_at is 'when it was replayed last';

create table core.deployment (
    is_only_row boolean not null default true,
    product_version text not null,
    breaking_level integer not null default 1,
    digests text[] not null default '{}',
    schema_digest text,
    deployed_by text not null default session_user,
    deployed_at timestamptz not null default clock_timestamp(),
    constraint deployment_pkey primary key (is_only_row),
    constraint deployment_has_one_row_check check (is_only_row)
);
comment on table core.deployment is
'What is deployed. A server refuses to start when it is behind, or when the database is ahead by a breaking step.';
comment on column core.deployment.is_only_row is 'keeps the table at one row';
comment on column core.deployment.product_version is 'version of the files deployed last';
comment on column core.deployment.breaking_level is
'number of breaking steps the database has taken; a server knows the highest it can work with';
comment on column core.deployment.digests is
'SHA-256 over the function files and migrations of each deploy, newest last: a server finds its own and knows whether '
'it is behind';
comment on column core.deployment.schema_digest is
'SHA-256 over the schema files that the database was made with or migrated to; tells an edited schema file without a '
'migration';
comment on column core.deployment.deployed_by is 'login of the last deploy';
comment on column core.deployment.deployed_at is 'when the last deploy ended';

create table core.compaction (
    table_name text not null,
    bytes bigint not null,
    bytes_before bigint not null,
    times bigint not null default 1,
    compacted_at timestamptz not null,
    constraint compaction_pkey primary key (table_name)
);
comment on table core.compaction is 'Hot tables that were rewritten without their dead rows: core.compact().';
comment on column core.compaction.table_name is 'the table';
comment on column core.compaction.bytes is 'its size after the last rewriting';
comment on column core.compaction.bytes_before is 'its size before';
comment on column core.compaction.times is 'how often it was rewritten';
comment on column core.compaction.compacted_at is 'when last';
grant select on core.compaction to levqor_dba;

create table core.held (
    hold_id uuid not null,
    id integer not null,
    table_name text,
    account_id uuid,
    address text,
    from_at timestamptz not null,
    until_at timestamptz,
    constraint held_pkey primary key (hold_id, id)
);
comment on table core.held is
'Legal holds as whoever removes old rows must heed them, through core.held_accounts() and core.held_addresses(). Written by '
'privacy, where holds are placed and released.';
comment on column core.held.hold_id is 'the hold';
comment on column core.held.id is 'running number within the hold';
comment on column core.held.table_name is 'only rows of this table, schema.name; null: of every one';
comment on column core.held.account_id is 'only rows of this account; null, as the address: all rows of the table';
comment on column core.held.address is 'only rows about this e-mail address';
comment on column core.held.from_at is 'in force from then on';
comment on column core.held.until_at is 'in force before then; null: until it is released';
alter table core.held enable row level security;
alter table core.held force row level security;
-- Who removes rows heeds every hold, also one that he could not see.
create policy everybody_heeds_holds on core.held using (true);
grant select on core.held to levqor_dba;
