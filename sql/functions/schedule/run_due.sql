-- The clock. However many servers ask, a task runs once a slot.
--
-- Locks: the task's row of schedule.state, skipped when another server has it; then the slot's row. A server that comes later
-- finds the slot taken. A run in several steps is a row without an outcome: each step is a transaction of its own that holds
-- the same lock, and whoever comes next goes on from the state that was committed last.

create or replace trigger task_notes_local_columns
before update on schedule.task
for each row execute function core.note_local_columns();

create or replace function schedule.check_task()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.cron is not null then
        perform schedule.parse_cron(new.cron);
    end if;
    if tg_op = 'INSERT' or new.zone is distinct from old.zone then
        perform schedule.check_zone(new.zone);
    end if;
    if new.every is not null and new.jitter >= new.every then
        raise exception using
            errcode = 'LQ422',
            message = 'the jitter must be less than the interval',
            detail = format('Got a jitter of %s for every %s.', new.jitter, new.every);
    end if;
    return new;
end;
$$;
comment on function schedule.check_task() is
$$Trigger: refuse (LQ422) a cron text that can not be read, an unknown time zone, and a jitter as long as the interval.$$;

create or replace trigger task_is_checked
before insert or update of cron, zone, every, jitter on schedule.task
for each row execute function schedule.check_task();

create or replace function schedule.add_state()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into schedule.state (task) values (new.name) on conflict do nothing;
    return null;
end;
$$;
comment on function schedule.add_state() is
$$Trigger: a new task has a row of schedule.state.$$;

create or replace trigger task_has_state
after insert on schedule.task
for each row execute function schedule.add_state();

create or replace function schedule.tell_change()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('levqor', E'schedule\t1');
    return null;
end;
$$;
comment on function schedule.tell_change() is
$$Trigger: tell the servers' clocks that tasks have changed. A hint: they look every few seconds in any case.$$;

create or replace trigger task_change_is_told
after insert or update or delete on schedule.task
for each statement execute function schedule.tell_change();

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

create or replace function schedule.plan_of(p_task schedule.task)
returns text
language sql
stable
security invoker
as $$
    select case when p_task.is_enabled then pg_catalog.concat_ws(
        ' ', pg_catalog.date_part('epoch', p_task.every), p_task.cron, p_task.zone
    ) else 'paused' end
$$;
comment on function schedule.plan_of(schedule.task) is
$$When a task runs, in one text: two tasks with the same text have the same slots.$$;

create or replace function schedule.task_slot_after(p_task schedule.task, p_after timestamptz)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_task.every is not null then
        return schedule.slot_of(p_task.every, p_after) + p_task.every;
    end if;
    return schedule.slot_after(schedule.parse_cron(p_task.cron), p_task.zone, p_after);
end;
$$;
comment on function schedule.task_slot_after(schedule.task, timestamptz) is
$$The first slot of a task after a moment.$$;

create or replace function schedule.due_at(p_task schedule.task, p_slot timestamptz)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_task.jitter = interval '0' then
        return p_slot;
    end if;
    return p_slot + least(p_task.jitter, schedule.task_slot_after(p_task, p_slot) - p_slot) * (
        (hashtextextended(p_task.name, extract(epoch from p_slot)::bigint) & 65535) / 65536.0::double precision
    );
end;
$$;
comment on function schedule.due_at(schedule.task, timestamptz) is
$$When a slot of a task is due: the slot and its part of the jitter, which a hash of name and slot gives. Before the next slot.$$;

create or replace function schedule.list_due()
returns table (task text, slot timestamptz, due_at timestamptz)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        t.name,
        case when o.task is not null then o.slot else s.next_slot end,
        case
            when o.task is not null then o.due_at
            when s.plan is distinct from schedule.plan_of(t) then '-infinity'::timestamptz
            else s.due_at
        end
    from schedule.task as t
    inner join schedule.state as s on s.task = t.name
    left join lateral (
        select r.task, r.slot, r.due_at
        from schedule.run as r
        where r.task = t.name and r.outcome is null and (t.is_enabled or r.kind = 'manual')
        order by r.started_at nulls last, r.slot
        limit 1
    ) as o on true
    where t.is_enabled or o.task is not null
    order by 3, 1
