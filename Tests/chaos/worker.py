"""A worker for the chaos test: plain HTTP to whichever server answers, gives each job's number squared, in batches.

    python worker.py NAME KEY LOG URL [URL ...]

It writes down each claim before it works, and each answer to what it has done, a line each, for the test to compare
with what the database says: `claim JOB TOKEN`, and `done|repeated|lost JOB TOKEN`. It may be killed or stopped at any
time.
"""

import http.client
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import Client

NAME, KEY, LOG, *URLS = sys.argv[1:]
BATCH, LEASE_SECONDS, PAUSE = 20, 5, 0.1


class Servers:
    """Goes to the next server when one does not answer."""

    def __init__(self):
        self.clients = [Client(url, KEY, timeout=8) for url in URLS]
        random.shuffle(self.clients)

    def call(self, path: str, body: dict):
        """The answer, or None when none came: the server is away, or too busy."""
        try:
            answer = self.clients[0].call("POST", path, body)
        except (OSError, http.client.HTTPException):
            self.clients.append(self.clients.pop(0))
            return None
        return None if answer.status in (429, 500, 503) else answer


def main():
    servers = Servers()
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(lines: list[str]):
        os.write(log, "".join(f"{line}\n" for line in lines).encode())

    claim = {
        "worker": NAME,
        "workflows": ["square"],
        "max": BATCH,
        "lease_seconds": LEASE_SECONDS,
        "wait_seconds": 3,
    }
    while True:
        answer = servers.call("/api/v1/worker/claim", claim)
        if answer is None or answer.status == 204:
            time.sleep(PAUSE)
            continue
        jobs = answer.expect(200).json["jobs"]
        note([f"claim {job['job_id']} {job['lease_token']}" for job in jobs])
        done = [
            {
                "job_id": job["job_id"],
                "lease_token": job["lease_token"],
                "result": {"square": job["payload"]["number"] ** 2, "token": job["lease_token"]},
            }
            for job in jobs
        ]
        tokens = {job["job_id"]: job["lease_token"] for job in jobs}
        # Some work takes its time, so that a kill meets work under way.
        time.sleep(random.choice((0, 0, 0.05, 0.2)))
        while done and (answer := servers.call("/api/v1/worker/complete", {"jobs": done})) is None:
            time.sleep(PAUSE)
        if done:
            outcomes = answer.expect(200).json["jobs"]
            note([f"{told['outcome']} {told['job_id']} {tokens[told['job_id']]}" for told in outcomes])


if __name__ == "__main__":
    main()
