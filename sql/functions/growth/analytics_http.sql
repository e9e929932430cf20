-- Analytics over HTTP: the same answers as the functions, in pages, as JSON or CSV.

create or replace function growth.cut_page(
    p_key text, p_limit integer, p_after text, p_rows jsonb, out rows jsonb, out next text
)
returns record
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_after !~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(~.*)?$' then
        raise exception using
            errcode = 'LQ422', message = '"after" names no row', hint = 'Take it from next of the page before.';
    end if;
    select
        coalesce(jsonb_agg(r.row order by r.place) filter (where r.place <= p_limit), '[]'),
        max(r.row ->> p_key || coalesce('~' || (r.row ->> 'value'), '')) filter (where r.place = p_limit and r.count > p_limit)
    into rows, next
    from (
        select a.row, row_number() over (order by a.place) as place, count(*) over () as count
        from jsonb_array_elements(p_rows) with ordinality as a (row, place)
        where p_after is null
            or (a.row ->> p_key, coalesce(a.row ->> 'value', '') collate "C") > (left(p_after, 10), substr(p_after, 12) collate "C")
    ) as r;
end;
$$;
comment on function growth.cut_page(text, integer, text, jsonb) is
$$A page of rows that are in the order of a day and of their value: the rows, and what stands in after for the next page; null on the
last.

p_key: member that holds the day. p_after: DAY, or DAY~VALUE, of the last row of the page before. Raises LQ422 for another text.$$;

