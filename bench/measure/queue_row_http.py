"""Over HTTP: jobs a second in batches of 100; and how long a job takes into the hands of a waiting worker."""

from __future__ import annotations

from .queue_stage import QueueStage
from .report import Figure, Report, median, spread

CONNECTIONS, BATCH = (4, 8, 16), 100
RATE, BAR_RATE, BAR_P95 = 300, 10_000, 10.0


def measure_batches(report: Report, stage: QueueStage, plan: dict, better: tuple[str, float] | None):
    """better: name and rate of the better peer through SQL."""
    stage.start_afresh()

    def run(connections: int, seconds: float) -> dict:
        told = stage.run_load(
            "queue_http.py",
            stage.server.url,
            stage.key,
            seconds,
            "--connections",
            connections,
            "--batch",
            BATCH,
            seconds=seconds,
        )
        told["rate"] = told["done"] / told["seconds"]
        return told

    found = []
    for connections in CONNECTIONS:
        told = run(connections, plan["search"])
        found.append((told["rate"], connections))
        print(f"    search: {connections:3} connections {told['rate']:8.0f}/s", flush=True)
    best = max(found)[1]
    turns = []
    for number in range(1, plan["turns"] + 1):
        stage.empty()
        turns.append(run(best, plan["seconds"]))
        print(f"    turn {number}: {best:3} connections {turns[-1]['rate']:8.0f}/s   {turns[-1]['shares']}", flush=True)
    rates = [told["rate"] for told in turns]
    failed = sum(told["failed"] for told in turns)
    fault = f"{failed} answers were not as they should" if failed else None
    details = {
        "connections": best,
        "rates": [round(rate) for rate in rates],
        "shares": turns[-1]["shares"],
        "claims_that_found_nothing": sum(told["empty"] for told in turns),
    }
    report.add(
        Figure(
            f"HTTP, batches of {BATCH}: jobs in to done",
            median(rates),
            "jobs/s",
            BAR_RATE,
            spread=spread(rates),
            fault=fault,
            details=details,
        )
    )
    title = f"HTTP, batches of {BATCH}: to what the better peer reaches in SQL"
    if better is None:
        report.add(Figure(title, None, "ratio", 1.0, fault="it needs the row sql"))
    else:
        values = [rate / better[1] for rate in rates]
        report.add(Figure(title, median(values), "ratio", 1.0, spread=spread(values), details={"peer": better[0]}))


def measure_hands(report: Report, stage: QueueStage, plan: dict):
    stage.start_afresh()
    turns = []
    for number in range(1, plan["turns"] + 1):
        told = stage.run_load(
            "queue_latency.py", stage.server.url, stage.key, RATE, plan["seconds"], seconds=plan["seconds"] + 30
        )
        turns.append(told)
        print(
            f"    turn {number}: p50 {told['p50_ms']:.1f}  p95 {told['p95_ms']:.1f}  p99 {told['p99_ms']:.1f}  most"
            f" {told['max_ms']:.1f} ms   sender late {told['sender_late_p99_ms']:.1f} ms   {told['shares']}",
            flush=True,
        )
    lost, failed = sum(t["lost"] for t in turns), sum(t["failed"] for t in turns)
    fault = f"{lost} jobs never came to a worker, {failed} answers were not as they should" if lost or failed else None
    values = [t["p95_ms"] for t in turns]
    report.add(
        Figure(
            f"hands: from the intake to a waiting worker at {RATE} jobs/s, p95",
            median(values),
            "ms",
            BAR_P95,
            is_at_most=True,
            spread=spread(values),
            fault=fault,
            details={
                "workers": 4,
                **{name: [round(t[name], 2) for t in turns] for name in told if name.endswith("_ms")},
                "shares": turns[-1]["shares"],
            },
        )
    )
