-- The clock, as the server turns it. Loaded into the schema test before the run.
\echo 1..0 # SKIP helpers, loaded before the run
set client_min_messages = warning;
create schema if not exists test;
grant usage on schema test to public;

create or replace function test.turn_clock()
returns text[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_role text := current_setting('role');
    v_told text[] := '{}';
    v_new text[];
begin
    loop
        perform set_config('role', 'levqor_server', true);
        select array_agg(r.task || ' ' || r.outcome) into v_new from schedule.run_due() as r;
        perform set_config('role', v_role, true);
        perform core.set_caller(null, null, null, null, null, null, null);
        if v_new is null then
            return (select array_agg(t.told order by t.told) from unnest(v_told) as t (told));
        end if;
        v_told := v_told || v_new;
    end loop;
end;
$$;
comment on function test.turn_clock() is
$$Run what is due as levqor_server, call by call until nothing is; gives TASK OUTCOME of each run, in order of their names.$$;

grant execute on all functions in schema test to public;
