-- The conventions as catalog queries. Each rule finds nothing in the product, and finds the offender that is made for it here.
begin;
select plan(54);

create temp view product_schema as
select n.oid, n.nspname as name
from pg_namespace as n
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public', 'test');

create temp view product_function as
select p.oid, s.name as schema, p.proname as name, p.oid::regprocedure::text as identity, p.prokind, p.prosecdef, p.provolatile, p.proconfig,
    l.lanname as language, p.prorettype, p.proargnames, p.proargmodes, p.pronargs, p.proacl, p.proowner,
    regexp_replace(regexp_replace(p.prosrc, '--[^\n]*', '', 'g'), '''[^'']*''', '''''', 'g') as source
from pg_proc as p
inner join product_schema as s on s.oid = p.pronamespace
inner join pg_language as l on l.oid = p.prolang;

-- What the server may execute: entry points and reactor functions. They run as the owner; nothing else outside of api does.
create temp table entry_point (identity text primary key);
insert into entry_point (identity) values
('access.record_many(text,bigint,timestamp with time zone[],text[],uuid[],uuid[],text[],integer[],bigint[],bigint[],bigint[],bytea[],text[],text[],text[])'),
('core.deployment_state()'),
('http.handle_many(text[],integer[],integer[],text[],text[],text[],text[],text[],jsonb[])'),
('http.load_routes(boolean)'),
('http.read_many(text[],text[],text[])'),
('ops.note_server_alive(text)'),
('ops.note_server_start(text,text,text)'),
('ops.prometheus()'),
('ops.readiness(text)'),
('outbox.claim_messages(text,integer,integer)'),
('outbox.next_due()'),
('outbox.report_outcomes(jsonb,double precision)'),
('schedule.next_due()'),
('schedule.run_due()'),
('schedule.timeout_ms()');

