"""Contenders in turns: a short search for each one's best client count, then A B C A B C …"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from . import machine
from .closed_loop import Run
from .report import Figure, Report, median, spread
from .stage import Stage


@dataclass
class Contender:
    name: str
    # Number of clients and seconds to a run.
    run: Callable[[int, float], Run]
    counts: Sequence[int]
    # Processes whose processor time is its own, beside PostgreSQL's.
    pids: Sequence[int] = ()
    best: int = 0
    runs: list[Run] = field(default_factory=list)
    shares: list[dict[str, float]] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        return [run.rate for run in self.runs]

    @property
    def rate(self) -> float:
        return median(self.rates)

    @property
    def fault(self) -> str | None:
        failed, count = sum(run.failed for run in self.runs), sum(run.requests for run in self.runs)
        return f"{self.name}: {failed} of {count} requests were not answered as they should" if failed else None

    def describe(self) -> dict:
        def middle(name: str) -> float:
            return round(median([share[name] for share in self.shares]), 3)

        return {
            "clients": self.best,
            "rates": [round(rate, 1) for rate in self.rates],
            "p50_ms": [run.p50_ms for run in self.runs],
            "p99_ms": [run.p99_ms for run in self.runs],
            "load_generator_share": round(median([run.generator_share for run in self.runs]), 3),
            "own_share": middle("own"),
            "postgres_share": middle("postgres"),
            "others_share": middle("others"),
            "wal_syncs_per_request": middle("syncs"),
        }


def search(contenders: Sequence[Contender], seconds: float):
    """Sets each contender's best client count, by one short run a count. Doubles as the warm-up."""
    for contender in contenders:
        found: list[tuple[float, int]] = []
        for clients in contender.counts:
            run = contender.run(clients, seconds)
            found.append((run.rate, clients))
            print(f"    search: {contender.name:30} {clients:5} clients {run.rate:9.0f}/s", flush=True)
        contender.best = max(found)[1]


def take_turns(stage: Stage, contenders: Sequence[Contender], turns: int, seconds: float):
    for turn in range(1, turns + 1):
        for contender in contenders:
            busy, began = machine.busy_seconds(), time.monotonic()
            syncs, postgres = stage.count_wal_syncs(), machine.tree_seconds(stage.server.postmaster())
            own = machine.tree_seconds(*contender.pids)
            run = contender.run(contender.best, seconds)
            whole = (time.monotonic() - began) * machine.PROCESSORS
            busy = (machine.busy_seconds() - busy) / whole
            contender.runs.append(run)
            contender.shares.append(
                {
                    "own": (machine.tree_seconds(*contender.pids) - own) / whole,
                    "postgres": (machine.tree_seconds(stage.server.postmaster()) - postgres) / whole,
                    "syncs": (stage.count_wal_syncs() - syncs) / max(1, run.requests),
                }
            )
            shares = contender.shares[-1]
            # What neither the contender nor PostgreSQL nor the load took: the kernel's own work, and other people's.
            shares["others"] = max(0.0, busy - shares["own"] - shares["postgres"] - run.generator_share)
            print(
                f"    turn {turn}: {contender.name:30} {run.clients:5} clients {run.rate:9.0f}/s"
                f"   load {run.generator_share:4.0%}  own {shares['own']:4.0%}  postgres {shares['postgres']:4.0%}"
                f"  others {shares['others']:4.0%}" + (f"   {run.failed} FAILED" if run.failed else ""),
                flush=True,
            )


def tell_rates(report: Report, title: str, contenders: Sequence[Contender]):
    for contender in contenders:
        report.add(
            Figure(
                f"{title}: {contender.name}",
                contender.rate,
                "requests/s",
                spread=spread(contender.rates),
                fault=contender.fault,
                details=contender.describe(),
            )
        )


def compare(
    report: Report, title: str, ours: Contender, theirs: Contender, bar: float, aim: float | None = None
) -> Figure:
    """The ratio of two contenders, taken turn by turn."""
    ratios = [a / b for a, b in zip(ours.rates, theirs.rates, strict=True)]
    return report.add(
        Figure(
            title,
            median(ratios),
            "ratio",
            bar,
            aim=aim,
            spread=spread(ratios),
            fault=ours.fault or theirs.fault,
        )
    )
