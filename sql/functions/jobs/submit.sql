-- Hand in jobs.

-- Inlinable. The time part of an id is the job's created_at, so that a page by time is a range of ids.
create or replace function jobs.make_id(p_at timestamptz, p_random uuid default gen_random_uuid())
returns uuid
language sql
volatile
security invoker
as $$
    select pg_catalog.encode(
        pg_catalog.set_bit(
            pg_catalog.set_bit(
                pg_catalog.overlay(
                    pg_catalog.uuid_send(p_random),
                    pg_catalog.substring(
                        pg_catalog.int8send(pg_catalog.floor(pg_catalog.date_part('epoch', p_at) * 1000)::bigint), 3
                    ),
                    1, 6
                ), 52, 1
            ), 53, 1
        ), 'hex'
    )::uuid
$$;
comment on function jobs.make_id(timestamptz, uuid) is
$$Make the id of a job created at p_at: UUID version 7.$$;

create or replace function jobs.first_id_at(p_at timestamptz)
returns uuid
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select encode(
        substring(int8send(least(greatest(floor(date_part('epoch', p_at) * 1000), 0), 281474976710655)::bigint) from 3)
            || '\x00000000000000000000'::bytea, 'hex'
    )::uuid
$$;
comment on function jobs.first_id_at(timestamptz) is
$$The smallest id that a job created in the millisecond of p_at can have.$$;

create or replace function jobs.rank_of(p_priority text)
returns smallint
language sql
immutable
parallel safe
security invoker
as $$
    select case p_priority when 'high' then 1 when 'low' then 3 else 2 end::smallint
$$;
comment on function jobs.rank_of(text) is
$$The place of a priority in the order of claims: 1 high, 2 normal, 3 low.$$;

create or replace function jobs.hour_of(p_at timestamptz)
returns timestamptz
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.date_bin('1 hour'::interval, p_at, '2000-01-01 00:00:00+00'::timestamptz)
$$;
comment on function jobs.hour_of(timestamptz) is
$$The begin of the hour (UTC) that a time falls into.$$;

create or replace function jobs.submit_jobs(p_account_id uuid, p_jobs jsonb)
returns table (place integer, id uuid, is_duplicate boolean)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_now timestamptz := core.now();
    v_hour timestamptz := jobs.hour_of(v_now);
    v_actor text := core.current_actor();
    v_max_attempts smallint := core.integer_setting('jobs.max_attempts');
    v_bodies jsonb[];
    v_ids uuid[];
    v_duplicates boolean[];
    v_has_more_than_plain boolean;
    v_bad record;
    v_due record;
