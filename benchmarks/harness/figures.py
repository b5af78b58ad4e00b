"""Figures: what a row has measured, with every value kept beside the median."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the report. `better` says which direction is good; `budget` is what the design allows."""

    row: str
    what: str
    unit: str
    values: list[float]
    budget: float | None = None
    better: str = "less"
    note: str = ""
    engine: str = ""
    database: str = ""
    load: float = 0.0
    """The machine's load average when the row began."""
    facts: dict[str, Any] = field(default_factory=dict)
    session: str = ""
    """When the session began; only figures of one session make a ratio."""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def within_budget(self) -> bool | None:
        if self.budget is None:
            return None
        return self.median <= self.budget if self.better == "less" else self.median >= self.budget

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "median": self.median}


def figure_from_json(stored: dict[str, Any]) -> Figure:
    """A figure as a results file has it."""
    return Figure(**{name: value for name, value in stored.items() if name != "median"})


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which `part` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
