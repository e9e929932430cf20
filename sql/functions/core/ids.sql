-- Ids: UUIDv7 inside, prefixed hexadecimal outside.

-- Inlinable: no search_path, every name from pg_catalog is immune to a temporary table only when qualified.
create or replace function core.new_id()
returns uuid
language sql
volatile
security invoker
as $$
    select pg_catalog.encode(
        pg_catalog.set_bit(
            pg_catalog.set_bit(
                pg_catalog.overlay(
                    pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
                    pg_catalog.substring(
                        pg_catalog.int8send(
                            pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::bigint
                        ), 3
                    ),
                    1, 6
                ), 52, 1
            ), 53, 1
        ), 'hex'
    )::uuid
$$;
comment on function core.new_id() is
$$Make an id: UUID version 7 (RFC 9562), ordered by creation time to the millisecond.$$;

create or replace function core.show_id(p_prefix text, p_id uuid)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select p_prefix || '_' || pg_catalog.replace(p_id::text, '-', '')
$$;
comment on function core.show_id(text, uuid) is
$$Show an id as clients see it: prefix, underscore, 32 hexadecimal digits. Null gives null.$$;

create or replace function core.read_id(p_prefix text, p_text text)
returns uuid
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_text is null then
        return null;
    end if;
    -- Without a counted repetition, which would cost a pattern several times as much.
    if length(p_text) = length(p_prefix) + 33 and starts_with(p_text, p_prefix || '_')
        and substr(p_text, length(p_prefix) + 2) ~ '^[0-9a-f]+$'
    then
        return substr(p_text, length(p_prefix) + 2)::uuid;
    end if;
    if p_text ~* '^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$' then
        return p_text::uuid;
    end if;
    return null;
end;
$$;
comment on function core.read_id(text, text) is
$$Read an id a client sent: with its prefix, or as a bare UUID.

Returns null for anything else: such an id cannot exist, so the caller answers as for an unknown one.$$;

-- Reports show and look up ids as clients do.
grant execute on function core.show_id(text, uuid), core.read_id(text, text) to levqor_dba;

create or replace function core.random_bytes(p_length integer)
returns bytea
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bytes bytea := '';
begin
    while length(v_bytes) < p_length loop
        -- Two version 4 UUIDs carry 244 random bits from the server's strong source; the hash spreads them over 32
        -- bytes.
        v_bytes := v_bytes || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    end loop;
    return substring(v_bytes from 1 for p_length);
end;
$$;
comment on function core.random_bytes(integer) is
$$Give strong random bytes without an extension, from gen_random_uuid().

p_length: number of bytes.$$;
