"""Runs the SQL of a page and keeps what it said: each block ```sql is run, the block ```text behind it is its output.

usage: scripts/tour.py --psql PSQL DATABASE_URL PAGE            writes the outputs into the page
       scripts/tour.py --psql PSQL DATABASE_URL PAGE --check    says which differ; exit status 1 when one does

All blocks are one session of psql, as the login of the URL, a superuser. The page makes data: give it a database of its
own, that was deployed afresh.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"^```sql\n(?P<sql>.*?)^```\n(?:\n```text\n(?P<said>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
MARK = "=== end of block {} ==="


def run_blocks(psql: str, url: str, blocks: list[str]) -> list[str]:
    """What psql said to each block: its results, then its errors."""
    script = "".join(f"{sql}\\echo {MARK.format(n)}\n\\warn {MARK.format(n)}\n" for n, sql in enumerate(blocks))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PSQL"))}
    done = subprocess.run(
        [psql, "-X", "-q", "-P", "pager=off", "-P", "null=∅", "-d", url, "-f", "-"],
        input=script,
        env=environment | {"PGOPTIONS": "-c timezone=UTC -c client_min_messages=warning", "PGCLIENTENCODING": "UTF8"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    said, complained = done.stdout, done.stderr
    answers = []
    for n in range(len(blocks)):
        mark = MARK.format(n) + "\n"
        if mark not in said or mark not in complained:
            raise SystemExit(f"psql ended before block {n + 1} was over: {complained[-2000:]}")
        result, said = said.split(mark, 1)
        trouble, complained = complained.split(mark, 1)
        # Where in the script it was is nobody's concern.
        trouble = re.sub(r"^psql:\S+:\d+: ", "", trouble, flags=re.MULTILINE)
        lines = [line.rstrip() for line in (result + trouble).splitlines()]
        answers.append("\n".join(lines).strip("\n") + "\n")
    return answers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--psql", required=True)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("url")
    parser.add_argument("page", type=Path)
    arguments = parser.parse_args()
    before = arguments.page.read_text()
    found = list(BLOCK.finditer(before))
    answers = iter(run_blocks(arguments.psql, arguments.url, [block["sql"] for block in found]))
    faults = []

    def fill(block: re.Match) -> str:
        answer = next(answers)
        if block["said"] is None:
            # A block that only makes something has nothing to say.
            if "ERROR" in answer:
                faults.append(f"a block without output fails:\n{block['sql']}{answer}")
            return block[0]
        if answer == "\n":
            faults.append(f"a block says nothing:\n{block['sql']}")
        return f"```sql\n{block['sql']}```\n\n```text\n{answer}```\n"

    after = BLOCK.sub(fill, before)
    if arguments.check and after != before:
        lines = before.splitlines(True), after.splitlines(True)
        faults.append("".join(difflib.unified_diff(*lines, "page", "made now")))
        faults.append(f"{arguments.page} does not show what its SQL says. Write it again, without --check")
    if not arguments.check:
        arguments.page.write_text(after)
    print("\n".join(faults) or f"{len(found)} blocks say what the page shows")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
