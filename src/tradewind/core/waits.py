"""What waits right now, and why: one entry for each Dag and cause, so that a thousand tasks behind one pool are one.

Tasks that only wait for their upstream are left out: they will start by themselves once it has ended, and what keeps
the upstream is an entry of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tradewind.core.explain import explain
from tradewind.core.reasons import Part, Reason, reason, sent
from tradewind.core.records import TaskInstance
from tradewind.core.states import RUN_FINISHED, RunState, TaskState
from tradewind.core.world import LiveRun, World

MOST_LOOKED_AT = 5_000
"""Task instances that are looked at for one answer; what lies beyond is left out, and the answer says so."""

_WAITING = frozenset(
    {TaskState.SCHEDULED, TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE, TaskState.DEFERRED,
     TaskState.AWAITING_INPUT}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Why something of one Dag waits: the first task instance (`task_id` is empty for a whole run), and how many."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str
    code: str
    sentence: str
    parts: tuple[Part, ...]
    since: datetime | None
    count: int


@dataclass(slots=True)
class _Found:
    live: LiveRun
    task: TaskInstance | None
    reason: Reason | None = None
    count: int = 1


def waits(
    world: World, now: datetime, most: int, held_back: Mapping[str, tuple[int, int]], looked_at: int = MOST_LOOKED_AT
) -> tuple[list[Wait], bool]:
    """At most `most` causes, oldest runs first, and whether everything was looked at."""
    found: dict[tuple[str, ...], _Found] = {}
    left = looked_at
    for live in world.runs.values():
        if left <= 0 or len(found) >= most:
            return [_wait(world, each, now, held_back) for each in found.values()], False
        for cause, task in _held(live, held_back):
            key = (live.run.dag_id, *cause)
            if key in found:
                found[key].count += 1
            elif len(found) < most:
                found[key] = _Found(live, task)
        left -= 1 + (len(live.tasks) if _has_waiting(live, held_back) else 0)
    return [_wait(world, each, now, held_back) for each in found.values()], True


def _has_waiting(live: LiveRun, held_back: Mapping[str, tuple[int, int]]) -> bool:
    return bool(held_back) or live.in_motion > live.active


def _held(
    live: LiveRun, held_back: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[tuple[str, ...], TaskInstance | None]]:
    """What of a run waits for something else than its upstream; those with one cause share its name."""
    run = live.run
    if run.state in RUN_FINISHED:
        return
    if run.state is RunState.QUEUED or live.quarantine:
        yield ("run", live.quarantine), None
        return
    if not _has_waiting(live, held_back):
        return
    for task in live.tasks.values():
        if task.state in _WAITING:
            spec = live.spec_of(task.key.task_id)
            # Ready tasks of one pool and queue are held by one limit; what has a timer or an answer has its own.
            place = (spec.pool, spec.queue) if spec is not None and task.state is TaskState.SCHEDULED else (
                task.key.task_id, "")  # fmt: skip
            yield (str(task.state), *place), task
        elif task.attempt is not None and task.attempt in held_back:
            yield ("memory", task.key.task_id), task


def _wait(world: World, found: _Found, now: datetime, held_back: Mapping[str, tuple[int, int]]) -> Wait:
    live, task = found.live, found.task
    asked = task or next(iter(live.tasks.values()), None)
    why = explain(world, live, asked, now, held_back)[0] if asked is not None else _NO_TASK
    return Wait(
        dag_id=live.run.dag_id,
        run_id=live.run.run_id,
        task_id=task.key.task_id if task else "",
        map_index=task.key.map_index if task else -1,
        state=str(task.state if task else live.run.state),
        code=why.code,
        sentence=why.sentence,
        parts=why.parts,
        since=(task.scheduled_at or task.end_date) if task else live.run.queued_at,
        count=found.count,
    )


_NO_TASK = reason("next_turn")


def said(found: Wait) -> dict[str, Any]:
    """As it is sent."""
    return {
        name: getattr(found, name)
        for name in ("dag_id", "run_id", "task_id", "map_index", "state", "code", "sentence", "count")
    } | {"since": found.since.isoformat() if found.since else None, "parts": sent(found.parts)}
