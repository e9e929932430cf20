-- Certificates: what an erasure did, in a form that can be handed out and checked later, without personal data.

create or replace function privacy.write_certificate(p_erasure privacy.erasure)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select concat_ws(
        E'\n',
        'levqor erasure certificate 1',
        'erasure ' || core.show_id('erasure', p_erasure.id),
        'subject ' || encode(p_erasure.pseudonym, 'hex'),
        'requested ' || to_char(p_erasure.requested_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'finished ' || to_char(p_erasure.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'catalogue ' || p_erasure.catalogue_hash,
        (
            select string_agg(concat_ws(' ', w.way, t.table_name, w.rows), E'\n' order by t.table_name collate "C", w.way collate "C")
            from jsonb_each(p_erasure.counts) as t (table_name, ways)
            cross join lateral jsonb_each_text(t.ways) as w (way, rows)
        )
    )
$$;
comment on function privacy.write_certificate(privacy.erasure) is
$$The canonical text of a certificate, in UTF-8 with a line feed between lines and none at the end: erasure, subject (keyed hash), times
in UTC, hash of the catalogue, and a line for each table and way with its rows, in byte order of the tables.$$;

create or replace function privacy.hash_certificate(p_erasure privacy.erasure)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select encode(sha256(convert_to(privacy.write_certificate(p_erasure), 'UTF8')), 'hex')
$$;
comment on function privacy.hash_certificate(privacy.erasure) is
$$SHA-256 of privacy.write_certificate(), in hex.$$;

create or replace function privacy.find_certificate(p_erasure_id uuid)
returns privacy.erasure
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_erasure privacy.erasure;
begin
    -- Column by column: who reports may not read the person of one that is running.
    select
        e.id, e.pseudonym, e.state, e.requested_at, e.requested_by, e.reason, null, e.pass, null, '{}', e.counts, e.held_by,
        e.finished_at, e.catalogue_hash, e.certificate
    into v_erasure
    from privacy.erasure as e
    where e.id = p_erasure_id;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such erasure';
    elsif v_erasure.state <> 'done' then
        raise exception using
            errcode = 'LQ409', message = 'the erasure is still running', hint = 'Its certificate comes with its end.';
    end if;
    return v_erasure;
end;
$$;
comment on function privacy.find_certificate(uuid) is
$$An erasure that is done. Raises LQ404 when there is none, LQ409 while it is running.$$;

create or replace function privacy.verify_certificate(p_erasure_id uuid, p_certificate text default null)
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_erasure privacy.erasure := privacy.find_certificate(p_erasure_id);
begin
    return v_erasure.certificate = privacy.hash_certificate(v_erasure)
        and coalesce(lower(btrim(p_certificate)) = v_erasure.certificate, true)
        and exists (
            select
            from audit.entry as a
            where a.action = 'privacy.erase' and a.target = core.show_id('erasure', p_erasure_id)
                and a.facts ->> 'certificate' = v_erasure.certificate and a.happened_at = v_erasure.finished_at
        );
end;
$$;
comment on function privacy.verify_certificate(uuid, text) is
$$Whether a certificate is as it was written: its hash fits what the row says, and the audit trail holds the same hash since the erasure
ended: select privacy.verify_certificate(core.read_id('erasure', 'erasure_…'), '…').

p_certificate: the hash that somebody was given; null: not compared. Raises LQ404, LQ409 while the erasure is running.$$;

create or replace function privacy.show_certificate(p_erasure_id uuid)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_erasure privacy.erasure := privacy.find_certificate(p_erasure_id);
begin
    return jsonb_build_object(
        'erasure_id', core.show_id('erasure', v_erasure.id), 'subject', encode(v_erasure.pseudonym, 'hex'),
        'requested_at', v_erasure.requested_at, 'finished_at', v_erasure.finished_at, 'catalogue', v_erasure.catalogue_hash,
        'counts', v_erasure.counts, 'text', privacy.write_certificate(v_erasure), 'sha256', v_erasure.certificate,
        'is_valid', privacy.verify_certificate(p_erasure_id)
    );
end;
$$;
comment on function privacy.show_certificate(uuid) is
$$The certificate of an erasure, to be handed out: its text, the SHA-256 of that, and the same as JSON. Raises LQ404, LQ409.$$;

grant execute on function
privacy.write_certificate(privacy.erasure),
privacy.hash_certificate(privacy.erasure),
privacy.find_certificate(uuid),
privacy.verify_certificate(uuid, text),
privacy.show_certificate(uuid)
to levqor_dba;
