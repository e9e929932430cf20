"""Many malformed requests at a live server: no 5xx, no leak of internals, no growth of memory, no harm to neighbours.

Raw sockets with keep-alive and pipelining. What is sent follows from the seed. Every answer is checked; between the
malformed requests every connection's owner sends good ones, which must be answered as if nobody else were there.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import RAISE_LIMITS, Client, HarnessError, wait_for
from malformed import Item, Maker
from parts import LIFT_QUOTA, Faults, Origin, arguments, make_account, run_main, side_by_side, tell
from wire import Response, Wire, WireError

REQUESTS, LONG_REQUESTS, CONNECTIONS = 30_000, 100_000, 8
# Resident memory may differ by this much after the second half: pages of the allocator. A leak of 200 bytes a request
# would be 10 MB in a half of the long run.
MEMORY_BOUND = 8 * 1024 * 1024
# Right though they are 5xx: the server says that it does not do what was asked (RFC 9110, 15.6.2 and 15.6.6).
NAMED_5XX = (501, 505)
PROBLEM_MEMBERS = ("type", "title", "status", "code", "request_id")
# Differs between faults of one kind.
VARIABLE = re.compile(r"\b\w*\d{2}\w*\b|:.*")
MADE_REQUEST_ID = re.compile(r"[0-9a-f]{32}")
FIT_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# What no client may read. None of it is in what the fuzzer sends, so no echo is taken for a leak.
LEAKS = re.compile(
    "|".join(
        [
            r"\b(select|insert|update|delete|perform|execute)\s+[\w*.\"]+\s+(from|into|set)\b",
            r"\bselect\s+\*|PL/pgSQL|SQLSTATE|pg_catalog|pg_temp|search_path|jsonb|timestamptz",
            r"levqor_(owner|server|dba|bi)",
            r"\b(http|keys|limits|quota|jobs|core|identity|audit|outbox|access)\.[a-z]+_[a-z_]+",
            r"\.swift|\.sql\b|Fatal error|stack trace|0x[0-9a-f]{8}|libpq|PostgresError|NIO|Hummingbird|\.s\.PGSQL",
            r"/(usr|var|home|tmp|root)/",
            r"invalid input syntax|invalid byte sequence|violates|relation \"|column \"|constraint",
            r"syntax error at|unterminated",
            r"CONTEXT:|DETAIL:|HINT:|\bLQ[0-9A-Z]{3}\b",
            r"\b(22|23|25|40|42|53|54|55|57)P\d\d\b|\b(22003|22021|23502|23503|23505|23514|40001|42501|42601|42703|42883|XX000)\b",
            r"\b(53300|54000|54001|57014|42804|42846|22007|22008|22023|25006)\b",
        ]
    )
)


class Fuzz:
    """One run: what is sent from several connections, and what is found."""

    def __init__(self, server: Origin, faults: Faults, seed: int, key: str, revoked: str):
        self.server, self.faults, self.seed, self.key, self.revoked = server, faults, seed, key, revoked
        self.lock = threading.Lock()
        self.sent: Counter = Counter()
        self.statuses: Counter = Counter()
        self.unanswered: Counter = Counter()

    def fault(self, item: Item, text: str):
        self.faults.add(
            f"{item.kind}: {text}\n         sent: {item.data[:300]!r}",
            kind=f"{item.kind}: {VARIABLE.sub('', text[:60])}",
        )

    # ---- one answer

    def check(self, item: Item, response: Response):
        with self.lock:
            self.statuses[response.status] += 1
        status, text = response.status, response.body.decode("utf-8", "backslashreplace")
        if status >= 500 and status not in NAMED_5XX:
            self.fault(item, f"answered {status}: {text[:300]}")
        if item.is_wrong and status < 300:
            self.fault(item, f"accepted with {status}: {text[:200]}")
        if item.statuses and status not in item.statuses:
            self.fault(item, f"answered {status}, not {' or '.join(map(str, item.statuses))}: {text[:200]}")
        shown = response.headers.get("x-request-id")
        if shown is not None and not FIT_REQUEST_ID.fullmatch(shown):
            self.fault(item, f"the answer bears the request id {shown!r}")
        # Of a head that can not be read the server does not know the id, and makes one.
        is_unread = response.closes and status in (400, 408, 431) and MADE_REQUEST_ID.fullmatch(shown or "")
        if item.request_id and shown is not None and shown != item.request_id and not is_unread:
            self.fault(item, f"the answer bears another's request id: {shown!r}")
        if item.smuggled and shown == item.smuggled:
            self.fault(item, f"the request within the body was answered with {status}")
        for name in ("content-length", "x-request-id", "content-type"):
            if name in response.repeated:
                self.fault(item, f"the answer has {name} twice")
        if status >= 400:
            self.check_problem(item, response, text, shown)

    def check_problem(self, item: Item, response: Response, text: str, shown: str | None):
        if found := LEAKS.search(text.replace('\\"', '"')):
            self.fault(item, f"{response.status} tells {found.group()!r}: {text[:300]}")
        if item.is_head:
            return
        if not response.body:
            # What is no HTTP is answered by the parser, which knows no problems, and then the connection must end.
            if not (response.closes and response.status in (400, 408, 413, 414, 431, 501, 505)):
                self.fault(item, f"{response.status} without a body, and the connection stays open")
            return
        if response.headers.get("content-type") != "application/problem+json":
            self.fault(item, f"{response.status} is of type {response.headers.get('content-type')}: {text[:200]}")
            return
        try:
            problem = json.loads(response.body.decode("utf-8"))
        except ValueError as error:
            self.fault(item, f"{response.status} is no JSON ({error}): {text[:200]}")
            return
        missing = [name for name in PROBLEM_MEMBERS if not problem.get(name)]
        if missing:
            self.fault(item, f"{response.status} lacks {', '.join(missing)}: {text[:200]}")
        elif problem["status"] != response.status or problem["request_id"] != shown:
            self.fault(
                item,
                f"the problem says {problem['status']} and {problem['request_id']}, not {response.status} and {shown}",
            )

    # ---- one connection

    def batch(self, maker: Maker, most: int) -> list[Item]:
        """Some items that share a connection; one that may end it stands last."""
        items = []
        for _ in range(maker.random.randrange(1, most + 1)):
            items.append(maker.next())
            if items[-1].is_last:
                break
        return items

    def send_batch(self, wire: Wire, items: list[Item]) -> bool:
        """Sends them at once and reads the answers; gives whether the connection can be used again."""
        with self.lock:
            self.sent.update(item.kind for item in items)
        # Its end may be lost: the server closed, which a missing answer shows.
        wire.send(b"".join(item.data for item in items))
        last = items[-1]
        if last.is_last:
            wire.end_sending()
        for index, item in enumerate(items):
            try:
                response = wire.read(item.is_head)
            except TimeoutError:
                self.fault(item, f"no answer, and no end, within {wire.seconds:.0f} s")
                return False
            except (WireError, ValueError) as error:
                self.fault(item, f"no HTTP came back: {error}")
                return False
            if response is None:
                # Who has ended its side counts as gone.
                if not last.is_last:
                    self.fault(item, "the connection ended without an answer")
                with self.lock:
                    self.unanswered[item.kind] += 1
                return False
            self.check(item, response)
            if response.closes and index < len(items) - 1:
                with self.lock:
                    self.unanswered.update(other.kind for other in items[index + 1 :])
                if not last.is_last and response.status not in (400, 408, 413, 417, 431):
                    self.fault(item, f"{response.status} closes the connection")
                return False
        if last.is_last:
            self.check_rest(wire, last)
            return False
        return not response.closes

    def check_rest(self, wire: Wire, item: Item):
        """Behind the last answer: more of them where its bytes can be read as several requests, and then the end."""
        try:
            while (response := wire.read()) is not None:
                self.check(item, response)
                if item.smuggled:
                    self.fault(item, f"the body was read as another request: {response.status}")
        except TimeoutError:
            self.fault(item, f"the connection stays open for {wire.seconds:.0f} s after the client's half is closed")
        except (WireError, ValueError) as error:
            self.fault(item, f"no HTTP came back: {error}")

    def work(self, number: int, half: int, count: int):
        """One connection's owner: sends its share, and good requests between."""
        maker = Maker(self.seed * 1000 + half * 100 + number, self.key, self.revoked)
        good = Client(self.server.url, self.key)
        wire, batches = None, 0
        while maker.count < count:
            items = self.batch(maker, 16)
            wire = wire or Wire(self.server.port)
            try:
                is_open = self.send_batch(wire, items)
            except WireError as error:
                self.fault(items[-1], str(error))
                is_open = False
            if not is_open:
                wire.close()
                wire = None
            batches += 1
            if batches % 20 == 0:
                self.send_good(good, f"{half}-{number}-{batches}")
        if wire:
            wire.close()
        good.close()

    def send_good(self, good: Client, name: str):
        body = {"workflow": "good", "payload": {"name": name}}
        taken = good.call("POST", "/api/v1/intake", body, {"X-Request-Id": f"good-{name}-1"})
        if not self.faults.check(
            taken.status == 202, f"a good request was answered {taken.status}: {taken.text[:300]}", "good"
        ):
            return
        job = good.call("GET", f"/api/v1/jobs/{taken.json['job_id']}", headers={"X-Request-Id": f"good-{name}-2"})
        self.faults.check(
            job.status == 200
            and job.json["payload"] == body["payload"]
            and job.headers["X-Request-Id"] == f"good-{name}-2",
            f"a good request was answered {job.status}: {job.text[:300]}",
            "good",
        )

    def run_half(self, half: int, count: int):
        share = count // CONNECTIONS
        side_by_side(CONNECTIONS, lambda number: self.work(number, half, share), self.faults, seconds=1800)