create or replace function api.show_cohorts(
    p_period text default 'week',
    p_from date default null,
    p_to date default null,
    p_kind text default 'first_time',
    p_return text default 'on',
    p_clock text default 'calendar',
    p_start_name text default null,
    p_return_name text default null,
    p_dimension text default null,
    p_periods integer default null,
    p_average boolean default false,
    p_limit integer default 100,
    p_after text default null,
    p_accept text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := ledger.caller_books();
    v_time_zone text := (growth.definition_of(v_account_id)).time_zone;
    v_after date;
    v_after_value text := coalesce(substr(p_after, 12), '');
    v_rows jsonb;
    v_cohorts jsonb;
    v_next text;
begin
    if p_average then
        select coalesce(jsonb_agg(to_jsonb(a) order by a.dimension collate "C", a.period), '[]') into v_rows
        from growth.cohort_average(
            v_account_id, p_period, p_from, p_to, p_kind, p_return, p_clock, p_start_name, p_return_name, p_dimension, p_periods
        ) as a;
        return http.rows(
            p_accept, jsonb_build_object('period', p_period, 'time_zone', v_time_zone, 'averages', v_rows),
            '{dimension,period,cohorts,size,persons,rate}', v_rows
        );
    end if;

    if p_after is not null then
        if p_after !~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(~.*)?$' then
            raise exception using
                errcode = 'LQ422', message = '"after" names no cohort', hint = 'Take it from next of the page before.';
        end if;
        v_after := left(p_after, 10)::date;
    end if;
    -- One cohort more than asked for tells whether there is a next page.
    with cell as materialized (
        select
            c.*, dense_rank() over (order by coalesce(c.dimension, '') collate "C", c.cohort_start) as place
        from growth.cohort_retention(
            v_account_id, p_period, p_from, p_to, p_kind, p_return, p_clock, p_start_name, p_return_name, p_dimension, p_periods
        ) as c
        where v_after is null
            or (coalesce(c.dimension, '') collate "C", c.cohort_start) > (v_after_value collate "C", v_after)
    ),
    cohort as (
        select
            c.place, c.cohort_start, c.dimension, c.size, jsonb_agg(jsonb_build_object(
                'period', c.period, 'persons', c.persons, 'rate', c.rate, 'is_mature', c.is_mature
            ) order by c.period) as periods
        from cell as c
        where c.place <= p_limit
        group by c.place, c.cohort_start, c.dimension, c.size
    )
    select
        (
            select coalesce(jsonb_agg(to_jsonb(c) - 'place' order by c.place, c.period), '[]')
            from cell as c
            where c.place <= p_limit
        ), (
            select coalesce(jsonb_agg(to_jsonb(h) - 'place' order by h.place), '[]') from cohort as h
        ), (
            select h.cohort_start || coalesce('~' || h.dimension, '')
            from cohort as h
            where h.place = p_limit and exists (select from cell as c where c.place > p_limit)
        )
    into v_rows, v_cohorts, v_next;
    return http.rows(
        p_accept,
        jsonb_build_object('period', p_period, 'time_zone', v_time_zone, 'cohorts', v_cohorts, 'next', v_next),
        '{cohort_start,dimension,size,period,persons,rate,is_mature}', v_rows,
        growth.next_link('/api/v1/analytics/cohorts', v_next, jsonb_build_object(
            'period', p_period, 'from', p_from, 'to', p_to, 'kind', p_kind, 'return', p_return, 'clock', p_clock,
            'start_name', p_start_name, 'return_name', p_return_name, 'dimension', p_dimension, 'periods', p_periods,
            'limit', p_limit
        ))
    );
end;
$$;
comment on function api.show_cohorts(
    text, date, date, text, text, text, text, text, text, integer, boolean, integer, text, text
) is
$$See cohort retention

Who began in each period, and how many of them came back in each period after it, as growth.cohort_retention() tells it. persons and
rate are null while a period is not over for everybody in the cohort. average=true gives the average over the cohorts that are old
enough instead. next holds the value of after for the next page, as does the Link header; null on the last page. CSV by Accept: a line a
cohort and period.$$;

create or replace function api.show_activity(
    p_from date default null,
    p_to date default null,
    p_dimension text default null,
    p_limit integer default 100,
    p_after text default null,
    p_accept text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := ledger.caller_books();
    v_time_zone text := (growth.definition_of(v_account_id)).time_zone;
    v_to date := coalesce(p_to, (core.now() at time zone v_time_zone)::date);
    v_from date := coalesce(p_from, v_to - 29);
    v_page record;
begin
    v_page := growth.cut_page('day', p_limit, p_after, (
        select jsonb_agg(to_jsonb(a) order by a.day, a.value collate "C")
        from growth.activity_by_day(v_account_id, v_from, v_to, p_dimension) as a
    ));
    return http.rows(
        p_accept,
        jsonb_build_object('time_zone', v_time_zone, 'days', v_page.rows, 'next', v_page.next),
        '{day,value,dau,wau,mau,wau_calendar,mau_calendar,stickiness}', v_page.rows,
        growth.next_link('/api/v1/analytics/activity', v_page.next, jsonb_build_object(
            'from', v_from, 'to', v_to, 'dimension', p_dimension, 'limit', p_limit
        ))
    );
end;
$$;
comment on function api.show_activity(date, date, text, integer, text, text) is
$$See how many persons were active, day by day

Active on the day, in 7 and 30 days up to it, and since Monday and the first of the month, as growth.activity_by_day() tells it; the last
30 days unless from and to say otherwise. next holds the value of after for the next page, as does the Link header; null on the last
page. CSV by Accept.$$;

create or replace function api.show_lifecycle(
    p_from date default null,
    p_to date default null,
    p_period text default 'day',
    p_dimension text default null,
    p_limit integer default 100,
    p_after text default null,
    p_accept text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := ledger.caller_books();
    v_time_zone text := (growth.definition_of(v_account_id)).time_zone;
    v_to date := coalesce(p_to, (core.now() at time zone v_time_zone)::date);
    v_from date := coalesce(p_from, v_to - 29);
    v_page record;
begin
    v_page := growth.cut_page('starts_on', p_limit, p_after, (
        select jsonb_agg(to_jsonb(l) order by l.starts_on, l.value collate "C")
        from growth.lifecycle(v_account_id, v_from, v_to, p_period, p_dimension) as l
    ));
    return http.rows(
        p_accept,
        jsonb_build_object('period', p_period, 'time_zone', v_time_zone, 'periods', v_page.rows, 'next', v_page.next),
        '{starts_on,value,new_persons,returning_persons,resurrecting_persons,dormant_persons}', v_page.rows,
        growth.next_link('/api/v1/analytics/lifecycle', v_page.next, jsonb_build_object(
            'from', v_from, 'to', v_to, 'period', p_period, 'dimension', p_dimension, 'limit', p_limit
        ))
    );
end;
$$;
comment on function api.show_lifecycle(date, date, text, text, integer, text, text) is
$$See who is new, returns, comes back, or has gone

By day, week or month, as growth.lifecycle() tells it; those who have gone are shown below zero. The last 30 days unless from and to say
otherwise. next holds the value of after for the next page, as does the Link header; null on the last page. CSV by Accept.$$;

select http.register_schema('Cohort', '{"type": "object", "additionalProperties": false,
    "required": ["cohort_start", "dimension", "size", "periods"], "properties": {
        "cohort_start": {"type": "string", "format": "date", "description": "first day of the period in which its persons began"},
        "dimension": {"type": ["string", "null"], "description": "value of the dimension; null: none was asked for"},
        "size": {"type": "integer", "minimum": 0, "description": "persons who began"},
        "periods": {"type": "array", "items": {"type": "object", "additionalProperties": false,
            "required": ["period", "persons", "rate", "is_mature"], "properties": {
                "period": {"type": "integer", "minimum": 0},
                "persons": {"type": ["integer", "null"], "description": "how many returned; null: not over yet"},
                "rate": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
                "is_mature": {"type": "boolean", "description": "over for everybody in the cohort"}}}}}}');
select http.register_route('GET', '/api/v1/analytics/cohorts', 'api.show_cohorts', p_domain => 'growth',
    p_scopes => '{analytics:read,platform}', p_limit_class => 'manage', p_lane => 'alone', p_timeout_ms => 30000,
    p_parameters => '{
        "period": {"enum": ["day", "week", "month"], "default": "week"},
        "from": {"type": "string", "format": "date", "description": "a day of the first cohort; default: twelve cohorts"},
        "to": {"type": "string", "format": "date", "description": "a day of the last cohort; default: today"},
        "kind": {"enum": ["first_time", "recurring"], "default": "first_time"},
        "return": {"enum": ["on", "on_or_after"], "default": "on"},
        "clock": {"enum": ["calendar", "rolling"], "default": "calendar"},
        "start_name": {"type": "string", "minLength": 1, "maxLength": 100, "description": "name of the events that start; default: any"},
        "return_name": {"type": "string", "minLength": 1, "maxLength": 100, "description": "name of the events that return; default: any"},
        "dimension": {"type": "string", "minLength": 1, "maxLength": 63, "description": "split by source, or another dimension of the account"},
        "periods": {"type": "integer", "minimum": 0, "maximum": 400, "description": "show periods 0 to this; default: the triangle that ends with to"},
        "average": {"type": "boolean", "default": false, "description": "the average instead of the cohorts"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 400, "default": 100, "description": "cohorts a page"},
        "after": {"type": "string", "maxLength": 220, "description": "next of the page before"},
        "accept": {"type": "string", "maxLength": 1000, "in": "header"}}',
    p_responses => '{"200": {"description": "A page of cohorts, or the average", "schema": {"type": "object",
        "required": ["period", "time_zone"], "additionalProperties": false, "properties": {
            "period": {"enum": ["day", "week", "month"]}, "time_zone": {"type": "string"},
            "cohorts": {"type": "array", "items": {"$ref": "#/components/schemas/Cohort"}},
            "averages": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["dimension", "period", "cohorts", "size", "persons", "rate"], "properties": {
                    "dimension": {"type": ["string", "null"]}, "period": {"type": "integer", "minimum": 0},
                    "cohorts": {"type": "integer", "minimum": 0, "description": "cohorts that are old enough and not empty"},
                    "size": {"type": "integer", "minimum": 0}, "persons": {"type": "integer", "minimum": 0},
                    "rate": {"type": ["number", "null"], "minimum": 0, "maximum": 1}}}},
            "next": {"type": ["string", "null"]}}},
        "csv": true, "headers": {"Link": {"description": "rel=next: the next page, when there is one", "schema": {"type": "string"}},
            "ETag": {"description": "Changes when the answer does", "schema": {"type": "string"}}}}, "404": {}}');