begin
    if jsonb_typeof(p_jobs) is distinct from 'array' then
        raise exception using errcode = 'LQ422', message = 'the jobs must be a JSON array';
    end if;
    if jsonb_array_length(p_jobs) > 10000 then
        raise exception using
            errcode = 'LQ413', message = 'too many jobs',
            detail = format('There are %s; 10000 are allowed.', jsonb_array_length(p_jobs));
    end if;
    if not exists (select from identity.account as a where a.id = p_account_id) then
        raise exception using errcode = 'LQ404', message = 'no such account';
    end if;
    v_bodies := array(select j.body from jsonb_array_elements(p_jobs) as j (body));
    if v_bodies = '{}' then
        return;
    end if;

    -- Mostly every job is plain: then nothing else has to be looked at.
    v_has_more_than_plain := exists (
        select
        from unnest(v_bodies) as j (body)
        where (
            jsonb_typeof(j.body) = 'object' and jsonb_typeof(j.body -> 'workflow') = 'string'
            and length(j.body ->> 'workflow') >= 1 and length(j.body ->> 'workflow') <= 128
            and jsonb_typeof(j.body -> 'payload') = 'object' and octet_length((j.body -> 'payload')::text) <= 204800
            and j.body - '{workflow,payload}'::text[] = '{}'
        ) is not true
    );
    if v_has_more_than_plain then
        select j.place, f.fault
        into v_bad
        from unnest(v_bodies) with ordinality as j (body, place)
        cross join lateral (select jobs.find_fault(j.body) as fault) as f
        where f.fault is not null
        order by j.place
        limit 1;
        if found then
            raise exception using
                errcode = case when v_bad.fault like '%too large%' then 'LQ413' else 'LQ422' end,
                message = format('job %s: %s', v_bad.place, v_bad.fault),
                hint = 'None of the jobs was taken. Places are counted from 1.';
        end if;
        perform outbox.check_url(u.url, 'callback_url', 1024)
        from (
            select distinct j.body ->> 'callback_url' as url
            from unnest(v_bodies) as j (body)
            where j.body ->> 'callback_url' is not null
        ) as u;
    end if;
    if quota.has_prices() then
        perform quota.spend_many(
            array_agg(p_account_id), array_agg(j.body ->> 'workflow'), array_agg(octet_length((j.body -> 'payload')::text))
        )
        from unnest(v_bodies) as j (body);
    end if;

    v_ids := array(select jobs.make_id(v_now) from unnest(v_bodies) as j (body));
    if v_has_more_than_plain and exists (select from unnest(v_bodies) as j (body) where j.body ? 'unique_key') then
        select array_agg(k.id order by k.place), array_agg(k.is_duplicate order by k.place)
        into v_ids, v_duplicates
        from jobs.take_keys(
            p_account_id, array(select n from generate_series(1, cardinality(v_ids)) as n), v_bodies, v_ids
        ) as k;
    end if;

    for v_due in
        with job as materialized (
            select
                j.id, j.body, j.body ->> 'workflow' as workflow, j.body ->> 'priority' as priority,
                j.body ->> 'callback_url' as callback_url,
                coalesce((j.body ->> 'max_attempts')::smallint, v_max_attempts) as max_attempts,
                (j.body ->> 'run_at')::timestamptz as run_at, (j.body ->> 'timeout_seconds')::integer as timeout_seconds
            from unnest(v_ids, v_bodies, v_duplicates) as j (id, body, is_duplicate)
            where j.is_duplicate is not true
        ),
        kept as (
            insert into jobs.submission (
                account_id, id, workflow, priority, max_attempts, run_at, timeout_seconds, expected_seconds, unique_key,
                unique_while, callback_url, created_at, submitted_by, payload
            )
            select
                p_account_id, j.id, j.workflow, coalesce(j.priority, 'normal'), j.max_attempts, j.run_at,
                j.timeout_seconds, (j.body ->> 'expected_seconds')::integer, j.body ->> 'unique_key',
                case
                    when j.body ->> 'unique_key' is not null then coalesce(j.body ->> 'unique_while', 'active')
                end, j.callback_url, v_now, v_actor, j.body -> 'payload'
            from job as j
        ),
        queued as (
            insert into jobs.waiting (
                account_id, job_id, workflow, priority_rank, due_at, max_attempts, is_delayed, has_callback,
                unique_while, timeout_seconds
            )
            select
                p_account_id, j.id, j.workflow, jobs.rank_of(j.priority), greatest(j.run_at, v_now), j.max_attempts,
                coalesce(j.run_at > v_now, false), j.callback_url is not null,
                case
                    when j.body ->> 'unique_key' is not null then coalesce(j.body ->> 'unique_while', 'active')
                end,
                j.timeout_seconds
            from job as j
        ),
        counted as (
            insert into jobs.tally_change (account_id, workflow, hour, submitted, waiting)
            select p_account_id, j.workflow, v_hour, count(*), count(*)
            from job as j
            group by j.workflow
        )
        select j.workflow, count(*)::integer as jobs
        from job as j
        where j.run_at is null or j.run_at <= v_now
        group by j.workflow
    loop
        perform core.hint(jobs.name_topic(p_account_id::text, v_due.workflow), v_due.jobs);
    end loop;
    return query
    select j.place::integer, j.id, coalesce(j.is_duplicate, false)
    from unnest(v_ids, v_duplicates) with ordinality as j (id, is_duplicate, place);
