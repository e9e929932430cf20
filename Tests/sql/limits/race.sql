-- A shared bucket in parts, from many sessions; and batches that meet. What sessions see is committed, so this test cleans up after itself.
begin;
select plan(9);

set local client_min_messages = warning;
create extension if not exists dblink;
create temp table s on commit drop as
select n.name, format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
) as text
from (select 's' || n as name from generate_series(1, 6) as n) as n;
select dblink_connect(name, text) from s;
-- As http.handle_many runs it.
select dblink_exec(name, 'set jit = off') from s;
create function pg_temp.run(p_session text, p_sql text) returns text language sql as $$
    select d.result from dblink(p_session, p_sql) as d (result text)
$$;
-- What a query that was sent gave, or its error.
create function pg_temp.get(p_session text) returns text language plpgsql as $$
declare
    v_result text;
begin
    begin
        select r.result into v_result from dblink_get_result(p_session) as r (result text);
    exception
        when others then
            v_result := sqlstate;
    end;
    perform from dblink_get_result(p_session, false) as r (result text);
    return v_result;
end;
$$;
-- A batch at a time that all sessions share: how many calls of it the limits admit.
create function pg_temp.admit(p_at text, p_number integer, p_class text) returns text language sql as $$
    select format(
        $do$select count(*) filter (where not v.is_refused)::text
        from (select set_config('levqor.now', %L, false)) as n
        cross join lateral unnest(limits.admit_many((
            select array_agg(row(c, null, null, null, null, null, null, '192.0.2.' || c, 'req', null, %L, false, false, null, null)::http.call)
            from generate_series(1, %s) as c where n is not null
        ))) as v$do$, p_at, p_class, p_number
    )
$$;
select pg_temp.run('s1', $$with p as (
    insert into limits.policy (name, scope, route_class, quota, burst, window_seconds, shares) values
        ('race-split', 'all', 'race-split', 8, 8, 60, 4), ('race-whole', 'all', 'race-whole', 600, 600, 60, 1),
        ('race-address', 'address', 'race-whole', 600, 600, 60, 1) returning 1
) select count(*)::text from p$$);
create temp table part on commit drop as
select s.name, pg_temp.run(s.name, 'select (pg_backend_pid() % 4)::text')::integer as part from s;

-- Every session asks for more than all may have.
create temp table first on commit drop as
select s.name, pg_temp.run(s.name, pg_temp.admit('2031-01-01 12:00:00+00', 10, 'race-split'))::integer as admitted from s order by s.name;
select is((select sum(f.admitted) from first as f), (select count(distinct p.part) * 2 from part as p), 'each part admits its part of the burst');
select cmp_ok((select sum(f.admitted) from first as f), '<=', 8::bigint, 'all together no more than one bucket would');
select is(
    (select array_agg(distinct x.admitted) from (
        select sum(f.admitted) as admitted from first as f inner join part as p on p.name = f.name group by p.part
    ) as x), '{2}', 'sessions of one part share it'
);
-- A token of a part comes every 30 seconds: 8 a minute in all.
create temp table later on commit drop as
select s.name, n, pg_temp.run(
    s.name, pg_temp.admit(('2031-01-01 12:00:00+00'::timestamptz + n * interval '1 second')::text, 2, 'race-split')
)::integer as admitted
from unnest('{1,29,30,31,59,60}'::integer[]) as n cross join s;
select is((select sum(l.admitted) from later as l), (select count(distinct p.part) * 2 from part as p), 'and then its part of the quota');
select cmp_ok(
    (select sum(f.admitted) from first as f) + (select sum(l.admitted) from later as l), '<=', 16::bigint,
    'in a window never more than burst and quota together'
);

-- Batches that charge the same buckets at once: nothing is lost, nothing is admitted twice, and nobody meets a deadlock.
select dblink_send_query(s.name, replace($race$do $do$
declare
    v_admitted integer := 0;
    v_now text;
begin
    for i in 1 .. 15 loop
        v_admitted := v_admitted + (ADMIT)::integer;
        commit;
    end loop;
    perform set_config('test.admitted', v_admitted::text, false);
end $do$$race$, 'ADMIT', replace(pg_temp.admit('2031-01-01 12:00:00+00', 7, 'race-whole'), '$do$', '$q$')))
from s;
select is((select array_agg(distinct coalesce(pg_temp.get(s.name), '')) from s) <@ '{"",DO}'::text[], true, 'six sessions end without an error');
select is(
    (select sum(pg_temp.run(s.name, $$select current_setting('test.admitted', true)$$)::integer) from s), 600::bigint,
    'of 630 calls 600 are admitted'
);
select is(
    pg_temp.run('s1', $$select (b.full_at = '2031-01-01 12:01:00+00')::text from limits.bucket as b
        inner join limits.policy as p on p.id = b.policy_id where p.name = 'race-whole'$$), 'true', 'and the bucket holds every one'
);
select is(
    pg_temp.run('s1', $$select sum(extract(epoch from b.full_at - '2031-01-01 12:00:00+00') * 10)::integer::text from limits.bucket as b
        inner join limits.policy as p on p.id = b.policy_id where p.name = 'race-address'$$), '600', 'as do those of the addresses'
);

select pg_temp.run('s1', $$with b as (delete from limits.bucket as b using limits.policy as p where p.id = b.policy_id and p.name like 'race-%' returning 1)
    select count(*)::text from b$$);
select pg_temp.run('s1', $$with f as (delete from limits.refusal as f using limits.policy as p where p.id = f.policy_id and p.name like 'race-%' returning 1)
    select count(*)::text from f$$);
select pg_temp.run('s1', $$with p as (delete from limits.policy where name like 'race-%' returning 1) select count(*)::text from p$$);
select dblink_disconnect(s.name) from s;

select * from finish();
rollback;
