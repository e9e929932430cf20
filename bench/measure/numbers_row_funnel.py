"""Funnels: four steps over 30 days beside chdb's windowFunnel and DuckDB; and that every mode gives chdb's answer."""

from __future__ import annotations

import datetime
import json
import random

from harness import HarnessError

from .numbers_stage import NumbersStage, take_turns
from .report import Figure, Report, median, ratios, spread

STEPS = ("visit", "signup", "active", "paid")
WINDOW_DAYS = 14
MODES = (
    (),
    ("strict_order",),
    ("strict_deduplication",),
    ("strict_increase",),
    ("strict_once",),
    ("strict_order", "strict_increase"),
)
OURS = """
select f.step, f.converted
from growth.funnel(%s, %s, %s, %s, p_window => make_interval(days => %s), p_has_times => false) as f
where f.breakdown is null
order by f.step
"""
# Who enters is chosen by step 1 in the range; the window runs past its end.
CLICKHOUSE = """
with level as (
    select windowFunnel({window})(toDateTime(event_at), {conditions}) as level
    from event
    where event_at >= '{start}' and event_at < addSeconds(toDateTime('{end}'), {window} + 1) and name in ({names})
    group by person_id
)
select {counts} from level
"""
DUCKDB = """
with step as (
    select person_id, event_at, case name {cases} end as step
    from event
    where event_at >= '{start}' and event_at <= timestamp '{end}' + to_seconds({window}) and name in ({names})
),
one as (
    select *, max(case when step = 1 and event_at < '{end}' then event_at end) over w as t1 from step
    window w as (partition by person_id order by event_at, step rows unbounded preceding)
),
two as (
    select *, max(case when step = 2 and event_at <= t1 + to_seconds({window}) then t1 end) over w as t2 from one
    window w as (partition by person_id order by event_at, step rows unbounded preceding)
),
three as (
    select *, max(case when step = 3 and event_at <= t2 + to_seconds({window}) then t2 end) over w as t3 from two
    window w as (partition by person_id order by event_at, step rows unbounded preceding)
),
level as (
    select
        person_id,
        max(case
            when step = 4 and event_at <= t3 + to_seconds({window}) then 4
            when t3 is not null then 3 when t2 is not null then 2 when t1 is not null then 1
        end) as level
    from three
    group by person_id
)
select {counts} from level
"""


class ClickHouse:
    """chdb with the events in a table of its own."""

    def __init__(self, stage: NumbersStage, threads: int):
        from chdb import session

        self.session = session.Session(str(stage.work / "chdb"))
        self.run(f"set max_threads = {threads}")
        self.run("create database if not exists bench engine = Atomic")
        self.run("use bench")
        self.run(
            "create table event (person_id Int64, event_at DateTime64(6), name LowCardinality(String))"
            " engine = MergeTree order by (event_at, person_id)"
        )
        self.run(f"insert into event select person_id, event_at, name from file('{stage.year.parquet}', Parquet)")
        self.run("optimize table event final")

    def run(self, query: str) -> list[list]:
        answer = self.session.query(query, "JSONCompactEachRow")
        if answer is None:
            return []
        text = answer.bytes().decode() if hasattr(answer, "bytes") else str(answer)
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def close(self):
        self.session.close()


def measure(report: Report, stage: NumbersStage, plan: dict, threads: int):
    clickhouse = ClickHouse(stage, threads)
    try:
        measure_speed(report, stage, plan, clickhouse)
        measure_agreement(report, stage, plan, clickhouse)
    finally:
        clickhouse.close()


