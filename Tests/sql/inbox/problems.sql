-- What a person should look at.
begin;
select plan(5);

set local levqor.machinery = 'on';
update core.setting set value = '"development"' where name = 'core.environment';
select core.set_test_clock('2026-03-01 12:00:00+00');
select inbox.create_source('a', 'none'), inbox.create_source('b', 'github', '{B}');
select inbox.receive('a', convert_to(format('{"id": "%s"}', n), 'UTF8'), '{}') from generate_series(1, 3) as n;
create function pg_temp.problems() returns text language sql as $$
    select string_agg(concat_ws(' ', p.level, p.fingerprint, p.count), ', ' order by p.fingerprint) from inbox.list_problems() as p
$$;
select is(pg_temp.problems(), null, 'at first there is none');
update inbox.delivery set state = 'dead' where event_id in ('1', '2');
select inbox.receive('b', '', '{}', '{"credential/B": null}');
select is(pg_temp.problems(), 'error inbox/dead/a 2, error inbox/secret/b 1', 'what was given up, and a secret that is not set');
select is(p.message, 'deliveries of the source a were given up: 2', 'it is told in words') from inbox.list_problems() as p where p.kind = 'dead';
select core.set_test_clock('2026-03-01 13:00:01+00');
select is(pg_temp.problems(), 'warning inbox/behind/a 1, error inbox/dead/a 2', 'what waits too long; the secret is not asked for any more');
select inbox.replay_many('a'), inbox.handle_due();
select is(pg_temp.problems(), null, 'what is mended is no longer told');

select * from finish();
rollback;
