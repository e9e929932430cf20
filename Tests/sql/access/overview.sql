-- The access record as figures.
begin;
select plan(6);

delete from access.request;
select test.make_account('A') as a \gset
create temp table c on commit drop as select now() as at, (now() at time zone 'UTC')::date as day;
grant select on c to public;
select access.record_many(
    'one', 0, array_fill(at, '{100}'), array(select 'request-' || n from generate_series(1, 100) as n), array_fill(:'a'::uuid, '{100}'), '{}',
    array_fill('GET /x'::text, '{60}') || array_fill('none'::text, '{40}'),
    array_fill(200, '{50}') || array_fill(204, '{5}') || array_fill(503, '{5}') || array_fill(404, '{40}'),
    array(select n * 1000 from generate_series(1, 100) as n), array_fill(10::bigint, '{100}'), array_fill(20::bigint, '{100}'), '{}', '{}', '{}', '{}'
) from c;
select access.make_day(day - 1) from c;
insert into access.request (at, account_id, micros, bytes_in, bytes_out, status, request_id, route)
select c.day::timestamp at time zone 'UTC' - interval '1 microsecond', :'a', 7, 0, 0, 200, 'request-before', 'GET /x' from c;

select test.become('levqor_dba');
select results_eq(
    $$select o.route, o.status_class, o.requests, o.mean_ms, o.p50_ms, o.p95_ms, o.bytes_in, o.bytes_out from access.overview as o, c where o.day = c.day order by 1, 2$$,
    $$values ('GET /x', '2xx', 55::bigint, 28.00::numeric, 28.00::numeric, 53.00::numeric, 550::numeric, 1100::numeric),
        ('GET /x', '5xx', 5, 58.00, 58.00, 60.00, 50, 100), ('none', '4xx', 40, 80.50, 80.00, 98.00, 400, 800)$$, 'a day in figures'
);
select is((select sum(o.requests) from access.overview as o), 101::numeric, 'all days');
select is(
    (select o.requests from access.overview as o, c where o.day = c.day - 1 and o.mean_ms = 0.01), 1::bigint, 'each by itself'
);
select is_empty($$select from access.overview where day = '1999-01-01'$$, 'a day that has no partition has no figures');
select test.become('levqor_server');
select throws_ok('select from access.overview', '42501', null, 'it is not for servers');
select test.become('levqor_owner');
select test.act_for(null);
select is_empty('select from access.overview', 'nobody sees figures of all');
select test.become('none');

select * from finish();
rollback;
