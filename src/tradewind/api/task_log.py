"""Reading the log of one try: a window of lines, found from its end or from a place in the file.

A log is one file of JSON lines, written while its task runs. A place is a byte offset at the beginning of a line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tradewind.wire.logs import LogLine, decode_line

WINDOW = 512 * 1024
"""Bytes that one answer looks at."""


@dataclass(frozen=True, slots=True)
class LogWindow:
    """Lines of a log, and where they lie in it."""

    lines: list[LogLine]
    start: int
    end: int
    size: int
    """Of the whole file, in bytes, when it was read."""


def read_log(path: Path, *, start: int | None = None, before: int | None = None) -> LogWindow:
    """Lines from `start` on, or those before `before`, or without either the last ones. Empty when there is no log."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return LogWindow([], 0, 0, 0)
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if start is not None:
            first, last = min(start, size), min(start + WINDOW, size)
        else:
            last = min(size if before is None else before, size)
            first = max(0, last - WINDOW)
        file.seek(first)
        data = file.read(last - first)
    if start is None and first > 0:
        cut = data.find(b"\n") + 1
        first, data = first + cut, data[cut:]
    # The last line may still be being written.
    whole = data.rfind(b"\n") + 1
    return LogWindow(list(_lines(data[:whole])), first, first + whole, size)


def _lines(data: bytes) -> Iterator[LogLine]:
    for raw in data.splitlines():
        try:
            yield decode_line(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            yield LogLine(t="", l="error", m="A line of this log is damaged.")
