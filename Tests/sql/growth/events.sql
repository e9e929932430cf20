-- Events come in: each once, in any order, counted at once.
begin;
select plan(42);

select core.set_test_clock('2026-11-21 12:00:00+00');
select growth.make_partitions();
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
create temp table k on commit drop as select test.make_key(a) as a, test.make_key(b, '{jobs:read}') as weak from t;

-- One event.
select is(
    row(i.accepted, i.duplicates, i.refused)::text, '(1,{},{})', 'one is added'
) from t, growth.ingest_events(t.a, '[{"id": "e1", "name": "visit", "anonymous_id": "a1", "source": "news", "campaign": "c",
    "medium": "m", "origin": "web", "is_consented": false, "properties": {"p": [1]}, "event_at": "2026-11-20T23:30:00-01:00"}]') as i;
select is(
    to_jsonb(e) - '{account_id,person_id,seq,event_id}'::text[],
    '{"event_at": "2026-11-21T00:30:00+00:00", "name": "visit", "source": "news", "campaign": "c", "medium": "m", "origin": "web",
        "is_consented": false, "properties": {"p": [1]}, "received_at": "2026-11-21T12:00:00+00:00"}',
    'with all that it says'
) from t, growth.event as e where e.account_id = t.a;
select is(
    row(p.user_id, p.first_event_at)::text, '(,"2026-11-21 00:30:00+00")', 'its person begins with it'
) from t, growth.person as p where p.account_id = t.a;
select is(row(y.month, y.days::bit(31))::text, format('(2026-11-01,%s)', (1 << 20)::bit(31)), 'and is active on that day')
from t, growth.activity as y where y.account_id = t.a;
select is(array_agg(s.day), '{2026-11-21}', 'whose rollups are stale') from t, growth.stale_day as s where s.account_id = t.a;

-- Repeats.
select is(row(i.accepted, i.duplicates, i.refused)::text, '(1,"{0,2}",{})', 'a repeat, also with another time, is a duplicate; so is one in the batch')
from t, growth.ingest_events(t.a, '[{"id": "e1", "name": "visit", "anonymous_id": "a1", "origin": "web", "event_at": "2026-11-03T00:00:00Z"},
    {"id": "e2", "name": "visit", "anonymous_id": "a1", "origin": "web"}, {"id": "e2", "name": "paid", "anonymous_id": "a9", "origin": "web"}]') as i;
select is(i.accepted, 1, 'another origin has ids of its own')
from t, growth.ingest_events(t.a, '[{"id": "e1", "name": "visit", "anonymous_id": "a1"}]') as i;
select is(i.accepted, 1, 'and another account')
from t, growth.ingest_events(t.b, '[{"id": "e1", "name": "visit", "anonymous_id": "a1", "origin": "web"}]') as i;
select is((select count(*) from t, growth.identifier as i where i.account_id = t.a and i.identifier = 'a9'), 0::bigint, 'a duplicate names nobody');
select core.set_test_clock('2026-12-23 23:00:00+00');
select is(i.duplicates, '{0}', '32 days later it is a duplicate still')
from t, growth.ingest_events(t.a, '[{"id": "e2", "name": "visit", "anonymous_id": "a1", "origin": "web"}]') as i;
select core.set_test_clock('2026-12-24 00:00:00+00');
select is(i.accepted, 1, 'after that it is new')
from t, growth.ingest_events(t.a, '[{"id": "e2", "name": "visit", "anonymous_id": "a1", "origin": "web"}]') as i;

