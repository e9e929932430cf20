-- Export: everything that is held about a person, by the same catalogue as erasure, a page at a time.

create or replace function privacy.list_hidden()
returns text[]
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select array[
        'keys.api_key.hash', 'mail.message.unsubscribe_token', 'http.idempotency_key.fingerprint', 'http.idempotency_key.reveal',
        'privacy.export.digests', 'privacy.export.subject', 'privacy.erasure.subject', 'privacy.tombstone.digest',
        'privacy.suppressed_address.digest', 'privacy.hold.reason', 'privacy.hold.released_reason', 'privacy.hold.identifiers'
    ]
$$;
comment on function privacy.list_hidden() is
$$Columns that are in no export: secrets and keyed hashes, which tell a person nothing, and somebody who has got hold of the export too
much; and what a legal hold is about, which may name others.$$;

create or replace function privacy.list_key(p_table text)
returns table (name text, type text, place bigint)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select a.attname::text, format_type(a.atttypid, a.atttypmod), k.place
    from (
        select i.indkey::smallint[] as numbers
        from pg_index as i
        where i.indrelid = to_regclass(p_table) and i.indisunique and i.indpred is null and i.indexprs is null
        order by i.indisprimary desc, i.indexrelid
        limit 1
    ) as i
    cross join lateral unnest(i.numbers) with ordinality as k (number, place)
    inner join pg_attribute as a on a.attrelid = to_regclass(p_table) and a.attnum = k.number
    order by k.place
$$;
comment on function privacy.list_key(text) is
$$The columns that make a table's rows unique: its primary key, or, of a materialized view, its unique index.$$;

create or replace function privacy.list_exported(p_lookup privacy.lookup)
returns text[]
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(a.attname::text order by a.attnum)
    from pg_attribute as a
    where a.attrelid = to_regclass(p_lookup.table_name) and a.attnum > 0 and not a.attisdropped
        and not p_lookup.table_name || '.' || a.attname = any (privacy.list_hidden())
        and (
            -- A row that is the person's is shown as a whole; of another one, what is about the person, and its key and times.
            exists (
                select from privacy.column_rule as r
                where r.table_name = p_lookup.table_name and r.path = p_lookup.path
                    -- Of what only mentions the person the rest is about others.
                    and r.path <> 'mention' and (r.way = 'delete' or r.column_name = a.attname)
            )
            or a.atttypid = 'timestamptz'::regtype
            or a.attname in (select k.name from privacy.list_key(p_lookup.table_name) as k)
        )
$$;
comment on function privacy.list_exported(privacy.lookup) is
$$The columns of a table that an export shows of rows found in one way.$$;

create or replace function privacy.export_rows(
    p_lookup privacy.lookup,
    p_subject privacy.subject,
    p_after jsonb,
    p_bytes bigint,
    p_limit integer default 1000,
    out rows jsonb,
    out bytes bigint,
    out next_after jsonb
)
returns record
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table regclass := to_regclass(p_lookup.table_name);
    v_keys text;
    v_key_texts text;
    v_after text;
    v_columns text;
    v_is_more boolean;
begin
    select
        string_agg(format('t.%I', k.name), ', ' order by k.place),
        string_agg(format('t.%I::text', k.name), ', ' order by k.place),
        string_agg(format('($2 ->> %s)::%s', k.place - 1, k.type), ', ' order by k.place)
    into v_keys, v_key_texts, v_after
    from privacy.list_key(p_lookup.table_name) as k;
    select string_agg(format('%L, t.%I', c.name, c.name), ', ') into v_columns
    from unnest(privacy.list_exported(p_lookup)) as c (name);
    execute format(
        'select coalesce(jsonb_agg(f.document order by f.place) filter (where f.fits), ''[]''), '
        'coalesce(sum(f.length) filter (where f.fits), 0), '
        '(array_agg(f.key order by f.place desc) filter (where f.fits))[1], '
        'count(*) > count(*) filter (where f.fits) or count(*) = $4 '
        'from (select d.*, sum(d.length) over (order by d.place) <= $3 as fits from ('
        'select r.place, r.key, r.document, octet_length(r.document::text) as length from ('
        'select row_number() over (order by %1$s) as place, jsonb_build_array(%2$s) as key, '
        '(select jsonb_object_agg(p.name, p.value) from jsonb_each(jsonb_build_object(%3$s)) as p (name, value)) as document '
        'from %4$s as t where (%5$s)%6$s order by %1$s limit $4) as r) as d) as f',
        v_keys, v_key_texts, v_columns, v_table, privacy.compile_condition(p_lookup.condition),
        case when p_after is not null then format(' and (%s) > (%s)', v_keys, v_after) else '' end
    )
    into rows, bytes, next_after, v_is_more using p_subject, p_after, p_bytes, p_limit;
    if not v_is_more then
        next_after := null;
    elsif next_after is null then
        -- Not even one has room.
        next_after := coalesce(p_after, '[]');
    end if;
end;
$$;
comment on function privacy.export_rows(privacy.lookup, privacy.subject, jsonb, bigint, integer) is
$$Rows of a person in one table, as JSON, in the order of their keys, as many as fit into p_bytes and p_limit.

p_after: key of the last row of the page before. next_after: key of the last row of this one when there are more; an empty array when
not even the first fits.$$;

