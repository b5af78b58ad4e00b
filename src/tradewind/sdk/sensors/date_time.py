"""DateTimeSensor: wait for a moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from tradewind.sdk.operator import describe
from tradewind.sdk.sensors.base import defers
from tradewind.sdk.sensors.moments import MomentSensor
from tradewind.sdk.timezone import aware


class DateTimeSensor(MomentSensor):
    """Waits until `target_time`: a datetime, or ISO text, which may be a template."""

    template_fields: Collection[str] = ("target_time",)

    def __init__(self, *, target_time: str | dt.datetime, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given: Any = target_time
        if isinstance(given, dt.datetime):
            given = given.isoformat()
        elif not isinstance(given, str) and not hasattr(given, "resolve"):
            raise TypeError(
                f"{describe(self.task_id, self._dag)}: target_time must be a datetime or ISO text, not "
                f"{type(given).__name__}."
            )
        self.target_time: Any = given

    def moment(self, context: Any) -> dt.datetime:
        try:
            moment = aware(self.target_time)
        except ValueError:
            moment = None
        if moment is None:
            raise ValueError(
                f"{describe(self.task_id, self._dag)}: target_time {self.target_time!r} is no ISO 8601 moment."
            )
        return moment


class DateTimeSensorAsync(DateTimeSensor):
    """The same, deferred."""

    def __init__(
        self,
        *,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = defers(True, triggers="temporal")
        self.end_from_trigger, self.trigger_kwargs = end_from_trigger, trigger_kwargs