def measure_speed(report: Report, stage: NumbersStage, plan: dict, clickhouse: ClickHouse):
    year, dba = stage.year, stage.dba()
    start = year.start + datetime.timedelta(days=200)
    end = start + datetime.timedelta(days=30)
    window = WINDOW_DAYS * 86400
    names = ", ".join(f"'{name}'" for name in STEPS)
    of = {
        "window": window,
        "names": names,
        "conditions": ", ".join(f"name = '{name}'" for name in STEPS),
        "cases": " ".join(f"when '{name}' then {place}" for place, name in enumerate(STEPS, 1)),
        "counts": ", ".join(f"count(case when level >= {n} then 1 end)" for n in range(1, len(STEPS) + 1)),
        "start": start,
        "end": end,
    }
    # windowFunnel knows nothing of a range of entrants: a first step behind the range is taken out of the conditions.
    clickhouse_query = CLICKHOUSE.format(
        **of
        | {
            "conditions": of["conditions"].replace(
                f"name = '{STEPS[0]}'", f"name = '{STEPS[0]}' and event_at < toDateTime('{end}')", 1
            )
        }
    )
    duckdb_query = DUCKDB.format(**of)
    steps = json.dumps([{"name": name} for name in STEPS])
    found: dict[str, list[int]] = {}

    def ours():
        rows = dba.execute(OURS, (stage.account, steps, start, end, WINDOW_DAYS)).fetchall()
        found["ours"] = [row[1] for row in rows]

    def of_clickhouse():
        found["chdb"] = [int(v) for v in clickhouse.run(clickhouse_query)[0]]

    def of_duckdb():
        found["DuckDB"] = [int(v) for v in year.database.execute(duckdb_query).fetchone()]

    dba.execute("set timezone = 'UTC'")
    seconds = take_turns({"ours": ours, "chdb": of_clickhouse, "DuckDB": of_duckdb}, plan["turns"])
    fault = None if found["ours"] == found["chdb"] == found["DuckDB"] else f"the answers differ: {found}"
    fastest = [min(pair) for pair in zip(seconds["chdb"], seconds["DuckDB"], strict=True)]
    compared = ratios(seconds["ours"], fastest)
    report.add(
        Figure(
            "funnel: 4 steps over 30 days, exact, to the faster of chdb and DuckDB",
            median(compared),
            "ratio",
            5,
            is_at_most=True,
            aim=3,
            spread=spread(compared),
            fault=fault,
            details={"persons": found["ours"], **{n: [round(v, 4) for v in s] for n, s in seconds.items()}},
        )
    )
    dba.close()


def measure_agreement(report: Report, stage: NumbersStage, plan: dict, clickhouse: ClickHouse):
    """Random rows, many of which share their time with others; and the year's: every hundredth person over 60 days."""
    start = stage.year.start + datetime.timedelta(days=100)
    rows = clickhouse.run(
        "select person_id, toUnixTimestamp(event_at), name from event"
        f" where person_id % 100 = 0 and event_at >= '{start}' and event_at < addDays(toDateTime('{start}'), 60)"
    )
    dice, made = random.Random(20), []
    for person in range(4000):
        for _ in range(dice.randrange(1, 25)):
            made.append((person, 1_700_000_000 + dice.randrange(40), dice.choice((*STEPS, "export"))))
    dba = stage.dba()
    differences, compared = 0, 0
    for data, windows in ((made, (5, 20, 100)), (rows, (86400, 14 * 86400))):
        if not data:
            raise HarnessError("there is nothing to compare")
        dba.execute("create temp table compared (person_id bigint, event_at timestamptz, name text)")
        with dba.cursor().copy("copy compared from stdin") as copy:
            for person, second, name in data:
                at = datetime.datetime.fromtimestamp(int(second), datetime.UTC)
                copy.write_row((int(person), at, name))
        clickhouse.run("drop table if exists compared")
        clickhouse.run("create table compared (person_id Int64, at Int64, name String) engine = Memory")
        for place in range(0, len(data), 20000):
            values = ", ".join(f"({p}, {s}, '{n}')" for p, s, n in data[place : place + 20000])
            clickhouse.run(f"insert into compared values {values}")
        conditions = ", ".join(f"name = '{name}'" for name in STEPS)
        for window in windows:
            for modes in MODES:
                asked = "".join(f", '{mode}'" for mode in modes)
                theirs = clickhouse.run(
                    f"select person_id, windowFunnel({window}{asked})(toDateTime(at), {conditions}) from compared"
                    " group by person_id"
                )
                own = dba.execute(
                    "select c.person_id, growth.window_funnel("
                    f"make_interval(secs => {window}), %s, c.event_at, {conditions}"
                    ") from compared as c group by c.person_id",
                    (list(modes),),
                ).fetchall()
                differences += count_differences(own, theirs)
                compared += len(own)
        theirs = clickhouse.run(f"select person_id, retention({conditions}) from compared group by person_id")
        own = dba.execute(
            f"select c.person_id, growth.retention_flags({conditions}) from compared as c group by c.person_id"
        ).fetchall()
        differences += count_differences(own, theirs)
        compared += len(own)
        dba.execute("drop table compared")
    report.add(
        Figure(
            "funnel: answers that differ from chdb's windowFunnel and retention, every mode",
            differences,
            "answers",
            0,
            is_at_most=True,
            details={"compared": compared, "rows": len(made) + len(rows)},
        )
    )
    dba.close()


def count_differences(own: list, theirs: list) -> int:
    def plain(value):
        return [int(v) for v in value] if isinstance(value, list) else int(value)

    a, b = ({int(person): plain(value) for person, value in rows} for rows in (own, theirs))
    return sum(a.get(person) != b.get(person) for person in a.keys() | b.keys())
