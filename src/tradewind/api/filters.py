"""Query parameters that come in families: `start_date_gte`, `start_date_gt`, `start_date_lte`, `start_date_lt` …"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from inspect import Parameter, Signature
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

from tradewind.store.reading.filters import Within
from tradewind.store.times import to_us

SUFFIXES = ("gte", "gt", "lte", "lt")


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


Given = Annotated[datetime, AfterValidator(_aware)]
"""A moment as a client says it; one without zone is UTC."""
Ranges = Mapping[str, Within]
"""By the name of what is bounded; only where a caller set a bound."""


def ranges(*moments: str, numbers: tuple[str, ...] = ()) -> Callable[..., Ranges]:
    """A dependency that takes four query parameters for each of these names."""
    kinds = {**dict.fromkeys(moments, Given), **dict.fromkeys(numbers, float)}

    def asked(**given: datetime | float | None) -> Ranges:
        return bounds_in(kinds, given)

    parameters = [
        Parameter(
            f"{name}_{suffix}", Parameter.KEYWORD_ONLY, default=None,
            annotation=Annotated[kind | None, Query()],  # type: ignore[operator]
        )
        for name, kind in kinds.items()
        for suffix in SUFFIXES
    ]  # fmt: skip
    asked.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return asked


def bounds_in(names: Iterable[str], given: Mapping[str, datetime | float | None]) -> Ranges:
    """The bounds among these fields of a query or a body."""
    found = {}
    for name in names:
        bounds = [_number(given.get(f"{name}_{suffix}")) for suffix in SUFFIXES]
        if any(bound is not None for bound in bounds):
            found[name] = Within(*bounds)
    return found


def _number(bound: datetime | float | None) -> float | None:
    return to_us(bound) if isinstance(bound, datetime) else bound
