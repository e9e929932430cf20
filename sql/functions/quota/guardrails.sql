-- Guardrails: what a job is estimated to cost, and how much of that an account may run up in a day.
--
-- Locks: the account's row of the day, until the transaction ends. spend_many takes several in order of account.

create or replace function quota.estimate_cost(p_workflow text, p_payload_bytes integer)
returns numeric
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        (
            select trim_scale(
                ceil((p.usd_per_job + p.usd_per_kib * p_payload_bytes / 1024) * 1000000) / 1000000
            )
            from quota.price as p
            where p.workflow = p_workflow
        ),
        (core.setting('quota.default_job_usd') #>> '{}')::numeric
    )
$$;
comment on function quota.estimate_cost(text, integer) is
$$What a job of a workflow is estimated to cost, in US dollars.

Formula: usd_per_job + usd_per_kib × p_payload_bytes / 1024, rounded up to a millionth. p_payload_bytes: length of the payload's
text. A workflow without a row in quota.price costs the setting quota.default_job_usd.$$;

create or replace function quota.guardrails_of(p_account_id uuid, out job_usd numeric, out day_usd numeric)
returns record
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        coalesce(g.job_usd, (core.setting('quota.job_cost_limit_usd') #>> '{}')::numeric),
        coalesce(g.day_usd, (core.setting('quota.day_cost_limit_usd') #>> '{}')::numeric)
    from (select) as one
    left join quota.guardrail as g on g.account_id = p_account_id
$$;
comment on function quota.guardrails_of(uuid) is
$$The limits on estimated costs that hold for an account, in US dollars: its own, or else the settings.$$;

create or replace function quota.spending_of(
    p_account_id uuid,
    out day date,
    out spent_usd numeric,
    out job_usd numeric,
    out day_usd numeric,
    out remaining_usd numeric,
    out resets_at timestamptz
)
returns record
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        d.day, coalesce(s.reserved_usd, 0), g.job_usd, g.day_usd, greatest(g.day_usd - coalesce(s.reserved_usd, 0), 0),
        quota.day_end(d.day)
    from (select quota.day() as day) as d
    cross join quota.guardrails_of(p_account_id) as g
    left join quota.spending as s on s.account_id = p_account_id and s.day = d.day
$$;
comment on function quota.spending_of(uuid) is
$$Estimated costs of the jobs that an account has handed in today (UTC), and what its guardrails leave.$$;

create or replace function quota.refuse_cost(p_account_id uuid, p_guardrail text, p_usd numeric)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_costs record;
    v_more jsonb;
begin
    select c.* into v_costs from quota.spending_of(p_account_id) as c;
    v_more := jsonb_build_object(
        'guardrail', p_guardrail,
        'estimated_cost_usd', trim_scale(p_usd),
        'limit_usd', trim_scale(case p_guardrail when 'job' then v_costs.job_usd else v_costs.day_usd end),
        'spent_today_usd', trim_scale(v_costs.spent_usd),
        -- No time makes one job cheaper.
        'resets_at', case when p_guardrail = 'day' then v_costs.resets_at end
    );
    if p_guardrail = 'job' then
        perform core.raise(
            'LQ402', 'the job would cost more than one job may',
            format('It is estimated at %s USD; the limit is %s USD.', trim_scale(p_usd), trim_scale(v_costs.job_usd)),
            'Make the payload smaller, or ask for a higher limit.', v_more
        );
    end if;
    perform core.raise(
        'LQ402', 'the job would pass what the account may spend a day',
        format(
            'It is estimated at %s USD; of %s USD, %s USD are spent today.',
            trim_scale(p_usd), trim_scale(v_costs.day_usd), trim_scale(v_costs.spent_usd)
        ),
        'Come back when the day is over (UTC), or ask for a higher limit.', v_more
    );
end;
$$;
comment on function quota.refuse_cost(uuid, text, numeric) is
$$Refuse a job for its cost, with the figures. Always raises LQ402. p_guardrail: job or day.$$;

create or replace function quota.spend(p_account_id uuid, p_usd numeric)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    -- The column's own rounding could take a limit's last millionth twice.
    v_usd numeric := ceil(p_usd * 1000000) / 1000000;
    v_limits record;
begin
    if p_usd = 0 then
        return;
    end if;
    if p_usd is null or p_usd < 0 or p_usd = 'NaN' then
        raise exception using errcode = 'LQ422', message = 'a cost is a number that is not negative';
    end if;
    select g.* into v_limits from quota.guardrails_of(p_account_id) as g;
    if v_usd > v_limits.job_usd then
        perform quota.refuse_cost(p_account_id, 'job', v_usd);
    end if;
    insert into quota.spending as s (account_id, day, reserved_usd)
    select p_account_id, quota.day(), v_usd
    where v_usd <= v_limits.day_usd
    on conflict (account_id, day) do update
    set reserved_usd = s.reserved_usd + excluded.reserved_usd
    where s.reserved_usd + excluded.reserved_usd <= v_limits.day_usd;
    if not found then
        perform quota.refuse_cost(p_account_id, 'day', v_usd);
    end if;
end;
$$;
comment on function quota.spend(uuid, numeric) is
$$Reserve the estimated cost of a job in the account's day, exactly: no two jobs together pass the limit. Nothing is written for 0.

The reservation is undone with its transaction, and by nothing else: a job that is cancelled before it ran keeps it, so that
handing in and cancelling is no way around the limit. Raises LQ402 with the figures, LQ422.$$;

-- PL/pgSQL, as it is asked at every intake: a SQL function that can not be inlined is planned at each call.
create or replace function quota.has_prices()
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from quota.price)
        or exists (select from core.setting as s where s.name = 'quota.default_job_usd' and s.value <> '0');
end;
$$;
comment on function quota.has_prices() is
$$Whether any job costs anything. Where none does, there is nothing to spend.$$;

create or replace function quota.spend_many(p_account_ids uuid[], p_workflows text[], p_bytes integer[])
returns numeric[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_default numeric := (core.setting('quota.default_job_usd') #>> '{}')::numeric;
    v_default_limits record;
    v_costs numeric[];
    v_refused record;
    v_wanted bigint;
    v_taken bigint;
begin
    if not quota.has_prices() then
        return array_fill(0::numeric, array[cardinality(p_account_ids)]);
    end if;
    select array_agg(
        coalesce(ceil((p.usd_per_job + p.usd_per_kib * j.bytes / 1024) * 1000000) / 1000000, v_default)
        order by j.ordinal
    )
    into v_costs
    from unnest(p_workflows, p_bytes) with ordinality as j (workflow, bytes, ordinal)
    left join quota.price as p on p.workflow = j.workflow;
    if 0 = all (v_costs) then
        return v_costs;
    end if;

    -- As quota.guardrails_of does, but asking for the settings once.
    select g.* into v_default_limits from quota.guardrails_of(null) as g;
    select j.account_id, j.usd into v_refused
    from unnest(p_account_ids, v_costs) as j (account_id, usd)
    left join quota.guardrail as g on g.account_id = j.account_id
    where j.usd > 0 and j.usd > coalesce(g.job_usd, v_default_limits.job_usd)
    limit 1;
    if found then
        perform quota.refuse_cost(v_refused.account_id, 'job', v_refused.usd);
    end if;
    with total as materialized (
        select j.account_id, sum(j.usd) as usd
        from unnest(p_account_ids, v_costs) as j (account_id, usd)
        where j.usd > 0
        group by j.account_id
    ),
    taken as (
        insert into quota.spending as s (account_id, day, reserved_usd)
        select t.account_id, quota.day(), t.usd
        from total as t
        left join quota.guardrail as g on g.account_id = t.account_id
        where t.usd <= coalesce(g.day_usd, v_default_limits.day_usd)
        order by t.account_id
        on conflict (account_id, day) do update
        set reserved_usd = s.reserved_usd + excluded.reserved_usd
        where s.reserved_usd + excluded.reserved_usd <= (
            select coalesce(max(g.day_usd), v_default_limits.day_usd)
            from quota.guardrail as g
            where g.account_id = excluded.account_id
        )
        returning 1
    )
    select (select count(*) from total), (select count(*) from taken) into v_wanted, v_taken;
    if v_taken < v_wanted then
        raise exception using
            errcode = 'LQ402',
            message = 'the jobs together would pass what an account may spend a day',
            hint = 'Hand them in one by one.';
    end if;
    return v_costs;
end;
$$;
comment on function quota.spend_many(uuid[], text[], integer[]) is
$$Reserve the estimated costs of many jobs in one step, all or nothing: one element a job in each array. Gives their costs.

Raises LQ402 when any does not fit; the caller undoes the step and hands the jobs in one by one, to see which.$$;

create or replace function quota.set_guardrails(
    p_account_id uuid, p_job_usd numeric default null, p_day_usd numeric default null
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_job_usd < 0 or p_day_usd < 0 or greatest(p_job_usd, p_day_usd) > 1000000 then
        raise exception using
            errcode = 'LQ422',
            message = 'a limit is a number of US dollars from 0 to 1000000';
    end if;
    if not exists (select from identity.account as a where a.id = p_account_id) then
        raise exception using errcode = 'LQ404', message = 'no such account';
    end if;
    insert into quota.guardrail as g (account_id, job_usd, day_usd, updated_at)
    values (p_account_id, p_job_usd, p_day_usd, core.now())
    on conflict (account_id) do update
    set job_usd = excluded.job_usd, day_usd = excluded.day_usd, updated_at = excluded.updated_at;
    perform audit.record(
        'quota.set_guardrails', core.show_id('acct', p_account_id), p_account_id,
        jsonb_build_object('job_usd', p_job_usd, 'day_usd', p_day_usd)
    );
end;
$$;
comment on function quota.set_guardrails(uuid, numeric, numeric) is
$$Give an account limits of its own on estimated costs: select quota.set_guardrails(ACCOUNT, 1.50, 100). Felt by the next job.

Null: the setting holds. What was spent today stays spent. Raises LQ404, LQ422.$$;

create or replace function api.set_guardrails(
    p_account_id text, p_job_usd numeric default null, p_day_usd numeric default null
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := quota.find_account(p_account_id);
begin
    perform quota.set_guardrails(v_id, p_job_usd, p_day_usd);
    return (
        select http.json(200, jsonb_build_object(
            'account_id', core.show_id('acct', v_id),
            'job_usd', trim_scale(g.job_usd),
            'day_usd', trim_scale(g.day_usd),
            'overrides', jsonb_build_object('job_usd', trim_scale(o.job_usd), 'day_usd', trim_scale(o.day_usd))
        ))
        from quota.guardrails_of(v_id) as g
        inner join quota.guardrail as o on o.account_id = v_id
    );
end;
$$;
comment on function api.set_guardrails(text, numeric, numeric) is
$$Limit what an account's jobs may cost

In US dollars of estimated cost, a job and a day (UTC). What is null or left out is the deployment's default. The answer holds what
is in force now.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "quota.job_cost_limit_usd", "value": 0.35, "minimum": 0, "maximum": 1000000000,
        "description": "number: US dollars that one job may be estimated at, for accounts without a limit of their own"},
    {"name": "quota.day_cost_limit_usd", "value": 10, "minimum": 0, "maximum": 1000000000,
        "description": "number: US dollars that an account''s jobs of a UTC day may be estimated at in sum, likewise"},
    {"name": "quota.default_job_usd", "value": 0, "minimum": 0, "maximum": 1000000000,
        "description": "number: US dollars that a job is estimated at whose workflow has no row in quota.price"}
]') as s (setting);

select http.register_route('PUT', '/api/admin/accounts/{account_id}/guardrails', 'api.set_guardrails',
    p_domain => 'quota', p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage', p_is_sensitive => true,
    p_parameters => '{"account_id": {"type": "string", "maxLength": 64, "description": "id of the account, acct_…"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "properties": {
        "job_usd": {"type": ["number", "null"], "minimum": 0, "maximum": 1000000, "examples": [1.5]},
        "day_usd": {"type": ["number", "null"], "minimum": 0, "maximum": 1000000, "examples": [100]}}}',
    p_responses => '{"200": {"description": "In force", "schema": {"type": "object", "additionalProperties": false,
        "required": ["account_id", "job_usd", "day_usd", "overrides"], "properties": {
            "account_id": {"type": "string", "pattern": "^acct_[0-9a-f]{32}$"},
            "job_usd": {"type": "number", "minimum": 0}, "day_usd": {"type": "number", "minimum": 0},
            "overrides": {"type": "object", "additionalProperties": false, "required": ["job_usd", "day_usd"],
                "description": "limits of its own; null: the default holds", "properties": {
                    "job_usd": {"type": ["number", "null"], "minimum": 0},
                    "day_usd": {"type": ["number", "null"], "minimum": 0}}}}}}, "404": {}}');
