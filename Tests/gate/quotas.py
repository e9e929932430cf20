"""Quotas of the month are exact: never one call too many, and never one too few, through kill -9 of each part."""

from __future__ import annotations

import http.client
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import Client
from parts import FORGET_SECONDS, Faults, Kills, Pair, make_account, side_by_side, tell

CLIENTS = 64


def quotas(pair: Pair, faults: Faults, limit: int):
    """64 clients use up the month of four accounts, once in peace and once through kills; then the month ends."""
    pair.sql("update limits.policy set is_enabled = false")
    # In the middle of this month, so that the month does not end by itself.
    month = datetime.now(timezone.utc).replace(day=15, hour=12, minute=0, second=0, microsecond=0)
    pair.sql(f"select core.set_test_clock('{month.isoformat()}')")
    pair.sql(f"insert into quota.tier (name, calls_per_month) values ('gate', {limit})")
    peace = use_up(pair, faults, "in peace", limit, [])
    kills = [
        (0.2, "kill -9 of a server", pair.peer.kill),
        (0.45, "kill -9 of PostgreSQL", pair.origin.kill_postgres),
        (
            0.7,
            "kill -9 of the other server and of PostgreSQL",
            lambda: (pair.origin.kill_postgres(), pair.origin.kill()),
        ),
    ]
    use_up(pair, faults, "through kills", limit, kills)

    faults_of_ours(pair, faults)

    # The tier is the account's: a higher one works at once, also for callers that are refused from memory.
    account, key = peace[0]
    pair.sql(f"insert into quota.tier (name, calls_per_month) values ('gate-more', {limit + 30})")
    pair.sql(f"update identity.account set tier = 'gate-more' where id = '{account}'")
    again(pair, faults, account, key, 30, "a higher tier")
    later = (month.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0)
    pair.sql(f"select core.set_test_clock('{(later - timedelta(microseconds=1)).isoformat()}')")
    again(pair, faults, account, key, 0, "the last microsecond of the month")
    pair.sql(f"select core.set_test_clock('{later.isoformat()}')")
    again(pair, faults, account, key, limit + 30, "the new month")
    pair.sql("select core.set_test_clock(null)")


def faults_of_ours(pair: Pair, faults: Faults):
    """A call that ends with a fault of ours costs nothing; one that the client got wrong costs what it costs."""
    account, key = make_account(pair.origin, "Quota and faults")
    client = Client(pair.urls[0], timeout=60)

    def used() -> int:
        return int(pair.sql(f"select coalesce(sum(u.used), 0) from quota.usage as u where u.account_id = '{account}'"))

    faults.check(call_intake(client, key) == 202 and used() == 1, f"one call is counted as {used()}")
    pair.sql("alter table jobs.submission rename to submission_away")
    try:
        statuses = {call_intake(client, key) for _ in range(5)}
    finally:
        pair.sql("alter table jobs.submission_away rename to submission")
    faults.check(statuses <= {500, 503}, f"without its table the intake answers {statuses}")
    faults.check(used() == 1, f"five calls that failed by our fault are counted as {used() - 1}")
    payload = {"workflow": "gate", "payload": {"a": "x" * 210_000}}
    answer = client.call("POST", "/api/v1/intake", payload, {"X-Api-Key": key})
    faults.check(answer.status == 413 and used() == 2, f"a call answered {answer.status} is counted as {used() - 1}")
    client.close()
    tell("faults of ours cost nothing of the month, faults of the client's do")


def call_intake(client: Client, key: str) -> int | None:
    """The status; None when no answer came: nobody knows whether it was charged."""
    try:
        return client.call("POST", "/api/v1/intake", {"workflow": "gate", "payload": {}}, {"X-Api-Key": key}).status
    except (OSError, http.client.HTTPException):
        return None


