"""Data quality: checks as values, measured in one scan of a Parquet file, summed up as a score from 0 to 100."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tradewind.data.duck import Session, parquet
from tradewind.data.jobs import literal, quoted
from tradewind.data.problems import QualityGateFailed
from tradewind.data.runtime import leave


@dataclass(frozen=True)
class Rows:
    """A row-wise check: a row is bad when `bad` (SQL) is true. Up to `allowed` of the rows may be."""

    name: str
    bad: str
    allowed: float = 0.0
    weight: float = 1.0
    required: bool = False
    """Below the allowed share, a required check closes the gate whatever the score."""


def not_null(column: str, *, allowed: float = 0.0, required: bool = False) -> Rows:
    """The column has a value, but for the `allowed` share of the rows."""
    return Rows(f"{column} is present", f"{quoted(column)} IS NULL", allowed, required=required)


def in_range(column: str, low: float, high: float, *, allowed: float = 0.0) -> Rows:
    """Present values lie between `low` and `high`, both included."""
    return Rows(f"{column} is within {low:g} and {high:g}", f"{quoted(column)} NOT BETWEEN {low} AND {high}", allowed)


def one_of(column: str, values: Sequence[str]) -> Rows:
    """Present values are among these."""
    listed = ", ".join(literal(value) for value in values)
    return Rows(f"{column} is one of {', '.join(values)}", f"{quoted(column)} NOT IN ({listed})")


@dataclass(frozen=True)
class CheckResult:
    """One check as measured."""

    name: str
    bad: int
    rows: int
    allowed: float
    weight: float
    required: bool
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether no more than the allowed share is bad."""
        return self.bad <= self.allowed * max(self.rows, 1)

    @property
    def points(self) -> float:
        """1 for a passed check; for a failed one the share of good rows, but never more than half."""
        return 1.0 if self.passed else min(0.5, 1 - self.bad / max(self.rows, 1))


@dataclass(frozen=True)
class QualityResult:
    """The checks of one or more data sets and their score."""

    checks: tuple[CheckResult, ...]

    @property
    def score(self) -> float:
        """From 0 to 100: the points of all checks by their weights; 0 without a check."""
        weight = sum(check.weight for check in self.checks)
        return round(100 * sum(check.weight * check.points for check in self.checks) / weight, 2) if weight else 0.0

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    def gate(self, minimum: float) -> None:
        """Raise `QualityGateFailed` when the score is below `minimum` or a required check failed.

        A task that fails returns nothing: the engine keeps score and failed checks as its XCom `data_quality`.
        """
        broken = [check for check in self.failed if check.required]
        if self.score >= minimum and not broken:
            return
        leave("data_quality", {"score": self.score, "failed": [check.name for check in self.failed]})
        listed = "; ".join(f"{check.name} ({check.detail or f'{check.bad} bad'})" for check in self.failed)
        reason = "a required check failed" if broken else f"it must be at least {minimum:g}"
        raise QualityGateFailed(f"Data quality is {self.score:g} of 100 and {reason}: {listed}.")

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON and XCom."""
        checks = [{**asdict(check), "passed": check.passed} for check in self.checks]
        value: dict[str, Any] = json.loads(json.dumps({"score": self.score, "checks": checks}))
        return value


def measure(duck: Session, path: Path, checks: Sequence[Rows]) -> list[CheckResult]:
    """All row-wise checks of a Parquet file, in one scan."""
    counts = ", ".join(f"count(*) FILTER (WHERE {check.bad})" for check in checks)
    rows, *bad = duck.run(f"SELECT count(*), {counts} FROM {parquet(path)}", total=100, unit="% checked")[0]
    return [
        CheckResult(check.name, n, rows, check.allowed, check.weight, check.required)
        for check, n in zip(checks, bad, strict=True)
    ]


def unique(duck: Session, path: Path, columns: Sequence[str]) -> CheckResult:
    """No two rows have the same key."""
    key = ", ".join(quoted(column) for column in columns)
    # Grouping may spill to disk, which count(DISTINCT) cannot.
    groups = f"SELECT count(*) AS n FROM {parquet(path)} GROUP BY {key}"
    rows, distinct = duck.run(f"SELECT coalesce(sum(n), 0)::BIGINT, count(*) FROM ({groups})")[0]
    return CheckResult(f"({', '.join(columns)}) is unique", rows - distinct, rows, 0.0, 2.0, required=True)


def schema(duck: Session, path: Path, expected: dict[str, str]) -> CheckResult:
    """The file has exactly these columns with these DuckDB types, in this order."""
    found = {name: kind for name, kind, *_ in duck.run(f"DESCRIBE SELECT * FROM {parquet(path)}")}
    wrong = [f"{name} is {found.get(name, 'missing')}" for name, kind in expected.items() if found.get(name) != kind]
    wrong += [f"{name} is unexpected" for name in found if name not in expected]
    if not wrong and list(found) != list(expected):
        wrong.append("the columns are in another order")
    return CheckResult("schema is as agreed", len(wrong), len(expected), 0.0, 2.0, True, "; ".join(wrong))


def row_count(name: str, found: int, expected: int) -> CheckResult:
    """Two counts of the same rows agree."""
    return CheckResult(name, abs(found - expected), expected, 0.0, 2.0, True, f"{found} of {expected}")


def at_least_one_row(name: str, rows: int) -> CheckResult:
    """There are rows at all."""
    return CheckResult(f"{name} has rows", 0 if rows else 1, 1, 0.0, 1.0, True, f"{rows} rows")


def fresh(name: str, made: datetime, now: datetime, within: timedelta) -> CheckResult:
    """The data were taken no longer than `within` before `now`."""
    age = now - made
    return CheckResult(f"{name} is fresh", int(age > within), 1, 0.0, 1.0, False, f"taken {age} ago")


def rejection_rate(rows_in: int, rejected: int, allowed: float) -> CheckResult:
    """Not more than the `allowed` share of the source's rows was turned away."""
    name = f"at most {100 * allowed:g} % of the rows are rejected"
    return CheckResult(name, rejected, rows_in, allowed, 2.0, True, f"{100 * rejected / max(rows_in, 1):.2f} %")
