-- What doors answer with, and problems by their SQLSTATE.
begin;
select plan(55);

-- Answers.
select is(
    r, row(201, '{"Link": ["a", "b"]}'::jsonb, '{"a": null}', null, null, null)::http.response, 'JSON is a status and a text'
)
from http.json(201, '{"a": null}', '{"Link": ["a", "b"]}') as r;
select is(
    r, row(200, null, '[]', null, null, null)::http.response, 'that needs no headers'
)
from http.json(200, '[]') as r;
select is(r.body, null, 'no JSON is no body') from http.json(200, null) as r;
select is(
    r, row(200, '{"Content-Type": "text/plain"}'::jsonb, 'x', null, null, null)::http.response, 'a text has its type'
)
from http.text(200, 'text/plain', 'x') as r;
select is(
    r.headers, '{"Content-Type": "text/css", "Cache-Control": "no-store"}'::jsonb, 'besides the headers it is given'
)
from http.text(200, 'text/css', 'x', '{"Content-Type": "text/plain", "Cache-Control": "no-store"}') as r;
select is(r, row(204, null, null, null, null, null)::http.response, 'no content is nothing but a status')
from http.no_content() as r;

-- Waiting.
select is(
    r, row(null, null, null, '{jobs/*,outbox}'::text[], '2031-01-01 00:00:00+00'::timestamptz, null)::http.response,
    'to wait is no answer, but topics and an end'
)
from http.wait('{jobs/*,outbox}', '2031-01-01 00:00:00+00') as r;
select core.set_caller(null, null, null, null, null, null, 'req_1');
select is(http.wait_until(), null, 'a request that was not parked has no end');
select set_config('levqor.wait_until', '2031-01-01T00:00:00Z', true);
select is(http.wait_until(), '2031-01-01 00:00:00+00'::timestamptz, 'one that was has the end it asked for');
select core.set_caller(null, null, null, null, null, null, 'req_2');
select is(http.wait_until(), null, 'the next one has none of it');

-- A problem that is shown.
select is(
    (http.problem('LQ409', 'it is done', 'Since noon.', 'Look first.')).body::jsonb,
    '{"type": "/problems/conflict", "title": "The state does not allow it", "status": 409, "code": "conflict",
        "detail": "It is done. Since noon.", "hint": "Look first.", "request_id": "req_2"}'::jsonb,
    'a problem tells everything: the message as a sentence, the detail behind it, the request'
);
select is((http.problem('LQ409', 'it is done')).status, 409, 'with its status as that of the answer');
select is(
    (http.problem('LQ409', 'it is done', '', '')).body::jsonb - array['type', 'title', 'status', 'code', 'request_id'],
    '{"detail": "It is done."}'::jsonb, 'an empty detail and an empty hint are none'
);
select is(
    (http.problem('LQ409', 'x', p_more => '{"errors": [1], "title": "Another"}')).body::jsonb
        - array['type', 'status', 'code', 'request_id', 'detail'],
    '{"errors": [1], "title": "Another"}'::jsonb, 'members of its own are added, and win'
);
select is((http.problem('LQ409', 'x', p_more => '')).body::jsonb ->> 'detail', 'X.', 'no text of members is none');
select is(
    (http.problem('LQ422', 'it is long', p_constraint => 'job_workflow_is_short_check')).body::jsonb ->> 'detail',
    'It is long.', 'who tells a message needs no constraint'
);
select core.set_caller(null, null, null, null, null, null, null);
select ok(not (http.problem('LQ409', 'x')).body::jsonb ? 'request_id', 'outside of a request there is no id');

-- A problem of others tells no text but the rule in a constraint's name.
select is(
    (http.problem('23505', 'secret', 'secret', 'secret', '{"a": "secret"}', p_constraint => c.name)).body::jsonb,
    jsonb_build_object(
        'type', '/problems/conflict', 'title', 'The state does not allow it', 'status', 409, 'code', 'conflict',
        'detail', c.told
    ),
    'a rule is told: ' || c.name
)
from (values
    ('thing_name_is_short_check', 'Rule: thing name is short.'), ('thing_name_key', 'Rule: thing name.'),
    ('thing_user_id_fkey', 'Rule: thing user id.'), ('thing_pkey', 'Rule: thing.'),
    ('thing_one_at_a_time_idx', 'Rule: thing one at a time.'), ('thing_keyed_by_hand', 'Rule: thing keyed by hand.')
) as c (name, told);
select is(
    (http.problem('23505', 'secret', 'secret', 'secret', '{"a": "secret"}', '')).body::jsonb,
    '{"type": "/problems/conflict", "title": "The state does not allow it", "status": 409, "code": "conflict"}'::jsonb,
    'without one, nothing'
);
select is(
    (http.problem('22012', 'division by zero', 'secret', 'secret')).body::jsonb,
    '{"type": "/problems/internal-error", "title": "Something went wrong on our side", "status": 500,
        "code": "internal-error"}'::jsonb, 'a division by zero is our mistake, and tells nothing'
);

-- By code, by class, or not known.
select is((http.problem(s.sqlstate, 'x')).status, s.status, s.sqlstate || ' is ' || s.status)
from (values
    ('LQ400', 400), ('LQ429', 429), ('LQOUT', 503), ('08006', 503), ('22001', 422), ('22P05', 400), ('23502', 422),
    ('23505', 409), ('23514', 422), ('25006', 500), ('40001', 503), ('53300', 503), ('54001', 422), ('55P03', 503),
    ('57014', 503), ('ZZ999', 500)
) as s (sqlstate, status);
select is(
    (http.problem('ZZ999', 'secret', 'secret', 'secret', '{"a": "secret"}')).body::jsonb,
    (http.problem('LQ500', 'x')).body::jsonb, 'one that is not known is as LQ500'
);
insert into core.error_code (sqlstate, status, slug, title, is_shown) values ('ZZ', 418, 'tea-pot', 'A tea pot', true);
select is((http.problem('ZZ999', 'x')).body::jsonb ->> 'detail', 'X.', 'until a row says what it is');

-- Headers.
select is(
    (http.problem(h.sqlstate, 'x')).headers, h.headers || '{"Content-Type": "application/problem+json"}', h.told
)
from (values
    ('LQ404', '{}'::jsonb, 'a problem has its type'), ('LQ500', '{}', 'our own mistake no more than that'),
    ('LQ503', '{"Retry-After": "1"}', '503 says when to come back'),
    ('LQ401', '{"WWW-Authenticate": "ApiKey realm=\"levqor\""}', '401 what is wanted')
) as h (sqlstate, headers, told);
select is(
    (http.problem('LQ503', 'x', p_headers => '{"Retry-After": "9", "Allow": "GET"}')).headers,
    '{"Content-Type": "application/problem+json", "Retry-After": "9", "Allow": "GET"}'::jsonb, 'headers of its own win'
);

-- Rights.
select volatility_is('http', f.name, f.volatility, format('http.%s is %s', f.name, f.volatility))
from (values
    ('json', 'immutable'), ('text', 'immutable'), ('no_content', 'immutable'), ('wait', 'immutable'),
    ('wait_until', 'stable'), ('problem', 'stable')
) as f (name, volatility);
select is_empty(
    $$select p.oid::regprocedure from pg_proc as p
        where p.pronamespace = 'http'::regnamespace
            and p.proname in ('json', 'text', 'no_content', 'wait', 'wait_until', 'problem')
            and (p.prosecdef or has_function_privilege('levqor_server', p.oid, 'execute'))$$,
    'they have the rights of the door, and no server calls them'
);

select * from finish();
rollback;
