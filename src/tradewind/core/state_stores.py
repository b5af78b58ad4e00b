"""What tasks keep: the task state store beside a task instance, and the asset state store beside an asset.

Only the current attempt of a task instance that is under way writes there, so that a process which outlived its try
cannot undo what the next one has noted. No decision depends on the values: they are rows and nothing else.
"""

from typing import Any

from tradewind.core.decisions import DropRows, PutRow, Record
from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import AssetStoreChanged, TaskStoreChanged
from tradewind.core.records import TaskKey
from tradewind.core.states import TaskState
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun

UNDER_WAY = frozenset({TaskState.QUEUED, TaskState.RUNNING, TaskState.RESTARTING})
"""States in which a task's attempt speaks for it; `queued` as well, since news of the start may come later."""

LONGEST_KEY = 512


def checked_key(key: str) -> str:
    """The key, if it can be one; InvalidInput says what it has to be."""
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY or "\0" in key:
        raise InvalidInput(
            f"A key of a state store is text of 1 to {LONGEST_KEY} characters without NUL, not {key!r:.60}."
        )
    return key


def task_store_changed(turn: Turn, report: TaskStoreChanged) -> bool:
    """Keep or forget a value of the attempt's task instance; False where it no longer speaks for that."""
    found = _writer(turn, report.attempt, "task_state_store")
    if found is None:
        return False
    _, key = found
    values = {"expires_at": None if report.retention is None else turn.now + report.retention}
    _change(turn, "task_state_store", key._asdict(), report.key, report.value, values)
    return True


def asset_store_changed(turn: Turn, report: AssetStoreChanged) -> bool:
    """Keep or forget a value of an asset; False where the attempt no longer speaks for its task instance."""
    found = _writer(turn, report.attempt, "asset_state_store")
    if found is None:
        return False
    live, key = found
    place = {"name": report.name, "uri": report.uri}
    values = {
        "dag_id": live.run.dag_id, "run_id": live.run.run_id, "task_id": key.task_id, "map_index": key.map_index,
    }  # fmt: skip
    _change(turn, "asset_state_store", place, report.key, report.value, values)
    return True


def _writer(turn: Turn, attempt_id: str, what: str) -> tuple[LiveRun, TaskKey] | None:
    """The task instance for which this attempt speaks."""
    attempt = turn.world.attempts.get(attempt_id)
    if attempt is not None:
        live = turn.world.runs[attempt.key.run]
        task = live.tasks.get((attempt.key.task_id, attempt.key.map_index))
        if task is not None and task.attempt == attempt.id and task.state in UNDER_WAY:
            return live, attempt.key
    turn.do(Record("attempt.stale_report", reason=what, body={"attempt": attempt_id}))
    return None


def _change(
    turn: Turn, table: str, place: dict[str, Any], key: str, value: bytes | None, values: dict[str, Any]
) -> None:
    if value is None:
        turn.do(DropRows(table, place | {"key": key} if key else place))
    else:
        turn.do(PutRow(table, {**place, "key": key, "value": value, "updated_at": turn.now, **values}))
