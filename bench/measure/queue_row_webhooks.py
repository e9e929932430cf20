"""Webhook deliveries a second to a local receiver, signed and recorded, and what the server weighs meanwhile."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

from harness import HarnessError, wait_for

from . import machine
from .queue_stage import QueueStage, Receiver
from .report import Figure, Report, median, spread
from .rows.memory import Sampler

BAR_RATE, BAR_MEMORY = 3000, 150.0
SEND = """
select count(outbox.send_webhook('{account}', 'http://127.0.0.1:{port}/hook', 'bench.sent',
    jsonb_build_object('number', n, 'note', 'a payload of usual size'), 'bench', 'thing_' || n))
from generate_series(1, {count}) as n
"""


def measure(report: Report, stage: QueueStage, plan: dict):
    stage.start_afresh()
    rates, memory, shares, faults = [], [], [], []
    count = plan["webhooks"]
    # A shorter one to warm up: connections, pools, plans.
    for number in range(plan["turns"] + 1):
        messages = count if number else count // 5
        stage.empty()
        with stage.receiver("--ids", "--keep-each", max(1, messages // 50)) as receiver:
            turn = deliver(stage, receiver, messages)
        if number:
            rates.append(turn["rate"])
            memory.append(turn["memory"])
            shares.append(turn["shares"])
            faults += turn["faults"]
            print(f"    turn {number}: {turn['rate']:7.0f}/s   {turn['memory']:.0f} MB   {turn['shares']}", flush=True)
    fault = "; ".join(faults) or None
    report.add(
        Figure(
            "webhooks: deliveries, signed and recorded",
            median(rates),
            "1/s",
            BAR_RATE,
            spread=spread(rates),
            fault=fault,
            details={"messages": count, "shares": shares},
        )
    )
    report.add(
        Figure(
            "webhooks: resident memory of the server meanwhile",
            max(memory),
            "MB",
            BAR_MEMORY,
            is_at_most=True,
            spread=spread(memory),
            fault=fault,
        )
    )


def deliver(stage: QueueStage, receiver: Receiver, count: int) -> dict:
    """Writes all messages in one transaction, and waits until the last one is recorded as done."""
    pid = stage.server.process.pid
    sampler = Sampler(pid, receiver.port)
    parts = {"server": pid, "postgres": stage.postmaster(), "receiver": receiver.pid}
    # Not as the machinery: then the commit tells the reactor.
    stage.sql(SEND.format(account=stage.account, port=receiver.port, count=count), machinery=False)
    before, began = {name: machine.tree_seconds(part) for name, part in parts.items()}, time.monotonic()
    sampler.start()
    try:
        wait_for(f"{count} webhooks", 120, lambda: receiver.count >= count, pause=0.1)
        recorded = "select count(*) from outbox.attempt where outcome = 'delivered'"
        wait_for("all to be recorded", 30, lambda: stage.admin.execute(recorded).fetchone()[0] >= count, pause=0.1)
        whole = (time.monotonic() - began) * machine.PROCESSORS
    finally:
        sampler.stop.set()
        sampler.join(timeout=5)
    told = receiver.ask("/all")
    slots = sorted(slot for slot, _ in told["slots"])
    faults = [] if told["ids"] == count else [f"{told['ids']} different webhook-ids came of {count}"]
    wrong = check_signatures(stage, receiver)
    faults += [f"{wrong} of the webhooks looked at are not signed right"] if wrong else []
    return {
        # From the first to the last slot of 100 ms in which any came.
        "rate": count / ((slots[-1] - slots[0] + 1) / 10),
        "memory": max(sampler.memory) / 1e6,
        "shares": {name: round((machine.tree_seconds(part) - before[name]) / whole, 3) for name, part in parts.items()},
        "faults": faults,
    }


def check_signatures(stage: QueueStage, receiver: Receiver) -> int:
    """How many of those kept do not verify by Standard Webhooks."""
    secret = stage.server.run("secret", f"webhook/{stage.account}/1").splitlines()[-1]
    key = base64.b64decode(secret.removeprefix("whsec_"))
    kept = receiver.ask("/kept")["kept"]
    if not kept:
        raise HarnessError("the receiver kept no webhook to look at")
    wrong = 0
    for head, body in ((base64.b64decode(h).decode(), base64.b64decode(b)) for h, b in kept):
        lines = (line.partition(":") for line in head.split("\r\n")[1:] if line)
        fields = {name.lower(): value.strip() for name, _, value in lines}
        signed = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode() + body
        wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        wrong += wanted not in fields["webhook-signature"].split()
    return wrong
