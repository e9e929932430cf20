-- When slots are: calendar, zones, and both changes of the clock. Slots are written in UTC.
begin;
select plan(58);
set local timezone = 'UTC';

create function pg_temp.slots(p_cron text, p_zone text, p_from text, p_until text) returns text language sql as $$
    select string_agg(to_char(s, 'DD HH24:MI'), ', ' order by s) from schedule.list_slots(p_cron, p_zone, p_from::timestamptz, p_until::timestamptz) as s
$$;

-- The calendar.
select is(schedule.next_slot(c.cron, 'UTC', c.after::timestamptz)::text, c.expected || '+00', c.cron || ' after ' || c.after)
from (values
    ('30 9 * * *', '2026-03-01 09:29:59.999999', '2026-03-01 09:30:00'), ('30 9 * * *', '2026-03-01 09:30:00', '2026-03-02 09:30:00'),
    ('30 9 * * *', '2026-12-31 09:30:01', '2027-01-01 09:30:00'), ('59 23 31 12 *', '2026-12-31 23:59:00', '2027-12-31 23:59:00'),
    ('0 0 29 2 *', '2024-02-29 00:00:00', '2028-02-29 00:00:00'), ('0 0 29 2 *', '2096-02-29 00:00:00', '2104-02-29 00:00:00'),
    ('0 0 L * *', '2027-02-01 00:00:00', '2027-02-28 00:00:00'), ('0 0 L * *', '2028-02-28 00:00:00', '2028-02-29 00:00:00'),
    ('0 0 L-1 * *', '2028-02-01 00:00:00', '2028-02-28 00:00:00'), ('0 0 L-27 2 *', '2027-01-01 00:00:00', '2027-02-01 00:00:00'),
    ('0 0 L-27 1 *', '2027-01-01 00:00:00', '2027-01-04 00:00:00'), ('0 0 31 * *', '2026-01-31 00:00:00', '2026-03-31 00:00:00'),
    ('0 12 * * fri#1', '2026-05-01 12:00:00', '2026-06-05 12:00:00'), ('0 12 * * 5L', '2026-05-01 12:00:00', '2026-05-29 12:00:00'),
    ('0 12 * * mon#5', '2026-01-01 00:00:00', '2026-03-30 12:00:00'), ('0 0 * 2 mon#5', '2000-01-01 00:00:00', '2016-02-29 00:00:00'),
    ('0 0 * 2 mon#5', '2072-03-01 00:00:00', '2112-02-29 00:00:00'), ('0 0 * * 7', '2026-11-21 19:00:00', '2026-11-22 00:00:00'),
    ('0 0 * * 0', '2026-11-21 19:00:00', '2026-11-22 00:00:00'), ('0 0 13 * fri', '2026-11-10 00:00:00', '2026-11-13 00:00:00'),
    ('0 0 13 * fri', '2026-11-13 00:00:00', '2026-11-20 00:00:00'), ('0 0 13 * fri', '2026-12-11 00:00:00', '2026-12-13 00:00:00'),
    ('0 0 1-31 * fri', '2026-11-14 00:00:00', '2026-11-20 00:00:00'), ('*/7 * * * *', '2026-03-01 09:56:00', '2026-03-01 10:00:00'),
    ('5,35 22-23 * * *', '2026-03-01 23:35:00', '2026-03-02 22:05:00')
) as c (cron, after, expected);
select is(schedule.next_slot('30 9 * * mon-fri', 'Asia/Kolkata', '2026-11-20 04:00:00+00'), '2026-11-23 04:00:00+00'::timestamptz, 'the zone decides what day and hour it is');
select is(schedule.next_slot('0 9 * * *', 'Europe/London', '2026-07-01 00:00:00+00'), '2026-07-01 08:00:00+00'::timestamptz, 'in summer too');
select is(schedule.next_slot('0 9 * * *', 'Europe/London', '2026-12-01 00:00:00+00'), '2026-12-01 09:00:00+00'::timestamptz, 'and in winter');

