begin;
select plan(25);

select c.raw as page, c.headers as headers, c.status as status from test.call('GET', '/docs') as c \gset
select is(:'status'::integer, 200, 'GET /docs');
select is(:'headers'::jsonb ->> 'Content-Type', 'text/html; charset=utf-8', 'is a page');
select ok(starts_with(:'page', '<!doctype html><html lang="en">'), 'in English');
select ok(:'page' ~ '<title>LevqorPG API</title>', 'with a title');
select is_empty(
    format('select r.path from http.open_routes() as r where strpos(%L, http.render_path(r.path)) = 0', :'page'), 'that shows every route'
);
select ok(:'page' !~* '<script|javascript:|\son[a-z]+=|<(img|link|iframe|object)\y', 'without scripts and outside parts');
select ok(:'page' !~* '(src|href)="(https?:)?//', 'and without outside hosts');
select is(
    (select count(*) from regexp_matches(:'page', '<(article|section|details|table|ul|li|p|div|h[1-4]|pre|code|span|a|nav|main)\y', 'g')),
    (select count(*) from regexp_matches(:'page', '</(article|section|details|table|ul|li|p|div|h[1-4]|pre|code|span|a|nav|main)>', 'g')),
    'every element is closed'
);
select is_empty(
    format($$select m.id[1] from regexp_matches(%L, ' id="([^"]+)"', 'g') as m (id) group by 1 having count(*) > 1$$, :'page'),
    'every id is one'
);
select is_empty(
    format($$select m.id[1] from regexp_matches(%1$L, 'href="#([^"]+)"', 'g') as m (id)
        where strpos(%1$L, ' id="' || m.id[1] || '"') = 0$$, :'page'),
    'every link inside leads somewhere'
);
-- The policy lets in this style, and no other.
select is(
    substring(:'headers'::jsonb ->> 'Content-Security-Policy' from 'style-src ''sha256-([^'']+)'''),
    encode(sha256(convert_to(substring(:'page' from '<style>(.*)</style>'), 'UTF8')), 'base64'), 'the style has the hash of the policy'
);
select matches(:'headers'::jsonb ->> 'Content-Security-Policy', '^default-src ''none''; style-src ', 'which lets in nothing else');
select matches(:'headers'::jsonb ->> 'Content-Security-Policy', 'frame-ancestors ''none''', 'and no frame around it');

-- Everything is escaped.
set local role levqor_owner;
create function api.try_escape(p_x text default '<script>4</script>') returns http.response language sql stable security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
comment on function api.try_escape(text) is $$<script>1</script> & "more"

<img src=x onerror=alert(2)>$$;
select http.register_route('GET', '/try/escape', 'api.try_escape', p_domain => 'http', p_access => 'public',
    p_parameters => '{"x": {"type": "string", "description": "<script>3</script>", "default": "</table><script>5</script>",
        "enum": ["<script>6</script>"]}}',
    p_responses => '{"200": {"description": "<script>7</script>", "schema": {"type": "object", "properties":
        {"<script>8</script>": {"const": "<script>9</script>"}}}}, "203": {"content_type": "<script>10</script>"}}');
reset role;
select c.raw as page from test.call('GET', '/docs') as c \gset
select ok(:'page' ~ '&lt;script&gt;1&lt;/script&gt; &amp; &quot;more&quot;', 'a comment is escaped');
select ok(:'page' !~* '<script|<img', 'and so is everything else');
select is(http.escape_html('<a href="x">''&'), '&lt;a href=&quot;x&quot;&gt;&#39;&amp;', 'five characters are');

-- curl.
select is(
    http.render_curl(r),
    E'curl -X POST "$URL/api/v1/accounts" \\\n  -H "X-Api-Key: $KEY" \\\n  -H "Content-Type: application/json" \\\n  -d ''{"kind": "company", "name": "Acme Ltd"}''',
    'a call to copy'
)
from http.route as r where r.path = '/api/v1/accounts' and r.method = 'POST';
select is(http.render_curl(r), E'curl "$URL/api/v1/users?email=ada@example.com" \\\n  -H "X-Api-Key: $KEY"', 'with a query')
from http.route as r where r.path = '/api/v1/users' and r.method = 'GET';

-- Pages of errors.
select is(c.status, 200, 'GET /problems/' || s.slug)
from (select 'not-found' as slug union select 'quota-exceeded') as s
cross join lateral test.call('GET', '/problems/' || s.slug) as c;
select is(c.status, 404, 'an error there is not: 404') from test.call('GET', '/problems/none') as c;
select is_empty(
    'select distinct e.slug from core.error_code as e where http.advise(e.slug) is null', 'every kind of error has its words'
);

-- Known places.
select is(c.status, 404, 'no contact, no security.txt') from test.call('GET', '/.well-known/security.txt') as c;
update core.setting set value = '"mailto:security@example.com"' where name = 'http.security_contact';
select core.set_test_clock('2031-01-01 12:00:00+00');
select is(c.raw, E'Contact: mailto:security@example.com\nExpires: 2031-06-30T00:00:00Z\nPreferred-Languages: en\n', 'security.txt')
from test.call('GET', '/.well-known/security.txt') as c;
select is(row(c.headers ->> 'Content-Type', c.raw)::text, E'("text/plain; charset=utf-8","User-agent: *\nDisallow: /api/\nAllow: /docs\n")',
    'robots.txt')
from test.call('GET', '/robots.txt') as c;

select * from finish();
rollback;
