"""A POST refused from memory (429) beside a constant POST route of the same server with the same answer."""

from __future__ import annotations

from harness import HarnessError, wait_for

from ..closed_loop import run_wrk
from ..report import Report
from ..requests import BODY, make_request
from ..stage import INTAKE, Stage
from ..turns import Contender, compare, search, take_turns, tell_rates
from .constants import add_twin, check_alike

COUNTS = (64, 128, 256)
LIMITED, CONSTANT = "/gate/limited", "/gate/refused"
# One call a day and address: who made it is over the limit for the whole run.
POLICY = """
insert into limits.policy (name, scope, route_class, quota, burst, window_seconds)
values ('gate-refused', 'address', 'gate-refused', 1, 1, 86400)
"""


def measure(report: Report, stage: Stage, plan: dict):
    stage.start_afresh()
    stage.sql(POLICY)
    route = stage.find_route("POST", INTAKE)
    for name in ("id", "version", "plural_function"):
        route.pop(name, None)
    stage.add_route(route | {"path": LIMITED, "limit_class": "gate-refused", "is_metered": False, "origin": "local"})
    wait_for("a refusal", 10, lambda: stage.call("POST", LIMITED, body=BODY).status == 429)
    answer = stage.call("POST", LIMITED, body=BODY).expect(429)
    sizes = check_alike(answer, add_twin(stage, "POST", CONSTANT, answer))

    def contender(name: str, path: str) -> Contender:
        key, address = stage.callers[0]
        requests = stage.write(path.rpartition("/")[2], [make_request("POST", path, key, address, BODY)])
        run = lambda c, s: run_wrk(stage.wrk, stage.server.url, requests, c, s, refusals=True)  # noqa: E731
        return Contender(name, run, COUNTS, [stage.server.process.pid])

    ours, twin = contender("refused POST", LIMITED), contender("constant POST route", CONSTANT)
    search([ours, twin], plan["search"])
    take_turns(stage, [ours, twin], plan["turns"], plan["seconds"])
    tell_rates(report, "refusal", [ours, twin])
    # From memory: the database may be asked about once in a minute.
    if max(run.requests for run in ours.runs) < 100:
        raise HarnessError("the refusals are too few to tell anything")
    figure = compare(report, "refusal: POST refused from memory to a constant route", ours, twin, 0.9)
    figure.details = sizes | {"postgres_share": ours.describe()["postgres_share"]}
