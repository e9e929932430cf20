-- Analytics over HTTP: the answers of the functions, in pages, as JSON and CSV.
begin;
select plan(31);

select core.set_test_clock('2026-03-20 12:00Z');
create temp table t on commit drop as select test.make_account('A') as a, test.make_account('B') as b, identity.operator_account() as o;
create temp table k on commit drop as
select test.make_key(t.a) as a, test.make_key(t.b) as b, test.make_key(t.b, '{jobs:work}') as weak, test.make_key(t.o, '{platform}') as o, core.show_id('acct', t.a) as id from t;
select setseed(0.1);
select growth.ingest_events(t.a, (
    select jsonb_agg(jsonb_build_object(
        'id', gen_random_uuid(), 'name', 'visit', 'user_id', 'u' || floor(random() * 12), 'source', (array['ads', 'e-mail~x'])[1 + n % 2],
        'event_at', timestamptz '2026-03-20 11:00Z' - random() * interval '40 days'
    )) from generate_series(1, 120) as n
)) from t;

-- Cohorts.
create temp table whole on commit drop as select c.* from k, test.call('GET', '/api/v1/analytics/cohorts?from=2026-02-09&periods=3', k.a) as c;
select is(w.status, 200, 'cohorts') from whole as w;
select is(
    (select jsonb_agg(jsonb_build_array(c.value ->> 'cohort_start', c.value ->> 'dimension', (c.value ->> 'size')::bigint, p.value) order by c.place, p.place)
        from jsonb_array_elements(w.body -> 'cohorts') with ordinality as c (value, place), jsonb_array_elements(c.value -> 'periods') with ordinality as p (value, place)),
    (select jsonb_agg(jsonb_build_array(r.cohort_start::text, r.dimension, r.size, jsonb_build_object('period', r.period, 'persons', r.persons, 'rate', r.rate, 'is_mature', r.is_mature)))
        from growth.cohort_retention(t.a, 'week', '2026-02-09', p_periods => 3) as r), 'are those of the function'
) from whole as w, t;
select is(w.body - 'cohorts', '{"period": "week", "time_zone": "UTC", "next": null}', 'all on one page') from whole as w;
select matches(w.headers ->> 'ETag', '^"[0-9a-f]{32}"$', 'with an ETag') from whole as w;
select is(c.headers ->> 'ETag', w.headers ->> 'ETag', 'the same for the same answer') from k, whole as w, test.call('GET', '/api/v1/analytics/cohorts?from=2026-02-09&periods=3', k.a) as c;
select isnt(c.headers ->> 'ETag', w.headers ->> 'ETag', 'another as CSV') from k, whole as w, test.call('GET', '/api/v1/analytics/cohorts?from=2026-02-09&periods=3&accept=text/csv', k.a) as c;
select is(w.headers ->> 'Vary', 'Accept', 'which depends on Accept') from whole as w;
create function pg_temp.pages(p_path text, p_member text, p_key text) returns jsonb language plpgsql as $$
declare
    v_next text;
    v_all jsonb := '[]';
    v_answer record;
begin
    for i in 1 .. 300 loop
        select c.body, c.headers into v_answer
        from test.call('GET', p_path, p_key, p_context => '{}') as c
        where v_next is null
        union all
        select c.body, c.headers
        from test.call_many(jsonb_build_array(jsonb_build_object('method', 'GET', 'path', p_path || '&after=' || v_next, 'key', p_key))) as c
        where v_next is not null;
        v_all := v_all || (v_answer.body -> p_member);
        v_next := v_answer.body ->> 'next';
        if v_answer.headers ? 'Link' <> (v_next is not null) then
            raise exception 'Link and next do not fit';
        end if;
        exit when v_next is null;
    end loop;
    return v_all;
