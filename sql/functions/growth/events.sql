-- Events come in: each once, whatever is sent again, and counted at once.
--
-- Locks, in this order, so that two batches never wait for each other in a circle: the day (advisory, shared), the account
-- (advisory, shared; alone for a batch in which persons turn out to be one), arrivals by id, users by id (advisory),
-- identifiers, persons and activity each in the order of their keys. Rows of events meet nobody.
--
-- The work is done by few statements over the whole batch, with its events in arrays between them: read and look up, arrivals,
-- events, activity. What is rare (new persons, first events that move, repeats, refusals) has statements of its own.

create or replace function growth.read_events(
    p_account_id uuid,
    p_events jsonb,
    p_day date,
    out total integer,
    out ids uuid[],
    out names text[],
    out event_ats timestamptz[],
    out user_ids text[],
    out anonymous_ids text[],
    out sources text[],
    out campaigns text[],
    out media text[],
    out origins text[],
    out consents boolean[],
    out properties jsonb[],
    out person_ids bigint[],
    out seen_ats timestamptz[],
    out is_known boolean[],
    out reasons text[],
    out is_good boolean[],
    out all_are_good boolean,
    out all_are_known boolean,
    out first_moves boolean,
    out from_day date,
    out first_month date,
    out last_month date
)
returns record
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_now timestamptz := core.now();
    v_latest timestamptz := v_now + interval '24 hours';
    v_earliest timestamptz := growth.first_kept_month();
    v_latest_id uuid := jobs.first_id_at(v_latest + interval '1 millisecond');
    v_today_id uuid := jobs.first_id_at(p_day::timestamp at time zone 'UTC');
begin
    -- Months that were dropped do not come back with an event.
    if to_regclass('growth.event_' || to_char(v_earliest at time zone 'UTC', 'YYYYMM')) is null then
        v_earliest := greatest(v_earliest, growth.oldest_month());
    end if;
    select
        count(*), array_agg(e.id), array_agg(e.name), array_agg(e.event_at), array_agg(e.user_id), array_agg(e.anonymous_id),
        array_agg(e.source), array_agg(e.campaign), array_agg(e.medium), array_agg(e.origin), array_agg(e.is_consented),
        array_agg(e.properties), array_agg(e.person_id), array_agg(e.seen_at), array_agg(e.is_known),
        array_agg(e.reason),
        array_agg(e.reason is null), count(e.reason) = 0, bool_and(e.is_known),
        bool_or(e.seen_at is null or e.event_at < e.seen_at), min(e.from_day),
        min(e.event_at) filter (where e.reason is null) at time zone 'UTC',
        max(e.event_at) filter (where e.reason is null) at time zone 'UTC'
    into
        total, ids, names, event_ats, user_ids, anonymous_ids, sources, campaigns, media, origins, consents, properties,
        person_ids, seen_ats, is_known, reasons, is_good, all_are_good, all_are_known, first_moves, from_day, first_month,
        last_month
    from (
        select
            r.id, r.name, t.event_at, r.user_id, r.anonymous_id, coalesce(r.source, 'direct') as source, r.campaign,
            r.medium, coalesce(r.origin, 'api') as origin, r.is_consented, coalesce(r.properties, '{}') as properties,
            coalesce(k.person_id, a.person_id) as person_id,
            case when k.person_id is null then a.seen_at else k.seen_at end as seen_at,
            (r.user_id is null or k.person_id is not null) and (r.anonymous_id is null or a.person_id is not null)
                and (k.person_id = a.person_id) is not false as is_known,
            case
                when t.event_at < v_earliest then 'too-old'
                when t.event_at > v_latest then 'in-the-future'
                when r.id >= v_latest_id and growth.id_is_v7(r.id) then 'id-in-the-future'
                when r.user_id is null and r.anonymous_id is null then 'nobody-named'
                -- As text in any case: a number of ten bytes may have 100,000 digits.
                when pg_column_size(r.properties) > 65536 or octet_length(r.properties::text) > 8192 then 'properties-too-large'
            end as reason,
            -- An id of its own time can not have come more than a day before it: it would have been refused.
            case
                when not growth.id_is_v7(r.id) then p_day - 32
                when r.id >= v_today_id then p_day - 1
                else greatest((growth.id_made_at(r.id) at time zone 'UTC')::date - 1, p_day - 32)
            end as from_day
        from jsonb_to_recordset(p_events) as r (
            id uuid, name text, event_at timestamptz, user_id text, anonymous_id text, source text, campaign text,
            medium text, origin text, is_consented boolean, properties jsonb
        )
        cross join lateral (select coalesce(r.event_at, v_now) as event_at) as t
        left join lateral (
            select i.person_id, i.seen_at
            from growth.identifier as i
            where i.account_id = p_account_id and not i.is_anonymous and i.identifier = r.user_id
            offset 0
        ) as k on true
        left join lateral (
            select i.person_id, i.seen_at
            from growth.identifier as i
            where i.account_id = p_account_id and i.is_anonymous and i.identifier = r.anonymous_id
            offset 0
        ) as a on true
        offset 0
    ) as e;
