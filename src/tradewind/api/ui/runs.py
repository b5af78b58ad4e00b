"""A run's page: its head, why it waits, and its tasks in time."""

from __future__ import annotations

import time
from typing import Any

from tradewind.api.models import Answer
from tradewind.api.routing import UI, Asked, Routes
from tradewind.api.ui.grid import GridRow
from tradewind.api.ui.rows import grid_rows
from tradewind.api.why import Reason, asked_why, unknown_why
from tradewind.core.access import Action, Need, Resource
from tradewind.core.errors import InvalidInput, RunNotFound, TradewindError
from tradewind.core.states import FINISHED, RUN_FINISHED
from tradewind.store.paging import Row
from tradewind.store.reading.dags import dag_named
from tradewind.store.reading.timelines import (
    Passed,
    failed_in_run,
    run_facts,
    states_of_run,
    tasks_passed,
    usual_duration,
)

routes = Routes("UI", prefix=f"{UI}/dags/{{dag_id}}/run")
MOST_SHOWN = 50
"""Instances of a mapped task that a timeline shows; of the others it says how many there are and when they ended."""
MOST_FAILED = 5_000
MOST_EXPLAINED = 500
"""Instances that are not over of which each is asked why; in a run with more, one speaks for all."""


class TaskName(Answer):
    task_id: str
    map_index: int


class RunHead(Answer):
    """What stands above every view of a run."""

    dag_id: str
    run_id: str
    display_name: str
    run_type: str
    state: str
    reason: str
    run_after: int
    logical_date: int | None
    interval_start: int | None
    interval_end: int | None
    queued_at: int | None
    start: int | None
    end: int | None
    usual: int | None
    """How long the last successful runs before it took, in the middle; in microseconds."""
    version: int | None
    is_newest_version: bool
    triggered_by: str
    user: str | None
    note: str
    conf: str
    """JSON as it is stored: what a number was given as is how it is shown."""
    partition_key: str | None
    clears: int
    states: dict[str, int]
    """How many task instances are in each state."""
    failed: list[TaskName]
    """Those that failed themselves, up to 5,000."""
    run_before: str | None
    run_after_it: str | None
    may_change: bool
    may_delete: bool
    may_run: bool
    now: int


@routes.get("", Resource.RUN, response_model=RunHead)
def run_head(call: Asked, dag_id: str, run_id: str) -> dict[str, Any]:
    """A run, and how its tasks stand."""
    with call.reading() as connection:
        row = run_facts(connection, dag_id, run_id)
        if row is None:
            raise RunNotFound(dag_id, run_id)
        dag = dag_named(connection, dag_id)
        states = states_of_run(connection, row["number"])
        failed = failed_in_run(connection, row["number"], MOST_FAILED) if "failed" in states else []
        usual = usual_duration(connection, dag_id, row["number"])
        name = call.spec(connection, dag["version"]).display_name if dag else None
    return {
        **_facts(row),
        "display_name": name or dag_id,
        "usual": usual,
        "is_newest_version": dag is not None and dag["version"] == row["version"],
        "states": states,
        "failed": failed,
        "may_change": bool(call.scope_of(Need(Action.EDIT, Resource.RUN))),
        "may_delete": bool(call.scope_of(Need(Action.DELETE, Resource.RUN))),
        "may_run": bool(call.scope_of(Need(Action.CREATE, Resource.RUN))),
        "now": time.time_ns() // 1000,
    }


def _facts(row: Row) -> dict[str, Any]:
    return {
        "dag_id": row["dag_id"],
        "run_id": row["run_id"],
        "run_type": row["run_type"],
        "state": row["state"],
        "reason": row["quarantine"] or row["reason"],
        "run_after": row["run_after"],
        "logical_date": row["logical_date"],
        "interval_start": row["data_interval_start"],
        "interval_end": row["data_interval_end"],
        "queued_at": row["queued_at"],
        "start": row["start_date"],
        "end": row["end_date"],
        "version": row["version_number"],
        "triggered_by": row["triggered_by"],
        "user": row["triggering_user"],
        "note": row["note"] or "",
        "conf": row["conf"],
        "partition_key": row["partition_key"],
        "clears": row["clear_number"],
        "run_before": row["run_before"],
        "run_after_it": row["run_after_it"],
    }


# --- why it waits ------------------------------------------------------------------------------------------------


class RunReason(Reason):
    """A reason, and the tasks that have it."""

    tasks: list[str]
    """Ids of tasks, each once; empty where the reason is the run's own."""
    count: int
    """How many task instances."""


class RunWhy(Answer):
    reasons: list[RunReason]