end;
$$;
comment on function jobs.submit_jobs(uuid, jsonb) is
$$Hand in many jobs at once: select * from jobs.submit_jobs(ACCOUNT, '[{"workflow": "resize", "payload": {"url": "…"}}]').

p_jobs: array of up to 10,000 objects with the members of jobs.submit_job (workflow and payload are required; callback_url,
priority, max_attempts, run_at, unique_key, unique_while, timeout_seconds, expected_seconds). All are taken, or none. Gives a row
each: place in the array from 1, id, and whether it is the id of a job that already had the unique key.
Raises LQ422 (with the place of the job), LQ413, LQ402 when they would cost more than the account's guardrails allow, LQ404.$$;

create or replace function jobs.is_time(p_text text)
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return p_text is null or p_text::timestamptz between '-infinity' and core.now() + interval '366 days';
exception
    when data_exception then
        return false;
end;
$$;
comment on function jobs.is_time(text) is
$$Whether a text is a point in time that a job may wait for: not more than 366 days from now. Null is.$$;

create or replace function jobs.find_fault(p_body jsonb)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_unknown text;
begin
    if jsonb_typeof(p_body) is distinct from 'object' then
        return 'must be an object';
    elsif jsonb_typeof(p_body -> 'workflow') is distinct from 'string'
        or length(p_body ->> 'workflow') not between 1 and 128
    then
        return 'workflow must be a text of 1 to 128 characters';
    elsif jsonb_typeof(p_body -> 'payload') is distinct from 'object' then
        return 'payload must be an object';
    elsif octet_length((p_body -> 'payload')::text) > 204800 then
        return 'payload too large: 204800 bytes are allowed';
    elsif p_body - '{workflow,payload}'::text[] = '{}' then
        return null;
    elsif coalesce(p_body ->> 'priority', 'normal') not in ('low', 'normal', 'high') then
        return 'priority must be low, normal or high';
    elsif not jobs.is_natural(p_body -> 'max_attempts', 100) then
        return 'max_attempts must be a whole number from 1 to 100';
    elsif not jobs.is_natural(p_body -> 'timeout_seconds', 604800) then
        return 'timeout_seconds must be a whole number from 1 to 604800';
    elsif not jobs.is_natural(p_body -> 'expected_seconds', 604800) then
        return 'expected_seconds must be a whole number from 1 to 604800';
    elsif jsonb_typeof(p_body -> 'unique_key') not in ('string', 'null')
        or length(p_body ->> 'unique_key') not between 1 and 200
    then
        return 'unique_key must be a text of 1 to 200 characters';
    elsif coalesce(p_body ->> 'unique_while', 'active') not in ('waiting', 'active', 'active_or_succeeded', 'ever') then
        return 'unique_while must be waiting, active, active_or_succeeded or ever';
    elsif jsonb_typeof(p_body -> 'callback_url') not in ('string', 'null') then
        return 'callback_url must be a text';
    elsif jsonb_typeof(p_body -> 'run_at') not in ('string', 'null') or not jobs.is_time(p_body ->> 'run_at') then
        return 'run_at must be a time within a year from now, such as 2030-01-31T12:00:00Z';
    end if;
    select min(k.key)
    into v_unknown
    from jsonb_object_keys(p_body) as k (key)
    where k.key not in (
        'workflow', 'payload', 'callback_url', 'priority', 'max_attempts', 'run_at', 'unique_key', 'unique_while',
        'timeout_seconds', 'expected_seconds'
    );
    return 'unknown member ' || v_unknown;
end;
$$;
comment on function jobs.find_fault(jsonb) is
$$What is wrong with a job that is handed in, in words; null: nothing.$$;

create or replace function jobs.is_natural(p_value jsonb, p_most integer)
returns boolean
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case jsonb_typeof(p_value)
        when 'number' then p_value #>> '{}' ~ '^[0-9]{1,9}$' and (p_value #>> '{}')::numeric between 1 and p_most
        when 'null' then true
        else p_value is null
    end
$$;
comment on function jobs.is_natural(jsonb, integer) is
$$Whether a member is left out, null, or a whole number from 1 to p_most.$$;

