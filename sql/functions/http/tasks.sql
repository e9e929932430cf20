-- What the clock does for HTTP.

select core.seed('schedule.task', '{name}', '{
    "name": "http-purge-idempotency", "function": "http.purge_idempotency", "every": "1 minute",
    "description": "remove expired answers of idempotency keys"}');
