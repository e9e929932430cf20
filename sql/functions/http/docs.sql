-- The reference as a page for people, from the same rows as the OpenAPI document.

create or replace function http.resolve_reference(p_schema jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_schema ->> '$ref' like '#/components/schemas/%' then coalesce(
            (
                select s.definition
                from http.shared_schema as s
                where s.name = substring(p_schema ->> '$ref' from length('#/components/schemas/') + 1)
            ),
            '{}'
        )
        else p_schema
    end
$$;
comment on function http.resolve_reference(jsonb) is
$$The shared schema a schema refers to; itself when it refers to none.$$;

create or replace function http.example_of(p_schema jsonb, p_depth integer default 0)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_schema jsonb := http.resolve_reference(p_schema);
    v_type text := coalesce(v_schema -> 'type' ->> 0, v_schema ->> 'type');
    v_part jsonb;
    v_result jsonb := '{}';
begin
    if v_schema ? 'examples' then
        return v_schema -> 'examples' -> 0;
    elsif v_schema ? 'example' then
        return v_schema -> 'example';
    elsif v_schema ? 'const' then
        return v_schema -> 'const';
    elsif v_schema ? 'default' then
        return v_schema -> 'default';
    elsif v_schema ? 'enum' then
        return v_schema -> 'enum' -> 0;
    elsif v_schema ? 'allOf' then
        for v_part in select a.value from jsonb_array_elements(v_schema -> 'allOf') as a loop
            v_result := v_result || http.example_of(v_part, p_depth + 1);
        end loop;
        return v_result;
    elsif v_schema ? 'oneOf' or v_schema ? 'anyOf' then
        return http.example_of(coalesce(v_schema -> 'oneOf', v_schema -> 'anyOf') -> 0, p_depth + 1);
    end if;
    return case
        when p_depth > 6 then null
        when v_type = 'object' or v_schema ? 'properties' then coalesce((
            select jsonb_object_agg(m.key, http.example_of(m.value, p_depth + 1))
            from jsonb_each(v_schema -> 'properties') as m
        ), '{}')
        when v_type = 'array' then jsonb_build_array(http.example_of(v_schema -> 'items', p_depth + 1))
        when v_type = 'boolean' then 'true'
        when v_type in ('integer', 'number') then coalesce(v_schema -> 'minimum', '1')
        when v_type = 'null' then 'null'
        when v_type = 'string' then to_jsonb(case
            when v_schema ->> 'pattern' ~ '^\^[a-z]+_\[0-9a-f\]\{32\}[$]\Z' then
                substring(v_schema ->> 'pattern' from '^\^([a-z]+_)') || '01a1fe28d47777f6a72ab18bf435a844'
            when v_schema ->> 'format' = 'date-time' then '2026-01-31T12:00:00+00:00'
            when v_schema ->> 'format' = 'date' then '2026-01-31'
            when v_schema ->> 'format' = 'email' then 'ada@example.com'
            when v_schema ->> 'format' in ('uri', 'url') then 'https://example.com/hook'
            when v_schema ->> 'format' = 'uuid' then '01a1fe28-d477-77f6-a72a-b18bf435a844'
            else '…'
        end)
        else '{}'
    end;
end;
$$;
comment on function http.example_of(jsonb, integer) is
$$A value that shows what a JSON Schema means: its own example, default or first choice where it has one.$$;

create or replace function http.show_type(p_schema jsonb)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case
        when s.schema ? 'const' then s.schema ->> 'const'
        when s.schema ? 'enum' then (
            select string_agg(coalesce(e.value #>> '{}', 'null'), ' | ' order by e.n)
            from jsonb_array_elements(s.schema -> 'enum') with ordinality as e (value, n)
        )
        when jsonb_typeof(s.schema -> 'type') = 'array' then (
            select string_agg(t.value #>> '{}', ' | ' order by t.n)
            from jsonb_array_elements(s.schema -> 'type') with ordinality as t (value, n)
        )
        when s.schema ->> 'type' = 'array' and s.schema ? 'items'
            then 'array of ' || http.show_type(s.schema -> 'items')
        else coalesce(s.schema ->> 'type', 'any')
    end
    from (select http.resolve_reference(p_schema) as schema) as s
$$;
comment on function http.show_type(jsonb) is
$$The type of a JSON Schema in words.$$;

create or replace function http.list_fields(p_schema jsonb, p_prefix text default '', p_depth integer default 0)
returns table (name text, type text, is_required boolean, rules text, description text)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_schema jsonb := http.resolve_reference(p_schema);
    v_member record;
    v_inner jsonb;
    v_part jsonb;
begin
    for v_part in
        select a.value from jsonb_array_elements(coalesce(v_schema -> 'allOf', '[]')) as a
    loop
        return query select f.* from http.list_fields(v_part, p_prefix, p_depth) as f;
    end loop;
    for v_member in
        select m.key, http.resolve_reference(m.value) || (m.value - '$ref') as schema, r.n
        from jsonb_each(coalesce(v_schema -> 'properties', '{}')) as m
        left join jsonb_array_elements_text(v_schema -> 'required') with ordinality as r (name, n) on r.name = m.key
        order by r.n nulls last, m.key
    loop
        name := p_prefix || v_member.key;
        type := http.show_type(v_member.schema);
        is_required := v_member.n is not null;
        description := v_member.schema ->> 'description';
        rules := concat_ws(', ',
            v_member.schema ->> 'format',
            'at least ' || (v_member.schema ->> 'minimum'),
            'at most ' || (v_member.schema ->> 'maximum'),
            case
                when v_member.schema ?& '{minLength,maxLength}' then
                    format('%s to %s characters', v_member.schema ->> 'minLength', v_member.schema ->> 'maxLength')
                when v_member.schema ? 'maxLength' then format('at most %s characters', v_member.schema ->> 'maxLength')
                when v_member.schema ? 'minLength'
                    then format('at least %s characters', v_member.schema ->> 'minLength')
            end,
            'default ' || (v_member.schema ->> 'default')
        );
        return next;
        v_inner := case
            when v_member.schema ->> 'type' = 'array' then http.resolve_reference(v_member.schema -> 'items')
            else v_member.schema
        end;
        if p_depth < 3 and (v_inner ? 'properties' or v_inner ? 'allOf') then
            return query
            select f.*
            from http.list_fields(
                v_inner,
                p_prefix || v_member.key || case v_member.schema ->> 'type' when 'array' then '[].' else '.' end,
                p_depth + 1
            ) as f;
        end if;
    end loop;
end;
$$;
comment on function http.list_fields(jsonb, text, integer) is
$$The members of a JSON Schema of an object, inner ones as outer.inner, required ones first.$$;

create or replace function http.render_fields(p_schema jsonb, p_caption text)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select '<div class="scroll"><table class="fields"><thead><tr><th scope="col">' || http.escape_html(p_caption)
        || '</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead><tbody>'
        || string_agg(
            '<tr><td><code>' || http.escape_html(f.name) || '</code>'
            || case when f.is_required then '<span class="must">required</span>' else '' end
            || '</td><td>' || http.escape_html(f.type) || '</td><td>'
            || concat_ws(
                ' ', http.escape_html(f.description),
                '<span class="rule">' || http.escape_html(nullif(f.rules, '')) || '</span>'
            )
            || '</td></tr>',
            '' order by f.n
        ) || '</tbody></table></div>'
    from (
        select l.*, row_number() over () as n from http.list_fields(p_schema) as l
    ) as f
    having count(*) > 0
$$;
comment on function http.render_fields(jsonb, text) is
$$A table of the members of an object's schema, as HTML; null when it names none.$$;

create or replace function http.render_paragraphs(p_text text)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select string_agg('<p>' || http.escape_html(btrim(p.text, E' \n')) || '</p>', '' order by p.n)
    from regexp_split_to_table(p_text, E'\n\\s*\n') with ordinality as p (text, n)
    where btrim(p.text, E' \n') <> ''
$$;
comment on function http.render_paragraphs(text) is
$$A plain text as HTML paragraphs.$$;

create or replace function http.render_path(p_path text)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select regexp_replace(http.escape_html(p_path), '(\{[a-z0-9_]+\})', '<b>\1</b>', 'g')
$$;
comment on function http.render_path(text) is
$$A path as HTML, its {named} parts marked.$$;

create or replace function http.render_curl(p_route http.route)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select 'curl' || case when p_route.method = 'GET' then '' else ' -X ' || p_route.method end
        || ' "$URL' || regexp_replace(p_route.path, '\{([a-z0-9_]+)_id\}', '\1_01a1fe28d47777f6a72ab18bf435a844', 'g')
        || coalesce((
            select '?' || string_agg(l.name || '=' || (http.example_of(l.schema) #>> '{}'), '&')
            from http.list_parameters(p_route) as l
            where l.place = 'query' and l.is_required
        ), '') || '"'
        || case when p_route.access = 'key' then E' \\\n  -H "X-Api-Key: $KEY"' else '' end
        || case when p_route.request_schema is null then '' else
            E' \\\n  -H "Content-Type: application/json" \\\n  -d '''
            || replace(http.example_of(p_route.request_schema)::text, '''', '''\''''') || ''''
        end
$$;
comment on function http.render_curl(http.route) is
$$A curl command that calls a route, as plain text.$$;

create or replace function http.render_route(p_route http.route)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select '<article id="' || http.escape_html(replace(p_route.function, '.', '-')) || '-' || p_route.id || '"><h3>'
        || '<a href="#' || http.escape_html(replace(p_route.function, '.', '-')) || '-' || p_route.id || '">'
        || http.escape_html(c.summary) || '</a></h3><div class="route"><span class="badge ' || p_route.method || '">'
        || p_route.method || '</span><span class="path">' || http.render_path(p_route.path) || '</span></div>'
        || coalesce(http.render_paragraphs(c.description), '')
        || '<ul class="facts">' || case
            when p_route.access = 'public' then '<li>open to anybody</li>'
            when p_route.scopes = '{}' then '<li>any API key</li>'
            else '<li>key with ' || http.escape_html(array_to_string(p_route.scopes, ' or ')) || '</li>'
        end
        || case when p_route.limit_class is null then '' else
            '<li>rate class ' || http.escape_html(p_route.limit_class) || '</li>' end
        || case when p_route.mode = 'development' then '<li>only in development mode</li>' else '' end
        || case when p_route.is_sensitive then '<li>audited</li>' else '' end || '</ul>'
        || coalesce('<h4>Parameters</h4>' || (
            select '<div class="scroll"><table class="fields"><thead><tr><th scope="col">Name</th>'
                || '<th scope="col">Type</th>'
                || '<th scope="col">Meaning</th></tr></thead><tbody>' || string_agg(
                    '<tr><td><code>' || http.escape_html(l.name) || '</code>'
                    || case when l.is_required then '<span class="must">required</span>' else '' end
                    || '</td><td>' || http.escape_html(http.show_type(l.schema))
                    || ', in the ' || l.place || '</td><td>'
                    || concat_ws(
                        ' ', http.escape_html(l.description),
                        '<span class="rule">' || http.escape_html('default ' || (l.schema ->> 'default')) || '</span>'
                    ) || '</td></tr>', ''
                ) || '</tbody></table></div>'
            from http.list_parameters(p_route) as l
            having count(*) > 0
        ), '')
        || coalesce('<h4>Body</h4>' || http.render_fields(p_route.request_schema, 'Member'), '')
        || '<h4>Call</h4><pre tabindex="0"><code>' || http.escape_html(http.render_curl(p_route)) || '</code></pre>'
        || '<h4>Answers</h4>' || coalesce((
            select string_agg(
                '<p><span class="code ok">' || s.status || '</span> '
                || http.escape_html(coalesce(s.response ->> 'description', '')) || '</p>' || case
                    when s.response ? 'schema' and not s.response ? 'content_type' then
                        '<details><summary>Example and members</summary><pre tabindex="0"><code>'
                        || http.escape_html(jsonb_pretty(http.example_of(s.response -> 'schema'))) || '</code></pre>'
                        || coalesce(http.render_fields(s.response -> 'schema', 'Member'), '') || '</details>'
                    when s.response ? 'content_type' then
                        '<p class="rule">' || http.escape_html(s.response ->> 'content_type') || '</p>'
                    else ''
                end, '' order by s.status
            )
            from http.list_statuses(p_route) as s
            where s.status < '400'
        ), '')
        || '<ul class="errors">' || (
            select string_agg(
                '<li><a href="/problems/' || http.escape_html(e.slug) || '">' || s.status || ' '
                    || http.escape_html(e.slug)
                || '</a></li>', '' order by s.status
            )
            from http.list_statuses(p_route) as s
            cross join lateral (
                select o.slug
                from core.error_code as o
                where o.status::text = s.status
                order by o.sqlstate not like 'LQ%', o.sqlstate
                limit 1
            ) as e
            where s.status >= '400'
        ) || '</ul></article>'
    from http.read_comment(p_route.function) as c
$$;
comment on function http.render_route(http.route) is
$$A route as HTML: what it does, who may call it, parameters, body, a call to copy, answers and errors.$$;

create or replace function http.render_contents()
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(d.part, '' order by d.is_public, d.domain)
    from (
        select r.domain, bool_and(r.access = 'public') as is_public,
            '<h2>' || http.escape_html(r.domain) || '</h2><ul>' || string_agg(
            '<li><a href="#' || http.escape_html(replace(r.function, '.', '-')) || '-' || r.id
                || '"><span class="badge '
            || r.method || '">' || r.method || '</span><span>' || http.escape_html(c.summary) || '</span></a></li>',
            '' order by r.path, r.method
        ) || '</ul>' as part
        from http.open_routes() as r
        cross join lateral http.read_comment(r.function) as c
        group by r.domain
    ) as d
$$;
comment on function http.render_contents() is
$$The list of all routes as HTML, by domain.$$;

create or replace function http.render_docs()
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select '<a class="skip" href="#main">To the contents</a><div class="shell"><div class="side">'
        || '<p class="brand"><a href="#top">LevqorPG <span>API</span></a></p><nav class="toc" aria-label="All calls">'
        || t.contents || '</nav></div><main id="main"><h1 id="top">LevqorPG API</h1>'
        || '<p class="lead">Jobs in, work done, signed webhooks out. This page is made from the routes of '
        || 'this very server, '
        || 'so it says what the server does.</p>'
        || '<details class="fold"><summary>All calls</summary><nav class="toc" aria-label="All calls">' || t.contents
        || '</nav></details><div class="cards">'
        || '<div class="card"><p class="head">Say who you are</p>'
        || '<p>Send your key in the header <code>X-Api-Key</code>. '
        || 'It belongs to an account and holds scopes.</p></div>'
        || '<div class="card"><p class="head">Errors are problems</p>'
        || '<p>RFC 9457: <code>type</code>, <code>title</code>, '
        || '<code>status</code>, <code>detail</code>, <code>hint</code>, '
        || 'and a <code>request_id</code> to quote.</p></div>'
        || '<div class="card"><p class="head">Limits</p><p><code>RateLimit</code> tells what is left. After 429, wait '
        || '<code>Retry-After</code> seconds.</p></div>'
        || '<div class="card"><p class="head">For machines</p>'
        || '<p>The same as <a href="/public/openapi.json">OpenAPI 3.1</a>.</p>'
        || '</div></div><p class="label">For the examples below</p>'
        || '<pre tabindex="0"><code>export URL=http://127.0.0.1:8080'
        || E'\nexport KEY=lvk_live_…</code></pre>'
        || coalesce((
            select string_agg(
                '<section aria-labelledby="domain-' || d.domain || '"><h2 id="domain-' || d.domain || '">'
                || http.escape_html(d.domain) || '</h2><p>'
                || coalesce(http.escape_html(obj_description(to_regnamespace(nullif(d.domain, '')), 'pg_namespace')), '') || '</p>'
                || d.articles || '</section>', '' order by d.is_public, d.domain
            )
            from (
                select
                    r.domain,
                    bool_and(r.access = 'public') as is_public,
                    string_agg(http.render_route(r), '' order by r.path, r.method) as articles
                from http.open_routes() as r
                group by r.domain
            ) as d
        ), '')
        || '<footer>LevqorPG ' || http.escape_html(coalesce((select d.product_version from core.deployment as d), ''))
        || '. Times are UTC.</footer></main></div>'
    from (select coalesce(http.render_contents(), '') as contents) as t
$$;
comment on function http.render_docs() is
$$The whole reference as the HTML of a page's body.$$;

create or replace function http.fingerprint_routes()
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select md5(concat_ws(
        ' ',
        (select string_agg(r.id || '.' || r.version, ' ' order by r.id) from http.route as r),
        (select md5(string_agg(s.name || s.definition, ' ' order by s.name)) from http.shared_schema as s),
        (select d.product_version || d.deployed_at from core.deployment as d),
        core.text_setting('core.environment')
    ))
$$;
comment on function http.fingerprint_routes() is
$$A text that changes whenever the routes do.$$;

create or replace function http.refresh_documents()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_fingerprint text := http.fingerprint_routes();
begin
    insert into http.document as d (name, fingerprint, body, made_at)
    select n.name, v_fingerprint, n.body, core.now()
    from (
        select 'openapi' as name, http.openapi()::text as body
        union all
        select 'docs', http.render_docs()
    ) as n
    order by n.name
    on conflict (name) do update
    set fingerprint = excluded.fingerprint, body = excluded.body, made_at = excluded.made_at
    where d.body is distinct from excluded.body or d.fingerprint <> excluded.fingerprint;
end;
$$;
comment on function http.refresh_documents() is
$$Make the OpenAPI document and the reference page anew and keep them: http.load_routes() does it whenever a server loads.$$;

create or replace function http.read_document(p_name text)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_body text;
begin
    select d.body into v_body
    from http.document as d
    where d.name = p_name and d.fingerprint = http.fingerprint_routes();
    if found then
        return v_body;
    end if;
    return case p_name when 'openapi' then http.openapi()::text when 'docs' then http.render_docs() end;
end;
$$;
comment on function http.read_document(text) is
$$A kept document, openapi or docs; made on the spot when the routes changed since.$$;

create or replace function api.show_openapi()
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_document text := http.read_document('openapi');
begin
    return row(200, jsonb_build_object(
        'Cache-Control', 'public, max-age=300',
        'ETag', '"' || md5(v_document) || '"'
    ), v_document, null, null, null)::http.response;
end;
$$;
comment on function api.show_openapi() is
$$The OpenAPI 3.1 document

Made from the routes of this very server, so it is never behind. /docs shows the same as a page.$$;

create or replace function api.show_docs()
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return http.page('LevqorPG API', http.read_document('docs'));
end;
$$;
comment on function api.show_docs() is
$$This reference as a page$$;

select http.register_route('GET', '/public/openapi.json', 'api.show_openapi', p_domain => 'http', p_access => 'public',
    p_responses => '{"200": {"description": "The document", "schema": {"type": "object"},
        "headers": {"ETag": {"description": "Changes when the document does", "schema": {"type": "string"}},
            "Cache-Control": {"description": "How long it may be kept", "schema": {"type": "string"}}}}}');
select http.register_route('GET', '/docs', 'api.show_docs', p_domain => 'http', p_access => 'public',
    p_responses => '{"200": {"description": "The page", "content_type": "text/html; charset=utf-8"}}');
