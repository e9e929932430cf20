select '# Routes

Made from `http.route` and the comments of its functions by `scripts/reference.sh`. Do not edit.

The same, with all schemas, is served as OpenAPI 3.1 at `/public/openapi.json` and as a page at `/docs`. The server itself
answers `GET /health` and `GET /ready`, and on its admin address `GET /metrics`.

Access: `public`, or a key in the header `X-Api-Key` that holds one of the scopes. Limit: the class of its
[rate policies](settings.md#rate-policies). Lane: `gathered` shares a statement with other calls, `alone` does not. Routes
of mode `development` answer 404 in production.
';
-- A schema without its annotations, for a cell.
create function pg_temp.show_schema(p_schema jsonb)
returns text
language sql
immutable
as $$
    select pg_temp.code(replace((p_schema - 'description' - 'examples' - 'default')::text, '#/components/schemas/', ''))
$$;

select '| method | path | what it does | access | limit | lane |
| --- | --- | --- | --- | --- | --- |';
select format(
    '| %s | [`%s`](#%s) | %s | %s | %s | %s |', r.method, r.path,
    lower(r.method) || '-' || regexp_replace(replace(replace(lower(r.path), '/', ''), '.', ''), '[{}]', '', 'g'),
    pg_temp.cell(split_part(obj_description(to_regproc(r.function), 'pg_proc'), E'\n\n', 1)),
    case
        when r.access = 'public' then 'public'
        when r.scopes = '{}' then 'any key'
        else (select string_agg(pg_temp.code(s.scope), ' ' order by s.n) from unnest(r.scopes) with ordinality as s (scope, n))
    end || case r.mode when 'development' then ', development' else '' end,
    coalesce(r.limit_class, 'none'), r.lane
)
from http.route as r
where r.origin = 'file' and r.is_enabled
order by r.path collate "C", r.method collate "C";

with part as (
    select r.path, r.method, 1 as n, '' as name, format(
        E'\n### %s `%s`\n\n%s\n\nAnswered by `%s`.%s', r.method, r.path,
        pg_temp.prose(replace(obj_description(to_regproc(r.function), 'pg_proc'), E'\n\n', E'.\n\n'))
            || case when obj_description(to_regproc(r.function), 'pg_proc') like E'%\n%' then '' else '.' end,
        r.function,
        case when r.is_sensitive then ' Each success leaves an entry in `audit.entry`.' else '' end
    ) as text
    from http.route as r
    where r.origin = 'file' and r.is_enabled
    union all
    select r.path, r.method, 2, '', E'\n| parameter | in | schema | |\n| --- | --- | --- | --- |'
    from http.route as r
    where r.origin = 'file' and r.is_enabled and r.parameters <> '{}'
    union all
    select r.path, r.method, 3, p.key, format(
        '| `%s` | %s | %s | %s |', p.key, case when r.path like '%{' || p.key || '}%' then 'path' else 'query' end,
        pg_temp.show_schema(p.value), concat_ws('; ',
            nullif(pg_temp.cell(p.value ->> 'description'), ''), 'by default ' || pg_temp.code((p.value -> 'default')::text)
        )
    )
    from http.route as r
    cross join lateral jsonb_each(r.parameters) as p
    where r.origin = 'file' and r.is_enabled
    union all
    select r.path, r.method, 4, '', E'\n| member of the body | needed | schema | |\n| --- | --- | --- | --- |'
    from http.route as r
    where r.origin = 'file' and r.is_enabled and r.request_schema is not null
    union all
    select r.path, r.method, 5, p.key, format(
        '| `%s` | %s | %s | %s |', p.key, case when r.request_schema -> 'required' ? p.key then 'yes' else '' end,
        pg_temp.show_schema(p.value), concat_ws('; ',
            nullif(pg_temp.cell(p.value ->> 'description'), ''), 'by default ' || pg_temp.code((p.value -> 'default')::text)
        )
    )
    from http.route as r
    cross join lateral jsonb_each(r.request_schema -> 'properties') as p
    where r.origin = 'file' and r.is_enabled
    union all
    select r.path, r.method, 6, '', E'\nAnswers: ' || string_agg(
        p.key || coalesce(' ' || pg_temp.code(replace(p.value -> 'schema' ->> '$ref', '#/components/schemas/', '')), '')
            || coalesce(' (' || nullif(pg_temp.cell(p.value ->> 'description'), '') || ')', ''),
        ', ' order by p.key
    ) || ', and the [errors](errors.md) of every route.'
    from http.route as r
    cross join lateral jsonb_each(r.responses) as p
    where r.origin = 'file' and r.is_enabled
    group by r.path, r.method
)
select p.text from part as p order by p.path collate "C", p.method collate "C", p.n, p.name collate "C";