create or replace function jobs.take_keys(p_account_id uuid, p_places integer[], p_bodies jsonb[], p_ids uuid[])
returns table (place integer, id uuid, is_duplicate boolean)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key record;
    v_holder uuid;
begin
    -- In the order of the keys, so that two sessions with the same keys wait for one another and do not deadlock.
    for v_key in
        select j.place, j.id, j.body ->> 'unique_key' as key, coalesce(j.body ->> 'unique_while', 'active') as unique_while
        from unnest(p_places, p_ids, p_bodies) as j (place, id, body)
        order by j.body ->> 'unique_key' collate "C", j.place
    loop
        place := v_key.place;
        id := v_key.id;
        is_duplicate := false;
        if v_key.key is not null then
            -- The holder may end between the two statements: then the key is free.
            for turn in 1 .. 100 loop
                insert into jobs.unique_key as k (account_id, key, job_id, unique_while)
                values (p_account_id, v_key.key, v_key.id, v_key.unique_while)
                on conflict on constraint unique_key_pkey do nothing;
                exit when found;
                select k.job_id into v_holder
                from jobs.unique_key as k
                where k.account_id = p_account_id and k.key = v_key.key;
                if found then
                    id := v_holder;
                    is_duplicate := true;
                    exit;
                end if;
            end loop;
        end if;
        return next;
    end loop;
end;
$$;
comment on function jobs.take_keys(uuid, integer[], jsonb[], uuid[]) is
$$Take the unique keys of jobs that come; where one is taken, the id is that of the job that has it, and is_duplicate is true.$$;

create or replace function jobs.submit_job(
    p_account_id uuid,
    p_workflow text,
    p_payload jsonb,
    p_callback_url text default null,
    p_priority text default 'normal',
    p_max_attempts integer default null,
    p_run_at timestamptz default null,
    p_unique_key text default null,
    p_unique_while text default null,
    p_timeout_seconds integer default null,
    p_expected_seconds integer default null
)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    select j.id into v_id
    from jobs.submit_one(
        p_account_id, p_workflow, p_payload, p_callback_url, p_priority, p_max_attempts, p_run_at, p_unique_key,
        p_unique_while, p_timeout_seconds, p_expected_seconds
    ) as j;
    return jobs.find_job(p_account_id, v_id);
end;
$$;
comment on function jobs.submit_job(
    uuid, text, jsonb, text, text, integer, timestamptz, text, text, integer, integer
) is
$$Hand in a job: select id, status from jobs.submit_job(ACCOUNT, 'resize', '{"url": "…"}').

p_workflow: 1 to 128 characters. p_payload: object of up to 200 KiB. p_callback_url: gets a webhook at the end. p_priority: low,
normal or high. p_max_attempts: 1 to 100, by default the setting jobs.max_attempts. p_run_at: not before this time.
p_unique_key: when a job of the account has this key, that job is given and none is made; it has the key while it is
p_unique_while: waiting, active (waiting or running; the default), active_or_succeeded, or ever (as long as jobs are kept).
p_timeout_seconds: how long an attempt may take, heartbeats or not. p_expected_seconds: how long it is expected to take.
Raises LQ422 for what does not fit, LQ413 for too large a payload, LQ402 when it would cost more than the account's guardrails
allow, LQ404 for an unknown account.$$;

create or replace function jobs.submit_one(
    p_account_id uuid,
    p_workflow text,
    p_payload jsonb,
    p_callback_url text,
    p_priority text,
    p_max_attempts integer,
    p_run_at timestamptz,
    p_unique_key text,
    p_unique_while text,
    p_timeout_seconds integer,
    p_expected_seconds integer,
    out id uuid,
    out is_duplicate boolean
)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_bytes integer := octet_length(p_payload::text);
    v_wanted_attempts integer := coalesce(p_max_attempts, core.integer_setting('jobs.max_attempts')::integer);
    v_max_attempts smallint;
    v_is_delayed boolean := coalesce(p_run_at > v_now, false);
