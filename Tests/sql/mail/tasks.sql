-- The clock removes old mails, and leaves the list of addresses alone.
begin;
select plan(6);

update schedule.task set is_enabled = name = 'mail-trim';
delete from schedule.run where task = 'mail-trim';
select core.set_test_clock('2031-01-01 12:00:00+00');
select identity.create_account('Acme') as acme \gset
select mail.send(:'acme', '{old@example.org}', 'notice');
select mail.suppress('off@example.org');
select core.set_test_clock('2031-03-31 12:00:00+00');
select mail.send(:'acme', '{new@example.org}', 'notice');
select is(mail.trim_messages(), 0::bigint, 'mails of 89 days stay');
select core.set_test_clock('2031-04-02 12:00:00+00');
select is(test.turn_clock(), '{"mail-trim succeeded"}', 'the clock turns');
select is((select array_agg(m.address) from mail.message as m where m.account_id = :'acme'), '{new@example.org}', 'older ones go');
select throws_ok($$update core.setting set value = '0' where name = 'mail.keep_days'$$, '23514', null, 'no day is refused');
update core.setting set value = '1' where name = 'mail.keep_days';
select core.set_test_clock('2031-03-31 13:00:00+00');
select is(mail.trim_messages(), 0::bigint, 'a day is kept at least');
select is((select count(*) from mail.suppression as s where s.address = 'off@example.org'), 1::bigint, 'the list stays');

select * from finish();
rollback;