def again(pair: Pair, faults: Faults, account: str, key: str, wanted: int, what: str):
    """How many calls go through now: as many as wanted, as soon as refusals are forgotten, and not one more."""
    admitted, lock, forgotten_at = [0], threading.Lock(), time.monotonic() + FORGET_SECONDS + 0.5

    def work(number: int):
        client = Client(pair.urls[number % 2], timeout=60)
        while True:
            status = call_intake(client, key)
            with lock:
                admitted[0] += status == 202
            if status not in (202, 429):
                faults.add(f"{what}: a call was answered {status}", "again")
                break
            if status == 429 and time.monotonic() > forgotten_at:
                break
        client.close()

    side_by_side(16, work, faults)
    faults.check(admitted[0] == wanted, f"{what}: {admitted[0]} calls went through, not {wanted}")
    tell(f"{what}: {admitted[0]} calls went through")


def use_up(pair: Pair, faults: Faults, name: str, limit: int, kills: list) -> list:
    """All clients call for all accounts until each is refused for good."""
    accounts = [make_account(pair.origin, f"Quota {name} {number}") for number in range(4)]
    ids = ", ".join(f"'{account}'" for account, _ in accounts)
    pair.sql(f"update identity.account set tier = 'gate' where id in ({ids})")
    seen, unknown, statuses, lock = Counter(), Counter(), Counter(), threading.Lock()
    pause = threading.Event()

    def work(number: int):
        account, key = accounts[number % 4]
        turn, refusals = number, 0
        clients = [Client(url, timeout=60) for url in pair.urls]
        # Refused twice in a row by each server after the last kill: nothing is left.
        while refusals < 4:
            turn += 1
            killing.hold_back()
            status = call_intake(clients[turn % 2], key)
            with lock:
                statuses[status] += 1
                seen[account] += status == 202
                unknown[account] += status in (None, 503)
            refusals = refusals + 1 if status == 429 and killing.over.is_set() else 0
            if status in (None, 503) or (status == 429 and not killing.over.is_set()):
                pause.wait(0.05)
            elif status not in (202, 429):
                faults.add(f"{name}: a call was answered {status}", f"quota {status}")
        for client in clients:
            client.close()

    deeds = [(int(part * 4 * limit), what, deed) for part, what, deed in kills]
    killing = Kills(pair, lambda: sum(seen.values()), deeds)

    def task(number: int):
        if number < CLIENTS:
            work(number)
        else:
            killing.run()

    side_by_side(CLIENTS + 1, task, faults)
    for account, _ in accounts:
        used, jobs, months = pair.sql(
            f"select sum(u.used), (select count(*) from jobs.job as j where j.account_id = '{account}'), count(*)"
            f" from quota.usage as u where u.account_id = '{account}'"
        ).split("|")
        used, jobs = int(used or 0), int(jobs)
        told = (
            f"{name}: {seen[account]} admissions seen, {jobs} jobs, {used} used, limit {limit},"
            f" {unknown[account]} without an answer"
        )
        faults.check(seen[account] <= jobs <= used <= limit, f"more calls than counted: {told}")
        faults.check(used == limit, f"refused before the month's calls were used up: {told}")
        faults.check(bool(kills) or seen[account] == limit, f"not every call that was charged was answered: {told}")
        faults.check(months == "1", f"{name}: usage stands in {months} months")
        check_events(pair, faults, name, account)
    tell(
        f"{name}: {sum(seen.values())} admissions seen, 4 x {limit} used; answers "
        + ", ".join(f"{s}: {n}" for s, n in statuses.items())
    )
    return accounts


def check_events(pair: Pair, faults: Faults, name: str, account: str):
    """80 % and 100 % of the month are each told once."""
    rows = pair.sql(
        f"select e.data ->> 'percent' from outbox.event as e where e.account_id = '{account}' order by 1"
    ).split()
    faults.check(
        sorted(rows) == ["100", "80"], f"{name}: events at {' '.join(rows) or 'nothing'} percent, not at 80 and 100"
    )
