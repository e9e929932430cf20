begin;
select plan(36);

create temp table document as select http.openapi() as body;

select is(d.body ->> 'openapi', '3.1.0', 'the document is OpenAPI 3.1') from document as d;
select is_empty(
    $$select r.method, r.path from http.open_routes() as r, document as d where d.body -> 'paths' -> r.path -> lower(r.method) is null$$,
    'every route is in it'
);
select is(
    (select count(*) from document as d, jsonb_each(d.body -> 'paths') as p, jsonb_each(p.value)),
    (select count(*) + 2 from http.open_routes()), 'and nothing else but what the server itself answers'
);
select is_empty(
    $$select o.value ->> 'operationId'
    from document as d, jsonb_each(d.body -> 'paths') as p, jsonb_each(p.value) as o
    group by 1 having count(*) > 1$$, 'operations have names of their own'
);
select is_empty(
    $$select distinct m.name[1]
    from document as d
    cross join lateral regexp_matches(d.body::text, '"\$ref": "#/components/([a-z]+/[A-Za-z0-9]+)"', 'gi') as m (name)
    where d.body -> 'components' #> string_to_array(m.name[1], '/') is null$$, 'every reference leads somewhere'
);
select is_empty(
    $$select p.key from document as d, jsonb_each(d.body -> 'paths') as p, jsonb_each(p.value) as o
    cross join lateral regexp_matches(p.key, '\{([a-z_0-9]+)\}', 'g') as m (name)
    where not exists (
        select from jsonb_array_elements(o.value -> 'parameters') as a
        where a.value ->> 'in' = 'path' and a.value ->> 'name' = m.name[1] and (a.value ->> 'required')::boolean
    )$$, 'every path part is a parameter'
);

-- Made for the test: all kinds of arguments.
set local role levqor_owner;
create function api.try_all(
    p_thing_id text, p_kind text, p_limit integer default 5, p_is_open boolean default true, p_tags text[] default '{}',
    p_since timestamptz default null
) returns http.response language sql stable security definer set search_path = pg_catalog, pg_temp as 'select http.no_content()';
comment on function api.try_all(text, text, integer, boolean, text[], timestamptz) is
$$Try all kinds

First paragraph
goes on.

Second.$$;
create function api.try_body(p_thing_id text, p_body jsonb) returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
select http.register_route('GET', '/try/{thing_id}', 'api.try_all', p_domain => 'http', p_scopes => '{admin,platform}',
    p_limit_class => 'write', p_parameters => '{"kind": {"enum": ["a", "b"], "description": "which"}}',
    p_responses => '{"200": {"description": "Well", "schema": {"type": "object"}, "headers": {"Link": {"schema": {"type": "string"}}}}}');
select http.register_route('POST', '/try/{thing_id}', 'api.try_body', p_domain => 'http', p_access => 'public',
    p_mode => 'development', p_request_schema => '{"type": "object", "properties": {"a": {"type": "integer"}}}',
    p_responses => '{"204": {"description": "Done"}, "409": {}}');
reset role;
create temp table tried as select http.openapi() -> 'paths' -> '/try/{thing_id}' as path;
select is(t.path -> 'post', null, 'a route of development is not in the document of production') from tried as t;
select is(t.path -> 'get' ->> 'summary', 'Try all kinds', 'the first line of the comment is the summary') from tried as t;
select is(t.path -> 'get' ->> 'description', E'First paragraph goes on.\n\nSecond.', 'the rest is the description') from tried as t;
select is(
    t.path -> 'get' -> 'parameters',
    '[{"name": "thing_id", "in": "path", "required": true, "schema": {"type": "string"}},
      {"name": "kind", "in": "query", "required": true, "description": "which", "schema": {"enum": ["a", "b"]}},
      {"name": "limit", "in": "query", "required": false, "schema": {"type": "integer"}},
      {"name": "is_open", "in": "query", "required": false, "schema": {"type": "boolean"}},
      {"name": "tags", "in": "query", "required": false, "schema": {"type": "array", "items": {"type": "string"}}},
      {"name": "since", "in": "query", "required": false, "schema": {"type": "string", "format": "date-time"}},
      {"$ref": "#/components/parameters/Account"}]'::jsonb, 'arguments are parameters'
)
from tried as t;
select is(t.path -> 'get' -> 'security', '[{"ApiKey": ["admin"]}, {"ApiKey": ["platform"]}]'::jsonb, 'one of the scopes is wanted')
from tried as t;
select is(
    (select array_agg(k order by k) from jsonb_object_keys(t.path -> 'get' -> 'responses') as k),
    '{200,400,401,403,404,422,429,431,500,503}', 'with the problems of a limited reading route with a key'
)
from tried as t;
select is(
    (select array_agg(k order by k) from jsonb_object_keys(t.path -> 'get' -> 'responses' -> '200' -> 'headers') as k),
    '{Link,RateLimit,RateLimit-Policy,X-Request-Id}', 'and its headers'
)
from tried as t;
select is(t.path -> 'get' -> 'responses' -> '404', '{"$ref": "#/components/responses/Problem404"}'::jsonb, 'problems are shared')
from tried as t;
update core.setting set value = '"development"' where name = 'core.environment';
select is(
    (select array_agg(k order by k)
        from jsonb_object_keys(http.openapi() -> 'paths' -> '/try/{thing_id}' -> 'post' -> 'responses') as k),
    '{204,400,404,408,409,413,415,422,431,500,503}', 'in development it is, with the problems of a public route with a body'
);
select is(
    http.openapi() -> 'paths' -> '/try/{thing_id}' -> 'post' -> 'requestBody' -> 'required', 'false',
    'a body without required members may be left out'
);
select is(
    http.openapi() -> 'paths' -> '/api/v1/users/upsert' -> 'post' -> 'requestBody' -> 'required', 'true', 'one with them may not'
);
update core.setting set value = '"production"' where name = 'core.environment';

