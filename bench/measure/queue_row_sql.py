"""No-op jobs a second from the intake to done, through SQL: our queue beside PgQueuer and Procrastinate."""

from __future__ import annotations

import subprocess
import sys

from harness import HarnessError

from . import queue_sides
from .queue_sides import Queue, Setting
from .queue_stage import MEASURE, PEERS, QueueStage
from .report import Figure, Report, median, ratios, spread

# Processes, connections of each, jobs in a batch.
BATCHES = [
    Setting(p, c, b) for p, c, b in ((2, 1, 100), (2, 2, 100), (3, 1, 100), (2, 1, 500), (2, 2, 500), (2, 1, 1000))
]
SINGLES = [Setting(2, 4, 1), Setting(2, 8, 1), Setting(2, 16, 1)]


def make_queues(stage: QueueStage, batches: bool, scale: float) -> list[Queue]:
    def peer(name: str, script: str, database: str, jobs: int, settings: list[Setting]) -> Queue:
        url, path = stage.url_of(database), PEERS / script

        def empty():
            done = subprocess.run(
                [sys.executable, str(path), "prepare", url], env=stage.environment, capture_output=True, text=True
            )
            if done.returncode != 0:
                raise HarnessError(f"{name} could not be prepared: {done.stderr[-2000:]}")

        return Queue(name, path, url, stage.environment, empty, lambda _: int(jobs * scale), settings)

    settings = BATCHES if batches else SINGLES
    # Procrastinate's workers take jobs one by one, and each connection of ours has four of its own.
    of_procrastinate = [Setting(n, 1, 100 if batches else 1) for n in (1, 2, 3)]
    return [
        Queue(
            "ours",
            MEASURE / "queue_own.py",
            stage.url,
            stage.environment,
            stage.empty,
            lambda _: int((120_000 if batches else 8_000) * scale),
            settings,
        ),
        peer("PgQueuer", "pgqueuer_peer.py", "bench_pgqueuer", 60_000 if batches else 4_000, settings),
        peer("Procrastinate", "procrastinate_peer.py", "bench_procrastinate", 1_500, of_procrastinate),
    ]


def measure(report: Report, stage: QueueStage, plan: dict, *, batches: bool) -> list[Queue]:
    title = "SQL, in batches" if batches else "SQL, one by one"
    stage.start_afresh()
    queues = make_queues(stage, batches, plan["scale"])
    queue_sides.search(queues, stage.postmaster)
    queue_sides.take_turns(queues, plan["turns"], stage.postmaster)
    for queue in queues:
        report.add(
            Figure(
                f"{title}: {queue.name}",
                median(queue.rates),
                "jobs/s",
                spread=spread(queue.rates),
                details=queue.describe(),
            )
        )
    ours, *peers = queues
    better = max(peers, key=lambda queue: median(queue.rates))
    values = ratios(ours.rates, better.rates)
    bar, aim = (3.0, 5.0) if batches else (1.5, None)
    name = f"{title}: ours to {better.name}, the better peer"
    report.add(Figure(name, median(values), "ratio", bar, aim=aim, spread=spread(values)))
    return queues
