"""Text that lists look for, as conditions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, or_, true

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


def is_one_of(column: Any, *names: str) -> ColumnElement[bool]:
    """A column that holds one of a few names of ours, which are written out: a database takes an index over some states
    alone only where it can see that these are meant."""
    return column.in_([literal_column(f"'{name}'") for name in names])  # type: ignore[no-any-return]


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


def like_matches(pattern: str, text: str) -> bool:
    """The same as `like_any`, for text that no database holds in a column."""
    parts = _parts(pattern)
    return not parts or any(_holds(text.lower(), part.lower()) for part in parts)


def starts_matches(prefix: str, text: str) -> bool:
    """The same as `starts_any`, for text that no database holds in a column."""
    parts = _parts(prefix)
    return not parts or any(text.startswith(part) for part in parts)


def _holds(text: str, pattern: str) -> bool:
    """Whether the pieces between `%` come in the text one after another; never slower than their lengths multiplied."""
    at = 0
    for piece in _pieces(pattern):
        found = next((n for n in range(at, len(text) - len(piece) + 1) if _is_at(text, n, piece)), None)
        if found is None:
            return False
        at = found + len(piece)
    return True


def _pieces(pattern: str) -> list[list[str]]:
    """Characters between `%`; an empty one stands for any."""
    pieces: list[list[str]] = [[]]
    characters = iter(pattern)
    for character in characters:
        match character:
            case "%":
                pieces.append([])
            case "_":
                pieces[-1].append("")
            case "\\":
                pieces[-1].append(next(characters, "%"))
            case _:
                pieces[-1].append(character)
    return [piece for piece in pieces if piece]


def _is_at(text: str, at: int, piece: list[str]) -> bool:
    return all(character in ("", text[at + n]) for n, character in enumerate(piece))
