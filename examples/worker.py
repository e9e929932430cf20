#!/usr/bin/env python3
"""A worker in Python, with the standard library alone. Copy it, and put your own work into `work`.

usage: LEVQOR_URL=http://127.0.0.1:8080 LEVQOR_API_KEY=lvk_… python3 worker.py WORKFLOW

It claims one job at a time, keeps its lease with heartbeats, stops when the job is canceled or given to another worker,
and repeats each report until it was heard. SIGTERM lets the job in hand end first. It counts the words of a text:

{"workflow": "count-words", "payload": {"text": "one and one", "pause": 0}}
"""

import json
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter

URL = os.environ.get("LEVQOR_URL", "http://127.0.0.1:8080")
KEY = os.environ["LEVQOR_API_KEY"]
LEASE_SECONDS = int(os.environ.get("LEASE_SECONDS", "60"))
log = logging.getLogger("worker")
stopping = threading.Event()


class Permanent(Exception):
    """The work can not be done, however often it is tried."""


class Stopped(Exception):
    """The work is wanted no more: the job was canceled, or its lease is another worker's."""


def work(job: "Job"):
    """Your work. Its result is the job's; an exception is a failed attempt, `Permanent` the last one."""
    text = job.payload.get("text")
    if not isinstance(text, str):
        raise Permanent("the payload has no text")
    words = text.split()
    for number in range(len(words)):
        job.progress = {"words": number}
        job.go_on(job.payload.get("pause", 0))
    return {"words": len(words), "times": Counter(words)}


def call(path: str, body: dict, timeout: float = 30):
    """Sends once. Gives status and JSON; the status is 0 when no answer came."""
    headers = {"X-Api-Key": KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(URL.rstrip("/") + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


def may_pass(status: int) -> bool:
    """Whether the same call may be taken later."""
    return status in (0, 408, 429) or status >= 500


class Job:
    """A job in this worker's hands."""

    def __init__(self, claimed: dict):
        self.id, self.payload, self.token = claimed["job_id"], claimed["payload"], claimed["lease_token"]
        self.progress = None
        self.is_canceled = self.is_lost = False
        # Set when the work is to end, for whatever reason.
        self.ending = threading.Event()

    def call(self, action: str, body: dict):
        return call(f"/api/v1/worker/jobs/{self.id}/{action}", {"lease_token": self.token, **body})

    def go_on(self, seconds: float = 0):
        """To be called now and then by the work: waits, and ends work that is wanted no more."""
        if self.ending.wait(seconds):
            raise Stopped

    def keep(self):
        """Heartbeats at a third of the lease."""
        while not self.ending.wait(LEASE_SECONDS / 3):
            status, answer = self.call("heartbeat", {"progress": self.progress} if self.progress else {})
            if status == 200 and answer["cancel_requested"]:
                self.is_canceled = True
            elif status in (404, 409):
                self.is_lost = True
            if self.is_canceled or self.is_lost:
                self.ending.set()

    def run(self):
        heartbeats = threading.Thread(target=self.keep, daemon=True)
        heartbeats.start()
        try:
            action, body = "complete", {"result": work(self)}
        except Stopped:
            action, body = "fail", {"error": {"type": "canceled"}}
        except Permanent as error:
            action, body = "fail", {"error": {"type": "permanent", "message": str(error)}, "retry": False}
        except Exception as error:
            log.exception("the work failed")
            action, body = "fail", {"error": {"type": type(error).__name__, "message": str(error)}}
        self.ending.set()
        if self.is_lost:
            log.warning("%s: the lease is lost; the work is dropped", self.id)
            return
        self.report(action, body)

    def report(self, action: str, body: dict):
        """Repeats until it was heard: the token makes that safe."""
        pause = 0.5
        while True:
            status, answer = self.call(action, body)
            if not may_pass(status):
                log.info("%s: %s, answered %s %s", self.id, action, status, answer)
                return
            log.warning("%s: %s was not taken (%s); it is sent again", self.id, action, status or answer)
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, 15)


def main():
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    claim = {
        "worker": f"{socket.gethostname()}-{os.getpid()}",
        "workflows": sys.argv[1:],
        "max": 1,
        "lease_seconds": LEASE_SECONDS,
        # As long as it takes until SIGTERM is heeded.
        "wait_seconds": 5,
    }
    pause = 0.5
    while not stopping.is_set():
        status, answer = call("/api/v1/worker/claim", claim)
        if status in (200, 204):
            pause = 0.5
            for claimed in (answer or {}).get("jobs", []):
                log.info("%s: claimed, attempt %s", claimed["job_id"], claimed["attempt"])
                Job(claimed).run()
        elif may_pass(status):
            log.warning("no work is given (%s)", status or answer)
            stopping.wait(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, 15)
        else:
            sys.exit(f"no work is given: {status} {answer}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main()
