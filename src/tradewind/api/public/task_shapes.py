"""What the API says about task instances and their tries: one shape, whoever shows it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.api.models import Answer, Moment
from tradewind.api.public.versions import DagVersionResponse, version_fields
from tradewind.core.access import Action, Need, Resource
from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.core.errors import InvalidInput
from tradewind.core.records import TaskKey
from tradewind.core.states import AttemptState, TaskState
from tradewind.store.paging import Row
from tradewind.store.reading.task_instances import company_of, key_of
from tradewind.store.reading.versions import versions_by_id

TaskInstanceState = StrEnum(  # type: ignore[misc]
    "TaskInstanceState", {state.name: state.value for state in TaskState if state is not TaskState.NONE}
)
"""Airflow's states of task instances: one that has none yet is null."""

HIDDEN = "***"


class TriggerResponse(Answer):
    """What a deferred task waits for. The arguments of a trigger may hold secrets, so only their names are shown; there
    is no service of triggers that would have an id."""

    id: int
    classpath: str
    kwargs: str
    created_date: Moment
    queue: str | None = None
    triggerer_id: int | None = None


class JobResponse(Answer):
    """A process that works for the installation: its scheduler, or a worker. Of a task instance there is none."""

    id: int
    dag_id: str | None
    state: str | None
    job_type: str | None
    start_date: Moment | None
    end_date: Moment | None
    latest_heartbeat: Moment | None
    executor_class: str | None
    hostname: str | None
    unixname: str | None
    dag_display_name: str | None = None


class _Shown(Answer):
    """What a task instance and a try of it have in common.

    `hostname` is the name of the worker. Which process a try had, and whose, is not kept: `pid` and `unixname` are
    null. `executor` is what the author named.
    """

    task_id: str
    dag_id: str
    dag_run_id: str
    map_index: int
    start_date: Moment | None
    end_date: Moment | None
    duration: float | None
    state: TaskInstanceState | None
    try_number: int
    max_tries: int
    task_display_name: str
    dag_display_name: str
    hostname: str | None
    unixname: str | None = None
    pool: str
    pool_slots: int
    queue: str | None
    priority_weight: int | None
    operator: str | None
    operator_name: str | None
    queued_when: Moment | None
    scheduled_when: Moment | None
    pid: int | None = None
    executor: str | None
    executor_config: str
    dag_version: DagVersionResponse | None


class TaskInstanceResponse(_Shown):
    """A task instance. Its `id` follows from its run, task and map index, and stays the same for all its tries."""

    id: UUID
    logical_date: Moment | None
    run_after: Moment
    note: str | None
    rendered_map_index: str | None
    rendered_fields: dict[str, Any] = {}
    trigger: TriggerResponse | None
    triggerer_job: JobResponse | None = None


class TaskInstanceHistoryResponse(_Shown):
    """One try of a task instance."""


class TaskInstanceCollectionResponse(Answer):
    task_instances: list[TaskInstanceResponse]
    total_entries: int | None = None
    total_entries_limit: int | None = None
    next_cursor: str | None = None
    previous_cursor: str | None = None


class TaskInstanceHistoryCollectionResponse(Answer):
    task_instances: list[TaskInstanceHistoryResponse]
    total_entries: int


def instance_id(key: TaskKey) -> UUID:
    """The id of a task instance: the same each time, and in every process."""
    named = f"{key.run}\0{key.task_id}\0{key.map_index}"
    return UUID(bytes=blake2b(named.encode(), digest_size=16).digest())


