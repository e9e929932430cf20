begin;
select plan(20);

select core.seed('core.setting', '{name}', '{"name": "test.one", "value": 1, "description": "a number"}');
select is((select row(s.value, s.origin)::text from core.setting as s where s.name = 'test.one'), '(1,file)', 'a row is seeded');
select core.seed('core.setting', '{name}', '{"name": "test.one", "value": 2, "description": "a number"}');
select is(core.integer_setting('test.one'), 2::bigint, 'the next deploy changes it');
update core.setting set value = '7' where name = 'test.one';
select is((select s.local_columns from core.setting as s where s.name = 'test.one'), '{value}', 'an operator''s change is noted');
select core.seed('core.setting', '{name}', '{"name": "test.one", "value": 3, "description": "another text"}');
select is(core.integer_setting('test.one'), 7::bigint, 'and no deploy overwrites it');
select is(
    (select s.description from core.setting as s where s.name = 'test.one'), 'another text', 'while other columns follow'
);
update core.setting set local_columns = '{}' where name = 'test.one';
select core.seed('core.setting', '{name}', '{"name": "test.one", "value": 3, "description": "another text"}');
select is(core.integer_setting('test.one'), 3::bigint, 'a column is handed back');
select s.ctid as place from core.setting as s where s.name = 'test.one' \gset
select core.seed('core.setting', '{name}', '{"name": "test.one", "value": 3, "description": "another text"}');
select is(
    (select s.ctid::text from core.setting as s where s.name = 'test.one'), :'place', 'a row that is so already is not touched'
);
insert into core.setting (name, value, description) values ('test.own', '1', 'mine');
select is((select s.origin from core.setting as s where s.name = 'test.own'), 'local', 'an operator''s own row says so');

-- Settings.
select is(core.setting('test.one'), '3'::jsonb, 'a setting is read');
select throws_ok($$select core.setting('test.none')$$, 'LQ500', 'no setting named test.none', 'one that is not there is our mistake');
select is(core.text_setting('core.environment'), 'production', 'a text is read');

-- A number stays within its bounds, whoever sets it.
select core.seed('core.setting', '{name}', '{"name": "test.days", "value": 7, "minimum": 1, "maximum": 30, "description": "days"}');
select throws_ok(
    format('update core.setting set value = %L where name = %L', v.value, 'test.days'), '23514', null, v.value || ' is refused'
)
from unnest('{0,31,"\"7\""}'::text[]) as v (value);
update core.setting set value = '30' where name = 'test.days';
select is(core.integer_setting('test.days'), 30::bigint, 'the greatest is taken');
select is_empty($$select s.name from core.setting as s
    where s.origin = 'file' and s.name not like 'test.%' and jsonb_typeof(s.value) = 'number' and num_nulls(s.minimum, s.maximum) > 0$$,
    'each number that the product seeds has bounds');

-- A route that changes gets a new version.
select r.version as version from http.route as r where r.path = '/api/v1/keys' and r.method = 'GET' \gset
update http.route set timeout_ms = 6000 where path = '/api/v1/keys' and method = 'GET';
select is(
    (select r.version from http.route as r where r.path = '/api/v1/keys' and r.method = 'GET'), :version + 1,
    'a changed route has a new version'
);
update http.route set timeout_ms = 6000 where path = '/api/v1/keys' and method = 'GET';
select is(
    (select r.version from http.route as r where r.path = '/api/v1/keys' and r.method = 'GET'), :version + 1,
    'one that did not change has not'
);
select is(
    (select r.local_columns from http.route as r where r.path = '/api/v1/keys' and r.method = 'GET'), '{timeout_ms}',
    'and what was changed is noted'
);
select is_empty($$select from core.setting as s where s.origin = 'file' and cardinality(s.local_columns) > 0
    and s.name not like 'test.%'$$, 'a fresh database has no local changes');

select * from finish();
rollback;
