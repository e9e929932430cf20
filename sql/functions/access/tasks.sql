-- What the clock does for the access record. A day that is missing all the same is made when its first row comes.

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "access-make-days", "function": "access.make_days", "every": "10 minutes",
        "description": "make the partitions of the access record for today and three days ahead"},
    {"name": "access-drop-days", "function": "access.drop_days", "every": "10 minutes", "is_alone": true,
        "description": "drop days of the access record that are older than access.keep_days"}
]') as t (task);
