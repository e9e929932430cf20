"""Chaos: two servers, four workers, 20,000 jobs with webhooks, and every part killed or stopped at random meanwhile.

Proves, whatever happened: no job is lost; none is done by a worker whose fencing token has passed on (what each worker
was told is compared with what the database accepted); no webhook is lost, each arrives with one id, signed; no slot of
the clock ran twice; and the logs say nothing that the deeds do not explain. What is random follows from --seed.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "gate"))

from deeds import Chaos, Workers
from harness import RAISE_LIMITS, Client, HarnessError, wait_for
from logs import judge_logs
from parts import LIFT_QUOTA, Faults, Pair, run_main, tell

BATCH, WORKERS = 50, 4
# Jobs that are looked at over HTTP in the end.
SHOWN = 200
# From so many minutes on, one of the deeds takes more than one.
LONG_MINUTES = 5
# For what is left when nothing is killed any more: leases of a minute run out, and webhooks are tried again.
SETTLE_SECONDS = 150
# Many attempts soon after each other, so that bad answers and lost leases use up no plan within this test.
SETTINGS = """
update core.setting set value = '1500' where name = 'outbox.timeout_ms';
delete from outbox.retry_step;
insert into outbox.retry_step (failures, wait_seconds) select n, least(n * 0.2, 2) from generate_series(1, 50) as n;
"""
# A task of the clock that leaves a mark each time it runs; its slot, its work and its outcome commit together.
CLOCK = """
create schema chaos;
create table chaos.mark (at timestamptz not null default clock_timestamp());
create function chaos.leave_mark() returns bigint language sql volatile as $$
    insert into chaos.mark default values returning 1::bigint
