-- What the clock does for the outbox.

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "outbox-trim-events", "function": "outbox.trim_events", "every": "1 hour",
        "description": "remove old events"},
    {"name": "outbox-make-days", "function": "outbox.make_days", "every": "1 hour", "is_alone": true,
        "description": "make the partitions of messages and attempts for the days to come"},
    {"name": "outbox-drop-days", "function": "outbox.drop_days", "every": "1 hour", "is_alone": true,
        "description": "drop old messages and attempts, a day at a time"},
    {"name": "outbox-trim-old", "function": "outbox.trim_old", "every": "1 hour",
        "description": "remove old keys, late reports, replays and removed endpoints"},
    {"name": "outbox-trim-tallies", "function": "outbox.trim_tallies", "every": "1 minute",
        "description": "remove tallies that no circuit breaker looks at any more"},
    {"name": "outbox-compact", "function": "outbox.compact", "every": "5 seconds", "is_alone": true,
        "description": "rewrite the deliveries when dead rows have made them large"},
    {"name": "outbox-tend-endpoints", "function": "outbox.tend_endpoints", "every": "5 seconds",
        "description": "let parked deliveries out when their endpoint takes them again"},
    {"name": "outbox-work-replays", "function": "outbox.work_replays", "every": "5 seconds",
        "description": "send the messages of ordered replays again"},
    {"name": "outbox-call-receivers", "function": "outbox.call_receivers", "every": "5 seconds",
        "description": "call functions again that could not take the outcome of a message"},
    {"name": "outbox-measure-backlog", "function": "outbox.measure_backlog", "every": "30 seconds",
        "description": "count what is still to be delivered, for reports"}
]') as t (task);
