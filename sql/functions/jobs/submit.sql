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

    insert into jobs.job (
        account_id, id, workflow, priority, max_attempts, due_at, is_delayed, callback_url, created_at, payload
    )
    values (
        p_account_id, jobs.make_id(v_now), p_workflow, coalesce(p_priority, 'normal'),
        coalesce(p_max_attempts, core.integer_setting('jobs.max_attempts')::integer),
        greatest(p_run_at, v_now), coalesce(p_run_at > v_now, false), p_callback_url, v_now, p_payload
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
Raises LQ422 for a payload that is no object or a URL that can not be called, LQ413 for too large a payload.$$;

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
    return http.json(
        202,
        jsonb_build_object('job_id', core.show_id('job', v_job.id), 'status', v_job.status),
        jsonb_build_object('Location', '/api/v1/jobs/' || core.show_id('job', v_job.id))
    );
end;
$$;
comment on function api.submit_job(text, jsonb, text, text) is
$$Hand in a job

A worker of the workflow takes it; its end is told at callback_url by a signed webhook (job.succeeded, job.failed, job.canceled).$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "jobs.max_attempts", "value": 5,
        "description": "integer: attempts of a job that names no number of its own"}
]') as s (setting);

select http.register_route('POST', '/api/v1/intake', 'api.submit_job', p_scopes => '{jobs:submit,platform}',
    p_limit_class => 'write', p_domain => 'jobs',
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
        "400": {}, "413": {}}');
