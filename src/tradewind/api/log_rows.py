"""What a record of a log looks like as rows of a screen: its text by lines, then its traceback by lines.

How many rows a record has, and of which level they are, is told from its bytes, so that an index can count a million
records without decoding them; what is decoded here always agrees with that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import msgspec

from tradewind.store.times import to_us
from tradewind.wire.logs import LogLine, decode_line

LEVELS = ("debug", "info", "warning", "error", "critical")
INFO = LEVELS.index("info")
MARKS = tuple(b'"l":"%b"' % level.encode() for level in LEVELS)
"""How a record says its level. No text can hold one of them: in JSON its quotes are escaped."""

SAYS_LEVEL = b'"l":"'
_LEVEL_OF = {level.encode(): place for place, level in enumerate(LEVELS)}
NEWLINE, TRACE = rb"\n", b'"x":"'
"""What a record of several rows has in it; a record without either has one."""

MOST_TEXT = 4096
"""Characters of a row that are shown until somebody asks for all of it."""

_colours = re.compile(r"\x1b\[[0-9;:]*m")
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {127: 0x2421}
"""What a terminal would obey, as something to look at."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the screen. `n` is its number in the whole log, from 1."""

    n: int
    level: int
    at: int | None
    """Microseconds since 1970; only the first row of a record has a time."""
    text: str
    kind: str
    """`line`, `more` (of the same text), `trace`, `exit`, `group`, `end` (of a group)."""
    source: str
    cut: int
    """Characters of the whole text, where it is longer than what is here; else 0."""
    rest: int
    """Rows of the same record that follow its first one."""


def level_of(raw: bytes) -> int:
    """A record's level; of what is no record of ours: info."""
    at = raw.find(SAYS_LEVEL) + len(SAYS_LEVEL)
    return _LEVEL_OF.get(raw[at : raw.find(b'"', at)], INFO) if at >= len(SAYS_LEVEL) else INFO


def rows_of(raw: bytes) -> int:
    """How many rows a record has."""
    if NEWLINE not in raw and TRACE not in raw:
        return 1
    return len(texts_of(raw)[1])


def texts_of(raw: bytes) -> tuple[LogLine | None, list[tuple[str, str]]]:
    """The record and its rows as (kind, text). One that is no record of ours is None, and shown as its text."""
    try:
        line = decode_line(raw)
    except (msgspec.DecodeError, RecursionError):
        return None, [("line", raw.decode("utf-8", "replace"))]
    first, *more = (line.m or line.reason).rstrip("\n").split("\n")
    trace = line.x.strip("\n").split("\n") if line.x.strip("\n") else []
    return line, [(_kind(line, first), first), *(("more", each) for each in more), *(("trace", each) for each in trace)]


def shown(raw: bytes, n: int, *, whole: bool = False) -> list[Row]:
    """The rows of a record whose first one has the number `n`."""
    line, texts = texts_of(raw)
    level = level_of(raw)
    at = None if line is None else _moment(line.t)
    source = "" if line is None else " ".join(filter(None, (line.n, line.f)))
    rest = len(texts) - 1
    rows = []
    for place, (kind, text) in enumerate(texts):
        is_cut = len(text) > MOST_TEXT and not whole
        rows.append(
            Row(
                n=n + place,
                level=level,
                at=at if place == 0 else None,
                text=text[:MOST_TEXT] if is_cut else text,
                kind=kind,
                source=source if place == 0 else "",
                cut=len(text) if is_cut else 0,
                rest=rest if place == 0 else 0,
            )
        )
    return rows


def plain(raw: bytes) -> str:
    """A record as text of a file: time, level and text, the other rows below. Colours are left out, and a terminal that
    shows it finds nothing to obey."""
    line, texts = texts_of(raw)
    head = f"{line.t} {line.l.upper():8} " if line is not None else ""
    return head + "\n".join(_colours.sub("", text).translate(_PICTURES) for _, text in texts) + "\n"


def _kind(line: LogLine, first: str) -> str:
    if line.event == "exit":
        return "exit"
    if first.startswith("::group::"):
        return "group"
    return "end" if first.startswith("::endgroup::") else "line"


def _moment(text: str) -> int | None:
    try:
        return to_us(datetime.fromisoformat(text))
    except (ValueError, TypeError):
        return None
