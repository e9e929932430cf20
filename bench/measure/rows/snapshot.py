"""Guarded intake while another session holds a snapshot, against without: before it and after it, in one run."""

from __future__ import annotations

import threading
import time

import psycopg

from ..closed_loop import Run, run_wrk
from ..report import Figure, Report, median, spread
from ..stage import Stage

# Left out after the start of the load, and after the snapshot is let go, when what it held back is cleaned up.
SETTLE = 5.0


class Holder(threading.Thread):
    """Another session: a repeatable read transaction that has read something, and then does nothing for a while."""

    def __init__(self, url: str, wait: float, hold: float):
        super().__init__(daemon=True)
        self.url, self.wait, self.hold = url, wait, hold
        self.begin = self.end = 0.0
        self.failure: Exception | None = None
        self.stop = threading.Event()

    def run(self):
        try:
            with psycopg.connect(self.url, application_name="gate-holder") as connection:
                self.stop.wait(self.wait)
                connection.execute("begin isolation level repeatable read read only")
                connection.execute("select count(*) from quota.usage")
                self.begin = time.monotonic()
                self.stop.wait(self.hold)
                # Proves that the snapshot was there to the end: it fails when the server has ended the session.
                connection.execute("select count(*) from quota.usage")
                self.end = time.monotonic()
                connection.rollback()
        except Exception as error:
            self.failure = error


def rates_in(run: Run, begin: float, end: float, window: float) -> list[float]:
    """Completions a second in each whole window between two times."""
    counts = dict(run.slots)
    slots = round(window * 10)
    first, last = int(begin * 10) + 1, int(end * 10)
    return [
        sum(counts.get(slot, 0) for slot in range(start, start + slots)) / window
        for start in range(first, last - slots + 1, slots)
    ]


def measure(report: Report, stage: Stage, clients: int, plan: dict):
    stage.start_afresh()
    held, free = plan["held"], plan["free"]
    window = min(10.0, max(1.0, held / 30))
    whole = SETTLE + free + held + SETTLE + free + 2
    holder = Holder(stage.url, SETTLE + free, held)
    began = time.monotonic()
    holder.start()
    try:
        run = run_wrk(stage.wrk, stage.server.url, stage.intake_file, clients, whole)
    finally:
        holder.stop.set()
        holder.join(timeout=30)
    if holder.failure:
        raise holder.failure
    last = run.slots[-1][0] / 10
    before = rates_in(run, began + SETTLE, holder.begin, window)
    during = rates_in(run, holder.begin, holder.end, window)
    after = rates_in(run, holder.end + SETTLE, last, window)
    without = median(before + after)
    fault = f"{run.failed} of {run.requests} requests were not answered as they should" if run.failed else None
    report.add(
        Figure(
            f"snapshot: intake while one is held for {held:.0f} s, to without",
            median(during) / without,
            "ratio",
            0.8,
            spread=[rate / without for rate in spread(during)],
            fault=fault,
            details={
                "clients": clients,
                "window_seconds": window,
                "rates_before": [round(r) for r in before],
                "rates_during": [round(r) for r in during],
                "rates_after": [round(r) for r in after],
                "last_window_to_without": round(during[-1] / without, 3),
                "load_generator_share": round(run.generator_share, 3),
            },
        )
    )
    report.add(
        Figure(
            "snapshot: longest pause while it is held",
            run.longest_pause(holder.begin, holder.end) * 1000,
            "ms",
            300.0,
            is_at_most=True,
            fault=fault,
            details={
                "longest_pause_before_ms": round(run.longest_pause(began + SETTLE, holder.begin) * 1000, 1),
                "longest_pause_after_ms": round(run.longest_pause(holder.end, last) * 1000, 1),
                "empty_slots_of_100_ms": count_empty(run, holder.begin, holder.end),
            },
        )
    )


def count_empty(run: Run, begin: float, end: float) -> int:
    counts = dict(run.slots)
    return sum(not counts.get(slot) for slot in range(int(begin * 10) + 1, int(end * 10)))
