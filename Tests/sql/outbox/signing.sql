-- The signing secret is shown once, and rotated with an overlap.
begin;
select plan(24);

create temp table t on commit drop as select test.make_account() as account;
create temp table k on commit drop as
select test.make_key(account, '{keys:manage}') as key, test.make_key(account, '{jobs:read}') as weak from t;
grant select on t, k to public;
select core.set_test_clock('2030-01-01 12:00:00+00');

select is(c.status, 403, 'a key without the scope sees nothing')
from test.call('GET', '/api/v1/signing-secret', (select weak from k)) as c;
select is(c.body, '{"generation": 1, "previous_until": null, "shown_at": null}', 'at first nothing was shown')
from test.call('GET', '/api/v1/signing-secret', (select key from k)) as c;

create temp table first on commit drop as
select c.* from test.call('POST', '/api/v1/signing-secret', (select key from k)) as c;
select is((select status from first), 201, 'the secret is shown');
select is(
    (select more -> 'reveal' from first),
    (select jsonb_build_object(f.body ->> 'secret', 'webhook/' || t.account || '/1') from first as f, t),
    'the answer holds a placeholder and the name that the server derives the secret from'
);
select is((select body ->> 'generation' from first), '1', 'it is the first one');
select is((select headers ->> 'Cache-Control' from first), 'no-store', 'nobody may keep the answer');
select is(
    (select count(*) from audit.entry where action = 'outbox.show_signing_secret' and account_id = (select account from t)),
    1::bigint, 'it is in the trail'
);
select is((c.status, c.body ->> 'hint')::text,
    '(409,"Rotate it to get a new one; both sign until the overlap ends.")', 'it is shown once')
from test.call('POST', '/api/v1/signing-secret', (select key from k)) as c;

create temp table second on commit drop as
select c.* from test.call('POST', '/api/v1/signing-secret/rotate', (select key from k), '{"overlap_seconds": 60}') as c;
select is((select status from second), 200, 'it is rotated');
select is(
    (select body - 'secret' from second),
    jsonb_build_object('generation', 2, 'previous_until', core.now() + interval '1 minute'), 'the old one signs for a while'
);
select is(
    (select more #>> array['reveal', body ->> 'secret'] from second), 'webhook/' || (select account from t) || '/2',
    'the new secret is another'
);
select isnt((select body ->> 'secret' from second), (select body ->> 'secret' from first), 'a placeholder is used once');
select is(
    (select count(*) from audit.entry where action = 'outbox.rotate_signing_secret' and account_id = (select account from t)),
    1::bigint, 'the rotation is in the trail'
);
select is(audit.measure_coverage(), 100.00, 'no sensitive action is missing in the trail');

select is(outbox.name_secrets(a), array['webhook/' || a.id || '/2', 'webhook/' || a.id || '/1'], 'both sign, the newest first')
from identity.account as a where a.id = (select account from t);
select core.set_test_clock('2030-01-01 12:01:00+00');
select is(outbox.name_secrets(a), array['webhook/' || a.id || '/2'], 'when the overlap is over, the new one signs alone')
from identity.account as a where a.id = (select account from t);
select is(c.body ->> 'previous_until', null, 'and that is told')
from test.call('GET', '/api/v1/signing-secret', (select key from k)) as c;

select is(c.body ->> 'previous_until', null, 'without an overlap the old one ends at once')
from test.call('POST', '/api/v1/signing-secret/rotate', (select key from k), '{"overlap_seconds": 0}') as c;
select is(c.body ->> 'previous_until', to_jsonb(core.now() + interval '1 day') #>> '{}', 'by default it lasts a day')
from test.call('POST', '/api/v1/signing-secret/rotate', (select key from k)) as c;
select throws_ok(
    format('select outbox.rotate_secret(%L, interval ''31 days'')', (select account from t)),
    'LQ422', 'the overlap must be between nothing and 30 days', 'an overlap is bounded'
);
select throws_ok(
    format('select outbox.rotate_secret(%L)', core.new_id()), 'LQ404', 'no such account', 'an unknown account has no secret'
);
select throws_ok(
    format('select outbox.show_first_secret(%L)', core.new_id()), 'LQ404', 'no such account', 'nor one to show'
);
select throws_ok(
    format('select outbox.show_first_secret(%L)', (select account from t)),
    'LQ409', 'the signing secret was shown before', 'after a rotation it counts as shown'
);
select volatility_is('api', 'show_signing_secret', 'stable', 'looking changes nothing');

select * from finish();
rollback;
