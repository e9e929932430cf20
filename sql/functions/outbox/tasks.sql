-- What the clock does for the outbox.

select core.seed('schedule.task', '{name}', '{
    "name": "outbox-trim-events", "function": "outbox.trim_events", "every": "1 hour",
    "description": "remove old events"}');
