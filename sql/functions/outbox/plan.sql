-- The retry plan: rows that a DBA may change.

create or replace trigger retry_step_notes_local_columns
before update on outbox.retry_step
for each row execute function core.note_local_columns();

create or replace function outbox.count_plan()
returns integer
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select count(*)::integer + 1 from outbox.retry_step as s
$$;
comment on function outbox.count_plan() is
$$How many attempts the retry plan allows: the first, and one after each wait.$$;

create or replace function outbox.read_retry_after(p_value jsonb)
returns interval
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_text text := btrim(p_value #>> '{}');
    v_longest bigint := core.integer_setting('outbox.longest_retry_after');
begin
    if v_text ~ '^[0-9]{1,9}(\.[0-9]+)?$' then
        return make_interval(secs => least(v_text::numeric, v_longest)::double precision);
    end if;
    if v_text ~ '^[0-9]+(\.[0-9]+)?$' then
        return make_interval(secs => v_longest);
    end if;
    if v_text ~ '^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) '
            '\d{4} \d\d:\d\d:\d\d GMT$'
    then
        return least(
            greatest(v_text::timestamptz - core.now(), interval '0'), make_interval(secs => v_longest)
        );
    end if;
    return null;
exception
    when data_exception then
        return null;
end;
$$;
comment on function outbox.read_retry_after(jsonb) is
$$Read a Retry-After: seconds, as number or text, or an HTTP date. Never longer than the setting outbox.longest_retry_after.

Null for anything else.$$;

create or replace function outbox.next_delay(
    p_failures integer,
    p_jitter double precision default random(),
    p_retry_after interval default null
)
returns interval
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select greatest(
        make_interval(secs => coalesce((
            select s.wait_seconds
            from outbox.retry_step as s
            where s.failures <= greatest(p_failures, 1)
            order by s.failures desc
            limit 1
        ), 0) * (1 + (2 * p_jitter - 1) * (core.setting('outbox.retry_jitter') #>> '{}')::double precision)),
        p_retry_after
    )
$$;
comment on function outbox.next_delay(integer, double precision, interval) is
$$How long to wait after the p_failures-th failed attempt: the plan's wait, made longer or shorter by the jitter, or what the
receiver asked for where that is longer.

Formula: wait_seconds of the step × (1 + (2 × p_jitter − 1) × outbox.retry_jitter). p_jitter: 0 to 1; 0.5 is the plan itself.$$;

select core.seed('outbox.retry_step', '{failures}', jsonb_build_object('failures', s.failures, 'wait_seconds', s.wait_seconds))
from unnest(array[5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]) with ordinality as s (wait_seconds, failures);

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "outbox.retry_jitter", "value": 0.1, "minimum": 0, "maximum": 1,
     "description": "number: share by which each wait is lengthened or shortened at random"},
    {"name": "outbox.longest_retry_after", "value": 86400, "minimum": 0, "maximum": 2592000,
     "description": "integer: seconds; a longer Retry-After of a receiver is cut to this"}
]') as s (setting);
