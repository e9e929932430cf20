"""Hands in events over HTTP, bodies made beforehand, each id new: UUIDv7, batches of the same size.

    python numbers_ingest.py URL KEY SECONDS --connections C --batch B --persons P --rate-guess R

Prints one JSON object: how many events were accepted, and in how many seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import gc
import json
import os
import random
import time

import queue_peer
import uvloop

from measure.queue_wire import Wire

NAMES = ("visit", "visit", "visit", "active", "active", "signup", "paid")
SOURCES = ("direct", "google", "newsletter", "partner")


def make_id(milliseconds: int) -> str:
    """A UUID version 7."""
    value = (milliseconds << 80) | (7 << 76) | (random.getrandbits(12) << 64) | (2 << 62) | random.getrandbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def make_body(batch: int, persons: int) -> str:
    now = time.time()
    events = []
    for _ in range(batch):
        at = datetime.datetime.fromtimestamp(now - random.random() * 3600, datetime.UTC)
        events.append(
            {
                "id": make_id(int(now * 1000)),
                "name": random.choice(NAMES),
                "user_id": f"person-{random.randint(1, persons)}",
                "event_at": at.isoformat(timespec="milliseconds"),
                "source": random.choice(SOURCES),
                "properties": {"plan": "pro", "page": "/pricing"},
            }
        )
    return json.dumps({"events": events}, separators=(",", ":"))


async def run(arguments: argparse.Namespace) -> dict:
    random.seed(int.from_bytes(os.urandom(8)))
    wires = [await Wire(arguments.url, arguments.key).connect() for _ in range(arguments.connections)]
    count = int(arguments.rate_guess * arguments.seconds / arguments.batch)
    requests = [wires[0].make("/api/v1/events", make_body(arguments.batch, arguments.persons)) for _ in range(count)]
    gc.collect()
    gc.freeze()
    told = {"accepted": 0, "failed": 0, "answer": None}
    busy, began = queue_peer.processor_seconds(), time.monotonic()
    end = began + arguments.seconds

    async def send(wire: Wire):
        while requests and time.monotonic() < end:
            status, data = await wire.send(requests.pop())
            if 200 <= status < 300:
                told["accepted"] += json.loads(data)["accepted"]
            else:
                told["failed"] += 1
                told["answer"] = data.decode(errors="replace")[:500]

    await asyncio.gather(*(send(wire) for wire in wires))
    seconds = time.monotonic() - began
    return told | {
        "seconds": seconds,
        "rate": told["accepted"] / seconds,
        "busy": queue_peer.processor_seconds() - busy,
        "ran_out": not requests,
    }


async def main(arguments: argparse.Namespace):
    print(json.dumps(await run(arguments)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--persons", type=int, default=200_000)
    parser.add_argument("--rate-guess", type=float, default=100_000, help="bodies are made for so many events a second")
    uvloop.run(main(parser.parse_args()))
