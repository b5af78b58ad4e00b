"""The last changes, for those who were away for a moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

from tradewind.api.live.changes import Change

MOST_KEPT = 50_000
KEPT_SECONDS = 600.0


class Ring:
    """Changes in the order of the event log, without a gap from the first that is kept to `newest`."""

    def __init__(self, newest: int, *, most: int = MOST_KEPT, seconds: float = KEPT_SECONDS) -> None:
        self.newest = newest
        """The number of the last event that was heard of."""
        self._most, self._seconds = most, seconds
        self._kept: deque[Change] = deque()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def _before(self) -> int:
        """The number before the first one that is kept."""
        return self.newest - len(self._kept)

    def add(self, change: Change) -> None:
        """The next change. What is too old or too much by now is forgotten."""
        assert change.seq == self.newest + 1
        self.newest = change.seq
        self._kept.append(change)
        too_old = change.heard_at - self._seconds
        while len(self._kept) > self._most or self._kept[0].heard_at < too_old:
            self._kept.popleft()

    def jump(self, newest: int) -> None:
        """More has happened than can be kept: go on from here."""
        self.newest = newest
        self._kept.clear()

    def after(self, seq: int) -> Iterator[Change] | None:
        """What came after an event; None where that is not known any more, or never was."""
        if not self._before <= seq <= self.newest:
            return None
        return islice(self._kept, seq - self._before, None)
