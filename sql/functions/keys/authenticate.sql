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
    if p_text !~ '^lvk_(live|test)_[A-Za-z0-9_-]{80}$' then
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

create or replace function keys.authenticate_many(p_texts text[])
returns table (ordinal integer, account_id uuid, key_id uuid, scopes text[], account_status text, refusal text)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
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
        case
            when k.id is null
                or sha256(salt.bytes || k.hash) <> sha256(salt.bytes || sha256(convert_to(g.text, 'UTF8')))
                then 'unknown'
            when k.revoked_at <= core.now() then 'revoked'
            when k.expires_at <= core.now() then 'expired'
            when k.not_before > core.now() then 'not yet valid'
            when a.status = 'closed' then 'unknown'
        end
    from unnest(p_texts) with ordinality as g (text, ordinal)
    cross join salt
    cross join lateral keys.read_text(g.text) as t
    left join keys.api_key as k on k.account_id = t.account_id and k.id = t.id
    left join identity.account as a on a.id = k.account_id
    where g.text is not null;
end;
$$;
comment on function keys.authenticate_many(text[]) is
$$Find whose keys these are, in one step. Null texts give no row.

refusal is null for a key that may be used; otherwise unknown, revoked, expired or not yet valid.$$;

-- Takes only rows nobody else holds: a key's last use may be told a minute late, and a call never waits for it.
create or replace function keys.note_use(p_calls http.call[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    update keys.api_key as k
    set last_used_at = core.now()
    from (
        select u.account_id, u.id
        from keys.api_key as u
        where (u.account_id, u.id) in (
            select c.key_account_id, c.key_id from unnest(p_calls) as c where c.refusal is null
        )
            and (u.last_used_at is null or u.last_used_at < core.now() - interval '1 minute')
        order by u.account_id, u.id
        for update skip locked
    ) as l
    where k.account_id = l.account_id and k.id = l.id;
end;
$$;
comment on function keys.note_use(http.call[]) is
$$Note when keys were used last, at most once a minute a key.$$;
