-- access: the record of what was asked and answered.
create schema access;
comment on schema access is 'How much: the access record, one row a request, with what decided it.';
grant usage on schema access to levqor_server, levqor_dba;

-- The hottest insert of the product, so no CHECK, no foreign key and one index: rows come through access.record_many
-- only, which puts right what does not fit. The key begins with the request id and not with the account, as nobody who
-- looks a request up has to know whose it was. No default partition: it would be locked whenever a day is added.
create table access.request (
    at timestamptz not null,
    account_id uuid,
    key_id uuid,
    micros bigint not null,
    bytes_in bigint not null,
    bytes_out bigint not null,
    status integer not null,
    request_id text collate "C" not null,
    route text not null,
    address_hash bytea,
    rate_limit text,
    rate_limit_policy text,
    decision jsonb,
    constraint request_pkey primary key (request_id, at)
) partition by range (at);
comment on table access.request is
'The access record: one row a request, a partition for each UTC day. Written in batches a moment after the answer; a crash '
'of a server loses one batch at most. Kept for the setting access.keep_days.';
comment on column access.request.at is 'when the request came, by the server''s clock';
comment on column access.request.account_id is 'account it was made for; null: nobody''s';
comment on column access.request.key_id is 'API key that made it; may belong to another account than the one it acted for';
comment on column access.request.micros is 'microseconds from the request to the answer';
comment on column access.request.bytes_in is 'bytes of the request''s body';
comment on column access.request.bytes_out is 'bytes of the answer''s body';
comment on column access.request.status is 'HTTP status of the answer';
comment on column access.request.request_id is 'as in X-Request-Id; a client may send the same one twice';
comment on column access.request.route is 'method and path of the route, such as POST /api/v1/intake; none: there was no route';
comment on column access.request.address_hash is
'the client''s address as a keyed hash (HMAC-SHA256, cut to 16 bytes): tells whether two requests came from one address, '
'not from which';
comment on column access.request.rate_limit is 'field RateLimit of the answer; null: there was none';
comment on column access.request.rate_limit_policy is 'field RateLimit-Policy of the answer; null: there was none';
comment on column access.request.decision is
'what decided it: {"tier", "violated": [{"policy", "id"}], "shadowed": [{"policy", "id"}], "flags": […]}; no address';

create table access.dropped (
    day date not null,
    server text not null,
    rows bigint not null,
    constraint dropped_pkey primary key (day, server),
    constraint dropped_rows_are_positive_check check (rows > 0)
);
comment on table access.dropped is
'Rows of the access record that servers had to drop, because the database could not take them in time. Kept for the setting '
'access.keep_days.';
comment on column access.dropped.day is 'UTC day on which the server told it';
comment on column access.dropped.server is 'the server, as in ops.server';
comment on column access.dropped.rows is 'rows dropped';

alter table access.request enable row level security;
alter table access.request force row level security;
create policy account_sees_its_requests on access.request for select
using (account_id = core.current_account() or core.sees_all());
-- One look at one setting for each row that is written.
create policy machinery_writes on access.request using (core.is_machinery());
create policy dba_reads_all on access.request for select to levqor_dba using (true);
grant select on access.request, access.dropped to levqor_dba;

-- A key is noted by its own id: a platform key may have acted for another account than its own.
create index api_key_id_idx on keys.api_key (id);
