"""What the toolkit's classes accept as arguments, and the sentence that says so when something else comes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from tradewind.data.problems import BadSetting

Duration = float | timedelta
"""Seconds, or a timedelta."""

Classes = type[BaseException] | Iterable[type[BaseException]]


def seconds(name: str, value: Duration, *, zero: bool = True) -> float:
    """A duration in seconds; `zero` says whether it may be 0. Raises BadSetting."""
    number = value.total_seconds() if isinstance(value, timedelta) else value
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    if not is_number or not 0 <= number < float("inf") or (number == 0 and not zero):
        least = "of at least 0" if zero else "above 0"
        raise BadSetting(f"{name} must be a number of seconds or a timedelta {least}, not {value!r}.")
    return float(number)


def whole(name: str, value: int, *, least: int) -> int:
    """A whole number that is not too small. Raises BadSetting."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadSetting(f"{name} must be a whole number of at least {least}, not {value!r}.")
    return value


def percent(name: str, value: float) -> float:
    """A number from 0 to 100. Raises BadSetting."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise BadSetting(f"{name} must be a number from 0 to 100, not {value!r}.")
    return value


def error_classes(name: str, value: Classes) -> tuple[type[BaseException], ...]:
    """One exception class or several, as a tuple. Raises BadSetting."""
    classes = (value,) if isinstance(value, type) else tuple(value)
    for kind in classes:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise BadSetting(f"{name} must hold exception classes, not {kind!r}.")
    return classes
