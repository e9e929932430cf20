-- What the clock does for the queue.

create or replace function jobs.tend_queue()
returns jsonb
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('rescued', jobs.rescue_expired(5000), 'let_in', jobs.let_in_delayed(5000))
$$;
comment on function jobs.tend_queue() is
$$What the queue needs each second: jobs.rescue_expired and jobs.let_in_delayed, up to 5,000 jobs each. A task of the clock.$$;

create or replace function jobs.compact_hot()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_won bigint := 0;
begin
    -- Many live rows would take long to copy, while everybody waits: claims step around what is dead (see
    -- jobs.pick_behind_floor), and VACUUM gives the space to new rows once the snapshot has gone.
    if (select coalesce(sum(t.waiting), 0) from jobs.tally as t) < 50000 then
        v_won := core.compact('jobs.waiting', 'true', 1048576);
    end if;
    -- One table a run, so that no lock waits for the rewriting of another table.
    if v_won = 0 then
        v_won := core.compact('jobs.running', 'true', 4194304);
    end if;
    if v_won = 0 then
        v_won := core.compact('jobs.tally_change', 'true', 1048576);
    end if;
    return v_won;
end;
$$;
comment on function jobs.compact_hot() is
$$Rewrite one of the tables whose rows come and go, when dead rows make it large. A task of the clock, alone in its transaction.

Gives the bytes won.$$;

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "jobs-tend-queue", "function": "jobs.tend_queue", "every": "1 second",
        "description": "take jobs back from workers that are gone, let in delayed ones"},
    {"name": "jobs-fold-tallies", "function": "jobs.fold_tallies", "every": "1 second",
        "description": "bring the counts of the queue up to date"},
    {"name": "jobs-compact-hot", "function": "jobs.compact_hot", "every": "1 second", "is_alone": true,
        "description": "rewrite the hot tables of jobs when dead rows make them large"},
    {"name": "jobs-make-days", "function": "jobs.make_days", "every": "1 hour", "is_alone": true,
        "description": "make the partitions of the next days"},
    {"name": "jobs-index-days", "function": "jobs.index_days", "every": "1 hour", "is_alone": true,
        "timeout": "30 minutes", "description": "index the days of jobs that are over"},
    {"name": "jobs-drop-days", "function": "jobs.drop_days", "every": "1 hour", "is_alone": true,
        "description": "drop the days of jobs that are old"}
]') as t (task);

-- A fresh database has its first days before the first job comes.
select jobs.make_days(p_from => 0) where not exists (select from jobs.submission);
