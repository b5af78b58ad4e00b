"""FolderWatch: what changes below the Dags folder, and right in others, and what the kernel is asked for that."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tradewind.dag_processor.folder_watch import FolderWatch

PATIENCE_SECONDS = 20.0


def watched_folders() -> int:
    """How many folders the kernel watches for this process."""
    infos = (Path("/proc/self/fdinfo") / fd for fd in os.listdir("/proc/self/fd"))
    return sum(info.read_text().count("inotify wd:") for info in infos if info.exists())


async def until(count: int) -> None:
    """Wait until the kernel watches so many folders."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while watched_folders() < count:
            await asyncio.sleep(0.02)


async def told(watch: FolderWatch, *wanted: Path) -> None:
    missing = set(map(str, wanted))
    while missing:
        changes = await watch.changes(PATIENCE_SECONDS)
        assert changes is not None, f"nobody said that {missing} changed"
        missing -= changes


def test_the_dags_folder_is_followed_with_all_below_and_others_only_themselves(tmp_path: Path) -> None:
    dags, other = tmp_path / "dags", tmp_path / "other"
    (dags / "etl" / "deep").mkdir(parents=True)
    for number in range(40):
        (other / f"folder{number}" / "deep").mkdir(parents=True)

    async def play() -> None:
        before = watched_folders()
        watch = FolderWatch(dags, [other])
        try:
            await until(before + 4)
            (dags / "etl" / "deep" / "new.py").write_text("x = 1")
            (other / "settings.yml").write_text("a: 1")
            await told(watch, dags / "etl" / "deep" / "new.py", other / "settings.yml")
            assert watched_folders() == before + 4, "what lies below the other folder is nobody's"
            (other / "folder3" / "deep" / "x").write_text("")
            assert await watch.changes(0.6) is None
        finally:
            watch.close()

    asyncio.run(play())


def test_a_folder_that_is_not_there_is_not_watched(tmp_path: Path) -> None:
    async def play() -> None:
        watch = FolderWatch(tmp_path / "none", [tmp_path / "neither"])
        assert await watch.changes(0.05) is None
        watch.close()

    asyncio.run(play())