$$;
comment on function schedule.list_due() is
$$Every enabled task, and paused ones that were asked to run: what is next and when it is due; -infinity when it was changed since.

An open run of several steps comes before the next slot. Changed is a new task, one with another interval or cron text, and one
that was resumed.$$;

create or replace function schedule.count_slots(p_task schedule.task, p_from timestamptz, p_before timestamptz)
returns integer
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_cron schedule.cron := schedule.parse_cron(p_task.cron);
    v_slot timestamptz := p_from;
    v_count integer := 0;
begin
    if p_task.every is not null then
        return greatest(0, ceil(extract(epoch from p_before - p_from) / extract(epoch from p_task.every)));
    end if;
    while v_slot < p_before and v_count < 1000 loop
        v_count := v_count + 1;
        v_slot := schedule.slot_after(v_cron, p_task.zone, v_slot);
    end loop;
    return v_count;
end;
$$;
comment on function schedule.count_slots(schedule.task, timestamptz, timestamptz) is
$$How many slots a task has from p_from, which is one, until before p_before. Of a cron text at most 1000.$$;

create or replace function schedule.set_next(p_task schedule.task, p_slot timestamptz, p_next timestamptz, p_missed integer)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    update schedule.state as s
    set
        next_slot = p_next,
        due_at = schedule.due_at(p_task, p_next),
        last_slot = coalesce(p_slot, s.last_slot),
        missed = s.missed + p_missed
    where s.task = p_task.name
$$;
comment on function schedule.set_next(schedule.task, timestamptz, timestamptz, integer) is
$$Note where a task stands. p_slot: the slot that was taken, null for none. p_next: the next. p_missed: slots left out before it.$$;

create or replace function schedule.refresh_plan(p_task schedule.task)
returns schedule.state
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state schedule.state;
    v_next timestamptz;
begin
    select s.* into v_state from schedule.state as s where s.task = p_task.name;
    if v_state.plan is not distinct from schedule.plan_of(p_task) then
        return v_state;
    end if;
    if not p_task.is_enabled then
        v_next := null;
    elsif p_task.every is null then
        v_next := schedule.task_slot_after(p_task, greatest(core.now(), v_state.last_slot));
    elsif v_state.last_slot is null then
        v_next := schedule.slot_of(p_task.every, core.now());
    else
        -- The slot of this moment, unless it was run: a task that was paused or has changed does not start a second time in it.
        v_next := greatest(
            schedule.slot_of(p_task.every, core.now()), schedule.task_slot_after(p_task, v_state.last_slot)
        );
    end if;
    update schedule.state as s
    set
        plan = schedule.plan_of(p_task),
        next_slot = v_next,
        due_at = case when v_next is not null then schedule.due_at(p_task, v_next) end
    where s.task = p_task.name
    returning s.* into v_state;
    return v_state;
end;
$$;
comment on function schedule.refresh_plan(schedule.task) is
$$Where a task stands, worked out anew when its plan is another than before. For the holder of its lock.

A cron text counts from the moment the clock sees it: slots before are not missed. An interval begins with the slot of this moment.$$;

create or replace function schedule.take_slot(p_task schedule.task)
returns schedule.run
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state schedule.state;
    v_run schedule.run;
    v_slot timestamptz;
    v_now timestamptz := core.now();
    v_missed integer := 0;
    v_is_late boolean;
