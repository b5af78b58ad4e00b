"""Times between Python and the database: aware datetimes here, microseconds since 1970 there."""

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


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
