-- A UUID as two bigints, for what remembers one in sequences.

create or replace function core.high_half(p_id uuid)
returns bigint
language sql
immutable
parallel safe
security invoker
as $$
    select ('x' || pg_catalog.encode(pg_catalog.substring(pg_catalog.uuid_send(p_id), 1, 8), 'hex'))::bit(64)::bigint
$$;
comment on function core.high_half(uuid) is
$$The first 64 bits of a UUID. Null gives null.$$;

create or replace function core.low_half(p_id uuid)
returns bigint
language sql
immutable
parallel safe
security invoker
as $$
    select ('x' || pg_catalog.encode(pg_catalog.substring(pg_catalog.uuid_send(p_id), 9), 'hex'))::bit(64)::bigint
$$;
comment on function core.low_half(uuid) is
$$The last 64 bits of a UUID. Null gives null.$$;

create or replace function core.join_halves(p_high bigint, p_low bigint)
returns uuid
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.encode(pg_catalog.int8send(p_high) || pg_catalog.int8send(p_low), 'hex')::uuid
$$;
comment on function core.join_halves(bigint, bigint) is
$$The UUID of two halves, as core.high_half and core.low_half gave them.$$;
