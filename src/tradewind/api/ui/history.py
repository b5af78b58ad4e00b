"""A Dag's past and what comes next: its overview, its calendar, how long things took, its backfills."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Annotated, Any

from fastapi import Query

from tradewind.api.call import Call
from tradewind.api.models import Answer
from tradewind.api.public.backfills import BackfillPostBody
from tradewind.api.routing import UI, Asked, Routes
from tradewind.api.ui.ahead import coming_runs
from tradewind.api.why import Reason, asked_why
from tradewind.core.access import Action, Need, Resource
from tradewind.core.dag import DagSpec
from tradewind.core.errors import DagNotFound, InvalidInput, TradewindError
from tradewind.store.paging import Row
from tradewind.store.reading.dags import dag_named
from tradewind.store.reading.history import (
    backfills_with_progress,
    first_failures,
    newest_runs,
    runs_by_time,
    task_lengths,
)
from tradewind.store.reading.versions import versions_by_id
from tradewind.store.times import to_us

routes = Routes("UI", prefix=f"{UI}/dags/{{dag_id}}")
FEW = 5
MOST_PLANNED = 1500
LONGEST_US = 400 * 86_400_000_000
"""A calendar shows a year, and a little more where weeks are whole."""
Us = Annotated[int, Query(ge=-(2**53), le=2**53)]


class PastRun(Answer):
    run_id: str
    run_type: str
    state: str
    run_after: int
    logical_date: int | None
    queued_at: int | None
    start: int | None
    end: int | None
    version: int | None
    """The number of the Dag's version; None where it is not kept any more."""


class FailedRun(PastRun):
    reason: str
    task_id: str | None
    """The task that failed first, where one did."""
    task_reason: str


class PlannedRun(Answer):
    run_after: int
    logical_date: int | None


class Waiting(Reason):
    run_id: str | None
    task: str
    state: str


class DagOverview(Answer):
    doc_md: str | None
    notices: list[str]
    callbacks: list[str]
    fail_fast: bool
    generation: int
    deadlines: int
    tasks: int
    groups: int
    asset_policy: str
    isolation: str
    isolation_reason: str
    failed: list[FailedRun]
    """The newest runs that failed, newest first."""
    recent: list[PastRun]
    coming: list[PlannedRun]
    waits: list[Waiting]
    now: int


class DagHistory(Answer):
    runs: list[PastRun]
    """Oldest first."""
    lengths: dict[str, list[int | None]]
    """Of each task its microseconds in each of the runs."""
    now: int


class CalendarSlice(Answer):
    at: int
    """A quarter of an hour, which is inside one day in every zone."""
    states: dict[str, int]


class DagCalendar(Answer):
    slices: list[CalendarSlice]
    planned: list[PlannedRun]
    is_whole: bool
    """All runs that the schedule has in this time are there; False where they are too many or not known."""
    now: int


class BackfillRow(Answer):
    id: int
    from_date: int
    to_date: int
    state: str
    """`active`, `completed` or `cancelled`."""
    reason: str
    is_paused: bool
    reprocess: str
    max_active: int
    backwards: bool
    user: str | None
    created_at: int
    completed_at: int | None
    dates: int
    done: int
    left: int
    failed: int
    open: int


class BackfillList(Answer):
    backfills: list[BackfillRow]
    may_make: bool
    now: int


class BackfillDate(Answer):
    logical_date: str | None
    action: str
    """`create`, `clear` or `leave`."""
    reason: str


class BackfillPlan(Answer):
    dates: list[BackfillDate]
    counts: dict[str, int]
    typical_us: int | None
    """How long a run usually takes: the middle of the newest that succeeded."""


