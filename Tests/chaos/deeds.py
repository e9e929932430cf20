"""What is done to the parts: killed with -9, or stopped for longer than a lease. By chance, all from one seed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from harness import HarnessError, Server
from parts import Pair, tell

# A worker's lease is five seconds: one that is stopped for so long has lost its jobs.
STOPPED_SECONDS = 7.0
# Webhooks are leased to a server for a minute. One that is stopped for so long is for the long run.
LONG_STOPPED_SECONDS = 65.0


class Workers:
    """Worker processes, each with a log of its own."""

    def __init__(self, pair: Pair, key: str, folder: Path):
        self.pair, self.key, self.folder = pair, key, folder
        self.processes: list[subprocess.Popen] = []
        self.started = 0

    def start(self):
        self.started += 1
        name = f"worker-{self.started}"
        log = self.folder / f"{name}.log"
        script = Path(__file__).with_name("worker.py")
        errors = (self.folder / f"{name}.errors").open("ab")
        self.processes.append(
            subprocess.Popen(
                [sys.executable, str(script), name, self.key, str(log), *self.pair.urls],
                stderr=errors,
                stdin=subprocess.DEVNULL,
            )
        )
        errors.close()

    def alive(self) -> list[subprocess.Popen]:
        return [process for process in self.processes if process.poll() is None]

    def died_by_themselves(self) -> list[str]:
        """What those said that ended without being killed."""
        faults = []
        for number, process in enumerate(self.processes, 1):
            if process.poll() not in (None, -signal.SIGKILL):
                text = (self.folder / f"worker-{number}.errors").read_text()[-1000:]
                faults.append(f"worker-{number} ended with {process.returncode}: {text}")
        return faults

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


class Chaos(threading.Thread):
    """One deed after the other, with pauses by chance: first each kind once in an order by chance, then any."""

    def __init__(self, pair: Pair, workers: Workers, seed: int, is_long: bool):
        super().__init__(daemon=True)
        self.pair, self.workers, self.random = pair, workers, random.Random(seed)
        self.over = threading.Event()
        self.failure: Exception | None = None
        self.count = Counter()
        self.starts, self.seen_losses = 2, 0
        self.deeds = {
            "kill -9 of a worker": self.kill_worker,
            "kill -9 of the first server": lambda: self.kill_server(self.pair.origin),
            "kill -9 of the second server": lambda: self.kill_server(self.pair.peer),
            "kill -9 of PostgreSQL": self.kill_postgres,
            "kill -9 of both servers, PostgreSQL and a worker": self.kill_all,
            "a worker stands still": self.stop_worker,
            "the first server stands still": lambda: self.stop_server(self.pair.origin),
            "the second server stands still": lambda: self.stop_server(self.pair.peer),
        }
        if is_long:
            self.deeds["the second server stands still for more than a minute"] = lambda: self.stand_still(
                self.pair.peer.process.pid, LONG_STOPPED_SECONDS
            )

    def run(self):
        try:
            order = list(self.deeds)
            self.random.shuffle(order)
            while not self.over.wait(self.random.uniform(1, 4)):
                name = order.pop() if order else self.random.choice(list(self.deeds))
                tell(f"{name}")
                self.deeds[name]()
                self.count[name] += 1
        except Exception as error:
            self.failure = error

    def end(self):
        """Lets the present deed come to its end."""
        self.over.set()
        self.join(timeout=180)
        if self.failure:
            raise self.failure
        if self.is_alive():
            raise HarnessError("what was killed did not come back within 180 s")

    def abandon(self):
        """When the test is given up: no part may come back after the others have gone."""
        self.over.set()
        self.join(timeout=180)

    def kill_worker(self):
        victim = self.random.choice(self.workers.alive())
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self.workers.start()

    def kill_server(self, server: Server):
        server.kill()
        self.over.wait(self.random.uniform(0, 3))
        self.bring_back(server)

    def bring_back(self, server: Server):
        server.start()
        self.starts += 1
        self.pair.await_database()

    def told_in_logs(self) -> dict[str, int]:
        """What the logs must say, and how often at least."""
        return {"serving": self.starts, "PostgreSQL is gone": self.seen_losses}

    def kill_postgres(self):
        self.pair.origin.kill_postgres()
        self.seen_losses += 1
        self.pair.await_database()

    def kill_all(self):
        self.kill_worker()
        os.kill(self.pair.origin.postmaster(), signal.SIGKILL)
        for server in self.pair.servers:
            server.kill()
        # The first server has the PostgreSQL: the second cannot start before it.
        for server in self.pair.servers:
            server.start()
            self.starts += 1
        self.pair.await_database()

    def stop_worker(self):
        self.stand_still(self.random.choice(self.workers.alive()).pid)

    def stop_server(self, server: Server):
        self.stand_still(server.process.pid)

    def stand_still(self, pid: int, seconds: float = STOPPED_SECONDS):
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