class SlowSender(threading.Thread):
    """Sends a byte a second for as long as the server takes it; the server must end this within its time."""

    def __init__(self, port: int, kind: str, head: bytes, rest: bytes, seconds: float, faults: Faults):
        super().__init__(daemon=True)
        self.port, self.kind, self.head, self.rest = port, kind, head, rest
        self.seconds, self.faults = seconds, faults
        self.outcome = "?"

    def run(self):
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port)) as sender:
            sender.sendall(self.head)
            rest, answer = iter(self.rest * 10000), b""
            while time.monotonic() - start < self.seconds:
                # The pace of a slow sender, and the ear for the answer.
                readable, _, _ = select.select([sender], [], [], 1)
                try:
                    if readable:
                        data = sender.recv(65536)
                        if not data:
                            self.outcome = f"{answer[9:12].decode() or 'closed'} after {time.monotonic() - start:.0f} s"
                            return
                        answer += data
                    else:
                        sender.sendall(bytes([next(rest)]))
                except OSError:
                    self.outcome = f"{answer[9:12].decode() or 'reset'} after {time.monotonic() - start:.0f} s"
                    return
        self.outcome = "open"
        self.faults.add(f"slow sender ({self.kind}): still open after {self.seconds:.0f} s")


def resident(pid: int) -> int:
    """VmRSS in bytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) * 1024


def connections(port: int) -> int:
    """TCP connections that the server holds at its public port: open ones, and those whose client has closed."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] in ("01", "08") for row in rows)


