-- The one clock. The entry points copy core.test_clock into levqor.now at the start of each statement.

create or replace function core.now()
returns timestamptz
language sql
stable
parallel safe
security invoker
as $$
    select coalesce(
        nullif(pg_catalog.current_setting('levqor.now', true), '')::timestamptz,
        pg_catalog.statement_timestamp()
    )
$$;
comment on function core.now() is
$$Tell the time: the start of the statement, or the test clock when one is set.$$;

grant execute on function core.now() to levqor_dba;

create or replace function core.real_now()
returns timestamptz
language sql
volatile
parallel safe
security invoker
as $$
    select coalesce(
        nullif(pg_catalog.current_setting('levqor.now', true), '')::timestamptz,
        pg_catalog.clock_timestamp()
    )
$$;
comment on function core.real_now() is
$$Tell the time of this very moment, or the test clock when one is set. For limits, which read it after their locks.$$;

create or replace function core.set_test_clock(p_now_at timestamptz)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from core.test_clock;
    if p_now_at is not null then
        insert into core.test_clock (now_at) values (p_now_at);
    end if;
    perform set_config('levqor.now', coalesce(p_now_at::text, ''), false);
    return core.now();
end;
$$;
comment on function core.set_test_clock(timestamptz) is
$$Set the test clock for every session, or take it away with null. Only the owner can.

Other open psql sessions feel it after core.load_test_clock(); the server's do with their next call.$$;

create or replace function core.load_test_clock()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from core.test_clock) or current_setting('levqor.now', true) <> '' then
        perform set_config('levqor.now', coalesce((select c.now_at::text from core.test_clock as c), ''), true);
    end if;
end;
$$;
comment on function core.load_test_clock() is
$$Take the test clock, or its absence, into this transaction. Every entry point starts with it.$$;
