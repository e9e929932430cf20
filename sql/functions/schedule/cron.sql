-- Cron texts: five fields, read once into lists of what matches.
--
-- A list is a text with a 1 for each value that matches, so that strpos() finds the next one. Days and weekdays have places
-- for what depends on the month: counted from its end, or the n-th of a weekday.

create or replace function schedule.refuse_cron(p_field text, p_got text, p_rule text)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using
        errcode = 'LQ422',
        message = format('the cron text''s %s can not be read', p_field),
        detail = format('Got "%s": %s.', left(p_got, 60), p_rule),
        hint = 'Five fields: minute hour day-of-month month day-of-week, as in "30 9 * * mon-fri".';
end;
$$;
comment on function schedule.refuse_cron(text, text, text) is
$$Refuse a cron text (LQ422) and say which field is wrong, what was read and what is expected.$$;

create or replace function schedule.read_cron_value(
    p_field text, p_text text, p_least integer, p_most integer, p_names text[]
)
returns integer
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value integer := array_position(p_names, p_text) + p_least - 1;
begin
    if v_value is null and p_text ~ '^[0-9]{1,2}$' then
        v_value := p_text::integer;
    end if;
    if v_value is null or v_value not between p_least and p_most then
        perform schedule.refuse_cron(p_field, p_text, format(
            'a number from %s to %s%s is expected', p_least, p_most,
            case when cardinality(p_names) > 0 then ' or a name such as ' || p_names[1] else '' end
        ));
    end if;
    return v_value;
end;
$$;
comment on function schedule.read_cron_value(text, text, integer, integer, text[]) is
$$Read one number or name of a cron field. p_names: the names of the values from p_least on. Raises LQ422.$$;

create or replace function schedule.read_cron_field(
    p_field text, p_text text, p_least integer, p_most integer, p_places integer, p_names text[] default '{}'
)
returns text
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_item text;
    v_part text[];
    v_from integer;
    v_to integer;
    v_step integer;
    v_nth text;
    v_is_weekday boolean := p_field = 'day of week';
    -- Sunday's second number ends ranges only.
    v_last integer := case when v_is_weekday then 6 else p_most end;
    v_marks text := repeat('0', p_places);
    v_place integer;
begin
    if p_text = '*' then
        return repeat('1', case when v_is_weekday then 35 else p_most - p_least + 1 end) || repeat('0', p_places - case
            when v_is_weekday then 35
            else p_most - p_least + 1
        end);
    end if;
    foreach v_item in array string_to_array(p_text, ',') loop
        if p_field = 'day of month' and v_item ~ '^l(-[0-9]{1,2})?$' then
            v_from := coalesce(nullif(substr(v_item, 3), '')::integer, 0);
            if v_from > 27 then
                perform schedule.refuse_cron(p_field, v_item, 'at most 27 days before the last, which every month has');
            end if;
            v_marks := overlay(v_marks placing '1' from 32 + v_from);
            continue;
        end if;
        v_nth := null;
        if v_is_weekday and v_item ~ '^[0-9a-z]+(l|#[0-9]+)$' then
            v_nth := substring(v_item from '(l|#[0-9]+)$');
            v_item := left(v_item, -length(v_nth));
            if v_nth not in ('l', '#1', '#2', '#3', '#4', '#5') then
                perform schedule.refuse_cron(p_field, v_item || v_nth, 'the first to the fifth is expected behind #');
            end if;
        end if;
        v_part := regexp_match(v_item, '^(?:(\*)|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:/([0-9]+))?$');
        if v_part is null or v_nth is not null and (v_part[2] is null or v_part[3] is not null or v_part[4] is not null) then
            perform schedule.refuse_cron(
                p_field, v_item || coalesce(v_nth, ''),
                'expected is *, a value, a range a-b, either with a step /n, or a list of them'
            );
        end if;
        v_step := 1;
        if v_part[4] is not null then
            if length(v_part[4]) > 2 or v_part[4]::integer not between 1 and v_last then
                perform schedule.refuse_cron(p_field, v_item, format('a step from 1 to %s is expected behind /', v_last));
            end if;
            v_step := v_part[4]::integer;
        end if;
        if v_part[1] is not null then
            v_from := p_least;
            v_to := v_last;
        else
            v_from := schedule.read_cron_value(p_field, v_part[2], p_least, p_most, p_names);
            v_to := case
                when v_part[3] is not null then schedule.read_cron_value(p_field, v_part[3], p_least, p_most, p_names)
                when v_part[4] is not null then greatest(v_from, v_last)
                else v_from
            end;
            -- fri-sun
            if v_is_weekday and v_to = 0 and v_from > 0 then
                v_to := 7;
            end if;
            if v_to < v_from then
                perform schedule.refuse_cron(p_field, v_item, 'a range goes upwards; write two, separated by a comma');
            end if;
        end if;
        if v_step = 1 and not v_is_weekday then
            v_marks := overlay(v_marks placing repeat('1', v_to - v_from + 1) from v_from - p_least + 1);
            continue;
        end if;
        for v_value in v_from .. v_to by v_step loop
            if not v_is_weekday then
                v_marks := overlay(v_marks placing '1' from v_value - p_least + 1);
                continue;
            end if;
            v_place := v_value % 7 + case
                when v_nth is null then 1
                when v_nth = 'l' then 36
                else 7 * (substr(v_nth, 2)::integer - 1) + 1
            end;
            loop
                v_marks := overlay(v_marks placing '1' from v_place);
                v_place := v_place + 7;
                exit when v_nth is not null or v_place > 35;
            end loop;
        end loop;
    end loop;
    return v_marks;
