-- What the clock does for the queue. Every claim does the same for the jobs it may see, so this matters to workers
-- that wait.

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "jobs-rescue-expired", "function": "jobs.rescue_expired", "every": "5 seconds",
        "description": "take jobs back from workers that are gone"},
    {"name": "jobs-let-in-delayed", "function": "jobs.let_in_delayed", "every": "5 seconds",
        "description": "let in jobs whose delay is over"}
]') as t (task);
