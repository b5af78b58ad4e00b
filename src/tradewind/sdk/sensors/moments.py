"""What the sensors share that wait for a moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tradewind.sdk.sensors.base import BaseSensorOperator
from tradewind.sdk.timezone import utcnow


class MomentSensor(BaseSensorOperator):
    """Subclasses say for which moment they wait. Deferred ones wait without a limit, unless they were given one."""

    deferrable = False
    end_from_trigger = False

    def moment(self, context: Any) -> datetime:
        """The moment for which this run of the task waits."""
        raise NotImplementedError(f"{type(self).__name__} has no moment(context) method.")

    def poke(self, context: Any) -> bool:
        moment = self.moment(context)
        self.log.info("Waiting until %s", moment.isoformat())
        return utcnow() >= moment

    def execute(self, context: Any) -> Any:
        if not self.deferrable:
            return super().execute(context)
        moment = self.moment(context)
        if utcnow() < moment:
            from tradewind.sdk.triggers.temporal import DateTimeTrigger

            self.defer(
                trigger=DateTimeTrigger(moment, end_from_trigger=self.end_from_trigger),
                method_name="execute_complete",
                timeout=self._limit(),
            )
        return None

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """Goes on when the moment has come."""

    def _limit(self) -> timedelta | None:
        return self.deferral_timeout if self._timeout_given else None

    def _wait_seconds(self, context: Any, looks: int, started: datetime, left: float) -> float:
        # The moment is known: there is no use in sleeping past it, nor in looking right after a look.
        until = (self.moment(context) - utcnow()).total_seconds()
        return max(0.0, min(super()._wait_seconds(context, looks, started, left), until))
