"""What may interrupt author code from outside: its time limit, and the wish that it stop."""

from __future__ import annotations

import _signal  # the signal module without its enumerations: each attempt arms and disarms two signals
import logging
import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import Any

from tradewind.sdk.exceptions import AirflowTaskTimeout

log = logging.getLogger("tradewind.task")


class Stopped(BaseException):
    """The attempt was asked to stop, and its operator's on_kill has been called."""


class StopOnRequest:
    """While the block runs, SIGTERM calls `on_kill` and raises Stopped. `requested` says afterwards whether it came,
    also when author code caught what was raised."""

    def __init__(self, on_kill: Callable[[], None]) -> None:
        self._on_kill = on_kill
        self._before: Any = None
        self._armed = False
        self.requested = False

    def __enter__(self) -> StopOnRequest:
        try:
            self._before = _signal.signal(_signal.SIGTERM, self._stop)
        except ValueError:  # not in the main thread
            return self
        self._armed = _forks.guarded = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._armed:
            self._armed = _forks.guarded = False
            _signal.signal(_signal.SIGTERM, self._before if self._before is not None else _signal.SIG_DFL)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            return
        self.requested = True
        log.warning("Asked to stop: calling on_kill.")
        call_on_kill(self._on_kill)
        raise Stopped("The attempt was stopped on request.")


class _Forks:
    """What author code forks while an attempt runs must die of SIGTERM, not stop the attempt.

    CPython forgets signals that reach a new process before its interpreter is set up: a pool that is terminated as
    soon as its work is done would wait for ever for a worker that came late. So SIGTERM is held back during the fork.
    """

    def __init__(self) -> None:
        self.guarded = False

    def hold(self) -> None:
        if self.guarded:
            _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGTERM,))

    def release(self) -> None:
        if self.guarded:
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGTERM,))

    def release_as_another(self) -> None:
        if self.guarded:
            self.guarded = False
            _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGTERM,))


_forks = _Forks()
os.register_at_fork(before=_forks.hold, after_in_parent=_forks.release, after_in_child=_forks.release_as_another)


class TimeLimit:
    """Raises AirflowTaskTimeout in the block after `limit`; None is no limit."""

    def __init__(self, limit: timedelta | None, task_id: str) -> None:
        self.limit, self._task_id = limit, task_id
        self._before: Any = None
        self._armed = False

    def __enter__(self) -> None:
        if self.limit is None:
            return
        seconds = self.limit.total_seconds()
        if seconds <= 0:
            self._expire(0, None)
        if threading.current_thread() is not threading.main_thread():
            log.warning("execution_timeout has no effect: the task does not run in the main thread of its process.")
            return
        self._before = signal.signal(signal.SIGALRM, self._expire)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        self._armed = True

    def __exit__(self, *_: object) -> None:
        if self._armed:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before if self._before is not None else signal.SIG_DFL)

    def _expire(self, number: int, frame: FrameType | None) -> None:
        raise AirflowTaskTimeout(f"Task {self._task_id!r} ran longer than its execution_timeout of {self.limit}.")


def call_on_kill(on_kill: Callable[[], None]) -> None:
    """Call it; what it raises is logged and changes nothing."""
    try:
        on_kill()
    except Exception:
        log.exception("on_kill failed; the attempt ends all the same.")