def tasks_shown(call: Call, connection: Connection, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of task instances as answers, in the same order. Costs a fixed number of queries, and one for each version
    of a Dag that nobody has looked at yet."""
    company = company_of(connection, [key_of(row) for row in rows])
    versions = _Versions.of(call, connection, [(row, company.attempts.get(key_of(row))) for row in rows])
    return [
        task_fields(
            row,
            versions.spec(row),
            attempt=company.attempts.get(key := key_of(row)),
            version=versions.row(row, company.attempts.get(key)),
            rendered=company.rendered.get(key),
            deferral=company.deferrals.get(key),
        )
        for row in rows
    ]


def task_fields(
    row: Row, spec: DagSpec | None, *, attempt: Row | None = None, version: Row | None = None,
    rendered: bytes | None = None, deferral: Row | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A task instance's row as an answer. What is not given is not known, and null."""
    key = key_of(row)
    return {
        **_common(row, spec, attempt, version),
        "id": instance_id(key),
        "logical_date": row["logical_date"],
        "run_after": row["run_after"],
        "note": row["note"],
        "rendered_map_index": row["rendered_map_index"],
        "rendered_fields": _object(rendered),
        "trigger": _trigger_fields(deferral) if deferral and row["state"] == TaskState.DEFERRED else None,
        "state": None if row["state"] == TaskState.NONE else row["state"],
        "try_number": row["try_number"],
        "start_date": row["start_date"],
        "end_date": row["end_date"],
        "duration": _seconds(row["start_date"], row["end_date"]),
        "queued_when": row["queued_at"],
        "scheduled_when": row["scheduled_at"],
    }


def tries_shown(call: Call, connection: Connection, row: Row, tries: Sequence[Row]) -> list[dict[str, Any]]:
    """The tries of a task instance, oldest first: what is over from its attempts, the present one from its own row."""
    versions = _Versions.of(call, connection, [(row, attempt) for attempt in (*tries, None)])
    spec, shown = versions.spec(row), []
    attempts = {attempt["try_number"]: attempt for attempt in tries}
    for number, attempt in attempts.items():
        state = TRY_STATES.get(attempt["state"])
        if state is None or (number == row["try_number"] and not _awaits_another(row)):
            continue
        shown.append(
            {
                **_common(row, spec, attempt, versions.row(row, attempt)),
                "state": state,
                "try_number": number,
                "start_date": attempt["first_started_at"],
                "end_date": attempt["ended_at"],
                "duration": _seconds(attempt["first_started_at"], attempt["ended_at"]),
                "queued_when": attempt["first_assigned_at"],
                "scheduled_when": None,
            }
        )
    if not (_awaits_another(row) and row["try_number"] in attempts):
        present = attempts.get(row["try_number"])
        shown.append(task_fields(row, spec, attempt=present, version=versions.row(row, present)))
    return shown


TRY_STATES: Mapping[str, TaskState] = {
    AttemptState.ASSIGNED: TaskState.QUEUED,
    AttemptState.RUNNING: TaskState.RUNNING,
    AttemptState.SUCCESS: TaskState.SUCCESS,
    AttemptState.FAILED: TaskState.FAILED,
    AttemptState.SKIPPED: TaskState.SKIPPED,
    AttemptState.RESCHEDULED: TaskState.UP_FOR_RESCHEDULE,
    AttemptState.LOST: TaskState.FAILED,
    AttemptState.DEFERRED: TaskState.DEFERRED,
    AttemptState.AWAITING_INPUT: TaskState.AWAITING_INPUT,
    AttemptState.CANCELLED: TaskState.FAILED,
}
"""How a try is called by the end of its newest attempt. One that never started was no try."""


def _awaits_another(row: Row) -> bool:
    """Whether the try that its row names is over, and the next has not begun."""
    return row["state"] in (TaskState.NONE, TaskState.UP_FOR_RETRY)


def known_specs(call: Call, connection: Connection, versions: Collection[str]) -> dict[str, DagSpec]:
    """The Dags as these versions have them. What is not stored any more, or is damaged, is left out."""
    return _specs(call, connection, versions_by_id(connection, versions).keys())


def _specs(call: Call, connection: Connection, stored: Collection[str]) -> dict[str, DagSpec]:
    specs = {}
    for version in sorted(stored):
        with suppress(InvalidInput):  # it is damaged; what only it knows is not known
            specs[version] = call.spec(connection, version)
    return specs


@dataclass(frozen=True, slots=True)
class _Versions:
    """The versions of Dags that rows go by."""

    rows: Mapping[str, Row]
    specs: Mapping[str, DagSpec]

    @classmethod
    def of(cls, call: Call, connection: Connection, pairs: Sequence[tuple[Row, Row | None]]) -> _Versions:
        of_runs = {row["version"] for row, _ in pairs}
        wanted = of_runs | {attempt["version"] for _, attempt in pairs if attempt}
        rows = versions_by_id(connection, wanted)
        return cls(rows, _specs(call, connection, of_runs & rows.keys()))

    def spec(self, row: Row) -> DagSpec | None:
        return self.specs.get(row["version"])

    def row(self, row: Row, attempt: Row | None) -> Row | None:
        """The version by whose code it ran; before it has, the version of its run."""
        return self.rows.get(attempt["version"] if attempt else row["version"])


def _common(row: Row, spec: DagSpec | None, attempt: Row | None, version: Row | None) -> dict[str, Any]:
    task = spec.tasks.get(row["task_id"]) if spec is not None else None
    extra = task.extra if task is not None else {}
    shown = dag_shown(row["dag_id"], spec)
    return {
        "task_id": row["task_id"],
        "dag_id": row["dag_id"],
        "dag_run_id": row["run_id"],
        "map_index": row["map_index"],
        "max_tries": row["max_tries"],
        "task_display_name": task_shown(row["task_id"], task),
        "dag_display_name": shown,
        "hostname": attempt["worker"] if attempt else None,
        "pool": task.pool if task else attempt["pool"] if attempt else "default_pool",
        "pool_slots": task.pool_slots if task else attempt["pool_slots"] if attempt else 1,
        "queue": task.queue if task else None,
        "priority_weight": task.effective_weight if task else None,
        "operator": task.operator if task else None,
        "operator_name": extra.get("operator_name") or (task.operator if task else None),
        "executor": extra.get("executor"),
        "executor_config": json.dumps(extra.get("executor_config") or {}, ensure_ascii=False, default=str),
        "dag_version": version_fields(version, shown) if version else None,
    }


def dag_shown(dag_id: str, spec: DagSpec | None) -> str:
    """A Dag's name for people."""
    return (spec.display_name if spec is not None else "") or dag_id


def task_shown(task_id: str, task: TaskSpec | None) -> str:
    """A task's name for people."""
    return str((task.extra.get("display_name") if task is not None else "") or task_id)


def _trigger_fields(deferral: Row) -> dict[str, Any] | None:
    if deferral["created_at"] is None:
        return None
    return {
        # The name of a trigger is text; Airflow's clients want a number.
        "id": int.from_bytes(blake2b(deferral["id"].encode(), digest_size=6).digest()),
        "classpath": deferral["classpath"],
        "kwargs": json.dumps(dict.fromkeys(_object(deferral["kwargs"]), HIDDEN)),
        "created_date": deferral["created_at"],
    }


def _object(text: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(text or b"{}")
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return printable(found) if b"\\u" in (text or b"") else found


def printable(value: Any) -> Any:
    """A value of JSON in which half a character, which an answer cannot hold, is replaced."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _seconds(start: int | None, end: int | None) -> float | None:
    return None if start is None or end is None or end < start else (end - start) / 1e6


READS_TASK = Need(Action.READ, Resource.TASK)
