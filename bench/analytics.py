"""The bars of the numbers: every figure is measured here, in one run, on one machine.

Writes bench/results/numbers.json and ends with the line "N of M bars hold"; the exit code is 0 only when all do. See
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
    numbers_row_activity,
    numbers_row_deletion,
    numbers_row_funnel,
    numbers_row_ingest,
    numbers_row_ledger,
)
from measure.numbers_stage import NumbersStage
from measure.report import Figure, Report

RESULTS = ROOT / "bench" / "results" / "numbers.json"
BUDGET = 40 * 60


@dataclass
class Row:
    name: str
    seconds: float
    measure: Callable[[], object]


class Bench:
    def __init__(self, arguments: argparse.Namespace, stage: NumbersStage, began: float):
        self.arguments, self.stage, self.began = arguments, stage, began
        self.report = report = Report()
        turns, seconds, search = arguments.turns, arguments.seconds, arguments.search_seconds
        self.plan = plan = {"turns": turns, "seconds": seconds, "search": search}
        self.rows = [
            Row("activity", 20 + turns * 30, lambda: numbers_row_activity.measure(report, stage, plan)),
            Row("funnel", 60 + turns * 5, lambda: numbers_row_funnel.measure(report, stage, plan, machine.PROCESSORS)),
            Row("ledger", 20 + turns * 4 * (seconds + 1), lambda: numbers_row_ledger.measure(report, stage, plan)),
            Row("deletion", 30 + turns * (20 + 2 * seconds), lambda: numbers_row_deletion.measure(report, stage, plan)),
            Row(
                "ingest",
                3 * (search + 10) + turns * 2 * (seconds + 15),
                lambda: numbers_row_ingest.measure(report, stage, plan),
            ),
        ]

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
    parser.add_argument("--seconds", type=float, default=8, help="of each run under load")
    parser.add_argument("--search-seconds", type=float, default=3, help="of each run that looks for the best setting")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--persons", type=int, default=200_000)
    parser.add_argument("--rows", nargs="+", help="only these; the results are then not written")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    end_on_signals()
    machine.raise_file_limit()
    began = time.monotonic()
    # Requests say whose they are by X-Forwarded-For, as behind a proxy.
    environment = {"LEVQOR_LOG_LEVEL": "warning", "LEVQOR_TRUSTED_PROXIES": "127.0.0.0/8"}
    try:
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(
                Server(arguments.server, str(arguments.pg_bin / "psql"), environment, name="numbers")
            )
            stage = NumbersStage(server, arguments.pg_bin, arguments.wrk, arguments.events, arguments.persons)
            stage.prepare()
            bench = Bench(arguments, stage, began)
            bench.run()
    except HarnessError as error:
        print(f"bench numbers: failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench numbers: interrupted", file=sys.stderr)
        return 130
    report = bench.report
    report.show()
    print(f"\n{arguments.events:,} events, {arguments.persons:,} persons; {machine.PROCESSORS} processors")
    if not arguments.rows and (arguments.events, arguments.persons) == (10_000_000, 200_000):
        report.write(RESULTS)
        print(f"written to {os.path.relpath(RESULTS, ROOT)}")
    print(f"took {time.monotonic() - began:.0f} s")
    print(f"{report.held} of {len(report.with_bars)} bars hold")
    return 0 if report.with_bars and report.held == len(report.with_bars) else 1


if __name__ == "__main__":
    sys.exit(main())