begin
    if p_callback_url is not null then
        perform outbox.check_url(p_callback_url, 'callback_url', 1024);
    end if;
    if jsonb_typeof(p_payload) is distinct from 'object' then
        raise exception using errcode = 'LQ422', message = 'the payload must be a JSON object';
    end if;
    if v_bytes > 204800 then
        raise exception using
            errcode = 'LQ413',
            message = 'payload too large',
            detail = format('It has %s bytes; 204800 are allowed.', v_bytes),
            hint = 'Store the data elsewhere and send a link.';
    end if;
    if p_workflow is null or length(p_workflow) not between 1 and 128 then
        raise exception using errcode = 'LQ422', message = 'a workflow has 1 to 128 characters';
    end if;
    if coalesce(p_priority, 'normal') not in ('low', 'normal', 'high') then
        raise exception using errcode = 'LQ422', message = 'the priority must be low, normal or high';
    end if;
    if v_wanted_attempts not between 1 and 100 then
        raise exception using errcode = 'LQ422', message = 'a job has 1 to 100 attempts';
    end if;
    if p_run_at > v_now + interval '366 days' then
        raise exception using
            errcode = 'LQ422', message = 'a job waits for up to 366 days', hint = 'Let a schedule hand it in when it is due.';
    end if;
    if p_unique_key is not null
        and coalesce(p_unique_while, 'active') not in ('waiting', 'active', 'active_or_succeeded', 'ever')
    then
        raise exception using
            errcode = 'LQ422', message = 'unique_while must be waiting, active, active_or_succeeded or ever';
    end if;
    if not exists (select from identity.account as a where a.id = p_account_id) then
        raise exception using errcode = 'LQ404', message = 'no such account';
    end if;

    v_max_attempts := v_wanted_attempts;
    id := jobs.make_id(v_now);
    is_duplicate := false;
    if p_unique_key is not null then
        select k.id, k.is_duplicate
        into id, is_duplicate
        from jobs.take_keys(
            p_account_id, '{1}',
            array[jsonb_build_object('unique_key', p_unique_key, 'unique_while', coalesce(p_unique_while, 'active'))],
            array[id]
        ) as k;
        if is_duplicate then
            return;
        end if;
    end if;
    if quota.has_prices() then
        perform quota.spend(p_account_id, quota.estimate_cost(p_workflow, v_bytes));
    end if;
    insert into jobs.submission (
        account_id, id, workflow, priority, max_attempts, run_at, timeout_seconds, expected_seconds, unique_key,
        unique_while, callback_url, created_at, submitted_by, payload
    )
    values (
        p_account_id, id, p_workflow, coalesce(p_priority, 'normal'), v_max_attempts, p_run_at, p_timeout_seconds,
        p_expected_seconds, p_unique_key, case when p_unique_key is not null then coalesce(p_unique_while, 'active') end, p_callback_url, v_now, core.current_actor(), p_payload
    );
    insert into jobs.waiting (
        account_id, job_id, workflow, priority_rank, due_at, max_attempts, is_delayed, has_callback, unique_while,
        timeout_seconds
    )
    values (
        p_account_id, id, p_workflow, jobs.rank_of(p_priority), greatest(p_run_at, v_now), v_max_attempts, v_is_delayed,
        p_callback_url is not null, case when p_unique_key is not null then coalesce(p_unique_while, 'active') end,
        p_timeout_seconds
    );
    insert into jobs.tally_change (account_id, workflow, hour, submitted, waiting)
    values (p_account_id, p_workflow, jobs.hour_of(v_now), 1, 1);
    if not v_is_delayed then
        perform core.hint(jobs.name_topic(p_account_id::text, p_workflow));
    end if;
end;
$$;
comment on function jobs.submit_one(
    uuid, text, jsonb, text, text, integer, timestamptz, text, text, integer, integer, out uuid, out boolean
) is
$$Hand in a job, and give its id: what jobs.submit_job does, without reading it back. is_duplicate: it is the id of the job that
has the unique key, and none was made.$$;

