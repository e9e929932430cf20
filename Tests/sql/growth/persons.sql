-- Persons: merged with all that is theirs, and counted again; after any history the figures are those of a recount.
begin;
select plan(28);

select core.set_test_clock('2026-11-21 12:00:00+00');
select growth.make_partitions();
create temp table t on commit drop as select test.make_account('A') as a;
create function pg_temp.person(p_identifier text, p_is_anonymous boolean default false) returns bigint language sql as $$
    select i.person_id from growth.identifier as i, t
    where i.account_id = t.a and i.identifier = p_identifier and i.is_anonymous = p_is_anonymous
$$;

select is((growth.definition_of(a)).time_zone, 'UTC', 'an account without a definition counts in UTC') from t;
select is((growth.definition_of(a)).active_names, null, 'and every event') from t;
select growth.ingest_events(a, '[
    {"id": "1", "name": "visit", "anonymous_id": "x", "event_at": "2026-10-02T10:00:00Z"},
    {"id": "2", "name": "visit", "anonymous_id": "x", "event_at": "2026-11-03T10:00:00Z"},
    {"id": "3", "name": "visit", "user_id": "u", "event_at": "2026-11-03T09:00:00Z"},
    {"id": "4", "name": "visit", "user_id": "u", "event_at": "2026-11-05T09:00:00Z"}]') from t;
select isnt(pg_temp.person('x', true), pg_temp.person('u'), 'two persons');
create temp table p on commit drop as select pg_temp.person('x', true) as x, pg_temp.person('u') as u;
delete from growth.stale_day;
insert into growth.stale_person (account_id, person_id) select t.a, p.x from t, p;

-- A merge.
select is(growth.merge_persons(t.a, p.x, p.u), 2::bigint, 'two events are moved') from t, p;
select is(pg_temp.person('x', true), p.u, 'the identifier is the other''s') from p;
select is_empty('select from growth.person as o, p where o.person_id = p.x', 'the one goes');
select is(o.first_event_at, '2026-10-02 10:00:00+00', 'the first event is the earlier') from growth.person as o, p where o.person_id = p.u;
select set_eq(
    'select y.month, y.days from growth.activity as y, t where y.account_id = t.a',
    $$values ('2026-10-01'::date, 2), ('2026-11-01', 20)$$, 'activity is that of both'
);
select set_eq(
    'select distinct s.day from growth.stale_day as s',
    $$values ('2026-10-02'::date), ('2026-11-03'), ('2026-11-05')$$, 'all days of both are stale, as the cohort is another'
);
select is((select count(*) from growth.stale_person as s, t, p where s.account_id = t.a and s.person_id = p.u), 1::bigint, 'what had to be recounted has to be still');
select throws_ok(format('select growth.merge_persons(%L, %s, %s)', t.a, p.u, p.u), 'LQ422', 'a person cannot be merged with itself') from t, p;
select throws_ok(format('select growth.merge_persons(%L, %s, %s)', t.a, p.x, p.u), 'LQ404', 'no such person') from t, p;
select throws_ok(format('select growth.merge_persons(%L, %s, %s)', test.make_account('B'), p.u, p.x), 'LQ404', 'no such person') from p;

-- Counting again.
delete from growth.event as e using t where e.account_id = t.a and e.event_id in (growth.fold_id('1'), growth.fold_id('4'));
delete from growth.stale_day;
select growth.recount_person(t.a, p.u) from t, p;
select is(o.first_event_at, '2026-11-03 09:00:00+00', 'the first of the events that are left') from growth.person as o, p where o.person_id = p.u;
select set_eq('select y.month, y.days from growth.activity as y, t where y.account_id = t.a', $$values ('2026-11-01'::date, 4)$$, 'activity of these');
select set_eq('select distinct s.day from growth.stale_day as s', $$values ('2026-10-02'::date), ('2026-11-03'), ('2026-11-05')$$, 'days before and after are stale');
select is(i.seen_at, '2026-11-03 09:00:00+00', 'an event from then on cannot be the first')
from growth.identifier as i, t where i.account_id = t.a and i.is_anonymous;
select growth.ingest_events(a, '[{"id": "5", "name": "visit", "anonymous_id": "x", "event_at": "2026-10-20T10:00:00Z"}]') from t;
select is(o.first_event_at, '2026-10-20 10:00:00+00', 'and an earlier one is') from growth.person as o, p where o.person_id = p.u;