-- Over HTTP, kept and anew.
select http.refresh_documents();
select is(row(c.status, c.headers ->> 'Cache-Control')::text, '(200,"public, max-age=300")', 'GET /public/openapi.json')
from test.call('GET', '/public/openapi.json') as c;
select is(c.body, http.openapi(), 'is the document') from test.call('GET', '/public/openapi.json') as c;
select is(c.headers ->> 'ETag', '"' || md5(c.raw) || '"', 'with its ETag') from test.call('GET', '/public/openapi.json') as c;
update http.route set is_enabled = false where path = '/try/{thing_id}';
select is(c.body -> 'paths' -> '/try/{thing_id}', null, 'a change is in it at once')
from test.call('GET', '/public/openapi.json') as c;
update http.document set body = '{}', fingerprint = http.fingerprint_routes() where name = 'openapi';
select is(c.raw, '{}', 'what was kept is given as long as nothing changes') from test.call('GET', '/public/openapi.json') as c;
set local role levqor_server;
select isnt_empty('select from http.load_routes()', 'a server loads the routes');
reset role;
select is((select d.body::jsonb -> 'openapi' from http.document as d where d.name = 'openapi'), '"3.1.0"', 'which makes it anew');

-- Examples.
select is(http.example_of(x.schema), x.example, 'an example: ' || x.told)
from (values
    ('{"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}, "b": {"type": ["string", "null"], "format": "date-time"}}}'::jsonb,
        '{"a": 3, "b": "2026-01-31T12:00:00+00:00"}'::jsonb, 'of an object'),
    ('{"type": "string", "pattern": "^job_[0-9a-f]{32}$"}', '"job_01a1fe28d47777f6a72ab18bf435a844"', 'of an id'),
    ('{"enum": ["x", "y"]}', '"x"', 'of a choice'), ('{"const": true}', 'true', 'of a constant'),
    ('{"type": "array", "items": {"type": "boolean"}}', '[true]', 'of an array'),
    ('{"type": "string", "examples": ["mine"]}', '"mine"', 'of its own'),
    ('{"allOf": [{"type": "object", "properties": {"a": {"const": 1}}}, {"type": "object", "properties": {"b": {"const": 2}}}]}',
        '{"a": 1, "b": 2}', 'of a sum')
) as x (schema, example, told);
select is(
    (select array_agg(f.name || ' ' || f.type || ' ' || f.is_required) from http.list_fields('{"type": "object", "required": ["b"],
        "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {"c": {"type": "string"}}}},
            "b": {"enum": [1, null]}}}') as f),
    '{"b 1 | null true","a array of object false","a[].c string false"}', 'members are listed, required ones first'
);
select is(http.argument_schema('uuid'), '{"type": "string", "format": "uuid"}'::jsonb, 'an argument has the schema of its type');
select is(http.argument_schema('jsonb'), '{}'::jsonb, 'anything is anything');
select is(http.argument_schema('double precision'), '{"type": "number"}'::jsonb, 'a number is a number');
select function_privs_are('http', 'openapi', '{}', 'levqor_server', '{}', 'the server asks through the door');

select * from finish();
rollback;
