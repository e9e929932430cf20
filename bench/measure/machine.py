"""What processes use, from /proc: processor time of trees, resident memory, open connections."""

from __future__ import annotations

import os
import resource
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROCESSORS = os.cpu_count() or 1


def raise_file_limit(wanted: int = 8192):
    """Lets us and what we start open many sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


def _stat(pid: str) -> tuple[int, list[int]] | None:
    """Parent, and utime, stime, cutime, cstime in ticks."""
    try:
        text = Path("/proc", pid, "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), [int(v) for v in fields[11:15]]


def tree_seconds(*roots: int | None) -> float:
    """Processor seconds that these processes and what they started have used so far."""
    stats = {int(p): s for p in os.listdir("/proc") if p.isdigit() and (s := _stat(p))}
    ticks = 0
    for pid, (parent, (user, system, gone_user, gone_system)) in stats.items():
        if pid in roots:
            ticks += user + system + gone_user + gone_system
        elif parent in roots or (parent in stats and stats[parent][0] in roots):
            # A child, or a child's child: uvicorn and gunicorn have no deeper trees.
            ticks += user + system
    return ticks / TICKS


def busy_seconds() -> float:
    """Processor seconds that this machine has spent on anything since it was started."""
    fields = [int(v) for v in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, _steal = fields
    return (user + nice + system + irq + softirq) / TICKS


def children_seconds() -> float:
    """Processor seconds of our own children that have ended: load generators run to their end between two calls."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def resident_bytes(pid: int) -> int:
    for line in Path("/proc", str(pid), "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def count_connections(port: int) -> int:
    """Established TCP connections to a port of this machine."""
    suffix = f":{port:04X}"
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        count += fields[1].endswith(suffix) and fields[3] == "01"
    return count
