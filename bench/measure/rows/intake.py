"""Guarded intake: our server beside pgbench, Flask and FastAPI on the baseline, and pgbench on our own entry point."""

from __future__ import annotations

from ..closed_loop import run_wrk
from ..peers import Peer
from ..report import Report
from ..stage import Stage
from ..turns import Contender, compare, search, take_turns, tell_rates

HTTP_COUNTS, PEER_COUNTS, PGBENCH_COUNTS = (64, 128, 256, 512), (16, 64, 128, 256), (4, 8, 16, 32)


def make_contenders(stage: Stage, flask: Peer, fastapi: Peer, *, is_one: bool) -> dict[str, Contender]:
    requests = stage.intake_one_file if is_one else stage.intake_file
    suffix = "-one" if is_one else ""

    def http(name: str, url: str, counts, *pids: int) -> Contender:
        return Contender(name, lambda c, s: run_wrk(stage.wrk, url, requests, c, s), counts, pids)

    def sql(name: str, script: str) -> Contender:
        path = stage.work / f"{script}{suffix}.sql"
        return Contender(name, lambda c, s: stage.pgbench.run(path, c, s), PGBENCH_COUNTS)

    return {
        "server": http("our server", stage.server.url, HTTP_COUNTS, stage.server.process.pid),
        "baseline": sql("pgbench, baseline", "baseline"),
        "one call": sql("pgbench, our entry point", "one-call"),
        "flask": http("Flask + gunicorn, baseline", flask.url, PEER_COUNTS, flask.pid),
        "fastapi": http("FastAPI + uvicorn, baseline", fastapi.url, PEER_COUNTS, fastapi.pid),
    }


def measure(
    report: Report, stage: Stage, flask: Peer, fastapi: Peer, plan: dict, *, is_one: bool
) -> dict[str, Contender]:
    title = "intake, one account" if is_one else "intake"
    stage.start_afresh()
    found = make_contenders(stage, flask, fastapi, is_one=is_one)
    search(list(found.values()), plan["search"])
    take_turns(stage, list(found.values()), plan["turns"], plan["seconds"])
    tell_rates(report, title, list(found.values()))
    ours, baseline = found["server"], found["baseline"]
    compare(report, f"{title}: our server to pgbench on the baseline", ours, baseline, 2.0)
    compare(report, f"{title}: our server to Flask + gunicorn", ours, found["flask"], 6.0, aim=8.0)
    compare(report, f"{title}: our server to FastAPI + uvicorn", ours, found["fastapi"], 5.0, aim=7.0)
    compare(report, f"{title}: our entry point, one call, to the baseline", found["one call"], baseline, 0.8)
    return found