-- What a DBA may turn, and what reports are written with.
create temp table dba_column (name text primary key);
insert into dba_column (name) values
('core.setting.value'),
('http.route.body_cap'), ('http.route.is_enabled'), ('http.route.is_metered'), ('http.route.limit_class'),
('http.route.reads_replica'), ('http.route.timeout_ms'), ('http.route.when_limiter_fails'),
('limits.policy.burst'), ('limits.policy.cost'), ('limits.policy.is_enabled'), ('limits.policy.is_shadow'),
('limits.policy.quota'), ('limits.policy.shares'), ('limits.policy.window_seconds'),
('outbox.retry_step.wait_seconds');
create temp table dba_function (identity text primary key);
insert into dba_function (identity) values
('growth.check_funnel_events(jsonb,text[],text)'), ('growth.check_funnel_modes(text[])'),
('growth.count_funnel_part(uuid,jsonb,text,boolean,bigint,bigint)'),
('growth.fold_window_funnel(interval,timestamp with time zone[],integer[],text[],integer)'), ('growth.from_micros(bigint)'),
('growth.funnel(uuid,jsonb,timestamp with time zone,timestamp with time zone,interval,text,text[],jsonb,text,text,integer,boolean)'),
('growth.funnel_persons(uuid,jsonb,timestamp with time zone,timestamp with time zone,interval,text,text[],jsonb,text,integer,bigint,integer)'),
('growth.match_steps(integer[],integer,integer)'),
('growth.plan_funnel(jsonb,timestamp with time zone,timestamp with time zone,interval,text,text[],jsonb)'),
('growth.read_funnel_window(interval)'), ('growth.retention_flags(boolean[])'), ('growth.to_micros(timestamp with time zone)'),
('growth.trace_excluding(bigint,bigint[],integer[],integer,text[],integer,integer[])'),
('growth.trace_funnel(bigint,bigint[],integer[],integer,text[],boolean,integer,integer[])'),
('growth.trace_unordered(bigint,bigint[],integer[],integer,bigint)'),
('growth.window_funnel(interval,text[],timestamp with time zone,boolean[])'), ('growth.write_breakdown(jsonb,text,text)'),
('growth.write_condition(jsonb)'), ('growth.write_filter(text,jsonb)'), ('growth.write_funnel(jsonb)'),
('growth.write_funnel_events(jsonb)'), ('growth.write_simple_funnel(jsonb)'), ('growth.write_value(text)'),
('privacy.describe_catalogue()'), ('privacy.find_certificate(uuid)'), ('privacy.hash_catalogue()'), ('privacy.hash_certificate(privacy.erasure)'),
('privacy.list_columns()'), ('privacy.list_unclassified()'), ('privacy.show_certificate(uuid)'),
('privacy.verify_certificate(uuid,text)'), ('privacy.write_certificate(privacy.erasure)'),
('access.explain_decision(text)'), ('access.list_policies(access.request)'), ('access.read_policies(text,text)'),
('core.now()'), ('core.read_id(text,text)'), ('core.show_id(text,uuid)'),
('growth.check_cohort_question(text,date,date,text,text,text,integer)'),
('growth.cohort_average(uuid,text,date,date,text,text,text,text,text,text,integer)'),
('growth.cohort_retention(uuid,text,date,date,text,text,text,text,text,text,integer)'),
('growth.count_cohort_columns(uuid,text,text,date[])'),
('growth.count_cohorts_by_activity(uuid,text,text,date,date,text,text,boolean,text,text[],integer,integer)'),
('growth.count_cohorts_by_events(uuid,text,text,date,date,text,text,text,text[],text[],text,text[],integer)'),
('growth.count_cohorts_by_rollup(uuid,text,text,date,date,integer,date[],date[])'), ('growth.count_periods(text,date,date)'),
('growth.first_touches(uuid,bigint[])'), ('growth.list_kept_columns(uuid,text,date,date)'), ('growth.period_bits(text,date,integer)'),
('growth.period_step(text)'), ('growth.read_dimension(text,text[],growth.event)'), ('growth.source_report(uuid,date,date,text)'),
('growth.source_revenue(uuid,timestamp with time zone,timestamp with time zone,text)'),
('growth.activity_by_day(uuid,date,date,text)'), ('growth.bitmaps(uuid,text,date,date)'),
('growth.bitmaps_from_events(uuid,growth.dimension,text,text[],date[],bigint)'), ('growth.check_range(date,date,integer)'),
('growth.count_days(uuid,date,date,text)'), ('growth.count_figures(uuid,date,date,text)'), ('growth.count_new(uuid,date,date,text)'),
('growth.days_through(date,integer,date)'), ('growth.definition_of(uuid)'), ('growth.dimension_sql(growth.dimension)'),
('growth.find_dimension(uuid,text)'), ('growth.gap_sql(uuid,text,date,date)'), ('growth.is_rolled_up(uuid,text)'),
('growth.last_bit(integer)'), ('growth.lifecycle(uuid,date,date,text,text)'), ('growth.list_stale_ranges(uuid,date,date,text)'),
('growth.oldest_month()'), ('growth.read_figures(uuid,date[],daterange[],text)'), ('growth.stale_through(date,text)'),
('growth.stickiness(uuid,date,date,text,text)'),
('ledger.books_of(uuid)'), ('ledger.check_costs()'), ('ledger.check_money(uuid)'), ('ledger.derive_id(uuid,text)'),
('ledger.find_account(text,text,uuid)'), ('ledger.last_spending_day()'),
('ledger.list_buckets(text,timestamp with time zone,timestamp with time zone,text[],uuid,uuid)'),
('ledger.next_bucket(text,timestamp with time zone)'),
('ledger.profitability(timestamp with time zone,timestamp with time zone,text,uuid)'), ('ledger.reconcile(uuid)'),
('ledger.spending_transfer_id(uuid,date)'),
('ledger.turnover(timestamp with time zone,timestamp with time zone,text[],uuid,uuid)');

