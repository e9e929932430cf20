-- Funnels over HTTP.
begin;
select plan(14);
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b;
create temp table k on commit drop as select test.make_key(a) as a, test.make_key(b) as b, test.make_key(b, '{jobs:work}') as weak from t;
select growth.make_month('2026-01-01');
select core.set_test_clock('2026-01-31 12:00+00');
insert into growth.person (account_id, person_id) overriding system value select t.a, n from t, generate_series(1, 3) as n;
insert into growth.event (account_id, person_id, event_at, event_id, name, source, properties)
select t.a, e.person, e.at, gen_random_uuid(), e.name, e.source, '{"plan": "pro"}'
from t, (values
    (1, timestamptz '2026-01-05 10:00+00', 'visit', 'ads'), (1, timestamptz '2026-01-05 10:00:30+00', 'paid', 'ads'),
    (2, timestamptz '2026-01-06 10:00+00', 'visit', 'mail'), (3, timestamptz '2026-01-07 00:00+00', 'visit', 'mail')
) as e (person, at, name, source);

select is(
    c.body -> 'steps', '[
        {"breakdown": null, "is_rest": false, "step": 1, "name": "visit", "is_optional": false, "entered": 3, "converted": 3,
            "from_first": 1.0, "from_previous": 1.0, "median_seconds_from_first": null, "p90_seconds_from_first": null,
            "median_seconds_from_previous": null, "p90_seconds_from_previous": null, "dropped": 2, "incomplete": 0, "excluded": 0},
        {"breakdown": null, "is_rest": false, "step": 2, "name": "paid", "is_optional": false, "entered": 3, "converted": 1,
            "from_first": 0.333333, "from_previous": 0.333333, "median_seconds_from_first": 30, "p90_seconds_from_first": 30,
            "median_seconds_from_previous": 30, "p90_seconds_from_previous": 30, "dropped": 0, "incomplete": 0, "excluded": 0}]'::jsonb,
    'a funnel by GET: the last 30 days'
) from k, test.call('GET', '/api/v1/analytics/funnel?steps=visit,paid', k.a) as c;
select is(c.body - 'steps', '{"from": "2026-01-05", "to": "2026-01-06", "time_zone": "UTC", "window_seconds": 60, "kind": "ordered"}',
    'the question is told')
from k, test.call('GET', '/api/v1/analytics/funnel?steps=visit,paid&from=2026-01-05&to=2026-01-06&window_seconds=60', k.a) as c;
select is(c.body #>> '{steps,0,converted}', '2', 'the last day is within')
from k, test.call('GET', '/api/v1/analytics/funnel?steps=visit,paid&from=2026-01-05&to=2026-01-06', k.a) as c;
select is(c.body #>> '{steps,0,converted}', '0', 'another account has none')
from k, test.call('GET', '/api/v1/analytics/funnel?steps=visit,paid', k.b) as c;
select is(c.status, 403, 'a key that may not read is refused')
from k, test.call('GET', '/api/v1/analytics/funnel?steps=visit', k.weak) as c;
select is(c.status, 401, 'and so is nobody') from test.call('GET', '/api/v1/analytics/funnel?steps=visit', null) as c;
select is(c.status, 422, 'what has no answer is refused')
from k, test.call('GET', '/api/v1/analytics/funnel?steps=visit&breakdown=x', k.a) as c;
select is(
    (select string_agg(concat_ws(' ', s ->> 'breakdown', s ->> 'name', s ->> 'converted'), ', ')
    from jsonb_array_elements(c.body -> 'steps') as s),
    'mail visit 2, mail paid 0, ads visit 1, ads paid 1', 'by POST, with filters and a breakdown'
) from k, test.call('POST', '/api/v1/analytics/funnel', k.a, '{"steps": [{"name": "visit", "filters": {"plan": "pro"}}, {"name": "paid"}],
    "breakdown": "source"}') as c;
select is(split_part(c.raw, E'\r\n', 3), ',false,2,paid,false,3,1,0.333333,0.333333,30,30,30,30,0,0,0', 'as CSV')
from k, test.call_many(jsonb_build_array(jsonb_build_object(
    'method', 'GET', 'path', '/api/v1/analytics/funnel', 'key', k.a, 'parameters', '{"steps": "visit,paid", "accept": "text/csv"}'
))) as c;
select matches(c.headers ->> 'Content-Type', '^text/csv', 'and says so')
from k, test.call_many(jsonb_build_array(jsonb_build_object(
    'method', 'GET', 'path', '/api/v1/analytics/funnel', 'key', k.a, 'parameters', '{"steps": "visit,paid", "accept": "text/csv"}'
))) as c;

select is(
    c.body, '{"next": "2", "persons": [{"person_id": 2, "user_id": null, "outcome": "dropped", "step": 1, "name": "visit",
        "entered_at": "2026-01-06T10:00:00+00:00", "reached_at": "2026-01-06T10:00:00+00:00"}]}', 'who dropped, in pages'
) from k, test.call('POST', '/api/v1/analytics/funnel/persons', k.a, '{"steps": [{"name": "visit"}, {"name": "paid"}], "limit": 1}') as c;
select is(c.body #>> '{persons,0,person_id}' || coalesce(c.body ->> 'next', ' end'), '3 end', 'the last one')
from k, test.call('POST', '/api/v1/analytics/funnel/persons', k.a,
    '{"steps": [{"name": "visit"}, {"name": "paid"}], "limit": 1, "after": "2"}') as c;
select is(c.status, 422, 'a cursor that is none')
from k, test.call('POST', '/api/v1/analytics/funnel/persons', k.a, '{"steps": [{"name": "visit"}], "after": "x"}') as c;
select is(c.body -> 'persons', '[]', 'another account has nobody')
from k, test.call('POST', '/api/v1/analytics/funnel/persons', k.b, '{"steps": [{"name": "visit"}], "outcome": "any"}') as c;

select * from finish();
rollback;
