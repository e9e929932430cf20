-- The clock. However many servers ask, a task runs once a slot.
--
-- Locks: the task's row, skipped when another server has it; then the slot's row. A server that comes later finds the
-- slot taken.

create or replace trigger task_notes_local_columns
before update on schedule.task
for each row execute function core.note_local_columns();

create or replace function schedule.slot_of(p_every interval, p_at timestamptz)
returns timestamptz
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.date_bin(p_every, p_at, '2000-01-01 00:00:00+00'::timestamptz)
$$;
comment on function schedule.slot_of(interval, timestamptz) is
$$The begin of the slot that a time falls into; slots are counted from 2000-01-01 UTC.$$;

create or replace function schedule.list_due()
returns table (task text, slot timestamptz, due_at timestamptz)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select t.name, schedule.slot_of(t.every, core.now()), coalesce(l.slot + t.every, '-infinity'::timestamptz)
    from schedule.task as t
    left join lateral (
        select r.slot from schedule.run as r where r.task = t.name order by r.slot desc limit 1
    ) as l on true
    where t.is_enabled
    order by 3, 1
$$;
comment on function schedule.list_due() is
$$Every enabled task with the slot of this moment and when it is due: one slot after its last run, or -infinity for its first.$$;

create or replace function schedule.run_due()
returns table (task text, slot timestamptz, outcome text, next_due timestamptz, hints text[])
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_due record;
    v_task schedule.task;
    v_result text;
    v_state text;
    v_error text;
    v_started_at timestamptz;
    v_until timestamptz := clock_timestamp() + interval '1 second';
    v_is_canceled boolean := false;
    v_has_run boolean := false;
begin
    perform core.enter_machinery();
    for v_due in
        select d.task, d.slot from schedule.list_due() as d where d.due_at <= core.now()
    loop
        select t.* into v_task
        from schedule.task as t
        where t.name = v_due.task and t.is_enabled
        for update skip locked;
        continue when not found;
        exit when v_task.is_alone and v_has_run;
        -- A newer look than the list: the server that held the row may have run this slot meanwhile.
        v_started_at := core.real_now();
        insert into schedule.run as r (task, slot, started_at)
        select v_task.name, v_due.slot, v_started_at
        where not exists (select from schedule.run as l where l.task = v_task.name and l.slot >= v_due.slot)
        on conflict on constraint run_pkey do nothing;
        continue when not found;

        outcome := 'succeeded';
        v_result := null;
        v_state := null;
        v_error := null;
        hints := '{}';
        begin
            perform core.enter_machinery();
            if to_regproc(v_task.function) is null then
                raise exception using errcode = '42883', message = format('no function named %s', v_task.function);
            end if;
            execute format('select (%s())::text', to_regproc(v_task.function)) into v_result;
            set constraints all immediate;
            set constraints all deferred;
            hints := core.take_hints();
        exception
            when query_canceled then
                get stacked diagnostics v_state = returned_sqlstate, v_error = message_text;
                outcome := 'timed out';
                v_is_canceled := true;
            when others then
                get stacked diagnostics v_state = returned_sqlstate, v_error = message_text;
                outcome := 'failed';
        end;
        perform core.enter_machinery();
        update schedule.run as r
        set
            finished_at = greatest(core.real_now(), v_started_at),
            outcome = run_due.outcome,
            result = left(v_result, 1000),
            sqlstate = v_state,
            error = left(v_error, 1000)
        where r.task = v_task.name and r.slot = v_due.slot;

        task := v_task.name;
        slot := v_due.slot;
        next_due := v_due.slot + v_task.every;
        v_has_run := true;
        return next;
        exit when v_task.is_alone;
        -- A statement that was cancelled has no timeout any more, and one that takes long holds back what is already
        -- done.
        exit when v_is_canceled or clock_timestamp() > v_until;
    end loop;
end;
$$;
comment on function schedule.run_due() is
$$Run what is due: for the server's clock, which calls it at schedule.next_due(), and again at once while rows come.

One row a run, with outcome succeeded, failed or timed out, and the hints of its work. A run that fails is undone and recorded,
and the others go on. Slots that nobody was there for are not caught up: the task runs once, in the slot of this moment. It
ends early after a second of work, and before and after a task that is alone, so that what is done is committed; call again.$$;
grant execute on function schedule.run_due() to levqor_server;

create or replace function schedule.next_due()
returns timestamptz
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.enter_machinery();
    return (select case when count(*) > 0 then greatest(min(d.due_at), core.now()) end from schedule.list_due() as d);
end;
$$;
comment on function schedule.next_due() is
$$When the clock must call schedule.run_due() next: now when something is due, null when no task is enabled.

After a call that ran nothing although something is due (another server runs it), wait a second before the next.$$;
grant execute on function schedule.next_due() to levqor_server;

create or replace function schedule.timeout_ms()
returns integer
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(max((extract(epoch from t.timeout) * 1000)::integer), 30000)
    from schedule.task as t
    where t.is_enabled
$$;
comment on function schedule.timeout_ms() is
$$The statement timeout that the server's clock sets before schedule.run_due(): the longest of its tasks, in milliseconds.$$;
grant execute on function schedule.timeout_ms() to levqor_server;

create or replace function schedule.trim_runs()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_trimmed bigint;
begin
    -- The last run of a task stays: it says when the task is due.
    delete from schedule.run as r
    where r.started_at < core.now() - make_interval(days => core.integer_setting('schedule.keep_runs_days')::integer)
        and exists (select from schedule.run as l where l.task = r.task and l.slot > r.slot);
    get diagnostics v_trimmed = row_count;
    return v_trimmed;
end;
$$;
comment on function schedule.trim_runs() is
$$Remove runs older than the setting schedule.keep_runs_days, but never the last of a task. Gives how many went.$$;

select core.seed('core.setting', '{name}', '{
    "name": "schedule.keep_runs_days", "value": 7, "description": "whole number of days that runs of tasks are kept"}');
select core.seed('schedule.task', '{name}', '{
    "name": "schedule-trim-runs", "function": "schedule.trim_runs", "every": "1 day",
    "description": "remove old runs of tasks"}');
