begin;
select plan(25);

select is_empty('select from http.find_bad_routes()', 'the product''s routes fit their functions');
set local role levqor_server;
select isnt_empty('select from http.load_routes()', 'a server loads them');
select is_empty($$select from http.load_routes() as r where r.path like '%/\_dev/%'$$, 'those of development not in production');
reset role;

-- Each way not to fit.
set local role levqor_owner;
create function api.bad_type(p_x text default null) returns integer language sql stable security definer
set search_path = pg_catalog, pg_temp as 'select 1';
create function api.bad_name(x text default null) returns http.response language sql stable security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
create function api.good(p_x text default null) returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
select http.register_route('GET', '/bad/missing', 'api.missing', p_domain => 'http', p_access => 'public');
select http.register_route('GET', '/bad/type', 'api.bad_type', p_domain => 'http', p_access => 'public');
select http.register_route('GET', '/bad/name', 'api.bad_name', p_domain => 'http', p_access => 'public');
select http.register_route('GET', '/bad/writes', 'api.good', p_domain => 'http', p_access => 'public');
select http.register_route('POST', '/bad/part/{y}', 'api.good', p_domain => 'http');
select http.register_route('PUT', '/bad/body', 'api.good', p_domain => 'http');
select http.register_route('POST', '/bad/open', 'api.good', p_domain => 'http', p_access => 'public');
reset role;
select matches(
    (select string_agg(b.reason, '; ') from http.find_bad_routes() as b where b.route = x.route), x.reason, x.route
)
from (values
    ('GET /bad/missing', 'does not exist'), ('GET /bad/type', 'does not return http.response'), ('GET /bad/name', 'start with p_'),
    ('GET /bad/writes', 'STABLE or IMMUTABLE'), ('POST /bad/part/{y}', 'no argument p_y'), ('PUT /bad/body', 'no request_schema'),
    ('POST /bad/open', 'limit_class')
) as x (route, reason);
select throws_ok('select from http.load_routes()', 'LQ500', 'routes and functions do not fit', 'no server starts with one');
select isnt_empty('select from http.load_routes(true)', 'a server that runs loads the others');
select is_empty($$select from http.load_routes(true) as r where r.path like '/bad/%'$$, 'and only them');
select throws_ok('select from http.load_routes(null)', 'LQ500', 'routes and functions do not fit', 'null is no leave to skip');
update http.route set is_enabled = false where path like '/bad/%';
select bag_eq(
    'select r.* from http.load_routes() as r', 'select r.* from http.load_routes(true) as r', 'where all is well the two are the same'
);
select is_empty('select from http.find_bad_routes()', 'a route that is switched off is none');
select lives_ok('select from http.load_routes()', 'and servers start again');

-- Rows that can not be.
select throws_ok(
    format('insert into http.route (method, path, function, domain) values (%L, %L, %L, %L)', x.method, x.path, x.function, 'http'),
    '23514', null, 'no such row: ' || x.told
)
from (values
    ('FETCH', '/x', 'api.good', 'a method there is not'), ('GET', 'x', 'api.good', 'a path that is not absolute'),
    ('GET', '/{X}', 'api.good', 'a part in upper case'), ('GET', '/x', 'core.now', 'a function outside of api')
) as x (method, path, function, told);
select throws_ok(
    $$insert into http.route (method, path, function, domain) values ('GET', '/docs', 'api.good', 'http')$$, '23505', null,
    'one function a path and method'
);

-- Schemas that stand alone.
select http.register_schema('TryInner', '{"type": "integer"}');
select http.register_schema('TryOuter', '{"type": "array", "items": {"$ref": "#/components/schemas/TryInner"}}');
select is(http.resolve_schema('{"type": "string"}'), '{"type": "string"}'::jsonb, 'a schema without references stays');
select is(
    http.resolve_schema('{"$ref": "#/components/schemas/TryOuter"}') #> '{$defs,TryOuter}',
    '{"type": "array", "items": {"$ref": "#/$defs/TryInner"}}'::jsonb, 'one with them brings what it refers to'
);
select is(http.resolve_schema(null), null, 'none is none');

select * from finish();
rollback;
