"""kill -9 of PostgreSQL in the middle of rollups, data retention and erasure: a rerun ends in the exact state.

One server with a PostgreSQL of its own. For each of the three: make work, begin it, kill the postmaster while it is
under way (several times), go on when PostgreSQL is there again, and compare with what a plain count of the rows says.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import HarnessError, Server, end_on_signals, wait_for

PERSONS, EVENTS, EXPIRED, FRESH = 300, 20_000, 400_000, 5_000
INGEST = """
select sum(i.accepted)
from generate_series(0, {batches} - 1) as b
cross join lateral growth.ingest_events('{account}', (
    select jsonb_agg(jsonb_build_object(
        'id', 'event-{salt}-' || b || '-' || n, 'name', (array['visit', 'signup', 'active', 'paid'])[1 + (b + n) % 4],
        'user_id', 'person-' || floor(random() * {persons})::integer,
        'event_at', now() - make_interval(secs => floor(random() * 86400 * 300))
    ))
    from generate_series(1, 500) as n
)) as i
"""
# DAU of each day that has any, by a plain count.
RECOUNT = """
select (e.event_at at time zone 'UTC')::date as day, count(distinct e.person_id)
from growth.event as e where e.account_id = %s group by 1 order by 1
"""
ROLLED = """
select a.day, a.dau from growth.activity_by_day(%s, %s, %s) as a where a.dau > 0 order by a.day
"""
STORED = """
select a.day, a.dau from growth.active_day as a
where a.account_id = %s and a.dimension = '' and a.dau > 0 order by a.day
"""


class Killer:
    """Runs a piece of work in a session of its own and kills PostgreSQL meanwhile."""

    def __init__(self, server: Server, dice: random.Random):
        self.server, self.dice, self.kills, self.survived = server, dice, 0, 0
        # Asked once: to ask would start what was killed.
        self.url = server.database_url()

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url, autocommit=True, options="-c levqor.machinery=on")

    def is_back(self) -> bool:
        try:
            with self.connect() as connection:
                return connection.execute("select not pg_is_in_recovery()").fetchone()[0]
        except psycopg.OperationalError:
            return False

    def kill_during(self, work: Callable[[psycopg.Connection], None], is_far: Callable[[psycopg.Connection], bool]):
        """work is cut off when it has got so far; it may also come to its end before."""
        ended = threading.Event()

        def run():
            try:
                with self.connect() as connection:
                    work(connection)
                    self.survived += 1
            except psycopg.Error:
                pass
            finally:
                ended.set()

        with self.connect() as watch:
            thread = threading.Thread(target=run)
            thread.start()
            wait_for("the work to get so far", 60, lambda: ended.is_set() or is_far(watch), pause=0.002)
            self.kill_postgres()
        self.kills += 1
        thread.join()
        wait_for("PostgreSQL to be back", 60, self.is_back)

    def kill_postgres(self):
        """With its sessions: left alone, one of them goes on to the end of what it does."""
        postmaster = self.server.postmaster()
        listed = subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True, check=True).stdout
        for pid in (postmaster, *map(int, listed.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def after(self, milliseconds: float) -> Callable[[psycopg.Connection], bool]:
        """So far: some time after the work's session has begun a statement."""
        end: list[float] = []

        def is_far(watch: psycopg.Connection) -> bool:
            if (
                not end
                and watch.execute(
                    "select exists (select from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()"
                    " and query ~ '^select (r.has_more|privacy)')"
                ).fetchone()[0]
            ):
                end.append(time.monotonic() + milliseconds / 1000)
            return bool(end) and time.monotonic() >= end[0]

        return is_far


def check(condition: bool, what: str):
    if not condition:
        raise HarnessError(what)


