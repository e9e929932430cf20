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

create or replace function test.clear_jobs()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('levqor.retention', 'on', true);
    delete from jobs.outcome;
    delete from jobs.attempt;
    delete from jobs.event;
    delete from jobs.log;
    delete from jobs.waiting;
    delete from jobs.running;
    delete from jobs.unique_key;
    delete from jobs.tally_change;
    delete from jobs.tally;
    delete from jobs.hour;
    delete from jobs.worker;
    delete from jobs.submission;
end;
$$;
comment on function test.clear_jobs() is 'Remove every job and all that is kept of them, until the end of the test.';

create or replace function test.claim_jobs(
    p_worker text, p_workflows text[] default null, p_max integer default 1, p_lease_seconds integer default 60,
    p_account_id uuid default null
)
returns setof jobs.job
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids uuid[];
begin
    v_ids := array(select c.id from jobs.claim_jobs(p_worker, p_workflows, p_max, p_lease_seconds, p_account_id) as c);
    return query
    select j.*
    from unnest(v_ids) with ordinality as c (id, place)
    inner join jobs.job as j on j.id = c.id
    order by c.place;
end;
$$;
comment on function test.claim_jobs(text, text[], integer, integer, uuid) is 'Claim jobs as jobs.claim_jobs does, and give all that is known of them.';
