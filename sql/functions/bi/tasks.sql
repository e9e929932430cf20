-- What the clock does for the views of BI tools.

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "bi-refresh", "function": "bi_store.refresh_step", "every": "5 minutes", "is_alone": true, "overlap": "skip",
        "timeout": "10 minutes", "description": "refresh the views for BI tools that are due, one a step"},
    {"name": "bi-trim-days", "function": "bi_store.trim_days", "every": "1 day", "is_alone": true,
        "description": "remove days that BI tools see, older than bi.keep_days"}
]') as t (task);
