begin;
select plan(17);

select matches(core.new_id()::text, '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', 'a UUID of version 7');
select cmp_ok(
    abs(('x0000' || replace(left(core.new_id()::text, 13), '-', ''))::bit(64)::bigint / 1000.0
        - extract(epoch from clock_timestamp())::numeric), '<', 5::numeric, 'it begins with the time'
);
select is(count(distinct i.id), 1000::bigint, 'they differ') from (select core.new_id() as id from generate_series(1, 1000)) as i;
select is(core.show_id('job', '01a1fe28-d477-77f6-a72a-b18bf435a844'), 'job_01a1fe28d47777f6a72ab18bf435a844', 'an id is shown');
select is(core.show_id('job', null), null, 'none is not');
select is(core.read_id('job', x.text), x.id::uuid, x.told)
from (values
    ('job_01a1fe28d47777f6a72ab18bf435a844', '01a1fe28-d477-77f6-a72a-b18bf435a844', 'a shown one is read'),
    ('01a1fe28-d477-77f6-a72a-b18bf435a844', '01a1fe28-d477-77f6-a72a-b18bf435a844', 'and a bare UUID'),
    ('01A1FE28D47777F6A72AB18BF435A844', '01a1fe28-d477-77f6-a72a-b18bf435a844', 'however it is written'),
    ('key_01a1fe28d47777f6a72ab18bf435a844', null, 'one of another kind is none'),
    ('job_01a1fe28d47777f6a72ab18bf435a84', null, 'nor is a short one'),
    ('job_01A1FE28D47777F6A72AB18BF435A844', null, 'nor one in upper case with a prefix'),
    ('', null, 'nor nothing'), (null, null, 'nor null'), ('job_%', null, 'nor a pattern')
) as x (text, id, told);
select is(length(core.random_bytes(24)), 24, 'bytes as many as asked for');
select is(length(core.random_bytes(100)), 100, 'also many');
select isnt(core.random_bytes(24), core.random_bytes(24), 'and never the same');

select * from finish();
rollback;