end;
$$;
select is(pg_temp.pages('/api/v1/analytics/cohorts?from=2026-02-09&periods=3&limit=2', 'cohorts', k.a), w.body -> 'cohorts', 'page by page it is the same') from k, whole as w;
select is(
    pg_temp.pages('/api/v1/analytics/cohorts?from=2026-02-09&dimension=source&limit=1', 'cohorts', k.a), c.body -> 'cohorts', 'also by source'
) from k, test.call('GET', '/api/v1/analytics/cohorts?from=2026-02-09&dimension=source', k.a) as c;
select is(c.headers ->> 'Link', '</api/v1/analytics/cohorts?clock=rolling&from=2026-02-09&kind=recurring&limit=1&period=week&return=on&after=2026-02-09>; rel="next"', 'the link asks the same')
from k, test.call('GET', '/api/v1/analytics/cohorts?from=2026-02-09&kind=recurring&clock=rolling&limit=1', k.a) as c;
select is(
    c.raw, (select E'cohort_start,dimension,size,period,persons,rate,is_mature\r\n' || string_agg(format(E'%s,,%s,%s,%s,%s,%s\r\n', r.cohort_start, r.size, r.period, r.persons, r.rate, r.is_mature::text), '' order by r.cohort_start, r.period)
        from growth.cohort_retention(t.a, 'week', '2026-02-09', p_periods => 3) as r), 'as CSV, a line a cell'
) from k, t, test.call('GET', '/api/v1/analytics/cohorts?from=2026-02-09&periods=3&accept=text/csv', k.a) as c;
select is(c.body -> 'averages', (select jsonb_agg(to_jsonb(r)) from growth.cohort_average(t.a, 'week', '2026-02-09', p_periods => 3) as r), 'the average')
from k, t, test.call('GET', '/api/v1/analytics/cohorts?from=2026-02-09&periods=3&average=true', k.a) as c;
select is((select sum((x ->> 'size')::integer) from jsonb_array_elements(c.body -> 'cohorts') as x), 0::bigint, 'another account has none') from k, test.call('GET', '/api/v1/analytics/cohorts', k.b) as c;
select is(c.body -> 'cohorts', w.body -> 'cohorts', 'the platform in its name') from k, whole as w, test.call('GET', '/api/v1/analytics/cohorts?from=2026-02-09&periods=3', k.o, p_context => jsonb_build_object('account', k.id)) as c;
select is(c.status || ' ' || (c.body ->> 'detail'), v.wanted, v.query)
from k, (values
    ('from=2026-03-01&to=2026-02-01', '422 The range ends before it begins. It begins on 2026-03-01 and ends on 2026-02-01.'),
    ('period=day&from=2020-01-01', '422 The range is too long. It has more than 400 cohorts.'), ('dimension=shoe', '404 No such dimension.'),
    ('after=x', '422 "after" names no cohort.')
) as v (query, wanted), test.call('GET', '/api/v1/analytics/cohorts?' || v.query, k.a) as c;

-- Activity and lifecycle.
select is(c.body -> 'days', (select jsonb_agg(to_jsonb(d)) from growth.activity_by_day(t.a, '2026-02-19', '2026-03-20') as d), 'activity of the last 30 days')
from k, t, test.call('GET', '/api/v1/analytics/activity', k.a) as c;
select is(pg_temp.pages('/api/v1/analytics/activity?from=2026-03-01&limit=7&dimension=source', 'days', k.a), c.body -> 'days', 'page by page, by source')
from k, test.call('GET', '/api/v1/analytics/activity?from=2026-03-01&dimension=source', k.a) as c;
select matches(c.raw, E'^day,value,dau,wau,mau,wau_calendar,mau_calendar,stickiness\r\n2026-03-19,,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9.]*\r\n2026-03-20,.*\r\n$', 'as CSV')
from k, test.call('GET', '/api/v1/analytics/activity?from=2026-03-19&accept=text/csv', k.a) as c;
select is(c.body -> 'periods', (select jsonb_agg(to_jsonb(l)) from growth.lifecycle(t.a, '2026-02-09', '2026-03-20', 'week') as l), 'lifecycle')
from k, t, test.call('GET', '/api/v1/analytics/lifecycle?from=2026-02-09&period=week', k.a) as c;
select is(pg_temp.pages('/api/v1/analytics/lifecycle?from=2026-02-09&period=week&limit=2', 'periods', k.a), c.body -> 'periods', 'page by page')
from k, test.call('GET', '/api/v1/analytics/lifecycle?from=2026-02-09&period=week', k.a) as c;
select matches(c.raw, E'^starts_on,value,new_persons,returning_persons,resurrecting_persons,dormant_persons\r\n', 'as CSV')
from k, test.call('GET', '/api/v1/analytics/lifecycle?accept=text/csv', k.a) as c;
select is(c.status, 422, v.path)
from k, (values ('activity?from=2026-03-01&to=2026-02-01'), ('activity?from=2019-01-01'), ('activity?after=x'), ('lifecycle?from=2019-01-01')) as v (path), test.call('GET', '/api/v1/analytics/' || v.path, k.a) as c;
select is(c.status, v.status, v.path || ' without the right')
from k, lateral (values (k.weak, 403, 'cohorts'), (k.weak, 403, 'activity'), (null, 401, 'lifecycle')) as v (key, status, path), test.call('GET', '/api/v1/analytics/' || v.path, v.key) as c;

select * from finish();
rollback;
