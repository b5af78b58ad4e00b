"""A Dag's page: its head, and its grid of runs by tasks."""

from __future__ import annotations

import base64
import time
from itertools import takewhile
from typing import Annotated, Any

from fastapi import Query

from tradewind.api.models import Answer
from tradewind.api.public.task_shapes import TRY_STATES
from tradewind.api.routing import UI, Asked, Routes
from tradewind.api.task_log import read_log
from tradewind.api.ui.rows import grid_rows
from tradewind.api.ui.task_asked import task_asked
from tradewind.api.why import Reason, asked_why, unknown_why
from tradewind.core.access import Action, Need, Resource
from tradewind.core.dag import DagSpec
from tradewind.core.errors import DagNotFound, TradewindError
from tradewind.store.reading.dags import dag_named
from tradewind.store.reading.grid import PACKED, ended_states, packed, run_rows
from tradewind.wire.log_files import log_path

routes = Routes("UI", prefix=f"{UI}/dags/{{dag_id}}")
TAIL = 20
"""Lines of a log that a panel shows."""


class GridRow(Answer):
    """A task or a group of tasks, in the order in which a person reads the Dag."""

    id: str
    label: str
    depth: int
    is_group: bool
    tasks: list[int]
    """Of a group: the tasks inside, by their place among the tasks."""


class GridRun(Answer):
    number: int
    run_id: str
    run_type: str
    state: str
    run_after: int
    logical_date: int | None
    interval_start: int | None
    interval_end: int | None
    queued_at: int | None
    start: int | None
    end: int | None
    version: str


class DagHead(Answer):
    dag_id: str
    display_name: str
    description: str | None
    owners: list[str]
    tags: list[str]
    schedule: str
    is_paused: bool
    next_run_after: int | None
    file: str
    version: str
    has_import_errors: bool
    may_edit: bool
    may_run: bool
    last_state: str | None
    """Of the newest run that is over."""
    failed_in_a_row: int
    """How many of the newest runs that are over failed, up to 100."""
    now: int


class Grid(Answer):
    dag_id: str
    schedule: str
    tasks: list[str]
    rows: list[GridRow]
    runs: list[GridRun]
    states: str
    """Base64 of one byte for each run (oldest first) and task: a state's number; 255 where the run has no such task."""
    mapped: dict[str, dict[str, int]]
    """By run and task: how many instances, where these are not one."""
    now: int


@routes.get("/head", Resource.DAG, response_model=DagHead)
def dag_head(call: Asked, dag_id: str) -> dict[str, Any]:
    """What stands above every view of a Dag."""
    with call.reading() as connection:
        row = dag_named(connection, dag_id)
        if row is None:
            raise DagNotFound(dag_id)
        spec = call.spec(connection, row["version"])
        ended = ended_states(connection, dag_id, most=100)
    return {
        **_head(call, row, spec),
        "last_state": ended[0] if ended else None,
        "failed_in_a_row": sum(1 for _ in takewhile(lambda state: state == "failed", ended)),
        "now": time.time_ns() // 1000,
    }


@routes.get("/grid", Resource.DAG, response_model=Grid, packed=True)
def dag_grid(
    call: Asked,
    dag_id: str,
    runs: Annotated[int, Query(ge=1, le=365)] = 50,
    before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
) -> dict[str, Any]:
    """The newest runs by the tasks that they have."""
    with call.reading() as connection:
        row = dag_named(connection, dag_id)
        if row is None:
            raise DagNotFound(dag_id)
        spec = call.spec(connection, row["version"])
        columns = call.installation.columns.of(connection, run_rows(connection, dag_id, runs, before))
    task_ids = list(spec.tasks)
    known = set(task_ids)
    there = {column.tasks.task_ids for column in columns}
    task_ids += sorted({task_id for ids in there for task_id in ids} - known)
    return {
        "dag_id": dag_id,
        "schedule": row["timetable_summary"],
        "tasks": task_ids,
        "rows": grid_rows(spec, task_ids),
        "runs": [_run(column.row) for column in columns],
        "states": base64.b64encode(packed(columns, task_ids)).decode("ascii"),
        "mapped": {str(column.row["number"]): column.tasks.several for column in columns if column.tasks.several},
        "now": time.time_ns() // 1000,
    }


