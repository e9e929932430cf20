"""Figures with their bars: collected, printed, written as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Figure:
    """One measured value. Without a bar it is only told."""

    figure: str
    value: float | None
    unit: str
    bar: float | None = None
    is_at_most: bool = False
    aim: float | None = None
    spread: Sequence[float] | None = None
    # Why the value counts for nothing, such as failed requests.
    fault: str | None = None
    details: dict = field(default_factory=dict)

    @property
    def holds(self) -> bool | None:
        if self.fault:
            return False
        if self.bar is None:
            return None
        if self.value is None:
            return False
        return self.value <= self.bar if self.is_at_most else self.value >= self.bar

    def as_json(self) -> dict:
        entry = {"figure": self.figure, "value": rounded(self.value), "unit": self.unit, "bar": self.bar}
        if self.bar is not None:
            entry["bar_is"] = "at most" if self.is_at_most else "at least"
        entry["holds"] = self.holds
        if self.aim is not None:
            entry["aim"] = self.aim
        if self.spread:
            entry["spread"] = [rounded(v) for v in self.spread]
        if self.fault:
            entry["fault"] = self.fault
        if self.details:
            entry["details"] = self.details
        return entry

    def as_line(self) -> str:
        value = "-" if self.value is None else f"{self.value:,.{places(self.value)}f}"
        spread = "" if not self.spread else " to ".join(f"{v:,.{places(v)}f}" for v in self.spread)
        bar = "" if self.bar is None else f"{'<=' if self.is_at_most else '>='} {self.bar:g}"
        state = {True: "holds", False: "DOES NOT HOLD", None: ""}[self.holds]
        line = f"{self.figure:70.70} {value:>10} {self.unit:10} {spread:22} {bar:10} {state}"
        return line.rstrip() + (f"\n    {self.fault}" if self.fault else "")


class Report:
    def __init__(self):
        self.figures: list[Figure] = []

    def add(self, figure: Figure) -> Figure:
        self.figures.append(figure)
        print(f"  {figure.as_line()}", flush=True)
        return figure

    @property
    def with_bars(self) -> list[Figure]:
        """Those that must hold: the ones with a bar, and any that turned out faulty."""
        return [f for f in self.figures if f.holds is not None]

    @property
    def held(self) -> int:
        return sum(bool(f.holds) for f in self.with_bars)

    def show(self):
        print(f"\n{'figure':70} {'median':>10} {'unit':10} {'spread':22} {'bar':10}")
        for figure in self.figures:
            print(figure.as_line())

    def write(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(path.suffix + ".tmp")
        fresh.write_text(json.dumps([f.as_json() for f in self.figures], indent=2) + "\n")
        fresh.replace(path)


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def places(value: float) -> int:
    return 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2


def spread(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Turn by turn: each ratio is of two runs that stood side by side."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
