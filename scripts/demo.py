"""The main job on real parts: a text goes in as a job, a worker counts its words, a signed webhook tells the result."""

import argparse
import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from harness import ROOT, Client, HarnessError, Receiver, Server, end_on_signals
from standardwebhooks import Webhook

HISTORY = """
\\echo 'jobs.transition: every change of the job, with who and when'
select t.from_status, t.to_status, t.reason, t.attempt, t.actor, t.happened_at::time(3) as "at"
from jobs.transition as t
order by t.happened_at;
\\echo 'outbox.message: the webhook that was written in the same transaction'
select m.event_type, m.state, m.attempt, m.last_status, m.finished_at - m.created_at as took
from outbox.message_status as m;
\\echo 'jobs.job: what a DBA can ask of the result'
select j.workflow, j.status, j.finished_at - j.created_at as took, w.key as word, w.value as times
from jobs.job as j
cross join lateral jsonb_each_text(j.result -> 'top') as w
order by w.value::integer desc, w.key
limit 5;
"""


def tell(text: str):
    print(f"  {text}", flush=True)


def count_words(text: str) -> dict:
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower())
    return {
        "lines": text.count("\n"),
        "words": len(words),
        "distinct": len(set(words)),
        "top": dict(Counter(word for word in words if len(word) > 3).most_common(10)),
    }


def work(url: str, key: str, failures: list[Exception]):
    """A worker: asks for one job, does it, says so."""
    try:
        client = Client(url, key)
        claim = {
            "worker": "demo-worker",
            "workflows": ["count-words"],
            "max": 1,
            "lease_seconds": 30,
            "wait_seconds": 20,
        }
        jobs = client.call("POST", "/api/v1/worker/claim", claim).expect(200).json["jobs"]
        for job in jobs:
            tell(f"worker: took {job['job_id']} (attempt {job['attempt']})")
            result = count_words(job["payload"]["text"])
            done = {"lease_token": job["lease_token"], "result": result}
            client.call("POST", f"/api/v1/worker/jobs/{job['job_id']}/complete", done).expect(200)
            tell(f"worker: counted {result['words']} words")
    except Exception as error:
        failures.append(error)


def verify(headers: dict[str, str], body: bytes, secret: str) -> dict:
    """What a customer would write: the official package checks signature and time, and must refuse a changed body."""
    event = Webhook(secret).verify(body, headers)
    try:
        Webhook(secret).verify(body.replace(b"succeeded", b"failed"), headers)
    except Exception:
        return event
    raise HarnessError("a changed body passed the verification")


def run(server: Server, receiver: Receiver, source: Path):
    server.start()
    tell(f"server: {server.url}, with a PostgreSQL of its own")

    operator = Client(server.url, server.make_operator_key())
    account = operator.call("POST", "/api/v1/accounts", {"name": "Demo Ltd"}).expect(201).json
    account_id = account.get("id") or account["account"]["id"]
    scopes = ["jobs:submit", "jobs:read", "jobs:work", "keys:manage"]
    key = operator.call(
        "POST", "/api/v1/keys", {"name": "demo", "scopes": scopes}, {"Levqor-Account": account_id}
    ).expect(201)
    client = Client(server.url, key.json["key"])
    secret = client.call("POST", "/api/v1/signing-secret").expect(201).json["secret"]
    tell(f"account: {account_id}, with a key and a signing secret")

    failures: list[Exception] = []
    worker = threading.Thread(target=work, args=(server.url, key.json["key"], failures))
    worker.start()

    text = source.read_text(errors="replace")[:150_000]
    job = {
        "workflow": "count-words",
        "payload": {"name": source.name, "text": text},
        "callback_url": receiver.url,
        "priority": "high",
    }
    taken = client.call("POST", "/api/v1/intake", job).expect(202).json
    tell(f"client: sent {source.name} ({len(text)} characters) as {taken['job_id']}, {taken['status']}")

    receiver.wait_until("the webhook", 30, lambda: receiver.requests)
    worker.join(30)
    if failures:
        raise failures[0]
    headers, body = receiver.requests[0]
    event = verify(headers, body, secret)
    data = event["data"]
    if data["job_id"] != taken["job_id"] or data["result"] != count_words(text):
        raise HarnessError(f"the webhook tells something else: {body[:500]!r}")
    tell(
        f"webhook: {event['type']} {headers['webhook-id']}; signature verified by standardwebhooks, a changed body not"
    )

    status = client.call("GET", f"/api/v1/status/{taken['job_id']}").expect(200).json
    if status["status"] != "succeeded" or status["result"] != data["result"]:
        raise HarnessError(f"the status tells something else: {status}")
    # The answer to the webhook has to reach the database before SQL can show it.
    delivered = "select count(*) from outbox.message_status where state = 'done'"
    end = time.monotonic() + 10
    while server.sql(delivered) != "1" and time.monotonic() < end:
        time.sleep(0.1)
    print("\n" + server.sql(HISTORY, "-P", "footer=off") + "\n", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--psql", required=True)
    parser.add_argument("text", nargs="?", type=Path, default=ROOT / "LICENSE", help="file whose words are counted")
    arguments = parser.parse_args()
    end_on_signals()
    environment = {"LEVQOR_ENVIRONMENT": "development", "LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8"}
    receiver = Receiver()
    try:
        with Server(arguments.server, arguments.psql, environment, name="demo") as server:
            run(server, receiver, arguments.text)
    except (HarnessError, OSError) as error:
        print(f"demo: failed: {error}", file=sys.stderr)
        return 1
    finally:
        receiver.close()
    print("demo: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
