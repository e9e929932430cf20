-- Referrals: once each, first and last touch, joined to the user, and silent about who is there.
begin;
select plan(33);

select core.set_test_clock('2026-11-21 12:00:00+00');
create temp table o on commit drop as select identity.operator_account() as id;

-- Over HTTP, by anybody.
create temp table c on commit drop as
select c.* from test.call('POST', '/api/v1/referrals/track', null, '{"email": " Ada@Example.com ", "source": "news", "campaign": "spring", "medium": "mail"}') as c;
select is(status, 201, 'anybody may tell') from c;
select matches(body ->> 'referral_id', '^ref_[0-9a-f]{32}$', 'and gets an id') from c;
select is(row(r.email, r.source, r.campaign, r.medium, r.touches, r.user_id, r.first_at, r.last_at)::text,
    '(ada@example.com,news,spring,mail,1,,"2026-11-21 12:00:00+00","2026-11-21 12:00:00+00")', 'the address is normalised')
from growth.referral as r, o where r.account_id = o.id;
select core.set_test_clock('2026-11-21 13:00:00+00');
select is(d.raw, c.raw, 'the same again has the same answer')
from c, test.call('POST', '/api/v1/referrals/track', null, '{"email": "ADA@example.com", "source": "news", "campaign": "spring", "medium": "mail"}') as d;
select is(row(r.touches, r.first_at, r.last_at)::text, '(2,"2026-11-21 12:00:00+00","2026-11-21 13:00:00+00")', 'and is one row')
from growth.referral as r, o where r.account_id = o.id;
select core.set_test_clock('2026-11-21 14:00:00+00');
select is(d.status, 201, 'source, campaign and medium may be left out')
from test.call('POST', '/api/v1/referrals/track', null, '{"email": "ada@example.com"}') as d;
select is(d.status, 422, 'an address may not') from test.call('POST', '/api/v1/referrals/track', null, '{"email": "ada at example"}') as d;
select set_eq(
    'select r.source, r.campaign, r.medium from growth.referral as r', $$values ('news', 'spring', 'mail'), ('direct', '', '')$$, 'two links'
);
select is(
    row(v.email, v.first_source, v.last_source, v.referrals, v.touches)::text, '(ada@example.com,news,direct,2,3)', 'first and last touch of the address'
) from growth.referral_touch as v, o where v.account_id = o.id;

-- Sign-up.
select core.set_test_clock('2026-11-22 12:00:00+00');
select set_config('levqor.machinery', 'on', true);
create temp table u on commit drop as select (identity.upsert_user('Ada@example.com')).user_id as ada, (identity.upsert_user('bob@example.com')).user_id as bob;
select is((select count(*) from growth.referral as r, u where r.user_id = u.ada and r.joined_at = '2026-11-22 12:00:00+00'), 2::bigint, 'the sign-up joins');
select growth.track_referral(null, 'bob@example.com', 'ads');
select is((select r.user_id from growth.referral as r where r.email = 'bob@example.com'), u.bob, 'one who is there is joined at once') from u;
select core.set_caller(null, null, null, null, null, null, null);
select is(
    regexp_replace(n.raw, '[0-9a-f]{32}', ''), regexp_replace(k.raw, '[0-9a-f]{32}', ''), 'whether a user is there is not told'
) from test.call('POST', '/api/v1/referrals/track', null, '{"email": "nobody@example.com", "source": "ads"}') as n,
    test.call('POST', '/api/v1/referrals/track', null, '{"email": "bob@example.com", "source": "ads"}') as k;
select set_config('levqor.machinery', 'on', true);
update identity.user as x set email = 'nobody@example.com' from u where x.id = u.bob;
select is((select r.user_id from growth.referral as r where r.email = 'nobody@example.com'), u.bob, 'a new address of a user joins too') from u;
select is(
    row(v.email, v.first_source, v.referrals)::text, '(,ads,2)', 'a user''s touches are those of all addresses'
) from growth.referral_touch as v, u where v.user_id = u.bob;

-- At the moment of the sign-up.
update growth.referral as r set user_id = null, joined_at = null;
update growth.referral as r set first_at = '2026-11-22 10:00:00+00', last_at = '2026-11-22 10:59:59+00' where r.email = 'bob@example.com';
update growth.referral as r set last_at = '2026-11-22 11:00:00+00' where r.email = 'ada@example.com';
select is(growth.join_referrals(), 3::bigint, 'the clock joins what came in the last hour');
select is(growth.join_referrals('2 hours'), 0::bigint, 'of addresses with a user');

-- Another account, and bounds.
create temp table a on commit drop as select test.make_account('A') as id;
create temp table k on commit drop as select test.make_key(a.id) as key from a;
select core.set_caller(null, null, null, null, null, null, null);
select is(d.status, 201, 'a key tells for its account')
from k, test.call('POST', '/api/v1/referrals/track', k.key, '{"email": "ada@example.com"}') as d;
select set_config('levqor.machinery', 'on', true);
select is((select r.user_id from growth.referral as r, a where r.account_id = a.id), u.ada, 'with the user') from u;
select count(growth.track_referral(a.id, 'many@example.com', 'link ' || n)) from a, generate_series(1, 105) as n;
select is((select count(*) from growth.referral as r where r.email = 'many@example.com'), 100::bigint, 'of one address 100 are kept');
select growth.track_referral(a.id, 'many@example.com', 'link 1') from a;
select is((select r.touches from growth.referral as r where r.email = 'many@example.com' and r.source = 'link 1'), 2, 'and count on');
select throws_ok('select growth.track_referral(null, ''nobody'')', 'LQ422', 'that is no e-mail address');
select throws_ok('select growth.track_referral(null, ''a@b.example'', repeat(''x'', 201))', 'LQ422', 'source, campaign and medium have 200 characters at most');
select throws_ok(
    format('select growth.track_referral(null, ''a@b.example'', %L, %L, %L)', v.source, v.campaign, v.medium), 'LQ422',
    'source, campaign and medium have no control characters and do not begin with = + - or @', 'not ' || v.what
)
from (values
    ('=1+2', '', '', 'a formula as source'), ('x', '+1', '', 'one as campaign'), ('x', '', '-1', 'one as medium'), ('@SUM(A1)', '', '', 'one that begins with @'),
    ('  =1', '', '', 'one behind spaces'), (E'\t=1', '', '', 'one behind a tab'), ('x', E'a\nb', '', 'lines'), ('x', '', E'a\u0085b', 'another control character')
) as v (source, campaign, medium, what);
select lives_ok($$select growth.track_referral(null, 'a@b.example', 'a-b', 'spring+summer', 'x=1@2')$$, 'inside of a text they may be');
select core.set_caller(null, null, null, null, null, null, null);
select is(current_setting('levqor.machinery', true), 'off', 'the machinery is off');
select is(
    (select array_agg(d.status order by d.call) from test.call_many((
        select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/api/v1/referrals/track', 'address', '192.0.2.77',
            'body', jsonb_build_object('email', n || '@example.com'))) from generate_series(1, 22) as n
    )) as d),
    array_fill(201, '{20}') || '{429,429}'::integer[], 'one address tells 20 a minute'
);

select * from finish();
rollback;
