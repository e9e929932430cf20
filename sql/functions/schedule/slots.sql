-- When a cron text's slots are.
--
-- A zone's clock goes evenly between two changes. So the next match is looked for on the clock's face, turned into a moment by
-- the offset of this stretch, and kept when no change comes before it. At a change:
--   - some hours: a time that the change leaves out comes at the change, one that the change repeats comes the first time only;
--   - every hour: the stretch behind the change has its matches as they come, so that real time goes on evenly.

create or replace function schedule.next_day(p_cron schedule.cron, p_from date)
returns date
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_year integer := extract(year from p_from);
    v_month integer := extract(month from p_from);
    v_day integer := extract(day from p_from);
    v_length integer;
    v_first integer;
    v_weekday integer;
begin
    -- A February 29 that is the fifth of its weekday takes up to 40 years to come.
    for i in 0 .. 600 loop
        if substr(p_cron.months, v_month, 1) = '1' then
            v_first := extract(dow from make_date(v_year, v_month, 1));
            v_length := extract(day from make_date(v_year, v_month, 1) + interval '1 month -1 day');
            for d in v_day .. v_length loop
                v_weekday := (v_first + d - 1) % 7;
                if p_cron.days is null and p_cron.weekdays is null
                    or substr(p_cron.days, d, 1) = '1'
                    or substr(p_cron.days, 32 + v_length - d, 1) = '1'
                    or substr(p_cron.weekdays, (d - 1) / 7 * 7 + v_weekday + 1, 1) = '1'
                    or d > v_length - 7 and substr(p_cron.weekdays, v_weekday + 36, 1) = '1'
                then
                    return make_date(v_year, v_month, d);
                end if;
            end loop;
        end if;
        v_day := 1;
        v_month := v_month + 1;
        if v_month > 12 then
            v_month := 1;
            v_year := v_year + 1;
        end if;
    end loop;
    return null;
end;
$$;
comment on function schedule.next_day(schedule.cron, date) is
$$The first day from p_from on that a cron text matches; null when there is none within 50 years.$$;

create or replace function schedule.next_local(p_cron schedule.cron, p_from timestamp)
returns timestamp
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_day date := schedule.next_day(p_cron, p_from::date);
    v_hour integer;
    v_place integer;
begin
    if v_day = p_from::date then
        v_hour := extract(hour from p_from);
        if substr(p_cron.hours, v_hour + 1, 1) = '1' then
            v_place := strpos(substr(p_cron.minutes, extract(minute from p_from)::integer + 1), '1');
            if v_place > 0 then
                return date_trunc('minute', p_from) + make_interval(mins => v_place - 1);
            end if;
        end if;
        v_place := strpos(substr(p_cron.hours, v_hour + 2), '1');
        if v_place > 0 then
            return v_day + make_interval(hours => v_hour + v_place, mins => strpos(p_cron.minutes, '1') - 1);
        end if;
        v_day := schedule.next_day(p_cron, v_day + 1);
    end if;
    return v_day + make_interval(hours => strpos(p_cron.hours, '1') - 1, mins => strpos(p_cron.minutes, '1') - 1);
end;
$$;
comment on function schedule.next_local(schedule.cron, timestamp) is
$$The first time on the clock's face, at or after p_from, that a cron text matches. p_from: a whole minute.$$;

create or replace function schedule.next_change(p_zone text, p_from timestamptz, p_until timestamptz)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_offset interval := (p_from at time zone p_zone) - (p_from at time zone 'UTC');
    v_before timestamptz := p_from;
    v_after timestamptz := p_from;
    v_low bigint;
    v_high bigint;
    v_middle bigint;
begin
    if p_zone in ('UTC', 'Etc/UTC') then
        return null;
    end if;
    -- No zone has changed twice within a week since 1970.
    loop
        if v_after >= p_until then
            return null;
        end if;
        v_after := least(v_before + interval '168 hours', p_until);
        exit when (v_after at time zone p_zone) - (v_after at time zone 'UTC') <> v_offset;
        v_before := v_after;
    end loop;
    v_low := floor(extract(epoch from v_before));
    v_high := ceil(extract(epoch from v_after));
    while v_high - v_low > 1 loop
        v_middle := (v_low + v_high) / 2;
        if (to_timestamp(v_middle) at time zone p_zone) - (to_timestamp(v_middle) at time zone 'UTC') = v_offset then
            v_low := v_middle;
        else
            v_high := v_middle;
        end if;
    end loop;
    return to_timestamp(v_high);
end;
$$;
comment on function schedule.next_change(text, timestamptz, timestamptz) is
$$When a zone's offset from UTC changes first, after p_from and until p_until; null when it does not.$$;

create or replace function schedule.slot_after(p_cron schedule.cron, p_zone text, p_after timestamptz)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_base timestamptz := p_after;
    v_offset interval := (p_after at time zone p_zone) - (p_after at time zone 'UTC');
    v_from timestamp := date_trunc('minute', p_after at time zone p_zone) + interval '1 minute';
    v_day_ago timestamptz := p_after - interval '24 hours';
    v_local timestamp;
    v_slot timestamptz;
    v_change timestamptz;
    v_new_offset interval;
    v_old_offset interval;
