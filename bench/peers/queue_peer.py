"""What the peers of the queue's bench share: the command line, and the start by signal.

    python X.py prepare URL
    python X.py in  URL --jobs N --batch B --connections C
    python X.py out URL --batch B --connections C

`prepare` makes an empty queue. `in` hands in N jobs, `out` works off all there are; both connect first, print `ready`,
begin when a line comes on stdin, and end with a line of JSON: the number of jobs, begin and end by the monotonic clock,
and the processor seconds used in between.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import uvloop

PAYLOAD = {"order": 4711, "items": ["a", "b", "c"], "note": "a payload of usual size"}


@dataclass
class Work:
    """What a side was asked to do, and what it has done."""

    url: str
    jobs: int
    batch: int
    connections: int
    began: float = 0.0
    ended: float = 0.0
    done: int = 0
    busy: float = field(default=0.0, repr=False)

    async def start(self):
        """Says that all is connected, and waits for the signal."""
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        self.busy = processor_seconds()
        self.began = self.ended = time.monotonic()

    def count(self, jobs: int):
        self.done += jobs
        self.ended = time.monotonic()

    def shares(self) -> list[list[int]]:
        """The jobs as batches, dealt out to the connections."""
        left, batches = self.jobs, []
        while left > 0:
            batches.append(min(self.batch, left))
            left -= batches[-1]
        return [batches[number :: self.connections] for number in range(self.connections)]


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(
    prepare: Callable[[str], Awaitable[None]],
    put_in: Callable[[Work], Awaitable[None]],
    work_off: Callable[[Work], Awaitable[None]],
):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("deed", choices=["prepare", "in", "out"])
    parser.add_argument("url")
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--connections", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.deed == "prepare":
        uvloop.run(prepare(arguments.url))
        return
    work = Work(arguments.url, arguments.jobs, arguments.batch, arguments.connections)
    uvloop.run(put_in(work) if arguments.deed == "in" else work_off(work))
    told = {"jobs": work.done, "began": work.began, "ended": work.ended, "busy": processor_seconds() - work.busy}
    print(json.dumps(told), flush=True)
