-- Funnels over HTTP: the same answers as the functions.

create or replace function growth.answer_funnel(
    p_steps jsonb, p_from date, p_to date, p_window_seconds integer, p_kind text, p_modes text[], p_exclusions jsonb,
    p_breakdown text, p_attribution text, p_limit integer, p_accept text
)
returns http.response
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := ledger.caller_books();
    v_time_zone text := (growth.definition_of(v_account_id)).time_zone;
    v_to date := coalesce(p_to, (core.now() at time zone v_time_zone)::date);
    v_from date := coalesce(p_from, v_to - 29);
    v_rows jsonb;
begin
    select coalesce(jsonb_agg(jsonb_build_object(
        'breakdown', f.breakdown, 'is_rest', f.is_rest, 'step', f.step, 'name', f.name, 'is_optional', f.is_optional,
        'entered', f.entered, 'converted', f.converted, 'from_first', f.from_first, 'from_previous', f.from_previous,
        'median_seconds_from_first', extract(epoch from f.median_from_first)::double precision,
        'p90_seconds_from_first', extract(epoch from f.p90_from_first)::double precision,
        'median_seconds_from_previous', extract(epoch from f.median_from_previous)::double precision,
        'p90_seconds_from_previous', extract(epoch from f.p90_from_previous)::double precision,
        'dropped', f.dropped, 'incomplete', f.incomplete, 'excluded', f.excluded
    ) order by f.n), '[]')
    into v_rows
    from growth.funnel(
        v_account_id, p_steps, v_from::timestamp at time zone v_time_zone, (v_to + 1)::timestamp at time zone v_time_zone,
        make_interval(secs => p_window_seconds), p_kind, p_modes, p_exclusions, p_breakdown, p_attribution, p_limit
    ) with ordinality as f (
        breakdown, is_rest, step, name, is_optional, entered, converted, from_first, from_previous, median_from_first, p90_from_first,
        median_from_previous, p90_from_previous, dropped, incomplete, excluded, n
    );
    return http.rows(
        p_accept,
        jsonb_build_object(
            'from', v_from, 'to', v_to, 'time_zone', v_time_zone, 'window_seconds', p_window_seconds, 'kind', p_kind, 'steps', v_rows
        ),
        '{breakdown,is_rest,step,name,is_optional,entered,converted,from_first,from_previous,median_seconds_from_first,'
        'p90_seconds_from_first,median_seconds_from_previous,p90_seconds_from_previous,dropped,incomplete,excluded}',
        v_rows
    );
end;
$$;
comment on function growth.answer_funnel(jsonb, date, date, integer, text, text[], jsonb, text, text, integer, text) is
$$The answer to a question about a funnel over HTTP. p_from, p_to: first and last day to enter, in the time zone of the account. The
other arguments are those of growth.funnel.$$;

