-- What the clock does for rate limits.

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "limits-sweep", "function": "limits.sweep", "every": "1 hour",
        "description": "remove rate buckets that are whole again"},
    {"name": "limits-compact", "function": "limits.compact", "every": "5 seconds", "is_alone": true,
        "description": "rewrite the rate buckets when dead rows have made them large"}
]') as t (task);
