"""A worker for the crash test: plain HTTP, gives each job's number squared, goes on through every outage.

Prints a line for each job that it is sure of. It may be killed at any time: what it held is given to another when its
lease ends.
"""

import http.client
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import Client

URL, KEY, NAME = sys.argv[1:4]
# Seven does not divide the numbers at which it is killed: it dies with jobs in its hands.
BATCH, LEASE_SECONDS, PAUSE = 7, 5, 0.1


def main():
    client = Client(URL, KEY, timeout=20)

    def call(path, body):
        """The answer, or None when it did not come: the server is away, or too busy."""
        try:
            answer = client.call("POST", path, body)
        except (OSError, http.client.HTTPException):
            return None
        return None if answer.status in (429, 500, 503) else answer

    while True:
        claim = {
            "worker": NAME,
            "workflows": ["square"],
            "max": BATCH,
            "lease_seconds": LEASE_SECONDS,
            "wait_seconds": 2,
        }
        answer = call("/api/v1/worker/claim", claim)
        if answer is None or answer.status == 204:
            time.sleep(PAUSE)
            continue
        for job in answer.expect(200).json["jobs"]:
            done = {"lease_token": job["lease_token"], "result": {"square": job["payload"]["number"] ** 2}}
            while (answer := call(f"/api/v1/worker/jobs/{job['job_id']}/complete", done)) is None:
                time.sleep(PAUSE)
            # 409: the lease went to another worker while the server was away; that one finishes the job.
            if answer.expect(200, 409).status == 200:
                print("done", job["job_id"], flush=True)


if __name__ == "__main__":
    main()
