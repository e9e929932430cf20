"""The year of events that the numbers are measured on: the same rows for PostgreSQL, DuckDB and chdb.

Made by DuckDB from hashes of running numbers, so every run has the same rows. Persons begin at some day of the year and
are most active soon after it; a few are active often, and many seldom.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import duckdb

SOURCES = ("direct", "google", "newsletter", "partner", "twitter", "youtube")
# Shares of the names of events, in percent, added up.
NAMES = (("visit", 55), ("signup", 62), ("active", 92), ("paid", 96), ("export", 100))
EVENT = """
create table event as
with raw as (
    select
        i, 1 + floor({persons} * pow((hash(i, 'who') % 1000003) / 1000003.0, 1.4))::bigint as person_id,
        (hash(i, 'day') % 1000003) / 1000003.0 as of_time, hash(i, 'second') % 86400 as second,
        hash(i, 'name') % 100 as name_at, hash(i, 'source') % 100 as source_at
    from range({events}) as r (i)
)
select
    r.person_id,
    timestamp '{start}' + to_days(d.first + floor(({days} - d.first) * r.of_time * r.of_time)::integer)
        + to_seconds(r.second::bigint) as event_at,
    case {names} end as name,
    ['{sources}'][
        1 + (case when r.source_at < 85 then hash(r.person_id, 'from') else hash(r.i, 'from') end % {count})::integer
    ] as source,
    r.i as number
from raw as r
cross join lateral (select (hash(r.person_id, 'first') % ({days} - 10))::integer as first) as d
"""


@dataclass
class Year:
    """start: the first day; end: the day behind the last."""

    start: datetime.date
    end: datetime.date
    events: int
    persons: int
    database: duckdb.DuckDBPyConnection
    parquet: Path

    @property
    def last(self) -> datetime.date:
        return self.end - datetime.timedelta(days=1)


def make(work: Path, events: int, persons: int, threads: int) -> Year:
    """The twelve whole months that ended last."""
    end = datetime.date.today().replace(day=1)
    start = end.replace(year=end.year - 1)
    database = duckdb.connect(":memory:", config={"threads": threads, "memory_limit": "4GB"})
    names, before = "", 0
    for name, through in NAMES:
        names += f"when r.name_at < {through} then '{name}' "
        before = through
    assert before == 100
    database.execute(
        EVENT.format(
            persons=persons,
            events=events,
            start=start,
            days=(end - start).days,
            names=names,
            sources="', '".join(SOURCES),
            count=len(SOURCES),
        )
    )
    parquet = work / "event.parquet"
    database.execute(f"copy (select person_id, event_at, name from event) to '{parquet}' (format parquet)")
    return Year(start, end, events, persons, database, parquet)


def write_copies(year: Year, folder: Path, account: str) -> list[Path]:
    """Files for COPY into growth.event, one a month, in the order of time, as events come."""
    paths, month = [], year.start
    while month < year.end:
        after = (month.replace(day=28) + datetime.timedelta(days=4)).replace(day=1)
        path = folder / f"event-{month:%Y%m}.csv"
        year.database.execute(
            f"""
            copy (
                select
                    '{account}' as account_id, person_id, strftime(event_at, '%Y-%m-%d %H:%M:%S+00') as event_at,
                    format('00000000-0000-8000-8000-{{:012x}}', number) as event_id, name, source,
                    strftime(event_at, '%Y-%m-%d %H:%M:%S+00') as received_at
                from event
                where event_at >= '{month}' and event_at < '{after}'
                order by event_at
            ) to '{path}' (format csv, header false)
            """
        )
        paths.append(path)
        month = after
    return paths
