-- What is deployed, for servers: they may not read the tables.

create or replace function core.deployment_state()
returns table (
    product_version text,
    breaking_level integer,
    digests text[],
    migrations integer[],
    deployed_at timestamptz
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select
        d.product_version,
        coalesce(d.breaking_level, 1),
        coalesce(d.digests, '{}'),
        coalesce((select array_agg(m.number order by m.number) from core.migration as m), '{}'),
        d.deployed_at
    from (select) as one
    left join core.deployment as d on d.is_only_row
$$;
comment on function core.deployment_state() is
$$Tell what is deployed here, in one row, so that a server can refuse a database that does not fit it.

product_version, deployed_at: of the last levqor-server migrate; null when the database was installed with psql alone.$$;
grant execute on function core.deployment_state() to levqor_server;
