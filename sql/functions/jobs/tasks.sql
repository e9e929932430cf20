-- What the clock does for the queue. The server also tends it whenever jobs.next_due() says; this is what happens if it does not.

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "jobs-rescue-expired", "function": "jobs.rescue_expired", "every": "10 seconds",
        "description": "take jobs back from workers that are gone"},
    {"name": "jobs-let-in-delayed", "function": "jobs.let_in_delayed", "every": "10 seconds",
        "description": "let in jobs whose delay is over"}
]') as t (task);