end;
$$;
comment on function growth.read_events(uuid, jsonb, date) is
$$Read a batch of events into arrays, with what is known of each: its person, and why it is refused.

p_events: array of objects, as growth.ingest_events takes them, whose ids are UUIDs. p_day: UTC day of arrival. from_day: the earliest
day on which one of them can have come before. is_good: it is not refused. all_are_known: every identifier is there, and of one
person each. seen_ats: an event of its person happened then. first_moves: one of them may be the first of its person. Raises what the
conversion of a value raises.$$;

create or replace function growth.move_firsts(
    p_account_id uuid, p_person_ids bigint[], p_event_ats timestamptz[], p_seen_ats timestamptz[], p_is_new boolean[]
)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
as $$
declare
    v_person_ids bigint[];
    v_first_ats timestamptz[];
    v_moved bigint[];
begin
    select array_agg(e.person_id order by e.person_id), array_agg(e.first_at order by e.person_id)
    into v_person_ids, v_first_ats
    from (
        select f.person_id, min(f.event_at) as first_at
        from unnest(p_person_ids, p_event_ats, p_seen_ats, p_is_new) as f (person_id, event_at, seen_at, is_new)
        where f.is_new and (f.seen_at is null or f.event_at < f.seen_at)
        group by f.person_id
    ) as e
    cross join lateral (
        select p.first_event_at
        from growth.person as p
        where p.account_id = p_account_id and p.person_id = e.person_id
        offset 0
    ) as o
    where o.first_event_at is null or o.first_event_at > e.first_at;
    if v_person_ids is null then
        return null;
    end if;
    select array_agg(o.person_id) into v_moved
    from (
        select p.person_id, p.first_event_at
        from growth.person as p
        where p.account_id = p_account_id and p.person_id = any (v_person_ids)
        order by p.person_id
        for no key update
    ) as o
    where o.first_event_at is not null;
    update growth.person as p set first_event_at = e.first_at
    from unnest(v_person_ids, v_first_ats) as e (person_id, first_at)
    where p.account_id = p_account_id and p.person_id = e.person_id
        and (p.first_event_at is null or p.first_event_at > e.first_at);
    return v_moved;
end;
$$;
comment on function growth.move_firsts(uuid, bigint[], timestamptz[], timestamptz[], boolean[]) is
$$Bring first_event_at forward for persons of whom an earlier event came. Gives those who had one before: their days are counted in
another cohort now.

p_seen_ats: an event of the person happened then. The arrays go by event; only those of p_is_new count.$$;

