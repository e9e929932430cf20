-- What a cron text means, field by field, and what is refused.
begin;
select plan(57);

create function pg_temp.marked(p_marks text) returns text language sql as $$
    select string_agg((n - 1)::text, ' ' order by n) from generate_series(1, length(p_marks)) as n where substr(p_marks, n, 1) = '1'
$$;
create function pg_temp.refusal(p_text text) returns text language plpgsql as $$
declare
    v_detail text;
begin
    perform schedule.parse_cron(p_text);
    return 'accepted';
exception
    when sqlstate 'LQ422' then
        get stacked diagnostics v_detail = pg_exception_detail;
        return sqlerrm || ': ' || v_detail;
end;
$$;

select is(pg_temp.marked((schedule.parse_cron(c.text)).minutes), c.expected, 'minutes of ' || c.text)
from (values
    ('7 * * * *', '7'), ('0,30,59 * * * *', '0 30 59'), ('*/20 * * * *', '0 20 40'), ('5-9 * * * *', '5 6 7 8 9'),
    ('10-40/15 * * * *', '10 25 40'), ('50/5 * * * *', '50 55'), ('1,10-12,*/30 * * * *', '0 1 10 11 12 30'),
    ('3,3,3 * * * *', '3'), (E'  7\t *  * * * ', '7')
) as c (text, expected);
select is(pg_temp.marked((schedule.parse_cron(c.text)).hours), c.expected, 'hours of ' || c.text)
from (values ('0 9-17/4 * * *', '9 13 17'), ('0 */8 * * *', '0 8 16'), ('0 23 * * *', '23')) as c (text, expected);
select is(pg_temp.marked((schedule.parse_cron(c.text)).months), c.expected, 'months, from 0, of ' || c.text)
from (values ('0 0 * jan,DEC *', '0 11'), ('0 0 * 2-Nov/4 *', '1 5 9'), ('0 0 * */6 *', '0 6')) as c (text, expected);
select is(pg_temp.marked((schedule.parse_cron(c.text)).days), c.expected, 'days, from 0, of ' || c.text)
from (values
    ('0 0 1,15 * *', '0 14'), ('0 0 L * *', '31'), ('0 0 l-3,L-27 * *', '34 58'), ('0 0 */10 * *', '0 10 20 30'),
    ('0 0 * * *', null), ('0 0 1-31 * *', null), ('0 0 1/1 * *', null)
) as c (text, expected);
select is(pg_temp.marked((schedule.parse_cron(c.text)).weekdays), c.expected, 'weekdays of ' || c.text)
from (values
    ('0 0 * * 0', '0 7 14 21 28'), ('0 0 * * 7', '0 7 14 21 28'), ('0 0 * * sun', '0 7 14 21 28'), ('0 0 * * SUN,7,0', '0 7 14 21 28'),
    ('0 0 * * fri-sun', '0 5 6 7 12 13 14 19 20 21 26 27 28 33 34'), ('0 0 * * sat-7', '0 6 7 13 14 20 21 27 28 34'),
    ('0 0 * * 5L', '40'), ('0 0 * * sunL', '35'), ('0 0 * * fri#2,1#5', '12 29'), ('0 0 * * *', null), ('0 0 * * 0-6', null),
    ('0 0 * * 1-7', null), ('0 0 * * */3', '0 3 6 7 10 13 14 17 20 21 24 27 28 31 34')
) as c (text, expected);
select is((schedule.parse_cron(c.text)).is_hourly, c.expected, 'every hour or not: ' || c.text)
from (values ('0 * * * *', true), ('0 0-23 * * *', true), ('0 */2 * * *', false), ('0 1-23 * * *', false)) as c (text, expected);
select is(schedule.parse_cron(c.name), schedule.parse_cron(c.text), c.name)
from (values
    ('@hourly', '0 * * * *'), ('@daily', '0 0 * * *'), ('@midnight', '0 0 * * *'), ('@weekly', '0 0 * * 0'),
    ('@monthly', '0 0 1 * *'), ('@yearly', '0 0 1 1 *'), ('@Annually', '0 0 1 1 *')
) as c (name, text);
select is(schedule.parse_cron(null), null, 'nothing gives nothing');

-- Each refusal names the field and what was read.
create temp table refused as
select c.text, c.pattern, pg_temp.refusal(c.text) as said
from (values
    ('60 * * * *', 'minute can not be read: Got "60": a number from 0 to 59'), ('* 24 * * *', 'hour .*"24"'),
    ('* * 0 * *', 'day of month .*"0": a number from 1 to 31'), ('* * 32 * *', 'day of month .*"32"'),
    ('* * * 13 *', 'month .*"13": a number from 1 to 12 or a name such as jan'), ('* * * * 8', 'day of week .*"8"'),
    ('* * * foo *', 'month .*"foo"'), ('* * * * monday', 'day of week .*"monday"'), ('*/0 * * * *', 'minute .*a step from 1 to 59'),
    ('*/60 * * * *', 'minute .*a step'), ('*/999999999999 * * * *', 'minute .*a step'), ('9-5 * * * *', 'minute .*a range goes upwards'),
    ('* 22-2 * * *', 'hour .*a range goes upwards'), ('1- * * * *', 'minute .*expected is'), ('1,,2 * * * *', 'minute .*Got ""'),
    ('-1 * * * *', 'minute'), ('1-2-3 * * * *', 'minute'), ('** * * * *', 'minute'), ('* * L-28 * *', 'day of month .*at most 27'),
    ('* * * * 1#6', 'day of week .*first to the fifth'), ('* * * * L', 'day of week .*"l"'), ('* L * * *', 'hour'),
    ('* * * * mon-fri#2', 'day of week'), ('0 0 30 2 *', 'day of month .*"30": no such day is in month 2'),
    ('0 0 31 4,6,sep,11 *', 'day of month .*no such day'), ('* * * *', 'five fields: Got 4'), ('* * * * * *', 'five fields: Got 6'),
    ('', 'five fields'), ('@reboot', 'known are @hourly'), ('* * ? * *', 'day of month'), ('*;x * * * *', 'minute')
) as c (text, pattern);
select is((select string_agg(r.text || ' -> ' || r.said, E'\n') from refused as r where r.said !~ r.pattern), null, 'what is wrong is named');
select is((select count(*) from refused as r where r.said <> 'accepted'), 31::bigint, 'all of them');
select is(pg_temp.refusal(c.text), 'accepted', c.text || ' can come')
from (values ('0 0 29 2 *'), ('0 0 30 2 mon'), ('0 0 31 2,3 *'), ('0 0 30,L 2 *'), ('0 0 * 2 mon#5')) as c (text);
select is(pg_temp.refusal(repeat('1,', 300) || '1 * * * *'), 'a cron text has at most 500 characters: Got 609.', 'a text is bounded');
select function_privs_are('schedule', 'parse_cron', '{text}', 'levqor_server', '{}', 'no role of the network reads cron texts');
select volatility_is('schedule', 'parse_cron', '{text}', 'immutable', 'a text always means the same');

select * from finish();
rollback;
