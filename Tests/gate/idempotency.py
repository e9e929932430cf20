"""Idempotency-Key: an intake that is repeated until it is answered makes one job, through kill -9 of every part.

Sixteen clients repeat each intake with its key, on two servers of one database, until they have an answer; meanwhile
servers and PostgreSQL are killed. Then what a key means when all is well: equal keys at once, another body, refusals,
quota.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import Answer, Client, wait_for
from parts import LIFT_QUOTA, Faults, Kills, Pair, arguments, make_account, run_main, side_by_side, tell

CLIENTS, KEYS, LONG_KEYS = 16, 24, 200
ATTEMPTS = 2000


def intake(client: Client, key: str, idempotency_key: str | None, number: int, workflow: str = "once") -> Answer:
    headers = {"X-Api-Key": key, **({"Idempotency-Key": idempotency_key} if idempotency_key else {})}
    return client.call("POST", "/api/v1/intake", {"workflow": workflow, "payload": {"number": number}}, headers)


class Repeaters:
    """Clients that take no broken connection, 409 or 503 for an answer."""

    def __init__(self, pair: Pair, faults: Faults, key: str, keys: int, seed: int):
        self.pair, self.faults, self.key, self.keys, self.seed = pair, faults, key, keys, seed
        self.lock, self.pause = threading.Lock(), threading.Event()
        self.jobs: dict[int, str] = {}
        self.statuses: Counter = Counter()
        self.repeats = 0
        # Each part, and all at once, in a random order at random moments of the work.
        chooser = random.Random(seed)
        deeds = [
            ("kill -9 of the first server", pair.origin.kill),
            ("kill -9 of the second server", pair.peer.kill),
            ("kill -9 of PostgreSQL", pair.origin.kill_postgres),
            ("kill -9 of PostgreSQL again", pair.origin.kill_postgres),
            ("kill -9 of all", lambda: (pair.origin.kill_postgres(), pair.peer.kill(), pair.origin.kill())),
        ]
        chooser.shuffle(deeds)
        total = CLIENTS * keys
        goals = sorted(chooser.sample(range(total // 20, total * 4 // 5), len(deeds)))
        deeds = [(goal, *deed) for goal, deed in zip(goals, deeds, strict=True)]
        self.kills = Kills(pair, lambda: len(self.jobs), deeds)

    def work(self, number: int):
        clients = [Client(url, timeout=60) for url in self.pair.urls]
        for turn in range(self.keys):
            self.hand_in(clients, number * self.keys + turn)
        for client in clients:
            client.close()

    def hand_in(self, clients: list[Client], number: int):
        self.kills.hold_back()
        for attempt in range(ATTEMPTS):
            try:
                answer = intake(clients[(number + attempt) % 2], self.key, f"crash-{number}", number)
            except (OSError, http.client.HTTPException):
                answer = None
            with self.lock:
                self.statuses[answer.status if answer else "broken"] += 1
                self.repeats += attempt > 0
            if answer is not None and answer.status == 202:
                with self.lock:
                    self.jobs[number] = answer.json["job_id"]
                return
            if answer is not None and answer.status not in (409, 503):
                self.faults.add(
                    f"attempt {attempt} was answered {answer.status}: {answer.text[:300]}", f"status {answer.status}"
                )
                return
            self.pause.wait(0.05)
        self.faults.add(f"number {number} was not taken in {ATTEMPTS} attempts")

    def run(self):
        side_by_side(
            CLIENTS + 1, lambda number: self.work(number) if number < CLIENTS else self.kills.run(), self.faults
        )
        rows = self.pair.sql(
            "select j.payload ->> 'number', string_agg(core.show_id('job', j.id), ' ' order by j.id) from jobs.job as j"
            " where j.workflow = 'once' group by 1"
        )
        made = {int(number): jobs.split() for number, jobs in (row.split("|") for row in rows.splitlines())}
        twice = {number: jobs for number, jobs in made.items() if len(jobs) > 1}
        self.faults.check(not twice, f"{len(twice)} keys made more than one job: {dict(list(twice.items())[:3])}")
        wrong = {number for number, job in self.jobs.items() if made.get(number, [None])[0] != job}
        self.faults.check(not wrong, f"{len(wrong)} answers name a job that is not the key's: {sorted(wrong)[:5]}")
        self.faults.check(len(made) == CLIENTS * self.keys, f"{len(made)} jobs for {CLIENTS * self.keys} keys")
        self.faults.check(self.repeats > 0, "nothing was repeated: the kills hit nothing")
        told = ", ".join(f"{status}: {count}" for status, count in self.statuses.items())
        tell(f"{len(self.jobs)} keys, {sum(map(len, made.values()))} jobs, {self.repeats} repeats; answers {told}")


class Rules:
    """What a key means, on a healthy pair."""

    def __init__(self, pair: Pair, faults: Faults, account: str, key: str):
        self.pair, self.faults, self.account, self.key = pair, faults, account, key
        self.clients = [Client(url, timeout=60) for url in pair.urls]
        self.number = 1_000_000

    def count_jobs(self, workflow: str) -> int:
        return int(self.pair.sql(f"select count(*) from jobs.job as j where j.workflow = '{workflow}'"))

    def used(self) -> int:
        return int(
            self.pair.sql(
                f"select coalesce(sum(u.used), 0) from quota.usage as u where u.account_id = '{self.account}'"
            )
        )

    def at_once(self):
        """Equal keys at once, on both servers, are one job: 409 while it is made, the replay later."""
        statuses, jobs, lock = Counter(), set(), threading.Lock()
        for turn in range(20):
            start = threading.Barrier(CLIENTS)

            def work(number: int, turn=turn, start=start):
                client = Client(self.pair.urls[number % 2], timeout=60)
                start.wait(30)
                answer = intake(client, self.key, f"at-once-{turn}", turn, "at-once")
                client.close()
                with lock:
                    statuses[answer.status] += 1
                    if answer.status == 202:
                        jobs.add((turn, answer.json["job_id"]))
                    elif not self.faults.check(
                        answer.status == 409, f"an equal key at once: {answer.status}: {answer.text[:300]}", "at once"
                    ):
                        return

            side_by_side(CLIENTS, work, self.faults)
        self.faults.check(len(jobs) == 20, f"20 keys were answered with {len(jobs)} different jobs")
        self.faults.check(self.count_jobs("at-once") == 20, f"20 keys, {self.count_jobs('at-once')} jobs")
        tell("equal keys at once: " + ", ".join(f"{status}: {count}" for status, count in statuses.items()))

    def replay(self):
        """A replay is the same answer, by any server; another body or route is 422; another account has its own."""
        faults, before = self.faults, self.used()
        first = intake(self.clients[0], self.key, "replay", 1, "replay").expect(202)
        faults.check(self.used() == before + 1, f"the first call used {self.used() - before} calls of the month")
        for client in self.clients * 5:
            answer = intake(client, self.key, "replay", 1, "replay")
            faults.check(
                (answer.status, answer.text, answer.headers["Location"])
                == (202, first.text, first.headers["Location"]),
                f"a replay differs: {answer.status} {answer.text[:200]}, not {first.text[:200]}",
                "replay",
            )
        faults.check(self.used() == before + 1, f"10 replays used {self.used() - before - 1} calls of the month")
        for client in self.clients:
            answer = intake(client, self.key, "replay", 2, "replay")
            faults.check(answer.status == 422, f"the key with another body: {answer.status}: {answer.text[:300]}")
        # The same members in other bytes are another body.
        data = json.dumps({"payload": {"number": 1}, "workflow": "replay"}).encode()
        headers = {"X-Api-Key": self.key, "Idempotency-Key": "replay"}
        answer = self.clients[0].call("POST", "/api/v1/intake", data, headers)
        faults.check(
            answer.status == 422, f"the key with the same members in other bytes: {answer.status}: {answer.text[:300]}"
        )
        answer = self.clients[0].call("POST", "/api/v1/keys", {"name": "x"}, headers)
        faults.check(answer.status == 422, f"the key on another route: {answer.status}: {answer.text[:300]}")
        _, other = make_account(self.pair.origin, "Idempotency, another")
        answer = intake(self.clients[1], other, "replay", 7, "replay").expect(202)
        faults.check(answer.json["job_id"] != first.json["job_id"], "another account got our job")
        faults.check(self.count_jobs("replay") == 2, f"{self.count_jobs('replay')} jobs, not 2")
        faults.check(self.used() == before + 1, f"refused calls used {self.used() - before - 1} calls of the month")
        tell("a replay is the same answer and uses no quota; another body or route is 422; another account has its own")

    def refusals(self):
        """A 4xx of the database is kept, a 429 is not; a replay costs rate tokens."""
        faults = self.faults
        data = json.dumps({"workflow": "refusals", "payload": {"a": "x" * 210_000}}).encode()
        headers = {"X-Api-Key": self.key, "Idempotency-Key": "large"}
        answers = [client.call("POST", "/api/v1/intake", data, headers) for client in self.clients]
        faults.check([a.status for a in answers] == [413, 413], f"too large a payload: {[a.status for a in answers]}")
        answer = intake(self.clients[0], self.key, "large", 1, "refusals")
        faults.check(answer.status == 422, f"a refusal was not kept: its key with another body gives {answer.status}")
        self.pair.sql(
            "insert into limits.policy (name, scope, route_class, quota, burst, window_seconds)"
            " values ('gate-once', 'key', 'write', 1, 3, 3600)"
        )
        # Two charge the bucket, both as replays; the third is the last; the fourth is refused and kept nowhere.
        wanted = [202, 202, 202, 429, 429]
        statuses = [intake(self.clients[n % 2], self.key, "replay", 1, "replay").status for n in range(4)]
        statuses.append(intake(self.clients[0], self.key, "later", 1, "refusals").status)
        faults.check(statuses == wanted, f"replays and a first call under a burst of 3: {statuses}, not {wanted}")
        self.pair.sql("delete from limits.policy where name = 'gate-once'")

        def taken() -> bool:
            return intake(self.clients[0], self.key, "later", 1, "refusals").status == 202

        wait_for("the call to be admitted when its policy is gone", 3, taken)
        faults.check(self.count_jobs("refusals") == 1, f"{self.count_jobs('refusals')} jobs, not 1")
        tell("a 413 is kept, a 429 is not, replays cost rate tokens")

    def secrets(self):
        """An answer that shows a secret is not kept: the same request makes no second key and shows none again."""
        headers = {"X-Api-Key": self.key, "Idempotency-Key": "secret"}
        answers = [client.call("POST", "/api/v1/keys", {"name": "secret"}, headers) for client in self.clients * 2]
        statuses = [answer.status for answer in answers]
        self.faults.check(statuses == [201, 409, 409, 409], f"a key is made once: {statuses}")
        shown = answers[0].json.get("key", "?")
        self.faults.check(
            not any(shown in answer.text or "lvk_live_" in answer.text for answer in answers[1:]),
            "a replay shows the key again",
        )
        made = self.pair.sql("select count(*) from keys.api_key as k where k.name = 'secret'")
        self.faults.check(made == "1", f"{made} keys were made under one Idempotency-Key")
        kept = self.pair.sql(f"select count(*) from http.idempotency_key as i where i::text like '%{shown}%'")
        self.faults.check(kept == "0", "the key's text is kept with the answer")
        tell("an answer with a secret is given once and kept nowhere")


def body(options, faults: Faults):
    with Pair(options.server, options.psql, name="idempotency") as pair:
        pair.sql("update limits.policy set is_enabled = false")
        pair.sql(LIFT_QUOTA)
        account, key = make_account(pair.origin, "Idempotency")
        Repeaters(pair, faults, key, LONG_KEYS if options.long else KEYS, options.seed).run()
        rules = Rules(pair, faults, account, key)
        rules.at_once()
        rules.replay()
        rules.refusals()
        rules.secrets()


if __name__ == "__main__":
    sys.exit(run_main("idempotency", body, arguments(__doc__)))