-- Plans are made once a connection, often while the partitions of the day and the month are still empty: what would be cheap then
-- (reading all of a table) took 550 microseconds an event when they were full, and 48 by their indexes alone.
create or replace function growth.ingest_batch(
    p_account_id uuid,
    p_events jsonb,
    p_day date,
    p_is_alone boolean,
    out accepted integer,
    out duplicates integer[],
    out refused integer[],
    out reasons text[]
)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_now timestamptz := core.now();
    v_batch record;
    v_definition growth.definition := growth.definition_of(p_account_id);
    v_is_good boolean[];
    v_is_new boolean[];
    v_today_id uuid := jobs.first_id_at(p_day::timestamp at time zone 'UTC');
    -- Behind every UUIDv7 that may have come yesterday: what is more than a day ahead is refused.
    v_after_id uuid := jobs.first_id_at((p_day + 2)::timestamp at time zone 'UTC');
    v_old integer[];
    v_person_ids bigint[];
    v_places bigint[];
    v_user_ids text[];
    v_anonymous_ids text[];
    v_event_ats timestamptz[];
    v_found bigint[];
    v_moved bigint[];
begin
    begin
        select b.* into v_batch from growth.read_events(p_account_id, p_events, p_day) as b;
    exception
        when invalid_text_representation then
            select b.* into v_batch
            from growth.read_events(p_account_id, (
                select jsonb_agg(e.event || jsonb_build_object('id', growth.fold_id(e.event ->> 'id')) order by e.place)
                from jsonb_array_elements(p_events) with ordinality as e (event, place)
            ), p_day) as b;
    end;
    v_is_good := v_batch.is_good;
    if not v_batch.all_are_good then
        select array_agg(e.place - 1 order by e.place), array_agg(e.reason order by e.place)
        into refused, reasons
        from unnest(v_batch.reasons) with ordinality as e (reason, place)
        where e.reason is not null;
    end if;
    if v_batch.first_month is null then
        accepted := 0;
        return;
    end if;
    perform growth.make_months(v_batch.first_month, v_batch.last_month);

    -- Of other days first: those are there, or never will be. Where all ids were made today, only a sender whose clock is ahead can
    -- have brought one yesterday: one look for all of them, and for each only if there was such a sender.
    if v_batch.from_day < p_day - 1 or exists (
        select
        from (select distinct b.origin from unnest(v_batch.origins) as b (origin)) as e
        cross join lateral (
            select
            from growth.arrival as a
            where a.account_id = p_account_id and a.origin = e.origin and a.arrived_on = p_day - 1
                and a.event_id >= v_today_id and a.event_id < v_after_id
            limit 1
        ) as o
    ) then
        select array_agg(e.place) into v_old
        from unnest(v_batch.ids, v_batch.origins) with ordinality as e (id, origin, place)
        cross join lateral (
            select
            from growth.arrival as a
            where a.account_id = p_account_id and a.origin = e.origin and a.event_id = e.id
                and a.arrived_on >= v_batch.from_day and a.arrived_on < p_day
            limit 1
        ) as o;
    end if;
    if v_old is not null then
        select array_agg(e.is_good and e.place <> all (v_old) order by e.place) into v_is_good
        from unnest(v_is_good) with ordinality as e (is_good, place);
    end if;
    v_is_new := v_is_good;
    begin
        -- Nearly always all are new: then looking first, as ON CONFLICT does, would be half of the work.
        insert into growth.arrival (account_id, origin, event_id, arrived_on, event_at)
        select p_account_id, e.origin, e.id, p_day, e.event_at
        from unnest(v_batch.ids, v_batch.origins, v_batch.event_ats, v_is_good) as e (id, origin, event_at, is_good)
        where e.is_good
        order by e.origin, e.id;
        get diagnostics accepted = row_count;
    exception
        when unique_violation then
            with arrived as (
                insert into growth.arrival as a (account_id, origin, event_id, arrived_on, event_at)
                select p_account_id, e.origin, e.id, p_day, e.event_at
                from unnest(v_batch.ids, v_batch.origins, v_batch.event_ats, v_is_good) as e (id, origin, event_at, is_good)
                where e.is_good
                order by e.origin, e.id
                on conflict do nothing
                returning a.event_id, a.origin
            )
            select count(*), growth.find_new(
                v_batch.ids, v_batch.origins, v_is_good, array_agg(a.event_id), array_agg(a.origin)
            )
            into accepted, v_is_new
            from arrived as a;
    end;
    if accepted < v_batch.total - coalesce(cardinality(refused), 0) then
        select array_agg(e.place - 1 order by e.place) into duplicates
        from unnest(v_is_new, v_batch.is_good) with ordinality as e (is_new, is_good, place)
        where e.is_good and not e.is_new;
    end if;
    if accepted = 0 then
        return;
    end if;

    v_person_ids := v_batch.person_ids;
    if not v_batch.all_are_known then
        -- Alone, persons may be merged, so that those who were known have to be found again.
        select
            array_agg(e.place), array_agg(e.user_id), array_agg(e.anonymous_id), array_agg(e.event_at)
        into v_places, v_user_ids, v_anonymous_ids, v_event_ats
        from unnest(v_batch.user_ids, v_batch.anonymous_ids, v_batch.event_ats, v_batch.is_known, v_is_new)
            with ordinality as e (user_id, anonymous_id, event_at, is_known, is_new, place)
        where e.is_new and (p_is_alone or not e.is_known);
        if v_places is not null then
            v_found := growth.resolve_persons(p_account_id, v_user_ids, v_anonymous_ids, v_event_ats, p_is_alone);
            select array_agg(coalesce(f.person_id, e.person_id) order by e.place) into v_person_ids
            from unnest(v_person_ids) with ordinality as e (person_id, place)
            left join unnest(v_places, v_found) as f (place, person_id) on f.place = e.place;
        end if;
    end if;

    insert into growth.event (
        account_id, person_id, event_at, event_id, name, source, campaign, medium, origin, is_consented, properties, received_at
    )
    select
        p_account_id, e.person_id, e.event_at, e.id, e.name, e.source, e.campaign, e.medium, e.origin, e.is_consented,
        e.properties, v_now
    from unnest(
        v_person_ids, v_batch.event_ats, v_batch.ids, v_batch.names, v_batch.sources, v_batch.campaigns, v_batch.media,
        v_batch.origins, v_batch.consents, v_batch.properties, v_is_new
    ) with ordinality as e (
        person_id, event_at, id, name, source, campaign, medium, origin, is_consented, properties, is_new, place
    )
    where e.is_new
    -- In the order of the primary key, which is a quarter cheaper; those of a person in the order in which they came.
    order by e.person_id, e.place;

    if v_batch.first_moves then
        v_moved := growth.move_firsts(p_account_id, v_person_ids, v_batch.event_ats, v_batch.seen_ats, v_is_new);
    end if;
    -- Only what is missing is written: most persons were active on that day before.
    with happened as materialized (
        select
            e.person_id, d.day, date_trunc('month', d.day)::date as month,
            v_definition.active_names is null or e.name = any (v_definition.active_names) as is_active
        from unnest(v_person_ids, v_batch.event_ats, v_batch.names, v_is_new) as e (person_id, event_at, name, is_new)
        cross join lateral (select date_trunc('day', e.event_at at time zone v_definition.time_zone) as day) as d
        where e.is_new
    ),
    noted as (
        insert into growth.stale_day (account_id, day) select distinct p_account_id, h.day::date from happened as h
    )
    insert into growth.activity as a (account_id, person_id, month, days)
    select p_account_id, m.person_id, m.month, m.days
    from (
        select h.person_id, h.month, bit_or(1 << h.day::date - h.month) as days
        from happened as h
        where h.is_active
        group by h.person_id, h.month
        order by h.month, h.person_id
    ) as m
    left join lateral (
        select o.days
        from growth.activity as o
        where o.account_id = p_account_id and o.person_id = m.person_id and o.month = m.month
        offset 0
    ) as o on true
    where o.days is null or o.days & m.days <> m.days
    on conflict (account_id, person_id, month) do update set days = a.days | excluded.days;
    if v_moved is not null then
        perform growth.note_stale_days(p_account_id, v_moved);
    end if;