-- Months that are gone.
update growth.activity as y set days = 1073741823 from t where y.account_id = t.a and y.month = '2026-11-01';
insert into growth.activity (account_id, person_id, month, days) select t.a, p.u, '2024-09-01', 5 from t, p;
insert into growth.activity (account_id, person_id, month, days) select t.a, p.u, '2024-10-01', 5 from t, p;
update growth.person as o set first_event_at = '2024-09-01 01:00:00+00' from p where o.person_id = p.u;
select growth.recount_person(t.a, p.u) from t, p;
select is(o.first_event_at, '2024-09-01 01:00:00+00', 'a first event before the oldest month stays') from growth.person as o, p where o.person_id = p.u;
select set_eq(
    'select y.month, y.days from growth.activity as y, t where y.account_id = t.a',
    $$values ('2024-09-01'::date, 5), ('2026-10-01', 1 << 19), ('2026-11-01', 4)$$,
    'and so does activity up to the day before that begins'
);
delete from growth.event as e using t where e.account_id = t.a;
delete from growth.activity as y using t where y.account_id = t.a and y.month < '2025-01-01';
update growth.person as o set first_event_at = '2026-10-20 10:00:00+00' from p where o.person_id = p.u;
select growth.recount_person(t.a, p.u) from t, p;
select is(o.first_event_at, null, 'without events there is no first') from growth.person as o, p where o.person_id = p.u;
select is_empty('select from growth.activity as y, t where y.account_id = t.a', 'and no activity');
select lives_ok(format('select growth.recount_person(%L, 0)', a), 'nobody is no error') from t;

-- A merge while all is counted again: the one is counted already, the other is not.
create temp table r on commit drop as select test.make_account('R') as a;
select growth.ingest_events(a, '[
    {"id": "1", "name": "paid", "user_id": "ru", "event_at": "2026-11-03T10:00:00Z"},
    {"id": "2", "name": "visit", "anonymous_id": "rx", "event_at": "2026-11-05T10:00:00Z"}]') from r;
create temp table rp on commit drop as
select min(i.person_id) filter (where not i.is_anonymous) as ru, min(i.person_id) filter (where i.is_anonymous) as rx
from growth.identifier as i, r where i.account_id = r.a;
update rp set ru = rx, rx = ru where ru > rx;
select growth.set_definition(a, 'UTC', '{paid}') from r;
update growth.recount as c set after_person_id = growth.recount_persons(r.a, 0, 1) from r where c.account_id = r.a;
select growth.merge_persons(r.a, rp.rx, rp.ru) from r, rp;
select set_eq('select y.month, y.days from growth.activity as y, r where y.account_id = r.a', $$values ('2026-11-01'::date, 4)$$, 'activity is as it is said now');

-- Days of events that are no activity.
select growth.recount_step(a) from r;
select growth.ingest_events(a, '[{"id": "3", "name": "visit", "anonymous_id": "ry", "event_at": "2026-11-07T10:00:00Z"}]') from r;
delete from growth.stale_day as s using r where s.account_id = r.a;
select growth.merge_persons(r.a, i.person_id, rp.ru) from r, rp, growth.identifier as i where i.account_id = r.a and i.identifier = 'ry';
select set_has('select s.day from growth.stale_day as s, r where s.account_id = r.a', $$values ('2026-11-07'::date)$$, 'their persons are others');

