"""Cohort retention on the CDNOW purchases of the package lifetimes: against a recount in Python, and known figures."""

import csv
import io
import json
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from importlib import metadata
from itertools import product

from harness import Client
from run import check

# Customers who bought first in January, February or March of 1997, and what they bought until June of 1998.
CUSTOMERS, ORDERS = 2357, 6919
FIRST, LAST = date(1997, 1, 1), date(1998, 6, 30)
# By month of the first purchase: how many bought in that month, and in each of the five months after it.
KNOWN = {
    "1997-01-01": [781, 124, 95, 70, 65, 77],
    "1997-02-01": [857, 134, 110, 75, 77, 75],
    "1997-03-01": [719, 87, 84, 78, 63, 64],
}
DAYS = {"day": 1, "week": 7, "month": 30}


def read_orders() -> list[tuple[str, date]]:
    """Customer and day of each order. Only the package's data file is read: what it computes is another thing."""
    text = metadata.distribution("lifetimes").locate_file("lifetimes/datasets/CDNOW_sample.txt").read_text()
    lines = [line.split() for line in text.splitlines()]
    return [(fields[1], datetime.strptime(fields[2], "%Y%m%d").date()) for fields in lines]


def begin(period: str, day: date) -> date:
    """The first day of the period that a day is in."""
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day


def count(period: str, first: date, day: date) -> int:
    """How many periods after the one that begins on first a day is."""
    if period == "month":
        return (day.year - first.year) * 12 + day.month - first.month
    return (day - first).days // DAYS[period]


