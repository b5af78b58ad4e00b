"""DayOfWeekSensor: wait for a day of the week."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradewind.sdk.compat_helpers import WeekDay
from tradewind.sdk.sensors.base import BaseSensorOperator
from tradewind.sdk.timezone import default_timezone, utcnow


class DayOfWeekSensor(BaseSensorOperator):
    """Waits until today (or the logical date) is one of `week_day`, one day or several."""

    def __init__(
        self,
        *,
        week_day: str | Iterable[str] | WeekDay | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        use_task_execution_day: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.week_day = week_day
        self.use_task_logical_date = use_task_logical_date or use_task_execution_day
        self._days = WeekDay.validate_week_day(week_day)

    def poke(self, context: Any) -> bool:
        today = context["logical_date"] if self.use_task_logical_date else utcnow().astimezone(default_timezone())
        self.log.info("Waiting for %s; it is %s", self.week_day, WeekDay(today.isoweekday()).name.title())
        return today.isoweekday() in self._days
