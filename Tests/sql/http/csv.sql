-- CSV by RFC 4180, who gets it, and the ETag.
begin;
select plan(29);

select is(http.csv_field(v.given), v.wanted, v.name)
from (values
    ('plain', 'plain', 'a plain text stands as it is'), (null, '', 'null is nothing'), ('', '""', 'an empty text is a pair of quotes'),
    ('a,b', '"a,b"', 'a comma needs quotes'), ('say "x"', '"say ""x"""', 'a quote is doubled'),
    (E'a\nb', E'"a\nb"', 'a line break needs quotes'), (E'a\rb', E'"a\rb"', 'so does a carriage return'),
    (' a', '" a"', 'and a blank at the begin'), ('a ', '"a "', 'or end'), ('Größe ☃', 'Größe ☃', 'other letters do not')
) as v (given, wanted, name);

create temp table c on commit drop as
select c.* from http.csv('{day,n,note}', '[{"n": 1, "day": "2026-01-01", "note": null, "more": 5}, {"day": "x,y", "n": 0.50, "note": ["a"]}, {}]') as c;
select is(c.status, 200, 'an answer') from c;
select is(c.headers, '{"Content-Type": "text/csv; charset=utf-8; header=present"}', 'says what it is') from c;
select is(c.body, E'day,n,note\r\n2026-01-01,1,\r\n"x,y",0.50,"[""a""]"\r\n,,\r\n', 'a line of names, then a line a row, in the order of the columns') from c;
select is((http.csv('{a,b}', '[]')).body, E'a,b\r\n', 'no row: the names alone');

select is(http.prefers_csv(v.accept), v.wanted, 'Accept: ' || coalesce(v.accept, 'none'))
from (values
    (null, false), ('*/*', false), ('application/json', false), ('text/csv', true), ('Text/CSV; header=present', true),
    ('text/csv, application/json', false), ('text/csv, */*;q=0.5', true), ('text/csv;q=0.3, */*;q=0.5', false),
    ('text/html, text/*;q=0.9, application/json;q=0.2', true), ('text/csv;q=0, */*', false), ('text/html', false)
) as v (accept, wanted);

select is(
    (http.rows('text/csv', '{"a": 1}', '{a}', '[{"a": 1}]', '{"Link": "</x>; rel=\"next\""}')).headers,
    ('{"Content-Type": "text/csv; charset=utf-8; header=present", "Vary": "Accept", "Link": "</x>; rel=\"next\"", '
        '"Cache-Control": "private, no-cache", "ETag": "\"' || md5(E'a\r\n1\r\n') || '\""}')::jsonb,
    'rows as CSV, with a tag of their own'
);
select is((r.response).body || ((r.response).headers ->> 'ETag'), '{"a": 1}"' || md5('{"a": 1}') || '"', 'or as JSON')
from (select http.rows(null, '{"a": 1}', '{a}', '[{"a": 1}]') as response) as r;
select isnt((http.with_etag(http.json(200, '{"a": 1}'))).headers ->> 'ETag', (http.with_etag(http.json(200, '{"a": 2}'))).headers ->> 'ETag', 'another body, another tag');
select function_privs_are('http', f.name, f.args, 'levqor_server', '{}', 'the server does not call ' || f.name)
from (values ('csv', '{text[],jsonb,jsonb}'::text[])) as f (name, args);

select * from finish();
rollback;
