-- The calendar of quotas: months and days of UTC, by the one clock.

-- Inlinable, as the charge of every batch asks for it.
create or replace function quota.month(p_at timestamptz default core.now())
returns date
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.date_trunc('month', p_at at time zone 'UTC')::date
$$;
comment on function quota.month(timestamptz) is
$$The first day of the month that a time falls into, by UTC.$$;

create or replace function quota.month_end(p_month date)
returns timestamptz
language sql
immutable
parallel safe
security invoker
as $$
    select (p_month + interval '1 month') at time zone 'UTC'
$$;
comment on function quota.month_end(date) is
$$When a month is over, and counting begins anew.$$;

create or replace function quota.day(p_at timestamptz default core.now())
returns date
language sql
immutable
parallel safe
security invoker
as $$
    select (p_at at time zone 'UTC')::date
$$;
comment on function quota.day(timestamptz) is
$$The day that a time falls into, by UTC.$$;

create or replace function quota.day_end(p_day date)
returns timestamptz
language sql
immutable
parallel safe
security invoker
as $$
    select (p_day + 1)::timestamp at time zone 'UTC'
$$;
comment on function quota.day_end(date) is
$$When a day is over, and spending begins anew.$$;
