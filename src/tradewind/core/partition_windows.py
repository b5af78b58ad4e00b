"""Windows: the members of one period, which a rollup waits for and a fan-out makes runs of.

A window is plain values, as the SDK writes them: `{"kind": "day", "backward": false}` of moments, `{"kind": "segments",
"segments": […]}` of words, or, where an author's own code may run, `{"kind": "custom", "code": …}`. Moments are stepped
as the clock shows them, so that each day has 24 hours.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from tradewind.core.errors import InvalidInput

STEPS = {
    "hour": (60, timedelta(minutes=1)),
    "day": (24, timedelta(hours=1)),
    "week": (7, timedelta(days=1)),
}
MONTHS = {"quarter": 3, "year": 12}

MOST_MEMBERS = 10_000
"""Members of a window of an author's own: more than a year has hours."""


def members(window: Mapping[str, Any], period: Any) -> tuple[Any, ...]:
    """What makes up the period that begins at this moment; where the window looks back, that ends with it. Words are
    the same for every period. Raises InvalidInput for a month that does not begin on its first day."""
    kind, backward = window["kind"], bool(window.get("backward"))
    if kind == "segments":
        return tuple(window["segments"])
    if kind == "custom":
        found = tuple(islice(window["code"](period), MOST_MEMBERS + 1))
        if len(found) > MOST_MEMBERS:
            raise InvalidInput(f"{window['name']} has more than {MOST_MEMBERS} members.")
        return found
    if kind in STEPS:
        count, step = STEPS[kind]
        first = period - (count - 1) * step if backward else period
        return tuple(first + n * step for n in range(count))
    if period.day != 1:
        raise InvalidInput(f"A {kind} begins on the first day of a month, not at {period.isoformat()}.")
    if kind == "month":
        return tuple(_days(period, backward=backward))
    months = MONTHS[kind]
    first = _months_later(period, 1 - months) if backward else period
    return tuple(_months_later(first, n) for n in range(months))


def _days(period: datetime, *, backward: bool) -> Iterable[datetime]:
    day = timedelta(days=1)
    first = _months_later(period, -1) + day if backward else period
    last = period if backward else _months_later(period, 1) - day
    return (first + n * day for n in range((last - first).days + 1))


def _months_later(first_of_month: datetime, months: int) -> datetime:
    total = first_of_month.month - 1 + months
    return first_of_month.replace(year=first_of_month.year + total // 12, month=total % 12 + 1)
