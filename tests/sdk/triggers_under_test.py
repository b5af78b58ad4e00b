"""Triggers as authors write them, good and bad: imported by path, as the triggerer does."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import sys
import time
from typing import Any

from tradewind.sdk.triggers.base import (
    BaseEventTrigger,
    BaseTrigger,
    TaskSkippedEvent,
    TaskSuccessEvent,
    TriggerEvent,
)

log = logging.getLogger(__name__)
seen: list[str] = []
"""What triggers did, for tests to look at."""


class Named(BaseTrigger):
    def __init__(self, name: str = "", **kwargs: Any) -> None:
        super().__init__()
        self.name, self.kwargs = name, kwargs

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {"name": self.name, **self.kwargs}

    async def cleanup(self) -> None:
        seen.append(f"cleanup {self.name}")

    async def on_kill(self) -> None:
        seen.append(f"on_kill {self.name}")


class Says(Named):
    async def run(self):
        self.log.info("says %s", self.name)
        await asyncio.sleep(0)
        yield TriggerEvent(self.kwargs.get("payload", self.name))
        seen.append(f"after {self.name}")


class Sleeps(Named):
    async def run(self):
        await asyncio.sleep(self.kwargs.get("seconds", 3600))
        yield TriggerEvent(self.name)


class SaysNothing(Named):
    async def run(self):
        if self.kwargs.get("never"):
            yield TriggerEvent()


class Raises(Named):
    async def run(self):
        await asyncio.sleep(0)
        if self.kwargs.get("exits"):
            sys.exit(3)
        raise ValueError(f"{self.name} is broken")
        yield


class Blocks(Named):
    async def run(self):
        await asyncio.sleep(0)
        time.sleep(self.kwargs["seconds"])
        yield TriggerEvent(self.name)


class SwallowsAndBlocks(Named):
    """Blocks again and again, and takes no exception for an answer."""

    async def run(self):
        for _ in range(1000):
            try:
                time.sleep(10)
            except Exception:
                seen.append("swallowed")
        yield TriggerEvent(self.name)


class Spins(Named):
    async def run(self):
        while True:
            pass
        yield


class CancelsItself(Named):
    async def run(self):
        raise asyncio.CancelledError
        yield


class Clings(Named):
    """Swallows the wish to stop once, as badly written triggers do."""

    async def run(self):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append(f"clings {self.name}")
        yield TriggerEvent("too late")


class ClingsTwice(Named):
    """The first wish to stop is not enough."""

    async def run(self):
        for _ in range(2):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                seen.append(f"clings {self.name}")
        yield TriggerEvent("too late")


class CleansUpSlowly(Named):
    async def run(self):
        yield TriggerEvent(self.name)

    async def cleanup(self) -> None:
        await asyncio.sleep(3600)


class NoGenerator(Named):
    async def run(self):
        return TriggerEvent(self.name)


class SaysSomethingElse(Named):
    async def run(self):
        yield {"status": "done"}


class SaysWhatCannotBeSent(Named):
    async def run(self):
        yield TriggerEvent(object())


class Ends(Named):
    async def run(self):
        yield TaskSkippedEvent() if self.name == "skips" else TaskSuccessEvent(xcoms={"rows": 3})


class Counts(BaseEventTrigger):
    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.Counts", {}

    async def run(self):
        for number in range(3):
            yield TriggerEvent(number)


class CleansUpBadly(Named):
    async def run(self):
        yield TriggerEvent(self.name)

    async def cleanup(self) -> None:
        raise RuntimeError("no broom")


@dataclasses.dataclass
class Place:
    x: int


class Goes(Named):
    async def run(self):
        assert isinstance(self.kwargs["place"], Place)
        yield TriggerEvent(self.kwargs["place"].x)


class TalksInAThread(Named):
    async def run(self):
        await asyncio.gather(asyncio.to_thread(log.info, "thread of %s", self.name), self._child())
        yield TriggerEvent(self.name)

    async def _child(self) -> None:
        log.info("child of %s", self.name)
