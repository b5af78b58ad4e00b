"""TimeSensor: wait for a time of the day."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tradewind.sdk.sensors.base import defers
from tradewind.sdk.sensors.moments import MomentSensor
from tradewind.sdk.timezone import default_timezone, utcnow


class TimeSensor(MomentSensor):
    """Waits until `target_time` of the day on which it began, in the Dag's time zone (or in the time's own)."""

    def __init__(
        self,
        *,
        target_time: dt.time,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target_time = target_time
        self.deferrable = defers(start_from_trigger or deferrable, triggers="temporal")
        self.end_from_trigger, self.trigger_kwargs = end_from_trigger, trigger_kwargs
        self._began: dt.datetime | None = None

    @property
    def target_datetime(self) -> dt.datetime:
        """The moment, for a sensor that begins now."""
        return self._on_the_day_of(utcnow())

    def moment(self, context: Any) -> dt.datetime:
        # A sensor that waits past midnight still waits for its own day.
        if self._began is None:
            self._began = self._started(context)
        return self._on_the_day_of(self._began)

    def _on_the_day_of(self, began: dt.datetime) -> dt.datetime:
        dag_zone = self._dag.timezone if self._dag is not None else None
        zone = self.target_time.tzinfo or dag_zone or default_timezone()
        day = began.astimezone(zone).date()
        return dt.datetime.combine(day, self.target_time.replace(tzinfo=None), tzinfo=zone)


class TimeSensorAsync(TimeSensor):
    """The same, deferred."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "deferrable": True})