select http.register_route('GET', '/api/v1/analytics/activity', 'api.show_activity', p_domain => 'growth',
    p_scopes => '{analytics:read,platform}', p_limit_class => 'manage', p_lane => 'alone', p_timeout_ms => 30000,
    p_parameters => '{
        "from": {"type": "string", "format": "date", "description": "first day; default: 29 days before the last"},
        "to": {"type": "string", "format": "date", "description": "last day; default: today"},
        "dimension": {"type": "string", "minLength": 1, "maxLength": 63, "description": "split by source, or another dimension of the account"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100, "description": "rows a page"},
        "after": {"type": "string", "maxLength": 220, "description": "next of the page before"},
        "accept": {"type": "string", "maxLength": 1000, "in": "header"}}',
    p_responses => '{"200": {"description": "A page of days", "schema": {"type": "object",
        "required": ["time_zone", "days", "next"], "additionalProperties": false, "properties": {
            "time_zone": {"type": "string"},
            "days": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["day", "value", "dau", "wau", "mau", "wau_calendar", "mau_calendar", "stickiness"], "properties": {
                    "day": {"type": "string", "format": "date"},
                    "value": {"type": ["string", "null"], "description": "of the dimension; null: none was asked for"},
                    "dau": {"type": "integer", "minimum": 0}, "wau": {"type": "integer", "minimum": 0},
                    "mau": {"type": "integer", "minimum": 0}, "wau_calendar": {"type": "integer", "minimum": 0},
                    "mau_calendar": {"type": "integer", "minimum": 0},
                    "stickiness": {"type": ["number", "null"], "minimum": 0, "maximum": 1}}}},
            "next": {"type": ["string", "null"]}}},
        "csv": true, "headers": {"Link": {"description": "rel=next: the next page, when there is one", "schema": {"type": "string"}},
            "ETag": {"description": "Changes when the answer does", "schema": {"type": "string"}}}}, "404": {}}');
