begin;
select plan(10);

select is(core.now(), statement_timestamp(), 'the clock tells the begin of the statement');
select volatility_is('core', 'now', 'stable', 'which is stable');
select is(core.set_test_clock('2031-01-01 12:00:00+00'), '2031-01-01 12:00:00+00'::timestamptz, 'a test sets it');
select is(core.now(), '2031-01-01 12:00:00+00'::timestamptz, 'and it stands');
select is(core.real_now(), '2031-01-01 12:00:00+00'::timestamptz, 'as does that of the limits');
select set_config('levqor.now', '', true);
select core.load_test_clock();
select is(core.now(), '2031-01-01 12:00:00+00'::timestamptz, 'another session loads it');
select core.set_test_clock(null);
select is(core.now(), statement_timestamp(), 'it goes away again');
select core.load_test_clock();
select is(core.now(), statement_timestamp(), 'for others too');
select function_privs_are('core', 'set_test_clock', array['timestamptz'], 'levqor_server', '{}', 'no server sets it');
select function_privs_are('core', 'set_test_clock', array['timestamptz'], 'levqor_dba', '{}', 'no reader sets it');

select * from finish();
rollback;
