-- What tells a repeated event: its id, the time in the id, and the day on which it came.

create or replace function growth.fold_id(p_id text)
returns uuid
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_id ~ '^([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}$' or p_id ~ '^\{([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}\}$' then
        return p_id::uuid;
    end if;
    -- Version 8 and the variant of RFC 9562 in the bits where these belong.
    return encode(
        set_bit(set_bit(set_bit(set_bit(set_bit(set_bit(
            substring(sha256(convert_to(p_id, 'UTF8')) from 1 for 16), 55, 1
        ), 54, 0), 53, 0), 52, 0), 71, 1), 70, 0), 'hex'
    )::uuid;
end;
$$;
comment on function growth.fold_id(text) is
$$The UUID of an id that a sender made: the id itself where it is a UUID, otherwise a UUIDv8 of the first bits of its SHA-256 (in
UTF-8). The same text gives the same UUID.$$;

create or replace function growth.id_is_v7(p_id uuid)
returns boolean
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.get_byte(pg_catalog.uuid_send(p_id), 6) >> 4 = 7
$$;
comment on function growth.id_is_v7(uuid) is
$$Whether an id is a UUIDv7, which holds the time at which it was made.$$;

create or replace function growth.id_made_at(p_id uuid)
returns timestamptz
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.to_timestamp(
        ('x' || pg_catalog.encode(pg_catalog.substring(pg_catalog.uuid_send(p_id), 1, 6), 'hex'))::bit(48)::bigint / 1000.0
    )
$$;
comment on function growth.id_made_at(uuid) is
$$When a UUIDv7 was made, to the millisecond.$$;

-- A batch that began before midnight may still be writing into the day before, where one that began after it does not look
-- for rows that are not committed. So every batch shares the lock of its day, and in the first hour of a day each waits until
-- nobody has the lock of the day before. What holds it longer than that hour is a transaction by hand.
create or replace function growth.share_day()
returns date
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_day date;
begin
    loop
        v_day := (core.real_now() at time zone 'UTC')::date;
        perform pg_advisory_xact_lock_shared(growth.lock_key('day', to_char(v_day, 'YYYY-MM-DD')));
        -- Midnight may have passed while it waited; only a lock taken on its day keeps the next day waiting.
        exit when (core.real_now() at time zone 'UTC')::date = v_day;
    end loop;
    if (core.real_now() at time zone 'UTC')::time < '01:00' then
        begin
            perform pg_advisory_xact_lock(growth.lock_key('day', to_char(v_day - 1, 'YYYY-MM-DD')));
            raise exception using errcode = 'LQUND', message = 'to give the lock back';
        exception
            when sqlstate 'LQUND' then
                null;
        end;
    end if;
    if to_regclass('growth.arrival_' || to_char(v_day, 'YYYYMMDD')) is null then
        perform growth.make_arrival_day(v_day);
    end if;
    return v_day;
end;
$$;
comment on function growth.share_day() is
$$Begin a batch of arrivals: gives the UTC day that they belong to, which has its partition, once nobody is writing arrivals of the
day before.$$;

create or replace function growth.find_new(
    p_ids uuid[], p_origins text[], p_is_good boolean[], p_new_ids uuid[], p_new_origins text[]
)
returns boolean[]
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
as $$
    select array_agg(f.is_new order by f.place)
    from (
        select
            e.place,
            -- Of two in one batch the first counts.
            e.is_good and n.id is not null
            and row_number() over (partition by e.id, e.origin, e.is_good order by e.place) = 1 as is_new
        from unnest(p_ids, p_origins, p_is_good) with ordinality as e (id, origin, is_good, place)
        left join unnest(p_new_ids, p_new_origins) as n (id, origin) on n.id = e.id and n.origin = e.origin
    ) as f
$$;
comment on function growth.find_new(uuid[], text[], boolean[], uuid[], text[]) is
$$Which events of a batch are new, by the keys of the arrivals that were added. Of two with one key the first is.$$;
