begin;
select plan(15);

select test.make_account('A') as a \gset
select core.set_test_clock('2031-01-01 12:00:00+00');
select core.set_caller(:'a', null, '01a1fe28-d477-77f6-a72a-000000000003', null, null, null, 'req_1');
select audit.record('things.do', 'thing_1', p_facts => '{"how": "well"}');
select is(
    (select to_jsonb(e) - 'id' from audit.entry as e where e.target = 'thing_1'),
    jsonb_build_object('account_id', :'a', 'happened_at', '2031-01-01T12:00:00+00:00', 'actor',
        'key_01a1fe28d47777f6a72a000000000003', 'action', 'things.do', 'target', 'thing_1', 'request_id', 'req_1',
        'facts', '{"how": "well"}'::jsonb),
    'an entry says who did what, when, to what, by which request'
);
select throws_ok(
    $$select audit.record('nonsense', 'thing_1')$$, '23514', null, 'an action is named domain.verb'
);

-- An account sees its own.
select test.make_account('B') as b \gset
select audit.record('things.do', 'thing_2', :'b');
set local role levqor_owner;
select test.act_for(:'a');
select is((select array_agg(e.target) from audit.entry as e where e.action = 'things.do'), '{thing_1}', 'an account sees its entries');
set local levqor.retention = 'on';
with gone as (delete from audit.entry where target = 'thing_2' returning id)
select is(count(*), 0::bigint, 'and touches no other') from gone;
set local levqor.retention = '';
reset role;

-- Coverage.
select is(audit.measure_coverage(), null, 'no sensitive call, no figure');
select r.id as route from http.route as r order by r.id limit 1 \gset
select audit.note_sensitive_calls(jsonb_build_array(
    jsonb_build_object('request', 'req_1', 'route', :route, 'actor', 'key_01a1fe28d47777f6a72a000000000003'),
    jsonb_build_object('request', 'req_2', 'route', :route, 'actor', 'key_01a1fe28d47777f6a72a000000000003'),
    jsonb_build_object('request', 'req_1', 'route', :route, 'actor', 'key_01a1fe28d47777f6a72a000000000004')
));
select is(audit.measure_coverage(), 33.33, 'one of three left an entry: another caller with the same request id did not');
select core.set_test_clock('2031-01-01 12:00:01+00');
select audit.note_sensitive_calls(jsonb_build_array(
    jsonb_build_object('request', 'req_1', 'route', :route, 'actor', 'key_01a1fe28d47777f6a72a000000000003')
));
select is(audit.measure_coverage(), 25.00, 'nor does the same caller with the same request id at another time');
select core.set_test_clock('2031-01-08 12:00:00+00');
select is(audit.measure_coverage(), 25.00, 'seven days are looked at');
select core.set_test_clock('2031-01-08 12:00:02+00');
select is(audit.measure_coverage(), null, 'and no more');

-- History.
select throws_ok(
    x.command, '42501', 'audit.entry is history: its rows stay as they are', 'refused: ' || x.command
)
from (values ('update audit.entry set target = null'), ('delete from audit.entry'), ('truncate audit.entry')) as x (command);
set local levqor.retention = 'on';
select throws_ok(
    'update audit.entry set target = null', '42501', 'audit.entry is history: its rows stay as they are',
    'data retention changes nothing either'
);
select lives_ok($$delete from audit.entry where target = 'thing_1'$$, 'but may delete');
select volatility_is('audit', 'measure_coverage', 'stable', 'measuring writes nothing');

select * from finish();
rollback;