create or replace function api.submit_job(
    p_workflow text,
    p_payload jsonb,
    p_callback_url text default null,
    p_priority text default 'normal',
    p_max_attempts integer default null,
    p_run_at timestamptz default null,
    p_unique_key text default null,
    p_unique_while text default null,
    p_timeout_seconds integer default null,
    p_expected_seconds integer default null
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
    v_is_duplicate boolean;
begin
    select j.id, j.is_duplicate
    into v_id, v_is_duplicate
    from jobs.submit_one(
        core.current_account(), p_workflow, p_payload, p_callback_url, p_priority, p_max_attempts, p_run_at, p_unique_key,
        p_unique_while, p_timeout_seconds, p_expected_seconds
    ) as j;
    if v_is_duplicate then
        return http.json(200, (
            select jsonb_build_object('job_id', core.show_id('job', j.id), 'status', j.status)
            from jobs.find_job(core.current_account(), v_id) as j
        ), jsonb_build_object('Location', '/api/v1/jobs/' || core.show_id('job', v_id)));
    end if;
    return jobs.answer_submitted(core.show_id('job', v_id));
end;
$$;
comment on function api.submit_job(text, jsonb, text, text, integer, timestamptz, text, text, integer, integer) is
$$Hand in a job

A worker of the workflow takes it; its end is told at callback_url by a signed webhook (job.succeeded, job.failed, job.canceled).
With a unique_key that a job of the account has already, that job is answered with 200 and none is made.$$;

-- Inlinable. What is small can not become large as text, so that mostly nothing has to be written out to be measured.
create or replace function jobs.is_plain(p_body jsonb)
returns boolean
language sql
stable
parallel safe
security invoker
as $$
    select coalesce(
        pg_catalog.jsonb_typeof(p_body -> 'workflow') = 'string' and pg_catalog.jsonb_typeof(p_body -> 'payload') = 'object'
        and p_body - '{workflow,payload,callback_url,priority}'::text[] = '{}'
        and (
            pg_catalog.pg_column_size(p_body) <= 4096
            or pg_catalog.octet_length((p_body -> 'payload')::text) <= 204800
        ),
        false
    )
$$;
comment on function jobs.is_plain(jsonb) is
$$Whether the body of an intake, which fits the route's schema, has no rarer member than callback_url and priority, and a payload
that is not too large.$$;

-- Plural door: what it can not take as it is (a wrong type, an unknown or a rarer member) is null here and goes to
-- api.submit_job, which takes it or says what is wrong.
create or replace function api.submit_jobs(p_calls http.call[], p_parameters jsonb[], p_bodies jsonb[])
returns http.response[]
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_hour timestamptz := jobs.hour_of(v_now);
    v_max_attempts smallint := core.integer_setting('jobs.max_attempts');
    v_call http.call;
    v_body jsonb;
    v_id uuid;
    v_workflow text;
    v_priority text;
    v_callback_url text;
    v_plain jsonb[];
    v_responses http.response[];
    v_topics text[];
begin
    -- A callback that is refused raises: then each call for itself finds out whether it is that one.
    perform outbox.check_url(b.body ->> 'callback_url', 'callback_url', 1024)
    from unnest(p_bodies) as b (body)
    where b.body ->> 'callback_url' is not null;

    if cardinality(p_calls) = 1 then
        v_call := p_calls[1];
        v_body := p_bodies[1];
        if not jobs.is_plain(v_body) or p_parameters[1] <> '{}' then
            return array[null::http.response];
        end if;
        v_id := jobs.make_id(v_now);
        v_workflow := v_body ->> 'workflow';
        v_priority := v_body ->> 'priority';
        v_callback_url := v_body ->> 'callback_url';
        if quota.has_prices() then
            perform quota.spend_many(
                array[v_call.account_id], array[v_workflow], array[octet_length((v_body -> 'payload')::text)]
            );
        end if;
        insert into jobs.submission (
            account_id, id, workflow, priority, max_attempts, callback_url, created_at, submitted_by, payload
        )
        values (
            v_call.account_id, v_id, v_workflow, coalesce(v_priority, 'normal'), v_max_attempts, v_callback_url, v_now,
            core.show_actor(v_call.user_id, v_call.key_id), v_body -> 'payload'
        );
        insert into jobs.waiting (account_id, job_id, workflow, priority_rank, due_at, max_attempts, has_callback)
        values (
            v_call.account_id, v_id, v_workflow, jobs.rank_of(v_priority), v_now, v_max_attempts, v_callback_url is not null
        );
        insert into jobs.tally_change (account_id, workflow, hour, submitted, waiting)
        values (v_call.account_id, v_workflow, v_hour, 1, 1);
        perform core.hint(jobs.name_topic(v_call.account_id::text, v_workflow));
        return array[jobs.answer_submitted(core.show_id('job', v_id))];
    end if;

    v_plain := array(
        select case when jobs.is_plain(b.body) and b.parameters = '{}' then b.body end
        from unnest(p_bodies, p_parameters) with ordinality as b (body, parameters, place)
        order by b.place
    );
    if quota.has_prices() then
        perform quota.spend_many(
            array_agg(g.account_id), array_agg(g.body ->> 'workflow'),
            array_agg(octet_length((g.body -> 'payload')::text))
        )
        from rows from (unnest(v_plain), unnest(p_calls)) as g (body, ordinal, route_id, account_id)
        where g.body is not null;
    end if;
    with job as materialized (
        select
            g.place, g.account_id, jobs.make_id(v_now) as id, g.body, g.body ->> 'workflow' as workflow,
            g.body ->> 'priority' as priority, g.body ->> 'callback_url' as callback_url,
            core.show_actor(g.user_id, g.key_id) as submitted_by
        from rows from (unnest(v_plain), unnest(p_calls)) with ordinality
            as g (
                body, ordinal, route_id, account_id, user_id, key_id, scopes, sees_all, address, request_id, tier,
                limit_class, is_metered, is_charged, refusal, refusal_more, place
            )
        where g.body is not null
    ),
    kept as (
        insert into jobs.submission (
            account_id, id, workflow, priority, max_attempts, callback_url, created_at, submitted_by, payload
        )
        select
            j.account_id, j.id, j.workflow, coalesce(j.priority, 'normal'), v_max_attempts, j.callback_url, v_now,
            j.submitted_by, j.body -> 'payload'
        from job as j
    ),
    queued as (
        insert into jobs.waiting (account_id, job_id, workflow, priority_rank, due_at, max_attempts, has_callback)
        select
            j.account_id, j.id, j.workflow, jobs.rank_of(j.priority), v_now, v_max_attempts, j.callback_url is not null
        from job as j
    ),
    counted as (
        insert into jobs.tally_change (account_id, workflow, hour, submitted, waiting)
        select j.account_id, j.workflow, v_hour, count(*), count(*)
        from job as j
        group by j.account_id, j.workflow
    )
    select
        (
            select array_agg(
                case when j.id is not null then jobs.answer_submitted(core.show_id('job', j.id)) end
                order by n.place
            )
            from generate_series(1, cardinality(p_calls)) as n (place)
            left join job as j on j.place = n.place
        ),
        (
            select array_agg(t.topic order by t.place)
            from (
                select jobs.name_topic(j.account_id::text, j.workflow) as topic, min(j.place) as place
                from job as j
                group by j.account_id, j.workflow
            ) as t
        )
    into v_responses, v_topics;
    perform core.hint_all(v_topics);
    return v_responses;
end;
$$;
comment on function api.submit_jobs(http.call[], jsonb[], jsonb[]) is
$$Plural door of api.submit_job: all jobs of a batch in one statement.$$;

create or replace function api.submit_job_batch(p_jobs jsonb)
returns http.response
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(202, jsonb_build_object('jobs', coalesce(jsonb_agg(jsonb_build_object(
        'job_id', core.show_id('job', j.id), 'is_duplicate', j.is_duplicate
    ) order by j.place), '[]')))
    from jobs.submit_jobs(core.current_account(), p_jobs) as j
$$;
comment on function api.submit_job_batch(jsonb) is
$$Hand in many jobs

All are taken, or none: a problem names the first one that can not be. The answer has their ids in the order they were sent in;
is_duplicate tells that the id is that of a job that has the unique_key already. A batch counts as one call of the month.$$;

create or replace function jobs.answer_submitted(p_job_id text)
returns http.response
language sql
stable
security invoker
as $$
    select row(
        202, pg_catalog.jsonb_build_object('Location', '/api/v1/jobs/' || p_job_id),
        '{"job_id": "' || p_job_id || '", "status": "queued"}', null, null, null
    )::http.response
$$;
comment on function jobs.answer_submitted(text) is
$$The answer to an intake.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "jobs.max_attempts", "value": 5, "minimum": 1, "maximum": 100,
        "description": "integer: attempts of a job that names no number of its own"}
]') as s (setting);

