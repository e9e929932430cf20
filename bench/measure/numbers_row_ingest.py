"""Events a second over HTTP, with ten million in place; and what the upkeep of the rollups costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

from harness import HarnessError

from . import machine
from .numbers_stage import NumbersStage
from .queue_stage import MEASURE, PYTHONPATH
from .report import Figure, Report, median, ratios, spread

BATCH, CONNECTIONS = 500, (2, 4, 8)
# The end of the function that takes a batch: from here on it keeps what rollups are made of, and nothing else.
UPKEEP = re.compile(r"\n    -- Only what is missing is written:.*?excluded\.days;\n", re.DOTALL)
FUNCTION = "select pg_get_functiondef('growth.ingest_batch'::regproc)"


def measure(report: Report, stage: NumbersStage, plan: dict):
    found = []
    for connections in CONNECTIONS:
        told = run(stage, connections, plan["search"])
        found.append((told["rate"], connections))
        print(f"    search: {connections:3} connections {told['rate']:8.0f} events/s", flush=True)
    best = max(found)[1]
    whole = stage.admin.execute(FUNCTION).fetchone()[0]
    without, cuts = UPKEEP.subn("\n", whole)
    if cuts != 1:
        raise HarnessError("the upkeep of the rollups was not found in growth.ingest_batch")
    rates: dict[str, list[float]] = {"with": [], "without": []}
    shares, failed = {}, 0
    for turn in range(1, plan["turns"] + 1):
        for name, text in (("with", whole), ("without", without)):
            stage.admin.execute(text)
            told = run(stage, best, plan["seconds"])
            rates[name].append(told["rate"])
            failed += told["failed"]
            shares[name] = told["shares"]
            print(f"    turn {turn}: {name:8} rollups {told['rate']:8.0f} events/s   {told['shares']}", flush=True)
    stage.admin.execute(whole)
    fault = f"{failed} requests were not answered as they should: {told['answer']}" if failed else None
    report.add(
        Figure(
            f"events: ingested over HTTP in batches of {BATCH}",
            median(rates["with"]),
            "events/s",
            40_000,
            aim=60_000,
            spread=spread(rates["with"]),
            fault=fault,
            details={"connections": best, "shares": shares["with"], "in_place": stage.events},
        )
    )
    compared = ratios(rates["with"], rates["without"])
    report.add(
        Figure(
            "events: ingestion with the upkeep of rollups, to without",
            median(compared),
            "ratio",
            0.8,
            spread=spread(compared),
            fault=fault,
            details={name: [round(rate) for rate in values] for name, values in rates.items()},
        )
    )


def run(stage: NumbersStage, connections: int, seconds: float) -> dict:
    postgres, own = machine.tree_seconds(stage.postmaster()), machine.tree_seconds(stage.server.process.pid)
    command = [sys.executable, str(MEASURE / "numbers_ingest.py"), stage.server.url, stage.key, str(seconds)]
    done = subprocess.run(
        [*command, "--connections", str(connections), "--batch", str(BATCH), "--persons", str(stage.persons)],
        env=stage.server.environment | {"PYTHONPATH": PYTHONPATH},
        capture_output=True,
        text=True,
        timeout=seconds + 240,
    )
    if done.returncode != 0:
        raise HarnessError(f"the sender of events failed: {done.stderr[-2000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    if told["ran_out"]:
        raise HarnessError("the bodies made beforehand were not enough")
    whole = told["seconds"] * machine.PROCESSORS
    told["shares"] = {
        "load": round(told["busy"] / whole, 3),
        "server": round((machine.tree_seconds(stage.server.process.pid) - own) / whole, 3),
        "postgres": round((machine.tree_seconds(stage.postmaster()) - postgres) / whole, 3),
    }
    time.sleep(0.5)
    return told
