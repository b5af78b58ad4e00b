"""The page of charts: how much ended, how well, how soon and how long, what data were worth, and what it cost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Query
from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.api.components import asked
from tradewind.api.metrics import machine_readings
from tradewind.api.models import Answer
from tradewind.api.routing import UI, Asked, Routes
from tradewind.api.ui.home import HOUR, READ_RUN, READ_SYSTEM, present, seen_by_now
from tradewind.core.access import Action, DagScope, Need, Resource
from tradewind.core.errors import DagNotFound
from tradewind.store.paging import Row
from tradewind.store.reading import charts as reading
from tradewind.store.reading.charts import Spread, Window
from tradewind.store.reading.dags import dag_named

routes = Routes("UI", prefix=UI)

MINUTE = 60 * 1_000_000
WINDOWS = {"1h": (60, MINUTE), "6h": (72, 5 * MINUTE), "24h": (96, 15 * MINUTE), "7d": (168, 60 * MINUTE)}
"""How many steps a window has, and how long each is."""
Span = Literal["1h", "6h", "24h", "7d"]
READ_XCOM = Need(Action.READ, Resource.XCOM)
FRESH = 2
"""The last steps, which are looked at anew: what happened in one may be reported a moment after its end."""
MOST_LINES = 6
"""Pools and quality scores of which there are lines; those with the most values."""
VERDICTS = frozenset({"broken", "checks", "failed", "rejected", "scores"})
"""What a value has beside its `score` when it comes from a check of data; a model's score has none of it."""


class Spreads(Answer):
    """Microseconds, or bytes, of each step; None where there is nothing to tell."""

    p50: list[int | None]
    p95: list[int | None]
    most: list[int | None]


class PoolLine(Answer):
    pool: str
    count: int
    """Task instances that got a slot of it."""
    p95: list[int | None]


class ScoreLine(Answer):
    """The scores that one task has given data, from 0 to 100: the lowest of each step."""

    dag_id: str
    task_id: str
    lowest: list[float | None]
    newest: float
    newest_at: int


class Machine(Answer):
    """The machine that answers, now."""

    cpus: int
    load: float
    """Processes that run or want to, over a minute."""
    memory_used: int
    memory_size: int
    disk_used: float
    """From 0 to 1, of the disk with the installation's folder."""


class Agents(Answer):
    """All workers together, now."""

    here: int
    used: int
    capacity: int
    task_bytes: int
    """What running tasks have of memory."""


class MachineLine(Answer):
    """What the machine of a worker had to do, in percent of what it has."""

    worker: str
    cpu: list[float | None]
    """On average."""
    memory: list[float | None]
    """At most, as of the disk with the worker's home folder."""
    disk: list[float | None]


class Charts(Answer):
    now: int
    fresh_until: int
    """Nothing is to be had before that, unless something happens."""
    start: int
    step: int
    places: int
    """How many steps there are; the last one goes on."""
    skipped: int
    """Steps at the beginning that are not counted, because there is too much."""
    tasks: dict[str, list[int]]
    """By state: task instances that ended."""
    runs: dict[str, list[int]]
    task_start: Spreads
    """From being ready to running, of the task instances that began."""
    run_start: Spreads
    """From the moment a run could begin to its beginning."""
    run_time: Spreads
    slot_waits: list[PoolLine]
    """From being ready to having a slot."""
    pools: int
    scores: list[ScoreLine]
    score_lines: int
    may_see_scores: bool
    memory: Spreads
    """The most that each try had that ended."""
    cpu_seconds: list[float | None]
    """Of the tries that ended."""
    machines: list[MachineLine]
    """Those with the most of their memory in use first; none for whoever may not read the system."""
    workers: int
    """How many there are."""
    agents: Agents | None
    machine: Machine | None
    """None for whoever may not read the system, or where nobody answers."""


@dataclass(frozen=True, slots=True)
class Steps:
    start: int
    step: int
    places: int

    @property
    def end(self) -> int:
        return self.start + self.places * self.step