-- Doors that take all calls of a route in a batch.
create temp view plural_door as
select f.oid, f.identity, f.prorettype, f.schema, f.name
from product_function as f
where f.schema = 'api' and exists (select from http.route as r where r.plural_function = 'api.' || f.name);

create temp view offender as
-- Comments.
select 'schema has a comment' as rule, s.name as offender
from product_schema as s
where obj_description(s.oid, 'pg_namespace') is null
union all
select 'table, view and sequence has a comment', c.oid::regclass::text
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm')
    and obj_description(c.oid, 'pg_class') is null
    or (c.relkind = 'S' and obj_description(c.oid, 'pg_class') is null and not exists (
        -- The sequence behind an identity column belongs to the column.
        select from pg_depend as d where d.objid = c.oid and d.deptype = 'i'
    ))
union all
select 'column has a comment', c.oid::regclass || '.' || a.attname
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
    and col_description(c.oid, a.attnum) is null
union all
select 'function has a comment', f.identity
from product_function as f
where obj_description(f.oid, 'pg_proc') is null
union all
select 'composite type has a comment', t.oid::regtype::text
from pg_type as t
inner join product_schema as s on s.oid = t.typnamespace
inner join pg_class as c on c.oid = t.typrelid and c.relkind = 'c'
where obj_description(t.oid, 'pg_type') is null

-- Functions.
union all
select 'search_path is pinned', f.identity
from product_function as f
where (f.language = 'plpgsql' or f.prosecdef)
    and not 'search_path=pg_catalog, pg_temp' = any (coalesce(f.proconfig, '{}'))
    -- A procedure with a setting of its own can not commit: one that does names everything with its schema.
    and not (f.prokind = 'p' and not f.prosecdef and f.source ~* '\mcommit\M')
union all
select 'no overload', f.schema || '.' || f.name
from product_function as f
group by f.schema, f.name
having count(*) > 1
union all
select 'arguments start with p_', f.identity || ' ' || a.name
from product_function as f
cross join lateral unnest(f.proargnames) with ordinality as a (name, n)
where coalesce(f.proargmodes[a.n], 'i') in ('i', 'b', 'v') and a.name not like 'p\_%'
union all
select 'arguments have names', f.identity
from product_function as f
where f.pronargs > 0 and f.proargnames is null
union all
select 'door is security definer', f.identity
from product_function as f
where f.schema = 'api' and not f.prosecdef
union all
select 'door returns http.response', f.identity
from product_function as f
where f.schema = 'api' and f.prorettype <> 'http.response'::regtype
    and not exists (select from plural_door as p where p.oid = f.oid)
union all
select 'plural door takes and gives arrays', p.identity
from plural_door as p
where p.identity <> format('%s.%s(http.call[],jsonb[],jsonb[])', p.schema, p.name)
    or p.prorettype <> 'http.response[]'::regtype
union all
select 'door has a route', f.identity
from product_function as f
where f.schema = 'api' and not exists (select from http.route as r where 'api.' || f.name in (r.function, r.plural_function))
    -- A continuation: http.call_out() names it.
    and not (f.identity like '%(jsonb,jsonb)' and f.proargnames = '{p_state,p_outcome}')
