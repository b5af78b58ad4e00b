"""The large installation while it is measured: its processes, its database, and a way to sign in."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.bench import say
from harness.processes import name
from harness.tradewind_site import Tradewind

from web.dag_files import dag_files
from web.past import Past, write_long_log
from web.sizes import Sizes

ENVIRONMENT = {
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
    "AIRFLOW__CORE__MAX_MAP_LENGTH": "20000",
    # Every file is read once before anything is measured, and not again while it is.
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "3600",
}


@contextmanager
def large(scratch: Path, sizes: Sizes, kept: Path | None = None) -> Iterator[Tradewind]:
    """A running installation of this size; it is stopped and removed afterwards. Where a folder is named, a copy
    is kept in it, as it is before anybody looks at it, and taken from there another time."""
    files = dag_files(sizes)
    if kept is not None and kept.is_dir():
        with Tradewind(scratch, "", {}, ENVIRONMENT) as place:
            say(f"A copy of {kept}")
            shutil.copytree(kept, place.home, dirs_exist_ok=True)
            yield from _running(place, len(files))
        return
    with Tradewind(scratch, "", files, ENVIRONMENT) as place:
        say(f"Dag files: {len(files)}")
        place.start_healthy()
        settle(place, len(files))
        say(f"  {len(place.known_dags()):,} Dags are known")
        place.stop()
        now = datetime.now(UTC)
        past = Past(place.url, sizes, now)
        try:
            past.write()
        finally:
            past.close()
        say("  a long log")
        write_long_log(place.home / "logs", sizes.log_lines, now)
        if kept is not None:
            shutil.copytree(place.home, kept, ignore=shutil.ignore_patterns("run"))
        yield from _running(place, len(files))


def _running(place: Tradewind, files: int) -> Iterator[Tradewind]:
    place.start_healthy()
    settle(place, files)
    say("ready")
    yield place


def settle(place: Tradewind, files: int) -> None:
    """Wait until every file has been read and nothing is left to do."""

    def is_quiet() -> bool:
        status = place.status()["dag_processor"]
        return bool(status["files"] == files and not status["unparsed"])

    place.wait(is_quiet, "to read its Dag files", 900.0, every=0.5)
    time.sleep(2.0)


def api_pids(place: Tradewind) -> list[int]:
    return [pid for pid in place.pids() if name(pid) == "tw-api"]


def moved_at_us(place: Tradewind, sql: str, *values: Any) -> int:
    """The one number that a query finds."""
    ((found,),) = place.rows(sql, *values)
    return int(found)
