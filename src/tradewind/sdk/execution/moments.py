"""Times as author code sees them: pendulum DateTimes in UTC, from the microseconds that messages carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pendulum

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def moment(us: int) -> pendulum.DateTime:
    """The moment that many microseconds after the epoch."""
    at = utc(us)
    return pendulum.DateTime(
        at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tzinfo=pendulum.UTC
    )  # fmt: skip


def utc(us: int) -> datetime:
    """The same as a plain datetime."""
    return _EPOCH + timedelta(microseconds=us)


def optional_moment(us: int | None) -> pendulum.DateTime | None:
    return None if us is None else moment(us)


def microseconds(at: datetime) -> int:
    """The inverse of `moment`; a naive datetime counts as UTC."""
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    # pendulum's own differences cannot be divided by a plain timedelta.
    return timedelta.__floordiv__(aware - _EPOCH, _MICROSECOND)