end;
$$;
comment on function schedule.read_cron_field(text, text, integer, integer, integer, text[]) is
$$Read one field of a cron text: lists of *, values, names, ranges and steps. Gives a 1 at the place of each value. Raises LQ422.

p_places: length of what is given. Day of month: behind the days, the n-th before the last is at 32 + n. Day of week: weekday d
(Sunday 0) as the n-th in its month is at d + 7 (n - 1) + 1, at all five when no n is named; the last in its month is at d + 36.$$;

create or replace function schedule.parse_cron(p_text text)
returns schedule.cron
language plpgsql
immutable
strict
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_text text := lower(btrim(regexp_replace(p_text, '[ \t]+', ' ', 'g'), ' '));
    v_fields text[];
    v_cron schedule.cron;
begin
    if starts_with(v_text, '@') then
        v_text := case v_text
            when '@hourly' then '0 * * * *'
            when '@daily' then '0 0 * * *'
            when '@midnight' then '0 0 * * *'
            when '@weekly' then '0 0 * * 0'
            when '@monthly' then '0 0 1 * *'
            when '@yearly' then '0 0 1 1 *'
            when '@annually' then '0 0 1 1 *'
        end;
        if v_text is null then
            perform schedule.refuse_cron('name', p_text, 'known are @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually');
        end if;
    end if;
    if length(v_text) > 500 then
        raise exception using
            errcode = 'LQ422',
            message = 'a cron text has at most 500 characters',
            detail = format('Got %s.', length(v_text)),
            hint = 'Write ranges and steps, or make two tasks of it.';
    end if;
    v_fields := string_to_array(v_text, ' ');
    if cardinality(v_fields) <> 5 then
        raise exception using
            errcode = 'LQ422',
            message = 'a cron text has five fields',
            detail = format('Got %s in "%s".', cardinality(v_fields), left(p_text, 60)),
            hint = 'Minute hour day-of-month month day-of-week, as in "30 9 * * mon-fri". Seconds are not among them: use every.';
    end if;

    v_cron.minutes := schedule.read_cron_field('minute', v_fields[1], 0, 59, 60);
    v_cron.hours := schedule.read_cron_field('hour', v_fields[2], 0, 23, 24);
    v_cron.days := schedule.read_cron_field('day of month', v_fields[3], 1, 31, 59);
    v_cron.months := schedule.read_cron_field(
        'month', v_fields[4], 1, 12, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'
    );
    v_cron.weekdays := schedule.read_cron_field(
        'day of week', v_fields[5], 0, 7, 42, '{sun,mon,tue,wed,thu,fri,sat}'
    );
    v_cron.is_hourly := strpos(v_cron.hours, '0') = 0;
    -- A field that leaves nothing out restricts nothing.
    if starts_with(v_cron.days, repeat('1', 31)) then
        v_cron.days := null;
    end if;
    if starts_with(v_cron.weekdays, repeat('1', 35)) then
        v_cron.weekdays := null;
    end if;
    if v_cron.days is not null and v_cron.weekdays is null and strpos(substr(v_cron.days, 32), '1') = 0 and not exists (
        select
        from unnest('{31,29,31,30,31,30,31,31,30,31,30,31}'::integer[]) with ordinality as m (length, month)
        where substr(v_cron.months, m.month::integer, 1) = '1' and strpos(left(v_cron.days, m.length), '1') > 0
    ) then
        perform schedule.refuse_cron('day of month', v_fields[3], format('no such day is in month %s', v_fields[4]));
    end if;
    return v_cron;
end;
$$;
comment on function schedule.parse_cron(text) is
$$Read a cron text: minute, hour, day of month, month, day of week, or @hourly, @daily, @midnight, @weekly, @monthly, @yearly.

A field is a list of *, numbers, names (jan, mon) and ranges, with steps; capitals count as small letters. Day of month also: L (the
last), L-3 (three days before it). Day of week also: 5L (the last Friday), 5#2 (the second one); 0 and 7 are Sunday. Raises LQ422 with
the field that is wrong, also for days that never come, such as February 30.$$;
