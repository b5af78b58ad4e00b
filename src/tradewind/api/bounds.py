"""Query parameters that bound a value: `start_date_gte`, `_gt`, `_lte` and `_lt` as one argument of a handler."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import Depends, Query

from tradewind.api.values import When
from tradewind.store.reading.ranges import Bounds
from tradewind.store.times import to_us

SIDES = ("gte", "gt", "lte", "lt")
MOST_US = 2**62
"""Beyond any duration that is stored, and within what both databases count."""

Seconds = Annotated[float | None, Query(allow_inf_nan=False)]


def _given(name: str, kind: Any, to_number: Callable[[Any], int]) -> Any:
    def bounds(**given: Any) -> Bounds:
        values = (given[f"{name}_{side}"] for side in SIDES)
        return Bounds(*(None if value is None else to_number(value) for value in values))

    sides = [Parameter(f"{name}_{side}", Parameter.KEYWORD_ONLY, default=None, annotation=kind) for side in SIDES]
    bounds.__signature__ = Signature(sides)  # type: ignore[attr-defined]
    return Depends(bounds)


def moment_us(at: datetime) -> int:
    """Microseconds since 1970; a time without zone is UTC."""
    return to_us(at if at.tzinfo is not None else at.replace(tzinfo=UTC))


def seconds_us(seconds: float) -> int:
    """Whole microseconds, as far as the database can count them."""
    return int(max(-MOST_US, min(MOST_US, seconds * 1e6)))


def moments(name: str) -> Any:
    """What a handler declares to take a moment's bounds under this name."""
    return _given(name, When, to_us)


def durations(name: str) -> Any:
    """The same for seconds."""
    return _given(name, Seconds, seconds_us)
