"""The slots of cron texts, against croniter and APScheduler's CronTrigger, over ten years in five zones.

The two disagree with each other, so each is asked only where it means what we mean: names of weekdays (APScheduler
counts them from Monday), no step behind names (which it ignores), and for APScheduler one of the two day fields only
(it wants both to match, we want either). Every slot must be the same but where a zone changes its clock. There each
difference must be of a kind that KINDS explains; one of another kind, or a kind that no longer comes, fails.
docs/explanation/schedules.md tells the same to people.

It needs a database with the product in it, and nothing else. The texts are made by a seeded generator.
"""

import argparse
import random
import sys
import time
from bisect import bisect_left
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
from apscheduler.triggers.cron import CronTrigger
from croniter import croniter

ZONES = ["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"]
# Sao Paulo changed its clocks, at midnight, until 2019.
BEGIN, END = datetime(2015, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
# More slots than this in ten years: only the days around changes, and some others.
DENSE = 4_000

# (library, change, hours, who has a slot that the other has not, where it is) -> why.
KINDS = {
    ("croniter", "repeat", "some hours", "theirs", "the second time"): (
        "croniter runs a repeated hour twice. We run it once, the first time."
    ),
    ("APScheduler", "repeat", "some hours", "theirs", "the second time"): (
        "APScheduler runs a repeated hour twice. We run it once, the first time."
    ),
    ("APScheduler", "gap", "some hours", "ours", "at the gap's end"): (
        "A time that does not exist runs at the gap's end; APScheduler runs it later, by as much as it is into the gap."
    ),
    ("APScheduler", "gap", "some hours", "theirs", "in the hour behind the gap"): "The other half of the one before.",
    ("APScheduler", "gap", "some hours", "ours", "soon after midnight, the first behind a gap"): (
        "APScheduler takes the way to the next day from the wall clock and goes it in real time. Over a gap that ends "
        "later than midnight, by the gap's length, and what is due before is left out."
    ),
}

FIXED = [
    "30 1 * * *",
    "0 2 * * *",
    "15 2 * * *",
    "30 0 * * *",
    "@daily",
    "30 23 * * *",
    "*/20 1,2 * * *",
    "0 1 * * sun",
    "0,45 0-3 * * sat,sun",
    "0 * * * *",
    "10 * * * *",
    "*/15 * * * *",
    "0 */2 * * *",
    "10 */3 * * mon-fri",
    "30 */6 1-7 * *",
    "0 12 l * *",
    "59 23 l 2,6-9 *",
    "0 9 * * fri#2",
    "0 9 * * mon#5",
    "0 9 * * lfri",
    "0 0 29 2 *",
    "15 6 31 * *",
    "0 3 */10 * *",
    "0 0 1 jan *",
]
# For croniter only: both day fields, either of which is enough.
BOTH_DAYS = ["0 9 13 * fri", "30 2 1,15 mar,oct,nov sun", "0 0 1-7 * mon"]


def make_texts(seed: int, count: int) -> list[str]:
    """Cron texts of every form that all three know, one of the two day fields at most."""
    pick = random.Random(seed)

    def some(least: int, most: int, size: int) -> str:
        return ",".join(map(str, sorted(pick.sample(range(least, most + 1), size))))

    def span(least: int, most: int) -> str:
        third = (most - least) // 3
        return f"{least + pick.randrange(third)}-{most - pick.randrange(third)}"

    weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    texts = []
    while len(texts) < count:
        minute = pick.choice([some(0, 59, 1), some(0, 59, 1), some(0, 59, 2), "*/30", f"{span(0, 59)}/20"])
        hour = pick.choice([some(0, 23, 1), some(0, 3, 1), some(0, 3, 2), f"{span(0, 23)}/5", "*/8", "*/12"])
        day = pick.choice(["*", "*", some(1, 28, 1), some(1, 31, 3), span(1, 31), "*/7", "l"])
        month = pick.choice(["*", "*", some(1, 12, 3), "2-11/3", "mar,apr,oct,nov"])
        weekday = pick.choice(["*", pick.choice(weekdays), "mon-fri", "sat,sun", f"{pick.choice(weekdays)}#3"])
        if day != "*":
            weekday = "*"
        text = f"{minute} {hour} {day} {month} {weekday}"
        if text not in texts and not (day.isdigit() and int(day) > 28):
            texts.append(text)
    return texts


def for_us(text: str) -> str:
    """croniter says lfri where others say friL."""
    return text.replace("lfri", "friL")


def for_scheduler(text: str, zone: ZoneInfo) -> CronTrigger:
    text = {"@daily": "0 0 * * *"}.get(text, text)
    minute, hour, day, month, weekday = text.split()
    ordinals = {"#1": "1st", "#2": "2nd", "#3": "3rd", "#4": "4th", "#5": "5th"}
    if weekday == "lfri":
        day, weekday = "last fri", "*"
    elif "#" in weekday:
        day, weekday = f"{ordinals[weekday[-2:]]} {weekday[:3]}", "*"
    elif day == "l":
        day = "last"
    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, timezone=zone)


