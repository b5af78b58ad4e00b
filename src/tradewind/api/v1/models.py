"""What the parts of `/api/v1` share: how its lists are asked for, and answers of chosen fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, ValidationError

from tradewind.api.bounds import moment_us, seconds_us
from tradewind.api.models import Limit, Offset
from tradewind.api.values import When
from tradewind.core.errors import InvalidInput
from tradewind.store.reading.ranges import Bounds

__all__ = ["Dates", "Fields", "Limit", "Mask", "Offset", "Order", "only", "order_of", "renamed"]

Order = Annotated[str | None, Query(max_length=200, description="What to sort by; `-` in front turns it round.")]
Mask = Annotated[list[str] | None, Query(description="Which fields of the body to look at; without it all.")]
Fields = Annotated[list[str] | None, Query(description="Which fields to answer with; without it all.")]
Seconds = Annotated[float | None, Query(allow_inf_nan=False)]

LONGER_NAMES = {"execution_date": "logical_date", "dag_run_id": "run_id", "event_log_id": "id", "when": "timestamp"}
"""What can be sorted by in other words than now."""


def order_of(order_by: str | None, names: Mapping[str, str] = LONGER_NAMES) -> list[str] | None:
    """An order in today's words."""
    if not order_by:
        return None
    bare = order_by.removeprefix("-")
    return [("-" if order_by.startswith("-") else "") + names.get(bare, bare)]


def bounds(gte: datetime | None, lte: datetime | None) -> Bounds:
    """Moments between which something lies."""
    return Bounds(gte=moment_us(gte) if gte else None, lte=moment_us(lte) if lte else None)


def dates_asked(
    execution_date_gte: When = None, execution_date_lte: When = None, start_date_gte: When = None,
    start_date_lte: When = None, end_date_gte: When = None, end_date_lte: When = None, updated_at_gte: When = None,
    updated_at_lte: When = None,
) -> dict[str, Bounds]:  # fmt: skip
    """The bounds in the query of a list, by today's names."""
    return {
        "logical_date": bounds(execution_date_gte, execution_date_lte),
        "start_date": bounds(start_date_gte, start_date_lte),
        "end_date": bounds(end_date_gte, end_date_lte),
        "updated_at": bounds(updated_at_gte, updated_at_lte),
    }


Dates = Annotated[dict[str, Bounds], Depends(dates_asked)]


def durations(gte: float | None, lte: float | None) -> Bounds:
    """Seconds between which something lies."""
    return Bounds(
        gte=None if gte is None else seconds_us(gte), lte=None if lte is None else seconds_us(lte)
    )  # fmt: skip


def only(shape: type[BaseModel], row: Mapping[str, Any], fields: Iterable[str] | None) -> dict[str, Any]:
    """An answer's chosen fields, as JSON has them. Raises InvalidInput for a field that there is not."""
    wanted = set(fields or ())
    if unknown := sorted(wanted - shape.model_fields.keys()):
        raise InvalidInput(f"fields {unknown[0][:60]!r} is unknown; choose {', '.join(sorted(shape.model_fields))}.")
    try:
        shown = shape.model_validate(row)
    except ValidationError as error:  # nothing that was sent is wrong
        raise RuntimeError(f"{shape.__name__} cannot hold what is stored") from error
    return shown.model_dump(mode="json", by_alias=True, include=wanted or None)


def renamed(row: Mapping[str, Any], **names: str) -> dict[str, Any]:
    """A row with more names for what it has: `execution_date="logical_date"`."""
    return {**row, **{new: row[old] for new, old in names.items()}}
