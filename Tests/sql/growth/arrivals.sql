-- What tells a repeated event.
begin;
select plan(10);

-- Ids.
select is(growth.fold_id('0190A2B3-c4d5-7e6f-8a9b-0c1d2e3f4a5b'), '0190a2b3-c4d5-7e6f-8a9b-0c1d2e3f4a5b', 'a UUID is kept');
select is(growth.fold_id('{0190a2b3c4d57e6f8a9b0c1d2e3f4a5b}'), '0190a2b3-c4d5-7e6f-8a9b-0c1d2e3f4a5b', 'in each form that is read as one');
select is(
    growth.fold_id('order-17'),
    overlay(overlay(left(encode(sha256('order-17'), 'hex'), 32) placing '8' from 13 for 1)
        placing substr('89ab', (('x' || substr(encode(sha256('order-17'), 'hex'), 17, 1))::bit(4)::integer & 3) + 1, 1) from 17 for 1)::uuid,
    'another text is a UUIDv8 of its SHA-256'
);
select is(
    growth.id_made_at('017f22e2-79b0-7cc3-98c4-dc0c0c07398f'), '2022-02-22 19:22:22+00', 'a UUIDv7 tells its time (the example of RFC 9562)'
);
select ok(growth.id_is_v7('017f22e2-79b0-7cc3-98c4-dc0c0c07398f') and not growth.id_is_v7(gen_random_uuid()), 'and only that');


-- Days.
select core.set_test_clock('2026-11-21 23:59:59+00');
select is(growth.share_day(), '2026-11-21', 'the day is that of UTC');
select is(
    (select count(*) from pg_locks as l where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.mode = 'ShareLock'
        and (l.classid::bigint << 32 | l.objid::bigint) = growth.lock_key('day', '2026-11-21')), 1::bigint, 'and is shared'
);
select core.set_test_clock('2027-03-04 00:00:00+00');
select is(growth.share_day(), '2027-03-04', 'the next has its partition');
select is(
    (select count(*) from pg_locks as l where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.mode = 'ExclusiveLock'), 0::bigint,
    'and the lock of the day before is given back'
);

-- Which of a batch are new: of two with one key the first.
select is(
    growth.find_new(
        array[i.a, i.a, i.b, i.a, i.b], '{o,o,o,p,o}', '{f,t,t,t,t}', array[i.a, i.b], '{o,o}'
    ), '{f,t,t,f,f}', 'by id and origin'
) from (select gen_random_uuid() as a, gen_random_uuid() as b) as i;

select * from finish();
rollback;
