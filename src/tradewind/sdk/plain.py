"""Any value as plain, canonical data for display: the same in every process, without addresses or random order."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

_LONGEST_TEXT = 4096


def plain(value: Any) -> Any:
    """`value` made of str, int, float, bool, None, lists and dicts with sorted str keys."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str(value) if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}…"
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in sorted(value.items(), key=lambda item: str(item[0]))}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(part) for part in value), key=str)
    return name_of(value)


def name_of(value: Any) -> str:
    """A name for a function, class or object that is the same in every process."""
    if isinstance(value, functools.partial):
        return f"partial({name_of(value.func)})"
    if not callable(value) and " at 0x" not in (text := repr(value)):
        return text[:_LONGEST_TEXT]
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{getattr(named, '__module__', '')}.{named.__qualname__}".lstrip(".")
