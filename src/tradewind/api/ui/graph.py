"""A Dag as a graph: its tasks and groups as a version has them, and how a run of it fares."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import Query

from tradewind.api.errors import NotFound
from tradewind.api.models import Answer
from tradewind.api.routing import UI, Asked, Routes
from tradewind.core.access import Action, Need, Resource
from tradewind.core.dag import DagSpec, GroupSpec
from tradewind.core.errors import DagNotFound, RunNotFound
from tradewind.store.paging import Row
from tradewind.store.reading.dags import dag_named
from tradewind.store.reading.grid import most_telling
from tradewind.store.reading.run_tasks import newest_run, task_states
from tradewind.store.reading.runs import run_row
from tradewind.store.reading.versions import version_named, versions_by_id

routes = Routes("UI", prefix=f"{UI}/dags/{{dag_id}}")


class GraphTask(Answer):
    id: str
    label: str
    operator: str
    group: str | None
    is_mapped: bool
    trigger_rule: str
    pool: str
    upstream: list[str]


class GraphGroup(Answer):
    id: str
    label: str
    parent: str | None


class EdgeLabel(Answer):
    upstream: str
    downstream: str
    text: str


class DagGraph(Answer):
    dag_id: str
    version: str
    """Of the Dag; the same version is always the same graph."""
    number: int
    tasks: list[GraphTask]
    groups: list[GraphGroup]
    labels: list[EdgeLabel]


class TaskStates(Answer):
    """One task in a run."""

    state: str
    """The one that tells most about its instances."""
    counts: dict[str, int]
    """How many instances are in which state."""
    start: int | None
    end: int | None
    try_number: int


class RunStates(Answer):
    run_id: str
    number: int
    state: str
    run_type: str
    run_after: int
    logical_date: int | None
    queued_at: int | None
    start: int | None
    end: int | None
    version: int | None
    """The number of the Dag's version that the run goes by; None where it is not kept any more."""
    tasks: dict[str, TaskStates]
    now: int


@routes.get("/graph", Resource.DAG, response_model=DagGraph, packed=True)
def dag_graph(
    call: Asked, dag_id: str, version: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None
) -> dict[str, Any]:
    """The graph of a version, or of the one that the Dag goes by now."""
    with call.reading() as connection:
        if dag_named(connection, dag_id) is None:
            raise DagNotFound(dag_id)
        row = version_named(connection, dag_id, version)
        if row is None:
            raise NotFound(f"Dag {dag_id!r} has no version {version}; its versions page shows those that there are.")
        spec = call.spec(connection, row["id"])
    return {"dag_id": dag_id, "version": row["id"], "number": row["number"], **graph_of(spec)}


@routes.get("/run_states", Resource.TASK, response_model=RunStates | None, packed=True)
def run_states(call: Asked, dag_id: str, run_id: str | None = None) -> dict[str, Any] | None:
    """How the tasks of a run fare; without a name those of the newest run, and null while there is none."""
    call.permit(dag_id, Need(Action.READ, Resource.RUN))
    with call.reading() as connection:
        if dag_named(connection, dag_id) is None:
            raise DagNotFound(dag_id)
        run = run_row(connection, dag_id, run_id) if run_id is not None else newest_run(connection, dag_id)
        if run is None:
            if run_id is None:
                return None
            raise RunNotFound(dag_id, run_id)
        states = task_states(connection, run["number"])
        versions = versions_by_id(connection, [run["version"]])
    return {
        "run_id": run["run_id"],
        "number": run["number"],
        "state": run["state"],
        "run_type": run["run_type"],
        "run_after": run["run_after"],
        "logical_date": run["logical_date"],
        "queued_at": run["queued_at"],
        "start": run["start_date"],
        "end": run["end_date"],
        "version": versions[run["version"]]["number"] if run["version"] in versions else None,
        "tasks": {task_id: _states(rows) for task_id, rows in states.items()},
        "now": time.time_ns() // 1000,
    }


def graph_of(spec: DagSpec) -> dict[str, Any]:
    """Tasks in reading order, groups, and what is written on edges."""
    groups = {group.group_id: group for group in spec.groups if group.group_id}
    inner = _innermost(groups)
    return {
        "tasks": [
            {
                "id": task.task_id,
                "label": task.label or task.task_id.removeprefix(f"{inner.get(task.task_id)}."),
                "operator": task.operator,
                "group": inner.get(task.task_id),
                "is_mapped": task.map is not None,
                "trigger_rule": task.trigger_rule.value,
                "pool": task.pool,
                "upstream": list(task.upstream),
            }
            for task in spec.tasks.values()
        ],
        "groups": [
            {"id": group_id, "label": group.label or group_id.rpartition(".")[2], "parent": group.parent or None}
            for group_id, group in groups.items()
        ],
        "labels": [
            {"upstream": upstream, "downstream": downstream, "text": text}
            for upstream, downstream, text in spec.edge_labels
        ],
    }  # fmt: skip


def _innermost(groups: dict[str, GroupSpec]) -> dict[str, str]:
    """The group right around each task: of those that hold it the one with the most groups around it."""

    def depth(group_id: str) -> int:
        seen = [group_id]
        while (parent := groups[seen[-1]].parent) in groups and parent not in seen:
            seen.append(str(parent))
        return len(seen)

    return {
        task_id: group_id
        for group_id in sorted(groups, key=lambda group_id: (depth(group_id), group_id))
        for task_id in groups[group_id].task_ids
    }


def _states(rows: list[Row]) -> dict[str, Any]:
    ends = [row["end"] for row in rows]
    return {
        "state": most_telling(row["state"] for row in rows),
        "counts": {row["state"]: row["count"] for row in rows},
        "start": min((row["start"] for row in rows if row["start"] is not None), default=None),
        "end": max(ends) if all(end is not None for end in ends) else None,
        "try_number": max(row["try_number"] for row in rows),
    }
