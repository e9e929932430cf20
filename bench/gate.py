"""The bars of the gate: every figure is measured here, in one run, on one machine.

Writes bench/results/gate.json and ends with the line "N of M bars hold"; the exit code is 0 only when all do. See
bench/README.md for what each figure is.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from harness import ROOT, HarnessError, Server, end_on_signals
from measure import machine, peers
from measure.closed_loop import run_wrk
from measure.report import Figure, Report
from measure.rows import intake, latency, memory, refused, snapshot, status, validation
from measure.stage import Stage
from measure.turns import Contender

RESULTS = ROOT / "bench" / "results" / "gate.json"
BUDGET = 40 * 60
# Seconds that starting anew (jobs away, one job for each caller, vacuum) takes before a row, at most.
AFRESH = 15


@dataclass
class Row:
    name: str
    seconds: float
    measure: Callable[[], object]


class Gate:
    def __init__(self, arguments, stage: Stage, flask: peers.Peer, fastapi: peers.Peer, began: float):
        self.arguments, self.stage, self.flask, self.fastapi, self.began = arguments, stage, flask, fastapi, began
        self.report = Report()
        self.peaks: dict[str, Contender] = {}
        turns, seconds, search = arguments.turns, arguments.seconds, arguments.search_seconds
        self.plan = {"turns": turns, "seconds": seconds, "search": search}
        self.free = min(40.0, arguments.held_seconds / 2)
        # The turns of five contenders, and the search over four counts for each; a little for each run's own start.
        five = AFRESH + 5 * (4 * (search + 1) + turns * (seconds + 1))
        two = AFRESH + 2 * (3 * (search + 1) + turns * (seconds + 1))
        held = AFRESH + arguments.held_seconds + 2 * (self.free + snapshot.SETTLE)
        self.rows = [
            Row("validation", turns * 5, self.measure_validation),
            Row("intake", five, self.measure_intake),
            Row("intake-one", five, self.measure_intake_one),
            Row("latency", AFRESH + (3 * turns + 1) * (seconds + 3), self.measure_latency),
            Row("status", two, self.measure_status),
            Row("refused", two, self.measure_refused),
            Row("memory", AFRESH + seconds * 2, self.measure_memory),
            Row("snapshot", held, self.measure_snapshot),
        ]

    def measure_validation(self):
        validation.measure(self.report, self.stage, self.plan)

    def measure_intake(self):
        self.prove_guard()
        self.peaks = intake.measure(self.report, self.stage, self.flask, self.fastapi, self.plan, is_one=False)

    def prove_guard(self):
        """A guard that is not fully on spoils what is measured behind it, which is still worth to know."""
        title, clients = "guard: requests that every part of it counted", intake.HTTP_COUNTS[1]
        try:
            proof = self.stage.prove_guard(
                lambda: run_wrk(self.stage.wrk, self.stage.server.url, self.stage.intake_file, clients, 2)
            )
            self.report.add(Figure(title, proof["jobs"], "requests", details=proof))
        except HarnessError as error:
            self.report.add(Figure(title, None, "requests", fault=str(error)))

    def measure_intake_one(self):
        intake.measure(self.report, self.stage, self.flask, self.fastapi, self.plan, is_one=True)

    def measure_latency(self):
        self.need_peaks()
        urls = {"server": self.stage.server.url, "flask": self.flask.url, "fastapi": self.fastapi.url}
        latency.measure(self.report, self.stage, urls, self.peaks, self.plan)

    def measure_status(self):
        status.measure(self.report, self.stage, self.plan)

    def measure_refused(self):
        refused.measure(self.report, self.stage, self.plan)

    def measure_memory(self):
        memory.measure(self.report, self.stage, {"seconds": self.arguments.seconds * 2})

    def measure_snapshot(self):
        clients = self.peaks["server"].best if self.peaks else intake.HTTP_COUNTS[2]
        snapshot.measure(self.report, self.stage, clients, {"held": self.arguments.held_seconds, "free": self.free})

    def need_peaks(self):
        if not self.peaks:
            raise HarnessError("it needs the peaks, which the row intake did not give")

    def run(self):
        chosen = [row for row in self.rows if not self.arguments.rows or row.name in self.arguments.rows]
        planned = ", ".join(f"{row.name} {row.seconds:.0f}" for row in chosen)
        print(f"plan, in seconds: {planned}; in all {sum(row.seconds for row in chosen):.0f} of {BUDGET}", flush=True)
        for row in chosen:
            began = time.monotonic()
            print(f"\n{row.name} (planned {row.seconds:.0f} s, {began - self.began:.0f} s gone)", flush=True)
            try:
                if began - self.began + row.seconds > BUDGET:
                    raise HarnessError("there is no time left for it")
                row.measure()
            except Exception as error:
                # One row that cannot be measured does not hold; the others still tell something.
                reason = str(error).strip() or type(error).__name__
                self.report.add(Figure(f"{row.name}: could not be measured", None, "", fault=reason[-1500:]))
            print(f"{row.name} took {time.monotonic() - began:.0f} s", flush=True)
        with contextlib.suppress(HarnessError):
            dropped = self.stage.count_dropped()
            self.report.add(Figure("guard: rows of the access record dropped in all rows together", dropped, "rows"))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--pg-bin", required=True, type=Path)
    parser.add_argument("--wrk", default="wrk")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6, help="of each run")
    parser.add_argument(
        "--search-seconds", type=float, default=3, help="of each run that looks for the best client count"
    )
    parser.add_argument("--held-seconds", type=float, default=300, help="for which the snapshot is held")
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--rows", nargs="+", help="only these; the results are then not written")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    end_on_signals()
    machine.raise_file_limit()
    began = time.monotonic()
    environment = {"LEVQOR_TRUSTED_PROXIES": "127.0.0.0/8", "LEVQOR_LOG_LEVEL": "info"}
    try:
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(
                Server(arguments.server, str(arguments.pg_bin / "psql"), environment, name="gate")
            )
            stage = Stage(server, arguments.pg_bin, arguments.wrk, arguments.accounts)
            stage.prepare()
            flask = stack.enter_context(peers.flask(stage.url, stage.work, server.environment))
            fastapi = stack.enter_context(peers.fastapi(stage.url, stage.work, server.environment))
            gate = Gate(arguments, stage, flask, fastapi, began)
            gate.run()
    except HarnessError as error:
        print(f"bench gate: failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench gate: interrupted", file=sys.stderr)
        return 130
    report = gate.report
    report.show()
    print(f"\n{arguments.accounts} accounts, keys and addresses; durable commits; {machine.PROCESSORS} processors")
    if not arguments.rows:
        report.write(RESULTS)
        print(f"written to {os.path.relpath(RESULTS, ROOT)}")
    print(f"took {time.monotonic() - began:.0f} s")
    print(f"{report.held} of {len(report.with_bars)} bars hold")
    return 0 if report.with_bars and report.held == len(report.with_bars) else 1


if __name__ == "__main__":
    sys.exit(main())
