"""Memory of this process against its promise: work is slowed or cut smaller before the limit, and stopped at it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tradewind.data.files import human
from tradewind.data.problems import MemoryLimitReached
from tradewind.data.runtime import metric

log = logging.getLogger(__name__)

EASY, TIGHT, FULL = 0.6, 0.75, 0.92
"""Shares of the limit: below EASY chunks grow back, from TIGHT on they are halved, from FULL on work waits."""
SMALLEST_CHUNK = 100
METRIC_EVERY_SECONDS = 1.0
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)

Step = Literal["go on", "split", "wait"]


def step_for(used: float, limit: float) -> Step:
    """What work should do that is about to take more memory."""
    if used >= FULL * limit:
        return "wait"
    return "split" if used >= TIGHT * limit else "go on"


def next_chunk(size: int, wanted: int, used: float, limit: float) -> int:
    """How many rows to take next: half as many when memory is tight, twice as many again when it is not."""
    if used >= TIGHT * limit:
        return max(min(SMALLEST_CHUNK, wanted), size // 2)
    return min(wanted, size * 2) if used < EASY * limit else size


@dataclass
class MemoryReport:
    """How close work came to its limit, and what it did about it."""

    limit: int
    peak: int = 0
    splits: int = 0
    waits: int = 0
    waited_seconds: float = 0.0
    smallest_chunk: int = 0


class MemoryMonitor:
    """Asked before each chunk; says how many rows the next one may have, and waits where there is no room."""

    def __init__(
        self,
        memory_limit_gb: float,
        chunk_size: int,
        *,
        used: Callable[[], int] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._used = used or resident_bytes
        self._sleep = sleep
        self._wanted = chunk_size
        self._limit_gb = memory_limit_gb
        self._told = float("-inf")
        self.chunk_size = chunk_size
        self.report = MemoryReport(int(memory_limit_gb * 1e9), smallest_chunk=chunk_size)

    def next_chunk(self) -> int:
        """The rows that the next chunk may have. Raises `MemoryLimitReached` when waiting made no room."""
        used = self._read()
        for pause in PAUSES_SECONDS:
            if step_for(used, self.report.limit) != "wait":
                break
            self.report.waits += 1
            self.report.waited_seconds += pause
            release_unused()
            self._sleep(pause)
            used = self._read()
        else:
            if step_for(used, self.report.limit) == "wait":
                raise MemoryLimitReached(
                    f"This process holds {human(used)} of MEMORY_LIMIT_GB={self._limit_gb:g}, and none came back; "
                    "raise MEMORY_LIMIT_GB, or lower CHUNK_SIZE."
                )
        size = next_chunk(self.chunk_size, self._wanted, used, self.report.limit)
        if size < self.chunk_size:
            self.report.splits += 1
            self.report.smallest_chunk = min(self.report.smallest_chunk, size)
            log.info("%s of %s in use: chunks of %d rows from here", human(used), human(self.report.limit), size)
        self.chunk_size = size
        return size

    def _read(self) -> int:
        used = self._used()
        self.report.peak = max(self.report.peak, used)
        now = time.monotonic()
        if now - self._told >= METRIC_EVERY_SECONDS:
            self._told = now
            metric("resident_bytes", used)
        return used


def resident_bytes() -> int:
    """What this process holds in memory now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        import resource

        # Not what is held now but the most that ever was: without /proc, the careful answer.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    import resource

    return pages * resource.getpagesize()


def release_unused() -> None:
    """Give memory back that Python and Arrow keep for later."""
    import gc
    import sys

    gc.collect()
    if arrow := sys.modules.get("pyarrow"):
        arrow.default_memory_pool().release_unused()
