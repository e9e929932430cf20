"""The stage: our server with a database of its own, 10,000 callers, a guard that counts all and refuses nobody."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import psycopg
from harness import ROOT, Answer, Client, HarnessError, Server, wait_for

from .closed_loop import Pgbench
from .requests import BODY, make_request, write_requests

SCOPES = ("key", "address", "account", "all")
INTAKE, STATUS = "/api/v1/intake", "/api/v1/status/{job_id}"

# 100,000 calls a second and a million at once: never refused, always counted.
POLICIES = """
update limits.policy set quota = 100000, burst = 1000000, window_seconds = 1;
insert into limits.policy (name, scope, route_class, quota, burst, window_seconds)
select format('gate-%s-%s', c.route_class, s.scope), s.scope, c.route_class, 100000, 1000000, 1
from (
    select distinct r.limit_class as route_class
    from http.route as r
    where (r.method, r.path) in (('POST', '/api/v1/intake'), ('GET', '/api/v1/status/{job_id}'))
        and r.limit_class is not null
) as c
cross join unnest(array['key', 'address', 'account', 'all']) as s (scope)
where not exists (
    select from limits.policy as p
    where p.route_class in (c.route_class, '*') and p.scope = s.scope and p.is_enabled
);
"""
TIER = """
insert into quota.tier (name, calls_per_month, description)
values ('gate', 1000000000, 'Counted, and never used up in a bench.');
"""
CALLERS = """
create table bench.caller (
    n integer primary key, account_id uuid not null, key text not null, address text not null, job text
);
with account as materialized (
    insert into identity.account (name, tier)
    select 'Gate ' || n, 'gate' from generate_series(1, {accounts}) as n returning id
),
numbered as (select id, row_number() over () as n from account)
insert into bench.caller (n, account_id, key, address)
select a.n, a.id, k.key, format('10.%s.%s.%s', a.n / 65536, a.n / 256 % 256, a.n % 256)
from numbered as a
cross join lateral keys.create_key(a.id, 'gate', '{{jobs:submit,jobs:read}}') as k;
grant select on bench.caller to levqor_server;
"""
# History may not be changed: only a superuser who switches triggers off can take the jobs of a bench away.
EMPTY_JOBS = """
set session_replication_role = replica;
truncate jobs.submission, jobs.waiting, jobs.running, jobs.outcome, jobs.attempt, jobs.event, jobs.log, jobs.unique_key,
    jobs.tally_change;
