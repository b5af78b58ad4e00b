"""Between the core's records and the tables' rows."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any

from tradewind.core.alert_silences import Hush, Silence
from tradewind.core.backfill_plan import Action, Backfill, Reprocess, Slot
from tradewind.core.records import (
    Answer,
    AssetEvent,
    Attempt,
    DagRun,
    Deferral,
    Person,
    Pool,
    Question,
    TaskInstance,
    TaskKey,
    Watched,
)
from tradewind.core.states import AttemptState, RunState, RunType, TaskState
from tradewind.core.timetables import DataInterval, DueRun
from tradewind.core.world import DagRecord
from tradewind.store.times import from_us, to_us

Row = Mapping[Any, Any]
"""A row by column name. SQLAlchemy types the names of its mappings more widely than str."""


def run_row(run: DagRun, slot_key: str | None) -> dict[str, Any]:
    return {
        "number": run.number,
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "slot_key": slot_key,
        "run_type": run.run_type.value,
        "state": run.state.value,
        "version": run.version,
        "run_after": to_us(run.run_after),
        "logical_date": to_us(run.logical_date),
        "data_interval_start": to_us(run.data_interval_start),
        "data_interval_end": to_us(run.data_interval_end),
        "conf": json.dumps(dict(run.conf)),
        "queued_at": to_us(run.queued_at),
        "start_date": to_us(run.start_date),
        "end_date": to_us(run.end_date),
        "clear_number": run.clear_number,
        "triggered_by": run.triggered_by,
        "triggering_user": run.triggering_user,
        "reason": run.reason,
        "note": run.note,
        "max_active": run.max_active,
        "backfill": run.backfill,
        "pinned": run.pinned,
        "quarantine": run.quarantine,
        "partition_key": run.partition_key,
        "partition_date": to_us(run.partition_date),
    }


def slot_key(run: DagRun) -> str | None:
    """What makes a logical date unique in its Dag: two runs for one slot are one run."""
    return f"at:{to_us(run.logical_date)}" if run.logical_date else None


def run_of(row: Row) -> DagRun:
    run_after = from_us(row["run_after"])
    assert run_after is not None
    return DagRun(
        number=row["number"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        run_type=RunType(row["run_type"]),
        state=RunState(row["state"]),
        version=row["version"],
        run_after=run_after,
        logical_date=from_us(row["logical_date"]),
        data_interval_start=from_us(row["data_interval_start"]),
        data_interval_end=from_us(row["data_interval_end"]),
        conf=json.loads(row["conf"]),
        queued_at=from_us(row["queued_at"]),
        start_date=from_us(row["start_date"]),
        end_date=from_us(row["end_date"]),
        clear_number=row["clear_number"],
        triggered_by=row["triggered_by"],
        triggering_user=row["triggering_user"],
        reason=row["reason"],
        note=row["note"],
        max_active=row["max_active"],
        backfill=row["backfill"],
        pinned=bool(row["pinned"]),
        quarantine=row["quarantine"],
        partition_key=row["partition_key"],
        partition_date=from_us(row["partition_date"]),
    )


def task_row(task: TaskInstance) -> dict[str, Any]:
    run, task_id, map_index = task.key
    return {
        "run": run,
        "task_id": task_id,
        "map_index": map_index,
        "state": task.state.value,
        "try_number": task.try_number,
        "max_tries": task.max_tries,
        "leg": task.leg,
        "losses": task.losses,
        "attempt": task.attempt,
        "not_before": to_us(task.not_before),
        "scheduled_at": to_us(task.scheduled_at),
        "queued_at": to_us(task.queued_at),
        "start_date": to_us(task.start_date),
        "end_date": to_us(task.end_date),
        "reason": task.reason,
        "pending": task.pending,
        "skip_decided": task.skip_decided,
        "rendered_map_index": task.rendered_map_index,
    }


_TASK_STATES = {state.value: state for state in TaskState}

TASK_COLUMNS = ("run", "task_id", "map_index", *TaskInstance._fields[1:])
"""A key, then the record's own fields: the order in which `task_of` takes a row's values."""


def task_of(values: Sequence[Any]) -> TaskInstance:
    """From a row of TASK_COLUMNS. By position, since a scheduler that starts reads hundreds of thousands."""
    run, task_id, map_index, state, tries, most, leg, losses, attempt, *dates, reason, pending, skip, label = values
    not_before, scheduled_at, queued_at, start_date, end_date = map(from_us, dates)
    # One string for each task, however many runs have it.
    key = TaskKey(run, intern(task_id), map_index)
    return TaskInstance(
        key, _TASK_STATES[state], tries, most, leg, losses, attempt, not_before, scheduled_at, queued_at,
        start_date, end_date, reason, pending, bool(skip), label,
    )  # fmt: skip


def attempt_row(attempt: Attempt, cpu_seconds: float | None, peak_bytes: int | None) -> dict[str, Any]:
    run, task_id, map_index = attempt.key
    return {
        "id": attempt.id,
        "run": run,
        "task_id": task_id,
        "map_index": map_index,
        "try_number": attempt.try_number,
        "leg": attempt.leg,
        "state": attempt.state.value,
        "worker": attempt.worker,
        "pool": attempt.pool,
        "pool_slots": attempt.pool_slots,
        "version": attempt.version,
        "assigned_at": to_us(attempt.assigned_at),
        "started_at": to_us(attempt.started_at),
        "ended_at": to_us(attempt.ended_at),
        "reason": attempt.reason,
        "cancel": attempt.cancel,
        "cpu_seconds": cpu_seconds,
        "peak_bytes": peak_bytes,
    }


def attempt_of(row: Row) -> Attempt:
    return Attempt(
        id=row["id"],
        key=TaskKey(row["run"], row["task_id"], row["map_index"]),
        try_number=row["try_number"],
        leg=row["leg"],
        state=AttemptState(row["state"]),
        worker=row["worker"],
        pool=row["pool"],
        pool_slots=row["pool_slots"],
        version=row["version"],
        assigned_at=from_us(row["assigned_at"]),
        started_at=from_us(row["started_at"]),
        ended_at=from_us(row["ended_at"]),
        reason=row["reason"],
        cancel=row["cancel"],
    )


def dag_of(row: Row) -> DagRecord:
    return DagRecord(
        dag_id=row["dag_id"],
        file=row["file"],
        version=row["version"],
        is_paused=bool(row["is_paused"]),
        is_stale=bool(row["is_stale"]),
        last_due=_due(row, "last"),
        next_due=_due(row, "next"),
        failures_in_a_row=row["failures_in_a_row"],
        isolation=intern(row["isolation"]),
        isolation_reason=intern(row["isolation_reason"]),
        created_at=from_us(row["created_at"]),
    )


def _due(row: Row, prefix: str) -> DueRun | None:
    run_after = _shared_moment(row[f"{prefix}_run_after"])
    if run_after is None:
        return None
    start, end = _shared_moment(row[f"{prefix}_interval_start"]), _shared_moment(row[f"{prefix}_interval_end"])
    interval = DataInterval.between(start, end)
    return DueRun(_shared_moment(row[f"{prefix}_logical_date"]), interval, run_after)


_shared_moment = lru_cache(maxsize=4096)(from_us)
"""Schedules of idle Dags name the same few moments."""


def deferral_row(deferral: Deferral) -> dict[str, Any]:
    answer = deferral.answer or Answer()
    return {
        "run": deferral.key.run,
        "task_id": deferral.key.task_id,
        "map_index": deferral.key.map_index,
        "id": deferral.id,
        "classpath": deferral.classpath,
        "kwargs": deferral.kwargs,
        "method": deferral.method,
        "method_kwargs": deferral.method_kwargs,
        "pool": deferral.pool,
        "pool_slots": deferral.pool_slots,
        "created_at": to_us(deferral.created_at),
        "at": to_us(deferral.at),
        "at_event": deferral.at_event,
        "at_ends": deferral.at_ends,
        "timeout_at": to_us(deferral.timeout_at),
        "is_answered": deferral.answer is not None,
        "event": answer.event,
        "error": answer.error,
    }


def deferral_of(row: Row, question: Question | None = None) -> Deferral:
    """What a task instance waits for; its question lies in a table of its own."""
    return Deferral(
        key=TaskKey(row["run"], row["task_id"], row["map_index"]),
        id=row["id"],
        classpath=row["classpath"],
        kwargs=bytes(row["kwargs"]),
        method=row["method"],
        method_kwargs=bytes(row["method_kwargs"]),
        pool=row["pool"],
        pool_slots=row["pool_slots"],
        created_at=from_us(row["created_at"]),
        at=from_us(row["at"]),
        at_event=bytes(row["at_event"]),
        at_ends=row["at_ends"],
        timeout_at=from_us(row["timeout_at"]),
        answer=Answer(bytes(row["event"]), row["error"]) if row["is_answered"] else None,
        question=question,
    )


def question_row(question: Question) -> dict[str, Any]:
    run, task_id, map_index = question.key
    return {
        "id": question.id,
        "run": run,
        "task_id": task_id,
        "map_index": map_index,
        "try_number": question.try_number,
        "subject": question.subject,
        "body": question.body,
        "options": json.dumps(question.options),
        "defaults": None if question.defaults is None else json.dumps(question.defaults),
        "multiple": question.multiple,
        "params": question.params,
        "assigned": json.dumps(question.assigned),
        "asked_at": to_us(question.asked_at),
        "timeout_at": to_us(question.timeout_at),
        "answered_at": to_us(question.answered_at),
        "answered_by": json.dumps(question.answered_by) if question.answered_by else None,
        "chosen": json.dumps(question.chosen),
        "params_input": question.params_input,
    }


def question_of(row: Row) -> Question:
    return Question(
        key=TaskKey(row["run"], row["task_id"], row["map_index"]),
        id=row["id"],
        try_number=row["try_number"],
        subject=row["subject"],
        options=tuple(json.loads(row["options"])),
        body=row["body"],
        defaults=None if row["defaults"] is None else tuple(json.loads(row["defaults"])),
        multiple=bool(row["multiple"]),
        params=bytes(row["params"]),
        assigned=tuple(Person(*each) for each in json.loads(row["assigned"])),
        asked_at=from_us(row["asked_at"]),
        timeout_at=from_us(row["timeout_at"]),
        answered_at=from_us(row["answered_at"]),
        answered_by=Person(*json.loads(row["answered_by"])) if row["answered_by"] else None,
        chosen=tuple(json.loads(row["chosen"])),
        params_input=bytes(row["params_input"]),
    )


def asset_event_row(event: AssetEvent) -> dict[str, Any]:
    return {
        "number": event.number,
        "id": event.id,
        "name": event.name,
        "uri": event.uri,
        "asset_group": event.group,
        "extra": event.extra,
        "aliases": json.dumps(event.aliases),
        "at": to_us(event.at),
        "dag_id": event.dag_id,
        "run_id": event.run_id,
        "task_id": event.task_id,
        "map_index": event.map_index,
        "actor": event.actor,
        "partition_key": event.partition_key,
        "partition_date": to_us(event.partition_date),
    }


def asset_event_of(row: Row) -> AssetEvent:
    at = from_us(row["at"])
    assert at is not None
    return AssetEvent(
        number=row["number"],
        id=row["id"],
        name=row["name"],
        uri=row["uri"],
        at=at,
        group=row["asset_group"],
        extra=bytes(row["extra"]),
        aliases=tuple(json.loads(row["aliases"])),
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        task_id=row["task_id"],
        map_index=row["map_index"],
        actor=row["actor"],
        partition_key=row["partition_key"],
        partition_date=from_us(row["partition_date"]),
    )


def watched_of(row: Row) -> Watched:
    assets = tuple((name, uri, group) for name, uri, group in json.loads(row["assets"]))
    kwargs, retry_at = bytes(row["kwargs"]), from_us(row["retry_at"])
    return Watched(row["id"], row["classpath"], kwargs, assets, row["failures"], row["error"], retry_at)


def backfill_of(row: Row) -> Backfill:
    begin, end = from_us(row["from_date"]), from_us(row["to_date"])
    assert begin is not None
    assert end is not None
    latest = row["latest"]
    return Backfill(
        id=row["id"],
        dag_id=row["dag_id"],
        from_date=begin,
        to_date=end,
        conf=json.loads(row["conf"]),
        reprocess=Reprocess(row["reprocess"]),
        max_active=row["max_active"],
        backwards=bool(row["backwards"]),
        latest=None if latest is None else bool(latest),
        is_paused=bool(row["is_paused"]),
        state=row["state"],
        reason=row["reason"],
        user=row["triggering_user"],
        created_at=from_us(row["created_at"]),
        completed_at=from_us(row["completed_at"]),
    )


def slot_of(row: Row) -> Slot:
    start, end, after = (from_us(row[n]) for n in ("data_interval_start", "data_interval_end", "run_after"))
    assert after is not None
    interval = DataInterval.between(start, end)
    due = DueRun(from_us(row["logical_date"]), interval, after)
    return Slot(row["position"], due, Action(row["action"]), row["reason"], row["run"], bool(row["is_done"]))


def pool_of(row: Row) -> Pool:
    return Pool(
        name=row["name"],
        slots=row["slots"],
        description=row["description"],
        include_deferred=bool(row["include_deferred"]),
    )


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of plain values: datetimes become microseconds, lists and dicts JSON."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_us(value)
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value)
    return value


def hush_of(row: Mapping[str, Any]) -> Hush:
    """A silence that somebody asked for."""
    return Hush(row["id"], Silence(from_us(row["start_date"]), from_us(row["end_date"])), row["rules"], row["dags"])
