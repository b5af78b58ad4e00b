"""Text that lists look for, as conditions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, or_, true

from tradewind.core.errors import InvalidInput


def like_any(column: Any, pattern: str) -> ColumnElement[bool]:
    """A column that holds the pattern, or any of several with `|` between them: `%` and `_` are LIKE's, and a pattern
    without them is found anywhere. Upper and lower case are the same."""
    return or_(*(column.ilike(f"%{part}%", escape="\\") for part in _parts(pattern))) if _parts(pattern) else true()


def starts_any(column: Any, prefix: str) -> ColumnElement[bool]:
    """A column that begins with the text, or with any of several with `|` between them, as it is written."""
    # Not LIKE: whether that tells upper from lower case differs between databases.
    begins = [func.substr(column, 1, len(part)) == part for part in _parts(prefix)]
    return or_(*begins) if begins else true()


def _parts(pattern: str) -> list[str]:
    parts = [part.strip() for part in pattern.split("|") if part.strip()]
    # Databases limit how long a condition may be; nobody writes one like that by hand.
    if len(parts) > MOST_PARTS or any(len(part) > LONGEST_PART for part in parts):
        raise InvalidInput(
            f"A pattern may have {MOST_PARTS} alternatives of {LONGEST_PART} characters each; look for less at a time."
        )
    return parts


MOST_PARTS = 100
LONGEST_PART = 1000