-- Random histories: few names, many times, repeats, merges.
create temp table h on commit drop as select test.make_account('H') as a;
insert into growth.definition (account_id, time_zone, active_names) select h.a, 'America/St_Johns', '{visit,paid}' from h;
select setseed(0.17);
create temp table sent on commit drop as
select b.batch, g.n, jsonb_strip_nulls(jsonb_build_object(
    'id', floor(random() * 2500)::integer::text, 'name', (array['visit', 'paid', 'idle'])[1 + floor(random() * 3)::integer],
    'user_id', case when r.kind < 0.6 then 'u' || floor(random() * 12)::integer end,
    'anonymous_id', case when r.kind > 0.4 then 'a' || floor(random() * 60)::integer end,
    'event_at', timestamptz '2026-11-21 12:00:00+00' - random() * interval '70 days'
)) as event
from generate_series(1, 60) as b (batch)
cross join generate_series(1, 25) as g (n)
cross join lateral (select random() + 0 * b.batch * g.n as kind) as r;
select lives_ok(
    $$select growth.ingest_events(h.a, s.events) from h, (
        select s.batch, jsonb_agg(s.event order by s.n) as events from sent as s group by s.batch order by s.batch
    ) as s$$,
    'a random history'
);
create function pg_temp.differences() returns text language sql as $$
    select string_agg(d::text, ' ') from (
        (select y.person_id, y.month, y.days from growth.activity as y, h where y.account_id = h.a
        union all
        select p.person_id, p.first_event_at::date, date_part('epoch', p.first_event_at)::integer from growth.person as p, h where p.account_id = h.a)
        except
        (select e.person_id, date_trunc('month', d.day)::date, bit_or(1 << d.day::date - date_trunc('month', d.day)::date)
        from h, growth.event as e, lateral (select date_trunc('day', e.event_at at time zone 'America/St_Johns') as day) as d
        where e.account_id = h.a and e.name in ('visit', 'paid') group by 1, 2
        union all
        select e.person_id, min(e.event_at)::date, date_part('epoch', min(e.event_at))::integer from growth.event as e, h where e.account_id = h.a group by 1)
    ) as d
$$;
create function pg_temp.missing() returns bigint language sql as $$
    select count(*) from (
        select e.person_id, date_trunc('month', d.day)::date, 1 << d.day::date - date_trunc('month', d.day)::date as bit
        from h, growth.event as e, lateral (select date_trunc('day', e.event_at at time zone 'America/St_Johns') as day) as d
        where e.account_id = h.a and e.name in ('visit', 'paid')
    ) as w (person_id, month, bit)
    where not exists (select from growth.activity as y, h where y.account_id = h.a and y.person_id = w.person_id and y.month = w.month and y.days & w.bit = w.bit)
$$;
select is(row(pg_temp.differences(), pg_temp.missing())::text, '(,0)', 'activity and first events are those of a plain recount');
-- The model: events one by one, in plain plpgsql, with no statement of the product.
create temp table model (event_id text primary key, person text) on commit drop;
create temp table alias (anonymous_id text primary key, person text) on commit drop;
do $$
declare
    v_sent record;
    v_person text;
begin
    for v_sent in select s.event ->> 'id' as id, s.event ->> 'user_id' as u, s.event ->> 'anonymous_id' as a from sent as s order by s.batch, s.n loop
        continue when exists (select from model as m where m.event_id = v_sent.id);
        if v_sent.a is not null and not exists (select from alias as l where l.anonymous_id = v_sent.a) then
            insert into alias values (v_sent.a, 'anonymous ' || v_sent.a);
        end if;
        if v_sent.u is not null and v_sent.a is not null then
            update model as m set person = v_sent.u where m.person = 'anonymous ' || v_sent.a;
            update alias as l set person = v_sent.u where l.anonymous_id = v_sent.a and l.person like 'anonymous %';
        end if;
        v_person := coalesce(v_sent.u, (select l.person from alias as l where l.anonymous_id = v_sent.a));
        insert into model values (v_sent.id, v_person);
    end loop;
end;
$$;
select set_eq(
    $$select array_agg(m.event_id order by m.event_id) from model as m group by m.person$$,
    $$select array_agg(s.id order by s.id) from h, growth.event as e, (select distinct event ->> 'id' as id from sent) as s
        where e.account_id = h.a and e.event_id = growth.fold_id(s.id) group by e.person_id$$,
    'events belong to the persons that a plain model gives them'
);

select * from finish();
rollback;
