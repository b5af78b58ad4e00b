"""Amounts as people write them in a rules file: each function returns the value, or raises a ValueError."""

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

_PART = re.compile(r"(\d+(?:\.\d+)?)(d|h|min|m|s)")
_UNITS = {"d": "days", "h": "hours", "min": "minutes", "m": "minutes", "s": "seconds"}
LARGEST = 1e300
"""Whole numbers beyond what a float holds are of no use to any rule."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def duration(value: Any) -> timedelta:
    """`90s`, `10m`, `1h30m`, `7d`, or seconds as a number."""
    how = "is no duration; write it as 90s, 10m, 1h30m or 7d"
    try:
        if is_number(value):
            found = timedelta(seconds=value)
        else:
            text = re.sub(r"\s", "", value.lower()) if isinstance(value, str) else ""
            parts = _PART.findall(text)
            if not parts or "".join(map("".join, parts)) != text:
                raise ValueError(how)
            found = sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta(0))
    except OverflowError:
        raise ValueError("is too long; the longest is 10 years") from None
    if not timedelta(0) <= found <= timedelta(days=3660):
        raise ValueError("is too long; the longest is 10 years" if found > timedelta(0) else how)
    return found


def some_duration(value: Any) -> timedelta:
    """A duration that is not nothing."""
    found = duration(value)
    if not found:
        raise ValueError("is no time at all; give a longer one, such as 10m")
    return found


def part(value: Any) -> Fraction:
    """`10%`, or 0.1: a part of a whole, exactly as it was written."""
    how = "is no part of a whole; write it as 10% or 0.1"
    try:
        found = _percent(value) if isinstance(value, str) else Fraction(str(value)) if is_number(value) else None
    except (ValueError, ZeroDivisionError):
        found = None
    if found is None or not 0 < found <= 1:
        raise ValueError(how)
    return found


def percent(value: Any) -> float:
    """`90%` or 90."""
    if isinstance(value, str):
        try:
            value = float(100 * _percent(value))
        except ValueError:
            value = None
    if not is_number(value) or not 0 < value <= 100:
        raise ValueError("is no percentage above 0 and up to 100; write it as 90%")
    return float(value)


def _percent(text: str) -> Fraction:
    # An exponent can stand for more digits than there is memory.
    if not text.strip().endswith("%") or "e" in text.lower():
        raise ValueError
    return Fraction(text.strip().removesuffix("%").strip()) / 100


def number(value: Any) -> float:
    if not is_number(value):
        raise ValueError("is no number")
    return float(value)


def above_nothing(value: Any) -> float:
    if not is_number(value) or value <= 0:
        raise ValueError("is no number above 0")
    return float(value)


def count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise ValueError("is no whole number from 1 to 1000")
    return value


def switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not is_kept(value):
        raise ValueError("is no text")
    return value.strip()


def texts(value: Any) -> tuple[str, ...]:
    """One text, or a list of them."""
    found = [value] if isinstance(value, str) else value
    if (
        not isinstance(found, list)
        or not found
        or not all(isinstance(one, str) and one.strip() and is_kept(one) for one in found)
    ):
        raise ValueError("is neither a text nor a list of texts; quote numbers, and leave the field out for all")
    return tuple(one.strip() for one in found)


def moment(value: Any) -> datetime:
    """`2026-01-31T08:00+09:00`; a moment without an offset, or a date, is in UTC."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime.combine(found, time())
    if not isinstance(found, datetime):
        raise ValueError("is no moment; write it as 2026-01-31T08:00+09:00")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def hours(value: Any) -> tuple[time, time]:
    """`22:00-06:00`."""
    try:
        first, last = (time.fromisoformat(one.strip()) for one in str(value).split("-"))
        if first.tzinfo or last.tzinfo:
            raise ValueError
    except ValueError:
        raise ValueError("is no time of day; write it as 22:00-06:00") from None
    return first, last


def days(value: Any) -> frozenset[int]:
    """`[sat, sun]`, `mon`."""
    try:
        return frozenset(DAYS.index(one.lower()[:3]) for one in texts(value))
    except ValueError:
        raise ValueError(f"is no day of the week; use {', '.join(DAYS)}") from None


def zone(value: Any) -> str:
    """The name of a time zone."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(text(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone; write it as Asia/Seoul or UTC") from None


def is_kept(text: str) -> bool:
    """Whether every database and every receiver can take it: no null character, no half of a character."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < LARGEST and math.isfinite(value)
