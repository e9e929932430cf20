"""Checks that sql/install.sql lists every file once and in floor order, and that every function file has its test."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SQL = ROOT / "sql"


def find_faults() -> list[str]:
    faults = []
    listed = re.findall(r"^\\ir +(\S+)$", (SQL / "install.sql").read_text(), flags=re.MULTILINE)
    files = {str(path.relative_to(SQL)) for folder in ("schema", "functions") for path in (SQL / folder).rglob("*.sql")}

    faults += [f"sql/{name} is not in sql/install.sql" for name in sorted(files - set(listed))]
    faults += [f"sql/install.sql lists {name}, which does not exist" for name in sorted(set(listed) - files)]
    faults += [f"sql/install.sql lists {name} more than once" for name in sorted(set(listed)) if listed.count(name) > 1]

    numbers = {}
    for name in sorted(files):
        if match := re.fullmatch(r"schema/(\d{3})_([a-z_]+)\.sql", name):
            numbers[match[2]] = int(match[1])
        elif name.startswith("schema/"):
            faults.append(f"sql/{name} is not named NNN_<domain>.sql")

    seen, highest_number, highest_floor = set(), -1, 0
    for name in listed:
        domain = re.sub(r"^(schema/\d{3}_|functions/)|(/.*)?(\.sql)?$", "", name)
        if domain not in numbers:
            faults.append(f"sql/{name} belongs to no schema file NNN_{domain}.sql")
            continue
        # Tasks are rows of schedule.task, so they come after it, whatever floor their domain stands on.
        floor = max(numbers[domain] // 100, numbers["schedule"] // 100 if name.endswith("/tasks.sql") else 0)
        if floor < highest_floor:
            faults.append(f"sql/install.sql loads {name} (floor {floor}) after a file of floor {highest_floor}")
        highest_floor = max(highest_floor, floor)
        if name.startswith("schema/"):
            if numbers[domain] <= highest_number:
                faults.append(f"sql/install.sql loads {name} after a schema file with a higher number")
            highest_number = max(highest_number, numbers[domain])
            seen.add(domain)
        elif domain not in seen:
            faults.append(f"sql/install.sql loads {name} before its schema file")

    tests = ROOT / "Tests" / "sql"
    for name in sorted(files):
        twin = tests / Path(name).relative_to("functions") if name.startswith("functions/") else None
        if twin and not twin.exists():
            faults.append(f"sql/{name} has no test {twin.relative_to(ROOT)}")
    return faults


if __name__ == "__main__":
    found = find_faults()
    print("\n".join(found) or "every file is listed once, in order, and has its test")
    sys.exit(1 if found else 0)
