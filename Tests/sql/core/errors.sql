begin;
select plan(14);

select throws_ok(
    $$select core.raise('LQ409', 'it is so', 'A fact.', 'Do this.')$$, 'LQ409', 'it is so', 'an error of ours is raised'
);
select is_empty('select from core.error_code as e where e.status < 400', 'every code is an error');
select is_empty(
    $$select from core.error_code as e where length(e.sqlstate) = 5 and e.sqlstate like 'LQ%' and right(e.sqlstate, 3) <> e.status::text
        -- Of 503 there are two: nothing was done, and nobody knows. Those of Idempotency-Key share their statuses with others.
        and e.sqlstate not in ('LQOUT', 'LQIKU', 'LQIKR', 'LQIKW', 'LQSIG', 'LQBGW', 'LQGTO', 'LQTID', 'LQLIM', 'LQSUM', 'LQHLD')$$,
    'ours say their status'
);
select is_empty(
    $$select from core.error_code as e where e.sqlstate !~ '^LQ' and e.is_shown$$, 'the text of errors of others is never shown'
);
select is(
    (http.problem('LQ404', 'no such thing', 'It was.', 'Look.')).body::jsonb,
    '{"type": "/problems/not-found", "title": "No such thing", "status": 404, "code": "not-found",
      "detail": "No such thing. It was.", "hint": "Look."}'::jsonb, 'a problem has everything it is told'
);
select is((http.problem('LQ404', 'x', p_more => '{"code": "closer"}')).body::jsonb ->> 'code', 'closer', 'and members of its own');
select is((http.problem('ZZ999', 'secret', 'secret', 'secret', '{"a": "secret"}')).status, 500, 'an unknown code is 500');
select unalike(
    (http.problem('ZZ999', 'secret', 'secret', 'secret', '{"a": "secret"}')).body, '%secret%', 'and tells nothing'
);
select is((http.problem('22003', 'x')).status, 422, 'a class has a status');
select is((http.problem('22P05', 'x')).status, 400, 'and a code of it its own');
select is(
    (http.problem('23514', 'x', 'secret', p_constraint => 'submission_workflow_is_short_check')).body::jsonb ->> 'detail',
    'Rule: submission workflow is short.', 'a violated constraint is told by its name'
);
select is((http.problem('40001', 'x')).headers ->> 'Retry-After', '1', '503 says when to come back');
select is((http.problem('LQ401', 'x')).headers ->> 'WWW-Authenticate', 'ApiKey realm="levqor"', '401 says what is wanted');
select is((http.problem('LQ401', 'x')).headers ->> 'Content-Type', 'application/problem+json', 'in the type of RFC 9457');

select * from finish();
rollback;
