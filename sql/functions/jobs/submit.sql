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

create or replace function jobs.submit_job(
    p_account_id uuid,
    p_workflow text,
    p_payload jsonb,
    p_callback_url text default null,
    p_priority text default 'normal',
    p_max_attempts integer default null,
    p_run_at timestamptz default null
)
returns jobs.job
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_bytes integer := octet_length(p_payload::text);
    v_job jobs.job;
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

    if not exists (select from identity.account as a where a.id = p_account_id) then
        raise exception using errcode = 'LQ404', message = 'no such account';
    end if;
    perform quota.spend(p_account_id, quota.estimate_cost(p_workflow, v_bytes));
    insert into jobs.job (
        account_id, id, workflow, priority, max_attempts, due_at, is_delayed, callback_url, created_at, submitted_by,
        payload
    )
    values (
        p_account_id, jobs.make_id(v_now), p_workflow, coalesce(p_priority, 'normal'),
        coalesce(p_max_attempts, core.integer_setting('jobs.max_attempts')::integer),
        greatest(p_run_at, v_now), coalesce(p_run_at > v_now, false), p_callback_url, v_now, core.current_actor(),
        p_payload
    )
    returning * into v_job;
    if not v_job.is_delayed then
        perform core.hint(jobs.name_topic(p_account_id::text, p_workflow));
    end if;
    return v_job;
end;
$$;
comment on function jobs.submit_job(uuid, text, jsonb, text, text, integer, timestamptz) is
$$Hand in a job: select id, status from jobs.submit_job(ACCOUNT, 'resize', '{"url": "…"}').

p_workflow: 1 to 128 characters. p_payload: object of up to 200 KiB. p_callback_url: gets a webhook at the end. p_priority: low,
normal or high. p_max_attempts: 1 to 100, by default the setting jobs.max_attempts. p_run_at: not before this time.
Raises LQ422 for a payload that is no object or a URL that can not be called, LQ413 for too large a payload, LQ402 when it would
cost more than the account's guardrails allow, LQ404 for an unknown account.$$;

create or replace function api.submit_job(
    p_workflow text,
    p_payload jsonb,
    p_callback_url text default null,
    p_priority text default 'normal'
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.job;
begin
    v_job := jobs.submit_job(core.current_account(), p_workflow, p_payload, p_callback_url, p_priority);
    return jobs.answer_submitted(core.show_id('job', v_job.id));
end;
$$;
comment on function api.submit_job(text, jsonb, text, text) is
$$Hand in a job

A worker of the workflow takes it; its end is told at callback_url by a signed webhook (job.succeeded, job.failed, job.canceled).$$;

-- Plural door: what it can not take as it is (a wrong type, an unknown member) is null here and goes to api.submit_job, which
-- says what is wrong.
create or replace function api.submit_jobs(p_calls http.call[], p_parameters jsonb[], p_bodies jsonb[])
returns http.response[]
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_max_attempts integer := core.integer_setting('jobs.max_attempts');
    v_responses http.response[] := array_fill(null::http.response, array[cardinality(p_calls)]);
    v_ids uuid[] := array_fill(null::uuid, array[cardinality(p_calls)]);
    v_bytes integer[] := array_fill(0, array[cardinality(p_calls)]);
    v_body jsonb;
    v_topic text;
    v_topics text[] := '{}';
begin
    for i in 1 .. cardinality(p_calls) loop
        v_body := p_bodies[i];
        continue when jsonb_typeof(v_body -> 'workflow') is distinct from 'string'
            or jsonb_typeof(v_body -> 'payload') is distinct from 'object'
            or v_body - '{workflow,payload,callback_url,priority}'::text[] <> '{}' or p_parameters[i] <> '{}';
        v_bytes[i] := octet_length((v_body -> 'payload')::text);
        continue when v_bytes[i] > 204800;
        if v_body ->> 'callback_url' is not null then
            -- What one job is refused for raises: then each for itself finds out whether it is that one.
            perform outbox.check_url(v_body ->> 'callback_url', 'callback_url', 1024);
        end if;
        v_ids[i] := jobs.make_id(v_now);
        v_topic := jobs.name_topic((p_calls[i]).account_id::text, v_body ->> 'workflow');
        if not v_topic = any (v_topics) then
            v_topics := v_topics || v_topic;
            perform core.hint(v_topic);
        end if;
        v_responses[i] := jobs.answer_submitted(core.show_id('job', v_ids[i]));
    end loop;

    if exists (select from quota.price)
        or exists (select from core.setting as s where s.name = 'quota.default_job_usd' and s.value <> '0')
    then
        perform quota.spend_many(
            array_agg(g.account_id), array_agg(g.body ->> 'workflow'), array_agg(g.bytes)
        )
        from rows from (unnest(v_ids), unnest(v_bytes), unnest(p_bodies), unnest(p_calls))
            as g (id, bytes, body, ordinal, route_id, account_id)
        where g.id is not null;
    end if;

    insert into jobs.job (
        account_id, id, workflow, priority, max_attempts, due_at, callback_url, created_at, submitted_by, payload
    )
    select
        g.account_id, g.id, g.body ->> 'workflow', coalesce(g.body ->> 'priority', 'normal'), v_max_attempts, v_now,
        g.body ->> 'callback_url', v_now, core.show_actor(g.user_id, g.key_id), g.body -> 'payload'
    from rows from (unnest(v_ids), unnest(p_bodies), unnest(p_calls))
        as g (id, body, ordinal, route_id, account_id, user_id, key_id)
    where g.id is not null;
    return v_responses;
end;
$$;
comment on function api.submit_jobs(http.call[], jsonb[], jsonb[]) is
$$Plural door of api.submit_job: all jobs of a batch in one insert.$$;

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
    {"name": "jobs.max_attempts", "value": 5,
        "description": "integer: attempts of a job that names no number of its own"}
]') as s (setting);

select http.register_route('POST', '/api/v1/intake', 'api.submit_job', p_scopes => '{jobs:submit,platform}',
    p_plural_function => 'api.submit_jobs', p_limit_class => 'write', p_is_metered => true, p_domain => 'jobs',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["workflow", "payload"],
        "properties": {
        "workflow": {"type": "string", "minLength": 1, "maxLength": 128},
        "payload": {"type": "object", "description": "up to 200 KiB"},
        "callback_url": {"type": ["string", "null"], "minLength": 1, "maxLength": 1024, "pattern":
            "^[hH][tT][tT][pP][sS]?://[!-\"$-.0->A-Z\\[\\]^-~]+([/?#][!-\\[\\]-~]*)?$"},
        "priority": {"enum": ["low", "normal", "high"], "default": "normal"}}}',
    p_responses => '{"202": {"description": "Taken", "headers": {"Location": {"schema": {"type": "string"},
            "description": "where the job can be seen"}},
        "schema": {"type": "object", "required": ["job_id", "status"], "additionalProperties": false, "properties": {
            "job_id": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"}, "status": {"const": "queued"}}}},
        "400": {}, "402": {}, "413": {}}');
