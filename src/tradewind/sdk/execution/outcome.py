"""How what a task raised ends its attempt."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tradewind.core.retries import is_eligible
from tradewind.sdk.exceptions import (
    AirflowFailException,
    AirflowInactiveAssetInInletOrOutletException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTerminated,
    DownstreamTasksSkipped,
    TaskAwaitingInput,
    TaskDeferred,
)
from tradewind.sdk.execution.asking import question_of, waits_for_people
from tradewind.sdk.execution.deferral import deferral_of
from tradewind.sdk.execution.interrupts import Stopped
from tradewind.sdk.execution.moments import microseconds
from tradewind.wire.messages import Deferral, Question

LONGEST_ERROR = 1000
LONGEST_REASON = 500
"""Of what a retry policy says for its decision, so much is kept."""


@dataclass(slots=True)
class Outcome:
    """The end of an attempt. `kind` is an outcome of `wire.messages.Finished`."""

    kind: str
    error: str = ""
    will_retry: bool = False
    skip: list[str] = field(default_factory=list)
    reschedule_us: int | None = None
    retry_delay_seconds: float | None = None
    defer: Deferral | None = None
    ask: Question | None = None

    @property
    def callback(self) -> str:
        """The task's callback that belongs to this end."""
        match self.kind:
            case "success":
                return "on_success"
            case "skipped":
                return "on_skipped"
            case "failed" | "failed_for_good":
                return "on_retry" if self.will_retry else "on_failure"
            case _:
                return ""


def outcome_of(error: BaseException, *, task: Any, try_number: int, max_tries: int, context: Any) -> Outcome:
    """The end of an attempt whose task raised this."""
    match error:
        case Stopped():
            return Outcome("cancelled", str(error))
        case AirflowSkipException():
            return Outcome("skipped", one_line(error))
        case DownstreamTasksSkipped():
            return Outcome("success", skip=[skipped_name(task) for task in error.tasks])
        case AirflowRescheduleException():
            return Outcome("rescheduled", reschedule_us=microseconds(error.reschedule_date))
        case TaskDeferred():
            waiting = waits_for_people(error)
            return _deferred(error, task) if waiting is None else _asks(waiting, task, context)
        case TaskAwaitingInput():
            return _asks(error, task, context)
        case AirflowInactiveAssetInInletOrOutletException():
            return _failure(error, task, try_number, max_tries, context)
        case AirflowFailException() | AirflowSensorTimeout() | AirflowTaskTerminated():
            return Outcome("failed_for_good", one_line(error))
        case _:
            return _failure(error, task, try_number, max_tries, context)


def one_line(error: BaseException) -> str:
    """`ValueError: text`, as a list of attempts shows it."""
    try:
        text = " ".join(str(error).split())
    except Exception as problem:  # author exceptions may fail to print
        text = f"(its text cannot be shown: {type(problem).__name__})"
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return line if len(line) <= LONGEST_ERROR else f"{line[: LONGEST_ERROR - 1]}…"


def skipped_name(task: Any) -> str:
    """`task_id` or `task_id[map_index]` of something that names a task instance."""
    if isinstance(task, tuple):
        task_id, map_index = task
        return f"{task_id}[{map_index}]" if map_index >= 0 else str(task_id)
    return str(getattr(task, "task_id", task))


def _failure(error: BaseException, task: Any, try_number: int, max_tries: int, context: Any) -> Outcome:
    """An ordinary failure: the retry policy may decide, else the tries that are left."""
    eligible = is_eligible(try_number, max_tries)
    outcome = Outcome("failed", one_line(error), will_retry=eligible)
    policy = getattr(task, "retry_policy", None)
    if policy is None:
        return outcome
    decision = policy.evaluate(error, try_number, max_tries, context)
    action = str(getattr(decision.action, "value", decision.action))
    if reason := " ".join(str(getattr(decision, "reason", None) or "").split())[:LONGEST_REASON]:
        outcome.error = f"{outcome.error} (retry policy: {reason})"
    if action == "fail":
        return Outcome("failed_for_good", outcome.error)
    if action == "retry" and isinstance(decision.retry_delay, timedelta):
        outcome.retry_delay_seconds = max(0.0, decision.retry_delay.total_seconds())
    return outcome


def _deferred(error: TaskDeferred, task: Any) -> Outcome:
    try:
        return Outcome("deferred", defer=deferral_of(error))
    except Exception as problem:  # author code says what its trigger is made from
        return Outcome("failed_for_good", f"Task {task.task_id!r} could not defer: {one_line(problem)}")


def _asks(waiting: TaskAwaitingInput, task: Any, context: Any) -> Outcome:
    try:
        return Outcome("awaiting_input", ask=question_of(waiting, context["ti"].id))
    except Exception as problem:  # author code says with what it goes on
        return Outcome("failed_for_good", f"Task {task.task_id!r} could not ask anybody: {one_line(problem)}")
