"""What queries and paths hold, as far as a database can compare it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator

from tradewind.core.errors import InvalidInput
from tradewind.store.times import FIRST, LAST, is_kept, to_us

LARGEST = 2**53
"""Every id and number of ours is smaller, so that no client that counts in floating point rounds one."""

Id = Annotated[int, Path(ge=0, le=LARGEST)]
Whole = Annotated[int | None, Query(ge=-LARGEST, le=LARGEST)]


def _aware(at: datetime) -> datetime:
    """In UTC; a moment without zone is one there."""
    try:
        at = (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
        kept = is_kept(at)
    except OverflowError:
        kept = False
    if not kept:
        raise ValueError("a moment lies between the years 2 and 9800")
    return at


Instant = Annotated[datetime, AfterValidator(_aware)]
"""A point in time that somebody sends, in a body or a query."""


def with_plus(text: Any) -> Any:
    """A moment as it was meant whose `+` nobody has encoded: in a query that is a space."""
    return _SPACED_OFFSET.sub(r"\1+\2", text) if isinstance(text, str) else text


_SPACED_OFFSET = re.compile(r"^(.+:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")


def _bound(at: datetime) -> datetime:
    """In UTC; beyond what is kept, the first or last moment that is: there is nothing on the other side of it."""
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return min(max(at, FIRST), LAST).astimezone(UTC)


Bound = Annotated[datetime, BeforeValidator(with_plus), AfterValidator(_bound)]
"""A moment that a query compares with."""
When = Annotated[Bound | None, Query()]


def within(
    *, gte: datetime | None = None, gt: datetime | None = None, lte: datetime | None = None, lt: datetime | None = None
) -> tuple[int | None, int | None]:
    """First and last microsecond of a range; None where it has no end."""
    after = [to_us(gte)] if gte else []
    after += [to_us(gt) + 1] if gt else []
    before = [to_us(lte)] if lte else []
    before += [to_us(lt) - 1] if lt else []
    return max(after, default=None), min(before, default=None)


def masked(update_mask: list[str] | None, body: BaseModel, fixed: str) -> list[str]:
    """The fields that a PATCH changes: those that it sends, of those in its mask where there is one.

    `fixed` stands in the body without being changed. Raises InvalidInput for a field in the mask that there is not.
    """
    fields = {field.alias or name: name for name, field in type(body).model_fields.items()}
    for name in update_mask or ():
        if name not in fields:
            raise InvalidInput(f"update_mask names {name[:60]!r}; choose {', '.join(sorted(fields.keys() - {fixed}))}.")
    sent = {name for name, field in fields.items() if field in body.model_fields_set}
    return sorted((sent if update_mask is None else sent & set(update_mask)) - {fixed})


def check_no_team(team_name: str | None) -> None:
    """Raise InvalidInput where a team is named: what is stored belongs to the whole installation."""
    if team_name:
        raise InvalidInput(
            f"There are no teams here, so nothing can belong to {team_name[:60]!r}; leave out team_name."
        )
