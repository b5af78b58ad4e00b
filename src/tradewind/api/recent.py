"""Answers that are dear and may be some seconds old, kept by what was asked: many who look at one page ask once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

LASTS_US = 10_000_000
MOST = 64


class Recent:
    """Kept in memory, a few at a time."""

    def __init__(self, lasts_us: int = LASTS_US, most: int = MOST) -> None:
        self._lasts_us, self._most = lasts_us, most
        self._kept: dict[Hashable, tuple[int, Any, object]] = {}
        self._lock = Lock()

    def of(self, key: Hashable, now_us: int, ask: Callable[[], Any], seen: object = None) -> Any:
        """What was answered to this a moment ago, or else what is now. `seen`: what had happened by now."""
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and 0 <= now_us - kept[0] < self._lasts_us:
            return kept[1]
        found = ask()
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = now_us, found, seen
            while len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
        return found

    def old_at(self, key: Hashable, seen: object) -> int | None:
        """When another answer is to be had than the one that is kept; None where nothing has happened since."""
        with self._lock:
            kept = self._kept.get(key)
        return None if kept is None or kept[2] == seen else kept[0] + self._lasts_us