select http.register_schema('JobToSubmit', '{"type": "object", "additionalProperties": false,
    "required": ["workflow", "payload"], "properties": {
        "workflow": {"type": "string", "minLength": 1, "maxLength": 128},
        "payload": {"type": "object", "description": "up to 200 KiB"},
        "callback_url": {"type": ["string", "null"], "minLength": 1, "maxLength": 1024, "pattern":
            "^[hH][tT][tT][pP][sS]?://[!-\"$-.0->A-Z\\[\\]^-~]+([/?#][!-\\[\\]-~]*)?$"},
        "priority": {"enum": ["low", "normal", "high"], "default": "normal"},
        "max_attempts": {"type": "integer", "minimum": 1, "maximum": 100,
            "description": "by default as the operator has set it"},
        "run_at": {"type": "string", "format": "date-time", "description": "not before this time"},
        "unique_key": {"type": "string", "minLength": 1, "maxLength": 200,
            "description": "no second job of the account has it at the same time"},
        "unique_while": {"enum": ["waiting", "active", "active_or_succeeded", "ever"], "default": "active",
            "description": "how long the job has its unique_key"},
        "timeout_seconds": {"type": "integer", "minimum": 1, "maximum": 604800,
            "description": "how long one attempt may take, heartbeats or not"},
        "expected_seconds": {"type": "integer", "minimum": 1, "maximum": 604800,
            "description": "how long an attempt is expected to take"}}}');
