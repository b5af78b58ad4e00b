"""Checks of single arguments: each returns the value in its one form, or raises a sentence that names the argument."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any


def duration(value: Any, name: str, where: str) -> timedelta | None:
    """A timedelta, or seconds as a number."""
    if value is None or isinstance(value, timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return timedelta(seconds=value)
    raise TypeError(f"{where}: {name!r} must be a timedelta or a number of seconds, not {type(value).__name__}.")


def whole(value: Any, name: str, where: str, *, at_least: int | None = None) -> int:
    """A whole number; text that reads as one will do."""
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            raise TypeError(f"{where}: {name!r} must be a whole number, not {value!r}.") from None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{where}: {name!r} type must be int, not {type(value).__name__}.")
    if at_least is not None and value < at_least:
        raise ValueError(f"{where}: {name!r} is {value} and cannot be less than {at_least}.")
    return value


def optional_whole(value: Any, name: str, where: str, *, at_least: int | None = None) -> int | None:
    return None if value is None else whole(value, name, where, at_least=at_least)


def backoff(value: Any, where: str) -> float:
    """The multiplier of an exponential back-off: True is 2, False is none."""
    if isinstance(value, bool) or value is None:
        return 2.0 if value else 0.0
    if isinstance(value, (int, float)) and value >= 0:
        return float(value)
    raise TypeError(f"{where}: 'retry_exponential_backoff' must be True, False or a positive number, not {value!r}.")


def callables(value: Any) -> list[Any]:
    """One callback or several, as a list."""
    if value is None:
        return []
    if callable(value) or isinstance(value, str) or not isinstance(value, Iterable):
        return [value]
    return list(value)


def listed(value: Any) -> list[Any]:
    """One thing or several, as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
