"""The cost of the hint: gathered intake with the reactor listening, against a server without one."""

from __future__ import annotations

from . import machine
from .closed_loop import run_wrk
from .queue_stage import QueueStage
from .report import Figure, Report, median, ratios, spread
from .requests import BODY, make_request, write_requests

CLIENTS, BAR = 256, 0.9


def measure(report: Report, stage: QueueStage, plan: dict):
    requests = write_requests(
        stage.work / "hint.requests", [make_request("POST", "/api/v1/intake", stage.key, "127.0.0.1", BODY)]
    )
    rates: dict[str, list[float]] = {"with": [], "without": []}
    failed, shares = 0, []
    for number in range(plan["turns"]):
        for name, options in (("with", ()), ("without", ("--no-reactor",))):
            stage.server.stop()
            stage.server.options = options
            stage.server.start()
            stage.start_afresh()
            run_wrk(stage.wrk, stage.server.url, requests, CLIENTS, plan["search"])
            pid, postgres = stage.server.process.pid, machine.tree_seconds(stage.postmaster())
            own = machine.tree_seconds(pid)
            run = run_wrk(stage.wrk, stage.server.url, requests, CLIENTS, plan["seconds"])
            whole = plan["seconds"] * machine.PROCESSORS
            shares.append(
                {
                    "load": round(run.generator_share, 3),
                    "server": round((machine.tree_seconds(pid) - own) / whole, 3),
                    "postgres": round((machine.tree_seconds(stage.postmaster()) - postgres) / whole, 3),
                }
            )
            failed += run.failed
            rates[name].append(run.rate)
            print(f"    turn {number + 1}: {name:8} the reactor {run.rate:8.0f}/s   {shares[-1]}", flush=True)
    stage.server.stop()
    stage.server.options = ()
    stage.server.start()
    values = ratios(rates["with"], rates["without"])
    report.add(
        Figure(
            "hint: gathered intake with the reactor listening, to without",
            median(values),
            "ratio",
            BAR,
            spread=spread(values),
            fault=f"{failed} requests were not answered as they should" if failed else None,
            details={**{name: [round(rate) for rate in found] for name, found in rates.items()}, "shares": shares},
        )
    )
