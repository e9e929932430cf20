-- The baseline of the gate: guard and insert in one static function, as a good engineer would write it by hand for this one
-- route, called once a request. Changed only by a decision record (docs/adr/).
--
-- It does what the product's guard does for one intake: the key by account, key id and SHA-256; the month's quota; the job,
-- into the same tables with the same triggers, indexes and row-level security; four GCRA buckets, the shared one last. It
-- leaves out what makes the product general: routes, policies and prices as rows, single calls inside a batch, problems,
-- headers, hints, the access record.

create schema if not exists bench;
grant usage on schema bench to levqor_server;

create or replace function bench.baseline_intake(
    p_key text,
    p_address text,
    p_workflow text,
    p_payload jsonb,
    out job_id uuid,
    out refusal text
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- 100,000 calls a second, and a million at once: high enough to refuse nobody, and counted all the same.
    c_emission constant interval := '10 microseconds';
    c_tolerance constant interval := '10 seconds';
    v_bytes bytea;
    v_account_id uuid;
    v_key_id uuid;
    v_is_allowed boolean;
    v_calls bigint;
    v_charged integer;
begin
    if p_key !~ '^lvk_(live|test)_[A-Za-z0-9_-]{80}$' then
        refusal := 'unknown key';
        return;
    end if;
    v_bytes := decode(translate(substr(p_key, 10), '-_', '+/'), 'base64');
    v_account_id := encode(substr(v_bytes, 1, 16), 'hex')::uuid;
    v_key_id := encode(substr(v_bytes, 17, 16), 'hex')::uuid;
    -- What row-level security goes by.
    perform set_config('levqor.account_id', v_account_id::text, true);

    select
        k.scopes && '{jobs:submit,platform}' and a.status = 'active',
        coalesce(t.calls_per_month, 9223372036854775807)
    into v_is_allowed, v_calls
    from keys.api_key as k
    inner join identity.account as a on a.id = k.account_id
    inner join quota.tier as t on t.name = a.tier
    where k.account_id = v_account_id and k.id = v_key_id
        and k.hash = sha256(convert_to(p_key, 'UTF8'))
        and (k.revoked_at is null or k.revoked_at > statement_timestamp())
        and (k.expires_at is null or k.expires_at > statement_timestamp())
        and (k.not_before is null or k.not_before <= statement_timestamp());
    if not found then
        refusal := 'unknown key';
        return;
    end if;
    if not v_is_allowed then
        refusal := 'forbidden';
        return;
    end if;

    -- What is done in this block is undone when something in it refuses: all or nothing, and a refused call costs nothing.
    begin
        insert into quota.usage as u (account_id, month, used, allowed)
        values (v_account_id, date_trunc('month', statement_timestamp() at time zone 'UTC'), 1, v_calls)
        on conflict (account_id, month) do update
        set used = u.used + 1, allowed = excluded.allowed
        where u.used < excluded.allowed;
        if not found then
            raise exception using errcode = 'LQUND', message = 'quota';
        end if;

        job_id := jobs.make_id(statement_timestamp());
        insert into jobs.submission (account_id, id, workflow, max_attempts, created_at, submitted_by, payload)
        values (
            v_account_id, job_id, p_workflow, 5, statement_timestamp(), core.show_id('key', v_key_id), p_payload
        );
        insert into jobs.waiting (account_id, job_id, workflow, priority_rank, due_at, max_attempts)
        values (v_account_id, job_id, p_workflow, 2, statement_timestamp(), 5);
        insert into jobs.tally_change (account_id, workflow, hour, submitted, waiting)
        values (v_account_id, p_workflow, date_trunc('hour', statement_timestamp() at time zone 'UTC'), 1, 1);

        -- After the job, since the rows stay locked until the commit is on disk, and for the last one all callers queue.
        -- They are locked in the order in which they stand here, under numbers that no policy has.
        insert into limits.bucket as b (policy_id, subject, full_at, cost, tolerance)
        values
        (-4, v_key_id::text, clock_timestamp() + c_emission, c_emission, c_tolerance),
        (-3, p_address, clock_timestamp() + c_emission, c_emission, c_tolerance),
        (-2, v_account_id::text, clock_timestamp() + c_emission, c_emission, c_tolerance),
        (-1, '*', clock_timestamp() + c_emission, c_emission, c_tolerance)
        on conflict (policy_id, subject) do update
        set full_at = greatest(b.full_at, clock_timestamp()) + c_emission
        where greatest(b.full_at, clock_timestamp()) + c_emission <= clock_timestamp() + c_tolerance;
        get diagnostics v_charged = row_count;
        if v_charged < 4 then
            raise exception using errcode = 'LQUND', message = 'rate';
        end if;
    exception
        when sqlstate 'LQUND' then
            job_id := null;
            refusal := sqlerrm;
    end;
end;
$$;
comment on function bench.baseline_intake(text, text, text, jsonb) is
$$Guard and hand in a job. Gives the job's id, or why it is refused: unknown key, forbidden, quota, rate. A refused call costs
nothing.$$;
grant execute on function bench.baseline_intake(text, text, text, jsonb) to levqor_server;