end;
$$;
comment on function growth.ingest_batch(uuid, jsonb, date, boolean) is
$$Add a batch of events, under the locks that growth.ingest_events takes: p_day is from growth.share_day(), p_is_alone tells whether
the account is locked and not only shared.

Gives how many were added, and the places, from 0, of those that are here already, and of those that are refused, with the reasons.
Raises LQUND when persons have to be merged and the account is only shared.$$;

create or replace function growth.ingest_events(
    p_account_id uuid,
    p_events jsonb,
    out accepted integer,
    out duplicates integer[],
    out refused integer[],
    out reasons text[]
)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_day date;
    v_is_alone boolean;
    v_batch record;
begin
    if p_account_id is null then
        raise exception using errcode = 'LQ422', message = 'events belong to an account', hint = 'Name one.';
    end if;
    if p_events is null or jsonb_typeof(p_events) <> 'array' or jsonb_array_length(p_events) not between 1 and 1000 then
        raise exception using
            errcode = 'LQ422', message = 'events come as an array of 1 to 1,000', hint = 'Send more in several calls.';
    end if;
    v_day := growth.share_day();
    foreach v_is_alone in array '{f,t}'::boolean[] loop
        begin
            if v_is_alone then
                perform growth.lock_account(p_account_id);
            else
                perform growth.share_account(p_account_id);
            end if;
            select b.* into v_batch from growth.ingest_batch(p_account_id, p_events, v_day, v_is_alone) as b;
            exit;
        exception
            -- Undone, and the shared lock given back: who waited for the account alone with it would never get it.
            when sqlstate 'LQUND' then
                null;
            when invalid_text_representation or invalid_datetime_format or datetime_field_overflow
                or invalid_time_zone_displacement_value or not_null_violation or check_violation
            then
                raise exception using
                    errcode = 'LQ422', message = 'an event is not as it has to be: ' || sqlerrm,
                    hint = 'Each has id, name, and user_id or anonymous_id; times are ISO 8601, properties an object.';
        end;
    end loop;
    accepted := v_batch.accepted;
    duplicates := coalesce(v_batch.duplicates, '{}');
    refused := coalesce(v_batch.refused, '{}');
    reasons := coalesce(v_batch.reasons, '{}');
