begin;
select plan(26);

select core.set_test_clock('2031-01-01 12:00:00+00');
select identity.create_account(' Acme ') as acme \gset
select is(
    (select row(a.name, a.kind, a.status)::text from identity.account as a where a.id = :'acme'), '(Acme,company,active)',
    'an account is made'
);
select is(
    (select e.action from audit.entry as e where e.account_id = :'acme'), 'identity.create_account', 'and that is recorded'
);
select throws_ok($$select identity.create_account('')$$, 'LQ422', 'the account needs a name', 'it needs a name');
select throws_ok($$select identity.create_account('  ')$$, 'LQ422', 'the account needs a name', 'that says something');
select throws_ok($$select identity.create_account('x', 'operator')$$, 'LQ422', 'unknown kind of account', 'the operator is not made so');
select throws_ok(
    format('select identity.create_account(%L)', repeat('x', 201)), '23514', null, 'a name has at most 200 characters'
);
select identity.operator_account() as operator \gset
select is(identity.operator_account(), :'operator'::uuid, 'the operator''s account is made once');
select is((select count(*) from identity.account as a where a.kind = 'operator'), 1::bigint, 'and is one');
select throws_ok(
    $$insert into identity.account (name, kind) values ('second', 'operator')$$, '23505', null, 'a second is refused'
);

select test.make_key(:'operator', '{platform}') as key, test.make_key(:'acme', '{keys:manage}') as acme_key \gset
select c.status as made, c.body ->> 'id' as shown, c.headers ->> 'Location' as location
from test.call('POST', '/api/v1/accounts', :'key', '{"name": "Beta", "kind": "personal"}') as c \gset
select is(:'made'::integer, 201, 'POST makes one');
select is(:'location', '/api/v1/accounts/' || :'shown', 'Location names it');
select is(c.body - 'id', '{"name": "Beta", "kind": "personal", "status": "active", "created_at": "2031-01-01T12:00:00+00:00",
    "updated_at": "2031-01-01T12:00:00+00:00"}'::jsonb, 'GET shows it')
from test.call('GET', :'location', :'key') as c;
select is(c.status, 404, 'GET of none: 404') from test.call('GET', '/api/v1/accounts/none', :'key') as c;
select is(c.status, 403, 'an account''s key: 403, ' || x.method || ' ' || x.path)
from (values
    ('POST', '/api/v1/accounts', '{"name": "x"}'::jsonb), ('GET', '/api/v1/accounts', null),
    ('GET', '/api/v1/accounts/' || core.show_id('acct', :'acme'), null)
) as x (method, path, body)
cross join lateral test.call(x.method, x.path, :'acme_key', x.body) as c;
select is(c.status, 422, 'none is made in the name of one')
from test.call('POST', '/api/v1/accounts', :'key', '{"name": "x"}', null,
    jsonb_build_object('account', core.show_id('acct', :'acme'))) as c;

-- Pages.
select identity.create_account('account ' || n) from generate_series(1, 4) as n;
create temp table page as
with recursive page as (
    select c.body, 1 as n from test.call('GET', '/api/v1/accounts?limit=3', :'key') as c
    union all
    select c.body, p.n + 1
    from page as p
    cross join lateral test.call('GET', '/api/v1/accounts?limit=3&after=' || (p.body ->> 'next'), :'key') as c
    where p.body ->> 'next' is not null
)
select * from page;
select is(array_agg(jsonb_array_length(p.body -> 'accounts') order by p.n), '{3,3,1}', 'seven accounts are three pages') from page as p;
select is(count(distinct a.value ->> 'id'), 7::bigint, 'each account is on one')
from page as p cross join lateral jsonb_array_elements(p.body -> 'accounts') as a;
select is(
    c.headers ->> 'Link', format('</api/v1/accounts?limit=3&after=%s>; rel="next"', c.body ->> 'next'), 'Link leads on'
)
from test.call('GET', '/api/v1/accounts?limit=3', :'key') as c;
select is(c.headers ->> 'Link', null, 'the last page has none') from test.call('GET', '/api/v1/accounts?limit=7', :'key') as c;
select is(c.body ->> 'next', null, 'and no next') from test.call('GET', '/api/v1/accounts?limit=7', :'key') as c;
select is(c.status, 422, 'after is an id') from test.call('GET', '/api/v1/accounts?after=x', :'key') as c;
select is(jsonb_array_length(c.body -> 'accounts'), 1, 'in the name of one, one is seen')
from test.call('GET', '/api/v1/accounts', :'key', null, null, jsonb_build_object('account', core.show_id('acct', :'acme'))) as c;
select is(c.status, 422, 'a body has no unknown member')
from test.call('POST', '/api/v1/accounts', :'key', '{"name": "x", "status": "closed"}') as c;
select is(audit.measure_coverage(), 100.00, 'every change left an entry');

select * from finish();
rollback;
