"""A lean receiver of webhooks: answers each POST with 204 and counts; a GET gives the counts as JSON.

    python queue_receiver.py [--keep-each N] [--ids]

Prints its port, runs until its standard input ends. --keep-each: keeps head and body of every N-th request, given by
GET /kept. --ids: counts how many different webhook-ids came.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import time
from collections import Counter

import uvloop

JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Counts:
    def __init__(self, keep_each: int, with_ids: bool):
        self.keep_each, self.ids = keep_each, set() if with_ids else None
        self.count = 0
        # By slot of 100 ms of the monotonic clock.
        self.slots = Counter()
        self.kept: list[list[str]] = []

    def take(self, head: bytes, body: bytes):
        self.count += 1
        self.slots[int(time.monotonic() * 10)] += 1
        if self.ids is not None:
            place = head.lower().index(b"webhook-id: ") + 12
            self.ids.add(head[place : head.index(b"\r\n", place)])
        if self.keep_each and self.count % self.keep_each == 1:
            self.kept.append([base64.b64encode(part).decode() for part in (head, body)])

    def tell(self, path: bytes) -> dict:
        if path.startswith(b"/kept"):
            return {"kept": self.kept}
        told: dict = {"count": self.count}
        if path.startswith(b"/all"):
            told |= {"slots": sorted(self.slots.items()), "ids": None if self.ids is None else len(self.ids)}
        return told


class Receiver(asyncio.Protocol):
    def __init__(self, counts: Counts):
        self.counts, self.data = counts, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data: bytes):
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[: end + 2]
            low = head.lower()
            place, length = low.find(b"\r\ncontent-length:"), 0
            if place >= 0:
                length = int(low[place + 17 : low.index(b"\r\n", place + 17)])
            if len(self.data) < end + 4 + length:
                return
            body, self.data = self.data[end + 4 : end + 4 + length], self.data[end + 4 + length :]
            if head.startswith(b"POST "):
                self.counts.take(head, body)
                self.transport.write(ANSWER)
            else:
                told = json.dumps(self.counts.tell(head.split(b" ", 2)[1])).encode()
                self.transport.write(JSON_HEAD % len(told) + told)


async def main(arguments: argparse.Namespace):
    counts, loop = Counts(arguments.keep_each, arguments.ids), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Receiver(counts), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep-each", type=int, default=0)
    parser.add_argument("--ids", action="store_true")
    uvloop.run(main(parser.parse_args()))