def recount(orders, period: str, kind: str, returns: str, clock: str, start: date, end: date, periods: int) -> dict:
    """Size and persons by cohort, in the plainest way."""
    by_customer = defaultdict(set)
    for customer, day in orders:
        by_customer[customer].add(day)
    cohorts: dict[str, list[int]] = defaultdict(lambda: [0] * (periods + 2))
    for days in by_customer.values():
        anchors: dict[date, date] = {}
        for day in sorted(days)[: 1 if kind == "first_time" else None]:
            anchors.setdefault(begin(period, day), day)
        for cohort, anchor in anchors.items():
            if not start <= cohort <= end:
                continue
            after = [day for day in days if day >= anchor]
            if clock == "calendar":
                reached = {count(period, cohort, day) for day in after}
            else:
                reached = {(day - anchor).days // DAYS[period] for day in after}
            row = cohorts[cohort.isoformat()]
            row[0] += 1
            for n in range(periods + 1):
                row[n + 1] += n in reached if returns == "on" else max(reached) >= n
    return dict(cohorts)


def send(client: Client, orders):
    """All orders as events at noon UTC, in batches, each with an id of its own."""
    events = [
        {"id": f"order-{n}", "name": "purchase", "user_id": customer, "event_at": f"{day}T12:00:00Z"}
        for n, (customer, day) in enumerate(orders)
    ]
    for place in range(0, len(events), 1000):
        batch = events[place : place + 1000]
        answer = client.call("POST", "/api/v1/events", {"events": batch}).expect(200).json
        check(answer["accepted"] == len(batch), f"of {len(batch)} events {answer['accepted']} were taken: {answer}")


def ask(client: Client, **question) -> dict:
    """Every page of an answer, as size and persons by cohort."""
    path = "/api/v1/analytics/cohorts?" + "&".join(f"{name}={value}" for name, value in question.items())
    found, after = {}, ""
    while True:
        page = client.call("GET", path + after).expect(200).json
        for cohort in page["cohorts"]:
            found[cohort["cohort_start"]] = [cohort["size"]] + [cell["persons"] for cell in cohort["periods"]]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


def check_variants(client: Client, orders, label: str) -> int:
    asked = 0
    for period, kind, returns, clock in product(
        ("week", "month", "day"), ("first_time", "recurring"), ("on", "on_or_after"), ("calendar", "rolling")
    ):
        start, end, periods = (
            FIRST,
            (date(1997, 3, 31) if period == "day" else LAST),
            {"day": 30, "week": 8, "month": 17}[period],
        )
        wanted = recount(orders, period, kind, returns, clock, begin(period, start), end, periods)
        question = {"period": period, "kind": kind, "return": returns, "clock": clock, "periods": periods, "limit": 40}
        found = ask(client, **question, **{"from": start, "to": end})
        shown = {cohort: row for cohort, row in found.items() if row[0]}
        check(shown == wanted, f"{label}: {kind} {returns} {clock} by {period} is not as recounted")
        asked += len(found) * (periods + 1)
    return asked


def run(context) -> str:
    orders = read_orders()
    check((len(orders), len({customer for customer, _ in orders})) == (ORDERS, CUSTOMERS), "the data are others")
    # These months are long gone by any policy.
    context.server.sql(
        "update core.setting set value = '1200' where name = 'growth.keep_months';"
        "select growth.make_month('1997-01-01')"
    )
    operator = Client(context.url, context.key, timeout=120)
    account = operator.call("POST", "/api/v1/accounts", {"name": "CDNOW"}).expect(201).json["id"]
    made = operator.call(
        "POST",
        "/api/v1/keys",
        {"name": "cohorts", "scopes": ["events:write", "analytics:read"]},
        {"Levqor-Account": account},
    ).expect(201)
    client = Client(context.url, made.json["key"], timeout=120)
    send(client, orders)

    def months() -> dict:
        table = ask(client, **{"period": "month", "from": "1997-01-01", "to": "1997-03-31", "periods": 5})
        return {cohort: row[1:] for cohort, row in table.items()}

    check(months() == KNOWN, f"the table by months is not the known one: {months()}")
    cells = check_variants(client, orders, "live")

    # The same when it is rolled up, and when an event comes late.
    def roll_up() -> int:
        kept = context.server.sql(
            "set levqor.machinery = 'on';"
            "insert into growth.rollup (account_id, rolled_through)"
            f" values (core.read_id('acct', '{account}'), current_date)"
            " on conflict (account_id) do update set rolled_through = excluded.rolled_through;"
            f"delete from growth.stale_day where account_id = core.read_id('acct', '{account}');"
            f"select growth.roll_up_cohorts_of(core.read_id('acct', '{account}'), 1000)"
        )
        return int(kept.splitlines()[-1])

    check(roll_up() > 80, "the weeks and months were not rolled up")
    check(months() == KNOWN, "the table by months changes when it is rolled up")
    earliest = {"id": "late", "name": "purchase", "user_id": orders[-1][0], "event_at": "1997-01-01T12:00:00Z"}
    client.call("POST", "/api/v1/events", earliest).expect(200)
    orders.append((orders[-1][0], FIRST))
    check_variants(client, orders, "after a late event")
    roll_up()
    check_variants(client, orders, "rolled up again")

    # One answer, several forms.
    path = "/api/v1/analytics/cohorts?period=month&from=1997-01-01&to=1998-06-30"
    page = client.call("GET", path).expect(200)
    again = client.call("GET", path, headers={"If-None-Match": page.headers["ETag"]})
    check(again.status == 304, f"an ETag that fits gets {again.status}")
    text = client.call("GET", path, headers={"Accept": "text/csv"}).expect(200)
    check(text.headers["Content-Type"].startswith("text/csv"), f"asked for CSV, got {text.headers['Content-Type']}")
    lines = list(csv.DictReader(io.StringIO(text.text)))
    cells_of_page = [
        (cohort["cohort_start"], str(cohort["size"]), str(cell["period"]), str(cell["persons"]))
        for cohort in page.json["cohorts"]
        for cell in cohort["periods"]
    ]
    check(
        [(r["cohort_start"], r["size"], r["period"], r["persons"]) for r in lines] == cells_of_page,
        "CSV and JSON differ",
    )
    now = datetime.now(tz=timezone.utc).date()
    newest = client.call("GET", f"/api/v1/analytics/cohorts?period=day&from={now}&to={now}").expect(200).json["cohorts"]
    check(json.dumps(newest[0]["periods"][0]["persons"]) == "null", "a day that is not over has a figure")
    return f"CDNOW's known table, and {cells} cells of all variants as recounted: live, rolled up, after a late event"
