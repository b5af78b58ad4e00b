"""A log as somebody looks at it: windows of its rows, what is found in it, its groups, and the whole as a text.

Places are counted among the rows of the levels that are looked at; numbers among all rows, from 1.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tradewind.api.log_index import BLOCK, LogIndex, read_block, records_of
from tradewind.api.log_rows import LEVELS, Row, level_of, plain, rows_of, shown, texts_of

ALL = tuple(range(len(LEVELS)))
MOST_TAIL = 4 << 20
"""Bytes in which the last rows are looked for while nothing is counted."""
MOST_HITS = 5000
SEARCH_BYTES = 32 << 20
"""One answer of a search looks no further than this, so that the first hits are soon there."""
SEARCH_SECONDS = 0.25

_colours = re.compile(rb"\\u001b\[[0-9;:]*m")


@dataclass(frozen=True, slots=True)
class Window:
    """Rows, and the place of the first."""

    first: int
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Found:
    """Numbers of rows that match, and where to go on; None at the end of the log."""

    lines: list[int]
    next_line: int | None


class LogView:
    """The rows of some levels in an open file. `index` has counted it."""

    def __init__(self, file: int, index: LogIndex, levels: Sequence[int] = ALL) -> None:
        self._file, self._index = file, index
        self._levels = tuple(levels)

    def window(self, first: int, count: int, *, whole: bool = False) -> Window:
        """Up to `count` rows from a place on."""
        rows: list[Row] = []
        for n, place, raw in self._records(self._index.block_of(first, self._levels)):
            if place >= first + count:
                break
            if place + rows_of(raw) > first:
                wanted = shown(raw, n, whole=whole)
                rows += wanted[max(0, first - place) : first + count - place]
        return Window(first, rows)

    def place_of(self, line: int) -> int:
        """The place of the row with this number, or of the next one that is looked at."""
        place = 0
        for n, at, raw in self._records(self._index.block_of(line - 1, ALL)):
            place = at + min(max(0, line - n), rows_of(raw))
            if n + rows_of(raw) > line:
                return place
        return place or self._index.rows_among(self._levels)

    def search(self, text: str, from_line: int = 1, *, most: int = MOST_HITS) -> Found:
        """Rows that have this text in them, in any case; as many as are found in a moment."""
        needle = text.lower()
        until = time.monotonic() + SEARCH_SECONDS
        lines: list[int] = []
        looked = 0
        for start, end, before in self._index.blocks_from(self._index.block_of(from_line - 1, ALL), self._levels):
            first = sum(before) + 1
            if looked >= SEARCH_BYTES or time.monotonic() > until:
                return Found(lines, max(first, from_line))
            data = os.pread(self._file, end - start, start)
            looked += len(data)
            for line in _found_in(data, needle, first, self._levels):
                if line >= from_line:
                    lines.append(line)
                if len(lines) >= most:
                    return Found(lines, lines[-1] + 1)
        return Found(lines, None)

    def group_end(self, line: int) -> int:
        """The number of the row that ends the group which begins in this one; the last row where none does."""
        depth = 0
        for start, end, before in self._index.blocks_from(self._index.block_of(line - 1, ALL), ALL):
            data = os.pread(self._file, end - start, start)
            if b"group::" not in data:
                continue
            n = sum(before) + 1
            for raw in records_of(data):
                if n >= line and b"group::" in raw:
                    kind = texts_of(raw)[1][0][0]
                    depth += (kind == "group") - (kind == "end")
                    if depth <= 0:
                        return n
                n += rows_of(raw)
        return self._index.rows

    def _records(self, block: int) -> Iterator[tuple[int, int, bytes]]:
        """Records of these levels from a block on, with the number and the place of their first rows."""
        chosen = frozenset(self._levels)
        for start, end, before in self._index.blocks_from(block, self._levels):
            n, place = sum(before) + 1, sum(before[level] for level in self._levels)
            for raw in records_of(os.pread(self._file, end - start, start)):
                count = rows_of(raw)
                if level_of(raw) in chosen:
                    yield n, place, raw
                    place += count
                n += count


def last_rows(file: int, count: int, levels: Sequence[int] = ALL, *, is_over: bool) -> list[Row]:
    """The last rows without counting those before them: their numbers are not known, and 0."""
    size = os.fstat(file).st_size
    chosen = frozenset(levels)
    start, rows = size, list[Row]()
    while start > 0 and len(rows) < count and size - start < MOST_TAIL:
        start = max(0, size - max(2 * (size - start), BLOCK))
        data = os.pread(file, size - start, start)
        if start > 0:
            data = data[data.find(b"\n") + 1 :]
        if not (is_over or data.endswith(b"\n")):
            data = data[: data.rfind(b"\n") + 1]
        rows = []
        for raw in reversed(records_of(data) if data else []):
            if level_of(raw) in chosen:
                rows += (replace(row, n=0) for row in reversed(shown(raw, 0)))
            if len(rows) >= count:
                break
    return rows[:count][::-1]


def as_text(file: int) -> Iterator[bytes]:
    """The whole log as it is now, as text; read piece by piece, since it may be larger than memory."""
    size, at = os.fstat(file).st_size, 0
    while at < size and (data := read_block(file, at, size, is_over=True)):
        at += len(data)
        yield "".join(map(plain, records_of(data))).encode("utf-8", "replace")


def _found_in(data: bytes, needle: str, first: int, levels: Sequence[int]) -> Iterator[int]:
    """Numbers of the rows of a block that have the text in them; the block's first row has the number `first`."""
    if b"\\u001b[" in data:
        data = _colours.sub(b"", data)
    chosen = frozenset(levels)
    n, at = first, 0
    for start, end in _candidates(data, needle):
        n += _rows_between(data, at, start)
        raw = data[start:end]
        if level_of(raw) in chosen:
            for place, (_, text) in enumerate(texts_of(raw)[1]):
                if needle in text.lower():
                    yield n + place
        at = start


def _candidates(data: bytes, needle: str) -> Iterator[tuple[int, int]]:
    """Where the records begin and end that may have the text in them."""
    if not _is_written_as_it_is(needle):
        yield from _candidates_by_letters(data, needle)
        return
    written, lowered = needle.encode(), data.lower()
    place = lowered.find(written)
    while place >= 0:
        start = data.rfind(b"\n", 0, place) + 1
        end = data.find(b"\n", place)
        end = len(data) if end < 0 else end
        yield start, end
        place = lowered.find(written, end)


def _candidates_by_letters(data: bytes, needle: str) -> Iterator[tuple[int, int]]:
    """The same for what has other bytes in other case, or in JSON."""
    start = 0
    for raw in records_of(data):
        text = raw.decode("utf-8", "replace").lower()
        if needle in text or "\\" in text:
            yield start, start + len(raw)
        start += len(raw) + 1


def _is_written_as_it_is(needle: str) -> bool:
    """Whether it is found, in any case, by its bytes alone."""
    return all(
        letter.isprintable() and letter not in '"\\' and (letter.isascii() or letter.upper() == letter)
        for letter in needle
    )


def _rows_between(data: bytes, start: int, end: int) -> int:
    """How many rows the records between two beginnings have."""
    between = data[start:end]
    if b"\\n" not in between and b'"x":"' not in between:
        return between.count(b"\n")
    return sum(map(rows_of, records_of(between))) if between else 0
