"""Workers against the live server: the one of the command line, and the examples in Python and shell.

Each works off real jobs: one that succeeds, one that fails, one that is canceled while it runs, and one that is
given to another while the worker sleeps. The one of the command line is killed, stopped, and left without a server
besides.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import RAISE_LIMITS, ROOT, Client, HarnessError, Server, end_on_signals, wait_for

EXAMPLES = ROOT / "examples"
# What the example in Python does, as a command for the other workers.
COUNT = """
import json, sys, time
payload = json.load(sys.stdin)
if not isinstance(payload.get("text"), str):
    print("the payload has no text", file=sys.stderr)
    sys.exit(65)
words = payload["text"].split()
for _ in words:
    time.sleep(payload.get("pause", 0))
print(json.dumps({"words": len(words)}))
"""
LEASE_SECONDS = 5


def check(holds: bool, text: str):
    if not holds:
        raise HarnessError(text)


class Bench:
    """A server, an account with a key, and a folder in which commands leave their traces."""

    def __init__(self, server: Server, binary: str):
        self.server, self.binary = server, binary
        account = server.sql("select identity.create_account('Workers')")
        server.sql(f"select quota.set_tier('{account}', 'enterprise')")
        self.key = server.sql(
            f"select key from keys.create_key('{account}', 'w', '{{jobs:submit,jobs:read,jobs:work}}')"
        )
        self.client = Client(server.url, self.key)
        self.folder = Path(tempfile.mkdtemp(prefix="worker-"))
        (self.folder / "count.py").write_text(COUNT)
        self.workers: list[subprocess.Popen] = []
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("LEVQOR_")} | {
            "LEVQOR_URL": server.url,
            "LEVQOR_API_KEY": self.key,
            "LEASE_SECONDS": str(LEASE_SECONDS),
        }

    def submit(self, workflow: str, payload: dict | None = None) -> str:
        body = {"workflow": workflow, "payload": payload or {}}
        return self.client.call("POST", "/api/v1/intake", body).expect(202).json["job_id"]

    def job(self, job_id: str) -> dict:
        return self.client.call("GET", f"/api/v1/jobs/{job_id}").expect(200).json

    def await_job(self, job_id: str, status: str, **members) -> dict:
        """Waits until the job is as it should be, and gives it."""
        last = {}

        def is_there():
            nonlocal last
            last = self.job(job_id)
            return last["status"] == status and all(last[name] == value for name, value in members.items())

        try:
            wait_for(f"{job_id} to be {status} {members or ''}", 60, is_there, pause=0.1)
        except HarnessError as error:
            raise HarnessError(f"{error}; it is {last}\n{self.logs()}") from None
        return last

    def start(self, words: list[str], **environment: str) -> subprocess.Popen:
        with (self.folder / f"log-{len(self.workers)}").open("wb") as log:
            worker = subprocess.Popen(
                words,
                env=self.environment | environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                # A group of its own, so that all of it can be put to sleep.
                start_new_session=True,
            )
        self.workers.append(worker)
        return worker

    def work(self, workflow: str, *arguments: str, command: str | None = None, **environment: str) -> subprocess.Popen:
        """Starts the worker of the command line; the command is text for a shell."""
        words = [self.binary, "work", "--workflow", workflow, "--lease-seconds", str(LEASE_SECONDS), *arguments]
        return self.start(words + ["--", "sh", "-c", command or "cat"], **environment)

    def logs(self) -> str:
        texts = [path.read_text(errors="replace") for path in sorted(self.folder.glob("log-*"))]
        return "\n--- the workers' logs end with:\n" + "\n---\n".join(t[-1500:] for t in texts if t)

    def log(self, worker: subprocess.Popen) -> str:
        return (self.folder / f"log-{self.workers.index(worker)}").read_text(errors="replace")

    def stop(self, worker: subprocess.Popen, number: int = signal.SIGTERM, seconds: float = 30) -> int:
        if worker.poll() is None:
            worker.send_signal(number)
        try:
            return worker.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise HarnessError(f"a worker did not end in {seconds:.0f} s{self.logs()}") from None

    def trace(self, name: str) -> str | None:
        """What a command wrote into a file of the folder; None while it has not."""
        with contextlib.suppress(OSError):
            return (self.folder / name).read_text().strip() or None
        return None

    def await_trace(self, name: str) -> str:
        return wait_for(f"the command to write {name}", 30, lambda: self.trace(name))

    def close(self):
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_alive(pid: str) -> bool:
    """Whether a process is there and is no zombie that nobody reaps."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


