-- Usage becomes money: what the jobs of a day are estimated to cost (quota.spending) is posted as AI cost, accrued until
-- the provider's invoice comes. So a period knows its costs before anybody has been billed for them.
--
-- Locks: as every transfer. quota.spending of a day that is over is not changed any more.

create or replace function ledger.spending_transfer_id(p_account_id uuid, p_day date)
returns uuid
language sql
immutable
parallel safe
security invoker
as $$
    select ledger.derive_id(p_account_id, 'job costs ' || to_char(p_day, 'YYYY-MM-DD'))
$$;
comment on function ledger.spending_transfer_id(uuid, date) is
$$Id of the transfer that posts the estimated job costs of an account and day: the same whoever posts it, and however often.$$;

create or replace function ledger.last_spending_day()
returns date
language sql
stable
security invoker
as $$
    -- A statement that began before midnight still charges the day before.
    select ((core.now() - interval '1 hour') at time zone 'UTC')::date - 1
$$;
comment on function ledger.last_spending_day() is
$$The last day (UTC) whose estimated job costs are final: yesterday, from one in the morning on.$$;

create or replace function ledger.post_job_costs(p_limit integer default 1000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid;
    v_transfers jsonb;
begin
    if not core.setting('ledger.posts_job_costs') = 'true' then
        return 0;
    end if;
    v_books := identity.operator_account();
    select jsonb_agg(jsonb_build_object(
        'id', d.id, 'from', 'accrued_costs', 'to', 'ai_cost', 'currency', 'USD', 'amount_minor', d.minor,
        'event_at', d.day::timestamp at time zone 'UTC', 'reference', 'job-costs/' || core.show_id('acct', d.account_id)
    ))
    into v_transfers
    from (
        select
            s.account_id, s.day, round(s.reserved_usd * 100)::bigint as minor,
            ledger.spending_transfer_id(s.account_id, s.day) as id
        from quota.spending as s
        where s.day <= ledger.last_spending_day() and round(s.reserved_usd * 100) > 0
            and not exists (
                select
                from ledger.transfer as t
                where t.account_id = v_books and t.id = ledger.spending_transfer_id(s.account_id, s.day)
            )
        order by s.day, s.account_id
        limit p_limit
    ) as d;
    if v_transfers is null then
        return 0;
    end if;
    perform ledger.open_account(a.code, 'USD', a.category, a.name, p_account_id => v_books)
    from (values
        ('ai_cost', 'ai_cost', 'AI cost'), ('accrued_costs', 'liability', 'Costs not yet invoiced')
    ) as a (code, category, name)
    where not exists (
        select from ledger.account as o where o.account_id = v_books and o.code = a.code and o.currency = 'USD'
    );
    return (select count(*) from ledger.transfer_many(v_transfers, v_books));
end;
$$;
comment on function ledger.post_job_costs(integer) is
$$Post the estimated job costs of days that are over into the operator's books, one transfer an account and day, from accrued_costs to
ai_cost, in USD. A task of the clock. Gives how many were posted, p_limit at most.

Amount: reserved_usd of quota.spending × 100, rounded, halves up; less than half a cent a day is not posted. event_at: begin of the day,
UTC. Does nothing while the setting ledger.posts_job_costs is false.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "ledger.posts_job_costs", "value": true,
        "description": "boolean: whether the estimated job costs of each day are posted as AI cost of the operator"},
    {"name": "ledger.keep_reconciliations_days", "value": 400, "minimum": 1, "maximum": 36500,
        "description": "whole number of days that the findings of reconciliations are kept"}
]') as s (setting);

grant execute on function ledger.spending_transfer_id(uuid, date) to levqor_dba;

grant execute on function ledger.last_spending_day() to levqor_dba;
