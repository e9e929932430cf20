-- Random histories with erasures: whatever comes, late, twice, of persons who turn out to be one, erased in one go or in steps, held
-- or come again, every figure is that of a plain recount of the events that are left, and nothing of the erased is.
--
-- Other histories: psql -v seed=0.42. The seed is told when a figure is wrong.
\if :{?seed} \else
\set seed 0.1
\endif
begin;
select plan(13);
set local levqor.machinery = 'on';
select core.set_test_clock('2026-03-20 12:00:00+00');
select setseed(:seed);
update core.setting set value = '25' where name = 'privacy.erase_rows';

create temp table a (n integer, id uuid) on commit drop;
insert into a select n, test.make_account('history ' || n) from generate_series(1, 3) as n;
insert into growth.definition (account_id, time_zone, active_names)
select a.id, case a.n when 2 then 'Pacific/Auckland' else 'America/New_York' end, case a.n when 3 then '{buy,pay}'::text[] end from a where a.n > 1;
select growth.add_dimension(a.id, 'source', p_column => 'source') from a;
do $$ declare v_account uuid; begin
    for v_account in select a.id from a loop
        while exists (select from growth.recount as r where r.account_id = v_account) loop perform growth.recount_step(v_account); end loop;
        while growth.count_dimension_step(v_account, 'source') loop end loop;
    end loop;
end $$;
create temp table log (id integer generated always as identity, what text, who text) on commit drop;

create function pg_temp.pick(p_n integer) returns integer language sql volatile as 'select floor(random() * p_n)::integer';
create function pg_temp.step(p_n integer) returns void language plpgsql as $$
declare
    v_account uuid := (select a.id from a order by random() limit 1);
    v_who text := 'p' || pg_temp.pick(12);
    -- Two of them never come.
    v_gone text := 'p' || pg_temp.pick(14);
    v_what float := random();
    v_events jsonb;
    v_hold uuid;
    v_state text;
begin
    if v_what < 0.7 then
        -- Some on a day long ago, some twice, some that make a browser and a person one.
        select jsonb_agg(jsonb_build_object(
            'id', case when random() < 0.1 then 'twice' || pg_temp.pick(20) else format('e%s-%s', p_n, n) end,
            'name', (array['visit', 'buy', 'pay', 'signup'])[1 + pg_temp.pick(4)], 'source', (array['ad', 'mail', 'direct'])[1 + pg_temp.pick(3)],
            'event_at', core.now() - make_interval(secs => floor(random() * 86400 * case when random() < 0.3 then 75 else 6 end))
        ) || case pg_temp.pick(4)
            when 0 then jsonb_build_object('anonymous_id', 'b' || pg_temp.pick(15))
            when 1 then jsonb_build_object('anonymous_id', 'b' || pg_temp.pick(15), 'user_id', v_who)
            else jsonb_build_object('user_id', 'p' || pg_temp.pick(12)) end)
        into v_events
        from generate_series(1, 1 + pg_temp.pick(30)) as n;
        perform growth.ingest_events(v_account, v_events);
        insert into log (what, who) values ('events', null);
    elsif v_what < 0.78 then
        perform growth.roll_up(v_account);
        insert into log (what, who) values ('roll up', null);
    elsif v_what < 0.83 then
        perform core.set_test_clock(core.now() + make_interval(hours => pg_temp.pick(60)));
        perform privacy.remove_late_events();
        insert into log (what, who) values ('late', null);
    else
        if random() < 0.25 then
            select (privacy.place_hold('case', p_account_id => i.account_id, p_person_id => i.person_id)).id into v_hold
            from growth.identifier as i where i.account_id = v_account and not i.is_anonymous and i.identifier = v_gone;
        end if;
        begin
            v_state := privacy.erase_person(
                p_account_id => v_account, p_identifier => v_gone, p_is_dry_run => false, p_seconds => case when random() < 0.5 then 0 else 10 end
            ) ->> 'state';
            -- In steps, with other things between them.
            if v_state = 'running' then
                perform privacy.erase_due();
                perform growth.roll_up(v_account);
                perform growth.ingest_events(v_account, jsonb_build_array(jsonb_build_object(
                    'id', 'mid' || p_n, 'name', 'buy', 'user_id', v_gone, 'event_at', core.now() - interval '1 minute' * pg_temp.pick(9000)
                )));
                for i in 1 .. 200 loop
                    exit when privacy.erase_due() ->> 'more' = 'false';
                end loop;
                v_state := 'in steps';
            end if;
        exception
            when sqlstate 'LQ404' then
                v_state := 'nobody';
            when sqlstate 'LQHLD' then
                v_state := 'refused';
        end;
        insert into log (what, who) values ('erase ' || v_state, v_gone);
        if v_hold is not null then
            perform privacy.release_hold(v_hold);
        end if;
    end if;
end $$;
select pg_temp.step(n) from generate_series(1, 120) as n;
select pg_temp.step(n) from generate_series(121, 240) as n;