# What every worker must do: the same jobs for each of them.
COMMAND = [sys.executable, "count.py"]
KINDS = {
    "cli": lambda bench, workflow: [
        *[bench.binary, "work", "--workflow", workflow, "--lease-seconds", str(LEASE_SECONDS), "--", *COMMAND]
    ],
    "python": lambda bench, workflow: [sys.executable, str(EXAMPLES / "worker.py"), workflow],
    "shell": lambda bench, workflow: ["sh", str(EXAMPLES / "worker.sh"), workflow, *COMMAND],
    "shell-python": lambda bench, workflow: ["sh", str(EXAMPLES / "worker.sh"), workflow, *COMMAND],
}


def run_kind(bench: Bench, kind: str):
    """Succeeds, fails for good, hears of a cancel, drops what is another's, and ends when told to."""
    environment = {"JSON_TOOL": "python3"} if kind == "shell-python" else {}
    worker = bench.start(KINDS[kind](bench, kind), **environment)
    good = bench.submit(kind, {"text": "one two 'three'\nand \"four\" ünf"})
    check(bench.await_job(good, "succeeded")["result"]["words"] == 6, "the words were not counted")
    bad = bench.await_job(bench.submit(kind, {"text": 5}), "failed", attempt=1)
    check("no text" in str(bad["error"]), f"the error does not say what was wrong: {bad['error']}")

    long = bench.submit(kind, {"text": "a b c d e f", "pause": 20})
    bench.await_job(long, "running")
    bench.client.call("POST", f"/api/v1/jobs/{long}/cancel").expect(200, 202)
    bench.await_job(long, "canceled")

    lost = bench.submit(kind, {"text": "a b", "pause": 3})
    bench.await_job(lost, "running")
    os.killpg(worker.pid, signal.SIGSTOP)
    claim = {"worker": "other", "workflows": [kind], "lease_seconds": 60, "wait_seconds": 20}
    taken = wait_for(
        "the lease to run out",
        60,
        lambda: bench.client.call("POST", "/api/v1/worker/claim", claim).expect(200).json["jobs"],
    )
    os.killpg(worker.pid, signal.SIGCONT)
    wait_for("the worker to drop the work", 60, lambda: "dropped" in bench.log(worker))
    done = {"lease_token": taken[0]["lease_token"], "result": {"by": "other"}}
    bench.client.call("POST", f"/api/v1/worker/jobs/{lost}/complete", done).expect(200)
    check(bench.job(lost)["result"] == {"by": "other"}, "the result is not that of the lease's holder")

    last = bench.submit(kind, {"text": "a b", "pause": 0.5})
    bench.await_job(last, "running")
    check(bench.stop(worker) == 0, f"SIGTERM did not end the worker well{bench.logs()}")
    check(bench.job(last)["status"] == "succeeded", "the job in hand did not end before the worker")


# What the worker of the command line does besides.


def run_environment(bench: Bench):
    """The command knows its job and none of the worker's secrets; what is no JSON is given as text."""
    worker = bench.work("environment", "--once", command="env; cat >&2; exit 0", LEVQOR_MASTER_KEY="secret")
    job_id = bench.submit("environment", {"number": 12345678901234567890})
    output = bench.await_job(job_id, "succeeded")["result"]["output"].splitlines()
    seen = dict(line.split("=", 1) for line in output if line.startswith("LEVQOR_"))
    names = ["ACCOUNT_ID", "ATTEMPT", "JOB_ID", "LEASE_TOKEN", "MAX_ATTEMPTS", "URL", "WORKFLOW"]
    check(sorted(seen) == [f"LEVQOR_{name}" for name in names], f"the command sees {sorted(seen)}")
    check(seen["LEVQOR_JOB_ID"] == job_id and seen["LEVQOR_ATTEMPT"] == "1", f"the command sees {seen}")
    check(bench.stop(worker, 0) == 0, "--once did not end well")
    check('{"number":12345678901234567890}' in bench.log(worker), "the payload did not come as it was")


