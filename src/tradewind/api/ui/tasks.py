"""The page of one task instance: what it is, how it fares, why it waits, its tries, and its kin in the same task."""

from __future__ import annotations

import time
from collections import Counter
from typing import Annotated, Any

from fastapi import Query

from tradewind.api.log_rows import LEVELS
from tradewind.api.models import Answer
from tradewind.api.routing import UI, Asked, Routes
from tradewind.api.ui.grid import Try, try_shown, why_waiting
from tradewind.api.ui.logs import LogRow
from tradewind.api.ui.task_asked import task_asked
from tradewind.api.why import Reason
from tradewind.core.access import Action, Resource
from tradewind.core.soundness import MOST
from tradewind.core.states import FINISHED
from tradewind.store.reading.instances import kin_of
from tradewind.store.reading.versions import versions_by_id

routes = Routes("UI", prefix=f"{UI}/dags/{{dag_id}}")

LAST_ERRORS = 12
"""Rows of its log that a task which failed shows before anybody opens it."""
BAD = tuple(LEVELS.index(level) for level in ("error", "critical"))


class Kin(Answer):
    """The instances of a mapped task."""

    count: int
    states: dict[str, int]
    """How many of them are in which state."""
    place: int
    """Which one this is, from 1 in the order of their indexes."""
    before: int | None
    """The index of the one before it."""
    after: int | None


class TaskPage(Answer):
    dag_id: str
    run_id: str
    run_state: str
    run_after: int
    logical_date: int | None
    task_id: str
    display_name: str
    is_mapped: bool
    map_index: int
    label: str
    """What its author calls this instance of a mapped task."""
    kin: Kin | None
    """Of a mapped task."""
    state: str
    reason: str
    operator: str
    try_number: int
    max_tries: int
    scheduled: int | None
    queued: int | None
    start: int | None
    end: int | None
    not_before: int | None
    pool: str
    pool_slots: int
    queue: str
    version: int | None
    """The number of the version that its run goes by."""
    why: list[Reason]
    """Why it does not run, while it has not ended."""
    errors: list[LogRow]
    """Where it failed: the last errors of its log."""
    tries: list[Try]
    may_edit: bool
    may_edit_xcoms: bool
    may_delete_xcoms: bool
    now: int


@routes.get("/task/page", Resource.TASK, response_model=TaskPage)
def task_page(
    call: Asked,
    dag_id: str,
    run_id: Annotated[str, Query(max_length=250)],
    task_id: Annotated[str, Query(max_length=250)],
    map_index: Annotated[int | None, Query(ge=-1, le=MOST)] = None,
) -> dict[str, Any]:
    """One task instance; without an index the first one of a mapped task."""
    with call.reading() as connection:
        asked = task_asked(call, connection, dag_id, run_id, task_id, map_index)
        run, task = asked.run, asked.task
        kin = kin_of(connection, run["number"], task_id)
        spec = call.spec(connection, run["version"])
        version = versions_by_id(connection, [run["version"]]).get(run["version"])
    authored = spec.tasks.get(task_id)
    is_mapped = task["map_index"] >= 0 or (authored is not None and authored.map is not None)
    return {
        "dag_id": dag_id,
        "run_id": run_id,
        "run_state": run["state"],
        "run_after": run["run_after"],
        "logical_date": run["logical_date"],
        "task_id": task_id,
        "display_name": (authored.label if authored else "") or task_id,
        "is_mapped": is_mapped,
        "map_index": task["map_index"],
        "label": task["rendered_map_index"] or "",
        "kin": _kin(kin, task["map_index"]) if is_mapped else None,
        "state": task["state"],
        "reason": task["reason"],
        "operator": authored.operator if authored else "",
        "try_number": task["try_number"],
        "max_tries": task["max_tries"],
        "scheduled": task["scheduled_at"],
        "queued": task["queued_at"],
        "start": task["start_date"],
        "end": task["end_date"],
        "not_before": task["not_before"],
        "pool": authored.pool if authored else "",
        "pool_slots": authored.pool_slots if authored else 1,
        "queue": authored.queue if authored else "",
        "version": version["number"] if version else None,
        "why": [] if task["state"] in FINISHED else why_waiting(call, dag_id, run_id, task_id, task["map_index"]),
        "errors": asked.last_rows(LAST_ERRORS, BAD) if asked.may(Action.READ, Resource.LOG) else [],
        "tries": [try_shown(each) for each in asked.tries],
        "may_edit": asked.may(Action.EDIT, Resource.TASK),
        "may_edit_xcoms": asked.may(Action.EDIT, Resource.XCOM),
        "may_delete_xcoms": asked.may(Action.DELETE, Resource.XCOM),
        "now": time.time_ns() // 1000,
    }


def _kin(kin: list[tuple[int, str]], map_index: int) -> dict[str, Any]:
    indexes = [index for index, _ in kin]
    place = indexes.index(map_index) if map_index in indexes else 0
    return {
        "count": len(kin),
        "states": dict(Counter(state for _, state in kin)),
        "place": place + 1,
        "before": indexes[place - 1] if place > 0 else None,
        "after": indexes[place + 1] if place + 1 < len(indexes) else None,
    }
