-- Who holds this key? The text carries account and key id, so the row is found by primary key.
-- Text: lvk_live_ or lvk_test_, then base64url of account (16 bytes), key id (16), secret (24), checksum (4).

create or replace function keys.read_text(p_text text, out account_id uuid, out id uuid)
returns record
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bytes bytea;
begin
    if length(p_text) <> 89 or p_text !~ '^lvk_(live|test)_[A-Za-z0-9_-]+$' then
        return;
    end if;
    v_bytes := decode(translate(substring(p_text from 10), '-_', '+/'), 'base64');
    if substring(
            sha256(convert_to(substring(p_text from 1 for 9), 'UTF8') || substring(v_bytes from 1 for 56)) from 1 for 4
        )
        <> substring(v_bytes from 57)
    then
        return;
    end if;
    account_id := encode(substring(v_bytes from 1 for 16), 'hex')::uuid;
    id := encode(substring(v_bytes from 17 for 16), 'hex')::uuid;
end;
$$;
comment on function keys.read_text(text) is
$$Read account and key id out of a key's text. Both are null when the text is malformed or mistyped (checksum).$$;

-- Inlinable.
create or replace function keys.judge(
    p_is_right boolean, p_revoked_at timestamptz, p_expires_at timestamptz, p_not_before timestamptz, p_account_status text
)
returns text
language sql
stable
security invoker
as $$
    select case
        when p_is_right is not true then 'unknown'
        when p_revoked_at <= core.now() then 'revoked'
        when p_expires_at <= core.now() then 'expired'
        when p_not_before > core.now() then 'not yet valid'
        when p_account_status = 'closed' then 'unknown'
    end
$$;
comment on function keys.judge(boolean, timestamptz, timestamptz, timestamptz, text) is
$$Why a key may not be used: unknown, revoked, expired or not yet valid; null when it may. p_is_right: whether its hash fits.$$;

create or replace function keys.authenticate_many(p_texts text[])
returns table (
    ordinal integer, account_id uuid, key_id uuid, scopes text[], account_status text, tier text, refusal text
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    -- The secret part decides through hashes with a fresh salt: how long a comparison takes tells nothing about the
    -- hash.
    with salt as (select uuid_send(gen_random_uuid()) as bytes)
    select
        g.ordinal::integer,
        k.account_id,
        k.id,
        k.scopes,
        a.status,
        a.tier,
        keys.judge(
            sha256(salt.bytes || k.hash) = sha256(salt.bytes || sha256(convert_to(g.text, 'UTF8'))),
            k.revoked_at, k.expires_at, k.not_before, a.status
        )
    from unnest(p_texts) with ordinality as g (text, ordinal)
    cross join salt
    -- As keys.read_text(), without the checksum: it spares a server that question, and here the hash decides.
    -- Worked out apart: below row-level security no index serves a comparison with a function that is not leakproof.
    cross join lateral (
        select substr(h.hex, 1, 32)::uuid as account_id, substr(h.hex, 33, 32)::uuid as id
        from (
            -- A counted repetition in the pattern would cost more than all the rest.
            select case when length(g.text) = 89 and g.text ~ '^lvk_(live|test)_[A-Za-z0-9_-]+$' then
                encode(decode(translate(substr(g.text, 10, 44), '-_', '+/'), 'base64'), 'hex')
            end as hex
            offset 0
        ) as h
        offset 0
    ) as t
    left join keys.api_key as k on k.account_id = t.account_id and k.id = t.id
    left join identity.account as a on a.id = k.account_id
    where g.text is not null;
end;
$$;
comment on function keys.authenticate_many(text[]) is
$$Find whose keys these are, in one step. Null texts give no row.

refusal is null for a key that may be used; otherwise unknown, revoked, expired or not yet valid.$$;
