"""The object `dag_run` of a running task, and other tasks of a run as far as one can see them from there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tradewind.core.states import RunState, RunType
from tradewind.sdk.execution.moments import optional_moment
from tradewind.sdk.execution.runtime import current_runtime
from tradewind.sdk.types import TaskInstanceState
from tradewind.wire.messages import RunInfo

if TYPE_CHECKING:
    import pendulum


class DagRun:
    """The run of a task, or another one of its Dag."""

    def __init__(self, info: RunInfo) -> None:
        self._info = info
        self.dag_id, self.run_id, self.conf = info.dag_id, info.run_id, dict(info.conf or {})
        self.clear_number, self.note = info.clear_number, info.note
        self.triggering_user_name, self.triggered_by = info.triggering_user, info.triggered_by
        self.partition_key = info.partition_key
        self.team_name = None

    @classmethod
    def from_answer(cls, fields: Mapping[str, Any] | None) -> DagRun | None:
        """From the engine's answer to `run.get` or `run.previous`."""
        return None if fields is None else cls(RunInfo(**fields))

    @cached_property
    def logical_date(self) -> pendulum.DateTime | None:
        return optional_moment(self._info.logical_date_us)

    @property
    def execution_date(self) -> pendulum.DateTime | None:
        return self.logical_date

    @cached_property
    def data_interval_start(self) -> pendulum.DateTime | None:
        return optional_moment(self._info.data_interval_start_us)

    @cached_property
    def data_interval_end(self) -> pendulum.DateTime | None:
        return optional_moment(self._info.data_interval_end_us)

    @cached_property
    def run_after(self) -> pendulum.DateTime | None:
        return optional_moment(self._info.run_after_us)

    @cached_property
    def partition_date(self) -> pendulum.DateTime | None:
        return optional_moment(self._info.partition_date_us)

    @cached_property
    def start_date(self) -> pendulum.DateTime | None:
        return optional_moment(self._info.start_date_us)

    @cached_property
    def end_date(self) -> pendulum.DateTime | None:
        return optional_moment(self._info.end_date_us)

    @cached_property
    def consumed_asset_events(self) -> list[Any]:
        """The asset events that the run was made for; asked of the engine."""
        from tradewind.sdk.execution.asset_events import events_of_run

        return events_of_run(self._info)

    @property
    def state(self) -> RunState:
        return RunState(self._info.state)

    @property
    def run_type(self) -> RunType:
        return RunType(self._info.run_type)

    @property
    def external_trigger(self) -> bool:
        return self._info.run_type in (RunType.MANUAL, RunType.OPERATOR_TRIGGERED)

    @property
    def is_backfill(self) -> bool:
        return self._info.run_type == RunType.BACKFILL

    def get_state(self) -> RunState:
        return self.state

    def get_previous_dagrun(self, state: str | None = None, **_: Any) -> DagRun | None:
        """The newest run before this one, of this state if given."""
        return previous_run(self._info, state)

    def get_previous_scheduled_dagrun(self, **_: Any) -> DagRun | None:
        return previous_run(self._info, None, scheduled_only=True)

    def get_task_instance(self, task_id: str, *, map_index: int = -1, **_: Any) -> OtherTaskInstance | None:
        """State of one task of this run, or None."""
        found = [it for it in self.get_task_instances() if it.task_id == task_id and it.map_index == map_index]
        return found[0] if found else None

    def get_task_instances(self, state: Any = None, **_: Any) -> list[OtherTaskInstance]:
        """The tasks of this run with their states now, those of `state` (one or several) if given."""
        answer = current_runtime().request("task.states", dag_id=self.dag_id, run_ids=[self.run_id])
        states = dict((answer or {}).get(self.run_id, {}))
        wanted = {state} if isinstance(state, (str, type(None))) else set(state)
        instances = [_instance(self, name, value, states) for name, value in states.items()]
        return [it for it in instances if state is None or it.state in wanted]

    def __repr__(self) -> str:
        return f"<DagRun {self.dag_id} @ {self.run_id}: {self._info.state}>"


class OtherTaskInstance:
    """Another task of a run, as far as it can be seen from here."""

    def __init__(self, run: DagRun, task_id: str, map_index: int, state: str | None) -> None:
        self.dag_id, self.run_id, self.dag_run = run.dag_id, run.run_id, run
        self.task_id, self.map_index = task_id, map_index
        self.state = TaskInstanceState(state) if state else None

    def current_state(self) -> TaskInstanceState | None:
        return self.state

    def __repr__(self) -> str:
        return f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id} [{self.state}]>"


def _instance(run: DagRun, name: str, state: str | None, names: Mapping[str, Any]) -> OtherTaskInstance:
    """Mapped instances are answered as `task_id_N`."""
    task_id, _, index = name.rpartition("_")
    if task_id and index.isdigit() and task_id not in names and f"{task_id}_0" in names:
        return OtherTaskInstance(run, task_id, int(index), state)
    return OtherTaskInstance(run, name, -1, state)


def previous_run(info: RunInfo, state: str | None, *, scheduled_only: bool = False) -> DagRun | None:
    before = info.logical_date_us if info.logical_date_us is not None else info.run_after_us
    answer = current_runtime().request(
        "run.previous", dag_id=info.dag_id, before_us=before, state=str(state) if state else None,
        scheduled_only=scheduled_only,
    )  # fmt: skip
    return DagRun.from_answer(answer)