def run_statuses(bench: Bench):
    """1 and a signal: tried again; 65: never; 75 with a wish: put off, and not counted."""

    def end_with(name: str, command: str) -> str:
        job_id = bench.submit(name)
        check(bench.stop(bench.work(name, "--once", command=command), 0) == 0, f"--once did not end well{bench.logs()}")
        return job_id

    job_id = end_with("exit-one", "echo it broke >&2; exit 1")
    error = bench.await_job(job_id, "queued")["attempts"][0]["error"]
    check(error["exit_code"] == 1 and error["stderr"] == "it broke", f"the error is {error}")
    job_id = end_with("exit-signal", "kill -9 $$")
    error = bench.await_job(job_id, "queued")["attempts"][0]["error"]
    check(error["signal"] == 9 and "exit_code" not in error, f"the error is {error}")
    bench.await_job(end_with("exit-data", "exit 65"), "failed", attempt=1)
    bench.await_job(end_with("exit-large", "head -c 300000 /dev/zero | tr '\\0' x"), "failed", attempt=1)
    job_id = end_with("exit-later", """echo '{"retry_after_seconds": 600}' >&3; exit 75""")
    at = bench.await_job(job_id, "queued")["attempts"][0]["outcome"]
    check(at == "failed", f"the attempt counts as {at}")
    job_id = end_with("exit-snooze", """echo '{"snooze_seconds": 600}' >&3; exit 75""")
    at = bench.await_job(job_id, "queued")["attempts"][0]["outcome"]
    check(at == "snoozed", f"the attempt counts as {at}")
    # Binary output, and a command that closes everything and reads nothing.
    check(
        bench.await_job(end_with("exit-binary", r"printf '\377\000b'"), "succeeded")["result"]
        == {"output": "\ufffd\ufffdb"},
        "binary output did not become text",
    )
    check(
        bench.await_job(end_with("exit-silent", "exec <&- >&- 2>&- 3>&-; exit 0"), "succeeded")["result"] is None,
        "no output is no result",
    )
    job_id = end_with("exit-behind", "sleep 600 & echo 5")
    check(bench.await_job(job_id, "succeeded")["result"] == 5, "a process left behind held up the result")


def run_notes(bench: Bench):
    """What the command says on descriptor 3 is seen while it works."""
    command = """echo '{"progress": {"done": 3}, "log": "careful", "level": "warning"}' >&3; echo plain >&3
        until [ -e notes-go ]; do sleep 0.1; done"""
    bench.work("notes", "--once", command=command)
    job_id = bench.submit("notes")
    bench.await_job(job_id, "running", progress={"done": 3})
    (bench.folder / "notes-go").touch()
    bench.await_job(job_id, "succeeded")
    lines = bench.server.sql(
        f"select level || ' ' || message from jobs.log where job_id = core.read_id('job', '{job_id}')"
    )
    check(sorted(lines.splitlines()) == ["info plain", "warning careful"], f"the logs are {lines!r}")


def run_concurrency(bench: Bench):
    """Four jobs at once, each of which waits for the other three."""
    command = "touch here-$LEVQOR_JOB_ID; until [ $(ls here-* | wc -l) = 4 ]; do sleep 0.1; done"
    worker = bench.work("many", "--concurrency", "4", "--drain", command=command)
    # Waits for nothing: it ended, because there was nothing to do.
    check(bench.stop(worker, 0) == 0, "--drain did not end on an empty queue")
    jobs = [bench.submit("many") for _ in range(4)]
    worker = bench.work("many", "--concurrency", "4", "--drain", command=command)
    for job_id in jobs:
        bench.await_job(job_id, "succeeded")
    check(bench.stop(worker, 0) == 0, "--drain did not end when all was done")


def run_cancel(bench: Bench):
    """A command that ignores SIGTERM gets SIGKILL, and its children too."""
    command = """trap '' TERM; sh -c 'echo $$ > stubborn; while :; do sleep 1; done' & wait"""
    worker = bench.work("stubborn", "--kill-seconds", "1", command=command)
    job_id = bench.submit("stubborn")
    child = bench.await_trace("stubborn")
    bench.client.call("POST", f"/api/v1/jobs/{job_id}/cancel").expect(200, 202)
    bench.await_job(job_id, "canceled")
    check(not is_alive(child), "a process of the canceled command goes on")
    check(bench.stop(worker) == 0, "the worker did not end well")