def ask_croniter(text: str, zone: ZoneInfo, begin: datetime, end: datetime) -> list[int]:
    slots = []
    last = end.timestamp()
    # It gives what comes after its start.
    found = croniter(text.replace("lfri", "l5"), (begin - timedelta(seconds=1)).astimezone(zone), ret_type=float)
    while (slot := found.get_next()) < last:
        slots.append(int(slot))
    return slots


def ask_scheduler(text: str, zone: ZoneInfo, begin: datetime, end: datetime) -> list[int]:
    slots = []
    trigger = for_scheduler(text, zone)
    fired = trigger.get_next_fire_time(None, begin.astimezone(zone))
    while fired is not None and fired < end:
        slots.append(int(fired.timestamp()))
        fired = trigger.get_next_fire_time(fired, fired)
    return slots


def find_changes(zone: ZoneInfo) -> list[tuple[int, int, int]]:
    """Moments at which the zone's offset changes, with the offsets before and after, in seconds."""
    changes = []
    at, last = int(BEGIN.timestamp()) - 86400 * 3, int(END.timestamp()) + 86400 * 3

    def offset(moment: int) -> int:
        return int(datetime.fromtimestamp(moment, zone).utcoffset().total_seconds())

    while at < last:
        low, high = at, at + 86400
        if offset(low) != offset(high):
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == offset(at) else (low, middle)
            changes.append((high, offset(at), offset(high)))
        at += 86400
    return changes


def name_place(slot: int, change: tuple[int, int, int]) -> str:
    """Where a slot is, as seen from a change of the clock."""
    at, before, after = change
    length = abs(after - before)
    if after > before and slot == at:
        return "at the gap's end"
    if after > before and at < slot < at + length:
        return "in the hour behind the gap"
    if after < before and at - length <= slot < at:
        return "the first time"
    if after < before and at <= slot < at + length:
        return "the second time"
    return f"{'before' if slot < at else 'behind'} the change, on its day"


def windows(text_slots: int, changes: list[tuple[int, int, int]]) -> list[tuple[datetime, datetime]]:
    """What is compared: all of it, or for dense texts five days at each change and four days of each year."""
    if text_slots <= DENSE:
        return [(BEGIN, END)]
    found = [(at - 86400 * 3, at + 86400 * 2) for at, _, _ in changes]
    found += [(int(datetime(y, 6, 24, tzinfo=UTC).timestamp()),) * 2 for y in range(BEGIN.year, END.year)]
    spans = [(low, high if high > low else low + 4 * 86400) for low, high in found]
    spans = [(low, high) for low, high in spans if low >= BEGIN.timestamp() and high <= END.timestamp()]
    return [(datetime.fromtimestamp(low, UTC), datetime.fromtimestamp(high, UTC)) for low, high in spans]