begin
    -- What the clock shows a second time has been run the first time.
    if not p_cron.is_hourly then
        v_old_offset := (v_day_ago at time zone p_zone) - (v_day_ago at time zone 'UTC');
        if v_old_offset > v_offset then
            v_change := schedule.next_change(p_zone, v_day_ago, p_after);
            v_from := greatest(v_from, date_bin(
                '1 minute', (v_change at time zone 'UTC') + v_old_offset + interval '59.999999 seconds', '2000-01-01'
            ));
        end if;
    end if;
    loop
        v_local := schedule.next_local(p_cron, v_from);
        if v_local is null then
            return null;
        end if;
        v_slot := (v_local - v_offset) at time zone 'UTC';
        v_change := schedule.next_change(p_zone, v_base, v_slot);
        exit when v_change is null;
        v_new_offset := (v_change at time zone p_zone) - (v_change at time zone 'UTC');
        if not p_cron.is_hourly and v_slot < v_change + (v_new_offset - v_offset) then
            v_slot := v_change;
            exit;
        end if;
        v_from := date_bin('1 minute', (v_change at time zone 'UTC') + interval '59.999999 seconds' + case
            when p_cron.is_hourly then v_new_offset
            else greatest(v_offset, v_new_offset)
        end, '2000-01-01');
        v_base := v_change;
        v_offset := v_new_offset;
    end loop;
    return v_slot;
end;
$$;
comment on function schedule.slot_after(schedule.cron, text, timestamptz) is
$$The first slot after a moment, of a cron text that has been read. See schedule.next_slot().$$;

create or replace function schedule.last_slot(
    p_cron schedule.cron, p_zone text, p_first timestamptz, p_until timestamptz
)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_back interval := interval '1 minute';
    v_slot timestamptz;
    v_next timestamptz;
begin
    -- Back by twice as much each time, so that a long absence costs no more than a short one.
    loop
        v_slot := schedule.slot_after(
            p_cron, p_zone, greatest(p_first - interval '1 microsecond', p_until - v_back)
        );
        exit when v_slot <= p_until or p_until - v_back < p_first;
        v_back := 2 * v_back;
    end loop;
    loop
        v_next := schedule.slot_after(p_cron, p_zone, v_slot);
        exit when v_next is null or v_next > p_until;
        v_slot := v_next;
    end loop;
    return v_slot;
end;
$$;
comment on function schedule.last_slot(schedule.cron, text, timestamptz, timestamptz) is
$$The last slot until p_until, itself among them. p_first: a slot that is not after p_until.$$;

create or replace function schedule.check_zone(p_zone text)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_meant text;
begin
    if p_zone = 'UTC' or exists (select from pg_timezone_names as z where z.name = p_zone) then
        return;
    end if;
    select z.name into v_meant
    from pg_timezone_names as z
    where lower(z.name) = lower(p_zone) or lower(z.name) like '%/' || replace(lower(p_zone), ' ', '\_')
    order by z.name
    limit 1;
    raise exception using
        errcode = 'LQ422',
        message = 'no such time zone',
        detail = format('Got "%s".', left(p_zone, 60)),
        hint = coalesce(
            'Meant is perhaps ' || v_meant || '.', 'Use an IANA name such as Europe/London, or UTC; see pg_timezone_names.'
        );
end;
$$;
comment on function schedule.check_zone(text) is
$$Refuse (LQ422) what is no name of a time zone. An abbreviation such as EST is one only where IANA lists it.$$;

create or replace function schedule.next_slot(p_cron text, p_zone text, p_after timestamptz)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return schedule.slot_after(schedule.parse_cron(p_cron), p_zone, p_after);
end;
$$;
comment on function schedule.next_slot(text, text, timestamptz) is
$$The first slot of a cron text after a moment: select schedule.next_slot('30 9 * * mon-fri', 'Europe/London', now()).

Raises LQ422 for a cron text that can not be read, 22023 for an unknown zone.$$;

create or replace function schedule.list_slots(
    p_cron text, p_zone text, p_from timestamptz, p_until timestamptz, p_limit bigint default 100000
)
returns setof timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_cron schedule.cron := schedule.parse_cron(p_cron);
    v_slot timestamptz := p_from - interval '1 microsecond';
begin
    for i in 1 .. p_limit loop
        v_slot := schedule.slot_after(v_cron, p_zone, v_slot);
        exit when v_slot is null or v_slot >= p_until;
        return next v_slot;
    end loop;
end;
$$;
comment on function schedule.list_slots(text, text, timestamptz, timestamptz, bigint) is
$$The slots of a cron text from p_from until before p_until, p_limit at most: to see what a text means before it is used.

Raises LQ422 for a cron text that can not be read, 22023 for an unknown zone.$$;
