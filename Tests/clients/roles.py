"""Roles: two servers that answer HTTP only and two processes that only react share one database and its work."""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gate"))

from harness import RAISE_LIMITS, Client, HarnessError, Receiver, Server, end_on_signals, wait_for
from parts import MASTER_KEY, Origin, Peer

JOBS = 100
LOOPS = {"http": {"access", "listen", "presence"}, "reactor": {"clock", "listen", "outbox", "outbox_report"}}


class Reactor(Peer):
    """A process with the outbox and the clock only; of its addresses there is one."""

    def start(self, seconds: float = 120):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "react", "--directory", str(self.directory), "--admin-port", str(self.admin_port)],
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        wait_for("the reactor to be ready", seconds, self.is_ready)

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise HarnessError(f"it ended with {self.process.returncode} while it started\n{self.tail()}")
        try:
            return Client(self.admin_url, timeout=5).call("GET", "/ready").status == 200
        except (OSError, http.client.HTTPException):
            return False


def check(holds: bool, text: str):
    if not holds:
        raise HarnessError(text)


def metrics(server: Server) -> dict[str, float]:
    lines = Client(server.admin_url).call("GET", "/metrics").expect(200).text.splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def check_loops(server: Server, role: str):
    """A process tells the ages of the loops that it runs, and none of the other role's."""
    seen = metrics(server)
    prefix = 'levqor_loop_seconds_since_success{loop="'
    found = {name[len(prefix) : -2] for name in seen if name.startswith(prefix)}
    others = set().union(*LOOPS.values()) - LOOPS[role]
    check(found >= LOOPS[role] and not found & others, f"{role} has the loops {sorted(found)}")
    roles = {r for r in ("http", "reactor") if seen[f'levqor_role{{role="{r}"}}'] == 1}
    check(roles == {role}, f"it says of itself that it has the roles {sorted(roles)}")


def finish_jobs(submit: Client, work: Client, callback: str, count: int) -> set[str]:
    """Hands jobs in on one server and works them off on another; each writes a webhook."""
    body = {"workflow": "roles", "payload": {}, "callback_url": callback}
    jobs = {submit.call("POST", "/api/v1/intake", body).expect(202).json["job_id"] for _ in range(count)}
    left = set(jobs)
    claim = {"worker": "w", "workflows": ["roles"], "max": 50, "wait_seconds": 20}
    while left:
        for job in work.call("POST", "/api/v1/worker/claim", claim).expect(200).json["jobs"]:
            done = {"lease_token": job["lease_token"], "result": {}}
            work.call("POST", f"/api/v1/worker/jobs/{job['job_id']}/complete", done).expect(200)
            left.remove(job["job_id"])
    return jobs


def run(origin: Origin, binary: str, psql: str, receiver: Receiver, others: list[Server]):
    origin.options = ("--no-reactor",)
    origin.start()
    origin.sql(RAISE_LIMITS)
    peer = Peer(origin, "roles-peer")
    others.append(peer)
    # The variable does as the option.
    peer.environment["LEVQOR_ROLES"] = "http"
    peer.start()
    for server in (origin, peer):
        check_loops(server, "http")
    account = origin.sql("select identity.create_account('Roles')")
    origin.sql(f"select quota.set_tier('{account}', 'enterprise')")
    key = origin.sql(f"select key from keys.create_key('{account}', 'r', '{{jobs:submit,jobs:read,jobs:work}}')")
    clients = Client(origin.url, key), Client(peer.url, key)

    def arrived() -> Counter:
        return Counter(json.loads(body)["data"]["job_id"] for _, body in list(receiver.requests))

    jobs = finish_jobs(*clients, receiver.url, JOBS)
    check(not receiver.requests, "a server without the role sent a webhook")
    reactors = [Reactor(origin, f"roles-react-{number}") for number in (1, 2)]
    for reactor in reactors:
        others.append(reactor)
        reactor.start()
        check_loops(reactor, "reactor")
        try:
            Client(reactor.url, timeout=2).call("GET", "/health")
            raise HarnessError("a process that only reacts answers on a public port")
        except OSError:
            pass
    jobs |= finish_jobs(*clients, receiver.url, JOBS)
    receiver.wait_until("the webhooks of all jobs", 60, lambda: set(arrived()) == jobs)
    check(max(arrived().values()) == 1, "a webhook was sent by both")

    reactors[0].kill()
    reactors[0].process = None
    jobs |= finish_jobs(*clients, receiver.url, JOBS)
    # What the killed one had in its hands comes again under its id when the lease is over; it had none.
    receiver.wait_until("the webhooks after a kill -9", 60, lambda: set(arrived()) == jobs)
    seen = origin.sql("select count(*) from ops.server where seen_at > now() - interval '1 minute'")
    check(int(seen) == 4, f"{seen} servers were seen alive; there were four")
    for server in [reactors[1], peer]:
        check(server.stop(seconds=21), "SIGTERM did not end it well")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--psql", required=True)
    arguments = parser.parse_args()
    end_on_signals()
    receiver = Receiver()
    start = time.monotonic()
    environment = {"LEVQOR_MASTER_KEY": MASTER_KEY, "LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8"}
    others: list[Server] = []
    try:
        with Origin(arguments.server, arguments.psql, environment, name="roles") as origin:
            try:
                run(origin, arguments.server, arguments.psql, receiver, others)
            finally:
                for server in others:
                    server.clean_up()
        print(f"  ok    roles ({time.monotonic() - start:.1f} s)")
        return 0
    except HarnessError as error:
        print(f"  FAIL  roles: {error}")
        return 1
    finally:
        receiver.close()


if __name__ == "__main__":
    sys.exit(main())
