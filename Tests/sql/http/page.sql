-- Pages for people: what is put into them is escaped, and only their own style is let in.
begin;
select plan(27);

-- Escaping.
select is(http.escape_html(x.text), x.escaped, x.told)
from (values
    ('a & b', 'a &amp; b', 'an ampersand is escaped'), ('<', '&lt;', 'an angle bracket is'), ('>', '&gt;', 'and its partner'),
    ('"', '&quot;', 'a quotation mark is, for attributes'), ('''', '&#39;', 'and an apostrophe'),
    ('&lt;', '&amp;lt;', 'what looks escaped is escaped like everything'),
    ('<<&&>>', '&lt;&lt;&amp;&amp;&gt;&gt;', 'each one is, and once'),
    (E'plain é …\n`=/', E'plain é …\n`=/', 'all else stays'), ('', '', 'nothing stays nothing')
) as x (text, escaped, told);
select is(http.escape_html(null), null, 'no text is none');

-- The style.
select unalike(http.page_style(), '%<%', 'the style can not end its element');
select ok(http.page_style() !~* 'url\(|@import|@font-face|expression', 'and loads nothing from anywhere');
select matches(http.page_style(), 'prefers-color-scheme:dark', 'it knows the dark');
select matches(http.page_style(), 'prefers-reduced-motion:reduce', 'and who wants no motion');

-- A page.
create temp table made as select p.* from http.page('A <title> & more', '<p id="x">It &amp; so</p>') as p;
select is(row(m.status, m.wait_for, m.wait_until, m.reveal)::text, '(200,,,)', 'a page is an answer') from made as m;
select is(
    m.body,
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        || '<meta name="viewport" content="width=device-width, initial-scale=1">'
        || '<title>A &lt;title&gt; &amp; more</title><style>' || http.page_style()
        || '</style></head><body><p id="x">It &amp; so</p></body></html>',
    'with its title escaped and its content as it came'
)
from made as m;
select is(
    m.headers,
    jsonb_build_object(
        'Content-Type', 'text/html; charset=utf-8',
        'Cache-Control', 'public, max-age=300',
        'Content-Security-Policy',
        'default-src ''none''; style-src ''sha256-'
            || encode(sha256(convert_to(substring(m.body from '<style>(.*)</style>'), 'UTF8')), 'base64')
            || '''; base-uri ''none''; form-action ''none''; frame-ancestors ''none'''
    ),
    'its policy lets in the style that it bears, and nothing else'
)
from made as m;
select is(
    row(p.status, p.headers ->> 'Cache-Control')::text, '(404,"public, max-age=7")', 'status and age are as they are wished'
)
from http.page('x', 'y', 404, 7) as p;

-- Rights.
select volatility_is('http', f.name, 'immutable', 'http.' || f.name || ' depends on what it is given')
from (values ('escape_html'), ('page_style'), ('page')) as f (name);
select isnt_definer('http', f.name, 'http.' || f.name || ' has the rights of who calls it')
from (values ('escape_html'), ('page_style'), ('page')) as f (name);
set local role levqor_server;
select throws_ok(
    format('select http.%s', f.call), '42501', 'permission denied for function ' || f.name, 'no server calls http.' || f.name
)
from (values
    ('escape_html', $$escape_html('x')$$), ('page_style', 'page_style()'), ('page', $$page('x', 'y')$$)
) as f (name, call);
reset role;

select * from finish();
rollback;
