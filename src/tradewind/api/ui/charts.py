"""The page of charts: how much ended, how well, how soon and how long, what data were worth, and what it cost."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

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
from tradewind.store.reading import charts as reading
from tradewind.store.reading.charts import Spread, Window, dense
from tradewind.store.reading.dags import dag_named

routes = Routes("UI", prefix=UI)

MINUTE = 60 * 1_000_000
WINDOWS = {"1h": (60, MINUTE), "6h": (72, 5 * MINUTE), "24h": (96, 15 * MINUTE), "7d": (168, 60 * MINUTE)}
"""How many steps a window has, and how long each is."""
Span = Literal["1h", "6h", "24h", "7d"]
READ_XCOM = Need(Action.READ, Resource.XCOM)
MOST_LINES = 6
"""Pools and quality scores of which there are lines; those with the most values."""
VERDICTS = frozenset({"broken", "checks", "failed", "rejected", "scores"})
"""What a value has beside its `score` when it comes from a check of data; a model's score has none of it."""
_gate = re.compile(re.escape(reading.GATE_SAYS) + r"(\d+(?:\.\d+)?) of 100 and ")


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
    agents: Agents | None
    machine: Machine | None
    """None for whoever may not read the system, or where nobody answers."""


@routes.get("/charts", Resource.TASK, response_model=Charts, packed=True)
def charts(call: Asked, window: Span = "24h", dag_id: Annotated[str | None, Query(max_length=250)] = None) -> Any:
    """How it fared in the last hours or days, of all Dags or of one."""
    now_us = present()
    if dag_id is not None:
        call.permit(dag_id)
    places, step = WINDOWS[window]
    start = (now_us // step + 1 - places) * step
    scopes = call.scope, call.scope_of(READ_RUN), call.scope_of(READ_XCOM)
    key = "charts", *scopes, dag_id, start, step
    # Many may look at it at once, and a busy week has some hundred thousand tasks.
    recent, heard = call.installation.recent, seen_by_now(call)
    told = recent.of(key, now_us, lambda: _told(call, start, step, places, dag_id, scopes), heard)
    old_at = recent.old_at(key, heard) or now_us + HOUR
    return {"now": now_us, "fresh_until": max(now_us, old_at), **told, **_resources(call)}


def _told(
    call: Call, start: int, step: int, places: int, dag_id: str | None, scopes: tuple[DagScope, DagScope, DagScope]
) -> dict[str, Any]:
    tasks, runs, xcoms = scopes
    with call.reading() as connection:
        if dag_id is not None and dag_named(connection, dag_id) is None:
            raise DagNotFound(dag_id)
        window = reading.whole_part(connection, Window(start, step, tasks, dag_id))
        skipped = (window.start_us - start) // step
        of_runs = Window(window.start_us, step, runs, dag_id)
        of_values = Window(window.start_us, step, xcoms, dag_id)
        counted = places - skipped

        def line(values: Mapping[int, Any], nothing: Any = None) -> list[Any]:
            return [nothing] * skipped + list(dense(dict(values), counted, nothing=nothing))

        def spreads(found: dict[int, Spread]) -> dict[str, list[Any]]:
            return {
                name: line({place: getattr(spread, name) for place, spread in found.items()})
                for name in ("p50", "p95", "most")
            }

        def by_state(found: dict[tuple[int, str], int]) -> dict[str, list[int]]:
            states = sorted({state for _, state in found})
            return {s: line({place: n for (place, state), n in found.items() if state == s}, 0) for s in states}

        waits = reading.slot_waits(connection, window)
        pools = _most_used(waits)
        scores = _scores(connection, window, of_values)
        return {
            "start": start,
            "step": step,
            "places": places,
            "skipped": skipped,
            "tasks": by_state(reading.tasks_ended(connection, window)),
            "runs": by_state(reading.runs_ended(connection, of_runs)),
            "task_start": spreads(reading.task_starts(connection, window)),
            "run_start": spreads(reading.run_starts(connection, of_runs)),
            "run_time": spreads(reading.run_times(connection, of_runs)),
            "slot_waits": [
                {
                    "pool": pool,
                    "count": count,
                    "p95": line({place: spread.p95 for (name, place), spread in waits.items() if name == pool}),
                }
                for pool, count in pools[:MOST_LINES]
            ],
            "pools": len(pools),
            "scores": [_score_line(window, *each, line) for each in scores[:MOST_LINES]],
            "score_lines": len(scores),
            "may_see_scores": bool(xcoms),
            "memory": spreads(reading.peak_memory(connection, window)),
            "cpu_seconds": line(reading.cpu_time(connection, window)),
        }


def _most_used(waits: dict[tuple[str, int], Spread]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for (pool, _), spread in waits.items():
        counts[pool] = counts.get(pool, 0) + spread.count
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


Scored = tuple[int, float]


def _scores(connection: Connection, tasks: Window, values: Window) -> list[tuple[str, str, list[Scored]]]:
    """By Dag and task: the scores that it has given, with their moments. Those with the most of them first."""
    found: dict[tuple[str, str], list[Scored]] = {}
    if values.scope:
        _add(found, ((row, score_in(row["value"])) for row in reading.scores_left(connection, values)))
        _add(found, ((row, score_said(row["reason"])) for row in reading.gates_closed(connection, tasks)))
    return [(*key, points) for key, points in sorted(found.items(), key=lambda each: (-len(each[1]), each[0]))]


def _add(found: dict[tuple[str, str], list[Scored]], rows: Iterable[tuple[dict[str, Any], float | None]]) -> None:
    for row, score in rows:
        if score is not None:
            found.setdefault((row["dag_id"], row["task_id"]), []).append((row["at"], score))


def score_in(value: bytes) -> float | None:
    """The score that a check of data has left; None where a value is anything else."""
    try:
        said = json.loads(value)
    except ValueError:
        return None
    if not isinstance(said, dict) or not VERDICTS & said.keys():
        return None
    score = said.get("score")
    is_score = isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 100
    return float(score) if is_score else None


def score_said(reason: str) -> float | None:
    """The score for which a gate has stopped a task; None where it has stopped for something else."""
    found = _gate.search(reason)
    return float(found[1]) if found is not None else None


def _score_line(window: Window, dag_id: str, task_id: str, points: list[Scored], line: Any) -> dict[str, Any]:
    lowest: dict[int, float] = {}
    for at, score in points:
        place = (at - window.start_us) // window.step_us
        lowest[place] = min(score, lowest.get(place, score))
    newest_at, newest = max(points)
    return {
        "dag_id": dag_id, "task_id": task_id, "lowest": line(lowest), "newest": newest, "newest_at": newest_at,
    }  # fmt: skip


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
