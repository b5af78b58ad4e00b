"""Notices when an event loop stands still, and in whose hands: a thread beside it that listens for its heartbeat."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

_LONGEST_STACK_FRAMES = 8
_SEEN_ALONE = 3
"""In so many looks in a row, of which there are four in the time after which it counts, a task holds the loop alone."""


@dataclass(frozen=True, slots=True)
class Stall:
    """The loop has not turned for `seconds`. `task` has held it all the time, in one step; None: no single task has.
    `stack` is where the loop's thread stands. `over`: it turns again. `turn` counts the loop's heartbeats."""

    seconds: float
    task: asyncio.Task[Any] | None
    stack: str = ""
    over: bool = False
    turn: int = 0


class LoopWatch:
    """Watches the running loop from `start` to `stop`. `report` is called from the thread while the loop stands still,
    first after `after` and then each time that the time has doubled, and in the loop when that is over."""

    def __init__(self, report: Callable[[Stall], None], *, after: timedelta) -> None:
        self._report, self._after = report, after.total_seconds()
        self.turn = 0
        self._beat_at = 0.0
        self._said: Stall | None = None
        self._stop = threading.Event()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._beat_at = time.monotonic()
        self._beat()
        self._thread = threading.Thread(target=self._watch, name="tw-loop-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._timer.cancel()
        self._thread.join()

    def _beat(self) -> None:
        now = time.monotonic()
        gap, self._beat_at = now - self._beat_at, now
        self.turn += 1
        said, self._said = self._said, None
        if said is not None:
            self._report(Stall(max(gap, said.seconds), said.task, over=True, turn=self.turn))
        self._timer = self._loop.call_later(self._after / 4, self._beat)

    def _watch(self) -> None:
        looked_at = time.monotonic()
        holder: asyncio.Task[Any] | None = None
        turn, seen = -1, 0
        while not self._stop.wait(self._after / 4):
            now, before = time.monotonic(), looked_at
            looked_at = now
            found = asyncio.current_task(self._loop)
            suspended = now - before > self._after  # the machine slept, or the process was stopped
            if suspended or found is not holder or turn != self.turn:
                holder, turn, seen = found, self.turn, 0
            seen += 1
            late = now - self._beat_at
            if late > self._after and not suspended and (self._said is None or late > 2 * self._said.seconds):
                # Thousands of short steps hold the loop up as well, and then the one that is seen is not to blame.
                alone = holder if seen >= _SEEN_ALONE else None
                self._said = Stall(late, alone, self._stack(), turn=turn)
                self._report(self._said)

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        frames = traceback.extract_stack(frame)[-_LONGEST_STACK_FRAMES:] if frame is not None else []
        return "".join(traceback.format_list(frames))