def run_stop(bench: Bench):
    """SIGTERM: what does not end in time is given back at once, and its attempt does not count."""
    worker = bench.work("slow", "--finish-seconds", "0", command="echo $$ > slow; sleep 600")
    job_id = bench.submit("slow")
    pid = bench.await_trace("slow")
    check(bench.stop(worker) == 0, f"the worker did not end well{bench.logs()}")
    check(not is_alive(pid), "the command goes on")
    shown = bench.job(job_id)
    check(
        shown["status"] == "queued" and shown["attempts"][0]["outcome"] == "snoozed",
        f"the job was not given back: {shown}",
    )
    bench.work("slow", "--once", command="echo 1")
    bench.await_job(job_id, "succeeded")


def run_kill(bench: Bench):
    """kill -9 of the worker leaves none of the command's processes, and the job goes to the next worker."""
    worker = bench.work("killed", command="sh -c 'echo $$ > grandchild; sleep 600; :' & echo $$ > child; wait")
    job_id = bench.submit("killed")
    pids = [bench.await_trace("child"), bench.await_trace("grandchild")]
    check(all(is_alive(pid) for pid in pids), "the command does not run")
    bench.stop(worker, signal.SIGKILL)
    wait_for("the command's processes to end", 30, lambda: not any(is_alive(pid) for pid in pids))
    bench.work("killed", "--once", command="echo 1")
    check(bench.await_job(job_id, "succeeded")["attempt"] == 2, "the job was not worked on again")


def run_outage(bench: Bench):
    """The server dies while a command works: the report is repeated until a server is there, and counts once."""
    worker = bench.work(
        "outage", "--once", command="echo $$ > outage; until [ -e outage-go ]; do sleep 0.1; done; echo 7"
    )
    job_id = bench.submit("outage")
    bench.await_trace("outage")
    bench.server.kill()
    bench.client.close()
    (bench.folder / "outage-go").touch()
    wait_for("the report to be tried", 60, lambda: "report was not answered" in bench.log(worker))
    bench.server.start()
    check(bench.await_job(job_id, "succeeded")["result"] == 7, "the report was lost")
    check(bench.stop(worker, 0) == 0, "the worker did not end well")


def run_refusals(bench: Bench):
    """What can not work is said at once, and leaves every job alone."""
    job_id = bench.submit("refused")
    worker = bench.work("refused", LEVQOR_API_KEY="lvk_live_wrong")
    check(bench.stop(worker, 0) == 1 and "401" in bench.log(worker), f"a wrong key: {bench.log(worker)}")
    worker = bench.start([bench.binary, "work", "--workflow", "refused", "--", "no-such-program"])
    check(bench.stop(worker, 0) == 1 and "no such program" in bench.log(worker), f"no program: {bench.log(worker)}")
    worker = bench.start([bench.binary, "work", "--", "cat"])
    check(bench.stop(worker, 0) == 64 and "--workflow" in bench.log(worker), f"no workflow: {bench.log(worker)}")
    check(bench.job(job_id)["attempt"] == 0, "a job was touched")


def main() -> int:
    tests = {kind: lambda bench, kind=kind: run_kind(bench, kind) for kind in KINDS} | {
        name.removeprefix("run_"): test
        for name, test in globals().items()
        if name.startswith("run_") and name != "run_kind"
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--psql", required=True)
    parser.add_argument("tests", nargs="*", default=list(tests), help=" ".join(tests))
    arguments = parser.parse_args()
    end_on_signals()
    failed = 0
    try:
        with Server(arguments.server, arguments.psql, name="worker") as server:
            server.start()
            server.sql(RAISE_LIMITS)
            for name in arguments.tests:
                start = time.monotonic()
                bench = Bench(server, arguments.server)
                try:
                    tests[name](bench)
                    print(f"  ok    {name} ({time.monotonic() - start:.1f} s)", flush=True)
                except Exception as error:
                    failed += 1
                    text = error if isinstance(error, HarnessError) else traceback.format_exc()
                    print(f"  FAIL  {name}: {text}", flush=True)
                finally:
                    bench.close()
    except HarnessError as error:
        print(f"  FAIL  {error}")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
