"""Triggers that end at once, for tests of operators that defer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent


class SuccessTrigger(BaseTrigger):
    """Fires with True at once."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.SuccessTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TriggerEvent(True)


class FailureTrigger(BaseTrigger):
    """Fails at once."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.FailureTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        nothing: list[TriggerEvent] = []
        for event in nothing:
            yield event
        raise ValueError("This trigger always fails.")
