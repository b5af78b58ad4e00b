"""What good data look like, as values: rules that can be written as JSON and mean the same on every engine.

rules = [NotNull("city", required=True), InRange("price", 0, 1_000_000, allowed=0.001), Unique(["city", "day"])]
result = check("sales.parquet", rules)
result.gate(80)

`check` takes a Polars frame, a Parquet file or DuckDB relation, or a Spark frame: see `quality_engines`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from tradewind.data.jobs import literal
from tradewind.data.problems import BadSetting
from tradewind.data.quality import CheckResult

Quote = Callable[[str], str]

TYPES = ("boolean", "integer", "float", "decimal", "text", "date", "timestamp", "other")
"""What a column's type is called, whatever the engine calls it."""
LEAST_SHARE = 1e-4
"""A bin is never emptier than this, so that one rare value alone is no drift."""


@dataclass(frozen=True)
class Rule:
    """`weight` is what the rule counts in the score; a `required` one closes the gate whatever the score is."""

    KIND: ClassVar[str]

    if TYPE_CHECKING:
        # Not there when it runs: `Condition` has a field of this name, which would take it for its default.
        @property
        def name(self) -> str: ...


@dataclass(frozen=True)
class RowRule(Rule):
    """A rule that each row keeps or breaks. A null breaks none but `NotNull`."""

    def bad(self, quote: Quote) -> str:
        """SQL that is true for a row that breaks the rule."""
        raise NotImplementedError


@dataclass(frozen=True)
class NotNull(RowRule):
    """Every value is there, but for the `allowed` share of them."""

    KIND = "not_null"
    column: str
    allowed: float = 0.0
    weight: float = 1.0
    required: bool = False

    @property
    def name(self) -> str:
        return f"{self.column} is present"

    def bad(self, quote: Quote) -> str:
        return f"{quote(self.column)} IS NULL"


@dataclass(frozen=True)
class InRange(RowRule):
    """Values are between `low` and `high`, both included and both optional; numbers, dates or times."""

    KIND = "in_range"
    column: str
    low: float | date | None = None
    high: float | date | None = None
    allowed: float = 0.0
    weight: float = 1.0
    required: bool = False

    @property
    def name(self) -> str:
        if self.high is None:
            return f"{self.column} is at least {self.low}"
        return (
            f"{self.column} is at most {self.high}"
            if self.low is None
            else f"{self.column} is within {self.low} and {self.high}"
        )

    def bad(self, quote: Quote) -> str:
        column = quote(self.column)
        limits = [f"{column} < {_constant(self.low)}"] if self.low is not None else []
        limits += [f"{column} > {_constant(self.high)}"] if self.high is not None else []
        return f"({' OR '.join(limits) or 'false'})"


@dataclass(frozen=True)
class OneOf(RowRule):
    """Values are among these."""

    KIND = "one_of"
    column: str
    values: Sequence[str | int]
    allowed: float = 0.0
    weight: float = 1.0
    required: bool = False

    @property
    def name(self) -> str:
        return f"{self.column} is one of {', '.join(map(str, self.values))}"

    def bad(self, quote: Quote) -> str:
        return f"({quote(self.column)} NOT IN ({', '.join(literal(value) for value in self.values)}))"


@dataclass(frozen=True)
class Condition(RowRule):
    """`good`, SQL over columns that all engines understand alike, is not false for any row."""

    KIND = "condition"
    name: str  # type: ignore[misc]
    good: str
    allowed: float = 0.0
    weight: float = 1.0
    required: bool = False

    def bad(self, quote: Quote) -> str:
        return f"NOT ({self.good})"


@dataclass(frozen=True)
class Unique(Rule):
    """No two rows have the same values in these columns."""

    KIND = "unique"
    columns: Sequence[str]
    allowed: float = 0.0
    weight: float = 2.0
    required: bool = True

    @property
    def name(self) -> str:
        return f"({', '.join(self.columns)}) is unique"


@dataclass(frozen=True)
class Schema(Rule):
    """The data have these columns, with types as in `TYPES`; others too only where `more` allows it."""

    KIND = "schema"
    columns: Mapping[str, str]
    more: bool = False
    weight: float = 2.0
    required: bool = True

    @property
    def name(self) -> str:
        return "schema is as agreed"

    def result(self, found: Mapping[str, str]) -> CheckResult:
        """The check of these columns and types."""
        wrong = [
            f"{name} is {found.get(name, 'missing')}" for name, kind in self.columns.items() if found.get(name) != kind
        ]
        wrong += [] if self.more else [f"{name} is unexpected" for name in found if name not in self.columns]
        return CheckResult(self.name, len(wrong), len(self.columns), 0.0, self.weight, self.required, "; ".join(wrong))


