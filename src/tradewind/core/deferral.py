"""Deferred tasks: one waits for a trigger without a slot, and goes on when the trigger has answered.

A deferral is a row of its own beside its task instance. It is there from the attempt that deferred until the one that
goes on has ended, so that a resumed attempt which is given back or offered again brings the same answer.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tradewind.core import attempts, callbacks
from tradewind.core.dag import TaskSpec
from tradewind.core.decisions import Record, StartTrigger, StopTrigger
from tradewind.core.inputs import AttemptFinished, TriggerAnswered, XCom
from tradewind.core.records import Answer, Deferral, TaskInstance, TaskKey
from tradewind.core.states import TaskEvent, TaskState
from tradewind.core.tasks import make_ready
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun


@dataclass(frozen=True, slots=True)
class Held:
    """A task that waits."""

    live: LiveRun
    task: TaskInstance
    spec: TaskSpec
    deferral: Deferral


def defer(turn: Turn, live: LiveRun, spec: TaskSpec, task: TaskInstance, report: AttemptFinished, **times: Any) -> None:
    """An attempt ended by deferring its task."""
    wish, world = report.defer, turn.world
    assert wish is not None
    deferral = Deferral(
        key=task.key,
        id=f"{report.attempt}.trigger",
        classpath=wish.classpath,
        kwargs=wish.kwargs,
        method=wish.method,
        method_kwargs=wish.method_kwargs,
        pool=spec.pool,
        pool_slots=spec.pool_slots,
        created_at=turn.now,
        at=wish.at,
        at_event=wish.at_event,
        at_ends=wish.at_ends,
        timeout_at=turn.now + timedelta(seconds=wish.timeout_seconds) if wish.timeout_seconds is not None else None,
    )
    # The one before, of which this attempt was the answer's, goes; then the task is `deferred` by the new one.
    turn.drop_deferral(task.key)
    turn.put_deferral(deferral)
    turn.move(live, task, TaskEvent.DEFERS, **times, reason=f"waits for {deferral.name}")
    for moment in (deferral.at, deferral.timeout_at):
        if moment is not None:
            world.at(moment, "deferral", task.key)
    if deferral.needs_triggerer:
        turn.do(StartTrigger(deferral))


def on_timer(turn: Turn, key: TaskKey) -> None:
    """The moment that a task waits for has come, or its patience is over."""
    held = held_by(turn, key, TaskState.DEFERRED)
    if held is None:
        return
    deferral = held.deferral
    if deferral.at is not None and deferral.at <= turn.now:
        _go_on(turn, held, Answer(event=deferral.at_event), deferral.at_ends)
    elif deferral.timeout_at is not None and deferral.timeout_at <= turn.now:
        if deferral.needs_triggerer:
            turn.do(StopTrigger(deferral.id))
        _go_on(turn, held, Answer(error="timeout"))


def answered(turn: Turn, news: TriggerAnswered) -> None:
    """A trigger has spoken. Only the first word counts; one that nobody waits for any more is noted."""
    key = turn.world.deferred_as.get(news.id)
    held = held_by(turn, key, TaskState.DEFERRED) if key is not None else None
    if held is None:
        turn.do(Record("trigger.stale_answer", reason=news.error, body={"trigger": news.id}))
        return
    if news.error:
        _go_on(turn, held, Answer(event=json.dumps(news.error).encode(), error="failure"), why=news.error)
    else:
        _go_on(turn, held, Answer(event=news.event), news.ends, news.xcoms)


def held_by(turn: Turn, key: TaskKey, state: TaskState) -> Held | None:
    """A task that still waits in this state, and for what."""
    deferral, live, task = turn.world.deferrals.get(key), turn.world.runs.get(key.run), turn.world.task(key)
    if deferral is None or deferral.answer is not None or live is None or task is None:
        return None
    spec = live.spec_of(key.task_id)
    if spec is None or task.state is not state:
        return None
    return Held(live, task, spec, deferral)


def _go_on(turn: Turn, held: Held, answer: Answer, ends: str = "", xcoms: tuple[XCom, ...] = (), why: str = "") -> None:
    live, task, spec, deferral = held.live, held.task, held.spec, held.deferral
    for xcom in xcoms:
        attempts.keep_xcom(turn, live, task.key, xcom)
    turn.put_deferral(deferral._replace(answer=answer))
    name = deferral.name
    match ends:
        case "success":
            turn.move(live, task, TaskEvent.SUCCEEDED, end_date=turn.now, reason=f"{name} says so")
            callbacks.after_try(turn, live, spec, task, "on_success", f"{name} says so", called=False)
        case "skipped":
            turn.move(live, task, TaskEvent.SKIPPED, end_date=turn.now, reason=f"{name} says so")
            callbacks.after_try(turn, live, spec, task, "on_skipped", f"{name} says so", called=False)
        case "failed":
            attempts.fail(turn, live, spec, task, f"{name} says so", called=False, end_date=turn.now)
        case _:
            make_ready(turn, live, spec, task, reason=_reason(deferral, answer, why))


def _reason(deferral: Deferral, answer: Answer, why: str) -> str:
    match answer.error:
        case "timeout":
            return f"{deferral.name} took longer than its timeout"
        case "failure":
            return f"{deferral.name} failed: {why}"
        case _:
            return f"{deferral.name} has fired"
