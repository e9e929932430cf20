-- What the clock does for data retention.

create or replace function privacy.begin_daily_run()
returns text
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select core.show_id('retrun', privacy.begin_run())
$$;
comment on function privacy.begin_daily_run() is
$$The task of the clock that begins the run of the day; privacy.work_runs() works it off. Gives its id.$$;

create or replace function privacy.work_runs()
returns jsonb
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select privacy.work_step()
$$;
comment on function privacy.work_runs() is
$$The task of the clock that works off runs of data retention: one batch, committed as a step, and another at once while there is one.$$;

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "privacy-begin-run", "function": "privacy.begin_daily_run", "cron": "0 3 * * *",
        "description": "begin the day''s run of data retention"},
    {"name": "privacy-work-runs", "function": "privacy.work_runs", "every": "1 minute", "is_alone": true, "max_attempts": 5,
        "description": "work off runs of data retention, batch by batch"}
]') as t (task);
