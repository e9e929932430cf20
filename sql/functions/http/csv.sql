-- Answers as CSV (RFC 4180), for who asks for it by Accept, and with an ETag.

create or replace function http.csv_field(p_text text)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select case
        when p_text is null then ''
        when p_text = '' or p_text ~ '[",\r\n]|^\s|\s$' then '"' || pg_catalog.replace(p_text, '"', '""') || '"'
        else p_text
    end
$$;
comment on function http.csv_field(text) is
$$A field of CSV, in quotes where it needs them. Null is nothing at all, an empty text a pair of quotes.$$;

create or replace function http.csv(p_columns text[], p_rows jsonb, p_headers jsonb default null)
returns http.response
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_head text := (
        select string_agg(http.csv_field(c.name), ',' order by c.n) from unnest(p_columns) with ordinality as c (name, n)
    );
    v_lines text;
begin
    select string_agg(l.line || E'\r\n', '' order by l.n) into v_lines
    from (
        select r.n, (
            select string_agg(http.csv_field(r.row ->> c.name), ',' order by c.n)
            from unnest(p_columns) with ordinality as c (name, n)
        ) as line
        from jsonb_array_elements(p_rows) with ordinality as r (row, n)
    ) as l;
    return http.text(
        200, 'text/csv; charset=utf-8; header=present', v_head || E'\r\n' || coalesce(v_lines, ''), coalesce(p_headers, '{}')
    );
end;
$$;
comment on function http.csv(text[], jsonb, jsonb) is
$$Answer 200 with CSV (RFC 4180): a line of names, then a line a row, each ended by CR LF, in UTF-8.

p_columns: names of the columns in their order, which are members of the rows. p_rows: array of objects; a member that is null or not
there is an empty field, an array or object its JSON. p_headers: further headers. Values stand as they are: a program that takes
what begins with = for a formula must be told not to.$$;

create or replace function http.prefers_csv(p_accept text)
returns boolean
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_csv numeric;
    v_json numeric;
begin
    if p_accept is null or p_accept !~* 'text/' then
        return false;
    end if;
    -- RFC 9110, 12.5.1: of the ranges that fit a type the closest one tells its quality.
    select
        (array_agg(a.quality order by a.closeness desc) filter (where a.range in ('text/csv', 'text/*', '*/*')))[1],
        (array_agg(a.quality order by a.closeness desc) filter (where a.range in ('application/json', 'application/*', '*/*')))[1]
    into v_csv, v_json
    from (
        select
            lower(btrim(split_part(m.part, ';', 1), E' \t')) as range,
            case
                when btrim(split_part(m.part, ';', 1), E' \t') = '*/*' then 1
                when btrim(split_part(m.part, ';', 1), E' \t') like '%/*' then 2
                else 3
            end as closeness,
            coalesce(substring(lower(m.part) from ';[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*(?:;|$)')::numeric, 1) as quality
        from unnest(string_to_array(p_accept, ',')) as m (part)
    ) as a;
    return coalesce(v_csv, 0) > coalesce(v_json, 0);
end;
$$;
comment on function http.prefers_csv(text) is
$$Whether a header Accept prefers CSV to JSON (RFC 9110, 12.5.1). Without one, with both alike, and with neither, JSON it is.$$;

create or replace function http.with_etag(p_response http.response)
returns http.response
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    p_response.headers := jsonb_build_object(
        'ETag', '"' || md5(p_response.body) || '"', 'Cache-Control', 'private, no-cache'
    ) || coalesce(p_response.headers, '{}');
    return p_response;
end;
$$;
comment on function http.with_etag(http.response) is
$$An answer with a strong ETag of its body. The server answers 304 without the body to who names it in If-None-Match.$$;

create or replace function http.rows(
    p_accept text, p_body jsonb, p_columns text[], p_rows jsonb, p_headers jsonb default null
)
returns http.response
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_headers jsonb := '{"Vary": "Accept"}'::jsonb || coalesce(p_headers, '{}');
begin
    return http.with_etag(case
        when http.prefers_csv(p_accept) then http.csv(p_columns, p_rows, v_headers)
        else http.json(200, p_body, v_headers)
    end);
end;
$$;
comment on function http.rows(text, jsonb, text[], jsonb, jsonb) is
$$Answer 200 with rows, as JSON or, for who prefers it by Accept, as CSV; with ETag and Vary.

p_accept: the header Accept, or null. p_body: the answer in JSON. p_columns, p_rows: as in http.csv(). A route whose function has an
argument p_accept gets it from the header when its parameters say {"accept": {"type": "string", "in": "header"}}.$$;
