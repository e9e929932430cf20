"""kill -9 of the server, of a worker and of PostgreSQL during a run of 1,000 jobs.

Proves that every job ends exactly once in a final state with the right result, and that every job's webhook arrives at
least once, with one id. What is killed, is killed when a number of jobs is finished, not at a time.
"""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import RAISE_LIMITS, Client, HarnessError, Receiver, Server, end_on_signals, wait_for

WORKER = Path(__file__).with_name("worker.py")
STALL_SECONDS = 120


class Workers:
    """Worker processes, and the jobs they say are done."""

    def __init__(self, url: str, key: str):
        self.url, self.key = url, key
        self.done: list[str] = []
        self.changed = threading.Condition()
        self.processes: list[subprocess.Popen] = []

    def start(self):
        process = subprocess.Popen(
            [sys.executable, str(WORKER), self.url, self.key, f"worker-{len(self.processes) + 1}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: subprocess.Popen):
        for line in process.stdout:
            with self.changed:
                self.done.append(line.split()[1])
                self.changed.notify_all()

    def kill_one(self) -> str:
        victim = next(p for p in self.processes if p.poll() is None)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        return victim.args[-1]

    def wait_for_done(self, count: int, what: str):
        """Waits without a deadline as long as there is progress."""
        with self.changed:
            while len(self.done) < count:
                before = len(self.done)
                if not self.changed.wait_for(lambda seen=before: len(self.done) > seen, timeout=STALL_SECONDS):
                    raise HarnessError(f"no job was finished for {STALL_SECONDS} s; {before} were, before {what}")

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


class Submitter(threading.Thread):
    """Hands in the jobs one after the other; what broke on the way is looked up before it is sent again.

    A connection that breaks leaves open whether the job was taken. The payload bears the client's own number, so the
    list of jobs tells.
    """

    def __init__(self, url: str, key: str, callback: str, count: int):
        super().__init__(daemon=True)
        self.client, self.callback, self.count = Client(url, key), callback, count
        self.jobs: dict[int, str] = {}
        self.refused = self.unknown = self.found = 0
        self.failure: Exception | None = None

    def run(self):
        try:
            for number in range(self.count):
                self.submit(number)
        except Exception as error:
            self.failure = error

    def submit(self, number: int):
        body = {"workflow": "square", "payload": {"number": number}, "callback_url": self.callback}
        while number not in self.jobs:
            try:
                answer = self.client.call("POST", "/api/v1/intake", body)
            except (OSError, http.client.HTTPException):
                self.unknown += 1
                self.look_up(number)
                continue
            if answer.status == 202:
                self.jobs[number] = answer.json["job_id"]
            elif answer.status in (500, 503):
                # 503 may say outcome-unknown, and after a 500 we take nothing for granted either.
                self.unknown += 1
                self.look_up(number)
            else:
                answer.expect(202)

    def look_up(self, number: int):
        """Finds the job in the list, newest first, as soon as the server answers again."""
        known = set(self.jobs.values())

        def search() -> bool:
            path = "/api/v1/jobs?workflow=square&limit=50"
            try:
                listed = self.client.call("GET", path)
                if listed.status != 200:
                    return False
                for job in listed.json["jobs"]:
                    if job["job_id"] in known:
                        continue
                    shown = self.client.call("GET", f"/api/v1/jobs/{job['job_id']}")
                    if shown.status != 200:
                        return False
                    if shown.json["payload"]["number"] == number:
                        self.jobs[number] = job["job_id"]
                        self.found += 1
                return True
            except (OSError, http.client.HTTPException):
                return False

        wait_for("the server to answer again", STALL_SECONDS, search, pause=0.2)


def check_jobs(server: Server, client: Client, submitter: Submitter) -> list[str]:
    faults = []
    for number, job_id in submitter.jobs.items():
        job = client.call("GET", f"/api/v1/jobs/{job_id}").expect(200).json
        finals = [t for t in job["transitions"] if t["to"] in ("succeeded", "failed", "canceled")]
        if job["status"] != "succeeded" or job["result"] != {"square": number**2}:
            faults.append(f"{job_id} (number {number}) is {job['status']} with {job['result']}")
        if len(finals) != 1 or job["transitions"][-1] != finals[0]:
            faults.append(f"{job_id} ended {len(finals)} times: {json.dumps(job['transitions'])}")
    rows = server.sql(
        "select count(*), count(distinct payload ->> 'number'), count(*) filter (where status = 'succeeded')"
        " from jobs.job"
    )
    if rows != f"{submitter.count}|{submitter.count}|{submitter.count}":
        faults.append(f"jobs, different numbers and successes in the table: {rows}")
    return faults


def check_webhooks(receiver: Receiver, submitter: Submitter) -> list[str]:
    ids, owners, faults = defaultdict(Counter), defaultdict(set), []
    for headers, body in list(receiver.requests):
        job_id = json.loads(body)["data"]["job_id"]
        ids[job_id][headers["webhook-id"]] += 1
        owners[headers["webhook-id"]].add(job_id)
    faults += [f"no webhook for {job_id}" for job_id in submitter.jobs.values() if not ids[job_id]]
    faults += [
        f"{job_id} had webhooks with different ids: {dict(seen)}" for job_id, seen in ids.items() if len(seen) > 1
    ]
    faults += [f"{message} was used for {len(jobs)} jobs" for message, jobs in owners.items() if len(jobs) > 1]
    unknown = set(ids) - set(submitter.jobs.values())
    faults += [f"{len(unknown)} webhooks were for jobs nobody handed in"] if unknown else []
    repeats = sum(sum(seen.values()) - 1 for seen in ids.values())
    print(f"  {len(receiver.requests)} webhooks arrived for {len(ids)} jobs, {repeats} of them repeats", flush=True)
    return faults


def run(server: Server, receiver: Receiver, count: int) -> list[str]:
    server.start()
    server.sql(RAISE_LIMITS)
    account = server.sql("select identity.create_account('Crash test')")
    # More calls than the month of the smallest tier has.
    server.sql(f"select quota.set_tier('{account}', 'enterprise')")
    key = server.sql(f"select key from keys.create_key('{account}', 'crash', '{{jobs:submit,jobs:read,jobs:work}}')")
    submitter = Submitter(server.url, key, receiver.url, count)
    workers = Workers(server.url, key)
    try:
        submitter.start()
        workers.start()
        workers.start()

        def at(part: float, what: str):
            workers.wait_for_done(int(count * part), what)
            print(f"  {len(workers.done)} jobs done: {what}", flush=True)

        at(0.2, "kill -9 of a worker")
        workers.kill_one()
        workers.start()

        at(0.4, "kill -9 of the server")
        server.kill()
        server.start()

        at(0.6, "kill -9 of PostgreSQL")
        os.kill(server.postmaster(), signal.SIGKILL)

        at(0.8, "kill -9 of all three at once")
        workers.kill_one()
        os.kill(server.postmaster(), signal.SIGKILL)
        server.kill()
        server.start()
        workers.start()

        submitter.join(STALL_SECONDS * 2)
        if submitter.failure:
            raise submitter.failure
        if submitter.is_alive():
            raise HarnessError("the submitter did not end")
        print(
            f"  all handed in; outcome unknown {submitter.unknown} times, {submitter.found} of these had been taken",
            flush=True,
        )

        open_jobs = "select count(*) from jobs.job where finished_at is null"
        wait_for("all jobs to end", STALL_SECONDS, lambda: server.sql(open_jobs) == "0", pause=0.5)
    finally:
        workers.stop()

    wanted = set(submitter.jobs.values())

    def all_arrived() -> bool:
        return wanted <= {json.loads(body)["data"]["job_id"] for _, body in receiver.requests}

    try:
        receiver.wait_until("the last webhook", 180, all_arrived)
    except HarnessError:
        print(
            server.sql(
                "select state, attempt, last_error, count(*) from outbox.message group by 1, 2, 3", "-P", "footer=off"
            )
        )
    return check_jobs(server, Client(server.url, key), submitter) + check_webhooks(receiver, submitter)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--psql", required=True)
    parser.add_argument("--jobs", type=int, default=1000)
    arguments = parser.parse_args()
    end_on_signals()
    receiver = Receiver()
    start = time.monotonic()
    try:
        with Server(
            arguments.server, arguments.psql, {"LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8"}, name="crash"
        ) as server:
            faults = run(server, receiver, arguments.jobs)
    except HarnessError as error:
        faults = [str(error)]
    finally:
        receiver.close()
    for fault in faults[:20]:
        print(f"  fault: {fault}")
    outcome = f"FAILED, {len(faults)} faults" if faults else "ok"
    print(f"crash test: {outcome} in {time.monotonic() - start:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
