"""A million expired rows go in batches, while jobs come in at half of what the server can take."""

from __future__ import annotations

import threading
import time

import psycopg
from harness import HarnessError

from .closed_loop import run_wrk
from .numbers_stage import NumbersStage
from .open_rate import run_open_loop
from .report import Figure, Report, median, spread
from .requests import BODY, make_request, write_requests

TABLE, ROWS = "audit.sensitive_call", 1_000_000
FILL = """
insert into audit.sensitive_call (happened_at, actor, request_id, route_id)
select now() - interval '3000 days' + n * interval '1 second', 'system', 'bench-' || n, 1
from generate_series(1, {rows}) as n
"""


def measure(report: Report, stage: NumbersStage, plan: dict):
    requests = write_requests(
        stage.work / "intake.requests",
        [
            make_request("POST", "/api/v1/intake", stage.key, f"10.0.{n // 250}.{1 + n % 250}", BODY)
            for n in range(1000)
        ],
    )
    peak = run_wrk(stage.wrk, stage.server.url, requests, 64, plan["search"])
    if peak.failed:
        raise HarnessError(f"{peak.failed} intakes were refused")
    print(f"    peak of the intake: {peak.rate:.0f}/s", flush=True)
    rates, longest, quiet, meanwhile = [], [], [], []
    for turn in range(1, plan["turns"] + 1):
        stage.admin.execute(FILL.format(rows=ROWS))
        stage.admin.execute(f"vacuum analyze {TABLE}")
        stage.admin.execute("checkpoint")
        # What a checkpoint and a million new rows cost the intake is over when it is measured.
        run_open_loop(stage.server.url, requests, peak.rate / 2, plan["seconds"])
        quiet.append(run_open_loop(stage.server.url, requests, peak.rate / 2, plan["seconds"]))
        runs: list[tuple] = []
        deleting = threading.Thread(target=delete, args=(stage, runs))
        deleting.start()
        time.sleep(0.2)
        meanwhile.append(run_open_loop(stage.server.url, requests, peak.rate / 2, plan["seconds"]))
        deleting.join()
        if not runs or isinstance(runs[0], BaseException):
            raise HarnessError(f"the run of data retention failed: {runs}")
        rows, longest_ms, took_ms = runs[0]
        if rows != ROWS:
            raise HarnessError(f"{rows} of {ROWS} rows went")
        rates.append(rows / took_ms * 1000)
        longest.append(longest_ms)
        print(
            f"    turn {turn}: {rates[-1]:9.0f} rows/s, longest statement {longest_ms:.0f} ms; p99 of the intake"
            f" {quiet[-1]['p99_ms']:.1f} ms before, {meanwhile[-1]['p99_ms']:.1f} ms meanwhile",
            flush=True,
        )
    # Beside the intake, as it would be in service; alone it is shown only.
    stage.admin.execute(FILL.format(rows=ROWS))
    stage.admin.execute(f"vacuum analyze {TABLE}")
    alone: list[tuple] = []
    delete(stage, alone)
    report.add(
        Figure(
            "retention: a million expired rows deleted in batches",
            alone[0][0] / alone[0][2] * 1000,
            "rows/s",
            100_000,
            details={"beside_the_intake": [round(rate) for rate in rates]},
        )
    )
    report.add(
        Figure(
            "retention: its longest statement, beside the intake",
            max(longest),
            "ms",
            200,
            is_at_most=True,
            spread=spread(longest),
        )
    )
    compared = [b["p99_ms"] / a["p99_ms"] for a, b in zip(quiet, meanwhile, strict=True)]
    broken = sum(run["broken"] for run in (*quiet, *meanwhile))
    report.add(
        Figure(
            "retention: p99 of the intake at half of its peak meanwhile, to before",
            median(compared),
            "ratio",
            2,
            is_at_most=True,
            spread=spread(compared),
            fault=f"{broken} requests broke" if broken else None,
            details={"p99_ms": [[round(r["p99_ms"], 2) for r in runs] for runs in (quiet, meanwhile)]},
        )
    )


def delete(stage: NumbersStage, runs: list):
    """One whole run over the table; adds rows, longest statement and the time it all took, rests included, in ms."""
    try:
        with psycopg.connect(stage.url, autocommit=True, options="-c levqor.machinery=on") as connection:
            began = time.perf_counter()
            run_id = connection.execute(
                "call privacy.run_retention(p_budget => '10 minutes', p_table => %s)", (TABLE,)
            ).fetchone()[0]
            took_ms = (time.perf_counter() - began) * 1000
            told = connection.execute(
                "select rows, longest_ms from privacy.run where run_id = %s and table_name = %s", (run_id, TABLE)
            ).fetchone()
            runs.append((*told, took_ms))
    except BaseException as error:
        runs.append(error)
