"""TimeDeltaSensor: wait some time after the run's data interval. WaitSensor: wait some time after it began."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from tradewind.sdk.operator import describe
from tradewind.sdk.sensors.base import BaseSensorOperator, defers
from tradewind.sdk.sensors.moments import MomentSensor
from tradewind.sdk.timezone import utcnow


class TimeDeltaSensor(MomentSensor):
    """Waits until `delta` (a timedelta, or a number of minutes) after the end of the run's data interval; for a run
    without one after its `run_after`."""

    template_fields: Collection[str] = ("delta",)

    def __init__(
        self,
        *,
        delta: timedelta | int,
        deferrable: bool | None = None,
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.delta: Any = delta
        self.deferrable, self.end_from_trigger = defers(deferrable, triggers="temporal"), end_from_trigger

    def moment(self, context: Any) -> datetime:
        end = context.get("data_interval_end") or context["dag_run"].run_after
        moment: datetime = end + _duration(self.delta, describe(self.task_id, self._dag), "delta")
        return moment


class TimeDeltaSensorAsync(TimeDeltaSensor):
    """The same, deferred."""

    def __init__(self, *, end_from_trigger: bool = False, delta: timedelta | int, **kwargs: Any) -> None:
        super().__init__(delta=delta, **{**kwargs, "deferrable": True, "end_from_trigger": end_from_trigger})


class WaitSensor(BaseSensorOperator):
    """Waits `time_to_wait` (a timedelta, or a number of minutes) from its start."""

    template_fields: Collection[str] = ("time_to_wait",)

    def __init__(self, time_to_wait: timedelta | int, deferrable: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deferrable = defers(deferrable, triggers="temporal")
        self.time_to_wait: Any = time_to_wait

    @property
    def duration(self) -> timedelta:
        return _duration(self.time_to_wait, describe(self.task_id, self._dag), "time_to_wait")

    def poke(self, context: Any) -> bool:
        return utcnow() - self._started(context) >= self.duration

    def execute(self, context: Any) -> Any:
        if self.deferrable:
            from tradewind.sdk.triggers.temporal import TimeDeltaTrigger

            trigger = TimeDeltaTrigger(self.duration, end_from_trigger=True)
            self.defer(trigger=trigger, method_name="execute_complete")
        if self.reschedule:
            return super().execute(context)
        time.sleep(self.duration.total_seconds())
        return None

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """Goes on when the time has passed."""


def _duration(value: Any, where: str, name: str) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        return timedelta(minutes=float(value))
    except (TypeError, ValueError):
        raise TypeError(f"{where}: {name} must be a timedelta or a number of minutes, not {value!r}.") from None
