-- What the clock does for HTTP.
begin;
select plan(4);

select results_eq(
    $$select t.name, t.function, t.every, t.is_enabled, t.origin from schedule.task as t where t.function like 'http.%'$$,
    $$values ('http-purge-idempotency', 'http.purge_idempotency', interval '1 minute', true, 'file')$$, 'expired answers are removed'
);
select core.set_test_clock('2031-01-01 12:30:00+00');
select test.make_account('Acme') as acme \gset
insert into http.idempotency_key (account_id, key, fingerprint, state, request_id, status, created_at, expires_at)
select :'acme', k.key, sha256('x'), 'done', 'req', 200, core.now() - interval '1 day', k.expires_at
from (values ('old', core.now()), ('young', core.now() + interval '1 second')) as k (key, expires_at);
update schedule.task set is_enabled = name = 'http-purge-idempotency';
delete from schedule.run;
select is(test.turn_clock(), '{"http-purge-idempotency succeeded"}', 'the clock does it');
select is(array_agg(i.key), '{young}', 'and leaves what has not expired') from http.idempotency_key as i where i.account_id = :'acme';
select is(test.turn_clock(), null, 'once a minute');

select * from finish();
rollback;
