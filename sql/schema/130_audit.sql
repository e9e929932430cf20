-- audit: what was done by whom.
create schema audit;
comment on schema audit is 'Who: the trail of sensitive actions.';
grant usage on schema audit to levqor_dba;

create table audit.entry (
    id bigint generated always as identity,
    account_id uuid,
    happened_at timestamptz not null,
    actor text not null,
    action text not null,
    target text,
    request_id text,
    facts jsonb not null default '{}',
    constraint entry_pkey primary key (id),
    constraint entry_action_is_dotted_check check (action ~ '^[a-z_]+(\.[a-z_]+)+$')
);
create index entry_happened_at_idx on audit.entry (happened_at);
create index entry_account_id_idx on audit.entry (account_id, id);
create index entry_request_id_idx on audit.entry (request_id);
comment on table audit.entry is 'One row a sensitive action. Nothing changes a row, and nothing removes one but data retention (levqor.retention).';
comment on column audit.entry.id is 'running number';
comment on column audit.entry.account_id is 'account it concerns; null for the whole deployment';
comment on column audit.entry.happened_at is 'when, by core.now()';
comment on column audit.entry.actor is 'who: user_…, key_…, system, or role:NAME';
comment on column audit.entry.action is 'what, as domain.verb';
comment on column audit.entry.target is 'the thing it was done to, as a shown id';
comment on column audit.entry.request_id is 'the request that did it';
comment on column audit.entry.facts is 'what else matters; no secret, no personal data';

create table audit.sensitive_call (
    id bigint generated always as identity,
    happened_at timestamptz not null,
    actor text not null,
    request_id text not null,
    route_id integer not null,
    constraint sensitive_call_pkey primary key (id)
);
create index sensitive_call_happened_at_idx on audit.sensitive_call (happened_at);
comment on table audit.sensitive_call is
'Every successful call of a route marked sensitive, counted by the entry point: what audit coverage is measured '
'against.';
comment on column audit.sensitive_call.id is 'running number';
comment on column audit.sensitive_call.happened_at is 'when, by core.now()';
comment on column audit.sensitive_call.actor is 'who called, as in audit.entry: user_… or key_…';
comment on column audit.sensitive_call.request_id is 'the request';
comment on column audit.sensitive_call.route_id is 'the route';

alter table audit.entry enable row level security;
alter table audit.entry force row level security;
create policy account_sees_its_entries on audit.entry
using (account_id = core.current_account() or core.sees_all());
create policy anybody_adds_entries on audit.entry for insert with check (true);
create policy dba_reads_all on audit.entry for select to levqor_dba using (true);
grant select on audit.entry, audit.sensitive_call to levqor_dba;
