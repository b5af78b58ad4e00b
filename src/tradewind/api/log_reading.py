"""The log of one try as people read it: a JSON object a line, whole, from an offset, or as it grows.

The path follows from ids that the database knows, and no part of it may be a link: a task could put one there, and have
the API read out what its viewers may not see.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from tradewind.core.errors import InvalidInput
from tradewind.wire.logs import LogLine, decode_line

PIECE = 1 << 20
"""Bytes of the log that one answer has, unless the whole is asked for."""
MOST_LINE = 4 << 20
"""A line that is longer is cut into pieces: it was not written by us."""


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a log from `start` to `end`; `more` says whether the log has or will have more."""

    lines: Iterator[dict[str, Any]]
    end: int
    more: bool


def opened(root: Path, path: Path) -> int | None:
    """A file descriptor of the log; None where there is none. Nothing is followed on the way from `root`."""
    *folders, name = path.relative_to(root).parts
    try:
        at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for folder in folders:
            above, at = at, -1
            try:
                at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
            finally:
                os.close(above)
        try:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        finally:
            os.close(at)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    return file


def part_of(file: int, start: int, *, whole: bool, is_over: bool) -> Part:
    """The log from an offset. Closes the file when the lines have been read. While the try goes on, a line that is not
    finished is left for later."""
    size = os.fstat(file).st_size
    start = min(start, size)
    end = size if whole else min(size, start + PIECE)
    if end < size or not is_over:
        end = _after_last_line(file, start, end)
        if end == start < size and not whole:
            end = _after_next_line(file, start, size) or (size if is_over else start)
    return Part(_lines(os.fdopen(file, "rb"), start, end), end, not is_over or end < size)


def _after_last_line(file: int, start: int, end: int) -> int:
    """Where the last whole line before `end` ends; `start` where there is none."""
    while end > start:
        from_here = max(start, end - (1 << 16))
        found = os.pread(file, end - from_here, from_here).rfind(b"\n")
        if found >= 0:
            return from_here + found + 1
        end = from_here
    return start


def _after_next_line(file: int, start: int, size: int) -> int | None:
    """Where the first line ends, however long it is."""
    at = start
    while at < size and at - start < MOST_LINE:
        piece = os.pread(file, 1 << 16, at)
        found = piece.find(b"\n")
        if found >= 0:
            return at + found + 1
        if not piece:
            break
        at += len(piece)
    return at if at - start >= MOST_LINE else None


def _lines(reader: BinaryIO, start: int, end: int) -> Iterator[dict[str, Any]]:
    with reader:
        reader.seek(start)
        left = end - start
        while left > 0 and (line := reader.readline(min(left, MOST_LINE))):
            left -= len(line)
            if line.strip():
                yield shown(line)


def shown(raw: bytes) -> dict[str, Any]:
    """A line as Airflow's API has it. One that is no line of ours is shown as its text."""
    try:
        line = decode_line(raw)
    except (msgspec.DecodeError, RecursionError):
        return {"event": raw.decode("utf-8", "replace").rstrip("\r\n")}
    found: dict[str, Any] = {"timestamp": line.t, "event": line.m, "level": line.l, **_more(line)}
    return found if line.t else {name: value for name, value in found.items() if name != "timestamp"}


def _more(line: LogLine) -> dict[str, Any]:
    named = {
        "logger": line.n, "loc": line.f, "traceback": line.x, "kind": line.event, "reason": line.reason,
    }  # fmt: skip
    return {name: value for name, value in named.items() if value}


def as_text(line: dict[str, Any]) -> str:
    """A line as `shown` gives it, as people read it; with the traceback, if there is one, below."""
    head = f"[{line['timestamp']}] {str(line.get('level') or 'info').upper()} - " if line.get("timestamp") else ""
    more = line.get("traceback")
    return f"{head}{line['event']}\n" + (f"{str(more).rstrip()}\n" if more else "")


def token_of(offset: int) -> str:
    """Where to go on, as a client hands it back. It says nothing but an offset: the path names the log."""
    return base64.urlsafe_b64encode(json.dumps({"offset": offset}).encode()).decode("ascii")


def offset_of(token: str | None) -> int:
    """Where a client goes on. Raises InvalidInput for what is no token of ours."""
    if not token:
        return 0
    try:
        found = json.loads(base64.urlsafe_b64decode(token))
        offset = found["offset"]
    except (binascii.Error, ValueError, RecursionError, TypeError, KeyError):
        offset = None
    if type(offset) is not int or not 0 <= offset < 2**62:
        raise InvalidInput("The token is none that this log gave; leave it out to read from the beginning.")
    return offset