-- Ids with a time: they are looked for from the day before it.
select core.set_test_clock('2026-11-21 12:00:00+00');
create temp table v7 on commit drop as
select n.hours, overlay(jobs.first_id_at('2026-11-21 12:00:00+00'::timestamptz + make_interval(hours => n.hours))::text placing '7' from 15 for 1)::uuid as id
from unnest('{0,-24,-48,-400,-1000,23,25}'::integer[]) as n (hours);
select growth.make_arrival_day(d.day) from unnest('{2026-11-20,2026-11-19,2026-11-04}'::date[]) as d (day);
insert into growth.arrival (account_id, origin, event_id, arrived_on, event_at)
select t.b, 'api', v.id, d.day, '2026-11-01'
from t, v7 as v, lateral (values (0, '2026-11-20'::date), (-24, '2026-11-19'), (-400, '2026-11-04')) as d (hours, day)
where d.hours = v.hours;
select is(row(i.accepted, i.duplicates, i.refused, i.reasons)::text, '(3,"{0,1,3}",{6},{id-in-the-future})', 'each is found where it may be; one of tomorrow night is refused')
from t, lateral (
    select jsonb_agg(jsonb_build_object('id', v.id, 'name', 'x', 'user_id', 'u') order by array_position('{0,-24,-48,-400,-1000,23,25}', v.hours)) as events from v7 as v
) as e, growth.ingest_events(t.b, e.events) as i;
select is(row(i.accepted, i.duplicates)::text, '(1,{0})', 'one that came yesterday, from a clock ahead, is found among ids of today alone')
from t, lateral (
    select jsonb_agg(jsonb_build_object('id', e.id, 'name', 'x', 'user_id', 'u') order by e.place)
    from (
        select 1 as place, v.id from v7 as v where v.hours = 0
        union all
        select 2, overlay(jobs.first_id_at('2026-11-21 11:00:00+00')::text placing '7' from 15 for 1)::uuid
    ) as e
) as e (events), growth.ingest_events(t.b, e.events) as i;
select is(row(i.accepted, i.duplicates)::text, '(1,{})', 'another origin''s is none')
from t, lateral (
    select jsonb_build_array(jsonb_build_object('id', v.id, 'name', 'x', 'user_id', 'u', 'origin', 'other')) from v7 as v where v.hours = 0
) as e (events), growth.ingest_events(t.b, e.events) as i;

-- Refusals.
select is(
    row(i.accepted, i.duplicates, i.refused, i.reasons)::text,
    '(2,{},"{1,2,3,5}","{too-old,in-the-future,nobody-named,properties-too-large}")', 'one bad event never loses the others'
) from t, lateral (select jsonb_build_array(
    '{"id": "r0", "name": "x", "user_id": "u0"}'::jsonb,
    '{"id": "r1", "name": "x", "user_id": "u1", "event_at": "2024-09-30T23:59:59Z"}'::jsonb,
    '{"id": "r2", "name": "x", "user_id": "u2", "event_at": "2026-11-22T12:00:01Z"}'::jsonb,
    '{"id": "r3", "name": "x"}'::jsonb,
    '{"id": "r4", "name": "x", "user_id": "u0", "event_at": "2024-10-01T00:00:00Z"}'::jsonb,
    jsonb_build_object('id', 'r5', 'name', 'x', 'user_id', 'u5', 'properties', jsonb_build_object('long', repeat('x', 8200)))
) as events) as e, growth.ingest_events(t.b, e.events) as i;
select is((select count(*) from t, growth.identifier as i where i.account_id = t.b and i.identifier in ('u1', 'u2', 'u5')), 0::bigint, 'those who are refused name nobody');
select is((select count(*) from t, growth.arrival as r where r.account_id = t.b and r.event_id = growth.fold_id('r1')), 0::bigint, 'and may come again');
select is((select p.first_event_at from t, growth.person as p, growth.identifier as i where i.account_id = t.b and i.identifier = 'u0'
    and p.account_id = t.b and p.person_id = i.person_id), '2024-10-01 00:00:00+00', 'an earlier event moves the first');
select is(i.refused, '{0}', 'a batch of nothing but bad ones adds nothing')
from t, growth.ingest_events(t.b, '[{"id": "r9", "name": "x", "user_id": "u1", "event_at": "2020-01-01T00:00:00Z"}]') as i;
select is(i.accepted, 1, '8 KiB of properties are taken')
from t, growth.ingest_events(t.b, jsonb_build_array(jsonb_build_object('id', 'p8', 'name', 'x', 'user_id', 'u5', 'properties', jsonb_build_object('l', repeat('x', 8183))))) as i;
select is(row(i.accepted, i.reasons)::text, '(1,{properties-too-large})', 'a number has the digits that it is written with')
from t, growth.ingest_events(t.b, '[{"id": "p9", "name": "x", "user_id": "u5", "properties": {"n": 1e8200}},
    {"id": "p10", "name": "x", "user_id": "u5", "properties": {"n": 1e800}}]') as i;

