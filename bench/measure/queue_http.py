"""Jobs over HTTP in batches, from the intake to done: each connection hands in, claims and completes in turn.

    python queue_http.py URL KEY SECONDS --connections C --batch B

Prints one JSON object: jobs done, seconds, answers of another kind, and the processor seconds used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter

import queue_peer
import uvloop

from measure.queue_wire import Wire

WORKFLOW = "noop"


async def drive(wire: Wire, batch: int, until: float, counts: Counter):
    job = {"workflow": WORKFLOW, "payload": queue_peer.PAYLOAD}
    submit = wire.make("/api/v1/jobs/batch", json.dumps({"jobs": [job] * batch}))
    claim = wire.make("/api/v1/worker/claim", json.dumps({"worker": "bench", "workflows": [WORKFLOW], "max": batch}))
    while time.monotonic() < until:
        status, _ = await wire.send(submit)
        if status != 202:
            counts["failed"] += 1
            continue
        counts["in"] += batch
        status, data = await wire.send(claim)
        if status == 204:
            counts["empty"] += 1
            continue
        if status != 200:
            counts["failed"] += 1
            continue
        done = [{"job_id": j["job_id"], "lease_token": j["lease_token"]} for j in json.loads(data)["jobs"]]
        status, answer = await wire.call("/api/v1/worker/complete", {"jobs": done})
        if status != 200:
            counts["failed"] += 1
            continue
        counts["done"] += sum(j["outcome"] == "done" for j in answer["jobs"])


async def run(arguments: argparse.Namespace):
    wires = [await Wire(arguments.url, arguments.key).connect() for _ in range(arguments.connections)]
    counts, began = Counter(), time.monotonic()
    until = began + arguments.seconds
    await asyncio.gather(*(drive(wire, arguments.batch, until, counts) for wire in wires))
    told = {name: counts[name] for name in ("in", "done", "empty", "failed")}
    print(json.dumps(told | {"seconds": time.monotonic() - began, "busy": queue_peer.processor_seconds()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--batch", type=int, default=100)
    uvloop.run(run(parser.parse_args()))