Scopes = tuple[DagScope, DagScope, DagScope]
"""Of tasks, of runs, and of the values that tasks leave."""
Scored = tuple[int, float]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in some steps, by their places."""

    tasks: dict[tuple[int, str], int] = field(default_factory=dict)
    runs: dict[tuple[int, str], int] = field(default_factory=dict)
    task_start: dict[int, Spread] = field(default_factory=dict)
    run_start: dict[int, Spread] = field(default_factory=dict)
    run_time: dict[int, Spread] = field(default_factory=dict)
    slot_waits: dict[tuple[str, int], Spread] = field(default_factory=dict)
    memory: dict[int, Spread] = field(default_factory=dict)
    cpu_seconds: dict[int, float] = field(default_factory=dict)
    scores: dict[tuple[str, str], list[Scored]] = field(default_factory=dict)
    """By Dag and task, with their moments."""


@routes.get("/charts", Resource.TASK, response_model=Charts, packed=True)
def charts(call: Asked, window: Span = "24h", dag_id: Annotated[str | None, Query(max_length=250)] = None) -> Any:
    """How it fared in the last hours or days, of all Dags or of one."""
    now_us = present()
    if dag_id is not None:
        call.permit(dag_id)
    places, step = WINDOWS[window]
    start = (now_us // step + 1 - places) * step
    scopes = call.scope, call.scope_of(READ_RUN), call.scope_of(READ_XCOM)
    steps = Steps(start, step, places)
    key = "charts", *scopes, dag_id, steps
    # Many may look at it at once, and a busy week has some hundred thousand tasks.
    recent, heard = call.installation.recent, seen_by_now(call)
    told = recent.of(key, now_us, lambda: _told(call, steps, scopes, dag_id, now_us), heard)
    old_at = recent.old_at(key, heard) or now_us + HOUR
    return {"now": now_us, "fresh_until": max(now_us, old_at), **told, **_machines(call, steps), **_resources(call)}


def _told(call: Call, whole: Steps, scopes: Scopes, dag_id: str | None, now_us: int) -> dict[str, Any]:
    """All steps. Those before the last two do not change any more, and are kept while these are the last two."""
    with call.reading() as connection:
        if dag_id is not None and dag_named(connection, dag_id) is None:
            raise DagNotFound(dag_id)
        before = Steps(whole.start, whole.step, whole.places - FRESH)
        key = "charts before", *scopes, dag_id, before
        skipped, past = call.installation.steps.of(key, now_us, lambda: _past(connection, before, scopes, dag_id))
        open_ = Steps(before.end, whole.step, FRESH)
        fresh = _looked(connection, open_, scopes, dag_id, until_us=None)
    return {
        "start": whole.start,
        "step": whole.step,
        "places": whole.places,
        "skipped": skipped,
        "may_see_scores": bool(scopes[2]),
        **_lines(_joined(past, fresh, before.places), whole),
    }


def _past(connection: Connection, steps: Steps, scopes: Scopes, dag_id: str | None) -> tuple[int, Looked]:
    window = reading.whole_part(connection, Window(steps.start, steps.step, scopes[0], dag_id, steps.end))
    skipped = min(steps.places, (window.start_us - steps.start) // steps.step)
    rest = Steps(steps.start + skipped * steps.step, steps.step, steps.places - skipped)
    found = _looked(connection, rest, scopes, dag_id, until_us=steps.end) if rest.places else Looked()
    return skipped, _joined(Looked(), found, skipped)


def _looked(
    connection: Connection, steps: Steps, scopes: Scopes, dag_id: str | None, *, until_us: int | None
) -> Looked:
    tasks, runs, values = (Window(steps.start, steps.step, scope, dag_id, until_us) for scope in scopes)
    tries = reading.tries(connection, tasks)
    return Looked(
        tasks=reading.tasks_ended(connection, tasks),
        runs=reading.runs_ended(connection, runs),
        task_start=tries.starts,
        run_start=reading.run_starts(connection, runs),
        run_time=reading.run_times(connection, runs),
        slot_waits=tries.slot_waits,
        memory=tries.peak_bytes,
        cpu_seconds=tries.cpu_seconds,
        scores=_scored(reading.scores_left(connection, values)) if values.scope else {},
    )


def _joined(past: Looked, fresh: Looked, places: int) -> Looked:
    """Both together; `fresh` begins so many steps later."""
    scores = {key: [*points] for key, points in past.scores.items()}
    for key, points in fresh.scores.items():
        scores.setdefault(key, []).extend(points)
    return Looked(
        tasks=past.tasks | {(place + places, state): n for (place, state), n in fresh.tasks.items()},
        runs=past.runs | {(place + places, state): n for (place, state), n in fresh.runs.items()},
        task_start=past.task_start | _moved(fresh.task_start, places),
        run_start=past.run_start | _moved(fresh.run_start, places),
        run_time=past.run_time | _moved(fresh.run_time, places),
        slot_waits=past.slot_waits | {(pool, place + places): w for (pool, place), w in fresh.slot_waits.items()},
        memory=past.memory | _moved(fresh.memory, places),
        cpu_seconds=past.cpu_seconds | _moved(fresh.cpu_seconds, places),
        scores=scores,
    )


def _moved(values: dict[int, Value], places: int) -> dict[int, Value]:
    return {place + places: value for place, value in values.items()}


def _lines(looked: Looked, steps: Steps) -> dict[str, Any]:
    """Of every step a value, in their order."""

    def line(values: Mapping[int, Any], nothing: Any = None) -> list[Any]:
        return [values.get(place, nothing) for place in range(steps.places)]

    def spreads(found: dict[int, Spread]) -> dict[str, list[Any]]:
        return {
            name: line({place: getattr(spread, name) for place, spread in found.items()})
            for name in ("p50", "p95", "most")
        }

    def by_state(found: dict[tuple[int, str], int]) -> dict[str, list[int]]:
        states = sorted({state for _, state in found})
        return {s: line({place: n for (place, state), n in found.items() if state == s}, 0) for s in states}

    pools = _most_used(looked.slot_waits)
    scores = sorted(looked.scores.items(), key=lambda each: (-len(each[1]), each[0]))
    return {
        "tasks": by_state(looked.tasks),
        "runs": by_state(looked.runs),
        "task_start": spreads(looked.task_start),
        "run_start": spreads(looked.run_start),
        "run_time": spreads(looked.run_time),
        "slot_waits": [
            {
                "pool": pool,
                "count": count,
                "p95": line({place: spread.p95 for (name, place), spread in looked.slot_waits.items() if name == pool}),
            }
            for pool, count in pools[:MOST_LINES]
        ],
        "pools": len(pools),
        "scores": [_score_line(steps, *key, points, line) for key, points in scores[:MOST_LINES]],
        "score_lines": len(scores),
        "memory": spreads(looked.memory),
        "cpu_seconds": line(looked.cpu_seconds),
    }


def _most_used(waits: dict[tuple[str, int], Spread]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for (pool, _), spread in waits.items():
        counts[pool] = counts.get(pool, 0) + spread.count
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _scored(rows: Iterable[Row]) -> dict[tuple[str, str], list[Scored]]:
    found: dict[tuple[str, str], list[Scored]] = {}
    for row in rows:
        if (score := score_in(row["value"])) is not None:
            found.setdefault((row["dag_id"], row["task_id"]), []).append((row["at"], score))
    return found


def score_in(value: bytes) -> float | None:
    """The score that a check of data has left; None where a value is anything else."""
    try:
        said = json.loads(value)
    except ValueError:
        return None
    if not isinstance(said, dict) or not VERDICTS & said.keys():
        return None
    score = said.get("score")
    if not isinstance(score, int | float) or isinstance(score, bool):
        return None
    return float(score) if 0 <= score <= 100 else None


def _score_line(steps: Steps, dag_id: str, task_id: str, points: list[Scored], line: Any) -> dict[str, Any]:
    lowest: dict[int, float] = {}
    for at, score in points:
        place = (at - steps.start) // steps.step
        lowest[place] = min(score, lowest.get(place, score))
    newest_at, newest = max(points)
    return {
        "dag_id": dag_id, "task_id": task_id, "lowest": line(lowest), "newest": newest, "newest_at": newest_at,
    }  # fmt: skip


def _machines(call: Call, steps: Steps) -> dict[str, Any]:
    if not call.caller.may(READ_SYSTEM):
        return {"machines": [], "workers": 0}
    now_us = present()
    return call.installation.recent.of(("machines", steps), now_us, lambda: _machine_lines(call, steps))


def _machine_lines(call: Call, steps: Steps) -> dict[str, Any]:
    with call.reading() as connection:
        rows = reading.machines(connection, Window(steps.start, steps.step, call.scope))
    found: dict[str, dict[int, Row]] = {}
    for row in rows:
        found.setdefault(row["worker"], {})[row["place"]] = row
    fullest = sorted(found, key=lambda worker: (-max(row["memory"] for row in found[worker].values()), worker))
    return {
        "machines": [
            {
                "worker": worker,
                **{
                    name: [found[worker].get(place, {}).get(name) for place in range(steps.places)]
                    for name in ("cpu", "memory", "disk")
                },
            }
            for worker in fullest[:MOST_LINES]
        ],
        "workers": len(found),
    }


def _resources(call: Call) -> dict[str, Any]:
    if not call.caller.may(READ_SYSTEM):
        return {"agents": None, "machine": None}
    sample = machine_readings(call.settings.home).read()
    status = asked(call, "status")
    return {
        "machine": {
            "cpus": os.cpu_count() or 1,
            "load": sample.load_1m,
            "memory_used": sample.memory_used_bytes,
            "memory_size": sample.memory_total_bytes,
            "disk_used": sample.disk_percent / 100,
        },
        "agents": _agents(status) if status else None,
    }


def _agents(status: dict[str, Any]) -> dict[str, int]:
    here = [agent for agent in status["agents"] if agent["connected"]]
    return {
        "here": len(here),
        "used": sum(agent["used"] for agent in here),
        "capacity": sum(agent["capacity"] for agent in here),
        "task_bytes": sum(now_bytes for now_bytes, _, _ in status["usage"].values()),
    }
