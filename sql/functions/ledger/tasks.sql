-- What the clock does for the ledger.

create or replace function ledger.expire_step()
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_expired bigint := ledger.expire_holds(1000);
begin
    return jsonb_build_object('rows', v_expired, 'more', v_expired >= 1000, 'state', '{}'::jsonb);
end;
$$;
comment on function ledger.expire_step() is
$$The task of the clock: ledger.expire_holds(), a thousand a step, and another step at once while there are more.$$;

create or replace function ledger.fold_step()
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Once a day all accounts: what was missed while no clock ran.
    v_is_first boolean := not exists (
        select from schedule.run as r
        where r.task = 'ledger-fold-rollups' and r.outcome = 'succeeded' and r.slot >= date_trunc('day', core.now(), 'UTC')
    );
    v_folded bigint := ledger.fold_rollups(2000, case when not v_is_first then core.now() - interval '15 minutes' end);
begin
    return jsonb_build_object('rows', v_folded, 'more', v_folded >= 10000, 'state', '{}'::jsonb);
end;
$$;
comment on function ledger.fold_step() is
$$The task of the clock: ledger.fold_rollups(), two thousand accounts a step, and another step at once while there is much to fold; the
first run of a UTC day looks at all accounts.$$;

create or replace function ledger.post_costs_step()
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_posted bigint := ledger.post_job_costs(1000);
begin
    return jsonb_build_object('rows', v_posted, 'more', v_posted >= 1000, 'state', '{}'::jsonb);
end;
$$;
comment on function ledger.post_costs_step() is
$$The task of the clock: ledger.post_job_costs(), a thousand a step, and another step at once while there are more.$$;

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "ledger-expire-holds", "function": "ledger.expire_step", "every": "10 seconds", "is_alone": true,
        "description": "let go the holds that are over their time"},
    {"name": "ledger-fold-rollups", "function": "ledger.fold_step", "every": "1 minute", "is_alone": true,
        "timeout": "5 minutes", "description": "fold new entries into turnover by hour, day and month"},
    {"name": "ledger-post-job-costs", "function": "ledger.post_costs_step", "every": "1 hour", "is_alone": true,
        "description": "post what the jobs of past days are estimated to have cost"},
    {"name": "ledger-reconcile", "function": "ledger.record_reconciliation", "cron": "17 3 * * *", "is_alone": true,
        "timeout": "30 minutes", "description": "count money, jobs and usage anew and compare with what is kept"}
]') as t (task);
