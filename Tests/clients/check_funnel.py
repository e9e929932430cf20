"""Funnels of one person and of all, against ClickHouse's windowFunnel and retention, run in this process by chdb.

Random histories with few moments, so that many events share one, and events that fit several steps or none. Every
mode, and modes together; the level of each person must be the same. growth.funnel is given histories as events, and
each step's persons must be as many as windowFunnel counts.
"""

import argparse
import itertools
import random
import sys
import time
from pathlib import Path

import psycopg
from chdb.session import Session

MODES = ["strict_order", "strict_deduplication", "strict_increase", "strict_once"]
SECOND = 1_000_000
# Persons of a history, of how many events at most, over how many moments: most share few.
SHAPES = [(1500, 6, 4), (1500, 12, 8), (1000, 25, 40), (300, 40, 6)]
ACCOUNT = "00000000-0000-8000-8000-0000000f0001"
NAMES = "abcdefgh"


class Oracle:
    """ClickHouse in this process; a table of histories at a time."""

    def __init__(self):
        self.session = Session()
        self.session.query("set max_threads = 1")
        self.session.query(
            "create table history (person UInt32, at UInt64, steps UInt32, place UInt32) engine = Memory"
        )

    def load(self, rows: list[tuple[int, int, int]]):
        self.session.query("truncate table history")
        for start in range(0, len(rows), 5000):
            values = ",".join(f"({p},{at},{s},{start + n})" for n, (p, at, s) in enumerate(rows[start : start + 5000]))
            self.session.query(f"insert into history values {values}")

    def ask(self, function: str) -> dict[int, str]:
        query = (
            f"select person, toString({function}) from (select * from history order by person, place) group by person"
        )
        answer = str(self.session.query(query, "TSV"))
        return {int(line.split("\t")[0]): line.split("\t")[1] for line in answer.splitlines()}

    def levels(self, steps: int, window: int, modes: tuple[str, ...]) -> dict[int, int]:
        parameters = ", ".join([str(window), *(f"'{mode}'" for mode in modes)])
        conditions = ", ".join(f"bitTest(steps, {step}) = 1" for step in range(steps))
        found = self.ask(f"windowFunnel({parameters})(at, {conditions})")
        return {person: int(level) for person, level in found.items()}


def make_history(pick: random.Random, persons: int, most: int, moments: int, steps: int, fits_many: bool) -> list:
    rows = []
    for person in range(1, persons + 1):
        for _ in range(pick.randint(1, most)):
            if fits_many:
                mask = sum(1 << step for step in range(steps) if pick.random() < 0.35)
            else:
                mask = pick.choice([0] + [1 << step for step in range(steps)])
            rows.append((person, 1_700_000_000 * SECOND + pick.randint(0, moments) * SECOND, mask))
    # As events come: in no order.
    pick.shuffle(rows)
    return rows


