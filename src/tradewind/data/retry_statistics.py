"""What retries did: the event a callback gets, and the counts of a handler."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class RetryEvent:
    """One failed try that is followed by another, as `on_retry` gets it; `on_give_up` gets the last, with no delay."""

    function: str
    attempt: int
    error: BaseException
    delay_seconds: float


@dataclass(frozen=True)
class RetryStatistics:
    """What a handler has done so far. `attempts` counts every try, `successes` and `failures` count whole calls."""

    calls: int = 0
    attempts: int = 0
    retries: int = 0
    successes: int = 0
    failures: int = 0
    total_delay_seconds: float = 0.0
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def success_rate(self) -> float:
        """Of the calls that ended, the part that succeeded; 1.0 before the first has ended."""
        ended = self.successes + self.failures
        return self.successes / ended if ended else 1.0

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "success_rate": self.success_rate}


class RetryCounts:
    """Counts that threads add to together."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._delay = 0.0
        self._lock = threading.Lock()

    def add(self, what: str, *, delay_seconds: float = 0.0, error: BaseException | None = None) -> None:
        """One more of `what`, a field of `RetryStatistics`."""
        with self._lock:
            self._counts[what] += 1
            self._delay += delay_seconds
            if error is not None:
                self._errors[type(error).__name__] += 1

    def so_far(self) -> RetryStatistics:
        with self._lock:
            return RetryStatistics(**self._counts, total_delay_seconds=self._delay, errors=dict(self._errors))

    def __deepcopy__(self, memo: dict[int, Any]) -> RetryCounts:
        # Dags are deep-copied, and with them what their tasks were given; a lock cannot be. A copy counts anew.
        return RetryCounts()

    def __reduce__(self) -> tuple[Any, ...]:
        return (RetryCounts, ())
