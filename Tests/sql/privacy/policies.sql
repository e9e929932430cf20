-- Policies that could not be carried out are refused when they are written.
begin;
select plan(46);

set local levqor.machinery = 'on';
create table core.tale (id uuid primary key, told_at timestamptz, said text, day date, note text not null default '', n integer);
create table core.part (id bigint, told_at timestamptz) partition by range (told_at);
create table core.part_1 partition of core.part for values from ('2026-01-01') to ('2026-02-01');
create table core.child (tale_id uuid references core.tale (id) on delete cascade, other_id uuid references core.tale (id));
create function pg_temp.add(p_more jsonb) returns text language plpgsql as $$
begin
    insert into privacy.policy
    select (jsonb_populate_record(null::privacy.policy, '{"table_name": "core.tale", "has_personal_data": true, "reason": "r",
        "legal_basis": "b", "is_enabled": true, "heeds_holds": true, "origin": "local", "local_columns": []}' || p_more)).*;
    return 'added';
end;
$$;

select throws_ok(format('select pg_temp.add(%L)', v.more), v.state, v.message, v.what)
from (values
    ('{"table_name": "core.nothing", "way": "keep"}', 'LQ422', 'core.nothing can not be kept so: there is no such table', 'no table'),
    ('{"table_name": "core.part_1", "way": "keep"}', 'LQ422', 'core.part_1 can not be kept so: it is a partition: the policy belongs to its table', 'a partition'),
    ('{"table_name": "privacy.retention", "way": "keep"}', 'LQ422', 'privacy.retention can not be kept so: there is no such table', 'a view'),
    ('{"way": "delete", "clock_column": "said", "days": 1}', 'LQ422', 'core.tale can not be kept so: the clock column must be a timestamptz, a date or a UUIDv7', 'a clock that is a text'),
    ('{"way": "delete", "clock_column": "nothing", "days": 1}', 'LQ422', 'core.tale can not be kept so: the clock column must be a timestamptz, a date or a UUIDv7', 'no clock'),
    ('{"way": "drop_partition", "clock_column": "told_at", "days": 1}', 'LQ422', 'core.tale can not be kept so: it is not partitioned by ranges of the clock column', 'no partitions'),
    ('{"table_name": "core.part", "way": "delete", "clock_column": "told_at", "days": 1}', 'LQ422', 'core.part can not be kept so: of a partitioned table partitions are dropped', 'rows of a partitioned table'),
    ('{"way": "anonymise", "clock_column": "told_at", "days": 1, "new_values": {"note": null}}', 'LQ422', 'core.tale can not be kept so: the column note can not get that value', 'null where null is not allowed'),
    ('{"way": "anonymise", "clock_column": "told_at", "days": 1, "new_values": {"told_at": null}}', 'LQ422', 'core.tale can not be kept so: the column told_at can not get that value', 'a change of the clock'),
    ('{"way": "anonymise", "clock_column": "told_at", "days": 1, "new_values": {"nothing": 1}}', 'LQ422', 'core.tale can not be kept so: the column nothing can not get that value', 'no such column'),
    ('{"way": "own_task", "setting": "core.nothing", "setting_unit": "days", "task": "mail-trim"}', 'LQ422', 'core.tale can not be kept so: there is no such setting that is a number', 'no setting'),
    ('{"way": "own_task", "setting": "core.environment", "setting_unit": "days", "task": "mail-trim"}', 'LQ422', 'core.tale can not be kept so: there is no such setting that is a number', 'a setting that is a text'),
    ('{"way": "own_task", "setting": "mail.keep_days", "setting_unit": "days", "task": "nothing"}', 'LQ422', 'core.tale can not be kept so: there is no such task', 'no task'),
    ('{"table_name": "core.child", "way": "with_parent", "parent": "core.part"}', 'LQ422', 'core.child can not be kept so: it has no foreign key to that parent that deletes on cascade', 'no such parent'),
    ('{"way": "delete", "clock_column": "told_at", "days": 1, "spare_if": "t.nothing"}', '42703', null, 'a condition that is none'),
    ('{"way": "delete", "clock_column": "told_at"}', '23514', null, 'no age'),
    ('{"way": "delete", "days": 1}', '23514', null, 'no clock where it counts'),
    ('{"way": "delete", "clock_column": "told_at", "days": 0}', '23514', null, 'no day'),
    ('{"way": "delete", "clock_column": "told_at", "days": 1, "setting": "mail.keep_days", "setting_unit": "days"}', '23514', null, 'two ages'),
    ('{"way": "keep", "days": 1}', '23514', null, 'an age of what is kept'),
    ('{"way": "own_task", "setting": "mail.keep_days", "setting_unit": "days"}', '23514', null, 'an own task without its name'),
    ('{"way": "anonymise", "clock_column": "told_at", "days": 1}', '23514', null, 'no values'),
    ('{"way": "anonymise", "clock_column": "told_at", "days": 1, "new_values": {}}', '23514', null, 'empty values'),
    ('{"way": "delete", "clock_column": "told_at", "days": 1, "new_values": {"said": null}}', '23514', null, 'values of a deletion'),
    ('{"way": "burn"}', '23514', null, 'another way'),
    ('{"way": "passing"}', '23514', null, 'passing rows under a hold'),
    ('{"way": "keep", "reason": ""}', '23514', null, 'no reason')
) as v (more, state, message, what);
select is(pg_temp.add(v.more::jsonb), 'added', v.what)
from (values
    ('{"way": "anonymise", "clock_column": "told_at", "days": 1, "new_values": {"note": "", "said": null}}', 'values that fit are taken'),
    ('{"table_name": "core.part", "way": "drop_partition", "clock_column": "told_at", "setting": "growth.keep_months", "setting_unit": "months"}', 'so are partitions'),
    ('{"table_name": "core.child", "way": "with_parent", "parent": "core.tale"}', 'and a parent')
) as v (more, what);

-- How long.
select is((select r.kept_for from privacy.retention as r where r.table_name = 'core.tale'), interval '1 day', 'days of the policy');
select is((select r.kept_for from privacy.retention as r where r.table_name = 'core.part'), interval '25 months', 'months of the setting');
update core.setting set value = '3' where name = 'growth.keep_months';
select is((select r.kept_for from privacy.retention as r where r.table_name = 'core.part'), interval '3 months', 'a changed setting is felt');
select throws_ok($$update core.setting set value = '7' where name = 'outbox.keep_days'$$, '23514', null, 'one below what it may be is refused');
select is((select r.kept_for from privacy.retention as r where r.table_name = 'http.idempotency_key'), interval '24 hours', 'hours');
select is((select r.kept_for from privacy.retention as r where r.table_name = 'core.child'), null, 'what goes with its parent has no age');

-- Changes.
select is((privacy.change_policy('audit.sensitive_call', 90)).days, 90, 'days are changed');
select is((privacy.change_policy('audit.sensitive_call', p_is_enabled => false)).is_enabled, false, 'a policy is switched off');
select is(
    (select e.facts from audit.entry as e where e.action = 'privacy.change_policy' and e.target = 'audit.sensitive_call' order by e.id desc limit 1),
    '{"days": 90, "days_before": 90, "is_enabled": false, "is_enabled_before": true}', 'and the trail says so'
);
select core.seed('privacy.policy', '{table_name}', '{"table_name": "audit.sensitive_call", "days": 365, "is_enabled": true, "reason": "new"}');
select is(
    (select row(p.days, p.is_enabled, p.reason)::text from privacy.policy as p where p.table_name = 'audit.sensitive_call'), '(90,f,new)',
    'a deploy leaves the operator''s changes, and brings the rest'
);
select throws_ok($$select privacy.change_policy('core.nothing', 1)$$, 'LQ404', 'no policy for this table', 'no such policy');
select throws_ok($$select privacy.change_policy('growth.event', 1)$$, 'LQ422', 'a setting says how long this table is kept', 'the setting is changed instead');
select throws_ok($$select privacy.change_policy('identity.user', 1)$$, 'LQ422', 'data retention does not remove rows of this table', 'what is kept stays kept');
select throws_ok($$select privacy.change_policy('audit.sensitive_call', 0)$$, 'LQ422', 'days must be 1 to 36500', 'no day is no number of days');
select volatility_is('privacy', 'find_policy', array['text'], 'stable', 'finding reads');
select ok('core.part_1' not in (select g.table_name from privacy.list_gaps() as g), 'a partition is no gap');

select * from finish();
rollback;
