"""From the intake to the waiting worker's hands: jobs come at evenly spread times, workers wait by long-poll.

    python queue_latency.py URL KEY RATE SECONDS --workers W [--warm-up S]

A job's time counts from when its intake was planned to be sent, to when the answer that gives it to a worker has been
read. What was planned and never came is told as lost. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections import Counter

import queue_peer
import uvloop

from measure.queue_wire import Wire

WORKFLOW, SENDERS, PATIENCE = "hands", 16, 10.0


class Latency:
    def __init__(self, arguments: argparse.Namespace):
        self.arguments = arguments
        self.count = int(arguments.rate * (arguments.seconds + arguments.warm_up))
        self.received = [0.0] * self.count
        self.lateness = [0.0] * self.count
        self.left = self.count
        self.over = asyncio.Event()
        self.finished: asyncio.Queue[dict] = asyncio.Queue()
        self.counts = Counter()

    def planned(self, number: int) -> float:
        return self.start + number / self.arguments.rate

    async def send(self, free: asyncio.Queue[Wire], number: int):
        wire = await free.get()
        self.lateness[number] = time.monotonic() - self.planned(number)
        body = {"workflow": WORKFLOW, "payload": {"number": number, **queue_peer.PAYLOAD}}
        status, _ = await wire.call("/api/v1/intake", body)
        self.counts["failed"] += status != 202
        free.put_nowait(wire)

    async def intake(self, wires: list[Wire]):
        free: asyncio.Queue[Wire] = asyncio.Queue()
        for wire in wires:
            free.put_nowait(wire)
        tasks = []
        for number in range(self.count):
            wait = self.planned(number) - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(self.send(free, number)))
        await asyncio.gather(*tasks)

    async def work(self, wire: Wire, name: str):
        body = {"worker": name, "workflows": [WORKFLOW], "max": self.arguments.max, "wait_seconds": 20}
        claim = wire.make("/api/v1/worker/claim", json.dumps(body))
        while True:
            status, data = await wire.send(claim)
            now = time.monotonic()
            if status == 204:
                continue
            if status != 200:
                self.counts["failed"] += 1
                await asyncio.sleep(0.1)
                continue
            for job in json.loads(data)["jobs"]:
                number = job["payload"]["number"]
                if not self.received[number]:
                    self.received[number] = now
                    self.left -= 1
                self.finished.put_nowait({"job_id": job["job_id"], "lease_token": job["lease_token"]})
            self.counts["claims"] += 1
            if not self.left:
                self.over.set()

    async def complete(self, wire: Wire):
        """What workers have done is told in batches, on a connection of its own: they wait again at once."""
        while True:
            done = [await self.finished.get()]
            while not self.finished.empty() and len(done) < 100:
                done.append(self.finished.get_nowait())
            status, _ = await wire.call("/api/v1/worker/complete", {"jobs": done})
            self.counts["failed"] += status != 200
            await asyncio.sleep(0.05)

    async def run(self) -> dict:
        connect = lambda: Wire(self.arguments.url, self.arguments.key).connect()  # noqa: E731
        senders = [await connect() for _ in range(SENDERS)]
        workers = [asyncio.create_task(self.work(await connect(), f"w{n}")) for n in range(self.arguments.workers)]
        completer = asyncio.create_task(self.complete(await connect()))
        gc.collect()
        gc.freeze()
        busy, self.start = queue_peer.processor_seconds(), time.monotonic() + 0.5
        sending = asyncio.create_task(self.intake(senders))
        try:
            await asyncio.wait_for(self.over.wait(), self.arguments.warm_up + self.arguments.seconds + PATIENCE)
        except asyncio.TimeoutError:
            pass
        seconds = time.monotonic() - self.start
        for task in [sending, completer, *workers]:
            if task.done() and task.exception():
                raise task.exception()
            task.cancel()
        return self.tell(seconds, queue_peer.processor_seconds() - busy)

    def tell(self, seconds: float, busy: float) -> dict:
        first = int(self.arguments.warm_up * self.arguments.rate)
        times = sorted(
            self.received[n] - self.planned(n) if self.received[n] else float("inf") for n in range(first, self.count)
        )
        late = sorted(self.lateness[first:])
        part = lambda values, share: values[min(len(values) - 1, int(len(values) * share))] * 1000  # noqa: E731
        return {
            "count": len(times),
            "lost": self.left,
            "failed": self.counts["failed"],
            "claims": self.counts["claims"],
            **{f"p{p}_ms": part(times, p / 100) for p in (50, 90, 95, 99)},
            "max_ms": times[-1] * 1000,
            "sender_late_p99_ms": part(late, 0.99),
            "seconds": seconds,
            "busy": busy,
        }


async def main(arguments: argparse.Namespace):
    print(json.dumps(await Latency(arguments).run()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--max", type=int, default=10, help="jobs a worker takes at once")
    parser.add_argument("--warm-up", type=float, default=2)
    uvloop.run(main(parser.parse_args()))
