"""The full path with outbox, while another session holds a snapshot; what a claim visits; what the hot tables weigh.

One load for the whole time: free, held by one that read nothing of ours, free, held by one that read all that a
reporter may read, free.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass

import psycopg
from harness import HarnessError

from . import machine
from .queue_stage import QueueStage
from .report import Figure, Report, median, spread

# Left out when the load starts, and when a snapshot is taken or let go.
SETTLE, PROBE_EVERY = 5.0, 5.0
# A minute after the end, space must be back; a little for the clock that does it.
RETURN_SECONDS = 60
CLAIMED = 10
BAR_RATIO, BAR_VISITS, BAR_SPACE = 0.95, 2.0, 1.5
HOT = """
select c.oid::regclass::text
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
left join core.compaction as k on k.table_name = c.oid::regclass::text
where n.nspname in ('jobs', 'outbox') and c.relkind = 'r' and not c.relispartition
    and (k.table_name is not null or obj_description(c.oid, 'pg_class') ~ 'Hot')
order by 1
"""
PROBE = "explain (analyze, buffers, format json) select j.id from jobs.claim_jobs('bench-probe', null, %s) as j"
# Entries of indexes and rows of tables that this transaction has read so far, in these two rooms.
VISITS = """
select coalesce(sum(pg_stat_get_xact_tuples_returned(c.oid)), 0)::bigint
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('jobs', 'outbox') and c.relkind in ('r', 'i')
"""
READABLE = """
select format('%I.%I', n.nspname, c.relname)
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition and n.nspname !~ '^(pg_|information_schema$)'
    and has_schema_privilege('levqor_dba', n.oid, 'usage') and has_table_privilege('levqor_dba', c.oid, 'select')
