"""The first bench: our server beside pgbench on the same entry point, and beside Flask + gunicorn on the same SQL.

Every figure is measured in several rounds, one contender after the other in each round, so that a drift of the machine
meets all of them. Writes bench/results/first.json. See bench/README.md.
"""

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from harness import RAISE_LIMITS, ROOT, Client, HarnessError, Server, end_on_signals, free_port, wait_for

CLIENTS, PGBENCH_CLIENTS = 256, 16
RESULTS = ROOT / "bench" / "results" / "first.json"
KINDS = {"intake": "guarded intake", "status": "status read", "health": "trivial route"}
NAMES = {"server": "our server", "pgbench": "pgbench, one call", "flask": "Flask + gunicorn"}
INTAKE_RATIO_BAR = 2.0

MAKE_CALLERS = """
create schema bench;
create table bench.caller (
    n integer primary key, account_id uuid not null, key text not null, address text not null, job text
);
with account as materialized (
    insert into identity.account (name) select 'Bench ' || n from generate_series(1, {accounts}) as n returning id
),
numbered as (select id, row_number() over () as n from account)
insert into bench.caller (n, account_id, key, address)
select a.n, a.id, k.key, format('10.%s.%s.%s', a.n / 65536, a.n / 256 % 256, a.n % 256)
from numbered as a
cross join lateral keys.create_key(a.id, 'bench', '{{jobs:submit,jobs:read}}') as k;
do $$
declare
    v_caller bench.caller;
begin
    for v_caller in select c.* from bench.caller as c loop
        update bench.caller as c
        set job = (
            select core.show_id('job', j.id) from jobs.submit_job(v_caller.account_id, 'bench', '{{"n": 1}}') as j
        )
        where c.n = v_caller.n;
    end loop;
end;
$$;
grant usage on schema bench to levqor_server;
grant select on bench.caller to levqor_server;
"""

# One call a statement. The caller is looked up by primary key, which costs little beside the call. An answer other than
# 2xx divides by zero, which ends pgbench with an error.
PGBENCH_CALL = """\\set n random(1, {accounts})
select 1 / (coalesce(h.status, 500) < 300)::integer
from bench.caller as c cross join lateral http.handle_many(
    array['bench'], array[{route}], array[{version}], array[c.key], array[c.address], array['pgbench'],
    array[{parameters}], array[{body}]::text[], array['{{}}']::jsonb[]
) as h
where c.n = :n;
"""
BODY = '{"workflow":"bench","payload":{"order":4711,"items":["a","b","c"],"note":"a payload of usual size"}}'


