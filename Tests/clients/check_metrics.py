"""The Prometheus page on the admin address, checked by promtool."""

import subprocess

from harness import Client
from run import check


def run(context) -> str:
    Client(context.url).call("GET", "/health").expect(200)
    answer = Client(context.server.admin_url).call("GET", "/metrics", headers={"Accept": "text/plain"}).expect(200)
    check(answer.headers["Content-Type"].startswith("text/plain"), f"its type is {answer.headers['Content-Type']}")
    done = subprocess.run(
        [context.promtool, "check", "metrics"], input=answer.text, capture_output=True, text=True, timeout=60
    )
    check(done.returncode == 0, f"promtool: {done.stdout}{done.stderr}".strip())
    metrics = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    check(len(metrics) > 5, f"only {len(metrics)} lines")
    check(Client(context.url).call("GET", "/metrics").status == 404, "/metrics is open on the public address")
    return f"promtool finds nothing to say about {len(metrics)} samples"