select http.register_route('POST', '/api/v1/intake', 'api.submit_job', p_scopes => '{jobs:submit,platform}',
    p_plural_function => 'api.submit_jobs', p_limit_class => 'write', p_is_metered => true, p_domain => 'jobs',
    p_request_schema => '{"$ref": "#/components/schemas/JobToSubmit"}',
    p_responses => '{"200": {"description": "A job has the unique_key already: this one",
            "headers": {"Location": {"schema": {"type": "string"}, "description": "where the job can be seen"}},
            "schema": {"type": "object", "required": ["job_id", "status"], "additionalProperties": false, "properties": {
                "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"},
                "status": {"$ref": "#/components/schemas/JobStatus"}}}},
        "202": {"description": "Taken", "headers": {"Location": {"schema": {"type": "string"},
            "description": "where the job can be seen"}},
        "schema": {"type": "object", "required": ["job_id", "status"], "additionalProperties": false, "properties": {
            "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"}, "status": {"const": "queued"}}}},
        "400": {}, "402": {}, "413": {}}');
select http.register_route('POST', '/api/v1/jobs/batch', 'api.submit_job_batch', p_scopes => '{jobs:submit,platform}',
    p_limit_class => 'write', p_is_metered => true, p_lane => 'alone', p_body_cap => 4194304, p_domain => 'jobs',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["jobs"], "properties": {
        "jobs": {"type": "array", "minItems": 1, "maxItems": 1000,
            "items": {"$ref": "#/components/schemas/JobToSubmit"}}}}',
    p_responses => '{"202": {"description": "All taken", "schema": {"type": "object", "required": ["jobs"],
        "additionalProperties": false, "properties": {"jobs": {"type": "array", "items": {"type": "object",
            "required": ["job_id", "is_duplicate"], "additionalProperties": false, "properties": {
                "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"},
                "is_duplicate": {"type": "boolean", "description": "a job has the unique_key already: this one"}}}}}}},
        "400": {}, "402": {}, "413": {}, "422": {}}');
