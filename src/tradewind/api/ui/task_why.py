"""Why a task instance waits or failed: what holds it, how it ended, and what is other than when it last succeeded."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Connection

from tradewind.api.components import asked
from tradewind.api.log_view import ALL
from tradewind.api.models import Answer
from tradewind.api.routing import UI, Asked, Routes
from tradewind.api.ui.grid import TAIL, why_waiting
from tradewind.api.ui.logs import LogRow
from tradewind.api.ui.task_asked import task_asked
from tradewind.api.why import Reason
from tradewind.core.access import Action, Resource
from tradewind.core.dag import DagSpec
from tradewind.core.soundness import MOST
from tradewind.core.states import FINISHED, TaskState
from tradewind.store.paging import Row
from tradewind.store.reading.instances import last_success, tries_of
from tradewind.store.reading.versions import versions_by_id

routes = Routes("UI", prefix=f"{UI}/dags/{{dag_id}}")

MOST_VALUE = 2000
"""Characters of a param's value."""


class Took(Answer):
    """What one try was, and what it took."""

    run_id: str
    run_after: int
    logical_date: int | None
    try_number: int
    version: int | None
    worker: str
    start: int | None
    end: int | None
    cpu_seconds: float | None
    peak_bytes: int | None


class ParamChange(Answer):
    """A param, as JSON; null where the run had no such param."""

    name: str
    before: str | None
    now: str | None


class Changes(Answer):
    """What is other in this run than in the one where the task last succeeded."""

    last: Took
    task_changed: bool | None
    """Whether the task has other settings in the version of this run (its code is not looked into); null where the old
    version had no such task."""
    params: list[ParamChange] | None
    """Null for those who may not read runs."""


class Usage(Answer):
    """What a try that runs takes now, as its worker last said."""

    now_bytes: int
    peak_bytes: int
    cpu_seconds: float


class TaskWhy(Answer):
    state: str
    reason: str
    """How it ended."""
    why: list[Reason]
    """What holds it, while it has not ended."""
    tail: list[LogRow] | None
    """The last lines of its log, where it failed; null for those who may not read it."""
    present: Took | None
    """Its last try."""
    usage: Usage | None
    changes: Changes | None
    """Where it failed and has succeeded before."""
    now: int


@routes.get("/task/why", Resource.TASK, response_model=TaskWhy)
def task_why(
    call: Asked,
    dag_id: str,
    run_id: Annotated[str, Query(max_length=250)],
    task_id: Annotated[str, Query(max_length=250)],
    map_index: Annotated[int | None, Query(ge=-1, le=MOST)] = None,
) -> dict[str, Any]:
    """One task instance; without an index the first one of a mapped task."""
    with call.reading() as connection:
        about = task_asked(call, connection, dag_id, run_id, task_id, map_index)
        run, task, tries = about.run, about.task, about.tries
        may_read_runs = about.may(Action.READ, Resource.RUN)
        before = last_success(connection, run, task_id, task["map_index"]) if about.went_wrong else None
        present = _took(connection, run, tries[-1]) if tries else None
        changes = _changes(call, connection, run, before, task_id, with_params=may_read_runs) if before else None
    return {
        "state": task["state"],
        "reason": task["reason"],
        "why": [] if task["state"] in FINISHED else why_waiting(call, dag_id, run_id, task_id, task["map_index"]),
        "tail": about.last_rows(TAIL, ALL) if about.may(Action.READ, Resource.LOG) else None,
        "present": present,
        "usage": _usage(call, tries[-1]["id"]) if task["state"] == TaskState.RUNNING and tries else None,
        "changes": changes,
        "now": time.time_ns() // 1000,
    }


def _took(connection: Connection, run: Row, attempt: Row) -> dict[str, Any]:
    version = versions_by_id(connection, [run["version"]]).get(run["version"])
    return {
        **{name: run[name] for name in ("run_id", "run_after", "logical_date")},
        **{name: attempt[name] for name in ("try_number", "worker", "cpu_seconds", "peak_bytes")},
        "start": attempt["started_at"],
        "end": attempt["ended_at"],
        "version": version["number"] if version else None,
    }


def _changes(
    call: Asked, connection: Connection, run: Row, before: tuple[Row, Row], task_id: str, *, with_params: bool
) -> dict[str, Any] | None:
    old_run, old_task = before
    tries = tries_of(connection, old_run["number"], task_id, old_task["map_index"])
    if not tries:
        return None  # it was marked as a success, and nothing ran
    new, old = (call.spec(connection, each["version"]) for each in (run, old_run))
    mine, its = new.tasks.get(task_id), old.tasks.get(task_id)
    return {
        "last": _took(connection, old_run, tries[-1]),
        "task_changed": None if its is None else mine != its,
        "params": _params_changed(_params(old, old_run), _params(new, run)) if with_params else None,
    }


def _params(spec: DagSpec, run: Row) -> dict[str, str]:
    """The values that a run goes by, as JSON: what its conf says, over what the Dag has."""
    try:
        conf = json.loads(run["conf"])
    except ValueError:
        conf = {}
    values = {name: param.get("value") if isinstance(param, dict) else param for name, param in spec.params.items()}
    values |= conf if isinstance(conf, dict) else {}
    return {name: json.dumps(value, ensure_ascii=False, sort_keys=True) for name, value in values.items()}


def _params_changed(before: dict[str, str], now: dict[str, str]) -> list[dict[str, str | None]]:
    names = dict.fromkeys((*now, *before))
    return [
        {"name": name, "before": _short(before.get(name)), "now": _short(now.get(name))}
        for name in names
        if before.get(name) != now.get(name)
    ]


def _short(value: str | None) -> str | None:
    return value if value is None or len(value) <= MOST_VALUE else f"{value[:MOST_VALUE]}…"


def _usage(call: Asked, attempt: str) -> dict[str, Any] | None:
    """Of an attempt that runs; none in its first second, and none while no scheduler answers."""
    status = asked(call, "status")
    usage = status["usage"].get(attempt) if status else None
    return None if usage is None else dict(zip(("now_bytes", "peak_bytes", "cpu_seconds"), usage, strict=True))
