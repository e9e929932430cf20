"""The stage of the numbers: our server on its own PostgreSQL, an account with a year of events, the year in DuckDB."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from harness import RAISE_LIMITS, HarnessError, Server

from . import machine, numbers_data

TIER = """
insert into quota.tier (name, calls_per_month, description) values ('bench', 1000000000, 'For a bench.');
insert into identity.account (name, tier) values ('Numbers', 'bench') returning id;
"""
# What ingestion would have written beside the events. The loader is the owner of all of it.
AROUND = """
select setval(pg_get_serial_sequence('growth.person', 'person_id'), {persons});
insert into growth.person (account_id, person_id, first_event_at, created_at) overriding system value
select '{account}', e.person_id, min(e.event_at), min(e.event_at)
from growth.event as e where e.account_id = '{account}' group by e.person_id;
insert into growth.identifier (account_id, is_anonymous, identifier, person_id, seen_at, created_at)
select '{account}', false, 'person-' || p.person_id, p.person_id, p.first_event_at, p.created_at
from growth.person as p where p.account_id = '{account}';
insert into growth.activity (account_id, person_id, month, days)
select
    '{account}', e.person_id, date_trunc('month', e.event_at at time zone 'UTC')::date,
    bit_or(1 << extract(day from e.event_at at time zone 'UTC')::integer - 1)
from growth.event as e where e.account_id = '{account}'
group by 2, 3;
insert into growth.stale_day (account_id, day)
select '{account}', d::date from generate_series(date '{start}', date '{last}', interval '1 day') as d;
"""


class NumbersStage:
    def __init__(self, server: Server, pg_bin: Path, wrk: str, events: int, persons: int):
        self.server, self.pg_bin, self.wrk, self.events, self.persons = server, pg_bin, wrk, events, persons
        self.work = server.directory / "numbers"
        self.work.mkdir()
        self.account = self.key = ""

    def prepare(self):
        self.server.start()
        self.url = self.server.database_url()
        self.admin = psycopg.connect(self.url, autocommit=True)
        durable = self.admin.execute(
            "select current_setting('fsync'), current_setting('synchronous_commit')"
        ).fetchone()
        if durable != ("on", "on"):
            raise HarnessError(f"commits are not durable: fsync, synchronous_commit are {durable}")
        self.sql(RAISE_LIMITS)
        self.account = self.sql(TIER)
        scopes = "{jobs:submit,events:write,analytics:read}"
        self.key = self.sql(f"select key from keys.create_key('{self.account}', 'bench', '{scopes}')")
        began = time.monotonic()
        self.year = numbers_data.make(self.work, self.events, self.persons, machine.PROCESSORS)
        self.tell("made", began)
        self.load()

    def tell(self, what: str, began: float):
        print(
            f"  {self.events:,} events of {self.persons:,} persons: {what} in {time.monotonic() - began:.0f} s",
            flush=True,
        )

    def load(self):
        began = time.monotonic()
        year = self.year
        self.admin.execute("set synchronous_commit = off")
        self.admin.execute("select growth.make_months(%s, %s)", (year.start, year.end))
        columns = "account_id, person_id, event_at, event_id, name, source, received_at"
        for path in numbers_data.write_copies(year, self.work, self.account):
            with (
                self.admin.cursor() as cursor,
                cursor.copy(f"copy growth.event ({columns}) from stdin (format csv)") as copy,
                path.open("rb") as file,
            ):
                while block := file.read(1 << 20):
                    copy.write(block)
            path.unlink()
        self.admin.execute(AROUND.format(account=self.account, persons=self.persons, start=year.start, last=year.last))
        self.admin.execute("set synchronous_commit = on")
        self.admin.execute("vacuum analyze")
        self.tell("loaded", began)
        began = time.monotonic()
        while self.admin.execute("select r.has_more from growth.roll_up(%s) as r", (self.account,)).fetchone()[0]:
            pass
        while self.admin.execute("select growth.roll_up_cohorts_of(%s)", (self.account,)).fetchone()[0]:
            pass
        self.admin.execute("vacuum analyze")
        self.admin.execute("checkpoint")
        self.tell("rolled up", began)

    def sql(self, text: str) -> str:
        return self.server.sql(text, machinery=True)

    def dba(self) -> psycopg.Connection:
        """As a DBA asks: the role that runs the analytics."""
        return psycopg.connect(self.url, autocommit=True, options="-c role=levqor_dba")

    def postmaster(self) -> int:
        return self.server.postmaster()

    @property
    def environment(self) -> dict[str, str]:
        return self.server.environment | {"PGOPTIONS": "-c levqor.machinery=on"}


def take_turns(contenders: dict[str, Callable[[], object]], turns: int) -> dict[str, list[float]]:
    """Seconds of each contender, A B C A B C …, after one run of each that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(turns + 1):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            took = time.perf_counter() - began
            if turn:
                seconds[name].append(took)
    for name, values in seconds.items():
        each = " ".join(f"{value * 1000:.1f}" for value in values)
        print(f"    {name:50} {statistics.median(values) * 1000:10.1f} ms   {each}", flush=True)
    return seconds