"""
MAKE_JOBS = """
update bench.caller as c
set job = (select core.show_id('job', j.id) from jobs.submit_job(c.account_id, 'bench', '{"n": 1}') as j);
"""
COUNTS = """
select jsonb_build_object(
    'jobs', (select count(*) from jobs.submission),
    'quota', (select coalesce(sum(u.used), 0) from quota.usage as u),
    'access', (select count(*) from access.request),
    'scopes', (
        select coalesce(jsonb_agg(distinct p.scope), '[]')
        from limits.bucket as b
        inner join limits.policy as p on p.id = b.policy_id
        where b.full_at > now() - interval '1 minute'
            and p.route_class in ('*', (
                select r.limit_class from http.route as r where r.method = 'POST' and r.path = '/api/v1/intake'
            ))
    )
)
"""
# pgbench knows no table of callers, so each statement looks its caller up by primary key. An answer that is no success
# divides by zero, which ends pgbench.
BASELINE_SCRIPT = """\\set n {caller}
select 1 / (i.refusal is null)::integer
from bench.caller as c cross join lateral bench.baseline_intake(
    c.key, c.address, 'bench', '{payload}'::jsonb
) as i
where c.n = :n;
"""
ONE_CALL_SCRIPT = """\\set n {caller}
select 1 / (coalesce(h.status, 500) < 300)::integer
from bench.caller as c cross join lateral http.handle_many(
    array['gate'], array[{route}], array[{version}], array[c.key], array[c.address], array['pgbench'], array['{{}}'],
    array['{body}'], array['{{}}']::jsonb[]
) as h
where c.n = :n;
"""


class Stage:
    def __init__(self, server: Server, pg_bin: Path, wrk: str, accounts: int):
        self.server, self.pg_bin, self.wrk, self.accounts = server, pg_bin, wrk, accounts
        self.work = server.directory / "gate"
        self.work.mkdir()
        self.url = ""

    def sql(self, text: str, machinery: bool = True) -> str:
        return self.server.sql(text, machinery=machinery)

    def prepare(self):
        self.server.start()
        self.url = self.server.database_url()
        # Kept open: what stands between two runs should not be the start of a psql.
        self.admin = psycopg.connect(self.url, autocommit=True)
        self.prove_durable()
        self.sql("grant create on database levqor to levqor_owner", machinery=False)
        self.sql((ROOT / "bench" / "baseline.sql").read_text() + POLICIES + TIER)
        print(f"  making {self.accounts} accounts, each with a key, an address and a job", flush=True)
        self.sql(CALLERS.format(accounts=self.accounts))
        self.start_afresh()
        self.callers = [
            line.split()
            for line in self.sql("select c.key, c.address from bench.caller as c order by c.n", machinery=True)
            .replace("|", " ")
            .splitlines()
        ]
        self.intake_file = self.write("intake", self.make_intake(self.callers))
        self.intake_one_file = self.write("intake-one", self.make_intake(self.callers[:1]))
        self.write_scripts()
        environment = self.server.environment | {"PGOPTIONS": "-c role=levqor_server"}
        self.pgbench = Pgbench(self.pg_bin / "pgbench", self.url, environment, self.work)

    def prove_durable(self):
        """As the server's role sees it: a setting of the role or the database would count too."""
        with psycopg.connect(self.url, options="-c role=levqor_server") as connection:
            query = "select current_setting('fsync'), current_setting('synchronous_commit')"
            durable = connection.execute(query).fetchone()
        overridden = self.admin.execute(
            "select s.setconfig::text from pg_db_role_setting as s where s.setconfig::text ~ 'synchronous_commit|fsync'"
        ).fetchall()
        if durable != ("on", "on") or overridden:
            raise HarnessError(f"commits are not durable: fsync, synchronous_commit are {durable}, {overridden}")

    def start_afresh(self):
        """Takes all jobs away and gives each caller one; empties the logs. So each row starts from the same state."""
        self.sql(EMPTY_JOBS, machinery=False)
        self.sql(MAKE_JOBS)
        self.sql("vacuum analyze", machinery=False)
        # Not before each run: the first change of each page after a checkpoint costs the whole page in the log, which
        # would weigh most on those who make few requests.
        self.sql("checkpoint", machinery=False)
        for log in [self.server.log, *self.work.glob("*.log")]:
            os.truncate(log, 0)
        self.jobs = self.sql("select c.job from bench.caller as c order by c.n").splitlines()

    def count_wal_syncs(self) -> int:
        return self.admin.execute("select wal_sync from pg_stat_wal").fetchone()[0]

    def write(self, name: str, requests: list[bytes]) -> Path:
        return write_requests(self.work / f"{name}.requests", requests)

    def make_intake(self, callers: list[list[str]]) -> list[bytes]:
        return [make_request("POST", INTAKE, key, address, BODY) for key, address in callers]

    def find_route(self, method: str, path: str) -> dict:
        found = self.sql(f"select to_jsonb(r) from http.route as r where r.method = '{method}' and r.path = '{path}'")
        if not found:
            raise HarnessError(f"there is no route {method} {path}")
        return json.loads(found)

    def write_scripts(self):
        route = self.find_route("POST", INTAKE)
        payload = json.dumps(json.loads(BODY)["payload"], separators=(",", ":"))
        for suffix, caller in (("", f"random(1, {self.accounts})"), ("-one", "1")):
            (self.work / f"baseline{suffix}.sql").write_text(BASELINE_SCRIPT.format(caller=caller, payload=payload))
            (self.work / f"one-call{suffix}.sql").write_text(
                ONE_CALL_SCRIPT.format(caller=caller, route=route["id"], version=route["version"], body=BODY)
            )

    def call(self, method: str, path: str, caller: int = 0, body: str | None = None) -> Answer:
        key, address = self.callers[caller]
        client = Client(self.server.url, key)
        try:
            return client.call(
                method,
                path,
                None if body is None else body.encode(),
                {"X-Forwarded-For": address, "User-Agent": "gate"},
            )
        finally:
            client.close()

    def add_route(self, columns: dict):
        """Adds a row of http.route and waits until the server knows it."""
        names = ", ".join(columns)
        values = ", ".join(f"r.{name}" for name in columns)
        row = json.dumps(columns).replace("'", "''")
        self.sql(
            f"insert into http.route ({names}) select {values}"
            f" from jsonb_populate_record(null::http.route, '{row}'::jsonb) as r"
        )
        wait_for(
            f"the server to know {columns['method']} {columns['path']}",
            15,
            lambda: self.call(columns["method"], columns["path"], body=body_of(columns["method"])).status != 404,
        )

    def prove_guard(self, run) -> dict:
        """One run, which every part of the guard must have counted: jobs, quota, access record, four buckets."""
        before = self.count()
        done = run()
        wait_for(
            "the access record to hold every request",
            5,
            lambda: self.count()["access"] - before["access"] >= done.requests,
        )
        after = self.count()
        grown = {name: after[name] - before[name] for name in ("jobs", "quota", "access")}
        if grown["jobs"] < done.requests or grown["quota"] != grown["jobs"]:
            raise HarnessError(f"{done.requests} requests were answered, but the guard counted {grown}")
        if set(after["scopes"]) != set(SCOPES):
            raise HarnessError(f"rate buckets were charged for {after['scopes']} only, not for {SCOPES}")
        return {"requests": done.requests, **grown, "buckets": after["scopes"]}

    def count_dropped(self) -> int:
        """Rows of the access record that the server could not keep."""
        return int(self.sql("select coalesce(sum(d.rows), 0) from access.dropped as d"))

    def count(self) -> dict:
        time.sleep(0.3)
        return json.loads(self.sql(COUNTS))


def body_of(method: str) -> str | None:
    return None if method == "GET" else BODY
