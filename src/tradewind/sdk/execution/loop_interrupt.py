"""Takes a task out of its event loop that blocks it: by a signal, whose handler raises where the task stands."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any

from tradewind.sdk.execution.loop_watch import LoopWatch, Stall

SIGNAL = signal.SIGUSR1


class TookTooLong(BaseException):
    """The code that runs blocks everybody else. Not an Exception: author code catches those."""


class Interrupter:
    """For a loop in the main thread, which is the one that gets signals; `is_possible` says whether this is so. A call
    in C that never looks at signals is not interrupted before it returns."""

    def __init__(self, watch: LoopWatch) -> None:
        self._watch = watch
        self._accused: Stall | None = None
        self._before: Any = None
        self.is_possible = False

    def install(self) -> None:
        """To be called in the loop."""
        self._loop = asyncio.get_running_loop()
        self.is_possible = threading.current_thread() is threading.main_thread()
        if self.is_possible:
            self._before = signal.signal(SIGNAL, self._raise)

    def uninstall(self) -> None:
        if self.is_possible:
            self.is_possible = False
            signal.signal(SIGNAL, self._before if self._before is not None else signal.SIG_DFL)

    def interrupt(self, stall: Stall) -> None:
        """Called from another thread: raise TookTooLong in the task that holds the loop, if it still does."""
        if self.is_possible and stall.task is not None:
            self._accused = stall
            signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)

    def _raise(self, *_: object) -> None:
        accused, self._accused = self._accused, None
        # It may have given the loop back meanwhile, and another one must not pay for it.
        if accused is None or accused.turn != self._watch.turn or asyncio.current_task(self._loop) is not accused.task:
            return
        raise TookTooLong(f"It blocked all others for {accused.seconds:.1f} s; await what it waits for.")
