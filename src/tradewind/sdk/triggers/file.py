"""Triggers that wait for files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

from tradewind.sdk.hooks.filesystem import found_file
from tradewind.sdk.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent


class FileTrigger(BaseTrigger):
    """Fires with True when there is a file that `filepath` (a glob pattern) names."""

    def __init__(self, filepath: str, recursive: bool = False, poke_interval: float = 5.0, **kwargs: Any) -> None:
        super().__init__()
        self.filepath, self.recursive, self.poke_interval = filepath, recursive, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {"filepath": self.filepath, "recursive": self.recursive, "poke_interval": self.poke_interval}
        return f"{__name__}.FileTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        # In a thread: a remote mount may take its time.
        while (path := await asyncio.to_thread(found_file, self.filepath, recursive=self.recursive)) is None:
            await asyncio.sleep(self.poke_interval)
        self.log.info("Found the file %s", path)
        yield TriggerEvent(True)


class FileDeleteTrigger(BaseEventTrigger):
    """Fires when the file `filepath` appears, and deletes it, so that it fires again for the next one."""

    def __init__(self, filepath: str, poke_interval: float = 5.0, **kwargs: Any) -> None:
        super().__init__()
        self.filepath, self.poke_interval = filepath, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.FileDeleteTrigger", {"filepath": self.filepath, "poke_interval": self.poke_interval}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            if await asyncio.to_thread(_deleted, self.filepath):
                self.log.info("Found and deleted the file %s", self.filepath)
                yield TriggerEvent(True)
            await asyncio.sleep(self.poke_interval)


class DirectoryFileDeleteTrigger(FileDeleteTrigger):
    """The same for the file `filename` of a folder."""

    def __init__(self, *, directory: str, filename: str, poke_interval: float = 5.0) -> None:
        super().__init__(os.path.join(directory, filename), poke_interval)
        self.directory, self.filename = directory, filename

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {"directory": self.directory, "filename": self.filename, "poke_interval": self.poke_interval}
        return f"{__name__}.DirectoryFileDeleteTrigger", kwargs


def _deleted(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