union all
select 'domain function is security invoker', f.identity
from product_function as f
where f.schema <> 'api' and f.prosecdef and f.identity not in (select e.identity from entry_point as e)
union all
select 'entry point is a security definer that the server may execute', e.identity
from entry_point as e
where not exists (
    select from product_function as f
    where f.identity = e.identity and f.prosecdef and has_function_privilege('levqor_server', f.oid, 'execute')
)
union all
select 'door sets nothing', f.identity
from product_function as f
where f.schema = 'api' and (
    f.source ~* '\mset_config\M'
    or f.source ~* '\mset\s+(local|session|role|transaction|constraints|authorization|levqor)\M'
    or cardinality(f.proconfig) > 1
)
union all
-- Durability belongs to the lane: a neighbour without it would make the whole batch volatile.
select 'nothing touches synchronous_commit', p.oid::regprocedure::text
from pg_proc as p
inner join product_schema as s on s.oid = p.pronamespace
where p.prosrc ~* 'synchronous_commit' or p.proconfig::text ~* 'synchronous_commit'
union all
select 'plpgsql_check finds nothing', f.identity || ' line ' || coalesce(c.lineno, 0) || ': ' || c.message
from product_function as f
left join lateral (
    select g.tgrelid, g.tgoldtable, g.tgnewtable from pg_trigger as g where g.tgfoid = f.oid order by g.oid limit 1
) as t on true
cross join lateral plpgsql_check_function_tb(
    f.oid, coalesce(t.tgrelid, 0), oldtable => t.tgoldtable, newtable => t.tgnewtable, fatal_errors => false
) as c
where f.language = 'plpgsql'
    -- A trigger function without a table can not be checked.
    and not (f.prorettype = 'trigger'::regtype and t.tgrelid is null)
    -- A literal as the start of a variable: read by the type's own input function, once.
    and c.message <> 'target type is different type than source type'
    -- The call of a route's function, and the listing that fits any seeded table, are dynamic by purpose.
    and not (f.identity ~ '^http\.(handle_many|call_single|call_continued)\(' and c.message = 'cannot determinate a result of dynamic SQL')
    -- Plural doors are called with all three arguments, whichever they need.
    and not (f.oid in (select p.oid from plural_door as p) and c.message like 'unused parameter "p\_%"')

-- Rights.
union all
select 'PUBLIC executes nothing', f.identity
from product_function as f
cross join lateral aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as x
where x.grantee = 0 and x.privilege_type = 'EXECUTE'
union all
select 'server executes entry points only', f.identity
from product_function as f
where has_function_privilege('levqor_server', f.oid, 'execute')
    and f.identity not in (select e.identity from entry_point as e)
union all
select 'server reads and writes no table', c.oid::regclass::text
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm')
    and (
        has_table_privilege('levqor_server', c.oid, 'select, insert, update, delete, truncate')
        or has_any_column_privilege('levqor_server', c.oid, 'select, insert, update')
    )
union all
select 'dba changes nothing and reads no hot table', c.oid::regclass::text
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm')
    and (
        has_table_privilege('levqor_dba', c.oid, 'insert, update, delete, truncate')
        or (c.relpersistence = 'u' and has_any_column_privilege('levqor_dba', c.oid, 'select'))
    )
union all
select 'dba changes only what it may turn', c.oid::regclass || '.' || a.attname
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'v', 'm')
    and has_column_privilege('levqor_dba', c.oid, a.attnum, 'insert, update')
    and c.oid::regclass || '.' || a.attname not in (select d.name from dba_column as d)
union all
select 'dba may turn what is on the list', d.name
from dba_column as d
where not has_column_privilege(
    'levqor_dba', split_part(d.name, '.', 1) || '.' || split_part(d.name, '.', 2), split_part(d.name, '.', 3), 'update'
)
union all
select 'dba executes the functions of reports only', f.identity
from product_function as f
where has_function_privilege('levqor_dba', f.oid, 'execute')
    <> (f.identity in (select d.identity from dba_function as d))
union all
select 'everything belongs to levqor_owner', c.oid::regclass::text
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'S') and pg_get_userbyid(c.relowner) <> 'levqor_owner'
union all
select 'everything belongs to levqor_owner', f.identity
from product_function as f
where pg_get_userbyid(f.proowner) <> 'levqor_owner'

-- Tables.
union all
select 'tenant table has row-level security, forced, with a policy', c.oid::regclass::text
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
where c.relkind in ('r', 'p')
    and exists (
        select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'account_id' and not a.attisdropped
    )
    and not (
        c.relrowsecurity and c.relforcerowsecurity
        and exists (select from pg_policy as p where p.polrelid = c.oid and p.polpermissive and 0 = any (p.polroles))
    )