select http.register_route('GET', '/api/v1/analytics/lifecycle', 'api.show_lifecycle', p_domain => 'growth',
    p_scopes => '{analytics:read,platform}', p_limit_class => 'manage', p_lane => 'alone', p_timeout_ms => 30000,
    p_parameters => '{
        "from": {"type": "string", "format": "date", "description": "first day; default: 29 days before the last"},
        "to": {"type": "string", "format": "date", "description": "last day; default: today"},
        "period": {"enum": ["day", "week", "month"], "default": "day"},
        "dimension": {"type": "string", "minLength": 1, "maxLength": 63, "description": "split by source, or another dimension of the account"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100, "description": "rows a page"},
        "after": {"type": "string", "maxLength": 220, "description": "next of the page before"},
        "accept": {"type": "string", "maxLength": 1000, "in": "header"}}',
    p_responses => '{"200": {"description": "A page of periods", "schema": {"type": "object",
        "required": ["period", "time_zone", "periods", "next"], "additionalProperties": false, "properties": {
            "period": {"enum": ["day", "week", "month"]}, "time_zone": {"type": "string"},
            "periods": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["starts_on", "value", "new_persons", "returning_persons", "resurrecting_persons", "dormant_persons"],
                "properties": {
                    "starts_on": {"type": "string", "format": "date"},
                    "value": {"type": ["string", "null"], "description": "of the dimension; null: none was asked for"},
                    "new_persons": {"type": "integer", "minimum": 0}, "returning_persons": {"type": "integer", "minimum": 0},
                    "resurrecting_persons": {"type": "integer", "minimum": 0},
                    "dormant_persons": {"type": "integer", "maximum": 0, "description": "below zero: those who have gone"}}}},
            "next": {"type": ["string", "null"]}}},
        "csv": true, "headers": {"Link": {"description": "rel=next: the next page, when there is one", "schema": {"type": "string"}},
            "ETag": {"description": "Changes when the answer does", "schema": {"type": "string"}}}}, "404": {}}');
