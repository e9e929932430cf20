-- levqor_bi reads the views of bi, over all accounts, and nothing else of the product.
begin;
select plan(23);

select test.make_account('A') as a \gset
select test.make_account('B') as b \gset
insert into jobs.hour (account_id, workflow, hour, submitted, succeeded, failed, canceled)
select id, 'w', date_trunc('hour', now()), 3, 0, 0, 0 from unnest(array[:'a', :'b']::uuid[]) as id;
insert into bi_store.delivery_day (account_id, day, kind, event_type, messages, delivered, dead, attempts, failed_attempts, total_seconds)
select id, '2031-01-01', 'http', 'x.y', 1, 1, 0, 1, 0, 1 from unnest(array[:'a', :'b']::uuid[]) as id;
select test.become('levqor_owner', true);
select bi_store.refresh_all();
select test.become('levqor_bi');

select is((select sum(j.submitted_count) from bi.fct_jobs_daily as j where j.account_id in (:'a', :'b')), 6::numeric, 'all accounts, from a materialized view');
select is((select count(*) from bi.fct_webhook_deliveries_daily as d where d.message_date = '2031-01-01'), 2::bigint, 'and from days');
select is((select count(*) from bi.dim_accounts as d where d.account_id in (:'a', :'b')), 2::bigint, 'and who they are');

-- Each view can be read whole.
create function pg_temp.try_views() returns setof text language plpgsql as $$
declare
    v_view text;
begin
    for v_view in select c.relname from pg_class as c where c.relnamespace = 'bi'::regnamespace order by 1 loop
        begin
            execute format('select count(v.*) from bi.%I as v', v_view);
        exception when others then
            return next v_view || ': ' || sqlerrm;
        end;
    end loop;
end;
$$;
select is_empty('select * from pg_temp.try_views()', 'every view can be read');
select test.become('none');

select results_eq(
    $$select n.nspname from pg_namespace as n
        where has_schema_privilege('levqor_bi', n.oid, 'usage') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public', 'test')$$,
    $$values ('bi'::name)$$, 'it may enter bi only'
);
select is_empty(
    $$select n.nspname from pg_namespace as n where has_schema_privilege('levqor_bi', n.oid, 'create') and n.nspname !~ '^pg_temp'
        and n.nspname not in ('test') and not (n.nspname = 'public' and current_setting('server_version_num')::integer < 150000)$$,
    'and make nothing'
);
create temp view readable as
select c.oid::regclass::text as name, n.nspname, c.relkind
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'test', 'public')
    and (
        has_table_privilege('levqor_bi', c.oid, 'select, insert, update, delete, truncate, references, trigger')
        or c.relkind <> 'S' and has_any_column_privilege('levqor_bi', c.oid, 'select, insert, update, references')
    );
select is_empty($$select r.name from readable as r where r.nspname <> 'bi'$$, 'it may read nothing outside of bi');
select is(
    (select array_agg(r.name order by r.name) from readable as r),
    (select array_agg(c.oid::regclass::text order by c.oid::regclass::text) from pg_class as c where c.relnamespace = 'bi'::regnamespace and c.relkind = 'v'),
    'and every view of it'
);
select is_empty($$select c.relname from pg_class as c where c.relnamespace = 'bi'::regnamespace and c.relkind not in ('v')$$,
    'bi holds plain views only, which every tool finds');
select is_empty($$
    select c.oid::regclass from pg_class as c
    where c.relnamespace = 'bi'::regnamespace
        and has_table_privilege('levqor_bi', c.oid, 'insert, update, delete, truncate, references, trigger')$$, 'it may only read');
select is_empty($$
    select p.oid::regprocedure from pg_proc as p
    inner join pg_namespace as n on n.oid = p.pronamespace
    where pg_get_userbyid(p.proowner) = 'levqor_owner' and has_function_privilege('levqor_bi', p.oid, 'execute')$$,
    'it may execute no function of ours');
select is_empty($$select m.roleid::regrole from pg_auth_members as m where m.member = 'levqor_bi'::regrole$$, 'it is a member of nothing');
select is(
    (select row(r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolbypassrls, r.rolreplication)::text from pg_roles as r where r.rolname = 'levqor_bi'),
    '(f,f,f,f,f)', 'and nothing by itself'
);
-- A view's functions are executed with the rights of whoever asks.
select is_empty($$
    select distinct v.relname, p.oid::regprocedure
    from pg_class as v
    inner join pg_rewrite as w on w.ev_class = v.oid
    inner join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_proc'::regclass
    inner join pg_proc as p on p.oid = d.refobjid
    where v.relnamespace = 'bi'::regnamespace and p.pronamespace <> 'pg_catalog'::regnamespace$$, 'no view calls a function of ours');

-- What a session begins with. An operator may have changed the values, but there are some.
select is(
    (select array_agg(split_part(c.text, '=', 1) order by split_part(c.text, '=', 1))
        from pg_db_role_setting as d cross join lateral unnest(d.setconfig) as c (text)
        where d.setrole = 'levqor_bi'::regrole and d.setdatabase = 0
            and c.text ~ '^(statement_timeout|idle_in_transaction_session_timeout|default_transaction_read_only)='),
    '{default_transaction_read_only,idle_in_transaction_session_timeout,statement_timeout}', 'it has time-outs, and reads only'
);
select cmp_ok((select r.rolconnlimit from pg_roles as r where r.rolname = 'levqor_bi'), '>', 0, 'and a number of connections');
create role bi_tool in role levqor_bi;
select test.become('bi_tool');
select lives_ok('select from bi.dim_accounts', 'a second login that is a member reads the same');
select throws_ok('select from bi_store.accounts', '42501', null, 'and no more');
select test.become('none');

-- What would be wrong is found.
grant select (name) on identity.account to levqor_bi;
grant execute on function core.now() to levqor_bi;
select is((select array_agg(r.name) from readable as r where r.nspname <> 'bi'), '{identity.account}', 'a column that leaks is found');
select ok(has_function_privilege('levqor_bi', 'core.now()', 'execute'), 'and a function');

select test.become('levqor_bi');
select throws_ok('select from identity.account', '42501', null, 'another schema is shut');
select throws_ok('select from bi_store.accounts', '42501', 'permission denied for schema bi_store', 'what is behind the views too');
select throws_ok($$update bi.dim_tiers set tier = 'x'$$, '42501', null, 'nothing can be changed');
select test.become('none');

select * from finish();
rollback;