create or replace function privacy.export_subject(
    p_subject privacy.subject,
    p_after text default null,
    p_max_bytes integer default 1048576
)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_after jsonb;
    v_lookup privacy.lookup;
    v_page record;
    v_tables jsonb := '[]';
    v_bytes bigint := 0;
    v_place jsonb;
begin
    if p_max_bytes is null or p_max_bytes not between 1024 and 16777216 then
        raise exception using
            errcode = 'LQ422', message = 'a page of an export has 1 KiB to 16 MiB', hint = 'Change max_bytes.';
    end if;
    begin
        v_after := convert_from(decode(p_after, 'hex'), 'UTF8')::jsonb;
        if p_after is not null and (
            jsonb_typeof(v_after -> 'key') <> 'array' or coalesce(jsonb_typeof(v_after -> 'at'), '') <> 'array'
        ) then
            raise exception using errcode = 'data_exception';
        end if;
    exception
        when data_exception or character_not_in_repertoire then
            raise exception using
                errcode = 'LQ422', message = 'unknown cursor', hint = 'Take next from the page before, as it stands.';
    end;

    for v_lookup in
        select l.* from privacy.lookup as l order by l.position, l.table_name, l.path
    loop
        v_place := jsonb_build_array(v_lookup.position, v_lookup.table_name, v_lookup.path);
        continue when v_after is not null and v_place < v_after -> 'at';
        continue when not privacy.concerns(v_lookup, p_subject);
        loop
            select r.* into v_page
            from privacy.export_rows(
                v_lookup, p_subject,
                case when v_place = v_after -> 'at' then nullif(v_after -> 'key', '[]') end,
                p_max_bytes - v_bytes
            ) as r;
            if v_page.next_after = '[]' or v_page.rows = '[]' and v_page.next_after is not null then
                if v_bytes = 0 then
                    -- One row alone is larger than a page.
                    select r.* into v_page
                    from privacy.export_rows(
                        v_lookup, p_subject, case when v_place = v_after -> 'at' then nullif(v_after -> 'key', '[]') end,
                        9223372036854775807, 1
                    ) as r;
                else
                    v_after := jsonb_build_object(
                        'at', v_place, 'key', coalesce(case when v_place = v_after -> 'at' then v_after -> 'key' end, '[]')
                    );
                    return privacy.show_export(v_tables, v_after);
                end if;
            end if;
            if v_page.rows <> '[]' then
                v_tables := v_tables || jsonb_build_array(privacy.show_exported_table(v_lookup, v_page.rows));
                v_bytes := v_bytes + v_page.bytes;
            end if;
            exit when v_page.next_after is null;
            v_after := jsonb_build_object('at', v_place, 'key', v_page.next_after);
            if v_bytes >= p_max_bytes then
                return privacy.show_export(v_tables, v_after);
            end if;
        end loop;
    end loop;
    return privacy.show_export(v_tables, null);
end;
$$;
comment on function privacy.export_subject(privacy.subject, text, integer) is
$$A page of all that is held about a person: privacy.export_person() for somebody who was looked up before.$$;

create or replace function privacy.show_exported_table(p_lookup privacy.lookup, p_rows jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'table', p_lookup.table_name,
        'path', p_lookup.path,
        'what', p_lookup.description,
        'meaning', obj_description(to_regclass(p_lookup.table_name), 'pg_class'),
        'columns', (
            select jsonb_object_agg(a.attname, col_description(a.attrelid, a.attnum))
            from pg_attribute as a
            where a.attrelid = to_regclass(p_lookup.table_name) and a.attname = any (privacy.list_exported(p_lookup))
        ),
        'rows', p_rows
    )
$$;
comment on function privacy.show_exported_table(privacy.lookup, jsonb) is
$$Rows of an export, with what the table and each column mean, from their comments.$$;

create or replace function privacy.show_export(p_tables jsonb, p_next jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'made_at', core.now(), 'catalogue', privacy.hash_catalogue(), 'tables', p_tables,
        'next', encode(convert_to(p_next::text, 'UTF8'), 'hex')
    )
$$;
comment on function privacy.show_export(jsonb, jsonb) is
$$A page of an export; next is null on the last one.$$;

create or replace function privacy.export_person(
    p_user_id uuid default null,
    p_email text default null,
    p_account_id uuid default null,
    p_identifier text default null,
    p_is_anonymous boolean default false,
    p_person_id bigint default null,
    p_after text default null,
    p_max_bytes integer default 1048576
)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select privacy.export_subject(
        privacy.find_subject(p_user_id, p_email, p_account_id, p_identifier, p_is_anonymous, p_person_id), p_after, p_max_bytes
    )
$$;
comment on function privacy.export_person(uuid, text, uuid, text, boolean, bigint, text, integer) is
$$All that is held about a person, as JSON: select jsonb_pretty(privacy.export_person(p_email => 'ann@example.org')).

The person is named as in privacy.find_subject(). "tables" holds an entry for each table and way that leads to rows, with the meaning of
table and columns from their comments, and the rows. A page has at most p_max_bytes of rows, or one row; "next" is then p_after of the next
page, and null on the last. An entry may go on in the next page. Without secrets, and without what cannot be found but by reading free
text. Raises LQ422.$$;
