-- Data retention at work: small batches, each a transaction of its own, until nothing too old is left or the time is over.
--
-- Where a run stands is in privacy.run, written in the transaction of each batch. So a run that was cut off, by kill -9 too, is
-- gone on with from its last batch by whoever comes next: the clock, or somebody at psql.
--
-- Locks: the row of the run and table, skipped when somebody else works on it; the holds, shared (core.lock_holds); the old
-- rows, skipped where somebody else has them: they go with the next run. Dropping a partition takes SHARE on it while it is
-- looked at, then ACCESS EXCLUSIVE on the table, waits for 50 ms at most, and leaves it to the next run.

create or replace function privacy.begin_run(
    p_table text default null,
    p_is_dry_run boolean default false,
    p_budget interval default null,
    p_actor text default core.current_actor()
)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run_id uuid := core.new_id();
    v_budget interval := coalesce(p_budget, make_interval(mins => core.integer_setting('privacy.run_minutes')::integer));
    v_policy privacy.policy;
begin
    if v_budget < interval '1 second' or v_budget > interval '1 day' then
        raise exception using errcode = 'LQ422', message = 'the time budget must be a second to a day';
    end if;
    if p_table is not null then
        v_policy := privacy.find_policy(p_table);
        if v_policy.way not in ('drop_partition', 'delete', 'anonymise') or not v_policy.is_enabled then
            raise exception using
                errcode = 'LQ422',
                message = 'data retention does not remove rows of this table',
                detail = case
                    when v_policy.is_enabled then format('Its way is %s.', v_policy.way) else 'Its policy is switched off.'
                end,
                hint = case when v_policy.task is not null then format('The task %s does.', v_policy.task) else '' end;
        end if;
    end if;
    perform privacy.refresh_holds();
    insert into privacy.run (run_id, table_name, way, is_dry_run, requested_by, began_at, until_at, cutoff_at)
    select
        v_run_id, t.table_name, t.way, p_is_dry_run, left(p_actor, 200), core.now(), core.now() + v_budget, core.now() - t.kept_for
    from privacy.retention as t
    inner join pg_class as c on c.oid = to_regclass(t.table_name)
    where t.is_enabled and (p_table is null or t.table_name = p_table)
        -- Days that an own task leaves because rows of them are held: the other rows go by batches.
        and (t.way in ('drop_partition', 'delete', 'anonymise') or (t.way = 'own_task' and c.relkind = 'p'))
    order by t.table_name;
    perform audit.record('privacy.begin_run', core.show_id('retrun', v_run_id), null, jsonb_build_object(
        'table', p_table, 'is_dry_run', p_is_dry_run
    ));
    return v_run_id;
end;
$$;
comment on function privacy.begin_run(text, boolean, interval, text) is
$$Begin a run of data retention; the clock works it off: select privacy.begin_run(p_is_dry_run => true). Gives its id.

p_table: only this table, schema.name; null: every one that data retention removes rows of. p_is_dry_run: count, remove nothing.
p_budget: what is not done by then is left to the next run; null: the setting privacy.run_minutes. Raises LQ404, LQ422.$$;

create or replace function privacy.close_run(p_run privacy.run, p_state text, p_sqlstate text default null, p_error text default null)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    update privacy.run as r
    set state = p_state, finished_at = core.real_now(), sqlstate = p_sqlstate, error = left(p_error, 1000)
    where r.run_id = p_run.run_id and r.table_name = p_run.table_name;
    if p_run.rows > 0 and not p_run.is_dry_run then
        perform audit.record('privacy.run_retention', p_run.table_name, null, jsonb_build_object(
            'run', core.show_id('retrun', p_run.run_id), 'way', p_run.way, 'rows', p_run.rows, 'held', p_run.held,
            'partitions', p_run.partitions, 'before', p_run.cutoff_at, 'state', p_state
        ));
    end if;
    if p_state = 'failed' then
        perform alerts.raise(
            'error', 'privacy', format('data retention of %s failed: %s', p_run.table_name, left(p_error, 300)),
            jsonb_build_object('table', p_run.table_name, 'run', core.show_id('retrun', p_run.run_id), 'sqlstate', p_sqlstate),
            null, 'privacy/retention/' || p_run.table_name
        );
    end if;
end;
$$;
comment on function privacy.close_run(privacy.run, text, text, text) is
$$End a run in a table: note how, leave an entry in the audit trail when rows went, and raise an alert when it failed.$$;

