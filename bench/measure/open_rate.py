"""Runs bench/open_loop.py in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from harness import ROOT, HarnessError


def run_open_loop(url: str, requests: Path, rate: float, seconds: float, connections: int = 256) -> dict:
    command = [
        sys.executable,
        str(ROOT / "bench" / "open_loop.py"),
        url,
        str(requests),
        f"{rate:.3f}",
        f"{seconds:.1f}",
    ]
    done = subprocess.run(
        [*command, "--connections", str(connections)], capture_output=True, text=True, timeout=seconds + 90
    )
    if done.returncode != 0:
        raise HarnessError(f"the open-loop generator failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout)