drop table growth.event_202410;
select is(i.reasons, '{too-old}', 'events of a month that was dropped are too old')
from t, growth.ingest_events(t.b, '[{"id": "d1", "name": "x", "user_id": "u1", "event_at": "2024-10-05T00:00:00Z"}]') as i;
select is(to_regclass('growth.event_202410'), null, 'and do not bring it back');
drop table growth.event_202609;
drop table growth.arrival_20261121;
select is(i.accepted, 1, 'a month that is missing, and a day, are made')
from t, growth.ingest_events(t.b, '[{"id": "d2", "name": "x", "user_id": "u1", "event_at": "2026-09-05T00:00:00Z"}]') as i;

-- Shape.
select throws_ok(format('select growth.ingest_events(%L, %L)', t.a, e.events), 'LQ422', null, e.what)
from t, (values
    ('{}', 'no array'), ('[]', 'none'), ('[{"id": "s1", "user_id": "u"}]', 'without a name'), ('[{"name": "x", "user_id": "u"}]', 'without an id'),
    ('[{"id": "s1", "name": "x", "user_id": ""}]', 'with an empty user_id'), ('[{"id": "s1", "name": "x", "user_id": "u", "event_at": "soon"}]', 'with no time'),
    ('[{"id": "s1", "name": "x", "user_id": "u", "event_at": "0000-01-01T00:00:00Z"}]', 'with a time that is none'),
    ('[{"id": "s1", "name": "x", "user_id": "u", "properties": [1]}]', 'with properties that are no object')
) as e (events, what);
select throws_ok($$select growth.ingest_events(null, '[{"id": "s1", "name": "x", "user_id": "u"}]')$$, 'LQ422', null, 'without an account');

-- Time zone and names that make active.
insert into growth.definition (account_id, time_zone, active_names) select t.b, 'Pacific/Auckland', '{active}' from t;
delete from growth.stale_day;
select is(i.accepted, 2, 'two events')
from t, growth.ingest_events(t.b, '[{"id": "z1", "name": "active", "user_id": "z", "event_at": "2026-10-31T11:30:00Z"},
    {"id": "z2", "name": "visit", "user_id": "z", "event_at": "2026-11-05T11:30:00Z"}]') as i;
select set_eq(
    $$select y.month, y.days from t, growth.activity as y, growth.identifier as i where y.account_id = t.b and i.account_id = t.b
        and i.identifier = 'z' and i.person_id = y.person_id$$,
    $$values ('2026-11-01'::date, 1)$$, 'a person is active by the names of the definition, on the days of its time zone'
);
select set_eq('select distinct s.day from growth.stale_day as s', $$values ('2026-11-01'::date), ('2026-11-06')$$, 'stale are all days with events');

-- HTTP.
select is(c.body, '{"accepted": 1, "duplicates": [], "rejected": []}', 'one event over HTTP')
from k, test.call('POST', '/api/v1/events', k.a, '{"id": "h1", "name": "visit", "user_id": "h"}') as c;
select is(
    c.body, '{"accepted": 1, "duplicates": [{"index": 0, "id": "h1"}], "rejected": [{"index": 2, "id": "h3", "reason": "too-old"}]}',
    'a batch over HTTP'
) from k, test.call('POST', '/api/v1/events', k.a, '{"events": [{"id": "h1", "name": "visit", "user_id": "h"},
    {"id": "h2", "name": "visit", "user_id": "h"}, {"id": "h3", "name": "visit", "user_id": "h", "event_at": "2001-01-01T00:00:00Z"}]}') as c;
select is(c.status, 403, 'a key that may not send is refused') from k, test.call('POST', '/api/v1/events', k.weak, '{"id": "h1", "name": "visit", "user_id": "h"}') as c;
select is(c.status, 401, 'and so is nobody') from test.call('POST', '/api/v1/events', null, '{"id": "h1", "name": "visit", "user_id": "h"}') as c;
select is(c.status, 422, 'a bad shape is refused') from k, test.call('POST', '/api/v1/events', k.a, '{"id": "h4", "user_id": "h"}') as c;
select is((select count(*) from growth.event as e, t where e.account_id = t.a and e.event_id in (growth.fold_id('h1'), growth.fold_id('h2'))), 2::bigint, 'each is there once');

select * from finish();
rollback;
