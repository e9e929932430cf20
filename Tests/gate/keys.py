"""Keys are rotated and revoked under load, on two servers: no wrong 401, and no use a second after the end of a key.

Whoever calls notes when the call began and ended; what a key's state allowed in that time is known to the microsecond,
because all clocks are this machine's.
"""

from __future__ import annotations

import http.client
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import RAISE_LIMITS, Client, HarnessError, wait_for
from parts import LIFT_QUOTA, Faults, Pair, arguments, make_account, run_main, side_by_side, tell

ACCOUNTS, CLIENTS, SECONDS, LONG_SECONDS = 6, 32, 25, 120
OVERLAP = 2
# How long a key may work after its end, on any server.
FELT_WITHIN = 1.0
FOREVER = float("inf")


def seconds_of(text: str) -> float:
    """Unix time of a timestamp in JSON."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@dataclass
class Key:
    """A key's text, and when it may and must work."""

    id: str
    text: str
    # It may be refused before this.
    works_from: float = 0
    # It must be refused before this.
    refused_before: float = 0
    # It must work until this: its end, or the moment somebody asked to revoke it.
    works_until: float = FOREVER
    # It must be refused in calls that begin a second after this: its end, or the moment the revocation was answered.
    ended_at: float = FOREVER


@dataclass
class Account:
    id: str
    manager: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    keys: list[Key] = field(default_factory=list)
    job: str = ""

    def pick(self, chooser: random.Random) -> Key:
        """A key that works, or one that ended a short while ago."""
        with self.lock:
            now = time.time()
            recent = [key for key in self.keys if now < key.ended_at + 3]
            return chooser.choice(recent or self.keys[-1:])


class Load:
    """Callers, who use every key that there is, and managers, who change them."""

    def __init__(self, pair: Pair, faults: Faults, accounts: list[Account], seed: int, seconds: float):
        self.pair, self.faults, self.accounts, self.seed = pair, faults, accounts, seed
        self.end = time.time() + seconds
        self.lock = threading.Lock()
        self.counts: Counter = Counter()
        self.pause = threading.Event()

    def count(self, what: str):
        with self.lock:
            self.counts[what] += 1

    # ---- callers

    def call_on(self, number: int):
        chooser = random.Random(self.seed * 1000 + number)
        account = self.accounts[number % len(self.accounts)]
        clients = [Client(url, timeout=30) for url in self.pair.urls]
        while time.time() < self.end:
            self.call(chooser.choice(clients), account, account.pick(chooser), chooser.random() < 0.3)
        for client in clients:
            client.close()

    def call(self, client: Client, account: Account, key: Key, is_write: bool):
        start = time.time()
        try:
            if is_write:
                body = {"workflow": "keys", "payload": {}}
                answer = client.call("POST", "/api/v1/intake", body, {"X-Api-Key": key.text})
            else:
                answer = client.call("GET", f"/api/v1/status/{account.job}", headers={"X-Api-Key": key.text})
        except (OSError, http.client.HTTPException):
            self.count("broken")
            self.pause.wait(0.05)
            return
        end = time.time()
        self.count(str(answer.status))
        # Read after the answer: a revocation that was asked for meanwhile is in it.
        works_until, ended_at = key.works_until, key.ended_at
        if answer.status == 401:
            if start >= key.works_from and end < works_until:
                self.faults.add(
                    f"a wrong 401, {start - key.works_from:.3f} s after the key began and"
                    f" {works_until - end:.3f} s before its end: {answer.text[:200]}",
                    "wrong 401",
                )
        elif answer.status in (200, 202):
            if start > ended_at + FELT_WITHIN:
                self.faults.add(f"a key was used {start - ended_at:.3f} s after its end", "late use")
            if end < key.refused_before:
                self.faults.add(f"a key was used {key.refused_before - end:.3f} s before its start", "early use")
            if start > ended_at:
                self.count("used within the second after the end")
        elif answer.status == 503:
            self.pause.wait(0.05)
        else:
            self.faults.add(f"a call was answered {answer.status}: {answer.text[:200]}", f"status {answer.status}")

    # ---- managers

    def manage(self, number: int):
        chooser = random.Random(self.seed * 2000 + number)
        account = self.accounts[number]
        clients = [Client(url, account.manager, timeout=30) for url in self.pair.urls]
        turn = 0
        while time.time() < self.end - OVERLAP - FELT_WITHIN:
            deed = (self.rotate, self.rotate, self.revoke, self.rotate, self.begin_later)[turn % 5]
            try:
                deed(account, clients, chooser)
                self.count(deed.__name__)
            except (OSError, http.client.HTTPException):
                # A server was killed: whether it was done is not known, so the account starts afresh.
                self.count("changes of unknown outcome")
                self.start_afresh(account)
            turn += 1
            self.pause.wait(chooser.uniform(0.1, 0.6))
        for client in clients:
            client.close()

    def start_afresh(self, account: Account):
        """Nothing may be said of the keys so far; a new one is made in SQL."""
        with account.lock:
            for key in account.keys:
                key.works_until, key.ended_at = 0, FOREVER
            account.keys = account.keys[-1:]
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                row = self.pair.sql(
                    "select k.id, k.key"
                    f" from keys.create_key('{account.id}', 'afresh', '{{jobs:submit,jobs:read}}') as k"
                )
            except HarnessError:
                self.pause.wait(0.2)
                continue
            identity, text = row.split("|")
            with account.lock:
                account.keys = [Key("key_" + identity.replace("-", ""), text, works_from=time.time())]
            return
        raise HarnessError("the database did not come back")

    def rotate(self, account: Account, clients: list[Client], chooser: random.Random):
        """The old key works until the overlap ends, the new one at once and everywhere."""
        old = account.keys[-1]
        first, second = chooser.sample(clients, 2)
        answer = first.call("POST", f"/api/v1/keys/{old.id}/rotate", {"overlap_seconds": OVERLAP})
        if answer.status == 503:
            raise OSError
        shown = answer.expect(201).json
        new = Key(shown["id"], shown["key"], works_from=time.time())
        end = seconds_of(shown["old_expires_at"])
        with account.lock:
            old.works_until = old.ended_at = end
            account.keys.append(new)
        self.call(second, account, new, False)

    def revoke(self, account: Account, clients: list[Client], chooser: random.Random):
        """In an emergency: the key that all use is gone at once; another one is made before."""
        client = chooser.choice(clients)
        answer = client.call("POST", "/api/v1/keys", {"name": "next", "scopes": ["jobs:submit", "jobs:read"]})
        if answer.status == 503:
            raise OSError
        shown = answer.expect(201).json
        new = Key(shown["id"], shown["key"], works_from=time.time())
        with account.lock:
            account.keys.append(new)
            old = account.keys[-2]
            old.works_until = min(old.works_until, time.time())
        if chooser.random() < 0.5:
            answer = client.call("DELETE", f"/api/v1/keys/{old.id}")
            if answer.status == 503:
                raise OSError
            answer.expect(204)
        else:
            identity = old.id.removeprefix("key_")
            try:
                self.pair.sql(f"select keys.revoke_key('{account.id}', '{identity}')")
            except HarnessError as error:
                raise OSError from error
        old.ended_at = min(old.ended_at, time.time())

    def begin_later(self, account: Account, clients: list[Client], chooser: random.Random):
        """A key that is not valid yet is refused until its time."""
        start = round(time.time() + 1.5, 3)
        wanted = {
            "name": "later",
            "scopes": ["jobs:submit", "jobs:read"],
            "not_before": datetime.fromtimestamp(start, timezone.utc).isoformat(timespec="milliseconds"),
        }
        answer = chooser.choice(clients).call("POST", "/api/v1/keys", wanted)
        if answer.status == 503:
            raise OSError
        shown = answer.expect(201).json
        new = Key(shown["id"], shown["key"], works_from=start, refused_before=start)
        with account.lock:
            # Not the last: that one is rotated, and a key that is not valid yet can not be.
            account.keys.insert(0, new)

    # ---- the rest

    def kill(self):
        """One server is killed while keys change, and comes back."""
        wait_for("half of the time", 600, lambda: time.time() > self.end - (self.end - self.begun) / 2)
        self.pair.peer.kill()
        self.pair.revive()
        self.count("kills")

    def run(self):
        self.begun = time.time()
        managers = len(self.accounts)

        def task(number: int):
            if number < managers:
                self.manage(number)
            elif number == managers:
                self.kill()
            else:
                self.call_on(number)

        side_by_side(managers + 1 + CLIENTS, task, self.faults)


