"""Identifiers that follow from what they name, so that deciding the same thing twice makes the same row."""

from datetime import datetime
from uuid import UUID, uuid5

from tradewind.core.records import TaskKey
from tradewind.core.states import RunType

_NAMESPACE = UUID("6d0a1b0e-7c53-5a3e-9a51-0f6c7e2d41b7")


def attempt_id(key: TaskKey, try_number: int, leg: int) -> str:
    """The id of one start of one task instance: the fencing token of all its reports."""
    return uuid5(_NAMESPACE, f"{key.run}/{key.task_id}/{key.map_index}/{try_number}/{leg}").hex


def callback_id(run: int, clear_number: int, kind: str, key: TaskKey | None = None, try_number: int = 0) -> str:
    """The id of one callback: a run's end, or one try's end, calls back once."""
    what = f"{key.task_id}/{key.map_index}/{try_number}" if key else ""
    return uuid5(_NAMESPACE, f"callback/{run}/{clear_number}/{kind}/{what}").hex


def watcher_id(classpath: str, kwargs: str) -> str:
    """The id of the trigger of this class with these arguments."""
    return uuid5(_NAMESPACE, f"watcher/{classpath}/{kwargs}").hex


def run_id_for(run_type: RunType, at: datetime, number: int | None = None) -> str:
    """Airflow's run id for a run of this type: `scheduled__2024-01-02T00:00:00+00:00`, with `_` and eight characters
    that follow from the run's number where one is given."""
    apart = "" if number is None else "_" + uuid5(_NAMESPACE, f"run/{number}").hex[:8]
    return f"{run_type}__{at.isoformat()}{apart}"