@dataclass(frozen=True)
class RowCount(Rule):
    """There are at least, and at most, so many rows."""

    KIND = "row_count"
    at_least: int = 1
    at_most: int | None = None
    weight: float = 2.0
    required: bool = True

    @property
    def name(self) -> str:
        most = "" if self.at_most is None else f" and at most {self.at_most}"
        return f"there are at least {self.at_least}{most} rows"

    def result(self, rows: int) -> CheckResult:
        """The check of so many rows."""
        bad = rows < self.at_least or (self.at_most is not None and rows > self.at_most)
        return CheckResult(self.name, int(bad), 1, 0.0, self.weight, self.required, f"{rows} rows")


@dataclass(frozen=True)
class Fresh(Rule):
    """The newest value of a time column is at most so old. Times without a zone are UTC."""

    KIND = "fresh"
    column: str
    within_seconds: float
    weight: float = 1.0
    required: bool = False

    @property
    def name(self) -> str:
        return f"{self.column} is fresh"

    def result(self, newest: datetime | None, now: datetime) -> CheckResult:
        """The check of the newest time."""
        if newest is None:
            return CheckResult(self.name, 1, 1, 0.0, self.weight, self.required, "it has no value")
        age = now - newest
        bad = age > timedelta(seconds=self.within_seconds)
        return CheckResult(self.name, int(bad), 1, 0.0, self.weight, self.required, f"the newest is {age} old")


@dataclass(frozen=True)
class Drift(Rule):
    """A number is spread as it was: the population stability index against the reference is at most `limit`.

    `edges` part the values into bins, and `shares` has the reference's share of each, nulls last. `drift_reference`
    of `quality_engines` measures both. 0.1 is a small change by custom, 0.25 a large one.
    """

    KIND = "drift"
    column: str
    edges: Sequence[float]
    shares: Sequence[float]
    limit: float = 0.2
    weight: float = 1.0
    required: bool = False

    def __post_init__(self) -> None:
        if len(self.shares) != len(self.edges) + 2 or list(self.edges) != sorted(set(self.edges)):
            raise BadSetting(f"Drift of {self.column!r} needs growing edges, and a share for each bin and for nulls.")

    @property
    def name(self) -> str:
        return f"{self.column} is spread as before"

    def bins(self, quote: Quote) -> list[str]:
        """SQL that is true in each bin."""
        return bins(quote(self.column), self.edges)

    def result(self, counts: Sequence[int]) -> CheckResult:
        """The check of so many values in each bin."""
        index = stability_index(self.shares, counts)
        bad = int(not index <= self.limit)
        return CheckResult(self.name, bad, 1, 0.0, self.weight, self.required, f"PSI {index:.3f}, limit {self.limit:g}")


def bins(column: str, edges: Sequence[float]) -> list[str]:
    """SQL for each bin of a quoted column, nulls last."""
    lows = [f"{column} >= {_constant(edge)}" for edge in edges]
    highs = [f"{column} < {_constant(edge)}" for edge in edges]
    inner = [f"({low} AND {high})" for low, high in zip(lows, highs[1:], strict=False)]
    whole = [highs[0], *inner, lows[-1]] if edges else [f"{column} IS NOT NULL"]
    return [*whole, f"{column} IS NULL"]


def stability_index(shares: Sequence[float], counts: Sequence[int]) -> float:
    """How far counts are from shares: the population stability index, 0 for the same spread."""
    total = sum(counts)
    if not total:
        return math.inf
    index = 0.0
    for share, count in zip(shares, counts, strict=True):
        expected, found = max(share, LEAST_SHARE), max(count / total, LEAST_SHARE)
        index += (found - expected) * math.log(found / expected)
    return index


KINDS: dict[str, type[Rule]] = {
    kind.KIND: kind for kind in (NotNull, InRange, OneOf, Condition, Unique, Schema, RowCount, Fresh, Drift)
}


def rules_from(data: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """Rules from dicts such as `{"rule": "not_null", "column": "city", "required": true}`. Raises BadSetting."""
    return [_rule(number, item) for number, item in enumerate(data, start=1)]


def rules_as_data(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """The rules as dicts that `rules_from` takes, and JSON can hold but for dates."""
    return [{"rule": rule.KIND, **asdict(rule)} for rule in rules]


def _rule(number: int, item: Mapping[str, Any]) -> Rule:
    given = dict(item)
    kind = KINDS.get(given.pop("rule", None))  # type: ignore[arg-type]
    if kind is None:
        raise BadSetting(f"Rule {number} is {item.get('rule')!r}; there are {', '.join(KINDS)}.")
    known = {field.name: field for field in fields(kind)}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BadSetting(f"Rule {number} ({kind.KIND}) has no {unknown[0]!r}; it has {', '.join(known)}.")
    missing = [name for name, field in known.items() if field.default is MISSING and name not in given]
    if missing:
        raise BadSetting(f"Rule {number} ({kind.KIND}) needs {missing[0]!r}.")
    return kind(**given)


def _constant(value: object) -> str:
    match value:
        case datetime():
            utc = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
            return f"CAST('{utc.isoformat(sep=' ')}' AS TIMESTAMP)"
        case date():
            return f"CAST('{value.isoformat()}' AS DATE)"
        case bool() | str():
            raise BadSetting(f"A range is of numbers, dates or times, not {value!r}.")
    return repr(value)
