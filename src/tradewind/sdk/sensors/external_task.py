"""ExternalTaskSensor: wait for another Dag, or tasks of it. ExternalTaskMarker: say which task waits for this one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from typing import Any, ClassVar
from urllib.parse import quote

from tradewind.sdk.callables import determine_kwargs
from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowSkipException,
    DuplicateStateError,
    ExternalDagDeletedError,
    ExternalDagFailedError,
    ExternalDagNotFoundError,
    ExternalTaskFailedError,
    ExternalTaskGroupFailedError,
    ExternalTaskGroupNotFoundError,
    ExternalTaskNotFoundError,
)
from tradewind.sdk.execution.runtime import current_runtime
from tradewind.sdk.external import Awaited, Verdict, look
from tradewind.sdk.operator import BaseOperatorLink, describe
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.sensors.base import BaseSensorOperator, defers
from tradewind.sdk.types import State

SAME_DATE = "{{ logical_date.isoformat() }}"
RECURSION_DEPTH = 10


class ExternalDagLink(BaseOperatorLink):
    """The Dag that is waited for."""

    name = "External DAG"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        base = str(conf.get("api", "base_url", "http://localhost:8080")).rstrip("/")
        return f"{base}/dags/{quote(str(operator.external_dag_id), safe='')}"


ExternalTaskSensorLink = ExternalDagLink


class ExternalTaskSensor(BaseSensorOperator):
    """Waits for the run of `external_dag_id` of the same logical date, of `execution_delta` earlier, or of the date or
    dates that `execution_date_fn` gives; or for tasks of it, or a task group.

    It succeeds when all of them are in `allowed_states` (success), is skipped when one is in `skipped_states`, and
    fails when one is in `failed_states`. With `check_existence` it fails at once when they do not exist."""

    template_fields: Collection[str] = (
        "external_dag_id", "external_task_id", "external_task_ids", "external_task_group_id"
    )  # fmt: skip
    ui_color = "#4db7db"
    operator_extra_links: Collection[Any] = (ExternalDagLink(),)

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        allowed_states: Iterable[str] | None = None,
        skipped_states: Iterable[str] | None = None,
        failed_states: Iterable[str] | None = None,
        execution_delta: dt.timedelta | None = None,
        execution_date_fn: Callable[..., Any] | None = None,
        check_existence: bool = False,
        poll_interval: float | None = None,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if poll_interval is not None:
            kwargs.setdefault("poke_interval", poll_interval)
        super().__init__(**kwargs)
        self.allowed_states = _listed(allowed_states) or [State.SUCCESS.value]
        self.skipped_states, self.failed_states = _listed(skipped_states), _listed(failed_states)
        self.external_dag_id, self.external_task_id = external_dag_id, external_task_id
        self.external_task_ids: Any = external_task_ids
        self.external_task_group_id = external_task_group_id
        self.execution_delta, self.execution_date_fn = execution_delta, execution_date_fn
        self.check_existence, self.deferrable = check_existence, defers(deferrable, triggers="external_task")
        self._check_arguments(describe(self.task_id, self._dag))

    @property
    def poll_interval(self) -> float:
        return self.poke_interval

    def poke(self, context: Any) -> bool:
        return self._has_come(self._awaited(context))

    def _has_come(self, awaited: Awaited) -> bool:
        if self.check_existence:
            self._check_existence()
        self.log.info("Waiting for %s at %s", self._named(), ", ".join(map(str, awaited.logical_dates or ())))
        verdict = look(awaited)
        if verdict is Verdict.OPEN:
            return False
        self._conclude(verdict)
        return True

    def execute(self, context: Any) -> Any:
        if not self.deferrable:
            return super().execute(context)
        awaited = self._awaited(context)
        if not self._has_come(awaited):
            from tradewind.sdk.triggers.external_task import WorkflowTrigger

            trigger = WorkflowTrigger(
                external_dag_id=self.external_dag_id,
                external_task_ids=awaited.task_ids,
                external_task_group_id=self.external_task_group_id,
                logical_dates=list(awaited.logical_dates or ()),
                allowed_states=self.allowed_states,
                failed_states=self.failed_states,
                skipped_states=self.skipped_states,
                poke_interval=self.poke_interval,
                soft_fail=self.soft_fail,
            )
            self.defer(trigger=trigger, method_name="execute_complete", timeout=self.deferral_timeout)
        return None

    def execute_complete(self, context: Any, event: dict[str, Any] | None = None) -> None:
        """Goes on when the trigger has fired."""
        status = (event or {}).get("status")
        try:
            self._conclude(Verdict(status))
        except ValueError:
            raise AirflowException(f"The trigger said {event!r}, which is no status of {self._named()}.") from None

    def _conclude(self, verdict: Verdict) -> None:
        match verdict:
            case Verdict.SKIPPED:
                raise AirflowSkipException(f"{self._named()} is in one of the skipped_states.")
            case Verdict.FAILED:
                text = f"{self._named()} is in one of the failed_states ({', '.join(self.failed_states)})."
                raise AirflowSkipException(text) if self.soft_fail else self._failure(text)
            case Verdict.ALLOWED | Verdict.OPEN:
                self.log.info("%s has come to the awaited state.", self._named())

    def _failure(self, text: str) -> AirflowException:
        if self.external_task_group_id is not None:
            return ExternalTaskGroupFailedError(text)
        return ExternalTaskFailedError(text) if self._task_ids() else ExternalDagFailedError(text)

    # --- what it waits for ----------------------------------------------------------------------------------------

    def _awaited(self, context: Any) -> Awaited:
        task_ids = self._task_ids()
        return Awaited(
            dag_id=self.external_dag_id,
            logical_dates=tuple(dict.fromkeys(self._dates(context))),
            task_ids=tuple(task_ids) if task_ids else None,
            group_id=self.external_task_group_id,
            allowed=frozenset(self.allowed_states),
            failed=frozenset(self.failed_states),
            skipped=frozenset(self.skipped_states),
        )

    def _dates(self, context: Any) -> list[dt.datetime]:
        date = context.get("logical_date") or context["dag_run"].run_after
        if self.execution_delta is not None:
            return [date - self.execution_delta]
        if self.execution_date_fn is None:
            return [date]
        found = self.execution_date_fn(date, **determine_kwargs(self.execution_date_fn, [date], context))
        return list(found) if isinstance(found, (list, tuple, set)) else [found]

    def _task_ids(self) -> list[str]:
        if self.external_task_id is not None:
            return [self.external_task_id]
        ids = self.external_task_ids
        return [ids] if isinstance(ids, str) else list(ids or ())

    def _named(self) -> str:
        if self.external_task_group_id is not None:
            return f"Task group {self.external_task_group_id!r} of Dag {self.external_dag_id!r}"
        ids = self._task_ids()
        tasks = f"Task{'s' if len(ids) > 1 else ''} {', '.join(map(repr, ids))} of " if ids else ""
        return f"{tasks}Dag {self.external_dag_id!r}"

    # --- checks ---------------------------------------------------------------------------------------------------

    def _check_existence(self) -> None:
        dag = current_runtime().request("dag.get", dag_id=self.external_dag_id)
        if dag is None:
            raise ExternalDagNotFoundError(f"The external Dag {self.external_dag_id!r} does not exist.")
        if dag["is_stale"]:
            raise ExternalDagDeletedError(f"The external Dag {self.external_dag_id!r} is in no file any more.")
        if missing := [task_id for task_id in self._task_ids() if task_id not in dag["task_ids"]]:
            raise ExternalTaskNotFoundError(
                f"The external Dag {self.external_dag_id!r} has no task {', '.join(map(repr, missing))}."
            )
        group = self.external_task_group_id
        if group is not None and group not in dag["groups"]:
            raise ExternalTaskGroupNotFoundError(
                f"The external Dag {self.external_dag_id!r} has no task group {group!r}."
            )

    def _check_arguments(self, where: str) -> None:
        if self.execution_delta is not None and self.execution_date_fn is not None:
            raise ValueError(f"{where}: give execution_delta or execution_date_fn, not both.")
        of_tasks = self.external_task_id is not None, self.external_task_ids is not None
        if all(of_tasks):
            raise ValueError(f"{where}: give external_task_id or external_task_ids, not both.")
        if self.external_task_group_id is not None and any(of_tasks):
            raise ValueError(f"{where}: give external_task_group_id or task ids, not both.")
        ids = self.external_task_ids
        if isinstance(ids, (list, tuple)) and len(set(ids)) < len(ids):
            raise ValueError(f"{where}: external_task_ids names a task twice: {', '.join(map(str, ids))}.")
        states = [*self.allowed_states, *self.skipped_states, *self.failed_states]
        if len(set(states)) < len(states):
            raise DuplicateStateError(
                f"{where}: a state stands twice in allowed_states, skipped_states and failed_states: "
                f"{', '.join(states)}."
            )
        possible = State.task_states if any(of_tasks) or self.external_task_group_id is not None else State.dag_states
        if wrong := [state for state in states if state not in {str(s) for s in possible if s}]:
            kind = "a task" if possible is State.task_states else "a run"
            raise ValueError(f"{where}: {', '.join(map(repr, wrong))} is no state of {kind}.")


class ExternalTaskMarker(EmptyOperator):
    """Says that the task `external_task_id` of another Dag waits for this one: clearing this task and its downstream
    clears that one and its downstream too, in the run of `logical_date`. Markers that this leads to are followed in
    turn, up to `recursion_depth` in a row."""

    template_fields: Collection[str] = ("external_dag_id", "external_task_id", "logical_date")
    ui_color = "#4db7db"
    operator_extra_links: Collection[Any] = (ExternalDagLink(),)
    inherits_from_empty_operator: ClassVar[bool] = True

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str,
        logical_date: str | dt.datetime | None = SAME_DATE,
        execution_date: str | dt.datetime | None = None,
        recursion_depth: int = RECURSION_DEPTH,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        date = execution_date if execution_date is not None else logical_date
        self.external_dag_id, self.external_task_id = external_dag_id, external_task_id
        self.logical_date = date.isoformat() if isinstance(date, dt.datetime) else date
        if recursion_depth <= 0:
            raise ValueError(f"{describe(self.task_id, self._dag)}: recursion_depth must be at least 1.")
        self.recursion_depth = recursion_depth

    @classmethod
    def facts_of(cls, task: Any) -> dict[str, Any]:
        """What a marker, mapped or not, names: fixed fields as text, and the names of those that rendering fills.
        Without a date it is that of the marker's own run."""
        names = ("external_dag_id", "external_task_id", "logical_date")
        if task.is_mapped:
            depth = task.partial_kwargs.get("recursion_depth")
            sound = isinstance(depth, int) and depth > 0
            return {"recursion_depth": depth if sound else RECURSION_DEPTH, "rendered": list(names)}
        values = {name: getattr(task, name) for name in names}
        if values["logical_date"] in (None, SAME_DATE):
            values["logical_date"] = ""
        rendered = [name for name, value in values.items() if name in task.template_fields and not _is_fixed(value)]
        fixed = {name: str(value) for name, value in values.items() if name not in rendered}
        return {**fixed, "recursion_depth": task.recursion_depth, "rendered": rendered}


def _is_fixed(value: Any) -> bool:
    return isinstance(value, str) and not any(sign in value for sign in ("{{", "{%", "{#"))


def _listed(states: Iterable[str] | None) -> list[str]:
    return [str(state) for state in states or ()]