def _head(call: Asked, row: dict[str, Any], spec: DagSpec) -> dict[str, Any]:
    return {
        "dag_id": row["dag_id"],
        "display_name": spec.display_name or row["dag_id"],
        "description": spec.description,
        "owners": list(spec.owners),
        "tags": list(spec.tags),
        "schedule": row["timetable_summary"],
        "is_paused": row["is_paused"],
        "next_run_after": row["next_run_after"],
        "file": row["file"],
        "version": row["version"],
        "has_import_errors": row["has_import_errors"],
        "may_edit": bool(call.scope_of(Need(Action.EDIT, Resource.DAG))),
        "may_run": bool(call.scope_of(Need(Action.CREATE, Resource.RUN))),
    }


def _run(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": row["number"],
        "run_id": row["run_id"],
        "run_type": row["run_type"],
        "state": row["state"],
        "run_after": row["run_after"],
        "logical_date": row["logical_date"],
        "interval_start": row["data_interval_start"],
        "interval_end": row["data_interval_end"],
        "queued_at": row["queued_at"],
        "start": row["start_date"],
        "end": row["end_date"],
        "version": row["version"],
    }


# --- one task instance --------------------------------------------------------------------------------------------


class Try(Answer):
    number: int
    state: str
    start: int | None
    end: int | None
    reason: str
    worker: str
    cpu_seconds: float | None
    peak_bytes: int | None


class Line(Answer):
    t: str
    level: str
    text: str
    source: str
    trace: str


class TaskPanel(Answer):
    """What a reader wants to know of a task instance, in this order: what, why, tries, last lines."""

    run_id: str
    task_id: str
    map_index: int
    instances: int
    state: str
    reason: str
    operator: str
    try_number: int
    max_tries: int
    start: int | None
    end: int | None
    not_before: int | None
    why: list[Reason]
    tries: list[Try]
    tail: list[Line]
    states: list[str]
    now: int


@routes.get("/task", Resource.TASK, response_model=TaskPanel)
def task_panel(
    call: Asked, dag_id: str, run_id: str, task_id: str, map_index: Annotated[int | None, Query(ge=-1)] = None
) -> dict[str, Any]:
    """One task instance; without an index the first one of a mapped task."""
    with call.reading() as connection:
        asked = task_asked(call, connection, dag_id, run_id, task_id, map_index)
        task, spec = asked.task, call.spec(connection, asked.run["version"])
    is_over = task["state"] in ("success", "failed", "skipped", "upstream_failed", "removed")
    operator = spec.tasks[task_id].operator if task_id in spec.tasks else ""
    return {
        "run_id": run_id,
        "task_id": task_id,
        "map_index": task["map_index"],
        "instances": asked.count,
        "state": task["state"],
        "reason": task["reason"],
        "operator": operator,
        "try_number": task["try_number"],
        "max_tries": task["max_tries"],
        "start": task["start_date"],
        "end": task["end_date"],
        "not_before": task["not_before"],
        "why": [] if is_over else why_waiting(call, dag_id, run_id, task_id, task["map_index"]),
        "tries": [try_shown(each) for each in asked.tries],
        "tail": _tail(call, dag_id, run_id, task) if asked.may(Action.READ, Resource.LOG) else [],
        "states": list(PACKED),
        "now": time.time_ns() // 1000,
    }


def why_waiting(call: Asked, dag_id: str, run_id: str, task_id: str, map_index: int) -> list[dict[str, Any]]:
    """Why a task instance does not run, as the scheduler says it."""
    try:
        reasons = asked_why(call, dag_id, run_id=run_id, task_id=task_id)
    except TradewindError as error:
        return [unknown_why(error)]
    return [
        {name: each[name] for name in ("code", "sentence", "parts")}
        for each in reasons
        if each["map_index"] in (-1, map_index)
    ]


def try_shown(row: dict[str, Any]) -> dict[str, Any]:
    """An attempt as the web UI shows a try."""
    return {
        "number": row["try_number"],
        "state": TRY_STATES.get(row["state"], row["state"]),
        "start": row["started_at"],
        "end": row["ended_at"],
        "reason": row["reason"],
        "worker": row["worker"],
        "cpu_seconds": row["cpu_seconds"],
        "peak_bytes": row["peak_bytes"],
    }


def _tail(call: Asked, dag_id: str, run_id: str, task: dict[str, Any]) -> list[dict[str, str]]:
    root = call.settings.logging.base_log_folder
    path = log_path(root, dag_id, run_id, task["task_id"], task["map_index"], task["try_number"])
    return [log_line(line) for line in read_log(path).lines[-TAIL:]]


def log_line(line: Any) -> dict[str, str]:
    """A line of a log as the web UI shows it."""
    text = line.m if line.event != "exit" else line.m or line.reason
    return {"t": line.t, "level": line.l, "text": text, "source": line.n, "trace": line.x}
