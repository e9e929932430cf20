-- ops: health, uptime, figures.
create schema ops;
comment on schema ops is 'Insight: health, uptime, and the figures that tell how the deployment does.';
grant usage on schema ops to levqor_server, levqor_dba;

create table ops.server (
    id text not null,
    started_at timestamptz not null,
    seen_at timestamptz not null,
    version text not null,
    build text not null,
    constraint server_pkey primary key (id),
    constraint server_id_is_short_check check (length(id) between 1 and 200),
    constraint server_was_seen_after_its_start_check check (seen_at >= started_at)
);
create index server_seen_at_idx on ops.server (seen_at);
comment on table ops.server is 'Servers that run or ran; each says every few seconds that it is alive.';
comment on column ops.server.id is 'name of the process, such as host:pid:start';
comment on column ops.server.started_at is 'when it started';
comment on column ops.server.seen_at is 'when its reactor was alive last';
comment on column ops.server.version is 'version of the product it runs';
comment on column ops.server.build is 'build it runs';

create table ops.uptime_sample (
    minute timestamptz not null,
    is_ready boolean not null,
    queue_depth bigint not null,
    facts jsonb not null default '{}',
    constraint uptime_sample_pkey primary key (minute),
    constraint uptime_sample_minute_is_whole_check check (minute = date_trunc('minute', minute))
);
comment on table ops.uptime_sample is 'One row a minute in which the clock ran. A minute without a row counts as down.';
comment on column ops.uptime_sample.minute is 'begin of the minute';
comment on column ops.uptime_sample.is_ready is 'whether the deployment was ready, by ops.readiness()';
comment on column ops.uptime_sample.queue_depth is 'jobs queued';
comment on column ops.uptime_sample.facts is 'why it was not ready, and the queue''s figures';

create table ops.figure (
    name text not null,
    value jsonb not null,
    measured_at timestamptz not null,
    constraint figure_pkey primary key (name)
);
comment on table ops.figure is
'Figures over all accounts, measured by the clock every few seconds. The public pages read them here: a door '
'never sees all accounts,
and a page that anybody may load costs one row.';
comment on column ops.figure.name is 'name of the figure';
comment on column ops.figure.value is 'its value';
comment on column ops.figure.measured_at is 'when it was measured';

grant select on ops.server, ops.uptime_sample, ops.figure to levqor_dba;