def settle(pid: int, bound: int | None = None) -> int:
    """The least resident memory seen within some seconds, or as soon as it is within the bound."""
    end, least = time.monotonic() + 6, resident(pid)
    while time.monotonic() < end and (bound is None or least > bound):
        time.sleep(0.25)
        least = min(least, resident(pid))
    return least


def check_log(server: Origin, faults: Faults, begin: int):
    """Every line of level error or worse, from a place on, needs an explanation, and there is none here."""
    warnings: Counter = Counter()
    for line in server.log.read_bytes()[begin:].decode(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            if not line.startswith("levqor-server "):
                faults.add(f"a line of the log is no JSON: {line[:300]}", kind="log")
            continue
        if entry["level"] in ("error", "critical"):
            faults.add(
                f"the log has: {line[:600]}",
                kind=f"log {entry.get('message')} {entry.get('db.sqlstate')} {entry.get('fault')}",
            )
        elif entry["level"] == "warning":
            warnings[entry["message"]] += 1
    if warnings:
        tell("warnings in the log: " + ", ".join(f"{message} {count}x" for message, count in warnings.items()))
    for file in sorted((Path(os.path.realpath(server.directory / "pg")).parent / "log").glob("postgresql-*.log")):
        for line in file.read_text(errors="replace").splitlines():
            if re.search(r" (ERROR|FATAL|PANIC): ", line) and "the database system is" not in line:
                faults.add(f"PostgreSQL's log has: {line[:400]}", kind=re.sub(r"\d+", "", line.split("]", 1)[-1])[:100])


def body(options, faults: Faults):
    count = options.requests or (LONG_REQUESTS if options.long else REQUESTS)
    environment = {"LEVQOR_TRUSTED_PROXIES": "127.0.0.0/8", "LEVQOR_ENVIRONMENT": "development"}
    with Origin(options.server, options.psql, environment, name="fuzz") as server:
        server.start()
        # It was not ready at once, and said so.
        begin = server.log.stat().st_size
        server.sql(RAISE_LIMITS)
        server.sql(LIFT_QUOTA)
        account, key = make_account(server, "Fuzz")
        revoked, revoked_id = server.sql(
            f"select k.key, k.id from keys.create_key('{account}', 'revoked', '{{jobs:submit,jobs:read}}') as k"
        ).split("|")
        server.sql(f"select keys.revoke_key('{account}', '{revoked_id}')")
        pid = server.process.pid
        fuzz = Fuzz(server, faults, options.seed, key, revoked)
        head = b"POST /api/v1/intake HTTP/1.1\r\nHost: slow\r\nX-Api-Key: " + key.encode()
        slow = [
            SlowSender(
                server.port,
                "body",
                head + b"\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{",
                b" ",
                45,
                faults,
            ),
            SlowSender(
                server.port,
                "chunks",
                head + b"\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"1\r\n \r\n",
                45,
                faults,
            ),
            SlowSender(server.port, "head", b"GET /health HTTP/1.1\r\nHost: slow\r\nX-Slow: ", b"x", 90, faults),
            SlowSender(server.port, "nothing", b"", b"\r\n", 90, faults),
        ]
        good = Client(server.url, key)
        fuzz.send_good(good, "first")
        good.close()
        start = time.monotonic()
        for sender in slow:
            sender.start()
        fuzz.run_half(1, count // 2)
        first = settle(pid)
        tell(f"{sum(fuzz.sent.values())} sent in {time.monotonic() - start:.0f} s; memory {first / 1e6:.1f} MB")
        fuzz.run_half(2, count // 2)
        bound = first + MEMORY_BOUND
        second = settle(pid, bound)
        told = ", ".join(f"{status}: {n}" for status, n in sorted(fuzz.statuses.items()))
        tell(
            f"{sum(fuzz.sent.values())} sent in {time.monotonic() - start:.0f} s; memory {second / 1e6:.1f} MB;"
            f" answers {told}"
        )
        tell("without an answer: " + (", ".join(f"{kind} {n}" for kind, n in fuzz.unanswered.most_common()) or "none"))
        faults.check(
            second <= bound, f"memory grew from {first} to {second} bytes: {(second - first) / count * 2:.0f} a request"
        )
        faults.check(
            len(fuzz.statuses) > 8, f"only the statuses {told} came: the fuzzer does not reach the server's rules"
        )
        for sender in slow:
            sender.join()
        tell("slow senders: " + ", ".join(f"{sender.kind} {sender.outcome}" for sender in slow))
        faults.check(server.process.poll() is None, "the server ended")
        ready = Client(server.url).call("GET", "/ready", headers={"Connection": "close"})
        faults.check(ready.status == 200, f"/ready says {ready.status}: {ready.text[:300]}")
        good = Client(server.url, key)
        fuzz.send_good(good, "last")
        good.close()
        try:
            wait_for("the connections to be closed", 20, lambda: connections(server.port) == 0)
        except HarnessError:
            faults.add(f"the server holds {connections(server.port)} connections that no client has")
        check_log(server, faults, begin)
        faults.check(server.stop(), "the server did not end in good order")


if __name__ == "__main__":
    sys.exit(run_main("fuzz", body, arguments(__doc__, requests=(int, 0, "how many instead"))))