end;
$$;
comment on function growth.ingest_events(uuid, jsonb) is
$$Add events of an account, each once.

p_events: array of 1 to 1,000 objects: id (1 to 200 characters; a UUID is kept, another text folded: growth.fold_id), name (1 to
100), event_at (ISO 8601; default now), user_id and/or anonymous_id (1 to 200 each), source (default direct), campaign, medium,
origin (default api), is_consented, properties (object, up to 8 KiB as text).

Gives how many were added; the places, from 0, of those whose id came from the same origin today or in the 32 days before, also with
another time; and those refused, each with its reason: too-old (before growth.first_kept_month(), or of a month that was dropped),
in-the-future (event_at more than 24 hours ahead), id-in-the-future (the same of a UUIDv7), nobody-named, properties-too-large.
The others are added. An event with both ids makes one person of the two, unless the anonymous one is another known user
already. Raises LQ422 when one has not the right shape: then none is added.$$;

create or replace function api.ingest_events(p_body jsonb)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_events jsonb := case when p_body ? 'events' then p_body -> 'events' else jsonb_build_array(p_body) end;
    v_account_id uuid := core.current_account();
    v_batch record;
begin
    if v_account_id is null then
        v_account_id := identity.operator_account();
    end if;
    select b.* into v_batch from growth.ingest_events(v_account_id, v_events) as b;
    return http.json(200, jsonb_build_object(
        'accepted', v_batch.accepted,
        'duplicates', coalesce((
            select jsonb_agg(jsonb_build_object('index', d.place, 'id', v_events -> d.place -> 'id') order by d.place)
            from unnest(v_batch.duplicates) as d (place)
        ), '[]'),
        'rejected', coalesce((
            select jsonb_agg(
                jsonb_build_object('index', d.place, 'id', v_events -> d.place -> 'id', 'reason', d.reason) order by d.place
            )
            from unnest(v_batch.refused, v_batch.reasons) as d (place, reason)
        ), '[]')
    ));
