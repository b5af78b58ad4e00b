"""The object `ti` of a running task: its own facts, what others left for it, and questions about other tasks."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tradewind.sdk.configuration import conf
from tradewind.sdk.execution import xcom_codec, xcom_values
from tradewind.sdk.execution.dag_run import DagRun, OtherTaskInstance, previous_run
from tradewind.sdk.execution.mapped_group import Place, place_of
from tradewind.sdk.execution.moments import microseconds, optional_moment
from tradewind.sdk.execution.runtime import current_runtime
from tradewind.sdk.types import NOTSET, TaskInstanceKey, TaskInstanceState
from tradewind.sdk.xcom_arg import AROUND, Elements
from tradewind.wire.messages import Offer

if TYPE_CHECKING:
    import pendulum

    from tradewind.sdk.context import Context

__all__ = ["XCOM_RETURN_KEY", "DagRun", "OtherTaskInstance", "TaskInstance"]

XCOM_RETURN_KEY = "return_value"
_NOTHING: frozenset[tuple[str, str]] = frozenset()
_RUNNING = TaskInstanceState.RUNNING
_Rows = list[tuple[str, int, str, bytes]]


class TaskInstance:
    """The running task instance: `ti` in templates and callables."""

    def __init__(self, offer: Offer, task: Any, context: Callable[[], Context]) -> None:
        self._offer, self._context = offer, context
        self.carried = _NOTHING
        """(task_id, key) of what the offer carries if it exists at all."""
        self.task = self._authored = task
        self.task_id, self.dag_id, self.run_id = offer.task_id, offer.run.dag_id, offer.run.run_id
        self.map_index, self.try_number, self.max_tries = offer.map_index, offer.try_number, offer.max_tries
        self.id = offer.attempt
        self.queue, self.pid = offer.queue, os.getpid()
        self.state = _RUNNING
        self.start_us: int | None = offer.first_start_us
        self.end_us: int | None = None
        self.rendered_map_index: str | None = None
        self.test_mode = False

    @cached_property
    def place(self) -> Place | None:
        """Where it stands inside a mapped group."""
        return place_of(self._authored, self.map_index, self.pull)

    # --- facts ----------------------------------------------------------------------------------------------------

    @cached_property
    def dag_run(self) -> DagRun:
        return DagRun(self._offer.run)

    @property
    def start_date(self) -> pendulum.DateTime | None:
        return optional_moment(self.start_us)

    @property
    def end_date(self) -> pendulum.DateTime | None:
        return optional_moment(self.end_us)

    @property
    def duration(self) -> float | None:
        return (self.end_us - self.start_us) / 1e6 if self.end_us is not None and self.start_us is not None else None

    @property
    def logical_date(self) -> pendulum.DateTime | None:
        return self.dag_run.logical_date

    execution_date = logical_date

    @cached_property
    def hostname(self) -> str:
        return socket.gethostname()

    @property
    def operator(self) -> str:
        return str(getattr(self.task, "task_type", type(self.task).__name__))

    operator_name = operator

    @property
    def is_mapped(self) -> bool:
        return self.map_index >= 0

    @property
    def pool(self) -> str:
        return str(getattr(self.task, "pool", "default_pool"))

    @property
    def prev_attempted_tries(self) -> int:
        return self.try_number

    @property
    def key(self) -> TaskInstanceKey:
        return TaskInstanceKey(self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index)

    @property
    def log_url(self) -> str:
        index = f"/mapped/{self.map_index}" if self.map_index >= 0 else ""
        run, task = quote(self.run_id, safe=""), quote(self.task_id, safe="")
        place = f"dags/{quote(self.dag_id, safe='')}/runs/{run}/tasks/{task}{index}"
        return f"{self._base_url()}/{place}?try_number={self.try_number}"

    @property
    def mark_success_url(self) -> str:
        return self.log_url

    @property
    def stats_tags(self) -> dict[str, str]:
        return {"dag_id": self.dag_id, "task_id": self.task_id}

    @staticmethod
    def _base_url() -> str:
        return str(conf.get("api", "base_url", "http://localhost:8080")).rstrip("/")

    @property
    def log(self) -> logging.Logger:
        """What it writes is in the log of this attempt."""
        return logging.getLogger("airflow.task")

    def current_state(self) -> TaskInstanceState:
        return self.state

    def get_template_context(self, **_: Any) -> Context:
        """The context of this attempt."""
        return self._context()

    def get_dagrun(self, **_: Any) -> DagRun:
        return self.dag_run

    def render_templates(self, context: Any = None, jinja_env: Any = None) -> Any:
        """The task; its fields are rendered before it starts."""
        return self.task

    def get_first_reschedule_date(self, context: Any = None) -> pendulum.DateTime | None:
        """When the first leg of this try began, if it has rescheduled itself."""
        return optional_moment(self._offer.first_start_us) if self._offer.leg else None

    def __repr__(self) -> str:
        index = f" map_index={self.map_index}" if self.map_index >= 0 else ""
        return f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id}{index} [{self.state}]>"

    # --- values between tasks -------------------------------------------------------------------------------------

    def xcom_push(self, key: str, value: Any, execution_date: Any = None, **_: Any) -> None:
        """Leave a value for other tasks, now."""
        length = xcom_codec.length_of(value)
        current_runtime().request(
            "xcom.push", dag_id=self.dag_id, run_id=self.run_id, task_id=self.task_id, map_index=self.map_index,
            key=key, value=xcom_values.store(value, self._offer), **({} if length is None else {"length": length}),
        )  # fmt: skip

    def xcom_pull(
        self, task_ids: str | Iterable[str] | None = None, dag_id: str | None = None, key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool = False, session: Any = None, *, map_indexes: Any = NOTSET, default: Any = None,
        run_id: str | None = None,
    ) -> Any:  # fmt: skip
        """What other tasks left under `key`: one value for one task id, a list for several. A mapped task gives the
        list of its instances' values, or, with `map_indexes`, that of one (a number) or some (a list); asked from
        inside its own mapped group, what stands beside. Without task_ids it is what this task left itself, else what
        any task of the run left. Missing values are `default`."""
        where = {"dag_id": dag_id or self.dag_id, "run_id": run_id or self.run_id}
        here = where == {"dag_id": self.dag_id, "run_id": self.run_id} and not include_prior_dates
        if task_ids is None:
            own = self._rows(self.task_id, key, include_prior_dates, **where)
            rows = own or self._request(None, key, include_prior_dates, **where)
            return xcom_values.load(rows[-1][3]) if rows else default
        if isinstance(task_ids, str):
            map_indexes = self._wanted(task_ids, map_indexes) if here else map_indexes
            rows = self._rows(task_ids, key, include_prior_dates, map_indexes, **where)
            return self._one(rows, map_indexes, default)
        values: list[Any] = []
        for task_id in task_ids:
            wanted = self._wanted(task_id, map_indexes) if here else map_indexes
            rows = self._rows(task_id, key, include_prior_dates, wanted, **where)
            value = self._one(rows, wanted, default)
            if any(row[1] >= 0 for row in rows) and isinstance(value, list) and not isinstance(wanted, int):
                values += value
            else:
                values.append(value)
        return values

    def pull(self, task_id: str, key: str, map_indexes: int | None) -> Any:
        """What a reference among the task's arguments stands for; NOTSET where nothing was left."""
        if task_id == AROUND:
            return self.place.arguments[key] if self.place is not None else NOTSET
        wanted = self._wanted(task_id, NOTSET)
        rows = self._rows(task_id, key, False, wanted, dag_id=self.dag_id, run_id=self.run_id)
        if isinstance(wanted, int):
            return self._one(rows, wanted, None if key == XCOM_RETURN_KEY else NOTSET)
        if wanted is not NOTSET:
            rows = [row for row in rows if row[1] in wanted]
        if map_indexes is None:
            return Elements(len(rows), lambda index: xcom_values.load(rows[index][3])) if rows else NOTSET
        return self._one(rows, NOTSET, NOTSET)

    def _wanted(self, task_id: str, map_indexes: Any) -> Any:
        """The map indexes that are asked for: by whoever asks, else by where this task stands."""
        if map_indexes is not None and map_indexes is not NOTSET:
            return map_indexes
        place = self.place
        return place.beside(task_id) if place is not None and place.holds(task_id) else NOTSET

    def _one(self, rows: _Rows, map_indexes: Any, default: Any) -> Any:
        """The value of one task: of its instances if it is mapped, those of `map_indexes` if given."""
        if isinstance(map_indexes, int):
            rows = [row for row in rows if row[1] == map_indexes]
            return xcom_values.load(rows[0][3]) if rows else default
        if map_indexes is not None and map_indexes is not NOTSET:
            by_index = {row[1]: row for row in rows}
            return [xcom_values.load(by_index[i][3]) if i in by_index else default for i in map_indexes]
        if not rows:
            return default
        if all(row[1] < 0 for row in rows):
            return xcom_values.load(rows[-1][3])
        return [xcom_values.load(row[3]) for row in rows if row[1] >= 0]

    def _rows(
        self, task_id: str, key: str, prior: bool, wanted: Any = NOTSET, *, dag_id: str, run_id: str
    ) -> _Rows:  # fmt: skip
        """From the offer when it carries them, which is then complete; else from the engine. Of a task in the same
        mapped group it carries what stands beside."""
        here = not prior and dag_id == self.dag_id and run_id == self.run_id
        if here and (self._wanted(task_id, NOTSET) in (NOTSET, wanted)):
            carried = [(x.task_id, x.map_index, x.key, x.value) for x in self._offer.xcoms if _is(x, task_id, key)]
            if carried or (task_id, key) in self.carried:
                return sorted(carried, key=lambda row: row[1])
        return self._request([task_id], key, prior, dag_id=dag_id, run_id=run_id)

    @staticmethod
    def _request(task_ids: list[str] | None, key: str, prior: bool, *, dag_id: str, run_id: str) -> _Rows:
        answer = current_runtime().request(
            "xcom.pull", dag_id=dag_id, run_id=run_id, task_ids=task_ids, map_indexes=None, key=key,
            include_prior_dates=prior,
        )  # fmt: skip
        return [(row[0], row[1], row[2], row[3]) for row in answer or ()]

    # --- other runs and tasks -------------------------------------------------------------------------------------

    def get_previous_dagrun(self, state: str | None = None, **_: Any) -> DagRun | None:
        """The newest run of this Dag before this one, of this state if given."""
        return previous_run(self._offer.run, state)

    def get_previous_ti(self, state: str | None = None, **_: Any) -> OtherTaskInstance | None:
        """This task in the previous run."""
        run = self.get_previous_dagrun(state)
        return run.get_task_instance(self.task_id, map_index=self.map_index) if run else None

    @staticmethod
    def get_ti_count(
        dag_id: str, map_index: int | None = None, task_ids: Sequence[str] | None = None,
        task_group_id: str | None = None, logical_dates: Sequence[datetime] | None = None,
        run_ids: Sequence[str] | None = None, states: Sequence[str] | None = None,
    ) -> int:  # fmt: skip
        """How many task instances fit."""
        return int(
            current_runtime().request("task.count", **_filters(dag_id, run_ids, logical_dates, task_ids, states))
        )

    @staticmethod
    def get_task_states(
        dag_id: str, map_index: int | None = None, task_ids: Sequence[str] | None = None,
        task_group_id: str | None = None, logical_dates: Sequence[datetime] | None = None,
        run_ids: Sequence[str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """States by run id and task id."""
        extra = {} if map_index is None else {"map_index": map_index}
        filters = _filters(dag_id, run_ids, logical_dates, task_ids, None)
        return dict(current_runtime().request("task.states", **filters, **extra) or {})

    @staticmethod
    def get_dr_count(
        dag_id: str, logical_dates: Sequence[datetime] | None = None, run_ids: Sequence[str] | None = None,
        states: Sequence[str] | None = None,
    ) -> int:  # fmt: skip
        """How many runs fit."""
        return int(current_runtime().request("run.count", **_filters(dag_id, run_ids, logical_dates, None, states)))

    @staticmethod
    def get_dagrun_state(dag_id: str, run_id: str) -> str | None:
        """State of a run, or None when there is no such run."""
        found = DagRun.from_answer(current_runtime().request("run.get", dag_id=dag_id, run_id=run_id))
        return found.state if found else None


def _is(xcom: Any, task_id: str, key: str) -> bool:
    return bool(xcom.task_id == task_id and xcom.key == key)


def _filters(dag_id: str, run_ids: Any, logical_dates: Any, task_ids: Any, states: Any) -> dict[str, Any]:
    dates = None if logical_dates is None else [microseconds(date) for date in logical_dates]
    given = {"run_ids": run_ids, "logical_dates_us": dates, "task_ids": task_ids, "states": states}
    return {"dag_id": dag_id, **{name: list(value) for name, value in given.items() if value is not None}}
