-- The queue's tasks of the clock, run now.
\echo 1..0 # SKIP helpers, loaded before the run
set client_min_messages = warning;
create schema if not exists test;

create or replace function test.tend_queue()
returns text[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.enter_machinery();
    perform jobs.rescue_expired(), jobs.let_in_delayed();
    return core.take_hints();
end;
$$;
comment on function test.tend_queue() is 'Rescue expired jobs and let in delayed ones, as the clock does; gives the hints.';
