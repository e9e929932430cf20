-- A UUID survives being taken apart.
begin;
select plan(4);

select is(
    core.join_halves(core.high_half(u.id), core.low_half(u.id)), u.id, 'the halves of ' || u.id || ' make it again'
)
from (values
    ('00000000-0000-0000-0000-000000000000'::uuid),
    ('ffffffff-ffff-ffff-ffff-ffffffffffff'),
    ('0192f1c4-8a7b-7c3d-9e21-f0e1d2c3b4a5')
) as u (id);
select is(core.high_half('80000000-0000-0000-0000-000000000000'), '-9223372036854775808'::bigint, 'a half uses all 64 bits');

select * from finish();
rollback;