def body(options, faults: Faults):
    with Pair(options.server, options.psql, name="keys") as pair:
        pair.sql(RAISE_LIMITS)
        pair.sql(LIFT_QUOTA)
        accounts = []
        for number in range(ACCOUNTS):
            account = Account(*make_account(pair.origin, f"Keys {number}", "keys:manage,jobs:submit"))
            identity, text = pair.sql(
                f"select k.id, k.key from keys.create_key('{account.id}', 'first', '{{jobs:submit,jobs:read}}') as k"
            ).split("|")
            account.keys.append(Key("key_" + identity.replace("-", ""), text))
            taken = Client(pair.urls[0], text).call("POST", "/api/v1/intake", {"workflow": "keys", "payload": {}})
            account.job = taken.expect(202).json["job_id"]
            accounts.append(account)
        load = Load(pair, faults, accounts, options.seed, LONG_SECONDS if options.long else SECONDS)
        load.run()
        told = ", ".join(f"{what} {count}" for what, count in sorted(load.counts.items()))
        tell(told)
        counts = load.counts
        faults.check(counts["rotate"] >= 3 * ACCOUNTS and counts["revoke"] >= ACCOUNTS, f"too few changes: {told}")
        faults.check(counts["401"] > 0 and counts["200"] > 500 and counts["202"] > 200, f"too few calls: {told}")
        faults.check(counts["kills"] == 1, "no server was killed")
        unused = "select count(*) from keys.api_key where last_used_at is null and name in ('first', 'gate')"
        try:
            wait_for("the last use of the keys", 10, lambda: pair.sql(unused) == "0", pause=0.2)
        except HarnessError:
            faults.add(f"{pair.sql(unused)} keys that were used have no last_used_at")


if __name__ == "__main__":
    sys.exit(run_main("keys", body, arguments(__doc__)))