$$;
grant usage on schema chaos to levqor_owner, levqor_server;
grant insert, select on chaos.mark to levqor_owner, levqor_server;
insert into schedule.task (name, function, every, description)
values ('chaos-mark', 'chaos.leave_mark', interval '1 second', 'Leaves a mark.');
"""


class Submitter(threading.Thread):
    """Hands in all jobs in batches, evenly over the time; an Idempotency-Key lets each be sent again."""

    def __init__(self, urls: list[str], key: str, callback: str, count: int, seconds: float):
        super().__init__(daemon=True)
        self.clients = [Client(url, key, timeout=10) for url in urls]
        self.callback, self.count, self.seconds = callback, count, seconds
        self.jobs: dict[int, str] = {}
        self.again = 0
        self.failure: Exception | None = None

    def run(self):
        began = time.monotonic()
        try:
            for first in range(0, self.count, BATCH):
                time.sleep(max(0.0, began + self.seconds * first / self.count - time.monotonic()))
                self.submit(range(first, min(first + BATCH, self.count)))
        except Exception as error:
            self.failure = error

    def submit(self, numbers: range):
        jobs = [{"workflow": "square", "payload": {"number": n}, "callback_url": self.callback} for n in numbers]
        while True:
            try:
                answer = self.clients[0].call(
                    "POST", "/api/v1/jobs/batch", {"jobs": jobs}, {"Idempotency-Key": f"chaos-{numbers.start}"}
                )
            except (OSError, http.client.HTTPException):
                self.try_next()
                continue
            if answer.status in (409, 429, 500, 503):
                self.try_next()
                continue
            taken = answer.expect(202).json["jobs"]
            self.jobs |= {n: job["job_id"] for n, job in zip(numbers, taken, strict=True)}
            self.clients.append(self.clients.pop(0))
            return

    def try_next(self):
        self.again += 1
        self.clients.append(self.clients.pop(0))
        time.sleep(0.2)


class BadReceiver:
    """The receiver, a process of its own."""

    def __init__(self, seed: int, secret: str):
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("receiver.py")), str(seed), secret],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.base = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def ask(self, path: str) -> dict:
        with urllib.request.urlopen(self.base + path, timeout=30) as answer:
            return json.load(answer)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def read_worker_logs(folder: Path) -> list[tuple[str, str, str, int]]:
    """Worker, what, job, token; in the order of each worker. A line that a kill cut off is left out."""
    lines = []
    for log in sorted(folder.glob("worker-*.log")):
        for line in log.read_text().splitlines(keepends=True):
            words = line.split()
            if line.endswith("\n") and len(words) == 3:
                lines.append((log.stem, words[0], words[1], int(words[2])))
    return lines


def check_jobs(pair: Pair, submitter: Submitter, faults: Faults) -> dict[str, int]:
    """Every job that was handed in, and no other, has ended once and well. Gives the token accepted for each."""
    rows = pair.sql(
        "select core.show_id('job', o.job_id), s.payload ->> 'number', o.status, o.result ->> 'square', o.lease_token,"
        " o.result ->> 'token'"
        " from jobs.outcome as o inner join jobs.submission as s on s.account_id = o.account_id and s.id = o.job_id"
    )
    accepted: dict[str, int] = {}
    ids = {job: number for number, job in submitter.jobs.items()}
    for job, number, status, square, token, given in (row.split("|") for row in rows.splitlines()):
        what = f"{job} (number {number}), done under {token},"
        faults.check(job in ids and ids[job] == int(number), f"{what} was not handed in so", "foreign")
        faults.check(status == "succeeded", f"{what} is {status}", "not succeeded")
        faults.check(square == str(int(number) ** 2), f"{what} has the result {square}", "wrong result")
        faults.check(token == given, f"{what} has the result of token {given}", "foreign result")
        accepted[job] = int(token or 0)
    faults.check(len(set(ids)) == submitter.count, f"{len(set(ids))} ids were given for {submitter.count} jobs")
    for job in ids.keys() - accepted.keys():
        faults.add(f"{job} is lost: it has not ended", "lost job")
    left = pair.sql("select (select count(*) from jobs.waiting), (select count(*) from jobs.running)")
    faults.check(left == "0|0", f"jobs that wait, and run, at the end: {left}")
    return accepted


def check_histories(client: Client, submitter: Submitter, seed: int, faults: Faults):
    """What clients are shown of some of the jobs: the result, and an end that comes once."""
    jobs = sorted(submitter.jobs.items())
    for number, job in random.Random(seed).sample(jobs, min(SHOWN, len(jobs))):
        shown = client.call("GET", f"/api/v1/jobs/{job}").expect(200).json
        ends = [t for t in shown["transitions"] if t["to"] in ("succeeded", "failed", "canceled")]
        faults.check(
            shown["result"]["square"] == number**2, f"{job} shows the result {shown['result']}", "shown result"
        )
        is_once = len(ends) == 1 and shown["transitions"][-1] == ends[0]
        faults.check(is_once, f"{job} ended {len(ends)} times: {shown['transitions']}", "shown end")


def check_fencing(lines: list[tuple[str, str, str, int]], accepted: dict[str, int], faults: Faults) -> Counter:
    """What workers were told against what the database accepted."""
    claims = {(job, token) for _, what, job, token in lines if what == "claim"}
    told = Counter(what for _, what, _, _ in lines)
    by_token = Counter(token for _, what, _, token in lines if what == "claim")
    for token, times in by_token.items():
        faults.check(times == 1, f"the token {token} was given {times} times", "token given twice")
    for worker, what, job, token in lines:
        if what in ("done", "repeated"):
            text = f"{worker} was told {what} for {job} under {token}, but {accepted.get(job)} was accepted"
            faults.check(accepted.get(job) == token, text, "done twice")
        elif what == "lost":
            text = f"{worker} was told that it lost {job} under {token}, but that was accepted"
            faults.check(accepted.get(job) != token, text, "lost but accepted")
    for job, token in accepted.items():
        faults.check((job, token) in claims, f"{job} was done under {token}, which nobody claimed", "unclaimed")
    later = Counter()
    for job, token in claims:
        later["claimed after it was done"] += token > accepted.get(job, token)
    faults.check(not later["claimed after it was done"], f"{later} jobs", "claimed after done")
    return told


def check_webhooks(report: dict, submitter: Submitter, faults: Faults) -> str:
    by_job = defaultdict(list)
    for webhook_id, seen in report.items():
        by_job[seen["job"]].append(webhook_id)
        faults.check(seen["type"] == "job.succeeded", f"{webhook_id} tells {seen['type']}", "wrong type")
        faults.check(not seen["wrong"], f"{webhook_id} was signed wrong, or told of two jobs", "wrong signature")
        faults.check("good" in seen["answers"] or "stream" in seen["answers"], f"{webhook_id} was given up", "given up")
    for job in submitter.jobs.values():
        faults.check(len(by_job[job]) == 1, f"{job} has the webhook-ids {by_job[job]}", "webhook lost or doubled")
    answers = Counter(answer for seen in report.values() for answer in seen["answers"])
    return ", ".join(f"{count} {answer}" for answer, count in answers.most_common())


def check_clock(pair: Pair, faults: Faults) -> str:
    marks, runs, slots = pair.sql(
        "select (select count(*) from chaos.mark), count(*), count(distinct r.slot) from schedule.run as r"
        " where r.task = 'chaos-mark' and r.outcome = 'succeeded'"
    ).split("|")
    faults.check(
        marks == runs == slots, f"the task left {marks} marks in {runs} runs of {slots} slots", "slot run twice"
    )
    faults.check(int(runs) > 10, f"the clock ran only {runs} slots")
    return f"{runs} slots of the clock"


def check_outbox(pair: Pair) -> int:
    """Messages that are neither delivered nor given up."""
    return int(pair.sql("select count(*) from outbox.delivery"))


def body(options: argparse.Namespace, faults: Faults):
    tell(f"seed {options.seed}; {options.jobs} jobs in {options.minutes:g} minutes")
    environment = {"LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8", "LEVQOR_LOG_LEVEL": "notice"}
    with contextlib.ExitStack() as stack:
        pair = stack.enter_context(Pair(options.server, options.psql, environment, name="chaos"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-", dir=pair.origin.directory)))
        pair.sql(RAISE_LIMITS)
        pair.sql(LIFT_QUOTA)
        pair.sql(SETTINGS)
        pair.origin.sql(CLOCK, machinery=False)
        account = pair.sql("select identity.create_account('Chaos')")
        key = pair.sql(f"select key from keys.create_key('{account}', 'chaos', '{{jobs:submit,jobs:read,jobs:work}}')")
        secret = pair.origin.run("secret", f"webhook/{account}/1").splitlines()[-1]
        receiver = BadReceiver(options.seed, secret)
        stack.callback(receiver.close)
        workers = Workers(pair, key, folder)
        stack.callback(workers.stop)
        for _ in range(WORKERS):
            workers.start()
        submitter = Submitter(pair.urls, key, f"{receiver.base}/hook", options.jobs, options.minutes * 60)
        chaos = Chaos(pair, workers, options.seed, is_long=options.minutes >= LONG_MINUTES)
        submitter.start()
        chaos.start()
        stack.callback(chaos.abandon)
        while submitter.is_alive():
            submitter.join(15)
            tell(f"{len(submitter.jobs)} jobs handed in, {receiver.ask('/count')['count']} webhooks have come")
            if chaos.failure or submitter.failure:
                raise chaos.failure or submitter.failure
        chaos.end()
        tell(f"all handed in, {submitter.again} sent again; {sum(chaos.count.values())} deeds done; now all may settle")

        with contextlib.suppress(HarnessError):
            open_jobs = "select count(*) from jobs.waiting as w full join jobs.running as r on false"
            wait_for("all jobs to end", SETTLE_SECONDS, lambda: pair.sql(open_jobs) == "0", pause=0.5)
            wait_for("all webhooks to end", SETTLE_SECONDS, lambda: check_outbox(pair) == 0, pause=0.5)
        faults_of_workers = workers.died_by_themselves()
        workers.stop()
        for text in faults_of_workers:
            faults.add(text)
        lines = read_worker_logs(folder)
        told = check_fencing(lines, check_jobs(pair, submitter, faults), faults)
        check_histories(Client(pair.urls[0], key), submitter, options.seed, faults)
        answers = check_webhooks(receiver.ask("/report"), submitter, faults)
        slots = check_clock(pair, faults)
        left = check_outbox(pair)
        faults.check(left == 0, f"{left} messages are still to be sent")
        logged = judge_logs([server.log for server in pair.servers], chaos.told_in_logs(), faults)
        tell(f"workers: {', '.join(f'{count} {what}' for what, count in told.most_common())}")
        tell(f"webhooks: {answers}")
        tell(f"{slots}; {logged}")
        for name, count in sorted(chaos.count.items()):
            tell(f"{count} x {name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the binary")
    parser.add_argument("--psql", required=True)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="what is random follows from it")
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=2, help="for which things are killed")
    sys.exit(run_main("chaos test", body, parser.parse_args()))
