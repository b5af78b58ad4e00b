"""Virtual time: the moment at which the engine is, and what author code sees of it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tradewind.core.errors import TradewindError
from tradewind.sdk.execution.interrupts import TimeLimit
from tradewind.store.times import from_us, to_us

_sleep, _monotonic, _monotonic_ns = time.sleep, time.monotonic, time.monotonic_ns


class CannotFreeze(TradewindError):
    """The clock of author code can only be stopped with a library that is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Stopping the clock needs the package time-machine; `pip install 'tradewind[testing]'` brings it."
        )


class VirtualClock:
    """The engine's time moves from event to event. An attempt takes place at one moment of it, and takes as long as it
    sleeps (when frozen) or is said to take.

    `frozen`: author code sees this time instead of the machine's, and its `time.sleep` moves it instead of waiting.
    """

    def __init__(self, now: datetime, *, frozen: bool = False) -> None:
        self.now = now.astimezone(UTC)
        self.frozen = frozen
        self._travel = _time_machine() if frozen else None
        self._shown: Any = None
        self._passed_us = 0
        """Since the attempt that runs began."""
        self._ahead_us = 0
        """How far the clock that author code reads is ahead of ours."""

    def task_us(self) -> int:
        """Microseconds since 1970 for the attempt that runs."""
        return to_us(self.now) + self._passed_us

    def begin(self) -> int:
        """An attempt begins now; gives the moment."""
        self._passed_us = 0
        self._ahead_us = 0 if self.frozen else time.time_ns() // 1000 - self.task_us()
        return self.task_us()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Author code runs inside, and begins at this moment."""
        self.begin()
        if self._travel is None:
            yield
            return
        with self._travel(self.now, tick=False) as self._shown:
            # asyncio and time limits count on a monotonic clock that goes on, so it does, and sleeping adds to it.
            time.monotonic = lambda: _monotonic() + self._passed_us / 1e6
            time.monotonic_ns = lambda: _monotonic_ns() + self._passed_us * 1000
            time.sleep = self._slept  # type: ignore[assignment]
            try:
                yield
            finally:
                time.sleep, time.monotonic, time.monotonic_ns = _sleep, _monotonic, _monotonic_ns
                self._shown = None

    def pass_time(self, seconds: float) -> None:
        """Let so much virtual time pass in the attempt that runs; its execution_timeout may end it on the way."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        limit = _time_limit()
        left = None if limit is None else limit.total_seconds() - self._passed_us / 1e6
        if left is None or seconds < left:
            self._move(seconds)
        else:
            self._move(left)
            signal.raise_signal(signal.SIGALRM)

    def as_author_sees_it(self, us: int | None) -> int | None:
        """A moment of virtual time on the clock that author code reads."""
        return None if us is None else us + self._ahead_us

    def as_engine_sees_it(self, us: int | None) -> int | None:
        """A moment that author code worked out from the clock that it reads, in virtual time."""
        if us is None or self.frozen:
            return us
        return us - self._ahead_us + self._passed_us

    def _slept(self, seconds: float) -> None:
        """What `time.sleep` does. Waiting for something real takes real time: that of other threads, and that of the
        standard library, which sleeps while it looks whether a subprocess has ended."""
        asker = str(sys._getframe(1).f_globals.get("__name__")).partition(".")[0]
        if asker in sys.stdlib_module_names or threading.current_thread() is not threading.main_thread():
            _sleep(seconds)
        else:
            self.pass_time(seconds)

    def _move(self, seconds: float) -> None:
        self._passed_us += round(seconds * 1e6)
        if self._shown is not None:
            self._shown.move_to(from_us(self.task_us()))


def moment_of(at: datetime | str) -> datetime:
    """An aware moment in UTC from a datetime or ISO 8601 text; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(at) if isinstance(at, str) else at
    except ValueError:
        raise ValueError(f"{at!r} is not a date; write it like 2026-01-31 or 2026-01-31T06:00:00+00:00.") from None
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)


def seconds_of(duration: timedelta | float) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else float(duration)


def _time_limit() -> timedelta | None:
    """The execution_timeout of the task that runs; None when it has none."""
    owner = getattr(signal.getsignal(signal.SIGALRM), "__self__", None)
    return owner.limit if isinstance(owner, TimeLimit) else None


def _time_machine() -> Any:
    try:
        import time_machine
    except ImportError:
        raise CannotFreeze from None
    return time_machine.travel