order by 1
"""


@dataclass
class Span:
    name: str
    begin: float
    end: float


class Holder:
    """A repeatable read transaction of another session, which has read something and then does nothing."""

    def __init__(self, url: str, reads_all: bool):
        self.connection = psycopg.connect(url, application_name="bench-holder")
        self.reads_all = reads_all
        self.read: list[str] = []

    def begin(self):
        tables = [row[0] for row in self.connection.execute(READABLE)] if self.reads_all else ["quota.tier"]
        self.connection.rollback()
        self.connection.execute("begin isolation level repeatable read read only")
        if self.reads_all:
            self.connection.execute("set local role levqor_dba")
        for table in tables:
            self.connection.execute(f"select count(*) from (select * from {table}) as t")
            self.read.append(table)

    def end(self):
        # It fails when the server has ended the session: then nothing was held.
        self.connection.execute("select count(*) from quota.tier")
        self.connection.rollback()
        self.connection.close()


class Prober(threading.Thread):
    """Claims a few jobs every few seconds and gives them back: what was visited, how long; weighs the hot tables."""

    def __init__(self, url: str):
        super().__init__(daemon=True)
        self.connection = psycopg.connect(url, autocommit=True, application_name="bench-prober")
        self.hot = [row[0] for row in self.connection.execute(HOT)]
        self.probes: list[dict] = []
        self.stop, self.failure = threading.Event(), None

    def run(self):
        try:
            while not self.stop.wait(PROBE_EVERY):
                self.probes.append(self.probe())
        except Exception as error:
            self.failure = error

    def probe(self) -> dict:
        with self.connection.transaction(force_rollback=True):
            self.connection.execute("set local levqor.machinery = 'on'")
            before = self.connection.execute(VISITS).fetchone()[0]
            plan = self.connection.execute(PROBE, (CLAIMED,)).fetchone()[0][0]
            visited = self.connection.execute(VISITS).fetchone()[0] - before
        node = plan["Plan"]
        return {
            "at": time.monotonic(),
            "claimed": node["Actual Rows"],
            "visited": visited,
            "pages": node["Shared Hit Blocks"] + node["Shared Read Blocks"],
            "ms": plan["Execution Time"],
            "bytes": self.weigh(),
        }

    def weigh(self) -> int:
        query = "select sum(pg_total_relation_size(t::regclass))::bigint from unnest(%s::text[]) as t"
        return self.connection.execute(query, (self.hot,)).fetchone()[0]

    def within(self, span: Span, name: str) -> list:
        return [p[name] for p in self.probes if span.begin <= p["at"] <= span.end and (name == "bytes" or p["claimed"])]


def rates_in(slots: dict[int, int], span: Span, window: float) -> list[float]:
    """Deliveries a second in each whole window of a span."""
    width, first, last = round(window * 10), int(span.begin * 10) + 1, int(span.end * 10)
    starts = range(first, last - width + 1, width)
    return [sum(slots.get(slot, 0) for slot in range(at, at + width)) / window for at in starts]


def wait_until(stage: QueueStage, process, prober: Prober, seconds: float):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise HarnessError(f"the load ended before its time: {stage.log_of('queue_path.py')}")
        if prober.failure:
            raise prober.failure
        time.sleep(min(0.5, max(0.0, end - time.monotonic())))


def measure(report: Report, stage: QueueStage, plan: dict):
    stage.start_afresh()
    held, free = plan["held"], plan["free"]
    free_after = max(free, RETURN_SECONDS + 2 * PROBE_EVERY + SETTLE)
    spans: list[Span] = []
    prober = Prober(stage.url)
    readers = []
    server, postgres, began = (
        machine.tree_seconds(stage.server.process.pid),
        machine.tree_seconds(stage.postmaster()),
        time.monotonic(),
    )
    with stage.receiver() as receiver:
        receiver_before = machine.tree_seconds(receiver.pid)
        with stage.start_load("queue_path.py", stage.url, receiver.port) as load:
            prober.start()

            def span(name: str, seconds: float):
                at = time.monotonic()
                wait_until(stage, load, prober, seconds)
                spans.append(Span(name, at + SETTLE, time.monotonic()))

            span("free", free + SETTLE)
            for name, reads_all in (("a", False), ("b", True)):
                holder = Holder(stage.url, reads_all)
                holder.begin()
                readers.append(holder.read)
                print(f"    {name}: a snapshot is held; {len(holder.read)} tables and views were read", flush=True)
                span(name, held)
                holder.end()
                span("free", free_after)
            load.stdin.close()
            told = json.loads(load.stdout.read().splitlines()[-1])
        prober.stop.set()
        prober.join(timeout=60)
        slots = {slot: count for slot, count in receiver.ask("/all")["slots"]}
        whole = (time.monotonic() - began) * machine.PROCESSORS
        shares = {
            "load": told["busy"] / whole,
            "receiver": (machine.tree_seconds(receiver.pid) - receiver_before) / whole,
            "server": (machine.tree_seconds(stage.server.process.pid) - server) / whole,
            "postgres": (machine.tree_seconds(stage.postmaster()) - postgres) / whole,
        }
    tell(report, stage, prober, spans, slots, {name: round(share, 3) for name, share in shares.items()}, readers, held)


def tell(report, stage, prober: Prober, spans: list[Span], slots, shares: dict, readers: list, held: float):
    window = min(10.0, max(1.0, held / 20))
    free = [span for span in spans if span.name == "free"]
    bound = int(stage.admin.execute("select core.integer_setting('core.compact_bytes')").fetchone()[0])
    for number, (name, what) in enumerate((("a", "nothing of ours"), ("b", "all a reporter may"))):
        during = next(span for span in spans if span.name == name)
        before, after = free[number], free[number + 1]
        without = median(rates_in(slots, before, window) + rates_in(slots, after, window))
        rates = rates_in(slots, during, window)
        title = f"snapshot {name}, {held:.0f} s"
        report.add(
            Figure(
                f"{title}, it read {what}: full path, to without",
                median(rates) / without,
                "ratio",
                BAR_RATIO,
                spread=[rate / without for rate in spread(rates)],
                details={
                    "deliveries_per_second_without": round(without),
                    "deliveries_per_second_held": [round(rate) for rate in rates],
                    "last_window_to_without": round(rates[-1] / without, 3),
                    "shares": shares,
                    "read": readers[number],
                },
            )
        )
        visited = prober.within(during, "visited")
        part = max(1, len(visited) // 5)
        first, last = median(visited[:part] or [0]), median(visited[-part:] or [0])
        usual = median(prober.within(before, "visited") or [0])
        print(f"    {name}: visited before {prober.within(before, 'visited')}, held {visited}", flush=True)
        report.add(
            Figure(
                f"{title}: what a claim of {CLAIMED} visits in the last fifth, to the first or to before",
                last / max(first, usual, 1),
                "ratio",
                BAR_VISITS,
                is_at_most=True,
                fault=None if visited else "no probe found jobs to claim",
                details={
                    "visited_before": prober.within(before, "visited"),
                    "visited_held": visited,
                    "pages_held": prober.within(during, "pages"),
                    "claim_ms_held": [round(ms, 2) for ms in prober.within(during, "ms")],
                },
            )
        )
        weights = prober.within(Span("", before.begin, before.end), "bytes")
        held_bytes = prober.within(during, "bytes")
        minute = Span("", during.end + RETURN_SECONDS - PROBE_EVERY, during.end + RETURN_SECONDS + 2 * PROBE_EVERY)
        later = prober.within(minute, "bytes")
        # A table below the bound is never rewritten: there is nothing to win.
        base = max([bound, *weights])
        report.add(
            Figure(
                f"{title}: hot tables a minute after its end, to before",
                (median(later) if later else 0) / base,
                "ratio",
                BAR_SPACE,
                is_at_most=True,
                fault=None if later else "nothing was weighed a minute after",
                details={
                    "tables": prober.hot,
                    "compact_bytes": bound,
                    "bytes_before": weights[-1:],
                    "bytes_held": held_bytes[:: max(1, len(held_bytes) // 20)],
                    "bytes_at_end": held_bytes[-1:],
                    "bytes_a_minute_after": later,
                },
            )
        )
