-- Texts at known places.
begin;
select plan(22);

select is(
    (select jsonb_object_agg(s.name, s.value) from core.setting as s where s.name in ('http.security_contact', 'http.robots_txt')),
    '{"http.security_contact": "", "http.robots_txt": "User-agent: *\nDisallow: /api/\nAllow: /docs\n"}'::jsonb,
    'the product names no contact, and keeps crawlers out of the API'
);

-- security.txt, without a contact and with one.
select throws_ok(
    'select api.show_security_txt()', 'LQ404', 'no contact is set', 'without a contact there is no security.txt'
);
select is(
    row(c.status, c.body ->> 'detail', c.body ->> 'hint')::text,
    row(404, 'No contact is set.', 'The operator sets it in core.setting, http.security_contact.')::text,
    'which anybody is told, and what to do'
)
from test.call('GET', '/.well-known/security.txt') as c;
update core.setting set value = '"https://example.com/security"' where name = 'http.security_contact';
select core.set_test_clock('2031-03-01 00:00:00+00');
create temp table told as select c.* from test.call('GET', '/.well-known/security.txt') as c;
select is(t.status, 200, 'with one there is') from told as t;
select is(
    t.raw, E'Contact: https://example.com/security\nExpires: 2031-08-28T00:00:00Z\nPreferred-Languages: en\n',
    'with the fields of RFC 9116, one a line'
)
from told as t;
select is(
    t.headers, '{"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "public, max-age=86400"}'::jsonb,
    'as a text that is kept for a day'
)
from told as t;
select core.set_test_clock('2031-03-01 23:59:59+00');
select is(c.raw, (select t.raw from told as t), 'all day the same')
from test.call('GET', '/.well-known/security.txt') as c;
set local time zone 'Pacific/Auckland';
select is(c.raw, (select t.raw from told as t), 'by the day of UTC')
from test.call('GET', '/.well-known/security.txt') as c;
set local time zone 'UTC';
select core.set_test_clock('2031-03-02 00:00:00+00');
select matches(c.raw, '\nExpires: 2031-08-29T00:00:00Z\n', 'the next day its end is a day later')
from test.call('GET', '/.well-known/security.txt') as c;

-- robots.txt.
select is(
    row(c.status, c.raw)::text, row(200, E'User-agent: *\nDisallow: /api/\nAllow: /docs\n')::text, 'robots.txt'
)
from test.call('GET', '/robots.txt') as c;
select is(
    c.headers, '{"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "public, max-age=86400"}'::jsonb,
    'is a text that is kept for a day'
)
from test.call('GET', '/robots.txt') as c;
update core.setting set value = '"User-agent: *\nDisallow: /\n"' where name = 'http.robots_txt';
select is(c.raw, E'User-agent: *\nDisallow: /\n', 'an operator''s change is felt at once')
from test.call('GET', '/robots.txt') as c;
select is(
    (select s.local_columns from core.setting as s where s.name = 'http.robots_txt'), '{value}', 'and kept by deploys'
);

-- Rights.
select volatility_is('api', d.name, array[]::text[], 'stable', d.name || ' only reads')
from (values ('show_security_txt'), ('show_robots_txt')) as d (name);
select is_definer('api', d.name, array[]::text[], d.name || ' has the rights of its owner')
from (values ('show_security_txt'), ('show_robots_txt')) as d (name);
select function_privs_are('api', d.name, array[]::text[], 'levqor_server', '{}', 'no server calls ' || d.name || ' itself')
from (values ('show_security_txt'), ('show_robots_txt')) as d (name);
select is(
    row(r.method, r.access, r.limit_class, r.mode)::text, '(GET,public,,any)', 'anybody may ask for ' || r.path
)
from http.route as r where r.path in ('/robots.txt', '/.well-known/security.txt');
select set_eq(
    $$select k.status from http.route as r cross join lateral jsonb_object_keys(r.responses) as k (status)
        where r.path = '/.well-known/security.txt'$$,
    array['200', '404'], 'both answers are described'
);

select * from finish();
rollback;
