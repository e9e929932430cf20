"""Resident memory of our server with 1,000 open connections at peak load."""

from __future__ import annotations

import threading

from .. import machine
from ..closed_loop import run_wrk
from ..report import Figure, Report
from ..stage import Stage

CONNECTIONS = 1000


class Sampler(threading.Thread):
    """Looks at the server's memory and its connections a few times a second."""

    def __init__(self, pid: int, port: int):
        super().__init__(daemon=True)
        self.pid, self.port = pid, port
        self.memory: list[int] = []
        self.connections = 0
        self.stop = threading.Event()

    def run(self):
        while not self.stop.wait(0.2):
            try:
                self.memory.append(machine.resident_bytes(self.pid))
                self.connections = max(self.connections, machine.count_connections(self.port))
            except OSError:
                return


def measure(report: Report, stage: Stage, plan: dict):
    stage.start_afresh()
    pid = stage.server.process.pid
    idle = machine.resident_bytes(pid)
    sampler = Sampler(pid, stage.server.port)
    sampler.start()
    try:
        run = run_wrk(stage.wrk, stage.server.url, stage.intake_file, CONNECTIONS, plan["seconds"])
    finally:
        sampler.stop.set()
        sampler.join(timeout=5)
    fault = None
    if run.failed:
        fault = f"{run.failed} of {run.requests} requests were not answered as they should"
    elif sampler.connections < CONNECTIONS:
        fault = f"only {sampler.connections} connections were seen open"
    report.add(
        Figure(
            f"memory: resident, with {CONNECTIONS} open connections at peak",
            max(sampler.memory) / 1e6,
            "MB",
            100.0,
            is_at_most=True,
            spread=[min(sampler.memory) / 1e6, max(sampler.memory) / 1e6],
            fault=fault,
            details={
                "before_mb": round(idle / 1e6, 1),
                "connections": sampler.connections,
                "rate": round(run.rate, 1),
                "samples": len(sampler.memory),
            },
        )
    )