begin
    select r.* into v_run
    from schedule.run as r
    where r.task = p_task.name and r.outcome is null and (p_task.is_enabled or r.kind = 'manual')
    order by r.started_at nulls last, r.slot
    limit 1;
    if v_run.task is not null then
        if v_run.due_at > v_now then
            return null;
        end if;
        return v_run;
    end if;
    v_state := schedule.refresh_plan(p_task);
    if v_state.due_at is null or v_state.due_at > v_now then
        return null;
    end if;

    v_slot := v_state.next_slot;
    if p_task.every is not null then
        if not p_task.catches_up_all then
            v_slot := greatest(v_slot, schedule.slot_of(p_task.every, v_now));
        elsif v_now - v_slot > p_task.catch_up then
            v_slot := greatest(v_slot, least(
                schedule.task_slot_after(p_task, v_now - p_task.catch_up - interval '1 microsecond'),
                schedule.slot_of(p_task.every, v_now)
            ));
        end if;
    elsif not p_task.catches_up_all then
        v_slot := schedule.last_slot(schedule.parse_cron(p_task.cron), p_task.zone, v_slot, v_now);
    elsif v_now - v_slot > p_task.catch_up then
        v_slot := greatest(v_slot, schedule.task_slot_after(p_task, v_now - p_task.catch_up - interval '1 microsecond'));
        if v_slot > v_now then
            v_slot := schedule.last_slot(schedule.parse_cron(p_task.cron), p_task.zone, v_state.next_slot, v_now);
        end if;
    end if;
    if v_slot > v_state.next_slot then
        v_missed := schedule.count_slots(p_task, v_state.next_slot, v_slot);
        if schedule.due_at(p_task, v_slot) > v_now then
            perform schedule.set_next(p_task, null, v_slot, v_missed);
            return null;
        end if;
    end if;

    v_is_late := v_now - schedule.due_at(p_task, v_slot) > p_task.catch_up;
    insert into schedule.run as r (task, slot, started_at, due_at, missed, outcome, finished_at)
    select
        p_task.name, v_slot, core.real_now(), case when v_is_late is not true then v_now end, v_state.missed + v_missed,
        case when v_is_late then 'missed' end, case when v_is_late then core.real_now() end
    on conflict on constraint run_pkey do nothing
    returning r.* into v_run;
    perform schedule.set_next(p_task, v_slot, schedule.task_slot_after(p_task, v_slot), 0);
    if v_run.task is not null then
        update schedule.state as s set missed = 0 where s.task = p_task.name;
    end if;
    return v_run;
end;
$$;
comment on function schedule.take_slot(schedule.task) is
$$The run of a task that is due, with its row in schedule.run: an open one, or one of the slot that is next. For the holder of its lock.

Null when nothing is due or the slot is taken. A slot that is later than the task's catch_up comes with the outcome missed.$$;

create or replace function schedule.end_run(
    p_task schedule.task, p_run schedule.run, p_outcome text, p_began_at timestamptz, p_answer jsonb, p_sqlstate text,
    p_error text
)
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := greatest(core.real_now(), p_began_at);
    v_has_more boolean := coalesce(p_outcome = 'succeeded' and p_answer -> 'more' = 'true', false);
    v_rows bigint;
    v_is_retried boolean := p_outcome <> 'succeeded' and p_run.attempts + 1 < p_task.max_attempts;
    v_next timestamptz;
