-- Who is told what came of a message: a function that its sender named, once, in the transaction of the report.

create or replace function outbox.check_receiver(p_receiver text)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_receiver is not null and (
        p_receiver !~ '^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$' or to_regprocedure(p_receiver || '(jsonb, jsonb)') is null
    ) then
        raise exception using
            errcode = 'LQ422',
            message = 'there is no such receiver',
            detail = format('Got %s.', quote_literal(p_receiver)),
            hint = 'Name a function schema.name(p_context jsonb, p_outcome jsonb).';
    end if;
end;
$$;
comment on function outbox.check_receiver(text) is
$$Refuse a receiver that is no function schema.name(jsonb, jsonb). Raises LQ422; null is nobody.$$;

create or replace function outbox.call_receiver(p_receiver text, p_context jsonb, p_outcome jsonb)
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state text;
    v_message text;
    v_lock_timeout text := current_setting('lock_timeout');
    v_hints text := current_setting('levqor.hints', true);
begin
    begin
        perform outbox.check_receiver(p_receiver);
        perform set_config('lock_timeout', '1s', true);
        -- By its name as it was checked: to_regproc() knows none that there are several of.
        execute format('select %s($1, $2)', p_receiver) using p_context, p_outcome;
        -- What it deferred fails here, and not the whole report.
        set constraints all immediate;
        set constraints all deferred;
    exception
        when query_canceled then
            raise;
        when others or assert_failure then
            get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
            perform set_config('levqor.hints', coalesce(v_hints, ''), true);
    end;
    perform set_config('lock_timeout', v_lock_timeout, true);
    perform set_config('levqor.machinery', 'on', true);
    return v_state || ' ' || v_message;
end;
$$;
comment on function outbox.call_receiver(text, jsonb, jsonb) is
$$Call a receiver in a subtransaction of its own. Gives null, or its error: what it did is undone, and nothing else.

It waits a second for a lock at most. A cancelled statement is passed on.$$;

create or replace function outbox.keep_receipt(
    p_account_id uuid, p_message_id uuid, p_receiver text, p_context jsonb, p_outcome jsonb, p_error text
)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into outbox.receipt as r (account_id, message_id, receiver, context, outcome, tries, due_at, error)
    values (
        p_account_id, p_message_id, p_receiver, p_context, p_outcome, 1, core.now() + interval '10 seconds',
        left(p_error, 1000)
    )
    on conflict (account_id, message_id) do update
    set outcome = excluded.outcome, tries = 1, due_at = excluded.due_at, error = excluded.error
$$;
comment on function outbox.keep_receipt(uuid, uuid, text, jsonb, jsonb, text) is
$$Keep an outcome that its receiver raised an error about, to call it again.$$;

create or replace function outbox.call_receivers(p_limit integer default 100)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_receipt outbox.receipt;
    v_error text;
    v_state text;
    v_is_out_of_time boolean := false;
    v_called bigint := 0;
    v_most integer := core.integer_setting('outbox.receiver_tries')::integer;
begin
    for v_receipt in
        select r.*
        from outbox.receipt as r
        where r.due_at <= core.now()
        order by r.due_at
        limit p_limit
        for update skip locked
    loop
        v_called := v_called + 1;
        begin
            v_error := outbox.call_receiver(v_receipt.receiver, v_receipt.context, v_receipt.outcome);
        exception
            when query_canceled then
                get stacked diagnostics v_state = returned_sqlstate, v_error = message_text;
                v_error := v_state || ' ' || v_error;
                v_is_out_of_time := true;
        end;
        if v_error is null then
            delete from outbox.receipt as r
            where r.account_id = v_receipt.account_id and r.message_id = v_receipt.message_id;
        else
            update outbox.receipt as r
            set
                tries = r.tries + 1,
                -- 20 s, 40 s, … up to an hour.
                due_at = case
                    when r.tries + 1 >= v_most then 'infinity'
                    else core.now() + least(interval '10 seconds' * 2 ^ least(r.tries, 12), interval '1 hour')
                end,
                error = left(v_error, 1000)
            where r.account_id = v_receipt.account_id and r.message_id = v_receipt.message_id;
        end if;
        -- A statement that was cancelled has no timeout any more.
        exit when v_is_out_of_time;
    end loop;
    return v_called;
end;
$$;
comment on function outbox.call_receivers(integer) is
$$Call receivers of what was given up without an attempt, and again those that raised an error. A task of the clock. Gives how many
were called. One that takes longer than the task may ends the run, and counts as an error.

After the setting outbox.receiver_tries calls one stays as it is: correct the cause, then
update outbox.receipt set due_at = now() where message_id = ….$$;

select core.seed('core.setting', '{name}', '{
    "name": "outbox.receiver_tries", "value": 20, "minimum": 1, "maximum": 1000,
    "description": "whole number of calls of a receiver that raises an error, before it is left alone"}');
