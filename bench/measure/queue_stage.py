"""The stage of the queue's bench: our server on its own PostgreSQL, databases for the peers beside it, one account."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
from harness import RAISE_LIMITS, ROOT, HarnessError, Server

from . import machine

MEASURE = ROOT / "bench" / "measure"
PYTHONPATH = os.pathsep.join(str(ROOT / part) for part in ("bench", "bench/peers", "scripts"))
PEERS = ROOT / "bench" / "peers"
# Calls of the month are counted, and never used up.
TIER = """
insert into quota.tier (name, calls_per_month, description) values ('bench', 1000000000, 'For a bench.');
insert into identity.account (name, tier) values ('Bench', 'bench') returning id;
"""
# All that came and went, and nothing that is configured. History may not be changed: only a superuser who switches
# triggers off can take it away.
EMPTY = """
do $$
declare
    v_tables text;
begin
    perform set_config('session_replication_role', 'replica', false);
    select string_agg(c.oid::regclass::text, ', ') into v_tables
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('jobs', 'outbox') and c.relkind in ('r', 'p') and not c.relispartition
        and c.relname not in ('concurrency', 'endpoint')
        and exists (select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'account_id');
    execute 'truncate ' || v_tables;
end
$$;
"""


class QueueStage:
    def __init__(self, server: Server, pg_bin: Path, wrk: str):
        self.server, self.pg_bin, self.wrk = server, pg_bin, wrk
        self.work = server.directory / "queue"
        self.work.mkdir()
        self.url = self.account = self.key = ""

    def prepare(self):
        self.server.start()
        self.url = self.server.database_url()
        self.admin = psycopg.connect(self.url, autocommit=True)
        self.prove_durable()
        self.sql(RAISE_LIMITS)
        self.account = self.sql(TIER)
        scopes = "{jobs:submit,jobs:read,jobs:work}"
        self.key = self.sql(f"select key from keys.create_key('{self.account}', 'bench', '{scopes}')")
        for name in ("bench_pgqueuer", "bench_procrastinate"):
            self.admin.execute(f"create database {name}")

    def sql(self, text: str, machinery: bool = True) -> str:
        return self.server.sql(text, machinery=machinery)

    def prove_durable(self):
        """As the roles see it: a setting of a role or a database would count too."""
        for options in ("", "-c role=levqor_server"):
            with psycopg.connect(self.url, options=options) as connection:
                query = "select current_setting('fsync'), current_setting('synchronous_commit')"
                durable = connection.execute(query).fetchone()
            if durable != ("on", "on"):
                raise HarnessError(f"commits are not durable: fsync, synchronous_commit are {durable}")
        overridden = self.admin.execute(
            "select s.setconfig::text from pg_db_role_setting as s where s.setconfig::text ~ 'synchronous_commit|fsync'"
        ).fetchall()
        if overridden:
            raise HarnessError(f"commits may not be durable for all: {overridden}")

    def url_of(self, database: str) -> str:
        """The same cluster, another database."""
        head, _, query = self.url.partition("?")
        return head.rpartition("/")[0] + f"/{database}" + (f"?{query}" if query else "")

    @property
    def environment(self) -> dict[str, str]:
        """Of the processes that make load."""
        return self.server.environment | {"BENCH_ACCOUNT": self.account, "PYTHONPATH": PYTHONPATH}

    def postmaster(self) -> int:
        return self.server.postmaster()

    def empty(self):
        """Takes all jobs and messages away, so that each run starts from the same state."""
        self.admin.execute(EMPTY)
        self.admin.execute("set session_replication_role = origin")
        self.admin.execute("vacuum analyze")

    def start_afresh(self):
        """Before a row, not before each run: the first change of each page after a checkpoint writes the whole page."""
        self.empty()
        self.admin.execute("checkpoint")
        os.truncate(self.server.log, 0)

    def run_load(self, script: str, *arguments: object, seconds: float) -> dict:
        """Runs one of the load generators of this folder, and gives what it tells, with the shares of all."""
        postgres, own = machine.tree_seconds(self.postmaster()), machine.tree_seconds(self.server.process.pid)
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(MEASURE / script), *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds + 90,
        )
        if done.returncode != 0:
            raise HarnessError(f"{script} failed: {done.stderr[-2000:]}")
        whole = (time.monotonic() - began) * machine.PROCESSORS
        told = json.loads(done.stdout.splitlines()[-1])
        told["shares"] = {
            "load": round(told.get("busy", 0) / whole, 3),
            "server": round((machine.tree_seconds(self.server.process.pid) - own) / whole, 3),
            "postgres": round((machine.tree_seconds(self.postmaster()) - postgres) / whole, 3),
        }
        return told

    def log_of(self, script: str) -> str:
        """The end of what one that was started has said on its standard error."""
        log = self.work / f"{script}.log"
        return log.read_text(errors="replace")[-1500:] if log.exists() else ""

    @contextlib.contextmanager
    def start_load(self, script: str, *arguments: object) -> Iterator[subprocess.Popen]:
        """Runs one that goes on until its standard input ends."""
        process = subprocess.Popen(
            [sys.executable, str(MEASURE / script), *map(str, arguments)],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(self.work / f"{script}.log").open("ab"),
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.stdin.close()
                try:
                    process.wait(timeout=15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    @contextlib.contextmanager
    def receiver(self, *arguments: object) -> Iterator[Receiver]:
        with self.start_load("queue_receiver.py", *arguments) as process:
            line = process.stdout.readline().strip()
            if not line:
                raise HarnessError(f"the receiver did not start; see {self.work / 'queue_receiver.py.log'}")
            yield Receiver(int(line), process.pid)


class Receiver:
    """The receiver of webhooks, a process of its own."""

    def __init__(self, port: int, pid: int):
        self.port, self.pid = port, pid

    def ask(self, path: str = "/") -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return json.load(answer)

    @property
    def count(self) -> int:
        return self.ask()["count"]
