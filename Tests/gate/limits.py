"""Limits and quotas are exact: 64 clients on two servers of one database, through kill -9 of each part.

Rate policies are compared with a model of GCRA in whole microseconds, under the test clock: what is admitted, and what
the buckets hold afterwards. Quotas: never one call too many, and never one too few.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from gcra import Call, Caller, Model, Policy, find_wrong_refusals, micros, to_text
from harness import Answer, Client, HarnessError, wait_for
from parts import FORGET_SECONDS, LIFT_QUOTA, Faults, Pair, arguments, make_account, run_main, tell
from quotas import quotas

CLIENTS = 64


class Bench:
    """64 connections, half to each server."""

    def __init__(self, pair: Pair, faults: Faults):
        self.pair, self.faults = pair, faults
        self.clients = [Client(pair.urls[number % 2], timeout=60) for number in range(CLIENTS)]
        self.pool = ThreadPoolExecutor(CLIENTS)
        # Of all waves, so far.
        self.admitted = 0

    def intake(self, client: Client, caller: Caller, headers: dict[str, str] | None = None) -> Answer:
        body = {"workflow": "gate", "payload": {}}
        sent = {"X-Api-Key": caller.key, "X-Forwarded-For": caller.address, **(headers or {})}
        return client.call("POST", "/api/v1/intake", body, sent)

    def wave(self, calls: list[Caller], may_break: bool = False) -> tuple[Counter, Counter]:
        """Sends all calls at once: who was admitted how often, and all statuses."""
        admitted, statuses, lock = Counter(), Counter(), threading.Lock()

        def send(number: int):
            for caller in calls[number::CLIENTS]:
                try:
                    answer = self.intake(self.clients[number], caller)
                except (OSError, http.client.HTTPException):
                    if not may_break:
                        raise
                    statuses["broken"] += 1
                    continue
                with lock:
                    statuses[answer.status] += 1
                    admitted[caller] += answer.status == 202
                    self.admitted += answer.status == 202
                if answer.status not in (202, 429) and not (may_break and answer.status == 503):
                    self.faults.add(
                        f"a call was answered {answer.status}: {answer.text[:300]}", f"status {answer.status}"
                    )

        for done in [self.pool.submit(send, number) for number in range(min(CLIENTS, len(calls)))]:
            done.result()
        return admitted, statuses

    def close(self):
        self.pool.shutdown()
        for client in self.clients:
            client.close()


# ---- rate policies


class RateTest:
    """Waves of calls under the test clock; after each, the model knows exactly what must have been admitted."""

    def __init__(self, pair: Pair, bench: Bench, faults: Faults, seed: int):
        self.pair, self.bench, self.faults, self.random = pair, bench, faults, random.Random(seed)
        self.now = micros(datetime.now(timezone.utc).replace(microsecond=0)) + 3_600_000_000
        self.waves = self.admitted = self.refused = 0
        self.slowest = 0.0

    def set_policies(self, policies: list[Policy]):
        rows = ", ".join(
            f"('{p.name}', '{p.scope}', 'write', {p.quota}, {p.window}, {p.burst}"
            f", {p.cost}, {str(p.is_shadow).lower()})"
            for p in policies
        )
        self.pair.sql(
            "update limits.policy set is_enabled = false; delete from limits.policy where name like 'gate-%';"
            " truncate limits.bucket;"
            " insert into limits.policy (name, scope, route_class, quota, window_seconds, burst, cost, is_shadow)"
            f" values {rows}"
        )

    def set_clock(self, now: int):
        self.now = now
        self.pair.sql(f"select core.set_test_clock('{to_text(now)}')")

    def run_wave(self, model: Model, wanted: dict[Caller, int]):
        """Sends until every call is in, or rightly refused; then once more, when nothing more may be admitted."""
        changed_at, pending = time.monotonic(), Counter(wanted)
        while True:
            admitted = self.send(model, pending)
            pending -= admitted
            left = [caller for caller in pending if not model.is_tight(caller.subjects, self.now)]
            if not left:
                break
            # Refused though due: right only while a refusal of before the change is remembered.
            if time.monotonic() > changed_at + FORGET_SECONDS + 1:
                caller = left[0]
                rooms = {p.name: model.room(p, caller.subjects[p.scope], self.now) for p in model.policies}
                self.faults.add(
                    f"wave {self.waves}: due calls of {caller.address} are refused; the model has room {rooms}", "due"
                )
                break
            self.slowest = max(self.slowest, time.monotonic() - changed_at)
        if pending:
            self.send(model, pending)
            self.refused += sum(pending.values())
        self.compare_buckets(model)
        self.waves += 1

    def send(self, model: Model, pending: Counter) -> Counter:
        calls = list(pending.elements())
        self.random.shuffle(calls)
        admitted, _ = self.bench.wave(calls)
        for caller, count in admitted.items():
            for policy in model.policies:
                room = model.room(policy, caller.subjects[policy.scope], self.now)
                if count > room and not policy.is_shadow:
                    self.faults.add(
                        f"wave {self.waves}: {policy.name} admitted {count} of {caller.address}, not {room}",
                        "room",
                    )
            model.charge(caller.subjects, self.now, count)
        self.admitted += sum(admitted.values())
        return admitted

    def compare_buckets(self, model: Model):
        """What the database keeps is what the model keeps: a refused call left no trace in any bucket."""
        rows = self.pair.sql(
            "select p.name, b.subject, (extract(epoch from b.full_at - '2000-01-01 00:00:00+00') * 1000000)::bigint"
            " from limits.bucket as b inner join limits.policy as p on p.id = b.policy_id where p.name like 'gate-%'"
        )
        kept = {}
        for row in filter(None, rows.splitlines()):
            name, subject, full_at = row.split("|")
            kept[name, subject] = int(full_at)
        for policy in model.policies:
            if policy.is_shadow:
                continue
            for bucket in [b for b in {**model.full_at, **kept} if b[0] == policy.name]:
                ours, theirs = (max(side.get(bucket, 0), self.now) for side in (model.full_at, kept))
                if ours != theirs:
                    self.faults.add(
                        f"wave {self.waves}: {bucket} is {(theirs - ours) / policy.emission:+.6f} calls from the model",
                        "bucket",
                    )

    def compare(
        self, name: str, policies: list[Policy], callers: list[Caller], waves: int, crash_at: int | None = None
    ):
        """Random waves: numbers of calls around what fits, steps of the clock around what makes one more call due."""
        self.set_policies(policies)
        model, before = Model(policies), (self.admitted, self.refused)
        self.set_clock(self.now + 1_000_000)
        real = [policy for policy in policies if not policy.is_shadow]
        for wave in range(waves):
            if wave == crash_at:
                self.pair.origin.kill_postgres()
                self.pair.await_database()
                # Each bucket starts full once: unlogged.
                model.full_at.clear()
            wanted = {}
            for caller in self.random.sample(callers, self.random.randint(1, len(callers))):
                room = min(model.room(policy, caller.subjects[policy.scope], self.now) for policy in real)
                wanted[caller] = self.random.choice([1, max(1, room), room + 1, room + 7, 2 * room + 3])
            self.run_wave(model, wanted)
            policy = self.random.choice(real)
            step = self.random.choice(
                [
                    0,
                    1,
                    policy.emission - 1,
                    policy.emission,
                    policy.emission + 1,
                    3 * policy.emission,
                    policy.window * 500_000,
                    policy.tolerance * 2,
                ]
            )
            self.set_clock(self.now + step)
        tell(
            f"{name}: {waves} waves compared with the model,"
            f" {self.admitted - before[0]} admitted, {self.refused - before[1]} refused"
        )

    def uneven(self, callers: list[Caller]):
        """A quota that does not divide its window: the burst is still whole, and what is due is admitted."""
        for quota, window in ((7, 60), (13, 60), (11, 60), (130, 60), (90_000, 60)):
            self.set_policies([Policy("gate-uneven", "all", quota, window, 7)])
            self.set_clock(self.now + 1_000_000)
            admitted, _ = self.bench.wave([callers[0]] * 14)
            count = sum(admitted.values())
            self.faults.check(count == 7, f"quota {quota} a {window} s with a burst of 7: {count} came through at once")
            # Due: the exact time of five more calls, rounded up to the microsecond.
            self.set_clock(self.now - (-5 * window * 1_000_000 // quota) + 7)
            end, count = time.monotonic() + FORGET_SECONDS + 1, 0
            while count < 5 and time.monotonic() < end:
                admitted, _ = self.bench.wave([callers[0]] * 9)
                count += sum(admitted.values())
            self.faults.check(count == 5, f"quota {quota} a {window} s: {count} came through when 5 were due")
        tell("quotas that do not divide their window: the burst is whole, what is due is admitted")

    def crash_in_the_middle(self, callers: list[Caller]):
        """PostgreSQL is killed within a wave: each bucket may start full once, so at most two bursts come through."""
        policies = [Policy("gate-address", "address", 6, 60, 40), Policy("gate-all", "all", 6, 60, 300)]
        self.set_policies(policies)
        self.set_clock(self.now + 1_000_000)
        calls = [caller for caller in callers for _ in range(400 // len(callers) + 40)]
        start = self.bench.admitted

        def kill():
            wait_for("half a burst to be admitted", 30, lambda: self.bench.admitted >= start + 150, pause=0.001)
            self.pair.origin.kill_postgres()

        killer = threading.Thread(target=kill)
        killer.start()
        seen, statuses = self.bench.wave(calls, may_break=True)
        killer.join()
        self.pair.await_database()
        for _ in range(2):
            admitted, _ = self.bench.wave(calls)
            seen += admitted
        most = max(seen.values())
        self.faults.check(most <= 80, f"an address got {most} calls through a crash; its burst is 40")
        self.faults.check(
            sum(seen.values()) <= 600, f"{sum(seen.values())} calls came through a crash; the burst of all is 300"
        )
        self.faults.check(
            sum(seen.values()) >= 300, f"only {sum(seen.values())} calls came through; the burst of all is 300"
        )
        tell(f"a crash within a wave: {sum(seen.values())} admitted of at most 600, first answers {dict(statuses)}")

    def shadows(self, callers: list[Caller]):
        """A shadow counts what it would refuse, and refuses nothing."""
        real, shadow = (
            Policy("gate-real", "all", 60, 60, 500),
            Policy("gate-shadow", "address", 1, 60, 3, is_shadow=True),
        )
        self.set_policies([real, shadow])
        self.set_clock(self.now + 1_000_000)
        admitted, _ = self.bench.wave([caller for caller in callers[:4] for _ in range(20)])
        self.faults.check(
            sum(admitted.values()) == 80, f"a shadow policy refused {80 - sum(admitted.values())} of 80 calls"
        )
        counted = (
            "select coalesce(sum(f.{}), 0) from limits.refusal as f"
            " inner join limits.policy as p on p.id = f.policy_id where p.name = 'gate-shadow'"
        )
        try:
            wait_for("the shadow's count", 5, lambda: self.pair.sql(counted.format("shadowed")) == "68")
        except HarnessError:
            self.faults.add(f"the shadow counted {self.pair.sql(counted.format('shadowed'))} of 68 calls")
        refused = self.pair.sql(counted.format("refused"))
        self.faults.check(refused == "0", f"the shadow's calls are counted as {refused} refused")
        tell("a shadow: 80 calls went on, 68 of them counted")

    def split(self, callers: list[Caller]):
        """The shared bucket in four: together they admit no more than one would, and at least one share of it."""
        self.set_policies([Policy("gate-split", "all", 60, 60, 40)])
        self.pair.sql("update limits.policy set shares = 4 where name = 'gate-split'")
        self.set_clock(self.now + 1_000_000)
        admitted = [sum(self.bench.wave(callers * 20)[0].values())]
        self.set_clock(self.now + 12_000_000)
        admitted.append(sum(self.bench.wave(callers * 20)[0].values()))
        for count, most in zip(admitted, (40, 52 - admitted[0]), strict=True):
            self.faults.check(count <= most, f"a split bucket admitted {count}; whole it would have admitted {most}")
        self.faults.check(admitted[0] >= 10, f"a split bucket admitted {admitted[0]}: less than one of its shares")
        tell(f"a split bucket: {admitted[0]} of 40 at once, and {admitted[1]} twelve calls later")

    def broken(self, callers: list[Caller]):
        """The limiter itself breaks: a closed route refuses with 503, an open one goes on; mended, all is as before."""
        self.set_policies([Policy("gate-address", "address", 60, 60, 3)])
        self.set_clock(self.now + 1_000_000)
        open_route = "update http.route set when_limiter_fails = '{}' where method = 'POST' and path = '/api/v1/intake'"
        statuses = {}
        self.pair.sql("alter table limits.bucket rename to bucket_away")
        try:
            for way in ("closed", "open", "closed"):
                self.pair.sql(open_route.format(way))
                wanted = 503 if way == "closed" else 202
                # The server hears of a changed route a moment later.
                with contextlib.suppress(HarnessError):
                    wait_for(way, 2, lambda wanted=wanted: self.answer_twice(callers[0]) == {wanted})
                statuses = self.answer_twice(callers[0])
                self.faults.check(statuses == {wanted}, f"a {way} route answers {statuses} while the limiter is broken")
        finally:
            self.pair.sql("alter table limits.bucket_away rename to bucket")
        admitted, _ = self.bench.wave([callers[0]] * 20)
        count = sum(admitted.values())
        self.faults.check(count == 3, f"when the limiter works again {count} calls come through, not 3")
        tell("a broken limiter: closed routes refuse, open ones go on")

    def real_time(self, callers: list[Caller], seconds: float):
        """By the real clock, with refusals from memory: nobody is refused when due, and no more come than fit."""
        policies = [Policy("gate-address", "address", 10, 1, 5), Policy("gate-all", "all", 25, 1, 10)]
        self.set_policies(policies)
        self.pair.sql("select core.set_test_clock(null)")
        calls: list[Call] = []
        begin = time.time()

        def send(number: int):
            # Each client is another caller in turn: an address is asked about by both servers.
            turn, client = number, self.bench.clients[number]
            while time.time() < begin + seconds:
                turn += 1
                caller = callers[turn % 4]
                before = micros(datetime.now(timezone.utc))
                answer = self.bench.intake(client, caller)
                after = micros(datetime.now(timezone.utc))
                calls.append(Call(before, after, caller, answer.status == 202))
                if answer.status not in (202, 429):
                    self.faults.add(f"a call was answered {answer.status}: {answer.text[:300]}", "real time")

        for done in [self.bench.pool.submit(send, number) for number in range(CLIENTS)]:
            done.result()
        elapsed = time.time() - begin
        admitted = [call for call in calls if call.is_admitted]
        for policy in policies:
            most = policy.burst + int(elapsed * policy.quota / policy.window) + 1
            for subject, count in Counter(call.caller.subjects[policy.scope] for call in admitted).items():
                self.faults.check(count <= most, f"{policy.name} admitted {count} of {subject}, at most {most} fit")
        if wrong := find_wrong_refusals(policies, calls):
            late = max(late for _, late in wrong)
            self.faults.add(
                f"{len(wrong)} of {len(calls)} calls were refused though due, for up to {late / 1000:.1f} ms"
            )
        tell(f"by the real clock: {len(admitted)} of {len(calls)} calls admitted in {elapsed:.1f} s")

    def answer_twice(self, caller: Caller) -> set[int]:
        return {self.bench.intake(client, caller).status for client in self.bench.clients[:2]}

    def cost(self, callers: list[Caller]):
        policies = [Policy("gate-dear", "address", 30, 60, 20, cost=3), Policy("gate-all", "all", 60, 60, 90)]
        self.compare("a call that costs three tokens of one policy and one of another", policies, callers, 6)


# ---- refusals from memory


class Lock:
    """A session that holds the buckets locked: whoever asks the database about limits waits, and gets 503."""

    def __init__(self, pair: Pair):
        server = pair.origin
        self.process = subprocess.Popen(
            [server.psql, "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", server.database_url()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=server.environment,
        )

    def __enter__(self):
        self.process.stdin.write("begin;\nlock table limits.bucket in access exclusive mode;\nselect 'locked';\n")
        self.process.stdin.flush()
        if self.process.stdout.readline().strip() != "locked":
            raise HarnessError("the buckets could not be locked")

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def memory(pair: Pair, bench: Bench, faults: Faults, callers: list[Caller], rates: RateTest):
    """Refused callers are answered without the database, others are not; a change of policy ends that at once."""
    pair.sql("select core.set_test_clock(null)")
    rates.set_policies([Policy("gate-memory", "address", 1, 60, 1)])
    refused, other = callers[0], callers[1]
    clients = [Client(url, timeout=60) for url in pair.urls]

    def until_admitted(client: Client, what: str):
        changed_at, started_at = time.monotonic(), 0.0
        while (answer := bench.intake(client, refused)).status != 202:
            started_at = time.monotonic()
            if started_at > changed_at + FORGET_SECONDS + 2:
                break
        faults.check(answer.status == 202, f"after {what} it is still answered {answer.status}: {answer.text[:200]}")
        faults.check(
            started_at <= changed_at + FORGET_SECONDS,
            f"after {what} a call begun {started_at - changed_at:.2f} s later was refused",
        )

    wait_for("the first call to be admitted", 5, lambda: bench.intake(clients[0], refused).status == 202)
    for client in clients:
        answer = bench.intake(client, refused)
        faults.check(answer.status == 429, f"the second call was answered {answer.status}")
        faults.check(
            1 <= int(answer.headers["Retry-After"] or 0) <= 60, f"Retry-After is {answer.headers['Retry-After']}"
        )
    first = bench.intake(clients[0], refused)
    with Lock(pair):
        for client in clients:
            for _ in range(10):
                answer = bench.intake(client, refused)
                if not faults.check(
                    answer.status == 429,
                    f"a refused caller was answered {answer.status}: the database was asked",
                    "memory",
                ):
                    break
                faults.check(
                    set(answer.json) == set(first.json)
                    and answer.json["violated-policies"] == first.json["violated-policies"],
                    f"from memory: {answer.text[:300]}; by the database: {first.text[:300]}",
                    "memory body",
                )
                missing = {name.lower() for name in first.headers} - {name.lower() for name in answer.headers}
                faults.check(not missing, f"from memory the headers {missing} are missing", "memory headers")
        # The control: somebody who was not refused is asked about, and waits for the lock.
        answer = bench.intake(clients[0], other)
        faults.check(
            answer.status == 503, f"behind the lock another caller was answered {answer.status}: the lock shows nothing"
        )
    pair.await_database()
    for client in clients:
        pair.sql("update limits.policy set burst = burst + 1 where name = 'gate-memory'")
        until_admitted(client, "a change of the policy")
        answer = bench.intake(client, refused)
        faults.check(answer.status == 429, f"a higher burst admitted more than one call: {answer.status}")
    pair.sql("update limits.policy set is_enabled = false where name = 'gate-memory'")
    until_admitted(clients[1], "the policy was switched off")
    # Without a change: when Retry-After is over, the next call is admitted.
    rates.set_policies([Policy("gate-memory", "address", 30, 60, 1)])
    wait_for("the call to be admitted", 5, lambda: bench.intake(clients[0], other).status == 202)
    before = time.monotonic()
    answer = bench.intake(clients[0], other)
    if faults.check(answer.status == 429, f"the second call was answered {answer.status}"):
        due = time.monotonic() + int(answer.headers["Retry-After"])
        last = before
        while bench.intake(clients[0], other).status == 429 and last < due + 2:
            last = time.monotonic()
        faults.check(last <= due, f"a call begun {last - due:.2f} s after Retry-After was over was refused")
    for client in clients:
        client.close()
    tell("refused callers are answered while the buckets are locked; a change of policy is felt within a second")


def body(options, faults: Faults):
    factor = 4 if options.long else 1
    with Pair(options.server, options.psql, {"LEVQOR_TRUSTED_PROXIES": "127.0.0.0/8"}, name="limits") as pair:
        bench = Bench(pair, faults)
        with contextlib.closing(bench):
            pair.sql(LIFT_QUOTA)
            accounts = [make_account(pair.origin, f"Limits {number}") for number in range(3)]
            callers = [
                Caller(f"2001:db8:0:{number}::7" if number % 4 == 3 else f"192.0.2.{number}", *accounts[number % 3])
                for number in range(12)
            ]
            rates = RateTest(pair, bench, faults, options.seed)
            parts = {
                "address": lambda: rates.compare(
                    "one policy, by address", [Policy("gate-address", "address", 6, 60, 4)], callers, 8 * factor, 4
                ),
                "nested": lambda: rates.compare(
                    "three policies, all or nothing",
                    [
                        Policy("gate-address", "address", 6, 60, 10),
                        Policy("gate-account", "account", 20, 30, 22),
                        Policy("gate-all", "all", 60, 30, 50),
                    ],
                    callers,
                    12 * factor,
                    6,
                ),
                "fast": lambda: rates.compare(
                    "a thousand a second", [Policy("gate-all", "all", 1000, 1, 120)], callers, 6 * factor
                ),
                "cost": lambda: rates.cost(callers),
                "uneven": lambda: rates.uneven(callers),
                "middle": lambda: rates.crash_in_the_middle(callers),
                "real": lambda: rates.real_time(callers, 3 * factor),
                "split": lambda: rates.split(callers),
                "broken": lambda: rates.broken(callers),
                "shadows": lambda: rates.shadows(callers),
                "memory": lambda: memory(pair, bench, faults, callers, rates),
                "quotas": lambda: quotas(pair, faults, 150 * factor),
            }
            for name in options.only.split(",") if options.only else parts:
                parts[name]()
            tell(f"{rates.waves} waves; after a change a refusal was repeated for at most {rates.slowest:.2f} s")


if __name__ == "__main__":
    sys.exit(run_main("limits", body, arguments(__doc__, only=(str, "", "parts, by commas"))))