@routes.get("/overview", Resource.DAG, response_model=DagOverview, packed=True)
def dag_overview(call: Asked, dag_id: str) -> dict[str, Any]:
    """How a Dag fares: what failed, what comes next, what waits, and what its author says of it."""
    call.permit(dag_id, Need(Action.READ, Resource.RUN))
    now = time.time_ns() // 1000
    with call.reading() as connection:
        row, spec = _dag(call, connection, dag_id)
        recent = newest_runs(connection, dag_id, 50)
        failed = newest_runs(connection, dag_id, FEW, states=("failed",))
        tasks = first_failures(connection, [run["number"] for run in failed])
        versions = versions_by_id(connection, {run["version"] for run in (*recent, *failed)})
    coming = [] if row["is_paused"] else islice(coming_runs(row, spec, datetime.now(UTC)), FEW)
    return {
        "doc_md": spec.doc_md,
        "notices": list(spec.notices),
        "callbacks": list(spec.callbacks),
        "fail_fast": spec.fail_fast,
        "generation": spec.generation,
        "deadlines": len(spec.deadlines),
        "tasks": len(spec.tasks),
        "groups": sum(1 for group in spec.groups if group.group_id),
        "asset_policy": spec.asset_policy,
        "isolation": row["isolation"],
        "isolation_reason": row["isolation_reason"],
        "failed": [
            {
                **_past(run, versions),
                "reason": run["reason"],
                "task_id": tasks[run["number"]]["task_id"] if run["number"] in tasks else None,
                "task_reason": tasks[run["number"]]["reason"] if run["number"] in tasks else "",
            }
            for run in reversed(failed)
        ],
        "recent": [_past(run, versions) for run in recent],
        "coming": [{"run_after": to_us(due.run_after), "logical_date": to_us(due.logical_date)} for due in coming],
        "waits": _waits(call, dag_id, next((run for run in recent if run["state"] in ("queued", "running")), None)),
        "now": now,
    }


@routes.get("/history", Resource.TASK, response_model=DagHistory, packed=True)
def dag_history(
    call: Asked, dag_id: str, runs: Annotated[int, Query(ge=1, le=1000)] = 200, tasks: bool = False
) -> dict[str, Any]:
    """The newest runs, and how long each task took in them where that is asked for."""
    call.permit(dag_id, Need(Action.READ, Resource.RUN))
    with call.reading() as connection:
        _, spec = _dag(call, connection, dag_id)
        found = newest_runs(connection, dag_id, runs)
        versions = versions_by_id(connection, {run["version"] for run in found})
        lengths = task_lengths(connection, [run["number"] for run in found]) if tasks else []
    place = {run["number"]: n for n, run in enumerate(found)}
    by_task: dict[str, list[int | None]] = {}
    for number, task_id, length in lengths:
        by_task.setdefault(task_id, [None] * len(found))[place[number]] = length
    known = {task_id: n for n, task_id in enumerate(spec.tasks)}
    ordered = sorted(by_task, key=lambda task_id: (known.get(task_id, len(known)), task_id))
    return {
        "runs": [_past(run, versions) for run in found],
        "lengths": {task_id: by_task[task_id] for task_id in ordered},
        "now": time.time_ns() // 1000,
    }


@routes.get("/calendar", Resource.RUN, response_model=DagCalendar, packed=True)
def dag_calendar(call: Asked, dag_id: str, since: Us, until: Us) -> dict[str, Any]:
    """How many runs of which result there were at which time, and those that the schedule has ahead."""
    if not since < until <= since + LONGEST_US:
        raise InvalidInput(f"until must be after since, and at most {LONGEST_US // 86_400_000_000} days.")
    now = datetime.now(UTC)
    with call.reading() as connection:
        row, spec = _dag(call, connection, dag_id)
        counted = runs_by_time(connection, dag_id, since, until)
    ahead = [] if row["is_paused"] else takewhile(lambda due: to_us(due.run_after) < until, coming_runs(row, spec, now))
    planned = list(islice(ahead, MOST_PLANNED + 1))
    by_time: dict[int, dict[str, int]] = {}
    for at, state, count in counted:
        by_time.setdefault(at, {})[state] = count
    return {
        "slices": [{"at": at, "states": states} for at, states in by_time.items()],
        "planned": [
            {"run_after": to_us(due.run_after), "logical_date": to_us(due.logical_date)}
            for due in planned[:MOST_PLANNED]
        ],
        "is_whole": len(planned) <= MOST_PLANNED and spec.timetable.kind not in ("custom", "asset", "continuous"),
        "now": to_us(now),
    }  # fmt: skip