union all
select 'table has a primary key', c.oid::regclass::text
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
where c.relkind in ('r', 'p') and not exists (
    select from pg_constraint as k where k.conrelid = c.oid and k.contype = 'p'
)
union all
select 'foreign key has an index', k.conrelid::regclass || ' ' || k.conname
from pg_constraint as k
inner join product_schema as s on s.oid = k.connamespace
where k.contype = 'f' and not exists (
    select from pg_index as i
    where i.indrelid = k.conrelid and i.indpred is null
        and (i.indkey::smallint[])[0:cardinality(k.conkey) - 1] @> k.conkey
)
union all
select 'constraint is named after its table', k.conrelid::regclass || ' ' || k.conname
from pg_constraint as k
inner join pg_class as c on c.oid = k.conrelid
inner join product_schema as s on s.oid = k.connamespace
where k.contype in ('c', 'f', 'p', 'u') and k.coninhcount = 0 and not starts_with(k.conname, c.relname || '_')
union all
select 'column has a type of ours', c.oid::regclass || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
from pg_class as c
inner join product_schema as s on s.oid = c.relnamespace
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p')
    and format_type(a.atttypid, null) in (
        'timestamp without time zone', 'character varying', 'character', 'money', 'json', 'time with time zone'
    )

-- Routes.
union all
select 'route and function fit', b.route || ': ' || b.reason
from http.find_bad_routes() as b
union all
select 'reading route calls a function that only reads', r.method || ' ' || r.path
from http.route as r
inner join pg_proc as p on p.oid = to_regproc(r.function)
where r.method = 'GET' and p.provolatile = 'v'
union all
select 'reading route calls a plural function that only reads', r.method || ' ' || r.path
from http.route as r
inner join pg_proc as p on p.oid = to_regproc(r.plural_function)
where r.method = 'GET' and p.provolatile = 'v'
union all
-- A plural door's answers leave no entry in audit.sensitive_call.
select 'plural door answers no sensitive route', r.method || ' ' || r.path
from http.route as r
where r.plural_function is not null and r.is_sensitive
union all
select 'route answers by a function or a constant', r.method || ' ' || r.path
from http.route as r
where num_nonnulls(r.function, r.constant) <> 1
union all
select 'route belongs to a domain', r.method || ' ' || r.path || ' ' || r.domain
from http.route as r
where to_regnamespace(r.domain) is null
union all
select 'success of a route is described', r.method || ' ' || r.path
from http.route as r
where not exists (select from jsonb_object_keys(r.responses) as k (status) where k.status < '400')
union all
select 'task calls a function that exists', t.name
from schedule.task as t
where to_regproc(t.function) is null;

-- The product.
create temp table rule (name text primary key);
insert into rule (name) values
('schema has a comment'), ('table, view and sequence has a comment'), ('column has a comment'), ('function has a comment'),
('composite type has a comment'), ('search_path is pinned'), ('no overload'), ('arguments start with p_'),
('arguments have names'), ('door is security definer'), ('door returns http.response'), ('door has a route'),
('plural door takes and gives arrays'), ('reading route calls a plural function that only reads'),
('plural door answers no sensitive route'), ('route answers by a function or a constant'),
('domain function is security invoker'), ('door sets nothing'), ('nothing touches synchronous_commit'),
('plpgsql_check finds nothing'), ('PUBLIC executes nothing'), ('server executes entry points only'),
('server reads and writes no table'), ('dba changes nothing and reads no hot table'), ('everything belongs to levqor_owner'),
('dba changes only what it may turn'), ('dba may turn what is on the list'), ('dba executes the functions of reports only'),
('tenant table has row-level security, forced, with a policy'), ('table has a primary key'), ('foreign key has an index'),
('constraint is named after its table'), ('column has a type of ours'), ('route and function fit'),
('reading route calls a function that only reads'), ('route belongs to a domain'), ('success of a route is described'),
('task calls a function that exists'), ('entry point is a security definer that the server may execute');

