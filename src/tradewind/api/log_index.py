"""Where the rows of a log lie: how many of each level there are before every block of the file.

The index of a file is made once, a block at a time without decoding it, and goes on where it ended when the file has
grown. With it any row is found by reading one block, also among those of some levels alone.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence

from tradewind.api.log_reading import MOST_LINE
from tradewind.api.log_rows import INFO, LEVELS, MARKS, NEWLINE, SAYS_LEVEL, TRACE, level_of, rows_of

BLOCK = 256 * 1024
"""Bytes after which a block ends, with the record that they end in."""
MOST_LOGS = 64
"""Logs whose index is kept."""

Counts = tuple[int, ...]
"""Rows by level."""
NONE: Counts = (0,) * len(LEVELS)


class LogIndex:
    """Of one file. What it gives holds for the file as far as `end`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starts: list[int] = [0]
        """Where blocks begin; the last one may still grow."""
        self._before: list[Counts] = [NONE]
        """Rows before each block."""
        self.counts: Counts = NONE
        self.end = 0
        self.seen = 0
        """Bytes that the file had when it was looked at; more than `end` where its last record is not finished."""
        self._is_sealed = False
        """The last record had no end, and was counted all the same, since nothing more was to come."""

    def extend(self, file: int, *, is_over: bool) -> None:
        """Count what the file has beyond what is known. Of a log that is over, an unfinished last record counts too."""
        size = os.fstat(file).st_size
        with self._lock:
            if size < self.end or (self._is_sealed and size > self.end):
                self._forget()
            self.seen = size
            while self.end < size:
                data = read_block(file, self.end, size, is_over=is_over)
                if not data:
                    break
                self._add(data)
                self._is_sealed = is_over and self.end >= size and not data.endswith(b"\n")

    def covers(self, size: int) -> bool:
        """Whether so little of the file is unknown that counting it takes no time."""
        return size - self.end <= 8 * BLOCK and size >= self.end

    @property
    def rows(self) -> int:
        return sum(self.counts)

    def rows_among(self, levels: Sequence[int]) -> int:
        return _among(self.counts, levels)

    def block_of(self, position: int, levels: Sequence[int]) -> int:
        """The block that holds the row at this place (from 0) among those of these levels."""
        known = len(self._starts)  # readers do not wait for who extends: what they see grows at its end alone
        return max(0, bisect_right(self._before, position, hi=known, key=lambda counts: _among(counts, levels)) - 1)

    def blocks_from(self, block: int, levels: Sequence[int]) -> Iterator[tuple[int, int, Counts]]:
        """Where blocks begin and end, and the rows before them; those without a row of these levels are left out."""
        with self._lock:
            starts = [*self._starts[block:], self.end]
            before = [*self._before[block:], self.counts]
        for place, start in enumerate(starts[:-1]):
            if _among(before[place + 1], levels) > _among(before[place], levels):
                yield start, starts[place + 1], before[place]

    def bands(self, most: int) -> list[Counts]:
        """The counts of up to so many pieces of the log of about the same length."""
        with self._lock:
            before = [*self._before, self.counts]
        step = max(1, -(-(len(before) - 1) // most))
        edges = [*before[:-1:step], before[-1]]
        return [
            tuple(after - first for first, after in zip(edges[place], edges[place + 1], strict=True))
            for place in range(len(edges) - 1)
        ]

    def _add(self, data: bytes) -> None:
        counts = counts_of(data)
        self.counts = tuple(known + more for known, more in zip(self.counts, counts, strict=True))
        self.end += len(data)
        if self.end - self._starts[-1] >= BLOCK:
            self._before.append(self.counts)
            self._starts.append(self.end)

    def _forget(self) -> None:
        self._starts, self._before, self.counts, self.end = [0], [NONE], NONE, 0


def read_block(file: int, start: int, size: int, *, is_over: bool = False) -> bytes:
    """Whole records from `start` on, about a block of them. Empty where the next one is not finished."""
    data = os.pread(file, min(BLOCK, size - start), start)
    while data and b"\n" not in data and start + len(data) < size and len(data) < MOST_LINE:
        data += os.pread(file, min(BLOCK, size - start - len(data)), start + len(data))
    whole = data.rfind(b"\n") + 1
    if whole == 0:
        # Nobody writes a record so long, so it is none, and need not be waited for.
        return data if len(data) >= MOST_LINE or is_over else b""
    is_last = start + len(data) >= size
    return data if is_last and is_over else data[:whole]


def counts_of(data: bytes) -> Counts:
    """How many rows of each level these records have."""
    records = data.count(b"\n") + (not data.endswith(b"\n"))
    counts = [0] * len(LEVELS)
    left = records
    for level in (INFO, *(level for level in range(len(LEVELS)) if level != INFO)):
        counts[level] = data.count(MARKS[level]) if left > 0 else 0
        left -= counts[level]
    if left or data.count(SAYS_LEVEL) != records:
        # Something here is no record of ours, so each is looked at.
        counts = [0] * len(LEVELS)
        for raw in records_of(data):
            counts[level_of(raw)] += rows_of(raw)
        return tuple(counts)
    for raw in _tall(data):
        counts[level_of(raw)] += rows_of(raw) - 1
    return tuple(counts)


def records_of(data: bytes) -> list[bytes]:
    """Records without their ends."""
    return data.removesuffix(b"\n").split(b"\n")


def _tall(data: bytes) -> Iterator[bytes]:
    """The records that may have more than one row."""
    if b"\\" not in data and TRACE not in data:
        return
    size = len(data)
    newline, trace = (_place(data, mark, 0) for mark in (NEWLINE, TRACE))
    while (place := min(newline, trace)) < size:
        start = data.rfind(b"\n", 0, place) + 1
        end = _place(data, b"\n", place)
        yield data[start:end]
        newline = _place(data, NEWLINE, end) if newline < end else newline
        trace = _place(data, TRACE, end) if trace < end else trace


def _place(data: bytes, mark: bytes, start: int) -> int:
    """Where something is found next; past the end where it is not."""
    place = data.find(mark, start)
    return len(data) if place < 0 else place


def _among(counts: Counts, levels: Sequence[int]) -> int:
    return sum(counts[level] for level in levels)


class LogIndexes:
    """The indexes of the logs that were looked at last."""

    def __init__(self, most: int = MOST_LOGS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._indexes: OrderedDict[tuple[int, int, bytes], LogIndex] = OrderedDict()

    def of(self, file: int) -> LogIndex:
        """The index of an open file, as far as it has been made."""
        stat = os.fstat(file)
        # A file's number is given again once it is removed; how it begins, with the moment of its first record, is not.
        key = (stat.st_dev, stat.st_ino, os.pread(file, 64, 0))
        with self._lock:
            index = self._indexes.setdefault(key, LogIndex())
            self._indexes.move_to_end(key)
            while len(self._indexes) > self._most:
                self._indexes.popitem(last=False)
        return index