def roll_up(killer: Killer, account: str) -> str:
    def work(connection: psycopg.Connection):
        while connection.execute("select r.has_more from growth.roll_up(%s) as r", (account,)).fetchone()[0]:
            pass

    for turn in range(4):
        with killer.connect() as connection:
            connection.execute(INGEST.format(account=account, batches=EVENTS // 2500, persons=PERSONS, salt=f"r{turn}"))
        killer.kill_during(work, killer.after(killer.dice.uniform(1, 300)))
    with killer.connect() as connection:
        work(connection)
        plain = connection.execute(RECOUNT, (account,)).fetchall()
        stored = connection.execute(STORED, (account,)).fetchall()
        read = connection.execute(ROLLED, (account, plain[0][0], plain[-1][0])).fetchall()
        stale = connection.execute(
            "select count(*) from growth.stale_day as s where s.account_id = %s", (account,)
        ).fetchone()
    check(stored == plain, f"the rollups differ from a plain count on {len(set(stored) ^ set(plain))} days")
    check(read == plain, "what is read differs from a plain count")
    check(stale == (0,), f"{stale[0]} stale days are left")
    return f"rollups of {len(plain)} days"


def retain(killer: Killer) -> str:
    """Rows of audit.sensitive_call that are too old by their policy, and others that are not."""
    with killer.connect() as connection:
        connection.execute(
            "insert into audit.sensitive_call (happened_at, actor, request_id, route_id)"
            " select now() - interval '1 hour' - case when n <= %s then interval '3000 days' else '0' end"
            " + n * interval '1 ms',"
            " 'system', 'r' || n, 1"
            " from generate_series(1, %s) as n",
            (EXPIRED, EXPIRED + FRESH),
        )

    def work(connection: psycopg.Connection):
        connection.execute("call privacy.run_retention(p_table => 'audit.sensitive_call')")

    left = []

    def removed(rows: int) -> Callable[[psycopg.Connection], bool]:
        query = "select coalesce(max(r.rows), 0) >= %s from privacy.run as r where r.state = 'open'"
        return lambda watch: watch.execute(query, (rows,)).fetchone()[0]

    for rows in (1, 40_000, 100_000):
        killer.kill_during(work, removed(rows + killer.dice.randrange(20_000)))
        with killer.connect() as connection:
            left.append(
                connection.execute("select count(*) from audit.sensitive_call where route_id = 1").fetchone()[0]
            )
    check(left == sorted(left, reverse=True), f"rows came back: {left}")
    with killer.connect() as connection:
        work(connection)
        rest = connection.execute(
            "select count(*) filter (where happened_at < now() - interval '1 day'), count(*) from audit.sensitive_call"
            " where route_id = 1 and request_id ~ '^r[0-9]+$'"
        ).fetchone()
        open_runs = connection.execute(
            "select count(*) from privacy.run where state = 'open' and until_at < now()"
        ).fetchone()[0]
    check(rest == (0, FRESH), f"of the expired rows {rest[0]} are left, of {FRESH} others {rest[1] - rest[0]}")
    check(open_runs == 0, f"{open_runs} runs are open for ever")
    return f"{EXPIRED} expired rows, left after each kill: {left}"


def erase(killer: Killer, account: str) -> str:
    """In many small steps, so that each kill meets one."""
    ask = "select privacy.erase_person(p_account_id => %s, p_identifier => %s, p_is_dry_run => %s, p_seconds => 0)"
    with killer.connect() as connection:
        connection.execute("update core.setting set value = '20' where name = 'privacy.erase_rows'")
    gone = [f"person-{n}" for n in range(6)]

    def work(connection: psycopg.Connection):
        for name in gone:
            connection.execute(ask, (account, name, False))
        while connection.execute("select privacy.erase_due() ->> 'more'").fetchone()[0] == "true":
            pass

    for _ in range(3):
        killer.kill_during(work, killer.after(killer.dice.uniform(1, 200)))
    with killer.connect() as connection:
        persons = connection.execute(
            "select array_agg(i.person_id) from growth.identifier as i"
            " where i.account_id = %s and i.identifier = any (%s)",
            (account, gone),
        ).fetchone()[0]
        work(connection)
        named = connection.execute(
            "select count(*) from growth.identifier as i where i.account_id = %s and i.identifier = any (%s)",
            (account, gone),
        ).fetchone()[0]
        left = connection.execute(
            "select (select count(*) from growth.event where account_id = %s and person_id = any (%s))"
            " + (select count(*) from growth.activity where account_id = %s and person_id = any (%s))",
            (account, persons or [], account, persons or []),
        ).fetchone()[0]
        states = connection.execute("select array_agg(distinct e.state) from privacy.erasure as e").fetchone()[0]
        wrong = connection.execute(
            "select count(*) from privacy.erasure as e where privacy.verify_certificate(e.id) is not true"
        ).fetchone()[0]
        plain = connection.execute(RECOUNT, (account,)).fetchall()
        read = connection.execute(ROLLED, (account, plain[0][0], plain[-1][0])).fetchall()
    check(named == 0 and left == 0, f"of the erased {named} names and {left} rows are left")
    check(states == ["done"], f"erasures are {states}")
    check(wrong == 0, f"{wrong} certificates do not verify")
    check(read == plain, "after the erasure, what is read differs from a plain count")
    return f"{len(gone)} persons"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--psql", required=True)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    end_on_signals()
    print(f"seed {arguments.seed}", flush=True)
    try:
        with Server(arguments.server, arguments.psql, name="numbers") as server:
            server.start()
            # The clock would do the same work beside us, and be waited for.
            server.sql("update schedule.task set is_enabled = false where name ~ '^(growth|privacy)-'")
            account = server.sql("insert into identity.account (name) values ('Numbers') returning id")
            killer = Killer(server, random.Random(arguments.seed))
            with killer.connect() as connection:
                connection.execute(INGEST.format(account=account, batches=EVENTS // 500, persons=PERSONS, salt="first"))
            for name, part in (
                ("rollups", lambda: roll_up(killer, account)),
                ("data retention", lambda: retain(killer)),
                ("erasure", lambda: erase(killer, account)),
            ):
                began = time.monotonic()
                print(f"  ok    {name}: {part()} ({time.monotonic() - began:.1f} s)", flush=True)
            print(
                f"PostgreSQL was killed {killer.kills} times; {killer.survived} times the work had ended before",
                flush=True,
            )
            check(killer.survived < killer.kills, "no kill met work under way: try another seed")
    except HarnessError as error:
        print(f"  FAIL  {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
