"""Triggers that wait for a moment."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

from tradewind.sdk.timezone import convert_to_utc, parse, utcnow
from tradewind.sdk.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

_LONGEST_SLEEP_SECONDS = 30.0
"""The clock may be set while it sleeps, and a suspended machine's sleep is too long: it looks again."""


class DateTimeTrigger(BaseTrigger):
    """Fires at `moment` with it as payload; with `end_from_trigger` the task succeeds then. `target_time` is the moment
    as text or datetime."""

    def __init__(
        self,
        moment: dt.datetime | None = None,
        *,
        target_time: dt.datetime | str | None = None,
        end_from_trigger: bool = False,
    ) -> None:
        super().__init__()
        given: Any = moment if moment is not None else target_time
        if isinstance(given, str):
            given = parse(given)
        if not isinstance(given, dt.datetime):
            raise TypeError(f"A DateTimeTrigger waits for a datetime, not for {type(given).__name__}.")
        if given.tzinfo is None:
            raise ValueError(f"A DateTimeTrigger cannot wait for {given}, which has no time zone; give it one.")
        self.moment: Any = convert_to_utc(given)
        self.end_from_trigger = end_from_trigger

    @property
    def fires_at(self) -> dt.datetime | None:
        is_ours = type(self).run is DateTimeTrigger.run
        return self.moment if is_ours else None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {"moment": self.moment, "end_from_trigger": self.end_from_trigger}
        return f"{__name__}.DateTimeTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        self.log.info("Waiting until %s", self.moment.isoformat())
        while (left := (self.moment - utcnow()).total_seconds()) > 0:
            await asyncio.sleep(min(left, _LONGEST_SLEEP_SECONDS))
        if self.end_from_trigger:
            yield TaskSuccessEvent()
        else:
            yield TriggerEvent(self.moment)


class TimeDeltaTrigger(DateTimeTrigger):
    """Fires when `delta` has passed since it was made."""

    def __init__(self, delta: dt.timedelta, *, end_from_trigger: bool = False) -> None:
        super().__init__(moment=utcnow() + delta, end_from_trigger=end_from_trigger)
