"""Schemathesis fuzzes every operation: no server error, no undocumented answer, and fewer than 5 % of answers 429."""

import json
import subprocess
import sys
from collections import Counter

from harness import ROOT
from run import check

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
# A fixed seed: what fails can be run again. Another one now and then finds more.
SEED, EXAMPLES = 20251121, 20
# Near its limit of recursion Python 3.11 fails to read source text, which Hypothesis does to describe itself.
START = "import sys; sys.setrecursionlimit(20000); from schemathesis.cli import schemathesis; schemathesis()"


def run(context) -> str:
    report = context.server.directory / "schemathesis.har"
    done = subprocess.run(
        [sys.executable, "-c", START, "run"]
        + [f"{context.url}/public/openapi.json", "--header", f"X-Api-Key: {context.key}"]
        + ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--continue-on-failure"]
        + ["--max-examples", str(EXAMPLES), "--seed", str(SEED), "--workers", "2", "--request-timeout", "75"]
        + ["--suppress-health-check", "all", "--warnings", "off", "--no-color"]
        # A worker's claim may wait for up to a minute, as its schema says: its own tests cover that.
        + ["--exclude-path", "/api/v1/worker/claim"]
        + ["--report", "har", "--report-har-path", str(report)],
        cwd=context.server.directory,
        capture_output=True,
        text=True,
        timeout=540,
    )
    log = ROOT / ".levqor" / "schemathesis.log"
    log.write_text(done.stdout + done.stderr)
    check(report.exists(), f"schemathesis made no report:\n{(done.stdout + done.stderr)[-3000:]}")
    entries = json.loads(report.read_text())["log"]["entries"]
    statuses = Counter(entry["response"]["status"] for entry in entries)
    told = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    check(done.returncode == 0, f"answers {told}\n{done.stdout[-6000:]}\n(the whole of it: {log})")
    check(len(entries) > 200, f"only {len(entries)} calls were made")
    check(statuses[429] < 0.05 * len(entries), f"too many answers were 429: {told}")
    check(sum(n for status, n in statuses.items() if 200 <= status < 300) > 50, f"too few calls succeeded: {told}")
    return f"{len(entries)} calls ({told})"
