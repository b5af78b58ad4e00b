"""Deadlines of a Dag's runs, as authors declare them. They are accepted; a notice says that nothing acts on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar


@dataclass
class SyncCallback:
    """What is called when a deadline is missed."""

    callback_callable: Callable[..., Any] | str
    kwargs: dict[str, Any] | None = None
    executor: str | None = None


@dataclass
class AsyncCallback:
    """The coroutine function that is called when a deadline is missed."""

    callback_callable: Callable[..., Any] | str
    kwargs: dict[str, Any] | None = None


@dataclass(frozen=True)
class BaseDeadlineReference:
    """The moment that a deadline counts from."""

    name: str = ""
    arguments: tuple[tuple[str, Any], ...] = field(default=())

    @property
    def reference_name(self) -> str:
        return self.name or type(self).__name__


class DeadlineReference:
    """The moments to count from."""

    DAGRUN_LOGICAL_DATE: ClassVar = BaseDeadlineReference("DagRunLogicalDateDeadline")
    DAGRUN_QUEUED_AT: ClassVar = BaseDeadlineReference("DagRunQueuedAtDeadline")

    @classmethod
    def FIXED_DATETIME(cls, dt: datetime) -> BaseDeadlineReference:
        return BaseDeadlineReference("FixedDatetimeDeadline", (("datetime", dt),))

    @classmethod
    def AVERAGE_RUNTIME(cls, max_runs: int = 10, min_runs: int | None = None) -> BaseDeadlineReference:
        return BaseDeadlineReference("AverageRuntimeDeadline", (("max_runs", max_runs), ("min_runs", min_runs)))


class DeadlineAlert:
    """A run is late when it has not finished `interval` after `reference`."""

    def __init__(self, reference: Any, interval: timedelta, callback: Any, name: str | None = None) -> None:
        self.reference, self.interval, self.callback, self.name = reference, interval, callback, name
