-- The access record as figures.

create or replace view access.overview with (security_invoker = true) as
select
    d.day,
    r.route,
    r.status_class,
    r.requests,
    r.mean_ms,
    r.p50_ms,
    r.p95_ms,
    r.bytes_in,
    r.bytes_out
from access.day as d
-- Day by day, so that a condition on the day reads the partitions of those days only.
cross join lateral (
    select
        q.route,
        q.status / 100 || 'xx' as status_class,
        pg_catalog.count(*) as requests,
        pg_catalog.round(pg_catalog.avg(q.micros) / 1000, 2) as mean_ms,
        pg_catalog.round((percentile_disc(0.5) within group (order by q.micros))::numeric / 1000, 2) as p50_ms,
        pg_catalog.round((percentile_disc(0.95) within group (order by q.micros))::numeric / 1000, 2) as p95_ms,
        pg_catalog.sum(q.bytes_in) as bytes_in,
        pg_catalog.sum(q.bytes_out) as bytes_out
    from access.request as q
    where q.at >= d.day::timestamp at time zone 'UTC' and q.at < (d.day + 1)::timestamp at time zone 'UTC'
    group by q.route, q.status / 100
) as r
where d.partition is not null;
comment on view access.overview is
'The access record by day, route and class of status. Reads every row of the days that are asked for: name a day, as in '
'where day = ''2026-01-31''.';
comment on column access.overview.day is 'UTC day';
comment on column access.overview.route is 'method and path of the route; none: there was no route';
comment on column access.overview.status_class is '2xx, 4xx, …';
comment on column access.overview.requests is 'how many requests';
comment on column access.overview.mean_ms is 'mean milliseconds from the request to the answer';
comment on column access.overview.p50_ms is 'half of them took no longer';
comment on column access.overview.p95_ms is '95 of 100 took no longer';
comment on column access.overview.bytes_in is 'bytes of the requests'' bodies';
comment on column access.overview.bytes_out is 'bytes of the answers'' bodies';
grant select on access.overview to levqor_dba;
