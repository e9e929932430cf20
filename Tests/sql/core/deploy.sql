-- What is deployed, as servers see it.
begin;
select plan(16);

-- Installed with psql alone.
delete from core.deployment;
delete from core.migration;
insert into core.migration (number, name) values (3, 'third'), (1, 'first'), (2, 'second');
set local role levqor_server;
select results_eq(
    'select d.product_version, d.breaking_level, d.digests, d.migrations, d.deployed_at from core.deployment_state() as d',
    $$values (null::text, 1, '{}'::text[], '{1,2,3}'::integer[], null::timestamptz)$$,
    'where nothing was deployed there is a row that says so, with the migrations in order'
);
select throws_ok(
    'select from core.deployment', '42501', 'permission denied for table deployment', 'the server reads no table'
);
select throws_ok(
    'select from core.migration', '42501', 'permission denied for table migration', 'nor what it is told of'
);
reset role;
delete from core.migration;
select is((select d.migrations from core.deployment_state() as d), '{}', 'no migrations are an empty list');

-- Deployed.
insert into core.migration (number, name) values (1, 'baseline');
insert into core.deployment (product_version, breaking_level, digests, deployed_at)
values ('1.2.3', 4, '{older,newer}', '2031-01-01 12:00:00+00');
set local role levqor_server;
select results_eq(
    'select d.product_version, d.breaking_level, d.digests, d.migrations, d.deployed_at from core.deployment_state() as d',
    $$values ('1.2.3', 4, '{older,newer}'::text[], '{1}'::integer[], '2031-01-01 12:00:00+00'::timestamptz)$$,
    'what is deployed is told as it stands, the newest digest last'
);
reset role;

-- One row, by its constraints.
select throws_ok(
    $$insert into core.deployment (product_version) values ('2')$$, '23505',
    'duplicate key value violates unique constraint "deployment_pkey"', 'there is no second deployment'
);
select throws_ok(
    $$insert into core.deployment (is_only_row, product_version) values (false, '2')$$, '23514',
    'new row for relation "deployment" violates check constraint "deployment_has_one_row_check"', 'by no way'
);
select throws_ok(
    $$insert into core.migration (number, name) values (0, 'none')$$, '23514',
    'new row for relation "migration" violates check constraint "migration_number_is_positive_check"',
    'migrations count from 1'
);

-- Rights.
select volatility_is('core', 'deployment_state', array[]::text[], 'stable', 'it only reads');
select is_definer('core', 'deployment_state', array[]::text[], 'with the rights of its owner');
select function_privs_are('core', 'deployment_state', array[]::text[], r.role, r.rights, r.told)
from (values
    ('levqor_server', array['EXECUTE'], 'a server asks'), ('levqor_dba', '{}', 'a reader reads the tables'),
    ('levqor_bi', '{}', 'others do not ask'), ('public', '{}', 'nor does everybody')
) as r (role, rights, told);
set local role levqor_dba;
select lives_ok('select from core.deployment', 'a reader reads what is deployed');
select throws_ok(
    'delete from core.deployment', '42501', 'permission denied for table deployment', 'and changes nothing of it'
);
reset role;

select * from finish();
rollback;
