select '# Settings, rate policies, scheduled tasks

Made from the seeded rows by `scripts/reference.sh`. Do not edit.

All are rows: `UPDATE` changes them, the next call feels it, and no deploy overwrites a column that was changed so.

## Settings

Rows of `core.setting`, with the values the product ships. A number outside of its bounds is refused.

| name | value | bounds | what it does |
| --- | --- | --- | --- |';
select format(
    '| `%s` | %s | %s | %s |', s.name, case when length(s.value::text) > 100 then 'a text' else pg_temp.code(s.value::text) end,
    s.minimum || ' to ' || s.maximum, pg_temp.cell(s.description)
)
from core.setting as s
where s.origin = 'file'
order by s.name collate "C";
select '
## Rate policies

Rows of `limits.policy`. A policy applies to the routes whose `limit_class` it names; a route may fall under several.

| name | calls counted by | routes of class | quota | window | burst |
| --- | --- | --- | --- | --- | --- |';
select format('| `%s` | %s | `%s` | %s | %s s | %s |', p.name, p.scope, p.route_class, p.quota, p.window_seconds, p.burst)
from limits.policy as p
where p.origin = 'file'
order by p.name collate "C";
select '
## Scheduled tasks

Rows of `schedule.task`. Each slot of a task runs once, however many servers there are.

| name | when | function | what it does |
| --- | --- | --- | --- |';
select format('| `%s` | %s | `%s` | %s |', t.name, coalesce('every ' || t.every, '`' || t.cron || '` ' || t.zone), t.function, pg_temp.cell(t.description))
from schedule.task as t
where t.origin = 'file'
order by t.name collate "C";