class Bench:
    def __init__(self, arguments, server: Server, work: Path):
        self.arguments, self.server, self.work = arguments, server, work
        self.callers = work / "callers"
        self.flask_url = ""
        self.runs: dict[tuple[str, str], list[dict]] = {}

    def prepare(self):
        """Callers, raised policies, and proof that commits are durable."""
        self.server.start()
        self.server.sql(RAISE_LIMITS)
        url = self.server.database_url()
        durable = self.sql("select current_setting('fsync') || ' ' || current_setting('synchronous_commit')")
        if durable != "on on":
            raise HarnessError(f"commits are not durable: fsync and synchronous_commit are {durable}")
        print(f"making {self.arguments.accounts} accounts with a key, an address and a job each", flush=True)
        self.sql("grant create on database levqor to levqor_owner", machinery=False)
        self.sql(MAKE_CALLERS.format(accounts=self.arguments.accounts))
        self.callers.write_text(
            self.sql("select key || ' ' || address || ' /api/v1/status/' || job from bench.caller order by n")
        )
        self.sql("vacuum analyze", machinery=False)
        for kind, method, path in (("intake", "POST", "/api/v1/intake"), ("status", "GET", "/api/v1/status/{job_id}")):
            route = self.sql(
                f"select id || ' ' || version from http.route where method = '{method}' and path = '{path}'"
            )
            number, version = route.split()
            (self.work / f"{kind}.sql").write_text(
                PGBENCH_CALL.format(
                    accounts=self.arguments.accounts,
                    route=number,
                    version=version,
                    parameters="'{}'" if kind == "intake" else """format('{"job_id": "%s"}', c.job)""",
                    body=f"'{BODY}'" if kind == "intake" else "null",
                )
            )
        return url

    def sql(self, text: str, machinery: bool = True) -> str:
        return self.server.sql(text, machinery=machinery)

    @contextlib.contextmanager
    def flask(self, url: str):
        """gunicorn with 2 workers of 4 threads, as the replaced system ran."""
        port = free_port()
        self.flask_url = f"http://127.0.0.1:{port}"
        log = (self.work / "flask.log").open("wb")
        command = [sys.executable, "-m", "gunicorn", "--chdir", str(ROOT / "bench"), "--bind", f"127.0.0.1:{port}"]
        command += ["--workers", "2", "--threads", "4", "--log-level", "warning", "flask_app:app"]
        process = subprocess.Popen(
            command, env=self.server.environment | {"BENCH_DATABASE_URL": url}, stdout=log, stderr=log
        )

        def answers() -> bool:
            if process.poll() is not None:
                raise HarnessError(f"gunicorn ended: {(self.work / 'flask.log').read_text()[-2000:]}")
            with contextlib.suppress(OSError):
                return Client(self.flask_url, timeout=5).call("GET", "/health").status == 200
            return False

        try:
            wait_for("gunicorn", 30, answers)
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()

    def check_equal(self):
        """Both stacks must give the same answers before their speed is worth a comparison."""
        key, address, path = self.callers.read_text().splitlines()[0].split()
        for url in (self.server.url, self.flask_url):
            client, headers = Client(url, key), {"X-Forwarded-For": address}
            taken = client.call("POST", "/api/v1/intake", BODY.encode(), headers).expect(202)
            if "RateLimit" not in taken.headers:
                raise HarnessError(f"{url} does not limit the intake: {taken.headers}")
            client.call("GET", path, headers=headers).expect(200)
            client.call("GET", "/health", headers=headers).expect(200)

    def measure_http(self, url: str, kind: str, seconds: float) -> dict:
        done = subprocess.run(
            [self.arguments.wrk, "-t2", f"-c{CLIENTS}", f"-d{seconds:.0f}s", "--timeout", "10s"]
            + ["-s", str(ROOT / "bench" / "load.lua"), url, "--", str(self.callers), kind],
            capture_output=True,
            text=True,
            timeout=seconds + 60,
        )
        found = re.search(r"^RESULT (.*)$", done.stdout, flags=re.MULTILINE)
        if not found:
            raise HarnessError(f"wrk gave no result: {done.stdout}{done.stderr}")
        result = json.loads(found[1])
        return {
            "rate": result["requests"] / result["seconds"],
            "p50_ms": result["p50_ms"],
            "p99_ms": result["p99_ms"],
            "failed": result["refused"] + result["broken"],
        }

    def measure_pgbench(self, kind: str, seconds: float) -> dict:
        with tempfile.TemporaryDirectory(dir=self.work) as logs:
            done = subprocess.run(
                [str(self.arguments.pg_bin / "pgbench"), "--no-vacuum", "--protocol=prepared", "--log"]
                + [f"--log-prefix={logs}/log", f"--client={PGBENCH_CLIENTS}", "--jobs=2", f"--time={seconds:.0f}"]
                + [f"--file={self.work / kind}.sql", self.server.database_url()],
                env=self.server.environment | {"PGOPTIONS": "-c role=levqor_server"},
                capture_output=True,
                text=True,
                timeout=seconds + 60,
            )
            if done.returncode != 0:
                raise HarnessError(f"pgbench failed: {done.stderr[-2000:]}")
            times = sorted(
                int(line.split()[2]) / 1000 for log in Path(logs).iterdir() for line in log.read_text().splitlines()
            )
        rate = re.search(r"^tps = ([0-9.]+)", done.stdout, flags=re.MULTILINE)
        failed = re.search(r"^number of failed transactions: (\d+)", done.stdout, flags=re.MULTILINE)
        return {
            "rate": float(rate[1]),
            "p50_ms": times[len(times) // 2],
            "p99_ms": times[len(times) * 99 // 100],
            "failed": int(failed[1]) if failed else 0,
        }

    def measure(self, contender: str, kind: str, seconds: float) -> dict:
        if contender == "pgbench":
            return self.measure_pgbench(kind, seconds)
        return self.measure_http(self.server.url if contender == "server" else self.flask_url, kind, seconds)

    def run(self):
        pairs = [(c, k) for k in KINDS for c in NAMES if (c, k) != ("pgbench", "health")]
        print("warming up", flush=True)
        for contender, kind in pairs:
            self.measure(contender, kind, 1)
        for number in range(1, self.arguments.rounds + 1):
            for contender, kind in pairs:
                # What the one before left behind is not paid by the next.
                self.sql("checkpoint", machinery=False)
                result = self.measure(contender, kind, self.arguments.seconds)
                self.runs.setdefault((contender, kind), []).append(result)
                print(
                    f"round {number}: {KINDS[kind]:15} {NAMES[contender]:18} {result['rate']:8.0f}/s"
                    f"  p50 {result['p50_ms']:7.2f} ms  p99 {result['p99_ms']:7.2f} ms"
                    + (f"  {result['failed']} FAILED" if result["failed"] else ""),
                    flush=True,
                )


def middle(runs: list[dict], name: str) -> tuple[float, float, float]:
    values = [run[name] for run in runs]
    return statistics.median(values), min(values), max(values)


def report(runs: dict[tuple[str, str], list[dict]], accounts: int) -> list[dict]:
    figures = []

    def add(figure: str, value: float, unit: str, spread=None, bar=None, failed: int = 0):
        # Without a bar there is nothing to hold, but a failed request is a fault all the same.
        holds = False if failed else None if bar is None else value >= bar
        entry = {"figure": figure, "value": round(value, 3), "unit": unit, "bar": bar, "holds": holds}
        if spread:
            entry["spread"] = [round(v, 3) for v in spread]
        if failed:
            entry["failed_requests"] = failed
        figures.append(entry)

    print(f"\n{'':16}{'':19}{'median/s':>10}{'spread':>17}{'p50 ms':>9}{'p99 ms':>9}{'ours is':>9}")
    for kind, title in KINDS.items():
        ours = middle(runs["server", kind], "rate")[0]
        for contender, name in NAMES.items():
            if (contender, kind) not in runs:
                continue
            results = runs[contender, kind]
            failed = sum(run["failed"] for run in results)
            rate, low, high = middle(results, "rate")
            p50, p99 = middle(results, "p50_ms")[0], middle(results, "p99_ms")[0]
            ratio = "" if contender == "server" else f"{ours / rate:.2f}x"
            print(f"{title:16}{name:19}{rate:10.0f}{low:9.0f}-{high:<7.0f}{p50:9.2f}{p99:9.2f}{ratio:>9}")
            add(f"{title}, {name}", rate, "requests/s", (low, high), failed=failed)
            add(f"{title}, {name}, p50", p50, "ms", failed=failed)
            add(f"{title}, {name}, p99", p99, "ms", failed=failed)
            if contender != "server":
                # By round: each ratio is of two runs that stood side by side.
                ratios = [a["rate"] / b["rate"] for a, b in zip(runs["server", kind], results, strict=True)]
                failed += sum(run["failed"] for run in runs["server", kind])
                bar = INTAKE_RATIO_BAR if (kind, contender) == ("intake", "flask") else None
                spread = (min(ratios), max(ratios))
                add(f"{title}, ours to {name}", statistics.median(ratios), "ratio", spread, bar, failed)
    print(
        f"\n{accounts} accounts, keys and addresses; {CLIENTS} HTTP clients, {PGBENCH_CLIENTS} pgbench; durable commits"
    )
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--pg-bin", required=True, type=Path)
    parser.add_argument("--wrk", default="wrk")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--accounts", type=int, default=10_000)
    arguments = parser.parse_args()
    end_on_signals()
    start = time.monotonic()
    environment = {"LEVQOR_TRUSTED_PROXIES": "127.0.0.0/8", "LEVQOR_LOG_LEVEL": "error"}
    try:
        with Server(arguments.server, str(arguments.pg_bin / "psql"), environment, name="bench") as server:
            bench = Bench(arguments, server, server.directory)
            url = bench.prepare()
            with bench.flask(url):
                bench.check_equal()
                bench.run()
    except HarnessError as error:
        print(f"bench: failed: {error}", file=sys.stderr)
        return 1
    figures = report(bench.runs, arguments.accounts)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    barred = [f for f in figures if f["bar"] is not None or f.get("failed_requests")]
    held = sum(f["holds"] for f in barred)
    for figure in barred:
        if not figure["holds"]:
            print(
                f"does not hold: {figure['figure']} is {figure['value']}, the bar {figure['bar']}, "
                f"failed requests {figure.get('failed_requests', 0)}"
            )
    print(f"took {time.monotonic() - start:.0f} s; written to {os.path.relpath(RESULTS, ROOT)}")
    print(f"{held} of {len(barred)} bars hold")
    return 0 if held == len(barred) else 1


if __name__ == "__main__":
    sys.exit(main())
