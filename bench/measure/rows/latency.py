"""p99 at half of each contender's own peak, with an open loop."""

from __future__ import annotations

from ..open_rate import run_open_loop
from ..report import Figure, Report, median, ratios, spread
from ..stage import Stage
from ..turns import Contender


def measure(report: Report, stage: Stage, peers: dict[str, str], peaks: dict[str, Contender], plan: dict):
    """peers: names and URLs of those that speak HTTP. peaks: what the intake row measured."""
    stage.start_afresh()
    found: dict[str, list[dict]] = {name: [] for name in peers}
    for turn in range(1, plan["turns"] + 1):
        for name, url in peers.items():
            run = run_open_loop(url, stage.intake_file, peaks[name].rate / 2, plan["seconds"])
            found[name].append(run)
            print(
                f"    turn {turn}: {peaks[name].name:30} {run['planned_rate']:9.0f}/s   p50 {run['p50_ms']:6.2f} ms"
                f"   p99 {run['p99_ms']:6.2f} ms   load {run['generator_share']:4.0%}"
                f"   own lateness at most {run['own_lateness_max_ms']:.2f} ms",
                flush=True,
            )
    for name, runs in found.items():
        p99 = [run["p99_ms"] for run in runs]
        faults = sum(run["broken"] + run["count_of_refusals"] for run in map(count_refusals, runs))
        report.add(
            Figure(
                f"latency: p99 at half of its peak, {peaks[name].name}",
                median(p99),
                "ms",
                15.0 if name == "server" else None,
                is_at_most=True,
                spread=spread(p99),
                fault=f"{faults} requests were not answered as they should" if faults else None,
                details={"runs": [{k: tidy(v) for k, v in run.items()} for run in runs]},
            )
        )
    if "fastapi" in found:
        compared = ratios([r["p99_ms"] for r in found["server"]], [r["p99_ms"] for r in found["fastapi"]])
        report.add(
            Figure(
                "latency: p99 of our server to FastAPI's, each at half of its peak",
                median(compared),
                "ratio",
                1.0,
                is_at_most=True,
                spread=spread(compared),
            )
        )
    tell_pgbench(report, stage, peaks["baseline"], plan)


def tell_pgbench(report: Report, stage: Stage, baseline: Contender, plan: dict):
    """For comparison only: pgbench spreads its planned times at random."""
    script = stage.work / "baseline.sql"
    run = stage.pgbench.run_at_rate(script, max(16, baseline.best), plan["seconds"], baseline.rate / 2)
    report.add(
        Figure(
            "latency: p99 at half of its peak, pgbench on the baseline (Poisson)",
            run["p99_ms"],
            "ms",
            details={k: tidy(v) for k, v in run.items()},
        )
    )


def count_refusals(run: dict) -> dict:
    return run | {"count_of_refusals": sum(n for status, n in run["statuses"].items() if not status.startswith("2"))}


def tidy(value):
    return round(value, 3) if isinstance(value, float) else value
