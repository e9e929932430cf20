"""An open-loop load generator: requests go out at evenly spread planned times, whatever the answers do.

Latency counts from the planned time to the last byte of the answer, so a server that stalls is charged for every
request that was due meanwhile. None is left out: one that finds no free connection waits for the next. It uses one
thread, epoll and a timer of the kernel, tells how late it was itself, and what it took of the machine's processors.

    python open_loop.py URL REQUESTS RATE SECONDS [--connections N] [--warm-up SECONDS]

REQUESTS is a file as measure/requests.py writes it. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import random
import re
import select
import socket
import time
from collections import Counter, deque
from pathlib import Path
from urllib.parse import urlsplit

from measure.requests import read_requests

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOCK_MONOTONIC, TFD_TIMER_ABSTIME = 1, 1
# Answers may still come for so long after the last planned time.
PATIENCE_NS = 30_000_000_000


class Timer:
    """A timerfd: epoll's own timeout counts in whole milliseconds only. (Python has it from 3.13 on.)"""

    class Spec(ctypes.Structure):
        _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "at_s", "at_ns")]

    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        self._set = libc.timerfd_settime
        self.fd = libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = self.Spec()
        self._reference = ctypes.byref(self._spec)

    def set(self, at_ns: int):
        self._spec.at_s, self._spec.at_ns = divmod(at_ns, 1_000_000_000)
        self._set(self.fd, TFD_TIMER_ABSTIME, self._reference, None)


class Connection:
    __slots__ = ("data", "number", "socket")

    def __init__(self, address: tuple[str, int]):
        self.socket = socket.create_connection(address, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.number = -1  # of the request it waits for an answer to; -1: free
        self.data = b""


class OpenLoop:
    def __init__(self, url: str, requests: list[bytes], rate: float, seconds: float, connections: int):
        place = urlsplit(url)
        self.address = (place.hostname, place.port)
        self.requests = requests
        random.shuffle(self.requests)
        self.interval = 1e9 / rate
        self.count = max(1, int(rate * seconds))
        self.epoll = select.epoll()
        self.timer = Timer()
        self.epoll.register(self.timer.fd, select.EPOLLIN | select.EPOLLET)
        self.connections: dict[int, Connection] = {}
        # The one that has been free longest goes first, so that none is closed for idleness.
        self.free: deque[Connection] = deque()
        for _ in range(connections):
            self.connect()
        self.queue: deque[int] = deque()
        self.next = 0
        self.latencies = [0] * self.count
        self.statuses: Counter[bytes] = Counter()
        self.lateness = [0] * self.count
        self.answered = self.queued = self.broken = 0

    def connect(self):
        connection = Connection(self.address)
        self.connections[connection.socket.fileno()] = connection
        self.epoll.register(connection.socket.fileno(), select.EPOLLIN)
        self.free.append(connection)

    def planned(self, number: int) -> int:
        return self.start + int(number * self.interval)

    def send(self, connection: Connection, number: int):
        data = self.requests[number % len(self.requests)]
        connection.number = number
        try:
            sent = connection.socket.send(data)
        except OSError:
            sent = -1
        if sent != len(data):
            self.lose(connection)

    def lose(self, connection: Connection):
        """A connection is gone. An idle one is replaced; a request on it counts as broken."""
        self.epoll.unregister(connection.socket.fileno())
        del self.connections[connection.socket.fileno()]
        connection.socket.close()
        if connection.number >= 0:
            self.broken += 1
            self.latencies[connection.number] = time.monotonic_ns() - self.planned(connection.number)
        else:
            self.free.remove(connection)
        self.connect()

    def send_due(self):
        while self.next < self.count:
            late = time.monotonic_ns() - self.planned(self.next)
            if late < 0:
                return
            number, self.next = self.next, self.next + 1
            self.lateness[number] = late
            if self.free:
                self.send(self.free.popleft(), number)
            else:
                self.queue.append(number)
                self.queued += 1

    def read(self, connection: Connection):
        try:
            data = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.lose(connection)
            return
        if connection.data:
            data = connection.data + data
        head = data.find(b"\r\n\r\n")
        found = CONTENT_LENGTH.search(data, 0, head + 2) if head >= 0 else None
        if head >= 0 and not found:
            raise SystemExit("open_loop: an answer without Content-Length")
        if not found or len(data) < head + 4 + int(found[1]):
            connection.data = data
            return
        now = time.monotonic_ns()
        connection.data = b""
        self.latencies[connection.number] = now - self.planned(connection.number)
        connection.number = -1
        self.statuses[data[9:12]] += 1
        self.answered += 1
        if self.queue:
            self.send(connection, self.queue.popleft())
        else:
            self.free.append(connection)

    def run(self):
        gc.collect()
        gc.disable()
        self.start = time.monotonic_ns() + 50_000_000
        end = self.planned(self.count) + PATIENCE_NS
        armed = -1
        used, began = time.process_time(), time.monotonic()
        while self.answered + self.broken < self.count:
            if self.next < self.count and armed != self.next:
                armed = self.next
                self.timer.set(self.planned(armed))
            for fd, _ in self.epoll.poll(1):
                if fd == self.timer.fd:
                    armed = -1
                elif fd in self.connections:
                    self.read(self.connections[fd])
                # Between any two answers: what is due goes out first.
                self.send_due()
            if time.monotonic_ns() > end:
                break
        # What is still open counts as broken, and as late as it is by now.
        now = time.monotonic_ns()
        for number in [c.number for c in self.connections.values() if c.number >= 0] + list(self.queue):
            self.latencies[number] = now - self.planned(number)
        self.broken = self.count - self.answered
        self.seconds = time.monotonic() - began
        self.share = (time.process_time() - used) / self.seconds / (os.cpu_count() or 1)
        gc.enable()


def percentile(ordered: list[int], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("requests", type=Path)
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument(
        "--warm-up", type=float, default=1.0, help="seconds more at the start, whose requests do not count"
    )
    arguments = parser.parse_args()
    requests = read_requests(arguments.requests)
    seconds = arguments.seconds + arguments.warm_up
    loop = OpenLoop(arguments.url, requests, arguments.rate, seconds, arguments.connections)
    loop.run()
    first = min(loop.count - 1, int(arguments.rate * arguments.warm_up))
    latencies, lateness = sorted(loop.latencies[first:]), sorted(loop.lateness[first:])
    result = {
        "planned_rate": arguments.rate,
        "rate": loop.answered / loop.seconds,
        "count": len(latencies),
        "p50_ms": percentile(latencies, 0.5),
        "p90_ms": percentile(latencies, 0.9),
        "p99_ms": percentile(latencies, 0.99),
        "p999_ms": percentile(latencies, 0.999),
        "max_ms": latencies[-1] / 1e6,
        "own_lateness_p99_ms": percentile(lateness, 0.99),
        "own_lateness_max_ms": lateness[-1] / 1e6,
        "waited_for_connection": loop.queued,
        "generator_share": loop.share,
        "statuses": {k.decode(errors="replace"): v for k, v in loop.statuses.items()},
        "broken": loop.broken,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
