"""The processes of an installation: workers with what they run, and the scheduler with what it is made of."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.api.components import asked, is_beating
from tradewind.api.models import Answer
from tradewind.api.public.import_errors import error_scopes
from tradewind.api.routing import UI, Asked, Routes
from tradewind.api.why import READ_TASK
from tradewind.core.access import Resource
from tradewind.store.reading.import_errors import import_errors_known
from tradewind.store.reading.scope import ids_among
from tradewind.store.reading.system import active_attempts, deferred_waits, files_parsed, known_workers, owner_row
from tradewind.store.times import to_us

routes = Routes("UI", prefix=UI)
MOST_ATTEMPTS, MOST_FILES = 500, 500


class RunningTask(Answer):
    """What holds slots of a worker. Where the caller may not see its Dag, ids are empty."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    state: str
    since: int | None
    pool: str
    slots: int
    now_bytes: int | None
    peak_bytes: int | None
    cpu_seconds: float | None
    waits_for_bytes: int | None
    """Its worker holds it back until so much memory is free."""


class WorkerRow(Answer):
    name: str
    state: str
    """running, silent (connected, and late with its beats), draining, or away."""
    version: int
    """Its epoch: how often an agent of this name has joined."""
    instance: str
    pid: int
    joined_at: int
    beat_age_seconds: float | None
    queues: list[str]
    capacity: int
    used: int
    held_back: int
    tasks: list[RunningTask]


class Workers(Answer):
    now: int
    is_scheduler_away: bool
    workers: list[WorkerRow]
    is_all: bool
    """False: more runs than what is shown."""


class ParsedFile(Answer):
    file: str
    parsed_at: int
    seconds: float
    dags: int
    isolation: str
    isolation_reason: str
    is_broken: bool


class Owner(Answer):
    """Who decides, and figures since it began; None in `Scheduler` while nobody answers."""

    holder: str
    epoch: int
    started_at: int
    turns: int
    inputs: int
    statements: int
    busy_us: int
    backlog: int
    outbox_bytes: int
    timers: int
    dags: int
    live_runs: int
    active_attempts: int
    ready_tasks: int
    deferred_tasks: int
    watchers: int
    database_away: bool
    set_aside: list[str]


class Waiter(Answer):
    """Deferred tasks by the trigger that they wait for."""

    classpath: str
    count: int
    since: int | None


class SchedulerPage(Answer):
    now: int
    holder: str
    """Who has or had the lease last."""
    epoch: int
    owner: Owner | None
    triggers: list[Waiter]
    files_known: int | None
    files_parsing: int | None
    files: list[ParsedFile]
    """Slowest first."""
    files_total: int


@routes.get("/workers", Resource.SYSTEM, response_model=Workers)
def workers(call: Asked) -> dict[str, Any]:
    """Every worker that was ever here, with what it runs."""
    status = asked(call, "status")
    agents = {agent["name"]: agent for agent in status["agents"]} if status else {}
    usage = status["usage"] if status else {}
    with call.reading() as connection:
        rows = known_workers(connection)
        attempts = active_attempts(connection, MOST_ATTEMPTS + 1)
        hidden = _hidden(call, connection, attempts)
    by_worker: dict[str, list[dict[str, Any]]] = {}
    held = {attempt: needs for agent in agents.values() for attempt, needs, _ in agent["held_back"]}
    for attempt in attempts[:MOST_ATTEMPTS]:
        shown = _attempt(attempt, usage.get(attempt["id"]), held.get(attempt["id"]))
        if attempt["dag_id"] in hidden:
            shown |= {"dag_id": "", "run_id": "", "task_id": "", "pool": ""}
        by_worker.setdefault(attempt["worker"], []).append(shown)
    return {
        "now": time.time_ns() // 1000,
        "is_scheduler_away": status is None,
        "workers": [_worker(row, agents.get(row["name"]), by_worker.get(row["name"], [])) for row in rows],
        "is_all": len(attempts) <= MOST_ATTEMPTS,
    }


def _hidden(call: Call, connection: Connection, attempts: list[dict[str, Any]]) -> set[str]:
    scope = call.scope_of(READ_TASK)
    dag_ids = {attempt["dag_id"] for attempt in attempts}
    return set() if scope.everything else dag_ids - ids_among(connection, scope, dag_ids)


def _worker(row: dict[str, Any], agent: dict[str, Any] | None, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": row["name"],
        "state": _state(agent),
        "version": row["epoch"],
        "instance": row["instance"],
        "pid": row["pid"],
        "joined_at": row["joined_at"],
        "beat_age_seconds": agent["beat_age_seconds"] if agent else None,
        "queues": json.loads(row["queues"]),
        "capacity": row["capacity"],
        "used": agent["used"] if agent else 0,
        "held_back": len(agent["held_back"]) if agent else 0,
        "tasks": tasks,
    }


def _state(agent: dict[str, Any] | None) -> str:
    if agent is None or not agent["connected"]:
        return "away"
    if agent["draining"]:
        return "draining"
    return "running" if is_beating(agent) else "silent"


def _attempt(row: dict[str, Any], usage: list[Any] | None, needs: int | None) -> dict[str, Any]:
    now_bytes, peak, cpu = usage or (None, None, None)
    same = ("dag_id", "run_id", "task_id", "map_index", "try_number", "state", "pool")
    return {
        **{name: row[name] for name in same},
        "since": row["started_at"] or row["assigned_at"],
        "slots": row["pool_slots"],
        "now_bytes": now_bytes,
        "peak_bytes": peak,
        "cpu_seconds": cpu,
        "waits_for_bytes": needs,
    }


@routes.get("/scheduler", Resource.SYSTEM, response_model=SchedulerPage)
def scheduler(call: Asked) -> dict[str, Any]:
    """The owner loop, triggers and Dag files."""
    status = asked(call, "status")
    with call.reading() as connection:
        holder, epoch = owner_row(connection)
        triggers = deferred_waits(connection, call.scope_of(READ_TASK))
        files = files_parsed(connection, error_scopes(call)[1], MOST_FILES)
        broken = {row["file"] for row in import_errors_known(connection, error_scopes(call))}
    return {
        "now": time.time_ns() // 1000,
        "holder": holder,
        "epoch": epoch,
        "owner": _owner(status["scheduler"], call.scope_of(READ_TASK).everything) if status else None,
        "triggers": triggers,
        "files_known": status["dag_processor"]["files"] if status else None,
        "files_parsing": status["dag_processor"]["parsing"] if status else None,
        "files": [_file(row, broken) for row in files.rows],
        "files_total": files.total or 0,
    }


def _owner(figures: dict[str, Any], sees_everything: bool) -> dict[str, Any]:
    """What is set aside is said with names of Dags: to those who may see them all."""
    at = to_us(datetime.fromisoformat(figures["started_at"]))
    reasons = figures["set_aside"] if sees_everything else ["" for _ in figures["set_aside"]]
    return {**figures, "started_at": at, "set_aside": reasons}


def _file(row: dict[str, Any], broken: set[str]) -> dict[str, Any]:
    same = ("file", "parsed_at", "seconds", "isolation", "isolation_reason")
    dags = len(json.loads(row["dag_ids"]))
    return {**{name: row[name] for name in same}, "dags": dags, "is_broken": row["file"] in broken}
