"""Notices when an event loop stands still, and in whose hands: a thread beside the loop that counts its heartbeats."""

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


@dataclass(frozen=True, slots=True)
class Stall:
    """The loop has not turned for `seconds`. `owner` is whose task runs in it, if that is known; `over` says that it
    turns again, and `stack` where it stands until then."""

    seconds: float
    owner: Any
    stack: str = ""
    over: bool = False


class LoopWatch:
    """Watches the running loop from `start` to `stop`. `report` is called from the thread while the loop stands still,
    first after `after` and then each time that the time has doubled, and in the loop when that is over."""

    def __init__(
        self,
        report: Callable[[Stall], None],
        *,
        after: timedelta,
        owner_of: Callable[[asyncio.Task[Any] | None], Any],
    ) -> None:
        self._report, self._after, self._owner_of = report, after.total_seconds(), owner_of
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
        said, self._said = self._said, None
        if said is not None:
            self._report(Stall(gap, said.owner, over=True))
        self._timer = self._loop.call_later(self._after / 4, self._beat)

    def _watch(self) -> None:
        looked_at = time.monotonic()
        while not self._stop.wait(self._after / 4):
            now, before = time.monotonic(), looked_at
            looked_at = now
            if now - before > self._after:
                continue  # this thread stood still too: the machine was suspended, or the process stopped
            late = now - self._beat_at
            if late > self._after and (self._said is None or late > 2 * self._said.seconds):
                self._said = Stall(late, self._owner_of(asyncio.current_task(self._loop)), self._stack())
                self._report(self._said)

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        frames = traceback.extract_stack(frame)[-_LONGEST_STACK_FRAMES:] if frame is not None else []
        return "".join(traceback.format_list(frames))
