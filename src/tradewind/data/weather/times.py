"""Korean time, in which KMA asks and answers: nine hours ahead of UTC, all year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

KST = timezone(timedelta(hours=9), "KST")
HOUR = timedelta(hours=1)


def from_kst(text: str, form: str) -> datetime:
    """The moment, in UTC, that a Korean clock shows as `text`; ValueError when it is none."""
    return datetime.strptime(text, form).replace(tzinfo=KST).astimezone(UTC)


def in_kst(moment: datetime) -> datetime:
    """The moment on a Korean clock."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; give moments with one, such as UTC.")
    return moment.astimezone(KST)


def whole_hour(moment: datetime) -> datetime:
    """The hour that had begun at `moment`, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def next_kst_midnight(moment: datetime) -> datetime:
    """The first midnight in Korea after `moment`, in UTC."""
    day = in_kst(moment).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=1)).astimezone(UTC)