@routes.get("/why", Resource.RUN, response_model=RunWhy)
def run_why(call: Asked, dag_id: str, run_id: str) -> dict[str, Any]:
    """Why the tasks of a run that are not over are not; what several have in common is said once."""
    with call.reading() as connection:
        row = run_facts(connection, dag_id, run_id)
        if row is None:
            raise RunNotFound(dag_id, run_id)
        states = states_of_run(connection, row["number"])
        first = _first_open(tasks_passed(connection, row["number"], most=1))
    if row["state"] in RUN_FINISHED:
        return {"reasons": []}
    some = first if sum(states.values()) > MOST_EXPLAINED or row["state"] == "queued" else None
    try:
        said = asked_why(call, dag_id, run_id=run_id, task_id=some)
    except TradewindError as error:
        return {"reasons": [{**unknown_why(error), "tasks": [], "count": 0}]}
    return {"reasons": _together(said, of_run=row["state"] == "queued")}


def _first_open(tasks: dict[str, Passed]) -> str | None:
    return next((task_id for task_id, passed in tasks.items() if set(passed.states) - FINISHED), None)


def _together(said: list[dict[str, Any]], *, of_run: bool) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for each in said:
        reason = found.setdefault(
            (each["code"], each["sentence"]),
            {**{name: each[name] for name in ("code", "sentence", "parts")}, "tasks": {}, "count": 0},
        )
        reason["count"] += 1
        if each["task"] and not of_run:
            reason["tasks"][each["task"]] = None
    return [{**reason, "tasks": list(reason["tasks"])} for reason in found.values()]


# --- its tasks in time -------------------------------------------------------------------------------------------


class TimedTry(Answer):
    """One try. It was given to its worker, began, and ended; what has not happened yet is null."""

    number: int
    state: str
    assigned: int | None
    start: int | None
    end: int | None
    reason: str
    worker: str


class TimedInstance(Answer):
    map_index: int
    label: str
    """What a mapped instance is called, where its task says so."""
    state: str
    scheduled: int | None
    """When it could have begun, of its newest try."""
    queued: int | None
    start: int | None
    end: int | None
    not_before: int | None
    reason: str
    tries: list[TimedTry]


class TimedTask(Answer):
    task_id: str
    states: dict[str, int]
    """How many instances are in each state."""
    start: int | None
    end: int | None
    instances: list[TimedInstance]
    """At most 50: those that failed, that are not over, and that ended last."""
    upstream: list[int]
    """Tasks that it waits for, by their place among the tasks."""


class RunTimeline(Answer):
    dag_id: str
    run_id: str
    state: str
    start: int | None
    end: int | None
    tasks: list[TimedTask]
    rows: list[GridRow]
    now: int


@routes.get("/timeline", Resource.TASK, response_model=RunTimeline, packed=True)
def run_timeline(call: Asked, dag_id: str, run_id: str) -> dict[str, Any]:
    """The tasks of a run with all that happened to them, and what each waits for by the run's version of the Dag."""
    with call.reading() as connection:
        row = run_facts(connection, dag_id, run_id)
        if row is None:
            raise RunNotFound(dag_id, run_id)
        passed = tasks_passed(connection, row["number"], MOST_SHOWN)
        try:
            spec = call.spec(connection, row["version"])
        except InvalidInput:  # a version that cannot be read any more leaves what happened
            spec = None
    task_ids = [task_id for task_id in spec.tasks if task_id in passed] if spec else []
    task_ids += sorted(passed.keys() - set(task_ids))
    places = {task_id: place for place, task_id in enumerate(task_ids)}
    upstream = {task_id: spec.tasks[task_id].upstream for task_id in task_ids if spec and task_id in spec.tasks}
    return {
        "dag_id": dag_id,
        "run_id": run_id,
        "state": row["state"],
        "start": row["start_date"],
        "end": row["end_date"],
        "tasks": [
            _timed(task_id, passed[task_id], [places[up] for up in upstream.get(task_id, ()) if up in places])
            for task_id in task_ids
        ],
        "rows": grid_rows(spec, task_ids) if spec else _plain(task_ids),
        "now": time.time_ns() // 1000,
    }


def _plain(task_ids: list[str]) -> list[dict[str, Any]]:
    return [
        {"id": task_id, "label": task_id, "depth": 0, "is_group": False, "tasks": [place]}
        for place, task_id in enumerate(task_ids)
    ]


def _timed(task_id: str, passed: Passed, upstream: list[int]) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "states": passed.states,
        "start": passed.start,
        "end": passed.end,
        "instances": [
            {
                "map_index": row["map_index"],
                "label": row["rendered_map_index"] or "",
                "state": row["state"],
                "scheduled": row["scheduled_at"],
                "queued": row["queued_at"],
                "start": row["start_date"],
                "end": row["end_date"],
                "not_before": row["not_before"],
                "reason": row["reason"],
                "tries": [
                    {
                        "number": each["try_number"],
                        "state": each["state"],
                        "assigned": each["assigned_at"],
                        "start": each["started_at"],
                        "end": each["ended_at"],
                        "reason": each["reason"],
                        "worker": each["worker"],
                    }
                    for each in row["tries"]
                ],
            }
            for row in passed.shown
        ],
        "upstream": upstream,
    }