create or replace function api.show_funnel(
    p_steps text,
    p_from date default null,
    p_to date default null,
    p_window_seconds integer default 604800,
    p_kind text default 'ordered',
    p_breakdown text default null,
    p_attribution text default 'step_1',
    p_limit integer default 20,
    p_accept text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return growth.answer_funnel(
        (
            select jsonb_agg(jsonb_build_object('name', s.name) order by s.n)
            from unnest(string_to_array(p_steps, ',')) with ordinality as s (name, n)
        ),
        p_from, p_to, p_window_seconds, p_kind, null, '[]', p_breakdown, p_attribution, p_limit, p_accept
    );
end;
$$;
comment on function api.show_funnel(text, date, date, integer, text, text, text, integer, text) is
$$See a funnel

Of the persons who did the first step on the days from and to, how many did each further step within the window, as growth.funnel() tells
it. For filters, exclusions and optional steps ask by POST. CSV by Accept: a line a step.$$;

create or replace function api.ask_funnel(
    p_steps jsonb,
    p_from date default null,
    p_to date default null,
    p_window_seconds integer default 604800,
    p_kind text default 'ordered',
    p_modes text[] default null,
    p_exclusions jsonb default '[]',
    p_breakdown text default null,
    p_attribution text default 'step_1',
    p_limit integer default 20,
    p_accept text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return growth.answer_funnel(
        p_steps, p_from, p_to, p_window_seconds, p_kind, p_modes, p_exclusions, p_breakdown, p_attribution, p_limit, p_accept
    );
end;
$$;
comment on function api.ask_funnel(jsonb, date, date, integer, text, text[], jsonb, text, text, integer, text) is
$$Ask for a funnel

As GET, with all that growth.funnel() knows. It changes nothing. CSV by Accept: a line a step.$$;

create or replace function api.list_funnel_persons(
    p_steps jsonb,
    p_from date default null,
    p_to date default null,
    p_window_seconds integer default 604800,
    p_kind text default 'ordered',
    p_modes text[] default null,
    p_exclusions jsonb default '[]',
    p_outcome text default 'dropped',
    p_step integer default null,
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
    v_rows jsonb;
    v_next text;
begin
    if p_after !~ '^[0-9]{1,18}$' then
        raise exception using errcode = 'LQ422', message = '"after" names no person', hint = 'Take it from next of the page before.';
    end if;
    -- One more than asked for tells whether there is a next page.
    select
        coalesce(jsonb_agg(jsonb_build_object(
            'person_id', p.person_id, 'user_id', core.show_id('user', p.user_id), 'outcome', p.outcome, 'step', p.step, 'name', p.name,
            'entered_at', p.entered_at, 'reached_at', p.reached_at
        ) order by p.n) filter (where p.n <= p_limit), '[]'),
        max(p.person_id) filter (where p.n = p_limit and p.total > p_limit)::text
    into v_rows, v_next
    from (
        select f.*, row_number() over (order by f.person_id) as n, count(*) over () as total
        from growth.funnel_persons(
            v_account_id, p_steps, v_from::timestamp at time zone v_time_zone, (v_to + 1)::timestamp at time zone v_time_zone,
            make_interval(secs => p_window_seconds), p_kind, p_modes, p_exclusions, p_outcome, p_step, p_after::bigint, p_limit + 1
        ) as f
    ) as p;
    return http.rows(
        p_accept, jsonb_build_object('persons', v_rows, 'next', v_next),
        '{person_id,user_id,outcome,step,name,entered_at,reached_at}', v_rows
    );
end;
$$;
comment on function api.list_funnel_persons(
    jsonb, date, date, integer, text, text[], jsonb, text, integer, integer, text, text
) is
$$List the persons of a funnel

Who converted, and who stopped where, as growth.funnel_persons() tells it. next holds the value of after for the next page; null on
the last page. CSV by Accept: a line a person.$$;

select http.register_schema('FunnelEvent', '{"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 100, "description": "name of the events"},
    "filters": {"type": "object", "maxProperties": 20, "description":
        "properties ($source, $campaign, $medium too), each with a value, an array, or an object of in, ne, gt, gte, lt, lte, exists"},
    "is_optional": {"type": "boolean", "description": "a step that may be left out"},
    "after_step": {"type": "integer", "minimum": 1, "description": "of an exclusion: the step after which it counts; default: any"}}}');
select http.register_schema('FunnelStep', '{"type": "object", "additionalProperties": false,
    "required": ["breakdown", "is_rest", "step", "name", "entered", "converted", "from_first", "from_previous"], "properties": {
        "breakdown": {"type": ["string", "null"], "description": "value of the breakdown; null: none"},
        "is_rest": {"type": "boolean", "description": "all values behind the limit together"},
        "step": {"type": "integer", "minimum": 1}, "name": {"type": "string"}, "is_optional": {"type": "boolean"},
        "entered": {"type": "integer", "minimum": 0, "description": "persons who did the step before"},
        "converted": {"type": "integer", "minimum": 0, "description": "of these, who did this one"},
        "from_first": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "from_previous": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "median_seconds_from_first": {"type": ["number", "null"]}, "p90_seconds_from_first": {"type": ["number", "null"]},
        "median_seconds_from_previous": {"type": ["number", "null"]}, "p90_seconds_from_previous": {"type": ["number", "null"]},
        "dropped": {"type": ["integer", "null"], "description": "did this step, not the next, and the window is over"},
        "incomplete": {"type": ["integer", "null"], "description": "did this step, not the next, and a window is still open"},
        "excluded": {"type": ["integer", "null"], "description": "stood on this step, and only an exclusion kept them back"}}}');

do $$
declare
    v_steps constant jsonb := '{"200": {"description": "A row a step, and a value of the breakdown", "schema": {"type": "object",
        "additionalProperties": false, "required": ["from", "to", "time_zone", "window_seconds", "kind", "steps"], "properties": {
            "from": {"type": "string", "format": "date"}, "to": {"type": "string", "format": "date"}, "time_zone": {"type": "string"},
            "window_seconds": {"type": "integer"}, "kind": {"type": "string"},
            "steps": {"type": "array", "items": {"$ref": "#/components/schemas/FunnelStep"}}}},
        "csv": true, "headers": {"ETag": {"description": "Changes when the answer does", "schema": {"type": "string"}}}}, "404": {}}';
    v_persons constant jsonb := '{"200": {"description": "A page of persons", "schema": {"type": "object",
        "additionalProperties": false, "required": ["persons", "next"], "properties": {
            "persons": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["person_id", "user_id", "outcome", "step", "name", "entered_at", "reached_at"], "properties": {
                    "person_id": {"type": "integer"}, "user_id": {"type": ["string", "null"]},
                    "outcome": {"enum": ["converted", "dropped", "incomplete", "excluded"]}, "step": {"type": "integer"},
                    "name": {"type": "string"}, "entered_at": {"type": ["string", "null"]}, "reached_at": {"type": ["string", "null"]}}}},
            "next": {"type": ["string", "null"]}}},
        "csv": true, "headers": {"ETag": {"description": "Changes when the answer does", "schema": {"type": "string"}}}}, "404": {}}';
    v_range constant jsonb := '{
        "from": {"type": "string", "format": "date", "description": "first day to enter; default: 30 days in all"},
        "to": {"type": "string", "format": "date", "description": "last day to enter; default: today"},
        "window_seconds": {"type": "integer", "minimum": 0, "maximum": 315360000, "default": 604800},
        "kind": {"enum": ["ordered", "strict", "unordered"], "default": "ordered"}}';
    v_breakdown constant jsonb := '{
        "breakdown": {"type": "string", "maxLength": 200, "description": "source, campaign, medium or properties.NAME"},
        "attribution": {"type": "string", "pattern": "^(first_touch|last_touch|step_[1-9][0-9]?)$", "default": "step_1"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20, "description": "values of the breakdown"}}';
    v_question constant jsonb := '{
        "steps": {"type": "array", "minItems": 1, "maxItems": 30, "items": {"$ref": "#/components/schemas/FunnelEvent"}},
        "exclusions": {"type": "array", "maxItems": 30, "items": {"$ref": "#/components/schemas/FunnelEvent"}},
        "modes": {"type": "array", "maxItems": 5, "items": {"enum":
            ["strict_order", "strict_deduplication", "strict_increase", "strict_once", "allow_reentry"]}}}'::jsonb || v_range;
    v_accept constant jsonb := '{"accept": {"type": "string", "maxLength": 1000, "in": "header"}}';
