"""The trigger that delivers one alert notice over one channel: retries and pauses are its waiting.

It runs in a trigger host, beside the triggers of deferred tasks, because there is what it needs: code of others may
run there, somebody watches over it, and its answer is kept until the scheduler has stored it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent


class AlertDelivery(BaseTrigger):
    """Its event is the empty text when the notice was taken, else why it was given up."""

    def __init__(self, notice: str, channel: str, home: str, rules_file: str) -> None:
        super().__init__()
        self.notice = notice
        self.channel = channel
        self.home = home
        self.rules_file = rules_file

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("notice", "channel", "home", "rules_file")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        # Imported here, and in a thread: what sends is large, and only those who send need it.
        yield TriggerEvent(await (await asyncio.to_thread(self._deliver))())

    def _deliver(self) -> Any:
        from tradewind.config import load_settings
        from tradewind.observability.alerts.delivery import deliver_until_taken, send_now
        from tradewind.observability.alerts.notices import notice_from_json

        notice, settings = notice_from_json(self.notice), load_settings(Path(self.home))
        return lambda: deliver_until_taken(
            notice, lambda: send_now(notice, self.channel, Path(self.rules_file), settings)
        )
