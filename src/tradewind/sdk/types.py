"""Small vocabulary that author code shares: states, trigger and weight rules, and "no value given"."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from tradewind.core.states import RunState as DagRunState
from tradewind.core.states import RunType as DagRunType
from tradewind.core.states import TriggerRule

__all__ = [
    "NOTSET",
    "ArgNotSet",
    "DagRunState",
    "DagRunType",
    "State",
    "TaskInstanceKey",
    "TaskInstanceState",
    "TriggerRule",
    "WeightRule",
    "is_arg_set",
    "trigger_rule",
]


class ArgNotSet:
    """Type of `NOTSET`, which marks an argument that nobody gave (None may be a value)."""

    def __repr__(self) -> str:
        return "NOTSET"


NOTSET = ArgNotSet()


def is_arg_set(value: Any) -> bool:
    """Whether somebody gave this argument."""
    return not isinstance(value, ArgNotSet)


class TaskInstanceState(StrEnum):
    """States of a task instance, as author code compares them."""

    REMOVED = "removed"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    RESTARTING = "restarting"
    FAILED = "failed"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    UPSTREAM_FAILED = "upstream_failed"
    SKIPPED = "skipped"
    DEFERRED = "deferred"
    AWAITING_INPUT = "awaiting_input"


class TriggerFailureReason(StrEnum):
    """Why a deferred task goes on although its trigger said nothing."""

    TRIGGER_TIMEOUT = "Trigger timeout"
    TRIGGER_FAILURE = "Trigger failure"


TRIGGER_FAIL_REPR = "__fail__"
"""The method with which `resume_execution` is called then."""


class WeightRule(StrEnum):
    """How a task's priority weight counts its neighbours."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"


class State:
    """The flat list of states that Dag files of the 2.x generation use."""

    SUCCESS = TaskInstanceState.SUCCESS
    RUNNING = TaskInstanceState.RUNNING
    FAILED = TaskInstanceState.FAILED
    NONE = None
    REMOVED = TaskInstanceState.REMOVED
    SCHEDULED = TaskInstanceState.SCHEDULED
    QUEUED = TaskInstanceState.QUEUED
    RESTARTING = TaskInstanceState.RESTARTING
    UP_FOR_RETRY = TaskInstanceState.UP_FOR_RETRY
    UP_FOR_RESCHEDULE = TaskInstanceState.UP_FOR_RESCHEDULE
    UPSTREAM_FAILED = TaskInstanceState.UPSTREAM_FAILED
    SKIPPED = TaskInstanceState.SKIPPED
    DEFERRED = TaskInstanceState.DEFERRED
    AWAITING_INPUT = TaskInstanceState.AWAITING_INPUT

    task_states = (None, *TaskInstanceState)
    dag_states = (DagRunState.QUEUED, DagRunState.SUCCESS, DagRunState.RUNNING, DagRunState.FAILED)
    finished = frozenset({SUCCESS, FAILED, SKIPPED, UPSTREAM_FAILED, REMOVED})
    unfinished = frozenset({None, *TaskInstanceState}) - finished
    failed_states = frozenset({FAILED, UPSTREAM_FAILED})
    success_states = frozenset({SUCCESS, SKIPPED})
    running_states = frozenset({RUNNING, DEFERRED})


class TaskInstanceKey(NamedTuple):
    """Names one try of one task instance."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int = 1
    map_index: int = -1

    @property
    def primary(self) -> tuple[str, str, str, int]:
        return self.dag_id, self.task_id, self.run_id, self.map_index

    @property
    def key(self) -> TaskInstanceKey:
        return self

    def with_try_number(self, try_number: int) -> TaskInstanceKey:
        return self._replace(try_number=try_number)


_OLD_RULES = {
    "dummy": TriggerRule.ALWAYS,
    "none_failed_or_skipped": TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
}


def trigger_rule(name: str) -> TriggerRule:
    """The rule of this name, old spellings included; ValueError names the known ones."""
    text = str(name)
    if text in _OLD_RULES:
        return _OLD_RULES[text]
    try:
        return TriggerRule(text)
    except ValueError:
        raise ValueError(f"trigger rule {text!r} is not one of {', '.join(TriggerRule)}") from None
