"""Queues that are filled and worked off by processes of their own: ours and the peers', all in one way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import HarnessError

from . import machine

# For a process to connect and say that it is ready, and for one phase, at most.
READY_SECONDS, PHASE_SECONDS = 60, 300


@dataclass(frozen=True)
class Setting:
    """How a queue is driven: processes, connections of each, jobs in a batch."""

    processes: int
    connections: int
    batch: int

    def __str__(self) -> str:
        return f"{self.processes} x {self.connections} connections, batches of {self.batch}"


@dataclass
class Phase:
    jobs: int
    seconds: float
    client_share: float
    postgres_share: float

    @property
    def rate(self) -> float:
        return self.jobs / self.seconds


@dataclass
class Turn:
    """One run: all jobs in, then all jobs done."""

    put_in: Phase
    out: Phase

    @property
    def rate(self) -> float:
        """Jobs a second, from the first handed in to the last one done."""
        return self.out.jobs / (self.put_in.seconds + self.out.seconds)


@dataclass
class Queue:
    name: str
    script: Path
    url: str
    environment: dict[str, str]
    empty: Callable[[], None]
    # Number of jobs of a run, for a batch of so many.
    count_jobs: Callable[[int], int]
    settings: Sequence[Setting]
    best: Setting | None = None
    turns: list[Turn] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        return [turn.rate for turn in self.turns]

    def run(self, setting: Setting, jobs: int, postmaster: Callable[[], int]) -> Turn:
        self.empty()
        put_in = self._run_phase("in", setting, jobs, postmaster)
        out = self._run_phase("out", setting, jobs, postmaster)
        if put_in.jobs != jobs or out.jobs != jobs:
            raise HarnessError(f"{self.name}: of {jobs} jobs, {put_in.jobs} came in and {out.jobs} were done")
        return Turn(put_in, out)

    def _run_phase(self, deed: str, setting: Setting, jobs: int, postmaster: Callable[[], int]) -> Phase:
        shares = [jobs // setting.processes + (n < jobs % setting.processes) for n in range(setting.processes)]
        processes = [self._start(deed, setting, share) for share in shares]
        try:
            for process in processes:
                if process.stdout.readline().strip() != "ready":
                    raise HarnessError(f"{self.name} did not get ready: {process.stderr.read()[-2000:]}")
            before, began = machine.tree_seconds(postmaster()), time.monotonic()
            for process in processes:
                process.stdin.write("go\n")
                process.stdin.flush()
            told = [self._finish(process) for process in processes]
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout, process.stderr):
                    pipe.close()
        whole = (time.monotonic() - began) * machine.PROCESSORS
        used = machine.tree_seconds(postmaster()) - before
        worked = [t for t in told if t["jobs"]]
        if not worked:
            raise HarnessError(f"{self.name}: nothing came {deed}")
        seconds = max(t["ended"] for t in worked) - min(t["began"] for t in told)
        return Phase(
            jobs=sum(t["jobs"] for t in told),
            seconds=seconds,
            client_share=sum(t["busy"] for t in told) / whole,
            postgres_share=used / whole,
        )

    def _start(self, deed: str, setting: Setting, jobs: int) -> subprocess.Popen:
        command = [sys.executable, str(self.script), deed, self.url, "--jobs", str(jobs)]
        command += ["--batch", str(setting.batch), "--connections", str(setting.connections)]
        return subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _finish(self, process: subprocess.Popen) -> dict:
        try:
            text, errors = process.communicate(timeout=PHASE_SECONDS)
        except subprocess.TimeoutExpired:
            raise HarnessError(f"{self.name} did not end within {PHASE_SECONDS} s") from None
        if process.returncode != 0 or not text.strip():
            raise HarnessError(f"{self.name} failed: {errors[-2000:]}")
        return json.loads(text.splitlines()[-1])

    def describe(self) -> dict:
        def middle(part: str, name: str) -> float:
            values = sorted(getattr(getattr(turn, part), name) for turn in self.turns)
            return round(values[len(values) // 2], 3)

        return {
            "setting": str(self.best),
            "rates": [round(rate, 1) for rate in self.rates],
            "in_per_second": [round(turn.put_in.rate) for turn in self.turns],
            "out_per_second": [round(turn.out.rate) for turn in self.turns],
            "clients_share": [middle("put_in", "client_share"), middle("out", "client_share")],
            "postgres_share": [middle("put_in", "postgres_share"), middle("out", "postgres_share")],
        }


def search(queues: Sequence[Queue], postmaster: Callable[[], int], part: float = 0.3):
    """Sets each queue's best setting, by one shorter run each. Doubles as the warm-up."""
    for queue in queues:
        found = []
        for setting in queue.settings:
            jobs = max(setting.processes, int(queue.count_jobs(setting.batch) * part))
            turn = queue.run(setting, jobs, postmaster)
            found.append((turn.rate, setting))
            print(
                f"    search: {queue.name:14} {setting!s:48} {turn.rate:8.0f}/s"
                f"   in {turn.put_in.rate:8.0f}/s   out {turn.out.rate:8.0f}/s",
                flush=True,
            )
        queue.best = max(found, key=lambda pair: pair[0])[1]


def take_turns(queues: Sequence[Queue], turns: int, postmaster: Callable[[], int]):
    for number in range(1, turns + 1):
        for queue in queues:
            turn = queue.run(queue.best, queue.count_jobs(queue.best.batch), postmaster)
            queue.turns.append(turn)
            print(
                f"    turn {number}: {queue.name:14} {queue.best!s:48} {turn.rate:8.0f}/s"
                f"   in {turn.put_in.rate:8.0f}/s   out {turn.out.rate:8.0f}/s"
                f"   clients {turn.out.client_share:4.0%}  postgres {turn.out.postgres_share:4.0%}",
                flush=True,
            )