begin
    perform http.register_route(
        'GET', '/api/v1/analytics/funnel', 'api.show_funnel', p_domain => 'growth', p_scopes => '{analytics:read,platform}',
        p_limit_class => 'manage', p_lane => 'alone',
        p_timeout_ms => 30000, p_parameters => v_range || v_breakdown || v_accept
        || '{"steps": {"type": "string", "minLength": 1, "maxLength": 3000, "description": "names of events, with commas between"}}',
        p_responses => v_steps
    );
    perform http.register_route(
        'POST', '/api/v1/analytics/funnel', 'api.ask_funnel', p_domain => 'growth', p_scopes => '{analytics:read,platform}',
        p_limit_class => 'manage', p_lane => 'alone',
        p_timeout_ms => 30000, p_parameters => v_accept, p_responses => v_steps,
        p_request_schema => jsonb_build_object(
            'type', 'object', 'additionalProperties', false, 'required', '["steps"]'::jsonb, 'properties', v_question || v_breakdown
        )
    );
    perform http.register_route(
        'POST', '/api/v1/analytics/funnel/persons', 'api.list_funnel_persons', p_domain => 'growth', p_scopes => '{analytics:read,platform}',
        p_limit_class => 'manage',
        p_lane => 'alone', p_timeout_ms => 30000, p_parameters => v_accept, p_responses => v_persons,
        p_request_schema => jsonb_build_object(
            'type', 'object', 'additionalProperties', false, 'required', '["steps"]'::jsonb, 'properties', v_question || '{
                "outcome": {"enum": ["converted", "dropped", "incomplete", "excluded", "any"], "default": "dropped"},
                "step": {"type": "integer", "minimum": 1, "description": "only who stood on this step"},
                "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
                "after": {"type": "string", "maxLength": 20, "description": "next of the page before"}}'
        )
    );
end;
$$;