end;
$$;
comment on function api.ingest_events(jsonb) is
$$Send events

One event, or up to 1,000 in events. Each has an id that its sender made: the same id from the same origin, today or in the 32 days
before, is a duplicate, also with another time, so a batch can be sent again safely. An event that is refused (rejected, with the
reason) keeps none of the others out. Ids that are UUIDv7 are checked fastest. An event that names a user and an anonymous id makes
one person of the two.$$;

select http.register_schema('Event', '{"type": "object", "additionalProperties": false,
    "required": ["id", "name"], "anyOf": [{"required": ["user_id"]}, {"required": ["anonymous_id"]}], "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 200,
            "description": "made by the sender, best a UUIDv7; once within account and origin",
            "examples": ["019a2003-6794-7cfc-841d-a6a4b3f8f716"]},
        "name": {"type": "string", "minLength": 1, "maxLength": 100,
            "description": "visit, signup, active, paid, or any other", "examples": ["visit"]},
        "event_at": {"type": "string", "format": "date-time", "maxLength": 64,
            "description": "when it happened; left out: when it came"},
        "user_id": {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["u-17"]},
        "anonymous_id": {"type": "string", "minLength": 1, "maxLength": 200},
        "source": {"type": "string", "minLength": 1, "maxLength": 200, "default": "direct",
            "description": "where the person came from: utm_source"},
        "campaign": {"type": "string", "maxLength": 200, "description": "utm_campaign"},
        "medium": {"type": "string", "maxLength": 200, "description": "utm_medium"},
        "origin": {"type": "string", "minLength": 1, "maxLength": 100, "default": "api",
            "description": "which system sends it: ids are its own"},
        "is_consented": {"type": "boolean", "description": "whether the person consented to analytics; left out: not told"},
        "properties": {"type": "object", "description": "further facts, up to 8 KiB"}}}');
select core.seed('limits.policy', '{name}', '{"name": "events-key", "scope": "key", "route_class": "events", "quota": 30000,
    "burst": 3000, "window_seconds": 60}');
select http.register_route('POST', '/api/v1/events', 'api.ingest_events', p_domain => 'growth',
    p_scopes => '{events:write,platform}', p_limit_class => 'events', p_lane => 'alone', p_timeout_ms => 30000,
    p_body_cap => 10485760,
    p_request_schema => '{"type": "object", "if": {"required": ["events"]},
        "then": {"additionalProperties": false, "properties": {
            "events": {"type": "array", "minItems": 1, "maxItems": 1000, "items": {"$ref": "#/components/schemas/Event"}}}},
        "else": {"$ref": "#/components/schemas/Event"}}',
    p_responses => '{"200": {"description": "What became of each", "schema": {"type": "object", "additionalProperties": false,
        "required": ["accepted", "duplicates", "rejected"], "properties": {
            "accepted": {"type": "integer", "minimum": 0, "maximum": 1000},
            "duplicates": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["index", "id"], "properties": {
                    "index": {"type": "integer", "minimum": 0, "maximum": 999}, "id": {"type": "string"}}}},
            "rejected": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["index", "id", "reason"], "properties": {
                    "index": {"type": "integer", "minimum": 0, "maximum": 999}, "id": {"type": "string"},
                    "reason": {"enum": ["too-old", "in-the-future", "id-in-the-future", "nobody-named",
                        "properties-too-large"]}}}}}}},
        "413": {}, "422": {}}');