-- Europe/London, 2026-03-29: 01:00 to 02:00 is left out; 2026-10-25: 01:00 to 02:00 comes twice.
select is(pg_temp.slots(c.cron, 'Europe/London', c.day || ' 00:00Z', c.day || ' 04:00Z'), c.expected, c.cron || ' in London on ' || c.day)
from (values
    ('30 1 * * *', '2026-03-29', '29 01:00'), ('0 1 * * *', '2026-03-29', '29 01:00'), ('59 1 * * *', '2026-03-29', '29 01:00'),
    ('0 2 * * *', '2026-03-29', '29 01:00'), ('*/20 1,2 * * *', '2026-03-29', '29 01:00, 29 01:20, 29 01:40'),
    ('0 */2 * * *', '2026-03-29', '29 00:00, 29 01:00, 29 03:00'),
    ('15 0-2 * * *', '2026-03-29', '29 00:15, 29 01:00, 29 01:15'),
    ('*/30 * * * *', '2026-03-29', '29 00:00, 29 00:30, 29 01:00, 29 01:30, 29 02:00, 29 02:30, 29 03:00, 29 03:30'),
    ('10 * * * *', '2026-03-29', '29 00:10, 29 01:10, 29 02:10, 29 03:10'),
    ('30 1 * * *', '2026-10-25', '25 00:30'), ('0 2 * * *', '2026-10-25', '25 02:00'),
    ('*/30 1,2 * * *', '2026-10-25', '25 00:00, 25 00:30, 25 02:00, 25 02:30'),
    ('*/30 * * * *', '2026-10-25', '25 00:00, 25 00:30, 25 01:00, 25 01:30, 25 02:00, 25 02:30, 25 03:00, 25 03:30'),
    ('10 * * * *', '2026-10-25', '25 00:10, 25 01:10, 25 02:10, 25 03:10')
) as c (cron, day, expected);
-- Asked from within the repeated hour: what was run the first time is not run again.
select is(schedule.next_slot('30 1 * * *', 'Europe/London', '2026-10-25 01:10Z'), '2026-10-26 01:30Z'::timestamptz, 'asked in the second hour');
select is(schedule.next_slot('30 1 * * *', 'Europe/London', '2026-10-25 00:10Z'), '2026-10-25 00:30Z'::timestamptz, 'asked in the first one');
select is(schedule.next_slot('0 2 * * *', 'Europe/London', '2026-10-25 01:10Z'), '2026-10-25 02:00Z'::timestamptz, 'what comes behind it is run');
-- The half hour of Lord Howe: 2026-10-04, 02:00 to 02:30 is left out; 2026-04-05, 01:30 to 02:00 comes twice.
select is(pg_temp.slots('*/15 2 * * *', 'Australia/Lord_Howe', '2026-10-03 15:00Z', '2026-10-03 17:00Z'), '03 15:30, 03 15:45', 'a gap of half an hour');
select is(
    pg_temp.slots('*/15 1 * * *', 'Australia/Lord_Howe', '2026-04-04 13:00Z', '2026-04-04 17:00Z'), '04 14:00, 04 14:15, 04 14:30, 04 14:45',
    'half an hour that comes twice'
);
-- Midnight of Sao Paulo: 2018-11-04, 00:00 to 01:00 is left out; 2018-02-17, 23:00 to 24:00 comes twice.
select is(pg_temp.slots('@daily', 'America/Sao_Paulo', '2018-11-03 00:00Z', '2018-11-06 00:00Z'), '03 03:00, 04 03:00, 05 02:00', 'a midnight that does not exist');
select is(pg_temp.slots('30 23 * * *', 'America/Sao_Paulo', '2018-02-17 12:00Z', '2018-02-19 12:00Z'), '18 01:30, 19 02:30', 'an evening that comes twice');
-- A whole day that Apia left out: 2011-12-30.
select is(pg_temp.slots('0 12 * * *', 'Pacific/Apia', '2011-12-29 12:00Z', '2011-12-31 23:59Z'), '29 22:00, 30 10:00, 30 22:00, 31 22:00', 'a day that does not exist');

-- Looking back over a long absence.
select is(
    schedule.last_slot(schedule.parse_cron('*/5 9 * * mon'), 'Europe/London', '2020-01-06 09:00Z', '2026-11-21 19:00Z'),
    '2026-11-16 09:55Z'::timestamptz, 'the last slot is found, years behind the first'
);
select is(
    schedule.last_slot(schedule.parse_cron('@daily'), 'UTC', '2026-11-21 00:00Z', '2026-11-21 00:00Z'), '2026-11-21 00:00Z'::timestamptz,
    'a slot of this moment is one'
);
select is((select count(*) from schedule.list_slots('* * * * *', 'UTC', '2026-01-01', '2027-01-01', 100)), 100::bigint, 'a list is bounded');
-- Over a year and any zone: slots rise, and each is the next one behind every moment before it.
select is(
    (select count(*) from pg_timezone_names as z where z.name in ('Africa/Casablanca', 'America/St_Johns', 'Antarctica/Troll') and exists (
        select
        from (
            select s.slot, lag(s.slot) over (order by s.n) as before
            from schedule.list_slots('13 1-3 * * *', z.name, '2025-01-01', '2026-01-01') with ordinality as s (slot, n)
        ) as p
        where p.slot <= p.before
            or schedule.next_slot('13 1-3 * * *', z.name, p.slot - interval '1 second') <> p.slot
            or schedule.next_slot('13 1-3 * * *', z.name, p.before + (p.slot - p.before) / 3) <> p.slot
    )), 0::bigint, 'slots do not depend on where one asks from'
);

-- Zones.
select lives_ok($$select schedule.check_zone('Europe/London')$$, 'a zone');
select throws_ok($$select schedule.check_zone('Europe/Lundon')$$, 'LQ422', 'no such time zone', 'no zone');
create function pg_temp.hint(p_zone text) returns text language plpgsql as $$
declare
    v_hint text;
begin
    perform schedule.check_zone(p_zone);
    return 'accepted';
exception
    when sqlstate 'LQ422' then
        get stacked diagnostics v_hint = pg_exception_hint;
        return v_hint;
end;
$$;
select is(pg_temp.hint('new york'), 'Meant is perhaps America/New_York.', 'a hint');
select is(pg_temp.hint('+02:00'), 'Use an IANA name such as Europe/London, or UTC; see pg_timezone_names.', 'another one');

select * from finish();
rollback;
