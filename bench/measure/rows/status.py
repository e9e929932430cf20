"""Guarded status read beside a constant route of the same server that gives an answer of the same shape."""

from __future__ import annotations

from ..closed_loop import run_wrk
from ..report import Report
from ..requests import make_request
from ..stage import STATUS, Stage
from ..turns import Contender, compare, search, take_turns, tell_rates
from .constants import add_twin, check_alike

COUNTS = (64, 128, 256)
CONSTANT = "/gate/status"


def measure(report: Report, stage: Stage, plan: dict):
    stage.start_afresh()
    route = stage.find_route("GET", STATUS)
    answer = stage.call("GET", STATUS.format(job_id=stage.jobs[0])).expect(200)
    sizes = check_alike(answer, add_twin(stage, "GET", CONSTANT, answer))
    # The same keys and addresses go to both.
    callers = list(zip(stage.callers, stage.jobs, strict=True))
    status = stage.write(
        "status", [make_request("GET", STATUS.format(job_id=job), key, address) for (key, address), job in callers]
    )
    constant = stage.write("constant", [make_request("GET", CONSTANT, key, address) for (key, address), _ in callers])

    def contender(name: str, requests) -> Contender:
        run = lambda c, s: run_wrk(stage.wrk, stage.server.url, requests, c, s)  # noqa: E731
        return Contender(name, run, COUNTS, [stage.server.process.pid])

    ours, twin = contender("status read", status), contender("constant route", constant)
    search([ours, twin], plan["search"])
    take_turns(stage, [ours, twin], plan["turns"], plan["seconds"])
    tell_rates(report, "status", [ours, twin])
    figure = compare(report, "status: guarded read to a constant route", ours, twin, 0.35, aim=0.45)
    figure.details = {**sizes, "limit_class": route["limit_class"], "access": route["access"]}
