"""What changes in the Dags folder and in folders that Dag files read, as the kernel tells it.

It is asked in threads: before it tells of a folder, each folder below has to be named to it, which takes minutes where
there are a hundred thousand, and whoever waits for that can do nothing else.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path

import structlog
import watchfiles

log = structlog.get_logger("dag_processor")


class FolderWatch:
    """Follows a folder with all below it, and others with what lies right in them, until it is closed."""

    def __init__(self, folder: Path, others: Iterable[Path]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._news: asyncio.Queue[set[str]] = asyncio.Queue()
        for paths, recursive in (([folder], True), ([*others], False)):
            if found := [path for path in paths if path.is_dir()]:
                follow = threading.Thread(target=self._follow, args=(found, recursive), name="watch", daemon=True)
                follow.start()

    async def changes(self, seconds: float) -> set[str] | None:
        """The next paths that have changed; None when there were none for so long."""
        try:
            return await asyncio.wait_for(self._news.get(), seconds)
        except TimeoutError:
            return None

    def close(self) -> None:
        self._stop.set()

    def _follow(self, paths: list[Path], recursive: bool) -> None:
        try:
            for changes in watchfiles.watch(
                *paths, stop_event=self._stop, recursive=recursive, debounce=200, step=50, rust_timeout=1000,
                ignore_permission_denied=True, raise_interrupt=False,
            ):  # fmt: skip
                self._tell({path for _, path in changes})
        except OSError as error:  # too many watches, or the folder has gone: it is looked at every while anyway
            log.warning("a folder is not watched", folders=", ".join(map(str, paths)), error=str(error))

    def _tell(self, paths: set[str]) -> None:
        if not self._stop.is_set() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.put_nowait, paths)
