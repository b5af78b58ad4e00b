"""Code of authors' own in a workload: timetables and partition mappers that only a code host can ask, and watchers.

A timetable names the runs that the built-in one in its place makes due, a few at a time; a mapper says what the
built-in one says that it is `like`. Which runs there must be stays known that way. Everything follows from a generator
of its own, so that the rest of a workload is the same with and without.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from tradewind.core.dag import DagSpec, WatcherSpec
from tradewind.testing.simulation.asset_parts import WHOLE, uri_of
from tradewind.testing.simulation.asset_reference import leaves
from tradewind.testing.simulation.workload import Workload

CHANCE = 0.3
"""How many of the workloads have code of somebody's own, where there is a place for it."""
WATCHING = timedelta(seconds=60)
"""So long after the beginning, nothing happens any more to what is watched."""


def with_code(workload: Workload, rng: Random, chance: float = CHANCE) -> Workload:
    """The workload with code in the place of some of its timetables and mappers and with watchers, or as it is."""
    if rng.random() >= chance:
        return workload
    return replace(workload, dags=tuple(_with_code(rng, spec) for spec in workload.dags))


def has_watchers(workload: Workload) -> bool:
    """Whether a trigger watches for updates of any asset."""
    return any(spec.watchers for spec in workload.dags)


def _with_code(rng: Random, spec: DagSpec) -> DagSpec:
    if spec.timetable.kind == "delta" and rng.random() < 0.6:
        spec = replace(spec, timetable=replace(spec.timetable, kind="custom", summary="of somebody's own"))
    if spec.partitions:
        default, mappers = spec.partitions["default"], spec.partitions["mappers"]
        own = {
            "default": _code_like(default) if rng.random() < 0.7 else default,
            "mappers": [[leaf, _code_like(mapper) if rng.random() < 0.5 else mapper] for leaf, mapper in mappers],
        }
        return replace(spec, partitions={**spec.partitions, **own})
    watched = sorted({leaf["asset"]["name"] for leaf in leaves(spec.assets) if "asset" in leaf} & {*WHOLE})
    watchers = tuple(_draw_watcher(rng, name) for name in watched if rng.random() < 0.7)
    return replace(spec, watchers=watchers)


def _code_like(mapper: dict[str, Any]) -> dict[str, Any]:
    most = {"most": mapper["most"]} if "most" in mapper else {}
    return {"kind": "custom", "name": "Own", "waits": mapper["kind"] == "rollup", "like": mapper, **most}


def _draw_watcher(rng: Random, name: str) -> WatcherSpec:
    """One of three triggers: several assets, of several Dags too, may share it."""
    how = rng.choice([{"every": 0.7, "ends": 0.0}, {"every": 10.0, "ends": 0.3}, {"every": 1.5, "ends": 0.05}])
    return WatcherSpec(name="news", asset=name, uri=uri_of(name), classpath="simulated.Watch", kwargs=json.dumps(how))