begin
    -- Whatever it says, recording it must not fail.
    select r.number::bigint into v_rows
    from (select coalesce(p_answer -> 'rows', p_answer)) as a (value)
    cross join lateral (select case when jsonb_typeof(a.value) = 'number' then a.value::numeric end) as r (number)
    where r.number >= 0 and r.number < 1000000000000000;
    update schedule.run as r
    set
        started_at = coalesce(r.started_at, p_began_at),
        worked = r.worked + (v_now - p_began_at),
        steps = r.steps + (p_outcome = 'succeeded')::integer,
        attempts = case when p_outcome = 'succeeded' then 0 else r.attempts + 1 end,
        touched = case when v_rows is not null then coalesce(r.touched, 0) + v_rows else r.touched end,
        state = case when v_has_more then p_answer -> 'state' else r.state end,
        result = coalesce(left(p_answer #>> '{}', 1000), r.result),
        sqlstate = coalesce(p_sqlstate, r.sqlstate),
        error = coalesce(left(p_error, 1000), r.error),
        outcome = case when not v_has_more and not v_is_retried then p_outcome end,
        finished_at = case when not v_has_more and not v_is_retried then v_now end,
        due_at = case
            when v_has_more then v_now
            when v_is_retried
                then v_now + least(p_task.retry_after * 2 ^ least(r.attempts, 12), interval '1 hour')
        end
    where r.task = p_run.task and r.slot = p_run.slot;
    if v_has_more then
        return 'running';
    elsif v_is_retried then
        return 'retrying';
    end if;

    update schedule.state as s
    set
        failures = case when p_outcome = 'succeeded' then 0 else s.failures + 1 end,
        failing_since = case when p_outcome <> 'succeeded' then coalesce(s.failing_since, v_now) end
    where s.task = p_task.name
    returning s.next_slot into v_next;
    if p_task.overlap = 'skip' and v_next <= v_now then
        perform schedule.set_next(
            p_task, null, schedule.task_slot_after(p_task, v_now),
            schedule.count_slots(p_task, v_next, v_now + interval '1 microsecond')
        );
    end if;
    return p_outcome;
end;
$$;
comment on function schedule.end_run(schedule.task, schedule.run, text, timestamptz, jsonb, text, text) is
$$Record what came of a run or of a step, and what is next. Gives the outcome, or running (there is more), or retrying.$$;

create or replace function schedule.call_task(p_function text, p_state jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_call text;
    v_type regtype;
    v_text text;
    v_answer jsonb;
begin
    select
        format(case when 'p_state' = any (p.proargnames) then '%s(p_state => $1)' else '%s()' end, p.oid::regproc),
        p.prorettype
    into v_call, v_type
    from pg_proc as p
    where p.oid = to_regproc(p_function);
    if not found then
        raise exception using errcode = '42883', message = format('no function named %s', p_function);
    end if;
    if v_type in ('jsonb'::regtype, 'smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) then
        execute format('select to_jsonb(%s)', v_call) into v_answer using p_state;
        return v_answer;
    end if;
    execute format('select (%s)::text', v_call) into v_text using p_state;
    return to_jsonb(v_text);
end;
$$;
comment on function schedule.call_task(text, jsonb) is
$$Call a task's function, with p_state when it has such an argument. Gives a whole number or JSON as it is, all else as text.

Raises 42883 when there is none, or more than one, of the name.$$;

create or replace function schedule.current_slot()
returns timestamptz
language sql
stable
parallel safe
security invoker
as $$
    select nullif(pg_catalog.current_setting('levqor.slot', true), '')::timestamptz
$$;
comment on function schedule.current_slot() is
$$For a task's function: the slot it is run for, which may be a while ago; null outside of the clock.$$;

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
    v_run schedule.run;
    v_answer jsonb;
    v_state text;
    v_error text;
    v_began_at timestamptz;
    v_until timestamptz := clock_timestamp() + interval '1 second';
    v_bound interval := current_setting('statement_timeout')::interval;
    v_timeout interval;
    v_is_canceled boolean := false;
begin
    perform core.enter_machinery();
    -- What comes while a task is paused is not to be caught up when it is resumed.
    perform schedule.refresh_plan(p.task)
    from (
        select t as task
        from schedule.state as s
        inner join schedule.task as t on t.name = s.task
        where not t.is_enabled and s.plan is distinct from 'paused'
        for no key update of s skip locked
    ) as p;
    for v_due in
        select d.task from schedule.list_due() as d where d.due_at <= core.now() order by d.due_at, d.task
    loop
        perform from schedule.state as s where s.task = v_due.task for update skip locked;
        continue when not found;
        -- A newer look than the list: the server that held the row may have run this slot meanwhile.
        select t.* into v_task from schedule.task as t where t.name = v_due.task;
        continue when not found or v_task.timeout > v_bound and v_bound > interval '0';
        exit when v_timeout is not null and (v_task.is_alone or v_task.timeout <> v_timeout);
        v_run := schedule.take_slot(v_task);
        continue when v_run.task is null;
        task := v_run.task;
        slot := v_run.slot;
        hints := '{}';
        outcome := v_run.outcome;
        if outcome is null then
            v_timeout := v_task.timeout;
            outcome := 'succeeded';
            v_answer := null;
            v_state := null;
            v_error := null;
            v_began_at := core.real_now();
            begin
                perform core.enter_machinery();
                perform set_config('levqor.slot', slot::text, true);
                v_answer := schedule.call_task(v_task.function, v_run.state);
                set constraints all immediate;
                set constraints all deferred;
                hints := core.take_hints();
            exception
                when query_canceled then
                    -- Asked to stop before its time, by a server that shuts down or by an operator: as if it had never begun.
                    if v_bound = interval '0' or clock_timestamp() < statement_timestamp() + 0.9 * v_bound then
                        raise;
                    end if;
                    get stacked diagnostics v_state = returned_sqlstate, v_error = message_text;
                    outcome := 'timed out';
                    v_is_canceled := true;
                when others then
                    get stacked diagnostics v_state = returned_sqlstate, v_error = message_text;
                    outcome := 'failed';
            end;
            perform core.enter_machinery();
            perform set_config('levqor.slot', '', true);
            outcome := schedule.end_run(v_task, v_run, outcome, v_began_at, v_answer, v_state, v_error);
        end if;
        select s.due_at into next_due from schedule.state as s where s.task = v_task.name;
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

One row a run or step, with its outcome (succeeded, failed, timed out, missed; running: it has more to do; retrying: it failed and is
tried again) and the hints of its work. A run that fails is undone and recorded, and the others go on. It ends early after a second
of work, before a task with another timeout, and before and after a task that is alone, so that what is done is committed; call
again. Before it, set the statement timeout to schedule.timeout_ms().

A function that returns the object {"more": true, "state": …} has done a step. The step is committed, and the function is called
again for the same slot with that state as p_state, which is null at first; on any server, also after a crash. "rows" in the object
is added to the run's rows.$$;
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
    return (select case when count(d.due_at) > 0 then greatest(min(d.due_at), core.now()) end from schedule.list_due() as d);
end;
$$;
comment on function schedule.next_due() is
$$When the clock must call schedule.run_due() next: now when something is due, null when no task is enabled.

After a call that ran nothing although something is due (another server runs it), wait a second before the next.$$;
grant execute on function schedule.next_due() to levqor_server;

create or replace function schedule.timeout_ms()
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_due record;
    v_longest interval := interval '30 seconds';
begin
    perform core.enter_machinery();
    for v_due in
        select d.task, t.timeout
        from schedule.list_due() as d
        inner join schedule.task as t on t.name = d.task
        where d.due_at <= core.now()
        order by d.due_at, d.task
    loop
        -- What another server runs is not what this one will run first.
        perform from schedule.state as s where s.task = v_due.task for update skip locked;
        if found then
            v_longest := v_due.timeout;
            exit;
        end if;
    end loop;
    return (extract(epoch from v_longest) * 1000)::integer;
end;
$$;
comment on function schedule.timeout_ms() is
$$The statement timeout that the server's clock sets before schedule.run_due(): that of the task it will run first, in milliseconds.$$;
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
    v_is_held boolean := core.held_accounts('schedule.run') is null;
begin
    -- The last run of a task stays, and so does what is not over.
    delete from schedule.run as r
    where r.outcome is not null and not v_is_held
        and (
            r.started_at < core.now() - make_interval(days => core.integer_setting('schedule.keep_runs_days')::integer)
            -- A task of every second would leave 86,400 a day, nearly all the same.
            or (
                r.started_at < core.now() - interval '1 hour' and r.outcome = 'succeeded'
                and exists (select from schedule.task as t where t.name = r.task and t.every < interval '1 minute')
            )
        )
        and exists (select from schedule.run as l where l.task = r.task and l.slot > r.slot);
    get diagnostics v_trimmed = row_count;
    return v_trimmed;
end;
$$;
comment on function schedule.trim_runs() is
$$Remove runs older than the setting schedule.keep_runs_days, but never the last of a task. Gives how many went.

Of tasks that run more often than every minute, runs that succeeded go after an hour.$$;

select core.seed('core.setting', '{name}', '{
    "name": "schedule.keep_runs_days", "value": 7, "minimum": 1, "maximum": 36500,
    "description": "whole number of days that runs of tasks are kept"}');
select core.seed('schedule.task', '{name}', '{
    "name": "schedule-trim-runs", "function": "schedule.trim_runs", "every": "1 hour",
    "description": "remove old runs of tasks"}');