def show_differences(what: str, theirs: dict, ours: dict, rows: list) -> list[str]:
    faults = []
    for person in sorted(theirs):
        if theirs[person] != ours.get(person) and len(faults) < 3:
            events = [((at // SECOND) % 1000, f"{mask:b}") for p, at, mask in rows if p == person]
            faults.append(f"{what}: {theirs[person]} by chdb, {ours.get(person)} by us, of {events}")
    return faults


def compare_windows(connection, oracle: Oracle, pick: random.Random) -> tuple[int, list[str]]:
    """growth.fold_window_funnel and the aggregates, person by person."""
    compared, faults = 0, []
    combinations = [c for size in range(len(MODES) + 1) for c in itertools.combinations(MODES, size)]
    combinations += [(*c, "allow_reentry") for c in combinations if "strict_order" in c]
    for (persons, most, moments), fits_many in itertools.product(SHAPES, [False, True]):
        steps = pick.randint(2, 5)
        rows = make_history(pick, persons, most, moments, steps, fits_many)
        oracle.load(rows)
        with connection.cursor() as cursor:
            cursor.execute("truncate history")
            with cursor.copy("copy history (person, at, steps) from stdin") as copy:
                for person, at, mask in rows:
                    copy.write_row((person, at, mask))
        for modes in combinations:
            window = pick.choice([0, 1, 2, 3, 5, moments]) * SECOND
            theirs = oracle.levels(steps, window, modes)
            ours = dict(
                connection.execute(
                    """select person, growth.fold_window_funnel(
                        make_interval(secs => %s), array_agg(growth.from_micros(at) order by place),
                        array_agg(steps order by place), %s, %s)
                    from history group by person""",
                    (window / SECOND, list(modes), steps),
                ).fetchall()
            )
            compared += len(theirs)
            what = f"{' '.join(modes) or 'default'}, {steps} steps, window {window // SECOND}"
            faults += show_differences(what, theirs, ours, rows)
        conditions = ", ".join(f"(steps >> {step}) & 1 = 1" for step in range(steps))
        modes = pick.choice(combinations)
        theirs = oracle.levels(steps, 2 * SECOND, modes)
        ours = dict(
            connection.execute(
                f"""select person, growth.window_funnel(
                    '2 seconds', %s, growth.from_micros(at), {conditions} order by place)
                from history group by person""",
                (list(modes),),
            ).fetchall()
        )
        faults += show_differences(f"the aggregate, {modes}", theirs, ours, rows)
        theirs = oracle.ask(f"retention({', '.join(f'bitTest(steps, {step}) = 1' for step in range(steps))})")
        theirs = {person: [flag == "1" for flag in found.strip("[]").split(",")] for person, found in theirs.items()}
        ours = dict(
            connection.execute(
                f"select person, growth.retention_flags({conditions}) from history group by person"
            ).fetchall()
        )
        faults += show_differences("retention", theirs, ours, rows)
        compared += 2 * len(theirs)
    return compared, faults


def compare_funnels(connection, oracle: Oracle, pick: random.Random) -> tuple[int, list[str]]:
    """growth.funnel over events, by its fast way and by its general one; the range bounds who enters."""
    compared, faults = 0, []
    combinations = [c for size in range(len(MODES) + 1) for c in itertools.combinations(MODES, size)]
    connection.execute("select growth.make_month('2023-11-01')")
    for (persons, most, moments), steps in itertools.product(SHAPES, [2, 3, 4]):
        rows = make_history(pick, persons, most, moments, steps, False)
        with connection.cursor() as cursor:
            cursor.execute("delete from growth.event where account_id = %s", (ACCOUNT,))
            cursor.executemany(
                """insert into growth.event (account_id, person_id, event_at, event_id, name)
                values (%s, %s, growth.from_micros(%s), gen_random_uuid(), %s)""",
                [(ACCOUNT, p, at, NAMES[mask.bit_length() - 1] if mask else "other") for p, at, mask in rows],
            )
        end = 1_700_000_000 * SECOND + (moments // 2 + 1) * SECOND
        window = pick.choice([1, 2, 3, moments]) * SECOND
        # A start at or after the end of the range is none.
        bounded = [(p, at, mask & ~1 if at >= end else mask) for p, at, mask in rows if at < end + window]
        for modes in combinations:
            if "strict_order" in modes:
                # There a start that is none would still be an event of no step.
                end_of_range, oracle_rows = end + 10**4 * SECOND, rows
            else:
                end_of_range, oracle_rows = end, bounded
            oracle.load(oracle_rows)
            levels = oracle.levels(steps, window, modes).values()
            theirs = [sum(level >= step for level in levels) for step in range(1, steps + 1)]
            ours = [
                row[0]
                for row in connection.execute(
                    """select f.converted from growth.funnel(%s, %s, growth.from_micros(%s), growth.from_micros(%s),
                    make_interval(secs => %s), p_modes => %s) as f order by f.step""",
                    (
                        ACCOUNT,
                        psycopg.types.json.Jsonb([{"name": name} for name in NAMES[:steps]]),
                        1_700_000_000 * SECOND,
                        end_of_range,
                        window / SECOND,
                        list(modes),
                    ),
                )
            ]
            compared += 1
            if theirs != ours:
                faults.append(f"growth.funnel {modes}, {steps} steps, window {window}: {theirs} by chdb, {ours} by us")
    return compared, faults


def compare_all(url: str, seed: int) -> tuple[str, list[str]]:
    start = time.monotonic()
    pick = random.Random(seed)
    oracle = Oracle()
    with psycopg.connect(url) as connection:
        connection.execute("set levqor.machinery = 'on'")
        connection.execute(
            """create temp table history
            (person integer, at bigint, steps integer, place integer generated always as identity)"""
        )
        connection.execute(
            "insert into identity.account (id, name) values (%s, 'funnels') on conflict do nothing", (ACCOUNT,)
        )
        persons, faults = compare_windows(connection, oracle, pick)
        funnels, more = compare_funnels(connection, oracle, pick)
        connection.rollback()
    seconds = time.monotonic() - start
    said = f"{persons} levels and {funnels} funnels are as chdb counts them (seed {seed}, {seconds:.0f} s)"
    return said, faults + more


def run(context) -> str:
    """As one of the checks of run.py."""
    from run import check

    said, faults = compare_all(context.server.database_url(), random.randrange(10**6))
    check(not faults, f"{said}, but for: " + "; ".join(faults[:10]))
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--database", required=True, help="URL of a database with the product in it; nothing stays there"
    )
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    said, faults = compare_all(arguments.database, arguments.seed)
    for fault in faults[:40]:
        print(f"  FAIL  {fault}")
    print(f"  {'FAIL' if faults else 'ok'}  {said}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    sys.exit(main())
