-- A page about each kind of error.
begin;
select plan(28);

-- Words.
select is_empty(
    $$select distinct e.slug from core.error_code as e where http.advise(e.slug) !~ '^[A-Z][^\n]+\.\n\n[A-Za-z][^\n]+\.$'$$,
    'every kind of error has two paragraphs: what it means, and what to do'
);
select is(http.advise('no-such-kind'), null, 'another kind has none');
select is(http.advise(null), null, 'nor has no kind');
select is(
    (select count(distinct http.advise(e.slug)) from core.error_code as e),
    (select count(distinct e.slug) from core.error_code as e), 'no two kinds have the same'
);

-- The pages, as anybody loads them.
select is_empty(
    $$select e.slug, c.status, c.headers from (select distinct d.slug from core.error_code as d) as e
        cross join lateral test.call('GET', '/problems/' || e.slug) as c
        where c.status <> 200 or c.headers ->> 'Content-Type' <> 'text/html; charset=utf-8'
            or c.headers ->> 'Cache-Control' <> 'public, max-age=3600'$$,
    'the type of every problem leads to a page, kept for an hour'
);
create temp table page as select c.raw as text, c.headers from test.call('GET', '/problems/quota-exceeded') as c;
select matches(p.text, '<title>Too many requests</title>', 'it has the problem''s title') from page as p;
select matches(p.text, '429 · <code>quota-exceeded</code></p><h1>Too many requests</h1>', 'tells status and code')
from page as p;
select matches(p.text, '<p>More requests came than a rate policy admits, or than the tier', 'what it means') from page as p;
select matches(p.text, '<p>Wait as many seconds as the header Retry-After says\.', 'and what to do') from page as p;
select is(
    replace(substring(p.text from '<pre tabindex="0"><code>(.*)</code></pre>'), '&quot;', '"')::jsonb,
    '{"type": "https://iana.org/assignments/http-problem-types#quota-exceeded", "title": "Too many requests", "status": 429,
        "code": "quota-exceeded", "request_id": "…"}'::jsonb, 'and shows the problem as it comes'
)
from page as p;
select matches(p.text, '<footer><a href="/docs">', 'and leads on') from page as p;
select matches(
    p.headers ->> 'Content-Security-Policy', '^default-src ''none''; style-src ''sha256-', 'under the policy of the pages'
)
from page as p;

-- A code that is closer than the type.
select is(
    replace(substring(c.raw from '<pre tabindex="0"><code>(.*)</code></pre>'), '&quot;', '"')::jsonb,
    jsonb_build_object('type', '/problems/forbidden', 'title', 'Not allowed', 'status', 403, 'code', k.code, 'request_id', '…'),
    k.code || ' has a page, which shows its type'
)
from (values ('account-suspended'), ('account-closed')) as k (code)
cross join lateral test.call('GET', '/problems/' || k.code) as c;
select is_empty(
    $$select from (values ('account-suspended'), ('account-closed')) as k (code)
        where http.advise(k.code) !~ '^[A-Z][^\n]+\.\n\n[A-Za-z][^\n]+\.$'$$, 'and two paragraphs of its own'
);

-- Our own code is the one that is told, whichever others have its slug.
insert into core.error_code (sqlstate, status, slug, title) values
('00001', 418, 'not-found', 'First'), ('ZZ999', 418, 'not-found', 'Last');
select matches(c.raw, '404 · <code>not-found</code></p><h1>No such thing</h1>', 'our own code gives status and title')
from test.call('GET', '/problems/not-found') as c;
-- An operator's own kind.
insert into core.error_code (sqlstate, status, slug, title) values ('LQ418', 418, 'tea-pot', '<b>Tea</b> & "pot"');
select is(c.status, 200, 'a kind without words has a page too') from test.call('GET', '/problems/tea-pot') as c;
select matches(
    c.raw, '<h1>&lt;b&gt;Tea&lt;/b&gt; &amp; &quot;pot&quot;</h1><p class="label">As it comes</p>', 'with its title escaped'
)
from test.call('GET', '/problems/tea-pot') as c;
select unalike(c.raw, '%<b>Tea%', 'in every place') from test.call('GET', '/problems/tea-pot') as c;

-- What there is not.
select throws_ok(
    $$select api.show_problem_page('none')$$, 'LQ404', 'no such kind of error', 'another kind is not found'
);
select throws_ok('select api.show_problem_page(null)', 'LQ404', 'no such kind of error', 'nor is none');
select is(
    c.body - 'request_id',
    '{"type": "/problems/not-found", "title": "No such thing", "status": 404, "code": "not-found",
        "detail": "No such kind of error.", "hint": "The reference at /docs lists them."}'::jsonb,
    'which a client is told as a problem'
)
from test.call('GET', '/problems/none') as c;

-- Rights.
select volatility_is('http', 'advise', array['text'], 'immutable', 'the words stand');
select isnt_definer('http', 'advise', array['text'], 'for who may call');
select volatility_is('api', 'show_problem_page', array['text'], 'stable', 'the page only reads');
select is_definer('api', 'show_problem_page', array['text'], 'with the rights of its owner');
select function_privs_are(
    'api', 'show_problem_page', array['text'], 'levqor_server', '{}', 'a server calls no door itself'
);
select is(
    row(r.access, r.scopes, r.limit_class, r.is_sensitive)::text, '(public,{},,f)', 'anybody may load it'
)
from http.route as r where r.function = 'api.show_problem_page';

select * from finish();
rollback;
