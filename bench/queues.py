"""The bars of the queue: every figure is measured here, in one run, on one machine.

Writes bench/results/queue.json and ends with the line "N of M bars hold"; the exit code is 0 only when all do. See
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
from measure import (
    machine,
    queue_row_hint,
    queue_row_http,
    queue_row_million,
    queue_row_snapshot,
    queue_row_sql,
    queue_row_webhooks,
)
from measure.queue_stage import QueueStage
from measure.report import Figure, Report, median

RESULTS = ROOT / "bench" / "results" / "queue.json"
BUDGET = 40 * 60
# Seconds that starting anew takes before a row, at most.
AFRESH = 10


@dataclass
class Row:
    name: str
    seconds: float
    measure: Callable[[], object]


class Bench:
    def __init__(self, arguments, stage: QueueStage, began: float):
        self.arguments, self.stage, self.began = arguments, stage, began
        self.report = Report()
        self.better: tuple[str, float] | None = None
        turns, seconds, search, held = (
            arguments.turns,
            arguments.seconds,
            arguments.search_seconds,
            arguments.held_seconds,
        )
        self.free = min(40.0, held / 2)
        self.plan = {
            "turns": turns,
            "seconds": seconds,
            "search": search,
            "held": held,
            "free": self.free,
            "scale": arguments.scale,
            "claims": 30,
            "many": int(1_000_000 * min(1.0, arguments.scale)),
            "webhooks": int(30_000 * arguments.scale),
        }
        free_after = max(self.free, queue_row_snapshot.RETURN_SECONDS + 15)
        self.rows = [
            Row("sql", AFRESH + (70 + turns * 30) * arguments.scale, self.measure_sql),
            Row("single", AFRESH + (40 + turns * 30) * arguments.scale, self.measure_single),
            Row("http", AFRESH + 3 * (search + 1) + turns * (seconds + 3), self.measure_http),
            Row("hands", AFRESH + turns * (seconds + 4), self.measure_hands),
            Row("million", AFRESH + 120 * arguments.scale, self.measure_million),
            Row("webhooks", AFRESH + (5 + turns * 14) * arguments.scale, self.measure_webhooks),
            Row("hint", AFRESH + turns * 2 * (seconds + search + 8), self.measure_hint),
            Row("snapshot", AFRESH + self.free + 2 * (held + free_after) + 10, self.measure_snapshot),
        ]

    def measure_sql(self):
        queues = queue_row_sql.measure(self.report, self.stage, self.plan, batches=True)
        self.better = max(((queue.name, median(queue.rates)) for queue in queues[1:]), key=lambda pair: pair[1])

    def measure_single(self):
        queue_row_sql.measure(self.report, self.stage, self.plan, batches=False)

    def measure_http(self):
        queue_row_http.measure_batches(self.report, self.stage, self.plan, self.better)

    def measure_hands(self):
        queue_row_http.measure_hands(self.report, self.stage, self.plan)

    def measure_million(self):
        queue_row_million.measure(self.report, self.stage, self.plan)

    def measure_webhooks(self):
        queue_row_webhooks.measure(self.report, self.stage, self.plan)

    def measure_hint(self):
        queue_row_hint.measure(self.report, self.stage, self.plan)

    def measure_snapshot(self):
        queue_row_snapshot.measure(self.report, self.stage, self.plan)

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


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--pg-bin", required=True, type=Path)
    parser.add_argument("--wrk", default="wrk")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8, help="of each run")
    parser.add_argument("--search-seconds", type=float, default=3, help="of each run that looks for the best setting")
    parser.add_argument("--held-seconds", type=float, default=300, help="for which each snapshot is held")
    parser.add_argument("--scale", type=float, default=1, help="share of the jobs and messages, to try it out")
    parser.add_argument("--rows", nargs="+", help="only these; the results are then not written")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    end_on_signals()
    machine.raise_file_limit()
    began = time.monotonic()
    environment = {"LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8", "LEVQOR_LOG_LEVEL": "warning"}
    try:
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(
                Server(arguments.server, str(arguments.pg_bin / "psql"), environment, name="queue")
            )
            stage = QueueStage(server, arguments.pg_bin, arguments.wrk)
            stage.prepare()
            bench = Bench(arguments, stage, began)
            bench.run()
    except HarnessError as error:
        print(f"bench queue: failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench queue: interrupted", file=sys.stderr)
        return 130
    report = bench.report
    report.show()
    print(f"\ndurable commits; snapshots held for {arguments.held_seconds:.0f} s; {machine.PROCESSORS} processors")
    if not arguments.rows:
        report.write(RESULTS)
        print(f"written to {os.path.relpath(RESULTS, ROOT)}")
    print(f"took {time.monotonic() - began:.0f} s")
    print(f"{report.held} of {len(report.with_bars)} bars hold")
    return 0 if report.with_bars and report.held == len(report.with_bars) else 1


if __name__ == "__main__":
    sys.exit(main())
