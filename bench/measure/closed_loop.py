"""Closed loops: wrk for HTTP, pgbench for SQL. Each client sends its next request when it has the answer."""

from __future__ import annotations

import json
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness import ROOT, HarnessError

from . import machine


@dataclass
class Run:
    clients: int
    seconds: float
    requests: int
    rate: float
    # Answers other than the wanted kind, and connections that broke.
    failed: int
    p50_ms: float | None = None
    p99_ms: float | None = None
    # Share of the machine's processors that the load generator took.
    generator_share: float = 0.0
    # Completions by slot of 100 ms of the monotonic clock; pauses of each thread as begin, end, begin, end …
    slots: list[tuple[int, int]] = field(default_factory=list, repr=False)
    pauses: list[list[float]] = field(default_factory=list, repr=False)

    def longest_pause(self, begin: float, end: float) -> float:
        """Longest time in seconds, between these two times, in which nothing was completed by any thread."""
        common: list[tuple[float, float]] = [(begin, end)]
        for times in self.pauses:
            own = list(zip(times[::2], times[1::2], strict=True))
            common = [(max(a, c), min(b, d)) for a, b in common for c, d in own if max(a, c) < min(b, d)]
        return max((b - a for a, b in common), default=0.0)


def run_wrk(
    wrk: str, url: str, requests: Path, clients: int, seconds: float, *, refusals: bool = False, threads: int = 2
) -> Run:
    """refusals: every answer is to be 4xx rather than 2xx."""
    command = [wrk, f"-t{min(threads, clients)}", f"-c{clients}", f"-d{seconds:.0f}s", "--timeout", "10s"]
    command += ["-s", str(ROOT / "bench" / "replay.lua"), url, "--", str(requests)]
    before, began = machine.children_seconds(), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    used, took = machine.children_seconds() - before, time.monotonic() - began
    found = re.search(r"^RESULT (.*)$", done.stdout, flags=re.MULTILINE)
    if not found:
        raise HarnessError(f"wrk gave no result: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    result = json.loads(found[1])
    refused = result["refused"]
    return Run(
        clients=clients,
        seconds=result["seconds"],
        requests=result["requests"],
        rate=result["requests"] / result["seconds"],
        failed=result["broken"] + (max(0, result["requests"] - refused) if refusals else refused),
        p50_ms=result["p50_ms"],
        p99_ms=result["p99_ms"],
        generator_share=used / took / machine.PROCESSORS,
        slots=sorted((slot, count) for slot, count in result["slots"]),
        pauses=result["pauses"],
    )


@dataclass
class Pgbench:
    """pgbench against one script; an answer that is no success divides by zero in it, which ends pgbench."""

    binary: Path
    url: str
    environment: dict[str, str]
    work: Path

    def _command(self, script: Path, clients: int, seconds: float) -> list[str]:
        command = [str(self.binary), "--no-vacuum", "--protocol=prepared", f"--client={clients}"]
        command += [f"--jobs={min(2, clients)}", f"--time={max(1, round(seconds))}", f"--file={script}"]
        return command

    def _run(self, command: list[str], seconds: float) -> tuple[str, float]:
        before, began = machine.children_seconds(), time.monotonic()
        done = subprocess.run(
            [*command, self.url], env=self.environment, capture_output=True, text=True, timeout=seconds + 60
        )
        if done.returncode != 0:
            raise HarnessError(f"pgbench failed: {done.stderr[-2000:]}")
        share = (machine.children_seconds() - before) / (time.monotonic() - began) / machine.PROCESSORS
        return done.stdout, share

    def run(self, script: Path, clients: int, seconds: float) -> Run:
        text, share = self._run(self._command(script, clients, seconds), seconds)
        rate = float(re.search(r"^tps = ([0-9.]+)", text, flags=re.MULTILINE)[1])
        count = int(re.search(r"^number of transactions actually processed: (\d+)", text, flags=re.MULTILINE)[1])
        failed = re.search(r"^number of failed transactions: (\d+)", text, flags=re.MULTILINE)
        latency = re.search(r"^latency average = ([0-9.]+)", text, flags=re.MULTILINE)
        return Run(
            clients=clients,
            seconds=seconds,
            requests=count,
            rate=rate,
            failed=int(failed[1]) if failed else 0,
            p50_ms=float(latency[1]) if latency else None,
            generator_share=share,
        )

    def run_at_rate(self, script: Path, clients: int, seconds: float, rate: float) -> dict:
        """Open loop as pgbench knows it: planned times at random (Poisson), latency from the planned time."""
        prefix = self.work / "pgbench-log"
        command = [*self._command(script, clients, seconds), f"--rate={rate:.1f}", "--log", f"--log-prefix={prefix}"]
        try:
            _, share = self._run(command, seconds)
            logs = list(self.work.glob("pgbench-log.*"))
            # The third column is the latency in microseconds, from the planned time when there is a rate.
            rows = [line.split() for log in logs for line in log.read_text().splitlines()]
        finally:
            for log in self.work.glob("pgbench-log.*"):
                log.unlink()
        times = sorted(int(row[2]) / 1000 for row in rows)
        if not times:
            raise HarnessError("pgbench logged nothing")
        return {
            "p50_ms": times[len(times) // 2],
            "p99_ms": times[min(len(times) - 1, len(times) * 99 // 100)],
            "count": len(times),
            "generator_share": share,
        }