select ok(
    (select array_agg(distinct l.what) from log as l) @> array['events', 'roll up', 'late', 'erase done', 'erase in steps', 'erase refused', 'erase nobody'],
    'the histories have all that can happen, seed ' || :seed
);
select is((select count(*) from privacy.erasure as e where e.state = 'running'), 0::bigint, 'every erasure has come to its end');
select cmp_ok((select count(*) from growth.event), '>', 100::bigint, 'events are left');
do $$ begin for i in 1 .. 10 loop perform core.set_test_clock(core.now() + interval '1 minute'); perform privacy.remove_late_events(); end loop; end $$;

-- What must be: counted again from the events alone.
create temp view day as
select e.account_id, e.person_id, e.name, e.source, (e.event_at at time zone (growth.definition_of(e.account_id)).time_zone)::date as day,
    d.active_names is null or e.name = any (d.active_names) as is_active
from growth.event as e
left join growth.definition as d on d.account_id = e.account_id;
select is_empty(
    $$select e.account_id, e.person_id from growth.event as e where not exists (
        select from growth.person as p where p.account_id = e.account_id and p.person_id = e.person_id)$$, 'no event is of a person who is gone'
);
select bag_eq(
    'select t.account_id, t.person_id, t.month, t.days from growth.activity as t',
    $$select d.account_id, d.person_id, date_trunc('month', d.day)::date, bit_or(1 << extract(day from d.day)::integer - 1) from day as d where d.is_active group by 1, 2, 3$$,
    'activity is that of a recount'
);
select bag_eq(
    'select p.account_id, p.person_id, p.first_event_at from growth.person as p where p.first_event_at is not null',
    'select e.account_id, e.person_id, min(e.event_at) from growth.event as e group by 1, 2', 'so are first events'
);
do $$ declare v_more boolean; v_account uuid; begin
    for v_account in select a.id from a loop
        for i in 1 .. 100 loop
            select r.has_more into v_more from growth.roll_up(v_account) as r;
            exit when not v_more;
        end loop;
    end loop;
end $$;
select is_empty($$select from growth.stale_day as s inner join a on a.id = s.account_id$$, 'all rollups are made');
create function pg_temp.recount(p_dimension boolean) returns table (account_id uuid, day date, value text, dau bigint, wau bigint, mau bigint) language sql as $$
    select x.account_id, x.day, x.value,
        count(distinct d.person_id) filter (where d.day = x.day), count(distinct d.person_id) filter (where d.day > x.day - 7), count(distinct d.person_id)
    from (
        select distinct v.account_id, n.day::date as day, case when p_dimension then v.source else '' end as value
        from day as v cross join lateral generate_series(v.day::timestamp, v.day::timestamp + interval '29 days', interval '1 day') as n (day)
        where v.is_active
    ) as x
    inner join day as d on d.account_id = x.account_id and d.is_active and d.day between x.day - 29 and x.day and (not p_dimension or d.source = x.value)
    group by 1, 2, 3
$$;
create temp view rolled as
select f.account_id, f.day, f.dimension, f.value, f.dau, f.wau, f.mau from growth.active_day as f inner join a on a.id = f.account_id
inner join growth.rollup as r on r.account_id = f.account_id and f.day <= r.rolled_through where f.mau > 0;
select bag_eq(
    $$select r.account_id, r.day, r.dau, r.wau, r.mau from rolled as r where r.dimension = ''$$,
    $$select c.account_id, c.day, c.dau, c.wau, c.mau from pg_temp.recount(false) as c inner join growth.rollup as r on r.account_id = c.account_id and c.day <= r.rolled_through$$,
    'DAU, WAU and MAU of every day are those of a recount'
);
select bag_eq(
    $$select r.account_id, r.day, r.value, r.dau, r.wau, r.mau from rolled as r where r.dimension = 'source'$$,
    $$select c.account_id, c.day, c.value, c.dau, c.wau, c.mau from pg_temp.recount(true) as c inner join growth.rollup as r on r.account_id = c.account_id and c.day <= r.rolled_through$$,
    'also by source'
);

-- Each erasure, looked at again.
select is_empty(
    $$select e.id from privacy.erasure as e where not privacy.verify_certificate(e.id)$$, 'every certificate is valid'
);
select is_empty(
    $$select t.digest from privacy.tombstone as t inner join growth.identifier as i on t.digest = privacy.hash_name('identifier', i.account_id || '/' || i.is_anonymous || '/' || i.identifier)
    inner join growth.event as e on e.account_id = i.account_id and e.person_id = i.person_id and e.event_at < t.erased_at and e.seq > t.last_seq$$,
    'no event from before an erasure is left under an erased name'
);
select is_empty($$select from privacy.erasure as e where e.subject is not null$$, 'and nothing says who it was');
create temp table gone on commit drop as
select privacy.erase_person(p_account_id => i.account_id, p_person_id => i.person_id, p_is_dry_run => false, p_seconds => 30) ->> 'state' as state
from (select p.account_id, p.person_id from growth.person as p inner join a on a.id = p.account_id) as i;
select is(
    (select count(*) from growth.event as e inner join a on a.id = e.account_id) + (select count(*) from growth.activity as t inner join a on a.id = t.account_id)
        + (select count(*) from growth.dimension_activity as t inner join a on a.id = t.account_id)
        + (select count(*) from growth.identifier as i inner join a on a.id = i.account_id), 0::bigint, 'when all are erased, nothing is left'
);

select * from finish();
rollback;
