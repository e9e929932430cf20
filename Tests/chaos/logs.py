"""The servers' logs: they tell what was done to the parts, and no line of the level error is without an explanation."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

from parts import Faults

# The one line that is for people.
BANNER = re.compile(r"^levqor-server \S+ serves at ")


# What a killed PostgreSQL leaves.
LOST = re.compile(r"PostgresError\(connection(Lost|Failed)\)")


def is_explained(entry: dict) -> bool:
    """An error that a killed or standing part leaves with the others: what could not be done for now."""
    is_unavailable = entry["message"] == "request" and entry.get("http.status") == "503"
    return is_unavailable or bool(LOST.search(entry.get("error") or entry.get("db.error") or ""))


def judge_logs(logs: list[Path], told: dict[str, int], faults: Faults) -> str:
    """told: messages, and how often each must be there at least."""
    levels, messages = Counter(), Counter()
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
                level, message = entry["level"], entry["message"]
            except (ValueError, KeyError, TypeError):
                faults.check(bool(BANNER.match(line)), f"a log says: {line[:300]}", f"not JSON: {line[:40]}")
                continue
            levels[level] += 1
            messages[message] += 1
            if level in ("error", "critical"):
                kind = f"{message} {entry.get('http.status')}"
                faults.check(is_explained(entry), f"an error without an explanation: {line[:500]}", kind)
    for message, least in told.items():
        text = f"the logs say {messages[message]} times '{message}', not {least} times or more"
        faults.check(messages[message] >= least, text)
    return "logs: " + ", ".join(f"{count} {level}" for level, count in levels.most_common())
