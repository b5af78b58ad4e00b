"""The home page: what fails, is late, runs and waits now, how each part fares, and what was since yesterday."""

from __future__ import annotations

import time
from datetime import datetime
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from sqlalchemy import Connection

from tradewind.api.alerts_firing import count_of_alerts, firing_said
from tradewind.api.call import Call
from tradewind.api.components import asked, components
from tradewind.api.error_groups import Group, grouped
from tradewind.api.live.hub import Hub
from tradewind.api.models import Answer
from tradewind.api.public.import_errors import error_scopes
from tradewind.api.routing import UI, Asked, Routes
from tradewind.api.why import READ_TASK, Reason, as_seen
from tradewind.core.access import EVERY_DAG, Action, DagScope, Need, Resource
from tradewind.store.paging import Page
from tradewind.store.reading import home as reading
from tradewind.store.reading.import_errors import import_errors_known
from tradewind.store.reading.overview import last_runs, next_is_late
from tradewind.store.reading.scope import ids_among
from tradewind.store.reading.surroundings import pools_listed, slots_held
from tradewind.store.times import to_us

routes = Routes("UI", prefix=UI)

HOUR = 3600 * 1_000_000
STEPS = {6: HOUR // 12, 24: HOUR // 4, 168: 2 * HOUR}
"""How long a bar of the chart is, by the hours that it shows."""
AHEAD = {6: 2, 24: 6, 168: 48}
"""Hours to come beside those."""
Hours = Annotated[Literal[6, 24, 168], BeforeValidator(lambda text: int(text) if str(text).isdecimal() else text)]
"""A literal of numbers does not take the text that a query is."""
GROUPS, LATE, RUNNING, WAITS, NEXT, POOLS = 12, 8, 8, 8, 8, 20
"""Rows of each part."""
MOST_DAGS = 50
"""Dags that a group names."""
READ_POOL, READ_SYSTEM = Need(Action.READ, Resource.POOL), Need(Action.READ, Resource.SYSTEM)
READ_RUN = Need(Action.READ, Resource.RUN)
READ_QUESTION = Need(Action.READ, Resource.QUESTION)


class FailedTask(Answer):
    """The newest task instance of a group, for its log."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    tries: int
    state: str
    at: int | None
    next_try: int | None


class FailingDag(Answer):
    dag_id: str
    run_id: str
    tasks: int


class FailureGroup(Answer):
    """Task instances with one error; `error` is its first line, empty where nothing was said."""

    error: str
    tasks: int
    since: int | None
    dags: list[FailingDag]
    dag_count: int
    newest: FailedTask | None


class LateRun(Answer):
    dag_id: str
    due: int
    why: Reason | None


class RunningRun(Answer):
    dag_id: str
    run_id: str
    run_type: str
    run_after: int
    start: int | None
    usual: int | None
    """Microseconds that its Dag's last successful runs took, in the middle."""
    states: dict[str, int]


class Waiting(Reason):
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str
    since: int | None
    count: int


class Component(Answer):
    name: str
    state: str
    facts: dict[str, int]


class PoolBar(Answer):
    name: str
    slots: int
    used: int
    """Slots that are held; in a pool that includes deferred tasks, by these too."""


class Bar(Answer):
    """Runs that were over in one step of the chart."""

    place: int
    success: int
    failed: int


class Chart(Answer):
    start: int
    step: int
    until: int
    bars: list[Bar]
    planned: list[list[int]]
    """[place after now, runs]: of each Dag its next run alone."""


class Digest(Answer):
    """The last day beside the one before it."""

    runs: int
    failed: int
    runs_before: int
    failed_before: int
    new_versions: int
    questions: int
    asked_since: int | None


class PlannedRun(Answer):
    dag_id: str
    at: int


class Home(Answer):
    now: int
    fresh_until: int
    """Until when it is good if nothing happens: then a Dag is late, or figures of the day are to be had anew."""
    dags: int
    failing: int
    late_count: int
    paused: int
    running_count: int
    queued_count: int
    queued_since: int | None
    groups: list[FailureGroup]
    group_count: int
    late: list[LateRun]
    running: list[RunningRun]
    waits: list[Waiting] | None
    """None while no scheduler answers."""
    waits_are_all: bool
    components: list[Component]
    pools: list[PoolBar]
    chart: Chart
    digest: Digest
    next: list[PlannedRun]
    broken_files: int
    alerts: int
    """That fire now."""


class Counts(Answer):
    """What the navigation counts."""

    dags: int
    failing: int
    running: int
    questions: int
    broken_files: int
    alerts: int


def present() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


@routes.get("/home", Resource.DAG, response_model=Home)
def home(call: Asked, hours: Hours = 24) -> dict[str, Any]:
    """All of the home page."""
    now_us, heard = present(), seen_by_now(call)
    status = asked(call, "status") if call.caller.may(READ_SYSTEM) else None
    waits = asked(call, "waits", most=WAITS * 4)
    said = firing_said(call)
    scope, runs, tasks = call.scope, call.scope_of(READ_RUN), call.scope_of(READ_TASK)
    with call.reading() as connection:
        tallies = reading.dag_tallies(connection, scope, now_us)
        failing = reading.failing_runs(connection, scope, runs)
        open_now = reading.open_run_counts(connection, runs)
        questions, asked_since = reading.questions_open(connection, _question_scopes(call))
        broken = broken_files(call, connection)
        alerts = count_of_alerts(call, connection, said)
        groups = _groups(connection, runs, tasks, failing)
        late = reading.late_dags(connection, scope, now_us, LATE)
        body = {
            "running": _running(connection, runs),
            "pools": _pools(connection) if call.caller.may(READ_POOL) else [],
            "chart": _chart(call, connection, now_us, hours, heard),
            "digest": {
                **_digest(call, connection, now_us, heard),
                "questions": questions,
                "asked_since": asked_since,
            },
            "next": [
                {"dag_id": row["dag_id"], "at": row["next_run_after"]}
                for row in reading.next_runs(connection, scope, now_us, NEXT)
            ],
        }
        seen = _seen(connection, tasks, waits)
        late_at = next_is_late(connection, scope, now_us)
    keys = (_chart_key(runs, now_us, hours), ("days", runs, scope))
    until = [at for at in (late_at, *(call.installation.recent.old_at(key, heard) for key in keys)) if at is not None]
    reasons = {
        each["dag_id"]: {name: each[name] for name in ("code", "sentence", "parts")} for each in reversed(seen or [])
    }
    parts = components(status, broken, sum(each["count"] for each in seen or [] if each["state"] == "deferred"))
    return {
        **body,
        "now": now_us,
        "fresh_until": max(now_us, min((*until, now_us + HOUR))),
        "dags": tallies["all"],
        "failing": len(failing),
        "late_count": tallies["late"],
        "paused": tallies["paused"],
        "running_count": open_now.get("running", (0, None))[0],
        "queued_count": open_now.get("queued", (0, None))[0],
        "queued_since": open_now.get("queued", (0, None))[1],
        "groups": [_group(group) for group in groups[:GROUPS]],
        "group_count": len(groups),
        "late": [
            {"dag_id": row["dag_id"], "due": row["next_run_after"], "why": reasons.get(row["dag_id"])} for row in late
        ],
        "waits": None if seen is None else [_waiting(each) for each in seen[:WAITS]],
        "waits_are_all": waits is None or (waits["is_all"] and len(seen or []) <= WAITS),
        "components": parts if call.caller.may(READ_SYSTEM) else [],
        "broken_files": broken,
        "alerts": alerts,
    }


@routes.get("/counts", Resource.DAG, response_model=Counts)
def counts(call: Asked) -> dict[str, int]:
    """What stands beside the names of pages."""
    now_us, said = present(), firing_said(call)
    runs = call.scope_of(READ_RUN)
    with call.reading() as connection:
        open_now = reading.open_run_counts(connection, runs)
        return {
            "dags": reading.dag_tallies(connection, call.scope, now_us)["all"],
            "failing": len(reading.failing_runs(connection, call.scope, runs)),
            "running": open_now.get("running", (0, None))[0],
            "questions": reading.questions_open(connection, _question_scopes(call))[0],
            "broken_files": broken_files(call, connection),
            "alerts": count_of_alerts(call, connection, said),
        }


def broken_files(call: Call, connection: Connection) -> int:
    """Files with errors that the caller may see."""
    scopes = error_scopes(call)
    if all(scope.everything for scope in scopes):
        return reading.broken_files(connection)
    return len({row["file"] for row in import_errors_known(connection, scopes)})


def _question_scopes(call: Call) -> tuple[DagScope, ...]:
    return call.scope_of(READ_QUESTION), call.scope_of(READ_TASK)


def _groups(connection: Connection, open_in: DagScope, tasks: DagScope, failing: list[dict[str, Any]]) -> list[Group]:
    """What failed in the newest run of each failing Dag, and in runs that go on."""
    going = reading.open_runs(connection, open_in, "running", reading.MOST_RUNS // 3, newest=True)
    runs = {run["number"]: run for run in (*failing[: reading.MOST_RUNS], *going)}
    dag_ids = {run["dag_id"] for run in runs.values()}
    allowed = dag_ids if tasks.everything else ids_among(connection, tasks, dag_ids)
    numbers = [number for number, run in runs.items() if run["dag_id"] in allowed]
    found = [{**runs[row["run"]], **row} for row in reading.troubled_tasks(connection, numbers)]
    told = {row["number"] for row in found}
    # A run can fail without a task that did: its time was up, or somebody marked it.
    found += [
        {**run, "run": run["number"], "task_id": "", "map_index": -1, "state": "failed", "try_number": 0,
         "max_tries": 0, "not_before": None}
        for run in failing[: reading.MOST_RUNS]
        if run["number"] not in told
    ]  # fmt: skip
    return grouped(sorted(found, key=lambda row: -row["number"]))


def _group(group: Group) -> dict[str, Any]:
    newest = group.tasks[0]
    runs: dict[str, str] = {}
    for task in group.tasks:
        runs.setdefault(task["dag_id"], task["run_id"])
    return {
        "error": group.error,
        "tasks": sum(1 for task in group.tasks if task["task_id"]),
        "since": min((task["end_date"] for task in group.tasks if task["end_date"] is not None), default=None),
        "dags": [
            {"dag_id": dag_id, "run_id": runs[dag_id], "tasks": count}
            for dag_id, count in list(group.dag_ids.items())[:MOST_DAGS]
        ],
        "dag_count": len(group.dag_ids),
        "newest": {
            "dag_id": newest["dag_id"],
            "run_id": newest["run_id"],
            "task_id": newest["task_id"],
            "map_index": newest["map_index"],
            "try_number": newest["try_number"],
            "tries": newest["max_tries"] + 1,
            "state": newest["state"],
            "at": newest["end_date"],
            "next_try": newest["not_before"],
        }
        if newest["task_id"]
        else None,
    }


def _running(connection: Connection, scope: DagScope) -> list[dict[str, Any]]:
    rows = reading.open_runs(connection, scope, "running", RUNNING)
    states = reading.task_counts(connection, [row["number"] for row in rows])
    before = last_runs(connection, sorted({row["dag_id"] for row in rows}))
    return [
        {
            "dag_id": row["dag_id"],
            "run_id": row["run_id"],
            "run_type": row["run_type"],
            "run_after": row["run_after"],
            "start": row["start_date"],
            "usual": _usual(before.get(row["dag_id"], [])),
            "states": states[row["number"]],
        }
        for row in rows
    ]


def _usual(runs: list[dict[str, Any]]) -> int | None:
    lasted = [
        run["end"] - run["start"]
        for run in runs
        if run["state"] == "success" and run["end"] is not None and run["start"] is not None
    ]
    return round(median(lasted)) if len(lasted) >= 3 else None


def _pools(connection: Connection) -> list[dict[str, Any]]:
    held = slots_held(connection)
    rows = pools_listed(connection, None, None, Page(limit=POOLS, order_by=("name",), counted=False)).rows
    return [
        {
            "name": row["name"],
            "slots": row["slots"],
            "used": held.of(row["name"]).taken(row["include_deferred"]),
        }
        for row in rows
    ]


def seen_by_now(call: Call) -> int:
    """The number of the last event that this process has heard of."""
    hub: Hub = call.request.app.state.live
    return hub.ring.newest


def _chart_key(runs: DagScope, now_us: int, hours: int) -> tuple[Any, ...]:
    step = STEPS[hours]
    return "chart", runs, (now_us - hours * HOUR) // step * step, step


def _chart(call: Call, connection: Connection, now_us: int, hours: int, seen: int) -> dict[str, Any]:
    runs = call.scope_of(READ_RUN)
    key = _chart_key(runs, now_us, hours)
    _, _, start, step = key
    until = now_us + AHEAD[hours] * HOUR
    # A busy week has a million runs; what was counted is counted anew after some seconds.
    bars = call.installation.recent.of(key, now_us, lambda: reading.history(connection, runs, start, step), seen)
    planned = reading.planned_runs(connection, call.scope, now_us, until, step)
    places = sorted({place for place, _ in bars})
    return {
        "start": start,
        "step": step,
        "until": until,
        "bars": [
            {"place": place, "success": bars.get((place, "success"), 0), "failed": bars.get((place, "failed"), 0)}
            for place in places
        ],
        "planned": [[place, count] for place, count in sorted(planned.items())],
    }


def _digest(call: Call, connection: Connection, now_us: int, seen: int) -> dict[str, Any]:
    day = 24 * HOUR
    runs = call.scope_of(READ_RUN)
    scope = call.scope

    def look() -> tuple[dict[tuple[int, str], int], int]:
        since = now_us - day
        return reading.history(connection, runs, since - day, day), reading.versions_since(connection, scope, since)

    days, versions = call.installation.recent.of(("days", runs, scope), now_us, look, seen)
    by_day = [{state: days.get((place, state), 0) for state in ("success", "failed")} for place in (0, 1)]
    return {
        "runs": sum(by_day[1].values()),
        "failed": by_day[1]["failed"],
        "runs_before": sum(by_day[0].values()),
        "failed_before": by_day[0]["failed"],
        "new_versions": versions,
    }


def _seen(connection: Connection, scope: DagScope, waits: Any) -> list[dict[str, Any]] | None:
    """What of it the caller may see."""
    if waits is None:
        return None
    found: list[dict[str, Any]] = waits["waits"]
    if scope == EVERY_DAG:
        return found
    allowed = ids_among(connection, scope, {each["dag_id"] for each in found})
    return as_seen(connection, scope, [each for each in found if each["dag_id"] in allowed])


def _waiting(each: dict[str, Any]) -> dict[str, Any]:
    return {**each, "since": to_us(datetime.fromisoformat(each["since"])) if each["since"] else None}
