"""What the tests of the gate share: two servers on one PostgreSQL, counted faults, clients that run side by side."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import Client, HarnessError, Server, end_on_signals, wait_for

# One key for both servers: secrets are derived from it.
MASTER_KEY = "67" * 32
# How long a refusal may be repeated from memory after a policy, a tier or the clock changed.
FORGET_SECONDS = 1.0
# Accounts that are made from now on have no monthly quota: a load may go on.
LIFT_QUOTA = "alter table identity.account alter column tier set default 'enterprise'"


class Faults:
    """What was found wrong: told at once, counted, and enough to fail."""

    MOST_SHOWN = 30

    def __init__(self):
        self.lock = threading.Lock()
        self.count = 0
        self.seen: set[str] = set()

    def add(self, text: str, kind: str | None = None):
        """Counts a fault. Of one kind, only the first is shown."""
        with self.lock:
            self.count += 1
            if kind is not None and kind in self.seen:
                return
            self.seen.add(kind or text)
            if len(self.seen) <= self.MOST_SHOWN:
                print(f"  fault: {text}", flush=True)

    def check(self, holds: bool, text: str, kind: str | None = None) -> bool:
        if not holds:
            self.add(text, kind)
        return holds


def tell(text: str):
    print(f"  {text}", flush=True)


class Origin(Server):
    """The server that keeps the PostgreSQL; its URL is asked for once."""

    cached_url: str | None = None

    def database_url(self) -> str:
        if self.cached_url is None:
            self.cached_url = super().database_url()
        return self.cached_url

    def kill_postgres(self):
        """kill -9 of PostgreSQL. The server starts it again, with unlogged tables empty."""
        os.kill(self.postmaster(), signal.SIGKILL)


class Peer(Server):
    """Another server on the database of the first."""

    def __init__(self, origin: Origin, name: str):
        super().__init__(origin.binary, origin.psql, name=name)
        self.environment = origin.environment | {"LEVQOR_DATABASE_URL": origin.database_url()}

    def clean_up(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Pair:
    """Two servers on one private PostgreSQL."""

    def __init__(self, binary: str, psql: str, environment: dict[str, str] | None = None, name: str = "gate"):
        self.origin = Origin(binary, psql, {"LEVQOR_MASTER_KEY": MASTER_KEY, **(environment or {})}, name=name)
        self.peer: Peer | None = None
        self.name = name

    @property
    def servers(self) -> list[Server]:
        return [self.origin, self.peer]

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    def sql(self, text: str) -> str:
        return self.origin.sql(text)

    def __enter__(self) -> Pair:
        try:
            self.origin.start()
            self.peer = Peer(self.origin, f"{self.name}-peer")
            self.peer.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if error is not None and not isinstance(error, KeyboardInterrupt):
            for server in filter(None, self.servers):
                print(f"--- a server's log ends with:\n{server.tail(15)}\n---", file=sys.stderr)
        self.close()

    def close(self):
        if self.peer is not None:
            self.peer.clean_up()
        self.origin.clean_up()

    def revive(self, seconds: float = 120):
        """Starts what was killed, and waits until PostgreSQL and both servers answer."""
        for server in self.servers:
            if server.process is None or server.process.poll() is not None:
                server.start(seconds)
        self.await_database(seconds)

    def await_database(self, seconds: float = 120):
        """Waits until SQL works, and until every server has answered through it: pools mend one by one."""
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(HarnessError):
                self.origin.sql("select 1")
                break
            if time.monotonic() > end:
                raise HarnessError(f"waited {seconds:.0f} s for PostgreSQL")
            time.sleep(0.05)
        for server in self.servers:
            in_a_row = 0
            while in_a_row < 8:
                in_a_row = in_a_row + 1 if answers(server.url) else 0
                if time.monotonic() > end:
                    raise HarnessError(f"waited {seconds:.0f} s for {server.url} to answer from the database")


class Kills:
    """Kills one part after the other under load, each at its number of calls done.

    While a part comes back the load may go on up to where the next one is killed, so that every kill meets work.
    """

    def __init__(self, pair: Pair, done: Callable[[], int], deeds: list[tuple[int, str, Callable[[], object]]]):
        self.pair, self.done, self.deeds = pair, done, deeds
        self.ceiling = deeds[1][0] if len(deeds) > 1 else sys.maxsize
        self.over = threading.Event()
        if not deeds:
            self.over.set()

    def hold_back(self):
        """For a caller: waits while the load is ahead of the kills."""
        while self.done() >= self.ceiling and not self.over.wait(0.02):
            pass

    def run(self):
        try:
            for number, (goal, what, deed) in enumerate(self.deeds):
                later = [other for other, _, _ in self.deeds[number + 1 :]]
                self.ceiling = later[0] if later else sys.maxsize
                wait_for(f"{goal} calls, and then {what}", 120, lambda goal=goal: self.done() >= goal, pause=0.002)
                tell(f"{self.done()} calls done: {what}")
                deed()
                self.pair.revive()
        finally:
            self.over.set()


def answers(url: str) -> bool:
    """Whether a public route, which asks the database, answers."""
    client = Client(url, timeout=10)
    try:
        return client.call("GET", "/ops/uptime").status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


def make_account(server: Server, name: str, scopes: str = "jobs:submit,jobs:read,jobs:work,keys:manage") -> tuple:
    """An account and a key of it: (uuid, key)."""
    text = server.sql(
        f"select a.id, k.key from (select identity.create_account('{name}') as id) as a"
        f" cross join lateral keys.create_key(a.id, 'gate', '{{{scopes}}}') as k"
    )
    account, key = text.split("|")
    return account, key


def side_by_side(count: int, work: Callable[[int], None], faults: Faults, seconds: float = 300):
    """Runs work(0…count-1) in threads and waits for all; an exception is a fault."""

    def guarded(number: int):
        try:
            work(number)
        except Exception:
            faults.add(f"client {number}: {traceback.format_exc(limit=4)}", kind="exception")

    threads = [threading.Thread(target=guarded, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for number, thread in enumerate(threads):
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            raise HarnessError(f"client {number} did not end within {seconds:.0f} s")


def arguments(description: str, **extra: tuple) -> argparse.Namespace:
    """The command line of every test here."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the binary")
    parser.add_argument("--psql", required=True)
    parser.add_argument("--long", action="store_true", help="go on for longer")
    parser.add_argument("--seed", type=int, default=20261121, help="what is random follows from it")
    for name, (kind, default, text) in extra.items():
        parser.add_argument(f"--{name}", type=kind, default=default, help=text)
    return parser.parse_args()


def finish(name: str, faults: Faults, start: float) -> int:
    """The last line and the exit status."""
    outcome = f"FAILED, {faults.count} faults" if faults.count else "ok"
    print(f"{name}: {outcome} in {time.monotonic() - start:.0f} s", flush=True)
    return 1 if faults.count else 0


def run_main(name: str, body: Callable[[argparse.Namespace, Faults], None], options: argparse.Namespace) -> int:
    """Runs a test's body; what it raises is a fault like any other."""
    end_on_signals()
    start, faults = time.monotonic(), Faults()
    try:
        body(options, faults)
    except HarnessError as error:
        faults.add(str(error))
    return finish(name, faults, start)