create or replace function privacy.work_step(p_run_id uuid default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run privacy.run;
    v_new privacy.run;
    v_policy privacy.policy;
    v_lock_timeout text := current_setting('lock_timeout');
    v_retention text := coalesce(current_setting('levqor.retention', true), '');
    v_outcome text := 'open';
    v_state text;
    v_error text;
    v_age text;
    v_held text;
    v_rest double precision;
begin
    -- The rows that a policy hides would be left, and holds not be heeded.
    if row_security_active('privacy.hold') and not core.is_machinery() then
        raise exception using
            errcode = 'insufficient_privilege', message = 'not every row can be seen', hint = 'set levqor.machinery = ''on''';
    end if;
    -- Others come first: after each batch a rest, some times as long as batches take. Before any lock is taken.
    select least(0.5, core.integer_setting('privacy.rest_ratio') * r.worked_ms / r.batches / 1000)
    into v_rest
    from privacy.run as r
    where r.state = 'open' and (p_run_id is null or r.run_id = p_run_id) and r.batches > 0
    order by r.run_id, r.table_name
    limit 1;
    perform pg_sleep(v_rest) where v_rest > 0;
    select r.* into v_run
    from privacy.run as r
    where r.state = 'open' and (p_run_id is null or r.run_id = p_run_id)
    order by r.run_id, r.table_name
    limit 1
    for update skip locked;
    if not found then
        return '{"rows": 0, "more": false}';
    end if;
    v_new := v_run;
    if v_run.until_at <= core.real_now() then
        perform privacy.close_run(v_run, 'out of time');
        return '{"rows": 0, "more": true, "state": {}}';
    end if;
    select p.* into v_policy from privacy.policy as p where p.table_name = v_run.table_name;
    if not found or not v_policy.is_enabled or v_policy.way <> v_run.way or to_regclass(v_run.table_name) is null then
        perform privacy.close_run(v_run, 'done');
        return '{"rows": 0, "more": true, "state": {}}';
    end if;

    begin
        perform set_config('lock_timeout', '50ms', true), set_config('levqor.retention', 'on', true);
        perform core.lock_holds();
        -- Made longer since the run began: then for this run too.
        v_run.cutoff_at := least(v_run.cutoff_at, (
            select core.now() - t.kept_for from privacy.retention as t where t.table_name = v_run.table_name
        ));
        v_held := privacy.held_condition(v_run.table_name);
        v_age := privacy.age_condition(v_run.table_name, v_policy.clock_column, v_run.cutoff_at);
        if v_run.way in ('delete', 'anonymise') then
            v_new := privacy.work_rows(v_run, v_policy, to_regclass(v_run.table_name), v_age, v_held);
        else
            v_new := privacy.work_partition(v_run, v_policy, v_age, v_held);
        end if;
        v_new.place := v_new.place - 'tries';
        if (v_new.place ->> 'is_over')::boolean then
            v_outcome := 'done';
        end if;
    exception
        when query_canceled then
            raise;
        when lock_not_available or deadlock_detected then
            v_new := v_run;
            -- A row that goes along is mostly free a moment later; a table that is busy is left to the next run.
            v_new.place := v_run.place || jsonb_build_object('tries', coalesce((v_run.place ->> 'tries')::integer, 0) + 1);
            if v_run.way not in ('delete', 'anonymise') and not v_run.place ? 'partition'
                or (v_new.place ->> 'tries')::integer >= 20
            then
                v_outcome := 'locked';
            end if;
        when others then
            get stacked diagnostics v_state = returned_sqlstate, v_error = message_text;
            v_new := v_run;
            v_outcome := 'failed';
    end;
    perform set_config('lock_timeout', v_lock_timeout, true), set_config('levqor.retention', v_retention, true);
    update privacy.run as r
    set
        cutoff_at = v_new.cutoff_at, rows = v_new.rows, rows_are_estimated = v_new.rows_are_estimated, held = v_new.held,
        partitions = v_new.partitions,
        batches = r.batches + 1, longest_ms = v_new.longest_ms, worked_ms = v_new.worked_ms, batch_rows = v_new.batch_rows,
        place = v_new.place, worked_at = core.real_now()
    where r.run_id = v_run.run_id and r.table_name = v_run.table_name;
    if v_outcome <> 'open' then
        perform privacy.close_run(v_new, v_outcome, v_state, v_error);
    end if;
    return jsonb_build_object('rows', v_new.rows - v_run.rows, 'more', true, 'state', '{}'::jsonb);
end;
$$;
comment on function privacy.work_step(uuid) is
$$One batch of a run that is open, of p_run_id or of any: commit after each. Gives {"rows", "more", "state"}: what went, whether to
call again.

What somebody else works on is left to him. A batch that fails ends its table, with an alert, and the others go on. Raises 42501
where row-level security would hide rows: set levqor.machinery = 'on' first.$$;

-- No search_path: a procedure with a setting of its own can not commit. So every name here is qualified.
create or replace procedure privacy.run_retention(
    p_budget interval default null,
    p_table text default null,
    p_is_dry_run boolean default false,
    inout p_run_id uuid default null
)
language plpgsql
security invoker
as $$
declare
    v_step pg_catalog.jsonb;
begin
    if p_run_id is null then
        p_run_id := privacy.begin_run(p_table, p_is_dry_run, p_budget);
        commit;
    end if;
    loop
        v_step := privacy.work_step(p_run_id);
        commit;
        exit when not (v_step operator(pg_catalog.->>) 'more')::boolean;
    end loop;
end;
$$;
comment on procedure privacy.run_retention(interval, text, boolean, uuid) is
$$Remove what is too old, now, in batches that are committed one by one: call privacy.run_retention(p_table => 'audit.sensitive_call').

Not within a transaction. p_budget, p_table, p_is_dry_run: as in privacy.begin_run(). p_run_id: a run that was cut off, to go on with;
gives the id of the run, which select * from privacy.run shows: rows, held rows, batches and longest statement of each table. Raises
LQ404, LQ422.$$;

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "privacy.run_minutes", "value": 120, "minimum": 1, "maximum": 1440,
        "description": "whole number of minutes that a run of data retention may take; what is left then goes with the next one"},
    {"name": "privacy.rest_ratio", "value": 2, "minimum": 0, "maximum": 100,
        "description": "whole number: how many times as long as a batch of data retention takes it rests after it; 0: not at all"},
    {"name": "privacy.batch_ms", "value": 30, "minimum": 5, "maximum": 10000,
        "description": "whole number of milliseconds that a batch of data retention should take: its size follows it; at least 5"}
]') as s (setting);