create temp table found as select o.rule, o.offender from offender as o;
select is(
    (select string_agg(f.offender, E'\n' order by f.offender) from found as f where f.rule = r.name), null, r.name
)
from rule as r
order by r.name;

-- The offenders.
create schema untold;
create table untold.thing (
    account_id uuid,
    user_id uuid constraint fk_user references identity.user (id),
    made timestamp,
    name varchar(3)
);
grant select, insert on untold.thing to levqor_server, levqor_dba;
grant update (name) on untold.thing to levqor_dba;
insert into dba_column (name) values ('untold.thing.user_id');
grant insert, update on untold.thing to levqor_owner;
create type untold.pair as (a integer, b integer);
create function untold.do_it(x integer) returns integer language plpgsql security definer as $$
declare
    v_unused integer;
begin
    perform set_config('synchronous_commit', 'off', true);
    return missing;
end;
$$;
create function untold.do_it(x text, integer) returns integer language sql as 'select 1';
create function untold.nameless(integer) returns integer language sql as 'select 1';
create function api.untold() returns integer language plpgsql as $$
begin
    perform set_config('levqor.account_id', '', true);
    return 1;
end;
$$;
create function api.write_in_get() returns http.response language sql volatile as 'select http.no_content()';
insert into http.route (method, path, function, domain, access, responses)
values ('GET', '/untold', 'api.write_in_get', 'nowhere', 'public', '{"404": {}}');
create function api.untold_many(p_calls http.call[]) returns http.response language sql volatile security definer
set search_path = pg_catalog, pg_temp as 'select http.no_content()';
insert into http.route (method, path, function, plural_function, domain, access, is_sensitive)
values ('GET', '/untold/many', 'api.write_in_get', 'api.untold_many', 'http', 'public', true);
alter table http.route drop constraint route_has_function_or_constant_check;
insert into http.route (method, path, function, constant, domain, access)
values ('GET', '/untold/both', 'api.write_in_get', '{"status": 200}', 'http', 'public');
insert into schedule.task (name, function, every, description) values ('untold', 'untold.missing', '1 day', 'none');
insert into entry_point (identity) values ('untold.nameless(integer)');

create temp table caught as select distinct o.rule from offender as o;
select ok(
    exists (select from caught as c where c.rule = r.name), 'an offender is caught: ' || r.name
)
from rule as r
where r.name in (
    'route and function fit', 'door sets nothing', 'plpgsql_check finds nothing', 'foreign key has an index',
    'tenant table has row-level security, forced, with a policy', 'server executes entry points only',
    'server reads and writes no table', 'PUBLIC executes nothing', 'search_path is pinned', 'no overload'
)
order by r.name;
select is(
    (select string_agg(r.name, ', ') from rule as r where not exists (select from caught as c where c.rule = r.name)), null,
    'every rule has caught its offender'
);
select is(
    (select string_agg(distinct o.rule, ', ') from found as o where o.rule not in (select r.name from rule as r)), null,
    'every rule is on the list'
);
alter table limits.policy set unlogged;
select isnt_empty(
    $$select from offender as o where o.rule = 'dba changes nothing and reads no hot table' and o.offender = 'limits.policy'$$,
    'an unlogged table that the dba may read is caught'
);
update http.route set function = 'api.no_such_thing' where path = '/untold';
select matches(
    (select b.reason from http.find_bad_routes() as b where b.route = 'GET /untold' limit 1), 'does not exist',
    'a route without a function is named'
);
select throws_ok('select * from http.load_routes()', 'LQ500', 'routes and functions do not fit', 'and no server loads it');

select * from finish();
rollback;