class Comparison:
    def __init__(self, url: str):
        self.connection = psycopg.connect(url, autocommit=True)
        self.slots = 0
        self.differences: Counter = Counter()
        self.examples: dict = {}
        self.faults: list[str] = []

    def ask_us(self, text: str, zone: str, begin: datetime, end: datetime) -> list[int]:
        query = """select coalesce(array_agg(extract(epoch from s)::bigint), '{}')
            from schedule.list_slots(%s, %s, %s, %s, 9999999) as s"""
        return self.connection.execute(query, (for_us(text), zone, begin, end)).fetchone()[0]

    def is_dense(self, text: str) -> bool:
        month = self.ask_us(text, "UTC", datetime(2015, 6, 1, tzinfo=UTC), datetime(2015, 7, 1, tzinfo=UTC))
        return len(month) * 120 > DENSE

    def compare(self, text: str, zone_name: str, changes: list, libraries: list):
        zone = ZoneInfo(zone_name)
        for begin, end in windows(DENSE + 1 if self.is_dense(text) else 0, changes):
            ours = self.ask_us(text, zone_name, begin, end)
            self.slots += len(ours)
            for library, ask in libraries:
                theirs = ask(text, zone, begin, end)
                for who, mine, others in (("ours", ours, theirs), ("theirs", theirs, ours)):
                    for slot in sorted(set(mine) - set(others)):
                        place = bisect_left(others, slot)
                        previous = others[place - 1] if place else int(begin.timestamp())
                        self.note(library, who, slot, previous, text, zone, changes)

    def note(self, library: str, who: str, slot: int, previous: int, text: str, zone: ZoneInfo, changes: list):
        """Sorts a slot that only one side has; previous is the other side's last slot before it."""
        hours = "every hour" if " " in text and text.split()[1] == "*" else "some hours"
        local = datetime.fromtimestamp(slot, zone)
        at = f"{text!r} in {zone.key}: {local} ({datetime.fromtimestamp(slot, UTC):%H:%M} UTC)"
        passed = [c for c in changes if previous < c[0] < slot and c[2] > c[1]]
        if passed and local.hour * 3600 + local.minute * 60 < passed[-1][2] - passed[-1][1]:
            kind = (library, "gap", hours, who, "soon after midnight, the first behind a gap")
        elif near := [c for c in changes if abs(c[0] - slot) <= 86400]:
            change = min(near, key=lambda c: abs(c[0] - slot))
            kind = (library, "gap" if change[2] > change[1] else "repeat", hours, who, name_place(slot, change))
        else:
            self.faults.append(f"{library}, only {who}, and no change of the clock explains it: {at}")
            return
        self.differences[kind] += 1
        self.examples.setdefault(kind, at)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True, help="URL of a database with the product in it")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--texts", type=int, default=16)
    arguments = parser.parse_args()
    start = time.monotonic()
    comparison = Comparison(arguments.database)
    both = [("croniter", ask_croniter), ("APScheduler", ask_scheduler)]
    texts = FIXED + make_texts(arguments.seed, arguments.texts)
    for zone in ZONES:
        changes = find_changes(ZoneInfo(zone))
        for text in texts:
            comparison.compare(text, zone, changes, both)
        for text in BOTH_DAYS:
            comparison.compare(text, zone, changes, both[:1])
    faults = comparison.faults
    for kind, count in sorted(comparison.differences.items()):
        line = f"{', '.join(kind)}: {count}, such as {comparison.examples[kind]}"
        print(f"  {line}")
        if kind not in KINDS:
            faults.append(f"a difference of a kind that nothing explains: {line}")
    faults += [f"never came: {', '.join(kind)}" for kind in KINDS if kind not in comparison.differences]
    for fault in faults[:40]:
        print(f"  FAIL  {fault}")
    print(
        f"  {'FAIL' if faults else 'ok'}  {comparison.slots} slots of {len(texts) + len(BOTH_DAYS)} cron texts in "
        f"{len(ZONES)} zones, {sum(comparison.differences.values())} differences on days of changes "
        f"({time.monotonic() - start:.1f} s)"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
