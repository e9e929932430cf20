"""DAU, WAU, MAU for each day of the year, and weekly cohorts: ours beside DuckDB on the raw events."""

from __future__ import annotations

from harness import HarnessError

from .numbers_stage import NumbersStage, take_turns
from .report import Figure, Report, median, ratios, spread

ROLLUPS = "select day, dau, wau, mau from growth.activity_by_day(%s, %s, %s) order by day"
RECOUNT = "select c.day, c.dau, c.wau, c.mau from growth.count_days(%s, %s, %s) as c order by c.day"
# As an analyst writes it: the persons of each day's trailing window, counted once each.
PLAIN = """
with active as (select distinct person_id, event_at::date as day from event),
one as (select day, count(*) as n from active group by day),
many as (
    select d.day, w.days, count(distinct a.person_id) as n
    from (select unnest(generate_series(date '{start}', date '{last}', interval 1 day))::date as day) as d
    cross join (values (7), (30)) as w (days)
    join active as a on a.day > d.day - w.days and a.day <= d.day
    group by d.day, w.days
)
select o.day, o.n, w.n, m.n
from one as o
join many as w on w.day = o.day and w.days = 7
join many as m on m.day = o.day and m.days = 30
order by o.day
"""
# By the way that our function goes: a day of activity counts until the person's next one, or the window's end.
GAPS = """
with active as (select distinct person_id, event_at::date as day from event),
gap as (
    select day, least(coalesce(lead(day) over (partition by person_id order by day) - day, 31), 31) as gap from active
),
cell as (select day, gap, count(*) as n from gap group by day, gap)
select
    d.day,
    sum(c.n) filter (where c.day = d.day) as dau,
    sum(c.n) filter (where d.day - c.day < least(c.gap, 7)) as wau,
    sum(c.n) filter (where d.day - c.day < least(c.gap, 30)) as mau
from (select unnest(generate_series(date '{start}', date '{last}', interval 1 day))::date as day) as d
join cell as c on c.day <= d.day and c.day > d.day - 30
group by d.day
order by d.day
"""
COHORTS = """
select c.cohort_start, c.period, c.persons
from growth.cohort_retention(%s, 'week', date_trunc('week', %s::timestamp)::date, %s, p_periods => 53) as c
where c.persons > 0
order by c.cohort_start, c.period
"""
RAW_COHORTS = """
with active as (select distinct person_id, date_trunc('week', event_at)::date as week from event),
first as (select person_id, min(week) as cohort from active group by person_id)
select f.cohort, (a.week - f.cohort) // 7 as period, count(*) as persons
from active as a join first as f using (person_id)
group by all
order by all
"""


def measure(report: Report, stage: NumbersStage, plan: dict):
    year, dba = stage.year, stage.dba()
    of = {"start": year.start, "last": year.last}
    days = (stage.account, year.start, year.last)
    found: dict[str, list] = {}

    def ours(name: str, query: str, arguments: tuple):
        def run():
            found[name] = [tuple(row) for row in dba.execute(query, arguments).fetchall()]

        return run

    def duck(name: str, query: str):
        def run():
            found[name] = [tuple(row) for row in year.database.execute(query.format(**of)).fetchall()]

        return run

    rollups = take_turns({"rollups": ours("rollups", ROLLUPS, days)}, max(5, plan["turns"]))["rollups"]
    report.add(
        Figure(
            "activity: DAU, WAU, MAU of each day of the year, from rollups",
            median(rollups) * 1000,
            "ms",
            50,
            is_at_most=True,
            spread=spread([s * 1000 for s in rollups]),
        )
    )
    seconds = take_turns(
        {
            "bitmaps": ours("bitmaps", RECOUNT, days),
            "DuckDB, plain": duck("plain", PLAIN),
            "DuckDB, by gaps": duck("gaps", GAPS),
        },
        plan["turns"],
    )
    fault = differ(found, "rollups", "bitmaps") or differ(found, "bitmaps", "plain") or differ(found, "bitmaps", "gaps")
    bitmaps = seconds["bitmaps"]
    report.add(
        Figure(
            "activity: the same recomputed from the bitmaps",
            median(bitmaps),
            "s",
            3,
            is_at_most=True,
            spread=spread(bitmaps),
            fault=fault,
        )
    )
    for name, bar in (("DuckDB, plain", 1.0), ("DuckDB, by gaps", None)):
        compared = ratios(bitmaps, seconds[name])
        report.add(
            Figure(
                f"activity: bitmaps to {name}, on the raw events",
                median(compared),
                "ratio",
                bar,
                is_at_most=True,
                spread=spread(compared),
                fault=fault,
                details={"seconds": seconds[name]},
            )
        )
    seconds = take_turns(
        {"cohorts": ours("cohorts", COHORTS, days), "DuckDB": duck("raw cohorts", RAW_COHORTS)}, plan["turns"]
    )
    compared = ratios(seconds["cohorts"], seconds["DuckDB"])
    report.add(
        Figure(
            "cohorts: weekly retention over the year, to DuckDB on the raw events",
            median(compared),
            "ratio",
            1.0,
            is_at_most=True,
            spread=spread(compared),
            fault=differ(found, "cohorts", "raw cohorts"),
            details={name: [round(v, 4) for v in values] for name, values in seconds.items()},
        )
    )
    dba.close()


def differ(found: dict[str, list], ours: str, theirs: str) -> str | None:
    """Why two answers are not the same, or None."""
    a, b = normal(found[ours]), normal(found[theirs])
    if not a:
        raise HarnessError(f"{ours} gave nothing")
    if a == b:
        return None
    odd = sorted(set(a) ^ set(b), key=str)[:4]
    return f"{ours} and {theirs} differ in {len(set(a) ^ set(b))} rows, such as {odd}"


def normal(rows: list[tuple]) -> list[tuple]:
    return [tuple(str(v) if not isinstance(v, int | float) else int(v) for v in row) for row in rows]
