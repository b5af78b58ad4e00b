"""`/metrics` for Prometheus: what the scheduler counts and holds, what tasks have measured, and this machine.

Nothing here costs more when there are more runs or tasks in the database: the scheduler counts what it commits, and of
the tables only that of import errors is looked at.
"""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from tradewind import __version__
from tradewind.api.exposition import page
from tradewind.api.link import Link, Refusal, SchedulerAway
from tradewind.data.monitoring import KNOWN, PREFIX
from tradewind.data.system_readings import SystemReadings
from tradewind.observability.families import Gauges, family
from tradewind.store import queries
from tradewind.wire.measured import COUNTER, HISTOGRAM


async def scheduler_metrics(link: Link) -> dict[str, Any] | None:
    """What the scheduler counts; None when it does not answer."""
    try:
        answer: dict[str, Any] = await link.request("metrics", within_seconds=2.0)
    except (SchedulerAway, Refusal):
        return None
    return answer


def exposition(engine: Engine, told: dict[str, Any] | None, home: Path) -> bytes:
    """The page; `tradewind_up` tells who answers. `home`: the folder whose disk counts."""
    own = Gauges()
    seconds, import_errors = _ask_database(engine)
    up = {"scheduler": told is not None, "database": import_errors is not None, "api": True}
    own.many("tradewind_up", "Whether a component answers.", ("component",), (((n,), v) for n, v in up.items()))
    own.many("tradewind_build_info", "The version that answers.", ("version",), [((__version__,), 1)])
    if import_errors is not None:
        own.one("tradewind_database_answer_seconds", "How long the database took to answer this page.", seconds)
        own.one("tradewind_import_errors", "Problems of Dag files.", import_errors)
    _machine(own, home)
    families = own.families
    if told is not None:
        families += told["families"]
        families += _measured(told["measured"])
        own.one(
            "tradewind_data_series_forgotten_total", "Series of tasks' own metrics that had to make room.",
            told["forgotten"], COUNTER,
        )  # fmt: skip
    return page(families)


def _ask_database(engine: Engine) -> tuple[float, int | None]:
    """How long it took, and the number of import errors; None when it does not answer."""
    began = time.monotonic()
    try:
        with engine.connect() as connection:
            count = queries.count_import_errors(connection)
    except Exception:  # a database that is away is a fact to report, not an error of this page
        return 0.0, None
    return time.monotonic() - began, count


def _measured(samples: list[list[Any]]) -> list[dict[str, Any]]:
    """What tasks have measured, each name a family of the toolkit's."""
    found: dict[str, dict[str, Any]] = {}
    for name, labels, kind, value, buckets in sorted(samples):
        if name not in found:
            text = KNOWN[name][0] if name in KNOWN else "Measured by a task."
            found[name] = family(PREFIX + name, kind, text, ())
        if found[name]["kind"] == kind:
            found[name]["series"].append([labels, [value, buckets] if kind == HISTOGRAM else value])
    return list(found.values())


def _machine(gauges: Gauges, home: Path) -> None:
    """The machine that answers: its processors, memory, and the disk of the home folder."""
    readings = machine_readings(home)
    sample = readings.read()
    busy, total = readings.cpu_seconds()
    gauges.one("tradewind_machine_cpu_busy_seconds_total", "CPU time that was used.", busy, COUNTER)
    gauges.one("tradewind_machine_cpu_seconds_total", "CPU time that there was, used or not.", total, COUNTER)
    gauges.one("tradewind_machine_cpus", "Processors.", os.cpu_count() or 1)
    gauges.one("tradewind_machine_load1", "Processes that run or want to, over a minute.", sample.load_1m)
    gauges.one("tradewind_machine_memory_used_bytes", "Memory in use.", sample.memory_used_bytes)
    gauges.one("tradewind_machine_memory_size_bytes", "Memory that there is.", sample.memory_total_bytes)
    gauges.one("tradewind_machine_disk_free_bytes", "Disk that is free.", sample.disk_free_bytes)
    gauges.one("tradewind_machine_disk_usage_ratio", "Disk in use, from 0 to 1.", sample.disk_percent / 100)


@cache
def machine_readings(home: Path) -> SystemReadings:
    """Reads the machine that answers, and the disk of this folder."""
    return SystemReadings(home)
