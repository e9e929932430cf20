-- What the clock does for events and referrals.

select core.seed('schedule.task', '{name}', t.task)
from jsonb_array_elements('[
    {"name": "growth-make-partitions", "function": "growth.make_partitions", "every": "1 hour", "is_alone": true,
        "description": "make the months of events and the days of arrivals that come"},
    {"name": "growth-drop-arrival-days", "function": "growth.drop_arrival_days", "every": "1 hour", "is_alone": true,
        "description": "drop the days of arrivals that no repeat is looked for in"},
    {"name": "growth-join-referrals", "function": "growth.join_referrals", "every": "1 minute",
        "description": "join referrals that came at the moment of the sign-up to their users"}
]') as t (task);

-- A fresh database has its partitions before the first event comes.
select growth.make_partitions() where growth.oldest_month() is null;
