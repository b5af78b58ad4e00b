"""Times between Python and the database: aware datetimes here, microseconds since 1970 there."""

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

FIRST, LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(9800, 1, 1, tzinfo=UTC)
FIRST_US, LAST_US = (FIRST - _EPOCH) // _MICROSECOND, (LAST - _EPOCH) // _MICROSECOND
"""What is kept lies between these, so that the longest delay added to it still is in the calendar, in every zone."""


@overload
def to_us(at: datetime) -> int: ...
@overload
def to_us(at: datetime | None) -> int | None: ...
def to_us(at: datetime | None) -> int | None:
    """Microseconds since 1970 in UTC, exactly."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def from_us(us: int | None) -> datetime | None:
    """The aware UTC datetime."""
    return None if us is None else _EPOCH + timedelta(microseconds=us)


def is_kept(at: datetime) -> bool:
    """Whether a moment is one that the database may hold."""
    return FIRST_US <= to_us(at) <= LAST_US