@routes.get("/backfills", Resource.BACKFILL, response_model=BackfillList)
def dag_backfills(call: Asked, dag_id: str) -> dict[str, Any]:
    """The newest backfills and how far each has come."""
    with call.reading() as connection:
        _dag(call, connection, dag_id)
        rows = backfills_with_progress(connection, dag_id, 100)
    names = (
        "id", "from_date", "to_date", "state", "reason", "is_paused", "reprocess", "max_active", "backwards",
        "created_at", "completed_at", "dates", "done", "left", "failed", "open",
    )  # fmt: skip
    return {
        "backfills": [{**{name: row[name] for name in names}, "user": row["triggering_user"]} for row in rows],
        "may_make": bool(call.scope_of(Need(Action.CREATE, Resource.BACKFILL))),
        "now": time.time_ns() // 1000,
    }


@routes.post("/backfill_plan", Resource.BACKFILL, response_model=BackfillPlan)
def backfill_plan(call: Asked, dag_id: str, body: BackfillPostBody) -> dict[str, Any]:
    """What a backfill would do with each date, also those that it would leave as they are. Nothing is made."""
    if body.dag_id != dag_id:
        raise InvalidInput(f"The address is of Dag {dag_id!r}, and the body of {body.dag_id[:60]!r}; name one.")
    answer = call.command(
        "backfill.create", dag_id=dag_id, from_date=body.from_date.isoformat(), to_date=body.to_date.isoformat(),
        run_backwards=body.run_backwards, conf=body.dag_run_conf, reprocess_behavior=body.reprocess_behavior.value,
        max_active_runs=body.max_active_runs, latest=body.run_on_latest_version, dry_run=True,
    )  # fmt: skip
    with call.reading() as connection:
        done = newest_runs(connection, dag_id, 25, states=("success",))
    lengths = sorted(run["end_date"] - run["start_date"] for run in done if run["start_date"] and run["end_date"])
    counts: dict[str, int] = {"create": 0, "clear": 0, "leave": 0}
    for date in answer["runs"]:
        counts[date["action"]] += 1
    return {
        "dates": answer["runs"],
        "counts": counts,
        "typical_us": lengths[len(lengths) // 2] if lengths else None,
    }


def _dag(call: Call, connection: Any, dag_id: str) -> tuple[Row, DagSpec]:
    row = dag_named(connection, dag_id)
    if row is None:
        raise DagNotFound(dag_id)
    return row, call.spec(connection, row["version"])


def _past(run: Row, versions: dict[str, Row]) -> dict[str, Any]:
    return {
        "run_id": run["run_id"],
        "run_type": run["run_type"],
        "state": run["state"],
        "run_after": run["run_after"],
        "logical_date": run["logical_date"],
        "queued_at": run["queued_at"],
        "start": run["start_date"],
        "end": run["end_date"],
        "version": versions[run["version"]]["number"] if run["version"] in versions else None,
    }


def _waits(call: Call, dag_id: str, run: Row | None) -> list[dict[str, Any]]:
    """Why the oldest run that is not over waits; nothing where the scheduler does not answer."""
    if run is None or not call.caller.may(Need(Action.READ, Resource.TASK)):
        return []
    try:
        reasons = asked_why(call, dag_id, run_id=run["run_id"])
    except TradewindError:
        return []
    return [
        {name: each[name] for name in ("run_id", "task", "state", "code", "sentence", "parts")} for each in reasons[:20]
    ]
