-- Routes whose body is any bytes, and the secrets that their functions ask for.
begin;
select plan(16);

create function api.t_raw(p_name text, p_body bytea, p_headers jsonb, p_secrets jsonb) returns http.response language sql volatile
set search_path = pg_catalog, pg_temp as $$
    select case
        when p_name = 'secret' and not p_secrets ? 'credential/A' then http.need_secrets('{credential/A,derived/b}')
        else http.json(200, jsonb_build_object('body', encode(p_body, 'hex'), 'headers', p_headers, 'secrets', p_secrets))
    end
$$;
create function api.t_half(p_body bytea, p_headers text) returns http.response language sql volatile
set search_path = pg_catalog, pg_temp as $$ select http.json(200, '{}') $$;
create function api.t_base64(p_data bytea, p_more bytea default '\x') returns http.response language sql volatile
set search_path = pg_catalog, pg_temp as $$ select http.json(200, jsonb_build_object('data', encode(p_data, 'hex'), 'more', encode(p_more, 'hex'))) $$;
select http.register_route('POST', '/t/raw/{name}', 'api.t_raw', p_domain => 'http', p_access => 'public', p_limit_class => 'inbox',
    p_body_kind => 'raw', p_responses => '{"200": {}}');
select http.register_route('PUT', '/t/base64', 'api.t_base64', p_domain => 'http', p_access => 'public', p_limit_class => 'inbox',
    p_request_schema => '{"type": "object"}', p_responses => '{"200": {}}');

create temp table a on commit drop as
select c.* from test.call('POST', '/t/raw/x', null, '{"body": "AP+A", "headers": {"a": "b"}, "secrets": {}}') as c;
select is(a.body, '{"body": "00ff80", "headers": {"a": "b"}, "secrets": {}}', 'bytes and headers arrive as they were sent') from a;
select is(c.body ->> 'body', '', 'no bytes are a body too') from test.call('POST', '/t/raw/x', null, '{"body": "", "headers": {}, "secrets": {}}') as c;
select is(c.status, 422, 'a query can not stand for them: ' || v.name)
from (values ('body'), ('headers'), ('secrets')) as v (name),
    test.call('POST', '/t/raw/x?' || v.name || '=x', null, '{"body": "", "headers": {}, "secrets": {}}') as c;

create temp table asked on commit drop as
select c.* from test.call('POST', '/t/raw/secret', null, '{"body": "", "headers": {}, "secrets": {}}') as c;
select is(a.outcome, 'wait', 'a function asks for secrets') from asked as a;
select is(a.more -> 'wait_for', '["secrets", "credential/A", "derived/b"]', 'by their names') from asked as a;
select is(c.body -> 'secrets', '{"credential/A": "s", "derived/b": null}', 'and gets them')
from test.call('POST', '/t/raw/secret', null, '{"body": "", "headers": {}, "secrets": {"credential/A": "s", "derived/b": null}}', p_context => '{"admitted": true}') as c;

select is(c.body, '{"data": "00ff", "more": ""}', 'elsewhere bytes come as base64') from test.call('PUT', '/t/base64', null, '{"data": "AP8="}') as c;
select is(c.status, 422, 'what is none is refused: ' || v.data::text)
from (values ('"!"'::jsonb), ('7')) as v (data), test.call('PUT', '/t/base64', null, jsonb_build_object('data', v.data)) as c;

-- What OpenAPI says, and what can not be.
select is(
    http.describe_route(r) -> 'requestBody' -> 'content', '{"*/*": {}}', 'OpenAPI: any bytes of any type'
) from http.route as r where r.path = '/t/raw/{name}';
select ok(
    http.describe_route(r) -> 'responses' ?& '{408,413}' and not http.describe_route(r) -> 'responses' ? '415', 'too many, too slowly, of no wrong type'
) from http.route as r where r.path = '/t/raw/{name}';
select is(http.describe_route(r) #>> '{parameters,0,name}' || jsonb_array_length(http.describe_route(r) -> 'parameters'), 'name1', 'no argument of it is a parameter')
from http.route as r where r.path = '/t/raw/{name}';
insert into http.route (method, path, function, domain, access, limit_class, body_kind) values ('POST', '/t/half', 'api.t_half', 'http', 'public', 'inbox', 'raw');
select is(
    (select string_agg(b.reason, '; ' order by b.reason) from http.find_bad_routes() as b where b.route = 'POST /t/half'),
    'it takes a raw body, and api.t_half has no argument headers jsonb; it takes a raw body, and api.t_half has no argument secrets jsonb',
    'its function must take them'
);
select throws_ok(
    $$update http.route set request_schema = '{}' where path = '/t/half'$$, '23514', null, 'a raw body has no schema'
);

select * from finish();
rollback;
